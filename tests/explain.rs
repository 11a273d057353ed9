//! `rmsim explain`: the life of jobs that finished, wait, were refused, failed and came back, and what would have started them
//! earlier, against runs with the same change made by hand.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// A chain of five qubits, whose middle dies for a while, and jobs at known times.
const SCENARIO: &str = "
scenario: five
fleet: [{synthetic: {line: {qubits: 5}}, noise: ideal, technology: simulator, name: chain}]
horizon: {time: 30m}
allocator:
  strategy: first_fit
  queue: {global: {skip_ahead: 0}}
  isolation: {default_level: weak, buffer_distance: 0, guard: 0s}
  placement: {routing: never}
hardware:
  runtime: distribution
  drift: {enabled: false}
  crosstalk: {enabled: false}
  failures: [{at: {time: 8m, duration: 4m, devices: [chain], target: {qubit: 2}}}]
calibration: {mode: off}
workload: {csv: jobs.csv}
";

/// 0 and 1 at the ends of the chain, with 2 between them that stays; 3 fits nowhere in one piece until 2 has ended; 4 is behind it;
/// 5 loses a qubit; 6 asks for too much; 7 is too impatient; the last but two fails, the last but one still runs at the end, and the
/// last waits.
const JOBS: &str = "submission_time,qubits,topology,execution_time,max_wait_time,outcome
0,2,line,60,,completed
1,1,line,300,,completed
2,2,line,60,,completed
63,3,line,60,,completed
65,1,line,30,,completed
440,5,line,120,,completed
445,6,line,60,,completed
450,5,line,60,20,completed
1700,5,line,300,,completed
1710,2,line,60,,completed
900,2,line,60,,error 0.5
";

fn rmsim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rmsim")).current_dir(folder).args(args).output().unwrap()
}

fn said(folder: &Path, args: &[&str]) -> String {
    let output = rmsim(folder, args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("five.yaml"), SCENARIO).unwrap();
    fs::write(folder.path().join("jobs.csv"), JOBS).unwrap();
    folder
}

#[test]
fn lives_of_all_kinds() {
    let folder = folder();
    said(folder.path(), &["run", "five.yaml", "--no-plots", "--out", "out"]);
    let lives: Vec<String> =
        (3..11).map(|job| said(folder.path(), &["explain", "out", &job.to_string()])).collect();
    insta::assert_snapshot!(lives.join("----\n"));
}

/// What is changed, and the same by hand: in the scenario, or in the row of a job.
enum ByHand {
    Scenario(&'static str),
    Row(&'static str, &'static str),
}

/// What is said to start a job earlier does so when the same is changed by hand, by just so much.
#[test]
fn what_would_have_been_is_what_would_be() {
    let folder = folder();
    let start = |out: &str, job: usize| -> f64 {
        let mut reader = csv::Reader::from_path(folder.path().join(out).join("jobs.csv")).unwrap();
        let header = reader.headers().unwrap().clone();
        let at = |name: &str| header.iter().position(|column| column == name).expect(name);
        let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
        let row = rows.iter().find(|row| row[at("job_id")] == job.to_string()).unwrap();
        let wait = row[at("waiting_time")].parse::<f64>().unwrap();
        row[at("submission_time")].parse::<f64>().unwrap() + wait
    };
    said(folder.path(), &["run", "five.yaml", "--no-plots", "--out", "base"]);
    for (number, (job, change, by_hand, helps)) in [
        (
            4,
            "everybody could pass whoever is blocked",
            ByHand::Scenario("allocator.queue={global: {skip_ahead: 4294967295}}"),
            true,
        ),
        (3, "it asked for half as many qubits", ByHand::Row("63,3,line", "63,2,line"), true),
        (3, "any connected region would do for it", ByHand::Row("63,3,line", "63,3,any"), false),
    ]
    .into_iter()
    .enumerate()
    {
        let told = said(folder.path(), &["explain", "base", &job.to_string(), "--json"]);
        let told: Value = serde_json::from_str(&told).unwrap();
        let what_if = told["what_if"].as_array().unwrap();
        let one = what_if.iter().find(|one| one["if"].as_str().unwrap().starts_with(change));
        let earlier = one.expect(change)["earlier_s"].as_f64().unwrap();
        let out = format!("changed{number}");
        let mut args = vec!["run", "five.yaml", "--no-plots", "--out", &out];
        match by_hand {
            ByHand::Scenario(set) => args.extend(["--set", set]),
            ByHand::Row(from, to) => {
                fs::write(folder.path().join("jobs.csv"), JOBS.replace(from, to)).unwrap();
            }
        }
        said(folder.path(), &args);
        fs::write(folder.path().join("jobs.csv"), JOBS).unwrap();
        let shift = start("base", job) - start(&out, job);
        assert!((shift - earlier).abs() < 1e-6, "job {job}, if {change}: {earlier}, but {shift}");
        assert_eq!(shift > 0.0, helps, "job {job}, if {change}");
    }
}

#[test]
fn what_cannot_be_explained() {
    let folder = folder();
    said(folder.path(), &["run", "five.yaml", "--no-plots", "--out", "out"]);
    let refused = |args: &[&str]| {
        let output = rmsim(folder.path(), args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        String::from_utf8(output.stderr).unwrap()
    };
    let mut all = vec![
        refused(&["explain", "out", "99"]),
        refused(&["explain", "out", "3", "--replication", "1"]),
        refused(&["explain", "out", "3", "--set", "seed=2"]),
        refused(&["explain", "nowhere", "3"]),
    ];
    // The table of jobs is another one than when the run was made.
    fs::write(folder.path().join("jobs.csv"), JOBS.replace("65,1", "66,1")).unwrap();
    all.push(refused(&["explain", "out", "3"]));
    fs::remove_file(folder.path().join("out/jobs.csv")).unwrap();
    insta::assert_snapshot!(all.join(""));
}
