//! One device as the auditor follows it: who holds which qubit, what is alive, and when qubits are free again.
//!
//! Promises work in proportion to the neighbourhood of one allocation, and no memory per event. Distances are found
//! by a breadth-first search of its own, over all couplers, dead ones included.

mod crosstalk;
mod neighbours;

use std::sync::Arc;

use smallvec::SmallVec;

use super::parties::Rest;
use super::quality;
use super::shape::Shapes;
use super::violation::{Breach, LayoutProblem, Limit, Promise};
use crate::allocator::protocol::{
    Allocation, AllocationId, DriverAction, Elasticity, ElementLimits, EpochNumber, Fence, IsolationLevel,
    JobRequest, Party, Status, Target, Topology,
};
use crate::quantum::calibration::{Calibration, DEAD_ERROR};
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::{DeviceLimits, DeviceSpec, Technology};
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit};
use crate::time::Time;

/// What one event breaks: mostly nothing.
pub(super) type Breaches = SmallVec<[Breach; 2]>;

/// No allocation. Numbers are given out upwards, so the last one is never reached.
const NOBODY: AllocationId = AllocationId(u64::MAX);

/// A device of the fleet.
#[derive(Debug, Clone)]
pub(super) struct AuditedDevice {
    id: DeviceId,
    map: Arc<CouplingMap>,
    calibration: Arc<Calibration>,
    limits: DeviceLimits,
    technology: Technology,
    pub(super) epoch: EpochNumber,
    /// `Offline` once removed.
    pub(super) status: Status,
    /// Whether it is about to leave the fleet.
    pub(super) leaving: bool,
    /// Whether it is part of the fleet.
    pub(super) present: bool,
    qubit_status: Vec<Status>,
    coupler_status: Vec<Status>,
    usable_qubits: Vec<bool>,
    usable_couplers: Vec<bool>,
    /// Couplers that the job under examination must not use because of crosstalk.
    disturbed: SmallVec<[CouplerId; 4]>,
    owner: Vec<AllocationId>,
    rests: Vec<Rest>,
    /// Of which party attempts are that have one.
    parties: Vec<(AllocationId, Party)>,
    active: Vec<Arc<Allocation>>,
    last_fence: Option<Fence>,
    /// Marks of the last search: `seen[q] == search` means visited.
    seen: Vec<u64>,
    search: u64,
    rim: Vec<PhysicalQubit>,
    next_rim: Vec<PhysicalQubit>,
    /// Isolation violations found on it so far.
    pub(super) isolation_violations: u64,
}

impl AuditedDevice {
    pub(super) fn new(id: DeviceId, spec: &DeviceSpec) -> Self {
        let qubits = spec.coupling_map.qubits();
        let couplers = spec.coupling_map.coupler_figures();
        let mut device = Self {
            id,
            map: Arc::clone(&spec.coupling_map),
            calibration: Arc::clone(&spec.calibration),
            limits: spec.limits,
            technology: spec.technology,
            epoch: EpochNumber(1),
            status: Status::Online,
            leaving: false,
            present: true,
            qubit_status: vec![Status::Online; qubits],
            coupler_status: vec![Status::Online; couplers],
            usable_qubits: vec![false; qubits],
            usable_couplers: vec![false; couplers],
            disturbed: SmallVec::new(),
            owner: vec![NOBODY; qubits],
            rests: vec![Rest::OVER; qubits],
            parties: Vec::new(),
            active: Vec::new(),
            last_fence: None,
            seen: vec![0; qubits],
            search: 0,
            rim: Vec::new(),
            next_rim: Vec::new(),
            isolation_violations: 0,
        };
        device.refresh();
        device
    }

    /// Allocations that hold qubits.
    pub(super) fn active(&self) -> &[Arc<Allocation>] {
        &self.active
    }

    /// Whether a qubit or coupler is not in service.
    pub(super) fn has_lost_elements(&self) -> bool {
        let lost = |status: &Status| *status != Status::Online;
        self.qubit_status.iter().any(lost) || self.coupler_status.iter().any(lost)
    }

    /// Whether qubits rest beyond an instant.
    pub(super) fn rests_after(&self, at: Time) -> bool {
        self.rests.iter().any(|rest| rest.until() > at)
    }

    /// Whether any two qubits of two regions are so many couplers apart or fewer.
    pub(super) fn is_within(&mut self, a: &[PhysicalQubit], b: &[PhysicalQubit], distance: u32) -> bool {
        if self.map.is_alike() && distance > 0 {
            return !a.is_empty() && !b.is_empty();
        }
        self.search += 1;
        self.rim.clear();
        for &qubit in a.iter().filter(|qubit| qubit.index() < self.owner.len()) {
            self.seen[qubit.index()] = self.search;
            self.rim.push(qubit);
        }
        for _ in 0..distance {
            self.next_rim.clear();
            for &qubit in &self.rim {
                for &(to, _) in self.map.neighbours(qubit) {
                    if self.seen[to.index()] != self.search {
                        self.seen[to.index()] = self.search;
                        self.next_rim.push(to);
                    }
                }
            }
            std::mem::swap(&mut self.rim, &mut self.next_rim);
        }
        b.iter().any(|qubit| self.seen.get(qubit.index()) == Some(&self.search))
    }

    /// Takes new figures over.
    pub(super) fn recalibrate(
        &mut self,
        epoch: EpochNumber,
        calibration: &Arc<Calibration>,
        found: &mut Breaches,
    ) {
        if epoch <= self.epoch {
            found.push(Breach::EpochNotRising { device: self.id, epoch, last: self.epoch });
        }
        self.epoch = epoch;
        self.calibration = Arc::clone(calibration);
        self.refresh();
    }

    /// Works out again which elements may be used.
    fn refresh(&mut self) {
        for (q, usable) in self.usable_qubits.iter_mut().enumerate() {
            *usable = self.qubit_status[q] == Status::Online
                && self
                    .calibration
                    .qubits
                    .get(q)
                    .is_some_and(|figures| !figures.dead && figures.readout_error < DEAD_ERROR);
        }
        for (c, usable) in self.usable_couplers.iter_mut().enumerate() {
            *usable = self.coupler_status[c] == Status::Online
                && self
                    .calibration
                    .couplers
                    .get(c)
                    .is_some_and(|figures| !figures.dead && figures.two_qubit_error < DEAD_ERROR);
        }
    }

    /// Sets a status, and calls `lost` with every allocation that must not outlive this instant. `uses` tells
    /// whether an allocation runs gates on a coupler.
    pub(super) fn set_status(
        &mut self,
        target: Target,
        to: Status,
        mut uses: impl FnMut(&Allocation, PhysicalQubit, PhysicalQubit) -> bool,
        mut lost: impl FnMut(AllocationId),
    ) {
        let ends = matches!(to, Status::Offline | Status::Calibrating);
        match target {
            Target::Device(_) => {
                self.status = to;
                if ends {
                    self.active.iter().for_each(|allocation| lost(allocation.id));
                }
                return;
            }
            Target::Qubit(_, qubit) => {
                let Some(status) = self.qubit_status.get_mut(qubit.index()) else {
                    return;
                };
                *status = to;
                if ends && self.owner[qubit.index()] != NOBODY {
                    lost(self.owner[qubit.index()]);
                }
            }
            Target::Coupler(_, coupler) => {
                let Some(status) = self.coupler_status.get_mut(coupler.index()) else {
                    return;
                };
                *status = to;
                let Some(&(a, b)) = self.map.couplers().get(coupler.index()) else {
                    // The one coupler of all pairs, which nobody can name.
                    return;
                };
                let owner = self.owner[a.index()];
                if ends && owner != NOBODY && owner == self.owner[b.index()] {
                    let used =
                        self.active.iter().any(|allocation| allocation.id == owner && uses(allocation, a, b));
                    if used {
                        lost(owner);
                    }
                }
            }
        }
        self.refresh();
    }

    /// Takes the device out of the fleet.
    pub(super) fn remove(&mut self, mut lost: impl FnMut(AllocationId)) {
        self.present = false;
        self.status = Status::Offline;
        self.active.iter().for_each(|allocation| lost(allocation.id));
    }

    /// Checks a start against all that this device knows, then lets the allocation, which is of a party, hold its qubits.
    /// Answers how many qubits became held.
    pub(super) fn start(
        &mut self,
        now: Time,
        allocation: &Arc<Allocation>,
        request: &JobRequest,
        party: Option<Party>,
        shapes: &mut Shapes,
        found: &mut Breaches,
    ) -> u64 {
        self.parties.extend(party.map(|party| (allocation.id, party)));
        self.check_terms(allocation, request, found);
        if self.layout_is_legal(allocation, request, found) {
            self.check_elements(allocation, request, found);
            let before = found.len();
            for layout in allocation.layout.chunks(allocation.copy_size()) {
                self.check_shape(allocation, layout, request, shapes, found);
            }
            if found.len() == before {
                self.check_quality(allocation, request, shapes, found);
                self.check_own_crosstalk(allocation, request, shapes, found);
            }
        }
        self.check_guard(now, allocation, found);
        self.check_neighbours(allocation, found);
        let mut taken = 0;
        for qubit in &allocation.held {
            if let Some(owner) = self.owner.get_mut(qubit.index()) {
                taken += u64::from(*owner == NOBODY);
                *owner = allocation.id;
            }
        }
        self.check_crosstalk_on_others(allocation, found);
        self.active.push(Arc::clone(allocation));
        taken
    }

    /// Lets go of the qubits of an allocation. Answers how many became free.
    pub(super) fn end(&mut self, now: Time, allocation: &Allocation) -> u64 {
        let Some(index) = self.active.iter().position(|active| active.id == allocation.id) else {
            return 0;
        };
        self.active.swap_remove(index);
        self.rest(now, allocation);
        self.parties.retain(|(of, _)| *of != allocation.id);
        let mut freed = 0;
        for qubit in &allocation.held {
            if self.owner.get(qubit.index()) == Some(&allocation.id) {
                self.owner[qubit.index()] = NOBODY;
                freed += 1;
            }
        }
        freed
    }

    /// What can be judged without looking at qubits.
    fn check_terms(&mut self, allocation: &Allocation, request: &JobRequest, found: &mut Breaches) {
        let (device, id) = (self.id, allocation.id);
        if self.status != Status::Online {
            found.push(Breach::DeviceNotOnline { device, allocation: id, status: self.status });
        }
        if allocation.epoch != self.epoch {
            found.push(Breach::StaleCalibration {
                device,
                allocation: id,
                epoch: allocation.epoch,
                current: self.epoch,
            });
        }
        if let Some(last) = self.last_fence
            && allocation.fence <= last
        {
            found.push(Breach::FenceNotRising { device, allocation: id, fence: allocation.fence, last });
        }
        self.last_fence = self.last_fence.max(Some(allocation.fence));
        let running = self.active.len() as u32 + 1;
        if let Some(limit) = self.limits.max_concurrent_tasks
            && running > limit
        {
            found.push(Breach::TooManyTasks { device, allocation: id, running, limit });
        }
        if request.excluded_devices.contains(&device) {
            found.push(Breach::ExcludedDevice { job: request.id, device, allocation: id });
        }
        let promised = &allocation.isolation;
        let asked = &request.isolation;
        // "Strong" fixes two idle qubits; every other level and guard comes from settings that no event shows.
        let strong = (asked.level == Some(IsolationLevel::Strong)).then_some(2);
        let weaker = [
            (
                asked.buffer_distance.or(strong).is_some_and(|least| promised.buffer_distance < least),
                Promise::BufferDistance,
            ),
            (asked.temporal_separation.is_some_and(|least| promised.guard < least), Promise::Guard),
            (asked.hardware_reset == Some(true) && !promised.hardware_reset, Promise::HardwareReset),
            (
                asked.max_crosstalk.is_some_and(|most| promised.max_crosstalk.is_none_or(|kept| kept > most)),
                Promise::MaxCrosstalk,
            ),
            (promised.party.is_some_and(|terms| Some(terms.party) != self.party_of(id)), Promise::Party),
        ];
        for (_, promise) in weaker.into_iter().filter(|(weaker, _)| *weaker) {
            found.push(Breach::PromiseTooWeak { job: request.id, allocation: id, promise });
        }
        if promised.hardware_reset && !allocation.driver_actions.contains(&DriverAction::Reset) {
            found.push(Breach::ResetMissing { allocation: id });
        }
    }

    fn layout_is_legal(
        &mut self,
        allocation: &Allocation,
        request: &JobRequest,
        found: &mut Breaches,
    ) -> bool {
        let (device, id) = (self.id, allocation.id);
        let qubits = allocation.layout.len() as u32;
        let (min, max) = (request.min_qubits, request.max_qubits);
        let copies = allocation.copies;
        let sized = match request.elasticity {
            Elasticity::Largest => copies == 1 && (min..=max).contains(&qubits),
            Elasticity::Copies => {
                let shared = u64::from(copies) <= request.shots;
                copies > 0 && shared && copies.checked_mul(min) == Some(qubits) && qubits <= max
            }
        };
        if !sized {
            found.push(Breach::WrongSize { job: request.id, allocation: id, qubits, copies, min, max });
            return false;
        }
        self.search += 1;
        let mut problem = None;
        for &qubit in &allocation.layout {
            match self.seen.get_mut(qubit.index()) {
                None => problem = Some(LayoutProblem::OutOfRange(qubit)),
                Some(seen) if *seen == self.search => problem = Some(LayoutProblem::Repeated(qubit)),
                Some(seen) => *seen = self.search,
            }
            if problem.is_none() && !allocation.held.contains(qubit) {
                problem = Some(LayoutProblem::OtherThanHeld);
            }
        }
        if problem.is_none() && allocation.held.len() != allocation.layout.len() {
            problem = Some(LayoutProblem::OtherThanHeld);
        }
        if let Some(problem) = problem {
            found.push(Breach::IllegalLayout { device, allocation: id, problem });
        }
        problem.is_none()
    }

    fn check_elements(&self, allocation: &Allocation, request: &JobRequest, found: &mut Breaches) {
        let (device, id) = (self.id, allocation.id);
        for &qubit in &allocation.layout {
            if !self.usable_qubits[qubit.index()] {
                found.push(Breach::UnusableQubit { device, allocation: id, qubit });
            }
        }
        let limits = &request.limits;
        if *limits == ElementLimits::NONE {
            return;
        }
        for &qubit in &allocation.layout {
            let Some(figures) = self.calibration.qubits.get(qubit.index()) else {
                continue;
            };
            let kept = [
                (figures.t1_s >= limits.min_t1_s, Limit::T1),
                (figures.t2_s >= limits.min_t2_s, Limit::T2),
                (figures.one_qubit_error <= limits.max_one_qubit_error, Limit::OneQubitError),
                (figures.readout_error <= limits.max_readout_error, Limit::ReadoutError),
            ];
            if let Some((_, limit)) = kept.into_iter().find(|(kept, _)| !kept) {
                found.push(Breach::LimitExceeded { device, allocation: id, qubit, limit });
            }
        }
    }

    fn within_limits(&self, coupler: CouplerId, limits: &ElementLimits) -> bool {
        if self.disturbed.contains(&coupler) {
            return false;
        }
        limits.max_two_qubit_error >= 1.0
            || self
                .calibration
                .couplers
                .get(coupler.index())
                .is_some_and(|figures| figures.two_qubit_error <= limits.max_two_qubit_error)
    }

    fn check_shape(
        &mut self,
        allocation: &Allocation,
        layout: &[PhysicalQubit],
        request: &JobRequest,
        shapes: &mut Shapes,
        found: &mut Breaches,
    ) {
        let (device, id) = (self.id, allocation.id);
        if matches!(request.topology, Topology::Any) {
            if !self.is_connected(allocation, layout, request) {
                found.push(Breach::DisconnectedRegion { device, allocation: id });
            }
            return;
        }
        if let Some(swaps) = allocation.swaps {
            if let Some(limit) = request.max_swap_operations.filter(|limit| swaps > *limit) {
                found.push(Breach::TooManySwaps { job: request.id, allocation: id, swaps, limit });
            }
            if !self.can_be_routed(allocation, layout, request, shapes) {
                found.push(Breach::DisconnectedRegion { device, allocation: id });
            }
            return;
        }
        shapes.visit_edges(&request.topology, layout.len() as u32, |v, w| {
            let (Some(&a), Some(&b)) = (layout.get(v as usize), layout.get(w as usize)) else {
                return;
            };
            match self.map.coupler(a, b) {
                Some(coupler) if self.usable_couplers[coupler.index()] => {
                    if !self.within_limits(coupler, &request.limits) {
                        let limit = Limit::TwoQubitError;
                        found.push(Breach::LimitExceeded { device, allocation: id, qubit: a.min(b), limit });
                    }
                }
                _ => found.push(Breach::MissingCoupler { device, allocation: id, a, b }),
            }
        });
    }

    /// Hard bounds must be met, soft ones must be met or flagged. Routed programs are not judged: how many gates they
    /// have is an estimate of the core, which no published figure confirms.
    fn check_quality(
        &self,
        allocation: &Allocation,
        request: &JobRequest,
        shapes: &mut Shapes,
        found: &mut Breaches,
    ) {
        let bounds =
            [request.fidelity_requirement, request.min_success_probability].into_iter().flatten().count();
        if bounds == 0 && request.noise_budget.is_none() || allocation.swaps.is_some() {
            return;
        }
        let flagged = allocation.explanation.quality.is_some_and(|quality| quality.missed.is_some());
        for layout in allocation.layout.chunks(allocation.copy_size()) {
            for (demand, hard) in quality::missed(request, layout, &self.map, &self.calibration, shapes) {
                let (job, allocation) = (request.id, allocation.id);
                if hard {
                    found.push(Breach::BelowBound { job, allocation, demand });
                } else if !flagged {
                    found.push(Breach::NotFlagged { job, allocation, demand });
                }
            }
        }
    }

    /// Whether the two ends of every interaction can be brought together over qubits of the copy and couplers that the
    /// job may use.
    fn can_be_routed(
        &mut self,
        allocation: &Allocation,
        layout: &[PhysicalQubit],
        request: &JobRequest,
        shapes: &mut Shapes,
    ) -> bool {
        let mut part = vec![usize::MAX; layout.len()];
        for root in 0..layout.len() {
            if part[root] == usize::MAX {
                self.flood(layout[root], allocation, layout, request);
                for (number, qubit) in layout.iter().enumerate() {
                    if self.seen[qubit.index()] == self.search {
                        part[number] = root;
                    }
                }
            }
        }
        let mut possible = true;
        shapes.visit_edges(&request.topology, layout.len() as u32, |v, w| {
            possible &= part.get(v as usize) == part.get(w as usize);
        });
        possible
    }

    /// Whether the qubits of a copy hang together over couplers that the job may use.
    fn is_connected(
        &mut self,
        allocation: &Allocation,
        layout: &[PhysicalQubit],
        request: &JobRequest,
    ) -> bool {
        let Some(&root) = layout.first() else {
            return true;
        };
        self.flood(root, allocation, layout, request) == layout.len()
    }

    /// Marks the qubits of a copy that hang together with `root` as seen, and counts them.
    fn flood(
        &mut self,
        root: PhysicalQubit,
        allocation: &Allocation,
        layout: &[PhysicalQubit],
        request: &JobRequest,
    ) -> usize {
        self.search += 1;
        self.seen[root.index()] = self.search;
        self.rim.clear();
        self.rim.push(root);
        let mut reached = 1;
        if self.map.is_alike() {
            // One coupler for all pairs: all or nothing.
            if self.usable_couplers[0] && self.within_limits(CouplerId(0), &request.limits) {
                layout.iter().for_each(|qubit| self.seen[qubit.index()] = self.search);
                reached = layout.len();
            }
            return reached;
        }
        while let Some(qubit) = self.rim.pop() {
            if reached == layout.len() {
                // There is nothing else to reach.
                break;
            }
            for &(to, coupler) in self.map.neighbours(qubit) {
                if allocation.held.contains(to)
                    && (allocation.copies == 1 || layout.contains(&to))
                    && self.seen[to.index()] != self.search
                    && self.usable_couplers[coupler.index()]
                    && self.within_limits(coupler, &request.limits)
                {
                    self.seen[to.index()] = self.search;
                    self.rim.push(to);
                    reached += 1;
                }
            }
        }
        reached
    }
}
