//! How open the surroundings of qubits are: how many walks of live couplers start there.
//!
//! Promises a function of the couplers and the qubits alone. Leaves what openness costs to [`super::surcharge`].

use super::graph::{Graph, NEAR};
use super::link::{Link, bit};
use crate::quantum::{PhysicalQubit, QubitSet};

/// What walks need to know of a device.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveCouplers<'a> {
    /// The live couplers.
    pub graph: &'a Graph,
    /// The same, row by row as in the graph.
    pub links: &'a [Link],
    /// Qubits that are alive and in service.
    pub usable: &'a QubitSet,
    /// Most live couplers of one qubit.
    pub max_degree: usize,
}

/// One free neighbour, in the fixed-point unit of [`openness`].
pub(super) const NEIGHBOUR: u64 = 1 << 16;

/// How much of the openness of its neighbours a qubit inherits, if it has as many neighbours as the device allows.
/// 0.9 / 3 a neighbour on heavy-hex lattices. From the loss system (`benches/loss_system.rs`): 0.6 and 1.2 are on the
/// same or a worse curve.
const INHERITED: f64 = 0.9;

/// Rounds of inheritance: how many couplers away a free qubit counts. From the loss system, as above.
const REACH: usize = 5;

/// How open the surroundings of every qubit of `among` are, into `walks`, by qubit; 0 outside of `among`.
///
/// The number of walks of 1 to 5 live couplers that start at the qubit and stay within `among`, each discounted by
/// 0.9 / (most couplers of one qubit) for every coupler after its first: a truncated Katz centrality (Psychometrika
/// 18, 1953). A free neighbour counts 1, what lies behind it less. Linear in the couplers among the qubits.
pub(crate) fn openness(
    couplers: LiveCouplers<'_>,
    among: &QubitSet,
    barred: Option<&[u64]>,
    walks: &mut Walks,
) {
    let Walks { values, shares, nodes, number, near } = walks;
    let LiveCouplers { graph, links, usable, max_degree } = couplers;
    let qubits = graph.degree.len();
    let discount = (INHERITED / max_degree.max(1) as f64 * NEIGHBOUR as f64).round() as u64;
    let inherited = |value: u64| NEIGHBOUR + ((value * discount) >> 16);
    nodes.clear();
    nodes.extend(among.iter().filter(|qubit| usable.contains(*qubit)));
    values.clear();
    values.resize(qubits, 0);
    shares.clear();
    if barred.is_none() && !graph.near.is_empty() && nodes.len() < BYTE_VALUES {
        // What is free, numbered without holes; everything else has the last number and shares nothing.
        number.clear();
        number.resize(qubits + 1, u8::MAX);
        nodes.iter().zip(0..).for_each(|(qubit, index)| number[qubit.index()] = index);
        near.clear();
        near.extend(nodes.iter().map(|qubit| graph.near[qubit.index()].map(|end| number[end as usize])));
        let mut shares = [0_u64; BYTE_VALUES];
        shares[..nodes.len()].fill(NEIGHBOUR);
        let sum = |ends: &[u8; NEAR], shares: &[u64; BYTE_VALUES]| {
            let [a, b, c, d] = ends.map(|end| shares[usize::from(end)]);
            a + b + c + d
        };
        for _ in 1..REACH {
            // Half done, the values are in `values`: all of a round are of the round before.
            values.iter_mut().zip(&*near).for_each(|(value, ends)| *value = sum(ends, &shares));
            let values = values.iter().take(nodes.len());
            shares.iter_mut().zip(values).for_each(|(share, &value)| *share = inherited(value));
        }
        values[..nodes.len()].fill(0);
        nodes.iter().zip(&*near).for_each(|(qubit, ends)| values[qubit.index()] = sum(ends, &shares));
        return;
    }
    // Qubits outside have a share of nothing, so that the sums need not ask where a link leads.
    shares.resize(qubits, 0);
    for round in 0..REACH {
        for qubit in nodes.iter() {
            shares[qubit.index()] = if round == 0 { NEIGHBOUR } else { inherited(values[qubit.index()]) };
        }
        for &qubit in nodes.iter() {
            let row = graph.rows[qubit.index()] as usize..graph.rows[qubit.index() + 1] as usize;
            values[qubit.index()] = match barred {
                None => graph.to[row].iter().map(|&end| shares[end as usize]).sum(),
                Some(bits) => {
                    let open = links[row].iter().filter(|link| !bit(bits, link.coupler));
                    open.map(|link| shares[link.to.index()]).sum()
                }
            };
        }
    }
}

/// The openness of every qubit of the empty device.
pub(crate) fn standing(couplers: LiveCouplers<'_>) -> Vec<u64> {
    let mut walks = Walks::default();
    openness(couplers, couplers.usable, None, &mut walks);
    walks.values
}

/// So many numbers one byte holds, the one for what is not free included.
const BYTE_VALUES: usize = 256;

/// Buffers of [`openness`], and its result.
#[derive(Debug, Default)]
pub(crate) struct Walks {
    /// The openness, by qubit.
    pub(super) values: Vec<u64>,
    shares: Vec<u64>,
    nodes: Vec<PhysicalQubit>,
    /// Per qubit: its number among the nodes.
    number: Vec<u8>,
    near: Vec<[u8; NEAR]>,
}

#[cfg(test)]
mod tests {
    use super::super::cost::Epoch;
    use super::super::testing::epoch;
    use super::*;
    use crate::quantum::coupling_map::CouplingMap;

    /// Oracle: all walks one by one.
    #[test]
    fn openness_counts_discounted_walks() {
        let map = CouplingMap::grid(3, 4).unwrap();
        let couplers = map.couplers().len();
        let epoch = epoch(map, &[0.01; 12], &vec![0.01; couplers]);
        let free = [0, 1, 2, 3, 5, 6, 8, 10, 11].map(PhysicalQubit);
        let free = QubitSet::from_qubits(12, free);
        fn walks(epoch: &Epoch, free: &QubitSet, at: PhysicalQubit, value: f64, left: usize) -> f64 {
            let inside = epoch.links(at).iter().filter(|link| free.contains(link.to));
            let of = |link: &Link| match left {
                1 => value,
                _ => value + walks(epoch, free, link.to, value * INHERITED / 4.0, left - 1),
            };
            inside.map(of).sum()
        }
        let mut found = Walks::default();
        openness(epoch.live(), &free, None, &mut found);
        for qubit in 0..12 {
            let qubit = PhysicalQubit(qubit);
            let expected = if free.contains(qubit) { walks(&epoch, &free, qubit, 1.0, REACH) } else { 0.0 };
            let value = found.values[qubit.index()] as f64 / NEIGHBOUR as f64;
            assert!((value - expected).abs() < 1e-3, "{qubit:?}: {value} is not {expected}");
        }
    }
}
