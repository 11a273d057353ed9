use std::path::Path;

use super::*;
use crate::simulator::scenario::Scenario;
use crate::simulator::workload::jobs::PlannedOutcome;
use crate::time::Span;

fn workload(text: &str) -> Workload {
    let scenario = format!(
        "scenario: test\nhorizon: {{jobs: 10}}\nfleet: [{{device: ibm_fez}}, {{device: ionq_forte}}]\n{text}"
    );
    Scenario::from_yaml(&scenario, "test", Path::new(""), &[])
        .unwrap_or_else(|error| panic!("{error}"))
        .workload
}

fn quantile(sorted: &[f64], p: f64) -> f64 {
    sorted[(p * (sorted.len() - 1) as f64).round() as usize]
}

/// The figures of the published job properties, within 3 % (percentiles of 100,000 jobs).
#[test]
fn the_ibm_like_mix_has_the_measured_quantiles() {
    let workload = workload("workload: {arrivals: {poisson: {rate: 1/s}}, jobs: ibm_like}");
    let streams = Workload::attributes(5, 0);
    let arrival = Arrival { at: Time::ZERO, source: 0, continues: false };
    let jobs: Vec<_> = (0..100_000).map(|number| workload.draw(&streams, arrival, number)).collect();
    let sorted = |of: &dyn Fn(&GeneratedJob) -> f64| {
        let mut values: Vec<f64> = jobs.iter().map(of).collect();
        values.sort_by(f64::total_cmp);
        values
    };
    let run_time = |job: &GeneratedJob| {
        let executions = job.request.shots as f64 * f64::from(job.request.circuits);
        let circuits = f64::from(job.request.circuits);
        3.1 + 0.088 * circuits + 264e-6 * executions + 0.229e-6 * executions * f64::from(job.request.depth)
    };
    let figures = [
        ("qubits", sorted(&|job| f64::from(job.request.min_qubits)), [(0.5, 5.0), (0.75, 7.0), (0.99, 19.0)]),
        ("shots", sorted(&|job| job.request.shots as f64), [(0.2, 1_000.0), (0.5, 4_000.0), (0.9, 8_000.0)]),
        (
            "circuits",
            sorted(&|job| f64::from(job.request.circuits)),
            [(0.49, 1.0), (0.75, 40.0), (0.9, 90.0)],
        ),
        ("depth", sorted(&|job| f64::from(job.request.depth)), [(0.5, 114.0), (0.9, 487.0), (0.99, 4_672.0)]),
    ];
    for (name, values, expected) in figures {
        for (p, value) in expected {
            let seen = quantile(&values, p);
            assert!((seen / value - 1.0).abs() < 0.03, "{name} at {p}: {seen}, not {value}");
        }
    }
    // Measured: median 6.9 s, mean 60.7, p90 190, p99 678. Independent attributes cannot meet all four.
    let seconds = sorted(&run_time);
    let mean = seconds.iter().sum::<f64>() / seconds.len() as f64;
    let shown = [0.5, 0.9, 0.99].map(|p| quantile(&seconds, p));
    assert!((4.0..12.0).contains(&shown[0]), "{shown:?}");
    assert!((45.0..75.0).contains(&mean), "{mean}");
    assert!((120.0..220.0).contains(&shown[1]), "{shown:?}");
    assert!((450.0..900.0).contains(&shown[2]), "{shown:?}");
    let share = |outcome: fn(&PlannedOutcome) -> bool| {
        jobs.iter().filter(|job| outcome(&job.outcome)).count() as f64 / jobs.len() as f64
    };
    assert!((share(|outcome| matches!(outcome, PlannedOutcome::CancelledAfter(_))) - 0.058).abs() < 0.004);
    assert!((share(|outcome| matches!(outcome, PlannedOutcome::FailsAt(_))) - 0.031).abs() < 0.003);
}

#[test]
fn a_job_depends_on_its_number_alone() {
    let text = "workload: {arrivals: {poisson: {rate: 1/s}}, jobs: ibm_like, tenants: {users: 50, groups: 5, projects: 7}}";
    let workload = workload(text);
    let streams = Workload::attributes(5, 0);
    let draw = |number, at| workload.draw(&streams, Arrival { at, source: 0, continues: false }, number);
    let late = Time(77);
    assert_eq!(draw(9, Time::ZERO), draw(9, late));
    assert_ne!(draw(9, late).request.tenant, draw(10, late).request.tenant);
    let tenant = draw(9, late).request.tenant;
    assert_eq!((tenant.group, tenant.project), (tenant.user % 5, tenant.user % 7));
    assert_eq!(draw(9, late).request.id.0, 9);
    let other = Workload::attributes(5, 1);
    assert_ne!(workload.draw(&other, Arrival { at: late, source: 0, continues: false }, 9), draw(9, late));
}

#[test]
fn every_drawn_job_is_valid() {
    let workload = workload(
        "workload:\n  arrivals: {poisson: {rate: 1/s}}\n  jobs:\n  - {preset: ibm_like, estimated_duration: {times_execution: {uniform: [1, 2]}}}\n  - {qubits: {uniform: [1, 5]}, topology: {choice: [[ring, 1], [star, 1]]}, shots: {zipf: {n: 10, s: 1}}}\n  - {topology: {grid: {rows: 1, columns: 3}}, estimated_duration: 5m}\n",
    );
    let streams = Workload::attributes(1, 0);
    let mut seen = [0; 3];
    for number in 0..3_000 {
        let job = workload.draw(&streams, Arrival { at: Time::ZERO, source: 0, continues: false }, number);
        assert_eq!(job.request.validate(), Ok(()), "{:?}", job.request);
        seen[job.template as usize] += 1;
        match job.template {
            0 => assert!((1.0..2.0).contains(&job.walltime_factor.unwrap())),
            1 => assert!(job.walltime_factor.is_none() && job.request.shots <= 10),
            _ => assert_eq!(job.request.estimated_duration, Some(Span::from_secs(300))),
        }
    }
    assert!(seen.iter().all(|count| (900..1_100).contains(count)), "{seen:?}");
}

#[test]
fn sources_are_merged_in_order_and_stop_when_they_should() {
    let workload = workload(
        "workload:\n  arrivals: {deterministic: {every: 2s}}\n  stop_after: 6s\n  jobs: ibm_like\n  sources:\n  - {arrivals: {at_start: {jobs: 2}}, start_after: 2s}\n  - {arrivals: {burst: {every: 3s, jobs: 2, over: 2s}}, stop_after: 4s}\n",
    );
    let shown: Vec<String> =
        workload.arrivals(1, 0).map(|arrival| format!("{}:{}", arrival.at, arrival.source)).collect();
    insta::assert_snapshot!(shown.join(" "), @"0s:2 1s:2 2s:0 2s:1 2s:1 3s:2 4s:0 4s:2 6s:0");
    assert_eq!(workload.total(), None);
}
