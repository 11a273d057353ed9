//! Who may start only when others have ended, by events alone.
//!
//! Promises books of its own: nobody is ready, or starts, before those have ended that it named, or although one has not
//! completed that had to; and whoever needs to wait for nobody any more is told so at that very instant.

use std::collections::{BTreeMap, BTreeSet};

use super::device::Breaches;
use super::id_set::IdSet;
use super::violation::Breach;
use crate::allocator::protocol::{Event, JobId, JobRequest};

/// Whom a job waits for.
#[derive(Debug, Clone, Default)]
struct Open {
    jobs: BTreeSet<JobId>,
    must_complete: BTreeSet<JobId>,
    broken: BTreeSet<JobId>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Dependencies {
    open: BTreeMap<JobId, Open>,
    /// A job that has not ended, and one that waits for it.
    pairs: BTreeSet<(JobId, JobId)>,
    live: BTreeSet<JobId>,
    /// Those that ended otherwise than completed.
    incomplete: IdSet,
    /// Those of whom it is decided, at this instant, what becomes of them.
    decided: BTreeSet<JobId>,
}

impl Dependencies {
    /// Follows an event; answers what is wrong with it.
    pub(super) fn observe(&mut self, event: &Event) -> Breaches {
        let mut found = Breaches::new();
        match event {
            Event::JobQueued { job, .. } => self.came(job, &mut found),
            Event::JobReady { job, .. } => {
                match self.open.get(job).map(|open| open.first()) {
                    Some(None) => {}
                    Some(Some(on)) => found.push(Breach::DependencyIgnored { job: *job, on }),
                    None => found.push(Breach::DependencyIgnored { job: *job, on: *job }),
                }
                self.forget(*job);
            }
            Event::JobStarted { allocation } => {
                if let Some(open) = self.open.get(&allocation.job) {
                    let on = open.first().unwrap_or(allocation.job);
                    found.push(Breach::DependencyIgnored { job: allocation.job, on });
                }
            }
            Event::JobCancelled { job, because_of: Some(on), .. } => {
                if !self.open.get(job).is_some_and(|open| open.broken.contains(on)) {
                    found.push(Breach::DependencyIgnored { job: *job, on: *on });
                }
                self.ended(*job, false);
            }
            Event::JobFinished { job, .. } => self.ended(*job, true),
            Event::JobFailed { job, .. } | Event::JobCancelled { job, .. } => self.ended(*job, false),
            Event::JobExpired { job, .. } => {
                // Its longest wait has not begun.
                found.extend(self.keep(*job).then_some(Breach::EarlyExpiry { job: *job }));
                self.ended(*job, false);
            }
            Event::JobRejected { job, .. } => self.ended(job.id, false),
            _ => {}
        }
        found
    }

    /// Time goes on: nobody of whom it was decided may still wait for others.
    pub(super) fn close_instant(&mut self, found: &mut Breaches) {
        for job in std::mem::take(&mut self.decided) {
            found.push(Breach::DependantForgotten { job });
        }
    }

    /// Whether there is anything to say when time goes on.
    pub(super) fn is_pending(&self) -> bool {
        !self.decided.is_empty()
    }

    /// Whether a job has others to wait for.
    pub(super) fn keep(&self, job: JobId) -> bool {
        self.open.contains_key(&job)
    }

    fn came(&mut self, request: &JobRequest, found: &mut Breaches) {
        let failed = request.after_success.iter().find(|on| self.incomplete.contains(on.0));
        found.extend(failed.map(|on| Breach::DependencyIgnored { job: request.id, on: *on }));
        let jobs: BTreeSet<JobId> = request.dependencies().filter(|on| self.live.contains(on)).collect();
        self.live.insert(request.id);
        if jobs.is_empty() {
            return;
        }
        self.pairs.extend(jobs.iter().map(|on| (*on, request.id)));
        let must_complete = request.after_success.iter().copied().collect();
        self.open.insert(request.id, Open { jobs, must_complete, broken: BTreeSet::new() });
    }

    fn ended(&mut self, job: JobId, completed: bool) {
        self.forget(job);
        self.live.remove(&job);
        if !completed {
            self.incomplete.insert(job.0);
        }
        let waiting: Vec<(JobId, JobId)> =
            self.pairs.range((job, JobId(0))..=(job, JobId(u64::MAX))).copied().collect();
        for pair in waiting {
            self.pairs.remove(&pair);
            let Some(open) = self.open.get_mut(&pair.1) else { continue };
            open.jobs.remove(&job);
            if !completed && open.must_complete.contains(&job) {
                open.broken.insert(job);
            }
            if open.jobs.is_empty() || !open.broken.is_empty() {
                self.decided.insert(pair.1);
            }
        }
    }

    fn forget(&mut self, job: JobId) {
        self.decided.remove(&job);
        for on in self.open.remove(&job).into_iter().flat_map(|open| open.jobs) {
            self.pairs.remove(&(on, job));
        }
    }
}

impl Open {
    /// One that keeps the job from starting.
    fn first(&self) -> Option<JobId> {
        self.broken.first().or(self.jobs.first()).copied()
    }
}
