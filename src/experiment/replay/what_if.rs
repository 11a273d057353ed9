//! What would have happened: the jobs and devices of a journal under another configuration of the core.
//!
//! Promises that the same configuration changes nothing. Everything that came from outside (jobs, cancellations, device
//! failures and calibrations) comes at its recorded time; what follows from decisions is timed anew, by these rules:
//!
//! - A job works as long as its device reported in the record, wherever it is placed now, and ends the same way. One
//!   that never ended by itself there works as long as the walltime it states, or else as jobs of its number of shots
//!   did on average, but longer than it was seen to run. An attempt that was interrupted there (by a failure) would
//!   have gone on at least until then.
//! - A device needs as long to stop a job as it did in the record, or no time.
//! - A calibration that begins when its device has become idle waits for that; what follows of it is delayed as much,
//!   until the device is online again.
//! - A recorded command that makes no sense any more is left out and counted.
//! - If no job was left at the end of the record, the run goes on until none is left, at most 30 days longer; else it
//!   ends with the record.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::io::BufRead;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::course::{Course, Courses, Ended, Side};
use super::{Redriven, ReplayFailure};
use crate::allocator::Allocator;
use crate::allocator::config::AllocatorConfig;
use crate::allocator::job::{FinalState, JobId};
use crate::allocator::messages::{AllocationId, Command, CommandError, Event, Outcome, Status, Target};
use crate::observe::journal::Reader;
use crate::quantum::DeviceId;
use crate::time::{Span, Time};

/// So long a run may outlast its record.
const LONGEST_DRAIN: Span = Span::from_secs(30 * 86_400);

/// Jobs that start at another time, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Moved {
    /// How many.
    pub jobs: u64,
    /// By how many seconds on average.
    pub mean_s: Option<f64>,
}

/// What another configuration changes.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Changes {
    /// Jobs submitted.
    pub jobs: u64,
    /// Jobs started in both, on another device.
    pub other_device: u64,
    /// Jobs started in both, on the same device, on other qubits.
    pub other_qubits: u64,
    /// Jobs started earlier than recorded.
    pub earlier: Moved,
    /// Jobs started later than recorded.
    pub later: Moved,
    /// Jobs started only now.
    pub only_now: u64,
    /// Jobs started only in the record.
    pub only_recorded: u64,
    /// Jobs that end otherwise: recorded state, state now (`None`: not ended), how many.
    pub states: Vec<(Option<FinalState>, Option<FinalState>, u64)>,
    /// Figures of the record.
    pub recorded: Side,
    /// Figures now.
    pub now: Side,
    /// Jobs whose working time is an estimate, because the record does not show it.
    pub estimated: u64,
    /// Recorded commands that made no sense any more.
    pub left_out: u64,
}

/// Drives a core with `config` through what a journal records.
pub fn what_if<R: BufRead>(
    reader: &mut Reader<R>,
    config: AllocatorConfig,
) -> Result<Changes, ReplayFailure> {
    let record = Record::read(reader)?;
    let core = reader.header().core_with(config)?;
    let mut driver = Driver::new(core, &record);
    driver.run();
    Ok(changes(&record.courses, &driver))
}

/// What a journal says, without what follows from decisions.
struct Record {
    outside: Vec<(Time, Command)>,
    courses: Courses,
    last: Time,
    /// Seconds per shot, on average over all attempts that ended by themselves.
    per_shot_s: f64,
}

impl Record {
    fn read<R: BufRead>(reader: &mut Reader<R>) -> Result<Self, ReplayFailure> {
        let mut replayed = Redriven::new(reader.header().core()?);
        let mut outside = Vec::new();
        let mut courses = Courses::default();
        let mut last = Time::ZERO;
        while let Some(entry) = reader.next_entry()? {
            last = entry.now;
            match &entry.command {
                Command::Finished { allocation, outcome, shots_done } => {
                    courses.served(last, *allocation, *outcome, *shots_done);
                }
                Command::StopAcknowledged { allocation, .. } => courses.stopped(last, *allocation),
                Command::Progress { .. } | Command::Wake => {}
                command => outside.push((last, command.clone())),
            }
            replayed.step(&entry).map_err(ReplayFailure::Differs)?;
            replayed.events.iter().for_each(|event| courses.observe(last, event));
        }
        courses.close(last);
        let (mut seconds, mut shots) = (0.0, 0.0);
        for course in courses.jobs.values() {
            if let Some(service) = course.service {
                seconds += service.duration.as_secs_f64();
                shots += shots_of(course) as f64;
            }
        }
        let per_shot_s = if shots > 0.0 { seconds / shots } else { 0.0 };
        Ok(Self { outside, courses, last, per_shot_s })
    }
}

fn shots_of(course: &Course) -> u64 {
    course.request.shots.saturating_mul(u64::from(course.request.circuits))
}

/// What is to happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Ends(AllocationId),
    Stopped(AllocationId),
    /// A recorded command; `true` if its time has been set anew.
    Outside(usize, bool),
}

/// The order at one instant: what ends, what comes from outside, the pass.
mod class {
    pub(super) const RELEASE: u8 = 0;
    pub(super) const OUTSIDE: u8 = 1;
    pub(super) const PASS: u8 = 2;
}

/// How far a device is behind its record.
#[derive(Debug, Default)]
struct Delay {
    /// Commands that wait until it is idle, the calibration first.
    held: VecDeque<usize>,
    by: Span,
    running: usize,
}

/// An attempt under way, and how it will end if nothing else happens to it.
#[derive(Debug, Clone, Copy)]
struct Attempt {
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
    agenda: BinaryHeap<Reverse<(Time, u8, u64, Due)>>,
    order: u64,
    delays: IndexMap<DeviceId, Delay, FxBuildHasher>,
    attempts: IndexMap<AllocationId, Attempt, FxBuildHasher>,
    estimated: u64,
    left_out: u64,
}

impl<'r> Driver<'r> {
    fn new(core: Allocator, record: &'r Record) -> Self {
        let mut driver = Self {
            record,
            core,
            courses: Courses::default(),
            agenda: BinaryHeap::new(),
            order: 0,
            delays: IndexMap::default(),
            attempts: IndexMap::default(),
            estimated: 0,
            left_out: 0,
        };
        for (index, (at, _)) in record.outside.iter().enumerate() {
            driver.schedule(*at, class::OUTSIDE, Due::Outside(index, false));
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
        let mut now = Time::ZERO;
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
            let at = at.unwrap_or(now).max(now);
            if at > last || (drains && at > self.record.last && self.courses.live() == 0) {
                break;
            }
            now = at;
            if wake_first {
                self.give(now, Command::Wake);
            } else if let Some(Reverse((_, _, _, due))) = self.agenda.pop() {
                self.happen(now, due);
            }
        }
    }

    fn happen(&mut self, now: Time, due: Due) {
        match due {
            Due::Ends(id) => {
                if let Some(attempt) = self.attempts.get(&id).copied()
                    && !attempt.stopping
                {
                    let Attempt { outcome, shots: shots_done, .. } = attempt;
                    self.give(now, Command::Finished { allocation: id, outcome, shots_done });
                }
            }
            Due::Stopped(id) => {
                if let Some(Attempt { started, duration, shots, .. }) = self.attempts.get(&id).copied() {
                    let done =
                        u128::from(now.since(started).0) * u128::from(shots) / u128::from(duration.0.max(1));
                    let shots_done = (done as u64).min(shots);
                    self.give(now, Command::StopAcknowledged { allocation: id, shots_done });
                }
            }
            Due::Outside(index, moved) => self.outside(now, index, moved),
        }
    }

    fn outside(&mut self, now: Time, index: usize, moved: bool) {
        let (recorded_at, command) = &self.record.outside[index];
        let Some(device) = device_of(command) else {
            self.give(now, command.clone());
            return;
        };
        let delay = self.delays.entry(device).or_default();
        if !delay.held.is_empty() {
            delay.held.push_back(index);
            return;
        }
        if !moved && delay.by > Span::ZERO {
            let at = *recorded_at + delay.by;
            self.schedule(at, class::OUTSIDE, Due::Outside(index, true));
            return;
        }
        match self.give(now, command.clone()) {
            Some(CommandError::Busy(_)) => {
                self.left_out -= 1;
                self.delays.entry(device).or_default().held.push_back(index);
            }
            _ if matches!(command, Command::SetStatus { status: Status::Online, .. }) => {
                self.delays.entry(device).or_default().by = Span::ZERO;
            }
            _ => {}
        }
    }

    /// A device that has become idle goes on with what was held.
    fn resume(&mut self, now: Time, device: DeviceId) {
        let Some(delay) = self.delays.get_mut(&device) else { return };
        if delay.running > 0 {
            return;
        }
        let held = std::mem::take(&mut delay.held);
        let Some(first) = held.front() else { return };
        let by = now.since(self.record.outside[*first].0);
        delay.by = by;
        for index in held {
            let at = self.record.outside[index].0 + by;
            self.schedule(at, class::OUTSIDE, Due::Outside(index, true));
        }
    }

    /// Hands a command to the core, and does what its events call for.
    fn give(&mut self, now: Time, command: Command) -> Option<CommandError> {
        let mut events = Vec::new();
        if let Err(error) = self.core.handle(now, command, &mut events) {
            self.left_out += 1;
            return Some(error);
        }
        for event in &events {
            match event {
                Event::JobStarted { allocation } => {
                    self.delays.entry(allocation.device).or_default().running += 1;
                    let (duration, outcome, shots) = self.service(allocation.job, allocation.attempt);
                    let attempt = Attempt { started: now, duration, outcome, shots, stopping: false };
                    self.attempts.insert(allocation.id, attempt);
                    self.schedule(now + duration, class::RELEASE, Due::Ends(allocation.id));
                }
                Event::StopRequested { job, allocation, .. } => {
                    let recorded = self.record.courses.jobs.get(job).and_then(|course| course.stop_delay);
                    let at = now + recorded.unwrap_or(Span::ZERO);
                    if let Some(attempt) = self.attempts.get_mut(allocation) {
                        attempt.stopping = true;
                    }
                    self.schedule(at, class::RELEASE, Due::Stopped(*allocation));
                }
                Event::JobRequeued { allocation, .. }
                | Event::JobFinished { allocation, .. }
                | Event::JobFailed { allocation, .. }
                | Event::JobCancelled { allocation: Some(allocation), .. } => {
                    self.attempts.swap_remove(allocation);
                    let course = self.courses.of(*allocation);
                    if let Some(device) = course.and_then(|course| Some(course.allocation.as_ref()?.device)) {
                        let delay = self.delays.entry(device).or_default();
                        delay.running = delay.running.saturating_sub(1);
                        self.resume(now, device);
                    }
                }
                _ => {}
            }
            self.courses.observe(now, event);
        }
        None
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

/// The device that a command is about as a whole.
fn device_of(command: &Command) -> Option<DeviceId> {
    match command {
        Command::RemoveDevice { device } | Command::Recalibrate { device, .. } => Some(*device),
        Command::SetStatus { target: Target::Device(device), .. } => Some(*device),
        _ => None,
    }
}

fn changes(recorded: &Courses, driver: &Driver<'_>) -> Changes {
    let now = &driver.courses;
    let mut all = Changes {
        jobs: recorded.jobs.len() as u64,
        recorded: recorded.side(),
        now: now.side(),
        estimated: driver.estimated,
        left_out: driver.left_out,
        ..Changes::default()
    };
    let (mut earlier_s, mut later_s) = (0.0, 0.0);
    for (id, before) in &recorded.jobs {
        let Some(after) = now.jobs.get(id) else { continue };
        match (before.first_start, after.first_start) {
            (Some(then), Some(start)) if start < then => {
                all.earlier.jobs += 1;
                earlier_s += then.since(start).as_secs_f64();
            }
            (Some(then), Some(start)) if start > then => {
                all.later.jobs += 1;
                later_s += start.since(then).as_secs_f64();
            }
            (Some(_), None) => all.only_recorded += 1,
            (None, Some(_)) => all.only_now += 1,
            _ => {}
        }
        if let (Some(then), Some(place)) = (&before.allocation, &after.allocation) {
            all.other_device += u64::from(then.device != place.device);
            all.other_qubits += u64::from(then.device == place.device && then.layout != place.layout);
        }
        let state = |ended: Option<Ended>| ended.map(|(state, _)| state);
        let (then, state) = (state(before.ended), state(after.ended));
        if then != state {
            match all.states.iter_mut().find(|(from, to, _)| (*from, *to) == (then, state)) {
                Some((_, _, count)) => *count += 1,
                None => all.states.push((then, state, 1)),
            }
        }
    }
    all.states.sort_unstable();
    let mean = |total: f64, jobs: u64| (jobs > 0).then(|| total / jobs as f64);
    all.earlier.mean_s = mean(earlier_s, all.earlier.jobs);
    all.later.mean_s = mean(later_s, all.later.jobs);
    all
}
