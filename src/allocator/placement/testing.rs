//! Small random placement problems, and brute force to solve them.

use std::sync::Arc;

use rand::RngExt;
use smallvec::SmallVec;

use super::cost::{Epoch, cost_of_error};
use super::pattern::Pattern;
use super::{
    Objective, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, placement_of_layout,
};
use crate::allocator::protocol::EpochNumber;
use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet, VirtualQubit};
use crate::random::{Purpose, Stream, StreamFamily};

/// A device as of a calibration with the given errors; 0.5 or more is dead.
pub(crate) fn epoch(map: CouplingMap, readout_error: &[f64], two_qubit_error: &[f64]) -> Epoch {
    let qubits = readout_error.iter().copied().map(QubitCalibration::with_readout_error);
    let couplers = two_qubit_error.iter().copied().map(CouplerCalibration::with_error);
    let calibration = Calibration { qubits: qubits.collect(), couplers: couplers.collect() };
    let none = QubitSet::new(map.qubits());
    Epoch::new(EpochNumber(0), Arc::new(map), Arc::new(calibration), &none, &[])
}

/// A device with some free qubits and a program.
pub(crate) struct Case {
    pub epoch: Epoch,
    pub free: QubitSet,
    pub barred: Vec<u64>,
    pub pattern: Pattern,
    pub name: String,
    noise_permille: u32,
    fragmentation: u64,
    qubits: Option<Vec<u64>>,
    crosstalk: Option<Vec<u64>>,
}

impl Case {
    /// The case of a number: 4 to 9 qubits of any density, 2 to 6 vertices, equal or unequal errors, dead and barred
    /// elements.
    pub fn random(number: u64) -> Self {
        let mut draw = StreamFamily::new(7, 0, Purpose::SyntheticDevice).stream(number, 0);
        let qubits = draw.random_range(4_u32..=9);
        let density = [0.25, 0.4, 0.6, 1.0][draw.random_range(0..4_usize)];
        let pairs = (0..qubits).flat_map(|a| (a + 1..qubits).map(move |b| (a, b)));
        let couplers: Vec<(u32, u32)> = pairs.filter(|_| draw.random::<f64>() < density).collect();
        let map = CouplingMap::new(qubits, couplers).expect("pairs are in range");
        let uniform = draw.random::<f64>() < 0.2;
        let error = |draw: &mut Stream| match draw.random::<f64>() {
            dead if dead < 0.06 => 1.0,
            _ if uniform => 0.01,
            _ => draw.random_range(0.0005..0.1),
        };
        let readout: Vec<f64> = (0..qubits).map(|_| error(&mut draw)).collect();
        let two_qubit: Vec<f64> = map.couplers().iter().map(|_| error(&mut draw)).collect();
        let barred_share = if draw.random::<f64>() < 0.3 { 0.15 } else { 0.0 };
        let mut barred = vec![0_u64; map.couplers().len().div_ceil(64)];
        for id in 0..map.couplers().len() {
            if draw.random::<f64>() < barred_share {
                barred[id / 64] |= 1 << (id % 64);
            }
        }
        // Dead qubits stay in the mask: a strategy must not rely on its callers for that.
        let free = (0..qubits).map(PhysicalQubit).filter(|_| draw.random::<f64>() < 0.9);
        let free = QubitSet::from_qubits(qubits as usize, free);
        let (pattern, kind) = pattern(&mut draw);
        let plain = draw.random::<f64>() < 0.6;
        let added = |draw: &mut Stream| cost_of_error(draw.random_range(0.0..0.05));
        Self {
            noise_permille: if plain { 1_000 } else { [0, 250, 1_000][draw.random_range(0..3_usize)] },
            fragmentation: if plain { 0 } else { added(&mut draw) },
            qubits: (!plain).then(|| (0..qubits).map(|_| added(&mut draw)).collect()),
            crosstalk: (!plain).then(|| map.couplers().iter().map(|_| added(&mut draw)).collect()),
            epoch: epoch(map, &readout, &two_qubit),
            free,
            barred,
            pattern,
            name: format!("case {number}, {kind}"),
        }
    }

    /// A device with couplers between nearly all of 14 qubits, where bounds are taken one vertex at a time, and a
    /// program of two to four vertices.
    pub fn dense(number: u64) -> Self {
        let mut draw = StreamFamily::new(8, 0, Purpose::SyntheticDevice).stream(number, 0);
        let complete = draw.random::<bool>();
        let pairs = (0..14).flat_map(|a| (a + 1..14).map(move |b| (a, b)));
        let map = CouplingMap::new(14, pairs.filter(|&(a, b)| complete || (a + 3 * b) % 19 != 0));
        let map = map.expect("pairs are in range");
        let readout: Vec<f64> = (0..14).map(|_| draw.random_range(0.0005..0.1)).collect();
        let two_qubit: Vec<f64> = map.couplers().iter().map(|_| draw.random_range(0.0005..0.1)).collect();
        let pattern = loop {
            let (pattern, _) = pattern(&mut draw);
            if pattern.qubits() <= 4 {
                break pattern;
            }
        };
        Self {
            epoch: epoch(map, &readout, &two_qubit),
            free: QubitSet::full(14),
            barred: Vec::new(),
            pattern,
            name: format!("dense case {number}"),
            noise_permille: 1_000,
            fragmentation: 0,
            qubits: None,
            crosstalk: None,
        }
    }

    pub fn request(&self, budget: u64) -> PlacementRequest<'_> {
        PlacementRequest {
            epoch: &self.epoch,
            free: &self.free,
            barred_couplers: self.barred.iter().any(|&word| word != 0).then_some(&self.barred),
            pattern: &self.pattern,
            budget,
            objective: Objective {
                noise_permille: self.noise_permille,
                fragmentation: self.fragmentation,
                qubits: self.qubits.as_deref(),
                crosstalk: self.crosstalk.as_deref(),
            },
            max_swaps: None,
            when_empty: None,
        }
    }

    /// Panics when a placement is not legal or its cost is wrong.
    pub fn check(&self, placement: &Placement) {
        let again = placement_of_layout(&self.request(1), placement.layout.clone());
        assert_eq!(again.as_ref(), Some(placement), "{}: {:?}", self.name, placement.layout);
    }

    /// The least objective of all placements, by trying them all.
    pub fn best(&self) -> Option<u64> {
        let mut best = None;
        self.extend(&mut SmallVec::new(), &mut best);
        best
    }

    fn extend(&self, layout: &mut SmallVec<[PhysicalQubit; 8]>, best: &mut Option<u64>) {
        if layout.len() == self.pattern.qubits() {
            if let Some(Placement { objective, .. }) = placement_of_layout(&self.request(1), layout.clone()) {
                *best = Some(best.map_or(objective, |least: u64| least.min(objective)));
            }
            return;
        }
        let vertex = VirtualQubit(layout.len() as u32);
        for qubit in &self.free {
            // For speed only: legality is judged by `placement_of_layout`, which shares no code with any search. Regions
            // do not care about the order of their qubits.
            let joined = self.pattern.neighbours(vertex).iter().all(|(other, _)| {
                other >= &vertex || self.epoch.map.coupler(layout[other.index()], qubit).is_some()
            });
            let in_order = !self.pattern.is_region() || layout.last().is_none_or(|last| *last < qubit);
            if joined && in_order && !layout.contains(&qubit) {
                layout.push(qubit);
                self.extend(layout, best);
                layout.pop();
            }
        }
    }
}

/// A random program: tree, ring, dense, anything (often in several components), or a region.
fn pattern(draw: &mut Stream) -> (Pattern, &'static str) {
    let n = draw.random_range(2_u32..=6);
    let weighted = draw.random::<bool>();
    let mut edges: Vec<(u32, u32)> = Vec::new();
    let kind = match draw.random_range(0..6_u32) {
        0 => {
            edges.extend((1..n).map(|v| (draw.random_range(0..v), v)));
            "tree"
        }
        1 => {
            edges.extend((1..n).map(|v| (v - 1, v)));
            if n > 2 {
                edges.push((0, n - 1));
            }
            "ring"
        }
        2 => {
            edges.extend((1..n).map(|v| (draw.random_range(0..v), v)));
            let more = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
            edges.extend(more.filter(|_| draw.random::<f64>() < 0.4));
            "dense"
        }
        3 => {
            let pairs = (0..n).flat_map(|a| (a + 1..n).map(move |b| (a, b)));
            edges.extend(pairs.filter(|_| draw.random::<f64>() < 0.25));
            "scattered"
        }
        4 => {
            edges.extend((0..n / 2).map(|pair| (2 * pair, 2 * pair + 1)));
            "pairs"
        }
        _ => return (Pattern::from_edges(n, Vec::new(), true), "region"),
    };
    edges.sort_unstable();
    edges.dedup();
    // Renumber, so that no search profits from the order of construction.
    let mut numbers: Vec<u32> = (0..n).collect();
    for at in (1..numbers.len()).rev() {
        numbers.swap(at, draw.random_range(0..=at));
    }
    let edges = edges.into_iter().map(|(a, b)| {
        let (a, b) = (numbers[a as usize], numbers[b as usize]);
        let weight = if weighted { draw.random_range(1..=5) } else { 1 };
        (VirtualQubit(a.min(b)), VirtualQubit(a.max(b)), weight)
    });
    (Pattern::from_edges(n, edges.collect(), false), kind)
}

/// A device to show placements on.
pub(crate) struct Scene {
    pub epoch: Epoch,
    pub free: QubitSet,
}

impl Scene {
    /// A square lattice with equal errors.
    pub fn grid(rows: u32, columns: u32) -> Self {
        Self::new(CouplingMap::grid(rows, columns).expect("not empty"), |_| 0.01)
    }

    /// A device with equal readout errors and the given errors of couplers.
    pub fn new(map: CouplingMap, two_qubit_error: impl Fn(usize) -> f64) -> Self {
        let readout = vec![0.01; map.qubits()];
        let two_qubit: Vec<f64> = (0..map.couplers().len()).map(two_qubit_error).collect();
        let epoch = epoch(map, &readout, &two_qubit);
        let free = epoch.usable.clone();
        Self { epoch, free }
    }

    /// Takes qubits out of the mask.
    pub fn busy(&mut self, qubits: &[u32]) {
        for &qubit in qubits {
            self.free.remove(PhysicalQubit(qubit));
        }
    }

    /// Places a program and shows the answer; a name such as `region 4` tells the number of vertices.
    pub fn show(
        &self,
        strategy: &mut impl PlacementStrategy,
        name: &str,
        edges: &[(u32, u32, u32)],
    ) -> String {
        let number = name.rsplit(' ').next().and_then(|word| word.parse().ok());
        let edges = edges.iter().map(|&(a, b, weight)| (VirtualQubit(a), VirtualQubit(b), weight));
        let pattern = Pattern::from_edges(number.unwrap_or(1), edges.collect(), name.starts_with("region"));
        let request = PlacementRequest {
            epoch: &self.epoch,
            free: &self.free,
            barred_couplers: None,
            pattern: &pattern,
            budget: 200_000,
            objective: Objective::default(),
            max_swaps: None,
            when_empty: None,
        };
        let layout = |placement: &Placement| {
            let qubits: Vec<String> = placement.layout.iter().map(|q| q.0.to_string()).collect();
            qubits.join(" ")
        };
        let answer = match strategy.place(&request).outcome {
            PlacementOutcome::Optimal(placement) => format!("optimal: {}", layout(&placement)),
            PlacementOutcome::Feasible { placement, gap: None } => {
                format!("feasible: {}", layout(&placement))
            }
            PlacementOutcome::Feasible { placement, gap: Some(_) } => {
                format!("feasible, bounded: {}", layout(&placement))
            }
            PlacementOutcome::ProvedInfeasible => "infeasible".to_owned(),
            PlacementOutcome::BudgetExhausted => "gave up".to_owned(),
        };
        format!("{name}: {answer}")
    }
}
