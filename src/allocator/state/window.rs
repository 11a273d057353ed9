//! A window over what was used: charges of the last so many days count in full, older ones not at all.
//!
//! Time is cut into 32 parts of the window's length, from time 0 on, and a charge leaves with the part in which it was made:
//! it counts for the length of the window at least, and for one part more at most. So an account remembers 34 figures
//! at most, however many charges there were. Promises exact sums, whenever somebody looks. Leaves whose they are to
//! [`super::accounts`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::time::{Span, Time};

/// Parts of a window that leave together.
const PARTS: u64 = 32;

/// How long usage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Window {
    /// Above 0.
    pub length: Span,
}

impl Window {
    /// Nanoseconds of a part.
    fn part_ns(self) -> u64 {
        self.length.0.div_ceil(PARTS).max(1)
    }

    /// The part of time in which an instant is.
    fn part(self, at: Time) -> u64 {
        at.0 / self.part_ns()
    }

    /// When a part has left.
    fn leaves(self, part: u64) -> Time {
        let end = part.saturating_add(1).saturating_mul(self.part_ns());
        Time(end.saturating_add(self.length.0))
    }

    /// Whether what was charged at `began` counts no more.
    pub fn has_left(self, began: Time, now: Time) -> bool {
        self.leaves(self.part(began)) <= now
    }

    /// Whether a part leaves after one time and until another.
    pub fn moves(self, from: Time, to: Time) -> bool {
        let first_kept = |at: Time| self.part(Time(at.0.saturating_sub(self.length.0)));
        first_kept(from) != first_kept(to)
    }
}

/// What an account has used in each part of the time, 0 left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Buckets(BTreeMap<u64, u128>);

impl Buckets {
    /// Whether nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Adds what was charged at a time.
    pub fn add(&mut self, window: Window, began: Time, units: u128) {
        if units > 0 {
            let sum = self.0.entry(window.part(began)).or_default();
            *sum = sum.saturating_add(units);
        }
    }

    /// Takes back what was charged at a time.
    pub fn take(&mut self, window: Window, began: Time, units: u128) {
        let part = window.part(began);
        let Some(sum) = self.0.get_mut(&part) else { return };
        *sum = sum.saturating_sub(units);
        if *sum == 0 {
            self.0.remove(&part);
        }
    }

    /// Whether so much was charged in the part of an instant.
    pub fn holds(&self, window: Window, began: Time, units: u128) -> bool {
        self.0.get(&window.part(began)).copied().unwrap_or(0) >= units
    }

    /// What counts now.
    pub fn counted(&self, window: Window, now: Time) -> u128 {
        let counts = self.0.iter().filter(|(part, _)| window.leaves(**part) > now);
        counts.fold(0, |sum, (_, units)| sum.saturating_add(*units))
    }

    /// When a part leaves next after a time.
    pub fn leaves_after(&self, window: Window, time: Time) -> Option<Time> {
        self.0.keys().map(|part| window.leaves(*part)).find(|at| *at > time)
    }

    /// Forgets what counts no more.
    pub fn drop_what_left(&mut self, window: Window, now: Time) {
        self.0.retain(|part, _| window.leaves(*part) > now);
    }

    /// The same under a window of another length: what was used in a part was used at its beginning.
    pub fn divided_as(&self, old: Window, new: Window) -> Self {
        let mut divided = Self::default();
        for (part, units) in &self.0 {
            divided.add(new, Time(part.saturating_mul(old.part_ns())), *units);
        }
        divided
    }

    /// Adds what another account has used.
    pub fn add_all(&mut self, other: &Self) {
        for (part, units) in &other.0 {
            let sum = self.0.entry(*part).or_default();
            *sum = sum.saturating_add(*units);
        }
    }

    /// Whether no part is empty, has left at one time or begins after another, as it is unless it was read from made-up bytes.
    pub fn lie_within(&self, window: Window, from: Time, now: Time) -> bool {
        self.0
            .iter()
            .all(|(part, units)| *units > 0 && *part <= window.part(now) && window.leaves(*part) > from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A charge counts in full for the length at least and for a part more at most, and then not at all; forgetting at any
        /// times in between changes nothing; what is remembered is bounded.
        #[test]
        fn charges_count_for_the_length(
            length in 1_u64..5_000,
            charges in prop::collection::vec((0_u64..400, 1_u128..1_000), 1..200),
            looks in prop::collection::vec(any::<bool>(), 200),
        ) {
            let window = Window { length: Span(length) };
            let (mut steady, mut forgetful) = (Buckets::default(), Buckets::default());
            let mut made: Vec<(u64, u128)> = Vec::new();
            let (mut now, mut last) = (0, 0);
            for ((later, units), looks) in charges.into_iter().zip(looks) {
                now += later;
                if looks && window.moves(Time(last), Time(now)) {
                    forgetful.drop_what_left(window, Time(now));
                    last = now;
                    prop_assert!(forgetful.0.len() <= PARTS as usize + 2);
                }
                for buckets in [&mut steady, &mut forgetful] {
                    buckets.add(window, Time(now), units);
                    // A plan leaves no trace.
                    let before = buckets.clone();
                    buckets.add(window, Time(now), 77);
                    buckets.take(window, Time(now), 77);
                    prop_assert_eq!(&before, buckets);
                }
                made.push((now, units));
                let within = |span: u64| -> u128 {
                    made.iter().filter(|(at, _)| now - at < span).map(|(_, units)| units).sum()
                };
                let counted = steady.counted(window, Time(now));
                prop_assert_eq!(counted, forgetful.counted(window, Time(now)));
                prop_assert!(within(length) <= counted && counted <= within(length + window.part_ns()));
            }
            // All that is left leaves when it was said to.
            let mut at = Time(now);
            while let Some(next) = steady.leaves_after(window, at) {
                prop_assert_eq!(steady.counted(window, Time(next.0 - 1)), steady.counted(window, at));
                prop_assert!(steady.counted(window, next) < steady.counted(window, at));
                at = next;
            }
            prop_assert_eq!(steady.counted(window, at), 0);
        }
    }
}
