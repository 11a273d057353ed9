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
    error: --from is not before --until; the run has no traces
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

/// Runs a scenario of a table and returns what its page draws, with the page.
fn page_of_table(folder: &Path, scenario: &str, table: &str) -> std::path::PathBuf {
    fs::write(folder.join("jobs.csv"), table).unwrap();
    fs::write(folder.join("scenario.yaml"), scenario).unwrap();
    let out = folder.join("run");
    let path = folder.join("scenario.yaml");
    let done = rmsim(&["run", path.to_str().unwrap(), "--out", out.to_str().unwrap(), "-q"]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    out
}

fn drawn(page: &str) -> serde_json::Value {
    let (_, rest) = page.split_once("type=\"application/json\">").unwrap();
    serde_json::from_str(rest.split_once("</script>").unwrap().0).unwrap()
}

/// The jobs in the schedule of the first device: number, attempt, start, end, state.
fn schedule(page: &str) -> Vec<(u64, u64, f64, Option<f64>, String)> {
    let data = drawn(page);
    let row = |row: &serde_json::Value| {
        let state = data["states"][row[6].as_u64().unwrap() as usize].as_str().unwrap();
        (
            row[0].as_u64().unwrap(),
            row[14].as_u64().unwrap(),
            row[1].as_f64().unwrap(),
            row[2].as_f64(),
            state.to_owned(),
        )
    };
    data["devices"][0]["jobs"].as_array().unwrap().iter().map(row).collect()
}

const GRID: &str = "
scenario: grid
fleet: [{synthetic: {grid: {rows: 3, columns: 3}}, name: grid}]
workload: {csv: jobs.csv}
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}, failures: FAILURES}
calibration: {mode: off}
warm_up: none
";

#[test]
fn a_window_shows_who_holds_qubits_in_it() {
    let base = tempfile::tempdir().unwrap();
    // Half a day on most of the device, and one that waits for it.
    let table = "submission_time,qubits,topology,execution_time\n0,6,any,43200\n3600,2,line,60\n";
    let scenario = GRID.replace("FAILURES", "[]") + "horizon: {jobs: 2}\n";
    let out = page_of_table(base.path(), &scenario, table);
    let page = out.join("window.html");
    let window = |from: &str, until: &str| {
        report(&out, &["--from", from, "--until", until, "--out", page.to_str().unwrap()])
    };
    assert!(window("5h", "6h").status.success());
    let text = fs::read_to_string(&page).unwrap();
    assert_eq!(schedule(&text), [(0, 1, 0.0, Some(43_200.0), "completed".to_owned())]);
    assert_eq!(drawn(&text)["window"], serde_json::json!([18_000.0, 21_600.0]));
    assert!(text.contains("held which qubits between 5.00 h and 6.00 h"));
    let outside = window("20h", "21h");
    assert_eq!(outside.status.code(), Some(2));
    let said = String::from_utf8_lossy(&outside.stderr);
    assert!(said.contains("--from 20.0 h is not within the run: the run spans 0 s to 12.0 h"), "{said}");

    // A job that still runs when the run ends runs to its end.
    let unfinished = GRID.replace("FAILURES", "[]") + "horizon: {time: 8h}\n";
    fs::remove_dir_all(&out).unwrap();
    let out = page_of_table(base.path(), &unfinished, table);
    assert!(report(&out, &["--from", "7h", "--out", page.to_str().unwrap()]).status.success());
    let text = fs::read_to_string(&page).unwrap();
    assert_eq!(schedule(&text), [(0, 1, 0.0, None, "unfinished".to_owned())]);
    assert_eq!(drawn(&text)["window"], serde_json::json!([25_200.0, 28_800.0]));
    assert!(text.contains("100.0 %"), "the tenant's job counts although it has not ended");
}

#[test]
fn what_was_lost_with_a_device_was_held_all_the_same() {
    let base = tempfile::tempdir().unwrap();
    let table =
        "submission_time,qubits,topology,execution_time,project\n0,4,line,3700,1\n7500,4,line,3700,2\n";
    let failures = "[{at: {time: 1h, duration: 1m}}]";
    let scenario = GRID.replace("FAILURES", failures) + "horizon: {time: 4h}\ndrain: true\n";
    let out = page_of_table(base.path(), &scenario, table);
    let text = fs::read_to_string(out.join("report.html")).unwrap();
    let attempts = [
        (0, 1, 0.0, Some(3_600.0), "waited again".to_owned()),
        (0, 2, 3_660.0, Some(7_360.0), "completed".to_owned()),
        (1, 1, 7_500.0, Some(11_200.0), "completed".to_owned()),
    ];
    assert_eq!(schedule(&text), attempts);
    // (3600 + 3700) of (3600 + 3700 + 3700) s on as many qubits.
    assert!(text.contains("66.4 %") && text.contains("33.6 %") && !text.contains("data-v=\"0.5\""));
    assert_eq!(drawn(&text)["devices"][0]["ran"], 2);
    // Without the events the page does not look as if nothing were missing.
    let events = out.join("events.csv");
    let all = fs::read_to_string(&events).unwrap();
    fs::write(&events, all.replace("job_requeued", "job_held")).unwrap();
    let cut = report(&out, &[]);
    assert_eq!(cut.status.code(), Some(2));
    let said = String::from_utf8_lossy(&cut.stderr);
    assert!(said.contains("events.csv: 0 of the 1 attempts that jobs.csv counts"), "{said}");
    fs::remove_file(&events).unwrap();
    let without = report(&out, &[]);
    assert!(without.status.success());
    let said = String::from_utf8_lossy(&without.stderr);
    assert!(
        said.contains("of 1 jobs that were started again only the last attempt is in schedules"),
        "{said}"
    );
    let text = fs::read_to_string(out.join("report.html")).unwrap();
    assert!(text.contains("only the last attempt counts, for want of events.csv"));
}
