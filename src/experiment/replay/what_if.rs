//! What would have happened: the jobs and devices of a journal under another configuration of the core.
//!
//! Promises that the same configuration changes nothing. Everything that came from outside (jobs, cancellations and
//! device failures) comes at its recorded time; what follows from decisions is timed anew, by these rules:
//!
//! - A job works as long as its device reported in the record, wherever it is placed now, and ends the same way. One
//!   that never ended by itself there works as long as the walltime it states, or else as jobs of its number of shots
//!   did on average, but longer than it was seen to run. An attempt that was interrupted there (by a failure) would
//!   have gone on at least until then.
//! - A device that is told to stop a job does so at the end of the shot under way, unless the record shows the same stop.
//! - A calibration is due as long after the one before (or after its device joined) as in the record. It begins when its
//!   device has become idle, takes as long and finds the same, whenever that is; one that a failure interrupts begins
//!   again. Beyond the record calibrations go on at the usual interval. If the core asked for calibrations and got them,
//!   all come at their recorded times: who grants wishes is not in the record.
//! - A recorded command that makes no sense any more is left out and counted.
//! - If no job was left at the end of the record, the run goes on until none is left, at most 30 days longer; else it
//!   ends with the record. What would have happened to devices beyond the record (outages, joins, leaves) is not in it:
//!   jobs that end there are counted.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap, VecDeque};
use std::io::BufRead;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::changes::{Changes, changes};
use super::course::Courses;
use super::record::{Record, shots_of};
use super::site::{Phase, Site};
use super::verify::ReplayFailure;
use crate::allocator::Allocator;
use crate::allocator::config::AllocatorConfig;
use crate::allocator::protocol::{
    Allocation, AllocationId, Command, Event, JobId, Outcome, Status, StatusReason, Target,
};
use crate::config_file::shown::crop;
use crate::observe::journal::Reader;
use crate::quantum::DeviceId;
use crate::time::{Span, Time};

/// So long a run may outlast its record.
const LONGEST_DRAIN: Span = Span::from_secs(30 * 86_400);

/// Drives a core with `config` through what a journal records.
pub fn what_if<R: BufRead>(
    reader: &mut Reader<R>,
    config: AllocatorConfig,
) -> Result<Changes, ReplayFailure> {
    let record = Record::read(reader)?;
    check_weights(&config, &record)?;
    let core = reader.header().core_with(config)?;
    let mut driver = Driver::new(core, &record);
    driver.run();
    let mut all = changes(&record.courses, &driver.courses);
    all.estimated = driver.estimated;
    all.left_out = driver.left_out;
    all.calibrations_moved = driver.calibrations_moved;
    all.calibrations_estimated = driver.calibrations_estimated;
    all.calibrations_on_request = record.calibrations.out_of_turn();
    all.recorded_until = record.last;
    let ends = driver.courses.jobs.values().filter_map(|course| course.ended);
    all.ended_later = ends.filter(|(_, at)| *at > record.last).count() as u64;
    all.given_up = if record.courses.live() == 0 { driver.courses.live() as u64 } else { 0 };
    Ok(all)
}

/// A journal knows devices by their own names alone; patterns, vendors and aliases are the scenario's.
fn check_weights(config: &AllocatorConfig, record: &Record) -> Result<(), ReplayFailure> {
    let registered = |(_, command): &(Time, Command)| match command {
        Command::RegisterDevice { spec, .. } => Some(spec.name.clone()),
        _ => None,
    };
    let devices: BTreeSet<String> = record.outside.iter().filter_map(registered).collect();
    for (key, weights) in [("weights", &config.weights), ("charge_weights", &config.charge_weights)] {
        if let Some(name) = weights.0.keys().find(|name| !devices.contains(*name)) {
            let known: Vec<&str> = devices.iter().map(String::as_str).take(20).collect();
            return Err(ReplayFailure::Weights(format!(
                "{key}: no device of the journal is called `{}`; hint: here each device goes by its own name: {}",
                crop(name),
                known.join(", ")
            )));
        }
        if !weights.is_empty() && devices.iter().all(|name| weights.of(name) == 0) {
            let message =
                format!("{key}: all devices of the journal have weight 0; hint: at least one above 0");
            return Err(ReplayFailure::Weights(message));
        }
    }
    Ok(())
}

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Ends(AllocationId),
    Stopped(AllocationId),
    /// A recorded command.
    Outside(usize),
    /// A calibration of a device, in its stay of that number.
    Calibration(DeviceId, u32),
    /// The measurement of that number has found something.
    Figures(DeviceId, u64),
    /// The measurement of that number is over.
    Measured(DeviceId, u64),
}

/// The order at one instant, as in a run: what ends, what comes from outside, the pass.
mod class {
    pub(super) const RELEASE: u8 = 0;
    pub(super) const CANCEL: u8 = 1;
    pub(super) const REPAIR: u8 = 2;
    pub(super) const FAILURE: u8 = 3;
    pub(super) const CALIBRATION: u8 = 4;
    pub(super) const ARRIVAL: u8 = 5;
    pub(super) const PASS: u8 = 6;
}

fn class_of(command: &Command) -> u8 {
    match command {
        Command::Cancel { .. } => class::CANCEL,
        Command::RegisterDevice { .. } | Command::SetStatus { reason: StatusReason::Repair, .. } => {
            class::REPAIR
        }
        Command::RemoveDevice { .. } | Command::SetStatus { reason: StatusReason::Fault, .. } => {
            class::FAILURE
        }
        Command::Recalibrate { .. } => class::CALIBRATION,
        _ => class::ARRIVAL,
    }
}

/// An attempt under way, and how it will end if nothing else happens to it.
#[derive(Debug, Clone, Copy)]
struct Attempt {
    device: DeviceId,
    job: JobId,
    number: u32,
    copies: u32,
    started: Time,
    duration: Span,
    outcome: Outcome,
    shots: u64,
    /// The device was told to stop it.
    stopping: bool,
}

struct Driver<'r> {
    record: &'r Record,
    core: Allocator,
    courses: Courses,
    now: Time,
    agenda: BinaryHeap<Reverse<(Time, u8, u64, Due)>>,
    order: u64,
    sites: IndexMap<DeviceId, Site, FxBuildHasher>,
    attempts: IndexMap<AllocationId, Attempt, FxBuildHasher>,
    /// Commands that the answers of the core call for, in order.
    todo: VecDeque<Command>,
    estimated: u64,
    left_out: u64,
    calibrations_moved: u64,
    calibrations_estimated: u64,
}

impl<'r> Driver<'r> {
    fn new(core: Allocator, record: &'r Record) -> Self {
        let mut driver = Self {
            record,
            core,
            courses: Courses::default(),
            now: Time::ZERO,
            agenda: BinaryHeap::new(),
            order: 0,
            sites: IndexMap::default(),
            attempts: IndexMap::default(),
            todo: VecDeque::new(),
            estimated: 0,
            left_out: 0,
            calibrations_moved: 0,
            calibrations_estimated: 0,
        };
        let mut arrived: Option<(Time, JobId, u64)> = None;
        for (index, (at, command)) in record.outside.iter().enumerate() {
            match command {
                Command::Submit(request) => arrived = Some((*at, request.id, 1)),
                Command::SubmitArray { first, count } => arrived = Some((*at, first.id, u64::from(*count))),
                _ => {}
            }
            // Cancelled at the instant of its submission: after that.
            let is_new = match (command, arrived) {
                (Command::Cancel { job }, Some((then, first, count))) => {
                    then == *at && job.0.checked_sub(first.0).is_some_and(|after| after < count)
                }
                _ => false,
            };
            let class = if is_new { class::ARRIVAL } else { class_of(command) };
            driver.schedule(*at, class, Due::Outside(index));
        }
        driver
    }

    fn schedule(&mut self, at: Time, class: u8, due: Due) {
        self.order += 1;
        self.agenda.push(Reverse((at, class, self.order, due)));
    }

    fn run(&mut self) {
        let drains = self.record.courses.live() == 0;
        let last = if drains { self.record.last + LONGEST_DRAIN } else { self.record.last };
        loop {
            let wakeup = self.core.next_wakeup();
            let next = self.agenda.peek().map(|Reverse((at, class, ..))| (*at, *class));
            let wake_first = match (wakeup, next) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(wake), Some(next)) => (wake, class::PASS) < next,
            };
            let at = if wake_first { wakeup } else { next.map(|next| next.0) };
            let at = at.unwrap_or(self.now).max(self.now);
            if at > last || (drains && at > self.record.last && self.courses.live() == 0) {
                break;
            }
            self.now = at;
            if wake_first {
                self.give(Command::Wake);
            } else if let Some(Reverse((_, _, _, due))) = self.agenda.pop() {
                self.happen(due);
            }
        }
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Ends(id) => {
                if let Some(attempt) = self.attempts.get(&id).copied()
                    && !attempt.stopping
                {
                    let Attempt { outcome, shots: shots_done, .. } = attempt;
                    self.give(Command::Finished { allocation: id, outcome, shots_done });
                }
            }
            Due::Stopped(id) => {
                if let Some(Attempt { started, duration, shots, .. }) = self.attempts.get(&id).copied() {
                    let elapsed = u128::from(self.now.since(started).0);
                    let done = elapsed * u128::from(shots) / u128::from(duration.0.max(1));
                    let shots_done = (done as u64).min(shots);
                    self.give(Command::StopAcknowledged { allocation: id, shots_done });
                }
            }
            Due::Outside(index) => self.outside(&self.record.outside[index].1),
            Due::Calibration(device, stay) => self.calibration_due(device, stay),
            Due::Figures(device, number) => self.figures(device, number),
            Due::Measured(device, number) => self.measured(device, number),
        }
    }

    fn outside(&mut self, command: &'r Command) {
        match command {
            Command::RegisterDevice { device, .. } => {
                self.sites.entry(*device).or_default().joined();
                self.give(command.clone());
                let stay = self.sites[device].stay;
                let first = self.record.calibrations.first_of(*device, stay);
                self.expect_calibration(*device, first);
            }
            Command::RemoveDevice { device } => {
                self.sites.entry(*device).or_default().left();
                self.give(command.clone());
            }
            Command::SetStatus {
                target: Target::Device(device),
                status,
                reason: reason @ (StatusReason::Fault | StatusReason::Repair),
            } => {
                let down = *reason == StatusReason::Fault && *status == Status::Offline;
                self.sites.entry(*device).or_default().set_down(down);
                self.tell(*device, *reason);
                self.start_calibration_if_ready(*device);
                self.flush();
            }
            Command::SetStatus { target: Target::Device(device), status, .. } => {
                self.sites.entry(*device).or_default().told = *status;
                self.give(command.clone());
            }
            _ => self.give(command.clone()),
        }
    }

    /// Tells the core the status of a device if it has changed.
    fn tell(&mut self, device: DeviceId, reason: StatusReason) {
        if let Some(status) = self.sites.get_mut(&device).and_then(Site::news) {
            self.give(Command::SetStatus { target: Target::Device(device), status, reason });
        }
    }

    /// Hands a command to the core, then what its answers call for.
    fn give(&mut self, command: Command) {
        self.todo.push_back(command);
        self.flush();
    }

    fn flush(&mut self) {
        let mut events = Vec::new();
        while let Some(command) = self.todo.pop_front() {
            events.clear();
            if self.core.handle(self.now, command, &mut events).is_err() {
                self.left_out += 1;
                continue;
            }
            for event in &events {
                self.react(event);
                self.courses.observe(self.now, event);
            }
        }
    }

    fn react(&mut self, event: &Event) {
        match event {
            Event::JobStarted { allocation } => self.start(allocation),
            Event::StopRequested { allocation, .. } => self.stop(*allocation),
            Event::JobRequeued { allocation, .. }
            | Event::JobFinished { allocation, .. }
            | Event::JobFailed { allocation, .. }
            | Event::JobCancelled { allocation: Some(allocation), .. } => {
                if let Some(Attempt { device, .. }) = self.attempts.swap_remove(allocation) {
                    let site = self.sites.entry(device).or_default();
                    site.running = site.running.saturating_sub(1);
                    self.start_calibration_if_ready(device);
                }
            }
            _ => {}
        }
    }
}

/// Attempts of jobs.
impl Driver<'_> {
    fn start(&mut self, allocation: &Allocation) {
        self.sites.entry(allocation.device).or_default().running += 1;
        let (duration, outcome, shots) = self.service(allocation.job, allocation.attempt);
        let attempt = Attempt {
            device: allocation.device,
            job: allocation.job,
            number: allocation.attempt,
            copies: allocation.copies,
            started: self.now,
            duration,
            outcome,
            shots,
            stopping: false,
        };
        self.attempts.insert(allocation.id, attempt);
        self.schedule(self.now + duration, class::RELEASE, Due::Ends(allocation.id));
    }

    /// A device ends the shot under way; the record knows better where it shows the same stop.
    fn stop(&mut self, id: AllocationId) {
        let Some(attempt) = self.attempts.get_mut(&id) else { return };
        attempt.stopping = true;
        let attempt = *attempt;
        let elapsed = self.now.since(attempt.started);
        let course = self.record.courses.jobs.get(&attempt.job);
        let same = course.and_then(|course| {
            let mut same = course.stops.iter().filter(|stop| stop.elapsed == elapsed);
            // Every attempt does the same shots: one that was stopped after as long was in the same shot.
            same.clone().find(|stop| stop.attempt == attempt.number).or_else(|| same.next())
        });
        let delay = same.map_or_else(
            || {
                // Copies do theirs side by side.
                let rounds = course.map_or(1, shots_of).div_ceil(u64::from(attempt.copies.max(1)));
                let shot = (attempt.duration.0 / rounds.max(1)).max(1);
                Span(shot - elapsed.0 % shot)
            },
            |stop| stop.delay,
        );
        self.schedule(self.now + delay, class::RELEASE, Due::Stopped(id));
    }

    /// How long a job works, how it ends, and how many shots it has done then.
    fn service(&mut self, job: JobId, attempt: u32) -> (Span, Outcome, u64) {
        let Some(course) = self.record.courses.jobs.get(&job) else {
            return (Span::ZERO, Outcome::Success, 0);
        };
        if let Some(service) = course.service {
            // An attempt that was interrupted there did not end by itself before that.
            let seen = course.interrupted.get(attempt.saturating_sub(1) as usize);
            let duration = seen.map_or(service.duration, |seen| service.duration.max(*seen + Span(1)));
            return (duration, service.outcome, service.shots_done);
        }
        self.estimated += 1;
        let shots = shots_of(course);
        let usual = || Span::from_secs_f64(self.record.per_shot_s * shots as f64);
        let estimate = course.request.estimated_duration.unwrap_or_else(usual);
        (estimate.max(course.longest + Span(1)), Outcome::Success, shots)
    }
}

/// Calibrations of devices.
impl Driver<'_> {
    /// The calibration of that number is the next one of a device that has joined, or ended the one before, now.
    fn expect_calibration(&mut self, device: DeviceId, number: usize) {
        let Some(site) = self.sites.get_mut(&device) else { return };
        site.next = number;
        let stay = site.stay;
        site.calibration = self.record.calibrations.coming(device, stay, number, self.now);
        if let Some(coming) = &site.calibration {
            let due = coming.due;
            self.schedule(due, class::CALIBRATION, Due::Calibration(device, stay));
        }
    }

    fn calibration_due(&mut self, device: DeviceId, stay: u32) {
        let Some(site) = self.sites.get_mut(&device) else { return };
        if !site.member || site.stay != stay || site.phase != Phase::Idle {
            return;
        }
        site.phase = Phase::Draining;
        self.tell(device, StatusReason::Calibration);
        self.start_calibration_if_ready(device);
        self.flush();
    }

    /// The last job has left a draining device.
    fn start_calibration_if_ready(&mut self, device: DeviceId) {
        let Some(site) = self.sites.get_mut(&device).filter(|site| site.is_ready()) else { return };
        let Some(coming) = &site.calibration else { return };
        site.phase = Phase::Measuring;
        site.measurement += 1;
        self.calibrations_estimated += u64::from(coming.guessed);
        self.calibrations_moved += u64::from(coming.began.is_some_and(|began| began != self.now));
        let number = site.measurement;
        let figures = coming.figures.as_ref().map(|(after, _)| self.now + *after);
        let end = self.now + coming.takes;
        if let Some(status) = site.news() {
            let target = Target::Device(device);
            self.todo.push_back(Command::SetStatus { target, status, reason: StatusReason::Calibration });
        }
        if let Some(at) = figures {
            self.schedule(at, class::CALIBRATION, Due::Figures(device, number));
        }
        self.schedule(end, class::CALIBRATION, Due::Measured(device, number));
    }

    fn figures(&mut self, device: DeviceId, number: u64) {
        let site = self.sites.get(&device).filter(|site| site.measurement == number);
        let coming = site.and_then(|site| site.calibration.as_ref());
        if let Some((_, calibration)) = coming.and_then(|coming| coming.figures.clone()) {
            self.give(Command::Recalibrate { device, calibration });
        }
    }

    fn measured(&mut self, device: DeviceId, number: u64) {
        let Some(site) = self.sites.get_mut(&device).filter(|site| site.measurement == number) else {
            return;
        };
        if !site.member || site.phase != Phase::Measuring {
            return;
        }
        site.phase = Phase::Idle;
        let next = site.next + 1;
        self.tell(device, StatusReason::Calibration);
        self.expect_calibration(device, next);
    }
}

#[cfg(test)]
mod tests;
