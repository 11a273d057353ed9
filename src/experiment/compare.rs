//! Compares variants of a scenario on the same worlds (common random numbers).
//!
//! Promises that replication r of every variant meets the same arrivals, failures and drift, so that differences are
//! those of the decisions. Leaves verdicts to [`super::comparison`].

use super::comparison::{Comparison, ComparisonError, Metric, MetricValues, Variant};
use super::run::{Replication, RunError, Settings, run};
use super::statistics::Direction;
use crate::observe::metrics::{Better, METRICS};
use crate::simulator::scenario::{Scenario, ScenarioError, SetError, SetOverride};

/// Replications when nothing is said: enough for an interval that means something.
pub const DEFAULT_REPLICATIONS: u32 = 10;

/// Most variants of one comparison.
pub const MAX_VARIANTS: usize = 1_000;

/// One setting that is varied, with its values: `allocator.strategy=first_fit,noise_aware`.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// Where the setting stands.
    pub path: String,
    /// Its values, as YAML.
    pub values: Vec<String>,
}

/// Why a `--vary` cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VaryError {
    /// No equals sign, or nothing on one side of it.
    #[error("`{0}` is not of the form path=v1,v2; hint: as in allocator.strategy=first_fit,noise_aware")]
    Form(String),
    /// Fewer than two values.
    #[error(
        "`{0}` has one value; hint: a comparison needs at least two, as in allocator.strategy=first_fit,noise_aware"
    )]
    OneValue(String),
    /// One setting given twice.
    #[error("`{0}` is varied twice; hint: give all of its values at once")]
    Twice(String),
    /// A setting that changes the world.
    #[error(
        "`{0}` cannot be varied: variants are compared on the same worlds; hint: use --seed or --replications"
    )]
    OtherWorlds(String),
    /// More combinations than anybody can read.
    #[error("more than {MAX_VARIANTS} combinations; hint: vary less at a time")]
    TooMany,
}

impl std::str::FromStr for Vary {
    type Err = VaryError;

    fn from_str(text: &str) -> Result<Self, VaryError> {
        let form = || VaryError::Form(text.to_owned());
        let (path, values) = text.split_once('=').ok_or_else(form)?;
        let values = split_values(values);
        if path.trim().is_empty() || values.iter().any(String::is_empty) {
            return Err(form());
        }
        if values.len() < 2 {
            return Err(VaryError::OneValue(text.to_owned()));
        }
        Ok(Self { path: path.trim().to_owned(), values })
    }
}

/// Splits at commas outside brackets and braces, so that `{global: {skip_ahead: 1}},{global: {skip_ahead: 2}}` works.
fn split_values(text: &str) -> Vec<String> {
    let mut values = vec![String::new()];
    let mut depth = 0_usize;
    for c in text.chars() {
        match c {
            '{' | '[' => depth += 1,
            '}' | ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        match values.last_mut() {
            Some(last) if c != ',' || depth > 0 => last.push(c),
            _ => values.push(String::new()),
        }
    }
    values.into_iter().map(|value| value.trim().to_owned()).collect()
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

/// Checks that the settings can be varied together, and that the variants meet the same worlds.
pub fn check(varies: &[Vary]) -> Result<(), VaryError> {
    for (index, vary) in varies.iter().enumerate() {
        if varies[..index].iter().any(|earlier| earlier.path == vary.path) {
            return Err(VaryError::Twice(vary.path.clone()));
        }
        if matches!(vary.path.as_str(), "seed" | "replications") {
            return Err(VaryError::OtherWorlds(vary.path.clone()));
        }
    }
    let variants = varies.iter().try_fold(1_usize, |product, vary| product.checked_mul(vary.values.len()));
    match variants {
        Some(variants) if variants <= MAX_VARIANTS => Ok(()),
        _ => Err(VaryError::TooMany),
    }
}

/// The settings of all variants: the product of the values of every [`Vary`], the first varying slowest.
pub fn product(varies: &[Vary]) -> Result<Vec<(String, Vec<SetOverride>)>, SetError> {
    let mut variants: Vec<(String, Vec<SetOverride>)> = vec![(String::new(), Vec::new())];
    for vary in varies {
        let mut next = Vec::new();
        for (name, sets) in &variants {
            for value in &vary.values {
                let short = vary.path.rsplit('.').next().unwrap_or(&vary.path);
                let name = format!("{name}{}{short}={value}", if name.is_empty() { "" } else { " " });
                let mut sets = sets.clone();
                sets.push(SetOverride::new(&vary.path, value.clone())?.written_as("--vary"));
                next.push((name, sets));
            }
        }
        variants = next;
    }
    // A value given twice is compared with itself: both need a name.
    let names: Vec<String> = variants.iter().map(|variant| variant.0.clone()).collect();
    for (index, variant) in variants.iter_mut().enumerate() {
        let earlier = names[..index].iter().filter(|name| **name == variant.0).count();
        if earlier > 0 {
            variant.0 = format!("{} #{}", variant.0, earlier + 1);
        }
    }
    Ok(variants)
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

/// The metric values of a replication, of the fleet.
fn values(replication: &Replication) -> MetricValues {
    replication.summary.iter().map(|metric| (metric.name.clone(), metric.value)).collect()
}

/// Runs all variants and compares them with the one at `baseline`. `before` is told of each variant before it runs.
pub fn compare(
    variants: &[Prepared],
    baseline: usize,
    settings: &Settings<'_>,
    mut before: impl FnMut(&Prepared),
) -> Result<(Comparison, Vec<Variant>), CompareError> {
    let mut results = Vec::new();
    for prepared in variants {
        before(prepared);
        let replications = run(&prepared.scenario, settings)
            .map_err(|source| CompareError::Run { variant: prepared.name.clone(), source })?;
        let count = replications.iter().map(|replication| replication.violations_total).sum();
        if count > 0 {
            return Err(CompareError::Broken { variant: prepared.name.clone(), count });
        }
        results.push(Variant {
            name: prepared.name.clone(),
            replications: replications.iter().map(values).collect(),
        });
    }
    Ok((Comparison::new(&judged_metrics(), &results, baseline)?, results))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_outside_brackets() {
        let vary: Vary =
            "allocator.queue={global: {skip_ahead: 1}},{global: {skip_ahead: 2}}".parse().unwrap();
        assert_eq!(vary.values, ["{global: {skip_ahead: 1}}", "{global: {skip_ahead: 2}}"]);
        assert!("allocator.strategy".parse::<Vary>().is_err());
        assert!("=a,b".parse::<Vary>().is_err());
        assert!("x=a,,b".parse::<Vary>().is_err());
        let one = "x=a".parse::<Vary>().unwrap_err();
        assert!(one.to_string().contains("at least two"), "{one}");
    }

    #[test]
    fn variants_are_the_product_and_twins_have_names() {
        let varies = ["a.x=1,2", "b.y=3,3"].map(|text| text.parse::<Vary>().unwrap());
        let names: Vec<String> = product(&varies).unwrap().into_iter().map(|variant| variant.0).collect();
        assert_eq!(names, ["x=1 y=3", "x=1 y=3 #2", "x=2 y=3", "x=2 y=3 #2"]);
    }
}
