//! What each event does to the state.
//!
//! Promises that an event alone suffices: nothing is looked up that a restored core would not have, and nothing is
//! decided. An event that cannot have happened is an error; the state is then no longer of use.

use super::calendar::{Booking, BookingKind};
use super::charges::Charges;
use super::impossible::{Done, Impossible, ensure};
use super::jobs::{Job, Known};
use super::place::JobSlot;
use super::{Running, State, Timer};
use crate::allocator::config::{AllocatorConfig, Queue, Selection, WalltimeExceeded};
use crate::allocator::protocol::{
    Allocation, AllocationId, Answer, EpochNumber, Event, FailureReason, Fence, JobId, JobState,
    StartPromise, Status, StopReason, Target,
};
use crate::quantum::DeviceId;
use crate::quantum::calibration::Calibration;
use crate::time::{Span, Time};
use std::sync::Arc;

impl State {
    /// Applies an event that happened at `now`.
    pub fn apply(&mut self, now: Time, event: &Event) -> Done {
        self.look(now);
        match event {
            Event::Reconfigured { config } => self.reconfigured(now, config),
            Event::DeviceRegistered { device, spec } => {
                ensure(self.fleet.get(*device).is_none(), "a device joins that is there")?;
                self.fleet.insert(*device, spec.clone(), self.config.weights.of(&spec.name));
                self.mark_all_due();
                Ok(())
            }
            Event::DeviceLeaving { device } => {
                ensure(self.fleet.leave(*device), "a device leaves that is not there")
            }
            Event::DeviceRemoved { device } => self.removed(now, *device),
            Event::Recalibrated { device, epoch, calibration } => {
                self.recalibrated(now, *device, *epoch, calibration)
            }
            Event::StatusChanged { target, to, .. } => self.status_changed(now, *target, *to),
            Event::JobQueued { job, device, key, key_until } => {
                self.queued(now, job, *device, *key)?;
                self.rank_until(self.live(job.id)?, now, *key_until)
            }
            Event::JobRanked { job, key, key_until } => {
                let slot = self.live(*job)?;
                self.rank(slot, *key)?;
                self.rank_until(slot, now, *key_until)
            }
            Event::JobRejected { job, reason } => {
                let answer = Answer::Rejected(*reason);
                match self.jobs.find(job.id) {
                    Known::Live(slot) => self.leave_queue(slot, answer),
                    _ => {
                        self.jobs.remember(job, answer, self.config.remember_ended_jobs);
                        Ok(())
                    }
                }
            }
            Event::JobHeld { job } => self.held(*job),
            Event::JobReleased { job } => {
                let slot = self.live(*job)?;
                self.jobs[slot].release()?;
                self.note_in_queue(slot);
                self.mark_queue_due(self.jobs[slot].queue());
                Ok(())
            }
            Event::JobReady { job, device } => self.ready(now, *job, *device),
            Event::JobTransferred { job, device } => {
                let slot = self.live(*job)?;
                // The next in line may be what the job kept waiting.
                self.mark_queue_due(self.jobs[slot].queue());
                self.dequeue(slot)?;
                self.enqueue(slot, *device)?;
                self.choose(*device);
                Ok(())
            }
            Event::JobCounted { job, device } => self.counted(*job, *device),
            Event::RetrySet { job, at } => {
                let slot = self.live(*job)?;
                self.forget_retry(slot);
                self.jobs[slot].retry_at(Some(*at))?;
                self.set_timer(Some(*at), Timer::Retry(*job));
                Ok(())
            }
            Event::StartPromised { job, promise } => {
                let slot = self.live(*job)?;
                ensure(self.jobs[slot].promise.is_none(), "a first promise of a job that has one")?;
                self.promised(slot, Some(promise))
            }
            Event::PromiseMoved { job, promise, .. } => {
                let slot = self.live(*job)?;
                ensure(self.jobs[slot].promise.is_some(), "another promise of a job that has none")?;
                self.promised(slot, promise.as_deref())
            }
            Event::JobWaited { job, waited } => {
                let since = self.jobs[self.live(*job)?].wait().map(|wait| wait.since);
                let since = since.ok_or(Impossible("a wait of a job that does not wait"))?;
                ensure(waited.is_proper(), "a wait with an empty part")?;
                ensure(waited.total() == now.since(since), "a wait that does not add up")
            }
            Event::JobStarted { allocation } => self.started(now, allocation),
            Event::ShotsCredited { allocation, shots_done, .. } => {
                let running = self.running.get_mut(allocation);
                running.ok_or(Impossible("shots of an attempt that is over"))?.shots_done = *shots_done;
                Ok(())
            }
            Event::StopRequested { job, allocation, reason, until } => {
                self.stopping(*job, *allocation, *reason, *until)
            }
            Event::JobRequeued { job, allocation, device, .. } => {
                self.requeued(now, *job, *allocation, *device)
            }
            Event::JobFinished { job, allocation, .. } | Event::JobFailed { job, allocation, .. } => {
                let completed = matches!(event, Event::JobFinished { .. });
                if completed {
                    self.learn_run_time(now, *allocation);
                }
                let by_hardware = [FailureReason::Execution, FailureReason::TooManyAttempts];
                let refunded =
                    matches!(event, Event::JobFailed { reason, .. } if by_hardware.contains(reason));
                let slot = self.give_back(now, *job, *allocation, refunded)?;
                self.end(slot, Answer::Queued, completed)
            }
            Event::JobCancelled { job, allocation: Some(allocation), .. } => {
                let slot = self.give_back(now, *job, *allocation, false)?;
                self.end(slot, Answer::Queued, false)
            }
            Event::JobCancelled { job, allocation: None, because_of } => {
                let slot = self.live(*job)?;
                let broken = self.jobs[slot].dependence().and_then(|on| on.broken);
                ensure(because_of.is_none() || *because_of == broken, "a dependence that is not broken")?;
                self.leave_queue(slot, Answer::Queued)
            }
            Event::JobExpired { job, .. } => self.leave_queue(self.live(*job)?, Answer::Queued),
            Event::CalibrationRequested { device, epoch, .. } => {
                let device = self.fleet.get_mut(*device);
                device.ok_or(Impossible("a calibration of no device"))?.calibration_requested = *epoch;
                Ok(())
            }
            Event::GuardStarted { allocation, device, until } => {
                self.guard_started(now, *allocation, *device, *until)
            }
            Event::GuardEnded { allocation, device } => self.guard_ended(now, *allocation, *device),
        }
    }

    fn removed(&mut self, now: Time, id: DeviceId) -> Done {
        let gone = self.fleet.remove(id).ok_or(Impossible("a device leaves that is not there"))?;
        let unused = gone.queue.is_empty() && gone.admitted.is_empty();
        ensure(unused && gone.running() == 0, "a device leaves with jobs")?;
        ensure(gone.calendar.has_no_promises(), "a device leaves that is promised to a job")?;
        self.charges.settle_all_on(&mut self.accounts, id, now);
        self.mark_all_due();
        Ok(())
    }

    fn recalibrated(
        &mut self,
        now: Time,
        id: DeviceId,
        epoch: EpochNumber,
        calibration: &Arc<Calibration>,
    ) -> Done {
        let known = self.fleet.get(id).map(|device| &device.spec.coupling_map);
        let sizes = known.map(|map| (map.qubits(), map.coupler_figures()));
        let fits = sizes == Some((calibration.qubits.len(), calibration.couplers.len()));
        ensure(fits, "figures that are not those of the device")?;
        let number = self.fleet.recalibrate(id, calibration.clone());
        ensure(number == epoch, "an epoch out of its turn")?;
        self.meter(now, id);
        self.mark_all_due();
        Ok(())
    }

    fn status_changed(&mut self, now: Time, target: Target, to: Status) -> Done {
        let known = self.fleet.get(target.device()).is_some_and(|device| device.has(target));
        ensure(known, "a status of an element that is not there")?;
        self.fleet.set_status(target, to);
        self.meter(now, target.device());
        match target {
            Target::Device(id) => self.mark_due(id),
            Target::Qubit(..) | Target::Coupler(..) => self.mark_all_due(),
        }
        Ok(())
    }

    fn promised(&mut self, slot: JobSlot, promise: Option<&StartPromise>) -> Done {
        ensure(self.jobs[slot].state() == JobState::Queued, "a promise to a job that does not wait")?;
        if let Some(StartPromise { device, layout, .. }) = promise {
            let device = self.fleet.get(*device).ok_or(Impossible("a promise on no device"))?;
            let qubits = device.spec.coupling_map.qubits();
            let there = layout.iter().all(|qubit| qubit.index() < qubits);
            ensure(there, "a promise of qubits that the device does not have")?;
        }
        match promise {
            None => self.break_promise(slot),
            promise => self.promise(slot, promise.cloned()),
        }
        Ok(())
    }

    fn held(&mut self, job: JobId) -> Done {
        let slot = self.live(job)?;
        self.break_promise(slot);
        let queue = self.jobs[slot].queue();
        if self.jobs[slot].is_counted() {
            // Nobody may use the qubits that are counted for it: it is counted again when it is released.
            self.dequeue(slot)?;
            self.enqueue(slot, queue)?;
        }
        self.jobs[slot].hold()?;
        self.note_in_queue(slot);
        self.mark_queue_due(queue);
        Ok(())
    }

    fn stopping(&mut self, job: JobId, allocation: AllocationId, reason: StopReason, until: Time) -> Done {
        let slot = self.live(job)?;
        ensure(self.jobs[slot].allocation() == Some(allocation), "a stop of another job's attempt")?;
        self.jobs[slot].request_stop(reason)?;
        let timer = (until, Timer::StopTimeout(allocation));
        let running = self.running.get_mut(&allocation);
        let running = running.ok_or(Impossible("a stop of an attempt that is over"))?;
        if let Some(old) = running.timer.replace(timer) {
            self.agenda.timers.remove(&old);
        }
        self.agenda.timers.insert(timer);
        Ok(())
    }

    fn guard_ended(&mut self, now: Time, allocation: AllocationId, id: DeviceId) -> Done {
        let device = self.fleet.get_mut(id).ok_or(Impossible("a guard on no device"))?;
        let map = &device.spec.coupling_map;
        let guard = device.calendar.release(allocation, BookingKind::Guard, map);
        let until = guard.and_then(|guard| guard.until).ok_or(Impossible("a guard that ended before"))?;
        self.agenda.timers.remove(&(until, Timer::GuardEnd(id, allocation)));
        self.fleet.refresh(id);
        self.meter(now, id);
        self.settle(now, allocation);
        self.mark_due(id);
        Ok(())
    }

    fn requeued(
        &mut self,
        now: Time,
        job: JobId,
        allocation: AllocationId,
        device: Option<DeviceId>,
    ) -> Done {
        let slot = self.give_back(now, job, allocation, true)?;
        self.jobs[slot].requeue(now)?;
        self.enqueue(slot, device)?;
        self.choose(device);
        Ok(())
    }

    fn reconfigured(&mut self, now: Time, config: &AllocatorConfig) -> Done {
        ensure(config.validate().is_ok(), "settings out of range")?;
        let other_patience = config.reject_if_late != self.config.reject_if_late;
        let moved = !config.queue.arranges_like(&self.config.queue);
        let retries = config.retry != self.config.retry;
        let other_accounts = !self.accounts.counts_as(config);
        let turns = |config: &AllocatorConfig| (config.selection, config.weights.clone());
        if turns(config) != turns(&self.config) {
            self.fleet.begin_turns(|name| config.weights.of(name));
        }
        self.config = config.clone();
        self.accounts.reconfigure(config, self.charges.expected(), now);
        self.spent.reconfigure(&config.tenants, &self.charged_at_start(), now);
        let waiting: Vec<JobSlot> =
            self.jobs.iter().filter(|(_, job)| job.wait().is_some()).map(|(slot, _)| slot).collect();
        let in_queues = |slot: &JobSlot| self.jobs[*slot].dependence().is_none();
        let queued: Vec<JobSlot> = waiting.iter().copied().filter(in_queues).collect();
        // Promised by other rules.
        for &slot in &waiting {
            self.promise(slot, None);
        }
        if other_accounts {
            // What began before is charged to nobody.
            self.charges = Charges::default();
        }
        if moved || other_accounts {
            // To where nobody has a home yet, if it has another one now; from there each moves to its queue.
            let home = |job: &Job| job.queue().filter(|_| !moved);
            let homes: Vec<Option<DeviceId>> = queued.iter().map(|&slot| home(&self.jobs[slot])).collect();
            for &slot in &queued {
                self.dequeue(slot)?;
            }
            if other_accounts {
                self.open_accounts();
            }
            for (&slot, home) in queued.iter().zip(homes) {
                self.enqueue(slot, home)?;
            }
        }
        if other_patience {
            for &slot in &waiting {
                self.renew_patience(now, slot);
            }
        }
        if retries {
            // They may be tried now: the rule that set the time is gone.
            for slot in waiting {
                self.forget_retry(slot);
            }
        }
        self.count_quotas();
        self.mark_all_due();
        Ok(())
    }

    fn counted(&mut self, job: JobId, id: DeviceId) -> Done {
        let slot = self.live(job)?;
        let job = &self.jobs[slot];
        let (account, rank, qubits) = (job.account, job.rank(), job.request.min_qubits);
        let device = self.fleet.get_mut(id).ok_or(Impossible("a job is counted on no device"))?;
        ensure(device.queue.remove(account, rank, qubits), "a job is counted where it does not wait")?;
        let counted = device.counted.checked_add(qubits);
        device.counted = counted.ok_or(Impossible("more qubits are counted than there can be"))?;
        device.admitted.push(slot);
        self.jobs[slot].count()?;
        self.fleet.refresh(id);
        Ok(())
    }

    fn started(&mut self, now: Time, allocation: &Arc<Allocation>) -> Done {
        let (id, device_id) = (allocation.id, allocation.device);
        let slot = self.live(allocation.job)?;
        self.dequeue(slot)?;
        if let Some(at) = self.jobs[slot].wait().and_then(|wait| wait.expires) {
            let place = self.jobs[slot].place;
            self.agenda.timers.remove(&(at, Timer::Expiry(place, allocation.job)));
        }
        ensure(id >= self.next_allocation && id.0 < u64::MAX, "an allocation that was given before")?;
        let next = self.jobs[slot].attempts.checked_add(1);
        ensure(next == Some(allocation.attempt), "an attempt out of its turn")?;
        self.jobs[slot].start(id, allocation.attempt)?;
        let device = self.fleet.get_mut(device_id).ok_or(Impossible("a start on no device"))?;
        let Fence(fence) = allocation.fence;
        ensure(fence >= device.next_fence.0 && fence < u64::MAX, "a fence that was given before")?;
        let fits = allocation.held.capacity() == device.spec.coupling_map.qubits();
        ensure(fits, "a start on qubits that the device does not have")?;
        // What the plan has booked is not booked again.
        let confirmed = device.calendar.confirm(allocation);
        if !confirmed {
            let booking = Booking::of(allocation);
            ensure(
                device.calendar.is_free(&booking.qubits, booking.party),
                "a start on qubits that are taken",
            )?;
            device.calendar.book(id, BookingKind::Allocation, booking, &device.spec.coupling_map);
        }
        device.next_fence = Fence(fence + 1);
        self.next_allocation = AllocationId(id.0 + 1);
        if matches!(self.config.queue, Queue::Global { .. }) {
            self.choose(Some(device_id));
        }
        // Nobody is stopped for an estimate.
        let stated = self.jobs[slot].request.estimated_duration.is_some();
        let stops = stated && self.config.walltime.exceeded == WalltimeExceeded::Stop;
        let timer = allocation.expected_end.filter(|_| stops).map(|at| (at, Timer::Walltime(id)));
        self.agenda.timers.extend(timer);
        let running = Running { allocation: allocation.clone(), slot, shots_done: 0, timer };
        self.running.insert(id, running);
        if !confirmed {
            self.fleet.refresh(device_id);
        }
        self.quota_begins(slot, allocation);
        self.charge(now, slot, allocation);
        Ok(())
    }

    fn guard_started(&mut self, now: Time, id: AllocationId, device_id: DeviceId, until: Time) -> Done {
        let device = self.fleet.get_mut(device_id).ok_or(Impossible("a guard on no device"))?;
        let map = device.spec.coupling_map.clone();
        let of = device.calendar.release(id, BookingKind::Allocation, &map);
        let Booking { qubits, party, .. } = of.ok_or(Impossible("a guard of an attempt that is over"))?;
        let guard = Booking {
            qubits,
            buffer_distance: 0,
            max_crosstalk: None,
            party,
            from: now,
            until: Some(until),
            guard: Span::ZERO,
        };
        device.calendar.book(id, BookingKind::Guard, guard, &map);
        self.agenda.timers.insert((until, Timer::GuardEnd(device_id, id)));
        self.fleet.refresh(device_id);
        self.meter(now, device_id);
        Ok(())
    }

    /// Takes the qubits of an attempt back, but for those that a guard keeps; it pays nothing, if it is `refunded`.
    fn give_back(
        &mut self,
        now: Time,
        job: JobId,
        id: AllocationId,
        refunded: bool,
    ) -> Result<JobSlot, Impossible> {
        let slot = self.live(job)?;
        let ended = self.running.swap_remove(&id).ok_or(Impossible("the end of an attempt that is over"))?;
        ensure(ended.slot == slot, "the end of another job's attempt")?;
        if let Some(timer) = ended.timer {
            self.agenda.timers.remove(&timer);
        }
        if refunded {
            self.charges.refund(id);
        }
        self.quota_ends(now, slot, &ended.allocation, refunded);
        let device_id = ended.allocation.device;
        if let Some(device) = self.fleet.get_mut(device_id) {
            device.calendar.release(id, BookingKind::Allocation, &device.spec.coupling_map);
            self.fleet.refresh(device_id);
        }
        self.meter(now, device_id);
        let rests = self.fleet.get(device_id).is_some_and(|device| device.calendar.has_guard(id));
        if !rests {
            self.settle(now, id);
        }
        self.mark_due(device_id);
        Ok(slot)
    }

    pub(super) fn live(&self, id: JobId) -> Result<JobSlot, Impossible> {
        self.find(id).map(|(slot, _)| slot).ok_or(Impossible("an event of a job that does not live"))
    }

    pub(super) fn choose(&mut self, device: Option<DeviceId>) {
        self.last_chosen = device.or(self.last_chosen);
        if let Some(id) = device.filter(|_| self.config.selection == Selection::WeightedRoundRobin) {
            self.fleet.take_turn(id);
        }
    }

    pub(super) fn set_timer(&mut self, at: Option<Time>, timer: Timer) {
        self.agenda.timers.extend(at.map(|at| (at, timer)));
    }

    fn forget_retry(&mut self, slot: JobSlot) {
        let job = &mut self.jobs[slot];
        if let Some(at) = job.wait().and_then(|wait| wait.retry_at) {
            self.agenda.timers.remove(&(at, Timer::Retry(job.request.id)));
            // It waits, so that this cannot fail.
            let _ = job.retry_at(None);
        }
    }

    /// Something has changed for a job that stays in its queue.
    fn note_in_queue(&mut self, slot: JobSlot) {
        let job = &self.jobs[slot];
        let (account, rank) = (job.account, job.rank());
        match job.queue() {
            None if job.dependence().is_some() => {}
            None => self.queue.note(account, rank),
            Some(id) => {
                if let Some(device) = self.fleet.get_mut(id) {
                    device.queue.note(account, rank);
                }
            }
        }
    }

    /// Takes a waiting job out of its queue, and off the list of those that are tried again.
    fn dequeue(&mut self, slot: JobSlot) -> Done {
        self.forget_retry(slot);
        self.break_promise(slot);
        let job = &self.jobs[slot];
        let wait = job.wait().ok_or(Impossible("a job leaves a queue in which it is not"))?;
        self.quotas.wait(job.request.tenant, -1);
        if job.dependence().is_some() {
            self.dependants.forget(&job.request);
            return Ok(());
        }
        let (account, rank, qubits) = (job.account, job.rank(), job.request.min_qubits);
        let there = match wait.queue {
            None => self.queue.remove(account, rank, qubits),
            Some(id) => {
                let device = self.fleet.get_mut(id).ok_or(Impossible("a job waits for no device"))?;
                let there = if job.is_counted() {
                    device.admitted.retain(|admitted| *admitted != slot);
                    device.counted -= qubits;
                    true
                } else {
                    device.queue.remove(account, rank, qubits)
                };
                device.await_work_no_more(&job.request);
                self.fleet.refresh(id);
                there
            }
        };
        ensure(there, "a job leaves a queue in which it is not")
    }

    /// Ends a waiting job.
    fn leave_queue(&mut self, slot: JobSlot, answer: Answer) -> Done {
        let queue = self.jobs[slot].queue();
        self.dequeue(slot)?;
        self.mark_queue_due(queue);
        self.end(slot, answer, false)
    }

    /// Forgets a live job that is in no queue and holds nothing; a repeated submission is answered `answer`.
    fn end(&mut self, slot: JobSlot, answer: Answer, completed: bool) -> Done {
        let job = self.jobs.end(slot, answer, completed, self.config.remember_ended_jobs);
        if let Some(at) = job.key_until {
            self.agenda.timers.remove(&(at, Timer::Rank(job.request.id)));
        }
        if let Some(at) = job.wait().and_then(|wait| wait.expires) {
            self.agenda.timers.remove(&(at, Timer::Expiry(job.place, job.request.id)));
        }
        self.has_ended(job.request.id, completed);
        Ok(())
    }

    /// Works the agenda out anew, for a state that was folded: all timers, and everything due.
    pub(in crate::allocator) fn renew_agenda(&mut self, now: Time) {
        self.agenda = super::Agenda { now, ..super::Agenda::default() };
        let timers = &mut self.agenda.timers;
        for (_, job) in self.jobs.iter() {
            let id = job.request.id;
            timers.extend(job.key_until.map(|at| (at, Timer::Rank(id))));
            let promised = job.promise.as_ref().and_then(|known| known.promise.not_later_than);
            timers.extend(promised.map(|at| (at, Timer::PromiseDue(id))));
            if let Some(wait) = job.wait() {
                timers.extend(wait.expires.map(|at| (at, Timer::Expiry(job.place, id))));
                timers.extend(wait.retry_at.map(|at| (at, Timer::Retry(id))));
            }
        }
        timers.extend(self.running.values().filter_map(|running| running.timer));
        for device in self.fleet.iter() {
            for (holder, kind, booking) in device.calendar.bookings() {
                if kind == BookingKind::Guard {
                    timers.extend(booking.until.map(|at| (at, Timer::GuardEnd(device.id, holder))));
                }
            }
        }
        self.mark_all_due();
        self.decide_all_dependants();
    }
}
