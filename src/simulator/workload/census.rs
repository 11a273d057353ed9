//! What is in a list of jobs: counts and quantiles.

use std::collections::BTreeMap;

use super::jobs::PlannedOutcome;
use super::replay::{Replay, ReplayedJob};
use crate::allocator::protocol::Topology;
use crate::time::Span;

/// The quantiles that are told.
pub const QUANTILES: [f64; 7] = [0.0, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0];

/// A quantity over all jobs that have it.
#[derive(Debug, Clone, PartialEq)]
pub struct Quantity {
    /// Its name, with its unit.
    pub name: &'static str,
    /// How many jobs have it.
    pub count: u64,
    /// Its mean.
    pub mean: f64,
    /// Its values at [`QUANTILES`] (nearest rank).
    pub quantiles: [f64; QUANTILES.len()],
}

/// What a list of jobs holds.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Census {
    /// Number of jobs.
    pub jobs: u64,
    /// Jobs of the file that were left out, by reason.
    pub left_out: Vec<(&'static str, u64)>,
    /// Seconds from the first to the last submission.
    pub span_s: f64,
    /// Coefficient of variation of the gaps between submissions; 1 for a Poisson process. `None` below two gaps.
    pub gap_variation: Option<f64>,
    /// Jobs whose run time is that of their walltime or more.
    pub at_walltime: u64,
    /// Numbers of users, groups and projects.
    pub tenants: [u64; 3],
    /// Jobs by shape.
    pub shapes: BTreeMap<&'static str, u64>,
    /// Jobs by planned outcome.
    pub outcomes: BTreeMap<&'static str, u64>,
    /// Sizes, times and counts.
    pub quantities: Vec<Quantity>,
}

impl Census {
    /// Counts the jobs of a list.
    pub fn of(replay: &Replay) -> Self {
        let jobs = replay.jobs();
        let mut census =
            Self { jobs: jobs.len() as u64, left_out: replay.left_out().to_vec(), ..Self::default() };
        let (Some(first), Some(last)) = (jobs.first(), jobs.last()) else { return census };
        census.span_s = last.at.since(first.at).as_secs_f64();
        for job in jobs {
            *census.shapes.entry(shape(&replay.kind(job.kind).topology)).or_default() += 1;
            *census.outcomes.entry(outcome(job.outcome)).or_default() += 1;
            let over = |walltime| job.execution_time.is_some_and(|time| time >= walltime);
            census.at_walltime += u64::from(job.walltime.is_some_and(over));
        }
        let picks: [fn(&ReplayedJob) -> u32; 3] =
            [|job| job.tenant.user, |job| job.tenant.group, |job| job.tenant.project];
        census.tenants = picks.map(|pick| {
            let mut numbers: Vec<u32> = jobs.iter().map(pick).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers.len() as u64
        });
        let gaps: Vec<f64> =
            jobs.iter().zip(&jobs[1..]).map(|(one, next)| next.at.since(one.at).as_secs_f64()).collect();
        census.gap_variation = variation(&gaps);
        let seconds = |pick: fn(&ReplayedJob) -> Option<Span>| -> Vec<f64> {
            jobs.iter().filter_map(pick).map(Span::as_secs_f64).collect()
        };
        let numbers = |pick: fn(&ReplayedJob) -> f64| -> Vec<f64> { jobs.iter().map(pick).collect() };
        census.quantities = [
            quantity("qubits", numbers(|job| f64::from(job.min_qubits))),
            quantity("circuits", numbers(|job| f64::from(job.circuits))),
            quantity("shots", numbers(|job| job.shots as f64)),
            quantity("depth", numbers(|job| f64::from(job.depth))),
            quantity("run time, s", seconds(|job| job.execution_time)),
            quantity("walltime, s", seconds(|job| job.walltime)),
            quantity("gap between submissions, s", gaps),
        ]
        .into_iter()
        .flatten()
        .collect();
        census
    }
}

fn shape(topology: &Topology) -> &'static str {
    match topology {
        Topology::Any => "any",
        Topology::Line => "line",
        Topology::Ring => "ring",
        Topology::Star => "star",
        Topology::Tree => "tree",
        Topology::Grid { .. } => "grid",
        Topology::HeavyHex => "heavy_hex",
        Topology::Complete => "complete",
        Topology::Custom(_) => "custom",
        Topology::Circuit(_) => "circuit",
    }
}

fn outcome(outcome: PlannedOutcome) -> &'static str {
    match outcome {
        PlannedOutcome::Completes => "completed",
        PlannedOutcome::FailsAt(_) => "error",
        PlannedOutcome::CancelledAfter(_) => "cancelled",
    }
}

fn variation(values: &[f64]) -> Option<f64> {
    if values.len() < 2 {
        return None;
    }
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let variance = values.iter().map(|value| (value - mean) * (value - mean)).sum::<f64>() / (count - 1.0);
    (mean > 0.0).then(|| libm::sqrt(variance) / mean)
}

fn quantity(name: &'static str, mut values: Vec<f64>) -> Option<Quantity> {
    if values.is_empty() {
        return None;
    }
    values.sort_unstable_by(f64::total_cmp);
    let rank = |share: f64| ((share * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1;
    Some(Quantity {
        name,
        count: values.len() as u64,
        mean: values.iter().sum::<f64>() / values.len() as f64,
        quantiles: QUANTILES.map(|share| values[rank(share)]),
    })
}
