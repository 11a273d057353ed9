//! What a device truly does: drift, run times, crosstalk, failures. Seeded; knows nothing of the core.
//!
//! Promises that every answer is a function of (seed, replication, device, time): two strategies meet the same
//! hardware. Leaves to its drivers when to ask, and what to tell the core of it.

pub mod crosstalk;
pub(crate) mod draws;
pub mod drift;
pub mod failures;
pub mod runtime;
pub mod truth;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use self::crosstalk::{Crosstalk, CrosstalkConfig};
use self::drift::{DriftConfig, DriftError, DriftModel};
use self::runtime::{DeviceRuntime, RuntimeError, RuntimeModel};
use self::truth::true_success;
use super::calibration::Calibration;
use super::device::{DeviceSpec, Technology};
use super::success::ProgramUse;
use super::{CouplerId, DeviceId};
use crate::random::{Purpose, StreamFamily};
use crate::time::{Span, Time};

/// How the devices of a fleet behave.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct HardwareConfig {
    /// How true errors and coherence times move.
    pub drift: DriftConfig,
    /// How jobs on one device disturb each other.
    pub crosstalk: CrosstalkConfig,
    /// How long jobs take.
    pub runtime: RuntimeModel,
}

/// Why a device cannot be simulated as configured.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HardwareError {
    /// The drift configuration makes no sense.
    #[error(transparent)]
    Drift(#[from] DriftError),
    /// The run-time model lacks a constant.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// One device as it truly is.
#[derive(Debug, Clone)]
pub struct Hardware {
    spec: Arc<DeviceSpec>,
    drift: DriftModel,
    calibrations: StreamFamily,
    crosstalk: Crosstalk,
    runtime: DeviceRuntime,
}

impl Hardware {
    /// The device `id` in replication `replication` of the experiment with root seed `seed`.
    ///
    /// Simulators do not drift, and couplers of trapped ions do not die: they are beams, not circuits.
    pub fn new(
        config: &HardwareConfig,
        spec: Arc<DeviceSpec>,
        id: DeviceId,
        seed: u64,
        replication: u32,
    ) -> Result<Self, HardwareError> {
        let streams = |purpose| StreamFamily::new(seed, replication, purpose);
        let mut drift = config.drift.clone();
        drift.enabled &= spec.technology != Technology::Simulator;
        if matches!(spec.technology, Technology::TrappedIon | Technology::NeutralAtom) {
            drift.coupler_death_per_day = 0.0;
        }
        Ok(Self {
            drift: DriftModel::new(&drift, streams(Purpose::Drift), id, Arc::clone(&spec.calibration))?,
            calibrations: streams(Purpose::Calibration),
            crosstalk: Crosstalk::new(config.crosstalk, streams(Purpose::Crosstalk), id, spec.technology),
            runtime: config.runtime.on(&spec)?,
            spec,
        })
    }

    /// What the device is.
    pub fn spec(&self) -> &Arc<DeviceSpec> {
        &self.spec
    }

    /// The true values at `now`; of the latest time asked for, if that is later.
    pub fn truth(&mut self, now: Time) -> &Calibration {
        let step = self.drift.step_at(now);
        self.drift.true_at(step)
    }

    /// What calibration number `number` (unique per device) reads at `now`. Does not move the truth.
    pub fn calibrate(&mut self, now: Time, number: u64) -> Calibration {
        self.drift.advance_to(self.drift.step_at(now));
        self.drift.measure(number, &self.calibrations)
    }

    /// The drift, for re-tunes and sudden shifts.
    pub fn drift_mut(&mut self) -> &mut DriftModel {
        &mut self.drift
    }

    /// The crosstalk map.
    pub fn crosstalk(&self) -> &Crosstalk {
        &self.crosstalk
    }

    /// Time on the device of a job; see [`DeviceRuntime::execution_time`].
    pub fn execution_time(&self, circuits: u32, shots: u64, depth: u32, own: Option<Span>) -> Span {
        self.runtime.execution_time(circuits, shots, depth, own)
    }

    /// Time on the device of a job that runs in copies; see [`DeviceRuntime::shared_execution_time`].
    pub fn shared_execution_time(
        &self,
        copies: u32,
        circuits: u32,
        shots: u64,
        depth: u32,
        own: Option<Span>,
    ) -> Span {
        self.runtime.shared_execution_time(copies, circuits, shots, depth, own)
    }

    /// The true success probability at `now` of a program while `driven` tells which couplers other jobs drive.
    /// `factors` is scratch memory, left with the crosstalk factor of each of the program's couplers.
    pub fn success(
        &mut self,
        now: Time,
        program: &ProgramUse<'_>,
        driven: impl Fn(CouplerId) -> bool,
        factors: &mut Vec<f64>,
    ) -> f64 {
        let couplers = program.couplers.iter().map(|used| used.coupler);
        self.crosstalk.factors(&self.spec.coupling_map, couplers, driven, factors);
        true_success(self.truth(now), program, factors)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::quantum::PhysicalQubit;
    use crate::quantum::calibration::{CouplerCalibration, QubitCalibration};
    use crate::quantum::coupling_map::CouplingMap;
    use crate::quantum::device::{DeviceLimits, Granularity, Speed};
    use crate::quantum::success::{CouplerUse, QubitUse, success_probability};

    /// A 3 x 3 grid with the speed of the devices behind the published run-time fit.
    pub(crate) fn device() -> DeviceSpec {
        let map = CouplingMap::grid(3, 3).unwrap();
        let qubit = QubitCalibration {
            t1_s: 200e-6,
            t2_s: 100e-6,
            readout_error: 1e-2,
            one_qubit_error: 3e-4,
            one_qubit_duration_s: 32e-9,
            readout_duration_s: 14e-6,
            dead: false,
        };
        let coupler = CouplerCalibration { two_qubit_error: 4e-3, two_qubit_duration_s: 68e-9, dead: false };
        DeviceSpec {
            name: "grid".to_owned(),
            vendor: "nobody".to_owned(),
            technology: Technology::Superconducting,
            granularity: Granularity::Synthetic,
            source: "test".to_owned(),
            calibrated_at: None,
            native_gates: Vec::new(),
            calibration: Arc::new(Calibration {
                qubits: vec![qubit; map.qubits()],
                couplers: vec![coupler; map.couplers().len()],
            }),
            coupling_map: Arc::new(map),
            speed: Speed {
                job_overhead: Span::from_millis(3_100),
                circuit_overhead: Span::from_millis(88),
                repetition_delay: Span(250_000),
                layer: Span(229),
                clops: None,
                quantum_volume: None,
            },
            limits: DeviceLimits::default(),
            price: None,
        }
    }

    fn hardware(spec: DeviceSpec) -> Hardware {
        Hardware::new(&HardwareConfig::default(), Arc::new(spec), DeviceId(0), 1, 0).unwrap()
    }

    #[test]
    fn neighbours_and_days_cost_success_and_a_simulator_feels_neither() {
        let day = Time::ZERO + Span::from_secs(86_400);
        let couplers = [CouplerUse { coupler: CouplerId(0), gates: 20.0 }];
        let qubits = [0, 1].map(|qubit| QubitUse {
            qubit: PhysicalQubit(qubit),
            one_qubit_gates: 30.0,
            two_qubit_gates: 20.0,
            measured: true,
        });
        let program = ProgramUse { couplers: &couplers, qubits: &qubits, layers: 73.5, layer_s: 68e-9 };
        let mut factors = Vec::new();
        let mut success = |hardware: &mut Hardware, now, busy: bool| {
            hardware.success(now, &program, |coupler| busy && coupler != CouplerId(0), &mut factors)
        };

        let mut real = hardware(device());
        let alone = success(&mut real, Time::ZERO, false);
        assert_eq!(alone, success_probability(&device().calibration, &program));
        assert!(success(&mut real, Time::ZERO, true) < alone);
        assert_ne!(success(&mut real, day, false), alone);
        assert_eq!(real.calibrate(day, 1), *real.truth(day));

        let mut simulator = hardware(DeviceSpec { technology: Technology::Simulator, ..device() });
        assert_eq!(success(&mut simulator, day, true), alone);
    }
}
