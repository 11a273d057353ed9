//! Topology-aware placement, the default: the exact search where the program embeds, a routed region where it does not.
//!
//! Promises the placement of [`super::exact::NoiseAware`] whenever that finds one, and never a routed one where
//! `max_swaps` is 0. When the exact search ends without an answer, first fit is asked before any SWAP is paid for.
//! Leaves to its callers which programs may be routed.

use super::exact::NoiseAware;
use super::first_fit::FirstFit;
use super::memory::MemoryUse;
use super::routed::Region;
use super::{Capabilities, Placed, PlacementOutcome, PlacementRequest, PlacementStrategy};
use crate::allocator::config::SearchMemory;
use crate::time::Time;

/// The strategy; holds buffers that answers do not depend on.
#[derive(Debug, Default)]
pub struct TopologyAware {
    exact: NoiseAware,
    first_fit: FirstFit,
    region: Region,
}

impl TopologyAware {
    /// The strategy with limits on what it remembers.
    pub fn with_memory(config: SearchMemory) -> Self {
        Self { exact: NoiseAware::with_memory(config), ..Self::default() }
    }
}

impl PlacementStrategy for TopologyAware {
    fn capabilities(&self) -> Capabilities {
        Capabilities { routes: true, ..Capabilities::EXACT }
    }

    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let exact = self.exact.place(request);
        let mut steps = exact.steps;
        match exact.outcome {
            PlacementOutcome::Optimal(_) | PlacementOutcome::Feasible { .. } => return exact,
            PlacementOutcome::ProvedInfeasible if request.pattern.is_region() => return exact,
            PlacementOutcome::ProvedInfeasible => {}
            PlacementOutcome::BudgetExhausted => {
                let first = self.first_fit.place(request);
                steps += first.steps;
                if first.outcome != PlacementOutcome::BudgetExhausted {
                    return Placed { outcome: first.outcome, steps };
                }
            }
        }
        if request.max_swaps == Some(0) {
            return Placed { outcome: exact.outcome, steps };
        }
        let routed = self.region.place(request);
        Placed { outcome: routed.outcome, steps: steps + routed.steps }
    }

    fn excludes(&mut self, request: &PlacementRequest<'_>) -> bool {
        let must_embed = request.max_swaps == Some(0) || request.pattern.is_region();
        must_embed && self.exact.excludes(request)
    }

    fn forget(&mut self) {
        self.exact.forget();
        self.first_fit.forget();
        self.region.forget();
    }

    fn advance(&mut self, now: Time) {
        self.exact.advance(now);
    }

    fn memory(&self) -> MemoryUse {
        self.exact.memory()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::testing::Case;

    /// The same answer as the exact search for all that embeds; for the rest a routed one, or a proof.
    #[test]
    fn what_embeds_is_placed_by_the_exact_search() {
        let (mut aware, mut exact) = (TopologyAware::default(), NoiseAware::default());
        let (mut embedded, mut routed, mut impossible) = (0, 0, 0);
        for number in 0..1_500 {
            let case = Case::random(number);
            let request = case.request(1_000_000);
            let plain = exact.place(&request).outcome;
            let placed = aware.place(&request);
            assert_eq!(placed, TopologyAware::default().place(&request), "{}", case.name);
            if plain != PlacementOutcome::ProvedInfeasible {
                embedded += 1;
                assert_eq!(placed.outcome, plain, "{}", case.name);
                continue;
            }
            let forbidden = aware.place(&PlacementRequest { max_swaps: Some(0), ..request });
            assert_eq!(forbidden.outcome, PlacementOutcome::ProvedInfeasible, "{}", case.name);
            match placed.outcome {
                PlacementOutcome::Feasible { placement, gap: None } => {
                    routed += 1;
                    assert!(placement.routing.is_some(), "{}", case.name);
                }
                PlacementOutcome::ProvedInfeasible => impossible += 1,
                other => {
                    assert!(matches!(other, PlacementOutcome::BudgetExhausted), "{}: {other:?}", case.name)
                }
            }
        }
        assert!(embedded > 500 && routed > 50 && impossible > 50, "{embedded} {routed} {impossible}");
    }
}
