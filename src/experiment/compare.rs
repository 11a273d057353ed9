//! Compares variants of a scenario on the same worlds (common random numbers).
//!
//! Promises that replication r of every variant meets the same arrivals, failures and drift, so that differences are
//! those of the decisions, and replications in rounds until they are known as precisely as asked. Leaves verdicts to
//! [`super::comparison`].

use super::comparison::{Comparison, ComparisonError, Metric, MetricValues, Stopped, Variant};
use super::run::{Replication, RunError, Settings, run_range};
use super::statistics::Direction;
use super::warm_up::WarmUpError;
use crate::observe::metrics::{Better, METRICS};
use crate::simulator::scenario::{Scenario, ScenarioError, SetError};
use crate::simulator::simulation::Collected;

/// Replications when nothing is said: enough for an interval that means something.
pub const DEFAULT_REPLICATIONS: u32 = 10;

/// When to stop adding replications.
///
/// Replications come in rounds, each half as large again as all before. To look at the data after every round makes a
/// false verdict somewhat more likely than the level says, which the number of looks bounds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stopping {
    /// Half-width of the interval of a difference that is precise enough, as a share of the baseline's mean.
    pub precision: f64,
    /// Replications of the first round.
    pub minimum: u32,
    /// Most replications.
    pub maximum: u32,
}

/// What to compare, and how.
#[derive(Debug)]
pub struct Plan<'a> {
    /// The variants; the scenario of each holds the number of replications.
    pub variants: &'a [Prepared],
    /// Index of the one that the others are compared with.
    pub baseline: usize,
    /// By what.
    pub metrics: &'a [Metric],
    /// Whether replications are added; `None`: as many as the scenario says.
    pub stopping: Option<Stopping>,
}

/// A comparison and what it rests on.
#[derive(Debug)]
pub struct Compared {
    /// The differences.
    pub comparison: Comparison,
    /// All values.
    pub variants: Vec<Variant>,
    /// What plots need of the first replication of each variant, if the settings ask for it.
    pub first: Vec<Option<Collected>>,
}

/// A variant ready to run.
#[derive(Debug)]
pub struct Prepared {
    /// Its name in tables: `strategy=first_fit`.
    pub name: String,
    /// The scenario with its settings.
    pub scenario: Scenario,
}

/// Why variants cannot be compared.
#[derive(Debug, thiserror::Error)]
pub enum CompareError {
    /// A path of `--vary` is none.
    #[error(transparent)]
    Set(#[from] SetError),
    /// A variant is not a valid scenario.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// No warm-up was found.
    #[error(transparent)]
    WarmUp(#[from] WarmUpError),
    /// A variant could not be run.
    #[error("{variant}: {source}")]
    Run {
        /// Its name.
        variant: String,
        /// Why.
        source: RunError,
    },
    /// The core broke promises.
    #[error("{variant}: the auditor found {count} broken promise(s) of the allocator")]
    Broken {
        /// Name of the variant.
        variant: String,
        /// How many.
        count: u64,
    },
    /// The results cannot be compared.
    #[error(transparent)]
    Comparison(#[from] ComparisonError),
}

/// The metrics that have a better and a worse, and means of the others that matter.
pub fn judged_metrics() -> Vec<Metric> {
    let mut metrics = Vec::new();
    for def in METRICS {
        let direction = match def.better {
            Better::Higher => Direction::HigherIsBetter,
            Better::Lower => Direction::LowerIsBetter,
            Better::Neutral => continue,
        };
        let statistics = def.statistics.iter().filter(|statistic| matches!(statistic.name(), "mean" | "p95"));
        if def.statistics.is_empty() {
            metrics.push(Metric { name: def.name.to_owned(), direction });
        }
        for statistic in statistics {
            metrics.push(Metric { name: def.full_name(Some(*statistic)), direction });
        }
    }
    metrics
}

/// The judged metrics with these names; all means and 95 % quantiles where there are none. Names that do not exist come
/// back.
pub fn metrics_named(names: &[String]) -> Result<Vec<Metric>, String> {
    if names.is_empty() {
        return Ok(judged_metrics());
    }
    let find = |name: &String| {
        let def = METRICS.iter().find(|def| {
            let mut full = def.statistics.iter().map(|statistic| def.full_name(Some(*statistic)));
            if def.statistics.is_empty() { def.name == name } else { full.any(|full| full == *name) }
        });
        let direction = match def.ok_or_else(|| name.clone())?.better {
            Better::Higher => Direction::HigherIsBetter,
            Better::Lower => Direction::LowerIsBetter,
            Better::Neutral => return Err(name.clone()),
        };
        Ok(Metric { name: name.clone(), direction })
    };
    names.iter().map(find).collect()
}

/// The metric values of a replication, of the fleet.
fn values(replication: &Replication) -> MetricValues {
    replication.summary.iter().map(|metric| (metric.name.clone(), metric.value)).collect()
}

/// Runs all variants and compares them with the baseline. `before` is told of each variant before replications of it
/// run, and which.
pub fn compare(
    plan: &Plan<'_>,
    settings: &Settings<'_>,
    mut before: impl FnMut(&Prepared, std::ops::Range<u32>),
) -> Result<Compared, CompareError> {
    let Plan { variants, baseline, metrics, stopping } = plan;
    let seed = variants.first().map_or(0, |variant| variant.scenario.seed);
    let asked = variants.first().map_or(0, |variant| variant.scenario.replications);
    let mut results: Vec<Variant> = variants
        .iter()
        .map(|variant| Variant { name: variant.name.clone(), replications: Vec::new() })
        .collect();
    let mut first: Vec<Option<Collected>> = variants.iter().map(|_| None).collect();
    let (mut done, mut target) = (0, stopping.map_or(asked, |stopping| stopping.minimum));
    loop {
        for (index, prepared) in variants.iter().enumerate() {
            before(prepared, done..target);
            let replications = run_range(&prepared.scenario, done..target, settings)
                .map_err(|source| CompareError::Run { variant: prepared.name.clone(), source })?;
            let count = replications.iter().map(|replication| replication.violations_total).sum();
            if count > 0 {
                return Err(CompareError::Broken { variant: prepared.name.clone(), count });
            }
            results[index].replications.extend(replications.iter().map(values));
            for replication in replications {
                first[index] = first[index].take().or(replication.collected);
            }
        }
        done = target;
        let mut comparison = Comparison::new(metrics, &results, *baseline, seed)?;
        let Some(Stopping { precision, maximum, .. }) = *stopping else {
            return Ok(Compared { comparison, variants: results, first });
        };
        let open = comparison.rows.iter().filter(|row| !row.is_decided(precision));
        let open: Vec<(String, String)> = open.map(|row| (row.metric.clone(), row.variant.clone())).collect();
        if open.is_empty() || done >= maximum {
            comparison.stopping = Some(Stopped { precision, maximum, open });
            return Ok(Compared { comparison, variants: results, first });
        }
        target = (done + done.div_ceil(2)).min(maximum);
    }
}
