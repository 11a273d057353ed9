//! Where the qubits of a coupling map lie in a picture.
//!
//! Promises finite places in units of about one coupler, the same for the same map. Known lattices are drawn as
//! their vendors do, complete maps and rings as circles, chains in rows, all else by its graph distances.

use std::collections::VecDeque;
use std::f64::consts::PI;

use crate::quantum::PhysicalQubit;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::lattice;

/// Largest map that is laid out by its distances: the effort grows with the square.
const MAX_BY_DISTANCE: usize = 1_500;

/// The place of every qubit: x to the right, y downwards.
pub fn positions(map: &CouplingMap) -> Vec<(f64, f64)> {
    let n = map.qubits();
    let degree = |q: usize| map.neighbours(PhysicalQubit(q as u32)).len();
    let ends = (0..n).filter(|&q| degree(q) == 1).count();
    let connected = map.largest_region(&crate::quantum::QubitSet::full(n)) == n;
    let chained = connected && (0..n).all(|q| degree(q) <= 2);
    if map.is_complete() && n > 3 {
        circle(&(0..n).collect::<Vec<_>>())
    } else if chained && ends == 0 && n > 3 {
        circle(&walk(map))
    } else if chained {
        rows(&walk(map))
    } else if let Some(known) = lattice::recognise(map) {
        known
    } else if n <= MAX_BY_DISTANCE {
        by_distance(map)
    } else {
        rows(&(0..n).collect::<Vec<_>>())
    }
}

/// The qubits of a chain or ring from one end to the other.
fn walk(map: &CouplingMap) -> Vec<usize> {
    let n = map.qubits();
    let neighbours = |q: usize| map.neighbours(PhysicalQubit(q as u32));
    let start = (0..n).find(|&q| neighbours(q).len() < 2).unwrap_or(0);
    let mut seen = vec![false; n];
    let mut order = Vec::with_capacity(n);
    let mut next = Some(start);
    while let Some(qubit) = next {
        seen[qubit] = true;
        order.push(qubit);
        next = neighbours(qubit)
            .iter()
            .map(|(neighbour, _)| neighbour.index())
            .find(|&neighbour| !seen[neighbour]);
    }
    order
}

/// On a circle, the first at the top, one unit apart.
fn circle(order: &[usize]) -> Vec<(f64, f64)> {
    let n = order.len() as f64;
    let radius = (n / (2.0 * PI)).max(1.0);
    let mut places = vec![(0.0, 0.0); order.len()];
    for (step, &qubit) in order.iter().enumerate() {
        let angle = 2.0 * PI * step as f64 / n;
        places[qubit] = (radius * libm::sin(angle), -radius * libm::cos(angle));
    }
    places
}

/// In rows that run to and fro, three times as wide as high.
fn rows(order: &[usize]) -> Vec<(f64, f64)> {
    let width = (order.len() * 3).isqrt().max(12);
    let mut places = vec![(0.0, 0.0); order.len()];
    for (step, &qubit) in order.iter().enumerate() {
        let (row, column) = (step / width, step % width);
        let x = if row.is_multiple_of(2) { column } else { width - 1 - column };
        places[qubit] = (x as f64, row as f64);
    }
    places
}

/// Places whose distances are as near as possible to the distances in the map: stress majorization (Gansner, Koren
/// and North 2004) from a start by the distances to two far qubits.
fn by_distance(map: &CouplingMap) -> Vec<(f64, f64)> {
    let n = map.qubits();
    let distances: Vec<Vec<f64>> = (0..n).map(|q| hops(map, q)).collect();
    let farthest = |from: usize| {
        (0..n).rev().max_by(|&a, &b| distances[from][a].total_cmp(&distances[from][b])).unwrap_or(0)
    };
    let first = farthest(0);
    let second = farthest(first);
    let mut places: Vec<(f64, f64)> = (0..n)
        .map(|q| {
            let (a, b) = (distances[first][q], distances[second][q]);
            // The qubit's number breaks the symmetry of qubits with the same distances.
            let jitter = (q as f64 * 0.618_034).fract() - 0.5;
            ((a - b) / 2.0, (a + b) / 2.0 * (0.3 + jitter))
        })
        .collect();
    let rounds = if n <= 200 { 300 } else { 60 };
    for _ in 0..rounds {
        for q in 0..n {
            let (mut x, mut y, mut weights) = (0.0, 0.0, 0.0);
            for other in (0..n).filter(|&other| other != q) {
                let wanted = distances[q][other];
                let weight = 1.0 / (wanted * wanted);
                let (dx, dy) = (places[q].0 - places[other].0, places[q].1 - places[other].1);
                let pull = wanted / (dx * dx + dy * dy).sqrt().max(1e-6);
                x += weight * (places[other].0 + dx * pull);
                y += weight * (places[other].1 + dy * pull);
                weights += weight;
            }
            if weights > 0.0 {
                places[q] = (x / weights, y / weights);
            }
        }
    }
    places
}

/// Couplers from `start` to every qubit; what is not connected lies beyond everything that is.
fn hops(map: &CouplingMap, start: usize) -> Vec<f64> {
    let mut hops = vec![None; map.qubits()];
    hops[start] = Some(0_u32);
    let mut queue = VecDeque::from([(start, 0)]);
    let mut last = 0;
    while let Some((qubit, distance)) = queue.pop_front() {
        last = distance;
        for (neighbour, _) in map.neighbours(PhysicalQubit(qubit as u32)) {
            if hops[neighbour.index()].is_none() {
                hops[neighbour.index()] = Some(distance + 1);
                queue.push_back((neighbour.index(), distance + 1));
            }
        }
    }
    hops.into_iter().map(|distance| f64::from(distance.unwrap_or(last + 3))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_qubits_share_a_place() {
        let tree = CouplingMap::new(15, (1..15).map(|q| ((q - 1) / 2, q))).unwrap();
        let islands = CouplingMap::new(6, [(0, 1), (2, 3), (3, 4)]).unwrap();
        let maps = [
            tree,
            islands,
            CouplingMap::line(40).unwrap(),
            CouplingMap::ring(9).unwrap(),
            CouplingMap::all_to_all(11).unwrap(),
            CouplingMap::heavy_hex(3, 8).unwrap(),
            CouplingMap::new(1, []).unwrap(),
        ];
        for map in maps {
            let places = positions(&map);
            assert_eq!(places.len(), map.qubits());
            for (i, a) in places.iter().enumerate() {
                assert!(a.0.is_finite() && a.1.is_finite());
                for b in &places[..i] {
                    let distance = (a.0 - b.0).hypot(a.1 - b.1);
                    assert!(distance > 0.3, "{distance} in {map:?}");
                }
            }
        }
    }
}
