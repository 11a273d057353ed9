//! Cheapest matching with a given number of edges of any graph: Edmonds' blossom algorithm with dual variables.
//!
//! Edmonds (1965), in the O(n^3) form of Gabow and Lawler (Galil, ACM Computing Surveys 18, 1986). All nodes without
//! a partner have the same dual variable at all times, so that after k augmentations the matching is the best of all
//! with k edges, not only after the last one. Needs memory for (2n)^2 edges. Promises an exact answer.

use super::edges::{COST_LIMIT, Edges};

/// Most nodes; memory grows with the square.
pub(super) const NODES_MAX: usize = 600;

/// No node, no edge. Nodes count from 1; blossoms come after them.
const NONE: usize = 0;

/// Label of a node or blossom that is on the outside of the search.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Label {
    /// Not reached yet.
    Free,
    /// An even number of edges from a root: grows.
    Even,
    /// An odd number.
    Odd,
}

struct Blossom {
    nodes: usize,
    /// Nodes and blossoms in use are `1..=used`.
    used: usize,
    size: usize,
    /// Doubled weights between nodes; negative where there is no edge.
    weight: Vec<i64>,
    /// Best edge between two nodes or blossoms, by the nodes at its ends.
    link: Vec<(u32, u32)>,
    /// Dual variables, of nodes and blossoms.
    dual: Vec<i64>,
    /// The node at the far end of the matched edge.
    mate: Vec<usize>,
    /// The outermost blossom that each belongs to; a blossom not in use belongs to none.
    outer: Vec<usize>,
    /// The node from which each odd one was reached.
    parent: Vec<usize>,
    label: Vec<Label>,
    /// The even node with the tightest edge to each.
    tightest: Vec<usize>,
    visited: Vec<usize>,
    visit: usize,
    /// Members of each blossom around its cycle; the first is its base.
    members: Vec<Vec<usize>>,
    /// Which member of a blossom contains a node.
    member_with: Vec<u32>,
    queue: Vec<usize>,
}

/// Edges of the cheapest matching with `wanted` edges of the graph on `0..nodes`, or with as many as there can be.
pub(super) fn cheapest(nodes: usize, edges: Edges<'_>, wanted: usize) -> Vec<usize> {
    let mut search = Blossom::new(nodes, edges);
    let mut matched = 0;
    while matched < wanted && search.augment_once() {
        matched += 1;
    }
    let chosen = (0..edges.len()).filter(|&edge| {
        let (a, b, _) = edges[edge];
        search.mate[a as usize + 1] == b as usize + 1
    });
    chosen.collect()
}

impl Blossom {
    fn new(nodes: usize, edges: Edges<'_>) -> Self {
        let size = 2 * nodes + 2;
        let mut search = Self {
            nodes,
            used: nodes,
            size,
            weight: vec![-1; (nodes + 1) * (nodes + 1)],
            link: vec![(0, 0); size * size],
            dual: vec![0; size],
            mate: vec![NONE; size],
            outer: (0..size).map(|x| if x <= nodes { x } else { NONE }).collect(),
            parent: vec![NONE; size],
            label: vec![Label::Free; size],
            tightest: vec![NONE; size],
            visited: vec![0; size],
            visit: 0,
            members: vec![Vec::new(); size],
            member_with: vec![0; size * (nodes + 1)],
            queue: Vec::new(),
        };
        for &(a, b, cost) in edges {
            // Cheapest with k edges is heaviest with k edges.
            let weight = 2 * (COST_LIMIT - cost) as i64;
            for (a, b) in [(a as usize + 1, b as usize + 1), (b as usize + 1, a as usize + 1)] {
                search.weight[a * (nodes + 1) + b] = weight;
                search.link[a * size + b] = (a as u32, b as u32);
            }
        }
        let heaviest = search.weight.iter().copied().max().unwrap_or(0).max(0);
        for node in 1..=nodes {
            search.dual[node] = heaviest / 2;
            search.member_with[node * (nodes + 1) + node] = node as u32;
        }
        search
    }

    fn link(&self, x: usize, y: usize) -> Option<(usize, usize)> {
        let (a, b) = self.link[x * self.size + y];
        (a != 0).then_some((a as usize, b as usize))
    }

    /// Reduced cost of the best edge between two that are linked: zero when it is tight.
    fn slack(&self, x: usize, y: usize) -> i64 {
        let Some((a, b)) = self.link(x, y) else { return i64::MAX };
        self.dual[a] + self.dual[b] - self.weight[a * (self.nodes + 1) + b]
    }

    fn note_tightest(&mut self, node: usize, x: usize) {
        if self.tightest[x] == NONE || self.slack(node, x) < self.slack(self.tightest[x], x) {
            self.tightest[x] = node;
        }
    }

    fn find_tightest(&mut self, x: usize) {
        self.tightest[x] = NONE;
        for node in 1..=self.nodes {
            let even = self.label[self.outer[node]] == Label::Even;
            if self.link(node, x).is_some() && self.outer[node] != x && even {
                self.note_tightest(node, x);
            }
        }
    }

    /// Every node in `x` is to be scanned.
    fn enqueue(&mut self, x: usize) {
        if x <= self.nodes {
            self.queue.push(x);
            return;
        }
        for at in 0..self.members[x].len() {
            self.enqueue(self.members[x][at]);
        }
    }

    fn set_outer(&mut self, x: usize, outer: usize) {
        self.outer[x] = outer;
        if x > self.nodes {
            for at in 0..self.members[x].len() {
                self.set_outer(self.members[x][at], outer);
            }
        }
    }

    /// The member of a blossom that contains a node.
    fn member_with(&self, blossom: usize, node: usize) -> usize {
        self.member_with[blossom * (self.nodes + 1) + node] as usize
    }

    /// Turns the cycle of a blossom so that an even number of edges leads from its base to `member`; returns that
    /// number.
    fn even_way_to(&mut self, blossom: usize, member: usize) -> usize {
        let cycle = &mut self.members[blossom];
        let at = cycle.iter().position(|&x| x == member).unwrap_or(0);
        if at % 2 == 0 {
            return at;
        }
        cycle[1..].reverse();
        cycle.len() - at
    }

    /// Matches `x` along its best edge to `y`, and everything inside `x` accordingly.
    fn set_mate(&mut self, x: usize, y: usize) {
        let Some((inner, far)) = self.link(x, y) else { return };
        self.mate[x] = far;
        if x <= self.nodes {
            return;
        }
        let base = self.member_with(x, inner);
        let way = self.even_way_to(x, base);
        for at in 0..way {
            self.set_mate(self.members[x][at], self.members[x][at ^ 1]);
        }
        self.set_mate(base, y);
        self.members[x].rotate_left(way);
    }

    /// Exchanges matched and unmatched edges from `x`, newly matched with `y`, to its root.
    fn flip(&mut self, mut x: usize, mut y: usize) {
        loop {
            let before = self.outer[self.mate[x]];
            self.set_mate(x, y);
            if before == NONE {
                return;
            }
            let next = self.outer[self.parent[before]];
            self.set_mate(before, next);
            (x, y) = (next, before);
        }
    }

    /// Where the ways of two even ones to their roots meet, if they do.
    fn meeting(&mut self, mut x: usize, mut y: usize) -> Option<usize> {
        self.visit += 1;
        while x != NONE || y != NONE {
            if x != NONE {
                if self.visited[x] == self.visit {
                    return Some(x);
                }
                self.visited[x] = self.visit;
                x = self.outer[self.mate[x]];
                if x != NONE {
                    x = self.outer[self.parent[x]];
                }
            }
            std::mem::swap(&mut x, &mut y);
        }
        None
    }

    /// Shrinks the odd cycle that an edge between two even ones closes.
    fn shrink(&mut self, x: usize, base: usize, y: usize) {
        let mut blossom = self.nodes + 1;
        while blossom <= self.used && self.outer[blossom] != NONE {
            blossom += 1;
        }
        self.used = self.used.max(blossom);
        self.dual[blossom] = 0;
        self.label[blossom] = Label::Even;
        self.mate[blossom] = self.mate[base];
        self.parent[blossom] = self.parent[base];
        let mut cycle = vec![base];
        for (side, from) in [x, y].into_iter().enumerate() {
            let mut at = from;
            while at != base {
                let odd = self.outer[self.mate[at]];
                cycle.push(at);
                cycle.push(odd);
                self.enqueue(odd);
                at = self.outer[self.parent[odd]];
            }
            if side == 0 {
                cycle[1..].reverse();
            }
        }
        self.members[blossom] = cycle;
        self.set_outer(blossom, blossom);
        for other in 1..=self.used {
            self.link[blossom * self.size + other] = (0, 0);
            self.link[other * self.size + blossom] = (0, 0);
        }
        let row = blossom * (self.nodes + 1);
        self.member_with[row..=row + self.nodes].fill(0);
        for at in 0..self.members[blossom].len() {
            let member = self.members[blossom][at];
            for other in 1..=self.used {
                if self.link(member, other).is_some()
                    && self.slack(member, other) < self.slack(blossom, other)
                {
                    self.link[blossom * self.size + other] = self.link[member * self.size + other];
                    self.link[other * self.size + blossom] = self.link[other * self.size + member];
                }
            }
            for node in 1..=self.nodes {
                if self.member_with(member, node) != NONE {
                    self.member_with[row + node] = member as u32;
                }
            }
        }
        self.find_tightest(blossom);
    }

    /// Dissolves an odd blossom whose dual variable is zero.
    fn expand(&mut self, blossom: usize) {
        let members = self.members[blossom].clone();
        for &member in &members {
            self.set_outer(member, member);
        }
        let inner = self.link(blossom, self.parent[blossom]).map_or(NONE, |link| link.0);
        let entry = self.member_with(blossom, inner);
        let way = self.even_way_to(blossom, entry);
        let members = self.members[blossom].clone();
        for pair in members[..way].chunks_exact(2) {
            let (odd, even) = (pair[0], pair[1]);
            self.parent[odd] = self.link(even, odd).map_or(NONE, |link| link.0);
            self.label[odd] = Label::Odd;
            self.label[even] = Label::Even;
            self.tightest[odd] = NONE;
            self.find_tightest(even);
            self.enqueue(even);
        }
        self.label[entry] = Label::Odd;
        self.parent[entry] = self.parent[blossom];
        for &member in &members[way + 1..] {
            self.label[member] = Label::Free;
            self.find_tightest(member);
        }
        self.outer[blossom] = NONE;
    }

    /// Uses a tight edge from an even node; whether the matching has grown.
    fn use_tight(&mut self, (a, b): (usize, usize)) -> bool {
        let (x, y) = (self.outer[a], self.outer[b]);
        match self.label[y] {
            Label::Free => {
                self.parent[y] = a;
                self.label[y] = Label::Odd;
                let even = self.outer[self.mate[y]];
                self.tightest[y] = NONE;
                self.tightest[even] = NONE;
                self.label[even] = Label::Even;
                self.enqueue(even);
                false
            }
            Label::Even => match self.meeting(x, y) {
                Some(base) => {
                    self.shrink(x, base, y);
                    false
                }
                None => {
                    self.flip(x, y);
                    self.flip(y, x);
                    true
                }
            },
            Label::Odd => false,
        }
    }

    /// One stage: grows trees from all nodes without a partner until two of them meet.
    fn augment_once(&mut self) -> bool {
        self.label.fill(Label::Free);
        self.tightest.fill(NONE);
        self.queue.clear();
        for x in 1..=self.used {
            if self.outer[x] == x && self.mate[x] == NONE {
                self.parent[x] = NONE;
                self.label[x] = Label::Even;
                self.enqueue(x);
            }
        }
        loop {
            while let Some(node) = self.queue.pop() {
                if self.label[self.outer[node]] == Label::Odd {
                    continue;
                }
                for other in 1..=self.nodes {
                    if self.link(node, other).is_some() && self.outer[node] != self.outer[other] {
                        if self.slack(node, other) == 0 {
                            if self.use_tight((node, other)) {
                                return true;
                            }
                        } else {
                            self.note_tightest(node, self.outer[other]);
                        }
                    }
                }
            }
            let Some(change) = self.dual_change() else { return false };
            self.change_duals(change);
            self.queue.clear();
            for x in 1..=self.used {
                let from = self.tightest[x];
                if self.outer[x] == x && from != NONE && self.outer[from] != x && self.slack(from, x) == 0 {
                    let Some(link) = self.link(from, x) else { continue };
                    if self.use_tight(link) {
                        return true;
                    }
                }
            }
            for blossom in self.nodes + 1..=self.used {
                let odd = self.outer[blossom] == blossom && self.label[blossom] == Label::Odd;
                if odd && self.dual[blossom] == 0 {
                    self.expand(blossom);
                }
            }
        }
    }

    /// How far dual variables can change before an edge becomes tight or a blossom dissolves.
    fn dual_change(&self) -> Option<i64> {
        let blossoms = (self.nodes + 1..=self.used)
            .filter(|&b| self.outer[b] == b && self.label[b] == Label::Odd)
            .map(|b| self.dual[b] / 2);
        let edges = (1..=self.used).filter(|&x| self.outer[x] == x && self.tightest[x] != NONE);
        let edges = edges.filter_map(|x| {
            let slack = self.slack(self.tightest[x], x);
            match self.label[x] {
                Label::Free => Some(slack),
                Label::Even => Some(slack / 2),
                Label::Odd => None,
            }
        });
        blossoms.chain(edges).min()
    }

    fn change_duals(&mut self, change: i64) {
        for node in 1..=self.nodes {
            match self.label[self.outer[node]] {
                Label::Even => self.dual[node] -= change,
                Label::Odd => self.dual[node] += change,
                Label::Free => {}
            }
        }
        for blossom in self.nodes + 1..=self.used {
            if self.outer[blossom] == blossom {
                match self.label[blossom] {
                    Label::Even => self.dual[blossom] += 2 * change,
                    Label::Odd => self.dual[blossom] -= 2 * change,
                    Label::Free => {}
                }
            }
        }
    }
}
