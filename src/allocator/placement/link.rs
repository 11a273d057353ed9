//! One live coupler as searches see it, and sets of couplers as bits. Leaves devices to [`super::cost::Epoch`].

use crate::quantum::{CouplerId, PhysicalQubit};

/// A live coupler as seen from one of its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Link {
    /// The other end.
    pub to: PhysicalQubit,
    /// The coupler.
    pub coupler: CouplerId,
    /// Cost of one two-qubit gate.
    pub cost: u64,
}

/// Whether the bit of `coupler` is set.
pub fn bit(bits: &[u64], coupler: CouplerId) -> bool {
    bits.get(coupler.index() / 64).is_some_and(|word| word >> (coupler.index() % 64) & 1 == 1)
}
