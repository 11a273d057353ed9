//! Where a live job is found: its slot in the table, and its place in every queue.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

use crate::allocator::protocol::OrderKey;

/// Index of a live job; reused after the job has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct JobSlot(pub u32);

/// In which order jobs were submitted; lower is earlier.
pub type Place = u64;

/// Whose account a job is charged to, see [`super::accounts`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AccountId(pub u32);

impl AccountId {
    /// The account of everybody where shares do not count.
    pub const ALL: Self = Self(0);

    /// As a position in a list.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Where a job stands among those of its account; lower is earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Rank {
    /// What the configured order goes by.
    pub key: OrderKey,
    /// Which of equal ones goes first.
    pub place: Place,
}

/// Where a job stands, while nobody's usage changes: first by what its group, its project and its user have used for
/// each of their shares, then by its rank. Lower is earlier. Groups that have used exactly as much stand as one, and their
/// projects are told apart by what these have used; so do projects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What was used per share, from the group down.
    pub used: [u128; LEVELS],
    /// Where it stands among those of its account.
    pub rank: Rank,
}

/// Groups, projects, users.
pub const LEVELS: usize = 3;

impl Standing {
    /// Behind everybody.
    pub const LAST: Self =
        Self { used: [u128::MAX; LEVELS], rank: Rank { key: OrderKey(i128::MAX), place: Place::MAX } };
}

impl Ord for Standing {
    fn cmp(&self, other: &Self) -> Ordering {
        // Mostly nobody's usage counts.
        self.used.cmp(&other.used).then_with(|| self.rank.cmp(&other.rank))
    }
}

impl PartialOrd for Standing {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
