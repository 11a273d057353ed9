//! What the page needs of `jobs.csv`, read in one pass.
//!
//! Promises memory that is bounded but for a few numbers per job: of the schedules only the [`JOBS_MAX`] jobs that
//! start nearest to a chosen moment are kept. Leaves drawing to the scripts.

use std::collections::{BTreeMap, BinaryHeap};
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::Options;
use super::shell::rounded;
use super::tenants::Tenants;
use crate::experiment::reading::{Fields, JobRow, ManifestDevice, ReadError, each_row_if};

/// Most jobs in the schedules of one page: some 80 bytes each.
pub(super) const JOBS_MAX: usize = 24_000;

/// Most points of the plot of fidelities.
const POINTS_MAX: usize = 1_500;

/// Shares at which distributions are given.
fn levels() -> Vec<f64> {
    let body = (0..=180).map(|step| f64::from(step) / 200.0);
    let tail = (1..=98).map(|step| 0.9 + f64::from(step) / 1_000.0);
    body.chain(tail).chain([0.999, 1.0]).collect()
}

/// Everything collected.
pub(super) struct Collected {
    /// Jobs of that replication.
    pub jobs: u64,
    /// Jobs of each device, in the order of the manifest.
    pub per_device: Vec<Vec<Scheduled>>,
    /// How many jobs of each device ran, kept or not.
    pub counts: Vec<u64>,
    /// How many jobs started within the wanted time.
    pub within: u64,
    /// Earliest and latest start that is complete in `per_device`, when something was left out.
    pub window: Option<(f64, f64)>,
    /// How many jobs had attempts before the one that is shown.
    pub with_earlier_attempts: u64,
    /// Waiting times.
    pub waits: Distributions,
    /// Predicted and true success probability.
    pub fidelity: Fidelity,
    /// By project, group and user.
    pub tenants: Tenants,
    /// Names of workloads, as [`Scheduled`] numbers them.
    pub names: Vec<String>,
    /// Words for final states, as [`Scheduled`] numbers them.
    pub states: Vec<String>,
    /// The latest time of all, seconds.
    pub until: f64,
}

/// A job on a device. Times in seconds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Scheduled {
    /// Its number.
    pub id: u64,
    /// Its last start.
    pub start: f64,
    /// Its end; `None` when it still ran.
    pub end: Option<f64>,
    /// Ranges of qubits, fleet-wide numbers.
    pub qubits: Box<str>,
    pub buffer: Option<u32>,
    pub name: usize,
    pub state: usize,
    pub tenant: [u32; 3],
    pub attempts: u32,
    pub submitted: f64,
    pub fidelity: Option<(f64, f64)>,
}

/// Waiting times as quantiles.
#[derive(Debug, Default, Serialize)]
pub(super) struct Distributions {
    levels: Vec<f64>,
    series: Vec<Quantiles>,
}

#[derive(Debug, Serialize)]
struct Quantiles {
    name: String,
    count: usize,
    mean: f64,
    /// Seconds, at the levels.
    values: Vec<f64>,
}

/// A sample of predicted and true success probabilities.
#[derive(Debug, Default, Serialize)]
pub(super) struct Fidelity {
    /// How many jobs have both.
    count: usize,
    /// Every so many of them is given: time, predicted, true.
    points: Vec<(f64, f64, f64)>,
}

/// A job with its distance from the moment around which jobs are kept.
#[derive(Debug, PartialEq)]
struct Kept {
    distance: f64,
    device: usize,
    job: Scheduled,
}

impl Eq for Kept {}

impl PartialOrd for Kept {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Kept {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.distance.total_cmp(&other.distance).then(self.job.id.cmp(&other.job.id))
    }
}

/// Numbers for words, in order of appearance.
#[derive(Debug, Default)]
struct Words(Vec<String>);

impl Words {
    fn number(&mut self, word: &str) -> usize {
        self.0.iter().position(|known| known == word).unwrap_or_else(|| {
            self.0.push(word.to_owned());
            self.0.len() - 1
        })
    }
}

/// Reads `jobs.csv`. `centre` is the moment around which jobs are kept when there are too many, seconds.
pub(super) fn collect(
    path: &Path,
    devices: &[ManifestDevice],
    options: &Options,
    replication: u32,
    centre: f64,
) -> Result<Collected, ReadError> {
    let by_name: BTreeMap<&str, usize> =
        devices.iter().enumerate().map(|(index, device)| (device.name.as_str(), index)).collect();
    let from = options.from.map_or(f64::NEG_INFINITY, |time| time.as_secs_f64());
    let until = options.until.map_or(f64::INFINITY, |time| time.as_secs_f64());
    let number = replication.to_string();
    let (mut names, mut states) = (Words::default(), Words::default());
    let mut tenants = Tenants::default();
    let mut kept: BinaryHeap<Kept> = BinaryHeap::new();
    let mut nearest_left_out = f64::INFINITY;
    let mut waits: Vec<Vec<f64>> = vec![Vec::new(); devices.len() + 1];
    let mut points = Vec::new();
    let mut counts = vec![0; devices.len()];
    let (mut jobs, mut within, mut earlier, mut last) = (0, 0, 0, 0.0_f64);
    let mut unknown = None;
    let wanted = |fields: Fields<'_>| fields.get("replication").is_none_or(|found| found == number);
    each_row_if(path, wanted, |row: JobRow| {
        jobs += 1;
        last = last.max(row.finish_time.or(row.starting_time).unwrap_or(row.submission_time));
        tenants.add(&row);
        let device = match by_name.get(row.device.as_str()) {
            Some(&device) => Some(device),
            None if row.device.is_empty() => None,
            None => {
                unknown = Some((row.job_id, row.device));
                return ControlFlow::Break(());
            }
        };
        if let Some(waited) = row.waiting_time {
            waits[0].push(waited);
            if let Some(device) = device {
                waits[device + 1].push(waited);
            }
        }
        let fidelity = row.fidelity_predicted.zip(row.fidelity_true);
        if let Some((predicted, actual)) = fidelity {
            let time = row.finish_time.unwrap_or(row.submission_time);
            points.push((rounded(time, 1), rounded(predicted, 4), rounded(actual, 4)));
        }
        let (Some(device), Some(start)) = (device, row.starting_time) else {
            return ControlFlow::Continue(());
        };
        counts[device] += 1;
        if !(from..until).contains(&start) {
            return ControlFlow::Continue(());
        }
        within += 1;
        earlier += u64::from(row.attempts > 1);
        let distance = (start - centre).abs();
        if kept.len() == JOBS_MAX && kept.peek().is_some_and(|farthest| farthest.distance <= distance) {
            nearest_left_out = nearest_left_out.min(distance);
            return ControlFlow::Continue(());
        }
        let job = Scheduled {
            id: row.job_id,
            start,
            end: end_of(&row, start),
            qubits: row.allocated_resources.as_str().into(),
            buffer: row.buffer_distance,
            name: names.number(&row.workload_name),
            state: states.number(&row.final_state),
            tenant: [row.project, row.group, row.user],
            attempts: row.attempts,
            submitted: row.submission_time,
            fidelity,
        };
        kept.push(Kept { distance, device, job });
        if kept.len() > JOBS_MAX
            && let Some(farthest) = kept.pop()
        {
            nearest_left_out = nearest_left_out.min(farthest.distance);
        }
        ControlFlow::Continue(())
    })?;
    if let Some((job, device)) = unknown {
        return Err(ReadError::Contradiction {
            path: path.to_owned(),
            message: format!("job {job} ran on `{device}`, which manifest.json does not list"),
        });
    }
    let mut per_device: Vec<Vec<Scheduled>> = vec![Vec::new(); devices.len()];
    for one in kept {
        // Beside a job that was left out others of the same distance may be missing: keep what is complete.
        if one.distance < nearest_left_out {
            per_device[one.device].push(one.job);
        }
    }
    for list in &mut per_device {
        list.sort_by(|a, b| a.start.total_cmp(&b.start).then(a.id.cmp(&b.id)));
    }
    let window = nearest_left_out
        .is_finite()
        .then_some(((centre - nearest_left_out).max(from), (centre + nearest_left_out).min(until)));
    let order = device_order(&counts);
    Ok(Collected {
        jobs,
        per_device,
        within,
        window: window.map(|(low, high)| (low.max(0.0), high.min(last))),
        with_earlier_attempts: earlier,
        waits: distributions(devices, waits, &order),
        fidelity: Fidelity { count: points.len(), points: every_so_many(points) },
        tenants,
        names: names.0,
        states: states.0,
        until: last,
        counts,
    })
}

/// The end of what is shown: the last attempt's, which may lie before the end of a job that waited again.
fn end_of(row: &JobRow, start: f64) -> Option<f64> {
    let ran = row.execution_time.filter(|&seconds| seconds > 0.0).map(|seconds| start + seconds);
    match (ran, row.finish_time) {
        (Some(ran), Some(finish)) => Some(ran.min(finish)),
        (ran, finish) => finish.or(ran),
    }
}

/// The devices with most jobs, at most [`super::devices::DEVICES_MAX`], in the order of the fleet.
pub(super) fn device_order(counts: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then(a.cmp(&b)));
    order.truncate(super::devices::DEVICES_MAX);
    order.sort_unstable();
    order
}

fn distributions(devices: &[ManifestDevice], mut waits: Vec<Vec<f64>>, order: &[usize]) -> Distributions {
    let levels = levels();
    let mut series = Vec::new();
    let named = order.iter().map(|&index| (devices[index].name.clone(), index + 1));
    for (name, index) in std::iter::once(("fleet".to_owned(), 0)).chain(named) {
        let values = std::mem::take(&mut waits[index]);
        if values.is_empty() {
            continue;
        }
        let (count, mean) = (values.len(), values.iter().sum::<f64>() / values.len() as f64);
        let sorted = sorted(values);
        let values = levels.iter().map(|&level| rounded(quantile(&sorted, level), 3)).collect();
        series.push(Quantiles { name, count, mean: rounded(mean, 3), values });
    }
    Distributions { levels, series }
}

/// Ascending.
pub(super) fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The least of some ascending values that at least the given share does not exceed: nearest rank. 0 without values.
pub(super) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let rank = (share * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.clamp(1, sorted.len().max(1)) - 1).copied().unwrap_or(0.0)
}

fn every_so_many<T: Copy>(points: Vec<T>) -> Vec<T> {
    let step = points.len().div_ceil(POINTS_MAX).max(1);
    points.into_iter().step_by(step).collect()
}

impl Fidelity {
    /// Whether no job has both probabilities.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }
}
