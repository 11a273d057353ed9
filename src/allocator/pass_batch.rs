//! Joint placement at the end of a scheduling pass: jobs that start at one instant on one device exchange their places
//! for the least total error.
//!
//! Promises that the same jobs start on the same devices as without it, so that first in, first out holds as ever, that
//! no job that met its bounds on quality misses one afterwards, and that the total only gets better. Leaves the search
//! to [`super::placement::batch`].

use std::sync::Arc;

use super::config::{Batch, Strategy};
use super::explain::Certainty;
use super::ledger::{Entry, Kind};
use super::messages::{Allocation, Event};
use super::placement::batch::{self, BatchJob, BatchRequest, PlacedBatch};
use super::placement::cost::nats_of_cost;
use super::placement::{Objective, Placement, PlacementRequest, placement_of_layout, surcharge};
use super::quality::Assessment;
use super::{Allocator, class::ClassId};
use crate::quantum::QubitSet;

/// A job that was started in this pass and may still be put elsewhere.
struct Movable {
    /// Where its start stands among the events.
    event: usize,
    class: ClassId,
    allocation: Arc<Allocation>,
}

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
            // One that misses a bound has been flagged as it is, and a calibration requested.
            let good = allocation.explanation.quality.is_none_or(|quality| quality.meets_all());
            if whole && allocation.swaps.is_none() && good {
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
                    self.state.fleet.refresh(device);
                    self.mark_due(device);
                }
            }
        }
    }

    /// Moves jobs of one device to better places; whether any moved.
    fn rearrange(&mut self, jobs: &[Movable], events: &mut [Event]) -> bool {
        let mut jobs: Vec<&Movable> = jobs.iter().collect();
        while jobs.len() > 1 {
            let Some((moves, gap)) = self.better_places(&jobs) else { return false };
            let mut stays = moves.iter().map(|to| !to.quality.is_none_or(|quality| quality.meets_all()));
            if stays.clone().any(|stays| stays) {
                // Its place is good enough, the new one is not: the others without it.
                jobs.retain(|_| !stays.next().unwrap_or(false));
                continue;
            }
            self.relocate(&jobs, moves, gap, events);
            return true;
        }
        false
    }

    /// Places for all jobs that cost less in total than those they have, and how close to the best they are. The books
    /// are as before.
    fn better_places(&mut self, jobs: &[&Movable]) -> Option<(Vec<Move>, Option<u64>)> {
        let device_id = jobs[0].allocation.device;
        let device = self.state.fleet.get_mut(device_id)?;
        // Places were chosen within the limits of others on crosstalk; other places might not be.
        if device.ledger.entries().any(|(_, _, entry)| entry.max_crosstalk.is_some()) {
            return None;
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
            let class = &mut self.classes[job.class];
            let pattern = class.pattern.clone();
            let (mask, ..) = class.on_device(device_id, &device.epoch);
            device.ledger.free_for(buffer_distance, &mask.qubits, &map, &mut self.free);
            let alone = PlacementRequest {
                barred_couplers: mask.barred_couplers.as_deref(),
                ..PlacementRequest::new(&device.epoch, &self.free, &pattern)
            };
            let beside = surcharge::beside(&job.allocation.isolation, device.spec.technology, &device.ledger);
            let weights = &self.state.config.placement;
            let objective = self.surcharges.objective(weights, &alone, beside);
            rooms.push(Room {
                free: self.free.clone(),
                barred_couplers: mask.barred_couplers.clone(),
                added_to_qubits: objective.qubits.map(<[u64]>::to_vec),
                added_to_gates: objective.crosstalk.map(<[u64]>::to_vec),
            });
        }
        for (job, entry) in jobs.iter().zip(entries) {
            device.ledger.book(job.allocation.id, Kind::Job, entry, &map);
        }
        let epoch = device.epoch.clone();
        let batch: Vec<BatchJob<'_>> = jobs
            .iter()
            .zip(&rooms)
            .map(|(job, room)| BatchJob {
                pattern: &self.classes[job.class].pattern,
                free: &room.free,
                barred_couplers: room.barred_couplers.as_deref(),
                objective: Objective {
                    qubits: room.added_to_qubits.as_deref(),
                    crosstalk: room.added_to_gates.as_deref(),
                    ..Objective::of(&self.state.config.placement)
                },
            })
            .collect();
        let mut total = 0_u64;
        for (job, started) in batch.iter().zip(jobs) {
            let BatchJob { pattern, free, barred_couplers, objective } = *job;
            let alone = PlacementRequest {
                barred_couplers,
                objective,
                ..PlacementRequest::new(&epoch, free, pattern)
            };
            let now = placement_of_layout(&alone, started.allocation.layout.clone())?;
            total = total.saturating_add(now.objective);
        }
        let budget = self.state.config.placement_budget;
        let request = BatchRequest { epoch: &epoch, jobs: &batch, buffer_distance, budget };
        let PlacedBatch { placements, gap, .. } =
            Some(batch::place(&request, &mut *self.strategy)).filter(|placed| placed.objective() < total)?;
        let judged = placements.into_iter().zip(jobs).map(|(placement, job)| {
            let placement = placement?;
            let class = &self.classes[job.class];
            let quality = job.allocation.explanation.quality.map(|_| {
                let demands = &class.demands;
                demands.bounds.assess(&demands.topology, &class.pattern, &epoch, &placement)
            });
            Some(Move { placement, quality })
        });
        Some((judged.collect::<Option<Vec<Move>>>()?, gap))
    }

    /// Gives jobs that have just been started other places; `gap`: how much all of them cost above the best at most.
    fn relocate(&mut self, jobs: &[&Movable], moves: Vec<Move>, gap: Option<u64>, events: &mut [Event]) {
        let device_id = jobs[0].allocation.device;
        let Some(device) = self.state.fleet.get_mut(device_id) else { return };
        let map = device.spec.coupling_map.clone();
        let released: Vec<Option<Entry>> =
            jobs.iter().map(|job| device.ledger.release(job.allocation.id, Kind::Job, &map)).collect();
        for ((job, to), entry) in jobs.iter().zip(moves).zip(released) {
            let mut allocation = Allocation::clone(&job.allocation);
            let buffer_distance = allocation.isolation.buffer_distance;
            let held = QubitSet::from_qubits(map.qubits(), to.placement.layout.iter().copied());
            let mut blocked = QubitSet::new(map.qubits());
            if buffer_distance > 0 {
                blocked = map.dilate(&held, buffer_distance);
                blocked.subtract(&held);
            }
            if let Some(entry) = entry {
                let entry = Entry { qubits: held.clone(), ..entry };
                device.ledger.book(allocation.id, Kind::Job, entry, &map);
            }
            (allocation.held, allocation.blocked) = (held, blocked);
            allocation.explanation.cost = nats_of_cost(to.placement.cost);
            // Best beside the others, whose total is known to be this close to the best.
            allocation.explanation.certainty = Certainty::Gap(gap.map(nats_of_cost));
            allocation.explanation.quality = to.quality;
            allocation.layout = to.placement.layout;
            let allocation = Arc::new(allocation);
            if let Some(running) = self.state.running.get_mut(&allocation.id) {
                running.allocation = allocation.clone();
            }
            events[job.event] = Event::JobStarted { allocation };
        }
        self.state.fleet.refresh(device_id);
    }
}
