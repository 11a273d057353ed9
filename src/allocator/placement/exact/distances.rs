//! How far apart the vertices of a pattern are. Quadratic in their number: leaves it to callers to ask for small ones.

use crate::allocator::placement::pattern::Pattern;
use crate::quantum::VirtualQubit;

/// Distances between all vertices, `u16::MAX` where nothing connects them.
#[derive(Debug, Default)]
pub(super) struct Distances {
    rows: Vec<u16>,
    vertices: usize,
}

impl Distances {
    /// Breadth first from every vertex.
    pub fn new(pattern: &Pattern) -> Self {
        let vertices = pattern.qubits();
        let mut rows = vec![u16::MAX; vertices * vertices];
        let mut queue: Vec<u32> = Vec::with_capacity(vertices);
        for (start, row) in rows.chunks_exact_mut(vertices).enumerate() {
            row[start] = 0;
            queue.clear();
            queue.push(start as u32);
            let mut next = 0;
            while let Some(&v) = queue.get(next) {
                next += 1;
                let depth = row[v as usize] + 1;
                for &(other, _) in pattern.neighbours(VirtualQubit(v)) {
                    let entry = &mut row[other.index()];
                    if *entry == u16::MAX {
                        *entry = depth;
                        queue.push(other.0);
                    }
                }
            }
        }
        Self { rows, vertices }
    }

    /// Distances from one vertex.
    pub fn from(&self, v: u32) -> &[u16] {
        &self.rows[v as usize * self.vertices..][..self.vertices]
    }
}
