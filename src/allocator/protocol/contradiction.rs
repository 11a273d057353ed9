//! What is wrong with a request in itself: demands that contradict each other, and those this version does not honour.
//!
//! Promises messages that name both values. Leaves finding them to [`super::request`], and what a fleet can do to the
//! allocator.

use serde::{Deserialize, Serialize};

use crate::quantum::DeviceId;

/// Most jobs that a job may name to end before it.
pub const DEPENDENCIES_MAX: usize = 1000;

/// A topology as it is named in messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Shape {
    /// A square lattice.
    Grid {
        /// Number of rows.
        rows: u32,
        /// Number of columns.
        columns: u32,
    },
    /// An edge list.
    Custom,
    /// A circuit.
    Circuit,
    /// A part of a heavy-hex lattice.
    HeavyHex,
    /// Every qubit with every other.
    Complete,
}

impl std::fmt::Display for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Grid { rows, columns } => write!(f, "a {rows} x {columns} grid"),
            Self::Custom => f.write_str("the custom topology"),
            Self::Circuit => f.write_str("the circuit"),
            Self::HeavyHex => f.write_str("a heavy-hex patch"),
            Self::Complete => f.write_str("the complete graph"),
        }
    }
}

/// The name of a field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, thiserror::Error)]
#[error("{0}")]
pub struct FieldName(pub &'static str);

/// The fields with values that can be out of range.
pub(super) const RANGED: [&str; 8] = [
    "limits.max_one_qubit_error",
    "limits.max_two_qubit_error",
    "limits.max_readout_error",
    "fidelity_requirement",
    "min_success_probability",
    "noise_budget",
    "isolation.max_crosstalk",
    "limits.min_t1_s and min_t2_s",
];

impl<'de> Deserialize<'de> for FieldName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let known = RANGED.into_iter().find(|known| **known == name);
        known.map(Self).ok_or_else(|| serde::de::Error::custom("unknown field of a job request"))
    }
}

/// Two demands of one request that cannot both be met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum Contradiction {
    /// Zero qubits.
    #[error("a job needs at least one qubit")]
    NoQubits,
    /// Least above largest.
    #[error("min_qubits is {min}, but max_qubits is {max}")]
    EmptyRange {
        /// Least number of qubits.
        min: u32,
        /// Largest number of qubits.
        max: u32,
    },
    /// A number of qubits that the shape does not have.
    #[error("the job asks for {asked} qubits, but {shape} has {needed}")]
    ShapeSize {
        /// Asked qubits.
        asked: u32,
        /// The shape.
        shape: Shape,
        /// Qubits of the shape.
        needed: u32,
    },
    /// A range of sizes of a shape that does not scale.
    #[error(
        "the job asks for the largest size from {min} to {max} qubits, but {shape} does not scale; hint: any, line, \
         ring, star and tree do, or ask for copies"
    )]
    NotScalable {
        /// Least number of qubits.
        min: u32,
        /// Largest number of qubits.
        max: u32,
        /// The shape.
        shape: Shape,
    },
    /// A ring of one or two.
    #[error("a ring needs at least 3 qubits, but the job asks for {asked}")]
    RingTooSmall {
        /// Asked qubits.
        asked: u32,
    },
    /// Zero circuits, shots or executions.
    #[error("circuits, shots and redundancy must be at least 1")]
    NothingToDo,
    /// A value out of its range.
    #[error("{field} is out of range; hint: probabilities lie in 0..=1, times are not negative")]
    NoProbability {
        /// Name of the field.
        field: FieldName,
    },
    /// A device both wanted and unwanted.
    #[error("device {} is both preferred and excluded", device.0)]
    PreferredAndExcluded {
        /// The device.
        device: DeviceId,
    },
    /// A job that waits for itself.
    #[error("the job depends on itself")]
    DependsOnItself,
    /// More jobs that must end before it than anybody should keep books of.
    #[error("the job names {named} jobs that must end before it; at most {DEPENDENCIES_MAX} are allowed")]
    TooManyDependencies {
        /// How many it names.
        named: u32,
    },
}

/// A demand that is understood but not honoured by this version, and therefore refused rather than ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, thiserror::Error)]
pub enum Demand {
    /// `checkpoint_interval`.
    #[error("checkpoint_interval")]
    CheckpointInterval,
    /// `redundancy` above 1.
    #[error("redundancy above 1")]
    Redundancy,
}
