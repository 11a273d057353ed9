//! What a job waited for: one cause at a time, whose stretches add up to its wait.
//!
//! Promises a closed list of causes, in the order in which they are written everywhere. Leaves what keeps a job at one
//! instant, with all that is known of it, to [`crate::allocator::explain::WaitReason`].

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::time::Span;

/// Why a job waited for a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitCause {
    /// No device of the fleet could take it even if it were empty, or none is good enough for its bounds.
    Unplaceable,
    /// Its group, project or user had as much as it may.
    Quota,
    /// It was held, by its owner or an operator.
    Held,
    /// Jobs that it named had not ended, see [`crate::allocator::protocol::JobRequest::after`].
    Dependency,
    /// It had been tried in vain, and is not tried again before a time (`retry: {every: ..}`).
    Retry,
    /// So many jobs before it in its queue had to stay that nobody looked at it, whatever else would have kept it.
    Order,
    /// A device would have taken it, but for what is promised to others.
    Promise,
    /// There was room, but the best placement on it was not good enough for its bounds.
    Quality,
    /// Enough qubits were free, but no region of its shape was found among them.
    Shape,
    /// Enough qubits were free, but too few of them within the limits of the job and far enough from other jobs.
    UsableQubits,
    /// Too few qubits were free on every device in service that is large enough.
    FreeQubits,
    /// Every device that is large enough takes no more jobs for now: it runs as many as it may, or a batch must end.
    FullDevice,
    /// No device that is large enough was in service.
    OutOfService,
    /// It had come, or come free, and no pass had looked at it yet.
    Pass,
    /// Not known: before the core was made anew from events alone.
    Unrecorded,
}

impl WaitCause {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();

    /// All of them, in order, with their names.
    pub const ALL: [(Self, &str); 15] = [
        (Self::Unplaceable, "unplaceable"),
        (Self::Quota, "quota"),
        (Self::Held, "held"),
        (Self::Dependency, "dependency"),
        (Self::Retry, "retry"),
        (Self::Order, "order"),
        (Self::Promise, "promise"),
        (Self::Quality, "quality"),
        (Self::Shape, "shape"),
        (Self::UsableQubits, "usable_qubits"),
        (Self::FreeQubits, "free_qubits"),
        (Self::FullDevice, "full_device"),
        (Self::OutOfService, "out_of_service"),
        (Self::Pass, "pass"),
        (Self::Unrecorded, "unrecorded"),
    ];

    /// Its place in [`Self::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        Self::ALL[self.index()].1
    }
}

/// How long a job waited for what: each cause at most once, none for no time, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Waited(SmallVec<[(WaitCause, Span); 2]>);

impl Waited {
    /// From nanoseconds for each cause.
    pub fn from_nanoseconds(of: &[u64; WaitCause::COUNT]) -> Self {
        let all = WaitCause::ALL.iter().zip(of).filter(|(_, nanoseconds)| **nanoseconds > 0);
        Self(all.map(|((cause, _), nanoseconds)| (*cause, Span(*nanoseconds))).collect())
    }

    /// The causes and their times.
    pub fn iter(&self) -> impl Iterator<Item = (WaitCause, Span)> {
        self.0.iter().copied()
    }

    /// All of it; the longest time there is, where it is longer.
    pub fn total(&self) -> Span {
        Span(self.0.iter().fold(0, |sum: u64, (_, span)| sum.saturating_add(span.0)))
    }

    /// The time for one cause.
    pub fn of(&self, cause: WaitCause) -> Span {
        self.0.iter().find(|(of, _)| *of == cause).map_or(Span(0), |(_, span)| *span)
    }

    /// Whether each cause is there once at most, in order and for some time, as it is unless it was read from made-up bytes.
    pub fn is_proper(&self) -> bool {
        self.0.is_sorted_by(|a, b| a.0 < b.0) && self.0.iter().all(|(_, span)| span.0 > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_stand_where_their_index_says() {
        for (index, (cause, _)) in WaitCause::ALL.iter().enumerate() {
            assert_eq!(cause.index(), index);
        }
    }

    #[test]
    fn times_add_up_and_none_is_empty() {
        let mut of = [0; WaitCause::COUNT];
        (of[WaitCause::Shape.index()], of[WaitCause::Order.index()]) = (3, 4);
        let waited = Waited::from_nanoseconds(&of);
        assert!(waited.is_proper());
        assert_eq!(waited.iter().map(|(cause, _)| cause.name()).collect::<Vec<_>>(), ["order", "shape"]);
        assert_eq!(
            (waited.total(), waited.of(WaitCause::Shape), waited.of(WaitCause::Held)),
            (Span(7), Span(3), Span(0))
        );
        assert!(
            !Waited(SmallVec::from_iter([(WaitCause::Shape, Span(1)), (WaitCause::Order, Span(1))]))
                .is_proper()
        );
    }
}
