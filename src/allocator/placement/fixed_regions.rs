//! Fixed regions: a device divided once and for all, one job per region, as published systems share devices
//! (HyperQ, OSDI 2025: nine regions of seven qubits with one idle qubit between on a device of 127).
//!
//! Promises the smallest free region that can take the job, the first of equal ones, and inside it the answer of
//! [`super::topology_aware`]. A region is free when nobody holds or blocks any qubit of it that the job could use. The
//! division depends on the couplers of a device alone, not on what is dead or busy.

use std::sync::Arc;

use super::memory::MemoryUse;
use super::topology_aware::TopologyAware;
use super::{Capabilities, Placed, PlacementOutcome, PlacementRequest, PlacementStrategy};
use std::cmp::Reverse;

use crate::allocator::config::{FixedRegionsConfig, SearchMemory};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet};
use crate::time::Time;

/// The strategy; remembers divisions of devices, which answers do not depend on.
#[derive(Debug)]
pub struct FixedRegions {
    config: FixedRegionsConfig,
    divisions: Vec<(Arc<CouplingMap>, Arc<[QubitSet]>)>,
    inside: TopologyAware,
}

/// Divisions remembered at a time.
const DIVISIONS_KEPT_MAX: usize = 4096;

impl FixedRegions {
    /// The strategy with the given regions.
    pub fn new(config: FixedRegionsConfig) -> Self {
        Self { config, divisions: Vec::new(), inside: TopologyAware::default() }
    }

    /// The same with limits on what searches inside of regions remember.
    #[must_use]
    pub fn with_memory(self, config: SearchMemory) -> Self {
        Self { inside: TopologyAware::with_memory(config), ..self }
    }

    fn division(&mut self, map: &Arc<CouplingMap>) -> Arc<[QubitSet]> {
        if let Some((_, known)) = self.divisions.iter().find(|(known, _)| Arc::ptr_eq(known, map)) {
            return known.clone();
        }
        let regions: Arc<[QubitSet]> = divide(map, &self.config).into();
        if self.divisions.len() >= DIVISIONS_KEPT_MAX {
            self.divisions.clear();
        }
        self.divisions.push((map.clone(), regions.clone()));
        regions
    }
}

impl PlacementStrategy for FixedRegions {
    fn capabilities(&self) -> Capabilities {
        Capabilities { steady: true, anywhere: false, ..Capabilities::default() }
    }

    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let wanted = request.pattern.qubits();
        let regions = self.division(&request.epoch.map);
        let open_parts = regions.iter().map(|region| useful_part(region, request));
        let open_parts: Vec<QubitSet> =
            open_parts.filter(|part| !part.is_empty() && part.is_subset(request.free)).collect();
        let wide = open_parts.iter().filter(|part| part.len() >= wanted);
        let mut open: Vec<(usize, QubitSet)> = wide.map(|part| (part.len(), part.clone())).collect();
        open.sort_by_key(|(qubits, _)| *qubits);
        if open.is_empty() && self.config.joined {
            let (map, gap) = (&request.epoch.map, self.config.gap);
            let union = joined(map, &open_parts, gap, wanted, request.free);
            open.extend(union.map(|union| (union.len(), union)));
        }
        let mut steps = 0;
        let mut gave_up = false;
        // A region where the program embeds is better than a smaller one where it must be routed.
        let limits = [Some(0), request.max_swaps];
        let limits = if request.max_swaps == Some(0) { &limits[..1] } else { &limits[..] };
        // Equal shares: what one search leaves over may depend on what it remembers.
        let searches = (limits.len() * open.len()).max(1) as u64;
        let budget = (request.budget / searches).max(1);
        for &max_swaps in limits {
            for (_, free) in &open {
                let inside = PlacementRequest { free, max_swaps, budget, ..*request };
                let placed = self.inside.place(&inside);
                steps += placed.steps;
                match placed.outcome {
                    PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } => {
                        return Placed {
                            outcome: PlacementOutcome::Feasible { placement, gap: None },
                            steps,
                        };
                    }
                    PlacementOutcome::ProvedInfeasible => {}
                    PlacementOutcome::BudgetExhausted => gave_up = true,
                }
            }
        }
        let outcome =
            if gave_up { PlacementOutcome::BudgetExhausted } else { PlacementOutcome::ProvedInfeasible };
        Placed { outcome, steps }
    }

    fn forget(&mut self) {
        self.divisions.clear();
        self.inside.forget();
    }

    fn advance(&mut self, now: Time) {
        self.inside.advance(now);
    }

    fn memory(&self) -> MemoryUse {
        self.inside.memory()
    }
}

/// Cuts connected regions out of a device, one after the other: of the regions grown from every qubit that is left the
/// one that makes the fewest others useless (idle ones around it, and remainders too small for another), then the
/// first.
pub fn divide(map: &CouplingMap, config: &FixedRegionsConfig) -> Vec<QubitSet> {
    let mut left = QubitSet::full(map.qubits());
    let mut regions = Vec::new();
    let mut sizes = config.sizes.iter().copied().peekable();
    while let Some(&size) = sizes.peek() {
        if config.count.is_some_and(|most| regions.len() as u32 >= most) {
            break;
        }
        // Where all are neighbours, the first start is as good as any.
        let starts: Vec<PhysicalQubit> =
            left.iter().take(if map.is_complete() { 1 } else { usize::MAX }).collect();
        let grown = starts.into_iter().filter_map(|start| grow(map, &left, start, size as usize));
        let best = grown.min_by_key(|region| {
            let mut rest = left.clone();
            rest.subtract(&map.dilate(region, config.gap));
            left.len() - useful(map, &rest, size as usize)
        });
        match best {
            Some(region) => {
                left.subtract(&map.dilate(&region, config.gap));
                regions.push(region);
                // The last size is repeated.
                if sizes.len() > 1 {
                    sizes.next();
                }
            }
            None => {
                sizes.next();
            }
        }
    }
    regions
}

/// The qubits of a region that the job could use if the device were empty.
fn useful_part(region: &QubitSet, request: &PlacementRequest<'_>) -> QubitSet {
    let mut useful = region.clone();
    useful.intersect_with(&request.epoch.usable);
    if let Some(when_empty) = request.when_empty {
        useful.intersect_with(when_empty);
    }
    useful
}

/// The fewest neighbouring regions found that hold at least `wanted` qubits, with the free qubits that join them: grown
/// from every region by the largest neighbour, the first of equal ones. `regions` are the parts of open regions that the
/// job may use: whatever else they hold may be dead, or somebody else's.
fn joined(
    map: &CouplingMap,
    regions: &[QubitSet],
    gap: u32,
    wanted: usize,
    free: &QubitSet,
) -> Option<QubitSet> {
    let mut best: Option<(usize, QubitSet)> = None;
    let mut by_size: Vec<usize> = (0..regions.len()).collect();
    by_size.sort_by_key(|&index| (Reverse(regions[index].len()), index));
    let suffices = |held: usize, union: &QubitSet| held >= wanted && map.largest_region(union) >= wanted;
    for first in 0..regions.len() {
        let mut taken = vec![first];
        let mut held = regions[first].len();
        let mut union = regions[first].clone();
        while !suffices(held, &union) && best.as_ref().is_none_or(|(fewest, _)| taken.len() < *fewest) {
            let with = |next| Some((next, with(map, &union, &regions[next], gap, free)?));
            let added = if map.is_complete() {
                // All are neighbours.
                by_size.iter().copied().find(|next| !taken.contains(next)).and_then(with)
            } else {
                let others = (0..regions.len()).filter(|next| !taken.contains(next));
                others.filter_map(with).max_by_key(|(next, _)| (regions[*next].len(), Reverse(*next)))
            };
            let Some((next, larger)) = added else { break };
            taken.push(next);
            held += regions[next].len();
            union = larger;
        }
        if suffices(held, &union) && best.as_ref().is_none_or(|(fewest, _)| taken.len() < *fewest) {
            best = Some((taken.len(), union));
        }
    }
    best.map(|(_, union)| union)
}

/// Two sets with what is free within the gap of both, where that joins them.
fn with(map: &CouplingMap, one: &QubitSet, other: &QubitSet, gap: u32, free: &QubitSet) -> Option<QubitSet> {
    if map.is_complete() && gap == 0 {
        let mut union = one.clone();
        union.union_with(other);
        return Some(union);
    }
    let mut union = map.dilate(one, gap);
    union.intersect_with(&map.dilate(other, gap));
    union.intersect_with(free);
    union.union_with(one);
    union.union_with(other);
    let mut reached = QubitSet::from_qubits(map.qubits(), other.first());
    loop {
        let mut wider = map.dilate(&reached, 1);
        wider.intersect_with(&union);
        if wider == reached {
            break;
        }
        reached = wider;
    }
    (!reached.is_disjoint(one)).then_some(union)
}

/// Qubits in connected parts of at least the given size.
fn useful(map: &CouplingMap, left: &QubitSet, size: usize) -> usize {
    if map.is_complete() {
        return if left.len() >= size { left.len() } else { 0 };
    }
    let mut unseen = left.clone();
    let mut total = 0;
    while let Some(start) = unseen.first() {
        let mut part = vec![start];
        unseen.remove(start);
        let mut next = 0;
        while let Some(&qubit) = part.get(next) {
            next += 1;
            part.extend(map.neighbours(qubit).iter().map(|(to, _)| *to).filter(|to| unseen.remove(*to)));
        }
        if part.len() >= size {
            total += part.len();
        }
    }
    total
}

/// A region from `start`: next comes always the neighbour with the fewest ways out, then the lowest.
fn grow(map: &CouplingMap, left: &QubitSet, start: PhysicalQubit, size: usize) -> Option<QubitSet> {
    if map.is_complete() {
        let from_start = left.iter().skip_while(|&qubit| qubit != start);
        let region = QubitSet::from_qubits(map.qubits(), from_start.take(size));
        return (region.len() == size).then_some(region);
    }
    let mut region = QubitSet::from_qubits(map.qubits(), [start]);
    let mut rim = QubitSet::new(map.qubits());
    let mut last = start;
    while region.len() < size {
        for &(to, _) in map.neighbours(last) {
            if left.contains(to) && !region.contains(to) {
                rim.insert(to);
            }
        }
        let ways_out = |qubit: PhysicalQubit| {
            let neighbours = map.neighbours(qubit).iter();
            neighbours.filter(|(to, _)| left.contains(*to) && !region.contains(*to)).count()
        };
        last = rim.iter().min_by_key(|&qubit| (ways_out(qubit), qubit))?;
        rim.remove(last);
        region.insert(last);
    }
    Some(region)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::pattern::Pattern;
    use crate::allocator::placement::testing::Scene;
    use crate::quantum::catalogue;

    fn config(sizes: &[u32], gap: u32) -> FixedRegionsConfig {
        FixedRegionsConfig { sizes: sizes.to_vec(), gap, ..FixedRegionsConfig::default() }
    }

    /// Connected, of the asked size, and apart from each other; as many as published for seven qubits on 127.
    /// A thousand qubits that are all neighbours are cut from the first to the last, at once.
    #[test]
    fn complete_maps_are_cut_in_order() {
        let config = FixedRegionsConfig { sizes: vec![27], gap: 0, ..FixedRegionsConfig::default() };
        let map = CouplingMap::all_to_all(1_000).unwrap();
        let regions = divide(&map, &config);
        assert_eq!(regions.len(), 37);
        let free = QubitSet::full(1_000);
        for (number, region) in (0_u32..).zip(&regions) {
            let expected = (27 * number..27 * (number + 1)).map(PhysicalQubit);
            assert_eq!(region, &QubitSet::from_qubits(1_000, expected));
        }
        let union = joined(&map, &regions, 0, 100, &free).unwrap();
        assert_eq!(union, QubitSet::from_qubits(1_000, (0..108).map(PhysicalQubit)));
        assert_eq!(joined(&map, &regions, 0, 1_000, &free), None);
        let apart = divide(&map, &FixedRegionsConfig { gap: 1, ..config });
        assert_eq!(apart.len(), 1, "whatever lies beside one is within its gap");
    }

    #[test]
    fn regions_are_connected_and_apart() {
        let device = catalogue::load("ibm_brisbane").unwrap();
        let map = &device.coupling_map;
        for (settings, at_least) in
            [(config(&[7], 1), 9), (config(&[27], 1), 3), (config(&[27, 7, 3], 2), 6), (config(&[5], 0), 22)]
        {
            let regions = divide(map, &settings);
            assert!(regions.len() >= at_least, "{settings:?}: {}", regions.len());
            for (number, region) in regions.iter().enumerate() {
                assert!(settings.sizes.contains(&(region.len() as u32)));
                assert_eq!(map.largest_region(region), region.len());
                for other in &regions[..number] {
                    assert!(map.distance(region, other).is_none_or(|apart| apart > settings.gap));
                }
            }
        }
        let nine = FixedRegionsConfig { count: Some(9), ..config(&[7], 1) };
        assert_eq!(divide(map, &nine).len(), 9);
    }

    /// A program of 27 qubits on nine regions of seven gets four of them and what lies between.
    #[test]
    fn wide_programs_get_neighbouring_regions() {
        let device = catalogue::load("ibm_brisbane").unwrap();
        let map = &device.coupling_map;
        let nine = FixedRegionsConfig { count: Some(9), ..config(&[7], 1) };
        let regions = divide(map, &nine);
        let union = joined(map, &regions, 1, 27, &QubitSet::full(map.qubits())).unwrap();
        let inside = regions.iter().filter(|region| region.is_subset(&union)).count();
        assert!(union.len() >= 27 && inside <= 4, "{} qubits of {inside} regions", union.len());
        assert_eq!(map.largest_region(&union), union.len());
        let apart = regions.iter().filter(|region| !region.is_subset(&union));
        assert!(
            apart.clone().count() >= 5
                && apart.clone().all(|region| map.distance(region, &union).is_some_and(|far| far >= 1))
        );
        assert_eq!(joined(map, &regions, 1, 100, &QubitSet::full(map.qubits())), None);
    }

    /// What is found in one region leaves the others their budget, whatever was remembered.
    #[test]
    fn memory_never_shows() {
        let map = CouplingMap::grid(8, 8).unwrap();
        let scene = Scene::new(map, |coupler| 0.001 + 0.029 * ((coupler * 37) % 101) as f64 / 101.0);
        let settings = config(&[16, 12, 9], 0);
        let mut remembers = FixedRegions::new(settings.clone());
        let mut found = 0;
        for round in 0..240_u64 {
            let qubits = 5 + (round % 4) as u32;
            let edges = (1..qubits)
                .map(|v| (crate::quantum::VirtualQubit(v - 1), crate::quantum::VirtualQubit(v), 1));
            let pattern = Pattern::from_edges(qubits, edges.collect(), false);
            let request = PlacementRequest {
                budget: 20 + 17 * (round % 60),
                max_swaps: Some(0),
                ..PlacementRequest::new(&scene.epoch, &scene.free, &pattern)
            };
            let expected = FixedRegions::new(settings.clone()).place(&request).outcome;
            assert_eq!(remembers.place(&request).outcome, expected, "round {round}");
            found += usize::from(matches!(expected, PlacementOutcome::Feasible { .. }));
        }
        assert!(found > 50 && remembers.memory().hits > 0, "{found}, {:?}", remembers.memory());
    }

    /// Regions are joined by what the job may use of them: a qubit that it may not use, or that somebody holds who could
    /// use it, neither belongs to the whole nor connects it.
    #[test]
    fn joined_regions_hold_nothing_but_free_qubits() {
        let mut held_by_others = 0;
        for number in 0..400_u64 {
            let case = crate::allocator::placement::testing::Case::random(number);
            let request = case.request(10_000);
            let settings = FixedRegionsConfig {
                joined: true,
                ..config(&[2 + (number % 3) as u32], (number % 2) as u32)
            };
            let when_empty = request.epoch.usable.clone();
            let request = PlacementRequest { when_empty: Some(&when_empty), max_swaps: Some(0), ..request };
            if let PlacementOutcome::Feasible { placement, .. } =
                FixedRegions::new(settings).place(&request).outcome
            {
                assert!(placement.layout.iter().all(|qubit| request.free.contains(*qubit)), "case {number}");
                held_by_others += usize::from(request.free.len() < when_empty.len());
            }
        }
        assert!(held_by_others > 20, "{held_by_others}");
    }

    #[test]
    fn a_job_gets_the_smallest_free_region() {
        let mut scene = Scene::grid(3, 8);
        let mut strategy = FixedRegions::new(config(&[9, 4], 0));
        let mut lines = Vec::new();
        for qubits in [4, 4, 4, 5, 4, 6, 10] {
            let edges = (1..qubits)
                .map(|v| (crate::quantum::VirtualQubit(v - 1), crate::quantum::VirtualQubit(v), 1));
            let pattern = Pattern::from_edges(qubits, edges.collect(), false);
            let usable = scene.epoch.usable.clone();
            let request = PlacementRequest {
                when_empty: Some(&usable),
                ..PlacementRequest::new(&scene.epoch, &scene.free, &pattern)
            };
            let outcome = strategy.place(&request).outcome;
            let line = match &outcome {
                PlacementOutcome::Feasible { placement, .. } => {
                    placement.layout.iter().map(|q| q.0.to_string()).collect::<Vec<_>>().join(" ")
                }
                other => format!("{other:?}"),
            };
            lines.push(format!("{qubits}: {line}"));
            if let PlacementOutcome::Feasible { placement, .. } = outcome {
                scene.busy(&placement.layout.iter().map(|q| q.0).collect::<Vec<_>>());
            }
        }
        insta::assert_snapshot!(lines.join("\n"), @"
        4: 9 10 11 12
        4: 13 14 15 23
        4: 16 17 18 19
        5: 8 0 1 2 3
        4: ProvedInfeasible
        6: ProvedInfeasible
        10: ProvedInfeasible
        ");
    }
}
