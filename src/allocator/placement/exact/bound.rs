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
use crate::allocator::placement::search_cost::INFINITE;

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
    /// Whether bounds are taken one vertex at a time.
    pub dense: bool,
}

impl Bounds {
    /// Computes all messages.
    pub fn compute(&mut self, plan: &Plan, host: &Host<'_>) {
        self.links = host.to.len();
        self.nodes = host.len();
        self.dense = host.max_degree > DENSE;
        // What stands there from earlier requests is never read: every link of a node that takes part is written.
        self.messages.resize(self.messages.len().max(plan.classes.len() * self.links), INFINITE);
        self.lowest.clear();
        if self.dense {
            self.lowest.resize(plan.classes.len() * self.nodes, INFINITE);
        }
        for (index, class) in plan.classes.iter().enumerate() {
            match class {
                Class::Closing(weight) => self.closing_messages(index, *weight, host),
                Class::Subtree { weight: 0, .. } => continue,
                Class::Subtree { weight, kind, core, demands } => {
                    self.subtree_messages(index, (*weight, *kind), *core, demands, host)
                }
            }
            let row = &mut self.messages[index * self.links..][..self.links];
            for &link in host.rim {
                row[link as usize] = INFINITE;
            }
            if self.dense {
                for &node in host.nodes {
                    let row = &self.messages[index * self.links..][host.links(node)];
                    let least = row.iter().copied().min().unwrap_or(INFINITE);
                    self.lowest[index * self.nodes + node as usize] = least;
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
    pub fn root(&self, root: &Class, node: u32, host: &Host<'_>) -> u64 {
        let Class::Subtree { kind, core, demands, .. } = root else {
            return INFINITE;
        };
        if *core && !host.core[node as usize] || host.links(node).len() < demands.len() {
            return INFINITE;
        }
        host.cost(*kind, node).saturating_add(self.assign(demands, host.links(node), |_| true)).min(INFINITE)
    }

    fn closing_messages(&mut self, index: usize, weight: u32, host: &Host<'_>) {
        let row = &mut self.messages[index * self.links..][..self.links];
        for &node in host.nodes {
            for link in host.links(node) {
                let fits = host.core[node as usize] && host.core[host.to[link] as usize];
                row[link] = if fits { gates(weight, link, host) } else { INFINITE };
            }
        }
    }

    fn subtree_messages(
        &mut self,
        index: usize,
        (weight, kind): (u32, u32),
        core: bool,
        demands: &[u32],
        host: &Host<'_>,
    ) {
        let own_cost = &host.qubit_cost[kind as usize * host.len()..][..host.len()];
        let (before, this) = self.messages.split_at_mut(index * self.links);
        let this = &mut this[..self.links];
        // Stores the message *into* the node that `link` leaves.
        let mut set = |own: u64, rest: u64, link: usize| {
            this[host.reverse[link] as usize] =
                gates(weight, link, host).saturating_add(own).saturating_add(rest).min(INFINITE);
        };
        let single = match demands {
            [single] => Some(&before[*single as usize * self.links..][..self.links]),
            _ => None,
        };
        for &node in host.nodes {
            let links = host.links(node);
            let own = own_cost[node as usize];
            if core && !host.core[node as usize] || host.degree[node as usize] as usize <= demands.len() {
                links.for_each(|link| set(0, INFINITE, link));
            } else if let Some(row) = single {
                // The cheapest two links serve every choice of the one that leads back.
                match row[links.clone()] {
                    [a, b] => {
                        set(own, b, links.start);
                        set(own, a, links.start + 1);
                    }
                    [a, b, c] => {
                        set(own, b.min(c), links.start);
                        set(own, a.min(c), links.start + 1);
                        set(own, a.min(b), links.start + 2);
                    }
                    ref row => {
                        let mut least = LeastTwo::NONE;
                        row.iter().zip(links.clone()).for_each(|(&cost, link)| least.take(cost, link));
                        for link in links {
                            set(own, if link == least.at { least.second } else { least.first }, link);
                        }
                    }
                }
            } else if demands.is_empty() || links.len() > DENSE {
                // Not to exclude the link that leads back only lowers the bound.
                let rest = assign(before, self.links, demands, links.clone(), |_| true);
                links.for_each(|link| set(own, rest, link));
            } else {
                for link in links.clone() {
                    let rest = assign(before, self.links, demands, links.clone(), |other| other != link);
                    set(own, rest, link);
                }
            }
        }
    }

    /// The cheapest assignment of demands to distinct open links, see [`assign`].
    pub fn assign(
        &self,
        demands: &[u32],
        links: std::ops::Range<usize>,
        open: impl Fn(usize) -> bool,
    ) -> u64 {
        assign(&self.messages, self.links, demands, links, open)
    }
}

/// The cost of a number of gates on a link.
fn gates(weight: u32, link: usize, host: &Host<'_>) -> u64 {
    match host.link_cost[link] {
        INFINITE => INFINITE,
        cost => u64::from(weight) * cost,
    }
}

/// The cheapest assignment of demands to distinct open links; exact up to four demands, and for any number of
/// equal ones, otherwise a lower bound.
fn assign(
    messages: &[u64],
    stride: usize,
    demands: &[u32],
    links: std::ops::Range<usize>,
    open: impl Fn(usize) -> bool,
) -> u64 {
    let row = |class: u32| &messages[class as usize * stride..][..stride];
    match *demands {
        [] => 0,
        [class] => {
            let row = row(class);
            let open = links.filter(|&link| open(link)).map(|link| row[link]);
            open.min().unwrap_or(INFINITE)
        }
        [first, ref others @ ..] if others.len() < 4 && others.iter().all(|&other| other == first) => {
            // Equal demands: the cheapest links.
            let row = row(first);
            let mut least = [INFINITE; 4];
            let least = &mut least[..demands.len()];
            for link in links.filter(|&link| open(link)) {
                let mut cost = row[link];
                for slot in &mut *least {
                    if cost < *slot {
                        std::mem::swap(slot, &mut cost);
                    }
                }
            }
            least.iter().sum::<u64>().min(INFINITE)
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
        _ => assign_groups(messages, stride, demands, links, open),
    }
}

/// Equal demands get distinct links, different ones may share.
fn assign_groups(
    messages: &[u64],
    stride: usize,
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
            links.iter().map(|&link| messages[group[0] as usize * stride + link]).collect();
        if group.len() < costs.len() {
            costs.select_nth_unstable(group.len() - 1);
        }
        for &cost in &costs[..group.len()] {
            total = INFINITE.min(total + cost);
        }
    }
    total
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
