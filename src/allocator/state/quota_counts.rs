//! When somebody has more or less of what there are quotas of, and who may start by them.
//!
//! Promises that whoever stands behind is in nobody's way: what it is promised counts for those alone that stand behind it.

use std::collections::BTreeMap;

use super::State;
use super::jobs::Job;
use super::place::JobSlot;
use super::quotas::{Had, Quotas, asked, less, running};
use super::spent::Charged;
use crate::allocator::config::Queue;
use crate::allocator::protocol::{Allocation, JobId, LimitReached, Tenant};
use crate::time::Time;

/// What a job has at a time: its qubits, or those that it is promised.
fn had_by(state: &State, job: &Job) -> Option<Had> {
    if job.promise.is_some() {
        return promised(job);
    }
    let of = job.allocation().and_then(|id| state.running.get(&id));
    of.map(|of| running(of.allocation.held.len()))
}

/// What a job has by its promise.
fn promised(job: &Job) -> Option<Had> {
    job.promise.as_ref().map(|known| asked(&job.request, known.promise.layout.len()))
}

impl State {
    /// Who has how much at a time.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// A job has started.
    pub(super) fn quota_begins(&mut self, slot: JobSlot, allocation: &Allocation) {
        let request = &self.jobs[slot].request;
        self.quotas.change(request.tenant, running(allocation.held.len()));
        self.spent.start(Charged::at_start(request, allocation));
    }

    /// Its attempt has ended; by its hardware, if it is `refunded`.
    pub(super) fn quota_ends(&mut self, now: Time, slot: JobSlot, allocation: &Allocation, refunded: bool) {
        let request = &self.jobs[slot].request;
        self.quotas.change(request.tenant, less(running(allocation.held.len())));
        let at_end = Charged::at_end(request, allocation, now);
        self.spent.end(Charged::at_start(request, allocation), (!refunded).then_some(at_end), now);
        self.mark_all_due_by_quota();
    }

    /// What counts of the attempts that hold qubits, as long as these do.
    pub(super) fn charged_at_start(&self) -> Vec<Charged> {
        let of = |running: &super::Running| {
            Charged::at_start(&self.jobs[running.slot].request, &running.allocation)
        };
        self.running.values().map(of).collect()
    }

    /// Counts anew what everybody has.
    pub(super) fn count_quotas(&mut self) {
        let mut quotas = Quotas::new(&self.config.tenants);
        if !quotas.is_empty() {
            for (_, job) in self.jobs.iter() {
                let tenant = job.request.tenant;
                if let Some(had) = had_by(self, job) {
                    quotas.change(tenant, had);
                }
                if job.wait().is_some() {
                    quotas.wait(tenant, 1);
                }
            }
        }
        self.quotas = quotas;
    }

    /// Whether quotas let a waiting job have so many qubits, beside all that have some and all before it that are promised
    /// some. Its own promise is part of what it has.
    pub fn quota_allows(&self, slot: JobSlot, qubits: u32) -> Result<(), LimitReached> {
        if self.quotas.is_empty() {
            return Ok(());
        }
        let job = &self.jobs[slot];
        let (tenant, asked) = (job.request.tenant, asked(&job.request, qubits as usize));
        let own = promised(job).map(|had| (tenant, had));
        let nothing: BTreeMap<usize, Had> = BTreeMap::new();
        let shared = if own.is_some() { self.quotas.shared(tenant, own.into_iter()) } else { nothing };
        let beside = |shared: &BTreeMap<usize, Had>, at: usize| shared.get(&at).copied().unwrap_or_default();
        // Mostly there is room beside everybody.
        self.quotas.check(&self.spent, tenant, asked, |at| beside(&shared, at)).or_else(|_| {
            let behind = self.promised_behind(slot).map(|(_, tenant, had)| (tenant, had));
            let shared = self.quotas.shared(tenant, behind.chain(own));
            self.quotas.check(&self.spent, tenant, asked, |at| beside(&shared, at))
        })
    }

    /// Those who are promised a start and stand behind a job.
    fn promised_behind(&self, slot: JobSlot) -> impl Iterator<Item = (JobSlot, Tenant, Had)> {
        let standing = self.standing(slot);
        let devices = self.fleet.promising().filter_map(|id| self.fleet.get(id));
        let jobs = devices.flat_map(|device| device.calendar.promises().map(|(job, _)| job));
        jobs.filter_map(move |id: JobId| {
            let (other, job) = self.find(id)?;
            let had = promised(job)?;
            (self.standing(other) > standing).then_some((other, job.request.tenant, had))
        })
    }

    /// The last of those who are promised a start behind a job, if all together now have more than they may.
    pub(in crate::allocator) fn beyond_quota_behind(&self, slot: JobSlot) -> Option<JobSlot> {
        let tenant = self.jobs[slot].request.tenant;
        if self.quotas.is_empty() || !self.quotas.is_exceeded(&self.spent, tenant) {
            return None;
        }
        // Of those who have something in common with it: for others it changes nothing.
        let near = |of: &(JobSlot, Tenant, Had)| self.quotas.is_exceeded(&self.spent, of.1);
        let behind = self.promised_behind(slot).filter(near);
        behind.map(|(other, ..)| other).max_by_key(|other| self.standing(*other))
    }

    /// A job is promised nothing any more.
    pub(super) fn break_promise(&mut self, slot: JobSlot) {
        if self.jobs[slot].promise.is_some() {
            self.mark_all_due_by_quota();
            self.promise(slot, None);
        }
    }

    /// A plan takes so much for a job, or gives it back.
    pub(in crate::allocator) fn plan_quota(&mut self, tenant: Tenant, had: Had, takes: bool) {
        self.quotas.change(tenant, if takes { had } else { less(had) });
    }

    /// Somebody has less than before: those of others who were kept by quotas may start now, wherever they wait.
    pub(in crate::allocator) fn mark_all_due_by_quota(&mut self) {
        if self.quotas.is_empty() {
            return;
        }
        match self.config.queue {
            Queue::Global { .. } => self.mark_queue_due(None),
            Queue::PerDevice { .. } => {
                let waiting =
                    self.fleet.iter().filter(|device| !device.queue.is_empty() || device.counted > 0);
                let ids: Vec<_> = waiting.map(|device| device.id).collect();
                ids.into_iter().for_each(|id| self.mark_queue_due(Some(id)));
            }
        }
    }
}
