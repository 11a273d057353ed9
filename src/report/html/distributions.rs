//! Waiting times as quantiles, by nearest rank as in the summary.

use serde::Serialize;

use super::shell::rounded;
use crate::report::rank::nearest_rank;

/// Waiting times as quantiles.
#[derive(Debug, Default, Serialize)]
pub(super) struct Distributions {
    levels: Vec<f64>,
    series: Vec<Quantiles>,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    name: String,
    count: usize,
    mean: f64,
    /// Seconds, at the levels.
    values: Vec<f64>,
}

/// Shares at which distributions are given.
fn levels() -> Vec<f64> {
    let body = (0..=180).map(|step| f64::from(step) / 200.0);
    let tail = (1..=98).map(|step| 0.9 + f64::from(step) / 1_000.0);
    body.chain(tail).chain([0.999, 1.0]).collect()
}

impl Distributions {
    /// Of named series; those without values are left out.
    pub fn of(named: impl IntoIterator<Item = (String, Vec<f64>)>) -> Self {
        let levels = levels();
        let mut series = Vec::new();
        for (name, values) in named {
            if values.is_empty() {
                continue;
            }
            let (count, mean) = (values.len(), values.iter().sum::<f64>() / values.len() as f64);
            let sorted = sorted(values);
            let values = levels.iter().map(|&level| rounded(quantile(&sorted, level), 3)).collect();
            // The mean as it is: it stands beside that of the summary.
            series.push(Quantiles { name, count, mean, values });
        }
        Self { levels, series }
    }

    /// Whether nobody waited, for want of jobs.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }
}

/// Ascending.
pub(super) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The least of some ascending values that at least the given share does not exceed: nearest rank. 0 without values.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    nearest_rank(sorted, share).unwrap_or(0.0)
}
