//! Compares variants of a scenario on the same worlds (common random numbers).
//!
//! Promises that replication r of every variant meets the same arrivals, failures and drift, so that differences are
//! those of the decisions, and replications in rounds until they are known as precisely as asked. Leaves verdicts to
//! [`super::comparison`].

use std::collections::BTreeSet;
use std::ops::Range;

use super::comparison::{Comparison, ComparisonError, Metric, MetricValues, Stopped, Variant};
use super::evidence::Evidence;
use super::run::{Replication, RunError, Settings, run_range};
use super::statistics::Direction;
use super::warm_up::WarmUpError;
use crate::config_file::{ConfigFileError, SetError};
use crate::observe::metrics::{Better, METRICS};
use crate::simulator::scenario::Scenario;
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
    /// Metrics of devices that are kept beside those, for plots.
    pub also: &'a [Metric],
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
    Scenario(#[from] ConfigFileError),
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

/// A name that is no metric to compare by.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoMetric {
    /// It is no metric, or has neither a better nor a worse.
    #[error("`{0}` is no metric with a better and a worse")]
    Unjudged(String),
    /// It stands there twice, and would count twice.
    #[error("`{0}` is given twice; hint: once is enough")]
    Twice(String),
    /// The metric is not known per device.
    #[error("`{name}` is not known per device; hint: per device are {}", per_device().join(", "))]
    NotPerDevice {
        /// The metric.
        name: &'static str,
    },
    /// No fleet has the device.
    #[error("no fleet has a device `{device}`; hint: devices are {}", known.join(", "))]
    NoDevice {
        /// The device.
        device: String,
        /// Those that there are.
        known: Vec<String>,
    },
}

/// Names of metrics that have a better and a worse and are given per device, too.
fn per_device() -> Vec<&'static str> {
    let defs = METRICS.iter().filter(|def| def.per_device && def.better != Better::Neutral);
    defs.map(|def| def.name).collect()
}

/// The judged metrics with these names, of the fleet or of one of these devices; all means and 95 % quantiles of the
/// fleet where there are no names.
pub fn metrics_named(names: &[String], devices: &BTreeSet<String>) -> Result<Vec<Metric>, NoMetric> {
    if names.is_empty() {
        return Ok(judged_metrics());
    }
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            return Err(NoMetric::Twice(name.clone()));
        }
    }
    names.iter().map(|name| metric_named(name, devices)).collect()
}

fn metric_named(name: &str, devices: &BTreeSet<String>) -> Result<Metric, NoMetric> {
    let unjudged = || NoMetric::Unjudged(name.to_owned());
    let device = name.split_once('[').map(|(stem, rest)| (stem, rest.strip_suffix(']')));
    let def = METRICS.iter().find(|def| match (device, def.statistics) {
        (Some((stem, _)), _) => def.name == stem,
        (None, []) => def.name == name,
        (None, some) => some.iter().any(|statistic| def.full_name(Some(*statistic)) == name),
    });
    let def = def.ok_or_else(unjudged)?;
    let direction = match def.better {
        Better::Higher => Direction::HigherIsBetter,
        Better::Lower => Direction::LowerIsBetter,
        Better::Neutral => return Err(unjudged()),
    };
    match device {
        Some(_) if !def.per_device => return Err(NoMetric::NotPerDevice { name: def.name }),
        Some((_, None)) => return Err(unjudged()),
        Some((_, Some(device))) if !devices.contains(device) => {
            let known = devices.iter().cloned().collect();
            return Err(NoMetric::NoDevice { device: device.to_owned(), known });
        }
        _ => {}
    }
    Ok(Metric { name: name.to_owned(), direction })
}

/// Names of the devices of scenarios.
pub fn devices_of<'a>(scenarios: impl IntoIterator<Item = &'a Scenario>) -> BTreeSet<String> {
    let fleets = scenarios.into_iter().flat_map(|scenario| &scenario.fleet);
    fleets.map(|device| device.spec.name.clone()).collect()
}

/// The metric values of a replication, of the fleet and of the devices that metrics name.
fn values(replication: &Replication, plan: &Plan<'_>) -> MetricValues {
    let asked = |name: &String| plan.metrics.iter().chain(plan.also).any(|metric| metric.name == *name);
    let devices = replication.per_device.iter().filter(|value| asked(&value.name));
    replication.summary.iter().chain(devices).map(|value| (value.name.clone(), value.value)).collect()
}

/// What has run of the variants so far.
struct Progress<'p> {
    plan: &'p Plan<'p>,
    results: Vec<Variant>,
    /// All replications of each variant, without what plots need.
    ran: Vec<Vec<Replication>>,
    first: Vec<Option<Collected>>,
}

impl<'p> Progress<'p> {
    fn new(plan: &'p Plan<'p>) -> Self {
        let variants = plan.variants.iter();
        Self {
            plan,
            results: variants.clone().map(|variant| Variant::new(&variant.name, Vec::new())).collect(),
            ran: variants.clone().map(|_| Vec::new()).collect(),
            first: variants.map(|_| None).collect(),
        }
    }

    /// Runs these replications of a variant.
    fn run(
        &mut self,
        index: usize,
        numbers: Range<u32>,
        settings: &Settings<'_>,
    ) -> Result<(), CompareError> {
        let prepared = &self.plan.variants[index];
        let replications = run_range(&prepared.scenario, numbers, settings)
            .map_err(|source| CompareError::Run { variant: prepared.name.clone(), source })?;
        let count = replications.iter().map(|replication| replication.violations_total).sum();
        if count > 0 {
            return Err(CompareError::Broken { variant: prepared.name.clone(), count });
        }
        for mut replication in replications {
            self.results[index].replications.push(values(&replication, self.plan));
            let collected = replication.collected.take();
            self.first[index] = self.first[index].take().or(collected);
            self.ran[index].push(replication);
        }
        Ok(())
    }

    /// The differences by what has run so far.
    fn compare(&mut self) -> Result<Comparison, ComparisonError> {
        let Plan { variants, baseline, metrics, .. } = *self.plan;
        let seed = variants.first().map_or(0, |variant| variant.scenario.seed);
        if let Some(base) = variants.get(baseline) {
            for ((result, ran), prepared) in self.results.iter_mut().zip(&self.ran).zip(variants) {
                result.evidence = Evidence::of(&prepared.scenario, ran, &base.scenario);
            }
        }
        Comparison::new(metrics, &self.results, baseline, seed)
    }
}

/// Runs all variants and compares them with the baseline. `before` is told of each variant before replications of it
/// run, and which.
pub fn compare(
    plan: &Plan<'_>,
    settings: &Settings<'_>,
    mut before: impl FnMut(&Prepared, Range<u32>),
) -> Result<Compared, CompareError> {
    let asked = plan.variants.first().map_or(0, |variant| variant.scenario.replications);
    let mut progress = Progress::new(plan);
    let (mut done, mut target) = (0, plan.stopping.map_or(asked, |stopping| stopping.minimum));
    loop {
        for (index, prepared) in plan.variants.iter().enumerate() {
            before(prepared, done..target);
            progress.run(index, done..target, settings)?;
        }
        done = target;
        let mut comparison = progress.compare()?;
        let open = match plan.stopping {
            None => Vec::new(),
            Some(stopping) => {
                let open = comparison.rows.iter().filter(|row| !row.is_decided(stopping.precision));
                open.map(|row| (row.metric.clone(), row.variant.clone())).collect()
            }
        };
        if let Some(Stopping { precision, maximum, .. }) = plan.stopping {
            if !open.is_empty() && done < maximum {
                target = (done + done.div_ceil(2)).min(maximum);
                continue;
            }
            comparison.stopping = Some(Stopped { precision, maximum, open });
        }
        let Progress { results, first, .. } = progress;
        return Ok(Compared { comparison, variants: results, first });
    }
}
