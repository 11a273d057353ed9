//! Sweeps: every combination of settings in several replications, on one machine or many.
//!
//! Promises cells that are independent and named by their content, so that a killed sweep resumes, shards never look
//! at each other, and merged tables are the same bytes for any number of shards. Reading order: [`mod@file`] (the keys of a
//! plan), [`plan`], [`listing`] (its cells), [`cell`], [`runner`], [`tables`] and [`merge`].

pub mod cell;
mod conditions;
pub mod file;
pub mod listing;
pub mod merge;
mod overlaps;
pub mod plan;
pub mod runner;
pub mod tables;

use std::io;
use std::path::PathBuf;

use crate::config_file::ConfigFileError;

/// Why a sweep cannot be run or merged.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The plan, or a scenario of it, is wrong.
    #[error(transparent)]
    Plan(#[from] ConfigFileError),
    /// The folder holds something else.
    #[error("{} holds the sweep `{found}`, not `{wanted}`; hint: choose another --out, or give it up with --force", path.display())]
    OtherSweep {
        /// The folder.
        path: PathBuf,
        /// Its sweep.
        found: String,
        /// The sweep that was to be written there.
        wanted: String,
    },
    /// The folder holds files that are no sweep.
    #[error("{} is not empty and holds no sweep; hint: choose another --out, or write there with --force", .0.display())]
    Foreign(PathBuf),
    /// The path is a file.
    #[error("{} is a file; hint: name a folder", .0.display())]
    IsFile(PathBuf),
    /// There is nothing to merge.
    #[error("{} holds no sweep that can be read: {reason}; hint: `rmsim sweep PLAN --out {}` makes one", path.display(), path.display())]
    NoSweep {
        /// The folder.
        path: PathBuf,
        /// What is wrong with its list.
        reason: String,
    },
    /// Folders of different plans.
    #[error("{} and {} hold different plans; hint: shards of one sweep come from one plan and one version", first.display(), second.display())]
    OtherPlan {
        /// The first folder.
        first: PathBuf,
        /// The one that does not fit.
        second: PathBuf,
    },
    /// Cells are not there, or damaged.
    #[error("{missing} of {total} cells are missing\n{list}\nhint: `{command}` makes them")]
    Missing {
        /// How many are missing.
        missing: usize,
        /// How many there should be.
        total: usize,
        /// Some of them, one per line.
        list: String,
        /// What makes them.
        command: String,
    },
    /// Cells that could not be run.
    #[error("{failed} cells could not be run\n{list}")]
    Cells {
        /// How many.
        failed: usize,
        /// Some of them with their reasons, one per line.
        list: String,
    },
    /// The threads could not be started.
    #[error("cannot start {0} threads")]
    Threads(usize),
    /// The file system refused.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// What was to be written.
        path: PathBuf,
        /// Why it could not be.
        source: io::Error,
    },
    /// A table names what no cell has.
    #[error(
        "cell {cell} has no metric `{metric}`; hint: it may belong to another version; repeat it with --force"
    )]
    NoMetric {
        /// The cell.
        cell: String,
        /// The metric.
        metric: String,
    },
}

impl SweepError {
    /// Whether the user's input is to blame, rather than the run.
    pub fn is_input(&self) -> bool {
        matches!(
            self,
            Self::Plan(_)
                | Self::OtherSweep { .. }
                | Self::Foreign(_)
                | Self::IsFile(_)
                | Self::NoSweep { .. }
                | Self::OtherPlan { .. }
        )
    }
}

/// At most so many cells are named in a message.
const NAMED: usize = 10;

/// The first few lines of a long list.
fn shown(lines: &[String]) -> String {
    let mut text = lines.iter().take(NAMED).map(|line| format!("  {line}")).collect::<Vec<_>>().join("\n");
    if lines.len() > NAMED {
        text.push_str(&format!("\n  and {} more", lines.len() - NAMED));
    }
    text
}

#[cfg(test)]
mod tests;
