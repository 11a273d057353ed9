//! Which virtual qubits of a topology interact, derived anew so that an error of the placement is not repeated here.
//!
//! Promises the edges that the job request documents. Only the heavy-hex patch, whose numbering is a convention of
//! the pattern compiler, comes from there.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::Topology;

/// Edge lists of heavy-hex patches by number of qubits.
#[derive(Debug, Clone, Default)]
pub(super) struct Shapes {
    heavy_hex: IndexMap<u32, Vec<(u32, u32)>, FxBuildHasher>,
}

impl Shapes {
    /// Calls `visit` with every pair of interacting virtual qubits of the topology on `n` qubits.
    pub(super) fn visit_edges(&mut self, topology: &Topology, n: u32, mut visit: impl FnMut(u32, u32)) {
        match topology {
            Topology::Any => {}
            Topology::Line => (1..n).for_each(|v| visit(v - 1, v)),
            Topology::Ring => {
                (1..n).for_each(|v| visit(v - 1, v));
                if n > 2 {
                    visit(0, n - 1);
                }
            }
            Topology::Star => (1..n).for_each(|v| visit(0, v)),
            Topology::Tree => (1..n).for_each(|v| visit((v - 1) / 2, v)),
            Topology::Grid { rows, columns } => {
                for v in 0..rows.saturating_mul(*columns) {
                    if v % columns + 1 < *columns {
                        visit(v, v + 1);
                    }
                    if v / columns + 1 < *rows {
                        visit(v, v + columns);
                    }
                }
            }
            Topology::Complete => (0..n).for_each(|a| (a + 1..n).for_each(|b| visit(a, b))),
            Topology::Custom(graph) => graph.edges().iter().for_each(|(a, b, _)| visit(a.0, b.0)),
            Topology::Circuit(profile) => {
                profile.interactions.edges().iter().for_each(|(a, b, _)| visit(a.0, b.0));
            }
            Topology::HeavyHex => {
                let edges = self.heavy_hex.entry(n).or_insert_with(|| {
                    let pattern = Pattern::new(topology, n);
                    pattern.edges().iter().map(|(a, b, _)| (a.0, b.0)).collect()
                });
                edges.iter().for_each(|&(a, b)| visit(a, b));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_edges_are_those_of_the_pattern_compiler() {
        let shapes = [
            Topology::Any,
            Topology::Line,
            Topology::Ring,
            Topology::Star,
            Topology::Tree,
            Topology::Grid { rows: 3, columns: 4 },
            Topology::HeavyHex,
            Topology::Complete,
        ];
        for shape in shapes {
            let mut found = Vec::new();
            Shapes::default().visit_edges(&shape, 12, |a, b| found.push((a, b)));
            found.sort_unstable();
            let expected: Vec<(u32, u32)> =
                Pattern::new(&shape, 12).edges().iter().map(|(a, b, _)| (a.0, b.0)).collect();
            assert_eq!(found, expected, "{shape:?}");
        }
    }
}
