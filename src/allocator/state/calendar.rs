//! Who holds or blocks which qubits of one device, from when until when.
//!
//! Promises that no qubit is ever booked twice at one time and that the masks are always those of the bookings. The
//! masks of now are kept in step with every booking; those of a window are worked out when asked for (`outlook`). What is
//! promised to jobs that wait is on record as well, and may not be entered, but is nobody's yet. Leaves the meaning of a buffer to [`crate::allocator::isolation`] and the liveness of qubits to the fleet.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::place::{AccountId, Rank};
use crate::allocator::protocol::{Allocation, AllocationId, JobId, StartPromise};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet};
use crate::time::{Span, Time};

/// Why qubits are booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum BookingKind {
    /// An attempt of a job runs on them.
    Allocation,
    /// They rest after an attempt.
    Guard,
}

/// One booking. The allocation that it is of and the kind, or the job that it is promised to, are its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Booking {
    /// The booked qubits.
    pub qubits: QubitSet,
    /// Idle qubits kept around them, in couplers: nobody else may come closer.
    pub buffer_distance: u32,
    /// Most crosstalk on the couplers between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_crosstalk: Option<f64>,
    /// Since when.
    pub from: Time,
    /// Until when at most; `None` when nobody knows.
    pub until: Option<Time>,
    /// How long its qubits rest afterwards.
    #[serde(default, skip_serializing_if = "Span::is_zero")]
    pub guard: Span,
}

impl Booking {
    /// That of an allocation.
    pub fn of(allocation: &Allocation) -> Self {
        let Allocation { isolation, held, started, expected_end, .. } = allocation;
        Self {
            qubits: held.clone(),
            buffer_distance: isolation.buffer_distance,
            max_crosstalk: isolation.max_crosstalk,
            from: *started,
            until: *expected_end,
            guard: isolation.guard,
        }
    }

    /// What is kept for a promise, on a device with so many qubits.
    pub fn of_promise(promise: &StartPromise, qubits: usize) -> Self {
        let StartPromise { layout, not_later_than, until, isolation, .. } = promise;
        Self {
            qubits: QubitSet::from_qubits(qubits, layout.iter().copied()),
            buffer_distance: isolation.buffer_distance,
            max_crosstalk: isolation.max_crosstalk,
            // Nobody new enters a place without an instant, from now on.
            from: not_later_than.unwrap_or(Time::ZERO),
            until: *until,
            // Included in the end.
            guard: Span::ZERO,
        }
    }

    /// Of a promise: whether it is a place without an instant.
    pub fn is_place(&self) -> bool {
        self.from == Time::ZERO && self.until.is_none()
    }

    /// When its qubits have rested; `None` when nobody knows.
    pub fn rested(&self) -> Option<Time> {
        self.until.map(|until| until + self.guard)
    }

    /// Whether it is that of an allocation.
    fn is_of(&self, allocation: &Allocation) -> bool {
        let Self { qubits, buffer_distance, max_crosstalk, from, until, guard } = self;
        let Allocation { isolation, held, started, expected_end, .. } = allocation;
        (qubits, buffer_distance, from, until) == (held, &isolation.buffer_distance, started, expected_end)
            && (*max_crosstalk, *guard) == (isolation.max_crosstalk, isolation.guard)
    }
}

/// What is kept for a job that waits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// On whose account it will run.
    pub account: AccountId,
    /// Where it stands among those of that account.
    pub rank: Rank,
    /// The qubits, and for when.
    pub booking: Booking,
}

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
    guarded: QubitSet,
    /// Qubits that others keep idle around themselves.
    #[serde(skip)]
    buffered: Multiset,
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
            if booking.qubits.capacity() != map.qubits() || !calendar.is_free(&booking.qubits) {
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

/// A set with multiplicities.
#[derive(Debug, Clone, Default)]
struct Multiset {
    counts: Vec<u16>,
    set: QubitSet,
}

impl Multiset {
    fn new(capacity: usize) -> Self {
        Self { counts: vec![0; capacity], set: QubitSet::new(capacity) }
    }

    fn add(&mut self, qubits: &QubitSet) {
        for qubit in qubits {
            self.counts[qubit.index()] += 1;
            self.set.insert(qubit);
        }
    }

    fn subtract(&mut self, qubits: &QubitSet) {
        for qubit in qubits {
            self.counts[qubit.index()] -= 1;
            if self.counts[qubit.index()] == 0 {
                self.set.remove(qubit);
            }
        }
    }
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
            guarded: QubitSet::new(qubits),
            buffered: Multiset::new(qubits),
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
        debug_assert!(self.is_free(&booking.qubits), "a qubit is booked twice");
        self.changes += 1;
        match kind {
            BookingKind::Guard => self.guarded.union_with(&booking.qubits),
            BookingKind::Allocation => {
                self.allocations += 1;
                self.held.union_with(&booking.qubits);
                if booking.buffer_distance > 0 {
                    let around = map.dilate(&booking.qubits, booking.buffer_distance);
                    self.buffered.add(&around);
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
            BookingKind::Guard => self.guarded.subtract(&booking.qubits),
            BookingKind::Allocation => {
                self.allocations -= 1;
                self.held.subtract(&booking.qubits);
                if let Some(around) = self.around.remove(&holder) {
                    self.buffered.subtract(&around);
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
    pub fn kept_idle_by(&self, qubit: PhysicalQubit) -> u16 {
        self.buffered.counts.get(qubit.index()).copied().unwrap_or(0)
    }

    /// Whether nothing is promised to anybody.
    pub fn has_no_promises(&self) -> bool {
        self.promises.is_empty()
    }

    /// Whether nothing is booked for a plan that is not decided.
    pub fn is_settled(&self) -> bool {
        self.planned.is_empty()
    }

    /// Whether nobody holds or guards any of these qubits now.
    pub fn is_free(&self, qubits: &QubitSet) -> bool {
        self.held.is_disjoint(qubits) && self.guarded.is_disjoint(qubits)
    }

    /// Number of allocations.
    pub fn allocations_len(&self) -> u32 {
        self.allocations
    }

    /// Writes to `free` the qubits of `usable` that a job with the given buffer distance may take now.
    pub fn free_for(
        &mut self,
        buffer_distance: u32,
        usable: &QubitSet,
        map: &CouplingMap,
        free: &mut QubitSet,
    ) {
        free.clone_from(usable);
        free.subtract(&self.guarded);
        if self.held.is_empty() {
            return;
        }
        free.subtract(&self.buffered.set);
        if buffer_distance == 0 {
            free.subtract(&self.held);
            return;
        }
        let known = self.within_distance.iter().position(|(distance, _)| *distance == buffer_distance);
        let index = known.unwrap_or_else(|| {
            let mut within = Multiset::new(map.qubits());
            for (_, booking) in self.bookings.iter().filter(|((_, kind), _)| *kind == BookingKind::Allocation)
            {
                within.add(&map.dilate(&booking.qubits, buffer_distance));
            }
            self.within_distance.push((buffer_distance, within));
            self.within_distance.len() - 1
        });
        free.subtract(&self.within_distance[index].1.set);
    }

    /// Number of qubits of `usable` that are neither held nor blocked by anybody now.
    pub fn free_len(&self, usable: &QubitSet) -> u32 {
        let taken = self.held.words().iter().zip(self.guarded.words()).zip(self.buffered.set.words());
        let free = usable.words().iter().zip(taken).map(|(u, ((h, g), b))| (u & !h & !g & !b).count_ones());
        free.sum()
    }

    /// Qubits that jobs hold now.
    pub fn held(&self) -> &QubitSet {
        &self.held
    }

    /// Qubits that nobody holds but nobody may take now: guards, and what jobs keep idle around them.
    pub fn blocked(&self) -> QubitSet {
        let mut blocked = self.guarded.clone();
        blocked.union_with(&self.buffered.set);
        blocked.subtract(&self.held);
        blocked
    }

    /// Qubits that nobody holds and that need no rest, but that somebody keeps idle around itself.
    pub fn kept_idle(&self) -> QubitSet {
        let mut idle = self.buffered.set.clone();
        idle.subtract(&self.held);
        idle.subtract(&self.guarded);
        idle
    }

    /// All bookings, in order of holder and kind.
    pub fn bookings(&self) -> impl Iterator<Item = (AllocationId, BookingKind, &Booking)> {
        self.bookings.iter().map(|(&(holder, kind), booking)| (holder, kind, booking))
    }

    /// The first instant at which anything that is booked or promised ends or, if it is promised, begins; it may have passed.
    pub fn first_edge(&self) -> Option<Time> {
        let ends = self.bookings.values().filter_map(Booking::rested);
        let promises = self.promises.values().map(|kept| &kept.booking).filter(|kept| !kept.is_place());
        let promised = promises.flat_map(|kept| [Some(kept.from), kept.until]).flatten();
        ends.chain(promised).min()
    }

    /// The qubits of a job's booking, with all that another job of the given buffer distance may not take.
    pub fn around<'c>(
        &'c self,
        holder: AllocationId,
        booking: &'c Booking,
        buffer_distance: u32,
        map: &CouplingMap,
    ) -> Cow<'c, QubitSet> {
        match self.around.get(&holder) {
            Some(around) if booking.buffer_distance >= buffer_distance => Cow::Borrowed(around),
            None if buffer_distance == 0 => Cow::Borrowed(&booking.qubits),
            _ => Cow::Owned(map.dilate(&booking.qubits, buffer_distance)),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::config::Selection;
    use crate::allocator::explain::{Certainty, CostTerms, Explanation};
    use crate::allocator::protocol::{Fence, JobId, PromisedIsolation, Tenant};
    use crate::allocator::state::accounts::Accounts;
    use crate::allocator::state::outlook::{Counting, Outlook, Window};
    use crate::allocator::state::place::Standing;

    fn booking(qubits: QubitSet, buffer_distance: u32, from: u64, until: Option<u64>) -> Booking {
        Booking {
            qubits,
            buffer_distance,
            max_crosstalk: None,
            from: Time(from),
            until: until.map(Time),
            guard: Span::ZERO,
        }
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
        /// plan that is taken back leaves nothing behind.
        #[test]
        fn masks_follow_from_bookings(
            steps in proptest::collection::vec((0_u32..30, 1_u32..5, 0_u32..4, 0_u8..4), 1..60),
        ) {
            let map = CouplingMap::grid(5, 6).unwrap();
            let usable = QubitSet::full(30);
            let mut calendar = Calendar::new(30);
            let mut live: Vec<AllocationId> = Vec::new();
            let mut free = QubitSet::new(30);
            for (step, (start, size, buffer, what)) in steps.into_iter().enumerate() {
                if what == 0 && !live.is_empty() {
                    let holder = live.remove(start as usize % live.len());
                    prop_assert!(calendar.release(holder, BookingKind::Allocation, &map).is_some());
                } else {
                    calendar.free_for(buffer, &usable, &map, &mut free);
                    let wanted = (start..start + size).map(|q| PhysicalQubit(q % 30));
                    let qubits = QubitSet::from_qubits(30, wanted);
                    if qubits.is_subset(&free) {
                        let holder = AllocationId(step as u64);
                        let new = booking(qubits, buffer, 0, None);
                        if what == 1 {
                            calendar.book(holder, BookingKind::Allocation, new, &map);
                            live.push(holder);
                        } else {
                            calendar.plan(holder, new.clone(), &map);
                            prop_assert!(!calendar.is_settled());
                            if what == 2 {
                                let mut granted = grant(holder, &new);
                                granted.isolation.buffer_distance += 1;
                                prop_assert!(!calendar.confirm(&granted));
                                granted.isolation.buffer_distance = buffer;
                                prop_assert_eq!(Booking::of(&granted), new);
                                prop_assert!(calendar.confirm(&granted));
                                live.push(holder);
                            } else {
                                prop_assert_eq!(calendar.take_back(holder, &map), Some(new));
                            }
                            prop_assert!(calendar.is_settled());
                        }
                    }
                }
                let bookings: Vec<_> = calendar.bookings().map(|(_, _, booking)| booking.clone()).collect();
                prop_assert_eq!(bookings.len(), live.len());
                for (i, a) in bookings.iter().enumerate() {
                    for b in &bookings[i + 1..] {
                        let needed = a.buffer_distance.max(b.buffer_distance) + 1;
                        let apart = map.distance(&a.qubits, &b.qubits);
                        prop_assert!(apart.is_none_or(|d| d >= needed), "{apart:?} < {needed}");
                    }
                }
                let mut fresh = Calendar::new(30);
                for (holder, kind, booking) in calendar.bookings() {
                    fresh.book(holder, kind, booking.clone(), &map);
                }
                for distance in 0..4 {
                    let mut expected = QubitSet::new(30);
                    fresh.free_for(distance, &usable, &map, &mut expected);
                    calendar.free_for(distance, &usable, &map, &mut free);
                    prop_assert_eq!(&free, &expected);
                    // Everything is booked from 0 on without an end.
                    let window = Window { from: Time(7), until: Some(Time(8)) };
                    let accounts = Accounts::default();
                    let counting = Counting::Earlier(Standing::LAST);
                    let outlook = Outlook { calendar: &calendar, accounts: &accounts, now: Time(0), counting };
                    prop_assert_eq!(&outlook.free_during(window, distance, &usable, &map), &expected);
                }
                let all = calendar.free_len(&usable) as usize + calendar.held().len() + calendar.blocked().len();
                prop_assert_eq!(all, 30);
            }
        }
    }
}
