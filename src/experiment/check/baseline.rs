//! Values of an earlier version, kept in a file, and regressions against them.
//!
//! Promises pairs of the same replication in the same world, and a failure only when the whole 99.9 % interval of the
//! difference lies beyond the margin on the bad side. A baseline of other worlds is refused; other settings of the
//! allocator are what may be compared. Leaves speed to [`super::speed`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::{Case, FEWEST_REPLICATIONS, Group, Outcome};
use crate::experiment::comparison::Metric;
use crate::experiment::folder::VERSION;
use crate::experiment::run::Replication;
use crate::experiment::statistics::{Direction, Interval, paired_difference};
use crate::observe::metrics::Better;
use crate::simulator::scenario::{Measure, Scenario};

/// Confidence level of regressions: dozens of metrics are judged at every change, and few alarms may be false.
pub const LEVEL: f64 = 0.999;

/// What the first key of a baseline says.
const KIND: &str = "rmsim baseline";

/// Sections of a scenario that do not change its worlds.
const NOT_OF_THE_WORLD: [&str; 7] =
    ["scenario", "description", "seed", "replications", "allocator", "output", "targets"];

/// The values of a version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Baseline {
    /// What this file is.
    pub kind: String,
    /// Version of the program that wrote it.
    pub version: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Hash of the scenario with all defaults.
    pub scenario_hash: String,
    /// Root of all randomness.
    pub seed: u64,
    /// Replications.
    pub replications: u32,
    /// Hash of each section of the scenario as it was written.
    pub sections: BTreeMap<String, String>,
    /// Hash of the figures of devices and circuits.
    pub figures: String,
    /// Jobs that arrived, by replication.
    pub arrivals: Vec<u64>,
    /// Instructions of the allocator in the first replication, if they were counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instructions: Option<u64>,
    /// Values by metric and replication; `null` without observations.
    pub metrics: IndexMap<String, Vec<Option<f64>>>,
}

/// Why a baseline cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// The file system refused.
    #[error("cannot read the baseline {path}: {source}; hint: write one with --save-baseline")]
    Read {
        /// Where it should be.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is something else.
    #[error("{path} is no baseline: {reason}; hint: write one with --save-baseline")]
    NoBaseline {
        /// The file.
        path: String,
        /// What is wrong.
        reason: String,
    },
    /// The worlds differ.
    #[error(
        "{path} is a baseline of another scenario: it is of `{found}`, and {} not those of `{expected}`; hint: write a \
         new one with --save-baseline",
        listed(sections)
    )]
    OtherScenario {
        /// The file.
        path: String,
        /// The scenario that it is of.
        found: String,
        /// The scenario at hand.
        expected: String,
        /// What differs.
        sections: Vec<String>,
    },
    /// Too few for an interval.
    #[error(
        "{path} holds {found} replication(s), too few to judge regressions: it takes {FEWEST_REPLICATIONS}"
    )]
    TooFew {
        /// The file.
        path: String,
        /// How many.
        found: u32,
    },
}

fn listed(sections: &[String]) -> String {
    let names: Vec<String> = sections.iter().map(|section| format!("`{section}`")).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from(hash).to_hex().to_string()
}

impl Baseline {
    /// The values of replications that have run.
    pub fn new(scenario: &Scenario, replications: &[Replication], instructions: Option<u64>) -> Self {
        let mut metrics: IndexMap<String, Vec<Option<f64>>> = IndexMap::new();
        for replication in replications {
            for metric in replication.summary.iter().chain(&replication.per_device) {
                metrics.entry(metric.name.clone()).or_default().push(metric.value);
            }
        }
        Self {
            kind: KIND.to_owned(),
            version: VERSION.to_owned(),
            scenario: scenario.name.clone(),
            scenario_hash: hex(scenario.digest()),
            seed: scenario.seed,
            replications: replications.len() as u32,
            sections: scenario.sections.clone(),
            figures: hex(scenario.figures_digest()),
            arrivals: replications.iter().map(|replication| replication.course.arrivals).collect(),
            instructions,
            metrics,
        }
    }

    /// The file's text.
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("a baseline has texts as keys");
        text.push('\n');
        text
    }

    /// Reads a baseline.
    pub fn load(path: &Path) -> Result<Self, BaselineError> {
        let shown = path.display().to_string();
        let text =
            fs::read_to_string(path).map_err(|source| BaselineError::Read { path: shown.clone(), source })?;
        Self::from_json(&text).map_err(|reason| BaselineError::NoBaseline { path: shown, reason })
    }

    fn from_json(text: &str) -> Result<Self, String> {
        let baseline: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        if baseline.kind != KIND {
            return Err(format!("`kind` is not `{KIND}`"));
        }
        let whole = |count: usize| count == baseline.replications as usize;
        let short = baseline.metrics.iter().find(|(_, values)| !whole(values.len()));
        match short {
            Some((name, values)) => Err(format!(
                "`{name}` has {} values for {} replications",
                values.len(),
                baseline.replications
            )),
            None if !whole(baseline.arrivals.len()) => {
                Err("`arrivals` does not fit the replications".to_owned())
            }
            None => Ok(baseline),
        }
    }

    /// Whether replications of `scenario` can be paired with those of this baseline; `path` names it in errors.
    pub fn check(&self, path: &Path, scenario: &Scenario) -> Result<(), BaselineError> {
        let path = path.display().to_string();
        let differing = self.differing(scenario, |key| !NOT_OF_THE_WORLD.contains(&key));
        if !differing.is_empty() {
            return Err(BaselineError::OtherScenario {
                path,
                found: self.scenario.clone(),
                expected: scenario.name.clone(),
                sections: differing,
            });
        }
        if self.replications < FEWEST_REPLICATIONS {
            return Err(BaselineError::TooFew { path, found: self.replications });
        }
        Ok(())
    }

    fn differing(&self, scenario: &Scenario, which: impl Fn(&str) -> bool) -> Vec<String> {
        let keys: BTreeSet<&String> = self.sections.keys().chain(scenario.sections.keys()).collect();
        let differs = |key: &&&String| self.sections.get(**key) != scenario.sections.get(**key);
        keys.iter().filter(|key| which(key)).filter(differs).map(|key| (*key).clone()).collect()
    }

    /// What the reader of regressions should know.
    pub fn notes(&self, scenario: &Scenario, replications: &[Replication]) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.differing(scenario, |key| key == "allocator").is_empty() {
            notes.push("the allocator's settings are not those of the baseline".to_owned());
        }
        if hex(scenario.figures_digest()) != self.figures {
            notes.push("the figures of devices or circuits changed since the baseline".to_owned());
        }
        let paired = self.arrivals.len().min(replications.len());
        let arrivals = replications.iter().map(|replication| replication.course.arrivals);
        if scenario.seed != self.seed {
            notes.push(format!(
                "the baseline has seed {}, not {}: other worlds, so that only large differences are seen",
                self.seed, scenario.seed
            ));
        } else if !arrivals.take(paired).eq(self.arrivals.iter().copied().take(paired)) {
            notes.push("other jobs arrive than for the baseline, with the same seed".to_owned());
        }
        if paired < replications.len() {
            notes.push(format!("the baseline has {paired} replications: later ones are not compared"));
        }
        notes
    }

    /// Compares replications with this baseline, by the listed metrics; `margin` is a share of the baseline's mean.
    pub fn regressions(&self, replications: &[Replication], metrics: &[Metric], margin: f64) -> Vec<Case> {
        let cases = metrics.iter().filter_map(|metric| {
            let before = self.metrics.get(&metric.name)?;
            let named = |replication: &Replication| {
                let all = replication.summary.iter().chain(&replication.per_device);
                all.into_iter().find(|value| value.name == metric.name)?.value
            };
            let after: Vec<Option<f64>> = replications.iter().map(named).collect();
            Some(regression(metric, before, &after, margin))
        });
        cases.collect()
    }
}

/// The metric of a target as one to compare by; `None` when it has no better and worse, or is wall-clock time.
pub fn metric_of(measure: &Measure) -> Option<Metric> {
    let Measure::Simulated { def, .. } = measure else { return None };
    match def.better {
        Better::Higher => Some(Metric::higher(measure.to_string())),
        Better::Lower => Some(Metric::lower(measure.to_string())),
        Better::Neutral => None,
    }
}

/// The verdict on one metric, from its values per replication.
pub fn regression(metric: &Metric, before: &[Option<f64>], after: &[Option<f64>], margin: f64) -> Case {
    let paired = paired_difference(before, after, LEVEL);
    let judged = paired.filter(|paired| paired.pairs >= FEWEST_REPLICATIONS as usize);
    let pairs = paired.map_or(0, |paired| paired.pairs);
    let (outcome, interval, note) = match judged.and_then(|paired| Some((paired, paired.interval?))) {
        None => (Outcome::Inconclusive, None, format!("both have a value in {pairs} replication(s) only")),
        Some((paired, Interval { low, high })) => {
            let scale = paired.baseline_mean.abs();
            let limit = margin * scale;
            // Of what is bad: (least, most).
            let (least, most) = match metric.direction {
                Direction::LowerIsBetter => (low, high),
                Direction::HigherIsBetter => (-high, -low),
            };
            let outcome = match (least > limit, most <= limit) {
                (true, _) => Outcome::Missed,
                (_, true) => Outcome::Met,
                _ => Outcome::Inconclusive,
            };
            let note = if most < -limit { "better".to_owned() } else { String::new() };
            let relative = (scale > 0.0).then(|| Interval { low: low / scale, high: high / scale });
            (outcome, relative, note)
        }
    };
    Case {
        group: Group::Regression,
        name: metric.name.clone(),
        requirement: format!("at most {} % worse", margin * 100.0),
        value: paired.map(|paired| paired.variant_mean),
        baseline: paired.map(|paired| paired.baseline_mean),
        interval,
        outcome,
        // An open question is no regression: the rule is to fail on proof only.
        fails: outcome == Outcome::Missed,
        note,
        line: None,
    }
}
