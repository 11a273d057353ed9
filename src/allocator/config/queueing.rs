//! Who waits where, who may overtake, and when somebody is tried again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::time::Span;

/// How priorities rise with the time since submission.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Aging {
    /// They do not: a stream of urgent jobs keeps the others waiting for ever.
    Off,
    /// By one step every so long.
    Every(Span),
    /// The same, but not for ever.
    Capped {
        /// A step every so long.
        every: Span,
        /// Most steps: who has waited that long rises no more, while those behind it still do. A job whose priority is
        /// higher by more than that is never passed; who is lower by one may wait behind a stream of others for ever.
        at_most: u32,
    },
}

impl Default for Aging {
    fn default() -> Self {
        Self::Every(Span::from_secs(36))
    }
}

/// Who waits where, and who may overtake.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Queue {
    /// One queue for all devices, in the configured order.
    Global {
        /// How many waiting jobs behind a blocked one are tried as well, whatever that does to the blocked one: a stream
        /// of small jobs keeps a large one waiting for ever. 0, as without it: the head blocks all others, unless no
        /// device could take it even if it were empty.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip_ahead: Option<u32>,
        /// All waiting jobs are tried, but the first ones that are blocked are promised a start that nobody may delay.
        /// Instead of `skip_ahead`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promises: Option<Promises>,
    },
    /// A queue per device, in the configured order; the device is chosen at submission.
    PerDevice {
        /// How many waiting jobs behind a blocked one are tried as well, whatever that does to the blocked one. 0, as
        /// without it: the head blocks all others.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        skip_ahead: Option<u32>,
        /// All waiting jobs of the device are tried, but the first ones that are blocked are promised a start that nobody
        /// may delay. Instead of `skip_ahead`, and not with `head_of_line: count`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        promises: Option<Promises>,
        /// What the head waits for.
        #[serde(default)]
        head_of_line: HeadOfLine,
    },
}

/// Which blocked jobs are promised a start: an instant, a device and qubits, those that are free then, when all that run
/// there have ended by their walltimes (`estimated_duration`, else `walltime.estimate`). A later job starts only where it
/// ends by then, or keeps out of these qubits and of the buffer around them. Behind jobs of which nobody knows how long
/// they run, or that run longer than they were taken to, a promise is a place without an instant: nobody behind enters it, and the job starts when those that are in it, or are promised it before,
/// have ended. A job without a promise does not wait for that of one behind it, which is promised another start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Promises {
    /// The first one (EASY backfill).
    Easy,
    /// All (conservative backfill). Time per pass grows with the third power of the length of the queue: for queues of tens
    /// of jobs; for longer ones take a depth.
    Conservative,
    /// The first so many.
    Depth(#[schemars(range(min = 1))] u32),
}

impl Promises {
    /// How many blocked jobs of a queue are promised a start.
    pub fn depth(self) -> u32 {
        match self {
            Self::Easy => 1,
            Self::Conservative => u32::MAX,
            Self::Depth(depth) => depth,
        }
    }
}

/// Which jobs may start before one that is blocked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overtaking {
    /// The next so many that fit.
    SkipAhead(u32),
    /// All that delay none of the first so many blocked ones.
    Promises(u32),
}

impl Default for Queue {
    fn default() -> Self {
        Self::Global { skip_ahead: None, promises: Some(Promises::Easy) }
    }
}

impl Queue {
    /// One queue for all devices, in which so many jobs behind a blocked one are tried as well.
    pub fn global(skip_ahead: u32) -> Self {
        Self::Global { skip_ahead: Some(skip_ahead), promises: None }
    }

    /// A queue per device, in which so many jobs behind a blocked one are tried as well.
    pub fn per_device(skip_ahead: u32, head_of_line: HeadOfLine) -> Self {
        Self::PerDevice { skip_ahead: Some(skip_ahead), promises: None, head_of_line }
    }

    /// Which jobs may start before one that is blocked.
    pub fn overtaking(&self) -> Overtaking {
        let (Self::Global { skip_ahead, promises } | Self::PerDevice { skip_ahead, promises, .. }) = *self;
        match promises {
            Some(promises) => Overtaking::Promises(promises.depth()),
            None => Overtaking::SkipAhead(skip_ahead.unwrap_or(0)),
        }
    }

    /// Whether blocked jobs are promised a start.
    pub fn makes_promises(&self) -> bool {
        matches!(self.overtaking(), Overtaking::Promises(_))
    }

    /// Whether waiting jobs stand in the same places under another configuration: in which queue, and whether their
    /// qubits are counted there.
    pub(in crate::allocator) fn arranges_like(&self, other: &Self) -> bool {
        let arrangement = |queue: &Self| match queue {
            Self::Global { .. } => None,
            Self::PerDevice { head_of_line, .. } => Some(*head_of_line),
        };
        arrangement(self) == arrangement(other)
    }
}

/// What the head of a device's queue waits for before the next job may be looked at.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum HeadOfLine {
    /// A placement.
    #[default]
    Placement,
    /// Enough free qubits, wherever they are. They stay counted for it while it looks for a placement, and the next
    /// job becomes the head: the discipline of a counting semaphore, as in QCloudSim (ACM PADS 2025).
    Count,
}

/// When a job that could not start is tried again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Retry {
    /// As soon as something that could help has changed.
    #[default]
    Event,
    /// On a timer of its own, counted from its last attempt.
    Every(Span),
}
