//! What the workload costs: instants of arrival and whole jobs, per item.

use std::hint::black_box;
use std::path::Path;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use resource_manager::simulator::scenario::Scenario;
use resource_manager::simulator::workload::{Arrival, Workload};
use resource_manager::time::Time;

const BATCH: u64 = 10_000;

fn workload(text: &str) -> Workload {
    let scenario =
        format!("scenario: bench\nhorizon: {{jobs: 10}}\nfleet: [{{device: ibm_fez}}]\nworkload: {text}");
    match Scenario::from_yaml(&scenario, "bench", Path::new(""), &[]) {
        Ok(scenario) => scenario.workload,
        Err(error) => panic!("{error}"),
    }
}

fn arrivals(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("arrivals");
    group.throughput(Throughput::Elements(BATCH));
    for (name, process) in [
        ("poisson", "poisson: {rate: 9/s}"),
        ("deterministic", "deterministic: {every: 1s}"),
        ("hyperexponential", "renewal: {rate: 1/s, cv: 4}"),
        ("gamma", "renewal: {rate: 1/s, cv: 0.5}"),
        ("batch", "batch: {rate: 1/s}"),
        ("sinusoidal", "sinusoidal: {rate: 1/s}"),
    ] {
        let workload = workload(&format!("{{arrivals: {{{process}}}, jobs: [{{qubits: 1}}]}}"));
        let mut stream = workload.arrivals(1, 0);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for _ in 0..BATCH {
                    black_box(stream.next());
                }
            });
        });
    }
    group.finish();
}

fn jobs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jobs");
    group.throughput(Throughput::Elements(BATCH));
    for (name, jobs) in [
        ("one qubit", "[{qubits: 1, shots: 1}]"),
        ("uniform", "[{qubits: {uniform: [5, 20]}, shots: {uniform: [10000, 100000]}}]"),
        ("ibm_like", "ibm_like"),
    ] {
        let workload = workload(&format!("{{arrivals: {{poisson: {{rate: 9/s}}}}, jobs: {jobs}}}"));
        let streams = Workload::attributes(1, 0);
        let mut number = 0;
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                for _ in 0..BATCH {
                    number += 1;
                    black_box(workload.draw(
                        &streams,
                        Arrival { at: Time::ZERO, source: 0, continues: false },
                        number,
                    ));
                }
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = arrivals, jobs
}
criterion_main!(benches);
