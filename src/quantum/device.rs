//! A device of the fleet: what it is, how fast it is, what it allows, and its last published calibration.
//!
//! Promises that everything fits together (one calibration entry per element, values in range). The file form is
//! read by [`super::device_file`]; leaves what the device truly does to [`super::hardware`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::calibration::Calibration;
use super::coupling_map::CouplingMap;
use super::price::Price;
use crate::time::Span;

/// How a device's qubits are made.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Technology {
    /// Superconducting circuits.
    Superconducting,
    /// Ions in a trap.
    TrappedIon,
    /// Neutral atoms in optical tweezers.
    NeutralAtom,
    /// A classical computer that simulates qubits.
    Simulator,
}

/// How much a device file knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Granularity {
    /// Measured figures of every qubit and coupler.
    PerElement,
    /// One published average for all elements.
    DeviceAverage,
    /// Generated: sampled from a real device or from averages with a seed.
    Synthetic,
}

/// Constants of a device that decide how long a job takes. See [`super::hardware`] for the models that use them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Speed {
    /// Fixed time per job: compilation, loading, result transfer.
    pub job_overhead: Span,
    /// Fixed time per circuit of a job.
    pub circuit_overhead: Span,
    /// Waiting time before each shot, so that the qubits relax to their ground state.
    pub repetition_delay: Span,
    /// Time of one layer of a circuit as the run-time model counts it.
    pub layer: Span,
    /// Circuit layer operations per second, where the vendor publishes it.
    pub clops: Option<f64>,
    /// Quantum volume, where the vendor publishes it.
    pub quantum_volume: Option<u32>,
}

/// What a device allows, kept by the core and checked by the auditor; by default anything, at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DeviceLimits {
    /// Most jobs at a time; `None` for no limit but the qubits.
    pub max_concurrent_tasks: Option<u32>,
    /// Least number of idle qubits between any two jobs, whatever the jobs ask for.
    pub min_qubit_separation: u32,
    /// Time between two calibrations.
    pub calibration_interval: Option<Span>,
    /// Time during which the qubits of a finished job stay blocked while the device is reconfigured.
    pub reconfiguration_time: Span,
}

/// A device, complete and checked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DeviceSpec {
    /// Unique name, as in `ibm_fez`.
    pub name: String,
    /// Who makes it.
    pub vendor: String,
    /// How its qubits are made.
    pub technology: Technology,
    /// How much the file knows.
    pub granularity: Granularity,
    /// Where the figures come from.
    pub source: String,
    /// When the figures were measured, RFC 3339, if known.
    pub calibrated_at: Option<String>,
    /// Gates the device executes directly.
    pub native_gates: Vec<String>,
    /// Which qubits can interact.
    pub coupling_map: Arc<CouplingMap>,
    /// The figures published last.
    pub calibration: Arc<Calibration>,
    /// Constants of the run-time models.
    pub speed: Speed,
    /// What the device allows.
    pub limits: DeviceLimits,
    /// What it costs, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}
