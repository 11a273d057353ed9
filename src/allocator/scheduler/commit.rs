//! A plan becomes decisions: one event for each step, in order.

use std::sync::Arc;

use smallvec::SmallVec;

use super::plan::{ChangedPromise, Plan, PlannedStart, Step};
use crate::allocator::explain::{CostTerms, Explanation};
use crate::allocator::placement::Placement;
use crate::allocator::placement::cost::{Epoch, nats_of_cost};
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::{Allocation, DriverAction, Event, PromiseCause};
use crate::allocator::sizing::Fit;
use crate::allocator::turn::Turn;
use crate::quantum::{QubitSet, VirtualQubit};

/// Decides what was planned.
pub fn commit(turn: &mut Turn<'_>, plan: Plan) {
    // The plan has looked ahead: as facts, promises change one after the other, among the starts.
    for expected in plan.charged {
        turn.state.expect_no_more(expected);
    }
    for taken in plan.turns.into_iter().rev() {
        turn.state.undo_turn(taken);
    }
    for (tenant, had) in plan.taken {
        turn.state.plan_quota(tenant, had, false);
    }
    for (slot, promised) in plan.promised_before {
        turn.state.promise_again(slot, promised);
    }
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
            Step::Promise(changed) => tell(turn, *changed),
            Step::Start(start) => begin(turn, *start),
        }
    }
    for kind in plan.kinds {
        turn.judge.memo.leave(kind);
    }
}

/// Tells what a job is promised now.
fn tell(turn: &mut Turn<'_>, changed: ChangedPromise) {
    let ChangedPromise { slot, from, to, cause } = changed;
    let job = turn.state.jobs()[slot].request.id;
    match (from, to) {
        (None, None) => {}
        (None, Some(promise)) => turn.emit(Event::StartPromised { job, promise: Box::new(promise) }),
        (Some(from), to) if to.as_ref() != Some(&from) => {
            let kept = to.as_ref().is_some_and(|to| to.keeps(&from));
            let cause = if kept { PromiseCause::Earlier } else { cause };
            turn.emit(Event::PromiseMoved { job, promise: to.map(Box::new), cause });
        }
        _ => {}
    }
}

fn begin(turn: &mut Turn<'_>, start: PlannedStart) {
    let PlannedStart { slot, kind, allocation: id, device: device_id, fit, held, promised, .. } = start;
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
    let pattern = turn.judge.memo[kind].pattern_on(placement.layout.len() as u32 / copies.max(1));
    let terms = cost_terms(&placement, copies, &pattern, &device.epoch, config.placement.noise_weight);
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
            terms,
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

/// What a placement costs by term; of copies, all of them together.
fn cost_terms(
    placement: &Placement,
    copies: u32,
    pattern: &Pattern,
    epoch: &Epoch,
    noise_weight: f64,
) -> CostTerms {
    let cost = nats_of_cost(placement.cost);
    let swaps = placement.routing.map_or(0.0, |routing| nats_of_cost(routing.cost));
    let mut terms = CostTerms { swaps, ..CostTerms::default() };
    let size = placement.layout.len() / copies.max(1) as usize;
    for (index, &qubit) in placement.layout.iter().enumerate() {
        let of = epoch.use_terms(pattern.uses(), VirtualQubit((index % size.max(1)) as u32), qubit);
        terms.readout += of.readout;
        terms.one_qubit_gates += of.one_qubit_gates;
        terms.decay += of.decay;
    }
    terms.two_qubit_gates = (cost - swaps - terms.readout - terms.one_qubit_gates - terms.decay).max(0.0);
    terms.surcharges = (nats_of_cost(placement.objective) - noise_weight * cost).max(0.0);
    terms
}

fn driver_actions(reset: bool) -> SmallVec<[DriverAction; 1]> {
    reset.then_some(DriverAction::Reset).into_iter().collect()
}
