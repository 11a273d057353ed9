//! The exact search against brute force.

use rand::RngExt;

use super::*;
use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::testing::{Case, Scene};
use crate::allocator::protocol::{EpochNumber, Topology};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet, catalogue};
use crate::random::{Purpose, StreamFamily};

/// Same outcome and same least cost as trying everything, and independent of what the buffers held before.
#[test]
fn agrees_with_brute_force() {
    let mut strategy = NoiseAware::default();
    let mut outcomes = [0; 3];
    for case in (0..4_000).map(Case::random).chain((0..30).map(Case::dense)) {
        let name = &case.name;
        let request = case.request(10_000_000);
        let placed = strategy.place(&request);
        // Asked again, it may remember.
        assert_eq!(placed.outcome, strategy.place(&request).outcome, "{name}");
        assert_eq!(placed.outcome, NoiseAware::default().place(&request).outcome, "{name}");
        let best = case.best();
        match &placed.outcome {
            PlacementOutcome::Optimal(_) => outcomes[0] += 1,
            PlacementOutcome::Feasible { .. } => outcomes[1] += 1,
            PlacementOutcome::ProvedInfeasible => outcomes[2] += 1,
            PlacementOutcome::BudgetExhausted => panic!("{name}"),
        }
        check(&case, &placed.outcome, best);
        let proved = !matches!(placed.outcome, PlacementOutcome::Feasible { .. });
        assert!(proved || case.pattern.is_region(), "{name}");
    }
    assert!(outcomes.iter().all(|&count| count > 100), "{outcomes:?}");
}

/// Panics unless everything that an answer claims is true.
fn check(case: &Case, outcome: &PlacementOutcome, best: Option<u64>) {
    let name = &case.name;
    match outcome {
        PlacementOutcome::Optimal(placement) => {
            case.check(placement);
            assert_eq!(Some(placement.objective), best, "{name}");
        }
        PlacementOutcome::Feasible { placement, gap } => {
            case.check(placement);
            let best = best.expect(name);
            assert!(best <= placement.objective, "{name}");
            assert!(gap.is_some_and(|gap| placement.objective - best <= gap), "{name}");
        }
        PlacementOutcome::ProvedInfeasible => assert_eq!(best, None, "{name}"),
        PlacementOutcome::BudgetExhausted => {}
    }
}

/// However early the budget ends: what is claimed holds, and the budget is kept.
#[test]
fn claims_hold_under_any_budget() {
    let mut strategy = NoiseAware::default();
    let mut unproved = 0;
    for case in (0..1_500).map(Case::random).chain((0..12).map(Case::dense)) {
        let best = case.best();
        for budget in [1, 3, 6, 10, 20, 50] {
            let placed = strategy.place(&case.request(budget));
            check(&case, &placed.outcome, best);
            let proved =
                matches!(placed.outcome, PlacementOutcome::Optimal(_) | PlacementOutcome::ProvedInfeasible);
            unproved += u32::from(!proved);
            // A region is grown to the end once it is begun, equal qubits are picked without a search, and a search on
            // the whole device comes on top.
            let most = 2 * budget + 2 * case.pattern.qubits() as u64;
            assert!(placed.steps <= most, "{}: {} steps of {budget}", case.name, placed.steps);
        }
    }
    assert!(unproved > 500, "{unproved}");
}

/// A path fits into a triangle: searches for induced subgraphs deny that.
#[test]
fn subgraphs_need_not_be_induced() {
    let triangle = Scene::new(CouplingMap::ring(3).unwrap(), |coupler| [0.02, 0.01, 0.03][coupler]);
    let path = [(0, 1, 1), (1, 2, 1)];
    insta::assert_snapshot!(
        triangle.show(&mut NoiseAware::default(), "line 3", &path),
        @"line 3: optimal: 1 0 2"
    );
}

/// Heavy weights go to good couplers; equal qubits of an ion trap are told apart by their own errors alone.
#[test]
fn weights_decide() {
    let line = Scene::new(CouplingMap::line(5).unwrap(), |coupler| [0.01, 0.02, 0.001, 0.03][coupler]);
    let trap = Scene::new(CouplingMap::all_to_all(6).unwrap(), |_| 0.004);
    let complete: Vec<(u32, u32, u32)> = (0..4).flat_map(|a| (a + 1..4).map(move |b| (a, b, 3))).collect();
    let shown = [
        line.show(&mut NoiseAware::default(), "line 3", &[(0, 1, 9), (1, 2, 1)]),
        line.show(&mut NoiseAware::default(), "line 4", &[(0, 1, 1), (1, 2, 1), (2, 3, 9)]),
        line.show(&mut NoiseAware::default(), "pairs 4", &[(0, 1, 1), (2, 3, 1)]),
        line.show(&mut NoiseAware::default(), "ring 4", &[(0, 1, 1), (1, 2, 1), (2, 3, 1), (0, 3, 1)]),
        trap.show(&mut NoiseAware::default(), "complete 4", &complete),
        trap.show(&mut NoiseAware::default(), "region 3", &[]),
    ];
    insta::assert_snapshot!(shown.join("\n"), @"
    line 3: optimal: 3 2 1
    line 4: optimal: 0 1 2 3
    pairs 4: optimal: 2 3 0 1
    ring 4: infeasible
    complete 4: optimal: 0 2 3 5
    region 3: optimal: 0 3 5
    ");
}

/// Multiplicities beyond what fixed-point sums hold: still a placement, with a bound on what rounding loses.
#[test]
fn enormous_weights_do_not_overflow() {
    let line = Scene::new(CouplingMap::line(4).unwrap(), |coupler| [0.2, 0.1, 0.3][coupler]);
    let shown = line.show(&mut NoiseAware::default(), "line 3", &[(0, 1, u32::MAX), (1, 2, u32::MAX)]);
    insta::assert_snapshot!(shown, @"line 3: feasible, bounded: 0 1 2");
}

/// Equal errors everywhere, as in files that know averages only: the first placement is proved best at once.
#[test]
fn equal_errors_need_no_search() {
    let scene = Scene::new(CouplingMap::heavy_hex(8, 16).unwrap(), |_| 0.005);
    let ring: Vec<(u32, u32, u32)> = (0..12).map(|v| (v.min((v + 1) % 12), v.max((v + 1) % 12), 1)).collect();
    let edges =
        ring.iter().map(|&(a, b, w)| (crate::quantum::VirtualQubit(a), crate::quantum::VirtualQubit(b), w));
    let pattern = Pattern::from_edges(12, edges.collect(), false);
    let request =
        PlacementRequest { budget: 1_000, ..PlacementRequest::new(&scene.epoch, &scene.free, &pattern) };
    let placed = NoiseAware::default().place(&request);
    assert!(matches!(placed.outcome, PlacementOutcome::Optimal(_)), "{placed:?}");
}

/// One pattern on one device as core time goes on: a miss, a miss that computes, hits; forgotten after its age, and
/// at once where there is no room for it.
#[test]
fn what_is_remembered_is_bounded_by_age_and_size() {
    use crate::allocator::config::SearchMemory;
    use crate::allocator::placement::memory::MemoryUse;
    use crate::time::{Span, Time};
    let scene =
        Scene::new(CouplingMap::heavy_hex(5, 12).unwrap(), |coupler| 0.001 * (1 + coupler % 7) as f64);
    let pattern = Pattern::new(&Topology::Line, 5);
    let request = PlacementRequest::new(&scene.epoch, &scene.free, &pattern);
    let limits = |max_mib| SearchMemory::Bounded { max_mib, max_age: Span::from_secs(10) };
    let mut strategy = NoiseAware::with_memory(limits(1));
    let ask = |strategy: &mut NoiseAware, at_s: u64| {
        strategy.advance(Time::ZERO + Span::from_secs(at_s));
        let before = strategy.memory();
        let placed = strategy.place(&request);
        assert_eq!(placed.outcome, NoiseAware::default().place(&request).outcome);
        let MemoryUse { hits, misses, entries, .. } = strategy.memory();
        format!("{at_s} s: {} entry, {} hit, {} miss", entries, hits - before.hits, misses - before.misses)
    };
    let lines = [0, 1, 2, 11, 12, 22].map(|at_s| ask(&mut strategy, at_s));
    insta::assert_snapshot!(lines.join("\n"), @"
    0 s: 1 entry, 0 hit, 1 miss
    1 s: 1 entry, 0 hit, 1 miss
    2 s: 1 entry, 1 hit, 0 miss
    11 s: 1 entry, 1 hit, 0 miss
    12 s: 1 entry, 1 hit, 0 miss
    22 s: 1 entry, 0 hit, 1 miss
    ");
    let used = strategy.memory();
    assert!(used.entry_bytes_max > 1_000 && used.bytes_peak <= 1 << 20, "{used:?}");
    strategy.advance(Time::ZERO + Span::from_secs(32));
    assert_eq!((strategy.memory().entries, strategy.memory().bytes), (0, 0));
    let mut off = NoiseAware::with_memory(SearchMemory::Off);
    assert_eq!(ask(&mut off, 0), ask(&mut off, 0));
    assert_eq!(off.memory(), MemoryUse::default());
    // A device and patterns so large that one mebibyte holds few of them.
    let scene =
        Scene::new(CouplingMap::heavy_hex(21, 44).unwrap(), |coupler| 0.001 * (1 + coupler % 7) as f64);
    let mut small = NoiseAware::with_memory(limits(1));
    for round in 0..32 {
        let pattern = Pattern::new(&Topology::Line, 10 + round / 2);
        small.place(&PlacementRequest::new(&scene.epoch, &scene.free, &pattern));
        let used = small.memory();
        assert!(used.bytes <= 1 << 20 && used.bytes_peak <= (1 << 20) + used.entry_bytes_max, "{used:?}");
    }
    assert!(small.memory().entries < 10 && small.memory().bytes_peak > 1 << 20, "{:?}", small.memory());
}

/// Programs with all kinds of symmetry on devices with unequal and equal errors, as jobs come and go: whatever the
/// strategy remembers, the answer is that of one that remembers nothing.
#[test]
fn memory_never_shows() {
    let shapes = [
        (Topology::Line, 5),
        (Topology::Line, 12),
        (Topology::Star, 4),
        (Topology::Tree, 7),
        (Topology::Ring, 4),
        (Topology::Ring, 12),
        (Topology::Grid { rows: 2, columns: 3 }, 6),
        (Topology::HeavyHex, 16),
        (Topology::Complete, 3),
    ];
    let patterns: Vec<Pattern> = shapes.iter().map(|(shape, n)| Pattern::new(shape, *n)).collect();
    let maps = [CouplingMap::heavy_hex(5, 12), CouplingMap::grid(6, 7), CouplingMap::line(30)];
    for (number, map) in maps.into_iter().enumerate() {
        for uniform in [false, true] {
            let mut draw = StreamFamily::new(11, 0, Purpose::SyntheticDevice).stream(number as u64, 0);
            let errors: Vec<f64> = (0..200).map(|_| draw.random_range(0.001..0.03)).collect();
            let mut scene =
                Scene::new(
                    map.clone().unwrap(),
                    |coupler| if uniform { 0.01 } else { errors[coupler % 200] },
                );
            let mut remembers = NoiseAware::default();
            let mut forgets = NoiseAware::default();
            let (mut warm, mut cold) = (0, 0);
            for round in 0..700 {
                for _ in 0..4 {
                    let qubit = PhysicalQubit(draw.random_range(0..scene.epoch.qubits() as u32));
                    if draw.random::<f64>() < 0.45 {
                        scene.free.remove(qubit);
                    } else {
                        scene.free.insert(qubit);
                    }
                }
                let pattern = &patterns[draw.random_range(0..patterns.len())];
                let mut request = PlacementRequest::new(&scene.epoch, &scene.free, pattern);
                request.budget = [5, 40, 300, 200_000][draw.random_range(0..4_usize)];
                forgets.forget();
                let expected = forgets.place(&request);
                let placed = remembers.place(&request);
                assert_eq!(placed.outcome, expected.outcome, "map {number}, {uniform}, round {round}");
                (warm, cold) = (warm + placed.steps, cold + expected.steps);
            }
            assert_ne!(warm, cold, "nothing was remembered");
        }
    }
}

/// IQM's square lattice has nine qubits on one side and eleven on the other: no line of twenty visits all of them, which
/// a search would take tens of thousands of steps to prove. One of nineteen does, but needs ten on one side.
#[test]
fn what_needs_more_on_one_side_is_refused_at_a_glance() {
    let device = catalogue::load("iqm_garnet").unwrap();
    let (map, calibration) = (device.coupling_map.clone(), device.calibration.clone());
    let epoch = Epoch::new(EpochNumber(1), map, calibration, &QubitSet::new(20), &[]);
    let all = QubitSet::full(20);
    let placed = |qubits: u32| {
        let pattern = Pattern::new(&Topology::Line, qubits);
        NoiseAware::default().place(&PlacementRequest::new(&epoch, &all, &pattern))
    };
    assert_eq!(placed(20), Placed { outcome: PlacementOutcome::ProvedInfeasible, steps: 0 });
    assert!(matches!(placed(19).outcome, PlacementOutcome::Optimal(_)));
    let sides = |topology, qubits| Pattern::new(&topology, qubits).sides();
    assert_eq!(sides(Topology::Line, 19), Some((10, 9)));
    assert_eq!(sides(Topology::Star, 5), Some((4, 1)));
    assert_eq!(sides(Topology::Ring, 5), None);
}
