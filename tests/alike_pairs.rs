//! A complete device whose pairs are kept one by one, and one of which only their number is known: the same decisions, metrics
//! and findings, over random histories.

use std::sync::Arc;

use rand::RngExt;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, Isolation, Strategy};
use resource_manager::allocator::protocol::{
    AllocationId, Command, ElementLimits, Event, IsolationLevel, JobId, JobRequest, Outcome, QualityBound,
    Status, StatusReason, Target, Topology,
};
use resource_manager::observe::Observer;
use resource_manager::observe::metrics::MetricsOptions;
use resource_manager::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::{DeviceId, PhysicalQubit, catalogue};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::{Span, Time};

const QUBITS: u32 = 24;

/// Figures that differ from qubit to qubit, and one for all couplers.
fn figures(couplers: usize, error: f64, shift: u32) -> Arc<Calibration> {
    let qubit = |q: u32| QubitCalibration {
        t1_s: 1e-3,
        t2_s: 1e-3,
        one_qubit_error: 1e-4 * f64::from(1 + (q + shift) % 5),
        ..QubitCalibration::with_readout_error(0.001 * f64::from(1 + (7 * q + shift) % QUBITS))
    };
    let coupler = CouplerCalibration { two_qubit_error: error, two_qubit_duration_s: 1e-6, dead: false };
    Arc::new(Calibration { qubits: (0..QUBITS).map(qubit).collect(), couplers: vec![coupler; couplers] })
}

/// A core with one device, and its observer.
struct World {
    core: Allocator,
    observer: Observer,
    couplers: usize,
}

impl World {
    fn new(map: CouplingMap, strategy: Strategy, buffer_distance: u32) -> Self {
        let isolation = Isolation {
            default_level: IsolationLevel::Weak,
            buffer_distance,
            guard: Span(3),
            ..Isolation::default()
        };
        let config = AllocatorConfig { strategy, isolation, ..AllocatorConfig::default() };
        let core = Allocator::new(config, StreamFamily::new(1, 0, Purpose::DeviceSelection)).unwrap();
        let couplers = map.coupler_figures();
        let mut world = Self { core, observer: Observer::new(MetricsOptions::default()), couplers };
        let known = catalogue::load("ibm_guadalupe").unwrap();
        let calibration = figures(couplers, 0.01, 0);
        let spec = Arc::new(DeviceSpec { coupling_map: Arc::new(map), calibration, ..known });
        world.tell(Time::ZERO, Command::RegisterDevice { device: DeviceId(0), spec });
        world
    }

    /// What happened, as text without what says how a device is stored.
    fn tell(&mut self, now: Time, command: Command) -> String {
        let mut events = Vec::new();
        let answer = self.core.handle(now, command, &mut events);
        self.core.handle(now, Command::Wake, &mut events).unwrap();
        events.iter().for_each(|event| self.observer.observe(now, event));
        let shown = events
            .iter()
            .filter(|event| !matches!(event, Event::DeviceRegistered { .. } | Event::Recalibrated { .. }));
        format!("{answer:?} {:?}", shown.collect::<Vec<_>>())
    }
}

#[test]
fn what_is_not_stored_makes_no_difference() {
    let (mut started, mut rejected, mut waited, mut refused) = (0, 0, 0, 0);
    for number in 0..60 {
        let mut draw = StreamFamily::new(number, 0, Purpose::JobAttributes).stream(0, 0);
        let strategies =
            [Strategy::FirstFit, Strategy::NoiseAware, Strategy::TopologyAware, Strategy::Region];
        let strategy = strategies[number as usize % strategies.len()];
        let buffer = u32::from(draw.random_bool(0.2));
        let mut kept = World::new(CouplingMap::all_to_all(QUBITS).unwrap(), strategy, buffer);
        let mut alike = World::new(CouplingMap::alike(QUBITS).unwrap(), strategy, buffer);
        let mut running: Vec<AllocationId> = Vec::new();
        for step in 1..80_u64 {
            let now = Time(step);
            let error = [0.01, 0.02, 0.6][draw.random_range(0..3)];
            let shift = draw.random_range(0..QUBITS);
            let command = match draw.random_range(0..10) {
                0 => None,
                1 => {
                    let target = Target::Qubit(DeviceId(0), PhysicalQubit(shift));
                    let status = [Status::Online, Status::Offline][draw.random_range(0..2)];
                    Some(Command::SetStatus { target, status, reason: StatusReason::Fault })
                }
                2..5 if !running.is_empty() => {
                    let allocation = running.swap_remove(draw.random_range(0..running.len()));
                    Some(Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 })
                }
                _ => {
                    let topologies = [
                        Topology::Any,
                        Topology::Line,
                        Topology::Ring,
                        Topology::Star,
                        Topology::Complete,
                        Topology::Grid { rows: 2, columns: 3 },
                    ];
                    let topology = topologies[draw.random_range(0..topologies.len())].clone();
                    let qubits = match topology {
                        Topology::Grid { .. } => 6,
                        _ => draw.random_range(3..12),
                    };
                    let depth = [0, 1, 8, 114][draw.random_range(0..4)];
                    let bound = |wish: bool, at_least| wish.then_some(QualityBound { at_least, hard: true });
                    let max_two_qubit_error = if draw.random_bool(0.1) { 0.015 } else { 1.0 };
                    let request = JobRequest {
                        depth,
                        fidelity_requirement: bound(draw.random_bool(0.1), 0.985),
                        min_success_probability: bound(draw.random_bool(0.1), 0.7),
                        limits: ElementLimits { max_two_qubit_error, ..ElementLimits::default() },
                        ..JobRequest::new(JobId(step), qubits, topology)
                    };
                    Some(Command::Submit(Arc::new(request)))
                }
            };
            let of = |world: &World| match &command {
                Some(command) => command.clone(),
                None => Command::Recalibrate {
                    device: DeviceId(0),
                    calibration: figures(world.couplers, error, shift),
                },
            };
            let (one, other) = (of(&kept), of(&alike));
            let (one, other) = (kept.tell(now, one), alike.tell(now, other));
            assert_eq!(one, other, "history {number}, step {step}");
            started += one.matches("JobStarted").count();
            rejected += one.matches("JobRejected").count();
            running = kept.core.jobs().filter_map(|job| job.allocation()).collect();
            let reasons = |world: &mut World| format!("{:?}", world.core.why_waiting(JobId(step)));
            assert_eq!(reasons(&mut kept), reasons(&mut alike), "history {number}, step {step}");
            waited += usize::from(kept.core.why_waiting(JobId(step)).is_some());
            refused += usize::from(reasons(&mut kept).contains("Shortfall") || one.contains("Shortfall"));
        }
        let coupler = |id| {
            let target = Target::Coupler(DeviceId(0), resource_manager::quantum::CouplerId(id));
            Command::SetStatus { target, status: Status::Offline, reason: StatusReason::Fault }
        };
        assert!(alike.tell(Time(90), coupler(0)).starts_with("Err"), "a pair of its own cannot fail");
        for world in [&mut kept, &mut alike] {
            world.observer.finish(Time(100));
            assert_eq!(world.observer.auditor.violations(), [], "history {number}");
        }
        let metrics = |world: &World| format!("{:?}", world.observer.metrics.summary());
        assert_eq!(metrics(&kept), metrics(&alike), "history {number}");
    }
    assert!(
        started > 800 && waited > 300 && rejected > 50 && refused > 20,
        "{started} {waited} {rejected} {refused}"
    );
}
