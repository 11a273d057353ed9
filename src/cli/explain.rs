//! `rmsim explain`.

use std::path::Path;

use crate::allocator::protocol::JobId;
use crate::config_file::SetOverride;
use crate::experiment::explain::{ExplainError, explain as explain_job};
use crate::experiment::reading::Results;
use crate::experiment::version::VERSION;
use crate::report::life_text;
use crate::simulator::scenario::Scenario;

use super::args::ExplainArgs;
use super::console::{Console, print};
use super::failure::Failure;
use super::input;

pub fn explain(args: &ExplainArgs, console: &Console) -> Result<(), Failure> {
    let mut sets = input::parse_sets(&args.set)?;
    if let Some(seed) = args.seed {
        sets.push(SetOverride::new("seed", seed.to_string())?.written_as("--seed"));
    }
    let scenario = if args.run.is_dir() {
        if let Some(set) = sets.first() {
            return Err(Failure::input(format!(
                "{} is a run, which is explained as it was: `{set}` has no place here; hint: explain its scenario file \
                 instead",
                args.run.display()
            )));
        }
        of_run(&args.run, console)?
    } else {
        Scenario::load(&args.run, &sets)?
    };
    if args.replication >= scenario.replications {
        return Err(Failure::input(format!(
            "--replication {}: the run has {} replication(s), numbered from 0",
            args.replication, scenario.replications
        )));
    }
    let explained = explain_job(&scenario, args.replication, JobId(args.job), !args.no_what_if);
    let explained = explained.map_err(|error| match error {
        ExplainError::Simulation(_) => Failure::failed(error),
        ExplainError::NoJob { .. } | ExplainError::NoJobs(_) => Failure::input(error),
    })?;
    print(|out| match args.json {
        true => writeln!(out, "{:#}", life_text::json(&scenario, args.replication, &explained)),
        false => write!(out, "{}", life_text::text(&scenario, args.replication, &explained)),
    })
}

/// The scenario of a run, from what the run has written down.
fn of_run(folder: &Path, console: &Console) -> Result<Scenario, Failure> {
    let shown = folder.display();
    let manifest = match Results::open(folder).map_err(Failure::input)? {
        Results::Run(files) => files.manifest,
        Results::Comparison(_) => {
            return Err(Failure::input(format!(
                "{shown} holds a comparison of several runs; hint: explain a scenario file, with --set as in the variant"
            )));
        }
    };
    let missing = || Failure::input(format!("{shown}/manifest.json has no resolved_scenario"));
    let resolved = manifest.resolved_scenario.as_ref().ok_or_else(missing)?;
    let origin = format!("resolved_scenario in {shown}/manifest.json");
    let scenario = Scenario::from_yaml(&resolved.to_string(), &origin, Path::new(""), &[]).map_err(|error| {
        Failure::input(format!(
            "{error}\nhint: files that a scenario names are looked for from the current folder; explain the scenario file \
             itself, or go to the folder in which it lies"
        ))
    })?;
    let hash = blake3::Hash::from(scenario.digest()).to_hex();
    if manifest.scenario_hash.as_deref().is_some_and(|written| written != hash.as_str()) {
        return Err(Failure::input(format!(
            "{shown}: files that the scenario names are not what they were when it ran, so that the run cannot be made again"
        )));
    }
    if manifest.program.version != VERSION {
        console.warning(format!(
            "the run was made by version {}, this is {VERSION}: what is explained is what this version does",
            manifest.program.version
        ));
    }
    Ok(scenario)
}
