//! How much of the machines a group, a project or a user may have at a time, and in a period.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// The most that all jobs of a group, a project or a user may have at a time. What is not stated has no limit. A job counts
/// for its user, its project and its group; it starts when none of them would have too much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Quota {
    /// Qubits that its jobs hold or are promised.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qubits: Option<u32>,
    /// Jobs that run or are promised a start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub jobs: Option<u32>,
    /// Qubits that its jobs hold, times for how long, in a period. Default: no limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub qubit_seconds: Option<QubitSeconds>,
    /// Jobs that may still wait when those that can start have started; the latest beyond are rejected. Jobs that wait again
    /// after they lost their device count, but are not rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<u32>,
    /// What it may have beyond its quota, as long as those beside it leave it unused. Default nothing.
    #[serde(skip_serializing_if = "Borrow::is_none")]
    pub borrow: Borrow,
}

/// What jobs may use in a period that slides. A job counts from its start: at first for the qubits that it holds times the time
/// that it states (`estimated_duration`) or, where starts are promised, else is taken to run, and when it has ended, times the
/// time that it held them; not at all if its hardware ended it. It starts when that and what counts already are together not more than the limit; a job that
/// states no time, when anything is left. So jobs that state none, or run longer than they state, may exceed it, and no others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QubitSeconds {
    /// The length of the period: how long a job counts from its start, and at most 1/32 longer, since it leaves with others.
    pub per: Span,
    /// The most, in qubit-seconds.
    #[schemars(range(min = 1))]
    pub at_most: u64,
}

/// What may be had beyond a quota: as long as all together have no more than the quota of whom they belong to or, where that has
/// none, than the sum of the quotas of all siblings that have one. Who lends gets it back when the jobs have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Borrow {
    /// Qubits. Default 0.
    pub qubits: u32,
    /// Jobs. Default 0.
    pub jobs: u32,
}

impl Borrow {
    /// Whether nothing may be borrowed.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

impl Quota {
    /// Whether there are no limits.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// Whether it has a period in which nothing is possible, or none.
    pub(super) fn has_empty_period(&self) -> bool {
        self.qubit_seconds.is_some_and(|QubitSeconds { per, at_most }| per == Span::ZERO || at_most == 0)
    }

    /// What is borrowed beyond no quota, if anything.
    pub(super) fn borrows_beyond_nothing(&self) -> Option<&'static str> {
        let qubits = self.qubits.is_none() && self.borrow.qubits > 0;
        let jobs = self.jobs.is_none() && self.borrow.jobs > 0;
        if qubits { Some("qubits") } else { jobs.then_some("jobs") }
    }
}
