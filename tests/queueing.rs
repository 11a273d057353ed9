//! The simulator against queueing theory: waits of M/M/10, M/M/1 and M/D/1, of two classes by priority, and of the shortest
//! job first, within 3 standard errors of closed forms.
//!
//! `RM_CUSTOMERS` sets the number of customers per seed (default 150,000; 2,800,000 brings the standard error of three
//! seeds of M/M/10 below 1 %). Every run also checks Little's law exactly, in whole nanoseconds.

mod memory;

use std::path::Path;

use resource_manager::experiment::run::{Settings, run};
use resource_manager::experiment::statistics::batch_means;
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::simulator::traces::Sinks;

use memory::Memory;

/// Mean wait of M/M/c with service rate 1: Erlang's C formula divided by the spare capacity.
fn erlang_wait(servers: u32, load: f64) -> f64 {
    let offered = load * f64::from(servers);
    let (mut term, mut sum) = (1.0, 0.0);
    for n in 0..servers {
        sum += term;
        term *= offered / f64::from(n + 1);
    }
    let waiting = term / (1.0 - load);
    waiting / (sum + waiting) / (f64::from(servers) - offered)
}

fn customers() -> u64 {
    std::env::var("RM_CUSTOMERS").map_or(150_000, |text| text.parse().expect("a number"))
}

struct Measured {
    mean: f64,
    standard_error: f64,
}

/// Runs a scenario with seeds 1, 2, 3; the standard error is that of batch means, which respect autocorrelation.
fn measure(name: &str) -> Measured {
    let customers = customers();
    let path = format!("scenarios/{name}.yaml");
    let (mut sum, mut variance) = (0.0, 0.0);
    for seed in 1..=3 {
        let sets = [
            SetOverride::new("seed", seed.to_string()).unwrap(),
            SetOverride::new("horizon", format!("{{jobs: {customers}}}")).unwrap(),
            SetOverride::new("warm_up", format!("{{jobs: {}}}", customers / 50)).unwrap(),
        ];
        let scenario = Scenario::load(Path::new(&path), &sets).unwrap();
        let settings =
            Settings { threads: 1, sinks: &|_| Ok(None), collect: true, timing: false, progress: None };
        let replications = run(&scenario, &settings).unwrap();
        let replication = &replications[0];
        assert_eq!(replication.violations_total, 0);
        let metric = |name: &str| {
            replication
                .summary
                .iter()
                .find(|metric| metric.name == name)
                .and_then(|metric| metric.value)
                .unwrap()
        };
        // Little's law on what was measured: the mean number waiting is the arrival rate times the mean wait.
        // (The exact form, over integer nanoseconds, is checked at the end of every run.)
        let collected = replication.collected.as_ref().unwrap();
        let waits: Vec<f64> = collected
            .jobs
            .iter()
            .skip(customers as usize / 50)
            .filter_map(|job| Some(job.waited?.as_secs_f64()))
            .collect();
        let batches = batch_means(&waits, 50, 0.95).unwrap();
        sum += metric("waiting_time_s.mean");
        variance += batches.standard_error * batches.standard_error;
    }
    Measured { mean: sum / 3.0, standard_error: variance.sqrt() / 3.0 }
}

fn check(name: &str, expected: f64) {
    let Measured { mean, standard_error } = measure(name);
    println!(
        "{name}: mean wait {mean:.4}, closed form {expected:.4}, standard error {:.2} %",
        100.0 * standard_error / expected
    );
    assert!(
        (mean - expected).abs() <= 3.0 * standard_error,
        "{name}: {mean} against {expected} +- {standard_error}"
    );
}

#[test]
fn erlang_gives_the_known_value() {
    assert!((erlang_wait(10, 0.9) - 0.6687).abs() < 5e-5);
    assert!((erlang_wait(1, 0.5) - 1.0).abs() < 1e-12);
}

#[test]
fn mmc_waits_as_erlang_says() {
    check("mmc", erlang_wait(10, 0.9));
}

#[test]
fn mm1_waits_as_theory_says() {
    check("mm1", erlang_wait(1, 0.5));
}

/// Pollaczek and Khinchine: without variance of the service the wait is half of that of M/M/1.
#[test]
fn md1_waits_half_as_long() {
    check("md1", erlang_wait(1, 0.5) / 2.0);
}

/// Waits of the jobs of each of two classes of M/M/1 in the order of their ends, the first fiftieth left out.
fn waits_by_class(settings: &[(&str, String)]) -> [Measured; 2] {
    let customers = customers();
    let mut classes = [(0.0, 0.0); 2];
    for seed in 1..=3 {
        let fixed = [("seed", seed.to_string()), ("horizon", format!("{{jobs: {customers}}}"))];
        let traces = [("warm_up", "none".to_owned()), ("output.traces", "all".to_owned())];
        let sets: Vec<SetOverride> = settings
            .iter()
            .chain(&fixed)
            .chain(&traces)
            .map(|(key, value)| SetOverride::new(key, value.clone()).unwrap())
            .collect();
        let scenario = Scenario::load(Path::new("scenarios/mm1.yaml"), &sets).unwrap();
        let (jobs, timeline) = (Memory::default(), Memory::default());
        let sinks = |_| {
            Ok(Some(Sinks { jobs: jobs.sink(), timeline: timeline.sink(), events: None, estimates: None }))
        };
        let settings = Settings { threads: 1, sinks: &sinks, collect: false, timing: false, progress: None };
        let replications = run(&scenario, &settings).unwrap();
        assert_eq!(replications[0].violations_total, 0);
        let text = jobs.text();
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let header = reader.headers().unwrap().clone();
        let column = |name: &str| header.iter().position(|one| one == name).unwrap();
        let (name, wait) = (column("workload_name"), column("waiting_time"));
        let mut waits = [Vec::new(), Vec::new()];
        for row in reader.records().skip(customers as usize / 50) {
            let row = row.unwrap();
            waits[usize::from(&row[name] != "first")].push(row[wait].parse::<f64>().unwrap());
        }
        for (class, waits) in classes.iter_mut().zip(&waits) {
            let batches = batch_means(waits, 50, 0.95).unwrap();
            class.0 += waits.iter().sum::<f64>() / waits.len() as f64;
            class.1 += batches.standard_error * batches.standard_error;
        }
    }
    classes.map(|(sum, variance): (f64, f64)| Measured {
        mean: sum / 3.0,
        standard_error: variance.sqrt() / 3.0,
    })
}

fn compare(name: &str, Measured { mean, standard_error }: &Measured, expected: f64) {
    println!(
        "{name}: mean wait {mean:.4}, closed form {expected:.4}, standard error {:.2} %",
        100.0 * standard_error / expected
    );
    let off = (mean - expected).abs();
    assert!(off <= 3.0 * standard_error, "{name}: {mean} against {expected} +- {standard_error}");
}

fn classes(second: &str) -> Vec<(&'static str, String)> {
    let of = |name: &str, more: &str| {
        format!(
            "{{name: {name}, qubits: 1, shots: 1, depth: 1, execution_time: {{exponential: {{mean: 1s}}}}{more}}}"
        )
    };
    vec![
        (
            "workload.jobs",
            format!("[{}, {}]", of("first", ", estimated_duration: {times_execution: 1}"), second),
        ),
        ("workload.arrivals", "{poisson: {rate: 0.8/s}}".to_owned()),
        ("allocator.walltime", "{exceeded: continue}".to_owned()),
    ]
}

/// Cobham: without preemption the mean residual service is divided by what the classes ahead, and those with one's own,
/// leave of the server.
#[test]
fn two_priorities_wait_as_cobham_says() {
    let second = "{name: second, qubits: 1, shots: 1, depth: 1, priority: low, execution_time: {exponential: {mean: 1s}}}";
    let mut settings = classes(second);
    settings.push(("allocator.order", "priority".to_owned()));
    settings.push(("allocator.priority_aging", "off".to_owned()));
    let [first, other] = waits_by_class(&settings);
    let (residual, ahead, all) = (0.8, 0.4, 0.8);
    compare("the urgent of M/M/1", &first, residual / (1.0 - ahead));
    compare("the others of M/M/1", &other, residual / ((1.0 - ahead) * (1.0 - all)));
    // The same jobs first in, first out: the test can tell.
    settings.retain(|(key, _)| *key != "allocator.order");
    let [first, _] = waits_by_class(&settings);
    assert!((first.mean - residual / (1.0 - all)).abs() <= 3.0 * first.standard_error);
}

/// Phipps: a job of length x waits for what of the load is no longer than x. Jobs whose walltime is exactly what they take,
/// beside as many that state none and come last.
#[test]
fn the_shortest_first_waits_as_theory_says() {
    let second = "{name: second, qubits: 1, shots: 1, depth: 1, execution_time: {exponential: {mean: 1s}}}";
    let mut settings = classes(second);
    settings.push(("allocator.order", "shortest_first".to_owned()));
    let [first, other] = waits_by_class(&settings);
    let residual = 0.8;
    // Load of jobs with walltimes up to x: half of all.
    let load = |x: f64| 0.4 * (1.0 - (-x).exp() * (1.0 + x));
    let steps = 40_000;
    let width = 20.0 / f64::from(steps);
    let wait: f64 = (0..steps)
        .map(|step| {
            let x = (f64::from(step) + 0.5) * width;
            residual / (1.0 - load(x)).powi(2) * (-x).exp() * width
        })
        .sum();
    compare("those with walltimes, the shortest first", &first, wait);
    compare("those without, behind them", &other, residual / ((1.0 - 0.4) * (1.0 - 0.8)));
}
