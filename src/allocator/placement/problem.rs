//! What is to be placed where, and what makes one placement better than another.
//!
//! Promises that a request says all that an answer may depend on. Leaves answers to [`super::outcome`].

use super::cost::{Epoch, cost_limit};
use super::link::{Link, bit};
use super::pattern::Pattern;
use super::search_cost::INFINITE;
use crate::allocator::config::PlacementConfig;
use crate::quantum::{CouplerId, PhysicalQubit, QubitSet};

/// What is to be placed where.
#[derive(Debug, Clone, Copy)]
pub struct PlacementRequest<'a> {
    /// The device as of its last published calibration: couplers, costs, dead elements already taken out.
    pub epoch: &'a Epoch,
    /// Qubits that may be used: alive, within the limits of the job, neither held nor blocked.
    pub free: &'a QubitSet,
    /// Couplers that must not be used although they are alive (limits of the job); sorted bit set by coupler number.
    pub barred_couplers: Option<&'a [u64]>,
    /// The program.
    pub pattern: &'a Pattern,
    /// Most search steps before giving up.
    pub budget: u64,
    /// What makes one placement better than another.
    pub objective: Objective<'a>,
    /// Most SWAP gates that routing may add, by the estimate of [`super::routing`]; `Some(0)`: the program must embed,
    /// `None`: any number. For strategies that can route.
    pub max_swaps: Option<u32>,
    /// What the job could use if the device were empty, for strategies to which it matters; `None`: all that is usable.
    pub when_empty: Option<&'a QubitSet>,
}

/// Search steps after which a search gives up unless the request says otherwise: a few milliseconds.
pub const DEFAULT_BUDGET: u64 = 200_000;

impl<'a> PlacementRequest<'a> {
    /// The program on what is free of a device, for the best fidelity, with the default budget and no limits.
    pub fn new(epoch: &'a Epoch, free: &'a QubitSet, pattern: &'a Pattern) -> Self {
        Self {
            epoch,
            free,
            barred_couplers: None,
            pattern,
            budget: DEFAULT_BUDGET,
            objective: Objective::default(),
            max_swaps: None,
            when_empty: None,
        }
    }

    /// Whether a live coupler may be used.
    pub fn allows(&self, coupler: CouplerId) -> bool {
        self.epoch.is_usable(coupler) && !self.barred_couplers.is_some_and(|bits| bit(bits, coupler))
    }

    /// Whether every pair of qubits may be used together, at one and the same cost.
    pub(super) fn has_interchangeable_couplers(&self) -> bool {
        let plain = self.barred_couplers.is_none() && self.objective.crosstalk.is_none();
        plain && self.epoch.is_uniform() && self.epoch.is_complete()
    }

    /// The noise of a qubit with a use of the given number among those of the program.
    pub fn noise_of_use(&self, kind: usize, qubit: PhysicalQubit) -> u64 {
        let uses = self.pattern.uses();
        self.epoch.use_cost(uses.kinds()[kind], uses.per(), qubit)
    }

    /// The same for many qubits.
    pub(super) fn noises_of_use(&self, kind: usize) -> impl Fn(PhysicalQubit) -> u64 + '_ {
        let uses = self.pattern.uses();
        self.epoch.use_costs(uses.kinds()[kind], uses.per())
    }

    /// The noise of a coupler for each unit of an interaction's weight.
    pub fn noise_of_gates(&self, link: &Link) -> u64 {
        self.pattern.uses().gates_cost(link.cost)
    }

    /// What the objective counts for one qubit with a use of the given number among those of the program.
    pub fn qubit_cost(&self, kind: usize, qubit: PhysicalQubit) -> u64 {
        self.qubit_cost_with(self.noise_of_use(kind, qubit), qubit)
    }

    /// What the objective counts for one qubit with a use of the given noise.
    pub(super) fn qubit_cost_with(&self, noise: u64, qubit: PhysicalQubit) -> u64 {
        let mut neighbours = 0;
        if self.objective.fragmentation > 0 && self.has_interchangeable_couplers() {
            neighbours = self.free.intersection_len(&self.epoch.usable).saturating_sub(1);
        } else if self.objective.fragmentation > 0 {
            let links = self.epoch.links(qubit).iter();
            neighbours =
                links.filter(|link| self.free.contains(link.to) && self.allows(link.coupler)).count();
        }
        self.cost_beside(noise, qubit, neighbours)
    }

    /// What the objective counts for one qubit with a use of the given noise and so many free neighbours.
    pub(super) fn cost_beside(&self, noise: u64, qubit: PhysicalQubit, neighbours: usize) -> u64 {
        let noise = self.objective.weighted(noise);
        let added = self.objective.qubits.map_or(0, |added| added[qubit.index()]);
        let fragmentation = self.objective.fragmentation.saturating_mul(neighbours as u64);
        noise.saturating_add(added).saturating_add(fragmentation)
    }

    /// What the objective counts for each unit of an interaction's weight: for one two-qubit gate, or as many as the
    /// program has.
    pub fn gate_cost(&self, link: &Link) -> u64 {
        let noise = self.objective.weighted(self.noise_of_gates(link));
        let crosstalk = self.objective.crosstalk.map_or(0, |added| added[link.coupler.index()]);
        noise.saturating_add(self.pattern.uses().gates_cost(crosstalk))
    }

    /// How far costs must be shifted to the right so that no sum over a placement without SWAPs reaches
    /// [`INFINITE`]; 0 for all but very deep programs.
    pub(super) fn shift(&self) -> u32 {
        let bits = u128::BITS - self.objective_limit().leading_zeros();
        bits.saturating_sub(INFINITE.ilog2() - 2)
    }

    /// More than the objective of any placement, without SWAPs.
    pub(super) fn objective_limit(&self) -> u128 {
        let (objective, pattern) = (&self.objective, self.pattern);
        let most = |added: Option<&[u64]>| added.and_then(|added| added.iter().max()).copied().unwrap_or(0);
        let weight = pattern.total_weight();
        let qubits = pattern.qubits() as u128;
        let noise = self.qubit_noise_limit().saturating_add(self.gate_noise_limit());
        let noise = (noise / 1_000).saturating_mul(u128::from(objective.noise_permille.max(1_000)));
        let crosstalk = u128::from(pattern.uses().gates_cost(most(objective.crosstalk)));
        let neighbours = self.epoch.max_degree() as u128 * u128::from(objective.fragmentation);
        noise
            .saturating_add(weight.saturating_mul(crosstalk))
            .saturating_add(qubits.saturating_mul(u128::from(most(objective.qubits)) + neighbours))
    }

    /// More than the noise of the qubits of a placement.
    pub(super) fn qubit_noise_limit(&self) -> u128 {
        let uses = self.pattern.uses();
        let kinds = uses.kinds().iter().zip(uses.counts(self.pattern.qubits()));
        let limit = |of| self.epoch.use_cost_limit(of, uses.per());
        kinds.map(|(&of, count)| u128::from(count).saturating_mul(limit(of))).sum()
    }

    /// More than the noise of the interactions of a placement, without SWAPs.
    fn gate_noise_limit(&self) -> u128 {
        let per_weight = u128::from(self.pattern.uses().gates_cost(cost_limit())) + 1;
        self.pattern.total_weight().saturating_mul(per_weight)
    }
}

/// What a placement strategy minimises: noise, and what else counts besides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objective<'a> {
    /// Weight of the noise, thousandths; 0: connectivity only.
    pub noise_permille: u32,
    /// Cost of every free neighbour that a chosen qubit has before the placement; keeps what is left in one piece.
    pub fragmentation: u64,
    /// Cost added to that of each qubit, by qubit number: what the place is worth to others.
    pub qubits: Option<&'a [u64]>,
    /// Cost added to one two-qubit gate per coupler, by coupler number: expected crosstalk from jobs next to it. Counts
    /// as often as the program has gates there.
    pub crosstalk: Option<&'a [u64]>,
}

impl Default for Objective<'_> {
    fn default() -> Self {
        Self { noise_permille: 1_000, fragmentation: 0, qubits: None, crosstalk: None }
    }
}

impl Objective<'_> {
    /// The noise as a configuration weighs it, without the surcharges of [`super::surcharge::Surcharges`].
    pub fn of(config: &PlacementConfig) -> Self {
        Self { noise_permille: (config.noise_weight * 1_000.0).round() as u32, ..Self::default() }
    }

    /// Whether nothing but the noise counts.
    pub fn is_noise(&self) -> bool {
        *self == Self::default()
    }

    fn weighted(&self, cost: u64) -> u64 {
        match self.noise_permille {
            1_000 => cost,
            permille => (u128::from(cost) * u128::from(permille) / 1_000) as u64,
        }
    }
}
