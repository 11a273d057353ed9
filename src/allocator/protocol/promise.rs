//! What a waiting job is promised: a start that nobody may delay, and why such a promise may change after all.
//!
//! A promise ends without a word when its job starts, is held, moves to another queue or ends, and when another
//! configuration comes into force.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::allocation::PromisedIsolation;
use super::ids::EpochNumber;
use crate::quantum::{DeviceId, PhysicalQubit};
use crate::time::Time;

/// Qubits that are kept for a job.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StartPromise {
    /// The device.
    pub device: DeviceId,
    /// The calibration that it rests on.
    pub epoch: EpochNumber,
    /// Physical qubit of each virtual qubit. The job may start on others, if that is not later.
    pub layout: SmallVec<[PhysicalQubit; 8]>,
    /// The job starts then at the latest. `None`: when those who are on the qubits have ended, which nobody can tell.
    pub not_later_than: Option<Time>,
    /// When it would have ended, its guard included; `None`: nobody can tell.
    pub until: Option<Time>,
    /// The separation that the job is promised there.
    pub isolation: PromisedIsolation,
}

impl StartPromise {
    /// Whether it is as good as another one, or better.
    pub fn keeps(&self, other: &Self) -> bool {
        match (self.not_later_than, other.not_later_than) {
            (Some(new), Some(old)) => new <= old,
            (Some(_), None) => true,
            (None, Some(_)) => false,
            // A place without an instant is no better elsewhere.
            (None, None) => (self.device, &self.layout) == (other.device, &other.layout),
        }
    }
}

/// Why a promise is not what it was.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
#[serde(rename_all = "snake_case")]
pub enum PromiseCause {
    /// It is earlier, or as early on qubits by which it keeps less from others.
    #[error("it is no later")]
    Earlier,
    /// The device is not in service any more.
    #[error("the device is not in service")]
    DeviceLost,
    /// A qubit or coupler is not in service any more.
    #[error("a qubit or coupler is not in service")]
    ElementLost,
    /// By new figures there is no placement on its qubits, or none that is good enough.
    #[error("by new figures its qubits will not do")]
    Recalibrated,
    /// Somebody on the device runs beyond its walltime.
    #[error("a job there runs beyond its walltime")]
    Overrun,
    /// Jobs that come before it in the order of the queue are blocked, and the promises are theirs.
    #[error("others are before it now")]
    OrderChanged,
    /// Jobs that come before it, wherever they wait, take what its group, its project or its user may have.
    #[error("those before it have what its quota allows")]
    QuotaReached,
    /// The search that found the placement, which is not one that always finds what there is, does not find it any more.
    #[error("the search does not find the placement again")]
    NotFoundAgain,
}
