//! Another configuration: strategies and limits apply from the next pass on.

use crate::allocator::config::{AllocatorConfig, Queue};
use crate::allocator::order;
use crate::allocator::protocol::{Answer, CommandError, Event, JobId, OrderKey};
use crate::allocator::scheduler::homes;
use crate::allocator::state::jobs::Job;
use crate::allocator::state::place::{JobSlot, Place, Standing};
use crate::allocator::turn::Turn;
use crate::time::Time;

/// Puts a configuration in force; where it has another order, everybody gets a place in it, and where it has other queues,
/// everybody who waits moves.
pub fn reconfigure(turn: &mut Turn<'_>, config: Box<AllocatorConfig>) -> Result<Answer, CommandError> {
    config.validate().map_err(CommandError::InvalidConfig)?;
    if *config == *turn.state.config() {
        return Ok(Answer::Applied);
    }
    let moved = !config.queue.arranges_like(&turn.state.config().queue);
    turn.judge.reconfigure(turn.state.config(), &config);
    turn.emit(Event::Reconfigured { config });
    rank_anew(turn);
    if moved {
        // Who depends on others is in no queue yet.
        let in_queue = |job: &Job| job.wait().is_some() && job.dependence().is_none();
        let jobs = turn.state.jobs().iter().filter(|(_, job)| in_queue(job));
        let mut waiting: Vec<(Standing, JobSlot)> =
            jobs.map(|(slot, _)| (turn.state.standing(slot), slot)).collect();
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

/// Tells the keys that differ from before, in order of submission. Those who run have one as well: they may wait again.
fn rank_anew(turn: &mut Turn<'_>) {
    let mut changed: Vec<(Place, JobId, OrderKey, Option<Time>)> = Vec::new();
    for (_, job) in turn.state.jobs().iter() {
        let (key, key_until) = order::key_at(&*turn.judge.order, &job.request, job.submitted, turn.now);
        if (key, key_until) != (job.key, job.key_until) {
            changed.push((job.place, job.request.id, key, key_until));
        }
    }
    changed.sort_unstable();
    for (_, job, key, key_until) in changed {
        turn.emit(Event::JobRanked { job, key, key_until });
    }
}
