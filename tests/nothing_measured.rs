//! The ways in which an experiment can measure nothing, and what each command says of it.
//!
//! One scenario per way, one row of [`MATRIX`] per way and command: the exit code, and words that must stand in what is
//! said. Whatever the row, nothing may be called better, passed or certain to `± 0`. Another command is a function like
//! [`compare`] and one more arm in [`said`].

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;

/// One machine, jobs that fill it.
const BASE: &str = "\
scenario: nothing
replications: 6
fleet: [{synthetic: {all_to_all: {qubits: 3}}, noise: ideal, technology: simulator, name: machine}]
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
allocator: {isolation: {buffer_distance: 0}}
";

/// What a way adds to [`BASE`], and the metric that it spoils.
fn scenario(way: &str) -> (String, &'static str) {
    let jobs = |arrivals: &str, time: &str| {
        format!(
            "workload: {{arrivals: {arrivals}, jobs: [{{qubits: 3, topology: any, execution_time: {time}}}]}}\n"
        )
    };
    let usual = jobs("{poisson: {rate: 60/h}}", "{uniform: [50s, 80s]}");
    let wait = "waiting_time_s.mean";
    match way {
        "cut_off" => {
            (format!("horizon: {{jobs: 8}}\n{}", jobs("{poisson: {rate: 60/h}}", "{uniform: [20d, 25d]}")), wait)
        }
        "before_warm_up" => (format!("horizon: {{jobs: 30}}\nwarm_up: {{time: 300d}}\n{usual}"), wait),
        // No coupler of a real device is that good.
        "all_rejected" => (
            "horizon: {jobs: 30}\nworkload: {arrivals: {poisson: {rate: 60/h}}, jobs: [{qubits: 2, topology: line, \
             execution_time: {uniform: [50s, 80s]}, limits: {max_two_qubit_error: 0.00001}}]}\n"
                .to_owned(),
            wait,
        ),
        "all_unfinished" => (
            format!("horizon: {{time: 2h}}\n{}", jobs("{poisson: {rate: 60/h}}", "{uniform: [20d, 25d]}")),
            "turnaround_time_s.mean",
        ),
        "no_randomness" => (format!("horizon: {{jobs: 30}}\n{}", jobs("{at_start: {jobs: 30}}", "60s")), wait),
        "one_replication" => (format!("horizon: {{jobs: 30}}\n{usual}"), wait),
        "no_observation" => (format!("horizon: {{jobs: 30}}\n{usual}"), "below_soft_bound_share"),
        "sound" | "missing_in_baseline" | "empty_baseline" => (format!("horizon: {{jobs: 30}}\n{usual}"), wait),
        other => panic!("no such way: {other}"),
    }
}

/// Way, command, exit code, and what must be said.
const MATRIX: [(&str, &str, i32, &[&str]); 23] = [
    ("cut_off", "compare", 0, &["n/a (censored)", "not finished: 6 of 6 replications were cut off"]),
    (
        "cut_off",
        "sweep",
        99,
        &["(censored)", "missed: censored", "not finished: 6 of 6 replications were cut off"],
    ),
    (
        "cut_off",
        "check",
        99,
        &["not judged", "censored in 6 of 6", "not finished: 6 of 6 replications were cut off"],
    ),
    ("before_warm_up", "compare", 0, &["n/a (nothing measured)", "ended before the warm-up"]),
    ("before_warm_up", "sweep", 99, &["(nothing measured)", "ended before the warm-up"]),
    ("before_warm_up", "check", 99, &["not judged", "nothing was measured in 6 of 6 replications"]),
    ("before_warm_up", "save", 99, &["no baseline was written"]),
    ("all_rejected", "compare", 0, &["n/a (not observed)", "were rejected"]),
    ("all_rejected", "sweep", 99, &["(not observed)", "were rejected"]),
    ("all_rejected", "check", 99, &["not judged", "never observed", "were rejected"]),
    ("all_unfinished", "compare", 0, &["n/a (censored)", "had not ended at the end"]),
    ("all_unfinished", "sweep", 99, &["(censored)", "had not ended at the end"]),
    ("all_unfinished", "check", 99, &["not judged", "had not ended at the end"]),
    ("no_randomness", "compare", 0, &["n/a (nothing random)", "since nothing in them is random"]),
    ("no_randomness", "sweep", 0, &["since nothing in them is random"]),
    ("no_randomness", "check", 0, &["exact, for this one world", "since nothing in them is random"]),
    ("one_replication", "compare", 0, &["n/a (one replication)", "--replications 10 or more"]),
    ("one_replication", "sweep", 0, &["one replication: no interval"]),
    ("one_replication", "check", 2, &["1 replication(s) are too few to judge"]),
    ("no_observation", "compare", 0, &["n/a (not observed)"]),
    ("no_observation", "sweep", 99, &["(not observed)"]),
    ("no_observation", "check", 99, &["not judged", "never observed"]),
    ("sound", "check", 0, &["met"]),
];

struct Bench {
    base: tempfile::TempDir,
    way: &'static str,
    metric: &'static str,
}

impl Bench {
    fn new(way: &'static str) -> Self {
        let base = tempfile::tempdir().unwrap();
        let (more, metric) = scenario(way);
        let ideal =
            "{synthetic: {all_to_all: {qubits: 3}}, noise: ideal, technology: simulator, name: machine}";
        let base_scenario = match way {
            "all_rejected" => BASE.replace(ideal, "{device: ibm_guadalupe, name: machine}"),
            _ => BASE.to_owned(),
        };
        let text = format!("{base_scenario}{more}targets: {{{metric}: \"< 1000000000\"}}\n");
        fs::write(base.path().join("s.yaml"), text).unwrap();
        Self { base, way, metric }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.base.path().join(name)
    }

    fn rmsim(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
        command.current_dir(self.base.path()).env_remove("GITHUB_ACTIONS").env_remove("GITHUB_STEP_SUMMARY");
        command.args(args).output().expect("rmsim starts")
    }

    fn replications(&self) -> &'static str {
        if self.way == "one_replication" { "1" } else { "6" }
    }

    fn check(&self, more: &[&str]) -> Output {
        let args = ["check", "s.yaml", "--replications", self.replications()];
        self.rmsim(&[&args, more].concat())
    }

    /// Two strategies that decide alike here.
    fn compare(&self, more: &[&str]) -> Output {
        let args =
            ["compare", "s.yaml", "--replications", self.replications(), "--out", "compared", "--force"];
        let vary = ["--vary", "allocator.queue.global.skip_ahead=0,1", "--metric", self.metric, "--no-plots"];
        self.rmsim(&[&args[..], &vary, more].concat())
    }

    /// One combination with an expected value so wide that any number would reach it.
    fn sweep(&self, more: &[&str]) -> Output {
        let plan = format!(
            "sweep: nothing\nbase: s.yaml\nreplications: {}\nmatrix: {{allocator.queue.global.skip_ahead: [0, 1]}}\n\
             metrics: [{metric}]\nexpected: [{{metric: {metric}, value: 0, tolerance: 1000000000}}]\n",
            self.replications(),
            metric = self.metric
        );
        fs::write(self.path("plan.yaml"), plan).unwrap();
        self.rmsim(&[&["sweep", "plan.yaml", "--out", "swept"][..], more].concat())
    }

    fn run(&self) -> Output {
        let args = ["run", "s.yaml", "--replications", self.replications(), "--out", "ran", "--force"];
        self.rmsim(&[&args[..], &["--journal", "journal.jsonl"]].concat())
    }

    fn said(&self, command: &str) -> Output {
        match command {
            "compare" => self.compare(&[]),
            "sweep" => self.sweep(&["--no-plots"]),
            "check" => self.check(&[]),
            "save" => self.check(&["--save-baseline", "baseline.json"]),
            "run" => self.run(),
            "replay" => {
                self.run();
                self.rmsim(&["replay", "journal.jsonl"])
            }
            other => panic!("no such command: {other}"),
        }
    }
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
        .unwrap()
}

#[test]
fn no_command_takes_nothing_for_something() {
    for (way, command, code, words) in MATRIX {
        let bench = Bench::new(way);
        let output = bench.said(command);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{way}, {command}:\n{said}");
        for word in words {
            assert!(said.contains(word), "{way}, {command}: `{word}` is not said:\n{said}");
        }
        if way == "sound" {
            continue;
        }
        let certain = said.split_whitespace().collect::<Vec<_>>();
        let certain = certain.windows(2).any(|pair| pair == ["±", "0"]);
        assert!(
            !certain && !said.contains("better") && !said.contains("passed"),
            "{way}, {command}:\n{said}"
        );
    }
}

/// What a run says of itself, and what its page and its replay say afterwards.
const OF_ONE_RUN: [(&str, &str, i32, &[&str]); 12] = [
    (
        "cut_off",
        "run",
        0,
        &["survivors only", "not finished: 6 of 6 replications were cut off", "drain_limit: none"],
    ),
    ("cut_off", "replay", 0, &["identical: "]),
    ("before_warm_up", "run", 0, &["not measured", "nothing was measured: 6 of 6 replications ended before"]),
    ("before_warm_up", "replay", 0, &["identical: "]),
    ("all_rejected", "run", 0, &["were rejected"]),
    ("all_rejected", "replay", 0, &["identical: "]),
    ("all_unfinished", "run", 0, &["survivors only", "had not ended at the end"]),
    ("all_unfinished", "replay", 0, &["identical: "]),
    ("no_randomness", "run", 0, &["since nothing in them is random: there are no intervals, one is enough"]),
    ("no_randomness", "replay", 0, &["identical: "]),
    ("one_replication", "run", 0, &["one replication: no interval"]),
    ("one_replication", "replay", 0, &["identical: "]),
];

#[test]
fn a_run_and_its_replay_say_what_their_numbers_are_worth() {
    for (way, command, code, words) in OF_ONE_RUN {
        let bench = Bench::new(way);
        let output = bench.said(command);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(code), "{way}, {command}:\n{said}");
        for word in words {
            assert!(said.contains(word), "{way}, {command}: `{word}` is not said:\n{said}");
        }
        assert!(!said.contains("± 0 ") && !said.contains("± 0\n"), "{way}, {command}:\n{said}");
        if command == "run" {
            let page = fs::read_to_string(bench.path("ran/report.html")).unwrap();
            let note = json(&bench.path("ran/summary.json"))["notes"][0]["text"].as_str().unwrap().to_owned();
            assert!(page.contains(&note), "{way}: the page does not say: {note}");
            let again = bench.rmsim(&["report", "ran", "--out", "again.html"]);
            assert_eq!(again.status.code(), Some(0), "{way}: {}", text(&again));
            assert!(fs::read_to_string(bench.path("again.html")).unwrap().contains(&note), "{way}: {note}");
        }
    }
}

/// What people read is in the files for programs, too.
#[test]
fn files_say_why_there_is_no_verdict() {
    let bench = Bench::new("cut_off");
    bench.compare(&[]);
    let comparison = json(&bench.path("compared/comparison.json"));
    let row = &comparison["rows"][0];
    assert_eq!((row["verdict"].is_null(), &row["no_verdict"]), (true, &Value::from("censored")), "{row}");
    assert!(row["p_value"].is_null() && row["ci95"].is_null() && row["pairs"] == 6, "{row}");
    let notes = comparison["notes"].as_array().unwrap();
    assert!(notes.len() >= 2 && notes.iter().all(|note| note["variant"].is_string()), "{comparison:#}");
    assert_eq!(notes[0]["kind"], "cut_off");
    let csv = fs::read_to_string(bench.path("compared/comparison.csv")).unwrap();
    assert!(csv.lines().nth(1).unwrap().contains(",,censored,"), "{csv}");

    bench.sweep(&[]);
    let sweep = json(&bench.path("swept/sweep.json"));
    let first = &sweep["combinations"][0];
    assert_eq!(first["metrics"]["waiting_time_s.mean"]["flaw"], "censored", "{first:#}");
    assert_eq!(
        (&first["notes"][0]["kind"], &sweep["expected"][0]["reached"]),
        (&"cut_off".into(), &false.into())
    );
    let summary = fs::read_to_string(bench.path("swept/sweep_summary.csv")).unwrap();
    assert!(summary.lines().nth(1).unwrap().contains(",censored,cut_off"), "{summary}");
    let plot = fs::read_to_string(bench.path("swept/sweep_waiting_time_s_mean.svg")).unwrap();
    assert!(plot.contains("hollow: censored"), "a mark without a legend");
    let merged = bench.rmsim(&["merge", "swept", "--no-plots"]);
    assert_eq!(merged.status.code(), Some(99), "{}", text(&merged));
    assert!(text(&merged).contains("not finished: 6 of 6 replications were cut off"), "{}", text(&merged));

    let files = ["--junit", "j.xml", "--markdown", "m.md", "--github", "--json"];
    let report: Value = serde_json::from_slice(&bench.check(&files).stdout).unwrap();
    assert_eq!((&report["passed"], &report["cases"][1]["outcome"]), (&false.into(), &"not_judged".into()));
    assert!(report["notes"][0].as_str().unwrap().contains("not finished"), "{report:#}");
    let annotations = text(&bench.check(&files[4..5]));
    assert!(annotations.contains("::error file=s.yaml,") && annotations.contains("::notice file=s.yaml,"));
    for file in ["j.xml", "m.md"] {
        let file = fs::read_to_string(bench.path(file)).unwrap();
        assert!(file.contains("censored in 6 of 6") && file.contains("not finished"), "{file}");
    }
}

/// A mistyped path must not cost anybody a scenario, nor one output another.
#[test]
fn outputs_overwrite_their_own_kind_alone() {
    let bench = Bench::new("sound");
    let scenario = fs::read_to_string(bench.path("s.yaml")).unwrap();
    for option in ["--save-baseline", "--junit", "--markdown"] {
        let output = bench.check(&[option, "s.yaml"]);
        assert_eq!(output.status.code(), Some(2), "{option}: {}", text(&output));
        assert!(text(&output).contains("s.yaml exists and is no "), "{}", text(&output));
        assert_eq!(fs::read_to_string(bench.path("s.yaml")).unwrap(), scenario, "{option}");
        for _ in 0..2 {
            assert_eq!(bench.check(&[option, "own"]).status.code(), Some(0), "{option}, twice");
        }
        fs::remove_file(bench.path("own")).unwrap();
    }
    let both = bench.check(&["--junit", "same", "--markdown", "same"]);
    assert_eq!(both.status.code(), Some(2), "{}", text(&both));
}

/// A baseline must have what is compared, and must not be one of nothing.
#[test]
fn a_baseline_that_lacks_something_is_refused() {
    let bench = Bench::new("missing_in_baseline");
    assert_eq!(bench.check(&["--save-baseline", "whole.json"]).status.code(), Some(0));
    let whole = json(&bench.path("whole.json"));
    let refused = |change: &dyn Fn(&mut Value), more: &[&str]| {
        let mut changed = whole.clone();
        change(&mut changed);
        fs::write(bench.path("changed.json"), changed.to_string()).unwrap();
        let output = bench.check(&[&["--baseline", "changed.json"], more].concat());
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
        text(&output)
    };
    let metrics = |value: &mut Value| value["metrics"].as_object_mut().unwrap().clone();
    let one =
        refused(&|value| drop(value["metrics"].as_object_mut().unwrap().remove("waiting_time_s.mean")), &[]);
    assert!(one.contains("changed.json has no values of `waiting_time_s.mean`;"), "{one}");
    let asked = ["--metric", "slowdown.mean"];
    let asked =
        refused(&|value| drop(value["metrics"].as_object_mut().unwrap().remove("slowdown.mean")), &asked);
    assert!(asked.contains("has no values of `slowdown.mean`"), "{asked}");
    let empty = refused(&|value| value["metrics"] = serde_json::json!({}), &[]);
    assert!(empty.contains("has no values of `qubit_utilization`, ") && empty.contains("more"), "{empty}");
    let half = refused(
        &|value| {
            let kept: Vec<_> =
                metrics(value).into_iter().enumerate().filter(|(index, _)| index % 2 == 0).collect();
            value["metrics"] = kept.into_iter().map(|(_, one)| one).collect::<serde_json::Map<_, _>>().into();
        },
        &[],
    );
    assert!(half.contains("has no values of "), "{half}");
    let cold = refused(&|value| value["courses"][3]["submitted"] = 0.into(), &[]);
    assert!(cold.contains("is a baseline of nothing: in 1 of its 6 replications"), "{cold}");
    let same = bench.check(&["--baseline", "whole.json"]);
    assert_eq!(same.status.code(), Some(0), "{}", text(&same));
}
