//! How far a run is from its end, and how it ended. Leaves the judgement to the file `ending`.

use serde::{Deserialize, Serialize};

use crate::time::Time;

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// As the scenario asked: at its horizon, or, draining, with its last job.
    Complete,
    /// At the limit of its draining, while jobs had not ended.
    CutOff,
    /// Nothing was left that could let a waiting job start.
    Stuck,
}

/// What is known of how far a run is from its end.
#[derive(Debug, Default)]
pub(super) struct Progress {
    /// No more jobs will come.
    pub exhausted: bool,
    /// The horizon is behind us.
    pub past_horizon: bool,
    /// Happenings on the agenda that could let a job start or end it: all but samples and marks of time.
    pub pending: u64,
    /// Devices that have not joined yet.
    pub joining: u64,
    /// When a job arrived, started or ended last, or what could have helped one came last.
    pub moved_at: Time,
    /// Set when the run is over.
    pub ending: Option<Ending>,
}
