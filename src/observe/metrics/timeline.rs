//! Samples over time, per device and for the fleet, for the timeline and its plots.

use super::Metrics;
use super::sample::TimelineSample;
use crate::time::Time;

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
