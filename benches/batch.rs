//! How long it takes to place several jobs at once: saturated pair grids, and lines and trees on a 156-qubit device.
//!
//! Calibration: placement benchmark v1. Cold: compiled patterns are forgotten before each batch; only the device epoch is
//! built beforehand.

#[path = "../tests/instances/mod.rs"]
#[expect(dead_code, reason = "tests use all of the file, this uses no scores")]
mod instances;

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use instances::Instances;
use resource_manager::allocator::config::Strategy;
use resource_manager::allocator::placement::{PlacementRequest, strategy};

fn batch(criterion: &mut Criterion) {
    let all = Instances::parse(include_str!("../tests/data/placement_batches.json"));
    let mut group = criterion.benchmark_group("batch");
    for instance in &all.instances {
        let epoch = all.devices[&instance.device].epoch();
        let free = all.free(&instance.device, &instance.busy);
        let pattern = all.pattern(&instance.pattern);
        let request = PlacementRequest::new(&epoch, &free, &pattern);
        let mut exact = strategy(Strategy::NoiseAware);
        group.bench_function(format!("{}/{}", instance.device, instance.pattern), |bencher| {
            bencher.iter(|| {
                exact.forget();
                exact.place(black_box(&request))
            });
        });
    }
}

criterion_group! {
    name = benches;
    // Plots need a font, and the package builds plotters without those of the system.
    config = Criterion::default()
        .without_plots()
        .warm_up_time(std::time::Duration::from_millis(300))
        .measurement_time(std::time::Duration::from_secs(1));
    targets = batch
}
criterion_main!(benches);
