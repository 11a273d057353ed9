//! What the noise of all elements of a device is for one program, kept from one search to the next.
//!
//! Promises the numbers that [`PlacementRequest::noise_of_use`] and [`PlacementRequest::noise_of_gates`] would give: they
//! follow from the figures of a device and the uses of a program alone, whatever is free.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::cost::Epoch;
use super::problem::PlacementRequest;
use super::uses::VertexUse;
use crate::quantum::PhysicalQubit;

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

    /// Of each directed link, for each unit of an interaction's weight.
    pub fn links<'a>(&'a self, epoch: &'a Epoch) -> &'a [u64] {
        if self.links.is_empty() { &epoch.graph().link_cost } else { &self.links }
    }

    /// Of each qubit; for each use of a qubit by the program one row over all qubits.
    pub fn qubits<'a>(&'a self, epoch: &'a Epoch) -> &'a [u64] {
        if self.qubits.is_empty() { &epoch.qubit_cost } else { &self.qubits }
    }

    /// Memory in use.
    pub fn bytes(&self) -> usize {
        (self.links.len() + self.qubits.len()) * size_of::<u64>()
    }
}

/// Programs with more different uses of qubits than this are too rarely alike to keep theirs.
const KINDS_MAX: usize = 4;

/// Memory of what is kept, bytes. Few shapes at few depths on a few hundred devices fill a part of it.
const BYTES_MAX: usize = 4 << 20;

/// What the noise follows from.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Cause {
    device: u128,
    kinds: SmallVec<[VertexUse; 2]>,
    per: u32,
    gates: (u32, u32),
}

/// The noise for the programs of the last searches.
#[derive(Debug, Default)]
pub(crate) struct Noises {
    known: IndexMap<Cause, Noise, FxBuildHasher>,
    bytes: usize,
}

impl Noises {
    /// That for the program of a request; `None` where it is quicker to work out what is needed.
    pub fn of(&mut self, request: &PlacementRequest<'_>) -> Option<&Noise> {
        let uses = request.pattern.uses();
        if uses.kinds().len() > KINDS_MAX {
            return None;
        }
        let kinds = SmallVec::from_slice(uses.kinds());
        let device = request.epoch.fingerprint();
        let cause = Cause { device, kinds, per: uses.per(), gates: uses.gates() };
        if let Some(index) = self.known.get_index_of(&cause) {
            return Some(&self.known[index]);
        }
        let noise = Noise::new(request);
        if self.bytes + noise.bytes() > BYTES_MAX {
            self.clear();
        }
        self.bytes += noise.bytes();
        Some(self.known.entry(cause).or_insert(noise))
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.known.clear();
        self.bytes = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::pattern::Pattern;
    use crate::allocator::placement::testing::epoch;
    use crate::allocator::protocol::Topology;
    use crate::quantum::QubitSet;
    use crate::quantum::coupling_map::CouplingMap;

    /// What is kept is what would be worked out, also after more than there is room for, and for devices and programs in
    /// turn.
    #[test]
    fn kept_noise_is_that_of_the_request() {
        let mut noises = Noises::default();
        let epochs =
            [CouplingMap::grid(4, 5), CouplingMap::line(9), CouplingMap::heavy_hex(5, 21)].map(|map| {
                let map = map.unwrap();
                let errors = |count: usize| {
                    (0..count).map(|at| 0.001 + (at * 7 % 23) as f64 * 0.001).collect::<Vec<_>>()
                };
                let (qubits, couplers) = (errors(map.qubits()), errors(map.couplers().len()));
                epoch(map, &qubits, &couplers)
            });
        let mut largest = 0;
        for round in 0..9_000_u32 {
            let epoch = &epochs[round as usize % 3];
            let pattern = Pattern::at_depth(&Topology::Line, 2 + round % 7, round);
            let free = QubitSet::full(epoch.qubits());
            let request = PlacementRequest::new(epoch, &free, &pattern);
            let noise = noises.of(&request).expect("a line has two uses of qubits at most");
            if round % 41 > 3 {
                largest = largest.max(noises.bytes);
                assert!(noises.bytes <= BYTES_MAX);
                continue;
            }
            for kind in 0..pattern.uses().kinds().len() {
                for qubit in (0..epoch.qubits() as u32).map(PhysicalQubit) {
                    let kept = noise.qubits(epoch)[kind * epoch.qubits() + qubit.index()];
                    assert_eq!(kept, request.noise_of_use(kind, qubit));
                }
            }
            let links = (0..epoch.qubits() as u32).flat_map(|qubit| epoch.links(PhysicalQubit(qubit)));
            assert!(links.map(|link| request.noise_of_gates(link)).eq(noise.links(epoch).iter().copied()));
        }
        assert!(largest > BYTES_MAX / 2, "the memory was never full: {largest}");
        noises.clear();
        assert_eq!(noises.bytes, 0);
    }
}
