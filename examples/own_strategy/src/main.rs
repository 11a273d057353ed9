//! A placement strategy of one's own, in a crate of one's own, compared with first fit on the same worlds.
//!
//! `cargo run --release -- [SCENARIO]` prints paired differences with 95 % intervals and a verdict for each metric.

mod greedy;

use std::error::Error;
use std::path::{Path, PathBuf};

use greedy::Greedy;
use resource_manager::allocator::placement::PlacementStrategy;
use resource_manager::experiment::comparison::{Comparison, Metric, MetricValues, Variant};
use resource_manager::report::comparison_table::comparison_table;
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::simulator::simulation::{Instruments, Simulation};

/// Makes the strategy of a variant; `None`: the one that the scenario names.
type MakeStrategy = fn() -> Option<Box<dyn PlacementStrategy>>;

fn main() -> Result<(), Box<dyn Error>> {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/quickstart.yaml");
    let path = std::env::args().nth(1).map_or(shipped, PathBuf::from);
    let comparison = compare(&path, &["horizon={jobs: 3000}", "warm_up=none", "replications=5"])?;
    println!("{}", comparison_table(&comparison, false));
    Ok(())
}

/// First fit and the strategy of this crate in the same worlds.
fn compare(scenario: &Path, settings: &[&str]) -> Result<Comparison, Box<dyn Error>> {
    let mut sets = settings.iter().map(|set| set.parse()).collect::<Result<Vec<SetOverride>, _>>()?;
    sets.push("allocator.strategy=first_fit".parse()?);
    let scenario = Scenario::load(scenario, &sets)?;
    let variants = [
        variant("first_fit", &scenario, || None)?,
        variant("greedy", &scenario, || Some(Box::<Greedy>::default()))?,
    ];
    let metrics = [
        Metric::higher("fidelity_true.mean"),
        Metric::lower("placement_error_per_qubit.mean"),
        Metric::lower("waiting_time_s.mean"),
        Metric::higher("qubit_utilization"),
    ];
    Ok(Comparison::new(&metrics, &variants, 0, scenario.seed)?)
}

/// Runs all replications of a variant. Replication r is the same world for all of them.
fn variant(name: &str, scenario: &Scenario, strategy: MakeStrategy) -> Result<Variant, Box<dyn Error>> {
    let mut replications = Vec::new();
    for number in 0..scenario.replications {
        let instruments = Instruments { strategy: strategy(), ..Instruments::default() };
        let observer = Simulation::new(scenario, number, instruments)?.run()?.observer;
        if observer.auditor.total() > 0 {
            return Err(format!("{name} broke a promise: {:?}", observer.auditor.violations()).into());
        }
        let values = observer.metrics.summary().into_iter().map(|metric| (metric.name, metric.value));
        replications.push(values.collect::<MetricValues>());
    }
    Ok(Variant::new(name, replications))
}

#[cfg(test)]
mod tests {
    use resource_manager::experiment::statistics::Verdict;

    use super::*;

    /// The fleet of the quickstart, every shape included; the auditor watches.
    #[test]
    fn greed_places_with_less_error_than_first_fit_and_breaks_no_promise() {
        let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/quickstart.yaml");
        let settings = ["horizon={jobs: 500}", "warm_up=none", "replications=3"];
        let comparison = compare(&scenario, &settings).unwrap();
        let row = comparison.rows.iter().find(|row| row.metric == "placement_error_per_qubit.mean").unwrap();
        assert_eq!(row.verdict, Some(Verdict::Better), "{row:?}");

        let again = compare(&scenario, &settings).unwrap();
        assert_eq!(comparison, again, "the same answers whenever it is asked");
    }
}
