//! The device side of one search: which part of a device takes part, and what its elements cost.
//!
//! Promises that every message, bound and layout concerns nodes that take part; links that lead elsewhere are listed
//! so that nothing follows them. Nodes are the qubits themselves. All buffers are reused from one request to the next.

use crate::allocator::placement::PlacementRequest;
use crate::allocator::placement::cost::{Epoch, bit};
use crate::allocator::placement::free_parts::{FreeParts, is_barred};
use crate::allocator::placement::graph::{Graph, peel};
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
            link_cost: if noise.links.is_empty() { &graph.link_cost } else { &noise.links },
            qubit_cost: if noise.qubits.is_empty() { &epoch.qubit_cost } else { &noise.qubits },
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

/// The noise of all elements of a device for one program; empty where it is that of the epoch.
#[derive(Debug, Default)]
pub(crate) struct Noise {
    links: Vec<u64>,
    qubits: Vec<u64>,
}

impl Noise {
    /// For the program of a request.
    pub fn new(request: &PlacementRequest<'_>) -> Self {
        let (epoch, uses) = (request.epoch, request.pattern.uses());
        let mut noise = Self::default();
        if !uses.counts_gates() {
            noise.links.extend(epoch.graph().link_cost.iter().map(|&cost| uses.gates_cost(cost)));
        }
        if !uses.is_plain() {
            for kind in 0..uses.kinds().len() {
                let qubits = (0..epoch.qubits() as u32).map(PhysicalQubit);
                noise.qubits.extend(qubits.map(request.noises_of_use(kind)));
            }
        }
        noise
    }

    /// Memory in use.
    pub fn bytes(&self) -> usize {
        (self.links.len() + self.qubits.len()) * size_of::<u64>()
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
}

impl Part {
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
        let plain_links = unscaled
            && uses.counts_gates()
            && objective.crosstalk.is_none()
            && request.barred_couplers.is_none();
        let plain_qubits =
            unscaled && uses.is_plain() && objective.qubits.is_none() && objective.fragmentation == 0;
        if !plain_links {
            self.fill_link_costs(request, graph, costs);
        }
        if !plain_qubits {
            self.fill_qubit_costs(request, graph, costs);
        }
        Host {
            nodes: &self.nodes,
            rows: &graph.rows,
            to: &graph.to,
            reverse: &graph.reverse,
            link_cost: if plain_links { &graph.link_cost } else { &self.link_cost },
            qubit_cost: if plain_qubits { &epoch.qubit_cost } else { &self.qubit_cost },
            rim: &self.rim,
            degree: &self.degree,
            part_size: if has_parts { &self.free.size } else { &graph.size },
            core: &self.core,
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

    fn fill_link_costs(&mut self, request: &PlacementRequest<'_>, graph: &Graph, costs: Costs) {
        self.link_cost.clear();
        self.link_cost.resize(graph.to.len(), 0);
        for &node in &self.nodes {
            let first = graph.rows[node as usize] as usize;
            for (nth, link) in request.epoch.links(PhysicalQubit(node)).iter().enumerate() {
                let barred = request.barred_couplers.is_some_and(|bits| bit(bits, link.coupler));
                self.link_cost[first + nth] = match costs {
                    _ if barred => INFINITE,
                    Costs::Calibrated(shift) => request.gate_cost(link) >> shift,
                    Costs::Zero => 0,
                };
            }
        }
    }

    fn fill_qubit_costs(&mut self, request: &PlacementRequest<'_>, graph: &Graph, costs: Costs) {
        let (kinds, nodes) = (request.pattern.uses().kinds().len(), graph.degree.len());
        self.qubit_cost.clear();
        self.qubit_cost.resize(kinds * nodes, 0);
        let Costs::Calibrated(shift) = costs else { return };
        for (kind, row) in self.qubit_cost.chunks_exact_mut(nodes).enumerate() {
            let noise = request.noises_of_use(kind);
            for &node in &self.nodes {
                let (qubit, neighbours) = (PhysicalQubit(node), self.degree[node as usize] as usize);
                row[node as usize] = request.cost_beside(noise(qubit), qubit, neighbours) >> shift;
            }
        }
    }
}
