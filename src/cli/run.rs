//! `rmsim run`.

use std::fs;

use crate::experiment::determinism;
use crate::experiment::folder::RunFolder;
use crate::experiment::notes::Note;
use crate::experiment::run::{Replication, search_memory};
use crate::experiment::warm_up;
use crate::report::into_folder::{Ran, RunInto, run_into};
use crate::report::run_summary::run_summary;
use crate::report::table::{duration, number, percent};
use crate::simulator::scenario::Scenario;

use super::args::RunArgs;
use super::console::{Console, print};
use super::failure::Failure;
use super::report::pictures;
use super::{input, output, report};

/// Violations that are printed one by one; all are counted.
const VIOLATIONS_SHOWN: usize = 10;

pub fn run(args: &RunArgs, console: &Console) -> Result<(), Failure> {
    let common = &args.common;
    let mut sets = input::overrides(&common.scenario)?;
    sets.extend(common.traces.map(input::traces).transpose()?);
    let mut scenario = input::load(common.scenario.path.as_deref(), &sets)?;
    let threads = input::threads(common.scenario.threads);
    console.note(format!(
        "{}: seed {}, {} replication(s), {} device(s)",
        scenario.name,
        scenario.seed,
        scenario.replications,
        scenario.fleet.len()
    ));
    if args.check_determinism {
        return check_determinism(&scenario, threads);
    }
    if let Some(path) = &args.journal {
        output::free(path, output::Kind::Journal, "--journal")?;
    }
    let folder = RunFolder::open(&scenario, common.out.as_deref(), common.force)?;
    if let Some(span) = warm_up::resolve([&mut scenario], threads).map_err(Failure::failed)? {
        console.note(format!("warm-up: {} (MSER-5)", duration(Some(span.as_secs_f64()))));
    }
    let pictures = pictures(scenario.output.plots && !common.no_plots, common.no_report);
    let bar = console.progress(scenario.expected_jobs(), "jobs");
    let advance = |jobs, _| bar.set_position(jobs);
    let how = RunInto { threads, pictures, journal: args.journal.as_deref(), progress: Some(&advance) };
    let Ran { replications, notes, timing } = run_into(&folder, &scenario, &how)?;
    bar.finish_and_clear();
    print(|out| {
        if common.json {
            return out.write_all(&fs::read(folder.path().join("summary.json"))?);
        }
        writeln!(out, "{}", run_summary(&scenario, &replications, console.color()))
    })?;
    console.note(format!(
        "{} jobs simulated{} in {} ({} jobs/s per thread)",
        number(Some(timing.jobs as f64)),
        of_the_warm_up(&replications),
        duration(Some(timing.wall.as_secs_f64())),
        number(Some((timing.jobs as f64 / timing.wall.as_secs_f64()).round())),
    ));
    let memory = search_memory(&replications);
    if memory.requests > 0 {
        console.detail(format!(
            "search memory: {} of {} searches used it ({} of those that could), {} MiB at most",
            number(Some(memory.hits as f64)),
            number(Some(memory.requests as f64)),
            percent(memory.hit_rate()),
            number(Some((memory.bytes_peak as f64 / (1 << 20) as f64 * 10.0).round() / 10.0)),
        ));
    }
    console.note(report::whereabouts(folder.path(), pictures));
    if let Some(path) = &args.journal {
        console.note(format!("journal in {}", path.display()));
    }
    say(&notes, console);
    let broken: u64 = replications.iter().map(|replication| replication.violations_total).sum();
    if broken == 0 {
        return Ok(());
    }
    for violation in
        replications.iter().flat_map(|replication| &replication.violations).take(VIOLATIONS_SHOWN)
    {
        console.warning(violation.to_string());
    }
    Err(Failure::failed(format!("the auditor found {broken} broken promise(s) of the allocator")))
}

/// Why fewer jobs are in the tables than were simulated.
fn of_the_warm_up(replications: &[Replication]) -> String {
    let before = replications.iter().map(|one| one.course.arrivals.saturating_sub(one.course.submitted));
    match before.sum::<u64>() {
        0 => String::new(),
        jobs => format!(", {} of them in the warm-up and not measured,", number(Some(jobs as f64))),
    }
}

/// Says notes in their order.
pub fn say(notes: &[Note], console: &Console) {
    for note in notes {
        match note.kind.is_warning() {
            true => console.warning(note.to_string()),
            false => console.note(note.to_string()),
        }
    }
}

fn check_determinism(scenario: &Scenario, threads: usize) -> Result<(), Failure> {
    match determinism::check(scenario, threads)? {
        None => print(|out| writeln!(out, "deterministic: two runs gave the same traces, byte for byte")),
        Some(difference) => Err(Failure::failed(format!("two runs differ at {difference}"))),
    }
}
