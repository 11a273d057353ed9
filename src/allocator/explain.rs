//! Why: typed reasons of decisions, without strings, so that they cost nothing on the hot path.
//!
//! An allocation carries why this device and region. Why a job waits follows from the state alone: it is worked out when
//! somebody asks, over all devices that might take it, and does not depend on which was asked last.

use serde::{Deserialize, Serialize};

use super::config::{Selection, Strategy};
use super::protocol::{JobId, LimitReached, Status, WaitCause};
use super::quality::{Assessment, Shortfall};
use crate::quantum::DeviceId;
use crate::time::Time;

/// How sure a placement is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Certainty {
    /// No better placement exists on the free qubits of the device.
    Optimal,
    /// A better one may exist; its cost is at most this much lower (natural log of success), if known.
    Gap(Option<f64>),
    /// The strategy does not look for the best.
    FirstFound,
}

/// What a cost is made of, natural logs of success. All but the surcharges add up to the cost of the noise.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct CostTerms {
    /// Readouts.
    pub readout: f64,
    /// One-qubit gates.
    pub one_qubit_gates: f64,
    /// Two-qubit gates of the program's own.
    pub two_qubit_gates: f64,
    /// Decay of qubits that wait.
    pub decay: f64,
    /// SWAP gates, where the program must be routed.
    pub swaps: f64,
    /// What the search counted besides the noise, for the sake of other jobs: fragmentation and crosstalk. Counted by
    /// what is minimised: a weight on the noise is taken off before.
    pub surcharges: f64,
}

/// Why an allocation is where it is.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The strategy that placed it; `None` for one that the user brought.
    pub strategy: Option<Strategy>,
    /// The selection that ordered the devices.
    pub selection: Selection,
    /// Other devices with enough free qubits that the job preferred or the selection named before this one; where all
    /// are compared, all others. They had no placement, or a worse one.
    pub devices_tried: u32,
    /// How sure the placement is.
    pub certainty: Certainty,
    /// Minus natural log of the predicted success, of a shape at the power of two next to its depth; with the SWAP gates,
    /// where the program must be routed.
    pub cost: f64,
    /// What it is made of.
    pub terms: CostTerms,
    /// How good it is, of jobs that bound it; says which soft bound it misses.
    pub quality: Option<Assessment>,
}

/// Why a device does not take a job now. The order is that of precedence: of all devices that might take the job, the
/// one with the first of these obstacles is nearest to doing so, and is named to whoever waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Obstacle {
    /// It would take the job, but for what was promised to others while the job would run.
    #[error("it would take the job, but for what was promised to others")]
    Promised,
    /// The best placement on what is free is not good enough.
    #[error("the best placement on what is free has {0}")]
    BelowBound(Shortfall),
    /// The strategy answered with qubits that it was not offered, which is a defect of the strategy.
    #[error("the strategy answered with qubits that are not free; hint: that is a defect of the strategy")]
    IllegalPlacement,
    /// The search gave up before it found or excluded a placement.
    #[error("the search ended without an answer; hint: raise placement_budget")]
    BudgetExhausted,
    /// Enough qubits are free, but they have no region of the shape.
    #[error("enough qubits are free, but no region of the shape")]
    NoPlacement,
    /// Of the free qubits, too few are within the job's limits and far enough from other jobs.
    #[error("of the free qubits, only {usable} are within the limits of the job and far enough from others")]
    TooFewUsable {
        /// How many are.
        usable: u32,
    },
    /// Too few qubits are free.
    #[error("only {free} qubits are free")]
    TooFewFree {
        /// How many are.
        free: u32,
    },
    /// The device takes new jobs when all that run on it have ended.
    #[error("it takes new jobs when all that run on it have ended")]
    BatchRunning,
    /// The device runs as many jobs as it allows.
    #[error("it runs as many jobs as it allows")]
    MaxConcurrentTasks,
    /// The device is not in service.
    #[error("it is {0:?}")]
    NotInService(Status),
}

impl Obstacle {
    /// Whether enough qubits were free but no region of the shape was found among them.
    pub fn is_shape(self) -> bool {
        matches!(self, Self::NoPlacement | Self::BudgetExhausted)
    }

    /// What a job waits for that meets it everywhere.
    pub fn cause(self) -> WaitCause {
        match self {
            Self::Promised => WaitCause::Promise,
            Self::BelowBound(_) => WaitCause::Quality,
            Self::IllegalPlacement | Self::BudgetExhausted | Self::NoPlacement => WaitCause::Shape,
            Self::TooFewUsable { .. } => WaitCause::UsableQubits,
            Self::TooFewFree { .. } => WaitCause::FreeQubits,
            Self::BatchRunning | Self::MaxConcurrentTasks => WaitCause::FullDevice,
            Self::NotInService(_) => WaitCause::OutOfService,
        }
    }

    /// Whether this is nearer to a start than another obstacle: its place in the order of precedence first, then what
    /// is missing. Of equals, neither is.
    pub fn is_before(self, other: Self) -> bool {
        let place = |obstacle: Self| match obstacle {
            Self::Promised => 0_u8,
            Self::BelowBound(_) => 1,
            Self::IllegalPlacement => 2,
            Self::BudgetExhausted => 3,
            Self::NoPlacement => 4,
            Self::TooFewUsable { .. } => 5,
            Self::TooFewFree { .. } => 6,
            Self::BatchRunning => 7,
            Self::MaxConcurrentTasks => 8,
            Self::NotInService(_) => 9,
        };
        match (self, other) {
            (Self::BelowBound(a), Self::BelowBound(b)) => (a.best, b.least) > (b.best, a.least),
            (Self::TooFewUsable { usable: a }, Self::TooFewUsable { usable: b })
            | (Self::TooFewFree { free: a }, Self::TooFewFree { free: b }) => a > b,
            _ => place(self) < place(other),
        }
    }
}

/// Why a waiting job does not start now. The order is that of precedence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum WaitReason {
    /// No device of the fleet could place it even if it were empty: elements died, or figures changed, since it came.
    #[error("no device could place it even if it were empty")]
    NowhereToPlace,
    /// No device of the fleet meets its bounds even if it were empty, by the figures published last.
    #[error("the best placement on an empty device has {0}")]
    QualityOutOfReach(Shortfall),
    /// Its group, project or user has as much as it may.
    #[error("{0}")]
    Quota(LimitReached),
    /// Held by its owner or an operator.
    #[error("held")]
    Held,
    /// This job must end first, and perhaps others after it.
    #[error("waits for the end of job {}", .0.0)]
    Dependency(JobId),
    /// It is tried again at a time (`retry: {every: ..}`).
    #[error("is tried again at {0}")]
    NotBefore(Time),
    /// Another job is ahead and blocks the queue.
    #[error("waits behind job {}", .0.0)]
    Behind(JobId),
    /// No device has enough qubits free.
    #[error("asks for {asked} qubits, at most {free} are free on one device")]
    NotEnoughFree {
        /// Asked qubits.
        asked: u32,
        /// Most free qubits of a device.
        free: u32,
    },
    /// What keeps it from the device that is nearest to taking it.
    #[error("device {}: {obstacle}", device.0)]
    Device {
        /// The device.
        device: DeviceId,
        /// What keeps the job from it.
        obstacle: Obstacle,
    },
    /// Nothing but that the next pass has yet to look at it.
    #[error("nothing: the next pass looks at it")]
    PassDue,
}

impl WaitReason {
    /// The cause that the time is put down to.
    pub fn cause(self) -> WaitCause {
        match self {
            Self::NowhereToPlace | Self::QualityOutOfReach(_) => WaitCause::Unplaceable,
            Self::Quota(_) => WaitCause::Quota,
            Self::Held => WaitCause::Held,
            Self::Dependency(_) => WaitCause::Dependency,
            Self::NotBefore(_) => WaitCause::Retry,
            Self::Behind(_) => WaitCause::Order,
            Self::NotEnoughFree { .. } => WaitCause::FreeQubits,
            Self::Device { obstacle, .. } => obstacle.cause(),
            Self::PassDue => WaitCause::Pass,
        }
    }
}
