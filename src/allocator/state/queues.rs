//! A queue of waiting jobs: those of each account in order of their ranks, with removal anywhere.
//!
//! A job keeps its rank when it is requeued. Leaves to [`super::accounts`] whose account comes first, and to the
//! scheduling pass who may overtake.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::place::{AccountId, JobSlot, Rank};

/// Waiting jobs of one account in order of their ranks.
type Line = BTreeMap<Rank, JobSlot>;

/// Waiting jobs.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WaitingQueue {
    /// None of them empty.
    lines: BTreeMap<AccountId, Line>,
    len: usize,
    qubits: u64,
    /// How often somebody has come, gone or become another's turn; counts from 0 again in a core that was restored.
    #[serde(skip)]
    changes: u64,
    /// Whom the latest changes were about, the last one at the back.
    #[serde(skip)]
    changed: VecDeque<(AccountId, Rank)>,
}

/// So many changes are remembered one by one at least, and as many as a share of the jobs that wait.
const CHANGES_KEPT: usize = 64;

/// That share: beyond it, looking at everybody costs no more.
const JOBS_PER_CHANGE_KEPT: usize = 4;

impl WaitingQueue {
    /// Adds a job that asks for `qubits` qubits.
    pub(super) fn insert(&mut self, account: AccountId, rank: Rank, slot: JobSlot, qubits: u32) {
        self.len += usize::from(self.lines.entry(account).or_default().insert(rank, slot).is_none());
        self.note(account, rank);
        self.qubits += u64::from(qubits);
    }

    /// Takes a job out; false when it was not there.
    pub(super) fn remove(&mut self, account: AccountId, rank: Rank, qubits: u32) -> bool {
        let Some(line) = self.lines.get_mut(&account) else { return false };
        let there = line.remove(&rank).is_some();
        if line.is_empty() {
            self.lines.remove(&account);
        }
        if there {
            self.len -= 1;
            self.qubits -= u64::from(qubits);
            self.note(account, rank);
        }
        there
    }

    /// Gives a job another rank among those of its account: whether it stands behind or before others than it did. `None`
    /// when it was not there.
    pub(super) fn rerank(&mut self, account: AccountId, old: Rank, new: Rank) -> Option<bool> {
        let line = self.lines.get_mut(&account)?;
        let slot = line.remove(&old)?;
        let (low, high) = (old.min(new), old.max(new));
        let passes = line.range(low..=high).next().is_some();
        line.insert(new, slot);
        self.note(account, old);
        self.note(account, new);
        Some(passes)
    }

    /// Notes that something has changed for a job.
    pub(super) fn note(&mut self, account: AccountId, rank: Rank) {
        self.changes += 1;
        self.changed.push_back((account, rank));
        let kept = CHANGES_KEPT + self.len / JOBS_PER_CHANGE_KEPT;
        // When the queue becomes shorter, one by one.
        for _ in 0..2 {
            if self.changed.len() > kept {
                self.changed.pop_front();
            }
        }
    }

    /// How often anything has changed.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Those for whom anything has changed since there were `changes` in all; `None` if that is no longer known.
    pub fn changed_since(&self, changes: u64) -> Option<impl Iterator<Item = (AccountId, Rank)>> {
        let count = usize::try_from(self.changes.checked_sub(changes)?).ok()?;
        let from = self.changed.len().checked_sub(count)?;
        Some(self.changed.range(from..).copied())
    }

    /// Who waits at a place.
    pub fn at(&self, account: AccountId, rank: Rank) -> Option<JobSlot> {
        self.lines.get(&account)?.get(&rank).copied()
    }

    /// Everybody with the place, in order of the accounts' numbers and the ranks.
    pub fn places(&self) -> impl Iterator<Item = (AccountId, Rank, JobSlot)> {
        self.lines.iter().flat_map(|(account, line)| line.iter().map(|(rank, slot)| (*account, *rank, *slot)))
    }

    /// The accounts with jobs that wait here.
    pub fn accounts(&self) -> impl Iterator<Item = AccountId> {
        self.lines.keys().copied()
    }

    /// The jobs of an account after `rank`, or all of them, in order.
    pub fn after(&self, account: AccountId, rank: Option<Rank>) -> impl Iterator<Item = (Rank, JobSlot)> {
        let from = rank.map_or(Bound::Unbounded, Bound::Excluded);
        let line = self.lines.get(&account).into_iter();
        line.flat_map(move |line| line.range((from, Bound::Unbounded))).map(|(rank, slot)| (*rank, *slot))
    }

    /// All waiting jobs, in order of their accounts' numbers and their ranks.
    pub fn slots(&self) -> impl Iterator<Item = JobSlot> {
        self.lines.values().flat_map(|line| line.values().copied())
    }

    /// Number of waiting jobs.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Sum of the qubits that the waiting jobs ask for.
    pub fn qubits(&self) -> u64 {
        self.qubits
    }

    /// Whether the books of the queue agree, as they do unless they were read from made-up bytes.
    pub(super) fn is_consistent(&self) -> bool {
        self.lines.values().all(|line| !line.is_empty())
            && self.lines.values().map(BTreeMap::len).sum::<usize>() == self.len
    }
}
