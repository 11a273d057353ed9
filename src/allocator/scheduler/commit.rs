//! A plan becomes decisions: one event for each step, in order.

use std::sync::Arc;

use smallvec::SmallVec;

use super::plan::{Plan, PlannedStart, Step};
use crate::allocator::explain::Explanation;
use crate::allocator::placement::cost::nats_of_cost;
use crate::allocator::protocol::{Allocation, DriverAction, Event};
use crate::allocator::sizing::Fit;
use crate::allocator::turn::Turn;
use crate::quantum::QubitSet;

/// Decides what was planned.
pub fn commit(turn: &mut Turn<'_>, plan: Plan) {
    for step in plan.steps {
        match step {
            Step::Count(slot, device) => {
                let job = turn.state.jobs()[slot].request.id;
                turn.emit(Event::JobCounted { job, device });
            }
            Step::Retry(slot, at) => {
                let job = turn.state.jobs()[slot].request.id;
                turn.emit(Event::RetrySet { job, at });
            }
            Step::Start(start) => begin(turn, *start),
        }
    }
}

fn begin(turn: &mut Turn<'_>, start: PlannedStart) {
    let PlannedStart { slot, allocation: id, device: device_id, fit, held, promised, .. } = start;
    let Fit { placement, certainty, copies, quality } = fit;
    let job = &turn.state.jobs()[slot];
    let Some(device) = turn.state.fleet().get(device_id) else { return };
    let map = &device.spec.coupling_map;
    let mut blocked = QubitSet::new(map.qubits());
    if promised.buffer_distance > 0 {
        blocked = map.dilate(&held, promised.buffer_distance);
        blocked.subtract(&held);
    }
    let config = turn.state.config();
    let allocation = Arc::new(Allocation {
        id,
        fence: device.next_fence,
        job: job.request.id,
        tenant: job.request.tenant,
        attempt: job.attempts + 1,
        device: device_id,
        epoch: device.epoch.number,
        copies,
        layout: placement.layout,
        swaps: placement.routing.map(|routing| routing.swaps),
        held,
        blocked,
        isolation: promised,
        started: turn.now,
        expected_end: start.expected_end,
        lease_end: None,
        driver_actions: driver_actions(promised.hardware_reset),
        explanation: Explanation {
            strategy: (!turn.judge.is_own_strategy()).then_some(config.strategy),
            selection: config.selection,
            devices_tried: start.devices_tried,
            certainty,
            cost: nats_of_cost(placement.cost),
            routing_cost: placement.routing.map_or(0.0, |routing| nats_of_cost(routing.cost)),
            quality,
        },
    });
    let (job, epoch) = (allocation.job, allocation.epoch);
    let misses = quality.is_some_and(|quality| !quality.meets_all());
    let wants = misses && device.calibration_requested != epoch;
    turn.emit(Event::JobStarted { allocation });
    if wants {
        turn.emit(Event::CalibrationRequested { device: device_id, epoch, job });
    }
}

fn driver_actions(reset: bool) -> SmallVec<[DriverAction; 1]> {
    reset.then_some(DriverAction::Reset).into_iter().collect()
}
