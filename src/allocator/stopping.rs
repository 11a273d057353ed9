//! How attempts and jobs end: finished, stopped in two phases, lost with a device, cancelled, expired.
//!
//! Promises that qubits are given back exactly once, that a late word about a dead attempt changes nothing, and
//! that a stopped attempt keeps its qubits until the driver has acknowledged it or the core's patience ends.

use smallvec::SmallVec;

use super::job::{JobId, JobState};
use super::jobs::{JobSlot, Known};
use super::ledger::{Entry, Kind};
use super::messages::{
    AllocationId, Answer, CommandError, Event, FailureReason, Outcome, Rejection, RequeueReason, StopReason,
    Target,
};
use super::{Allocator, Running, Timer};
use crate::time::Time;

impl Allocator {
    pub(super) fn finished(
        &mut self,
        now: Time,
        id: AllocationId,
        outcome: Outcome,
        shots_done: u64,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let Some(job) = self.check_shots(id, shots_done)? else {
            return Ok(Answer::Ignored);
        };
        self.give_back(now, id, events);
        self.end_job(job.1);
        events.push(match outcome {
            Outcome::Success => Event::JobFinished { job: job.0, allocation: id, shots_done },
            Outcome::Error => {
                Event::JobFailed { job: job.0, allocation: id, reason: FailureReason::Execution }
            }
        });
        Ok(Answer::Applied)
    }

    pub(super) fn progress(
        &mut self,
        id: AllocationId,
        shots_done: u64,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let Some(job) = self.check_shots(id, shots_done)? else {
            return Ok(Answer::Ignored);
        };
        let running = &mut self.state.running[&id];
        if running.shots_done < shots_done {
            running.shots_done = shots_done;
            events.push(Event::ShotsCredited { job: job.0, allocation: id, shots_done });
        }
        Ok(Answer::Applied)
    }

    pub(super) fn stop_acknowledged(
        &mut self,
        now: Time,
        id: AllocationId,
        shots_done: u64,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let Some((job, slot)) = self.check_shots(id, shots_done)? else {
            return Ok(Answer::Ignored);
        };
        if self.state.jobs[slot].state != JobState::Stopping {
            return Err(CommandError::WrongState(job));
        }
        self.conclude_stop(now, id, slot, events);
        Ok(Answer::Applied)
    }

    /// The job of a live allocation; `None` for a dead one; an error for one that never was, or for senseless shots.
    fn check_shots(
        &self,
        id: AllocationId,
        shots_done: u64,
    ) -> Result<Option<(JobId, JobSlot)>, CommandError> {
        if id >= self.state.next_allocation || id.0 == 0 {
            return Err(CommandError::UnknownAllocation(id));
        }
        let Some(running) = self.state.running.get(&id) else {
            return Ok(None);
        };
        let request = &self.state.jobs[running.slot].request;
        let all = request.shots.saturating_mul(u64::from(request.circuits));
        if shots_done < running.shots_done || shots_done > all {
            return Err(CommandError::WrongShots(id));
        }
        Ok(Some((request.id, running.slot)))
    }

    pub(super) fn cancel(
        &mut self,
        now: Time,
        id: JobId,
        events: &mut Vec<Event>,
    ) -> Result<Answer, CommandError> {
        let slot = match self.state.jobs.find(id) {
            Known::Live(slot) => slot,
            Known::Ended(_) => return Ok(Answer::Ignored),
            Known::Unknown | Known::OtherBody => return Err(CommandError::UnknownJob(id)),
        };
        match self.state.jobs[slot].state {
            JobState::Queued | JobState::Held => {
                self.dequeue(slot);
                self.mark_queue_due(slot);
                self.end_job(slot);
                events.push(Event::JobCancelled { job: id, allocation: None });
            }
            JobState::Running => self.request_stop(now, slot, StopReason::Cancelled, events),
            JobState::Stopping => {}
        }
        Ok(Answer::Applied)
    }

    /// Asks the driver to stop the current attempt of a running job.
    pub(super) fn request_stop(
        &mut self,
        now: Time,
        slot: JobSlot,
        reason: StopReason,
        events: &mut Vec<Event>,
    ) {
        let job = &mut self.state.jobs[slot];
        let Some(allocation) = job.allocation else { return };
        job.state = JobState::Stopping;
        job.stop = Some(reason);
        let until = now + self.state.config.stop_timeout;
        events.push(Event::StopRequested { job: job.request.id, allocation, reason, until });
        self.set_timer(allocation, Some((until, Timer::StopTimeout(allocation))));
    }

    /// Ends the job of an attempt that has stopped as requested.
    pub(super) fn conclude_stop(
        &mut self,
        now: Time,
        id: AllocationId,
        slot: JobSlot,
        events: &mut Vec<Event>,
    ) {
        let job = &self.state.jobs[slot];
        let (number, reason) = (job.request.id, job.stop);
        self.give_back(now, id, events);
        self.end_job(slot);
        events.push(match reason {
            Some(StopReason::Walltime) => {
                Event::JobFailed { job: number, allocation: id, reason: FailureReason::Walltime }
            }
            Some(StopReason::Cancelled) | None => Event::JobCancelled { job: number, allocation: Some(id) },
        });
    }

    /// Ends all attempts that use an element that is lost; their jobs wait again.
    pub(super) fn requeue_users(
        &mut self,
        now: Time,
        target: Target,
        reason: RequeueReason,
        events: &mut Vec<Event>,
    ) {
        let users: SmallVec<[AllocationId; 16]> = self.state.fleet.users_of(target).into_iter().collect();
        for id in users {
            let Some(running) = self.state.running.get(&id) else {
                continue;
            };
            let slot = running.slot;
            if self.state.jobs[slot].state == JobState::Stopping {
                self.conclude_stop(now, id, slot, events);
                continue;
            }
            self.give_back(now, id, events);
            let job = &mut self.state.jobs[slot];
            let number = job.request.id;
            if job.attempts >= self.state.config.max_attempts {
                self.end_job(slot);
                let reason = FailureReason::TooManyAttempts;
                events.push(Event::JobFailed { job: number, allocation: id, reason });
                continue;
            }
            job.state = JobState::Queued;
            job.allocation = None;
            let device = self.enqueue(slot);
            events.push(Event::JobRequeued { job: number, allocation: id, reason, device });
        }
    }

    /// Takes the qubits of an attempt back, and starts the guard if one was promised.
    fn give_back(&mut self, now: Time, id: AllocationId, events: &mut Vec<Event>) {
        let Some(Running { allocation, timer, .. }) = self.state.running.swap_remove(&id) else {
            return;
        };
        if let Some(timer) = timer {
            self.state.timers.remove(&timer);
        }
        let device_id = allocation.device;
        if let Some(device) = self.state.fleet.get_mut(device_id) {
            let map = device.spec.coupling_map.clone();
            device.ledger.release(id, Kind::Job, &map);
            device.running -= 1;
            let guard = allocation.isolation.guard;
            if guard.0 > 0 {
                let until = now + guard;
                let qubits = allocation.held.clone();
                let entry =
                    Entry { qubits, buffer_distance: 0, max_crosstalk: None, from: now, until: Some(until) };
                device.ledger.book(id, Kind::Guard, entry, &map);
                self.state.timers.insert((until, Timer::GuardEnd(device_id, id)));
                events.push(Event::GuardStarted { allocation: id, device: device_id, until });
            }
            self.state.fleet.refresh(device_id);
        }
        self.mark_due(device_id);
    }

    /// Forgets a live job that is in no queue and holds nothing.
    pub(super) fn end_job(&mut self, slot: JobSlot) {
        self.end_answered(slot, Answer::Queued);
    }

    /// The same; a repeated submission is answered `answer`.
    fn end_answered(&mut self, slot: JobSlot, answer: Answer) {
        let job = self.state.jobs.end(slot, answer, self.state.config.remember_ended_jobs);
        self.classes.leave(job.class);
        if let Some(at) = job.expires {
            self.state.timers.remove(&(at, Timer::Expiry(job.request.id)));
        }
        if let Some(at) = job.retry_at {
            self.state.timers.remove(&(at, Timer::Retry(job.request.id)));
        }
    }

    /// Replaces the pending timer of a running attempt.
    pub(super) fn set_timer(&mut self, id: AllocationId, timer: Option<(Time, Timer)>) {
        if let Some(running) = self.state.running.get_mut(&id) {
            if let Some(old) = std::mem::replace(&mut running.timer, timer) {
                self.state.timers.remove(&old);
            }
            if let Some(new) = timer {
                self.state.timers.insert(new);
            }
        }
    }

    /// Does everything whose time has come.
    pub(super) fn run_timers(&mut self, now: Time, events: &mut Vec<Event>) {
        let mut later: SmallVec<[(Time, Timer); 4]> = SmallVec::new();
        while let Some(&(at, timer)) = self.state.timers.first() {
            if at > now {
                break;
            }
            self.state.timers.pop_first();
            match timer {
                Timer::GuardEnd(device_id, id) => {
                    let Some(device) = self.state.fleet.get_mut(device_id) else {
                        continue;
                    };
                    let map = device.spec.coupling_map.clone();
                    if device.ledger.release(id, Kind::Guard, &map).is_some() {
                        self.state.fleet.refresh(device_id);
                        self.mark_due(device_id);
                        events.push(Event::GuardEnded { allocation: id, device: device_id });
                    }
                }
                Timer::StopTimeout(id) => {
                    if let Some(running) = self.state.running.get_mut(&id) {
                        running.timer = None;
                        let slot = running.slot;
                        self.conclude_stop(now, id, slot, events);
                    }
                }
                Timer::Walltime(id) => {
                    if let Some(running) = self.state.running.get_mut(&id) {
                        running.timer = None;
                        let slot = running.slot;
                        self.request_stop(now, slot, StopReason::Walltime, events);
                    }
                }
                Timer::Expiry(id) if at < now => self.expire(now, id, events),
                // Expiries of this very instant come after the pass.
                Timer::Expiry(_) => later.push((at, timer)),
                Timer::Retry(id) => {
                    if let Known::Live(slot) = self.state.jobs.find(id) {
                        self.state.jobs[slot].retry_at = None;
                        self.mark_queue_due(slot);
                    }
                }
            }
        }
        self.state.timers.extend(later);
    }

    /// Ends jobs that have waited as long as they wanted to.
    pub(super) fn run_expiries(&mut self, now: Time, events: &mut Vec<Event>) {
        let due: SmallVec<[JobId; 8]> = self
            .state
            .timers
            .iter()
            .take_while(|(at, _)| *at <= now)
            .filter_map(|(_, timer)| if let Timer::Expiry(id) = timer { Some(*id) } else { None })
            .collect();
        for id in due {
            self.expire(now, id, events);
        }
    }

    /// Refuses jobs that came since the last pass and still wait beyond the limit on the queue, the latest first. A job
    /// that was let in once stays, also when requeued ones make the queue longer than the limit.
    pub(super) fn turn_away(&mut self, events: &mut Vec<Event>) {
        let newcomers = std::mem::take(&mut self.state.newcomers);
        let Some(limit) = self.state.config.max_queue_length else { return };
        for id in newcomers.into_iter().rev() {
            if self.state.jobs.len() - self.state.running.len() <= limit as usize {
                return;
            }
            let Known::Live(slot) = self.state.jobs.find(id) else { continue };
            let job = &self.state.jobs[slot];
            if job.attempts > 0 || !matches!(job.state, JobState::Queued | JobState::Held) {
                continue;
            }
            let request = job.request.clone();
            let reason = Rejection::QueueFull(limit);
            self.dequeue(slot);
            self.mark_queue_due(slot);
            self.end_answered(slot, Answer::Rejected(reason));
            events.push(Event::JobRejected { job: request, reason });
        }
    }

    fn expire(&mut self, now: Time, id: JobId, events: &mut Vec<Event>) {
        let Known::Live(slot) = self.state.jobs.find(id) else { return };
        self.dequeue(slot);
        self.mark_queue_due(slot);
        let waited = now.since(self.state.jobs[slot].submitted);
        self.end_job(slot);
        events.push(Event::JobExpired { job: id, waited });
    }
}
