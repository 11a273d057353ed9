//! A slow, plain solver for placements: depth-first search with forward checking, written from the definition.
//!
//! Promises the least total cost of all injective maps of vertices to free qubits that put every edge on a free coupler,
//! or that there is none; shares no code with the engine. Holds at most 64 qubits, a bit each. Leaves it to the tests
//! what is free and what it costs.

/// A device as the solver sees it: what may be used, and what it costs.
#[derive(Debug, Clone)]
pub struct Host {
    /// Which qubits may be used.
    pub free: u64,
    /// Cost of each qubit.
    pub qubit: Vec<u64>,
    /// Qubits that a free coupler leads to, by qubit.
    pub joined: Vec<u64>,
    /// Cost of the coupler between two qubits, `[a][b]` as `[b][a]`.
    pub coupler: Vec<Vec<u64>>,
}

impl Host {
    /// A device on which nothing may be used yet.
    pub fn new(qubits: usize) -> Self {
        assert!(qubits <= 64);
        Self {
            free: 0,
            qubit: vec![0; qubits],
            joined: vec![0; qubits],
            coupler: vec![vec![0; qubits]; qubits],
        }
    }

    /// Lets a coupler be used; its ends may be used or not.
    pub fn join(&mut self, a: usize, b: usize, cost: u64) {
        self.joined[a] |= 1 << b;
        self.joined[b] |= 1 << a;
        self.coupler[a][b] = cost;
        self.coupler[b][a] = cost;
    }

    /// All qubits within `distance` couplers of the given ones, themselves included.
    pub fn within(joined: &[u64], from: u64, distance: u32) -> u64 {
        let mut reached = from;
        for _ in 0..distance {
            reached = ones(reached).fold(reached, |all, qubit| all | joined[qubit]);
        }
        reached
    }
}

/// The numbers of the bits that are set, ascending.
pub fn ones(bits: u64) -> impl Iterator<Item = usize> {
    (0..64).filter(move |bit| bits >> bit & 1 == 1)
}

/// What the solver answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// The least cost.
    Least(u64),
    /// Nothing fits.
    Nothing,
    /// More nodes than allowed.
    TooSlow,
}

/// The least cost of placing vertices `0..vertices` with edges (a, b, weight).
pub fn solve(host: &Host, vertices: usize, edges: &[(usize, usize, u32)], nodes: u64) -> Answer {
    let mut solver = Solver { host, edges, nodes, best: u64::MAX, least_coupler: u64::MAX };
    for a in ones(host.free) {
        for b in ones(host.joined[a] & host.free) {
            solver.least_coupler = solver.least_coupler.min(host.coupler[a][b]);
        }
    }
    let mut domains = vec![host.free; vertices];
    // As many couplers as the vertex has partners.
    for (vertex, domain) in domains.iter_mut().enumerate() {
        let degree = edges.iter().filter(|(a, b, _)| *a == vertex || *b == vertex).count();
        let joined = |qubit: usize| (host.joined[qubit] & host.free).count_ones() as usize;
        *domain = ones(host.free).filter(|&qubit| joined(qubit) >= degree).fold(0, |all, q| all | 1 << q);
    }
    solver.extend(&mut vec![None; vertices], &domains, 0);
    match (solver.nodes, solver.best) {
        (0, _) => Answer::TooSlow,
        (_, u64::MAX) => Answer::Nothing,
        (_, best) => Answer::Least(best),
    }
}

struct Solver<'a> {
    host: &'a Host,
    edges: &'a [(usize, usize, u32)],
    /// How many more may be visited.
    nodes: u64,
    best: u64,
    least_coupler: u64,
}

impl Solver<'_> {
    fn extend(&mut self, image: &mut Vec<Option<usize>>, domains: &[u64], cost: u64) {
        if self.nodes <= 1 {
            self.nodes = 0;
            return;
        }
        self.nodes -= 1;
        if !image.contains(&None) {
            self.best = self.best.min(cost);
            return;
        }
        // Every open vertex pays for its cheapest place, and an edge between open vertices for the cheapest coupler.
        let mut at_least = cost;
        let mut next: Option<(u32, usize)> = None;
        for vertex in (0..image.len()).filter(|&vertex| image[vertex].is_none()) {
            let Some(least) = ones(domains[vertex]).map(|q| self.cost_of(image, vertex, q)).min() else {
                return;
            };
            at_least += least;
            let count = domains[vertex].count_ones();
            if next.is_none_or(|(fewest, _)| count < fewest) {
                next = Some((count, vertex));
            }
        }
        for &(a, b, weight) in self.edges {
            if image[a].is_none() && image[b].is_none() {
                at_least += u64::from(weight) * self.least_coupler;
            }
        }
        let Some((_, vertex)) = next.filter(|_| at_least < self.best) else { return };
        let mut places: Vec<(u64, usize)> =
            ones(domains[vertex]).map(|qubit| (self.cost_of(image, vertex, qubit), qubit)).collect();
        places.sort_unstable();
        for (added, qubit) in places {
            let mut left = domains.to_vec();
            for (other, domain) in left.iter_mut().enumerate() {
                *domain &= !(1 << qubit);
                let is_edge =
                    |&(a, b, _): &(usize, usize, u32)| (a, b) == (vertex, other) || (b, a) == (vertex, other);
                if self.edges.iter().any(is_edge) {
                    *domain &= self.host.joined[qubit];
                }
            }
            image[vertex] = Some(qubit);
            self.extend(image, &left, cost + added);
            image[vertex] = None;
        }
    }

    /// What a vertex costs on a qubit: the qubit, and its edges to vertices that are placed.
    fn cost_of(&self, image: &[Option<usize>], vertex: usize, qubit: usize) -> u64 {
        let mut cost = self.host.qubit[qubit];
        for &(a, b, weight) in self.edges {
            let other = match (a == vertex, b == vertex) {
                (true, _) => image[b],
                (_, true) => image[a],
                _ => None,
            };
            if let Some(other) = other {
                cost += u64::from(weight) * self.host.coupler[qubit][other];
            }
        }
        cost
    }
}
