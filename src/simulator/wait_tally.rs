//! For what the jobs of a run waited: sums over its templates and tenants.
//!
//! Promises that the sums of each kind of row are those of all measured jobs: the wait before the first start or, of jobs that
//! never started, before their end or that of the run. Leaves the causes to the core.

use std::collections::BTreeMap;

use super::job_book::Planned;
use crate::allocator::protocol::{Tenant, WaitCause, Waited};

/// How long some jobs waited for what, together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct CauseSums {
    /// How many jobs.
    pub jobs: u64,
    nanoseconds: [u128; WaitCause::COUNT],
}

impl CauseSums {
    /// One more job.
    fn add(&mut self, waited: &Waited) {
        self.jobs += 1;
        for (cause, span) in waited.iter() {
            self.nanoseconds[cause.index()] += u128::from(span.0);
        }
    }

    /// Those of other jobs as well.
    pub fn add_all(&mut self, other: &Self) {
        self.jobs += other.jobs;
        self.nanoseconds.iter_mut().zip(other.nanoseconds).for_each(|(own, more)| *own += more);
    }

    /// Nanoseconds for one cause.
    pub fn of(&self, cause: WaitCause) -> u128 {
        self.nanoseconds[cause.index()]
    }

    /// Nanoseconds for all of them.
    pub fn total(&self) -> u128 {
        self.nanoseconds.iter().sum()
    }
}

/// The sums.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct WaitTally {
    /// Of each template, by the indices of its source and of itself.
    pub by_template: BTreeMap<(u32, u32), CauseSums>,
    /// Of each tenant.
    pub by_tenant: BTreeMap<Tenant, CauseSums>,
}

impl WaitTally {
    /// A job has ended, or the run has; jobs of the warm-up do not count.
    pub(super) fn add(&mut self, job: &Planned) {
        if job.measured {
            self.by_template.entry((job.source, job.template)).or_default().add(&job.waited);
            self.by_tenant.entry(job.request.tenant).or_default().add(&job.waited);
        }
    }

    /// Of all measured jobs.
    pub fn all(&self) -> CauseSums {
        let mut all = CauseSums::default();
        self.by_template.values().for_each(|sums| all.add_all(sums));
        all
    }
}
