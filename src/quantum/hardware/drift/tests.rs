//! Validation of the drift model against the figures it is fitted to, and its promises as properties.

use proptest::prelude::*;

use super::*;
use crate::quantum::calibration::{CouplerCalibration, QubitCalibration};
use crate::random::Purpose;

const QUBIT: QubitCalibration = QubitCalibration {
    t1_s: 200e-6,
    t2_s: 20e-6,
    readout_error: 1e-2,
    one_qubit_error: 3e-4,
    one_qubit_duration_s: 32e-9,
    readout_duration_s: 1.5e-6,
    dead: false,
};
const COUPLER: CouplerCalibration = CouplerCalibration {
    two_qubit_error: 4e-3,
    two_qubit_duration_s: 68e-9,
    dead: false,
};

fn calibration(elements: usize) -> Calibration {
    Calibration {
        qubits: vec![QUBIT; elements],
        couplers: vec![COUPLER; elements],
    }
}

fn model(config: &DriftConfig, seed: u64, base: Calibration) -> DriftModel {
    let streams = StreamFamily::new(seed, 0, Purpose::Drift);
    DriftModel::new(config, streams, DeviceId(3), Arc::new(base)).unwrap()
}

/// Figures of one kind as they were estimated from the data: per element a variance and an autocovariance around
/// the element's own mean, then averages over elements; and the share of daily changes beyond a factor of 2.
fn estimate(series: &[Vec<f64>]) -> (f64, f64, f64) {
    let (mut variance, mut covariance, mut beyond) = (0.0, 0.0, 0);
    for values in series {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        variance += values.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / values.len() as f64;
        covariance += values
            .windows(2)
            .map(|p| (p[0] - mean) * (p[1] - mean))
            .sum::<f64>()
            / (values.len() - 1) as f64;
        beyond += values
            .windows(2)
            .filter(|p| (p[1] - p[0]).abs() > 2.0_f64.ln())
            .count();
    }
    let days = series.iter().map(|values| values.len() - 1).sum::<usize>();
    (
        (variance / series.len() as f64).sqrt(),
        covariance / variance,
        beyond as f64 / days as f64,
    )
}

/// Validation: generate 365 days, re-estimate the measured figures. Tolerances: log-sd 3 %, autocorrelation 0.03
/// (365 days bias both down by about 1 %), share beyond a factor of 2 half a percentage point.
#[test]
fn generated_series_have_the_measured_figures() {
    const KIND_NAMES: [&str; 5] = ["two-qubit error", "one-qubit error", "readout error", "T1", "T2"];
    const MEASURED: [(f64, f64, f64); 5] = [
        (0.289, 0.55, 0.041),
        (0.390, 0.59, 0.059),
        (0.323, 0.49, 0.058),
        (0.301, 0.24, 0.063),
        (0.260, 0.29, 0.043),
    ];
    for (steps_per_day, elements) in [(24, 100), (4, 400), (1, 400)] {
        let step = Span::from_secs(86_400 / steps_per_day);
        let config = DriftConfig {
            step,
            coupler_death_per_day: 0.0,
            ..DriftConfig::default()
        };
        let mut model = model(&config, 11, calibration(elements));
        let mut series: [Vec<Vec<f64>>; 5] = std::array::from_fn(|_| vec![Vec::new(); elements]);
        for day in 1..=365 {
            let mut truth = model.true_at(day * steps_per_day).clone();
            for_each_value(&mut truth, |kind, index, value| {
                series[kind][index].push(value.ln())
            });
        }
        for (kind, (log_sd, correlation, beyond)) in MEASURED.into_iter().enumerate() {
            let found = estimate(&series[kind]);
            let label = format!("{} at {steps_per_day} steps per day: {found:?}", KIND_NAMES[kind]);
            println!("{label}");
            assert!((found.0 / log_sd - 1.0).abs() < 0.03, "log-sd of {label}");
            assert!((found.1 - correlation).abs() < 0.03, "autocorrelation of {label}");
            assert!(
                (found.2 - beyond).abs() < 0.005,
                "share beyond a factor of 2 of {label}"
            );
        }
    }
}

/// In the long run 0.1 / (0.1 + 1.6) = 5.9 % of couplers are dead, and deaths balance revivals.
#[test]
fn couplers_die_and_revive_at_the_measured_rates() {
    let mut base = calibration(2_000);
    base.qubits.truncate(1);
    for coupler in base.couplers.iter_mut().take(100) {
        (coupler.two_qubit_error, coupler.dead) = (1.0, true);
    }
    let mut model = model(
        &DriftConfig {
            step: Span::from_secs(86_400),
            ..DriftConfig::default()
        },
        1,
        base,
    );
    let mut shares = Vec::new();
    for day in (500..2_500).step_by(100) {
        let truth = model.true_at(day);
        assert!(
            truth
                .couplers
                .iter()
                .all(|c| c.dead == (c.two_qubit_error >= DEAD_ERROR))
        );
        shares.push(truth.couplers.iter().filter(|coupler| coupler.dead).count() as f64 / 2_000.0);
    }
    let mean = shares.iter().sum::<f64>() / shares.len() as f64;
    assert!((mean - 0.1 / 1.7).abs() < 0.006, "dead share {mean}");
}

#[test]
fn a_retune_fades_and_touches_one_figure() {
    let config = DriftConfig {
        coupler_death_per_day: 0.0,
        ..DriftConfig::default()
    };
    let mut plain = model(&config, 5, calibration(3));
    let mut tuned = plain.clone();
    tuned.advance_to(10);
    tuned.retune(Element::ReadoutError(PhysicalQubit(1)), -0.7);
    tuned.retune(Element::ReadoutError(PhysicalQubit(99)), -0.7);
    let mut offset = |step| {
        let (with, without) = (tuned.true_at(step).clone(), plain.true_at(step));
        assert_eq!(
            (&with.couplers, with.qubits[0]),
            (&without.couplers, without.qubits[0])
        );
        (with.qubits[1].readout_error / without.qubits[1].readout_error).ln()
    };
    assert!((offset(10) + 0.7).abs() < 1e-12);
    assert!((offset(34) + 0.7 * 0.49).abs() < 1e-12);
    assert_eq!(offset(10_000), 0.0);
}

#[test]
fn calibrations_measure_without_moving() {
    let config = DriftConfig {
        measurement_noise: 0.1,
        ..DriftConfig::default()
    };
    let streams = StreamFamily::new(5, 0, Purpose::Calibration);
    let mut model = model(&config, 5, calibration(3));
    let truth = model.true_at(7).clone();
    let (first, second) = (model.measure(1, &streams), model.measure(2, &streams));
    assert!(first != truth && first != second && first == model.measure(1, &streams));
    assert_eq!(*model.true_at(7), truth);
    assert_eq!(model.step_at(Time(8 * 3_600_000_000_000 - 1)), 7);
}

#[test]
fn senseless_configurations_say_why() {
    let parse = |text: &str| -> Result<DriftConfig, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    };
    let messages: Vec<String> = [
        r#"{"step": "0s"}"#,
        r#"{"scale": -1}"#,
        r#"{"t1": {"day_correlation": 1.5}}"#,
        r#"{"two_qubit_error": {"jumps_per_day": 1.0}}"#,
        r#"{"speed": 1}"#,
    ]
    .into_iter()
    .map(|text| match parse(text) {
        Err(error) => error,
        Ok(config) => {
            let streams = StreamFamily::new(0, 0, Purpose::Drift);
            DriftModel::new(&config, streams, DeviceId(0), Arc::new(calibration(1)))
                .unwrap_err()
                .to_string()
        }
    })
    .collect();
    insta::assert_snapshot!(messages.join("\n"), @"
    drift step is zero; hint: write a duration such as 1h, or `enabled: false`
    drift scale is -1; hint: it lies at or above 0
    drift day_correlation is 1.5; hint: it lies between 0 and 1
    drift of two_qubit_error: its jumps alone give a log_sd of 1.005, more than the log_sd 0.289; hint: lower jumps_per_day or jump_factor, or raise log_sd
    unknown field `speed`, expected one of `enabled`, `step`, `scale`, `two_qubit_error`, `one_qubit_error`, `readout_error`, `t1`, `t2`, `coupler_death_per_day`, `coupler_revival_per_day`, `measurement_noise` at line 1 column 8
    ");
}

/// Bases at the rim of what is allowed: perfect, unknown (infinite), nearly dead, dead, T2 at its bound.
fn any_base() -> impl Strategy<Value = Calibration> {
    let error = || prop_oneof![Just(0.0), Just(0.49), 1e-6..0.4];
    let qubit = (
        prop_oneof![Just(f64::INFINITY), 1e-6..1e3],
        0.0..2.0,
        error(),
        error(),
        any::<bool>(),
    );
    let qubits = proptest::collection::vec(qubit, 1..5);
    let couplers = proptest::collection::vec((error(), any::<bool>()), 0..5);
    (qubits, couplers).prop_map(|(qubits, couplers)| Calibration {
        qubits: qubits
            .into_iter()
            .map(|(t1_s, ratio, readout_error, one_qubit_error, dead)| {
                let t2_s = if t1_s.is_finite() {
                    t1_s * ratio + 1e-9
                } else {
                    t1_s
                }
                .min(2.0 * t1_s);
                QubitCalibration {
                    t1_s,
                    t2_s,
                    readout_error,
                    one_qubit_error,
                    dead,
                    ..QUBIT
                }
            })
            .collect(),
        couplers: couplers
            .into_iter()
            .map(|(error, dead)| CouplerCalibration {
                two_qubit_error: if dead { 1.0 } else { error },
                dead,
                ..COUPLER
            })
            .collect(),
    })
}

proptest! {
    #[test]
    fn truth_depends_on_the_step_alone(
        base in any_base(), seed: u64, mut steps in proptest::collection::vec(0_u64..2_000, 1..6)
    ) {
        steps.sort_unstable();
        let last = steps[steps.len() - 1];
        let mut looked_at = model(&DriftConfig::default(), seed, base.clone());
        prop_assert_eq!(looked_at.true_at(0), &base);
        for step in steps {
            looked_at.true_at(step);
        }
        let mut jumped = model(&DriftConfig::default(), seed, base);
        prop_assert_eq!(looked_at.true_at(last), jumped.true_at(last));
    }

    #[test]
    fn values_stay_in_range(base in any_base(), seed: u64, scale in 0.0..30.0, step in 1_u64..500) {
        let mut model = model(&DriftConfig { scale, ..DriftConfig::default() }, seed, base.clone());
        model.shift_errors(2.0);
        let truth = model.true_at(step);
        for (qubit, base) in truth.qubits.iter().zip(&base.qubits) {
            prop_assert_eq!(qubit.dead, base.dead);
            prop_assert!((0.0..DEAD_ERROR).contains(&qubit.readout_error));
            prop_assert!((0.0..DEAD_ERROR).contains(&qubit.one_qubit_error));
            prop_assert!(qubit.t1_s > 0.0 && qubit.t2_s > 0.0 && qubit.t2_s <= 2.0 * qubit.t1_s);
        }
        for coupler in &truth.couplers {
            prop_assert_eq!(coupler.dead, !(0.0..DEAD_ERROR).contains(&coupler.two_qubit_error));
        }
    }
}
