use proptest::prelude::*;

use super::*;
use crate::allocator::PassTally;
use crate::allocator::protocol::{EpochNumber, QualityBound, Rejection, Status, Target};
use crate::allocator::quality::{Assessment, Millionths, QualityDemand, Shortfall};
use crate::observe::Observer;
use crate::observe::fixture::*;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{CouplerId, PhysicalQubit, QubitSet};

const IONS: DeviceId = DeviceId(1);

fn of_project(project: u32, mut job: JobRequest) -> JobRequest {
    job.tenant.project = project;
    job
}

fn shown(values: Vec<MetricValue>) -> String {
    let line = |value: &MetricValue| match value.value {
        Some(number) => format!("{} {number:.6}", value.name),
        None => format!("{} -", value.name),
    };
    values.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// Ten qubits in a line (the last one dead) and four ions, measured from 10 s to 110 s. Job 1 (two qubits) runs from
/// 0 s to 30 s; job 2 (three) waits from 10 s, runs on the line from 20 s to 50 s and on the ions from 60 s to 80 s;
/// job 3 waits from 20 s and expires at 40 s; job 4 waits from 20 s on; job 5 is refused.
fn by_hand() -> Observer {
    let (line, ions) = (CouplingMap::line(10).unwrap(), CouplingMap::all_to_all(4).unwrap());
    let mut line_spec = spec("line", line.clone());
    Arc::make_mut(&mut line_spec.calibration).qubits[9].dead = true;
    let mut observer = Observer::new(MetricsOptions::default());
    let mut again = grant(at(60), 2, 3, &ions, &[0, 1, 2]);
    (again.device, again.attempt, again.tenant.project) = (IONS, 2, 1);
    let mut second = grant(at(20), 2, 2, &line, &[3, 4, 5]);
    second.tenant.project = 1;
    second.explanation.quality = Some(Assessment {
        success_probability: 0.9,
        gate_fidelity: 0.99,
        missed: Some(Shortfall {
            demand: QualityDemand::MinSuccessProbability,
            least: Millionths(999_999),
            best: Millionths(900_000),
        }),
        forbidden: false,
    });
    again.explanation.quality = second.explanation.quality;
    let wish = Some(QualityBound { at_least: 0.999_999, hard: false });
    let demanding = JobRequest { min_success_probability: wish, deadline: Some(at(80)), ..line_job(2, 3) };
    let request = Event::CalibrationRequested { device: DEVICE, epoch: EpochNumber(1), job: JobId(2) };
    let patience = Some(Span::from_secs(20));
    let expiring = JobRequest { max_wait_time: patience, deadline: Some(at(200)), ..line_job(3, 2) };
    let events = [
        (0, registered(DEVICE, line_spec)),
        (0, registered(IONS, spec("ions", ions))),
        (0, queued(line_job(1, 2))),
        (0, started(grant(at(0), 1, 1, &line, &[0, 1]))),
        (10, queued(of_project(1, demanding))),
        (20, started(second)),
        (20, request),
        (20, queued(of_project(1, expiring))),
        (20, queued(JobRequest { deadline: Some(at(109)), ..line_job(4, 9) })),
        (30, finished(1, 1)),
        (40, Event::JobExpired { job: JobId(3), waited: Span::from_secs(20) }),
        (50, requeued(2, 2)),
        (60, started(again)),
        (80, finished(2, 3)),
        (85, queued(JobRequest { deadline: Some(at(110)), ..line_job(6, 9) })),
        (90, Event::JobRejected { job: Arc::new(line_job(5, 99)), reason: Rejection::NoDevice }),
    ];
    let mut tells = TellsWaits::default();
    for (seconds, event) in events {
        if seconds == 10 {
            observer.metrics.start_measuring(at(10));
        }
        tells.each(at(seconds), &event, |event| observer.observe(at(seconds), event));
        assert_eq!(observer.metrics.check_conservation(), Ok(()), "at {seconds} s");
    }
    observer.metrics.count_pass(PassTally { attempts: 4, started: 1, blocked_by_shape: 1 });
    observer.metrics.record_fidelity(JobId(2), 0.9, 0.85);
    observer.finish(at(110));
    assert_eq!(observer.auditor.violations(), &[]);
    assert_eq!(observer.metrics.check_conservation(), Ok(()));
    observer
}

#[test]
fn a_small_run_gives_the_numbers_worked_out_by_hand() {
    let metrics = by_hand().metrics;
    let expected = [
        ("qubit_utilization", (2.0 * 20.0 + 3.0 * 30.0 + 3.0 * 20.0) / (9.0 * 100.0 + 4.0 * 100.0)),
        ("qubit_utilization[line]", 130.0 / 900.0),
        ("effective_utilization[line]", (3.0 * 10.0 + 7.0 * 10.0 + 5.0 * 20.0) / 900.0),
        ("effective_utilization[ions]", 80.0 / 400.0),
        ("isolation_overhead", (10.0 + 20.0 + 40.0 + 20.0) / 190.0),
        ("coupler_utilization[line]", (1.0 * 20.0 + 2.0 * 30.0) / 800.0),
        ("coupler_utilization[ions]", 3.0 * 20.0 / 600.0),
        ("fragmentation[line]", 0.5 * 20.0 / 100.0),
        ("fragmentation", 0.1),
        ("queue_length", (10.0 + 2.0 * 20.0 + 10.0 + 2.0 * 10.0 + 50.0 + 25.0) / 100.0),
        ("active_allocations", 0.7),
        ("waiting_time_s.mean", 10.0),
        ("turnaround_time_s.p95", 70.0),
        ("execution_time_s.max", 20.0),
        ("slowdown", 3.5),
        ("allocation_success_rate", 1.0 / 3.0),
        ("blocked_by_shape", 0.25),
        ("jain_fairness", 190.0 * 190.0 / (2.0 * (40.0 * 40.0 + 150.0 * 150.0))),
        ("makespan_s", 70.0),
        ("throughput_jobs_per_s", 0.02),
        ("fidelity_gap", 0.05),
        // Job 2 is in time, 3 expired, the time of 4 is over, that of 6 is not.
        ("deadlines_missed", 2.0),
        ("deadline_miss_share", 2.0 / 3.0),
    ];
    for (name, expected) in expected {
        let value = metrics.value(name).unwrap();
        assert!((value - expected).abs() < 1e-15, "{name}: {value} instead of {expected}");
    }
    insta::assert_snapshot!(shown(metrics.summary()), @"
    qubit_utilization 0.146154
    effective_utilization 0.215385
    coupler_utilization 0.100000
    fragmentation 0.100000
    isolation_overhead 0.473684
    isolation_violations 0.000000
    load_imbalance 0.018868
    jain_fairness 0.748963
    share_gap -
    quota_stopped_job_s 0.000000
    promised_share 0.000000
    backfilled_share 0.000000
    promises_given 0.000000
    promises_moved 0.000000
    promises_moved_earlier 0.000000
    promises_moved_device_lost 0.000000
    promises_moved_element_lost 0.000000
    promises_moved_recalibrated 0.000000
    promises_moved_overrun 0.000000
    promises_moved_order_changed 0.000000
    promises_moved_quota_reached 0.000000
    promises_moved_not_found_again 0.000000
    promises_missed 0.000000
    waiting_time_s.mean 10.000000
    waiting_time_s.p50 10.000000
    waiting_time_s.p95 10.000000
    waiting_time_s.p99 10.000000
    waiting_time_s.max 10.000000
    turnaround_time_s.mean 70.000000
    turnaround_time_s.p50 70.000000
    turnaround_time_s.p95 70.000000
    turnaround_time_s.p99 70.000000
    turnaround_time_s.max 70.000000
    execution_time_s.mean 20.000000
    execution_time_s.p50 20.000000
    execution_time_s.p95 20.000000
    execution_time_s.p99 20.000000
    execution_time_s.max 20.000000
    slowdown.mean 3.500000
    slowdown.p50 3.500000
    slowdown.p95 3.500000
    slowdown.p99 3.500000
    slowdown.max 3.500000
    bounded_slowdown.mean 3.500000
    bounded_slowdown.p50 3.500000
    bounded_slowdown.p95 3.500000
    bounded_slowdown.p99 3.500000
    bounded_slowdown.max 3.500000
    queue_length 1.550000
    active_allocations 0.700000
    allocation_success_rate 0.333333
    allocation_failure_rate 0.666667
    blocked_by_shape 0.250000
    reallocation_count 1.000000
    jobs_below_soft_bound 1.000000
    below_soft_bound_share 1.000000
    calibration_request_count 1.000000
    deadlines_missed 2.000000
    deadline_miss_share 0.666667
    estimated_share -
    estimate_coverage -
    estimate_error_s.p50 -
    estimate_error_s.p95 -
    estimate_width.p50 -
    plan_stability -
    fidelity_predicted.mean 0.900000
    fidelity_predicted.p50 0.900000
    fidelity_predicted.p95 0.900000
    fidelity_predicted.p99 0.900000
    fidelity_predicted.max 0.900000
    fidelity_true.mean 0.850000
    fidelity_true.p50 0.850000
    fidelity_true.p95 0.850000
    fidelity_true.p99 0.850000
    fidelity_true.max 0.850000
    fidelity_gap.mean 0.050000
    placement_error_per_qubit.mean 0.000000
    makespan_s 70.000000
    throughput_jobs_per_s 0.020000
    jobs_submitted 5.000000
    jobs_completed 1.000000
    jobs_failed 0.000000
    jobs_cancelled 0.000000
    jobs_rejected 1.000000
    jobs_expired 1.000000
    jobs_unfinished 2.000000
    ");
    insta::assert_snapshot!(shown(metrics.summary_per_device()), @"
    qubit_utilization[line] 0.144444
    qubit_utilization[ions] 0.150000
    effective_utilization[line] 0.222222
    effective_utilization[ions] 0.200000
    coupler_utilization[line] 0.100000
    coupler_utilization[ions] 0.100000
    fragmentation[line] 0.100000
    fragmentation[ions] 0.000000
    isolation_overhead[line] 0.538462
    isolation_overhead[ions] 0.333333
    isolation_violations[line] 0.000000
    isolation_violations[ions] 0.000000
    active_allocations[line] 0.500000
    active_allocations[ions] 0.200000
    ");
}

/// Samples of a ring of eight qubits through occupancy, a guard, and failures of elements and of the device.
fn sampled(guard_first: bool) -> String {
    let map = CouplingMap::ring(8).unwrap();
    let mut observer = Observer::new(MetricsOptions { fragmentation: false, ..MetricsOptions::default() });
    let mut tells = TellsWaits::default();
    let mut step = |seconds: u64, events: &[Event]| {
        for event in events {
            tells.each(at(seconds), event, |event| observer.observe(at(seconds), event));
        }
        let samples = observer.metrics.sample(at(seconds));
        let device = samples[0];
        assert_eq!(samples.len(), 2);
        format!(
            "{seconds:>2} s: used {:.2?}, {} in service, {} held, {} blocked, {} free, largest {}, fragmentation {:?}, queue {}",
            device.utilization,
            device.qubits,
            device.held,
            device.blocked,
            device.free,
            device.largest_region,
            device.fragmentation,
            samples[1].queue_length,
        )
    };
    let mut first = grant(at(10), 1, 1, &map, &[0]);
    first.isolation.guard = Span::from_secs(15);
    let bare = |mut grant: Allocation| {
        grant.isolation.buffer_distance = 0;
        grant.blocked = QubitSet::new(8);
        grant
    };
    let guard = Event::GuardStarted { allocation: AllocationId(1), device: DEVICE, until: at(45) };
    let coupler = |to| status(Target::Coupler(DEVICE, CouplerId(6)), Status::Online, to);
    let device = |to| status(Target::Device(DEVICE), Status::Online, to);
    let qubit = Target::Qubit(DEVICE, PhysicalQubit(7));
    let lines = [
        step(
            0,
            &[registered(DEVICE, spec("ring", map.clone())), queued(line_job(1, 1)), queued(line_job(2, 1))],
        ),
        step(10, &[started(bare(first))]),
        step(20, &[started(bare(grant(at(20), 2, 2, &map, &[4])))]),
        step(30, &if guard_first { [guard, finished(1, 1)] } else { [finished(1, 1), guard] }),
        step(30, &[coupler(Status::Offline)]),
        step(45, &[Event::GuardEnded { allocation: AllocationId(1), device: DEVICE }]),
        step(50, &[finished(2, 2), status(qubit, Status::Online, Status::Quarantined)]),
        step(60, &[coupler(Status::Online), status(qubit, Status::Quarantined, Status::Online)]),
        step(70, &[device(Status::Offline)]),
        step(80, &[]),
        step(90, &[device(Status::Draining)]),
    ];
    assert_eq!(observer.metrics.value("fragmentation"), None);
    observer.finish(at(100));
    // Held 20 s and 30 s; eight qubits in service for 80 s.
    assert_eq!(observer.metrics.value("qubit_utilization"), Some(50.0 / 640.0));
    assert_eq!(observer.auditor.violations(), &[]);
    lines.join("\n")
}

#[test]
fn samples_show_the_state_and_the_time_since_the_last_one() {
    insta::assert_snapshot!(sampled(true), @"
     0 s: used None, 8 in service, 0 held, 0 blocked, 8 free, largest 8, fragmentation Some(0.0), queue 2
    10 s: used Some(0.00), 8 in service, 1 held, 0 blocked, 7 free, largest 7, fragmentation Some(0.0), queue 1
    20 s: used Some(0.12), 8 in service, 2 held, 0 blocked, 6 free, largest 3, fragmentation Some(0.5), queue 0
    30 s: used Some(0.25), 8 in service, 1 held, 1 blocked, 6 free, largest 3, fragmentation Some(0.5), queue 0
    30 s: used None, 8 in service, 1 held, 1 blocked, 6 free, largest 3, fragmentation Some(0.5), queue 0
    45 s: used Some(0.12), 8 in service, 1 held, 0 blocked, 7 free, largest 6, fragmentation Some(0.14285714285714285), queue 0
    50 s: used Some(0.12), 8 in service, 0 held, 0 blocked, 7 free, largest 6, fragmentation Some(0.14285714285714285), queue 0
    60 s: used Some(0.00), 8 in service, 0 held, 0 blocked, 8 free, largest 8, fragmentation Some(0.0), queue 0
    70 s: used Some(0.00), 0 in service, 0 held, 0 blocked, 0 free, largest 0, fragmentation None, queue 0
    80 s: used None, 0 in service, 0 held, 0 blocked, 0 free, largest 0, fragmentation None, queue 0
    90 s: used None, 8 in service, 0 held, 0 blocked, 8 free, largest 8, fragmentation Some(0.0), queue 0
    ");
    assert_eq!(sampled(false), sampled(true));
}

proptest! {
    /// Little's law, exactly: whatever happens, and wherever the measured interval begins.
    #[test]
    fn levels_and_sums_agree(
        choices in proptest::collection::vec(any::<u32>(), 0..300),
        warm_up in 0_usize..300,
        rest in 0_u64..1_000_000_007,
    ) {
        let mut metrics = Metrics::new(MetricsOptions { accounts: true, ..MetricsOptions::default() });
        let mut end = Time::ZERO;
        for (index, (now, event)) in legal_run(&choices).iter().enumerate() {
            if index == warm_up {
                metrics.start_measuring(end + Span(now.since(end).0 / 3));
            }
            metrics.observe(*now, event);
            end = *now;
            prop_assert_eq!(metrics.check_conservation(), Ok(()));
        }
        metrics.finish(end + Span(rest));
        prop_assert_eq!(metrics.check_conservation(), Ok(()));
        for value in metrics.summary().into_iter().chain(metrics.summary_per_device()) {
            let share = value.name.contains("utilization") || value.name.contains("fragmentation") || value.name.contains("rate");
            prop_assert!(!share || value.value.is_none_or(|share| (0.0..=1.0).contains(&share)), "{:?}", value);
        }
    }
}

#[test]
fn a_lost_job_is_noticed() {
    let mut metrics = by_hand().metrics;
    metrics.jobs.swap_remove(&JobId(4));
    let error = metrics.check_conservation().unwrap_err().to_string();
    insta::assert_snapshot!(error, @"5 jobs were submitted, but 1 wait, 0 run and 3 ended");
    metrics.counts.submitted -= 1;
    let error = metrics.check_conservation().unwrap_err().to_string();
    insta::assert_snapshot!(error, @"the queue integrates to 155000000000 ns, but the waiting times add up to 65000000000 ns");
}
