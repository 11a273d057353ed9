//! What blocked jobs are promised during a pass: a first promise, an earlier one, or another one where something that the
//! promise rested on is gone.
//!
//! Promises that no promise becomes worse without one of the causes of [`PromiseCause`].

use smallvec::SmallVec;

use super::plan::Plan;
use crate::allocator::candidates::forecast::Wanted;
use crate::allocator::candidates::memo::KindId;
use crate::allocator::protocol::{JobId, JobRequest, PromiseCause, StartPromise, Status};
use crate::allocator::state::calendar::{Booking, BookingKind};
use crate::allocator::state::jobs::Promised;
use crate::allocator::state::outlook::Promised as Outlooks;
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;
use crate::quantum::{DeviceId, QubitSet};

/// What became of the promise of a blocked job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Renewed {
    /// There is none: nobody can tell on which qubits it could ever start.
    None,
    /// It is what it was.
    Kept,
    /// It is new, or another one.
    Changed,
}

/// Sees to it that a blocked job is promised the earliest start there is: on `only`, or anywhere.
pub fn renew(
    turn: &mut Turn<'_>,
    plan: &mut Plan,
    slot: JobSlot,
    kind: KindId,
    request: &JobRequest,
    only: Option<DeviceId>,
) -> Renewed {
    let known = turn.state.jobs()[slot].promise.clone();
    let broken = known.as_ref().and_then(|known| broken(turn, kind, request, known));
    let (wanted, since) = match &known {
        Some(known) if broken.is_none() => {
            let asked = turn.judge.promised.of(request.id).asked;
            let as_before = asked.filter(|(_, epochs)| *epochs == turn.state.fleet().epochs);
            (Wanted::better_than(&known.promise), as_before.map(|(changes, _)| changes))
        }
        _ => (Wanted::Any, None),
    };
    let devices: SmallVec<[DeviceId; 16]> = match only {
        Some(device) => SmallVec::from_iter([device]),
        None => {
            // What has not changed has nothing better to offer than when it was asked.
            let changed = since.and_then(|since| turn.state.fleet().changed_since(since));
            match changed {
                Some(changed) => {
                    let mut changed: SmallVec<[DeviceId; 16]> = changed.collect();
                    changed.sort_unstable();
                    changed.dedup();
                    changed
                }
                None => turn.state.fleet().iter().map(|device| device.id).collect(),
            }
        }
    };
    let others = Outlooks::ToOthers(request.id);
    let found = turn.judge.earliest(turn.state, turn.now, kind, request, devices.into_iter(), wanted, others);
    let renewed = match (known, broken, found) {
        (None, _, None) => Renewed::None,
        (None, _, Some(promise)) => {
            plan.promise(turn.state, slot, Some(promise), PromiseCause::Earlier);
            Renewed::Changed
        }
        (Some(_), None, None) => Renewed::Kept,
        (Some(_), cause, found) => {
            let there = found.is_some();
            plan.promise(turn.state, slot, found, cause.unwrap_or(PromiseCause::Earlier));
            if there { Renewed::Changed } else { Renewed::None }
        }
    };
    if renewed != Renewed::None {
        let fleet = turn.state.fleet();
        turn.judge.promised.of(request.id).asked = Some((fleet.changes(), fleet.epochs));
    }
    renewed
}

/// Promises a start to the first of all jobs that had to stay, where those that are promised to later ones leave it no
/// room: they make way. Whether it is promised anything then.
pub fn take_over(
    turn: &mut Turn<'_>,
    plan: &mut Plan,
    slot: JobSlot,
    kind: KindId,
    request: &JobRequest,
    only: Option<DeviceId>,
) -> bool {
    let all: SmallVec<[DeviceId; 16]> = turn.state.fleet().iter().map(|device| device.id).collect();
    let devices = all.into_iter().filter(|id| only.is_none_or(|only| only == *id));
    let (wanted, nobody) = (Wanted::Any, Outlooks::ToNobody);
    let found = turn.judge.earliest(turn.state, turn.now, kind, request, devices, wanted, nobody);
    let Some(promise) = found else { return false };
    let there = turn.state.fleet().get(promise.device).into_iter();
    let others: SmallVec<[JobId; 4]> =
        there.flat_map(|device| device.calendar.promises()).map(|(job, _)| job).collect();
    for job in others {
        if let Some((other, _)) = turn.state.find(job) {
            plan.promise(turn.state, other, None, PromiseCause::OrderChanged);
        }
    }
    plan.promise(turn.state, slot, Some(promise), PromiseCause::Earlier);
    true
}

/// Why a promise cannot be kept, if it cannot.
fn broken(turn: &mut Turn<'_>, kind: KindId, request: &JobRequest, known: &Promised) -> Option<PromiseCause> {
    let Promised { promise, revision } = known;
    let device = turn.state.fleet().get(promise.device);
    let Some(device) = device.filter(|device| device.status == Status::Online && !device.leaving) else {
        return Some(PromiseCause::DeviceLost);
    };
    let region = QubitSet::from_qubits(device.spec.coupling_map.qubits(), promise.layout.iter().copied());
    if device.epoch.revision != *revision {
        let recalibrated = device.epoch.number != promise.epoch;
        let alive = region.is_subset(&device.epoch.usable);
        if !alive || !turn.judge.still_holds(turn.state, kind, request, promise.device, &region) {
            return Some(if recalibrated { PromiseCause::Recalibrated } else { PromiseCause::ElementLost });
        }
    }
    let late = promise.not_later_than.is_some_and(|at| at <= turn.now);
    if !late {
        return None;
    }
    // Its time has come, and it has not started.
    let Some(device) = turn.state.fleet().get(promise.device) else {
        return Some(PromiseCause::DeviceLost);
    };
    let overdue = |booking: &Booking| booking.until.is_some_and(|until| until <= turn.now);
    let mut bookings = device.calendar.bookings();
    let overrun = bookings.any(|(_, kind, booking)| kind == BookingKind::Allocation && overdue(booking));
    Some(if overrun { PromiseCause::Overrun } else { PromiseCause::NotFoundAgain })
}

/// Moves what is promised out of the way of those who could use it until then; whether anything moved.
pub fn make_room(turn: &mut Turn<'_>, plan: &mut Plan, promised: &[JobSlot]) -> bool {
    let mut moved = false;
    for &slot in promised {
        let Some(known) = &turn.state.jobs()[slot].promise else { continue };
        let promise: StartPromise = known.promise.clone();
        let request = turn.state.jobs()[slot].request.clone();
        let kind = turn.judge.memo.kind_of(slot, &request);
        if let Some(better) = turn.judge.out_of_the_way(turn.state, turn.now, kind, &request, &promise) {
            plan.promise(turn.state, slot, Some(better), PromiseCause::Earlier);
            moved = true;
        }
    }
    moved
}
