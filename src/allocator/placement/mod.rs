//! Placement: which qubits of one device a job gets. One strategy per file.
//!
//! A strategy is a pure search: the answer is a function of the request alone. Caches inside a strategy may make it
//! faster, never different. Leaves isolation, queues and the choice of the device to its callers, who express all
//! of it in the mask of free qubits.

pub mod cost;
pub mod exact;
pub mod first_fit;
pub mod pattern;

use smallvec::SmallVec;

use crate::quantum::{PhysicalQubit, QubitSet};
use cost::Epoch;
use pattern::Pattern;

/// What is to be placed where.
#[derive(Debug, Clone, Copy)]
pub struct PlacementRequest<'a> {
    /// The device as of its last published calibration: couplers, costs, dead elements already taken out.
    pub epoch: &'a Epoch,
    /// Qubits that may be used: alive, within the limits of the job, neither held nor blocked.
    pub free: &'a QubitSet,
    /// Couplers that must not be used although they are alive (limits of the job); sorted bit set by coupler number.
    pub barred_couplers: Option<&'a [u64]>,
    /// The program.
    pub pattern: &'a Pattern,
    /// Most search steps before giving up.
    pub budget: u64,
}

/// A legal placement: distinct free qubits, every edge of the pattern on a live coupler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Physical qubit of each virtual qubit.
    pub layout: SmallVec<[PhysicalQubit; 8]>,
    /// Fixed-point cost, see [`cost`]; lower is better.
    pub cost: u64,
}

/// What a search answers. "Impossible" and "gave up" are never confused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlacementOutcome {
    /// The best there is.
    Optimal(Placement),
    /// A placement, at most `gap` (fixed-point cost; `None`: unknown) worse than the best.
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

/// The answer of a search and what it took.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// The answer.
    pub outcome: PlacementOutcome,
    /// Search steps used.
    pub steps: u64,
}

/// A way to choose qubits on a device. Implement it in your own crate to try your own.
pub trait PlacementStrategy: Send {
    /// Finds a placement. Must be a function of the request alone.
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed;
}

/// The strategy of a configuration.
pub fn strategy(strategy: super::config::Strategy) -> Box<dyn PlacementStrategy> {
    match strategy {
        super::config::Strategy::FirstFit => Box::new(first_fit::FirstFit::default()),
        super::config::Strategy::NoiseAware => Box::new(exact::NoiseAware::default()),
    }
}
