//! The device side of one search: which part of a device takes part, and what its elements cost.
//!
//! Promises that every message, bound and layout concerns nodes that take part; links that lead elsewhere are listed
//! so that nothing follows them. Nodes are the qubits themselves. All buffers are reused from one request to the next.

use crate::allocator::placement::PlacementRequest;
use crate::allocator::placement::cost::{Epoch, bit};
use crate::allocator::placement::free_parts::{FreeParts, is_barred};
use crate::allocator::placement::graph::{Graph, peel};
use crate::allocator::placement::noise::{Noise, Noises};
use crate::allocator::placement::search_cost::{Costs, INFINITE};
use crate::quantum::PhysicalQubit;

use super::plan::Plan;

/// A device, or the part of it that a search may use.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Host<'a> {
    /// The nodes that take part, ascending.
    pub nodes: &'a [u32],
    /// Links of node v: `rows[v]..rows[v + 1]`, those that must not be used included.
    pub rows: &'a [u32],
    /// Other end of each link, ascending within a row.
    pub to: &'a [u32],
    /// The same coupler seen from the other end.
    pub reverse: &'a [u32],
    /// Cost of each link, scaled; [`INFINITE`] where barred.
    pub link_cost: &'a [u64],
    /// Cost of each node, scaled; for each use of a qubit by the program one row over all nodes.
    pub qubit_cost: &'a [u64],
    /// Links of nodes that take part that must not be used.
    pub rim: &'a [u32],
    /// Number of usable links of each node.
    pub degree: &'a [u32],
    /// Size of the connected part that each node lies in; on a whole device the number of qubits.
    pub part_size: &'a [u32],
    /// Whether each node lies on a cycle or between cycles.
    pub core: &'a [bool],
    /// Most links of one node, those that must not be used included.
    pub max_degree: usize,
}

/// What is known of the connected parts of what is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parts {
    /// [`Part::largest`] was asked for the same request.
    Known,
    /// Nothing yet.
    Unknown,
    /// They need not be known: the bounds of a small tree show as well where it does not fit.
    OfNoUse,
}

impl<'a> Host<'a> {
    /// A whole device, of which `nodes` may be used; only noise counts, as `noise` has it.
    pub fn whole(epoch: &'a Epoch, nodes: &'a [u32], noise: &'a Noise) -> Self {
        let graph = epoch.graph();
        Self {
            nodes,
            rows: &graph.rows,
            to: &graph.to,
            reverse: &graph.reverse,
            link_cost: noise.links(epoch),
            qubit_cost: noise.qubits(epoch),
            rim: &[],
            degree: &graph.degree,
            part_size: &graph.size,
            core: &graph.core,
            max_degree: epoch.max_degree(),
        }
    }

    /// The cost of a node with a use of the given number.
    pub fn cost(&self, kind: u32, node: u32) -> u64 {
        self.qubit_cost[kind as usize * self.len() + node as usize]
    }

    /// Number of node numbers, used or not.
    pub fn len(&self) -> usize {
        self.rows.len() - 1
    }

    /// The links of a node.
    pub fn links(&self, node: u32) -> std::ops::Range<usize> {
        self.rows[node as usize] as usize..self.rows[node as usize + 1] as usize
    }

    /// The link between two nodes.
    pub fn link(&self, from: u32, to: u32) -> Option<usize> {
        let links = self.links(from);
        let row = &self.to[links.clone()];
        let found =
            if row.len() <= 8 { row.iter().position(|&end| end == to) } else { row.binary_search(&to).ok() };
        found.map(|index| links.start + index).filter(|&link| self.link_cost[link] < INFINITE)
    }
}

/// The part of a device that is free and of use to a program; buffers.
#[derive(Debug, Default)]
pub(crate) struct Part {
    nodes: Vec<u32>,
    rim: Vec<u32>,
    link_cost: Vec<u64>,
    qubit_cost: Vec<u64>,
    /// Per qubit; only where one takes part.
    degree: Vec<u32>,
    core: Vec<bool>,
    free: FreeParts,
    stack: Vec<u32>,
    peeled: Vec<u32>,
    noises: Noises,
}

impl Part {
    /// Forgets what was kept of earlier searches.
    pub fn forget(&mut self) {
        self.noises.clear();
    }

    /// Number of nodes that took part in the last search.
    pub fn nodes(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the program fits no connected part of what is free, see [`FreeParts::exclude`]; [`Self::load`] may rely
    /// on what is found here.
    pub fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        self.free.find(request);
        self.free.exclude(request.pattern)
    }

    /// Lists what is free, whether or not it is connected.
    pub fn list(&mut self, request: &PlacementRequest<'_>) -> &[u32] {
        self.nodes.clear();
        for (index, word) in request.free.words().iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                self.nodes.push(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
            }
        }
        &self.nodes
    }

    /// Takes in what is free, without connected parts that are too small for the program.
    pub fn load<'a>(
        &'a mut self,
        request: &PlacementRequest<'a>,
        costs: Costs,
        plan: &Plan,
        parts: Parts,
    ) -> Host<'a> {
        let epoch = request.epoch;
        let graph = epoch.graph();
        let (smallest, cyclic) = (plan.smallest(), plan.girth.is_some());
        match parts {
            Parts::Known => {}
            Parts::OfNoUse => self.free.list(request),
            Parts::Unknown => self.free.find(request),
        }
        let has_parts = parts != Parts::OfNoUse;
        self.nodes.clear();
        self.rim.clear();
        self.degree.resize(graph.degree.len().max(self.degree.len()), 0);
        for index in 0..self.free.qubits.len() {
            let mut word = self.free.qubits[index];
            while word != 0 {
                let node = index * 64 + word.trailing_zeros() as usize;
                word &= word - 1;
                if has_parts && (self.free.size[node] as usize) < smallest {
                    continue;
                }
                self.nodes.push(node as u32);
                let mut degree = 0;
                for link in graph.rows[node] as usize..graph.rows[node + 1] as usize {
                    let end = graph.to[link] as usize;
                    let inside = self.free.qubits[end / 64] >> (end % 64) & 1 == 1;
                    if inside && !is_barred(request, node, link - graph.rows[node] as usize) {
                        degree += 1;
                    } else {
                        self.rim.push(link as u32);
                    }
                }
                self.degree[node] = degree;
            }
        }
        if cyclic {
            self.find_core(request, graph);
        }
        let objective = &request.objective;
        let unscaled = costs == Costs::Calibrated(0) && objective.noise_permille == 1_000;
        let uses = request.pattern.uses();
        let links_as_they_are =
            unscaled && objective.crosstalk.is_none() && request.barred_couplers.is_none();
        let qubits_as_they_are = unscaled && objective.qubits.is_none() && objective.fragmentation == 0;
        let own_links = links_as_they_are && uses.counts_gates();
        let own_qubits = qubits_as_they_are && uses.is_plain();
        let Self { nodes, rim, link_cost, qubit_cost, degree, core, free, noises, .. } = self;
        let noise = if own_links && own_qubits || costs == Costs::Zero { None } else { noises.of(request) };
        let link_cost = match noise {
            _ if own_links => &graph.link_cost,
            Some(noise) if links_as_they_are => noise.links(epoch),
            _ => {
                fill_link_costs(link_cost, nodes, request, costs);
                link_cost
            }
        };
        let qubit_cost = match noise {
            _ if own_qubits => &epoch.qubit_cost,
            Some(noise) if qubits_as_they_are => noise.qubits(epoch),
            _ => {
                let noise = noise.map(|noise| noise.qubits(epoch));
                fill_qubit_costs(qubit_cost, (nodes, degree), request, noise, costs);
                qubit_cost
            }
        };
        Host {
            nodes,
            rows: &graph.rows,
            to: &graph.to,
            reverse: &graph.reverse,
            link_cost,
            qubit_cost,
            rim,
            degree,
            part_size: if has_parts { &free.size } else { &graph.size },
            core,
            max_degree: epoch.max_degree(),
        }
    }

    fn find_core(&mut self, request: &PlacementRequest<'_>, graph: &Graph) {
        let Self { core, peeled, nodes, degree, stack, free, .. } = self;
        core.resize(graph.degree.len().max(core.len()), false);
        peeled.clear();
        peeled.extend_from_slice(degree);
        for &node in &*nodes {
            core[node as usize] = true;
        }
        // A part that is left out is connected with none that is not.
        let inside = |end: u32| free.qubits[end as usize / 64] >> (end % 64) & 1 == 1;
        if request.barred_couplers.is_none() {
            peel(&graph.rows, &graph.to, nodes.iter().copied(), peeled, core, stack, inside);
        }
        // With barred couplers the core stays the whole: bounds are a little looser.
    }
}

fn fill_link_costs(link_cost: &mut Vec<u64>, nodes: &[u32], request: &PlacementRequest<'_>, costs: Costs) {
    let graph = request.epoch.graph();
    link_cost.clear();
    link_cost.resize(graph.to.len(), 0);
    for &node in nodes {
        let first = graph.rows[node as usize] as usize;
        for (nth, link) in request.epoch.links(PhysicalQubit(node)).iter().enumerate() {
            let barred = request.barred_couplers.is_some_and(|bits| bit(bits, link.coupler));
            link_cost[first + nth] = match costs {
                _ if barred => INFINITE,
                Costs::Calibrated(shift) => request.gate_cost(link) >> shift,
                Costs::Zero => 0,
            };
        }
    }
}

/// `noise`, if it is known: of each qubit, one row for each use.
fn fill_qubit_costs(
    qubit_cost: &mut Vec<u64>,
    (nodes, degree): (&[u32], &[u32]),
    request: &PlacementRequest<'_>,
    noise: Option<&[u64]>,
    costs: Costs,
) {
    let (kinds, all) = (request.pattern.uses().kinds().len(), request.epoch.qubits());
    qubit_cost.clear();
    qubit_cost.resize(kinds * all, 0);
    let Costs::Calibrated(shift) = costs else { return };
    for (kind, row) in qubit_cost.chunks_exact_mut(all).enumerate() {
        let mut fill = |noise: &dyn Fn(u32) -> u64| {
            for &node in nodes {
                let (qubit, neighbours) = (PhysicalQubit(node), degree[node as usize] as usize);
                row[node as usize] = request.cost_beside(noise(node), qubit, neighbours) >> shift;
            }
        };
        match noise {
            Some(noise) => fill(&|node| noise[kind * all + node as usize]),
            None => {
                let noise = request.noises_of_use(kind);
                fill(&|node| noise(PhysicalQubit(node)));
            }
        }
    }
}
