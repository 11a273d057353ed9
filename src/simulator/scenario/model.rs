//! A checked scenario, as everything after the file sees it.
//!
//! Promises nothing: plain values, which `resolve` has checked. Leaves how they are written to
//! [`super::file`].

use std::collections::BTreeMap;
use std::sync::Arc;

use super::file::targets::{Bound, Measure, OnInconclusive};
use super::file::{CalibrationMode, DrainLimit, Horizon, Traces, WarmUp};
use crate::allocator::config::AllocatorConfig;
use crate::forward::Estimates;
use crate::quantum::DeviceId;
use crate::quantum::device::DeviceSpec;
use crate::quantum::hardware::HardwareConfig;
use crate::quantum::hardware::failures::FailureConfig;
use crate::simulator::workload::Workload;
use crate::simulator::workload::distribution::Sampler;
use crate::time::{Span, Time};

/// A checked scenario.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Name: letters, digits, `-` and `_`.
    pub name: String,
    /// What it shows, for people.
    pub description: String,
    /// Root of all randomness.
    pub seed: u64,
    /// Number of independent repetitions, at least 1.
    pub replications: u32,
    /// Civil time of [`Time::ZERO`].
    pub start: jiff::Timestamp,
    /// How long it runs.
    pub horizon: Horizon,
    /// Whether the run goes on after the horizon, without new jobs, until all jobs have ended.
    pub drain: bool,
    /// How long after the horizon at most.
    pub drain_limit: DrainLimit,
    /// What is left out of the statistics at the beginning.
    pub warm_up: WarmUp,
    /// The devices, in order of their numbers; names are unique.
    pub fleet: Vec<FleetDevice>,
    /// The jobs and when they come.
    pub workload: Workload,
    /// How the allocator decides.
    pub allocator: AllocatorConfig,
    /// How the devices behave; fits every device of the fleet.
    pub hardware: HardwareConfig,
    /// What fails and when; fits the fleet.
    pub failures: Vec<FailureConfig>,
    /// When devices are calibrated.
    pub calibration: CalibrationPlan,
    /// What is written besides the summary.
    pub output: Output,
    /// Bounds on metrics, in the order of the file.
    pub targets: Vec<Target>,
    /// What a target means that the replications do not decide.
    pub on_inconclusive: OnInconclusive,
    /// A hash of each top-level section as it was written, overrides included, defaults not: the same for every version
    /// of this program.
    pub sections: BTreeMap<String, String>,
    /// The whole scenario with defaults and overrides, in the order of the schema: itself a valid scenario file.
    pub resolved: serde_json::Value,
}

/// A bound on a metric.
#[derive(Debug, Clone, PartialEq)]
pub struct Target {
    /// The metric.
    pub measure: Measure,
    /// Its bound.
    pub bound: Bound,
    /// Where it stands in the file, from 1; `None` for an override.
    pub line: Option<u32>,
}

/// A device of the fleet.
#[derive(Debug, Clone, PartialEq)]
pub struct FleetDevice {
    /// Its number: its place in the list.
    pub id: DeviceId,
    /// What it is, under its name in the fleet.
    pub spec: Arc<DeviceSpec>,
    /// When it joins; [`Time::ZERO`] for the start.
    pub joins: Time,
    /// When it leaves for good.
    pub leaves: Option<Time>,
}

/// When devices are calibrated.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationPlan {
    /// How a calibration starts, or off.
    pub mode: CalibrationMode,
    /// Time from one calibration to the next; `None` for that of each device.
    pub interval: Option<Span>,
    /// How long one takes.
    pub duration: Sampler<Span>,
    /// Whether the devices take turns.
    pub staggered: bool,
    /// Whether a device is also calibrated when the allocator asks for it.
    pub on_request: bool,
}

impl CalibrationPlan {
    /// Where neither the scenario nor the device says how often to calibrate: daily, as IBM does.
    pub const DEFAULT_INTERVAL: Span = Span::from_secs(86_400);

    /// Time between two calibrations of `device`; `None` when there are none.
    pub fn interval_of(&self, device: &DeviceSpec) -> Option<Span> {
        match self.mode {
            CalibrationMode::Off => None,
            CalibrationMode::Drain => {
                Some(self.interval.or(device.limits.calibration_interval).unwrap_or(Self::DEFAULT_INTERVAL))
            }
        }
    }

    /// When device number `index` of `devices` is due for the first time: after one interval, or spread over the first
    /// one, so that not all are away at once.
    pub fn first_due(&self, device: &DeviceSpec, index: usize, devices: usize) -> Option<Time> {
        let interval = self.interval_of(device)?;
        let share = match self.staggered {
            true => u128::from(interval.0) * (index as u128 + 1) / devices.max(1) as u128,
            false => u128::from(interval.0),
        };
        Some(Time(share.min(u128::from(u64::MAX)) as u64))
    }
}

/// What is written besides the summary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// Which replications write jobs, timeline and events.
    pub traces: Traces,
    /// Time between two rows of the timeline, above zero.
    pub timeline_every: Span,
    /// Whether events are written.
    pub events: bool,
    /// Whether the first replication writes a journal.
    pub journal: bool,
    /// Whether plots are drawn.
    pub plots: bool,
    /// Whether predicted and true success probabilities are computed.
    pub fidelity: bool,
    /// Whether free regions are measured.
    pub fragmentation: bool,
    /// How starts are estimated, if they are.
    pub estimates: Option<Estimates>,
}
