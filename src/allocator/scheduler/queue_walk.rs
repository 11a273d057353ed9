//! How a pass goes through the jobs of a queue: in order of their ranks, a few at a time.
//!
//! Promises each job once, also while the pass plans starts: a planned start takes no job out of its queue.

use smallvec::SmallVec;

use crate::allocator::state::State;
use crate::allocator::state::place::{JobSlot, Rank};
use crate::quantum::DeviceId;

/// Jobs of a queue that are listed at a time.
const JOBS_LISTED: usize = 16;

/// A walk through one queue.
#[derive(Debug)]
pub struct QueueWalk {
    queue: Option<DeviceId>,
    rank: Option<Rank>,
    /// The next ones, the first at the end.
    listed: SmallVec<[(Rank, JobSlot); JOBS_LISTED]>,
}

impl QueueWalk {
    /// From the head of the queue of a device, or of the global one.
    pub fn of(queue: Option<DeviceId>) -> Self {
        Self { queue, rank: None, listed: SmallVec::new() }
    }

    /// The next job.
    pub fn next(&mut self, state: &State) -> Option<JobSlot> {
        if self.listed.is_empty() {
            let jobs = state.queue_of(self.queue)?.after(self.rank);
            self.listed.extend(jobs.take(JOBS_LISTED));
            self.listed.reverse();
        }
        let (rank, slot) = self.listed.pop()?;
        self.rank = Some(rank);
        Some(slot)
    }
}
