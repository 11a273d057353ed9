//! Virtual qubits that may lie anywhere: those without partners, and all of them where any couplers will do.
//!
//! Promises the cheapest assignment to distinct nodes: the cheapest nodes where all have one use, else a matching of
//! least cost (each use needs only as many of its cheapest nodes as there are virtual qubits in all).

use super::batch::matching::cheapest_matching;

/// How many virtual qubits have each use, by its number.
pub(crate) type ByUse = Vec<(u32, usize)>;

/// Nodes for virtual qubits that may lie anywhere; buffers are reused from one search to the next.
#[derive(Debug, Default)]
pub(crate) struct Singles {
    wanted: ByUse,
    /// Per use: cost and node, the cheapest first.
    order: Vec<Vec<(u64, u32)>>,
}

impl Singles {
    /// Takes in what is wanted, the nodes that there are, and what each of them costs with each use.
    pub fn prepare(&mut self, wanted: &[(u32, usize)], nodes: &[u32], cost: impl Fn(u32, u32) -> u64) {
        self.wanted.clear();
        self.wanted.extend_from_slice(wanted);
        self.order.resize_with(wanted.len(), Vec::new);
        for (&(kind, _), row) in wanted.iter().zip(&mut self.order) {
            row.clear();
            row.extend(nodes.iter().map(|&node| (cost(kind, node), node)));
            row.sort_unstable();
        }
    }

    /// No assignment costs less, whatever else is on the nodes.
    pub fn at_least(&self) -> u64 {
        let rows = self.wanted.iter().zip(&self.order);
        rows.map(|(&(_, count), row)| row.iter().take(count).map(|entry| entry.0).sum::<u64>()).sum()
    }

    /// The cheapest assignment to open nodes: its cost, and a node for each virtual qubit in the order of the uses.
    /// `None` when too few are open.
    pub fn assign(&self, open: impl Fn(u32) -> bool) -> Option<(u64, Vec<u32>)> {
        let all: usize = self.wanted.iter().map(|(_, count)| count).sum();
        let mut cheapest: Vec<Vec<(u64, u32)>> = Vec::with_capacity(self.order.len());
        for row in &self.order {
            let open: Vec<(u64, u32)> = row.iter().copied().filter(|entry| open(entry.1)).take(all).collect();
            if open.len() < all {
                return None;
            }
            cheapest.push(open);
        }
        if let [only] = &cheapest[..] {
            return Some((
                only.iter().map(|entry| entry.0).sum(),
                only.iter().map(|entry| entry.1).collect(),
            ));
        }
        let mut nodes: Vec<u32> = cheapest.iter().flatten().map(|entry| entry.1).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let mut edges = Vec::with_capacity(all * all);
        let mut vertex = 0_u32;
        for (&(_, count), row) in self.wanted.iter().zip(&cheapest) {
            for _ in 0..count {
                let ends =
                    row.iter().filter_map(|&(cost, node)| Some((cost, nodes.binary_search(&node).ok()?)));
                edges.extend(ends.map(|(cost, index)| (vertex, (all + index) as u32, cost)));
                vertex += 1;
            }
        }
        let matched = cheapest_matching(all + nodes.len(), &edges, all)?;
        let mut chosen = vec![0; all];
        let mut total = 0;
        for edge in matched {
            let (vertex, index, cost) = edges[edge];
            chosen[vertex as usize] = nodes[index as usize - all];
            total += cost;
        }
        Some((total, chosen))
    }
}
