//! Jobs that follow others, from files and from generated workloads: what a run makes of them, and what is wrong with them.
//!
//! Stories of the core itself are in `lifecycle.rs`.

use std::path::{Path, PathBuf};

mod program;
mod tables;

use program::{Folder, done, rmsim, shown};
use tables::columns;

/// A machine of ten qubits that takes jobs as they are, in order; `workload` and more keys are added.
const MACHINE: &str = "
scenario: machine
fleet:
  - {synthetic: {all_to_all: {qubits: 10}}, noise: ideal, technology: simulator, name: machine}
allocator:
  strategy: first_fit
  selection: first
  queue: {global: {promises: easy}}
  isolation: {default_level: weak, buffer_distance: 0, guard: 0s}
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
warm_up: none
output: {fidelity: false, fragmentation: false}
";

/// A folder with scenarios of the machine.
struct OnMachine(Folder);

impl OnMachine {
    fn new() -> Self {
        Self(Folder::new())
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        self.0.file(name, text)
    }

    /// A scenario of the machine with so much more.
    fn scenario(&self, name: &str, more: &str) -> PathBuf {
        self.file(name, &format!("{MACHINE}{more}\n"))
    }

    /// The `jobs.csv` of a run.
    fn run(&self, scenario: &Path, sets: &[&str]) -> String {
        let out = format!("out_{}", scenario.file_stem().unwrap().to_str().unwrap());
        let sets: Vec<&str> = sets.iter().flat_map(|set| ["--set", set]).collect();
        self.0.run(scenario, &out, &sets)
    }

    /// What is wrong with a table of jobs.
    fn wrong(&self, table: &str) -> String {
        self.file("wrong.csv", table);
        let scenario = self.scenario("wrong.yaml", "workload: {csv: wrong.csv}\nhorizon: {time: 1h}");
        self.complaint(&scenario)
    }

    fn complaint(&self, scenario: &Path) -> String {
        let output = rmsim(&["validate", shown(scenario)]);
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).unwrap().replace(shown(self.0.0.path()), "FOLDER")
    }
}

const SHOWN: [&str; 8] = [
    "job_id",
    "submission_time",
    "after",
    "after_success",
    "starting_time",
    "waited_dependency",
    "reason",
    "final_state",
];

/// A diamond (b and c after a, d after both), and a chain that breaks: f needs e, which fails, and g needs f; h only follows f.
const TABLE: &str = "\
id,submission_time,qubits,execution_time,after,after_success,outcome,max_wait_time
a,0,10,10,,,,
b,1,4,10,a,,,
c,1,4,20,,a,,5
d,2,10,5,b,c,,
e,3,2,10,,,error 0.5,
f,4,2,10,,e,,
g,5,2,10,,f,,
h,6,10,10,f d,,,
";

#[test]
fn a_table_says_who_follows_whom() {
    let folder = OnMachine::new();
    folder.file("jobs.csv", TABLE);
    let scenario = folder.scenario("first.yaml", "workload: {csv: jobs.csv}\nhorizon: {time: 1h}");
    let jobs = folder.run(&scenario, &[]);
    insta::assert_snapshot!(columns(&jobs, &SHOWN), @"
    0 0   0 0  completed
    4 3   10 0 the device reported an error failed
    5 4  4  11 job 4 has not completed, on whose success it depends cancelled
    6 5  5  10 job 5 has not completed, on whose success it depends cancelled
    1 1 0  10 9  completed
    2 1  0 10 9  completed
    3 2 1 2 30 28  completed
    7 6 5 3  35 29  completed
    ");
    // The trace of a run holds them as well.
    let again = folder.scenario("again.yaml", "workload: {trace: out_first/jobs.csv}\nhorizon: {time: 1h}");
    let without_names = |table: &str| columns(table, &SHOWN);
    assert_eq!(without_names(&folder.run(&again, &[])), without_names(&jobs));
    let life = done(&["explain", shown(&scenario), "3"]);
    insta::assert_snapshot!(life, @"
    job 3 of machine, replication 0
    asks for 10 qubits, any connected region, 4000 shots

      00:00:02.000        +0 s  comes
      00:00:02.000        +0 s  waits 28.0 s: other jobs must end first; at first, waits for the end of job 1
      00:00:30.000     +28.0 s  may start: those have ended that it depended on
      00:00:30.000     +28.0 s  starts on machine, qubits 0 1 2 3 4 5 6 7 8 9: a place of which nothing is proved; predicted success 100.0 %
      00:00:35.000     +33.0 s  is done, with 4000 shots

    It waited 28.0 s before its first start:
          28.0 s  100.0 %  dependency      other jobs must end first

    What if, each run again with nothing else changed:
      if it followed no other job: no earlier
    ");
    let life = done(&["explain", shown(&scenario), "6"]);
    assert!(life.contains("is cancelled: job 5 has not completed, on whose success it depends"), "{life}");
    assert!(life.contains("  if it followed no other job: it would have started, after "), "{life}");
}

#[test]
fn what_is_wrong_with_whom_a_job_follows_is_named() {
    let folder = OnMachine::new();
    let head = "id,submission_time,qubits,execution_time,after\n";
    let many: String = (0..1_001).map(|_| "a ").collect();
    let tables = [
        format!("{head}a,0,1,1,\nb,1,1,1,a c\n"),
        format!("{head}a,0,1,1,b\nb,1,1,1,\n"),
        format!("{head}a,0,1,1,b\nb,0,1,1,a\n"),
        format!("{head}a,0,1,1,a\n"),
        format!("{head}a,0,1,1,\na,1,1,1,\n"),
        format!("{head}a b,0,1,1,\n"),
        format!("{head}a,0,1,1,\nb,1,1,1,{many}\n"),
    ];
    let complaints: Vec<String> = tables.iter().map(|table| folder.wrong(table)).collect();
    insta::assert_snapshot!(complaints.join("\n"), @"
    error: FOLDER/wrong.csv:3: column 5 (`after`): no job has the id `c`
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^
    hint: ids are those of the column `id`

    error: FOLDER/wrong.csv:2: column 5 (`after`): job `b` is submitted after this one, which cannot wait for it
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^

    error: FOLDER/wrong.csv:2: column 5 (`after`): job `b` is submitted after this one, which cannot wait for it
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^

    error: FOLDER/wrong.csv:2: column 5 (`after`): the job depends on itself
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^

    error: FOLDER/wrong.csv:3: column 1 (`id`): another job has the id `a`, too
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^

    error: FOLDER/wrong.csv:2: column 1 (`id`): `a b` is no id: it holds a blank
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^

    error: FOLDER/wrong.csv:3: column 5 (`after`): the job names 1001 jobs that must end before it; at most 1000 are allowed
      --> FOLDER/wrong.yaml:14:17
       |
    14 | workload: {csv: wrong.csv}
       |                 ^^^^^^^^^
    ");
    let at = |arrivals: &str| {
        let workload = format!(
            "workload: {{arrivals: {arrivals}, chain: after, jobs: [{{qubits: 2, execution_time: 5s}}]}}\nhorizon: {{jobs: 5}}"
        );
        folder.complaint(&folder.scenario("chain.yaml", &workload))
    };
    insta::assert_snapshot!(at("{poisson: {rate: 60/h}}"), @"
    error: of poisson arrivals no two come at one instant, which could follow one another
      --> FOLDER/chain.yaml:14:54
       |
    14 | workload: {arrivals: {poisson: {rate: 60/h}}, chain: after, jobs: [{qubits: 2, execution_time: 5s}]}
       |                                                      ^^^^^
    hint: arrivals such as batch: {rate: 20/h, mean_size: 5}
    ");
}

/// The trace names the job before each: waited for only where that is asked for, and where it is there and came before.
#[test]
fn a_trace_names_preceding_jobs() {
    let folder = OnMachine::new();
    let line = |number: u32, submit: u32, before: i32| {
        format!("{number} {submit} -1 10 2 -1 -1 2 20 -1 1 1 1 1 -1 -1 {before} 3\n")
    };
    let trace: String = [(1, 0, -1), (2, 1, 1), (3, 2, 9), (4, 3, 5), (5, 4, 2)]
        .map(|(number, submit, before)| line(number, submit, before))
        .concat();
    folder.file("trace.swf", &trace);
    let starts = |preceding: &str| {
        let workload = format!(
            "workload: {{swf: {{file: trace.swf, preceding_jobs: {preceding}}}}}\nhorizon: {{time: 1h}}"
        );
        let jobs = folder.run(&folder.scenario("swf.yaml", &workload), &[]);
        columns(&jobs, &["job_id", "after", "starting_time"])
    };
    insta::assert_snapshot!(starts("ignore"), @"
    0  0
    1  1
    2  2
    3  3
    4  4
    ");
    insta::assert_snapshot!(starts("follow"), @"
    0  0
    2  2
    3  3
    1 0 10
    4 1 20
    ");
}

/// Batches of which each job needs the success of the one before it.
const CHAINS: &str = "\
workload:
  arrivals: {batch: {rate: 60/h, mean_size: 4}}
  chain: after_success
  jobs: [{qubits: 4, execution_time: {exponential: {mean: 40s}}}]
  outcomes: {error: 0.1, cancelled: 0.05}
horizon: {jobs: 300}
";

#[test]
fn batches_become_chains_and_nothing_else_changes() {
    let folder = OnMachine::new();
    let scenario = folder.scenario("chains.yaml", CHAINS);
    let jobs = folder.run(&scenario, &[]);
    let free = folder.run(&scenario, &["workload.chain=none"]);
    let drawn = ["submission_time", "own_execution_time"];
    assert_eq!(columns(&jobs, &drawn).lines().count(), 300);
    let sorted = |table: &str| {
        let table = columns(table, &drawn);
        let mut lines: Vec<String> = table.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&jobs), sorted(&free));
    assert_eq!(columns(&free, &["after", "after_success"]).trim(), "", "nobody follows anybody");
    // Whoever follows starts when the one before has ended, or is cancelled if that did not complete.
    let rows = columns(&jobs, &["job_id", "final_state", "starting_time", "finish_time", "after_success"]);
    let mut ended: std::collections::BTreeMap<u64, (String, f64)> = Default::default();
    let fields = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<String>>();
    for line in rows.lines() {
        let row = fields(line);
        let end = row[3].parse().unwrap_or(f64::NAN);
        ended.insert(row[0].parse().unwrap(), (row[1].clone(), end));
    }
    let (mut followed, mut broken) = (0, 0);
    for line in rows.lines() {
        let row = fields(line);
        let Ok(before) = row[4].parse::<u64>() else { continue };
        let (state, end) = &ended[&before];
        match row[2].parse::<f64>() {
            Ok(start) => {
                assert!(state == "completed" && start >= *end, "{line}");
                followed += 1;
            }
            Err(_) => {
                assert_eq!(row[1], "cancelled", "{line}");
                broken += usize::from(state != "completed");
            }
        }
    }
    assert!(followed > 100 && broken > 10, "{followed} followed, {broken} were broken");
    // As a table the same jobs come, and follow the same.
    let table = folder.0.path("chains.csv");
    done(&["workload", "export", shown(&scenario), "--out", shown(&table), "-q"]);
    let replay = folder.scenario("table.yaml", "workload: {csv: chains.csv}\nhorizon: {jobs: 300}");
    assert_eq!(folder.run(&replay, &[]), jobs);
}
