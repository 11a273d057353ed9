//! For how long quotas stopped waiting jobs, and for how long anybody had work waiting.
//!
//! A waiting job that is not held is *stopped by a quota* while the smallest number of qubits with which it can start,
//! beside what attempts of its group, its project and its user hold, is more than these may have. That is a lower bound of
//! what quotas keep from starting: the core lets promises to others take from a quota, too, and quotas of qubit-seconds stop
//! others besides.

use std::collections::BTreeMap;

use super::job::{path, tenant};
use crate::allocator::protocol::Tenant;
use crate::observe::quotas::Quotas;
use crate::time::Time;

/// A group, a project of it or a user of that, by number; those above end with `None`.
pub type Node = [Option<u32>; 3];

/// The group, the project and the user of a tenant.
pub fn nodes(whose: Tenant) -> [Node; 3] {
    let [group, project, user] = path(whose).map(Some);
    [[group, None, None], [group, project, None], [group, project, user]]
}

/// A count over time.
#[derive(Debug, Clone, Copy, Default)]
struct Over {
    count: u64,
    since: Time,
    ns: u128,
}

impl Over {
    /// Adds up until `now`, each of those counted, or only whether there is any.
    fn until(&self, now: Time, each: bool) -> u128 {
        let count = if each { self.count } else { self.count.min(1) };
        self.ns + u128::from(count) * u128::from(now.since(self.since).0)
    }

    fn set(&mut self, now: Time, count: u64, each: bool) {
        *self = Self { ns: self.until(now, each), since: now, count };
    }
}

/// The waiting jobs of a tenant.
#[derive(Debug, Clone, Default)]
struct Queue {
    sizes: BTreeMap<u32, u64>,
    stopped: Over,
}

/// Who waits.
#[derive(Debug, Clone, Default)]
pub(super) struct Stops {
    queues: BTreeMap<[u32; 3], Queue>,
    waiting: BTreeMap<Node, Over>,
}

impl Stops {
    /// A job of a tenant may start from now on, or may not any more.
    pub(super) fn wait(&mut self, whose: Tenant, qubits: u32, more: bool, quotas: &Quotas, now: Time) {
        for node in nodes(whose) {
            let over = self.waiting.entry(node).or_default();
            let count = if more { over.count + 1 } else { over.count.saturating_sub(1) };
            over.set(now, count, false);
        }
        if !quotas.are_stated() {
            return;
        }
        let queue = self.queues.entry(path(whose)).or_default();
        let of_size = queue.sizes.entry(qubits).or_default();
        *of_size = if more { *of_size + 1 } else { of_size.saturating_sub(1) };
        if *of_size == 0 {
            queue.sizes.remove(&qubits);
        }
        Self::look_at(whose, queue, quotas, now);
    }

    fn look_at(whose: Tenant, queue: &mut Queue, quotas: &Quotas, now: Time) {
        let room = quotas.room(whose).map(|room| u32::try_from(room).unwrap_or(u32::MAX));
        let larger =
            |room: u32| room.checked_add(1).map_or(0, |from| queue.sizes.range(from..).map(|of| of.1).sum());
        let count = room.map_or(0, larger);
        queue.stopped.set(now, count, true);
    }

    /// What a tenant has has changed, and with that what others may have.
    pub(super) fn changed(&mut self, whose: Tenant, quotas: &Quotas, now: Time) {
        if !quotas.are_stated() {
            return;
        }
        let [group, project, user] = path(whose);
        let (all, none) = (u32::MAX, 0);
        let range = match quotas.reach(whose) {
            0 => [none; 3]..=[all; 3],
            1 => [group, none, none]..=[group, all, all],
            2 => [group, project, none]..=[group, project, all],
            _ => [group, project, user]..=[group, project, user],
        };
        for (numbers, queue) in self.queues.range_mut(range) {
            if !queue.sizes.is_empty() {
                Self::look_at(tenant(*numbers), queue, quotas, now);
            }
        }
    }

    /// Other quotas are in force: whoever waits must be entered again.
    pub(super) fn clear_queues(&mut self, now: Time) {
        for queue in self.queues.values_mut() {
            queue.sizes.clear();
            queue.stopped.set(now, 0, true);
        }
        for over in self.waiting.values_mut() {
            over.set(now, 0, false);
        }
    }

    /// For how long jobs of each tenant were stopped, together, in nanoseconds.
    pub(super) fn stopped(&self, now: Time) -> impl Iterator<Item = (Tenant, u128)> {
        self.queues.iter().map(move |(numbers, queue)| (tenant(*numbers), queue.stopped.until(now, true)))
    }

    /// For how long anybody of a group, a project or a user waited, in nanoseconds.
    pub(super) fn waited(&self, node: &Node, now: Time) -> u128 {
        self.waiting.get(node).map_or(0, |over| over.until(now, false))
    }

    /// Counts from here on.
    pub(super) fn restart(&mut self, now: Time) {
        for over in self.queues.values_mut().map(|queue| &mut queue.stopped).chain(self.waiting.values_mut())
        {
            (over.ns, over.since) = (0, now);
        }
    }
}
