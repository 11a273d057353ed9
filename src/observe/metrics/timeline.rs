//! Samples over time, per device and for the fleet, for the timeline and its plots.

use serde::Serialize;

use super::Metrics;
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

fn ratio(part: u128, whole: u128) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

impl Metrics {
    /// The samples at `now`: every device in order of registration, then the fleet. The next call overwrites them.
    pub fn sample(&mut self, now: Time) -> &[TimelineSample] {
        self.settle(now);
        self.samples.clear();
        let mut fleet = TimelineSample {
            time: self.now,
            device: None,
            utilization: None,
            effective_utilization: None,
            qubits: 0,
            held: 0,
            blocked: 0,
            free: 0,
            largest_region: 0,
            fragmentation: None,
            queue_length: self.waiting.value(),
            running: self.running.value(),
            isolation_violations: 0,
        };
        let (mut held, mut effective, mut qubits) = (0, 0, 0);
        let (mut weighted, mut weight) = (0.0, 0.0);
        for (device, meter) in &mut self.devices {
            let (free, largest_region) = meter.measure_regions();
            let passed = meter.totals.since(&meter.mark);
            meter.mark = meter.totals;
            let rates = &meter.rates;
            let in_service = rates.service > 0;
            let fragmentation = ratio((free - largest_region).into(), free.into()).unwrap_or(0.0);
            let sample = TimelineSample {
                time: self.now,
                device: Some(*device),
                utilization: ratio(passed.held, passed.qubits),
                effective_utilization: ratio(passed.effective, passed.qubits),
                qubits: rates.qubits,
                held: rates.held,
                blocked: rates.lost,
                free,
                largest_region,
                fragmentation: in_service.then_some(fragmentation),
                queue_length: meter.waiting,
                running: rates.active,
                isolation_violations: meter.isolation_violations,
            };
            held += passed.held;
            effective += passed.effective;
            qubits += passed.qubits;
            if in_service && !meter.map.is_complete() {
                weighted += fragmentation * rates.qubits as f64;
                weight += rates.qubits as f64;
            }
            fleet.qubits += sample.qubits;
            fleet.held += sample.held;
            fleet.blocked += sample.blocked;
            fleet.free += free;
            fleet.largest_region = fleet.largest_region.max(largest_region);
            fleet.isolation_violations += sample.isolation_violations;
            self.samples.push(sample);
        }
        fleet.utilization = ratio(held, qubits);
        fleet.effective_utilization = ratio(effective, qubits);
        fleet.fragmentation = (weight > 0.0).then(|| weighted / weight);
        self.samples.push(fleet);
        &self.samples
    }
}
