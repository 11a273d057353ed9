//! The page of a run or a comparison: one HTML file that works without network access.
//!
//! Promises a page whose text comes from the run folder alone, everything that users wrote escaped (by the templates,
//! and by `shell::json_for_script` for data), and a bounded size: large runs are thinned out, and the page says so.
//! Leaves writing the file to the binary, drawing to the scripts in `assets/`.

mod attempts;
mod collect;
mod comparison_page;
mod devices;
mod distributions;
mod glossary;
mod manifest;
mod run_page;
mod schedule;
mod shell;
mod tenants;
#[cfg(test)]
mod tests;
mod timeline;

use crate::experiment::reading::{ReadError, Results};
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

/// The page of a folder of results.
pub fn page(results: &Results, options: &Options) -> Result<Page, ReadError> {
    match results {
        Results::Run(files) => run_page::page(files, options),
        Results::Comparison(files) => comparison_page::page(files),
    }
}
