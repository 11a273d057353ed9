//! Whole runs: M/M/10 and the quickstart through the product, and where the time of the quickstart goes.

use std::hint::black_box;
use std::path::Path;

use criterion::{BenchmarkId, Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use resource_manager::experiment::run::{Settings, run};
use resource_manager::simulator::scenario::{QUICKSTART, Scenario, SetOverride};
use resource_manager::simulator::traces::Sinks;

fn load(name: &str, text: &str, sets: &[(&str, &str)]) -> Scenario {
    let sets: Vec<SetOverride> =
        sets.iter().map(|(path, value)| SetOverride::new(path, *value).expect("a path")).collect();
    Scenario::from_yaml(text, name, Path::new("scenarios"), &sets).expect("a valid scenario")
}

/// Runs a scenario on one thread; traces are formatted, and thrown away.
fn simulate(scenario: &Scenario, traces: bool, timing: bool) -> u64 {
    let sinks = |_| {
        Ok(traces.then(|| Sinks {
            jobs: Box::new(std::io::sink()),
            timeline: Box::new(std::io::sink()),
            events: Some(Box::new(std::io::sink())),
            estimates: None,
        }))
    };
    let settings = Settings { threads: 1, sinks: &sinks, collect: false, timing, progress: None };
    let replications = run(scenario, &settings).expect("the run succeeds");
    if let Some(timing) = &replications[0].timing {
        let wall = timing.wall.as_secs_f64();
        println!(
            "{}: {:.0} jobs/s; allocator {:.0} %, audit, metrics and event traces {:.0} %, the rest {:.0} %",
            scenario.name,
            timing.jobs as f64 / wall,
            100.0 * timing.allocator.as_secs_f64() / wall,
            100.0 * timing.observation.as_secs_f64() / wall,
            100.0 * (wall - timing.allocator.as_secs_f64() - timing.observation.as_secs_f64()) / wall,
        );
    }
    replications[0].course.arrivals
}

fn runs(criterion: &mut Criterion) {
    let mmc = include_str!("../scenarios/mmc.yaml");
    let mmc = load("mmc", mmc, &[("horizon", "{jobs: 100000}"), ("warm_up", "none")]);
    let quickstart = load("quickstart", QUICKSTART, &[]);
    simulate(&quickstart, true, true);
    let mut group = criterion.benchmark_group("run");
    group.sampling_mode(SamplingMode::Flat).sample_size(10);
    for (name, scenario, traces) in [
        ("mmc, traces off", &mmc, false),
        ("quickstart, traces off", &quickstart, false),
        ("quickstart, traces on", &quickstart, true),
    ] {
        group.throughput(Throughput::Elements(simulate(scenario, traces, false)));
        group.bench_with_input(BenchmarkId::from_parameter(name), scenario, |bencher, scenario| {
            bencher.iter(|| black_box(simulate(scenario, traces, false)));
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().without_plots();
    targets = runs
}
criterion_main!(benches);
