//! One placement out of a pool for every job, no two of which exclude each other, at the least total cost: weighted
//! set packing.
//!
//! Bounds come from Lagrangian relaxation: every resource gets a price, every job takes what is cheapest with the
//! prices, and the prices of resources that several jobs took rise (subgradient method, Held, Wolfe and Crowder 1974).
//! Prices also guide the choice of good packings, and rule placements out that no better packing can contain; what
//! is left is searched by branch and bound. Promises valid bounds, and packings that never get worse. Integers and
//! keyed streams only, so that the same input gives the same answer.

use rand::RngExt;

use super::neighbourhood::neighbours;
use super::pool::Pool;
use crate::quantum::PhysicalQubit;
use crate::quantum::coupling_map::CouplingMap;
use crate::random::Stream;

/// Jobs that are placed alike.
#[derive(Debug)]
pub(super) struct Kind {
    /// How many of them.
    pub jobs: usize,
    /// Where each may go.
    pub pool: Pool,
}

/// A packing: per kind, the placements of its jobs.
pub(super) type Choice = Vec<Vec<u32>>;

/// What is known of a problem.
#[derive(Debug)]
pub(super) struct Packing<'a> {
    kinds: &'a [Kind],
    /// The cheapest packing known, and its cost.
    pub best: Option<(u64, Choice)>,
    /// No packing costs less; `u64::MAX` when there is none.
    pub at_least: u64,
    /// Steps used: placements looked at, in units of [`LOOKS`].
    pub steps: u64,
    prices: Vec<u64>,
    looks: u64,
    used: Vec<bool>,
    /// Costs with prices, per kind and placement.
    reduced: Vec<Vec<u64>>,
    /// Placements per kind that a cheaper packing may contain; after the relaxation in order of these costs.
    order: Vec<Vec<u32>>,
    /// Per kind: what is not listed costs at least this, or is of no use.
    cutoff: Vec<u64>,
    resources: usize,
}

/// Looks at a placement that take as long as one step of the exact search.
const LOOKS: u64 = 8;

/// Rounds of the subgradient method without progress after which its step is halved, and halvings at the end.
const PATIENCE: u32 = 8;
const HALVINGS: u32 = 10;

/// Rounds between two packings made from the prices.
const ROUNDS_PER_PACKING: u32 = 4;

/// Highest price, 4 nats: sums over all resources of a device stay in range.
const PRICE_MAX: u64 = 1 << 50;

/// A partial packing during branch and bound.
struct Branch<'s> {
    /// Kinds that still get jobs, and how many.
    wanted: &'s [(usize, usize)],
    /// Least cost with prices of the kinds after each.
    after: Vec<u64>,
    /// Prices of the resources that nobody has: what costs with prices count too much at most.
    rebate: u64,
    /// Only a total below this is of use.
    upper: u64,
    /// Looks at which to give up.
    limit: u64,
    chosen: Vec<(usize, u32)>,
    found: Option<Vec<(usize, u32)>>,
    complete: bool,
}

impl<'a> Packing<'a> {
    /// A problem on a device with the given number of resources.
    pub fn new(kinds: &'a [Kind], resources: usize) -> Self {
        let order = kinds.iter().map(|kind| (0..kind.pool.len() as u32).collect()).collect();
        let reduced = kinds.iter().map(|kind| kind.pool.costs().to_vec()).collect();
        Self {
            kinds,
            best: None,
            at_least: 0,
            steps: 0,
            prices: vec![0; resources],
            looks: 0,
            used: vec![false; resources],
            reduced,
            order,
            cutoff: kinds.iter().map(|kind| kind.pool.cutoff).collect(),
            resources,
        }
    }

    /// Takes note of a packing.
    pub fn offer(&mut self, choice: Choice) {
        let cost = self.cost(&choice);
        if self.best.as_ref().is_none_or(|(best, _)| cost < *best) {
            self.best = Some((cost, choice));
        }
    }

    fn cost(&self, choice: &Choice) -> u64 {
        let of_kind = |(kind, chosen): (&Kind, &Vec<u32>)| -> u64 {
            chosen.iter().map(|&index| kind.pool.costs()[index as usize]).sum()
        };
        self.kinds.iter().zip(choice).map(of_kind).sum()
    }

    fn look(&mut self, placements: usize) {
        self.looks += placements as u64;
        self.steps = self.looks / LOOKS;
    }

    /// Raises the bound, finds packings on the way, and drops placements that no packing cheaper than those known can
    /// contain; `upper`: cost of the best answer known elsewhere.
    pub fn relax(&mut self, upper: u64, budget: u64) {
        let kinds = self.kinds;
        let mut prices = vec![0_u64; self.resources];
        let mut takers = vec![0_u32; self.resources];
        let mut step_size = 1.0_f64;
        let (mut idle, mut halvings) = (0, 0);
        let mut first = true;
        for round in 0_u32.. {
            let upper = self.best.as_ref().map_or(upper, |(cost, _)| upper.min(*cost));
            takers.fill(0);
            let mut value = -prices.iter().map(|&price| i128::from(price)).sum::<i128>();
            // What the dearest job of each kind costs.
            let mut last = Vec::with_capacity(kinds.len());
            for (index, kind) in kinds.iter().enumerate() {
                let costs = &mut self.reduced[index];
                price(&kind.pool, &self.order[index], &prices, costs);
                self.looks += self.order[index].len() as u64;
                let cheapest = cheapest(&self.order[index], costs, kind.jobs);
                for rank in 0..kind.jobs {
                    match cheapest.get(rank) {
                        Some(&(cost, placement)) if cost < self.cutoff[index] => {
                            value += i128::from(cost);
                            kind.pool.resources(placement).iter().for_each(|&r| takers[r as usize] += 1);
                        }
                        _ if self.cutoff[index] == u64::MAX => {
                            // Nothing cheaper than what is known, or nothing at all.
                            self.at_least = upper;
                            return;
                        }
                        _ => value += i128::from(self.cutoff[index]),
                    }
                }
                let dearest = cheapest.get(kind.jobs - 1).map_or(u64::MAX, |dearest| dearest.0);
                last.push(dearest.min(self.cutoff[index]));
            }
            self.look(0);
            let bound = u64::try_from(value.max(0)).unwrap_or(u64::MAX);
            if first || bound > self.at_least {
                first = false;
                self.at_least = bound.min(upper).max(self.at_least);
                self.prices.clone_from(&prices);
                idle = 0;
                self.drop_dear(&last, upper.saturating_sub(bound));
            } else {
                idle += 1;
                if idle >= PATIENCE {
                    idle = 0;
                    halvings += 1;
                    step_size /= 2.0;
                }
            }
            if round % ROUNDS_PER_PACKING == 0
                && let Some(choice) = self.greedy()
            {
                self.offer(choice);
            }
            let upper = self.best.as_ref().map_or(upper, |(cost, _)| upper.min(*cost));
            if self.at_least >= upper || halvings >= HALVINGS || self.steps >= budget {
                break;
            }
            let slope =
                |taken: u32, price: u64| f64::from(taken) - f64::from(u8::from(taken > 0 || price > 0));
            let norm: f64 =
                takers.iter().zip(&prices).map(|(&taken, &price)| slope(taken, price).powi(2)).sum();
            if norm == 0.0 {
                break;
            }
            // With nothing known from above, aim a little above the bound.
            let aim = if upper == u64::MAX { value.max(1) as f64 * 1.1 } else { upper as f64 };
            let step = step_size * (aim - value as f64).max(0.0) / norm;
            for (price, &taken) in prices.iter_mut().zip(&takers) {
                let change = (step * slope(taken, *price)).round();
                *price = if change < 0.0 {
                    price.saturating_sub(-change as u64)
                } else {
                    price.saturating_add(change as u64).min(PRICE_MAX)
                };
            }
        }
        for (index, kind) in kinds.iter().enumerate() {
            let (order, costs) = (&mut self.order[index], &mut self.reduced[index]);
            price(&kind.pool, order, &self.prices, costs);
            order.sort_unstable_by_key(|&placement| (costs[placement as usize], placement));
        }
    }

    /// Drops what cannot be part of a cheaper packing: a job that goes there costs so much beyond the `last` one of its
    /// kind in the relaxed optimum that the bound rises by `slack` or more.
    fn drop_dear(&mut self, last: &[u64], slack: u64) {
        for (index, &last) in last.iter().enumerate() {
            let most = last.saturating_add(slack);
            let costs = &self.reduced[index];
            self.order[index].retain(|&placement| costs[placement as usize] < most);
            if self.cutoff[index] >= most {
                self.cutoff[index] = u64::MAX;
            }
        }
    }

    /// The jobs one after the other, kinds in order, each where it is cheapest with the current prices.
    fn greedy(&mut self) -> Option<Choice> {
        self.used.fill(false);
        let mut choice: Choice = Vec::with_capacity(self.kinds.len());
        for (at, kind) in self.kinds.iter().enumerate() {
            let mut chosen = Vec::with_capacity(kind.jobs);
            for _ in 0..kind.jobs {
                let mut best: Option<(u64, u32)> = None;
                for &index in &self.order[at] {
                    let cost = self.reduced[at][index as usize];
                    if best.is_none_or(|(least, _)| cost < least) && self.fits(&kind.pool, index) {
                        best = Some((cost, index));
                    }
                }
                self.looks += self.order[at].len() as u64;
                let (_, index) = best?;
                self.mark(&kind.pool, index, true);
                chosen.push(index);
            }
            choice.push(chosen);
        }
        Some(choice)
    }

    fn fits(&self, pool: &Pool, index: u32) -> bool {
        pool.resources(index).iter().all(|&resource| !self.used[resource as usize])
    }

    fn mark(&mut self, pool: &Pool, index: u32, used: bool) {
        for &resource in pool.resources(index) {
            self.used[resource as usize] = used;
        }
    }

    /// Searches all packings cheaper than `upper` and than the best known, after [`Self::relax`]. When it ends within
    /// the budget and no pool was cut off too early, nothing cheaper is left.
    pub fn prove(&mut self, upper: u64, budget: u64) {
        let kinds = self.kinds;
        let upper = self.best.as_ref().map_or(upper, |(cost, _)| upper.min(*cost));
        if self.at_least >= upper {
            return;
        }
        let lists = self.order.clone();
        let all_seen = self.cutoff.iter().all(|&cutoff| cutoff == u64::MAX);
        let wanted: Vec<(usize, usize)> = (0..kinds.len()).map(|kind| (kind, kinds[kind].jobs)).collect();
        self.used.fill(false);
        let (found, complete) = self.branch(&wanted, &lists, 0, upper, budget);
        if let Some(found) = found {
            let mut choice: Choice = vec![Vec::new(); kinds.len()];
            found.iter().for_each(|&(kind, index)| choice[kind].push(index));
            self.offer(choice);
        }
        if complete && all_seen {
            self.at_least = self.best.as_ref().map_or(upper, |(cost, _)| upper.min(*cost));
        }
    }

    /// Branch and bound: the cheapest way to place `wanted` on what is not used that costs less than `upper` with
    /// the `fixed` cost of all others; and whether all ways were seen.
    fn branch(
        &mut self,
        wanted: &[(usize, usize)],
        lists: &[Vec<u32>],
        fixed: u64,
        upper: u64,
        budget: u64,
    ) -> (Option<Vec<(usize, u32)>>, bool) {
        let mut after = vec![0; wanted.len() + 1];
        for (at, &(kind, jobs)) in wanted.iter().enumerate().rev() {
            let best = lists[kind].iter().take(jobs).map(|&index| self.reduced[kind][index as usize]);
            after[at] = after[at + 1] + best.sum::<u64>();
        }
        let unused = self.prices.iter().zip(&self.used).filter(|(_, used)| !**used);
        let mut branch = Branch {
            wanted,
            after,
            rebate: unused.map(|(price, _)| price).sum(),
            upper,
            limit: budget.saturating_mul(LOOKS),
            chosen: Vec::new(),
            found: None,
            complete: true,
        };
        if let Some(&(kind, jobs)) = wanted.first() {
            let open = self.open(kind, &lists[kind]);
            self.descend(&mut branch, lists, 0, jobs, &open, fixed, fixed);
        }
        self.look(0);
        (branch.found, branch.complete)
    }

    fn open(&mut self, kind: usize, list: &[u32]) -> Vec<u32> {
        self.looks += list.len() as u64;
        let pool = &self.kinds[kind].pool;
        list.iter().copied().filter(|&index| self.fits(pool, index)).collect()
    }

    /// Places `left` more jobs of the kind at `at` on `open`, then the kinds after it. `reduced` and `cost` are those
    /// of what is placed, with and without prices.
    #[expect(clippy::too_many_arguments, reason = "the state of a recursion, all of it used at every level")]
    fn descend(
        &mut self,
        branch: &mut Branch<'_>,
        lists: &[Vec<u32>],
        at: usize,
        left: usize,
        open: &[u32],
        reduced: u64,
        cost: u64,
    ) {
        let kind = branch.wanted[at].0;
        let pool = &self.kinds[kind].pool;
        for first in 0..(open.len() + 1).saturating_sub(left) {
            let next: u64 =
                open[first..first + left].iter().map(|&index| self.reduced[kind][index as usize]).sum();
            if (reduced + next + branch.after[at + 1]).saturating_sub(branch.rebate) >= branch.upper {
                break;
            }
            if self.looks >= branch.limit {
                branch.complete = false;
                return;
            }
            let index = open[first];
            let reduced = reduced + self.reduced[kind][index as usize];
            let cost = cost + pool.costs()[index as usize];
            branch.chosen.push((kind, index));
            self.mark(pool, index, true);
            if left > 1 {
                let rest = self.open(kind, &open[first + 1..]);
                self.descend(branch, lists, at, left - 1, &rest, reduced, cost);
            } else if let Some(&(kind, jobs)) = branch.wanted.get(at + 1) {
                let rest = self.open(kind, &lists[kind]);
                self.descend(branch, lists, at + 1, jobs, &rest, reduced, cost);
            } else if cost < branch.upper {
                branch.upper = cost;
                branch.found = Some(branch.chosen.clone());
            }
            self.mark(pool, index, false);
            branch.chosen.pop();
        }
    }

    /// Destroy and repair (large neighbourhood search, Shaw 1998): takes out a few jobs that lie close to each other
    /// and places them anew in the best way, again and again.
    pub fn refine(&mut self, map: &CouplingMap, random: &mut Stream, budget: u64) {
        let Some((mut cost, choice)) = self.best.take() else { return };
        let mut placed: Vec<(usize, u32)> = Vec::new();
        for (kind, chosen) in choice.iter().enumerate() {
            placed.extend(chosen.iter().map(|&index| (kind, index)));
        }
        let lists = std::mem::take(&mut self.order);
        let mut fruitless = 0;
        while self.steps < budget && cost > self.at_least && fruitless < FRUITLESS * placed.len() {
            let most = placed.len().min(DESTROYED_MAX);
            let wanted = if most <= 2 { most } else { random.random_range(2..=most) };
            let out = self.close_together(map, &placed, random.random_range(0..placed.len()), wanted);
            self.used.fill(false);
            let mut fixed = 0;
            for &(kind, index) in placed.iter().enumerate().filter(|(at, _)| !out.contains(at)).map(|p| p.1) {
                self.mark(&self.kinds[kind].pool, index, true);
                fixed += self.kinds[kind].pool.costs()[index as usize];
            }
            let mut counts = vec![0; self.kinds.len()];
            out.iter().for_each(|&at| counts[placed[at].0] += 1);
            let wanted: Vec<(usize, usize)> =
                counts.into_iter().enumerate().filter(|(_, jobs)| *jobs > 0).collect();
            let limit = (self.steps + REPAIR_STEPS).min(budget);
            fruitless += 1;
            if let (Some(found), _) = self.branch(&wanted, &lists, fixed, cost, limit) {
                fruitless = 0;
                let mut at = 0;
                placed.retain(|_| {
                    at += 1;
                    !out.contains(&(at - 1))
                });
                placed.extend(found);
                placed.sort_unstable();
                cost =
                    placed.iter().map(|&(kind, index)| self.kinds[kind].pool.costs()[index as usize]).sum();
            }
        }
        self.order = lists;
        let mut choice: Choice = vec![Vec::new(); self.kinds.len()];
        placed.iter().for_each(|&(kind, index)| choice[kind].push(index));
        self.best = Some((cost, choice));
    }

    /// The job `seed` and those met first around it, `wanted` in all.
    fn close_together(
        &self,
        map: &CouplingMap,
        placed: &[(usize, u32)],
        seed: usize,
        wanted: usize,
    ) -> Vec<usize> {
        let layouts: Vec<&[PhysicalQubit]> =
            placed.iter().map(|&(kind, index)| self.kinds[kind].pool.layout(index)).collect();
        neighbours(map, &layouts, seed, wanted)
    }
}

/// Most jobs taken out at a time.
const DESTROYED_MAX: usize = 4;
/// Steps for placing them anew.
const REPAIR_STEPS: u64 = 4_000;
/// Attempts per job without success after which refinement ends.
const FRUITLESS: usize = 8;

/// Costs with prices of some placements of a pool.
fn price(pool: &Pool, placements: &[u32], prices: &[u64], reduced: &mut [u64]) {
    for &index in placements {
        let paid: u64 = pool.resources(index).iter().map(|&resource| prices[resource as usize]).sum();
        reduced[index as usize] = pool.costs()[index as usize] + paid;
    }
}

/// The `wanted` least costs with the placements, ascending.
fn cheapest(placements: &[u32], costs: &[u64], wanted: usize) -> Vec<(u64, u32)> {
    let mut least: Vec<(u64, u32)> = Vec::with_capacity(wanted + 1);
    for &index in placements {
        let cost = costs[index as usize];
        if least.len() == wanted && least.last().is_some_and(|last| cost >= last.0) {
            continue;
        }
        let at = least.partition_point(|known| known.0 <= cost);
        least.insert(at, (cost, index));
        least.truncate(wanted);
    }
    least
}
