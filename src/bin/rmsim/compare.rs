//! `rmsim compare`.

use std::io;
use std::path::Path;
use std::str::FromStr;

use std::collections::BTreeSet;

use resource_manager::config_file::SetOverride;
use resource_manager::experiment::compare::{
    Compared, DEFAULT_REPLICATIONS, Plan, Prepared, Stopping, compare as run_comparison, devices_of,
    metrics_named,
};
use resource_manager::experiment::comparison::{Comparison, Metric};
use resource_manager::experiment::folder::{RunFolder, run_id};
use resource_manager::experiment::run::Settings;
use resource_manager::experiment::variants::{Named, Vary, check, product};
use resource_manager::experiment::warm_up;
use resource_manager::report::comparison_plots::comparison_plots;
use resource_manager::report::comparison_table::comparison_table;
use resource_manager::report::plots;
use resource_manager::report::table::duration;
use resource_manager::simulator::csv_row::RowWriter;
use resource_manager::simulator::scenario::Scenario;

use crate::args::CompareArgs;
use crate::console::{Console, print};
use crate::failure::Failure;
use crate::{input, report};

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
    let mut identity = blake3::Hasher::new();
    for variant in &variants {
        identity.update(run_id(&variant.scenario).as_bytes());
    }
    let id = identity.finalize().to_hex()[..12].to_owned();
    let path = match &common.out {
        Some(path) => path.clone(),
        None => Path::new("results").join(&base.name).join(format!("compare-{id}")),
    };
    let folder = RunFolder::claim(path, id, common.force)?;
    let started = jiff::Timestamp::now();
    let threads = input::threads(common.scenario.threads);
    if let Some(span) = warm_up::resolve(variants.iter_mut().map(|variant| &mut variant.scenario), threads)
        .map_err(Failure::failed)?
    {
        console.note(format!("warm-up: {} (MSER-5)", duration(Some(span.as_secs_f64()))));
    }
    let draw = !common.no_plots;
    let jobs_of = |variant: &Prepared, replications: u32| {
        let scenario = Scenario { replications, ..variant.scenario.clone() };
        input::expected_jobs(&scenario)
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
    let settings =
        Settings { threads, sinks: &|_| Ok(None), collect: draw, timing: false, progress: Some(&advance) };
    let plan = Plan { variants: &variants, baseline, metrics: &metrics, also: &also, stopping };
    let compared = run_comparison(&plan, &settings, |variant, numbers| {
        before_this.store(done.load(relaxed), relaxed);
        let rounds = if stopping.is_some() { format!(", up to {}", numbers.end) } else { String::new() };
        bar.set_message(format!("{}{rounds}", variant.name));
    })?;
    bar.finish_and_clear();
    let Compared { comparison, variants: results, .. } = &compared;
    folder.write("comparison.csv", comparison.to_csv().as_bytes())?;
    folder.write("comparison.json", comparison.to_json().as_bytes())?;
    folder.write("replications.csv", per_replication(results).as_bytes())?;
    if draw {
        let subtitle =
            format!("scenario {}, seed {}, {} replications", base.name, base.seed, comparison.replications);
        let plots = comparison_plots(&compared, &trade_off, &subtitle);
        plots::write_all(folder.path(), &plots).map_err(Failure::failed)?;
    }
    folder.write_comparison_manifest(&variants, comparison.replications, started, jiff::Timestamp::now())?;
    if draw && !common.no_report {
        report::write(folder.path())?;
    }
    print(|out| {
        if common.json {
            writeln!(out, "{}", comparison.to_json())
        } else {
            write!(out, "{}", comparison_table(comparison, console.color()))
        }
    })?;
    console.note(report::whereabouts(folder.path(), draw && !common.no_report));
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

/// Every value that went into the comparison: one row per variant, replication and metric.
fn per_replication(results: &[resource_manager::experiment::comparison::Variant]) -> String {
    let mut writer = RowWriter::new(Vec::new());
    let mut rows = || -> io::Result<()> {
        writer.record(["variant", "replication", "metric", "value"])?;
        for variant in results {
            for (replication, values) in variant.replications.iter().enumerate() {
                for (metric, value) in values {
                    let value = value.map_or_else(String::new, |value| value.to_string());
                    writer.record([&variant.name, &replication.to_string(), metric, &value])?;
                }
            }
        }
        Ok(())
    };
    rows().expect("writing to memory cannot fail");
    String::from_utf8(writer.finish().unwrap_or_default()).unwrap_or_default()
}
