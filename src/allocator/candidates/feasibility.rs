//! What a device could do for a kind of jobs if it were empty: whether waiting makes sense, whether routing is needed,
//! and what a bound out of reach lacks.
//!
//! Promises answers that follow from published figures alone, remembered until these change. Whether anything fits is
//! answered without a search for the best: on a device that couples all pairs that search may never end, and waiting
//! jobs ask anew after every calibration. Leaves what is free now to the scheduling pass.

use smallvec::SmallVec;

use super::index::Need;
use super::judge::Judge;
use super::memo::{KindId, WhenEmpty};
use crate::allocator::config::RoutingPolicy;
use crate::allocator::placement::{Objective, PlacementOutcome, PlacementRequest};
use crate::allocator::quality::Shortfall;
use crate::allocator::sizing::{Fit, Refusal, Strategies, largest_component};
use crate::allocator::state::State;
use crate::quantum::DeviceId;

/// Search steps per qubit in which something is found where it fits easily, as programs do on empty devices.
const STEPS_PER_QUBIT: u64 = 32;

/// Patterns of so many qubits are proved not to fit in a few steps.
const GLANCE_QUBITS_MAX: usize = 8;

impl Judge {
    /// Whether any device of the fleet could take a job of the kind if it were empty, by published figures.
    pub fn is_feasible(&mut self, state: &State, kind: KindId) -> bool {
        if let Some((epochs, known)) = self.memo[kind].feasible
            && epochs == state.fleet().epochs
        {
            return known;
        }
        let mut found = false;
        let mut from = 0;
        // In service first, through the index; then the others.
        let need = Need::Capacity(self.memo[kind].pattern.qubits() as u32);
        while let Some(id) = state.fleet().index.next(from, need) {
            if self.could_take(state, kind, id) {
                found = true;
                break;
            }
            from = id.index() + 1;
        }
        if !found {
            let ids: SmallVec<[DeviceId; 16]> = state.fleet().iter().map(|device| device.id).collect();
            found = ids.into_iter().any(|id| self.could_take(state, kind, id));
        }
        self.memo[kind].feasible = Some((state.fleet().epochs, found));
        found
    }

    /// What the best device lacks for jobs of the kind whose bounds no device meets, if any could place them.
    pub fn best_shortfall(&mut self, state: &State, kind: KindId) -> Option<Shortfall> {
        let ids: SmallVec<[DeviceId; 16]> = state.fleet().iter().map(|device| device.id).collect();
        let known = ids.into_iter().filter_map(|id| match self.when_empty(state, kind, id) {
            WhenEmpty::BelowBound(shortfall) => Some(shortfall),
            WhenEmpty::Never | WhenEmpty::Possible(_) => None,
        });
        known.max_by_key(|shortfall| (shortfall.best, std::cmp::Reverse(shortfall.least)))
    }

    /// How many SWAP gates routing may add to jobs of a kind; `Some(0)`: they must embed.
    pub fn max_swaps(&mut self, state: &State, kind: KindId) -> Option<u32> {
        let limit = self.memo[kind].max_swaps;
        let can = self.strategy.capabilities();
        if limit == Some(0) || !can.routes {
            return Some(0);
        }
        match state.config().placement.routing {
            RoutingPolicy::Never => Some(0),
            RoutingPolicy::Always => limit,
            RoutingPolicy::WhenImpossible => {
                if can.embeds && self.embeds(state, kind) {
                    Some(0)
                } else {
                    limit
                }
            }
        }
    }

    /// Whether a placement without SWAPs was found for the kind on any device of the fleet, taken as empty. One that
    /// is not good enough counts: SWAPs would make it worse.
    fn embeds(&mut self, state: &State, kind: KindId) -> bool {
        if let Some((epochs, known)) = self.memo[kind].embeds
            && epochs == state.fleet().epochs
        {
            return known;
        }
        let ids: SmallVec<[DeviceId; 16]> = state.fleet().iter().map(|device| device.id).collect();
        let found = |known| matches!(known, WhenEmpty::Possible(Some(_)) | WhenEmpty::BelowBound(_));
        let embeds = ids
            .into_iter()
            .any(|id| self.surely_embeds(state, kind, id) || found(self.on_empty(state, kind, id, Some(0))));
        self.memo[kind].embeds = Some((state.fleet().epochs, embeds));
        embeds
    }

    /// Whether a device could take a job of the kind if it were empty, however well.
    fn could_take(&mut self, state: &State, kind: KindId, id: DeviceId) -> bool {
        let max_swaps = self.max_swaps(state, kind);
        let any_will_do = max_swaps == Some(0) && !self.memo[kind].demands.bounds.has_hard();
        any_will_do && self.surely_embeds(state, kind, id)
            || self.on_empty(state, kind, id, max_swaps).is_possible()
    }

    /// Whether a short search finds the kind a placement without SWAPs on the empty device, good or bad. A longer one
    /// goes the same way to begin with, and finds one as well.
    fn surely_embeds(&mut self, state: &State, kind: KindId, id: DeviceId) -> bool {
        let Some(device) = state.fleet().get(id) else { return false };
        let kind = &mut self.memo[kind];
        // Others may go another way.
        let can = self.strategy.capabilities();
        if !can.steady || device.leaving || kind.excluded.contains(&id) {
            return false;
        }
        let revision = device.epoch.revision;
        if kind.when_empty(id, revision, Some(0)).is_some() {
            return false;
        }
        if let Some(known) = kind.surely_embeds(id, revision) {
            return known;
        }
        let pattern = kind.pattern.clone();
        let (mask, _) = kind.on_device(id, &device.epoch);
        let request = PlacementRequest {
            epoch: &device.epoch,
            free: &mask.qubits,
            barred_couplers: mask.barred_couplers.as_deref(),
            pattern: &pattern,
            budget: state.config().placement_budget.min(STEPS_PER_QUBIT * pattern.qubits() as u64),
            objective: Objective::of(&state.config().placement),
            max_swaps: Some(0),
            when_empty: Some(&mask.qubits),
        };
        let found = if pattern.is_region() && can.finds_regions {
            largest_component(&request) as usize >= pattern.qubits()
        } else {
            let outcome = self.strategy.place(&request).outcome;
            matches!(outcome, PlacementOutcome::Optimal(_) | PlacementOutcome::Feasible { .. })
        };
        kind.set_surely_embeds(id, revision, found);
        found
    }

    /// Whether the kind is known not to fit the device even when it is empty, so that no part of it need be searched:
    /// for a program that takes most of a device to prove so may take ten thousand times the steps of finding a placement, and jobs that fit
    /// elsewhere would ask again whenever something ends.
    pub fn never_fits(&mut self, state: &State, kind: KindId, id: DeviceId, max_swaps: Option<u32>) -> bool {
        let pattern = &self.memo[kind].pattern;
        let is_tight = |id| {
            let device = state.fleet().get(id);
            device.is_some_and(|device| 2 * pattern.qubits() > device.epoch.usable.len())
        };
        if !self.strategy.capabilities().steady
            || pattern.is_region()
            || pattern.qubits() <= GLANCE_QUBITS_MAX
            || !is_tight(id)
        {
            return false;
        }
        !self.surely_embeds(state, kind, id) && self.on_empty(state, kind, id, max_swaps) == WhenEmpty::Never
    }

    /// Whether and how well a device could take a job of the kind if it were empty.
    pub fn when_empty(&mut self, state: &State, kind: KindId, id: DeviceId) -> WhenEmpty {
        let max_swaps = self.max_swaps(state, kind);
        self.on_empty(state, kind, id, max_swaps)
    }

    /// The same with so many SWAP gates allowed.
    fn on_empty(&mut self, state: &State, kind: KindId, id: DeviceId, max_swaps: Option<u32>) -> WhenEmpty {
        let Some(device) = state.fleet().get(id) else {
            return WhenEmpty::Never;
        };
        let kind = &mut self.memo[kind];
        if device.leaving || kind.excluded.contains(&id) {
            return WhenEmpty::Never;
        }
        if let Some(known) = kind.when_empty(id, device.epoch.revision, max_swaps) {
            return known;
        }
        let pattern = kind.pattern.clone();
        let (mask, demands) = kind.on_device(id, &device.epoch);
        let known = if mask.qubits.len() < pattern.qubits() {
            WhenEmpty::Never
        } else {
            let request = PlacementRequest {
                epoch: &device.epoch,
                free: &mask.qubits,
                barred_couplers: mask.barred_couplers.as_deref(),
                pattern: &pattern,
                budget: state.config().placement_budget,
                objective: Objective::of(&state.config().placement),
                max_swaps,
                when_empty: Some(&mask.qubits),
            };
            let mut strategies = Strategies { configured: &mut *self.strategy, exact: &mut self.exact };
            match strategies.place(&request, demands) {
                Ok(Fit { placement, .. }) => {
                    // Per qubit, so that a device is not dearer for having room for more.
                    let share = u128::from(placement.cost) * pattern.qubits() as u128;
                    WhenEmpty::Possible(Some((share / placement.layout.len().max(1) as u128) as u64))
                }
                Err(Refusal::NoPlacement) => WhenEmpty::Never,
                Err(Refusal::BudgetExhausted | Refusal::Illegal) => WhenEmpty::Possible(None),
                Err(Refusal::BelowBound(shortfall)) => WhenEmpty::BelowBound(shortfall),
            }
        };
        kind.set_when_empty(id, device.epoch.revision, max_swaps, known);
        known
    }
}
