//! Noise-aware placement: the best subgraph placement by exact search, with a certified answer.
//!
//! Promises `Optimal` only after a complete search, a valid gap when the budget ends first, and the same answer
//! whatever was placed before. Among placements of equal cost the one found first wins: roots by (bound, qubit),
//! links by (bound, qubit). Subgraphs need not be induced: a path fits into a triangle.

pub(crate) mod bound;
pub(crate) mod host;
mod improve;
pub(crate) mod plan;
pub(crate) mod search;
mod symmetry;

use smallvec::SmallVec;

use super::cost::{TIE_BREAK_BITS, cost_limit};
use super::pattern::Pattern;
use super::{Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, region};
use crate::quantum::PhysicalQubit;
use bound::Bounds;
use host::{Costs, Host};
use improve::Improve;
use plan::Plan;
use search::{Ending, Search, State};

/// The strategy; holds buffers and compiled patterns that answers do not depend on.
#[derive(Debug, Default)]
pub struct NoiseAware {
    engine: Engine,
    regions: region::Regions,
}

impl PlacementStrategy for NoiseAware {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        if request.pattern.is_region() {
            return self.regions.cheapest(request);
        }
        let found = self.engine.embed(request, Aim::Cheapest);
        let outcome = match found.placement {
            Some(placement) if found.gap == 0 => PlacementOutcome::Optimal(placement),
            Some(placement) => PlacementOutcome::Feasible { placement, gap: Some(found.gap) },
            None if found.complete => PlacementOutcome::ProvedInfeasible,
            None => PlacementOutcome::BudgetExhausted,
        };
        Placed { outcome, steps: found.steps }
    }

    fn forget(&mut self) {
        self.engine.forget();
    }
}

/// How far costs must be shifted so that no sum reaches [`bound::INFINITE`].
fn scale(plan: &Plan, request: &PlacementRequest<'_>) -> u32 {
    let objective = &request.objective;
    let added = objective.crosstalk.and_then(|added| added.iter().max()).copied().unwrap_or(0);
    let element = u128::from(cost_limit()) + u128::from(added);
    let qubits = request.pattern.qubits() as u128 * request.epoch.max_degree() as u128;
    let most =
        plan.weight.saturating_mul(element).saturating_add(qubits * u128::from(objective.fragmentation));
    let bits = u128::BITS - most.leading_zeros();
    bits.saturating_sub(bound::INFINITE.ilog2() - 1)
}

/// Compiled patterns kept. Programs repeat; which are kept changes the time only.
const PLANS: usize = 64;

/// The search for patterns with edges, behind both strategies.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    plans: Vec<(Pattern, Plan)>,
    replaced: usize,
    host: Host,
    bounds: Bounds,
    state: State,
    improve: Improve,
    degrees: Vec<u32>,
}

/// Most messages of the bound, 8 bytes each. A dense program of 100 qubits on a dense device would need more; nothing
/// that people run does.
const MESSAGES_MAX: usize = 1 << 25;

/// A placement without search, for programs whose bound would not fit into memory: on a device where every qubit
/// reaches every other, the qubits with the best readout. Elsewhere: gave up.
fn too_large(request: &PlacementRequest<'_>) -> Embedded {
    let qubits = request.pattern.qubits();
    let mut best: Vec<PhysicalQubit> = request.free.iter().collect();
    best.sort_by_key(|qubit| (request.epoch.qubit_cost[qubit.index()], *qubit));
    best.truncate(qubits);
    let placement = super::placement_of_layout(request, best.into_iter().collect());
    // No cost is below zero, so that the whole of it bounds what is lost.
    let gap = placement.as_ref().map_or(0, |placement| placement.objective);
    Embedded { gap, placement, complete: false, steps: qubits as u64 }
}

/// What a search is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Aim {
    /// The placement of least cost.
    Cheapest,
    /// The first in order of qubits.
    First,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Embedded {
    /// A placement, if one was found.
    pub placement: Option<Placement>,
    /// How much dearer than the best it is at most; without meaning when the first one was asked for.
    pub gap: u64,
    /// Whether nothing was left to search.
    pub complete: bool,
    /// Search steps used.
    pub steps: u64,
}

/// The answer to a request that is refused without a search.
const REFUSED: Embedded = Embedded { placement: None, gap: 0, complete: true, steps: 0 };

impl Engine {
    /// Drops all compiled patterns.
    pub fn forget(&mut self) {
        self.plans.clear();
    }

    /// Index of the compiled pattern.
    fn compiled(&mut self, pattern: &Pattern) -> usize {
        if let Some(index) = self.plans.iter().position(|(known, _)| known == pattern) {
            return index;
        }
        let entry = (pattern.clone(), Plan::new(pattern));
        if self.plans.len() < PLANS {
            self.plans.push(entry);
            return self.plans.len() - 1;
        }
        self.replaced = (self.replaced + 1) % PLANS;
        self.plans[self.replaced] = entry;
        self.replaced
    }

    /// Searches a placement of a pattern that is no region.
    pub fn embed(&mut self, request: &PlacementRequest<'_>, aim: Aim) -> Embedded {
        let index = self.compiled(request.pattern);
        let plan = &self.plans[index].1;
        if request.free.intersection_len(&request.epoch.usable) < request.pattern.qubits()
            || !cycles_fit(plan, request)
        {
            return REFUSED;
        }
        let shift = scale(plan, request);
        // Without costs every bound is zero or infinite, every order is that of the qubits, and the first placement
        // ends the search: nothing can be better.
        self.host.load(
            request,
            match aim {
                Aim::Cheapest => Costs::Calibrated(shift),
                Aim::First => Costs::Zero,
            },
            plan.girth.is_some(),
        );
        if !parts_fit(plan, &self.host) || !degrees_fit(plan, &self.host, &mut self.degrees) {
            return REFUSED;
        }
        // Scaling rounds every element down, by less than one unit each: of no account within the tie-break.
        let rounding = if shift <= TIE_BREAK_BITS { 0 } else { plan.weight << shift };
        let mut gap = 0;
        let ending = if let Some(ending) = self.all_alike(index) {
            ending
        } else {
            let plan = &self.plans[index].1;
            if plan.classes.len() * self.host.to.len() > MESSAGES_MAX {
                return too_large(request);
            }
            self.bounds.compute(plan, &self.host);
            let reserve = match aim {
                Aim::Cheapest => request.budget / IMPROVEMENT,
                Aim::First => 0,
            };
            let search = Search {
                plan,
                host: &self.host,
                bounds: &self.bounds,
                state: &mut self.state,
                first_round: match aim {
                    Aim::Cheapest => FIRST_ROUND * request.pattern.qubits() as u64,
                    // A root must be finished before the next one.
                    Aim::First => u64::MAX,
                },
                budget: request.budget - reserve,
            };
            let mut ending = search.run();
            if let Some(cost) = ending.cost
                && !ending.complete
            {
                let (gained, steps) = self.improve(request, index, reserve);
                ending.steps += steps;
                gap = (cost - gained).saturating_sub(ending.at_least);
            }
            ending
        };
        let gap = (u128::from(gap) << shift) + rounding;
        Embedded {
            placement: ending.cost.and_then(|_| self.placement(request, index)),
            gap: u64::try_from(gap).unwrap_or(u64::MAX),
            complete: ending.complete,
            steps: ending.steps,
        }
    }

    /// Improves the best layout of a search that came to no end.
    fn improve(&mut self, request: &PlacementRequest<'_>, index: usize, budget: u64) -> (u64, u64) {
        let plan = &self.plans[index].1;
        let nodes = &mut self.improve.nodes;
        nodes.clear();
        nodes.resize(request.pattern.qubits(), host::NONE);
        for (vertex, &node) in plan.vertices().zip(&self.state.best) {
            nodes[vertex.index()] = node;
        }
        let gained = self.improve.run(request.pattern, &self.host, budget);
        for (vertex, node) in plan.vertices().zip(&mut self.state.best) {
            *node = self.improve.nodes[vertex.index()];
        }
        gained
    }

    /// On equal couplers between all pairs every set of qubits does, and the cheapest ones are best.
    fn all_alike(&mut self, index: usize) -> Option<Ending> {
        let plan = &self.plans[index].1;
        if !self.host.is_uniform() {
            return None;
        }
        let wanted = plan.steps.len() + plan.isolated.len();
        let nodes = self.host.cheapest(wanted);
        self.state.best.clear();
        let of_vertices = plan.vertices().map(|vertex| nodes[vertex.index()]);
        self.state.best.extend(of_vertices);
        Some(Ending { cost: Some(0), at_least: 0, complete: true, steps: wanted as u64 })
    }

    /// The best layout of the last search, with its true cost.
    fn placement(&self, request: &PlacementRequest<'_>, index: usize) -> Option<Placement> {
        let plan = &self.plans[index].1;
        let mut layout: SmallVec<[PhysicalQubit; 8]> =
            SmallVec::from_elem(PhysicalQubit(0), request.pattern.qubits());
        let vertices = plan.steps.iter().map(|step| step.vertex);
        for (vertex, &node) in vertices.chain(plan.isolated.iter().copied()).zip(&self.state.best) {
            layout[vertex.index()] = self.host.qubits[node as usize];
        }
        let placement = super::placement_of_layout(request, layout);
        debug_assert!(placement.is_some(), "the search returned an illegal layout");
        placement
    }
}

/// Steps per vertex that a root gets in the first round: several dives, so that good roots are not cut short and
/// bad ones do not hold up the rest.
const FIRST_ROUND: u64 = 16;

/// One step in this many is kept for improving a placement that could not be proved best.
const IMPROVEMENT: u64 = 8;

/// Cycles of the pattern that the device cannot have: shorter than its shortest, or odd ones.
fn cycles_fit(plan: &Plan, request: &PlacementRequest<'_>) -> bool {
    let Some(girth) = plan.girth else { return true };
    let long_enough = request.epoch.girth.is_some_and(|shortest| shortest <= girth);
    long_enough && (plan.bipartite || !request.epoch.bipartite)
}

/// Whether the largest component is no larger than the largest connected part that is free.
fn parts_fit(plan: &Plan, host: &Host) -> bool {
    let Some(largest) = plan.components.first() else {
        return true;
    };
    let part = host.part_size.iter().copied().max().unwrap_or(0);
    let edges: usize = plan.components.iter().map(|component| component.edges).sum();
    part as usize >= largest.steps.len() && host.to.len() / 2 >= edges
}

/// Whether for every d there are as many free qubits with at least d couplers as vertices with d neighbours.
fn degrees_fit(plan: &Plan, host: &Host, counts: &mut Vec<u32>) -> bool {
    counts.clear();
    counts.resize(plan.degrees.len(), 0);
    for node in 0..host.len() as u32 {
        let degree = host.links(node).len().min(counts.len());
        if degree > 0 {
            counts[degree - 1] += 1;
        }
    }
    let mut at_least = 0;
    for (have, want) in counts.iter().zip(&plan.degrees).rev() {
        at_least += have;
        if at_least < *want {
            return false;
        }
    }
    true
}

#[cfg(test)]
mod tests;
