//! What a device could do for a class of jobs if it were empty: whether waiting makes sense, whether routing is needed,
//! and what a bound out of reach lacks.
//!
//! Promises answers that follow from published figures alone, remembered until these change. Whether anything fits is
//! answered without a search for the best: on a device that couples all pairs that search may never end, and waiting
//! jobs ask anew after every calibration. Leaves what is free now to the scheduling pass.

use smallvec::SmallVec;

use super::Allocator;
use super::balancing::index::Need;
use super::class::{ClassId, WhenEmpty};
use super::config::{RoutingPolicy, Strategy};
use super::elastic::{Fit, Refusal, Strategies, largest_component};
use super::placement::{Objective, PlacementOutcome, PlacementRequest};
use super::quality::Shortfall;
use crate::quantum::DeviceId;

/// Search steps per qubit in which something is found where it fits easily, as programs do on empty devices.
const SHORT: u64 = 32;

/// Patterns of so many qubits are proved not to fit in a few steps.
const AT_A_GLANCE: usize = 8;

impl Allocator {
    /// Whether any device of the fleet could take a job of the class if it were empty, by published figures.
    pub(super) fn is_feasible(&mut self, class: ClassId) -> bool {
        if let Some((epochs, known)) = self.classes[class].feasible
            && epochs == self.state.fleet.epochs
        {
            return known;
        }
        let mut found = false;
        let mut from = 0;
        // In service first, through the index; then the others.
        let need = Need::Capacity(self.classes[class].pattern.qubits() as u32);
        while let Some(id) = self.state.fleet.index.next(from, need) {
            if self.could_take(class, id) {
                found = true;
                break;
            }
            from = id.index() + 1;
        }
        if !found {
            let ids: SmallVec<[DeviceId; 16]> = self.state.fleet.iter().map(|device| device.id).collect();
            found = ids.into_iter().any(|id| self.could_take(class, id));
        }
        self.classes[class].feasible = Some((self.state.fleet.epochs, found));
        found
    }

    /// What the best device lacks for jobs of the class whose bounds no device meets, if any could place them.
    pub(super) fn best_shortfall(&mut self, class: ClassId) -> Option<Shortfall> {
        let ids: SmallVec<[DeviceId; 16]> = self.state.fleet.iter().map(|device| device.id).collect();
        let known = ids.into_iter().filter_map(|id| match self.when_empty(class, id) {
            WhenEmpty::BelowBound(shortfall) => Some(shortfall),
            WhenEmpty::Never | WhenEmpty::Possible(_) => None,
        });
        known.max_by_key(|shortfall| (shortfall.best, std::cmp::Reverse(shortfall.least)))
    }

    /// How many SWAP gates routing may add to jobs of a class; `Some(0)`: they must embed.
    pub(super) fn max_swaps(&mut self, class: ClassId) -> Option<u32> {
        let limit = self.classes[class].max_swaps;
        if limit == Some(0) || !self.own_strategy && !self.state.config.strategy.routes() {
            return Some(0);
        }
        match self.state.config.placement.routing {
            RoutingPolicy::Never => Some(0),
            RoutingPolicy::Always => limit,
            RoutingPolicy::WhenImpossible => {
                let looks = self.own_strategy || self.state.config.strategy != Strategy::Region;
                if looks && self.embeds(class) { Some(0) } else { limit }
            }
        }
    }

    /// Whether a placement without SWAPs was found for the class on any device of the fleet, taken as empty. One that
    /// is not good enough counts: SWAPs would make it worse.
    fn embeds(&mut self, class: ClassId) -> bool {
        if let Some((epochs, known)) = self.classes[class].embeds
            && epochs == self.state.fleet.epochs
        {
            return known;
        }
        let ids: SmallVec<[DeviceId; 16]> = self.state.fleet.iter().map(|device| device.id).collect();
        let found = |known| matches!(known, WhenEmpty::Possible(Some(_)) | WhenEmpty::BelowBound(_));
        let embeds = ids
            .into_iter()
            .any(|id| self.surely_embeds(class, id) || found(self.on_empty(class, id, Some(0))));
        self.classes[class].embeds = Some((self.state.fleet.epochs, embeds));
        embeds
    }

    /// Whether a device could take a job of the class if it were empty, however well.
    fn could_take(&mut self, class: ClassId, id: DeviceId) -> bool {
        let max_swaps = self.max_swaps(class);
        let any_will_do = max_swaps == Some(0) && !self.classes[class].demands.bounds.has_hard();
        any_will_do && self.surely_embeds(class, id) || self.on_empty(class, id, max_swaps).is_possible()
    }

    /// Whether a short search finds the class a placement without SWAPs on the empty device, good or bad. A longer one
    /// goes the same way to begin with, and finds one as well.
    fn surely_embeds(&mut self, class: ClassId, id: DeviceId) -> bool {
        let Some(device) = self.state.fleet.get(id) else { return false };
        let class = &mut self.classes[class];
        // A strategy of the caller's own may go another way.
        if self.own_strategy || class.excluded.contains(&id) {
            return false;
        }
        let revision = device.epoch.revision;
        if class.when_empty(id, revision, Some(0)).is_some() {
            return false;
        }
        if let Some(known) = class.surely_embeds(id, revision) {
            return known;
        }
        let pattern = class.pattern.clone();
        let (mask, ..) = class.on_device(id, &device.epoch);
        let request = PlacementRequest {
            epoch: &device.epoch,
            free: &mask.qubits,
            barred_couplers: mask.barred_couplers.as_deref(),
            pattern: &pattern,
            budget: self.state.config.placement_budget.min(SHORT * pattern.qubits() as u64),
            objective: Objective::of(&self.state.config.placement),
            max_swaps: Some(0),
            when_empty: Some(&mask.qubits),
        };
        let found = if pattern.is_region() && self.state.config.strategy != Strategy::FixedRegions {
            // They all find a region wherever there is one.
            largest_component(&request) as usize >= pattern.qubits()
        } else {
            let outcome = self.strategy.place(&request).outcome;
            matches!(outcome, PlacementOutcome::Optimal(_) | PlacementOutcome::Feasible { .. })
        };
        class.set_surely_embeds(id, revision, found);
        found
    }

    /// Whether the class is known not to fit the device even when it is empty, so that no part of it need be searched:
    /// for a program that takes most of a device to prove so may take ten thousand times the steps of finding a placement, and jobs that fit
    /// elsewhere would ask again whenever something ends.
    pub(super) fn never_fits(&mut self, class: ClassId, id: DeviceId, max_swaps: Option<u32>) -> bool {
        let pattern = &self.classes[class].pattern;
        let is_tight = |id| {
            let device = self.state.fleet.get(id);
            device.is_some_and(|device| 2 * pattern.qubits() > device.epoch.usable.len())
        };
        if self.own_strategy || pattern.is_region() || pattern.qubits() <= AT_A_GLANCE || !is_tight(id) {
            return false;
        }
        !self.surely_embeds(class, id) && self.on_empty(class, id, max_swaps) == WhenEmpty::Never
    }

    /// Whether and how well a device could take a job of the class if it were empty.
    pub(super) fn when_empty(&mut self, class: ClassId, id: DeviceId) -> WhenEmpty {
        let max_swaps = self.max_swaps(class);
        self.on_empty(class, id, max_swaps)
    }

    /// The same with so many SWAP gates allowed.
    fn on_empty(&mut self, class: ClassId, id: DeviceId, max_swaps: Option<u32>) -> WhenEmpty {
        let Some(device) = self.state.fleet.get(id) else {
            return WhenEmpty::Never;
        };
        let class = &mut self.classes[class];
        if class.excluded.contains(&id) {
            return WhenEmpty::Never;
        }
        if let Some(known) = class.when_empty(id, device.epoch.revision, max_swaps) {
            return known;
        }
        let pattern = class.pattern.clone();
        let (mask, demands, _) = class.on_device(id, &device.epoch);
        let known = if mask.qubits.len() < pattern.qubits() {
            WhenEmpty::Never
        } else {
            let request = PlacementRequest {
                epoch: &device.epoch,
                free: &mask.qubits,
                barred_couplers: mask.barred_couplers.as_deref(),
                pattern: &pattern,
                budget: self.state.config.placement_budget,
                objective: Objective::of(&self.state.config.placement),
                max_swaps,
                when_empty: Some(&mask.qubits),
            };
            let is_exact = !self.own_strategy && self.state.config.strategy.is_exact();
            let mut strategies =
                Strategies { configured: &mut *self.strategy, is_exact, exact: &mut self.exact };
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
        class.set_when_empty(id, device.epoch.revision, max_swaps, known);
        known
    }
}
