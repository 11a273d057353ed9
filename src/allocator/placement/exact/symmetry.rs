//! Which vertices of a pattern are like the root of their component, so that a ring of 12 is searched once, not 24
//! times.
//!
//! Promises that some automorphism takes the root to every vertex it names. It may miss some: that costs time only.

use super::host::NONE;
use super::plan::distances;
use crate::allocator::placement::pattern::Pattern;
use crate::quantum::VirtualQubit;

/// Steps after which the search for an automorphism gives up.
const STEPS: u32 = 2_000;
/// Largest component with cycles whose automorphisms are searched.
const VERTICES: usize = 40;

/// Per position: whether the root may be taken there. `order` holds (vertex, position of the parent), the root
/// first; `subtree` tells the class and the classes below of a position under which nothing closes a cycle.
pub(super) fn like_root<'a>(
    pattern: &Pattern,
    order: &[(u32, u32)],
    subtree: impl Fn(usize) -> Option<(u32, &'a [u32])>,
) -> Vec<bool> {
    let mut like = vec![false; order.len()];
    if let Some((_, below_root)) = subtree(0) {
        // A tree from its centre: only the other centre can be like it, when both halves are equal.
        for at in (1..order.len()).filter(|&at| order[at].1 == 0) {
            if let Some((class, below)) = subtree(at) {
                like[at] = is_without(below_root, class, below);
            }
        }
        return like;
    }
    let degree = |v: u32| pattern.neighbours(VirtualQubit(v)).len();
    let weight = pattern.neighbours(VirtualQubit(order[0].0))[0].1;
    let is_ring = order.iter().all(|&(v, _)| {
        let neighbours = pattern.neighbours(VirtualQubit(v));
        neighbours.len() == 2 && neighbours.iter().all(|edge| edge.1 == weight)
    });
    if is_ring {
        like[1..].fill(true);
    } else if order.len() <= VERTICES {
        let root = order[0].0;
        let profile = |v: u32| {
            let mut depths: Vec<(u32, usize)> = distances(pattern, v)
                .into_iter()
                .enumerate()
                .filter(|&(_, depth)| depth != NONE)
                .map(|(w, depth)| (depth, degree(w as u32)))
                .collect();
            depths.sort_unstable();
            depths
        };
        let of_root = profile(root);
        for at in 1..order.len() {
            let target = order[at].0;
            like[at] =
                degree(target) == degree(root) && profile(target) == of_root && takes(pattern, order, target);
        }
    }
    like
}

/// Whether `all` without one `class` is `rest`; both sorted.
fn is_without(all: &[u32], class: u32, rest: &[u32]) -> bool {
    let Some(index) = all.iter().position(|&other| other == class) else {
        return false;
    };
    all[..index].iter().chain(&all[index + 1..]).eq(rest)
}

/// Whether an automorphism that takes the root to `target` was found.
fn takes(pattern: &Pattern, order: &[(u32, u32)], target: u32) -> bool {
    let mut image = vec![NONE; pattern.qubits()];
    let mut taken = vec![false; pattern.qubits()];
    let mut steps = STEPS;
    image[order[0].0 as usize] = target;
    taken[target as usize] = true;
    extend(pattern, order, 1, &mut image, &mut taken, &mut steps)
}

fn extend(
    pattern: &Pattern,
    order: &[(u32, u32)],
    at: usize,
    image: &mut [u32],
    taken: &mut [bool],
    steps: &mut u32,
) -> bool {
    let Some(&(v, parent)) = order.get(at) else {
        return true;
    };
    let row = pattern.neighbours(VirtualQubit(v));
    let above = image[order[parent as usize].0 as usize];
    for &(candidate, _) in pattern.neighbours(VirtualQubit(above)) {
        *steps = steps.saturating_sub(1);
        if *steps == 0 {
            return false;
        }
        let there = pattern.neighbours(candidate);
        let fits = !taken[candidate.index()]
            && there.len() == row.len()
            && row.iter().all(|&(other, weight)| {
                let onto = image[other.index()];
                onto == NONE || there.binary_search(&(VirtualQubit(onto), weight)).is_ok()
            });
        if fits {
            image[v as usize] = candidate.0;
            taken[candidate.index()] = true;
            if extend(pattern, order, at + 1, image, taken, steps) {
                return true;
            }
            image[v as usize] = NONE;
            taken[candidate.index()] = false;
        }
    }
    false
}
