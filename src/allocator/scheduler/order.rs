//! The order in which a pass looks at the jobs of a queue: first in, first out, a few at a time.
//!
//! Promises each job once, also while the pass plans starts: a planned start takes no job out of its queue.

use smallvec::SmallVec;

use crate::allocator::state::State;
use crate::allocator::state::place::JobSlot;
use crate::allocator::state::place::Place;
use crate::quantum::DeviceId;

/// Jobs of a queue that are listed at a time.
const JOBS_LISTED: usize = 16;

/// A walk through one queue.
#[derive(Debug)]
pub struct Order {
    queue: Option<DeviceId>,
    place: Option<Place>,
    /// The next ones, the first at the end.
    listed: SmallVec<[(Place, JobSlot); JOBS_LISTED]>,
}

impl Order {
    /// From the head of the queue of a device, or of the global one.
    pub fn of(queue: Option<DeviceId>) -> Self {
        Self { queue, place: None, listed: SmallVec::new() }
    }

    /// The next job.
    pub fn next(&mut self, state: &State) -> Option<JobSlot> {
        if self.listed.is_empty() {
            let jobs = state.queue_of(self.queue)?.after(self.place);
            self.listed.extend(jobs.take(JOBS_LISTED));
            self.listed.reverse();
        }
        let (place, slot) = self.listed.pop()?;
        self.place = Some(place);
        Some(slot)
    }
}
