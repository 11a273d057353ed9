//! Estimated success probability of a placed program: a pure function of a calibration and of counts.
//!
//! Promises one formula for both sides: with the published calibration it predicts, with the true one it decides
//! ([`super::hardware::truth`]). Leaves layouts, routing and the choice of a region to the core.

use super::calibration::{Calibration, QubitCalibration};
use super::{CouplerId, PhysicalQubit};

/// A two-qubit error beyond this cannot get worse: the average error of a gate that forgets its input entirely,
/// 1 - 1/4.
pub const WORST_TWO_QUBIT_ERROR: f64 = 0.75;

/// How often a program uses one coupler.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CouplerUse {
    /// The coupler.
    pub coupler: CouplerId,
    /// Number of two-qubit gates; need not be whole, for estimates of routed programs.
    pub gates: f64,
}

/// What a program does with one qubit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QubitUse {
    /// The qubit.
    pub qubit: PhysicalQubit,
    /// Number of one-qubit gates.
    pub one_qubit_gates: f64,
    /// Number of two-qubit gates that this qubit takes part in, a layer each; decides only how long it is idle.
    pub two_qubit_gates: f64,
    /// Whether it is measured at the end.
    pub measured: bool,
}

/// A program as placed on a device: which elements it uses how often, and for how long.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProgramUse<'a> {
    /// The couplers in use, each once.
    pub couplers: &'a [CouplerUse],
    /// The qubits in use, each once.
    pub qubits: &'a [QubitUse],
    /// Layers from the first gate to the readout. 0 leaves out the decay of idle qubits.
    pub layers: f64,
    /// How long a layer is, seconds: [`layer_s`] of the device's published figures, for prediction and truth alike.
    pub layer_s: f64,
}

/// Natural logarithm of the estimated success probability; negative infinity when a dead element is used.
///
/// The probability that nothing goes wrong, events taken as independent (Nishio et al., `arXiv:1903.10963`):
/// the product of
/// - (1 - two-qubit error)^gates over couplers,
/// - (1 - one-qubit error)^gates and, if measured, (1 - readout error) over qubits,
/// - exp(-idle (1/T1 + 1/T2) / 2) over qubits, where idle is the time of all layers less the qubit's own gates. Gates
///   bring their decay along in their measured errors. A two-qubit gate takes a layer, and unknown times are
///   infinite: no decay.
///
/// A sum over couplers and qubits, each by itself: what a search for the best placement can minimise. Linear in the
/// size of the program; no heap memory.
pub fn log_success(calibration: &Calibration, program: &ProgramUse<'_>) -> f64 {
    log_success_with(calibration, program, |_| 1.0)
}

/// The estimated success probability itself: the exponential of [`log_success`], in 0..=1.
pub fn success_probability(calibration: &Calibration, program: &ProgramUse<'_>) -> f64 {
    libm::exp(log_success(calibration, program))
}

/// What a success probability is the product of, each in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct SuccessFactors {
    /// Readouts.
    pub readout: f64,
    /// One-qubit gates.
    pub one_qubit_gates: f64,
    /// Two-qubit gates, those of SWAPs included.
    pub two_qubit_gates: f64,
    /// Decay of qubits that wait.
    pub decay: f64,
}

/// The factors of [`success_probability`], of a program on live elements.
pub fn success_factors(calibration: &Calibration, program: &ProgramUse<'_>) -> SuccessFactors {
    // The sum goes over elements and kinds of events: each kind by itself is the program without the others.
    let log = |program: ProgramUse<'_>| log_success(calibration, &program);
    let two_qubit_gates = log(ProgramUse { qubits: &[], ..*program });
    let on_qubits = |keep: fn(QubitUse) -> QubitUse, layers: f64| {
        let qubits: Vec<QubitUse> = program.qubits.iter().copied().map(keep).collect();
        log(ProgramUse { couplers: &[], qubits: &qubits, layers, ..*program })
    };
    let readout = on_qubits(|used| QubitUse { one_qubit_gates: 0.0, ..used }, 0.0);
    let one_qubit_gates = on_qubits(|used| QubitUse { measured: false, ..used }, 0.0);
    let all = on_qubits(|used| used, program.layers);
    SuccessFactors {
        readout: libm::exp(readout),
        one_qubit_gates: libm::exp(one_qubit_gates),
        two_qubit_gates: libm::exp(two_qubit_gates),
        decay: libm::exp(all - readout - one_qubit_gates),
    }
}

/// Geometric mean of the fidelity of the gates of a program, in 0..=1: the product of (1 - error) over all one- and
/// two-qubit gates, to the power of 1 / their number. Readout and idle qubits do not count; a program without gates
/// has 1, one that uses a dead element 0.
pub fn mean_gate_fidelity(calibration: &Calibration, program: &ProgramUse<'_>) -> f64 {
    let (mut log, mut gates) = (0.0, 0.0);
    for used in program.couplers {
        match calibration.couplers.get(used.coupler.index()) {
            Some(coupler) if !coupler.dead => {
                log += used.gates * libm::log1p(-coupler.two_qubit_error.min(WORST_TWO_QUBIT_ERROR));
                gates += used.gates;
            }
            _ => return 0.0,
        }
    }
    for used in program.qubits {
        match calibration.qubits.get(used.qubit.index()) {
            Some(qubit) if !qubit.dead => {
                log += used.one_qubit_gates * libm::log1p(-qubit.one_qubit_error);
                gates += used.one_qubit_gates;
            }
            _ => return 0.0,
        }
    }
    if gates > 0.0 { libm::exp(log / gates) } else { 1.0 }
}

/// As [`log_success`], with the two-qubit error of the n-th coupler in use multiplied by `error_factor(n)`, up to
/// [`WORST_TWO_QUBIT_ERROR`].
pub fn log_success_with(
    calibration: &Calibration,
    program: &ProgramUse<'_>,
    error_factor: impl Fn(usize) -> f64,
) -> f64 {
    let mut log = 0.0;
    for (index, used) in program.couplers.iter().enumerate() {
        let Some(coupler) = calibration.couplers.get(used.coupler.index()).filter(|coupler| !coupler.dead)
        else {
            return f64::NEG_INFINITY;
        };
        if used.gates > 0.0 {
            let error = coupler.two_qubit_error * error_factor(index);
            log += used.gates * libm::log1p(-error.min(WORST_TWO_QUBIT_ERROR));
        }
    }
    for used in program.qubits {
        let Some(qubit) = calibration.qubits.get(used.qubit.index()).filter(|qubit| !qubit.dead) else {
            return f64::NEG_INFINITY;
        };
        if used.one_qubit_gates > 0.0 {
            log += used.one_qubit_gates * libm::log1p(-qubit.one_qubit_error);
        }
        if used.measured {
            log += libm::log1p(-qubit.readout_error);
        }
        let free_s = (program.layers - used.two_qubit_gates) * program.layer_s;
        let idle_s = (free_s - used.one_qubit_gates * qubit.one_qubit_duration_s).max(0.0);
        if idle_s > 0.0 {
            log -= idle_s * decay_per_s(qubit);
        }
    }
    log
}

/// How fast an idle qubit decays: (1/T1 + 1/T2) / 2, in nats per second; 0 where the times are unknown.
pub fn decay_per_s(qubit: &QubitCalibration) -> f64 {
    0.5 * (1.0 / qubit.t1_s + 1.0 / qubit.t2_s)
}

/// How long a layer of a program takes on a device, seconds: the median duration of its live two-qubit gates, of its
/// one-qubit gates where it has no others, 0 where it has none (assumption: layers are aligned). Linear in the size of
/// the device: a figure to keep with the calibration.
pub fn layer_s(calibration: &Calibration) -> f64 {
    let couplers = calibration.couplers.iter().filter(|coupler| !coupler.dead);
    let qubits = calibration.qubits.iter().filter(|qubit| !qubit.dead);
    let two_qubit = median(couplers.map(|coupler| coupler.two_qubit_duration_s).collect());
    two_qubit.or_else(|| median(qubits.map(|qubit| qubit.one_qubit_duration_s).collect())).unwrap_or(0.0)
}

/// The lower median; `None` of nothing.
fn median(mut values: Vec<f64>) -> Option<f64> {
    let middle = values.len().checked_sub(1)? / 2;
    Some(*values.select_nth_unstable_by(middle, f64::total_cmp).1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quantum::calibration::{CouplerCalibration, QubitCalibration};

    fn calibration() -> Calibration {
        let qubit = QubitCalibration {
            t1_s: 100e-6,
            t2_s: 50e-6,
            readout_error: 0.02,
            one_qubit_error: 0.001,
            one_qubit_duration_s: 50e-9,
            readout_duration_s: 1e-6,
            dead: false,
        };
        let coupler = CouplerCalibration { two_qubit_error: 0.01, two_qubit_duration_s: 100e-9, dead: false };
        Calibration { qubits: vec![qubit; 3], couplers: vec![coupler; 2] }
    }

    fn coupler(coupler: u32, gates: f64) -> CouplerUse {
        CouplerUse { coupler: CouplerId(coupler), gates }
    }

    fn qubit(qubit: u32, one_qubit_gates: f64, two_qubit_gates: f64, measured: bool) -> QubitUse {
        QubitUse { qubit: PhysicalQubit(qubit), one_qubit_gates, two_qubit_gates, measured }
    }

    /// Worked by hand: two couplers with 3 and 2 gates, a duration of 10 layers of 100 ns.
    #[test]
    fn the_product_is_the_one_on_paper() {
        let couplers = [coupler(0, 3.0), coupler(1, 2.0)];
        let qubits = [qubit(0, 4.0, 3.0, true), qubit(1, 0.0, 5.0, true), qubit(2, 2.0, 2.0, false)];
        let calibration = calibration();
        assert_eq!(layer_s(&calibration), 100e-9);
        let program = ProgramUse { couplers: &couplers, qubits: &qubits, layers: 10.0, layer_s: 100e-9 };
        let idle_s: f64 = (1e-6 - 0.5e-6) + (1e-6 - 0.5e-6) + (1e-6 - 0.3e-6);
        let expected = 0.99_f64.powi(5)
            * 0.999_f64.powi(6)
            * 0.98_f64.powi(2)
            * (-idle_s * 0.5 * (1.0 / 100e-6 + 1.0 / 50e-6)).exp();
        assert!((success_probability(&calibration, &program) - expected).abs() < 1e-14);
        let of = success_factors(&calibration, &program);
        let decay = (-idle_s * 0.5 * (1.0 / 100e-6 + 1.0 / 50e-6)).exp();
        let on_paper = [0.98_f64.powi(2), 0.999_f64.powi(6), 0.99_f64.powi(5), decay];
        let factors = [of.readout, of.one_qubit_gates, of.two_qubit_gates, of.decay];
        assert!(factors.iter().zip(on_paper).all(|(factor, paper)| (factor - paper).abs() < 1e-14), "{of:?}");
    }

    #[test]
    fn dead_elements_and_unknown_ones_never_succeed() {
        let mut calibration = calibration();
        calibration.couplers[1].dead = true;
        calibration.qubits[2].dead = true;
        let probability = |couplers: &[CouplerUse], qubits: &[QubitUse]| {
            success_probability(&calibration, &ProgramUse { couplers, qubits, layers: 0.0, layer_s: 0.0 })
        };
        assert_eq!(probability(&[], &[]), 1.0);
        assert_eq!(probability(&[coupler(1, 1.0)], &[]), 0.0);
        assert_eq!(probability(&[coupler(9, 1.0)], &[]), 0.0);
        assert_eq!(probability(&[], &[qubit(2, 0.0, 0.0, true)]), 0.0);
        assert!(probability(&[coupler(0, 1.0)], &[qubit(1, 1.0, 1.0, true)]) > 0.9);
    }

    /// Worked by hand: 5 gates of error .01 and 5 of .001, whatever is measured.
    #[test]
    fn the_mean_gate_fidelity_is_geometric() {
        let calibration = calibration();
        let couplers = [coupler(0, 3.0), coupler(1, 2.0)];
        let qubits = [qubit(0, 4.0, 3.0, true), qubit(1, 1.0, 5.0, false)];
        let program = ProgramUse { couplers: &couplers, qubits: &qubits, layers: 10.0, layer_s: 0.1 };
        let mean = mean_gate_fidelity(&calibration, &program);
        assert!((mean - (0.99_f64 * 0.999).sqrt()).abs() < 1e-14, "{mean}");
        let nothing =
            ProgramUse { couplers: &[], qubits: &[qubit(0, 0.0, 0.0, true)], layers: 10.0, layer_s: 0.1 };
        assert_eq!(mean_gate_fidelity(&calibration, &nothing), 1.0);
    }

    proptest! {
        /// A probability, and worse with every factor, gate and second.
        #[test]
        fn more_of_anything_is_worse(
            gates in 0.0..200.0, singles in 0.0..200.0, duration in 0.0..1e-3, factor in 1.0..100.0, more in 0.0..50.0
        ) {
            let calibration = calibration();
            let log = |gates, singles, duration_s, factor| {
                let (couplers, qubits) = ([coupler(0, gates)], [qubit(0, singles, 0.0, true)]);
                let program = ProgramUse { couplers: &couplers, qubits: &qubits, layers: duration_s / 1e-7, layer_s: 1e-7 };
                log_success_with(&calibration, &program, |_| factor)
            };
            let base = log(gates, singles, duration, factor);
            prop_assert!(base <= 0.0 && base.is_finite());
            prop_assert!(log(gates + more, singles, duration, factor) <= base);
            prop_assert!(log(gates, singles, duration + more * 1e-6, factor) <= base);
            prop_assert!(log(gates, singles, duration, factor + more) <= base);
        }
    }
}
