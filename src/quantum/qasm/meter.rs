//! Counts what a circuit does: layers, one-qubit gates per qubit, two-qubit gates per pair, measured qubits.
//!
//! Promises the depth that Qiskit's `QuantumCircuit.depth()` gives for the same operations. Leaves limits on their
//! number to the caller, who must stay below 2^32 operations.

use rustc_hash::FxHashMap;

use crate::quantum::circuit::{CircuitProfile, InteractionError, InteractionGraph};

/// The running counts.
#[derive(Debug, Clone, Default)]
pub(crate) struct Meter {
    /// Layers so far, per qubit.
    qubits: Vec<u32>,
    /// Layers so far, per classical bit: a result must be there before it is overwritten or decided upon.
    bits: Vec<u32>,
    one_qubit_gates: Vec<u32>,
    measured: Vec<bool>,
    pairs: FxHashMap<(u32, u32), u32>,
}

impl Meter {
    /// Adds qubits; the number of the first.
    pub(crate) fn add_qubits(&mut self, count: u32) -> u32 {
        let first = self.qubits.len();
        let all = first + count as usize;
        self.qubits.resize(all, 0);
        self.one_qubit_gates.resize(all, 0);
        self.measured.resize(all, false);
        first as u32
    }

    /// Adds classical bits; the number of the first.
    pub(crate) fn add_bits(&mut self, count: u32) -> u32 {
        let first = self.bits.len();
        self.bits.resize(first + count as usize, 0);
        first as u32
    }

    pub(crate) fn qubits(&self) -> u32 {
        self.qubits.len() as u32
    }

    pub(crate) fn bits(&self) -> u32 {
        self.bits.len() as u32
    }

    /// A gate on one or two different qubits that waits for `bits`.
    pub(crate) fn gate(&mut self, qubits: &[u32], bits: &[u32]) {
        match *qubits {
            [qubit] => self.one_qubit_gates[qubit as usize] += 1,
            [a, b] => *self.pairs.entry((a.min(b), a.max(b))).or_insert(0) += 1,
            _ => {}
        }
        self.together(qubits.iter().copied(), bits, 1);
    }

    /// Brings all to one layer without taking one.
    pub(crate) fn barrier(&mut self, qubits: impl Iterator<Item = u32> + Clone) {
        self.together(qubits, &[], 0);
    }

    /// A reset or a delay: a layer, but no gate.
    pub(crate) fn idle(&mut self, qubit: u32, bits: &[u32]) {
        self.together(std::iter::once(qubit), bits, 1);
    }

    /// A measurement, the first of `bits` being where its result goes, if anywhere.
    pub(crate) fn measure(&mut self, qubit: u32, bits: &[u32]) {
        self.measured[qubit as usize] = true;
        self.together(std::iter::once(qubit), bits, 1);
    }

    fn together(&mut self, qubits: impl Iterator<Item = u32> + Clone, bits: &[u32], layers: u32) {
        let reached = qubits.clone().map(|qubit| self.qubits[qubit as usize]);
        let reached = reached.chain(bits.iter().map(|bit| self.bits[*bit as usize])).max().unwrap_or(0);
        for qubit in qubits {
            self.qubits[qubit as usize] = reached + layers;
        }
        for bit in bits {
            self.bits[*bit as usize] = reached + layers;
        }
    }

    /// The counts, qubit `q` of the profile being qubit `order[q]` of the meter.
    pub(crate) fn finish(self, order: &[u32]) -> Result<CircuitProfile, InteractionError> {
        let mut place = vec![0; order.len()];
        for (new, old) in order.iter().enumerate() {
            place[*old as usize] = new as u32;
        }
        let edges = self.pairs.iter().map(|(&(a, b), &times)| (place[a as usize], place[b as usize], times));
        Ok(CircuitProfile {
            // Sorts the edges, so that the order of the map does not show.
            interactions: InteractionGraph::new(order.len() as u32, edges)?,
            one_qubit_gates: order.iter().map(|old| self.one_qubit_gates[*old as usize]).collect(),
            depth: self.qubits.iter().chain(&self.bits).copied().max().unwrap_or(0),
            measured: order.iter().map(|old| self.measured[*old as usize]).collect(),
        })
    }
}
