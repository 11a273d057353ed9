//! How long jobs are taken to run, and what happens to those that run longer.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How long jobs are taken to run, and what happens at the end of the walltime that a job states (`estimated_duration`).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Walltime {
    /// Stop the job, or let it run on. Default stop.
    pub exceeded: WalltimeExceeded,
    /// Time added to every walltime before that happens. Default 0s.
    pub grace: Span,
    /// How long jobs that state no walltime are taken to run. Nobody is stopped, refused or charged for an estimate: it
    /// serves promises of starts alone. Default `{model: 1.5}`.
    pub estimate: WalltimeEstimate,
}

/// How long a job that states no walltime is taken to run.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WalltimeEstimate {
    /// Nobody knows: it never passes a promise that it could meet, and behind it a promise is a place without an instant.
    None,
    /// So many times, 0.01 to 1,000, what its device takes for its circuits, shots and depth by the constants that are
    /// published of it, corrected by what finished jobs of about the same length have taken there.
    Model(#[schemars(range(min = 0.01, max = 1000.0))] f64),
}

impl Default for Walltime {
    fn default() -> Self {
        Self { exceeded: WalltimeExceeded::Stop, grace: Span::ZERO, estimate: WalltimeEstimate::Model(1.5) }
    }
}

/// What happens to a job beyond its walltime.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum WalltimeExceeded {
    /// It is asked to stop, and fails.
    #[default]
    Stop,
    /// It runs on.
    Continue,
}
