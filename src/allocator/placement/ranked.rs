//! Ranking by someone else's judgement: several good placements from a strategy, the choice from an external scorer.
//!
//! Promises candidates that are legal and distinct, and the answer of the strategy itself where it finds none. What a
//! scorer knows (a learned model, measurements of its own) is its business, but it must judge alike what is alike, or
//! runs are no longer repeatable.

use super::memory::MemoryUse;
use super::routing::placement_of_routed_layout;
use super::{Placed, Placement, PlacementOutcome, PlacementRequest, PlacementStrategy, placement_of_layout};
use crate::time::Time;

/// Judges candidate placements.
pub trait PlacementScorer: Send {
    /// How good a candidate is; the highest score wins, the better by the strategy's own objective among equal ones.
    /// Must be a function of its arguments alone. Not-a-number is worse than everything.
    fn score(&mut self, request: &PlacementRequest<'_>, candidate: &Placement) -> f64;
}

/// A strategy that lets a scorer choose among placements of another strategy.
///
/// The first candidate is the strategy's answer. The others come from asking again with qubits taken out: all qubits of
/// the answers before (another region), then one qubit of the first answer at a time (a variation of it). So the
/// strategy is asked at most 2 x candidates + qubits times, each time with the full budget of the request.
///
/// ```
/// use resource_manager::allocator::placement::exact::NoiseAware;
/// use resource_manager::allocator::placement::ranked::{PlacementScorer, Ranked};
/// use resource_manager::allocator::placement::{Placement, PlacementRequest};
///
/// /// Prefers high qubit numbers.
/// struct Northern;
/// impl PlacementScorer for Northern {
///     fn score(&mut self, _: &PlacementRequest<'_>, candidate: &Placement) -> f64 {
///         candidate.layout.iter().map(|qubit| f64::from(qubit.0)).sum()
///     }
/// }
/// let strategy = Ranked::new(NoiseAware::default(), Northern, 8);
/// // allocator.with_strategy(Box::new(strategy))
/// # let _ = strategy;
/// ```
#[derive(Debug)]
pub struct Ranked<S, P> {
    strategy: S,
    scorer: P,
    candidates: usize,
}

impl<S: PlacementStrategy, P: PlacementScorer> Ranked<S, P> {
    /// Lets `scorer` choose among at most `candidates` placements of `strategy`; 0 counts as 1.
    pub fn new(strategy: S, scorer: P, candidates: usize) -> Self {
        Self { strategy, scorer, candidates: candidates.max(1) }
    }

    /// Distinct placements of the strategy, best first by its own objective, and the steps they took; the answer of
    /// the strategy where there are none.
    pub fn candidates(&mut self, request: &PlacementRequest<'_>) -> (Vec<Placement>, Placed) {
        let first = self.strategy.place(request);
        let mut steps = first.steps;
        let mut found: Vec<Placement> = Vec::new();
        if let Some(placement) = placement_of(&first.outcome) {
            found.push(placement.clone());
        }
        let mut ask = |strategy: &mut S, free: &crate::quantum::QubitSet, found: &mut Vec<Placement>| {
            let placed = strategy.place(&PlacementRequest { free, ..*request });
            steps += placed.steps;
            let Some(new) = placement_of(&placed.outcome) else { return false };
            // What it costs may depend on what else is free.
            let judged = match new.routing {
                None => placement_of_layout(request, new.layout.clone()),
                Some(_) => placement_of_routed_layout(request, new.layout.clone()),
            };
            let judged = judged.filter(|new| found.iter().all(|known| known.layout != new.layout));
            judged.map(|placement| found.push(placement)).is_some()
        };
        if let Some(best) = found.first().cloned() {
            let mut rest = request.free.clone();
            // Half of them elsewhere, so that variations of the best have their chance.
            while found.len() < self.candidates.div_ceil(2) {
                for &qubit in &found[found.len() - 1].layout {
                    rest.remove(qubit);
                }
                if !ask(&mut self.strategy, &rest, &mut found) {
                    break;
                }
            }
            for &qubit in &best.layout {
                if found.len() >= self.candidates {
                    break;
                }
                let mut without = request.free.clone();
                without.remove(qubit);
                ask(&mut self.strategy, &without, &mut found);
            }
        }
        found.sort_by(|a, b| (a.objective, &a.layout).cmp(&(b.objective, &b.layout)));
        (found, Placed { outcome: first.outcome, steps })
    }
}

impl<S: PlacementStrategy, P: PlacementScorer> PlacementStrategy for Ranked<S, P> {
    fn place(&mut self, request: &PlacementRequest<'_>) -> Placed {
        let (found, first) = self.candidates(request);
        let mut best: Option<(f64, Placement)> = None;
        for candidate in found {
            let score = self.scorer.score(request, &candidate);
            let score = if score.is_nan() { f64::NEG_INFINITY } else { score };
            if best.as_ref().is_none_or(|(highest, _)| score > *highest) {
                best = Some((score, candidate));
            }
        }
        let outcome = match (best, first.outcome) {
            (None, outcome) => outcome,
            // Chosen for the same reason as before, it is as good as before.
            (Some((_, chosen)), outcome) if placement_of(&outcome) == Some(&chosen) => outcome,
            (Some((_, placement)), _) => PlacementOutcome::Feasible { placement, gap: None },
        };
        Placed { outcome, steps: first.steps }
    }

    fn forget(&mut self) {
        self.strategy.forget();
    }

    fn advance(&mut self, now: Time) {
        self.strategy.advance(now);
    }

    fn memory(&self) -> MemoryUse {
        self.strategy.memory()
    }
}

fn placement_of(outcome: &PlacementOutcome) -> Option<&Placement> {
    match outcome {
        PlacementOutcome::Optimal(placement) | PlacementOutcome::Feasible { placement, .. } => {
            Some(placement)
        }
        PlacementOutcome::ProvedInfeasible | PlacementOutcome::BudgetExhausted => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::placement::exact::NoiseAware;
    use crate::allocator::placement::testing::Case;

    /// Prefers what costs most, to be seen.
    struct Contrary;

    impl PlacementScorer for Contrary {
        fn score(&mut self, _: &PlacementRequest<'_>, candidate: &Placement) -> f64 {
            candidate.objective as f64
        }
    }

    struct Undecided;

    impl PlacementScorer for Undecided {
        fn score(&mut self, _: &PlacementRequest<'_>, _: &Placement) -> f64 {
            f64::NAN
        }
    }

    #[test]
    fn the_scorer_chooses_among_legal_and_distinct_candidates() {
        let mut several = 0;
        for number in 0..400 {
            let case = Case::random(number);
            let request = case.request(100_000);
            let mut ranked = Ranked::new(NoiseAware::default(), Contrary, 6);
            let (candidates, _) = ranked.candidates(&request);
            assert!(candidates.len() <= 6);
            for (index, candidate) in candidates.iter().enumerate() {
                case.check(candidate);
                assert!(candidates[..index].iter().all(|other| other.layout != candidate.layout));
            }
            let chosen = ranked.place(&request).outcome;
            let dearest = candidates.iter().map(|candidate| candidate.objective).max();
            assert_eq!(placement_of(&chosen).map(|chosen| chosen.objective), dearest, "{}", case.name);
            let undecided = Ranked::new(NoiseAware::default(), Undecided, 6).place(&request).outcome;
            // Where the strategy proves nothing, asking again may even find something better.
            let least = candidates.iter().map(|candidate| candidate.objective).min();
            assert_eq!(placement_of(&undecided).map(|chosen| chosen.objective), least, "{}", case.name);
            several += usize::from(candidates.len() > 2);
        }
        assert!(several > 50, "{several}");
    }
}
