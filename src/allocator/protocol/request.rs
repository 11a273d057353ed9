//! A job as the core sees it: what it asks for.
//!
//! Promises that a validated request is consistent in itself. Whether a fleet can serve it is decided by the
//! allocator; names (of users, projects, devices) belong to the drivers, the core knows numbers.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::contradiction::{Contradiction, DEPENDENCIES_MAX, Demand, FieldName, Shape};
use super::ids::{JobId, Tenant};
use crate::quantum::DeviceId;
use crate::quantum::circuit::{CircuitProfile, InteractionGraph};
use crate::time::{Span, Time};

/// Which virtual qubits of a job interact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Topology {
    /// Any connected region.
    Any,
    /// A chain.
    Line,
    /// A closed chain.
    Ring,
    /// One centre with all others around it.
    Star,
    /// A balanced binary tree, filled level by level.
    Tree,
    /// A square lattice.
    Grid {
        /// Number of rows.
        rows: u32,
        /// Number of columns.
        columns: u32,
    },
    /// The first qubits, breadth first, of a heavy-hex lattice.
    HeavyHex,
    /// Every qubit with every other.
    Complete,
    /// Given edge by edge.
    Custom(Arc<InteractionGraph>),
    /// That of a circuit.
    Circuit(Arc<CircuitProfile>),
}

impl Topology {
    /// Number of qubits that the topology itself fixes, if it does.
    pub fn fixed_qubits(&self) -> Option<u32> {
        match self {
            Self::Grid { rows, columns } => Some(rows.saturating_mul(*columns)),
            Self::Custom(graph) => Some(graph.qubits()),
            Self::Circuit(profile) => Some(profile.interactions.qubits()),
            _ => None,
        }
    }

    /// The shape, if there is not a sensible one of every size: a job cannot ask for as much of it as there is room.
    fn rigid(&self) -> Option<Shape> {
        match self {
            Self::Grid { rows, columns } => Some(Shape::Grid { rows: *rows, columns: *columns }),
            Self::Custom(_) => Some(Shape::Custom),
            Self::Circuit(_) => Some(Shape::Circuit),
            Self::HeavyHex => Some(Shape::HeavyHex),
            Self::Complete => Some(Shape::Complete),
            Self::Any | Self::Line | Self::Ring | Self::Star | Self::Tree => None,
        }
    }
}

/// Limits on the elements that a job may use. The default limits nothing.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ElementLimits {
    /// Least T1, seconds.
    pub min_t1_s: f64,
    /// Least T2, seconds.
    pub min_t2_s: f64,
    /// Largest error of a one-qubit gate.
    pub max_one_qubit_error: f64,
    /// Largest error of a two-qubit gate.
    pub max_two_qubit_error: f64,
    /// Largest readout error.
    pub max_readout_error: f64,
}

impl ElementLimits {
    /// Everything alive is good enough.
    pub const NONE: Self = Self {
        min_t1_s: 0.0,
        min_t2_s: 0.0,
        max_one_qubit_error: 1.0,
        max_two_qubit_error: 1.0,
        max_readout_error: 1.0,
    };

    /// Limits from their bits.
    pub fn from_bits(bits: [u64; 5]) -> Self {
        let [min_t1_s, min_t2_s, max_one_qubit_error, max_two_qubit_error, max_readout_error] =
            bits.map(f64::from_bits);
        Self { min_t1_s, min_t2_s, max_one_qubit_error, max_two_qubit_error, max_readout_error }
    }

    /// The limits as bits, for comparing and hashing.
    pub fn bits(&self) -> [u64; 5] {
        [
            self.min_t1_s.to_bits(),
            self.min_t2_s.to_bits(),
            self.max_one_qubit_error.to_bits(),
            self.max_two_qubit_error.to_bits(),
            self.max_readout_error.to_bits(),
        ]
    }
}

impl Default for ElementLimits {
    fn default() -> Self {
        Self::NONE
    }
}

/// A bound on a quality, and whether missing it forbids the start.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct QualityBound {
    /// Least value, 0..=1.
    pub at_least: f64,
    /// Hard: wait rather than start below it. Soft: start with the best there is, flagged.
    pub hard: bool,
}

/// How strongly a job is separated from the others.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum IsolationLevel {
    /// Own qubits, nothing more: neighbours may be busy.
    Weak,
    /// The configured buffer distance between this job and any other.
    #[serde(alias = "spatial")]
    Medium,
    /// At least two idle qubits to any other job, a guard time after the job, and a reset of its qubits before it.
    #[serde(alias = "spatial_temporal")]
    Strong,
}

/// What a job asks of isolation; what it leaves open comes from the level and the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct IsolationRequest {
    /// The level; `None` for the configured default.
    pub level: Option<IsolationLevel>,
    /// Idle qubits between this job and any other.
    pub buffer_distance: Option<u32>,
    /// Time during which the qubits stay blocked after the job.
    pub temporal_separation: Option<Span>,
    /// Reset the qubits before the start.
    pub hardware_reset: Option<bool>,
    /// Largest error that other jobs are expected to add to a two-qubit gate, 0..=1; see
    /// [`crate::allocator::isolation::crosstalk`].
    pub max_crosstalk: Option<f64>,
}

/// How urgent a job is; larger is more urgent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Priority(pub i32);

impl Priority {
    /// Below normal.
    pub const LOW: Self = Self(-100);
    /// The default.
    pub const NORMAL: Self = Self(0);
    /// Above normal.
    pub const HIGH: Self = Self(100);
    /// Above everything ordinary.
    pub const CRITICAL: Self = Self(1000);
}

/// What becomes of a request for more than its least number of qubits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Elasticity {
    /// The largest number of qubits that can be placed.
    #[default]
    Largest,
    /// Several copies of the least number of qubits, which share the shots.
    Copies,
}

/// Facts about a job that policies look at.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Attributes {
    /// Kind of project, as in `educational`.
    pub project_type: Option<String>,
    /// Whether a service level was promised.
    pub sla_required: bool,
    /// How critical, as in `high`.
    pub job_criticality: Option<String>,
    /// Free labels.
    pub labels: std::collections::BTreeMap<String, String>,
}

/// Everything a job asks for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobRequest {
    /// The number of the job.
    pub id: JobId,
    /// Whose job it is.
    pub tenant: Tenant,
    /// Facts for policies.
    pub attributes: Option<Arc<Attributes>>,
    /// Least number of qubits.
    pub min_qubits: u32,
    /// Largest number of qubits it can use.
    pub max_qubits: u32,
    /// What becomes of the qubits beyond the least number; see [`crate::allocator::sizing`].
    pub elasticity: Elasticity,
    /// Which qubits interact.
    pub topology: Topology,
    /// Bound on the mean fidelity per gate; see [`crate::allocator::quality`] for what it is exactly.
    pub fidelity_requirement: Option<QualityBound>,
    /// Bound on the estimated success probability.
    pub min_success_probability: Option<QualityBound>,
    /// Limits on the elements; `coherence_time_required` of a file bounds both T1 and T2.
    pub limits: ElementLimits,
    /// Most SWAP gates that routing may add.
    pub max_swap_operations: Option<u32>,
    /// Allowed 1 - estimated success probability; the job waits rather than exceed it.
    pub noise_budget: Option<f64>,
    /// Number of circuits, at least 1.
    pub circuits: u32,
    /// Shots per circuit, at least 1.
    pub shots: u64,
    /// Layers per circuit; 0: unknown. Then every interaction counts once, wherever something is predicted or placed.
    pub depth: u32,
    /// Walltime: what happens beyond it is configured.
    pub estimated_duration: Option<Span>,
    /// How urgent; larger is more urgent.
    pub priority: Priority,
    /// How separate from others.
    pub isolation: IsolationRequest,
    /// Devices to try first, in this order.
    pub preferred_devices: SmallVec<[DeviceId; 2]>,
    /// Devices never to use.
    pub excluded_devices: SmallVec<[DeviceId; 2]>,
    /// Longest time in the queue; then the job expires.
    pub max_wait_time: Option<Span>,
    /// When the job must have ended.
    pub deadline: Option<Time>,
    /// Time between two checkpoints.
    pub checkpoint_interval: Option<Span>,
    /// Number of independent executions wanted, at least 1.
    pub redundancy: u32,
    /// Jobs that must have ended, however they did, before this one may start.
    pub after: SmallVec<[JobId; 1]>,
    /// Jobs that must have completed before this one may start: when one of them ends in any other way, so does this one.
    pub after_success: SmallVec<[JobId; 1]>,
}

impl JobRequest {
    /// A request for `qubits` qubits of the given topology that asks for nothing else.
    pub fn new(id: JobId, qubits: u32, topology: Topology) -> Self {
        Self {
            id,
            tenant: Tenant::default(),
            attributes: None,
            min_qubits: qubits,
            max_qubits: qubits,
            elasticity: Elasticity::default(),
            topology,
            fidelity_requirement: None,
            min_success_probability: None,
            limits: ElementLimits::NONE,
            max_swap_operations: None,
            noise_budget: None,
            circuits: 1,
            shots: 1,
            depth: 0,
            estimated_duration: None,
            priority: Priority::NORMAL,
            isolation: IsolationRequest::default(),
            preferred_devices: SmallVec::new(),
            excluded_devices: SmallVec::new(),
            max_wait_time: None,
            deadline: None,
            checkpoint_interval: None,
            redundancy: 1,
            after: SmallVec::new(),
            after_success: SmallVec::new(),
        }
    }

    /// Checks the request in itself, without regard to any fleet.
    pub fn validate(&self) -> Result<(), Contradiction> {
        if self.min_qubits == 0 {
            return Err(Contradiction::NoQubits);
        }
        if self.max_qubits < self.min_qubits {
            return Err(Contradiction::EmptyRange { min: self.min_qubits, max: self.max_qubits });
        }
        let one_size = self.max_qubits == self.min_qubits || self.elasticity == Elasticity::Copies;
        if let Some(shape) = self.topology.rigid() {
            if let Some(needed) = self.topology.fixed_qubits()
                && (self.min_qubits != needed || !one_size)
            {
                let asked = if self.min_qubits == needed { self.max_qubits } else { self.min_qubits };
                return Err(Contradiction::ShapeSize { asked, shape, needed });
            }
            if !one_size {
                return Err(Contradiction::NotScalable { min: self.min_qubits, max: self.max_qubits, shape });
            }
        }
        if matches!(self.topology, Topology::Ring) && self.min_qubits < 3 {
            return Err(Contradiction::RingTooSmall { asked: self.min_qubits });
        }
        if self.circuits == 0 || self.shots == 0 || self.redundancy == 0 {
            return Err(Contradiction::NothingToDo);
        }
        let probability = |value: f64| (0.0..=1.0).contains(&value);
        let in_range = [
            probability(self.limits.max_one_qubit_error),
            probability(self.limits.max_two_qubit_error),
            probability(self.limits.max_readout_error),
            self.fidelity_requirement.is_none_or(|bound| probability(bound.at_least)),
            self.min_success_probability.is_none_or(|bound| probability(bound.at_least)),
            self.noise_budget.is_none_or(probability),
            self.isolation.max_crosstalk.is_none_or(probability),
            self.limits.min_t1_s >= 0.0 && self.limits.min_t2_s >= 0.0,
        ];
        if let Some((name, _)) =
            super::contradiction::RANGED.into_iter().zip(in_range).find(|(_, fits)| !fits)
        {
            return Err(Contradiction::NoProbability { field: FieldName(name) });
        }
        if let Some(device) = self.preferred_devices.iter().find(|id| self.excluded_devices.contains(id)) {
            return Err(Contradiction::PreferredAndExcluded { device: *device });
        }
        let named = self.after.len() + self.after_success.len();
        if named > DEPENDENCIES_MAX {
            return Err(Contradiction::TooManyDependencies { named: named as u32 });
        }
        if self.dependencies().any(|job| job == self.id) {
            return Err(Contradiction::DependsOnItself);
        }
        Ok(())
    }

    /// The jobs that must have ended before this one may start.
    pub fn dependencies(&self) -> impl Iterator<Item = JobId> {
        self.after.iter().chain(&self.after_success).copied()
    }

    /// The first demand that this version does not honour, if there is one.
    pub fn unsupported(&self) -> Option<Demand> {
        let demands = [
            (self.checkpoint_interval.is_some(), Demand::CheckpointInterval),
            (self.redundancy > 1, Demand::Redundancy),
        ];
        demands.into_iter().find_map(|(asked, demand)| asked.then_some(demand))
    }

    /// What it takes at least, as far as it says: no job takes no time.
    fn least_time(&self) -> Span {
        self.estimated_duration.unwrap_or_default().max(Span(1))
    }

    /// When it must start to end by its deadline, as far as it states how long it takes; at the beginning of time, if that
    /// is before.
    pub fn latest_start(&self) -> Option<Time> {
        self.deadline.map(|Time(deadline)| Time(deadline.saturating_sub(self.least_time().0)))
    }

    /// Whether it cannot end by its deadline any more, as far as it states how long it takes.
    pub fn is_late(&self, now: Time) -> bool {
        self.deadline.is_some_and(|deadline| now + self.least_time() > deadline)
    }

    /// A number that two different bodies practically never share; equal bodies always do.
    pub fn fingerprint(&self) -> u64 {
        let mut hasher = rustc_hash::FxHasher::default();
        (self.id, self.tenant, &self.attributes, self.min_qubits, self.max_qubits).hash(&mut hasher);
        (self.elasticity, &self.topology, self.limits.bits(), self.max_swap_operations).hash(&mut hasher);
        (self.circuits, self.shots, self.depth, self.estimated_duration, self.priority).hash(&mut hasher);
        (&self.preferred_devices[..], &self.excluded_devices[..], self.max_wait_time).hash(&mut hasher);
        (self.deadline, self.checkpoint_interval, self.redundancy).hash(&mut hasher);
        (&self.after[..], &self.after_success[..]).hash(&mut hasher);
        let isolation = &self.isolation;
        (isolation.level, isolation.buffer_distance, isolation.temporal_separation).hash(&mut hasher);
        (isolation.hardware_reset, isolation.max_crosstalk.map(f64::to_bits)).hash(&mut hasher);
        for bound in [self.fidelity_requirement, self.min_success_probability] {
            bound.map(|bound| (bound.at_least.to_bits(), bound.hard)).hash(&mut hasher);
        }
        self.noise_budget.map(f64::to_bits).hash(&mut hasher);
        hasher.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contradictions_name_both_values() {
        let base = JobRequest::new(JobId(1), 5, Topology::Line);
        let cases = [
            JobRequest { min_qubits: 0, ..base.clone() },
            JobRequest { max_qubits: 4, ..base.clone() },
            JobRequest { topology: Topology::Grid { rows: 2, columns: 3 }, ..base.clone() },
            JobRequest { min_qubits: 2, topology: Topology::Ring, ..base.clone() },
            JobRequest { max_qubits: 8, topology: Topology::HeavyHex, ..base.clone() },
            JobRequest {
                min_qubits: 6,
                max_qubits: 12,
                topology: Topology::Grid { rows: 2, columns: 3 },
                ..base.clone()
            },
            JobRequest { shots: 0, ..base.clone() },
            JobRequest { noise_budget: Some(1.5), ..base.clone() },
            JobRequest { noise_budget: Some(f64::NAN), ..base.clone() },
            JobRequest { after: SmallVec::from_elem(JobId(1), 1), ..base.clone() },
            JobRequest { after_success: SmallVec::from_elem(JobId(1), 1), ..base.clone() },
            JobRequest { after: (2..1003).map(JobId).collect(), ..base.clone() },
            JobRequest {
                preferred_devices: SmallVec::from_elem(DeviceId(3), 1),
                excluded_devices: SmallVec::from_elem(DeviceId(3), 1),
                ..base.clone()
            },
        ];
        let messages: Vec<String> = cases.iter().map(|job| job.validate().unwrap_err().to_string()).collect();
        insta::assert_snapshot!(messages.join("\n"), @"
        a job needs at least one qubit
        min_qubits is 5, but max_qubits is 4
        the job asks for 5 qubits, but a 2 x 3 grid has 6
        a ring needs at least 3 qubits, but the job asks for 2
        the job asks for the largest size from 5 to 8 qubits, but a heavy-hex patch does not scale; hint: any, line, ring, star and tree do, or ask for copies
        the job asks for 12 qubits, but a 2 x 3 grid has 6
        circuits, shots and redundancy must be at least 1
        noise_budget is out of range; hint: probabilities lie in 0..=1, times are not negative
        noise_budget is out of range; hint: probabilities lie in 0..=1, times are not negative
        the job depends on itself
        the job depends on itself
        the job names 1001 jobs that must end before it; at most 1000 are allowed
        device 3 is both preferred and excluded
        ");
        assert_eq!(base.validate(), Ok(()));
        let copies = JobRequest {
            min_qubits: 6,
            max_qubits: 12,
            topology: Topology::Grid { rows: 2, columns: 3 },
            elasticity: Elasticity::Copies,
            ..base
        };
        assert_eq!(copies.validate(), Ok(()));
    }
}
