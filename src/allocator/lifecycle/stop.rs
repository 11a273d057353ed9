//! Stops in two phases: a request to the driver, then its acknowledgement or the end of the core's patience.
//!
//! Promises that a stopped attempt keeps its qubits until then.

use super::finish::{check_shots, guard};
use crate::allocator::protocol::{
    AllocationId, Answer, CommandError, Event, FailureReason, JobId, JobState, StopReason,
};
use crate::allocator::state::jobs::Known;
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;

/// The owner no longer wants a job.
pub fn cancel(turn: &mut Turn<'_>, id: JobId) -> Result<Answer, CommandError> {
    let slot = match turn.state.jobs().find(id) {
        Known::Live(slot) => slot,
        Known::Ended(_) => return Ok(Answer::Ignored),
        Known::Unknown | Known::OtherBody => return Err(CommandError::UnknownJob(id)),
    };
    match turn.state.jobs()[slot].state() {
        JobState::Queued | JobState::Dependent | JobState::Held => {
            turn.emit(Event::JobCancelled { job: id, allocation: None, because_of: None });
        }
        JobState::Running => request(turn, slot, StopReason::Cancelled),
        JobState::Stopping => {}
    }
    Ok(Answer::Applied)
}

/// Asks the driver to stop the attempt of a running job.
pub fn request(turn: &mut Turn<'_>, slot: JobSlot, reason: StopReason) {
    let job = &turn.state.jobs()[slot];
    let (job, Some(allocation)) = (job.request.id, job.allocation()) else { return };
    let until = turn.now + turn.state.config().stop_timeout;
    turn.emit(Event::StopRequested { job, allocation, reason, until });
}

/// The device has stopped the work of an allocation.
pub fn acknowledged(turn: &mut Turn<'_>, id: AllocationId, shots_done: u64) -> Result<Answer, CommandError> {
    let Some((job, slot)) = check_shots(turn, id, shots_done)? else {
        return Ok(Answer::Ignored);
    };
    if turn.state.jobs()[slot].state() != JobState::Stopping {
        return Err(CommandError::WrongState(job));
    }
    conclude(turn, id, slot);
    Ok(Answer::Applied)
}

/// Ends the job of an attempt that has stopped as requested.
pub fn conclude(turn: &mut Turn<'_>, id: AllocationId, slot: JobSlot) {
    let job = &turn.state.jobs()[slot];
    let (job, reason) = (job.request.id, job.stop());
    guard(turn, id);
    turn.emit(match reason {
        Some(StopReason::Walltime) => {
            Event::JobFailed { job, allocation: id, reason: FailureReason::Walltime }
        }
        Some(StopReason::Cancelled) | None => {
            Event::JobCancelled { job, allocation: Some(id), because_of: None }
        }
    });
}
