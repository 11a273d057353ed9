//! What the core does for jobs that bound their quality or leave their size open, shown event by event.

use std::fmt::Write as _;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, Isolation, Strategy};
use resource_manager::allocator::protocol::{
    AllocationId, Command, Elasticity, Event, IsolationLevel, JobId, JobRequest, Outcome, QualityBound,
    Topology,
};
use resource_manager::observe::auditor::{Auditor, ViolationKind};
use resource_manager::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::{DeviceId, PhysicalQubit, catalogue, generators, success};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::Time;

/// A core, its auditor, and what happened as text.
struct World {
    core: Allocator,
    auditor: Auditor,
    now: Time,
    log: String,
}

impl World {
    fn new(strategy: Strategy, devices: &[&Arc<DeviceSpec>]) -> Self {
        let isolation = Isolation { default_level: IsolationLevel::Weak, ..Isolation::default() };
        let config = AllocatorConfig { strategy, isolation, ..AllocatorConfig::default() };
        let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
        let core = Allocator::new(config, draws).unwrap();
        let mut world = Self { core, auditor: Auditor::new(), now: Time::ZERO, log: String::new() };
        for (id, spec) in (0..).map(DeviceId).zip(devices) {
            world.tell(Command::RegisterDevice { device: id, spec: Arc::clone(spec) });
        }
        world
    }

    fn tell(&mut self, command: Command) {
        let mut events = Vec::new();
        self.now = Time(self.now.0 + 1);
        self.core.handle(self.now, command, &mut events).unwrap();
        self.core.handle(self.now, Command::Wake, &mut events).unwrap();
        for event in &events {
            self.auditor.observe(self.now, event);
            self.note(event);
        }
        assert_eq!(self.auditor.violations(), []);
    }

    fn submit(&mut self, request: JobRequest) {
        let id = request.id;
        self.tell(Command::Submit(Arc::new(request)));
        if let Some(why) = self.core.why_waiting(id) {
            writeln!(self.log, "{} waits: {why}", id.0).unwrap();
        }
    }

    /// Ends a job, if it runs.
    fn finish(&mut self, job: u64) {
        let (outcome, shots_done) = (Outcome::Success, 1);
        if let Some(allocation) = self.core.job(JobId(job)).and_then(|job| job.allocation()) {
            self.tell(Command::Finished { allocation, outcome, shots_done });
        }
    }

    fn note(&mut self, event: &Event) {
        let log = &mut self.log;
        match event {
            Event::JobStarted { allocation } => {
                write!(log, "{} starts on {}:", allocation.job.0, allocation.device.0).unwrap();
                for copy in allocation.layout.chunks(allocation.copy_size()) {
                    let qubits: Vec<String> = copy.iter().map(|qubit| qubit.0.to_string()).collect();
                    write!(log, " [{}]", qubits.join(" ")).unwrap();
                }
                match allocation.explanation.quality {
                    Some(quality) => write!(
                        log,
                        " success {:.4}, fidelity {:.5}",
                        quality.success_probability, quality.gate_fidelity
                    ),
                    None => Ok(()),
                }
                .unwrap();
                let missed = allocation.explanation.quality.and_then(|quality| quality.missed);
                missed.map_or(Ok(()), |missed| write!(log, "; misses: {missed}")).unwrap();
                log.push('\n');
            }
            Event::JobRejected { job, reason } => writeln!(log, "{} rejected: {reason}", job.id.0).unwrap(),
            Event::CalibrationRequested { device, epoch, job } => {
                writeln!(log, "{} requests a calibration of {} after {}", job.0, device.0, epoch.0).unwrap();
            }
            Event::JobFinished { job, .. } => writeln!(log, "{} finished", job.0).unwrap(),
            _ => {}
        }
    }
}

fn guadalupe() -> Arc<DeviceSpec> {
    Arc::new(catalogue::load("ibm_guadalupe").unwrap())
}

/// The device with every two-qubit error multiplied.
fn noisy(spec: &DeviceSpec, factor: f64) -> Arc<Calibration> {
    let mut calibration = (*spec.calibration).clone();
    for coupler in calibration.couplers.iter_mut().filter(|coupler| !coupler.dead) {
        coupler.two_qubit_error *= factor;
    }
    Arc::new(calibration)
}

fn line(id: u64, qubits: u32) -> JobRequest {
    JobRequest { shots: 10, depth: 8, ..JobRequest::new(JobId(id), qubits, Topology::Line) }
}

fn bound(at_least: f64, hard: bool) -> Option<QualityBound> {
    Some(QualityBound { at_least, hard })
}

#[test]
fn hard_bounds_wait_or_are_refused_and_soft_ones_ask_for_a_calibration() {
    let spec = guadalupe();
    let mut world = World::new(Strategy::NoiseAware, &[&spec]);
    world.submit(JobRequest { min_success_probability: bound(0.99, true), ..line(1, 5) });
    world.submit(JobRequest { fidelity_requirement: bound(0.9999, true), ..line(2, 5) });
    world.submit(JobRequest { noise_budget: Some(0.01), ..line(3, 5) });
    world.submit(JobRequest { min_success_probability: bound(0.76, true), ..line(4, 5) });
    // What is left is not as good: it waits for the best qubits, and another of lower demands does not.
    world.submit(JobRequest { min_success_probability: bound(0.76, true), ..line(5, 5) });
    world.submit(JobRequest { min_success_probability: bound(0.4, true), ..line(6, 5) });
    world.finish(4);
    world.finish(6);
    world.submit(JobRequest { min_success_probability: bound(0.9, false), ..line(7, 3) });
    world.submit(JobRequest { min_success_probability: bound(0.95, false), ..line(8, 2) });
    let calibration = noisy(&spec, 0.01);
    world.tell(Command::Recalibrate { device: DeviceId(0), calibration });
    world.finish(7);
    world.submit(JobRequest { min_success_probability: bound(0.95, false), ..line(9, 2) });
    insta::assert_snapshot!(world.log, @"
    1 rejected: the best placement on an empty device has 0.773463, below min_success_probability of 0.99
    2 rejected: the best placement on an empty device has 0.997104, below fidelity_requirement of 0.9999
    3 rejected: the best placement on an empty device has 0.773463, below 1 - noise_budget of 0.99
    4 starts on 0: [15 12 13 14 11] success 0.7735, fidelity 0.99710
    5 waits: device 0: the best placement on what is free has 0.753684, below min_success_probability of 0.76
    6 starts on 0: [0 1 4 7 10] success 0.7537, fidelity 0.99721
    4 finished
    5 starts on 0: [15 12 13 14 11] success 0.7735, fidelity 0.99710
    6 finished
    7 starts on 0: [4 7 10] success 0.8530, fidelity 0.99744; misses: 0.853026, below min_success_probability of 0.9
    7 requests a calibration of 0 after 1
    8 starts on 0: [0 1] success 0.8847, fidelity 0.99650; misses: 0.884655, below min_success_probability of 0.95
    7 finished
    9 starts on 0: [4 7] success 0.9375, fidelity 0.99978; misses: 0.937536, below min_success_probability of 0.95
    9 requests a calibration of 0 after 2
    ");
}

/// Figures that become worse make a waiting job impossible, and better ones possible again.
#[test]
fn a_recalibration_is_a_reason_to_try_again() {
    let spec = guadalupe();
    let mut world = World::new(Strategy::NoiseAware, &[&spec]);
    world.submit(line(1, 16 - 4));
    world.submit(JobRequest { min_success_probability: bound(0.7, true), ..line(2, 5) });
    for (factor, finishes) in [(5.0, Some(1)), (4.0, None), (1.0, None)] {
        world.tell(Command::Recalibrate { device: DeviceId(0), calibration: noisy(&spec, factor) });
        if let Some(job) = finishes {
            world.finish(job);
        }
        let why = world.core.why_waiting(JobId(2)).map(|why| why.to_string());
        writeln!(world.log, "errors x {factor}: {}", why.unwrap_or_default()).unwrap();
    }
    insta::assert_snapshot!(world.log, @"
    1 starts on 0: [7 4 1 2 3 5 8 11 14 13 12 15]
    2 waits: asks for 5 qubits, at most 4 are free on one device
    1 finished
    errors x 5: the best placement on an empty device has 0.566933, below min_success_probability of 0.7
    errors x 4: the best placement on an empty device has 0.613447, below min_success_probability of 0.7
    2 starts on 0: [15 12 13 14 11] success 0.7735, fidelity 0.99710
    errors x 1:
    ");
}

/// A device that fails the bound is skipped; a strategy that does not look at noise is helped out.
#[test]
fn the_next_device_is_tried_and_the_best_placement_judged() {
    let good = guadalupe();
    let bad = Arc::new(DeviceSpec { calibration: noisy(&good, 5.0), ..(*good).clone() });
    for strategy in [Strategy::NoiseAware, Strategy::FirstFit] {
        let mut world = World::new(strategy, &[&bad, &good]);
        world.submit(JobRequest { min_success_probability: bound(0.75, true), ..line(1, 5) });
        world.submit(JobRequest { min_success_probability: bound(0.8, false), ..line(2, 4) });
        insta::allow_duplicates! { insta::assert_snapshot!(world.log, @"
        1 starts on 1: [15 12 13 14 11] success 0.7735, fidelity 0.99710
        2 starts on 1: [0 1 4 7] success 0.7973, fidelity 0.99712; misses: 0.797261, below min_success_probability of 0.8
        2 requests a calibration of 1 after 1
        "); }
    }
}

#[test]
fn elastic_jobs_take_what_there_is() {
    let spec = guadalupe();
    let mut world = World::new(Strategy::NoiseAware, &[&spec]);
    let largest = |id, topology, min, max| JobRequest { topology, max_qubits: max, ..line(id, min) };
    // Bounded from above, by the device, and by what is left of it; the only ring of a heavy hexagon has 12.
    world.submit(largest(1, Topology::Line, 2, 5));
    world.submit(largest(2, Topology::Any, 3, 100));
    world.submit(largest(3, Topology::Line, 2, 5));
    world.finish(1);
    world.finish(2);
    world.finish(3);
    world.submit(largest(4, Topology::Ring, 5, 16));
    world.finish(4);
    // As large as it may be with a success of at least .8.
    world.submit(JobRequest {
        min_success_probability: bound(0.8, true),
        ..largest(5, Topology::Line, 2, 16)
    });
    world.finish(5);
    world.submit(JobRequest {
        min_success_probability: bound(0.999, false),
        ..largest(6, Topology::Line, 2, 16)
    });
    world.finish(6);
    // As many copies as fit, as the shots allow, and as are good enough.
    let copies =
        |id, min, max| JobRequest { elasticity: Elasticity::Copies, ..largest(id, Topology::Line, min, max) };
    world.submit(copies(7, 3, 16));
    world.finish(7);
    world.submit(JobRequest { shots: 2, ..copies(8, 3, 16) });
    world.submit(JobRequest { min_success_probability: bound(0.8, true), ..copies(9, 3, 16) });
    insta::assert_snapshot!(world.log, @"
    1 starts on 0: [15 12 13 14 11]
    2 starts on 0: [0 1 4 7 10 6 2 3 5 8 9]
    3 waits: asks for 2 qubits, at most 0 are free on one device
    1 finished
    3 starts on 0: [15 12 13 14 11]
    2 finished
    3 finished
    4 starts on 0: [1 2 3 5 8 11 14 13 12 10 7 4]
    4 finished
    5 starts on 0: [15 12 13 14] success 0.8145, fidelity 0.99733
    5 finished
    6 starts on 0: [12 13] success 0.9172, fidelity 0.99744; misses: 0.917155, below min_success_probability of 0.999
    6 requests a calibration of 0 after 1
    6 finished
    7 starts on 0: [13 12 15] [0 1 4] [2 3 5] [9 8 11] [6 7 10]
    7 finished
    8 starts on 0: [13 12 15] [0 1 4]
    9 starts on 0: [6 7 10] [2 3 5] [9 8 11] success 0.8101, fidelity 0.99604
    ");
}

/// A limit on crosstalk keeps the job away from those that run, and those that come later away from it.
#[test]
fn limits_on_crosstalk_hold_against_neighbours_old_and_new() {
    let spec = Arc::new(DeviceSpec {
        coupling_map: Arc::new(CouplingMap::line(12).unwrap()),
        calibration: Arc::new(Calibration {
            qubits: vec![guadalupe().calibration.qubits[0]; 12],
            couplers: vec![
                CouplerCalibration {
                    two_qubit_error: 0.01,
                    two_qubit_duration_s: 3e-7,
                    dead: false
                };
                11
            ],
        }),
        ..(*guadalupe()).clone()
    });
    let limited = |id, qubits, limit| {
        let mut request = line(id, qubits);
        request.isolation.max_crosstalk = Some(limit);
        request
    };
    let mut world = World::new(Strategy::FirstFit, &[&spec]);
    world.submit(line(1, 4));
    // Beside the first, the coupler of the second would suffer 0.00338.
    world.submit(limited(2, 3, 0.003));
    world.submit(line(3, 3));
    world.submit(limited(4, 1, 0.0));
    world.finish(2);
    world.submit(limited(5, 3, 0.004));
    world.finish(1);
    world.submit(line(6, 4));
    insta::assert_snapshot!(world.log, @"
    1 starts on 0: [0 1 2 3]
    2 starts on 0: [5 6 7]
    3 starts on 0: [9 10 11]
    4 starts on 0: [4]
    2 finished
    5 starts on 0: [5 6 7]
    1 finished
    6 starts on 0: [0 1 2 3]
    ");
}

/// A core that takes hard bounds for soft ones is caught, and so is one that does not tell.
#[test]
fn the_auditor_sees_a_start_below_its_bound() {
    let spec = guadalupe();
    let request = JobRequest { min_success_probability: bound(0.99, false), ..line(1, 5) };
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut core = Allocator::new(AllocatorConfig::default(), draws).unwrap();
    let mut events = Vec::new();
    core.handle(Time(0), Command::RegisterDevice { device: DeviceId(0), spec }, &mut events).unwrap();
    core.handle(Time(0), Command::Submit(Arc::new(request.clone())), &mut events).unwrap();
    core.handle(Time(0), Command::Wake, &mut events).unwrap();
    let found = |change: &dyn Fn(&mut Event)| {
        let mut auditor = Auditor::new();
        for mut event in events.clone() {
            change(&mut event);
            auditor.observe(Time(0), &event);
        }
        [ViolationKind::BelowBound, ViolationKind::NotFlagged].map(|kind| auditor.count(kind))
    };
    assert_eq!(found(&|_| {}), [0, 0]);
    let hardened = |event: &mut Event| {
        if let Event::JobQueued { job, .. } = event {
            let min_success_probability = bound(0.99, true);
            *job = Arc::new(JobRequest { min_success_probability, ..request.clone() });
        }
    };
    assert_eq!(found(&hardened), [1, 0]);
    let silent = |event: &mut Event| {
        if let Event::JobStarted { allocation } = event {
            Arc::make_mut(allocation).explanation.quality = None;
        }
    };
    assert_eq!(found(&silent), [0, 1]);
}

/// The auditor's own arithmetic agrees with the core's to the last bound, whatever the shape: a bound a hair below
/// what the core predicts is met, and one a hair above is missed.
#[test]
fn both_books_agree_on_every_shape() {
    let spec = Arc::new(catalogue::load("ibm_fez").unwrap());
    let square = Arc::new(catalogue::load("iqm_garnet").unwrap());
    let shapes = [
        (Topology::Any, 6),
        (Topology::Line, 7),
        (Topology::Star, 4),
        (Topology::Tree, 7),
        (Topology::HeavyHex, 8),
        (Topology::Ring, 12),
        (Topology::Grid { rows: 2, columns: 2 }, 4),
        (Topology::Line, 1),
    ];
    for (shape, qubits) in shapes {
        for depth in [1, 9, 100] {
            let wish = |success| JobRequest {
                depth,
                topology: shape.clone(),
                min_success_probability: success,
                fidelity_requirement: bound(0.0, true),
                ..line(1, qubits)
            };
            let predicted = {
                let mut world = World::new(Strategy::NoiseAware, &[&square, &spec]);
                world.submit(wish(bound(0.0, true)));
                let allocation = world.core.allocation(AllocationId(1)).expect("an empty fleet");
                allocation.explanation.quality.unwrap().success_probability
            };
            let mut world = World::new(Strategy::NoiseAware, &[&square, &spec]);
            world.submit(wish(bound(predicted * (1.0 - 1e-12), true)));
            assert!(world.core.allocation(AllocationId(1)).is_some(), "{shape:?} {depth}");
            let mut world = World::new(Strategy::NoiseAware, &[&square]);
            // What the core starts, flagged or not, the auditor judges alike: checked after every event.
            world.submit(wish(bound((predicted + 1e-6).min(1.0), false)));
        }
    }
}

/// Copies of one job may touch; another job keeps its distance from all of them.
#[test]
fn copies_share_a_buffer() {
    let map = CouplingMap::line(9).unwrap();
    let spec = guadalupe();
    let qubit = spec.calibration.qubits[0];
    let coupler = spec.calibration.couplers[0];
    let calibration = Calibration { qubits: vec![qubit; 9], couplers: vec![coupler; 8] };
    let spec = Arc::new(DeviceSpec {
        coupling_map: Arc::new(map),
        calibration: Arc::new(calibration),
        ..(*spec).clone()
    });
    let mut world = World::new(Strategy::FirstFit, &[&spec]);
    let mut copies = JobRequest { max_qubits: 6, elasticity: Elasticity::Copies, ..line(1, 2) };
    copies.isolation.buffer_distance = Some(1);
    world.submit(copies);
    world.submit(line(2, 2));
    let allocation = world.core.allocation(AllocationId(1)).unwrap();
    assert_eq!((allocation.copies, allocation.held.len()), (3, 6));
    assert!(allocation.blocked.contains(PhysicalQubit(6)));
    let second = world.core.allocation(AllocationId(2)).unwrap();
    assert_eq!(&second.layout[..], [7, 8].map(PhysicalQubit));
}

/// A device of pairs without decay: per pair the error of the coupler and that of both readouts.
fn pairs(figures: &[(f64, f64)]) -> Arc<DeviceSpec> {
    let couplers = (0..figures.len() as u32).map(|pair| (2 * pair, 2 * pair + 1));
    let map = CouplingMap::new(2 * figures.len() as u32, couplers).unwrap();
    let qubits = figures.iter().flat_map(|figures| [QubitCalibration::with_readout_error(figures.1); 2]);
    let couplers = figures.iter().map(|figures| CouplerCalibration::with_error(figures.0));
    let calibration = Calibration { qubits: qubits.collect(), couplers: couplers.collect() };
    Arc::new(DeviceSpec {
        coupling_map: Arc::new(map),
        calibration: Arc::new(calibration),
        ..(*guadalupe()).clone()
    })
}

/// The pair with the better readouts has the highest success, the other one the gate fidelity that is asked for.
#[test]
fn a_refusal_for_gate_fidelity_looks_at_gates_alone() {
    let device = pairs(&[(0.02, 0.01), (0.01, 0.1)]);
    for strategy in [Strategy::NoiseAware, Strategy::TopologyAware, Strategy::FirstFit] {
        let mut world = World::new(strategy, &[&device]);
        for (id, topology, at_least) in [(1, Topology::Line, 0.985), (2, Topology::Any, 0.975)] {
            let fidelity_requirement = Some(QualityBound { at_least, hard: true });
            world.submit(JobRequest { fidelity_requirement, ..JobRequest::new(JobId(id), 2, topology) });
        }
        insta::allow_duplicates! { insta::assert_snapshot!(world.log, @"
            1 starts on 0: [2 3] success 0.8019, fidelity 0.99000
            2 starts on 0: [0 1] success 0.9605, fidelity 0.98000
            "); }
    }
}

/// A line of two at depth 90 is placed for 64, where 32 gates and the better readouts have it; with 45 gates the other pair
/// is better, and the bound lies between the two.
#[test]
fn a_refusal_for_success_counts_the_true_depth() {
    let device = pairs(&[(0.001, 0.019), (0.002, 0.0)]);
    for strategy in [Strategy::NoiseAware, Strategy::TopologyAware, Strategy::FirstFit] {
        let mut world = World::new(strategy, &[&device]);
        for (id, at_least) in [(1, 0.917), (2, 0.913)] {
            let min_success_probability = Some(QualityBound { at_least, hard: true });
            let request = JobRequest::new(JobId(id), 2, Topology::Line);
            world.submit(JobRequest { depth: 90, min_success_probability, ..request });
        }
        insta::allow_duplicates! { insta::assert_snapshot!(world.log, @"
            1 starts on 0: [0 1] success 0.9200, fidelity 0.99967
            2 starts on 0: [2 3] success 0.9138, fidelity 0.99933
            "); }
    }
}

/// What an allocation costs, term by term, from the figures of the device and the counts of the circuit: of one copy and of
/// two, with qubits that are not read out, and with surcharges that are counted besides.
#[test]
fn costs_are_split_by_term() {
    let spec = Arc::new(catalogue::load("ibm_fez").unwrap());
    let (map, figures) = (&spec.coupling_map, &spec.calibration);
    let layer_s = success::layer_s(figures);
    for (reference, copies) in [("bernstein_vazirani:4", 1), ("bernstein_vazirani:4", 2), ("ghz:5", 3)] {
        let profile = Arc::new(generators::resolve(reference, std::path::Path::new("")).unwrap());
        let qubits = profile.interactions.qubits();
        let mut world = World::new(Strategy::NoiseAware, &[&spec]);
        world.submit(JobRequest {
            depth: profile.depth,
            max_qubits: copies * qubits,
            elasticity: Elasticity::Copies,
            shots: 100,
            ..JobRequest::new(JobId(1), qubits, Topology::Circuit(Arc::clone(&profile)))
        });
        let allocation = world.core.allocation(AllocationId(1)).expect("an empty device");
        assert_eq!((allocation.copies, allocation.layout.len() as u32), (copies, copies * qubits));
        let nats = |error: f64| -(1.0 - error).ln();
        let (mut readout, mut single, mut double, mut decay) = (0.0, 0.0, 0.0, 0.0);
        for copy in allocation.layout.chunks(qubits as usize) {
            let mut layers = vec![f64::from(profile.depth); copy.len()];
            for &(a, b, times) in profile.interactions.edges() {
                let coupler = map.coupler(copy[a.index()], copy[b.index()]).unwrap();
                double += f64::from(times) * nats(figures.couplers[coupler.index()].two_qubit_error);
                layers[a.index()] -= f64::from(times);
                layers[b.index()] -= f64::from(times);
            }
            for (v, qubit) in copy.iter().enumerate() {
                let qubit = &figures.qubits[qubit.index()];
                let gates = f64::from(profile.one_qubit_gates[v]);
                single += gates * nats(qubit.one_qubit_error);
                readout += if profile.measured[v] { nats(qubit.readout_error) } else { 0.0 };
                let idle = (layers[v] * layer_s - gates * qubit.one_qubit_duration_s).max(0.0);
                decay += idle * (1.0 / qubit.t1_s + 1.0 / qubit.t2_s) / 2.0;
            }
        }
        let terms = allocation.explanation.terms;
        let found = [terms.readout, terms.one_qubit_gates, terms.two_qubit_gates, terms.decay, terms.swaps];
        for (found, paper) in found.iter().zip([readout, single, double, decay, 0.0]) {
            assert!((found - paper).abs() < 1e-7, "{reference} x {copies}: {terms:?}");
        }
        assert!((found.iter().sum::<f64>() - allocation.explanation.cost).abs() < 1e-12);
        // Free neighbours of what was chosen; on an empty device there are some.
        assert!(terms.surcharges > 0.0 && terms.surcharges < 1.0, "{terms:?}");
    }
    assert!(
        !generators::resolve("bernstein_vazirani:4", std::path::Path::new(""))
            .unwrap()
            .measured
            .iter()
            .all(|m| *m)
    );
}
