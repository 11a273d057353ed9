//! The jobs that the simulation has submitted and that have not ended: what was planned for them, and what became of it.
//!
//! Leaves decisions to the core and figures to the traces.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::allocator::protocol::{Allocation, JobId, JobRequest, StartPromise, Waited};
use crate::forward::{Estimate, StartRange};
use crate::time::{Span, Time};

/// A job that has not ended.
#[derive(Debug, Clone)]
pub struct Planned {
    /// What it asks for.
    pub request: Arc<JobRequest>,
    /// When it was submitted.
    pub submitted: Time,
    /// Whether it was submitted in the measured interval, so that it counts in the metrics of the run.
    pub measured: bool,
    /// Index of its source.
    pub source: u32,
    /// Index of the template of its source that it was drawn from.
    pub template: u32,
    /// Its own execution time, for the run-time model that uses it.
    pub execution_time: Option<Span>,
    /// The share of its execution after which it fails, if it does.
    pub error_at: Option<f64>,
    /// The latest start that it was promised first, if it was promised an instant.
    pub promised_start: Option<Time>,
    /// The first estimate of its start, and when it was made.
    pub estimated: Option<Box<FirstEstimate>>,
    /// For what it waited before its first start or, where it never started, before its end.
    pub waited: Waited,
    /// When its first attempt started.
    pub first_start: Option<Time>,
    /// When its last attempt started.
    pub last_start: Option<Time>,
    /// Attempts so far.
    pub attempts: u32,
    /// Its last allocation.
    pub allocation: Option<Arc<Allocation>>,
    /// How long its last attempt ran.
    pub execution: Span,
}

/// What was told first of the start of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirstEstimate {
    /// When.
    pub made: Time,
    /// When it will start.
    pub start: Option<StartRange>,
    /// When it was planned to start.
    pub planned: Option<Time>,
}

/// All jobs that have not ended. Job numbers rise, so that a job is found by its distance from the oldest.
#[derive(Debug, Default)]
pub struct JobBook {
    jobs: VecDeque<Option<Planned>>,
    /// Number of the job in front.
    first: u64,
    live: usize,
}

impl JobBook {
    /// Adds a job; its number must be the next.
    pub fn insert(&mut self, planned: Planned) {
        if self.jobs.is_empty() {
            self.first = planned.request.id.0;
        }
        debug_assert_eq!(planned.request.id.0, self.first + self.jobs.len() as u64);
        self.jobs.push_back(Some(planned));
        self.live += 1;
    }

    /// A job that has not ended.
    pub fn get(&self, id: JobId) -> Option<&Planned> {
        self.jobs.get(id.0.checked_sub(self.first)? as usize)?.as_ref()
    }

    fn get_mut(&mut self, id: JobId) -> Option<&mut Planned> {
        self.jobs.get_mut(id.0.checked_sub(self.first)? as usize)?.as_mut()
    }

    /// A job is promised a start for the first time, or after another promise was lost.
    pub fn promised(&mut self, id: JobId, promise: &StartPromise) {
        if let Some(planned) = self.get_mut(id).filter(|planned| planned.attempts == 0)
            && let Some(at) = promise.not_later_than
        {
            planned.promised_start.get_or_insert(at);
        }
    }

    /// Starts of waiting jobs were estimated.
    pub fn estimated(&mut self, made: Time, estimates: &[Estimate]) {
        for estimate in estimates {
            if let Some(planned) = self.get_mut(estimate.job).filter(|planned| planned.attempts == 0)
                && planned.estimated.is_none()
            {
                let at = estimate.plan.as_ref().map(|plan| plan.at);
                planned.estimated =
                    Some(Box::new(FirstEstimate { made, start: estimate.start, planned: at }));
            }
        }
    }

    /// A wait of a job ends, or goes on beyond the end of the run.
    pub fn waited(&mut self, id: JobId, waited: Waited) {
        if let Some(planned) = self.get_mut(id).filter(|planned| planned.attempts == 0) {
            planned.waited = waited;
        }
    }

    /// An attempt of a job starts.
    pub fn started(&mut self, id: JobId, allocation: &Arc<Allocation>, now: Time) -> &Planned {
        let planned = self.get_mut(id).expect("the core starts only submitted jobs");
        planned.first_start.get_or_insert(now);
        planned.last_start = Some(now);
        // Until it ends: an earlier attempt's is not its own.
        planned.execution = Span::ZERO;
        planned.attempts += 1;
        planned.allocation = Some(allocation.clone());
        planned
    }

    /// An attempt of a job ends.
    pub fn attempt_ended(&mut self, id: JobId, now: Time) {
        if let Some(planned) = self.get_mut(id)
            && let Some(start) = planned.last_start
        {
            planned.execution = now.since(start);
        }
    }

    /// Takes a job out that has ended.
    pub fn remove(&mut self, id: JobId) -> Option<Planned> {
        let planned = self.jobs.get_mut(id.0.checked_sub(self.first)? as usize)?.take();
        self.live -= usize::from(planned.is_some());
        while let Some(None) = self.jobs.front() {
            self.jobs.pop_front();
            self.first += 1;
        }
        planned
    }

    /// Number of jobs that have not ended.
    pub fn live(&self) -> usize {
        self.live
    }

    /// All jobs that have not ended, in order of their numbers.
    pub fn into_live(self) -> impl Iterator<Item = Planned> {
        self.jobs.into_iter().flatten()
    }
}
