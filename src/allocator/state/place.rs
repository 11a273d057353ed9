//! Where a live job is found: its slot in the table, and its place in every queue.

use serde::{Deserialize, Serialize};

use crate::allocator::protocol::OrderKey;

/// Index of a live job; reused after the job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobSlot(pub u32);

/// In which order jobs were submitted; lower is earlier.
pub type Place = u64;

/// Where a job stands among all that wait in its queue; lower is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Rank {
    /// What the configured order goes by.
    pub key: OrderKey,
    /// Which of equal ones goes first.
    pub place: Place,
}
