//! Attempts that lose their device or an element of it: their jobs wait again at their old places.

use smallvec::SmallVec;

use super::{finish, stop};
use crate::allocator::config::Queue;
use crate::allocator::protocol::{AllocationId, Event, FailureReason, JobState, RequeueReason, Target};
use crate::allocator::scheduler::homes;
use crate::allocator::turn::Turn;

/// Ends all attempts that use an element that is lost.
pub fn users_of(turn: &mut Turn<'_>, target: Target, reason: RequeueReason) {
    let users: SmallVec<[AllocationId; 16]> = turn.state.fleet().users_of(target).into_iter().collect();
    for id in users {
        let Some(running) = turn.state.running(id) else { continue };
        let slot = running.slot;
        let job = &turn.state.jobs()[slot];
        let (number, attempts, state) = (job.request.id, job.attempts, job.state());
        if state == JobState::Stopping {
            stop::conclude(turn, id, slot);
            continue;
        }
        finish::guard(turn, id);
        if attempts >= turn.state.config().max_attempts {
            let reason = FailureReason::TooManyAttempts;
            turn.emit(Event::JobFailed { job: number, allocation: id, reason });
            continue;
        }
        let device = match turn.state.config().queue {
            Queue::Global { .. } => None,
            // By what its device holds without it.
            Queue::PerDevice { .. } => {
                let (judge, now) = (&mut *turn.judge, turn.now);
                turn.state.without(id, |state| homes::choose_in(state, judge, now, slot))
            }
        };
        turn.emit(Event::JobRequeued { job: number, allocation: id, reason, device });
    }
}
