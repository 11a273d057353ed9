//! When and where a blocked job could start at the latest: the earliest start on the calendars of the devices.
//!
//! Promises the first of a device's edges at which a placement within all hard bounds is found on what stays free until
//! the job would have ended; it depends on what runs on the device and what is promised there alone, so that a device that has
//! not changed has nothing earlier to offer. Leaves to the scheduler who is promised anything.

use smallvec::SmallVec;

use super::judge::{Judge, Terms, When, manners, stay};
use super::memo::KindId;
use super::promise_memo::tidy_as_of;
use crate::allocator::isolation;
use crate::allocator::placement::cost::NAT;
use crate::allocator::protocol::{JobRequest, StartPromise, Status};
use crate::allocator::sizing::Fit;
use crate::allocator::state::State;
use crate::allocator::state::calendar::Booking;
use crate::allocator::state::fleet::Device;
use crate::allocator::state::outlook::{Counting, Outlook, Window};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;

/// What a promised qubit costs that somebody else could use until then, in natural logs of success: more than any noise that
/// is worth it, since the job is placed anew when it starts.
const IDLE_NOW: f64 = 4.0;

/// One in so many promised qubits must be to be had out of the way, for a search for other ones.
const WORTH_A_SEARCH: usize = 8;

/// What a promise must be to be of interest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// Whatever there is.
    Any,
    /// One with an instant.
    Timed,
    /// One for before this instant.
    Before(Time),
}

impl Wanted {
    /// What is better than a promise.
    pub fn better_than(promise: &StartPromise) -> Self {
        promise.not_later_than.map_or(Self::Timed, Self::Before)
    }

    fn excludes(self, at: Time) -> bool {
        matches!(self, Self::Before(end) if at >= end)
    }
}

/// The jobs that run at one time.
type Jobs<'c> = SmallVec<[&'c Booking; 16]>;

/// Whether jobs may be promised a start on a device.
fn is_open_to(device: &Device, request: &JobRequest) -> bool {
    device.status == Status::Online && !device.leaving && !request.excluded_devices.contains(&device.id)
}

impl Judge {
    /// The earliest start of a job on any of these devices, beside what is promised already; of equals on the one that it prefers, then on the one named first.
    #[expect(clippy::too_many_arguments, reason = "one question, asked from one place")]
    pub fn earliest(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        devices: impl Iterator<Item = DeviceId>,
        wanted: Wanted,
        counting: Counting,
    ) -> Option<StartPromise> {
        let party_on = |device: &Device| {
            isolation::promise(request, &state.config().isolation, &device.spec.limits).party
        };
        let mut bounds: SmallVec<[(Option<Time>, usize, DeviceId); 16]> = SmallVec::new();
        for id in devices {
            let Some(device) = state.fleet().get(id).filter(|device| is_open_to(device, request)) else {
                continue;
            };
            let Some(bound) =
                by_count(state.outlook(device, now, counting, party_on(device)), device, request)
            else {
                continue;
            };
            let preferred = request.preferred_devices.iter().position(|preferred| *preferred == id);
            bounds.push((bound, preferred.unwrap_or(usize::MAX), id));
        }
        // Those without an instant last.
        bounds.sort_by_key(|(bound, preferred, _)| (bound.is_none(), *bound, *preferred));
        let mut best: Option<StartPromise> = None;
        for (bound, _, id) in bounds {
            let wanted = best.as_ref().map_or(wanted, Wanted::better_than);
            match (bound, wanted) {
                (Some(at), wanted) if wanted.excludes(at) => break,
                (None, Wanted::Timed | Wanted::Before(_)) => break,
                _ => {}
            }
            if let Some(found) = self.earliest_on(state, now, kind, request, id, wanted, counting) {
                best = Some(found);
            }
        }
        best
    }

    /// The earliest start of a job on one device.
    #[expect(clippy::too_many_arguments, reason = "one question, asked from one place")]
    fn earliest_on(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        wanted: Wanted,
        counting: Counting,
    ) -> Option<StartPromise> {
        let device = state.fleet().get(id)?;
        let config = state.config();
        let limits = &device.spec.limits;
        let map = &device.spec.coupling_map;
        let promised = isolation::promise(request, &config.isolation, limits);
        let buffer = promised.buffer_distance;
        let mask = self.memo[kind].on_device(id, &device.epoch).0.qubits.clone();
        let needed = request.min_qubits as usize;
        let outlook = state.outlook(device, now, counting, promised.party);
        for at in outlook.edges(config.starts) {
            if wanted.excludes(at) {
                return None;
            }
            let window = stay(request, config, device, at);
            // Mostly there are too few, wherever they are.
            if mask.len().saturating_sub(outlook.taken_at(at, &mask)) < needed {
                continue;
            }
            if !outlook.takes_one_more(window, manners(config, limits)) {
                continue;
            }
            let free = outlook.free_during(window, buffer, &mask, map);
            if free.len() >= needed
                && let Some(fit) = self.place_later(
                    state,
                    kind,
                    request,
                    id,
                    free,
                    &outlook.jobs_in(window).collect::<Jobs<'_>>(),
                )
            {
                return Some(promise_of(device, state, request, &fit, Some(window)));
            }
        }
        if wanted != Wanted::Any {
            return None;
        }
        let endless = outlook.endless();
        // Rather beside what is promised to others than behind it.
        let ways = [true, false].into_iter();
        for (beside, gone) in ways.flat_map(|beside| (0..=endless.len()).map(move |gone| (beside, gone))) {
            let free = outlook.free_some_time(&endless, gone, beside, buffer, &mask, map);
            let beside: Jobs<'_> = outlook.jobs_some_time(&endless, gone, beside).collect();
            if free.len() >= needed
                && let Some(fit) = self.place_later(state, kind, request, id, free, &beside)
            {
                return Some(promise_of(device, state, request, &fit, None));
            }
        }
        None
    }

    /// What a job is promised at the same time on qubits of the same device by which it keeps fewer from those who could
    /// use them until then, if there are any; not asked again as long as the job [is tidy](super::promise_memo::PromiseMemo::is_tidy).
    pub fn out_of_the_way(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        promise: &StartPromise,
    ) -> Option<StartPromise> {
        let device = state.fleet().get(promise.device)?;
        self.promised.of(request.id).tidy = Some(tidy_as_of(device));
        let from = promise.not_later_than.filter(|at| *at > now)?;
        let config = state.config();
        let map = &device.spec.coupling_map;
        let buffer = promise.isolation.buffer_distance;
        let idle = idle_now(device);
        let in_the_way = |of: &StartPromise| {
            let layout = QubitSet::from_qubits(map.qubits(), of.layout.iter().copied());
            map.dilate(&layout, buffer).intersection_len(&idle)
        };
        let before = in_the_way(promise);
        if before == 0 {
            return None;
        }
        let window = stay(request, config, device, from);
        let outlook =
            state.outlook(device, now, super::judge::counting(state, request), promise.isolation.party);
        let mask = self.memo[kind].on_device(promise.device, &device.epoch).0.qubits.clone();
        let free = outlook.free_during(window, buffer, &mask, map);
        // A search must promise more than a few qubits, but where they are all alike, and it costs nothing.
        let taken = promise.layout.iter().filter(|qubit| idle.contains(**qubit)).count();
        let busy_until_then = free.len() - free.intersection_len(&idle);
        let gain = taken.saturating_sub(promise.layout.len().saturating_sub(busy_until_then));
        let worth_it = if device.epoch.is_complete() { 1 } else { 1 + promise.layout.len() / WORTH_A_SEARCH };
        if gain < worth_it {
            return None;
        }
        let beside: Jobs<'_> = outlook.jobs_in(window).collect();
        let fit = self.place_later(state, kind, request, promise.device, free, &beside)?;
        let moved = promise_of(device, state, request, &fit, Some(window));
        (in_the_way(&moved) < before).then_some(moved)
    }

    /// Whether a region still holds the job, by the device as it is now and whoever is on it.
    pub fn still_holds(
        &mut self,
        state: &State,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        region: &QubitSet,
    ) -> bool {
        let Some(device) = state.fleet().get(id) else { return false };
        let revision = device.epoch.revision;
        let known = &mut self.promised.of(request.id).holds;
        if *known == Some((id, revision)) {
            return true;
        }
        let mut free = self.memo[kind].on_device(id, &device.epoch).0.qubits.clone();
        free.intersect_with(region);
        let holds = self.place_later(state, kind, request, id, free, &[]).is_some();
        self.promised.of(request.id).holds = holds.then_some((id, revision));
        holds
    }

    /// A placement on qubits that will be free.
    fn place_later(
        &mut self,
        state: &State,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        free: QubitSet,
        beside: &[&Booking],
    ) -> Option<Fit> {
        let device = state.fleet().get(id)?;
        let idle = idle_now(device);
        let cost = (IDLE_NOW * NAT) as u64;
        let mut prefer = vec![0_u64; free.capacity()];
        for qubit in &idle {
            prefer[qubit.index()] = cost;
        }
        let whole = device.epoch.is_complete();
        let max_swaps = self.max_swaps(state, kind);
        let never_fits = self.never_fits(state, kind, id, max_swaps);
        let when = When::Later { beside, prefer: &prefer };
        let terms = Terms { max_swaps, never_fits, searched: false, when };
        if whole && !self.strategy.capabilities().minimises {
            // Where all qubits couple, those will mostly do that nobody could use now, and as few others as are needed.
            let mut few = free.clone();
            few.subtract(&idle);
            let more = (request.min_qubits as usize).saturating_sub(few.len());
            free.iter().filter(|qubit| idle.contains(*qubit)).take(more).for_each(|qubit| {
                few.insert(qubit);
            });
            self.free = few;
            if let Ok(fit) = self.search_free(state, kind, request, id, terms) {
                return Some(fit);
            }
        }
        self.free = free;
        self.search_free(state, kind, request, id, terms).ok()
    }
}

/// The qubits of a device that somebody could use now.
fn idle_now(device: &Device) -> QubitSet {
    let mut idle = device.epoch.usable.clone();
    idle.subtract(device.calendar.held());
    idle.subtract(&device.calendar.blocked());
    idle
}

fn promise_of(
    device: &Device,
    state: &State,
    request: &JobRequest,
    fit: &Fit,
    window: Option<Window>,
) -> StartPromise {
    let limits = &device.spec.limits;
    StartPromise {
        device: device.id,
        epoch: device.epoch.number,
        layout: fit.placement.layout.clone(),
        not_later_than: window.map(|window| window.from),
        until: window.and_then(|window| window.until),
        isolation: isolation::promise(request, &state.config().isolation, limits),
    }
}

/// The first instant at which a device has enough qubits for a job by number alone, if it ever has; `Some(None)`: nobody
/// can tell.
fn by_count(outlook: Outlook<'_>, device: &Device, request: &JobRequest) -> Option<Option<Time>> {
    let usable = device.epoch.usable.len();
    let needed = request.min_qubits as usize;
    if usable < needed {
        return None;
    }
    let mut free = usable.saturating_sub(device.calendar.held().len());
    if free >= needed {
        return Some(Some(outlook.now));
    }
    let mut ends: SmallVec<[(Time, usize); 16]> = outlook.ends_of_jobs().collect();
    ends.sort_unstable();
    for (at, qubits) in ends {
        free += qubits;
        if free >= needed {
            return Some(Some(at));
        }
    }
    Some(None)
}
