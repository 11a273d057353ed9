//! Changes that might have started a job earlier, one thing at a time.
//!
//! Promises to propose only what touches a cause that the job waited for. Whether it would have helped, a run says.

use std::sync::Arc;

use super::life::{Life, What};
use crate::allocator::config::{AllocatorConfig, Overtaking, Queue, Retry, Starts};
use crate::allocator::protocol::{
    ElementLimits, IsolationLevel, IsolationRequest, JobId, JobRequest, Rejection, Topology, WaitCause,
};
use crate::simulator::scenario::Scenario;
use crate::simulator::simulation::Alter;

/// What is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Everybody may pass whoever is blocked.
    PassFreely,
    /// Nothing is promised to anybody.
    NoPromises,
    /// No quotas.
    NoQuotas,
    /// Who was tried in vain is tried again whenever something changes.
    RetryByEvent,
    /// Devices take jobs at any time.
    StartAnyTime,
    /// Devices run as many jobs at a time as there is room for.
    NoTaskLimits,
    /// Nothing fails.
    NoFailures,
    /// The job would do with half as many qubits, rounded up.
    HalfTheQubits,
    /// Any connected region would do for it.
    AnyRegion,
    /// It needs no distance from others, nor they from it by its own wish.
    NoIsolation,
    /// It has no limits on the elements it uses.
    NoLimits,
    /// It has no bounds on success probability and fidelity.
    NoBounds,
    /// It excludes no device.
    NoExclusions,
    /// It waits for no other job to end.
    FollowsNobody,
}

impl Change {
    /// What it says of the job or the scenario.
    pub fn text(self) -> &'static str {
        match self {
            Self::PassFreely => "everybody could pass whoever is blocked (queue: skip_ahead without limit)",
            Self::NoPromises => "nobody were promised a start (queue: skip_ahead without limit)",
            Self::NoQuotas => "there were no quotas",
            Self::RetryByEvent => "blocked jobs were tried whenever something changes (retry: event)",
            Self::StartAnyTime => "devices took jobs at any time (starts: any_time)",
            Self::NoTaskLimits => "devices ran as many jobs at a time as there is room for",
            Self::NoFailures => "nothing failed (hardware: {failures: []})",
            Self::HalfTheQubits => "it asked for half as many qubits",
            Self::AnyRegion => "any connected region would do for it (topology: any)",
            Self::NoIsolation => "it needed no distance from other jobs",
            Self::NoLimits => "it had no limits on errors and coherence times",
            Self::NoBounds => "it had no bounds on success probability and fidelity",
            Self::NoExclusions => "it excluded no device",
            Self::FollowsNobody => "it followed no other job",
        }
    }

    /// The changed scenario; `None` if it is not valid.
    pub(super) fn scenario(self, scenario: &Scenario) -> Option<Scenario> {
        let mut changed = scenario.clone();
        let AllocatorConfig { queue, retry, starts, tenants, .. } = &mut changed.allocator;
        match self {
            Self::PassFreely | Self::NoPromises => match queue {
                Queue::Global { skip_ahead, promises } | Queue::PerDevice { skip_ahead, promises, .. } => {
                    (*skip_ahead, *promises) = (Some(u32::MAX), None);
                }
            },
            Self::NoQuotas => tenants.lift_quotas(),
            Self::RetryByEvent => *retry = Retry::Event,
            Self::StartAnyTime => *starts = Starts::AnyTime,
            Self::NoTaskLimits => {
                for device in &mut changed.fleet {
                    Arc::make_mut(&mut device.spec).limits.max_concurrent_tasks = None;
                }
            }
            Self::NoFailures => changed.failures.clear(),
            _ => {}
        }
        changed.allocator.validate().ok()?;
        Some(changed)
    }

    /// What it does to the job.
    pub(super) fn alter(self, job: JobId) -> Option<Alter> {
        let change: fn(&mut JobRequest) = match self {
            Self::HalfTheQubits => |job| {
                job.min_qubits = job.min_qubits.div_ceil(2);
                job.max_qubits = job.max_qubits.div_ceil(2).max(job.min_qubits);
            },
            Self::AnyRegion => |job| {
                job.topology = Topology::Any;
            },
            Self::NoIsolation => |job| {
                let IsolationRequest { temporal_separation, hardware_reset, .. } = job.isolation;
                job.isolation = IsolationRequest {
                    level: Some(IsolationLevel::Weak),
                    buffer_distance: Some(0),
                    temporal_separation,
                    hardware_reset,
                    max_crosstalk: None,
                };
            },
            Self::NoLimits => |job| job.limits = ElementLimits::NONE,
            Self::NoBounds => |job| {
                job.fidelity_requirement = None;
                job.min_success_probability = None;
                job.noise_budget = None;
            },
            Self::NoExclusions => |job| job.excluded_devices.clear(),
            Self::FollowsNobody => |job| {
                job.after.clear();
                job.after_success.clear();
            },
            _ => return None,
        };
        Some(Alter { job, change: Arc::new(change) })
    }
}

/// What might have started a job earlier, by what it waited for.
pub fn changes_for(scenario: &Scenario, life: &Life) -> Vec<Change> {
    let Some(request) = life.request() else { return Vec::new() };
    let allocator = &scenario.allocator;
    // A job that was refused waited for nothing: whatever it asks for may be why.
    let refused = life.first_start().is_none()
        && life.chapters.iter().any(|chapter| matches!(chapter.what, What::Rejected(_)));
    let kept = |causes: &[WaitCause]| {
        life.first_wait().is_some_and(|waited| waited.iter().any(|(of, _)| causes.contains(&of)))
    };
    let waited = |causes: &[WaitCause]| refused || kept(causes);
    let by_quota = life.chapters.iter().any(|chapter| {
        let What::Rejected(reason) = &chapter.what else { return false };
        matches!(
            reason,
            Rejection::BeyondQuota { .. } | Rejection::BeyondPeriod { .. } | Rejection::TooManyWaiting { .. }
        )
    });
    // Cancelled, or refused, for others.
    let by_others = life.chapters.iter().any(|chapter| {
        let for_others = |reason: &Rejection| {
            matches!(reason, Rejection::DependencyFailed(_) | Rejection::UnknownDependency(_))
        };
        matches!(&chapter.what, What::Cancelled(Some(_)))
            || matches!(&chapter.what, What::Rejected(reason) if for_others(reason))
    });
    use WaitCause as Of;
    let room = [Of::Promise, Of::Quality, Of::Shape, Of::UsableQubits, Of::FreeQubits];
    let scalable = !matches!(request.topology, Topology::HeavyHex | Topology::Complete)
        && request.topology.fixed_qubits().is_none()
        && request.min_qubits > 1;
    let plain = |topology: &Topology| matches!(topology, Topology::Any);
    let limited = request.limits.bits() != ElementLimits::NONE.bits();
    let bounded = request.fidelity_requirement.is_some()
        || request.min_success_probability.is_some()
        || request.noise_budget.is_some();
    let promises = matches!(allocator.queue.overtaking(), Overtaking::Promises(_));
    let tasks_limited = scenario.fleet.iter().any(|device| device.spec.limits.max_concurrent_tasks.is_some());
    let all = [
        (Change::PassFreely, !promises && kept(&[Of::Order])),
        (Change::NoPromises, promises && kept(&[Of::Promise])),
        (Change::NoQuotas, by_quota || kept(&[Of::Quota])),
        (Change::RetryByEvent, kept(&[Of::Retry])),
        (Change::StartAnyTime, allocator.starts == Starts::WhenEmpty && kept(&[Of::FullDevice])),
        (Change::NoTaskLimits, tasks_limited && kept(&[Of::FullDevice])),
        (Change::NoFailures, !scenario.failures.is_empty() && waited(&[Of::OutOfService, Of::Unplaceable])),
        (Change::HalfTheQubits, scalable && waited(&room)),
        (
            Change::AnyRegion,
            !plain(&request.topology) && waited(&[Of::Shape, Of::Quality, Of::Promise, Of::Unplaceable]),
        ),
        (Change::NoIsolation, waited(&[Of::UsableQubits, Of::Shape, Of::Quality, Of::Promise])),
        (Change::NoLimits, limited && waited(&[Of::UsableQubits, Of::Shape, Of::Promise, Of::Unplaceable])),
        (Change::NoBounds, bounded && waited(&[Of::Quality, Of::Unplaceable])),
        (Change::NoExclusions, !request.excluded_devices.is_empty()),
        (
            Change::FollowsNobody,
            by_others || waited(&[Of::Dependency]) && request.dependencies().next().is_some(),
        ),
    ];
    let is_valid = |change: &Change| {
        let mut changed = JobRequest::clone(request);
        if let Some(alter) = change.alter(life.job()) {
            (alter.change)(&mut changed);
        }
        changed.validate().is_ok()
    };
    let helpful = all.into_iter().filter(|(_, helps)| *helps).map(|(change, _)| change);
    helpful.filter(is_valid).collect()
}
