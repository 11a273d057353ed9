//! The relaxed bound: what the rest of a pattern costs at least, if only the images of *one vertex's* neighbours must
//! be distinct.
//!
//! ```text
//!   pattern      a            message m[class of b, u -> v]: the least cost of b and all below it,
//!               / \           when b lies on v and its parent a on u
//!              b   c            = weight x cost(u, v) + cost(v)
//!             / \                 + cheapest assignment of d and e to the links of v other than to u
//!            d   e
//! ```
//!
//! One message per class of subtree and directed link, from the leaves up: O(classes x links) on sparse devices. For
//! trees of a diameter below the girth of the device it is exact; it is never above the true cost. An infinite
//! message is a proof that nothing fits. An edge that closes a cycle counts as the cheapest link that is left.

use smallvec::SmallVec;

use super::host::Host;
use super::plan::{Class, Plan};

/// More than any cost.
pub(crate) const INFINITE: u64 = 1 << 60;

/// From this many links per qubit on, a bound looks at one vertex at a time: assignments would cost more than they
/// save.
pub(crate) const DENSE: usize = 12;

/// All messages of one plan on one host.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    messages: Vec<u64>,
    links: usize,
    /// Per class and node: least message out of the node; only on dense hosts.
    lowest: Vec<u64>,
    nodes: usize,
    /// Connected parts of fewer nodes hold no component: no messages are computed there.
    smallest: u32,
    /// Whether bounds are taken one vertex at a time.
    pub dense: bool,
}

impl Bounds {
    /// Computes all messages.
    pub fn compute(&mut self, plan: &Plan, host: &Host) {
        self.links = host.to.len();
        self.nodes = host.len();
        self.dense = host.max_degree > DENSE;
        self.smallest = plan.components.last().map_or(0, |component| component.steps.len() as u32);
        self.messages.clear();
        self.messages.resize(plan.classes.len() * self.links, INFINITE);
        self.lowest.clear();
        if self.dense {
            self.lowest.resize(plan.classes.len() * self.nodes, INFINITE);
        }
        for (index, class) in plan.classes.iter().enumerate() {
            match class {
                Class::Closing(weight) => self.closing_messages(index, *weight, host),
                Class::Subtree { weight: 0, .. } => {}
                Class::Subtree { weight, core, demands } => {
                    self.subtree_messages(index, *weight, *core, demands, host)
                }
            }
            if self.dense {
                for node in 0..self.nodes {
                    let row = &self.messages[index * self.links..][host.links(node as u32)];
                    self.lowest[index * self.nodes + node] = row.iter().copied().min().unwrap_or(INFINITE);
                }
            }
        }
    }

    /// Memory in use.
    pub fn bytes(&self) -> usize {
        (self.messages.len() + self.lowest.len()) * size_of::<u64>()
    }

    /// The message of a class along a link.
    pub fn message(&self, class: u32, link: usize) -> u64 {
        self.messages[class as usize * self.links + link]
    }

    /// The least message of a class out of a node; on dense hosts only.
    pub fn lowest(&self, class: u32, node: u32) -> u64 {
        self.lowest[class as usize * self.nodes + node as usize]
    }

    /// The bound of a whole component with its root, of class `root`, on `node`.
    pub fn root(&self, root: &Class, node: u32, host: &Host) -> u64 {
        let Class::Subtree { core, demands, .. } = root else {
            return INFINITE;
        };
        if *core && !host.core[node as usize] || host.links(node).len() < demands.len() {
            return INFINITE;
        }
        (host.qubit_cost[node as usize] + self.assign(demands, host.links(node), |_| true)).min(INFINITE)
    }

    fn closing_messages(&mut self, index: usize, weight: u32, host: &Host) {
        let row = &mut self.messages[index * self.links..][..self.links];
        for node in 0..host.len() as u32 {
            for link in host.links(node) {
                if host.core[node as usize] && host.core[host.to[link] as usize] {
                    row[link] = u64::from(weight) * host.link_cost[link];
                }
            }
        }
    }

    fn subtree_messages(&mut self, index: usize, weight: u32, core: bool, demands: &[u32], host: &Host) {
        for node in 0..host.len() as u32 {
            let links = host.links(node);
            let too_small = host.part_size[node as usize] < self.smallest || links.len() <= demands.len();
            if too_small || core && !host.core[node as usize] {
                continue;
            }
            let own = host.qubit_cost[node as usize];
            if let [single] = demands {
                // The cheapest two links serve every choice of the one that leads back.
                let row = &self.messages[*single as usize * self.links..][..self.links];
                let (mut first, mut second, mut at) = (INFINITE, INFINITE, usize::MAX);
                for link in links.clone() {
                    if row[link] < first {
                        (second, first, at) = (first, row[link], link);
                    } else {
                        second = second.min(row[link]);
                    }
                }
                for link in links {
                    let rest = if link == at { second } else { first };
                    self.set(index, weight, own, rest, link, host);
                }
            } else if demands.is_empty() || links.len() > DENSE {
                // Not to exclude the link that leads back only lowers the bound.
                let rest = self.assign(demands, links.clone(), |_| true);
                for link in links {
                    self.set(index, weight, own, rest, link, host);
                }
            } else {
                for link in links.clone() {
                    let rest = self.assign(demands, links.clone(), |other| other != link);
                    self.set(index, weight, own, rest, link, host);
                }
            }
        }
    }

    /// Stores the message *into* the node that `link` leaves.
    fn set(&mut self, index: usize, weight: u32, own: u64, rest: u64, link: usize, host: &Host) {
        if rest < INFINITE {
            let cost = u64::from(weight) * host.link_cost[link] + own + rest;
            self.messages[index * self.links + host.reverse[link] as usize] = cost.min(INFINITE);
        }
    }

    /// The cheapest assignment of demands to distinct open links; exact up to four demands, and for any number of
    /// equal ones, otherwise a lower bound.
    pub fn assign(
        &self,
        demands: &[u32],
        links: std::ops::Range<usize>,
        open: impl Fn(usize) -> bool,
    ) -> u64 {
        let row = |class: u32| &self.messages[class as usize * self.links..][..self.links];
        match *demands {
            [] => 0,
            [class] => {
                let row = row(class);
                let open = links.filter(|&link| open(link)).map(|link| row[link]);
                open.min().unwrap_or(INFINITE)
            }
            [a, b] => {
                let (row_a, row_b) = (row(a), row(b));
                let (mut a, mut b) = (LeastTwo::NONE, LeastTwo::NONE);
                for link in links.filter(|&link| open(link)) {
                    a.take(row_a[link], link);
                    b.take(row_b[link], link);
                }
                if a.at == b.at {
                    (a.first + b.second).min(a.second + b.first).min(INFINITE)
                } else {
                    (a.first + b.first).min(INFINITE)
                }
            }
            [_, _, _] | [_, _, _, _] => {
                let mut options = [[(INFINITE, usize::MAX); 4]; 4];
                let mut count = 0;
                for link in links.filter(|&link| open(link)) {
                    count += 1;
                    for (list, &class) in options.iter_mut().zip(demands) {
                        let mut entry = (row(class)[link], link);
                        for slot in &mut list[..demands.len()] {
                            if entry < *slot {
                                std::mem::swap(slot, &mut entry);
                            }
                        }
                    }
                }
                if count < demands.len() {
                    return INFINITE;
                }
                let mut best = INFINITE;
                cheapest(&options[..demands.len()], &mut [usize::MAX; 4], 0, 0, &mut best);
                best
            }
            _ => self.assign_groups(demands, links, open),
        }
    }

    /// Equal demands get distinct links, different ones may share.
    fn assign_groups(
        &self,
        demands: &[u32],
        links: std::ops::Range<usize>,
        open: impl Fn(usize) -> bool,
    ) -> u64 {
        let links: SmallVec<[usize; 64]> = links.filter(|&link| open(link)).collect();
        if links.len() < demands.len() {
            return INFINITE;
        }
        let mut sorted: SmallVec<[u32; 16]> = SmallVec::from_slice(demands);
        sorted.sort_unstable();
        let mut total = 0;
        for group in sorted.chunk_by(|a, b| a == b) {
            let mut costs: SmallVec<[u64; 64]> =
                links.iter().map(|&link| self.message(group[0], link)).collect();
            if group.len() < costs.len() {
                costs.select_nth_unstable(group.len() - 1);
            }
            for &cost in &costs[..group.len()] {
                total = INFINITE.min(total + cost);
            }
        }
        total
    }
}

/// The two least values and where the least is.
#[derive(Clone, Copy)]
struct LeastTwo {
    first: u64,
    second: u64,
    at: usize,
}

impl LeastTwo {
    const NONE: Self = Self { first: INFINITE, second: INFINITE, at: usize::MAX };

    fn take(&mut self, cost: u64, at: usize) {
        if cost < self.first {
            *self = Self { first: cost, second: self.first, at };
        } else {
            self.second = self.second.min(cost);
        }
    }
}

/// Depth-first over the options of each demand, cheapest first: n demands need no more than their n cheapest links.
fn cheapest(options: &[[(u64, usize); 4]], taken: &mut [usize; 4], at: usize, sum: u64, best: &mut u64) {
    let Some(list) = options.get(at) else {
        *best = sum;
        return;
    };
    for &(cost, link) in &list[..options.len()] {
        if sum + cost >= *best {
            return;
        }
        if !taken[..at].contains(&link) {
            taken[at] = link;
            cheapest(options, taken, at + 1, sum + cost, best);
        }
    }
}
