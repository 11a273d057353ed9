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
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::simulator::workload::replay::{Replay, ReplayBuilder, ReplayedJob};
use crate::time::{Span, Time};

/// The columns that are read, by their index below; others are ignored.
const NEEDED: [&str; 16] = [
    "replication",
    "job_id",
    "workload_name",
    "submission_time",
    "requested_number_of_resources",
    "requested_time",
    "final_state",
    "execution_time",
    "turnaround_time",
    "topology",
    "circuits",
    "shots",
    "depth",
    "user",
    "group",
    "project",
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
    let mut fields = [0; NEEDED.len()];
    for (field, name) in fields.iter_mut().zip(NEEDED) {
        *field = header.iter().position(|found| found == name.as_bytes()).ok_or_else(|| {
            let message = format!("the column `{name}` is missing; hint: a trace is the jobs.csv of a run");
            ReplayError::at(1, message)
        })?;
    }
    let mut builder = ReplayBuilder::default();
    let mut kinds: IndexMap<Vec<u8>, (u32, JobRequest), FxBuildHasher> = IndexMap::default();
    let mut jobs: Vec<(u64, ReplayedJob)> = Vec::new();
    let mut row = csv::ByteRecord::new();
    while rows.read_byte_record(&mut row).map_err(|error| unreadable(&error))? {
        let row = Row { cells: &row, fields: &fields, line: row.position().map_or(0, csv::Position::line) };
        if row.number::<u32>(0)? != replication {
            continue;
        }
        let shape = row.cells.get(fields[9]).unwrap_or_default();
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
        let qubits = row.number(4)?;
        (request.min_qubits, request.max_qubits) = (qubits, qubits);
        request.validate().map_err(|error| row.wrong(4, error.to_string()))?;
        let outcome = match row.text(6)? {
            "failed" => PlannedOutcome::FailsAt(1.0),
            "cancelled" => PlannedOutcome::CancelledAfter(row.time(8)?.unwrap_or_default()),
            "completed" | "rejected" | "expired" | "unfinished" => PlannedOutcome::Completes,
            _ => return Err(row.wrong(6, "no state in which a job ends".to_owned())),
        };
        let patience = if row.text(6)? == "expired" { row.time(8)? } else { None };
        let job = ReplayedJob {
            at: taken.scaled(Time::ZERO + row.time(3)?.unwrap_or_default()),
            kind: *kind,
            name: builder.name(row.text(2)?),
            min_qubits: qubits,
            max_qubits: qubits,
            circuits: row.number(10)?,
            depth: row.number(12)?,
            shots: row.number(11)?,
            tenant: Tenant { user: row.number(13)?, group: row.number(14)?, project: row.number(15)? },
            execution_time: row.time(7)?.filter(|time| *time > Span::ZERO),
            walltime: row.time(5)?,
            max_wait_time: patience,
            outcome,
        };
        if job.circuits == 0 || job.shots == 0 {
            return Err(row.wrong(11, "a job has at least one circuit and one shot".to_owned()));
        }
        jobs.push((row.number(1)?, job));
    }
    drop(rows);
    // The trace is in order of ends; jobs are numbered in order of submission.
    jobs.sort_by_key(|(id, job)| (job.at, *id));
    jobs.into_iter().for_each(|(_, job)| builder.push(job));
    Ok(builder.finish(taken.limit, input.digest()))
}

struct Row<'a> {
    cells: &'a csv::ByteRecord,
    fields: &'a [usize; NEEDED.len()],
    line: u64,
}

impl<'a> Row<'a> {
    fn text(&self, index: usize) -> Result<&'a str, ReplayError> {
        std::str::from_utf8(self.cells.get(self.fields[index]).unwrap_or_default())
            .map_err(|_| self.wrong(index, "the cell is no UTF-8 text".to_owned()))
    }

    fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy + Default>(
        &self,
        index: usize,
    ) -> Result<T, ReplayError> {
        cells::whole(self.text(index)?, T::default()).map_err(|message| self.wrong(index, message))
    }

    fn time(&self, index: usize) -> Result<Option<Span>, ReplayError> {
        match self.text(index)? {
            "" => Ok(None),
            text => cells::span(text).map(Some).map_err(|message| self.wrong(index, message)),
        }
    }

    fn wrong(&self, index: usize, message: String) -> ReplayError {
        ReplayError::at(self.line, message).in_column(self.fields[index] + 1, NEEDED[index])
    }
}

fn topology(row: &Row<'_>, lost: LostShapes) -> Result<Topology, ReplayError> {
    match (row.text(9)?, lost) {
        ("custom" | "circuit", LostShapes::Any) => Ok(Topology::Any),
        (text @ ("custom" | "circuit"), LostShapes::Refuse) => Err(row.wrong(
            9,
            format!(
                "the trace says `{text}`, but not which one; hint: `rmsim workload export` writes all shapes, or set \
                 `lost_shapes: any`"
            ),
        )),
        (text, _) => cells::topology(text, None).map_err(|message| row.wrong(9, message)),
    }
}
