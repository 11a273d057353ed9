//! The core: a deterministic state machine that takes commands and answers with events.
//!
//! `handle` applies one command and never schedules; it marks a pass as due, which runs at the next [`Command::Wake`].
//! Promises that an error leaves the state unchanged and that the same commands give the same events, bit for bit.
//! Leaves clocks, names, storage and devices to its drivers.
//!
//! Reading order: [`messages`] (the protocol), [`job`], [`config`], [`fleet`] and [`ledger`] (state), `pass` (the
//! decisions), [`placement`] and [`balancing`] (the strategies).
#![deny(clippy::disallowed_types, clippy::disallowed_methods)]

pub mod balancing;
pub mod class;
pub mod config;
mod consistency;
pub mod contradiction;
pub mod elastic;
pub mod explain;
pub mod fleet;
pub mod isolation;
pub mod job;
pub mod jobs;
pub mod ledger;
pub mod messages;
mod pass;
mod pass_batch;
pub mod placement;
pub mod quality;
pub mod routed_program;
pub mod scheduler;
pub mod snapshot;
mod stopping;
mod waiting;
mod when_empty;

use std::collections::BTreeSet;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::quantum::calibration::Calibration;
use crate::quantum::device::DeviceSpec;
use crate::quantum::{DeviceId, QubitSet};
use crate::random::StreamFamily;
use crate::time::Time;
use balancing::selection::{DeviceSelector, selector};
use class::ClassTable;
use config::AllocatorConfig;
use fleet::{Device, Fleet};
use job::{JobId, JobRequest, JobState};
use jobs::{Job, JobSlot, JobTable, Known};
use messages::{
    Allocation, AllocationId, Answer, Command, CommandError, Event, Rejection, RequeueReason, Status,
    StatusReason, Target,
};
pub use pass::PassTally;
use placement::PlacementStrategy;
use placement::memory::MemoryUse;
use scheduler::queue::{Place, WaitingQueue};

/// The allocator. See the [module](self) for what it promises.
pub struct Allocator {
    state: State,
    /// Random choices, keyed by (job, attempt).
    draws: StreamFamily,
    strategy: Box<dyn PlacementStrategy>,
    /// The strategy was brought by the user and survives a change of the configuration.
    own_strategy: bool,
    /// Judges what bounds on quality can be met where another strategy is in force.
    exact: placement::exact::NoiseAware,
    selector: Box<dyn DeviceSelector>,
    own_selector: bool,
    classes: ClassTable,
    /// Scratch: what placements cost besides noise.
    surcharges: placement::surcharge::Surcharges,
    /// Scratch: what limits on crosstalk leave.
    crosstalk: isolation::crosstalk::CrosstalkLimits,
    /// Scratch: qubits free for the job that is being placed.
    free: QubitSet,
    last_pass: PassTally,
}

/// Everything that a restart must bring back. Caches are elsewhere.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct State {
    config: AllocatorConfig,
    now: Time,
    fleet: Fleet,
    jobs: JobTable,
    /// All waiting jobs; with queues per device, those that no device in the fleet could take.
    queue: WaitingQueue,
    running: IndexMap<AllocationId, Running, FxBuildHasher>,
    timers: BTreeSet<(Time, Timer)>,
    due: Due,
    /// Submitted since the last pass, where the length of queues is limited: whether there is room for them is known
    /// after the next one.
    #[serde(default)]
    newcomers: Vec<JobId>,
    /// The device that was chosen last for any job: to run it or, with queues per device, to wait for.
    last_chosen: Option<DeviceId>,
    next_place: Place,
    next_allocation: AllocationId,
}

/// An attempt that holds qubits.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Running {
    allocation: Arc<Allocation>,
    slot: JobSlot,
    shots_done: u64,
    /// Its pending timer: the end of the walltime, or of the patience after a request to stop.
    timer: Option<(Time, Timer)>,
}

/// What is to happen at a time. The order is that of events at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
enum Timer {
    GuardEnd(DeviceId, AllocationId),
    StopTimeout(AllocationId),
    Walltime(AllocationId),
    Expiry(JobId),
    Retry(JobId),
}

/// What the next pass must look at.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Due {
    global: bool,
    devices: BTreeSet<DeviceId>,
    /// What a device could take if it were empty may have changed: jobs in its queue may have to move on.
    #[serde(default)]
    homes: bool,
}

impl State {
    /// Jobs that were to be tried again at a time may be tried now: the rule that set the time is gone.
    fn forget_retries(&mut self) {
        let Self { jobs, timers, .. } = self;
        for job in jobs.iter_mut() {
            if let Some(at) = job.retry_at.take() {
                timers.remove(&(at, Timer::Retry(job.request.id)));
            }
        }
    }
}

impl Due {
    fn is_set(&self) -> bool {
        self.global || self.homes || !self.devices.is_empty()
    }
}

impl std::fmt::Debug for Allocator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Allocator").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Allocator {
    /// An allocator without devices. `draws` are the streams of its random choices.
    pub fn new(config: AllocatorConfig, draws: StreamFamily) -> Result<Self, config::ConfigError> {
        config.validate()?;
        Ok(Self {
            strategy: placement::configured(config.strategy, &config.placement),
            own_strategy: false,
            exact: placement::exact::NoiseAware::with_memory(config.placement.memory),
            selector: selector(config.selection),
            own_selector: false,
            draws,
            classes: ClassTable::default(),
            surcharges: placement::surcharge::Surcharges::default(),
            crosstalk: isolation::crosstalk::CrosstalkLimits::default(),
            free: QubitSet::default(),
            last_pass: PassTally::default(),
            state: State {
                config,
                now: Time::ZERO,
                fleet: Fleet::default(),
                jobs: JobTable::default(),
                queue: WaitingQueue::default(),
                running: IndexMap::default(),
                timers: BTreeSet::new(),
                due: Due::default(),
                newcomers: Vec::new(),
                last_chosen: None,
                next_place: 1,
                next_allocation: AllocationId(1),
            },
        })
    }

    /// Places with a strategy of the caller's own.
    #[must_use]
    pub fn with_strategy(mut self, strategy: Box<dyn PlacementStrategy>) -> Self {
        self.strategy = strategy;
        self.own_strategy = true;
        self
    }

    /// Wraps the placement strategy in force, to watch it; the wrapper must answer as the strategy does.
    #[must_use]
    pub fn map_strategy(
        mut self,
        wrap: impl FnOnce(Box<dyn PlacementStrategy>) -> Box<dyn PlacementStrategy>,
    ) -> Self {
        self.strategy = wrap(self.strategy);
        self
    }

    /// Selects devices with a selector of the caller's own.
    #[must_use]
    pub fn with_selector(mut self, selector: Box<dyn DeviceSelector>) -> Self {
        self.selector = selector;
        self.own_selector = true;
        self
    }

    /// Applies one command at `now` and appends what happened to `events`. On `Err` nothing changed.
    pub fn handle(
        &mut self,
        now: Time,
        command: Command,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        if now < self.state.now {
            return Err(CommandError::TimeRunsBackwards { now, last: self.state.now });
        }
        self.strategy.advance(now);
        self.exact.advance(now);
        let answer = match command {
            Command::RegisterDevice { device, spec } => self.register(device, spec, events),
            Command::RemoveDevice { device } => self.remove_device(now, device, events),
            Command::Recalibrate { device, calibration } => self.recalibrate(device, calibration, events),
            Command::SetStatus { target, status, reason } => {
                self.set_status(now, target, status, reason, events)
            }
            Command::Submit(request) => self.submit(now, request, events),
            Command::Cancel { job } => self.cancel(now, job, events),
            Command::Hold { job } => self.hold(job, events),
            Command::ReleaseHold { job } => self.release_hold(job, events),
            Command::Finished { allocation, outcome, shots_done } => {
                self.finished(now, allocation, outcome, shots_done, events)
            }
            Command::Progress { allocation, shots_done } => self.progress(allocation, shots_done, events),
            Command::StopAcknowledged { allocation, shots_done } => {
                self.stop_acknowledged(now, allocation, shots_done, events)
            }
            Command::Reconfigure(config) => self.reconfigure(*config, events),
            Command::Wake => {
                self.run_timers(now, events);
                self.run_pass(now, events);
                // Last, so that a job may still start at the very end of its patience, even if that is at once.
                self.run_expiries(now, events);
                self.turn_away(events);
                Ok(Answer::Applied)
            }
        }?;
        self.state.now = now;
        Ok(answer)
    }

    /// When to call again with [`Command::Wake`] if nothing else happens first.
    pub fn next_wakeup(&self) -> Option<Time> {
        if self.state.due.is_set() {
            return Some(self.state.now);
        }
        self.state.timers.first().map(|(at, _)| *at)
    }

    /// Whether nothing is planned but to try waiting jobs again.
    pub fn only_retries(&self) -> bool {
        !self.state.due.is_set()
            && self.state.timers.iter().all(|(_, timer)| matches!(timer, Timer::Retry(_)))
    }

    /// The configuration in force.
    pub fn config(&self) -> &AllocatorConfig {
        &self.state.config
    }

    /// What searches remember of earlier ones, and how often it helped.
    pub fn search_memory(&self) -> MemoryUse {
        self.strategy.memory().beside(self.exact.memory())
    }

    /// A device of the fleet.
    pub fn device(&self, id: DeviceId) -> Option<&Device> {
        self.state.fleet.get(id)
    }

    /// All devices in order of their numbers.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.state.fleet.iter()
    }

    /// A job that has not ended.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        match self.state.jobs.find(id) {
            Known::Live(slot) => Some(&self.state.jobs[slot]),
            _ => None,
        }
    }

    /// All jobs that have not ended.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.state.jobs.iter().map(|(_, job)| job)
    }

    /// A live allocation.
    pub fn allocation(&self, id: AllocationId) -> Option<&Arc<Allocation>> {
        self.state.running.get(&id).map(|running| &running.allocation)
    }

    /// What the pass of the last [`Command::Wake`] did.
    pub fn last_pass(&self) -> PassTally {
        self.last_pass
    }

    /// Drops whatever is remembered to be quicker. No event, count or reason changes, only the time they take.
    pub fn forget(&mut self) {
        self.classes.forget();
        self.strategy.forget();
        self.exact.forget();
    }

    fn register(
        &mut self,
        id: DeviceId,
        spec: Arc<DeviceSpec>,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        if let Some(known) = self.state.fleet.get(id) {
            return if *known.spec == *spec { Ok(Answer::Applied) } else { Err(CommandError::AlreadyExists) };
        }
        self.state.fleet.insert(id, spec.clone());
        self.classes.forget_device(id);
        self.mark_all_due();
        events.push(Event::DeviceRegistered { device: id, spec });
        Ok(Answer::Applied)
    }

    fn remove_device(
        &mut self,
        now: Time,
        id: DeviceId,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        if self.state.fleet.get(id).is_none() {
            return Err(CommandError::UnknownDevice(id));
        }
        self.state.fleet.set_status(Target::Device(id), Status::Offline);
        self.requeue_users(now, Target::Device(id), RequeueReason::DeviceLost, events);
        let device = self.state.fleet.remove(id).expect("looked up above");
        self.classes.forget_device(id);
        let mut waiting: Vec<JobSlot> = device.admitted;
        let mut place = None;
        while let Some((next, slot)) = device.queue.next_after(place) {
            waiting.push(slot);
            place = Some(next);
        }
        for slot in waiting {
            // From no queue, since the device is gone, but also from the timers: elsewhere it was never tried.
            self.dequeue(slot);
            self.transfer(slot, events);
        }
        self.mark_all_due();
        events.push(Event::DeviceRemoved { device: id });
        Ok(Answer::Applied)
    }

    fn recalibrate(
        &mut self,
        id: DeviceId,
        calibration: Arc<Calibration>,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let device = self.state.fleet.get(id).ok_or(CommandError::UnknownDevice(id))?;
        let (qubits, couplers) = (calibration.qubits.len(), calibration.couplers.len());
        let map = &device.spec.coupling_map;
        if (qubits, couplers) != (map.qubits(), map.couplers().len()) {
            return Err(CommandError::WrongSize { device: id, qubits, couplers });
        }
        let epoch = self.state.fleet.recalibrate(id, calibration.clone());
        self.mark_all_due();
        events.push(Event::Recalibrated { device: id, epoch, calibration });
        Ok(Answer::Applied)
    }

    fn set_status(
        &mut self,
        now: Time,
        target: Target,
        to: Status,
        reason: StatusReason,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let id = target.device();
        let device = self.state.fleet.get(id).ok_or(CommandError::UnknownDevice(id))?;
        if !device.has(target) {
            return Err(CommandError::UnknownElement(id));
        }
        let from = device.status_of(target);
        if from == to {
            return Ok(Answer::Applied);
        }
        let busy = match target {
            Target::Device(_) => device.running > 0,
            Target::Qubit(..) | Target::Coupler(..) => !self.state.fleet.users_of(target).is_empty(),
        };
        if to == Status::Calibrating && busy {
            return Err(CommandError::Busy(id));
        }
        self.state.fleet.set_status(target, to);
        events.push(Event::StatusChanged { target, from, to, reason });
        if to == Status::Offline {
            let lost = match target {
                Target::Device(_) => RequeueReason::DeviceLost,
                _ => RequeueReason::ElementLost,
            };
            self.requeue_users(now, target, lost, events);
        }
        match target {
            Target::Device(_) => self.mark_due(id),
            Target::Qubit(..) | Target::Coupler(..) => self.mark_all_due(),
        }
        Ok(Answer::Applied)
    }

    fn submit(
        &mut self,
        now: Time,
        request: Arc<JobRequest>,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        match self.state.jobs.find_body(&request) {
            Known::Unknown => {}
            Known::Live(_) => return Ok(Answer::Queued),
            Known::Ended(answer) => return Ok(answer),
            Known::OtherBody => return Err(CommandError::AlreadyExists),
        }
        let class = match self.admit(&request) {
            Ok(class) => class,
            Err(reason) => {
                let answer = Answer::Rejected(reason);
                self.state.jobs.remember(&request, answer, self.state.config.remember_ended_jobs);
                events.push(Event::JobRejected { job: request, reason });
                return Ok(answer);
            }
        };
        let place = self.state.next_place;
        self.state.next_place += 1;
        let expires = request.max_wait_time.map(|wait| now + wait);
        if let Some(at) = expires {
            self.state.timers.insert((at, Timer::Expiry(request.id)));
        }
        let slot = self.state.jobs.insert(Job {
            request: request.clone(),
            state: JobState::Queued,
            place,
            submitted: now,
            class,
            queue: None,
            counted: false,
            retry_at: None,
            expires,
            attempts: 0,
            allocation: None,
            stop: None,
        });
        if self.state.config.max_queue_length.is_some() {
            self.state.newcomers.push(request.id);
        }
        let device = self.enqueue(slot);
        events.push(Event::JobQueued { job: request, device });
        Ok(Answer::Queued)
    }

    /// The class of a request that the fleet could serve, or why it could not.
    fn admit(&mut self, request: &JobRequest) -> Result<class::ClassId, Rejection> {
        request.validate().map_err(Rejection::Contradiction)?;
        if let Some(demand) = request.unsupported() {
            return Err(Rejection::NotHonoured(demand));
        }
        let asked = request.min_qubits;
        if asked > self.state.fleet.index.most_capacity() || !request.excluded_devices.is_empty() {
            let allowed = self.state.fleet.iter().filter(|d| !request.excluded_devices.contains(&d.id));
            let largest = allowed.map(|device| device.epoch.usable.len() as u32).max();
            match largest {
                None => return Err(Rejection::NoDevice),
                Some(largest) if asked > largest => return Err(Rejection::TooLarge { asked, largest }),
                Some(_) => {}
            }
        }
        let class = self.classes.join(request);
        if self.is_feasible(class) {
            return Ok(class);
        }
        let reason =
            self.best_shortfall(class).map_or(Rejection::NowhereToPlace, Rejection::QualityOutOfReach);
        self.classes.leave(class);
        Err(reason)
    }

    fn hold(&mut self, id: JobId, events: &mut Vec<Event>) -> Result<Answer, CommandError> {
        match self.state.jobs.find(id) {
            Known::Live(slot) => match self.state.jobs[slot].state {
                JobState::Held => Ok(Answer::Applied),
                JobState::Queued => {
                    if self.state.jobs[slot].counted {
                        // Nobody may use the qubits that are counted for it: it is counted again when it is released.
                        let home = self.state.jobs[slot].queue;
                        self.dequeue(slot);
                        self.enqueue_at(slot, home);
                    }
                    self.state.jobs[slot].state = JobState::Held;
                    // The next in line may be what the held job kept waiting.
                    self.mark_queue_due(slot);
                    events.push(Event::JobHeld { job: id });
                    Ok(Answer::Applied)
                }
                JobState::Running | JobState::Stopping => Err(CommandError::WrongState(id)),
            },
            Known::Ended(_) => Ok(Answer::Ignored),
            Known::Unknown | Known::OtherBody => Err(CommandError::UnknownJob(id)),
        }
    }

    fn release_hold(&mut self, id: JobId, events: &mut Vec<Event>) -> Result<Answer, CommandError> {
        match self.state.jobs.find(id) {
            Known::Live(slot) => match self.state.jobs[slot].state {
                JobState::Held => {
                    self.state.jobs[slot].state = JobState::Queued;
                    self.mark_queue_due(slot);
                    events.push(Event::JobReleased { job: id });
                    Ok(Answer::Applied)
                }
                JobState::Queued => Ok(Answer::Applied),
                JobState::Running | JobState::Stopping => Err(CommandError::WrongState(id)),
            },
            Known::Ended(_) => Ok(Answer::Ignored),
            Known::Unknown | Known::OtherBody => Err(CommandError::UnknownJob(id)),
        }
    }

    fn reconfigure(
        &mut self,
        config: AllocatorConfig,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        config.validate().map_err(CommandError::InvalidConfig)?;
        if config == self.state.config {
            return Ok(Answer::Applied);
        }
        let moved = !config.queue.arranges_like(&self.state.config.queue);
        let retries = config.retry != self.state.config.retry;
        let current = &self.state.config;
        let changed = (config.strategy, &config.placement) != (current.strategy, &current.placement);
        if !self.own_strategy && changed {
            self.strategy = placement::configured(config.strategy, &config.placement);
        }
        if config.placement.memory != current.placement.memory {
            self.exact = placement::exact::NoiseAware::with_memory(config.placement.memory);
        }
        if !self.own_selector && config.selection != self.state.config.selection {
            self.selector = selector(config.selection);
        }
        self.state.config = config;
        self.classes.forget();
        if moved {
            let mut waiting: Vec<(Place, JobSlot)> = Vec::new();
            for (slot, job) in self.state.jobs.iter() {
                if matches!(job.state, JobState::Queued | JobState::Held) {
                    waiting.push((job.place, slot));
                }
            }
            waiting.sort_unstable();
            for &(_, slot) in &waiting {
                self.dequeue(slot);
            }
            for (_, slot) in waiting {
                self.transfer(slot, events);
            }
        }
        if retries {
            self.state.forget_retries();
        }
        self.mark_all_due();
        Ok(Answer::Applied)
    }

    /// Marks everything: what is possible at all may have changed anywhere, since whether a job is routed, and whether it
    /// blocks others, depends on what the whole fleet could do for it.
    fn mark_all_due(&mut self) {
        self.state.due.global |= !self.state.queue.is_empty();
        if matches!(self.state.config.queue, config::Queue::PerDevice { .. }) {
            self.state.due.homes = true;
            self.state.due.devices = self.state.fleet.iter().map(|device| device.id).collect();
        }
    }

    /// Marks the queues that a change on a device may help.
    fn mark_due(&mut self, id: DeviceId) {
        match self.state.config.queue {
            config::Queue::Global { .. } => self.state.due.global |= !self.state.queue.is_empty(),
            config::Queue::PerDevice { .. } => {
                self.state.due.global |= !self.state.queue.is_empty();
                self.state.due.devices.insert(id);
            }
        }
    }

    fn mark_queue_due(&mut self, slot: JobSlot) {
        match self.state.jobs[slot].queue {
            Some(device) => {
                self.state.due.devices.insert(device);
            }
            None => self.state.due.global = true,
        }
    }
}
