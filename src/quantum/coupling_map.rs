//! Which qubits of a device can interact: an undirected graph in compressed rows, its regions and distances.
//!
//! Promises sorted neighbours and couplers (lowest first), no loops, no duplicates. Dead elements are *not* taken
//! out here: a dead coupler still couples in the sense of crosstalk. Leaves errors to [`super::calibration`].
//!
//! A map may be *alike*: every qubit is coupled with every other, and all pairs share one coupler, number 0, and its figures.
//! Nothing of it is stored but the number of qubits; neighbours and couplers are then not listed.

use petgraph::graph::{NodeIndex, UnGraph};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{Adjacency, CouplerId, Part, PhysicalQubit, QubitSet, STORED_QUBITS_MAX};

/// The coupling map of a device with qubits `0..qubits()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CouplingMap {
    /// Row of qubit q: `rows[q]..rows[q + 1]` in `neighbours`.
    rows: Vec<u32>,
    neighbours: Vec<(PhysicalQubit, CouplerId)>,
    couplers: Vec<(PhysicalQubit, PhysicalQubit)>,
    complete: bool,
    alike: bool,
    adjacency: Adjacency,
}

/// Most qubits of a complete map whose couplers are kept one by one.
pub const PAIRS_KEPT_MAX: u32 = 1_024;

#[derive(Serialize, Deserialize)]
struct Stored<C> {
    qubits: u32,
    couplers: C,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    alike: bool,
}

impl Serialize for CouplingMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self { couplers, alike, .. } = self;
        Stored { qubits: self.qubits() as u32, couplers, alike: *alike }.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for CouplingMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let stored = Stored::<Vec<(u32, u32)>>::deserialize(deserializer)?;
        if stored.qubits > STORED_QUBITS_MAX {
            return Err(serde::de::Error::custom(format!("a device of {} qubits", stored.qubits)));
        }
        let map = match (stored.alike, stored.couplers.is_empty()) {
            (false, _) => Self::new(stored.qubits, stored.couplers),
            (true, true) => Self::alike(stored.qubits),
            (true, false) => {
                return Err(serde::de::Error::custom("couplers of a device whose pairs are alike"));
            }
        };
        map.map_err(serde::de::Error::custom)
    }
}

/// Why a list of couplers is no coupling map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CouplingMapError {
    /// A coupler names a qubit that the device does not have.
    #[error("coupler [{0}, {1}] names a qubit out of range; hint: the device has qubits 0..={2}")]
    OutOfRange(u32, u32, u32),
    /// A coupler of a qubit with itself.
    #[error("coupler [{0}, {0}] joins a qubit with itself")]
    Loop(u32),
    /// A device without qubits.
    #[error("a device needs at least one qubit")]
    Empty,
}

impl CouplingMap {
    /// The map of `qubits` qubits with the given couplers; either direction and repetitions are accepted.
    pub fn new(
        qubits: u32,
        couplers: impl IntoIterator<Item = (u32, u32)>,
    ) -> Result<Self, CouplingMapError> {
        if qubits == 0 {
            return Err(CouplingMapError::Empty);
        }
        let mut list = Vec::new();
        for (a, b) in couplers {
            if a >= qubits || b >= qubits {
                return Err(CouplingMapError::OutOfRange(a, b, qubits - 1));
            }
            if a == b {
                return Err(CouplingMapError::Loop(a));
            }
            list.push((PhysicalQubit(a.min(b)), PhysicalQubit(a.max(b))));
        }
        list.sort_unstable();
        list.dedup();
        let mut rows = vec![0_u32; qubits as usize + 1];
        for (a, b) in &list {
            rows[a.index() + 1] += 1;
            rows[b.index() + 1] += 1;
        }
        for q in 0..qubits as usize {
            rows[q + 1] += rows[q];
        }
        let mut cursor = rows.clone();
        let mut neighbours = vec![(PhysicalQubit(0), CouplerId(0)); list.len() * 2];
        for (id, &(a, b)) in list.iter().enumerate() {
            for (from, to) in [(a, b), (b, a)] {
                neighbours[cursor[from.index()] as usize] = (to, CouplerId(id as u32));
                cursor[from.index()] += 1;
            }
        }
        for q in 0..qubits as usize {
            neighbours[rows[q] as usize..rows[q + 1] as usize].sort_unstable();
        }
        let n = u64::from(qubits);
        let complete = qubits > 1 && list.len() as u64 == n * (n - 1) / 2;
        let adjacency = Adjacency::new(qubits as usize, |qubit| {
            neighbours[rows[qubit.index()] as usize..rows[qubit.index() + 1] as usize]
                .iter()
                .map(|&(to, _)| to)
        });
        Ok(Self { rows, neighbours, couplers: list, complete, alike: false, adjacency })
    }

    /// A chain 0 - 1 - ... - (n-1).
    pub fn line(n: u32) -> Result<Self, CouplingMapError> {
        Self::new(n, (1..n).map(|q| (q - 1, q)))
    }

    /// A chain closed to a ring.
    pub fn ring(n: u32) -> Result<Self, CouplingMapError> {
        Self::new(n, (1..n).map(|q| (q - 1, q)).chain((n > 2).then_some((n - 1, 0))))
    }

    /// A square lattice, row by row.
    pub fn grid(rows: u32, columns: u32) -> Result<Self, CouplingMapError> {
        let at = |r: u32, c: u32| r * columns + c;
        let horizontal = (0..rows).flat_map(move |r| (1..columns).map(move |c| (at(r, c - 1), at(r, c))));
        let vertical = (1..rows).flat_map(move |r| (0..columns).map(move |c| (at(r - 1, c), at(r, c))));
        Self::new(rows.saturating_mul(columns), horizontal.chain(vertical))
    }

    /// Every qubit coupled with every other, as in an ion trap; from [`PAIRS_KEPT_MAX`] qubits on all pairs are alike.
    pub fn all_to_all(n: u32) -> Result<Self, CouplingMapError> {
        if n > PAIRS_KEPT_MAX {
            return Self::alike(n);
        }
        Self::new(n, (0..n).flat_map(move |a| (a + 1..n).map(move |b| (a, b))))
    }

    /// Every qubit coupled with every other, all pairs by one and the same coupler.
    pub fn alike(n: u32) -> Result<Self, CouplingMapError> {
        let qubits = Self::new(n, [])?;
        Ok(Self { complete: n > 1, alike: n > 1, ..qubits })
    }

    /// The heavy-hex lattice of IBM: `rows` chains of `columns` qubits, neighbouring chains bridged by one qubit at
    /// every fourth column, the bridges offset by two columns from one gap to the next (see `arXiv:1907.09528`).
    ///
    /// Numbered as IBM does: chain, then the bridges below it, then the next chain. `heavy_hex(8, 16)` has the
    /// 156 qubits and 176 couplers of a Heron r2.
    ///
    /// ```
    /// # use resource_manager::quantum::coupling_map::CouplingMap;
    /// let map = CouplingMap::heavy_hex(8, 16).unwrap();
    /// assert_eq!((map.qubits(), map.couplers().len()), (156, 176));
    /// ```
    pub fn heavy_hex(rows: u32, columns: u32) -> Result<Self, CouplingMapError> {
        let mut couplers = Vec::new();
        let mut next = 0_u32;
        let mut bridges_above: Vec<(u32, u32)> = Vec::new();
        for row in 0..rows {
            let start = next;
            next += columns;
            couplers.extend((1..columns).map(|c| (start + c - 1, start + c)));
            couplers.extend(bridges_above.drain(..).map(|(column, bridge)| (bridge, start + column)));
            if row + 1 < rows {
                let offset = if row % 2 == 0 { 3 } else { 1 };
                for column in (offset..columns).step_by(4) {
                    couplers.push((start + column, next));
                    bridges_above.push((column, next));
                    next += 1;
                }
            }
        }
        Self::new(next, couplers)
    }

    /// Number of qubits, dead ones included.
    pub fn qubits(&self) -> usize {
        self.rows.len() - 1
    }

    /// Whether all pairs of qubits share one coupler, which is not listed.
    pub fn is_alike(&self) -> bool {
        self.alike
    }

    /// Number of couplers that have figures of their own: what the couplers of a calibration are as many as.
    pub fn coupler_figures(&self) -> usize {
        if self.alike { 1 } else { self.couplers.len() }
    }

    /// Number of pairs of qubits that are coupled.
    pub fn pairs(&self) -> u64 {
        let n = self.qubits() as u64;
        if self.alike { n * (n - 1) / 2 } else { self.couplers.len() as u64 }
    }

    /// All couplers as pairs (lower qubit, higher qubit), ascending; [`CouplerId`] is the index. None where all pairs are
    /// alike.
    pub fn couplers(&self) -> &[(PhysicalQubit, PhysicalQubit)] {
        &self.couplers
    }

    /// The neighbours of `qubit` with the couplers to them, ascending. None where all pairs are alike.
    pub fn neighbours(&self, qubit: PhysicalQubit) -> &[(PhysicalQubit, CouplerId)] {
        &self.neighbours[self.rows[qubit.index()] as usize..self.rows[qubit.index() + 1] as usize]
    }

    /// The coupler between two qubits, if there is one.
    pub fn coupler(&self, a: PhysicalQubit, b: PhysicalQubit) -> Option<CouplerId> {
        if self.alike {
            return (a != b && a.index().max(b.index()) < self.qubits()).then_some(CouplerId(0));
        }
        let row = self.neighbours(a);
        row.binary_search_by_key(&b, |&(neighbour, _)| neighbour).ok().map(|index| row[index].1)
    }

    /// Whether every qubit is coupled with every other (more than one qubit).
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// `set` and everything within `distance` couplers of it.
    pub fn dilate(&self, set: &QubitSet, distance: u32) -> QubitSet {
        if self.alike && distance > 0 && !set.is_empty() {
            return QubitSet::full(self.qubits());
        }
        self.adjacency.dilate(set, distance)
    }

    /// Size of the largest connected region inside `within`; 0 when it is empty.
    pub fn largest_region(&self, within: &QubitSet) -> usize {
        if self.complete {
            return within.len();
        }
        let (mut left, mut part) = (within.clone(), Part::default());
        let mut largest = 0;
        while let Some(root) = left.first() {
            let from = root.index() / 64;
            largest = largest.max(self.adjacency.take_part(left.words_mut(), from, &mut part));
        }
        largest
    }

    /// Graph distance between two sets in couplers: 0 when they share a qubit, `None` when not connected.
    pub fn distance(&self, a: &QubitSet, b: &QubitSet) -> Option<u32> {
        let mut reached = a.clone();
        let mut distance = 0;
        while reached.is_disjoint(b) {
            let more = self.dilate(&reached, 1);
            if more == reached {
                return None;
            }
            reached = more;
            distance += 1;
        }
        Some(distance)
    }

    /// The map as a petgraph graph, for its algorithms; node and edge weights are our numbers.
    pub fn graph(&self) -> UnGraph<PhysicalQubit, CouplerId> {
        let mut graph = UnGraph::with_capacity(self.qubits(), self.couplers.len());
        for qubit in 0..self.qubits() {
            graph.add_node(PhysicalQubit(qubit as u32));
        }
        for (id, (a, b)) in self.couplers.iter().enumerate() {
            graph.add_edge(NodeIndex::new(a.index()), NodeIndex::new(b.index()), CouplerId(id as u32));
        }
        graph
    }
}

#[cfg(test)]
mod tests {
    use petgraph::algo::{connected_components, dijkstra};
    use proptest::prelude::*;

    use super::*;

    /// Sizes of the lattices that IBM published: Eagle 127 and Condor 1,121 differ at the rims, Heron r2 is regular.
    #[test]
    fn heavy_hex_has_the_shape_of_heron() {
        let map = CouplingMap::heavy_hex(8, 16).unwrap();
        assert_eq!(map.neighbours(PhysicalQubit(3)).iter().map(|n| n.0.0).collect::<Vec<_>>(), [2, 4, 16]);
        assert_eq!(map.neighbours(PhysicalQubit(16)).iter().map(|n| n.0.0).collect::<Vec<_>>(), [3, 23]);
        assert!((0..156).all(|q| map.neighbours(PhysicalQubit(q)).len() <= 3));
        assert_eq!(connected_components(&map.graph()), 1);
    }

    #[test]
    fn generators_have_the_right_number_of_couplers() {
        let count = |map: Result<CouplingMap, _>| map.unwrap().couplers().len();
        assert_eq!(count(CouplingMap::line(5)), 4);
        assert_eq!(count(CouplingMap::ring(5)), 5);
        assert_eq!(count(CouplingMap::ring(2)), 1);
        assert_eq!(count(CouplingMap::grid(10, 12)), 218);
        assert_eq!(count(CouplingMap::all_to_all(11)), 55);
        assert!(CouplingMap::all_to_all(11).unwrap().is_complete());
        assert_eq!(CouplingMap::line(0), Err(CouplingMapError::Empty));
    }

    #[test]
    fn pairs_that_are_alike_are_a_number() {
        let (alike, kept) = (CouplingMap::alike(40).unwrap(), CouplingMap::all_to_all(40).unwrap());
        assert_eq!((alike.pairs(), kept.pairs()), (780, 780));
        assert_eq!((alike.coupler_figures(), kept.coupler_figures()), (1, 780));
        let set = |qubits: &[u32]| QubitSet::from_qubits(40, qubits.iter().copied().map(PhysicalQubit));
        for (map, coupler) in [(&alike, 0), (&kept, 40)] {
            assert!(map.is_complete());
            assert_eq!(map.coupler(PhysicalQubit(1), PhysicalQubit(3)), Some(CouplerId(coupler)));
            assert_eq!(map.coupler(PhysicalQubit(1), PhysicalQubit(1)), None);
            assert_eq!(map.coupler(PhysicalQubit(1), PhysicalQubit(40)), None);
            assert_eq!(map.dilate(&set(&[7]), 1), QubitSet::full(40));
            assert_eq!(map.dilate(&set(&[7]), 0), set(&[7]));
            assert_eq!(map.dilate(&set(&[]), 3), set(&[]));
            assert_eq!(map.largest_region(&set(&[1, 5, 39])), 3);
            assert_eq!(map.distance(&set(&[0, 1]), &set(&[2])), Some(1));
            let text = serde_json::to_string(map).unwrap();
            assert_eq!(&serde_json::from_str::<CouplingMap>(&text).unwrap(), map);
        }
        assert!(CouplingMap::all_to_all(PAIRS_KEPT_MAX + 1).unwrap().is_alike());
        assert!(!CouplingMap::alike(1).unwrap().is_complete());
        assert!(
            serde_json::from_str::<CouplingMap>(r#"{"qubits": 3, "couplers": [[0, 1]], "alike": true}"#)
                .is_err()
        );
    }

    fn any_map() -> impl Strategy<Value = (CouplingMap, QubitSet)> {
        (1_u32..40).prop_flat_map(|n| {
            let couplers = proptest::collection::vec((0..n, 0..n), 0..80);
            let chosen = proptest::collection::vec(any::<bool>(), n as usize);
            (couplers, chosen).prop_map(move |(couplers, chosen)| {
                let map = CouplingMap::new(n, couplers.into_iter().filter(|(a, b)| a != b)).unwrap();
                let qubits = (0..n).filter(|q| chosen[*q as usize]).map(PhysicalQubit);
                (map, QubitSet::from_qubits(n as usize, qubits))
            })
        })
    }

    proptest! {
        #[test]
        fn dilation_and_distance_agree_with_dijkstra((map, set) in any_map(), distance in 0_u32..5) {
            let graph = map.graph();
            let mut expected = QubitSet::new(map.qubits());
            for source in &set {
                let reached = dijkstra(&graph, NodeIndex::new(source.index()), None, |_| 1_u32);
                for (node, hops) in reached {
                    if hops <= distance {
                        expected.insert(PhysicalQubit(node.index() as u32));
                    }
                }
            }
            prop_assert_eq!(map.dilate(&set, distance), expected);
        }

        #[test]
        fn the_largest_region_agrees_with_petgraph((map, set) in any_map()) {
            let inside = map.graph().filter_map(|_, q| set.contains(*q).then_some(*q), |_, c| Some(*c));
            let sizes = petgraph::algo::kosaraju_scc(&inside).into_iter().map(|region| region.len()).max();
            prop_assert_eq!(map.largest_region(&set), sizes.unwrap_or(0));
        }
    }
}
