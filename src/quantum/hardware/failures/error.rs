//! Why a list of failures does not fit the fleet.
//!
//! Promises messages with the entry and what would be right. Leaves its place in a file to whoever reads one.

/// Why a list of failures does not fit the fleet.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum FailureError {
    /// A name or pattern that no device has.
    #[error(
        "failures[{entry}] names no device: `{name}`; hint: devices are {known}, and * stands for any text"
    )]
    UnknownDevice {
        /// Index of the entry.
        entry: usize,
        /// The name or pattern.
        name: String,
        /// The names of the fleet.
        known: String,
    },
    /// A qubit that the device does not have.
    #[error("failures[{entry}] names qubit {qubit} of device {device}; hint: it has qubits 0..={last}")]
    UnknownQubit {
        /// Index of the entry.
        entry: usize,
        /// The qubit.
        qubit: u32,
        /// Name of the device.
        device: String,
        /// Highest qubit.
        last: usize,
    },
    /// A pair of qubits without a coupler.
    #[error("failures[{entry}] names coupler [{a}, {b}], which device {device} does not have; hint: {hint}")]
    UnknownCoupler {
        /// Index of the entry.
        entry: usize,
        /// One qubit.
        a: u32,
        /// The other.
        b: u32,
        /// Name of the device.
        device: String,
        /// The couplers of the first qubit.
        hint: String,
    },
    /// A number that makes no process.
    #[error("failures[{entry}]: {key} is {value}; hint: {hint}")]
    OutOfRange {
        /// Index of the entry.
        entry: usize,
        /// The key.
        key: &'static str,
        /// What was given.
        value: String,
        /// What is allowed.
        hint: &'static str,
    },
}
