//! What a placed job does to the device: which couplers and qubits it uses how often, for predicting its success.
//!
//! Promises one estimate for prediction and truth. Jobs that bring no circuit are given one by assumption:
//! half of the layers hold one-qubit gates on every qubit, and the other half two-qubit gates, in which every
//! interaction takes its turn (an edge colouring of the interaction graph needs about its largest degree of turns).
//! A job of any topology is taken to run as a line over the couplers of its region. A routed one has the SWAP gates of
//! the core's estimate, three two-qubit gates each, once for every time that it uses all its interactions; its depth
//! grows as its two-qubit gates do.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::allocator::job::{JobRequest, Topology};
use crate::allocator::messages::Allocation;
use crate::allocator::placement::cost::cost_of_error;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::routing::{ONE_SWAP, Paths, SWAP_GATES, UNREACHABLE, swaps_per_step};
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
    /// The program of a request as allocated.
    pub fn place(
        &mut self,
        request: &JobRequest,
        allocation: &Allocation,
        map: &CouplingMap,
        calibration: &Calibration,
    ) -> PlacedProgram {
        let layout = &allocation.layout[..];
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
        let gates = |weight: u32| if counted { f64::from(weight) } else { depth / (2.0 * turns) };
        if allocation.swaps.is_some() {
            add_routed(&mut placed, layout, map, calibration, &pattern, gates);
            return placed;
        }
        for &(a, b, weight) in pattern.edges() {
            let (a, b) = (a.index(), b.index());
            let Some(coupler) = map.coupler(layout[a], layout[b]) else { continue };
            let gates = gates(weight);
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

/// The gates of every interaction and of its SWAPs, spread evenly over the couplers of its path.
fn add_routed(
    placed: &mut PlacedProgram,
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
    pattern: &Pattern,
    gates: impl Fn(u32) -> f64,
) {
    let inside = links(layout, map, calibration);
    let mut paths = Paths::default();
    let cost = |coupler: CouplerId| cost_of_error(calibration.couplers[coupler.index()].two_qubit_error);
    paths.find(layout.len(), inside.iter().map(|&(a, b, coupler)| (a as u32, b as u32, cost(coupler))));
    let mut used: IndexMap<CouplerId, f64, FxBuildHasher> = IndexMap::default();
    let (mut before, mut after) = (0.0, 0.0);
    for (&(a, b, weight), &per_step) in pattern.edges().iter().zip(&swaps_per_step(pattern)) {
        let length = paths.length(a.index(), b.index());
        if length == UNREACHABLE || length == 0 {
            continue;
        }
        let own = gates(weight);
        let swaps = per_step as f64 / ONE_SWAP as f64 * f64::from(length - 1) * own / f64::from(weight);
        let all = own + SWAP_GATES as f64 * swaps;
        (before, after) = (before + own, after + all);
        let mut from = b.index();
        for node in paths.back(a.index(), b.index()).skip(1) {
            if let Some(coupler) = map.coupler(layout[from], layout[node]) {
                let share = all / f64::from(length);
                *used.entry(coupler).or_default() += share;
                placed.qubits[from].two_qubit_gates += share;
                placed.qubits[node].two_qubit_gates += share;
            }
            from = node;
        }
    }
    placed.couplers.extend(used.into_iter().map(|(coupler, gates)| CouplerUse { coupler, gates }));
    if before > 0.0 {
        placed.depth = (f64::from(placed.depth) * after / before).ceil() as u32;
    }
}

/// The live couplers inside a layout: (position, position, coupler), each once.
fn links(
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
) -> SmallVec<[(usize, usize, CouplerId); 16]> {
    let mut inside = SmallVec::new();
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
    inside
}

/// As many two-qubit gates as a line of the same length has, spread evenly over the live couplers of the region.
fn add_region(
    placed: &mut PlacedProgram,
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
    depth: f64,
) {
    let inside = links(layout, map, calibration);
    let gates = depth / 4.0 * (layout.len() - 1) as f64 / inside.len().max(1) as f64;
    for (a, b, coupler) in inside {
        placed.couplers.push(CouplerUse { coupler, gates });
        placed.qubits[a].two_qubit_gates += gates;
        placed.qubits[b].two_qubit_gates += gates;
    }
}
