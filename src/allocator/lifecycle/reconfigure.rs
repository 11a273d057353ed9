//! Another configuration: strategies and limits apply from the next pass on.

use crate::allocator::config::{AllocatorConfig, Queue};
use crate::allocator::protocol::{Answer, CommandError, Event};
use crate::allocator::scheduler::homes;
use crate::allocator::state::place::JobSlot;
use crate::allocator::state::place::Place;
use crate::allocator::turn::Turn;

/// Puts a configuration in force; where it has other queues, everybody who waits moves.
pub fn reconfigure(turn: &mut Turn<'_>, config: Box<AllocatorConfig>) -> Result<Answer, CommandError> {
    config.validate().map_err(CommandError::InvalidConfig)?;
    if *config == *turn.state.config() {
        return Ok(Answer::Applied);
    }
    let moved = !config.queue.arranges_like(&turn.state.config().queue);
    turn.judge.reconfigure(turn.state.config(), &config);
    turn.emit(Event::Reconfigured { config });
    if moved {
        let jobs = turn.state.jobs().iter().filter(|(_, job)| job.wait().is_some());
        let mut waiting: Vec<(Place, JobSlot)> = jobs.map(|(slot, job)| (job.place, slot)).collect();
        waiting.sort_unstable();
        for (_, slot) in waiting {
            let home = match turn.state.config().queue {
                Queue::Global { .. } => None,
                Queue::PerDevice { .. } => homes::choose(turn, slot),
            };
            homes::transfer(turn, slot, home);
        }
    }
    Ok(Answer::Applied)
}
