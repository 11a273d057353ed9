//! What a run is made with beyond its scenario, and what it leaves.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::progress::Ending;
use crate::allocator::Allocator;
use crate::allocator::candidates::selector::DeviceSelector;
use crate::allocator::explain::WaitReason;
use crate::allocator::placement::PlacementStrategy;
use crate::allocator::placement::memory::MemoryUse;
use crate::allocator::protocol::{Event, JobId, JobRequest};
use crate::forward::{Effort, StartRange};
use crate::observe::Observer;
use crate::observe::journal;
use crate::observe::metrics::TimelineSample;
use crate::quantum::DeviceId;
use crate::simulator::job_book::Planned;
use crate::simulator::traces::Traces;
use crate::simulator::wait_tally::WaitTally;
use crate::time::{Span, Time};

/// Watches how long parts of the run take; the simulation itself has no clock.
pub trait Probe {
    /// A part begins.
    fn enter(&mut self, part: Part);
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
    /// Starts of waiting jobs are estimated.
    Estimates,
}

/// What is kept of a run for plots.
#[derive(Debug, Default)]
pub struct Collected {
    /// All samples of the timeline.
    pub timeline: Vec<TimelineSample>,
    /// What every job met when it arrived, in the order of their arrival: when, and how many jobs were in the system,
    /// waiting or running.
    pub met: Vec<(Time, u32)>,
    /// All jobs that ended, then those that had not.
    pub jobs: Vec<JobPoint>,
    /// When the measured interval began.
    pub measured_from: Time,
}

/// A job as a point in plots.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JobPoint {
    /// When it was submitted.
    pub submitted: Time,
    /// Whether it counts in the metrics of the run: it was submitted in the measured interval.
    pub measured: bool,
    /// Where it ran last.
    pub device: Option<DeviceId>,
    /// When it ended, or the run.
    pub ended: Time,
    /// Time from its submission to its first start.
    pub waited: Option<Span>,
    /// What was told first of its start, and when.
    pub told: Option<(Time, StartRange)>,
    /// Predicted and true success probability, if it was completed.
    pub fidelity: Option<(f64, f64)>,
}

impl JobPoint {
    /// A job that ended at `ended`, or had not when the run did.
    pub(super) fn of(planned: &Planned, ended: Time, fidelity: Option<(f64, f64)>) -> Self {
        Self {
            submitted: planned.submitted,
            measured: planned.measured,
            device: planned.allocation.as_ref().map(|allocation| allocation.device),
            ended,
            waited: planned.first_start.map(|start| start.since(planned.submitted)),
            told: planned.estimated.as_ref().and_then(|first| Some((first.made, first.start?))),
            fidelity,
        }
    }
}

/// Follows a run, command by command.
pub trait Watch {
    /// A command was handled, and these events told. The core may be asked anything. Answers whether the run goes on.
    fn after(&mut self, now: Time, core: &mut Allocator, events: &[Event]) -> ControlFlow<()>;

    /// The run ends.
    fn end(&mut self, _now: Time, _core: &mut Allocator) {}
}

/// Changes what one job asks for, before it comes.
#[derive(Clone)]
pub struct Alter {
    /// Which job.
    pub job: JobId,
    /// What is changed.
    pub change: Arc<dyn Fn(&mut JobRequest) + Send + Sync>,
}

impl std::fmt::Debug for Alter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Alter").field("job", &self.job).finish_non_exhaustive()
    }
}

/// Wraps a placement strategy, to watch it.
pub type WrapStrategy = Box<dyn FnOnce(Box<dyn PlacementStrategy>) -> Box<dyn PlacementStrategy>>;

/// What a run is made with beyond the scenario.
#[derive(Default)]
pub struct Instruments<'p> {
    /// Where to write what happened; `None` for no traces.
    pub traces: Option<Traces>,
    /// Where to write every command and what was decided; `None` for no journal.
    pub journal: Option<journal::Writer>,
    /// Who watches how long the core takes.
    pub probe: Option<&'p mut dyn Probe>,
    /// A placement strategy of the caller's own, instead of the one that the scenario names.
    pub strategy: Option<Box<dyn PlacementStrategy>>,
    /// A device selector of the caller's own, instead of the one that the scenario names.
    pub selector: Option<Box<dyn DeviceSelector>>,
    /// Who follows the run, and may end it.
    pub watch: Option<&'p mut dyn Watch>,
    /// A job that asks for something else.
    pub alter: Option<Alter>,
    /// Wraps the placement strategy, to watch it.
    pub wrap_strategy: Option<WrapStrategy>,
    /// Whether to keep what plots need.
    pub collect: bool,
    /// Threads over which the futures of estimates are spread; 0 is 1. No result depends on it.
    pub estimate_threads: usize,
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
    /// Whether the warm-up was over before the run was.
    pub warmed_up: bool,
    /// How it ended.
    pub ending: Ending,
    /// The first job that still waited at the end, and what kept it.
    pub kept: Option<(JobId, WaitReason)>,
    /// For what its jobs waited.
    pub waits: WaitTally,
    /// Simulated time of the end.
    pub ended: Time,
    /// The traces, if there were any, not yet flushed.
    pub traces: Option<Traces>,
    /// What estimates of starts took.
    pub estimates: Effort,
    /// What plots need, if it was to be kept.
    pub collected: Option<Collected>,
    /// What placement searches remembered.
    pub search_memory: MemoryUse,
}
