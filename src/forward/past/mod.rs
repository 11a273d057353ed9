//! What was seen so far, and what futures are drawn from: run times, arrivals, outages.
//!
//! Promises bounds on what is kept. Leaves draws to `future`.

mod arrivals;
mod kept;
mod outages;
mod run_times;

use std::sync::Arc;

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::allocator::Allocator;
use crate::allocator::protocol::{Allocation, AllocationId, Event, FailureReason, JobId, JobRequest, Target};
use crate::time::Time;
pub(super) use arrivals::{Arrivals, Comings};
pub(super) use outages::{Outages, Spell};
pub(super) use run_times::{RunTimes, Work};

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Past {
    requests: IndexMap<JobId, Arc<JobRequest>, FxBuildHasher>,
    running: IndexMap<AllocationId, Arc<Allocation>, FxBuildHasher>,
    times: run_times::Seen,
    arrivals: arrivals::Seen,
    outages: outages::Seen,
}

/// What it comes to.
#[derive(Debug)]
pub(super) struct Known {
    pub times: RunTimes,
    pub arrivals: Arrivals,
    pub outages: Outages,
}

impl Past {
    pub(super) fn observe(&mut self, now: Time, core: &Allocator, event: &Event) {
        match event {
            Event::JobQueued { job, .. } => {
                self.arrivals.came(now, job);
                self.requests.insert(job.id, job.clone());
            }
            Event::JobStarted { allocation } => {
                self.running.insert(allocation.id, allocation.clone());
            }
            // What its hardware ended says nothing of how long it runs.
            Event::JobFailed { job, allocation, reason: FailureReason::TooManyAttempts } => {
                self.running.swap_remove(allocation);
                self.requests.swap_remove(job);
            }
            Event::JobFinished { job, allocation, .. } | Event::JobFailed { job, allocation, .. } => {
                if let Some((allocation, request)) =
                    self.running.swap_remove(allocation).zip(self.requests.get(job))
                    && let Some(device) = core.device(allocation.device)
                {
                    let work = Work::of(request, device, allocation.copies);
                    self.times.ended(&work, now.since(allocation.started));
                }
                self.requests.swap_remove(job);
            }
            Event::JobRequeued { allocation, .. } => {
                self.running.swap_remove(allocation);
            }
            Event::JobCancelled { job, allocation, .. } => {
                if let Some(allocation) = allocation {
                    self.running.swap_remove(allocation);
                }
                self.requests.swap_remove(job);
            }
            Event::JobExpired { job, .. } => {
                self.requests.swap_remove(job);
            }
            Event::JobRejected { job, .. } => {
                self.requests.swap_remove(&job.id);
            }
            Event::StatusChanged { target: Target::Device(device), to, .. } => {
                self.outages.changed(now, *device, *to);
            }
            Event::DeviceRegistered { device, .. } => self.outages.joined(now, *device),
            Event::DeviceRemoved { device } => {
                self.outages.left(*device);
                self.times.left(*device);
            }
            _ => {}
        }
    }

    pub(super) fn known(&self, now: Time) -> Known {
        Known {
            times: self.times.known(),
            arrivals: self.arrivals.known(now),
            outages: self.outages.known(now),
        }
    }
}
