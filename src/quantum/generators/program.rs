//! A circuit as a list of operations, as the generators write it.
//!
//! Promises a profile counted without any parser, so that reading the export back is a test of both. Leaves the meaning
//! of the profile's figures to [`crate::quantum::qasm`].

use std::fmt::Write;

use smallvec::{SmallVec, smallvec};

use crate::quantum::circuit::{CircuitProfile, InteractionError};
use crate::quantum::qasm::meter::Meter;

/// A list of operations on qubits `0..qubits` of one register; qubit i is measured into bit i.
#[derive(Debug, Clone, PartialEq)]
pub struct Program {
    qubits: u32,
    operations: Vec<Operation>,
}

#[derive(Debug, Clone, PartialEq)]
enum Operation {
    Gate {
        name: &'static str,
        angles: SmallVec<[f64; 1]>,
        wires: SmallVec<[u32; 3]>,
    },
    Measure(u32),
    /// All qubits.
    Barrier,
}

impl Program {
    pub(super) fn new(qubits: u32) -> Self {
        Self { qubits, operations: Vec::new() }
    }

    /// Number of qubits.
    pub fn qubits(&self) -> u32 {
        self.qubits
    }

    pub(super) fn one(&mut self, name: &'static str, qubit: u32) {
        self.gate(name, &[], &[qubit]);
    }

    pub(super) fn turn(&mut self, name: &'static str, angle: f64, qubit: u32) {
        self.gate(name, &[angle], &[qubit]);
    }

    pub(super) fn two(&mut self, name: &'static str, a: u32, b: u32) {
        self.gate(name, &[], &[a, b]);
    }

    pub(super) fn turn_two(&mut self, name: &'static str, angle: f64, a: u32, b: u32) {
        self.gate(name, &[angle], &[a, b]);
    }

    pub(super) fn three(&mut self, name: &'static str, wires: [u32; 3]) {
        self.gate(name, &[], &wires);
    }

    pub(super) fn gate(&mut self, name: &'static str, angles: &[f64], wires: &[u32]) {
        self.operations.push(Operation::Gate {
            name,
            angles: SmallVec::from_slice(angles),
            wires: SmallVec::from_slice(wires),
        });
    }

    pub(super) fn on_all(&mut self, name: &'static str) {
        for qubit in 0..self.qubits {
            self.one(name, qubit);
        }
    }

    pub(super) fn barrier(&mut self) {
        self.operations.push(Operation::Barrier);
    }

    pub(super) fn measure(&mut self, qubits: impl IntoIterator<Item = u32>) {
        self.operations.extend(qubits.into_iter().map(Operation::Measure));
    }

    pub(super) fn measure_all(&mut self) {
        self.measure(0..self.qubits);
    }

    /// The circuit in OpenQASM 2, gates on three qubits as they are.
    pub fn to_qasm(&self, title: &str) -> String {
        let mut text =
            format!("// {title}\nOPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[{}];\n", self.qubits);
        if self.operations.iter().any(|operation| matches!(operation, Operation::Measure(_))) {
            text += &format!("creg c[{}];\n", self.qubits);
        }
        for operation in &self.operations {
            // Writing to a string cannot fail.
            let _ = match operation {
                Operation::Barrier => writeln!(text, "barrier q;"),
                Operation::Measure(qubit) => writeln!(text, "measure q[{qubit}] -> c[{qubit}];"),
                Operation::Gate { name, angles, wires } => {
                    text += name;
                    for (place, angle) in angles.iter().enumerate() {
                        let _ = write!(text, "{}{angle:?}", if place == 0 { '(' } else { ',' });
                    }
                    text += if angles.is_empty() { " " } else { ") " };
                    for (place, wire) in wires.iter().enumerate() {
                        let _ = write!(text, "{}q[{wire}]", if place == 0 { "" } else { "," });
                    }
                    writeln!(text, ";")
                }
            };
        }
        text
    }

    /// The counts, with `ccx` and `cswap` written out as one- and two-qubit gates.
    pub fn profile(&self) -> Result<CircuitProfile, InteractionError> {
        let mut meter = Meter::default();
        meter.add_qubits(self.qubits);
        meter.add_bits(self.qubits);
        for operation in &self.operations {
            match operation {
                Operation::Barrier => meter.barrier(0..self.qubits),
                Operation::Measure(qubit) => meter.measure(*qubit, &[*qubit]),
                Operation::Gate { name, wires, .. } => match wires[..] {
                    [control, a, b] if *name == "cswap" => {
                        meter.gate(&[b, a], &[]);
                        toffoli(&mut meter, [control, a, b]);
                        meter.gate(&[b, a], &[]);
                    }
                    [a, b, target] => toffoli(&mut meter, [a, b, target]),
                    _ => meter.gate(wires, &[]),
                },
            }
        }
        let order: Vec<u32> = (0..self.qubits).collect();
        meter.finish(&order)
    }
}

/// The circuit with six CX of Nielsen and Chuang, figure 4.9.
fn toffoli(meter: &mut Meter, [a, b, target]: [u32; 3]) {
    let parts: [SmallVec<[u32; 2]>; 15] = [
        smallvec![target],
        smallvec![b, target],
        smallvec![target],
        smallvec![a, target],
        smallvec![target],
        smallvec![b, target],
        smallvec![target],
        smallvec![a, target],
        smallvec![b],
        smallvec![target],
        smallvec![target],
        smallvec![a, b],
        smallvec![a],
        smallvec![b],
        smallvec![a, b],
    ];
    for part in parts {
        meter.gate(&part, &[]);
    }
}
