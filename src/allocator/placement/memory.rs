//! What searches remember of earlier ones: how much of it there is, and how often it helped.
//!
//! Promises figures about speed and size alone: no placement depends on what is remembered. Leaves what is remembered
//! to the strategies, and its limits to [`crate::allocator::config::SearchMemory`].

/// What a strategy remembers, and how often it helped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MemoryUse {
    /// Searches that looked into the memory.
    pub requests: u64,
    /// Of these, those that found what they needed and used it.
    pub hits: u64,
    /// Of these, those for which nothing was remembered. The rest found something, but were expected to be faster
    /// without.
    pub misses: u64,
    /// Patterns on devices that are remembered now.
    pub entries: u64,
    /// Bytes that they take now.
    pub bytes: u64,
    /// Most bytes at any time: at most one entry above the limit, which then made room.
    pub bytes_peak: u64,
    /// Most bytes of one pattern on one device.
    pub entry_bytes_max: u64,
}

impl MemoryUse {
    /// Share of hits among hits and misses, 0..=1; `None` before the first of either.
    pub fn hit_rate(&self) -> Option<f64> {
        let decided = self.hits + self.misses;
        (decided > 0).then(|| self.hits as f64 / decided as f64)
    }

    /// Two memories of one allocator together. Their peaks need not coincide: the sum is an upper bound.
    #[must_use]
    pub fn beside(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            entries: self.entries + other.entries,
            bytes: self.bytes + other.bytes,
            bytes_peak: self.bytes_peak + other.bytes_peak,
            entry_bytes_max: self.entry_bytes_max.max(other.entry_bytes_max),
        }
    }

    /// The memories of two runs: counts of both, sizes of the larger.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            hits: self.hits + other.hits,
            misses: self.misses + other.misses,
            entries: self.entries.max(other.entries),
            bytes: self.bytes.max(other.bytes),
            bytes_peak: self.bytes_peak.max(other.bytes_peak),
            entry_bytes_max: self.entry_bytes_max.max(other.entry_bytes_max),
        }
    }
}
