//! Intervals, verdicts and corrections against tables, closed forms and repeated sampling.

use proptest::prelude::*;
use rand_distr::{Distribution, StandardNormal};

use super::*;
use crate::random::{Purpose, StreamFamily};

fn normals(repetition: u64, count: usize) -> Vec<f64> {
    let mut stream = StreamFamily::new(17, 0, Purpose::Resampling).stream(repetition, 0);
    (0..count).map(|_| StandardNormal.sample(&mut stream)).collect()
}

fn all(values: &[f64]) -> Vec<Option<f64>> {
    values.iter().copied().map(Some).collect()
}

fn close(found: f64, expected: f64, tolerance: f64) {
    assert!((found - expected).abs() <= tolerance, "{found} instead of {expected}");
}

/// Values of printed tables of Student's t distribution.
#[test]
fn student_quantiles_match_the_tables() {
    for (probability, freedom, expected) in [
        (0.975, 1.0, 12.7062),
        (0.975, 4.0, 2.7764),
        (0.975, 9.0, 2.2622),
        (0.975, 29.0, 2.0452),
        (0.95, 9.0, 1.8331),
        (0.9995, 9.0, 4.7809),
    ] {
        close(student_quantile(probability, freedom).unwrap(), expected, 5e-5);
    }
    assert_eq!(student_quantile(0.975, 0.0), None);
    assert_eq!(student_quantile(1.0, 5.0), None);
}

/// Student's own example (1908): additional hours of sleep under two drugs; R's `t.test(paired = TRUE)` gives
/// t = -4.0621, p = 0.002833, interval [-2.4598858, -0.7001142].
#[test]
fn the_paired_difference_matches_students_sleep_data() {
    let first = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
    let second = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
    let found = paired_difference(&all(&second), &all(&first), LEVEL_95).unwrap();
    close(found.difference, -1.58, 1e-12);
    let interval = found.interval.unwrap();
    close(interval.low, -2.459_885_8, 1e-7);
    close(interval.high, -0.700_114_2, 1e-7);
    close(found.p_value.unwrap(), 0.002_833, 5e-7);
    close(found.effect_size.unwrap(), -4.0621 / 10_f64.sqrt(), 1e-4);
    // R: (var(first) + var(second)) / var(first - second) = (3.200556 + 4.009) / 1.512889
    close(found.variance_reduction.unwrap(), 4.7654, 1e-3);
    let verdict = Verdict::of(&found, found.p_value, Direction::LowerIsBetter, LEVEL_95);
    assert_eq!(verdict, Some(Verdict::Better));
}

#[test]
fn verdicts_need_evidence() {
    let verdict = |baseline: &[f64], variant: &[f64], direction| {
        let found = paired_difference(&all(baseline), &all(variant), LEVEL_95).unwrap();
        Verdict::of(&found, found.p_value, direction, LEVEL_95)
    };
    use Direction::{HigherIsBetter, LowerIsBetter};
    let base = [1.0, 2.0, 3.0, 4.0, 5.0];
    let above = [1.5, 2.4, 3.6, 4.5, 5.5];
    assert_eq!(verdict(&base, &above, HigherIsBetter), Some(Verdict::Better));
    assert_eq!(verdict(&base, &above, LowerIsBetter), Some(Verdict::Worse));
    assert_eq!(verdict(&base, &[5.0, 4.0, 3.0, 2.0, 1.5], HigherIsBetter), Some(Verdict::Inconclusive));
    assert_eq!(verdict(&base, &base, HigherIsBetter), Some(Verdict::Equal));
    assert_eq!(verdict(&[1.0], &[9.0], HigherIsBetter), None);
}

/// One job more in both of two worlds happens by chance every other time: no t statistic says so.
#[test]
fn a_constant_difference_is_judged_by_its_signs() {
    let found = |worlds: usize| {
        let base: Vec<f64> = (0..worlds).map(|world| world as f64).collect();
        let shifted: Vec<f64> = base.iter().map(|value| value + 1.0).collect();
        let found = paired_difference(&all(&base), &all(&shifted), LEVEL_95).unwrap();
        (found.p_value.unwrap(), Verdict::of(&found, found.p_value, Direction::LowerIsBetter, LEVEL_95))
    };
    assert_eq!(found(2), (0.5, Some(Verdict::Inconclusive)));
    assert_eq!(found(5), (0.0625, Some(Verdict::Inconclusive)));
    assert_eq!(found(6), (0.03125, Some(Verdict::Worse)));
}

/// Values of Welch's test from an independent computation, by integrating the density of t numerically.
#[test]
fn replications_of_other_worlds_are_no_pairs() {
    let first = all(&[0.7, -1.6, -0.2, -1.2, -0.1]);
    let second = all(&[1.9, 0.8, 1.1, 0.1, -0.1]);
    let found = independent_difference(&first, &second, LEVEL_95).unwrap();
    close(found.difference, 1.24, 1e-12);
    let interval = found.interval.unwrap();
    close(interval.low, -0.024843149, 1e-6);
    close(interval.high, 2.504843149, 1e-6);
    close(found.p_value.unwrap(), 0.053647009, 1e-7);
    assert_eq!(found.variance_reduction, None);
    let paired = paired_difference(&first, &second, LEVEL_95).unwrap();
    assert!(paired.p_value < found.p_value);
    let same = independent_difference(&first, &first, LEVEL_95).unwrap();
    assert_eq!((same.difference, same.p_value), (0.0, Some(1.0)));
}

#[test]
fn equal_strategies_differ_by_nothing() {
    let base = all(&[0.1, 0.7, 0.3]);
    let found = paired_difference(&base, &base, LEVEL_95).unwrap();
    assert_eq!(found.difference, 0.0);
    assert_eq!(found.interval, Some(Interval { low: 0.0, high: 0.0 }));
    assert_eq!((found.p_value, found.effect_size), (Some(1.0), Some(0.0)));
}

#[test]
fn pairs_with_a_missing_value_are_left_out() {
    let found =
        paired_difference(&[Some(1.0), None, Some(3.0)], &[Some(2.0), Some(9.0), None], LEVEL_95).unwrap();
    assert_eq!((found.pairs, found.difference, found.interval), (1, 1.0, None));
    assert_eq!(paired_difference(&[None], &[Some(1.0)], LEVEL_95), None);
}

/// 4,000 samples of ten normals: the 95 % interval must hold the true mean in 94 to 96 % of them
/// (three standard errors of a fair coin of 0.95 are 1.03 %).
#[test]
fn the_interval_covers_as_often_as_it_says() {
    let hits = (0..4_000)
        .filter(|&repetition| mean_interval(&normals(repetition, 10), LEVEL_95).unwrap().contains(0.0))
        .count();
    assert!((3_760..=3_840).contains(&hits), "{hits} of 4,000");
}

/// Under "no difference" p-values are uniform: a verdict other than inconclusive comes in 5 % of experiments.
#[test]
fn false_verdicts_are_as_rare_as_promised() {
    let errors = (0..4_000)
        .filter(|&repetition| {
            let values = normals(repetition + 10_000, 16);
            let found = paired_difference(&all(&values[..8]), &all(&values[8..]), LEVEL_95).unwrap();
            found.p_value.unwrap() < 0.05
        })
        .count();
    assert!((159..=241).contains(&errors), "{errors} of 4,000");
}

/// An autoregressive series with coefficient 0.9 has a mean whose standard error is 1 / (1 - 0.9) / sqrt(n):
/// the naive error of independent values would be 4.4 times too small.
#[test]
fn batch_means_see_autocorrelation() {
    let mut state = 0.0;
    let series: Vec<f64> = normals(1, 200_000)
        .into_iter()
        .map(|shock| {
            state = 0.9 * state + shock;
            state
        })
        .collect();
    let found = batch_means(&series, 200, LEVEL_95).unwrap();
    let expected = 10.0 / 200_000_f64.sqrt();
    close(found.standard_error / expected, 1.0, 0.15);
    assert!(found.interval.contains(found.mean) && found.lag1.abs() < 0.2);
    assert_eq!(batch_means(&series[..3], 4, LEVEL_95), None);
    assert_eq!(batch_means(&series, 0, LEVEL_95), None);
}

#[test]
fn warm_up_finds_the_end_of_a_transient() {
    let noise = normals(2, 1_000);
    let series: Vec<f64> = (0..1_000).map(|i| 20.0 * (-(i as f64) / 30.0).exp() + noise[i]).collect();
    let cut = warm_up(&series).unwrap();
    assert!((60..=160).contains(&cut), "cut at {cut}");
    let trend: Vec<f64> = (0..1_000).map(f64::from).collect();
    assert_eq!(warm_up(&trend), None);
}

#[test]
fn quantiles_are_those_of_type_7() {
    let sorted = [1.0, 2.0, 4.0, 8.0];
    for (probability, expected) in [(0.0, 1.0), (0.5, 3.0), (0.9, 6.8), (1.0, 8.0)] {
        close(quantile(&sorted, probability).unwrap(), expected, 1e-12);
    }
    assert_eq!(quantile(&[], 0.5), None);
    assert_eq!(quantile(&sorted, 1.1), None);
}

proptest! {
    #[test]
    fn welford_agrees_with_two_passes(values in proptest::collection::vec(-1e6_f64..1e6, 2..60)) {
        let moments = Moments::of(&values);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>()
            / (values.len() - 1) as f64;
        prop_assert!((moments.mean().unwrap() - mean).abs() <= 1e-8 * (1.0 + mean.abs()));
        prop_assert!((moments.variance().unwrap() - variance).abs() <= 1e-8 * (1.0 + variance));
    }

    #[test]
    fn holm_never_lowers_and_keeps_the_order(p_values in proptest::collection::vec(0.0_f64..=1.0, 0..12)) {
        let adjusted = holm(&p_values);
        for (i, &p) in p_values.iter().enumerate() {
            prop_assert!(adjusted[i] >= p && adjusted[i] <= 1.0);
            prop_assert!(adjusted[i] <= (p * p_values.len() as f64).min(1.0));
            for (j, &q) in p_values.iter().enumerate() {
                prop_assert!(p > q || adjusted[i] <= adjusted[j]);
            }
        }
    }
}
