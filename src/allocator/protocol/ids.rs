//! Numbers and states that everybody names: jobs, allocations, epochs, statuses.

use serde::{Deserialize, Serialize};

use crate::quantum::{CouplerId, DeviceId, PhysicalQubit};

/// Most jobs of one array.
pub const ARRAY_MAX: u32 = 10_000;

/// A job, numbered by the driver. A repeated submission is recognised by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobId(pub u64);

/// Who a job belongs to; numbers given by the driver. 0: it names nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct Tenant {
    /// The person.
    pub user: u32,
    /// The group of the person.
    pub group: u32,
    /// The project that pays.
    pub project: u32,
}

/// One grant of qubits to one attempt of a job; numbered by the core, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllocationId(pub u64);

/// Rises with every allocation of a device. A driver refuses work that carries a lower one than it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// Which published calibration of a device a decision rests on; 1 at registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochNumber(pub u32);

/// A device or one of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// The whole device.
    Device(DeviceId),
    /// One qubit.
    Qubit(DeviceId, PhysicalQubit),
    /// One coupler.
    Coupler(DeviceId, CouplerId),
}

impl Target {
    /// The device that this is, or is part of.
    pub fn device(self) -> DeviceId {
        match self {
            Self::Device(device) | Self::Qubit(device, _) | Self::Coupler(device, _) => device,
        }
    }
}

/// Whether a device or element may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// In service.
    Online,
    /// Running jobs may end, no job may start.
    Draining,
    /// Under calibration: no job runs or starts. Needs a device without running jobs.
    Calibrating,
    /// Suspected faulty: running jobs may end, no job may start.
    Quarantined,
    /// Out of service: its running jobs are lost and requeued.
    Offline,
}

/// Why a status changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StatusReason {
    /// Somebody decided it.
    Operator,
    /// A failure.
    Fault,
    /// The end of a failure.
    Repair,
    /// A calibration is due, runs, or ended.
    Calibration,
    /// The device joins or leaves the fleet.
    Membership,
}

/// What waiting jobs are ordered by; lower is earlier, equal ones in order of submission. All have the same where nothing
/// but the order of submission counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OrderKey(pub i128);

impl OrderKey {
    /// Behind all others.
    pub const LAST: Self = Self(i128::MAX);

    /// Whether it is that of all jobs where nothing but the order of submission counts.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum JobState {
    /// In a queue.
    Queued,
    /// In no queue yet: other jobs must end first.
    Dependent,
    /// Not to be started until released.
    Held,
    /// Its current attempt holds qubits.
    Running,
    /// Asked to stop; still holds its qubits.
    Stopping,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum FinalState {
    /// All shots done.
    Completed,
    /// Ended with an error.
    Failed,
    /// Cancelled by its owner, or for a job whose success it needed.
    Cancelled,
    /// Never admitted.
    Rejected,
    /// Waited longer than it wanted to.
    Expired,
}
