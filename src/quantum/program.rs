//! What a placed program does to a device: which couplers and qubits it uses how often, for predicting its success.
//!
//! Promises one estimate for the core, which predicts by it, and for the hardware model, which decides by it. Programs
//! that bring no counts are given some by assumption: half of the layers hold one-qubit gates on every qubit, and the
//! other half two-qubit gates, in which every interaction takes its turn (an edge colouring of the interaction graph
//! needs about its largest degree of turns). A program of any shape is taken to run as a line over the couplers of
//! its region. Leaves the formula to [`super::success`].

use smallvec::SmallVec;

use super::calibration::Calibration;
use super::coupling_map::CouplingMap;
use super::success::{CouplerUse, ProgramUse, QubitUse, duration_s};
use super::{CouplerId, PhysicalQubit, VirtualQubit};

/// A program before it is placed.
#[derive(Debug, Clone, Copy)]
pub struct Program<'a> {
    /// Its two-qubit gates.
    pub interactions: Interactions<'a>,
    /// Number of one-qubit gates per virtual qubit; `None`: half of the layers.
    pub one_qubit_gates: Option<&'a [u32]>,
    /// Which virtual qubits are measured; `None`: all.
    pub measured: Option<&'a [bool]>,
    /// Number of layers.
    pub depth: u32,
}

/// The two-qubit gates of a program, by edges (lower, higher, multiplicity).
#[derive(Debug, Clone, Copy)]
pub enum Interactions<'a> {
    /// The multiplicities are numbers of gates.
    Counted(&'a [(VirtualQubit, VirtualQubit, u32)]),
    /// Only the shape is known.
    Shape {
        /// Its edges.
        edges: &'a [(VirtualQubit, VirtualQubit, u32)],
        /// Turns in which all of them can be served: the largest number of partners of one qubit.
        turns: usize,
    },
    /// Any couplers of the region.
    Region,
}

/// A placed program.
#[derive(Debug, Clone, Default)]
pub struct PlacedProgram {
    /// The couplers in use.
    pub couplers: SmallVec<[CouplerUse; 8]>,
    /// The qubits in use.
    pub qubits: SmallVec<[QubitUse; 8]>,
    /// Number of layers.
    pub depth: u32,
}

impl PlacedProgram {
    /// A program with the given layout, physical qubit of each virtual one. Interactions without a coupler are left
    /// out: what routing adds for them is not known here.
    pub fn new(
        program: &Program<'_>,
        layout: &[PhysicalQubit],
        map: &CouplingMap,
        calibration: &Calibration,
    ) -> Self {
        let depth = f64::from(program.depth);
        let mut placed = Self { depth: program.depth, ..Self::default() };
        for (v, &qubit) in layout.iter().enumerate() {
            let given = program.one_qubit_gates.and_then(|gates| gates.get(v));
            let gates = given.map_or(depth / 2.0, |gates| f64::from(*gates));
            let measured = program.measured.and_then(|measured| measured.get(v)).copied().unwrap_or(true);
            placed.qubits.push(QubitUse { qubit, one_qubit_gates: gates, two_qubit_gates: 0.0, measured });
        }
        let (edges, turns) = match program.interactions {
            Interactions::Counted(edges) => (edges, None),
            Interactions::Shape { edges, turns } => (edges, Some(turns.max(1) as f64)),
            Interactions::Region => {
                placed.add_region(layout, map, calibration, depth);
                return placed;
            }
        };
        for &(a, b, times) in edges {
            let (a, b) = (a.index(), b.index());
            let Some(coupler) = map.coupler(layout[a], layout[b]) else { continue };
            let gates = turns.map_or(f64::from(times), |turns| depth / (2.0 * turns));
            placed.add_gates(a, b, coupler, gates);
        }
        placed
    }

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

    fn add_gates(&mut self, a: usize, b: usize, coupler: CouplerId, gates: f64) {
        self.couplers.push(CouplerUse { coupler, gates });
        self.qubits[a].two_qubit_gates += gates;
        self.qubits[b].two_qubit_gates += gates;
    }

    /// As many two-qubit gates as a line of the same length has, spread evenly over the live couplers of the region.
    fn add_region(
        &mut self,
        layout: &[PhysicalQubit],
        map: &CouplingMap,
        calibration: &Calibration,
        depth: f64,
    ) {
        let inside = live_couplers(layout, map, calibration);
        let gates = depth / 4.0 * (layout.len() - 1) as f64 / inside.len().max(1) as f64;
        for (a, b, coupler) in inside {
            self.add_gates(a, b, coupler, gates);
        }
    }
}

/// The live couplers inside a layout, with the indices of the two qubits that each joins.
pub(crate) fn live_couplers(
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
