//! The scheduling pass: goes through the queues in order, selects a device for each job, places it and starts it.
//!
//! Promises first in, first out as far as the configuration says, and that a job which stays could not have started
//! when it was looked at. Leaves the search for qubits to [`super::placement`].

use std::sync::Arc;

use smallvec::SmallVec;

use super::balancing::candidates::Candidates;
use super::balancing::index::Need;
use super::balancing::selection::Ask;
use super::class::{AsOf, ClassId, RefusedEverywhere, WhenEmpty};
use super::config::{HeadOfLine, Queue, Retry, Starts, WalltimeExceeded};
use super::elastic::{Fit, Refusal, Strategies};
use super::explain::{Explanation, Obstacle};
use super::isolation;
use super::job::{IsolationRequest, JobRequest, JobState};
use super::jobs::JobSlot;
use super::ledger::{Entry, Kind};
use super::messages::{Allocation, AllocationId, DriverAction, Event, Fence, PromisedIsolation, Status};
use super::placement::cost::nats_of_cost;
use super::placement::{Objective, PlacementRequest, surcharge};
use super::scheduler::queue::Place;
use super::{Allocator, Due, Running, Timer};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// Jobs of a queue that are listed at a time.
const LISTED: usize = 16;

/// What a scheduling pass did: a measurement, which is neither an event nor state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PassTally {
    /// Waiting jobs that it looked at.
    pub attempts: u32,
    /// Jobs that it started.
    pub started: u32,
    /// Jobs that no device took although one had enough free qubits within the job's limits and far enough from other
    /// jobs: no region of the shape was found among them.
    pub blocked_by_shape: u32,
}

/// A placement that was found for a job, not yet booked.
struct Found {
    device: DeviceId,
    fit: Fit,
}

/// Nobody takes a job now.
struct Refused {
    /// Enough qubits were free somewhere, but no region of the shape.
    by_shape: bool,
}

impl Found {
    /// Whether a job is better off here: soft bounds first, then the number of qubits, then the cost.
    fn is_better_than(&self, other: &Self) -> bool {
        let rank = |found: &Self| {
            let fit = &found.fit;
            (!fit.meets_all(), std::cmp::Reverse(fit.placement.layout.len()), fit.placement.cost)
        };
        rank(self) < rank(other)
    }
}

impl Allocator {
    /// Runs what is due.
    pub(super) fn run_pass(&mut self, now: Time, events: &mut Vec<Event>) {
        let mut tally = PassTally::default();
        let before = events.len();
        let global = std::mem::take(&mut self.state.due.global);
        match self.state.config.queue {
            Queue::Global { skip_ahead } => {
                self.state.due = Due::default();
                if global {
                    self.run_queue(now, None, skip_ahead, &mut tally, events);
                }
            }
            Queue::PerDevice { skip_ahead, head_of_line } => {
                if std::mem::take(&mut self.state.due.homes) {
                    self.move_on(events);
                }
                if global {
                    self.assign_parked(events);
                    self.state.due.global = false;
                }
                while let Some(device) = self.state.due.devices.pop_first() {
                    match head_of_line {
                        HeadOfLine::Placement => {
                            self.run_queue(now, Some(device), skip_ahead, &mut tally, events);
                        }
                        HeadOfLine::Count => self.run_counted(now, device, &mut tally, events),
                    }
                }
            }
        }
        if tally.started > 1 {
            self.place_jointly(before, tally.attempts > tally.started, events);
        }
        self.last_pass = tally;
    }

    /// Tries the jobs of one queue in order until more than `skip_ahead` of them had to stay.
    fn run_queue(
        &mut self,
        now: Time,
        device: Option<DeviceId>,
        skip_ahead: u32,
        tally: &mut PassTally,
        events: &mut Vec<Event>,
    ) {
        let mut stayed = 0;
        let mut place = None;
        // An attempt takes no job out of the queue but its own, so that a few can be listed at a time.
        let mut listed: SmallVec<[(Place, JobSlot); LISTED]> = SmallVec::new();
        while stayed <= skip_ahead {
            if listed.is_empty() {
                let queue = match device {
                    None => Some(&self.state.queue),
                    Some(id) => self.state.fleet.get(id).map(|device| &device.queue),
                };
                listed.extend(queue.into_iter().flat_map(|queue| queue.after(place)).take(LISTED));
                listed.reverse();
            }
            let Some((at, slot)) = listed.pop() else { break };
            place = Some(at);
            if self.state.jobs[slot].state == JobState::Held {
                continue;
            }
            if self.state.jobs[slot].retry_at.is_none() {
                if self.try_start(now, slot, device, tally, events) {
                    continue;
                }
                self.stay(now, slot);
            }
            // A job that no device could take even when empty (elements died since) must not block the others; one that
            // only its own device could not take has moved on.
            if device.is_some() || self.is_feasible(self.state.jobs[slot].class) {
                stayed += 1;
            }
        }
    }

    /// One device under the discipline of a counting semaphore, see [`HeadOfLine::Count`].
    fn run_counted(&mut self, now: Time, id: DeviceId, tally: &mut PassTally, events: &mut Vec<Event>) {
        let Some(device) = self.state.fleet.get(id) else {
            return;
        };
        let admitted: SmallVec<[JobSlot; 16]> = device.admitted.iter().copied().collect();
        for slot in admitted {
            let job = &self.state.jobs[slot];
            if job.retry_at.is_none()
                && job.state == JobState::Queued
                && !self.try_start(now, slot, Some(id), tally, events)
            {
                self.stay(now, slot);
            }
        }
        let mut place = None;
        while let Some(device) = self.state.fleet.get_mut(id) {
            let Some((at, slot)) = device.queue.next_after(place) else {
                break;
            };
            let job = &mut self.state.jobs[slot];
            let qubits = job.request.min_qubits;
            if job.state == JobState::Held {
                place = Some(at);
                continue;
            }
            if !device.accepts_starts() || device.counted + qubits > device.free_len() {
                tally.attempts += 1;
                break;
            }
            device.queue.remove(at, qubits);
            device.admitted.push(slot);
            device.counted += qubits;
            job.counted = true;
            self.state.fleet.refresh(id);
            if !self.try_start(now, slot, Some(id), tally, events) {
                self.stay(now, slot);
            }
        }
    }

    /// Notes when a job that was not started will be tried again, if not as soon as something changes.
    fn stay(&mut self, now: Time, slot: JobSlot) {
        if let Retry::Every(every) = self.state.config.retry {
            let job = &mut self.state.jobs[slot];
            let at = now + every;
            job.retry_at = Some(at);
            self.state.timers.insert((at, Timer::Retry(job.request.id)));
        }
    }

    /// Starts a job on `only`, or on the first (or best) device that can place it; false when nobody can.
    fn try_start(
        &mut self,
        now: Time,
        slot: JobSlot,
        only: Option<DeviceId>,
        tally: &mut PassTally,
        events: &mut Vec<Event>,
    ) -> bool {
        tally.attempts += 1;
        let job = &self.state.jobs[slot];
        let (class, request, attempts) = (job.class, job.request.clone(), job.attempts);
        let found = match only {
            None => self.select(now, class, &request, attempts),
            Some(device) => match self.ask(now, class, &request.isolation, device, false) {
                Ok(fit) => Ok((Found { device, fit }, 0)),
                Err(obstacle) => Err(Refused { by_shape: obstacle.is_shape() }),
            },
        };
        match found {
            Ok((found, devices_tried)) => {
                tally.started += 1;
                self.start(now, slot, found, devices_tried, events);
                true
            }
            Err(Refused { by_shape }) => {
                tally.blocked_by_shape += u32::from(by_shape);
                false
            }
        }
    }

    /// A placement on the first (or best) device of the fleet, and how many others were before it.
    fn select(
        &mut self,
        now: Time,
        class: ClassId,
        request: &JobRequest,
        attempts: u32,
    ) -> Result<(Found, u32), Refused> {
        let need = Need::Free(request.min_qubits);
        if let Some(refused) = self.still_refused(now, class, request, need) {
            return Err(refused);
        }
        let ask = self.ask_of(request, attempts, need);
        self.classes[class].begin_walk();
        let mut best: Option<Found> = None;
        let (mut asked, mut by_shape) = (0, 0);
        let mut candidates = Candidates::new(request);
        while let Some(id) = candidates.next(&self.state.fleet.index, &*self.selector, &ask) {
            asked += 1;
            match self.ask(now, class, &request.isolation, id, false) {
                Ok(fit) => {
                    let preferred = request.preferred_devices.contains(&id);
                    // Another device may meet the soft bound that this one misses.
                    let settled = fit.meets_all();
                    let found = Found { device: id, fit };
                    if best.as_ref().is_none_or(|best| found.is_better_than(best)) {
                        best = Some(found);
                    }
                    if settled && (preferred || !self.selector.compares_all()) {
                        break;
                    }
                }
                Err(obstacle) if obstacle.is_shape() => {
                    by_shape += 1;
                    self.classes[class].note_shape(id, true);
                }
                Err(_) => {}
            }
        }
        match best {
            Some(found) => Ok((found, asked - 1)),
            None => {
                if self.selector.names_all() {
                    let (changes, epochs) = (self.state.fleet.changes(), self.state.fleet.epochs);
                    let refused = RefusedEverywhere { changes, epochs, at: now, by_shape };
                    self.classes[class].refused = Some(refused);
                }
                Err(Refused { by_shape: by_shape > 0 })
            }
        }
    }

    /// What a selector is asked for a job.
    pub(super) fn ask_of(&self, request: &JobRequest, attempts: u32, need: Need) -> Ask {
        let draw = self.draws.draw(request.id.0, u64::from(attempts));
        Ask { need, draw, last_chosen: self.state.last_chosen }
    }

    /// Whether all devices would still refuse a job of a class that they have refused before: asks those that have
    /// changed since.
    fn still_refused(
        &mut self,
        now: Time,
        class: ClassId,
        request: &JobRequest,
        need: Need,
    ) -> Option<Refused> {
        let mut refused = self.classes[class].refused?;
        // Devices that were open then may be closed by now.
        let closing = self.state.config.starts == Starts::WhenEmpty && refused.at != now;
        if closing || refused.epochs != self.state.fleet.epochs {
            return None;
        }
        let changed: SmallVec<[DeviceId; 8]> = self.state.fleet.changed_since(refused.changes)?.collect();
        for (index, &id) in changed.iter().enumerate() {
            if changed[..index].contains(&id) {
                continue;
            }
            let takes_part =
                self.state.fleet.index.meets(id, need) && !request.excluded_devices.contains(&id);
            let by_shape = takes_part
                && match self.ask(now, class, &request.isolation, id, false) {
                    Ok(_) => return None,
                    Err(obstacle) => obstacle.is_shape(),
                };
            let before = self.classes[class].note_shape(id, by_shape);
            refused.by_shape = refused.by_shape + u32::from(by_shape) - u32::from(before);
        }
        refused.changes = self.state.fleet.changes();
        self.classes[class].refused = Some(refused);
        Some(Refused { by_shape: refused.by_shape > 0 })
    }

    /// Whether a device takes a job of a class now, and where. `searched`: a search must have said so, even where
    /// something larger is known not to hold the job either (the search may merely give up).
    pub(super) fn ask(
        &mut self,
        now: Time,
        class: ClassId,
        asked: &IsolationRequest,
        id: DeviceId,
        searched: bool,
    ) -> Result<Fit, Obstacle> {
        let Some(device) = self.state.fleet.get(id) else {
            return Err(Obstacle::NotInService(Status::Offline));
        };
        if device.status != Status::Online {
            return Err(Obstacle::NotInService(device.status));
        }
        if !device.accepts_starts() {
            return Err(Obstacle::MaxConcurrentTasks);
        }
        if !device.is_open(self.state.config.starts, now) {
            return Err(Obstacle::BatchRunning);
        }
        let (bookings, revision) = (device.ledger.changes(), device.epoch.revision);
        let max_swaps = self.max_swaps(class);
        let as_of = AsOf { bookings, revision, max_swaps };
        if let Some(known) = self.classes[class].known(id, as_of, searched) {
            return known.clone();
        }
        let (found, derived) = match self.search(class, asked, id, max_swaps, searched) {
            Ok(fit) => (Ok(fit), false),
            Err((obstacle, derived)) => (Err(obstacle), derived),
        };
        self.classes[class].learn(id, as_of, found.clone(), derived);
        found
    }

    /// Searches a placement for a class on what is free of one device. An obstacle comes with whether it follows from an
    /// earlier proof, which `searched` forbids.
    fn search(
        &mut self,
        class: ClassId,
        asked: &IsolationRequest,
        id: DeviceId,
        max_swaps: Option<u32>,
        searched: bool,
    ) -> Result<Fit, (Obstacle, bool)> {
        let never_fits = self.never_fits(class, id, max_swaps);
        let Some(device) = self.state.fleet.get_mut(id) else {
            return Err((Obstacle::NotInService(Status::Offline), false));
        };
        let class = &mut self.classes[class];
        let qubits = class.pattern.qubits() as u32;
        let free = device.free_len();
        if free < qubits {
            return Err((Obstacle::TooFewFree { free }, false));
        }
        let promised = isolation::promise(asked, &self.state.config.isolation, &device.spec.limits);
        let pattern = class.pattern.clone();
        let (mask, demands, nothing_fits) = class.on_device(id, &device.epoch);
        let map = &device.spec.coupling_map;
        device.ledger.free_for(promised.buffer_distance, &mask.qubits, map, &mut self.free);
        let (limit, technology) = (promised.max_crosstalk, device.spec.technology);
        let (epoch, barred) = (&device.epoch, mask.barred_couplers.as_deref());
        let barred = self.crosstalk.apply(limit, technology, epoch, &device.ledger, &mut self.free, barred);
        let usable = self.free.len() as u32;
        if usable < qubits {
            return Err((Obstacle::TooFewUsable { usable }, false));
        }
        if never_fits {
            return Err((Obstacle::NoPlacement, false));
        }
        // What is found without SWAPs and without a limit that depends on the neighbours depends on the free qubits
        // alone, and does not exist on fewer of them if it does not exist on these.
        let provable = self.strategy.proves_absence()
            && (max_swaps == Some(0) || pattern.is_region())
            && limit.is_none()
            && demands.least_decides();
        let revision = epoch.revision;
        if provable && !searched && nothing_fits.covers(revision, &self.free) {
            return Err((Obstacle::NoPlacement, true));
        }
        let weights = &self.state.config.placement;
        let mut request = PlacementRequest {
            epoch: &device.epoch,
            free: &self.free,
            barred_couplers: barred,
            pattern: &pattern,
            budget: self.state.config.placement_budget,
            objective: Objective::of(weights),
            max_swaps,
            when_empty: Some(&mask.qubits),
        };
        let surcharged = weights.has_surcharges() && self.strategy.minimises();
        let found = if surcharged && demands.least_decides() && self.strategy.excludes(&request) {
            Err(Refusal::NoPlacement)
        } else {
            if surcharged {
                let beside = surcharge::beside(&promised, technology, &device.ledger);
                request.objective = self.surcharges.objective(weights, &request, beside);
            }
            let is_exact = !self.own_strategy && self.state.config.strategy.is_exact();
            let mut strategies =
                Strategies { configured: &mut *self.strategy, is_exact, exact: &mut self.exact };
            strategies.place(&request, demands)
        };
        if provable && found == Err(Refusal::NoPlacement) {
            nothing_fits.learn(revision, &self.free);
        }
        found.map_err(|refusal| {
            let obstacle = match refusal {
                Refusal::NoPlacement => Obstacle::NoPlacement,
                Refusal::BudgetExhausted => Obstacle::BudgetExhausted,
                Refusal::Illegal => Obstacle::IllegalPlacement,
                Refusal::BelowBound(shortfall) => Obstacle::BelowBound(shortfall),
            };
            (obstacle, false)
        })
    }

    /// Books a placement and starts the job.
    fn start(&mut self, now: Time, slot: JobSlot, found: Found, devices_tried: u32, events: &mut Vec<Event>) {
        let Found { device: device_id, fit: Fit { placement, certainty, copies, quality } } = found;
        self.dequeue(slot);
        let id = self.state.next_allocation;
        self.state.next_allocation = AllocationId(id.0 + 1);
        let job = &mut self.state.jobs[slot];
        let device = self.state.fleet.get_mut(device_id).expect("the placement is on it");
        let fence = device.next_fence;
        device.next_fence = Fence(fence.0 + 1);
        let map = device.spec.coupling_map.clone();
        let config = &self.state.config;
        let promised = isolation::promise(&job.request.isolation, &config.isolation, &device.spec.limits);
        let held = QubitSet::from_qubits(map.qubits(), placement.layout.iter().copied());
        let mut blocked = QubitSet::new(map.qubits());
        if promised.buffer_distance > 0 {
            blocked = map.dilate(&held, promised.buffer_distance);
            blocked.subtract(&held);
        }
        let walltime = job.request.estimated_duration.map(|span| now + span + config.walltime.grace);
        device.ledger.book(
            id,
            Kind::Job,
            Entry {
                qubits: held.clone(),
                buffer_distance: promised.buffer_distance,
                max_crosstalk: promised.max_crosstalk,
                from: now,
                until: walltime,
            },
            &map,
        );
        device.running += 1;
        device.started_at = now;
        if matches!(config.queue, Queue::Global { .. }) {
            self.state.last_chosen = Some(device_id);
        }
        job.state = JobState::Running;
        job.attempts += 1;
        job.allocation = Some(id);
        job.queue = None;
        if let Some(at) = job.expires.take() {
            self.state.timers.remove(&(at, Timer::Expiry(job.request.id)));
        }
        let strategy = (!self.own_strategy).then_some(config.strategy);
        let allocation = Arc::new(Allocation {
            id,
            fence,
            job: job.request.id,
            tenant: job.request.tenant,
            attempt: job.attempts,
            device: device_id,
            epoch: device.epoch.number,
            copies,
            layout: placement.layout,
            swaps: placement.routing.map(|routing| routing.swaps),
            held,
            blocked,
            isolation: promised,
            started: now,
            expected_end: walltime,
            lease_end: None,
            driver_actions: driver_actions(&promised),
            explanation: Explanation {
                strategy,
                selection: config.selection,
                devices_tried,
                certainty,
                cost: nats_of_cost(placement.cost),
                routing_cost: placement.routing.map_or(0.0, |routing| nats_of_cost(routing.cost)),
                quality,
            },
        });
        let epoch = allocation.epoch;
        let misses = quality.is_some_and(|quality| !quality.meets_all());
        let request = misses && std::mem::replace(&mut device.calibration_requested, epoch) != epoch;
        let stop_at_walltime = config.walltime.exceeded == WalltimeExceeded::Stop;
        let timer = walltime.filter(|_| stop_at_walltime).map(|at| (at, Timer::Walltime(id)));
        if let Some(timer) = timer {
            self.state.timers.insert(timer);
        }
        self.state.running.insert(id, Running { allocation: allocation.clone(), slot, shots_done: 0, timer });
        self.state.fleet.refresh(device_id);
        let job = allocation.job;
        events.push(Event::JobStarted { allocation });
        if request {
            events.push(Event::CalibrationRequested { device: device_id, epoch, job });
        }
    }

    /// Puts a waiting job into its queue, choosing a device if there is a queue per device.
    pub(super) fn enqueue(&mut self, slot: JobSlot) -> Option<DeviceId> {
        let home = match self.state.config.queue {
            Queue::Global { .. } => None,
            Queue::PerDevice { .. } => self.choose_home(slot),
        };
        self.state.last_chosen = home.or(self.state.last_chosen);
        self.enqueue_at(slot, home);
        home
    }

    /// Puts a waiting job into the queue of a device, or into the global one.
    pub(super) fn enqueue_at(&mut self, slot: JobSlot, home: Option<DeviceId>) {
        let job = &mut self.state.jobs[slot];
        job.queue = home;
        let (place, qubits) = (job.place, job.request.min_qubits);
        match home {
            None => {
                self.state.queue.insert(place, slot, qubits);
                self.state.due.global = true;
            }
            Some(id) => {
                if let Some(device) = self.state.fleet.get_mut(id) {
                    device.queue.insert(place, slot, qubits);
                }
                self.state.fleet.refresh(id);
                self.state.due.devices.insert(id);
            }
        }
    }

    /// Takes a waiting job out of its queue.
    pub(super) fn dequeue(&mut self, slot: JobSlot) {
        let job = &mut self.state.jobs[slot];
        let (place, qubits) = (job.place, job.request.min_qubits);
        let counted = std::mem::take(&mut job.counted);
        if let Some(at) = job.retry_at.take() {
            self.state.timers.remove(&(at, Timer::Retry(job.request.id)));
        }
        match job.queue {
            None => {
                self.state.queue.remove(place, qubits);
            }
            Some(id) => {
                if let Some(device) = self.state.fleet.get_mut(id) {
                    if counted {
                        device.admitted.retain(|admitted| *admitted != slot);
                        device.counted -= qubits;
                    } else {
                        device.queue.remove(place, qubits);
                    }
                }
                self.state.fleet.refresh(id);
            }
        }
    }

    /// Puts a job that is in no queue any more into the right one, and says so.
    pub(super) fn transfer(&mut self, slot: JobSlot, events: &mut Vec<Event>) {
        let device = self.enqueue(slot);
        let job = self.state.jobs[slot].request.id;
        events.push(Event::JobTransferred { job, device });
    }

    /// Gives jobs a home that had none when they came.
    fn assign_parked(&mut self, events: &mut Vec<Event>) {
        let parked: Vec<JobSlot> = self.state.queue.slots().collect();
        for slot in parked {
            if let Some(home) = self.choose_home(slot) {
                self.move_to(slot, Some(home), events);
            }
        }
    }

    /// Moves jobs on whose device could no longer take them if it were empty, since figures or elements have changed
    /// somewhere: they would wait there for ever, and the others behind them.
    fn move_on(&mut self, events: &mut Vec<Event>) {
        let ids: Vec<DeviceId> = self.state.fleet.iter().map(|device| device.id).collect();
        for id in ids {
            let Some(device) = self.state.fleet.get(id) else { continue };
            let waiting: Vec<JobSlot> = device.admitted.iter().copied().chain(device.queue.slots()).collect();
            for slot in waiting {
                if !self.when_empty(self.state.jobs[slot].class, id).is_possible() {
                    let home = self.choose_home(slot);
                    self.move_to(slot, home, events);
                }
            }
        }
    }

    fn move_to(&mut self, slot: JobSlot, home: Option<DeviceId>, events: &mut Vec<Event>) {
        self.dequeue(slot);
        self.mark_queue_due(slot);
        self.state.last_chosen = home.or(self.state.last_chosen);
        self.enqueue_at(slot, home);
        let job = self.state.jobs[slot].request.id;
        events.push(Event::JobTransferred { job, device: home });
    }

    /// The device for whose queue a job is destined: one that could take it when empty, in service if possible.
    fn choose_home(&mut self, slot: JobSlot) -> Option<DeviceId> {
        let job = &self.state.jobs[slot];
        let (class, request) = (job.class, job.request.clone());
        let ask = self.ask_of(&request, job.attempts, Need::Capacity(request.min_qubits));
        let mut best: Option<(u64, DeviceId)> = None;
        let mut candidates = Candidates::new(&request);
        while let Some(id) = candidates.next(&self.state.fleet.index, &*self.selector, &ask) {
            if let WhenEmpty::Possible(cost) = self.when_empty(class, id) {
                let cost = cost.unwrap_or(u64::MAX);
                if best.is_none_or(|(lowest, _)| cost < lowest) {
                    best = Some((cost, id));
                }
                if request.preferred_devices.contains(&id) || !self.selector.compares_all() {
                    break;
                }
            }
        }
        if best.is_none() {
            // Nothing in service can take it: wait for a device that is expected back.
            let ids: SmallVec<[DeviceId; 16]> = self.state.fleet.iter().map(|device| device.id).collect();
            return ids.into_iter().find(|id| self.when_empty(class, *id).is_possible());
        }
        best.map(|(_, id)| id)
    }
}

fn driver_actions(promised: &PromisedIsolation) -> SmallVec<[DriverAction; 1]> {
    promised.hardware_reset.then_some(DriverAction::Reset).into_iter().collect()
}
