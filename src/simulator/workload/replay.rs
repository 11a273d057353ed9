//! Jobs that were there before: a workload as a list, each job with its time and everything it asks for.
//!
//! Promises that jobs come in order of their submission (at one instant, in the order in which they were added) and
//! are numbered in that order, whatever the seed. Leaves files to [`crate::simulator::scenario`].

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexSet;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use super::jobs::{GeneratedJob, PlannedOutcome};
use crate::allocator::protocol::{JobId, JobRequest, Tenant};
use crate::quantum::circuit::CircuitProfile;
use crate::time::{Span, Time};

/// One job of a replayed workload: what differs from job to job; the rest is its kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplayedJob {
    /// When it is submitted.
    pub at: Time,
    /// Its kind, see [`ReplayBuilder::kind`].
    pub kind: u32,
    /// Its name, see [`ReplayBuilder::name`].
    pub name: u32,
    /// Least number of qubits.
    pub min_qubits: u32,
    /// Largest number of qubits.
    pub max_qubits: u32,
    /// Number of circuits.
    pub circuits: u32,
    /// Layers per circuit.
    pub depth: u32,
    /// Nobody recorded how many: the depth is [`DEFAULT_DEPTH`](super::DEFAULT_DEPTH).
    pub depth_assumed: bool,
    /// Shots per circuit.
    pub shots: u64,
    /// Whose job it is.
    pub tenant: Tenant,
    /// Its own time on the device.
    pub execution_time: Option<Span>,
    /// The walltime that it states.
    pub walltime: Option<Span>,
    /// Nobody recorded one: it is the time that the job ran.
    pub walltime_supplied: bool,
    /// Longest time in the queue.
    pub max_wait_time: Option<Span>,
    /// Time from submission by which it must have ended.
    pub deadline: Option<Span>,
    /// How it ends if nothing else happens to it.
    pub outcome: PlannedOutcome,
}

/// A list of jobs in order of their submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    jobs: Vec<ReplayedJob>,
    kinds: Vec<JobRequest>,
    names: IndexSet<String, FxBuildHasher>,
    /// The circuits of kinds, under the names they were given.
    circuits: Vec<(Arc<CircuitProfile>, String)>,
    digest: [u8; 32],
    left_out: Vec<(&'static str, u64)>,
    /// Of those that follow others.
    dependencies: BTreeMap<u64, Dependencies>,
}

/// The jobs that must have ended, and those that must have completed, before one starts: by number, each below its own.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dependencies {
    /// Ended, however they did.
    pub after: SmallVec<[JobId; 1]>,
    /// Completed.
    pub after_success: SmallVec<[JobId; 1]>,
}

/// Gathers the jobs of a replayed workload, in any order.
#[derive(Debug, Default)]
pub struct ReplayBuilder {
    jobs: Vec<ReplayedJob>,
    kinds: Vec<JobRequest>,
    names: IndexSet<String, FxBuildHasher>,
    circuits: Vec<(Arc<CircuitProfile>, String)>,
    left_out: Vec<(&'static str, u64)>,
    links: Vec<Link>,
}

/// That a job follows another one, both by the order in which they were added.
#[derive(Debug, Clone, Copy)]
struct Link {
    job: usize,
    on: usize,
    must_complete: bool,
}

impl ReplayBuilder {
    /// Adds a kind of jobs: everything that is not in [`ReplayedJob`]. Returns its number.
    pub fn kind(&mut self, base: JobRequest) -> u32 {
        self.kinds.push(base);
        (self.kinds.len() - 1) as u32
    }

    /// The number of a name.
    pub fn name(&mut self, name: &str) -> u32 {
        match self.names.get_index_of(name) {
            Some(index) => index as u32,
            None => self.names.insert_full(name.to_owned()).0 as u32,
        }
    }

    /// Remembers under which name the circuit of a kind was given.
    pub fn circuit(&mut self, profile: Arc<CircuitProfile>, reference: &str) {
        self.circuits.push((profile, reference.to_owned()));
    }

    /// Adds a job.
    pub fn push(&mut self, job: ReplayedJob) {
        self.jobs.push(job);
    }

    /// A job follows another one, which comes before it: both by the order in which they were added, from 0.
    pub fn follow(&mut self, job: usize, on: usize, must_complete: bool) {
        self.links.push(Link { job, on, must_complete });
    }

    /// Counts a job that was left out, and why.
    pub fn leave_out(&mut self, why: &'static str) {
        match self.left_out.iter_mut().find(|(known, _)| *known == why) {
            Some((_, count)) => *count += 1,
            None => self.left_out.push((why, 1)),
        }
    }

    /// The jobs so far, in the order in which they were added.
    pub fn jobs_mut(&mut self) -> &mut [ReplayedJob] {
        &mut self.jobs
    }

    /// The workload: at most the first `limit` jobs by submission. `digest` is a hash of where they come from.
    pub fn finish(self, limit: Option<u64>, digest: [u8; 32]) -> Replay {
        let Self { mut jobs, kinds, names, circuits, left_out, links } = self;
        // Where each of them goes, if anybody asks.
        let mut numbers: Vec<u64> = Vec::new();
        if !links.is_empty() {
            let mut order: Vec<usize> = (0..jobs.len()).collect();
            order.sort_by_key(|index| jobs[*index].at);
            numbers = vec![0; jobs.len()];
            order.iter().zip(0..).for_each(|(index, number)| numbers[*index] = number);
        }
        if !jobs.is_sorted_by_key(|job| job.at) {
            jobs.sort_by_key(|job| job.at);
        }
        let mut dependencies: BTreeMap<u64, Dependencies> = BTreeMap::new();
        for Link { job, on, must_complete } in links {
            let (job, on) = (numbers[job], JobId(numbers[on]));
            let of = dependencies.entry(job).or_default();
            if must_complete {
                of.after_success.push(on)
            } else {
                of.after.push(on)
            };
        }
        if let Some(limit) = limit {
            jobs.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        }
        jobs.shrink_to_fit();
        Replay { jobs, kinds, names, circuits, digest, left_out, dependencies }
    }
}

impl Replay {
    /// Number of jobs.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether there is no job.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// All jobs in order of their submission.
    pub fn jobs(&self) -> &[ReplayedJob] {
        &self.jobs
    }

    /// Names of jobs, by number.
    pub fn names(&self) -> Vec<String> {
        self.names.iter().cloned().collect()
    }

    /// What the jobs of a kind have in common; the fields of [`ReplayedJob`] mean nothing here.
    pub fn kind(&self, kind: u32) -> &JobRequest {
        &self.kinds[kind as usize]
    }

    /// The circuits of kinds, with the names under which they were given.
    pub fn circuits(&self) -> &[(Arc<CircuitProfile>, String)] {
        &self.circuits
    }

    /// A hash of where the jobs come from.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Jobs of the source that were left out, by reason.
    pub fn left_out(&self) -> &[(&'static str, u64)] {
        &self.left_out
    }

    /// When job `index` is submitted.
    #[inline]
    pub fn at(&self, index: u64) -> Option<Time> {
        self.jobs.get(usize::try_from(index).ok()?).map(|job| job.at)
    }

    /// Job `number`, which is also its id; it must exist.
    pub fn draw(&self, number: u64) -> GeneratedJob {
        let job = &self.jobs[number as usize];
        let Dependencies { after, after_success } =
            self.dependencies.get(&number).cloned().unwrap_or_default();
        let request = JobRequest {
            id: JobId(number),
            tenant: job.tenant,
            min_qubits: job.min_qubits,
            max_qubits: job.max_qubits,
            circuits: job.circuits,
            shots: job.shots,
            depth: job.depth,
            estimated_duration: job.walltime,
            max_wait_time: job.max_wait_time,
            deadline: job.deadline.map(|within| job.at + within),
            after,
            after_success,
            ..self.kinds[job.kind as usize].clone()
        };
        GeneratedJob {
            array: 1,
            request,
            template: job.name,
            execution_time: job.execution_time,
            walltime_factor: None,
            outcome: job.outcome,
        }
    }
}
