//! An endless stream of small jobs beside one that needs most of a real device, through the whole program.

use std::fs;
use std::process::Command;

const STREAM: &str = "
scenario: stream
horizon: {time: 2h}
drain: false
fleet: [{device: ibm_brisbane}]
workload:
  # More than the device can run, from the first minute to the last.
  arrivals: {poisson: {rate: 1.2/s}}
  jobs:
    - {name: small, qubits: 2, topology: line, depth: 20, circuits: {uniform: [10, 60]}, shots: 4000 STATED}
  sources:
    - arrivals: {deterministic: {every: 1h}}
      jobs:
        - {name: big, qubits: 100, topology: any, depth: 20, circuits: 20, shots: 4000 STATED}
allocator: {isolation: {default_level: weak}}
hardware: {drift: {enabled: false}}
calibration: {mode: off}
output: {events: false, timeline_every: 1h}
";

/// Submission, start and promised start of the big jobs, in seconds.
type Times = Vec<(f64, Option<f64>, Option<f64>)>;

fn big_jobs(stated: &str, settings: &[&str]) -> Times {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("stream.yaml");
    fs::write(&scenario, STREAM.replace("STATED", stated)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    command.arg("run").arg(&scenario).args(["--no-plots", "--quiet", "--out"]).arg(folder.path().join("run"));
    for set in settings {
        command.args(["--set", set]);
    }
    let done = command.output().unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let mut jobs = csv::Reader::from_path(folder.path().join("run/jobs.csv")).unwrap();
    let columns = jobs.headers().unwrap().clone();
    let column = |name: &str| columns.iter().position(|column| column == name).unwrap();
    let at = ["workload_name", "submission_time", "starting_time", "promised_start"].map(column);
    let rows = jobs.records().map(|row| row.unwrap());
    let big = rows.filter(|row| &row[at[0]] == "big");
    big.map(|row| (row[at[1]].parse().unwrap(), row[at[2]].parse().ok(), row[at[3]].parse().ok())).collect()
}

#[test]
fn a_big_job_starts_by_its_promise_under_the_default() {
    for stated in ["", ", estimated_duration: {times_execution: {uniform: [1.1, 2]}}"] {
        let jobs = big_jobs(stated, &[]);
        let Some((came, Some(began), Some(promised))) = jobs.first() else { panic!("{stated}: {jobs:?}") };
        assert!(came < began && began <= promised, "{stated}: {jobs:?}");
        assert!(began - came < 300.0, "{stated}: {jobs:?}");
    }
}

#[test]
fn a_big_job_starts_in_its_place_where_nobody_knows_how_long_jobs_run() {
    let jobs = big_jobs("", &["allocator.walltime.estimate=none"]);
    let Some((came, Some(began), None)) = jobs.first() else { panic!("{jobs:?}") };
    assert!(came < began && began - came < 300.0, "{jobs:?}");
}

/// What the others are a test of: the stream keeps it out for ever.
#[test]
fn a_big_job_starves_where_later_jobs_may_pass_it() {
    let jobs = big_jobs("", &["allocator.queue={global: {skip_ahead: 64}}"]);
    assert!(matches!(jobs.first(), Some((_, None, None))), "{jobs:?}");
}
