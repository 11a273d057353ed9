//! What shares, quotas and promises come to, from the events alone: who waited for them, whom they stopped, who passed whom.
//!
//! Promises integers, and that figures of jobs are of those submitted in the measured interval, and figures over time of
//! that interval. Leaves what anybody used to [`super::accounts`].

mod job;
mod order;
pub(super) mod promises;
mod stops;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::allocator::config::{AllocatorConfig, FairShare};
use crate::allocator::protocol::{Allocation, Event, JobId, JobRequest, OrderKey, Tenant};
use crate::observe::quotas::Quotas;
use crate::quantum::DeviceId;
use crate::time::Time;
use job::Job;
use order::Order;
pub use order::Overtaken;
use promises::{CAUSES, Promises};
use stops::Stops;
pub use stops::{Node, nodes};

/// An attempt holds its qubits; whether it exceeds a limit is for the auditor to say.
fn hold(quotas: &mut Quotas, allocation: &Allocation) {
    if quotas.are_stated() {
        let _exceeded = quotas.started(allocation);
    }
}

/// What there is to say of promises and starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Starts {
    /// Jobs submitted in the measured interval that started.
    pub started: u64,
    /// Of these, those that had been promised a start.
    pub promised: u64,
    /// Of these, those that started before an earlier one of their order.
    pub backfilled: u64,
    /// Promises that were given in the measured interval to jobs without any.
    pub given: u64,
    /// How often promises were moved in it, by cause.
    pub moved: [u64; CAUSES.len()],
    /// Promises whose time passed in it.
    pub missed: u64,
}

/// Follows all that.
#[derive(Debug, Clone, Default)]
pub(super) struct Sharing {
    now: Time,
    came: u64,
    jobs: IndexMap<JobId, Job, FxBuildHasher>,
    quotas: Quotas,
    order: Order,
    promises: Promises,
    stops: Stops,
    started: u64,
    promised: u64,
}

impl Sharing {
    /// A configuration is in force.
    pub(super) fn configure(&mut self, config: &AllocatorConfig) {
        self.quotas = Quotas::default();
        self.quotas.configure(&config.tenants);
        self.order.configure(config.fair_share() != FairShare::Off, self.quotas.are_stated());
        self.promises.clear();
        self.stops.clear_queues(self.now);
        for allocation in self.jobs.values().filter_map(|job| job.allocation.as_ref()) {
            hold(&mut self.quotas, allocation);
        }
        for (id, job) in self.jobs.iter().filter(|(_, job)| job.waits()) {
            self.order.enter(*id, job);
            self.stops.wait(job.tenant, job.qubits, true, &self.quotas, self.now);
        }
    }

    /// Takes an event.
    pub(super) fn observe(&mut self, now: Time, event: &Event) {
        self.advance(now);
        match event {
            Event::JobQueued { job, device, key, .. } => self.queued(job, *device, *key),
            Event::JobRanked { job, key, .. } => self.change(*job, |job| job.place.0 = *key),
            Event::JobTransferred { job, device } => {
                self.promises.end(*job);
                self.change(*job, |job| job.queue = *device);
            }
            Event::JobHeld { job } => {
                self.promises.end(*job);
                self.change(*job, |job| job.held = true);
            }
            Event::JobReleased { job } => self.change(*job, |job| job.held = false),
            Event::JobReady { job, device } => self.change(*job, |job| {
                job.dependent = false;
                job.queue = *device;
            }),
            Event::StartPromised { job, promise } => {
                self.promises.given(*job, promise);
                if let Some(job) = self.jobs.get_mut(job) {
                    job.promised = true;
                }
            }
            Event::PromiseMoved { job, promise, cause } => {
                self.promises.moved(*job, promise.as_deref(), *cause);
            }
            Event::JobStarted { allocation } => self.started(allocation),
            Event::JobRequeued { job, device, .. } => {
                self.change(*job, |job| {
                    job.allocation = None;
                    job.queue = *device;
                });
            }
            Event::JobRejected { job, .. } => self.ended(job.id),
            Event::JobFinished { job, .. }
            | Event::JobFailed { job, .. }
            | Event::JobCancelled { job, .. }
            | Event::JobExpired { job, .. } => self.ended(*job),
            Event::Reconfigured { config } => self.configure(config),
            _ => {}
        }
    }

    /// Time goes on.
    pub(super) fn advance(&mut self, now: Time) {
        if now > self.now {
            self.order.close_instant(self.now, &self.quotas);
            self.promises.advance(now);
            self.now = now;
        }
    }

    /// Forgets what was before.
    pub(super) fn restart(&mut self, now: Time) {
        self.advance(now);
        for job in self.jobs.values_mut() {
            job.measured = false;
        }
        self.order.restart();
        self.promises.restart();
        self.stops.restart(now);
        (self.started, self.promised) = (0, 0);
    }

    fn queued(&mut self, request: &JobRequest, queue: Option<DeviceId>, key: OrderKey) {
        if self.jobs.contains_key(&request.id) {
            return;
        }
        self.came += 1;
        let job = Job {
            tenant: request.tenant,
            qubits: request.min_qubits,
            place: (key, self.came),
            queue,
            held: false,
            dependent: request.dependencies().any(|other| self.jobs.contains_key(&other)),
            allocation: None,
            started: false,
            promised: false,
            measured: true,
        };
        self.jobs.insert(request.id, job.clone());
        self.enter(request.id, &job);
    }

    fn enter(&mut self, id: JobId, job: &Job) {
        if job.waits() {
            self.order.enter(id, job);
            self.stops.wait(job.tenant, job.qubits, true, &self.quotas, self.now);
        }
        if let Some(allocation) = &job.allocation {
            hold(&mut self.quotas, allocation);
            self.stops.changed(job.tenant, &self.quotas, self.now);
        }
    }

    fn leave(&mut self, id: JobId, job: &Job) {
        if job.waits() {
            self.order.leave(id, job, self.now);
            self.stops.wait(job.tenant, job.qubits, false, &self.quotas, self.now);
        }
        if let Some(allocation) = &job.allocation {
            if self.quotas.are_stated() {
                self.quotas.ended(allocation);
            }
            self.stops.changed(job.tenant, &self.quotas, self.now);
        }
    }

    fn change(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        let Some(mut job) = self.jobs.get(&id).cloned() else { return };
        self.leave(id, &job);
        change(&mut job);
        self.enter(id, &job);
        self.jobs.insert(id, job);
    }

    fn started(&mut self, allocation: &Arc<Allocation>) {
        let id = allocation.job;
        self.promises.end(id);
        if let Some(job) = self.jobs.get(&id) {
            let counts = job.measured && !job.started;
            self.started += u64::from(counts);
            self.promised += u64::from(counts && job.promised);
            self.order.started(job, counts);
        }
        self.change(id, |job| {
            job.started = true;
            job.allocation = Some(Arc::clone(allocation));
        });
    }

    fn ended(&mut self, id: JobId) {
        self.promises.end(id);
        if let Some(job) = self.jobs.swap_remove(&id) {
            self.leave(id, &job);
        }
    }

    /// Time goes on to `now`, and what happened then is all.
    pub(super) fn finish(&mut self, now: Time) {
        self.advance(now);
        self.order.close_instant(self.now, &self.quotas);
    }

    /// The figures of starts and promises; of starts until the last instant that is over.
    pub(super) fn starts(&self) -> Starts {
        Starts {
            started: self.started,
            promised: self.promised,
            backfilled: self.order.backfilled,
            given: self.promises.given,
            moved: self.promises.moved,
            missed: self.promises.missed,
        }
    }

    /// The job that was overtaken most often, if any was.
    pub(super) fn overtaken(&self) -> Option<Overtaken> {
        self.order.worst(self.now)
    }

    /// For how long quotas stopped the jobs of each tenant, together, in nanoseconds; empty where nobody has a quota.
    pub(super) fn stopped(&self, now: Time) -> impl Iterator<Item = (Tenant, u128)> {
        self.stops.stopped(now)
    }

    /// For how long somebody's jobs waited, in nanoseconds.
    pub(super) fn waited(&self, node: &Node, now: Time) -> u128 {
        self.stops.waited(node, now)
    }
}

#[cfg(test)]
mod tests;
