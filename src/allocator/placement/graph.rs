//! The live couplers of a device as arrays that searches walk along.
//!
//! Promises links sorted within each row, and for each the number of the same coupler seen from its other end. Built
//! once per epoch, never changed.

use super::link::Link;
use crate::quantum::{Adjacency, PhysicalQubit};

/// No such node.
pub(crate) const NONE: u32 = u32::MAX;

/// A device as a graph; node v is qubit v, dead qubits have no links.
#[derive(Debug, Clone, Default)]
pub(crate) struct Graph {
    /// Links of node v: `rows[v]..rows[v + 1]`.
    pub rows: Vec<u32>,
    /// Other end of each link, ascending within a row.
    pub to: Vec<u32>,
    /// The same coupler seen from the other end.
    pub reverse: Vec<u32>,
    /// Cost of one two-qubit gate on each link.
    pub link_cost: Vec<u64>,
    /// Number of links of each node.
    pub degree: Vec<u32>,
    /// Whether each node lies on a cycle or between cycles.
    pub core: Vec<bool>,
    /// All nodes.
    pub nodes: Vec<u32>,
    /// The number of nodes, for each node: the size of a part that is never too small.
    pub size: Vec<u32>,
    /// The links as bit masks.
    pub adjacency: Adjacency,
    /// The other ends of each node's links, filled up with the number of nodes; empty if a node has more links.
    pub near: Vec<[u32; NEAR]>,
}

/// Links per node of sparse devices: heavy-hex lattices have at most three, square lattices four.
pub(crate) const NEAR: usize = 4;

impl Graph {
    /// The graph of the given rows of links.
    pub fn new(rows: &[u32], links: &[Link]) -> Self {
        let nodes = rows.len() - 1;
        let to: Vec<u32> = links.iter().map(|link| link.to.0).collect();
        // Rows are visited in ascending order and sorted, so the links *into* a node come up in the order of its row.
        let mut cursor = rows.to_vec();
        let reverse = to
            .iter()
            .map(|&end| {
                cursor[end as usize] += 1;
                cursor[end as usize] - 1
            })
            .collect();
        let degree: Vec<u32> = rows.windows(2).map(|row| row[1] - row[0]).collect();
        let mut core = vec![true; nodes];
        peel(rows, &to, 0..nodes as u32, &mut degree.clone(), &mut core, &mut Vec::new(), |_| true);
        let adjacency = Adjacency::new(nodes, |node| {
            let row = rows[node.index()] as usize..rows[node.index() + 1] as usize;
            to[row].iter().map(|&end| PhysicalQubit(end))
        });
        let mut near = Vec::new();
        if degree.iter().all(|&links| links as usize <= NEAR) {
            near.resize(nodes, [nodes as u32; NEAR]);
            for (node, ends) in near.iter_mut().enumerate() {
                let row = &to[rows[node] as usize..rows[node + 1] as usize];
                ends[..row.len()].copy_from_slice(row);
            }
        }
        Self {
            rows: rows.to_vec(),
            to,
            reverse,
            link_cost: links.iter().map(|link| link.cost).collect(),
            degree,
            core,
            nodes: (0..nodes as u32).collect(),
            size: vec![nodes as u32; nodes],
            adjacency,
            near,
        }
    }
}

/// Takes nodes with at most one link out of the core until none is left: cycles cannot lie there. `degree` counts the
/// links to nodes of the core that `open` lets pass.
pub(crate) fn peel(
    rows: &[u32],
    to: &[u32],
    nodes: impl Iterator<Item = u32>,
    degree: &mut [u32],
    core: &mut [bool],
    stack: &mut Vec<u32>,
    open: impl Fn(u32) -> bool,
) {
    stack.clear();
    for node in nodes {
        if degree[node as usize] < 2 {
            core[node as usize] = false;
            stack.push(node);
        }
    }
    while let Some(node) = stack.pop() {
        for &end in &to[rows[node as usize] as usize..rows[node as usize + 1] as usize] {
            if open(end) && core[end as usize] {
                degree[end as usize] -= 1;
                if degree[end as usize] < 2 {
                    core[end as usize] = false;
                    stack.push(end);
                }
            }
        }
    }
}

/// Girth, and, if no cycle is odd, one of the two sides between which all links lead, a bit each: breadth first from every qubit, never deeper than half of the shortest cycle
/// known. About 30 links a qubit on heavy-hex lattices.
pub(crate) fn shortest_cycle(rows: &[u32], to: &[u32]) -> (Option<u32>, Option<Vec<u64>>) {
    let qubits = rows.len() - 1;
    let row = |q: u32| &to[rows[q as usize] as usize..rows[q as usize + 1] as usize];
    let mut girth = u32::MAX;
    let mut depth = vec![u32::MAX; qubits];
    let mut queue: Vec<(u32, u32)> = Vec::new();
    for start in 0..qubits as u32 {
        queue.clear();
        queue.push((start, u32::MAX));
        depth[start as usize] = 0;
        let mut next = 0;
        while let Some(&(q, parent)) = queue.get(next) {
            next += 1;
            if depth[q as usize] >= girth / 2 {
                break;
            }
            for &end in row(q) {
                let there = depth[end as usize];
                if there == u32::MAX {
                    depth[end as usize] = depth[q as usize] + 1;
                    queue.push((end, q));
                } else if end != parent {
                    girth = girth.min(depth[q as usize] + there + 1);
                }
            }
        }
        for &(q, _) in &queue {
            depth[q as usize] = u32::MAX;
        }
    }
    let mut bipartite = true;
    for start in 0..qubits as u32 {
        if depth[start as usize] != u32::MAX {
            continue;
        }
        queue.clear();
        queue.push((start, u32::MAX));
        depth[start as usize] = 0;
        let mut next = 0;
        while let Some(&(q, _)) = queue.get(next) {
            next += 1;
            for &end in row(q) {
                if depth[end as usize] == u32::MAX {
                    depth[end as usize] = depth[q as usize] + 1;
                    queue.push((end, q));
                }
                bipartite &= depth[q as usize] % 2 != depth[end as usize] % 2;
            }
        }
    }
    let side = bipartite.then(|| {
        let mut side = vec![0_u64; qubits.div_ceil(64)];
        let odd = (0..qubits).filter(|&q| depth[q] % 2 == 1);
        odd.for_each(|q| side[q / 64] |= 1 << (q % 64));
        side
    });
    ((girth != u32::MAX).then_some(girth), side)
}
