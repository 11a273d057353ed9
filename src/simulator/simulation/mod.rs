//! The event loop: one replication of a scenario, driven through the production core with a simulated clock.
//!
//! Promises that everything outside the core's decisions (arrivals, attributes, failures, drift) depends on the seed
//! alone, and the order at one instant that the core asks for. Leaves statistics over replications to
//! [`crate::experiment`].
//!
//! Reading order: [`Simulation::run`] (the loop), `happen` (what the agenda brings), `command` and `react` (what the
//! core answers), then the stories: `attempts` (jobs) and `devices` (outages, calibrations);
//! `instruments` is what a run is made with and what it leaves.

mod attempts;
mod devices;
mod ending;
mod estimates;
mod happening;
mod instruments;
mod progress;

pub use instruments::{Alter, Collected, Instruments, JobPoint, Outcomes, Part, Probe, Watch, WrapStrategy};
pub use progress::Ending;

use std::collections::VecDeque;
use std::fmt::Display;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::job_book::JobBook;
use super::program::{Copies, Programs};
use super::scenario::{Horizon, Scenario, WarmUp};
use super::site::Site;
use super::traces::Traces;
use super::wait_tally::WaitTally;
use super::workload::{ArrivalStream, Workload};
use crate::agenda::{Agenda, Ticket};
use crate::allocator::Allocator;
use crate::allocator::protocol::{
    Allocation, AllocationId, Command, CommandError, Event, FinalState, Outcome, Rejection,
};
use crate::forward::{Effort, Forecaster};
use crate::observe::Observer;
use crate::observe::journal;
use crate::observe::metrics::MetricsOptions;
use crate::quantum::DeviceId;
use crate::quantum::device::DeviceSpec;
use crate::quantum::hardware::failures::{ActiveOutages, FailureCalendar, FailureModel};
use crate::quantum::hardware::{Hardware, HardwareError};
use crate::random::{Purpose, StreamFamily};
use crate::time::{Span, Time};
use happening::{Happening, class, moves_jobs};
use progress::Progress;

/// After so many samples the time between two samples doubles, and again after as many: a run whose length nobody
/// knows must not fill the disk with its timeline.
const SAMPLES_PER_RATE: u64 = 20_000;

/// A running attempt as the hardware sees it.
#[derive(Debug)]
struct Attempt {
    allocation: Arc<Allocation>,
    copies: Copies,
    execution: Span,
    outcome: Outcome,
    ticket: Ticket,
    /// Crosstalk factor of each of its couplers, copy by copy, when it started.
    factors: Vec<f64>,
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
    /// The same after broken promises of the allocator, which explain it.
    #[error(
        "the auditor found {count} broken promise(s) of the allocator, the first: {first}; and {books} (this is a defect; \
         please report it)"
    )]
    Broken {
        /// How many promises.
        count: u64,
        /// The first one.
        first: String,
        /// What does not balance.
        books: String,
    },
    /// Starts cannot be estimated with what the program has handed over.
    #[error(
        "output.estimates: a strategy, selector or order that was handed over as a value cannot be copied into futures; \
         hint: register it under a name"
    )]
    NoCopies,
    /// Something would happen later than time can tell.
    #[error("at {now}: {what} would end more than 584 years after the start, later than times can tell")]
    BeyondTime {
        /// When it would begin.
        now: Time,
        /// What.
        what: String,
    },
    /// The traces, the journal or the world could not be written; the error names the file.
    #[error("cannot write {0}")]
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
    progress_of_run: Progress,
    /// One device of each speed, to know how long a job takes at most.
    speeds: Vec<usize>,
    jobs: JobBook,
    attempts: IndexMap<AllocationId, Attempt, FxBuildHasher>,
    programs: Programs,
    observer: Observer,
    traces: Option<Traces>,
    journal: Option<journal::Writer>,
    probe: Option<&'p mut dyn Probe>,
    collected: Option<Collected>,
    progress: Option<&'p dyn Fn(u64, Time)>,
    /// Commands that the reactions to events call for, in order.
    todo: VecDeque<Command>,
    events: Vec<Event>,
    factors: Vec<f64>,
    /// When the last sample of the timeline was taken.
    sampled: Time,
    samples: u64,
    waits: WaitTally,
    watch: Option<&'p mut dyn Watch>,
    alter: Option<Alter>,
    sample_every: Span,
    measuring: bool,
    forecaster: Option<Box<Forecaster>>,
    estimate_effort: Effort,
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
        if let Some(strategy) = instruments.strategy {
            core = core.with_strategy(strategy);
        }
        if let Some(selector) = instruments.selector {
            core = core.with_selector(selector);
        }
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
        let simulation = Self {
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
            progress_of_run: Progress {
                joining: scenario.fleet.iter().filter(|device| device.joins > Time::ZERO).count() as u64,
                ..Progress::default()
            },
            speeds,
            jobs: JobBook::default(),
            attempts: IndexMap::default(),
            programs: Programs::default(),
            observer: Observer::under(
                &scenario.allocator,
                MetricsOptions {
                    fragmentation: scenario.output.fragmentation,
                    accounts: true,
                    shares: scenario.allocator.shares_count(),
                    tenants: scenario.allocator.tenants.clone(),
                },
            ),
            traces: instruments.traces,
            journal: instruments.journal,
            probe: instruments.probe,
            collected: instruments.collect.then(Collected::default),
            progress: instruments.progress,
            todo: VecDeque::new(),
            events: Vec::new(),
            factors: Vec::new(),
            sampled: Time::ZERO,
            samples: 0,
            waits: WaitTally::default(),
            watch: instruments.watch,
            alter: instruments.alter,
            sample_every: scenario.output.timeline_every,
            measuring: false,
            forecaster: None,
            estimate_effort: Effort::default(),
            scenario,
        };
        simulation.with_forecaster(instruments.estimate_threads)
    }

    /// Runs to the end.
    pub fn run(mut self) -> Result<Outcomes, SimulationError> {
        self.set_up()?;
        let ending = loop {
            if let Some(ending) = self.ends_now() {
                break ending;
            }
            let wakeup = self.core.next_wakeup();
            let next = self.agenda.peek();
            let wake_first = match (wakeup, next) {
                (None, None) => break Ending::Complete,
                (Some(_), None) => true,
                (None, Some(_)) => false,
                (Some(wake), Some((at, class))) => (wake, class::PASS) < (at, class),
            };
            if wake_first {
                self.now = wakeup.unwrap_or(self.now).max(self.now);
                self.command(Command::Wake)?;
            } else if let Some((at, _, happening)) = self.agenda.pop() {
                self.now = at;
                self.progress_of_run.pending -= u64::from(moves_jobs(&happening));
                self.happen(happening)?;
            }
        };
        if self.sampled != self.now {
            // Without it the time since the last sample would be in the metrics and in no chart.
            self.take_sample()?;
        }
        let warmed_up = self.measuring;
        if !warmed_up {
            // Nothing but warm-up: better no figures than those of the wrong interval.
            self.start_measuring();
        }
        if let Some(journal) = self.journal.take() {
            journal.finish(&self.core)?;
        }
        self.observer.finish(self.now);
        if let Some(watch) = &mut self.watch {
            watch.end(self.now, &mut self.core);
        }
        self.check_books()?;
        let mut kept = None;
        for mut planned in self.jobs.into_live() {
            if planned.attempts == 0 {
                planned.waited = self.core.waited(planned.request.id, self.now).unwrap_or_default();
            }
            self.waits.add(&planned);
            let why = self.core.why_waiting(planned.request.id);
            kept = kept.or(why.map(|why| (planned.request.id, why)));
            if let Some(collected) = &mut self.collected {
                // It has waited as long as the metrics say, if it has started.
                collected.jobs.push(JobPoint::of(&planned, self.now, None));
            }
            if let Some(traces) = &mut self.traces {
                traces.job(&planned, None, self.now, None, why.as_ref().map(|why| why as &dyn Display))?;
            }
        }
        Ok(Outcomes {
            unfinished: self.core.jobs().count() as u64,
            warmed_up,
            ending,
            kept,
            search_memory: self.core.search_memory(),
            waits: self.waits,
            estimates: self.estimate_effort,
            observer: self.observer,
            arrivals: self.arrivals,
            ended: self.now,
            traces: self.traces,
            collected: self.collected,
        })
    }

    /// Jobs, waiting time and qubit time must add up. Where they do not because a promise was broken, that is the news.
    fn check_books(&self) -> Result<(), SimulationError> {
        let Err(error) = self.observer.metrics.check_conservation() else { return Ok(()) };
        Err(match self.observer.auditor.violations().first() {
            None => SimulationError::Books(error.to_string()),
            Some(first) => SimulationError::Broken {
                count: self.observer.auditor.total(),
                first: first.to_string(),
                books: error.to_string(),
            },
        })
    }

    /// Puts a happening on the agenda.
    fn schedule(&mut self, at: Time, class: u8, happening: Happening) -> Ticket {
        self.progress_of_run.pending += u64::from(moves_jobs(&happening));
        self.agenda.schedule(at, class, happening)
    }

    /// Takes a happening off the agenda, if it is still on it.
    fn unschedule(&mut self, ticket: Ticket) {
        if let Some(happening) = self.agenda.cancel(ticket) {
            self.progress_of_run.pending -= u64::from(moves_jobs(&happening));
        }
    }

    /// The end of something that begins now.
    fn end_of(&self, span: Span, what: impl FnOnce() -> String) -> Result<Time, SimulationError> {
        let end = self.now.0.checked_add(span.0).filter(|end| *end < u64::MAX);
        end.map(Time).ok_or_else(|| SimulationError::BeyondTime { now: self.now, what: what() })
    }

    fn set_up(&mut self) -> Result<(), SimulationError> {
        for device in &self.scenario.fleet {
            let index = device.id.0;
            if device.joins == Time::ZERO {
                self.join(index)?;
            } else {
                self.schedule(device.joins, class::REPAIR, Happening::Joins(index));
            }
            if let Some(leaves) = device.leaves {
                self.schedule(leaves, class::FAILURE, Happening::Leaves(index));
            }
        }
        self.schedule_next_outage();
        self.schedule_next_arrival();
        match self.scenario.warm_up {
            // Whoever runs replications has replaced `auto` by a time; what runs with it is the pilot.
            WarmUp::None | WarmUp::Auto => self.start_measuring(),
            WarmUp::Time(span) => {
                self.schedule(Time::ZERO + span, class::MEASURE, Happening::StartMeasuring);
            }
            WarmUp::Jobs(_) => {}
        }
        self.schedule(Time::ZERO + self.sample_every, class::SAMPLE, Happening::Sample);
        self.schedule_estimates();
        if let Horizon::Time(span) = self.scenario.horizon {
            self.schedule(Time::ZERO + span, class::END, Happening::HorizonOver);
        }
        Ok(())
    }

    fn start_measuring(&mut self) {
        self.measuring = true;
        self.observer.metrics.start_measuring(self.now);
        if let Some(collected) = &mut self.collected {
            collected.measured_from = self.now;
        }
    }

    fn happen(&mut self, happening: Happening) -> Result<(), SimulationError> {
        match happening {
            Happening::AttemptEnds(id) => self.attempt_ends(id),
            Happening::StopDone(id) => self.stop_done(id),
            // A job that has ended by then ended as it did.
            Happening::Cancel(job) if self.jobs.get(job).is_none() => Ok(()),
            Happening::Cancel(job) => self.command(Command::Cancel { job }),
            Happening::Arrival(arrival) => self.arrive(arrival),
            Happening::Joins(index) => self.join(index),
            Happening::Leaves(index) => self.leave(index),
            Happening::OutageBegins(outage) => self.outage_begins(outage),
            Happening::OutageEnds(outage) => self.outage_ends(&outage),
            Happening::CalibrationDue(index) => self.calibration_due(index),
            Happening::CalibrationWanted(index, number) => self.calibration_wanted(index, number),
            Happening::CalibrationEnds(index) => self.calibration_ends(index),
            Happening::StartMeasuring => {
                self.start_measuring();
                Ok(())
            }
            Happening::Estimate => self.estimate(),
            Happening::Sample => self.sample(),
            Happening::HorizonOver => {
                self.horizon_over();
                Ok(())
            }
            Happening::End => {
                self.drained_long_enough();
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
            if let Some(journal) = &mut self.journal {
                journal.command(self.now, &command)?;
            }
            if let Some(probe) = &mut self.probe {
                probe.enter(part);
            }
            let handled = self.core.handle(self.now, command, &mut events);
            if let Some(probe) = &mut self.probe {
                probe.leave(part);
            }
            handled.map_err(|source| SimulationError::Refused { now: self.now, source })?;
            if let Some(probe) = &mut self.probe {
                probe.enter(Part::Observation);
            }
            if part == Part::Pass {
                self.observer.metrics.count_pass(self.core.last_pass());
            }
            for event in &events {
                self.observer.observe(self.now, event);
                if let Some(traces) = &mut self.traces {
                    traces.event(self.now, event)?;
                }
            }
            if let Some(journal) = &mut self.journal {
                journal.decided(&events)?;
            }
            if let Some(probe) = &mut self.probe {
                probe.leave(Part::Observation);
            }
            if let Some(forecaster) = &mut self.forecaster {
                forecaster.observe(self.now, &self.core, &events);
            }
            if let Some(watch) = &mut self.watch
                && watch.after(self.now, &mut self.core, &events).is_break()
            {
                self.progress_of_run.ending = Some(Ending::Complete);
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
                self.end_job(job, FinalState::Completed, fidelity, None)
            }
            Event::JobFailed { job, allocation, reason } => {
                self.end_attempt(allocation, false);
                self.end_job(job, FinalState::Failed, None, Some(&reason))
            }
            Event::JobCancelled { job, allocation, because_of } => {
                if let Some(allocation) = allocation {
                    self.end_attempt(allocation, false);
                }
                let reason = because_of.map(Rejection::DependencyFailed);
                self.end_job(job, FinalState::Cancelled, None, reason.as_ref().map(|reason| reason as _))
            }
            Event::CalibrationRequested { device, .. } => {
                self.calibration_requested(device);
                Ok(())
            }
            Event::StartPromised { job, promise } => {
                self.jobs.promised(job, &promise);
                Ok(())
            }
            Event::JobWaited { job, waited } => {
                self.jobs.waited(job, waited);
                Ok(())
            }
            Event::JobExpired { job, .. } => self.end_job(job, FinalState::Expired, None, None),
            Event::JobRejected { job, reason } => {
                self.end_job(job.id, FinalState::Rejected, None, Some(&reason))
            }
            Event::DeviceRegistered { .. }
            | Event::DeviceRemoved { .. }
            | Event::Recalibrated { .. }
            | Event::StatusChanged { .. }
            | Event::JobQueued { .. }
            | Event::JobHeld { .. }
            | Event::JobReady { .. }
            | Event::JobReleased { .. }
            | Event::JobTransferred { .. }
            | Event::Reconfigured { .. }
            | Event::DeviceLeaving { .. }
            | Event::JobCounted { .. }
            | Event::PromiseMoved { .. }
            | Event::JobRanked { .. }
            | Event::RetrySet { .. }
            | Event::ShotsCredited { .. }
            | Event::GuardStarted { .. }
            | Event::GuardEnded { .. } => Ok(()),
        }
    }

    fn take_sample(&mut self) -> Result<(), SimulationError> {
        self.sampled = self.now;
        let samples = self.observer.metrics.sample(self.now);
        if let Some(collected) = &mut self.collected {
            collected.timeline.extend_from_slice(samples);
        }
        if let Some(traces) = &mut self.traces {
            traces.timeline(samples)?;
        }
        Ok(())
    }

    fn sample(&mut self) -> Result<(), SimulationError> {
        self.take_sample()?;
        self.samples += 1;
        if self.samples.is_multiple_of(SAMPLES_PER_RATE) {
            self.sample_every = self.sample_every * 2;
        }
        let next = self.now + self.sample_every;
        if next < Time::MAX {
            self.schedule(next, class::SAMPLE, Happening::Sample);
        }
        Ok(())
    }
}
