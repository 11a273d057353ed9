//! Whose turn it is among devices of different weights: how often each was chosen, for its weight.
//!
//! The n-th turn of a device of weight w stands at (2n - 1) / 2w, and the turn that stands first is next: the divisor method of
//! Sainte-Laguë, which spreads the turns of each device evenly and gives each its share of any long stretch. Promises
//! exact comparisons, in integers. Leaves to [`super::index`] who has a turn at all.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// How often a device was chosen, and its weight; ordered by where its next turn stands.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Served {
    /// How often.
    pub times: u64,
    /// Its weight; one without any has no turn, and comes after all others.
    pub weight: u32,
}

impl Served {
    /// One that was never chosen.
    pub fn never(weight: u32) -> Self {
        Self { times: 0, weight }
    }

    /// After it was chosen, when turns up to `reached` have been taken. One that was away, or could not take what came,
    /// catches up on this turn alone: otherwise it would get all that comes until it had.
    pub fn once_more(self, reached: Self) -> Self {
        let next = Self { times: self.times.saturating_add(1), ..self };
        if next >= reached || self.weight == 0 || reached.weight == 0 {
            return next;
        }
        // The first turn that stands no earlier than the one that was reached, rounded up.
        let [own, other] = [u128::from(self.weight), u128::from(reached.weight)];
        let halves = ((2 * u128::from(reached.times) + 1) * own).div_ceil(other);
        Self { times: u64::try_from(halves / 2).unwrap_or(u64::MAX), ..self }
    }
}

impl Ord for Served {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.weight, other.weight) {
            (0, 0) => self.times.cmp(&other.times),
            (0, _) => Ordering::Greater,
            (_, 0) => Ordering::Less,
            // (2n + 1) / w against (2m + 1) / v.
            (own, theirs) => {
                let stands = |times: u64, weight: u32| (2 * u128::from(times) + 1) * u128::from(weight);
                stands(self.times, theirs).cmp(&stands(other.times, own))
            }
        }
    }
}

impl PartialOrd for Served {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Served {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Served {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Who gets the turns, of devices that can always take what comes.
    fn turns(weights: &[u32], count: usize) -> Vec<usize> {
        let mut served: Vec<Served> = weights.iter().copied().map(Served::never).collect();
        let mut reached = Served::never(0);
        let mut turns = Vec::new();
        for _ in 0..count {
            let (next, place) =
                served.iter().copied().enumerate().min_by_key(|(index, at)| (*at, *index)).unwrap();
            if turns.is_empty() || place > reached {
                reached = place;
            }
            served[next] = place.once_more(reached);
            turns.push(next);
        }
        turns
    }

    #[test]
    fn turns_are_spread_evenly() {
        assert_eq!(turns(&[5, 1, 1], 7), [0, 0, 0, 1, 2, 0, 0]);
        assert_eq!(turns(&[1, 1, 1], 6), [0, 1, 2, 0, 1, 2]);
        // Proportions count, not the numbers.
        assert_eq!(turns(&[300, 250, 200], 60), turns(&[6, 5, 4], 60));
        assert_eq!(turns(&[0, 2], 4), [1, 1, 1, 1]);
    }

    proptest! {
        /// Nobody is a whole turn away from its share after any number of turns, whole rounds are exact.
        #[test]
        fn everybody_gets_their_share(weights in proptest::collection::vec(1_u32..9, 1..6), rounds in 1_u32..4) {
            let total: u32 = weights.iter().sum();
            let turns = turns(&weights, (total * rounds) as usize);
            for (device, weight) in weights.iter().enumerate() {
                let own = turns.iter().filter(|turn| **turn == device).count();
                prop_assert_eq!(own as u32, weight * rounds);
            }
        }

        /// One that was away catches up on one turn.
        #[test]
        fn nobody_catches_up_on_what_it_could_not_take(weight in 1_u32..9, times in 0_u64..9, at in 0_u64..99, by in 1_u32..9) {
            let reached = Served { times: at, weight: by };
            let next = Served { times, weight }.once_more(reached);
            prop_assert!(next >= reached || next.times == times + 1);
            let before = Served { times: next.times.saturating_sub(1), weight };
            prop_assert!(next.times == times + 1 || before < reached, "{:?} after {:?}", next, reached);
            prop_assert!(next >= reached);
        }
    }
}
