//! Qubits that several sets cover, and how many do.

use crate::quantum::QubitSet;

/// A set with multiplicities.
#[derive(Debug, Clone, Default)]
pub(super) struct Multiset {
    pub counts: Vec<u32>,
    pub set: QubitSet,
}

impl Multiset {
    pub fn new(capacity: usize) -> Self {
        Self { counts: vec![0; capacity], set: QubitSet::new(capacity) }
    }

    pub fn add(&mut self, qubits: &QubitSet) {
        for qubit in qubits {
            self.counts[qubit.index()] += 1;
            self.set.insert(qubit);
        }
    }

    pub fn subtract(&mut self, qubits: &QubitSet) {
        for qubit in qubits {
            self.counts[qubit.index()] -= 1;
            if self.counts[qubit.index()] == 0 {
                self.set.remove(qubit);
            }
        }
    }

    /// What is left when these sets, each of which was added, are taken out.
    pub fn without(&self, sets: impl Iterator<Item = QubitSet>) -> QubitSet {
        let mut out = Self::new(self.counts.len());
        sets.for_each(|set| out.add(&set));
        let mut left = self.set.clone();
        for qubit in &out.set {
            if out.counts[qubit.index()] == self.counts[qubit.index()] {
                left.remove(qubit);
            }
        }
        left
    }
}
