//! Numbers seen so far, as ranges, so that millions of nearly consecutive numbers cost nothing to remember.

use std::collections::BTreeMap;

/// Most ranges kept. Beyond it the lowest are forgotten: a reuse may then be missed, never wrongly reported.
const RANGES_MAX: usize = 1 << 20;

/// A set of numbers that grows.
#[derive(Debug, Clone, Default)]
pub(super) struct IdSet {
    /// First number of a range -> last number of it. Ranges neither touch nor overlap.
    ranges: BTreeMap<u64, u64>,
}

impl IdSet {
    /// Whether the number was inserted.
    pub(super) fn contains(&self, id: u64) -> bool {
        self.ranges.range(..=id).next_back().is_some_and(|(_, &last)| id <= last)
    }

    /// Adds a number; true when it was not there.
    pub(super) fn insert(&mut self, id: u64) -> bool {
        let below = self.ranges.range(..=id).next_back().map(|(&first, &last)| (first, last));
        if below.is_some_and(|(_, last)| id <= last) {
            return false;
        }
        let first = match below {
            Some((first, last)) if last + 1 == id => first,
            _ => id,
        };
        let joined = id.checked_add(1).and_then(|next| self.ranges.remove(&next));
        self.ranges.insert(first, joined.unwrap_or(id));
        if self.ranges.len() > RANGES_MAX {
            self.ranges.pop_first();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    proptest::proptest! {
        #[test]
        fn behaves_like_a_set(ids in proptest::collection::vec(0_u64..40, 0..60)) {
            let (mut ranges, mut model) = (IdSet::default(), BTreeSet::new());
            for id in ids {
                proptest::prop_assert_eq!(ranges.contains(id), model.contains(&id));
                proptest::prop_assert_eq!(ranges.insert(id), model.insert(id));
            }
            let touching = ranges.ranges.iter().zip(ranges.ranges.keys().skip(1)).any(|((_, last), first)| last + 1 >= *first);
            proptest::prop_assert!(!touching);
        }
    }
}
