//! How evenly the machines are used, and how far usage is from shares.
//!
//! Promises `None` where there is nobody to compare with: of fewer than two nothing is fair or unfair. Leaves what anybody
//! used to [`super::accounts`], and who waited to [`super::sharing`].

use std::collections::BTreeMap;

use super::accounts::{Accounts, qubit_seconds};
use super::sharing::{Node, nodes};
use super::{Metrics, Phase};
use crate::allocator::protocol::Tenant;

impl Metrics {
    /// Jain's index over projects.
    pub(super) fn jain_fairness(&self) -> Option<f64> {
        if let Some(accounts) = self.by_share() {
            return jain(accounts.by_share(&self.options.tenants, self.now).into_iter());
        }
        let mut usage = self.usage.clone();
        for job in self.jobs.values() {
            let (since, qubits) = match &job.phase {
                Phase::Running { allocation, .. } => (allocation.started, allocation.held.len()),
                Phase::Waiting { since, .. } => (*since, 0),
            };
            let span = u128::from(self.clip(since).0);
            if span > 0 {
                *usage.entry(job.project).or_default() += span * qubits as u128;
            }
        }
        jain(usage.values().map(|used| *used as f64))
    }

    fn by_share(&self) -> Option<&Accounts> {
        self.accounts.as_deref().filter(|_| self.options.shares)
    }

    /// The largest distance of a share of usage from the share that is due, among siblings that had work waiting in at least
    /// half of the measured interval.
    pub(super) fn share_gap(&self) -> Option<f64> {
        let mut charged: BTreeMap<Node, (Tenant, f64)> = BTreeMap::new();
        for (tenant, account) in self.by_share()?.by_tenant(self.now) {
            for node in nodes(tenant) {
                charged.entry(node).or_insert((tenant, 0.0)).1 += qubit_seconds(account.counted);
            }
        }
        let half = u128::from(self.now.since(self.from).0);
        // What each sibling used, and its shares, below whom they stand.
        let mut siblings: BTreeMap<Node, Vec<(f64, f64)>> = BTreeMap::new();
        for (node, (tenant, charged)) in &charged {
            let waited = self.sharing.waited(node, self.now);
            if half > 0 && 2 * waited >= half {
                let level = node.iter().flatten().count() - 1;
                let shares = self.options.tenants.shares_of(*tenant)[level];
                siblings.entry(above(node, level)).or_default().push((*charged, f64::from(shares)));
            }
        }
        let gaps = siblings.values().filter_map(|siblings| largest_gap(siblings));
        gaps.max_by(f64::total_cmp)
    }
}

/// Whom somebody at this level belongs to.
fn above(node: &Node, level: usize) -> Node {
    let mut above = *node;
    above[level] = None;
    above
}

/// The largest distance of anybody's part of all usage from its part of all shares.
fn largest_gap(siblings: &[(f64, f64)]) -> Option<f64> {
    let (used, shares) = siblings.iter().fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
    let gap = |(own, share): &(f64, f64)| (own / used - share / shares).abs();
    (siblings.len() > 1 && used > 0.0).then(|| siblings.iter().map(gap).fold(0.0, f64::max))
}

/// Jain's index of at least two figures: 1 for equal ones, 1 / n if all but one are 0.
fn jain(figures: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut count, mut sum, mut squares) = (0_u32, 0.0, 0.0);
    for figure in figures {
        (count, sum, squares) = (count + 1, sum + figure, squares + figure * figure);
    }
    (count > 1 && squares > 0.0).then(|| sum * sum / (f64::from(count) * squares))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_fewer_than_two_nothing_is_fair_or_unfair() {
        assert_eq!(jain([5.0].into_iter()), None);
        assert_eq!(jain([0.0, 0.0].into_iter()), None);
        assert_eq!(jain([5.0, 5.0].into_iter()), Some(1.0));
        assert_eq!(jain([5.0, 0.0].into_iter()), Some(0.5));
        assert_eq!(largest_gap(&[(3.0, 1.0)]), None);
        assert_eq!(largest_gap(&[(3.0, 1.0), (1.0, 3.0)]), Some(0.5));
        assert_eq!(largest_gap(&[(3.0, 3.0), (1.0, 1.0)]), Some(0.0));
    }
}
