//! When attempts are charged, and whose jobs that lets go first.
//!
//! Promises that every change of a device meters those who use it. Leaves what is charged to [`super::charges`].

use super::State;
use super::accounts::Expected;
use super::charges;
use super::fleet::Device;
use super::place::{AccountId, JobSlot};
use crate::allocator::config::Queue;
use crate::allocator::protocol::{Allocation, AllocationId};
use crate::quantum::DeviceId;
use crate::time::Time;

impl State {
    /// Begins to charge an attempt.
    pub(super) fn charge(&mut self, now: Time, slot: JobSlot, allocation: &Allocation) {
        let Some(device) = self.fleet.get(allocation.device).filter(|_| self.accounts.count()) else {
            return;
        };
        let job = &self.jobs[slot];
        let weight = self.config.charge_weights.of(&device.spec.name);
        let units = charges::expected(&self.config, device, allocation.id, &job.request, allocation.copies);
        let expected = Expected { account: job.account, units, began: now };
        self.charges.begin(&mut self.accounts, device, allocation.id, expected, weight);
        self.mark_queues_of_others_due(job.account);
    }

    /// A device is used otherwise from now on.
    pub(super) fn meter(&mut self, now: Time, id: DeviceId) {
        if let Some(device) = self.fleet.get(id) {
            self.charges.meter(device, now);
        }
    }

    /// The qubits of an attempt are free.
    pub(super) fn settle(&mut self, now: Time, id: AllocationId) {
        if let Some(account) = self.charges.settle(&mut self.accounts, id, now) {
            self.mark_queues_of_others_due(account);
        }
    }

    /// Who is charged falls behind others, in all queues: these may start now.
    pub(super) fn mark_queues_of_others_due(&mut self, account: AccountId) {
        // The global one is due whenever anything is free, and after a pass that starts somebody.
        if matches!(self.config.queue, Queue::Global { .. }) {
            return;
        }
        let holds_others = |device: &&Device| {
            let mut accounts = device.queue.accounts();
            device.queue.len() > 1 && accounts.any(|of| of != account)
        };
        let reordered: Vec<DeviceId> =
            self.fleet.iter().filter(holds_others).map(|device| device.id).collect();
        for id in reordered {
            self.mark_queue_due(Some(id));
        }
    }

    /// Gives every job the account of its tenant.
    pub(super) fn open_accounts(&mut self) {
        let mut live: Vec<JobSlot> = self.jobs.iter().map(|(slot, _)| slot).collect();
        live.sort_unstable_by_key(|slot| self.jobs[*slot].place);
        for slot in live {
            let account = self.accounts.open(&self.config, self.jobs[slot].request.tenant);
            self.jobs[slot].account = account;
        }
    }
}
