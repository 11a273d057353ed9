//! Jobs that are kept from starting for a while.

use crate::allocator::protocol::{Answer, CommandError, Event, JobId, JobState};
use crate::allocator::state::jobs::Known;
use crate::allocator::turn::Turn;

/// Keeps a waiting job from starting.
pub fn hold(turn: &mut Turn<'_>, id: JobId) -> Result<Answer, CommandError> {
    change(turn, id, false, Event::JobHeld { job: id })
}

/// Undoes a hold.
pub fn release(turn: &mut Turn<'_>, id: JobId) -> Result<Answer, CommandError> {
    change(turn, id, true, Event::JobReleased { job: id })
}

/// Lets an event happen to a waiting job that is held, or is not (`held`); else it has happened.
fn change(turn: &mut Turn<'_>, id: JobId, held: bool, event: Event) -> Result<Answer, CommandError> {
    match turn.state.jobs().find(id) {
        Known::Live(slot) => match turn.state.jobs()[slot].state() {
            JobState::Running | JobState::Stopping => Err(CommandError::WrongState(id)),
            state => {
                if (state == JobState::Held) == held {
                    turn.emit(event);
                }
                Ok(Answer::Applied)
            }
        },
        Known::Ended(_) => Ok(Answer::Ignored),
        Known::Unknown | Known::OtherBody => Err(CommandError::UnknownJob(id)),
    }
}
