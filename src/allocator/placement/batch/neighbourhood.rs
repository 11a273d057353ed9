//! Which jobs lie close to each other on a device: what destroy and repair takes out together.

use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::{PhysicalQubit, QubitSet};

/// The job `seed` and those met first around it, breadth first over the device, `wanted` in all; `layouts`: the
/// qubits of each job.
pub(super) fn neighbours(
    map: &CouplingMap,
    layouts: &[&[PhysicalQubit]],
    seed: usize,
    wanted: usize,
) -> Vec<usize> {
    let mut owner = vec![usize::MAX; map.qubits()];
    for (job, layout) in layouts.iter().enumerate() {
        layout.iter().for_each(|qubit| owner[qubit.index()] = job);
    }
    let mut met = vec![seed];
    let mut queue = layouts[seed].to_vec();
    let mut seen = QubitSet::from_qubits(map.qubits(), queue.iter().copied());
    let mut next = 0;
    while next < queue.len() && met.len() < wanted {
        for &(neighbour, _) in map.neighbours(queue[next]) {
            if seen.insert(neighbour) {
                queue.push(neighbour);
                let job = owner[neighbour.index()];
                if job != usize::MAX && met.len() < wanted && !met.contains(&job) {
                    met.push(job);
                }
            }
        }
        next += 1;
    }
    met
}
