//! What a page is asked for, and what it is.
//!
//! Promises nothing: plain values. Leaves making it to the pages of runs and of comparisons.

use crate::time::Time;

/// What to show of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Which replication the plots, devices and tenants are of; `None` for the first that wrote traces.
    pub replication: Option<u32>,
    /// From when on the schedules show who holds which qubits; what runs already at this time is there.
    pub from: Option<Time>,
    /// Until when they do; what begins at this time or later is left out.
    pub until: Option<Time>,
}

/// A finished page.
#[derive(Debug, Clone)]
pub struct Page {
    /// The whole file.
    pub html: String,
    /// What the page lacks, and how to get it.
    pub missing: Vec<String>,
}
