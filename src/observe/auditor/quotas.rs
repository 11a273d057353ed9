//! What groups, projects and users hold at a time, as the auditor counts it, against their quotas.
//!
//! Promises books of its own: sums by the numbers of groups, projects and users, and the limits as they are written down.

use std::collections::BTreeMap;

use super::violation::Breach;
use crate::allocator::config::{Quota, Tenants};
use crate::allocator::protocol::{Allocation, Level, Resource, Tenant};

/// The numbers of a group, of a project in it, of a user in that.
type Path = Vec<u32>;

/// Quotas, and what is held.
#[derive(Debug, Clone, Default)]
pub(super) struct Quotas {
    limits: BTreeMap<Path, Quota>,
    held: BTreeMap<Path, [u64; 2]>,
}

fn paths(tenant: Tenant) -> [Path; 3] {
    let Tenant { user, group, project } = tenant;
    [vec![group], vec![group, project], vec![group, project, user]]
}

fn limit_of(quota: &Quota, resource: usize) -> Option<(u64, u64)> {
    let (own, more) = [(quota.qubits, quota.borrow.qubits), (quota.jobs, quota.borrow.jobs)][resource];
    own.map(|own| (u64::from(own), u64::from(more)))
}

impl Quotas {
    /// Other quotas are in force. What is held, is held.
    pub(super) fn configure(&mut self, tenants: &Tenants) {
        let stated = tenants.quotas().map(|(path, quota)| (path.to_vec(), *quota));
        self.limits = stated.collect();
        if self.limits.values().all(Quota::is_none) {
            self.limits.clear();
        }
    }

    /// Whether anybody has one.
    pub(super) fn are_stated(&self) -> bool {
        !self.limits.is_empty()
    }

    /// An attempt holds its qubits; a limit that it exceeds.
    pub(super) fn started(&mut self, allocation: &Allocation) -> Option<Breach> {
        for path in paths(allocation.tenant) {
            let held = self.held.entry(path).or_default();
            held[0] += allocation.held.len() as u64;
            held[1] += 1;
        }
        let levels = [Level::Group, Level::Project, Level::User].into_iter();
        let exceeded = levels.zip(paths(allocation.tenant)).find_map(|(level, path)| {
            (0..2).find_map(|resource| {
                let (most, has) = self.exceeded(&path, resource)?;
                let of = [Resource::Qubits, Resource::Jobs][resource];
                Some((level, of, most, has))
            })
        });
        exceeded.map(|(level, of, most, has)| Breach::QuotaExceeded {
            job: allocation.job,
            level,
            of,
            most,
            has,
        })
    }

    /// A limit that is exceeded: that of a path itself, or of all beside it together.
    fn exceeded(&self, path: &Path, resource: usize) -> Option<(u64, u64)> {
        let held = |path: &Path| self.held.get(path).map_or(0, |held| held[resource]);
        let (own, more) = limit_of(self.limits.get(path)?, resource)?;
        if held(path) > own + more {
            return Some((own + more, held(path)));
        }
        let above = &path[..path.len() - 1];
        if self.limits.get(above).is_some_and(|quota| limit_of(quota, resource).is_some()) {
            return None;
        }
        let beside = |other: &Path| other.len() == path.len() && other[..other.len() - 1] == *above;
        let stated = || {
            let beside = self.limits.iter().filter(|(other, _)| beside(other));
            beside.filter_map(|(other, quota)| limit_of(quota, resource).map(|limit| (other, limit)))
        };
        let borrowed = stated().any(|(_, (_, more))| more > 0);
        let most: u64 = stated().map(|(_, (own, _))| own).sum();
        let has: u64 = stated().map(|(other, _)| held(other)).sum();
        (borrowed && has > most).then_some((most, has))
    }

    /// Its qubits are free again.
    pub(super) fn ended(&mut self, allocation: &Allocation) {
        for path in paths(allocation.tenant) {
            if let Some(held) = self.held.get_mut(&path) {
                held[0] = held[0].saturating_sub(allocation.held.len() as u64);
                held[1] = held[1].saturating_sub(1);
                if *held == [0; 2] {
                    self.held.remove(&path);
                }
            }
        }
    }
}
