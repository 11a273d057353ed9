//! The cheapest couplers that connect a set of qubits: what a region pays for.
//!
//! Promises the minimum (Prim's algorithm), and the same tree every time. Leaves the choice of the set to
//! [`super::region`].

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use smallvec::SmallVec;

use super::link::Link;
use super::problem::PlacementRequest;
use crate::quantum::{PhysicalQubit, QubitSet};

/// The minimum spanning tree inside a set of qubits over the couplers that a request may use, by what its objective
/// counts; `None` when they do not connect the set.
pub(super) fn spanning_links(
    request: &PlacementRequest<'_>,
    region: &[PhysicalQubit],
) -> Option<SmallVec<[Link; 8]>> {
    let inside = QubitSet::from_qubits(request.epoch.qubits(), region.iter().copied());
    let mut seen = QubitSet::new(request.epoch.qubits());
    let mut tree: SmallVec<[Link; 8]> = SmallVec::new();
    let mut heap = BinaryHeap::new();
    let reach = |qubit: PhysicalQubit, heap: &mut BinaryHeap<_>, seen: &QubitSet| {
        for (index, link) in request.epoch.links(qubit).iter().enumerate() {
            if request.allows(link.coupler) && inside.contains(link.to) && !seen.contains(link.to) {
                heap.push(Reverse((request.gate_cost(link), link.to, qubit, index)));
            }
        }
    };
    let first = inside.first()?;
    seen.insert(first);
    reach(first, &mut heap, &seen);
    while let Some(Reverse((_, qubit, from, index))) = heap.pop() {
        if seen.insert(qubit) {
            tree.push(request.epoch.links(from)[index]);
            reach(qubit, &mut heap, &seen);
        }
    }
    (seen.len() == inside.len()).then_some(tree)
}
