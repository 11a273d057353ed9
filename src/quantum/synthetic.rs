//! Devices that nobody built: noise drawn for every element, from averages or from a real device.
//!
//! Promises the same figures for the same streams, device and element, whatever else is drawn, and values in range
//! (never dead by the tail of a distribution). Leaves coupling maps to [`super::coupling_map`] and [`super::lattice`].

use std::sync::Arc;

use rand::RngExt;

use super::calibration::{Calibration, CouplerCalibration, DEAD_ERROR, QubitCalibration};
use super::coupling_map::CouplingMap;
use super::device::{DeviceSpec, Granularity};
use super::device_file::rounded;
use crate::random::{Stream, StreamFamily};

/// How far the elements of one chip lie apart: standard deviations of the natural logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LogSpread {
    /// Of T1.
    pub t1: f64,
    /// Of T2.
    pub t2: f64,
    /// Of the readout error.
    pub readout_error: f64,
    /// Of the one-qubit error.
    pub one_qubit_error: f64,
    /// Of the two-qubit error.
    pub two_qubit_error: f64,
}

impl LogSpread {
    /// What calibrations of IBM's devices show inside one chip.
    pub const TYPICAL: Self =
        Self { t1: 0.44, t2: 0.78, readout_error: 0.86, one_qubit_error: 0.76, two_qubit_error: 0.59 };
}

/// Average figures of a device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Averages {
    /// Of the qubits.
    pub qubit: QubitCalibration,
    /// Of the couplers.
    pub coupler: CouplerCalibration,
}

impl Averages {
    /// Every element exactly average.
    pub fn uniform(&self, map: &CouplingMap) -> Calibration {
        Calibration {
            qubits: vec![self.qubit; map.qubits()],
            couplers: vec![self.coupler; map.coupler_figures()],
        }
    }

    /// Log-normal figures around the averages: the mean is kept, durations are not spread.
    ///
    /// Errors stay below [`DEAD_ERROR`] and T2 at or below 2 T1. `device` numbers the device in its fleet.
    pub fn sample(
        &self,
        map: &CouplingMap,
        spread: LogSpread,
        streams: &StreamFamily,
        device: u32,
    ) -> Calibration {
        let qubit = |index: usize| {
            let mut stream = qubit_stream(streams, device, index);
            let average = self.qubit;
            let t1_s = log_normal(average.t1_s, spread.t1, &mut stream);
            QubitCalibration {
                t1_s,
                t2_s: log_normal(average.t2_s, spread.t2, &mut stream).min(2.0 * t1_s),
                readout_error: alive(log_normal(average.readout_error, spread.readout_error, &mut stream)),
                one_qubit_error: alive(log_normal(
                    average.one_qubit_error,
                    spread.one_qubit_error,
                    &mut stream,
                )),
                ..average
            }
        };
        let coupler = |index: usize| {
            let mut stream = coupler_stream(streams, device, index);
            let error = log_normal(self.coupler.two_qubit_error, spread.two_qubit_error, &mut stream);
            CouplerCalibration { two_qubit_error: alive(error), ..self.coupler }
        };
        rounded(&Calibration {
            qubits: (0..map.qubits()).map(qubit).collect(),
            couplers: (0..map.coupler_figures()).map(coupler).collect(),
        })
    }
}

/// A device with the coupling map `map` whose elements are drawn, each as a whole, from those of `template`.
///
/// Dead elements are as frequent as there. `device` numbers the device in its fleet; everything but name, map and
/// figures is the template's. Panics never: a template without couplers gives couplers that are dead.
pub fn resample(
    template: &DeviceSpec,
    name: impl Into<String>,
    map: Arc<CouplingMap>,
    streams: &StreamFamily,
    device: u32,
) -> DeviceSpec {
    let known = &template.calibration;
    let qubits = (0..map.qubits())
        .map(|index| known.qubits[qubit_stream(streams, device, index).random_range(0..known.qubits.len())]);
    let unknown = CouplerCalibration { two_qubit_error: 1.0, two_qubit_duration_s: 0.0, dead: true };
    let couplers = (0..map.coupler_figures()).map(|index| match known.couplers.len() {
        0 => unknown,
        choices => known.couplers[coupler_stream(streams, device, index).random_range(0..choices)],
    });
    let calibration = Calibration { qubits: qubits.collect(), couplers: couplers.collect() };
    DeviceSpec {
        name: name.into(),
        granularity: Granularity::Synthetic,
        source: format!("synthetic: elements drawn from those of {}, device {device}", template.name),
        calibrated_at: None,
        coupling_map: map,
        calibration: Arc::new(calibration),
        ..template.clone()
    }
}

fn qubit_stream(streams: &StreamFamily, device: u32, index: usize) -> Stream {
    streams.stream(u64::from(device) << 32 | index as u64, 0)
}

fn coupler_stream(streams: &StreamFamily, device: u32, index: usize) -> Stream {
    streams.stream(u64::from(device) << 32 | index as u64, 1)
}

/// A log-normal draw with the given mean and log standard deviation; infinite (unknown) and zero means stay.
fn log_normal(mean: f64, log_sd: f64, stream: &mut Stream) -> f64 {
    // Box and Muller with libm, for the same bits on every platform; 1 - u is never 0.
    let radius = libm::sqrt(-2.0 * libm::log(1.0 - stream.random::<f64>()));
    let normal = radius * libm::cos(2.0 * std::f64::consts::PI * stream.random::<f64>());
    if mean.is_finite() { mean * libm::exp(log_sd * normal - 0.5 * log_sd * log_sd) } else { mean }
}

/// An error that the tail of a distribution may not turn into a dead element.
fn alive(error: f64) -> f64 {
    error.min(0.98 * DEAD_ERROR)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn averages() -> Averages {
        Averages {
            qubit: QubitCalibration {
                t1_s: 1e-4,
                t2_s: 5e-5,
                readout_error: 0.01,
                one_qubit_error: 3e-4,
                one_qubit_duration_s: 3e-8,
                readout_duration_s: 1e-6,
                dead: false,
            },
            coupler: CouplerCalibration { two_qubit_error: 0.005, two_qubit_duration_s: 8e-8, dead: false },
        }
    }

    #[test]
    fn sampling_keeps_the_mean_and_the_spread() {
        let map = CouplingMap::grid(100, 100).unwrap();
        let streams = StreamFamily::new(3, 0, Purpose::SyntheticDevice);
        let sampled = averages().sample(&map, LogSpread::TYPICAL, &streams, 0);
        let errors: Vec<f64> = sampled.couplers.iter().map(|c| c.two_qubit_error).collect();
        let n = errors.len() as f64;
        let mean = errors.iter().sum::<f64>() / n;
        // Four standard errors of a log-normal mean: sd = mean sqrt(exp(0.59^2) - 1).
        assert!((mean / 0.005 - 1.0).abs() < 4.0 * 0.645 / n.sqrt(), "mean {mean}");
        let logs: Vec<f64> = errors.iter().map(|error| error.ln()).collect();
        let centre = logs.iter().sum::<f64>() / n;
        let sd = (logs.iter().map(|log| (log - centre).powi(2)).sum::<f64>() / n).sqrt();
        assert!((sd - 0.59).abs() < 4.0 * 0.59 / (2.0 * n).sqrt(), "log-sd {sd}");
        assert!(sampled.qubits.iter().all(|q| q.t2_s <= 2.0 * q.t1_s && q.readout_error < DEAD_ERROR));
    }

    #[test]
    fn an_element_does_not_depend_on_the_others() {
        let streams = StreamFamily::new(3, 0, Purpose::SyntheticDevice);
        let sample = |n, device| {
            averages().sample(&CouplingMap::line(n).unwrap(), LogSpread::TYPICAL, &streams, device)
        };
        assert_eq!(sample(5, 0).qubits[..], sample(50, 0).qubits[..5]);
        assert_ne!(sample(5, 0).qubits[0], sample(5, 1).qubits[0]);
    }
}
