//! What groups, projects and users hold at a time and use in a period, as seen from outside, against their quotas: for the
//! auditor and the metrics.
//!
//! Promises books of its own, not the core's: sums by the numbers of groups, projects and users, and the limits as they are
//! written down. Of a period that has another length since, it knows what runs; what had ended, it forgets.

use std::collections::BTreeMap;

use crate::allocator::config::{QubitSeconds, Quota, Tenants};
use crate::allocator::protocol::{Allocation, AllocationId, JobRequest, Level, Resource, Tenant};
use crate::time::{Span, Time};

const NS_PER_S: u128 = 1_000_000_000;

/// The numbers of a group, of a project in it, of a user in that.
type Path = Vec<u32>;

/// Quotas, and what is held.
#[derive(Debug, Clone, Default)]
pub(in crate::observe) struct Quotas {
    limits: BTreeMap<Path, Quota>,
    held: BTreeMap<Path, [u64; 2]>,
    /// Who may use only so much in a period.
    periods: BTreeMap<Path, Period>,
    /// What attempts that hold their qubits are charged, and since when.
    open: BTreeMap<AllocationId, (Tenant, Time, u128)>,
}

/// What somebody has used in a period.
#[derive(Debug, Clone)]
struct Period {
    limit: QubitSeconds,
    /// Qubit-nanoseconds, by the time at which they count no more.
    used: BTreeMap<u64, u128>,
}

impl Period {
    /// Nothing is used yet but what is `open`.
    fn new<'a>(limit: QubitSeconds, open: impl Iterator<Item = &'a (Tenant, Time, u128)>) -> Self {
        let mut period = Self { limit, used: BTreeMap::new() };
        for (_, began, units) in open {
            *period.at(*began) += units;
        }
        period
    }

    /// What counts as long as a charge of a time does: the length from the end of its 32nd part of it.
    fn at(&mut self, began: Time) -> &mut u128 {
        let QubitSeconds { per: Span(per), .. } = self.limit;
        let part = per.div_ceil(32);
        let end = (began.0 / part + 1).saturating_mul(part);
        self.used.entry(end.saturating_add(per)).or_default()
    }

    fn counts(&mut self, now: Time) -> u128 {
        self.used.retain(|until, _| *until > now.0);
        self.used.values().sum()
    }
}

/// A limit that is exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::observe) struct Exceeded {
    pub(in crate::observe) level: Level,
    pub(in crate::observe) of: Resource,
    pub(in crate::observe) most: u64,
    pub(in crate::observe) has: u64,
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
    pub(in crate::observe) fn configure(&mut self, tenants: &Tenants) {
        let stated = tenants.quotas().map(|(path, quota)| (path.to_vec(), *quota));
        self.limits = stated.collect();
        if self.limits.values().all(Quota::is_none) {
            self.limits.clear();
        }
        let mut old = std::mem::take(&mut self.periods);
        for (path, quota) in &self.limits {
            let Some(limit) = quota.qubit_seconds else { continue };
            let known = old.remove(path).filter(|known| known.limit.per == limit.per);
            let of = |(tenant, ..): &&(Tenant, Time, u128)| paths(*tenant).contains(path);
            let used = known.map(|known| known.used);
            let fresh = || Period::new(limit, self.open.values().filter(of));
            self.periods.insert(path.clone(), used.map_or_else(fresh, |used| Period { limit, used }));
        }
    }

    /// Whether anybody has one.
    pub(in crate::observe) fn are_stated(&self) -> bool {
        !self.limits.is_empty()
    }

    /// Whether a tenant may use only so much in a period.
    pub(in crate::observe) fn have_period(&self, tenant: Tenant) -> bool {
        paths(tenant).iter().any(|path| self.periods.contains_key(path))
    }

    /// An attempt of a job holds its qubits; the limit of a period that it exceeds. Who states no time exceeds it if nothing
    /// was left.
    fn spend(&mut self, allocation: &Allocation, request: &JobRequest) -> Option<Exceeded> {
        let Allocation { id, tenant, started: now, expected_end, .. } = *allocation;
        let estimated = expected_end.map(|end| end.since(now));
        let Span(ns) = request.estimated_duration.or(estimated).unwrap_or_default();
        let units = allocation.held.len() as u128 * u128::from(ns);
        self.open.insert(id, (tenant, now, units));
        let mut exceeded = None;
        for (level, path) in [Level::Group, Level::Project, Level::User].into_iter().zip(paths(tenant)) {
            let Some(period) = self.periods.get_mut(&path) else { continue };
            let before = period.counts(now);
            *period.at(now) += units;
            let most = u128::from(period.limit.at_most) * NS_PER_S;
            let least = request.estimated_duration.map_or(1, |_| units);
            if before.saturating_add(least) > most {
                let of = Resource::QubitSeconds;
                let has = u64::try_from((before + units).div_ceil(NS_PER_S)).unwrap_or(u64::MAX);
                exceeded = exceeded.or(Some(Exceeded { level, of, most: period.limit.at_most, has }));
            }
        }
        exceeded
    }

    /// An attempt of a job holds its qubits; a limit that it exceeds.
    pub(in crate::observe) fn starts(
        &mut self,
        allocation: &Allocation,
        request: &JobRequest,
    ) -> Option<Exceeded> {
        let at_a_time = self.started(allocation);
        let in_a_period = self.spend(allocation, request);
        at_a_time.or(in_a_period)
    }

    /// Its qubits are free again, and it has used them until now; or nothing, if its hardware ended it.
    pub(in crate::observe) fn ends(&mut self, allocation: &Allocation, now: Time, refunded: bool) {
        self.ended(allocation);
        let Some((tenant, began, units)) = self.open.remove(&allocation.id) else { return };
        let held = allocation.held.len() as u128 * u128::from(now.since(began).0);
        for path in paths(tenant) {
            if let Some(period) = self.periods.get_mut(&path) {
                let used = period.at(began);
                *used = used.saturating_sub(units) + if refunded { 0 } else { held };
                period.counts(now);
            }
        }
    }

    /// An attempt holds its qubits; a limit of what is held at a time that it exceeds.
    pub(in crate::observe) fn started(&mut self, allocation: &Allocation) -> Option<Exceeded> {
        for path in paths(allocation.tenant) {
            let held = self.held.entry(path).or_default();
            held[0] += allocation.held.len() as u64;
            held[1] += 1;
        }
        let levels = [Level::Group, Level::Project, Level::User].into_iter();
        levels.zip(paths(allocation.tenant)).find_map(|(level, path)| {
            (0..2).find_map(|resource| {
                let (most, has) = self.exceeded(&path, resource)?;
                let of = [Resource::Qubits, Resource::Jobs][resource];
                Some(Exceeded { level, of, most, has })
            })
        })
    }

    /// A limit that is exceeded: that of a path itself, or of all beside it together.
    fn exceeded(&self, path: &Path, resource: usize) -> Option<(u64, u64)> {
        let exceeded = |(most, has): &(u64, u64)| has > most;
        self.bounds(path, resource).into_iter().flatten().find(exceeded)
    }

    /// What a path, and all beside it together, may have and have.
    fn bounds(&self, path: &Path, resource: usize) -> [Option<(u64, u64)>; 2] {
        let held = |path: &Path| self.held.get(path).map_or(0, |held| held[resource]);
        let Some((own, more)) = self.limits.get(path).and_then(|quota| limit_of(quota, resource)) else {
            return [None; 2];
        };
        let alone = Some((own + more, held(path)));
        let above = &path[..path.len() - 1];
        if self.limits.get(above).is_some_and(|quota| limit_of(quota, resource).is_some()) {
            return [alone, None];
        }
        let beside = |other: &Path| other.len() == path.len() && other[..other.len() - 1] == *above;
        let stated = || {
            let beside = self.limits.iter().filter(|(other, _)| beside(other));
            beside.filter_map(|(other, quota)| limit_of(quota, resource).map(|limit| (other, limit)))
        };
        let borrowed = stated().any(|(_, (_, more))| more > 0);
        let most: u64 = stated().map(|(_, (own, _))| own).sum();
        let has: u64 = stated().map(|(other, _)| held(other)).sum();
        [alone, borrowed.then_some((most, has))]
    }

    /// Whose room changes with what a tenant holds: everybody's (0), its group's (1), its project's (2) or its own (3).
    pub(in crate::observe) fn reach(&self, tenant: Tenant) -> usize {
        let [group, project, _] = paths(tenant);
        let borrows = |above: &[u32]| {
            let below = |path: &Path| path.len() == above.len() + 1 && path.starts_with(above);
            self.limits.iter().any(|(path, quota)| below(path) && !quota.borrow.is_none())
        };
        let limited = |path: &Path| self.limits.get(path).is_some_and(|quota| !quota.is_none());
        match () {
            () if borrows(&[]) => 0,
            () if limited(&group) || borrows(&group) => 1,
            () if limited(&project) || borrows(&project) => 2,
            () => 3,
        }
    }

    /// The largest job that a tenant could still start, as far as limits go: in qubits; `None` where nothing limits it.
    pub(in crate::observe) fn room(&self, tenant: Tenant) -> Option<u64> {
        let bounds = |resource| {
            let paths = paths(tenant);
            let bounds = paths.iter().flat_map(|path| self.bounds(path, resource)).flatten();
            bounds.map(|(most, has): (u64, u64)| most.saturating_sub(has)).min()
        };
        if bounds(1) == Some(0) { Some(0) } else { bounds(0) }
    }

    /// Its qubits are free again.
    pub(in crate::observe) fn ended(&mut self, allocation: &Allocation) {
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
