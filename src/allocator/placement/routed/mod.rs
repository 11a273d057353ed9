//! The strategy `region`: a connected region and a layout in it for programs that do not embed, with few SWAP gates.
//!
//! Compact regions are grown from many qubits, programs are laid out greedily in the best of them and improved by
//! exchanging two qubits of the program or one of the region (2-opt, as for any quadratic assignment problem).
//! Promises a connected region per component of the program, the estimate of [`super::routing`] and a proof where it
//! says "infeasible"; a bound on what a better region would save is not known (`gap: None`).

use petgraph::unionfind::UnionFind;
use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::compact::Compact;
use super::graph::NONE;
use super::interchangeable;
use super::pattern::Pattern;
use super::routing::{
    ONE_SWAP, Paths, SWAP_GATES, UNREACHABLE, flat_cost, least_swaps, placement_of_routed_layout,
    swaps_per_step,
};
use super::search_cost::Costs;
use super::{Capabilities, Placed, PlacementOutcome, PlacementRequest, PlacementStrategy, region};
use crate::quantum::PhysicalQubit;

/// The strategy; holds buffers that answers do not depend on.
#[derive(Debug, Default)]
pub struct Region {
    regions: region::Regions,
    search: Search,
}

impl PlacementStrategy for Region {
    fn capabilities(&self) -> Capabilities {
        Capabilities { finds_regions: true, steady: true, embeds: false, ..Capabilities::default() }
    }

    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        if let Some(placed) = interchangeable::cheapest(request) {
            return placed;
        }
        if request.pattern.is_region() {
            return self.regions.cheapest(request);
        }
        self.search.run(request)
    }

    fn forget(&mut self) {
        self.regions.forget();
        self.search.host.forget();
    }
}

/// Regions that are laid out; the others are judged by their distances alone.
const LAID_OUT: usize = 6;

/// Steps are counted in units of so many elementary operations, so that one takes about as long as one of the exact
/// search.
const OPERATIONS_PER_STEP: u64 = 8;

/// Positions of the region that are tried for exchange with the outside.
const EXCHANGED: usize = 8;

/// The search for regions with edges.
#[derive(Debug, Default)]
pub(super) struct Search {
    host: Compact,
    paths: Paths,
    /// Nodes that earlier components of the program took.
    taken: Vec<bool>,
    /// Position of each node in the region at hand.
    position: Vec<u32>,
    depth: Vec<u32>,
    inner: Vec<u32>,
    part: Vec<u32>,
    /// The couplers within the region at hand, between positions.
    links: Vec<(u32, u32, u64)>,
    /// Cost of one gate of an interaction, and of one SWAP per missing coupler, between two positions.
    gate: Vec<u64>,
    swap: Vec<u64>,
    /// Number of positions.
    size: usize,
    operations: u64,
    limit: u64,
}

/// One connected component of a program, its vertices renumbered.
struct Component {
    vertices: Vec<u32>,
    rows: Vec<u32>,
    /// (other vertex, gates, SWAPs per missing coupler).
    links: Vec<(u32, u64, u64)>,
}

/// A region with a layout: the position of each vertex, and what it costs.
#[derive(Debug, Clone, Default)]
struct Laid {
    nodes: Vec<u32>,
    place: Vec<u32>,
    cost: u64,
}

impl Component {
    fn links(&self, vertex: usize) -> &[(u32, u64, u64)] {
        &self.links[self.rows[vertex] as usize..self.rows[vertex + 1] as usize]
    }

    /// The components of a pattern, largest first.
    fn all(pattern: &Pattern, per_step: &[u64]) -> Vec<Self> {
        let n = pattern.qubits();
        let mut links: Vec<Vec<(u32, u64, u64)>> = vec![Vec::new(); n];
        for (&(a, b, weight), &swaps) in pattern.edges().iter().zip(per_step) {
            links[a.index()].push((b.0, u64::from(weight), swaps));
            links[b.index()].push((a.0, u64::from(weight), swaps));
        }
        let mut number = vec![NONE; n];
        let mut found = Vec::new();
        for start in 0..n as u32 {
            if number[start as usize] != NONE {
                continue;
            }
            let mut vertices = vec![start];
            number[start as usize] = 0;
            let mut next = 0;
            while let Some(&vertex) = vertices.get(next) {
                next += 1;
                for &(end, ..) in &links[vertex as usize] {
                    if number[end as usize] == NONE {
                        number[end as usize] = vertices.len() as u32;
                        vertices.push(end);
                    }
                }
            }
            let mut component = Self { rows: vec![0], links: Vec::new(), vertices };
            for &vertex in &component.vertices {
                let own = links[vertex as usize].iter();
                component.links.extend(own.map(|&(end, gates, swaps)| (number[end as usize], gates, swaps)));
                component.rows.push(component.links.len() as u32);
            }
            found.push(component);
        }
        found.sort_by_key(|component| std::cmp::Reverse(component.vertices.len()));
        found
    }
}

/// Operations for the tables of a region of so many nodes.
fn measuring(nodes: usize) -> u64 {
    (nodes * (nodes + 4) * 2) as u64
}

impl Search {
    /// The best region found for a program that is no region itself.
    pub fn run(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let pattern = request.pattern;
        let answer = |outcome, steps| Placed { outcome, steps };
        if request.free.intersection_len(&request.epoch.usable) < pattern.qubits() {
            return answer(PlacementOutcome::ProvedInfeasible, 0);
        }
        let per_step = swaps_per_step(pattern);
        let degree = request.epoch.max_degree();
        if request.max_swaps.is_some_and(|most| least_swaps(pattern, &per_step, degree) > u64::from(most)) {
            return answer(PlacementOutcome::ProvedInfeasible, 0);
        }
        self.host.load(request, Costs::Calibrated(shift(request)), 1);
        let components = Component::all(pattern, &per_step);
        let largest = self.host.part_size.iter().copied().max().unwrap_or(0);
        if components.first().is_some_and(|first| first.vertices.len() > largest as usize) {
            return answer(PlacementOutcome::ProvedInfeasible, 0);
        }
        self.operations = 0;
        self.limit = request.budget.saturating_mul(OPERATIONS_PER_STEP);
        self.taken.clear();
        self.taken.resize(self.host.len(), false);
        self.position.clear();
        self.position.resize(self.host.len(), NONE);
        let mut layout: SmallVec<[PhysicalQubit; 8]> =
            SmallVec::from_elem(PhysicalQubit(0), pattern.qubits());
        let flat = flat_cost(request) >> shift(request);
        for component in &components {
            let Some(laid) = self.place(component, flat) else {
                // Another way to pack the components may exist.
                return answer(PlacementOutcome::BudgetExhausted, self.steps());
            };
            for (&vertex, &position) in component.vertices.iter().zip(&laid.place) {
                let node = laid.nodes[position as usize];
                self.taken[node as usize] = true;
                layout[vertex as usize] = self.host.qubits[node as usize];
            }
        }
        let outcome = match placement_of_routed_layout(request, layout) {
            Some(placement) => PlacementOutcome::Feasible { placement, gap: None },
            None => PlacementOutcome::BudgetExhausted,
        };
        answer(outcome, self.steps())
    }

    fn steps(&self) -> u64 {
        self.operations / OPERATIONS_PER_STEP
    }

    /// The best region and layout for one component on what is left.
    fn place(&mut self, component: &Component, flat: u64) -> Option<Laid> {
        let wanted = component.vertices.len();
        self.find_parts();
        let roots = (0..self.host.len() as u32).filter(|&node| self.part[node as usize] as usize >= wanted);
        let roots: Vec<u32> = roots.collect();
        // Few of very many roots, spread evenly, when the budget does not reach for all of them.
        let each = (wanted * (wanted + 4)) as u64;
        let affordable = (self.limit / 4 / each.max(1)).max(1) as usize;
        let stride = roots.len().div_ceil(affordable).max(1);
        let mut regions: Vec<(u64, Vec<u32>)> = Vec::new();
        let mut seen: FxHashSet<Vec<u32>> = FxHashSet::default();
        for &root in roots.iter().step_by(stride) {
            let nodes = self.grow(root, wanted);
            // Grown from within, the same region comes up again and again. What was too dear once still is; it counts as
            // looked at, so that the effort does not depend on what is remembered here.
            if seen.contains(&nodes) {
                if regions.iter().all(|(_, known)| *known != nodes) {
                    self.operations += measuring(nodes.len());
                }
                continue;
            }
            let dearness = self.dearness(&nodes, component, flat);
            seen.insert(nodes.clone());
            regions.push((dearness, nodes));
            regions.sort();
            regions.truncate(LAID_OUT);
        }
        let mut best: Option<Laid> = None;
        for (_, nodes) in regions {
            if best.is_some() && self.operations >= self.limit {
                break;
            }
            let laid = self.lay_out(nodes, component, flat);
            if best.as_ref().is_none_or(|known| laid.cost < known.cost) {
                best = Some(laid);
            }
        }
        let mut best = best?;
        while wanted > 1 && self.operations < self.limit {
            let Some(better) = self.exchange_node(&best, component, flat) else { break };
            best = better;
        }
        Some(best)
    }

    /// Sizes of the connected parts of what is left.
    fn find_parts(&mut self) {
        let Self { host, taken, part, inner, .. } = self;
        part.clear();
        part.resize(host.len(), 0);
        for start in 0..host.len() as u32 {
            if part[start as usize] != 0 || taken[start as usize] {
                continue;
            }
            inner.clear();
            inner.push(start);
            part[start as usize] = NONE;
            let mut next = 0;
            while let Some(&node) = inner.get(next) {
                next += 1;
                for link in host.links(node) {
                    let end = host.to[link] as usize;
                    if part[end] == 0 && !taken[end] {
                        part[end] = NONE;
                        inner.push(end as u32);
                    }
                }
            }
            for &node in inner.iter() {
                part[node as usize] = inner.len() as u32;
            }
        }
    }

    /// A compact region around `root`, ascending: next comes the node nearest to the root, less half a coupler per
    /// further coupler into the region; the cheapest of these.
    fn grow(&mut self, root: u32, wanted: usize) -> Vec<u32> {
        let Self { host, taken, depth, inner, operations, .. } = self;
        depth.clear();
        depth.resize(host.len(), NONE);
        inner.clear();
        inner.resize(host.len(), 0);
        let mut nodes = vec![root];
        let mut rim: Vec<u32> = Vec::new();
        depth[root as usize] = 0;
        let mut last = root;
        while nodes.len() < wanted {
            for link in host.links(last) {
                let end = host.to[link] as usize;
                if taken[end] {
                    continue;
                }
                inner[end] += 1;
                if depth[end] == NONE {
                    depth[end] = depth[last as usize] + 1;
                    rim.push(end as u32);
                }
            }
            *operations += rim.len() as u64 / 2 + 2;
            let key = |node: u32| {
                let index = node as usize;
                ((2 * depth[index] + 8).saturating_sub(inner[index]), host.qubit_cost[index], node)
            };
            let Some((at, _)) = rim.iter().enumerate().min_by_key(|(_, node)| key(**node)) else { break };
            last = rim.swap_remove(at);
            nodes.push(last);
        }
        nodes.sort_unstable();
        nodes
    }

    /// The couplers within a region.
    fn find_links(&mut self, nodes: &[u32]) {
        let Self { host, position, links, .. } = self;
        for (number, &node) in (0..).zip(nodes) {
            position[node as usize] = number;
        }
        links.clear();
        for (number, &node) in (0_u32..).zip(nodes) {
            for link in host.links(node) {
                let end = position[host.to[link] as usize];
                if end != NONE && number < end {
                    links.push((number, end, host.link_cost[link]));
                }
            }
        }
        for &node in nodes {
            position[node as usize] = NONE;
        }
    }

    /// Tables of costs between all positions of a region.
    fn measure(&mut self, nodes: &[u32], flat: u64) {
        self.find_links(nodes);
        self.fill_tables(nodes.len(), flat);
        self.operations += measuring(nodes.len());
    }

    /// The tables for a region of so many nodes whose couplers are at hand. Paths cost the same both ways.
    fn fill_tables(&mut self, nodes: usize, flat: u64) {
        self.paths.find(nodes, self.links.iter().copied());
        self.size = nodes;
        for table in [&mut self.gate, &mut self.swap] {
            table.clear();
            table.resize(nodes * nodes, 0);
        }
        for from in 0..nodes {
            for to in from + 1..nodes {
                let length = self.paths.length(from, to);
                if length == UNREACHABLE {
                    continue;
                }
                let mean = self.paths.cost(from, to) / u64::from(length);
                let swaps = SWAP_GATES * u64::from(length - 1) * (mean + flat);
                for at in [from * nodes + to, to * nodes + from] {
                    self.gate[at] = mean;
                    self.swap[at] = swaps;
                }
            }
        }
    }

    /// Whether the couplers at hand connect all of a region's nodes.
    fn is_whole(&self, nodes: usize) -> bool {
        let mut parts = UnionFind::<u32>::new(nodes);
        let joins = self.links.iter().filter(|&&(a, b, _)| parts.union(a, b)).count();
        joins + 1 == nodes
    }

    /// What a region would cost if every two positions had an equal share of all interactions.
    fn dearness(&mut self, nodes: &[u32], component: &Component, flat: u64) -> u64 {
        self.measure(nodes, flat);
        let pairs = (nodes.len() * nodes.len().saturating_sub(1)).max(1) as u64;
        let sum = |table: &[u64]| table.iter().fold(0_u64, |sum, &cost| sum.saturating_add(cost)) / pairs;
        let gates: u64 = component.links.iter().map(|link| link.1).sum::<u64>() / 2;
        let swaps: u64 = component.links.iter().map(|link| link.2).sum::<u64>() / 2;
        let qubits: u64 = nodes.iter().map(|&node| self.host.qubit_cost[node as usize]).sum();
        let swap = u128::from(sum(&self.swap)) * u128::from(swaps) / u128::from(ONE_SWAP);
        qubits.saturating_add(sum(&self.gate).saturating_mul(gates)).saturating_add(swap as u64)
    }

    /// What an interaction costs between two positions.
    fn cost(&self, from: u32, to: u32, gates: u64, swaps: u64) -> u64 {
        let at = from as usize * self.size + to as usize;
        gates * self.gate[at] + swaps * self.swap[at] / ONE_SWAP
    }

    fn total(&self, nodes: &[u32], place: &[u32], component: &Component) -> u64 {
        let qubits: u64 = nodes.iter().map(|&node| self.host.qubit_cost[node as usize]).sum();
        let mut twice = 0_u64;
        for (vertex, &from) in place.iter().enumerate() {
            for &(end, gates, swaps) in component.links(vertex) {
                twice += self.cost(from, place[end as usize], gates, swaps);
            }
        }
        qubits + twice / 2
    }

    /// Lays a component out in a region: the vertex with the most to do where the others are nearest, then always the
    /// one with the most to do with those placed, where that is cheapest; then exchanges.
    fn lay_out(&mut self, nodes: Vec<u32>, component: &Component, flat: u64) -> Laid {
        self.measure(&nodes, flat);
        let n = nodes.len();
        let mut place = vec![NONE; n];
        let mut free = vec![true; n];
        let own: Vec<u64> = (0..n).map(|v| component.links(v).iter().map(|link| link.2).sum()).collect();
        let mut bound = vec![0_u64; n];
        for step in 0..n {
            let open = (0..n).filter(|&v| place[v] == NONE);
            let Some(vertex) = open.max_by_key(|&v| (bound[v], own[v], std::cmp::Reverse(v))) else { break };
            let mut best = (u64::MAX, 0);
            for position in (0..n).filter(|&position| free[position]) {
                let cost = if step == 0 {
                    self.swap[position * n..(position + 1) * n].iter().sum()
                } else {
                    let placed = component.links(vertex).iter().filter(|link| place[link.0 as usize] != NONE);
                    placed.map(|&(end, g, s)| self.cost(position as u32, place[end as usize], g, s)).sum()
                };
                best = best.min((cost, position));
            }
            self.operations += (n * (component.links(vertex).len() + 1)) as u64;
            place[vertex] = best.1 as u32;
            free[best.1] = false;
            for &(end, _, swaps) in component.links(vertex) {
                bound[end as usize] += swaps;
            }
        }
        self.exchange_vertices(&mut place, component);
        let cost = self.total(&nodes, &place, component);
        Laid { nodes, place, cost }
    }

    /// Exchanges two vertices as long as that is cheaper.
    fn exchange_vertices(&mut self, place: &mut [u32], component: &Component) {
        let n = place.len();
        let mut improved = true;
        while improved {
            improved = false;
            for a in 0..n {
                for b in a + 1..n {
                    if self.operations >= self.limit {
                        return;
                    }
                    let gain = self.gain(place, component, a, b) + self.gain(place, component, b, a);
                    self.operations += 2 + (component.links(a).len() + component.links(b).len()) as u64;
                    if gain > 0 {
                        place.swap(a, b);
                        improved = true;
                    }
                }
            }
        }
    }

    /// What is saved on the interactions of `a`, but for that with `b`, when it moves to the place of `b`.
    fn gain(&self, place: &[u32], component: &Component, a: usize, b: usize) -> i64 {
        let mut gain = 0_i64;
        for &(end, gates, swaps) in component.links(a) {
            if end as usize != b {
                let there = place[end as usize];
                gain += self.cost(place[a], there, gates, swaps) as i64;
                gain -= self.cost(place[b], there, gates, swaps) as i64;
            }
        }
        gain
    }

    /// A better layout with one node of the region replaced by one at its rim; the dearest positions are tried.
    fn exchange_node(&mut self, laid: &Laid, component: &Component, flat: u64) -> Option<Laid> {
        self.measure(&laid.nodes, flat);
        let mut dearest: Vec<(u64, u32)> = Vec::new();
        for (vertex, &position) in laid.place.iter().enumerate() {
            let links = component.links(vertex).iter();
            let cost: u64 =
                links.map(|&(end, g, s)| self.cost(position, laid.place[end as usize], g, s)).sum();
            dearest.push((cost + self.host.qubit_cost[laid.nodes[position as usize] as usize], position));
        }
        dearest.sort_unstable_by(|a, b| b.cmp(a));
        // Leaves of the region can always go; trying only the dearest would leave cheap dead ends in place.
        let mut rim: Vec<u32> = Vec::new();
        for &node in &laid.nodes {
            for link in self.host.links(node) {
                let end = self.host.to[link];
                if !self.taken[end as usize] && !laid.nodes.contains(&end) && !rim.contains(&end) {
                    rim.push(end);
                }
            }
        }
        rim.sort_unstable();
        for &(_, position) in dearest.iter().take(EXCHANGED) {
            let mut nodes = laid.nodes.clone();
            for &node in &rim {
                if self.operations >= self.limit {
                    return None;
                }
                nodes[position as usize] = node;
                self.find_links(&nodes);
                // A region in pieces counts as measured, so that the effort is that of a plain search.
                self.operations += measuring(nodes.len()) + component.links.len() as u64;
                if !self.is_whole(nodes.len()) {
                    continue;
                }
                self.fill_tables(nodes.len(), flat);
                if self.total(&nodes, &laid.place, component) < laid.cost {
                    let mut place = laid.place.clone();
                    self.exchange_vertices(&mut place, component);
                    let cost = self.total(&nodes, &place, component);
                    return Some(Laid { nodes, place, cost });
                }
            }
        }
        None
    }
}

/// How far costs must be shifted so that sums, in units of a SWAP, fit into 62 bits.
fn shift(request: &PlacementRequest<'_>) -> u32 {
    let pattern = request.pattern;
    let objective = &request.objective;
    let added = objective.crosstalk.and_then(|added| added.iter().max()).copied().unwrap_or(0);
    let element = u128::from(super::cost::cost_limit()) * 2 + u128::from(added);
    let gates: u128 = pattern.edges().iter().map(|edge| u128::from(edge.2)).sum();
    // A distance is below the number of qubits, and an interaction takes at most 1.5 SWAPs per gate and coupler.
    let gates = gates * (1 + 5 * pattern.qubits() as u128);
    let neighbours = (pattern.qubits() * request.epoch.max_degree()) as u128;
    let per_weight = pattern.uses().gates_cost(element.try_into().unwrap_or(u64::MAX));
    let qubits = (pattern.qubits() as u128 * element).max(2 * request.qubit_noise_limit());
    let most = gates
        .saturating_mul(u128::from(per_weight))
        .saturating_add(qubits)
        .saturating_add(neighbours * u128::from(objective.fragmentation));
    (u128::BITS - most.leading_zeros()).saturating_sub(45).min(63)
}

#[cfg(test)]
mod tests;
