//! Promised starts as the auditor follows them: nobody starts later than promised, nobody enters what is promised to others,
//! and no promise becomes worse without a cause that can be seen.
//!
//! Promises distances of its own (those of [`super::device`]) and no look at the queue: whether others are before a job it
//! judges by the keys in the events.

use std::collections::{BTreeMap, BTreeSet};

use super::device::{AuditedDevice, Breaches};
use super::violation::Breach;
use crate::allocator::protocol::{Allocation, JobId, Party, PromiseCause, StartPromise, Status};
use crate::quantum::PhysicalQubit;
use crate::time::Time;

/// All promises that are to be kept.
#[derive(Debug, Clone, Default)]
pub(super) struct Promises {
    by_job: BTreeMap<JobId, Promised>,
    due: BTreeSet<(Time, JobId)>,
    /// New or other ones of this instant.
    changed: BTreeSet<JobId>,
}

/// A promise to a job of a party.
#[derive(Debug, Clone)]
struct Promised {
    promise: StartPromise,
    party: Option<Party>,
}

/// Whether two are of one party.
fn are_fellows(a: Option<Party>, b: Option<Party>) -> bool {
    a.is_some() && a == b
}

/// From when until when qubits are taken: `from` is `None` for a place that nobody new may enter from now on.
type Stretch = (Option<Time>, Option<Time>);

fn meet(a: Stretch, b: Stretch) -> bool {
    let begins_before_end = |from: Option<Time>, until: Option<Time>| match (from, until) {
        (Some(from), Some(until)) => from < until,
        _ => true,
    };
    begins_before_end(a.0, b.1) && begins_before_end(b.0, a.1)
}

/// That of a promise; for `fellows` of the job, with no more rest than the device demands.
fn stretch_of(promise: &StartPromise, fellows: bool, device: &AuditedDevice) -> Stretch {
    let spared = if fellows { promise.isolation.guard.0.saturating_sub(device.demands().1.0) } else { 0 };
    (promise.not_later_than, promise.until.map(|until| Time(until.0.saturating_sub(spared))))
}

impl Promises {
    /// What a job is promised.
    pub(super) fn of(&self, job: JobId) -> Option<&StartPromise> {
        self.by_job.get(&job).map(|known| &known.promise)
    }

    /// A job of a party is promised a start, or another one.
    pub(super) fn set(&mut self, job: JobId, promise: &StartPromise, party: Option<Party>) {
        self.end(job);
        if let Some(at) = promise.not_later_than {
            self.due.insert((at, job));
        }
        self.by_job.insert(job, Promised { promise: promise.clone(), party });
        self.changed.insert(job);
    }

    /// A promise is over.
    pub(super) fn end(&mut self, job: JobId) {
        if let Some(at) = self.by_job.remove(&job).and_then(|old| old.promise.not_later_than) {
            self.due.remove(&(at, job));
        }
        self.changed.remove(&job);
    }

    /// All promises are over.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there is anything to be checked when time goes on to `now`.
    pub(super) fn is_pending(&self, now: Time) -> bool {
        !self.changed.is_empty() || self.due.first().is_some_and(|(at, _)| *at < now)
    }

    /// Those whose time was over before `now`; each is told once.
    pub(super) fn broken(&mut self, now: Time, found: &mut Breaches) {
        while let Some((at, job)) = self.due.first().copied().filter(|(at, _)| *at < now) {
            self.due.pop_first();
            found.push(Breach::PromiseBroken { job, not_later_than: at });
        }
    }

    /// A start of a job of a party, seen beside everything that is promised on its device; whether it is behind another job, `is_behind` says.
    pub(super) fn started(
        &self,
        allocation: &Allocation,
        party: Option<Party>,
        device: &mut AuditedDevice,
        is_behind: impl Fn(JobId) -> bool,
        found: &mut Breaches,
    ) {
        for (&job, promised) in &self.by_job {
            let promise = &promised.promise;
            // Whoever waits for a place without an instant waits for those before as well.
            let theirs = promise.not_later_than.is_some() || is_behind(job);
            if job != allocation.job && promise.device == allocation.device && theirs {
                check(job, promised, allocation, party, device, found);
            }
        }
    }

    /// The promises of the last instant that are new, beside those who run on and the other promises.
    pub(super) fn check_changed(
        &mut self,
        mut device_of: impl FnMut(&StartPromise, &mut dyn FnMut(&mut AuditedDevice)),
        found: &mut Breaches,
    ) {
        let changed = std::mem::take(&mut self.changed);
        for job in changed {
            let Some(promised) = self.by_job.get(&job) else { continue };
            let Promised { promise, party } = promised;
            device_of(promise, &mut |device| {
                for allocation in device.active().to_vec() {
                    // Whoever is on a place without an instant leaves it sooner or later.
                    if promise.not_later_than.is_some() {
                        check(job, promised, &allocation, device.party_of(allocation.id), device, found);
                    }
                }
                for (&other, of_other) in self.by_job.iter().filter(|(other, _)| **other != job) {
                    let (theirs, fellows) = (&of_other.promise, are_fellows(*party, of_other.party));
                    let apart = promise.isolation.buffer_distance.max(theirs.isolation.buffer_distance);
                    let apart = if fellows { device.demands().0 } else { apart };
                    let stretch = |promise| stretch_of(promise, fellows, device);
                    let meet = meet(stretch(promise), stretch(theirs));
                    let timed = promise.not_later_than.is_some() && theirs.not_later_than.is_some();
                    if timed
                        && theirs.device == promise.device
                        && meet
                        && device.is_within(&promise.layout, &theirs.layout, apart)
                    {
                        found.push(Breach::PromisesMeet { job, other, device: promise.device });
                    }
                }
            });
        }
    }
}

/// One attempt, of a party, beside one promise to somebody else.
fn check(
    job: JobId,
    promised: &Promised,
    allocation: &Allocation,
    party: Option<Party>,
    device: &mut AuditedDevice,
    found: &mut Breaches,
) {
    let (promise, fellows) = (&promised.promise, are_fellows(promised.party, party));
    let (separation, reconfiguration) = device.demands();
    let rest = if fellows { reconfiguration } else { allocation.isolation.guard };
    let ends = allocation.expected_end.map(|end| end + rest);
    let apart = promise.isolation.buffer_distance.max(allocation.isolation.buffer_distance);
    let apart = if fellows { separation } else { apart };
    let held: Vec<PhysicalQubit> = allocation.held.iter().collect();
    if meet((Some(allocation.started), ends), stretch_of(promise, fellows, device))
        && device.is_within(&held, &promise.layout, apart)
    {
        found.push(Breach::PromiseEntered { job, allocation: allocation.id, device: promise.device });
    }
}

/// Whether others are before a job.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    /// In its queue, and may start.
    pub in_its_queue: bool,
    /// Anywhere, where there are quotas.
    pub by_quota: bool,
}

/// Whether a cause for which a promise became worse can be seen.
pub(super) fn is_seen(
    cause: PromiseCause,
    promise: &StartPromise,
    now: Time,
    device: Option<&AuditedDevice>,
    ahead: Ahead,
) -> bool {
    let over = promise.not_later_than.is_some_and(|at| at <= now);
    let lost =
        device.is_none_or(|device| !device.present || device.leaving || device.status != Status::Online);
    match cause {
        PromiseCause::Earlier => false,
        PromiseCause::DeviceLost => lost,
        PromiseCause::OrderChanged => ahead.in_its_queue,
        PromiseCause::QuotaReached => ahead.by_quota,
        PromiseCause::NotFoundAgain => over,
        PromiseCause::ElementLost => device.is_some_and(AuditedDevice::has_lost_elements),
        PromiseCause::Recalibrated => device.is_some_and(|device| device.epoch != promise.epoch),
        PromiseCause::Overrun => {
            let overdue =
                |allocation: &Allocation| allocation.expected_end.is_some_and(|expected| expected <= now);
            let rests = promise.not_later_than.unwrap_or(now);
            device.is_some_and(|device| {
                device.active().iter().any(|running| overdue(running)) || device.rests_after(rests)
            })
        }
    }
}
