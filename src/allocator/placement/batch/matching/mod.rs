//! Pairs: programs of two qubits, all alike and without buffers, are a matching of the device.
//!
//! Promises the cheapest placement of as many pairs as fit, proved, on any device of up to `blossom::NODES_MAX`
//! qubits, and on any bipartite one (heavy-hex and square lattices are). Everything else is left to the packing.

mod bipartite;
mod blossom;
mod edges;

use smallvec::SmallVec;

use super::problem::{BatchRequest, PlacedBatch, most_of};
use crate::allocator::placement::placement_of_layout;
use crate::quantum::{PhysicalQubit, VirtualQubit};
use edges::{COST_LIMIT, Edges};

/// The cheapest matching with `wanted` edges of the graph on nodes `0..nodes`, or with as many as there can be if that
/// is less: indices of the edges, ascending. At most one edge between two nodes, costs below 2^58. `None` when the
/// graph is too large for the method that it needs.
pub fn cheapest_matching(nodes: usize, edges: Edges<'_>, wanted: usize) -> Option<Vec<usize>> {
    match sides(nodes, edges) {
        Some(side) => Some(bipartite::cheapest(&side, edges, wanted)),
        None if nodes <= blossom::NODES_MAX => Some(blossom::cheapest(nodes, edges, wanted)),
        None => None,
    }
}

/// Which side each node is on, if edges only lead from one side to the other.
fn sides(nodes: usize, edges: Edges<'_>) -> Option<Vec<bool>> {
    let mut rows = vec![0_u32; nodes + 1];
    for &(a, b, _) in edges {
        rows[a as usize + 1] += 1;
        rows[b as usize + 1] += 1;
    }
    for node in 0..nodes {
        rows[node + 1] += rows[node];
    }
    let mut cursor = rows.clone();
    let mut ends = vec![0_u32; edges.len() * 2];
    for &(a, b, _) in edges {
        for (from, to) in [(a, b), (b, a)] {
            ends[cursor[from as usize] as usize] = to;
            cursor[from as usize] += 1;
        }
    }
    let mut side = vec![None; nodes];
    let mut queue = Vec::with_capacity(nodes);
    for root in 0..nodes {
        if side[root].is_some() {
            continue;
        }
        side[root] = Some(false);
        queue.push(root as u32);
        while let Some(node) = queue.pop() {
            let here = side[node as usize].unwrap_or(false);
            for &end in &ends[rows[node as usize] as usize..rows[node as usize + 1] as usize] {
                match side[end as usize] {
                    None => {
                        side[end as usize] = Some(!here);
                        queue.push(end);
                    }
                    Some(there) if there == here => return None,
                    Some(_) => {}
                }
            }
        }
    }
    Some(side.into_iter().map(|side| side.unwrap_or(false)).collect())
}

/// The answer for a batch of at least two pairs that are all alike; `None` for every other batch.
pub(super) fn place_pairs(request: &BatchRequest<'_>) -> Option<PlacedBatch> {
    let (first, rest) = request.jobs.split_first()?;
    let pattern = first.pattern;
    let &[(_, _, weight)] = pattern.edges() else { return None };
    let small = most_of(request, 0) < u128::from(COST_LIMIT);
    if pattern.qubits() != 2
        || rest.is_empty()
        || request.buffer_distance > 0
        || !small
        || rest.iter().any(|job| job != first)
    {
        return None;
    }
    let alone = request.alone(0);
    let epoch = request.epoch;
    let mut node = vec![u32::MAX; epoch.qubits()];
    let kinds = [0, 1].map(|v| pattern.uses().kind(VirtualQubit(v)));
    let mut qubits: Vec<(PhysicalQubit, [u64; 2])> = Vec::with_capacity(first.free.len());
    for qubit in first.free.iter().filter(|&qubit| epoch.usable.contains(qubit)) {
        node[qubit.index()] = qubits.len() as u32;
        qubits.push((qubit, kinds.map(|kind| alone.qubit_cost(kind, qubit))));
    }
    // The cheaper way round.
    let ends = |a: [u64; 2], b: [u64; 2]| (a[0] + b[1]).min(a[1] + b[0]);
    let mut edges = Vec::with_capacity(qubits.len() * 2);
    for (from, &(qubit, cost)) in (0_u32..).zip(&qubits) {
        for link in epoch.links(qubit) {
            let to = node[link.to.index()];
            if from < to && to != u32::MAX && alone.allows(link.coupler) {
                let gates = u64::from(weight) * alone.gate_cost(link);
                edges.push((from, to, ends(cost, qubits[to as usize].1) + gates));
            }
        }
    }
    let wanted = request.jobs.len();
    let mut matched = cheapest_matching(qubits.len(), &edges, wanted)?;
    // The first job gets the best pair.
    matched.sort_by_key(|&edge| (edges[edge].2, edge));
    let mut placements = vec![None; wanted];
    for (placement, &edge) in placements.iter_mut().zip(&matched) {
        let (a, b, _) = edges[edge];
        let (a, b) = (qubits[a as usize], qubits[b as usize]);
        let straight = a.1[0] + b.1[1] <= a.1[1] + b.1[0];
        let layout = SmallVec::from_slice(&if straight { [a.0, b.0] } else { [b.0, a.0] });
        *placement = placement_of_layout(&alone, layout);
    }
    Some(PlacedBatch {
        placements,
        gap: Some(0),
        cannot_all_fit: matched.len() < wanted,
        steps: (edges.len() + wanted) as u64,
    })
}
