//! The devices of the fleet: status, calibration epoch, bookings, and the index that selection asks.
//!
//! Promises that the index always reflects the devices, and that every change of a device is counted. Leaves jobs and
//! their events to the allocator.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::backlog::Backlog;
use super::calendar::{Calendar, SavedCalendar};
use super::place::JobSlot;
use super::queues::WaitingQueue;
use super::run_times::{self, ReportedTimes};
use crate::allocator::candidates::index::{FleetIndex, Load};
use crate::allocator::candidates::served::Served;
use crate::allocator::config::{AllocatorConfig, Starts};
use crate::allocator::placement::cost::Epoch;
use crate::allocator::protocol::{AllocationId, EpochNumber, Fence, JobRequest, Status, Target};
use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;
use crate::quantum::published_time::PublishedTime;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

/// One device.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "SavedDevice")]
pub struct Device {
    /// Its number.
    pub id: DeviceId,
    /// What it is.
    pub spec: Arc<DeviceSpec>,
    /// Whether it may be used.
    pub status: Status,
    /// Elements that are not online, with their status.
    pub qubit_status: BTreeMap<PhysicalQubit, Status>,
    /// Elements that are not online, with their status.
    pub coupler_status: BTreeMap<CouplerId, Status>,
    /// How long jobs take, by its published constants.
    #[serde(skip_serializing)]
    pub published_time: PublishedTime,
    /// How long jobs have taken, in proportion to that.
    pub reported_times: ReportedTimes,
    /// What is alive and what it costs, as published last.
    #[serde(serialize_with = "save_epoch")]
    pub epoch: Arc<Epoch>,
    /// Who holds what, from when until when.
    pub calendar: Calendar,
    /// Jobs that wait for this device (queues per device).
    pub queue: WaitingQueue,
    /// Jobs whose qubits are counted as taken while they look for a placement, in order of admission.
    pub admitted: Vec<JobSlot>,
    /// Sum of their qubits.
    pub counted: u32,
    /// The work of all that wait for this device, admitted or not.
    #[serde(skip)]
    pub backlog: Backlog,
    /// How often it was chosen in turn, for its weight.
    pub served: Served,
    /// Fence of the next allocation.
    pub next_fence: Fence,
    /// The last calibration for which a better one was requested; 0: never.
    pub calibration_requested: EpochNumber,
    /// It is about to leave: nobody starts there, or waits for it.
    pub leaving: bool,
}

/// An epoch as it is saved: the rest follows from the device and the status of its elements.
#[derive(Serialize, Deserialize)]
struct SavedEpoch {
    number: EpochNumber,
    revision: u64,
    calibration: Arc<Calibration>,
}

fn save_epoch<S: serde::Serializer>(epoch: &Arc<Epoch>, serializer: S) -> Result<S::Ok, S::Error> {
    let (number, revision, calibration) = (epoch.number, epoch.revision, epoch.calibration.clone());
    SavedEpoch { number, revision, calibration }.serialize(serializer)
}

/// A device as it is saved.
#[derive(Deserialize)]
struct SavedDevice {
    id: DeviceId,
    spec: Arc<DeviceSpec>,
    reported_times: ReportedTimes,
    status: Status,
    qubit_status: BTreeMap<PhysicalQubit, Status>,
    coupler_status: BTreeMap<CouplerId, Status>,
    epoch: SavedEpoch,
    calendar: SavedCalendar,
    queue: WaitingQueue,
    admitted: Vec<JobSlot>,
    counted: u32,
    served: Served,
    next_fence: Fence,
    calibration_requested: EpochNumber,
    leaving: bool,
}

impl TryFrom<SavedDevice> for Device {
    type Error = &'static str;

    fn try_from(saved: SavedDevice) -> Result<Self, Self::Error> {
        let map = saved.spec.coupling_map.clone();
        let SavedEpoch { number, revision, calibration } = saved.epoch;
        let sized = |figures: &Calibration| {
            (figures.qubits.len(), figures.couplers.len()) == (map.qubits(), map.coupler_figures())
        };
        let known = saved.qubit_status.keys().all(|qubit| qubit.index() < map.qubits())
            && saved.coupler_status.keys().all(|coupler| coupler.index() < map.couplers().len());
        if !known || !sized(&calibration) || !sized(&saved.spec.calibration) {
            return Err("figures or statuses of elements that the device does not have");
        }
        let offline = QubitSet::from_qubits(map.qubits(), saved.qubit_status.keys().copied());
        let couplers: Vec<CouplerId> = saved.coupler_status.keys().copied().collect();
        let mut epoch = Epoch::new(number, map.clone(), calibration, &offline, &couplers);
        epoch.revision = revision;
        Ok(Self {
            id: saved.id,
            status: saved.status,
            qubit_status: saved.qubit_status,
            coupler_status: saved.coupler_status,
            epoch: Arc::new(epoch),
            calendar: saved.calendar.restore(&map).ok_or("a qubit that is booked twice")?,
            queue: saved.queue,
            admitted: saved.admitted,
            counted: saved.counted,
            backlog: Backlog::default(),
            served: saved.served,
            next_fence: saved.next_fence,
            calibration_requested: saved.calibration_requested,
            leaving: saved.leaving,
            published_time: PublishedTime::of(&saved.spec),
            reported_times: saved.reported_times,
            spec: saved.spec,
        })
    }
}

impl Device {
    /// How long a job takes by what is published, in so many copies, which share its shots.
    pub fn published(&self, request: &JobRequest, copies: u32) -> Span {
        run_times::published(&self.published_time, request, copies)
    }

    /// How long a job in so many copies is taken to hold its qubits, if anybody can tell.
    pub fn planned(&self, config: &AllocatorConfig, request: &JobRequest, copies: u32) -> Option<Span> {
        run_times::planned(config, &self.reported_times, request, || self.published(request, copies))
    }

    /// A job waits for this device.
    pub(super) fn await_work(&mut self, request: &JobRequest) {
        self.backlog.add(request.min_qubits, self.published(request, 1));
    }

    /// It waits no longer.
    pub(super) fn await_work_no_more(&mut self, request: &JobRequest) {
        self.backlog.take(request.min_qubits, self.published(request, 1));
    }

    /// Number of allocations.
    pub fn running(&self) -> u32 {
        self.calendar.allocations_len()
    }

    /// Whether a job may start now, as far as the device itself is concerned.
    pub fn accepts_starts(&self) -> bool {
        self.status == Status::Online
            && !self.leaving
            && self.spec.limits.max_concurrent_tasks.is_none_or(|most| self.running() < most)
    }

    /// Whether a job may start now, as far as the jobs beside it are concerned.
    pub fn is_open(&self, starts: Starts, now: Time) -> bool {
        match starts {
            Starts::AnyTime => true,
            Starts::WhenEmpty => self.calendar.allocations().all(|(_, booking)| booking.from == now),
        }
    }

    /// Number of qubits that a job without a buffer could hold now.
    pub fn free_len(&self) -> u32 {
        self.calendar.free_len(&self.epoch.usable)
    }

    /// Whether the device has such an element.
    pub fn has(&self, target: Target) -> bool {
        match target {
            Target::Device(_) => true,
            Target::Qubit(_, qubit) => qubit.index() < self.spec.coupling_map.qubits(),
            Target::Coupler(_, coupler) => coupler.index() < self.spec.coupling_map.couplers().len(),
        }
    }

    /// The status of the device or of one of its elements.
    pub fn status_of(&self, target: Target) -> Status {
        match target {
            Target::Device(_) => self.status,
            Target::Qubit(_, qubit) => self.qubit_status.get(&qubit).copied().unwrap_or(Status::Online),
            Target::Coupler(_, coupler) => {
                self.coupler_status.get(&coupler).copied().unwrap_or(Status::Online)
            }
        }
    }

    fn set_status(&mut self, target: Target, status: Status) {
        match target {
            Target::Device(_) => self.status = status,
            Target::Qubit(_, qubit) => {
                set_or_remove(&mut self.qubit_status, qubit, status);
                self.renew_epoch(None);
            }
            Target::Coupler(_, coupler) => {
                set_or_remove(&mut self.coupler_status, coupler, status);
                self.renew_epoch(None);
            }
        }
    }

    /// Looks at the device anew: with new figures, or with the old ones after an element changed its status.
    fn renew_epoch(&mut self, calibration: Option<Arc<Calibration>>) {
        let number = EpochNumber(self.epoch.number.0 + u32::from(calibration.is_some()));
        let calibration = calibration.unwrap_or_else(|| self.epoch.calibration.clone());
        let qubits = self.qubit_status.keys().copied();
        let offline = QubitSet::from_qubits(self.spec.coupling_map.qubits(), qubits);
        let couplers: Vec<CouplerId> = self.coupler_status.keys().copied().collect();
        let map = self.spec.coupling_map.clone();
        let mut epoch = Epoch::new(number, map, calibration, &offline, &couplers);
        epoch.revision = self.epoch.revision + 1;
        self.epoch = Arc::new(epoch);
    }
}

fn set_or_remove<K: Ord>(statuses: &mut BTreeMap<K, Status>, key: K, status: Status) {
    if status == Status::Online {
        statuses.remove(&key);
    } else {
        statuses.insert(key, status);
    }
}

/// A turn that a device has taken, and what was before.
#[derive(Debug, Clone, Copy)]
pub struct TakenTurn {
    device: DeviceId,
    served: Served,
    reached: Option<Served>,
}

/// All devices.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Fleet {
    devices: Vec<Option<Device>>,
    /// Rises whenever a device joins, leaves, or gets a new epoch.
    pub epochs: u64,
    /// How long jobs have taken on any device, in proportion to what is published of it: for devices of which nothing
    /// was reported yet.
    pub(super) reported_times: ReportedTimes,
    /// The turn that stands last of those that devices have taken.
    reached: Option<Served>,
    /// Rises whenever a device changes in anything; counts from 0 again in a core that was restored.
    #[serde(skip)]
    changes: u64,
    /// The devices in the order in which they changed last, with how many changes there were in all then.
    #[serde(skip)]
    changed: BTreeSet<(u64, DeviceId)>,
    #[serde(skip)]
    changed_at: Vec<u64>,
    /// The devices on which somebody is promised a start.
    #[serde(skip)]
    promising: BTreeSet<DeviceId>,
    /// What selection asks.
    #[serde(skip)]
    pub index: FleetIndex,
}

impl Fleet {
    /// The device with that number.
    pub fn get(&self, id: DeviceId) -> Option<&Device> {
        self.devices.get(id.index())?.as_ref()
    }

    /// The device with that number, to be changed; call [`Self::refresh`] afterwards.
    pub(super) fn get_mut(&mut self, id: DeviceId) -> Option<&mut Device> {
        self.devices.get_mut(id.index())?.as_mut()
    }

    /// All devices in order of their numbers.
    pub fn iter(&self) -> impl Iterator<Item = &Device> {
        self.devices.iter().flatten()
    }

    /// Adds a device of a weight, online; its number must be unused.
    pub(super) fn insert(&mut self, id: DeviceId, spec: Arc<DeviceSpec>, weight: u32) {
        let qubits = spec.coupling_map.qubits();
        let map = spec.coupling_map.clone();
        let calibration = spec.calibration.clone();
        let epoch = Epoch::new(EpochNumber(1), map, calibration, &QubitSet::new(qubits), &[]);
        if self.devices.len() <= id.index() {
            self.devices.resize_with(id.index() + 1, || None);
        }
        self.devices[id.index()] = Some(Device {
            id,
            published_time: PublishedTime::of(&spec),
            reported_times: ReportedTimes::default(),
            spec,
            status: Status::Online,
            qubit_status: BTreeMap::new(),
            coupler_status: BTreeMap::new(),
            epoch: Arc::new(epoch),
            calendar: Calendar::new(qubits),
            queue: WaitingQueue::default(),
            admitted: Vec::new(),
            counted: 0,
            backlog: Backlog::default(),
            served: Served::never(weight),
            next_fence: Fence(1),
            calibration_requested: EpochNumber(0),
            leaving: false,
        });
        self.epochs += 1;
        self.refresh(id);
    }

    /// A device is about to leave; false when it is not there.
    pub(super) fn leave(&mut self, id: DeviceId) -> bool {
        let Some(device) = self.get_mut(id) else { return false };
        (device.leaving, device.status) = (true, Status::Offline);
        self.epochs += 1;
        self.refresh(id);
        true
    }

    /// Takes a device out.
    pub(super) fn remove(&mut self, id: DeviceId) -> Option<Device> {
        let device = self.devices.get_mut(id.index())?.take();
        self.epochs += 1;
        self.note_change(id);
        self.promising.remove(&id);
        self.index.set(id, Load::default());
        self.index.set_served(id, None);
        self.index.set_edge(id, None);
        device
    }

    /// Changes a status.
    pub(super) fn set_status(&mut self, target: Target, status: Status) {
        let id = target.device();
        if let Some(device) = self.get_mut(id) {
            device.set_status(target, status);
            if !matches!(target, Target::Device(_)) {
                self.epochs += 1;
            }
            self.refresh(id);
        }
    }

    /// Puts new figures in force and returns the new epoch.
    pub(super) fn recalibrate(&mut self, id: DeviceId, calibration: Arc<Calibration>) -> EpochNumber {
        self.epochs += 1;
        let number = self.get_mut(id).map_or(EpochNumber(0), |device| {
            device.renew_epoch(Some(calibration));
            device.epoch.number
        });
        self.refresh(id);
        number
    }

    /// How often devices have changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// The devices that have changed since there were `changes` in all, each once; `None` if there were never so many.
    pub fn changed_since(&self, changes: u64) -> Option<impl Iterator<Item = DeviceId>> {
        let known = changes <= self.changes;
        known.then(|| self.changed.range((changes + 1, DeviceId(0))..).map(|(_, id)| *id))
    }

    /// The devices on which somebody is promised a start.
    pub fn promising(&self) -> impl Iterator<Item = DeviceId> {
        self.promising.iter().copied()
    }

    fn note_change(&mut self, id: DeviceId) {
        self.changes += 1;
        if self.changed_at.len() <= id.index() {
            self.changed_at.resize(id.index() + 1, 0);
        }
        let before = std::mem::replace(&mut self.changed_at[id.index()], self.changes);
        self.changed.remove(&(before, id));
        self.changed.insert((self.changes, id));
    }

    /// Builds the index anew, for a fleet that was read; false if a device is under another number than its own.
    pub(super) fn reindex(&mut self) -> bool {
        self.index = FleetIndex::default();
        self.promising.clear();
        for index in 0..self.devices.len() {
            let id = DeviceId(index as u32);
            if self.devices[index].as_ref().is_some_and(|device| device.id != id) {
                return false;
            }
            self.index.set(id, Load::default());
            self.refresh(id);
        }
        true
    }

    /// Counts a change of a device, and renews the index.
    pub(super) fn refresh(&mut self, id: DeviceId) {
        self.note_change(id);
        let Some(Some(device)) = self.devices.get(id.index()) else {
            return;
        };
        if device.calendar.has_no_promises() {
            self.promising.remove(&id);
        } else {
            self.promising.insert(id);
        }
        let served = device.served;
        let usable = device.epoch.usable.len() as u32;
        let in_service = matches!(device.status, Status::Online | Status::Draining | Status::Calibrating);
        let asked = device.calendar.held().len() as u64 + device.queue.qubits() + u64::from(device.counted);
        self.index.set(
            id,
            Load {
                startable: if device.accepts_starts() { device.free_len() } else { 0 },
                capacity: if in_service { usable } else { 0 },
                load_ppm: if usable == 0 { u64::MAX } else { asked * 1_000_000 / u64::from(usable) },
            },
        );
        self.index.set_served(id, Some(served));
        self.index.set_edge(id, device.calendar.first_edge());
    }

    /// What was reported of a device or, as long as nothing was, of all others.
    pub fn reported_of<'f>(&'f self, device: &'f Device) -> &'f ReportedTimes {
        if device.reported_times.is_empty() { &self.reported_times } else { &device.reported_times }
    }

    /// A device takes its turn; gives back what must be known to [undo](Self::undo_turn) it.
    pub(super) fn take_turn(&mut self, id: DeviceId) -> Option<TakenTurn> {
        let device = self.devices.get_mut(id.index())?.as_mut()?;
        let before = TakenTurn { device: id, served: device.served, reached: self.reached };
        let reached = self.reached.map_or(device.served, |reached| reached.max(device.served));
        // A turn of a device without weight is none.
        self.reached = if device.served.weight == 0 { self.reached } else { Some(reached) };
        device.served = device.served.once_more(reached);
        self.index.set_served(id, Some(device.served));
        Some(before)
    }

    /// The turn that was taken last was none.
    pub(super) fn undo_turn(&mut self, taken: TakenTurn) {
        self.reached = taken.reached;
        if let Some(Some(device)) = self.devices.get_mut(taken.device.index()) {
            device.served = taken.served;
            self.index.set_served(taken.device, Some(taken.served));
        }
    }

    /// All turns begin anew, with other weights.
    pub(super) fn begin_turns(&mut self, weight: impl Fn(&str) -> u32) {
        self.reached = None;
        for device in self.devices.iter_mut().flatten() {
            device.served = Served::never(weight(&device.spec.name));
            self.index.set_served(device.id, Some(device.served));
        }
    }

    /// Allocations of a device that use an element, in order of their numbers.
    pub fn users_of(&self, target: Target) -> Vec<AllocationId> {
        let Some(device) = self.get(target.device()) else {
            return Vec::new();
        };
        let mut users: Vec<AllocationId> = match target {
            Target::Device(_) => device.calendar.allocations().map(|(holder, _)| holder).collect(),
            Target::Qubit(_, qubit) => device.calendar.holders_of(qubit).collect(),
            Target::Coupler(_, coupler) => {
                let (a, b) = device.spec.coupling_map.couplers()[coupler.index()];
                let with_b: Vec<AllocationId> = device.calendar.holders_of(b).collect();
                device.calendar.holders_of(a).filter(|holder| with_b.contains(holder)).collect()
            }
        };
        users.dedup();
        users
    }
}
