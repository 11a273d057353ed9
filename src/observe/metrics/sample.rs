//! One point of the timeline. Leaves taking it to the file `timeline`.

use serde::Serialize;

use crate::quantum::DeviceId;
use crate::time::Time;

/// The state of a device or of the fleet at one instant, and its utilization since the sample before.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct TimelineSample {
    /// When.
    pub time: Time,
    /// Which device; `None` for the fleet.
    pub device: Option<DeviceId>,
    /// Qubit utilization since the last sample; `None` when nothing was in service or no time has passed.
    pub utilization: Option<f64>,
    /// Effective utilization since the last sample.
    pub effective_utilization: Option<f64>,
    /// Qubits in service.
    pub qubits: u64,
    /// Qubits held by running jobs.
    pub held: u64,
    /// Qubits blocked as buffers or guards, and not held.
    pub blocked: u64,
    /// Qubits on which a job could start if the device is online: alive, online, neither held nor blocked.
    pub free: u64,
    /// Size of the largest connected free region; for the fleet, of the largest on any device.
    pub largest_region: u64,
    /// 1 - largest region / free qubits; 0 when nothing is free. For the fleet: the mean over devices in service,
    /// weighted by their qubits in service, all-to-all devices left out; `None` when none is left.
    pub fragmentation: Option<f64>,
    /// Jobs waiting: in the queue of the device, or in all queues.
    pub queue_length: u64,
    /// Allocations that hold qubits.
    pub running: u64,
    /// Isolation violations found so far.
    pub isolation_violations: u64,
}
