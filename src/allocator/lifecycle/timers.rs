//! What happens by itself when its time has come.

use super::{expire, stop};
use crate::allocator::order;
use crate::allocator::protocol::{Event, JobId, StopReason};
use crate::allocator::state::Timer;
use crate::allocator::turn::Turn;

/// Does everything whose time has come, but for the end of patience at this very instant: it comes after the pass.
pub fn run(turn: &mut Turn<'_>) {
    while let Some((_, timer)) = turn.state.agenda_mut().pop_timer(turn.now) {
        match timer {
            Timer::GuardEnd(device, allocation) => {
                // It may have left with its device.
                let bookings = turn.state.fleet().get(device).map(|device| &device.calendar);
                if bookings.is_some_and(|calendar| calendar.has_guard(allocation)) {
                    turn.emit(Event::GuardEnded { allocation, device });
                }
            }
            Timer::StopTimeout(id) => {
                if let Some(slot) = turn.state.running(id).map(|running| running.slot) {
                    stop::conclude(turn, id, slot);
                }
            }
            Timer::Walltime(id) => {
                if let Some(slot) = turn.state.running(id).map(|running| running.slot) {
                    stop::request(turn, slot, StopReason::Walltime);
                }
            }
            Timer::Rank(id) => rank(turn, id),
            Timer::Expiry(_, id) => expire::expire(turn, id),
            // A job that was to be tried again, or to have started.
            Timer::Retry(id) | Timer::PromiseDue(id) => {
                if let Some(queue) = turn.state.find(id).map(|(_, job)| job.queue()) {
                    turn.state.agenda_mut().due.mark_queue(queue);
                }
            }
        }
    }
}

/// The key of a job has changed.
fn rank(turn: &mut Turn<'_>, id: JobId) {
    let Some((_, job)) = turn.state.find(id) else { return };
    let (key, key_until) = order::key_at(&*turn.judge.order, &job.request, job.submitted, turn.now);
    turn.emit(Event::JobRanked { job: id, key, key_until });
}
