//! A queue of waiting jobs: first in, first out, with removal anywhere.
//!
//! A job keeps its place (the number of its first submission) when it is requeued. Leaves the question who may
//! overtake to the scheduling pass.

use std::collections::BTreeMap;
use std::ops::Bound;

use serde::{Deserialize, Serialize};

use super::place::{JobSlot, Place};

/// Waiting jobs in order of their places.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct WaitingQueue {
    jobs: BTreeMap<Place, JobSlot>,
    qubits: u64,
}

impl WaitingQueue {
    /// Adds a job that asks for `qubits` qubits.
    pub(super) fn insert(&mut self, place: Place, slot: JobSlot, qubits: u32) {
        self.jobs.insert(place, slot);
        self.qubits += u64::from(qubits);
    }

    /// Takes a job out; false when it was not there.
    pub(super) fn remove(&mut self, place: Place, qubits: u32) -> bool {
        let there = self.jobs.remove(&place).is_some();
        if there {
            self.qubits -= u64::from(qubits);
        }
        there
    }

    /// The first job after `place`, or the head.
    pub fn next_after(&self, place: Option<Place>) -> Option<(Place, JobSlot)> {
        self.after(place).next()
    }

    /// The jobs after `place`, or all, in order.
    pub fn after(&self, place: Option<Place>) -> impl Iterator<Item = (Place, JobSlot)> {
        let from = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.jobs.range((from, Bound::Unbounded)).map(|(place, slot)| (*place, *slot))
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
