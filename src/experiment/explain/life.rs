//! What happened to one job, in order, with what kept it while it waited.
//!
//! Promises stretches of waiting that are those of the core's own books. Leaves names and words to the report.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::allocator::Allocator;
use crate::allocator::explain::{Obstacle, WaitReason};
use crate::allocator::protocol::{
    Allocation, Event, FailureReason, JobId, JobRequest, PromiseCause, Rejection, RequeueReason,
    StartPromise, StopReason, WaitCause, Waited,
};
use crate::quantum::DeviceId;
use crate::simulator::simulation::Watch;
use crate::time::{Span, Time};

/// Something that happened to a job.
#[derive(Debug, Clone)]
pub struct Chapter {
    /// When it happened, or began.
    pub at: Time,
    /// What.
    pub what: What,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum What {
    /// It came.
    Came(Arc<JobRequest>),
    /// It was refused.
    Rejected(Rejection),
    /// It waits in the queue of a device; `None`: in the global one.
    Queued(Option<DeviceId>),
    /// For this it waited, until then (`None`: until the run ended).
    Waits {
        /// The cause that the core puts the time down to.
        cause: WaitCause,
        /// Until when.
        until: Option<Time>,
        /// What kept it at first, in full; `None` where the pass saw something else than was found afterwards.
        why: Option<WaitReason>,
        /// What keeps it from how many devices at first, of those that might take it.
        devices: Vec<(Obstacle, u32)>,
    },
    /// It was promised a start, or another one, or nothing any more.
    Promised(Option<Box<StartPromise>>, Option<PromiseCause>),
    /// It was held.
    Held,
    /// It was released.
    Released,
    /// A wait ended.
    Waited(Waited),
    /// An attempt started.
    Started(Arc<Allocation>),
    /// Its attempt was asked to stop.
    StopRequested(StopReason),
    /// Its attempt was lost; it waits again.
    Requeued(RequeueReason),
    /// It is done, with so many shots in the last attempt.
    Finished(u64),
    /// It failed.
    Failed(FailureReason),
    /// Those have ended that it depended on.
    Ready,
    /// Its owner cancelled it or, where one is named, that job has not completed, on whose success it depended.
    Cancelled(Option<JobId>),
    /// It waited longer than it wanted to.
    Expired(Span),
}

/// The life of a job.
#[derive(Debug, Clone)]
pub struct Life {
    job: JobId,
    /// What happened, in order.
    pub chapters: Vec<Chapter>,
    /// When the core was asked last: the end of the run, for a job that has not ended.
    pub seen: Time,
    /// For what it has waited since its last wait began, where it still waits.
    pub so_far: Option<Waited>,
    ended: bool,
}

impl Life {
    pub(super) fn of(job: JobId) -> Self {
        Self { job, chapters: Vec::new(), seen: Time::ZERO, so_far: None, ended: false }
    }

    /// Whose life it is.
    pub fn job(&self) -> JobId {
        self.job
    }

    /// When it came.
    pub fn came(&self) -> Option<Time> {
        self.chapters.first().map(|chapter| chapter.at)
    }

    /// What it asked for.
    pub fn request(&self) -> Option<&Arc<JobRequest>> {
        self.chapters.iter().find_map(|chapter| match &chapter.what {
            What::Came(request) => Some(request),
            _ => None,
        })
    }

    /// When it started first.
    pub fn first_start(&self) -> Option<Time> {
        self.chapters
            .iter()
            .find(|chapter| matches!(chapter.what, What::Started(_)))
            .map(|chapter| chapter.at)
    }

    /// Whether it had ended when the run did.
    pub fn has_ended(&self) -> bool {
        self.ended
    }

    /// For what it waited before its first start, or at all: from the core's books.
    pub fn first_wait(&self) -> Option<&Waited> {
        for chapter in &self.chapters {
            match &chapter.what {
                What::Waited(waited) => return Some(waited),
                // At once.
                What::Started(_) => return None,
                _ => {}
            }
        }
        self.so_far.as_ref()
    }

    fn note(&mut self, at: Time, what: What) {
        self.chapters.push(Chapter { at, what });
    }

    fn follow(&mut self, now: Time, event: &Event) {
        let own = self.job;
        match event {
            Event::JobQueued { job, device, .. } if job.id == own => {
                self.note(now, What::Came(job.clone()));
                self.note(now, What::Queued(*device));
            }
            Event::JobRejected { job, reason } if job.id == own => {
                if self.chapters.is_empty() {
                    self.note(now, What::Came(job.clone()));
                }
                self.end(now, What::Rejected(*reason));
            }
            Event::JobTransferred { job, device } if *job == own => self.note(now, What::Queued(*device)),
            Event::JobReady { job, device } if *job == own => {
                self.note(now, What::Ready);
                self.note(now, What::Queued(*device));
            }
            Event::JobHeld { job } if *job == own => self.note(now, What::Held),
            Event::JobReleased { job } if *job == own => self.note(now, What::Released),
            Event::StartPromised { job, promise } if *job == own => {
                self.note(now, What::Promised(Some(promise.clone()), None));
            }
            Event::PromiseMoved { job, promise, cause } if *job == own => {
                self.note(now, What::Promised(promise.clone(), Some(*cause)));
            }
            Event::JobWaited { job, waited } if *job == own => {
                self.close(now);
                self.note(now, What::Waited(waited.clone()));
            }
            Event::JobStarted { allocation } if allocation.job == own => {
                self.close(now);
                self.note(now, What::Started(allocation.clone()));
            }
            Event::StopRequested { job, reason, .. } if *job == own => {
                self.note(now, What::StopRequested(*reason));
            }
            Event::JobRequeued { job, reason, device, .. } if *job == own => {
                self.note(now, What::Requeued(*reason));
                self.note(now, What::Queued(*device));
            }
            Event::JobFinished { job, shots_done, .. } if *job == own => {
                self.end(now, What::Finished(*shots_done));
            }
            Event::JobFailed { job, reason, .. } if *job == own => self.end(now, What::Failed(*reason)),
            Event::JobCancelled { job, because_of, .. } if *job == own => {
                self.end(now, What::Cancelled(*because_of));
            }
            Event::JobExpired { job, waited } if *job == own => self.end(now, What::Expired(*waited)),
            _ => {}
        }
    }

    fn end(&mut self, now: Time, what: What) {
        self.close(now);
        self.note(now, what);
        (self.ended, self.so_far) = (true, None);
    }

    /// The stretch of waiting that is still open ends.
    fn close(&mut self, now: Time) {
        let open =
            self.chapters.iter().rposition(|chapter| matches!(chapter.what, What::Waits { until: None, .. }));
        let Some(index) = open else { return };
        let Chapter { at, what: What::Waits { until, .. } } = &mut self.chapters[index] else { return };
        *until = Some(now);
        if *at == now {
            self.chapters.remove(index);
        }
    }

    /// What the job waits for now.
    fn look(&mut self, now: Time, core: &mut Allocator) {
        self.so_far = core.waited(self.job, now);
        let Some(cause) = core.waits_for(self.job) else { return };
        let last = self.chapters.iter().rev().find_map(|chapter| match chapter.what {
            What::Waits { cause, until: None, .. } => Some(cause),
            _ => None,
        });
        if last == Some(cause) {
            return;
        }
        self.close(now);
        let why = core.why_waiting(self.job).filter(|why| why.cause() == cause);
        let mut devices: BTreeMap<WaitCause, (Obstacle, u32)> = BTreeMap::new();
        for (_, obstacle) in core.obstacles(self.job) {
            let (nearest, count) = devices.entry(obstacle.cause()).or_insert((obstacle, 0));
            *count += 1;
            if obstacle.is_before(*nearest) {
                *nearest = obstacle;
            }
        }
        let devices = devices.into_values().collect();
        self.note(now, What::Waits { cause, until: None, why, devices });
    }
}

impl Watch for Life {
    fn after(&mut self, now: Time, core: &mut Allocator, events: &[Event]) -> ControlFlow<()> {
        self.seen = now;
        for event in events {
            self.follow(now, event);
        }
        if !self.ended && !self.chapters.is_empty() {
            self.look(now, core);
        }
        ControlFlow::Continue(())
    }

    fn end(&mut self, now: Time, core: &mut Allocator) {
        self.seen = now;
        self.so_far = core.waited(self.job, now);
    }
}
