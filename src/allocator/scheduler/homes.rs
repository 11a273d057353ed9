//! Queues per device: jobs without a home get one, and jobs whose home can no longer take them move on.

use crate::allocator::candidates::judge::Judge;
use crate::allocator::protocol::Event;
use crate::allocator::state::State;
use crate::allocator::state::place::JobSlot;
use crate::allocator::turn::Turn;
use crate::quantum::DeviceId;
use crate::time::Time;

/// The device for whose queue a job is destined.
pub fn choose(turn: &mut Turn<'_>, slot: JobSlot) -> Option<DeviceId> {
    choose_in(turn.state, turn.judge, turn.now, slot)
}

/// The same in a state that may be a question.
pub fn choose_in(state: &State, judge: &mut Judge, now: Time, slot: JobSlot) -> Option<DeviceId> {
    let job = &state.jobs()[slot];
    let (request, attempts) = (job.request.clone(), job.attempts);
    let kind = judge.memo.kind_of(slot, &request);
    judge.choose_home(state, now, kind, &request, attempts)
}

/// Moves a job into another queue.
pub fn transfer(turn: &mut Turn<'_>, slot: JobSlot, device: Option<DeviceId>) {
    let job = turn.state.jobs()[slot].request.id;
    turn.emit(Event::JobTransferred { job, device });
}

/// Gives jobs a home that had none when they came.
pub fn assign_parked(turn: &mut Turn<'_>) {
    let parked: Vec<JobSlot> = turn.state.in_order(turn.state.queue());
    for slot in parked {
        if let Some(home) = choose(turn, slot) {
            transfer(turn, slot, Some(home));
        }
    }
}

/// Moves jobs on whose device could no longer take them if it were empty, since figures or elements have changed
/// somewhere: they would wait there for ever, and the others behind them.
pub fn move_on(turn: &mut Turn<'_>) {
    let ids: Vec<DeviceId> = turn.state.devices().map(|device| device.id).collect();
    for id in ids {
        let Some(device) = turn.state.fleet().get(id) else { continue };
        let waiting: Vec<JobSlot> = {
            let queued = turn.state.in_order(&device.queue);
            device.admitted.iter().copied().chain(queued).collect()
        };
        for slot in waiting {
            let request = turn.state.jobs()[slot].request.clone();
            let kind = turn.judge.memo.kind_of(slot, &request);
            if !turn.judge.when_empty(turn.state, kind, id).is_possible() {
                let home = choose(turn, slot);
                transfer(turn, slot, home);
            }
        }
    }
}
