//! `rmsim check` from outside: verdicts, exit codes, files, and planted regressions that must be caught.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use resource_manager::allocator::placement::{Capabilities, Placed, PlacementRequest, PlacementStrategy};
use resource_manager::experiment::check::baseline::Baseline;
use resource_manager::experiment::check::speed;
use resource_manager::experiment::compare::judged_metrics;
use resource_manager::experiment::cpu_clock::CpuClock;
use resource_manager::experiment::run::{Settings, run};
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::simulator::simulation::{Instruments, Simulation, WrapStrategy};
use serde_json::Value;

const SATURATED: &str = "scenarios/ci/saturated.yaml";
const LIGHT: &str = "scenarios/ci/light.yaml";

/// What a workflow would set must not leak into these tests.
const OF_GITHUB: [&str; 2] = ["GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"];

fn check_with(args: &[&str], variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    for name in OF_GITHUB {
        command.env_remove(name);
    }
    command.arg("check").args(args).envs(variables.iter().copied()).output().expect("rmsim starts")
}

fn check(args: &[&str]) -> Output {
    check_with(args, &[])
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("no signal")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The verdicts of a check with `--json`, and its exit code.
fn verdicts(args: &[&str]) -> (Value, i32) {
    let output = check(&[args, &["--json"]].concat());
    let report = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}\n{}\n{}", text(&output.stdout), text(&output.stderr)));
    (report, code(&output))
}

/// Names of the cases of a report that fail, with their group.
fn failing(report: &Value) -> Vec<String> {
    let cases = report["cases"].as_array().unwrap().iter();
    let failing = cases.filter(|case| case["fails"] == Value::Bool(true));
    failing
        .map(|case| format!("{} {}", case["group"].as_str().unwrap(), case["name"].as_str().unwrap()))
        .collect()
}

struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn name(&self, name: &str) -> String {
        self.path(name).to_str().unwrap().to_owned()
    }

    /// A baseline of the scenario with these arguments.
    fn baseline(&self, scenario: &str, more: &[&str]) -> String {
        let file = self.name("baseline.json");
        let output = check(&[&[scenario, "--save-baseline", &file, "--quiet"], more].concat());
        assert_eq!(code(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
        file
    }
}

#[test]
fn the_scenarios_of_ci_meet_their_targets() {
    let mut files: Vec<PathBuf> =
        fs::read_dir("scenarios/ci").unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    assert!(files.len() >= 3);
    for file in files {
        let (report, code) = verdicts(&[file.to_str().unwrap()]);
        assert_eq!((code, failing(&report)), (0, vec![]), "{}: {report:#}", file.display());
        let cases = report["cases"].as_array().unwrap();
        assert!(cases.len() > 3 && cases.iter().all(|case| case["outcome"] == "met"), "{report:#}");
    }
}

#[test]
fn a_missed_target_exits_with_99_and_an_open_one_as_the_file_says() {
    let missed = check(&[LIGHT, "--set", "targets={waiting_time_s: {p95: '< 1'}, makespan_s: '> 1'}"]);
    assert_eq!(code(&missed), 99, "{}", text(&missed.stderr));
    let (out, err) = (text(&missed.stdout), text(&missed.stderr));
    assert!(out.contains("missed") && out.ends_with("failed: 1 of 3 checks\n"), "{out}");
    assert!(err.ends_with("error: failed: 1 of 3 checks\n"), "{err}");

    // The mean of the values themselves is within every interval around it.
    let (report, _) = verdicts(&[LIGHT, "--set", "targets={waiting_time_s: '> 0'}"]);
    let mean = report["cases"][1]["value"].as_f64().unwrap();
    for (open, code) in [("pass", 0), ("fail", 99)] {
        let set = format!("targets={{on_inconclusive: {open}, waiting_time_s: '< {mean}'}}");
        let (report, found) = verdicts(&[LIGHT, "--set", &set]);
        assert_eq!(report["cases"][1]["outcome"], "inconclusive");
        assert_eq!(found, code, "{open}");
        let warned =
            text(&check(&[LIGHT, "--set", &set]).stderr).contains("warning: 1 target(s) are inconclusive");
        assert_eq!(warned, open == "pass");
    }
}

#[test]
fn wrong_input_exits_with_2_and_says_where() {
    let folder = Folder::new();
    let scenario = folder.path("wrong.yaml");
    let good = fs::read_to_string(LIGHT).unwrap();
    let mut said = Vec::new();
    let mut wrong = |targets: &str| {
        let head = good.split_once("targets:").unwrap().0;
        fs::write(&scenario, format!("{head}targets:\n{targets}\n")).unwrap();
        let output = check(&[scenario.to_str().unwrap()]);
        assert_eq!((code(&output), text(&output.stdout).as_str()), (2, ""), "{targets}");
        let place = scenario.display().to_string();
        said.push(text(&output.stderr).replace(&place, "wrong.yaml"));
    };
    wrong("  waiting_time: {p95: '< 600'}");
    wrong("  waiting_time_s.p90: '< 600'");
    wrong("  waiting_time_s: {p90: '< 600'}");
    wrong("  makespan_s: {mean: '< 600'}");
    wrong("  waiting_time_s: 'under 600'");
    wrong("  qubit_utilization[nowhere]: '> 0'");
    wrong("  makespan_s: '> 0'\n  qubit_utilization[lab.west]: '> 0'");
    wrong("  waiting_time_s[iqm_garnet]: '> 0'");
    wrong("  on_inconclusive: maybe");
    wrong("  waiting_time_s: {p95: '< 600'}\n  waiting_time_s.p95: '< 500'");
    wrong("  allocation_latency_us.p99: '== 5'");
    insta::assert_snapshot!(said.join("----\n"));

    let told = |args: &[&str]| {
        let output = check(args);
        assert_eq!(code(&output), 2, "{args:?}");
        text(&output.stderr)
    };
    assert!(told(&["scenarios/mm1.yaml"]).contains("has no targets; hint: add some"));
    let few = told(&[LIGHT, "--replications", "4"]);
    assert!(few.contains("4 replication(s) are too few to judge the target `waiting_time_s.mean"), "{few}");
    assert!(told(&[LIGHT, "--instructions"]).contains("--instructions has nothing to compare with"));
    assert!(told(&[LIGHT, "--against", "/no/rmsim"]).contains("cannot start /no/rmsim"));
    assert!(told(&[LIGHT, "--baseline", "/no/file"]).contains("cannot read the baseline /no/file"));
    assert!(told(&[LIGHT, "--baseline", LIGHT]).contains("is no baseline"));
}

#[test]
fn counts_that_must_be_zero_need_no_interval() {
    let one = ["--replications", "1", "--set", "targets={isolation_violations: '== 0', jobs_failed: '== 0'}"];
    let output = check(&[&[LIGHT], &one[..]].concat());
    assert_eq!(code(&output), 0, "{}", text(&output.stderr));
}

#[test]
fn files_and_annotations_say_the_same() {
    let folder = Folder::new();
    let [junit, markdown, summary] = ["junit.xml", "check.md", "summary.md"].map(|name| folder.name(name));
    fs::write(&summary, "before\n").unwrap();
    // The first set wins over the file, and has no line there; the file's own targets have theirs.
    let scenario = folder.name("tight.yaml");
    let tight = fs::read_to_string(LIGHT)
        .unwrap()
        .replace("waiting_time_s.p95: \"< 120\"", "waiting_time_s.p95: \"< 1\"");
    fs::write(&scenario, &tight).unwrap();
    let line = tight.lines().position(|line| line.contains("waiting_time_s.p95")).unwrap() + 1;
    let variables = [("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.as_str())];
    let output = check_with(&[&scenario, "--junit", &junit, "--markdown", &markdown], &variables);
    assert_eq!(code(&output), 99, "{}", text(&output.stderr));
    let out = text(&output.stdout);
    let annotations: Vec<&str> = out.lines().filter(|line| line.starts_with("::")).collect();
    let start = format!("::error file={scenario},line={line},title=target missed%3A waiting_time_s.p95::");
    assert!(annotations.len() == 1 && annotations[0].starts_with(&start), "{out}");
    let page = fs::read_to_string(&markdown).unwrap();
    assert!(page.contains("| target | `waiting_time_s.p95` | &lt; 1 |"), "{page}");
    assert_eq!(fs::read_to_string(&summary).unwrap(), format!("before\n{page}"));
    valid_junit(Path::new(&junit), 6, 1);

    let output = check_with(&[&scenario, "--json"], &variables[..1]);
    let report: Value = serde_json::from_slice(&output.stdout).expect("annotations stay out of the JSON");
    assert_eq!(report["cases"][4]["line"], line);
    assert!(text(&output.stderr).contains("::error "));
}

/// Checks the structure of a JUnit file: what both schemas in use demand. `RM_JUNIT_XSD` names schemas (separated by
/// colons) for xmllint to check it against as well.
fn valid_junit(path: &Path, tests: usize, failures: usize) {
    use quick_xml::events::Event;

    let file = fs::read_to_string(path).unwrap();
    let mut reader = quick_xml::Reader::from_str(&file);
    reader.config_mut().check_end_names = true;
    let (mut open, mut order, mut cases, mut failed) = (Vec::<String>::new(), Vec::new(), 0, 0);
    loop {
        let event = reader.read_event().unwrap();
        let is_empty = matches!(event, Event::Empty(_));
        match event {
            Event::Start(element) | Event::Empty(element) => {
                let name = element.name().as_ref().to_owned();
                let attributes: Vec<(String, String)> = element
                    .attributes()
                    .map(|one| {
                        let one = one.unwrap();
                        let key = one.key.as_ref().to_owned();
                        (key, one.value.into_owned())
                    })
                    .collect();
                let has = |key: &str| attributes.iter().any(|(name, value)| name == key && !value.is_empty());
                let value = |key: &str| &attributes.iter().find(|(name, _)| name == key).unwrap().1;
                let parent = open.last().map_or("", String::as_str);
                let (inside, needed): (&str, &[&str]) = match name.as_str() {
                    "testsuites" => ("", &[]),
                    "testsuite" => (
                        "testsuites",
                        &[
                            "name",
                            "package",
                            "id",
                            "timestamp",
                            "hostname",
                            "tests",
                            "failures",
                            "errors",
                            "time",
                        ],
                    ),
                    "properties" | "system-out" | "system-err" => ("testsuite", &[]),
                    "property" => ("properties", &["name", "value"]),
                    "testcase" => ("testsuite", &["name", "classname", "time"]),
                    "failure" => ("testcase", &["message", "type"]),
                    "skipped" => ("testcase", &["message"]),
                    other => panic!("no such element: {other}"),
                };
                assert_eq!(parent, inside, "{name}");
                assert!(needed.iter().all(|key| has(key)), "{name}: {attributes:?}");
                if name == "testsuite" {
                    assert_eq!(value("tests"), &tests.to_string());
                    assert_eq!(value("failures"), &failures.to_string());
                    assert_eq!(value("timestamp").len(), "2026-01-05T00:00:00".len(), "no time zone");
                }
                if parent == "testsuite" {
                    order.push(name.clone());
                }
                cases += usize::from(name == "testcase");
                failed += usize::from(name == "failure");
                if !is_empty {
                    open.push(name);
                }
            }
            Event::End(_) => assert!(open.pop().is_some()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert!(open.is_empty());
    assert_eq!((cases, failed), (tests, failures));
    order.dedup();
    assert_eq!(order, ["properties", "testcase", "system-out", "system-err"]);
    for schema in std::env::var("RM_JUNIT_XSD").iter().flat_map(|schemas| schemas.split(':')) {
        let output =
            Command::new("xmllint").args(["--noout", "--schema", schema]).arg(path).output().unwrap();
        assert!(output.status.success(), "{schema}: {}", text(&output.stderr));
    }
}

#[test]
fn the_same_version_is_no_regression_to_the_last_bit() {
    let folder = Folder::new();
    let baseline = folder.baseline(LIGHT, &[]);
    let (report, code) = verdicts(&[LIGHT, "--baseline", &baseline, "--replications", "8"]);
    assert_eq!(code, 0, "{report:#}");
    let cases = report["cases"].as_array().unwrap().iter();
    let compared: Vec<&Value> = cases.filter(|case| case["group"] == "regression").collect();
    assert!(compared.len() > 25);
    for case in compared {
        assert_ne!(case["outcome"], "missed", "{case}");
        assert_eq!(case["value"], case["baseline"], "{case}");
    }
    let fewer = "the baseline has 30 replications: those after the first 8 are not compared";
    assert_eq!(report["notes"], serde_json::json!([fewer]));
}

#[test]
fn a_baseline_of_another_scenario_is_refused_and_one_of_other_settings_is_not() {
    let folder = Folder::new();
    let baseline = folder.baseline(LIGHT, &["--replications", "5"]);
    let few = ["--replications", "5", "--baseline", &baseline];
    let output = check(&[&[LIGHT, "--set", "workload.arrivals.poisson.rate=100/h"], &few[..]].concat());
    assert_eq!(code(&output), 2);
    let said = text(&output.stderr);
    assert!(
        said.contains("is a baseline of another scenario: it is of `light`, and `workload` is not"),
        "{said}"
    );
    let output = check(&[&[SATURATED], &few[..]].concat());
    assert_eq!(code(&output), 2);

    let settings = ["--set", "allocator.strategy=first_fit", "--metric", "jobs_completed"];
    let (report, _) = verdicts(&[&[LIGHT], &settings[..], &few[..]].concat());
    assert!(
        report["notes"][0].as_str().unwrap().contains("settings are not those of the baseline"),
        "{report:#}"
    );
    let (report, _) = verdicts(&[&[LIGHT, "--seed", "2"], &few[..]].concat());
    assert!(report["notes"][0].as_str().unwrap().contains("the baseline has seed 1, not 2"), "{report:#}");
}

/// Long waits at first, then a settled run: what MSER-5 finds depends on the decisions of the pilot run.
const SETTLING: &str = "\
scenario: settling
seed: 18
replications: 6
horizon: {jobs: 2000}
warm_up: auto
fleet: [{synthetic: {grid: {rows: 3, columns: 3}}, name: g}]
workload:
  arrivals: {poisson: {rate: 30/h}}
  jobs: &j [{name: a, qubits: {uniform: [2, 4]}, topology: line, execution_time: {exponential: {mean: 60s}}}]
  sources: [{arrivals: {at_start: {jobs: 60}}, jobs: *j}]
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: off}
allocator: {isolation: {buffer_distance: 0}}
";

/// The measured interval belongs to the baseline: another one found by the same rule would be a regression of nothing.
#[test]
fn a_baseline_keeps_the_warm_up_that_was_found() {
    let folder = Folder::new();
    let scenario = folder.name("s.yaml");
    fs::write(&scenario, SETTLING).unwrap();
    let baseline = folder.baseline(&scenario, &[]);
    let mut kept: Value = serde_json::from_slice(&fs::read(&baseline).unwrap()).unwrap();
    assert!(kept["warm_up"].is_object() || kept["warm_up"] == "none", "{}", kept["warm_up"]);
    let same = check(&[&scenario, "--baseline", &baseline]);
    assert_eq!(code(&same), 0, "{}{}", text(&same.stdout), text(&same.stderr));
    assert!(text(&same.stderr).contains("(that of the baseline)"), "{}", text(&same.stderr));

    // Had another version found ten hours, this one measures after ten hours, too.
    let found = |kept: &Value| {
        fs::write(&baseline, kept.to_string()).unwrap();
        check(&[&scenario, "--baseline", &baseline, "--metric", "jobs_completed"])
    };
    kept["warm_up"] = serde_json::json!({"time": "10h"});
    assert!(text(&found(&kept).stderr).contains("warm-up: 10.0 h (that of the baseline)"));
    kept.as_object_mut().unwrap().remove("warm_up");
    let unknown = found(&kept);
    assert_eq!(code(&unknown), 2);
    assert!(
        text(&unknown.stderr).contains("does not say which warm-up it left out"),
        "{}",
        text(&unknown.stderr)
    );
}

/// Recorded jobs are a part of the world, whatever their file is called.
#[test]
fn a_baseline_of_other_recorded_jobs_is_refused() {
    let folder = Folder::new();
    let (scenario, jobs) = (folder.name("s.yaml"), folder.path("jobs.csv"));
    let (head, rest) = SETTLING.split_once("workload:").unwrap();
    let (_, tail) = rest.split_once("hardware:").unwrap();
    let head = head.replace("horizon: {jobs: 2000}\nwarm_up: auto\n", "");
    fs::write(&scenario, format!("{head}workload: {{csv: jobs.csv}}\nhardware:{tail}")).unwrap();
    let row = |length: u32| format!("submission_time,qubits,execution_time\n0,2,60\n30,3,{length}\n");
    fs::write(&jobs, row(60)).unwrap();
    let baseline = folder.baseline(&scenario, &[]);
    let same = check(&[&scenario, "--baseline", &baseline]);
    assert_eq!(code(&same), 0, "{}{}", text(&same.stdout), text(&same.stderr));
    fs::write(&jobs, row(61)).unwrap();
    let other = check(&[&scenario, "--baseline", &baseline]);
    assert_eq!(code(&other), 2, "{}", text(&other.stdout));
    let said = text(&other.stderr);
    assert!(said.contains("is a baseline of other jobs: the content of `jobs.csv` changed since"), "{said}");
}

#[test]
fn metrics_of_devices_can_be_asked_for_and_none_twice() {
    let folder = Folder::new();
    let baseline = folder.baseline(LIGHT, &["--replications", "5"]);
    let asked = |metrics: &[&str]| {
        let metrics: Vec<&str> = metrics.iter().flat_map(|metric| ["--metric", metric]).collect();
        check(&[&[LIGHT, "--replications", "5", "--all", "--baseline", &baseline], &metrics[..]].concat())
    };
    let device = asked(&["qubit_utilization[iqm_garnet]"]);
    assert_eq!(code(&device), 0, "{}", text(&device.stderr));
    assert!(
        text(&device.stdout).contains("regression  qubit_utilization[iqm_garnet]"),
        "{}",
        text(&device.stdout)
    );
    let twice = asked(&["makespan_s", "makespan_s"]);
    assert_eq!(code(&twice), 2);
    assert!(text(&twice.stderr).contains("--metric: `makespan_s` is given twice"), "{}", text(&twice.stderr));
    // Asked for by name, what was never observed fails.
    let never = asked(&["below_soft_bound_share"]);
    assert_eq!(code(&never), 99, "{}", text(&never.stdout));
    assert!(text(&never.stdout).contains("never observed"), "{}", text(&never.stdout));
}

/// Looking at six waiting jobs instead of 32 leaves more qubits idle: in this saturated scenario about a twentieth.
#[test]
fn a_planted_loss_of_utilization_is_caught() {
    let folder = Folder::new();
    let baseline = folder.baseline(SATURATED, &[]);
    let (report, code) =
        verdicts(&[SATURATED, "--baseline", &baseline, "--set", "allocator.queue.global.skip_ahead=6"]);
    assert_eq!(code, 99, "{report:#}");
    let cases = report["cases"].as_array().unwrap();
    let of =
        |name: &str| cases.iter().find(|case| case["group"] == "regression" && case["name"] == name).unwrap();
    let (before, after) =
        (of("qubit_utilization")["baseline"].as_f64(), of("qubit_utilization")["value"].as_f64());
    let loss = 1.0 - after.unwrap() / before.unwrap();
    assert!((0.03..0.07).contains(&loss), "a loss of about 5 % was to be planted, not {loss}");
    assert!(failing(&report).contains(&"regression qubit_utilization".to_owned()), "{report:#}");
}

#[test]
fn a_planted_rise_of_waiting_is_caught() {
    let folder = Folder::new();
    let baseline = folder.baseline(LIGHT, &[]);
    let (report, code) =
        verdicts(&[LIGHT, "--baseline", &baseline, "--set", "allocator.queue.global.skip_ahead=1"]);
    assert_eq!(code, 99);
    assert!(
        failing(&report).contains(&"regression waiting_time_s.mean".to_owned()),
        "{:?}",
        failing(&report)
    );
}

/// Microseconds of CPU time per job of a burst of jobs, by the fastest of three runs; with `twice`, every search
/// for a placement is done twice. CPU time, because these tests run beside others.
fn run_us(twice: bool) -> f64 {
    (0..3).map(|_| one_run_us(twice)).fold(f64::INFINITY, f64::min)
}

fn one_run_us(twice: bool) -> f64 {
    // A large device, so that the searches are most of the work.
    let sets = [
        "fleet=[{device: ibm_fez}]",
        "horizon={jobs: 150}",
        "warm_up=none",
        "drain=true",
        "workload.arrivals.at_start.jobs=150",
    ];
    let sets = sets.map(|set| set.parse::<SetOverride>().unwrap());
    let scenario = Scenario::load(Path::new(SATURATED), &sets).unwrap();
    let instruments = Instruments {
        wrap_strategy: twice.then(|| -> WrapStrategy { Box::new(|strategy| Box::new(Twice(strategy))) }),
        ..Instruments::default()
    };
    let simulation = Simulation::new(&scenario, 0, instruments).unwrap();
    let (outcomes, took) = CpuClock::new().time(|| simulation.run().unwrap());
    took.as_secs_f64() * 1e6 / outcomes.arrivals as f64
}

/// A strategy that works twice as long for the same answer.
struct Twice(Box<dyn PlacementStrategy>);

impl PlacementStrategy for Twice {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        // What the first search remembers must not shorten the second one.
        std::hint::black_box(self.0.place(request));
        self.0.forget();
        self.0.place(request)
    }

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        self.0.excludes(request)
    }

    fn forget(&mut self) {
        self.0.forget();
    }
}

/// Twice the searches is what the allocator of a slower version would do.
#[test]
#[ignore = "measures time, which a busy machine makes meaningless: see CONTRIBUTING"]
fn a_planted_slowdown_of_the_allocator_is_caught() {
    let (mut before, mut after, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for pair in 0..speed::FEWEST_PAIRS {
        if pair % 2 == 0 {
            before.push(run_us(false));
            after.push(run_us(true));
            again.push(run_us(false));
        } else {
            again.push(run_us(false));
            after.push(run_us(true));
            before.push(run_us(false));
        }
    }
    let slowdown = speed::slower("the one before", &before, &after, 0.1);
    println!("{slowdown:?}");
    assert!(slowdown.fails, "{slowdown:?}");
    let none = speed::slower("itself", &before, &again, 0.1);
    assert!(!none.fails, "{none:?}");
}

/// The whole path with two programs: the older one is told to place faster.
#[cfg(unix)]
#[test]
#[ignore = "measures time, which a busy machine makes meaningless: see CONTRIBUTING"]
fn a_slower_program_is_caught_and_an_equal_one_is_not() {
    use std::os::unix::fs::PermissionsExt as _;

    let folder = Folder::new();
    let rmsim = env!("CARGO_BIN_EXE_rmsim");
    let older = folder.path("older");
    let few = "--set=workload={arrivals: {poisson: {rate: 60/h}}, jobs: [{qubits: 2, topology: any, circuits: 10}]}";
    fs::write(
        &older,
        format!("#!/bin/sh\nexec '{rmsim}' \"$@\" '{few}' --set=allocator.strategy=first_fit\n"),
    )
    .unwrap();
    fs::set_permissions(&older, fs::Permissions::from_mode(0o755)).unwrap();
    let speed = ["--replications", "5", "--set", "targets={jobs_failed: '== 0'}", "--runs", "11"];
    let (report, code) = verdicts(&[&[SATURATED, "--against", older.to_str().unwrap()], &speed[..]].concat());
    assert_eq!((code, failing(&report)), (99, vec!["speed allocator_us_per_job".to_owned()]), "{report:#}");
    let generous = ["--against", rmsim, "--time-margin", "100%"];
    let (report, code) = verdicts(&[&[SATURATED], &generous[..], &speed[..]].concat());
    assert_eq!(code, 0, "{report:#}");
}

/// Same code, other worlds, one baseline: the level of 99.9 % and the margin must keep some thirty metrics quiet.
#[test]
#[ignore = "a minute in an optimized build, where .ci/run runs it"]
fn a_hundred_other_seeds_give_at_most_one_false_alarm() {
    let metrics = judged_metrics();
    let of_seed = |scenario: &str, seed: u64| {
        let sets = [format!("seed={seed}"), "output.traces=none".to_owned()];
        let sets = sets.map(|set| set.parse::<SetOverride>().unwrap());
        let scenario = Scenario::load(Path::new(scenario), &sets).unwrap();
        let settings =
            Settings { threads: 2, sinks: &|_| Ok(None), collect: false, timing: false, progress: None };
        (run(&scenario, &settings).unwrap(), scenario)
    };
    for scenario in [LIGHT, SATURATED] {
        let (replications, resolved) = of_seed(scenario, 1);
        let baseline = Baseline::new(&resolved, &replications, None);
        let mut alarms = Vec::new();
        for seed in 2..102 {
            let (replications, other) = of_seed(scenario, seed);
            let cases = baseline.regressions(&other, &replications, &metrics, |_| false, 0.01);
            assert!(cases.len() > 25);
            alarms.extend(cases.iter().find(|case| case.fails).map(|case| format!("seed {seed}: {case:?}")));
        }
        println!("{scenario}: {} false alarm(s)", alarms.len());
        assert!(alarms.len() <= 1, "{}", alarms.join("\n"));
    }
}

/// Counted instructions are the same number twice, and more work is more of them.
#[test]
#[ignore = "needs Valgrind, and minutes: see CONTRIBUTING"]
fn counted_instructions_catch_a_slowdown() {
    let folder = Folder::new();
    let short = ["--set", "horizon={time: 2h}", "--instructions", "--replications", "5"];
    let baseline = folder.baseline(SATURATED, &short);
    let kept: Value = serde_json::from_slice(&fs::read(&baseline).unwrap()).unwrap();
    let before = kept["instructions"].as_u64().unwrap() as f64;
    let again = [&[SATURATED, "--baseline", &baseline], &short[..]].concat();
    let (report, code) = verdicts(&again);
    assert_eq!(code, 0, "{report:#}");
    let last = report["cases"].as_array().unwrap().last().unwrap();
    let after = last["value"].as_f64().unwrap();
    println!("{before} and {after} instructions");
    assert!((after / before - 1.0).abs() < 1e-4, "{before} and {after}");
    let more = ["--set", "allocator.batch={joint: {max_jobs: 16}}", "--metric", "jobs_failed"];
    let (report, code) = verdicts(&[&again, &more[..]].concat());
    println!("{}", report["cases"].as_array().unwrap().last().unwrap());
    assert_eq!((code, failing(&report)), (99, vec!["speed allocator_instructions".to_owned()]), "{report:#}");
}
