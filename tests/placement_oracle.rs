//! The exact engine against a slow solver of its own, on devices of 30 to 60 qubits.
//!
//! Thousands of random cases with everything that a placement may meet: buffers around busy jobs, dead and barred
//! elements, weights, surcharges, symmetric and disconnected programs, a device in pieces. Outcome and optimum agree to
//! the last bit; whatever the budget, what is claimed holds.

mod oracle;

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;
use resource_manager::allocator::candidates::memo::Memo;
use resource_manager::allocator::placement::cost::{Epoch, NAT, cost_of_error};
use resource_manager::allocator::placement::exact::NoiseAware;
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::{
    Objective, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy,
};
use resource_manager::allocator::protocol::{ElementLimits, EpochNumber, JobId, JobRequest, Topology};
use resource_manager::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet, VirtualQubit};
use resource_manager::random::{Purpose, Stream, StreamFamily};

use oracle::{Answer, Host, ones, solve};

/// Nodes after which the slow solver is told to give up; such cases are counted, and few.
const NODES: u64 = 150_000;

/// What is added to the noise.
#[derive(Default)]
struct Surcharges {
    noise_permille: u32,
    fragmentation: u64,
    qubits: Option<Vec<u64>>,
    crosstalk: Option<Vec<u64>>,
}

/// One problem in the words of the engine and in those of the slow solver.
struct Case {
    name: String,
    epoch: Epoch,
    free: QubitSet,
    barred: Option<Vec<u64>>,
    pattern: Pattern,
    surcharges: Surcharges,
    host: Host,
    edges: Vec<(usize, usize, u32)>,
}

impl Case {
    fn random(number: u64) -> Self {
        let mut draw = StreamFamily::new(40, 0, Purpose::SyntheticDevice).stream(number, 0);
        let (qubits, couplers, device) = device(&mut draw);
        let calibration = calibration(&mut draw, qubits, couplers.len());
        let offline: BTreeSet<u32> = (0..qubits).filter(|_| draw.random::<f64>() < 0.02).collect();
        let offline_couplers: BTreeSet<u32> =
            (0..couplers.len() as u32).filter(|_| draw.random::<f64>() < 0.02).collect();
        let limits = limits(&mut draw);
        let (vertices, edges, program) = program(&mut draw);

        // Busy jobs with a buffer around them; dead couplers keep jobs apart like all others.
        let mut joined = vec![0_u64; qubits as usize];
        for &(a, b) in &couplers {
            joined[a as usize] |= 1 << b;
            joined[b as usize] |= 1 << a;
        }
        let distance = draw.random_range(0..=2_u32);
        let mut held = 0_u64;
        for _ in 0..draw.random_range(0..=3_u32) {
            let start = 1 << draw.random_range(0..qubits);
            held |= (0..draw.random_range(0..5)).fold(start, |job, _| {
                let rim: Vec<usize> = ones(Host::within(&joined, job, 1) & !job).collect();
                if rim.is_empty() { job } else { job | 1 << rim[draw.random_range(0..rim.len())] }
            });
        }
        let surcharges = surcharges(&mut draw, qubits as usize, couplers.len());

        // In the words of the engine.
        let map = Arc::new(CouplingMap::new(qubits, couplers.iter().copied()).expect("in range"));
        let set = |bits: u64| {
            QubitSet::from_qubits(qubits as usize, ones(bits).map(|qubit| PhysicalQubit(qubit as u32)))
        };
        let calibration = Arc::new(calibration);
        let out = QubitSet::from_qubits(qubits as usize, offline.iter().copied().map(PhysicalQubit));
        let out_couplers: Vec<CouplerId> = offline_couplers.iter().copied().map(CouplerId).collect();
        let epoch = Epoch::new(EpochNumber(1), map.clone(), calibration.clone(), &out, &out_couplers);
        let mut classes = Memo::default();
        let class = classes.join(&JobRequest { limits, ..JobRequest::new(JobId(number), 4, Topology::Line) });
        let (mask, _) = classes[class].on_device(DeviceId(0), &epoch);
        let mut free = mask.qubits.clone();
        free.subtract(&map.dilate(&set(held), distance));
        let barred = mask.barred_couplers.clone();
        let weighted = edges.iter().map(|&(a, b, w)| (VirtualQubit(a as u32), VirtualQubit(b as u32), w));
        let pattern = Pattern::from_edges(vertices as u32, weighted.collect(), false);

        // In the words of the slow solver, from the figures.
        let mut host = Host::new(qubits as usize);
        let near_jobs = Host::within(&joined, held, distance);
        for (qubit, figures) in calibration.qubits.iter().enumerate() {
            let alive = !figures.dead && figures.readout_error < 0.5 && !offline.contains(&(qubit as u32));
            let good = figures.t1_s >= limits.min_t1_s
                && figures.t2_s >= limits.min_t2_s
                && figures.one_qubit_error <= limits.max_one_qubit_error
                && figures.readout_error <= limits.max_readout_error;
            if alive && good && near_jobs >> qubit & 1 == 0 {
                host.free |= 1 << qubit;
            }
        }
        let noise = |cost: u64| (u128::from(cost) * u128::from(surcharges.noise_permille) / 1_000) as u64;
        for (id, figures) in calibration.couplers.iter().enumerate() {
            let alive =
                !figures.dead && figures.two_qubit_error < 0.5 && !offline_couplers.contains(&(id as u32));
            if alive && figures.two_qubit_error <= limits.max_two_qubit_error {
                let added = surcharges.crosstalk.as_ref().map_or(0, |added| added[id]);
                let (a, b) = map.couplers()[id];
                host.join(a.index(), b.index(), noise(epoch.coupler_cost[id]) + added);
            }
        }
        for qubit in ones(host.free) {
            let neighbours = u64::from((host.joined[qubit] & host.free).count_ones());
            let added = surcharges.qubits.as_ref().map_or(0, |added| added[qubit]);
            host.qubit[qubit] =
                noise(epoch.qubit_cost[qubit]) + added + surcharges.fragmentation * neighbours;
        }
        let name = format!("case {number}: {program} on {device}, {} qubits free", host.free.count_ones());
        Self { name, epoch, free, barred, pattern, surcharges, host, edges }
    }

    fn request(&self, budget: u64) -> PlacementRequest<'_> {
        PlacementRequest {
            barred_couplers: self.barred.as_deref(),
            budget,
            objective: Objective {
                noise_permille: self.surcharges.noise_permille,
                fragmentation: self.surcharges.fragmentation,
                qubits: self.surcharges.qubits.as_deref(),
                crosstalk: self.surcharges.crosstalk.as_deref(),
            },
            ..PlacementRequest::new(&self.epoch, &self.free, &self.pattern)
        }
    }

    /// The cost of a layout by the slow solver's books; panics when it is not legal.
    fn cost(&self, placement: &Placement) -> u64 {
        let layout: Vec<usize> = placement.layout.iter().map(|qubit| qubit.index()).collect();
        let distinct: BTreeSet<usize> = layout.iter().copied().collect();
        assert_eq!((distinct.len(), layout.len()), (layout.len(), self.pattern.qubits()), "{}", self.name);
        assert!(layout.iter().all(|&qubit| self.host.free >> qubit & 1 == 1), "{}", self.name);
        let qubits: u64 = layout.iter().map(|&qubit| self.host.qubit[qubit]).sum();
        let gates = self.edges.iter().map(|&(a, b, weight)| {
            assert!(self.host.joined[layout[a]] >> layout[b] & 1 == 1, "{}: no coupler", self.name);
            u64::from(weight) * self.host.coupler[layout[a]][layout[b]]
        });
        qubits + gates.sum::<u64>()
    }

    /// Panics unless everything that an answer claims is true.
    fn check(&self, outcome: &PlacementOutcome, least: Option<u64>) {
        let name = &self.name;
        match outcome {
            PlacementOutcome::Optimal(placement) => {
                assert_eq!(self.cost(placement), placement.objective, "{name}");
                assert_eq!(Some(placement.objective), least, "{name}");
            }
            PlacementOutcome::Feasible { placement, gap } => {
                assert_eq!(self.cost(placement), placement.objective, "{name}");
                let least = least.unwrap_or_else(|| panic!("{name}: a placement where there is none"));
                let gap = gap.unwrap_or_else(|| panic!("{name}: an exact search knows its gap"));
                let bound = placement.objective.saturating_sub(gap);
                assert!((bound..=placement.objective).contains(&least), "{name}: gap {gap}");
            }
            PlacementOutcome::ProvedInfeasible => assert_eq!(least, None, "{name}"),
            PlacementOutcome::BudgetExhausted => {}
        }
    }
}

/// Couplers of a heavy-hex or square lattice, a sparse random graph, or an ion trap.
fn device(draw: &mut Stream) -> (u32, Vec<(u32, u32)>, &'static str) {
    let lattice = |map: CouplingMap| {
        let couplers = map.couplers().iter().map(|(a, b)| (a.0, b.0)).collect();
        (map.qubits() as u32, couplers)
    };
    let (qubits, couplers, kind) = match draw.random_range(0..10_u32) {
        0..4 => {
            let columns = draw.random_range(10..=15);
            let (qubits, couplers) = lattice(CouplingMap::heavy_hex(3, columns).expect("not empty"));
            (qubits, couplers, "heavy-hex")
        }
        4..7 => {
            let rows = draw.random_range(5..=7);
            let (qubits, couplers) = lattice(CouplingMap::grid(rows, 7).expect("not empty"));
            (qubits, couplers, "grid")
        }
        7..9 => {
            // A tree with some more couplers, at most four at one qubit.
            let qubits = draw.random_range(30..=60);
            let mut degree = vec![0; qubits as usize];
            let mut couplers: Vec<(u32, u32)> = Vec::new();
            for a in 1..qubits {
                let mut b = draw.random_range(0..a);
                while degree[b as usize] >= 3 {
                    b = draw.random_range(0..a);
                }
                couplers.push((b, a));
                degree[a as usize] += 1;
                degree[b as usize] += 1;
            }
            for _ in 0..draw.random_range(0..qubits) {
                let (a, b) = (draw.random_range(0..qubits), draw.random_range(0..qubits));
                if a != b && degree[a as usize] < 4 && degree[b as usize] < 4 {
                    couplers.push((a.min(b), a.max(b)));
                    degree[a as usize] += 1;
                    degree[b as usize] += 1;
                }
            }
            couplers.sort_unstable();
            couplers.dedup();
            (qubits, couplers, "random graph")
        }
        _ => {
            let (qubits, couplers) = lattice(CouplingMap::all_to_all(30).expect("not empty"));
            (qubits, couplers, "ion trap")
        }
    };
    (qubits, couplers, kind)
}

/// Errors that differ, nearly agree or agree; some elements dead, by flag or by their error.
fn calibration(draw: &mut Stream, qubits: u32, couplers: usize) -> Calibration {
    let spread = [0.03, 0.03, 0.0001, 0.0][draw.random_range(0..4_usize)];
    let dead_share = [0.0, 0.03, 0.1][draw.random_range(0..3_usize)];
    let error = |draw: &mut Stream| match draw.random::<f64>() {
        fate if fate < dead_share => [0.5, 1.0][draw.random_range(0..2_usize)],
        _ => 0.002 + spread * draw.random::<f64>(),
    };
    let qubit = |draw: &mut Stream, readout_error: f64| QubitCalibration {
        t1_s: draw.random_range(20e-6..400e-6),
        t2_s: draw.random_range(20e-6..400e-6),
        readout_error,
        one_qubit_error: draw.random_range(1e-4..1e-3),
        one_qubit_duration_s: 0.0,
        readout_duration_s: 0.0,
        dead: draw.random::<f64>() < 0.01,
    };
    Calibration {
        qubits: (0..qubits)
            .map(|_| {
                let readout_error = error(draw);
                qubit(draw, readout_error)
            })
            .collect(),
        couplers: (0..couplers)
            .map(|_| CouplerCalibration {
                two_qubit_error: error(draw),
                two_qubit_duration_s: 0.0,
                dead: draw.random::<f64>() < 0.01,
            })
            .collect(),
    }
}

fn limits(draw: &mut Stream) -> ElementLimits {
    let mut limits = ElementLimits::NONE;
    match draw.random_range(0..8_u32) {
        0 => limits.min_t1_s = 60e-6,
        1 => limits.min_t2_s = 60e-6,
        2 => limits.max_one_qubit_error = 9e-4,
        3 => limits.max_two_qubit_error = 0.027,
        4 => (limits.max_readout_error, limits.max_two_qubit_error) = (0.029, 0.0295),
        _ => {}
    }
    limits
}

fn surcharges(draw: &mut Stream, qubits: usize, couplers: usize) -> Surcharges {
    let added = |draw: &mut Stream| cost_of_error(0.05 * draw.random::<f64>());
    let plain = Surcharges { noise_permille: 1_000, ..Surcharges::default() };
    match draw.random_range(0..6_u32) {
        0 => Surcharges { fragmentation: added(draw), ..plain },
        1 => Surcharges { qubits: Some((0..qubits).map(|_| added(draw)).collect()), ..plain },
        2 => Surcharges {
            noise_permille: [0, 250, 1_000][draw.random_range(0..3_usize)],
            crosstalk: Some((0..couplers).map(|_| added(draw)).collect()),
            fragmentation: added(draw),
            ..plain
        },
        _ => plain,
    }
}

/// A program of four to eight qubits with its edges.
fn program(draw: &mut Stream) -> (usize, Vec<(usize, usize, u32)>, String) {
    let n = draw.random_range(4..=8_usize);
    let line = |from: usize, to: usize| (from + 1..to).map(|v| (v - 1, v));
    let (vertices, mut edges, kind): (usize, Vec<(usize, usize)>, &str) = match draw.random_range(0..12_u32) {
        0 => (n, line(0, n).collect(), "line"),
        1 => (n, (1..n).map(|v| (draw.random_range(0..v), v)).collect(), "tree"),
        2 => (n, line(0, n).chain([(0, n - 1)]).collect(), "ring"),
        3 => (n.min(5), (1..n.min(5)).map(|v| (0, v)).collect(), "star"),
        4 => (7, vec![(0, 1), (1, 2), (1, 3), (3, 4), (4, 5), (4, 6)], "H"),
        5 => (6, vec![(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)], "grid 2x3"),
        6 => (4, line(0, 4).chain([(0, 3), (0, 2)]).collect(), "diamond"),
        // In pieces: equal ones, different ones, and vertices without edges.
        7 => (6, vec![(0, 1), (2, 3), (4, 5)], "three pairs"),
        8 => (n, line(0, n / 2).chain(line(n / 2, n)).collect(), "two lines"),
        9 => (n, line(0, n - 1).collect(), "line and a single"),
        10 => (8, line(0, 4).chain([(0, 3), (4, 5), (5, 6), (6, 7), (4, 7)]).collect(), "two rings"),
        _ => {
            let mut edges: Vec<(usize, usize)> = (1..n).map(|v| (draw.random_range(0..v), v)).collect();
            for _ in 0..draw.random_range(1..=3_u32) {
                let (a, b) = (draw.random_range(0..n), draw.random_range(0..n));
                if a != b {
                    edges.push((a.min(b), a.max(b)));
                }
            }
            (n, edges, "tree with cycles")
        }
    };
    edges.sort_unstable();
    edges.dedup();
    let most = if draw.random::<bool>() { 1 } else { 6 };
    // Renumbered, so that no search profits from the order of construction.
    let mut number: Vec<usize> = (0..vertices).collect();
    for at in (1..vertices).rev() {
        number.swap(at, draw.random_range(0..=at));
    }
    let edges = edges.into_iter().map(|(a, b)| {
        let (a, b) = (number[a], number[b]);
        (a.min(b), a.max(b), draw.random_range(1..=most))
    });
    (vertices, edges.collect(), format!("{kind} of {vertices}"))
}

/// The integers behind all comparisons stand for what they should: -ln(1 - error).
#[test]
fn costs_are_logarithms() {
    let case = Case::random(0);
    let figures = &case.epoch.calibration;
    let qubits = figures.qubits.iter().map(|qubit| qubit.readout_error).zip(&case.epoch.qubit_cost);
    let couplers = figures.couplers.iter().map(|c| c.two_qubit_error).zip(&case.epoch.coupler_cost);
    for (error, &cost) in qubits.chain(couplers).filter(|(error, _)| *error < 0.5) {
        assert!((cost as f64 / NAT + (1.0 - error).ln()).abs() < 1e-8, "{error}: {cost}");
    }
}

/// Same outcome, same least cost, and true claims under any budget; whatever the engine remembers of other cases.
#[test]
fn agrees_with_a_slow_solver() {
    let mut strategy = NoiseAware::default();
    let (mut fits, mut impossible, mut too_slow, mut incumbents) = (0, 0, 0, 0);
    for number in 0..3_000 {
        let case = Case::random(number);
        let least = match solve(&case.host, case.pattern.qubits(), &case.edges, NODES) {
            Answer::Least(cost) => Some(cost),
            Answer::Nothing => None,
            Answer::TooSlow => {
                too_slow += 1;
                continue;
            }
        };
        let placed = strategy.place(&case.request(50_000_000));
        assert!(placed.outcome.is_proved(), "{}: {:?}", case.name, placed.outcome);
        case.check(&placed.outcome, least);
        assert_eq!(placed.outcome, strategy.place(&case.request(50_000_000)).outcome, "{}", case.name);
        match placed.outcome {
            PlacementOutcome::ProvedInfeasible => impossible += 1,
            _ => fits += 1,
        }
        for budget in [4, 10, 25, 60, 150] {
            let hasty = strategy.place(&case.request(budget)).outcome;
            case.check(&hasty, least);
            incumbents += u32::from(matches!(hasty, PlacementOutcome::Feasible { .. }));
        }
    }
    println!("{fits} fit, {impossible} do not, {incumbents} incumbents, {too_slow} left out");
    assert!(fits > 1_500 && impossible > 1_000 && incumbents > 1_000 && too_slow < 60);
}
