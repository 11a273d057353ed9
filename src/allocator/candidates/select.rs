//! Which device a job gets: the first that can place it, or the best, in the order of the selector; and for which device
//! it waits, with queues per device.

use smallvec::SmallVec;

use super::index::{FleetIndex, Need};
use super::judge::{Judge, Search, closed};
use super::memo::{Causes, KindId, Length, RefusedEverywhere, WhenEmpty};
use crate::allocator::config::Starts;
use crate::allocator::explain::Obstacle;
use crate::allocator::placement::cost::in_parts;
use crate::allocator::protocol::{JobRequest, WaitCause};
use crate::allocator::sizing::Fit;
use crate::allocator::state::State;
use crate::allocator::state::fleet::Device;
use crate::allocator::state::place::Standing;
use crate::quantum::DeviceId;
use crate::time::Time;

/// A placement that was found for a job, not yet booked.
pub struct Found {
    /// On which device.
    pub device: DeviceId,
    /// Where, and how good it is.
    pub fit: Fit,
}

/// Nobody takes a job now.
#[derive(Debug, Clone, Copy)]
pub struct Refused {
    /// Why the device does not that is nearest to taking it.
    pub cause: WaitCause,
    /// Enough qubits were free somewhere, but no region of the shape.
    pub by_shape: bool,
}

impl Refused {
    /// By all devices that were asked, or by the index in their name.
    fn by(causes: &Causes, state: &State, request: &JobRequest) -> Self {
        let asked = causes.first().filter(|cause| *cause < WaitCause::FreeQubits);
        let cause = asked.unwrap_or_else(|| {
            let unasked = unasked(state, request);
            causes.first().map_or(unasked, |cause| cause.min(unasked))
        });
        Self { cause, by_shape: causes.by_shape > 0 }
    }

    /// By one device.
    pub fn by_one(state: &State, id: DeviceId, obstacle: Obstacle) -> Self {
        Self { cause: cause_on(state, id, obstacle), by_shape: obstacle.is_shape() }
    }
}

/// Whether a device takes no more jobs before those that run on it, or start on it now, have ended.
fn is_in_a_batch(state: &State, id: DeviceId) -> bool {
    let device = state.fleet().get(id);
    state.config().starts == Starts::WhenEmpty
        && device.is_some_and(|device| device.calendar.allocations().next().is_some())
}

/// What a job waits for that a device refuses.
fn cause_on(state: &State, id: DeviceId, obstacle: Obstacle) -> WaitCause {
    if is_in_a_batch(state, id) { obstacle.cause().max(WaitCause::FullDevice) } else { obstacle.cause() }
}

/// Why those devices do not take a job that were not asked, since the index knows that too few qubits are free.
fn unasked(state: &State, request: &JobRequest) -> WaitCause {
    let (index, fleet) = (&state.fleet().index, state.fleet());
    let least = request.min_qubits;
    let of = |device: &Device| match closed(device) {
        Some(obstacle) => obstacle.cause(),
        None if is_in_a_batch(state, device.id) => WaitCause::FullDevice,
        None => WaitCause::FreeQubits,
    };
    let takes_part = |device: &&Device| {
        !index.meets(device.id, Need::Free(least)) && !request.excluded_devices.contains(&device.id)
    };
    // Mostly the first that is large enough is open.
    let first = index.next(0, Need::Capacity(least)).and_then(|id| fleet.get(id)).filter(takes_part);
    if first.is_some_and(|device| of(device) == WaitCause::FreeQubits) {
        return WaitCause::FreeQubits;
    }
    let large = fleet.iter().filter(|device| device.spec.coupling_map.qubits() >= least as usize);
    large.filter(takes_part).map(of).min().unwrap_or(WaitCause::OutOfService)
}

impl Found {
    /// Whether a job is better off here: soft bounds first, then the number of qubits, then what it loses, then the load.
    fn is_better_than(&self, other: &Self, index: &FleetIndex) -> bool {
        let rank = |found: &Self| {
            let fit = &found.fit;
            let qubits = std::cmp::Reverse(fit.placement.layout.len());
            (!fit.meets_all(), qubits, in_parts(fit.placement.cost), index.load(found.device).load_ppm)
        };
        rank(self) < rank(other)
    }
}

/// Where a job stands; of no interest where nothing is promised.
fn standing_of(state: &State, request: &JobRequest) -> Option<Standing> {
    let promises = state.config().queue.makes_promises();
    state.find(request.id).filter(|_| promises).map(|(slot, _)| state.standing(slot))
}

/// How long a job stays.
fn length_of(state: &State, request: &JobRequest) -> Length {
    Length::of(request, state.config().estimate())
}

impl Judge {
    /// A placement on the first (or best) device of the fleet, and how many others were before it.
    pub fn select(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        attempts: u32,
        last_chosen: Option<DeviceId>,
    ) -> Result<(Found, u32), Refused> {
        let need = Need::Free(request.min_qubits);
        // A job with a promise makes way for others behind it, which one without does not.
        let promised = state.config().queue.makes_promises()
            && state.find(request.id).is_some_and(|(_, job)| job.promise.is_some());
        if !promised && let Some(refused) = self.still_refused(state, now, kind, request, need) {
            return Err(refused);
        }
        self.memo[kind].begin_walk();
        let mut best: Option<Found> = None;
        let (mut asked, mut causes) = (0, Causes::default());
        let mut walk = self.walk(state, request, Search { now, kind, attempts, need, last_chosen });
        while let Some(id) = walk.next(&state.fleet().index, &*self.selector) {
            if walk.is_at_overloaded() && best.as_ref().is_some_and(|best| best.fit.meets_all()) {
                break;
            }
            asked += 1;
            match self.ask(state, now, kind, request, id, false) {
                Ok(fit) => {
                    let preferred = request.preferred_devices.contains(&id);
                    // Another device may meet the soft bound that this one misses.
                    let settled = fit.meets_all();
                    let found = Found { device: id, fit };
                    if best.as_ref().is_none_or(|best| found.is_better_than(best, &state.fleet().index)) {
                        best = Some(found);
                    }
                    if settled && (preferred || !self.selector.compares_all()) {
                        break;
                    }
                }
                Err(obstacle) => {
                    let cause = cause_on(state, id, obstacle);
                    causes.add(cause, obstacle.is_shape());
                    self.memo[kind].note_refusal(id, Some((cause, obstacle.is_shape())));
                }
            }
        }
        match best {
            Some(found) => Ok((found, asked - 1)),
            None => {
                if self.selector.names_all() && !promised {
                    let (length, standing) = (length_of(state, request), standing_of(state, request));
                    let charged = state.accounts().changes();
                    let (changes, epochs) = (state.fleet().changes(), state.fleet().epochs);
                    let refused =
                        RefusedEverywhere { changes, epochs, at: now, causes, length, standing, charged };
                    self.memo[kind].refused = Some(refused);
                }
                Err(Refused::by(&causes, state, request))
            }
        }
    }

    /// Whether all devices would still refuse a job of a kind that they have refused before: asks those that have
    /// changed since.
    fn still_refused(
        &mut self,
        state: &mut State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        need: Need,
    ) -> Option<Refused> {
        let refused = self.memo[kind].refused.as_ref()?;
        // Devices that were open then may be closed by now.
        let closing = state.config().starts == Starts::WhenEmpty && refused.at != now;
        if closing || refused.epochs != state.fleet().epochs {
            return None;
        }
        let mut changed: SmallVec<[DeviceId; 8]> = state.fleet().changed_since(refused.changes)?.collect();
        // Whoever stands behind, or stays as long or longer, meets all promises that the other one has met. Whoever does not
        // is asked about where anything is promised.
        let (length, standing) = (length_of(state, request), standing_of(state, request));
        let charged = state.accounts().changes();
        let alike =
            refused.charged == charged && length.meets_all_of(refused.length) && standing >= refused.standing;
        if !alike {
            changed.extend(state.fleet().promising());
            changed.sort_unstable();
            changed.dedup();
        }
        if changed.is_empty() {
            return Some(Refused::by(&refused.causes, state, request));
        }
        let mut refused = *refused;
        for id in changed {
            let takes_part = state.fleet().index.meets(id, need) && !request.excluded_devices.contains(&id);
            let cause = match takes_part.then(|| self.ask(state, now, kind, request, id, false)) {
                Some(Ok(_)) => return None,
                Some(Err(obstacle)) => Some((cause_on(state, id, obstacle), obstacle.is_shape())),
                None => None,
            };
            let before = self.memo[kind].note_refusal(id, cause);
            before.into_iter().for_each(|(cause, shape)| refused.causes.take(cause, shape));
            cause.into_iter().for_each(|(cause, shape)| refused.causes.add(cause, shape));
        }
        refused.changes = state.fleet().changes();
        (refused.length, refused.standing, refused.charged) = (length, standing, charged);
        self.memo[kind].refused = Some(refused);
        Some(Refused::by(&refused.causes, state, request))
    }

    /// The device for whose queue a job is destined: one that could take it when empty, in service if possible.
    pub fn choose_home(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        attempts: u32,
    ) -> Option<DeviceId> {
        let need = Need::Capacity(request.min_qubits);
        let search = Search { now, kind, attempts, need, last_chosen: state.last_chosen() };
        let mut best: Option<((u64, u64), DeviceId)> = None;
        let mut walk = self.walk(state, request, search);
        while let Some(id) = walk.next(&state.fleet().index, &*self.selector) {
            if walk.is_at_overloaded() && best.is_some_and(|((loss, _), _)| loss < u64::MAX) {
                break;
            }
            let WhenEmpty::Possible(known) = self.when_empty(state, kind, id) else { continue };
            // Where the search gave up, it would give up on the empty device again: such a home is the last resort.
            let rank = (known.map_or(u64::MAX, in_parts), state.fleet().index.load(id).load_ppm);
            if best.is_none_or(|(lowest, _)| rank < lowest) {
                best = Some((rank, id));
            }
            let preferred = request.preferred_devices.contains(&id);
            if known.is_some() && (preferred || !self.selector.compares_all()) {
                break;
            }
        }
        if best.is_none() {
            // Nothing in service can take it: wait for a device that is expected back.
            let ids: SmallVec<[DeviceId; 16]> = state.fleet().iter().map(|device| device.id).collect();
            return ids.into_iter().find(|id| self.when_empty(state, kind, *id).is_possible());
        }
        best.map(|(_, id)| id)
    }
}
