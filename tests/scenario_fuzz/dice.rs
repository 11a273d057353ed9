//! Random choices from one number.
//!
//! Promises the same choices for the same seed on every machine and for ever, whatever other crates do to their
//! generators: a seed in a report must stay good. Leaves what is chosen to [`super::draw`].

/// A splitmix64 generator with the choices that a drawer makes.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ 0x5CE7_A210_F022_1E55)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^ (bits >> 31)
    }

    /// From 0 to `end` - 1. The bias is below 2^-50 for the small numbers asked here.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// From `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    pub fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len() as u64) as usize]
    }

    /// The items in an order of their own, as many of them as `count`.
    pub fn some<T: Clone>(&mut self, items: &[T], count: usize) -> Vec<T> {
        let mut rest = items.to_vec();
        let mut taken = Vec::new();
        while taken.len() < count && !rest.is_empty() {
            let index = self.below(rest.len() as u64) as usize;
            taken.push(rest.swap_remove(index));
        }
        taken
    }
}
