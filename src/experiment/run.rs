//! Runs the replications of a scenario, in parallel, each for itself.
//!
//! Promises the same results for any number of threads: replications share nothing, and are collected by number.
//! Leaves files to [`super::folder`].

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::accounts::Accounts;
use super::notes::{Course, all_alike, remark, starved};
use super::statistics::{Interval, LEVEL_95, mean, mean_interval};
use super::timing::{Stopwatch, Timing};
use crate::allocator::placement::memory::MemoryUse;
use crate::observe::auditor::Violation;
use crate::observe::journal;
use crate::observe::metrics::{Metric, MetricDef, MetricValue};
use crate::simulator::scenario::Scenario;
use crate::simulator::simulation::{Collected, Instruments, Simulation, SimulationError};
use crate::simulator::traces::{Sink, Sinks, Traces};
use crate::simulator::wait_tally::WaitTally;
use crate::time::Time;

/// Makes the sinks of the traces of a replication; `None` for no traces.
pub type MakeSinks<'a> = dyn Fn(u32) -> io::Result<Option<Sinks>> + Sync + 'a;

/// Makes the sink of the journal of a replication; `None` for no journal.
pub type MakeJournal<'a> = dyn Fn(u32) -> io::Result<Option<Sink>> + Sync + 'a;

/// How to run.
pub struct Settings<'a> {
    /// Threads; replications are spread over them.
    pub threads: usize,
    /// Where traces go.
    pub sinks: &'a MakeSinks<'a>,
    /// Whether the first replication keeps what plots need.
    pub collect: bool,
    /// Whether wall-clock time is measured.
    pub timing: bool,
    /// Told from time to time: jobs that have arrived in all replications, and the latest simulated time.
    pub progress: Option<&'a (dyn Fn(u64, Time) + Sync)>,
}

/// One replication that has run.
#[derive(Debug)]
pub struct Replication {
    /// Its number, from 0.
    pub number: u32,
    /// All metrics of the fleet.
    pub summary: Vec<MetricValue>,
    /// The metrics of each device.
    pub per_device: Vec<MetricValue>,
    /// How it went.
    pub course: Course,
    /// Simulated time of its end.
    pub ended: Time,
    /// Promises that the core broke, as far as they were kept.
    pub violations: Vec<Violation>,
    /// How many it broke.
    pub violations_total: u64,
    /// Wall-clock figures.
    pub timing: Option<Timing>,
    /// What placement searches remembered.
    pub search_memory: MemoryUse,
    /// The accounts of its tenants, if anything was measured.
    pub accounts: Option<Accounts>,
    /// For what its jobs waited.
    pub waits: WaitTally,
    /// What plots need.
    pub collected: Option<Collected>,
}

/// A metric over the replications.
#[derive(Debug, Clone)]
pub struct MetricSummary {
    /// Its name.
    pub name: String,
    /// Its definition.
    pub def: &'static MetricDef,
    /// Mean over the replications that observed it.
    pub mean: Option<f64>,
    /// 95 % t interval of the mean; `None` with one replication, and where all are alike because nothing is random.
    pub ci95: Option<Interval>,
    /// Why the value is not what its name says, if it is not: `not measured`, `survivors only`.
    pub remark: Option<String>,
}

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A replication failed.
    #[error("replication {replication}: {source}")]
    Simulation {
        /// Which one.
        replication: u32,
        /// Why.
        source: Box<SimulationError>,
    },
    /// The threads could not be started.
    #[error("cannot start {0} threads")]
    Threads(usize),
}

/// Runs all replications of a scenario.
pub fn run(scenario: &Scenario, settings: &Settings<'_>) -> Result<Vec<Replication>, RunError> {
    run_range(scenario, 0..scenario.replications, settings)
}

/// As [`run`], and writes journals.
pub fn run_with_journal(
    scenario: &Scenario,
    settings: &Settings<'_>,
    journal: &MakeJournal<'_>,
) -> Result<Vec<Replication>, RunError> {
    run_all(scenario, 0..scenario.replications, settings, journal)
}

/// Runs the replications with these numbers, whatever the number of replications of the scenario is.
pub fn run_range(
    scenario: &Scenario,
    numbers: Range<u32>,
    settings: &Settings<'_>,
) -> Result<Vec<Replication>, RunError> {
    run_all(scenario, numbers, settings, &|_| Ok(None))
}

fn run_all(
    scenario: &Scenario,
    numbers: Range<u32>,
    settings: &Settings<'_>,
    journal: &MakeJournal<'_>,
) -> Result<Vec<Replication>, RunError> {
    // More threads than replications have nothing to do.
    let threads = settings.threads.clamp(1, numbers.len().max(1));
    let arrived = AtomicU64::new(0);
    let one = |number| {
        replication(scenario, number, settings, &arrived, journal)
            .map_err(|source| RunError::Simulation { replication: number, source: Box::new(source) })
    };
    if threads == 1 {
        // A caller's own pool would do other work of the caller's while it waits for this one, one on top of the other,
        // until its stack is full.
        return numbers.map(one).collect();
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool.map_err(|_| RunError::Threads(threads))?;
    pool.install(|| numbers.into_par_iter().map(one).collect())
}

/// Runs one replication without traces and clocks: its metrics are all there is.
pub fn run_one(scenario: &Scenario, number: u32) -> Result<Replication, RunError> {
    let settings =
        Settings { threads: 1, sinks: &|_| Ok(None), collect: false, timing: false, progress: None };
    replication(scenario, number, &settings, &AtomicU64::new(0), &|_| Ok(None))
        .map_err(|source| RunError::Simulation { replication: number, source: Box::new(source) })
}

fn replication(
    scenario: &Scenario,
    number: u32,
    settings: &Settings<'_>,
    arrived: &AtomicU64,
    journal: &MakeJournal<'_>,
) -> Result<Replication, SimulationError> {
    let traces = match (settings.sinks)(number)? {
        Some(sinks) => {
            let fleet = scenario.fleet.iter();
            let fleet = fleet.map(|d| (d.spec.name.clone(), d.spec.coupling_map.qubits() as u32));
            let templates = scenario.workload.template_names();
            Some(Traces::new(number, fleet, templates, &scenario.allocator, sinks, number == 0)?)
        }
        None => None,
    };
    let mut watch = settings.timing.then(Stopwatch::default);
    let reported = std::cell::Cell::new(0);
    let progress = |jobs: u64, now: Time| {
        let more = jobs - reported.replace(jobs);
        let all = arrived.fetch_add(more, Ordering::Relaxed) + more;
        if let Some(progress) = settings.progress {
            progress(all, now);
        }
    };
    let wrapper = watch.as_ref().map(Stopwatch::wrapper);
    let journal = match journal(number)? {
        Some(sink) => Some(journal::Writer::new(&journal_header(scenario, number), sink)?),
        None => None,
    };
    let instruments = Instruments {
        traces,
        journal,
        probe: watch.as_mut().map(|watch| watch as &mut dyn crate::simulator::simulation::Probe),
        strategy: None,
        selector: None,
        watch: None,
        alter: None,
        wrap_strategy: wrapper,
        collect: settings.collect && number == 0,
        estimate_threads: (settings.threads / scenario.replications.max(1) as usize).max(1),
        progress: Some(&progress),
    };
    let outcomes = Simulation::new(scenario, number, instruments)?.run()?;
    if let Some(traces) = outcomes.traces {
        traces.finish()?;
    }
    let observer = &outcomes.observer;
    let measured = |values: Vec<MetricValue>| match outcomes.warmed_up {
        true => values,
        false => values.into_iter().map(without_measurement).collect(),
    };
    let summary = measured(observer.metrics.summary());
    let per_device = measured(observer.metrics.summary_per_device());
    let mut course = Course::new(
        outcomes.ending,
        outcomes.warmed_up,
        (outcomes.arrivals, outcomes.unfinished),
        observer.metrics.fates(),
        outcomes.ended,
        summary.iter().chain(&per_device),
    );
    course.kept = outcomes.kept;
    let mean_wait_s = observer.metrics.value("waiting_time_s.mean");
    course.starved = starved(scenario, observer.metrics.overtaken(), mean_wait_s);
    let accounts = observer.metrics.accounts().zip(observer.metrics.capacity());
    let accounts = accounts.map(|(tenants, capacity)| Accounts { tenants, capacity });
    Ok(Replication {
        number,
        summary,
        per_device,
        course,
        ended: outcomes.ended,
        violations: observer.auditor.violations().to_vec(),
        violations_total: observer.auditor.total(),
        timing: watch.map(|watch| watch.stop(outcomes.arrivals, outcomes.estimates)),
        accounts: accounts.filter(|_| outcomes.warmed_up),
        waits: outcomes.waits,
        collected: outcomes.collected,
        search_memory: outcomes.search_memory,
    })
}

/// The value of a run that ended in its warm-up: none, not 0, but for what is counted in the warm-up, too.
fn without_measurement(value: MetricValue) -> MetricValue {
    let counted = value.def.metric == Metric::IsolationViolations;
    MetricValue { value: value.value.filter(|_| counted), ..value }
}

/// Why a metric has no value although something was measured, where that needs saying.
fn lacking(metric: Metric) -> Option<&'static str> {
    match metric {
        Metric::JainFairness => Some("fewer than two projects used anything that counts"),
        metric if metric.is_of_estimates() => Some("no start was estimated"),
        Metric::ShareGap => Some("no two siblings with shares had jobs waiting half of the time"),
        _ => None,
    }
}

/// How all replications went, in their order.
pub fn courses(replications: &[Replication]) -> Vec<Course> {
    replications.iter().map(|replication| replication.course).collect()
}

/// What placement searches remembered in all replications: all requests, and the largest sizes.
pub fn search_memory(replications: &[Replication]) -> MemoryUse {
    let all = replications.iter().map(|replication| replication.search_memory);
    all.fold(MemoryUse::default(), MemoryUse::or)
}

/// What a journal of a replication says of itself.
fn journal_header(scenario: &Scenario, replication: u32) -> journal::Header {
    journal::Header {
        journal: journal::VERSION,
        program: super::version::VERSION.to_owned(),
        scenario: scenario.name.clone(),
        scenario_hash: blake3::Hash::from(scenario.digest()).to_hex().to_string(),
        seed: scenario.seed,
        replication,
        allocator: scenario.allocator.clone(),
    }
}

/// The mean and interval of every metric over replications; `pick` chooses fleet or device values.
pub fn summarize(
    replications: &[Replication],
    pick: impl Fn(&Replication) -> &[MetricValue],
) -> Vec<MetricSummary> {
    let Some(first) = replications.first() else { return Vec::new() };
    let courses = courses(replications);
    // Copies of one observation are no sample, and equal values say nothing of how they scatter: an interval of width 0
    // would pretend to know what one does not.
    let alike = all_alike(&courses);
    let scatters = |interval: &Interval| interval.low < interval.high;
    let summary = |(index, value): (usize, &MetricValue)| {
        let observed = replications.iter().filter_map(|replication| pick(replication).get(index)?.value);
        let observed: Vec<f64> = observed.collect();
        MetricSummary {
            name: value.name.clone(),
            def: value.def,
            mean: mean(&observed),
            ci95: mean_interval(&observed, LEVEL_95).filter(|interval| !alike && scatters(interval)),
            remark: remark(value.def.metric, &courses)
                .or_else(|| lacking(value.def.metric).filter(|_| observed.is_empty()).map(str::to_owned)),
        }
    };
    pick(first).iter().enumerate().map(summary).collect()
}
