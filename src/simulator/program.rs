//! What a placed job does to the device: which couplers and qubits it uses how often, for predicting its success.
//!
//! Promises one estimate for prediction and truth. Jobs that bring no circuit are given one by assumption:
//! half of the layers hold one-qubit gates on every qubit, and the other half two-qubit gates, in which every
//! interaction takes its turn (an edge colouring of the interaction graph needs about its largest degree of turns).
//! A job of any topology is taken to run as a line over the couplers of its region.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::allocator::job::{JobRequest, Topology};
use crate::allocator::placement::pattern::Pattern;
use crate::quantum::calibration::Calibration;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::success::{CouplerUse, ProgramUse, QubitUse, duration_s};
use crate::quantum::{CouplerId, PhysicalQubit};

/// A placed program.
#[derive(Debug, Clone, Default)]
pub struct PlacedProgram {
    /// The couplers in use.
    pub couplers: SmallVec<[CouplerUse; 8]>,
    /// The qubits in use.
    pub qubits: SmallVec<[QubitUse; 8]>,
    depth: u32,
}

impl PlacedProgram {
    /// The program as the success formula wants it; its duration is that of the given figures.
    pub fn on<'a>(&'a self, calibration: &Calibration) -> ProgramUse<'a> {
        ProgramUse {
            couplers: &self.couplers,
            qubits: &self.qubits,
            duration_s: duration_s(calibration, &self.couplers, &self.qubits, self.depth),
        }
    }

    /// The couplers in use.
    pub fn coupler_ids(&self) -> impl Iterator<Item = CouplerId> {
        self.couplers.iter().map(|used| used.coupler)
    }
}

/// Compiles requests and layouts to programs, remembering the patterns of topologies.
#[derive(Debug, Default)]
pub struct Programs {
    patterns: IndexMap<(Topology, u32), Arc<Pattern>, FxBuildHasher>,
}

/// Patterns remembered at a time.
const KEPT: usize = 4096;

impl Programs {
    /// The program of a request with the given layout.
    pub fn place(
        &mut self,
        request: &JobRequest,
        layout: &[PhysicalQubit],
        map: &CouplingMap,
        calibration: &Calibration,
    ) -> PlacedProgram {
        let pattern = self.pattern(&request.topology, layout.len() as u32);
        let depth = f64::from(request.depth);
        let given = match &request.topology {
            Topology::Circuit(profile) => Some(&profile.one_qubit_gates),
            _ => None,
        };
        let counted = matches!(request.topology, Topology::Custom(_) | Topology::Circuit(_));
        let turns = pattern.max_degree().max(1) as f64;
        let mut placed = PlacedProgram { depth: request.depth, ..PlacedProgram::default() };
        for (v, &qubit) in layout.iter().enumerate() {
            let gates = given.and_then(|gates| gates.get(v)).map_or(depth / 2.0, |gates| f64::from(*gates));
            let measured = match &request.topology {
                Topology::Circuit(profile) => profile.measured.get(v).copied().unwrap_or(true),
                _ => true,
            };
            placed.qubits.push(QubitUse { qubit, one_qubit_gates: gates, two_qubit_gates: 0.0, measured });
        }
        for &(a, b, weight) in pattern.edges() {
            let (a, b) = (a.index(), b.index());
            let Some(coupler) = map.coupler(layout[a], layout[b]) else { continue };
            let gates = if counted { f64::from(weight) } else { depth / (2.0 * turns) };
            placed.couplers.push(CouplerUse { coupler, gates });
            placed.qubits[a].two_qubit_gates += gates;
            placed.qubits[b].two_qubit_gates += gates;
        }
        if pattern.is_region() {
            add_region(&mut placed, layout, map, calibration, depth);
        }
        placed
    }

    fn pattern(&mut self, topology: &Topology, qubits: u32) -> Arc<Pattern> {
        let key = (topology.clone(), qubits);
        if let Some(pattern) = self.patterns.get(&key) {
            return pattern.clone();
        }
        if self.patterns.len() >= KEPT {
            self.patterns.clear();
        }
        let pattern = Arc::new(Pattern::new(topology, qubits));
        self.patterns.insert(key, pattern.clone());
        pattern
    }
}

/// As many two-qubit gates as a line of the same length has, spread evenly over the live couplers of the region.
fn add_region(
    placed: &mut PlacedProgram,
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
    depth: f64,
) {
    let mut inside: SmallVec<[(usize, usize, CouplerId); 16]> = SmallVec::new();
    for (a, &qubit) in layout.iter().enumerate() {
        for &(other, coupler) in map.neighbours(qubit) {
            if other > qubit
                && !calibration.couplers[coupler.index()].dead
                && let Some(b) = layout.iter().position(|q| *q == other)
            {
                inside.push((a, b, coupler));
            }
        }
    }
    let gates = depth / 4.0 * (layout.len() - 1) as f64 / inside.len().max(1) as f64;
    for (a, b, coupler) in inside {
        placed.couplers.push(CouplerUse { coupler, gates });
        placed.qubits[a].two_qubit_gates += gates;
        placed.qubits[b].two_qubit_gates += gates;
    }
}
