//! The columns of the tables that a replication writes. Leaves their cells to [`super`].

/// The columns of `jobs.csv`: its header, and what its readers call them.
macro_rules! job_columns {
    ($($column:ident = $name:literal,)+) => {
        /// Columns of `jobs.csv`.
        pub const JOBS_HEADER: &[&str] = &[$($name),+];

        /// A column of `jobs.csv`.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[expect(missing_docs, reason = "the columns of the file")]
        pub enum JobColumn {
            $($column),+
        }
    };
}

job_columns! {
    Replication = "replication",
    JobId = "job_id",
    WorkloadName = "workload_name",
    SubmissionTime = "submission_time",
    RequestedNumberOfResources = "requested_number_of_resources",
    RequestedTime = "requested_time",
    Success = "success",
    FinalState = "final_state",
    StartingTime = "starting_time",
    ExecutionTime = "execution_time",
    FinishTime = "finish_time",
    WaitingTime = "waiting_time",
    TurnaroundTime = "turnaround_time",
    Stretch = "stretch",
    AllocatedResources = "allocated_resources",
    Device = "device",
    Attempts = "attempts",
    Topology = "topology",
    Circuits = "circuits",
    Shots = "shots",
    Depth = "depth",
    User = "user",
    Group = "group",
    Project = "project",
    PlacementCost = "placement_cost",
    CostReadout = "cost_readout",
    CostOneQubitGates = "cost_one_qubit_gates",
    CostTwoQubitGates = "cost_two_qubit_gates",
    CostDecay = "cost_decay",
    CostSwaps = "cost_swaps",
    Surcharges = "surcharges",
    PlacementProved = "placement_proved",
    DevicesTried = "devices_tried",
    Swaps = "swaps",
    BufferDistance = "buffer_distance",
    FidelityPredicted = "fidelity_predicted",
    FidelityTrue = "fidelity_true",
    Reason = "reason",
    Measured = "measured",
    OwnExecutionTime = "own_execution_time",
    Priority = "priority",
    Deadline = "deadline",
    DeadlineKept = "deadline_kept",
    PromisedStart = "promised_start",
    EstimatedAt = "estimated_at",
    EstimatedStartP10 = "estimated_start_p10",
    EstimatedStartP50 = "estimated_start_p50",
    EstimatedStartP90 = "estimated_start_p90",
    PlannedStart = "planned_start",
    WaitedUnplaceable = "waited_unplaceable",
    WaitedQuota = "waited_quota",
    WaitedHeld = "waited_held",
    WaitedDependency = "waited_dependency",
    WaitedRetry = "waited_retry",
    WaitedOrder = "waited_order",
    WaitedPromise = "waited_promise",
    WaitedQuality = "waited_quality",
    WaitedShape = "waited_shape",
    WaitedUsableQubits = "waited_usable_qubits",
    WaitedFreeQubits = "waited_free_qubits",
    WaitedFullDevice = "waited_full_device",
    WaitedOutOfService = "waited_out_of_service",
    WaitedPass = "waited_pass",
    After = "after",
    AfterSuccess = "after_success",
}

impl JobColumn {
    /// Its name in the header.
    pub fn name(self) -> &'static str {
        JOBS_HEADER[self as usize]
    }
}

/// Columns of `timeline.csv`.
pub const TIMELINE_HEADER: &[&str] = &[
    "replication",
    "time_s",
    "device",
    "qubits_in_service",
    "held",
    "blocked",
    "free",
    "largest_free_region",
    "fragmentation",
    "utilization",
    "effective_utilization",
    "running_jobs",
    "waiting_jobs",
    "isolation_violations",
];

/// Columns of `events.csv`.
pub const EVENTS_HEADER: &[&str] =
    &["replication", "sequence", "time_s", "event", "job", "allocation", "device", "detail"];

/// Columns of `estimates.csv`.
pub const ESTIMATES_HEADER: &[&str] = &[
    "replication",
    "time_s",
    "job_id",
    "position",
    "start_p10",
    "start_p50",
    "start_p90",
    "drawn_p10",
    "drawn_p50",
    "drawn_p90",
    "planned_start",
    "planned_device",
    "planned_resources",
];
