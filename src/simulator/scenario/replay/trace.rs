//! The jobs of a finished run, from its `jobs.csv`.
//!
//! Promises the same jobs at the same times, as far as the trace holds them: of elastic jobs the least size, of jobs
//! that ended early the time until then. Leaves out what a run decided: devices, starts, waiting.
//!
//! What a job's end means for the next run: `completed` and `unfinished` jobs complete; `failed` ones fail at the end
//! of the time they ran; `cancelled` ones are withdrawn as long after their submission as they were; `expired` ones
//! wait as long as they did; `rejected` ones are submitted again and judged anew.

use std::io::BufRead;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::table::unreadable;
use super::{Hashed, ReplayError, Taken, cells};
use crate::allocator::job::{JobId, JobRequest, Tenant, Topology};
use crate::simulator::scenario::file::replay::LostShapes;
use crate::simulator::traces::{JOBS_HEADER, JobColumn as Column};
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::simulator::workload::replay::{Replay, ReplayBuilder, ReplayedJob};
use crate::time::{Span, Time};

/// The columns that are read; others are ignored, and may be missing.
const NEEDED: [Column; 16] = [
    Column::Replication,
    Column::JobId,
    Column::WorkloadName,
    Column::SubmissionTime,
    Column::RequestedNumberOfResources,
    Column::RequestedTime,
    Column::FinalState,
    Column::ExecutionTime,
    Column::TurnaroundTime,
    Column::Topology,
    Column::Circuits,
    Column::Shots,
    Column::Depth,
    Column::User,
    Column::Group,
    Column::Project,
];

/// Whether the first row of a file is that of `jobs.csv`.
pub fn is_trace(first_row: &str) -> bool {
    let mut names = first_row.split(',');
    names.next() == Some("replication") && names.next() == Some("job_id")
}

/// Reads one replication of a `jobs.csv`.
pub fn read<R: BufRead>(
    input: &mut Hashed<R>,
    taken: Taken,
    replication: u32,
    lost: LostShapes,
) -> Result<Replay, ReplayError> {
    let mut rows = csv::ReaderBuilder::new().buffer_capacity(1 << 16).from_reader(&mut *input);
    let header = rows.byte_headers().map_err(|error| unreadable(&error))?.clone();
    let place = |name: &&str| header.iter().position(|found| found == name.as_bytes());
    let places: Vec<Option<usize>> = JOBS_HEADER.iter().map(place).collect();
    if let Some(missing) = NEEDED.iter().find(|column| places[**column as usize].is_none()) {
        let message =
            format!("the column `{}` is missing; hint: a trace is the jobs.csv of a run", missing.name());
        return Err(ReplayError::at(1, message));
    }
    let mut builder = ReplayBuilder::default();
    let mut kinds: IndexMap<Vec<u8>, (u32, JobRequest), FxBuildHasher> = IndexMap::default();
    let mut jobs: Vec<(u64, ReplayedJob)> = Vec::new();
    let mut row = csv::ByteRecord::new();
    while rows.read_byte_record(&mut row).map_err(|error| unreadable(&error))? {
        let row = Row { cells: &row, places: &places, line: row.position().map_or(0, csv::Position::line) };
        if row.number::<u32>(Column::Replication)? != replication {
            continue;
        }
        let shape = row.cell(Column::Topology);
        let (kind, request) = match kinds.get_mut(shape) {
            Some(known) => known,
            None => {
                let request = JobRequest {
                    topology: topology(&row, lost)?,
                    ..JobRequest::new(JobId(0), 1, Topology::Any)
                };
                let entry = (builder.kind(request.clone()), request);
                kinds.entry(shape.to_vec()).or_insert(entry)
            }
        };
        let qubits = row.number(Column::RequestedNumberOfResources)?;
        (request.min_qubits, request.max_qubits) = (qubits, qubits);
        request
            .validate()
            .map_err(|error| row.wrong(Column::RequestedNumberOfResources, error.to_string()))?;
        let outcome = match row.text(Column::FinalState)? {
            "failed" => PlannedOutcome::FailsAt(1.0),
            "cancelled" => {
                PlannedOutcome::CancelledAfter(row.time(Column::TurnaroundTime)?.unwrap_or_default())
            }
            "completed" | "rejected" | "expired" | "unfinished" => PlannedOutcome::Completes,
            _ => return Err(row.wrong(Column::FinalState, "no state in which a job ends".to_owned())),
        };
        let patience =
            if row.text(Column::FinalState)? == "expired" { row.time(Column::TurnaroundTime)? } else { None };
        let job = ReplayedJob {
            at: taken.scaled(Time::ZERO + row.time(Column::SubmissionTime)?.unwrap_or_default()),
            kind: *kind,
            name: builder.name(row.text(Column::WorkloadName)?),
            min_qubits: qubits,
            max_qubits: qubits,
            circuits: row.number(Column::Circuits)?,
            depth: row.number(Column::Depth)?,
            shots: row.number(Column::Shots)?,
            tenant: Tenant {
                user: row.number(Column::User)?,
                group: row.number(Column::Group)?,
                project: row.number(Column::Project)?,
            },
            execution_time: row.time(Column::ExecutionTime)?.filter(|time| *time > Span::ZERO),
            walltime: row.time(Column::RequestedTime)?,
            max_wait_time: patience,
            outcome,
        };
        if job.circuits == 0 || job.shots == 0 {
            return Err(row.wrong(Column::Shots, "a job has at least one circuit and one shot".to_owned()));
        }
        jobs.push((row.number(Column::JobId)?, job));
    }
    drop(rows);
    // The trace is in order of ends; jobs are numbered in order of submission.
    jobs.sort_by_key(|(id, job)| (job.at, *id));
    jobs.into_iter().for_each(|(_, job)| builder.push(job));
    Ok(builder.finish(taken.limit, input.digest()))
}

struct Row<'a> {
    cells: &'a csv::ByteRecord,
    /// Where each column of the header stands in this file.
    places: &'a [Option<usize>],
    line: u64,
}

impl<'a> Row<'a> {
    /// The cell of a column, empty where the file lacks it.
    fn cell(&self, column: Column) -> &'a [u8] {
        self.places[column as usize].and_then(|place| self.cells.get(place)).unwrap_or_default()
    }

    fn text(&self, column: Column) -> Result<&'a str, ReplayError> {
        std::str::from_utf8(self.cell(column))
            .map_err(|_| self.wrong(column, "the cell is no UTF-8 text".to_owned()))
    }

    fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy + Default>(
        &self,
        column: Column,
    ) -> Result<T, ReplayError> {
        cells::whole(self.text(column)?, T::default()).map_err(|message| self.wrong(column, message))
    }

    fn time(&self, column: Column) -> Result<Option<Span>, ReplayError> {
        match self.text(column)? {
            "" => Ok(None),
            text => cells::span(text).map(Some).map_err(|message| self.wrong(column, message)),
        }
    }

    fn wrong(&self, column: Column, message: String) -> ReplayError {
        let place = self.places[column as usize].map_or(0, |place| place + 1);
        ReplayError::at(self.line, message).in_column(place, column.name())
    }
}

fn topology(row: &Row<'_>, lost: LostShapes) -> Result<Topology, ReplayError> {
    match (row.text(Column::Topology)?, lost) {
        ("custom" | "circuit", LostShapes::Any) => Ok(Topology::Any),
        (text @ ("custom" | "circuit"), LostShapes::Refuse) => Err(row.wrong(
            Column::Topology,
            format!(
                "the trace says `{text}`, but not which one; hint: `rmsim workload export` writes all shapes, or set \
                 `lost_shapes: any`"
            ),
        )),
        (text, _) => cells::topology(text, None).map_err(|message| row.wrong(Column::Topology, message)),
    }
}
