//! Jobs that wait no longer: their patience ends, or the queue is full.

use smallvec::SmallVec;

use crate::allocator::protocol::{Event, JobId, Rejection};
use crate::allocator::turn::Turn;

/// Ends jobs that have waited as long as they wanted to.
pub fn run(turn: &mut Turn<'_>) {
    let due: SmallVec<[JobId; 8]> = turn.state.agenda().expiries(turn.now).collect();
    for id in due {
        expire(turn, id);
    }
}

/// Ends a waiting job whose patience is over.
pub fn expire(turn: &mut Turn<'_>, id: JobId) {
    if let Some((_, job)) = turn.state.find(id) {
        let waited = turn.now.since(job.submitted);
        turn.emit(Event::JobExpired { job: id, waited });
    }
}

/// Refuses jobs that came since the last pass and still wait beyond the limit on the queue, the latest first. A job that
/// was let in once stays, also when requeued ones make the queue longer than the limit.
pub fn turn_away(turn: &mut Turn<'_>) {
    let newcomers = std::mem::take(&mut turn.state.agenda_mut().newcomers);
    let Some(limit) = turn.state.config().max_queue_length else { return };
    for id in newcomers.into_iter().rev() {
        if turn.state.waiting_len() <= limit as usize {
            return;
        }
        let Some((_, job)) = turn.state.find(id) else { continue };
        if job.attempts == 0 && job.wait().is_some() {
            let request = job.request.clone();
            turn.emit(Event::JobRejected { job: request, reason: Rejection::QueueFull(limit) });
        }
    }
}
