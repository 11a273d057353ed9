//! A run says what its numbers must be read with, everywhere the numbers go.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// One machine of 64 qubits, whole-machine jobs, nothing random.
const MACHINE: &str = "
scenario: s
fleet: [{synthetic: {all_to_all: {qubits: 64}}, noise: ideal, technology: simulator, name: machine}]
allocator:
  strategy: first_fit
  selection: first
  queue: {global: {skip_ahead: 0}}
  isolation: {default_level: weak, buffer_distance: 0, guard: 0s}
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
";

/// Runs the program on a scenario in a folder of its own that holds `jobs` as `jobs.csv`.
struct Case {
    folder: tempfile::TempDir,
}

impl Case {
    fn new(scenario: &str, jobs: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("s.yaml"), scenario).unwrap();
        fs::write(folder.path().join("jobs.csv"), jobs).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn rmsim(&self, args: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_rmsim")).current_dir(self.path()).args(args).output().unwrap()
    }

    /// Runs the scenario into `out`; what it says on stderr.
    fn run(&self, more: &[&str]) -> String {
        let output = self.rmsim(&[&["run", "s.yaml", "--out", "out", "--force"], more].concat());
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
        said
    }

    fn json(&self, file: &str) -> Value {
        serde_json::from_slice(&fs::read(self.path().join("out").join(file)).unwrap()).unwrap()
    }

    fn text(&self, file: &str) -> String {
        fs::read_to_string(self.path().join("out").join(file)).unwrap()
    }
}

/// Kinds of the notes of a file.
fn kinds(json: &Value) -> Vec<&str> {
    json["notes"].as_array().unwrap().iter().map(|note| note["kind"].as_str().unwrap()).collect()
}

/// So many jobs of the whole machine, one after the other, each of `seconds`.
fn table(jobs: usize, seconds: u64) -> String {
    let row = format!("0,64,{seconds}\n");
    format!("submission_time,qubits,execution_time\n{}", row.repeat(jobs))
}

fn mean<'v>(summary: &'v Value, metric: &str) -> &'v Value {
    &summary["metrics"][metric]["mean"]
}

/// 60 days of work in one queue: the drain is over before they are. What is not finished is said beside the numbers, in
/// the warning, in both files and on the page.
#[test]
fn a_run_that_was_cut_off_says_so_wherever_its_numbers_go() {
    let case = Case::new(
        &format!("{MACHINE}workload: {{csv: jobs.csv}}\nhorizon: {{time: 1h}}\n"),
        &table(20, 86_400),
    );
    let output = case.rmsim(&["run", "s.yaml", "--out", "out"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("warning: 20 of 20 measured jobs had not ended at the end of the run"), "{said}");
    let table = String::from_utf8_lossy(&output.stdout);
    let line = table.lines().find(|line| line.contains("waiting time, mean")).unwrap();
    assert!(line.ends_with("survivors only"), "{line}");
    let summary = case.json("summary.json");
    assert_eq!(kinds(&summary), ["unfinished", "one_replication"]);
    assert_eq!(kinds(&case.json("manifest.json")), kinds(&summary));
    assert_eq!(summary["metrics"]["waiting_time_s.mean"]["remark"], "survivors only");
    assert!(summary["metrics"]["qubit_utilization"].get("remark").is_none());
    let page = case.text("report.html");
    let (notice, figures) =
        (page.find("20 of 20 measured jobs").unwrap(), page.find("class=\"figures\"").unwrap());
    assert!(notice < figures, "the notice stands above the figures");
}

/// Ten equal copies of one observation are no sample: no interval, and the note that says why.
#[test]
fn equal_replications_have_no_interval() {
    let case = Case::new(&format!("{MACHINE}workload: {{csv: jobs.csv}}\nreplications: 10\n"), &table(5, 60));
    let said = case.run(&[]);
    assert!(said.contains("warning: all 10 replications are equal"), "{said}");
    let summary = case.json("summary.json");
    assert_eq!(kinds(&summary), ["no_randomness"]);
    assert_eq!(mean(&summary, "waiting_time_s.mean"), 120.0);
    let intervals = summary["metrics"].as_object().unwrap().values().filter(|value| !value["ci95"].is_null());
    assert_eq!(intervals.count(), 0);
    assert!(!case.text("report.html").contains("± 0"));
}

/// A metric that is the same in all worlds has no `± 0` on the screen either, although the worlds differ.
#[test]
fn agreement_is_not_shown_as_precision() {
    let scenario = format!(
        "{MACHINE}workload: {{arrivals: {{poisson: {{rate: 1/m}}}}, jobs: [{{qubits: 64, execution_time: 10s}}]}}\n\
         horizon: {{jobs: 50}}\nreplications: 3\n"
    );
    let case = Case::new(&scenario, "");
    let output = case.rmsim(&["run", "s.yaml", "--out", "out", "--no-plots"]);
    let table = String::from_utf8_lossy(&output.stdout);
    assert!(!table.contains("± 0\n") && table.contains(" ± "), "{table}");
    assert!(kinds(&case.json("summary.json")).is_empty());
}

/// Whose depth is assumed is named, and whose is said to be unknown; who has a circuit, says how deep, or brings a time of
/// its own to a device where any qubits will do, is not.
#[test]
fn programs_without_a_depth_are_named() {
    let noted = |fleet: &str, workload: &str, jobs: &str| {
        let fleet = format!("scenario: s\nfleet: [{fleet}]\nhorizon: {{jobs: 6}}\n");
        let case = Case::new(&format!("{fleet}workload: {workload}\nreplications: 2\n"), jobs);
        case.run(&["--no-plots"]);
        let summary = case.json("summary.json");
        let notes = summary["notes"].as_array().unwrap().clone();
        let of_depth = |note: &&Value| note["kind"].as_str().unwrap().ends_with("_depth");
        let shown = |note: &Value| {
            let text = note["text"].as_str().unwrap();
            let whose = text.split("programs of ").nth(1).unwrap().split(" are").next().unwrap();
            format!("{}: {whose}", note["kind"].as_str().unwrap())
        };
        notes.iter().filter(of_depth).map(shown).collect::<Vec<_>>().join("; ")
    };
    let (line, drawn) =
        ("{synthetic: {line: {qubits: 9}}, name: a}", "arrivals: {poisson: {rate: 1/s}}, jobs");
    let templates = "[{qubits: 2}, {qubits: 3, depth: 0, name: odd}, {qubits: 4, depth: 8}, {topology: {circuit: ghz:3}}]";
    assert_eq!(
        noted(line, &format!("{{{drawn}: {templates}}}"), ""),
        "assumed_depth: `job-0`; unknown_depth: `odd`"
    );
    assert_eq!(noted(line, &format!("{{{drawn}: ibm_like}}"), ""), "");
    let all = format!("{{{drawn}: [{{qubits: 2}}, {{qubits: 1}}]}}");
    assert_eq!(noted(line, &all, ""), "assumed_depth: all 2 templates");
    let rows = "qubits,depth,circuit\n2,,\n2,5,\n2,0,\n,,ghz:3\n2,,\n";
    let recorded = noted(line, "{csv: jobs.csv}", rows);
    assert_eq!(recorded, "assumed_depth: 2 of 5 recorded jobs; unknown_depth: 1 of 5 recorded jobs");
    let machine = "{synthetic: {all_to_all: {qubits: 9}}, name: a}";
    assert_eq!(noted(machine, &all, ""), "assumed_depth: all 2 templates");
    let timed =
        format!("{{{drawn}: [{{qubits: 2, execution_time: 1s}}]}}\nhardware: {{runtime: distribution}}");
    assert_eq!(noted(machine, &timed, ""), "");
    assert_eq!(noted(line, &timed, ""), "assumed_depth: `job-0`");
}

/// No value is not the value 0.
#[test]
fn a_run_that_ended_in_its_warm_up_has_no_values() {
    let scenario = format!("{MACHINE}workload: {{csv: jobs.csv}}\nwarm_up: {{time: 300d}}\n");
    let case = Case::new(&scenario, &table(5, 60));
    let said = case.run(&["--no-plots"]);
    assert!(said.contains("nothing was measured: the run ended before the warm-up"), "{said}");
    let summary = case.json("summary.json");
    assert_eq!(kinds(&summary)[0], "ended_in_warm_up");
    for (name, value) in summary["metrics"].as_object().unwrap() {
        // The auditor looks at the warm-up, too.
        assert_eq!(value["mean"].is_null(), name != "isolation_violations", "{name}: {value}");
        assert_eq!(value["remark"], "not measured", "{name}");
    }
    let output = case.rmsim(&["validate", "s.yaml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("all 5 jobs come before the end of the warm-up"), "{said}");
}

/// Jobs at 599.999 s, 600 s and 3,599 s, a warm-up of ten minutes, a horizon of an hour: the interval holds its
/// beginning and not its end.
#[test]
fn the_measured_interval_is_half_open() {
    let jobs = "submission_time,qubits,execution_time\n599.999,1,1\n600,1,1\n600,1,1\n3599,1,1\n3600,1,1\n";
    let scenario =
        format!("{MACHINE}workload: {{csv: jobs.csv}}\nwarm_up: {{time: 10m}}\nhorizon: {{time: 1h}}\n");
    let case = Case::new(&scenario, jobs);
    let said = case.run(&["--no-plots"]);
    assert!(said.contains("4 jobs simulated, 1 of them in the warm-up and not measured, in"), "{said}");
    let summary = case.json("summary.json");
    assert_eq!(mean(&summary, "jobs_submitted"), 3.0);
    assert_eq!(mean(&summary, "jobs_completed"), 3.0, "the last one ends at the instant of the end");
    let rows = case.text("jobs.csv");
    let mut rows: Vec<Vec<&str>> = rows.lines().map(|row| row.split(',').collect()).collect();
    let header = rows.remove(0);
    let column = |name: &str| header.iter().position(|column| *column == name).unwrap();
    let measured: Vec<(&str, &str)> =
        rows.iter().map(|row| (row[column("submission_time")], row[column("measured")])).collect();
    assert_eq!(measured, [("599.999", "0"), ("600", "1"), ("600", "1"), ("3599", "1")]);
}

/// The same when the warm-up is given in jobs: the interval begins with the first that is measured.
#[test]
fn a_warm_up_in_jobs_ends_with_the_next_submission() {
    let jobs = "submission_time,qubits,execution_time\n0,1,1\n100,1,1\n200,1,1\n";
    let scenario = format!("{MACHINE}workload: {{csv: jobs.csv}}\nwarm_up: {{jobs: 1}}\n");
    let case = Case::new(&scenario, jobs);
    case.run(&["--no-plots"]);
    let summary = case.json("summary.json");
    assert_eq!(mean(&summary, "jobs_submitted"), 2.0);
    // Two seconds of one qubit out of 101 s of 64.
    let utilization = mean(&summary, "qubit_utilization").as_f64().unwrap();
    assert!((utilization - 2.0 / (101.0 * 64.0)).abs() < 1e-12, "{utilization}");
}

/// Times of another unit, or one mistaken time stamp, make years in which nobody comes.
#[test]
fn years_without_jobs_are_told_before_and_after_the_run() {
    let late = "submission_time,qubits,execution_time\n1350000000,1,60\n1350000100,1,60\n";
    let gap = "submission_time,qubits,execution_time\n0,1,60\n100,1,60\n9000000000,1,60\n";
    let early = "submission_time,qubits,execution_time\n0,1,60\n100,1,60\n";
    for (jobs, horizon, kind, said) in [
        (late, "", "late_start", "the first job comes 42.8 years after the beginning"),
        (gap, "", "long_gap", "nobody comes for 285.2 years after 100.0 seconds"),
        (early, "horizon: {time: 400d}\n", "early_end", "the horizon lasts 400.0 days"),
    ] {
        let case = Case::new(&format!("{MACHINE}workload: {{csv: jobs.csv}}\n{horizon}"), jobs);
        let output = case.rmsim(&["validate", "s.yaml"]);
        let before = String::from_utf8_lossy(&output.stderr);
        assert!(before.contains(said), "{kind}: {before}");
        if kind != "long_gap" {
            let after = case.run(&["--no-plots"]);
            assert!(after.contains(said), "{kind}: {after}");
            assert_eq!(kinds(&case.json("summary.json"))[0], kind);
        }
    }
    let source = "workload: {arrivals: {poisson: {rate: 1/m}}, start_after: 4000d, jobs: [{qubits: 1}]}\n";
    let case = Case::new(
        &format!("{MACHINE}{source}horizon: {{jobs: 100}}\n").replace("runtime: distribution, ", ""),
        "",
    );
    let output = case.rmsim(&["validate", "s.yaml"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("the first job comes 11.0 years after the beginning"), "{said}");
}

/// Most jobs never ran: times of jobs are those of the few.
#[test]
fn a_run_that_rejects_nearly_everybody_says_so() {
    let jobs = "submission_time,qubits,execution_time\n0,1,10\n1,65,10\n2,65,10\n3,65,10\n";
    let case = Case::new(&format!("{MACHINE}workload: {{csv: jobs.csv}}\n"), jobs);
    let output = case.rmsim(&["run", "s.yaml", "--out", "out", "--no-plots"]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("3 of 4 measured jobs of the run were rejected"), "{said}");
}

/// A run of a minute has a timeline, too, and it goes to the end of the run.
#[test]
fn short_and_long_runs_have_a_timeline() {
    for (gap, every) in [("100ms", "0.1"), ("10s", "10"), ("1h", "3600")] {
        let scenario = format!(
            "{MACHINE}workload: {{arrivals: {{deterministic: {{every: {gap}}}}}, \
             jobs: [{{qubits: 1, execution_time: 1s}}]}}\nhorizon: {{jobs: 500}}\n"
        );
        let case = Case::new(&scenario, "");
        case.run(&["--no-plots"]);
        let rows = case.text("timeline.csv");
        let times: Vec<&str> = rows
            .lines()
            .filter(|row| row.contains(",fleet,"))
            .map(|row| row.split(',').nth(1).unwrap())
            .collect();
        assert_eq!(times[0], every);
        assert!((500..=520).contains(&times.len()), "{gap}: {}", times.len());
        let jobs = case.text("jobs.csv");
        let last = jobs.lines().last().unwrap().split(',').nth(10).unwrap();
        assert_eq!(times.last().unwrap(), &last, "the last sample is that of the end");
    }
}

/// Where nobody waits, the number of jobs in the system still says when it has filled up.
#[test]
fn a_warm_up_is_found_where_nobody_waits() {
    let scenario = format!(
        "{MACHINE}workload: {{arrivals: {{poisson: {{rate: 6/m}}}}, jobs: [{{qubits: 1, execution_time: 5m}}]}}\n\
         horizon: {{jobs: 2000}}\nwarm_up: auto\n"
    );
    let case = Case::new(&scenario, "");
    let said = case.run(&["--no-plots"]);
    let found = said.lines().find(|line| line.contains("MSER-5")).unwrap();
    assert!(!found.contains(" 0 s") && !found.contains("-".repeat(3).as_str()), "{found}");
    let summary = case.json("summary.json");
    let submitted = mean(&summary, "jobs_submitted").as_f64().unwrap();
    assert!((1_500.0..1_990.0).contains(&submitted), "{submitted} jobs after the warm-up, {found}");
}

/// A queue that goes by what jobs do not state says so, and so does one that does not look at what they state.
#[test]
fn orders_without_figures_and_priorities_without_an_order_are_named() {
    let noted = |order: &str, workload: &str, table: &str| {
        let text = format!(
            "scenario: s\nfleet: [{{synthetic: {{line: {{qubits: 9}}}}, name: a}}]\nhorizon: {{jobs: 6}}\n\
             allocator: {{order: {order}}}\nworkload: {workload}\nreplications: 2\n"
        );
        let case = Case::new(&text, table);
        case.run(&["--no-plots"]);
        let summary = case.json("summary.json");
        let notes = summary["notes"].as_array().unwrap().clone();
        let of_order = |note: &&Value| note.to_string().contains("allocator.order");
        let shown =
            |note: &Value| format!("{}: {}", note["kind"].as_str().unwrap(), note["text"].as_str().unwrap());
        notes.iter().filter(of_order).map(shown).collect::<Vec<_>>().join("; ")
    };
    let drawn = |jobs: &str| format!("{{arrivals: {{poisson: {{rate: 1/s}}}}, jobs: [{jobs}]}}");
    let plain = "{name: plain, qubits: 2, depth: 4}";
    let urgent = "{name: urgent, qubits: 2, depth: 4, priority: high}";
    let timed = "{name: timed, qubits: 2, depth: 4, estimated_duration: 5s, deadline: 1m}";
    let both = |one: &str| drawn(&format!("{plain}, {one}"));
    assert_eq!(noted("fifo", &both(timed), ""), "");
    assert_eq!(
        noted("fifo", &both(urgent), ""),
        "priority_ignored: nobody looks at the priorities of jobs: allocator.order is fifo"
    );
    assert_eq!(noted("priority", &both(urgent), ""), "");
    assert_eq!(
        noted("priority", &both(timed), ""),
        "nothing_to_order_by: allocator.order is priority, but all jobs have the same: they go in order of submission"
    );
    assert_eq!(
        noted("shortest_first", &both(timed), ""),
        "nothing_to_order_by: allocator.order is shortest_first, but no estimated_duration is stated for `plain`: they come last"
    );
    assert_eq!(
        noted("earliest_deadline", &both(urgent), ""),
        "nothing_to_order_by: allocator.order is earliest_deadline, but no deadline is stated for all 2 templates: all go in order \
         of submission; priority_ignored: nobody looks at the priorities of jobs: allocator.order is earliest_deadline"
    );
    assert_eq!(noted("earliest_deadline", &drawn(timed), ""), "");
    let rows = "qubits,depth,priority,deadline\n2,4,,\n2,4,high,60\n2,4,,60\n";
    let recorded = "{csv: jobs.csv}";
    assert_eq!(
        noted("fifo", recorded, rows),
        "priority_ignored: nobody looks at the priorities of jobs: allocator.order is fifo"
    );
    assert_eq!(
        noted("earliest_deadline", recorded, rows),
        "nothing_to_order_by: allocator.order is earliest_deadline, but no deadline is stated for 1 of 3 recorded jobs: they \
         come last; priority_ignored: nobody looks at the priorities of jobs: allocator.order is earliest_deadline"
    );
}

/// Promised starts behind jobs without walltimes are places: whose walltimes are missing is said.
#[test]
fn promises_behind_jobs_without_walltimes_are_named() {
    let noted = |queue: &str, jobs: &str| {
        let text = format!(
            "scenario: s\nfleet: [{{synthetic: {{line: {{qubits: 9}}}}, name: a}}]\nhorizon: {{jobs: 6}}\n\
             allocator: {{queue: {queue}, walltime: {{estimate: none}}}}\nreplications: 2\n\
             workload: {{arrivals: {{poisson: {{rate: 1/s}}}}, jobs: [{jobs}]}}\n"
        );
        let case = Case::new(&text, "");
        case.run(&["--no-plots"]);
        let summary = case.json("summary.json");
        let notes = summary["notes"].as_array().unwrap().clone();
        let promising = notes.iter().find(|note| note["kind"] == "places_without_instants");
        promising.map_or(String::new(), |note| note["text"].as_str().unwrap().to_owned())
    };
    let plain = "{name: plain, qubits: 2, depth: 4}";
    let timed = "{name: timed, qubits: 2, depth: 4, estimated_duration: 5s}";
    let both = format!("{plain}, {timed}");
    assert_eq!(noted("{global: {skip_ahead: 4}}", &both), "");
    assert_eq!(noted("{global: {promises: easy}}", timed), "");
    assert_eq!(
        noted("{global: {promises: easy}}", &both),
        "starts are promised, but no estimated_duration is stated for `plain`, and walltime.estimate is none: they never pass \
         a promise that they could meet, and behind them a promise is a place without an instant"
    );
}
