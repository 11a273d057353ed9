//! Jobs that wait no longer: their patience ends, or the queue is full.
//!
//! Promises that nobody is sent away who could start at this very instant: whenever something is due, the next pass
//! comes first. So they go one at a time, since whoever goes may have kept others waiting.

use crate::allocator::protocol::{Event, JobId, Rejection};
use crate::allocator::turn::Turn;

/// Ends jobs that have waited as long as they wanted to, in the order in which they wait, then the latest of too many;
/// as long as nothing is due.
pub fn run(turn: &mut Turn<'_>) {
    while !turn.state.agenda().due.is_set() {
        match turn.state.agenda_mut().pop_expiry(turn.now) {
            Some(id) => expire(turn, id),
            None => return turn_away(turn),
        }
    }
}

/// Ends a waiting job whose patience is over.
pub fn expire(turn: &mut Turn<'_>, id: JobId) {
    if let Some((_, job)) = turn.state.find(id) {
        let waited = turn.now.since(job.submitted);
        turn.emit(Event::JobExpired { job: id, waited });
    }
}

/// Refuses jobs that came since they were last counted and still wait beyond the limit on the queue, the latest first. A
/// job that was let in once stays, also when requeued ones make the queue longer than the limit.
fn turn_away(turn: &mut Turn<'_>) {
    let limit = turn.state.config().max_queue_length;
    while let Some(limit) = limit.filter(|limit| turn.state.waiting_len() > *limit as usize) {
        if turn.state.agenda().due.is_set() {
            return;
        }
        let Some(id) = turn.state.agenda_mut().newcomers.pop() else { return };
        let Some((_, job)) = turn.state.find(id) else { continue };
        if job.attempts == 0 && job.wait().is_some() {
            let request = job.request.clone();
            turn.emit(Event::JobRejected { job: request, reason: Rejection::QueueFull(limit) });
        }
    }
    turn.state.agenda_mut().newcomers.clear();
}
