//! Noise-aware placement: the best subgraph placement by exact search, with a certified answer.
//!
//! Promises `Optimal` only after a complete search, a valid gap when the budget ends first, and the same answer
//! whatever was placed before. Among placements of equal cost the one found first wins: roots by (bound, qubit),
//! links by (bound, qubit). Subgraphs need not be induced: a path fits into a triangle.

pub(crate) mod bound;
pub(crate) mod host;
pub(crate) mod plan;
pub(crate) mod search;
mod symmetry;

use smallvec::SmallVec;

use super::cost::cost_of_error;
use super::pattern::Pattern;
use super::{Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, region};
use crate::quantum::PhysicalQubit;
use crate::quantum::calibration::DEAD_ERROR;
use bound::Bounds;
use host::{Costs, Host};
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
        let shift = scale(self.engine.plan(request.pattern).weight);
        let (ending, placement) = self.engine.embed(request, Costs::Calibrated(shift));
        let outcome = match (placement, ending.cost) {
            (Some(placement), Some(cost)) => {
                // Scaling rounds every element down, by less than one unit each.
                let weight = self.engine.plan(request.pattern).weight;
                let rounding = if shift == 0 { 0 } else { weight << shift };
                let left = u128::from(cost.saturating_sub(ending.at_least)) << shift;
                if ending.complete && shift == 0 {
                    PlacementOutcome::Optimal(placement)
                } else {
                    PlacementOutcome::Feasible {
                        placement,
                        gap: Some(u64::try_from(left + rounding).unwrap_or(u64::MAX)),
                    }
                }
            }
            _ if ending.complete => PlacementOutcome::ProvedInfeasible,
            _ => PlacementOutcome::BudgetExhausted,
        };
        Placed { outcome, steps: ending.steps }
    }
}

/// How far costs must be shifted so that no sum reaches [`bound::INFINITE`].
fn scale(weight: u128) -> u32 {
    let most = weight.saturating_mul(u128::from(cost_of_error(DEAD_ERROR)) + 1);
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
    degrees: Vec<u32>,
}

/// The answer to a request that is refused without a search.
const REFUSED: (Ending, Option<Placement>) =
    (Ending { cost: None, at_least: bound::INFINITE, complete: true, steps: 0 }, None);

impl Engine {
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

    fn plan(&mut self, pattern: &Pattern) -> &Plan {
        let index = self.compiled(pattern);
        &self.plans[index].1
    }

    /// Searches a placement. With all costs zero the first one in order of qubits ends the search.
    pub fn embed(&mut self, request: &PlacementRequest<'_>, costs: Costs) -> (Ending, Option<Placement>) {
        let index = self.compiled(request.pattern);
        let plan = &self.plans[index].1;
        if request.free.intersection_len(&request.epoch.usable) < request.pattern.qubits()
            || !cycles_fit(plan, request)
        {
            return REFUSED;
        }
        self.host.load(request, costs);
        if !parts_fit(plan, &self.host) || !degrees_fit(plan, &self.host, &mut self.degrees) {
            return REFUSED;
        }
        if let Some(ending) = self.all_alike(index) {
            let placement = self.placement(request, index);
            return (ending, placement);
        }
        let plan = &self.plans[index].1;
        self.bounds.compute(plan, &self.host);
        let ending = Search {
            plan,
            host: &self.host,
            bounds: &self.bounds,
            state: &mut self.state,
            first_round: match costs {
                // Ascending order allows no second round: a root must be finished before the next one.
                Costs::Zero => request.budget,
                Costs::Calibrated(_) => FIRST_ROUND * request.pattern.qubits() as u64,
            },
            budget: request.budget,
        }
        .run();
        let placement = ending.cost.and_then(|_| self.placement(request, index));
        (ending, placement)
    }

    /// On equal couplers between all pairs every set of qubits does, and the cheapest ones are best.
    fn all_alike(&mut self, index: usize) -> Option<Ending> {
        let (plan, host) = (&self.plans[index].1, &self.host);
        let first = *host.link_cost.first()?;
        let nodes = host.len();
        if host.to.len() != nodes * (nodes - 1) || host.link_cost.iter().any(|&cost| cost != first) {
            return None;
        }
        let wanted = plan.steps.len() + plan.isolated.len();
        let mut order: SmallVec<[(u64, u32); 64]> =
            (0..nodes as u32).map(|node| (host.qubit_cost[node as usize], node)).collect();
        order.sort_unstable();
        order.truncate(wanted);
        order.sort_unstable_by_key(|entry| entry.1);
        let vertices = plan.steps.iter().map(|step| step.vertex);
        let vertices: SmallVec<[_; 64]> = vertices.chain(plan.isolated.iter().copied()).collect();
        let node_of = |v: &crate::quantum::VirtualQubit| order[v.index()].1;
        self.state.best.clear();
        self.state.best.extend(vertices.iter().map(node_of));
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
        let cost = super::cost_of_layout(request, &layout);
        debug_assert!(cost.is_some(), "the search returned an illegal layout");
        Some(Placement { layout, cost: cost? })
    }
}

/// Steps per vertex that a root gets in the first round: several dives, so that good roots are not cut short and
/// bad ones do not hold up the rest.
const FIRST_ROUND: u64 = 16;

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
