//! Figures in the precision in which a device file has them.
//!
//! Promises that what is rounded is written and read back to the same bits. Leaves writing to
//! [`super::write`].

use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use crate::time::Span;

/// The calibration in the precision of a file: four significant digits, whole nanoseconds. Measurement noise is
/// far above that (a device publishes 1 % at best).
pub(crate) fn rounded(calibration: &Calibration) -> Calibration {
    let qubit = |q: &QubitCalibration| {
        let t1_s = time(q.t1_s);
        let longest_s = if t1_s.is_finite() { (Span::from_secs_f64(t1_s) * 2).as_secs_f64() } else { t1_s };
        QubitCalibration {
            t1_s,
            t2_s: time(q.t2_s).min(longest_s),
            readout_error: significant(q.readout_error),
            one_qubit_error: significant(q.one_qubit_error),
            one_qubit_duration_s: time(q.one_qubit_duration_s),
            readout_duration_s: time(q.readout_duration_s),
            dead: q.dead,
        }
    };
    let coupler = |c: &CouplerCalibration| CouplerCalibration {
        two_qubit_error: significant(c.two_qubit_error),
        two_qubit_duration_s: time(c.two_qubit_duration_s),
        dead: c.dead,
    };
    Calibration {
        qubits: calibration.qubits.iter().map(qubit).collect(),
        couplers: calibration.couplers.iter().map(coupler).collect(),
    }
}

fn significant(value: f64) -> f64 {
    // Through text: the nearest number with four digits, without the rounding error of a scaling.
    format!("{value:.3e}").parse().unwrap_or(value)
}

fn time(seconds: f64) -> f64 {
    if seconds.is_finite() { Span::from_secs_f64(significant(seconds)).as_secs_f64() } else { seconds }
}
