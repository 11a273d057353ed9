//! OpenQASM 2 and 3: from a circuit file to a [`CircuitProfile`].
//!
//! Promises the counts defined below, an error with line and column for everything else, and bounded work whatever
//! the file holds. Leaves simulation, angles and hardware timing to others: no count depends on an angle.
//!
//! # What is read
//!
//! OpenQASM 2 as it is found in collections of benchmark circuits: several registers, nested gate definitions, `opaque`,
//! parameter expressions, broadcast, `barrier`, `reset`, `if(c==n)`, and `qelib1.inc` with what Qiskit adds to it. Of
//! OpenQASM 3 what Qiskit exports, and a little more: `stdgates.inc`, modifiers (`inv`, `pow`, `ctrl`, `negctrl`),
//! `input`, `const`, aliases, hardware qubits, `if`/`else`, `box`, `delay`, and `for` over constants. `while`, `switch`,
//! subroutines and pulses are errors, because their counts are known only at run time. A file without a version is taken
//! as version 2. Both include files are built in. Annotations are remarks; of pragmas only Braket's `verbatim`, `result`
//! and `noise` are passed over, which add no gates: any other is an error, for it may hide some.
//!
//! # What counts as what
//!
//! | operation | one-qubit gates | two-qubit gates | layers |
//! |---|---|---|---|
//! | gate on one qubit, also `id`, `U`, and a gate on none with one control | 1 | | 1 |
//! | gate on two qubits (`swap` and `cu3`, too), also a gate on one with one control | | 1 | 1 |
//! | gate on three and more | as its parts | as its parts | as its parts |
//! | `measure`, `reset`, `delay` | | | 1 |
//! | `barrier` | | | 0, but nothing passes it |
//! | `gphase`, assignments, declarations | | | 0 |
//!
//! - A gate that the file defines counts as its parts, all the way down. The exception are names that Qiskit has a gate
//!   for, on one or two qubits, with as many parameters (`ecr`, `iswap`, `ryy`, ...): they count as one gate, however the
//!   file spells them out. Qiskit numbers second definitions (`ryy_140529667383568`, `delay_140529667510544`), which count
//!   as the first. `ccx`, `cswap`, `rccx`, `rc3x`, `c3x`, `c3sqrtx` and `c4x` are what `qelib1.inc` makes of
//!   them. An `opaque` gate on one or two qubits counts as one; a larger one is an error.
//! - The depth is Qiskit's `QuantumCircuit.depth()` of the circuit after this expansion: the longest chain of operations
//!   that share a qubit or a classical bit. A measurement occupies the bit it writes; an operation under `if` all bits
//!   that the condition reads.
//! - An `if` counts as taken, an `else` as well: an upper bound of what a run does. A constant condition is decided.
//! - `ctrl @` on a gate made of gates adds the control to each of them. Several controls are expanded for `x`, `y`, `z`
//!   and `swap` (up to four in all, `z` through `x`); for others they are an error. `pow(k) @` repeats a gate made of
//!   gates k times and leaves any other as one.
//! - Qubits are numbered in order of declaration; hardware qubits (`$3`) in order of their numbers, only those in use.
//!   `measured` says whether a qubit is measured at least once.

mod calls;
mod error;
mod expression;
mod gates;
mod lexer;
mod limits;
pub(crate) mod meter;
mod names;
mod parser;
mod reader;
mod statement;
mod symbol;
mod syntax;

use std::path::Path;

use super::circuit::CircuitProfile;
use super::file_error::FileError;
use crate::input_file;
use reader::Reader;

pub use limits::{MAX_BITS, MAX_NESTING, MAX_QUBITS, MAX_WORK};

/// Largest circuit file that is read, bytes.
pub const MAX_BYTES: usize = 64 << 20;

/// The profile of an OpenQASM text; `origin` names it in errors. Time is linear in the length of the text and in the
/// number of its operations with definitions and loops written out.
///
/// ```
/// use resource_manager::quantum::qasm;
///
/// let text = "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg c[3]; h q[0]; cx q[0], q[1]; cx q[1], q[2]; measure q -> c;";
/// let ghz = qasm::profile(text, "ghz.qasm")?;
/// assert_eq!((ghz.interactions.edges().len(), ghz.depth), (2, 4));
///
/// let error = qasm::profile("qreg q[2];\nCX q[0], q[2];", "wrong.qasm").unwrap_err();
/// assert_eq!(error.position(), Some((2, 10)));
/// # Ok::<(), resource_manager::quantum::file_error::FileError>(())
/// ```
pub fn profile(text: &str, origin: &str) -> Result<CircuitProfile, FileError> {
    if text.len() > MAX_BYTES {
        let message = format!("the circuit has {} bytes; hint: at most {MAX_BYTES}", text.len());
        return Err(FileError::whole(origin, message));
    }
    Reader::profile(text).map_err(|fault| fault.in_text(origin, text))
}

/// The profile of an OpenQASM file.
pub fn profile_file(path: &Path) -> Result<CircuitProfile, FileError> {
    let origin = path.display().to_string();
    let unreadable = |reason: String| FileError::whole(&origin, format!("cannot read: {reason}"));
    let bytes = input_file::bytes(path, MAX_BYTES).map_err(|error| unreadable(error.to_string()))?;
    let text = String::from_utf8(bytes).map_err(|_| unreadable("the file is not UTF-8 text".to_owned()))?;
    profile(&text, &origin)
}
