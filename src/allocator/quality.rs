//! Bounds on the quality of a placement: what a job demands, and whether a placement meets it.
//!
//! A placement is judged by the published calibration with the estimate of [`super::routed_program`] and
//! [`crate::quantum::program`], the one that the simulator predicts with. Three demands:
//!
//! | demand                    | bounds                                                    | when missed           |
//! |---------------------------|-----------------------------------------------------------|-----------------------|
//! | `min_success_probability` | [`success_probability`]                                   | waits (hard) or flags |
//! | `fidelity_requirement`    | [`mean_gate_fidelity`]: geometric mean over all gates     | waits (hard) or flags |
//! | `noise_budget`            | 1 - success probability, from above                       | waits                 |
//!
//! Placements are found by the very sum that the success probability is the exponential of, but for the depth of shapes,
//! which is rounded to a power of two. One that misses a bound is not refused before the best by the bound's own sum was
//! found and judged, too. A job that missed a bound is tried again when qubits are freed or figures
//! published.
//!
//! Leaves the search for placements to [`crate::allocator::sizing`].

use serde::{Deserialize, Serialize};

use super::placement::Placement;
use super::placement::cost::Epoch;
use super::placement::pattern::Pattern;
use super::protocol::{JobRequest, QualityBound, Topology};
use super::routed_program::placed_program;
use crate::quantum::success::{mean_gate_fidelity, success_probability};

/// Which demand it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, thiserror::Error,
)]
pub enum QualityDemand {
    /// `min_success_probability`.
    #[error("min_success_probability")]
    MinSuccessProbability,
    /// `fidelity_requirement`.
    #[error("fidelity_requirement")]
    FidelityRequirement,
    /// `noise_budget`, as a bound on the success probability.
    #[error("1 - noise_budget")]
    NoiseBudget,
}

/// A share in whole millionths, for reasons that must compare exactly.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millionths(pub u32);

impl Millionths {
    /// Rounded down, so that what misses a bound never looks as if it met it.
    fn floor(value: f64) -> Self {
        Self((value.clamp(0.0, 1.0) * 1e6).floor() as u32)
    }

    fn nearest(value: f64) -> Self {
        Self((value.clamp(0.0, 1.0) * 1e6).round() as u32)
    }
}

impl std::fmt::Display for Millionths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", f64::from(self.0) / 1e6)
    }
}

/// A demand that a placement misses, and by how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{best}, below {demand} of {least}")]
pub struct Shortfall {
    /// The demand.
    pub demand: QualityDemand,
    /// The bound.
    pub least: Millionths,
    /// What the placement has.
    pub best: Millionths,
}

/// The quality of a placement by published figures; of copies, that of the worst.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Assessment {
    /// Estimated success probability, 0..=1.
    pub success_probability: f64,
    /// Geometric mean of the fidelity of all gates, 0..=1.
    pub gate_fidelity: f64,
    /// The first demand that is missed, hard ones first.
    pub missed: Option<Shortfall>,
    /// Whether that demand is a hard one, which forbids the start.
    pub forbidden: bool,
}

impl Assessment {
    /// Whether every demand is met.
    pub fn meets_all(&self) -> bool {
        self.missed.is_none()
    }

    /// Whether another placement is better: first by the hard demands, then by all, then by success probability.
    pub fn is_worse_than(&self, other: &Self) -> bool {
        let rank = |a: &Self| (!a.forbidden, a.meets_all(), a.success_probability);
        rank(self) < rank(other)
    }

    /// The quality of two copies together: that of the worse.
    #[must_use]
    pub fn with_copy(self, other: Self) -> Self {
        let worse = if other.is_worse_than(&self) { other } else { self };
        Self {
            success_probability: self.success_probability.min(other.success_probability),
            gate_fidelity: self.gate_fidelity.min(other.gate_fidelity),
            ..worse
        }
    }
}

/// The bounds of one job.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct QualityBounds {
    success: Option<QualityBound>,
    fidelity: Option<QualityBound>,
    noise_budget: Option<f64>,
    /// Layers of the program; 0 without bounds, which do not look at it.
    depth: u32,
}

impl QualityBounds {
    /// The bounds of a request.
    pub fn new(request: &JobRequest) -> Self {
        let mut bounds = Self {
            success: request.min_success_probability,
            fidelity: request.fidelity_requirement,
            noise_budget: request.noise_budget,
            depth: 0,
        };
        if !bounds.is_none() {
            bounds.depth = request.depth;
        }
        bounds
    }

    /// Whether the job bounds nothing.
    pub fn is_none(&self) -> bool {
        self.success.is_none() && self.fidelity.is_none() && self.noise_budget.is_none()
    }

    /// Layers of the program, as the bounds on success count them.
    pub fn depth(&self) -> u32 {
        self.depth
    }

    /// Whether a placement of such quality has too little success for a bound.
    pub fn lacks_success(&self, quality: &Assessment) -> bool {
        let least = self.success.map(|bound| bound.at_least);
        let budget = self.noise_budget.map(|budget| 1.0 - budget);
        least.into_iter().chain(budget).any(|least| quality.success_probability < least)
    }

    /// Whether a placement of such quality has too low a mean gate fidelity.
    pub fn lacks_fidelity(&self, quality: &Assessment) -> bool {
        self.fidelity.is_some_and(|bound| quality.gate_fidelity < bound.at_least)
    }

    /// Whether a placement may be forbidden for its quality.
    pub fn has_hard(&self) -> bool {
        let hard = |bound: Option<QualityBound>| bound.is_some_and(|bound| bound.hard);
        hard(self.success) || hard(self.fidelity) || self.noise_budget.is_some()
    }

    /// The bounds as bits, for comparing and hashing.
    pub fn bits(&self) -> [u64; 6] {
        let bits = |bound: Option<QualityBound>| match bound {
            Some(bound) => (bound.at_least.to_bits(), 1 + u64::from(bound.hard)),
            None => (0, 0),
        };
        let ((success, of_success), (fidelity, of_fidelity)) = (bits(self.success), bits(self.fidelity));
        let budget = self.noise_budget.map_or(u64::MAX, f64::to_bits);
        [success, fidelity, of_success, of_fidelity, budget, u64::from(self.depth)]
    }

    /// Bounds from their bits.
    pub fn from_bits(bits: [u64; 6]) -> Self {
        let [success, fidelity, of_success, of_fidelity, budget, depth] = bits;
        let bound = |at_least, kind| {
            (kind > 0).then_some(QualityBound { at_least: f64::from_bits(at_least), hard: kind == 2 })
        };
        Self {
            success: bound(success, of_success),
            fidelity: bound(fidelity, of_fidelity),
            noise_budget: (budget != u64::MAX).then_some(f64::from_bits(budget)),
            depth: depth as u32,
        }
    }

    /// Judges one copy of a program as placed.
    pub fn assess(
        &self,
        topology: &Topology,
        pattern: &Pattern,
        epoch: &Epoch,
        placement: &Placement,
    ) -> Assessment {
        let routed = placement.routing.is_some();
        let (map, calibration) = (&epoch.map, &epoch.calibration);
        let placed =
            placed_program(topology, pattern, self.depth, &placement.layout, routed, map, calibration);
        let used = placed.on(epoch.layer_s);
        let success = success_probability(calibration, &used);
        let fidelity = mean_gate_fidelity(&epoch.calibration, &used);
        let (mut missed, mut forbidden) = (None, false);
        for (demand, bound, value) in [
            (QualityDemand::MinSuccessProbability, self.success, success),
            (QualityDemand::FidelityRequirement, self.fidelity, fidelity),
            (
                QualityDemand::NoiseBudget,
                self.noise_budget.map(|budget| QualityBound { at_least: 1.0 - budget, hard: true }),
                success,
            ),
        ] {
            if let Some(bound) = bound.filter(|bound| value < bound.at_least)
                && (missed.is_none() || bound.hard && !forbidden)
            {
                let (least, best) = (Millionths::nearest(bound.at_least), Millionths::floor(value));
                missed = Some(Shortfall { demand, least, best });
                forbidden = bound.hard;
            }
        }
        Assessment { success_probability: success, gate_fidelity: fidelity, missed, forbidden }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::allocator::protocol::{EpochNumber, JobId};
    use crate::quantum::calibration::{Calibration, CouplerCalibration, QubitCalibration};
    use crate::quantum::coupling_map::CouplingMap;
    use crate::quantum::{PhysicalQubit, QubitSet};

    fn epoch() -> Epoch {
        let qubit = QubitCalibration {
            t1_s: f64::INFINITY,
            t2_s: f64::INFINITY,
            readout_error: 0.02,
            one_qubit_error: 0.001,
            one_qubit_duration_s: 0.0,
            readout_duration_s: 0.0,
            dead: false,
        };
        let coupler = CouplerCalibration { two_qubit_error: 0.01, two_qubit_duration_s: 0.0, dead: false };
        let calibration = Calibration { qubits: vec![qubit; 3], couplers: vec![coupler; 2] };
        let map = Arc::new(CouplingMap::line(3).unwrap());
        Epoch::new(EpochNumber(1), map, Arc::new(calibration), &QubitSet::new(3), &[])
    }

    /// A line of 3 with 8 layers: 2 gates on each coupler, 4 on each qubit, 3 readouts.
    #[test]
    fn demands_are_judged_one_by_one_and_hard_ones_first() {
        let (epoch, pattern) = (epoch(), Pattern::new(&Topology::Line, 3));
        let layout = [0, 1, 2].map(PhysicalQubit).into_iter().collect();
        let placement = Placement { layout, cost: 0, objective: 0, routing: None };
        let success = 0.99_f64.powi(4) * 0.999_f64.powi(12) * 0.98_f64.powi(3);
        let fidelity = (0.99_f64.powi(4) * 0.999_f64.powi(12)).powf(1.0 / 16.0);
        let bound = |at_least, hard| Some(QualityBound { at_least, hard });
        let judged = |success, fidelity, noise_budget| {
            let request = JobRequest {
                depth: 8,
                min_success_probability: success,
                fidelity_requirement: fidelity,
                noise_budget,
                ..JobRequest::new(JobId(1), 3, Topology::Line)
            };
            let bounds = QualityBounds::new(&request);
            assert_eq!(QualityBounds::from_bits(bounds.bits()), bounds);
            let judged = bounds.assess(&Topology::Line, &pattern, &epoch, &placement);
            let text = judged.missed.map_or("met".to_owned(), |missed| missed.to_string());
            (judged, format!("{text}{}", if judged.forbidden { " (hard)" } else { "" }))
        };
        let (assessment, met) = judged(bound(success - 1e-9, true), bound(fidelity - 1e-9, true), None);
        assert!((assessment.success_probability - success).abs() < 1e-12);
        assert!((assessment.gate_fidelity - fidelity).abs() < 1e-12);
        let lines = [
            met,
            judged(bound(0.9, false), bound(0.99, true), Some(0.2)).1,
            judged(bound(0.9, false), bound(0.999, true), Some(0.2)).1,
            judged(bound(0.5, true), bound(0.999, false), Some(0.1)).1,
        ];
        insta::assert_snapshot!(lines.join("\n"), @"
        met
        0.893315, below min_success_probability of 0.9
        0.996742, below fidelity_requirement of 0.999 (hard)
        0.893315, below 1 - noise_budget of 0.9 (hard)
        ");
    }
}
