//! Jobs that are placed alike share a class: one compiled pattern, one memory of what was tried in vain.
//!
//! Promises that skipping a class never changes a decision: it is skipped only while nothing that could help has
//! changed. A cache, not state.

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::explain::Bound;
use super::job::{ElementLimits, IsolationRequest, JobRequest, Topology};
use super::placement::cost::Epoch;
use super::placement::pattern::Pattern;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet};

/// Index of a class; reused when nobody is left in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ClassId(pub u32);

/// Everything that decides where a job may be placed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    qubits: u32,
    topology: Topology,
    limits: [u64; 5],
    isolation: (Option<u8>, Option<u32>),
    preferred: SmallVec<[DeviceId; 2]>,
    excluded: SmallVec<[DeviceId; 2]>,
    max_swaps: Option<u32>,
}

impl Key {
    fn new(request: &JobRequest) -> Self {
        let IsolationRequest { level, buffer_distance, .. } = request.isolation;
        Self {
            qubits: request.min_qubits,
            topology: request.topology.clone(),
            limits: request.limits.bits(),
            isolation: (level.map(|level| level as u8), buffer_distance),
            preferred: request.preferred_devices.clone(),
            excluded: request.excluded_devices.clone(),
            max_swaps: request.max_swap_operations,
        }
    }
}

/// What is known of one class.
#[derive(Debug)]
pub struct Class {
    /// The program side of its placements.
    pub pattern: Arc<Pattern>,
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
    /// Possible at this cost, or not excluded (`None`).
    Possible(Option<u64>),
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
    /// What the class may use of a device.
    pub fn mask(&mut self, device: DeviceId, epoch: &Epoch) -> &LimitMask {
        let limits = self.limits;
        let mask = &mut self.on(device).mask;
        if mask.as_ref().is_none_or(|mask| mask.revision != epoch.revision) {
            *mask = Some(LimitMask::new(epoch, &limits));
        }
        mask.as_ref().expect("just made")
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
        let class = Class {
            pattern: Arc::new(Pattern::new(&request.topology, request.min_qubits)),
            limits: request.limits,
            excluded: request.excluded_devices.clone(),
            max_swaps: request.max_swap_operations,
            failed_at: None,
            bound: Bound::Untried,
            feasible: None,
            embeds: None,
            per_device: Vec::new(),
            members: 1,
        };
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
