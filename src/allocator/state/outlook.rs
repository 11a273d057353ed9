//! What will be free of a device, and what of it is promised: its calendar as one job sees it, for stretches of time.
//!
//! Promises that a booking which is still there when it should have ended counts as one without an end, and that a job is
//! never in the way of itself. Leaves the masks of now to the calendar.

use smallvec::SmallVec;

use super::accounts::Accounts;
use super::calendar::{Booking, BookingKind, Calendar, Kept};
use super::place::Standing;
use crate::allocator::config::Starts;
use crate::allocator::protocol::{AllocationId, JobId, PartyTerms};
use crate::quantum::QubitSet;
use crate::quantum::coupling_map::CouplingMap;
use crate::time::{Span, Time};

/// A stretch of time: from an instant on, up to another one (not included) or for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first instant.
    pub from: Time,
    /// The first instant after it.
    pub until: Option<Time>,
    /// How much of its end is rest that jobs of the same party need not wait for.
    pub rest: Span,
}

impl Window {
    /// An instant.
    pub fn at(instant: Time) -> Self {
        Self { from: instant, until: Some(Time(instant.0.saturating_add(1))), rest: Span::ZERO }
    }

    /// Whether two stretches have an instant in common, the other one given by its ends.
    pub fn meets(self, from: Time, until: Option<Time>) -> bool {
        self.until.is_none_or(|end| from < end) && until.is_none_or(|end| end > self.from)
    }

    /// The same without its rest.
    fn awake(self) -> Self {
        let until = self.until.map(|until| Time(until.0.saturating_sub(self.rest.0)));
        Self { until, rest: Span::ZERO, ..self }
    }
}

/// The bookings of a device as a job sees them.
#[derive(Debug, Clone, Copy)]
pub struct Outlook<'c> {
    /// The bookings.
    pub calendar: &'c Calendar,
    /// Who has used how much.
    pub accounts: &'c Accounts,
    /// What time it is.
    pub now: Time,
    /// Whose promises count.
    pub counting: Counting,
    /// Of which party the job is.
    pub party: Option<PartyTerms>,
}

/// Whose promises count for a job that stands there in its queue. So nobody waits for somebody who stands behind, who could
/// be waiting for him.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counting {
    /// Those of jobs before it: for a job that is promised nothing yet. Others make way.
    Earlier(Standing),
    /// The instants of those behind it as well: for a job that has a promise of its own, and better keeps to it than delay
    /// them.
    EarlierAndTimed(Standing),
}

/// How many jobs a device takes, and when.
#[derive(Debug, Clone, Copy)]
pub struct Manners {
    /// When jobs may begin.
    pub starts: Starts,
    /// How many may run at a time.
    pub most: Option<u32>,
}

impl<'c> Outlook<'c> {
    /// When a booking frees its qubits; `None`: nobody can tell, as for one that should have.
    fn end_of(&self, kind: BookingKind, booking: &Booking) -> Option<Time> {
        let overdue = kind == BookingKind::Allocation && booking.until.is_some_and(|until| until <= self.now);
        let end = if booking.spares(self.party) { booking.until } else { booking.rested() };
        end.filter(|_| !overdue)
    }

    /// The bookings of now, but for rests that do not concern the job.
    fn bookings(self) -> impl Iterator<Item = (AllocationId, BookingKind, &'c Booking)> {
        let all = self.calendar.bookings();
        all.filter(move |(_, kind, booking)| *kind != BookingKind::Guard || !booking.spares(self.party))
    }

    /// The bookings that take their qubits at any instant of a window.
    fn bookings_in(self, window: Window) -> impl Iterator<Item = (AllocationId, BookingKind, &'c Booking)> {
        self.bookings()
            .filter(move |(_, kind, booking)| window.meets(booking.from, self.end_of(*kind, booking)))
    }

    /// When the qubits of a promise are free for the job again.
    fn end_of_promise(self, kept: &Booking) -> Option<Time> {
        let spared = if kept.spares(self.party) { kept.guard } else { Span::ZERO };
        kept.until.map(|until| Time(until.0.saturating_sub(spared.0)))
    }

    /// When the jobs that run end, as far as anybody can tell, and how many qubits each holds; guards left out.
    pub fn ends_of_jobs(self) -> impl Iterator<Item = (Time, usize)> {
        let kind = BookingKind::Allocation;
        let ends = self.calendar.allocations().map(move |(_, booking)| (self.end_of(kind, booking), booking));
        ends.filter_map(|(end, booking)| end.map(|end| (end, booking.qubits.len())))
    }

    /// Whether what is kept for another job counts for the one whose outlook this is.
    pub fn counts(self, kept: &Kept) -> bool {
        match self.counting {
            Counting::Earlier(own) => self.standing(kept) < own,
            Counting::EarlierAndTimed(own) => {
                let theirs = self.standing(kept);
                theirs < own || theirs > own && !kept.booking.is_place()
            }
        }
    }

    /// What is promised to those whose promises count.
    fn promises(self) -> impl Iterator<Item = (JobId, &'c Booking)> {
        let all = self.calendar.promises().filter(move |(_, kept)| self.counts(kept));
        all.map(|(job, kept)| (job, &kept.booking))
    }

    /// From when until when which qubits are taken: by the bookings of now, and by the promises that count.
    pub fn stretches(self) -> impl Iterator<Item = (Time, Option<Time>, &'c QubitSet)> {
        let bookings = self.bookings();
        let booked = bookings
            .map(move |(_, kind, booking)| (booking.from, self.end_of(kind, booking), &booking.qubits));
        booked
            .chain(self.promises().map(move |(_, kept)| (kept.from, self.end_of_promise(kept), &kept.qubits)))
    }

    /// Where a job stands for which something is kept.
    fn standing(self, kept: &Kept) -> Standing {
        Standing { used: self.accounts.used(kept.account), rank: kept.rank }
    }

    /// What is promised to others at any instant of a window.
    pub fn promises_in(self, window: Window) -> impl Iterator<Item = (JobId, &'c Booking)> {
        self.promises().filter(move |(_, kept)| {
            let window = if kept.spares(self.party) { window.awake() } else { window };
            window.meets(kept.from, self.end_of_promise(kept))
        })
    }

    /// All jobs that run at any instant of a window.
    pub fn running_in(self, window: Window) -> impl Iterator<Item = &'c Booking> {
        let running = self.bookings_in(window).filter(|(_, kind, _)| *kind == BookingKind::Allocation);
        running.map(|(.., booking)| booking)
    }

    /// All jobs that run or are to run at any instant of a window.
    pub fn jobs_in(self, window: Window) -> impl Iterator<Item = &'c Booking> {
        self.running_in(window).chain(self.promises_in(window).map(|(_, kept)| kept))
    }

    /// The qubits of `usable` that a job with the given buffer distance may take for all of a window. What ends at the
    /// first instant of the window, or begins at the first one after it, is not in its way.
    pub fn free_during(
        &self,
        window: Window,
        buffer_distance: u32,
        usable: &QubitSet,
        map: &CouplingMap,
    ) -> QubitSet {
        let mut free = usable.clone();
        for (holder, kind, booking) in self.bookings_in(window) {
            match kind {
                BookingKind::Guard => free.subtract(&booking.qubits),
                BookingKind::Allocation => {
                    let apart = booking.apart(buffer_distance, self.party);
                    free.subtract(&self.calendar.around(holder, booking, apart, map));
                }
            }
        }
        self.subtract_promises(window, buffer_distance, map, &mut free);
        free
    }

    /// Takes out of `free` what is promised to others at any instant of a window; whether anything of it was.
    pub fn subtract_promises(
        &self,
        window: Window,
        buffer_distance: u32,
        map: &CouplingMap,
        free: &mut QubitSet,
    ) -> bool {
        let before = free.len();
        for (_, kept) in self.promises_in(window) {
            free.subtract(&map.dilate(&kept.qubits, kept.apart(buffer_distance, self.party)));
        }
        free.len() < before
    }

    /// The qubits of `usable` that a job may wait for although nobody knows when they are free: what ends is taken to have
    /// ended, and so are the first `gone` of the [endless](Self::endless) bookings. `beside`: what is promised to others at
    /// any time is left out; else the job waits for them, too.
    pub fn free_some_time(
        &self,
        endless: &[AllocationId],
        gone: usize,
        beside: bool,
        buffer_distance: u32,
        usable: &QubitSet,
        map: &CouplingMap,
    ) -> QubitSet {
        let mut free = usable.clone();
        for (holder, booking) in self.calendar.allocations() {
            if endless[gone..].contains(&holder) {
                let apart = booking.apart(buffer_distance, self.party);
                free.subtract(&self.calendar.around(holder, booking, apart, map));
            }
        }
        for (_, kept) in self.promises().filter(|_| beside) {
            free.subtract(&map.dilate(&kept.qubits, kept.apart(buffer_distance, self.party)));
        }
        free
    }

    /// The jobs that run then, see [`Self::free_some_time`].
    pub fn jobs_some_time(
        self,
        endless: &[AllocationId],
        gone: usize,
        beside: bool,
    ) -> impl Iterator<Item = &'c Booking> {
        let running = self.calendar.allocations().filter(move |(holder, _)| endless[gone..].contains(holder));
        let kept = self.promises().filter(move |_| beside).map(|(_, kept)| kept);
        running.map(|(_, booking)| booking).chain(kept)
    }

    /// The bookings of which nobody knows when they end, those first that are likely to end first: overdue ones, then the
    /// oldest.
    pub fn endless(&self) -> SmallVec<[AllocationId; 16]> {
        let kind = BookingKind::Allocation;
        let all = self.calendar.allocations().filter(|(_, booking)| self.end_of(kind, booking).is_none());
        let mut ordered: SmallVec<[_; 16]> =
            all.map(|(holder, booking)| (booking.until.unwrap_or(Time::MAX), booking.from, holder)).collect();
        ordered.sort_unstable();
        ordered.into_iter().map(|(_, _, holder)| holder).collect()
    }

    /// The instants after now at which something is free that was not before, in no order; with devices that take jobs when
    /// they are empty, those at which a promised job begins as well.
    fn instants(self, starts: Starts) -> impl Iterator<Item = Time> {
        let ends = self.bookings().map(move |(_, kind, booking)| self.end_of(kind, booking));
        let kept = self.promises().map(move |(_, kept)| self.end_of_promise(kept));
        let begins =
            self.promises().map(move |(_, kept)| Some(kept.from).filter(|_| starts == Starts::WhenEmpty));
        ends.chain(kept).chain(begins).flatten().filter(move |at| *at > self.now)
    }

    /// The same in order, each once.
    pub fn edges(self, starts: Starts) -> SmallVec<[Time; 16]> {
        let mut edges: SmallVec<[Time; 16]> = self.instants(starts).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    }

    /// The first of them.
    pub fn first_edge(self, starts: Starts) -> Option<Time> {
        self.instants(starts).min()
    }

    /// Whether the device would take one more job for all of a window, wherever.
    pub fn takes_one_more(&self, window: Window, manners: Manners) -> bool {
        if manners.starts == Starts::WhenEmpty {
            // Those that begin together run side by side; nobody joins them, and they wait for nobody. If the device is
            // empty earlier, those who were to begin together do so earlier, if all of them can.
            let early = match self.counting {
                Counting::EarlierAndTimed(own) if window.from == self.now => {
                    let own = self.calendar.promises().find(|(_, kept)| kept.rank == own.rank);
                    own.map(|(_, kept)| kept.booking.from)
                }
                _ => None,
            };
            let all = self.bookings_in(window).map(|(.., booking)| booking);
            let together =
                |kept: &Booking| Some(kept.from) == early && self.calendar.is_free(&kept.qubits, kept.party);
            let kept = self.promises_in(window).map(|(_, kept)| kept).filter(|kept| !together(kept));
            if all.chain(kept).any(|other| other.from != window.from) {
                return false;
            }
        }
        let Some(most) = manners.most else { return true };
        let begins = self.promises_in(window).map(|(_, kept)| kept.from).filter(|at| *at > window.from);
        let mut instants = std::iter::once(window.from).chain(begins);
        instants.all(|at| {
            let instant = Window::at(at);
            (self.jobs_in(instant).count() as u64) < u64::from(most)
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::protocol::OrderKey;
    use crate::allocator::state::place::{AccountId, Rank};
    use crate::quantum::PhysicalQubit;
    use crate::time::Span;

    proptest! {
        /// Free during a window is what is free at each of its instants; between two edges it is the same everywhere.
        #[test]
        fn windows_are_what_their_instants_are(
            bookings in proptest::collection::vec((0_u32..16, 0_u32..3, 0_u64..12, 1_u64..9, 0_u8..3), 0..8),
            (now, from, length, buffer) in (0_u64..6, 0_u64..12, 1_u64..9, 0_u32..3),
        ) {
            let rank = |place| Rank { key: OrderKey::default(), place };
            let map = CouplingMap::grid(4, 4).unwrap();
            let usable = QubitSet::full(16);
            let mut calendar = Calendar::new(16);
            let mut taken = QubitSet::new(16);
            let mut expected_at: Vec<(QubitSet, u64, Option<u64>)> = Vec::new();
            for (index, (qubit, distance, begin, length, what)) in bookings.iter().enumerate() {
                // Disjoint qubits, since a calendar of now holds no two bookings of one.
                let qubit = PhysicalQubit(*qubit);
                if !taken.insert(qubit) {
                    continue;
                }
                let qubits = QubitSet::from_qubits(16, [qubit]);
                let until = (*length < 8).then_some(begin + length);
                let guard = Span(u64::from(*what == 0));
                let kept = |buffer_distance| Booking {
                    qubits: qubits.clone(),
                    buffer_distance,
                    max_crosstalk: None,
                    party: None,
                    from: Time(*begin),
                    until: until.map(Time),
                    guard,
                };
                let mut around = map.dilate(&qubits, (*distance).max(buffer));
                let mut end = until.map(|until| until + guard.0);
                match what {
                    0 => {
                        let kind = BookingKind::Allocation;
                        calendar.book(AllocationId(index as u64), kind, kept(*distance), &map);
                        if until.is_some_and(|until| until <= now) {
                            end = None;
                        }
                    }
                    1 => {
                        calendar.book(AllocationId(index as u64), BookingKind::Guard, kept(0), &map);
                        around = qubits.clone();
                    }
                    _ => {
                        let booking = kept(*distance);
                        calendar.keep(
                            JobId(index as u64),
                            Kept { account: AccountId::ALL, rank: rank(0), booking },
                        );
                    }
                }
                expected_at.push((around, *begin, end));
            }
            let at = |instant: u64| {
                let mut free = usable.clone();
                for (around, begin, end) in &expected_at {
                    if *begin <= instant && end.is_none_or(|end| instant < end) {
                        free.subtract(around);
                    }
                }
                free
            };
            let mut expected = usable.clone();
            for instant in from..from + length {
                expected.intersect_with(&at(instant));
            }
            let (accounts, counting) = (Accounts::default(), Counting::Earlier(Standing::LAST));
            let outlook = Outlook { calendar: &calendar, accounts: &accounts, now: Time(now), counting, party: None };
            let window = Window { from: Time(from), until: Some(Time(from + length)), rest: Span::ZERO };
            prop_assert_eq!(outlook.free_during(window, buffer, &usable, &map), expected);
            let edges: Vec<u64> = outlook.edges(Starts::AnyTime).iter().map(|edge| edge.0).collect();
            prop_assert!(edges.is_sorted_by(|a, b| a < b));
            for instant in now + 1..24 {
                if !edges.contains(&instant) {
                    let more = at(instant);
                    prop_assert!(more.is_subset(&at(instant - 1)), "more is free at {instant}, no edge");
                }
            }
        }
    }
}
