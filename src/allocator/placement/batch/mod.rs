//! Batches: several jobs placed at once on one device, so that the first does not take what the others need more.
//!
//! Promises the most jobs, of as many the most qubits, of as many the least objective, as far as the budget goes;
//! never worse than one after the other (largest first, each by the strategy given), and a valid bound on what is lost. Pairs
//! without buffers are a matching and solved exactly. Of jobs with few enough possible placements the best packing
//! is searched and usually proved; all others are improved by destroy and repair. Leaves single jobs to the strategy.

pub mod components;
pub mod matching;
mod neighbourhood;
mod packing;
mod pool;
mod problem;
mod repair;
mod taken;

pub use problem::{BatchJob, BatchRequest, PlacedBatch};

use smallvec::SmallVec;

use super::pattern::Pattern;
use super::{Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, placement_of_layout};
use crate::random::{Purpose, StreamFamily};
use packing::{Choice, Kind, Packing};
use pool::Resources;
use problem::{most_of, rank};
use taken::{Taken, bound};

/// Jobs that may stand for one another: same program, same limits, same objective.
struct Alike {
    jobs: Vec<usize>,
    /// No placement of one of them alone costs less; `None`: there is none.
    at_least: Option<u64>,
}

/// Largest program whose placements are listed.
const LISTED_QUBITS_MAX: usize = 64;

/// Smallest budget with which the components of a pattern are looked at one by one.
const BUDGET_MIN: u64 = 1_000;

/// Shares of the budget: for listing placements, for bounds, for the proof. Destroy and repair gets the rest.
const LISTING: u64 = 4;
const RELAXING: u64 = 2;

/// How the cutoff of a pool is lowered when too many placements would be listed.
const NARROWER: u64 = 4;
const NARROWINGS: u32 = 4;

/// Places the jobs of a batch jointly; `strategy` places each of them alone.
pub fn place(request: &BatchRequest<'_>, strategy: &mut dyn PlacementStrategy) -> PlacedBatch {
    if let Some(placed) = matching::place_pairs(request) {
        return placed;
    }
    let mut solver = Solver { request, strategy, alike: alike(request), steps: 0 };
    solver.solve()
}

/// Places a pattern whose connected components are the jobs of a batch: one joint layout. `None` when it has not
/// several components with more than one qubit, or the budget is too small for more than one search.
pub fn place_components(
    request: &PlacementRequest<'_>,
    strategy: &mut dyn PlacementStrategy,
) -> Option<Placed> {
    if request.pattern.is_connected() || request.pattern.edges().len() < 2 || request.budget < BUDGET_MIN {
        return None;
    }
    let parts = components::split(request.pattern);
    if parts.iter().filter(|part| part.vertices.len() > 1).count() < 2 {
        return None;
    }
    let jobs: Vec<BatchJob<'_>> = parts
        .iter()
        .map(|part| BatchJob {
            pattern: &part.pattern,
            free: request.free,
            barred_couplers: request.barred_couplers,
            objective: request.objective,
        })
        .collect();
    let batch =
        BatchRequest { epoch: request.epoch, jobs: &jobs, buffer_distance: 0, budget: request.budget };
    let placed = place(&batch, strategy);
    let steps = placed.steps;
    let all: Option<Vec<&Placement>> = placed.placements.iter().map(Option::as_ref).collect();
    let joint = all.and_then(|all| placement_of_layout(request, components::join(&parts, all)));
    let outcome = match joint {
        Some(placement) if placed.gap == Some(0) => PlacementOutcome::Optimal(placement),
        Some(placement) => PlacementOutcome::Feasible { placement, gap: placed.gap },
        None if placed.cannot_all_fit => PlacementOutcome::ProvedInfeasible,
        None => PlacementOutcome::BudgetExhausted,
    };
    Some(Placed { outcome, steps })
}

/// The better of two answers to the same request, with what both together prove.
pub(super) fn better(first: Placed, second: Placed) -> Placed {
    let steps = first.steps + second.steps;
    let known = |outcome: &PlacementOutcome| match outcome {
        PlacementOutcome::Optimal(placement) => Some((placement.objective, placement.objective)),
        PlacementOutcome::Feasible { placement, gap } => {
            let at_least = gap.map_or(0, |gap| placement.objective.saturating_sub(gap));
            Some((placement.objective, at_least))
        }
        PlacementOutcome::ProvedInfeasible | PlacementOutcome::BudgetExhausted => None,
    };
    let outcome = match (known(&first.outcome), known(&second.outcome)) {
        (Some(one), Some(other)) => {
            let outcome = if one.0 <= other.0 { first.outcome } else { second.outcome };
            let gap = one.0.min(other.0).saturating_sub(one.1.max(other.1));
            match outcome {
                PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } => {
                    if gap == 0 {
                        PlacementOutcome::Optimal(placement)
                    } else {
                        PlacementOutcome::Feasible { placement, gap: Some(gap) }
                    }
                }
                neither => neither,
            }
        }
        (Some(_), None) => first.outcome,
        (None, Some(_)) => second.outcome,
        (None, None) if first.outcome.is_proved() => first.outcome,
        (None, None) => second.outcome,
    };
    Placed { outcome, steps }
}

/// Largest jobs first, those alike side by side.
fn alike(request: &BatchRequest<'_>) -> Vec<Alike> {
    let size = |job: usize| {
        let pattern = request.jobs[job].pattern;
        (std::cmp::Reverse((pattern.qubits(), pattern.edges().len())), job)
    };
    let mut order: Vec<usize> = (0..request.jobs.len()).collect();
    order.sort_by_key(|&job| size(job));
    let mut alike: Vec<Alike> = Vec::new();
    for job in order {
        let known = alike.iter_mut().find(|known| request.jobs[known.jobs[0]] == request.jobs[job]);
        match known {
            Some(known) => known.jobs.push(job),
            None => alike.push(Alike { jobs: vec![job], at_least: Some(0) }),
        }
    }
    alike
}

struct Solver<'r, 's> {
    request: &'r BatchRequest<'r>,
    strategy: &'s mut dyn PlacementStrategy,
    alike: Vec<Alike>,
    steps: u64,
}

impl Solver<'_, '_> {
    fn solve(&mut self) -> PlacedBatch {
        let mut placements = self.one_after_the_other();
        let unplaceable = self.alike.iter().any(|alike| alike.at_least.is_none());
        // Jobs that have no place even alone are no obstacle to a proof for the others.
        self.alike.retain(|alike| alike.at_least.is_some());
        let mut at_least: u64 = self.bound_alone();
        let complete = |placements: &[Option<Placement>], alike: &[Alike]| {
            alike.iter().flat_map(|alike| &alike.jobs).all(|&job| placements[job].is_some())
        };
        let mut cannot_all_fit = unplaceable;
        let budget = self.request.budget;
        let mut listed = false;
        if !complete(&placements, &self.alike) || rank(&placements).2 > at_least {
            match self.pack(&mut placements, budget) {
                Some(u64::MAX) if !complete(&placements, &self.alike) => cannot_all_fit = true,
                Some(bound) => {
                    at_least = at_least.max(bound);
                    listed = true;
                }
                None => {}
            }
        }
        let all = complete(&placements, &self.alike);
        if !all || !listed && rank(&placements).2 > at_least {
            self.steps += repair::run(self.request, self.strategy, &mut placements, budget);
        }
        let gap = complete(&placements, &self.alike).then(|| rank(&placements).2.saturating_sub(at_least));
        PlacedBatch { placements, gap, cannot_all_fit, steps: self.steps }
    }

    /// Largest first, each where the strategy puts it beside those before it. Notes what each costs alone.
    fn one_after_the_other(&mut self) -> Vec<Option<Placement>> {
        let request = self.request;
        let mut placements = vec![None; request.jobs.len()];
        let mut taken = Taken::new(request);
        for alike in &mut self.alike {
            let mut failed = false;
            if !taken.none() {
                let alone = self.strategy.place(&request.alone(alike.jobs[0]));
                self.steps += alone.steps;
                alike.at_least = bound(&alone.outcome);
            }
            for &job in &alike.jobs {
                // Less is free for the next one alike: it fails as well.
                if failed || alike.at_least.is_none() {
                    break;
                }
                let first = taken.none();
                let (placement, outcome_bound, steps) = taken.place(request, self.strategy, job);
                self.steps += steps;
                if first {
                    alike.at_least = outcome_bound;
                }
                failed = placement.is_none();
                if let Some(placement) = &placement {
                    taken.add(&placement.layout);
                }
                placements[job] = placement;
            }
        }
        placements
    }

    /// What all jobs cost together at least: the sum of what each costs alone.
    fn bound_alone(&self) -> u64 {
        let of = |alike: &Alike| alike.at_least.unwrap_or(0).saturating_mul(alike.jobs.len() as u64);
        self.alike.iter().fold(0, |sum, alike| sum.saturating_add(of(alike)))
    }

    /// Searches the best packing of listed placements and takes it over when it is better; the bound on the total
    /// that it proves, `u64::MAX` when no packing exists. `None`: there are too many placements to list.
    fn pack(&mut self, placements: &mut [Option<Placement>], budget: u64) -> Option<u64> {
        let request = self.request;
        let sums_fit = |total: u128| total < 1 << 60;
        let most = (0..request.jobs.len()).map(|job| most_of(request, job)).fold(0, u128::saturating_add);
        let listable = |job: &BatchJob<'_>| {
            !job.pattern.is_region() && job.pattern.qubits() <= LISTED_QUBITS_MAX && is_connected(job.pattern)
        };
        if !sums_fit(most) || !request.jobs.iter().all(listable) {
            return None;
        }
        let resources = Resources { map: &request.epoch.map, buffer_distance: request.buffer_distance };
        let all_placed =
            self.alike.iter().flat_map(|alike| &alike.jobs).all(|&job| placements[job].is_some());
        let upper = if all_placed { rank(placements).2 } else { u64::MAX };
        let slack = upper.saturating_sub(self.bound_alone());
        let mut kinds = Vec::with_capacity(self.alike.len());
        for alike in &self.alike {
            let alone = alike.at_least.unwrap_or(0);
            let mut pool = None;
            let mut slack = slack;
            for _ in 0..NARROWINGS {
                let cutoff = alone.saturating_add(slack).saturating_add(1);
                let mut used = 0;
                let listing = budget / LISTING;
                pool = pool::enumerate(&request.alone(alike.jobs[0]), resources, cutoff, listing, &mut used);
                self.steps += used;
                if pool.is_some() {
                    break;
                }
                slack = slack.min(alone.saturating_mul(2)) / NARROWER;
            }
            kinds.push(Kind { jobs: alike.jobs.len(), pool: pool? });
        }
        let mut packing = Packing::new(&kinds, resources.len());
        if all_placed && let Some(choice) = self.as_choice(&kinds, placements) {
            packing.offer(choice);
        }
        packing.relax(upper, budget / RELAXING);
        packing.prove(upper, budget / RELAXING + packing.steps / 2);
        if packing.best.as_ref().is_some_and(|(cost, _)| *cost > packing.at_least) {
            let mut random = StreamFamily::new(0, 0, Purpose::BatchPlacement).stream(kinds.len() as u64, 0);
            packing.refine(&request.epoch.map, &mut random, budget);
        }
        self.steps += packing.steps;
        let at_least = packing.at_least;
        if let Some((cost, choice)) = packing.best.take()
            && (cost < upper || !all_placed)
        {
            self.take_over(&kinds, &choice, placements);
        }
        Some(at_least)
    }

    /// The placements as members of the pools, if they are.
    fn as_choice(&self, kinds: &[Kind], placements: &[Option<Placement>]) -> Option<Choice> {
        let of_kind = |(kind, alike): (&Kind, &Alike)| -> Option<Vec<u32>> {
            let found = alike.jobs.iter().map(|&job| {
                let placement = placements[job].as_ref()?;
                kind.pool.find(placement.objective, &placement.layout)
            });
            found.collect()
        };
        kinds.iter().zip(&self.alike).map(of_kind).collect()
    }

    fn take_over(&self, kinds: &[Kind], choice: &Choice, placements: &mut [Option<Placement>]) {
        for ((kind, alike), chosen) in kinds.iter().zip(&self.alike).zip(choice) {
            let mut chosen = chosen.clone();
            chosen.sort_unstable();
            for (&job, index) in alike.jobs.iter().zip(chosen) {
                let layout = SmallVec::from_slice(kind.pool.layout(index));
                placements[job] = placement_of_layout(&self.request.alone(job), layout);
                debug_assert!(placements[job].is_some(), "a pool lists an illegal layout");
            }
        }
    }
}

fn is_connected(pattern: &Pattern) -> bool {
    components::split(pattern).len() == 1
}

#[cfg(test)]
mod tests;
