//! What each tenant has used of the machines, and how long its jobs have waited.
//!
//! Qubits that a job holds are charged to it; those that nobody else may take because of it, too, evenly where they lie
//! between several; its guard as well. Promises that everything which is charged or refunded adds up to what the devices
//! have lent, to the nanosecond: compare [`Metrics::check_conservation`](super::Metrics::check_conservation). An attempt that its hardware ended is refunded.

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::meter::Meter;
pub use super::meter::PARTS;
use crate::allocator::config::{AllocatorConfig, DeviceWeights, Tenants};
use crate::allocator::protocol::{Allocation, AllocationId, Event, FailureReason, JobId, JobRequest, Tenant};
use crate::quantum::DeviceId;
use crate::time::{Span, Time};

/// What is charged, in [`PARTS`] of qubit-nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Qubits held.
    pub held: u128,
    /// Qubits kept idle around jobs, and after them.
    pub kept_idle: u128,
}

impl Usage {
    /// All of it.
    pub fn parts(self) -> u128 {
        self.held + self.kept_idle
    }

    /// Counts more.
    pub fn add(&mut self, more: Self) {
        self.held += more.held;
        self.kept_idle += more.kept_idle;
    }

    /// All of it, in qubit-seconds.
    pub fn seconds(self) -> f64 {
        qubit_seconds(self.parts())
    }
}

/// Parts of qubit-nanoseconds as qubit-seconds.
pub fn qubit_seconds(parts: u128) -> f64 {
    parts as f64 / PARTS as f64 / 1e9
}

/// One tenant, or several together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Account {
    /// Jobs that came.
    pub jobs: u64,
    /// Of these, started.
    pub started: u64,
    /// Of these, completed.
    pub completed: u64,
    /// How long those that started had waited until then, together.
    pub waited: u128,
    /// What is charged.
    pub charged: Usage,
    /// What it counts for where devices have weights, in [`PARTS`]; all of it otherwise.
    pub counted: u128,
    /// What attempts used that their hardware ended.
    pub refunded: Usage,
    /// For how long its waiting jobs were stopped by a quota, together; see [`super::sharing`].
    pub stopped: u128,
}

impl Account {
    /// Counts another one's figures as well.
    pub fn add(&mut self, other: &Self) {
        self.jobs += other.jobs;
        self.started += other.started;
        self.completed += other.completed;
        self.waited += other.waited;
        self.charged.add(other.charged);
        self.counted += other.counted;
        self.refunded.add(other.refunded);
        self.stopped += other.stopped;
    }

    /// Mean time from submission to first start, in seconds.
    pub fn mean_wait_s(&self) -> Option<f64> {
        (self.started > 0).then(|| self.waited as f64 / self.started as f64 / 1e9)
    }
}

/// An attempt whose qubits are not free yet.
#[derive(Debug, Clone)]
struct Open {
    allocation: Arc<Allocation>,
    /// Its job has ended, and its qubits rest.
    rests: bool,
    /// What its parts count for, in thousandths.
    weight: u32,
    since: Time,
    /// Parts per nanosecond.
    held: u64,
    kept_idle: u64,
    used: Usage,
    refunded: bool,
}

impl Open {
    fn meter(&mut self, now: Time) {
        let ns = u128::from(now.since(self.since).0);
        self.used.held += u128::from(self.held) * ns;
        self.used.kept_idle += u128::from(self.kept_idle) * ns;
        self.since = now;
    }

    /// Puts what it has used on its tenant's account.
    fn settle(&self, account: &mut Account) {
        if self.refunded {
            return account.refunded.add(self.used);
        }
        account.charged.add(self.used);
        account.counted += self.used.parts() * u128::from(self.weight) / 1_000;
    }

    fn look_at(&mut self, meter: &Meter) {
        let (held, kept_idle) = meter.use_of(&self.allocation, self.rests);
        (self.held, self.kept_idle) = (held * PARTS, kept_idle);
    }
}

/// A job that has not ended.
#[derive(Debug, Clone, Copy)]
struct Waiting {
    tenant: Tenant,
    submitted: Time,
    started: bool,
    /// Whether it came in the measured interval.
    measured: bool,
}

/// The accounts of all tenants.
#[derive(Debug, Clone, Default)]
pub struct Accounts {
    tenants: BTreeMap<Tenant, Account>,
    jobs: IndexMap<JobId, Waiting, FxBuildHasher>,
    open: IndexMap<DeviceId, BTreeMap<AllocationId, Open>, FxBuildHasher>,
    device_of: IndexMap<AllocationId, DeviceId, FxBuildHasher>,
    names: IndexMap<DeviceId, String, FxBuildHasher>,
    weights: DeviceWeights,
    now: Time,
}

impl Accounts {
    /// Other settings are in force from now on; what runs counts as it did when it started.
    pub(super) fn configure(&mut self, config: &AllocatorConfig) {
        self.weights = config.charge_weights.clone();
    }

    /// Takes an event that the meters have seen.
    pub(super) fn observe(
        &mut self,
        now: Time,
        event: &Event,
        devices: &IndexMap<DeviceId, Meter, FxBuildHasher>,
    ) {
        self.now = now;
        let changed = match event {
            Event::DeviceRegistered { device, spec } => {
                self.names.insert(*device, spec.name.clone());
                None
            }
            Event::Reconfigured { config } => {
                self.configure(config);
                None
            }
            Event::JobQueued { job, .. } => {
                self.came(job);
                None
            }
            Event::JobRejected { job, .. } => {
                if self.jobs.swap_remove(&job.id).is_none() {
                    self.of(job.tenant).jobs += 1;
                }
                None
            }
            Event::JobCancelled { job, allocation: None, .. } | Event::JobExpired { job, .. } => {
                self.jobs.swap_remove(job);
                None
            }
            Event::JobStarted { allocation } => {
                self.started(allocation);
                Some(allocation.device)
            }
            Event::GuardStarted { allocation, device, .. } => {
                if let Some(open) = self.open_of(*allocation) {
                    open.rests = true;
                }
                Some(*device)
            }
            Event::GuardEnded { allocation, device } => {
                self.close(*allocation);
                Some(*device)
            }
            Event::JobFinished { job, allocation, .. } => {
                if let Some(waiting) = self.jobs.swap_remove(job).filter(|waiting| waiting.measured) {
                    self.of(waiting.tenant).completed += 1;
                }
                self.ended(*allocation, false)
            }
            Event::JobFailed { job, allocation, reason } => {
                self.jobs.swap_remove(job);
                let own = *reason == FailureReason::Walltime;
                self.ended(*allocation, !own)
            }
            Event::JobCancelled { job, allocation: Some(allocation), .. } => {
                self.jobs.swap_remove(job);
                self.ended(*allocation, false)
            }
            Event::JobRequeued { allocation, .. } => self.ended(*allocation, true),
            Event::Recalibrated { device, .. } => Some(*device),
            Event::StatusChanged { target, .. } => Some(target.device()),
            Event::DeviceRemoved { device } => {
                let left: Vec<AllocationId> =
                    self.open.get(device).into_iter().flat_map(BTreeMap::keys).copied().collect();
                left.into_iter().for_each(|id| self.close(id));
                None
            }
            _ => None,
        };
        let Some((device, meter)) = changed.and_then(|id| Some((id, devices.get(&id)?))) else { return };
        for open in self.open.get_mut(&device).into_iter().flat_map(BTreeMap::values_mut) {
            open.meter(now);
            open.look_at(meter);
        }
    }

    fn open_of(&mut self, id: AllocationId) -> Option<&mut Open> {
        let device = self.device_of.get(&id)?;
        self.open.get_mut(device)?.get_mut(&id)
    }

    /// Forgets what was before.
    pub(super) fn restart(&mut self, now: Time) {
        self.now = now;
        self.tenants.clear();
        for waiting in self.jobs.values_mut() {
            waiting.measured = false;
        }
        for open in self.open.values_mut().flat_map(BTreeMap::values_mut) {
            open.meter(now);
            open.used = Usage::default();
        }
    }

    fn of(&mut self, tenant: Tenant) -> &mut Account {
        self.tenants.entry(tenant).or_default()
    }

    fn came(&mut self, job: &JobRequest) {
        self.of(job.tenant).jobs += 1;
        let waiting = Waiting { tenant: job.tenant, submitted: self.now, started: false, measured: true };
        self.jobs.insert(job.id, waiting);
    }

    fn started(&mut self, allocation: &Arc<Allocation>) {
        let now = self.now;
        if let Some(waiting) = self.jobs.get_mut(&allocation.job)
            && !std::mem::replace(&mut waiting.started, true)
            && waiting.measured
        {
            let (tenant, Span(wait)) = (waiting.tenant, now.since(waiting.submitted));
            let account = self.of(tenant);
            account.started += 1;
            account.waited += u128::from(wait);
        }
        let name = self.names.get(&allocation.device);
        let weight = name.map_or(1_000, |name| self.weights.of(name));
        let open = Open {
            allocation: Arc::clone(allocation),
            rests: false,
            weight,
            since: now,
            held: 0,
            kept_idle: 0,
            used: Usage::default(),
            refunded: false,
        };
        self.device_of.insert(allocation.id, allocation.device);
        self.open.entry(allocation.device).or_default().insert(allocation.id, open);
    }

    /// An attempt has ended; its qubits are free, or rest. The device.
    fn ended(&mut self, id: AllocationId, refunded: bool) -> Option<DeviceId> {
        let open = self.open_of(id)?;
        open.refunded = refunded;
        let (device, rests) = (open.allocation.device, open.rests);
        if !rests {
            self.close(id);
        }
        Some(device)
    }

    fn close(&mut self, id: AllocationId) {
        let Some(device) = self.device_of.swap_remove(&id) else { return };
        let Some(mut open) = self.open.get_mut(&device).and_then(|open| open.remove(&id)) else { return };
        open.meter(self.now);
        let tenant = open.allocation.tenant;
        open.settle(self.of(tenant));
    }

    /// The accounts of all tenants that had jobs, those who run charged until `now`.
    pub(super) fn by_tenant(&self, now: Time) -> BTreeMap<Tenant, Account> {
        let mut all = self.tenants.clone();
        for open in self.open.values().flat_map(BTreeMap::values) {
            let mut open = open.clone();
            open.meter(now);
            open.settle(all.entry(open.allocation.tenant).or_default());
        }
        all
    }

    /// What each project was charged for each of its shares: those of its group, divided among the projects of that which
    /// had jobs.
    pub(super) fn by_share(&self, tenants: &Tenants, now: Time) -> Vec<f64> {
        let mut projects: BTreeMap<(u32, u32), f64> = BTreeMap::new();
        for (tenant, account) in self.by_tenant(now) {
            *projects.entry((tenant.group, tenant.project)).or_default() += qubit_seconds(account.counted);
        }
        let shares = |(group, project)| tenants.shares_of(Tenant { group, project, user: 0 });
        let mut in_group: BTreeMap<u32, f64> = BTreeMap::new();
        for &path in projects.keys() {
            *in_group.entry(path.0).or_default() += f64::from(shares(path)[1]);
        }
        let due = |path: (u32, u32)| {
            let [group, project, _] = shares(path);
            f64::from(group) * f64::from(project) / in_group[&path.0]
        };
        projects.iter().map(|(path, charged)| charged / due(*path)).collect()
    }

    /// All of them together: what is charged and refunded is what the devices have lent or kept idle.
    pub(super) fn total(&self, now: Time) -> Account {
        self.by_tenant(now).values().fold(Account::default(), |mut sum, account| {
            sum.add(account);
            sum
        })
    }
}
