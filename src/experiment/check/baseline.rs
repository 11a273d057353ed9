//! Values of an earlier version, kept in a file, and regressions against them.
//!
//! Promises pairs of the same replication in the same world, measured over the same interval, and a failure only when the
//! whole 99.9 % interval of the difference lies beyond the margin on the bad side, or when what was asked for cannot be
//! judged. A baseline of other worlds is refused; other settings of the allocator are what may be compared. Leaves the
//! verdict on one metric to [`super::regression`] and speed to [`super::speed`].

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use super::regression::{Ground, Side, regression};
use super::{Case, FEWEST_REPLICATIONS};
use crate::experiment::comparison::Metric;
use crate::experiment::evidence::NOT_OF_THE_WORLD;
use crate::experiment::notes::{Course, all_alike};
use crate::experiment::run::{Replication, courses};
use crate::experiment::version::VERSION;
use crate::input_file;
use crate::observe::metrics::{Better, METRICS, MetricDef};
use crate::simulator::scenario::{Measure, Scenario, WarmUp};
use crate::simulator::simulation::Ending;

/// Largest baseline that is read.
const BYTES_MAX: usize = 256 << 20;

/// What the first key of a baseline says.
const KIND: &str = "rmsim baseline";

/// Metrics that an error names.
const NAMED: usize = 8;

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
    /// Hash of the recorded jobs, where they come from a file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jobs: Option<String>,
    /// What was left out at the beginning: with `warm_up: auto`, what the pilot run found. It belongs to the values, since
    /// a pilot of another version may find another one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// Hash of what each metric means.
    #[serde(default)]
    pub meanings: BTreeMap<String, String>,
    /// How each replication went.
    #[serde(default)]
    pub courses: Vec<Course>,
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
    /// The recorded jobs differ.
    #[error(
        "{path} is a baseline of other jobs: the content of `{file}` changed since; hint: write a new one with \
         --save-baseline"
    )]
    OtherJobs {
        /// The file of the baseline.
        path: String,
        /// The file of the jobs.
        file: String,
    },
    /// The figures of devices or circuits differ.
    #[error(
        "{path} is a baseline of other figures: those of the devices ({devices}) or of circuits changed since; hint: \
         write a new one with --save-baseline"
    )]
    OtherFigures {
        /// The file of the baseline.
        path: String,
        /// The devices of the fleet.
        devices: String,
    },
    /// The measured interval is not known.
    #[error(
        "{path} does not say which warm-up it left out, and `warm_up: auto` may find another one now; hint: write a new \
         one with --save-baseline, or a fixed warm_up"
    )]
    NoWarmUp {
        /// The file.
        path: String,
    },
    /// It lacks metrics.
    #[error(
        "{path} has no values of {}; hint: write a new one with --save-baseline{}",
        some_of(missing),
        if *all { "" } else { ", or choose with --metric what it has" }
    )]
    NoMetric {
        /// The file.
        path: String,
        /// What it lacks.
        missing: Vec<String>,
        /// Whether it has none of the metrics.
        all: bool,
    },
    /// Its replications measured nothing.
    #[error(
        "{path} is a baseline of nothing: in {empty} of its {replications} replications no job came after the warm-up; \
         hint: shorten warm_up and write a new one with --save-baseline"
    )]
    Empty {
        /// The file.
        path: String,
        /// Replications that measured nothing.
        empty: usize,
        /// All of them.
        replications: u32,
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

/// The first few names of a list.
fn some_of(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    let more = names.len() - shown.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}

fn listed(sections: &[String]) -> String {
    let names: Vec<String> = sections.iter().map(|section| format!("`{section}`")).collect();
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

fn hex(hash: [u8; 32]) -> String {
    blake3::Hash::from(hash).to_hex().to_string()
}

/// What a metric means, as a hash: when it changes, values of both meanings must not be compared.
fn meaning(def: &MetricDef) -> String {
    let text = format!("{}\n{}\n{}", def.name, def.unit, def.description);
    blake3::hash(text.as_bytes()).to_hex()[..16].to_owned()
}

/// The file of recorded jobs, as the scenario names it.
fn jobs_file(scenario: &Scenario) -> Option<String> {
    let sources = scenario.resolved.get("workload")?.as_object()?;
    let file = |source: &serde_json::Value| Some(source.get("file")?.as_str()?.to_owned());
    sources.values().find_map(file)
}

fn jobs_hash(scenario: &Scenario) -> Option<String> {
    scenario.workload.replay.as_ref().map(|replay| hex(replay.digest()))
}

impl Baseline {
    /// The values of replications of `scenario` that have run; its warm-up is no longer `auto`.
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
            jobs: jobs_hash(scenario),
            warm_up: (scenario.warm_up != WarmUp::Auto).then_some(scenario.warm_up),
            meanings: METRICS.iter().map(|def| (def.name.to_owned(), meaning(def))).collect(),
            arrivals: replications.iter().map(|replication| replication.course.arrivals).collect(),
            courses: courses(replications),
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
        let text = input_file::text(path, BYTES_MAX)
            .map_err(|source| BaselineError::Read { path: shown.clone(), source })?;
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
            None if !baseline.courses.is_empty() && !whole(baseline.courses.len()) => {
                Err("`courses` does not fit the replications".to_owned())
            }
            None => Ok(baseline),
        }
    }

    /// Whether replications of `scenario` can be paired with those of this baseline and compared by `metrics`; `path` names
    /// it in errors.
    pub fn check(&self, path: &Path, scenario: &Scenario, metrics: &[Metric]) -> Result<(), BaselineError> {
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
        if self.figures != hex(scenario.figures_digest()) {
            let devices: BTreeSet<&str> =
                scenario.fleet.iter().map(|device| device.spec.name.as_str()).collect();
            let known = self.jobs.is_none() || self.jobs == jobs_hash(scenario);
            return Err(match jobs_file(scenario) {
                Some(file) if !known => BaselineError::OtherJobs { path, file },
                _ => BaselineError::OtherFigures {
                    path,
                    devices: devices.into_iter().collect::<Vec<_>>().join(", "),
                },
            });
        }
        if scenario.warm_up == WarmUp::Auto && self.warm_up.is_none() {
            return Err(BaselineError::NoWarmUp { path });
        }
        if self.empty() > 0 {
            return Err(BaselineError::Empty { path, empty: self.empty(), replications: self.replications });
        }
        let lacks = |metric: &&Metric| !self.metrics.contains_key(&metric.name);
        let missing: Vec<String> = metrics.iter().filter(lacks).map(|metric| metric.name.clone()).collect();
        if !missing.is_empty() {
            let all = missing.len() == metrics.len();
            return Err(BaselineError::NoMetric { path, missing, all });
        }
        if self.replications < FEWEST_REPLICATIONS {
            return Err(BaselineError::TooFew { path, found: self.replications });
        }
        Ok(())
    }

    /// In how many replications nothing was measured.
    pub fn empty(&self) -> usize {
        self.courses.iter().filter(|course| course.is_empty()).count()
    }

    /// Replaces `warm_up: auto` by what was left out of this baseline, so that both measure the same interval; returns it
    /// where it did.
    pub fn fix_warm_up(&self, scenario: &mut Scenario) -> Option<WarmUp> {
        let found = self.warm_up.filter(|_| scenario.warm_up == WarmUp::Auto)?;
        scenario.warm_up = found;
        Some(found)
    }

    fn differing(&self, scenario: &Scenario, which: impl Fn(&str) -> bool) -> Vec<String> {
        let keys: BTreeSet<&String> = self.sections.keys().chain(scenario.sections.keys()).collect();
        let differs = |key: &&&String| self.sections.get(**key) != scenario.sections.get(**key);
        keys.iter().filter(|key| which(key)).filter(differs).map(|key| (*key).clone()).collect()
    }

    /// Whether replication r of both meets the same jobs.
    fn same_worlds(&self, scenario: &Scenario, replications: &[Replication]) -> bool {
        let arrivals = replications.iter().map(|replication| &replication.course.arrivals);
        scenario.seed == self.seed && arrivals.zip(&self.arrivals).all(|(now, before)| now == before)
    }

    /// What the reader of regressions should know.
    pub fn notes(&self, scenario: &Scenario, replications: &[Replication]) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.differing(scenario, |key| key == "allocator").is_empty() {
            notes.push("the allocator's settings are not those of the baseline".to_owned());
        }
        if self.version != VERSION {
            notes.push(format!(
                "the baseline was written by version {}, this is {VERSION}: defaults may be others",
                self.version
            ));
        }
        if scenario.seed != self.seed {
            notes.push(format!(
                "the baseline has seed {}, not {}: other worlds, so that only large differences are seen",
                self.seed, scenario.seed
            ));
        } else if !self.same_worlds(scenario, replications) {
            notes.push(
                "other jobs arrive than for the baseline, with the same seed: other worlds, so that only large \
                 differences are seen"
                    .to_owned(),
            );
        }
        let (before, now) = (self.arrivals.len(), replications.len());
        if before < now {
            notes.push(format!("the baseline has {before} replications: later ones are not compared"));
        }
        if now < before {
            notes.push(format!(
                "the baseline has {before} replications: those after the first {now} are not compared"
            ));
        }
        if self.courses.is_empty() {
            notes.push("the baseline does not say whether its replications ran to their end".to_owned());
        }
        notes
    }

    /// Compares replications of `scenario` with this baseline, by the listed metrics; `margin` is a share of the
    /// baseline's mean. What was `asked` for by name and cannot be judged fails.
    pub fn regressions(
        &self,
        scenario: &Scenario,
        replications: &[Replication],
        metrics: &[Metric],
        asked: impl Fn(&str) -> bool,
        margin: f64,
    ) -> Vec<Case> {
        let pairs = self.arrivals.len().min(replications.len());
        let replications = &replications[..pairs];
        let ground = Ground {
            same_worlds: self.same_worlds(scenario, replications),
            // A run that broke off is no ground for a pass, whatever was asked for.
            broken: courses(replications)
                .iter()
                .chain(&self.courses)
                .any(|course| course.is_empty() || course.ending != Ending::Complete),
            copies: all_alike(&courses(replications))
                && (self.courses.is_empty() || all_alike(&self.courses)),
        };
        let cases = metrics.iter().filter_map(|metric| {
            let (def, _) = MetricDef::find(&metric.name).ok()?;
            let before = self.metrics.get(&metric.name)?;
            let named = |replication: &Replication| {
                let all = replication.summary.iter().chain(&replication.per_device);
                all.into_iter().find(|value| value.name == metric.name)?.value
            };
            let after: Vec<Option<f64>> = replications.iter().map(named).collect();
            let censored = |courses: &[Course]| courses.iter().any(|course| course.censors(def.metric));
            let sides = [
                Side { values: &before[..pairs], censored: censored(&self.courses) },
                Side { values: &after, censored: censored(&courses(replications)) },
            ];
            let same_meaning = self.meanings.get(def.name).is_none_or(|before| *before == meaning(def));
            Some(regression(metric, sides, ground, same_meaning, asked(&metric.name), margin))
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
