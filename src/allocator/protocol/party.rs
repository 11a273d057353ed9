//! Parties: whose jobs need not be kept apart from each other, where isolation is not between all jobs.

use serde::{Deserialize, Serialize};

/// Those whose jobs are not kept apart, at the level that the configuration names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Party {
    /// A user in a project: whoever works for two projects is two parties.
    User {
        /// The group of the project.
        group: u32,
        /// The project.
        project: u32,
        /// The user.
        user: u32,
    },
    /// All users of a project.
    Project {
        /// The group of the project.
        group: u32,
        /// The project.
        project: u32,
    },
    /// All users of a group.
    Group(u32),
}

/// What separates a job from others of its party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartyTerms {
    /// The party.
    pub party: Party,
    /// Idle qubits between two of its jobs: as many as the device itself demands.
    #[serde(default, skip_serializing_if = "is_none")]
    pub buffer_distance: u32,
    /// Whether qubits rest before another job of the party, too: where the device itself demands that they rest.
    #[serde(default, skip_serializing_if = "is_no")]
    pub rests: bool,
}

fn is_none(distance: &u32) -> bool {
    *distance == 0
}

fn is_no(rests: &bool) -> bool {
    !*rests
}

impl PartyTerms {
    /// Whether both are of one party.
    pub fn are_one(a: Option<Self>, b: Option<Self>) -> bool {
        matches!((a, b), (Some(a), Some(b)) if a.party == b.party)
    }
}
