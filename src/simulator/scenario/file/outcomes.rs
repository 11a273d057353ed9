//! How jobs end, in a scenario file: for all jobs, or for those of a template.
//!
//! Promises types and spelling. Leaves what fits together to `resolve`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::simulator::workload::distribution::{Draw, Law};
use crate::time::Span;

/// How jobs end, as shares of all jobs; the rest is completed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutcomesFile {
    /// Share of jobs that their owners withdraw, 0 to 1. Default 0.
    #[schemars(range(min = 0, max = 1))]
    pub cancelled: f64,
    /// How long after its arrival such a job is withdrawn, drawn; one that has ended by then ended as it did. Default
    /// {exponential: {mean: 2s}}: an assumption, short enough that most of the share comes about where nobody waits.
    pub cancel_after: Draw<Span>,
    /// Share of jobs that end with an error of their own, after a uniformly drawn share of their run time, 0 to 1.
    /// Default 0.
    #[schemars(range(min = 0, max = 1))]
    pub error: f64,
}

impl Default for OutcomesFile {
    fn default() -> Self {
        Self {
            cancelled: 0.0,
            cancel_after: Draw::Law(Law::Exponential { mean: Span::from_secs(2), min: None, max: None }),
            error: 0.0,
        }
    }
}
