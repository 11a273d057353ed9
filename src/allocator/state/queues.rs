//! A queue of waiting jobs, in order of their ranks, with removal anywhere.
//!
//! A job keeps its rank when it is requeued. Leaves the question who may
//! overtake to the scheduling pass.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::place::{JobSlot, Rank};

/// Waiting jobs in order of their ranks.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WaitingQueue {
    jobs: BTreeMap<Rank, JobSlot>,
    qubits: u64,
}

impl WaitingQueue {
    /// Adds a job that asks for `qubits` qubits.
    pub(super) fn insert(&mut self, rank: Rank, slot: JobSlot, qubits: u32) {
        self.jobs.insert(rank, slot);
        self.qubits += u64::from(qubits);
    }

    /// Takes a job out; false when it was not there.
    pub(super) fn remove(&mut self, rank: Rank, qubits: u32) -> bool {
        let there = self.jobs.remove(&rank).is_some();
        if there {
            self.qubits -= u64::from(qubits);
        }
        there
    }

    /// The first job after `rank`, or the head.
    pub fn next_after(&self, rank: Option<Rank>) -> Option<(Rank, JobSlot)> {
        self.after(rank).next()
    }

    /// The jobs after `rank`, or all, in order.
    pub fn after(&self, rank: Option<Rank>) -> impl Iterator<Item = (Rank, JobSlot)> {
        let from = rank.map_or(Bound::Unbounded, Bound::Excluded);
        self.jobs.range((from, Bound::Unbounded)).map(|(rank, slot)| (*rank, *slot))
    }

    /// All waiting jobs, in order.
    pub fn slots(&self) -> impl Iterator<Item = JobSlot> {
        self.jobs.values().copied()
    }

    /// Number of waiting jobs.
    pub fn len(&self) -> usize {
        self.jobs.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Sum of the qubits that the waiting jobs ask for.
    pub fn qubits(&self) -> u64 {
        self.qubits
    }
}
