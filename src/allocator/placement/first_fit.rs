//! First fit: the first placement in order of qubit numbers, whatever it costs.
//!
//! A region is the first that breadth-first search finds; a pattern with edges gets the first embedding of a
//! depth-first search (the search of [`super::exact`] with all costs zero). Promises the same four answers.

use super::exact::{Aim, Engine};
use super::interchangeable;
use super::{Capabilities, Placed, PlacementOutcome, PlacementRequest, PlacementStrategy, region};

/// The strategy; holds buffers that answers do not depend on.
#[derive(Debug, Default)]
pub struct FirstFit {
    engine: Engine,
    regions: region::Regions,
}

impl PlacementStrategy for FirstFit {
    fn capabilities(&self) -> Capabilities {
        Capabilities { minimises: false, least_noise: false, ..Capabilities::EXACT }
    }

    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        if let Some(placed) = interchangeable::first(request) {
            return placed;
        }
        if request.pattern.is_region() {
            return self.regions.first(request);
        }
        let found = self.engine.embed(request, Aim::First);
        let outcome = match found.placement {
            Some(placement) => PlacementOutcome::Feasible { placement, gap: None },
            None if found.complete => PlacementOutcome::ProvedInfeasible,
            None => PlacementOutcome::BudgetExhausted,
        };
        Placed { outcome, steps: found.steps }
    }

    fn forget(&mut self) {
        self.engine.forget();
        self.regions.forget();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::testing::{Case, Scene};

    #[test]
    fn takes_the_lowest_qubits() {
        let mut scene = Scene::grid(3, 4);
        scene.busy(&[0, 5]);
        let shown = [
            scene.show(&mut FirstFit::default(), "region 4", &[]),
            scene.show(&mut FirstFit::default(), "line 3", &[(0, 1, 1), (1, 2, 1)]),
            scene.show(&mut FirstFit::default(), "ring 4", &[(0, 1, 1), (1, 2, 1), (2, 3, 1), (0, 3, 1)]),
            scene.show(&mut FirstFit::default(), "ring 3", &[(0, 1, 1), (1, 2, 1), (0, 2, 1)]),
            scene.show(&mut FirstFit::default(), "single 1", &[]),
            scene.show(&mut FirstFit::default(), "pair and single 3", &[(0, 1, 1)]),
        ];
        insta::assert_snapshot!(shown.join("\n"), @"
        region 4: feasible: 1 2 3 6
        line 3: feasible: 1 2 3
        ring 4: feasible: 2 3 7 6
        ring 3: infeasible
        single 1: feasible: 1
        pair and single 3: feasible: 1 2 3
        ");
    }

    /// Legal, complete, and independent of what the buffers held before.
    #[test]
    fn finds_a_placement_exactly_when_there_is_one() {
        let mut strategy = FirstFit::default();
        for number in 0..1_500 {
            let case = Case::random(number);
            let request = case.request(1_000_000);
            let placed = strategy.place(&request);
            assert_eq!(placed, FirstFit::default().place(&request), "case {number}");
            match placed.outcome {
                PlacementOutcome::Feasible { placement, .. } | PlacementOutcome::Optimal(placement) => {
                    case.check(&placement);
                    assert!(case.best().is_some_and(|best| best <= placement.objective), "case {number}");
                }
                PlacementOutcome::ProvedInfeasible => assert_eq!(case.best(), None, "case {number}"),
                PlacementOutcome::BudgetExhausted => panic!("case {number}"),
            }
        }
    }
}
