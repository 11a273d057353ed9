//! The free part of a device as a graph of its own, renumbered without holes.
//!
//! Promises ascending numbers (so that the order of qubits is kept), sorted links, and the connected parts of
//! what is free. All buffers are reused from one request to the next.

use smallvec::SmallVec;

use crate::allocator::placement::PlacementRequest;
use crate::allocator::placement::cost::bit;
use crate::allocator::placement::free_parts::FreeParts;
use crate::allocator::placement::graph::NONE;
use crate::allocator::placement::noise::Noises;
use crate::allocator::placement::search_cost::Costs;
use crate::quantum::PhysicalQubit;

/// What is free of one device, as a graph on nodes `0..len()`.
#[derive(Debug, Default)]
pub(crate) struct Compact {
    /// Physical qubit of each node, ascending.
    pub qubits: Vec<PhysicalQubit>,
    /// Links of node v: `rows[v]..rows[v + 1]`.
    pub rows: Vec<u32>,
    /// Other end of each link, ascending within a row.
    pub to: Vec<u32>,
    /// Cost of each link, scaled.
    pub link_cost: Vec<u64>,
    /// Cost of each node, scaled.
    pub qubit_cost: Vec<u64>,
    /// Size of the connected part that each node lies in.
    pub part_size: Vec<u32>,
    /// Per qubit: its node; only where it has one.
    node: Vec<u32>,
    free: FreeParts,
    noises: Noises,
}

impl Compact {
    /// Number of nodes.
    pub fn len(&self) -> usize {
        self.qubits.len()
    }

    /// Number of qubits of the largest connected part that is free.
    pub fn largest_part(&mut self, request: &PlacementRequest<'_>) -> usize {
        self.free.find(request);
        self.free.largest
    }

    /// The links of a node.
    pub fn links(&self, node: u32) -> std::ops::Range<usize> {
        self.rows[node as usize] as usize..self.rows[node as usize + 1] as usize
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

    /// Takes in what is free of the device of `request`, without connected parts of fewer than `smallest` qubits, which
    /// are of no use to the program.
    pub fn load(&mut self, request: &PlacementRequest<'_>, costs: Costs, smallest: usize) {
        let epoch = request.epoch;
        self.clear();
        self.free.find(request);
        // Stale entries are never read: only qubits of the same part are looked up.
        self.node.resize(epoch.qubits().max(self.node.len()), NONE);
        for (index, &word) in self.free.qubits.iter().enumerate() {
            let mut word = word;
            while word != 0 {
                let qubit = PhysicalQubit(index as u32 * 64 + word.trailing_zeros());
                word &= word - 1;
                if (self.free.size[qubit.index()] as usize) < smallest {
                    continue;
                }
                self.node[qubit.index()] = self.qubits.len() as u32;
                self.qubits.push(qubit);
            }
        }
        let counts = request.pattern.uses().counts(request.pattern.qubits());
        let known = match costs {
            Costs::Calibrated(_) => self.noises.of(request).map(|noise| noise.qubits(epoch)),
            Costs::Zero => None,
        };
        let noise = |kind: usize, qubit: PhysicalQubit| match known {
            Some(rows) => rows[kind * epoch.qubits() + qubit.index()],
            None => request.noise_of_use(kind, qubit),
        };
        for index in 0..self.qubits.len() {
            let qubit = self.qubits[index];
            let first = self.to.len();
            self.rows.push(first as u32);
            for link in epoch.links(qubit) {
                let end = link.to.index();
                let barred = request.barred_couplers.is_some_and(|bits| bit(bits, link.coupler));
                if self.free.qubits[end / 64] >> (end % 64) & 1 == 1 && !barred {
                    self.to.push(self.node[end]);
                    self.link_cost.push(costs.scaled(|| request.gate_cost(link)));
                }
            }
            let degree = self.to.len() - first;
            // The mean over all virtual qubits: which of them comes here is not known yet.
            let of_kind = |(kind, count): (usize, &u64)| {
                u128::from(*count) * u128::from(request.cost_beside(noise(kind, qubit), qubit, degree))
            };
            let mean = || match counts[..] {
                [_] => request.cost_beside(noise(0, qubit), qubit, degree),
                _ => {
                    let all = counts.iter().enumerate().map(of_kind).sum::<u128>();
                    (all / request.pattern.qubits() as u128) as u64
                }
            };
            self.qubit_cost.push(costs.scaled(mean));
            self.part_size.push(self.free.size[qubit.index()]);
        }
        self.rows.push(self.to.len() as u32);
    }

    /// Forgets what was kept of earlier searches.
    pub fn forget(&mut self) {
        self.noises.clear();
    }

    fn clear(&mut self) {
        self.qubits.clear();
        self.rows.clear();
        self.to.clear();
        self.link_cost.clear();
        self.qubit_cost.clear();
        self.part_size.clear();
    }
}
