//! How long one placement takes on a 156-qubit device, empty and half busy.
//!
//! Calibration: placement benchmark v1, fez156. Compiled patterns are warm, everything else is computed each time.

#[path = "../tests/instances/mod.rs"]
#[expect(dead_code, reason = "tests use all of the file, this uses devices and free qubits")]
mod instances;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use instances::Instances;
use resource_manager::allocator::config::Strategy;
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::placement::{PlacementRequest, strategy};
use resource_manager::allocator::protocol::Topology;

fn placement(criterion: &mut Criterion) {
    let all = Instances::parse(include_str!("../tests/data/placement_instances.json"));
    let epoch = all.devices["fez156"].epoch();
    let shapes = [
        ("line5", Topology::Line, 5),
        ("line10", Topology::Line, 10),
        ("line20", Topology::Line, 20),
        ("star4", Topology::Star, 4),
        ("ring12", Topology::Ring, 12),
    ];
    for (chosen, name) in [(Strategy::NoiseAware, "noise_aware"), (Strategy::FirstFit, "first_fit")] {
        for busy in ["empty", "rand50", "clump50"] {
            let free = all.free("fez156", busy);
            let mut group = criterion.benchmark_group(format!("{name}/fez156/{busy}"));
            for (shape, topology, qubits) in &shapes {
                let pattern = Pattern::new(topology, *qubits);
                let request = PlacementRequest::new(&epoch, &free, &pattern);
                let mut strategy = strategy(chosen);
                group.bench_function(*shape, |bencher| bencher.iter(|| strategy.place(black_box(&request))));
            }
        }
    }
}

criterion_group! {
    name = benches;
    // Plots need a font, and the package builds plotters without those of the system.
    config = Criterion::default()
        .without_plots()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = placement
}
criterion_main!(benches);
