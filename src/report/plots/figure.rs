//! A plot that is drawn, and why one is not.
//!
//! Promises files that are whole. Leaves drawing to the plots.

use std::io;
use std::path::{Path, PathBuf};

use crate::experiment::writing;

/// A finished plot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Figure {
    /// The vector picture; text is text.
    pub svg: String,
    /// The bitmap, an encoded PNG.
    pub png: Vec<u8>,
}

/// Why a plot could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PlotError {
    /// The backend failed.
    #[error("plot could not be drawn: {0}")]
    Drawing(String),
    /// A file could not be written.
    #[error("plot could not be written to {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl Figure {
    /// Writes `<dir>/<name>.svg` and `<dir>/<name>.png`.
    pub fn write(&self, dir: &Path, name: &str) -> Result<(), PlotError> {
        for (ending, bytes) in [("svg", self.svg.as_bytes()), ("png", self.png.as_slice())] {
            let path = dir.join(format!("{name}.{ending}"));
            writing::replace(&path, bytes).map_err(|source| PlotError::Write { path, source })?;
        }
        Ok(())
    }
}
