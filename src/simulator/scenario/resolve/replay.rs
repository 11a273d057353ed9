//! From the keys `csv`, `swf` and `trace` of a workload to a list of jobs.

use std::path::Path;
use std::sync::Arc;

use super::devices::DeviceNames;
use super::problem::Problem;
use crate::quantum::hardware::runtime::RuntimeModel;
use crate::simulator::scenario::file::replay::{MissingEstimate, SwfJobs};
use crate::simulator::scenario::file::workload::WorkloadFile;
use crate::simulator::scenario::replay::{
    ReplayError, Surroundings, Taken, TraceSettings, read_csv, read_swf, read_trace, with_file,
};
use crate::simulator::workload::replay::Replay;
use crate::simulator::workload::{Chain, Workload};
use crate::time::Span;

/// Reads the jobs to replay, if any are.
pub(super) fn replay(
    file: &WorkloadFile,
    names: DeviceNames<'_>,
    runtime: &RuntimeModel,
    base_dir: &Path,
) -> Result<Option<Arc<Replay>>, Problem> {
    let Some(key) = key(file)? else { return Ok(None) };
    let at = |error: ReplayError| Problem::new(format!("workload.{key}"), error.to_string());
    let replay = if let Some(csv) = &file.csv {
        let taken = Taken {
            missing_estimate: csv.0.missing_estimate,
            ..taken(key, csv.0.limit, csv.0.start_at_first_job, csv.0.time_scale)?
        };
        let surroundings = Surroundings { names: Some(names), base_dir };
        with_file(&base_dir.join(&csv.0.file), |input| read_csv(input, taken, surroundings)).map_err(at)?
    } else if let Some(swf) = &file.swf {
        taken(key, swf.0.limit, swf.0.start_at_first_job, swf.0.time_scale)?;
        if let SwfJobs::Quantum(map) = &swf.0.jobs {
            widths(&map.widths)?;
        }
        with_file(&base_dir.join(&swf.0.file), |input| read_swf(input, &swf.0)).map_err(at)?.0
    } else if let Some(trace) = &file.trace {
        let taken = Taken {
            missing_estimate: trace.0.missing_estimate,
            ..taken(key, trace.0.limit, trace.0.start_at_first_job, trace.0.time_scale)?
        };
        let settings = TraceSettings {
            replication: trace.0.replication,
            lost_shapes: trace.0.lost_shapes,
            own_times: *runtime == RuntimeModel::Distribution,
        };
        with_file(&base_dir.join(&trace.0.file), |input| read_trace(input, taken, settings)).map_err(at)?
    } else {
        return Ok(None);
    };
    if replay.is_empty() {
        let left_out: u64 = replay.left_out().iter().map(|(_, count)| count).sum();
        let reasons = replay.left_out().iter().map(|(why, count)| format!("{count} {why}"));
        let message = match left_out {
            0 => "the file holds no job".to_owned(),
            _ => {
                let reasons = reasons.collect::<Vec<_>>().join(", ");
                format!("the file holds no job that can run: {left_out} were left out ({reasons})")
            }
        };
        return Err(Problem::new(format!("workload.{key}"), message));
    }
    check_missing_estimates(file, key, &replay)?;
    Ok(Some(Arc::new(replay)))
}

/// Run times that are asked for as walltimes, and that no job has, would be missed in silence.
fn check_missing_estimates(file: &WorkloadFile, key: &str, replay: &Replay) -> Result<(), Problem> {
    let asked = [
        file.csv.as_ref().map(|csv| csv.0.missing_estimate),
        file.swf.as_ref().map(|swf| swf.0.missing_estimate),
        file.trace.as_ref().map(|trace| trace.0.missing_estimate),
    ];
    let known = replay.jobs().iter().any(|job| job.execution_time.is_some());
    if known || !asked.contains(&Some(MissingEstimate::RunTime)) {
        return Ok(());
    }
    let message = "no job of the file has a run time of its own, which could be its walltime";
    Err(Problem::new(format!("workload.{key}.missing_estimate"), message).hint(match key {
        "trace" => {
            "set `hardware: {runtime: distribution}`, which reads run times, or `missing_estimate: unlimited`"
        }
        _ => "a column execution_time, or `missing_estimate: unlimited`",
    }))
}

/// Which of the keys is given; alone.
fn key(file: &WorkloadFile) -> Result<Option<&'static str>, Problem> {
    let replayed =
        [("csv", file.csv.is_some()), ("swf", file.swf.is_some()), ("trace", file.trace.is_some())];
    let mut given = replayed.into_iter().filter(|(_, given)| *given).map(|(key, _)| key);
    let Some(key) = given.next() else { return Ok(None) };
    let others = [
        ("arrivals", file.arrivals.is_some()),
        ("start_after", file.start_after != Span::ZERO),
        ("stop_after", file.stop_after.is_some()),
        ("chain", file.chain != Chain::None),
        ("jobs", file.jobs.is_some()),
        ("sources", !file.sources.is_empty()),
        ("tenants", file.tenants.is_some()),
        ("outcomes", file.outcomes.is_some()),
    ];
    let other = given.next().or_else(|| others.into_iter().find(|(_, given)| *given).map(|(key, _)| key));
    match other {
        None => Ok(Some(key)),
        Some(other) => Err(Problem::new(
            format!("workload.{other}"),
            format!("`{key}` and `{other}` exclude each other: a replayed file says everything of its jobs"),
        )
        .hint("keep one of them")),
    }
}

fn taken(key: &str, limit: Option<u64>, start_at_first_job: bool, time_scale: f64) -> Result<Taken, Problem> {
    if limit == Some(0) {
        return Err(Problem::new(format!("workload.{key}.limit"), "limit is 0; hint: at least 1"));
    }
    if !(time_scale.is_finite() && time_scale > 0.0) {
        let message = format!("time_scale is {time_scale}; hint: a number above 0");
        return Err(Problem::new(format!("workload.{key}.time_scale"), message));
    }
    Ok(Taken { limit, start_at_first_job, time_scale, ..Taken::ALL })
}

fn widths(widths: &[(f64, u32)]) -> Result<(), Problem> {
    let rising = widths.is_sorted_by(|a, b| a.0 <= b.0 && a.1 <= b.1);
    let whole = widths.len() >= 2
        && widths.first().is_some_and(|first| first.0 == 0.0 && first.1 >= 1)
        && widths.last().is_some_and(|last| last.0 == 1.0);
    if rising && whole {
        return Ok(());
    }
    Err(Problem::new("workload.swf.jobs.quantum.widths", "the widths are no quantiles").hint(
        "pairs that rise from share 0 to share 1, widths of 1 or more, as in [[0, 1], [0.5, 5], [1, 27]]",
    ))
}

/// Run times of the jobs' own that no run-time model reads would be ignored in silence. Traces hold them always, beside
/// shots and depth.
pub(super) fn check_run_times(
    file: &WorkloadFile,
    workload: &Workload,
    runtime: &RuntimeModel,
) -> Result<(), Problem> {
    let Some(replay) = &workload.replay else { return Ok(()) };
    if *runtime == RuntimeModel::Distribution {
        return Ok(());
    }
    let hint = "set `hardware: {runtime: distribution}`";
    if file.csv.is_some() && replay.jobs().iter().any(|job| job.execution_time.is_some()) {
        return Err(Problem::new("workload.csv", "the run-time model ignores the column execution_time")
            .hint(format!("{hint}, or leave the column out")));
    }
    if file.swf.as_ref().is_some_and(|swf| swf.0.jobs == SwfJobs::AsIs) {
        return Err(Problem::new("workload.swf", "the run-time model ignores the run times of the trace")
            .hint(format!("{hint}, or map the jobs with `jobs: {{quantum: {{}}}}`")));
    }
    Ok(())
}
