//! How a job comes to wait: it enters a queue, at once or when those have ended that it depends on. What becomes of those who
//! need to wait for nobody any more is on the agenda.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::dependants::Dependants;
use super::impossible::{Done, Impossible, ensure};
use super::jobs::{Dependence, Job, Known};
use super::place::{JobSlot, Rank};
use super::{State, Timer};
use crate::allocator::config::AllocatorConfig;
use crate::allocator::protocol::{JobId, JobRequest, OrderKey};
use crate::quantum::DeviceId;
use crate::time::Time;

/// When a job stops waiting: after the longest wait that it wants, which begins when it is `ready`, or, where late jobs are
/// refused, when it could not end by its deadline any more.
fn patience(config: &AllocatorConfig, request: &JobRequest, ready: Option<Time>) -> Option<Time> {
    let longest = request.max_wait_time.zip(ready).map(|(wait, ready)| ready + wait);
    let latest = request.latest_start().filter(|_| config.reject_if_late);
    longest.into_iter().chain(latest).min()
}

impl State {
    /// A job has come.
    pub(super) fn queued(
        &mut self,
        now: Time,
        job: &Arc<JobRequest>,
        device: Option<DeviceId>,
        key: OrderKey,
    ) -> Done {
        ensure(self.jobs.find(job.id) == Known::Unknown, "a number that was given before")?;
        let mut dependencies: BTreeSet<JobId> = job.dependencies().collect();
        dependencies.retain(|of| self.find(*of).is_some());
        let expires = patience(&self.config, job, Some(now).filter(|_| dependencies.is_empty()));
        let account = self.accounts.open(&self.config, job.tenant);
        let new = Job::new(job.clone(), account, Rank { key, place: self.next_place }, now, expires);
        self.next_place += 1;
        self.set_timer(expires, Timer::Expiry(new.place, job.id));
        let slot = self.jobs.insert(new);
        self.agenda.newcomers.push(job.id);
        if dependencies.is_empty() {
            self.enqueue(slot, device)?;
            self.choose(device);
            return Ok(());
        }
        ensure(device.is_none(), "a job is in a queue before others have ended")?;
        self.jobs[slot].depend(dependencies.len() as u32)?;
        self.quotas.wait(job.tenant, 1);
        self.dependants.add(job.id, dependencies);
        // Whether there is room for it, the next pass tells.
        self.mark_queue_due(None);
        Ok(())
    }

    /// All have ended that a job depended on.
    pub(super) fn ready(&mut self, now: Time, job: JobId, device: Option<DeviceId>) -> Done {
        let slot = self.live(job)?;
        self.jobs[slot].get_ready(now)?;
        self.quotas.wait(self.jobs[slot].request.tenant, -1);
        self.enqueue(slot, device)?;
        self.choose(device);
        self.renew_patience(now, slot);
        Ok(())
    }

    /// Puts a waiting job that is in no queue into one.
    pub(super) fn enqueue(&mut self, slot: JobSlot, queue: Option<DeviceId>) -> Done {
        let job = &mut self.jobs[slot];
        job.move_to(queue)?;
        let (account, rank, qubits) = (job.account, job.rank(), job.request.min_qubits);
        self.quotas.wait(job.request.tenant, 1);
        match queue {
            None => self.queue.insert(account, rank, slot, qubits),
            Some(id) => {
                let device = self.fleet.get_mut(id).ok_or(Impossible("a job waits for no device"))?;
                device.queue.insert(account, rank, slot, qubits);
                device.await_work(&self.jobs[slot].request);
                self.fleet.refresh(id);
            }
        }
        self.mark_queue_due(queue);
        Ok(())
    }

    /// Works out anew when a job that never started stops waiting.
    pub(super) fn renew_patience(&mut self, now: Time, slot: JobSlot) {
        let job = &self.jobs[slot];
        if job.attempts > 0 {
            return;
        }
        let timer = Timer::Expiry(job.place, job.request.id);
        // One whose time has passed already ends its patience now.
        let ready = Some(job.ready).filter(|_| job.dependence().is_none());
        let expires = patience(&self.config, &job.request, ready).map(|at| at.max(now));
        if let Some(old) = job.wait().and_then(|wait| wait.expires) {
            self.agenda.timers.remove(&(old, timer));
        }
        self.jobs[slot].expire_at(expires);
        self.set_timer(expires, timer);
    }

    /// A job has ended: those who waited for nothing else, or for its success in vain, are on the agenda.
    pub(super) fn has_ended(&mut self, id: JobId, completed: bool) {
        for dependant in self.dependants.take(id) {
            let Some((slot, job)) = self.find(dependant) else { continue };
            let broken = !completed && job.request.after_success.contains(&id);
            if self.jobs[slot].one_has_ended(broken.then_some(id)) {
                self.agenda.dependants.push_back(dependant);
            }
        }
    }

    /// Puts all on the agenda about whom it is decided, for a state that was folded.
    pub(super) fn decide_all_dependants(&mut self) {
        let decided = |on: Dependence| on.open == 0 || on.broken.is_some();
        let jobs = self.jobs.iter().filter(|(_, job)| job.dependence().is_some_and(decided));
        let mut found: Vec<_> = jobs.map(|(_, job)| (job.place, job.request.id)).collect();
        found.sort_unstable();
        self.agenda.dependants = found.into_iter().map(|(_, id)| id).collect();
    }

    /// Works out anew who waits for whom, for a state that was read. Whether its jobs say the same.
    pub(super) fn count_dependants(&mut self) -> bool {
        let mut all = Dependants::default();
        let mut agrees = true;
        for (_, job) in self.jobs.iter() {
            let Some(Dependence { open, broken }) = job.dependence() else { continue };
            let live: BTreeSet<JobId> =
                job.request.dependencies().filter(|other| self.find(*other).is_some()).collect();
            agrees &= live.len() == open as usize;
            agrees &= broken.is_none_or(|on| job.request.after_success.contains(&on) && !live.contains(&on));
            all.add(job.request.id, live);
        }
        self.dependants = all;
        agrees
    }
}
