//! One course that things may take from now on: a copy of the core, met by drawn ends, arrivals and outages.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::estimate::Plan;
use super::past::{Comings, Known, Spell, Work};
use crate::agenda::{Agenda, Ticket};
use crate::allocator::Allocator;
use crate::allocator::protocol::{
    Allocation, AllocationId, Command, Event, JobId, JobRequest, Outcome, Status, StatusReason, Target,
};
use crate::quantum::DeviceId;
use crate::random::StreamFamily;
use crate::time::{Span, Time};

/// So many commands for each job that is waited for, and for each that runs; then a future is broken off.
const COMMANDS_PER_JOB: u64 = 128;

/// And so many at least.
const COMMANDS_MIN: u64 = 2_000;

/// The order at one instant, that of the simulation and of the protocol.
mod class {
    pub const RELEASE: u8 = 0;
    pub const REPAIR: u8 = 1;
    pub const FAILURE: u8 = 2;
    pub const ARRIVAL: u8 = 3;
    pub const PASS: u8 = 4;
}

/// Where the chances of one future come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Lots {
    draws: StreamFamily,
    made: u64,
    /// 0: what is to be expected, without any chance.
    future: u32,
}

/// What is drawn, in the top bits of the entity.
mod of {
    pub const RUN: u64 = 0;
    pub const ARRIVAL: u64 = 1 << 62;
    pub const OUTAGE: u64 = 2 << 62;
}

impl Lots {
    pub(super) fn new(draws: StreamFamily, made: u64, future: u32) -> Self {
        Self { draws, made, future }
    }

    fn draw(&self, entity: u64, attempt: u64) -> f64 {
        if self.future == 0 {
            return 0.5;
        }
        let bits = self.draws.draw(entity, attempt << 20 | u64::from(self.future));
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Of an attempt of a job: the same in every round, so that an estimate changes with what was learnt and not by chance.
    fn run(&self, job: JobId, attempt: u32) -> f64 {
        self.draw(of::RUN | job.0 & !(3 << 62), u64::from(attempt))
    }

    fn arrival(&self, number: u64) -> f64 {
        self.draw(of::ARRIVAL | self.made, number)
    }

    fn outage(&self, device: DeviceId, number: u64) -> f64 {
        self.draw(of::OUTAGE | u64::from(device.0), self.made << 16 | number)
    }
}

#[derive(Debug)]
enum Step {
    Ends(AllocationId),
    Stopped(AllocationId),
    Comes(Arc<JobRequest>),
    GoesOut(DeviceId, Spell),
    ComesBack(DeviceId),
}

/// What became of the jobs that waited.
#[derive(Debug, Default)]
pub(super) struct Course {
    /// Their first starts from now on.
    pub starts: BTreeMap<JobId, Plan>,
    /// Commands that the core was given.
    pub commands: u64,
    /// It was broken off for want of patience, not at the end of its time.
    pub cut: bool,
}

#[derive(Debug)]
struct Attempt {
    request: Arc<JobRequest>,
    ticket: Ticket,
}

/// A course in the making.
pub(super) struct Future<'k> {
    core: Allocator,
    now: Time,
    known: &'k Known,
    lots: Lots,
    agenda: Agenda<Step>,
    running: IndexMap<AllocationId, Attempt, FxBuildHasher>,
    requests: IndexMap<JobId, Arc<JobRequest>, FxBuildHasher>,
    left: BTreeSet<JobId>,
    comings: Comings,
    came: u64,
    outages: BTreeMap<DeviceId, u64>,
    course: Course,
}

impl<'k> Future<'k> {
    /// From `now` on, until all jobs of `waiting` have started or ended.
    pub(super) fn new(
        core: Allocator,
        now: Time,
        known: &'k Known,
        lots: Lots,
        waiting: impl Iterator<Item = JobId>,
    ) -> Self {
        Self {
            now,
            known,
            lots,
            agenda: Agenda::new(),
            running: IndexMap::default(),
            requests: IndexMap::default(),
            left: waiting.collect(),
            comings: known.arrivals.comings(now),
            came: 0,
            outages: BTreeMap::new(),
            course: Course::default(),
            core,
        }
    }

    /// Runs until all have started, or `until`. The copy of the core comes back.
    pub(super) fn run(mut self, until: Time) -> (Course, Allocator) {
        let jobs: Vec<_> = self.core.jobs().map(|job| (job.request.clone(), job.allocation())).collect();
        let patience = COMMANDS_MIN + COMMANDS_PER_JOB * jobs.len() as u64;
        for (request, allocation) in jobs {
            if let Some(allocation) = allocation.and_then(|id| self.core.allocation(id)).cloned() {
                let stops = self.core.job(request.id).is_some_and(|job| job.stop().is_some());
                self.runs(&allocation, request.clone(), stops);
            }
            self.requests.insert(request.id, request);
        }
        if self.lots.future > 0 {
            self.next_arrival();
        }
        for device in self.known.outages.devices() {
            match self.known.outages.comes_back(device, self.lots.outage(device, 0)) {
                Some(rest) => self.schedule(rest, class::REPAIR, Step::ComesBack(device)),
                None => self.next_outage(device, true),
            }
        }
        let mut events = Vec::new();
        while !self.left.is_empty() {
            if self.course.commands >= patience {
                self.course.cut = true;
                break;
            }
            let wakeup = self.core.next_wakeup();
            let next = self.agenda.peek();
            let wake_first = match (wakeup, next) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(wake), Some((at, class))) => (wake, class::PASS) < (at, class),
            };
            let at = if wake_first { wakeup.map(|wake| wake.max(self.now)) } else { next.map(|(at, _)| at) };
            if at.is_none_or(|at| at > until) || (next.is_none() && self.core.only_retries()) {
                break;
            }
            let command = if wake_first {
                self.now = at.unwrap_or(self.now);
                Some(Command::Wake)
            } else {
                self.agenda.pop().and_then(|(at, _, step)| {
                    self.now = at;
                    self.step(step)
                })
            };
            let Some(command) = command else { continue };
            self.course.commands += 1;
            events.clear();
            if self.core.handle(self.now, command, &mut events).is_err() {
                // What was drawn makes no sense to the core, as when a device left that was to come back.
                continue;
            }
            events.drain(..).for_each(|event| self.react(event));
        }
        (self.course, self.core)
    }

    fn schedule(&mut self, after: Span, class: u8, step: Step) {
        if let Some(at) = self.now.checked_add(after) {
            self.agenda.schedule(at, class, step);
        }
    }

    fn step(&mut self, step: Step) -> Option<Command> {
        match step {
            Step::Ends(id) => {
                let attempt = self.running.get(&id)?;
                let JobRequest { shots, circuits, .. } = *attempt.request;
                let shots_done = shots.saturating_mul(u64::from(circuits));
                Some(Command::Finished { allocation: id, outcome: Outcome::Success, shots_done })
            }
            Step::Stopped(id) => {
                let done = self.core.state().running(id)?.shots_done;
                Some(Command::StopAcknowledged { allocation: id, shots_done: done })
            }
            Step::Comes(request) => {
                self.requests.insert(request.id, request.clone());
                self.next_arrival();
                Some(Command::Submit(request))
            }
            Step::GoesOut(device, spell) => {
                self.schedule(spell.lasts, class::REPAIR, Step::ComesBack(device));
                let status = if spell.lost { Status::Offline } else { Status::Draining };
                Some(set(device, status, StatusReason::Fault))
            }
            Step::ComesBack(device) => {
                self.next_outage(device, false);
                Some(set(device, Status::Online, StatusReason::Repair))
            }
        }
    }

    fn next_arrival(&mut self) {
        // From the other end of the numbers: no job has such a one.
        let id = JobId(u64::MAX - self.came);
        self.came += 1;
        let lots = self.lots;
        let next = self.known.arrivals.next(&mut self.comings, id, |number| lots.arrival(number));
        if let Some((at, request)) = next {
            self.agenda.schedule(at, class::ARRIVAL, Step::Comes(request));
        }
    }

    fn next_outage(&mut self, device: DeviceId, first: bool) {
        // No outage is to be expected at any instant.
        if self.lots.future == 0 {
            return;
        }
        let number = self.outages.entry(device).or_default();
        *number += 1;
        let lot = self.lots.outage(device, *number);
        if let Some((after, spell)) = self.known.outages.goes_out(device, first, lot) {
            self.schedule(after, class::FAILURE, Step::GoesOut(device, spell));
        }
    }

    /// An attempt runs; `stops`: it was asked to stop.
    fn runs(&mut self, allocation: &Allocation, request: Arc<JobRequest>, stops: bool) {
        let Some(device) = self.core.device(allocation.device) else { return };
        let work = Work::of(&request, device, allocation.copies);
        let elapsed = self.now.since(allocation.started);
        let lot = self.lots.run(allocation.job, allocation.attempt);
        let length = self.known.times.draw(&work, elapsed, lot);
        let Some(end) = allocation.started.checked_add(length) else { return };
        let ticket = match stops {
            true => self.agenda.schedule(self.now, class::RELEASE, Step::Stopped(allocation.id)),
            false => self.agenda.schedule(end, class::RELEASE, Step::Ends(allocation.id)),
        };
        self.running.insert(allocation.id, Attempt { request, ticket });
    }

    fn react(&mut self, event: Event) {
        match event {
            Event::JobStarted { allocation } => {
                if self.left.remove(&allocation.job) {
                    let plan =
                        Plan { at: self.now, device: allocation.device, layout: allocation.layout.clone() };
                    self.course.starts.insert(allocation.job, plan);
                }
                if let Some(request) = self.requests.get(&allocation.job).cloned() {
                    self.runs(&allocation, request, false);
                }
            }
            Event::StopRequested { allocation, .. } => {
                if let Some(attempt) = self.running.get_mut(&allocation) {
                    self.agenda.cancel(attempt.ticket);
                    attempt.ticket =
                        self.agenda.schedule(self.now, class::RELEASE, Step::Stopped(allocation));
                }
            }
            Event::JobRequeued { allocation, .. } => self.ended(allocation),
            Event::JobFinished { job, allocation, .. } | Event::JobFailed { job, allocation, .. } => {
                self.ended(allocation);
                self.gone(job);
            }
            Event::JobCancelled { job, allocation, .. } => {
                allocation.into_iter().for_each(|allocation| self.ended(allocation));
                self.gone(job);
            }
            Event::JobExpired { job, .. } => self.gone(job),
            Event::JobRejected { job, .. } => self.gone(job.id),
            _ => {}
        }
    }

    fn ended(&mut self, allocation: AllocationId) {
        if let Some(attempt) = self.running.swap_remove(&allocation) {
            self.agenda.cancel(attempt.ticket);
        }
    }

    fn gone(&mut self, job: JobId) {
        self.requests.swap_remove(&job);
        self.left.remove(&job);
    }
}

fn set(device: DeviceId, status: Status, reason: StatusReason) -> Command {
    Command::SetStatus { target: Target::Device(device), status, reason }
}
