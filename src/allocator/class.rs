//! Jobs that are placed alike share a class: one compiled pattern, one memory of what was tried in vain.
//!
//! Promises that skipping a class never changes a decision: it is skipped only while nothing that could help has
//! changed. A cache, not state, but for that memory: it decides what a pass attempts, and is saved with the state.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::consistency;
use super::elastic::{Demands, Sizes};
use super::explain::Bound;
use super::job::{Elasticity, ElementLimits, IsolationRequest, JobId, JobRequest, Topology};
use super::placement::cost::Epoch;
use super::placement::pattern::Pattern;
use super::quality::{Bounds, Shortfall};
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet};

/// Index of a class; reused when nobody is left in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ClassId(pub u32);

/// Everything that decides where a job may be placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Key {
    qubits: u32,
    topology: Topology,
    limits: [u64; 5],
    isolation: (Option<u8>, Option<u32>),
    #[serde(default)]
    max_crosstalk: Option<u64>,
    preferred: SmallVec<[DeviceId; 2]>,
    excluded: SmallVec<[DeviceId; 2]>,
    max_swaps: Option<u32>,
    sizes: Sizes,
    bounds: Option<[u64; 6]>,
}

impl Key {
    fn new(request: &JobRequest) -> Self {
        let IsolationRequest { level, buffer_distance, max_crosstalk, .. } = request.isolation;
        Self {
            qubits: request.min_qubits,
            topology: request.topology.clone(),
            limits: request.limits.bits(),
            isolation: (level.map(|level| level as u8), buffer_distance),
            max_crosstalk: max_crosstalk.map(f64::to_bits),
            preferred: request.preferred_devices.clone(),
            excluded: request.excluded_devices.clone(),
            max_swaps: request.max_swap_operations,
            sizes: Sizes::new(request),
            bounds: Some(Bounds::new(request)).filter(|bounds| !bounds.is_none()).map(|bounds| bounds.bits()),
        }
    }

    /// Whether a job could have such a key.
    fn makes_sense(&self) -> bool {
        let mut request = JobRequest::new(JobId(0), self.qubits, self.topology.clone());
        match self.sizes {
            Sizes::Exact => {}
            Sizes::Largest(most) => request.max_qubits = most,
            Sizes::Copies(_) => request.elasticity = Elasticity::Copies,
        }
        consistency::makes_sense(&request)
    }
}

/// What a class has learned by trying.
#[derive(Debug, Serialize, Deserialize)]
struct Lesson {
    key: Key,
    id: u32,
    failed_at: Option<u64>,
    failed_epochs: Option<u64>,
    bound: Bound,
    /// By device, without empty ones at the end.
    failed_on: Vec<Option<(u64, Option<u32>)>>,
}

/// What all classes have learned by trying, in order of the classes; the part of them that is state.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Learned {
    lessons: Vec<Lesson>,
    unused: Vec<u32>,
}

/// What is known of one class.
#[derive(Debug)]
pub struct Class {
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
    /// The fleet's count of improvements when it was last tried in vain on all devices.
    pub failed_at: Option<u64>,
    /// What kept it then.
    pub bound: Bound,
    /// The fleet's count of epochs then, unless it is not known.
    pub failed_epochs: Option<u64>,
    /// The fleet's count of epochs at the last feasibility check, and its result.
    pub feasible: Option<(u64, bool)>,
    /// The fleet's count of epochs when it was last asked whether the class embeds on any empty device, and the answer.
    pub embeds: Option<(u64, bool)>,
    per_device: Vec<OnDevice>,
    members: u32,
}

#[derive(Debug, Clone, Default)]
struct OnDevice {
    /// The device's count of improvements, and how many SWAPs were allowed.
    failed_at: Option<(u64, Option<u32>)>,
    mask: Option<LimitMask>,
    /// Whether a short search found anything on the empty device without SWAPs, as of a revision.
    surely_embeds: Option<(u64, bool)>,
    /// What was found on the empty device without SWAPs, as of a revision.
    embedded: Option<(u64, WhenEmpty)>,
    /// The same with so many SWAPs.
    routed: Option<(u64, Option<u32>, WhenEmpty)>,
}

/// Whether and how well a class could be placed on a device without any other job.
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
    /// Whether jobs of the class may wait for the device.
    pub fn is_possible(self) -> bool {
        matches!(self, Self::Possible(_))
    }
}

/// What a class may use of a device as of one revision.
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
        for (id, figures) in epoch.calibration.couplers.iter().enumerate() {
            if figures.two_qubit_error > limits.max_two_qubit_error && epoch.is_usable(CouplerId(id as u32)) {
                let bits = barred.get_or_insert_with(|| vec![0_u64; epoch.usable_couplers.len()]);
                bits[id / 64] |= 1 << (id % 64);
            }
        }
        Self { revision: epoch.revision, qubits, barred_couplers: barred }
    }
}

impl Class {
    /// A class without members that knows nothing yet.
    fn new(key: &Key) -> Self {
        let bounds = key.bounds.map_or(Bounds::default(), Bounds::from_bits);
        Self {
            pattern: Arc::new(Pattern::new(&key.topology, key.qubits)),
            demands: Demands::new(key.topology.clone(), key.sizes, bounds),
            limits: ElementLimits::from_bits(key.limits),
            excluded: key.excluded.clone(),
            max_swaps: key.max_swaps,
            failed_at: None,
            bound: Bound::Untried,
            failed_epochs: None,
            feasible: None,
            embeds: None,
            per_device: Vec::new(),
            members: 0,
        }
    }

    /// What the class may use of a device, and what it demands of it.
    pub fn on_device(&mut self, device: DeviceId, epoch: &Epoch) -> (&LimitMask, &mut Demands) {
        let limits = self.limits;
        let mask = &mut self.on(device).mask;
        if mask.as_ref().is_none_or(|mask| mask.revision != epoch.revision) {
            *mask = Some(LimitMask::new(epoch, &limits));
        }
        let mask = self.per_device[device.index()].mask.as_ref().expect("just made");
        (mask, &mut self.demands)
    }

    /// Whether the class was tried on the device in vain, with so many SWAPs allowed, and nothing has improved there
    /// since.
    pub fn failed_on(&self, device: DeviceId, improvements: u64, max_swaps: Option<u32>) -> bool {
        let known = self.per_device.get(device.index()).and_then(|known| known.failed_at);
        known == Some((improvements, max_swaps))
    }

    /// Remembers that the class was tried on the device in vain.
    pub fn fail_on(&mut self, device: DeviceId, improvements: u64, max_swaps: Option<u32>) {
        self.on(device).failed_at = Some((improvements, max_swaps));
    }

    /// What is known of the class on the empty device as of a revision, with so many SWAPs allowed.
    pub fn when_empty(&self, device: DeviceId, revision: u64, max_swaps: Option<u32>) -> Option<WhenEmpty> {
        let known = self.per_device.get(device.index())?;
        if max_swaps == Some(0) {
            return known.embedded.filter(|known| known.0 == revision).map(|known| known.1);
        }
        known.routed.filter(|known| (known.0, known.1) == (revision, max_swaps)).map(|known| known.2)
    }

    /// Remembers what is known of the class on the empty device as of a revision, with so many SWAPs allowed.
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

    /// Whether a short search found the class a place on the empty device as of a revision; `None`: not tried.
    pub fn surely_embeds(&self, device: DeviceId, revision: u64) -> Option<bool> {
        let known = self.per_device.get(device.index())?.surely_embeds;
        known.filter(|known| known.0 == revision).map(|known| known.1)
    }

    /// Remembers whether a short search found the class a place on the empty device as of a revision.
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

/// All classes with members, and some without.
#[derive(Debug, Default)]
pub struct ClassTable {
    ids: IndexMap<Key, ClassId, FxBuildHasher>,
    classes: Vec<Class>,
    unused: Vec<ClassId>,
}

/// Classes without members are forgotten beyond this number.
const KEPT: usize = 4096;

impl ClassTable {
    /// The class of a request, which becomes its member.
    pub fn join(&mut self, request: &JobRequest) -> ClassId {
        let key = Key::new(request);
        if let Some(&id) = self.ids.get(&key) {
            self.classes[id.0 as usize].members += 1;
            return id;
        }
        if self.ids.len() >= KEPT {
            self.forget_empty();
        }
        let class = Class { members: 1, ..Class::new(&key) };
        let id = match self.unused.pop() {
            Some(id) => {
                self.classes[id.0 as usize] = class;
                id
            }
            None => {
                self.classes.push(class);
                ClassId(self.classes.len() as u32 - 1)
            }
        };
        self.ids.insert(key, id);
        id
    }

    /// Makes a request a member of its class, if that is known.
    pub(super) fn rejoin(&mut self, request: &JobRequest) -> Option<ClassId> {
        let id = *self.ids.get(&Key::new(request))?;
        self.classes[id.0 as usize].members += 1;
        Some(id)
    }

    /// What the classes have learned.
    pub(super) fn learned(&self) -> Learned {
        let lessons = self.ids.iter().map(|(key, id)| {
            let class = &self[*id];
            let mut failed_on: Vec<_> = class.per_device.iter().map(|known| known.failed_at).collect();
            while let Some(None) = failed_on.last() {
                failed_on.pop();
            }
            let Class { failed_at, failed_epochs, bound, .. } = *class;
            Lesson { key: key.clone(), id: id.0, failed_at, failed_epochs, bound, failed_on }
        });
        Learned { lessons: lessons.collect(), unused: self.unused.iter().map(|id| id.0).collect() }
    }

    /// Classes without members that have learned so much; `None` if two share a number or one is of no job.
    pub(super) fn from_learned(learned: Learned) -> Option<Self> {
        let mut table = Self { unused: learned.unused.into_iter().map(ClassId).collect(), ..Self::default() };
        if !learned.lessons.iter().all(|lesson| lesson.key.makes_sense()) {
            return None;
        }
        let count = learned.lessons.len() + table.unused.len();
        let mut classes: Vec<Option<Class>> = std::iter::repeat_with(|| None).take(count).collect();
        for Lesson { key, id, failed_at, failed_epochs, bound, failed_on } in learned.lessons {
            let place = classes.get_mut(id as usize).filter(|place| place.is_none())?;
            let per_device = failed_on.into_iter();
            let per_device =
                per_device.map(|failed_at| OnDevice { failed_at, ..OnDevice::default() }).collect();
            *place = Some(Class { failed_at, failed_epochs, bound, per_device, ..Class::new(&key) });
            if table.ids.insert(key, ClassId(id)).is_some() {
                return None;
            }
        }
        for unused in &table.unused {
            // Replaced before it is used; any class will do until then.
            let place = classes.get_mut(unused.0 as usize).filter(|place| place.is_none())?;
            *place = Some(Class::new(&Key::new(&JobRequest::new(JobId(0), 1, Topology::Any))));
        }
        table.classes = classes.into_iter().collect::<Option<_>>()?;
        Some(table)
    }

    /// A member leaves.
    pub fn leave(&mut self, id: ClassId) {
        self.classes[id.0 as usize].members -= 1;
    }

    /// Forgets everything learned about a device, whose number may be used again.
    pub fn forget_device(&mut self, device: DeviceId) {
        for class in &mut self.classes {
            if let Some(known) = class.per_device.get_mut(device.index()) {
                *known = OnDevice::default();
            }
            class.feasible = None;
            class.embeds = None;
            class.failed_at = None;
        }
    }

    /// Forgets what was tried in vain: the rules have changed.
    pub fn forget_failures(&mut self) {
        for class in &mut self.classes {
            class.failed_at = None;
            class.feasible = None;
            class.embeds = None;
            for known in &mut class.per_device {
                known.failed_at = None;
                known.surely_embeds = None;
                known.embedded = None;
                known.routed = None;
            }
        }
    }

    fn forget_empty(&mut self) {
        let classes = &self.classes;
        let unused = &mut self.unused;
        self.ids.retain(|_, id| {
            let keep = classes[id.0 as usize].members > 0;
            if !keep {
                unused.push(*id);
            }
            keep
        });
    }
}

impl std::ops::Index<ClassId> for ClassTable {
    type Output = Class;
    fn index(&self, id: ClassId) -> &Class {
        &self.classes[id.0 as usize]
    }
}

impl std::ops::IndexMut<ClassId> for ClassTable {
    fn index_mut(&mut self, id: ClassId) -> &mut Class {
        &mut self.classes[id.0 as usize]
    }
}
