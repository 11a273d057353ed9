//! Jobs that are all alike and come in one request: from a scenario to its traces, its journal and what is told of one of them.
//!
//! That an array is what its jobs are one by one, whatever else happens, `core_properties.rs` shows over random histories.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

mod program;
mod tables;

use program::{Folder, done, rmsim, shown};
use tables::{JobRow, columns, jobs};

/// A machine of ten qubits on which arrays of up to five jobs come, some of which fail or are withdrawn.
const SCENARIO: &str = "
scenario: arrays
fleet:
  - {synthetic: {all_to_all: {qubits: 10}}, noise: ideal, technology: simulator, name: machine}
workload:
  arrivals: {poisson: {rate: 30/h}}
  tenants: {users: 3}
  jobs:
    - {name: many, array: {uniform: [2, 5]}, qubits: {uniform: [1, 6]}, shots: {uniform: [100, 9000]}, execution_time: {uniform: [10s, 90s]}}
    - {name: ends, array: 3, qubits: 2, execution_time: 30s, outcomes: {cancelled: 0.4, cancel_after: 20s, error: 0.3}}
    - {name: one, qubits: 4, execution_time: 20s}
horizon: {jobs: 200}
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
warm_up: none
output: {fidelity: false, fragmentation: false}
";

/// Those that came at one instant, by number.
fn together(rows: Vec<JobRow>) -> Vec<Vec<JobRow>> {
    let mut all: BTreeMap<u64, Vec<JobRow>> = BTreeMap::new();
    for row in rows {
        all.entry(row.time("submission_time").unwrap()).or_default().push(row);
    }
    all.into_values()
        .map(|mut rows| {
            rows.sort_by_key(|row| row.number("job_id"));
            rows
        })
        .collect()
}

#[test]
fn jobs_of_an_array_are_alike() {
    let folder = Folder::new();
    let scenario = folder.file("arrays.yaml", SCENARIO);
    let table = folder.run(&scenario, "out", &[]);
    let arrays = together(jobs(&table).unwrap());
    let sizes: BTreeSet<(String, usize)> =
        arrays.iter().map(|rows| (rows[0].text("workload_name").to_owned(), rows.len())).collect();
    let seen =
        |name: &str| sizes.iter().filter(|(of, _)| of == name).map(|(_, size)| *size).collect::<Vec<_>>();
    // The last one is cut to what is left of the 200.
    assert!(seen("many").ends_with(&[2, 3, 4, 5]), "{sizes:?}");
    assert!(seen("ends").ends_with(&[3]) && seen("one") == [1], "{sizes:?}");
    assert_eq!(arrays.iter().map(Vec::len).sum::<usize>(), 200);
    let alike = ["workload_name", "user", "requested_number_of_resources", "shots"];
    let mut numbers = 0..;
    let mut split = 0;
    for array in &arrays {
        for row in array {
            assert_eq!(Some(row.number("job_id")), numbers.next());
            assert_eq!(alike.map(|column| row.text(column)), alike.map(|column| array[0].text(column)));
        }
        let starts: BTreeSet<&str> = array.iter().map(|row| row.text("starting_time")).collect();
        split += u32::from(starts.len() > 1);
    }
    assert!(split > 10, "each starts by itself: {split} arrays did not start as one");
    // One by one they do the same.
    let trace = folder.file("jobs.csv", &table);
    let single = SCENARIO.split("workload:").next().unwrap().to_owned()
        + &format!("workload: {{trace: {}}}\nhorizon: ", shown(&trace))
        + SCENARIO.split("horizon: ").nth(1).unwrap();
    let again = folder.run(&folder.file("single.yaml", &single), "out", &[]);
    let decided = ["job_id", "submission_time", "starting_time", "final_state", "allocated_resources"];
    assert_eq!(columns(&again, &decided), columns(&table, &decided));
}

/// What says which jobs come, without a run: the exported table and the world.
#[test]
fn a_table_and_the_world_hold_every_job_of_an_array() {
    let folder = Folder::new();
    let scenario = folder.file("arrays.yaml", SCENARIO);
    let came =
        ["job_id", "submission_time", "user", "requested_number_of_resources", "shots", "own_execution_time"];
    for horizon in ["{jobs: 200}", "{jobs: 7}", "{time: 2h}"] {
        let set = format!("horizon={horizon}");
        let run = folder.run(&scenario, "out", &["--set", &set]);
        let sorted = |table: &str| {
            let mut rows: Vec<String> = columns(table, &came).lines().map(str::to_owned).collect();
            rows.sort_by_key(|row| row.split(' ').next().and_then(|id| id.parse::<u64>().ok()));
            rows
        };
        let table = folder.path("table.csv");
        done(&["workload", "export", shown(&scenario), "--out", shown(&table), "--force", "--set", &set]);
        let single = SCENARIO.split("workload:").next().unwrap().to_owned()
            + &format!("workload: {{csv: {}}}\nhorizon: {horizon}\n", shown(&table))
            + SCENARIO.split("horizon: {jobs: 200}\n").nth(1).unwrap();
        let again = folder.run(&folder.file("single.yaml", &single), "out", &[]);
        assert_eq!(sorted(&again), sorted(&run), "{horizon}");
        folder.run(&scenario, "out", &["--set", &set, "--set", "output.traces=all"]);
        let world = fs::read_to_string(folder.path("out/world.csv")).unwrap();
        let arrivals = world.lines().filter(|line| line.contains(",arrival,")).count();
        assert_eq!(arrivals, sorted(&run).len(), "{horizon}");
    }
}

/// A journal has no aliases, vendors or patterns: what names no device of it is an error, and no weight of 1.
#[test]
fn what_if_knows_devices_by_their_names() {
    let folder = Folder::new();
    let scenario = folder.file("arrays.yaml", SCENARIO);
    let journal = folder.path("journal.jsonl");
    folder.run(&scenario, "out", &["--journal", shown(&journal)]);
    let shares = "allocator.order=fair_share";
    let said = |weights: &str| {
        let output = rmsim(&["replay", shown(&journal), "--set", shares, "--set", weights]);
        assert_eq!(output.status.code(), Some(2), "{weights}");
        String::from_utf8(output.stderr).unwrap().replace(shown(folder.0.path()), "FOLDER")
    };
    let all = [
        "allocator.charge_weights={zzz: 2}",
        "allocator.weights={'m*': 2}",
        "allocator.charge_weights={machine: 0}",
    ];
    insta::assert_snapshot!(all.map(said).join(""), @"
    error: FOLDER/journal.jsonl: allocator.charge_weights: no device of the journal is called `zzz`; hint: here each device goes by its own name: machine
    error: FOLDER/journal.jsonl: allocator.weights: no device of the journal is called `m*`; hint: here each device goes by its own name: machine
    error: FOLDER/journal.jsonl: allocator.charge_weights: all devices of the journal have weight 0; hint: at least one above 0
    ");
    done(&["replay", shown(&journal), "--set", shares, "--set", "allocator.charge_weights={machine: 2}"]);
}

#[test]
fn a_journal_holds_arrays_and_what_if_splits_them() {
    let folder = Folder::new();
    let scenario = folder.file("arrays.yaml", SCENARIO);
    let journal = folder.path("journal.jsonl");
    let table = folder.run(&scenario, "out", &["--journal", shown(&journal)]);
    let text = fs::read_to_string(&journal).unwrap();
    assert!(text.matches("submit_array").count() > 20);
    assert!(done(&["replay", shown(&journal)]).contains("identical"), "decides as it was decided");
    let what_if = done(&["replay", shown(&journal), "--set", "allocator.order=shortest_first"]);
    assert!(!what_if.is_empty());
    // One of the middle of an array that waited: what would have let it start earlier was tried with it alone.
    let arrays = together(jobs(&table).unwrap());
    let waited = |row: &JobRow| row.real("waiting_time").is_some_and(|wait| wait > 1.0);
    let middle = arrays.iter().find(|rows| rows.len() > 2 && waited(&rows[1])).unwrap();
    let life = done(&["explain", shown(&scenario), middle[1].text("job_id")]);
    assert!(life.contains("What if, each run again with nothing else changed:"), "{life}");
}

#[test]
fn what_is_no_array_is_said() {
    let folder = Folder::new();
    let scenario = folder.file("arrays.yaml", SCENARIO);
    let wrong = |set: &str| {
        let output = rmsim(&["validate", shown(&scenario), "--set", set]);
        assert_eq!(output.status.code(), Some(2), "{set}");
        String::from_utf8(output.stderr).unwrap().replace(shown(folder.0.path()), "FOLDER")
    };
    let all = [
        "workload.jobs.1.array=0",
        "workload.jobs.1.array=10001",
        "workload.jobs.1.array=many",
        "workload.arrivals={batch: {rate: 20/h, mean_size: 5}}",
    ];
    let chained = rmsim(&[
        "validate",
        shown(&scenario),
        "--set",
        "workload.arrivals={batch: {rate: 20/h, mean_size: 5}}",
        "--set",
        "workload.chain=after",
    ]);
    assert_eq!(chained.status.code(), Some(2));
    let chained = String::from_utf8(chained.stderr).unwrap().replace(shown(folder.0.path()), "FOLDER");
    let said: Vec<String> = all[..3].iter().map(|set| wrong(set)).chain([chained]).collect();
    insta::assert_snapshot!(said.join("\n"), @"
    error: an array has 0 jobs at least; it must be from 1 to 10000
     --> --set workload.jobs.1.array=0
    hint: the least value that can be drawn counts: a distribution may need `min: 1`

    error: an array has 10001 jobs at least; it must be from 1 to 10000
     --> --set workload.jobs.1.array=10001
    hint: the least value that can be drawn counts: a distribution may need `min: 1`

    error: `many` is not a whole number of 0 or more
     --> --set workload.jobs.1.array=many

    error: jobs of an array are all alike, so none of them follows another one
     --> --set workload.chain=after
    hint: leave out `chain` or `array`
    ");
    // Alone, batches of arrays are fine.
    assert!(rmsim(&["validate", shown(&scenario), "--set", all[3]]).status.success());
}
