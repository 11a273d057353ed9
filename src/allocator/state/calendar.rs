//! Who holds or blocks which qubits of one device, from when until when.
//!
//! Promises that no qubit is ever booked twice at one time and that the masks are always those of the bookings. The
//! masks of now are kept in step with every booking; those of a window are worked out when asked for (`outlook`). What is
//! promised to jobs that wait is on record as well, and may not be entered, but is nobody's yet. Jobs of one party keep nothing
//! from each other but what they hold. Leaves the meaning of a buffer to [`crate::allocator::isolation`] and the liveness of
//! qubits to the fleet.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

pub use super::booking::{Booking, BookingKind, Kept};
use super::multiset::Multiset;
use super::place::Rank;
use crate::allocator::protocol::{Allocation, AllocationId, JobId, PartyTerms, PromisedIsolation};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet};
use crate::time::Time;

/// The bookings of one device and the masks derived from them.
#[derive(Debug, Clone, Serialize)]
pub struct Calendar {
    #[serde(serialize_with = "as_list")]
    bookings: BTreeMap<(AllocationId, BookingKind), Booking>,
    /// What is kept for jobs that wait.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    promises: BTreeMap<JobId, Kept>,
    /// The qubits of those jobs that keep others off, with all that is closer to them than their buffer distance.
    #[serde(skip)]
    around: BTreeMap<AllocationId, QubitSet>,
    /// Booked by a plan that is not decided yet; the last one at the end.
    #[serde(skip)]
    planned: SmallVec<[AllocationId; 4]>,
    #[serde(skip)]
    held: QubitSet,
    #[serde(skip)]
    guarded: Multiset,
    /// Qubits that others keep idle around themselves.
    #[serde(skip)]
    buffered: Multiset,
    /// What of both is the doing of those with parties, whose fellows may take it.
    #[serde(skip)]
    of_parties: Multiset,
    /// Per buffer distance in use: qubits closer than that to a held qubit.
    #[serde(skip)]
    within_distance: SmallVec<[(u32, Multiset); 2]>,
    #[serde(skip)]
    allocations: u32,
    #[serde(skip)]
    changes: u64,
}

/// The bookings of a calendar as they are saved; the masks follow from them.
#[derive(Debug, Deserialize)]
pub(super) struct SavedCalendar {
    bookings: Vec<((AllocationId, BookingKind), Booking)>,
    #[serde(default)]
    promises: BTreeMap<JobId, Kept>,
}

impl SavedCalendar {
    /// The calendar of a device with the given couplers; `None` if a qubit is booked twice or does not exist.
    pub(super) fn restore(self, map: &CouplingMap) -> Option<Calendar> {
        let mut calendar = Calendar::new(map.qubits());
        for ((holder, kind), booking) in self.bookings {
            let fits = booking.qubits.capacity() == map.qubits();
            if !fits || !calendar.is_free(&booking.qubits, booking.party) {
                return None;
            }
            calendar.book(holder, kind, booking, map);
        }
        if self.promises.values().any(|kept| kept.booking.qubits.capacity() != map.qubits()) {
            return None;
        }
        calendar.promises = self.promises;
        Some(calendar)
    }
}

/// Keys of two parts cannot be keys in every format.
fn as_list<S: serde::Serializer>(
    bookings: &BTreeMap<(AllocationId, BookingKind), Booking>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(bookings)
}

impl Calendar {
    /// An empty calendar for a device with `qubits` qubits.
    pub fn new(qubits: usize) -> Self {
        Self {
            bookings: BTreeMap::new(),
            promises: BTreeMap::new(),
            around: BTreeMap::new(),
            planned: SmallVec::new(),
            held: QubitSet::new(qubits),
            guarded: Multiset::new(qubits),
            buffered: Multiset::new(qubits),
            of_parties: Multiset::new(qubits),
            within_distance: SmallVec::new(),
            allocations: 0,
            changes: 0,
        }
    }

    /// Rises with every booking that comes or goes; counts from 0 again in a core that was restored.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Books qubits from now on. The caller has chosen them out of [`Self::free_for`].
    pub fn book(&mut self, holder: AllocationId, kind: BookingKind, booking: Booking, map: &CouplingMap) {
        debug_assert!(self.is_free(&booking.qubits, booking.party), "a qubit is booked twice");
        self.changes += 1;
        match kind {
            BookingKind::Guard => {
                self.guarded.add(&booking.qubits);
                if is_spared(&booking) {
                    self.of_parties.add(&booking.qubits);
                }
            }
            BookingKind::Allocation => {
                self.allocations += 1;
                self.held.union_with(&booking.qubits);
                if booking.buffer_distance > 0 {
                    let around = map.dilate(&booking.qubits, booking.buffer_distance);
                    self.buffered.add(&around);
                    if booking.party.is_some() {
                        self.of_parties.add(&around);
                    }
                    self.around.insert(holder, around);
                }
                for (distance, within) in &mut self.within_distance {
                    within.add(&map.dilate(&booking.qubits, *distance));
                }
            }
        }
        self.bookings.insert((holder, kind), booking);
    }

    /// Takes a booking out and returns it.
    pub fn release(&mut self, holder: AllocationId, kind: BookingKind, map: &CouplingMap) -> Option<Booking> {
        let booking = self.bookings.remove(&(holder, kind))?;
        self.changes += 1;
        match kind {
            BookingKind::Guard => {
                self.guarded.subtract(&booking.qubits);
                if is_spared(&booking) {
                    self.of_parties.subtract(&booking.qubits);
                }
            }
            BookingKind::Allocation => {
                self.allocations -= 1;
                self.held.subtract(&booking.qubits);
                if let Some(around) = self.around.remove(&holder) {
                    self.buffered.subtract(&around);
                    if booking.party.is_some() {
                        self.of_parties.subtract(&around);
                    }
                }
                for (distance, within) in &mut self.within_distance {
                    within.subtract(&map.dilate(&booking.qubits, *distance));
                }
            }
        }
        Some(booking)
    }

    /// Books qubits for a plan, which either is decided ([`Self::confirm`]) or taken back ([`Self::take_back`]).
    pub fn plan(&mut self, holder: AllocationId, booking: Booking, map: &CouplingMap) {
        self.book(holder, BookingKind::Allocation, booking, map);
        self.planned.push(holder);
    }

    /// A plan has become a decision: whether just this was booked for it.
    pub fn confirm(&mut self, allocation: &Allocation) -> bool {
        let Some(index) = self.planned.iter().position(|planned| *planned == allocation.id) else {
            return false;
        };
        let booked = self.bookings.get(&(allocation.id, BookingKind::Allocation));
        let same = booked.is_some_and(|booking| booking.is_of(allocation));
        if same {
            self.planned.remove(index);
        }
        same
    }

    /// Takes back what was booked for a plan, and returns it.
    pub fn take_back(&mut self, holder: AllocationId, map: &CouplingMap) -> Option<Booking> {
        let index = self.planned.iter().position(|planned| *planned == holder)?;
        self.planned.remove(index);
        self.release(holder, BookingKind::Allocation, map)
    }

    /// Keeps qubits for a job that waits, instead of those that were kept for it before.
    pub fn keep(&mut self, job: JobId, kept: Kept) {
        self.changes += 1;
        self.promises.insert(job, kept);
    }

    /// A job for which something is kept stands elsewhere among those of its account.
    pub fn rerank(&mut self, job: JobId, rank: Rank) {
        if let Some(kept) = self.promises.get_mut(&job) {
            kept.rank = rank;
            self.changes += 1;
        }
    }

    /// Keeps nothing for a job any more; whether anything was.
    pub fn let_go(&mut self, job: JobId) -> bool {
        let there = self.promises.remove(&job).is_some();
        self.changes += u64::from(there);
        there
    }

    /// What is kept for jobs that wait, in order of their numbers.
    pub fn promises(&self) -> impl Iterator<Item = (JobId, &Kept)> {
        self.promises.iter().map(|(&job, kept)| (job, kept))
    }

    /// Whether any job, there or expected, limits the crosstalk from others.
    pub fn limits_crosstalk(&self) -> bool {
        let kept = self.promises.values().map(|kept| &kept.booking);
        self.bookings.values().chain(kept).any(|booking| booking.max_crosstalk.is_some())
    }

    /// A booking.
    pub fn booking(&self, holder: AllocationId, kind: BookingKind) -> Option<&Booking> {
        self.bookings.get(&(holder, kind))
    }

    /// How many jobs keep others off a qubit, those included that hold it.
    pub fn kept_idle_by(&self, qubit: PhysicalQubit) -> u32 {
        self.buffered.counts.get(qubit.index()).copied().unwrap_or(0)
    }

    /// After how many attempts a qubit rests: more than one where a party has used it one after the other.
    pub fn rests_after(&self, qubit: PhysicalQubit) -> u32 {
        self.guarded.counts.get(qubit.index()).copied().unwrap_or(0)
    }

    /// Whether nothing is promised to anybody.
    pub fn has_no_promises(&self) -> bool {
        self.promises.is_empty()
    }

    /// Whether nothing is booked for a plan that is not decided.
    pub fn is_settled(&self) -> bool {
        self.planned.is_empty()
    }

    /// Whether nobody holds any of these qubits now, and none of them rests for a job of such a party.
    pub fn is_free(&self, qubits: &QubitSet, party: Option<PartyTerms>) -> bool {
        self.held.is_disjoint(qubits)
            && (self.guarded.set.is_disjoint(qubits)
                || party.is_some() && self.guarded_for(party).is_disjoint(qubits))
    }

    /// The qubits that rest for a job of a party.
    fn guarded_for(&self, party: Option<PartyTerms>) -> QubitSet {
        let spared =
            self.bookings().filter(|(_, kind, booking)| *kind == BookingKind::Guard && booking.spares(party));
        self.guarded.without(spared.map(|(_, _, guard)| guard.qubits.clone()))
    }

    /// Number of allocations.
    pub fn allocations_len(&self) -> u32 {
        self.allocations
    }

    /// Writes to `free` the qubits of `usable` that a job with the given promise may take now.
    pub fn free_for(
        &mut self,
        promised: &PromisedIsolation,
        usable: &QubitSet,
        map: &CouplingMap,
        free: &mut QubitSet,
    ) {
        let PromisedIsolation { buffer_distance, party, .. } = *promised;
        free.clone_from(usable);
        if party.is_some() && self.bookings.values().any(|booking| booking.is_fellow(party)) {
            return self.free_beside_fellows(buffer_distance, party, map, free);
        }
        free.subtract(&self.guarded.set);
        if self.held.is_empty() {
            return;
        }
        free.subtract(&self.buffered.set);
        if buffer_distance == 0 {
            free.subtract(&self.held);
            return;
        }
        let index = self.know_within(buffer_distance, map);
        free.subtract(&self.within_distance[index].1.set);
    }

    /// The same for one of a party that has others there: these keep nothing from it but what they hold, and what the
    /// device itself demands.
    fn free_beside_fellows(
        &mut self,
        buffer_distance: u32,
        party: Option<PartyTerms>,
        map: &CouplingMap,
        free: &mut QubitSet,
    ) {
        let within = if buffer_distance > 0 { Some(self.know_within(buffer_distance, map)) } else { None };
        free.subtract(&self.guarded_for(party));
        free.subtract(&self.held);
        let fellows = || self.allocations().map(|(_, booking)| booking).filter(|job| job.is_fellow(party));
        let with_buffers = fellows().filter(|booking| booking.buffer_distance > 0);
        let kept = with_buffers.map(|booking| map.dilate(&booking.qubits, booking.buffer_distance));
        free.subtract(&self.buffered.without(kept));
        if let Some(index) = within {
            let near = fellows().map(|booking| map.dilate(&booking.qubits, buffer_distance));
            free.subtract(&self.within_distance[index].1.without(near));
        }
        for booking in fellows() {
            let apart = booking.apart(buffer_distance, party);
            if apart > 0 {
                free.subtract(&map.dilate(&booking.qubits, apart));
            }
        }
    }

    /// Where the qubits within a distance of held ones are kept; from now on, if they were not.
    fn know_within(&mut self, buffer_distance: u32, map: &CouplingMap) -> usize {
        let known = self.within_distance.iter().position(|(distance, _)| *distance == buffer_distance);
        known.unwrap_or_else(|| {
            let mut within = Multiset::new(map.qubits());
            for (_, booking) in self.bookings.iter().filter(|((_, kind), _)| *kind == BookingKind::Allocation)
            {
                within.add(&map.dilate(&booking.qubits, buffer_distance));
            }
            self.within_distance.push((buffer_distance, within));
            self.within_distance.len() - 1
        })
    }

    /// Number of qubits of `usable` that are not held, and that somebody could take now: with parties, more than any one of
    /// them may.
    pub fn free_len(&self, usable: &QubitSet) -> u32 {
        if !self.of_parties.set.is_empty() {
            let mut free = usable.clone();
            free.subtract(&self.held);
            free.subtract(&self.blocked());
            return free.len() as u32;
        }
        let taken = self.held.words().iter().zip(self.guarded.set.words()).zip(self.buffered.set.words());
        let free = usable.words().iter().zip(taken).map(|(u, ((h, g), b))| (u & !h & !g & !b).count_ones());
        free.sum()
    }

    /// Qubits that jobs hold now.
    pub fn held(&self) -> &QubitSet {
        &self.held
    }

    /// Qubits that nobody holds but nobody may take now: guards, and what jobs keep idle around them. Those are not among
    /// them that are kept by jobs with parties alone, since fellows of each of them could take some.
    pub fn blocked(&self) -> QubitSet {
        let mut blocked = self.guarded.set.clone();
        blocked.union_with(&self.buffered.set);
        blocked.subtract(&self.held);
        for qubit in &self.of_parties.set {
            let of = |multiset: &Multiset| multiset.counts[qubit.index()];
            if of(&self.of_parties) == of(&self.guarded) + of(&self.buffered) {
                blocked.remove(qubit);
            }
        }
        blocked
    }

    /// Qubits that nobody holds and that need no rest, but that somebody keeps idle around itself.
    pub fn kept_idle(&self) -> QubitSet {
        let mut idle = self.buffered.set.clone();
        idle.subtract(&self.held);
        idle.subtract(&self.guarded.set);
        idle
    }

    /// All bookings, in order of holder and kind.
    pub fn bookings(&self) -> impl Iterator<Item = (AllocationId, BookingKind, &Booking)> {
        self.bookings.iter().map(|(&(holder, kind), booking)| (holder, kind, booking))
    }

    /// The first instant at which anything that is booked or promised ends for anybody or, if it is promised, begins; it may
    /// have passed.
    pub fn first_edge(&self) -> Option<Time> {
        let first = |booking: &Booking| if is_spared(booking) { booking.until } else { booking.rested() };
        let ends = self.bookings.values().filter_map(first);
        let promises = self.promises.values().map(|kept| &kept.booking).filter(|kept| !kept.is_place());
        let promised = promises.flat_map(|kept| [Some(kept.from), kept.until]).flatten();
        ends.chain(promised).min()
    }

    /// The qubits of a job's booking, with all that another job may not take that must keep so far apart.
    pub fn around<'c>(
        &'c self,
        holder: AllocationId,
        booking: &'c Booking,
        apart: u32,
        map: &CouplingMap,
    ) -> Cow<'c, QubitSet> {
        match self.around.get(&holder) {
            Some(around) if booking.buffer_distance == apart => Cow::Borrowed(around),
            _ if apart == 0 => Cow::Borrowed(&booking.qubits),
            _ => Cow::Owned(map.dilate(&booking.qubits, apart)),
        }
    }

    /// The bookings of jobs, in order of their allocations.
    pub fn allocations(&self) -> impl Iterator<Item = (AllocationId, &Booking)> {
        let jobs = self.bookings().filter(|(_, kind, _)| *kind == BookingKind::Allocation);
        jobs.map(|(holder, _, booking)| (holder, booking))
    }

    /// Whether a guard of an allocation is booked.
    pub fn has_guard(&self, of: AllocationId) -> bool {
        self.bookings.contains_key(&(of, BookingKind::Guard))
    }

    /// The allocations with bookings that include `qubit`.
    pub fn holders_of(&self, qubit: PhysicalQubit) -> impl Iterator<Item = AllocationId> {
        self.allocations()
            .filter(move |(_, booking)| booking.qubits.contains(qubit))
            .map(|(holder, _)| holder)
    }
}

/// Whether a guard is none for whoever is of its party.
fn is_spared(guard: &Booking) -> bool {
    guard.spares(guard.party)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::config::Selection;
    use crate::allocator::explain::{Certainty, CostTerms, Explanation};
    use crate::allocator::protocol::{Fence, Party, Tenant};
    use crate::allocator::state::accounts::Accounts;
    use crate::allocator::state::outlook::{Counting, Outlook, Window};
    use crate::allocator::state::place::Standing;
    use crate::time::{Span, Time};

    /// Of nobody's party for group 0; on a device that demands an idle qubit between any two jobs, for group 3.
    fn promise(buffer_distance: u32, group: u32) -> PromisedIsolation {
        let party = PartyTerms { party: Party::Group(group), buffer_distance: group / 3, rests: false };
        PromisedIsolation {
            buffer_distance: buffer_distance.max(group / 3),
            guard: Span::ZERO,
            hardware_reset: false,
            max_crosstalk: None,
            party: Some(party).filter(|_| group > 0),
        }
    }

    fn booking(qubits: QubitSet, promised: &PromisedIsolation) -> Booking {
        Booking {
            qubits,
            buffer_distance: promised.buffer_distance,
            max_crosstalk: None,
            party: promised.party,
            from: Time::ZERO,
            until: None,
            guard: Span::ZERO,
        }
    }

    /// What a job with such a promise may take, qubit by qubit.
    fn free_by_hand(calendar: &Calendar, promised: &PromisedIsolation, map: &CouplingMap) -> QubitSet {
        let all = (0..map.qubits() as u32).map(PhysicalQubit);
        let is_free = |qubit: &PhysicalQubit| {
            calendar.bookings().all(|(_, kind, booking)| {
                let fellows = booking.party.zip(promised.party).filter(|(a, b)| a.party == b.party);
                let distance = map.distance(&QubitSet::from_qubits(map.qubits(), [*qubit]), &booking.qubits);
                let apart = match (kind, fellows) {
                    (BookingKind::Guard, Some(_)) => return true,
                    (BookingKind::Guard, None) => 0,
                    (BookingKind::Allocation, Some((a, _))) => a.buffer_distance,
                    (BookingKind::Allocation, None) => booking.buffer_distance.max(promised.buffer_distance),
                };
                distance.is_none_or(|distance| distance > apart)
            })
        };
        QubitSet::from_qubits(map.qubits(), all.filter(is_free))
    }

    /// An allocation with just such a booking.
    fn grant(id: AllocationId, booking: &Booking) -> Allocation {
        let epoch = crate::allocator::protocol::EpochNumber(1);
        let explanation = Explanation {
            strategy: None,
            selection: Selection::First,
            devices_tried: 0,
            certainty: Certainty::FirstFound,
            cost: 0.0,
            terms: CostTerms::default(),
            quality: None,
        };
        Allocation {
            id,
            fence: Fence(1),
            job: JobId(1),
            tenant: Tenant::default(),
            attempt: 1,
            device: crate::quantum::DeviceId(0),
            epoch,
            copies: 1,
            layout: booking.qubits.iter().collect(),
            swaps: None,
            held: booking.qubits.clone(),
            blocked: QubitSet::new(booking.qubits.capacity()),
            isolation: PromisedIsolation {
                buffer_distance: booking.buffer_distance,
                guard: crate::time::Span::ZERO,
                hardware_reset: false,
                max_crosstalk: booking.max_crosstalk,
                party: booking.party,
            },
            started: booking.from,
            expected_end: booking.until,
            lease_end: None,
            driver_actions: SmallVec::new(),
            explanation,
        }
    }

    proptest! {
        /// The masks after any history are those of a fresh calendar with the same bookings, and keep their promise; a
        /// plan that is taken back leaves nothing behind. Jobs of one party share guards and buffers, and nobody else does.
        #[test]
        fn masks_follow_from_bookings(
            steps in proptest::collection::vec((0_u32..30, 1_u32..5, 0_u32..4, 0_u8..5, 0_u32..4), 1..60),
        ) {
            let map = CouplingMap::grid(5, 6).unwrap();
            let usable = QubitSet::full(30);
            let mut calendar = Calendar::new(30);
            let mut live: Vec<(AllocationId, BookingKind)> = Vec::new();
            let mut free = QubitSet::new(30);
            for (step, (start, size, buffer, what, group)) in steps.into_iter().enumerate() {
                let promised = promise(buffer, group);
                if what == 0 && !live.is_empty() {
                    let (holder, kind) = live.remove(start as usize % live.len());
                    let booking = calendar.release(holder, kind, &map);
                    prop_assert!(booking.is_some());
                    // Half of the jobs are followed by a guard.
                    if let (Some(booking), BookingKind::Allocation, true) = (booking, kind, size > 2) {
                        let guard = Booking { buffer_distance: 0, until: Some(Time(9)), ..booking };
                        calendar.book(holder, BookingKind::Guard, guard, &map);
                        live.push((holder, BookingKind::Guard));
                    }
                } else {
                    calendar.free_for(&promised, &usable, &map, &mut free);
                    let wanted = (start..start + size).map(|q| PhysicalQubit(q % 30));
                    let qubits = QubitSet::from_qubits(30, wanted);
                    if qubits.is_subset(&free) {
                        prop_assert!(calendar.is_free(&qubits, promised.party));
                        let holder = AllocationId(step as u64);
                        let new = booking(qubits, &promised);
                        if what == 1 {
                            calendar.book(holder, BookingKind::Allocation, new, &map);
                            live.push((holder, BookingKind::Allocation));
                        } else {
                            calendar.plan(holder, new.clone(), &map);
                            prop_assert!(!calendar.is_settled());
                            if what < 4 {
                                let mut granted = grant(holder, &new);
                                granted.isolation.buffer_distance += 1;
                                prop_assert!(!calendar.confirm(&granted));
                                granted.isolation = promise(buffer, group + 1);
                                prop_assert!(!calendar.confirm(&granted));
                                granted.isolation = promised;
                                prop_assert_eq!(Booking::of(&granted), new);
                                prop_assert!(calendar.confirm(&granted));
                                live.push((holder, BookingKind::Allocation));
                            } else {
                                prop_assert_eq!(calendar.take_back(holder, &map), Some(new));
                            }
                            prop_assert!(calendar.is_settled());
                        }
                    }
                }
                prop_assert_eq!(calendar.bookings().count(), live.len());
                let jobs: Vec<_> = calendar.allocations().map(|(_, booking)| booking.clone()).collect();
                for (i, a) in jobs.iter().enumerate() {
                    for b in &jobs[i + 1..] {
                        let needed = match a.party.zip(b.party).filter(|(a, b)| a.party == b.party) {
                            Some((terms, _)) => terms.buffer_distance + 1,
                            None => a.buffer_distance.max(b.buffer_distance) + 1,
                        };
                        let apart = map.distance(&a.qubits, &b.qubits);
                        prop_assert!(apart.is_none_or(|d| d >= needed), "{apart:?} < {needed}");
                    }
                }
                let mut fresh = Calendar::new(30);
                for (holder, kind, booking) in calendar.bookings() {
                    fresh.book(holder, kind, booking.clone(), &map);
                }
                for (distance, group) in (0..4).flat_map(|distance| (0..4).map(move |group| (distance, group))) {
                    let promised = promise(distance, group);
                    let expected = free_by_hand(&calendar, &promised, &map);
                    fresh.free_for(&promised, &usable, &map, &mut free);
                    prop_assert_eq!(&free, &expected);
                    calendar.free_for(&promised, &usable, &map, &mut free);
                    prop_assert_eq!(&free, &expected);
                    prop_assert!(free.len() <= calendar.free_len(&usable) as usize, "no upper bound");
                    // Jobs are booked from 0 on without an end.
                    let window = Window { from: Time(7), until: Some(Time(8)), rest: Span::ZERO };
                    let accounts = Accounts::default();
                    let (counting, party) = (Counting::Earlier(Standing::LAST), promised.party);
                    let outlook =
                        Outlook { calendar: &calendar, accounts: &accounts, now: Time(0), counting, party };
                    let during = outlook.free_during(window, promised.buffer_distance, &usable, &map);
                    prop_assert_eq!(&during, &expected);
                }
                let all = calendar.free_len(&usable) as usize + calendar.held().len() + calendar.blocked().len();
                prop_assert_eq!(all, 30);
            }
        }
    }
}
