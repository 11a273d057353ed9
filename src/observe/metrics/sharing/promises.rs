//! What became of promised starts: how many were given, moved for which cause, and missed.
//!
//! A promise is *missed* when time goes on beyond its instant while its job still waits for it: neither started, nor told of
//! another promise, nor held, moved to another queue or ended, and no other configuration in force.

use std::collections::{BTreeMap, BTreeSet};

use crate::allocator::protocol::{JobId, PromiseCause, StartPromise};
use crate::time::Time;

/// The causes, in the order of their metrics.
pub(in crate::observe::metrics) const CAUSES: [PromiseCause; 8] = [
    PromiseCause::Earlier,
    PromiseCause::DeviceLost,
    PromiseCause::ElementLost,
    PromiseCause::Recalibrated,
    PromiseCause::Overrun,
    PromiseCause::OrderChanged,
    PromiseCause::QuotaReached,
    PromiseCause::NotFoundAgain,
];

/// All promises that are to be kept, and counts of the others.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises {
    open: BTreeMap<JobId, Option<Time>>,
    due: BTreeSet<(Time, JobId)>,
    pub(super) given: u64,
    pub(super) moved: [u64; CAUSES.len()],
    pub(super) missed: u64,
}

impl Promises {
    pub(super) fn given(&mut self, job: JobId, promise: &StartPromise) {
        self.given += 1;
        self.set(job, promise);
    }

    fn set(&mut self, job: JobId, promise: &StartPromise) {
        self.end(job);
        self.open.insert(job, promise.not_later_than);
        self.due.extend(promise.not_later_than.map(|at| (at, job)));
    }

    pub(super) fn moved(&mut self, job: JobId, promise: Option<&StartPromise>, cause: PromiseCause) {
        if let Some(index) = CAUSES.iter().position(|known| *known == cause) {
            self.moved[index] += 1;
        }
        match promise {
            Some(promise) => self.set(job, promise),
            None => self.end(job),
        }
    }

    pub(super) fn end(&mut self, job: JobId) {
        if let Some(at) = self.open.remove(&job).flatten() {
            self.due.remove(&(at, job));
        }
    }

    pub(super) fn clear(&mut self) {
        self.open.clear();
        self.due.clear();
    }

    /// Time goes on to `now`: what was due before is missed.
    pub(super) fn advance(&mut self, now: Time) {
        while self.due.first().is_some_and(|(at, _)| *at < now) {
            self.due.pop_first();
            self.missed += 1;
        }
    }

    /// Counts from here on.
    pub(super) fn restart(&mut self) {
        (self.given, self.moved, self.missed) = (0, [0; CAUSES.len()], 0);
    }
}
