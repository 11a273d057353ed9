//! The auditor reports nothing on the shipped scenarios, and does report when the core is made to break a promise.

use std::path::Path;
use std::sync::Arc;

use resource_manager::allocator::Allocator;
use resource_manager::allocator::placement::{
    Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy,
};
use resource_manager::allocator::protocol::{Command, Event, JobId, JobRequest, Topology};
use resource_manager::experiment::run::{Settings, run};
use resource_manager::observe::Observer;
use resource_manager::observe::auditor::ViolationKind;
use resource_manager::observe::metrics::MetricsOptions;
use resource_manager::quantum::PhysicalQubit;
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::simulator::simulation::{Instruments, Outcomes, Simulation, WrapStrategy};
use resource_manager::time::Time;

fn scenario(path: &str, sets: &[(&str, &str)]) -> Scenario {
    let sets: Vec<SetOverride> =
        sets.iter().map(|(path, value)| SetOverride::new(path, *value).unwrap()).collect();
    Scenario::load(Path::new(path), &sets).unwrap()
}

#[test]
fn nothing_is_found_on_the_shipped_scenarios() {
    for name in [
        "quickstart",
        "saturated",
        "fragmentation",
        "quality_and_elastic",
        "routing",
        "mmc",
        "mm1",
        "md1",
        "published/qcloudsim_l3",
    ] {
        let jobs = [("horizon", "{jobs: 3000}"), ("warm_up", "none"), ("drain", "true")];
        let scenario = scenario(&format!("scenarios/{name}.yaml"), &jobs);
        let settings =
            Settings { threads: 1, sinks: &|_| Ok(None), collect: false, timing: false, progress: None };
        let replications = run(&scenario, &settings).unwrap();
        assert_eq!(replications[0].violations, [], "{name}");
        assert_eq!(replications[0].violations_total, 0, "{name}");
    }
}

/// A strategy that packs lines side by side, whatever the mask of free qubits says.
struct IgnoresBuffers {
    next: u32,
}

impl PlacementStrategy for IgnoresBuffers {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let all_free = request.free.len() == request.epoch.usable.len();
        // Asked about an empty device before any job runs, it answers like anyone else.
        let first = if all_free { 0 } else { self.next };
        self.next = first + request.pattern.qubits() as u32;
        let layout = (first..self.next).map(PhysicalQubit).collect();
        let outcome = PlacementOutcome::Feasible {
            placement: Placement { layout, cost: 0, objective: 0, routing: None },
            gap: None,
        };
        Placed { outcome, steps: 1 }
    }
}

const SIDE_BY_SIDE: &str = "
scenario: side_by_side
horizon: {jobs: 5}
drain: false
fleet:
  - {name: chain, synthetic: {line: {qubits: 40}}, noise: ideal}
workload:
  arrivals: {deterministic: {every: 1s}}
  jobs:
    - {name: line, qubits: 4, topology: line, execution_time: 10h}
allocator: {isolation: {buffer_distance: BUFFER}, queue: {global: {skip_ahead: 64}}}
hardware: {runtime: distribution, drift: {enabled: false}}
calibration: {mode: off}
";

fn side_by_side(buffer: u32) -> Outcomes {
    let text = SIDE_BY_SIDE.replace("BUFFER", &buffer.to_string());
    let scenario = Scenario::from_yaml(&text, "side_by_side", Path::new(""), &[]).unwrap();
    let wrap: WrapStrategy = Box::new(|_| Box::new(IgnoresBuffers { next: 0 }));
    let instruments = Instruments { wrap_strategy: Some(wrap), ..Instruments::default() };
    Simulation::new(&scenario, 0, instruments).unwrap().run().unwrap()
}

/// Whatever a strategy answers, the core starts nothing on qubits that it did not offer.
#[test]
fn the_core_does_not_follow_a_strategy_that_ignores_buffers() {
    for (buffer, running) in [(0, 5), (1, 1)] {
        let outcomes = side_by_side(buffer);
        assert_eq!(outcomes.observer.auditor.isolation_violations(), 0);
        assert_eq!(outcomes.observer.metrics.value("isolation_violations"), Some(0.0));
        assert_eq!(outcomes.observer.metrics.value("jobs_submitted"), Some(5.0));
        let mut metrics = outcomes.observer.metrics.clone();
        let at_the_end = metrics.sample(outcomes.ended).last().unwrap();
        assert_eq!((at_the_end.running, at_the_end.queue_length), (running, 5 - running), "buffer {buffer}");
    }
}

/// A core that follows it: the events of one that promises no buffers, with the promise written over.
#[test]
fn a_core_that_ignores_buffers_is_caught() {
    for (promised, expected) in [(0, 0), (1, 4), (2, 4)] {
        let outcomes = observed(promised);
        // Five lines side by side: four pairs of neighbours.
        let auditor = &outcomes.auditor;
        assert_eq!(auditor.isolation_violations(), expected);
        assert_eq!(auditor.count(ViolationKind::BufferTooNarrow), expected);
    }
}

/// Five lines of four on a chain, side by side, each promised so many idle qubits around it.
fn observed(promised: u32) -> Observer {
    let text = SIDE_BY_SIDE.replace("BUFFER", "0");
    let scenario = Scenario::from_yaml(&text, "side_by_side", Path::new(""), &[]).unwrap();
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut core = Allocator::new(scenario.allocator.clone(), draws).unwrap();
    core = core.with_strategy(Box::new(IgnoresBuffers { next: 0 }));
    let mut events = Vec::new();
    let device = &scenario.fleet[0];
    let register = Command::RegisterDevice { device: device.id, spec: device.spec.clone() };
    core.handle(Time::ZERO, register, &mut events).unwrap();
    for id in 0..5 {
        let job = JobRequest::new(JobId(id), 4, Topology::Line);
        core.handle(Time::ZERO, Command::Submit(Arc::new(job)), &mut events).unwrap();
        core.handle(Time::ZERO, Command::Wake, &mut events).unwrap();
    }
    let mut observer = Observer::new(MetricsOptions::default());
    for mut event in events {
        if let Event::JobStarted { allocation } = &mut event {
            let mut broken = (**allocation).clone();
            let map = &device.spec.coupling_map;
            broken.isolation.buffer_distance = promised;
            broken.blocked = map.dilate(&broken.held, promised);
            broken.blocked.subtract(&broken.held);
            *allocation = Arc::new(broken);
        }
        observer.observe(Time::ZERO, &event);
    }
    observer
}
