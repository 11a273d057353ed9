//! The program side of a placement: an interaction graph compiled for searching.
//!
//! Promises sorted adjacency and vertices `0..qubits`. A pattern without edges and with more than one qubit asks for
//! a connected region rather than for particular couplers.

use std::hash::BuildHasher;
use std::sync::Arc;

use rustc_hash::FxBuildHasher;

use super::uses::{Uses, placed_depth};
use crate::allocator::protocol::Topology;
use crate::quantum::VirtualQubit;
use crate::quantum::coupling_map::CouplingMap;

/// A compiled interaction graph. What tells them apart comes first: they are compared often.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    /// What most patterns differ in, mixed.
    digest: u64,
    uses: Uses,
    graph: Arc<Interactions>,
}

/// Which virtual qubits interact.
#[derive(Debug, PartialEq, Eq)]
struct Interactions {
    qubits: u32,
    edges: Vec<(VirtualQubit, VirtualQubit, u32)>,
    /// Partners of vertex v: `rows[v]..rows[v + 1]`.
    rows: Vec<u32>,
    neighbours: Vec<(VirtualQubit, u32)>,
    region: bool,
    largest_part: u32,
    sides: Option<(u32, u32)>,
}

impl Pattern {
    /// The pattern of a program of a topology on `qubits` qubits with so many layers, 0 if that is unknown. The request
    /// must have been validated.
    pub fn of_program(topology: &Topology, qubits: u32, depth: u32) -> Self {
        Self::at_depth(topology, qubits, placed_depth(topology, depth))
    }

    /// As [`Self::of_program`], without rounding the depth of shapes.
    pub fn at_depth(topology: &Topology, qubits: u32, depth: u32) -> Self {
        let pattern = Self::new(topology, qubits);
        if depth == 0 && !matches!(topology, Topology::Circuit(_)) {
            return pattern;
        }
        let of_all = |v| pattern.neighbours(VirtualQubit(v)).iter();
        let degrees: Vec<u32> = (0..qubits).map(|v| of_all(v).len() as u32).collect();
        let weights: Vec<u64> = (0..qubits).map(|v| of_all(v).map(|edge| u64::from(edge.1)).sum()).collect();
        let uses = Uses::new(topology, depth, &degrees, &weights);
        pattern.with_uses(uses)
    }

    /// The same program as if nothing but its gates could fail.
    #[must_use]
    pub fn gates_alone(&self) -> Self {
        self.clone().with_uses(self.uses.gates_alone(self.qubits()))
    }

    /// The pattern of a topology on `qubits` qubits, of which no more is known: every interaction counts as often as its
    /// weight says, every qubit is read out. The request must have been validated.
    pub fn new(topology: &Topology, qubits: u32) -> Self {
        let unit = |(a, b)| (VirtualQubit(a), VirtualQubit(b), 1);
        let lattice = |map: Result<CouplingMap, _>| {
            map.map(|map| map.couplers().iter().map(|(a, b)| unit((a.0, b.0))).collect()).unwrap_or_default()
        };
        let edges = match topology {
            Topology::Any => Vec::new(),
            Topology::Line => (1..qubits).map(|v| unit((v - 1, v))).collect(),
            Topology::Ring => {
                let next = |v| (v + 1) % qubits;
                (0..qubits).map(|v| unit((v.min(next(v)), v.max(next(v))))).collect()
            }
            Topology::Star => (1..qubits).map(|v| unit((0, v))).collect(),
            Topology::Tree => (1..qubits).map(|v| unit(((v - 1) / 2, v))).collect(),
            Topology::Grid { rows, columns } => lattice(CouplingMap::grid(*rows, *columns)),
            Topology::HeavyHex => heavy_hex_patch(qubits).into_iter().map(unit).collect(),
            Topology::Complete => {
                (0..qubits).flat_map(|a| (a + 1..qubits).map(move |b| unit((a, b)))).collect()
            }
            Topology::Custom(graph) => graph.edges().to_vec(),
            Topology::Circuit(profile) => profile.interactions.edges().to_vec(),
        };
        Self::from_edges(qubits, edges, matches!(topology, Topology::Any) && qubits > 1)
    }

    /// A pattern from its edges (lower, higher, weight); `region` asks for a connected region.
    pub fn from_edges(qubits: u32, edges: Vec<(VirtualQubit, VirtualQubit, u32)>, region: bool) -> Self {
        let (uses, graph) = (Uses::default(), Arc::new(Interactions::new(qubits, edges, region)));
        Self { digest: graph.digest(&uses), uses, graph }
    }

    /// The same with other uses of its qubits and interactions.
    #[must_use]
    pub fn with_uses(self, uses: Uses) -> Self {
        Self { digest: self.graph.digest(&uses), uses, ..self }
    }

    /// What the program does with its qubits and interactions.
    pub fn uses(&self) -> &Uses {
        &self.uses
    }

    /// Number of virtual qubits.
    pub fn qubits(&self) -> usize {
        self.graph.qubits as usize
    }

    /// The edges (lower, higher, weight), ascending.
    pub fn edges(&self) -> &[(VirtualQubit, VirtualQubit, u32)] {
        &self.graph.edges
    }

    /// Sum of the weights of all edges; of a region, number of the edges that connect it.
    pub fn total_weight(&self) -> u128 {
        if self.graph.region {
            return u128::from(self.graph.qubits) - 1;
        }
        self.graph.edges.iter().map(|edge| u128::from(edge.2)).sum()
    }

    /// The partners of a virtual qubit with the weights of the edges, ascending.
    pub fn neighbours(&self, v: VirtualQubit) -> &[(VirtualQubit, u32)] {
        self.graph.neighbours(v)
    }

    /// Where the partners of a virtual qubit begin among [`Self::ends`].
    pub(crate) fn row(&self, v: u32) -> u32 {
        self.graph.rows[v as usize]
    }

    /// The partners of all virtual qubits, one after the other.
    pub(crate) fn ends(&self) -> impl Iterator<Item = u32> {
        self.graph.neighbours.iter().map(|(other, _)| other.0)
    }

    /// Whether any connected region will do.
    pub fn is_region(&self) -> bool {
        self.graph.region
    }

    /// Number of virtual qubits of the largest connected part. A region is in one part.
    pub fn largest_part(&self) -> usize {
        self.graph.largest_part as usize
    }

    /// Whether every virtual qubit is reached from every other.
    pub fn is_connected(&self) -> bool {
        self.graph.largest_part == self.graph.qubits
    }

    /// The two sides of the largest connected part, the larger one first, if every edge leads from one to the other. On a
    /// device without odd cycles it needs as many qubits on either side.
    pub(crate) fn sides(&self) -> Option<(u32, u32)> {
        self.graph.sides
    }

    /// The largest number of partners of one virtual qubit.
    pub fn max_degree(&self) -> usize {
        self.graph.rows.windows(2).map(|row| (row[1] - row[0]) as usize).max().unwrap_or(0)
    }
}

impl Interactions {
    fn new(qubits: u32, mut edges: Vec<(VirtualQubit, VirtualQubit, u32)>, region: bool) -> Self {
        edges.sort_unstable();
        // Counted two places further on, so that filling a row moves its end to where it belongs.
        let mut rows = vec![0_u32; qubits as usize + 2];
        for (a, b, _) in &edges {
            rows[a.index() + 2] += 1;
            rows[b.index() + 2] += 1;
        }
        for v in 2..rows.len() {
            rows[v] += rows[v - 1];
        }
        let mut neighbours = vec![(VirtualQubit(0), 0); edges.len() * 2];
        for &(a, b, weight) in &edges {
            for (from, to) in [(a, b), (b, a)] {
                let end = &mut rows[from.index() + 1];
                neighbours[*end as usize] = (to, weight);
                *end += 1;
            }
        }
        rows.truncate(qubits as usize + 1);
        let mut graph = Self { qubits, edges, rows, neighbours, region, largest_part: qubits, sides: None };
        debug_assert!((0..qubits).all(|v| graph.neighbours(VirtualQubit(v)).is_sorted()));
        if !region {
            (graph.largest_part, graph.sides) = graph.find_largest_part();
        }
        graph
    }

    fn digest(&self, uses: &Uses) -> u64 {
        let weight: u64 = self.edges.iter().map(|edge| u64::from(edge.2)).sum();
        FxBuildHasher.hash_one((self.qubits, self.edges.len(), weight, uses.kinds()[0]))
    }

    fn neighbours(&self, v: VirtualQubit) -> &[(VirtualQubit, u32)] {
        &self.neighbours[self.rows[v.index()] as usize..self.rows[v.index() + 1] as usize]
    }

    /// Size and sides of the largest connected part.
    fn find_largest_part(&self) -> (u32, Option<(u32, u32)>) {
        const UNSEEN: u8 = 2;
        let mut side = vec![UNSEEN; self.qubits as usize];
        let mut stack = Vec::new();
        let mut largest = (0, None);
        for start in 0..self.qubits {
            if side[start as usize] != UNSEEN {
                continue;
            }
            side[start as usize] = 0;
            stack.push(VirtualQubit(start));
            let (mut counts, mut two_sided) = ([0, 0], true);
            while let Some(v) = stack.pop() {
                let own = side[v.index()];
                counts[usize::from(own)] += 1;
                for &(other, _) in self.neighbours(v) {
                    let there = &mut side[other.index()];
                    two_sided &= *there != own;
                    if *there == UNSEEN {
                        *there = 1 - own;
                        stack.push(other);
                    }
                }
            }
            let [a, b] = counts;
            if a + b > largest.0 {
                largest = (a + b, two_sided.then_some((a.max(b), a.min(b))));
            }
        }
        largest
    }
}

/// The first `qubits` qubits, breadth first from a corner, of a heavy-hex lattice that is large enough.
fn heavy_hex_patch(qubits: u32) -> Vec<(u32, u32)> {
    let mut rows = 2;
    while rows * rows * 4 < qubits * 2 {
        rows += 1;
    }
    let Ok(map) = CouplingMap::heavy_hex(rows, 4 * rows) else {
        return Vec::new();
    };
    let mut order = vec![crate::quantum::PhysicalQubit(0)];
    let mut number = vec![u32::MAX; map.qubits()];
    number[0] = 0;
    let mut next = 0;
    while next < order.len() && order.len() < qubits as usize {
        for &(neighbour, _) in map.neighbours(order[next]) {
            if number[neighbour.index()] == u32::MAX && order.len() < qubits as usize {
                number[neighbour.index()] = order.len() as u32;
                order.push(neighbour);
            }
        }
        next += 1;
    }
    let inside = |q: crate::quantum::PhysicalQubit| number[q.index()] != u32::MAX;
    let renumbered = map.couplers().iter().filter(|(a, b)| inside(*a) && inside(*b)).map(|(a, b)| {
        let (a, b) = (number[a.index()], number[b.index()]);
        (a.min(b), a.max(b))
    });
    renumbered.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_have_the_expected_edges() {
        let shown = |topology: Topology, qubits| {
            let pattern = Pattern::new(&topology, qubits);
            let edges =
                pattern.edges().iter().map(|(a, b, _)| format!("{}-{}", a.0, b.0)).collect::<Vec<_>>();
            format!("{topology:?}: {}", edges.join(" "))
        };
        let lines = [
            shown(Topology::Any, 3),
            shown(Topology::Line, 4),
            shown(Topology::Ring, 4),
            shown(Topology::Star, 4),
            shown(Topology::Tree, 7),
            shown(Topology::Grid { rows: 2, columns: 3 }, 6),
            shown(Topology::HeavyHex, 12),
            shown(Topology::Complete, 4),
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        Any: 
        Line: 0-1 1-2 2-3
        Ring: 0-1 0-3 1-2 2-3
        Star: 0-1 0-2 0-3
        Tree: 0-1 0-2 1-3 1-4 2-5 2-6
        Grid { rows: 2, columns: 3 }: 0-1 0-3 1-2 1-4 2-5 3-4 4-5
        HeavyHex: 0-1 1-2 2-3 3-4 3-5 4-6 5-7 6-8 7-9 7-10 8-11
        Complete: 0-1 0-2 0-3 1-2 1-3 2-3
        ");
    }
}
