//! Log-fidelity costs in integers, and the calibration epoch that holds them.
//!
//! Promises that sums do not depend on their order and that a dead element never appears. A cost is
//! -ln(success probability) in units of 2^-48, so that products of probabilities become exact sums; in an epoch its
//! last bits differ from element to element, so that of two placements one is always better.

use std::sync::Arc;

use super::graph::{Graph, shortest_cycle};
pub use super::link::{Link, bit};
use super::openness::{LiveCouplers, standing};
use super::pattern::Pattern;
use super::uses::{Uses, VertexUse};
use crate::allocator::protocol::EpochNumber;
use crate::quantum::calibration::{Calibration, DEAD_ERROR, QubitCalibration};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::success::{decay_per_s, layer_s};
use crate::quantum::{CouplerId, PhysicalQubit, QubitSet, VirtualQubit};

/// One nat (a factor of e in probability) in cost units.
pub const NAT: f64 = (1_u64 << 48) as f64;

/// Low bits of the costs of an epoch that tell equal errors apart. They stand for less than 4e-9 nats an element, far
/// below what any calibration measures.
const TIE_BREAK: u64 = (1 << TIE_BREAK_BITS) - 1;

/// How many bits these are. Costs are exact to as many bits less.
pub const TIE_BREAK_BITS: u32 = 20;

/// The cost of an element with the given error probability below [`DEAD_ERROR`].
pub fn cost_of_error(error: f64) -> u64 {
    (-libm::log1p(-error.clamp(0.0, DEAD_ERROR)) * NAT).round() as u64
}

/// More than an element that is alive can cost.
pub fn cost_limit() -> u64 {
    cost_of_error(DEAD_ERROR) + (1 << TIE_BREAK_BITS)
}

/// A cost in the parts by which devices are compared: 2^-10 nats, about a thousandth of the success probability. No calibration
/// tells more, and what tells equal elements apart must not tell devices apart.
pub fn in_parts(cost: u64) -> u64 {
    cost >> (48 - 10)
}

/// The success probability of a cost.
pub fn probability_of_cost(cost: u64) -> f64 {
    libm::exp(-nats_of_cost(cost))
}

/// A cost as minus natural log of a probability.
pub fn nats_of_cost(cost: u64) -> f64 {
    cost as f64 / NAT
}

/// An immutable view of one device as of one published calibration: what is alive, and what it costs.
#[derive(Debug, Clone)]
pub struct Epoch {
    /// Its number on the device: which published calibration.
    pub number: EpochNumber,
    /// Rises also when an element goes out of service or comes back under the same calibration.
    pub revision: u64,
    /// All couplers, dead ones included.
    pub map: Arc<CouplingMap>,
    /// The published figures.
    pub calibration: Arc<Calibration>,
    /// Qubits that are alive and in service.
    pub usable: QubitSet,
    /// Couplers that are alive, in service, and between usable qubits; a bit per coupler.
    pub usable_couplers: Vec<u64>,
    /// Cost of one readout per qubit.
    pub qubit_cost: Vec<u64>,
    /// How long a layer of a program is, seconds, see [`layer_s`].
    pub layer_s: f64,
    /// What else may be counted of each qubit.
    figures: Vec<QubitFigures>,
    /// The largest of each, of any qubit.
    largest: QubitFigures,
    /// The means over all usable qubits and couplers.
    mean: QubitFigures,
    mean_coupler: f64,
    worst_two_qubit_error: f64,
    /// Cost of one two-qubit gate per coupler.
    pub coupler_cost: Vec<u64>,
    /// Number of couplers on the shortest cycle of live ones; `None` when there is no cycle.
    pub girth: Option<u32>,
    /// Whether live couplers form no cycle of odd length.
    pub bipartite: bool,
    /// If so, one of the two sides between which all live couplers lead; a bit per qubit.
    pub(crate) side: Option<Vec<u64>>,
    /// How open the surroundings of each qubit are when the device is empty, see [`super::openness`].
    pub(crate) openness: Vec<u64>,
    max_degree: usize,
    complete: bool,
    fingerprint: u128,
    alike: bool,
    rows: Vec<u32>,
    links: Vec<Link>,
    graph: Graph,
}

impl Epoch {
    /// The view of a device; `offline_qubits` and `offline_couplers` are out of service although alive.
    pub fn new(
        number: EpochNumber,
        map: Arc<CouplingMap>,
        calibration: Arc<Calibration>,
        offline_qubits: &QubitSet,
        offline_couplers: &[CouplerId],
    ) -> Self {
        let qubits = map.qubits();
        let Live { usable, usable_couplers, worst_two_qubit_error } =
            Live::new(&map, &calibration, offline_qubits, offline_couplers);
        let readout_errors = calibration.qubits.iter().map(|q| q.readout_error);
        let qubit_cost: Vec<u64> = (0..).zip(readout_errors).map(|(id, error)| distinct(error, id)).collect();
        let (coupler_cost, alike) = coupler_costs(&map, &calibration);
        let mut rows = vec![0_u32];
        let mut links = Vec::new();
        for q in 0..qubits {
            for &(to, coupler) in map.neighbours(PhysicalQubit(q as u32)) {
                if bit(&usable_couplers, coupler) {
                    links.push(Link { to, coupler, cost: coupler_cost[coupler.index()] });
                }
            }
            rows.push(links.len() as u32);
        }
        let graph = Graph::new(&rows, &links);
        let one_for_all = map.is_alike() && bit(&usable_couplers, CouplerId(0));
        let complete = one_for_all || links.len() >= usable.len() * usable.len().saturating_sub(1);
        let (girth, side) = match one_for_all {
            true => ((usable.len() > 2).then_some(3), None),
            false => shortest_cycle(&graph.rows, &graph.to),
        };
        let layer_s = layer_s(&calibration);
        let figures: Vec<QubitFigures> =
            calibration.qubits.iter().map(|qubit| QubitFigures::new(qubit, layer_s)).collect();
        let (largest, mean) = largest_and_mean(&figures, &usable);
        let costs = links.iter().map(|link| nats_of_cost(link.cost));
        let mean_coupler = match one_for_all {
            true => nats_of_cost(coupler_cost[0]),
            false => costs.sum::<f64>() / (links.len() as f64).max(1.0),
        };
        let degrees = rows.windows(2).map(|row| (row[1] - row[0]) as usize);
        let max_degree = match one_for_all {
            true => usable.len().saturating_sub(1),
            false => degrees.max().unwrap_or(0),
        };
        let of_all_pairs = one_for_all.then(|| coupler_cost[0]);
        let mut epoch = Self {
            number,
            revision: 0,
            map,
            calibration,
            usable,
            usable_couplers,
            coupler_cost,
            girth,
            bipartite: side.is_some(),
            side,
            openness: Vec::new(),
            max_degree,
            complete,
            alike,
            fingerprint: fingerprint(&rows, &links, of_all_pairs, &qubit_cost, &figures),
            qubit_cost,
            layer_s,
            figures,
            largest,
            mean,
            mean_coupler,
            worst_two_qubit_error,
            graph,
            rows,
            links,
        };
        if !epoch.complete {
            epoch.openness = standing(epoch.live());
        }
        epoch
    }

    /// The cost of one use of a qubit, of which counts are given in shares of `per`.
    pub fn use_cost(&self, of: VertexUse, per: u32, qubit: PhysicalQubit) -> u64 {
        self.use_costs(of, per)(qubit)
    }

    /// The same for many qubits.
    pub fn use_costs(&self, of: VertexUse, per: u32) -> impl Fn(PhysicalQubit) -> u64 + '_ {
        let (plain, counts, scatter) = (of == VertexUse::READ_OUT, Counts::new(of, per), of.scatter() | 1);
        move |qubit| {
            let readout = self.qubit_cost[qubit.index()];
            if plain {
                return readout;
            }
            let nats = self.figures[qubit.index()].nats(counts);
            // One per use and qubit, so that equal figures have one best choice.
            let scattered = (readout & TIE_BREAK).wrapping_mul(scatter) & TIE_BREAK;
            (nats * NAT) as u64 & !TIE_BREAK | scattered
        }
    }

    /// The cost of the use of a virtual qubit by term, in nats.
    pub fn use_terms(&self, uses: &Uses, of: VirtualQubit, qubit: PhysicalQubit) -> UseTerms {
        let counts = Counts::new(uses.kinds()[uses.kind(of)], uses.per());
        self.figures[qubit.index()].terms(counts)
    }

    /// More than a use of any qubit costs.
    pub fn use_cost_limit(&self, of: VertexUse, per: u32) -> u128 {
        ((self.largest.nats(Counts::new(of, per)) * NAT) as u128) + (1 << TIE_BREAK_BITS)
    }

    /// How many times the noise of a program is that of one of which only its interactions are known, both on elements
    /// of the device's mean quality; 1 where nothing is noisy.
    pub fn relative_noise(&self, pattern: &Pattern) -> f64 {
        let uses = pattern.uses();
        if uses.is_plain() {
            return 1.0;
        }
        let interactions = if pattern.is_region() {
            pattern.qubits() as f64 - 1.0
        } else {
            pattern.edges().iter().map(|edge| f64::from(edge.2)).sum()
        };
        let gates = interactions * self.mean_coupler;
        let counts = uses.counts(pattern.qubits());
        let of_qubits: f64 = uses
            .kinds()
            .iter()
            .zip(counts)
            .map(|(&of, count)| count as f64 * self.mean.nats(Counts::new(of, uses.per())))
            .sum();
        let plain = gates + pattern.qubits() as f64 * self.mean.nats(Counts::new(VertexUse::READ_OUT, 1));
        if plain > 0.0 { (gates * uses.gates_per_weight() + of_qubits) / plain } else { 1.0 }
    }

    /// Number of qubits of the device, dead ones included.
    pub fn qubits(&self) -> usize {
        self.map.qubits()
    }

    /// The live couplers of `qubit`, ascending by the other end. None where all pairs share one, see
    /// [`CouplingMap::is_alike`].
    pub fn links(&self, qubit: PhysicalQubit) -> &[Link] {
        &self.links[self.rows[qubit.index()] as usize..self.rows[qubit.index() + 1] as usize]
    }

    /// A number that two devices or calibrations with different links or costs practically never share.
    pub fn fingerprint(&self) -> u128 {
        self.fingerprint
    }

    /// Whether all pairs of qubits are coupled at one and the same cost, so that of equal qubits any will do.
    pub fn is_uniform(&self) -> bool {
        self.alike
    }

    /// Whether every usable qubit neighbours every other, so that nothing is ever broken up.
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// The live couplers as a graph.
    pub(crate) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The live couplers for the walks of [`super::openness`].
    pub(crate) fn live(&self) -> LiveCouplers<'_> {
        let Self { graph, links, usable, max_degree, .. } = self;
        LiveCouplers { graph, links, usable, max_degree: *max_degree }
    }

    /// The live coupler between two qubits as seen from the first.
    pub fn link(&self, from: PhysicalQubit, to: PhysicalQubit) -> Option<Link> {
        if self.map.is_alike() {
            let live = self.complete && self.usable.contains(from) && self.usable.contains(to);
            let coupler = self.map.coupler(from, to).filter(|_| live)?;
            return Some(Link { to, coupler, cost: self.coupler_cost[0] });
        }
        let row = self.links(from);
        if row.len() <= 8 {
            row.iter().copied().find(|link| link.to == to)
        } else {
            row.binary_search_by_key(&to, |link| link.to).ok().map(|index| row[index])
        }
    }

    /// Most live couplers of one qubit.
    pub fn max_degree(&self) -> usize {
        self.max_degree
    }

    /// The largest error of a coupler that may be used; 0 where there is none.
    pub fn worst_two_qubit_error(&self) -> f64 {
        self.worst_two_qubit_error
    }

    /// Whether a coupler may be used.
    pub fn is_usable(&self, coupler: CouplerId) -> bool {
        bit(&self.usable_couplers, coupler)
    }
}

/// The elements of a device that may be used.
struct Live {
    usable: QubitSet,
    usable_couplers: Vec<u64>,
    worst_two_qubit_error: f64,
}

impl Live {
    fn new(
        map: &CouplingMap,
        calibration: &Calibration,
        offline_qubits: &QubitSet,
        offline_couplers: &[CouplerId],
    ) -> Self {
        let qubits = map.qubits();
        let alive = |q: PhysicalQubit| {
            let figures = &calibration.qubits[q.index()];
            !figures.dead && figures.readout_error < DEAD_ERROR && !offline_qubits.contains(q)
        };
        let usable =
            QubitSet::from_qubits(qubits, (0..qubits as u32).map(PhysicalQubit).filter(|q| alive(*q)));
        let mut live = Self {
            usable,
            usable_couplers: vec![0_u64; map.coupler_figures().div_ceil(64)],
            worst_two_qubit_error: 0.0,
        };
        let works = |id: CouplerId| {
            let figures = &calibration.couplers[id.index()];
            !figures.dead && figures.two_qubit_error < DEAD_ERROR && !offline_couplers.contains(&id)
        };
        for (id, &(a, b)) in (0..).map(CouplerId).zip(map.couplers()) {
            if live.usable.contains(a) && live.usable.contains(b) && works(id) {
                live.add(id, calibration);
            }
        }
        if map.is_alike() && !calibration.couplers.is_empty() && works(CouplerId(0)) {
            live.add(CouplerId(0), calibration);
        }
        live
    }

    fn add(&mut self, id: CouplerId, calibration: &Calibration) {
        self.usable_couplers[id.index() / 64] |= 1 << (id.index() % 64);
        let error = calibration.couplers[id.index()].two_qubit_error;
        self.worst_two_qubit_error = self.worst_two_qubit_error.max(error);
    }
}

/// The cost of a two-qubit gate on each coupler, and whether it is one and the same for every pair of qubits. There the
/// best qubits are best on any couplers: a case that is solved without a search, and must stay recognisable.
fn coupler_costs(map: &CouplingMap, calibration: &Calibration) -> (Vec<u64>, bool) {
    let errors = || calibration.couplers.iter().map(|c| c.two_qubit_error);
    let first = errors().next().unwrap_or(0.0);
    let qubits = map.qubits() as u64;
    let every_pair = map.pairs() == qubits * qubits.saturating_sub(1) / 2;
    if every_pair && errors().all(|error| error == first) {
        return (errors().map(cost_of_error).collect(), true);
    }
    ((1 << 32..).zip(errors()).map(|(id, error)| distinct(error, id)).collect(), false)
}

/// The largest of each figure of any usable qubit, and their means.
fn largest_and_mean(figures: &[QubitFigures], usable: &QubitSet) -> (QubitFigures, QubitFigures) {
    let (mut largest, mut sum) = (QubitFigures::default(), QubitFigures::default());
    for qubit in usable {
        largest = largest.zip(figures[qubit.index()], f64::max);
        sum = sum.zip(figures[qubit.index()], |sum, figure| sum + figure);
    }
    let count = (usable.len() as f64).max(1.0);
    (largest, sum.zip(sum, |sum, _| sum / count))
}

/// The cost of an element, with its number scattered over the last bits (the finalizer of SplitMix64, Steele, Lea and
/// Flood 2014).
fn distinct(error: f64, id: u64) -> u64 {
    let mut bits = id.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^= bits >> 31;
    cost_of_error(error) & !TIE_BREAK | bits & TIE_BREAK
}

/// A use of a qubit in whole gates and layers.
#[derive(Debug, Clone, Copy)]
struct Counts {
    measured: bool,
    gates: f64,
    idle_layers: f64,
}

impl Counts {
    fn new(of: VertexUse, per: u32) -> Self {
        let share = |count: u64| count as f64 / f64::from(per);
        Self { measured: of.measured, gates: share(of.one_qubit_gates), idle_layers: share(of.idle_layers) }
    }
}

/// What the use of a qubit costs by term, in nats.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct UseTerms {
    /// Its readout.
    pub readout: f64,
    /// Its one-qubit gates.
    pub one_qubit_gates: f64,
    /// Its decay while it waits.
    pub decay: f64,
}

/// What counts of a qubit, in nats: one readout, one one-qubit gate, the decay of a layer, and that of a one-qubit gate's
/// time, which the gate's error has in it.
#[derive(Debug, Clone, Copy, Default)]
struct QubitFigures {
    readout: f64,
    gate: f64,
    layer: f64,
    gate_time: f64,
}

impl QubitFigures {
    fn new(qubit: &QubitCalibration, layer_s: f64) -> Self {
        let nats = |error: f64| -libm::log1p(-error.clamp(0.0, DEAD_ERROR));
        let decay = decay_per_s(qubit);
        Self {
            readout: nats(qubit.readout_error),
            gate: nats(qubit.one_qubit_error),
            layer: layer_s * decay,
            gate_time: qubit.one_qubit_duration_s * decay,
        }
    }

    fn terms(&self, Counts { measured, gates, idle_layers }: Counts) -> UseTerms {
        let idle = idle_layers * self.layer - gates * self.gate_time;
        UseTerms {
            readout: if measured { self.readout } else { 0.0 },
            one_qubit_gates: gates * self.gate,
            decay: idle.max(0.0),
        }
    }

    fn nats(&self, counts: Counts) -> f64 {
        let UseTerms { readout, one_qubit_gates, decay } = self.terms(counts);
        readout + one_qubit_gates + decay
    }

    fn zip(self, other: Self, with: impl Fn(f64, f64) -> f64) -> Self {
        Self {
            readout: with(self.readout, other.readout),
            gate: with(self.gate, other.gate),
            layer: with(self.layer, other.layer),
            gate_time: with(self.gate_time, other.gate_time),
        }
    }
}

fn fingerprint(
    rows: &[u32],
    links: &[Link],
    of_all_pairs: Option<u64>,
    qubit_cost: &[u64],
    figures: &[QubitFigures],
) -> u128 {
    let mut hasher = blake3::Hasher::new();
    for row in rows {
        hasher.update(&row.to_le_bytes());
    }
    for link in links {
        hasher.update(&link.to.0.to_le_bytes()).update(&link.cost.to_le_bytes());
    }
    if let Some(cost) = of_all_pairs {
        hasher.update(b"all pairs").update(&cost.to_le_bytes());
    }
    for cost in qubit_cost {
        hasher.update(&cost.to_le_bytes());
    }
    for QubitFigures { readout, gate, layer, gate_time } in figures {
        for figure in [readout, gate, layer, gate_time] {
            hasher.update(&figure.to_bits().to_le_bytes());
        }
    }
    let mut number = [0; 16];
    hasher.finalize_xof().fill(&mut number);
    u128::from_le_bytes(number)
}
