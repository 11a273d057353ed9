//! What started jobs do to their devices: one placed program per copy, from requests and layouts.
//!
//! Promises the same estimate that the core judges by, see [`crate::allocator::routed_program`]; remembers the
//! patterns of topologies. Leaves the truth to the hardware model.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::{Allocation, JobRequest, Topology};
use crate::allocator::routed_program::placed_program;
use crate::quantum::calibration::Calibration;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::program::PlacedProgram;

/// The copies of a job's program that run side by side; mostly one.
pub type Copies = SmallVec<[PlacedProgram; 1]>;

/// Compiles requests and layouts to programs, remembering the patterns of topologies.
#[derive(Debug, Default)]
pub struct Programs {
    patterns: IndexMap<(Topology, u32), Arc<Pattern>, FxBuildHasher>,
}

/// Patterns remembered at a time.
const PATTERNS_KEPT_MAX: usize = 4096;

impl Programs {
    /// The programs of a request as allocated.
    pub fn place(
        &mut self,
        request: &JobRequest,
        allocation: &Allocation,
        map: &CouplingMap,
        calibration: &Calibration,
    ) -> Copies {
        let size = allocation.copy_size();
        let pattern = self.pattern(&request.topology, size as u32);
        let (topology, depth, routed) = (&request.topology, request.depth, allocation.swaps.is_some());
        let placed = |layout| placed_program(topology, &pattern, depth, layout, routed, map, calibration);
        allocation.layout.chunks(size).map(placed).collect()
    }

    fn pattern(&mut self, topology: &Topology, qubits: u32) -> Arc<Pattern> {
        let key = (topology.clone(), qubits);
        if let Some(pattern) = self.patterns.get(&key) {
            return pattern.clone();
        }
        if self.patterns.len() >= PATTERNS_KEPT_MAX {
            self.patterns.clear();
        }
        let pattern = Arc::new(Pattern::new(topology, qubits));
        self.patterns.insert(key, pattern.clone());
        pattern
    }
}
