//! The jobs of a finished run, from its `jobs.csv`.
//!
//! Promises the same jobs at the same times, as far as the trace holds them: of elastic jobs the least size, of jobs
//! that ended early the time until then. Leaves out what a run decided: devices, starts, waiting.
//!
//! What a job's end means for the next run: `completed` and `unfinished` jobs complete; `failed` ones fail at the end
//! of the time they ran; `cancelled` ones are withdrawn as long after their submission as they were; `expired` ones
//! wait as long as they did; `rejected` ones are submitted again and judged anew.
//!
//! How long a job runs: as long as it was to (the column `own_execution_time`), or else as long as it ran, if it ran to
//! its end. Where neither is known (the job had not started, or still ran) the run-time model says it from shots and
//! depth; where that model takes the time from the jobs, such a job is left out and counted: a time of our own would
//! be an invention.

use std::io::BufRead;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::{Hashed, ReplayError, Taken, cells, ends, push};
use crate::allocator::protocol::{JobId, JobRequest, Priority, Tenant, Topology};
use crate::simulator::csv_reader::{Rows, Style};
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

/// What is to be known of a trace before it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TraceSettings {
    /// Which replication is read.
    pub replication: u32,
    /// What becomes of shapes that a trace does not hold.
    pub lost_shapes: LostShapes,
    /// Whether the run-time model takes the times of jobs from the jobs; then jobs without one are left out.
    pub own_times: bool,
}

/// Whether the first row of a file is that of `jobs.csv`.
pub fn is_trace(first_row: &str) -> bool {
    let mut names = first_row.split(',');
    names.next() == Some("replication") && names.next() == Some("job_id")
}

/// The numbers of those that a job follows: those that must have ended, and those that must have completed.
type Named = [Vec<u64>; 2];

/// The kinds of jobs by the cells of shape and priority.
type Kinds = IndexMap<(Vec<u8>, Vec<u8>), (u32, JobRequest), FxBuildHasher>;

/// Reads one replication of a `jobs.csv`.
pub fn read<R: BufRead>(
    input: &mut Hashed<R>,
    taken: Taken,
    settings: TraceSettings,
) -> Result<Replay, ReplayError> {
    let mut rows = Rows::new(&mut *input, Style::Own);
    let mut header = csv::ByteRecord::new();
    rows.next(&mut header)?;
    let place = |name: &&str| header.iter().position(|found| found == name.as_bytes());
    let places: Vec<Option<usize>> = JOBS_HEADER.iter().map(place).collect();
    if let Some(missing) = NEEDED.iter().find(|column| places[**column as usize].is_none()) {
        let message =
            format!("the column `{}` is missing; hint: a trace is the jobs.csv of a run", missing.name());
        return Err(ReplayError::at(1, message));
    }
    let mut builder = ReplayBuilder::default();
    let mut kinds = Kinds::default();
    let mut jobs: Vec<(u64, u64, ReplayedJob, Named)> = Vec::new();
    let mut row = csv::ByteRecord::new();
    while rows.next(&mut row)? {
        let row = Row { cells: &row, places: &places, line: row.position().map_or(0, csv::Position::line) };
        if row.number::<u32>(Column::Replication)? != settings.replication {
            continue;
        }
        let key = (row.cell(Column::Topology).to_vec(), row.cell(Column::Priority).to_vec());
        let (kind, request) = match kinds.get_mut(&key) {
            Some(known) => known,
            None => {
                let request = JobRequest {
                    topology: topology(&row, settings.lost_shapes)?,
                    priority: priority(&row)?,
                    ..JobRequest::new(JobId(0), 1, Topology::Any)
                };
                let entry = (builder.kind(request.clone()), request);
                kinds.entry(key).or_insert(entry)
            }
        };
        let qubits = row.number(Column::RequestedNumberOfResources)?;
        (request.min_qubits, request.max_qubits) = (qubits, qubits);
        request
            .validate()
            .map_err(|error| row.wrong(Column::RequestedNumberOfResources, error.to_string()))?;
        let Some(job) = job(&row, *kind, qubits, settings.own_times, &mut builder)? else { continue };
        let named = [Column::After, Column::AfterSuccess].map(|column| row.jobs(column));
        let [after, after_success] = named;
        jobs.push((row.number(Column::JobId)?, row.line, job, [after?, after_success?]));
    }
    drop(rows);
    // The trace is in order of ends; jobs are numbered in order of submission.
    jobs.sort_by_key(|(id, _, job, _)| (job.at, *id));
    let mut added: IndexMap<u64, usize, FxBuildHasher> = IndexMap::default();
    for (id, line, job, named) in jobs {
        let known = named.concat().iter().all(|on| added.contains_key(on));
        if !known {
            builder.leave_out("following jobs that the trace does not hold, or that were left out");
            continue;
        }
        let index = added.len();
        push(&mut builder, job, line)?;
        for (on, must_complete) in named.iter().zip([false, true]) {
            on.iter().for_each(|on| builder.follow(index, added[on], must_complete));
        }
        added.insert(id, index);
    }
    taken.of(builder, input.digest())
}

/// The job of a row, or nothing where it is left out.
fn job(
    row: &Row<'_>,
    kind: u32,
    qubits: u32,
    own_times: bool,
    builder: &mut ReplayBuilder,
) -> Result<Option<ReplayedJob>, ReplayError> {
    let state = row.text(Column::FinalState)?;
    let (outcome, patience) = match state {
        "failed" => (PlannedOutcome::FailsAt(1.0), None),
        // Not by its owner: since another job failed, which is for the next run to say.
        "cancelled" if !row.text(Column::Reason)?.is_empty() => (PlannedOutcome::Completes, None),
        "cancelled" => {
            (PlannedOutcome::CancelledAfter(row.time(Column::TurnaroundTime)?.unwrap_or_default()), None)
        }
        "expired" => (PlannedOutcome::Completes, row.time(Column::TurnaroundTime)?),
        "completed" | "rejected" | "unfinished" => (PlannedOutcome::Completes, None),
        _ => return Err(row.wrong(Column::FinalState, "no state in which a job ends".to_owned())),
    };
    let execution_time = run_time(row, state)?;
    if own_times && execution_time.is_none() {
        builder.leave_out(match state {
            "unfinished" => "unfinished, of which the trace does not say how long they would run",
            _ => "never started, of which the trace does not say how long they would run",
        });
        return Ok(None);
    }
    let job = ReplayedJob {
        at: Time::ZERO + row.time(Column::SubmissionTime)?.unwrap_or_default(),
        kind,
        name: builder.name(row.name()?),
        min_qubits: qubits,
        max_qubits: qubits,
        circuits: row.number(Column::Circuits)?,
        depth: row.number(Column::Depth)?,
        depth_assumed: false,
        shots: row.number(Column::Shots)?,
        tenant: Tenant {
            user: row.tenant(Column::User)?,
            group: row.tenant(Column::Group)?,
            project: row.tenant(Column::Project)?,
        },
        execution_time,
        walltime: row.time(Column::RequestedTime)?,
        walltime_supplied: false,
        max_wait_time: patience,
        deadline: row.time(Column::Deadline)?,
        outcome,
    };
    if job.circuits == 0 || job.shots == 0 {
        return Err(row.wrong(Column::Shots, "a job has at least one circuit and one shot".to_owned()));
    }
    if !ends(&job, job.at) {
        let message = "the job would end later than 584 years after the beginning, more than a time can hold";
        return Err(row.wrong(Column::SubmissionTime, message.to_owned()));
    }
    Ok(Some(job))
}

/// How urgent a job is: normal where the trace does not say.
fn priority(row: &Row<'_>) -> Result<Priority, ReplayError> {
    match row.text(Column::Priority)? {
        "" => Ok(Priority::NORMAL),
        text => cells::priority(text).map_err(|message| row.wrong(Column::Priority, message)),
    }
}

/// How long a job runs by itself, as far as the trace knows.
fn run_time(row: &Row<'_>, state: &str) -> Result<Option<Span>, ReplayError> {
    let ran = row.time(Column::ExecutionTime)?;
    let own = row.time(Column::OwnExecutionTime)?;
    Ok(match state {
        // Until the error; the job's own time would hold the qubits for longer.
        "failed" => ran.or(own),
        "completed" => own.or(ran),
        // The time until the cancellation is not all of it, but as much as was seen.
        "cancelled" => own.or(ran.filter(|time| *time > Span::ZERO)),
        // What had not ended has run for less than its time.
        _ => own,
    })
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

    fn name(&self) -> Result<&'a str, ReplayError> {
        // A name may be missing, but not be any.
        match self.text(Column::WorkloadName)? {
            "" => Ok(""),
            text => cells::name(text).map_err(|message| self.wrong(Column::WorkloadName, message)),
        }
    }

    fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy + Default>(
        &self,
        column: Column,
    ) -> Result<T, ReplayError> {
        cells::whole(self.text(column)?, T::default()).map_err(|message| self.wrong(column, message))
    }

    /// The numbers of jobs, separated by blanks.
    fn jobs(&self, column: Column) -> Result<Vec<u64>, ReplayError> {
        let numbers = self.text(column)?.split_whitespace();
        numbers.map(|text| cells::whole(text, 0).map_err(|message| self.wrong(column, message))).collect()
    }

    fn tenant(&self, column: Column) -> Result<u32, ReplayError> {
        cells::tenant(self.text(column)?).map_err(|message| self.wrong(column, message))
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
