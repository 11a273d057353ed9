//! What finished jobs tell of how long jobs take.

use super::State;
use crate::allocator::protocol::{Allocation, AllocationId};
use crate::time::Time;

impl State {
    /// An attempt is about to be over that has done all that it was asked to.
    pub(super) fn learn_run_time(&mut self, now: Time, id: AllocationId) {
        let Some(ended) = self.running.get(&id) else { return };
        let Allocation { device, copies, started, .. } = *ended.allocation;
        let request = self.jobs[ended.slot].request.clone();
        if let Some(device) = self.fleet.get_mut(device) {
            let published = device.published(&request, copies);
            device.reported_times.learn(published, now.since(started));
            self.fleet.reported_times.learn(published, now.since(started));
        }
    }
}
