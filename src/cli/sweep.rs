//! `rmsim sweep` and `rmsim merge`.

use std::path::{Path, PathBuf};

use crate::experiment::sweep::SweepError;
use crate::experiment::sweep::listing::Listing;
use crate::experiment::sweep::merge;
use crate::experiment::sweep::plan::Plan;
use crate::experiment::sweep::runner::{Folder, Shard, Survey, run};
use crate::experiment::sweep::tables::Merged;
use crate::experiment::version::VERSION;
use crate::report::plots;
use crate::report::sweep::{sweep_plots, sweep_table};
use crate::report::table::{Align, Table, duration, number};
use serde_json::json;

use super::args::{MergeArgs, SweepArgs, TablesArgs};
use super::console::{self, Console, print};
use super::failure::Failure;
use super::input;

/// Damaged cells, and notes, that are shown one by one.
const NAMED: usize = 10;

pub fn sweep(args: &SweepArgs, console: &Console) -> Result<(), Failure> {
    let plan = Plan::load(&args.plan)?;
    let listing = plan.listing();
    let shard: Shard = match &args.shard {
        Some(text) => text.parse().map_err(Failure::input)?,
        None => Shard::WHOLE,
    };
    let out = args.out.clone().unwrap_or_else(|| Folder::usual(listing));
    let threads = input::threads(args.threads);
    console.note(format!(
        "{}: seed {}, {} combination(s) in {} replication(s), {} cells",
        listing.sweep,
        listing.seed,
        listing.combinations.len(),
        listing.replications,
        listing.cells().len(),
    ));
    if args.dry_run {
        return dry_run(&plan, &out, shard, threads, args, console);
    }
    console::on_interrupt(format!(
        "cells that are done stay in {}; hint: the same command goes on from there",
        out.display()
    ));
    let folder = Folder::open(&out, listing, args.force)?;
    let survey = Survey::of(&folder, listing, shard, args.force);
    tell(&survey, args, console);
    let bar = console.progress(Some(survey.todo.len() as u64), "cells");
    let done = run(&plan, &folder, &survey.todo, threads, &|_| bar.inc(1));
    bar.finish_and_clear();
    done?;
    if args.shard.is_some() {
        console.note(format!(
            "shard {}/{} is done; when all are, `rmsim merge {}` makes the tables",
            shard.number,
            shard.of,
            out.display()
        ));
        return match args.tables.json {
            true => print(|out| {
                writeln!(out, "{:#}", json!({"shard": shard.number, "of": shard.of, "cells": survey.total}))
            }),
            false => Ok(()),
        };
    }
    let merged = merge::merge(std::slice::from_ref(&out), None)?;
    show(&merged, &out, &args.tables, console)
}

pub fn merge_folders(args: &MergeArgs, console: &Console) -> Result<(), Failure> {
    let merged = merge::merge(&args.folders, args.out.as_deref())?;
    let out = args.out.as_ref().or(args.folders.first()).cloned().unwrap_or_else(|| PathBuf::from("."));
    show(&merged, &out, &args.tables, console)
}

/// `rmsim validate` of a plan.
pub fn validate(path: &Path, resolved: bool) -> Result<(), Failure> {
    let plan = Plan::load(path)?;
    let listing = plan.listing();
    print(|out| {
        if resolved {
            return writeln!(out, "{}", serde_json::to_string_pretty(listing)?);
        }
        writeln!(
            out,
            "{}: valid plan (scenario: {}, combinations: {}, replications: {}, cells: {}, expected values: {}, seed: {})",
            listing.sweep,
            listing.scenario,
            number(Some(listing.combinations.len() as f64)),
            listing.replications,
            number(Some(listing.cells().len() as f64)),
            listing.expected.len(),
            listing.seed,
        )
    })
}

/// What is there already.
fn tell(survey: &Survey, args: &SweepArgs, console: &Console) {
    for (cell, reason) in survey.damaged.iter().take(NAMED) {
        console.warning(format!("cell {cell} is damaged ({reason}) and is repeated"));
    }
    if survey.damaged.len() > NAMED {
        console.warning(format!("{} more cells are damaged and are repeated", survey.damaged.len() - NAMED));
    }
    if !survey.there.is_empty() || args.shard.is_some() {
        let part = args.shard.as_ref().map(|shard| format!(" of shard {shard}")).unwrap_or_default();
        // Names of cells hold the version, not the build: shards of one release come from different machines.
        let made = match survey.there.is_empty() {
            true => String::new(),
            false => format!(
                ", made by version {VERSION}; --force runs them again if the program has changed since"
            ),
        };
        console.note(format!(
            "{} of {} cells{part} are there already{made}",
            survey.there.len(),
            survey.total
        ));
    }
}

fn dry_run(
    plan: &Plan,
    out: &Path,
    shard: Shard,
    threads: usize,
    args: &SweepArgs,
    console: &Console,
) -> Result<(), Failure> {
    let listing = plan.listing();
    let folder = Folder::at(out);
    folder.check(listing, args.force)?;
    let survey = Survey::of(&folder, listing, shard, args.force);
    tell(&survey, args, console);
    let one_thread_s = survey.estimate_s(plan)?;
    // No cell is divided between threads.
    let threads = threads.min(survey.todo.len()).max(1);
    let wall_s = one_thread_s / threads as f64;
    let mut there = vec![0_usize; listing.combinations.len()];
    let mut todo = there.clone();
    survey.there.iter().for_each(|(task, _)| there[task.combination] += 1);
    survey.todo.iter().for_each(|task| todo[task.combination] += 1);
    print(|out| {
        if args.tables.json {
            let cells = survey.todo.iter().map(|task| {
                json!({
                    "cell": task.cell,
                    "labels": listing.combinations[task.combination].labels,
                    "replication": task.replication,
                })
            });
            let text = json!({
                "sweep": listing.sweep,
                "cells": survey.total,
                "there": survey.there.len(),
                "threads": threads,
                "estimated_s": wall_s,
                "to_do": cells.collect::<Vec<_>>(),
            });
            return writeln!(out, "{text:#}");
        }
        write!(out, "{}", plan_table(listing, &there, &todo).render(console.color()))?;
        writeln!(
            out,
            "{} cells, {} of them there already; the rest takes about {} on {threads} thread(s)",
            survey.total,
            survey.there.len(),
            duration(Some(wall_s)),
        )
    })
}

fn plan_table(listing: &Listing, there: &[usize], todo: &[usize]) -> Table {
    let names = listing.dimensions.iter().map(|dimension| (dimension.name.as_str(), Align::Left));
    let columns = [("there", Align::Right), ("to do", Align::Right)];
    let mut table = Table::new(&names.chain(columns).collect::<Vec<_>>());
    for (index, combination) in listing.combinations.iter().enumerate() {
        let labels = combination.labels.iter().map(|label| label.as_str().into());
        table.row(labels.chain([there[index].to_string().into(), todo[index].to_string().into()]));
    }
    table
}

/// Prints and draws a merged sweep; fails when expected values were missed.
fn show(merged: &Merged, folder: &Path, args: &TablesArgs, console: &Console) -> Result<(), Failure> {
    if !args.no_plots {
        let plots = sweep_plots(merged);
        let named: Vec<_> = plots.iter().map(|(name, plot)| (name.as_str(), plot.clone())).collect();
        plots::write_all(folder, &named).map_err(Failure::failed)?;
    }
    print(|out| match args.json {
        true => writeln!(out, "{:#}", merged.to_json()),
        false => write!(out, "{}", sweep_table(merged, console.color())),
    })?;
    warn(merged, console);
    console.note(format!("results in {}", folder.display()));
    match merged.missed() {
        0 => Ok(()),
        missed => {
            Err(Failure::missed(format!("{missed} of {} expected values were missed", merged.checks.len())))
        }
    }
}

/// What the user should know of combinations that were not what the plan asked for, as after a run.
fn warn(merged: &Merged, console: &Console) {
    let notes = merged.notes_by_text();
    for (names, note) in notes.iter().take(NAMED) {
        let who = match names.as_slice() {
            _ if names.len() == merged.listing.combinations.len() => "all combinations".to_owned(),
            [one] => one.clone(),
            [first, ..] => format!("{first} and {} more", names.len() - 1),
            [] => continue,
        };
        match note.kind.is_warning() {
            true => console.warning(format!("{who}: {note}")),
            false => console.note(format!("{who}: {note}")),
        }
    }
    if notes.len() > NAMED {
        console.warning(format!("{} more notes are in sweep.json", notes.len() - NAMED));
    }
}

impl From<SweepError> for Failure {
    fn from(error: SweepError) -> Self {
        if error.is_input() { Self::input(error) } else { Self::failed(error) }
    }
}
