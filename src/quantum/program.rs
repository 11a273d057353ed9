//! What a placed program does to a device: which couplers and qubits it uses how often, for predicting its success.
//!
//! Promises one estimate for the core, which predicts by it, and for the hardware model, which decides by it. Programs
//! that bring no counts are given some by assumption: half of the layers hold one-qubit gates on every qubit, and the
//! other half two-qubit gates, in which every interaction takes its turn (an edge colouring of the interaction graph
//! needs about its largest degree of turns). A program of any shape is taken to run over the cheapest couplers that
//! connect its region, with as many gates as a line has. Where not even the number of layers is known (0), every
//! interaction counts once, and nothing else does. Leaves the formula to [`super::success`].

use smallvec::SmallVec;

use super::calibration::Calibration;
use super::coupling_map::CouplingMap;
use super::success::{CouplerUse, ProgramUse, QubitUse};
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
    /// Number of layers; 0: unknown.
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
                placed.add_region(layout, map, calibration);
                return placed;
            }
        };
        for &(a, b, times) in edges {
            let (a, b) = (a.index(), b.index());
            let Some(coupler) = map.coupler(layout[a], layout[b]) else { continue };
            let gates = match turns {
                Some(turns) if depth > 0.0 => depth / (2.0 * turns),
                Some(_) => 1.0,
                None => f64::from(times),
            };
            placed.add_gates(a, b, coupler, gates);
        }
        placed
    }

    /// The program as the success formula wants it, on a device with layers of the given length, see
    /// [`layer_s`](super::success::layer_s).
    pub fn on(&self, layer_s: f64) -> ProgramUse<'_> {
        let Self { couplers, qubits, depth } = self;
        ProgramUse { couplers, qubits, layers: f64::from(*depth), layer_s }
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

    /// As many two-qubit gates as a line of the same length has, on the cheapest live couplers that connect the region.
    /// Every qubit has its even share of them.
    fn add_region(&mut self, layout: &[PhysicalQubit], map: &CouplingMap, calibration: &Calibration) {
        let gates = if self.depth > 0 { f64::from(self.depth) / 4.0 } else { 1.0 };
        let tree = match map.is_alike() {
            // Whatever the tree, it uses the one coupler that there is.
            true => SmallVec::from_elem(CouplerId(0), layout.len().saturating_sub(1)),
            false => spanning_couplers(layout, map, calibration),
        };
        let share = 2.0 * gates * tree.len() as f64 / layout.len() as f64;
        self.couplers.extend(tree.into_iter().map(|coupler| CouplerUse { coupler, gates }));
        for qubit in &mut self.qubits {
            qubit.two_qubit_gates = share;
        }
    }
}

/// The live couplers of least error that connect as much as can be connected of a layout (Kruskal's algorithm; of equal
/// ones those that come first).
fn spanning_couplers(
    layout: &[PhysicalQubit],
    map: &CouplingMap,
    calibration: &Calibration,
) -> SmallVec<[CouplerId; 8]> {
    let mut inside = live_couplers(layout, map, calibration);
    let error = |coupler: CouplerId| calibration.couplers[coupler.index()].two_qubit_error;
    inside.sort_by(|a, b| error(a.2).total_cmp(&error(b.2)));
    let mut parts = petgraph::unionfind::UnionFind::<usize>::new(layout.len());
    inside.into_iter().filter(|&(a, b, _)| parts.union(a, b)).map(|(_, _, coupler)| coupler).collect()
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
