//! What a run says of shares, quotas and promises: the same in all files, and notes where somebody gets nothing.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Two groups of which one may use three times as much, both beyond what one machine can do.
const TWO_GROUPS: &str = "
scenario: s
horizon: {time: 4h}
warm_up: {time: 30m}
fleet: [{device: ibm_fez}]
workload:
  sources:
    - arrivals: {poisson: {rate: 400/h}}
      jobs:
        - {name: a, tenant: {group: a}, qubits: {uniform: [4, 20]}, topology: line, circuits: 40, shots: 8000, depth: 100}
        - {name: b, tenant: {group: b, user: u1}, qubits: {uniform: [4, 20]}, topology: line, circuits: 40, shots: 8000, depth: 100}
        - {name: c, tenant: {group: b, user: u2}, qubits: {uniform: [4, 20]}, topology: line, circuits: 40, shots: 8000, depth: 100}
";

const SHARES: &str = "
allocator:
  fair_share: {tree: {half_life: 1h}}
  tenants:
    groups:
      a: {shares: 3}
      b: {quota: {qubits: 60}, projects: {'0': {users: {u1: {shares: 2}, u2: {}}}}}
hardware:
  drift: {enabled: false}
  failures: [{mtbf: {class: soft, mean_time_between: 1h}}]
calibration: {mode: drain, interval: 2h}
output: {traces: none}
";

fn rmsim(folder: &Path, args: &[&str]) -> Output {
    let output = Command::new(env!("CARGO_BIN_EXE_rmsim")).current_dir(folder).args(args).output().unwrap();
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}

fn run(scenario: &str, more: &[&str]) -> (tempfile::TempDir, Value, String) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.yaml"), scenario).unwrap();
    let output = rmsim(folder.path(), &[&["run", "s.yaml", "--out", "out"], more].concat());
    let summary = fs::read(folder.path().join("out/summary.json")).unwrap();
    let summary = serde_json::from_slice(&summary).unwrap();
    let said = [output.stdout, output.stderr].concat();
    (folder, summary, String::from_utf8_lossy(&said).into_owned())
}

/// Rows of `accounts.csv` by replication, level and names.
fn table(folder: &Path) -> BTreeMap<Vec<String>, BTreeMap<String, String>> {
    let mut csv = csv::Reader::from_path(folder.join("out/accounts.csv")).unwrap();
    let header = csv.headers().unwrap().clone();
    let rows = csv.records().map(|row| {
        let row: BTreeMap<String, String> =
            header.iter().map(str::to_owned).zip(row.unwrap().iter().map(str::to_owned)).collect();
        let key = ["replication", "level", "group", "project", "user"].map(|column| row[column].clone());
        (key.to_vec(), row)
    });
    rows.collect()
}

/// The same tenants by number: a name must be listed.
fn numbered(scenario: &str) -> String {
    let named = [
        ("group: a", "group: 1"),
        ("group: b", "group: 2"),
        ("user: u1", "user: 1"),
        ("user: u2", "user: 2"),
    ];
    named.iter().fold(scenario.to_owned(), |text, (name, number)| text.replace(name, number))
}

fn near(left: f64, right: f64) -> bool {
    (left - right).abs() <= 1e-9 * left.abs().max(right.abs())
}

/// Every figure of `summary.json` is that of `accounts.csv`, the mean of its replications.
fn files_agree(folder: &Path, accounts: &Value, replications: usize) {
    let csv = table(folder);
    assert_eq!(accounts["replications"], replications);
    let rows = accounts["tenants"].as_array().unwrap();
    assert!(rows.len() > 3 && accounts["left_out"] == 0);
    for row in rows {
        let name = |key: &str| row[key].as_str().unwrap_or("").to_owned();
        let found: Vec<_> = (0..replications)
            .filter_map(|number| {
                let mut key = vec![number.to_string()];
                key.extend(["level", "group", "project", "user"].map(name));
                csv.get(&key)
            })
            .collect();
        assert!(!found.is_empty(), "{row}");
        let columns = [
            "jobs",
            "started",
            "completed",
            "held_qubit_s",
            "kept_idle_qubit_s",
            "charged_qubit_s",
            "refunded_qubit_s",
            "quota_stopped_job_s",
        ];
        for column in columns {
            let sum: f64 = found.iter().map(|row| row[column].parse::<f64>().unwrap()).sum();
            let mean = row[column].as_f64().unwrap();
            assert!(near(sum / replications as f64, mean), "{column}: {sum} and {row}");
        }
        if replications == 1 {
            for column in ["shares", "waiting_time_mean_s", "charged_share", "due_share"] {
                assert_eq!(found[0][column].parse::<f64>().ok(), row[column].as_f64(), "{column} of {row}");
            }
        }
    }
    // What is charged, refunded, idle and under calibration is what was in service.
    for row in csv.values().filter(|row| row["level"] == "fleet") {
        let of = |column: &str| row[column].parse::<f64>().unwrap();
        let parts = [
            "charged_qubit_s",
            "refunded_qubit_s",
            "undivided_qubit_s",
            "idle_qubit_s",
            "calibration_qubit_s",
        ];
        assert!(near(parts.map(of).iter().sum(), of("capacity_qubit_s")), "{row:?}");
        for column in ["refunded_qubit_s", "idle_qubit_s", "calibration_qubit_s", "outage_qubit_s"] {
            assert!(of(column) > 0.0, "{column} of {row:?}");
        }
        // One device of 156 qubits, three hours and a half.
        assert!(near(of("capacity_qubit_s") + of("outage_qubit_s"), 156.0 * 12_600.0), "{row:?}");
    }
}

#[test]
fn all_files_have_the_same_accounts() {
    for replications in [1, 3] {
        let (folder, summary, said) =
            run(&format!("{TWO_GROUPS}{SHARES}"), &["--replications", &replications.to_string()]);
        files_agree(folder.path(), &summary["accounts"], replications);
        let metric = |name: &str| summary["metrics"][name]["mean"].as_f64();
        let stopped = summary["accounts"]["tenants"][0]["quota_stopped_job_s"].as_f64();
        assert!(stopped.unwrap() > 0.0 && near(stopped.unwrap(), metric("quota_stopped_job_s").unwrap()));
        // The group with a quota waits, and so does the other one.
        assert!(metric("share_gap").unwrap() > 0.0, "{:?}", metric("share_gap"));
        assert!(said.contains("due and charged") && said.contains("fair_share"), "{said}");
    }
}

#[test]
fn where_nobody_has_a_share_the_files_say_so_and_measure_all_the_same() {
    let hardware = SHARES.split_once("hardware:").unwrap().1;
    let (folder, summary, _) = run(&format!("{}hardware:{hardware}", numbered(TWO_GROUPS)), &[]);
    files_agree(folder.path(), &summary["accounts"], 1);
    let usage = summary["accounts"]["usage"].as_str().unwrap();
    assert!(usage.starts_with("no shares are configured"), "{usage}");
    assert_eq!(summary["metrics"]["share_gap"]["mean"], Value::Null);
    // All are in project 0, and of one nothing is fair or unfair.
    assert_eq!(summary["metrics"]["jain_fairness"]["mean"], Value::Null);
    let remark = summary["metrics"]["jain_fairness"]["remark"].as_str().unwrap();
    assert!(remark.contains("fewer than two"), "{remark}");
}

#[test]
fn a_quota_of_nothing_is_noted_before_and_after_the_run() {
    let nothing = SHARES.replace("quota: {qubits: 60}", "quota: {jobs: 0}");
    let (folder, summary, _) = run(&format!("{TWO_GROUPS}{nothing}"), &[]);
    let note = "group `b` has a quota of 0 jobs and may borrow none: its jobs never start";
    let validated = rmsim(folder.path(), &["validate", "s.yaml"]);
    let validated = [validated.stdout, validated.stderr].concat();
    assert!(String::from_utf8_lossy(&validated).contains(note));
    let kinds = |summary: &Value| -> Vec<String> {
        let notes = summary["notes"].as_array().unwrap().iter();
        notes.map(|note| note["kind"].as_str().unwrap().to_owned()).collect()
    };
    assert!(kinds(&summary).contains(&"quota_of_nothing".to_owned()), "{summary}");
    // With something to borrow it is a quota like others.
    let borrows = SHARES.replace("quota: {qubits: 60}", "quota: {jobs: 0, borrow: {jobs: 3}}");
    let borrows = borrows.replace("a: {shares: 3}", "a: {shares: 3, quota: {jobs: 5}}");
    let (_, summary, _) = run(&format!("{TWO_GROUPS}{borrows}"), &[]);
    assert!(!kinds(&summary).contains(&"quota_of_nothing".to_owned()), "{summary}");
}

#[test]
fn jobs_that_name_nobody_are_noted_where_isolation_is_between_users() {
    let kinds = |text: &str, between: &str| -> Vec<String> {
        let set = format!("allocator.isolation.between={between}");
        let (_, summary, _) = run(text, &["--set", &set]);
        let notes = summary["notes"].as_array().unwrap().iter();
        let nobody = notes.filter(|note| note["kind"] == "names_nobody");
        nobody.map(|note| note["text"].as_str().unwrap().to_owned()).collect()
    };
    // Groups are named there, and no users.
    let text = format!("{TWO_GROUPS}{SHARES}");
    assert_eq!(kinds(&text, "jobs"), [""; 0]);
    assert_eq!(kinds(&text, "groups"), [""; 0]);
    let users = kinds(&text, "users");
    assert!(users.len() == 1 && users[0].contains("no user is named for"), "{users:?}");
    let drawn = |first: &str| {
        let jobs = "jobs: [{name: a, qubits: 2, topology: any, depth: 10}]";
        format!(
            "scenario: s\nhorizon: {{jobs: 20}}\nfleet: [{{synthetic: {{line: {{qubits: 9}}}}, noise: ideal, name: m}}]\n\
             workload: {{arrivals: {{poisson: {{rate: 1/s}}}}, {jobs}, tenants: {{users: 3{first}}}}}\n"
        )
    };
    let from_zero = kinds(&drawn(""), "users");
    assert!(from_zero.len() == 1 && from_zero[0].contains("the jobs of user 0"), "{from_zero:?}");
    assert_eq!(kinds(&drawn(", first: 1"), "users"), [""; 0]);
    assert_eq!(kinds(&drawn(", first: 1"), "projects"), [""; 0]);
}

#[test]
fn a_job_that_all_others_pass_is_noted_with_its_number() {
    let stream = |queue: &str| {
        format!(
            "
scenario: s
horizon: {{time: 6h}}
fleet: [{{synthetic: {{all_to_all: {{qubits: 64}}}}, noise: ideal, technology: simulator, name: machine}}]
workload:
  sources:
    - arrivals: {{deterministic: {{every: 12s}}}}
      jobs: [{{name: small, qubits: 8, topology: any, execution_time: {{uniform: [60s, 80s]}}}}]
    - arrivals: {{deterministic: {{every: 1h}}}}
      jobs: [{{name: big, qubits: 64, topology: any, execution_time: 60s}}]
allocator:
  queue: {{global: {{{queue}}}}}
  isolation: {{default_level: weak, buffer_distance: 0, guard: 0s}}
hardware: {{runtime: distribution, drift: {{enabled: false}}, crosstalk: {{enabled: false}}}}
calibration: {{mode: off}}
output: {{traces: none}}
"
        )
    };
    let noted = |queue: &str| {
        let (_, summary, _) = run(&stream(queue), &[]);
        let notes = summary["notes"].as_array().unwrap().clone();
        notes.into_iter().find(|note| note["kind"] == "starved")
    };
    let note = noted("skip_ahead: 64").expect("the big job starves");
    let text = note["text"].as_str().unwrap();
    assert!(text.contains("job ") && text.contains("later ones did"), "{text}");
    // Whoever is promised a start does not.
    assert_eq!(noted("promises: easy"), None);
}

#[test]
fn targets_may_be_on_shares_and_promises() {
    let targets = "
targets:
  promises_missed: '== 0'
  promises_moved_overrun: '== 0'
  quota_stopped_job_s: '> 0'
  promises_given: '> 0'
";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("s.yaml"), format!("{TWO_GROUPS}{SHARES}{targets}")).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_rmsim"))
        .current_dir(folder.path())
        .args(["check", "s.yaml", "--replications", "5"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    println!("{said}");
    assert!(output.status.success(), "{said}");
}
