//! Workloads that are exported and replayed, and journals: what comes back is what went in.

use std::fs;
use std::path::{Path, PathBuf};

use resource_manager::experiment::notes::before_run;
use resource_manager::experiment::replay::{Verdict, verify, what_if};
use resource_manager::observe::journal::Reader;
use resource_manager::simulator::scenario::{Scenario, SetOverride};

mod program;
mod tables;

use program::{done, rmsim, shown};
use tables::columns;

/// Runs a scenario with its traces and returns its `jobs.csv`.
fn jobs_of(scenario: &Path, out: &Path, sets: &[&str]) -> String {
    let mut args = vec!["run", shown(scenario), "--out", shown(out), "--no-plots", "-q"];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    done(&args);
    fs::read_to_string(out.join("jobs.csv")).unwrap()
}

/// The same scenario with another workload: its resolved form, changed.
fn with_workload(scenario: &str, sets: &[&str], workload: &str, folder: &Path) -> PathBuf {
    let mut args = vec!["validate", scenario, "--resolved"];
    sets.iter().for_each(|set| args.extend(["--set", set]));
    let mut resolved: serde_json::Value = serde_json::from_str(&done(&args)).unwrap();
    resolved["workload"] = serde_json::from_str(workload).unwrap();
    let path = folder.join("replayed.yaml");
    fs::write(&path, format!("{resolved:#}")).unwrap();
    path
}

#[test]
fn an_exported_workload_gives_the_same_jobs() {
    for (scenario, jobs) in
        [("quickstart", 700), ("quality_and_elastic", 200), ("circuits", 100), ("fragmentation", 200)]
    {
        let folder = tempfile::tempdir().unwrap();
        let path = format!("scenarios/{scenario}.yaml");
        let sets = [format!("horizon={{jobs: {jobs}}}"), "warm_up=none".to_owned()];
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        let table = folder.path().join("jobs.csv");
        let mut args = vec!["workload", "export", &path, "--out", shown(&table), "-q"];
        sets.iter().for_each(|set| args.extend(["--set", set]));
        done(&args);
        let original = jobs_of(Path::new(&path), &folder.path().join("original"), &sets);
        // Paths of circuits are relative to the scenario.
        fs::create_dir_all(folder.path().join("circuits")).unwrap();
        for file in fs::read_dir("scenarios").unwrap().chain(fs::read_dir("tests/data/circuits").unwrap()) {
            let file = file.unwrap().path();
            if file.extension().is_some_and(|ending| ending == "qasm") {
                fs::copy(&file, folder.path().join("circuits").join(file.file_name().unwrap())).unwrap();
            }
        }
        let replayed = with_workload(&path, &sets, r#"{"csv": "jobs.csv"}"#, folder.path());
        let text = fs::read_to_string(&table).unwrap();
        if text.contains("../tests/data/circuits/") {
            fs::write(&table, text.replace("../tests/data/circuits/", "circuits/")).unwrap();
        }
        let again = jobs_of(&replayed, &folder.path().join("again"), &[]);
        assert_eq!(again, original, "{scenario}");
    }
}

#[test]
fn a_finished_run_is_the_workload_of_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let sets = ["warm_up=none"];
    let original = jobs_of(Path::new("scenarios/replay_swf.yaml"), &folder.path().join("original"), &sets);
    let workload = r#"{"trace": {"file": "original/jobs.csv"}}"#;
    let replayed = with_workload("scenarios/replay_swf.yaml", &sets, workload, folder.path());
    let again = jobs_of(&replayed, &folder.path().join("again"), &[]);
    assert_eq!(again, original);
    let shown = done(&["workload", "show", shown(&folder.path().join("original/jobs.csv"))]);
    assert!(shown.contains("run time, s"), "{shown}");
}

/// A machine of 64 qubits that takes jobs as they are, in order; `workload` and more keys are added.
const MACHINE: &str = "
scenario: machine
fleet:
  - {synthetic: {all_to_all: {qubits: 64}}, noise: ideal, technology: simulator, name: machine}
allocator:
  strategy: first_fit
  selection: first
  isolation: {default_level: weak, buffer_distance: 0, guard: 0s}
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
output: {fidelity: false, fragmentation: false}
";

/// Writes a scenario on [`MACHINE`] and returns its path.
fn machine(folder: &Path, name: &str, more: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, format!("{MACHINE}{more}\n")).unwrap();
    path
}

/// Priorities and deadlines survive a table, a run, its trace, and the run of that.
#[test]
fn priorities_and_deadlines_are_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let table = "submission_time,qubits,execution_time,priority,deadline\n0,64,60,,\n1,64,60,low,\n2,64,60,high,119\n\
                 3,64,60,7,2h\n4,64,60,,100\n";
    fs::write(folder.path().join("t.csv"), table).unwrap();
    let order = ["allocator.order=priority"];
    let first = machine(folder.path(), "first.yaml", "workload: {csv: t.csv}\nhorizon: {time: 100d}");
    let original = jobs_of(&first, &folder.path().join("first"), &order);
    let shown_columns = ["submission_time", "starting_time", "priority", "deadline", "deadline_kept"];
    insta::assert_snapshot!(columns(&original, &shown_columns), @"
    0 0 0  
    2 60 100 119 true
    3 120 7 7200 true
    4 180 0 100 false
    1 240 -100
    ");
    let next =
        machine(folder.path(), "next.yaml", "workload: {trace: first/jobs.csv}\nhorizon: {time: 100d}");
    let again = jobs_of(&next, &folder.path().join("next"), &order);
    assert_eq!(columns(&again, &shown_columns), columns(&original, &shown_columns));
    let exported = folder.path().join("exported.csv");
    done(&["workload", "export", shown(&first), "--out", shown(&exported)]);
    let table = fs::read_to_string(&exported).unwrap();
    insta::assert_snapshot!(columns(&table, &["submission_time", "priority", "deadline"]), @"
    0  
    1 -100 
    2 100 119
    3 7 7200
    4  100
    ");
}

/// The jobs of a run that its horizon cut off: one had ended, one ran, one waited, one was too wide, one was withdrawn.
/// All of them run for their own time in the next run, and none for the time of one shot.
#[test]
fn jobs_that_had_not_ended_keep_their_own_time_or_are_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let table = "submission_time,qubits,execution_time,outcome\n0,64,7200,\n1,64,7200,\n2,64,7200,\n3,65,7200,\n\
                 4,64,7200,cancelled 60\n5,1,0,\n";
    fs::write(folder.path().join("t.csv"), table).unwrap();
    let cut = machine(folder.path(), "cut.yaml", "workload: {csv: t.csv}\nhorizon: {time: 3h}");
    let original = jobs_of(&cut, &folder.path().join("cut"), &[]);
    let shown_columns = ["submission_time", "final_state", "execution_time", "own_execution_time"];
    insta::assert_snapshot!(columns(&original, &shown_columns), @"
    3 rejected  7200
    4 cancelled  7200
    0 completed 7200 7200
    1 unfinished  7200
    2 unfinished  7200
    5 unfinished  0
    ");
    let next = machine(folder.path(), "next.yaml", "workload: {trace: cut/jobs.csv}\nhorizon: {time: 100d}");
    let again = jobs_of(&next, &folder.path().join("next"), &[]);
    insta::assert_snapshot!(columns(&again, &shown_columns), @"
    3 rejected  7200
    4 cancelled  7200
    0 completed 7200 7200
    1 completed 7200 7200
    2 completed 7200 7200
    5 completed 0 0
    ");
    // A trace of an earlier version does not know: left out, and counted.
    let old: Vec<&str> = original.lines().map(|line| line.rsplitn(27, ',').nth(26).unwrap()).collect();
    fs::write(folder.path().join("old.csv"), old.join("\n")).unwrap();
    let next = machine(folder.path(), "old.yaml", "workload: {trace: old.csv}\nhorizon: {time: 100d}");
    let scenario = Scenario::load(&next, &[]).unwrap();
    let replay = scenario.workload.replay.unwrap();
    assert_eq!(replay.len(), 1);
    insta::assert_debug_snapshot!(replay.left_out(), @r#"
    [
        (
            "never started, of which the trace does not say how long they would run",
            2,
        ),
        (
            "unfinished, of which the trace does not say how long they would run",
            3,
        ),
    ]
    "#);
    let notes = before_run(&Scenario::load(&next, &[]).unwrap());
    assert!(notes.iter().any(|note| note.text.starts_with("5 of the recorded 6 jobs left out")), "{notes:?}");
    // Where shots and depth say the time, nothing is missing.
    let model = SetOverride::new("hardware.runtime", "shots_and_depth").unwrap();
    assert_eq!(Scenario::load(&next, &[model]).unwrap().workload.replay.unwrap().len(), 6);
}

/// Instants since 1970 with nanoseconds, which no double holds: their order and their distance stay.
#[test]
fn times_are_exact_at_any_magnitude_and_may_begin_with_the_first_job() {
    let folder = tempfile::tempdir().unwrap();
    let table = "submission_time,name,qubits,execution_time\n1700000000.000000003,c,64,1.000000001\n\
                 1700000000.000000001,a,64,1e0\n1700000000.000000002,b,64,1\n";
    fs::write(folder.path().join("t.csv"), table).unwrap();
    let path = machine(folder.path(), "s.yaml", "workload: {csv: {file: t.csv, start_at_first_job: true}}");
    let jobs = jobs_of(&path, &folder.path().join("out"), &[]);
    insta::assert_snapshot!(columns(&jobs, &["workload_name", "submission_time", "starting_time", "finish_time"]), @"
    a 0 0 1
    b 0.000000001 1 2
    c 0.000000002 2 3.000000001
    ");
    let plain = machine(folder.path(), "p.yaml", "workload: {csv: t.csv}\nhorizon: {time: 20000d}");
    let out = folder.path().join("table.csv");
    done(&["workload", "export", shown(&plain), "--out", shown(&out), "-q"]);
    let exported = columns(&fs::read_to_string(&out).unwrap(), &["submission_time", "execution_time"]);
    insta::assert_snapshot!(exported, @"
    1700000000.000000001 1
    1700000000.000000002 1
    1700000000.000000003 1.000000001
    ");
    // The same jobs as a trace.
    let trace = folder.path().join("out/jobs.csv");
    let again = machine(
        folder.path(),
        "again.yaml",
        "workload: {trace: {file: out/jobs.csv, start_at_first_job: true, time_scale: 2}}",
    );
    assert!(trace.exists());
    let twice = jobs_of(&again, &folder.path().join("twice"), &[]);
    assert_eq!(columns(&twice, &["submission_time"]), "0\n0.000000002\n0.000000004");
}

/// A job whose requested time nobody recorded: with its run time as walltime it may pass a promise, and without it may not;
/// in whichever format it was recorded. What others stated is left alone.
#[test]
fn a_missing_walltime_may_be_the_run_time() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, workload: &str| {
        let path = machine(folder.path(), &format!("{name}.yaml"), workload);
        let text = fs::read_to_string(&path).unwrap();
        // Nobody guesses.
        let small = text.replace("qubits: 64", "qubits: 8");
        let strict = small.replace("  selection: first", "  selection: first\n  walltime: {estimate: none}");
        assert!(strict.len() > small.len() && small.len() < text.len(), "{text}");
        fs::write(&path, strict).unwrap();
        path
    };
    // Of 8 qubits 6 are taken until 100, job b waits for all of them, jobs c and d are short and narrow. In order of their ends.
    fs::write(
        folder.path().join("t.csv"),
        "submission_time,name,qubits,execution_time,requested_time\n0,a,6,100,120\n1,b,8,10,20\n2,c,2,30,\n3,d,2,60,80\n",
    )
    .unwrap();
    let swf =
        [(0, 100, 6, 120), (1, 10, 8, 20), (2, 30, 2, -1), (3, 60, 2, 80)].map(|(at, run, width, asked)| {
            format!("1 {at} -1 {run} {width} -1 -1 {width} {asked} -1 1 1 1 1 1 1 -1 -1\n")
        });
    fs::write(folder.path().join("t.swf"), swf.concat()).unwrap();
    let trace = of("first", "workload: {csv: t.csv}");
    jobs_of(&trace, &folder.path().join("first"), &[]);
    for file in ["csv: {file: t.csv", "swf: {file: t.swf", "trace: {file: first/jobs.csv"] {
        let run = |name: &str, missing: &str| {
            let name = format!("{name} {}", &file[..3]);
            let path = of(&name, &format!("workload: {{{file}{missing}}}}}"));
            let started = columns(&jobs_of(&path, &folder.path().join(name), &[]), &["starting_time"]);
            let said = done(&["validate", shown(&path)]);
            (started, said.lines().nth(1).unwrap_or_default().to_owned())
        };
        let told = "1 of 4 recorded jobs had no walltime: they state the time that they ran (missing_estimate: run_time)";
        let untold = "1 of 4 recorded jobs state no walltime (missing_estimate: unlimited)";
        assert_eq!(run("default", ""), ("3\n0\n100\n110".to_owned(), untold.to_owned()), "{file}");
        assert_eq!(
            run("unlimited", ", missing_estimate: unlimited"),
            ("3\n0\n100\n110".to_owned(), untold.to_owned()),
            "{file}"
        );
        assert_eq!(
            run("run_time", ", missing_estimate: run_time"),
            ("2\n32\n0\n100".to_owned(), told.to_owned()),
            "{file}"
        );
    }
    // Where no run time is recorded either.
    fs::write(folder.path().join("t.csv"), "submission_time,qubits,requested_time\n0,6,120\n").unwrap();
    let path = of("none", "workload: {csv: {file: t.csv, missing_estimate: run_time}}");
    let error = Scenario::load(&path, &[]).unwrap_err().to_string();
    insta::assert_snapshot!(error.replace(shown(folder.path()), "DIR"), @r"
    error: no job of the file has a run time of its own, which could be its walltime
      --> DIR/none.yaml:13:49
       |
    13 | workload: {csv: {file: t.csv, missing_estimate: run_time}}
       |                                                 ^^^^^^^^
    hint: a column execution_time, or `missing_estimate: unlimited`
    ");
    let path = of("typo", "workload: {csv: {file: t.csv, missing_estimate: runtime}}");
    let error = Scenario::load(&path, &[]).unwrap_err().to_string();
    assert!(error.contains("choose one of unlimited, run_time"), "{error}");
}

/// Beyond what a time can hold: line and column, not a time that stands still.
#[test]
fn times_that_no_time_can_hold_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = machine(folder.path(), "s.yaml", "workload: {csv: t.csv}");
    let mut messages = Vec::new();
    for table in [
        "submission_time,qubits,execution_time\n18446744073.709551616,1,1\n",
        "submission_time,qubits,execution_time\n1e19,1,1\n",
        "submission_time,qubits,execution_time\n9e9,1,9000000000\n9500000000,1,9e9\n",
        "submission_time,qubits,execution_time\n0,1,600y\n",
        "submission_time,qubits,execution_time\n-1,1,1\n",
        "submission_time,qubits,execution_time\n0,1,1\n0,1,\"1\n",
        "submission_time,qubits,name\n0,1,\"a\u{202e}b\"\n",
    ] {
        fs::write(folder.path().join("t.csv"), table).unwrap();
        let error = Scenario::load(&path, &[]).unwrap_err().to_string().replace(shown(folder.path()), "DIR");
        let lines = error.lines().filter(|line| line.starts_with("error") || line.starts_with("hint"));
        messages.push(lines.collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(messages.join("\n"));
    let swf = machine(folder.path(), "swf.yaml", "workload: {swf: t.swf}");
    fs::write(folder.path().join("t.swf"), "1 1356996147000 -1 100 40 -1 -1 40 -1 -1 1 1 1 1 1 1 -1 -1\n")
        .unwrap();
    let error = Scenario::load(&swf, &[]).unwrap_err().to_string();
    assert!(
        error.contains("t.swf:1: column 2 (`submit time`): 1356996147000 seconds are more than"),
        "{error}"
    );
}

/// The line of an editor, whatever stands between the rows and however they end.
#[test]
fn wrong_cells_are_named_with_their_line() {
    let folder = tempfile::tempdir().unwrap();
    let path = machine(folder.path(), "s.yaml", "workload: {csv: t.csv}");
    for end in ["\n", "\r\n"] {
        let rows =
            ["# made by hand", "", "submission_time,qubits,execution_time", "0,1,1", "", "# noon", "1,two,1"];
        fs::write(folder.path().join("t.csv"), rows.join(end)).unwrap();
        let error = Scenario::load(&path, &[]).unwrap_err().to_string();
        assert!(error.contains("t.csv:7: column 2 (`qubits`)"), "{end:?}: {error}");
    }
}

#[test]
fn what_is_wrong_with_a_table_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let scenario =
        with_workload("scenarios/quickstart.yaml", &["warm_up=none"], r#"{"csv": "t.csv"}"#, folder.path());
    let mut messages = Vec::new();
    for table in [
        "submission_time,qubits,shotz\n1,5,100\n",
        "submission_time,qubits\n1,5\n2,five\n",
        "submission_time,qubits\n1,5\n2\n",
        "submission_time,qubits,topology\n1,2,ring\n",
        "qubits,priority\n1,urgent\n",
        "qubits,excluded_devices\n1,ibm_fz\n",
        "qubits,execution_time\n1,5\n",
        "shots\n1\n",
        "submission_time;qubits;execution_time\n0;8;12,5\n",
        "num_qubits,num_shots\n0,5\n",
        "qubits\n",
        "",
    ] {
        fs::write(folder.path().join("t.csv"), table).unwrap();
        let output = rmsim(&["validate", shown(&scenario)]);
        assert_eq!(output.status.code(), Some(2), "{table}");
        let text = String::from_utf8(output.stderr).unwrap().replace(shown(folder.path()), "DIR");
        let lines = text.lines().filter(|line| line.starts_with("error") || line.starts_with("hint"));
        messages.push(lines.collect::<Vec<_>>().join("\n"));
    }
    insta::assert_snapshot!(messages.join("\n"), @"
    error: DIR/t.csv:1: column 3 (`shotz`): unknown column
    hint: did you mean `shots`? columns are submission_time, name, qubits, max_qubits, circuits, shots, depth, execution_time, requested_time, max_wait_time, deadline, user, group, project, tenant, outcome, id, after, after_success, topology, circuit, elasticity, priority, isolation, buffer_distance, temporal_separation, hardware_reset, max_crosstalk, min_success_probability, fidelity_requirement, noise_budget, max_swap_operations, min_t1, min_t2, max_one_qubit_error, max_two_qubit_error, max_readout_error, device_preference, excluded_devices, attributes
    error: DIR/t.csv:3: column 2 (`qubits`): `five` is no whole number, or too large
    hint: 1 or more
    error: DIR/t.csv:3: the row has 1 cells, the first row has 2
    error: DIR/t.csv:2: column 3 (`topology`): a ring needs at least 3 qubits, but the job asks for 2
    error: DIR/t.csv:2: column 2 (`priority`): `urgent` is no priority
    hint: low, normal, high, critical, or a whole number from -2147483648 to 2147483647
    error: DIR/t.csv:2: column 2 (`excluded_devices`): no device of the fleet is called `ibm_fz`
    hint: did you mean `ibm_fez`? devices are ibm_fez, ibm_marrakesh, ibm_torino, ibm_brisbane, ibm_guadalupe, iqm_garnet, ionq_forte; `*` stands for any text; vendors, technologies and aliases are IBM, IQM, IonQ, ibm_quantum, ionq, superconducting, trapped_ion
    error: the run-time model ignores the column execution_time
    hint: set `hardware: {runtime: distribution}`, or leave the column out
    error: DIR/t.csv:1: no column says how large the jobs are
    hint: add `qubits`, or `circuit`
    error: DIR/t.csv:1: the first row has one cell, with `;` in it
    hint: cells are separated by commas, and `.` is the decimal point
    error: DIR/t.csv:2: column 1 (`num_qubits`): `0` is too small
    hint: 1 or more
    error: the file holds no job
    error: DIR/t.csv: the file is empty
    hint: the first row names the columns
    ");
}

/// The journal of the beginning of the quickstart.
fn journal(folder: &Path, sets: &[&str]) -> PathBuf {
    let path = folder.join("journal.jsonl");
    let out = folder.join("run");
    let mut args =
        vec!["run", "scenarios/quickstart.yaml", "--out", shown(&out), "--no-plots", "-q", "--force"];
    args.extend(["--journal", shown(&path), "--set", "warm_up=none"]);
    sets.iter().for_each(|set| args.extend(["--set", set]));
    done(&args);
    path
}

#[test]
fn the_journal_of_quickstart_replays_to_identical_decisions() {
    let folder = tempfile::tempdir().unwrap();
    let path = journal(folder.path(), &["horizon={jobs: 2500}"]);
    let said = done(&["replay", shown(&path)]);
    assert!(said.starts_with("identical: ") && said.contains(" commands, "), "{said}");

    let text = fs::read_to_string(&path).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let verdict = |lines: &[&str]| {
        let text = lines.join("\n");
        let mut reader = Reader::new(text.as_bytes()).unwrap();
        verify(&mut reader)
    };
    // One changed line: the first difference is there, or where it first matters.
    let submit = lines.iter().position(|line| line.contains("\"submit\"")).unwrap();
    let changed = lines[submit].replacen("\"shots\":", "\"shots\":1", 1);
    let mut other = lines.clone();
    other[submit] = &changed;
    match verdict(&other).unwrap() {
        Verdict::Differs(difference) => {
            assert_eq!(difference.line, submit as u64 + 1);
            assert!(difference.recorded.unwrap().starts_with("job_queued 0 body "));
        }
        verdict => panic!("{verdict:?}"),
    }
    let started = lines.iter().rposition(|line| line.contains("job_started")).unwrap();
    let moved = lines[started].replacen("\"fence\":", "\"fence\":9", 1);
    fs::write(&path, text.replacen(lines[started], &moved, 1)).unwrap();
    let output = rmsim(&["replay", shown(&path)]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("line {}: ", started + 1)), "{said}");
    assert!(said.contains("recorded: job_started") && said.contains("replayed: job_started"), "{said}");

    // Damage is named with its line, and is another kind of failure.
    let cut = &lines[started][..lines[started].len() / 2];
    fs::write(&path, text.replacen(lines[started], cut, 1)).unwrap();
    let output = rmsim(&["replay", shown(&path)]);
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains(&format!("journal.jsonl:{}: ", started + 1)), "{said}");
    let mut missing = lines.clone();
    missing.remove(submit);
    let said = verdict(&missing).unwrap_err().to_string();
    assert!(
        said.starts_with(&format!("line {}: ", submit + 1)) && said.contains("a line is missing"),
        "{said}"
    );
    let said = verdict(&lines[..lines.len() - 1]).unwrap_err().to_string();
    assert!(said.contains("cut off"), "{said}");
}

#[test]
fn the_same_configuration_changes_nothing_and_another_one_does() {
    let folder = tempfile::tempdir().unwrap();
    for horizon in ["horizon={jobs: 2500}", "horizon={time: 3h}"] {
        let walltime = "workload.jobs.1.estimated_duration={times_execution: 0.9}";
        let path = journal(folder.path(), &[horizon, walltime]);
        let text = fs::read_to_string(&path).unwrap();
        let mut reader = Reader::new(text.as_bytes()).unwrap();
        let config = reader.header().allocator.clone();
        let same = what_if(&mut reader, config).unwrap();
        assert_eq!(
            (same.other_device, same.other_qubits, same.earlier.jobs, same.later.jobs),
            (0, 0, 0, 0),
            "{same:?}"
        );
        assert_eq!(
            (same.only_now, same.only_recorded, same.states.len(), same.left_out),
            (0, 0, 0, 0),
            "{same:?}"
        );
        assert_eq!(same.recorded, same.now);
        let said = done(&["replay", shown(&path), "--set", "allocator.strategy=first_fit"]);
        assert!(said.contains("on other qubits of the device") && said.contains("placement cost"), "{said}");
    }
    let path = folder.path().join("journal.jsonl");
    let output = rmsim(&["replay", shown(&path), "--set", "allocator.strategy=first_fitt"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("did you mean `first_fit`?"));
    // A key with two names may be set under either.
    done(&["replay", shown(&path), "--set", "allocator.default_strategy=first_fit"]);
    let output = rmsim(&["replay", shown(&path), "--set", "fleet.0.count=2"]);
    assert_eq!(output.status.code(), Some(2));
}

/// What would have happened to devices after the record is not in it: a what-if that goes beyond says so.
#[test]
fn a_what_if_says_what_lies_beyond_its_record() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = "scenario: beyond
warm_up: none
fleet: [{synthetic: {line: {qubits: 4}}, noise: ideal, name: line}]
workload:
  arrivals: {burst: {every: 70m, jobs: 2}}
  jobs: [{name: pair, qubits: 2, topology: line, execution_time: 1h}]
hardware:
  runtime: distribution
  drift: {enabled: false}
  failures: [{at: {time: 90m, duration: 2h, devices: [line]}}]
calibration: {mode: off}
allocator: {isolation: {buffer_distance: 0}}
horizon: {jobs: 2}
drain: true
";
    let path = folder.path().join("beyond.yaml");
    fs::write(&path, scenario).unwrap();
    let journal = folder.path().join("journal.jsonl");
    let out = folder.path().join("out");
    done(&["run", shown(&path), "--out", shown(&out), "--journal", shown(&journal), "--no-plots", "-q"]);
    let said = done(&["replay", shown(&journal), "--set", "allocator.isolation.buffer_distance=1"]);
    assert!(said.contains("note: 1 job(s) end after the record, which ends at 60.0 min"), "{said}");
    let same = done(&["replay", shown(&journal), "--set", "allocator.max_attempts=10"]);
    assert!(!same.contains("after the record"), "{same}");
}

#[test]
fn an_example_trace_is_shown_and_replayed() {
    let shown = done(&["workload", "show", "scenarios/data/example.swf"]);
    insta::assert_snapshot!(shown, @"
    Computer               none: a made-up trace of a 64-processor machine, to show the format
    MaxProcs               64
    UnixStartTime          0
    jobs                   385
    left out               3 without a run time
    left out               12 cancelled before the start
    from first to last     24.8 h
    jobs per hour          15.51
    variation of gaps      1.041 (1: Poisson)
    run to their walltime  73
    tenants                30 users, 8 groups, 8 projects
    shapes                 any 385
    outcomes               completed 376, error 9

                                jobs   mean  least    p25    p50    p75     p90     p99    most
    ───────────────────────────────────────────────────────────────────────────────────────────
    qubits                       385  10.39      1      2      4      8      32      64      64
    circuits                     385      1      1      1      1      1       1       1       1
    shots                        385      1      1      1      1      1       1       1       1
    depth                        385    114    114    114    114    114     114     114     114
    run time, s                  385  1,593      7    177    573  1,555   4,393  14,400  14,400
    walltime, s                  385  5,458    600  1,800  3,600  7,200  14,400  14,400  14,400
    gap between submissions, s   384  232.7      0     59    165    325     538   1,158   2,137
    ");
    let sets = [
        SetOverride::new("workload.swf", "{file: data/example.swf, jobs: {quantum: {}}}").unwrap(),
        SetOverride::new("hardware.runtime", "shots_and_depth").unwrap(),
    ];
    let scenario = Scenario::load(Path::new("scenarios/replay_swf.yaml"), &sets).unwrap();
    let replay = scenario.workload.replay.unwrap();
    assert!(replay.jobs().iter().all(|job| (1..=27).contains(&job.min_qubits)));
    let error = Scenario::load(Path::new("scenarios/replay_swf.yaml"), &sets[1..]).unwrap_err().to_string();
    assert!(error.contains("ignores the run times of the trace"), "{error}");
}
