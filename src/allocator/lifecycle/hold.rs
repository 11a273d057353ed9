//! Jobs that are kept from starting for a while.

use crate::allocator::protocol::{Answer, CommandError, Event, JobId, JobState};
use crate::allocator::state::jobs::Known;
use crate::allocator::turn::Turn;

/// Keeps a queued job from starting.
pub fn hold(turn: &mut Turn<'_>, id: JobId) -> Result<Answer, CommandError> {
    change(turn, id, JobState::Queued, Event::JobHeld { job: id })
}

/// Undoes a hold.
pub fn release(turn: &mut Turn<'_>, id: JobId) -> Result<Answer, CommandError> {
    change(turn, id, JobState::Held, Event::JobReleased { job: id })
}

/// Lets an event happen to a waiting job that is in the state `from`; in the other one it has happened.
fn change(turn: &mut Turn<'_>, id: JobId, from: JobState, event: Event) -> Result<Answer, CommandError> {
    match turn.state.jobs().find(id) {
        Known::Live(slot) => match turn.state.jobs()[slot].state() {
            JobState::Running | JobState::Stopping => Err(CommandError::WrongState(id)),
            state => {
                if state == from {
                    turn.emit(event);
                }
                Ok(Answer::Applied)
            }
        },
        Known::Ended(_) => Ok(Answer::Ignored),
        Known::Unknown | Known::OtherBody => Err(CommandError::UnknownJob(id)),
    }
}
