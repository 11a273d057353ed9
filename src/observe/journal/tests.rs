//! Commands come back from their lines bit for bit.

use std::sync::Arc;

use proptest::prelude::*;
use smallvec::smallvec;

use crate::allocator::config::AllocatorConfig;
use crate::allocator::protocol::{
    AllocationId, Attributes, Command, Elasticity, ElementLimits, IsolationLevel, IsolationRequest, JobId,
    JobRequest, Outcome, Priority, QualityBound, Status, StatusReason, Target, Tenant, Topology,
};
use crate::observe::fixture::{DEVICE, calibration, spec};
use crate::quantum::circuit::{CircuitProfile, InteractionGraph};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit};
use crate::time::{Span, Time};

fn there_and_back(command: &Command) -> Command {
    let text = serde_json::to_string(command).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// A request that leaves no field as it is in [`JobRequest::new`].
fn demanding() -> JobRequest {
    let interactions = InteractionGraph::new(3, [(0, 1, 2), (1, 2, 1)]).unwrap();
    let profile = CircuitProfile {
        interactions,
        one_qubit_gates: vec![1, 0, 7],
        depth: 5,
        measured: vec![true, false, true],
    };
    JobRequest {
        id: JobId(7),
        tenant: Tenant { user: 1, group: 2, project: 3 },
        attributes: Some(Arc::new(Attributes { sla_required: true, ..Attributes::default() })),
        min_qubits: 3,
        max_qubits: 9,
        elasticity: Elasticity::Copies,
        topology: Topology::Circuit(Arc::new(profile)),
        fidelity_requirement: Some(QualityBound { at_least: 0.1 + 0.2, hard: false }),
        min_success_probability: Some(QualityBound { at_least: 1e-300, hard: true }),
        limits: ElementLimits {
            min_t1_s: 1e-4 / 3.0,
            min_t2_s: 5e-5,
            max_readout_error: 0.1,
            ..ElementLimits::NONE
        },
        max_swap_operations: Some(0),
        noise_budget: Some(0.9),
        circuits: 2,
        shots: 4_000,
        depth: 114,
        estimated_duration: Some(Span(1_234_567_891)),
        priority: Priority::HIGH,
        isolation: IsolationRequest {
            level: Some(IsolationLevel::Strong),
            buffer_distance: Some(2),
            temporal_separation: Some(Span(1)),
            hardware_reset: Some(false),
            max_crosstalk: Some(0.01),
        },
        preferred_devices: smallvec![DeviceId(1)],
        excluded_devices: smallvec![DeviceId(2), DeviceId(3)],
        max_wait_time: Some(Span(5)),
        deadline: Some(Time(u64::MAX)),
        checkpoint_interval: Some(Span::from_secs(60)),
        redundancy: 2,
        after: smallvec![JobId(1)],
        after_success: smallvec![JobId(2), JobId(3)],
    }
}

#[test]
fn every_command_is_read_back_as_it_was() {
    let map = CouplingMap::new(3, [(0, 1), (1, 2)]).unwrap();
    let mut figures = calibration(&map);
    (figures.qubits[0].t1_s, figures.qubits[1].dead) = (f64::INFINITY, true);
    (figures.couplers[1].dead, figures.couplers[0].two_qubit_error) = (true, 0.1 + 0.2);
    let mut device = spec("a \"device\"", map);
    device.calibration = Arc::new(figures.clone());
    let allocation = AllocationId(3);
    let target = Target::Coupler(DEVICE, CouplerId(1));
    for command in [
        Command::RegisterDevice { device: DEVICE, spec: Arc::new(device) },
        Command::RemoveDevice { device: DEVICE },
        Command::Recalibrate { device: DEVICE, calibration: Arc::new(figures) },
        Command::SetStatus { target, status: Status::Offline, reason: StatusReason::Fault },
        Command::SetStatus {
            target: Target::Qubit(DEVICE, PhysicalQubit(2)),
            status: Status::Online,
            reason: StatusReason::Repair,
        },
        Command::Submit(Arc::new(demanding())),
        Command::Submit(Arc::new(JobRequest::new(JobId(0), 1, Topology::Any))),
        Command::Submit(Arc::new(JobRequest::new(JobId(1), 6, Topology::Grid { rows: 2, columns: 3 }))),
        Command::SubmitArray { first: Arc::new(demanding()), count: 10_000 },
        Command::Cancel { job: JobId(7) },
        Command::Hold { job: JobId(7) },
        Command::ReleaseHold { job: JobId(7) },
        Command::Finished { allocation, outcome: Outcome::Error, shots_done: u64::MAX },
        Command::Progress { allocation, shots_done: 1 },
        Command::StopAcknowledged { allocation, shots_done: 0 },
        Command::Reconfigure(Box::default()),
        Command::Wake,
    ] {
        assert_eq!(there_and_back(&command), command);
    }
    let plain = Command::Submit(Arc::new(JobRequest::new(JobId(4), 5, Topology::Line)));
    let text = serde_json::to_string(&plain).unwrap();
    insta::assert_snapshot!(text, @r#"{"submit":{"id":4,"min_qubits":5,"max_qubits":5,"topology":"line"}}"#);
    assert_eq!(AllocatorConfig::default(), *Box::<AllocatorConfig>::default());
}

proptest! {
    #[test]
    fn figures_are_read_back_bit_for_bit(values in prop::collection::vec(0.0..=1.0_f64, 3), time in 1e-9..1e3_f64) {
        let map = CouplingMap::new(3, [(0, 1), (1, 2)]).unwrap();
        let mut figures = calibration(&map);
        for (qubit, value) in figures.qubits.iter_mut().zip(&values) {
            (qubit.readout_error, qubit.one_qubit_error, qubit.t1_s) = (*value, value / 3.0, time);
        }
        let command = Command::Recalibrate { device: DEVICE, calibration: Arc::new(figures) };
        prop_assert_eq!(there_and_back(&command), command);
    }
}
