//! The connected parts of what is free of a device.
//!
//! Promises parts by the couplers that a request may use. Buffers are reused from one request to the next.

use super::PlacementRequest;
use super::cost::bit;
use super::graph::Graph;
use super::pattern::Pattern;
use crate::quantum::{Adjacency, Part, PhysicalQubit};

/// What is free, and in which parts.
#[derive(Debug, Default)]
pub(crate) struct FreeParts {
    /// The free qubits; a bit each.
    pub qubits: Vec<u64>,
    /// Per qubit: size of its part; only where free.
    pub size: Vec<u32>,
    /// Size of the largest part.
    pub largest: usize,
    /// Of every part: how many qubits are on either side, the larger number first; only on devices without odd cycles.
    sides: Vec<(u32, u32)>,
    left: Vec<u64>,
    part: Part,
    stack: Vec<u32>,
    /// For which device and which free qubits the parts were found last, unless couplers were barred.
    found_for: Option<u128>,
    found: Vec<u64>,
}

impl FreeParts {
    /// Whether the largest part of the program is larger than every part that is free, or has too many qubits on one
    /// side: where all links lead between two sides, so must its edges. Square lattices are often refused so, at a
    /// glance, what no search would settle.
    pub fn exclude(&self, pattern: &Pattern) -> bool {
        if self.largest < pattern.largest_part() {
            return true;
        }
        let Some((most, least)) = pattern.sides() else { return false };
        !self.sides.is_empty() && self.sides.iter().all(|sides| sides.0 < most || sides.1 < least)
    }

    /// Notes what is free, without looking for parts.
    pub fn list(&mut self, request: &PlacementRequest<'_>) {
        let words = request.free.words().iter().zip(request.epoch.usable.words());
        self.qubits.clear();
        self.qubits.extend(words.map(|(free, usable)| free & usable));
    }

    /// Notes what is free and finds its parts.
    pub fn find(&mut self, request: &PlacementRequest<'_>) {
        self.list(request);
        let graph = request.epoch.graph();
        // The same question comes up several times for one job.
        let device = request.barred_couplers.is_none().then(|| request.epoch.fingerprint());
        if device.is_some() && self.found_for == device && self.found == self.qubits {
            return;
        }
        if device.is_some() && request.epoch.is_complete() {
            self.find_one();
            return;
        }
        self.found_for = device;
        self.found.clone_from(&self.qubits);
        self.left.clone_from(&self.qubits);
        self.size.resize(graph.degree.len().max(self.size.len()), 0);
        self.largest = 0;
        self.sides.clear();
        let side = request.epoch.side.as_deref();
        match request.barred_couplers {
            None => self.find_by_words(&graph.adjacency, side),
            Some(_) => self.find_by_links(request, graph, side),
        }
    }

    /// All that is free is one part.
    fn find_one(&mut self) {
        self.found_for = None;
        self.largest = self.qubits.iter().map(|word| word.count_ones() as usize).sum();
        self.sides.clear();
        self.size.clear();
        self.size.resize(self.qubits.len() * 64, self.largest as u32);
    }

    fn note_sides(&mut self, count: usize, one: u32) {
        let other = count as u32 - one;
        self.sides.push((one.max(other), one.min(other)));
    }

    fn find_by_words(&mut self, adjacency: &Adjacency, side: Option<&[u64]>) {
        for from in 0..self.left.len() {
            while self.left[from] != 0 {
                let count = adjacency.take_part(&mut self.left, from, &mut self.part);
                self.largest = self.largest.max(count);
                if let Some(side) = side {
                    let on_it =
                        self.part.words().map(|(index, word)| (word & side[index]).count_ones()).sum();
                    self.note_sides(count, on_it);
                }
                for (index, mut word) in self.part.words() {
                    while word != 0 {
                        self.size[index * 64 + word.trailing_zeros() as usize] = count as u32;
                        word &= word - 1;
                    }
                }
            }
        }
    }

    fn find_by_links(&mut self, request: &PlacementRequest<'_>, graph: &Graph, side: Option<&[u64]>) {
        for index in 0..self.left.len() {
            while self.left[index] != 0 {
                let start = index as u32 * 64 + self.left[index].trailing_zeros();
                self.left[index] &= self.left[index] - 1;
                self.stack.clear();
                self.stack.push(start);
                let mut next = 0;
                while let Some(&node) = self.stack.get(next) {
                    next += 1;
                    let row = graph.rows[node as usize] as usize..graph.rows[node as usize + 1] as usize;
                    for (nth, &end) in graph.to[row].iter().enumerate() {
                        let (word, mask) = (end as usize / 64, 1 << (end % 64));
                        if self.left[word] & mask != 0 && !is_barred(request, node as usize, nth) {
                            self.left[word] &= !mask;
                            self.stack.push(end);
                        }
                    }
                }
                self.largest = self.largest.max(self.stack.len());
                if let Some(side) = side {
                    let on_it = |node: &&u32| side[**node as usize / 64] >> (**node % 64) & 1 == 1;
                    self.note_sides(self.stack.len(), self.stack.iter().filter(on_it).count() as u32);
                }
                for &node in &self.stack {
                    self.size[node as usize] = self.stack.len() as u32;
                }
            }
        }
    }
}

/// Whether the n-th link of a qubit must not be used.
pub(crate) fn is_barred(request: &PlacementRequest<'_>, node: usize, nth: usize) -> bool {
    request.barred_couplers.is_some_and(|bits| {
        let links = request.epoch.links(PhysicalQubit(node as u32));
        bit(bits, links[nth].coupler)
    })
}
