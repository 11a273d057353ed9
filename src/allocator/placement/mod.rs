//! Placement: which qubits of one device a job gets. One strategy per file.
//!
//! A strategy is a pure search: the answer is a function of the request alone. Caches inside a strategy may make it
//! faster, never different. Leaves isolation, queues and the choice of the device to its callers, who express all
//! of it in the mask of free qubits.

pub mod batch;
mod compact;
pub mod cost;
pub mod exact;
pub mod first_fit;
pub mod fixed_regions;
mod free_parts;
mod graph;
pub mod memory;
pub mod pattern;
pub mod ranked;
mod region;
pub mod routed;
pub mod routing;
pub mod surcharge;
#[cfg(test)]
pub(crate) mod testing;
pub mod topology_aware;

use smallvec::SmallVec;

use crate::allocator::config::{PlacementConfig, Strategy};
use crate::quantum::{CouplerId, PhysicalQubit, QubitSet};
use crate::time::Time;
use cost::{Epoch, Link};
use memory::MemoryUse;
use pattern::Pattern;

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
    /// Most SWAP gates that routing may add, by the estimate of [`routing`]; `Some(0)`: the program must embed, `None`:
    /// any number. For strategies that can route.
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
        self.epoch.is_usable(coupler) && !self.barred_couplers.is_some_and(|bits| cost::bit(bits, coupler))
    }

    /// What the objective counts for one qubit.
    pub fn qubit_cost(&self, qubit: PhysicalQubit) -> u64 {
        let mut neighbours = 0;
        if self.objective.fragmentation > 0 {
            let links = self.epoch.links(qubit).iter();
            neighbours =
                links.filter(|link| self.free.contains(link.to) && self.allows(link.coupler)).count();
        }
        self.qubit_cost_beside(qubit, neighbours)
    }

    /// What the objective counts for one qubit that has the given number of free neighbours.
    fn qubit_cost_beside(&self, qubit: PhysicalQubit, neighbours: usize) -> u64 {
        let noise = self.objective.weighted(self.epoch.qubit_cost[qubit.index()]);
        let added = self.objective.qubits.map_or(0, |added| added[qubit.index()]);
        let fragmentation = self.objective.fragmentation.saturating_mul(neighbours as u64);
        noise.saturating_add(added).saturating_add(fragmentation)
    }

    /// What the objective counts for one two-qubit gate.
    pub fn gate_cost(&self, link: &Link) -> u64 {
        let noise = self.objective.weighted(link.cost);
        let crosstalk = self.objective.crosstalk.map_or(0, |added| added[link.coupler.index()]);
        noise.saturating_add(crosstalk)
    }
}

/// What a placement strategy minimises: noise, and what else counts besides it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Objective<'a> {
    /// Weight of the noise, thousandths; 0: connectivity only.
    pub noise_permille: u32,
    /// Cost of every free neighbour that a chosen qubit has before the placement; keeps what is left in one piece.
    pub fragmentation: u64,
    /// Cost added to the readout per qubit, by qubit number: what the place is worth to others.
    pub qubits: Option<&'a [u64]>,
    /// Cost added to one two-qubit gate per coupler, by coupler number: expected crosstalk from jobs next to it.
    pub crosstalk: Option<&'a [u64]>,
}

impl Default for Objective<'_> {
    fn default() -> Self {
        Self { noise_permille: 1_000, fragmentation: 0, qubits: None, crosstalk: None }
    }
}

impl Objective<'_> {
    /// The noise as a configuration weighs it, without the surcharges of [`surcharge::Surcharges`].
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

/// A legal placement: distinct free qubits; every edge of the pattern on a live coupler, or `routing` says what is
/// needed besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Physical qubit of each virtual qubit.
    pub layout: SmallVec<[PhysicalQubit; 8]>,
    /// Fixed-point cost of the noise alone, that of routing included, see [`cost`]; lower is better.
    pub cost: u64,
    /// What the objective of the request counts; equal to `cost` where nothing but the noise counts.
    pub objective: u64,
    /// What the program needs besides, where its interactions do not all lie on couplers.
    pub routing: Option<Routing>,
}

/// The SWAP gates that a program needs in its region, as estimated before any router has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Number of SWAP gates.
    pub swaps: u32,
    /// Fixed-point cost of their noise.
    pub cost: u64,
}

/// What a search answers. "Impossible" and "gave up" are never confused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementOutcome {
    /// The best there is.
    Optimal(Placement),
    /// A placement whose objective is at most `gap` (fixed-point cost; `None`: unknown) above the least.
    Feasible {
        /// The placement.
        placement: Placement,
        /// Upper bound on what is lost.
        gap: Option<u64>,
    },
    /// There is no placement.
    ProvedInfeasible,
    /// Neither found nor excluded within the budget.
    BudgetExhausted,
}

impl PlacementOutcome {
    /// Whether no longer search would answer anything else.
    pub fn is_proved(&self) -> bool {
        matches!(self, Self::Optimal(_) | Self::ProvedInfeasible)
    }
}

/// The answer of a search and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The answer.
    pub outcome: PlacementOutcome,
    /// Search steps used: what it took, which may depend on what is remembered from earlier requests.
    pub steps: u64,
}

/// What a placement strategy can do; the core asks, and never looks at its name. The default is what can be said of any.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Surcharges make a difference to what it answers; where they do not, nobody computes them.
    pub minimises: bool,
    /// It finds the placement of least noise of programs that embed, where nothing but noise counts.
    pub least_noise: bool,
    /// It may answer with a placement that needs routing.
    pub routes: bool,
    /// It looks for placements that need no routing before it answers with one that does.
    pub embeds: bool,
    /// It finds a connected region wherever there is one.
    pub finds_regions: bool,
    /// A search with more steps goes the way of one with fewer, only further.
    pub steady: bool,
    /// Its [`PlacementOutcome::ProvedInfeasible`] means that no placement without SWAPs exists on what is free: then none
    /// exists on any part of it either, and nobody asks again for a part.
    pub proves_absence: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            minimises: true,
            least_noise: false,
            routes: true,
            embeds: true,
            finds_regions: false,
            steady: false,
            proves_absence: false,
        }
    }
}

impl Capabilities {
    /// Those of a search for the placement of least cost that comes to an end, or finds something on its way there.
    pub const EXACT: Self = Self {
        minimises: true,
        least_noise: true,
        routes: false,
        embeds: true,
        finds_regions: true,
        steady: true,
        proves_absence: true,
    };
}

/// A way to choose qubits on a device. Implement it in your own crate to try your own.
pub trait PlacementStrategy: Send {
    /// Finds a placement. Must be a function of the request alone.
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed;

    /// What it can do.
    fn capabilities(&self) -> Capabilities {
        Capabilities::default()
    }

    /// Whether it can be told at once that there is no placement, whatever the objective: spares the caller the
    /// surcharges. May well be false when there is none.
    fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        let _ = request;
        false
    }

    /// Drops whatever is remembered from earlier requests. Answers do not change, only the time they take.
    fn forget(&mut self) {}

    /// Tells what time it is in the core, so that what was not used for long can be dropped. Answers do not change.
    fn advance(&mut self, _now: Time) {}

    /// What is remembered from earlier requests, and how often it helped.
    fn memory(&self) -> MemoryUse {
        MemoryUse::default()
    }
}

/// The strategy of that name, with default settings.
pub fn strategy(config: Strategy) -> Box<dyn PlacementStrategy> {
    configured(config, &PlacementConfig::default())
}

/// The strategy of that name with the given settings.
pub fn configured(strategy: Strategy, config: &PlacementConfig) -> Box<dyn PlacementStrategy> {
    match strategy {
        Strategy::FirstFit => Box::<first_fit::FirstFit>::default(),
        Strategy::NoiseAware => Box::new(exact::NoiseAware::with_memory(config.memory)),
        Strategy::TopologyAware => Box::new(topology_aware::TopologyAware::with_memory(config.memory)),
        Strategy::Region => Box::<routed::Region>::default(),
        Strategy::FixedRegions => {
            let regions = config.fixed_regions.clone();
            Box::new(fixed_regions::FixedRegions::new(regions).with_memory(config.memory))
        }
    }
}

/// The placement with a given layout, if the layout is legal for the request. Its cost is weight x coupler cost over
/// the edges of the pattern, plus the cost of every qubit. A region pays for the cheapest couplers that connect it:
/// the minimum spanning tree of those it may use.
pub fn placement_of_layout(
    request: &PlacementRequest<'_>,
    layout: SmallVec<[PhysicalQubit; 8]>,
) -> Option<Placement> {
    let (epoch, pattern) = (request.epoch, request.pattern);
    if layout.len() != pattern.qubits() {
        return None;
    }
    let mut taken: SmallVec<[u64; 20]> = SmallVec::from_elem(0, epoch.qubits().div_ceil(64));
    for &qubit in &layout {
        if !request.free.contains(qubit) || !epoch.usable.contains(qubit) {
            return None;
        }
        let (word, mask) = (&mut taken[qubit.index() / 64], 1 << (qubit.index() % 64));
        if *word & mask != 0 {
            return None;
        }
        *word |= mask;
    }
    let (mut cost, mut objective) = (0_u128, 0_u128);
    for &qubit in &layout {
        cost += u128::from(epoch.qubit_cost[qubit.index()]);
        objective += u128::from(request.qubit_cost(qubit));
    }
    let mut add = |link: &Link, weight: u32| {
        cost += u128::from(weight) * u128::from(link.cost);
        objective += u128::from(weight) * u128::from(request.gate_cost(link));
    };
    if pattern.is_region() {
        for link in region::spanning_links(request, &layout)? {
            add(&link, 1);
        }
    }
    for &(a, b, weight) in pattern.edges() {
        let link = epoch.link(layout[a.index()], layout[b.index()])?;
        if request.barred_couplers.is_some_and(|bits| cost::bit(bits, link.coupler)) {
            return None;
        }
        add(link, weight);
    }
    let saturated = |total: u128| u64::try_from(total).unwrap_or(u64::MAX);
    Some(Placement { layout, cost: saturated(cost), objective: saturated(objective), routing: None })
}
