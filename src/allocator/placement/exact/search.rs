//! Branch and bound over placements: roots in order of their bound, then depth first over the links of each parent's
//! image.
//!
//! Promises that a search it calls complete has seen a best placement or proved that there is none, and that it is
//! a function of plan, host and budget. Bounds are admissible: cost so far, plus for every placed vertex the cheapest
//! assignment of its open neighbours to links that are still free, plus the bounds of components not yet begun.

use std::collections::VecDeque;

use super::bound::Bounds;
use super::host::Host;
use super::plan::{Plan, Step};
use crate::allocator::placement::graph::NONE;
use crate::allocator::placement::search_cost::INFINITE;
use crate::allocator::placement::singles::Singles;

/// The owner of a node that must not be used.
pub(crate) const BLOCKED: u32 = NONE - 1;

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ending {
    /// Least cost found, scaled; the layout is in [`State::best`].
    pub cost: Option<u64>,
    /// No placement costs less than this; equals `cost` when the search is complete.
    pub at_least: u64,
    /// Whether nothing was left to search.
    pub complete: bool,
    /// Placements of single vertices tried.
    pub steps: u64,
}

/// Everything a search writes to; reused from one search to the next, never read before it is written.
#[derive(Debug, Default)]
pub(crate) struct State {
    /// Best layout: node of each position, then of each isolated vertex.
    pub best: Vec<u32>,
    /// Position on each node, or `NONE`.
    owner: Vec<u32>,
    /// Node of each position.
    image: Vec<u32>,
    /// Bound of what is still to be placed around each position.
    open: Vec<u64>,
    changed: Vec<(u32, u64)>,
    levels: Vec<Level>,
    candidates: Vec<Candidate>,
    /// Per component: bound of all components after it.
    after: Vec<u64>,
    /// Per component: rank of its root.
    rank: Vec<u32>,
    done: Vec<bool>,
    singles: Singles,
    distances: Distances,
}

/// Where one vertex may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    /// Message along the link: orders candidates.
    bound: u64,
    node: u32,
    /// Cost of the vertex and of the edges to earlier ones.
    cost: u64,
}

/// One level of the depth-first search.
#[derive(Debug, Clone, Copy, Default)]
struct Level {
    /// First candidate of this level, the next one to try, and the end; ranks when the vertex is a root.
    first: usize,
    next: usize,
    end: usize,
    /// State before the vertex of this level was placed.
    cost: u64,
    open: u64,
    rest: u64,
    changed: usize,
    placed: bool,
}

/// The possible nodes of one kind of root, sorted as far as needed: most searches end after a few.
#[derive(Debug, Default)]
pub(crate) struct Roots {
    keys: Vec<(u64, u32)>,
    bound: Vec<u64>,
    sorted: usize,
}

impl Roots {
    /// Memory in use.
    pub fn bytes(&self) -> usize {
        self.keys.len() * size_of::<(u64, u32)>() + self.bound.len() * size_of::<u64>()
    }

    /// Bound and node of the given rank.
    pub fn get(&mut self, rank: usize) -> Option<(u64, u32)> {
        while rank >= self.sorted && self.sorted < self.keys.len() {
            let rest = &mut self.keys[self.sorted..];
            let chunk = self.sorted.max(8).min(rest.len());
            if chunk < rest.len() {
                rest.select_nth_unstable(chunk - 1);
            }
            rest[..chunk].sort_unstable();
            self.sorted += chunk;
        }
        self.keys.get(rank).copied()
    }
}

/// Distances on the host from nodes that wait for a cycle to close, computed when first asked for.
#[derive(Debug, Default)]
struct Distances {
    slot: Vec<u32>,
    rows: Vec<u8>,
    queue: VecDeque<u32>,
}

impl Distances {
    fn between(&mut self, from: u32, to: u32, reach: u8, host: &Host<'_>, owner: &[u32]) -> u8 {
        let nodes = host.len();
        if self.slot[from as usize] == NONE {
            let start = self.rows.len();
            self.slot[from as usize] = (start / nodes) as u32;
            self.rows.resize(start + nodes, u8::MAX);
            let row = &mut self.rows[start..];
            row[from as usize] = 0;
            self.queue.clear();
            self.queue.push_back(from);
            while let Some(node) = self.queue.pop_front() {
                let depth = row[node as usize];
                if depth == reach {
                    break;
                }
                for link in host.links(node) {
                    let entry = &mut row[host.to[link] as usize];
                    if *entry == u8::MAX && owner[host.to[link] as usize] != BLOCKED {
                        *entry = depth + 1;
                        self.queue.push_back(host.to[link]);
                    }
                }
            }
        }
        self.rows[self.slot[from as usize] as usize * nodes + to as usize]
    }
}

/// One search.
pub(crate) struct Search<'a> {
    pub plan: &'a Plan,
    pub host: &'a Host<'a>,
    pub bounds: &'a Bounds,
    pub state: &'a mut State,
    /// Where each kind of root may go, see [`list_roots`].
    pub roots: &'a mut [Roots],
    /// Steps that a root gets in the first round; eight times as many in each further one.
    pub first_round: u64,
    /// Steps in all.
    pub budget: u64,
}

impl Search<'_> {
    /// Runs to the end or to the budget.
    pub fn run(self) -> Ending {
        let (plan, host) = (self.plan, self.host);
        self.state.prepare(plan, host, self.roots);
        let mut run = Run { search: self, cost: 0, open: 0, rest: 0, best: INFINITE, steps: 0 };
        let (at_least, complete) = run.roots();
        let found = run.best < INFINITE;
        Ending {
            cost: found.then_some(run.best),
            at_least: at_least.min(run.best),
            complete,
            steps: run.steps,
        }
    }
}

impl State {
    fn prepare(&mut self, plan: &Plan, host: &Host<'_>, roots: &mut [Roots]) {
        let positions = plan.steps.len();
        refill(&mut self.owner, host.len(), BLOCKED);
        for &node in host.nodes {
            self.owner[node as usize] = NONE;
        }
        refill(&mut self.image, positions, NONE);
        refill(&mut self.open, positions, 0);
        refill(&mut self.levels, positions, Level::default());
        refill(&mut self.rank, plan.components.len(), 0);
        self.changed.clear();
        self.candidates.clear();
        if !plan.anchors.is_empty() {
            refill(&mut self.distances.slot, host.len(), NONE);
            self.distances.rows.clear();
        }

        self.singles.prepare(&plan.isolated_by_use, host.nodes, |kind, node| host.cost(kind, node));
        // Bounds of what comes after each component, from the last one back: the isolated vertices come last.
        let mut after = self.singles.at_least();
        refill(&mut self.after, plan.components.len(), 0);
        let mut run_cost = 0;
        for (index, component) in plan.components.iter().enumerate().rev() {
            // `after` excludes the later copies of this component: their roots come after this one's in rank.
            self.after[index] = after;
            let nth = roots[component.root as usize].get(component.copies_after);
            run_cost = INFINITE.min(run_cost + nth.map_or(INFINITE, |(bound, _)| bound));
            if !component.copy {
                after = INFINITE.min(after + run_cost);
                run_cost = 0;
            }
        }
    }
}

/// Lists for every kind of root the nodes where it may go, with their bounds.
pub(crate) fn list_roots(plan: &Plan, host: &Host<'_>, bounds: &Bounds, lists: &mut Vec<Roots>) {
    lists.resize_with(plan.roots.len(), Roots::default);
    for (roots, &(class, size)) in lists.iter_mut().zip(&plan.roots) {
        roots.sorted = 0;
        roots.keys.clear();
        refill(&mut roots.bound, host.len(), INFINITE);
        let class = &plan.classes[class as usize];
        for &node in host.nodes {
            let large_enough = host.part_size[node as usize] >= size;
            let bound = if large_enough { bounds.root(class, node, host) } else { INFINITE };
            roots.bound[node as usize] = bound;
            if bound < INFINITE {
                roots.keys.push((bound, node));
            }
        }
    }
}

fn refill<T: Clone>(list: &mut Vec<T>, length: usize, value: T) {
    list.clear();
    list.resize(length, value);
}

struct Run<'a> {
    search: Search<'a>,
    /// Cost of what is placed.
    cost: u64,
    /// Sum of the bounds around placed vertices.
    open: u64,
    /// Bound of the components not yet begun.
    rest: u64,
    best: u64,
    steps: u64,
}

impl Run<'_> {
    /// Rounds over the roots of the first component; returns the lower bound and whether nothing is left.
    fn roots(&mut self) -> (u64, bool) {
        let Some(first) = self.search.plan.components.first() else {
            self.leaf();
            return (self.best, true);
        };
        let kind = first.root as usize;
        let count = self.search.roots[kind].keys.len();
        refill(&mut self.search.state.done, count, false);
        let mut share = self.search.first_round;
        loop {
            let mut least_left = INFINITE;
            for rank in 0..count {
                let bound = self.root_bound(0, rank);
                if bound >= self.best {
                    break;
                }
                let node = self.search.roots[kind].keys[rank].1;
                if self.search.state.done[rank] || self.search.state.owner[node as usize] == BLOCKED {
                    continue;
                }
                let left = self.search.budget.saturating_sub(self.steps);
                if left == 0 {
                    return (least_left.min(bound), false);
                }
                if self.explore(rank, share.min(left)) {
                    self.search.state.done[rank] = true;
                } else {
                    least_left = least_left.min(bound);
                }
            }
            if least_left >= self.best {
                return (self.best, true);
            }
            share = share.saturating_mul(8);
        }
    }

    /// Bound of all components from `component` on, when its root has the given rank.
    fn root_bound(&mut self, component: usize, rank: usize) -> u64 {
        let state = &mut *self.search.state;
        let this = &self.search.plan.components[component];
        let mut total = state.after[component];
        for rank in rank..=rank + this.copies_after {
            match self.search.roots[this.root as usize].get(rank) {
                Some((bound, _)) => total += bound,
                None => return INFINITE,
            }
            if total >= INFINITE {
                return INFINITE;
            }
        }
        total
    }

    /// Searches everything below one root of the first component; false when the steps ran out.
    fn explore(&mut self, rank: usize, share: u64) -> bool {
        let last = self.steps.saturating_add(share);
        let positions = self.search.plan.steps.len();
        let mut at = 0;
        self.search.state.candidates.clear();
        self.search.state.levels[0] = Level { next: rank, end: rank + 1, ..Level::default() };
        loop {
            self.undo(at);
            let Some(candidate) = self.next_candidate(at) else {
                if at == 0 {
                    return true;
                }
                let first = self.search.state.levels[at].first;
                if self.search.plan.steps[at].parent != NONE {
                    self.search.state.candidates.truncate(first);
                }
                at -= 1;
                continue;
            };
            if self.steps >= last {
                for level in (0..at).rev() {
                    self.undo(level);
                }
                return false;
            }
            self.steps += 1;
            if self.place(at, candidate) < self.best {
                if at + 1 == positions {
                    self.leaf();
                } else {
                    at += 1;
                    self.descend(at);
                }
            }
        }
    }

    /// Takes the vertex of a level off its node.
    fn undo(&mut self, at: usize) {
        let state = &mut *self.search.state;
        let level = &mut state.levels[at];
        if !level.placed {
            return;
        }
        level.placed = false;
        (self.cost, self.open, self.rest) = (level.cost, level.open, level.rest);
        while state.changed.len() > level.changed {
            if let Some((position, open)) = state.changed.pop() {
                state.open[position as usize] = open;
            }
        }
        state.owner[state.image[at] as usize] = NONE;
    }

    /// The next candidate of a level that may still lead to something better.
    fn next_candidate(&mut self, at: usize) -> Option<Candidate> {
        let step = &self.search.plan.steps[at];
        let level = self.search.state.levels[at];
        if step.parent == NONE {
            let component = step.component as usize;
            let kind = self.search.plan.components[component].root as usize;
            for rank in level.next..level.end {
                if self.cost + self.open + self.root_bound(component, rank) >= self.best {
                    return None;
                }
                let (bound, node) = self.search.roots[kind].get(rank)?;
                if self.search.state.owner[node as usize] == NONE {
                    self.search.state.levels[at].next = rank + 1;
                    self.search.state.rank[component] = rank as u32;
                    let cost = self.search.host.cost(step.kind, node);
                    return Some(Candidate { bound, node, cost });
                }
            }
            return None;
        }
        let candidate = (level.next < level.end).then(|| self.search.state.candidates[level.next])?;
        let around = self.open - self.search.state.open[step.parent as usize];
        if self.cost + around + candidate.bound + self.rest >= self.best {
            return None;
        }
        self.search.state.levels[at].next += 1;
        Some(candidate)
    }

    /// Puts a vertex on a node and returns the bound of everything.
    fn place(&mut self, at: usize, candidate: Candidate) -> u64 {
        let Search { plan, host, bounds, state, roots, .. } = &mut self.search;
        let step = &plan.steps[at];
        let level = &mut state.levels[at];
        (level.cost, level.open, level.rest) = (self.cost, self.open, self.rest);
        level.changed = state.changed.len();
        level.placed = true;
        state.owner[candidate.node as usize] = at as u32;
        state.image[at] = candidate.node;
        self.cost += candidate.cost;
        if step.parent == NONE {
            let component = &plan.components[step.component as usize];
            let rank = state.rank[step.component as usize] as usize;
            self.rest = state.after[step.component as usize];
            for later in rank + 1..=rank + component.copies_after {
                let bound = roots[component.root as usize].get(later);
                self.rest = INFINITE.min(self.rest + bound.map_or(INFINITE, |(bound, _)| bound));
            }
        }
        if bounds.dense {
            // Used nodes elsewhere are ignored: there are always others, and every vertex has many neighbours.
            let closings = plan.closings[step.closings.clone()].iter().map(|entry| entry.0);
            for position in closings.chain((step.parent != NONE).then_some(step.parent)) {
                let open = if position == step.parent {
                    around(plan, host, bounds, &state.owner, &state.image, position, at)
                } else {
                    let node = state.image[position as usize];
                    pending_after(plan, position, at)
                        .iter()
                        .map(|&class| bounds.lowest(class, node))
                        .fold(0, |sum: u64, cost| INFINITE.min(sum + cost))
                };
                if open >= INFINITE {
                    return INFINITE;
                }
                self.open = self.open - state.open[position as usize] + open;
                state.changed.push((position, state.open[position as usize]));
                state.open[position as usize] = open;
            }
            state.open[at] = around(plan, host, bounds, &state.owner, &state.image, at as u32, at);
        } else {
            for link in host.links(candidate.node) {
                let position = state.owner[host.to[link] as usize];
                if position >= BLOCKED || state.open[position as usize] == 0 && is_closed(plan, position, at)
                {
                    continue;
                }
                let open = around(plan, host, bounds, &state.owner, &state.image, position, at);
                if open >= INFINITE {
                    return INFINITE;
                }
                self.open = self.open - state.open[position as usize] + open;
                state.changed.push((position, state.open[position as usize]));
                state.open[position as usize] = open;
            }
            state.open[at] = around(plan, host, bounds, &state.owner, &state.image, at as u32, at);
        }
        self.open += state.open[at];
        self.cost + self.open + self.rest
    }

    /// Lists where the vertex of a level may go.
    fn descend(&mut self, at: usize) {
        let Search { plan, host, bounds, state, roots, .. } = &mut self.search;
        let step = &plan.steps[at];
        let first = state.candidates.len();
        let component = step.component as usize;
        let kind = plan.components[component].root as usize;
        if step.parent == NONE {
            let copy = plan.components[component].copy;
            let next = if copy { state.rank[component - 1] as usize + 1 } else { 0 };
            state.levels[at] = Level { first, next, end: roots[kind].keys.len(), ..Level::default() };
            return;
        }
        let parent = state.image[step.parent as usize];
        // What cannot lead to anything better now never will.
        let around = self.open - state.open[step.parent as usize];
        let too_much = self.best.saturating_sub(self.cost + around + self.rest);
        let root = state.image[plan.components[component].steps.start];
        let root_key = (roots[kind].bound[root as usize], root);
        for link in host.links(parent) {
            let node = host.to[link];
            let bound = bounds.message(step.class, link);
            let of_node = (roots[kind].bound[node as usize], node);
            if bound >= INFINITE.min(too_much)
                || state.owner[node as usize] != NONE
                || step.twin != NONE && state.image[step.twin as usize] > node
                || step.like_root && (of_node.0 >= INFINITE || of_node < root_key)
            {
                continue;
            }
            let link_cost = u64::from(step.weight) * host.link_cost[link];
            let near = plan.anchors[step.anchors.clone()].iter().all(|&(anchor, most)| {
                let from = state.image[anchor as usize];
                state.distances.between(from, node, plan.anchor_reach, host, &state.owner) <= most
            });
            if !near {
                continue;
            }
            if let Some(closed) = closing_cost(plan, host, &state.image, step, node) {
                let cost = host.cost(step.kind, node) + link_cost + closed;
                state.candidates.push(Candidate { bound, node, cost });
            }
        }
        state.candidates[first..].sort_unstable();
        state.levels[at] = Level { first, next: first, end: state.candidates.len(), ..Level::default() };
    }

    /// All vertices with edges are placed: the others take the cheapest qubits left.
    fn leaf(&mut self) {
        let state = &mut *self.search.state;
        let (mut total, mut others) = (self.cost, Vec::new());
        if !self.search.plan.isolated.is_empty() {
            let Some((cost, nodes)) = state.singles.assign(|node| state.owner[node as usize] == NONE) else {
                return;
            };
            (total, others) = (total + cost, nodes);
        }
        if total < self.best {
            self.best = total;
            state.best.clear();
            state.best.extend_from_slice(&state.image);
            state.best.append(&mut others);
        }
    }
}

/// Classes of the neighbours of a position that are placed after `at`.
fn pending_after(plan: &Plan, position: u32, at: usize) -> &[u32] {
    let pending = plan.steps[position as usize].pending.clone();
    let placed = plan.pending[pending.clone()].iter().take_while(|&&later| later as usize <= at).count();
    &plan.demands[pending.start + placed..pending.end]
}

/// Whether all neighbours of a position are placed once `at` is.
fn is_closed(plan: &Plan, position: u32, at: usize) -> bool {
    let pending = &plan.pending[plan.steps[position as usize].pending.clone()];
    pending.last().is_none_or(|&later| later as usize <= at)
}

/// Cheapest assignment of the neighbours of a position placed after `at` to links that are still open.
fn around(
    plan: &Plan,
    host: &Host<'_>,
    bounds: &Bounds,
    owner: &[u32],
    image: &[u32],
    position: u32,
    at: usize,
) -> u64 {
    let links = host.links(image[position as usize]);
    bounds.assign(pending_after(plan, position, at), links, |link| owner[host.to[link] as usize] == NONE)
}

/// Cost of the edges to earlier vertices other than the parent; `None` when one finds no coupler.
fn closing_cost(plan: &Plan, host: &Host<'_>, image: &[u32], step: &Step, node: u32) -> Option<u64> {
    let mut total = 0;
    for &(earlier, weight) in &plan.closings[step.closings.clone()] {
        let link = host.link(node, image[earlier as usize])?;
        total += u64::from(weight) * host.link_cost[link];
    }
    Some(total)
}
