//! Reads placement instances: devices with measured errors, sets of free qubits, patterns, and what is known of
//! their best placements. Source: placement benchmark v1, calibrations from qiskit-ibm-runtime fake_provider.

use std::collections::BTreeMap;
use std::sync::Arc;

use resource_manager::allocator::placement::cost::Epoch;
use resource_manager::allocator::placement::pattern::Pattern;
use resource_manager::allocator::protocol::EpochNumber;
use resource_manager::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::quantum::{PhysicalQubit, QubitSet, VirtualQubit};
use serde::Deserialize;

/// A file of instances.
#[derive(Deserialize)]
pub struct Instances {
    pub devices: BTreeMap<String, Device>,
    pub free: BTreeMap<String, Vec<u32>>,
    pub patterns: BTreeMap<String, Graph>,
    pub instances: Vec<Instance>,
}

/// Errors of a device; 0.5 or more is dead.
#[derive(Deserialize)]
pub struct Device {
    pub num_qubits: u32,
    pub edges: Vec<(u32, u32, f64)>,
    pub readout: Vec<f64>,
}

/// A program.
#[derive(Deserialize)]
pub struct Graph {
    pub n: u32,
    pub edges: Vec<(u32, u32, u32)>,
}

/// A program to be placed on what is free of a device.
#[derive(Deserialize)]
pub struct Instance {
    pub device: String,
    pub busy: String,
    pub pattern: String,
    pub best_known: Best,
    pub proved: bool,
}

/// What is known of the best placement.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum Best {
    Score(f64),
    Infeasible(serde::de::IgnoredAny),
}

impl Instances {
    pub fn parse(text: &str) -> Self {
        serde_json::from_str(text).expect("a file of instances")
    }

    pub fn free(&self, device: &str, busy: &str) -> QubitSet {
        let qubits = self.free[&format!("{device}/{busy}")].iter().map(|&q| PhysicalQubit(q));
        QubitSet::from_qubits(self.devices[device].num_qubits as usize, qubits)
    }

    pub fn pattern(&self, name: &str) -> Pattern {
        let graph = &self.patterns[name];
        let edges = graph
            .edges
            .iter()
            .map(|&(a, b, weight)| (VirtualQubit(a.min(b)), VirtualQubit(a.max(b)), weight));
        Pattern::from_edges(graph.n, edges.collect(), false)
    }
}

impl Device {
    pub fn epoch(&self) -> Epoch {
        let map = CouplingMap::new(self.num_qubits, self.edges.iter().map(|e| (e.0, e.1)))
            .expect("couplers in range");
        let errors: BTreeMap<(u32, u32), f64> =
            self.edges.iter().map(|&(a, b, error)| ((a.min(b), a.max(b)), error)).collect();
        let couplers =
            map.couplers().iter().map(|(a, b)| CouplerCalibration::with_error(errors[&(a.0, b.0)]));
        let qubits = self.readout.iter().map(|&error| QubitCalibration::with_readout_error(error));
        let calibration = Calibration { qubits: qubits.collect(), couplers: couplers.collect() };
        let none = QubitSet::new(map.qubits());
        Epoch::new(EpochNumber(0), Arc::new(map), Arc::new(calibration), &none, &[])
    }

    /// Product of success probabilities of a layout, straight from the file; `None` when it is not legal.
    pub fn score(&self, free: &QubitSet, graph: &Graph, layout: &[PhysicalQubit]) -> Option<f64> {
        let mut score = 1.0;
        for (index, qubit) in layout.iter().enumerate() {
            let error = self.readout[qubit.index()];
            if layout[..index].contains(qubit) || !free.contains(*qubit) || error >= 0.5 {
                return None;
            }
            score *= 1.0 - error;
        }
        for &(a, b, weight) in &graph.edges {
            let ends = (layout[a as usize].0, layout[b as usize].0);
            let same = |e: &&(u32, u32, f64)| (e.0, e.1) == ends || (e.1, e.0) == ends;
            let error = self.edges.iter().find(same)?.2;
            if error >= 0.5 {
                return None;
            }
            score *= (1.0 - error).powi(weight as i32);
        }
        (layout.len() == graph.n as usize).then_some(score)
    }
}
