//! Better placements by changing a part of them, for searches that end without a proof (large neighbourhood search,
//! Shaw 1998).
//!
//! Takes a connected handful of vertices off the device and puts them back in the best way there is while all others
//! stay; again and again, around other vertices. Promises a legal layout that costs no more than the one it got. Leaves
//! bounds and proofs to [`super::search`].

use rand::RngExt;

use super::host::Host;
use super::search::BLOCKED;
use crate::allocator::placement::graph::NONE;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::search_cost::INFINITE;
use crate::quantum::VirtualQubit;
use crate::random::Stream;

/// A layout that is being changed; buffers are reused.
#[derive(Debug, Default)]
pub(crate) struct Improve {
    /// Node of each vertex.
    pub nodes: Vec<u32>,
    /// Vertex on each node, or `NONE`, or `BLOCKED`.
    vertices: Vec<u32>,
    /// The vertices taken off, in the order in which they are put back.
    off: Vec<u32>,
    is_off: Vec<bool>,
    /// What the vertices from each place in `off` on cost at least.
    rest: Vec<u64>,
    trial: Vec<u32>,
    best: Vec<u32>,
    /// The best layout so far.
    record: Vec<u32>,
}

/// Fewest and most vertices taken off at once: fewer are soon in order, more take too many steps to put back.
const HANDFUL: std::ops::RangeInclusive<u32> = 4..=16;

/// Most steps to put a handful back.
const STEPS: u64 = 4_000;

/// One handful being put back.
struct Repair<'a> {
    pattern: &'a Pattern,
    host: &'a Host<'a>,
    /// Least cost known; only what is cheaper counts.
    least: u64,
    steps: u64,
    budget: u64,
    /// Take the first way there is, with candidates turned by so much, rather than the best.
    first: Option<usize>,
}

impl Improve {
    /// Changes `self.nodes` until the steps are used up; returns what was gained, scaled, and the steps taken.
    pub fn run(&mut self, pattern: &Pattern, host: &Host<'_>, budget: u64) -> (u64, u64) {
        // The seed is fixed: the answer is a function of the request alone.
        let mut draw = Stream::new(1, 1);
        self.seat(host);
        self.is_off.clear();
        self.is_off.resize(self.nodes.len(), false);
        let cheapest_link = host.link_cost.iter().copied().min().unwrap_or(0);
        let kinds = 0..pattern.uses().kinds().len() as u32;
        let costs = kinds.flat_map(|kind| host.nodes.iter().map(move |&node| host.cost(kind, node)));
        let cheapest_node = costs.min().unwrap_or(0);
        let cheapest = cheapest_node..=cheapest_link;
        let patience = 2 * self.nodes.len();
        let (mut change, mut record, mut steps, mut in_vain) = (0_i64, 0_i64, 0, 0);
        self.record.clone_from(&self.nodes);
        while steps < budget && pattern.edges().len() > 1 {
            // When nothing has helped for a while, a large part goes anywhere it fits.
            let shake = in_vain >= patience;
            if shake && change > record {
                self.nodes.clone_from(&self.record);
                change = record;
                self.seat(host);
            }
            let most = self.nodes.len() as u32 / 2;
            let wanted =
                draw.random_range(if shake { HANDFUL.start().min(&most).to_owned()..=most } else { HANDFUL });
            self.take_off(pattern, wanted as usize, &mut draw);
            let Some(before) = self.cost_of_off(pattern, host) else { break };
            let mut repair = Repair {
                pattern,
                host,
                least: if shake { INFINITE } else { before },
                steps: 0,
                budget: STEPS.min(budget - steps),
                first: shake.then(|| draw.random_range(0..host.max_degree)),
            };
            self.replace(&mut repair, &cheapest);
            steps += repair.steps.max(1);
            in_vain = if shake { 0 } else { in_vain + 1 };
            if !self.best.is_empty() {
                change += repair.least as i64 - before as i64;
                if !shake {
                    in_vain = 0;
                }
            }
            if change < record {
                record = change;
                self.record.clone_from(&self.nodes);
            }
        }
        self.nodes.clone_from(&self.record);
        (record.unsigned_abs(), steps)
    }

    /// Puts the vertices taken off back in the best way, or where they were.
    fn replace(&mut self, repair: &mut Repair<'_>, cheapest: &std::ops::RangeInclusive<u64>) {
        // Every vertex costs a node, and the edge over which it is put back.
        self.rest.clear();
        self.rest.resize(self.off.len() + 1, 0);
        for place in (0..self.off.len()).rev() {
            let edges = repair.pattern.neighbours(VirtualQubit(self.off[place])).iter();
            let edge = u64::from(edges.map(|edge| edge.1).min().unwrap_or(0)) * cheapest.end();
            self.rest[place] = self.rest[place + 1] + cheapest.start() + edge;
        }
        for &vertex in &self.off {
            self.vertices[self.nodes[vertex as usize] as usize] = NONE;
        }
        self.best.clear();
        self.trial.clear();
        self.put_back(repair, 0, 0);
        for (place, &vertex) in self.off.iter().enumerate() {
            if let Some(&node) = self.best.get(place) {
                self.nodes[vertex as usize] = node;
            }
            self.vertices[self.nodes[vertex as usize] as usize] = vertex;
            self.is_off[vertex as usize] = false;
        }
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

    /// Chooses a handful: some vertices breadth first around a random one.
    fn take_off(&mut self, pattern: &Pattern, wanted: usize, draw: &mut Stream) {
        self.off.clear();
        let first = draw.random_range(0..self.nodes.len() as u32);
        self.off.push(first);
        self.is_off[first as usize] = true;
        let mut next = 0;
        while self.off.len() < wanted {
            let Some(&vertex) = self.off.get(next) else { break };
            next += 1;
            for &(other, _) in pattern.neighbours(VirtualQubit(vertex)) {
                if !self.is_off[other.index()] && self.off.len() < wanted {
                    self.is_off[other.index()] = true;
                    self.off.push(other.0);
                }
            }
        }
        // Put back next to what stays first: from there on candidates are few.
        for place in 0..self.off.len() {
            let anchored = |vertex: u32, done: &[u32]| {
                let neighbours = pattern.neighbours(VirtualQubit(vertex)).iter();
                neighbours.filter(|(other, _)| !self.is_off[other.index()] || done.contains(&other.0)).count()
            };
            let (done, left) = self.off.split_at(place);
            let pick = (0..left.len()).max_by_key(|&at| (anchored(left[at], done), std::cmp::Reverse(at)));
            self.off.swap(place, place + pick.unwrap_or(0));
        }
    }

    /// Cost of the handful where it lies, with all edges at it.
    fn cost_of_off(&self, pattern: &Pattern, host: &Host<'_>) -> Option<u64> {
        let mut total = 0;
        for (place, &vertex) in self.off.iter().enumerate() {
            let node = self.nodes[vertex as usize];
            total += host.cost(pattern.uses().kind(VirtualQubit(vertex)) as u32, node);
            for &(other, weight) in pattern.neighbours(VirtualQubit(vertex)) {
                let later = self.is_off[other.index()] && self.off[place..].contains(&other.0);
                if !later {
                    let link = host.link(node, self.nodes[other.index()])?;
                    total += u64::from(weight) * host.link_cost[link];
                }
            }
        }
        Some(total)
    }

    /// Tries every node for the vertex at `place` of the handful, depth first; `cost`: of those before it.
    fn put_back(&mut self, repair: &mut Repair<'_>, place: usize, cost: u64) {
        let Some(&vertex) = self.off.get(place) else {
            repair.least = cost;
            self.best.clone_from(&self.trial);
            return;
        };
        let host = repair.host;
        let neighbours = repair.pattern.neighbours(VirtualQubit(vertex));
        let kind = repair.pattern.uses().kind(VirtualQubit(vertex)) as u32;
        // Next to a neighbour that lies somewhere; anywhere for a vertex without one.
        let anchor = neighbours.iter().find_map(|(other, _)| self.node_of(*other, place));
        let nowhere = 0..0;
        let around = anchor.map_or(nowhere, |node| host.links(node));
        let nodes = if anchor.is_some() { &[] } else { host.nodes };
        let turn = repair.first.map_or(0, |first| (first + place) % around.len().max(1));
        let turned = (around.start + turn..around.end).chain(around.start..around.start + turn);
        let candidates = turned.map(|link| host.to[link]).chain(nodes.iter().copied());
        for node in candidates {
            let done = repair.first.is_some() && !self.best.is_empty();
            if done || repair.steps >= repair.budget {
                return;
            }
            if self.vertices[node as usize] != NONE {
                continue;
            }
            repair.steps += 1;
            let mut total = cost + host.cost(kind, node);
            for &(other, weight) in neighbours {
                if let Some(there) = self.node_of(other, place) {
                    let link = host.link(node, there);
                    total += link.map_or(INFINITE, |link| u64::from(weight) * host.link_cost[link]);
                    if total >= repair.least {
                        break;
                    }
                }
            }
            if total + self.rest[place + 1] < repair.least {
                self.vertices[node as usize] = vertex;
                self.trial.push(node);
                self.put_back(repair, place + 1, total);
                self.trial.pop();
                self.vertices[node as usize] = NONE;
            }
        }
    }

    /// Where a vertex lies when the first `place` of the handful are back.
    fn node_of(&self, vertex: VirtualQubit, place: usize) -> Option<u32> {
        if !self.is_off[vertex.index()] {
            return Some(self.nodes[vertex.index()]);
        }
        let back = self.off[..place].iter().position(|&other| other == vertex.0)?;
        Some(self.trial[back])
    }
}
