//! Everything that a restart must bring back. It changes by [`State::apply`] alone, one event at a time.
//!
//! Promises that the state is the fold of its events: whoever applies the same events to an empty state has the same
//! state, whatever a later version would decide. Beside the state stands the agenda: what is due and when to wake up.
//! It follows from the state but for what passes in vain have looked at; a state that was folded has everything due.

pub mod accounts;
mod agenda;
mod apply;
mod arrivals;
pub mod backlog;
mod billing;
mod booking;
pub mod calendar;
pub mod charges;
mod consistency;
mod dependants;
pub mod fleet;
pub mod impossible;
pub mod jobs;
mod multiset;
pub mod outlook;
pub mod place;
pub mod profile;
pub mod queues;
mod quota_counts;
pub mod quotas;
mod ranks;
mod reports;
pub mod run_times;
pub mod snapshot;
mod spent;
mod window;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use serde::{Deserialize, Serialize};

use crate::allocator::config::{AllocatorConfig, Queue, Selection};
use crate::allocator::protocol::{
    Allocation, AllocationId, JobId, PartyTerms, PromisedIsolation, StartPromise, Tenant,
};
use crate::quantum::{DeviceId, QubitSet};
use crate::time::Time;
use accounts::{Accounts, Expected};
pub(super) use agenda::{Agenda, Timer};
use calendar::{Booking, BookingKind, Kept};
use charges::Charges;
use dependants::Dependants;
use fleet::{Device, Fleet, TakenTurn};
use jobs::{Job, JobTable, Known, Promised};
use outlook::{Counting, Outlook};
use place::{JobSlot, Place, Standing};
use queues::WaitingQueue;
use quotas::Quotas;
use spent::Spent;

/// An attempt that holds qubits.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Running {
    /// What was granted.
    pub allocation: Arc<Allocation>,
    /// Whose it is.
    pub slot: JobSlot,
    /// Shots reported so far.
    pub shots_done: u64,
    /// Its pending timer: the end of the walltime, or of the patience after a request to stop.
    timer: Option<(Time, Timer)>,
}

/// The state of the core.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct State {
    config: AllocatorConfig,
    fleet: Fleet,
    jobs: JobTable,
    /// All waiting jobs; with queues per device, those that no device in the fleet could take.
    queue: WaitingQueue,
    running: IndexMap<AllocationId, Running, FxBuildHasher>,
    /// Who has used how much.
    accounts: Accounts,
    /// What attempts are charged.
    charges: Charges,
    /// Who has how much at a time.
    #[serde(skip)]
    quotas: Quotas,
    /// Who waits for whose end.
    #[serde(skip)]
    dependants: Dependants,
    /// Who has spent how much of a period.
    #[serde(default, skip_serializing_if = "Spent::is_empty")]
    spent: Spent,
    /// The device that was chosen last for any job: to run it or, with queues per device, to wait for.
    last_chosen: Option<DeviceId>,
    next_place: Place,
    next_allocation: AllocationId,
    #[serde(skip)]
    agenda: Agenda,
}

impl State {
    /// Nothing has happened yet. The configuration must be valid.
    pub fn new(config: AllocatorConfig) -> Self {
        Self {
            accounts: Accounts::new(&config, Time::ZERO),
            charges: Charges::default(),
            quotas: Quotas::new(&config.tenants),
            dependants: Dependants::default(),
            spent: Spent::new(&config.tenants),
            config,
            fleet: Fleet::default(),
            jobs: JobTable::default(),
            queue: WaitingQueue::default(),
            running: IndexMap::default(),
            last_chosen: None,
            next_place: 1,
            next_allocation: AllocationId(1),
            agenda: Agenda::default(),
        }
    }

    /// The configuration in force.
    pub fn config(&self) -> &AllocatorConfig {
        &self.config
    }

    /// The devices.
    pub fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The jobs that have not ended, and the memory of those that have.
    pub fn jobs(&self) -> &JobTable {
        &self.jobs
    }

    /// A live job by its number.
    pub fn find(&self, id: JobId) -> Option<(JobSlot, &Job)> {
        match self.jobs.find(id) {
            Known::Live(slot) => Some((slot, &self.jobs[slot])),
            _ => None,
        }
    }

    /// Looks at usage as of now from here on.
    pub(super) fn look(&mut self, now: Time) {
        self.accounts.look(now);
        self.spent.look(now);
    }

    /// When usage leaves next after a time, and whoever waits may start for that.
    pub(super) fn usage_leaves_after(&self, time: Time) -> Option<Time> {
        let periods = self.quotas.leaves_after(&self.spent, time);
        self.reorders_after(time).into_iter().chain(periods).min()
    }

    /// When the order of waiting jobs may change next after a time though nobody is charged: usage leaves a window, and jobs
    /// of two accounts wait, wherever they do.
    fn reorders_after(&self, time: Time) -> Option<Time> {
        let at = self.accounts.leaves_after(time)?;
        let elsewhere = self.fleet.iter().flat_map(|device| device.queue.accounts());
        let mut waiting = self.queue.accounts().chain(elsewhere);
        let first = waiting.next()?;
        waiting.any(|other| other != first).then_some(at)
    }

    /// All queues have another order than when they were looked at, or quotas leave more.
    pub(super) fn mark_all_queues_due(&mut self) {
        self.mark_queue_due(None);
        if matches!(self.config.queue, Queue::PerDevice { .. }) {
            let devices: Vec<DeviceId> = self.fleet.iter().map(|device| device.id).collect();
            devices.into_iter().for_each(|id| self.mark_queue_due(Some(id)));
        }
    }

    /// Who has used how much.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// What a tenant has used for each of its user's shares in its project, weighted; with a window, what its project has. See
    /// [`accounts`].
    pub fn usage_of(&self, tenant: Tenant) -> u128 {
        let account = self.accounts.of(tenant).filter(|_| self.accounts.count());
        account.map_or(0, |account| self.accounts.used(account)[place::LEVELS - 1])
    }

    /// Where a job stands among all.
    pub fn standing(&self, slot: JobSlot) -> Standing {
        let job = &self.jobs[slot];
        Standing { used: self.accounts.used(job.account), rank: job.rank() }
    }

    /// The bookings of a device as a job of a party sees them.
    pub fn outlook<'c>(
        &'c self,
        device: &'c Device,
        now: Time,
        counting: Counting,
        party: Option<PartyTerms>,
    ) -> Outlook<'c> {
        Outlook { calendar: &device.calendar, accounts: &self.accounts, now, counting, party }
    }

    /// The jobs of a queue in the order in which they stand.
    pub fn in_order(&self, queue: &WaitingQueue) -> Vec<JobSlot> {
        let mut slots: Vec<JobSlot> = queue.slots().collect();
        if self.accounts.count() {
            slots.sort_by_cached_key(|slot| self.standing(*slot));
        }
        slots
    }

    /// Charges an account for a start that is planned.
    pub(super) fn expect(&mut self, expected: Expected) {
        self.accounts.expect(expected);
    }

    /// Takes back what was charged for a plan.
    pub(super) fn expect_no_more(&mut self, expected: Expected) {
        self.accounts.take_back(expected);
    }

    /// The global queue; with queues per device, the jobs that no device in the fleet could take.
    pub fn queue(&self) -> &WaitingQueue {
        &self.queue
    }

    /// The queue of a device, or the global one; none of a device that is not there.
    pub fn queue_of(&self, device: Option<DeviceId>) -> Option<&WaitingQueue> {
        match device {
            None => Some(&self.queue),
            Some(id) => self.fleet.get(id).map(|device| &device.queue),
        }
    }

    /// A live attempt.
    pub fn running(&self, id: AllocationId) -> Option<&Running> {
        self.running.get(&id)
    }

    /// Number of jobs that wait, held ones included.
    pub fn waiting_len(&self) -> usize {
        self.jobs.len() - self.running.len()
    }

    /// The device that was chosen last for any job.
    pub fn last_chosen(&self) -> Option<DeviceId> {
        self.last_chosen
    }

    /// The number of the next allocation; lower ones were given.
    pub fn next_allocation(&self) -> AllocationId {
        self.next_allocation
    }

    /// What is due, and when to wake up.
    pub(super) fn agenda(&self) -> &Agenda {
        &self.agenda
    }

    /// What is due, and when to wake up, to be taken off.
    pub(super) fn agenda_mut(&mut self) -> &mut Agenda {
        &mut self.agenda
    }

    /// Writes to `free` the qubits of `usable` that a job with the given promise may take on a device now; remembers its
    /// buffer distance.
    pub(super) fn free_for(
        &mut self,
        id: DeviceId,
        promised: &PromisedIsolation,
        usable: &QubitSet,
        free: &mut QubitSet,
    ) {
        if let Some(device) = self.fleet.get_mut(id) {
            device.calendar.free_for(promised, usable, &device.spec.coupling_map, free);
        }
    }

    /// Books qubits for a plan that is not decided yet: it becomes a decision with the event of its start, or is taken
    /// back.
    pub(super) fn plan(&mut self, id: DeviceId, holder: AllocationId, booking: Booking) {
        if let Some(device) = self.fleet.get_mut(id) {
            device.calendar.plan(holder, booking, &device.spec.coupling_map);
            self.fleet.refresh(id);
        }
    }

    /// Takes back what was booked for a plan.
    pub(super) fn take_back(&mut self, id: DeviceId, holder: AllocationId) -> Option<Booking> {
        let device = self.fleet.get_mut(id)?;
        let booking = device.calendar.take_back(holder, &device.spec.coupling_map);
        self.fleet.refresh(id);
        booking
    }

    /// Promises a waiting job a start, or nothing, instead of what it was promised before. What a plan does so becomes a
    /// fact with its event, which does the same.
    pub(super) fn promise(&mut self, slot: JobSlot, promise: Option<StartPromise>) {
        let promised = promise.and_then(|promise| {
            let revision = self.fleet.get(promise.device)?.epoch.revision;
            Some(Box::new(Promised { promise, revision }))
        });
        self.promise_again(slot, promised);
    }

    /// The same for a promise as it was.
    pub(super) fn promise_again(&mut self, slot: JobSlot, promised: Option<Box<Promised>>) {
        if self.jobs[slot].promise == promised {
            return;
        }
        let id = self.jobs[slot].request.id;
        let request = self.jobs[slot].request.clone();
        if let Some(old) = self.jobs[slot].promise.take() {
            self.quotas
                .change(request.tenant, quotas::less(quotas::asked(&request, old.promise.layout.len())));
            let timer = Timer::PromiseDue(id);
            if let Some(at) = old.promise.not_later_than {
                self.agenda.timers.remove(&(at, timer));
            }
            let kept =
                self.fleet.get_mut(old.promise.device).is_some_and(|device| device.calendar.let_go(id));
            if kept {
                self.fleet.refresh(old.promise.device);
            }
        }
        let Some(promised) = promised else { return };
        let promise = &promised.promise;
        let (account, rank) = (self.jobs[slot].account, self.jobs[slot].rank());
        let Some(device) = self.fleet.get_mut(promise.device) else { return };
        let qubits = device.spec.coupling_map.qubits();
        device.calendar.keep(id, Kept { account, rank, booking: Booking::of_promise(promise, qubits) });
        self.fleet.refresh(promise.device);
        self.agenda.timers.extend(promise.not_later_than.map(|at| (at, Timer::PromiseDue(id))));
        self.quotas.change(request.tenant, quotas::asked(&request, promise.layout.len()));
        self.jobs[slot].promise = Some(promised);
    }

    /// Asks something of the state as it were without an attempt: its qubits free, and nothing else changed.
    pub(super) fn without<T>(&mut self, id: AllocationId, ask: impl FnOnce(&mut Self) -> T) -> T {
        let device_id = self.running.get(&id).map(|running| running.allocation.device);
        let lifted = device_id.and_then(|device_id| {
            let device = self.fleet.get_mut(device_id)?;
            let map = device.spec.coupling_map.clone();
            let booking = device.calendar.release(id, BookingKind::Allocation, &map)?;
            self.fleet.refresh(device_id);
            Some((device_id, booking, map))
        });
        let answer = ask(self);
        if let Some((device_id, booking, map)) = lifted
            && let Some(device) = self.fleet.get_mut(device_id)
        {
            device.calendar.book(id, BookingKind::Allocation, booking, &map);
            self.fleet.refresh(device_id);
        }
        answer
    }

    /// A device takes its turn for a start that is planned, where turns count.
    pub(super) fn take_turn(&mut self, id: DeviceId) -> Option<TakenTurn> {
        let counts = self.config.selection == Selection::WeightedRoundRobin
            && matches!(self.config.queue, Queue::Global { .. });
        if counts { self.fleet.take_turn(id) } else { None }
    }

    /// Takes back a turn that was taken for a plan, the last one first.
    pub(super) fn undo_turn(&mut self, taken: TakenTurn) {
        self.fleet.undo_turn(taken);
    }

    /// Works out anew what waits for each device, for a state that was read.
    pub(super) fn count_backlogs(&mut self) {
        for (_, job) in self.jobs.iter() {
            let home = job.wait().and_then(|wait| wait.queue);
            if let Some(device) = home.and_then(|id| self.fleet.get_mut(id)) {
                device.await_work(&job.request);
            }
        }
    }

    /// Marks the queues that a change on a device may help.
    pub(super) fn mark_due(&mut self, id: DeviceId) {
        let parked = !self.queue.is_empty();
        self.agenda.due.mark(&self.config, parked, id);
    }

    fn mark_all_due(&mut self) {
        let parked = !self.queue.is_empty();
        self.agenda.due.mark_all(&self.config, parked, &self.fleet);
    }

    /// The global queue, or those of all devices, have another order than when they were looked at.
    pub(super) fn mark_reordered(&mut self) {
        if matches!(self.config.queue, Queue::Global { .. }) {
            self.mark_queue_due(None);
        }
    }

    fn mark_queue_due(&mut self, queue: Option<DeviceId>) {
        self.agenda.due.mark_queue(queue);
    }

    /// The devices, each known to be there.
    pub fn devices(&self) -> impl Iterator<Item = &Device> {
        self.fleet.iter()
    }
}
