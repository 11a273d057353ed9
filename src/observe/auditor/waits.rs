//! For what jobs waited, by the core's word, against when they came, started and were held.
//!
//! Promises books of its own: every wait is told once and adds up to the nanosecond, and time under a hold, or
//! before others have ended, is put down to that.
//! Whether anything else was the cause is the core's to say.

use std::collections::BTreeMap;

use super::device::Breaches;
use super::violation::Breach;
use crate::allocator::protocol::{Event, JobId, WaitCause, Waited};
use crate::time::{Span, Time};

/// A wait under way.
#[derive(Debug, Clone)]
struct Wait {
    since: Time,
    /// Until when it was counted what it was for.
    counted: Time,
    held: bool,
    /// It has others to wait for.
    dependent: bool,
    /// Held, dependent or not.
    under_hold: Span,
    /// Dependent, and not held.
    under_dependency: Span,
    /// It was told, at this instant.
    told: Option<Time>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits {
    jobs: BTreeMap<JobId, Wait>,
}

impl Waits {
    /// Follows an event; answers what is wrong with it. `depends`: whether a job has others to wait for.
    pub(super) fn observe(&mut self, now: Time, event: &Event, depends: impl Fn(JobId) -> bool) -> Breaches {
        let mut found = Breaches::new();
        match event {
            Event::JobQueued { job, .. } => self.begin(job.id, now, depends(job.id)),
            Event::JobRequeued { job, .. } => self.begin(*job, now, false),
            Event::JobHeld { job } => self.change(*job, now, |wait| wait.held = true),
            Event::JobReleased { job } => self.change(*job, now, |wait| wait.held = false),
            Event::JobReady { job, .. } => self.change(*job, now, |wait| wait.dependent = false),
            Event::JobWaited { job, waited } => self.told(*job, waited, now, &mut found),
            Event::JobStarted { allocation } => self.end(allocation.job, now, &mut found),
            Event::JobCancelled { job, allocation: None, .. } | Event::JobExpired { job, .. } => {
                self.end(*job, now, &mut found);
            }
            Event::JobRejected { job, .. } => self.end(job.id, now, &mut found),
            // Given up while it waits again: its wait has just begun.
            Event::JobFailed { job, .. } => {
                self.jobs.remove(job);
            }
            _ => {}
        }
        found
    }

    fn begin(&mut self, job: JobId, now: Time, dependent: bool) {
        let (under_hold, under_dependency) = (Span::ZERO, Span::ZERO);
        let wait = Wait {
            since: now,
            counted: now,
            held: false,
            dependent,
            under_hold,
            under_dependency,
            told: None,
        };
        self.jobs.insert(job, wait);
    }

    fn change(&mut self, job: JobId, now: Time, change: impl FnOnce(&mut Wait)) {
        if let Some(wait) = self.jobs.get_mut(&job) {
            wait.count(now);
            change(wait);
        }
    }

    fn told(&mut self, job: JobId, waited: &Waited, now: Time, found: &mut Breaches) {
        let Some(wait) = self.jobs.get_mut(&job).filter(|wait| wait.told.is_none()) else {
            return found.push(Breach::WaitUntold { job });
        };
        wait.told = Some(now);
        let (waits, of_all) = (now.since(wait.since), waited.total());
        if of_all != waits || !waited.is_proper() {
            found.push(Breach::WaitNotExplained { job, waits, of_all });
        }
        wait.count(now);
        // A core that was made anew from events does not know what was before.
        if waited.of(WaitCause::Unrecorded) > Span::ZERO {
            return;
        }
        let seen = [(WaitCause::Held, wait.under_hold), (WaitCause::Dependency, wait.under_dependency)];
        for (cause, waits) in seen {
            let of_all = waited.of(cause);
            if of_all != waits {
                found.push(Breach::WaitNotExplained { job, waits, of_all });
            }
        }
    }

    fn end(&mut self, job: JobId, now: Time, found: &mut Breaches) {
        let Some(wait) = self.jobs.remove(&job) else { return };
        if now > wait.since && wait.told != Some(now) {
            found.push(Breach::WaitUntold { job });
        }
    }
}

impl Wait {
    /// Counts what it was for until now.
    fn count(&mut self, now: Time) {
        let span = now.since(self.counted);
        match (self.held, self.dependent) {
            (true, _) => self.under_hold = Span(self.under_hold.0 + span.0),
            (false, true) => self.under_dependency = Span(self.under_dependency.0 + span.0),
            (false, false) => {}
        }
        self.counted = now;
    }
}
