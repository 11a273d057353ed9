//! Jobs that are placed alike are of one placement kind: one compiled pattern, one memory of what was tried in vain.
//!
//! A cache and nothing else: what is remembered is what a search would answer again, so that forgetting it at any
//! instant changes no decision, no count and no reason. A proof that nothing fits holds for every smaller choice of
//! qubits; every other answer holds for the very bookings and figures that it was found for, and no others.

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::refusals::{ByDevice, Refusals, ShapeId};
use crate::allocator::config::{AllocatorConfig, Between, WalltimeEstimate};
use crate::allocator::explain::Obstacle;
use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::uses::placed_depth;
use crate::allocator::protocol::{
    ElementLimits, Event, IsolationRequest, JobId, JobRequest, Party, Topology, WaitCause,
};
use crate::allocator::quality::{QualityBounds, Shortfall};
use crate::allocator::sizing::{Demands, Fit, Sizes};
use crate::allocator::state::State;
use crate::allocator::state::place::{JobSlot, Standing};
use crate::allocator::state::quotas::Quotas;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

/// Index of a placement kind; reused when nobody is left in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct KindId(pub u32);

/// Everything that decides where a job may be placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    qubits: u32,
    topology: Topology,
    /// What placements are best for.
    depth: u32,
    limits: [u64; 5],
    /// Level, buffer distance and guard: whoever rests longer meets more promises.
    isolation: (Option<u8>, Option<u32>, Option<Span>),
    max_crosstalk: Option<u64>,
    /// Who may come near it.
    party: Option<Party>,
    preferred: SmallVec<[DeviceId; 2]>,
    excluded: SmallVec<[DeviceId; 2]>,
    max_swaps: Option<u32>,
    sizes: Sizes,
    bounds: Option<[u64; 6]>,
}

impl Key {
    fn new(request: &JobRequest, between: Between, quotas: &Quotas) -> Self {
        let allowed = quotas.most_qubits(request).unwrap_or(u32::MAX);
        let IsolationRequest { level, buffer_distance, temporal_separation, max_crosstalk, .. } =
            request.isolation;
        Self {
            qubits: request.min_qubits,
            topology: request.topology.clone(),
            depth: placed_depth(&request.topology, request.depth),
            limits: request.limits.bits(),
            isolation: (level.map(|level| level as u8), buffer_distance, temporal_separation),
            max_crosstalk: max_crosstalk.map(f64::to_bits),
            party: between.party_of(request.tenant),
            preferred: request.preferred_devices.clone(),
            excluded: request.excluded_devices.clone(),
            max_swaps: request.max_swap_operations,
            sizes: Sizes::new(request, allowed),
            bounds: Some(QualityBounds::new(request))
                .filter(|bounds| !bounds.is_none())
                .map(|bounds| bounds.bits()),
        }
    }
}

/// What is known of one placement kind.
#[derive(Debug)]
pub struct PlacementKind {
    /// The program side of its placements.
    pub pattern: Arc<Pattern>,
    /// What its members demand beyond a fixed pattern.
    pub demands: Demands,
    /// Its limits on elements.
    pub limits: ElementLimits,
    /// Devices that none of its members may use.
    pub excluded: SmallVec<[DeviceId; 2]>,
    /// Most SWAP gates that its members accept; `None`: any number.
    pub max_swaps: Option<u32>,
    /// That all devices were asked in vain, if they were, and so far as they have not changed since.
    pub refused: Option<RefusedEverywhere>,
    /// The earliest start that was found on all devices when somebody looked last.
    pub earliest: Option<EarliestKnown>,
    /// How often all devices were asked.
    walks: u64,
    /// The fleet's count of epochs at the last feasibility check, and its result.
    pub feasible: Option<(u64, bool)>,
    /// The fleet's count of epochs when it was last asked whether the kind embeds on any empty device, and the answer.
    pub embeds: Option<(u64, bool)>,
    per_device: Vec<OnDevice>,
    shape: ShapeId,
    members: u32,
}

/// No device of the fleet could take a job of the kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusedEverywhere {
    /// The fleet's count of changes then.
    pub changes: u64,
    /// The fleet's count of epochs then: whether jobs are routed may depend on any device.
    pub epochs: u64,
    /// When that was.
    pub at: Time,
    /// Why.
    pub causes: Causes,
    /// How long the job would have stayed.
    pub length: Length,
    /// Where the job stood: one behind it meets the same promises to others, or more.
    pub standing: Option<Standing>,
    /// As of how many charges.
    pub charged: u64,
}

/// Nowhere a job of the kind could start before an instant, but maybe where something has changed since, or is promised to
/// others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EarliestKnown {
    /// The fleet's count of changes then.
    pub changes: u64,
    /// The fleet's count of epochs then.
    pub epochs: u64,
    /// The instant.
    pub at: Time,
}

/// How many devices refused a job for which cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Causes {
    of: [u32; WaitCause::COUNT],
    /// Enough qubits were free on so many, but no region of the shape.
    pub by_shape: u32,
}

impl Causes {
    /// One more device.
    pub fn add(&mut self, cause: WaitCause, by_shape: bool) {
        self.of[cause.index()] += 1;
        self.by_shape += u32::from(by_shape);
    }

    /// One device less.
    pub fn take(&mut self, cause: WaitCause, by_shape: bool) {
        self.of[cause.index()] -= 1;
        self.by_shape -= u32::from(by_shape);
    }

    /// The first cause of any, by which the job is nearest to a start.
    pub fn first(&self) -> Option<WaitCause> {
        let all = WaitCause::ALL.iter().zip(self.of);
        all.filter(|(_, count)| *count > 0).map(|((cause, _), _)| *cause).next()
    }
}

/// How long a job stays where it starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Length {
    /// As long as it says.
    Stated(Span),
    /// As long as its device is taken to need for so many circuits, shots and layers.
    Estimated {
        /// Circuits.
        circuits: u32,
        /// Shots of each.
        shots: u64,
        /// Layers.
        depth: u32,
    },
    /// Nobody knows.
    Unknown,
}

impl Length {
    /// That of a job.
    pub fn of(request: &JobRequest, estimate: WalltimeEstimate) -> Self {
        let JobRequest { estimated_duration, circuits, shots, depth, .. } = *request;
        match (estimated_duration, estimate) {
            (Some(stated), _) => Self::Stated(stated),
            (None, WalltimeEstimate::Model(_)) => Self::Estimated { circuits, shots, depth },
            (None, WalltimeEstimate::None) => Self::Unknown,
        }
    }

    /// Whether whoever stays that long meets all promises that one of the other length meets, and maybe more, wherever.
    pub fn meets_all_of(self, other: Self) -> bool {
        match (self, other) {
            (Self::Unknown, _) => true,
            (Self::Stated(own), Self::Stated(other)) => own >= other,
            _ => self == other,
        }
    }
}

/// As of what something was found out about a kind on a device: bookings, figures, and how many SWAPs were allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AsOf {
    /// The ledger's count of changes.
    pub bookings: u64,
    /// The revision of the epoch.
    pub revision: u64,
    /// Most SWAPs.
    pub max_swaps: Option<u32>,
    /// Which promises to others the job would meet: a hash of their jobs, which change with the bookings.
    pub promises: u64,
}

/// What a search found, if anything is known.
#[derive(Debug, Clone, Default)]
struct Found {
    found: Option<(AsOf, Result<Fit, Obstacle>)>,
    /// It follows from an earlier proof; a search might have given up without an answer.
    derived: bool,
}

#[derive(Debug, Clone, Default)]
struct OnDevice {
    /// What a search found where no promises are met, and as of what.
    found: Found,
    /// The same beside promises to others.
    found_beside: Found,
    /// The number of the walk in which the device refused the kind last, and why; whether by shape.
    refused: Option<(u64, (WaitCause, bool))>,
    mask: Option<LimitMask>,
    /// Whether a short search found anything on the empty device without SWAPs, as of a revision.
    surely_embeds: Option<(u64, bool)>,
    /// What was found on the empty device without SWAPs, as of a revision.
    embedded: Option<(u64, WhenEmpty)>,
    /// The same with so many SWAPs.
    routed: Option<(u64, Option<u32>, WhenEmpty)>,
}

/// Whether and how well a kind could be placed on a device without any other job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhenEmpty {
    /// Proved impossible.
    Never,
    /// Its best placement is not good enough, by the figures published last.
    BelowBound(Shortfall),
    /// Possible at this cost, or not excluded (`None`).
    Possible(Option<u64>),
}

impl WhenEmpty {
    /// Whether jobs of the kind may wait for the device.
    pub fn is_possible(self) -> bool {
        matches!(self, Self::Possible(_))
    }
}

/// What a kind may use of a device as of one revision.
#[derive(Debug, Clone)]
pub struct LimitMask {
    revision: u64,
    /// Usable qubits within the limits.
    pub qubits: QubitSet,
    /// Couplers beyond the limits, a bit each; `None` when there are none.
    pub barred_couplers: Option<Vec<u64>>,
}

impl LimitMask {
    fn new(epoch: &Epoch, limits: &ElementLimits) -> Self {
        let fits = |q: &PhysicalQubit| {
            let figures = &epoch.calibration.qubits[q.index()];
            figures.t1_s >= limits.min_t1_s
                && figures.t2_s >= limits.min_t2_s
                && figures.one_qubit_error <= limits.max_one_qubit_error
                && figures.readout_error <= limits.max_readout_error
        };
        let qubits = QubitSet::from_qubits(epoch.qubits(), epoch.usable.iter().filter(fits));
        let mut barred = None;
        let beyond = epoch.worst_two_qubit_error() > limits.max_two_qubit_error;
        let couplers = if beyond { &epoch.calibration.couplers[..] } else { &[] };
        for (id, figures) in couplers.iter().enumerate() {
            if figures.two_qubit_error > limits.max_two_qubit_error && epoch.is_usable(CouplerId(id as u32)) {
                let bits = barred.get_or_insert_with(|| vec![0_u64; epoch.usable_couplers.len()]);
                bits[id / 64] |= 1 << (id % 64);
            }
        }
        Self { revision: epoch.revision, qubits, barred_couplers: barred }
    }
}

impl PlacementKind {
    /// A kind without members that knows nothing yet.
    fn new(key: &Key) -> Self {
        let bounds = key.bounds.map_or(QualityBounds::default(), QualityBounds::from_bits);
        Self {
            pattern: Arc::new(Pattern::of_program(&key.topology, key.qubits, key.depth)),
            demands: Demands::new(key.topology.clone(), key.depth, key.sizes, bounds),
            limits: ElementLimits::from_bits(key.limits),
            excluded: key.excluded.clone(),
            max_swaps: key.max_swaps,
            refused: None,
            earliest: None,
            walks: 0,
            feasible: None,
            embeds: None,
            per_device: Vec::new(),
            shape: ShapeId::default(),
            members: 0,
        }
    }

    /// The program side of its placements on so many qubits.
    pub fn pattern_on(&mut self, qubits: u32) -> Arc<Pattern> {
        if self.pattern.qubits() == qubits as usize {
            return self.pattern.clone();
        }
        self.demands.pattern(qubits)
    }

    /// What the kind may use of a device, and what it demands of it.
    pub fn on_device(&mut self, device: DeviceId, epoch: &Epoch) -> (&LimitMask, &mut Demands) {
        let limits = self.limits;
        self.on(device);
        let OnDevice { mask, .. } = &mut self.per_device[device.index()];
        if mask.as_ref().is_none_or(|mask| mask.revision != epoch.revision) {
            *mask = None;
        }
        (mask.get_or_insert_with(|| LimitMask::new(epoch, &limits)), &mut self.demands)
    }

    /// What a search on the device would find, if that is known. `searched`: also where a search would merely give up
    /// although there is a proof that nothing fits.
    pub fn known(&self, device: DeviceId, as_of: AsOf, searched: bool) -> Option<&Result<Fit, Obstacle>> {
        let known = self.per_device.get(device.index())?;
        let known = if as_of.promises == 0 { &known.found } else { &known.found_beside };
        let found = known.found.as_ref().filter(|_| !(searched && known.derived));
        found.filter(|(at, _)| *at == as_of).map(|(_, found)| found)
    }

    /// Remembers what a search on the device found, or would find since there is a proof (`derived`).
    pub fn learn(&mut self, device: DeviceId, as_of: AsOf, found: Result<Fit, Obstacle>, derived: bool) {
        let known = self.on(device);
        let known = if as_of.promises == 0 { &mut known.found } else { &mut known.found_beside };
        *known = Found { found: Some((as_of, found)), derived };
    }

    /// Begins to ask all devices.
    pub fn begin_walk(&mut self) {
        self.refused = None;
        self.walks += 1;
    }

    /// Notes why the device refuses the kind, if it takes part; answers what was noted before in this walk.
    pub fn note_refusal(
        &mut self,
        device: DeviceId,
        cause: Option<(WaitCause, bool)>,
    ) -> Option<(WaitCause, bool)> {
        let walk = self.walks;
        let noted = std::mem::replace(&mut self.on(device).refused, cause.map(|cause| (walk, cause)));
        noted.filter(|(of, _)| *of == walk).map(|(_, cause)| cause)
    }

    /// What is known of the kind on the empty device as of a revision, with so many SWAPs allowed.
    pub fn when_empty(&self, device: DeviceId, revision: u64, max_swaps: Option<u32>) -> Option<WhenEmpty> {
        let known = self.per_device.get(device.index())?;
        if max_swaps == Some(0) {
            return known.embedded.filter(|known| known.0 == revision).map(|known| known.1);
        }
        known.routed.filter(|known| (known.0, known.1) == (revision, max_swaps)).map(|known| known.2)
    }

    /// Remembers what is known of the kind on the empty device as of a revision, with so many SWAPs allowed.
    pub fn set_when_empty(
        &mut self,
        device: DeviceId,
        revision: u64,
        max_swaps: Option<u32>,
        known: WhenEmpty,
    ) {
        let device = self.on(device);
        if max_swaps == Some(0) {
            device.embedded = Some((revision, known));
        } else {
            device.routed = Some((revision, max_swaps, known));
        }
    }

    /// Whether a short search found the kind a place on the empty device as of a revision; `None`: not tried.
    pub fn surely_embeds(&self, device: DeviceId, revision: u64) -> Option<bool> {
        let known = self.per_device.get(device.index())?.surely_embeds;
        known.filter(|known| known.0 == revision).map(|known| known.1)
    }

    /// Remembers whether a short search found the kind a place on the empty device as of a revision.
    pub fn set_surely_embeds(&mut self, device: DeviceId, revision: u64, found: bool) {
        self.on(device).surely_embeds = Some((revision, found));
    }

    fn on(&mut self, device: DeviceId) -> &mut OnDevice {
        if self.per_device.len() <= device.index() {
            self.per_device.resize(device.index() + 1, OnDevice::default());
        }
        &mut self.per_device[device.index()]
    }
}

/// All kinds with members, and some without.
#[derive(Debug, Default)]
pub struct Memo {
    ids: IndexMap<Key, KindId, FxBuildHasher>,
    kinds: Vec<PlacementKind>,
    unused: Vec<KindId>,
    refusals: Refusals,
    /// The kinds of live jobs, as far as anybody has asked.
    by_slot: Vec<Option<(JobId, KindId)>>,
    /// Between whom isolation holds.
    between: Between,
    /// How many qubits a job may have at most.
    quotas: Quotas,
}

/// Classes without members are forgotten beyond this number.
const KINDS_KEPT: usize = 4096;

impl Memo {
    /// Without any kind, under a configuration.
    pub fn under(config: &AllocatorConfig) -> Self {
        let quotas = Quotas::new(&config.tenants);
        Self { between: config.isolation.between, quotas, ..Self::default() }
    }

    /// The kind of a request, which becomes its member.
    pub fn join(&mut self, request: &JobRequest) -> KindId {
        let key = Key::new(request, self.between, &self.quotas);
        if let Some(&id) = self.ids.get(&key) {
            self.kinds[id.0 as usize].members += 1;
            return id;
        }
        if self.ids.len() >= KINDS_KEPT {
            self.forget_empty();
        }
        let kind = PlacementKind::new(&key);
        let shape = self.refusals.shape_of(&kind.pattern, &kind.limits);
        let kind = PlacementKind { members: 1, shape, ..kind };
        let id = match self.unused.pop() {
            Some(id) => {
                self.kinds[id.0 as usize] = kind;
                id
            }
            None => {
                self.kinds.push(kind);
                KindId(self.kinds.len() as u32 - 1)
            }
        };
        self.ids.insert(key, id);
        id
    }

    /// A kind, and where nothing of its shape fits.
    pub fn with_refusals(&mut self, id: KindId) -> (&mut PlacementKind, &mut ByDevice) {
        let kind = &mut self.kinds[id.0 as usize];
        let refusals = self.refusals.of(kind.shape);
        (kind, refusals)
    }

    /// A member leaves.
    pub fn leave(&mut self, id: KindId) {
        self.kinds[id.0 as usize].members -= 1;
    }

    /// The kind of a live job.
    pub fn kind_of(&mut self, slot: JobSlot, request: &JobRequest) -> KindId {
        match self.by_slot.get(slot.0 as usize) {
            Some(Some((id, kind))) if *id == request.id => *kind,
            _ => {
                let kind = self.join(request);
                self.assign(slot, request.id, kind);
                kind
            }
        }
    }

    /// A job that has just come has a kind, of which it is a member already.
    pub fn assign(&mut self, slot: JobSlot, id: JobId, kind: KindId) {
        let index = slot.0 as usize;
        if self.by_slot.len() <= index {
            self.by_slot.resize(index + 1, None);
        }
        if let Some((_, before)) = self.by_slot[index].replace((id, kind)) {
            self.leave(before);
        }
    }

    /// Drops what an event has made untrue.
    pub fn watch(&mut self, event: &Event, state: &State) {
        match event {
            Event::DeviceRegistered { device, .. } | Event::DeviceRemoved { device } => {
                self.forget_device(*device);
            }
            Event::Reconfigured { config } => {
                self.forget();
                let quotas = Quotas::new(&config.tenants);
                if self.between != config.isolation.between || !self.quotas.is_empty() || !quotas.is_empty() {
                    // Everybody may be of another kind.
                    (self.between, self.quotas) = (config.isolation.between, quotas);
                    for (_, kind) in std::mem::take(&mut self.by_slot).into_iter().flatten() {
                        self.leave(kind);
                    }
                }
            }
            // The slot of a job that has ended may have been another's of the same number.
            Event::JobQueued { job, .. } => {
                let slot = state.find(job.id).map(|(slot, _)| slot.0 as usize);
                let before = slot.and_then(|slot| self.by_slot.get_mut(slot)).and_then(Option::take);
                if let Some((_, kind)) = before {
                    self.leave(kind);
                }
            }
            _ => {}
        }
    }

    /// Forgets everything learned about a device, whose number may be used again.
    pub fn forget_device(&mut self, device: DeviceId) {
        for kind in &mut self.kinds {
            if let Some(known) = kind.per_device.get_mut(device.index()) {
                *known = OnDevice::default();
            }
            kind.feasible = None;
            kind.embeds = None;
            kind.refused = None;
            kind.earliest = None;
        }
        self.refusals.forget_device(device);
    }

    /// Forgets everything that was found out by searching, on one device or anywhere.
    pub fn forget(&mut self) {
        for kind in &mut self.kinds {
            kind.refused = None;
            kind.earliest = None;
            kind.feasible = None;
            kind.embeds = None;
            kind.per_device.clear();
        }
        self.refusals.forget();
    }

    fn forget_empty(&mut self) {
        let kinds = &self.kinds;
        let unused = &mut self.unused;
        self.ids.retain(|_, id| {
            let keep = kinds[id.0 as usize].members > 0;
            if !keep {
                unused.push(*id);
            }
            keep
        });
        let used: BTreeSet<ShapeId> = self.ids.values().map(|id| self.kinds[id.0 as usize].shape).collect();
        self.refusals.retain(|shape| used.contains(&shape));
    }
}

impl std::ops::Index<KindId> for Memo {
    type Output = PlacementKind;
    fn index(&self, id: KindId) -> &PlacementKind {
        &self.kinds[id.0 as usize]
    }
}

impl std::ops::IndexMut<KindId> for Memo {
    fn index_mut(&mut self, id: KindId) -> &mut PlacementKind {
        &mut self.kinds[id.0 as usize]
    }
}
