//! A set of physical qubits of one device, as a bit set.
//!
//! Promises ascending iteration, no heap memory up to 256 qubits, and that all sets of one device have one
//! capacity. Leaves neighbourhoods to [`super::coupling_map`].

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use smallvec::{SmallVec, smallvec};

use super::{PhysicalQubit, STORED_QUBITS_MAX};

/// A set of qubits out of `0..capacity`.
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct QubitSet {
    words: SmallVec<[u64; 4]>,
    capacity: u32,
}

impl QubitSet {
    /// The empty set of a device with `capacity` qubits.
    pub fn new(capacity: usize) -> Self {
        Self { words: smallvec![0; capacity.div_ceil(64)], capacity: capacity as u32 }
    }

    /// All qubits of a device with `capacity` qubits.
    pub fn full(capacity: usize) -> Self {
        let mut set = Self::new(capacity);
        for (index, word) in set.words.iter_mut().enumerate() {
            let bits = (capacity - index * 64).min(64);
            *word = if bits == 64 { u64::MAX } else { (1 << bits) - 1 };
        }
        set
    }

    /// The set of the given qubits.
    pub fn from_qubits(capacity: usize, qubits: impl IntoIterator<Item = PhysicalQubit>) -> Self {
        let mut set = Self::new(capacity);
        for qubit in qubits {
            set.insert(qubit);
        }
        set
    }

    /// Number of qubits of the device.
    pub fn capacity(&self) -> usize {
        self.capacity as usize
    }

    /// Number of qubits in the set.
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether the set holds nothing.
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|&word| word == 0)
    }

    /// Whether `qubit` is in the set; `false` beyond the capacity.
    pub fn contains(&self, qubit: PhysicalQubit) -> bool {
        self.words.get(qubit.index() / 64).is_some_and(|word| word >> (qubit.index() % 64) & 1 == 1)
    }

    /// Adds `qubit`; true when it was not there. Panics beyond the capacity: callers check their input.
    pub fn insert(&mut self, qubit: PhysicalQubit) -> bool {
        debug_assert!(qubit.0 < self.capacity);
        let word = &mut self.words[qubit.index() / 64];
        let bit = 1 << (qubit.index() % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    /// Takes `qubit` out; true when it was there.
    pub fn remove(&mut self, qubit: PhysicalQubit) -> bool {
        let Some(word) = self.words.get_mut(qubit.index() / 64) else {
            return false;
        };
        let bit = 1 << (qubit.index() % 64);
        let there = *word & bit != 0;
        *word &= !bit;
        there
    }

    /// Empties the set.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Adds all of `other`.
    pub fn union_with(&mut self, other: &Self) {
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Keeps what is also in `other`.
    pub fn intersect_with(&mut self, other: &Self) {
        for (word, mask) in self.words.iter_mut().zip(&other.words) {
            *word &= mask;
        }
    }

    /// Takes all of `other` out.
    pub fn subtract(&mut self, other: &Self) {
        for (word, mask) in self.words.iter_mut().zip(&other.words) {
            *word &= !mask;
        }
    }

    /// Whether the sets have no qubit in common.
    pub fn is_disjoint(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(a, b)| a & b == 0)
    }

    /// Whether every qubit of `self` is in `other`.
    pub fn is_subset(&self, other: &Self) -> bool {
        self.words.iter().zip(&other.words).all(|(a, b)| a & !b == 0)
    }

    /// Number of qubits in both sets.
    pub fn intersection_len(&self, other: &Self) -> usize {
        self.words.iter().zip(&other.words).map(|(a, b)| (a & b).count_ones() as usize).sum()
    }

    /// The lowest qubit.
    pub fn first(&self) -> Option<PhysicalQubit> {
        self.iter().next()
    }

    /// The qubits in ascending order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { words: &self.words, index: 0, word: self.words.first().copied().unwrap_or(0) }
    }

    /// The bits, 64 qubits a word, lowest first.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The bits, to be changed; bits beyond the capacity must stay 0.
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }
}

/// Ascending iterator over a [`QubitSet`].
#[derive(Debug, Clone)]
pub struct Iter<'a> {
    words: &'a [u64],
    index: usize,
    word: u64,
}

impl Iterator for Iter<'_> {
    type Item = PhysicalQubit;

    fn next(&mut self) -> Option<PhysicalQubit> {
        while self.word == 0 {
            self.index += 1;
            self.word = *self.words.get(self.index)?;
        }
        let bit = self.word.trailing_zeros();
        self.word &= self.word - 1;
        Some(PhysicalQubit(self.index as u32 * 64 + bit))
    }
}

impl<'a> IntoIterator for &'a QubitSet {
    type Item = PhysicalQubit;
    type IntoIter = Iter<'a>;
    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Shows the qubits as ranges: `{0-3 7}`.
impl fmt::Debug for QubitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

/// Shows the qubits as ranges: `0-3 7`.
impl fmt::Display for QubitSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut qubits = self.iter().map(|qubit| qubit.0).peekable();
        let mut gap = "";
        while let Some(first) = qubits.next() {
            let mut last = first;
            while qubits.next_if_eq(&(last + 1)).is_some() {
                last += 1;
            }
            if first == last {
                write!(f, "{gap}{first}")?
            } else {
                write!(f, "{gap}{first}-{last}")?
            }
            gap = " ";
        }
        Ok(())
    }
}

#[derive(Serialize, Deserialize)]
struct Stored {
    capacity: u32,
    qubits: Vec<PhysicalQubit>,
}

impl Serialize for QubitSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Stored { capacity: self.capacity, qubits: self.iter().collect() }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for QubitSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::deserialize(deserializer)?;
        if stored.capacity > STORED_QUBITS_MAX {
            return Err(serde::de::Error::custom(format!("a set of {} qubits", stored.capacity)));
        }
        if let Some(qubit) = stored.qubits.iter().find(|qubit| qubit.0 >= stored.capacity) {
            let message = format!("qubit {} is not below the capacity {}", qubit.0, stored.capacity);
            return Err(serde::de::Error::custom(message));
        }
        Ok(Self::from_qubits(stored.capacity as usize, stored.qubits))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_an_ordered_set(
            capacity in 1_usize..300,
            a in proptest::collection::vec(0_u32..300, 0..80),
            b in proptest::collection::vec(0_u32..300, 0..80),
        ) {
            let model = |list: &[u32]| list.iter().filter(|q| **q < capacity as u32).copied().collect::<BTreeSet<_>>();
            let real = |list: &BTreeSet<u32>| QubitSet::from_qubits(capacity, list.iter().map(|q| PhysicalQubit(*q)));
            let shown = |set: &QubitSet| set.iter().map(|q| q.0).collect::<BTreeSet<_>>();
            let (ma, mb) = (model(&a), model(&b));
            let (ra, rb) = (real(&ma), real(&mb));
            prop_assert_eq!(shown(&ra), ma.clone());
            prop_assert_eq!(ra.len(), ma.len());
            prop_assert_eq!(ra.is_disjoint(&rb), ma.is_disjoint(&mb));
            prop_assert_eq!(ra.is_subset(&rb), ma.is_subset(&mb));
            let mut union = ra.clone();
            union.union_with(&rb);
            prop_assert_eq!(shown(&union), &ma | &mb);
            let mut difference = QubitSet::full(capacity);
            difference.subtract(&ra);
            prop_assert_eq!(difference.len(), capacity - ma.len());
            prop_assert!(difference.is_disjoint(&ra));
        }
    }
}
