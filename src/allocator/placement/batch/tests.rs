//! Batches against all joint placements, and matchings against all matchings.

use rand::RngExt;

use super::matching::cheapest_matching;
use super::problem::Rank;
use super::*;
use crate::allocator::placement::Objective;
use crate::allocator::placement::exact::NoiseAware;
use crate::allocator::placement::testing::{Case, Scene};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet, VirtualQubit};
use crate::random::Stream;

/// Number of vertices, edges with weights, and whether any connected region will do.
type Shape = (u32, &'static [(u32, u32, u32)], bool);

/// Random jobs of up to three qubits on a random device.
struct Batch {
    case: Case,
    patterns: Vec<Pattern>,
    buffer_distance: u32,
}

impl Batch {
    fn random(number: u64) -> Self {
        let mut draw = StreamFamily::new(9, 0, Purpose::SyntheticDevice).stream(number, 0);
        let shapes: [Shape; 7] = [
            (1, &[], false),
            (2, &[(0, 1, 1)], false),
            (2, &[(0, 1, 3)], false),
            (3, &[(0, 1, 1), (1, 2, 1)], false),
            (3, &[(0, 1, 2), (1, 2, 1)], false),
            (3, &[(0, 1, 1), (0, 2, 1), (1, 2, 1)], false),
            (3, &[], true),
        ];
        let alike = draw.random::<f64>() < 0.4;
        let one = draw.random_range(0..shapes.len());
        let patterns = (0..draw.random_range(2..=3)).map(|_| {
            let (qubits, edges, region) =
                shapes[if alike { one } else { draw.random_range(0..shapes.len()) }];
            let edges = edges.iter().map(|&(a, b, weight)| (VirtualQubit(a), VirtualQubit(b), weight));
            Pattern::from_edges(qubits, edges.collect(), region)
        });
        Self {
            patterns: patterns.collect(),
            buffer_distance: [0, 0, 1, 2][draw.random_range(0..4_usize)],
            case: Case::random(number),
        }
    }

    fn jobs(&self) -> Vec<BatchJob<'_>> {
        let request = self.case.request(1);
        let PlacementRequest { free, barred_couplers, objective, .. } = request;
        let job = |pattern| BatchJob { pattern, free, barred_couplers, objective };
        self.patterns.iter().map(job).collect()
    }

    fn request<'a>(&'a self, jobs: &'a [BatchJob<'a>], budget: u64) -> BatchRequest<'a> {
        let epoch = &self.case.epoch;
        BatchRequest { epoch, jobs, buffer_distance: self.buffer_distance, budget }
    }
}

/// All sets of qubits that a job can run on, each at its least objective.
fn choices(request: &PlacementRequest<'_>) -> Vec<(QubitSet, u64)> {
    let mut choices: Vec<(QubitSet, u64)> = Vec::new();
    let mut layout = SmallVec::new();
    extend(request, &mut layout, &mut choices);
    choices
}

fn extend(
    request: &PlacementRequest<'_>,
    layout: &mut SmallVec<[PhysicalQubit; 8]>,
    choices: &mut Vec<(QubitSet, u64)>,
) {
    if layout.len() == request.pattern.qubits() {
        if let Some(placement) = placement_of_layout(request, layout.clone()) {
            let set = QubitSet::from_qubits(request.epoch.qubits(), layout.iter().copied());
            match choices.iter_mut().find(|(known, _)| *known == set) {
                Some((_, least)) => *least = placement.objective.min(*least),
                None => choices.push((set, placement.objective)),
            }
        }
        return;
    }
    for qubit in request.free {
        layout.push(qubit);
        extend(request, layout, choices);
        layout.pop();
    }
}

/// The best answer of all: jobs left out, qubits placed (negative), objective.
fn best(request: &BatchRequest<'_>) -> Rank {
    let choices: Vec<_> = (0..request.jobs.len()).map(|job| choices(&request.alone(job))).collect();
    let mut best = (usize::MAX, usize::MAX, u64::MAX);
    join(request, &choices, &mut Vec::new(), (0, usize::MAX, 0), &mut best);
    best
}

fn join<'a>(
    request: &BatchRequest<'_>,
    choices: &'a [Vec<(QubitSet, u64)>],
    chosen: &mut Vec<&'a QubitSet>,
    so_far: Rank,
    best: &mut Rank,
) {
    let Some((first, rest)) = choices.split_first() else {
        *best = so_far.min(*best);
        return;
    };
    join(request, rest, chosen, (so_far.0 + 1, so_far.1, so_far.2), best);
    for (set, cost) in first {
        let apart = |other: &&QubitSet| {
            set.is_disjoint(other)
                && request.epoch.map.distance(set, other).is_none_or(|d| d > request.buffer_distance)
        };
        if chosen.iter().all(apart) {
            chosen.push(set);
            join(request, rest, chosen, (so_far.0, so_far.1 - set.len(), so_far.2 + cost), best);
            chosen.pop();
        }
    }
}

/// Panics unless all placements are legal and keep their distance.
fn check(request: &BatchRequest<'_>, placed: &PlacedBatch, name: &str) {
    let mut sets: Vec<QubitSet> = Vec::new();
    for (job, placement) in placed.placements.iter().enumerate() {
        let Some(placement) = placement else { continue };
        let again = placement_of_layout(&request.alone(job), placement.layout.clone());
        assert_eq!(again.as_ref(), Some(placement), "{name}");
        let set = QubitSet::from_qubits(request.epoch.qubits(), placement.layout.iter().copied());
        for other in &sets {
            let distance = request.epoch.map.distance(&set, other);
            assert!(set.is_disjoint(other), "{name}");
            assert!(distance.is_none_or(|d| d > request.buffer_distance), "{name}");
        }
        sets.push(set);
    }
}

/// Legal, never worse than one after the other, the bound holds, and what is called best is best.
#[test]
fn agrees_with_brute_force() {
    let (mut proved, mut left_out, mut missed, mut total) = (0, 0, 0, 0);
    for number in 0..1_200 {
        let batch = Batch::random(number);
        let jobs = batch.jobs();
        let name = format!("batch {number}");
        let best = best(&batch.request(&jobs, 1));
        for budget in [40, 100_000] {
            let request = batch.request(&jobs, budget);
            let placed = place(&request, &mut NoiseAware::default());
            check(&request, &placed, &name);
            let rank = rank(&placed.placements);
            assert!(best <= rank, "{name}: {best:?}, {rank:?}");
            let mut solver = Solver {
                request: &request,
                strategy: &mut NoiseAware::default(),
                alike: alike(&request),
                steps: 0,
            };
            assert!(rank <= super::rank(&solver.one_after_the_other()), "{name}");
            assert!(!placed.cannot_all_fit || best.0 > 0, "{name}");
            if let Some(gap) = placed.gap.filter(|_| rank.0 == 0) {
                assert!(rank.2 - best.2 <= gap, "{name}: {gap}, {best:?}, {rank:?}");
            }
            if budget > 40 {
                total += 1;
                proved += u32::from(placed.gap == Some(0));
                left_out += u32::from(best.0 > 0);
                missed += u32::from(rank != best);
            }
        }
    }
    let shown = format!("{proved} proved, {left_out} do not all fit, {missed} not best, of {total}");
    assert!(proved > total / 3 && left_out > 100 && missed < total / 10, "{shown}");
}

/// The answer does not depend on what a strategy was used for before.
#[test]
fn history_makes_no_difference() {
    let mut strategy = NoiseAware::default();
    for number in 0..200 {
        let batch = Batch::random(number);
        let jobs = batch.jobs();
        let request = batch.request(&jobs, 2_000);
        let (used, fresh) = (place(&request, &mut strategy), place(&request, &mut NoiseAware::default()));
        assert_eq!((used.placements, used.gap), (fresh.placements, fresh.gap), "{number}");
    }
}

fn random_graph(draw: &mut Stream) -> (usize, Vec<(u32, u32, u64)>) {
    let nodes = draw.random_range(2_u32..=9);
    let density = [0.2, 0.4, 0.7, 1.0][draw.random_range(0..4_usize)];
    let bipartite = draw.random::<bool>();
    let equal = draw.random::<f64>() < 0.2;
    let mut edges = Vec::new();
    for a in 0..nodes {
        for b in a + 1..nodes {
            if draw.random::<f64>() < density && !(bipartite && (a + b) % 2 == 0) {
                edges.push((a, b, if equal { 5 } else { draw.random_range(0..50) }));
            }
        }
    }
    (nodes as usize, edges)
}

/// Least cost of each number of edges, by trying all matchings.
fn all_matchings(edges: &[(u32, u32, u64)], used: u32, count: usize, cost: u64, least: &mut Vec<u64>) {
    if least.len() <= count {
        least.resize(count + 1, u64::MAX);
    }
    least[count] = least[count].min(cost);
    for (at, &(a, b, more)) in edges.iter().enumerate() {
        if used & (1 << a | 1 << b) == 0 {
            all_matchings(&edges[at + 1..], used | 1 << a | 1 << b, count + 1, cost + more, least);
        }
    }
}

/// Exactly the least cost for every number of edges, on bipartite and other graphs.
#[test]
fn matchings_are_cheapest() {
    for number in 0..3_000 {
        let mut draw = StreamFamily::new(10, 0, Purpose::SyntheticDevice).stream(number, 0);
        let (nodes, edges) = random_graph(&mut draw);
        let mut least = Vec::new();
        all_matchings(&edges, 0, 0, 0, &mut least);
        for wanted in 0..=nodes / 2 + 1 {
            let matched = cheapest_matching(nodes, &edges, wanted).expect("small");
            let mut used = 0_u32;
            for &edge in &matched {
                let ends = 1 << edges[edge].0 | 1 << edges[edge].1;
                assert_eq!(used & ends, 0, "{number}");
                used |= ends;
            }
            assert_eq!(matched.len(), wanted.min(least.len() - 1), "{number}");
            let cost: u64 = matched.iter().map(|&edge| edges[edge].2).sum();
            assert_eq!(cost, least[matched.len()], "graph {number}, {wanted} edges");
        }
    }
}

/// A complete device with unequal couplers: the blossom algorithm, through the door.
#[test]
fn pairs_on_an_ion_trap_are_proved() {
    let scene = Scene::new(CouplingMap::all_to_all(12).unwrap(), |coupler| {
        0.001 + (coupler * 7919 % 101) as f64 * 1e-4
    });
    let pair = Pattern::from_edges(2, vec![(VirtualQubit(0), VirtualQubit(1), 1)], false);
    let objective = Objective::default();
    let jobs = [BatchJob { pattern: &pair, free: &scene.free, barred_couplers: None, objective }; 7];
    let mut shown = Vec::new();
    for count in [3, 6, 7] {
        let request =
            BatchRequest { epoch: &scene.epoch, jobs: &jobs[..count], buffer_distance: 0, budget: 1_000 };
        let placed = place(&request, &mut NoiseAware::default());
        check(&request, &placed, "trap");
        let pairs =
            placed.placements.iter().flatten().map(|p| format!("{}-{}", p.layout[0].0, p.layout[1].0));
        let pairs: Vec<String> = pairs.collect();
        shown.push(format!("{count}: {} gap {:?}", pairs.join(" "), placed.gap));
    }
    insta::assert_snapshot!(shown.join("\n"), @"
    3: 0-1 3-11 4-9 gap Some(0)
    6: 0-11 5-8 1-6 7-9 3-4 2-10 gap Some(0)
    7: 0-11 5-8 1-6 7-9 3-4 2-10 gap Some(0)
    ");
}

/// The first job alone would take the middle of the line, where nobody else fits beside it.
#[test]
fn the_first_gives_way() {
    // The best three qubits lie in the middle and leave no room for three more.
    let scene = Scene::new(CouplingMap::line(6).unwrap(), |coupler| [0.02, 0.01, 0.001, 0.01, 0.02][coupler]);
    let edges = [(0, 1, 1), (1, 2, 1), (3, 4, 1), (4, 5, 1)];
    let shown = scene.show(&mut NoiseAware::default(), "lines 6", &edges);
    insta::assert_snapshot!(shown, @"lines 6: optimal: 3 4 5 0 1 2");
}

#[test]
fn parts_keep_the_order_of_virtual_qubits() {
    let edges = [(0, 4, 2), (1, 3, 1), (3, 6, 1)];
    let edges = edges.map(|(a, b, weight)| (VirtualQubit(a), VirtualQubit(b), weight));
    let parts = components::split(&Pattern::from_edges(7, edges.to_vec(), false));
    let shown = parts.iter().map(|part| {
        let vertices: Vec<u32> = part.vertices.iter().map(|v| v.0).collect();
        let edges: Vec<_> =
            part.pattern.edges().iter().map(|e| format!("{}-{}x{}", e.0.0, e.1.0, e.2)).collect();
        format!("{vertices:?} {}", edges.join(" "))
    });
    insta::assert_snapshot!(shown.collect::<Vec<_>>().join("\n"), @"
    [0, 4] 0-1x2
    [1, 3, 6] 0-1x1 1-2x1
    [2] 
    [5] 
    ");
}
