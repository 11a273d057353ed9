//! What devices report of attempts: progress, and the end of their work.
//!
//! Promises that a late word about a dead attempt changes nothing.

use crate::allocator::protocol::{AllocationId, Answer, CommandError, Event, FailureReason, JobId, Outcome};
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;

/// The device has finished the work of an allocation.
pub fn finished(
    turn: &mut Turn<'_>,
    id: AllocationId,
    outcome: Outcome,
    shots_done: u64,
) -> Result<Answer, CommandError> {
    let Some((job, _)) = check_shots(turn, id, shots_done)? else {
        return Ok(Answer::Ignored);
    };
    guard(turn, id);
    turn.emit(match outcome {
        Outcome::Success => Event::JobFinished { job, allocation: id, shots_done },
        Outcome::Error => Event::JobFailed { job, allocation: id, reason: FailureReason::Execution },
    });
    Ok(Answer::Applied)
}

/// The device reports shots done so far.
pub fn progress(turn: &mut Turn<'_>, id: AllocationId, shots_done: u64) -> Result<Answer, CommandError> {
    let Some((job, _)) = check_shots(turn, id, shots_done)? else {
        return Ok(Answer::Ignored);
    };
    if turn.state.running(id).is_some_and(|running| running.shots_done < shots_done) {
        turn.emit(Event::ShotsCredited { job, allocation: id, shots_done });
    }
    Ok(Answer::Applied)
}

/// The job of a live allocation; `None` for a dead one; an error for one that never was, or for senseless shots.
pub fn check_shots(
    turn: &Turn<'_>,
    id: AllocationId,
    shots_done: u64,
) -> Result<Option<(JobId, JobSlot)>, CommandError> {
    if id >= turn.state.next_allocation() || id.0 == 0 {
        return Err(CommandError::UnknownAllocation(id));
    }
    let Some(running) = turn.state.running(id) else {
        return Ok(None);
    };
    let request = &turn.state.jobs()[running.slot].request;
    let all = request.shots.saturating_mul(u64::from(request.circuits));
    if shots_done < running.shots_done || shots_done > all {
        return Err(CommandError::WrongShots(id));
    }
    Ok(Some((request.id, running.slot)))
}

/// Begins the guard after an attempt that is about to end, if one was promised.
pub fn guard(turn: &mut Turn<'_>, id: AllocationId) {
    let Some(running) = turn.state.running(id) else { return };
    let (device, guard) = (running.allocation.device, running.allocation.isolation.guard);
    if guard.0 > 0 {
        turn.emit(Event::GuardStarted { allocation: id, device, until: turn.now + guard });
    }
}
