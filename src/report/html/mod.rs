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
mod page;
mod run_page;
mod schedule;
mod shares;
mod shell;
mod tenants;
#[cfg(test)]
mod tests;
mod timeline;

use crate::experiment::reading::{ReadError, Results};
pub use page::{Options, Page};

/// The page of a folder of results.
pub fn page(results: &Results, options: &Options) -> Result<Page, ReadError> {
    match results {
        Results::Run(files) => run_page::page(files, options),
        Results::Comparison(files) => comparison_page::page(files),
    }
}
