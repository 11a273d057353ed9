//! Files of jobs: tables with one row per job, traces in the standard workload format, `jobs.csv` of earlier runs.
//!
//! Promises that every job of the result is consistent in itself, and that whatever cannot be read is named with
//! file, line and column. Leaves replaying to [`crate::simulator::workload::replay`].
//!
//! Reading order: this file (what all formats share), `columns` (the columns of tables and what their cells mean),
//! `table`, `swf`, `trace`, `export`.

mod cells;
mod columns;
mod export;
mod swf;
mod table;
mod trace;

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::FleetDevice;
use super::document::crop;
use crate::time::Time;

pub use columns::{COLUMNS, ColumnDef};
pub use export::{ExportError, export};
pub use swf::{SwfHeader, read as read_swf};
pub use table::read as read_csv;
pub use trace::{is_trace, read as read_trace};

/// Most bytes that are read of a file of jobs, uncompressed: several hundred million jobs.
const MAX_BYTES: u64 = 32 << 30;

/// Why a file of jobs cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplayError {
    file: String,
    line: Option<u64>,
    /// Number from 1, and name.
    column: Option<(usize, String)>,
    message: String,
}

impl ReplayError {
    fn whole(message: impl Into<String>) -> Self {
        Self { file: String::new(), line: None, column: None, message: message.into() }
    }

    fn at(line: u64, message: impl Into<String>) -> Self {
        Self { line: Some(line), ..Self::whole(message) }
    }

    fn in_column(mut self, number: usize, name: &str) -> Self {
        self.column = Some((number, crop(name)));
        self
    }

    fn in_file(mut self, file: &str) -> Self {
        file.clone_into(&mut self.file);
        self
    }

    /// The line, from 1, if the error is about one.
    pub fn line(&self) -> Option<u64> {
        self.line
    }
}

impl std::error::Error for ReplayError {}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some((number, name)) = &self.column {
            write!(f, ": column {number} (`{name}`)")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// What references in a file of jobs are looked up in.
#[derive(Debug, Clone, Copy)]
pub struct Surroundings<'a> {
    /// The fleet, whose devices are named; `None` to take any name.
    pub fleet: Option<&'a [FleetDevice]>,
    /// Where paths of circuits begin.
    pub base_dir: &'a Path,
}

/// What is taken of a file of jobs, whatever its format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// Only the first jobs by submission.
    pub limit: Option<u64>,
    /// Factor on all times of submission.
    pub time_scale: f64,
}

impl Taken {
    /// All jobs, as they are.
    pub const ALL: Self = Self { limit: None, time_scale: 1.0 };

    fn scaled(self, at: Time) -> Time {
        if self.time_scale == 1.0 {
            return at;
        }
        // Floats saturate where they become integers.
        Time((at.0 as f64 * self.time_scale).round() as u64)
    }
}

/// Reads the file at `path` with `read`, uncompressed, and hashes what was read. Errors name the file as `shown`.
pub fn with_file<T>(
    path: &Path,
    read: impl FnOnce(&mut Hashed<Box<dyn BufRead>>) -> Result<T, ReplayError>,
) -> Result<T, ReplayError> {
    let shown = path.display().to_string();
    let failed = |error: io::Error| ReplayError::whole(reason(&error)).in_file(&shown);
    let file = File::open(path).map_err(failed)?;
    if file.metadata().map_err(failed)?.is_dir() {
        return Err(ReplayError::whole("it is a directory").in_file(&shown));
    }
    let mut raw = BufReader::with_capacity(1 << 18, file);
    let compressed = raw.fill_buf().map_err(failed)?.starts_with(&[0x1f, 0x8b]);
    let plain: Box<dyn BufRead> = if compressed {
        Box::new(BufReader::with_capacity(1 << 18, flate2::bufread::MultiGzDecoder::new(raw)))
    } else {
        Box::new(raw)
    };
    read(&mut Hashed::new(plain)).map_err(|error| error.in_file(&shown))
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "there is no such file; hint: paths are relative to the scenario".to_owned()
        }
        _ => format!("cannot read: {error}"),
    }
}

/// Bytes on their way, with their hash.
pub struct Hashed<R> {
    inner: io::Take<R>,
    hasher: blake3::Hasher,
}

impl<R: BufRead> Hashed<R> {
    /// Hashes what is read from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner: inner.take(MAX_BYTES), hasher: blake3::Hasher::new() }
    }

    /// The hash of everything read so far.
    pub fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

impl<R> fmt::Debug for Hashed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashed").finish_non_exhaustive()
    }
}
