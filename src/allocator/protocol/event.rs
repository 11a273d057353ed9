//! What the core did: facts, complete and final.
//!
//! Promises that folding the events over an empty state gives the state ([`crate::allocator::state`]), and that they carry
//! every promise that the core makes, so that an auditor needs nothing else. An event happened at the time of the
//! command that it was the answer to.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::allocation::Allocation;
use super::error::Rejection;
use super::ids::{AllocationId, EpochNumber, JobId, OrderKey, Status, StatusReason, Target};
use super::promise::{PromiseCause, StartPromise};
use super::request::JobRequest;
use super::waited::Waited;
use super::wire;
use crate::allocator::config::AllocatorConfig;
use crate::quantum::DeviceId;
use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;
use crate::time::{Span, Time};

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
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// A device joined.
    DeviceRegistered {
        /// Its number.
        #[serde(deserialize_with = "wire::number_of_device")]
        device: DeviceId,
        /// What it is.
        #[serde(with = "wire::device")]
        spec: Arc<DeviceSpec>,
    },
    /// Another configuration is in force.
    Reconfigured {
        /// All of it.
        config: Box<AllocatorConfig>,
    },
    /// A device is about to leave: nobody starts there or waits for it any more.
    DeviceLeaving {
        /// Its number.
        device: DeviceId,
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
        #[serde(rename = "figures", with = "wire::figures")]
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
        #[serde(with = "wire::request")]
        job: Arc<JobRequest>,
        /// The device in whose queue it waits; `None` for the global queue, and for a job that has others to wait for
        /// first: it is in no queue yet.
        device: Option<DeviceId>,
        /// What it is ordered by there.
        #[serde(default, skip_serializing_if = "OrderKey::is_plain")]
        key: OrderKey,
        /// When it is to be ordered by something else; `None`: never.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_until: Option<Time>,
    },
    /// A job is ordered by something else from now on, wherever it waits.
    JobRanked {
        /// Which job.
        job: JobId,
        /// By what.
        key: OrderKey,
        /// Until when; `None`: for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_until: Option<Time>,
    },
    /// A job was refused.
    JobRejected {
        /// What it asked for.
        #[serde(with = "wire::request")]
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
    /// All jobs have ended that a job had to wait for: it enters a queue, at the place where it came.
    JobReady {
        /// Which job.
        job: JobId,
        /// The device in whose queue it waits; `None` for the global queue.
        device: Option<DeviceId>,
    },
    /// A waiting job now waits elsewhere, at its old place.
    JobTransferred {
        /// Which job.
        job: JobId,
        /// The device in whose queue it waits; `None` for the global queue.
        device: Option<DeviceId>,
    },
    /// The qubits of a waiting job are counted as taken on the device of its queue, although it has none yet.
    JobCounted {
        /// Which job.
        job: JobId,
        /// The device.
        device: DeviceId,
    },
    /// A waiting job was tried in vain.
    RetrySet {
        /// Which job.
        job: JobId,
        /// It is not tried again before this time.
        at: Time,
    },
    /// A blocked job is promised a start.
    StartPromised {
        /// Which job.
        job: JobId,
        /// What it is promised.
        promise: Box<StartPromise>,
    },
    /// A job is promised something else than before.
    PromiseMoved {
        /// Which job.
        job: JobId,
        /// What it is promised; `None`: nothing any more.
        promise: Option<Box<StartPromise>>,
        /// Why.
        cause: PromiseCause,
    },
    /// A wait ends, with the next event: for what the job waited since it came, or was requeued. Not told of a wait of no time.
    JobWaited {
        /// Which job.
        job: JobId,
        /// For what, and how long; all of it adds up to the wait.
        waited: Waited,
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
    /// A job was cancelled by its owner, or since one on whose success it depended has ended without.
    JobCancelled {
        /// The job.
        job: JobId,
        /// The allocation that ended with it, if it ran.
        allocation: Option<AllocationId>,
        /// The job that it depended on; `None`: its owner cancelled it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        because_of: Option<JobId>,
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
