//! Who waits for which jobs to end.
//!
//! Promises that the end of a job costs as much as those are many who wait for it, however long chains are. Leaves what becomes
//! of them to [`crate::allocator::lifecycle`].

use std::collections::BTreeSet;

use crate::allocator::protocol::{JobId, JobRequest};

/// Pairs of a live job and one that waits for its end.
#[derive(Debug, Clone, Default)]
pub(super) struct Dependants {
    pairs: BTreeSet<(JobId, JobId)>,
}

impl Dependants {
    /// A job waits for the end of others.
    pub fn add(&mut self, job: JobId, others: impl IntoIterator<Item = JobId>) {
        self.pairs.extend(others.into_iter().map(|other| (other, job)));
    }

    /// A job waits no longer.
    pub fn forget(&mut self, request: &JobRequest) {
        for other in request.dependencies() {
            self.pairs.remove(&(other, request.id));
        }
    }

    /// Takes out those who wait for a job.
    pub fn take(&mut self, of: JobId) -> Vec<JobId> {
        let waiting: Vec<JobId> =
            self.pairs.range((of, JobId(0))..=(of, JobId(u64::MAX))).map(|(_, job)| *job).collect();
        for job in &waiting {
            self.pairs.remove(&(of, *job));
        }
        waiting
    }
}
