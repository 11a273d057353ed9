//! The statistics of experiments: means with intervals, paired differences with verdicts, quantiles, batch means.
//!
//! Promises textbook definitions, sums in the order of the data (the same bits for the same values) and `None`
//! where a statistic does not exist, never a NaN. Leaves the choice of metrics and replications to its callers.

use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, StudentsT};

/// The confidence level of every interval whose name ends in `95`.
pub const LEVEL_95: f64 = 0.95;

/// Running count, mean and variance (Welford 1962): one pass, no cancellation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moments {
    count: u64,
    mean: f64,
    /// Sum of squared deviations from the mean.
    squares: f64,
}

impl Moments {
    /// The moments of some values, taken in order.
    pub fn of(values: &[f64]) -> Self {
        let mut moments = Self::default();
        for &value in values {
            moments.push(value);
        }
        moments
    }

    /// Adds a value.
    pub fn push(&mut self, value: f64) {
        self.count += 1;
        let before = value - self.mean;
        self.mean += before / self.count as f64;
        self.squares += before * (value - self.mean);
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The mean; `None` without values.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then_some(self.mean)
    }

    /// The unbiased variance (divisor n - 1); `None` below two values.
    pub fn variance(&self) -> Option<f64> {
        (self.count > 1).then(|| (self.squares / (self.count - 1) as f64).max(0.0))
    }

    /// The square root of the variance.
    pub fn standard_deviation(&self) -> Option<f64> {
        self.variance().map(f64::sqrt)
    }

    /// Standard deviation of the mean of independent values.
    pub fn standard_error(&self) -> Option<f64> {
        self.variance().map(|variance| (variance / self.count as f64).sqrt())
    }

    /// The t interval of the mean at `level`; `None` below two values.
    pub fn interval(&self, level: f64) -> Option<Interval> {
        let half =
            student_quantile(0.5 + level / 2.0, (self.count.max(1) - 1) as f64)? * self.standard_error()?;
        Some(Interval { low: self.mean - half, high: self.mean + half })
    }
}

/// A closed interval; `[low, high]` in files.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(from = "[f64; 2]", into = "[f64; 2]")]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// Whether `value` lies within, the ends included.
    pub fn contains(self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// Half of the width: what stands behind `±`.
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

impl From<[f64; 2]> for Interval {
    fn from([low, high]: [f64; 2]) -> Self {
        Self { low, high }
    }
}

impl From<Interval> for [f64; 2] {
    fn from(interval: Interval) -> Self {
        [interval.low, interval.high]
    }
}

/// The mean of some values; `None` without values.
pub fn mean(values: &[f64]) -> Option<f64> {
    Moments::of(values).mean()
}

/// The Student t interval of the mean of independent values at `level` (0.95 for 95 %); `None` below two values.
pub fn mean_interval(values: &[f64], level: f64) -> Option<Interval> {
    Moments::of(values).interval(level)
}

/// The quantile of Student's t distribution; `None` unless 0 < probability < 1 and freedom > 0.
pub fn student_quantile(probability: f64, freedom: f64) -> Option<f64> {
    if !(probability > 0.0 && probability < 1.0) {
        return None;
    }
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some(student.inverse_cdf(probability))
}

/// Whether a larger value of a metric is good or bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Utilization, fidelity, throughput.
    HigherIsBetter,
    /// Waiting time, violations, failures.
    LowerIsBetter,
}

/// What a comparison found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The difference is significant and in the good direction.
    Better,
    /// The difference is significant and in the bad direction.
    Worse,
    /// The same value in every world, of which there are two or more.
    Equal,
    /// The data do not decide.
    Inconclusive,
}

impl Verdict {
    /// The word in tables and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Equal => "equal",
            Self::Inconclusive => "inconclusive",
        }
    }

    /// All verdicts, in the order of legends.
    pub const ALL: [Self; 4] = [Self::Better, Self::Worse, Self::Equal, Self::Inconclusive];

    /// The verdict on a difference with this (adjusted) p-value at `level`; `None` without a p-value, as with one pair.
    pub fn of(found: &Difference, p_value: Option<f64>, direction: Direction, level: f64) -> Option<Self> {
        let p_value = p_value?;
        if found.spread == Spread::Equal {
            return Some(Self::Equal);
        }
        let good = match direction {
            Direction::HigherIsBetter => found.difference > 0.0,
            Direction::LowerIsBetter => found.difference < 0.0,
        };
        Some(match (p_value < 1.0 - level && found.difference != 0.0, good) {
            (false, _) => Self::Inconclusive,
            (true, true) => Self::Better,
            (true, false) => Self::Worse,
        })
    }
}

/// How the differences of the worlds scatter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spread {
    /// They do.
    Scattered,
    /// Both values are the same in every world.
    Equal,
    /// The difference is the same in every world, and not 0.
    Constant,
}

/// What became of a metric between two strategies, over replications that ran in the same worlds or apart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Difference {
    /// Replications in which both had a value.
    pub pairs: usize,
    /// Mean of the baseline over these pairs.
    pub baseline_mean: f64,
    /// Mean of the variant over these pairs.
    pub variant_mean: f64,
    /// Mean of variant - baseline.
    pub difference: f64,
    /// Whether the differences scatter.
    pub spread: Spread,
    /// t interval of the difference; `None` with one pair. Without width where the differences do not scatter.
    pub interval: Option<Interval>,
    /// Two-sided p-value of "no difference" in the t test; `None` with one pair. Where the difference is the same in all n
    /// worlds, a t statistic does not exist, and counts often differ by the same small number: then it is that of the
    /// sign test, 2 / 2^n.
    pub p_value: Option<f64>,
    /// Cohen's d: mean difference / standard deviation; 0 when all differences are 0, `None` with one pair or when all
    /// differences are the same other number.
    pub effect_size: Option<f64>,
    /// How many times smaller the variance of the difference is than with independent runs:
    /// (var baseline + var variant) / var difference; `None` when the latter is 0 or unknown, or the runs are
    /// independent.
    pub variance_reduction: Option<f64>,
}

/// Compares `variant` with `baseline`, pair by pair, with an interval at `level`.
///
/// Pairs in which either value is missing are left out; `None` when no pair is left.
pub fn paired_difference(
    baseline: &[Option<f64>],
    variant: &[Option<f64>],
    level: f64,
) -> Option<Difference> {
    let (mut before, mut after, mut change) = (Moments::default(), Moments::default(), Moments::default());
    for (x, y) in baseline.iter().zip(variant) {
        if let (Some(x), Some(y)) = (*x, *y) {
            before.push(x);
            after.push(y);
            change.push(y - x);
        }
    }
    let difference = change.mean()?;
    let spread = spread_of(&before, &after, change.standard_deviation());
    let (p_value, effect_size, variance_reduction) = match (change.standard_deviation(), spread) {
        (None, _) => (None, None, None),
        (_, Spread::Equal) => (Some(1.0), Some(0.0), None),
        (_, Spread::Constant) => (Some(sign_test(change.count)), None, None),
        (Some(deviation), Spread::Scattered) => {
            let t = difference / (deviation / (change.count as f64).sqrt());
            let independent = before.variance().zip(after.variance()).map(|(x, y)| x + y);
            (
                two_sided_p(t, (change.count - 1) as f64),
                Some(difference / deviation),
                independent.map(|variance| variance / (deviation * deviation)),
            )
        }
    };
    Some(Difference {
        pairs: change.count as usize,
        baseline_mean: before.mean()?,
        variant_mean: after.mean()?,
        difference,
        spread,
        interval: change.interval(level),
        p_value,
        effect_size,
        variance_reduction,
    })
}

/// Compares `variant` with `baseline` where replication r of one is not the world of replication r of the other: the t
/// interval and test of Welch (Biometrika 34, 1947), which take no two values for a pair.
///
/// Replications in which either value is missing are left out, as in [`paired_difference`].
pub fn independent_difference(
    baseline: &[Option<f64>],
    variant: &[Option<f64>],
    level: f64,
) -> Option<Difference> {
    let paired = paired_difference(baseline, variant, level)?;
    let both = || baseline.iter().zip(variant).filter_map(|(x, y)| Some(((*x)?, (*y)?)));
    let (mut before, mut after) = (Moments::default(), Moments::default());
    both().for_each(|(x, y)| {
        before.push(x);
        after.push(y);
    });
    let bare = Difference { effect_size: None, variance_reduction: None, ..paired };
    let Some((x, y)) = before.standard_error().zip(after.standard_error()) else { return Some(bare) };
    let spread = spread_of(&before, &after, Some(x.hypot(y)));
    if spread != Spread::Scattered {
        let p_value = if spread == Spread::Equal { 1.0 } else { sign_test(before.count) };
        let at = paired.difference;
        let interval = Some(Interval { low: at, high: at });
        return Some(Difference { spread, interval, p_value: Some(p_value), ..bare });
    }
    let error = x.hypot(y);
    let freedom = (before.count - 1) as f64 * error.powi(4) / (x.powi(4) + y.powi(4));
    let half = student_quantile(0.5 + level / 2.0, freedom)? * error;
    let pooled = before.variance().zip(after.variance()).map(|(x, y)| ((x + y) / 2.0).sqrt());
    Some(Difference {
        spread,
        interval: Some(Interval { low: paired.difference - half, high: paired.difference + half }),
        p_value: two_sided_p(paired.difference / error, freedom),
        effect_size: pooled.map(|deviation| paired.difference / deviation),
        ..bare
    })
}

/// Differences are exact up to the rounding of the values they come from.
fn spread_of(before: &Moments, after: &Moments, deviation: Option<f64>) -> Spread {
    let rounding = 1e-14 * (before.mean.abs() + after.mean.abs());
    match deviation {
        Some(deviation) if deviation > rounding => Spread::Scattered,
        _ if (after.mean - before.mean).abs() <= rounding => Spread::Equal,
        _ => Spread::Constant,
    }
}

/// The two-sided p-value of `pairs` differences with the same sign.
fn sign_test(pairs: u64) -> f64 {
    0.5_f64.powi(i32::try_from(pairs.saturating_sub(1)).unwrap_or(i32::MAX))
}

fn two_sided_p(t: f64, freedom: f64) -> Option<f64> {
    let student = StudentsT::new(0.0, 1.0, freedom).ok()?;
    Some((2.0 * student.sf(t.abs())).min(1.0))
}

/// Holm's step-down correction (Holm 1979): p-values that may be compared with the level as if each test were
/// the only one. The order of the input is kept.
///
/// ```
/// use resource_manager::experiment::statistics::holm;
/// assert_eq!(holm(&[0.01, 0.04, 0.03]), [0.03, 0.06, 0.06]);
/// ```
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]).then(a.cmp(&b)));
    let mut adjusted = vec![0.0; p_values.len()];
    let mut floor = 0.0_f64;
    for (rank, &index) in order.iter().enumerate() {
        floor = floor.max((p_values[index] * (p_values.len() - rank) as f64).min(1.0));
        adjusted[index] = floor;
    }
    adjusted
}

/// The exact quantile of sorted values, linear between order statistics (type 7 of Hyndman and Fan 1996, the
/// default of R and NumPy); `None` without values or unless 0 <= probability <= 1.
pub fn quantile(sorted: &[f64], probability: f64) -> Option<f64> {
    debug_assert!(sorted.is_sorted(), "quantiles need sorted values");
    let last = sorted.len().checked_sub(1)?;
    if !(0.0..=1.0).contains(&probability) {
        return None;
    }
    let position = probability * last as f64;
    let below = position.floor() as usize;
    let above = (below + 1).min(last);
    let weight = position - below as f64;
    Some(sorted[below] + weight * (sorted[above] - sorted[below]))
}

/// The mean of an autocorrelated series with an honest error.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BatchMeans {
    /// Mean over all whole batches.
    pub mean: f64,
    /// Standard error of that mean, from the scatter of the batches.
    pub standard_error: f64,
    /// t interval of the mean.
    pub interval: Interval,
    /// Correlation of neighbouring batches: above about 2 / sqrt(batches) the batches are too short to trust.
    pub lag1: f64,
}

/// The method of batch means: cuts a stationary series into `batches` equal parts and treats their means as
/// independent. Values after the last whole batch are left out; `None` below two batches or with empty ones.
pub fn batch_means(series: &[f64], batches: usize, level: f64) -> Option<BatchMeans> {
    let length = series.len().checked_div(batches)?;
    if batches < 2 || length == 0 {
        return None;
    }
    let means: Vec<f64> = series
        .chunks_exact(length)
        .take(batches)
        .map(|batch| batch.iter().sum::<f64>() / length as f64)
        .collect();
    let moments = Moments::of(&means);
    let mean = moments.mean()?;
    let products: f64 = means.windows(2).map(|pair| (pair[0] - mean) * (pair[1] - mean)).sum();
    Some(BatchMeans {
        mean,
        standard_error: moments.standard_error()?,
        interval: moments.interval(level)?,
        lag1: if moments.squares > 0.0 { products / moments.squares } else { 0.0 },
    })
}

/// How many leading values of a series are warm-up, by MSER-5 (White 1997): the cut, in steps of five values,
/// after which the mean of the rest is known best. `None` when the best cut lies beyond half of the series:
/// then the run is too short to be called stationary.
pub fn warm_up(series: &[f64]) -> Option<usize> {
    const STEP: usize = 5;
    /// Shorter ends than this part of the series are no candidates, nor are fewer than five batches.
    const LEAST_PART: usize = 10;
    let means: Vec<f64> =
        series.chunks_exact(STEP).map(|batch| batch.iter().sum::<f64>() / STEP as f64).collect();
    // From the end, so that one pass yields the moments of every suffix. The shortest suffixes are left out: a handful
    // of nearly equal values, as counts have them, would look like the best estimate of all.
    let least = (means.len() / LEAST_PART).max(5) as u64;
    let mut rest = Moments::default();
    let mut best = None;
    for (cut, &batch_mean) in means.iter().enumerate().rev() {
        rest.push(batch_mean);
        if rest.count < least {
            continue;
        }
        let error = rest.squares / (rest.count as f64 * rest.count as f64);
        if best.is_none_or(|(lowest, _)| error <= lowest) {
            best = Some((error, cut));
        }
    }
    let (_, cut) = best?;
    (cut * 2 <= means.len()).then_some(cut * STEP)
}

#[cfg(test)]
mod tests;
