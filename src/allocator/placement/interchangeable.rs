//! Placement where qubits differ in their own figures alone: every pair is coupled, by couplers of one and the same cost.
//!
//! Promises the answer of a search without one: all layouts on the same qubits cost the same but for what the qubits
//! themselves are used for, so that the cheapest assignment of uses to qubits is the best placement. Linear in the size of
//! the device and of the program where all virtual qubits have one use.

use smallvec::SmallVec;

use super::cost::TIE_BREAK_BITS;
use super::legality::placement_of_layout;
use super::outcome::{Placed, PlacementOutcome};
use super::problem::PlacementRequest;
use super::search_cost::Costs;
use super::singles::{ByUse, Singles};
use crate::quantum::{PhysicalQubit, VirtualQubit};

/// The placement of least cost, or that there is none; `None` where it takes a search.
pub(super) fn cheapest(request: &PlacementRequest<'_>) -> Option<Placed> {
    let free = free(request)?;
    let wanted = request.pattern.qubits();
    if free.len() < wanted {
        return Some(infeasible());
    }
    // Only a matching adds costs up, and must not overflow.
    let mut rounded = 0;
    let layout = if let [_] = request.pattern.uses().kinds() {
        let mut nodes: Vec<(u64, PhysicalQubit)> =
            free.iter().map(|&qubit| (request.qubit_cost(0, qubit), qubit)).collect();
        if wanted < nodes.len() {
            nodes.select_nth_unstable(wanted);
            nodes.truncate(wanted);
        }
        let mut layout: SmallVec<[PhysicalQubit; 8]> = nodes.into_iter().map(|(_, qubit)| qubit).collect();
        layout.sort_unstable();
        layout
    } else {
        let shift = request.shift();
        rounded = if shift <= TIE_BREAK_BITS { 0 } else { (wanted as u64) << shift.min(u64::BITS - 1) };
        assigned(request, &free, shift)?
    };
    let placement = placement_of_layout(request, layout)?;
    let outcome = match rounded {
        0 => PlacementOutcome::Optimal(placement),
        gap => PlacementOutcome::Feasible { placement, gap: Some(gap) },
    };
    Some(Placed { outcome, steps: wanted as u64 })
}

/// The first qubits that are free, or that they are too few; `None` where it takes a search.
pub(super) fn first(request: &PlacementRequest<'_>) -> Option<Placed> {
    let mut free = free(request)?;
    let wanted = request.pattern.qubits();
    if free.len() < wanted {
        return Some(infeasible());
    }
    free.truncate(wanted);
    let placement = placement_of_layout(request, free)?;
    Some(Placed { outcome: PlacementOutcome::Feasible { placement, gap: None }, steps: wanted as u64 })
}

/// What is free of a device on which this suffices, ascending.
fn free(request: &PlacementRequest<'_>) -> Option<SmallVec<[PhysicalQubit; 8]>> {
    let usable = &request.epoch.usable;
    request
        .has_interchangeable_couplers()
        .then(|| request.free.iter().filter(|qubit| usable.contains(*qubit)).collect())
}

fn infeasible() -> Placed {
    Placed { outcome: PlacementOutcome::ProvedInfeasible, steps: 0 }
}

/// The cheapest assignment of virtual qubits with several uses.
fn assigned(
    request: &PlacementRequest<'_>,
    free: &[PhysicalQubit],
    shift: u32,
) -> Option<SmallVec<[PhysicalQubit; 8]>> {
    let uses = request.pattern.uses();
    let mut vertices: Vec<VirtualQubit> = (0..request.pattern.qubits() as u32).map(VirtualQubit).collect();
    vertices.sort_by_key(|&v| (uses.kind(v), v));
    let kind = |v: &VirtualQubit| uses.kind(*v) as u32;
    let wanted: ByUse =
        vertices.chunk_by(|a, b| kind(a) == kind(b)).map(|alike| (kind(&alike[0]), alike.len())).collect();
    let nodes: Vec<u32> = free.iter().map(|qubit| qubit.0).collect();
    let mut singles = Singles::default();
    singles.prepare(&wanted, &nodes, |kind, node| {
        Costs::Calibrated(shift).scaled(|| request.qubit_cost(kind as usize, PhysicalQubit(node)))
    });
    let (_, chosen) = singles.assign(|_| true)?;
    let mut layout = SmallVec::from_elem(PhysicalQubit(0), vertices.len());
    vertices.iter().zip(chosen).for_each(|(vertex, node)| layout[vertex.index()] = PhysicalQubit(node));
    Some(layout)
}
