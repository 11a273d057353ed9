//! Whether a state that was read from bytes could have come about: every book against every other.
//!
//! Promises that what passes runs on without a panic, and a sentence about what does not. A checksum protects against
//! accidents, not against bytes that were made up. Leaves single values to their own types, which refuse what they
//! cannot be while they are read.

use std::collections::{BTreeMap, BTreeSet};

use super::calendar::{Booking, BookingKind};
use super::fleet::Device;
use super::jobs::{Job, Stage};
use super::place::JobSlot;
use super::queues::WaitingQueue;
use super::{Running, State, Timer};
use crate::allocator::protocol::{AllocationId, JobRequest, JobState, Topology};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// Widest program, and widest one in which all qubits interact: more than any device holds, and little enough that a
/// forged number does not use up the memory.
const QUBITS_MAX: u32 = 1 << 16;
const COMPLETE_MAX: u32 = 1 << 12;

/// Half of the way to the end of a counter, which none of them reaches.
const FAR: u64 = u64::MAX / 2;

/// What is wrong with a state.
type Verdict = Result<(), &'static str>;

fn ensure(holds: bool, otherwise: &'static str) -> Verdict {
    if holds { Ok(()) } else { Err(otherwise) }
}

/// Whether a program can be compiled at all.
pub fn makes_sense(request: &JobRequest) -> bool {
    let most = if matches!(request.topology, Topology::Complete) { COMPLETE_MAX } else { QUBITS_MAX };
    request.min_qubits <= most && request.validate().is_ok()
}

/// Checks everything that parts of the state say about each other.
pub(super) fn check(state: &State) -> Verdict {
    state.config.validate().map_err(|_| "a configuration out of range")?;
    ensure(state.jobs.is_consistent(), "the table of jobs contradicts itself")?;
    check_counters(state)?;
    check_jobs(state)?;
    check_queues(state)?;
    for device in state.fleet.iter() {
        check_device(state, device)?;
    }
    check_accounts(state)?;
    for (id, running) in &state.running {
        check_running(state, *id, running)?;
    }
    let spent = state.spent.is_consistent(&state.config.tenants, &state.charged_at_start(), state.agenda.now);
    ensure(spent, "qubit-seconds that nobody has spent")?;
    check_timers(state)
}

fn check_counters(state: &State) -> Verdict {
    let devices = || state.fleet.iter();
    let epochs = devices().all(|device| device.epoch.number.0 < u32::MAX / 2 && device.epoch.revision < FAR);
    let fences = devices().all(|device| device.next_fence.0 < FAR);
    let fleet = state.fleet.epochs < FAR;
    let state_wide = state.next_place < FAR && state.next_allocation.0 < FAR;
    let attempts = state.jobs.iter().all(|(_, job)| job.attempts < u32::MAX / 2);
    ensure(state.fleet.reported_times.is_consistent(), "run times that nobody can have reported")?;
    ensure(epochs && fences && fleet && state_wide && attempts, "a counter near its end")
}

fn check_jobs(state: &State) -> Verdict {
    for (slot, job) in state.jobs.iter() {
        ensure(makes_sense(&job.request), "a job that contradicts itself")?;
        ensure(job.place < state.next_place, "a place in the queue that was not given yet")?;
        if let Some(wait) = job.wait().filter(|_| job.dependence().is_some()) {
            let fresh = wait.queue.is_none() && wait.retry_at.is_none() && job.attempts == 0;
            ensure(fresh, "a job that waits for others to end, and was in a queue")?;
        }
        if let Some(known) = &job.promise {
            ensure(job.state() == JobState::Queued, "a promise to a job that does not wait")?;
            let device = state.fleet.get(known.promise.device).ok_or("a promise on no device")?;
            let kept = device.calendar.promises().find(|(id, _)| *id == job.request.id);
            let qubits = device.spec.coupling_map.qubits();
            let layout = &known.promise.layout;
            ensure(
                layout.iter().all(|qubit| qubit.index() < qubits),
                "a promise of qubits that are not there",
            )?;
            let of = Booking::of_promise(&known.promise, qubits);
            ensure(
                kept.is_some_and(|(_, kept)| {
                    kept.booking == of && (kept.account, kept.rank) == (job.account, job.rank())
                }),
                "a promise that is not in the calendar",
            )?;
        }
        if let Some(id) = job.allocation() {
            let running = state.running.get(&id);
            ensure(running.is_some_and(|running| running.slot == slot), "a job without its allocation")?;
        }
    }
    Ok(())
}

/// Every job has the account of its tenant, and only what is booked is charged.
fn check_accounts(state: &State) -> Verdict {
    let State { accounts, charges, .. } = state;
    ensure(charges.open().all(|(_, account, _)| accounts.has(account)), "a charge on no account")?;
    let consistent = accounts.is_consistent(&state.config, charges.expected(), state.agenda.now);
    ensure(consistent, "accounts that are no tree")?;
    let own = |job: &Job| accounts.of(job.request.tenant) == Some(job.account);
    ensure(state.jobs.iter().all(|(_, job)| own(job)), "a job on somebody else's account")?;
    let booked = |id: AllocationId, on: DeviceId| {
        state.fleet.get(on).is_some_and(|device| device.calendar.bookings().any(|(holder, ..)| holder == id))
    };
    ensure(charges.open().all(|(id, _, device)| booked(id, device)), "a charge for nothing")
}

/// Every waiting job is in the one queue that it names, and nobody else is.
fn check_queues(state: &State) -> Verdict {
    let mut seen = 0;
    let mut check = |queue: &WaitingQueue, of: Option<DeviceId>| -> Verdict {
        let mut qubits = 0;
        for account in queue.accounts() {
            for (at, slot) in queue.after(account, None) {
                let job = waiting(state, slot)?;
                ensure(
                    (job.account, job.rank()) == (account, at) && job.queue() == of && !job.is_counted(),
                    "a job in a queue that is not its own",
                )?;
                qubits += u64::from(job.request.min_qubits);
                seen += 1;
            }
        }
        ensure(queue.qubits() == qubits && queue.is_consistent(), "a queue that miscounts its jobs")
    };
    check(&state.queue, None)?;
    for device in state.fleet.iter() {
        check(&device.queue, Some(device.id))?;
    }
    for device in state.fleet.iter() {
        let distinct: BTreeSet<JobSlot> = device.admitted.iter().copied().collect();
        ensure(distinct.len() == device.admitted.len(), "a job that is counted twice")?;
        let mut qubits = 0;
        for &slot in &device.admitted {
            let job = waiting(state, slot)?;
            ensure(
                job.is_counted() && job.queue() == Some(device.id),
                "a job counted on a device that is not its own",
            )?;
            qubits += u64::from(job.request.min_qubits);
            seen += 1;
        }
        ensure(u64::from(device.counted) == qubits, "a device that miscounts its jobs")?;
    }
    let in_queues = |job: &Job| job.wait().is_some() && job.dependence().is_none();
    let all = state.jobs.iter().filter(|(_, job)| in_queues(job)).count();
    ensure(seen == all, "a waiting job in no queue")
}

fn waiting(state: &State, slot: JobSlot) -> Result<&Job, &'static str> {
    ensure(state.jobs.is_live(slot), "a queue with a job that has ended")?;
    let job = &state.jobs[slot];
    ensure(job.wait().is_some(), "a queue with a job that runs")?;
    ensure(job.dependence().is_none(), "a queue with a job that waits for others to end")?;
    Ok(job)
}

/// The bookings of a device are those of the allocations on it, and guards that end.
fn check_device(state: &State, device: &Device) -> Verdict {
    ensure(device.reported_times.is_consistent(), "run times that nobody can have reported")?;
    for (id, ..) in device.calendar.promises() {
        let promised = state.find(id).and_then(|(_, job)| job.promise.as_ref());
        let there = promised.is_some_and(|known| known.promise.device == device.id);
        ensure(there, "qubits kept for a job that is not promised them")?;
    }
    for (holder, kind, booking) in device.calendar.bookings() {
        match kind {
            BookingKind::Allocation => {
                let allocation = state.running.get(&holder).map(|running| &running.allocation);
                let known = allocation.is_some_and(|allocation| {
                    allocation.device == device.id
                        && allocation.held == booking.qubits
                        && allocation.isolation.buffer_distance == booking.buffer_distance
                        && allocation.isolation.party == booking.party
                });
                ensure(known, "a booking that belongs to no allocation")?;
            }
            BookingKind::Guard => {
                let timer = |at| (at, Timer::GuardEnd(device.id, holder));
                let ends = booking.until.is_some_and(|at| state.agenda.timers.contains(&timer(at)));
                ensure(ends, "a guard that never ends")?;
                ensure(holder < state.next_allocation, "a guard of an allocation that was not given yet")?;
            }
        }
    }
    Ok(())
}

fn check_running(state: &State, id: AllocationId, running: &Running) -> Verdict {
    let Running { allocation, slot, timer, .. } = running;
    ensure(
        allocation.id == id && id < state.next_allocation && id.0 > 0,
        "an allocation under another number",
    )?;
    let live = state.jobs.is_live(*slot).then(|| &state.jobs[*slot]);
    let job = live.filter(|job| job.allocation() == Some(id) && job.request.id == allocation.job);
    let job = job.ok_or("an allocation without its job")?;
    let device = state.fleet.get(allocation.device).ok_or("an allocation on no device")?;
    ensure(allocation.fence < device.next_fence, "a fence that was not given yet")?;
    let qubits = device.spec.coupling_map.qubits();
    let inside = allocation.layout.iter().all(|qubit| qubit.index() < qubits);
    ensure(inside, "a layout on qubits that the device does not have")?;
    let held = QubitSet::from_qubits(qubits, allocation.layout.iter().copied());
    ensure(
        held == allocation.held && held.len() == allocation.layout.len() && !held.is_empty(),
        "an allocation that holds other qubits than its layout",
    )?;
    let booked = device.calendar.allocations().any(|(holder, _)| holder == id);
    ensure(booked, "an allocation that is not booked")?;
    let fits = match timer {
        None => true,
        Some((_, Timer::Walltime(of))) => *of == id && matches!(job.stage(), Stage::Running { .. }),
        Some((_, Timer::StopTimeout(of))) => *of == id && matches!(job.stage(), Stage::Stopping { .. }),
        Some(_) => false,
    };
    ensure(fits, "an allocation with the timer of something else")
}

/// The pending timers are those that jobs, allocations and guards name; a guard may have outlived its device.
fn check_timers(state: &State) -> Verdict {
    let mut expected: BTreeMap<Timer, Time> = BTreeMap::new();
    for (_, job) in state.jobs.iter() {
        expected.extend(job.key_until.map(|at| (Timer::Rank(job.request.id), at)));
        let Some(wait) = job.wait() else { continue };
        expected.extend(wait.expires.map(|at| (Timer::Expiry(job.place, job.request.id), at)));
        // One whose time has come is off the agenda, but nobody may have looked at the job yet.
        let to_come =
            wait.retry_at.filter(|at| state.agenda.timers.contains(&(*at, Timer::Retry(job.request.id))));
        let due = job.promise.as_ref().and_then(|known| known.promise.not_later_than);
        let due_to_come =
            due.filter(|at| state.agenda.timers.contains(&(*at, Timer::PromiseDue(job.request.id))));
        ensure(
            due.is_none_or(|at| due_to_come.is_some() || at <= state.agenda.now),
            "a timer that is missing",
        )?;
        expected.extend(due_to_come.map(|at| (Timer::PromiseDue(job.request.id), at)));
        let over = wait.retry_at.is_none_or(|at| to_come.is_some() || at <= state.agenda.now);
        ensure(over, "a timer that is missing")?;
        expected.extend(to_come.map(|at| (Timer::Retry(job.request.id), at)));
    }
    expected
        .extend(state.running.values().filter_map(|running| running.timer).map(|(at, timer)| (timer, at)));
    let known =
        |(at, timer): &(Time, Timer)| matches!(timer, Timer::GuardEnd(..)) || expected.get(timer) == Some(at);
    ensure(state.agenda.timers.iter().all(known), "a timer that nobody has set")?;
    let pending =
        state.agenda.timers.iter().filter(|(_, timer)| !matches!(timer, Timer::GuardEnd(..))).count();
    ensure(pending == expected.len(), "a timer that is missing")
}
