//! The device file as it is written: the keys, their types and their documentation.
//!
//! Promises that single values are in range (errors are probabilities, durations carry units) and that places in
//! the file are kept where later checks need them. Leaves what depends on several keys to [`super`].

use std::num::NonZeroU32;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};

use crate::config_file::typed::Spanned;
use crate::quantum::device::{Granularity, Technology};
use crate::quantum::price::Price;
use crate::time::Span;

/// Version of the schema that is read and written.
pub const SCHEMA: u32 = 1;

/// A probability in 0..=1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Probability(pub f64);

impl<'de> Deserialize<'de> for Probability {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if (0.0..=1.0).contains(&value) {
            return Ok(Self(value));
        }
        let message = format!("{value} is not an error rate; hint: a probability from 0 to 1, as in 0.004");
        Err(serde::de::Error::custom(message))
    }
}

impl JsonSchema for Probability {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Probability".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "minimum": 0, "maximum": 1})
    }
}

/// A quantum device: what it is, how good it was when last calibrated, how fast it is and what it allows.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Device file")]
pub(super) struct DeviceForm {
    /// Version of this file format: 1.
    #[serde(default)]
    #[schemars(with = "Option<u32>")]
    pub schema: Option<Spanned<u32>>,
    /// Unique name: letters, digits, `_`, `-` and `.`.
    #[serde(alias = "id")]
    #[schemars(with = "String")]
    pub name: Spanned<String>,
    /// Who makes it.
    pub vendor: Option<String>,
    /// How its qubits are made.
    #[serde(alias = "type")]
    pub technology: Technology,
    /// How much the file knows; by default `per_element` when qubits or couplers have figures of their own.
    pub granularity: Option<Granularity>,
    /// Where the figures come from.
    pub source: Option<String>,
    /// When the figures were measured, RFC 3339.
    #[schemars(with = "Option<String>")]
    pub calibrated_at: Option<Spanned<String>>,
    /// Gates that the device executes directly.
    #[serde(default)]
    pub native_gates: Vec<String>,
    /// Number of qubits, dead ones included.
    #[schemars(with = "u32")]
    pub qubits: Spanned<u32>,
    /// Named coupling map; alternatively list the couplers.
    #[schemars(with = "Option<Topology>")]
    pub topology: Option<Spanned<Topology>>,
    /// Rows and columns of a `grid` or `heavy_hex`.
    #[schemars(with = "Option<LatticeForm>")]
    pub lattice: Option<Spanned<LatticeForm>>,
    /// Figures that hold for every element that does not say otherwise.
    #[serde(default)]
    pub noise_profile: NoiseProfile,
    /// Constants of the run-time models.
    #[serde(default)]
    pub speed: SpeedForm,
    /// What the device allows.
    #[serde(default, alias = "allocation_constraints")]
    pub limits: LimitsForm,
    /// What jobs cost, in any unit of money that is the same for a whole fleet. Default: not known.
    pub price: Option<Price>,
    /// Figures of single qubits.
    #[serde(default)]
    pub qubit_calibration: Vec<QubitForm>,
    /// The couplers, with figures of their own or without. With `topology`, only figures of couplers it has.
    #[schemars(with = "Option<Vec<CouplerForm>>")]
    pub couplers: Option<Vec<Spanned<CouplerForm>>>,
}

/// Several devices in one file.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeviceListForm {
    /// The devices.
    pub devices: Vec<DeviceForm>,
}

/// Names of coupling maps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum Topology {
    /// IBM's lattice: a size that was built (16, 27, 65, 127, 133, 156, 433, 1121), or `lattice` rows and columns.
    HeavyHex,
    /// Square lattice of `lattice` rows and columns; without it the number of qubits must be a square.
    Grid,
    /// Chain.
    Line,
    /// Closed chain.
    Ring,
    /// Every qubit coupled with every other.
    AllToAll,
}

/// Rows and columns of a lattice.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LatticeForm {
    /// Rows of the grid, or chains of the heavy-hex lattice.
    pub rows: NonZeroU32,
    /// Qubits per row or chain.
    pub columns: NonZeroU32,
}

/// Averages of a device.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct NoiseProfile {
    /// Relaxation time; unknown when left out.
    #[serde(alias = "t1_avg")]
    pub t1: Option<Span>,
    /// Dephasing time, at most twice T1; unknown when left out.
    #[serde(alias = "t2_avg")]
    #[schemars(with = "Option<Span>")]
    pub t2: Option<Spanned<Span>>,
    /// Probability of a wrong measurement.
    pub readout_error: Option<Probability>,
    /// Error of a one-qubit gate.
    #[serde(alias = "single_qubit_error")]
    pub one_qubit_error: Option<Probability>,
    /// Error of a two-qubit gate.
    pub two_qubit_error: Option<Probability>,
    /// Duration of a one-qubit gate.
    #[serde(alias = "single_qubit_duration")]
    pub one_qubit_duration: Option<Span>,
    /// Duration of a two-qubit gate.
    pub two_qubit_duration: Option<Span>,
    /// Duration of a measurement.
    pub readout_duration: Option<Span>,
    /// Draw every element from a log-normal distribution around these averages instead of making all equal.
    pub spread: Option<SpreadForm>,
}

/// How far single elements lie from the averages: standard deviations of the natural logarithm.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpreadForm {
    /// Seed of the draws.
    pub seed: u64,
    /// Of T1; by default 0.44, as inside IBM's chips.
    pub t1: Option<LogSd>,
    /// Of T2; by default 0.78.
    pub t2: Option<LogSd>,
    /// Of the readout error; by default 0.86.
    pub readout_error: Option<LogSd>,
    /// Of the one-qubit error; by default 0.76.
    pub one_qubit_error: Option<LogSd>,
    /// Of the two-qubit error; by default 0.59.
    pub two_qubit_error: Option<LogSd>,
}

/// A standard deviation of logarithms in 0..=3.
#[derive(Debug, Clone, Copy)]
pub(super) struct LogSd(pub f64);

impl<'de> Deserialize<'de> for LogSd {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = f64::deserialize(deserializer)?;
        if (0.0..=3.0).contains(&value) {
            return Ok(Self(value));
        }
        Err(serde::de::Error::custom(format!("{value} is not a log standard deviation; hint: from 0 to 3")))
    }
}

impl JsonSchema for LogSd {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "LogStandardDeviation".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "minimum": 0, "maximum": 3})
    }
}

/// Constants of the run-time models; each defaults to a value typical of the technology.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SpeedForm {
    /// Fixed time per job.
    pub job_overhead: Option<Span>,
    /// Fixed time per circuit of a job.
    pub circuit_overhead: Option<Span>,
    /// Waiting time before each shot.
    pub repetition_delay: Option<Span>,
    /// Time of one layer of a circuit.
    pub layer: Option<Span>,
    /// Circuit layer operations per second.
    pub clops: Option<NonZeroU32>,
    /// Quantum volume.
    pub quantum_volume: Option<NonZeroU32>,
}

/// What the device allows.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct LimitsForm {
    /// Most jobs at a time; as many as fit when left out.
    pub max_concurrent_tasks: Option<NonZeroU32>,
    /// Least number of idle qubits between any two jobs.
    #[serde(default)]
    pub min_qubit_separation: u32,
    /// Time between two calibrations.
    pub calibration_interval: Option<Span>,
    /// Time during which the qubits of a finished job stay blocked.
    #[serde(default)]
    pub reconfiguration_time: Span,
}

/// Figures of one qubit.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QubitForm {
    /// Number of the qubit, from 0.
    #[schemars(with = "u32")]
    pub qubit: Spanned<u32>,
    /// Relaxation time.
    pub t1: Option<Span>,
    /// Dephasing time, at most twice T1.
    #[schemars(with = "Option<Span>")]
    pub t2: Option<Spanned<Span>>,
    /// Probability of a wrong measurement; dead from 0.5 on.
    pub readout_error: Option<Probability>,
    /// Error of a one-qubit gate; dead from 0.5 on.
    #[serde(alias = "single_qubit_error")]
    pub one_qubit_error: Option<Probability>,
    /// Duration of a one-qubit gate.
    #[serde(alias = "single_qubit_duration")]
    pub one_qubit_duration: Option<Span>,
    /// Duration of a measurement.
    pub readout_duration: Option<Span>,
    /// Not to be used.
    #[serde(default)]
    pub dead: bool,
}

/// A coupler with its figures.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CouplerForm {
    /// The two qubits, in either order.
    pub qubits: (u32, u32),
    /// Error of a two-qubit gate; dead from 0.5 on.
    pub two_qubit_error: Option<Probability>,
    /// Duration of a two-qubit gate.
    pub two_qubit_duration: Option<Span>,
    /// Not to be used.
    #[serde(default)]
    pub dead: bool,
}
