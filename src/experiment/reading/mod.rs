//! Reads the folder that a run or a comparison left behind.
//!
//! Promises typed values, or an error that names file, line and column; never a panic on a damaged file. Leaves what
//! is made of the values to the reports.

mod documents;
mod error;
mod rows;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use documents::{
    Host, Manifest, ManifestDevice, ManifestVariant, MeasuredValue, Program, Summary, coupling_text,
    known_metrics,
};
pub use error::ReadError;
pub use rows::{EventRow, Fields, JobRow, ReplicationRow, Row, TimelineRow, each_row, each_row_if};

use super::comparison::Comparison;

/// What a folder of results holds.
#[derive(Debug, Clone)]
pub enum Results {
    /// The replications of one scenario.
    Run(Box<RunFiles>),
    /// Variants on the same worlds.
    Comparison(Box<ComparisonFiles>),
}

/// The folder of a run. Tables are read on demand: they may be large, or missing.
#[derive(Debug, Clone)]
pub struct RunFiles {
    path: PathBuf,
    /// What ran.
    pub manifest: Manifest,
    /// What it measured.
    pub summary: Summary,
    /// Wall-clock figures, if there are any.
    pub performance: Option<Summary>,
}

/// The folder of a comparison.
#[derive(Debug, Clone)]
pub struct ComparisonFiles {
    path: PathBuf,
    /// What ran.
    pub manifest: Manifest,
    /// Differences and verdicts.
    pub comparison: Comparison,
}

impl Results {
    /// Opens a folder of results.
    pub fn open(path: &Path) -> Result<Self, ReadError> {
        if !path.is_dir() {
            return Err(ReadError::NoFolder(path.to_owned()));
        }
        let manifest = path.join("manifest.json");
        if !manifest.is_file() {
            return Err(ReadError::NoRun(path.to_owned()));
        }
        let manifest: Manifest = documents::read_json(&manifest)?;
        if manifest.finished_at.is_none() {
            return Err(ReadError::Unfinished(path.to_owned()));
        }
        let comparison = path.join("comparison.json");
        if comparison.is_file() {
            let comparison = documents::read_json(&comparison)?;
            return Ok(Self::Comparison(Box::new(ComparisonFiles {
                path: path.to_owned(),
                manifest,
                comparison,
            })));
        }
        let summary = documents::read_json(&path.join("summary.json"))?;
        let performance = path.join("performance.json");
        let performance =
            if performance.is_file() { Some(documents::read_json(&performance)?) } else { None };
        Ok(Self::Run(Box::new(RunFiles { path: path.to_owned(), manifest, summary, performance })))
    }
}

impl RunFiles {
    /// Where `jobs.csv` lies, if the run wrote it.
    pub fn jobs(&self) -> Option<PathBuf> {
        existing(&self.path, "jobs.csv")
    }

    /// Where `timeline.csv` lies, if the run wrote it.
    pub fn timeline(&self) -> Option<PathBuf> {
        existing(&self.path, "timeline.csv")
    }

    /// Where `events.csv` lies, if the run wrote it.
    pub fn events(&self) -> Option<PathBuf> {
        existing(&self.path, "events.csv")
    }

    /// Where `manifest.json` lies.
    pub fn manifest_path(&self) -> PathBuf {
        self.path.join("manifest.json")
    }
}

impl ComparisonFiles {
    /// Where `replications.csv` lies, if it is there.
    pub fn replications(&self) -> Option<PathBuf> {
        existing(&self.path, "replications.csv")
    }
}

fn existing(folder: &Path, name: &str) -> Option<PathBuf> {
    Some(folder.join(name)).filter(|path| path.is_file())
}
