//! What groups, projects and users have at a time, and have spent in a period, against what they may have.
//!
//! Counts what is held, planned and promised, and who waits. Promises that a start that `Quotas::check` lets pass exceeds no
//! limit. It follows from the jobs and the configuration, and is worked out anew when a state is read; what was spent is in
//! `state/spent.rs`.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::spent::{Spent, units_at_start};
use crate::allocator::config::{Quota, Tenants};
use crate::allocator::protocol::{JobRequest, Level, LimitReached, Rejection, Resource, Tenant};
use crate::time::{Span, Time};

const RESOURCES: [Resource; 3] = [Resource::Qubits, Resource::Jobs, Resource::QubitSeconds];
const LEVELS: [Level; 3] = [Level::Group, Level::Project, Level::User];

/// Where the qubit-seconds are among these.
const SECONDS: usize = 2;

/// Nanoseconds of a qubit in a qubit-second.
const UNITS: i128 = 1_000_000_000;

/// Qubits, jobs, and nanoseconds of a qubit in a period that are not spent yet.
pub type Had = [i128; RESOURCES.len()];

/// What a job takes that starts on so many qubits: at least something of a period, also where it does not say how long it takes.
pub(super) fn asked(request: &JobRequest, qubits: usize) -> Had {
    let Span(ns) = request.estimated_duration.unwrap_or_default();
    [qubits as i128, 1, (qubits as i128 * i128::from(ns)).max(1)]
}

/// What it takes by a plan, if it is taken to run so long.
pub fn planned(request: &JobRequest, qubits: usize, estimated: Option<Span>) -> Had {
    let units = units_at_start(request, qubits, estimated);
    [qubits as i128, 1, i128::try_from(units).unwrap_or(i128::MAX)]
}

/// What it has while it runs.
pub(super) fn running(qubits: usize) -> Had {
    [qubits as i128, 1, 0]
}

/// So much less.
pub(super) fn less(had: Had) -> Had {
    had.map(|had| -had)
}

/// Somebody who is listed, or everybody.
#[derive(Debug, Clone, Default)]
struct Node {
    quota: [Option<i128>; RESOURCES.len()],
    borrow: Had,
    /// The period of its qubit-seconds, and where it is among those who have one.
    period: Option<(Span, usize)>,
    waiting: Option<u32>,
    /// What those below that have quotas may have together, where some of them may borrow and this one has no quota.
    together: [Option<i128>; RESOURCES.len()],
    has: Had,
    /// What those below that have quotas have.
    below: Had,
    waits: i64,
}

impl Node {
    /// Whoever has these limits.
    fn of(quota: &Quota, periods: usize) -> Self {
        let units = quota.qubit_seconds.map(|limit| i128::from(limit.at_most) * UNITS);
        Self {
            quota: [quota.qubits.map(i128::from), quota.jobs.map(i128::from), units],
            borrow: [i128::from(quota.borrow.qubits), i128::from(quota.borrow.jobs), 0],
            period: quota.qubit_seconds.map(|limit| (limit.per, periods)),
            waiting: quota.waiting,
            ..Self::default()
        }
    }

    fn most(&self, resource: usize) -> Option<i128> {
        self.quota[resource].map(|quota| quota + self.borrow[resource])
    }

    /// What it has, or has spent.
    fn used(&self, resource: usize, spent: &Spent) -> i128 {
        let counted = self.period.filter(|_| resource == SECONDS).map(|(_, index)| spent.counted(index));
        let counted = counted.map_or(0, |units| i128::try_from(units).unwrap_or(i128::MAX));
        self.has[resource].saturating_add(counted)
    }
}

/// All who are listed.
#[derive(Debug, Clone, Default)]
pub struct Quotas {
    /// Everybody first; empty where there are no quotas.
    nodes: Vec<Node>,
    known: BTreeMap<(usize, u32), usize>,
}

impl Quotas {
    /// Nobody has anything yet.
    pub fn new(tenants: &Tenants) -> Self {
        let mut quotas = Self::default();
        if tenants.quotas().all(|(_, quota)| quota.is_none()) {
            return quotas;
        }
        quotas.nodes.push(Node::default());
        let mut periods = 0;
        for (path, quota) in tenants.quotas() {
            let (last, above) = path.split_last().expect("everybody has a number");
            // Whoever it belongs to came before.
            let parent = above.iter().fold(0, |at, number| quotas.known[&(at, *number)]);
            quotas.known.insert((parent, *last), quotas.nodes.len());
            quotas.nodes.push(Node::of(quota, periods));
            periods += usize::from(quota.qubit_seconds.is_some());
        }
        for resource in 0..RESOURCES.len() {
            for parent in 0..quotas.nodes.len() {
                let below = quotas.known.iter().filter(|((of, _), _)| *of == parent);
                let below: Vec<&Node> = below.map(|(_, node)| &quotas.nodes[*node]).collect();
                let borrows = below.iter().any(|node| node.borrow[resource] > 0);
                let sum = below.iter().filter_map(|node| node.quota[resource]).sum();
                let bounded = quotas.nodes[parent].quota[resource].is_some();
                quotas.nodes[parent].together[resource] = Some(sum).filter(|_| borrows && !bounded);
            }
        }
        quotas
    }

    /// Whether nobody has one.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Everybody, and those of a tenant's group, project and user that are listed.
    fn path(&self, tenant: Tenant) -> SmallVec<[usize; 4]> {
        let numbers = [tenant.group, tenant.project, tenant.user].into_iter();
        let below = numbers.scan(0, |at, number| {
            *at = *self.known.get(&(*at, number))?;
            Some(*at)
        });
        std::iter::once(0).chain(below).collect()
    }

    /// A tenant has so much more, or less.
    pub(super) fn change(&mut self, tenant: Tenant, by: Had) {
        if self.is_empty() {
            return;
        }
        let path = self.path(tenant);
        for (above, &at) in path.iter().enumerate().skip(1).map(|(index, at)| (path[index - 1], at)) {
            for (resource, more) in by.into_iter().enumerate() {
                self.nodes[at].has[resource] += more;
                if self.nodes[at].quota[resource].is_some() {
                    self.nodes[above].below[resource] += more;
                }
            }
        }
    }

    /// So many more jobs of a tenant wait, or fewer.
    pub(super) fn wait(&mut self, tenant: Tenant, by: i64) {
        if self.is_empty() {
            return;
        }
        for at in self.path(tenant) {
            self.nodes[at].waits += by;
        }
    }

    /// Whether a tenant may have so much more, if it had so much less than it has; or the first limit from the group down that
    /// it would exceed.
    pub(super) fn check(
        &self,
        spent: &Spent,
        tenant: Tenant,
        asked: Had,
        less: impl Fn(usize) -> Had,
    ) -> Result<(), LimitReached> {
        if self.is_empty() {
            return Ok(());
        }
        let path = self.path(tenant);
        for (level, pair) in LEVELS.into_iter().zip(path.windows(2)) {
            let (above, own) = (&self.nodes[pair[0]], &self.nodes[pair[1]]);
            for (index, of) in RESOURCES.into_iter().enumerate() {
                let scale = if index == SECONDS { UNITS } else { 1 };
                let shown = |figure: i128| u64::try_from(figure.max(0) / scale).unwrap_or(u64::MAX);
                let per = own.period.filter(|_| index == SECONDS).map(|(per, _)| per);
                let reached = |most: i128, used: i128, together| {
                    let (most, used) = (shown(most), shown(used));
                    LimitReached { level, of, most, used, per, together }
                };
                let used = own.used(index, spent) - less(pair[1])[index];
                if let Some(most) = own.most(index).filter(|most| used.saturating_add(asked[index]) > *most) {
                    return Err(reached(most, used, false));
                }
                let used = above.below[index] - less(pair[0])[index];
                let bound = above.together[index].filter(|_| own.quota[index].is_some());
                if let Some(most) = bound.filter(|most| used + asked[index] > *most) {
                    return Err(reached(most, used, true));
                }
            }
        }
        Ok(())
    }

    /// What others would leave free in the places of which a tenant has some, by place: for `Self::check`.
    pub fn shared(
        &self,
        tenant: Tenant,
        others: impl Iterator<Item = (Tenant, Had)>,
    ) -> BTreeMap<usize, Had> {
        let mut shared: BTreeMap<usize, Had> =
            self.path(tenant).into_iter().map(|at| (at, Had::default())).collect();
        for (other, had) in others {
            let path = self.path(other);
            for (index, at) in path.iter().enumerate() {
                let Some(sum) = shared.get_mut(at) else { break };
                // Where a limit is for those below together, it is for those that have quotas.
                let next = path.get(index + 1).map(|below| self.nodes[*below].quota);
                for resource in 0..RESOURCES.len() {
                    let bounded = self.nodes[*at].together[resource].is_some();
                    let counts = !bounded || next.is_some_and(|quota| quota[resource].is_some());
                    sum[resource] += if counts { had[resource] } else { 0 };
                }
            }
        }
        shared
    }

    /// Whether a tenant's group, project or user has more than it may.
    pub(super) fn is_exceeded(&self, spent: &Spent, tenant: Tenant) -> bool {
        let path = self.path(tenant);
        path.windows(2).any(|pair| {
            let (above, own) = (&self.nodes[pair[0]], &self.nodes[pair[1]]);
            (0..RESOURCES.len()).any(|index| {
                let together = above.together[index].filter(|_| own.quota[index].is_some());
                own.most(index).is_some_and(|most| own.used(index, spent) > most)
                    || together.is_some_and(|most| above.below[index] > most)
            })
        })
    }

    /// On how many qubits a job may start at most although nobody else has anything; `None`: on as many as it likes.
    pub fn most_qubits(&self, request: &JobRequest) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        let each = asked(request, 1)[SECONDS];
        let path = self.path(request.tenant);
        let most = path.windows(2).filter_map(|pair| {
            let (above, own) = (&self.nodes[pair[0]], &self.nodes[pair[1]]);
            let together = above.together[0].filter(|_| own.quota[0].is_some());
            let in_period = own.period.and_then(|_| own.most(SECONDS)).map(|most| most / each);
            own.most(0).into_iter().chain(together).chain(in_period).min()
        });
        most.min().map(|most| u32::try_from(most.max(0)).unwrap_or(u32::MAX))
    }

    /// Why a job may never start although nobody else has anything, if it may not.
    pub fn never(&self, request: &JobRequest) -> Option<Rejection> {
        if self.is_empty() {
            return None;
        }
        let asked = asked(request, request.min_qubits as usize);
        let path = self.path(request.tenant);
        let mut pairs = LEVELS.into_iter().zip(path.windows(2));
        pairs.find_map(|(level, pair)| {
            let own = &self.nodes[pair[1]];
            let together = self.nodes[pair[0]].together[0].filter(|_| own.quota[0].is_some());
            if let Some(most) = own.most(0).into_iter().chain(together).min().filter(|most| asked[0] > *most)
            {
                return Some(Rejection::BeyondQuota { level, asked: request.min_qubits, most: most as u64 });
            }
            let (most, (per, _)) = (own.most(SECONDS)?, own.period?);
            let seconds = |units: i128| u64::try_from(units / UNITS).unwrap_or(u64::MAX);
            let units = asked[SECONDS];
            let (asked, most_s) = (seconds(units.saturating_add(UNITS - 1)), seconds(most));
            (units > most).then_some(Rejection::BeyondPeriod { level, asked, most: most_s, per })
        })
    }

    /// When something leaves a period next after a time of whom jobs wait for.
    pub(super) fn leaves_after(&self, spent: &Spent, time: Time) -> Option<Time> {
        if spent.is_empty() {
            return None;
        }
        let awaited = self.nodes.iter().filter(|node| node.waits > 0);
        awaited.filter_map(|node| spent.leaves_after(node.period?.1, time)).min()
    }

    /// The first limit from the group down that the waiting jobs of a tenant exceed.
    pub fn too_many_wait(&self, tenant: Tenant) -> Option<(Level, u64)> {
        if self.is_empty() {
            return None;
        }
        let path = self.path(tenant);
        LEVELS.into_iter().zip(path.into_iter().skip(1)).find_map(|(level, at)| {
            let node = &self.nodes[at];
            let most = node.waiting.filter(|most| node.waits > i64::from(*most))?;
            Some((level, u64::from(most)))
        })
    }
}
