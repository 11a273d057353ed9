//! Which limit of a group, a project or a user keeps a job.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::time::Span;

/// Whose limit it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// That of the group, or of all groups together.
    Group,
    /// That of the project, or of all projects of the group together.
    Project,
    /// That of the user, or of all users of the project together.
    User,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Group => "group",
            Self::Project => "project",
            Self::User => "user",
        })
    }
}

/// Of what there is a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// Qubits that are held or promised.
    Qubits,
    /// Jobs that run or are promised a start.
    Jobs,
    /// Qubits that are held, times for how long, in a period.
    QubitSeconds,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Qubits => "qubits",
            Self::Jobs => "jobs",
            Self::QubitSeconds => "qubit-seconds",
        })
    }
}

/// A limit that a start would exceed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitReached {
    /// Whose.
    pub level: Level,
    /// Of what.
    pub of: Resource,
    /// The most at a time, or in the period.
    pub most: u64,
    /// How much is had already, or was in the period; rounded down.
    pub used: u64,
    /// The period.
    pub per: Option<Span>,
    /// It is that of all siblings with a quota together, since some of them may borrow.
    pub together: bool,
}

impl fmt::Display for LimitReached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, of, most, used, per, together } = self;
        let whose = if *together { "together with those beside it, its" } else { "its" };
        match per {
            Some(per) => write!(f, "{whose} {level} has used {used} of {most} {of} in {per}"),
            None => write!(f, "{whose} {level} has {used} of {most} {of} at a time"),
        }
    }
}
