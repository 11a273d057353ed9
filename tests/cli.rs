//! The command line from outside: what is printed where, which files appear, and how the program exits.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn rmsim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    command.args(args).env_remove("NO_COLOR").output().expect("rmsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// A run that takes an instant.
const SMALL: [&str; 4] = ["--set", "horizon={jobs: 300}", "--set", "warm_up=none"];

fn small<'a>(args: &[&'a str]) -> Vec<&'a str> {
    args.iter().copied().chain(SMALL).collect()
}

#[test]
fn a_run_leaves_its_files_and_prints_its_summary() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("run");
    let done = rmsim(&small(&["run", "scenarios/quickstart.yaml", "--out", out.to_str().unwrap()]));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let stdout = text(&done.stdout);
    assert!(stdout.contains("isolation violations") && stdout.contains("ibm_fez"), "{stdout}");
    assert!(!stdout.contains('\x1b'), "no colour without a terminal");
    let stderr = text(&done.stderr);
    assert!(stderr.starts_with("quickstart: seed 1"), "the seed comes first: {stderr}");
    let mut files: Vec<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| !name.ends_with(".png"))
        .collect();
    files.sort();
    insta::assert_snapshot!(files.join("\n"), @"
    accounts.csv
    events.csv
    fidelity.svg
    fragmentation.svg
    isolation_violations.svg
    jobs.csv
    latency.csv
    manifest.json
    performance.json
    queue_length.svg
    report.html
    running_jobs.svg
    summary.csv
    summary.json
    timeline.csv
    utilization.svg
    waiting_causes.svg
    waiting_time_cdf.svg
    waits.csv
    world.csv
    ");
    let jobs = fs::read_to_string(out.join("jobs.csv")).unwrap();
    assert_eq!(jobs.lines().count(), 301, "a header and every job");
    assert!(
        jobs.starts_with("replication,job_id,workload_name,submission_time,requested_number_of_resources,")
    );
    let summary: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    let metric = |name: &str| summary["metrics"][name]["mean"].as_f64().unwrap_or_else(|| panic!("{name}"));
    let ends = ["completed", "failed", "cancelled", "rejected", "expired", "unfinished"];
    let ended: f64 = ends.iter().map(|end| metric(&format!("jobs_{end}"))).sum();
    assert_eq!(ended, 300.0);
    assert_eq!(metric("jobs_submitted"), 300.0);
    assert!(summary["metrics"]["waiting_time_s.p95"]["ci95"].is_null(), "one replication has no interval");
}

#[test]
fn a_run_folder_is_not_overwritten_by_another_run() {
    let base = tempfile::tempdir().unwrap();
    let folder = |name: &str| base.path().join(name).to_str().unwrap().to_owned();
    let run = |out: &str, more: &[&str]| {
        rmsim(&small(&[&["run", "--quiet", "--no-plots", "--out", out], more].concat()))
    };
    let out = folder("run");
    assert_eq!(run(&out, &[]).status.code(), Some(0));
    assert_eq!(run(&out, &[]).status.code(), Some(0), "the same run may be repeated");
    let other = run(&out, &["--seed", "9"]);
    assert_eq!(other.status.code(), Some(2));
    assert!(text(&other.stderr).contains("holds another run; hint:"), "{}", text(&other.stderr));
    assert_eq!(run(&out, &["--seed", "9", "--force"]).status.code(), Some(0));
    let foreign = folder("foreign");
    fs::create_dir(&foreign).unwrap();
    fs::write(Path::new(&foreign).join("thesis.tex"), "do not touch").unwrap();
    assert_eq!(run(&foreign, &[]).status.code(), Some(2));
    let file = folder("file");
    fs::write(&file, "").unwrap();
    assert_eq!(run(&file, &[]).status.code(), Some(2));
}

#[test]
fn traces_can_be_of_all_replications_or_none() {
    let base = tempfile::tempdir().unwrap();
    let lines = |which: &str| {
        let out = base.path().join(which);
        let path = out.to_str().unwrap();
        let more = ["run", "-q", "--no-plots", "--replications", "3", "--traces", which, "--out", path];
        let done = rmsim(&small(&more));
        assert!(done.status.success(), "{}", text(&done.stderr));
        let count = |name: &str| fs::read_to_string(out.join(name)).map(|text| text.lines().count()).ok();
        assert_eq!(count("jobs.csv.part-1"), None, "no parts are left");
        (count("jobs.csv"), count("summary.json").is_some())
    };
    assert_eq!(lines("first"), (Some(301), true));
    assert_eq!(lines("all"), (Some(901), true));
    assert_eq!(lines("none"), (None, true));
}

/// Fewer than ten replications are no beginning for a search for precision, and nobody is left to find out.
#[test]
fn precision_says_that_it_begins_with_more_replications() {
    let base = tempfile::tempdir().unwrap();
    let begun = |replications: &str| {
        let out = base.path().join(replications);
        let args = [
            &["compare", "--vary", "allocator.strategy=noise_aware,noise_aware", "--metric", "makespan_s"][..],
            &["--precision", "50%", "--max-replications", "12", "--replications", replications],
            &["--no-plots", "--out", out.to_str().unwrap()],
        ];
        let done = rmsim(&small(&args.concat()));
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stderr).contains("--precision begins with 10 replications, not ")
    };
    assert!(begun("3"));
    assert!(!begun("10"));
}

/// The same policy on the same worlds: the difference is exactly nothing, which is more than inconclusive.
#[test]
fn a_strategy_compared_with_itself_is_exactly_equal() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("compare");
    let args = [
        "compare",
        "scenarios/quickstart.yaml",
        "--vary",
        "allocator.strategy=noise_aware,noise_aware",
        "--json",
        "--replications",
        "3",
        "--out",
    ];
    let done = rmsim(&small(&[&args[..], &[out.to_str().unwrap()]].concat()));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let comparison: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = comparison["rows"].as_array().unwrap();
    assert!(rows.len() > 20);
    for row in rows {
        match row["no_verdict"].as_str() {
            None => assert_eq!(
                (&row["verdict"], row["difference"].as_f64()),
                (&"equal".into(), Some(0.0)),
                "{row}"
            ),
            Some(reason) => assert!(reason == "not_observed" && row["verdict"].is_null(), "{row}"),
        }
    }
    for name in ["comparison.csv", "comparison.json", "comparison.svg", "manifest.json", "report.html"] {
        assert!(out.join(name).is_file(), "{name}");
    }
}

/// One device, jobs of random length.
const LITTLE: &str = "\
scenario: little
seed: 5
replications: 6
horizon: {jobs: 60}
fleet: [{synthetic: {grid: {rows: 2, columns: 3}}, name: g}]
workload:
  arrivals: {poisson: {rate: 60/h}}
  jobs: [{name: a, qubits: 2, topology: any, depth: 1, execution_time: {exponential: {mean: 60s}}}]
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
allocator: {isolation: {buffer_distance: 0}}
";

/// `rmsim compare` of a scenario: the comparison, and what was said beside it.
fn compared(scenario: &str, args: &[&str]) -> (serde_json::Value, String) {
    let base = tempfile::tempdir().unwrap();
    let (file, out) = (base.path().join("s.yaml"), base.path().join("out"));
    fs::write(&file, scenario).unwrap();
    let fixed = ["compare", file.to_str().unwrap(), "--json", "--no-plots", "--out", out.to_str().unwrap()];
    let done = rmsim(&[&fixed, args].concat());
    assert!(done.status.success(), "{}", text(&done.stderr));
    (serde_json::from_slice(&done.stdout).unwrap(), text(&done.stderr))
}

fn row<'c>(comparison: &'c serde_json::Value, metric: &str) -> &'c serde_json::Value {
    comparison["rows"].as_array().unwrap().iter().find(|row| row["metric"] == metric).unwrap()
}

/// The same runs, of which one is measured for a shorter time: it completes fewer jobs, and is not worse for that.
#[test]
fn counts_of_another_interval_have_no_verdict() {
    let metrics =
        ["--metric", "jobs_completed", "--metric", "waiting_time_s.max", "--metric", "isolation_overhead"];
    let (comparison, said) =
        compared(LITTLE, &[&["--vary", "warm_up=none,{time: 20m}"][..], &metrics].concat());
    for (metric, reason) in [("jobs_completed", "other_interval"), ("waiting_time_s.max", "other_interval")] {
        let row = row(&comparison, metric);
        assert!(row["verdict"].is_null() && row["no_verdict"] == reason && row["p_value"].is_null(), "{row}");
    }
    assert!(said.contains("another interval is measured than the baseline's: `warm_up` differs"), "{said}");
    let note = &comparison["notes"][0];
    assert_eq!((&note["kind"], &note["variant"]), (&"other_interval".into(), &"warm_up={time: 20m}".into()));
}

/// Replication r of both has another fleet: no pair, so no variance is taken away, and the keys are named.
#[test]
fn other_worlds_are_compared_as_two_samples() {
    let wide = "fleet.0.synthetic.grid.columns=3,4";
    let (comparison, said) = compared(LITTLE, &["--vary", wide, "--metric", "qubit_utilization"]);
    let found = row(&comparison, "qubit_utilization");
    assert!(found["verdict"].is_string() && found["variance_reduction"].is_null(), "{found}");
    assert!(said.contains("`columns=4`: its worlds are not the baseline's: `fleet.0"), "{said}");
    let (comparison, said) =
        compared(LITTLE, &["--vary", "allocator.queue.global.skip_ahead=0,9", "--metric", "makespan_s"]);
    assert_eq!(comparison["notes"], serde_json::json!([]), "{said}");
}

/// Half of the time the only job is too wide and rejected: means over the other replications are those of survivors.
#[test]
fn a_mean_of_some_replications_stands_beside_that_of_all() {
    let scenario =
        LITTLE.replace("jobs: 60", "jobs: 1").replace("qubits: 2", "qubits: {choice: [[2, 1], [6, 1]]}");
    let args = ["--replications", "10", "--metric", "turnaround_time_s.mean", "--variant", "as it is:"];
    let narrow = [
        "--variant",
        "no wide ones: allocator.isolation.buffer_distance=1; fleet.0.synthetic.grid.columns=2",
    ];
    let (comparison, _) = compared(&scenario, &[&args[..], &narrow].concat());
    let found = row(&comparison, "turnaround_time_s.mean");
    let pairs = found["pairs"].as_u64().unwrap();
    assert!(0 < pairs && pairs < 10, "{found}");
    assert_eq!(
        (&found["baseline_own"]["replications"], &found["no_verdict"]),
        (&10.into(), &"observed_in_some".into())
    );
    assert_ne!(found["baseline_own"]["mean"], found["baseline_mean"]);
    assert!(found["verdict"].is_null() && found["ci95"].is_null() && found["p_value"].is_null(), "{found}");
}

#[test]
fn metrics_of_devices_are_compared_and_none_counts_twice() {
    let base = tempfile::tempdir().unwrap();
    let file = base.path().join("s.yaml");
    fs::write(&file, LITTLE).unwrap();
    let vary = ["compare", file.to_str().unwrap(), "--vary", "allocator.strategy=first_fit,noise_aware"];
    let refused = |args: &[&str]| {
        let done = rmsim(&[&vary[..], args].concat());
        assert_eq!(done.status.code(), Some(2), "{}", text(&done.stderr));
        text(&done.stderr)
    };
    let device = ["--metric", "qubit_utilization[g]"];
    let (comparison, _) = compared(LITTLE, &[&vary[2..], &device].concat());
    assert_eq!(row(&comparison, "qubit_utilization[g]")["pairs"], 6);
    let twice = refused(&[&device[..], &device].concat());
    assert!(twice.contains("`qubit_utilization[g]` is given twice; hint:"), "{twice}");
    let unknown = refused(&["--metric", "qubit_utilization[x]"]);
    assert!(unknown.contains("no fleet has a device `x`; hint: devices are g"), "{unknown}");
    let not = refused(&["--metric", "makespan_s[g]"]);
    assert!(
        not.contains("`makespan_s` is not known per device; hint: per device are qubit_utilization,"),
        "{not}"
    );
}

/// The later one would win, and the name of the variant would tell of the earlier one.
#[test]
fn settings_that_hide_each_other_are_refused() {
    let wide = "wide: allocator.isolation={buffer_distance: 3}";
    let cases: [&[&str]; 5] = [
        &[
            "compare",
            "--vary",
            "allocator.isolation.buffer_distance=0,1",
            "--variant",
            wide,
            "--variant",
            "as is:",
        ],
        &[
            "compare",
            "--set",
            "allocator.isolation.buffer_distance=2",
            "--variant",
            wide,
            "--variant",
            "as is:",
        ],
        &["run", "--set", "allocator.isolation.buffer_distance=2", "--set", "allocator.isolation={}"],
        &["check", "--seed", "3", "--set", "seed=4"],
        &["validate", "--set", "horizon.jobs=3", "--set", "horizon.jobs=4"],
    ];
    let said = cases.map(|case| {
        let done = rmsim(case);
        assert_eq!(done.status.code(), Some(2), "{case:?}: {}", text(&done.stderr));
        text(&done.stderr)
    });
    insta::assert_snapshot!(said.join(""), @"
    error: `allocator.isolation` (--variant) and `allocator.isolation.buffer_distance` (--vary) set the same place: the second would change a part of the first; hint: keep one of them
    error: `allocator.isolation.buffer_distance` (--set) and `allocator.isolation` (--variant) set the same place: the second contains the first and would hide it; hint: keep one of them
    error: `allocator.isolation.buffer_distance` (--set) and `allocator.isolation` (--set) set the same place: the second contains the first and would hide it; hint: keep one of them
    error: `seed` (--set) and `seed` (--seed) set the same place: the second would hide the first; hint: keep one of them
    error: `horizon.jobs` (--set) and `horizon.jobs` (--set) set the same place: the second would hide the first; hint: keep one of them
    ");
}

#[test]
fn noise_awareness_is_decided_on_fidelity() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("compare");
    let done = rmsim(&[
        "compare",
        "--vary",
        "allocator.strategy=first_fit,noise_aware",
        "--json",
        "--replications",
        "5",
        "--no-plots",
        "--set",
        "horizon={jobs: 1500}",
        "--out",
        out.to_str().unwrap(),
    ]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let comparison: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    let rows = comparison["rows"].as_array().unwrap();
    let row = rows.iter().find(|row| row["metric"] == "fidelity_true.mean").unwrap();
    assert_eq!(row["verdict"], "better", "{row}");
}

#[test]
fn determinism_can_be_checked() {
    let done = rmsim(&small(&["run", "--check-determinism"]));
    assert!(done.status.success());
    assert_eq!(text(&done.stdout), "deterministic: two runs gave the same traces, byte for byte\n");
}

#[test]
fn wrong_usage_and_wrong_input_exit_with_2() {
    let cases: [&[&str]; 20] = [
        &["compare", "--vary", "allocator.strategy=first_fit,best"],
        &["compare", "--vary", "seed=1,2"],
        &["run", "--seed", "18446744073709551615", "--replications", "2000000"],
        &["run", "no/such/scenario.yaml"],
        &["run", "--set", "allocator.strategy=noise_awre"],
        &["run", "--set", "allocator"],
        &["run", "--threads", "0"],
        &["run", "--replications", "0"],
        &["compare"],
        &["compare", "--vary", "allocator.strategy=first_fit"],
        &[
            "compare",
            "--vary",
            "allocator.strategy=first_fit,noise_aware",
            "--baseline",
            "2",
            "--replications",
            "2",
        ],
        &["compare", "--variant", "a", "--variant", "b: x=1"],
        &["compare", "--variant", "a: seed=3", "--variant", "b:"],
        &["compare", "--vary", "allocator.strategy=first_fit,noise_aware", "--precision", "1"],
        &["compare", "--vary", "allocator.strategy=first_fit,noise_aware", "--metric", "fidelity"],
        &["compare", "--vary", "allocator.strategy=first_fit,noise_aware", "--trade-off", "makespan_s"],
        &["device", "show", "ibm_fes"],
        &["device", "show", "./no_such_device.yaml"],
        &["device", "import", "qiskit", "--conf", "nothing.json", "--props", "nothing.json", "-o", "x.yaml"],
        &["frobnicate"],
    ];
    let base = tempfile::tempdir().unwrap();
    let mut said = String::new();
    for case in cases {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
        let quick = if case[0] == "compare" && case.len() > 1 { &SMALL[..] } else { &[] };
        let done = command.args(case).args(quick).current_dir(base.path()).output().unwrap();
        let stderr = text(&done.stderr);
        assert_eq!(done.status.code(), Some(2), "{case:?}: {stderr}");
        assert!(done.stdout.is_empty(), "{case:?} printed results");
        let message: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("quickstart:")).collect();
        said.push_str(&format!("$ rmsim {}\n{}\n\n", case.join(" "), message.join("\n")));
    }
    insta::assert_snapshot!(said);
}

#[test]
fn devices_are_listed_shown_and_imported() {
    let base = tempfile::tempdir().unwrap();
    let list = text(&rmsim(&["device", "list"]).stdout);
    assert!(list.lines().count() > 14 + 2, "{list}");
    let picture = base.path().join("picture");
    let shown = rmsim(&["device", "show", "ibm_guadalupe", "--picture", picture.to_str().unwrap()]);
    assert!(shown.status.success());
    let svg = fs::read_to_string(base.path().join("picture.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("ibm_guadalupe"));
    let png = fs::read(base.path().join("picture.png")).unwrap();
    assert!(png.starts_with(b"\x89PNG"));
}

#[test]
fn schema_and_resolved_scenario_fit_each_other() {
    let schema = rmsim(&["schema"]);
    let committed = fs::read("scenarios/schema.json").unwrap();
    assert_eq!(text(&schema.stdout), text(&committed), "scenarios/schema.json is out of date");
    let base = tempfile::tempdir().unwrap();
    let resolved = rmsim(&["validate", "--resolved"]);
    let path = base.path().join("resolved.yaml");
    fs::write(&path, &resolved.stdout).unwrap();
    let again = rmsim(&["validate", path.to_str().unwrap(), "--resolved"]);
    assert_eq!(
        text(&resolved.stdout),
        text(&again.stdout),
        "a resolved scenario is a scenario that says the same"
    );
}

#[test]
fn every_shipped_scenario_is_valid() {
    let mut seen = 0;
    for folder in ["scenarios", "scenarios/published"] {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "yaml") {
                seen += 1;
                let done = rmsim(&["validate", path.to_str().unwrap()]);
                assert!(done.status.success(), "{}: {}", path.display(), text(&done.stderr));
                let text = fs::read_to_string(&path).unwrap();
                assert!(text.starts_with("# yaml-language-server: $schema="), "{}", path.display());
            }
        }
    }
    assert!(seen >= 7);
}

/// Found by trying to break it: each of these once crashed, ran for ever, or said nothing.
#[test]
fn odd_scenarios_end_and_say_what_happened() {
    let base = tempfile::tempdir().unwrap();
    let head = "scenario: odd\nfleet: [{device: iqm_garnet}]\nhardware: {drift: {enabled: false}}\n\
                calibration: {mode: off}\n";
    let one_job = "workload: {arrivals: {at_start: {jobs: 1}}, jobs: [{qubits: 2, depth: 1}]}\n";
    let cases = [
        // A cancellation after the core has forgotten the job.
        (
            "late_cancel",
            format!(
                "{head}horizon: {{time: 1h}}\nallocator: {{remember_ended_jobs: 0}}\n\
             workload: {{arrivals: {{at_start: {{jobs: 1}}}}, jobs: [{{qubits: 2, depth: 1}}], \
             outcomes: {{cancelled: 1, cancel_after: 10m}}}}\n"
            ),
            "",
        ),
        // A device that never comes back.
        (
            "stuck",
            format!("{head}{one_job}horizon: {{jobs: 1}}\n")
                .replace("drift: {enabled: false}", "drift: {enabled: false}, failures: [{at: {time: 0s}}]"),
            "1 job unfinished that nothing would ever have let start, the first of them job 0: ",
        ),
        // One that comes back too late.
        (
            "cut_off",
            format!("{head}{one_job}horizon: {{jobs: 1}}\n").replace(
                "drift: {enabled: false}",
                "drift: {enabled: false}, failures: [{at: {time: 0s, duration: 60d}}]",
            ),
            "cut off at drain_limit with 1 job unfinished",
        ),
        (
            "cold",
            format!("{head}{one_job}horizon: {{jobs: 1}}\nwarm_up: {{time: 400d}}\n"),
            "ended before the warm-up",
        ),
        ("short", format!("{head}{one_job}horizon: {{jobs: 10}}\n"), "fewer jobs arrived"),
        // Now or never: an idle device takes it now.
        (
            "no_patience",
            format!("{head}{one_job}horizon: {{jobs: 1}}\n")
                .replace("qubits: 2", "qubits: 2, max_wait_time: 0s"),
            "",
        ),
        // A program too large for the bound of the search.
        (
            "dense",
            format!(
                "{head}horizon: {{jobs: 1}}\n\
             workload: {{arrivals: {{at_start: {{jobs: 1}}}}, jobs: [{{qubits: 100, topology: complete, depth: 1}}]}}\n"
            )
            .replace("device: iqm_garnet", "synthetic: {all_to_all: {qubits: 200}}, name: trap"),
            "",
        ),
        // A timeline that would fill the disk.
        ("timeline", format!("{head}{one_job}horizon: {{jobs: 1}}\noutput: {{timeline_every: 1ns}}\n"), ""),
    ];
    for (name, text_of_case, warning) in cases {
        let path = base.path().join(format!("{name}.yaml"));
        fs::write(&path, text_of_case).unwrap();
        let out = base.path().join(name);
        let args = ["run", path.to_str().unwrap(), "--no-plots", "--json", "--out", out.to_str().unwrap()];
        let done = rmsim(&args);
        let stderr = text(&done.stderr);
        assert_eq!(done.status.code(), Some(0), "{name}: {stderr}");
        assert!(stderr.contains(warning), "{name}: {stderr}");
        assert_eq!(stderr.contains("warning:"), !warning.is_empty(), "{name}: {stderr}");
        let summary: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
        let completed = summary["metrics"]["jobs_completed"]["mean"].as_f64();
        let expected = match name {
            // Nothing was measured, which is not the same as none.
            "cold" => None,
            "cut_off" | "stuck" => Some(0.0),
            _ => Some(1.0),
        };
        assert_eq!(completed, expected, "{name}");
    }
}

#[test]
fn a_forced_run_leaves_nothing_of_the_one_before() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("run");
    let path = out.to_str().unwrap();
    assert!(rmsim(&small(&["run", "-q", "--out", path])).status.success());
    fs::write(out.join("notes.txt"), "mine").unwrap();
    let more = ["run", "-q", "--out", path, "--seed", "99", "--traces", "none", "--no-plots", "--force"];
    assert!(rmsim(&small(&more)).status.success());
    let mut files: Vec<String> = fs::read_dir(&out)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    files.sort();
    let expected = [
        "accounts.csv",
        "latency.csv",
        "manifest.json",
        "notes.txt",
        "performance.json",
        "summary.csv",
        "summary.json",
        "waits.csv",
    ];
    assert_eq!(files, expected);
}

#[test]
fn circuits_are_listed_shown_and_written() {
    let list = text(&rmsim(&["circuit", "list"]).stdout);
    assert!(list.lines().count() == 16 && list.contains("qaoa_ring"), "{list}");
    let shown = rmsim(&["circuit", "show", "tests/data/circuits/repetition_code.qasm"]);
    insta::assert_snapshot!(text(&shown.stdout), @"
    circuit              tests/data/circuits/repetition_code.qasm
    qubits               5
    depth                16
    one-qubit gates      6
    two-qubit gates      8 on 4 pairs
    measured qubits      5
    partners of a qubit  2 at most, 1.60 on average
    interaction graph    line, bipartite

    interaction  two-qubit gates
    0 - 3                      2
    1 - 3                      2
    1 - 4                      2
    2 - 4                      2
    ");
    let ring = rmsim(&["circuit", "show", "qaoa_ring:5", "--json"]);
    let ring: serde_json::Value = serde_json::from_slice(&ring.stdout).unwrap();
    assert_eq!((ring["qubits"].as_u64(), ring["shape"]["ring"].as_bool()), (Some(5), Some(true)));

    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ghz.qasm");
    fs::write(&path, rmsim(&["circuit", "show", "ghz:4", "--qasm"]).stdout).unwrap();
    let counts = |reference: &str| {
        let shown = text(&rmsim(&["circuit", "show", reference]).stdout);
        shown.lines().skip(1).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(counts(path.to_str().unwrap()), counts("ghz:4"));

    fs::write(&path, "OPENQASM 2.0;\nqreg q[2];\nCX q[0], q[2];\n").unwrap();
    let wrong = rmsim(&["circuit", "show", path.to_str().unwrap()]);
    assert_eq!(wrong.status.code(), Some(2));
    let message = text(&wrong.stderr);
    assert!(message.contains("ghz.qasm:3:10: index 2 is out of range; hint: "), "{message}");
}
