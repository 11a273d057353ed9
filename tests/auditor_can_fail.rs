//! The auditor reports nothing on the shipped scenarios, and does report when the core is made to break a promise.

use std::path::Path;

use resource_manager::allocator::placement::{
    Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy,
};
use resource_manager::experiment::run::{Settings, run};
use resource_manager::observe::auditor::ViolationKind;
use resource_manager::quantum::PhysicalQubit;
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::simulator::simulation::{Instruments, Simulation, WrapStrategy};

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

/// A strategy that packs lines side by side, whatever the mask of free qubits says: a core that ignores buffers.
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
allocator: {isolation: {buffer_distance: BUFFER}}
hardware: {runtime: distribution, drift: {enabled: false}}
calibration: {mode: off}
";

fn side_by_side(buffer: u32) -> Simulated {
    let text = SIDE_BY_SIDE.replace("BUFFER", &buffer.to_string());
    let scenario = Scenario::from_yaml(&text, "side_by_side", Path::new(""), &[]).unwrap();
    let wrap: WrapStrategy = Box::new(|_| Box::new(IgnoresBuffers { next: 0 }));
    let instruments = Instruments { wrap_strategy: Some(wrap), ..Instruments::default() };
    let outcomes = Simulation::new(&scenario, 0, instruments).unwrap().run().unwrap();
    let auditor = &outcomes.observer.auditor;
    Simulated {
        too_narrow: auditor.count(ViolationKind::BufferTooNarrow),
        isolation: auditor.isolation_violations(),
        metric: outcomes.observer.metrics.value("isolation_violations"),
    }
}

struct Simulated {
    too_narrow: u64,
    isolation: u64,
    metric: Option<f64>,
}

#[test]
fn a_core_that_ignores_buffers_is_caught() {
    let honest_promise = side_by_side(0);
    assert_eq!(honest_promise.isolation, 0, "without a promised buffer, neighbours are allowed");
    let broken = side_by_side(1);
    // Five lines side by side: four pairs of neighbours.
    assert_eq!((broken.too_narrow, broken.isolation), (4, 4));
    assert_eq!(broken.metric, Some(4.0));
}
