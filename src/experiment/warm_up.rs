//! The length of a warm-up, found by a pilot run.
//!
//! Promises a cut by MSER-5 on how many jobs every job of the pilot meets in the system when it arrives, waiting or
//! running, or a refusal when the run is too short for one. That number moves where nobody waits, and it is known of jobs
//! that never start. Replications after the pilot start anew; the pilot itself counts nowhere.

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
    /// The number of jobs in the system never settles.
    #[error(
        "warm_up: auto finds no end of the warm-up: by MSER-5 on the number of jobs in the system it would take more than \
         half of the {jobs} jobs; hint: a longer horizon, less load, or warm_up: {{time: ...}}"
    )]
    Unsettled {
        /// Jobs of the pilot.
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

/// Runs the first replication and finds where the number of jobs in the system has settled.
fn pilot(scenario: &Scenario, threads: usize) -> Result<Span, WarmUpError> {
    let settings = Settings { threads, sinks: &|_| Ok(None), collect: true, timing: false, progress: None };
    let replications = run_range(scenario, 0..1, &settings)?;
    let met = replications.into_iter().filter_map(|replication| replication.collected);
    end_of(&met.flat_map(|collected| collected.met).collect::<Vec<_>>())
}

/// At least one job in so many meets another in a system whose filling up can be seen at all.
const ONE_COMPANY_IN: usize = 20;

/// When the system has settled, given what every job met when it arrived.
fn end_of(met: &[(Time, u32)]) -> Result<Span, WarmUpError> {
    let company = met.iter().filter(|(_, jobs)| *jobs > 0).count();
    if company * ONE_COMPANY_IN < met.len() {
        // Nearly everybody finds the system empty, from the first job on: it begins as it goes on.
        return Ok(Span::ZERO);
    }
    let series: Vec<f64> = met.iter().map(|(_, jobs)| f64::from(*jobs)).collect();
    let cut = warm_up(&series).ok_or(WarmUpError::Unsettled { jobs: series.len() })?;
    let until = met.get(cut).filter(|_| cut > 0);
    Ok(until.map_or(Span::ZERO, |(submitted, _)| submitted.since(Time::ZERO)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settled(jobs: impl IntoIterator<Item = u32>) -> Option<u64> {
        let met: Vec<(Time, u32)> =
            (0..).map(|second| Time::ZERO + Span::from_secs(second)).zip(jobs).collect();
        end_of(&met).ok().map(|span| span.0 / 1_000_000_000)
    }

    /// Noise without a generator: the last bits of a multiplicative congruence.
    fn noise(index: u32) -> u32 {
        index.wrapping_mul(2_654_435_761) >> 30
    }

    #[test]
    fn a_system_that_fills_up_settles_when_it_is_full() {
        let filling = (0..1_000).map(|index| index.min(100) + noise(index));
        let end = settled(filling).unwrap();
        assert!((80..=130).contains(&end), "{end}");
        assert_eq!(settled(0..1_000), None, "a queue that grows all the time");
    }

    #[test]
    fn a_system_that_is_nearly_always_empty_has_no_warm_up() {
        assert_eq!(settled([0; 1_000]), Some(0));
        // All the company there is comes late: the first half is no warm-up for that.
        assert_eq!(settled((0..1_000).map(|index| u32::from(index > 960))), Some(0));
    }

    #[test]
    fn a_quiet_end_is_not_taken_for_the_only_settled_part() {
        // Thirty jobs in a row that meet nobody, at the very end of an unchanging coming and going.
        let quiet = (0..1_000).map(|index| if index < 970 { noise(index) % 2 } else { 0 });
        assert!(settled(quiet).is_some_and(|end| end < 500));
    }
}
