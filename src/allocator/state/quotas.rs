//! What groups, projects and users have at a time, against what they may have.
//!
//! Counts what is held, planned and promised, and who waits. Promises that a start that [`Quotas::check`] lets pass exceeds no
//! limit. It follows from the jobs and the configuration, and is worked out anew when a state is read.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::allocator::config::Tenants;
use crate::allocator::protocol::{Level, LimitReached, Resource, Tenant};

const RESOURCES: [Resource; 2] = [Resource::Qubits, Resource::Jobs];
const LEVELS: [Level; 3] = [Level::Group, Level::Project, Level::User];

/// Qubits and jobs.
pub type Had = [i64; 2];

/// A job of so many qubits more.
pub(super) fn more(qubits: usize) -> Had {
    [qubits as i64, 1]
}

/// A job of so many qubits less.
pub(super) fn less(qubits: usize) -> Had {
    [-(qubits as i64), -1]
}

/// Somebody who is listed, or everybody.
#[derive(Debug, Clone, Default)]
struct Node {
    quota: [Option<u32>; 2],
    borrow: [u32; 2],
    waiting: Option<u32>,
    /// What those below that have quotas may have together, where some of them may borrow and this one has no quota.
    together: [Option<i64>; 2],
    has: Had,
    /// What those below that have quotas have.
    below: Had,
    waits: i64,
}

impl Node {
    fn most(&self, resource: usize) -> Option<i64> {
        self.quota[resource].map(|quota| i64::from(quota) + i64::from(self.borrow[resource]))
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
        for (path, quota) in tenants.quotas() {
            let (last, above) = path.split_last().expect("everybody has a number");
            // Whoever it belongs to came before.
            let parent = above.iter().fold(0, |at, number| quotas.known[&(at, *number)]);
            quotas.known.insert((parent, *last), quotas.nodes.len());
            let (own, borrow) = ([quota.qubits, quota.jobs], [quota.borrow.qubits, quota.borrow.jobs]);
            quotas.nodes.push(Node { quota: own, borrow, waiting: quota.waiting, ..Node::default() });
        }
        for resource in 0..RESOURCES.len() {
            for parent in 0..quotas.nodes.len() {
                let below = quotas.known.iter().filter(|((of, _), _)| *of == parent);
                let below: Vec<&Node> = below.map(|(_, node)| &quotas.nodes[*node]).collect();
                let borrows = below.iter().any(|node| node.borrow[resource] > 0);
                let sum = below.iter().filter_map(|node| node.quota[resource]).map(i64::from).sum();
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

    /// Whether a tenant may have a job of so many qubits more, if it had so much less than it has; or the first limit from the
    /// group down that it would exceed.
    pub fn check(
        &self,
        tenant: Tenant,
        qubits: u32,
        less: impl Fn(usize) -> Had,
    ) -> Result<(), LimitReached> {
        if self.is_empty() {
            return Ok(());
        }
        let path = self.path(tenant);
        for (level, pair) in LEVELS.into_iter().zip(path.windows(2)) {
            let (above, own) = (&self.nodes[pair[0]], &self.nodes[pair[1]]);
            let asked: Had = [i64::from(qubits), 1];
            for (index, of) in RESOURCES.into_iter().enumerate() {
                let reached = |most: i64, used: i64, together| LimitReached {
                    level,
                    of,
                    most: most as u64,
                    used: used.max(0) as u64,
                    together,
                };
                let used = own.has[index] - less(pair[1])[index];
                if let Some(most) = own.most(index).filter(|most| used + asked[index] > *most) {
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

    /// What others would leave free in the places of which a tenant has some, by place: for [`Self::check`].
    pub fn shared(
        &self,
        tenant: Tenant,
        others: impl Iterator<Item = (Tenant, Had)>,
    ) -> BTreeMap<usize, Had> {
        let mut shared: BTreeMap<usize, Had> = self.path(tenant).into_iter().map(|at| (at, [0; 2])).collect();
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
    pub fn is_exceeded(&self, tenant: Tenant) -> bool {
        let path = self.path(tenant);
        path.windows(2).any(|pair| {
            let (above, own) = (&self.nodes[pair[0]], &self.nodes[pair[1]]);
            (0..RESOURCES.len()).any(|index| {
                let together = above.together[index].filter(|_| own.quota[index].is_some());
                own.most(index).is_some_and(|most| own.has[index] > most)
                    || together.is_some_and(|most| above.below[index] > most)
            })
        })
    }

    /// The first limit that a job of so many qubits exceeds although nobody else has anything.
    pub fn never(&self, tenant: Tenant, qubits: u32) -> Option<(Level, u64)> {
        if self.is_empty() {
            return None;
        }
        let path = self.path(tenant);
        let pairs = LEVELS.into_iter().zip(path.windows(2));
        pairs.into_iter().find_map(|(level, pair)| {
            let own = &self.nodes[pair[1]];
            let together = self.nodes[pair[0]].together[0].filter(|_| own.quota[0].is_some());
            let most = own.most(0).into_iter().chain(together).min()?;
            (i64::from(qubits) > most).then_some((level, most as u64))
        })
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
