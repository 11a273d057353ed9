//! The fleet in a scenario file: real devices by name or path, synthetic ones by lattice and noise.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantum::device::Technology;
use crate::quantum::price::Price;
use crate::time::Span;

/// A device of the fleet, or several equal ones. Exactly one of `device` and `synthetic` is given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FleetEntry {
    /// A shipped device by name (`ibm_fez`; see `rmsim device list`), or the path of a device file relative to the
    /// scenario (contains `/` or ends in `.yaml`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
    /// A device that nobody built: its lattice.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<LatticeFile>,
    /// Noise of a synthetic device. Default: sampled around averages of IBM Heron devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseFile>,
    /// Seed of a synthetic device's noise; independent of the scenario's seed, because a device is no accident.
    /// Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_seed: Option<u64>,
    /// Technology of a synthetic device, for run times and crosstalk. Default superconducting, or that of the device
    /// in `noise: {like: ...}`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub technology: Option<Technology>,
    /// Name in the fleet, unique. Default: the name in the device file, or `synthetic`. With `count`, `-1`, `-2`, ...
    /// are appended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How many of them. Default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 1, max = 100_000))]
    pub count: u32,
    /// When it joins the fleet. Default: at the start.
    #[serde(default)]
    pub joins: Span,
    /// When it leaves for good. Default: never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leaves: Option<Span>,
    /// Limits other than those of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<LimitsFile>,
    /// Constants of the run-time models other than those of the device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<SpeedFile>,
    /// What jobs cost, other than in the device's file, in any unit of money that is the same for all devices.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub price: Option<Price>,
}

fn one() -> u32 {
    1
}

/// Which qubits of a synthetic device are coupled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum LatticeFile {
    /// IBM's heavy-hex lattice: `rows` chains of `columns` qubits, bridged; or one of the sizes IBM has built.
    HeavyHex {
        /// Number of chains.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        rows: Option<u32>,
        /// Qubits of a chain.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        columns: Option<u32>,
        /// A size IBM has built, instead of rows and columns: 16, 27, 65, 127, 133, 156, 433 or 1121.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        qubits: Option<u32>,
    },
    /// A square lattice.
    Grid {
        /// Number of rows.
        rows: u32,
        /// Number of columns.
        columns: u32,
    },
    /// A chain.
    Line {
        /// Number of qubits.
        qubits: u32,
    },
    /// A closed chain.
    Ring {
        /// Number of qubits.
        qubits: u32,
    },
    /// Every qubit with every other, as in an ion trap. One qubit makes a plain server; of more than 1,024 qubits all pairs share
    /// one figure, without crosstalk and failures of their own.
    AllToAll {
        /// Number of qubits.
        qubits: u32,
    },
}

/// Noise of a synthetic device.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NoiseFile {
    /// None at all.
    Ideal,
    /// Every element drawn, as a whole, from those of a real device (name or path); dead ones are as frequent as there.
    Like(String),
    /// Drawn around averages.
    Averages(AveragesFile),
}

/// Average figures of a synthetic device. The defaults are medians of IBM Heron devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct AveragesFile {
    /// Relaxation time. Default 180us.
    pub t1: Span,
    /// Dephasing time, at most twice T1. Default 120us.
    pub t2: Span,
    /// Readout error. Default 0.01.
    pub readout_error: f64,
    /// Error of a one-qubit gate. Default 0.0003.
    pub one_qubit_error: f64,
    /// Error of a two-qubit gate. Default 0.004.
    pub two_qubit_error: f64,
    /// Duration of a one-qubit gate. Default 32ns.
    pub one_qubit_duration: Span,
    /// Duration of a two-qubit gate. Default 68ns.
    pub two_qubit_duration: Span,
    /// Duration of a measurement. Default 1.5us.
    pub readout_duration: Span,
    /// Whether elements differ as much as inside a real chip, or are all average. Default true.
    pub spread: bool,
}

impl Default for AveragesFile {
    fn default() -> Self {
        Self {
            t1: Span(180_000),
            t2: Span(120_000),
            readout_error: 0.01,
            one_qubit_error: 3e-4,
            two_qubit_error: 4e-3,
            one_qubit_duration: Span(32),
            two_qubit_duration: Span(68),
            readout_duration: Span(1_500),
            spread: true,
        }
    }
}

/// Limits of a device, where they differ from those of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsFile {
    /// Most jobs at a time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1))]
    pub max_concurrent_tasks: Option<u32>,
    /// Least number of idle qubits between any two jobs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(max = 16))]
    pub min_qubit_separation: Option<u32>,
    /// Time between two calibrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calibration_interval: Option<Span>,
    /// Time during which the qubits of a finished job stay blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reconfiguration_time: Option<Span>,
}

/// Constants of the run-time models, where they differ from those of the device.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SpeedFile {
    /// Fixed time per job.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub job_overhead: Option<Span>,
    /// Fixed time per circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub circuit_overhead: Option<Span>,
    /// Waiting time before each shot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_delay: Option<Span>,
    /// Time of one layer of a circuit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layer: Option<Span>,
    /// Circuit layer operations per second, above 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clops: Option<f64>,
    /// Quantum volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 2))]
    pub quantum_volume: Option<u32>,
}
