//! Tables of jobs: CSV with one row per job.
//!
//! Promises that a row becomes a job or an error with line and column, and that jobs which differ only in numbers
//! share their kind: two million rows need little more than their numbers.

use std::io::BufRead;
use std::sync::Arc;

use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::cells;
use super::columns::{Column, Layout};
use super::{Hashed, ReplayError, Surroundings, Taken, ends, push};
use crate::allocator::protocol::{
    Contradiction, DEPENDENCIES_MAX, Elasticity, ElementLimits, IsolationRequest, JobId, JobRequest,
    Priority, Tenant, Topology,
};
use crate::config_file::shown::crop;
use crate::quantum::DeviceId;
use crate::simulator::csv_reader::{Rows, Style};
use crate::simulator::workload::DEFAULT_DEPTH;
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::simulator::workload::replay::{Replay, ReplayBuilder, ReplayedJob};
use crate::time::{Span, Time};

/// What a row says nothing of, as in job templates: medians on IBM's devices.
const DEFAULT_SHOTS: u64 = 4_000;

/// Reads a table of jobs. Lines that begin with `#` are comments.
pub fn read<R: BufRead>(
    input: &mut Hashed<R>,
    taken: Taken,
    surroundings: Surroundings<'_>,
) -> Result<Replay, ReplayError> {
    let mut rows = Rows::new(&mut *input, Style::Foreign);
    let mut header = csv::ByteRecord::new();
    if !rows.next(&mut header)? {
        return Err(ReplayError::whole("the file is empty; hint: the first row names the columns"));
    }
    let layout = Layout::new(&header, header.position().map_or(1, csv::Position::line))?;
    let mut table = Table {
        layout,
        surroundings,
        builder: ReplayBuilder::default(),
        kinds: IndexMap::default(),
        tenants: IndexSet::default(),
        key: Vec::new(),
        last_key: Vec::new(),
        current: None,
        ids: IndexMap::default(),
        named: Vec::new(),
    };
    let mut row = csv::ByteRecord::new();
    while rows.next(&mut row)? {
        let line = row.position().map_or(0, csv::Position::line);
        let job = table.job(&row, line)?;
        table.note_names(&row, line)?;
        push(&mut table.builder, job, line)?;
    }
    drop(rows);
    table.link()?;
    taken.of(table.builder, input.digest())
}

/// A kind and what is needed to judge rows of it.
#[derive(Clone)]
struct Kind {
    number: u32,
    request: JobRequest,
    /// Layers where the row says nothing.
    depth: u32,
    /// Qubits that its circuit declares, used or not.
    declared: Option<u32>,
}

struct Table<'a> {
    layout: Layout,
    surroundings: Surroundings<'a>,
    builder: ReplayBuilder,
    kinds: IndexMap<Vec<u8>, Kind, FxBuildHasher>,
    tenants: IndexSet<String, FxBuildHasher>,
    key: Vec<u8>,
    last_key: Vec<u8>,
    /// The kind of the last row.
    current: Option<Kind>,
    /// Jobs by what others call them.
    ids: IndexMap<Vec<u8>, usize, FxBuildHasher>,
    /// Whom jobs follow, by name.
    named: Vec<Named>,
}

/// A job names one that must end before it.
struct Named {
    job: usize,
    line: u64,
    column: Column,
    id: Vec<u8>,
}

/// The cells of one row, with the place of whatever is wrong.
struct Row<'a> {
    layout: &'a Layout,
    cells: &'a csv::ByteRecord,
    line: u64,
}

impl<'a> Row<'a> {
    /// The text of a cell that is not empty.
    fn text(&self, column: Column) -> Result<Option<&'a str>, ReplayError> {
        let Some(field) = self.layout.field(column) else { return Ok(None) };
        let bytes = self.cells.get(field).unwrap_or_default();
        if bytes.is_empty() {
            return Ok(None);
        }
        std::str::from_utf8(bytes)
            .map(Some)
            .map_err(|_| self.wrong(column, "the cell is no UTF-8 text".to_owned()))
    }

    fn name(&self) -> Result<&'a str, ReplayError> {
        match self.text(Column::Name)? {
            None => Ok("job"),
            Some(text) => cells::name(text).map_err(|message| self.wrong(Column::Name, message)),
        }
    }

    fn read<T>(
        &self,
        column: Column,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Result<Option<T>, ReplayError> {
        match self.text(column)? {
            None => Ok(None),
            Some(text) => parse(text).map(Some).map_err(|message| self.wrong(column, message)),
        }
    }

    /// An error about a cell.
    fn wrong(&self, column: Column, message: String) -> ReplayError {
        let error = ReplayError::at(self.line, message);
        match self.layout.field(column) {
            Some(field) => error.in_column(field + 1, &self.layout.names[field]),
            None => error,
        }
    }
}

impl Table<'_> {
    fn job(&mut self, cells: &csv::ByteRecord, line: u64) -> Result<ReplayedJob, ReplayError> {
        self.choose_kind(cells, line)?;
        let row = Row { layout: &self.layout, cells, line };
        let Some(kind) = &mut self.current else {
            return Err(ReplayError::at(line, "the row has no kind"));
        };
        let at = row.read(Column::SubmissionTime, cells::span)?;
        let own = kind.request.topology.fixed_qubits();
        let min_qubits = match row.read(Column::Qubits, |text| cells::whole(text, 1))? {
            // Files that were compiled for a device count all of its qubits.
            Some(qubits) if Some(qubits) == kind.declared => own.unwrap_or(qubits),
            Some(qubits) => qubits,
            None => own.ok_or_else(|| {
                row.wrong(Column::Qubits, "the row does not say how many qubits; hint: 5".to_owned())
            })?,
        };
        let max_qubits = row.read(Column::MaxQubits, |text| cells::whole(text, 1))?.unwrap_or(min_qubits);
        let number = |column| row.read(column, cells::tenant);
        let tenant = Tenant {
            user: number(Column::User)?.unwrap_or(0),
            group: number(Column::Group)?.unwrap_or(0),
            project: match row.text(Column::Tenant)? {
                None => number(Column::Project)?.unwrap_or(0),
                Some(name) => match self.tenants.get_index_of(name) {
                    Some(index) => index as u32,
                    None => self.tenants.insert_full(name.to_owned()).0 as u32,
                },
            },
        };
        let depth = row.read(Column::Depth, |text| cells::whole(text, 0))?;
        let job = ReplayedJob {
            at: Time::ZERO + at.unwrap_or_default(),
            kind: kind.number,
            name: self.builder.name(row.name()?),
            min_qubits,
            max_qubits,
            circuits: row.read(Column::Circuits, |text| cells::whole(text, 1))?.unwrap_or(1),
            depth: depth.unwrap_or(kind.depth),
            depth_assumed: depth.is_none() && !matches!(kind.request.topology, Topology::Circuit(_)),
            shots: row.read(Column::Shots, |text| cells::whole(text, 1))?.unwrap_or(DEFAULT_SHOTS),
            tenant,
            execution_time: row.read(Column::ExecutionTime, cells::span)?,
            walltime: row.read(Column::RequestedTime, cells::span)?,
            walltime_supplied: false,
            max_wait_time: row.read(Column::MaxWaitTime, cells::span)?,
            deadline: row.read(Column::Deadline, cells::span)?,
            outcome: row.read(Column::Outcome, cells::outcome)?.unwrap_or(PlannedOutcome::Completes),
        };
        if !ends(&job, job.at) {
            let spans = [
                (Column::ExecutionTime, job.execution_time),
                (Column::RequestedTime, job.walltime),
                (Column::MaxWaitTime, job.max_wait_time),
                (Column::Deadline, job.deadline),
            ];
            let too_long = |span: Option<Span>| span.is_some_and(|span| job.at.checked_add(span).is_none());
            let column = spans.into_iter().find(|(_, span)| too_long(*span)).map(|(column, _)| column);
            let message = "the job would end later than 584 years after the beginning, more than a time can hold; \
                           hint: another unit? times are seconds";
            return Err(row.wrong(column.unwrap_or(Column::SubmissionTime), message.to_owned()));
        }
        let request = &mut kind.request;
        (request.min_qubits, request.max_qubits) = (min_qubits, max_qubits);
        request.validate().map_err(|contradiction| {
            let column = match contradiction {
                Contradiction::EmptyRange { .. } => Column::MaxQubits,
                Contradiction::NoQubits => Column::Qubits,
                Contradiction::PreferredAndExcluded { .. } => Column::ExcludedDevices,
                _ if row.layout.field(Column::Circuit).is_some()
                    && matches!(request.topology, Topology::Circuit(_)) =>
                {
                    Column::Circuit
                }
                _ if row.layout.field(Column::Topology).is_some() => Column::Topology,
                _ => Column::Qubits,
            };
            row.wrong(column, contradiction.to_string())
        })?;
        Ok(job)
    }

    /// Notes what the next job is called, and whom it follows.
    fn note_names(&mut self, cells: &csv::ByteRecord, line: u64) -> Result<(), ReplayError> {
        let row = Row { layout: &self.layout, cells, line };
        let job = self.builder.jobs_mut().len();
        if let Some(id) = row.text(Column::Id)? {
            if id.chars().any(char::is_whitespace) {
                return Err(row.wrong(Column::Id, format!("`{}` is no id: it holds a blank", crop(id))));
            }
            if self.ids.insert(id.as_bytes().to_vec(), job).is_some() {
                return Err(row.wrong(Column::Id, format!("another job has the id `{}`, too", crop(id))));
            }
        }
        for column in [Column::After, Column::AfterSuccess] {
            for id in row.text(column)?.unwrap_or_default().split_whitespace() {
                self.named.push(Named { job, line, column, id: id.as_bytes().to_vec() });
            }
        }
        let mine = self.named.iter().rev().take_while(|named| named.job == job).count();
        if mine > DEPENDENCIES_MAX {
            let many = Contradiction::TooManyDependencies { named: mine as u32 };
            return Err(row.wrong(Column::After, many.to_string()));
        }
        Ok(())
    }

    /// Finds those whom jobs follow, when all are known. That each comes before the other rules out circles.
    fn link(&mut self) -> Result<(), ReplayError> {
        for Named { job, line, column, id } in std::mem::take(&mut self.named) {
            let shown = crop(&String::from_utf8_lossy(&id));
            let nothing = csv::ByteRecord::new();
            let row = Row { layout: &self.layout, cells: &nothing, line };
            let Some(&on) = self.ids.get(&id) else {
                let message = format!("no job has the id `{shown}`; hint: ids are those of the column `id`");
                return Err(row.wrong(column, message));
            };
            let jobs = self.builder.jobs_mut();
            if on == job {
                return Err(row.wrong(column, Contradiction::DependsOnItself.to_string()));
            }
            if (jobs[on].at, on) > (jobs[job].at, job) {
                let message = format!("job `{shown}` is submitted after this one, which cannot wait for it");
                return Err(row.wrong(column, message));
            }
            self.builder.follow(job, on, column == Column::AfterSuccess);
        }
        Ok(())
    }

    /// Makes the kind of a row the current one.
    fn choose_kind(&mut self, cells: &csv::ByteRecord, line: u64) -> Result<(), ReplayError> {
        self.key.clear();
        for field in &self.layout.kind_fields {
            self.key.extend_from_slice(cells.get(*field).unwrap_or_default());
            // No cell of a CSV file holds it by accident.
            self.key.push(0x1f);
        }
        if self.current.is_some() && self.key == self.last_key {
            return Ok(());
        }
        if let Some(kind) = self.kinds.get(&self.key) {
            self.current = Some(kind.clone());
        } else {
            let row = Row { layout: &self.layout, cells, line };
            let (request, declared) = request(&row, self.surroundings)?;
            let mut depth = DEFAULT_DEPTH;
            if let (Topology::Circuit(profile), Some(reference)) =
                (&request.topology, row.text(Column::Circuit)?)
            {
                depth = profile.depth;
                self.builder.circuit(profile.clone(), reference);
            }
            let kind = Kind { number: self.builder.kind(request.clone()), request, depth, declared };
            self.kinds.insert(self.key.clone(), kind.clone());
            self.current = Some(kind);
        }
        self.last_key.clone_from(&self.key);
        Ok(())
    }
}

/// What the jobs of a kind have in common, and the number of qubits that their circuit declares.
fn request(row: &Row<'_>, surroundings: Surroundings<'_>) -> Result<(JobRequest, Option<u32>), ReplayError> {
    let mut declared = None;
    let reference = row.text(Column::Circuit)?;
    let qubits = row.read(Column::Qubits, |text| cells::whole(text, 1_u32))?;
    let topology = match (row.text(Column::Topology)?, reference) {
        (Some(_), Some(_)) => {
            return Err(row.wrong(Column::Circuit, "a job has a shape or a circuit, not both".to_owned()));
        }
        (Some(text), None) => {
            cells::topology(text, qubits).map_err(|message| row.wrong(Column::Topology, message))?
        }
        (None, Some(text)) => {
            let circuit = cells::circuit(text, surroundings.base_dir)
                .map_err(|message| row.wrong(Column::Circuit, message))?;
            declared = Some(circuit.interactions.qubits());
            Topology::Circuit(Arc::new(circuit.on_active_qubits()))
        }
        (None, None) => Topology::Any,
    };
    let limit = |column| row.read(column, cells::probability).map(|limit| limit.unwrap_or(1.0));
    let least = |column| row.read(column, cells::span).map(|least| least.unwrap_or_default().as_secs_f64());
    let elasticity = |text: &str| match text {
        "largest" => Ok(Elasticity::Largest),
        "copies" => Ok(Elasticity::Copies),
        _ => Err("elasticity is largest or copies".to_owned()),
    };
    let attributes = |text: &str| {
        serde_json::from_str(text).map_err(|error| format!("the attributes are no JSON: {error}"))
    };
    let request = JobRequest {
        topology,
        elasticity: row.read(Column::Elasticity, elasticity)?.unwrap_or_default(),
        attributes: row.read(Column::Attributes, attributes)?,
        fidelity_requirement: row.read(Column::FidelityRequirement, cells::bound)?,
        min_success_probability: row.read(Column::MinSuccessProbability, cells::bound)?,
        limits: ElementLimits {
            min_t1_s: least(Column::MinT1)?,
            min_t2_s: least(Column::MinT2)?,
            max_one_qubit_error: limit(Column::MaxOneQubitError)?,
            max_two_qubit_error: limit(Column::MaxTwoQubitError)?,
            max_readout_error: limit(Column::MaxReadoutError)?,
        },
        max_swap_operations: row.read(Column::MaxSwapOperations, |text| cells::whole(text, 0))?,
        noise_budget: row.read(Column::NoiseBudget, cells::probability)?,
        priority: row.read(Column::Priority, cells::priority)?.unwrap_or(Priority::NORMAL),
        isolation: IsolationRequest {
            level: row.read(Column::Isolation, cells::level)?,
            buffer_distance: row.read(Column::BufferDistance, |text| cells::whole(text, 0))?,
            temporal_separation: row.read(Column::TemporalSeparation, cells::span)?,
            hardware_reset: row.read(Column::HardwareReset, cells::flag)?,
            max_crosstalk: row.read(Column::MaxCrosstalk, cells::probability)?,
        },
        preferred_devices: devices(row, Column::DevicePreference, surroundings)?,
        excluded_devices: devices(row, Column::ExcludedDevices, surroundings)?,
        ..JobRequest::new(JobId(0), 1, Topology::Any)
    };
    Ok((request, declared))
}

fn devices(
    row: &Row<'_>,
    column: Column,
    surroundings: Surroundings<'_>,
) -> Result<SmallVec<[DeviceId; 2]>, ReplayError> {
    let Some(text) = row.text(column)? else { return Ok(SmallVec::new()) };
    let Some(known) = surroundings.names else { return Ok(SmallVec::new()) };
    let names: Vec<String> = text.split(',').map(|name| name.trim().to_owned()).collect();
    known.in_list(&names).map_err(|message| row.wrong(column, message))
}
