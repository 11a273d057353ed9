//! Jobs that wait no longer: their patience ends, they have become too late, or the queue is full.
//!
//! Promises that nobody is sent away who could start at this very instant: whenever something is due, the next pass
//! comes first. So they go one at a time, since whoever goes may have kept others waiting.

use crate::allocator::protocol::{Event, JobId, Rejection};
use crate::allocator::turn::Turn;

/// Ends jobs that have waited as long as they wanted to, in the order in which they came, then the latest of too many;
/// as long as nothing is due.
pub fn run(turn: &mut Turn<'_>) {
    while !turn.state.agenda().due.is_set() {
        match turn.state.agenda_mut().pop_expiry(turn.now) {
            Some(id) => expire(turn, id),
            None => return turn_away(turn),
        }
    }
}

/// Ends a waiting job whose patience is over, or which cannot end by its deadline any more.
pub fn expire(turn: &mut Turn<'_>, id: JobId) {
    let Some((_, job)) = turn.state.find(id) else { return };
    let (waited, request) = (turn.now.since(job.submitted), job.request.clone());
    // While it depends on others, its longest wait has not begun.
    let ready = turn.now.since(job.ready);
    let patient = job.dependence().is_some() || request.max_wait_time.is_none_or(|longest| ready < longest);
    let late = turn.state.config().reject_if_late && request.latest_start().is_some_and(|at| at <= turn.now);
    turn.emit(match request.deadline {
        Some(deadline) if late && patient => {
            Event::JobRejected { job: request, reason: Rejection::TooLate(deadline) }
        }
        _ => Event::JobExpired { job: id, waited },
    });
}

/// Refuses jobs that came since they were last counted and still wait beyond the limits on the queue, the latest first. A
/// job that was let in once stays, also when requeued ones make the queue longer than the limit.
fn turn_away(turn: &mut Turn<'_>) {
    if turn.state.config().max_queue_length.is_none() && turn.state.quotas().is_empty() {
        turn.state.agenda_mut().newcomers.clear();
        return;
    }
    // Whoever may stay, since others than its own are too many, is let in when all others were asked.
    let mut newcomers = std::mem::take(&mut turn.state.agenda_mut().newcomers);
    while let Some(id) = newcomers.pop() {
        if turn.state.agenda().due.is_set() {
            newcomers.push(id);
            turn.state.agenda_mut().newcomers = newcomers;
            return;
        }
        let Some((_, job)) = turn.state.find(id) else { continue };
        if job.attempts > 0 || job.wait().is_none() {
            continue;
        }
        let request = job.request.clone();
        let waiting = turn.state.waiting_len();
        let limit = turn.state.config().max_queue_length.filter(|limit| waiting > *limit as usize);
        let full = limit.map(Rejection::QueueFull).or_else(|| {
            let (level, most) = turn.state.quotas().too_many_wait(request.tenant)?;
            Some(Rejection::TooManyWaiting { level, most })
        });
        if let Some(reason) = full {
            turn.emit(Event::JobRejected { job: request, reason });
        }
    }
}
