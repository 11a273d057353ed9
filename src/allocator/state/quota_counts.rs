//! When somebody has more or less of what there are quotas of, and who may start by them.
//!
//! Promises that whoever stands behind is in nobody's way: what it is promised counts for those alone that stand behind it.

use std::collections::BTreeMap;

use super::State;
use super::jobs::Job;
use super::place::JobSlot;
use super::quotas::{Had, Quotas, less, more};
use crate::allocator::config::Queue;
use crate::allocator::protocol::{JobId, LimitReached, Tenant};

/// What a job has at a time: its qubits, or those that it is promised.
fn had_by(state: &State, job: &Job) -> Option<Had> {
    if let Some(promised) = &job.promise {
        return Some(more(promised.promise.layout.len()));
    }
    let running = job.allocation().and_then(|id| state.running.get(&id));
    running.map(|running| more(running.allocation.held.len()))
}

impl State {
    /// Who has how much at a time.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
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
        let tenant = job.request.tenant;
        let own = job.promise.as_ref().map(|own| (tenant, more(own.promise.layout.len())));
        let nothing: BTreeMap<usize, Had> = BTreeMap::new();
        let own = if own.is_some() { self.quotas.shared(tenant, own.into_iter()) } else { nothing };
        let beside = |shared: &BTreeMap<usize, Had>, at: usize| shared.get(&at).copied().unwrap_or_default();
        // Mostly there is room beside everybody.
        self.quotas.check(tenant, qubits, |at| beside(&own, at)).or_else(|_| {
            let behind = self.promised_behind(slot).map(|(_, tenant, had)| (tenant, had));
            let own = job.promise.as_ref().map(|own| (tenant, more(own.promise.layout.len())));
            let shared = self.quotas.shared(tenant, behind.chain(own));
            self.quotas.check(tenant, qubits, |at| beside(&shared, at))
        })
    }

    /// Those who are promised a start and stand behind a job.
    fn promised_behind(&self, slot: JobSlot) -> impl Iterator<Item = (JobSlot, Tenant, Had)> {
        let standing = self.standing(slot);
        let devices = self.fleet.promising().filter_map(|id| self.fleet.get(id));
        let jobs = devices.flat_map(|device| device.calendar.promises().map(|(job, _)| job));
        jobs.filter_map(move |id: JobId| {
            let (other, job) = self.find(id)?;
            let had = more(job.promise.as_ref()?.promise.layout.len());
            (self.standing(other) > standing).then_some((other, job.request.tenant, had))
        })
    }

    /// The last of those who are promised a start behind a job, if all together now have more than they may.
    pub(in crate::allocator) fn beyond_quota_behind(&self, slot: JobSlot) -> Option<JobSlot> {
        let tenant = self.jobs[slot].request.tenant;
        if self.quotas.is_empty() || !self.quotas.is_exceeded(tenant) {
            return None;
        }
        // Of those who have something in common with it: for others it changes nothing.
        let near = |of: &(JobSlot, Tenant, Had)| self.quotas.is_exceeded(of.1);
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

    /// A plan takes so many qubits for a job, or gives them back.
    pub(in crate::allocator) fn plan_quota(&mut self, tenant: Tenant, qubits: usize, takes: bool) {
        self.quotas.change(tenant, if takes { more(qubits) } else { less(qubits) });
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
