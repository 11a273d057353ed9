//! The costs that searches count with: scaled, so that no sum overflows.
//!
//! Leaves what an element costs to [`super::PlacementRequest`].

/// More than any cost.
pub(crate) const INFINITE: u64 = 1 << 60;

/// Which costs a search minimises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Costs {
    /// Those of the objective, divided by 2 to the given power so that sums fit.
    Calibrated(u32),
    /// None: every placement is as good as any other.
    Zero,
}

impl Costs {
    /// A cost as the search counts it.
    pub fn scaled(self, cost: impl FnOnce() -> u64) -> u64 {
        match self {
            Self::Calibrated(shift) => cost() >> shift,
            Self::Zero => 0,
        }
    }
}
