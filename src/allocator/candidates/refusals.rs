//! Where nothing fits: proofs, shared by all placement kinds that ask for the same couplers.
//!
//! Whether a program embeds does not depend on how noisy its gates are, nor on how many there are. A proof holds for
//! the qubits that it was found for and for every part of them, as long as the device is the same.

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use crate::allocator::placement::pattern::Pattern;
use crate::allocator::protocol::ElementLimits;
use crate::quantum::{DeviceId, QubitSet, VirtualQubit};

/// Index of a shape; reused when no kind has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct ShapeId(u32);

/// Everything that decides whether there is a place on given qubits, good or bad.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Shape {
    qubits: usize,
    region: bool,
    edges: Vec<(VirtualQubit, VirtualQubit)>,
    /// Limits on couplers bar some of them; those on qubits are part of what is free.
    max_two_qubit_error: u64,
}

/// Qubits on which it was proved that nothing fits, as of a revision.
#[derive(Debug, Clone, Default)]
pub struct NothingFits(Option<(u64, QubitSet)>);

impl NothingFits {
    /// Whether it was proved for these qubits, or for more.
    pub fn covers(&self, revision: u64, free: &QubitSet) -> bool {
        self.0.as_ref().is_some_and(|(at, qubits)| *at == revision && free.is_subset(qubits))
    }

    /// Remembers a proof.
    pub fn learn(&mut self, revision: u64, free: &QubitSet) {
        match &mut self.0 {
            Some((at, qubits)) => {
                *at = revision;
                qubits.clone_from(free);
            }
            nothing => *nothing = Some((revision, free.clone())),
        }
    }
}

/// The proofs of one shape, by device.
#[derive(Debug, Default)]
pub struct ByDevice(Vec<NothingFits>);

impl ByDevice {
    /// Those of one device.
    pub fn on(&mut self, device: DeviceId) -> &mut NothingFits {
        if self.0.len() <= device.index() {
            self.0.resize(device.index() + 1, NothingFits::default());
        }
        &mut self.0[device.index()]
    }
}

/// The proofs of all shapes.
#[derive(Debug, Default)]
pub struct Refusals {
    ids: IndexMap<Shape, ShapeId, FxBuildHasher>,
    proofs: Vec<ByDevice>,
    unused: Vec<ShapeId>,
}

impl Refusals {
    /// The shape of a pattern within limits.
    pub fn shape_of(&mut self, pattern: &Pattern, limits: &ElementLimits) -> ShapeId {
        let shape = Shape {
            qubits: pattern.qubits(),
            region: pattern.is_region(),
            edges: pattern.edges().iter().map(|&(a, b, _)| (a, b)).collect(),
            max_two_qubit_error: limits.max_two_qubit_error.to_bits(),
        };
        if let Some(&id) = self.ids.get(&shape) {
            return id;
        }
        let id = self.unused.pop().unwrap_or_else(|| {
            self.proofs.push(ByDevice::default());
            ShapeId(self.proofs.len() as u32 - 1)
        });
        self.ids.insert(shape, id);
        id
    }

    /// The proofs of a shape.
    pub fn of(&mut self, shape: ShapeId) -> &mut ByDevice {
        &mut self.proofs[shape.0 as usize]
    }

    /// Drops all shapes but those for which `keep` holds.
    pub fn retain(&mut self, keep: impl Fn(ShapeId) -> bool) {
        let Self { ids, proofs, unused } = self;
        ids.retain(|_, id| {
            let keep = keep(*id);
            if !keep {
                proofs[id.0 as usize] = ByDevice::default();
                unused.push(*id);
            }
            keep
        });
    }

    /// Forgets the proofs on a device, whose number may be used again.
    pub fn forget_device(&mut self, device: DeviceId) {
        for known in self.proofs.iter_mut().filter_map(|proofs| proofs.0.get_mut(device.index())) {
            *known = NothingFits::default();
        }
    }

    /// Forgets all proofs.
    pub fn forget(&mut self) {
        self.proofs.iter_mut().for_each(|proofs| proofs.0.clear());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::protocol::Topology;
    use crate::quantum::PhysicalQubit;

    fn qubits(ids: &[u32]) -> QubitSet {
        QubitSet::from_qubits(8, ids.iter().copied().map(PhysicalQubit))
    }

    #[test]
    fn depths_and_weights_share_proofs_and_other_couplers_do_not() {
        let mut refusals = Refusals::default();
        let mut shape = |topology: Topology, qubits, depth, most: f64| {
            let limits = ElementLimits { max_two_qubit_error: most, ..ElementLimits::NONE };
            refusals.shape_of(&Pattern::of_program(&topology, qubits, depth), &limits)
        };
        let line = shape(Topology::Line, 4, 0, 1.0);
        assert_eq!(shape(Topology::Line, 4, 500, 1.0), line);
        let others = [
            shape(Topology::Line, 5, 0, 1.0),
            shape(Topology::Ring, 4, 0, 1.0),
            shape(Topology::Any, 4, 0, 1.0),
            shape(Topology::Line, 4, 0, 0.01),
        ];
        assert!(!others.contains(&line));
        refusals.of(line).on(DeviceId(1)).learn(7, &qubits(&[1, 2, 3]));
        let mut covers = |shape, device, revision, free: &[u32]| {
            refusals.of(shape).on(DeviceId(device)).covers(revision, &qubits(free))
        };
        assert!(covers(line, 1, 7, &[1, 2, 3]) && covers(line, 1, 7, &[2]));
        assert!(!covers(line, 1, 7, &[2, 4]) && !covers(line, 1, 8, &[2]) && !covers(line, 0, 7, &[2]));
        assert!(!covers(others[0], 1, 7, &[2]));
        refusals.retain(|id| id != line);
        assert_eq!(refusals.shape_of(&Pattern::new(&Topology::Star, 4), &ElementLimits::NONE), line);
        assert!(!refusals.of(line).on(DeviceId(1)).covers(7, &qubits(&[2])));
    }
}
