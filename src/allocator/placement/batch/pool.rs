//! All placements of one program that a batch could use, cheapest first.
//!
//! Promises that every placement left out costs at least [`Pool::cutoff`]. Which placements exclude each other is
//! told by resources: two placements may stand side by side exactly when they share none. Leaves the choice among
//! them to [`super::packing`].

use crate::allocator::placement::PlacementRequest;
use crate::allocator::placement::pattern::Pattern;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet, VirtualQubit};

/// Most placements kept of one program.
const CANDIDATES_MAX: usize = 1 << 15;

/// Placements of equal cost that a new one is compared with. One too many in the pool does no harm.
const COMPARED: usize = 64;

/// The placements of one program, ascending by cost.
#[derive(Debug, Clone, Default)]
pub(super) struct Pool {
    vertices: usize,
    cost: Vec<u64>,
    /// Qubits of the vertices, one placement after the other.
    layouts: Vec<PhysicalQubit>,
    rows: Vec<u32>,
    resources: Vec<u32>,
    /// No placement that is not in the pool costs less; `u64::MAX` when all are in it.
    pub cutoff: u64,
}

impl Pool {
    /// Number of placements.
    pub fn len(&self) -> usize {
        self.cost.len()
    }

    /// Objective of each placement, ascending.
    pub fn costs(&self) -> &[u64] {
        &self.cost
    }

    /// The qubits of the vertices of the program, in their order.
    pub fn layout(&self, index: u32) -> &[PhysicalQubit] {
        &self.layouts[index as usize * self.vertices..(index as usize + 1) * self.vertices]
    }

    /// What a placement uses up.
    pub fn resources(&self, index: u32) -> &[u32] {
        &self.resources[self.rows[index as usize] as usize..self.rows[index as usize + 1] as usize]
    }

    /// The placement on the same qubits as `layout` at the given cost.
    pub fn find(&self, cost: u64, layout: &[PhysicalQubit]) -> Option<u32> {
        let first = self.cost.partition_point(|&known| known < cost) as u32;
        let equal = (first..self.len() as u32).take_while(|&index| self.cost[index as usize] == cost);
        equal.into_iter().find(|&index| self.layout(index).iter().all(|q| layout.contains(q)))
    }
}

/// What placements use up so that any two of them are at least the buffer distance apart exactly when they share
/// nothing: with a buffer of 2r the qubits within r couplers, with 2r + 1 the couplers that touch those.
#[derive(Debug, Clone, Copy)]
pub(super) struct Resources<'a> {
    pub map: &'a CouplingMap,
    pub buffer_distance: u32,
}

impl Resources<'_> {
    /// Number of resources of the device.
    pub fn len(&self) -> usize {
        match self.buffer_distance % 2 {
            0 => self.map.qubits(),
            _ => self.map.couplers().len() + self.map.qubits(),
        }
    }

    /// Appends the resources of the placement on `qubits`, each once.
    fn of(&self, qubits: &[PhysicalQubit], to: &mut Vec<u32>) {
        let first = to.len();
        if self.buffer_distance == 0 {
            to.extend(qubits.iter().map(|q| q.0));
            return;
        }
        let held = QubitSet::from_qubits(self.map.qubits(), qubits.iter().copied());
        let near = self.map.dilate(&held, self.buffer_distance / 2);
        if self.buffer_distance.is_multiple_of(2) {
            to.extend(near.iter().map(|q| q.0));
            return;
        }
        for qubit in &near {
            to.extend(self.map.neighbours(qubit).iter().map(|(_, coupler)| coupler.0));
            if self.map.neighbours(qubit).is_empty() {
                to.push(self.map.couplers().len() as u32 + qubit.0);
            }
        }
        let mut kept = first;
        to[first..].sort_unstable();
        for index in first..to.len() {
            if index == first || to[index] != to[kept - 1] {
                to[kept] = to[index];
                kept += 1;
            }
        }
        to.truncate(kept);
    }
}

/// One vertex in the order of placement.
struct Step {
    vertex: usize,
    /// Which use it has.
    kind: usize,
    /// Positions of the neighbours placed before, with the weights of the edges; the first is where it hangs.
    earlier: Vec<(usize, u32)>,
    /// Couplers to the first vertex: its image cannot be further from that of the first.
    reach: u32,
    /// Least that this vertex and all later ones can cost.
    rest: u64,
}

/// Finds placements depth first.
struct Enumeration<'a> {
    steps: Vec<Step>,
    rows: Vec<u32>,
    links: Vec<(u32, u64)>,
    /// Per use, then per qubit.
    qubit_cost: Vec<u64>,
    usable: Vec<bool>,
    cutoff: u64,
    budget: u64,
    used: &'a mut u64,
    /// Couplers from the image of the first vertex; for programs with cycles only, others keep the reach by themselves.
    distance: Option<Vec<u32>>,
    near: Vec<u32>,
    /// Qubit of each position.
    image: Vec<u32>,
    found: Vec<(u64, u32)>,
    /// Qubits of all placements found, by vertex.
    layouts: Vec<PhysicalQubit>,
}

/// The placements of a connected program that cost less than `cutoff`; `None` when the budget ends before all are
/// found, or there are too many. Adds to `used` what it took.
pub(super) fn enumerate(
    request: &PlacementRequest<'_>,
    resources: Resources<'_>,
    cutoff: u64,
    budget: u64,
    used: &mut u64,
) -> Option<Pool> {
    let (epoch, pattern) = (request.epoch, request.pattern);
    let mut usable = vec![false; epoch.qubits()];
    let kinds = pattern.uses().kinds().len();
    let mut qubit_cost = vec![0; kinds * epoch.qubits()];
    let mut least_qubit = vec![u64::MAX; kinds];
    for qubit in request.free.iter().filter(|&qubit| epoch.usable.contains(qubit)) {
        usable[qubit.index()] = true;
        for (kind, least) in least_qubit.iter_mut().enumerate() {
            let cost = request.qubit_cost(kind, qubit);
            qubit_cost[kind * epoch.qubits() + qubit.index()] = cost;
            *least = cost.min(*least);
        }
    }
    let mut rows = vec![0];
    let mut links = Vec::new();
    for qubit in (0..epoch.qubits() as u32).map(PhysicalQubit) {
        if usable[qubit.index()] {
            let open = epoch.links(qubit).iter().filter(|link| usable[link.to.index()]);
            let open = open.filter(|link| request.allows(link.coupler));
            links.extend(open.map(|link| (link.to.0, request.gate_cost(link))));
        }
        rows.push(links.len() as u32);
    }
    let least_gate = links.iter().map(|link| link.1).min().unwrap_or(0);
    let cyclic = pattern.edges().len() >= pattern.qubits();
    let steps = order(pattern, least_gate, &least_qubit);
    let mut search = Enumeration {
        image: vec![0; steps.len()],
        steps,
        rows,
        links,
        qubit_cost,
        usable,
        cutoff,
        budget,
        used,
        distance: cyclic.then(|| vec![u32::MAX; epoch.qubits()]),
        near: Vec::new(),
        found: Vec::new(),
        layouts: Vec::new(),
    };
    let mut complete = true;
    for qubit in 0..epoch.qubits() as u32 {
        if search.usable[qubit as usize] && complete {
            search.measure_from(qubit);
            complete = search.put(0, qubit, 0);
        }
    }
    complete.then(|| search.into_pool(resources))
}

/// Vertices so that each but the first has an earlier neighbour; those with most earlier neighbours first, then
/// those of most neighbours.
fn order(pattern: &Pattern, least_gate: u64, least_qubit: &[u64]) -> Vec<Step> {
    let vertices = pattern.qubits();
    let degree = |v: usize| pattern.neighbours(VirtualQubit(v as u32)).len();
    let mut position = vec![usize::MAX; vertices];
    let mut placed = vec![0_usize; vertices];
    let mut steps: Vec<Step> = Vec::with_capacity(vertices);
    for at in 0..vertices {
        let open = (0..vertices).filter(|&v| position[v] == usize::MAX);
        let next = open.max_by_key(|&v| (placed[v], degree(v), std::cmp::Reverse(v)));
        let Some(vertex) = next else { break };
        position[vertex] = at;
        let mut earlier = Vec::new();
        for &(other, weight) in pattern.neighbours(VirtualQubit(vertex as u32)) {
            placed[other.index()] += 1;
            if position[other.index()] < at {
                earlier.push((position[other.index()], weight));
            }
        }
        let kind = pattern.uses().kind(VirtualQubit(vertex as u32));
        steps.push(Step { vertex, kind, earlier, reach: 0, rest: 0 });
    }
    let mut reach = vec![0_u32; vertices];
    let mut queue: Vec<usize> = steps.first().map(|step| step.vertex).into_iter().collect();
    let mut next = 0;
    while next < queue.len() {
        for &(other, _) in pattern.neighbours(VirtualQubit(queue[next] as u32)) {
            if reach[other.index()] == 0 && other.index() != queue[0] {
                reach[other.index()] = reach[queue[next]] + 1;
                queue.push(other.index());
            }
        }
        next += 1;
    }
    let mut rest = 0_u64;
    for step in steps.iter_mut().rev() {
        step.reach = reach[step.vertex];
        let weight: u64 = step.earlier.iter().map(|&(_, weight)| u64::from(weight)).sum();
        rest = rest.saturating_add(least_qubit[step.kind]).saturating_add(weight * least_gate);
        step.rest = rest;
    }
    steps
}

impl Enumeration<'_> {
    /// Measures how far the qubits around `root` are from it.
    fn measure_from(&mut self, root: u32) {
        let Some(distance) = &mut self.distance else { return };
        self.near.drain(..).for_each(|qubit| distance[qubit as usize] = u32::MAX);
        let reach = self.steps.iter().map(|step| step.reach).max().unwrap_or(0);
        distance[root as usize] = 0;
        self.near.push(root);
        let mut next = 0;
        while next < self.near.len() && distance[self.near[next] as usize] < reach {
            let here = self.near[next] as usize;
            for &(to, _) in &self.links[self.rows[here] as usize..self.rows[here + 1] as usize] {
                if distance[to as usize] == u32::MAX {
                    distance[to as usize] = distance[here] + 1;
                    self.near.push(to);
                }
            }
            next += 1;
        }
    }

    /// Tries `qubit` at position `at` and goes on from there; whether the search may continue.
    fn put(&mut self, at: usize, qubit: u32, cost: u64) -> bool {
        let reach = self.steps[at].reach;
        let far = |distance: &Vec<u32>| distance[qubit as usize] > reach;
        if !self.usable[qubit as usize] || self.distance.as_ref().is_some_and(far) {
            return true;
        }
        *self.used += 1;
        let step = &self.steps[at];
        let mut cost = cost + self.qubit_cost[step.kind * self.usable.len() + qubit as usize];
        for &(earlier, weight) in &step.earlier {
            let row = self.rows[qubit as usize] as usize..self.rows[qubit as usize + 1] as usize;
            let Some(link) = self.links[row].iter().find(|link| link.0 == self.image[earlier]) else {
                return true;
            };
            cost += u64::from(weight) * link.1;
        }
        let next = at + 1;
        let rest = self.steps.get(next).map_or(0, |step| step.rest);
        if cost.saturating_add(rest) >= self.cutoff {
            return true;
        }
        self.image[at] = qubit;
        if next == self.steps.len() {
            self.found.push((cost, self.found.len() as u32));
            let first = self.layouts.len();
            self.layouts.resize(first + next, PhysicalQubit(0));
            for (step, &qubit) in self.steps.iter().zip(&self.image) {
                self.layouts[first + step.vertex] = PhysicalQubit(qubit);
            }
            return self.found.len() <= CANDIDATES_MAX * 4;
        }
        if *self.used >= self.budget {
            return false;
        }
        self.usable[qubit as usize] = false;
        let parent = self.image[self.steps[next].earlier[0].0] as usize;
        let mut open = true;
        for link in self.rows[parent] as usize..self.rows[parent + 1] as usize {
            open = open && self.put(next, self.links[link].0, cost);
        }
        self.usable[qubit as usize] = true;
        open
    }

    /// Sorted by cost, and of several placements on the same qubits at the same cost only the first: programs with
    /// symmetries are found once per symmetry.
    fn into_pool(mut self, resources: Resources<'_>) -> Pool {
        let vertices = self.steps.len();
        self.found.sort_unstable();
        let mut pool = Pool { vertices, cutoff: self.cutoff, rows: vec![0], ..Pool::default() };
        let mut sorted: Vec<PhysicalQubit> = Vec::new();
        let mut same_cost = 0;
        for &(cost, index) in &self.found {
            if pool.cost.last() != Some(&cost) {
                same_cost = pool.len();
                sorted.clear();
            }
            let layout = &self.layouts[index as usize * vertices..(index as usize + 1) * vertices];
            let begin = sorted.len();
            sorted.extend_from_slice(layout);
            sorted[begin..].sort_unstable();
            let (known, new) = sorted.split_at(begin);
            if known.rchunks_exact(vertices).take(COMPARED).any(|other| other == new) {
                sorted.truncate(begin);
                continue;
            }
            if pool.len() == CANDIDATES_MAX {
                // All of one cost are in or out, or the cutoff would not tell them apart.
                pool.truncate(same_cost);
                pool.cutoff = cost;
                break;
            }
            pool.cost.push(cost);
            pool.layouts.extend_from_slice(layout);
            resources.of(layout, &mut pool.resources);
            pool.rows.push(pool.resources.len() as u32);
        }
        pool
    }
}

impl Pool {
    fn truncate(&mut self, len: usize) {
        self.cost.truncate(len);
        self.layouts.truncate(len * self.vertices);
        self.rows.truncate(len + 1);
        self.resources.truncate(self.rows[len] as usize);
    }
}
