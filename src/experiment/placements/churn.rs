//! A device on which jobs come and go: the states in which a resource manager has to place, one per step.
//!
//! Promises the same states from the same seed, whatever the clock says: states are made once, searches are timed on
//! them afterwards. Each step, while more than a share of the usable qubits is held, a random job leaves; a random
//! shape is placed on what is free; if it is proved infeasible a random job leaves.

use std::time::Duration;

use rand::RngExt;

use super::file::{InstanceFile, pattern_of};
use super::measure::Outcome;
use super::summary::Quantiles;
use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::{PlacementOutcome, PlacementRequest, PlacementStrategy};
use crate::experiment::cpu_clock::CpuClock;
use crate::quantum::QubitSet;
use crate::random::{Purpose, StreamFamily};

/// Shapes for every lattice; `rand10` and `rand20` are connected subgraphs of the device itself.
const SHAPES: [&str; 9] =
    ["line5", "line10", "line20", "star4", "treeT6", "treeH7", "ring12", "rand10@", "rand20@"];
/// Shapes for square lattices.
const SQUARE: [&str; 2] = ["grid2x3", "ring4"];
/// Shapes for heavy-hex lattices.
const HEAVY_HEX: [&str; 1] = ["guad16"];

/// How busy the device is.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Churn {
    /// Share of the usable qubits above which jobs leave.
    pub share: f64,
    /// Idle qubits between any two jobs.
    pub buffer: u32,
    /// Number of steps.
    pub steps: usize,
    /// Root of all choices.
    pub seed: u64,
    /// Search steps per placement.
    pub budget: u64,
}

/// One state: what is free, and what is to be placed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// What may be used.
    pub free: QubitSet,
    /// Index of the pattern.
    pub pattern: usize,
    /// The answer that led to the next state.
    pub outcome: Outcome,
}

/// All states of one run.
#[derive(Debug, Clone, PartialEq)]
pub struct States {
    /// In order.
    pub states: Vec<State>,
    /// Mean share of the usable qubits that is held when a shape arrives.
    pub occupancy: f64,
}

/// Names of the shapes for a device of a file; `Err` with the names that the file lacks.
pub fn shapes(file: &InstanceFile, device: &str) -> Result<Vec<String>, Vec<String>> {
    let square = file.devices.get(device).is_some_and(|device| device.girth == Some(4));
    let own: &[&str] = if square { &SQUARE } else { &HEAVY_HEX };
    let names = SHAPES.iter().chain(own);
    let names =
        names.map(|name| if name.ends_with('@') { format!("{name}{device}") } else { (*name).to_owned() });
    let (known, missing): (Vec<_>, Vec<_>) = names.partition(|name| file.patterns.contains_key(name));
    if missing.is_empty() { Ok(known) } else { Err(missing) }
}

/// The programs of the given names.
pub fn patterns(file: &InstanceFile, names: &[String]) -> Vec<Pattern> {
    names.iter().filter_map(|name| file.patterns.get(name)).map(pattern_of).collect()
}

impl Churn {
    /// Runs the device and notes every state.
    pub fn states(
        &self,
        epoch: &Epoch,
        patterns: &[Pattern],
        strategy: &mut dyn PlacementStrategy,
    ) -> States {
        let streams = StreamFamily::new(self.seed, 0, Purpose::PlacementChurn);
        let usable = epoch.usable.len();
        let most = (self.share * usable as f64) as usize;
        let mut jobs: Vec<QubitSet> = Vec::new();
        let mut held = QubitSet::new(epoch.qubits());
        let mut states = Vec::with_capacity(self.steps);
        let mut occupied = 0;
        for step in 0..self.steps {
            let mut draw = streams.stream(step as u64, 0);
            while held.len() > most {
                let leaving = jobs.swap_remove(draw.random_range(0..jobs.len()));
                held.subtract(&leaving);
            }
            occupied += held.len();
            let pattern = draw.random_range(0..patterns.len());
            let mut free = epoch.usable.clone();
            free.subtract(&epoch.map.dilate(&held, self.buffer));
            let request = PlacementRequest {
                budget: self.budget,
                ..PlacementRequest::new(epoch, &free, &patterns[pattern])
            };
            let outcome = match strategy.place(&request).outcome {
                PlacementOutcome::Optimal(placement) => {
                    take(&mut jobs, &mut held, &placement.layout);
                    Outcome::Optimal
                }
                PlacementOutcome::Feasible { placement, .. } => {
                    take(&mut jobs, &mut held, &placement.layout);
                    Outcome::Feasible
                }
                PlacementOutcome::ProvedInfeasible => {
                    if !jobs.is_empty() {
                        let leaving = jobs.swap_remove(draw.random_range(0..jobs.len()));
                        held.subtract(&leaving);
                    }
                    Outcome::ProvedInfeasible
                }
                PlacementOutcome::BudgetExhausted => Outcome::BudgetExhausted,
            };
            states.push(State { free, pattern, outcome });
        }
        let places = (usable * self.steps).max(1);
        States { states, occupancy: occupied as f64 / places as f64 }
    }

    /// CPU time of the placement call in every state: the least of `replays` replays of the whole sequence, before
    /// each of which caches are emptied.
    pub fn times(
        &self,
        epoch: &Epoch,
        patterns: &[Pattern],
        states: &States,
        strategy: &mut dyn PlacementStrategy,
        replays: u32,
        clock: &CpuClock,
    ) -> Vec<Duration> {
        let mut least = vec![Duration::MAX; states.states.len()];
        for _ in 0..replays.max(1) {
            strategy.forget();
            for (state, least) in states.states.iter().zip(&mut least) {
                let pattern = &patterns[state.pattern];
                let request = PlacementRequest {
                    budget: self.budget,
                    ..PlacementRequest::new(epoch, &state.free, pattern)
                };
                let (_, took) = clock.time(|| std::hint::black_box(strategy.place(&request)));
                *least = took.min(*least);
            }
        }
        least
    }
}

fn take(jobs: &mut Vec<QubitSet>, held: &mut QubitSet, layout: &[crate::quantum::PhysicalQubit]) {
    let qubits = QubitSet::from_qubits(held.capacity(), layout.iter().copied());
    held.union_with(&qubits);
    jobs.push(qubits);
}

/// Quantiles in microseconds over the states with an outcome that `wanted` accepts.
pub fn quantiles(states: &States, times: &[Duration], wanted: impl Fn(Outcome) -> bool) -> Option<Quantiles> {
    let pairs = states.states.iter().zip(times).filter(|(state, _)| wanted(state.outcome));
    Quantiles::of(pairs.map(|(_, time)| time.as_secs_f64() * 1e6).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::config::Strategy;
    use crate::allocator::placement::strategy;

    const FILE: &str = include_str!("../../../tests/data/placement_instances.json");

    fn file() -> InstanceFile {
        InstanceFile::parse(FILE, "file").unwrap()
    }

    #[test]
    fn jobs_come_and_go_within_their_share_and_apart() {
        let file = file();
        let epoch = &file.devices["fez156"];
        let names = shapes(&file, "fez156").unwrap();
        assert_eq!(names.len(), 10);
        let patterns = patterns(&file, &names);
        let run = |seed, share, buffer| {
            let churn = Churn { share, buffer, steps: 400, seed, budget: 20_000 };
            churn.states(epoch, &patterns, strategy(Strategy::NoiseAware).as_mut())
        };
        let (dense, apart) = (run(1, 0.7, 0), run(1, 0.5, 1));
        assert_eq!(dense, run(1, 0.7, 0), "the same seed gives the same states");
        assert_ne!(dense.states, run(2, 0.7, 0).states);
        assert!((0.5..0.7).contains(&dense.occupancy), "{}", dense.occupancy);
        assert!((0.3..0.5).contains(&apart.occupancy), "{}", apart.occupancy);
        for state in dense.states.iter().chain(&apart.states) {
            assert!(state.free.is_subset(&epoch.usable));
        }
        // Nobody is there at first; afterwards at most 70 % and the job placed last are held.
        assert_eq!(dense.states[0].free, epoch.usable);
        assert!(dense.states.iter().all(|state| state.free.len() * 10 >= epoch.usable.len() * 3));
        assert!(apart.states.iter().any(|state| state.outcome == Outcome::ProvedInfeasible));
    }

    #[test]
    fn every_step_has_a_time_and_quantiles_follow_the_outcomes() {
        let file = file();
        let epoch = &file.devices["fez156"];
        let patterns = patterns(&file, &shapes(&file, "fez156").unwrap());
        let churn = Churn { share: 0.7, buffer: 0, steps: 50, seed: 1, budget: 20_000 };
        let mut strategy = strategy(Strategy::NoiseAware);
        let states = churn.states(epoch, &patterns, strategy.as_mut());
        let times = churn.times(epoch, &patterns, &states, strategy.as_mut(), 2, &CpuClock::new());
        assert!(times.len() == 50 && times.iter().all(|time| *time < Duration::MAX));
        let all = quantiles(&states, &times, |_| true).unwrap();
        assert!(all.p50 <= all.p90 && all.p90 <= all.p99 && all.p99 <= all.max);
        assert_eq!(quantiles(&states, &times, |_| false), None);
    }
}
