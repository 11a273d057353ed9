//! Crosstalk from the auditor's books: what others are expected to add to the error of a coupler.
//!
//! Promises a count of its own, over the list of all couplers. The definition is that of
//! [`crate::allocator::isolation::crosstalk`].

use super::super::shape::Shapes;
use super::super::violation::Breach;
use super::{AuditedDevice, Breaches, NOBODY};
use crate::allocator::isolation::crosstalk::expected_share;
use crate::allocator::protocol::{Allocation, AllocationId, JobRequest, Party, Topology};
use crate::quantum::calibration::Calibration;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::Technology;
use crate::quantum::{CouplerId, PhysicalQubit};

impl AuditedDevice {
    /// Whether others disturb the gates of a program that starts more than it accepts. A program without fixed gates
    /// must hang together over couplers that are disturbed little enough.
    pub(super) fn check_own_crosstalk(
        &mut self,
        allocation: &Allocation,
        request: &JobRequest,
        shapes: &mut Shapes,
        found: &mut Breaches,
    ) {
        let Some(limit) = request.isolation.max_crosstalk else { return };
        let driven = self.driven();
        let above =
            driven.inside(allocation).filter(|(coupler, _)| driven.on(*coupler, allocation.id) > limit);
        let above = above.map(|(coupler, _)| coupler).collect();
        self.disturbed = above;
        let Some(&first) = self.disturbed.first() else { return };
        let mut breaks = None;
        for layout in allocation.layout.chunks(allocation.copy_size()) {
            if matches!(request.topology, Topology::Any) || allocation.swaps.is_some() {
                let whole = match allocation.swaps {
                    None => self.is_connected(allocation, layout, request),
                    Some(_) => self.can_be_routed(allocation, layout, request, shapes),
                };
                breaks = breaks.or((!whole).then_some(first));
                continue;
            }
            shapes.visit_edges(&request.topology, layout.len() as u32, |v, w| {
                let ends = layout.get(v as usize).zip(layout.get(w as usize));
                let coupler = ends.and_then(|(a, b)| self.map.coupler(*a, *b));
                breaks = breaks.or(coupler.filter(|coupler| self.disturbed.contains(coupler)));
            });
        }
        self.disturbed.clear();
        if let Some(coupler) = breaks {
            let (device, id, (qubit, _)) = (self.id, allocation.id, self.map.couplers()[coupler.index()]);
            found.push(Breach::TooMuchCrosstalk { device, allocation: id, started: id, qubit });
        }
    }

    /// Whether the gates of a program that starts, whose qubits are already its own, disturb others more than those
    /// accept: one violation per pair.
    pub(super) fn check_crosstalk_on_others(&self, started: &Allocation, found: &mut Breaches) {
        for other in &self.active {
            let Some(limit) = other.isolation.max_crosstalk else { continue };
            let after = self.driven();
            let before = after.without(started.id);
            let broken = after.inside(other).find(|&(coupler, _)| {
                let now = after.on(coupler, other.id);
                now > limit && now > before.on(coupler, other.id)
            });
            if let Some((_, qubit)) = broken {
                let (device, allocation, started) = (self.id, other.id, started.id);
                found.push(Breach::TooMuchCrosstalk { device, allocation, started, qubit });
            }
        }
    }

    fn driven(&self) -> Driven<'_> {
        Driven {
            disturbs: self.technology == Technology::Superconducting,
            map: &self.map,
            calibration: &self.calibration,
            owner: &self.owner,
            parties: &self.parties,
            usable_qubits: &self.usable_qubits,
            usable_couplers: &self.usable_couplers,
            without: None,
        }
    }
}

/// Who drives what on a device.
#[derive(Debug, Clone, Copy)]
struct Driven<'a> {
    /// Whether gates disturb each other on this device.
    disturbs: bool,
    /// The couplers.
    map: &'a CouplingMap,
    /// Published figures.
    calibration: &'a Calibration,
    /// Who holds each qubit; numbers that no allocation has where nobody does.
    owner: &'a [AllocationId],
    /// Of which party those are that have one.
    parties: &'a [(AllocationId, Party)],
    /// Which qubits are alive and in service.
    usable_qubits: &'a [bool],
    /// Which couplers are.
    usable_couplers: &'a [bool],
    /// An allocation to be left out.
    without: Option<AllocationId>,
}

impl<'a> Driven<'a> {
    /// The same as if an allocation were not there.
    fn without(self, allocation: AllocationId) -> Self {
        Self { without: Some(allocation), ..self }
    }

    /// Live couplers between qubits of an allocation, each with its lower end.
    fn inside(self, allocation: &'a Allocation) -> impl Iterator<Item = (CouplerId, PhysicalQubit)> + 'a {
        self.live()
            .filter(|(_, a, b)| allocation.held.contains(*a) && allocation.held.contains(*b))
            .map(|(coupler, a, _)| (coupler, a))
    }

    /// What allocations other than `own` and those of its party are expected to add to the error of a coupler.
    fn on(self, coupler: CouplerId, own: AllocationId) -> f64 {
        let (a, b) = self.map.couplers()[coupler.index()];
        let touches = |qubit: PhysicalQubit| {
            [a, b].into_iter().any(|end| self.map.coupler(end, qubit).is_some()) && qubit != a && qubit != b
        };
        let party_of =
            |id: AllocationId| self.parties.iter().find(|(of, _)| *of == id).map(|(_, party)| party);
        let party = party_of(own);
        let is_fellow = |holder| party.is_some() && party == party_of(holder);
        let drives =
            |holder: AllocationId| holder != own && Some(holder) != self.without && !is_fellow(holder);
        let beside = self.live().filter(|&(_, c, d)| {
            let (first, second) = (self.owner[c.index()], self.owner[d.index()]);
            first == second && first != NOBODY && drives(first) && (touches(c) || touches(d))
        });
        let error = self.calibration.couplers.get(coupler.index()).map_or(0.0, |c| c.two_qubit_error);
        if self.disturbs { expected_share(beside.count()) * error } else { 0.0 }
    }

    fn live(self) -> impl Iterator<Item = (CouplerId, PhysicalQubit, PhysicalQubit)> + 'a {
        let all = (0..).map(CouplerId).zip(self.map.couplers());
        all.filter(move |(coupler, (a, b))| {
            let ends = self.usable_qubits[a.index()] && self.usable_qubits[b.index()];
            self.usable_couplers[coupler.index()] && ends
        })
        .map(|(coupler, &(a, b))| (coupler, a, b))
    }
}
