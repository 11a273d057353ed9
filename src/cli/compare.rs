//! `rmsim compare`.

use std::collections::BTreeSet;
use std::str::FromStr;

use crate::config_file::SetOverride;
use crate::experiment::compare::{DEFAULT_REPLICATIONS, Plan, Prepared, Stopping, devices_of, metrics_named};
use crate::experiment::comparison::{Comparison, Metric};
use crate::experiment::folder::RunFolder;
use crate::experiment::variants::{Named, Vary, check, product};
use crate::experiment::warm_up;
use crate::report::comparison_table::comparison_table;
use crate::report::into_folder::{CompareInto, compare_into};
use crate::report::table::duration;
use crate::simulator::scenario::Scenario;

use super::args::CompareArgs;
use super::console::{Console, print};
use super::failure::Failure;
use super::report::pictures;
use super::{input, report};

pub fn compare(args: &CompareArgs, console: &Console) -> Result<(), Failure> {
    let common = &args.common;
    let varies = parsed::<Vary>(&args.vary)?;
    let named = parsed::<Named>(&args.variant)?;
    let precision = args.precision.as_deref().map(input::percent).transpose()?;
    let mut sets = input::overrides(&common.scenario)?;
    check(&sets, &named, &varies).map_err(Failure::input)?;
    let base = input::load(common.scenario.path.as_deref(), &sets)?;
    if common.scenario.replications.is_none() && base.replications == 1 && precision.is_none() {
        // One replication has no interval, and a comparison without an interval has no verdict.
        sets.push(SetOverride::new("replications", DEFAULT_REPLICATIONS.to_string())?);
    }
    sets.push(SetOverride::new("output.traces", "none")?);
    let mut variants = product(&named, &varies)?
        .into_iter()
        .map(|(name, own)| {
            let sets: Vec<SetOverride> = sets.iter().cloned().chain(own).collect();
            Ok(Prepared { name, scenario: input::load(common.scenario.path.as_deref(), &sets)? })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let baseline = baseline(args.baseline.as_deref(), &variants)?;
    let devices = devices_of(variants.iter().map(|variant| &variant.scenario));
    let metrics =
        metrics_named(&args.metric, &devices).map_err(|error| input::no_such_metric("--metric", &error))?;
    let (trade_off, also) = trade_off(&args.trade_off, &devices)?;
    let stopping = precision.map(|precision| Stopping {
        precision,
        minimum: base.replications.clamp(DEFAULT_REPLICATIONS, args.max_replications),
        maximum: args.max_replications,
    });
    let replications = match &stopping {
        None => {
            format!("{} replication(s)", variants.first().map_or(0, |variant| variant.scenario.replications))
        }
        Some(stopping) => format!("{} to {} replications", stopping.minimum, stopping.maximum),
    };
    let (name, seed, count) = (&base.name, base.seed, variants.len());
    console.note(format!("{name}: seed {seed}, {count} variants, {replications} each"));
    if let Some(stopping) = stopping
        && (2..stopping.minimum).contains(&base.replications)
    {
        console.note(format!(
            "--precision begins with {} replications, not {}: fewer decide too much by chance",
            stopping.minimum, base.replications
        ));
    }
    let folder = RunFolder::open_comparison(&base, &variants, common.out.as_deref(), common.force)?;
    let threads = input::threads(common.scenario.threads);
    if let Some(span) = warm_up::resolve(variants.iter_mut().map(|variant| &mut variant.scenario), threads)
        .map_err(Failure::failed)?
    {
        console.note(format!("warm-up: {} (MSER-5)", duration(Some(span.as_secs_f64()))));
    }
    let pictures = pictures(!common.no_plots, common.no_report);
    let jobs_of = |variant: &Prepared, replications: u32| {
        Scenario { replications, ..variant.scenario.clone() }.expected_jobs()
    };
    let all = match stopping {
        Some(_) => None,
        None => variants
            .iter()
            .map(|variant| jobs_of(variant, variant.scenario.replications))
            .sum::<Option<u64>>(),
    };
    let bar = console.progress(all, "jobs");
    let done = std::sync::atomic::AtomicU64::new(0);
    let before_this = std::sync::atomic::AtomicU64::new(0);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    let advance = |jobs, _| {
        done.fetch_max(before_this.load(relaxed) + jobs, relaxed);
        bar.set_position(done.load(relaxed));
    };
    let plan = Plan { variants: &variants, baseline, metrics: &metrics, also: &also, stopping };
    let how = CompareInto { threads, pictures, trade_off, progress: Some(&advance) };
    let compared = compare_into(&folder, &base, &plan, &how, |variant, numbers| {
        before_this.store(done.load(relaxed), relaxed);
        let rounds = if stopping.is_some() { format!(", up to {}", numbers.end) } else { String::new() };
        bar.set_message(format!("{}{rounds}", variant.name));
    })?;
    bar.finish_and_clear();
    let comparison = &compared.comparison;
    print(|out| {
        if common.json {
            writeln!(out, "{}", comparison.to_json())
        } else {
            write!(out, "{}", comparison_table(comparison, console.color()))
        }
    })?;
    console.note(report::whereabouts(folder.path(), pictures));
    warn(comparison, console);
    Ok(())
}

/// What the user should know of variants that were not what the scenario asked for, as after a run.
fn warn(comparison: &Comparison, console: &Console) {
    for (who, note) in comparison.notes_by_text() {
        match note.kind.is_warning() {
            true => console.warning(format!("{who}: {note}")),
            false => console.note(format!("{who}: {note}")),
        }
    }
}

fn parsed<T: FromStr<Err: ToString>>(texts: &[String]) -> Result<Vec<T>, Failure> {
    texts.iter().map(|text| text.parse().map_err(Failure::input)).collect()
}

/// The variant that the others are compared with, by name or number.
fn baseline(asked: Option<&str>, variants: &[Prepared]) -> Result<usize, Failure> {
    let Some(asked) = asked else { return Ok(0) };
    let named = variants.iter().position(|variant| variant.name == asked);
    let numbered = || asked.parse().ok().filter(|index| *index < variants.len());
    named.or_else(numbered).ok_or_else(|| {
        let names: Vec<String> = variants.iter().map(|variant| format!("`{}`", variant.name)).collect();
        Failure::input(format!(
            "--baseline `{asked}` is no variant; hint: one of {}, or its number from 0",
            names.join(", ")
        ))
    })
}

/// The metrics of the trade-off plot, as names and as metrics.
fn trade_off(text: &str, devices: &BTreeSet<String>) -> Result<((String, String), Vec<Metric>), Failure> {
    let Some((x, y)) = text.split_once(',') else {
        return Err(Failure::input(format!(
            "--trade-off `{text}` is not of the form X,Y; hint: as in waiting_time_s.mean,fidelity_true.mean"
        )));
    };
    let (x, y) = (x.trim().to_owned(), y.trim().to_owned());
    let metrics = metrics_named(&[x.clone(), y.clone()], devices)
        .map_err(|error| input::no_such_metric("--trade-off", &error))?;
    Ok(((x, y), metrics))
}
