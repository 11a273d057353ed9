//! Who holds or blocks which qubits of one device, from when until when.
//!
//! Promises that no qubit is ever booked twice and that the masks are always those of the entries. Leaves the
//! meaning of a buffer to [`super::isolation`] and the liveness of qubits to the fleet.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::messages::AllocationId;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet};
use crate::time::Time;

/// Why qubits are booked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// A job runs on them.
    Job,
    /// They rest after a job.
    Guard,
}

/// One booking. The holder and the kind are its key.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// The booked qubits.
    pub qubits: QubitSet,
    /// Idle qubits kept around them, in couplers: nobody else may come closer.
    pub buffer_distance: u32,
    /// Most crosstalk on the couplers between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_crosstalk: Option<f64>,
    /// Since when.
    pub from: Time,
    /// Until when at most; `None` when nobody knows.
    pub until: Option<Time>,
}

/// The bookings of one device and the masks derived from them.
#[derive(Debug, Clone, Serialize)]
pub struct Ledger {
    #[serde(serialize_with = "as_list")]
    entries: BTreeMap<(AllocationId, Kind), Entry>,
    #[serde(skip)]
    held: QubitSet,
    #[serde(skip)]
    guarded: QubitSet,
    /// Qubits that others keep idle around themselves.
    #[serde(skip)]
    kept_clear: Counted,
    /// Per buffer distance in use: qubits closer than that to a held qubit.
    #[serde(skip)]
    near: SmallVec<[(u32, Counted); 2]>,
    /// Rises with every booking that comes or goes.
    #[serde(skip)]
    changes: u64,
}

/// The bookings of a ledger as they are saved; the masks follow from them.
#[derive(Debug, Deserialize)]
pub(super) struct SavedLedger {
    entries: Vec<((AllocationId, Kind), Entry)>,
}

impl SavedLedger {
    /// The ledger of a device with the given couplers; `None` if a qubit is booked twice or does not exist.
    pub(super) fn restore(self, map: &CouplingMap) -> Option<Ledger> {
        let mut ledger = Ledger::new(map.qubits());
        for ((holder, kind), entry) in self.entries {
            let fits = entry.qubits.capacity() == map.qubits();
            let taken = &entry.qubits;
            if !fits || !ledger.held.is_disjoint(taken) || !ledger.guarded.is_disjoint(taken) {
                return None;
            }
            ledger.book(holder, kind, entry, map);
        }
        Some(ledger)
    }
}

/// Keys of two parts cannot be keys in every format.
fn as_list<S: serde::Serializer>(
    entries: &BTreeMap<(AllocationId, Kind), Entry>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(entries)
}

/// A set with multiplicities.
#[derive(Debug, Clone, Default)]
struct Counted {
    counts: Vec<u16>,
    set: QubitSet,
}

impl Counted {
    fn new(capacity: usize) -> Self {
        Self { counts: vec![0; capacity], set: QubitSet::new(capacity) }
    }

    fn add(&mut self, qubits: &QubitSet) {
        for qubit in qubits {
            self.counts[qubit.index()] += 1;
            self.set.insert(qubit);
        }
    }

    fn subtract(&mut self, qubits: &QubitSet) {
        for qubit in qubits {
            self.counts[qubit.index()] -= 1;
            if self.counts[qubit.index()] == 0 {
                self.set.remove(qubit);
            }
        }
    }
}

impl Ledger {
    /// An empty ledger for a device with `qubits` qubits.
    pub fn new(qubits: usize) -> Self {
        Self {
            entries: BTreeMap::new(),
            held: QubitSet::new(qubits),
            guarded: QubitSet::new(qubits),
            kept_clear: Counted::new(qubits),
            near: SmallVec::new(),
            changes: 0,
        }
    }

    /// Rises with every booking that comes or goes; counts from 0 again in a core that was restored.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Books `entry`. The caller has chosen its qubits out of [`Self::free_for`].
    pub fn book(&mut self, holder: AllocationId, kind: Kind, entry: Entry, map: &CouplingMap) {
        debug_assert!(self.held.is_disjoint(&entry.qubits) && self.guarded.is_disjoint(&entry.qubits));
        self.changes += 1;
        match kind {
            Kind::Guard => self.guarded.union_with(&entry.qubits),
            Kind::Job => {
                self.held.union_with(&entry.qubits);
                if entry.buffer_distance > 0 {
                    self.kept_clear.add(&map.dilate(&entry.qubits, entry.buffer_distance));
                }
                for (distance, near) in &mut self.near {
                    near.add(&map.dilate(&entry.qubits, *distance));
                }
            }
        }
        self.entries.insert((holder, kind), entry);
    }

    /// Takes a booking out and returns it.
    pub fn release(&mut self, holder: AllocationId, kind: Kind, map: &CouplingMap) -> Option<Entry> {
        let entry = self.entries.remove(&(holder, kind))?;
        self.changes += 1;
        match kind {
            Kind::Guard => self.guarded.subtract(&entry.qubits),
            Kind::Job => {
                self.held.subtract(&entry.qubits);
                if entry.buffer_distance > 0 {
                    self.kept_clear.subtract(&map.dilate(&entry.qubits, entry.buffer_distance));
                }
                for (distance, near) in &mut self.near {
                    near.subtract(&map.dilate(&entry.qubits, *distance));
                }
            }
        }
        Some(entry)
    }

    /// Writes to `free` the qubits of `usable` that a job with the given buffer distance may take.
    pub fn free_for(
        &mut self,
        buffer_distance: u32,
        usable: &QubitSet,
        map: &CouplingMap,
        free: &mut QubitSet,
    ) {
        free.clone_from(usable);
        free.subtract(&self.guarded);
        if self.held.is_empty() {
            return;
        }
        free.subtract(&self.kept_clear.set);
        if buffer_distance == 0 {
            free.subtract(&self.held);
            return;
        }
        let known = self.near.iter().position(|(distance, _)| *distance == buffer_distance);
        let index = known.unwrap_or_else(|| {
            let mut near = Counted::new(map.qubits());
            for (_, entry) in self.entries.iter().filter(|((_, kind), _)| *kind == Kind::Job) {
                near.add(&map.dilate(&entry.qubits, buffer_distance));
            }
            self.near.push((buffer_distance, near));
            self.near.len() - 1
        });
        free.subtract(&self.near[index].1.set);
    }

    /// Number of qubits of `usable` that are neither held nor blocked by anybody.
    pub fn free_len(&self, usable: &QubitSet) -> u32 {
        let taken = self.held.words().iter().zip(self.guarded.words()).zip(self.kept_clear.set.words());
        let free = usable.words().iter().zip(taken).map(|(u, ((h, g), k))| (u & !h & !g & !k).count_ones());
        free.sum()
    }

    /// Qubits that jobs hold.
    pub fn held(&self) -> &QubitSet {
        &self.held
    }

    /// Qubits that nobody holds but nobody may take: guards, and what jobs keep idle around them.
    pub fn blocked(&self) -> QubitSet {
        let mut blocked = self.guarded.clone();
        blocked.union_with(&self.kept_clear.set);
        blocked.subtract(&self.held);
        blocked
    }

    /// All bookings, in order of holder and kind.
    pub fn entries(&self) -> impl Iterator<Item = (AllocationId, Kind, &Entry)> {
        self.entries.iter().map(|(&(holder, kind), entry)| (holder, kind, entry))
    }

    /// Holders of bookings that include `qubit`.
    pub fn holders_of(&self, qubit: PhysicalQubit) -> impl Iterator<Item = AllocationId> {
        let with = self
            .entries
            .iter()
            .filter(move |((_, kind), entry)| *kind == Kind::Job && entry.qubits.contains(qubit));
        with.map(|((holder, _), _)| *holder)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn booking(qubits: QubitSet, buffer_distance: u32) -> Entry {
        Entry { qubits, buffer_distance, max_crosstalk: None, from: Time::ZERO, until: None }
    }

    proptest! {
        /// The masks after any history are those of a fresh ledger with the same entries, and keep their promise.
        #[test]
        fn masks_follow_from_entries(
            steps in proptest::collection::vec((0_u32..30, 1_u32..5, 0_u32..4, any::<bool>()), 1..60),
        ) {
            let map = CouplingMap::grid(5, 6).unwrap();
            let usable = QubitSet::full(30);
            let mut ledger = Ledger::new(30);
            let mut live: Vec<AllocationId> = Vec::new();
            let mut free = QubitSet::new(30);
            for (step, (start, size, buffer, release)) in steps.into_iter().enumerate() {
                if release && !live.is_empty() {
                    let holder = live.remove(start as usize % live.len());
                    prop_assert!(ledger.release(holder, Kind::Job, &map).is_some());
                } else {
                    ledger.free_for(buffer, &usable, &map, &mut free);
                    let wanted = (start..start + size).map(|q| PhysicalQubit(q % 30));
                    let qubits = QubitSet::from_qubits(30, wanted);
                    if qubits.is_subset(&free) {
                        let holder = AllocationId(step as u64);
                        ledger.book(holder, Kind::Job, booking(qubits, buffer), &map);
                        live.push(holder);
                    }
                }
                let entries: Vec<_> = ledger.entries().map(|(_, _, entry)| entry.clone()).collect();
                for (i, a) in entries.iter().enumerate() {
                    for b in &entries[i + 1..] {
                        let needed = a.buffer_distance.max(b.buffer_distance) + 1;
                        let apart = map.distance(&a.qubits, &b.qubits);
                        prop_assert!(apart.is_none_or(|d| d >= needed), "{apart:?} < {needed}");
                    }
                }
                let mut fresh = Ledger::new(30);
                for (holder, kind, entry) in ledger.entries() {
                    fresh.book(holder, kind, entry.clone(), &map);
                }
                for distance in 0..4 {
                    let mut expected = QubitSet::new(30);
                    fresh.free_for(distance, &usable, &map, &mut expected);
                    ledger.free_for(distance, &usable, &map, &mut free);
                    prop_assert_eq!(&free, &expected);
                }
                let all = ledger.free_len(&usable) as usize + ledger.held().len() + ledger.blocked().len();
                prop_assert_eq!(all, 30);
            }
        }
    }
}
