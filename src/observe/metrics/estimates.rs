//! How good the estimates of starts were: the first one of each job against its first start.
//!
//! Leaves the estimates themselves to [`crate::forward`].

use std::collections::VecDeque;
use std::mem::{Discriminant, discriminant};
use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::distribution::{Distribution, PER_UNIT};
use crate::allocator::protocol::{Allocation, JobId, JobRequest, Topology};
use crate::forward::{Estimate, Plan, StartRange};
use crate::time::{Span, Time};

/// Starts of jobs that waited no longer than this are not judged: that somebody starts at once is no estimate.
pub const JUDGED_FROM: Span = Span::from_secs(10);

/// How long before its start the layout of a job is asked for.
pub const PLAN_AHEAD: Span = Span::from_secs(30);

/// The latest so many waits of jobs of the same shape and size say what one could tell without an estimate.
const PAST_WAITS: usize = 256;

/// Fewer of them say nothing.
const PAST_WAITS_MIN: usize = 20;

type Class = (u32, Discriminant<Topology>);

#[derive(Debug, Clone)]
struct Followed {
    range: Option<StartRange>,
    /// Width of the range / width of that of past waits, in 1e-9.
    narrowing: Option<u64>,
    /// The latest plans and when they were made: those of the last moments, and one from before.
    plans: VecDeque<(Time, Option<Plan>)>,
}

/// Estimates of jobs that have not started, and how good those of the others were.
#[derive(Debug, Clone, Default)]
pub(super) struct Estimates {
    /// Somebody estimates.
    on: bool,
    waiting: IndexMap<JobId, Class, FxBuildHasher>,
    followed: IndexMap<JobId, Followed, FxBuildHasher>,
    past: IndexMap<Class, VecDeque<Span>, FxBuildHasher>,
    /// Measured jobs that started after more than [`JUDGED_FROM`], and of these those with an estimate.
    pub(super) judged: u64,
    pub(super) estimated: u64,
    /// Of these, those that started within the range.
    pub(super) covered: u64,
    /// Measured jobs with a plan, and of these those that started as planned.
    pub(super) planned: u64,
    pub(super) as_planned: u64,
    pub(super) errors: Distribution,
    pub(super) narrowings: Distribution,
}

fn class_of(request: &JobRequest) -> Class {
    (request.min_qubits, discriminant(&request.topology))
}

impl Estimates {
    pub(super) fn turn_on(&mut self) {
        self.on = true;
    }

    pub(super) fn is_on(&self) -> bool {
        self.on
    }

    pub(super) fn restart(&mut self) {
        (self.judged, self.estimated, self.covered) = (0, 0, 0);
        (self.planned, self.as_planned) = (0, 0);
        self.errors.clear();
        self.narrowings.clear();
    }

    pub(super) fn queued(&mut self, request: &Arc<JobRequest>) {
        if self.on {
            self.waiting.insert(request.id, class_of(request));
        }
    }

    /// How wide the range from the tenth to the ninetieth percent of past waits like this is, of those longer than it has
    /// waited.
    fn width_of_past(&self, class: Class, waited: Span) -> Option<Span> {
        let mut waits: Vec<Span> =
            self.past.get(&class)?.iter().copied().filter(|wait| *wait > waited).collect();
        if waits.len() < PAST_WAITS_MIN {
            return None;
        }
        waits.sort_unstable();
        let at = |percent: usize| waits[(waits.len() * percent).div_ceil(100) - 1];
        Some(Span(at(90).0 - at(10).0))
    }

    /// What was told of the waiting jobs at `now`; `submitted` knows when they came.
    pub(super) fn told(
        &mut self,
        now: Time,
        estimates: &[Estimate],
        submitted: impl Fn(JobId) -> Option<Time>,
    ) {
        for estimate in estimates {
            let Some(class) = self.waiting.get(&estimate.job).copied() else { continue };
            let plan = (now, estimate.plan.clone());
            if let Some(followed) = self.followed.get_mut(&estimate.job) {
                // The first that is old enough at any start from now on is the last before the last moments.
                while followed.plans.get(1).is_some_and(|(made, _)| *made + PLAN_AHEAD <= now) {
                    followed.plans.pop_front();
                }
                followed.plans.push_back(plan);
                continue;
            }
            let width = submitted(estimate.job)
                .and_then(|came| self.width_of_past(class, now.since(came)))
                .filter(|width| width.0 > 0);
            let narrowing = estimate.start.zip(width).map(|(range, width)| {
                let own = range.p90.since(range.p10).0 as f64;
                (own / width.0 as f64 * PER_UNIT as f64) as u64
            });
            let plans = VecDeque::from([plan]);
            self.followed.insert(estimate.job, Followed { range: estimate.start, narrowing, plans });
        }
    }

    /// A job starts for the first time. `measured`: it counts.
    pub(super) fn started(&mut self, now: Time, allocation: &Allocation, waited: Span, measured: bool) {
        if !self.on {
            return;
        }
        if let Some(class) = self.waiting.swap_remove(&allocation.job) {
            let waits = self.past.entry(class).or_default();
            if waits.len() == PAST_WAITS {
                waits.pop_front();
            }
            waits.push_back(waited);
        }
        let followed = self.followed.swap_remove(&allocation.job);
        if !measured || waited <= JUDGED_FROM {
            return;
        }
        self.judged += 1;
        let Some(followed) = followed else { return };
        if let Some(range) = followed.range {
            self.estimated += 1;
            self.covered += u64::from(range.p10 <= now && now <= range.p90);
            self.errors.record(now.since(range.p50).0.max(range.p50.since(now).0));
            followed.narrowing.into_iter().for_each(|narrowing| self.narrowings.record(narrowing));
        }
        let ahead = followed.plans.iter().rev().find(|(made, _)| *made + PLAN_AHEAD <= now);
        if let Some((_, Some(plan))) = ahead {
            self.planned += 1;
            let as_planned = plan.device == allocation.device && plan.layout == allocation.layout;
            self.as_planned += u64::from(as_planned);
        }
    }

    pub(super) fn ended(&mut self, job: JobId) {
        if self.on {
            self.waiting.swap_remove(&job);
            self.followed.swap_remove(&job);
        }
    }
}
