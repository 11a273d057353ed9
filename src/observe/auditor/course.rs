//! The course of a job by the events: each step must follow from the one before.
//!
//! Leaves where an attempt is, and what is kept from it, to [`super::device`].

use std::sync::Arc;

use super::device::Breaches;
use super::parties::party_of;
use super::violation::{Breach, StateSeen, Step};
use super::{Auditor, LiveJob, Phase, qubit_time};
use crate::allocator::protocol::{
    Allocation, AllocationId, FailureReason, JobId, JobRequest, OrderKey, Rejection, StopReason,
};
use crate::observe::quotas::Exceeded;
use crate::quantum::DeviceId;
use crate::time::Span;

impl Auditor {
    pub(super) fn is_new(&mut self, job: JobId, step: Step) -> bool {
        let new = !self.jobs.contains_key(&job) && !self.ended_jobs.contains(job.0);
        if !new {
            self.illegal(job, step);
        }
        new
    }

    pub(super) fn queued(&mut self, request: &Arc<JobRequest>, queue: Option<DeviceId>, key: OrderKey) {
        if self.is_new(request.id, Step::Queued) {
            self.submitted += 1;
            self.waiting += 1;
            let job = LiveJob {
                request: Arc::clone(request),
                submitted: self.now,
                ready: self.now,
                attempts: 0,
                last_allocation: None,
                phase: Phase::Waiting { held: false },
                rank: (key, self.submitted),
                queue,
            };
            self.jobs.insert(request.id, job);
        }
    }

    /// A job is refused when it comes; where the queue is full, at the end of the instant at which it came; and where late
    /// jobs are refused, before it started, from the instant on at which less than its walltime is left.
    pub(super) fn rejected(&mut self, request: &JobRequest, reason: Rejection) {
        let job = self.jobs.get(&request.id);
        let waits_no_longer = job.is_some_and(|job| {
            let waits = matches!(job.phase, Phase::Waiting { .. });
            let now = match reason {
                Rejection::QueueFull(_) | Rejection::TooManyWaiting { .. } => job.submitted == self.now,
                Rejection::TooLate(deadline) => {
                    let latest = job.request.latest_start();
                    job.request.deadline == Some(deadline) && latest.is_some_and(|latest| latest <= self.now)
                }
                _ => false,
            };
            waits && job.attempts == 0 && now
        });
        if waits_no_longer {
            self.end_job(request.id, false);
        } else if self.is_new(request.id, Step::Rejected) {
            self.submitted += 1;
            self.ended += 1;
            self.ended_jobs.insert(request.id.0);
        }
    }

    pub(super) fn set_held(&mut self, job: JobId, to: bool, step: Step) {
        match self.jobs.get_mut(&job).map(|live| &mut live.phase) {
            Some(Phase::Waiting { held }) if *held != to => *held = to,
            _ => self.illegal(job, step),
        }
        self.promises.end(job);
    }

    pub(super) fn started(&mut self, allocation: &Arc<Allocation>) {
        let now = self.now;
        let id = allocation.job;
        let state = self.seen(id);
        if state != StateSeen::Waiting {
            self.report(Breach::IllegalTransition { job: id, state, step: Step::Started });
        }
        if !self.allocations.insert(allocation.id.0) {
            self.report(Breach::AllocationReused { allocation: allocation.id });
        }
        let Some(job) = self.jobs.get_mut(&id).filter(|job| matches!(job.phase, Phase::Waiting { .. }))
        else {
            return;
        };
        let mut found = Breaches::new();
        if allocation.attempt != job.attempts + 1 {
            let (attempt, expected) = (allocation.attempt, job.attempts + 1);
            found.push(Breach::WrongAttempt { job: id, attempt, expected });
        }
        if allocation.tenant != job.request.tenant || allocation.started != now {
            found.push(Breach::GrantMismatch { job: id, allocation: allocation.id });
        }
        // Whether a later attempt has a longest wait of its own is the core's to say.
        if job.attempts == 0
            && let Some(longest) = job.request.max_wait_time
            && now > job.ready + longest
        {
            found.push(Breach::LateStart { job: id, latest: job.ready + longest });
        }
        job.attempts = allocation.attempt;
        job.last_allocation = Some(allocation.id);
        job.phase = Phase::Running { allocation: Arc::clone(allocation), stop: None, shots_done: 0 };
        self.waiting -= 1;
        self.running += 1;
        let (rank, request) = (job.rank, Arc::clone(&job.request));
        self.promises.end(id);
        found.extend(self.quotas.starts(allocation, &request).map(|limit| {
            let Exceeded { level, of, most, has } = limit;
            Breach::QuotaExceeded { job: id, level, of, most, has }
        }));
        let party = party_of(self.between, request.tenant);
        let jobs = &self.jobs;
        let same = |other: &LiveJob| !self.usage_counts || other.request.tenant == request.tenant;
        let is_behind = |other: JobId| jobs.get(&other).is_some_and(|other| same(other) && other.rank < rank);
        match self.devices.get_mut(&allocation.device).filter(|known| known.present) {
            Some(device) => {
                self.promises.started(allocation, party, device, is_behind, &mut found);
                let shapes = &mut self.shapes;
                self.held_qubits += device.start(now, allocation, &request, party, shapes, &mut found);
            }
            None => found.push(Breach::UnknownDevice { device: allocation.device }),
        }
        self.report_all(found);
    }

    /// Whether a job runs; reports when it does not, or when the event names another allocation than its own.
    pub(super) fn must_run(&mut self, job: JobId, named: Option<AllocationId>, step: Step) -> bool {
        let Some(LiveJob { phase: Phase::Running { allocation, .. }, .. }) = self.jobs.get(&job) else {
            self.illegal(job, step);
            return false;
        };
        let held = allocation.id;
        if named != Some(held) {
            self.report(Breach::WrongAllocation { job, held, named });
        }
        true
    }

    /// Checks a count of shots; answers whether the job runs.
    pub(super) fn credited(&mut self, id: JobId, named: AllocationId, shots: u64, step: Step) -> bool {
        if !self.must_run(id, Some(named), step) {
            return false;
        }
        if let Some(job) = self.jobs.get_mut(&id)
            && let Phase::Running { shots_done, .. } = &mut job.phase
        {
            let all = job.request.shots.saturating_mul(u64::from(job.request.circuits));
            let legal = (*shots_done..=all).contains(&shots);
            *shots_done = shots.max(*shots_done);
            if !legal {
                self.report(Breach::WrongShots { job: id, allocation: named, shots_done: shots });
            }
        }
        true
    }

    fn walltime_is_over(&self, id: JobId) -> bool {
        let Some(LiveJob { request, phase: Phase::Running { allocation, .. }, .. }) = self.jobs.get(&id)
        else {
            return false;
        };
        request.estimated_duration.is_some_and(|walltime| self.now >= allocation.started + walltime)
    }

    pub(super) fn stop_requested(&mut self, id: JobId, named: AllocationId, reason: StopReason) {
        if !self.must_run(id, Some(named), Step::StopRequested) {
            return;
        }
        if reason == StopReason::Walltime && !self.walltime_is_over(id) {
            self.report(Breach::EarlyStop { job: id, allocation: named });
        }
        if let Some(LiveJob { phase: Phase::Running { stop, .. }, .. }) = self.jobs.get_mut(&id) {
            // An owner may cancel what is already being stopped for another reason.
            if *stop == Some(reason) {
                self.illegal(id, Step::StopRequested);
            } else {
                *stop = Some(reason);
            }
        }
    }

    pub(super) fn failed(&mut self, id: JobId, named: AllocationId, reason: FailureReason) {
        let given_up = reason == FailureReason::TooManyAttempts
            && self.jobs.get(&id).is_some_and(|job| {
                matches!(job.phase, Phase::Waiting { .. }) && job.last_allocation == Some(named)
            });
        if given_up || self.must_run(id, Some(named), Step::Failed) {
            if reason == FailureReason::Walltime && !self.walltime_is_over(id) {
                self.report(Breach::EarlyStop { job: id, allocation: named });
            }
            let by_hardware = matches!(reason, FailureReason::Execution | FailureReason::TooManyAttempts);
            self.end_job(id, by_hardware);
        }
    }

    pub(super) fn expired(&mut self, id: JobId, waited: Span) {
        let Some(job) = self.jobs.get(&id).filter(|job| matches!(job.phase, Phase::Waiting { .. })) else {
            return self.illegal(id, Step::Expired);
        };
        let longest = job.request.max_wait_time;
        let due = longest.is_some_and(|longest| self.now >= job.ready + longest && waited >= longest);
        if !due {
            self.report(Breach::EarlyExpiry { job: id });
        }
        self.end_job(id, false);
    }

    /// Takes the qubits of a running job back; the job waits again.
    pub(super) fn end_attempt(&mut self, id: JobId) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let waiting = Phase::Waiting { held: false };
        if let Phase::Running { allocation, .. } = std::mem::replace(&mut job.phase, waiting) {
            self.release(&allocation, true);
            self.waiting += 1;
        }
    }

    /// A job has ended; by its hardware, if its attempt is `refunded`.
    pub(super) fn end_job(&mut self, id: JobId, refunded: bool) {
        let Some(job) = self.jobs.swap_remove(&id) else {
            return;
        };
        match job.phase {
            Phase::Waiting { .. } => self.waiting -= 1,
            Phase::Running { allocation, .. } => self.release(&allocation, refunded),
        }
        self.promises.end(id);
        self.ended_jobs.insert(id.0);
        self.ended += 1;
    }

    fn release(&mut self, allocation: &Allocation, refunded: bool) {
        self.running -= 1;
        self.quotas.ends(allocation, self.now, refunded);
        if let Some(device) = self.devices.get_mut(&allocation.device) {
            let tracked = device.active().iter().any(|active| active.id == allocation.id);
            self.held_qubits -= device.end(self.now, allocation);
            if tracked {
                self.allocation_sum_ns += qubit_time(allocation, self.now);
            }
        }
    }

    pub(super) fn ready(&mut self, job: JobId, queue: Option<DeviceId>) {
        if !matches!(self.seen(job), StateSeen::Waiting | StateSeen::Held) {
            self.illegal(job, Step::Ready);
        }
        if let Some(live) = self.jobs.get_mut(&job) {
            (live.queue, live.ready) = (queue, self.now);
        }
    }
}
