//! What is due: the queues that the next pass must look at, and the instants at which something happens by itself.
//!
//! Promises that whatever could help a waiting job is marked. Not part of the state, but of a snapshot: a pass that starts
//! nothing leaves no trace among the events, yet need not be run again.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::fleet::Fleet;
use super::place::Place;
use crate::allocator::config::{AllocatorConfig, Queue};
use crate::allocator::protocol::{AllocationId, JobId};
use crate::quantum::DeviceId;
use crate::time::Time;

/// What is to happen at a time. The order is that of events at one instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) enum Timer {
    /// A guard ends.
    GuardEnd(DeviceId, AllocationId),
    /// The core no longer waits for the acknowledgement of a stop.
    StopTimeout(AllocationId),
    /// An attempt has run as long as it may.
    Walltime(AllocationId),
    /// A job is ordered by something else.
    Rank(JobId),
    /// A job is tried again.
    Retry(JobId),
    /// A job was promised to have started by now.
    PromiseDue(JobId),
    /// A job has waited as long as it wants to: the last of an instant, in the order in which they came.
    Expiry(Place, JobId),
}

impl Timer {
    /// Whether it ends the patience of a job.
    fn is_expiry(&self) -> bool {
        matches!(self, Self::Expiry(..))
    }
}

/// What the next pass must look at.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Due {
    /// The global queue; with queues per device, the jobs that no device could take.
    pub global: bool,
    /// The queues of these devices.
    pub devices: BTreeSet<DeviceId>,
    /// What a device could take if it were empty may have changed: jobs in its queue may have to move on.
    pub homes: bool,
}

impl Due {
    /// Whether anything is.
    pub fn is_set(&self) -> bool {
        self.global || self.homes || !self.devices.is_empty()
    }

    /// Marks the queues that a change on a device may help. `parked`: somebody is in the global queue.
    pub(super) fn mark(&mut self, config: &AllocatorConfig, parked: bool, id: DeviceId) {
        self.global |= parked;
        if matches!(config.queue, Queue::PerDevice { .. }) {
            self.devices.insert(id);
        }
    }

    /// Marks everything: what is possible at all may have changed anywhere, since whether a job is routed, and whether
    /// it blocks others, depends on what the whole fleet could do for it.
    pub(super) fn mark_all(&mut self, config: &AllocatorConfig, parked: bool, fleet: &Fleet) {
        self.global |= parked;
        if matches!(config.queue, Queue::PerDevice { .. }) {
            self.homes = true;
            self.devices = fleet.iter().map(|device| device.id).collect();
        }
    }

    /// Marks a queue.
    pub fn mark_queue(&mut self, queue: Option<DeviceId>) {
        match queue {
            Some(device) => {
                self.devices.insert(device);
            }
            None => self.global = true,
        }
    }
}

/// What is due, and when to wake up.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Agenda {
    /// The time of the last command.
    pub now: Time,
    /// What the next pass must look at.
    pub due: Due,
    /// What happens by itself.
    pub timers: BTreeSet<(Time, Timer)>,
    /// Submitted since the last pass, where the length of queues is limited: whether there is room for them is known
    /// after the next one.
    pub newcomers: Vec<JobId>,
    /// Jobs that waited for others to end, and need to no more: what becomes of them is decided before the command is over.
    pub dependants: VecDeque<JobId>,
}

impl Agenda {
    /// Whether anything is to be done at once.
    pub fn is_due(&self) -> bool {
        self.due.is_set() || !self.dependants.is_empty()
    }

    /// Takes off the first timer whose time has come, but for the ends of patience at this very instant.
    pub fn pop_timer(&mut self, now: Time) -> Option<(Time, Timer)> {
        let come = |(at, timer): &&(Time, Timer)| *at < now || *at == now && !timer.is_expiry();
        self.timers.first().filter(come)?;
        self.timers.pop_first()
    }

    /// Takes off the first end of patience at this very instant, when nothing else is left of it.
    pub fn pop_expiry(&mut self, now: Time) -> Option<JobId> {
        match *self.timers.first()? {
            (at, Timer::Expiry(_, id)) if at <= now => {
                self.timers.pop_first();
                Some(id)
            }
            _ => None,
        }
    }
}
