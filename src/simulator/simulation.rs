//! The event loop: one replication of a scenario, driven through the production core with a simulated clock.
//!
//! Promises that everything outside the core's decisions (arrivals, attributes, failures, drift) depends on the seed
//! alone, and the order at one instant that the core asks for. Leaves statistics over replications to
//! [`crate::experiment`].
//!
//! Reading order: [`Simulation::run`] (the loop), `happen` (what the agenda brings), `command` and `react` (what the
//! core answers), then the three stories: arrivals, outages, calibrations.

use std::collections::VecDeque;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::agenda::{Agenda, Ticket};
use super::job_book::{JobBook, Planned};
use super::program::{PlacedProgram, Programs};
use super::scenario::{Horizon, Scenario, WarmUp};
use super::site::{CalibrationPhase, Site};
use super::traces::Traces;
use super::workload::jobs::PlannedOutcome;
use super::workload::{Arrival, ArrivalStream, Workload};
use crate::allocator::Allocator;
use crate::allocator::job::{FinalState, JobId, JobRequest};
use crate::allocator::messages::{
    self, Allocation, AllocationId, Command, CommandError, Event, Outcome, StatusReason,
};
use crate::allocator::placement::PlacementStrategy;
use crate::observe::Observer;
use crate::observe::metrics::{MetricsOptions, TimelineSample};
use crate::quantum::device::DeviceSpec;
use crate::quantum::hardware::failures::{
    ActiveOutages, Effect, FailureCalendar, FailureModel, Outage, Target,
};
use crate::quantum::hardware::{Hardware, HardwareError};
use crate::quantum::success::success_probability;
use crate::quantum::{DeviceId, hardware::truth::true_success};
use crate::random::{Purpose, StreamFamily};
use crate::time::{Span, Time};

/// The order at one instant, see "Order at one instant" in the architecture guide.
mod class {
    pub const RELEASE: u8 = 0;
    pub const REPAIR: u8 = 1;
    pub const FAILURE: u8 = 2;
    pub const CALIBRATION: u8 = 3;
    pub const ARRIVAL: u8 = 4;
    /// The scheduling pass is not on the agenda: it runs between the classes before and after it.
    pub const PASS: u8 = 5;
    pub const SAMPLE: u8 = 6;
    pub const END: u8 = 7;
}

/// A run that drains ends at the latest so long after its last arrival, whoever still waits.
const LONGEST_DRAIN: Span = Span::from_secs(400 * 86_400);

/// What is on the agenda.
#[derive(Debug, Clone, Copy)]
enum Happening {
    AttemptEnds(AllocationId),
    StopDone(AllocationId),
    Cancel(JobId),
    Arrival(Arrival),
    Joins(u32),
    Leaves(u32),
    OutageBegins(Outage),
    OutageEnds(Outage),
    CalibrationDue(u32),
    CalibrationEnds(u32),
    StartMeasuring,
    Sample,
    End,
}

/// A running attempt as the hardware sees it.
#[derive(Debug)]
struct Attempt {
    allocation: Arc<Allocation>,
    program: PlacedProgram,
    execution: Span,
    outcome: Outcome,
    ticket: Ticket,
    /// Crosstalk factor of each of its couplers when it started.
    factors: Vec<f64>,
}

/// Watches how long parts of the run take; the simulation itself has no clock.
pub trait Probe {
    /// A part begins.
    fn enter(&mut self);
    /// It ended.
    fn leave(&mut self, part: Part);
}

/// A part of a run that a probe is told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The core handles a scheduling pass.
    Pass,
    /// The core handles any other command.
    Command,
    /// Events are audited, measured and traced.
    Observation,
}

/// What is kept of a run for plots.
#[derive(Debug, Default)]
pub struct Collected {
    /// All samples of the timeline.
    pub timeline: Vec<TimelineSample>,
    /// All jobs that ended.
    pub jobs: Vec<JobPoint>,
}

/// A job that ended, as a point in plots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobPoint {
    /// Where it ran last.
    pub device: Option<DeviceId>,
    /// When it ended.
    pub ended: Time,
    /// Time from its submission to its first start.
    pub waited: Option<Span>,
    /// Predicted and true success probability, if it was completed.
    pub fidelity: Option<(f64, f64)>,
}

/// Wraps a placement strategy, to watch it.
pub type WrapStrategy = Box<dyn FnOnce(Box<dyn PlacementStrategy>) -> Box<dyn PlacementStrategy>>;

/// What a run is made with beyond the scenario.
#[derive(Default)]
pub struct Instruments<'p> {
    /// Where to write what happened; `None` for no traces.
    pub traces: Option<Traces>,
    /// Who watches how long the core takes.
    pub probe: Option<&'p mut dyn Probe>,
    /// Wraps the placement strategy, to watch it.
    pub wrap_strategy: Option<WrapStrategy>,
    /// Whether to keep what plots need.
    pub collect: bool,
    /// Told from time to time: jobs that have arrived, and the simulated time.
    pub progress: Option<&'p dyn Fn(u64, Time)>,
}

/// What a run leaves.
#[derive(Debug)]
pub struct Outcomes {
    /// All metrics, and the auditor with what it found.
    pub observer: Observer,
    /// Jobs that arrived.
    pub arrivals: u64,
    /// Jobs that had not ended.
    pub unfinished: u64,
    /// Simulated time of the end.
    pub ended: Time,
    /// The traces, if there were any, not yet flushed.
    pub traces: Option<Traces>,
    /// What plots need, if it was to be kept.
    pub collected: Option<Collected>,
}

/// Why a run could not be completed.
#[derive(Debug, thiserror::Error)]
pub enum SimulationError {
    /// A device cannot be simulated as configured.
    #[error("{device}: {source}")]
    Hardware {
        /// Name of the device.
        device: String,
        /// Why.
        source: HardwareError,
    },
    /// The configuration of the core is not valid.
    #[error("allocator: {0}")]
    Config(#[from] crate::allocator::config::ConfigError),
    /// The failures do not fit the fleet.
    #[error("failures: {0}")]
    Failures(#[from] crate::quantum::hardware::failures::FailureError),
    /// The core refused a command of the simulator, which is a defect of the program.
    #[error(
        "at {now} the core refused a command of the simulator: {source} (this is a defect; please report it)"
    )]
    Refused {
        /// When.
        now: Time,
        /// Why.
        source: CommandError,
    },
    /// Jobs or qubit-seconds were lost or made, which is a defect of the program.
    #[error("the books do not balance: {0} (this is a defect; please report it)")]
    Books(String),
    /// The traces could not be written.
    #[error("cannot write the traces: {0}")]
    Traces(#[from] std::io::Error),
}

/// One replication under way.
pub struct Simulation<'s, 'p> {
    scenario: &'s Scenario,
    replication: u32,
    now: Time,
    core: Allocator,
    agenda: Agenda<Happening>,
    sites: Vec<Site>,
    calendar: FailureCalendar,
    outages: ActiveOutages,
    stream: ArrivalStream,
    attributes: StreamFamily,
    arrivals: u64,
    /// No more jobs will come.
    exhausted: bool,
    /// One device of each speed, to know how long a job takes at most.
    speeds: Vec<usize>,
    jobs: JobBook,
    attempts: IndexMap<AllocationId, Attempt, FxBuildHasher>,
    programs: Programs,
    observer: Observer,
    traces: Option<Traces>,
    probe: Option<&'p mut dyn Probe>,
    collected: Option<Collected>,
    progress: Option<&'p dyn Fn(u64, Time)>,
    /// Commands that the reactions to events call for, in order.
    todo: VecDeque<Command>,
    events: Vec<Event>,
    factors: Vec<f64>,
    ended: bool,
}

impl<'s, 'p> Simulation<'s, 'p> {
    /// Sets up replication `replication` of a scenario.
    pub fn new(
        scenario: &'s Scenario,
        replication: u32,
        instruments: Instruments<'p>,
    ) -> Result<Self, SimulationError> {
        let streams = |purpose| StreamFamily::new(scenario.seed, replication, purpose);
        let mut core = Allocator::new(scenario.allocator.clone(), streams(Purpose::DeviceSelection))?;
        if let Some(wrap) = instruments.wrap_strategy {
            core = core.map_strategy(wrap);
        }
        let mut sites = Vec::with_capacity(scenario.fleet.len());
        for device in &scenario.fleet {
            let spec = device.spec.clone();
            let hardware = Hardware::new(&scenario.hardware, spec, device.id, scenario.seed, replication)
                .map_err(|source| SimulationError::Hardware { device: device.spec.name.clone(), source })?;
            sites.push(Site::new(device.id, hardware));
        }
        let specs: Vec<(DeviceId, &DeviceSpec)> =
            scenario.fleet.iter().map(|device| (device.id, &*device.spec)).collect();
        let calendar = FailureModel::new(&scenario.failures, &specs)?.calendar(streams(Purpose::Failures));
        let mut speeds: Vec<usize> = Vec::new();
        for (index, (_, spec)) in specs.iter().enumerate() {
            if !speeds.iter().any(|known| specs[*known].1.speed == spec.speed) {
                speeds.push(index);
            }
        }
        Ok(Self {
            replication,
            now: Time::ZERO,
            core,
            agenda: Agenda::new(),
            sites,
            calendar,
            outages: ActiveOutages::default(),
            stream: scenario.workload.arrivals(scenario.seed, replication),
            attributes: Workload::attributes(scenario.seed, replication),
            arrivals: 0,
            exhausted: false,
            speeds,
            jobs: JobBook::default(),
            attempts: IndexMap::default(),
            programs: Programs::default(),
            observer: Observer::new(MetricsOptions { fragmentation: scenario.output.fragmentation }),
            traces: instruments.traces,
            probe: instruments.probe,
            collected: instruments.collect.then(Collected::default),
            progress: instruments.progress,
            todo: VecDeque::new(),
            events: Vec::new(),
            factors: Vec::new(),
            ended: false,
            scenario,
        })
    }

    /// Runs to the end.
    pub fn run(mut self) -> Result<Outcomes, SimulationError> {
        self.set_up()?;
        while !self.ended {
            let wakeup = self.core.next_wakeup();
            let next = self.agenda.peek();
            let wake_first = match (wakeup, next) {
                (None, None) => break,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(wake), Some((at, class))) => (wake, class::PASS) < (at, class),
            };
            if wake_first {
                self.now = wakeup.unwrap_or(self.now).max(self.now);
                self.command(Command::Wake)?;
            } else if let Some((at, _, happening)) = self.agenda.pop() {
                self.now = at;
                self.happen(happening)?;
            }
            if self.exhausted && self.scenario.drain && self.jobs.live() == 0 {
                break;
            }
        }
        self.observer.finish(self.now);
        self.observer
            .metrics
            .check_conservation()
            .map_err(|error| SimulationError::Books(error.to_string()))?;
        if let Some(traces) = &mut self.traces {
            for planned in self.jobs.into_live() {
                traces.job(&planned, None, self.now, None)?;
            }
        }
        Ok(Outcomes {
            unfinished: self.core.jobs().count() as u64,
            observer: self.observer,
            arrivals: self.arrivals,
            ended: self.now,
            traces: self.traces,
            collected: self.collected,
        })
    }

    fn set_up(&mut self) -> Result<(), SimulationError> {
        for device in &self.scenario.fleet {
            let index = device.id.0;
            if device.joins == Time::ZERO {
                self.join(index)?;
            } else {
                self.agenda.schedule(device.joins, class::REPAIR, Happening::Joins(index));
            }
            if let Some(leaves) = device.leaves {
                self.agenda.schedule(leaves, class::FAILURE, Happening::Leaves(index));
            }
        }
        self.schedule_next_outage();
        self.schedule_next_arrival();
        match self.scenario.warm_up {
            WarmUp::None => self.observer.metrics.start_measuring(Time::ZERO),
            WarmUp::Time(span) => {
                self.agenda.schedule(Time::ZERO + span, class::SAMPLE, Happening::StartMeasuring);
            }
            WarmUp::Jobs(_) => {}
        }
        let every = self.scenario.output.timeline_every;
        self.agenda.schedule(Time::ZERO + every, class::SAMPLE, Happening::Sample);
        if let Horizon::Time(span) = self.scenario.horizon {
            let last = if self.scenario.drain { span + LONGEST_DRAIN } else { span };
            self.agenda.schedule(Time::ZERO + last, class::END, Happening::End);
        }
        Ok(())
    }

    fn happen(&mut self, happening: Happening) -> Result<(), SimulationError> {
        match happening {
            Happening::AttemptEnds(id) => self.attempt_ends(id),
            Happening::StopDone(id) => self.stop_done(id),
            Happening::Cancel(job) => self.command(Command::Cancel { job }),
            Happening::Arrival(arrival) => self.arrive(arrival),
            Happening::Joins(index) => self.join(index),
            Happening::Leaves(index) => self.leave(index),
            Happening::OutageBegins(outage) => self.outage_begins(outage),
            Happening::OutageEnds(outage) => self.outage_ends(&outage),
            Happening::CalibrationDue(index) => self.calibration_due(index),
            Happening::CalibrationEnds(index) => self.calibration_ends(index),
            Happening::StartMeasuring => {
                self.observer.metrics.start_measuring(self.now);
                Ok(())
            }
            Happening::Sample => self.sample(),
            Happening::End => {
                self.ended = true;
                Ok(())
            }
        }
    }

    /// Hands a command to the core, then what its events call for.
    fn command(&mut self, command: Command) -> Result<(), SimulationError> {
        self.todo.push_back(command);
        self.flush()
    }

    /// Hands over all commands that are due.
    fn flush(&mut self) -> Result<(), SimulationError> {
        while let Some(command) = self.todo.pop_front() {
            let part = if matches!(command, Command::Wake) { Part::Pass } else { Part::Command };
            let mut events = std::mem::take(&mut self.events);
            if let Some(probe) = &mut self.probe {
                probe.enter();
            }
            let handled = self.core.handle(self.now, command, &mut events);
            if let Some(probe) = &mut self.probe {
                probe.leave(part);
            }
            handled.map_err(|source| SimulationError::Refused { now: self.now, source })?;
            if let Some(probe) = &mut self.probe {
                probe.enter();
            }
            for event in &events {
                self.observer.observe(self.now, event);
                if let Some(traces) = &mut self.traces {
                    traces.event(self.now, event)?;
                }
            }
            if let Some(probe) = &mut self.probe {
                probe.leave(Part::Observation);
            }
            for event in events.drain(..) {
                self.react(event)?;
            }
            self.events = events;
        }
        Ok(())
    }

    /// Does to the hardware what an event of the core means for it.
    fn react(&mut self, event: Event) -> Result<(), SimulationError> {
        match event {
            Event::JobStarted { allocation } => self.start_attempt(allocation),
            Event::StopRequested { allocation, .. } => {
                self.stop_attempt(allocation);
                Ok(())
            }
            Event::JobRequeued { allocation, .. } => {
                self.end_attempt(allocation, false);
                Ok(())
            }
            Event::JobFinished { job, allocation, .. } => {
                let fidelity = self.end_attempt(allocation, true);
                self.end_job(job, FinalState::Completed, fidelity)
            }
            Event::JobFailed { job, allocation, .. } => {
                self.end_attempt(allocation, false);
                self.end_job(job, FinalState::Failed, None)
            }
            Event::JobCancelled { job, allocation } => {
                if let Some(allocation) = allocation {
                    self.end_attempt(allocation, false);
                }
                self.end_job(job, FinalState::Cancelled, None)
            }
            Event::JobExpired { job, .. } => self.end_job(job, FinalState::Expired, None),
            Event::JobRejected { job, .. } => self.end_job(job.id, FinalState::Rejected, None),
            Event::DeviceRegistered { .. }
            | Event::DeviceRemoved { .. }
            | Event::Recalibrated { .. }
            | Event::StatusChanged { .. }
            | Event::JobQueued { .. }
            | Event::JobHeld { .. }
            | Event::JobReleased { .. }
            | Event::JobTransferred { .. }
            | Event::ShotsCredited { .. }
            | Event::GuardStarted { .. }
            | Event::GuardEnded { .. }
            | Event::PassEnded { .. } => Ok(()),
        }
    }

    fn sample(&mut self) -> Result<(), SimulationError> {
        let samples = self.observer.metrics.sample(self.now);
        if let Some(collected) = &mut self.collected {
            collected.timeline.extend_from_slice(samples);
        }
        if let Some(traces) = &mut self.traces {
            traces.timeline(samples)?;
        }
        let every = self.scenario.output.timeline_every;
        self.agenda.schedule(self.now + every, class::SAMPLE, Happening::Sample);
        Ok(())
    }
}

/// Arrivals, attempts and ends of jobs.
impl Simulation<'_, '_> {
    fn schedule_next_arrival(&mut self) {
        let next = match self.scenario.horizon {
            Horizon::Jobs(jobs) => self.stream.next().filter(|_| self.arrivals < jobs),
            Horizon::Time(span) => self.stream.next().filter(|arrival| arrival.at < Time::ZERO + span),
        };
        if let Some(arrival) = next {
            self.agenda.schedule(arrival.at, class::ARRIVAL, Happening::Arrival(arrival));
            return;
        }
        self.exhausted = true;
        if matches!(self.scenario.horizon, Horizon::Jobs(_)) {
            let end = if self.scenario.drain { self.now + LONGEST_DRAIN } else { self.now };
            self.agenda.schedule(end, class::END, Happening::End);
        }
    }

    fn arrive(&mut self, arrival: Arrival) -> Result<(), SimulationError> {
        let number = self.arrivals;
        self.arrivals += 1;
        if let WarmUp::Jobs(jobs) = self.scenario.warm_up
            && number == jobs
        {
            self.observer.metrics.start_measuring(self.now);
        }
        let generated = self.scenario.workload.draw(&self.attributes, arrival, number);
        let mut request = generated.request;
        if let Some(factor) = generated.walltime_factor {
            request.estimated_duration = Some(self.walltime(&request, generated.execution_time, factor));
        }
        let request = Arc::new(request);
        let mut error_at = None;
        match generated.outcome {
            PlannedOutcome::Completes => {}
            PlannedOutcome::FailsAt(share) => error_at = Some(share),
            PlannedOutcome::CancelledAfter(delay) => {
                self.agenda.schedule(self.now + delay, class::RELEASE, Happening::Cancel(request.id));
            }
        }
        self.jobs.insert(Planned {
            request: request.clone(),
            submitted: self.now,
            source: arrival.source,
            template: generated.template,
            execution_time: generated.execution_time,
            error_at,
            first_start: None,
            last_start: None,
            attempts: 0,
            allocation: None,
            execution: Span::ZERO,
        });
        self.command(Command::Submit(request))?;
        if number.is_multiple_of(1024)
            && let Some(progress) = self.progress
        {
            progress(self.arrivals, self.now);
        }
        self.schedule_next_arrival();
        Ok(())
    }

    /// A walltime of so many times what the job takes on the slowest device of the fleet: its owner does not know
    /// yet where it will run.
    fn walltime(&self, request: &JobRequest, own: Option<Span>, factor: f64) -> Span {
        let on = |index: &usize| {
            let hardware = &self.sites[*index].hardware;
            hardware.execution_time(request.circuits, request.shots, request.depth, own)
        };
        let slowest = self.speeds.iter().map(on).max().unwrap_or(Span::ZERO);
        Span::from_secs_f64(slowest.as_secs_f64() * factor)
    }

    fn start_attempt(&mut self, allocation: Arc<Allocation>) -> Result<(), SimulationError> {
        let site = &mut self.sites[allocation.device.index()];
        let planned = self.jobs.started(allocation.job, &allocation, self.now);
        let request = &planned.request;
        let own = planned.execution_time;
        let whole = site.hardware.execution_time(request.circuits, request.shots, request.depth, own);
        let slow = self.outages.slowdown(site.id);
        let whole = if slow == 1.0 { whole } else { Span::from_secs_f64(whole.as_secs_f64() * slow) };
        let (execution, outcome) = match planned.error_at {
            Some(share) => (Span((whole.0 as f64 * share) as u64), Outcome::Error),
            None => (whole, Outcome::Success),
        };
        let mut program = PlacedProgram::default();
        let mut factors = Vec::new();
        if self.scenario.output.fidelity {
            let spec = site.hardware.spec();
            program = self.programs.place(request, &allocation.layout, &spec.coupling_map, &site.published);
            site.crosstalk(program.coupler_ids(), &mut factors);
            site.drive(program.coupler_ids());
        }
        site.running += 1;
        let id = allocation.id;
        let ticket = self.agenda.schedule(self.now + execution, class::RELEASE, Happening::AttemptEnds(id));
        self.attempts.insert(id, Attempt { allocation, program, execution, outcome, ticket, factors });
        Ok(())
    }

    fn attempt_ends(&mut self, id: AllocationId) -> Result<(), SimulationError> {
        let Some(attempt) = self.attempts.get(&id) else { return Ok(()) };
        let outcome = attempt.outcome;
        let shots_done = self.shots_done(attempt);
        self.command(Command::Finished { allocation: id, outcome, shots_done })
    }

    /// Shots done by now, taking them to be spread evenly over the attempt.
    fn shots_done(&self, attempt: &Attempt) -> u64 {
        let Some(planned) = self.jobs.get(attempt.allocation.job) else { return 0 };
        let all = planned.request.shots.saturating_mul(u64::from(planned.request.circuits));
        if attempt.outcome == Outcome::Success && self.now >= attempt.allocation.started + attempt.execution {
            return all;
        }
        let elapsed = u128::from(self.now.since(attempt.allocation.started).0);
        let done = elapsed * u128::from(all) / u128::from(attempt.execution.0.max(1));
        (done as u64).min(all)
    }

    /// The device stops an attempt at the end of the shot that is under way.
    fn stop_attempt(&mut self, id: AllocationId) {
        let Some(attempt) = self.attempts.get(&id) else { return };
        self.agenda.cancel(attempt.ticket);
        let planned = self.jobs.get(attempt.allocation.job);
        let shots =
            planned.map_or(1, |job| job.request.shots.saturating_mul(u64::from(job.request.circuits)));
        let shot = (attempt.execution.0 / shots.max(1)).max(1);
        let elapsed = self.now.since(attempt.allocation.started).0;
        let rest = shot - elapsed % shot;
        let ticket = self.agenda.schedule(self.now + Span(rest), class::RELEASE, Happening::StopDone(id));
        if let Some(attempt) = self.attempts.get_mut(&id) {
            attempt.ticket = ticket;
        }
    }

    fn stop_done(&mut self, id: AllocationId) -> Result<(), SimulationError> {
        let Some(attempt) = self.attempts.get(&id) else { return Ok(()) };
        let shots_done = self.shots_done(attempt);
        self.command(Command::StopAcknowledged { allocation: id, shots_done })
    }

    /// The hardware no longer works for an attempt. Returns its predicted and true success if it was completed.
    fn end_attempt(&mut self, id: AllocationId, completed: bool) -> Option<(f64, f64)> {
        let attempt = self.attempts.swap_remove(&id)?;
        self.agenda.cancel(attempt.ticket);
        let site = &mut self.sites[attempt.allocation.device.index()];
        site.running -= 1;
        self.jobs.attempt_ended(attempt.allocation.job, self.now);
        let mut fidelity = None;
        if self.scenario.output.fidelity {
            site.release(attempt.program.coupler_ids());
            if completed {
                // Neighbours come and go: the mean of the factors at the start and at the end stands for the whole run.
                site.crosstalk(attempt.program.coupler_ids(), &mut self.factors);
                for (end, start) in self.factors.iter_mut().zip(&attempt.factors) {
                    *end = 0.5 * (*end + *start);
                }
                let predicted = success_probability(&site.published, &attempt.program.on(&site.published));
                let truth = site.hardware.truth(self.now);
                let actual = true_success(truth, &attempt.program.on(truth), &self.factors);
                fidelity = Some((predicted, actual));
            }
        }
        if site.phase == CalibrationPhase::Draining && site.running == 0 && !site.down {
            let index = attempt.allocation.device.0;
            self.start_calibration(index);
        }
        fidelity
    }

    fn end_job(
        &mut self,
        job: JobId,
        state: FinalState,
        fidelity: Option<(f64, f64)>,
    ) -> Result<(), SimulationError> {
        if let Some((predicted, actual)) = fidelity {
            self.observer.metrics.record_fidelity(job, predicted, actual);
        }
        let Some(planned) = self.jobs.remove(job) else { return Ok(()) };
        if let Some(collected) = &mut self.collected {
            collected.jobs.push(JobPoint {
                device: planned.allocation.as_ref().map(|allocation| allocation.device),
                ended: self.now,
                waited: planned.first_start.map(|start| start.since(planned.submitted)),
                fidelity,
            });
        }
        if let Some(traces) = &mut self.traces {
            traces.job(&planned, Some(state), self.now, fidelity)?;
        }
        Ok(())
    }
}

/// Devices that come, go, fail and are repaired.
impl Simulation<'_, '_> {
    fn join(&mut self, index: u32) -> Result<(), SimulationError> {
        let id = DeviceId(index);
        let site = &mut self.sites[id.index()];
        let spec = site.hardware.spec().clone();
        site.joined();
        self.command(Command::RegisterDevice { device: id, spec })?;
        self.tell(index, StatusReason::Fault)?;
        let spec = self.sites[id.index()].hardware.spec();
        if let Some(first) = self.scenario.calibration.first_due(spec, id.index(), self.sites.len()) {
            let at = self.now + first.since(Time::ZERO);
            self.agenda.schedule(at, class::CALIBRATION, Happening::CalibrationDue(index));
        }
        Ok(())
    }

    fn leave(&mut self, index: u32) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        site.member = false;
        site.phase = CalibrationPhase::Idle;
        self.command(Command::RemoveDevice { device: DeviceId(index) })
    }

    fn schedule_next_outage(&mut self) {
        if let Some(outage) = self.calendar.next() {
            self.agenda.schedule(outage.from, class::FAILURE, Happening::OutageBegins(outage));
        }
    }

    fn outage_begins(&mut self, outage: Outage) -> Result<(), SimulationError> {
        self.schedule_next_outage();
        if let Some(traces) = &mut self.traces {
            traces.outage(self.now, &outage)?;
        }
        let index = outage.target.device().index();
        if let Effect::Drift(factor) = outage.effect {
            self.sites[index].hardware.truth(self.now);
            self.sites[index].hardware.drift_mut().shift_errors(factor);
        }
        if outage.until < Time::MAX {
            self.agenda.schedule(outage.until, class::REPAIR, Happening::OutageEnds(outage));
        }
        if self.outages.begin(outage) { self.element_changed(outage.target, true) } else { Ok(()) }
    }

    fn outage_ends(&mut self, outage: &Outage) -> Result<(), SimulationError> {
        if self.outages.end(outage) { self.element_changed(outage.target, false) } else { Ok(()) }
    }

    /// A device, qubit or coupler goes down or comes up.
    fn element_changed(&mut self, target: Target, down: bool) -> Result<(), SimulationError> {
        let reason = if down { StatusReason::Fault } else { StatusReason::Repair };
        let status = if down { messages::Status::Offline } else { messages::Status::Online };
        let site = &mut self.sites[target.device().index()];
        let target = match target {
            Target::Device(id) => {
                site.down = down;
                if down && site.phase == CalibrationPhase::Measuring {
                    // What was measured so far is lost; it begins again after the repair.
                    site.phase = CalibrationPhase::Draining;
                }
                self.tell(id.0, reason)?;
                let site = &self.sites[id.index()];
                if !down && site.phase == CalibrationPhase::Draining && site.running == 0 {
                    self.start_calibration(id.0);
                    return self.flush();
                }
                return Ok(());
            }
            Target::Qubit(id, qubit) => messages::Target::Qubit(id, qubit),
            Target::Coupler(id, coupler) => messages::Target::Coupler(id, coupler),
        };
        if site.member { self.command(Command::SetStatus { target, status, reason }) } else { Ok(()) }
    }

    /// Tells the core the status of a device if it has changed.
    fn tell(&mut self, index: u32, reason: StatusReason) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        if !site.member {
            return Ok(());
        }
        let Some((status, reason)) = site.news(reason) else { return Ok(()) };
        let target = messages::Target::Device(DeviceId(index));
        self.command(Command::SetStatus { target, status, reason })
    }
}

/// Calibrations: a device is drained, measured, and its figures are published.
impl Simulation<'_, '_> {
    fn calibration_due(&mut self, index: u32) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        if !site.member || site.phase != CalibrationPhase::Idle {
            return Ok(());
        }
        site.phase = CalibrationPhase::Draining;
        let ready = site.running == 0 && !site.down;
        self.tell(index, StatusReason::Calibration)?;
        if ready {
            self.start_calibration(index);
            self.flush()?;
        }
        Ok(())
    }

    /// The last job has left a draining device.
    fn start_calibration(&mut self, index: u32) {
        let site = &mut self.sites[index as usize];
        site.phase = CalibrationPhase::Measuring;
        let streams = StreamFamily::new(self.scenario.seed, self.replication, Purpose::Calibration);
        // The top bit keeps these draws apart from the measurement noise of the same calibration.
        let mut stream = streams.stream(u64::from(index), site.calibrations | 1 << 63);
        let duration = self.scenario.calibration.duration.draw(&mut stream);
        self.agenda.schedule(self.now + duration, class::CALIBRATION, Happening::CalibrationEnds(index));
        if let Some((status, reason)) = site.news(StatusReason::Calibration) {
            let target = messages::Target::Device(DeviceId(index));
            self.todo.push_back(Command::SetStatus { target, status, reason });
        }
    }

    fn calibration_ends(&mut self, index: u32) -> Result<(), SimulationError> {
        let site = &mut self.sites[index as usize];
        if !site.member || site.phase != CalibrationPhase::Measuring {
            return Ok(());
        }
        let calibration = Arc::new(site.hardware.calibrate(self.now, site.calibrations));
        site.calibrations += 1;
        site.published = calibration.clone();
        site.phase = CalibrationPhase::Idle;
        if let Some(interval) = self.scenario.calibration.interval_of(site.hardware.spec()) {
            self.agenda.schedule(self.now + interval, class::CALIBRATION, Happening::CalibrationDue(index));
        }
        self.command(Command::Recalibrate { device: DeviceId(index), calibration })?;
        self.tell(index, StatusReason::Calibration)
    }
}
