//! How a placed program truly fares: the formula of [`crate::quantum::success`] with true values and crosstalk.
//!
//! Promises the same answer for the same truth and the same neighbours, without heap memory. Leaves to the driver
//! who the neighbours are, and for which part of the run.

use crate::quantum::calibration::Calibration;
use crate::quantum::success::{ProgramUse, log_success_with};

/// Natural logarithm of the true success probability; negative infinity when a dead element is used.
///
/// `crosstalk[n]` multiplies the two-qubit error of `program.couplers[n]` (see [`super::crosstalk`]); where the slice
/// is shorter the factor is 1, so that an empty one stands for a job alone on its device.
pub fn true_log_success(truth: &Calibration, program: &ProgramUse<'_>, crosstalk: &[f64]) -> f64 {
    log_success_with(truth, program, |index| {
        crosstalk.get(index).copied().unwrap_or(1.0)
    })
}

/// The true success probability, in 0..=1: the exponential of [`true_log_success`].
pub fn true_success(truth: &Calibration, program: &ProgramUse<'_>, crosstalk: &[f64]) -> f64 {
    libm::exp(true_log_success(truth, program, crosstalk))
}
