//! What a calibration says of a device: coherence times, errors and durations of every element, and when.
//!
//! Promises values in range (errors in 0..=1, times positive) and one entry per element of the coupling map.
//! A calibration may be *published* (what the core knows) or *true* (what the hardware model knows).

use serde::{Deserialize, Serialize};

/// Errors at or above this mean "not calibrated": the element is dead. IBM writes 1.0 for such gates.
pub const DEAD_ERROR: f64 = 0.5;

/// One qubit's figures. Times in seconds, errors as probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QubitCalibration {
    /// Relaxation time T1, seconds; infinite when unknown.
    pub t1_s: f64,
    /// Dephasing time T2 <= 2 T1, seconds; infinite when unknown.
    pub t2_s: f64,
    /// Probability that a measurement answers wrongly (state preparation included where the vendor says SPAM).
    pub readout_error: f64,
    /// Error of a one-qubit gate.
    pub one_qubit_error: f64,
    /// Duration of a one-qubit gate, seconds.
    pub one_qubit_duration_s: f64,
    /// Duration of a measurement, seconds.
    pub readout_duration_s: f64,
    /// Not to be used: not calibrated, faulty, or its readout error is [`DEAD_ERROR`] or more.
    pub dead: bool,
}

impl QubitCalibration {
    /// A qubit of which only the readout error is known: all else is perfect and takes no time.
    pub fn with_readout_error(readout_error: f64) -> Self {
        Self {
            t1_s: f64::INFINITY,
            t2_s: f64::INFINITY,
            readout_error,
            one_qubit_error: 0.0,
            one_qubit_duration_s: 0.0,
            readout_duration_s: 0.0,
            dead: false,
        }
    }
}

/// One coupler's figures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct CouplerCalibration {
    /// Error of a two-qubit gate.
    pub two_qubit_error: f64,
    /// Duration of a two-qubit gate, seconds.
    pub two_qubit_duration_s: f64,
    /// Not to be used: not calibrated, faulty, or its error is [`DEAD_ERROR`] or more.
    pub dead: bool,
}

impl CouplerCalibration {
    /// A coupler of which only the error of its gate is known: the gate takes no time.
    pub fn with_error(two_qubit_error: f64) -> Self {
        Self { two_qubit_error, two_qubit_duration_s: 0.0, dead: false }
    }
}

/// The figures of all elements of one device at one time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// Per qubit, in order of the qubits.
    pub qubits: Vec<QubitCalibration>,
    /// Per coupler, in order of [`super::coupling_map::CouplingMap::couplers`].
    pub couplers: Vec<CouplerCalibration>,
}
