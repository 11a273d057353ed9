//! What became of every job of a run, from the events of the core alone.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::allocator::protocol::{Allocation, AllocationId, Event, FinalState, JobId, JobRequest, Outcome};
use crate::time::{Span, Time};

/// How a job ended, and when.
pub type Ended = (FinalState, Time);

/// How long a job worked, as its device reported it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    pub(super) duration: Span,
    pub(super) outcome: Outcome,
    pub(super) shots_done: u64,
}

/// How a device stopped an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    /// Which attempt.
    pub(super) attempt: u32,
    /// How long it had run when it was to stop.
    pub(super) elapsed: Span,
    /// How long it ran on.
    pub(super) delay: Span,
}

/// One job.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) request: Arc<JobRequest>,
    pub(super) submitted: Time,
    pub(super) first_start: Option<Time>,
    /// Its last allocation.
    pub(super) allocation: Option<Arc<Allocation>>,
    pub(super) ended: Option<Ended>,
    /// Its last attempt that the device ended.
    pub(super) service: Option<Service>,
    /// How long each attempt ran that was interrupted, in order: the job waited again afterwards.
    pub(super) interrupted: SmallVec<[Span; 1]>,
    /// The longest attempt of any kind.
    pub(super) longest: Span,
    /// How its device stopped it.
    pub(super) stops: SmallVec<[Stop; 1]>,
    stop_asked: Option<Time>,
}

/// All jobs.
#[derive(Debug, Default)]
pub(super) struct Courses {
    pub(super) jobs: IndexMap<JobId, Course, FxBuildHasher>,
    /// Jobs of running allocations.
    pub(super) running: IndexMap<AllocationId, JobId, FxBuildHasher>,
    live: usize,
}

impl Courses {
    /// Jobs that have not ended.
    pub(super) fn live(&self) -> usize {
        self.live
    }

    /// The device reports the end of an attempt; before the core is told.
    pub(super) fn served(&mut self, now: Time, id: AllocationId, outcome: Outcome, shots_done: u64) {
        if let Some(course) = self.running.get(&id).and_then(|job| self.jobs.get_mut(job))
            && let Some(allocation) = &course.allocation
        {
            let duration = now.since(allocation.started);
            course.service = Some(Service { duration, outcome, shots_done });
        }
    }

    /// The device has stopped an attempt; before the core is told.
    pub(super) fn stopped(&mut self, now: Time, id: AllocationId) {
        if let Some(course) = self.running.get(&id).and_then(|job| self.jobs.get_mut(job))
            && let (Some(asked), Some(allocation)) = (course.stop_asked, &course.allocation)
        {
            let elapsed = asked.since(allocation.started);
            course.stops.push(Stop { attempt: allocation.attempt, elapsed, delay: now.since(asked) });
        }
    }

    pub(super) fn observe(&mut self, now: Time, event: &Event) {
        match event {
            Event::JobQueued { job, .. } => self.arrived(now, job),
            Event::JobRejected { job, .. } => {
                if !self.jobs.contains_key(&job.id) {
                    self.arrived(now, job);
                }
                self.ended(now, job.id, FinalState::Rejected);
            }
            Event::JobStarted { allocation } => {
                self.running.insert(allocation.id, allocation.job);
                if let Some(course) = self.jobs.get_mut(&allocation.job) {
                    course.first_start.get_or_insert(now);
                    course.allocation = Some(allocation.clone());
                    course.stop_asked = None;
                }
            }
            Event::StopRequested { job, .. } => {
                if let Some(course) = self.jobs.get_mut(job) {
                    course.stop_asked = Some(now);
                }
            }
            Event::JobRequeued { job, allocation, .. } => {
                self.left(now, *allocation);
                if let Some(course) = self.jobs.get_mut(job)
                    && let Some(allocation) = &course.allocation
                {
                    course.interrupted.push(now.since(allocation.started));
                }
            }
            Event::JobFinished { job, allocation, .. } => {
                self.left(now, *allocation);
                self.ended(now, *job, FinalState::Completed);
            }
            Event::JobFailed { job, allocation, .. } => {
                self.left(now, *allocation);
                self.ended(now, *job, FinalState::Failed);
            }
            Event::JobCancelled { job, allocation, .. } => {
                if let Some(allocation) = allocation {
                    self.left(now, *allocation);
                }
                self.ended(now, *job, FinalState::Cancelled);
            }
            Event::JobExpired { job, .. } => self.ended(now, *job, FinalState::Expired),
            _ => {}
        }
    }

    fn arrived(&mut self, now: Time, request: &Arc<JobRequest>) {
        self.live += 1;
        self.jobs.insert(
            request.id,
            Course {
                request: request.clone(),
                submitted: now,
                first_start: None,
                allocation: None,
                ended: None,
                service: None,
                interrupted: SmallVec::new(),
                longest: Span::ZERO,
                stops: SmallVec::new(),
                stop_asked: None,
            },
        );
    }

    fn left(&mut self, now: Time, id: AllocationId) {
        if let Some(job) = self.running.swap_remove(&id)
            && let Some(course) = self.jobs.get_mut(&job)
            && let Some(allocation) = &course.allocation
        {
            course.longest = course.longest.max(now.since(allocation.started));
        }
    }

    fn ended(&mut self, now: Time, job: JobId, state: FinalState) {
        if let Some(course) = self.jobs.get_mut(&job) {
            course.ended = Some((state, now));
            self.live -= 1;
        }
    }

    /// Attempts that still run count with what they have run so far.
    pub(super) fn close(&mut self, now: Time) {
        for id in self.running.keys().copied().collect::<Vec<_>>() {
            self.left(now, id);
        }
    }

    /// Figures over all jobs.
    pub(super) fn side(&self) -> Side {
        let mut side = Side::default();
        let (mut waited, mut cost) = (0.0, 0.0);
        for course in self.jobs.values() {
            if let (Some(start), Some(allocation)) = (course.first_start, &course.allocation) {
                side.started += 1;
                waited += start.since(course.submitted).as_secs_f64();
                cost += allocation.explanation.cost;
            }
            match course.ended {
                Some((FinalState::Completed, _)) => side.completed += 1,
                Some(_) => {}
                None => side.unfinished += 1,
            }
            if let Some((_, at)) = course.ended {
                side.last_end = side.last_end.max(at);
            }
        }
        if side.started > 0 {
            side.mean_wait_s = Some(waited / side.started as f64);
            side.mean_cost = Some(cost / side.started as f64);
        }
        side
    }
}

/// Figures of one of two runs of the same jobs.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Side {
    /// Jobs that were started.
    pub started: u64,
    /// Jobs that were completed.
    pub completed: u64,
    /// Jobs that had not ended.
    pub unfinished: u64,
    /// Mean time from submission to first start, seconds, of jobs that were started.
    pub mean_wait_s: Option<f64>,
    /// Mean cost of the last placement of jobs that were started: minus natural log of its success probability.
    pub mean_cost: Option<f64>,
    /// When the last job ended.
    pub last_end: Time,
}
