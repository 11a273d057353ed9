//! The scheduling pass: goes through the queues in order, selects a device for each job, places it and starts it.
//!
//! Promises first in, first out as far as the configuration says, and that nothing is tried again while nothing that
//! could help has changed. Leaves the search for qubits to [`super::placement`].

use std::sync::Arc;

use smallvec::SmallVec;

use super::balancing::candidates::Candidates;
use super::balancing::index::Need;
use super::balancing::selection::Ask;
use super::class::{ClassId, WhenEmpty};
use super::config::{HeadOfLine, Queue, Retry, WalltimeExceeded};
use super::elastic::{Fit, Refusal, Strategies};
use super::explain::{Bound, Explanation};
use super::isolation;
use super::job::JobState;
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

/// What a pass has done so far.
#[derive(Debug, Default)]
struct Tally {
    attempts: u32,
    /// Placements sought, one device at a time.
    searches: u32,
    started: u32,
    blocked_by_shape: u32,
}

/// A placement that was found for a job, not yet booked.
struct Found {
    device: DeviceId,
    fit: Fit,
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
        let mut tally = Tally::default();
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
        if tally.attempts > 0 {
            let Tally { attempts, started, blocked_by_shape, .. } = tally;
            events.push(Event::PassEnded { attempts, started, blocked_by_shape });
        }
    }

    /// Tries the jobs of one queue in order until more than `skip_ahead` of them had to stay.
    fn run_queue(
        &mut self,
        now: Time,
        device: Option<DeviceId>,
        skip_ahead: u32,
        tally: &mut Tally,
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
                match self.try_start(now, slot, device, tally, events) {
                    Ok(()) => continue,
                    Err(bound) => self.stay(now, slot, bound),
                }
            }
            // A job that no device could take even when empty (elements died since) must not block the others; one that
            // only its own device could not take has moved on.
            if device.is_some() || self.is_feasible(self.state.jobs[slot].class) {
                stayed += 1;
            }
        }
    }

    /// One device under the discipline of a counting semaphore, see [`HeadOfLine::Count`].
    fn run_counted(&mut self, now: Time, id: DeviceId, tally: &mut Tally, events: &mut Vec<Event>) {
        let Some(device) = self.state.fleet.get(id) else {
            return;
        };
        let admitted: SmallVec<[JobSlot; 16]> = device.admitted.iter().copied().collect();
        for slot in admitted {
            let job = &self.state.jobs[slot];
            if job.retry_at.is_none()
                && job.state == JobState::Queued
                && let Err(bound) = self.try_start(now, slot, Some(id), tally, events)
            {
                self.stay(now, slot, bound);
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
            let available = device.free_len();
            if !device.accepts_starts() || device.counted + qubits > available {
                let free = available.saturating_sub(device.counted);
                job.bound = Bound::NotEnoughFree { asked: qubits, free };
                break;
            }
            device.queue.remove(at, qubits);
            device.admitted.push(slot);
            device.counted += qubits;
            job.counted = true;
            self.state.fleet.refresh(id);
            if let Err(bound) = self.try_start(now, slot, Some(id), tally, events) {
                self.stay(now, slot, bound);
            }
        }
    }

    /// Notes why a job was not started, and when it will be tried again.
    fn stay(&mut self, now: Time, slot: JobSlot, bound: Bound) {
        let job = &mut self.state.jobs[slot];
        job.bound = bound;
        if let Retry::Every(every) = self.state.config.retry {
            let at = now + every;
            job.retry_at = Some(at);
            self.state.timers.insert((at, Timer::Retry(job.request.id)));
        }
    }

    /// Starts a job on `only`, or on the first (or best) device that can place it.
    fn try_start(
        &mut self,
        now: Time,
        slot: JobSlot,
        only: Option<DeviceId>,
        tally: &mut Tally,
        events: &mut Vec<Event>,
    ) -> Result<(), Bound> {
        let job = &self.state.jobs[slot];
        let class = job.class;
        if only.is_none() && self.classes[class].failed_at == Some(self.state.fleet.improvements) {
            return Err(self.classes[class].bound);
        }
        let request = job.request.clone();
        let ask = Ask {
            need: Need::Free(request.min_qubits),
            draw: self.draws.draw(request.id.0, u64::from(job.attempts)),
        };
        let (shaped_before, searches_before) = (tally.blocked_by_shape, tally.searches);
        let only_improved = if only.is_none() { self.only_improved(class) } else { None };
        tally.attempts += 1;
        let mut bound =
            Bound::NotEnoughFree { asked: request.min_qubits, free: self.state.fleet.index.most_free() };
        let mut best: Option<Found> = None;
        let mut candidates = Candidates::new(&request);
        let mut alone = only.or_else(|| {
            let index = &self.state.fleet.index;
            only_improved.filter(|id| index.meets(*id, ask.need) && !request.excluded_devices.contains(id))
        });
        loop {
            let next = match only.or(only_improved) {
                Some(_) => alone.take(),
                None => candidates.next(&self.state.fleet.index, &*self.selector, &ask),
            };
            let Some(id) = next else { break };
            match self.place(now, class, &request.isolation, id, tally) {
                Ok(found) => {
                    let preferred = request.preferred_devices.contains(&id);
                    // Another device may meet the soft bound that this one misses.
                    let settled = found.fit.meets_all();
                    if best.as_ref().is_none_or(|best| found.is_better_than(best)) {
                        best = Some(found);
                    }
                    if settled && (preferred || !self.selector.compares_all()) {
                        break;
                    }
                }
                Err(why) => bound = why,
            }
        }
        // One attempt of one job counts once, on however many devices its shape did not fit.
        tally.blocked_by_shape = tally.blocked_by_shape.min(shaped_before + 1);
        let Some(found) = best else {
            if only.is_none() {
                let (fleet, known) = (&self.state.fleet, &mut self.classes[class]);
                // Who names only some devices may name others for the next job of the class.
                known.failed_at = Some(fleet.improvements).filter(|_| self.selector.names_all());
                known.failed_epochs = Some(fleet.epochs);
                let elsewhere = || fleet.index.meeting(ask.need, 0).any(|id| !known.excluded.contains(&id));
                if only_improved.is_some() && matches!(bound, Bound::NotEnoughFree { .. }) && elsewhere() {
                    bound = known.bound;
                }
                known.bound = bound;
            }
            return Err(bound);
        };
        tally.blocked_by_shape = shaped_before;
        tally.started += 1;
        if only.is_none() {
            // Otherwise the device was chosen when the job joined its queue.
            self.selector.chosen(found.device);
        }
        let devices_tried = tally.searches - searches_before - 1;
        self.start(now, slot, found, devices_tried, events);
        Ok(())
    }

    /// The only device that may take a job of the class, if it was tried on all others in vain and nothing has improved
    /// there since. What ends on one device is then no reason to ask all of a fleet.
    fn only_improved(&self, class: ClassId) -> Option<DeviceId> {
        let (fleet, class) = (&self.state.fleet, &self.classes[class]);
        let unchanged = self.selector.names_all() && class.failed_epochs == Some(fleet.epochs);
        class.failed_at.filter(|_| unchanged).and_then(|count| fleet.only_one_improved_since(count))
    }

    /// Searches a placement for a class on one device.
    fn place(
        &mut self,
        now: Time,
        class: ClassId,
        asked: &super::job::IsolationRequest,
        id: DeviceId,
        tally: &mut Tally,
    ) -> Result<Found, Bound> {
        let max_swaps = self.max_swaps(class);
        let never_fits = self.never_fits(class, id, max_swaps);
        let Some(device) = self.state.fleet.get_mut(id) else {
            return Err(Bound::Untried);
        };
        let class = &mut self.classes[class];
        let qubits = class.pattern.qubits() as u32;
        if device.status != Status::Online {
            return Err(Bound::NotInService { device: id, status: device.status });
        }
        if !device.accepts_starts() {
            return Err(Bound::MaxConcurrentTasks { device: id });
        }
        if !device.is_open(self.state.config.starts, now) {
            return Err(Bound::BatchRunning { device: id });
        }
        if class.failed_on(id, device.improvements, max_swaps) {
            return Err(class.bound);
        }
        let improvements = device.improvements;
        if never_fits {
            class.fail_on(id, improvements, max_swaps);
            class.bound = Bound::NoPlacement { device: id };
            tally.blocked_by_shape += 1;
            return Err(class.bound);
        }
        tally.searches += 1;
        let promised = isolation::promise(asked, &self.state.config.isolation, &device.spec.limits);
        let pattern = class.pattern.clone();
        let (mask, demands) = class.on_device(id, &device.epoch);
        let map = &device.spec.coupling_map;
        device.ledger.free_for(promised.buffer_distance, &mask.qubits, map, &mut self.free);
        let (limit, technology) = (promised.max_crosstalk, device.spec.technology);
        let (epoch, barred) = (&device.epoch, mask.barred_couplers.as_deref());
        let barred = self.crosstalk.apply(limit, technology, epoch, &device.ledger, &mut self.free, barred);
        let free = self.free.len() as u32;
        let bound = if free < qubits {
            Bound::NotEnoughFree { asked: qubits, free }
        } else {
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
            if weights.has_surcharges() && self.strategy.minimises() {
                if demands.least_decides() && self.strategy.excludes(&request) {
                    class.fail_on(id, improvements, max_swaps);
                    class.bound = Bound::NoPlacement { device: id };
                    tally.blocked_by_shape += 1;
                    return Err(class.bound);
                }
                let beside = surcharge::beside(&promised, technology, &device.ledger);
                request.objective = self.surcharges.objective(weights, &request, beside);
            }
            let is_exact = !self.own_strategy && self.state.config.strategy.is_exact();
            let mut strategies =
                Strategies { configured: &mut *self.strategy, is_exact, exact: &mut self.exact };
            match strategies.place(&request, demands) {
                Ok(fit) => return Ok(Found { device: id, fit }),
                Err(Refusal::NoPlacement) => {
                    tally.blocked_by_shape += 1;
                    Bound::NoPlacement { device: id }
                }
                Err(Refusal::BudgetExhausted) => Bound::BudgetExhausted { device: id },
                Err(Refusal::Illegal) => Bound::IllegalPlacement { device: id },
                Err(Refusal::BelowBound(shortfall)) => Bound::BelowBound { device: id, shortfall },
            }
        };
        class.fail_on(id, improvements, max_swaps);
        class.bound = bound;
        Err(bound)
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
        job.state = JobState::Running;
        job.attempts += 1;
        job.allocation = Some(id);
        job.queue = None;
        job.bound = Bound::Untried;
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
        self.enqueue_at(slot, home);
        let job = self.state.jobs[slot].request.id;
        events.push(Event::JobTransferred { job, device: home });
    }

    /// The device for whose queue a job is destined: one that could take it when empty, in service if possible.
    fn choose_home(&mut self, slot: JobSlot) -> Option<DeviceId> {
        let job = &self.state.jobs[slot];
        let (class, request) = (job.class, job.request.clone());
        let ask = Ask {
            need: Need::Capacity(request.min_qubits),
            draw: self.draws.draw(request.id.0, u64::from(job.attempts)),
        };
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
            let back = ids.into_iter().find(|id| self.when_empty(class, *id).is_possible());
            return back;
        }
        let (_, id) = best?;
        self.selector.chosen(id);
        Some(id)
    }
}

fn driver_actions(promised: &PromisedIsolation) -> SmallVec<[DriverAction; 1]> {
    promised.hardware_reset.then_some(DriverAction::Reset).into_iter().collect()
}
