//! What the auditor finds: one typed violation per broken promise, with the ids that it concerns.
//!
//! Promises a stable name per kind for files. Says nothing of how violations are found.

use serde::Serialize;

use crate::allocator::protocol::{
    AllocationId, EpochNumber, Fence, JobId, Level, PromiseCause, Resource, Status,
};
use crate::allocator::quality::QualityDemand;
use crate::quantum::{DeviceId, PhysicalQubit};
use crate::time::{Span, Time};

/// A broken promise of the core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Violation {
    /// When it was noticed.
    pub time: Time,
    /// What was broken.
    pub breach: Breach,
}

impl Violation {
    /// Its kind.
    pub fn kind(&self) -> ViolationKind {
        self.breach.kind()
    }

    /// Whether two jobs came too near to each other in space or time.
    pub fn is_isolation(&self) -> bool {
        self.kind().is_isolation()
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {}: {}", self.kind().name(), self.time, self.breach)
    }
}

macro_rules! violation_kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal,)*) => {
        /// The kinds of violations, without the ids.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        #[serde(rename_all = "snake_case")]
        pub enum ViolationKind {
            $($(#[$doc])* $kind,)*
        }

        impl ViolationKind {
            /// All kinds, in order.
            pub const ALL: &'static [Self] = &[$(Self::$kind),*];

            /// The name in files.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

violation_kinds! {
    /// Two co-active allocations hold one qubit.
    DoubleHold = "double_hold",
    /// Two co-active allocations are closer than one of them, or the device, requires.
    BufferTooNarrow = "buffer_too_narrow",
    /// Qubits were reused before the guard of the allocation before, or the reconfiguration, was over.
    GuardBroken = "guard_broken",
    /// A start by which another job is expected to add more to a two-qubit error than a job accepts.
    TooMuchCrosstalk = "too_much_crosstalk",
    /// An allocation promises less isolation than its job asked for.
    PromiseTooWeak = "promise_too_weak",
    /// A promised reset is not among the driver actions.
    ResetMissing = "reset_missing",
    /// Fewer qubits than the job needs, or more than it can use.
    WrongSize = "wrong_size",
    /// A layout that names a qubit twice, none that exists, or others than the held ones.
    IllegalLayout = "illegal_layout",
    /// Two interacting virtual qubits without a live coupler in service between them.
    MissingCoupler = "missing_coupler",
    /// A region that is not connected over live couplers in service within the limits of the job.
    DisconnectedRegion = "disconnected_region",
    /// A program routed with more SWAP gates than its job accepts.
    TooManySwaps = "too_many_swaps",
    /// A qubit that is dead or not in service.
    UnusableQubit = "unusable_qubit",
    /// An element that is worse than its job allows.
    LimitExceeded = "limit_exceeded",
    /// A start below a hard bound on success probability or fidelity, by published figures.
    BelowBound = "below_bound",
    /// A start below a soft bound that the allocation does not tell.
    NotFlagged = "not_flagged",
    /// A start on a device that is not online.
    DeviceNotOnline = "device_not_online",
    /// An allocation that outlived the loss of its device or of one of its elements.
    StillRunning = "still_running",
    /// More allocations than the device allows.
    TooManyTasks = "too_many_tasks",
    /// A start by which a group, a project or a user has more than its quota.
    QuotaExceeded = "quota_exceeded",
    /// A wait that does not add up to what it is put down to, or a hold that is put down to something else.
    WaitNotExplained = "wait_not_explained",
    /// A wait that ends without a word of what it was for, or is told although nobody waits.
    WaitUntold = "wait_untold",
    /// A job that is ready, starts or is cancelled otherwise than the jobs allow that it depends on.
    DependencyIgnored = "dependency_ignored",
    /// A job that goes on waiting for others, all of which have ended.
    DependantForgotten = "dependant_forgotten",
    /// A device that the job excluded.
    ExcludedDevice = "excluded_device",
    /// A fence that is not above the last one of the device.
    FenceNotRising = "fence_not_rising",
    /// An allocation number that was used before.
    AllocationReused = "allocation_reused",
    /// An attempt number that is not one above the last one of the job.
    WrongAttempt = "wrong_attempt",
    /// A grant in another tenant's name, or dated at another time.
    GrantMismatch = "grant_mismatch",
    /// A decision that rests on another calibration than the one in force.
    StaleCalibration = "stale_calibration",
    /// A calibration epoch that is not above the last one.
    EpochNotRising = "epoch_not_rising",
    /// A step that the state of the job does not allow.
    IllegalTransition = "illegal_transition",
    /// An event that names another allocation than the one the job holds.
    WrongAllocation = "wrong_allocation",
    /// A stop or failure for walltime before the walltime was over.
    EarlyStop = "early_stop",
    /// An expiry before the longest wait was over.
    EarlyExpiry = "early_expiry",
    /// A first start after the longest wait was over.
    LateStart = "late_start",
    /// A job that still waits when it was promised to have started.
    PromiseBroken = "promise_broken",
    /// A start on, or too near to, qubits that are promised to another job, which would still be there when it starts.
    PromiseEntered = "promise_entered",
    /// Two jobs that are promised the same qubits, or some too near to each other, at one time.
    PromisesMeet = "promises_meet",
    /// A promise that became worse, without a cause that can be seen.
    PromiseWorsened = "promise_worsened",
    /// A promise to a job that does not wait or has one already, or of an instant that is over.
    SenselessPromise = "senseless_promise",
    /// Fewer shots than reported before, or more than the job has.
    WrongShots = "wrong_shots",
    /// An event about a device that is not in the fleet.
    UnknownDevice = "unknown_device",
    /// A device that joined under a number in use.
    DeviceInUse = "device_in_use",
    /// Time ran backwards.
    TimeBackwards = "time_backwards",
    /// Jobs appeared or vanished.
    JobsNotConserved = "jobs_not_conserved",
    /// The held qubits over time are not the sum of the allocations.
    QubitTimeNotConserved = "qubit_time_not_conserved",
}

impl ViolationKind {
    /// Whether it means that two jobs came too near to each other in space or time. Only these count as
    /// `isolation_violations`.
    pub fn is_isolation(self) -> bool {
        matches!(self, Self::DoubleHold | Self::BufferTooNarrow | Self::GuardBroken | Self::TooMuchCrosstalk)
    }
}

/// What was broken, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[expect(
    missing_docs,
    reason = "the fields are ids and figures named as in the messages, shown in the texts"
)]
pub enum Breach {
    /// See [`ViolationKind::DoubleHold`].
    #[error("allocations {} and {} both hold qubit {} of device {}", allocation.0, other.0, qubit.0, device.0)]
    DoubleHold { device: DeviceId, qubit: PhysicalQubit, allocation: AllocationId, other: AllocationId },
    /// See [`ViolationKind::BufferTooNarrow`].
    #[error(
        "allocations {} and {} on device {} are at distance {distance}, at least {required} is required",
        allocation.0, other.0, device.0
    )]
    BufferTooNarrow {
        device: DeviceId,
        allocation: AllocationId,
        other: AllocationId,
        distance: u32,
        required: u32,
    },
    /// See [`ViolationKind::GuardBroken`].
    #[error("allocation {} uses qubit {} of device {}, which is guarded until {until}", allocation.0, qubit.0, device.0)]
    GuardBroken { device: DeviceId, qubit: PhysicalQubit, allocation: AllocationId, until: Time },
    /// See [`ViolationKind::TooMuchCrosstalk`].
    #[error(
        "the start of allocation {} on device {} breaks the limit of allocation {} on crosstalk at qubit {}",
        started.0, device.0, allocation.0, qubit.0
    )]
    TooMuchCrosstalk {
        device: DeviceId,
        allocation: AllocationId,
        started: AllocationId,
        qubit: PhysicalQubit,
    },
    /// See [`ViolationKind::PromiseTooWeak`].
    #[error("allocation {} promises job {} less {promise} than it asked for", allocation.0, job.0)]
    PromiseTooWeak { job: JobId, allocation: AllocationId, promise: Promise },
    /// See [`ViolationKind::ResetMissing`].
    #[error("allocation {} promises a reset that no driver action makes", allocation.0)]
    ResetMissing { allocation: AllocationId },
    /// See [`ViolationKind::WrongSize`].
    #[error("allocation {} has {qubits} qubits{}, but job {} asks for {min} to {max}", allocation.0, InCopies(*copies), job.0)]
    WrongSize { job: JobId, allocation: AllocationId, qubits: u32, copies: u32, min: u32, max: u32 },
    /// See [`ViolationKind::IllegalLayout`].
    #[error("the layout of allocation {} on device {} {problem}", allocation.0, device.0)]
    IllegalLayout { device: DeviceId, allocation: AllocationId, problem: LayoutProblem },
    /// See [`ViolationKind::MissingCoupler`].
    #[error("allocation {} needs a coupler between qubits {} and {} of device {}", allocation.0, a.0, b.0, device.0)]
    MissingCoupler { device: DeviceId, allocation: AllocationId, a: PhysicalQubit, b: PhysicalQubit },
    /// See [`ViolationKind::DisconnectedRegion`].
    #[error("the region of allocation {} on device {} is not connected", allocation.0, device.0)]
    DisconnectedRegion { device: DeviceId, allocation: AllocationId },
    /// See [`ViolationKind::TooManySwaps`].
    #[error("allocation {} needs {swaps} SWAP gates, job {} accepts {limit}", allocation.0, job.0)]
    TooManySwaps { job: JobId, allocation: AllocationId, swaps: u32, limit: u32 },
    /// See [`ViolationKind::UnusableQubit`].
    #[error("allocation {} uses qubit {} of device {}, which is dead or not in service", allocation.0, qubit.0, device.0)]
    UnusableQubit { device: DeviceId, allocation: AllocationId, qubit: PhysicalQubit },
    /// See [`ViolationKind::LimitExceeded`].
    #[error("allocation {} breaks its limit on {limit} at qubit {} of device {}", allocation.0, qubit.0, device.0)]
    LimitExceeded { device: DeviceId, allocation: AllocationId, qubit: PhysicalQubit, limit: Limit },
    /// See [`ViolationKind::BelowBound`].
    #[error("allocation {} misses the bound {demand} of job {}", allocation.0, job.0)]
    BelowBound { job: JobId, allocation: AllocationId, demand: QualityDemand },
    /// See [`ViolationKind::NotFlagged`].
    #[error("allocation {} misses the soft bound {demand} of job {} without a word", allocation.0, job.0)]
    NotFlagged { job: JobId, allocation: AllocationId, demand: QualityDemand },
    /// See [`ViolationKind::DeviceNotOnline`].
    #[error("allocation {} starts on device {}, which is {status:?}", allocation.0, device.0)]
    DeviceNotOnline { device: DeviceId, allocation: AllocationId, status: Status },
    /// See [`ViolationKind::StillRunning`].
    #[error("allocation {} outlives the loss of its qubits, couplers or of device {}", allocation.0, device.0)]
    StillRunning { device: DeviceId, allocation: AllocationId },
    /// See [`ViolationKind::TooManyTasks`].
    #[error("allocation {} is number {running} on device {}, which allows {limit}", allocation.0, device.0)]
    TooManyTasks { device: DeviceId, allocation: AllocationId, running: u32, limit: u32 },
    /// See [`ViolationKind::QuotaExceeded`].
    #[error("with job {} its {level} has {has} {of} at a time, of {most}", job.0)]
    QuotaExceeded { job: JobId, level: Level, of: Resource, most: u64, has: u64 },
    /// See [`ViolationKind::WaitNotExplained`].
    #[error("job {} waited, or was held, {waits}, but {of_all} of it are accounted for", job.0)]
    WaitNotExplained { job: JobId, waits: Span, of_all: Span },
    /// See [`ViolationKind::WaitUntold`].
    #[error("the wait of job {} ends untold, or is told although it does not wait", job.0)]
    WaitUntold { job: JobId },
    /// See [`ViolationKind::DependencyIgnored`].
    #[error("job {} goes on as job {} does not allow, on which it depends", job.0, on.0)]
    DependencyIgnored { job: JobId, on: JobId },
    /// See [`ViolationKind::DependantForgotten`].
    #[error("job {} still waits for others that have ended", job.0)]
    DependantForgotten { job: JobId },
    /// See [`ViolationKind::ExcludedDevice`].
    #[error("allocation {} is on device {}, which job {} excludes", allocation.0, device.0, job.0)]
    ExcludedDevice { job: JobId, device: DeviceId, allocation: AllocationId },
    /// See [`ViolationKind::FenceNotRising`].
    #[error("allocation {} has fence {} after fence {} on device {}", allocation.0, fence.0, last.0, device.0)]
    FenceNotRising { device: DeviceId, allocation: AllocationId, fence: Fence, last: Fence },
    /// See [`ViolationKind::AllocationReused`].
    #[error("the number {} was given to an allocation before", allocation.0)]
    AllocationReused { allocation: AllocationId },
    /// See [`ViolationKind::WrongAttempt`].
    #[error("job {} starts attempt {attempt}, expected {expected}", job.0)]
    WrongAttempt { job: JobId, attempt: u32, expected: u32 },
    /// See [`ViolationKind::GrantMismatch`].
    #[error("allocation {} has another tenant or start than its job {} and event", allocation.0, job.0)]
    GrantMismatch { job: JobId, allocation: AllocationId },
    /// See [`ViolationKind::StaleCalibration`].
    #[error("allocation {} rests on calibration {} of device {}, but {} is in force", allocation.0, epoch.0, device.0, current.0)]
    StaleCalibration { device: DeviceId, allocation: AllocationId, epoch: EpochNumber, current: EpochNumber },
    /// See [`ViolationKind::EpochNotRising`].
    #[error("device {} goes from calibration {} to {}", device.0, last.0, epoch.0)]
    EpochNotRising { device: DeviceId, epoch: EpochNumber, last: EpochNumber },
    /// See [`ViolationKind::IllegalTransition`].
    #[error("job {} is {state} and yet {step}", job.0)]
    IllegalTransition { job: JobId, state: StateSeen, step: Step },
    /// See [`ViolationKind::WrongAllocation`].
    #[error("job {} holds allocation {}, but the event names {}", job.0, held.0, Named(*named))]
    WrongAllocation { job: JobId, held: AllocationId, named: Option<AllocationId> },
    /// See [`ViolationKind::EarlyStop`].
    #[error("allocation {} of job {} is stopped before its walltime is over", allocation.0, job.0)]
    EarlyStop { job: JobId, allocation: AllocationId },
    /// See [`ViolationKind::EarlyExpiry`].
    #[error("job {} expires before its longest wait is over", job.0)]
    EarlyExpiry { job: JobId },
    /// See [`ViolationKind::LateStart`].
    #[error("job {} starts after its longest wait, which ended at {latest}", job.0)]
    LateStart { job: JobId, latest: Time },
    /// See [`ViolationKind::PromiseBroken`].
    #[error("job {} waits, but was promised to start at {not_later_than} at the latest", job.0)]
    PromiseBroken { job: JobId, not_later_than: Time },
    /// See [`ViolationKind::PromiseEntered`].
    #[error("allocation {} is where, and while, device {} is promised to job {}", allocation.0, device.0, job.0)]
    PromiseEntered { job: JobId, allocation: AllocationId, device: DeviceId },
    /// See [`ViolationKind::PromisesMeet`].
    #[error("jobs {} and {} are promised the same place on device {} at one time", job.0, other.0, device.0)]
    PromisesMeet { job: JobId, other: JobId, device: DeviceId },
    /// See [`ViolationKind::PromiseWorsened`].
    #[error("what job {} was promised became worse, and that {cause} cannot be seen", job.0)]
    PromiseWorsened { job: JobId, cause: PromiseCause },
    /// See [`ViolationKind::SenselessPromise`].
    #[error("job {} ({state}) is promised a start that makes no sense", job.0)]
    SenselessPromise { job: JobId, state: StateSeen },
    /// See [`ViolationKind::WrongShots`].
    #[error("allocation {} of job {} cannot have done {shots_done} shots", allocation.0, job.0)]
    WrongShots { job: JobId, allocation: AllocationId, shots_done: u64 },
    /// See [`ViolationKind::UnknownDevice`].
    #[error("no device has the number {}", device.0)]
    UnknownDevice { device: DeviceId },
    /// See [`ViolationKind::DeviceInUse`].
    #[error("device {} joins, but the number is in use", device.0)]
    DeviceInUse { device: DeviceId },
    /// See [`ViolationKind::TimeBackwards`].
    #[error("an event of {now} follows one of {last}")]
    TimeBackwards { now: Time, last: Time },
    /// See [`ViolationKind::JobsNotConserved`].
    #[error("{submitted} jobs were submitted, but {waiting} wait, {running} run and {ended} ended")]
    JobsNotConserved { submitted: u64, waiting: u64, running: u64, ended: u64 },
    /// See [`ViolationKind::QubitTimeNotConserved`].
    #[error("qubits were held for {integral} ns, but the allocations add up to {sum} ns")]
    QubitTimeNotConserved { integral: u128, sum: u128 },
}

impl Breach {
    /// Its kind.
    pub fn kind(&self) -> ViolationKind {
        use ViolationKind as Kind;
        match self {
            Self::DoubleHold { .. } => Kind::DoubleHold,
            Self::BufferTooNarrow { .. } => Kind::BufferTooNarrow,
            Self::GuardBroken { .. } => Kind::GuardBroken,
            Self::TooMuchCrosstalk { .. } => Kind::TooMuchCrosstalk,
            Self::PromiseTooWeak { .. } => Kind::PromiseTooWeak,
            Self::ResetMissing { .. } => Kind::ResetMissing,
            Self::WrongSize { .. } => Kind::WrongSize,
            Self::IllegalLayout { .. } => Kind::IllegalLayout,
            Self::MissingCoupler { .. } => Kind::MissingCoupler,
            Self::DisconnectedRegion { .. } => Kind::DisconnectedRegion,
            Self::TooManySwaps { .. } => Kind::TooManySwaps,
            Self::UnusableQubit { .. } => Kind::UnusableQubit,
            Self::LimitExceeded { .. } => Kind::LimitExceeded,
            Self::BelowBound { .. } => Kind::BelowBound,
            Self::NotFlagged { .. } => Kind::NotFlagged,
            Self::DeviceNotOnline { .. } => Kind::DeviceNotOnline,
            Self::StillRunning { .. } => Kind::StillRunning,
            Self::TooManyTasks { .. } => Kind::TooManyTasks,
            Self::QuotaExceeded { .. } => Kind::QuotaExceeded,
            Self::WaitNotExplained { .. } => Kind::WaitNotExplained,
            Self::WaitUntold { .. } => Kind::WaitUntold,
            Self::DependencyIgnored { .. } => Kind::DependencyIgnored,
            Self::DependantForgotten { .. } => Kind::DependantForgotten,
            Self::ExcludedDevice { .. } => Kind::ExcludedDevice,
            Self::FenceNotRising { .. } => Kind::FenceNotRising,
            Self::AllocationReused { .. } => Kind::AllocationReused,
            Self::WrongAttempt { .. } => Kind::WrongAttempt,
            Self::GrantMismatch { .. } => Kind::GrantMismatch,
            Self::StaleCalibration { .. } => Kind::StaleCalibration,
            Self::EpochNotRising { .. } => Kind::EpochNotRising,
            Self::IllegalTransition { .. } => Kind::IllegalTransition,
            Self::WrongAllocation { .. } => Kind::WrongAllocation,
            Self::EarlyStop { .. } => Kind::EarlyStop,
            Self::EarlyExpiry { .. } => Kind::EarlyExpiry,
            Self::LateStart { .. } => Kind::LateStart,
            Self::PromiseBroken { .. } => Kind::PromiseBroken,
            Self::PromiseEntered { .. } => Kind::PromiseEntered,
            Self::PromisesMeet { .. } => Kind::PromisesMeet,
            Self::PromiseWorsened { .. } => Kind::PromiseWorsened,
            Self::SenselessPromise { .. } => Kind::SenselessPromise,
            Self::WrongShots { .. } => Kind::WrongShots,
            Self::UnknownDevice { .. } => Kind::UnknownDevice,
            Self::DeviceInUse { .. } => Kind::DeviceInUse,
            Self::TimeBackwards { .. } => Kind::TimeBackwards,
            Self::JobsNotConserved { .. } => Kind::JobsNotConserved,
            Self::QubitTimeNotConserved { .. } => Kind::QubitTimeNotConserved,
        }
    }
}

/// An allocation in an event that may name none.
struct Named(Option<AllocationId>);

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(allocation) => write!(f, "{}", allocation.0),
            None => f.write_str("none"),
        }
    }
}

/// A number of copies where there is more than one.
struct InCopies(u32);

impl std::fmt::Display for InCopies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0 == 1 { Ok(()) } else { write!(f, " in {} copies", self.0) }
    }
}

/// A part of the isolation that an allocation promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum Promise {
    /// Idle qubits around it.
    #[error("buffer distance")]
    BufferDistance,
    /// Time after it.
    #[error("temporal separation")]
    Guard,
    /// Reset before it.
    #[error("hardware reset")]
    HardwareReset,
    /// Limit on crosstalk.
    #[error("limit on crosstalk")]
    MaxCrosstalk,
    /// Distance from those who are not of its party.
    #[error("distance from other parties")]
    Party,
}

/// What is wrong with a layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum LayoutProblem {
    /// The device has no such qubit.
    #[error("names qubit {}, which does not exist", .0.0)]
    OutOfRange(PhysicalQubit),
    /// Two virtual qubits on one physical qubit.
    #[error("names qubit {} twice", .0.0)]
    Repeated(PhysicalQubit),
    /// The held qubits are others than those of the layout.
    #[error("does not have the qubits that are held")]
    OtherThanHeld,
}

/// A limit of a job on the elements it uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum Limit {
    /// Relaxation time.
    #[error("T1")]
    T1,
    /// Dephasing time.
    #[error("T2")]
    T2,
    /// Error of one-qubit gates.
    #[error("one-qubit error")]
    OneQubitError,
    /// Error of two-qubit gates; the qubit is the lower end of the coupler.
    #[error("two-qubit error")]
    TwoQubitError,
    /// Readout error.
    #[error("readout error")]
    ReadoutError,
}

/// Where the auditor saw a job before an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum StateSeen {
    /// Never queued.
    #[error("unknown")]
    Unknown,
    /// In a final state.
    #[error("ended")]
    Ended,
    /// In a queue.
    #[error("waiting")]
    Waiting,
    /// In a queue, kept from starting.
    #[error("held")]
    Held,
    /// Running.
    #[error("running")]
    Running,
    /// Running, asked to stop.
    #[error("stopping")]
    Stopping,
}

/// What an event does to a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[expect(missing_docs, reason = "named as the events")]
pub enum Step {
    #[error("is queued")]
    Queued,
    #[error("is rejected")]
    Rejected,
    #[error("is held")]
    Held,
    #[error("is released")]
    Released,
    #[error("is ready")]
    Ready,
    #[error("is transferred")]
    Transferred,
    #[error("starts")]
    Started,
    #[error("is credited shots")]
    Credited,
    #[error("is asked to stop")]
    StopRequested,
    #[error("is requeued")]
    Requeued,
    #[error("finishes")]
    Finished,
    #[error("fails")]
    Failed,
    #[error("is cancelled")]
    Cancelled,
    #[error("expires")]
    Expired,
}
