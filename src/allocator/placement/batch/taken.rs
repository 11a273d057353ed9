//! What jobs of a batch leave free for the others of it, and where the next one goes beside them.
//!
//! Leaves the order of the jobs to its callers.

use smallvec::SmallVec;

use super::problem::BatchRequest;
use crate::allocator::placement::{
    Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, placement_of_layout,
};
use crate::quantum::{PhysicalQubit, QubitSet};

/// The qubits that jobs of a batch may not use because of others of it.
pub(super) struct Taken {
    buffer_distance: u32,
    held: QubitSet,
    near: QubitSet,
    free: QubitSet,
}

impl Taken {
    pub fn new(request: &BatchRequest<'_>) -> Self {
        let none = QubitSet::new(request.epoch.qubits());
        Self { buffer_distance: request.buffer_distance, held: none.clone(), near: none.clone(), free: none }
    }

    pub fn none(&self) -> bool {
        self.held.is_empty()
    }

    pub fn add(&mut self, layout: &SmallVec<[PhysicalQubit; 8]>) {
        layout.iter().for_each(|&qubit| {
            self.held.insert(qubit);
        });
    }

    /// Places a job beside the others; also the bound of the search and the steps it took.
    pub fn place(
        &mut self,
        request: &BatchRequest<'_>,
        strategy: &mut dyn PlacementStrategy,
        job: usize,
    ) -> (Option<Placement>, Option<u64>, u64) {
        let alone = request.alone(job);
        self.free.clone_from(alone.free);
        if self.buffer_distance == 0 {
            self.free.subtract(&self.held);
        } else {
            self.near = request.epoch.map.dilate(&self.held, self.buffer_distance);
            self.free.subtract(&self.near);
        }
        let placed = strategy.place(&PlacementRequest { free: &self.free, ..alone });
        let bound = bound(&placed.outcome);
        let placement = match placed.outcome {
            PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } => {
                // Free neighbours are those before any job of the batch was placed.
                match placement.routing {
                    None => placement_of_layout(&alone, placement.layout),
                    Some(_) => Some(placement),
                }
            }
            PlacementOutcome::ProvedInfeasible | PlacementOutcome::BudgetExhausted => None,
        };
        (placement, bound, placed.steps)
    }
}

/// What a search proves about the least objective; `None`: there is no placement.
pub(super) fn bound(outcome: &PlacementOutcome) -> Option<u64> {
    match outcome {
        PlacementOutcome::Optimal(placement) => Some(placement.objective),
        PlacementOutcome::Feasible { placement, gap: Some(gap) } => {
            Some(placement.objective.saturating_sub(*gap))
        }
        PlacementOutcome::Feasible { gap: None, .. } | PlacementOutcome::BudgetExhausted => Some(0),
        PlacementOutcome::ProvedInfeasible => None,
    }
}
