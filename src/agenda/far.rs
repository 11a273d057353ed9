//! The events beyond the present window, sorted only as far as needed to find the next window.
//!
//! Promises constant cost per push and at most eight moves per event over its life. Leaves the order within a
//! window to [`super::near`].

const LEVELS: usize = 8;
const BUCKETS: usize = 256;
/// Keys per block: 2 KiB, large enough to be read at the speed of memory, and little enough to waste half of it in each
/// bucket (128 beats 64 by 5 % at a million events, and costs nothing below).
const BLOCK: usize = 128;
const NONE: u32 = u32::MAX;

/// When, and where the event lies, which also knows its order at that instant: half of all memory traffic is far keys.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct FarKey {
    pub(super) at: u64,
    pub(super) slot: u32,
}

/// An odd number of cache lines, so that the first lines of blocks spread over all sets of the cache.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Block {
    keys: [FarKey; BLOCK],
    /// The next block of the bucket, or of the free list.
    next: u32,
}

/// A chain of blocks, all full but the last.
#[derive(Debug, Clone, Copy)]
struct Bucket {
    /// The first block.
    head: u32,
    /// The last block.
    tail: u32,
    /// Keys in all blocks together.
    len: u32,
}

const EMPTY: Bucket = Bucket { head: NONE, tail: NONE, len: 0 };

/// Buckets of keys with `at > last`, the last instant of the window.
///
/// A key lies on the level of the highest byte in which its time differs from `start`, in the bucket of that byte.
/// Since it is later than `start`, every key on a level is later than all on the levels below.
#[derive(Debug, Clone)]
pub(super) struct Far {
    /// First instant of the window.
    start: u64,
    /// Last instant of the window. `start` and `last` agree but for whole bytes at the low end.
    last: u64,
    len: usize,
    /// Level after level; empty until the first push.
    buckets: Vec<Bucket>,
    /// A bit per bucket that is not empty.
    occupied: [[u64; BUCKETS / 64]; LEVELS],
    blocks: Vec<Block>,
    /// The first block of the free list.
    free: u32,
}

impl Default for Far {
    fn default() -> Self {
        Self {
            start: 0,
            last: u64::MAX,
            len: 0,
            buckets: Vec::new(),
            occupied: [[0; BUCKETS / 64]; LEVELS],
            blocks: Vec::new(),
            free: NONE,
        }
    }
}

impl Far {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether a key of that time belongs here and not in near.
    pub(super) fn is_beyond_window(&self, at: u64) -> bool {
        at > self.last
    }

    /// Makes all of time the window; nothing may lie here.
    pub(super) fn open_window(&mut self) {
        debug_assert_eq!(self.len, 0);
        self.start = 0;
        self.last = u64::MAX;
    }

    /// Adds a key beyond the window.
    pub(super) fn push(&mut self, key: FarKey) {
        debug_assert!(self.is_beyond_window(key.at));
        if self.buckets.is_empty() {
            self.buckets.resize(LEVELS * BUCKETS, EMPTY);
        }
        let level = bytes_apart(key.at, self.start) - 1;
        let digit = (key.at >> (8 * level)) as usize % BUCKETS;
        let mut bucket = self.buckets[level * BUCKETS + digit];
        let place = bucket.len as usize % BLOCK;
        if place == 0 {
            let block = self.take_block();
            if bucket.len == 0 {
                bucket.head = block;
                self.occupied[level][digit / 64] |= 1 << (digit % 64);
            } else {
                self.blocks[bucket.tail as usize].next = block;
            }
            bucket.tail = block;
        }
        self.blocks[bucket.tail as usize].keys[place] = key;
        bucket.len += 1;
        self.buckets[level * BUCKETS + digit] = bucket;
        self.len += 1;
    }

    /// Moves the window on to the earliest keys and hands them to `take`, in no order: those of the earliest bucket,
    /// which is split until it holds at most `most` keys or a single instant. When at most `few` keys are left, all
    /// are taken, and all of time is the window again.
    pub(super) fn take_window(&mut self, few: usize, most: usize, mut take: impl FnMut(&[FarKey])) {
        if self.len <= few {
            while let Some((level, digit)) = self.earliest() {
                self.empty_bucket(level, digit, |_, keys| take(keys));
            }
            self.open_window();
            return;
        }
        while let Some((level, digit)) = self.earliest() {
            let above = !last_of(0, level + 1);
            self.start = self.start & above | (digit as u64) << (8 * level);
            if level == 0 || self.buckets[level * BUCKETS + digit].len as usize <= most {
                self.last = last_of(self.start, level);
                self.empty_bucket(level, digit, |_, keys| take(keys));
                return;
            }
            self.last = self.start;
            let mut found = false;
            self.empty_bucket(level, digit, |far, keys| {
                for key in keys {
                    if far.is_beyond_window(key.at) {
                        far.push(*key);
                    } else {
                        found = true;
                        take(std::slice::from_ref(key));
                    }
                }
            });
            if found {
                return;
            }
        }
    }

    /// Shortens the window, from `now` on, such that at most `most` of the given times lie in it, if possible.
    pub(super) fn narrow_window(&mut self, now: u64, times: impl Iterator<Item = u64>, most: usize) {
        // Never back: the keys that lie here were placed relative to the upper bytes of `start`.
        self.start = self.start.max(now);
        let mut within = [0_usize; LEVELS + 1];
        for at in times {
            within[if at <= self.start { 0 } else { bytes_apart(at, self.start) }] += 1;
        }
        let mut bytes = 0;
        let mut sum = within[0];
        let widest = bytes_apart(self.start, self.last);
        while bytes < widest && sum + within[bytes + 1] <= most {
            bytes += 1;
            sum += within[bytes];
        }
        self.last = last_of(self.start, bytes);
    }

    /// Keeps the keys for which `stays` holds.
    pub(super) fn retain(&mut self, mut stays: impl FnMut(&FarKey) -> bool) {
        for level in 0..LEVELS {
            let mut digits = self.occupied[level];
            while let Some(digit) = lowest_bit(&digits) {
                digits[digit / 64] &= digits[digit / 64] - 1;
                self.empty_bucket(level, digit, |far, keys| {
                    for key in keys.iter().filter(|key| stays(key)) {
                        far.push(*key);
                    }
                });
            }
        }
    }

    /// Level and digit of the earliest bucket.
    fn earliest(&self) -> Option<(usize, usize)> {
        self.occupied.iter().enumerate().find_map(|(level, digits)| Some((level, lowest_bit(digits)?)))
    }

    /// A block from the free list, or a new one.
    fn take_block(&mut self) -> u32 {
        let block = self.free;
        if let Some(free) = self.blocks.get(block as usize) {
            self.free = free.next;
            return block;
        }
        self.blocks.push(Block { keys: [FarKey::default(); BLOCK], next: NONE });
        (self.blocks.len() - 1) as u32
    }

    /// Takes all keys out of a bucket and hands them on, together with `self` to put them elsewhere.
    fn empty_bucket(&mut self, level: usize, digit: usize, mut take: impl FnMut(&mut Self, &[FarKey])) {
        let bucket = std::mem::replace(&mut self.buckets[level * BUCKETS + digit], EMPTY);
        self.occupied[level][digit / 64] &= !(1 << (digit % 64));
        self.len -= bucket.len as usize;
        let mut block = bucket.head;
        let mut left = bucket.len as usize;
        while left > 0 {
            let emptied = &mut self.blocks[block as usize];
            // A copy, because `take` may reuse the block. Reading it in one go is also what hides the memory latency:
            // reading key by key in place is no faster (measured).
            let keys = emptied.keys;
            let next = std::mem::replace(&mut emptied.next, self.free);
            self.free = block;
            block = next;
            take(self, &keys[..left.min(BLOCK)]);
            left = left.saturating_sub(BLOCK);
        }
    }
}

/// The last instant that agrees with `at` in all but its `bytes` lowest bytes.
fn last_of(at: u64, bytes: usize) -> u64 {
    match bytes {
        LEVELS => u64::MAX,
        _ => at | ((1 << (8 * bytes)) - 1),
    }
}

/// The number of low bytes in which two instants may differ.
fn bytes_apart(a: u64, b: u64) -> usize {
    (u64::BITS - (a ^ b).leading_zeros()).div_ceil(8) as usize
}

fn lowest_bit(digits: &[u64; BUCKETS / 64]) -> Option<usize> {
    let word = digits.iter().position(|&word| word != 0)?;
    Some(word * 64 + digits[word].trailing_zeros() as usize)
}
