//! Connected regions: where a job may run that needs qubits and no particular couplers.
//!
//! A region costs its qubits plus the minimum spanning tree of the couplers inside it: the cheapest way to let
//! everything in it interact. The best such tree on n of the free qubits is a hard problem (k-MST), so that the
//! search is greedy with a certified gap. Promises connected regions of the asked size.

use smallvec::SmallVec;

use super::compact::Compact;
use super::free_parts::is_barred;
use super::graph::NONE;
use super::search_cost::Costs;
use super::{Placed, Placement, PlacementOutcome, PlacementRequest};
use crate::quantum::{PhysicalQubit, QubitSet};

/// The search for regions; holds buffers that answers do not depend on.
#[derive(Debug, Default)]
pub(crate) struct Regions {
    unseen: QubitSet,
    host: Compact,
    roots: Vec<(u64, u32)>,
    /// Least cost of so many more nodes with the links that lead to them.
    more: Vec<u64>,
    inside: Vec<bool>,
    rim: Rim,
    grown: Vec<u32>,
    best: Vec<u32>,
    order: Vec<u64>,
}

impl Regions {
    /// Forgets what was kept of earlier searches.
    pub fn forget(&mut self) {
        self.host.forget();
    }

    /// Whether no connected part of what is free is large enough.
    pub fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        self.host.largest_part(request) < request.pattern.qubits()
    }

    /// The first n qubits, breadth first, from the lowest qubit whose part of the free qubits is large enough.
    pub fn first(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let wanted = request.pattern.qubits();
        let Self { unseen, grown, .. } = self;
        let graph = request.epoch.graph();
        unseen.clone_from(request.free);
        unseen.intersect_with(&request.epoch.usable);
        grown.clear();
        while grown.len() < wanted {
            // The part of the last start is too small, and all of it seen.
            let Some(start) = unseen.first() else { return infeasible() };
            unseen.remove(start);
            grown.clear();
            grown.push(start.0);
            let mut next = 0;
            while let Some(&node) = grown.get(next)
                && grown.len() < wanted
            {
                let row = graph.rows[node as usize] as usize..graph.rows[node as usize + 1] as usize;
                for (nth, &end) in graph.to[row].iter().enumerate() {
                    let open = grown.len() < wanted && !is_barred(request, node as usize, nth);
                    if open && unseen.remove(PhysicalQubit(end)) {
                        grown.push(end);
                    }
                }
                next += 1;
            }
        }
        let layout = self.grown.iter().map(|&node| PhysicalQubit(node)).collect();
        let placement = super::placement_of_layout(request, layout);
        Placed {
            outcome: placement.map_or(PlacementOutcome::ProvedInfeasible, |placement| {
                PlacementOutcome::Feasible { placement, gap: None }
            }),
            steps: wanted as u64,
        }
    }

    /// A cheap region: grown from every qubit by the cheapest coupler and qubit at its rim (as Prim's algorithm
    /// does), the best of them improved by exchanging one qubit at a time. Proved best up to three qubits, and when
    /// it costs no more than the cheapest qubits and couplers there are.
    pub fn cheapest(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let wanted = request.pattern.qubits();
        let shift = request.shift();
        self.host.load(request, Costs::Calibrated(shift), wanted);
        self.roots.clear();
        for node in 0..self.host.len() as u32 {
            if self.host.part_size[node as usize] as usize >= wanted {
                let links = &self.host.link_cost[self.host.links(node)];
                let entry = links.iter().copied().min().unwrap_or(0) + self.host.qubit_cost[node as usize];
                self.roots.push((entry, node));
            }
        }
        if self.roots.is_empty() {
            return infeasible();
        }
        let mut steps = wanted as u64;
        let mut all_roots = true;
        if self.host.is_uniform() {
            self.best.clear();
            self.best.extend(self.host.cheapest(wanted));
        } else {
            (steps, all_roots) = self.search(wanted, request.budget);
        }
        self.best.sort_unstable();
        self.mark_best();
        self.span(self.best[0]);
        let Some(placement) = placement(request, &self.host, &self.grown) else {
            return infeasible();
        };
        let at_least = u128::from(self.at_least(wanted)) << shift;
        let gap = u128::from(placement.objective).saturating_sub(at_least) as u64;
        let optimal = gap == 0 || wanted <= 3 && all_roots;
        Placed {
            outcome: if optimal {
                PlacementOutcome::Optimal(placement)
            } else {
                PlacementOutcome::Feasible { placement, gap: Some(gap) }
            },
            steps,
        }
    }

    /// The best region grown from any root, improved; returns the steps used and whether all roots were tried.
    fn search(&mut self, wanted: usize, budget: u64) -> (u64, bool) {
        let mut steps = 0;
        let mut least = u64::MAX;
        let mut all_roots = true;
        self.roots.sort_unstable();
        self.more.clear();
        self.more.push(0);
        for (entry, _) in &self.roots[..wanted - 1] {
            self.more.push(self.more[self.more.len() - 1].saturating_add(*entry));
        }
        for index in 0..self.roots.len() {
            if index > 0 && steps >= budget {
                all_roots = false;
                break;
            }
            let root = self.roots[index].1;
            if self.host.qubit_cost[root as usize].saturating_add(self.more[wanted - 1]) >= least {
                continue;
            }
            self.grow(root, wanted, least, &mut steps);
            if self.grown.len() == wanted {
                let cost = self.cost_of_grown();
                if cost < least {
                    least = cost;
                    self.best.clear();
                    self.best.extend_from_slice(&self.grown);
                }
            }
        }
        while wanted > 3 && steps < budget && self.exchange(&mut least, budget, &mut steps) {}
        (steps, all_roots)
    }

    /// Grows a region from `root` into `self.grown`; gives up when it cannot but get as expensive as `limit`.
    fn grow(&mut self, root: u32, wanted: usize, limit: u64, steps: &mut u64) {
        self.grown.clear();
        self.rim.start(self.host.len(), self.host.qubit_cost[root as usize], root);
        let mut total = 0_u64;
        while let Some((cost, node)) = self.rim.take_cheapest() {
            *steps += 1;
            total = total.saturating_add(cost);
            self.grown.push(node);
            if total.saturating_add(self.more[wanted - self.grown.len()]) >= limit {
                self.grown.clear();
                return;
            }
            if self.grown.len() == wanted {
                return;
            }
            for link in self.host.links(node) {
                let end = self.host.to[link];
                self.rim.offer(self.host.link_cost[link] + self.host.qubit_cost[end as usize], end);
            }
        }
    }

    fn cost_of_grown(&mut self) -> u64 {
        self.inside.clear();
        self.inside.resize(self.host.len(), false);
        let mut qubits = 0_u64;
        for &node in &self.grown {
            self.inside[node as usize] = true;
            qubits = qubits.saturating_add(self.host.qubit_cost[node as usize]);
        }
        qubits.saturating_add(self.span(self.grown[0]))
    }

    fn mark_best(&mut self) {
        self.inside.clear();
        self.inside.resize(self.host.len(), false);
        for &node in &self.best {
            self.inside[node as usize] = true;
        }
    }

    /// Minimum spanning tree of what is `inside` and connected with `root` (Prim): its cost; the nodes are left in
    /// `self.grown`.
    fn span(&mut self, root: u32) -> u64 {
        self.grown.clear();
        self.rim.start(self.host.len(), 0, root);
        let mut total = 0_u64;
        while let Some((cost, node)) = self.rim.take_cheapest() {
            total = total.saturating_add(cost);
            self.grown.push(node);
            for link in self.host.links(node) {
                let end = self.host.to[link];
                if self.inside[end as usize] {
                    self.rim.offer(self.host.link_cost[link], end);
                }
            }
        }
        total
    }

    /// Replaces one qubit of the best region by one at its rim, when that is cheaper.
    fn exchange(&mut self, least: &mut u64, budget: u64, steps: &mut u64) -> bool {
        for index in 0..self.best.len() {
            if *steps >= budget {
                return false;
            }
            *steps += self.best.len() as u64;
            let out = self.best[index];
            self.mark_best();
            self.inside[out as usize] = false;
            let root = self.best[usize::from(index == 0)];
            let tree = self.span(root);
            if self.grown.len() + 1 < self.best.len() {
                continue;
            }
            let qubits: u64 = self.grown.iter().map(|&node| self.host.qubit_cost[node as usize]).sum();
            let mut entry = (u64::MAX, NONE);
            for &node in &self.grown {
                for link in self.host.links(node) {
                    let end = self.host.to[link];
                    if end != out && !self.inside[end as usize] {
                        let cost = self.host.link_cost[link] + self.host.qubit_cost[end as usize];
                        entry = entry.min((cost, end));
                    }
                }
            }
            if entry.1 != NONE && tree + qubits + entry.0 < *least {
                self.best[index] = entry.1;
                self.grown.clear();
                self.grown.extend_from_slice(&self.best);
                *least = self.cost_of_grown();
                return true;
            }
        }
        false
    }

    /// No region costs less than the cheapest qubits and couplers there are.
    fn at_least(&mut self, wanted: usize) -> u64 {
        let large = |node: &u32| self.host.part_size[*node as usize] as usize >= wanted;
        let nodes = 0..self.host.len() as u32;
        self.order.clear();
        self.order.extend(nodes.clone().filter(large).map(|node| self.host.qubit_cost[node as usize]));
        let qubits = sum_of_least(&mut self.order, wanted);
        self.order.clear();
        for node in nodes.filter(large) {
            for link in self.host.links(node) {
                if self.host.to[link] > node {
                    self.order.push(self.host.link_cost[link]);
                }
            }
        }
        qubits + sum_of_least(&mut self.order, wanted - 1)
    }
}

/// Nodes beside a growing tree, the cheapest at the end. Rims are short, and sorted lists beat heaps there.
#[derive(Debug, Default)]
struct Rim {
    entries: Vec<(u64, u32)>,
    /// Per node: one more than the least cost offered; 0 once it was taken.
    known: Vec<u64>,
}

impl Rim {
    /// Forgets everything and offers the first of `nodes`.
    fn start(&mut self, nodes: usize, cost: u64, node: u32) {
        self.known.clear();
        self.known.resize(nodes, u64::MAX);
        self.entries.clear();
        self.offer(cost, node);
    }

    /// Adds a node that was not taken yet, unless it was offered for less.
    fn offer(&mut self, cost: u64, node: u32) {
        let known = &mut self.known[node as usize];
        if cost + 1 >= *known {
            return;
        }
        *known = cost + 1;
        let mut at = self.entries.len();
        self.entries.push((cost, node));
        while at > 0 && self.entries[at - 1] < (cost, node) {
            self.entries[at] = self.entries[at - 1];
            at -= 1;
        }
        self.entries[at] = (cost, node);
    }

    /// Takes the cheapest node, of several the first.
    fn take_cheapest(&mut self) -> Option<(u64, u32)> {
        loop {
            let (cost, node) = self.entries.pop()?;
            if std::mem::replace(&mut self.known[node as usize], 0) != 0 {
                return Some((cost, node));
            }
        }
    }
}

/// Sum of the `count` least of at least so many costs; leaves them in another order.
fn sum_of_least(costs: &mut [u64], count: usize) -> u64 {
    if count < costs.len() {
        costs.select_nth_unstable(count);
    }
    costs[..count].iter().sum()
}

fn placement(request: &PlacementRequest<'_>, host: &Compact, nodes: &[u32]) -> Option<Placement> {
    let layout: SmallVec<[PhysicalQubit; 8]> = nodes.iter().map(|&node| host.qubits[node as usize]).collect();
    super::placement_of_layout(request, layout)
}

fn infeasible() -> Placed {
    Placed { outcome: PlacementOutcome::ProvedInfeasible, steps: 0 }
}
