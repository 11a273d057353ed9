//! Placement: which qubits of one device a job gets. One strategy per file.
//!
//! A strategy is a pure search: the answer is a function of the request alone. Caches inside a strategy may make it
//! faster, never different. Leaves isolation, queues and the choice of the device to its callers, who express all
//! of it in the mask of free qubits.

pub mod cost;
pub mod exact;
pub mod first_fit;
pub mod pattern;
mod region;
#[cfg(test)]
mod testing;

use smallvec::SmallVec;

use crate::allocator::config::Strategy;
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

/// The strategy that a configuration names.
pub fn strategy(config: Strategy) -> Box<dyn PlacementStrategy> {
    match config {
        Strategy::FirstFit => Box::<first_fit::FirstFit>::default(),
        Strategy::NoiseAware => Box::<exact::NoiseAware>::default(),
    }
}

/// The cost of a layout: weight x coupler cost over the edges of the pattern, plus the cost of every qubit. A
/// region pays for the cheapest couplers that connect it: the minimum spanning tree of those it may use. `None` when
/// the layout is not legal for the request.
pub fn cost_of_layout(request: &PlacementRequest<'_>, layout: &[PhysicalQubit]) -> Option<u64> {
    let (epoch, pattern) = (request.epoch, request.pattern);
    let mut taken = QubitSet::new(epoch.qubits());
    for &qubit in layout {
        let usable = request.free.contains(qubit) && epoch.usable.contains(qubit);
        if !usable || !taken.insert(qubit) {
            return None;
        }
    }
    if layout.len() != pattern.qubits() {
        return None;
    }
    let mut total: u128 = layout.iter().map(|qubit| u128::from(epoch.qubit_cost[qubit.index()])).sum();
    if pattern.is_region() {
        total += u128::from(region::spanning_cost(request, &taken)?);
    }
    for &(a, b, weight) in pattern.edges() {
        let coupler = epoch.map.coupler(layout[a.index()], layout[b.index()])?;
        let barred = request.barred_couplers.is_some_and(|bits| cost::bit(bits, coupler));
        if barred || !epoch.is_usable(coupler) {
            return None;
        }
        total += u128::from(weight) * u128::from(epoch.coupler_cost[coupler.index()]);
    }
    Some(u64::try_from(total).unwrap_or(u64::MAX))
}
