//! The auditor: checks every promise of the core from outside, by its events alone.
//!
//! Promises bookkeeping of its own: nothing of the core's calendars, stages or search is used, so that the two cannot be
//! wrong together. It shares the types of the protocol, the compiled patterns of shapes and the published table of
//! crosstalk. Settings that no event shows (default isolation, number of attempts) are judged by what the
//! allocations promise.

mod course;
mod dependencies;
mod device;
mod id_set;
mod parties;
mod promises;
mod quality;
mod shape;
mod violation;
mod waits;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;
use smallvec::SmallVec;

use crate::allocator::config::{AllocatorConfig, Between, FairShare};
use crate::allocator::protocol::{
    Allocation, AllocationId, Event, JobId, JobRequest, OrderKey, PromiseCause, StartPromise, StopReason,
    Target, Topology,
};
use crate::observe::quotas::Quotas;
use crate::quantum::DeviceId;
use crate::time::Time;
use dependencies::Dependencies;
use device::{AuditedDevice, Breaches};
use id_set::IdSet;
use parties::party_of;
use promises::{Ahead, Promises};
use shape::Shapes;
use waits::Waits;

pub use violation::{Breach, LayoutProblem, Limit, Promise, StateSeen, Step, Violation, ViolationKind};

/// Violations kept in full; beyond that they are only counted.
pub const VIOLATIONS_KEPT: usize = 1_000;

#[derive(Debug, Clone)]
enum Phase {
    Waiting { held: bool },
    Running { allocation: Arc<Allocation>, stop: Option<StopReason>, shots_done: u64 },
}

/// A job that has not ended.
#[derive(Debug, Clone)]
struct LiveJob {
    request: Arc<JobRequest>,
    submitted: Time,
    /// When its longest wait began.
    ready: Time,
    attempts: u32,
    last_allocation: Option<AllocationId>,
    phase: Phase,
    /// By what it is ordered in its queue, and when it came among all jobs.
    rank: (OrderKey, u64),
    queue: Option<DeviceId>,
}

impl LiveJob {
    fn seen(&self) -> StateSeen {
        match self.phase {
            Phase::Waiting { held: false } => StateSeen::Waiting,
            Phase::Waiting { held: true } => StateSeen::Held,
            Phase::Running { stop: None, .. } => StateSeen::Running,
            Phase::Running { stop: Some(_), .. } => StateSeen::Stopping,
        }
    }
}

/// Watches one core from its first event on.
///
/// Violations do not stop it: it goes on with what the events say. Memory grows with live jobs, not with ended ones.
#[derive(Debug, Clone, Default)]
pub struct Auditor {
    now: Time,
    devices: IndexMap<DeviceId, AuditedDevice, FxBuildHasher>,
    jobs: IndexMap<JobId, LiveJob, FxBuildHasher>,
    ended_jobs: IdSet,
    allocations: IdSet,
    shapes: Shapes,
    promises: Promises,
    quotas: Quotas,
    waits: Waits,
    dependencies: Dependencies,
    /// Whether those come first who have used least, see [`AllocatorConfig::fair_share`].
    usage_counts: bool,
    /// Between whom isolation holds for those who start.
    between: Between,
    /// Allocations that must have ended before time goes on.
    lost: SmallVec<[(DeviceId, AllocationId); 4]>,
    submitted: u64,
    waiting: u64,
    running: u64,
    ended: u64,
    held_qubits: u64,
    held_integral_ns: u128,
    allocation_sum_ns: u128,
    violations: Vec<Violation>,
    /// By kind; empty before the first.
    counts: Vec<u64>,
}

impl Auditor {
    /// An auditor that has seen nothing, of a core with the default configuration.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same of a core that begins with another configuration.
    pub fn under(config: &AllocatorConfig) -> Self {
        let mut quotas = Quotas::default();
        quotas.configure(&config.tenants);
        Self {
            usage_counts: config.fair_share() != FairShare::Off,
            between: config.isolation.between,
            quotas,
            ..Self::default()
        }
    }

    /// The first [`VIOLATIONS_KEPT`] violations, in order.
    pub fn violations(&self) -> &[Violation] {
        &self.violations
    }

    /// Number of violations of one kind.
    pub fn count(&self, kind: ViolationKind) -> u64 {
        self.counts.get(kind as usize).copied().unwrap_or(0)
    }

    /// Number of all violations.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Number of violations by which jobs came too near to each other: the metric `isolation_violations`.
    pub fn isolation_violations(&self) -> u64 {
        ViolationKind::ALL.iter().filter(|kind| kind.is_isolation()).map(|kind| self.count(*kind)).sum()
    }

    /// The same on one device; 0 for one that was never seen.
    pub fn isolation_violations_on(&self, device: DeviceId) -> u64 {
        self.devices.get(&device).map_or(0, |device| device.isolation_violations)
    }

    /// Takes one event of the core. Events must come in the order in which the core gave them.
    pub fn observe(&mut self, now: Time, event: &Event) {
        self.advance(now);
        let found = self.dependencies.observe(event);
        self.report_all(found);
        let found = self.waits.observe(now, event, |job| self.dependencies.keep(job));
        self.report_all(found);
        match event {
            Event::DeviceRegistered { device, spec } => {
                let mut fresh = AuditedDevice::new(*device, spec);
                match self.devices.get_mut(device) {
                    Some(known) if known.present => self.report(Breach::DeviceInUse { device: *device }),
                    Some(known) => {
                        fresh.isolation_violations = known.isolation_violations;
                        *known = fresh;
                    }
                    None => {
                        self.devices.insert(*device, fresh);
                    }
                }
            }
            Event::DeviceRemoved { device } => {
                let lost = &mut self.lost;
                match self.devices.get_mut(device).filter(|known| known.present) {
                    Some(known) => known.remove(|allocation| lost.push((*device, allocation))),
                    None => self.report(Breach::UnknownDevice { device: *device }),
                }
            }
            Event::Recalibrated { device, epoch, calibration } => {
                let mut found = Breaches::new();
                match self.devices.get_mut(device).filter(|known| known.present) {
                    Some(known) => known.recalibrate(*epoch, calibration, &mut found),
                    None => found.push(Breach::UnknownDevice { device: *device }),
                }
                self.report_all(found);
            }
            Event::StatusChanged { target, to, .. } => self.status_changed(*target, *to),
            Event::JobQueued { job, device, key, .. } => self.queued(job, *device, *key),
            Event::JobRanked { job, key, .. } => {
                if let Some(live) = self.jobs.get_mut(job) {
                    live.rank.0 = *key;
                }
            }
            Event::JobRejected { job, reason } => self.rejected(job, *reason),
            Event::JobTransferred { job, device } => {
                self.promises.end(*job);
                if let Some(live) = self.jobs.get_mut(job) {
                    live.queue = *device;
                }
                if !matches!(self.seen(*job), StateSeen::Waiting | StateSeen::Held) {
                    self.illegal(*job, Step::Transferred);
                }
            }
            Event::JobReady { job, device } => self.ready(*job, *device),
            Event::JobHeld { job } => self.set_held(*job, true, Step::Held),
            Event::JobReleased { job } => self.set_held(*job, false, Step::Released),
            Event::JobStarted { allocation } => self.started(allocation),
            Event::ShotsCredited { job, allocation, shots_done } => {
                self.credited(*job, *allocation, *shots_done, Step::Credited);
            }
            Event::StopRequested { job, allocation, reason, .. } => {
                self.stop_requested(*job, *allocation, *reason);
            }
            Event::StartPromised { job, promise } => {
                let first = self.promises.of(*job).is_none();
                self.promised(*job, promise, first);
            }
            Event::PromiseMoved { job, promise, cause } => {
                self.promise_moved(*job, promise.as_deref(), *cause);
            }
            Event::Reconfigured { config } => {
                self.promises.clear();
                self.usage_counts = config.fair_share() != FairShare::Off;
                self.between = config.isolation.between;
                self.quotas.configure(&config.tenants);
            }
            Event::DeviceLeaving { device } => {
                if let Some(known) = self.devices.get_mut(device) {
                    known.leaving = true;
                }
            }
            Event::JobRequeued { job, allocation, device, .. } => {
                if let Some(live) = self.jobs.get_mut(job) {
                    live.queue = *device;
                }
                if self.must_run(*job, Some(*allocation), Step::Requeued) {
                    self.end_attempt(*job);
                }
            }
            Event::JobFinished { job, allocation, shots_done } => {
                if self.credited(*job, *allocation, *shots_done, Step::Finished) {
                    self.end_job(*job, false);
                }
            }
            Event::JobFailed { job, allocation, reason } => self.failed(*job, *allocation, *reason),
            Event::JobCancelled { job, allocation, .. } => {
                let waits = matches!(
                    self.jobs.get(job),
                    Some(LiveJob { phase: Phase::Waiting { .. }, .. }) if allocation.is_none()
                );
                if waits || self.must_run(*job, *allocation, Step::Cancelled) {
                    self.end_job(*job, false);
                }
            }
            Event::JobExpired { job, waited } => self.expired(*job, *waited),
            // Guards are judged by the promises when qubits are reused; what was tried, or what new figures would help,
            // is no promise.
            Event::GuardStarted { .. }
            | Event::GuardEnded { .. }
            | Event::CalibrationRequested { .. }
            | Event::JobCounted { .. }
            | Event::JobWaited { .. }
            | Event::RetrySet { .. } => {}
        }
    }

    /// Ends the observation at `now`: checks what can only be judged at the end. May be called more than once.
    pub fn finish(&mut self, now: Time) {
        self.advance(now);
        self.check_lost();
        self.check_promises(now);
        self.check_dependants();
        let waiting =
            self.jobs.values().filter(|job| matches!(job.phase, Phase::Waiting { .. })).count() as u64;
        let running = self.jobs.len() as u64 - waiting;
        let adds_up = self.submitted == waiting + running + self.ended;
        if !adds_up || (waiting, running) != (self.waiting, self.running) {
            self.report(Breach::JobsNotConserved {
                submitted: self.submitted,
                waiting,
                running,
                ended: self.ended,
            });
        }
        let live: u128 = self
            .devices
            .values()
            .flat_map(AuditedDevice::active)
            .map(|allocation| qubit_time(allocation, self.now))
            .sum();
        let (integral, sum) = (self.held_integral_ns, self.allocation_sum_ns + live);
        // With a qubit held twice the two differ by nature, and the violation has been reported.
        if integral != sum && self.count(ViolationKind::DoubleHold) == 0 {
            self.report(Breach::QubitTimeNotConserved { integral, sum });
        }
    }

    fn report(&mut self, breach: Breach) {
        if let Breach::DoubleHold { device, .. }
        | Breach::BufferTooNarrow { device, .. }
        | Breach::GuardBroken { device, .. }
        | Breach::TooMuchCrosstalk { device, .. } = breach
            && let Some(known) = self.devices.get_mut(&device)
        {
            known.isolation_violations += 1;
        }
        self.counts.resize(ViolationKind::ALL.len(), 0);
        self.counts[breach.kind() as usize] += 1;
        if self.violations.len() < VIOLATIONS_KEPT {
            self.violations.push(Violation { time: self.now, breach });
        }
    }

    fn report_all(&mut self, found: Breaches) {
        for breach in found {
            self.report(breach);
        }
    }

    fn advance(&mut self, now: Time) {
        if now > self.now {
            if self.promises.is_pending(now) {
                self.check_promises(now);
            }
            if !self.lost.is_empty() {
                self.check_lost();
            }
            if self.dependencies.is_pending() {
                self.check_dependants();
            }
            self.held_integral_ns += u128::from(self.held_qubits) * u128::from(now.since(self.now).0);
            self.now = now;
        } else if now < self.now {
            self.report(Breach::TimeBackwards { now, last: self.now });
        }
    }

    /// What was promised within the last instant, and whose time is over.
    fn check_promises(&mut self, now: Time) {
        let mut found = Breaches::new();
        self.promises.broken(now, &mut found);
        let devices = &mut self.devices;
        self.promises.check_changed(
            |promise, look| {
                if let Some(device) = devices.get_mut(&promise.device).filter(|known| known.present) {
                    look(device);
                }
            },
            &mut found,
        );
        self.report_all(found);
    }

    /// A job is promised a start; `first`: it has no other promise.
    fn promised(&mut self, job: JobId, promise: &StartPromise, first: bool) {
        let state = self.seen(job);
        let over = promise.not_later_than.is_some_and(|at| at < self.now);
        if state != StateSeen::Waiting || over || !first {
            self.report(Breach::SenselessPromise { job, state });
        }
        let request = self.jobs.get(&job).map(|live| &live.request);
        let party = request.and_then(|request| party_of(self.between, request.tenant));
        self.promises.set(job, promise, party);
    }

    fn promise_moved(&mut self, job: JobId, promise: Option<&StartPromise>, cause: PromiseCause) {
        let Some(old) = self.promises.of(job).cloned() else {
            let state = self.seen(job);
            return self.report(Breach::SenselessPromise { job, state });
        };
        let kept = promise.is_some_and(|promise| promise.keeps(&old));
        let ahead = self.ahead_of(job);
        let seen = promises::is_seen(cause, &old, self.now, self.devices.get(&old.device), ahead);
        if !kept && !seen {
            self.report(Breach::PromiseWorsened { job, cause });
        }
        match promise {
            Some(promise) => self.promised(job, promise, true),
            None => self.promises.end(job),
        }
    }

    /// Whether others are before a job.
    fn ahead_of(&self, job: JobId) -> Ahead {
        let mut ahead = Ahead { in_its_queue: false, by_quota: false };
        let Some(live) = self.jobs.get(&job) else { return ahead };
        // Where usage counts, whoever is of another tenant may have used less.
        let may_be_ahead = |other: &&LiveJob| {
            let others = self.usage_counts && other.request.tenant != live.request.tenant;
            others || other.rank < live.rank
        };
        for other in self.jobs.values().filter(may_be_ahead) {
            let may_start = matches!(other.phase, Phase::Waiting { held: false })
                && !self.dependencies.keep(other.request.id);
            ahead.in_its_queue |= may_start && other.queue == live.queue;
            ahead.by_quota |= self.quotas.are_stated();
            if ahead.in_its_queue {
                break;
            }
        }
        // Somebody who was not ahead may have used more than it was taken to.
        ahead.by_quota |= self.quotas.have_period(live.request.tenant);
        ahead
    }

    /// Whoever was to end within the last instant and did not.
    fn check_lost(&mut self) {
        for (device, allocation) in std::mem::take(&mut self.lost) {
            let alive = self
                .devices
                .get(&device)
                .is_some_and(|known| known.active().iter().any(|active| active.id == allocation));
            if alive {
                self.report(Breach::StillRunning { device, allocation });
            }
        }
    }

    /// Whoever needed to wait for nobody within the last instant and was not told.
    fn check_dependants(&mut self) {
        let mut found = Breaches::new();
        self.dependencies.close_instant(&mut found);
        self.report_all(found);
    }

    fn status_changed(&mut self, target: Target, to: crate::allocator::protocol::Status) {
        let id = target.device();
        let Some(device) = self.devices.get_mut(&id).filter(|known| known.present) else {
            return self.report(Breach::UnknownDevice { device: id });
        };
        let (jobs, shapes, lost) = (&self.jobs, &mut self.shapes, &mut self.lost);
        let uses = |allocation: &Allocation, a, b| {
            // A region names no couplers; whether it can do without one is the core's to say.
            let Some(job) =
                jobs.get(&allocation.job).filter(|job| !matches!(job.request.topology, Topology::Any))
            else {
                return false;
            };
            // A router may use every coupler between the qubits.
            if allocation.swaps.is_some() {
                return true;
            }
            let mut used = false;
            for layout in allocation.layout.chunks(allocation.copy_size()) {
                let at = |v: u32| layout.get(v as usize).copied();
                shapes.visit_edges(&job.request.topology, layout.len() as u32, |v, w| {
                    used |= (at(v), at(w)) == (Some(a), Some(b)) || (at(v), at(w)) == (Some(b), Some(a));
                });
            }
            used
        };
        device.set_status(target, to, uses, |allocation| lost.push((id, allocation)));
    }

    fn seen(&self, job: JobId) -> StateSeen {
        match self.jobs.get(&job) {
            Some(live) => live.seen(),
            None if self.ended_jobs.contains(job.0) => StateSeen::Ended,
            None => StateSeen::Unknown,
        }
    }

    fn illegal(&mut self, job: JobId, step: Step) {
        let state = self.seen(job);
        self.report(Breach::IllegalTransition { job, state, step });
    }
}

/// Qubits times nanoseconds of an allocation until `now`.
fn qubit_time(allocation: &Allocation, now: Time) -> u128 {
    allocation.held.len() as u128 * u128::from(now.since(allocation.started).0)
}

#[cfg(test)]
mod tests;
