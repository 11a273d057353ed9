//! Jobs as placed programs, with the SWAP gates of those that must be routed: for judging and predicting their success.
//!
//! Promises one estimate for the core and the hardware model. A routed program has the SWAP gates of the core's
//! estimate, three two-qubit gates each, once for every time that it uses all its interactions; its depth grows as its
//! two-qubit gates do. Leaves programs that embed to [`crate::quantum::program`].

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::placement::cost::cost_of_error;
use super::placement::pattern::Pattern;
use super::placement::routing::{ONE_SWAP, Paths, SWAP_GATES, UNREACHABLE, swaps_per_step};
use super::protocol::Topology;
use crate::quantum::calibration::Calibration;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::program::{Interactions, PlacedProgram, Program, live_couplers};
use crate::quantum::success::CouplerUse;
use crate::quantum::{CouplerId, PhysicalQubit};

/// One copy of a program of the given topology, compiled to `pattern`, with `depth` layers; `routed` when some of its
/// interactions need SWAP gates.
pub fn placed_program(
    topology: &Topology,
    pattern: &Pattern,
    depth: u32,
    layout: &[PhysicalQubit],
    routed: bool,
    map: &CouplingMap,
    calibration: &Calibration,
) -> PlacedProgram {
    let program = program_of(topology, pattern, depth);
    if !routed {
        return PlacedProgram::new(&program, layout, map, calibration);
    }
    let qubits_only = Program { interactions: Interactions::Counted(&[]), ..program };
    let mut placed = PlacedProgram::new(&qubits_only, layout, map, calibration);
    let turns = pattern.max_degree().max(1) as f64;
    let counted = matches!(program.interactions, Interactions::Counted(_));
    let gates = |weight: u32| match depth {
        _ if counted => f64::from(weight),
        0 => 1.0,
        depth => f64::from(depth) / (2.0 * turns),
    };
    add_routed(&mut placed, layout, map, calibration, pattern, gates);
    placed
}

/// The gates of a program of the given topology, compiled to `pattern`, with `depth` layers.
fn program_of<'a>(topology: &'a Topology, pattern: &'a Pattern, depth: u32) -> Program<'a> {
    let interactions = match topology {
        Topology::Custom(_) | Topology::Circuit(_) => Interactions::Counted(pattern.edges()),
        _ if pattern.is_region() => Interactions::Region,
        _ => Interactions::Shape { edges: pattern.edges(), turns: pattern.max_degree() },
    };
    let profile = match topology {
        Topology::Circuit(profile) => Some(profile),
        _ => None,
    };
    Program {
        interactions,
        one_qubit_gates: profile.map(|profile| &profile.one_qubit_gates[..]),
        measured: profile.map(|profile| &profile.measured[..]),
        depth,
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
    let inside = live_couplers(layout, map, calibration);
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
