//! The whole protocol of the core on one page: commands in, answers and events out.
//!
//! Promises that events carry every promise the core makes, so that an auditor needs nothing else. Commands of
//! features that are not there yet do not exist here; they arrive as new variants, never as a second protocol.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::config::AllocatorConfig;
use super::explain::Explanation;
use super::job::{Contradiction, Demand, JobId, JobRequest, Tenant};
use super::quality::Shortfall;
use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

/// One grant of qubits to one attempt of a job; numbered by the core, never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AllocationId(pub u64);

/// Rises with every allocation of a device. A driver refuses work that carries a lower one than it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// Which published calibration of a device a decision rests on; 1 at registration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EpochNumber(pub u32);

/// What a driver tells the core.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Command {
    /// A device joins the fleet, online.
    RegisterDevice {
        /// Its number, not in use.
        device: DeviceId,
        /// What it is.
        #[serde(serialize_with = "device_name")]
        spec: Arc<DeviceSpec>,
    },
    /// A device leaves the fleet for good; its running jobs are requeued.
    RemoveDevice {
        /// Which one.
        device: DeviceId,
    },
    /// New figures of a device were published.
    Recalibrate {
        /// Which device.
        device: DeviceId,
        /// The figures.
        calibration: Arc<Calibration>,
    },
    /// A device or one of its elements changed its status.
    SetStatus {
        /// What changed.
        target: Target,
        /// What it is now.
        status: Status,
        /// Why.
        reason: StatusReason,
    },
    /// A job asks to be run.
    Submit(Arc<JobRequest>),
    /// The owner no longer wants a job.
    Cancel {
        /// Which job.
        job: JobId,
    },
    /// Keep a queued job from starting.
    Hold {
        /// Which job.
        job: JobId,
    },
    /// Undo a hold.
    ReleaseHold {
        /// Which job.
        job: JobId,
    },
    /// The device has finished the work of an allocation.
    Finished {
        /// Which allocation.
        allocation: AllocationId,
        /// How it went.
        outcome: Outcome,
        /// Shots done in this attempt.
        shots_done: u64,
    },
    /// The device reports shots done so far in this attempt.
    Progress {
        /// Which allocation.
        allocation: AllocationId,
        /// Shots done so far.
        shots_done: u64,
    },
    /// The device has stopped the work of an allocation, as requested.
    StopAcknowledged {
        /// Which allocation.
        allocation: AllocationId,
        /// Shots done in this attempt.
        shots_done: u64,
    },
    /// Replace the configuration; strategies and limits apply from the next pass on.
    Reconfigure(Box<AllocatorConfig>),
    /// The time that `next_wakeup` named has come, or an instant's commands are complete: run what is due.
    Wake,
}

fn device_name<S: serde::Serializer>(spec: &Arc<DeviceSpec>, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&spec.name)
}

/// What a command was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// Done.
    Applied,
    /// The job waits (or runs, or ran: a repeated submission gets its first answer).
    Queued,
    /// The job was refused, which is a fact and no error.
    Rejected(Rejection),
    /// Came too late to matter: the attempt or job had ended. Nothing changed.
    Ignored,
}

/// A senseless command. Nothing changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, thiserror::Error)]
pub enum CommandError {
    /// `now` is before an earlier `now`.
    #[error("time runs backwards: {now} after {last}")]
    TimeRunsBackwards {
        /// The time of this command.
        now: Time,
        /// The time of the last command.
        last: Time,
    },
    /// No device has that number.
    #[error("no device has the number {}", .0.0)]
    UnknownDevice(DeviceId),
    /// The number is in use by another device, or the job number by another body.
    #[error("the number is in use for something else")]
    AlreadyExists,
    /// The device has no such qubit or coupler.
    #[error("device {} has no such element", .0.0)]
    UnknownElement(DeviceId),
    /// A calibration with another number of elements than the device.
    #[error("the calibration has {qubits} qubits and {couplers} couplers, which is not what device {} has", device.0)]
    WrongSize {
        /// The device.
        device: DeviceId,
        /// Qubits in the calibration.
        qubits: usize,
        /// Couplers in the calibration.
        couplers: usize,
    },
    /// No job has that number.
    #[error("no job has the number {}", .0.0)]
    UnknownJob(JobId),
    /// No allocation ever had that number.
    #[error("no allocation has the number {}", .0.0)]
    UnknownAllocation(AllocationId),
    /// A hold of a job that has left the queue, or a release of a job without a hold.
    #[error("job {} is not in a state that allows this", .0.0)]
    WrongState(JobId),
    /// More shots than the job has, or fewer than reported before.
    #[error("allocation {} cannot have done that many shots", .0.0)]
    WrongShots(AllocationId),
    /// A device cannot be calibrated while jobs run on it.
    #[error("device {} still runs jobs; hint: drain it first", .0.0)]
    Busy(DeviceId),
    /// A value of the configuration is out of range.
    #[error("the configuration is not valid: {0}")]
    InvalidConfig(super::config::ConfigError),
}

/// Why a job was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Rejection {
    /// The request contradicts itself.
    #[error("{0}")]
    Contradiction(Contradiction),
    /// The request asks for what this version does not honour.
    #[error("{0} is not honoured by this version; hint: leave it out")]
    NotHonoured(Demand),
    /// More qubits than any device has.
    #[error("the job asks for {asked} qubits, but the largest device it may use has {largest}")]
    TooLarge {
        /// Asked qubits.
        asked: u32,
        /// Usable qubits of the largest device.
        largest: u32,
    },
    /// No device, even empty, has a region of this shape within the limits.
    #[error("no device could place the job even if it were empty")]
    NowhereToPlace,
    /// Every device that has such a region lacks the quality, by its figures published last, even if it were empty.
    #[error("the best placement on an empty device has {0}")]
    QualityOutOfReach(Shortfall),
    /// No device is left after exclusions.
    #[error("every device is excluded, or the fleet is empty")]
    NoDevice,
    /// The queue is full.
    #[error("the queue holds {0} jobs already, which is its limit")]
    QueueFull(u32),
}

/// A device or one of its elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Target {
    /// The whole device.
    Device(DeviceId),
    /// One qubit.
    Qubit(DeviceId, PhysicalQubit),
    /// One coupler.
    Coupler(DeviceId, CouplerId),
}

impl Target {
    /// The device that this is, or is part of.
    pub fn device(self) -> DeviceId {
        match self {
            Self::Device(device) | Self::Qubit(device, _) | Self::Coupler(device, _) => device,
        }
    }
}

/// Whether a device or element may be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// In service.
    Online,
    /// Running jobs may end, no job may start.
    Draining,
    /// Under calibration: no job runs or starts. Needs a device without running jobs.
    Calibrating,
    /// Suspected faulty: running jobs may end, no job may start.
    Quarantined,
    /// Out of service: its running jobs are lost and requeued.
    Offline,
}

/// Why a status changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StatusReason {
    /// Somebody decided it.
    Operator,
    /// A failure.
    Fault,
    /// The end of a failure.
    Repair,
    /// A calibration is due, runs, or ended.
    Calibration,
    /// The device joins or leaves the fleet.
    Membership,
}

/// How the work of an allocation ended, as the device reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All shots done.
    Success,
    /// The program or the device reported an error.
    Error,
}

/// The separation that an allocation is promised, and that the auditor holds the core to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PromisedIsolation {
    /// Idle qubits between this allocation and any other on the device.
    pub buffer_distance: u32,
    /// Time during which its qubits stay blocked after it.
    pub guard: Span,
    /// Its qubits are reset before it.
    pub hardware_reset: bool,
    /// Most that other jobs are expected to add to the error of its two-qubit gates, see
    /// [`super::isolation::crosstalk`]; `None`: whatever comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_crosstalk: Option<f64>,
}

/// What a driver must do to a device before an allocation starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DriverAction {
    /// Reset the held qubits.
    Reset,
}

/// Qubits granted to one attempt of a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Allocation {
    /// Its number.
    pub id: AllocationId,
    /// Its number on the device, rising.
    pub fence: Fence,
    /// The job.
    pub job: JobId,
    /// Whose job.
    pub tenant: Tenant,
    /// Which attempt of the job, from 1.
    pub attempt: u32,
    /// The device.
    pub device: DeviceId,
    /// The calibration that the decision rests on.
    pub epoch: EpochNumber,
    /// Number of copies of the program that run side by side and share the shots; mostly 1.
    pub copies: u32,
    /// Physical qubit of each virtual qubit; of copies, one layout after the other.
    pub layout: SmallVec<[PhysicalQubit; 8]>,
    /// SWAP gates that a router is expected to add, with `layout` as its first one: the program does not fit as it is.
    /// `None`: every interaction lies on a coupler.
    pub swaps: Option<u32>,
    /// The qubits of the layout.
    pub held: QubitSet,
    /// Qubits kept idle around it (held ones not included), dead and busy ones included.
    pub blocked: QubitSet,
    /// The promised separation.
    pub isolation: PromisedIsolation,
    /// When it started.
    pub started: Time,
    /// When it will be asked to stop, or is expected to end.
    pub expected_end: Option<Time>,
    /// When its lease ends, if it has one.
    pub lease_end: Option<Time>,
    /// What the driver must do first.
    pub driver_actions: SmallVec<[DriverAction; 1]>,
    /// Why this device and region.
    pub explanation: Explanation,
}

impl Allocation {
    /// Number of qubits of one copy.
    pub fn copy_size(&self) -> usize {
        (self.layout.len() / self.copies.max(1) as usize).max(1)
    }
}

/// Why an allocation is asked to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum StopReason {
    /// The owner cancelled the job.
    Cancelled,
    /// The walltime is over.
    Walltime,
}

/// Why an attempt ended without finishing the job, which waits again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum RequeueReason {
    /// The device went out of service.
    DeviceLost,
    /// One of its qubits or couplers went out of service.
    ElementLost,
}

/// Why a job failed for good.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
pub enum FailureReason {
    /// The device reported an error.
    #[error("the device reported an error")]
    Execution,
    /// It ran beyond its walltime.
    #[error("it ran beyond its walltime")]
    Walltime,
    /// It was requeued more often than allowed.
    #[error("it lost its device more often than max_attempts allows")]
    TooManyAttempts,
}

/// What the core did, in order.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub enum Event {
    /// A device joined.
    DeviceRegistered {
        /// Its number.
        device: DeviceId,
        /// What it is.
        #[serde(serialize_with = "device_name")]
        spec: Arc<DeviceSpec>,
    },
    /// A device left.
    DeviceRemoved {
        /// Its number.
        device: DeviceId,
    },
    /// New figures are in force.
    Recalibrated {
        /// The device.
        device: DeviceId,
        /// The new epoch.
        epoch: EpochNumber,
        /// The figures.
        #[serde(skip)]
        calibration: Arc<Calibration>,
    },
    /// A status changed.
    StatusChanged {
        /// Of what.
        target: Target,
        /// From what.
        from: Status,
        /// To what.
        to: Status,
        /// Why.
        reason: StatusReason,
    },
    /// A job waits.
    JobQueued {
        /// What it asks for.
        job: Arc<JobRequest>,
        /// The device in whose queue it waits; `None` for the global queue.
        device: Option<DeviceId>,
    },
    /// A job was refused.
    JobRejected {
        /// What it asked for.
        job: Arc<JobRequest>,
        /// Why.
        reason: Rejection,
    },
    /// A job is kept from starting.
    JobHeld {
        /// Which job.
        job: JobId,
    },
    /// A job may start again.
    JobReleased {
        /// Which job.
        job: JobId,
    },
    /// A waiting job now waits elsewhere, at its old place.
    JobTransferred {
        /// Which job.
        job: JobId,
        /// The device in whose queue it waits; `None` for the global queue.
        device: Option<DeviceId>,
    },
    /// An attempt holds its qubits; the driver starts it.
    JobStarted {
        /// The grant.
        allocation: Arc<Allocation>,
    },
    /// Shots of a running attempt are done.
    ShotsCredited {
        /// The job.
        job: JobId,
        /// The allocation.
        allocation: AllocationId,
        /// Shots done so far in this attempt.
        shots_done: u64,
    },
    /// The driver must stop an attempt and acknowledge it.
    StopRequested {
        /// The job.
        job: JobId,
        /// The allocation.
        allocation: AllocationId,
        /// Why.
        reason: StopReason,
        /// When the core will no longer wait for the acknowledgement.
        until: Time,
    },
    /// An attempt ended early; the job waits again at its old place.
    JobRequeued {
        /// The job.
        job: JobId,
        /// The allocation that ended.
        allocation: AllocationId,
        /// Why.
        reason: RequeueReason,
        /// The device in whose queue it waits; `None` for the global queue.
        device: Option<DeviceId>,
    },
    /// A job is done.
    JobFinished {
        /// The job.
        job: JobId,
        /// Its last allocation.
        allocation: AllocationId,
        /// Shots done in the last attempt.
        shots_done: u64,
    },
    /// A job failed for good.
    JobFailed {
        /// The job.
        job: JobId,
        /// Its last allocation.
        allocation: AllocationId,
        /// Why.
        reason: FailureReason,
    },
    /// A job was cancelled by its owner.
    JobCancelled {
        /// The job.
        job: JobId,
        /// The allocation that ended with it, if it ran.
        allocation: Option<AllocationId>,
    },
    /// A job started although its placement misses a soft bound: new figures of the device would help. Sent once for
    /// every calibration of a device.
    CalibrationRequested {
        /// The device.
        device: DeviceId,
        /// The calibration that is not good enough.
        epoch: EpochNumber,
        /// The job.
        job: JobId,
    },
    /// A job waited longer than it wanted to.
    JobExpired {
        /// The job.
        job: JobId,
        /// How long it waited.
        waited: Span,
    },
    /// Qubits of an ended allocation stay blocked for a while.
    GuardStarted {
        /// The allocation.
        allocation: AllocationId,
        /// The device.
        device: DeviceId,
        /// Until when.
        until: Time,
    },
    /// A guard ended.
    GuardEnded {
        /// The allocation.
        allocation: AllocationId,
        /// The device.
        device: DeviceId,
    },
}
