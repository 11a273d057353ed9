//! The placement of one job on one device as far as its demands go beyond a fixed pattern: how many qubits or
//! copies, and whether the placement is good enough.
//!
//! - **Size** (`elasticity: largest`): the largest number of qubits between the least and the most that can be placed
//!   and that meets every bound; if none does, the least. Lines, stars, trees and regions contain the smaller ones, so
//!   that the largest is found by bisection. Rings do not, and neither is the quality of placements monotone in their
//!   size: there the sizes are tried from the largest down, at most [`SIZES_TRIED`] of them, evenly spread where there
//!   are more. No size above the number of free qubits, or above the largest free component, is tried.
//! - **Copies** (`elasticity: copies`): copies of the least size are placed one after the other, each at the best place
//!   that is left, as long as they fit and meet every bound. All on one device, in one allocation; among each other
//!   they keep no distance, which is promised between jobs only.
//! - **Routing**: only the least size may need SWAP gates; larger ones, and copies beyond the first, must embed.
//! - **Quality**: the best placement is found first, then judged. If it misses a demand and was chosen by a strategy or
//!   an objective for which other things count, the placement of least noise is judged as well, among those that the
//!   strategy may choose; then the best by the sum that the bound is about: success at the true depth of a shape, which is
//!   placed for the nearest power of two, or the fidelity of the gates alone. So a refusal of an exact search says that no
//!   placement meets the bound, unless a job has bounds on both.
//!
//! Promises an answer that is a function of the request, like that of the strategies behind it.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::explain::Certainty;
use super::placement::cost::nats_of_cost;
use super::placement::exact::NoiseAware;
use super::placement::pattern::Pattern;
use super::placement::uses::placed_depth;
use super::placement::{
    Objective, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, placement_of_layout,
};
use super::protocol::{Elasticity, JobRequest, Topology};
use super::quality::{Assessment, QualityBounds, Shortfall};
use crate::quantum::{PhysicalQubit, QubitSet};

/// Most sizes of one job that are tried in turn on one device in one attempt.
pub const SIZES_TRIED: u32 = 64;

/// Sizes above the least get this share of the placement budget each; the one that is chosen, all of it.
const SHARE_OF_BUDGET: u64 = 16;

/// How many qubits a job takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Sizes {
    /// The least number.
    Exact,
    /// As many as can be placed, up to so many.
    Largest(u32),
    /// As many copies of the least number as can be placed, up to so many.
    Copies(u32),
}

impl Sizes {
    /// The sizes of a request of which so many qubits are allowed. Every copy has at least one shot to do.
    pub fn new(request: &JobRequest, allowed: u32) -> Self {
        let (least, most) = (request.min_qubits, request.max_qubits.min(allowed));
        let copies = request.shots.min(u64::from(most / least.max(1))) as u32;
        match request.elasticity {
            Elasticity::Largest if most > least => Self::Largest(most),
            Elasticity::Copies if copies > 1 => Self::Copies(copies),
            Elasticity::Largest | Elasticity::Copies => Self::Exact,
        }
    }
}

/// A placement that may be started.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Where; the layouts of the copies one after the other.
    pub placement: Placement,
    /// How sure it is.
    pub certainty: Certainty,
    /// Number of copies.
    pub copies: u32,
    /// How good it is; only of jobs with bounds.
    pub quality: Option<Assessment>,
}

impl Fit {
    /// Whether every bound is met.
    pub fn meets_all(&self) -> bool {
        self.quality.is_none_or(|quality| quality.meets_all())
    }
}

/// Why nothing may be started.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// There is no placement.
    NoPlacement,
    /// The search gave up.
    BudgetExhausted,
    /// The best placement is not good enough.
    BelowBound(Shortfall),
    /// The strategy answered with qubits that it was not offered, or with one of them twice.
    Illegal,
}

/// What jobs of one class demand of the number and quality of their qubits.
#[derive(Debug, Clone)]
pub struct Demands {
    /// Which qubits interact.
    pub topology: Topology,
    /// How many layers, see [`placed_depth`].
    pub depth: u32,
    /// How many of them.
    pub sizes: Sizes,
    /// How good they must be.
    pub bounds: QualityBounds,
    /// Patterns of sizes above the least, compiled when first needed.
    patterns: BTreeMap<u32, Arc<Pattern>>,
}

impl Demands {
    /// The demands of a topology.
    pub fn new(topology: Topology, depth: u32, sizes: Sizes, bounds: QualityBounds) -> Self {
        Self { topology, depth, sizes, bounds, patterns: BTreeMap::new() }
    }

    /// Whether nothing fits where the least number of qubits does not.
    pub fn least_decides(&self) -> bool {
        !matches!(self.sizes, Sizes::Largest(_)) || contains_smaller(&self.topology)
    }

    /// The pattern of so many qubits.
    pub fn pattern(&mut self, qubits: u32) -> Arc<Pattern> {
        let compile = || Arc::new(Pattern::of_program(&self.topology, qubits, self.depth));
        self.patterns.entry(qubits).or_insert_with(compile).clone()
    }
}

/// The strategies behind a search.
pub struct Strategies<'a> {
    /// The one in force.
    pub configured: &'a mut dyn PlacementStrategy,
    /// The one of least noise.
    pub exact: &'a mut NoiseAware,
}

impl Strategies<'_> {
    /// Places a job; the pattern of the request is that of the least number of qubits.
    pub fn place(&mut self, request: &PlacementRequest<'_>, demands: &mut Demands) -> Result<Fit, Refusal> {
        let fit = match demands.sizes {
            Sizes::Exact => self.judged(request, demands),
            Sizes::Largest(most) => self.largest(request, demands, most),
            Sizes::Copies(most) => self.copies(request, demands, most),
        }?;
        match fit.quality {
            Some(Assessment { missed: Some(shortfall), forbidden: true, .. }) => {
                Err(Refusal::BelowBound(shortfall))
            }
            _ => Ok(fit),
        }
    }

    /// The best placement of one pattern, judged but not yet refused for its quality.
    fn judged(&mut self, request: &PlacementRequest<'_>, demands: &Demands) -> Result<Fit, Refusal> {
        let fit = fit(self.configured.place(request).outcome, request)?;
        if demands.bounds.is_none() {
            return Ok(fit);
        }
        let assess = |fit: Fit| {
            let (pattern, epoch) = (request.pattern, request.epoch);
            let quality = demands.bounds.assess(&demands.topology, pattern, epoch, &fit.placement);
            Fit { quality: Some(quality), ..fit }
        };
        let better = |old: Fit, new: Fit| {
            let worse = old.quality.zip(new.quality).is_some_and(|(old, new)| old.is_worse_than(&new));
            if worse { new } else { old }
        };
        let mut best = assess(fit);
        if best.meets_all() {
            return Ok(best);
        }
        let capabilities = self.configured.capabilities();
        let pure = PlacementRequest { objective: Objective::default(), ..*request };
        let stand_in: &mut dyn PlacementStrategy =
            if capabilities.anywhere { self.exact } else { self.configured };
        let mut least_noise = best.clone();
        if !(capabilities.least_noise && request.objective.is_noise()) {
            let Ok(found) = self::fit(stand_in.place(&pure).outcome, &pure) else {
                return Ok(best);
            };
            least_noise = assess(found);
            best = better(best, least_noise.clone());
        }
        for pattern in sums_of_bounds(request.pattern, demands, &best) {
            let own = PlacementRequest { pattern: &pattern, ..pure };
            let found = self::fit(stand_in.place(&own).outcome, &own).ok();
            let embedded = found.filter(|found| found.placement.routing.is_none());
            let placement = embedded.and_then(|found| placement_of_layout(&pure, found.placement.layout));
            if let Some(placement) = placement {
                let more = placement.cost.saturating_sub(least_noise.placement.cost);
                let known = least_noise.certainty == Certainty::Optimal;
                let certainty = Certainty::Gap(known.then_some(nats_of_cost(more)));
                best = better(best, assess(Fit { placement, certainty, copies: 1, quality: None }));
            }
        }
        Ok(best)
    }

    fn largest(
        &mut self,
        request: &PlacementRequest<'_>,
        demands: &mut Demands,
        most: u32,
    ) -> Result<Fit, Refusal> {
        let least = request.pattern.qubits() as u32;
        let most = most.min(largest_component(request));
        let monotone = contains_smaller(&demands.topology);
        let mut at = |qubits: u32, budget: u64| {
            if qubits == least {
                return self.judged(request, demands);
            }
            let pattern = demands.pattern(qubits);
            let larger = PlacementRequest { pattern: &pattern, budget, max_swaps: Some(0), ..*request };
            self.judged(&larger, demands).and_then(embedded)
        };
        let share = (request.budget / SHARE_OF_BUDGET).max(1);
        let mut top = most;
        let mut known: Option<(u32, Fit)> = None;
        if monotone {
            // Invariant: `fits` can be placed (or is below the least), and nothing above `top` was found to.
            let mut fits = least.saturating_sub(1);
            let mut next = top;
            while fits < top {
                match at(next, share) {
                    Ok(fit) => {
                        fits = next;
                        known = Some((next, fit));
                    }
                    Err(_) => top = next - 1,
                }
                next = fits + (top - fits).div_ceil(2);
            }
        }
        for qubits in spread(least + 1, top) {
            let fit = match &known {
                Some((size, fit)) if *size == qubits => Ok(fit.clone()),
                _ => at(qubits, share),
            };
            if let Ok(fit) = fit
                && fit.meets_all()
            {
                // With all of the budget it may be better still.
                let better = match fit.certainty {
                    Certainty::Gap(_) => at(qubits, request.budget).ok().filter(Fit::meets_all),
                    Certainty::Optimal | Certainty::FirstFound => None,
                };
                return Ok(better.unwrap_or(fit));
            }
        }
        match known {
            Some((size, fit)) if size == least => Ok(fit),
            _ => at(least, request.budget),
        }
    }

    fn copies(
        &mut self,
        request: &PlacementRequest<'_>,
        demands: &Demands,
        most: u32,
    ) -> Result<Fit, Refusal> {
        let mut all = self.judged(request, demands)?;
        let size = request.pattern.qubits();
        let mut free = QubitSet::default();
        free.clone_from(request.free);
        remove(&mut free, &all.placement.layout);
        let alone = all.placement.routing.is_some();
        while !alone && all.meets_all() && all.copies < most && free.len() >= size {
            let rest = PlacementRequest { free: &free, max_swaps: Some(0), ..*request };
            let next = self.judged(&rest, demands).and_then(embedded);
            let Some(next) = next.ok().filter(Fit::meets_all) else { break };
            remove(&mut free, &next.placement.layout);
            let placement = &mut all.placement;
            placement.layout.extend_from_slice(&next.placement.layout);
            placement.cost = placement.cost.saturating_add(next.placement.cost);
            placement.objective = placement.objective.saturating_add(next.placement.objective);
            all.copies += 1;
            all.quality = all.quality.zip(next.quality).map(|(a, b)| a.with_copy(b));
            // Each is at its best place, but nobody has searched for the best of all together.
            all.certainty = Certainty::Gap(None);
        }
        Ok(all)
    }
}

/// The program as the bounds count it that a placement misses, where that is not what it was placed by.
fn sums_of_bounds(pattern: &Pattern, demands: &Demands, missed: &Fit) -> SmallVec<[Pattern; 2]> {
    let mut sums = SmallVec::new();
    let (bounds, topology) = (&demands.bounds, &demands.topology);
    let Some(quality) = &missed.quality else { return sums };
    if bounds.lacks_success(quality) && placed_depth(topology, bounds.depth()) != bounds.depth() {
        sums.push(Pattern::at_depth(topology, pattern.qubits() as u32, bounds.depth()));
    }
    if bounds.lacks_fidelity(quality) {
        sums.push(pattern.gates_alone());
    }
    sums
}

fn fit(outcome: PlacementOutcome, request: &PlacementRequest<'_>) -> Result<Fit, Refusal> {
    let (placement, certainty) = match outcome {
        PlacementOutcome::Optimal(placement) => (placement, Certainty::Optimal),
        PlacementOutcome::Feasible { placement, gap } => (placement, Certainty::Gap(gap.map(nats_of_cost))),
        PlacementOutcome::ProvedInfeasible => return Err(Refusal::NoPlacement),
        PlacementOutcome::BudgetExhausted => return Err(Refusal::BudgetExhausted),
    };
    // Strategies are anybody's: whatever they answer, nobody else's qubits are booked.
    if !is_offered(&placement.layout, request) {
        return Err(Refusal::Illegal);
    }
    Ok(Fit { placement, certainty, copies: 1, quality: None })
}

fn is_offered(layout: &[PhysicalQubit], request: &PlacementRequest<'_>) -> bool {
    let within =
        |qubit: &PhysicalQubit| qubit.index() < request.epoch.qubits() && request.free.contains(*qubit);
    layout.len() == request.pattern.qubits()
        && layout.iter().all(within)
        && QubitSet::from_qubits(request.epoch.qubits(), layout.iter().copied()).len() == layout.len()
}

fn embedded(fit: Fit) -> Result<Fit, Refusal> {
    if fit.placement.routing.is_none() { Ok(fit) } else { Err(Refusal::NoPlacement) }
}

/// Whether every placement of the shape holds one of each smaller size: a line without its end is a line, a star
/// without a leaf a star, a tree without its last leaf a tree, and a region without a leaf of its spanning tree a
/// region.
fn contains_smaller(topology: &Topology) -> bool {
    matches!(topology, Topology::Any | Topology::Line | Topology::Star | Topology::Tree)
}

/// The numbers from `high` down to `low`, or [`SIZES_TRIED`] of them with even gaps.
fn spread(low: u32, high: u32) -> impl Iterator<Item = u32> {
    let count = (high + 1).saturating_sub(low);
    let step = count.div_ceil(SIZES_TRIED).max(1);
    (0..count.div_ceil(step)).map(move |index| high - index * step)
}

/// Number of qubits of the largest part of what is free that hangs together. Scalable shapes are in one piece.
pub(super) fn largest_component(request: &PlacementRequest<'_>) -> u32 {
    let mut left = request.free.clone();
    left.intersect_with(&request.epoch.usable);
    if request.epoch.is_complete() && request.barred_couplers.is_none() {
        return left.len() as u32;
    }
    let mut largest = 0;
    let mut rim: SmallVec<[PhysicalQubit; 32]> = SmallVec::new();
    while let Some(start) = left.first() {
        left.remove(start);
        rim.push(start);
        let mut size = 0;
        while let Some(qubit) = rim.pop() {
            size += 1;
            for link in request.epoch.links(qubit) {
                if request.allows(link.coupler) && left.remove(link.to) {
                    rim.push(link.to);
                }
            }
        }
        largest = largest.max(size);
    }
    largest
}

fn remove(free: &mut QubitSet, layout: &[PhysicalQubit]) {
    for qubit in layout {
        free.remove(*qubit);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::placement::testing::Case;
    use crate::allocator::protocol::JobId;

    #[test]
    fn sizes_are_spread_evenly() {
        let shown = |low, high| spread(low, high).map(|n| n.to_string()).collect::<Vec<_>>().join(" ");
        assert_eq!(shown(3, 6), "6 5 4 3");
        assert_eq!(shown(7, 6), "");
        let wide: Vec<u32> = spread(3, 1_002).collect();
        assert_eq!((wide.len(), wide[0], wide[1]), (63, 1_002, 986));
        assert!(wide.iter().all(|n| (3..=1_002).contains(n)));
    }

    proptest! {
        /// As large as the largest of all sizes that can be placed one by one; copies are apart from each other, and
        /// none of them could be added.
        #[test]
        fn the_largest_size_and_all_copies_are_found(number: u64, shape in 0_usize..5, least in 1_u32..5, more in 1_u32..9) {
            let case = Case::random(number);
            let topology =
                [Topology::Any, Topology::Line, Topology::Star, Topology::Tree, Topology::Ring][shape].clone();
            let least = if shape == 4 { least.max(3) } else { least };
            let job = JobRequest {
                max_qubits: least + more,
                shots: 100,
                ..JobRequest::new(JobId(1), least, topology.clone())
            };
            let mut configured = NoiseAware::default();
            let mut place = |request: &PlacementRequest<'_>, job: &JobRequest| {
                let mut demands = Demands::new(topology.clone(), 0, Sizes::new(job, u32::MAX), QualityBounds::new(job));
                let exact = &mut NoiseAware::default();
                Strategies { configured: &mut configured, exact }.place(request, &mut demands)
            };
            let pattern = Pattern::new(&topology, least);
            let request = PlacementRequest { pattern: &pattern, ..case.request(1_000_000) };
            let fits = |qubits: u32| {
                let pattern = Pattern::new(&topology, qubits);
                let request = PlacementRequest { pattern: &pattern, ..request };
                !matches!(NoiseAware::default().place(&request).outcome, PlacementOutcome::ProvedInfeasible)
            };
            let expected = (least..=least + more).rev().find(|qubits| fits(*qubits));
            let found = place(&request, &job).ok().map(|fit| fit.placement.layout.len() as u32);
            prop_assert_eq!(found, expected);

            let job = JobRequest { elasticity: Elasticity::Copies, max_qubits: least * (more + 1), ..job };
            let Ok(fit) = place(&request, &job) else {
                prop_assert!(!fits(least));
                return Ok(());
            };
            let layout = &fit.placement.layout;
            prop_assert_eq!(layout.len() as u32, fit.copies * least);
            let taken = QubitSet::from_qubits(request.epoch.qubits(), layout.iter().copied());
            prop_assert_eq!(taken.len(), layout.len());
            let mut free = request.free.clone();
            free.subtract(&taken);
            let left = PlacementRequest { free: &free, ..request };
            let full = NoiseAware::default().place(&left).outcome == PlacementOutcome::ProvedInfeasible;
            prop_assert!(full || fit.copies == more + 1);
        }
    }
}
