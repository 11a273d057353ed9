//! Where a live job is found: its slot in the table, and its place in every queue.

use serde::{Deserialize, Serialize};

/// Index of a live job; reused after the job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobSlot(pub u32);

/// Place in a queue; lower is earlier.
pub type Place = u64;
