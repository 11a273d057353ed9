//! A job asks to be run.

use std::sync::Arc;

use crate::allocator::admission;
use crate::allocator::config::Queue;
use crate::allocator::order;
use crate::allocator::protocol::{Answer, CommandError, Event, JobRequest};
use crate::allocator::state::jobs::Known;
use crate::allocator::turn::Turn;

/// Admits a job to a queue, or refuses it.
pub fn submit(turn: &mut Turn<'_>, request: Arc<JobRequest>) -> Result<Answer, CommandError> {
    match turn.state.jobs().find_body(&request) {
        Known::Unknown => {}
        Known::Live(_) => return Ok(Answer::Queued),
        Known::Ended(answer) => return Ok(answer),
        Known::OtherBody => return Err(CommandError::AlreadyExists),
    }
    let kind = match admission::admit(turn.state, turn.judge, &request, turn.now) {
        Ok(kind) => kind,
        Err(reason) => {
            turn.emit(Event::JobRejected { job: request, reason });
            return Ok(Answer::Rejected(reason));
        }
    };
    let depends = request.dependencies().any(|other| turn.state.find(other).is_some());
    let device = match turn.state.config().queue {
        _ if depends => None,
        Queue::Global { .. } => None,
        Queue::PerDevice { .. } => turn.judge.choose_home(turn.state, turn.now, kind, &request, 0),
    };
    let (key, key_until) = order::key_at(&*turn.judge.order, &request, turn.now, turn.now);
    turn.emit(Event::JobQueued { job: request.clone(), device, key, key_until });
    if let Some((slot, _)) = turn.state.find(request.id) {
        turn.judge.memo.assign(slot, request.id, kind);
    }
    Ok(Answer::Queued)
}
