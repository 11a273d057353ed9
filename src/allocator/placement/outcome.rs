//! What a search for a placement answers: a placement, the proof that there is none, or neither.
//!
//! Leaves it to [`super::legality`] and [`super::routing`] to make placements that keep what they promise.

use smallvec::SmallVec;

use crate::quantum::PhysicalQubit;

/// A legal placement: distinct free qubits; every edge of the pattern on a live coupler, or `routing` says what is
/// needed besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Physical qubit of each virtual qubit.
    pub layout: SmallVec<[PhysicalQubit; 8]>,
    /// Fixed-point cost of the noise alone, that of routing included, see [`super::cost`]; lower is better.
    pub cost: u64,
    /// What the objective of the request counts; equal to `cost` where nothing but the noise counts.
    pub objective: u64,
    /// What the program needs besides, where its interactions do not all lie on couplers.
    pub routing: Option<Routing>,
}

/// The SWAP gates that a program needs in its region, as estimated before any router has seen it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Routing {
    /// Number of SWAP gates.
    pub swaps: u32,
    /// Fixed-point cost of their noise.
    pub cost: u64,
}

/// What a search answers. "Impossible" and "gave up" are never confused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementOutcome {
    /// The best there is.
    Optimal(Placement),
    /// A placement whose objective is at most `gap` (fixed-point cost; `None`: unknown) above the least.
    Feasible {
        /// The placement.
        placement: Placement,
        /// Upper bound on what is lost.
        gap: Option<u64>,
    },
    /// There is no placement.
    ProvedInfeasible,
    /// Neither found nor excluded within the budget.
    BudgetExhausted,
}

impl PlacementOutcome {
    /// Whether no longer search would answer anything else.
    pub fn is_proved(&self) -> bool {
        matches!(self, Self::Optimal(_) | Self::ProvedInfeasible)
    }
}

/// The answer of a search and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The answer.
    pub outcome: PlacementOutcome,
    /// Search steps used: what it took, which may depend on what is remembered from earlier requests.
    pub steps: u64,
}
