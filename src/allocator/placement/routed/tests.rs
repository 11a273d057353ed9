use smallvec::SmallVec;

use super::*;
use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::testing::{Case, Scene};
use crate::allocator::placement::{Objective, Placement};
use crate::quantum::{QubitSet, VirtualQubit, catalogue};

/// The least objective of all routed layouts, by trying them all.
fn best(request: &PlacementRequest<'_>) -> Option<u64> {
    fn extend(
        request: &PlacementRequest<'_>,
        layout: &mut SmallVec<[PhysicalQubit; 8]>,
        best: &mut Option<u64>,
    ) {
        if layout.len() == request.pattern.qubits() {
            if let Some(Placement { objective, .. }) = placement_of_routed_layout(request, layout.clone()) {
                *best = Some(best.map_or(objective, |least: u64| least.min(objective)));
            }
            return;
        }
        for qubit in request.free {
            if !layout.contains(&qubit) {
                layout.push(qubit);
                extend(request, layout, best);
                layout.pop();
            }
        }
    }
    let mut least = None;
    extend(request, &mut SmallVec::new(), &mut least);
    least
}

/// Legal and within limits, proofs that hold, and near the best of all regions and layouts.
#[test]
fn brute_force_agrees_on_what_is_possible_and_is_rarely_better() {
    let mut strategy = Region::default();
    let (mut cases, mut equal, mut worst, mut total) = (0, 0, 1.0_f64, 0.0);
    for number in 0..1_200 {
        let case = Case::random(number);
        let layouts: usize =
            (0..case.pattern.qubits()).map(|taken| case.free.len().saturating_sub(taken)).product();
        if case.pattern.is_region() || layouts > 2_000 {
            continue;
        }
        let max_swaps = [None, None, Some(1), Some(4)][number as usize % 4];
        let request = PlacementRequest { max_swaps, ..case.request(100_000) };
        let placed = strategy.place(&request);
        assert_eq!(placed, Region::default().place(&request), "{}", case.name);
        match (placed.outcome, best(&request)) {
            (PlacementOutcome::Feasible { placement, gap: None }, Some(least)) => {
                let again = placement_of_routed_layout(&request, placement.layout.clone());
                assert_eq!(again.as_ref(), Some(&placement), "{}", case.name);
                let swaps = placement.routing.map_or(0, |routing| routing.swaps);
                assert!(max_swaps.is_none_or(|most| swaps <= most));
                cases += 1;
                equal += usize::from(placement.objective == least);
                let ratio = placement.objective as f64 / (least.max(1)) as f64;
                worst = worst.max(ratio);
                total += ratio;
            }
            // Where all couplers are alike, it takes no search.
            (PlacementOutcome::Optimal(placement), Some(least)) => {
                assert_eq!((placement.objective, placement.routing), (least, None), "{}", case.name);
            }
            (PlacementOutcome::ProvedInfeasible, None) => {}
            // Packing several components, or keeping to a limit, is not what the search minimises.
            (PlacementOutcome::BudgetExhausted, _) => {
                assert!(max_swaps.is_some() || case.pattern.edges().len() < case.pattern.qubits());
            }
            (outcome, least) => panic!("{}: {outcome:?}, brute force {least:?}", case.name),
        }
    }
    let mean = total / cases as f64;
    println!("{cases} cases, {equal} best, mean {mean:.4}, worst {worst:.3}");
    assert!(cases > 300 && equal * 10 > cases as usize * 7, "{equal} of {cases}");
    assert!(mean < 1.05, "{mean}");
}

fn pattern(qubits: u32, edges: impl IntoIterator<Item = (u32, u32)>) -> Pattern {
    let edges = edges.into_iter().map(|(a, b)| (VirtualQubit(a), VirtualQubit(b), 1));
    Pattern::from_edges(qubits, edges.collect(), false)
}

fn complete(qubits: u32) -> Pattern {
    pattern(qubits, (0..qubits).flat_map(|a| (a + 1..qubits).map(move |b| (a, b))))
}

/// Programs that no heavy-hex device can embed.
#[test]
fn dense_programs_get_compact_regions() {
    let device = catalogue::load("ibm_fez").unwrap();
    let none = QubitSet::new(device.coupling_map.qubits());
    let number = crate::allocator::protocol::EpochNumber(1);
    let epoch = Epoch::new(number, device.coupling_map.clone(), device.calibration.clone(), &none, &[]);
    let shapes = [
        ("star 5", pattern(5, (1..5).map(|v| (0, v)))),
        ("square 2x3", pattern(6, [(0, 1), (1, 2), (3, 4), (4, 5), (0, 3), (1, 4), (2, 5)])),
        ("complete 6", complete(6)),
        ("complete 12", complete(12)),
        ("two stars", pattern(10, (1..5).flat_map(|v| [(0, v), (5, 5 + v)]))),
    ];
    let mut lines = Vec::new();
    for (name, shape) in &shapes {
        let request = PlacementRequest::new(&epoch, &epoch.usable, shape);
        let PlacementOutcome::Feasible { placement, .. } = Region::default().place(&request).outcome else {
            panic!("{name}");
        };
        let swaps = placement.routing.unwrap().swaps;
        let held = QubitSet::from_qubits(epoch.qubits(), placement.layout.iter().copied());
        let parts = if *name == "two stars" { 2 } else { 1 };
        assert!(device.coupling_map.largest_region(&held) * parts >= held.len(), "{name}");
        // With connectivity alone in mind there are no more SWAPs.
        let objective = Objective { noise_permille: 0, ..Objective::default() };
        let blind = Region::default().place(&PlacementRequest { objective, ..request }).outcome;
        let PlacementOutcome::Feasible { placement: blind, .. } = blind else { panic!("{name}") };
        assert!(blind.cost >= placement.cost, "{name}");
        let blind = blind.routing.unwrap().swaps;
        assert!(blind <= swaps + 1, "{name}: {blind} {swaps}");
        lines.push(format!("{name}: {swaps}"));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    star 5: 1
    square 2x3: 4
    complete 6: 11
    complete 12: 72
    two stars: 2
    ");
}

#[test]
fn what_cannot_be_is_proved() {
    let mut scene = Scene::grid(3, 3);
    scene.busy(&[3, 4, 5]);
    let (three, four) = (complete(3), complete(4));
    let answer = |pattern: &Pattern, max_swaps| {
        let request =
            PlacementRequest { max_swaps, ..PlacementRequest::new(&scene.epoch, &scene.free, pattern) };
        match Region::default().place(&request).outcome {
            PlacementOutcome::Feasible { placement, .. } => {
                placement.routing.map_or(0, |r| r.swaps).to_string()
            }
            other => format!("{other:?}"),
        }
    };
    let shown =
        [answer(&three, None), answer(&four, None), answer(&three, Some(1)), answer(&complete(3), Some(0))];
    // Two rows of three are free: no four qubits hang together. A triangle on a line takes 1.06 SWAPs, which is more
    // than one; that no other layout takes fewer is not proved.
    insta::assert_snapshot!(shown.join("\n"), @"
    2
    ProvedInfeasible
    BudgetExhausted
    BudgetExhausted
    ");
}

/// Any budget gives a legal answer, and a larger one no worse answer.
#[test]
fn budgets_limit_the_search_and_not_the_answer() {
    let device = catalogue::load("ibm_fez").unwrap();
    let none = QubitSet::new(device.coupling_map.qubits());
    let number = crate::allocator::protocol::EpochNumber(1);
    let epoch = Epoch::new(number, device.coupling_map.clone(), device.calibration.clone(), &none, &[]);
    let shape = complete(14);
    let mut objectives = Vec::new();
    for budget in [1, 1_000, 20_000, 200_000] {
        let request = PlacementRequest { budget, ..PlacementRequest::new(&epoch, &epoch.usable, &shape) };
        let placed = Region::default().place(&request);
        assert!(placed.steps < 2 * budget + 2_000, "{budget}: {}", placed.steps);
        let PlacementOutcome::Feasible { placement, .. } = placed.outcome else { panic!("{budget}") };
        objectives.push(placement.objective);
    }
    assert!(objectives[3] < objectives[0], "{objectives:?}");
}
