//! Every metric, defined once and computed from the events of the core.
//!
//! Promises integrals in whole nanoseconds and sums that do not depend on their order, so that the same run gives the
//! same bits. Constant work per event, apart from the search for free regions, which can be switched off.

pub mod accounts;
mod balance;
pub mod deadlines;
mod distribution;
mod estimates;
mod meter;
mod registry;
mod sample;
mod shares;
pub mod sharing;
mod summary;
mod timeline;

use std::collections::BTreeMap;
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::auditor::Auditor;
pub use super::conservation::ConservationError;
use super::conservation::{Level, Sums};
use crate::allocator::PassTally;
use crate::allocator::config::{AllocatorConfig, Tenants};
use crate::allocator::protocol::{Allocation, AllocationId, Event, FinalState, JobId, JobRequest, Tenant};
use crate::forward::Estimate;
use crate::quantum::DeviceId;
use crate::quantum::device::DeviceSpec;
use crate::time::{Span, Time};
use accounts::{Account, Accounts};
use deadlines::Deadlines;
use distribution::PER_UNIT;
use estimates::Estimates;
use meter::Meter;
use sharing::Sharing;

pub use balance::Capacity;
pub use distribution::{Distribution, EXACT_MAX};
pub use estimates::{JUDGED_FROM, PLAN_AHEAD};
pub use registry::{Better, METRICS, Metric, MetricDef, Statistic, UnknownMetric};
pub use sample::TimelineSample;
pub use sharing::{Overtaken, Starts};
pub use summary::MetricValue;

/// The execution time below which a job counts as one of this length in the bounded slowdown.
pub const SLOWDOWN_BOUND: Span = Span::from_secs(10);

/// What is measured beyond the cheap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricsOptions {
    /// Whether free regions are searched whenever time passes after a change of occupancy. Without it
    /// `fragmentation` is null. About a microsecond per change on 156 qubits. Default true.
    pub fragmentation: bool,
    /// Whether accounts are kept of every tenant. Default false.
    pub accounts: bool,
    /// Whether fairness is measured by shares: where anybody has one, or usage counts. Default false.
    pub shares: bool,
    /// Who has which share, where accounts are kept. Default: nobody is listed, all have one each.
    pub tenants: Tenants,
}

impl Default for MetricsOptions {
    fn default() -> Self {
        Self { fragmentation: true, accounts: false, shares: false, tenants: Tenants::default() }
    }
}

#[derive(Debug, Clone)]
enum Phase {
    Waiting { since: Time, device: Option<DeviceId> },
    Running { allocation: Arc<Allocation>, couplers: u64 },
}

#[derive(Debug, Clone)]
struct LiveJob {
    submitted: Time,
    started: bool,
    project: u32,
    /// Whether it was submitted after measuring began.
    measured: bool,
    /// Whether it has a soft bound on its quality.
    soft_bound: bool,
    deadline: Option<Time>,
    phase: Phase,
}

/// Counts of the jobs submitted since measuring began.
#[derive(Debug, Clone, Copy, Default)]
struct Counts {
    submitted: u64,
    started: u64,
    completed: u64,
    failed: u64,
    cancelled: u64,
    rejected: u64,
    expired: u64,
    /// Expired or failed without a start.
    undone: u64,
    /// Started, with a soft bound on their quality.
    started_with_soft_bound: u64,
    /// Of these, below it.
    below_soft_bound: u64,
    deadlines: Deadlines,
}

/// Whether a job would rather start below a bound on its quality than wait.
fn has_soft_bound(request: &JobRequest) -> bool {
    [request.min_success_probability, request.fidelity_requirement].iter().flatten().any(|bound| !bound.hard)
}

/// What became of the jobs submitted in the measured interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Fates {
    /// All of them.
    pub submitted: u64,
    /// Started at least once.
    pub started: u64,
    /// Completed.
    pub completed: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled by their owners, or for jobs whose success they needed.
    pub cancelled: u64,
    /// Never admitted.
    pub rejected: u64,
    /// Gone because they waited too long.
    pub expired: u64,
    /// Neither started nor ended.
    pub waiting: u64,
    /// Started but not ended, even if they wait again.
    pub running: u64,
}

impl Counts {
    fn ended(&self) -> u64 {
        self.completed + self.failed + self.cancelled + self.rejected + self.expired
    }
}

/// Measures one run.
///
/// The measured interval begins at time zero, or when [`Metrics::start_measuring`] is called, and ends at
/// [`Metrics::finish`]. Integrals (utilization, queue length, fragmentation) cover exactly that interval; so do
/// `throughput_jobs_per_s`, `reallocation_count`, `calibration_request_count` and `blocked_by_shape`. Waiting times, slowdowns, counts of jobs and
/// rates of success cover the jobs *submitted* in the interval. Isolation violations cover the whole run: a promise
/// broken during the warm-up is broken.
#[derive(Debug, Clone)]
pub struct Metrics {
    options: MetricsOptions,
    now: Time,
    from: Time,
    devices: IndexMap<DeviceId, Meter, FxBuildHasher>,
    jobs: IndexMap<JobId, LiveJob, FxBuildHasher>,
    /// Guards that began before the end of their allocation was told. Both orders occur within one instant.
    early_guards: Vec<AllocationId>,
    /// Allocations that ended at this instant, in case their guards follow.
    just_ended: Vec<Arc<Allocation>>,
    last_release: Time,
    guards: IndexMap<AllocationId, Arc<Allocation>, FxBuildHasher>,
    waiting: Level,
    running: Level,
    /// Qubits of the devices that are there.
    present: Level,
    sums: Sums,
    counts: Counts,
    completions: u64,
    requeues: u64,
    calibration_requests: u64,
    attempts: u64,
    blocked_by_shape: u64,
    first_submission: Option<Time>,
    last_end: Option<Time>,
    /// Qubit-nanoseconds of ended allocations, by project.
    usage: IndexMap<u32, u128, FxBuildHasher>,
    waits: Distribution,
    turnarounds: Distribution,
    executions: Distribution,
    slowdowns: Distribution,
    bounded_slowdowns: Distribution,
    predicted: Distribution,
    actual: Distribution,
    placement_errors: Distribution,
    samples: Vec<TimelineSample>,
    accounts: Option<Box<Accounts>>,
    sharing: Box<Sharing>,
    estimates: Box<Estimates>,
}

impl Metrics {
    /// The same of a core that begins with this configuration.
    pub fn under(config: &AllocatorConfig, options: MetricsOptions) -> Self {
        let mut metrics = Self::new(options);
        metrics.sharing.configure(config);
        if let Some(accounts) = &mut metrics.accounts {
            accounts.configure(config);
        }
        metrics
    }

    /// Metrics of a run that begins at time zero.
    pub fn new(options: MetricsOptions) -> Self {
        Self {
            accounts: options.accounts.then(Box::default),
            options,
            now: Time::ZERO,
            from: Time::ZERO,
            devices: IndexMap::default(),
            jobs: IndexMap::default(),
            early_guards: Vec::new(),
            just_ended: Vec::new(),
            last_release: Time::ZERO,
            guards: IndexMap::default(),
            waiting: Level::default(),
            running: Level::default(),
            present: Level::default(),
            sums: Sums::default(),
            counts: Counts::default(),
            completions: 0,
            requeues: 0,
            calibration_requests: 0,
            attempts: 0,
            blocked_by_shape: 0,
            first_submission: None,
            last_end: None,
            usage: IndexMap::default(),
            waits: Distribution::default(),
            turnarounds: Distribution::default(),
            executions: Distribution::default(),
            slowdowns: Distribution::default(),
            bounded_slowdowns: Distribution::default(),
            predicted: Distribution::default(),
            actual: Distribution::default(),
            placement_errors: Distribution::default(),
            samples: Vec::new(),
            sharing: Box::default(),
            estimates: Box::default(),
        }
    }

    /// The accounts of all tenants that had jobs in the measured interval, if they were kept.
    pub fn accounts(&self) -> Option<BTreeMap<Tenant, Account>> {
        let mut accounts = self.accounts.as_ref()?.by_tenant(self.now);
        for (tenant, stopped) in self.sharing.stopped(self.now) {
            if let Some(account) = accounts.get_mut(&tenant) {
                account.stopped = stopped;
            }
        }
        Some(accounts)
    }

    /// What became of promises and starts, up to [`Self::finish`] or the last instant that is over.
    pub fn starts(&self) -> Starts {
        self.sharing.starts()
    }

    /// The job that was overtaken most often in the measured interval, if any was.
    pub fn overtaken(&self) -> Option<Overtaken> {
        self.sharing.overtaken()
    }

    /// Counts what a pass of the core did.
    pub fn count_pass(&mut self, pass: PassTally) {
        self.attempts += u64::from(pass.attempts);
        self.blocked_by_shape += u64::from(pass.blocked_by_shape);
    }

    /// Begins the measured interval at `now`: forgets what was measured before, keeps who waits and runs.
    pub fn start_measuring(&mut self, now: Time) {
        self.settle(now);
        self.from = self.now;
        for meter in self.devices.values_mut() {
            meter.base = meter.totals;
        }
        for job in self.jobs.values_mut() {
            job.measured = false;
        }
        self.waiting.restart(self.now);
        self.running.restart(self.now);
        self.present.restart(self.now);
        self.sums = Sums::default();
        self.counts = Counts::default();
        (self.completions, self.requeues, self.attempts, self.blocked_by_shape) = (0, 0, 0, 0);
        self.calibration_requests = 0;
        (self.first_submission, self.last_end) = (None, None);
        self.usage.clear();
        if let Some(accounts) = &mut self.accounts {
            accounts.restart(self.now);
        }
        self.sharing.restart(self.now);
        self.estimates.restart();
        for distribution in [
            &mut self.waits,
            &mut self.turnarounds,
            &mut self.executions,
            &mut self.slowdowns,
            &mut self.bounded_slowdowns,
            &mut self.predicted,
            &mut self.actual,
            &mut self.placement_errors,
        ] {
            distribution.clear();
        }
    }

    /// Brings all integrals up to `now`, the end of the measured interval.
    pub fn finish(&mut self, now: Time) {
        self.settle(now);
        self.sharing.finish(self.now);
    }

    /// The measured interval so far.
    pub fn interval(&self) -> (Time, Time) {
        (self.from, self.now)
    }

    /// What became of the jobs submitted in the measured interval, up to the last event.
    pub fn fates(&self) -> Fates {
        let counts = &self.counts;
        let live = |started| self.jobs.values().filter(|job| job.measured && job.started == started).count();
        Fates {
            submitted: counts.submitted,
            started: counts.started,
            completed: counts.completed,
            failed: counts.failed,
            cancelled: counts.cancelled,
            rejected: counts.rejected,
            expired: counts.expired,
            waiting: live(false) as u64,
            running: live(true) as u64,
        }
    }

    /// Takes the numbers of isolation violations over from the auditor.
    pub fn take_violations(&mut self, auditor: &Auditor) {
        for (device, meter) in &mut self.devices {
            meter.isolation_violations = auditor.isolation_violations_on(*device);
        }
    }

    /// Records the success probability of a job as predicted by published figures, and as it truly was. Called by the
    /// driver once per completed job, before or after the event of its end; counts when the job was submitted within
    /// the measured interval, or if it has already ended, in any case. Values are clamped to 0..=1.
    pub fn record_fidelity(&mut self, job: JobId, predicted: f64, actual: f64) {
        if self.jobs.get(&job).is_none_or(|live| live.measured) {
            // The cast saturates and maps NaN to 0.
            let fixed = |value: f64| (value.clamp(0.0, 1.0) * PER_UNIT as f64).round() as u64;
            self.predicted.record(fixed(predicted));
            self.actual.record(fixed(actual));
        }
    }

    /// Starts of waiting jobs are going to be estimated. Called by the driver before the first event.
    pub fn expect_estimates(&mut self) {
        self.estimates.turn_on();
    }

    /// Records what was told of the starts of waiting jobs at `now`, after all events of that instant.
    pub fn record_estimates(&mut self, now: Time, estimates: &[Estimate]) {
        let jobs = &self.jobs;
        self.estimates.told(now, estimates, |job| jobs.get(&job).map(|job| job.submitted));
    }

    /// Takes one event of the core. Events must come in the order in which the core gave them.
    pub fn observe(&mut self, now: Time, event: &Event) {
        let now = now.max(self.now);
        self.now = now;
        self.measure(now, event);
        if let Some(accounts) = &mut self.accounts {
            accounts.observe(now, event, &self.devices);
        }
        self.sharing.observe(now, event);
    }

    fn measure(&mut self, now: Time, event: &Event) {
        match event {
            Event::DeviceRegistered { device, spec } => self.joined(*device, spec),
            Event::DeviceRemoved { device } => self.left(*device),
            Event::Recalibrated { device, calibration, .. } => {
                if let Some(meter) = self.devices.get_mut(device) {
                    meter.recalibrate(now, calibration);
                }
            }
            Event::StatusChanged { target, to, .. } => {
                if let Some(meter) = self.devices.get_mut(&target.device()) {
                    meter.set_status(now, *target, *to);
                }
            }
            Event::JobQueued { job, device, .. } => self.queued(job, *device),
            // One that came when the queue was full has waited for the end of the instant.
            Event::JobRejected { job, .. } if self.jobs.contains_key(&job.id) => {
                self.ended(job.id, FinalState::Rejected);
            }
            Event::JobRejected { job, .. } => {
                self.submitted(job);
                self.counts.rejected += 1;
                self.counts.deadlines.count(job.deadline, Some(FinalState::Rejected), now);
            }
            Event::JobStarted { allocation } => self.started(allocation),
            Event::JobTransferred { job, device } => self.transferred(*job, *device),
            Event::JobRequeued { job, device, .. } => self.requeued(*job, *device),
            Event::JobFinished { job, .. } => self.ended(*job, FinalState::Completed),
            Event::JobFailed { job, .. } => self.ended(*job, FinalState::Failed),
            Event::JobCancelled { job, .. } => self.ended(*job, FinalState::Cancelled),
            Event::JobExpired { job, .. } => self.ended(*job, FinalState::Expired),
            Event::GuardStarted { allocation, .. } => {
                match self.just_ended.iter().rposition(|ended| ended.id == *allocation) {
                    Some(index) => {
                        let ended = self.just_ended.swap_remove(index);
                        self.guard(ended);
                    }
                    None => self.early_guards.push(*allocation),
                }
            }
            Event::GuardEnded { allocation, device } => {
                if let Some(ended) = self.guards.swap_remove(allocation)
                    && let Some(meter) = self.devices.get_mut(device)
                {
                    meter.unguard(now, &ended.held);
                }
            }
            Event::CalibrationRequested { .. } => self.calibration_requests += 1,
            // Held jobs and those that depend on others wait as well; progress and the request to stop change no level.
            Event::JobHeld { .. }
            | Event::JobReady { .. }
            | Event::JobReleased { .. }
            | Event::ShotsCredited { .. }
            | Event::StopRequested { .. }
            | Event::Reconfigured { .. }
            | Event::DeviceLeaving { .. }
            | Event::JobCounted { .. }
            | Event::StartPromised { .. }
            | Event::PromiseMoved { .. }
            | Event::JobRanked { .. }
            | Event::JobWaited { .. }
            | Event::RetrySet { .. } => {}
        }
    }

    fn joined(&mut self, id: DeviceId, spec: &DeviceSpec) {
        // A driver that tells of a device twice has put another one in its place.
        self.left(id);
        self.present.add(self.now, spec.coupling_map.qubits() as u64);
        match self.devices.get_mut(&id) {
            Some(meter) => meter.rejoin(self.now, spec),
            None => {
                self.devices.insert(id, Meter::new(self.now, spec, self.options.fragmentation));
            }
        }
    }

    fn left(&mut self, id: DeviceId) {
        self.guards.retain(|_, allocation| allocation.device != id);
        if let Some(meter) = self.devices.get_mut(&id).filter(|meter| meter.is_present()) {
            self.present.take(self.now, meter.map.qubits() as u64);
            meter.remove(self.now);
        }
    }

    /// The part of the time since `start` that lies in the measured interval.
    fn clip(&self, start: Time) -> Span {
        self.now.since(start.max(self.from))
    }

    fn settle(&mut self, now: Time) {
        self.now = self.now.max(now);
        self.waiting.settle(self.now);
        self.running.settle(self.now);
        self.present.settle(self.now);
        for meter in self.devices.values_mut() {
            meter.settle(self.now);
        }
    }

    fn submitted(&mut self, request: &JobRequest) {
        self.counts.submitted += 1;
        self.first_submission.get_or_insert(self.now);
        self.usage.entry(request.tenant.project).or_default();
    }

    /// A job of a project no longer waits. Who waited in the measured interval has a share, be it of nothing.
    fn waited(&mut self, since: Time, project: u32) {
        let waited = self.clip(since);
        if waited > Span::ZERO {
            self.usage.entry(project).or_default();
        }
        self.sums.waited_ns += u128::from(waited.0);
    }

    fn wait_in(&mut self, device: Option<DeviceId>, more: bool) {
        if more {
            self.waiting.add(self.now, 1);
        } else {
            self.waiting.take(self.now, 1);
        }
        if let Some(meter) = device.and_then(|device| self.devices.get_mut(&device)) {
            meter.waiting = if more { meter.waiting + 1 } else { meter.waiting.saturating_sub(1) };
        }
    }

    fn queued(&mut self, request: &Arc<JobRequest>, device: Option<DeviceId>) {
        if self.jobs.contains_key(&request.id) {
            return;
        }
        self.submitted(request);
        self.wait_in(device, true);
        let job = LiveJob {
            submitted: self.now,
            started: false,
            project: request.tenant.project,
            measured: true,
            soft_bound: has_soft_bound(request),
            deadline: request.deadline,
            phase: Phase::Waiting { since: self.now, device },
        };
        self.jobs.insert(request.id, job);
        self.estimates.queued(request);
    }

    fn started(&mut self, allocation: &Arc<Allocation>) {
        let now = self.now;
        let Some(job) = self.jobs.get_mut(&allocation.job) else {
            return;
        };
        let Phase::Waiting { since, device } = job.phase else {
            return;
        };
        if !job.started && job.measured {
            self.counts.started += 1;
            self.waits.record(now.since(job.submitted).0);
            let per_qubit = allocation.explanation.cost / allocation.layout.len().max(1) as f64;
            self.placement_errors.record((per_qubit * PER_UNIT as f64).round() as u64);
            if job.soft_bound {
                // No job starts below a hard one.
                let missed = allocation.explanation.quality.is_some_and(|quality| !quality.meets_all());
                self.counts.started_with_soft_bound += 1;
                self.counts.below_soft_bound += u64::from(missed);
            }
        }
        if !job.started {
            let waited = now.since(job.submitted);
            self.estimates.started(now, allocation, waited, job.measured);
        }
        job.started = true;
        let meter = self.devices.get_mut(&allocation.device);
        let couplers = meter.map_or(0, |meter| meter.hold(now, allocation));
        job.phase = Phase::Running { allocation: Arc::clone(allocation), couplers };
        let project = job.project;
        self.waited(since, project);
        self.wait_in(device, false);
        self.running.add(now, 1);
    }

    fn requeued(&mut self, id: JobId, device: Option<DeviceId>) {
        let Some(job) = self.jobs.get_mut(&id) else { return };
        let Phase::Running { allocation, couplers } = &job.phase else {
            return;
        };
        let (allocation, couplers, project) = (Arc::clone(allocation), *couplers, job.project);
        job.phase = Phase::Waiting { since: self.now, device };
        self.release(allocation, couplers, project);
        self.requeues += 1;
        self.wait_in(device, true);
    }

    fn transferred(&mut self, id: JobId, to: Option<DeviceId>) {
        if let Some(LiveJob { phase: Phase::Waiting { device, .. }, .. }) = self.jobs.get_mut(&id) {
            let from = std::mem::replace(device, to);
            self.wait_in(from, false);
            self.wait_in(to, true);
        }
    }

    fn release(&mut self, allocation: Arc<Allocation>, couplers: u64, project: u32) {
        let now = self.now;
        self.running.take(now, 1);
        let ran = u128::from(self.clip(allocation.started).0);
        let held = ran * allocation.held.len() as u128;
        self.sums.ran_ns += ran;
        self.sums.held_ns += held;
        if ran > 0 {
            *self.usage.entry(project).or_default() += held;
        }
        if let Some(meter) = self.devices.get_mut(&allocation.device) {
            meter.release(now, &allocation, couplers);
        }
        if let Some(index) = self.early_guards.iter().position(|early| *early == allocation.id) {
            self.early_guards.swap_remove(index);
            return self.guard(allocation);
        }
        if self.last_release < now {
            self.just_ended.clear();
        }
        self.last_release = now;
        self.just_ended.push(allocation);
    }

    fn guard(&mut self, ended: Arc<Allocation>) {
        if let Some(meter) = self.devices.get_mut(&ended.device) {
            meter.guard(self.now, &ended.held);
            self.guards.insert(ended.id, ended);
        }
    }

    fn ended(&mut self, id: JobId, state: FinalState) {
        let Some(job) = self.jobs.swap_remove(&id) else {
            return;
        };
        self.estimates.ended(id);
        let now = self.now;
        self.completions += u64::from(state == FinalState::Completed);
        if job.measured {
            self.counts.deadlines.count(job.deadline, Some(state), now);
            match state {
                FinalState::Completed => self.counts.completed += 1,
                FinalState::Failed => self.counts.failed += 1,
                FinalState::Cancelled => self.counts.cancelled += 1,
                FinalState::Rejected => self.counts.rejected += 1,
                FinalState::Expired => self.counts.expired += 1,
            }
            // Rejections are counted on their own, and whoever did not want to start any more is no failure.
            let counted_otherwise = matches!(state, FinalState::Cancelled | FinalState::Rejected);
            self.counts.undone += u64::from(!job.started && !counted_otherwise);
            if state != FinalState::Rejected {
                self.last_end = Some(now);
            }
        }
        match job.phase {
            Phase::Waiting { since, device } => {
                self.waited(since, job.project);
                self.wait_in(device, false);
            }
            Phase::Running { allocation, couplers } => {
                if job.measured && state == FinalState::Completed {
                    self.completed(now.since(job.submitted), now.since(allocation.started));
                }
                self.release(allocation, couplers, job.project);
            }
        }
    }

    fn completed(&mut self, turnaround: Span, execution: Span) {
        // Division in floating point is exact enough (2^-52) and several times faster than in 128 bits.
        let ratio =
            |execution: Span| (turnaround.0 as f64 / execution.0 as f64 * PER_UNIT as f64 + 0.5) as u64;
        self.turnarounds.record(turnaround.0);
        self.executions.record(execution.0);
        if execution > Span::ZERO {
            self.slowdowns.record(ratio(execution));
        }
        self.bounded_slowdowns.record(ratio(execution.max(SLOWDOWN_BOUND)).max(PER_UNIT));
    }
}

#[cfg(test)]
mod tests;
