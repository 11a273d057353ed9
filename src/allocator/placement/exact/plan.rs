//! The program side of one search: in which order virtual qubits are placed, and what is shared between them.
//!
//! Promises that every vertex but the first of its component is adjacent to an earlier one. A plan is a function of
//! the pattern alone. Leaves devices and costs to [`super::bound`] and [`super::search`].

use std::collections::BTreeMap;
use std::ops::Range;

use smallvec::SmallVec;

use super::distances::Distances;
use super::symmetry::{self, Group, Symmetry};
use crate::allocator::placement::graph::{NONE, shortest_cycle};
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::singles::ByUse;
use crate::quantum::VirtualQubit;

/// A kind of rooted subtree, or of an edge that closes a cycle. The messages of one kind are computed once.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    /// A vertex with all below it, hanging on an edge of the given weight.
    Subtree {
        /// Weight of the edge to the parent; 0 for the root of a component.
        weight: u32,
        /// Which use the vertex has.
        kind: u32,
        /// Whether the vertex lies in the 2-core of the pattern.
        core: bool,
        /// Classes of its other neighbours, sorted.
        demands: SmallVec<[u32; 4]>,
    },
    /// An edge of the given weight that closes a cycle, seen from its later end; weight 0: from its earlier end.
    Closing(u32),
}

/// One vertex in the order of placement.
#[derive(Debug, Clone)]
pub(crate) struct Step {
    /// The vertex.
    pub vertex: VirtualQubit,
    /// Position of the vertex that it hangs on; `NONE` for the root of a component.
    pub parent: u32,
    /// Weight of the edge to it.
    pub weight: u32,
    /// Which use the vertex has.
    pub kind: u32,
    /// Class of the subtree.
    pub class: u32,
    /// Index of the component.
    pub component: u32,
    /// Position of an interchangeable earlier sibling, which takes the lower qubit; or `NONE`.
    pub twin: u32,
    /// Whether some automorphism takes the root of the component here: then this vertex need not lie on a qubit
    /// that comes before the root's in the order of roots.
    pub like_root: bool,
    /// Range in [`Plan::closings`]: edges to earlier vertices other than the parent.
    pub closings: Range<usize>,
    /// Range in [`Plan::pending`] and [`Plan::demands`]: neighbours placed later, in order.
    pub pending: Range<usize>,
    /// Range in [`Plan::anchors`].
    pub anchors: Range<usize>,
}

/// A connected component with more than one vertex: a run of steps that starts with its root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Component {
    /// Positions.
    pub steps: Range<usize>,
    /// Number of edges.
    pub edges: usize,
    /// Index in [`Plan::roots`].
    pub root: u32,
    /// How many of the next components are identical to this one.
    pub copies_after: usize,
    /// Whether it is identical to the previous one.
    pub copy: bool,
}

/// A pattern compiled for searching.
#[derive(Debug, Clone, Default)]
pub(crate) struct Plan {
    /// Vertices in order of placement, without isolated ones.
    pub steps: Vec<Step>,
    /// Components, largest first, identical ones side by side.
    pub components: Vec<Component>,
    /// Vertices without edges, by their uses.
    pub isolated: Vec<VirtualQubit>,
    /// How many of these have which use.
    pub isolated_by_use: ByUse,
    /// Classes; those a class demands come before it.
    pub classes: Vec<Class>,
    /// Distinct roots of components: class and number of vertices.
    pub roots: Vec<(u32, u32)>,
    /// (earlier position, weight).
    pub closings: Vec<(u32, u32)>,
    /// Later positions.
    pub pending: Vec<u32>,
    /// Classes of the demands at these.
    pub demands: Vec<u32>,
    /// (earlier position, distance in the pattern): the images must not be further apart than that.
    pub anchors: Vec<(u32, u8)>,
    /// Largest distance among the anchors.
    pub anchor_reach: u8,
    /// Length of the shortest cycle.
    pub girth: Option<u32>,
    /// Whether all cycles have even length.
    pub bipartite: bool,
    /// Sum of all edge weights and the number of vertices: no placement has more elements to pay for.
    pub weight: u128,
    /// Number of vertices with at least 1, 2, ... neighbours.
    pub degrees: Vec<u32>,
    /// Automorphisms; unknown for a pattern that is not connected.
    pub group: Group,
}

/// Later places with the classes that they demand; few vertices have more neighbours.
type Pending = SmallVec<[(u32, u32); 3]>;

/// What is known of each vertex of a component, by its place in the order.
struct Classified {
    /// The places of vertices.
    position: Vec<u32>,
    /// Later places whose vertices hang on this one, and the classes that they demand of it; ascending.
    pending: Vec<Pending>,
    class_of: Vec<u32>,
    /// No cycle goes through its subtree.
    plain: Vec<bool>,
    edges: usize,
}

impl Classified {
    /// For each place the last one before it whose vertex hangs on the same parent and has the same subtree, if any.
    fn twins(&self, order: &[(u32, u32)]) -> Vec<u32> {
        let twin = |at: usize| {
            let parent = order[at].1;
            let same = |before: &usize| {
                order[*before].1 == parent
                    && self.plain[*before]
                    && self.class_of[*before] == self.class_of[at]
            };
            let hangs = parent != NONE && self.plain[at];
            let twin = hangs.then(|| (parent as usize + 1..at).rev().find(same)).flatten();
            twin.map_or(NONE, |before| before as u32)
        };
        (0..order.len()).map(twin).collect()
    }
}

/// Anchors per vertex: the nearest few do nearly all of the pruning.
const ANCHORS: usize = 3;
/// Patterns with more vertices than this get no anchors: the table would grow with the square.
const ANCHORED_MAX: usize = 512;

impl Plan {
    /// Compiles a pattern. O(n^2) in the number of vertices for patterns with cycles, O(n log n) for trees.
    pub fn new(pattern: &Pattern) -> Self {
        let core = core(pattern);
        let cyclic = core.contains(&true);
        let near = if cyclic && pattern.qubits() <= ANCHORED_MAX {
            Distances::new(pattern)
        } else {
            Distances::default()
        };
        let mut plan = Self::default();
        let mut orders: Vec<Vec<(u32, u32)>> = Vec::new();
        let mut seen = vec![false; pattern.qubits()];
        for start in 0..pattern.qubits() as u32 {
            if seen[start as usize] {
                continue;
            }
            let members = reach(pattern, start, &mut seen);
            if members.len() == 1 {
                plan.isolated.push(VirtualQubit(start));
                continue;
            }
            let degrees: usize = members.iter().map(|&v| pattern.neighbours(VirtualQubit(v)).len()).sum();
            orders.push(if degrees / 2 + 1 == members.len() {
                tree_order(pattern, &members)
            } else {
                cyclic_order(pattern, &members, &core, &near)
            });
        }
        orders.sort_by_cached_key(|order| std::cmp::Reverse((order.len(), encoding(pattern, order))));
        let mut known = BTreeMap::new();
        for order in &orders {
            plan.add_component(pattern, order, &core, &near, &mut known);
        }
        for index in (1..orders.len()).rev() {
            if encoding(pattern, &orders[index - 1]) == encoding(pattern, &orders[index]) {
                plan.components[index].copy = true;
                plan.components[index - 1].copies_after = plan.components[index].copies_after + 1;
            }
        }
        if plan.components.len() != 1 || !plan.isolated.is_empty() {
            plan.group = Group::Unknown;
        }
        (plan.girth, plan.bipartite) = if cyclic {
            let rows: Vec<u32> = (0..pattern.qubits() as u32 + 1).map(|v| pattern.row(v)).collect();
            let ends: Vec<u32> = pattern.ends().collect();
            let (girth, side) = shortest_cycle(&rows, &ends);
            (girth, side.is_some())
        } else {
            (None, true)
        };
        plan.isolated.sort_by_key(|&v| pattern.uses().kind(v));
        plan.isolated_by_use = by_use(pattern, &plan.isolated);
        plan.weight = pattern.total_weight() + pattern.qubits() as u128;
        plan.degrees = vec![0; pattern.max_degree()];
        for v in 0..pattern.qubits() as u32 {
            for count in &mut plan.degrees[..pattern.neighbours(VirtualQubit(v)).len()] {
                *count += 1;
            }
        }
        plan
    }

    /// Number of vertices of the smallest component.
    pub fn smallest(&self) -> usize {
        match self.components.last() {
            Some(component) if self.isolated.is_empty() => component.steps.len(),
            _ => 1,
        }
    }

    /// All vertices in order of placement, isolated ones last.
    pub fn vertices(&self) -> impl Iterator<Item = VirtualQubit> {
        let placed = self.steps.iter().map(|step| step.vertex);
        placed.chain(self.isolated.iter().copied())
    }

    /// `order`: (vertex, position of the parent within the component).
    fn add_component(
        &mut self,
        pattern: &Pattern,
        order: &[(u32, u32)],
        core: &[bool],
        near: &Distances,
        known: &mut BTreeMap<Class, u32>,
    ) {
        let classified = self.classify(pattern, order, core, known);
        let Classified { class_of, plain, edges, .. } = &classified;
        let edges = *edges;
        let twin = classified.twins(order);
        let component = symmetry::Component {
            pattern,
            near,
            order,
            subtree: |at: usize| match &self.classes[class_of[at] as usize] {
                Class::Subtree { demands, .. } if plain[at] => Some((class_of[at], demands.as_slice())),
                _ => None,
            },
            twin: &twin,
        };
        let Symmetry { like_root, group } = component.symmetry();
        self.group = group;
        let anchors = if edges >= order.len() && order.len() <= ANCHORED_MAX {
            anchors(near, order, &classified.position, &classified.pending)
        } else {
            vec![Vec::new(); order.len()]
        };
        let base = self.steps.len();
        let root = (class_of[0], order.len() as u32);
        self.add_steps(pattern, order, classified, &twin, &like_root, &anchors);
        let index = self.roots.iter().position(|known| *known == root);
        let index = index.unwrap_or_else(|| {
            self.roots.push(root);
            self.roots.len() - 1
        });
        self.components.push(Component {
            steps: base..self.steps.len(),
            edges,
            root: index as u32,
            copies_after: 0,
            copy: false,
        });
    }

    /// The classes of all subtrees of a component, from its leaves up to the root.
    fn classify(
        &mut self,
        pattern: &Pattern,
        order: &[(u32, u32)],
        core: &[bool],
        known: &mut BTreeMap<Class, u32>,
    ) -> Classified {
        let mut position = vec![NONE; pattern.qubits()];
        for (at, &(v, _)) in order.iter().enumerate() {
            position[v as usize] = at as u32;
        }
        let mut pending: Vec<Pending> = vec![Pending::new(); order.len()];
        let mut class_of = vec![0; order.len()];
        let mut plain = vec![true; order.len()];
        let mut edges = 0;
        for (at, &(v, parent)) in order.iter().enumerate().rev() {
            let mut demands: SmallVec<[u32; 4]> = pending[at].iter().map(|&(_, class)| class).collect();
            let mut weight = 0;
            for &(other, edge_weight) in pattern.neighbours(VirtualQubit(v)) {
                let there = position[other.index()];
                if there == parent {
                    weight = edge_weight;
                } else if there < at as u32 {
                    demands.push(self.class(Class::Closing(edge_weight), known));
                    let claim = self.class(Class::Closing(0), known);
                    pending[there as usize].push((at as u32, claim));
                    plain[at] = false;
                    plain[there as usize] = false;
                }
                edges += usize::from(there < at as u32);
            }
            demands.sort_unstable();
            let class = Class::Subtree { weight, kind: kind(pattern, v), core: core[v as usize], demands };
            class_of[at] = self.class(class, known);
            if parent != NONE {
                pending[parent as usize].push((at as u32, class_of[at]));
                plain[parent as usize] &= plain[at];
            }
        }
        pending.iter_mut().for_each(|list| list.sort_unstable());
        Classified { position, pending, class_of, plain, edges }
    }

    /// The steps that place the vertices of a component, in their order.
    fn add_steps(
        &mut self,
        pattern: &Pattern,
        order: &[(u32, u32)],
        Classified { position, pending, class_of, .. }: Classified,
        twin: &[u32],
        like_root: &[bool],
        anchors: &[Vec<(u8, u32)>],
    ) {
        let base = self.steps.len() as u32;
        for (at, &(v, parent)) in order.iter().enumerate() {
            let closings = self.closings.len();
            let mut weight = 0;
            for &(other, edge_weight) in pattern.neighbours(VirtualQubit(v)) {
                let there = position[other.index()];
                if there == parent {
                    weight = edge_weight;
                } else if there < at as u32 {
                    self.closings.push((there + base, edge_weight));
                }
            }
            let first_pending = self.pending.len();
            self.pending.extend(pending[at].iter().map(|&(to, _)| to + base));
            self.demands.extend(pending[at].iter().map(|&(_, class)| class));
            let first_anchor = self.anchors.len();
            for &(distance, from) in &anchors[at] {
                self.anchors.push((from + base, distance));
                self.anchor_reach = self.anchor_reach.max(distance);
            }
            self.steps.push(Step {
                vertex: VirtualQubit(v),
                parent: if parent == NONE { NONE } else { parent + base },
                weight,
                kind: kind(pattern, v),
                class: class_of[at],
                component: self.components.len() as u32,
                twin: if twin[at] == NONE { NONE } else { twin[at] + base },
                like_root: like_root[at],
                closings: closings..self.closings.len(),
                pending: first_pending..self.pending.len(),
                anchors: first_anchor..self.anchors.len(),
            });
        }
    }

    fn class(&mut self, class: Class, known: &mut BTreeMap<Class, u32>) -> u32 {
        *known.entry(class).or_insert_with_key(|class| {
            self.classes.push(class.clone());
            self.classes.len() as u32 - 1
        })
    }
}

/// Counts vertices by their uses; they must be sorted by these.
pub(crate) fn by_use(pattern: &Pattern, vertices: &[VirtualQubit]) -> ByUse {
    let kind = |v: &VirtualQubit| pattern.uses().kind(*v) as u32;
    vertices.chunk_by(|a, b| kind(a) == kind(b)).map(|alike| (kind(&alike[0]), alike.len())).collect()
}

/// Which use a vertex has.
fn kind(pattern: &Pattern, vertex: u32) -> u32 {
    pattern.uses().kind(VirtualQubit(vertex)) as u32
}

/// What makes two components interchangeable: uses, parents, weights and closing edges in order of placement.
fn encoding(pattern: &Pattern, order: &[(u32, u32)]) -> Vec<(u32, u32, u32)> {
    let mut position = BTreeMap::new();
    let mut code = Vec::new();
    for (at, &(v, _)) in order.iter().enumerate() {
        position.insert(v, at as u32);
        let mut row: Vec<(u32, u32, u32)> = pattern
            .neighbours(VirtualQubit(v))
            .iter()
            .filter_map(|(other, weight)| Some((at as u32, *position.get(&other.0)?, *weight)))
            .collect();
        row.sort_unstable();
        code.push((NONE, kind(pattern, v), 0));
        code.extend(row);
    }
    code
}

/// The component of `start`.
fn reach(pattern: &Pattern, start: u32, seen: &mut [bool]) -> Vec<u32> {
    let mut members = vec![start];
    seen[start as usize] = true;
    let mut next = 0;
    while next < members.len() {
        for &(other, _) in pattern.neighbours(VirtualQubit(members[next])) {
            if !seen[other.index()] {
                seen[other.index()] = true;
                members.push(other.0);
            }
        }
        next += 1;
    }
    members
}

/// Vertices that are left when those with at most one neighbour are peeled off again and again.
fn core(pattern: &Pattern) -> Vec<bool> {
    let n = pattern.qubits();
    let mut degree: Vec<usize> = (0..n as u32).map(|v| pattern.neighbours(VirtualQubit(v)).len()).collect();
    let mut stack: Vec<usize> = (0..n).filter(|&v| degree[v] < 2).collect();
    let mut core: Vec<bool> = degree.iter().map(|&degree| degree >= 2).collect();
    while let Some(v) = stack.pop() {
        for &(other, _) in pattern.neighbours(VirtualQubit(v as u32)) {
            let other = other.index();
            if core[other] {
                degree[other] -= 1;
                if degree[other] < 2 {
                    core[other] = false;
                    stack.push(other);
                }
            }
        }
    }
    core
}

/// Distances from `start` over all edges.
fn distances(pattern: &Pattern, start: u32) -> Vec<u32> {
    let mut distance = vec![NONE; pattern.qubits()];
    distance[start as usize] = 0;
    let mut queue = vec![start];
    let mut next = 0;
    while next < queue.len() {
        let v = queue[next];
        for &(other, _) in pattern.neighbours(VirtualQubit(v)) {
            if distance[other.index()] == NONE {
                distance[other.index()] = distance[v as usize] + 1;
                queue.push(other.0);
            }
        }
        next += 1;
    }
    distance
}

/// A tree from its centre, which halves the number of distinct subtrees; depth first, larger subtrees first.
fn tree_order(pattern: &Pattern, members: &[u32]) -> Vec<(u32, u32)> {
    let farthest = |from: u32| {
        let distance = distances(pattern, from);
        let far = members.iter().copied().max_by_key(|&v| (distance[v as usize], std::cmp::Reverse(v)));
        (far.unwrap_or(from), distance)
    };
    let (end, _) = farthest(members[0]);
    let (other_end, from_end) = farthest(end);
    let diameter = from_end[other_end as usize];
    let from_other = distances(pattern, other_end);
    let centre = members
        .iter()
        .copied()
        .filter(|&v| {
            let (a, b) = (from_end[v as usize], from_other[v as usize]);
            a + b == diameter && a.abs_diff(b) <= 1
        })
        .min();
    let root = centre.unwrap_or(end);

    let mut parent = vec![NONE; pattern.qubits()];
    let mut queue = vec![root];
    let mut next = 0;
    while next < queue.len() {
        let v = queue[next];
        for &(other, _) in pattern.neighbours(VirtualQubit(v)) {
            if other.0 != parent[v as usize] {
                parent[other.index()] = v;
                queue.push(other.0);
            }
        }
        next += 1;
    }
    let mut size = vec![1_u32; pattern.qubits()];
    for &v in queue.iter().skip(1).rev() {
        size[parent[v as usize] as usize] += size[v as usize];
    }
    let mut order = Vec::with_capacity(members.len());
    let mut stack = vec![(root, NONE)];
    while let Some((v, parent_at)) = stack.pop() {
        let at = order.len() as u32;
        order.push((v, parent_at));
        let mut children: SmallVec<[u32; 4]> = pattern
            .neighbours(VirtualQubit(v))
            .iter()
            .map(|(other, _)| other.0)
            .filter(|&other| other != parent[v as usize])
            .collect();
        children.sort_unstable_by_key(|&child| (size[child as usize], std::cmp::Reverse(child)));
        stack.extend(children.into_iter().map(|child| (child, at)));
    }
    order
}

/// A component with cycles: the 2-core first, most placed neighbours first, so that cycles close early; then as
/// deep as possible, so that open ends are few.
fn cyclic_order(pattern: &Pattern, members: &[u32], core: &[bool], near: &Distances) -> Vec<(u32, u32)> {
    let degree = |v: u32| pattern.neighbours(VirtualQubit(v)).len();
    let eccentricity = |v: u32| members.iter().map(|&w| near.from(v)[w as usize]).max().unwrap_or(0);
    let inner = members.iter().copied().filter(|&v| core[v as usize]);
    let root = if members.len() <= 128 && !near.from(0).is_empty() {
        inner.min_by_key(|&v| (eccentricity(v), std::cmp::Reverse(degree(v)), v))
    } else {
        inner.min_by_key(|&v| (std::cmp::Reverse(degree(v)), v))
    };
    let mut order = vec![(root.unwrap_or(members[0]), NONE)];
    let mut position = vec![NONE; pattern.qubits()];
    // Placed neighbours and the latest of them, kept up to date as vertices are placed.
    let mut placed = vec![(0_u32, 0_u32); pattern.qubits()];
    while let Some(&(v, _)) = order.last() {
        let at = order.len() as u32 - 1;
        position[v as usize] = at;
        for &(other, _) in pattern.neighbours(VirtualQubit(v)) {
            let entry = &mut placed[other.index()];
            *entry = (entry.0 + 1, at);
        }
        let rim =
            members.iter().copied().filter(|&w| position[w as usize] == NONE && placed[w as usize].0 > 0);
        let next = rim.max_by_key(|&w| {
            let (count, latest) = placed[w as usize];
            (core[w as usize], count, latest, degree(w), std::cmp::Reverse(w))
        });
        match next {
            Some(next) => order.push((next, placed[next as usize].1)),
            None => break,
        }
    }
    order
}

/// For each position the nearest vertices that wait for a cycle to close: (distance, position).
fn anchors(
    near: &Distances,
    order: &[(u32, u32)],
    position: &[u32],
    pending: &[Pending],
) -> Vec<Vec<(u8, u32)>> {
    let mut anchors: Vec<Vec<(u8, u32)>> = vec![Vec::new(); order.len()];
    for (at, &(v, _)) in order.iter().enumerate() {
        let is_closing = |&&(to, _): &&(u32, u32)| order[to as usize].1 != at as u32;
        let Some(last) = pending[at].iter().filter(is_closing).map(|&(to, _)| to).max() else {
            continue;
        };
        let distance = near.from(v);
        // Distance along the tree of parents, within which images are anyway.
        let mut along = vec![0_u32; order.len()];
        let mut above = Some((at, 0));
        let mut on_path = vec![false; order.len()];
        while let Some((place, hops)) = above {
            along[place] = hops;
            on_path[place] = true;
            let parent = order[place].1;
            above = (parent != NONE).then_some((parent as usize, hops + 1));
        }
        for place in 1..order.len() {
            if !on_path[place] {
                along[place] = along[order[place].1 as usize] + 1;
            }
        }
        for place in at + 1..last as usize {
            let hops = u32::from(distance[order[place].0 as usize]);
            debug_assert_eq!(position[order[place].0 as usize] as usize, place);
            if hops > 1 && hops < along[place] && hops < u32::from(u8::MAX) {
                anchors[place].push((hops as u8, at as u32));
            }
        }
    }
    for list in &mut anchors {
        list.sort_unstable();
        list.truncate(ANCHORS);
    }
    anchors
}
