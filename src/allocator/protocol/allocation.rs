//! What an attempt is granted: qubits of a device, what separates them from others, and why these.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::ids::{AllocationId, EpochNumber, Fence, JobId, Tenant};
use super::party::PartyTerms;
use crate::allocator::explain::Explanation;
use crate::quantum::{DeviceId, PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

/// The separation that an allocation is promised, and that the auditor holds the core to.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PromisedIsolation {
    /// Idle qubits between this allocation and any other on the device, but for those of its party.
    pub buffer_distance: u32,
    /// Time during which its qubits stay blocked after it.
    pub guard: Span,
    /// Its qubits are reset before it.
    pub hardware_reset: bool,
    /// Most that other jobs are expected to add to the error of its two-qubit gates, see
    /// [`crate::allocator::isolation::crosstalk`]; `None`: whatever comes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_crosstalk: Option<f64>,
    /// Whose other jobs it is not kept apart from; `None`: it is kept apart from all jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub party: Option<PartyTerms>,
}

impl PromisedIsolation {
    /// How much of its guard other jobs of its party need not wait for.
    pub fn spared(&self) -> Span {
        if self.party.is_some_and(|terms| !terms.rests) { self.guard } else { Span::ZERO }
    }
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
