//! One requirement of a check and what the evidence says about it.
//!
//! Promises words that are the same in tables and files. Leaves judging to [`super::targets`] and its
//! neighbours.

use serde::Serialize;

use crate::experiment::statistics::Interval;

/// Fewest replications whose interval is worth a verdict.
pub const FEWEST_REPLICATIONS: u32 = 5;

/// What a case is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The promises of the allocator, by the auditor.
    Promises,
    /// A target of the scenario.
    Target,
    /// A metric against a baseline.
    Regression,
    /// The time or instructions of the allocator.
    Speed,
}

impl Group {
    /// The word in tables and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Promises => "promises",
            Self::Target => "target",
            Self::Regression => "regression",
            Self::Speed => "speed",
        }
    }
}

/// What the evidence says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The whole interval lies on the good side.
    Met,
    /// The whole interval lies on the bad side.
    Missed,
    /// The interval lies across the bound.
    Inconclusive,
    /// There is nothing to judge by: no value, or none that stands for all jobs.
    NotJudged,
}

impl Outcome {
    /// The word in tables and files.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Met => "met",
            Self::Missed => "missed",
            Self::Inconclusive => "inconclusive",
            Self::NotJudged => "not judged",
        }
    }
}

/// One requirement and its verdict.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Case {
    /// What it is about.
    pub group: Group,
    /// The metric, with statistic or device.
    pub name: String,
    /// What was required: `< 600`.
    pub requirement: String,
    /// Mean over the replications; with a baseline, over those in which both have a value.
    pub value: Option<f64>,
    /// Mean of the baseline.
    pub baseline: Option<f64>,
    /// Interval of `value`; with a baseline, of the change as a share of the baseline's mean.
    pub interval: Option<Interval>,
    /// The verdict.
    pub outcome: Outcome,
    /// Whether it fails the check.
    pub fails: bool,
    /// What else there is to say; may be empty.
    pub note: String,
    /// Line of the scenario file.
    pub line: Option<u32>,
}
