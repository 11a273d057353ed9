//! The length of a warm-up, found by a pilot run.
//!
//! Promises a cut by MSER-5 on the waiting times of the pilot's jobs in the order of their submission, or a refusal
//! when the run is too short for one. Replications after the pilot start anew; the pilot itself counts nowhere.

use super::run::{RunError, Settings, run_range};
use super::statistics::warm_up;
use crate::simulator::scenario::{Scenario, WarmUp};
use crate::time::{Span, Time};

/// Why no warm-up was found.
#[derive(Debug, thiserror::Error)]
pub enum WarmUpError {
    /// The pilot failed.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The waiting times never settle.
    #[error(
        "warm_up: auto finds no end of the warm-up: by MSER-5 it would take more than half of the {jobs} jobs that \
         started; hint: a longer horizon, less load, or warm_up: {{time: ...}}"
    )]
    Unsettled {
        /// Jobs of the pilot that started.
        jobs: usize,
    },
}

/// Replaces `warm_up: auto` by what a pilot run of all the scenarios finds: the longest warm-up that one of them needs,
/// so that variants are measured over the same time. `None` when no scenario asks for it.
pub fn resolve<'s>(
    scenarios: impl IntoIterator<Item = &'s mut Scenario>,
    threads: usize,
) -> Result<Option<Span>, WarmUpError> {
    let mut asking: Vec<&mut Scenario> =
        scenarios.into_iter().filter(|scenario| scenario.warm_up == WarmUp::Auto).collect();
    let mut longest = None;
    for scenario in &asking {
        longest = longest.max(Some(pilot(scenario, threads)?));
    }
    if let Some(span) = longest {
        for scenario in &mut asking {
            scenario.warm_up = if span == Span::ZERO { WarmUp::None } else { WarmUp::Time(span) };
        }
    }
    Ok(longest)
}

/// Runs the first replication and finds where its waiting times have settled.
fn pilot(scenario: &Scenario, threads: usize) -> Result<Span, WarmUpError> {
    let settings = Settings { threads, sinks: &|_| Ok(None), collect: true, timing: false, progress: None };
    let replications = run_range(scenario, 0..1, &settings)?;
    let jobs = replications.into_iter().filter_map(|replication| replication.collected);
    let mut waits: Vec<(Time, f64)> = jobs
        .flat_map(|collected| collected.jobs)
        .filter_map(|job| Some((job.submitted, job.waited?.as_secs_f64())))
        .collect();
    waits.sort_by_key(|(submitted, _)| *submitted);
    let series: Vec<f64> = waits.iter().map(|(_, wait)| *wait).collect();
    let cut = warm_up(&series).ok_or(WarmUpError::Unsettled { jobs: series.len() })?;
    let until = waits.get(cut).filter(|_| cut > 0);
    Ok(until.map_or(Span::ZERO, |(submitted, _)| submitted.since(Time::ZERO)))
}
