//! Programs that do not embed: who is routed, who waits, who is refused, and what the simulator makes of it.

use std::path::Path;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, PlacementConfig, RoutingPolicy, Selection};
use resource_manager::allocator::protocol::{
    Allocation, Answer, Command, Event, JobId, JobRequest, Topology,
};
use resource_manager::experiment::run::{Settings, run};
use resource_manager::observe::Observer;
use resource_manager::observe::metrics::MetricsOptions;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::{DeviceId, catalogue};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::simulator::program::Programs;
use resource_manager::simulator::scenario::Scenario;
use resource_manager::time::Time;

struct World {
    core: Allocator,
    observer: Observer,
    devices: Vec<Arc<DeviceSpec>>,
    next: u64,
}

impl World {
    fn new(routing: RoutingPolicy, devices: &[&str]) -> Self {
        let config = AllocatorConfig {
            selection: Selection::First,
            placement: PlacementConfig { routing, ..PlacementConfig::default() },
            ..AllocatorConfig::default()
        };
        let core = Allocator::new(config, StreamFamily::new(1, 0, Purpose::DeviceSelection)).unwrap();
        let observer = Observer::new(MetricsOptions::default());
        let devices: Vec<_> = devices.iter().map(|name| Arc::new(catalogue::load(name).unwrap())).collect();
        let mut world = Self { core, observer, devices: devices.clone(), next: 0 };
        for (number, spec) in devices.into_iter().enumerate() {
            world.apply(Command::RegisterDevice { device: DeviceId(number as u32), spec });
        }
        world
    }

    fn apply(&mut self, command: Command) -> (Answer, Vec<Event>) {
        let mut events = Vec::new();
        let answer = self.core.handle(Time::ZERO, command, &mut events).unwrap();
        for event in &events {
            self.observer.observe(Time::ZERO, event);
        }
        assert_eq!(self.observer.auditor.violations(), &[]);
        (answer, events)
    }

    /// Submits a job and tells what became of it.
    fn submit(
        &mut self,
        qubits: u32,
        topology: Topology,
        max_swaps: Option<u32>,
    ) -> (String, Option<Arc<Allocation>>) {
        let mut request = JobRequest::new(JobId(self.next), qubits, topology);
        request.max_swap_operations = max_swaps;
        request.depth = 20;
        self.next += 1;
        if let (Answer::Rejected(why), _) = self.apply(Command::Submit(Arc::new(request))) {
            return (format!("rejected: {why}"), None);
        }
        let started = self.apply(Command::Wake).1.into_iter().find_map(|event| match event {
            Event::JobStarted { allocation } => Some(allocation),
            _ => None,
        });
        let shown = match &started {
            None => "waits".to_owned(),
            Some(allocation) => {
                let name = &self.devices[allocation.device.index()].name;
                match allocation.swaps {
                    Some(_) => format!("routed on {name}"),
                    None => format!("on {name}"),
                }
            }
        };
        (shown, started)
    }
}

const SQUARE: Topology = Topology::Grid { rows: 2, columns: 3 };

/// A heavy-hex device has no squares, a square lattice does.
#[test]
fn the_policy_says_who_is_routed() {
    let mut lines = Vec::new();
    for routing in [RoutingPolicy::Never, RoutingPolicy::WhenImpossible, RoutingPolicy::Always] {
        let mut alone = World::new(routing, &["ibm_fez"]);
        lines.push(format!("{routing:?}: line: {}", alone.submit(5, Topology::Line, None).0));
        lines.push(format!("{routing:?}: square: {}", alone.submit(6, SQUARE, None).0));
        lines.push(format!("{routing:?}: without SWAPs: {}", alone.submit(6, SQUARE, Some(0)).0));
        lines.push(format!(
            "{routing:?}: complete, 2 SWAPs: {}",
            alone.submit(9, Topology::Complete, Some(2)).0
        ));
        let mut both = World::new(routing, &["ibm_fez", "google_willow"]);
        lines.push(format!("{routing:?}: square, both: {}", both.submit(6, SQUARE, None).0));
        let full = both.submit(90, Topology::Any, None).0;
        lines.push(format!("{routing:?}: wide: {full}; wide: {}", both.submit(90, Topology::Any, None).0));
        lines.push(format!("{routing:?}: square, lattice full: {}", both.submit(6, SQUARE, None).0));
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    Never: line: on ibm_fez
    Never: square: rejected: no device could place the job even if it were empty
    Never: without SWAPs: rejected: no device could place the job even if it were empty
    Never: complete, 2 SWAPs: rejected: no device could place the job even if it were empty
    Never: square, both: on google_willow
    Never: wide: on ibm_fez; wide: on google_willow
    Never: square, lattice full: waits
    WhenImpossible: line: on ibm_fez
    WhenImpossible: square: routed on ibm_fez
    WhenImpossible: without SWAPs: rejected: no device could place the job even if it were empty
    WhenImpossible: complete, 2 SWAPs: rejected: no device could place the job even if it were empty
    WhenImpossible: square, both: on google_willow
    WhenImpossible: wide: on ibm_fez; wide: on google_willow
    WhenImpossible: square, lattice full: waits
    Always: line: on ibm_fez
    Always: square: routed on ibm_fez
    Always: without SWAPs: rejected: no device could place the job even if it were empty
    Always: complete, 2 SWAPs: rejected: no device could place the job even if it were empty
    Always: square, both: routed on ibm_fez
    Always: wide: on ibm_fez; wide: on google_willow
    Always: square, lattice full: routed on ibm_fez
    ");
}

/// Three two-qubit gates per SWAP, all of them on couplers inside the region.
#[test]
fn the_simulator_counts_the_gates_of_swaps() {
    let mut world = World::new(RoutingPolicy::WhenImpossible, &["ibm_fez"]);
    let graph = (0..6).flat_map(|a| (a + 1..6).map(move |b| (a, b, 2)));
    let graph = resource_manager::quantum::circuit::InteractionGraph::new(6, graph).unwrap();
    let topology = Topology::Custom(Arc::new(graph));
    let (_, allocation) = world.submit(6, topology.clone(), None);
    let allocation = allocation.unwrap();
    let swaps = f64::from(allocation.swaps.unwrap());
    let device = &world.devices[0];
    let request = JobRequest { depth: 20, ..JobRequest::new(JobId(0), 6, topology) };
    let programs =
        Programs::default().place(&request, &allocation, &device.coupling_map, &device.calibration);
    let program = &programs[0];
    let gates: f64 = program.couplers.iter().map(|used| used.gates).sum();
    let added = gates - 15.0 * 2.0;
    assert!(3.0 * (swaps - 1.0) < added && added <= 3.0 * swaps, "{added} {swaps}");
    let ends: f64 = program.qubits.iter().map(|used| used.two_qubit_gates).sum();
    assert!((ends - 2.0 * gates).abs() < 1e-9);
    for used in &program.couplers {
        let (a, b) = device.coupling_map.couplers()[used.coupler.index()];
        assert!(allocation.held.contains(a) && allocation.held.contains(b));
    }
    let success = resource_manager::quantum::success::success_probability(
        &device.calibration,
        &program.on(resource_manager::quantum::success::layer_s(&device.calibration)),
    );
    let all = allocation.explanation;
    // The core leaves out one-qubit gates and the decay of idle qubits.
    assert!(success < (-all.cost).exp() && all.cost > all.terms.swaps && all.terms.swaps > 0.0);
}

#[test]
fn the_scenario_runs_without_a_broken_promise() {
    let scenario = Scenario::load(Path::new("scenarios/routing.yaml"), &[]).unwrap();
    let settings =
        Settings { threads: 1, sinks: &|_| Ok(None), collect: false, timing: false, progress: None };
    let replications = run(&scenario, &settings).unwrap();
    assert_eq!(replications[0].violations, []);
}
