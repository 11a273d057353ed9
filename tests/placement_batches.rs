//! Batches on measured devices and saturated grids, scored from the file rather than by the code under test; and
//! joint placement in the scheduling pass.
//!
//! Source: placement benchmark v1, calibrations from qiskit-ibm-runtime fake_provider.

mod instances;

use std::sync::Arc;

use instances::{Best, Instances};
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, Batch, Strategy};
use resource_manager::allocator::placement::batch::components;
use resource_manager::allocator::placement::cost::Epoch;
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::{
    PlacementOutcome, PlacementRequest, placement_of_layout, strategy,
};
use resource_manager::allocator::protocol::{
    Allocation, Command, ElementLimits, EpochNumber, Event, JobId, JobRequest, QualityBound, Topology,
};
use resource_manager::allocator::quality::QualityBounds;
use resource_manager::quantum::catalogue;
use resource_manager::quantum::{DeviceId, QubitSet};
use resource_manager::random::{Purpose, StreamFamily};
use resource_manager::time::Time;

/// One after the other, largest first: the score, or zero when one does not fit.
fn sequential(request: &PlacementRequest<'_>) -> f64 {
    let mut parts = components::split(request.pattern);
    parts.sort_by_key(|part| std::cmp::Reverse(part.pattern.qubits()));
    let mut free = request.free.clone();
    let mut exact = strategy(Strategy::NoiseAware);
    let mut nats = 0.0;
    for part in parts {
        let alone = PlacementRequest { pattern: &part.pattern, free: &free, ..*request };
        let PlacementOutcome::Optimal(placement) = exact.place(&alone).outcome else { return 0.0 };
        nats += resource_manager::allocator::placement::cost::nats_of_cost(placement.cost);
        placement.layout.iter().for_each(|&qubit| {
            free.remove(qubit);
        });
    }
    (-nats).exp()
}

/// Every batch is proved best, and never worse than what is known or than one after the other.
#[test]
fn batches_are_placed_jointly() {
    let all = Instances::parse(include_str!("data/placement_batches.json"));
    let mut exact = strategy(Strategy::NoiseAware);
    let mut lines = Vec::new();
    for (name, device) in &all.devices {
        let epoch = device.epoch();
        for instance in all.instances.iter().filter(|instance| &instance.device == name) {
            let label = format!("{name}/{} {}", instance.busy, instance.pattern);
            let free = all.free(name, &instance.busy);
            let pattern = all.pattern(&instance.pattern);
            let request = PlacementRequest::new(&epoch, &free, &pattern);
            let placed = exact.place(&request);
            let PlacementOutcome::Optimal(placement) = placed.outcome else {
                panic!("{label}: {:?}", placed.outcome)
            };
            let graph = &all.patterns[&instance.pattern];
            let score = device.score(&free, graph, &placement.layout).expect(&label);
            let Best::Score(known) = instance.best_known else { panic!("{label}") };
            assert!(score >= known * (1.0 - 1e-6), "{label}: {score}, known {known}");
            assert!(!instance.proved || score <= known * (1.0 + 1e-6), "{label}: {score}, proved {known}");
            let sequential = sequential(&request);
            assert!(score >= sequential * (1.0 - 1e-6), "{label}: {score}, sequential {sequential}");
            lines.push(format!("{label}: {score:.6}, one after the other {sequential:.6}"));
        }
    }
    insta::assert_snapshot!(lines.join("\n"), @"
    fez156/empty 2xline5: 0.922810, one after the other 0.922810
    fez156/empty 8xline5: 0.696352, one after the other 0.692360
    fez156/empty 8xtreeH7: 0.520623, one after the other 0.493102
    fez156/empty 4xring12: 0.483504, one after the other 0.483504
    sat3x8/empty pairs12: 0.739812, one after the other 0.000000
    sat6x7/empty pairs21: 0.590151, one after the other 0.000000
    ");
}

/// The allocations of jobs that are submitted at one instant.
fn started(batch: Batch, requests: &[JobRequest]) -> Vec<Arc<Allocation>> {
    let config = AllocatorConfig { batch, ..AllocatorConfig::default() };
    let draws = StreamFamily::new(1, 0, Purpose::DeviceSelection);
    let mut core = Allocator::new(config, draws).unwrap();
    let mut events = Vec::new();
    let mut apply = |command| core.handle(Time::ZERO, command, &mut events).unwrap();
    let spec = Arc::new(catalogue::load("ibm_guadalupe").expect("shipped"));
    apply(Command::RegisterDevice { device: DeviceId(0), spec });
    for request in requests {
        apply(Command::Submit(Arc::new(request.clone())));
    }
    apply(Command::Wake);
    let starts = events.iter().filter_map(|event| match event {
        Event::JobStarted { allocation } => Some(allocation.clone()),
        _ => None,
    });
    starts.collect()
}

/// The same jobs start in the same order, apart from each other, for a lower total.
#[test]
fn jobs_that_start_together_share_the_device() {
    let requests: Vec<JobRequest> = (1..=3).map(|id| JobRequest::new(JobId(id), 3, Topology::Line)).collect();
    let joint = Batch::Joint { max_jobs: 16 };
    let (alone, together) = (started(Batch::Sequential, &requests), started(joint, &requests));
    let jobs =
        |allocations: &[Arc<Allocation>]| allocations.iter().map(|a| (a.id, a.job)).collect::<Vec<_>>();
    assert_eq!(jobs(&alone), jobs(&together));
    assert!(alone.len() > 1);
    let total =
        |allocations: &[Arc<Allocation>]| -> f64 { allocations.iter().map(|a| a.explanation.cost).sum() };
    for (index, one) in together.iter().enumerate() {
        assert!(together[..index].iter().all(|other| one.held.is_disjoint(&other.blocked)));
    }
    assert!(total(&together) < total(&alone), "{} against {}", total(&together), total(&alone));
}

/// Bounds that all jobs meet where the queue puts them: those that move are judged anew, and none moves to where it
/// misses its bound.
#[test]
fn bounds_are_kept_when_jobs_move() {
    let bounded = |at_least: &[f64]| -> Vec<JobRequest> {
        let job = |(id, &at_least): (u64, &f64)| JobRequest {
            min_success_probability: Some(QualityBound { at_least, hard: id % 2 == 0 }),
            ..JobRequest::new(JobId(id), 3, Topology::Line)
        };
        (1..).zip(at_least).map(job).collect()
    };
    let quality = |allocation: &Arc<Allocation>| {
        allocation.explanation.quality.expect("a job with a bound").success_probability
    };
    let joint = Batch::Joint { max_jobs: 16 };
    let (alone, together) =
        (started(Batch::Sequential, &bounded(&[0.1; 3])), started(joint, &bounded(&[0.1; 3])));
    let moved = |a: &[Arc<Allocation>], b: &[Arc<Allocation>]| -> usize {
        a.iter().zip(b).filter(|(a, b)| a.layout != b.layout).count()
    };
    assert!(moved(&alone, &together) > 0);
    let spec = catalogue::load("ibm_guadalupe").expect("shipped");
    let none = QubitSet::new(spec.coupling_map.qubits());
    let epoch = Epoch::new(EpochNumber(1), spec.coupling_map.clone(), spec.calibration, &none, &[]);
    for (request, allocation) in bounded(&[0.1; 3]).iter().zip(&together) {
        let pattern = Pattern::new(&request.topology, 3);
        let placement = placement_of_layout(
            &PlacementRequest::new(&epoch, &epoch.usable, &pattern),
            allocation.layout.clone(),
        );
        let judged =
            QualityBounds::new(request).assess(&request.topology, &pattern, &epoch, &placement.unwrap());
        assert_eq!(allocation.explanation.quality, Some(judged));
    }
    // Now with bounds that leave no room: nobody may lose.
    let worse = alone.iter().zip(&together).any(|(alone, together)| quality(together) < quality(alone));
    assert!(worse, "one must give way for the total");
    let tight: Vec<f64> = alone.iter().map(|allocation| quality(allocation) - 1e-9).collect();
    let kept = started(joint, &bounded(&tight));
    assert_eq!(kept.len(), alone.len());
    for (allocation, least) in kept.iter().zip(tight) {
        assert!(quality(allocation) >= least, "{} below {least}", quality(allocation));
    }
}

/// Whoever moves stays within its limits on couplers, wherever these are drawn.
#[test]
fn limits_are_kept_when_jobs_move() {
    let spec = catalogue::load("ibm_guadalupe").expect("shipped");
    let mut errors: Vec<f64> =
        spec.calibration.couplers.iter().map(|coupler| coupler.two_qubit_error).collect();
    errors.sort_by(f64::total_cmp);
    let (mut moved, mut barred) = (0, 0);
    for &most in &errors {
        let job = |id| JobRequest {
            limits: ElementLimits { max_two_qubit_error: most, ..ElementLimits::NONE },
            ..JobRequest::new(JobId(id), 2 + id as u32 % 2, Topology::Line)
        };
        let requests: Vec<JobRequest> = (1..=4).map(job).collect();
        let alone = started(Batch::Sequential, &requests);
        let together = started(Batch::Joint { max_jobs: 16 }, &requests);
        moved += alone.iter().zip(&together).filter(|(a, b)| a.layout != b.layout).count();
        barred += errors.iter().filter(|error| **error > most).count();
        for allocation in &together {
            for pair in allocation.layout.windows(2) {
                let coupler = spec.coupling_map.coupler(pair[0], pair[1]).expect("a line lies on couplers");
                let error = spec.calibration.couplers[coupler.index()].two_qubit_error;
                assert!(error <= most, "{error} beyond {most}");
            }
        }
    }
    assert!(moved > 0 && barred > 0, "{moved} {barred}");
}
