//! `rmsim compare`.

use std::path::Path;

use resource_manager::experiment::compare::{
    DEFAULT_REPLICATIONS, Prepared, Vary, check, compare as run_comparison, product,
};
use resource_manager::experiment::folder::{RunFolder, run_id};
use resource_manager::experiment::run::Settings;
use resource_manager::report::plots::{self, ForestPlot, Plot};
use resource_manager::report::table::comparison_table;
use resource_manager::simulator::scenario::SetOverride;

use crate::args::CompareArgs;
use crate::console::{Console, print};
use crate::failure::Failure;
use crate::input;

pub fn compare(args: &CompareArgs, console: &Console) -> Result<(), Failure> {
    let common = &args.common;
    let varies: Vec<Vary> =
        args.vary.iter().map(|text| text.parse().map_err(Failure::input)).collect::<Result<_, _>>()?;
    check(&varies).map_err(Failure::input)?;
    let mut sets = input::overrides(common)?;
    let base = input::load(common.scenario.as_deref(), &sets)?;
    if common.replications.is_none() && base.replications == 1 {
        // One replication has no interval, and a comparison without an interval has no verdict.
        sets.push(SetOverride::new("replications", DEFAULT_REPLICATIONS.to_string())?);
    }
    sets.push(SetOverride::new("output.traces", "none")?);
    let variants = product(&varies)?
        .into_iter()
        .map(|(name, own)| {
            let sets: Vec<SetOverride> = sets.iter().cloned().chain(own).collect();
            Ok(Prepared { name, scenario: input::load(common.scenario.as_deref(), &sets)? })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    if args.baseline >= variants.len() {
        let (baseline, count) = (args.baseline, variants.len());
        return Err(Failure::input(format!("baseline {baseline} of {count} variants; hint: count from 0")));
    }
    let replications = variants.first().map_or(0, |variant| variant.scenario.replications);
    console.note(format!(
        "{}: seed {}, {} variants, {replications} replication(s) each on the same worlds",
        base.name,
        base.seed,
        variants.len(),
    ));
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
    let jobs = variants.iter().map(|variant| input::expected_jobs(&variant.scenario)).sum::<Option<u64>>();
    let bar = console.progress(jobs, "jobs");
    let done = std::sync::atomic::AtomicU64::new(0);
    let before_this = std::sync::atomic::AtomicU64::new(0);
    let relaxed = std::sync::atomic::Ordering::Relaxed;
    let advance = |jobs, _| {
        done.fetch_max(before_this.load(relaxed) + jobs, relaxed);
        bar.set_position(done.load(relaxed));
    };
    let settings = Settings {
        threads: input::threads(common),
        sinks: &|_| Ok(None),
        collect: false,
        timing: false,
        progress: Some(&advance),
    };
    let (comparison, results) = run_comparison(&variants, args.baseline, &settings, |variant| {
        before_this.store(done.load(relaxed), relaxed);
        bar.set_message(variant.name.clone());
    })?;
    bar.finish_and_clear();
    folder.write("comparison.csv", comparison.to_csv().as_bytes())?;
    folder.write("comparison.json", comparison.to_json().as_bytes())?;
    folder.write("replications.csv", per_replication(&results).as_bytes())?;
    if !common.no_plots {
        let title = format!("Compared with {}", comparison.baseline);
        let subtitle =
            format!("scenario {}, seed {}, {replications} paired replications", base.name, base.seed);
        let plot = Plot::Forest(ForestPlot { title, subtitle, comparison: comparison.clone() });
        plots::write_all(folder.path(), &[("comparison", plot)]).map_err(Failure::failed)?;
    }
    folder.write_comparison_manifest(&variants, started, jiff::Timestamp::now())?;
    print(|out| {
        if common.json {
            writeln!(out, "{}", comparison.to_json())
        } else {
            write!(out, "{}", comparison_table(&comparison, console.color()))
        }
    })?;
    console.note(format!("results in {}", folder.path().display()));
    Ok(())
}

/// Every value that went into the comparison: one row per variant, replication and metric.
fn per_replication(results: &[resource_manager::experiment::comparison::Variant]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut rows = || -> csv::Result<()> {
        writer.write_record(["variant", "replication", "metric", "value"])?;
        for variant in results {
            for (replication, values) in variant.replications.iter().enumerate() {
                for (metric, value) in values {
                    let value = value.map_or_else(String::new, |value| value.to_string());
                    writer.write_record([&variant.name, &replication.to_string(), metric, &value])?;
                }
            }
        }
        writer.flush()?;
        Ok(())
    };
    rows().expect("writing to memory cannot fail");
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}
