//! What groups, projects and users have spent of their qubit-seconds in a period.
//!
//! A start is charged for what the job states, or is taken to need, and when it ends for what it held instead. Promises that
//! it follows from the events, and a sum for each part of a period, however many jobs there were ([`super::window`]). Leaves
//! to [`super::quotas`] who may start by it.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::window::{Buckets, Window};
use crate::allocator::config::Tenants;
use crate::allocator::protocol::{Allocation, JobRequest, Tenant};
use crate::time::{Span, Time};

/// What an attempt that holds its qubits counts for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Charged {
    pub tenant: Tenant,
    pub began: Time,
    /// Qubit-nanoseconds.
    pub units: u128,
}

impl Charged {
    /// At its start.
    pub fn at_start(request: &JobRequest, allocation: &Allocation) -> Self {
        let began = allocation.started;
        let estimated = allocation.expected_end.map(|end| end.since(began));
        let units = units_at_start(request, allocation.held.len(), estimated);
        Self { tenant: request.tenant, began, units }
    }

    /// When it has held its qubits until `now`.
    pub fn at_end(request: &JobRequest, allocation: &Allocation, now: Time) -> Self {
        let held = allocation.held.len() as u128 * u128::from(now.since(allocation.started).0);
        Self { tenant: request.tenant, began: allocation.started, units: held }
    }
}

/// What a start on so many qubits counts for, in qubit-nanoseconds: by the time that the job states, or else by that which it is
/// taken to run; nothing, if nobody can tell.
pub(super) fn units_at_start(request: &JobRequest, qubits: usize, estimated: Option<Span>) -> u128 {
    let Span(ns) = request.estimated_duration.or(estimated).unwrap_or_default();
    qubits as u128 * u128::from(ns)
}

/// What somebody who has such a quota has spent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SpentBy {
    /// Its number, after those of whom it belongs to.
    path: SmallVec<[u32; 3]>,
    period: Window,
    buckets: Buckets,
}

impl SpentBy {
    fn is_of(&self, tenant: Tenant) -> bool {
        [tenant.group, tenant.project, tenant.user].starts_with(&self.path)
    }

    fn add(&mut self, charged: Charged) {
        self.buckets.add(self.period, charged.began, charged.units);
    }

    fn take(&mut self, charged: Charged) {
        self.buckets.take(self.period, charged.began, charged.units);
    }
}

/// What everybody has spent who has such a quota, in the order in which they are listed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Spent {
    by: Vec<SpentBy>,
    /// The time as of which it is looked at. It follows from the commands, not from the events.
    #[serde(skip)]
    seen: Time,
}

impl Spent {
    /// Nobody has spent anything yet.
    pub fn new(tenants: &Tenants) -> Self {
        let periods = tenants.quotas().filter_map(|(path, quota)| Some((path, quota.qubit_seconds?.per)));
        let by = periods.map(|(path, length)| {
            let (period, buckets) = (Window { length }, Buckets::default());
            SpentBy { path, period, buckets }
        });
        Self { by: by.collect(), seen: Time::ZERO }
    }

    /// Whether nobody has such a quota.
    pub fn is_empty(&self) -> bool {
        self.by.is_empty()
    }

    /// Looks at it as of another time from now on.
    pub fn look(&mut self, now: Time) {
        self.seen = now;
    }

    /// What counts now of the one with a number in the order of the list.
    pub fn counted(&self, index: usize) -> u128 {
        self.by.get(index).map_or(0, |by| by.buckets.counted(by.period, self.seen))
    }

    /// When something leaves next of what it has spent.
    pub fn leaves_after(&self, index: usize, time: Time) -> Option<Time> {
        self.by.get(index).and_then(|by| by.buckets.leaves_after(by.period, time))
    }

    /// An attempt has started.
    pub fn start(&mut self, charged: Charged) {
        for by in self.by.iter_mut().filter(|by| by.is_of(charged.tenant)) {
            by.add(charged);
            by.buckets.drop_what_left(by.period, charged.began);
        }
    }

    /// An attempt has ended: it counts for something else, or for nothing. What has left is not there any more.
    pub fn end(&mut self, at_start: Charged, at_end: Option<Charged>, now: Time) {
        for by in self.by.iter_mut().filter(|by| by.is_of(at_start.tenant)) {
            by.take(at_start);
            if let Some(at_end) = at_end {
                by.add(at_end);
            }
            by.buckets.drop_what_left(by.period, now);
        }
    }

    /// Other quotas are in force from now on. What was spent in a period that is still there was spent; in one that is new,
    /// what the attempts are charged that are `open`.
    pub fn reconfigure(&mut self, tenants: &Tenants, open: &[Charged], now: Time) {
        let mut old = std::mem::replace(self, Self { seen: self.seen, ..Self::new(tenants) }).by;
        for by in &mut self.by {
            let of = |by: &SpentBy| open.iter().copied().filter(|charged| by.is_of(charged.tenant)).collect();
            let open: Vec<Charged> = of(by);
            if let Some(known) = old.iter_mut().find(|known| known.path == by.path) {
                if known.period == by.period {
                    by.buckets = std::mem::take(&mut known.buckets);
                    continue;
                }
                open.iter().for_each(|charged| known.take(*charged));
                by.buckets = known.buckets.divided_as(known.period, by.period);
            }
            open.into_iter().for_each(|charged| by.add(charged));
            by.buckets.drop_what_left(by.period, now);
        }
    }

    /// Whether they are those that a configuration lists, what attempts are charged that are `open` is in it, and nothing is
    /// of later than `now`; as it is unless it was read from made-up bytes.
    pub fn is_consistent(&self, tenants: &Tenants, open: &[Charged], now: Time) -> bool {
        let listed = Self::new(tenants);
        let as_listed = listed.by.len() == self.by.len()
            && listed
                .by
                .iter()
                .zip(&self.by)
                .all(|(listed, by)| listed.path == by.path && listed.period == by.period);
        as_listed
            && self.by.iter().all(|by| {
                let mut rest = by.clone();
                let counts =
                    |charged: &&Charged| by.is_of(charged.tenant) && !by.period.has_left(charged.began, now);
                let all_there = open.iter().filter(counts).all(|charged| {
                    let there = rest.buckets.holds(by.period, charged.began, charged.units);
                    rest.take(*charged);
                    there
                });
                all_there && by.buckets.lie_within(by.period, Time::ZERO, now)
            })
    }
}
