//! Why a folder of results cannot be read.
//!
//! Promises messages that name the file, the line, the column or key, and what to do. Damaged files end here, never in
//! a panic.

use std::io;
use std::path::{Path, PathBuf};

use crate::simulator::csv_reader::RowError;

/// Why a folder of results, or a file of it, cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no such folder.
    #[error("{} is no folder; hint: name the folder that `rmsim run` or `rmsim compare` wrote", .0.display())]
    NoFolder(PathBuf),
    /// The folder holds something else.
    #[error(
        "{} holds no run: it has no manifest.json; hint: name the folder that `rmsim run` or `rmsim compare` wrote",
        .0.display()
    )]
    NoRun(PathBuf),
    /// The run was interrupted.
    #[error("the run in {} was not finished; hint: run it again into the same folder", .0.display())]
    Unfinished(PathBuf),
    /// A file that every finished run has is missing.
    #[error("{} is missing; hint: run it again into the same folder", .0.display())]
    Missing(PathBuf),
    /// The file system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A JSON file is damaged.
    #[error("{}:{line}:{column}: {message}", path.display())]
    Json {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
        /// The key and what is wrong with it.
        message: String,
    },
    /// A CSV file is damaged.
    #[error("{}:{line}: {message}", path.display())]
    Csv {
        /// The file.
        path: PathBuf,
        /// Line, from 1.
        line: u64,
        /// The column and what is wrong with it.
        message: String,
    },
    /// The part of the run that was asked for does not exist, or holds nothing.
    #[error("{0}")]
    Window(String),
    /// The values of a file contradict each other.
    #[error("{}: {message}", path.display())]
    Contradiction {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        message: String,
    },
}

impl ReadError {
    /// The error of a failed read; a file that does not exist is [`Self::Missing`].
    pub(super) fn io(path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound {
            return Self::Missing(path.to_owned());
        }
        Self::Io { path: path.to_owned(), source }
    }

    /// A row that cannot be read.
    pub(super) fn row(path: &Path, error: RowError) -> Self {
        Self::Csv { path: path.to_owned(), line: error.line.unwrap_or(1), message: error.message }
    }

    /// The error of a row whose cells are not what they should be; `columns` are the names of the header.
    pub(super) fn csv(path: &Path, error: csv::Error, columns: &[String]) -> Self {
        let position = error.position().map(csv::Position::line);
        let message = match error.into_kind() {
            csv::ErrorKind::Deserialize { err, .. } => {
                let column = column_name(columns, err.field().and_then(|field| usize::try_from(field).ok()));
                format!("{column}{}", err.kind())
            }
            other => format!("{other:?}"),
        };
        Self::Csv { path: path.to_owned(), line: position.unwrap_or(1), message }
    }
}

fn column_name(columns: &[String], field: Option<usize>) -> String {
    match field {
        Some(field) => match columns.get(field) {
            Some(name) => format!("column {} (`{name}`): ", field + 1),
            None => format!("column {}: ", field + 1),
        },
        None => String::new(),
    }
}
