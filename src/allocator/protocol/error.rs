//! Why a command is senseless, and why a job is refused.

use serde::{Deserialize, Serialize};

use super::contradiction::{Contradiction, Demand};
use super::ids::{ARRAY_MAX, AllocationId, JobId};
use super::limit::Level;
use crate::allocator::config::ConfigError;
use crate::allocator::quality::Shortfall;
use crate::quantum::DeviceId;
use crate::time::{Span, Time};

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
    /// An array of no jobs, of too many, or of more than there are numbers.
    #[error("an array of {count} jobs from number {} on; hint: from 1 to {ARRAY_MAX}, with numbers below 2^64", first.0)]
    WrongArray {
        /// The number of the first one.
        first: JobId,
        /// How many.
        count: u32,
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
    InvalidConfig(ConfigError),
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
    /// It cannot end by its deadline any more.
    #[error("it could no longer end by its deadline, at {0}")]
    TooLate(Time),
    /// A job that it is to follow was never submitted, or has ended so long ago that it was forgotten.
    #[error(
        "it is to follow job {}, which was never submitted or ended longer ago than is remembered; hint: remember_ended_jobs",
        .0.0
    )]
    UnknownDependency(JobId),
    /// A job on whose success it depends has ended without.
    #[error("job {} has not completed, on whose success it depends", .0.0)]
    DependencyFailed(JobId),
    /// The queue is full.
    #[error("the queue holds {0} jobs already, which is its limit")]
    QueueFull(u32),
    /// It needs more qubits than its group, project or user may ever have.
    #[error("the job asks for {asked} qubits, but its {level} may have {most} at a time")]
    BeyondQuota {
        /// Whose quota it is.
        level: Level,
        /// Asked qubits.
        asked: u32,
        /// Most qubits at a time.
        most: u64,
    },
    /// It states more qubits times time than its group, project or user may ever use in a period.
    #[error("the job asks for {asked} qubit-seconds, but its {level} may use {most} in {per}")]
    BeyondPeriod {
        /// Whose quota it is.
        level: Level,
        /// Asked qubit-seconds, rounded up.
        asked: u64,
        /// Most qubit-seconds in the period.
        most: u64,
        /// How long the period is.
        per: Span,
    },
    /// Its group, project or user has as many waiting jobs as it may.
    #[error("its {level} has as many waiting jobs as it may: {most}")]
    TooManyWaiting {
        /// Whose quota it is.
        level: Level,
        /// Most waiting jobs.
        most: u64,
    },
}
