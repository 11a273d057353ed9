//! Noise-aware placement: the best subgraph placement by exact search, with a certified answer.
//!
//! Promises `Optimal` only after a complete search, a valid gap when the budget ends first, and the same answer
//! whatever was placed before. Among placements of equal cost the one found first wins: roots by (bound, qubit),
//! links by (bound, qubit). Subgraphs need not be induced: a path fits into a triangle.

pub(crate) mod bound;
mod distances;
pub(crate) mod host;
mod improve;
pub(crate) mod plan;
pub(crate) mod search;
mod symmetry;
mod warm;

use smallvec::SmallVec;

use super::cost::TIE_BREAK_BITS;
use super::graph::NONE;
use super::interchangeable;
use super::memory::MemoryUse;
use super::pattern::Pattern;
use super::search_cost::Costs;
use super::singles::Singles;
use super::{
    Capabilities, Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, batch, region,
};
use crate::allocator::config::SearchMemory;
use crate::quantum::{PhysicalQubit, VirtualQubit};
use crate::time::Time;
use bound::Bounds;
use host::{Host, Part, Parts};
use improve::Improve;
use plan::{Plan, by_use};
use search::{Ending, Roots, Search, State, list_roots};
use symmetry::Group;
use warm::Warm;

/// The strategy; holds buffers and compiled patterns that answers do not depend on.
#[derive(Debug, Default)]
pub struct NoiseAware {
    engine: Engine,
    regions: region::Regions,
}

impl PlacementStrategy for NoiseAware {
    fn capabilities(&self) -> Capabilities {
        Capabilities::EXACT
    }

    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        if let Some(placed) = interchangeable::cheapest(request) {
            return placed;
        }
        match batch::place_components(request, &mut Connected(self)) {
            Some(joint) if joint.outcome.is_proved() => joint,
            Some(joint) => batch::better(joint, self.place_whole(request)),
            None => self.place_whole(request),
        }
    }

    fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        if request.pattern.is_region() {
            self.regions.excludes(request)
        } else {
            self.engine.excludes(request)
        }
    }

    fn forget(&mut self) {
        self.engine.forget();
    }

    fn advance(&mut self, now: Time) {
        self.engine.warm.advance(now);
    }

    fn memory(&self) -> MemoryUse {
        self.engine.warm.used()
    }
}

/// The same without a look at the components of a program.
struct Connected<'a>(&'a mut NoiseAware);

impl PlacementStrategy for Connected<'_> {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        self.0.place_whole(request)
    }
}

impl NoiseAware {
    /// The strategy with limits on what it remembers.
    pub fn with_memory(config: SearchMemory) -> Self {
        let engine = Engine { warm: Warm::new(config), ..Engine::default() };
        Self { engine, ..Self::default() }
    }

    /// Places a program in one search, whether it is connected or not.
    fn place_whole(&mut self, request: &PlacementRequest<'_>) -> Placed {
        if let Some(placed) = interchangeable::cheapest(request) {
            return placed;
        }
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
}

/// Compiled patterns kept. Programs repeat; which are kept changes the time only.
const PLANS: usize = 256;

/// The search for patterns with edges, behind both strategies.
#[derive(Debug, Default)]
pub(crate) struct Engine {
    plans: Vec<Compiled>,
    compiled: u64,
    part: Part,
    bounds: Bounds,
    roots: Vec<Roots>,
    state: State,
    warm: Warm,
    spare: Vec<u32>,
    improve: Improve,
    degrees: Vec<u32>,
}

/// A pattern and its plan.
#[derive(Debug)]
struct Compiled {
    pattern: Pattern,
    plan: Plan,
    /// No other plan of this engine had it.
    serial: u64,
}

/// Most vertices of a tree for which it takes longer to find the connected parts of what is free than to see from bounds
/// where it fits.
const SMALL: usize = 7;

/// Most messages of the bound, 8 bytes each. A dense program of 100 qubits on a dense device would need more; nothing
/// that people run does.
const MESSAGES_MAX: usize = 1 << 25;

/// A placement without search, for programs whose bound would not fit into memory: on a device where every qubit
/// reaches every other, the qubits with the best readout. Elsewhere: gave up.
fn too_large(request: &PlacementRequest<'_>) -> Embedded {
    let qubits = request.pattern.qubits();
    let mut best: Vec<PhysicalQubit> = request.free.iter().collect();
    best.sort_by_key(|qubit| (request.qubit_cost(0, *qubit), *qubit));
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
    /// Drops all compiled patterns and messages.
    pub fn forget(&mut self) {
        self.plans.clear();
        self.warm.forget();
        self.part.forget();
    }

    /// Whether a pattern is too large for what is free, or needs cycles that the device has not.
    pub fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        let known = self.plans.iter().find(|known| known.pattern == *request.pattern);
        request.free.intersection_len(&request.epoch.usable) < request.pattern.qubits()
            || known.is_some_and(|known| !cycles_fit(&known.plan, request))
            || self.part.excludes(request)
    }

    /// Compiles a pattern; returns its index.
    fn compile(&mut self, pattern: &Pattern) -> usize {
        self.compiled += 1;
        let entry = Compiled { pattern: pattern.clone(), plan: Plan::new(pattern), serial: self.compiled };
        if self.plans.len() < PLANS {
            self.plans.push(entry);
            return self.plans.len() - 1;
        }
        let oldest = (0..PLANS).min_by_key(|&index| self.plans[index].serial).unwrap_or(0);
        let forgotten = std::mem::replace(&mut self.plans[oldest], entry);
        self.warm.forget_plan(forgotten.serial);
        oldest
    }

    /// Searches a placement of a pattern that is no region.
    ///
    /// There are two ways to the answer, and which is gone must not show: what is remembered decides it. Both find
    /// the one best placement or the proof that there is none, if they come to an end. If neither does, the answer is
    /// that of the search with bounds for what is free.
    pub fn embed(&mut self, request: &PlacementRequest<'_>, aim: Aim) -> Embedded {
        if request.free.intersection_len(&request.epoch.usable) < request.pattern.qubits() {
            return REFUSED;
        }
        let known = self.plans.iter().position(|known| known.pattern == *request.pattern);
        // To compile a pattern takes longer than to see that it is too large.
        let mut parts = Parts::Unknown;
        if known.is_none() && request.pattern.qubits() > SMALL {
            if self.part.excludes(request) {
                return REFUSED;
            }
            parts = Parts::Known;
        }
        let index = known.unwrap_or_else(|| self.compile(request.pattern));
        let Compiled { plan, serial, .. } = &self.plans[index];
        if !cycles_fit(plan, request) {
            return REFUSED;
        }
        let shift = request.shift();
        let for_whole = aim == Aim::Cheapest
            && request.objective.is_noise()
            && request.barred_couplers.is_none()
            && shift == 0
            && plan.group != Group::Unknown
            && !request.epoch.is_uniform()
            && request.epoch.max_degree() <= bound::DENSE;
        let mut warm = None;
        let serial = *serial;
        if for_whole && let Some(ending) = self.warm.search(serial, plan, request, &mut self.state, false) {
            if ending.complete {
                self.warm.note(serial, request, Some(ending.steps), None);
                return self.proved(request, index, &ending);
            }
            warm = Some(ending.steps);
        }
        let found = self.embed_in_free(request, aim, index, shift, parts);
        if for_whole {
            let plan = &self.plans[index].plan;
            self.warm.note(
                serial,
                request,
                warm,
                Some(found.steps + work_in_free(plan, request, self.part.nodes())),
            );
        }
        if found.complete || !for_whole || warm.is_some() {
            return Embedded { steps: found.steps + warm.unwrap_or(0), ..found };
        }
        let plan = &self.plans[index].plan;
        match self.warm.search(serial, plan, request, &mut self.state, true) {
            Some(ending) if ending.complete => self.proved(request, index, &ending),
            ending => Embedded { steps: found.steps + ending.map_or(0, |ending| ending.steps), ..found },
        }
    }

    /// The answer of a complete search on the whole device.
    fn proved(&mut self, request: &PlacementRequest<'_>, index: usize, ending: &Ending) -> Embedded {
        let placement = ending.cost.and_then(|_| self.placement(request, index));
        Embedded { placement, gap: 0, complete: true, steps: ending.steps }
    }

    /// Searches with bounds for what is free.
    fn embed_in_free(
        &mut self,
        request: &PlacementRequest<'_>,
        aim: Aim,
        index: usize,
        shift: u32,
        parts: Parts,
    ) -> Embedded {
        let Self { plans, part, bounds, roots, state, improve, degrees, .. } = self;
        let plan = &plans[index].plan;
        // Without costs every bound is zero or infinite, every order is that of the qubits, and the first placement
        // ends the search: nothing can be better.
        let costs = match aim {
            Aim::Cheapest => Costs::Calibrated(shift),
            Aim::First => Costs::Zero,
        };
        let is_small =
            plan.girth.is_none() && plan.components.len() == 1 && request.pattern.qubits() <= SMALL;
        let parts = match parts {
            _ if is_small => Parts::OfNoUse,
            Parts::Unknown if part.excludes(request) => return REFUSED,
            _ => Parts::Known,
        };
        let host = part.load(request, costs, plan, parts);
        if !parts_fit(plan, &host) || !degrees_fit(plan, &host, degrees) {
            return REFUSED;
        }
        if plan.classes.len() * host.to.len() > MESSAGES_MAX {
            return too_large(request);
        }
        // Scaling rounds every element down, by less than one unit each: of no account within the tie-break.
        let rounding = if shift <= TIE_BREAK_BITS { 0 } else { plan.weight << shift };
        let mut gap = 0;
        let ending = if let Some(ending) = all_alike(plan, request, &host, aim, state) {
            ending
        } else {
            bounds.compute(plan, &host);
            list_roots(plan, &host, bounds, roots);
            let budget = match aim {
                Aim::Cheapest if bounds.dense => (request.budget / DENSE_SHARE).max(1),
                _ => request.budget,
            };
            let reserve = match aim {
                Aim::Cheapest => budget / IMPROVEMENT,
                Aim::First => 0,
            };
            let search = Search {
                plan,
                host: &host,
                bounds,
                state,
                roots,
                first_round: match aim {
                    Aim::Cheapest => FIRST_ROUND * request.pattern.qubits() as u64,
                    // A root must be finished before the next one.
                    Aim::First => u64::MAX,
                },
                budget: budget - reserve,
            };
            let mut ending = search.run();
            if let Some(cost) = ending.cost
                && !ending.complete
            {
                let (gained, steps) = better(improve, request, plan, &host, state, reserve);
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

    /// The best layout of the last search, with its true cost.
    fn placement(&mut self, request: &PlacementRequest<'_>, index: usize) -> Option<Placement> {
        let plan = &self.plans[index].plan;
        plan.group.canonical(&mut self.state.best, &mut self.spare);
        let mut layout: SmallVec<[PhysicalQubit; 8]> =
            SmallVec::from_elem(PhysicalQubit(0), request.pattern.qubits());
        for (vertex, &node) in plan.vertices().zip(&self.state.best) {
            layout[vertex.index()] = PhysicalQubit(node);
        }
        let placement = super::placement_of_layout(request, layout);
        debug_assert!(placement.is_some(), "the search returned an illegal layout");
        placement
    }
}

/// Improves the best layout of a search that came to no end; returns what was gained, scaled, and the steps taken.
fn better(
    improve: &mut Improve,
    request: &PlacementRequest<'_>,
    plan: &Plan,
    host: &Host<'_>,
    state: &mut State,
    budget: u64,
) -> (u64, u64) {
    let nodes = &mut improve.nodes;
    nodes.clear();
    nodes.resize(request.pattern.qubits(), NONE);
    for (vertex, &node) in plan.vertices().zip(&state.best) {
        nodes[vertex.index()] = node;
    }
    let gained = improve.run(request.pattern, host, budget);
    for (vertex, node) in plan.vertices().zip(&mut state.best) {
        *node = improve.nodes[vertex.index()];
    }
    gained
}

/// On equal couplers between all pairs every set of qubits does, and the cheapest ones are best. So they are where a few
/// couplers are out of service, if the program can do without those: then no search is needed either.
fn all_alike(
    plan: &Plan,
    request: &PlacementRequest<'_>,
    host: &Host<'_>,
    aim: Aim,
    state: &mut State,
) -> Option<Ending> {
    let alike = request.epoch.is_uniform() && request.objective.crosstalk.is_none();
    if !alike {
        return None;
    }
    let wanted = plan.steps.len() + plan.isolated.len();
    let most_links = host.nodes.len().saturating_sub(1);
    let links_missing =
        |nodes: &[u32]| nodes.iter().any(|&node| (host.degree[node as usize] as usize) < most_links);
    if host.nodes.len() < wanted {
        return None;
    }
    if let [_] = request.pattern.uses().kinds() {
        let mut nodes = host.nodes.to_vec();
        nodes.sort_unstable_by_key(|&node| (host.qubit_cost[node as usize], node));
        nodes.truncate(wanted);
        nodes.sort_unstable();
        if links_missing(&nodes) {
            if aim == Aim::First {
                return None;
            }
            evade(request.pattern, host, &mut nodes)?;
        }
        state.best.clear();
        state.best.extend(plan.vertices().map(|vertex| nodes[vertex.index()]));
    } else {
        let mut vertices: Vec<VirtualQubit> = plan.vertices().collect();
        vertices.sort_by_key(|&v| (request.pattern.uses().kind(v), v));
        let mut singles = Singles::default();
        singles.prepare(&by_use(request.pattern, &vertices), host.nodes, |kind, node| host.cost(kind, node));
        let (_, nodes) = singles.assign(|_| true)?;
        if links_missing(&nodes) {
            // An exchange might cost something: left to the search.
            return None;
        }
        let mut node_of = vec![0; wanted];
        vertices.iter().zip(&nodes).for_each(|(vertex, &node)| node_of[vertex.index()] = node);
        state.best.clear();
        state.best.extend(plan.vertices().map(|vertex| node_of[vertex.index()]));
    }
    Some(Ending { cost: Some(0), at_least: 0, complete: true, steps: wanted as u64 })
}

/// Exchanges the nodes of vertices until every edge lies on a link; `None` when no exchange of two helps any more.
fn evade(pattern: &Pattern, host: &Host<'_>, nodes: &mut [u32]) -> Option<()> {
    let missing_around = |nodes: &[u32], vertex: usize| {
        let neighbours = pattern.neighbours(VirtualQubit(vertex as u32)).iter();
        neighbours.filter(|(other, _)| host.link(nodes[vertex], nodes[other.index()]).is_none()).count()
    };
    for vertex in 0..nodes.len() {
        while missing_around(nodes, vertex) > 0 {
            let helps = |other: &usize| {
                let around = |nodes: &[u32]| missing_around(nodes, vertex) + missing_around(nodes, *other);
                let mut exchanged = SmallVec::<[u32; 64]>::from_slice(nodes);
                exchanged.swap(vertex, *other);
                around(&exchanged) < around(nodes)
            };
            let other = (0..nodes.len()).find(helps)?;
            nodes.swap(vertex, other);
        }
    }
    // An exchange may have moved an earlier vertex.
    (0..nodes.len()).all(|vertex| missing_around(nodes, vertex) == 0).then_some(())
}

/// Steps per vertex that a root gets in the first round: several dives, so that good roots are not cut short and
/// bad ones do not hold up the rest.
const FIRST_ROUND: u64 = 16;

/// One step in this many is kept for improving a placement that could not be proved best.
const IMPROVEMENT: u64 = 4;

/// One step in this many is used where bounds look at one vertex at a time: they rarely prove anything, steps are longer,
/// and what there is to gain is gained early. On calibrated ion traps a 32nd of 200,000 steps loses 0.00005 of a fidelity
/// of 0.46, and jobs start ten times faster.
const DENSE_SHARE: u64 = 32;

/// What bounds for what is free take, in steps of a search (measured: about 6 ns per free qubit and per message,
/// 35 ns per step).
fn work_in_free(plan: &Plan, request: &PlacementRequest<'_>, nodes: usize) -> u64 {
    (request.free.len() + nodes * (plan.classes.len() + 2)) as u64 / 6
}

/// Cycles of the pattern that the device cannot have: shorter than its shortest, or odd ones.
fn cycles_fit(plan: &Plan, request: &PlacementRequest<'_>) -> bool {
    let Some(girth) = plan.girth else { return true };
    let long_enough = request.epoch.girth.is_some_and(|shortest| shortest <= girth);
    long_enough && (plan.bipartite || !request.epoch.bipartite)
}

/// Whether the largest component is no larger than the largest connected part that is free.
fn parts_fit(plan: &Plan, host: &Host<'_>) -> bool {
    let Some(largest) = plan.components.first() else {
        return true;
    };
    let parts = host.nodes.iter().map(|&node| host.part_size[node as usize]);
    let links: u32 = host.nodes.iter().map(|&node| host.degree[node as usize]).sum();
    let edges: usize = plan.components.iter().map(|component| component.edges).sum();
    parts.max().unwrap_or(0) as usize >= largest.steps.len() && links as usize / 2 >= edges
}

/// Whether for every d there are as many free qubits with at least d couplers as vertices with d neighbours.
fn degrees_fit(plan: &Plan, host: &Host<'_>, counts: &mut Vec<u32>) -> bool {
    counts.clear();
    counts.resize(plan.degrees.len(), 0);
    for &node in host.nodes {
        let degree = (host.degree[node as usize] as usize).min(counts.len());
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
