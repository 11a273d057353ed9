//! How many qubits of a device are free when, by number alone.
//!
//! Promises what the calendar says to one job: who should have ended holds its qubits for ever, and a promise its own for
//! its time. Leaves to others whether the same qubits are free all that time.

use super::outlook::{Outlook, Window};
use crate::quantum::QubitSet;
use crate::time::Time;

/// How many qubits are free, from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// From when on how many are free, the first one now. Negative where one is booked twice.
    steps: Vec<(Time, i64)>,
}

impl Profile {
    /// Of the `usable` qubits of a device.
    pub fn of(outlook: Outlook<'_>, usable: &QubitSet) -> Self {
        let mut changes = vec![(outlook.now, usable.len() as i64)];
        for (from, until, qubits) in outlook.stretches() {
            if until.is_none_or(|until| until > outlook.now) {
                let taken = qubits.intersection_len(usable) as i64;
                changes.push((from.max(outlook.now), -taken));
                changes.extend(until.map(|until| (until, taken)));
            }
        }
        changes.sort_unstable();
        let mut steps: Vec<(Time, i64)> = Vec::with_capacity(changes.len());
        for (at, change) in changes {
            match steps.last_mut() {
                Some((last, free)) if *last == at => *free += change,
                Some((_, free)) => {
                    let free = *free + change;
                    steps.push((at, free));
                }
                None => steps.push((at, change)),
            }
        }
        Self { steps }
    }

    /// Whether so many are free at any instant of a window.
    pub fn holds(&self, window: Window, needed: usize) -> bool {
        let first = self.steps.partition_point(|(at, _)| *at <= window.from).saturating_sub(1);
        let ended = |at: Time| window.until.is_some_and(|until| at >= until);
        self.steps[first..].iter().take_while(|(at, _)| !ended(*at)).all(|(_, free)| *free >= needed as i64)
    }

    /// The instants after now at which more are free than before, in order.
    pub fn rises(&self) -> impl Iterator<Item = Time> {
        self.steps.windows(2).filter(|pair| pair[1].1 > pair[0].1).map(|pair| pair[1].0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::protocol::{AllocationId, JobId, OrderKey};
    use crate::allocator::state::accounts::Accounts;
    use crate::allocator::state::calendar::{Booking, BookingKind, Calendar, Kept};
    use crate::allocator::state::outlook::Counting;
    use crate::allocator::state::place::{AccountId, Rank, Standing};
    use crate::quantum::PhysicalQubit;
    use crate::quantum::coupling_map::CouplingMap;
    use crate::time::Span;

    const NOW: u64 = 4;

    proptest! {
        /// Instant by instant, from what was booked: running jobs, some of which should have ended, and promises, some of
        /// them places without an instant.
        #[test]
        fn a_profile_is_what_its_instants_are(
            running in proptest::collection::vec((1_u32..4, 0_u64..16, 0_u64..3), 0..4),
            promised in proptest::collection::vec((1_u32..6, 0_u64..12, 1_u64..9, 0_u8..8), 0..6),
            (from, length, needed) in (NOW..20, 1_u64..9, 0_usize..14),
        ) {
            let map = CouplingMap::all_to_all(16).unwrap();
            let mut usable = QubitSet::full(16);
            usable.remove(PhysicalQubit(0));
            let booking = |qubits: std::ops::Range<u32>, from: u64, until: Option<u64>| Booking {
                qubits: QubitSet::from_qubits(16, qubits.map(PhysicalQubit)),
                buffer_distance: 0,
                max_crosstalk: None,
                party: None,
                from: Time(from),
                until: until.map(Time),
                guard: Span::ZERO,
            };
            let mut calendar = Calendar::new(16);
            // From when until when how many of the usable qubits are taken.
            let mut taken: Vec<(u64, Option<u64>, usize)> = Vec::new();
            let mut first = 0;
            for (index, (qubits, end, rest)) in running.iter().enumerate() {
                let held = Booking { guard: Span(*rest), ..booking(first..first + qubits, 0, Some(*end)) };
                taken.push((0, (*end > NOW).then_some(end + rest), held.qubits.intersection_len(&usable)));
                calendar.book(AllocationId(index as u64), BookingKind::Allocation, held, &map);
                first += qubits;
            }
            for (index, (qubits, begin, length, place)) in promised.iter().enumerate() {
                let (begin, until) = if *place == 0 { (0, None) } else { (*begin, Some(begin + length)) };
                let booking = booking(0..*qubits, begin, until);
                taken.push((begin, until, booking.qubits.intersection_len(&usable)));
                let rank = Rank { key: OrderKey::default(), place: 0 };
                calendar.keep(JobId(index as u64), Kept { account: AccountId::ALL, rank, booking });
            }
            let (accounts, counting) = (Accounts::default(), Counting::Earlier(Standing::LAST));
            let outlook =
                Outlook { calendar: &calendar, accounts: &accounts, now: Time(NOW), counting, party: None };
            let profile = Profile::of(outlook, &usable);
            let free = |at: u64| {
                let then = taken.iter().filter(|(from, until, _)| *from <= at && until.is_none_or(|until| at < until));
                usable.len() as i64 - then.map(|(.., qubits)| *qubits as i64).sum::<i64>()
            };
            let window = Window { from: Time(from), until: Some(Time(from + length)), rest: Span::ZERO };
            let all = (from..from + length).all(|at| free(at) >= needed as i64);
            prop_assert_eq!(profile.holds(window, needed), all);
            let endless = Window { until: None, ..window };
            prop_assert_eq!(profile.holds(endless, needed), (from..64).all(|at| free(at) >= needed as i64));
            let rises: Vec<u64> = profile.rises().map(|at| at.0).collect();
            let expected: Vec<u64> = (NOW + 1..64).filter(|at| free(*at) > free(at - 1)).collect();
            prop_assert_eq!(rises, expected);
        }
    }
}
