//! The most of everything that a circuit may hold.
//!
//! Promises that a file within them is read in about a second. Leaves keeping them to the reader.

/// Most qubits of a circuit.
pub const MAX_QUBITS: u32 = 100_000;

/// Most classical bits of a circuit.
pub const MAX_BITS: u32 = 1_000_000;

/// Deepest nesting of brackets, blocks and gate definitions.
pub const MAX_NESTING: u32 = 200;

/// Most qubits and bits that all operations together may touch, definitions and loops written out: about a second of work.
pub const MAX_WORK: u64 = 10_000_000;
