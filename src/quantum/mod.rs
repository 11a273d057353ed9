//! The vocabulary of quantum hardware and programs: plain values and their invariants, no decisions.
//!
//! Everything above speaks in these types. Files are read and checked here ([`device`], [`import`]); what a device
//! *truly* does while nobody looks is in [`hardware`].

mod adjacency;
pub mod calibration;
pub mod catalogue;
pub mod circuit;
pub mod coupling_map;
pub mod device;
pub mod device_file;
pub mod file_error;
pub mod generators;
pub mod hardware;
pub mod import;
pub mod lattice;
pub mod price;
pub mod program;
pub mod published_time;
pub mod qasm;
mod qubit_set;
pub mod success;
pub mod synthetic;

use serde::{Deserialize, Serialize};

pub(crate) use adjacency::{Adjacency, Part};
pub use qubit_set::QubitSet;

/// Most qubits of a device in stored bytes: more than anybody builds, and few enough that a forged number does not use
/// up the memory.
pub(crate) const STORED_QUBITS_MAX: u32 = 1 << 22;

/// A qubit of a device, numbered from 0 as the vendor does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PhysicalQubit(pub u32);

/// A qubit of a program, numbered from 0. A layout maps virtual to physical qubits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VirtualQubit(pub u32);

/// A coupler of a device: an index into [`coupling_map::CouplingMap::couplers`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CouplerId(pub u32);

/// A device of the fleet, numbered by the driver in order of registration. Names live in [`device::DeviceSpec`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct DeviceId(pub u32);

impl PhysicalQubit {
    /// The qubit as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl VirtualQubit {
    /// The qubit as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl CouplerId {
    /// The coupler as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl DeviceId {
    /// The device as an index.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
