//! From arguments to a scenario.

use std::path::Path;

use crate::config_file::SetOverride;
use crate::experiment::compare::NoMetric;
use crate::experiment::variants::distinct;
use crate::observe::metrics::{Better, METRICS, MetricDef};
use crate::simulator::scenario::Scenario;

use super::args::{ScenarioArgs, TraceChoice};
use super::failure::Failure;

/// The overrides of `--set`, and of the options that stand for one.
pub fn overrides(args: &ScenarioArgs) -> Result<Vec<SetOverride>, Failure> {
    let mut sets = parse_sets(&args.set)?;
    if let Some(seed) = args.seed {
        sets.push(SetOverride::new("seed", seed.to_string())?.written_as("--seed"));
    }
    if let Some(replications) = args.replications {
        sets.push(SetOverride::new("replications", replications.to_string())?.written_as("--replications"));
    }
    distinct(&sets).map_err(Failure::input)?;
    Ok(sets)
}

/// The override that `--traces` stands for.
pub fn traces(which: TraceChoice) -> Result<SetOverride, Failure> {
    let value = match which {
        TraceChoice::First => "first",
        TraceChoice::All => "all",
        TraceChoice::None => "none",
    };
    Ok(SetOverride::new("output.traces", value)?.written_as("--traces"))
}

/// Reads `--set PATH=VALUE`; one that another one hides is an error.
pub fn parse_sets(texts: &[String]) -> Result<Vec<SetOverride>, Failure> {
    let sets: Vec<SetOverride> = texts
        .iter()
        .map(|text| text.parse::<SetOverride>().map_err(Failure::from))
        .collect::<Result<_, _>>()?;
    distinct(&sets).map_err(Failure::input)?;
    Ok(sets)
}

/// The scenario at `path`, or the built-in quickstart.
pub fn load(path: Option<&Path>, sets: &[SetOverride]) -> Result<Scenario, Failure> {
    match path {
        Some(path) => Ok(Scenario::load(path, sets)?),
        None => Ok(Scenario::quickstart(sets)?),
    }
}

/// A share written as a percentage: `1%`, `0.5 %`.
pub fn percent(text: &str) -> Result<f64, Failure> {
    let number = text.trim().strip_suffix('%').map(str::trim).and_then(|number| number.parse::<f64>().ok());
    number.filter(|percent| *percent > 0.0 && *percent <= 100.0).map(|percent| percent / 100.0).ok_or_else(
        || {
            Failure::input(format!(
                "`{text}` is not a percentage above 0 and up to 100; hint: as in 1% or 0.5%"
            ))
        },
    )
}

/// The failure of a name that is no judged metric.
pub fn no_such_metric(option: &str, error: &NoMetric) -> Failure {
    let NoMetric::Unjudged(name) = error else {
        return Failure::input(format!("{option}: {error}"));
    };
    let judged = || METRICS.iter().filter(|def| def.better != Better::Neutral);
    let statistics =
        |def: &MetricDef| def.statistics.iter().map(|one| one.name()).collect::<Vec<_>>().join("|");
    let all = judged().map(|def| match def.statistics {
        [] => def.name.to_owned(),
        _ => format!("{}.({})", def.name, statistics(def)),
    });
    let full = judged().flat_map(|def| match def.statistics {
        [] => vec![def.name.to_owned()],
        some => some.iter().map(|one| def.full_name(Some(*one))).collect(),
    });
    let nearest = full.max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
    Failure::input(format!(
        "{option} `{name}` is no metric with a better and a worse; hint: did you mean {}? There are {}",
        nearest.unwrap_or_default(),
        all.collect::<Vec<_>>().join(", ")
    ))
}

/// Number of threads to use: those asked for, or as many as there are processors.
pub fn threads(asked: Option<u16>) -> usize {
    asked.map_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get), usize::from)
}
