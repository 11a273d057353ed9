//! How runs go and end: ties at one instant, horizons, draining, calibrations and failures that cross, and what can never
//! start. Each right value is worked out by hand.

use std::fmt::Write as _;
use std::io;
use std::sync::{Arc, Mutex};

use resource_manager::simulator::scenario::Scenario;
use resource_manager::simulator::simulation::{Ending, Instruments, Outcomes, Simulation, SimulationError};
use resource_manager::simulator::traces::{Sinks, Traces};

#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl io::Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A run, and its jobs as `id state start finish`, the last two in seconds or `-`.
fn run(yaml: &str, table: &str) -> Result<(Outcomes, String), SimulationError> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("jobs.csv"), table).unwrap();
    let scenario = Scenario::from_yaml(yaml, "scenario.yaml", folder.path(), &[]).unwrap();
    let jobs = Shared::default();
    let sinks =
        Sinks { jobs: Box::new(jobs.clone()), timeline: Box::new(io::sink()), events: None, estimates: None };
    let fleet = scenario.fleet.iter();
    let fleet = fleet.map(|d| (d.spec.name.clone(), d.spec.coupling_map.qubits() as u32));
    let traces =
        Traces::new(0, fleet, scenario.workload.template_names(), &scenario.allocator, sinks, true).unwrap();
    let instruments = Instruments { traces: Some(traces), ..Instruments::default() };
    let mut outcomes = Simulation::new(&scenario, 0, instruments).unwrap().run()?;
    assert_eq!(outcomes.observer.auditor.violations(), []);
    outcomes.traces.take().unwrap().finish().unwrap();
    let bytes = jobs.0.lock().unwrap().clone();
    let mut rows = csv::Reader::from_reader(&bytes[..]);
    let headers = rows.headers().unwrap().clone();
    let column = |name| headers.iter().position(|found| found == name).unwrap();
    let columns = ["job_id", "final_state", "starting_time", "finish_time"].map(column);
    let mut lines: Vec<(u64, String)> = Vec::new();
    for row in rows.records() {
        let row = row.unwrap();
        let mut line = String::new();
        for column in columns {
            let value = if row[column].is_empty() { "-" } else { &row[column] };
            write!(line, "{}{value}", if line.is_empty() { "" } else { " " }).unwrap();
        }
        lines.push((row[columns[0]].parse().unwrap(), line));
    }
    lines.sort();
    Ok((outcomes, lines.into_iter().map(|(_, line)| line).collect::<Vec<_>>().join("\n")))
}

/// A machine of so many qubits that couples all pairs, first come, first served, jobs from a table.
fn machine(qubits: u32, allocator: &str, more: &str) -> String {
    format!(
        "
scenario: course
fleet: [{{synthetic: {{all_to_all: {{qubits: {qubits}}}}}, noise: ideal, technology: simulator, name: machine}}]
workload: {{csv: jobs.csv}}
allocator:
  strategy: first_fit
  queue: {{global: {{skip_ahead: 0}}}}
  isolation: {{default_level: weak, buffer_distance: 0, guard: 0s}}
  {allocator}
hardware: {{runtime: distribution, drift: {{enabled: false}}, crosstalk: {{enabled: false}}}}
calibration: {{mode: off}}
{more}
"
    )
}

const AT_ONCE: &str = "submission_time,qubits,execution_time
0,1,10
0,1,10
0,1,10
0,1,10
0,1,10
0,1,10
";

#[test]
fn a_cancel_at_the_end_of_the_job_comes_too_late() {
    let table = "submission_time,qubits,execution_time,outcome
0,4,10,cancelled 10
0,4,10,cancelled 10
0,4,5,cancelled 0
";
    let (_, jobs) = run(&machine(4, "", ""), table).unwrap();
    assert_eq!(jobs, "0 completed 0 10\n1 cancelled - 10\n2 cancelled - 0");
}

/// Who could start at once has not waited: six of six on eight qubits, with room for two in the queue.
#[test]
fn a_limit_on_the_queue_is_for_those_who_wait() {
    let (_, jobs) = run(&machine(8, "max_queue_length: 2", ""), AT_ONCE).unwrap();
    assert_eq!(jobs.matches("completed 0 10").count(), 6, "{jobs}");
    // On two qubits two start, two wait, and the latest two are turned away, not as failures of their own.
    let (outcomes, jobs) = run(&machine(2, "max_queue_length: 2", ""), AT_ONCE).unwrap();
    assert_eq!(
        jobs,
        "0 completed 0 10\n1 completed 0 10\n2 completed 10 20\n3 completed 10 20\n4 rejected - 0\n5 rejected - 0"
    );
    let value = |name| outcomes.observer.metrics.value(name);
    assert_eq!(value("jobs_rejected"), Some(2.0));
    assert_eq!(value("jobs_submitted"), Some(6.0));
    assert_eq!(value("allocation_success_rate"), Some(4.0 / 6.0));
    assert_eq!(value("waiting_time_s.mean"), Some(5.0));
}

/// Nobody waits, three find room one by one: a loss system of four servers loses none of three.
#[test]
fn a_loss_system_is_a_queue_of_length_zero() {
    let table = "submission_time,qubits,execution_time\n0,1,10\n5,1,10\n6,1,10\n";
    let (_, jobs) = run(&machine(4, "max_queue_length: 0", ""), table).unwrap();
    assert_eq!(jobs, "0 completed 0 10\n1 completed 5 15\n2 completed 6 16");
    let (_, jobs) = run(&machine(2, "max_queue_length: 0", ""), table).unwrap();
    assert_eq!(jobs, "0 completed 0 10\n1 completed 5 15\n2 rejected - 6");
}

/// A run with a horizon in time is as long as its horizon, draining or not; what drains goes on if it must.
#[test]
fn a_horizon_in_time_is_the_length_of_the_run() {
    let table = "submission_time,qubits,execution_time\n0,4,10\n";
    for drain in ["true", "false"] {
        let horizon = format!("horizon: {{time: 100s}}\ndrain: {drain}");
        let (outcomes, _) = run(&machine(4, "", &horizon), table).unwrap();
        assert_eq!(outcomes.ended.as_secs_f64(), 100.0, "drain: {drain}");
        assert_eq!(outcomes.observer.metrics.value("qubit_utilization"), Some(0.1), "drain: {drain}");
        assert_eq!(outcomes.ending, Ending::Complete);
    }
    let table = "submission_time,qubits,execution_time\n0,4,10\n95,4,10\n";
    let (outcomes, jobs) = run(&machine(4, "", "horizon: {time: 100s}\ndrain: true"), table).unwrap();
    assert_eq!(
        (jobs.as_str(), outcomes.ended.as_secs_f64()),
        ("0 completed 0 10\n1 completed 95 105", 105.0)
    );
    let (outcomes, jobs) = run(&machine(4, "", "horizon: {time: 100s}\ndrain: false"), table).unwrap();
    assert_eq!(outcomes.ended.as_secs_f64(), 100.0);
    assert!(jobs.starts_with("0 completed 0 10\n1 "), "{jobs}");
    assert_eq!((outcomes.unfinished, outcomes.ending), (1, Ending::Complete));
}

/// Sixty days of work, all recorded: the run waits for all of it, unless it is told not to.
#[test]
fn recorded_jobs_are_waited_for() {
    let mut table = "submission_time,qubits,execution_time\n".to_owned();
    (0..60).for_each(|_| table.push_str("0,4,86400\n"));
    let (outcomes, _) = run(&machine(4, "", ""), &table).unwrap();
    assert_eq!((outcomes.unfinished, outcomes.ending), (0, Ending::Complete));
    // The mean of 0, 1, ... 59 days.
    assert_eq!(outcomes.observer.metrics.value("waiting_time_s.mean"), Some(29.5 * 86_400.0));
    let limited = "drain_limit: {time: 30d}";
    let (outcomes, _) = run(&machine(4, "", limited), &table).unwrap();
    assert_eq!((outcomes.unfinished, outcomes.ending), (30, Ending::CutOff));
    assert_eq!(outcomes.ended.as_secs_f64(), 30.0 * 86_400.0);
}

/// A device that is gone for good, with nothing on its way that could help: the run ends there, and says so, however
/// often the job would be tried again.
#[test]
fn a_run_ends_when_nothing_can_start_any_more() {
    let table = "submission_time,qubits,execution_time\n0,4,10\n20,4,10\n";
    for retry in ["", "retry: {every: 1s}"] {
        let fails = machine(4, retry, "").replace(
            "crosstalk: {enabled: false}",
            "crosstalk: {enabled: false}, failures: [{at: {time: 15s, devices: [machine]}}]",
        );
        let (outcomes, jobs) = run(&fails, table).unwrap();
        assert_eq!((outcomes.unfinished, outcomes.ending), (1, Ending::Stuck), "{retry}");
        assert!(jobs.starts_with("0 completed 0 10\n1 "), "{jobs}");
        assert!(outcomes.ended.as_secs_f64() < 600.0, "{}", outcomes.ended);
        // A repair after ninety days is worth waiting for.
        let repaired = fails.replace("time: 15s,", "time: 15s, duration: 90d,");
        let (outcomes, jobs) = run(&repaired, table).unwrap();
        assert_eq!(outcomes.ending, Ending::Complete, "{retry}");
        assert!(jobs.contains("1 completed 7776015 7776025"), "{jobs}");
    }
}

/// Calibrations and failures of others go on for ever; the job that none of them helps does not.
#[test]
fn a_run_ends_although_calibrations_and_failures_go_on() {
    let yaml = "
scenario: hopeless
fleet:
  - {synthetic: {line: {qubits: 4}}, name: small}
  - {synthetic: {line: {qubits: 8}}, name: wide}
workload: {csv: jobs.csv}
hardware:
  runtime: {fixed: 10s}
  failures:
    - {at: {time: 15s, devices: [wide]}}
    - {mtbf: {devices: [small], mean_time_between: 2d, repair_median: 1h}}
calibration: {interval: 1d}
";
    let table = "submission_time,qubits,topology\n0,2,line\n20,8,line\n";
    let (outcomes, jobs) = run(yaml, table).unwrap();
    assert_eq!((outcomes.unfinished, outcomes.ending), (1, Ending::Stuck), "{jobs}");
    let days = outcomes.ended.as_secs_f64() / 86_400.0;
    assert!((30.0..32.0).contains(&days), "{days}");
}

/// Time is counted up to 584 years: beyond, a job neither ends nor is said to.
#[test]
fn jobs_beyond_the_end_of_time_are_an_error() {
    let table = "submission_time,qubits,execution_time\n0,4,9000000000\n0,4,9000000000\n0,4,9000000000\n";
    let error = run(&machine(4, "", "output: {timeline_every: 300d}"), table).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("job 2 would end more than 584 years after the start"), "{text}");
}

/// Qubit 0 is down from 30m to 3h, and the device joins at 1h: nothing runs on it before 3h.
#[test]
fn a_device_joins_as_it_is() {
    let yaml = "
scenario: late
fleet:
  - {synthetic: {line: {qubits: 2}}, noise: ideal, name: late, joins: 1h}
workload: {csv: jobs.csv}
hardware:
  drift: {enabled: false}
  runtime: {fixed: 1s}
  failures: [{at: {time: 30m, duration: 2h 30m, devices: [late], target: TARGET}}]
calibration: {mode: off}
";
    let table = "submission_time,qubits,topology\n3600,2,line\n3600,1,line\n10800,2,line\n";
    for target in ["{qubit: 0}", "{coupler: [0, 1]}"] {
        let (_, jobs) = run(&yaml.replace("TARGET", target), table).unwrap();
        let starts: Vec<&str> = jobs.lines().map(|line| line.split(' ').nth(2).unwrap()).collect();
        assert_eq!(starts[1], "3600", "{target}: {jobs}");
        assert!(starts[0] == "10800" || starts[0] == "-", "{target}: {jobs}");
        assert!(starts[2].parse::<u64>().is_ok_and(|start| start >= 10_800), "{target}: {jobs}");
    }
}

/// A calibration of an hour begins at 1h and is lost at 1h50; the next one begins with the repair and takes its hour.
#[test]
fn a_calibration_that_was_interrupted_takes_its_full_time() {
    let yaml = "
scenario: stale
fleet: [{synthetic: {line: {qubits: 5}}, noise: ideal, name: a}]
workload: {csv: jobs.csv}
hardware:
  drift: {enabled: false}
  runtime: {fixed: 1s}
  failures: [{at: {time: 1h 50m, duration: 5m, devices: [a]}}]
calibration: {interval: 1h, duration: 60m, staggered: false}
";
    let (_, jobs) = run(yaml, "submission_time,qubits,topology\n4000,2,line\n").unwrap();
    // From 1h55 to 2h55.
    assert_eq!(jobs, "0 completed 10500 10501");
}

/// Jain's index is that of all projects that had jobs in the measured interval: not of one whose job ended at its very
/// beginning, but of one that waits all the time.
#[test]
fn who_waits_has_a_share_of_nothing() {
    let jain = |shares: &[f64]| {
        let (sum, squares) =
            (shares.iter().sum::<f64>(), shares.iter().map(|share| share * share).sum::<f64>());
        sum * sum / (shares.len() as f64 * squares)
    };
    let served = "submission_time,qubits,execution_time,project\n0,1,10,1\n10,1,10,2\n10,1,10,3\n";
    let starved = "submission_time,qubits,execution_time,project\n0,4,10000,1\n1,4,10,2\n";
    for (table, warm_up, shares) in [
        (served, "none", &[10.0, 10.0, 10.0][..]),
        (served, "{time: 10s}", &[10.0, 10.0]),
        (served, "{time: 9s}", &[1.0, 10.0, 10.0]),
        (starved, "none", &[1.0, 0.0]),
        (starved, "{time: 10s}", &[1.0, 0.0]),
    ] {
        let yaml = machine(4, "", &format!("warm_up: {warm_up}\nhorizon: {{time: 1h}}"));
        let (outcomes, _) = run(&yaml, table).unwrap();
        let found = outcomes.observer.metrics.value("jain_fairness").unwrap();
        assert!((found - jain(shares)).abs() < 1e-12, "{warm_up}: {found} for {shares:?}");
    }
}
