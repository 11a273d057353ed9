//! How starts are estimated.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How the starts of waiting jobs are estimated: by running copies of the allocator forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Estimates {
    /// Time between two rounds of estimates, at least 1s. Default 1m.
    pub every: Span,
    /// Futures that are drawn for each. Default 30.
    #[schemars(range(min = 10, max = 1000))]
    pub draws: u32,
    /// How far futures are looked into; who has not started by then has no estimate. Default 30d.
    pub horizon: Span,
}

impl Default for Estimates {
    fn default() -> Self {
        Self { every: Span::from_secs(60), draws: 30, horizon: Span::from_secs(30 * 24 * 3600) }
    }
}
