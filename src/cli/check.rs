//! `rmsim check`.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use crate::experiment::check::baseline::{Baseline, metric_of};
use crate::experiment::check::speed::{self, Workload};
use crate::experiment::check::{Case, Group, Outcome, Report, ready, targets};
use crate::experiment::compare::{devices_of, metrics_named};
use crate::experiment::comparison::Metric;
use crate::experiment::notes::Premises;
use crate::experiment::run::{Replication, Settings, courses, run as run_replications};
use crate::experiment::warm_up;
use crate::report::check::{conclusion, github, junit, markdown, table};
use crate::report::table::duration;
use crate::simulator::scenario::{Measure, Scenario, WarmUp};

use super::args::{CheckArgs, TraceChoice};
use super::console::{Console, print};
use super::failure::Failure;
use super::input;
use super::output;
use super::run::say;

pub fn check(args: &CheckArgs, console: &Console) -> Result<(), Failure> {
    let started = (jiff::Timestamp::now(), std::time::Instant::now());
    let margin = input::percent(&args.margin)?;
    let time_margin = input::percent(&args.time_margin)?;
    let chosen = &args.scenario;
    let mut sets = input::overrides(chosen)?;
    sets.push(input::traces(TraceChoice::None)?);
    let mut scenario = input::load(chosen.path.as_deref(), &sets)?;
    let metrics = metrics(args, &scenario)?;
    let baseline = match &args.baseline {
        None => None,
        Some(path) => {
            let baseline = Baseline::load(path)?;
            baseline.check(path, &scenario, &metrics)?;
            Some(baseline)
        }
    };
    ready(&scenario, baseline.is_some(), args.save_baseline.is_some() || args.against.is_some())?;
    counting_has_a_use(args, baseline.as_ref())?;

    console.note(format!(
        "{}: seed {}, {} replication(s), {} target(s)",
        scenario.name,
        scenario.seed,
        scenario.replications,
        scenario.targets.len()
    ));
    let timing = scenario.targets.iter().any(|target| matches!(target.measure, Measure::WallClock(..)));
    // Replications side by side take each other's time.
    let threads = if timing && chosen.threads.is_none() { 1 } else { input::threads(chosen.threads) };
    find_warm_up(&mut scenario, baseline.as_ref(), threads, console)?;
    let bar = console.progress(scenario.expected_jobs(), "jobs");
    let advance = |jobs, _| bar.set_position(jobs);
    let settings =
        Settings { threads, sinks: &|_| Ok(None), collect: false, timing, progress: Some(&advance) };
    let replications = run_replications(&scenario, &settings)?;
    bar.finish_and_clear();
    let mut notes = warned(&scenario, &replications, console);
    let mut cases = targets(&scenario, &replications);
    if let Some(baseline) = &baseline {
        let named = scenario.targets.iter().filter_map(|target| metric_of(&target.measure));
        let named: BTreeSet<String> = named.map(|metric| metric.name).chain(args.metric.clone()).collect();
        let asked = |name: &str| named.contains(name);
        cases.extend(baseline.regressions(&scenario, &replications, &metrics, asked, margin));
        for note in baseline.notes(&scenario, &replications) {
            console.note(format!("note: {note}"));
            notes.push(note);
        }
    }
    let speed = Speed { args, margin, time_margin, console };
    let counted = speed.measure(&scenario, baseline.as_ref(), &mut cases, &mut notes)?;
    let save = |path| save(path, &Baseline::new(&scenario, &replications, counted), console);
    let kept = args.save_baseline.as_deref().map_or(Ok(()), save);
    let file = chosen.path.as_ref().map(|path| path.display().to_string());
    let report = Report::new(&scenario, file, &courses(&replications), cases, notes);
    write(&report, args, started, console)?;
    match report.passed {
        true => kept,
        false => Err(Failure::missed(conclusion(&report))),
    }
}

/// The warm-up that belongs to the baseline, or else what a pilot run finds.
fn find_warm_up(
    scenario: &mut Scenario,
    baseline: Option<&Baseline>,
    threads: usize,
    console: &Console,
) -> Result<(), Failure> {
    if let Some(found) = baseline.and_then(|baseline| baseline.fix_warm_up(scenario)) {
        let length = match found {
            WarmUp::Time(span) => duration(Some(span.as_secs_f64())),
            _ => "none".to_owned(),
        };
        console.note(format!("warm-up: {length} (that of the baseline)"));
    } else if let Some(span) = warm_up::resolve([scenario], threads).map_err(Failure::failed)? {
        console.note(format!("warm-up: {} (MSER-5)", duration(Some(span.as_secs_f64()))));
    }
    Ok(())
}

/// What the user should know of replications that were not what the scenario asked for: said, and kept for the report.
fn warned(scenario: &Scenario, replications: &[Replication], console: &Console) -> Vec<String> {
    let notes = Premises::of(scenario).notes_without_traces(&courses(replications));
    say(&notes, console);
    notes.iter().map(ToString::to_string).collect()
}

/// Keeps a baseline, unless it would be one of nothing.
fn save(path: &Path, baseline: &Baseline, console: &Console) -> Result<(), Failure> {
    if baseline.empty() > 0 {
        console.warning(format!(
            "no baseline was written to {}: in {} of {} replications nothing was measured",
            path.display(),
            baseline.empty(),
            baseline.replications
        ));
        return Err(Failure::missed("there is nothing to compare with later"));
    }
    output::write(path, baseline.to_json().as_bytes(), output::Kind::Baseline, "--save-baseline")?;
    console.note(format!("baseline in {}", path.display()));
    Ok(())
}

/// What to compare with a baseline by: those asked for; or all that are judged, and those that the targets name.
fn metrics(args: &CheckArgs, scenario: &Scenario) -> Result<Vec<Metric>, Failure> {
    let mut metrics = metrics_named(&args.metric, &devices_of([scenario]))
        .map_err(|error| input::no_such_metric("--metric", &error))?;
    if args.metric.is_empty() {
        let targets = scenario.targets.iter().filter_map(|target| metric_of(&target.measure));
        for metric in targets {
            if metrics.iter().all(|known| known.name != metric.name) {
                metrics.push(metric);
            }
        }
    }
    Ok(metrics)
}

/// Counting takes long: not without something to compare with, or a file to keep the count in.
fn counting_has_a_use(args: &CheckArgs, baseline: Option<&Baseline>) -> Result<(), Failure> {
    let used = args.against.is_some()
        || args.save_baseline.is_some()
        || baseline.is_some_and(|baseline| baseline.instructions.is_some());
    match (args.instructions && !used, &args.baseline) {
        (false, _) => Ok(()),
        (true, Some(path)) => Err(Failure::input(format!(
            "{} holds no count of instructions; hint: write one with --instructions --save-baseline",
            path.display()
        ))),
        (true, None) => Err(Failure::input(
            "--instructions has nothing to compare with; hint: --against, --baseline or --save-baseline",
        )),
    }
}

/// The comparison with the speed of another version.
struct Speed<'a> {
    args: &'a CheckArgs,
    margin: f64,
    time_margin: f64,
    console: &'a Console,
}

impl Speed<'_> {
    /// Measures what was asked for, adds the cases, and returns the instructions of this program if they were counted.
    fn measure(
        &self,
        scenario: &Scenario,
        baseline: Option<&Baseline>,
        cases: &mut Vec<Case>,
        notes: &mut Vec<String>,
    ) -> Result<Option<u64>, Failure> {
        let Self { args, margin, time_margin, console } = *self;
        if args.against.is_none() && !args.instructions {
            return Ok(None);
        }
        let this = std::env::current_exe()
            .map_err(|error| Failure::failed(format!("cannot find this program itself: {error}")))?;
        let workload = self.workload();
        if !args.instructions {
            let Some(older) = &args.against else { return Ok(None) };
            let bar = console.progress(Some(speed::runs(args.runs)), "runs");
            cases.push(speed::against(older, &this, &workload, args.runs, time_margin, || bar.inc(1))?);
            bar.finish_and_clear();
            return Ok(None);
        }
        let count = |program: &Path| {
            console.note(format!("counting the instructions of {}", program.display()));
            speed::instructions(program, &workload)
        };
        let counted = count(&this)?;
        if let Some(older) = &args.against {
            let before = count(older)?;
            cases.push(speed::more_instructions(&older.display().to_string(), before, counted, margin));
        }
        if let Some((baseline, before)) = baseline.and_then(|one| Some((one, one.instructions?))) {
            match baseline.seed == scenario.seed {
                true => cases.push(speed::more_instructions("the baseline", before, counted, margin)),
                false => {
                    notes.push("instructions are not compared: the baseline has another seed".to_owned())
                }
            }
        }
        Ok(Some(counted))
    }

    fn workload(&self) -> Workload {
        let mut settings: Vec<OsString> =
            self.args.scenario.set.iter().map(|set| OsString::from(format!("--set={set}"))).collect();
        settings.extend(self.args.scenario.seed.map(|seed| OsString::from(format!("--seed={seed}"))));
        Workload::new(self.args.scenario.path.as_deref(), &settings)
    }
}

/// Writes the files first and prints last, so that a reader that has gone away costs no file.
fn write(
    report: &Report,
    args: &CheckArgs,
    (began, clock): (jiff::Timestamp, std::time::Instant),
    console: &Console,
) -> Result<(), Failure> {
    if let Some(path) = &args.junit {
        let xml = junit::junit(report, began, clock.elapsed().as_secs_f64());
        output::write(path, xml.as_bytes(), output::Kind::Junit, "--junit")?;
    }
    if let Some(path) = &args.markdown {
        output::write(path, markdown(report).as_bytes(), output::Kind::Markdown, "--markdown")?;
    }
    let variable = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    if let Some(path) = variable("GITHUB_STEP_SUMMARY").map(PathBuf::from) {
        let appended = OpenOptions::new().create(true).append(true).open(&path);
        appended
            .and_then(|mut file| file.write_all(markdown(report).as_bytes()))
            .map_err(|error| output::unwritten(&path, &error))?;
    }
    let annotate = args.github || variable("GITHUB_ACTIONS").is_some_and(|value| value == "true");
    let annotations = if annotate { github::annotations(report) } else { String::new() };
    let open =
        |case: &&Case| case.group == Group::Target && case.outcome == Outcome::Inconclusive && !case.fails;
    let open = report.cases.iter().filter(open).count();
    if open > 0 {
        console.warning(format!(
            "{open} target(s) are inconclusive; hint: more replications make intervals narrower, and on_inconclusive: \
             fail makes this a failure"
        ));
    }
    print(|out| {
        if args.json {
            // Annotations count on either stream, and would break the JSON.
            eprint!("{annotations}");
            return writeln!(out, "{}", report.to_json());
        }
        write!(out, "{}{annotations}", table(report, args.all, console.color()))
    })
}
