//! Jobs that waited for others to end: they enter their queue, or end as well.
//!
//! Promises that this is decided within the command that ends the others, and that a chain of any length costs as much as its
//! jobs are many, on no deeper a stack.

use crate::allocator::config::Queue;
use crate::allocator::protocol::Event;
use crate::allocator::scheduler::homes;
use crate::allocator::state::jobs::Dependence;
use crate::allocator::turn::Turn;

/// Decides what becomes of those whose others have ended.
pub fn settle(turn: &mut Turn<'_>) {
    while let Some(job) = turn.state.agenda_mut().dependants.pop_front() {
        let Some((slot, live)) = turn.state.find(job) else { continue };
        match live.dependence() {
            Some(Dependence { broken: Some(on), .. }) => {
                turn.emit(Event::JobCancelled { job, allocation: None, because_of: Some(on) });
            }
            Some(Dependence { open: 0, .. }) => {
                let device = match turn.state.config().queue {
                    Queue::Global { .. } => None,
                    Queue::PerDevice { .. } => homes::choose(turn, slot),
                };
                turn.emit(Event::JobReady { job, device });
            }
            _ => {}
        }
    }
}
