//! Writes the jobs of a scenario as a table that [`super::read_csv`] reads: the same jobs at the same times.
//!
//! Promises that a run of the table gives the same `jobs.csv` as the scenario, on the same fleet. Leaves out columns
//! that no job needs.

use std::io::{self, Write};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::cells;
use super::columns::{COLUMNS, COUNT, Column};
use crate::allocator::protocol::{
    Elasticity, ElementLimits, JobId, JobRequest, Priority, QualityBound, Topology,
};
use crate::quantum::DeviceId;
use crate::quantum::circuit::CircuitProfile;
use crate::quantum::hardware::runtime::{DeviceRuntime, RuntimeError};
use crate::simulator::csv_row::RowWriter;
use crate::simulator::scenario::Scenario;
use crate::simulator::workload::Arrival;
use crate::simulator::workload::jobs::{GeneratedJob, PlannedOutcome};
use crate::time::Span;

/// Why a workload cannot be exported.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The sink refused.
    #[error("cannot write the workload: {0}")]
    Write(#[from] io::Error),
    /// The run-time model does not fit a device, which a checked scenario excludes.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// A job brings a circuit whose name is not known.
    #[error("job {0} brings a circuit without a name, which a table cannot hold")]
    Circuit(u64),
}

/// Writes the jobs of a replication and returns their number. Paths of circuits stay relative to the scenario.
pub fn export<W: Write>(scenario: &Scenario, replication: u32, sink: W) -> Result<u64, ExportError> {
    let exporter = Exporter::new(scenario)?;
    // First which columns are needed, then the rows.
    let mut needed = [false; COUNT];
    for (column, always) in needed.iter_mut().enumerate() {
        *always = matches!(COLUMNS[column].column, Column::SubmissionTime | Column::Name | Column::Qubits);
    }
    // Numbers that nobody names are no news.
    let mut named = false;
    let mut row = [const { String::new() }; COUNT];
    exporter.each(replication, |arrival, job| {
        exporter.cells(arrival, &job, &mut row)?;
        needed.iter_mut().zip(&row).for_each(|(needed, cell)| *needed |= !cell.is_empty());
        named |= job.request.dependencies().next().is_some();
        Ok(())
    })?;
    needed[Column::Id as usize] = named;
    let mut writer = RowWriter::new(sink);
    let names: Vec<&str> =
        COLUMNS.iter().zip(needed).filter(|(_, needed)| *needed).map(|(def, _)| def.name).collect();
    writer.header(&names)?;
    let mut jobs = 0;
    exporter.each(replication, |arrival, job| {
        exporter.cells(arrival, &job, &mut row)?;
        for (cell, _) in row.iter().zip(needed).filter(|(_, needed)| *needed) {
            writer.text(cell);
        }
        jobs += 1;
        Ok(writer.end_row()?)
    })?;
    writer.finish()?.flush()?;
    Ok(jobs)
}

struct Exporter<'a> {
    scenario: &'a Scenario,
    templates: Vec<Vec<String>>,
    /// Names of circuits by the address of their profile.
    circuits: IndexMap<usize, &'a str, FxBuildHasher>,
    /// One run-time model of each speed.
    runtimes: Vec<DeviceRuntime>,
}

impl<'a> Exporter<'a> {
    fn new(scenario: &'a Scenario) -> Result<Self, RuntimeError> {
        let mut runtimes: Vec<DeviceRuntime> = Vec::new();
        for device in &scenario.fleet {
            let runtime = scenario.hardware.runtime.on(&device.spec)?;
            if !runtimes.contains(&runtime) {
                runtimes.push(runtime);
            }
        }
        let address = |profile: &Arc<CircuitProfile>| Arc::as_ptr(profile) as usize;
        let circuits = scenario.workload.circuits();
        Ok(Self {
            scenario,
            templates: scenario.workload.template_names(),
            circuits: circuits.map(|(profile, name)| (address(profile), name)).collect(),
            runtimes,
        })
    }

    /// All jobs within the horizon.
    fn each(
        &self,
        replication: u32,
        mut visit: impl FnMut(Arrival, GeneratedJob) -> Result<(), ExportError>,
    ) -> Result<(), ExportError> {
        for (arrival, job) in self.scenario.jobs(replication) {
            visit(arrival, job)?;
        }
        Ok(())
    }

    /// The cells of a job, in order of [`COLUMNS`]; what is the default is empty.
    fn cells(
        &self,
        arrival: Arrival,
        job: &GeneratedJob,
        row: &mut [String; COUNT],
    ) -> Result<(), ExportError> {
        row.iter_mut().for_each(String::clear);
        let request = &job.request;
        let mut set = |column: Column, text: String| row[column as usize] = text;
        set(Column::SubmissionTime, seconds(Span(arrival.at.0)));
        let name =
            self.templates.get(arrival.source as usize).and_then(|names| names.get(job.template as usize));
        set(Column::Name, name.cloned().unwrap_or_default());
        set(Column::Qubits, request.min_qubits.to_string());
        if request.max_qubits != request.min_qubits {
            set(Column::MaxQubits, request.max_qubits.to_string());
        }
        set(Column::Circuits, request.circuits.to_string());
        set(Column::Shots, request.shots.to_string());
        set(Column::Depth, request.depth.to_string());
        if let Some(time) = job.execution_time {
            set(Column::ExecutionTime, seconds(time));
        }
        if let Some(walltime) = self.walltime(job) {
            set(Column::RequestedTime, seconds(walltime));
        }
        if let Some(patience) = request.max_wait_time {
            set(Column::MaxWaitTime, seconds(patience));
        }
        if let Some(deadline) = request.deadline {
            set(Column::Deadline, seconds(deadline.since(arrival.at)));
        }
        for (column, number) in [
            (Column::User, request.tenant.user),
            (Column::Group, request.tenant.group),
            (Column::Project, request.tenant.project),
        ] {
            if number > 0 {
                set(column, number.to_string());
            }
        }
        match job.outcome {
            PlannedOutcome::Completes => {}
            PlannedOutcome::FailsAt(share) => set(Column::Outcome, format!("error {share}")),
            PlannedOutcome::CancelledAfter(delay) => {
                set(Column::Outcome, format!("cancelled {}", seconds(delay)));
            }
        }
        match &request.topology {
            Topology::Any => {}
            Topology::Circuit(profile) => {
                let name = self.circuits.get(&(Arc::as_ptr(profile) as usize));
                let name = name.ok_or(ExportError::Circuit(request.id.0))?;
                set(Column::Circuit, (*name).to_owned());
            }
            other => set(Column::Topology, cells::topology_text(other).unwrap_or_default()),
        }
        set(Column::Id, request.id.0.to_string());
        set(Column::After, numbers(&request.after));
        set(Column::AfterSuccess, numbers(&request.after_success));
        self.demands(request, &mut set);
        Ok(())
    }

    fn demands(&self, request: &JobRequest, set: &mut impl FnMut(Column, String)) {
        if request.elasticity == Elasticity::Copies {
            set(Column::Elasticity, "copies".to_owned());
        }
        if request.priority != Priority::NORMAL {
            set(Column::Priority, request.priority.0.to_string());
        }
        let isolation = &request.isolation;
        if let Some(level) = isolation.level {
            set(Column::Isolation, cells::level_name(level).to_owned());
        }
        if let Some(distance) = isolation.buffer_distance {
            set(Column::BufferDistance, distance.to_string());
        }
        if let Some(guard) = isolation.temporal_separation {
            set(Column::TemporalSeparation, seconds(guard));
        }
        if let Some(reset) = isolation.hardware_reset {
            set(Column::HardwareReset, reset.to_string());
        }
        let bound = |bound: QualityBound| match bound.hard {
            true => bound.at_least.to_string(),
            false => format!("{} soft", bound.at_least),
        };
        for (column, text) in [
            (Column::MaxCrosstalk, isolation.max_crosstalk.map(|value| value.to_string())),
            (Column::MinSuccessProbability, request.min_success_probability.map(bound)),
            (Column::FidelityRequirement, request.fidelity_requirement.map(bound)),
            (Column::NoiseBudget, request.noise_budget.map(|value| value.to_string())),
            (Column::MaxSwapOperations, request.max_swap_operations.map(|swaps| swaps.to_string())),
        ] {
            if let Some(text) = text {
                set(column, text);
            }
        }
        let none = ElementLimits::NONE;
        for (column, value, default) in [
            (Column::MinT1, request.limits.min_t1_s, none.min_t1_s),
            (Column::MinT2, request.limits.min_t2_s, none.min_t2_s),
            (Column::MaxOneQubitError, request.limits.max_one_qubit_error, none.max_one_qubit_error),
            (Column::MaxTwoQubitError, request.limits.max_two_qubit_error, none.max_two_qubit_error),
            (Column::MaxReadoutError, request.limits.max_readout_error, none.max_readout_error),
        ] {
            if value != default {
                set(column, value.to_string());
            }
        }
        for (column, devices) in [
            (Column::DevicePreference, &request.preferred_devices),
            (Column::ExcludedDevices, &request.excluded_devices),
        ] {
            if !devices.is_empty() {
                set(column, self.names(devices));
            }
        }
        if let Some(attributes) = &request.attributes {
            // A struct of texts, flags and maps of texts always has a JSON form.
            set(Column::Attributes, serde_json::to_string(&**attributes).unwrap_or_default());
        }
    }

    fn names(&self, devices: &[DeviceId]) -> String {
        let name = |id: &DeviceId| self.scenario.fleet[id.index()].spec.name.as_str();
        devices.iter().map(name).collect::<Vec<_>>().join(",")
    }

    /// The walltime that the job will state, as the simulation computes it.
    fn walltime(&self, job: &GeneratedJob) -> Option<Span> {
        let request = &job.request;
        let Some(factor) = job.walltime_factor else { return request.estimated_duration };
        let on = |runtime: &DeviceRuntime| {
            runtime.execution_time(request.circuits, request.shots, request.depth, job.execution_time)
        };
        let slowest = self.runtimes.iter().map(on).max().unwrap_or(Span::ZERO);
        Some(Span::from_secs_f64(slowest.as_secs_f64() * factor))
    }
}

/// The exact decimal of a time.
/// The numbers of jobs, separated by blanks.
fn numbers(jobs: &[JobId]) -> String {
    jobs.iter().map(|job| job.0.to_string()).collect::<Vec<_>>().join(" ")
}

fn seconds(span: Span) -> String {
    const NS_PER_S: u64 = 1_000_000_000;
    let (whole, fraction) = (span.0 / NS_PER_S, span.0 % NS_PER_S);
    match fraction {
        0 => whole.to_string(),
        _ => format!("{whole}.{fraction:09}").trim_end_matches('0').to_owned(),
    }
}
