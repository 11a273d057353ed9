//! Programs that need routing: how many SWAP gates a layout will take, and what they cost, before any router ran.
//!
//! Promises one estimate for the core and for those who predict success from its answers, and legality of routed
//! placements. Leaves the search for regions to [`super::routed`], and routing itself to compilers.
//!
//! # The estimate
//!
//! A router keeps programs inside their region. An interaction of weight w (two-qubit gates) whose ends lie d couplers
//! apart, counted within the region, is charged
//!
//! ```text
//! swaps = 1.5 sqrt(w / k) (d - 1)      k: the larger number of partners of its two ends
//! ```
//!
//! SWAP gates: the distance must be bridged, but not anew for each of the w gates (qubits that have met stay
//! neighbours for a while: the root of w), and a SWAP that brings a qubit to one partner brings it closer to others
//! (the root of k). The form and the factor were fitted to Qiskit SABRE on half of the circuits of
//! `benches/peers/routing.md`, which says how well they do on the other half. Limits: the interaction graph does not
//! tell the order of gates, which alone may change the number of SWAPs by a factor of two.
//!
//! A SWAP is three two-qubit gates, on any coupler of the shortest path with equal probability; so are the w gates of
//! the interaction itself. Among shortest paths the cheapest counts.

use smallvec::SmallVec;

use super::pattern::Pattern;
use super::{Placement, PlacementRequest, Routing};
use crate::quantum::{PhysicalQubit, QubitSet, VirtualQubit};

/// Two-qubit gates of a SWAP.
pub const SWAP_GATES: u64 = 3;

/// Factor of the estimate; fitted, see the [module](self).
pub const SWAP_FACTOR: f64 = 1.5;

/// One SWAP in the fixed-point numbers of [`swaps_per_step`].
pub const ONE_SWAP: u64 = 1 << 16;

/// SWAP gates per edge of the pattern and missing coupler, in units of 1 / [`ONE_SWAP`]; in the order of the edges.
pub fn swaps_per_step(pattern: &Pattern) -> Vec<u64> {
    let edges = pattern.edges().iter();
    let per_edge = edges.map(|&(a, b, weight)| {
        let partners = pattern.neighbours(a).len().max(pattern.neighbours(b).len());
        let share = f64::from(weight) / partners as f64;
        (ONE_SWAP as f64 * SWAP_FACTOR * libm::sqrt(share)).round() as u64
    });
    per_edge.collect()
}

/// Least number of SWAPs, by the estimate, that a pattern takes wherever a qubit has at most `degree` couplers: each
/// vertex has its dearest partners next to it, the others as near as they can be.
pub fn least_swaps(pattern: &Pattern, per_step: &[u64], degree: usize) -> u64 {
    let mut partners: Vec<SmallVec<[u64; 8]>> = vec![SmallVec::new(); pattern.qubits()];
    for (&(a, b, _), &swaps) in pattern.edges().iter().zip(per_step) {
        partners[a.index()].push(swaps);
        partners[b.index()].push(swaps);
    }
    let mut total = 0_u128;
    for list in &mut partners {
        list.sort_unstable_by(|a, b| b.cmp(a));
        let (mut missing, mut ring, mut left) = (0_u128, degree.max(1), degree.max(1));
        for &swaps in list.iter() {
            if left == 0 {
                missing += 1;
                ring = ring.saturating_mul(degree.saturating_sub(1)).max(1);
                left = ring;
            }
            left -= 1;
            total += missing * u128::from(swaps);
        }
    }
    // Every edge was counted from both of its ends.
    u64::try_from((total / 2).div_ceil(u128::from(ONE_SWAP))).unwrap_or(u64::MAX)
}

/// Shortest paths between all nodes of a region: fewest couplers, and the cheapest of those.
#[derive(Debug, Default, Clone)]
pub struct Paths {
    nodes: usize,
    rows: Vec<u32>,
    ends: Vec<(u32, u64)>,
    length: Vec<u32>,
    cost: Vec<u64>,
    towards: Vec<u32>,
    queue: Vec<u32>,
}

/// No path.
pub const UNREACHABLE: u32 = u32::MAX;

impl Paths {
    /// Finds all paths of a region on nodes `0..nodes` with the links (a, b, cost), each once.
    /// Takes nodes x (nodes + links) steps.
    pub fn find(&mut self, nodes: usize, links: impl Iterator<Item = (u32, u32, u64)> + Clone) {
        self.nodes = nodes;
        self.rows.clear();
        self.rows.resize(nodes + 1, 0);
        for (a, b, _) in links.clone() {
            self.rows[a as usize + 1] += 1;
            self.rows[b as usize + 1] += 1;
        }
        for node in 0..nodes {
            self.rows[node + 1] += self.rows[node];
        }
        self.queue.clear();
        self.queue.extend_from_slice(&self.rows);
        self.ends.clear();
        self.ends.resize(self.rows[nodes] as usize, (0, 0));
        for (a, b, cost) in links {
            for (from, to) in [(a, b), (b, a)] {
                self.ends[self.queue[from as usize] as usize] = (to, cost);
                self.queue[from as usize] += 1;
            }
        }
        for table in [&mut self.length, &mut self.towards] {
            table.clear();
            table.resize(nodes * nodes, UNREACHABLE);
        }
        self.cost.clear();
        self.cost.resize(nodes * nodes, 0);
        for start in 0..nodes {
            self.search(start);
        }
    }

    /// Breadth first from `start`; a node's cost is final before any node beyond it is looked at.
    fn search(&mut self, start: usize) {
        let row = start * self.nodes;
        self.length[row + start] = 0;
        self.queue.clear();
        self.queue.push(start as u32);
        let mut next = 0;
        while let Some(&node) = self.queue.get(next) {
            next += 1;
            let at = row + node as usize;
            for &(end, cost) in
                &self.ends[self.rows[node as usize] as usize..self.rows[node as usize + 1] as usize]
            {
                let there = row + end as usize;
                let (length, total) = (self.length[at] + 1, self.cost[at].saturating_add(cost));
                if self.length[there] == UNREACHABLE {
                    self.queue.push(end);
                } else if (self.length[there], self.cost[there]) <= (length, total) {
                    continue;
                }
                self.length[there] = length;
                self.cost[there] = total;
                self.towards[there] = node;
            }
        }
    }

    /// Couplers between two nodes; [`UNREACHABLE`] when nothing connects them.
    pub fn length(&self, from: usize, to: usize) -> u32 {
        self.length[from * self.nodes + to]
    }

    /// Sum of the costs of these couplers.
    pub fn cost(&self, from: usize, to: usize) -> u64 {
        self.cost[from * self.nodes + to]
    }

    /// The nodes of the path, from `to` back to `from`; `to` alone when nothing connects them.
    pub fn back(&self, from: usize, to: usize) -> impl Iterator<Item = usize> {
        let row = from * self.nodes;
        std::iter::successors(Some(to), move |&node| {
            let before = self.towards[row + node];
            (before != UNREACHABLE).then_some(before as usize)
        })
    }
}

/// The links of a layout as seen from its virtual qubits: (a, b, cost of a gate) with a < b, over the couplers that a
/// request allows.
fn links(request: &PlacementRequest<'_>, layout: &[PhysicalQubit]) -> Vec<(u32, u32, u64)> {
    let mut vertex = vec![UNREACHABLE; request.epoch.qubits()];
    for (number, qubit) in layout.iter().enumerate() {
        vertex[qubit.index()] = number as u32;
    }
    let mut links = Vec::new();
    for (a, &qubit) in layout.iter().enumerate() {
        for link in request.epoch.links(qubit) {
            let b = vertex[link.to.index()];
            if b != UNREACHABLE && a < b as usize && request.allows(link.coupler) {
                links.push((a as u32, b, request.gate_cost(link)));
            }
        }
    }
    links
}

/// The placement with a given layout whose interactions need not lie on couplers, if the layout is legal for the
/// request: distinct free qubits, the ends of every interaction connected within them, and no more SWAPs than allowed.
/// Its cost is that of the qubits, of every interaction on the couplers of its path, and of the SWAPs; where SWAPs
/// are needed, weights below 1 of the noise leave so much of each SWAP's gates to the flat cost of a 1 % error.
pub fn placement_of_routed_layout(
    request: &PlacementRequest<'_>,
    layout: SmallVec<[PhysicalQubit; 8]>,
) -> Option<Placement> {
    let (epoch, pattern) = (request.epoch, request.pattern);
    let mut taken = QubitSet::new(epoch.qubits());
    for &qubit in &layout {
        let usable = request.free.contains(qubit) && epoch.usable.contains(qubit);
        if !usable || !taken.insert(qubit) {
            return None;
        }
    }
    if layout.len() != pattern.qubits() {
        return None;
    }
    let links = links(request, &layout);
    let mut paths = Paths::default();
    // The path is chosen by what the request minimises, and its noise is counted along it.
    paths.find(layout.len(), links.iter().copied());
    let (mut cost, mut objective) = (0_u128, 0_u128);
    for (v, &qubit) in (0..).map(VirtualQubit).zip(&layout) {
        let kind = pattern.uses().kind(v);
        cost += u128::from(request.noise_of_use(kind, qubit));
        objective += u128::from(request.qubit_cost(kind, qubit));
    }
    let flat = u128::from(flat_cost(request));
    let (mut swaps, mut added) = (0_u128, 0_u128);
    for (&(a, b, weight), &per_step) in pattern.edges().iter().zip(&swaps_per_step(pattern)) {
        let (a, b, weight) = (a.index(), b.index(), u128::from(weight));
        let length = paths.length(a, b);
        if length == UNREACHABLE {
            return None;
        }
        let mut noise = 0_u128;
        let mut from = b;
        for node in paths.back(a, b).skip(1) {
            let coupler = epoch.map.coupler(layout[from], layout[node])?;
            let of_gate = epoch.coupler_cost[coupler.index()];
            noise += u128::from(pattern.uses().gates_cost(of_gate));
            from = node;
        }
        let (length, counted) = (u128::from(length), u128::from(paths.cost(a, b)));
        let here = u128::from(per_step) * (length - 1);
        let gates = here * u128::from(SWAP_GATES);
        let of_swaps = gates * noise / length / u128::from(ONE_SWAP);
        swaps += here;
        added += of_swaps;
        cost += weight * noise / length + of_swaps;
        objective +=
            weight * counted / length + gates * (counted + flat * length) / length / u128::from(ONE_SWAP);
    }
    let swaps = swaps.div_ceil(u128::from(ONE_SWAP));
    if request.max_swaps.is_some_and(|most| swaps > u128::from(most)) {
        return None;
    }
    let saturated = |total: u128| u64::try_from(total).unwrap_or(u64::MAX);
    let swaps = u32::try_from(swaps).unwrap_or(u32::MAX);
    Some(Placement {
        layout,
        cost: saturated(cost),
        objective: saturated(objective),
        routing: (swaps > 0).then_some(Routing { swaps, cost: saturated(added) }),
    })
}

/// What the objective counts for a gate of a SWAP besides the noise of its coupler: with connectivity alone in mind,
/// few SWAPs must still be better than many.
pub(super) fn flat_cost(request: &PlacementRequest<'_>) -> u64 {
    let left = u64::from(1_000_u32.saturating_sub(request.objective.noise_permille));
    super::cost::cost_of_error(0.01) / 1_000 * left
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::placement_of_layout;
    use crate::allocator::placement::testing::{Case, Scene};
    use crate::quantum::VirtualQubit;
    use crate::quantum::coupling_map::CouplingMap;

    fn pattern(qubits: u32, edges: &[(u32, u32, u32)]) -> Pattern {
        let edges = edges.iter().map(|&(a, b, weight)| (VirtualQubit(a), VirtualQubit(b), weight));
        Pattern::from_edges(qubits, edges.collect(), false)
    }

    /// A triangle of weights 1, 1, 4 on a line of three: only the pair at the ends needs SWAPs, 1.5 x sqrt(w / 2).
    #[test]
    fn the_sum_is_the_one_on_paper() {
        let scene = Scene::new(CouplingMap::line(3).unwrap(), |id| [0.01, 0.03][id]);
        let triangle = pattern(3, &[(0, 1, 1), (1, 2, 1), (0, 2, 4)]);
        let request = PlacementRequest::new(&scene.epoch, &scene.free, &triangle);
        let place = |layout: [u32; 3]| {
            let layout = layout.into_iter().map(PhysicalQubit).collect();
            placement_of_routed_layout(&request, layout).unwrap()
        };
        let nats = |error: f64| -libm::log1p(-error);
        let (near, far) = (nats(0.01), nats(0.03));
        let ends = 0.5 * (near + far);
        for (layout, weight, on_couplers) in [
            ([0, 1, 2], 4.0, near + far),
            ([1, 0, 2], 1.0, near + 4.0 * far),
            ([0, 2, 1], 1.0, 4.0 * near + far),
        ] {
            let swaps = 1.5 * libm::sqrt(weight / 2.0);
            let added = 3.0 * swaps * ends;
            let expected = 3.0 * nats(0.01) + on_couplers + weight * ends + added;
            let placement = place(layout);
            let routing = placement.routing.unwrap();
            assert_eq!(f64::from(routing.swaps), swaps.ceil());
            let close = |cost: u64, nats: f64| {
                (crate::allocator::placement::cost::nats_of_cost(cost) - nats).abs() < 1e-5
            };
            assert!(
                close(routing.cost, added) && close(placement.cost, expected),
                "{layout:?}: {placement:?}"
            );
            assert_eq!(placement.objective, placement.cost);
        }
    }

    /// Where all interactions lie on couplers, routing is not another rule.
    #[test]
    fn an_embedding_costs_what_it_costs_without_routing() {
        let mut embedded = 0;
        for number in 0..2_000 {
            let case = Case::random(number);
            if case.pattern.is_region() {
                continue;
            }
            let request = case.request(1);
            let layout: SmallVec<[PhysicalQubit; 8]> = case.free.iter().take(case.pattern.qubits()).collect();
            if let Some(plain) = placement_of_layout(&request, layout.clone()) {
                embedded += 1;
                assert_eq!(placement_of_routed_layout(&request, layout), Some(plain), "{}", case.name);
            }
        }
        assert!(embedded > 50, "{embedded}");
    }

    #[test]
    fn the_least_number_of_swaps_is_never_above_any_layout() {
        for number in 0..400 {
            let case = Case::random(number);
            let request = case.request(1);
            let layout: SmallVec<[PhysicalQubit; 8]> = case.free.iter().take(case.pattern.qubits()).collect();
            if let Some(placement) = placement_of_routed_layout(&request, layout) {
                let per_step = swaps_per_step(&case.pattern);
                let least = least_swaps(&case.pattern, &per_step, case.epoch.max_degree());
                let swaps = placement.routing.map_or(0, |routing| u64::from(routing.swaps));
                assert!(least <= swaps, "{}: {least} {swaps}", case.name);
            }
        }
        let complete =
            pattern(6, &(0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b, 1))).collect::<Vec<_>>());
        // Each of 6 vertices has 5 partners, 3 of them next to it: 6 x 2 / 2 missing couplers at 1.5 / sqrt(5).
        assert_eq!(least_swaps(&complete, &swaps_per_step(&complete), 3), 5);
    }
}
