//! The keys of a scenario file, their meaning and their defaults: what the schema and the editors show.
//!
//! Promises that whatever is written out reads back the same, defaults filled in. Leaves checks that need more than
//! one key to `resolve`.

pub mod fleet;
pub mod jobs;
pub mod outcomes;
pub mod preset;
pub mod replay;
pub mod targets;
pub mod workload;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};

use crate::allocator::config::AllocatorConfig;
use crate::forward::Estimates;
use crate::quantum::hardware::crosstalk::CrosstalkConfig;
use crate::quantum::hardware::drift::DriftConfig;
use crate::quantum::hardware::failures::FailureConfig;
use crate::quantum::hardware::runtime::RuntimeModel;
use crate::simulator::workload::distribution::{Draw, Law};
use crate::time::Span;
use fleet::FleetEntry;
use targets::TargetsFile;
use workload::WorkloadFile;

/// A scenario of the resource manager's simulator: a fleet, a workload, and how the allocator decides.
///
/// Durations carry units (30s, 5m, 7d, 120us), rates too (60/h, 1/s). A value marked "drawn" is a constant or a
/// distribution such as {uniform: [5, 20]}.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Scenario")]
pub struct ScenarioFile {
    /// Name of the scenario, part of the path of its results: letters, digits, `-` and `_`.
    #[schemars(regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"))]
    pub scenario: String,
    /// What it shows, for people.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub description: String,
    /// Root of all randomness. The same seed gives the same world, whatever the allocator does. Default 1.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// Number of independent repetitions, each a world of its own. Default 1.
    #[serde(default = "default_replications")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub replications: u32,
    /// Civil time of the start, RFC 3339, for calendars and time windows. Default 2026-01-05T00:00:00Z, a Monday.
    #[serde(default = "default_start", deserialize_with = "read_start")]
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub start: jiff::Timestamp,
    /// How long it runs. Default for a replayed workload: until all its jobs have arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub horizon: Option<Horizon>,
    /// Whether the run goes on after the horizon, without new jobs, until all jobs have ended or `drain_limit`
    /// is over. Default: yes for a horizon by jobs, no for a horizon by time.
    #[serde(default)]
    pub drain: Option<bool>,
    /// How long a run that drains goes on after its horizon at most. Default: none for recorded jobs, otherwise {time: 30d}.
    /// Whatever the limit is, a run ends when nothing can start any more: nothing is on its way that could let a waiting
    /// job start, or no job has run, started or ended for 30d while no device was to join or to be repaired.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drain_limit: Option<DrainLimit>,
    /// What is left out of the statistics at the beginning. Default: nothing.
    #[serde(default)]
    pub warm_up: WarmUp,
    /// The devices.
    #[schemars(length(min = 1))]
    pub fleet: Vec<FleetEntry>,
    /// Names for several devices at once, each with the names, patterns (`*` stands for any text), vendors and technologies
    /// that it stands for. They are understood wherever jobs or weights name devices. Known without being listed:
    /// `ibm_quantum`, `rigetti`, `rigetti_aspen`, `ionq`, `simulator`. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub aliases: BTreeMap<String, Vec<String>>,
    /// The jobs and when they come.
    pub workload: WorkloadFile,
    /// How the allocator decides. Default: its defaults.
    #[serde(default)]
    pub allocator: AllocatorConfig,
    /// How the devices behave. Default: drift and crosstalk as measured, run times of IBM devices, no failures.
    #[serde(default)]
    pub hardware: HardwareFile,
    /// When devices are calibrated. Default: every 24h after draining.
    #[serde(default)]
    pub calibration: CalibrationFile,
    /// What is written besides the summary.
    #[serde(default)]
    pub output: OutputFile,
    /// Bounds on metrics, judged by `rmsim check`: `waiting_time_s: {p95: "< 600"}` or `waiting_time_s.p95: "< 600"`; a
    /// bare bound means the mean, or the value of a metric without statistics.
    #[serde(default)]
    pub targets: TargetsFile,
}

fn default_seed() -> u64 {
    1
}

fn default_replications() -> u32 {
    1
}

fn default_start() -> jiff::Timestamp {
    // 2026-01-05T00:00:00Z.
    jiff::Timestamp::constant(1_767_571_200, 0)
}

fn read_start<'de, D: Deserializer<'de>>(deserializer: D) -> Result<jiff::Timestamp, D::Error> {
    let text = String::deserialize(deserializer)?;
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        serde::de::Error::custom(format!(
            "`{shown}` is not a time; hint: RFC 3339, as in 2026-01-05T00:00:00Z"
        ))
    })
}

/// How long a scenario runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Horizon {
    /// So long.
    Time(Span),
    /// Until so many jobs have arrived.
    Jobs(#[schemars(range(min = 1))] u64),
}

/// How long a run that drains goes on after its horizon at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DrainLimit {
    /// Until all jobs have ended, or nothing can start any more.
    None,
    /// So long.
    Time(Span),
}

/// What is left out of the statistics at the beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WarmUp {
    /// Nothing.
    #[default]
    None,
    /// Everything before this time. Jobs submitted at it are measured.
    Time(Span),
    /// The first jobs to arrive, and the time until the next one arrives: with it the measured interval begins.
    Jobs(u64),
    /// As long as a pilot run needs until the number of jobs in its system has settled (MSER-5).
    Auto,
}

/// How the devices behave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HardwareFile {
    /// How true errors and coherence times move.
    pub drift: DriftConfig,
    /// How jobs on one device disturb each other.
    pub crosstalk: CrosstalkConfig,
    /// How long jobs take.
    pub runtime: RuntimeModel,
    /// What fails and when. Default: nothing.
    pub failures: Vec<FailureConfig>,
}

/// When devices are calibrated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CalibrationFile {
    /// How a calibration starts. Default drain.
    pub mode: CalibrationMode,
    /// Time from one calibration to the next. Default: that of the device, or 24h.
    pub interval: Option<Span>,
    /// How long a calibration takes, drawn. Default 20m to 60m (assumption).
    pub duration: Draw<Span>,
    /// Whether the devices take turns, spread over the interval, or all begin after one interval. Default true.
    pub staggered: bool,
    /// Whether a device is also calibrated, beside the plan, when a job has started on it below a soft bound on its
    /// quality; not before a quarter of the interval has passed since the last one. Default false: such requests only
    /// appear among the events.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub on_request: bool,
}

impl Default for CalibrationFile {
    fn default() -> Self {
        Self {
            mode: CalibrationMode::Drain,
            interval: None,
            duration: Draw::Law(Law::Uniform(Span::from_secs(20 * 60), Span::from_secs(60 * 60))),
            staggered: true,
            on_request: false,
        }
    }
}

/// How a calibration starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CalibrationMode {
    /// No new jobs when it is due; it begins when the last job has ended.
    #[default]
    Drain,
    /// There are no calibrations: the figures of the device files are all that is ever published.
    Off,
}

/// What is written besides the summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct OutputFile {
    /// Which replications write jobs, timeline and events. Default first.
    pub traces: Traces,
    /// Time between two rows of the timeline. Default: a thousandth of the horizon; for a horizon by jobs about a
    /// five-hundredth of the time in which they come, 10s where all come at once. After every 20,000 rows it doubles.
    pub timeline_every: Option<Span>,
    /// Whether events.csv is written. Default true.
    pub events: bool,
    /// Whether the first replication writes journal.jsonl: every command to the allocator and what it decided, for
    /// `rmsim replay`. Default false.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub journal: bool,
    /// Whether plots are drawn. Default true.
    pub plots: bool,
    /// Whether predicted and true success probabilities are computed for every job. Default true.
    pub fidelity: bool,
    /// Whether free regions are measured, for `fragmentation`. Default true.
    pub fragmentation: bool,
    /// Whether, how often and how well the starts of waiting jobs are estimated: by running copies of the allocator forward.
    /// Costs computing time, and changes no decision. Default: not at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub estimates: Option<Estimates>,
}

impl Default for OutputFile {
    fn default() -> Self {
        Self {
            traces: Traces::First,
            timeline_every: None,
            events: true,
            journal: false,
            plots: true,
            fidelity: true,
            fragmentation: true,
            estimates: None,
        }
    }
}

/// Which replications write traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Traces {
    /// The first one.
    #[default]
    First,
    /// All of them.
    All,
    /// None: the summary is all there is.
    None,
}
