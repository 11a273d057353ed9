//! Programs of several parts: the connected components of a pattern, and one layout from those of its parts.
//!
//! Promises that every virtual qubit lies in exactly one part and that parts keep the order of virtual qubits.

use smallvec::SmallVec;

use crate::allocator::placement::Placement;
use crate::allocator::placement::pattern::Pattern;
use crate::quantum::{PhysicalQubit, VirtualQubit};

/// A connected component of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The component on vertices of its own.
    pub pattern: Pattern,
    /// The virtual qubit of the whole pattern that each of its vertices stands for, ascending.
    pub vertices: Vec<VirtualQubit>,
}

/// The connected components of a pattern in order of their first virtual qubits; virtual qubits without partners are
/// components of their own. A region is one component.
pub fn split(pattern: &Pattern) -> Vec<Part> {
    let qubits = pattern.qubits();
    if pattern.is_region() {
        let vertices = (0..qubits as u32).map(VirtualQubit).collect();
        return vec![Part { pattern: pattern.clone(), vertices }];
    }
    let mut part_of = vec![usize::MAX; qubits];
    let mut members: Vec<Vec<VirtualQubit>> = Vec::new();
    for start in 0..qubits {
        if part_of[start] != usize::MAX {
            continue;
        }
        part_of[start] = members.len();
        let mut found = vec![VirtualQubit(start as u32)];
        let mut next = 0;
        while next < found.len() {
            for &(other, _) in pattern.neighbours(found[next]) {
                if part_of[other.index()] == usize::MAX {
                    part_of[other.index()] = members.len();
                    found.push(other);
                }
            }
            next += 1;
        }
        found.sort_unstable();
        members.push(found);
    }
    let mut number = vec![0_u32; qubits];
    for vertices in &members {
        for (index, vertex) in vertices.iter().enumerate() {
            number[vertex.index()] = index as u32;
        }
    }
    let mut edges = vec![Vec::new(); members.len()];
    for &(a, b, weight) in pattern.edges() {
        let renumbered = (VirtualQubit(number[a.index()]), VirtualQubit(number[b.index()]), weight);
        edges[part_of[a.index()]].push(renumbered);
    }
    let parts = members.into_iter().zip(edges);
    parts
        .map(|(vertices, edges)| {
            let part = Pattern::from_edges(vertices.len() as u32, edges, false);
            Part { pattern: part.with_uses(pattern.uses().of_some(&vertices)), vertices }
        })
        .collect()
}

/// The layout of the whole pattern from those of all its parts.
pub fn join<'a>(
    parts: &[Part],
    placements: impl IntoIterator<Item = &'a Placement>,
) -> SmallVec<[PhysicalQubit; 8]> {
    let qubits = parts.iter().map(|part| part.vertices.len()).sum();
    let mut layout = SmallVec::from_elem(PhysicalQubit(0), qubits);
    for (part, placement) in parts.iter().zip(placements) {
        for (vertex, &qubit) in part.vertices.iter().zip(&placement.layout) {
            layout[vertex.index()] = qubit;
        }
    }
    layout
}
