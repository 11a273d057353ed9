//! The columns of a table of jobs: names, other names, what cells hold.
//!
//! Promises that the reader and the writer know the same columns. Leaves cells to `cells`.

use super::ReplayError;
use crate::config_file::shown::choices;

/// A column of a table of jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Column {
    SubmissionTime,
    Name,
    Qubits,
    MaxQubits,
    Circuits,
    Shots,
    Depth,
    ExecutionTime,
    RequestedTime,
    MaxWaitTime,
    Deadline,
    User,
    Group,
    Project,
    Tenant,
    Outcome,
    Id,
    After,
    AfterSuccess,
    // From here on: what makes a kind of jobs.
    Topology,
    Circuit,
    Elasticity,
    Priority,
    Isolation,
    BufferDistance,
    TemporalSeparation,
    HardwareReset,
    MaxCrosstalk,
    MinSuccessProbability,
    FidelityRequirement,
    NoiseBudget,
    MaxSwapOperations,
    MinT1,
    MinT2,
    MaxOneQubitError,
    MaxTwoQubitError,
    MaxReadoutError,
    DevicePreference,
    ExcludedDevices,
    Attributes,
}

/// Number of columns.
pub(super) const COUNT: usize = COLUMNS.len();

impl Column {
    /// Whether the cell belongs to the kind of a job, which most jobs share.
    pub(super) fn of_kind(self) -> bool {
        self as usize >= Self::Topology as usize
    }
}

/// Name and meaning of a column of a table of jobs.
#[derive(Debug, Clone, Copy)]
pub struct ColumnDef {
    /// Its name in the first row.
    pub name: &'static str,
    /// Other names that are accepted.
    pub aliases: &'static [&'static str],
    /// What its cells hold, and what an empty cell means.
    pub meaning: &'static str,
    pub(super) column: Column,
}

const fn column(
    column: Column,
    name: &'static str,
    aliases: &'static [&'static str],
    meaning: &'static str,
) -> ColumnDef {
    ColumnDef { name, aliases, meaning, column }
}

/// All columns in the order in which they are written. Times are seconds (`12.5`), or carry a unit (`5m`).
pub const COLUMNS: &[ColumnDef] = &[
    column(
        Column::SubmissionTime,
        "submission_time",
        &["submission_time_s", "submit_time", "submit", "arrival_time", "arrival_s"],
        "when the job is submitted; empty: at the start",
    ),
    column(Column::Name, "name", &["workload_name", "job_name"], "a name, for results; empty: `job`"),
    column(
        Column::Qubits,
        "qubits",
        &["width", "min_qubits", "num_qubits", "n_qubits", "requested_number_of_resources"],
        "least number of qubits; empty: those of the circuit or shape",
    ),
    column(Column::MaxQubits, "max_qubits", &[], "largest number of qubits it can use; empty: `qubits`"),
    column(Column::Circuits, "circuits", &[], "number of circuits; empty: 1"),
    column(Column::Shots, "shots", &["num_shots"], "shots per circuit; empty: 4000"),
    column(Column::Depth, "depth", &[], "layers per circuit; empty: that of the circuit, else 114"),
    column(
        Column::ExecutionTime,
        "execution_time",
        &["execution_time_s", "solo_s", "run_time", "runtime_s"],
        "the job's own time on the device, for `hardware: {runtime: distribution}`; empty: from shots and depth",
    ),
    column(
        Column::RequestedTime,
        "requested_time",
        &["estimated_duration", "walltime", "walltime_s"],
        "the walltime that the job states; empty: none",
    ),
    column(
        Column::MaxWaitTime,
        "max_wait_time",
        &["max_wait_time_s"],
        "longest time in the queue; empty: no limit",
    ),
    column(
        Column::Deadline,
        "deadline",
        &["deadline_s"],
        "time from submission by which the job must have ended; empty: none",
    ),
    column(Column::User, "user", &["user_id"], "the user, by name or number; empty: 0"),
    column(Column::Group, "group", &["group_id"], "the group, by name or number; empty: 0"),
    column(Column::Project, "project", &["project_id"], "the project, by name or number; empty: 0"),
    column(
        Column::Tenant,
        "tenant",
        &[],
        "the project by name, instead of by number; names are numbered as they come",
    ),
    column(
        Column::Outcome,
        "outcome",
        &[],
        "how it ends: completed, `error 0.5` (share of its run time), `cancelled 30` (time after submission)",
    ),
    column(
        Column::Id,
        "id",
        &["job_id"],
        "by which other jobs name it in `after` and `after_success`: a text without blanks; empty: none does",
    ),
    column(
        Column::After,
        "after",
        &["depends_on", "dependencies"],
        "ids of jobs, separated by blanks, that must have ended before it starts; they come before it",
    ),
    column(
        Column::AfterSuccess,
        "after_success",
        &[],
        "ids of jobs that must have completed before it starts: if one ends otherwise, it is cancelled",
    ),
    column(
        Column::Topology,
        "topology",
        &["shape"],
        "any, line, ring, star, tree, `grid 2x3`, heavy_hex, complete, `edges:0-1,1-2*3`; empty: any",
    ),
    column(
        Column::Circuit,
        "circuit",
        &["circuit_file"],
        "a circuit such as ghz:20, or the path of an OpenQASM file relative to the scenario; instead of `topology`",
    ),
    column(Column::Elasticity, "elasticity", &[], "what becomes of qubits beyond the least: largest, copies"),
    column(Column::Priority, "priority", &[], "low, normal, high, critical, or a number; empty: normal"),
    column(
        Column::Isolation,
        "isolation",
        &["isolation_level"],
        "weak, medium, strong; empty: the allocator's default",
    ),
    column(Column::BufferDistance, "buffer_distance", &[], "idle qubits around it; empty: that of the level"),
    column(
        Column::TemporalSeparation,
        "temporal_separation",
        &[],
        "time for which its qubits stay blocked afterwards; empty: that of the level",
    ),
    column(Column::HardwareReset, "hardware_reset", &[], "true or false; empty: that of the level"),
    column(Column::MaxCrosstalk, "max_crosstalk", &[], "largest added error per two-qubit gate, 0 to 1"),
    column(
        Column::MinSuccessProbability,
        "min_success_probability",
        &[],
        "bound on the success probability, 0 to 1: `0.9`, or `0.9 soft`",
    ),
    column(
        Column::FidelityRequirement,
        "fidelity_requirement",
        &[],
        "bound on the mean fidelity per gate, 0 to 1: `0.99`, or `0.99 soft`",
    ),
    column(Column::NoiseBudget, "noise_budget", &[], "allowed 1 - success probability, 0 to 1"),
    column(Column::MaxSwapOperations, "max_swap_operations", &[], "most SWAP gates that routing may add"),
    column(Column::MinT1, "min_t1", &["min_t1_s"], "least T1 of its qubits"),
    column(Column::MinT2, "min_t2", &["min_t2_s"], "least T2 of its qubits"),
    column(Column::MaxOneQubitError, "max_one_qubit_error", &[], "largest error of a one-qubit gate, 0 to 1"),
    column(Column::MaxTwoQubitError, "max_two_qubit_error", &[], "largest error of a two-qubit gate, 0 to 1"),
    column(Column::MaxReadoutError, "max_readout_error", &[], "largest readout error, 0 to 1"),
    column(
        Column::DevicePreference,
        "device_preference",
        &["preferred_devices"],
        "devices to try first, in this order, separated by commas; `*` stands for any text",
    ),
    column(
        Column::ExcludedDevices,
        "excluded_devices",
        &[],
        "devices never to use, separated by commas; `*` stands for any text",
    ),
    column(Column::Attributes, "attributes", &[], "facts for policies, as JSON"),
];

/// Which field of a row holds which column.
#[derive(Debug)]
pub(super) struct Layout {
    /// Field of each column.
    fields: [Option<u32>; COUNT],
    /// The fields of kinds, in order of the file.
    pub(super) kind_fields: Vec<usize>,
    /// The names as the file writes them.
    pub(super) names: Vec<String>,
}

impl Layout {
    /// From the first row.
    pub(super) fn new(header: &csv::ByteRecord, line: u64) -> Result<Self, ReplayError> {
        let mut layout = Self { fields: [None; COUNT], kind_fields: Vec::new(), names: Vec::new() };
        if let Some(delimiter) = other_delimiter(header) {
            let message = format!(
                "the first row has one cell, with {delimiter} in it; hint: cells are separated by commas, and `.` is the \
                 decimal point"
            );
            return Err(ReplayError::at(line, message));
        }
        for (field, name) in header.iter().enumerate() {
            let shown = String::from_utf8_lossy(name);
            let name = shown.trim_start_matches('\u{feff}').trim();
            layout.names.push(name.to_owned());
            let wrong = |message: String| ReplayError::at(line, message).in_column(field + 1, name);
            let Some(def) = COLUMNS.iter().find(|def| def.name == name || def.aliases.contains(&name)) else {
                let known: Vec<&str> = COLUMNS.iter().map(|def| def.name).collect();
                return Err(wrong(format!("unknown column; hint: {}", choices(name, "columns are", &known))));
            };
            if layout.fields[def.column as usize].is_some() {
                return Err(wrong(format!("the column `{}` is given twice", def.name)));
            }
            layout.fields[def.column as usize] = Some(field as u32);
            if def.column.of_kind() || def.column == Column::Qubits {
                layout.kind_fields.push(field);
            }
        }
        if let (Some(_), Some(field)) = (layout.field(Column::Project), layout.field(Column::Tenant)) {
            let message = "the columns `project` and `tenant` exclude each other";
            return Err(ReplayError::at(line, message).in_column(field + 1, "tenant"));
        }
        if [Column::Qubits, Column::Topology, Column::Circuit]
            .iter()
            .all(|column| layout.field(*column).is_none())
        {
            let message = "no column says how large the jobs are; hint: add `qubits`, or `circuit`";
            return Err(ReplayError::at(line, message));
        }
        Ok(layout)
    }

    pub(super) fn field(&self, column: Column) -> Option<usize> {
        self.fields[column as usize].map(|field| field as usize)
    }
}

/// What a first row of one cell seems to be separated by instead.
fn other_delimiter(header: &csv::ByteRecord) -> Option<&'static str> {
    let only = header.get(0).filter(|_| header.len() == 1)?;
    [(b';', "`;`"), (b'\t', "tabs"), (b'|', "`|`")]
        .into_iter()
        .find(|(byte, _)| only.contains(byte))
        .map(|(_, shown)| shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_lie_at_their_own_index() {
        for (index, def) in COLUMNS.iter().enumerate() {
            assert_eq!(def.column as usize, index, "{}", def.name);
        }
    }
}
