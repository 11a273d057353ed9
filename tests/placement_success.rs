//! "Proved best" means that no placement has a higher predicted success: the cost that is minimised is minus its
//! logarithm, and brute force with arithmetic of its own finds nothing better.
//!
//! On measured devices, empty and busy; shapes at several depths, circuits of all families. `RM_EMBEDDINGS` bounds what
//! is tried per case.

use std::sync::Arc;

use rand::RngExt;
use resource_manager::allocator::placement::cost::{Epoch, nats_of_cost};
use resource_manager::allocator::placement::exact::NoiseAware;
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::{
    Placement, PlacementOutcome, PlacementRequest, PlacementStrategy,
};
use resource_manager::allocator::protocol::{EpochNumber, Topology};
use resource_manager::allocator::routed_program::placed_program;
use resource_manager::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use resource_manager::quantum::circuit::InteractionGraph;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::success::{layer_s, log_success};
use resource_manager::quantum::{PhysicalQubit, QubitSet, VirtualQubit, catalogue, generators};
use resource_manager::random::{Purpose, Stream, StreamFamily};

/// A program, and the depth that its success is predicted for.
struct Job {
    name: String,
    topology: Topology,
    qubits: u32,
    depth: u32,
}

fn shape(name: &str, topology: Topology, qubits: u32, depth: u32) -> Job {
    Job { name: format!("{name} of {qubits} at depth {depth}"), topology, qubits, depth }
}

fn circuit(reference: &str) -> Job {
    let profile = generators::resolve(reference, std::path::Path::new(".")).unwrap();
    let (qubits, depth) = (profile.interactions.qubits(), profile.depth);
    Job { name: reference.to_owned(), topology: Topology::Circuit(Arc::new(profile)), qubits, depth }
}

fn shapes(depth: u32) -> Vec<Job> {
    vec![
        shape("line", Topology::Line, 1, depth),
        shape("line", Topology::Line, 2, depth),
        shape("line", Topology::Line, 5, depth),
        shape("line", Topology::Line, 8, depth),
        shape("star", Topology::Star, 4, depth),
        shape("tree", Topology::Tree, 6, depth),
        shape("ring", Topology::Ring, 12, depth),
        shape("heavy-hex", Topology::HeavyHex, 7, depth),
        shape("grid", Topology::Grid { rows: 2, columns: 3 }, 6, depth),
    ]
}

/// A graph with so many gates for each of its edges.
fn graph(qubits: u32, depth: u32, edges: &[(u32, u32, u32)]) -> Job {
    let graph = InteractionGraph::new(qubits, edges.iter().copied()).unwrap();
    shape("custom graph", Topology::Custom(Arc::new(graph)), qubits, depth)
}

fn graphs(depth: u32) -> Vec<Job> {
    let layers = depth.max(1);
    vec![
        graph(6, depth, &[(0, 1, 1), (1, 2, layers), (2, 3, 2), (2, 4, 1), (4, 5, layers.div_ceil(2))]),
        graph(5, depth, &[(0, 1, layers), (2, 3, 1)]),
        graph(4, depth, &[(0, 1, 3), (1, 2, 1), (2, 3, layers), (0, 3, 1)]),
    ]
}

fn circuits() -> Vec<Job> {
    [
        "ghz:5",
        "ising:6,steps=3",
        "vqe_ansatz:6,layers=2",
        "w_state:4",
        "deutsch_jozsa:3",
        "hidden_shift:4",
        "bernstein_vazirani:6,secret=5",
        "qaoa_ring:12,layers=3",
    ]
    .into_iter()
    .map(circuit)
    .collect()
}

/// A device, and what of it is free.
struct Place {
    name: String,
    epoch: Epoch,
    free: QubitSet,
}

impl Place {
    fn new(
        name: &str,
        map: Arc<CouplingMap>,
        calibration: Arc<Calibration>,
        busy: f64,
        draw: &mut Stream,
    ) -> Self {
        let none = QubitSet::new(map.qubits());
        let epoch = Epoch::new(EpochNumber(1), map, calibration, &none, &[]);
        let free = epoch.usable.iter().filter(|_| draw.random::<f64>() >= busy);
        let free = QubitSet::from_qubits(epoch.qubits(), free);
        Self { name: format!("{name}, {:.0} % busy", busy * 100.0), epoch, free }
    }

    fn measured(name: &str, busy: f64, draw: &mut Stream) -> Self {
        let spec = catalogue::load(name).unwrap();
        Self::new(name, spec.coupling_map, spec.calibration, busy, draw)
    }

    /// Everything differs widely from qubit to qubit, times and gates above all.
    fn wild(draw: &mut Stream) -> Self {
        let map = match draw.random_range(0..4_u32) {
            0 => CouplingMap::grid(3, 4),
            1 => CouplingMap::heavy_hex(2, 8),
            2 => CouplingMap::all_to_all(7),
            _ => CouplingMap::ring(9),
        };
        let map = map.unwrap();
        let uniform = draw.random::<f64>() < 0.3;
        let mut qubit = || QubitCalibration {
            t1_s: draw.random_range(2e-6..300e-6),
            t2_s: if draw.random::<f64>() < 0.1 { f64::INFINITY } else { draw.random_range(2e-6..200e-6) },
            readout_error: draw.random_range(0.001..0.2),
            one_qubit_error: draw.random_range(1e-5..0.02),
            one_qubit_duration_s: draw.random_range(10e-9..200e-9),
            readout_duration_s: 1e-6,
            dead: draw.random::<f64>() < 0.04,
        };
        let qubits = (0..map.qubits()).map(|_| qubit()).collect();
        let mut coupler = || CouplerCalibration {
            two_qubit_error: if uniform { 0.01 } else { draw.random_range(0.001..0.08) },
            two_qubit_duration_s: draw.random_range(50e-9..600e-9),
            dead: !uniform && draw.random::<f64>() < 0.04,
        };
        let couplers = map.couplers().iter().map(|_| coupler()).collect();
        let busy = if draw.random::<bool>() { 0.0 } else { 0.2 };
        Self::new("wild", Arc::new(map), Arc::new(Calibration { qubits, couplers }), busy, draw)
    }
}

/// Predicted success of a layout, as a logarithm, by the program's own prediction.
fn predicted(place: &Place, job: &Job, depth: u32, layout: &[PhysicalQubit]) -> f64 {
    let pattern = Pattern::new(&job.topology, job.qubits);
    let (map, calibration) = (&place.epoch.map, &place.epoch.calibration);
    let placed = placed_program(&job.topology, &pattern, depth, layout, false, map, calibration);
    log_success(calibration, &placed.on(layer_s(calibration)))
}

/// What a program does, by arithmetic of its own: gates of every interaction, and per virtual qubit one-qubit gates,
/// layers without a gate on it, and whether it is read out.
struct Counts {
    edges: Vec<(usize, usize, f64)>,
    qubits: Vec<(f64, f64, bool)>,
}

impl Counts {
    fn new(job: &Job, depth: f64) -> Self {
        let pattern = Pattern::new(&job.topology, job.qubits);
        let mut partners = vec![0.0_f64; job.qubits as usize];
        for (a, b, _) in pattern.edges() {
            partners[a.index()] += 1.0;
            partners[b.index()] += 1.0;
        }
        let busiest = partners.iter().copied().fold(1.0, f64::max);
        let of_shape = if depth > 0.0 { depth / 2.0 / busiest } else { 1.0 };
        let profile = match &job.topology {
            Topology::Circuit(profile) => Some(profile),
            _ => None,
        };
        let counted = matches!(job.topology, Topology::Circuit(_) | Topology::Custom(_));
        let gates = |times: u32| if counted { f64::from(times) } else { of_shape };
        let edges: Vec<(usize, usize, f64)> =
            pattern.edges().iter().map(|(a, b, times)| (a.index(), b.index(), gates(*times))).collect();
        let qubits = (0..job.qubits as usize)
            .map(|v| {
                let pairs: f64 = edges.iter().filter(|(a, b, _)| *a == v || *b == v).map(|edge| edge.2).sum();
                match profile {
                    Some(profile) => {
                        (f64::from(profile.one_qubit_gates[v]), (depth - pairs).max(0.0), profile.measured[v])
                    }
                    None => (depth / 2.0, (depth - pairs).max(0.0), true),
                }
            })
            .collect();
        Self { edges, qubits }
    }

    fn of_qubit(&self, v: usize, figures: &QubitCalibration, layer_s: f64) -> f64 {
        let (gates, layers, measured) = self.qubits[v];
        let idle_s = (layers * layer_s - gates * figures.one_qubit_duration_s).max(0.0);
        let readout = if measured { (1.0 - figures.readout_error).ln() } else { 0.0 };
        gates * (1.0 - figures.one_qubit_error).ln() + readout
            - idle_s / (2.0 * figures.t1_s)
            - idle_s / (2.0 * figures.t2_s)
    }
}

/// The highest success of all placements, as a logarithm; `None`: too many to try.
fn brute_force(place: &Place, counts: &Counts, qubits: usize, most: u64) -> Option<Option<f64>> {
    let (map, calibration) = (&place.epoch.map, &place.epoch.calibration);
    let layer_s = layer_s(calibration);
    let mut order: Vec<usize> = Vec::new();
    while order.len() < qubits {
        // A neighbour of what is placed, if there is one.
        let open = |v: &usize| !order.contains(v);
        let joined = |v: &usize| {
            counts
                .edges
                .iter()
                .any(|(a, b, _)| (a == v && order.contains(b)) || (b == v && order.contains(a)))
        };
        let next = (0..qubits).filter(open).max_by_key(|v| (joined(v), std::cmp::Reverse(*v)));
        order.push(next.unwrap());
    }
    struct Search<'a> {
        place: &'a Place,
        order: &'a [usize],
        earlier: Vec<Vec<(usize, f64)>>,
        costs: Vec<Vec<f64>>,
        calibration: &'a Calibration,
        map: &'a CouplingMap,
        image: Vec<Option<PhysicalQubit>>,
        taken: Vec<bool>,
        best: Option<f64>,
        left: u64,
    }
    impl Search<'_> {
        fn put(&mut self, at: usize, sum: f64) -> bool {
            let Some(&v) = self.order.get(at) else {
                self.best = Some(self.best.map_or(sum, |best: f64| best.max(sum)));
                return true;
            };
            let anchor = self.earlier[at].first().and_then(|(u, _)| self.image[*u]);
            let candidates: Vec<PhysicalQubit> = match anchor {
                Some(qubit) => self.map.neighbours(qubit).iter().map(|(end, _)| *end).collect(),
                None => self.place.free.iter().collect(),
            };
            for qubit in candidates {
                if self.taken[qubit.index()] || !self.place.free.contains(qubit) {
                    continue;
                }
                let mut sum = sum + self.costs[v][qubit.index()];
                let mut fits = true;
                for &(u, gates) in &self.earlier[at] {
                    let coupler = self.map.coupler(qubit, self.image[u].unwrap());
                    let figures = coupler.map(|coupler| &self.calibration.couplers[coupler.index()]);
                    match figures.filter(|figures| !figures.dead && figures.two_qubit_error < 0.5) {
                        Some(figures) => sum += gates * (1.0 - figures.two_qubit_error).ln(),
                        None => fits = false,
                    }
                }
                if !fits {
                    continue;
                }
                self.left = self.left.saturating_sub(1);
                if self.left == 0 {
                    return false;
                }
                self.image[v] = Some(qubit);
                self.taken[qubit.index()] = true;
                let more = self.put(at + 1, sum);
                self.taken[qubit.index()] = false;
                if !more {
                    return false;
                }
            }
            true
        }
    }
    let earlier = order
        .iter()
        .enumerate()
        .map(|(at, v)| {
            let before = &order[..at];
            let ends = counts.edges.iter().filter_map(|&(a, b, gates)| match (a == *v, b == *v) {
                (true, _) if before.contains(&b) => Some((b, gates)),
                (_, true) if before.contains(&a) => Some((a, gates)),
                _ => None,
            });
            ends.collect()
        })
        .collect();
    let of =
        |v: usize| calibration.qubits.iter().map(|figures| counts.of_qubit(v, figures, layer_s)).collect();
    let mut search = Search {
        place,
        order: &order,
        earlier,
        costs: (0..qubits).map(of).collect(),
        calibration,
        map,
        image: vec![None; qubits],
        taken: vec![false; map.qubits()],
        best: None,
        left: most,
    };
    search.put(0, 0.0).then_some(search.best)
}

fn place_job(place: &Place, job: &Job) -> PlacementOutcome {
    let pattern = Pattern::of_program(&job.topology, job.qubits, job.depth);
    let request =
        PlacementRequest { budget: 3_000_000, ..PlacementRequest::new(&place.epoch, &place.free, &pattern) };
    let mut strategy = NoiseAware::default();
    let first = strategy.place(&request).outcome;
    // What is remembered of the first two requests must not show in the third.
    strategy.place(&request);
    assert_eq!(strategy.place(&request).outcome, first, "{}: {}", place.name, job.name);
    first
}

/// What was counted: cases with a placement, those proved best and tried by brute force, and the largest loss by the
/// rounding of the depth.
#[derive(Default)]
struct Tally {
    placed: u32,
    tried: u32,
    rounding: f64,
}

fn check(place: &Place, job: &Job, most: u64, tally: &mut Tally) {
    let name = format!("{}: {}", place.name, job.name);
    let rounded =
        Pattern::of_program(&job.topology, job.qubits, job.depth).uses().depth().unwrap_or(job.depth);
    let counts = Counts::new(job, f64::from(rounded));
    let outcome = place_job(place, job);
    let (placement, proved): (Placement, bool) = match outcome {
        PlacementOutcome::Optimal(placement) => (placement, true),
        PlacementOutcome::Feasible { placement, .. } => (placement, false),
        PlacementOutcome::ProvedInfeasible => {
            let best = brute_force(place, &counts, job.qubits as usize, most);
            assert!(best.is_none_or(|best| best.is_none()), "{name}: said not to exist, and does");
            return;
        }
        PlacementOutcome::BudgetExhausted => return,
    };
    tally.placed += 1;
    let nats = nats_of_cost(placement.cost);
    let own = -predicted(place, job, rounded, &placement.layout);
    assert!((nats - own).abs() <= 1e-5 * own.max(1e-6), "{name}: optimised {nats}, predicted {own}");
    let Some(best) = brute_force(place, &counts, job.qubits as usize, most) else { return };
    let best = -best.unwrap_or_else(|| panic!("{name}: brute force finds nothing"));
    assert!(best <= own + 1e-9 * own.max(1.0), "{name}: brute force misses what was found");
    if proved {
        tally.tried += 1;
        assert!(own <= best + 1e-6 * best.max(1e-3), "{name}: {own} nats are not the best, {best} are");
    }
    if rounded != job.depth
        && let Some(Some(truly)) =
            brute_force(place, &Counts::new(job, f64::from(job.depth)), job.qubits as usize, most)
    {
        let loss = 1.0 - (predicted(place, job, job.depth, &placement.layout) - truly).exp();
        tally.rounding = tally.rounding.max(loss);
        assert!(loss <= 0.026, "{name}: the rounding of the depth loses {loss}");
    }
}

fn most() -> u64 {
    std::env::var("RM_EMBEDDINGS").map_or(150_000, |number| number.parse().expect("a number"))
}

#[test]
fn proved_best_is_the_highest_success_on_measured_devices() {
    let mut draw = StreamFamily::new(12, 0, Purpose::SyntheticDevice).stream(0, 0);
    let mut tally = Tally::default();
    let devices = [
        "ibm_fez",
        "ibm_marrakesh",
        "ibm_torino",
        "ibm_brisbane",
        "ibm_guadalupe",
        "ibm_sherbrooke",
        "ibm_montreal",
        "rigetti_ankaa_3",
        "ionq_forte",
        "quantinuum_h1",
    ];
    for name in devices {
        for busy in [0.0, 0.4] {
            let place = Place::measured(name, busy, &mut draw);
            for depth in [0, 8, 114, 487] {
                for job in shapes(depth).iter().chain(&graphs(depth)) {
                    check(&place, job, most(), &mut tally);
                }
            }
            for job in circuits() {
                check(&place, &job, most(), &mut tally);
            }
        }
    }
    let Tally { placed, tried, rounding } = tally;
    println!(
        "{placed} placed, {tried} proved best and tried, {:.4} % lost by rounding at most",
        rounding * 100.0
    );
    assert!(placed > 500 && tried > 300, "{placed} {tried}");
}

#[test]
fn proved_best_is_the_highest_success_on_wild_devices() {
    let mut tally = Tally::default();
    for number in 0..150 {
        let mut draw = StreamFamily::new(13, 0, Purpose::SyntheticDevice).stream(number, 0);
        let place = Place::wild(&mut draw);
        let depth = [0, 1, 2, 16, 128, 1024][draw.random_range(0..6_usize)];
        let mut jobs = shapes(depth);
        jobs.extend(graphs(depth));
        jobs.extend(circuits());
        let job = &jobs[draw.random_range(0..jobs.len())];
        check(&place, job, most(), &mut tally);
    }
    let Tally { placed, tried, .. } = tally;
    assert!(placed > 60 && tried > 40, "{placed} {tried}");
}

/// However deep a program is, its sums do not overflow, and what is proved of it is true of the order of costs.
#[test]
fn the_deepest_programs_are_placed() {
    let mut draw = StreamFamily::new(14, 0, Purpose::SyntheticDevice).stream(0, 0);
    for name in ["ibm_guadalupe", "rigetti_ankaa_3", "ionq_harmony"] {
        let place = Place::measured(name, 0.0, &mut draw);
        for depth in [1 << 12, 1 << 20, u32::MAX] {
            let mut jobs = shapes(depth);
            jobs.push(shape("any", Topology::Any, 5, depth));
            for job in jobs {
                match place_job(&place, &job) {
                    PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } => {
                        assert_eq!(placement.layout.len(), job.qubits as usize);
                        assert!(placement.cost > 0);
                    }
                    PlacementOutcome::ProvedInfeasible | PlacementOutcome::BudgetExhausted => {}
                }
            }
        }
    }
}

/// Kinds of virtual qubits are told apart wherever a program is compiled: what one of them may do decides where it lies.
#[test]
fn a_qubit_that_is_not_read_out_gets_the_bad_readout() {
    let map = Arc::new(CouplingMap::line(2).unwrap());
    for bad in [0, 1] {
        let mut qubits = vec![QubitCalibration::with_readout_error(0.01); 2];
        qubits[bad].readout_error = 0.1;
        let couplers = vec![CouplerCalibration::with_error(0.005)];
        let calibration = Arc::new(Calibration { qubits, couplers });
        let mut draw = StreamFamily::new(1, 0, Purpose::SyntheticDevice).stream(0, 0);
        let place = Place::new("two", map.clone(), calibration, 0.0, &mut draw);
        let job = circuit("deutsch_jozsa:2");
        let Topology::Circuit(profile) = &job.topology else { unreachable!() };
        let unread = profile.measured.iter().position(|measured| !measured).expect("an ancilla");
        let PlacementOutcome::Optimal(placement) = place_job(&place, &job) else { panic!("not proved") };
        assert_eq!(placement.layout[VirtualQubit(unread as u32).index()], PhysicalQubit(bad as u32));
    }
}
