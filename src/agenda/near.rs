//! The events of the present window, in order.
//!
//! Promises logarithmic cost for any mix of pushes and pops, and constant cost for what came in by a refill. Leaves
//! stale keys to the agenda.

/// Children per heap node: the four keys of a node's children are neighbours in memory, and a heap of four is half as
/// deep as one of two.
const ARITY: usize = 4;

/// When, in which order at that instant, and where the event lies.
#[derive(Debug, Clone, Copy)]
pub(super) struct NearKey {
    pub(super) at: u64,
    pub(super) rank: u64,
    pub(super) slot: u32,
}

impl NearKey {
    /// Both fields in one number, because that compares without a branch.
    fn order(&self) -> u128 {
        u128::from(self.at) << 64 | u128::from(self.rank)
    }

    fn is_before(&self, other: &Self) -> bool {
        self.order() < other.order()
    }
}

/// Behind the last key of the heap, so that children can be read four at a time. Never before any key.
const PAD: NearKey = NearKey { at: u64::MAX, rank: u64::MAX, slot: u32::MAX };
const PADS: usize = ARITY - 1;

/// A run, sorted once and only popped, and a heap for what is pushed later; the earlier of the two heads is next.
#[derive(Debug, Clone)]
pub(super) struct Near {
    /// Latest first, so that the next one is at the end.
    run: Vec<NearKey>,
    /// A heap of keys, followed by [`PADS`] pads.
    heap: Vec<NearKey>,
    /// Whether the root of the heap has been popped and its place not been filled yet. Most events entail another
    /// one: pushing it into the vacant root costs one descent instead of a descent and an ascent.
    root_is_vacant: bool,
}

impl Default for Near {
    fn default() -> Self {
        Self { run: Vec::new(), heap: vec![PAD; PADS], root_is_vacant: false }
    }
}

impl Near {
    pub(super) fn len(&self) -> usize {
        self.run.len() + self.heap_len()
    }

    pub(super) fn heap_len(&self) -> usize {
        self.heap.len() - PADS - usize::from(self.root_is_vacant)
    }

    /// The times of the heap, in no order.
    pub(super) fn heap_times(&self) -> impl Iterator<Item = u64> {
        let keys = &self.heap[..self.heap.len() - PADS];
        keys.iter().skip(usize::from(self.root_is_vacant)).map(|key| key.at)
    }

    pub(super) fn peek(&mut self) -> Option<NearKey> {
        self.fill_root();
        // The heap has a first key even when it is empty: a pad, which is before nothing.
        match self.run.last() {
            Some(next) if next.is_before(&self.heap[0]) => Some(*next),
            _ if self.heap.len() == PADS => None,
            _ => Some(self.heap[0]),
        }
    }

    pub(super) fn pop(&mut self) -> Option<NearKey> {
        self.fill_root();
        match self.run.last() {
            Some(next) if next.is_before(&self.heap[0]) => self.run.pop(),
            _ if self.heap.len() == PADS => None,
            _ => {
                self.root_is_vacant = true;
                Some(self.heap[0])
            }
        }
    }

    pub(super) fn push(&mut self, key: NearKey) {
        if self.root_is_vacant {
            self.root_is_vacant = false;
            self.sink(key);
            return;
        }
        let mut hole = self.heap.len() - PADS;
        self.heap.push(PAD);
        while hole > 0 {
            let parent = (hole - 1) / ARITY;
            if !key.is_before(&self.heap[parent]) {
                break;
            }
            self.heap[hole] = self.heap[parent];
            hole = parent;
        }
        self.heap[hole] = key;
    }

    /// Replaces the run, which must be empty, by what `fill` appends.
    pub(super) fn refill(&mut self, fill: impl FnOnce(&mut Vec<NearKey>)) {
        debug_assert!(self.run.is_empty());
        fill(&mut self.run);
        // Sorting by a reversed order instead is slower (measured).
        self.run.sort_unstable_by_key(NearKey::order);
        self.run.reverse();
    }

    /// Keeps the keys for which `stays` holds.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&NearKey) -> bool) {
        self.fill_root();
        self.run.retain(&mut stays);
        self.heap.truncate(self.heap.len() - PADS);
        self.heap.retain(stays);
        // A sorted array is a heap.
        self.heap.sort_unstable_by_key(NearKey::order);
        self.heap.extend([PAD; PADS]);
    }

    fn fill_root(&mut self) {
        if !self.root_is_vacant {
            return;
        }
        self.root_is_vacant = false;
        self.heap.pop();
        let end = self.heap.len() - PADS;
        let last = std::mem::replace(&mut self.heap[end], PAD);
        if end > 0 {
            self.sink(last);
        }
    }

    /// Lets `key` descend from the root, whose own key is gone, to its place.
    fn sink(&mut self, key: NearKey) {
        let heap = self.heap.as_mut_slice();
        let mut hole = 0;
        loop {
            // Beyond the end exactly when there are no children, thanks to the pads.
            let first = ARITY * hole + 1;
            let Some([a, b, c, d]) = heap.get(first..first + ARITY) else {
                break;
            };
            // A tournament instead of a chain: shorter, and the compiler makes it free of branches.
            let (left, left_order) = if b.is_before(a) { (1, b.order()) } else { (0, a.order()) };
            let (right, right_order) = if d.is_before(c) { (3, d.order()) } else { (2, c.order()) };
            let child = first + if right_order < left_order { right } else { left };
            if !heap[child].is_before(&key) {
                break;
            }
            heap[hole] = heap[child];
            hole = child;
        }
        heap[hole] = key;
    }
}
