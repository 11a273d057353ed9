//! Which qubits are coupled, as bit masks: connected parts and surroundings, 64 qubits at a time.
//!
//! Promises the answers of a search link by link at a fraction of its work: a row holds only the words in which a
//! qubit has neighbours, one or two of them on a lattice. Leaves the meaning of the links to the caller.

use super::{PhysicalQubit, QubitSet};

/// 64 qubits, and which of them are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Word {
    index: u32,
    bits: u64,
}

/// The neighbours of every qubit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Adjacency {
    /// Row of qubit q: `rows[q]..rows[q + 1]` in `words`.
    rows: Vec<u32>,
    words: Vec<Word>,
}

impl Adjacency {
    /// The adjacency of `qubits` qubits; `neighbours` yields those of one qubit, ascending.
    pub fn new<N: IntoIterator<Item = PhysicalQubit>>(
        qubits: usize,
        neighbours: impl Fn(PhysicalQubit) -> N,
    ) -> Self {
        let mut rows = Vec::with_capacity(qubits + 1);
        let mut words: Vec<Word> = Vec::new();
        rows.push(0);
        for qubit in 0..qubits as u32 {
            let first = words.len();
            for end in neighbours(PhysicalQubit(qubit)) {
                let (index, bit) = (end.0 / 64, 1_u64 << (end.0 % 64));
                match words[first..].last_mut() {
                    Some(word) if word.index == index => word.bits |= bit,
                    _ => words.push(Word { index, bits: bit }),
                }
            }
            rows.push(words.len() as u32);
        }
        Self { rows, words }
    }

    fn row(&self, qubit: usize) -> &[Word] {
        &self.words[self.rows[qubit] as usize..self.rows[qubit + 1] as usize]
    }

    /// Moves the connected part of `left` that holds its first qubit, from word `from` on, into `part`; answers its size, 0
    /// when nothing is left there.
    pub fn take_part(&self, left: &mut [u64], from: usize, part: &mut Part) -> usize {
        part.empty(left.len());
        let Some(start) = (from..left.len()).find(|&index| left[index] != 0) else {
            return 0;
        };
        let Part { bits, rim, touched } = part;
        let (bits, rim) = (&mut bits[..left.len()], &mut rim[..left.len()]);
        let first = left[start] & left[start].wrapping_neg();
        left[start] ^= first;
        bits[start] = first;
        // Qubits whose neighbours were not looked at, word by word. Lattices are numbered row by row, so that few sweeps go
        // backwards.
        rim[start] = first;
        let mut size = 0;
        let (mut index, mut low, mut high) = (start, start, start);
        while index <= high {
            let mut back = usize::MAX;
            while rim[index] != 0 {
                let qubit = index * 64 + rim[index].trailing_zeros() as usize;
                rim[index] &= rim[index] - 1;
                size += 1;
                for word in self.row(qubit) {
                    let at = word.index as usize;
                    let new = left[at] & word.bits;
                    if new != 0 {
                        left[at] ^= new;
                        bits[at] |= new;
                        rim[at] |= new;
                        high = high.max(at);
                        back = back.min(at);
                    }
                }
            }
            low = low.min(back);
            index = if back < index { back } else { index + 1 };
        }
        *touched = low..high + 1;
        size
    }

    /// `set` and everything within `distance` links of it.
    pub fn dilate(&self, set: &QubitSet, distance: u32) -> QubitSet {
        let mut all = set.clone();
        let mut rim = set.clone();
        for _ in 0..distance {
            let mut next = all.clone();
            for qubit in &rim {
                for word in self.row(qubit.index()) {
                    next.words_mut()[word.index as usize] |= word.bits;
                }
            }
            rim = next.clone();
            rim.subtract(&all);
            if rim.is_empty() {
                break;
            }
            all = next;
        }
        all
    }
}

/// The part that [`Adjacency::take_part`] found last, and its work space.
#[derive(Debug, Clone, Default)]
pub(crate) struct Part {
    /// Zero but for the words in `touched`.
    bits: Vec<u64>,
    /// Zero between searches.
    rim: Vec<u64>,
    touched: std::ops::Range<usize>,
}

impl Part {
    /// The words in which the part has qubits, and maybe a few others, with their numbers.
    pub fn words(&self) -> impl Iterator<Item = (usize, u64)> {
        self.touched.clone().zip(self.bits[self.touched.clone()].iter().copied())
    }

    fn empty(&mut self, words: usize) {
        self.bits[self.touched.clone()].fill(0);
        self.touched = 0..0;
        if self.bits.len() < words {
            self.bits.resize(words, 0);
            self.rim.resize(words, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quantum::coupling_map::CouplingMap;

    fn adjacency(map: &CouplingMap) -> Adjacency {
        Adjacency::new(map.qubits(), |qubit| map.neighbours(qubit).iter().map(|&(to, _)| to))
    }

    /// Oracle: link by link.
    fn part_of(map: &CouplingMap, within: &QubitSet, root: PhysicalQubit) -> QubitSet {
        let mut part = QubitSet::from_qubits(map.qubits(), [root]);
        loop {
            let beside = part.iter().flat_map(|qubit| map.neighbours(qubit)).map(|&(to, _)| to);
            let more = QubitSet::from_qubits(map.qubits(), beside.filter(|to| within.contains(*to)));
            if more.is_subset(&part) {
                return part;
            }
            part.union_with(&more);
        }
    }

    proptest! {
        #[test]
        fn parts_and_surroundings_are_those_found_link_by_link(
            qubits in 1_u32..200,
            couplers in proptest::collection::vec((0_u32..200, 0_u32..200), 0..260),
            free in proptest::collection::vec(any::<bool>(), 200),
            scattered in any::<bool>(),
            distance in 0_u32..4,
        ) {
            let near = |a: u32, b: u32| if scattered { b } else { a + b % 5 };
            let couplers = couplers.into_iter().map(|(a, b)| (a % qubits, near(a % qubits, b) % qubits));
            let map = CouplingMap::new(qubits, couplers.filter(|(a, b)| a != b)).unwrap();
            let adjacency = adjacency(&map);
            let all = (0..qubits).map(PhysicalQubit);
            let free = QubitSet::from_qubits(map.qubits(), all.filter(|qubit| free[qubit.index()]));

            let mut left = free.clone();
            let mut found = QubitSet::new(map.qubits());
            let mut part = Part::default();
            while let Some(root) = left.first() {
                let expected = part_of(&map, &free, root);
                let size = adjacency.take_part(left.words_mut(), root.index() / 64, &mut part);
                let mut taken = QubitSet::new(map.qubits());
                part.words().for_each(|(index, word)| taken.words_mut()[index] = word);
                prop_assert_eq!(&taken, &expected);
                prop_assert_eq!(size, expected.len());
                found.union_with(&taken);
            }
            prop_assert_eq!(&found, &free);
            prop_assert_eq!(adjacency.take_part(left.words_mut(), 0, &mut part), 0);

            let mut expected = free.clone();
            for _ in 0..distance {
                let beside: Vec<_> = expected.iter().flat_map(|qubit| map.neighbours(qubit)).collect();
                beside.into_iter().for_each(|&(to, _)| { expected.insert(to); });
            }
            prop_assert_eq!(adjacency.dilate(&free, distance), expected);
        }
    }
}
