//! Greedy growth: a program grows qubit by qubit over the cheapest coupler at hand, from every possible start; the
//! cheapest result wins. Never goes back on a choice: where that leads nowhere, first fit answers.

use resource_manager::allocator::placement::first_fit::FirstFit;
use resource_manager::allocator::placement::{
    Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, placement_of_layout,
};
use resource_manager::quantum::{PhysicalQubit, VirtualQubit};

/// The strategy.
#[derive(Debug, Default)]
pub struct Greedy {
    first_fit: FirstFit,
}

impl PlacementStrategy for Greedy {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let grown = request.free.iter().filter_map(|start| grow(request, start));
        match grown.min_by(|a, b| (a.objective, &a.layout).cmp(&(b.objective, &b.layout))) {
            Some(placement) => {
                let outcome = PlacementOutcome::Feasible { placement, gap: None };
                Placed { outcome, steps: request.free.len() as u64 }
            }
            None => self.first_fit.place(request),
        }
    }
}

/// The placement that grows from `start`, if growth does not end in a dead end.
fn grow(request: &PlacementRequest<'_>, start: PhysicalQubit) -> Option<Placement> {
    let (epoch, pattern) = (request.epoch, request.pattern);
    let mut layout = vec![start];
    for virtual_qubit in 1..pattern.qubits() {
        let vertex = VirtualQubit(virtual_qubit as u32);
        let kind = pattern.uses().kind(vertex);
        let partners = pattern.neighbours(vertex).iter();
        let partners: Vec<PhysicalQubit> =
            partners.filter_map(|(partner, _)| layout.get(partner.index()).copied()).collect();
        // Beside its first partner; a qubit without partners so far (or of a mere region) beside any other.
        let beside = partners.first().map_or(&layout[..], std::slice::from_ref);
        let next = beside
            .iter()
            .flat_map(|&qubit| epoch.links(qubit))
            .filter(|link| request.free.contains(link.to) && request.allows(link.coupler))
            .filter(|link| !layout.contains(&link.to))
            .filter(|link| partners.iter().all(|&partner| epoch.link(partner, link.to).is_some()))
            .min_by_key(|link| {
                (request.gate_cost(link).saturating_add(request.qubit_cost(kind, link.to)), link.to)
            })?;
        layout.push(next.to);
    }
    placement_of_layout(request, layout.into())
}
