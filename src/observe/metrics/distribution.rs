//! The distribution of whole numbers: exact sum, count and largest, quantiles exact or nearly so.
//!
//! Promises exact quantiles up to [`EXACT_MAX`] values; beyond it the values go to a logarithmic histogram (512 steps
//! per octave), whose quantiles err by less than 0.1 %. The switch depends on the number of values alone.

/// Most values kept one by one (8 MB).
pub const EXACT_MAX: usize = 1 << 20;

/// Ratios and probabilities are recorded in units of 1e-9.
pub(super) const PER_UNIT: u64 = 1_000_000_000;

/// Steps per octave, as a power of two: half a step is at most 2^-10 of the value.
const STEP_BITS: u32 = 9;

/// A growing multiset of numbers.
#[derive(Debug, Clone, Default)]
pub struct Distribution {
    count: u64,
    sum: u128,
    max: u64,
    store: Store,
}

#[derive(Debug, Clone)]
enum Store {
    Exact(Vec<u64>),
    Histogram(Vec<u64>),
}

impl Default for Store {
    fn default() -> Self {
        Self::Exact(Vec::new())
    }
}

impl Distribution {
    /// Adds a value.
    pub fn record(&mut self, value: u64) {
        self.count += 1;
        self.sum += u128::from(value);
        self.max = self.max.max(value);
        match &mut self.store {
            Store::Exact(values) if values.len() < EXACT_MAX => values.push(value),
            Store::Exact(values) => {
                let mut buckets = Vec::new();
                for value in values.drain(..).chain([value]) {
                    add(&mut buckets, value);
                }
                self.store = Store::Histogram(buckets);
            }
            Store::Histogram(buckets) => add(buckets, value),
        }
    }

    /// Forgets all values and keeps the memory.
    pub fn clear(&mut self) {
        (self.count, self.sum, self.max) = (0, 0, 0);
        match &mut self.store {
            Store::Exact(values) => values.clear(),
            Store::Histogram(_) => self.store = Store::default(),
        }
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Exact sum.
    pub fn sum(&self) -> u128 {
        self.sum
    }

    /// The largest value.
    pub fn max(&self) -> Option<u64> {
        (self.count > 0).then_some(self.max)
    }

    /// The mean, rounded once.
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum as f64 / self.count as f64)
    }

    /// The least value that at least the given share (in thousandths) of all values does not exceed: nearest rank.
    pub fn quantile(&self, thousandths: u64) -> Option<u64> {
        let rank = (self.count * thousandths).div_ceil(1_000).clamp(1, self.count.max(1));
        match &self.store {
            Store::Exact(values) => {
                let mut values = values.clone();
                let index = (rank - 1) as usize;
                (index < values.len()).then(|| *values.select_nth_unstable(index).1)
            }
            Store::Histogram(buckets) => {
                let mut below = 0;
                let bucket = buckets.iter().position(|count| {
                    below += count;
                    below >= rank
                });
                bucket.map(|bucket| middle(bucket).min(self.max))
            }
        }
    }
}

fn add(buckets: &mut Vec<u64>, value: u64) {
    let bucket = bucket_of(value);
    if bucket >= buckets.len() {
        buckets.resize(bucket + 1, 0);
    }
    buckets[bucket] += 1;
}

/// Values below 2^(STEP_BITS + 1) have a bucket each; above, an octave has 2^STEP_BITS buckets.
fn bucket_of(value: u64) -> usize {
    let octave = (u64::BITS - value.leading_zeros()).saturating_sub(STEP_BITS + 1);
    ((u64::from(octave) << STEP_BITS) + (value >> octave)) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 << STEP_BITS {
        return bucket;
    }
    let octave = (bucket >> STEP_BITS) - 1;
    let low = (bucket - (octave << STEP_BITS)) << octave;
    low + (1 << (octave - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let mut waits = Distribution::default();
        assert_eq!((waits.mean(), waits.quantile(500), waits.max()), (None, None, None));
        (1..=10).rev().for_each(|value| waits.record(value));
        let quantiles = [0, 500, 501, 950, 1_000].map(|share| waits.quantile(share));
        assert_eq!(quantiles, [1, 5, 6, 10, 10].map(Some));
        assert_eq!((waits.mean(), waits.max(), waits.sum()), (Some(5.5), Some(10), 55));
    }

    #[test]
    fn the_histogram_takes_over_without_a_jump() {
        let mut waits = Distribution::default();
        let mut value = 1_u64;
        for _ in 0..=EXACT_MAX {
            value = value.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            if waits.count() == EXACT_MAX as u64 {
                let exact = [500, 950, 990].map(|share| waits.quantile(share).unwrap());
                waits.record(value >> 14);
                assert!(matches!(waits.store, Store::Histogram(_)));
                for (share, exact) in [500, 950, 990].into_iter().zip(exact) {
                    let near = waits.quantile(share).unwrap();
                    assert!(
                        near.abs_diff(exact) as f64 <= 1e-3 * exact as f64,
                        "{share}: {near} for {exact}"
                    );
                }
            } else {
                waits.record(value >> 14);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn buckets_err_by_less_than_a_thousandth(value: u64, shift in 0_u32..64) {
            let value = value >> shift;
            let near = middle(bucket_of(value));
            proptest::prop_assert!(near.abs_diff(value) as f64 <= value as f64 / 1_024.0);
        }
    }
}
