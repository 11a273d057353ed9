//! Whether a layout is legal for a request, and what it costs.
//!
//! The one place where placements without routing are made and paid for, whoever found the layout.

use smallvec::SmallVec;

use super::link::{Link, bit};
use super::outcome::Placement;
use super::problem::PlacementRequest;
use super::spanning_tree::spanning_links;
use crate::quantum::{PhysicalQubit, VirtualQubit};

/// The placement with a given layout, if the layout is legal for the request. Its cost is that of the gates of every
/// edge of the pattern, plus that of the use of every qubit. A region pays for the cheapest couplers that connect it:
/// the minimum spanning tree of those it may use.
pub fn placement_of_layout(
    request: &PlacementRequest<'_>,
    layout: SmallVec<[PhysicalQubit; 8]>,
) -> Option<Placement> {
    let (epoch, pattern) = (request.epoch, request.pattern);
    if layout.len() != pattern.qubits() {
        return None;
    }
    let mut taken: SmallVec<[u64; 20]> = SmallVec::from_elem(0, epoch.qubits().div_ceil(64));
    for &qubit in &layout {
        if !request.free.contains(qubit) || !epoch.usable.contains(qubit) {
            return None;
        }
        let (word, mask) = (&mut taken[qubit.index() / 64], 1 << (qubit.index() % 64));
        if *word & mask != 0 {
            return None;
        }
        *word |= mask;
    }
    let (mut cost, mut objective) = (0_u128, 0_u128);
    for (v, &qubit) in (0..).map(VirtualQubit).zip(&layout) {
        let kind = pattern.uses().kind(v);
        let noise = request.noise_of_use(kind, qubit);
        cost += u128::from(noise);
        objective += u128::from(request.qubit_cost_with(noise, qubit));
    }
    let mut add = |link: Link, weight: u32| {
        cost += u128::from(weight) * u128::from(request.noise_of_gates(&link));
        objective += u128::from(weight) * u128::from(request.gate_cost(&link));
    };
    if pattern.is_region() && request.has_interchangeable_couplers() {
        // Any of its couplers will do, and a region has one less than qubits.
        if let [first, second, ..] = layout[..] {
            add(epoch.link(first, second)?, layout.len() as u32 - 1);
        }
    } else if pattern.is_region() {
        for link in spanning_links(request, &layout)? {
            add(link, 1);
        }
    }
    for &(a, b, weight) in pattern.edges() {
        let link = epoch.link(layout[a.index()], layout[b.index()])?;
        if request.barred_couplers.is_some_and(|bits| bit(bits, link.coupler)) {
            return None;
        }
        add(link, weight);
    }
    let saturated = |total: u128| u64::try_from(total).unwrap_or(u64::MAX);
    Some(Placement { layout, cost: saturated(cost), objective: saturated(objective), routing: None })
}
