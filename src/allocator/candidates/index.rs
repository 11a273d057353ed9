//! The index that device selection asks, so that a decision need not look at every device.
//!
//! Two tournament trees (most free qubits now, most usable qubits at all) answer "the next device from here with at
//! least n" in logarithmic time; ordered sets yield devices from the least loaded on, and from the one whose turn is next on.

use std::collections::BTreeSet;
use std::ops::Bound;

use super::named::Named;
use super::served::Served;
use crate::quantum::DeviceId;
use crate::time::Time;

/// What the index knows of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Load {
    /// Qubits free for a start now; 0 when no job may start.
    pub startable: u32,
    /// Usable qubits; 0 when the device is out of service.
    pub capacity: u32,
    /// Qubits held and waited for, in millionths of the usable ones.
    pub load_ppm: u64,
}

impl Load {
    fn meets(&self, need: Need) -> bool {
        match need {
            Need::Free(qubits) => self.startable >= qubits,
            Need::Capacity(qubits) => self.capacity >= qubits,
        }
    }
}

/// What a job needs of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// So many qubits free now.
    Free(u32),
    /// So many usable qubits, to wait for.
    Capacity(u32),
}

/// Fleets of so many devices are searched one by one.
const DEVICES_SCANNED_MAX: usize = 32;

/// So many of the least loaded devices of a large fleet are looked at before those that meet a need are listed.
const DEVICES_TRIED: usize = 8;

/// The index.
#[derive(Debug, Clone, Default)]
pub struct FleetIndex {
    loads: Vec<Load>,
    startable: Tournament,
    capacity: Tournament,
    by_load: BTreeSet<(u64, DeviceId)>,
    /// By number; none of a device that is not there.
    served: Vec<Option<Served>>,
    by_turn: BTreeSet<(Served, DeviceId)>,
    /// By number.
    edges: Vec<Option<Time>>,
    by_edge: BTreeSet<(Time, DeviceId)>,
}

impl FleetIndex {
    /// Sets what is known of a device.
    pub fn set(&mut self, id: DeviceId, load: Load) {
        if self.loads.len() <= id.index() {
            self.loads.resize(id.index() + 1, Load::default());
        }
        let old = std::mem::replace(&mut self.loads[id.index()], load);
        if old == load {
            return;
        }
        if old.load_ppm != load.load_ppm || old.capacity != load.capacity {
            self.by_load.remove(&(old.load_ppm, id));
            if load.capacity > 0 {
                self.by_load.insert((load.load_ppm, id));
            }
        }
        self.startable.set(id.index(), load.startable);
        self.capacity.set(id.index(), load.capacity);
    }

    /// Sets how often a device was chosen, for its weight; `None`: it is gone.
    pub fn set_served(&mut self, id: DeviceId, served: Option<Served>) {
        if self.served.len() <= id.index() {
            self.served.resize(id.index() + 1, None);
        }
        if let Some(old) = std::mem::replace(&mut self.served[id.index()], served) {
            self.by_turn.remove(&(old, id));
        }
        self.by_turn.extend(served.map(|served| (served, id)));
    }

    /// Sets when anything that is booked on a device ends first, or is to begin; it may have passed.
    pub fn set_edge(&mut self, id: DeviceId, edge: Option<Time>) {
        if self.edges.len() <= id.index() {
            self.edges.resize(id.index() + 1, None);
        }
        let old = std::mem::replace(&mut self.edges[id.index()], edge);
        if old == edge {
            return;
        }
        if let Some(old) = old {
            self.by_edge.remove(&(old, id));
        }
        self.by_edge.extend(edge.map(|edge| (edge, id)));
    }

    /// The devices on which anything is booked that ends, in order of when the first of it does.
    pub fn by_edge(&self) -> impl Iterator<Item = (Time, DeviceId)> {
        self.by_edge.iter().copied()
    }

    /// The device whose turn is next, after that of `after`, of those that meet a need; of several the first.
    pub fn next_turn(&self, need: Need, after: Option<DeviceId>) -> Option<DeviceId> {
        let served = after.and_then(|id| Some((self.served.get(id.index()).copied().flatten()?, id)));
        let from = served.map_or(Bound::Unbounded, Bound::Excluded);
        let ids = self.by_turn.range((from, Bound::Unbounded)).map(|&(_, id)| id);
        ids.into_iter().find(|id| self.meets(*id, need))
    }

    /// What is known of a device; nothing (all zero) of one that is not there.
    pub fn load(&self, id: DeviceId) -> Load {
        self.loads.get(id.index()).copied().unwrap_or_default()
    }

    /// Whether a device meets a need.
    pub fn meets(&self, id: DeviceId, need: Need) -> bool {
        self.loads.get(id.index()).is_some_and(|load| load.meets(need))
    }

    /// The first device numbered `from` or higher that meets a need.
    pub fn next(&self, from: usize, need: Need) -> Option<DeviceId> {
        let found = match need {
            Need::Free(qubits) => self.startable.next(from, qubits),
            Need::Capacity(qubits) => self.capacity.next(from, qubits),
        };
        found.map(|index| DeviceId(index as u32))
    }

    /// All devices numbered `from` or higher that meet a need, by number.
    pub fn meeting(&self, need: Need, from: usize) -> impl Iterator<Item = DeviceId> {
        std::iter::successors(self.next(from, need), move |last| self.next(last.index() + 1, need))
    }

    /// The least loaded device in service that meets a need and is not among `named`; of several the first. Looks behind
    /// `after` only, if that is given.
    pub fn least_loaded(&self, need: Need, after: Option<DeviceId>, named: &Named) -> Option<DeviceId> {
        let after = after.map(|id| (self.load(id).load_ppm, id));
        if self.loads.len() > DEVICES_SCANNED_MAX {
            // Mostly there are many that meet the need, so that it is one of the first, or few.
            let from = after.map_or(Bound::Unbounded, Bound::Excluded);
            let mut ids = self.by_load.range((from, Bound::Unbounded)).map(|&(_, id)| id);
            let fits = |id: &DeviceId| self.meets(*id, need) && !named.contains(*id);
            if let Some(found) = ids.by_ref().take(DEVICES_TRIED).find(fits) {
                return Some(found);
            }
            let mut few = self.meeting(need, 0);
            let keys = few.by_ref().take(DEVICES_SCANNED_MAX).map(|id| (self.load(id).load_ppm, id));
            let in_service = |id: DeviceId| self.load(id).capacity > 0;
            let fit = keys.filter(|key| Some(*key) > after && in_service(key.1) && !named.contains(key.1));
            let least = fit.min();
            return if few.next().is_none() { least.map(|(_, id)| id) } else { ids.find(fits) };
        }
        // To look at a few is quicker than to walk the tree.
        let mut least = None;
        for (load, id) in self.loads.iter().zip((0..).map(DeviceId)) {
            let lighter = least.is_none_or(|(ppm, _)| load.load_ppm < ppm);
            if lighter && load.capacity > 0 && load.meets(need) && !named.contains(id) {
                least = Some((load.load_ppm, id));
            }
        }
        least.map(|(_, id)| id)
    }

    /// One more than the highest device number.
    pub fn len(&self) -> usize {
        self.loads.len()
    }

    /// Whether there never was a device.
    pub fn is_empty(&self) -> bool {
        self.loads.is_empty()
    }

    /// Most qubits that are free for a start on one device.
    pub fn most_free(&self) -> u32 {
        self.startable.max()
    }

    /// Most usable qubits of one device in service.
    pub fn most_capacity(&self) -> u32 {
        self.capacity.max()
    }
}

/// A complete binary tree of maxima over device numbers.
#[derive(Debug, Clone, Default)]
struct Tournament {
    /// Root at 1, leaves from `leaves` on.
    nodes: Vec<u32>,
    leaves: usize,
}

impl Tournament {
    fn set(&mut self, index: usize, value: u32) {
        if index >= self.leaves {
            self.grow(index + 1);
        }
        let mut node = self.leaves + index;
        self.nodes[node] = value;
        while node > 1 {
            node /= 2;
            let max = self.nodes[2 * node].max(self.nodes[2 * node + 1]);
            if self.nodes[node] == max {
                break;
            }
            self.nodes[node] = max;
        }
    }

    fn grow(&mut self, len: usize) {
        let old: Vec<u32> = self.nodes.get(self.leaves..).unwrap_or_default().to_vec();
        self.leaves = len.next_power_of_two().max(2);
        self.nodes = vec![0; 2 * self.leaves];
        for (index, value) in old.into_iter().enumerate() {
            self.set(index, value);
        }
    }

    fn max(&self) -> u32 {
        self.nodes.get(1).copied().unwrap_or(0)
    }

    /// First index from `from` on with a value of at least `least`, which must not be 0.
    fn next(&self, from: usize, least: u32) -> Option<usize> {
        if from >= self.leaves {
            return None;
        }
        let mut node = self.leaves + from;
        // Up, until a subtree to the right (or the leaf itself) has what we look for; then down its left edge.
        loop {
            if self.nodes[node] >= least {
                while node < self.leaves {
                    node *= 2;
                    if self.nodes[node] < least {
                        node += 1;
                    }
                }
                return Some(node - self.leaves);
            }
            while node % 2 == 1 {
                node /= 2;
                if node <= 1 {
                    return None;
                }
            }
            node += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_tree_finds_what_a_scan_finds(
            changes in proptest::collection::vec((0_usize..40, 0_u32..10), 1..80),
            from in 0_usize..45,
            least in 1_u32..10,
        ) {
            let mut tree = Tournament::default();
            let mut list = [0_u32; 40];
            for (index, value) in changes {
                tree.set(index, value);
                list[index] = value;
                prop_assert_eq!(tree.max(), *list.iter().max().unwrap());
            }
            let expected = (from..40).find(|i| list[*i] >= least);
            prop_assert_eq!(tree.next(from, least), expected);
        }
    }
}
