//! What the page needs of `jobs.csv` and `events.csv`, read in one pass each.
//!
//! Promises that every attempt of every job counts, and memory that is bounded but for a few numbers per job. Leaves
//! drawing to the scripts.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use serde::Serialize;

use super::attempts::{self, Restarted};
use super::distributions::Distributions;
use super::schedule::{Keeper, Scheduled, Schedules, Window};
use super::shell::rounded;
use super::tenants::{Ran, Tenants, qubits_in};
use crate::experiment::reading::{Fields, JobRow, ManifestDevice, ReadError, each_row_if};

/// Most points of the plot of fidelities.
const POINTS_MAX: usize = 1_500;

/// What is to be collected.
pub(super) struct Wanted<'a> {
    pub devices: &'a [ManifestDevice],
    pub replication: u32,
    pub window: Window,
    /// Around which moment schedules are kept when there is too much, seconds.
    pub centre: f64,
    /// The run went on at least until then, seconds.
    pub ended: f64,
    /// `events.csv`, if there is any.
    pub events: Option<&'a Path>,
}

/// Everything collected.
pub(super) struct Collected {
    /// Jobs of that replication.
    pub jobs: u64,
    /// How many of them count in the metrics; `None` where the file does not say.
    pub measured: Option<u64>,
    /// Which attempt held what when.
    pub schedules: Schedules,
    /// How many jobs ran on each device, shown or not, in the order of the manifest.
    pub counts: Vec<u64>,
    /// How many jobs had attempts before the last one.
    pub restarted: u64,
    /// Whether those attempts are known.
    pub all_attempts: bool,
    /// When the first job started, and when the last attempt ended, seconds.
    pub ran: Option<(f64, f64)>,
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

/// A sample of predicted and true success probabilities.
#[derive(Debug, Default, Serialize)]
pub(super) struct Fidelity {
    /// How many jobs have both.
    count: usize,
    /// Every so many of them is given: time, predicted, true.
    points: Vec<(f64, f64, f64)>,
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

/// What an earlier attempt came to.
const WAITED_AGAIN: &str = "waited again";

/// Reads the tables of a run.
pub(super) fn collect(path: &Path, wanted: &Wanted<'_>) -> Result<Collected, ReadError> {
    let mut reading = Reading::new(wanted);
    let number = wanted.replication.to_string();
    let own = |fields: Fields<'_>| fields.get("replication").is_none_or(|found| found == number);
    let mut unknown = None;
    each_row_if(path, own, |row: JobRow| {
        if reading.add(&row).is_ok() {
            return ControlFlow::Continue(());
        }
        unknown = Some((row.job_id, row.device));
        ControlFlow::Break(())
    })?;
    if let Some((job, device)) = unknown {
        return Err(ReadError::Contradiction {
            path: path.to_owned(),
            message: format!("job {job} ran on `{device}`, which manifest.json does not list"),
        });
    }
    reading.earlier_attempts(wanted)?;
    Ok(reading.finish(wanted))
}

/// The device of a row is not in the manifest.
struct UnknownDevice;

/// What has been read so far.
struct Reading {
    by_name: BTreeMap<String, usize>,
    names: Words,
    states: Words,
    tenants: Tenants,
    keeper: Keeper,
    restarted: BTreeMap<u64, Restarted>,
    waits: Vec<Vec<f64>>,
    points: Vec<(f64, f64, f64)>,
    counts: Vec<u64>,
    jobs: u64,
    measured: Option<u64>,
    first: f64,
    last: f64,
    /// When the last attempt ended; infinite while one still runs.
    last_end: f64,
    all_attempts: bool,
}

impl Reading {
    fn new(wanted: &Wanted<'_>) -> Self {
        let devices = wanted.devices.iter().enumerate();
        Self {
            by_name: devices.map(|(index, device)| (device.name.clone(), index)).collect(),
            names: Words::default(),
            states: Words::default(),
            tenants: Tenants::default(),
            keeper: Keeper::new(wanted.window, wanted.centre),
            restarted: BTreeMap::new(),
            waits: vec![Vec::new(); wanted.devices.len() + 1],
            points: Vec::new(),
            counts: vec![0; wanted.devices.len()],
            jobs: 0,
            measured: None,
            first: f64::INFINITY,
            last: wanted.ended,
            last_end: 0.0,
            all_attempts: true,
        }
    }

    fn add(&mut self, row: &JobRow) -> Result<(), UnknownDevice> {
        self.jobs += 1;
        self.last = self.last.max(row.finish_time.or(row.starting_time).unwrap_or(row.submission_time));
        let device = match self.by_name.get(&row.device) {
            Some(&device) => Some(device),
            None if row.device.is_empty() => None,
            None => return Err(UnknownDevice),
        };
        if let Some(measured) = row.measured {
            *self.measured.get_or_insert(0) += u64::from(measured);
        }
        // Files of earlier versions do not say what is measured: there all jobs are taken, and the page says so.
        if let Some(waited) = row.waiting_time.filter(|_| row.measured != Some(false)) {
            self.waits[0].push(waited);
            if let Some(device) = device {
                self.waits[device + 1].push(waited);
            }
        }
        let fidelity = row.fidelity_predicted.zip(row.fidelity_true);
        if let Some((predicted, actual)) = fidelity {
            let time = row.finish_time.unwrap_or(row.submission_time);
            self.points.push((rounded(time, 1), rounded(predicted, 4), rounded(actual, 4)));
        }
        let (Some(device), Some(start)) = (device, row.starting_time) else {
            self.tenants.add(row, None);
            return Ok(());
        };
        self.counts[device] += 1;
        let one = Scheduled {
            id: row.job_id,
            attempt: row.attempts.max(1),
            attempts: row.attempts,
            start,
            end: end_of(row, start),
            qubits: row.allocated_resources.as_str().into(),
            buffer: row.buffer_distance,
            name: self.names.number(&row.workload_name),
            state: self.states.number(&row.final_state),
            tenant: [row.project.number, row.group.number, row.user.number],
            submitted: row.submission_time,
            fidelity,
        };
        self.tenants.add(row, Some(Ran { start, end: one.end, qubits: qubits_in(&one.qubits) }));
        self.first = self.first.min(start);
        self.last_end = self.last_end.max(one.end.unwrap_or(f64::INFINITY));
        if row.attempts > 1 {
            self.restarted.insert(row.job_id, Restarted { last: one.clone(), device });
        }
        self.keeper.offer(device, one);
        Ok(())
    }

    /// Adds what `jobs.csv` does not show.
    fn earlier_attempts(&mut self, wanted: &Wanted<'_>) -> Result<(), ReadError> {
        if self.restarted.is_empty() {
            return Ok(());
        }
        let Some(path) = wanted.events else {
            self.all_attempts = false;
            return Ok(());
        };
        let state = self.states.number(WAITED_AGAIN);
        let Self { restarted, keeper, tenants, counts, first, last_end, .. } = self;
        // A job that moved has run on several devices, but is one job on each.
        let mut ran_on: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        attempts::earlier(path, (wanted.devices, wanted.replication), restarted, |device, one| {
            let known = ran_on.entry(one.id).or_insert_with(|| vec![restarted[&one.id].device]);
            if !known.contains(&device) {
                known.push(device);
                counts[device] += 1;
            }
            *first = first.min(one.start);
            *last_end = last_end.max(one.end.unwrap_or(f64::INFINITY));
            tenants
                .attempt(one.tenant, Ran { start: one.start, end: one.end, qubits: qubits_in(&one.qubits) });
            keeper.offer(device, Scheduled { state, ..one });
        })
    }

    fn finish(self, wanted: &Wanted<'_>) -> Collected {
        let until = self.last;
        let mut tenants = self.tenants;
        tenants.close(until);
        let order = device_order(&self.counts);
        let mut waits = self.waits;
        let fleet = ("fleet".to_owned(), std::mem::take(&mut waits[0]));
        let named = order
            .iter()
            .map(|&index| (wanted.devices[index].name.clone(), std::mem::take(&mut waits[index + 1])));
        let waits = Distributions::of(std::iter::once(fleet).chain(named));
        Collected {
            jobs: self.jobs,
            measured: self.measured,
            schedules: self.keeper.finish(wanted.devices.len(), until),
            restarted: self.restarted.len() as u64,
            all_attempts: self.all_attempts,
            ran: self.first.is_finite().then_some((self.first, self.last_end.min(until))),
            waits,
            fidelity: Fidelity { count: self.points.len(), points: every_so_many(self.points) },
            tenants,
            names: self.names.0,
            states: self.states.0,
            until,
            counts: self.counts,
        }
    }
}

/// The end of the last attempt, which may lie before the end of a job that waited again; `None` while it runs.
fn end_of(row: &JobRow, start: f64) -> Option<f64> {
    let ran = row.execution_time.filter(|&seconds| seconds > 0.0).map(|seconds| start + seconds);
    match (ran, row.finish_time) {
        (Some(ran), Some(finish)) => Some(ran.min(finish)),
        (ran, finish) => finish.or(ran),
    }
}

/// Most devices of a page.
pub(super) const DEVICES_MAX: usize = 24;

/// The devices with most jobs, at most [`DEVICES_MAX`], in the order of the fleet.
pub(super) fn device_order(counts: &[u64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..counts.len()).collect();
    order.sort_by(|&a, &b| counts[b].cmp(&counts[a]).then(a.cmp(&b)));
    order.truncate(DEVICES_MAX);
    order.sort_unstable();
    order
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
