//! Joint placement: jobs that start at one instant on one device exchange their places for the least total error.
//!
//! Works on the plan of a pass, before anything is decided. Promises that the same jobs start on the same devices as
//! without it, so that first in, first out holds as ever, that no job that met its bounds on quality misses one
//! afterwards, and that the total only gets better. Leaves the search to [`crate::allocator::placement::batch`].

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::plan::{Plan, PlannedStart, Step};
use crate::allocator::config::Batch;
use crate::allocator::explain::Certainty;
use crate::allocator::placement::batch::{self, BatchJob, BatchRequest, PlacedBatch};
use crate::allocator::placement::cost::nats_of_cost;
use crate::allocator::placement::{Objective, Placement, PlacementRequest, placement_of_layout, surcharge};
use crate::allocator::protocol::{Party, PartyTerms};
use crate::allocator::quality::Assessment;
use crate::allocator::turn::Turn;
use crate::quantum::{DeviceId, QubitSet};

/// What a movable job may use, and what that costs besides noise, while none of the batch is there.
struct Room {
    free: QubitSet,
    barred_couplers: Option<Vec<u64>>,
    added_to_qubits: Option<Vec<u64>>,
    added_to_gates: Option<Vec<u64>>,
}

/// A better place for one job.
struct Move {
    placement: Placement,
    /// Of jobs with bounds.
    quality: Option<Assessment>,
}

/// Places the planned starts jointly, per device; the devices on which any moved.
pub fn rearrange(turn: &mut Turn<'_>, plan: &mut Plan) -> SmallVec<[DeviceId; 4]> {
    let mut moved = SmallVec::new();
    let Batch::Joint { max_jobs } = turn.state.config().batch else { return moved };
    if !turn.judge.strategy.capabilities().least_noise {
        return moved;
    }
    let mut movable: Vec<usize> = Vec::new();
    for (index, step) in plan.steps.iter().enumerate() {
        let Step::Start(start) = step else { continue };
        let placement = &start.fit.placement;
        let whole = turn.judge.memo[start.kind].pattern.qubits() == placement.layout.len();
        // One that misses a bound will be flagged as it is, and a calibration requested.
        if whole && placement.routing.is_none() && start.fit.meets_all() {
            movable.push(index);
        }
    }
    // In one batch all keep the same distance: those of one party, or those who have no fellow among them. The order of
    // starts is kept otherwise.
    let with_party = |index: &usize| match &plan.steps[*index] {
        Step::Start(start) => {
            let party = start.promised.party.map(|terms| terms.party);
            (start.device, start.promised.buffer_distance, party)
        }
        Step::Count(..) | Step::Retry(..) | Step::Promise(_) => (DeviceId(u32::MAX), 0, None),
    };
    let mut members: BTreeMap<(DeviceId, u32, Option<Party>), u32> = BTreeMap::new();
    movable.iter().for_each(|index| *members.entry(with_party(index)).or_default() += 1);
    let group = |index: &usize| {
        let (device, buffer_distance, party) = with_party(index);
        let alone = members.get(&(device, buffer_distance, party)) == Some(&1);
        (device, buffer_distance, party.filter(|_| !alone))
    };
    movable.sort_by_key(group);
    let batches: Vec<Vec<usize>> = movable
        .chunk_by(|a, b| group(a) == group(b))
        .flat_map(|alike| alike.chunks(max_jobs as usize).map(<[usize]>::to_vec))
        .filter(|batch| batch.len() > 1)
        .collect();
    for batch in batches {
        moved.extend(improve(turn, plan, batch));
    }
    moved
}

fn starts<'p>(plan: &'p Plan, batch: &[usize]) -> Vec<&'p PlannedStart> {
    let start = |index: &usize| match &plan.steps[*index] {
        Step::Start(start) => Some(&**start),
        Step::Count(..) | Step::Retry(..) | Step::Promise(_) => None,
    };
    batch.iter().filter_map(start).collect()
}

/// Moves planned starts of one device to better places; the device if any moved.
fn improve(turn: &mut Turn<'_>, plan: &mut Plan, mut batch: Vec<usize>) -> Option<DeviceId> {
    while batch.len() > 1 {
        let (moves, gap) = better_places(turn, plan, &batch)?;
        let mut stays = moves.iter().map(|to| !to.quality.is_none_or(|quality| quality.meets_all()));
        if stays.clone().any(|stays| stays) {
            // Its place is good enough, the new one is not: the others without it.
            batch.retain(|_| !stays.next().unwrap_or(false));
            continue;
        }
        return relocate(turn, plan, &batch, moves, gap);
    }
    None
}

/// Places for all jobs of a batch that cost less in total than those they have, and how close to the best they are.
/// The calendars are as before.
fn better_places(turn: &mut Turn<'_>, plan: &Plan, batch: &[usize]) -> Option<(Vec<Move>, Option<u64>)> {
    let jobs = starts(plan, batch);
    let device_id = jobs.first()?.device;
    let device = turn.state.fleet().get(device_id)?;
    // Places were chosen within the limits of others on crosstalk; other places might not be.
    if device.calendar.bookings().any(|(_, _, booking)| booking.max_crosstalk.is_some()) {
        return None;
    }
    // Places were chosen beside what is promised to others, or to one of them.
    let kept = |job: &&PlannedStart| plan.promised_before.iter().any(|(slot, _)| *slot == job.slot);
    if !device.calendar.has_no_promises() || jobs.iter().any(kept) {
        return None;
    }
    let (epoch, technology) = (device.epoch.clone(), device.spec.technology);
    if epoch.map.is_alike() {
        // Jobs compete for nothing but qubits there, and the pool of places is made from couplers.
        return None;
    }
    for job in &jobs {
        turn.state.take_back(device_id, job.allocation);
    }
    let mut rooms = Vec::with_capacity(jobs.len());
    for job in &jobs {
        let judge = &mut *turn.judge;
        let kind = &mut judge.memo[job.kind];
        let pattern = kind.pattern.clone();
        let (mask, _) = kind.on_device(device_id, &epoch);
        turn.state.free_for(device_id, &job.promised, &mask.qubits, &mut judge.free);
        let alone = PlacementRequest {
            barred_couplers: mask.barred_couplers.as_deref(),
            ..PlacementRequest::new(&epoch, &judge.free, &pattern)
        };
        let calendar = &turn.state.fleet().get(device_id)?.calendar;
        let beside = surcharge::beside(&job.promised, technology, calendar);
        let objective = judge.surcharges.objective(&turn.state.config().placement, &alone, beside);
        rooms.push(Room {
            free: judge.free.clone(),
            barred_couplers: mask.barred_couplers.clone(),
            added_to_qubits: objective.qubits.map(<[u64]>::to_vec),
            added_to_gates: objective.crosstalk.map(<[u64]>::to_vec),
        });
    }
    for job in &jobs {
        plan.book(turn.state, job);
    }
    let config = turn.state.config();
    let memo = &turn.judge.memo;
    let alone: Vec<BatchJob<'_>> = jobs
        .iter()
        .zip(&rooms)
        .map(|(job, room)| BatchJob {
            pattern: &memo[job.kind].pattern,
            free: &room.free,
            barred_couplers: room.barred_couplers.as_deref(),
            objective: Objective {
                qubits: room.added_to_qubits.as_deref(),
                crosstalk: room.added_to_gates.as_deref(),
                ..Objective::of(&config.placement)
            },
        })
        .collect();
    let mut total = 0_u64;
    for (job, start) in alone.iter().zip(&jobs) {
        let BatchJob { pattern, free, barred_couplers, objective } = *job;
        let request =
            PlacementRequest { barred_couplers, objective, ..PlacementRequest::new(&epoch, free, pattern) };
        let now = placement_of_layout(&request, start.fit.placement.layout.clone())?;
        total = total.saturating_add(now.objective);
    }
    let promised = jobs[0].promised;
    let is_fellow = |job: &&PlannedStart| PartyTerms::are_one(job.promised.party, promised.party);
    let of_one_party = promised.party.filter(|_| jobs.iter().all(is_fellow));
    let buffer_distance = of_one_party.map_or(promised.buffer_distance, |terms| terms.buffer_distance);
    let budget = config.placement_budget;
    let request = BatchRequest { epoch: &epoch, jobs: &alone, buffer_distance, budget };
    let placed = batch::place(&request, &mut *turn.judge.strategy);
    let PlacedBatch { placements, gap, .. } = Some(placed).filter(|placed| placed.objective() < total)?;
    let judged = placements.into_iter().zip(&jobs).map(|(placement, job)| {
        let placement = placement?;
        let kind = &memo[job.kind];
        let quality = job.fit.quality.map(|_| {
            let demands = &kind.demands;
            demands.bounds.assess(&demands.topology, &kind.pattern, &epoch, &placement)
        });
        Some(Move { placement, quality })
    });
    Some((judged.collect::<Option<Vec<Move>>>()?, gap))
}

/// Gives planned starts of a batch other places; `gap`: how much all of them cost above the best at most.
fn relocate(
    turn: &mut Turn<'_>,
    plan: &mut Plan,
    batch: &[usize],
    moves: Vec<Move>,
    gap: Option<u64>,
) -> Option<DeviceId> {
    let mut device = None;
    for start in starts(plan, batch) {
        turn.state.take_back(start.device, start.allocation);
        device = Some(start.device);
    }
    let mut steps = std::mem::take(&mut plan.steps);
    for (index, to) in batch.iter().zip(moves) {
        let Step::Start(start) = &mut steps[*index] else { continue };
        // Best beside the others, whose total is known to be this close to the best.
        start.fit.certainty = Certainty::Gap(gap.map(nats_of_cost));
        start.fit.quality = to.quality;
        plan.replace(turn.state, start, to.placement);
    }
    plan.steps = steps;
    device
}
