//! Better placements by small changes, for searches that end without a proof (iterated local search).
//!
//! Moves one vertex to a free node or exchanges two, as long as that is cheaper; then shakes and tries again. Promises
//! a legal layout that costs no more than the one it got. Leaves bounds and proofs to [`super::search`].

use rand::RngExt;

use super::host::{Host, NONE};
use super::search::BLOCKED;
use crate::allocator::placement::pattern::Pattern;
use crate::quantum::VirtualQubit;
use crate::random::Stream;

/// A layout that is being changed; buffers are reused.
#[derive(Debug, Default)]
pub(crate) struct Improve {
    /// Node of each vertex.
    pub nodes: Vec<u32>,
    /// Vertex on each node, or `NONE`.
    vertices: Vec<u32>,
    kept: Vec<u32>,
}

/// Moves per shake: two leave most local optima, more forget what was good.
const SHAKE: usize = 2;

impl Improve {
    /// Changes `self.nodes` until the steps are used up; returns what was gained, scaled, and the steps taken.
    pub fn run(&mut self, pattern: &Pattern, host: &Host<'_>, budget: u64) -> (u64, u64) {
        // The seed is fixed: the answer is a function of the request alone.
        let mut draw = Stream::new(1, 1);
        let mut steps = 0;
        self.seat(host);
        let mut gained = self.descend(pattern, host, budget, &mut steps);
        while steps < budget && pattern.edges().len() > 1 {
            self.kept.clone_from(&self.nodes);
            let mut change = 0;
            for _ in 0..SHAKE {
                steps += 1;
                let vertex = draw.random_range(0..self.nodes.len() as u32);
                let Some(&(anchor, _)) = pattern.neighbours(VirtualQubit(vertex)).first() else {
                    continue;
                };
                let links = host.links(self.nodes[anchor.index()]);
                let node = host.to[draw.random_range(links)];
                if self.vertices[node as usize] != anchor.0 {
                    change += self.exchange(pattern, host, vertex, node, i64::MAX);
                }
            }
            change += self.descend(pattern, host, budget, &mut steps);
            if change < 0 {
                gained += change;
            } else {
                self.nodes.clone_from(&self.kept);
                self.seat(host);
            }
        }
        (gained.unsigned_abs(), steps)
    }

    fn seat(&mut self, host: &Host<'_>) {
        self.vertices.clear();
        self.vertices.resize(host.len(), BLOCKED);
        for &node in host.nodes {
            self.vertices[node as usize] = NONE;
        }
        for (vertex, &node) in self.nodes.iter().enumerate() {
            self.vertices[node as usize] = vertex as u32;
        }
    }

    /// Takes every change for the better until there is none; returns the change of cost, not positive.
    fn descend(&mut self, pattern: &Pattern, host: &Host<'_>, budget: u64, steps: &mut u64) -> i64 {
        let mut change = 0;
        loop {
            let before = change;
            for vertex in 0..self.nodes.len() as u32 {
                let Some(&(anchor, _)) = pattern.neighbours(VirtualQubit(vertex)).first() else {
                    continue;
                };
                // Everywhere else next to its first neighbour.
                for link in host.links(self.nodes[anchor.index()]) {
                    if *steps >= budget {
                        return change;
                    }
                    *steps += 1;
                    change += self.exchange(pattern, host, vertex, host.to[link], 0);
                }
            }
            if change == before {
                return change;
            }
        }
    }

    /// Moves `vertex` to `node`, and whatever is there to where the vertex was, if that is legal and changes the cost
    /// by less than `limit`; returns the change.
    fn exchange(&mut self, pattern: &Pattern, host: &Host<'_>, vertex: u32, node: u32, limit: i64) -> i64 {
        let from = self.nodes[vertex as usize];
        let other = self.vertices[node as usize];
        if from == node || other == BLOCKED {
            return 0;
        }
        let before = self.cost_around(pattern, host, vertex, other);
        self.put(vertex, node, other, from);
        let after = self.cost_around(pattern, host, vertex, other);
        if let (Some(before), Some(after)) = (before, after)
            && after - before < limit
        {
            return after - before;
        }
        self.put(vertex, from, other, node);
        0
    }

    fn put(&mut self, vertex: u32, node: u32, other: u32, other_node: u32) {
        self.nodes[vertex as usize] = node;
        self.vertices[node as usize] = vertex;
        self.vertices[other_node as usize] = other;
        if other != NONE {
            self.nodes[other as usize] = other_node;
        }
    }

    /// Cost of two vertices and of all edges at them; an edge between them counts twice, before and after alike.
    fn cost_around(&self, pattern: &Pattern, host: &Host<'_>, vertex: u32, other: u32) -> Option<i64> {
        let mut total = 0;
        for vertex in [vertex, other].into_iter().filter(|&vertex| vertex != NONE) {
            let node = self.nodes[vertex as usize];
            total += host.qubit_cost[node as usize];
            for &(neighbour, weight) in pattern.neighbours(VirtualQubit(vertex)) {
                let link = host.link(node, self.nodes[neighbour.index()])?;
                total += u64::from(weight) * host.link_cost[link];
            }
        }
        // Sums are scaled to less than 2^60 before the search.
        i64::try_from(total).ok()
    }
}
