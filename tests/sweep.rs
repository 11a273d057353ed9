//! Sweeps from outside: killed and resumed, sharded and merged, the same bytes; what users see when cells are missing or
//! expected values are missed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

/// 3 x 2 combinations in 3 replications, each of which takes an instant.
const PLAN: &str = "\
sweep: small
base: quickstart
replications: 3
set:
  horizon: {jobs: 150}
  warm_up: none
  hardware.failures: []
  fleet: [{device: ibm_guadalupe}]
  workload: {arrivals: {poisson: {rate: 60/h}}, jobs: [{qubits: {uniform: [2, 6]}, topology: line, shots: 1000}]}
variants:
- {name: first, set: {allocator.strategy: first_fit}}
- {name: best, set: {allocator.strategy: noise_aware}}
matrix:
  workload.arrivals.poisson.rate: {name: load, values: [60/h, 600/h, 6000/h]}
metrics: [jobs_submitted, waiting_time_s, fidelity_true, 'qubit_utilization[ibm_guadalupe]']
expected:
- {metric: jobs_submitted, value: 150, tolerance: 0}
";

const TABLES: [&str; 3] = ["sweep.csv", "sweep_summary.csv", "sweep.json"];

struct Bench {
    base: tempfile::TempDir,
    plan: PathBuf,
}

impl Bench {
    fn new(plan: &str) -> Self {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("plan.yaml");
        fs::write(&path, plan).unwrap();
        Self { base, plan: path }
    }

    fn folder(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    fn command(&self, out: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
        command.arg("sweep").arg(&self.plan).arg("--out").arg(out).arg("--no-plots").args(more);
        command
    }

    fn sweep(&self, out: &Path, more: &[&str]) -> Output {
        self.command(out, more).output().expect("rmsim starts")
    }

    fn merge(&self, folders: &[&Path], more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
        command.arg("merge").args(folders).arg("--no-plots").args(more).output().expect("rmsim starts")
    }

    /// An error without the paths of this run.
    fn text(&self, bytes: &[u8]) -> String {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        text.replace(self.base.path().to_str().unwrap(), "DIR")
    }
}

fn tables(folder: &Path) -> Vec<String> {
    TABLES
        .map(|name| fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}")))
        .into()
}

fn cells(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder.join("cells")) else { return Vec::new() };
    let mut cells: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    cells.retain(|path| !path.file_name().unwrap().to_string_lossy().starts_with('.'));
    cells.sort();
    cells
}

fn ok(output: &Output) {
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn shards_in_any_number_and_order_merge_to_the_same_bytes() {
    let bench = Bench::new(PLAN);
    let whole = bench.folder("whole");
    ok(&bench.sweep(&whole, &["--threads", "1"]));
    let expected = tables(&whole);
    assert_eq!(expected[0].lines().count(), 1 + 6 * 3);
    assert_eq!(expected[1].lines().count(), 1 + 6 * 4);
    assert!(expected[0].starts_with("variant,load,replication,cell,jobs_submitted,waiting_time_s.mean,"));
    // The same worlds for both variants: what arrives does not depend on what is decided.
    let json: serde_json::Value = serde_json::from_str(&expected[2]).unwrap();
    assert_eq!(json["combinations"].as_array().unwrap().len(), 6);
    assert_eq!(
        json["expected"].as_array().unwrap().iter().filter(|check| check["reached"] == true).count(),
        6
    );
    for of in [1, 2, 7] {
        let together = bench.folder(&format!("together-{of}"));
        let apart: Vec<PathBuf> = (1..=of).map(|number| bench.folder(&format!("{number}-of-{of}"))).collect();
        for number in (1..=of).rev() {
            let shard = format!("{number}/{of}");
            ok(&bench.sweep(&together, &["--shard", &shard, "--quiet"]));
            ok(&bench.sweep(&apart[number - 1], &["--shard", &shard, "--quiet"]));
        }
        ok(&bench.merge(&[&together], &[]));
        assert_eq!(tables(&together), expected, "{of} shards in one folder");
        let gathered = bench.folder(&format!("gathered-{of}"));
        let folders: Vec<&Path> = apart.iter().map(PathBuf::as_path).collect();
        ok(&bench.merge(&folders, &["--out", gathered.to_str().unwrap()]));
        assert_eq!(tables(&gathered), expected, "{of} shards in a folder each");
        assert_eq!(cells(&gathered).len(), 18);
    }
}

#[cfg(unix)]
#[test]
fn a_sweep_that_is_killed_goes_on_where_it_was() {
    // Longer cells, so that there is something to kill.
    let bench = Bench::new(&PLAN.replace("jobs: 150", "jobs: 1500").replace("value: 150", "value: 1500"));
    let whole = bench.folder("whole");
    let started = std::time::Instant::now();
    ok(&bench.sweep(&whole, &[]));
    let took = started.elapsed();
    let killed = bench.folder("killed");
    let mut kept = Vec::new();
    for part in [0.25, 0.4, 0.3, 0.35, 0.5] {
        let mut child =
            bench.command(&killed, &[]).stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
        std::thread::sleep(took.mul_f64(part));
        // SIGKILL: nothing can be tidied up.
        child.kill().unwrap();
        child.wait().unwrap();
        let names = cells(&killed);
        assert!(kept.iter().all(|cell| names.contains(cell)), "no cell is lost");
        kept = names;
    }
    let written = |cell: &PathBuf| fs::metadata(cell.join("manifest.json")).unwrap().modified().unwrap();
    let before: Vec<_> = kept.iter().map(written).collect();
    // What a process leaves that is killed while it writes.
    let leftover = killed.join("cells").join(format!(
        ".{}.1",
        cells(&whole)
            .iter()
            .find(|cell| !kept.iter().any(|kept| kept.file_name() == cell.file_name()))
            .unwrap_or(&cells(&whole)[0])
            .file_name()
            .unwrap()
            .to_string_lossy()
    ));
    fs::create_dir_all(&leftover).unwrap();
    let last = bench.sweep(&killed, &[]);
    ok(&last);
    assert_eq!(before, kept.iter().map(written).collect::<Vec<_>>(), "no cell is run twice");
    assert_eq!(tables(&killed), tables(&whole));
    if kept.is_empty() {
        // A machine so busy that no cell was done before the last kill.
        return;
    }
    let note = format!("{} of 18 cells are there already", kept.len());
    assert!(bench.text(&last.stderr).contains(&note), "{}", bench.text(&last.stderr));
}

#[cfg(unix)]
#[test]
fn an_interrupted_sweep_says_how_to_go_on() {
    let bench = Bench::new(&PLAN.replace("jobs: 150", "jobs: 200000"));
    let out = bench.folder("out");
    let mut child = bench.command(&out, &[]).stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    // The folder is made when the plan has been checked.
    for _ in 0..600 {
        if out.join("cells").exists() {
            break;
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    std::thread::sleep(Duration::from_millis(500));
    ok(&Command::new("kill").args(["-INT", &child.id().to_string()]).output().unwrap());
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let done = child.wait_with_output().unwrap();
    let stderr = bench.text(&done.stderr);
    assert!(
        stderr.ends_with(
            "interrupted\ncells that are done stay in DIR/out; hint: the same command goes on from there\n"
        ),
        "{stderr}"
    );
}

#[test]
fn missing_and_damaged_cells_are_named_with_what_makes_them() {
    let bench = Bench::new(PLAN);
    let out = bench.folder("out");
    ok(&bench.sweep(&out, &[]));
    let expected = tables(&out);
    let all = cells(&out);
    fs::remove_dir_all(&all[3]).unwrap();
    fs::write(all[5].join("metrics.csv"), "metric,value\njobs_submitted,1\n").unwrap();
    fs::write(all[7].join("manifest.json"), "").unwrap();
    for name in TABLES {
        fs::remove_file(out.join(name)).unwrap();
    }
    let done = bench.merge(&[&out], &[]);
    assert_eq!(done.status.code(), Some(1));
    let stderr = bench.text(&done.stderr);
    assert!(stderr.starts_with("error: 3 of 18 cells are missing\n  variant="), "{stderr}");
    assert!(stderr.ends_with("\nhint: `rmsim sweep DIR/plan.yaml --out DIR/out` makes them\n"), "{stderr}");
    assert_eq!(stderr.matches(" is damaged (").count(), 2, "{stderr}");
    assert!(!out.join("sweep.csv").exists(), "no table that is not whole");
    let again = bench.sweep(&out, &[]);
    ok(&again);
    let stderr = bench.text(&again.stderr);
    assert_eq!(stderr.matches("warning: cell ").count(), 2, "{stderr}");
    assert!(stderr.contains("15 of 18 cells are there already"), "{stderr}");
    assert_eq!(tables(&out), expected);
}

#[test]
fn expected_values_that_are_missed_give_exit_code_99() {
    let bench = Bench::new(&PLAN.replace("value: 150, tolerance: 0", "value: 160, tolerance: 5%"));
    let out = bench.folder("out");
    let done = bench.sweep(&out, &[]);
    assert_eq!(done.status.code(), Some(99), "{}", bench.text(&done.stderr));
    assert!(bench.text(&done.stderr).ends_with("error: 6 of 6 expected values were missed\n"));
    let stdout = bench.text(&done.stdout);
    assert_eq!(stdout.matches("-6.2 %").count(), 6, "{stdout}");
    assert_eq!(stdout.matches("missed").count(), 6, "{stdout}");
    assert_eq!(bench.merge(&[&out], &["--json"]).status.code(), Some(99));
    assert!(out.join("sweep.json").exists(), "what came out is there all the same");
}

#[test]
fn folders_of_others_are_left_alone() {
    let bench = Bench::new(PLAN);
    let out = bench.folder("out");
    let refused = |done: &Output, part: &str| {
        assert_eq!(done.status.code(), Some(2), "{}", bench.text(&done.stderr));
        assert!(bench.text(&done.stderr).contains(part), "{}", bench.text(&done.stderr));
    };
    fs::create_dir(&out).unwrap();
    fs::write(out.join("thesis.tex"), "do not touch").unwrap();
    refused(&bench.sweep(&out, &[]), "is not empty and holds no sweep; hint:");
    refused(&bench.merge(&[&out], &[]), "holds no sweep that can be read");
    refused(&bench.sweep(&bench.plan, &[]), "is a file; hint: name a folder");
    refused(&bench.sweep(&out, &["--shard", "3/2"]), "`3/2` is no shard; hint:");
    let first = bench.folder("first");
    ok(&bench.sweep(&first, &["--shard", "1/2"]));
    let other = Bench::new(&PLAN.replace("sweep: small", "sweep: other"));
    refused(&other.sweep(&first, &[]), "holds the sweep `small`, not `other`; hint:");
    let second = bench.folder("second");
    ok(&other.sweep(&second, &["--shard", "2/2"]));
    refused(&bench.merge(&[&first, &second], &[]), "hold different plans; hint:");
}

#[test]
fn a_dry_run_counts_and_writes_nothing() {
    let bench = Bench::new(PLAN);
    let out = bench.folder("out");
    let done = bench.sweep(&out, &["--dry-run"]);
    ok(&done);
    let stdout = bench.text(&done.stdout);
    assert!(stdout.contains("18 cells, 0 of them there already; the rest takes about "), "{stdout}");
    assert!(!out.exists());
    ok(&bench.sweep(&out, &["--shard", "1/3"]));
    let done = bench.sweep(&out, &["--dry-run", "--json"]);
    ok(&done);
    let json: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert_eq!((&json["cells"], &json["there"]), (&18.into(), &6.into()));
    assert_eq!(json["to_do"].as_array().unwrap().len(), 12);
    assert!(json["estimated_s"].as_f64().unwrap() > 0.0);
    assert_eq!(cells(&out).len(), 6);
}

/// Two metrics against each other are a plot of their own, and both are in the tables.
#[test]
fn trade_offs_are_drawn() {
    let bench = Bench::new(&format!("{PLAN}trade_offs: [{{x: qubit_utilization, y: waiting_time_s.p95}}]\n"));
    let out = bench.folder("out");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    ok(&command.arg("sweep").arg(&bench.plan).arg("--out").arg(&out).output().unwrap());
    let drawn =
        fs::read_to_string(out.join("sweep_waiting_time_s_p95_against_qubit_utilization.svg")).unwrap();
    let title = "waiting_time_s.p95 against qubit_utilization, over load";
    assert!(drawn.contains(title) && drawn.contains("waiting_time_s.p95 (s)"), "{drawn}");
    let table = fs::read_to_string(out.join("sweep_summary.csv")).unwrap();
    for metric in ["qubit_utilization", "waiting_time_s.p95"] {
        assert_eq!(table.lines().filter(|line| line.contains(&format!(",{metric},"))).count(), 6, "{table}");
    }
}

#[test]
fn plans_are_validated_as_scenarios_are() {
    let bench = Bench::new(PLAN);
    let validate = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
        command.arg("validate").arg(&bench.plan).args(more).output().unwrap()
    };
    let done = validate(&[]);
    ok(&done);
    insta::assert_snapshot!(bench.text(&done.stdout), @"small: valid plan (scenario: quickstart, combinations: 6, replications: 3, cells: 18, expected values: 6, seed: 1)");
    ok(&validate(&["--resolved"]));
    assert_eq!(validate(&["--set", "seed=1"]).status.code(), Some(2));
    fs::write(&bench.plan, PLAN.replace("noise_aware", "noise_awair")).unwrap();
    let done = validate(&[]);
    assert_eq!(done.status.code(), Some(2));
    insta::assert_snapshot!(bench.text(&done.stderr), @"
    error: allocator.strategy: unknown choice `noise_awair`
      --> DIR/plan.yaml:12:42
       |
    12 | - {name: best, set: {allocator.strategy: noise_awair}}
       |                                          ^^^^^^^^^^^
    hint: did you mean `noise_aware`? choose one of first_fit, noise_aware, topology_aware, region, fixed_regions
    ");
}

/// A label tells what holds: no setting behind it is hidden by another one.
#[test]
fn settings_of_a_plan_do_not_hide_each_other() {
    let refused = |from: &str, to: &str| {
        assert!(PLAN.contains(from), "{from}");
        let bench = Bench::new(&PLAN.replace(from, to));
        let output = bench.sweep(&bench.folder("out"), &[]);
        assert_eq!(output.status.code(), Some(2), "{}", bench.text(&output.stderr));
        bench.text(&output.stderr)
    };
    let axis = "matrix:\n";
    let buffer = "matrix:\n  allocator.isolation.buffer_distance: {name: buf, values: [1, 2]}\n";
    let best = "{allocator.strategy: noise_aware}";
    let said = [
        refused(
            &format!("set: {best}}}\n{axis}"),
            &format!("set: {{allocator.isolation: {{buffer_distance: 3}}}}}}\n{buffer}"),
        ),
        refused(axis, "matrix:\n  workload.arrivals: {name: all, values: [{poisson: {rate: 1/s}}]}\n"),
        refused("  warm_up: none\n", "  warm_up: none\n  workload.arrivals.poisson.rate: 7/h\n"),
        refused(
            "value: 150, tolerance: 0}",
            "value: 150, tolerance: 0}\n- {metric: jobs_submitted, where: {load: 60/h}, value: 9, tolerance: 0}",
        ),
    ];
    insta::assert_snapshot!(said.join("----\n"), @"
    error: `allocator.isolation.buffer_distance` under `matrix` sets the same place as `allocator.isolation` and would hide it, or a part of it
      --> DIR/plan.yaml:12:22
       |
    12 | - {name: best, set: {allocator.isolation: {buffer_distance: 3}}}
       |                      ^^^^^^^^^^^^^^^^^^^
    hint: keep one of them
    ----
    error: `workload.arrivals.poisson.rate` under `matrix` sets the same place as `workload.arrivals` and would hide it, or a part of it
      --> DIR/plan.yaml:14:43
       |
    14 |   workload.arrivals: {name: all, values: [{poisson: {rate: 1/s}}]}
       |                                           ^
    hint: keep one of them
    ----
    error: `workload` under `set` sets the same place as `workload.arrivals.poisson.rate` and would hide it, or a part of it
     --> DIR/plan.yaml:7:35
      |
    7 |   workload.arrivals.poisson.rate: 7/h
      |                                   ^^^
    hint: keep one of them
    ----
    error: `jobs_submitted` of variant=first load=60/h is expected twice
      --> DIR/plan.yaml:18:3
       |
    18 | - {metric: jobs_submitted, where: {load: 60/h}, value: 9, tolerance: 0}
       |   ^
    hint: keep one of them, or tell them apart by `where`
    ");
}
