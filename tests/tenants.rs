//! Groups, projects and users by name: in scenarios, tables, traces and accounts.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = "
scenario: s
fleet: [{synthetic: {all_to_all: {qubits: 64}}, noise: ideal, technology: simulator, name: machine}]
horizon: {time: 6h}
allocator:
  strategy: first_fit
  order: fair_share
  tenants:
    groups:
      lab: {shares: 3, projects: {deep: {users: {ann: {}, bob: {shares: 2}}}, wide: {users: {ann: {}}}}}
      7: {projects: {course: {}}}
  isolation: {default_level: weak, buffer_distance: 0, guard: 0s}
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
";

const JOBS: &str = "
workload:
  arrivals: {poisson: {rate: 60/h}}
  jobs:
  - {name: a, qubits: 20, execution_time: 3m, tenant: {user: bob}}
  - {name: b, qubits: 20, execution_time: 3m, tenant: {user: ann, project: wide}}
  - {name: c, qubits: 20, execution_time: 3m, tenant: {project: course}}
  - {name: d, qubits: 20, execution_time: 3m, tenant: {group: 9, user: 4}}
";

fn rmsim(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rmsim")).current_dir(folder).args(args).output().unwrap()
}

fn run(folder: &Path, scenario: &str, out: &str) {
    fs::write(folder.join("s.yaml"), scenario).unwrap();
    let output = rmsim(folder, &["run", "s.yaml", "--no-plots", "--out", out]);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// Of every job of `jobs.csv` the columns that a replay must keep.
fn jobs(path: &Path) -> Vec<Vec<String>> {
    let mut reader = csv::Reader::from_path(path).unwrap();
    let header = reader.headers().unwrap().clone();
    let wanted = ["submission_time", "starting_time", "finish_time", "user", "group", "project"];
    let at = wanted.map(|name| header.iter().position(|column| column == name).expect(name));
    let of = |row: csv::StringRecord| at.iter().map(|index| row[*index].to_owned()).collect();
    reader.records().map(|row| of(row.unwrap())).collect()
}

#[test]
fn names_go_in_and_come_out() {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &format!("{SCENARIO}{JOBS}"), "out");
    let all = jobs(&folder.path().join("out/jobs.csv"));
    let mut tenants: Vec<String> = all.iter().map(|job| job[3..].join(" ")).collect();
    tenants.sort();
    tenants.dedup();
    assert_eq!(tenants, ["0 7 course", "4 9 0", "ann lab wide", "bob lab deep"]);

    // What is charged adds up, level by level.
    let mut reader = csv::Reader::from_path(folder.path().join("out/accounts.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).expect(name);
    let mut sums: BTreeMap<String, (u64, f64)> = BTreeMap::new();
    let mut paths = Vec::new();
    for row in reader.records().map(Result::unwrap) {
        let sum = sums.entry(row[at("level")].to_owned()).or_default();
        sum.0 += row[at("jobs")].parse::<u64>().unwrap();
        sum.1 += row[at("charged_qubit_s")].parse::<f64>().unwrap();
        let path = [at("level"), at("group"), at("project"), at("user"), at("shares"), at("due_share")];
        paths.push(path.map(|index| row[index].to_owned()).join(" ").trim_end().to_owned());
    }
    assert_eq!(sums.len(), 4);
    for (jobs, charged) in sums.values() {
        assert_eq!(*jobs, all.len() as u64);
        assert!((charged - sums["fleet"].1).abs() < 1e-6 && *charged > 0.0);
    }
    insta::assert_snapshot!(paths.join("\n"), @"
    fleet
    group 9   1 0.2
    project 9 0  1 1
    user 9 0 4 1 1
    group 7   1 0.2
    project 7 course  1 1
    user 7 course 0 1 1
    group lab   3 0.6
    project lab deep  1 0.5
    user lab deep bob 2 1
    project lab wide  1 0.5
    user lab wide ann 1 1
    ");

    // The same jobs from the trace of the run, and from a table with names.
    let trace = "\nworkload: {trace: out/jobs.csv}\n".to_owned();
    run(folder.path(), &format!("{SCENARIO}{trace}"), "again");
    assert_eq!(jobs(&folder.path().join("again/jobs.csv")), all);
    let mut table = "submission_time,qubits,execution_time,user,group,project\n".to_owned();
    for job in &all {
        table += &format!("{},20,180,{},{},{}\n", job[0], job[3], job[4], job[5]);
    }
    fs::write(folder.path().join("table.csv"), table).unwrap();
    run(folder.path(), &format!("{SCENARIO}\nworkload: {{csv: table.csv}}\n"), "table");
    assert_eq!(jobs(&folder.path().join("table/jobs.csv")), all);
}

/// What is wrong with names is said with the place and the choices.
#[test]
fn wrong_names_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut said = Vec::new();
    let mut refused = |from: &str, to: &str| {
        let text = format!("{SCENARIO}{JOBS}");
        assert!(text.contains(from), "{from}");
        fs::write(folder.path().join("s.yaml"), text.replacen(from, to, 1)).unwrap();
        let output = rmsim(folder.path(), &["validate", "s.yaml"]);
        assert_eq!(output.status.code(), Some(2));
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let told = text.lines().filter(|line| !line.contains('|')).map(str::trim);
        said.push(told.collect::<Vec<_>>().join(" "));
    };
    refused("{user: bob}", "{user: bop}");
    refused("{user: bob}", "{user: ann}");
    refused("{user: bob}", "{user: bob, project: wide}");
    refused("{user: bob}", "{group: labs}");
    refused("{user: bob}", "{user: -1}");
    refused("lab: {shares: 3,", "lab: {shares: 0,");
    refused("lab: {shares: 3,", "\"01\": {}\n      lab: {shares: 3,");
    refused("lab: {shares: 3,", "\"\": {}\n      lab: {shares: 3,");
    refused("order: fair_share", "fair_share: {tree: {half_life: 0s}}");
    refused("order: fair_share", "fair_share: {window: {length: 0s}}");
    refused("lab: {shares: 3,", "lab: {shares: 3, quota: {qubit_seconds: {per: 0s, at_most: 3600}},");
    refused("lab: {shares: 3,", "lab: {shares: 3, quota: {qubit_seconds: {per: 24h}},");
    refused("order: fair_share", "fair_share: {tree: {half_lif: 1d}}");
    refused("order: fair_share", "fair_share: trees");
    refused("order: fair_share", "order: fair_shares");
    insta::assert_snapshot!(said.join("\n"), @r#"
    error: no user is called `bop` --> s.yaml:19:62 hint: did you mean `bob`? users are ann, bob
    error: more than one is listed who is called so --> s.yaml:19:47 hint: say which, by group and project: lab/deep/ann, lab/wide/ann
    error: no such user in such a project of such a group is listed --> s.yaml:19:47 hint: allocator.tenants says who belongs where
    error: no group is called `labs` --> s.yaml:19:63 hint: did you mean `lab`? groups are 7, lab
    error: expected a name, or a number from 0 to 4294967295, found `-1` --> s.yaml:19:62
    error: shares must be at least 1 --> s.yaml:8:3 hint: they are proportions among siblings
    error: a name under tenants is empty, or begins like a number and is none --> s.yaml:8:3 hint: tables would take it for a number
    error: a name under tenants is empty, or begins like a number and is none --> s.yaml:8:3 hint: tables would take it for a number
    error: fair_share.tree.half_life must be at least 1 --> s.yaml:7:34
    error: fair_share.window.length must be at least 1 --> s.yaml:7:33
    error: per and at_most of qubit_seconds must be at least 1 --> s.yaml:8:3 hint: per is a time, at_most qubit-seconds in it
    error: the key `at_most` is missing --> s.yaml:10:47
    error: unknown key `half_lif` --> s.yaml:7:23 hint: did you mean `half_life`? valid keys are half_life
    error: unknown choice `trees` --> s.yaml:7:15 hint: did you mean `tree`? choose one of off, tree, window
    error: unknown choice `fair_shares` --> s.yaml:7:10 hint: did you mean `fair_share`? choose one of fifo, shortest_first, priority, priority_based, earliest_deadline, fair_share, weighted
    "#);
}
