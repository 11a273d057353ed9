//! The edges of a graph that is to be matched. Leaves finding the matching to the files beside it.

/// Edges of a graph: two different nodes and a cost each, below [`COST_LIMIT`].
pub(super) type Edges<'a> = &'a [(u32, u32, u64)];

/// What costs stay below, so that sums of duals fit into 64 bits.
pub(super) const COST_LIMIT: u64 = 1 << 58;
