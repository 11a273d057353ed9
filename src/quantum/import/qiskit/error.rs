//! Why two files of Qiskit are no device.
//!
//! Promises messages that name the element. Leaves what can be mended to [`super::warning`].

use crate::quantum::coupling_map::CouplingMapError;

/// Why the two files are no device.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// A file cannot be read.
    #[error("{path}: cannot read: {message}")]
    Read {
        /// The file.
        path: String,
        /// What the operating system says.
        message: String,
    },
    /// A file is no JSON, or lacks what every such file has.
    #[error(
        "{file}: {message}; hint: pass conf_NAME.json as configuration and props_NAME.json as properties"
    )]
    Json {
        /// `configuration` or `properties`, or the path.
        file: String,
        /// What the JSON reader says, with line and column.
        message: String,
    },
    /// The files are of different devices.
    #[error(
        "the configuration has {0} qubits, the properties have {1}; hint: both files must be of one device"
    )]
    Mismatch(u32, usize),
    /// A unit that is not known.
    #[error("{what}: the unit `{unit}` is not known; hint: s, ms, us, µs, ns")]
    Unit {
        /// The parameter.
        what: String,
        /// The unit as written.
        unit: String,
    },
    /// A gate names a qubit that the device does not have.
    #[error("gate `{gate}` names qubit {qubit}; hint: the device has {qubits} qubits")]
    GateOutOfRange {
        /// Name of the gate.
        gate: String,
        /// The qubit.
        qubit: u32,
        /// Qubits of the device.
        qubits: u32,
    },
    /// Too many qubits for pairs of all with all.
    #[error(
        "the configuration has no coupling map, which stands for all pairs of its {0} qubits; hint: at most {1} qubits, or \
         give coupling_map"
    )]
    NoCouplingMap(u32, u32),
    /// The coupling map is wrong.
    #[error("coupling map: {0}")]
    Map(#[from] CouplingMapError),
}
