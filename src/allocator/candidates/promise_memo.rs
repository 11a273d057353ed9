//! What is remembered of promises to be quicker: nothing that would not be found out again.

use std::collections::BTreeMap;

use crate::allocator::protocol::JobId;
use crate::allocator::state::State;
use crate::allocator::state::fleet::Device;
use crate::quantum::DeviceId;

/// What is known of the promises of jobs that wait, to be quicker: what is remembered would be found out again.
#[derive(Debug, Default)]
pub struct PromiseMemo {
    jobs: BTreeMap<JobId, KnownOfPromise>,
}

/// What is known of one.
#[derive(Debug, Default, Clone)]
pub struct KnownOfPromise {
    /// The fleet's counts of changes and of epochs when all devices were asked last for something better.
    pub asked: Option<(u64, u64)>,
    /// The device as of which it keeps no more from others than it must.
    pub(super) tidy: Option<(DeviceId, u64, u64)>,
    /// The device and its revision, by which its qubits still hold the job.
    pub(super) holds: Option<(DeviceId, u64)>,
}

/// As of what a device is known to be left to others.
pub(super) fn tidy_as_of(device: &Device) -> (DeviceId, u64, u64) {
    (device.id, device.calendar.changes(), device.epoch.revision)
}

impl PromiseMemo {
    /// What is known of a promise.
    pub fn of(&mut self, job: JobId) -> &mut KnownOfPromise {
        self.jobs.entry(job).or_default()
    }

    /// Whether it is known that the job keeps no more from others than it must on the device that is promised to it.
    pub fn is_tidy(&self, state: &State, job: JobId, device: DeviceId) -> bool {
        let known = self.jobs.get(&job).and_then(|known| known.tidy);
        known.is_some() && known == state.fleet().get(device).map(tidy_as_of)
    }

    /// The job has no promise any more.
    pub fn forget(&mut self, job: JobId) {
        self.jobs.remove(&job);
    }

    /// Nothing is known of anybody.
    pub fn clear(&mut self) {
        self.jobs.clear();
    }
}
