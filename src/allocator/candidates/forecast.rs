//! When and where a blocked job could start at the latest: the earliest start on the calendars of the devices.
//!
//! Promises the first of a device's edges at which a placement within all hard bounds is found on what stays free until
//! the job would have ended; it depends on what runs on the device and what is promised there alone, so that a device that has
//! not changed has nothing earlier to offer. Leaves to the scheduler who is promised anything.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use smallvec::SmallVec;

use super::judge::{Judge, Terms, When, manners, stay};
use super::memo::{EarliestKnown, KindId};
use super::promise_memo::tidy_as_of;
use crate::allocator::config::Starts;
use crate::allocator::explain::Obstacle;
use crate::allocator::isolation;
use crate::allocator::placement::cost::NAT;
use crate::allocator::protocol::{JobRequest, PartyTerms, StartPromise, Status};
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

/// Why a job cannot start on a device at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Later {
    /// It is proved that it cannot, nor on fewer qubits.
    Never,
    /// Nothing was found.
    Unknown,
}

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

/// After so many edges at which nothing was found, whole devices are left out.
const EDGES_TRIED: usize = 16;

/// The jobs that run at one time.
type Jobs<'c> = SmallVec<[&'c Booking; 16]>;

/// Whether jobs may be promised a start on a device.
pub(super) fn is_open_to(device: &Device, request: &JobRequest) -> bool {
    device.status == Status::Online && !device.leaving && !request.excluded_devices.contains(&device.id)
}

/// Of which party a job is there.
fn party_on(state: &State, device: &Device, request: &JobRequest) -> Option<PartyTerms> {
    isolation::promise(request, &state.config().isolation, &device.spec.limits).party
}

/// Where a device stands in the job's own order, and among all.
type Place = (usize, usize);

/// A device on which an earliest start is looked for.
struct Candidate {
    id: DeviceId,
    place: Place,
    /// Its edges from the first on at which there are enough qubits by number, the next one at the end; `None`: not yet
    /// worked out.
    edges: Option<SmallVec<[Time; 16]>>,
}

/// What is found on the way through the edges of all devices.
enum Step {
    /// The edges of one of them are known from now on.
    Listed(usize),
    /// One of them has an edge.
    Edge(DeviceId, Time),
    /// Nothing of interest.
    Nothing,
}

/// Devices on which earliest starts are looked for, in order of when that may be.
struct Candidates<'a> {
    state: &'a State,
    now: Time,
    request: &'a JobRequest,
    counting: Counting,
    known: Vec<Candidate>,
    /// When one of those known has an edge at the earliest, with its place and its index.
    next: BinaryHeap<Reverse<(Time, Place, usize)>>,
}

impl Candidates<'_> {
    fn outlook<'d>(&'d self, device: &'d Device) -> Outlook<'d> {
        self.state.outlook(device, self.now, self.counting, party_on(self.state, device, self.request))
    }

    /// Adds a device, if the job may run there; `edge`: when it has an edge at the earliest, if it is known.
    fn admit(&mut self, id: DeviceId, place: usize, edge: Option<Time>) {
        let device = self.state.fleet().get(id).filter(|device| is_open_to(device, self.request));
        let large = |device: &&Device| device.epoch.usable.len() >= self.request.min_qubits as usize;
        let Some(device) = device.filter(large) else { return };
        let edge = edge.filter(|edge| *edge > self.now);
        let edge = edge.or_else(|| self.outlook(device).first_edge(self.state.config().starts));
        let preferred = self.request.preferred_devices.iter().position(|preferred| *preferred == id);
        let place = (preferred.unwrap_or(usize::MAX), place);
        self.next.extend(edge.map(|at| Reverse((at, place, self.known.len()))));
        self.known.push(Candidate { id, place, edges: None });
    }

    /// Goes on to whatever may be next; `None`: there is nothing left.
    fn step(&mut self) -> Option<Step> {
        let Reverse((at, place, index)) = self.next.pop()?;
        let candidate = &mut self.known[index];
        let Some(device) = self.state.fleet().get(candidate.id) else { return Some(Step::Nothing) };
        let Some(edges) = &mut candidate.edges else {
            let party = party_on(self.state, device, self.request);
            let outlook = self.state.outlook(device, self.now, self.counting, party);
            let bound = by_count(outlook, device, self.request).flatten();
            let mut edges = bound.map(|_| outlook.edges(self.state.config().starts)).unwrap_or_default();
            edges.retain(|at| bound.is_some_and(|bound| *at >= bound));
            edges.reverse();
            self.next.extend(edges.last().map(|at| Reverse((*at, place, index))));
            candidate.edges = Some(edges);
            return Some(Step::Listed(index));
        };
        // Some may have been left out since it was put in line.
        let found = edges.last() == Some(&at);
        if found {
            edges.pop();
        }
        self.next.extend(edges.last().map(|at| Reverse((*at, place, index))));
        Some(if found { Step::Edge(device.id, at) } else { Step::Nothing })
    }

    /// Leaves out a device's edges before an instant.
    fn leave_out(&mut self, index: usize, before: Time) {
        if let Some(edges) = &mut self.known[index].edges {
            edges.retain(|at| *at >= before);
        }
    }

    /// A device's last edge before an instant.
    fn last_before(&self, index: usize, before: Time) -> Option<Time> {
        self.known[index].edges.as_ref()?.iter().find(|at| **at < before).copied()
    }
}

impl Judge {
    /// The earliest start of a job on any of these devices (`None`: on any), beside what is promised already; of equals on the
    /// one that it prefers, then on the one named first.
    ///
    /// Goes through the edges of all devices in order of time, so that none is looked at that is later than the answer.
    #[expect(clippy::too_many_arguments, reason = "one question, asked from one place")]
    pub fn earliest(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        devices: Option<&[DeviceId]>,
        wanted: Wanted,
        counting: Counting,
    ) -> Option<StartPromise> {
        let (known, next) = (Vec::new(), BinaryHeap::new());
        let mut candidates = Candidates { state, now, request, counting, known, next };
        let known = self.memo[kind].earliest.filter(|known| known.epochs == state.fleet().epochs);
        let changed = known.and_then(|known| state.fleet().changed_since(known.changes));
        let changed: BTreeSet<DeviceId> = changed.into_iter().flatten().collect();
        let mut later = None;
        match devices {
            Some(devices) => {
                for (place, id) in devices.iter().enumerate() {
                    candidates.admit(*id, place, None);
                }
            }
            None => later = Some(state.fleet().index.by_edge().peekable()),
        }
        let mut tried = 0;
        loop {
            // Whoever might come before the next one, or beside it, is known.
            while let Some((edge, id)) = later.as_mut().and_then(|later| {
                later.next_if(|(edge, _)| candidates.next.peek().is_none_or(|Reverse((at, ..))| edge <= at))
            }) {
                candidates.admit(id, id.index(), Some(edge));
            }
            let Some(step) = candidates.step() else { break };
            let (id, at) = match step {
                Step::Edge(id, at) => (id, at),
                Step::Listed(index) => {
                    if let Some(before) = self.never_before(&candidates, kind, index, &changed) {
                        candidates.leave_out(index, before);
                    }
                    continue;
                }
                Step::Nothing => continue,
            };
            if wanted.excludes(at) {
                return None;
            }
            let Some(device) = state.fleet().get(id) else { continue };
            if let Ok(promise) = self.start_at(state, now, kind, request, device, at, counting) {
                if devices.is_none() {
                    let (changes, epochs) = (state.fleet().changes(), state.fleet().epochs);
                    self.memo[kind].earliest = Some(EarliestKnown { changes, epochs, at });
                }
                return Some(promise);
            }
            tried += 1;
            if tried >= EDGES_TRIED + candidates.known.len() / 4 {
                tried = 0;
                let horizon = Time(at.0.saturating_add(at.0 - now.0));
                for index in 0..candidates.known.len() {
                    if self.surely_not_before(&candidates, kind, index, horizon) {
                        candidates.leave_out(index, horizon);
                    }
                }
            }
        }
        if wanted != Wanted::Any {
            return None;
        }
        // Where nobody can tell when: where the qubits are free soonest by number.
        if devices.is_none() {
            candidates.known.clear();
            for device in state.fleet().iter() {
                candidates.admit(device.id, device.id.index(), None);
            }
        }
        let bound = |candidate: &Candidate| {
            let device = state.fleet().get(candidate.id)?;
            let outlook = state.outlook(device, now, counting, party_on(state, device, request));
            let at = by_count(outlook, device, request)?;
            Some((at.is_none(), at, candidate.place, candidate.id))
        };
        let mut bounds: Vec<_> = candidates.known.iter().filter_map(bound).collect();
        bounds.sort_unstable();
        bounds.into_iter().find_map(|(.., id)| self.start_some_time(state, now, kind, request, id, counting))
    }

    /// The instant before which a job surely does not start on a device, as far as that is known.
    fn never_before(
        &mut self,
        candidates: &Candidates<'_>,
        kind: KindId,
        index: usize,
        changed: &BTreeSet<DeviceId>,
    ) -> Option<Time> {
        let fleet = candidates.state.fleet();
        let known = self.memo[kind].earliest.filter(|known| known.epochs == fleet.epochs)?;
        let device = fleet.get(candidates.known[index].id)?;
        let as_before = !changed.contains(&device.id) && bookings_only_end(candidates.state, device);
        (as_before || self.surely_not_before(candidates, kind, index, known.at)).then_some(known.at)
    }

    /// Whether it is proved that a job finds no place on a device at any of its edges before an instant.
    ///
    /// Where nothing is promised, bookings only end, so that whoever finds no place at the last edge finds none at those before
    /// it.
    fn surely_not_before(
        &mut self,
        candidates: &Candidates<'_>,
        kind: KindId,
        index: usize,
        before: Time,
    ) -> bool {
        let Candidates { state, now, request, counting, .. } = *candidates;
        let Some(device) = state.fleet().get(candidates.known[index].id) else { return false };
        let Some(last) = candidates.last_before(index, before) else { return false };
        let limits = isolation::promise(request, &state.config().isolation, &device.spec.limits);
        if !bookings_only_end(state, device)
            || limits.max_crosstalk.is_some()
            || device.calendar.limits_crosstalk()
        {
            return false;
        }
        self.start_at(state, now, kind, request, device, last, counting) == Err(Later::Never)
    }

    /// A start of a job on a device at an instant.
    #[expect(clippy::too_many_arguments, reason = "one question, asked from one place")]
    fn start_at(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        device: &Device,
        at: Time,
        counting: Counting,
    ) -> Result<StartPromise, Later> {
        let config = state.config();
        let limits = &device.spec.limits;
        let needed = request.min_qubits as usize;
        let promised = isolation::promise(request, &config.isolation, limits);
        let outlook = state.outlook(device, now, counting, promised.party);
        let window = stay(request, config, device, at);
        if !outlook.takes_one_more(window, manners(config, limits)) {
            return Err(Later::Never);
        }
        let mask = &self.memo[kind].on_device(device.id, &device.epoch).0.qubits;
        let free = outlook.free_during(window, promised.buffer_distance, mask, &device.spec.coupling_map);
        if free.len() < needed {
            return Err(Later::Never);
        }
        let beside: Jobs<'_> = outlook.jobs_in(window).collect();
        let fit = self.place_later(state, kind, request, device.id, free, &beside)?;
        Ok(promise_of(device, state, request, &fit, Some(window)))
    }

    /// A start of a job on a device when it is free some time.
    fn start_some_time(
        &mut self,
        state: &State,
        now: Time,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        counting: Counting,
    ) -> Option<StartPromise> {
        let device = state.fleet().get(id)?;
        let limits = &device.spec.limits;
        let map = &device.spec.coupling_map;
        let promised = isolation::promise(request, &state.config().isolation, limits);
        let buffer = promised.buffer_distance;
        let mask = self.memo[kind].on_device(id, &device.epoch).0.qubits.clone();
        let outlook = state.outlook(device, now, counting, promised.party);
        let endless = outlook.endless();
        // Rather beside what is promised to others than behind it.
        let ways = [true, false].into_iter();
        for (beside, gone) in ways.flat_map(|beside| (0..=endless.len()).map(move |gone| (beside, gone))) {
            let free = outlook.free_some_time(&endless, gone, beside, buffer, &mask, map);
            let beside: Jobs<'_> = outlook.jobs_some_time(&endless, gone, beside).collect();
            if free.len() >= request.min_qubits as usize
                && let Ok(fit) = self.place_later(state, kind, request, id, free, &beside)
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
        let fit = self.place_later(state, kind, request, promise.device, free, &beside).ok()?;
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
        let holds = self.place_later(state, kind, request, id, free, &[]).is_ok();
        self.promised.of(request.id).holds = holds.then_some((id, revision));
        holds
    }

    /// A placement on qubits that will be free.
    pub(super) fn place_later(
        &mut self,
        state: &State,
        kind: KindId,
        request: &JobRequest,
        id: DeviceId,
        free: QubitSet,
        beside: &[&Booking],
    ) -> Result<Fit, Later> {
        let device = state.fleet().get(id).ok_or(Later::Unknown)?;
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
                return Ok(fit);
            }
        }
        self.free = free;
        let found = self.search_free(state, kind, request, id, terms);
        let known = &self.memo[kind];
        let proves = self.strategy.capabilities().proves_absence
            && (max_swaps == Some(0) || known.pattern.is_region())
            && known.demands.least_decides();
        found.map_err(|(obstacle, _)| match obstacle {
            Obstacle::TooFewUsable { .. } => Later::Never,
            Obstacle::NoPlacement if proves => Later::Never,
            _ => Later::Unknown,
        })
    }
}

/// Whether no booking of a device begins later than now, and a job may join others at any time.
fn bookings_only_end(state: &State, device: &Device) -> bool {
    device.calendar.has_no_promises() && state.config().starts == Starts::AnyTime
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
