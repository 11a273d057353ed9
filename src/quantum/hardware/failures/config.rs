//! Failures as a scenario file writes them, and their defaults.
//!
//! Promises that every number is checked before a process is made of it. Leaves names of devices to
//! [`super::FailureModel`].

use serde::{Deserialize, Serialize};

use super::error::FailureError;
use super::process::{Cause, Process};
use crate::time::{Span, Time};

/// One entry of the list of failures.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureConfig {
    /// Once, at a given instant.
    At(FailAt),
    /// At regular instants.
    Every(FailEvery),
    /// At random, with a mean time between failures and a repair time.
    Mtbf(FailMtbf),
    /// In bursts: several short outages, one after another.
    Flapping(FailFlapping),
}

/// What an entry strikes, on each of its devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetConfig {
    /// The whole device.
    #[default]
    Device,
    /// One qubit.
    Qubit(u32),
    /// The coupler between two qubits.
    Coupler(u32, u32),
    /// A qubit drawn anew for each outage.
    RandomQubit,
    /// A coupler drawn anew for each outage.
    RandomCoupler,
}

/// What an outage does to its target.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// It cannot be used.
    #[default]
    Down,
    /// Jobs on the device take so many times as long while it lasts (a slow driver). Above 0.
    Slow(f64),
    /// All errors of the device jump by this factor when it begins, and drift back (see
    /// [`super::super::drift::DriftModel::shift_errors`]). Above 0.
    Drift(f64),
}

impl Effect {
    pub(super) fn check(self, entry: usize) -> Result<(), FailureError> {
        match self {
            Self::Slow(factor) | Self::Drift(factor) if !(factor.is_finite() && factor > 0.0) => {
                Err(out_of_range(entry, "effect", factor, "a factor above 0"))
            }
            _ => Ok(()),
        }
    }
}

/// A failure at a given instant. It strikes all its devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailAt {
    /// When, from the start of the simulation.
    pub time: Span,
    /// For how long. Default: for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub duration: Option<Span>,
    /// Names of devices, or patterns such as `ibm_*`. Default: all.
    #[serde(default)]
    pub devices: Vec<String>,
    /// What it strikes on each device. Default: the device.
    #[serde(default)]
    pub target: TargetConfig,
    /// What it does. Default: down.
    #[serde(default)]
    pub effect: Effect,
}

/// A failure at regular instants. It strikes all its devices.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FailEvery {
    /// From one beginning to the next.
    pub interval: Span,
    /// When the first begins. Default: after one interval.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Span>,
    /// For how long.
    pub duration: Span,
    /// Names of devices, or patterns such as `ibm_*`. Default: all.
    #[serde(default)]
    pub devices: Vec<String>,
    /// What it strikes on each device. Default: the device.
    #[serde(default)]
    pub target: TargetConfig,
    /// What it does. Default: down.
    #[serde(default)]
    pub effect: Effect,
}

/// How serious a random fault is: the defaults of its times.
///
/// All four numbers are assumptions; polls of real devices saw no full outage in 124 device-days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FailureClass {
    /// Every 5 days, repaired by software within 20 minutes (median).
    #[default]
    Soft,
    /// Every 90 days, repaired by people within 3 days (median).
    Hard,
}

/// Random failures: up for an exponential time, out for a log-normal one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FailMtbf {
    /// How serious it is. Default: soft.
    pub class: FailureClass,
    /// Mean time from a repair to the next failure. Default: 5d soft, 90d hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mean_time_between: Option<Span>,
    /// Median of the time to repair. Default: 20m soft, 3d hard.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair_median: Option<Span>,
    /// Standard deviation of the logarithm of the time to repair. Default: 1 (assumption), with which the mean is
    /// 1.65 times the median.
    pub repair_log_sd: f64,
    /// Names of devices, or patterns such as `ibm_*`. Default: all.
    pub devices: Vec<String>,
    /// Whether the devices fail all at once, as those of one cryostat or one site do. Default: each by itself.
    pub together: bool,
    /// What it strikes on each device. Default: the device.
    pub target: TargetConfig,
    /// What it does. Default: down.
    pub effect: Effect,
}

impl Default for FailMtbf {
    fn default() -> Self {
        Self {
            class: FailureClass::Soft,
            mean_time_between: None,
            repair_median: None,
            repair_log_sd: 1.0,
            devices: Vec::new(),
            together: false,
            target: TargetConfig::Device,
            effect: Effect::Down,
        }
    }
}

/// Bursts of short outages; all times exponential. The defaults are assumptions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FailFlapping {
    /// Mean time from the end of a burst to the next. Default: 10d.
    pub mean_time_between: Span,
    /// Number of outages in a burst, at least 1. Default: 5.
    pub flaps: u32,
    /// Mean length of an outage. Default: 30s.
    pub down: Span,
    /// Mean time between two outages of a burst. Default: 1m.
    pub up: Span,
    /// Names of devices, or patterns such as `ibm_*`. Default: all.
    pub devices: Vec<String>,
    /// Whether the devices fail all at once. Default: each by itself.
    pub together: bool,
    /// What it strikes on each device. Default: the device.
    pub target: TargetConfig,
    /// What it does. Default: down.
    pub effect: Effect,
}

impl Default for FailFlapping {
    fn default() -> Self {
        Self {
            mean_time_between: Span::from_secs(10 * 86_400),
            flaps: 5,
            down: Span::from_secs(30),
            up: Span::from_secs(60),
            devices: Vec::new(),
            together: false,
            target: TargetConfig::Device,
            effect: Effect::Down,
        }
    }
}

fn out_of_range(entry: usize, key: &'static str, value: impl ToString, hint: &'static str) -> FailureError {
    FailureError::OutOfRange { entry, key, value: value.to_string(), hint }
}

impl FailureConfig {
    pub(super) fn devices(&self) -> &[String] {
        match self {
            Self::At(FailAt { devices, .. })
            | Self::Every(FailEvery { devices, .. })
            | Self::Mtbf(FailMtbf { devices, .. })
            | Self::Flapping(FailFlapping { devices, .. }) => devices,
        }
    }

    pub(super) fn target(&self) -> TargetConfig {
        match self {
            Self::At(FailAt { target, .. })
            | Self::Every(FailEvery { target, .. })
            | Self::Mtbf(FailMtbf { target, .. })
            | Self::Flapping(FailFlapping { target, .. }) => *target,
        }
    }

    pub(super) fn effect(&self) -> Effect {
        match self {
            Self::At(FailAt { effect, .. })
            | Self::Every(FailEvery { effect, .. })
            | Self::Mtbf(FailMtbf { effect, .. })
            | Self::Flapping(FailFlapping { effect, .. }) => *effect,
        }
    }

    pub(super) fn together(&self) -> bool {
        match self {
            Self::At(_) | Self::Every(_) => true,
            Self::Mtbf(FailMtbf { together, .. }) | Self::Flapping(FailFlapping { together, .. }) => {
                *together
            }
        }
    }

    /// The process at its beginning; entry `entry` of the list, for errors.
    pub(super) fn process(&self, entry: usize) -> Result<(Process, Cause), FailureError> {
        let positive = |key, span: Span| {
            if span > Span::ZERO { Ok(span) } else { Err(out_of_range(entry, key, span, "longer than 0s")) }
        };
        Ok(match self {
            Self::At(at) => {
                let length = at.duration.map(|duration| positive("duration", duration)).transpose()?;
                (Process::Once { at: Time::ZERO + at.time, length }, Cause::Scheduled)
            }
            Self::Every(every) => {
                let interval = positive("interval", every.interval)?;
                let length = Some(positive("duration", every.duration)?);
                let next = Time::ZERO + every.first.unwrap_or(interval);
                (Process::Regular { next, interval, length }, Cause::Scheduled)
            }
            Self::Mtbf(mtbf) => {
                let (up, median, cause) = match mtbf.class {
                    FailureClass::Soft => {
                        (Span::from_secs(5 * 86_400), Span::from_secs(20 * 60), Cause::Soft)
                    }
                    FailureClass::Hard => {
                        (Span::from_secs(90 * 86_400), Span::from_secs(3 * 86_400), Cause::Hard)
                    }
                };
                let repair_log_sd = mtbf.repair_log_sd;
                if !(0.0..=5.0).contains(&repair_log_sd) {
                    return Err(out_of_range(entry, "repair_log_sd", repair_log_sd, "between 0 and 5"));
                }
                let up = positive("mean_time_between", mtbf.mean_time_between.unwrap_or(up))?;
                let repair_median = positive("repair_median", mtbf.repair_median.unwrap_or(median))?;
                (Process::Renewal { up, repair_median, repair_log_sd }, cause)
            }
            Self::Flapping(flapping) => {
                if flapping.flaps == 0 {
                    return Err(out_of_range(entry, "flaps", 0, "at least 1"));
                }
                let process = Process::Flapping {
                    quiet: positive("mean_time_between", flapping.mean_time_between)?,
                    flaps: flapping.flaps,
                    down: positive("down", flapping.down)?,
                    up: positive("up", flapping.up)?,
                    left: 0,
                };
                (process, Cause::Flapping)
            }
        })
    }
}
