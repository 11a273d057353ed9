//! Whether jobs keep their deadlines: the one definition for metrics and traces.

use crate::allocator::protocol::FinalState;
use crate::time::Time;

/// Whether a job kept its deadline: it did all its shots by then. `None` where that is open or means nothing: its time is
/// not over, or it was cancelled before. `state` is that at `now`, the end of the job or of the observation.
pub fn kept(deadline: Time, state: Option<FinalState>, now: Time) -> Option<bool> {
    match state {
        Some(FinalState::Completed) => Some(now <= deadline),
        Some(FinalState::Cancelled) | None => (now > deadline).then_some(false),
        Some(FinalState::Failed | FinalState::Rejected | FinalState::Expired) => Some(false),
    }
}

/// How many jobs kept their deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Deadlines {
    pub(super) kept: u64,
    pub(super) missed: u64,
}

impl Deadlines {
    /// Counts a job, if it has a deadline and it is known what became of it.
    pub(super) fn count(&mut self, deadline: Option<Time>, state: Option<FinalState>, now: Time) {
        match deadline.and_then(|deadline| kept(deadline, state, now)) {
            Some(true) => self.kept += 1,
            Some(false) => self.missed += 1,
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Span;

    #[test]
    fn a_deadline_is_kept_by_completing_in_time_and_open_until_it_has_passed() {
        let at = |secs| Time::ZERO + Span::from_secs(secs);
        let cases = [
            (Some(FinalState::Completed), 10, Some(true)),
            (Some(FinalState::Completed), 11, Some(false)),
            (Some(FinalState::Cancelled), 10, None),
            (Some(FinalState::Cancelled), 11, Some(false)),
            (Some(FinalState::Failed), 1, Some(false)),
            (Some(FinalState::Rejected), 0, Some(false)),
            (Some(FinalState::Expired), 3, Some(false)),
            (None, 10, None),
            (None, 11, Some(false)),
        ];
        for (state, now, expected) in cases {
            assert_eq!(kept(at(10), state, at(now)), expected, "{state:?} at {now}");
        }
    }
}
