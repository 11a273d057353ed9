//! The rows of the CSV files of a folder of results, typed.
//!
//! Promises one row at a time, so that files of any size can be read, columns found by name, and errors that name
//! line and column. Leaves keeping and thinning rows to the caller.

use std::ops::ControlFlow;
use std::path::Path;

use serde::Deserialize;

use crate::allocator::config::number_of;
use serde::de::DeserializeOwned;

use super::ReadError;
use crate::input_file;
use crate::simulator::csv_reader::{Rows, Style};

/// A row of `jobs.csv`. Times in seconds since the start of the simulation; empty fields are `None`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the columns of the file, described in the trace writer")]
pub struct JobRow {
    pub replication: u32,
    pub job_id: u64,
    pub workload_name: String,
    pub submission_time: f64,
    pub requested_number_of_resources: u32,
    pub final_state: String,
    pub starting_time: Option<f64>,
    pub execution_time: Option<f64>,
    pub finish_time: Option<f64>,
    pub waiting_time: Option<f64>,
    pub turnaround_time: Option<f64>,
    pub stretch: Option<f64>,
    /// Qubits as ranges of fleet-wide numbers: `12-14 17`.
    pub allocated_resources: String,
    pub device: String,
    pub attempts: u32,
    pub topology: String,
    pub user: TenantCell,
    pub group: TenantCell,
    pub project: TenantCell,
    /// Idle qubits promised around it; `None` in files that do not say.
    pub buffer_distance: Option<u32>,
    pub fidelity_predicted: Option<f64>,
    pub fidelity_true: Option<f64>,
    /// Whether it counts in the metrics of the run; `None` in files that do not say.
    #[serde(default, deserialize_with = "zero_or_one")]
    pub measured: Option<bool>,
}

/// A group, a project or a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantCell {
    /// Its number.
    pub number: u32,
    /// Its name, if it has one.
    pub name: Option<String>,
}

impl<'de> Deserialize<'de> for TenantCell {
    fn deserialize<D: serde::Deserializer<'de>>(field: D) -> Result<Self, D::Error> {
        let text = String::deserialize(field)?;
        if text.is_empty() {
            return Err(serde::de::Error::custom("neither a number nor a name"));
        }
        let number = number_of(&text);
        let name = (text != number.to_string()).then_some(text);
        Ok(Self { number, name })
    }
}

/// A row of `events.csv`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the columns of the file, described in the trace writer")]
pub struct EventRow {
    pub replication: u32,
    pub time_s: f64,
    pub event: String,
    pub job: Option<u64>,
    pub allocation: Option<u64>,
    pub device: String,
    pub detail: String,
}

/// A column of 0 and 1.
fn zero_or_one<'de, D: serde::Deserializer<'de>>(field: D) -> Result<Option<bool>, D::Error> {
    match Option::<u8>::deserialize(field)? {
        None => Ok(None),
        Some(number @ (0 | 1)) => Ok(Some(number == 1)),
        Some(_) => Err(serde::de::Error::custom("neither 0 nor 1")),
    }
}

/// A row of `timeline.csv`: a device, or the fleet, at one instant.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the columns of the file, described in the metrics of the timeline")]
pub struct TimelineRow {
    pub replication: u32,
    pub time_s: f64,
    pub device: String,
    pub qubits_in_service: u64,
    pub fragmentation: Option<f64>,
    pub utilization: Option<f64>,
    pub effective_utilization: Option<f64>,
    pub running_jobs: u64,
    pub waiting_jobs: u64,
    pub isolation_violations: u64,
}

/// A row of `replications.csv`: what one replication of one variant measured.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[expect(missing_docs, reason = "the columns of the file")]
pub struct ReplicationRow {
    pub variant: String,
    pub replication: u32,
    pub metric: String,
    pub value: Option<f64>,
}

/// A row of a known file.
pub trait Row: DeserializeOwned {
    /// Columns that the file must have; others may be missing in files of earlier versions.
    const COLUMNS: &'static [&'static str];
}

impl Row for JobRow {
    const COLUMNS: &'static [&'static str] = &[
        "replication",
        "job_id",
        "submission_time",
        "final_state",
        "starting_time",
        "execution_time",
        "finish_time",
        "waiting_time",
        "stretch",
        "allocated_resources",
        "device",
    ];
}

impl Row for EventRow {
    const COLUMNS: &'static [&'static str] =
        &["replication", "time_s", "event", "job", "allocation", "device", "detail"];
}

impl Row for TimelineRow {
    const COLUMNS: &'static [&'static str] =
        &["replication", "time_s", "device", "utilization", "fragmentation"];
}

impl Row for ReplicationRow {
    const COLUMNS: &'static [&'static str] = &["variant", "replication", "metric", "value"];
}

/// Reads a CSV file row by row until `row` breaks off. Columns are found by their names in the header.
///
/// ```
/// # use resource_manager::experiment::reading::{ReplicationRow, each_row};
/// let folder = tempfile::tempdir().unwrap();
/// let path = folder.path().join("replications.csv");
/// std::fs::write(&path, "variant,replication,metric,value\na,0,makespan_s,ten\n").unwrap();
/// let error = each_row(&path, |_: ReplicationRow| std::ops::ControlFlow::Continue(())).unwrap_err();
/// assert!(error.to_string().ends_with(":2: column 4 (`value`): invalid float literal"));
/// ```
pub fn each_row<R: Row>(path: &Path, mut each: impl FnMut(R) -> ControlFlow<()>) -> Result<(), ReadError> {
    each_row_if(path, |_| true, &mut each)
}

/// As [`each_row`], only for rows that `wanted` says yes to, given the fields as text: skipping is cheap.
pub fn each_row_if<R: Row>(
    path: &Path,
    mut wanted: impl FnMut(Fields<'_>) -> bool,
    mut each: impl FnMut(R) -> ControlFlow<()>,
) -> Result<(), ReadError> {
    let file = input_file::open(path).map_err(|source| ReadError::io(path, source))?;
    let mut rows = Rows::new(file, Style::Own);
    let broken = |error| ReadError::row(path, error);
    let mut headers = csv::ByteRecord::new();
    rows.next(&mut headers).map_err(broken)?;
    let columns: Vec<String> =
        headers.iter().map(|name| String::from_utf8_lossy(name).into_owned()).collect();
    if let Some(column) = R::COLUMNS.iter().find(|column| !columns.iter().any(|name| name == *column)) {
        let message = format!("no column `{column}`; hint: the first line names the columns");
        return Err(ReadError::Csv { path: path.to_owned(), line: 1, message });
    }
    let mut record = csv::ByteRecord::new();
    while rows.next(&mut record).map_err(broken)? {
        if !wanted(Fields { columns: &columns, record: &record }) {
            continue;
        }
        let row =
            record.deserialize(Some(&headers)).map_err(|error| ReadError::csv(path, error, &columns))?;
        if each(row).is_break() {
            break;
        }
    }
    Ok(())
}

/// The fields of a row as text.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'a> {
    columns: &'a [String],
    record: &'a csv::ByteRecord,
}

impl<'a> Fields<'a> {
    /// The field of a column; `None` when there is no such column, or no text in it.
    pub fn get(self, column: &str) -> Option<&'a str> {
        let field = self.record.get(self.columns.iter().position(|name| name == column)?)?;
        std::str::from_utf8(field).ok()
    }
}
