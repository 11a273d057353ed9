//! Cheapest matching with a given number of edges of a bipartite graph: successive shortest augmenting paths.
//!
//! Every round adds one edge along the cheapest alternating path, found by Dijkstra's algorithm on costs that
//! potentials keep from being negative (Edmonds and Karp 1972, Tomizawa 1971); after k rounds the matching is the
//! cheapest of all with k edges. O(k (n + m) log n). Promises an exact answer and the same one every time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::edges::Edges;

const NONE: u32 = u32::MAX;

/// State of the rounds; nodes are numbered as in the graph, whichever side they are on.
struct Rounds<'a> {
    edges: Edges<'a>,
    /// Edges of each node on the left: `rows[u]..rows[u + 1]` of `leaving`.
    rows: Vec<u32>,
    leaving: Vec<Leaving>,
    /// Nodes on the left without a partner.
    open: Vec<u32>,
    /// Edge of each node in the matching.
    mate: Vec<u32>,
    potential: Vec<i64>,
    /// Of the place where all paths end.
    potential_end: i64,
    distance: Vec<i64>,
    /// Edge by which each node on the right was reached.
    reached_by: Vec<u32>,
    heap: BinaryHeap<Reverse<(i64, u32)>>,
}

#[derive(Clone, Copy)]
struct Leaving {
    to: u32,
    edge: u32,
    cost: i64,
}

/// Edges of the cheapest matching with `wanted` edges, or with as many as there can be; `side`: which side of the
/// graph each node is on.
pub(super) fn cheapest(side: &[bool], edges: Edges<'_>, wanted: usize) -> Vec<usize> {
    let mut rounds = Rounds::new(side, edges);
    let mut matched = 0;
    while matched < wanted && rounds.augment() {
        matched += 1;
    }
    let chosen = (0..edges.len()).filter(|&edge| rounds.mate[edges[edge].0 as usize] == edge as u32);
    chosen.collect()
}

impl<'a> Rounds<'a> {
    fn new(side: &[bool], edges: Edges<'a>) -> Self {
        let nodes = side.len();
        let directed = |&(a, b, _): &(u32, u32, u64)| if side[a as usize] { (b, a) } else { (a, b) };
        let mut rows = vec![0_u32; nodes + 1];
        for edge in edges {
            rows[directed(edge).0 as usize + 1] += 1;
        }
        for node in 0..nodes {
            rows[node + 1] += rows[node];
        }
        let mut cursor = rows.clone();
        let mut leaving = vec![Leaving { to: 0, edge: 0, cost: 0 }; edges.len()];
        for (index, edge) in (0_u32..).zip(edges) {
            let (from, to) = directed(edge);
            let at = &mut cursor[from as usize];
            leaving[*at as usize] = Leaving { to, edge: index, cost: edge.2 as i64 };
            *at += 1;
        }
        let left = (0..nodes as u32).filter(|&node| rows[node as usize] < rows[node as usize + 1]);
        Self {
            edges,
            open: left.collect(),
            rows,
            leaving,
            mate: vec![NONE; nodes],
            potential: vec![0; nodes],
            potential_end: 0,
            distance: vec![i64::MAX; nodes],
            reached_by: vec![NONE; nodes],
            heap: BinaryHeap::new(),
        }
    }

    /// Adds an edge to the matching along the cheapest alternating path, if there is any.
    fn augment(&mut self) -> bool {
        self.distance.fill(i64::MAX);
        self.heap.clear();
        for at in 0..self.open.len() {
            self.leave(self.open[at], 0);
        }
        let mut best: Option<(i64, u32)> = None;
        while let Some(Reverse((distance, right))) = self.heap.pop() {
            if best.is_some_and(|(least, _)| distance >= least) {
                break;
            }
            if distance > self.distance[right as usize] {
                continue;
            }
            match self.mate[right as usize] {
                NONE => {
                    let end = distance + self.potential[right as usize] - self.potential_end;
                    if best.is_none_or(|(least, _)| end < least) {
                        best = Some((end, right));
                    }
                }
                edge => {
                    // Edges of the matching cost nothing with potentials.
                    let left = self.other_end(edge, right);
                    self.distance[left as usize] = distance;
                    self.leave(left, distance);
                }
            }
        }
        let Some((length, end)) = best else { return false };
        for &left in &self.open {
            self.distance[left as usize] = 0;
        }
        for (potential, &distance) in self.potential.iter_mut().zip(&self.distance) {
            *potential += distance.min(length);
        }
        self.potential_end += length;
        let mut right = end;
        loop {
            let edge = self.reached_by[right as usize];
            let left = self.other_end(edge, right);
            let before = std::mem::replace(&mut self.mate[left as usize], edge);
            self.mate[right as usize] = edge;
            if before == NONE {
                self.open.retain(|&open| open != left);
                return true;
            }
            right = self.other_end(before, left);
        }
    }

    /// Goes on from a node on the left at the given distance.
    fn leave(&mut self, left: u32, distance: i64) {
        let at = distance + self.potential[left as usize];
        for index in self.rows[left as usize] as usize..self.rows[left as usize + 1] as usize {
            let Leaving { to, edge, cost } = self.leaving[index];
            let there = at + cost - self.potential[to as usize];
            if there < self.distance[to as usize] {
                self.distance[to as usize] = there;
                self.reached_by[to as usize] = edge;
                self.heap.push(Reverse((there, to)));
            }
        }
    }

    fn other_end(&self, edge: u32, end: u32) -> u32 {
        let (a, b, _) = self.edges[edge as usize];
        a ^ b ^ end
    }
}
