//! Several jobs that are to run side by side, what becomes of them, and what makes one answer better than another.
//!
//! Leaves the search for answers to [`super::place`].

use crate::allocator::placement::cost::Epoch;
use crate::allocator::placement::pattern::Pattern;
use crate::allocator::placement::{Objective, Placement, PlacementRequest};
use crate::quantum::QubitSet;

/// One job of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchJob<'a> {
    /// The program.
    pub pattern: &'a Pattern,
    /// Qubits that it may use: alive, within its limits, neither held nor blocked by jobs outside of the batch.
    pub free: &'a QubitSet,
    /// Couplers that it must not use although they are alive; a bit per coupler.
    pub barred_couplers: Option<&'a [u64]>,
    /// What makes one placement of it better than another; it counts as if the job were placed first.
    pub objective: Objective<'a>,
}

/// Jobs that are to run side by side on one device, without SWAP gates.
#[derive(Debug, Clone, Copy)]
pub struct BatchRequest<'a> {
    /// The device as of its last published calibration.
    pub epoch: &'a Epoch,
    /// The jobs, in any order.
    pub jobs: &'a [BatchJob<'a>],
    /// Idle qubits between any two jobs of the batch.
    pub buffer_distance: u32,
    /// Most search steps for each job alone, and again for improving on that.
    pub budget: u64,
}

impl<'a> BatchRequest<'a> {
    /// The request for one of the jobs as if it were alone.
    pub(super) fn alone(&self, job: usize) -> PlacementRequest<'a> {
        let BatchJob { pattern, free, barred_couplers, objective } = self.jobs[job];
        PlacementRequest {
            epoch: self.epoch,
            free,
            barred_couplers,
            pattern,
            budget: self.budget,
            objective,
            max_swaps: Some(0),
            when_empty: None,
        }
    }
}

/// The placements of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlacedBatch {
    /// Of each job, in the order of the request; `None`: it did not find a place beside the others.
    pub placements: Vec<Option<Placement>>,
    /// How much dearer than the best the total objective is at most; 0: proved best. `None`: not known, or more jobs
    /// or larger ones might have found a place.
    pub gap: Option<u64>,
    /// Whether it is proved that not all jobs fit.
    pub cannot_all_fit: bool,
    /// Search steps used.
    pub steps: u64,
}

impl PlacedBatch {
    /// Total objective of the placements.
    pub fn objective(&self) -> u64 {
        self.placements.iter().flatten().fold(0, |sum, placement| sum.saturating_add(placement.objective))
    }
}

/// What makes one answer better than another: smaller is better.
pub(super) type Rank = (usize, usize, u64);

/// Jobs and qubits without a place, and what the others cost.
pub(super) fn rank(placements: &[Option<Placement>]) -> Rank {
    let placed = || placements.iter().flatten();
    let qubits: usize = placed().map(|placement| placement.layout.len()).sum();
    let cost = placed().fold(0_u64, |sum, placement| sum.saturating_add(placement.objective));
    (placements.len() - placed().count(), usize::MAX - qubits, cost)
}

/// More than any placement of a job can add to the objective.
pub(super) fn most_of(request: &BatchRequest<'_>, job: usize) -> u128 {
    request.alone(job).objective_limit()
}
