//! Joint placement at the end of a scheduling pass: jobs that start at one instant on one device exchange their places
//! for the least total error.
//!
//! Promises that the same jobs start on the same devices as without it, so that first in, first out holds as ever, that
//! no job with a bound of its own moves, and that the total only gets better. Leaves the search to
//! [`super::placement::batch`].

use std::sync::Arc;

use super::config::{Batch, Strategy};
use super::explain::Certainty;
use super::job::JobRequest;
use super::ledger::{Entry, Kind};
use super::messages::{Allocation, Event};
use super::placement::batch::{self, BatchJob, BatchRequest, PlacedBatch};
use super::placement::cost::nats_of_cost;
use super::placement::{Objective, PlacementRequest, placement_of_layout};
use super::{Allocator, class::ClassId};
use crate::quantum::{DeviceId, QubitSet};

/// A job that was started in this pass and may still be put elsewhere.
struct Movable {
    /// Where its start stands among the events.
    event: usize,
    class: ClassId,
    allocation: Arc<Allocation>,
}

/// What a movable job may use.
struct Room {
    free: QubitSet,
    barred_couplers: Option<Vec<u64>>,
}

impl Allocator {
    /// Places the jobs whose starts stand in `events` from `before` on jointly, per device. `some_stayed`: other jobs
    /// were tried in vain, and what is free has a new shape for them.
    pub(super) fn place_jointly(&mut self, before: usize, some_stayed: bool, events: &mut [Event]) {
        let Batch::Joint { max_jobs } = self.state.config.batch else { return };
        let exact = matches!(self.state.config.strategy, Strategy::NoiseAware | Strategy::TopologyAware);
        if self.own_strategy || !exact {
            return;
        }
        let mut started: Vec<Movable> = Vec::new();
        for (event, started_job) in events.iter().enumerate().skip(before) {
            let Event::JobStarted { allocation } = started_job else { continue };
            let Some(running) = self.state.running.get(&allocation.id) else { continue };
            let job = &self.state.jobs[running.slot];
            let whole = self.classes[job.class].pattern.qubits() == allocation.layout.len();
            if whole && allocation.swaps.is_none() && may_move(&job.request) {
                started.push(Movable { event, class: job.class, allocation: allocation.clone() });
            }
        }
        // In one batch all keep the same distance; the order of starts is kept otherwise.
        let group = |job: &Movable| (job.allocation.device, job.allocation.isolation.buffer_distance);
        started.sort_by_key(group);
        for alike in started.chunk_by(|a, b| group(a) == group(b)) {
            for jobs in alike.chunks(max_jobs as usize) {
                if jobs.len() > 1 && self.rearrange(jobs, events) && some_stayed {
                    let device = jobs[0].allocation.device;
                    self.state.fleet.improve(device);
                    self.mark_due(device);
                }
            }
        }
    }

    /// Moves jobs of one device to better places; whether any moved.
    fn rearrange(&mut self, jobs: &[Movable], events: &mut [Event]) -> bool {
        let device_id = jobs[0].allocation.device;
        let Some(device) = self.state.fleet.get_mut(device_id) else { return false };
        // Places were chosen within the limits of others on crosstalk; other places might not be.
        if device.ledger.entries().any(|(_, _, entry)| entry.max_crosstalk.is_some()) {
            return false;
        }
        let map = device.spec.coupling_map.clone();
        let mut entries: Vec<Entry> = Vec::with_capacity(jobs.len());
        for job in jobs {
            let entry = device.ledger.release(job.allocation.id, Kind::Job, &map);
            entries.push(entry.expect("a job that has just been started is in the ledger"));
        }
        let buffer_distance = entries[0].buffer_distance;
        let mut rooms = Vec::with_capacity(jobs.len());
        for job in jobs {
            let (mask, _) = self.classes[job.class].on_device(device_id, &device.epoch);
            device.ledger.free_for(buffer_distance, &mask.qubits, &map, &mut self.free);
            rooms.push(Room { free: self.free.clone(), barred_couplers: mask.barred_couplers.clone() });
        }
        let better = self.better_places(device_id, buffer_distance, jobs, &rooms);
        let Some(device) = self.state.fleet.get_mut(device_id) else { return false };
        let moved = better.is_some();
        let mut placements = better.map(|placed| (placed.placements, placed.gap));
        for (index, (job, mut entry)) in jobs.iter().zip(entries).enumerate() {
            if let Some((placements, gap)) = &mut placements
                && let Some(placement) = placements[index].take()
            {
                let mut allocation = Allocation::clone(&job.allocation);
                let held = QubitSet::from_qubits(map.qubits(), placement.layout.iter().copied());
                let mut blocked = QubitSet::new(map.qubits());
                if buffer_distance > 0 {
                    blocked = map.dilate(&held, buffer_distance);
                    blocked.subtract(&held);
                }
                entry.qubits = held.clone();
                (allocation.held, allocation.blocked) = (held, blocked);
                allocation.explanation.cost = nats_of_cost(placement.cost);
                // Best beside the others, whose total is known to be this close to the best.
                allocation.explanation.certainty = Certainty::Gap(gap.map(nats_of_cost));
                allocation.layout = placement.layout;
                let allocation = Arc::new(allocation);
                if let Some(running) = self.state.running.get_mut(&allocation.id) {
                    running.allocation = allocation.clone();
                }
                events[job.event] = Event::JobStarted { allocation };
            }
            device.ledger.book(job.allocation.id, Kind::Job, entry, &map);
        }
        self.state.fleet.refresh(device_id);
        moved
    }

    /// Places for all jobs that cost less in total than those they have.
    fn better_places(
        &mut self,
        device: DeviceId,
        buffer_distance: u32,
        jobs: &[Movable],
        rooms: &[Room],
    ) -> Option<PlacedBatch> {
        let device = self.state.fleet.get(device)?;
        let budget = self.state.config.placement_budget;
        let objective = Objective::of(&self.state.config.placement);
        let batch: Vec<BatchJob<'_>> = jobs
            .iter()
            .zip(rooms)
            .map(|(job, room)| BatchJob {
                pattern: &self.classes[job.class].pattern,
                free: &room.free,
                barred_couplers: room.barred_couplers.as_deref(),
            })
            .collect();
        let mut total = 0_u64;
        for (job, started) in batch.iter().zip(jobs) {
            let BatchJob { pattern, free, barred_couplers } = *job;
            let alone = PlacementRequest {
                barred_couplers,
                objective,
                ..PlacementRequest::new(&device.epoch, free, pattern)
            };
            let now = placement_of_layout(&alone, started.allocation.layout.clone())?;
            total = total.saturating_add(now.objective);
        }
        let request = BatchRequest { epoch: &device.epoch, jobs: &batch, buffer_distance, budget, objective };
        let placed = batch::place(&request, &mut *self.strategy);
        let all = placed.placements.iter().all(Option::is_some);
        (all && placed.objective() < total).then_some(placed)
    }
}

/// Whether nothing that the job asks for could be lost by giving it another place of the same size.
fn may_move(request: &JobRequest) -> bool {
    request.fidelity_requirement.is_none()
        && request.min_success_probability.is_none()
        && request.noise_budget.is_none()
        && request.max_swap_operations.is_none()
        && request.isolation.max_crosstalk.is_none()
}
