//! From a file to a checked scenario: what needs more than one key to be judged.
//!
//! Promises that every problem names the key it is about. Leaves the form of single values to their types.

pub(super) mod devices;
mod fleet;
mod jobs;
mod problem;
mod replay;
mod tenants;
mod workload;

use std::collections::BTreeMap;
use std::path::Path;

use super::file::{Horizon, ScenarioFile, WarmUp};
use super::{
    CalibrationMode, CalibrationPlan, Comparison, DrainLimit, FleetDevice, Measure, Output, Scenario, Target,
};
use crate::allocator::config::Retry;
use crate::config_file::shown::{choices, crop};
use crate::forward::Estimates;
use crate::observe::metrics::Metric;
use crate::quantum::DeviceId;
use crate::quantum::device::DeviceSpec;
use crate::quantum::hardware::HardwareConfig;
use crate::quantum::hardware::drift::DriftModel;
use crate::quantum::hardware::failures::{FailureConfig, FailureError, FailureModel};
use crate::random::{Purpose, StreamFamily};
use crate::simulator::workload::distribution::Sampler;
use crate::simulator::workload::{Source, Workload};
use crate::time::{Span, Time};
use devices::DeviceNames;
use problem::{Problem, SHORTEST, too_short};

/// Most arrivals that a scenario may expect: about a day of computing.
const MAX_ARRIVALS: f64 = 1e10;

/// How long a run of generated jobs drains unless the scenario says otherwise. Recorded jobs are known to be so many, and
/// mostly wanted to the last.
const LONGEST_DRAIN: Span = Span::from_secs(30 * 86_400);

/// Shortest interval between two attempts of a waiting job.
const SHORTEST_RETRY: Span = Span::from_millis(1);

/// Most rows per device of a timeline.
const MAX_TIMELINE_ROWS: u64 = 10_000_000;

/// Checks everything and fills in the defaults.
pub(super) fn scenario(mut file: ScenarioFile, base_dir: &Path) -> Result<Scenario, Problem> {
    name(&file)?;
    if file.replications == 0 || file.replications > 1_000_000 {
        let message = format!("replications is {}; hint: from 1 to 1,000,000", file.replications);
        return Err(Problem::new("replications", message));
    }
    if let Some(asked) = file.horizon {
        horizon(asked, file.warm_up)?;
    }
    let fleet = fleet::fleet(&file.fleet, base_dir)?;
    let names = DeviceNames::new(&fleet, &file.aliases)?;
    let weights = names.weights(&file.allocator.weights, "allocator.weights")?;
    let charge_weights = names.weights(&file.allocator.charge_weights, "allocator.charge_weights")?;
    workload::expand(&mut file.workload);
    let workload = match replay::replay(&file.workload, names, &file.hardware.runtime, base_dir)? {
        Some(replay) => Workload { sources: Vec::new(), replay: Some(replay) },
        None => workload::workload(&file.workload, names, &file.allocator.tenants, base_dir)?,
    };
    let asked = match (file.horizon, &workload.replay) {
        (Some(asked), _) => asked,
        (None, Some(replay)) => Horizon::Jobs(replay.len() as u64),
        (None, None) => {
            return Err(Problem::new("", "the key `horizon` is missing")
                .hint("as in horizon: {time: 7d}, or horizon: {jobs: 20000}"));
        }
    };
    file.allocator.weights = weights;
    file.allocator.charge_weights = charge_weights;
    file.horizon = Some(asked);
    horizon(asked, file.warm_up)?;
    let hardware = hardware(&file, &fleet)?;
    replay::check_run_times(&file.workload, &workload, &hardware.runtime)?;
    workload::check_run_times(&file.workload, &hardware.runtime)?;
    if let Retry::Every(span) = file.allocator.retry
        && span < SHORTEST_RETRY
    {
        let message = format!("the time between two attempts is {span}, the shortest is {SHORTEST_RETRY}");
        return Err(Problem::new("allocator.retry", message));
    }
    file.allocator
        .validate()
        .map_err(|error| Problem::new(format!("allocator.{}", error.key()), error.to_string()))?;
    let calibration = CalibrationPlan {
        mode: file.calibration.mode,
        interval: file.calibration.interval,
        duration: Sampler::new(&file.calibration.duration)
            .map_err(|error| Problem::new("calibration.duration", error.to_string()))?,
        staggered: file.calibration.staggered,
        on_request: file.calibration.on_request,
    };
    if calibration.on_request && calibration.mode == CalibrationMode::Off {
        return Err(Problem::new(
            "calibration.on_request",
            "there are no calibrations to ask for with mode off",
        )
        .hint("mode: drain"));
    }
    if let Some(interval) = calibration.interval.filter(|interval| *interval < SHORTEST) {
        return Err(too_short("calibration.interval", "the time between calibrations", interval));
    }
    let drain = file.drain.unwrap_or(matches!(asked, Horizon::Jobs(_)));
    let output = output(&file, asked, &workload)?;
    if let Horizon::Time(span) = asked {
        // Those that come all at once have no rate.
        let at_once = |source: &Source| Some(source.arrivals.total()? as f64 * source.mix.jobs_per_arrival());
        let at_once: f64 = workload.sources.iter().filter_map(at_once).sum();
        let expected = rate_per_s(&workload) * span.as_secs_f64() + at_once;
        if expected > MAX_ARRIVALS {
            let message = format!(
                "about {expected:.0} jobs would arrive within the horizon; hint: at most {MAX_ARRIVALS:.0}"
            );
            return Err(Problem::new("workload.arrivals", message));
        }
    }
    let targets = targets(&file, &fleet)?;
    let drain_limit = file.drain_limit.unwrap_or(match &workload.replay {
        Some(_) => DrainLimit::None,
        None => DrainLimit::Time(LONGEST_DRAIN),
    });
    if file.drain_limit.is_some() && !drain {
        let problem = Problem::new("drain_limit", "the run does not drain: it ends at its horizon");
        return Err(problem.hint("drain: true"));
    }
    file.drain = Some(drain);
    file.drain_limit = Some(drain_limit).filter(|_| drain);
    file.output.timeline_every = Some(output.timeline_every);
    let resolved = serde_json::to_value(&file)
        .map_err(|error| Problem::new("", format!("the scenario cannot be written: {error}")))?;
    Ok(Scenario {
        name: file.scenario,
        description: file.description,
        seed: file.seed,
        replications: file.replications,
        start: file.start,
        horizon: asked,
        drain,
        drain_limit,
        warm_up: file.warm_up,
        fleet,
        workload,
        allocator: file.allocator,
        hardware,
        failures: file.hardware.failures,
        calibration,
        output,
        targets,
        on_inconclusive: file.targets.on_inconclusive,
        sections: BTreeMap::new(),
        resolved,
    })
}

/// The targets, whose devices must be of the fleet and whose metrics must be measured.
fn targets(file: &ScenarioFile, fleet: &[FleetDevice]) -> Result<Vec<Target>, Problem> {
    let mut targets = Vec::new();
    for (name, (measure, bound)) in &file.targets.bounds {
        let problem = |message: String| Problem::new(format!("targets.{name}"), message);
        match measure {
            Measure::Simulated { device: Some(device), .. } => {
                let known: Vec<&str> = fleet.iter().map(|one| one.spec.name.as_str()).collect();
                if !known.contains(&device.as_str()) {
                    return Err(problem(format!("no device `{device}` in the fleet")).hint(choices(
                        device,
                        "devices are",
                        &known,
                    )));
                }
            }
            Measure::WallClock(..) if bound.comparison == Comparison::Equal => {
                return Err(problem(format!("`{name}` is measured and never equals a number"))
                    .hint("as in \"< 1000\""));
            }
            Measure::Simulated { def, .. } => {
                let off = match def.metric {
                    Metric::FidelityPredicted | Metric::FidelityTrue | Metric::FidelityGap
                        if !file.output.fidelity =>
                    {
                        Some("fidelity")
                    }
                    Metric::Fragmentation if !file.output.fragmentation => Some("fragmentation"),
                    metric if metric.is_of_estimates() && file.output.estimates.is_none() => {
                        return Err(problem(format!("`{name}` is not measured without output.estimates"))
                            .hint("output: {estimates: {}}"));
                    }
                    _ => None,
                };
                if let Some(key) = off {
                    return Err(problem(format!("`{name}` is not measured with output.{key}: false"))
                        .hint(format!("output: {{{key}: true}}")));
                }
            }
            Measure::WallClock(..) => {}
        }
        targets.push(Target { measure: measure.clone(), bound: *bound, line: None });
    }
    Ok(targets)
}

fn name(file: &ScenarioFile) -> Result<(), Problem> {
    let name = &file.scenario;
    let ok = name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    if ok {
        return Ok(());
    }
    let shown = crop(name);
    Err(Problem::new("scenario", format!("`{shown}` is no name for a scenario"))
        .hint("up to 64 letters, digits, `-` and `_`, because it becomes the name of a folder"))
}

fn horizon(asked: Horizon, warm_up: WarmUp) -> Result<(), Problem> {
    match asked {
        Horizon::Time(Span::ZERO) => return Err(Problem::new("horizon", "the horizon is zero")),
        Horizon::Jobs(jobs) if jobs as f64 > MAX_ARRIVALS => {
            let message = format!("{jobs} jobs are more than can be simulated; hint: at most 10,000,000,000");
            return Err(Problem::new("horizon", message));
        }
        Horizon::Jobs(0) => {
            return Err(Problem::new("horizon", "the horizon is zero jobs; hint: at least 1"));
        }
        _ => {}
    }
    let covered = match (asked, warm_up) {
        (Horizon::Time(horizon), WarmUp::Time(warm_up)) => warm_up >= horizon,
        (Horizon::Jobs(horizon), WarmUp::Jobs(warm_up)) => warm_up >= horizon,
        _ => false,
    };
    if covered {
        return Err(Problem::new("warm_up", "the warm-up leaves nothing of the horizon"));
    }
    Ok(())
}

fn hardware(file: &ScenarioFile, fleet: &[FleetDevice]) -> Result<HardwareConfig, Problem> {
    let config = HardwareConfig {
        drift: file.hardware.drift.clone(),
        crosstalk: file.hardware.crosstalk,
        runtime: file.hardware.runtime.clone(),
    };
    for device in fleet {
        config
            .runtime
            .on(&device.spec)
            .map_err(|error| Problem::new("hardware.runtime", error.to_string()))?;
    }
    if !(config.crosstalk.strength.is_finite() && config.crosstalk.strength >= 0.0) {
        let message = format!("strength is {}; hint: a number of 0 or more", config.crosstalk.strength);
        return Err(Problem::new("hardware.crosstalk.strength", message));
    }
    if config.drift.enabled && config.drift.step < SHORTEST {
        return Err(too_short("hardware.drift.step", "a step of the drift", config.drift.step));
    }
    for (entry, failure) in file.hardware.failures.iter().enumerate() {
        let (key, interval) = match failure {
            FailureConfig::At(_) => continue,
            FailureConfig::Every(every) => ("every.interval", every.interval),
            FailureConfig::Mtbf(mtbf) => {
                ("mtbf.mean_time_between", mtbf.mean_time_between.unwrap_or(SHORTEST))
            }
            FailureConfig::Flapping(flapping) => {
                ("flapping.mean_time_between", flapping.mean_time_between.min(flapping.up))
            }
        };
        if interval < SHORTEST {
            let path = format!("hardware.failures.{entry}.{key}");
            return Err(too_short(&path, "the time between failures", interval));
        }
    }
    if let Some(device) = fleet.first() {
        let streams = StreamFamily::new(file.seed, 0, Purpose::Drift);
        DriftModel::new(&config.drift, streams, device.id, device.spec.calibration.clone())
            .map_err(|error| Problem::new("hardware.drift", error.to_string()))?;
    }
    let devices: Vec<(DeviceId, &DeviceSpec)> =
        fleet.iter().map(|device| (device.id, &*device.spec)).collect();
    FailureModel::new(&file.hardware.failures, &devices).map_err(|error| {
        let entry = match error {
            FailureError::UnknownDevice { entry, .. }
            | FailureError::UnknownQubit { entry, .. }
            | FailureError::UnknownCoupler { entry, .. }
            | FailureError::OutOfRange { entry, .. } => entry,
        };
        Problem::new(format!("hardware.failures.{entry}"), error.to_string())
    })?;
    Ok(config)
}

/// Jobs per second of all sources, over a long time.
fn rate_per_s(workload: &Workload) -> f64 {
    let rate = |source: &Source| source.arrivals.mean_rate_per_s() * source.mix.jobs_per_arrival();
    workload.sources.iter().map(rate).sum()
}

/// How long jobs come, from the first one on; roughly, where they are drawn.
fn length(horizon: Horizon, workload: &Workload) -> Span {
    match (horizon, &workload.replay) {
        (Horizon::Time(span), _) => span,
        (Horizon::Jobs(jobs), Some(replay)) => {
            let last = usize::try_from(jobs).unwrap_or(usize::MAX).min(replay.len()).checked_sub(1);
            let last = last.map_or(Time::ZERO, |last| replay.jobs()[last].at);
            // What nobody comes in at the beginning would leave no samples for the rest.
            last.since(replay.jobs().first().map_or(Time::ZERO, |job| job.at))
        }
        (Horizon::Jobs(jobs), None) => {
            let rate = rate_per_s(workload);
            if rate > 0.0 { Span::from_secs_f64(jobs as f64 / rate) } else { Span::ZERO }
        }
    }
}

/// Time between two samples of a run that ends with its jobs: about a five-hundredth of the time in which they come, a
/// round number, so that a run of a minute has a timeline as well as one of a year. Where all jobs come at once, how
/// long they take is not known; the simulation samples less and less often as a run goes on.
fn sampling_of(length: Span) -> Span {
    const SAMPLES: u64 = 500;
    const UNKNOWN: Span = Span::from_secs(10);
    const SHORTEST: Span = Span::from_millis(1);
    if length == Span::ZERO { UNKNOWN } else { round_down(Span(length.0 / SAMPLES)).max(SHORTEST) }
}

/// The longest of 1, 2 and 5 times a power of ten nanoseconds that is no longer, or as many seconds, minutes and hours
/// as people count in.
fn round_down(span: Span) -> Span {
    const COUNTED: [u64; 12] = [1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1_200, 1_800];
    let second = 1_000_000_000;
    let hour = 3_600 * second;
    if span.0 >= hour {
        return Span(span.0 / hour * hour);
    }
    if span.0 >= second {
        let fitting = COUNTED.into_iter().rev().find(|seconds| seconds * second <= span.0);
        return Span(fitting.unwrap_or(1) * second);
    }
    let power = 10_u64.pow(span.0.max(1).ilog10());
    let first = span.0.max(1) / power;
    Span(power * if first >= 5 { 5 } else { first.min(2) })
}

fn output(file: &ScenarioFile, horizon: Horizon, workload: &Workload) -> Result<Output, Problem> {
    let length = length(horizon, workload);
    let timeline_every = match (file.output.timeline_every, horizon) {
        (Some(every), _) => every,
        (None, Horizon::Time(span)) => Span((span.0 / 1_000).max(1)),
        (None, Horizon::Jobs(_)) => sampling_of(length),
    };
    if timeline_every == Span::ZERO {
        return Err(Problem::new("output.timeline_every", "the time between rows of the timeline is zero"));
    }
    if length.0 / timeline_every.0 > MAX_TIMELINE_ROWS {
        let message =
            format!("a row every {timeline_every} makes more than {MAX_TIMELINE_ROWS} rows in {length}");
        return Err(Problem::new("output.timeline_every", message));
    }
    let estimates = file.output.estimates;
    if let Some(Estimates { every, draws, horizon }) = estimates {
        if horizon == Span::ZERO {
            return Err(Problem::new("output.estimates.horizon", "futures of no time tell nothing"));
        }
        if every < Span::from_secs(1) {
            let message = format!("{every} between two rounds of estimates is less than 1s");
            return Err(Problem::new("output.estimates.every", message));
        }
        if !(10..=1000).contains(&draws) {
            let message = format!("{draws} futures are not from 10 to 1000");
            return Err(Problem::new("output.estimates.draws", message));
        }
    }
    Ok(Output {
        traces: file.output.traces,
        timeline_every,
        events: file.output.events,
        journal: file.output.journal,
        plots: file.output.plots,
        fidelity: file.output.fidelity,
        fragmentation: file.output.fragmentation,
        estimates,
    })
}
