//! How long a job occupies a device, as far as anybody can tell who does not run it.
//!
//! Overhead, and so much per circuit, per shot (repetition delay and readout) and per layer, with the constants that the device
//! publishes. Promises whole nanoseconds, computed in integers. Leaves how long jobs really take to [`super::hardware`].

use super::device::DeviceSpec;
use crate::time::Span;

/// The constants of one device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublishedTime {
    job: Span,
    circuit: Span,
    shot: Span,
    layer: Span,
}

impl PublishedTime {
    /// Those that a device publishes.
    pub fn of(device: &DeviceSpec) -> Self {
        let speed = &device.speed;
        // All qubits are read out at once: the shot ends with the slowest.
        let readout_s = device
            .calibration
            .qubits
            .iter()
            .filter(|qubit| !qubit.dead && qubit.readout_duration_s.is_finite())
            .map(|qubit| qubit.readout_duration_s)
            .fold(0.0, f64::max);
        Self {
            job: speed.job_overhead,
            circuit: speed.circuit_overhead,
            shot: speed.repetition_delay + Span::from_secs_f64(readout_s),
            layer: speed.layer,
        }
    }

    /// Time on the device of a job of `circuits` circuits with `shots` shots each and `depth` layers on average. Exact; the
    /// largest span when it is longer than that.
    pub fn execution_time(&self, circuits: u32, shots: u64, depth: u32) -> Span {
        let runs = u128::from(circuits) * u128::from(shots);
        // Only the product with `runs` can leave 128 bits.
        let per_run = u128::from(self.shot.0) + u128::from(self.layer.0) * u128::from(depth);
        let total = u128::from(self.job.0)
            .saturating_add(u128::from(self.circuit.0) * u128::from(circuits))
            .saturating_add(runs.saturating_mul(per_run));
        Span(u64::try_from(total).unwrap_or(u64::MAX))
    }
}
