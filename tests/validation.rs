//! Experiments against what must hold whatever the strategy: coverage of intervals, what common random numbers save,
//! and metamorphic relations (a change of the scenario whose effect is known).

use std::path::Path;

use rayon::prelude::*;
use resource_manager::experiment::run::{Replication, Settings, run};
use resource_manager::experiment::statistics::{LEVEL_95, mean_interval, paired_difference};
use resource_manager::simulator::scenario::{QUICKSTART, Scenario, SetOverride};

const ONE_THREAD: Settings<'static> =
    Settings { threads: 1, sinks: &|_| Ok(None), collect: false, timing: false, progress: None };

fn sets(settings: &[(&str, String)]) -> Vec<SetOverride> {
    settings.iter().map(|(path, value)| SetOverride::new(path, value.clone()).unwrap()).collect()
}

fn load(name: &str, settings: &[(&str, String)]) -> Scenario {
    Scenario::load(Path::new(&format!("scenarios/{name}.yaml")), &sets(settings)).unwrap()
}

fn quickstart(settings: &[(&str, String)]) -> Scenario {
    Scenario::from_yaml(QUICKSTART, "quickstart", Path::new(""), &sets(settings)).unwrap()
}

fn metric(replication: &Replication, name: &str) -> Option<f64> {
    let found = replication.summary.iter().find(|metric| metric.name == name);
    found.unwrap_or_else(|| panic!("no metric {name}")).value
}

fn waits(scenario: &Scenario) -> Vec<f64> {
    let replications = run(scenario, &ONE_THREAD).unwrap();
    replications.iter().map(|replication| metric(replication, "waiting_time_s.mean").unwrap()).collect()
}

/// Two servers at half load: Erlang's C formula gives a mean wait of a third of a service time. 1,000 experiments of
/// five replications each, through the whole product; their 95 % intervals must hold the truth in 93 to 97 % of cases.
#[test]
fn intervals_cover_the_truth_as_often_as_they_say() {
    let truth = 1.0 / 3.0;
    let covered: usize = (0..1_000_u64)
        .into_par_iter()
        .filter(|seed| {
            let scenario = load(
                "mmc",
                &[
                    ("seed", seed.to_string()),
                    ("replications", "5".to_owned()),
                    ("horizon", "{jobs: 700}".to_owned()),
                    ("warm_up", "{jobs: 50}".to_owned()),
                    ("fleet.0.count", "2".to_owned()),
                    ("workload.arrivals.poisson.rate", "1/s".to_owned()),
                ],
            );
            mean_interval(&waits(&scenario), LEVEL_95).unwrap().contains(truth)
        })
        .count();
    println!("{covered} of 1,000 intervals hold the closed form");
    assert!((930..=970).contains(&covered), "{covered} of 1,000");
}

/// A near pair: the same policy, service one percent faster. On common worlds the difference has a variance more than
/// ten times smaller than between independent ones, so that as many fewer replications tell the two apart.
#[test]
fn common_random_numbers_save_replications() {
    let with = |seed: u64, service: &str| {
        let scenario = load(
            "mm1",
            &[
                ("seed", seed.to_string()),
                ("replications", "40".to_owned()),
                ("horizon", "{jobs: 4000}".to_owned()),
                ("warm_up", "{jobs: 400}".to_owned()),
                ("workload.jobs.0.execution_time.exponential.mean", service.to_owned()),
            ],
        );
        waits(&scenario).into_iter().map(Some).collect::<Vec<_>>()
    };
    let base = with(1, "1s");
    let common = paired_difference(&base, &with(1, "0.99s"), LEVEL_95).unwrap();
    let independent = paired_difference(&base, &with(2, "0.99s"), LEVEL_95).unwrap();
    let width = |found: &resource_manager::experiment::statistics::Difference| {
        found.interval.expect("40 pairs").half_width()
    };
    let fewer = (width(&independent) / width(&common)).powi(2);
    println!(
        "difference {:+.4} +- {:.4} on common worlds, {:+.4} +- {:.4} on independent ones: {fewer:.0} times fewer \
         replications (variance reduction {:.0})",
        common.difference,
        width(&common),
        independent.difference,
        width(&independent),
        common.variance_reduction.unwrap(),
    );
    assert!(fewer >= 10.0 && common.variance_reduction.unwrap() >= 10.0);
    assert!(common.p_value.unwrap() < 0.001, "a faster server must be told apart");
}

/// All times twice as long: all waits twice as long, and not a single decision changes.
#[test]
fn time_scaled_by_two_doubles_the_waits() {
    let with = |rate: &str, service: &str| {
        let settings = [
            ("horizon", "{jobs: 5000}".to_owned()),
            ("warm_up", "none".to_owned()),
            ("workload.arrivals.poisson.rate", rate.to_owned()),
            ("workload.jobs.0.execution_time.exponential.mean", service.to_owned()),
        ];
        waits(&load("mmc", &settings))[0]
    };
    let (once, twice) = (with("9/s", "1s"), with("4.5/s", "2s"));
    assert!(once > 0.1 && (twice / once - 2.0).abs() < 1e-6, "{once} {twice}");
}

/// What a device is called is no reason for anything; failures that practically never come are none.
#[test]
fn names_and_failures_that_never_come_change_nothing() {
    let small = [("horizon", "{jobs: 1500}".to_owned()), ("warm_up", "none".to_owned())];
    let totals = |settings: &[(&str, String)]| {
        let all: Vec<(&str, String)> = small.iter().chain(settings).cloned().collect();
        let replications = run(&quickstart(&all), &ONE_THREAD).unwrap();
        let values = replications[0].summary.iter().map(|metric| (metric.name.clone(), metric.value));
        values.collect::<Vec<_>>()
    };
    let failures = ("hardware.failures", "[]".to_owned());
    let plain = totals(std::slice::from_ref(&failures));
    assert!(
        plain
            .iter()
            .any(|(name, value)| name == "jobs_completed" && value.is_some_and(|jobs| jobs > 1_000.0))
    );
    let renamed = totals(&[
        failures,
        ("fleet.0.name", "ibm_zebra".to_owned()),
        ("fleet.2.name", "ibm_aardvark".to_owned()),
    ]);
    assert_eq!(plain, renamed);
    let never = "[{mtbf: {class: soft, mean_time_between: 200000d}}]".to_owned();
    assert_eq!(plain, totals(&[("hardware.failures", never)]));
}
