//! How long a job occupies a device.
//!
//! Promises whole nanoseconds, computed in integers wherever the constants are, and that a model which a device cannot
//! serve is refused before the first job. Leaves waiting, queues and reconfiguration to others.

use serde::{Deserialize, Serialize};

use crate::quantum::device::DeviceSpec;
use crate::quantum::published_time::PublishedTime;
use crate::time::Span;

/// How long jobs take on a device.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeModel {
    /// Overhead + per circuit + per shot (repetition delay and readout) + per layer, with the constants of the device.
    ///
    /// On 7,449 IBM jobs (Ravi et al., IISWC'21): 3.1 s + 0.088 s x circuits + 264 us x shots x circuits + 0.229 us x
    /// shots x sum of depths, R2 0.996. The 264 us are the default repetition delay of 250 us and the readout, and
    /// outweigh the gates.
    #[default]
    ShotsAndDepth,
    /// Templates x updates x shots x layers / CLOPS, whatever the job's circuits and depth.
    Clops(ClopsConfig),
    /// Every job takes the same time.
    Fixed(Span),
    /// The workload draws each job's own time; a job that brings none falls back to `shots_and_depth`.
    Distribution,
}

/// Constants of the CLOPS benchmark (Wack et al., `arXiv:2110.14108`), which peers use to convert shots to seconds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ClopsConfig {
    /// Number of circuit templates M. Default: 100.
    pub templates: u32,
    /// Number of parameter updates K. Default: 10.
    pub updates: u32,
    /// Number of layers D. Default: log2 of the device's quantum volume.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layers: Option<u32>,
    /// Circuit layer operations per second, above 0. Default: the device's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clops: Option<f64>,
}

impl Default for ClopsConfig {
    fn default() -> Self {
        Self { templates: 100, updates: 10, layers: None, clops: None }
    }
}

/// Why a run-time model cannot serve a device.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum RuntimeError {
    /// A constant is neither in the model nor in the device.
    #[error(
        "run-time model clops needs {what} of device {device}; hint: add it to the device, or set {key} in the model"
    )]
    Missing {
        /// Name of the device.
        device: String,
        /// What is missing.
        what: &'static str,
        /// Where to set it instead.
        key: &'static str,
    },
    /// A speed that is no speed.
    #[error(
        "run-time model clops has {clops} operations per second on device {device}; hint: a number above 0"
    )]
    NoSpeed {
        /// Name of the device.
        device: String,
        /// The number given.
        clops: f64,
    },
}

impl RuntimeModel {
    /// The model with the constants of one device, ready for use.
    pub fn on(&self, device: &DeviceSpec) -> Result<DeviceRuntime, RuntimeError> {
        let linear = PublishedTime::of(device);
        Ok(DeviceRuntime(match self {
            Self::ShotsAndDepth => Kind::Linear(linear),
            Self::Clops(config) => Kind::PerShot { seconds: config.seconds_per_shot(device)? },
            Self::Fixed(span) => Kind::Fixed(*span),
            Self::Distribution => Kind::Own { fallback: linear },
        }))
    }

    /// Time on the device of one job; see [`DeviceRuntime::execution_time`]. For a single question: ask
    /// [`RuntimeModel::on`] once where there are many.
    pub fn execution_time(
        &self,
        device: &DeviceSpec,
        circuits: u32,
        shots: u64,
        depth: u32,
        own: Option<Span>,
    ) -> Result<Span, RuntimeError> {
        Ok(self.on(device)?.execution_time(circuits, shots, depth, own))
    }
}

impl ClopsConfig {
    fn seconds_per_shot(&self, device: &DeviceSpec) -> Result<f64, RuntimeError> {
        let missing = |what, key| RuntimeError::Missing { device: device.name.clone(), what, key };
        let clops = self.clops.or(device.speed.clops).ok_or_else(|| missing("the CLOPS", "clops"))?;
        if !(clops.is_finite() && clops > 0.0) {
            return Err(RuntimeError::NoSpeed { device: device.name.clone(), clops });
        }
        let layers = match (self.layers, device.speed.quantum_volume) {
            (Some(layers), _) => f64::from(layers),
            (None, Some(volume)) => libm::log2(f64::from(volume.max(1))),
            (None, None) => return Err(missing("the quantum volume", "layers")),
        };
        Ok(f64::from(self.templates) * f64::from(self.updates) * layers / clops)
    }
}

/// A run-time model on one device.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DeviceRuntime(Kind);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Linear(PublishedTime),
    PerShot { seconds: f64 },
    Fixed(Span),
    Own { fallback: PublishedTime },
}

impl DeviceRuntime {
    /// As [`Self::execution_time`] when `copies` copies of the program, at least 1, run side by side and share the shots
    /// of every circuit: what the copy with most shots takes. A time that the job brings along shrinks with its
    /// shots; one that the model fixes does not.
    pub fn shared_execution_time(
        &self,
        copies: u32,
        circuits: u32,
        shots: u64,
        depth: u32,
        own: Option<Span>,
    ) -> Span {
        let most = shots.div_ceil(u64::from(copies.max(1)));
        let part = |own: Span| {
            let exact = u128::from(own.0) * u128::from(most) / u128::from(shots.max(1));
            Span(exact as u64)
        };
        self.execution_time(circuits, most, depth, own.map(part))
    }

    /// Time on the device of a job of `circuits` circuits with `shots` shots each and `depth` layers on average.
    /// `own` is the time that the job brings along; the model `distribution` alone looks at it.
    pub fn execution_time(&self, circuits: u32, shots: u64, depth: u32, own: Option<Span>) -> Span {
        match (self.0, own) {
            (Kind::Linear(linear), _) | (Kind::Own { fallback: linear }, None) => {
                linear.execution_time(circuits, shots, depth)
            }
            (Kind::PerShot { seconds }, _) => Span::from_secs_f64(seconds * shots as f64),
            (Kind::Fixed(span), _) | (Kind::Own { .. }, Some(span)) => span,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::quantum::hardware::tests::device;

    /// The fit on IBM jobs, to the nanosecond: 3.1 s + 40 x 0.088 s + 40 x 4,000 x (264 us + 114 x 0.229 us).
    #[test]
    fn shots_and_depth_reproduces_the_fit_on_real_jobs() {
        let time = RuntimeModel::ShotsAndDepth.execution_time(&device(), 40, 4_000, 114, None).unwrap();
        assert_eq!(time, Span(3_100_000_000 + 40 * 88_000_000 + 160_000 * (264_000 + 114 * 229)));
    }

    /// Service minutes of the published workload: 100 x 10 x shots x 7 / CLOPS / 60.
    #[test]
    fn clops_gives_the_published_service_minutes() {
        let model = RuntimeModel::Clops(ClopsConfig::default());
        for (clops, shots) in [(29_000.0, 1_000), (220_000.0, 4_000), (195_000.0, 20_000)] {
            let mut device = device();
            (device.speed.clops, device.speed.quantum_volume) = (Some(clops), Some(128));
            let minutes = model.execution_time(&device, 40, shots, 114, None).unwrap().as_secs_f64() / 60.0;
            let expected = 100.0 * 10.0 * shots as f64 * 7.0 / clops / 60.0;
            assert!((minutes / expected - 1.0).abs() < 1e-9, "{minutes} minutes, expected {expected}");
        }
    }

    #[test]
    fn models_that_a_device_cannot_serve_are_refused() {
        let mut messages = Vec::new();
        let mut device = device();
        let model = RuntimeModel::Clops(ClopsConfig::default());
        messages.push(model.on(&device).unwrap_err().to_string());
        device.speed.clops = Some(0.0);
        messages.push(model.on(&device).unwrap_err().to_string());
        device.speed.clops = Some(1e5);
        messages.push(model.on(&device).unwrap_err().to_string());
        assert!(
            RuntimeModel::Clops(ClopsConfig { layers: Some(7), ..ClopsConfig::default() })
                .on(&device)
                .is_ok()
        );
        messages.push(serde_json::from_str::<RuntimeModel>(r#"{"clop": {}}"#).unwrap_err().to_string());
        insta::assert_snapshot!(messages.join("\n"), @"
        run-time model clops needs the CLOPS of device grid; hint: add it to the device, or set clops in the model
        run-time model clops has 0 operations per second on device grid; hint: a number above 0
        run-time model clops needs the quantum volume of device grid; hint: add it to the device, or set layers in the model
        unknown variant `clop`, expected one of `shots_and_depth`, `clops`, `fixed`, `distribution` at line 1 column 7
        ");
    }

    #[test]
    fn own_times_count_only_where_they_are_asked_for() {
        let (device, own) = (device(), Some(Span::from_secs(5)));
        let time = |text: &str, own| {
            let model: RuntimeModel = serde_json::from_str(text).unwrap();
            model.execution_time(&device, 1, 10, 1, own).unwrap()
        };
        assert_eq!(time(r#"{"fixed": "2s"}"#, own), Span::from_secs(2));
        assert_eq!(time(r#""distribution""#, own), Span::from_secs(5));
        assert_eq!(time(r#""distribution""#, None), time(r#""shots_and_depth""#, own));
    }

    /// 10 shots by 3 copies: 4, 3 and 3.
    #[test]
    fn copies_take_as_long_as_the_one_with_most_shots() {
        let device = device();
        let time = |text: &str, copies| {
            let model: RuntimeModel = serde_json::from_str(text).unwrap();
            let runtime = model.on(&device).unwrap();
            runtime.shared_execution_time(copies, 2, 10, 5, Some(Span::from_secs(10)))
        };
        let linear = RuntimeModel::ShotsAndDepth.execution_time(&device, 2, 4, 5, None).unwrap();
        assert_eq!(time(r#""shots_and_depth""#, 3), linear);
        assert_eq!(time(r#""distribution""#, 3), Span::from_secs(4));
        assert_eq!(time(r#""distribution""#, 1), Span::from_secs(10));
        assert_eq!(time(r#"{"fixed": "2s"}"#, 3), Span::from_secs(2));
    }

    #[test]
    fn dead_qubits_do_not_slow_the_readout() {
        let mut device = device();
        let alive = RuntimeModel::ShotsAndDepth.on(&device).unwrap();
        let calibration = Arc::make_mut(&mut device.calibration);
        calibration.qubits[0].dead = true;
        calibration.qubits[0].readout_duration_s = 1.0;
        assert_eq!(RuntimeModel::ShotsAndDepth.on(&device).unwrap(), alive);
    }

    proptest! {
        #[test]
        fn no_job_overflows(circuits: u32, shots: u64, depth: u32) {
            let runtime = RuntimeModel::ShotsAndDepth.on(&device()).unwrap();
            let time = runtime.execution_time(circuits, shots, depth, None);
            let more = runtime.execution_time(circuits, shots.saturating_add(1), depth, None);
            prop_assert!(time >= Span(3_100_000_000) && more >= time);
        }
    }
}
