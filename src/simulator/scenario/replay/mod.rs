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
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use super::file::replay::MissingEstimate;
use super::resolve::devices::DeviceNames;
use crate::config_file::shown::crop;
use crate::input_file;
use crate::simulator::csv_reader::RowError;
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::simulator::workload::replay::{Replay, ReplayBuilder, ReplayedJob};
use crate::time::{Span, Time};

pub use columns::{COLUMNS, ColumnDef};
pub use export::{ExportError, export};
pub use swf::{SwfHeader, read as read_swf};
pub use table::read as read_csv;
pub use trace::{TraceSettings, is_trace, read as read_trace};

/// Most bytes that are read of a file of jobs, uncompressed: a small compressed file may hold any number of them.
const BYTES_MAX: u64 = 8 << 30;

/// Most jobs of a file: some gigabytes of memory.
const JOBS_MAX: usize = 20_000_000;

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
    /// What devices may be called; `None` to take any name.
    pub names: Option<DeviceNames<'a>>,
    /// Where paths of circuits begin.
    pub base_dir: &'a Path,
}

/// What is taken of a file of jobs, whatever its format.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Taken {
    /// Only the first jobs by submission.
    pub limit: Option<u64>,
    /// Whether time begins with the first job.
    pub start_at_first_job: bool,
    /// What jobs state as their walltime of which none was recorded.
    pub missing_estimate: MissingEstimate,
    /// Factor on all times of submission, above 0.
    pub time_scale: f64,
}

impl Taken {
    /// All jobs, as they are.
    pub const ALL: Self = Self {
        limit: None,
        start_at_first_job: false,
        missing_estimate: MissingEstimate::Unlimited,
        time_scale: 1.0,
    };

    /// The jobs of a file with their times as asked for.
    fn of(self, mut builder: ReplayBuilder, digest: [u8; 32]) -> Result<Replay, ReplayError> {
        let jobs = builder.jobs_mut();
        let first = jobs.iter().map(|job| job.at).min().filter(|_| self.start_at_first_job);
        let first = first.unwrap_or(Time::ZERO);
        if self.missing_estimate == MissingEstimate::RunTime {
            for job in jobs.iter_mut().filter(|job| job.walltime.is_none()) {
                job.walltime = job.execution_time;
                job.walltime_supplied = job.walltime.is_some();
            }
        }
        for job in jobs.iter_mut() {
            let at = scaled(job.at.since(first), self.time_scale).map(|span| Time(span.0));
            job.at = at.filter(|at| ends(job, *at)).ok_or_else(|| {
                let message =
                    "the time_scale moves the end of a job beyond 584 years, more than a time can hold";
                ReplayError::whole(message)
            })?;
        }
        Ok(builder.finish(self.limit, digest))
    }
}

/// Whether a time can hold the end of a job that starts when it is submitted, the end of its patience, its deadline, and the
/// instant at which it is withdrawn.
fn ends(job: &ReplayedJob, at: Time) -> bool {
    let withdrawn = match job.outcome {
        PlannedOutcome::CancelledAfter(delay) => Some(delay),
        PlannedOutcome::Completes | PlannedOutcome::FailsAt(_) => None,
    };
    [job.execution_time, job.walltime, job.max_wait_time, job.deadline, withdrawn]
        .into_iter()
        .flatten()
        .all(|span| at.checked_add(span).is_some())
}

/// A span times a factor above 0, rounded to the nearest nanosecond; nothing where it is too long. In integers: the
/// product of a time and a double has more digits than a double.
fn scaled(span: Span, factor: f64) -> Option<Span> {
    let bits = factor.to_bits();
    // factor = mantissa x 2^exponent, both whole.
    let (fraction, power) = (bits & ((1 << 52) - 1), (bits >> 52) & 0x7ff);
    let mantissa = if power == 0 { fraction } else { fraction | 1 << 52 };
    let exponent = power.max(1) as i32 - 1075;
    let product = u128::from(span.0) * u128::from(mantissa);
    let exact = if product == 0 {
        Some(0)
    } else if exponent >= 0 {
        product.checked_mul(1_u128.checked_shl(exponent as u32)?)
    } else if exponent > -127 {
        Some((product + (1 << (-exponent - 1))) >> -exponent)
    } else {
        Some(0)
    };
    u64::try_from(exact?).ok().map(Span)
}

/// Adds a job that stands on a line of a file.
fn push(builder: &mut ReplayBuilder, job: ReplayedJob, line: u64) -> Result<(), ReplayError> {
    if builder.jobs_mut().len() >= JOBS_MAX {
        let message = format!("the file holds more than {JOBS_MAX} jobs; hint: replay a part of it");
        return Err(ReplayError::at(line, message));
    }
    builder.push(job);
    Ok(())
}

impl From<RowError> for ReplayError {
    fn from(error: RowError) -> Self {
        Self { line: error.line, ..Self::whole(error.message) }
    }
}

/// Reads the file at `path` with `read`, uncompressed, and hashes what was read. Errors name the file as `shown`.
pub fn with_file<T>(
    path: &Path,
    read: impl FnOnce(&mut Hashed<Box<dyn BufRead>>) -> Result<T, ReplayError>,
) -> Result<T, ReplayError> {
    let shown = path.display().to_string();
    let failed = |error: io::Error| ReplayError::whole(reason(&error)).in_file(&shown);
    let file = input_file::open(path).map_err(failed)?;
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
        io::ErrorKind::IsADirectory | io::ErrorKind::InvalidInput => error.to_string(),
        _ => format!("cannot read: {error}"),
    }
}

/// Bytes on their way, with their hash.
pub struct Hashed<R> {
    inner: R,
    left: u64,
    hasher: blake3::Hasher,
}

impl<R: BufRead> Hashed<R> {
    /// Hashes what is read from `inner`.
    pub fn new(inner: R) -> Self {
        Self { inner, left: BYTES_MAX, hasher: blake3::Hasher::new() }
    }

    /// The hash of everything read so far.
    pub fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }
}

impl<R: BufRead> Read for Hashed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.left = self.left.checked_sub(count as u64).ok_or_else(|| {
            let message = format!("the file has more than {} GiB, uncompressed", BYTES_MAX >> 30);
            io::Error::new(io::ErrorKind::FileTooLarge, message)
        })?;
        self.hasher.update(&buffer[..count]);
        Ok(count)
    }
}

impl<R> fmt::Debug for Hashed<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hashed").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_applied_exactly() {
        let times = |ns, factor| scaled(Span(ns), factor).map(|span| span.0);
        assert_eq!(times(1_700_000_000_000_000_003, 1.0), Some(1_700_000_000_000_000_003));
        assert_eq!(times(1_700_000_000_000_000_003, 2.0), Some(3_400_000_000_000_000_006));
        assert_eq!(times(1_700_000_000_000_000_003, 0.5), Some(850_000_000_000_000_002));
        assert_eq!(times(1_700_000_000_000_000_003, 3.0), Some(5_100_000_000_000_000_009));
        assert_eq!(times(u64::MAX, 1.0), Some(u64::MAX));
        assert_eq!(times(u64::MAX, 1.000_000_000_000_1), None);
        assert_eq!(times(0, f64::MAX), Some(0));
        assert_eq!(times(1, f64::MAX), None);
        assert_eq!(times(u64::MAX, f64::MIN_POSITIVE), Some(0));
        assert_eq!(times(3, 5e-324), Some(0));
    }
}
