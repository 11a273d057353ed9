//! The automorphisms of a pattern: which vertices are like the root of their component, so that a ring of 12 is
//! searched once, not 24 times; and which of many equal layouts is *the* answer.
//!
//! Promises that some automorphism takes the root to every vertex it names. It may miss some: that costs time only,
//! as long as it says that it does not know the whole group.

use super::distances::Distances;
use crate::allocator::placement::graph::NONE;
use crate::allocator::placement::pattern::Pattern;
use crate::quantum::VirtualQubit;

/// Steps after which the search for automorphisms gives up.
const STEPS: u32 = 2_000;
/// Largest component with cycles whose automorphisms are searched.
const COMPONENT_VERTICES_MAX: usize = 40;
/// Most automorphisms that are listed.
const AUTOMORPHISMS_MAX: usize = 64;

/// The automorphisms of a component, up to exchanges of equal subtrees that hang on one vertex: those a search orders
/// anyway.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum Group {
    /// Only the identity.
    #[default]
    Trivial,
    /// These besides the identity: position of the image of each position.
    Listed(Vec<Vec<u32>>),
    /// Rotations and reflections of a ring, given as positions in order around it.
    Ring(Vec<u32>),
    /// Too many, or not searched.
    Unknown,
}

impl Group {
    /// Replaces a layout (node of each position) by the least of those that an automorphism makes of it. `spare` is
    /// scratch.
    pub fn canonical(&self, layout: &mut [u32], spare: &mut Vec<u32>) {
        match self {
            Self::Trivial | Self::Unknown => {}
            Self::Listed(group) => {
                spare.clear();
                spare.extend_from_slice(layout);
                for automorphism in group {
                    let image = || automorphism.iter().map(|&position| spare[position as usize]);
                    if image().lt(layout.iter().copied()) {
                        layout.iter_mut().zip(image()).for_each(|(node, new)| *node = new);
                    }
                }
            }
            Self::Ring(around) => {
                spare.clear();
                spare.extend(around.iter().map(|&position| layout[position as usize]));
                let length = spare.len();
                let least = (0..length).min_by_key(|&index| spare[index]).unwrap_or(0);
                let (next, last) = (spare[(least + 1) % length], spare[(least + length - 1) % length]);
                for (step, &position) in around.iter().enumerate() {
                    let index = if next < last { least + step } else { least + length - step };
                    layout[position as usize] = spare[index % length];
                }
            }
        }
    }
}

/// What is known of a component.
pub(super) struct Symmetry {
    /// Per position: whether the root may be taken there.
    pub like_root: Vec<bool>,
    /// The whole group.
    pub group: Group,
}

/// A component as a search sees it.
pub(super) struct Component<'a, F> {
    pub pattern: &'a Pattern,
    pub near: &'a Distances,
    /// (vertex, position of the parent), the root first.
    pub order: &'a [(u32, u32)],
    /// Class and the classes below of a position under which nothing closes a cycle.
    pub subtree: F,
    /// Per position: the position of an equal subtree before it on the same vertex, or `NONE`.
    pub twin: &'a [u32],
}

impl<'a, F: Fn(usize) -> Option<(u32, &'a [u32])>> Component<'a, F> {
    /// Finds its automorphisms.
    pub fn symmetry(&self) -> Symmetry {
        let order = self.order;
        let mut like_root = vec![false; order.len()];
        let kind = |v: u32| self.pattern.uses().kind(VirtualQubit(v));
        if let Some((_, below_root)) = (self.subtree)(0) {
            // A tree from its centre: only the other centre can be like it, when both halves are equal.
            for at in (1..order.len()).filter(|&at| order[at].1 == 0) {
                if let Some((class, below)) = (self.subtree)(at)
                    && kind(order[0].0) == kind(order[at].0)
                    && is_without(below_root, class, below)
                {
                    like_root[at] = true;
                    return Symmetry { like_root, group: Group::Listed(vec![self.mirror(at)]) };
                }
            }
            return Symmetry { like_root, group: Group::Trivial };
        }
        let pattern = self.pattern;
        let degree = |v: u32| pattern.neighbours(VirtualQubit(v)).len();
        let weight = pattern.neighbours(VirtualQubit(order[0].0))[0].1;
        let is_ring = order.iter().all(|&(v, _)| {
            let neighbours = pattern.neighbours(VirtualQubit(v));
            let alike = neighbours.iter().all(|edge| edge.1 == weight) && kind(v) == kind(order[0].0);
            neighbours.len() == 2 && alike
        });
        if is_ring {
            like_root[1..].fill(true);
            return Symmetry { like_root, group: Group::Ring(self.around()) };
        }
        if order.len() > COMPONENT_VERTICES_MAX {
            return Symmetry { like_root, group: Group::Unknown };
        }
        let root = order[0].0;
        // Equal for vertices that an automorphism takes to each other: a sum over all vertices, in any order.
        let profile = |v: u32| {
            let here = self.near.from(v);
            let all = order.iter().map(|&(w, _)| {
                (u64::from(here[w as usize]) << 48) + ((kind(w) as u64) << 32) + degree(w) as u64
            });
            all.fold(0_u64, |sum, pair| sum.wrapping_add(scatter(pair)))
        };
        let of_root = profile(root);
        let mut search = Automorphisms::new(pattern, order, self.twin);
        for at in 0..order.len() {
            let target = order[at].0;
            let alike = degree(target) == degree(root) && kind(target) == kind(root);
            if alike && (at == 0 || profile(target) == of_root) {
                like_root[at] = search.take_root_to(target) && at > 0;
            }
        }
        let group = match search {
            Automorphisms { complete: false, .. } => Group::Unknown,
            Automorphisms { mut found, .. } => {
                found.retain(|images| images.iter().enumerate().any(|(at, &image)| at as u32 != image));
                if found.is_empty() { Group::Trivial } else { Group::Listed(found) }
            }
        };
        Symmetry { like_root, group }
    }

    /// The automorphism of a tree that exchanges its root with the equal vertex at `centre`.
    fn mirror(&self, centre: usize) -> Vec<u32> {
        let mut children: Vec<Vec<(u32, u32)>> = vec![Vec::new(); self.order.len()];
        for (at, &(_, parent)) in self.order.iter().enumerate().skip(1) {
            let class = (self.subtree)(at).map_or(NONE, |(class, _)| class);
            children[parent as usize].push((class, at as u32));
        }
        children.iter_mut().for_each(|list| list.sort_unstable());
        children[0].retain(|&(_, at)| at as usize != centre);
        let mut images = vec![0; self.order.len()];
        let mut pairs = vec![(0, centre as u32), (centre as u32, 0)];
        while let Some((from, to)) = pairs.pop() {
            images[from as usize] = to;
            let both = children[from as usize].iter().zip(&children[to as usize]);
            pairs.extend(both.map(|(a, b)| (a.1, b.1)));
        }
        images
    }

    /// The positions of a ring in order around it.
    fn around(&self) -> Vec<u32> {
        let mut position = vec![NONE; self.pattern.qubits()];
        for (at, &(v, _)) in self.order.iter().enumerate() {
            position[v as usize] = at as u32;
        }
        let mut around = vec![0];
        let (mut last, mut v) = (NONE, self.order[0].0);
        while around.len() < self.order.len() {
            let neighbours = self.pattern.neighbours(VirtualQubit(v));
            let next = neighbours.iter().map(|(other, _)| other.0).find(|&other| other != last);
            (last, v) = (v, next.unwrap_or(v));
            around.push(position[v as usize]);
        }
        around
    }
}

/// Spreads a number over all bits (the finalizer of SplitMix64).
fn scatter(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

/// Whether `all` without one `class` is `rest`; both sorted.
fn is_without(all: &[u32], class: u32, rest: &[u32]) -> bool {
    let Some(index) = all.iter().position(|&other| other == class) else {
        return false;
    };
    all[..index].iter().chain(&all[index + 1..]).eq(rest)
}

/// A depth-first search for all automorphisms.
struct Automorphisms<'a> {
    pattern: &'a Pattern,
    order: &'a [(u32, u32)],
    twin: &'a [u32],
    position: Vec<u32>,
    image: Vec<u32>,
    taken: Vec<bool>,
    steps: u32,
    /// Position of the image of each position.
    found: Vec<Vec<u32>>,
    complete: bool,
}

impl<'a> Automorphisms<'a> {
    fn new(pattern: &'a Pattern, order: &'a [(u32, u32)], twin: &'a [u32]) -> Self {
        let mut position = vec![NONE; pattern.qubits()];
        for (at, &(v, _)) in order.iter().enumerate() {
            position[v as usize] = at as u32;
        }
        let image = vec![NONE; pattern.qubits()];
        let taken = vec![false; pattern.qubits()];
        Self { pattern, order, twin, position, image, taken, steps: 0, found: Vec::new(), complete: true }
    }

    /// Lists those that take the root to `target`; whether there is one.
    fn take_root_to(&mut self, target: u32) -> bool {
        let before = self.found.len();
        let root = self.order[0].0;
        self.steps = STEPS;
        self.image[root as usize] = target;
        self.taken[target as usize] = true;
        self.extend(1);
        self.image[root as usize] = NONE;
        self.taken[target as usize] = false;
        self.found.len() > before
    }

    fn extend(&mut self, at: usize) {
        let Some(&(v, parent)) = self.order.get(at) else {
            let images = self.order.iter().map(|&(v, _)| self.position[self.image[v as usize] as usize]);
            self.found.push(images.collect());
            return;
        };
        let pattern = self.pattern;
        let row = pattern.neighbours(VirtualQubit(v));
        let above = self.image[self.order[parent as usize].0 as usize];
        let twin = self.twin[at];
        let after = if twin == NONE {
            0
        } else {
            self.position[self.image[self.order[twin as usize].0 as usize] as usize] + 1
        };
        for &(candidate, _) in pattern.neighbours(VirtualQubit(above)) {
            self.steps = self.steps.saturating_sub(1);
            if self.steps == 0 || self.found.len() >= AUTOMORPHISMS_MAX {
                self.complete = false;
                return;
            }
            let there = pattern.neighbours(candidate);
            let fits = !self.taken[candidate.index()]
                && pattern.uses().kind(candidate) == pattern.uses().kind(VirtualQubit(v))
                && self.position[candidate.index()] >= after
                && there.len() == row.len()
                && row.iter().all(|&(other, weight)| {
                    let onto = self.image[other.index()];
                    onto == NONE || there.binary_search(&(VirtualQubit(onto), weight)).is_ok()
                });
            if fits {
                self.image[v as usize] = candidate.0;
                self.taken[candidate.index()] = true;
                self.extend(at + 1);
                self.image[v as usize] = NONE;
                self.taken[candidate.index()] = false;
            }
        }
    }
}
