//! `rmsim report` from outside: what it writes, and what it says of folders that it cannot read.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SMALL: [&str; 5] = ["-q", "--set", "horizon={jobs: 300}", "--set", "warm_up=none"];

fn rmsim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_rmsim")).args(args).output().expect("rmsim starts")
}

fn run(folder: &Path, more: &[&str]) {
    let out = ["run", "--out", folder.to_str().unwrap()];
    let done = rmsim(&[&out[..], &SMALL, more].concat());
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn report(folder: &Path, more: &[&str]) -> Output {
    rmsim(&[&["report", folder.to_str().unwrap()], more].concat())
}

#[test]
fn a_report_can_be_made_again_of_any_replication_and_time() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    run(&folder, &["--replications", "2", "--traces", "all"]);
    let page = folder.join("report.html");
    let own = fs::read(&page).unwrap();
    let again = report(&folder, &[]);
    assert!(again.status.success());
    assert_eq!(String::from_utf8(again.stdout).unwrap(), format!("{}\n", page.display()));
    assert!(fs::read(&page).unwrap() == own, "the same folder gives the same page");
    let other = base.path().join("other.html");
    let made = report(&folder, &["--replication", "1", "--until", "10m", "--out", other.to_str().unwrap()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    assert!(fs::read_to_string(&other).unwrap().contains("Shown is replication 1"));
    let without = base.path().join("without");
    run(&without, &["--no-report"]);
    assert!(without.join("utilization.svg").is_file() && !without.join("report.html").exists());
}

#[test]
fn folders_that_cannot_be_read_are_named() {
    let base = tempfile::tempdir().unwrap();
    let folder = base.path().join("run");
    run(&folder, &["--traces", "none", "--no-plots"]);
    let mut said = String::new();
    let mut say = |what: &str, done: &Output| {
        let stderr = String::from_utf8_lossy(&done.stderr).replace(&base.path().display().to_string(), "DIR");
        said.push_str(&format!("{what}: {}\n{stderr}", done.status.code().unwrap()));
    };
    say("no traces", &report(&folder, &[]));
    say("no such replication", &report(&folder, &["--replication", "many"]));
    say("wrong time", &report(&folder, &["--from", "soon"]));
    say("wrong order", &report(&folder, &["--from", "3h", "--until", "2h"]));
    say("nothing there", &report(&base.path().join("nothing"), &[]));
    say("no run", &report(base.path(), &[]));
    fs::write(folder.join("summary.json"), "{\"metrics\": [").unwrap();
    say("damaged", &report(&folder, &[]));
    fs::write(folder.join("manifest.json"), "{\"run\": \"1\", \"finished_at\": null}").unwrap();
    say("interrupted", &report(&folder, &[]));
    insta::assert_snapshot!(said, @"
    no traces: 0
    warning: no timeline.csv, so no charts over time; hint: rmsim run --traces first
    warning: no jobs.csv, so no devices, schedules and tenants; hint: rmsim run --traces first
    no such replication: 2
    error: invalid value 'many' for '--replication <N>': invalid digit found in string

    For more information, try '--help'.
    wrong time: 2
    error: --from: `soon` is not a duration: expected number at 0; hint: units are ns, us, ms, s, m, h, d, as in 30s or 1h 30m
    wrong order: 2
    error: --from is not before --until
    nothing there: 2
    error: DIR/nothing is no folder; hint: name the folder that `rmsim run` or `rmsim compare` wrote
    no run: 2
    error: DIR holds no run: it has no manifest.json; hint: name the folder that `rmsim run` or `rmsim compare` wrote
    damaged: 2
    error: DIR/run/summary.json:1:12: `metrics`: invalid type: sequence, expected a map
    interrupted: 2
    error: the run in DIR/run was not finished; hint: run it again into the same folder
    ");
}
