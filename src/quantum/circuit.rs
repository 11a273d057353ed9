//! Programs as the resource manager sees them: which virtual qubits interact how often, how deep, how many gates.
//!
//! Promises an interaction graph without loops or duplicates, with positive multiplicities. Leaves the reading of
//! circuit languages to a parser of its own.

use serde::{Deserialize, Serialize};

use super::VirtualQubit;

/// Which virtual qubits interact, and how often. Vertices are `0..qubits`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct InteractionGraph {
    qubits: u32,
    /// (lower, higher, number of two-qubit gates), ascending.
    edges: Vec<(VirtualQubit, VirtualQubit, u32)>,
}

/// Why a list of interactions is no interaction graph.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InteractionError {
    /// An edge names a qubit that the program does not have.
    #[error("interaction [{0}, {1}] names a qubit out of range; hint: the program has qubits 0..={2}")]
    OutOfRange(u32, u32, u32),
    /// An edge of a qubit with itself.
    #[error("interaction [{0}, {0}] joins a qubit with itself")]
    Loop(u32),
    /// A program without qubits.
    #[error("a program needs at least one qubit")]
    Empty,
    /// An interaction that never happens.
    #[error("interaction [{0}, {1}] has multiplicity 0; hint: leave it out")]
    Never(u32, u32),
}

impl InteractionGraph {
    /// The graph on `qubits` vertices with the given (a, b, multiplicity); repeated pairs add up.
    pub fn new(
        qubits: u32,
        edges: impl IntoIterator<Item = (u32, u32, u32)>,
    ) -> Result<Self, InteractionError> {
        if qubits == 0 {
            return Err(InteractionError::Empty);
        }
        let mut list: Vec<(VirtualQubit, VirtualQubit, u32)> = Vec::new();
        for (a, b, times) in edges {
            if a >= qubits || b >= qubits {
                return Err(InteractionError::OutOfRange(a, b, qubits - 1));
            }
            if a == b {
                return Err(InteractionError::Loop(a));
            }
            if times == 0 {
                return Err(InteractionError::Never(a, b));
            }
            list.push((VirtualQubit(a.min(b)), VirtualQubit(a.max(b)), times));
        }
        list.sort_unstable();
        list.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 = kept.2.saturating_add(next.2);
            }
            same
        });
        Ok(Self { qubits, edges: list })
    }

    /// Number of vertices.
    pub fn qubits(&self) -> u32 {
        self.qubits
    }

    /// The edges (lower, higher, multiplicity), ascending.
    pub fn edges(&self) -> &[(VirtualQubit, VirtualQubit, u32)] {
        &self.edges
    }

    /// The largest number of distinct partners of one vertex.
    pub fn max_degree(&self) -> u32 {
        let mut degree = vec![0_u32; self.qubits as usize];
        for (a, b, _) in &self.edges {
            degree[a.index()] += 1;
            degree[b.index()] += 1;
        }
        degree.into_iter().max().unwrap_or(0)
    }
}

/// What is known of a circuit: enough to place it and to predict its success, not enough to run it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CircuitProfile {
    /// Two-qubit interactions.
    pub interactions: InteractionGraph,
    /// Number of one-qubit gates per virtual qubit.
    pub one_qubit_gates: Vec<u32>,
    /// Number of layers.
    pub depth: u32,
    /// Which virtual qubits are measured.
    pub measured: Vec<bool>,
}
