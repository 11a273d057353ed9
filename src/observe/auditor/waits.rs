//! For what jobs waited, by the core's word, against when they came, started and were held.
//!
//! Promises books of its own: every wait is told once and adds up to the nanosecond, and time under a hold is put down to it.
//! Whether anything else was the cause is the core's to say.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::device::Breaches;
use super::violation::Breach;
use crate::allocator::protocol::{Event, JobId, WaitCause, Waited};
use crate::time::{Span, Time};

/// A wait under way.
#[derive(Debug, Clone)]
struct Wait {
    since: Time,
    held_since: Option<Time>,
    held: Span,
    /// It was told, at this instant.
    told: Option<Time>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Waits {
    jobs: BTreeMap<JobId, Wait>,
}

impl Waits {
    /// Follows an event; answers what is wrong with it.
    pub(super) fn observe(&mut self, now: Time, event: &Event) -> Breaches {
        let mut found = Breaches::new();
        match event {
            Event::JobQueued { job, .. } => self.begin(job.id, now),
            Event::JobRequeued { job, .. } => self.begin(*job, now),
            Event::JobHeld { job } => {
                if let Some(wait) = self.jobs.get_mut(job) {
                    wait.held_since.get_or_insert(now);
                }
            }
            Event::JobReleased { job } => {
                if let Some(wait) = self.jobs.get_mut(job) {
                    wait.release(now);
                }
            }
            Event::JobWaited { job, waited } => self.told(*job, waited, now, &mut found),
            Event::JobStarted { allocation } => self.end(allocation.job, now, &mut found),
            Event::JobCancelled { job, allocation: None } | Event::JobExpired { job, .. } => {
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

    fn begin(&mut self, job: JobId, now: Time) {
        self.jobs.insert(job, Wait { since: now, held_since: None, held: Span::ZERO, told: None });
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
        let is_held = wait.held_since.is_some();
        wait.release(now);
        let told: SmallVec<[WaitCause; 4]> = waited.iter().map(|(cause, _)| cause).collect();
        // A core that was made anew from events knows of no hold before.
        let whole = !told.contains(&WaitCause::Unrecorded);
        if whole && waited.of(WaitCause::Held) != wait.held {
            found.push(Breach::WaitNotExplained {
                job,
                waits: wait.held,
                of_all: waited.of(WaitCause::Held),
            });
        }
        if is_held {
            wait.held_since = Some(now);
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
    fn release(&mut self, now: Time) {
        if let Some(since) = self.held_since.take() {
            self.held = Span(self.held.0 + now.since(since).0);
        }
    }
}
