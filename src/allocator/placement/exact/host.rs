//! The device side of one search: the free part of a device, renumbered without holes.
//!
//! Promises ascending numbers (so that the order of qubits is kept), sorted links, and the connected parts and the
//! 2-core of what is free. All buffers are reused from one request to the next.

use smallvec::SmallVec;

use crate::allocator::placement::PlacementRequest;
use crate::allocator::placement::cost::bit;
use crate::quantum::PhysicalQubit;

/// No such node.
pub(crate) const NONE: u32 = u32::MAX;

/// What is free of one device, as a graph on nodes `0..len()`.
#[derive(Debug, Default)]
pub(crate) struct Host {
    /// Physical qubit of each node, ascending.
    pub qubits: Vec<PhysicalQubit>,
    /// Links of node v: `rows[v]..rows[v + 1]`.
    pub rows: Vec<u32>,
    /// Other end of each link, ascending within a row.
    pub to: Vec<u32>,
    /// The same coupler seen from the other end.
    pub reverse: Vec<u32>,
    /// Cost of each link, scaled.
    pub link_cost: Vec<u64>,
    /// Cost of each node, scaled.
    pub qubit_cost: Vec<u64>,
    /// Size of the connected part that each node lies in.
    pub part_size: Vec<u32>,
    /// Whether each node lies on a cycle or between cycles.
    pub core: Vec<bool>,
    /// Most links of one node.
    pub max_degree: usize,
    node: Vec<u32>,
    stack: Vec<u32>,
    degree: Vec<u32>,
}

/// Which costs a search minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Costs {
    /// Those of the calibration, divided by 2 to the given power so that sums fit.
    Calibrated(u32),
    /// None: every placement is as good as any other.
    Zero,
}

impl Host {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.qubits.len()
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
        found.map(|index| links.start + index)
    }

    /// Whether all nodes are linked with each other at one and the same cost.
    pub fn is_uniform(&self) -> bool {
        let all = self.len() * self.len().saturating_sub(1);
        self.to.len() == all && self.link_cost.windows(2).all(|pair| pair[0] == pair[1])
    }

    /// The cheapest nodes by their own cost, ascending by number.
    pub fn cheapest(&self, wanted: usize) -> SmallVec<[u32; 64]> {
        let mut nodes: SmallVec<[u32; 64]> = (0..self.len() as u32).collect();
        nodes.sort_unstable_by_key(|&node| (self.qubit_cost[node as usize], node));
        nodes.truncate(wanted);
        nodes.sort_unstable();
        nodes
    }

    /// Takes in what is free of the device of `request`; the core only for programs with cycles.
    pub fn load(&mut self, request: &PlacementRequest<'_>, costs: Costs, cyclic: bool) {
        let epoch = request.epoch;
        self.clear();
        self.node.resize(epoch.qubits(), NONE);
        let words = request.free.words().iter().zip(epoch.usable.words());
        for (index, (free, usable)) in words.enumerate() {
            let mut word = free & usable;
            while word != 0 {
                let qubit = PhysicalQubit(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
                self.node[qubit.index()] = self.qubits.len() as u32;
                self.qubits.push(qubit);
            }
        }
        self.degree.resize(self.qubits.len(), 0);
        for index in 0..self.qubits.len() {
            let qubit = self.qubits[index];
            self.rows.push(self.to.len() as u32);
            for link in epoch.links(qubit) {
                let other = self.node[link.to.index()];
                let barred = request.barred_couplers.is_some_and(|bits| bit(bits, link.coupler));
                if other != NONE && !barred {
                    self.to.push(other);
                    self.link_cost.push(costs.scaled(|| request.gate_cost(link.coupler)));
                }
            }
            let degree = self.to.len() - self.rows[index] as usize;
            self.degree[index] = degree as u32;
            self.qubit_cost.push(costs.scaled(|| request.qubit_cost_beside(qubit, degree)));
            self.max_degree = self.max_degree.max(degree);
        }
        self.rows.push(self.to.len() as u32);
        self.pair_links();
        self.find_parts();
        if cyclic {
            self.find_core();
        }
    }

    fn clear(&mut self) {
        self.qubits.clear();
        self.rows.clear();
        self.to.clear();
        self.reverse.clear();
        self.link_cost.clear();
        self.qubit_cost.clear();
        self.part_size.clear();
        self.core.clear();
        self.max_degree = 0;
        self.node.clear();
        self.degree.clear();
    }

    /// Rows are visited in ascending order and sorted, so the links *into* a node come up in the order of its row.
    fn pair_links(&mut self) {
        self.stack.clear();
        self.stack.extend_from_slice(&self.rows);
        for &end in &self.to {
            let cursor = &mut self.stack[end as usize];
            self.reverse.push(*cursor);
            *cursor += 1;
        }
    }

    fn find_parts(&mut self) {
        self.part_size.resize(self.qubits.len(), 0);
        for start in 0..self.qubits.len() as u32 {
            if self.part_size[start as usize] != 0 {
                continue;
            }
            self.stack.clear();
            self.stack.push(start);
            self.part_size[start as usize] = NONE;
            let mut next = 0;
            while next < self.stack.len() {
                for link in self.links(self.stack[next]) {
                    let end = self.to[link];
                    if self.part_size[end as usize] == 0 {
                        self.part_size[end as usize] = NONE;
                        self.stack.push(end);
                    }
                }
                next += 1;
            }
            for &node in &self.stack {
                self.part_size[node as usize] = self.stack.len() as u32;
            }
        }
    }

    /// Peels off nodes with at most one link until none is left: cycles of a pattern cannot lie there.
    fn find_core(&mut self) {
        self.core.resize(self.qubits.len(), true);
        self.stack.clear();
        for node in 0..self.qubits.len() {
            if self.degree[node] < 2 {
                self.core[node] = false;
                self.stack.push(node as u32);
            }
        }
        while let Some(node) = self.stack.pop() {
            for link in self.links(node) {
                let end = self.to[link] as usize;
                if self.core[end] {
                    self.degree[end] -= 1;
                    if self.degree[end] < 2 {
                        self.core[end] = false;
                        self.stack.push(end as u32);
                    }
                }
            }
        }
    }
}

impl Costs {
    fn scaled(self, cost: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Calibrated(shift) => cost() >> shift,
            Self::Zero => 0,
        }
    }
}
