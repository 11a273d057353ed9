//! Verdicts on a scenario for continuous integration: its targets, regressions against a baseline, speed.
//!
//! Promises that a case fails only when the evidence as a whole says so: an interval across the bound is inconclusive.
//! Leaves running the replications to [`super::run`], and tables, JUnit and annotations to the report.

pub mod baseline;
mod case;
pub mod regression;
pub mod speed;
mod targets;

use serde::Serialize;

use super::notes::{Course, all_alike};
use crate::simulator::scenario::Scenario;

pub use case::{Case, FEWEST_REPLICATIONS, Group, Outcome};
pub use targets::{judge, targets};

/// The verdicts of one check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// Name of the scenario.
    pub scenario: String,
    /// Path of its file; `None` for the built-in one.
    pub file: Option<String>,
    /// Version of this program.
    pub version: String,
    /// Root of all randomness.
    pub seed: u64,
    /// Replications.
    pub replications: u32,
    /// Whether no case fails.
    pub passed: bool,
    /// Whether nothing is random, so that all of this holds for one world only.
    pub one_world: bool,
    /// The cases, in the order of the table.
    pub cases: Vec<Case>,
    /// What the reader should know of the evidence.
    pub notes: Vec<String>,
}

impl Report {
    /// A report on `cases`, made of replications with these courses.
    pub fn new(
        scenario: &Scenario,
        file: Option<String>,
        courses: &[Course],
        cases: Vec<Case>,
        notes: Vec<String>,
    ) -> Self {
        Self {
            scenario: scenario.name.clone(),
            file,
            version: super::version::VERSION.to_owned(),
            seed: scenario.seed,
            replications: scenario.replications,
            passed: cases.iter().all(|case| !case.fails),
            one_world: all_alike(courses),
            cases,
            notes,
        }
    }

    /// How many cases fail.
    pub fn failures(&self) -> usize {
        self.cases.iter().filter(|case| case.fails).count()
    }

    /// How many cases are open and do not fail.
    pub fn open(&self) -> usize {
        self.passing(Outcome::Inconclusive)
    }

    /// How many cases were not judged and do not fail.
    pub fn not_judged(&self) -> usize {
        self.passing(Outcome::NotJudged)
    }

    fn passing(&self, outcome: Outcome) -> usize {
        self.cases.iter().filter(|case| case.outcome == outcome && !case.fails).count()
    }

    /// The report as JSON, indented.
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report has no map with keys that are no texts")
    }
}

/// Why a check cannot begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotReady {
    /// No targets and nothing else to do.
    #[error(
        "the scenario `{0}` has no targets; hint: add some, as in targets: {{waiting_time_s: {{p95: \"< 600\"}}}}, or \
         give --baseline"
    )]
    NoTargets(String),
    /// Too few for an interval.
    #[error(
        "{replications} replication(s) are too few to judge {what}: it takes {FEWEST_REPLICATIONS}; hint: replications: \
         10 in the scenario, or --replications 10"
    )]
    TooFew {
        /// How many there are.
        replications: u32,
        /// What needs more.
        what: String,
    },
}

/// Whether a scenario can be checked: it has something to judge, and replications enough for it.
pub fn ready(scenario: &Scenario, with_baseline: bool, anything_else: bool) -> Result<(), NotReady> {
    if scenario.targets.is_empty() && !with_baseline && !anything_else {
        return Err(NotReady::NoTargets(scenario.name.clone()));
    }
    if scenario.replications >= FEWEST_REPLICATIONS {
        return Ok(());
    }
    let inexact = scenario.targets.iter().find(|target| !targets::is_exact(target));
    let what = match inexact {
        Some(target) => format!("the target `{}: \"{}\"`", target.measure, target.bound),
        None if with_baseline => "regressions".to_owned(),
        None => return Ok(()),
    };
    Err(NotReady::TooFew { replications: scenario.replications, what })
}
