//! What a program does with its qubits and interactions, as counts that a search can weigh.
//!
//! Promises the counts that the prediction of [`crate::quantum::program`] assumes, so that the sum that a search
//! minimises is minus the logarithm of the success that is predicted. A shape's depth is rounded to a power of two
//! first ([`placed_depth`]), so that few kinds of programs differ; a circuit's is not. Leaves what a use costs to [`super::cost`].

use smallvec::{SmallVec, smallvec};

use crate::allocator::protocol::Topology;
use crate::quantum::VirtualQubit;

/// What one virtual qubit is used for, its two-qubit gates aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VertexUse {
    /// Whether it is read out at the end.
    pub measured: bool,
    /// One-qubit gates, in units of 1 / [`Uses::per`].
    pub one_qubit_gates: u64,
    /// Layers without a two-qubit gate on it, in the same units.
    pub idle_layers: u64,
}

impl VertexUse {
    /// A qubit that is read out, and nothing else is known of it.
    pub const READ_OUT: Self = Self { measured: true, one_qubit_gates: 0, idle_layers: 0 };

    /// Its counts, spread over all bits.
    pub(super) fn scatter(self) -> u64 {
        let counts = self.one_qubit_gates.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ self.idle_layers;
        let mut bits = counts.wrapping_mul(0xbf58_476d_1ce4_e5b9) ^ u64::from(self.measured);
        bits ^= bits >> 31;
        bits.wrapping_mul(0x94d0_49bb_1331_11eb) >> 20
    }
}

/// The uses of all virtual qubits and interactions of a program.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Uses {
    depth: Option<u32>,
    per: u32,
    /// Two-qubit gates for each unit of an edge's weight, as a fraction.
    gates: (u32, u32),
    /// The different uses of qubits, ascending.
    kinds: SmallVec<[VertexUse; 2]>,
    /// Index of the use of each virtual qubit; empty where all are alike.
    kind_of: Vec<u32>,
}

impl Default for Uses {
    fn default() -> Self {
        Self {
            kinds: smallvec![VertexUse::READ_OUT],
            kind_of: Vec::new(),
            per: 1,
            gates: (1, 1),
            depth: None,
        }
    }
}

/// The depth for which programs of a topology are placed: that of circuits and of graphs with counts is their own, that
/// of shapes the nearest power of two. 0: unknown.
pub fn placed_depth(topology: &Topology, depth: u32) -> u32 {
    match topology {
        Topology::Circuit(_) | Topology::Custom(_) => depth,
        _ if depth == 0 => 0,
        // The nearest in proportion: below the root of two times a power it is that power.
        _ => {
            let lower = depth.ilog2();
            let square = u64::from(depth) * u64::from(depth);
            let next = square >= 1 << (2 * lower + 1) && lower < u32::BITS - 1;
            1 << (lower + u32::from(next))
        }
    }
}

impl Uses {
    /// Those of a program of a topology with `depth` layers, 0 if that is unknown; `degrees` and `weights` are number and
    /// total weight of the partners of each virtual qubit.
    pub fn new(topology: &Topology, depth: u32, degrees: &[u32], weights: &[u64]) -> Self {
        let qubits = degrees.len() as u64;
        let layers = u64::from(depth);
        match topology {
            Topology::Circuit(profile) => {
                let gates = |v: usize| profile.one_qubit_gates.get(v).copied().unwrap_or(0);
                let of = |(v, &weight): (usize, &u64)| VertexUse {
                    measured: profile.measured.get(v).copied().unwrap_or(true),
                    one_qubit_gates: u64::from(gates(v)),
                    idle_layers: layers.saturating_sub(weight),
                };
                Self::from_vertices(weights.iter().enumerate().map(of), 1, (1, 1), None)
            }
            _ if depth == 0 => Self::default(),
            Topology::Custom(_) => {
                let of = |&weight: &u64| VertexUse {
                    measured: true,
                    one_qubit_gates: layers,
                    idle_layers: 2 * layers.saturating_sub(weight),
                };
                Self::from_vertices(weights.iter().map(of), 2, (1, 1), None)
            }
            Topology::Any if qubits > 1 => {
                let each = VertexUse {
                    measured: true,
                    one_qubit_gates: layers * qubits,
                    idle_layers: layers * (qubits + 1),
                };
                Self::from_vertices((0..qubits).map(|_| each), 2 * qubits as u32, (depth, 4), Some(depth))
            }
            _ => {
                let turns = degrees.iter().copied().max().unwrap_or(1).max(1);
                let of = |&degree: &u32| VertexUse {
                    measured: true,
                    one_qubit_gates: layers * u64::from(turns),
                    idle_layers: layers * u64::from(2 * turns - degree),
                };
                Self::from_vertices(degrees.iter().map(of), 2 * turns, (depth, 2 * turns), Some(depth))
            }
        }
    }

    fn from_vertices(
        uses: impl Iterator<Item = VertexUse>,
        per: u32,
        gates: (u32, u32),
        depth: Option<u32>,
    ) -> Self {
        let each: Vec<VertexUse> = uses.collect();
        let mut kinds = SmallVec::from_slice(&each);
        kinds.sort_unstable();
        kinds.dedup();
        let number = |vertex: &VertexUse| kinds.binary_search(vertex).unwrap_or(0) as u32;
        let kind_of = if kinds.len() > 1 { each.iter().map(number).collect() } else { Vec::new() };
        Self { kinds, kind_of, per, gates, depth }
    }

    /// The gates alone: no readouts, and no decay.
    #[must_use]
    pub fn gates_alone(&self, qubits: usize) -> Self {
        let gates = |kind: usize| VertexUse { measured: false, idle_layers: 0, ..self.kinds[kind] };
        let of = |v: u32| gates(self.kind(VirtualQubit(v)));
        Self::from_vertices((0..qubits as u32).map(of), self.per, self.gates, self.depth)
    }

    /// Those of some of the virtual qubits, in the given order.
    #[must_use]
    pub fn of_some(&self, vertices: &[VirtualQubit]) -> Self {
        let uses = vertices.iter().map(|&v| self.kinds[self.kind(v)]);
        Self::from_vertices(uses, self.per, self.gates, self.depth)
    }

    /// The different uses of qubits.
    pub fn kinds(&self) -> &[VertexUse] {
        &self.kinds
    }

    /// The use of a virtual qubit, as an index among [`Self::kinds`].
    pub fn kind(&self, v: VirtualQubit) -> usize {
        self.kind_of.get(v.index()).map_or(0, |&kind| kind as usize)
    }

    /// How many of so many virtual qubits have each of the uses.
    pub fn counts(&self, qubits: usize) -> SmallVec<[u64; 2]> {
        if self.kind_of.is_empty() {
            return smallvec![qubits as u64];
        }
        let mut counts = smallvec![0; self.kinds.len()];
        self.kind_of.iter().for_each(|&kind| counts[kind as usize] += 1);
        counts
    }

    /// What counts of gates and layers are given in shares of.
    pub fn per(&self) -> u32 {
        self.per
    }

    /// Two-qubit gates for each unit of an edge's weight.
    pub fn gates_per_weight(&self) -> f64 {
        f64::from(self.gates.0) / f64::from(self.gates.1)
    }

    /// The same as a fraction.
    pub fn gates(&self) -> (u32, u32) {
        self.gates
    }

    /// Whether an edge's weight is its number of gates.
    pub fn counts_gates(&self) -> bool {
        self.gates.0 == self.gates.1
    }

    /// Whether nothing counts but one readout for each qubit, and the weights of edges.
    pub fn is_plain(&self) -> bool {
        self.counts_gates() && self.kinds[..] == [VertexUse::READ_OUT]
    }

    /// The depth that a shape is placed for, a power of two; `None` where it is unknown, or the program's own.
    pub fn depth(&self) -> Option<u32> {
        self.depth
    }

    /// The cost of so many two-qubit gates as a unit of weight stands for.
    pub fn gates_cost(&self, cost: u64) -> u64 {
        if self.counts_gates() { cost } else { (cost as f64 * self.gates_per_weight()) as u64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depths_are_rounded_in_proportion() {
        let rounded = |depth| placed_depth(&Topology::Line, depth);
        let depths = [0, 1, 2, 3, 5, 6, 11, 12, 90, 91, 114, 181, 182, 487, u32::MAX];
        let expected = [0, 1, 2, 4, 4, 8, 8, 16, 64, 128, 128, 128, 256, 512, 1 << 31];
        assert_eq!(depths.map(rounded), expected);
    }
}
