//! What a driver tells the core, and what it is answered.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::error::Rejection;
use super::ids::{AllocationId, JobId, Status, StatusReason, Target};
use super::request::JobRequest;
use super::wire;
use crate::allocator::config::AllocatorConfig;
use crate::quantum::DeviceId;
use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;

/// What a driver tells the core.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// A device joins the fleet, online.
    RegisterDevice {
        /// Its number, not in use.
        #[serde(deserialize_with = "wire::number_of_device")]
        device: DeviceId,
        /// What it is.
        #[serde(with = "wire::device")]
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
        #[serde(rename = "figures", with = "wire::figures")]
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
    Submit(#[serde(with = "wire::request")] Arc<JobRequest>),
    /// Many jobs that ask for the same, in one request. Each is a job of its own from here on: it starts, ends and is
    /// cancelled by itself. All of them are taken or, when one of their numbers is in use for something else, none; sent
    /// again, those that are known get their first answer.
    SubmitArray {
        /// The first of them; the others have the numbers after its own.
        #[serde(rename = "job", with = "wire::request")]
        first: Arc<JobRequest>,
        /// How many, from 1 to [`ARRAY_MAX`](super::ARRAY_MAX).
        count: u32,
    },
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

/// How the work of an allocation ended, as the device reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// All shots done.
    Success,
    /// The program or the device reported an error.
    Error,
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
