//! The connected parts of what is free of a device.
//!
//! Promises parts by the couplers that a request may use. Buffers are reused from one request to the next.

use super::PlacementRequest;
use super::cost::bit;
use crate::quantum::PhysicalQubit;

/// What is free, and in which parts.
#[derive(Debug, Default)]
pub(crate) struct FreeParts {
    /// The free qubits; a bit each.
    pub qubits: Vec<u64>,
    /// Per qubit: size of its part; only where free.
    pub size: Vec<u32>,
    /// Size of the largest part.
    pub largest: usize,
    left: Vec<u64>,
    stack: Vec<u32>,
    /// For which device and which free qubits the parts were found last, unless couplers were barred.
    found_for: Option<u128>,
    found: Vec<u64>,
}

impl FreeParts {
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
        self.found_for = device;
        self.found.clone_from(&self.qubits);
        self.left.clone_from(&self.qubits);
        self.size.resize(graph.degree.len().max(self.size.len()), 0);
        self.largest = 0;
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
