//! Programs as the resource manager sees them: which virtual qubits interact how often, how deep, how many gates.
//!
//! Promises an interaction graph without loops or duplicates, with positive multiplicities. Leaves the reading of
//! circuit languages to a parser of its own.

use serde::{Deserialize, Serialize};

use super::VirtualQubit;

/// Which virtual qubits interact, and how often. Vertices are `0..qubits`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SavedGraph")]
pub struct InteractionGraph {
    qubits: u32,
    /// (lower, higher, number of two-qubit gates), ascending.
    edges: Vec<(VirtualQubit, VirtualQubit, u32)>,
}

/// An interaction graph as it is read, not yet checked.
#[derive(Deserialize)]
struct SavedGraph {
    qubits: u32,
    edges: Vec<(u32, u32, u32)>,
}

impl TryFrom<SavedGraph> for InteractionGraph {
    type Error = InteractionError;

    fn try_from(saved: SavedGraph) -> Result<Self, Self::Error> {
        Self::new(saved.qubits, saved.edges)
    }
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
        self.degrees().into_iter().max().unwrap_or(0)
    }

    /// Number of distinct partners per vertex.
    pub fn degrees(&self) -> Vec<u32> {
        let mut degree = vec![0_u32; self.qubits as usize];
        for (a, b, _) in &self.edges {
            degree[a.index()] += 1;
            degree[b.index()] += 1;
        }
        degree
    }

    /// Number of two-qubit gates.
    pub fn two_qubit_gates(&self) -> u64 {
        self.edges.iter().map(|edge| u64::from(edge.2)).sum()
    }

    /// What kind of graph the vertices with a partner form. Linear in vertices and edges.
    pub fn shape(&self) -> GraphShape {
        let degrees = self.degrees();
        let mut neighbours = vec![Vec::new(); self.qubits as usize];
        for (a, b, _) in &self.edges {
            neighbours[a.index()].push(b.index());
            neighbours[b.index()].push(a.index());
        }
        let mut side: Vec<Option<bool>> = vec![None; self.qubits as usize];
        let (mut parts, mut bipartite) = (0, true);
        for start in 0..neighbours.len() {
            if neighbours[start].is_empty() || side[start].is_some() {
                continue;
            }
            parts += 1;
            side[start] = Some(false);
            let mut waiting = vec![start];
            while let Some(vertex) = waiting.pop() {
                let other = side[vertex].map(|side| !side);
                for &next in &neighbours[vertex] {
                    match side[next] {
                        None => {
                            side[next] = other;
                            waiting.push(next);
                        }
                        found => bipartite &= found == other,
                    }
                }
            }
        }
        let alone = degrees.iter().filter(|degree| **degree == 0).count();
        let (vertices, edges) = (degrees.len() - alone, self.edges.len());
        let tree = parts == 1 && edges + 1 == vertices;
        let largest = degrees.iter().copied().max().unwrap_or(0);
        GraphShape {
            alone: alone as u32,
            parts,
            line: tree && largest <= 2,
            ring: parts == 1 && edges == vertices && largest == 2,
            tree,
            bipartite,
        }
    }
}

/// What kind of graph an interaction graph is. All but `alone` speaks of the vertices that have a partner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct GraphShape {
    /// Vertices without a partner.
    pub alone: u32,
    /// Connected parts.
    pub parts: u32,
    /// A single chain.
    pub line: bool,
    /// A single closed chain.
    pub ring: bool,
    /// A single tree; every line is one.
    pub tree: bool,
    /// Without cycles of odd length.
    pub bipartite: bool,
}

/// What is known of a circuit: enough to place it and to predict its success, not enough to run it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "SavedProfile")]
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

/// A profile as it is read, not yet checked.
#[derive(Deserialize)]
struct SavedProfile {
    interactions: InteractionGraph,
    one_qubit_gates: Vec<u32>,
    depth: u32,
    measured: Vec<bool>,
}

impl TryFrom<SavedProfile> for CircuitProfile {
    type Error = &'static str;

    fn try_from(saved: SavedProfile) -> Result<Self, Self::Error> {
        let SavedProfile { interactions, one_qubit_gates, depth, measured } = saved;
        let qubits = interactions.qubits as usize;
        if one_qubit_gates.len() != qubits || measured.len() != qubits {
            return Err("a circuit whose lists are not as long as it has qubits");
        }
        Ok(Self { interactions, one_qubit_gates, depth, measured })
    }
}

impl CircuitProfile {
    /// The virtual qubits to which anything happens, ascending: those with a gate or a measurement.
    pub fn active_qubits(&self) -> Vec<VirtualQubit> {
        let degrees = self.interactions.degrees();
        let active = |v: usize| degrees[v] > 0 || self.one_qubit_gates[v] > 0 || self.measured[v];
        (0..degrees.len()).filter(|&v| active(v)).map(|v| VirtualQubit(v as u32)).collect()
    }

    /// The circuit on its active qubits alone, numbered in their order: what a job needs qubits for. Files that were
    /// compiled for a device declare all of its qubits. Resets and delays alone make no qubit active; a circuit without
    /// gates and measurements keeps its first one.
    #[must_use]
    pub fn on_active_qubits(self) -> Self {
        let mut active = self.active_qubits();
        if active.len() == self.measured.len() {
            return self;
        }
        if active.is_empty() {
            active.push(VirtualQubit(0));
        }
        let mut number = vec![0; self.measured.len()];
        (0..).zip(&active).for_each(|(new, old)| number[old.index()] = new);
        let renumbered = |v: VirtualQubit| VirtualQubit(number[v.index()]);
        let edges = self.interactions.edges.iter();
        // Numbers keep their order, and so do edges.
        let edges = edges.map(|&(a, b, times)| (renumbered(a), renumbered(b), times)).collect();
        Self {
            interactions: InteractionGraph { qubits: active.len() as u32, edges },
            one_qubit_gates: active.iter().map(|v| self.one_qubit_gates[v.index()]).collect(),
            depth: self.depth,
            measured: active.iter().map(|v| self.measured[v.index()]).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_qubits_are_left_out() {
        let circuit = |qubits, edges: &[(u32, u32, u32)], gates: &[u32], measured: &[bool]| CircuitProfile {
            interactions: InteractionGraph::new(qubits, edges.iter().copied()).unwrap(),
            one_qubit_gates: gates.to_vec(),
            depth: 7,
            measured: measured.to_vec(),
        };
        let wide = circuit(6, &[(1, 4, 2)], &[0, 3, 0, 1, 0, 0], &[false, true, false, false, false, true]);
        let narrow = circuit(4, &[(0, 2, 2)], &[3, 1, 0, 0], &[true, false, false, true]);
        assert_eq!(wide.clone().on_active_qubits(), narrow);
        assert_eq!(wide.active_qubits(), [1, 3, 4, 5].map(VirtualQubit));
        assert_eq!(narrow.clone().on_active_qubits(), narrow);
        let nothing = circuit(2, &[], &[0, 0], &[false, false]);
        assert_eq!(nothing.on_active_qubits(), circuit(1, &[], &[0], &[false]));
    }

    #[test]
    fn shapes_are_recognised() {
        let shown = |qubits: u32, edges: &[(u32, u32)]| {
            let shape =
                InteractionGraph::new(qubits, edges.iter().map(|(a, b)| (*a, *b, 1))).unwrap().shape();
            let mut words = Vec::new();
            for (word, is) in [
                ("line", shape.line),
                ("ring", shape.ring),
                ("tree", shape.tree),
                ("bipartite", shape.bipartite),
            ] {
                words.extend(is.then_some(word));
            }
            format!("{} parts, {} alone: {}", shape.parts, shape.alone, words.join(" "))
        };
        let all = [
            shown(3, &[]),
            shown(4, &[(2, 0), (0, 1)]),
            shown(4, &[(0, 1), (2, 3)]),
            shown(4, &[(0, 1), (0, 2), (0, 3)]),
            shown(4, &[(0, 1), (1, 2), (2, 3), (3, 0)]),
            shown(3, &[(0, 1), (1, 2), (2, 0)]),
            shown(5, &[(0, 1), (1, 2), (2, 0), (3, 4)]),
            shown(4, &[(0, 1), (1, 2), (2, 3), (3, 0), (0, 2)]),
        ];
        insta::assert_snapshot!(all.join("\n"), @"
        0 parts, 3 alone: bipartite
        1 parts, 1 alone: line tree bipartite
        2 parts, 0 alone: bipartite
        1 parts, 0 alone: tree bipartite
        1 parts, 0 alone: ring bipartite
        1 parts, 0 alone: ring
        2 parts, 0 alone: 
        1 parts, 0 alone: 
        ");
    }
}
