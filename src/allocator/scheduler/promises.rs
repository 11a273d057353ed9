//! What blocked jobs are promised during a pass: a first promise, an earlier one, or another one where something that the
//! promise rested on is gone.
//!
//! Promises that no promise becomes worse without one of the causes of [`PromiseCause`].

use smallvec::SmallVec;

use super::plan::Plan;
use crate::allocator::candidates::forecast::Wanted;
use crate::allocator::candidates::index::Need;
use crate::allocator::candidates::judge::{Search, counting, manners};
use crate::allocator::candidates::memo::KindId;
use crate::allocator::candidates::rearrange::{Asking, Rearranged};
use crate::allocator::protocol::{JobRequest, PromiseCause, StartPromise, Status};
use crate::allocator::state::State;
use crate::allocator::state::calendar::BookingKind;
use crate::allocator::state::jobs::Promised;
use crate::allocator::state::outlook::{Counting, Window};
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

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
    let devices: Option<SmallVec<[DeviceId; 16]>> = match only {
        Some(device) => Some(SmallVec::from_iter([device])),
        None if !turn.judge.selector.names_all() => Some(named(turn, slot, kind, request)),
        None => {
            // What has not changed has nothing better to offer than when it was asked.
            let changed = since.and_then(|since| turn.state.fleet().changed_since(since));
            changed.map(|changed| {
                let mut changed: SmallVec<[DeviceId; 16]> = changed.collect();
                changed.sort_unstable();
                changed
            })
        }
    };
    let standing = turn.state.standing(slot);
    let counting = match wanted {
        Wanted::Any => Counting::Earlier(standing),
        // What is earlier for one must not be later for another.
        Wanted::Timed | Wanted::Before(_) => Counting::EarlierAndTimed(standing),
    };
    let found =
        turn.judge.earliest(turn.state, turn.now, kind, request, devices.as_deref(), wanted, counting);
    let asking = Asking { now: turn.now, slot, kind, request, counting };
    let found = match earlier_by_number(turn, asking, devices.as_deref(), wanted, found.as_ref()) {
        Some(Rearranged { own, moved }) if is_allowed(turn, slot, &own) => {
            plan.rearrange(turn.state, moved);
            Some(own)
        }
        _ => match found {
            Some(promise) if !is_allowed(turn, slot, &promise) => {
                // So many are too many for its quota: then the least.
                let larger = promise.layout.len() as u32 > request.min_qubits;
                let least = JobRequest { max_qubits: request.min_qubits, ..request.clone() };
                let found = larger.then_some(least).and_then(|least| {
                    let Turn { state, judge, now, .. } = &mut *turn;
                    let kind = judge.memo.join(&least);
                    plan.kinds.push(kind);
                    judge.earliest(state, *now, kind, &least, devices.as_deref(), wanted, counting)
                });
                found.filter(|promise| is_allowed(turn, slot, promise))
            }
            found => found,
        },
    };
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

/// Whether a quota leaves a job what it is to be promised.
fn is_allowed(turn: &Turn<'_>, slot: JobSlot, promise: &StartPromise) -> bool {
    turn.state.quota_allows(slot, promise.layout.len() as u32).is_ok()
}

/// The earliest start of a job on any of these devices (`None`: on any) before the one that was found, if others are promised
/// other qubits at the same instants.
fn earlier_by_number(
    turn: &mut Turn<'_>,
    asking: Asking<'_>,
    devices: Option<&[DeviceId]>,
    wanted: Wanted,
    found: Option<&StartPromise>,
) -> Option<Rearranged> {
    let Turn { state, judge, .. } = turn;
    let mut before = found.and_then(|found| found.not_later_than).or(match wanted {
        Wanted::Before(at) => Some(at),
        Wanted::Any | Wanted::Timed => None,
    });
    let mut earliest = None;
    for id in promising(state, asking.request, devices) {
        if let Some(room) = judge.room_later(state, asking, id, before) {
            before = room.own.not_later_than;
            earliest = Some(room);
        }
    }
    earliest
}

/// The devices among these (`None`: of all) on which somebody is promised a start, those first that a job prefers.
fn promising(state: &State, request: &JobRequest, devices: Option<&[DeviceId]>) -> SmallVec<[DeviceId; 4]> {
    let among = |id: &DeviceId| devices.is_none_or(|devices| devices.contains(id));
    let mut ids: SmallVec<[DeviceId; 4]> = state.fleet().promising().filter(among).collect();
    let preferred = |id: &DeviceId| request.preferred_devices.iter().position(|preferred| preferred == id);
    ids.sort_by_key(|id| preferred(id).unwrap_or(usize::MAX));
    ids
}

/// Promises others other qubits at the same instants, if a job that all devices refuse (or `only`) can start then; whether it
/// can.
pub fn make_room_by_number(
    turn: &mut Turn<'_>,
    plan: &mut Plan,
    slot: JobSlot,
    kind: KindId,
    request: &JobRequest,
    only: Option<DeviceId>,
) -> bool {
    let Turn { state, judge, now, .. } = turn;
    let asking = Asking { now: *now, slot, kind, request, counting: counting(state, request) };
    let only = only.map(|device| [device]);
    let devices = promising(state, request, only.as_ref().map(<[_; 1]>::as_slice));
    let Some(room) = devices.into_iter().find_map(|id| judge.room_now(state, asking, id)) else {
        return false;
    };
    plan.rearrange(turn.state, room.moved);
    true
}

/// The devices that a selector names for a job which may leave some out.
fn named(turn: &mut Turn<'_>, slot: JobSlot, kind: KindId, request: &JobRequest) -> SmallVec<[DeviceId; 16]> {
    let Turn { state, judge, now, .. } = turn;
    let need = Need::Capacity(request.min_qubits);
    let (attempts, last_chosen) = (state.jobs()[slot].attempts, state.last_chosen());
    let mut walk = judge.walk(state, request, Search { now: *now, kind, attempts, need, last_chosen });
    std::iter::from_fn(|| walk.next(&state.fleet().index, &*judge.selector)).collect()
}

/// Takes the promise of a job that no device could take any more even if it were empty.
pub fn give_up(turn: &mut Turn<'_>, plan: &mut Plan, slot: JobSlot, kind: KindId, request: &JobRequest) {
    let known = turn.state.jobs()[slot].promise.clone();
    if let Some(cause) = known.and_then(|known| broken(turn, kind, request, &known)) {
        plan.promise(turn.state, slot, None, cause);
    }
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
    let at = promise.not_later_than?;
    // Who runs too long, or has, and rests until it is too late.
    let overrun = device.calendar.bookings().any(|(_, kind, booking)| match kind {
        BookingKind::Allocation => booking.until.is_some_and(|until| until <= turn.now),
        BookingKind::Guard => booking.until.is_some_and(|until| until > at),
    });
    if at <= turn.now {
        // Its time has come, and it has not started.
        return Some(if overrun { PromiseCause::Overrun } else { PromiseCause::NotFoundAgain });
    }
    // Those before it may be promised something else by now.
    let window = Window { from: at, until: promise.until, rest: promise.isolation.spared() };
    let counting = Counting::Earlier(turn.state.standing(turn.state.find(request.id)?.0));
    // As if everybody were to end in time: who runs too long is looked at when the time has come.
    let outlook = turn.state.outlook(device, Time::ZERO, counting, promise.isolation.party);
    let mut free = region.clone();
    let map = &device.spec.coupling_map;
    let entered = outlook.subtract_promises(window, promise.isolation.buffer_distance, map, &mut free);
    let config = turn.state.config();
    let full = !outlook.takes_one_more(window, manners(config, &device.spec.limits));
    let behind = if overrun { PromiseCause::Overrun } else { PromiseCause::OrderChanged };
    (entered || full).then_some(behind)
}

/// Moves what is promised out of the way of a job that could use it until then; whether anything moved.
pub fn make_room(turn: &mut Turn<'_>, plan: &mut Plan, promised: &[JobSlot], for_whom: &JobRequest) -> bool {
    let mut moved = false;
    let need = Need::Free(for_whom.min_qubits);
    for &slot in promised {
        let Some(known) = &turn.state.jobs()[slot].promise else { continue };
        let (job, device) = (turn.state.jobs()[slot].request.id, known.promise.device);
        let of_use =
            turn.state.fleet().index.meets(device, need) && !for_whom.excluded_devices.contains(&device);
        if !of_use || turn.judge.promised.is_tidy(turn.state, job, device) {
            continue;
        }
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
