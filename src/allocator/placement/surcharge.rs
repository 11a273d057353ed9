//! What a placement costs besides its noise: openness that others need, and crosstalk expected from jobs beside it.
//!
//! Promises surcharges per qubit and per coupler, so that an exact search stays exact, as a function of the free
//! qubits, the calibration and the jobs that run. Leaves their weights to the configuration.

use super::cost::{Epoch, NAT};
use super::openness::{NEIGHBOUR, Walks, openness};
use super::{Objective, PlacementRequest};
use crate::allocator::config::PlacementConfig;
use crate::allocator::isolation::crosstalk::{Holders, expected_share, is_expected};
use crate::allocator::protocol::PromisedIsolation;
use crate::allocator::state::calendar::Calendar;
use crate::quantum::device::Technology;
use crate::quantum::{CouplerId, QubitSet};

/// What the openness on the empty device counts beside that among the free qubits: half. Keeps jobs at the rim, where
/// they are in nobody's way later on. From the loss system (`benches/loss_system.rs`).
const STANDING_SHIFT: u32 = 1;

/// Qubits of the job for which the weight of fragmentation is meant, with one gate for each interaction. A wider job
/// pays in proportion: what it breaks up is in proportion to its size, and so is its noise, while results count by job;
/// and so does one with more gates, or else the weight would mean the less the deeper programs are.
const REFERENCE_QUBITS: f64 = 10.0;

/// Largest surcharge of one element, 32 nats: far above any noise, and sums over a thousand qubits do not overflow.
const SURCHARGE_MAX: u64 = 1 << 53;

/// The qubits of each job whose gates may disturb a job with the given promise: all that run on a superconducting
/// device, if there is no buffer. With a buffer all driven couplers are two or more couplers away, where they disturb
/// all places about alike (by 5 % of the error), so that there is nothing to choose; but for those of jobs of its party, which
/// may be as near as any.
pub fn beside<'q>(
    promised: &PromisedIsolation,
    technology: Technology,
    calendar: &'q Calendar,
) -> impl Iterator<Item = &'q QubitSet> {
    let PromisedIsolation { buffer_distance, party, .. } = *promised;
    let all = calendar.allocations().map(|(_, booking)| booking).filter(move |_| is_expected(technology));
    all.filter(move |booking| buffer_distance == 0 || booking.apart(buffer_distance, party) == 0)
        .map(|booking| &booking.qubits)
}

/// Computes surcharges; holds buffers that they do not depend on.
#[derive(Debug, Default)]
pub struct Surcharges {
    walks: Walks,
    qubits: Vec<u64>,
    couplers: Vec<u64>,
    holders: Holders,
}

impl Surcharges {
    /// What a placement costs by the weights of a configuration.
    ///
    /// `beside` are the qubits of each job whose gates may disturb this one, see [`beside`].
    pub fn objective<'a, 'q>(
        &'a mut self,
        weights: &PlacementConfig,
        request: &PlacementRequest<'_>,
        beside: impl Iterator<Item = &'q QubitSet>,
    ) -> Objective<'a> {
        let fragmentation =
            weights.fragmentation_weight > 0.0 && self.fragmentation(weights.fragmentation_weight, request);
        let crosstalk = weights.crosstalk_weight > 0.0
            && self.crosstalk(weights.crosstalk_weight, request.epoch, request.free, beside);
        Objective {
            qubits: fragmentation.then_some(&self.qubits),
            crosstalk: crosstalk.then_some(&self.couplers),
            ..Objective::of(weights)
        }
    }

    /// Computes the surcharge per qubit, if there is one.
    fn fragmentation(&mut self, weight: f64, request: &PlacementRequest<'_>) -> bool {
        let epoch = request.epoch;
        if epoch.is_complete() {
            return false;
        }
        openness(epoch.live(), request.free, request.barred_couplers, &mut self.walks);
        let share =
            request.pattern.qubits() as f64 / REFERENCE_QUBITS * epoch.relative_noise(request.pattern);
        let per_neighbour = (weight * NAT * share).round() as u64;
        let cost = |open: u64| {
            // Nearly always the product fits.
            let cost = match per_neighbour.checked_mul(open) {
                Some(product) => product / NEIGHBOUR,
                None => (u128::from(per_neighbour) * u128::from(open) / u128::from(NEIGHBOUR)) as u64,
            };
            cost.min(SURCHARGE_MAX)
        };
        self.qubits.clear();
        let both = self.walks.values.iter().zip(&epoch.openness);
        self.qubits.extend(both.map(|(&now, &standing)| cost(now + (standing >> STANDING_SHIFT))));
        true
    }

    /// Computes the surcharge per coupler, if there is one.
    fn crosstalk<'q>(
        &mut self,
        weight: f64,
        epoch: &Epoch,
        free: &QubitSet,
        beside: impl Iterator<Item = &'q QubitSet>,
    ) -> bool {
        self.holders.load(epoch.qubits(), beside);
        self.couplers.clear();
        self.couplers.resize(epoch.coupler_cost.len(), 0);
        let mut any = false;
        for (index, &(a, b)) in epoch.map.couplers().iter().enumerate() {
            let coupler = CouplerId(index as u32);
            if free.contains(a) && free.contains(b) && epoch.is_usable(coupler) {
                let driven = self.holders.driven_beside(epoch, a, b, &[]);
                if driven > 0 {
                    let share = weight * expected_share(driven);
                    // The cast saturates.
                    let added = (share * epoch.coupler_cost[index] as f64).round() as u64;
                    self.couplers[index] = added.min(SURCHARGE_MAX);
                    any = true;
                }
            }
        }
        any
    }
}

#[cfg(test)]
mod tests {
    use super::super::pattern::Pattern;
    use super::super::testing::epoch;
    use super::*;
    use crate::allocator::protocol::Topology;
    use crate::quantum::PhysicalQubit;
    use crate::quantum::coupling_map::CouplingMap;

    fn weights(fragmentation_weight: f64, crosstalk_weight: f64) -> PlacementConfig {
        PlacementConfig { fragmentation_weight, crosstalk_weight, ..PlacementConfig::default() }
    }

    fn line(qubits: u32) -> Epoch {
        let map = CouplingMap::new(qubits, (1..qubits).map(|q| (q - 1, q))).unwrap();
        epoch(map, &vec![0.01; qubits as usize], &vec![0.01; qubits as usize - 1])
    }

    fn set(epoch: &Epoch, qubits: impl IntoIterator<Item = u32>) -> QubitSet {
        QubitSet::from_qubits(epoch.qubits(), qubits.into_iter().map(PhysicalQubit))
    }

    #[test]
    fn dead_ends_are_cheap_and_wide_jobs_pay_more() {
        let epoch = line(9);
        let mut surcharges = Surcharges::default();
        let free = set(&epoch, [0, 1, 2, 4, 5, 6, 7, 8]);
        let added = |surcharges: &mut Surcharges, width| {
            let none = std::iter::empty();
            let pattern = Pattern::new(&Topology::Line, width);
            let request = PlacementRequest::new(&epoch, &free, &pattern);
            let objective = surcharges.objective(&weights(0.01, 0.0), &request, none);
            objective.qubits.expect("a weight above 0").to_vec()
        };
        let narrow = added(&mut surcharges, 10);
        assert!(narrow[0] < narrow[1] && narrow[2] < narrow[4] && narrow[8] < narrow[4]);
        let wide = added(&mut surcharges, 20);
        assert!(narrow.iter().zip(&wide).all(|(narrow, wide)| wide.abs_diff(2 * narrow) <= 16));
        // One free neighbour costs the weight at least, and less than what all walks beyond it may add.
        let nats = narrow[0] as f64 / NAT;
        assert!((0.01..0.1).contains(&nats), "{nats}");
    }

    #[test]
    fn couplers_beside_driven_ones_cost_more() {
        let epoch = line(9);
        let mut surcharges = Surcharges::default();
        let free = set(&epoch, [0, 1, 2, 5, 6, 7, 8]);
        let jobs = [set(&epoch, [3, 4])];
        let pattern = Pattern::new(&Topology::Line, 2);
        let request = PlacementRequest::new(&epoch, &free, &pattern);
        let objective = surcharges.objective(&weights(0.0, 1.0), &request, jobs.iter());
        assert_eq!(objective.qubits, None);
        let added = objective.crosstalk.expect("a job is beside");
        let shown: Vec<String> = added.iter().map(|&added| format!("{:.5}", added as f64 / NAT)).collect();
        insta::assert_snapshot!(shown.join(" "), @"0.00000 0.00340 0.00000 0.00000 0.00000 0.00340 0.00000 0.00000");
        // Two jobs side by side drive no coupler between them, and a job on one qubit drives none at all.
        let single = [set(&epoch, [3]), set(&epoch, [4])];
        let objective = surcharges.objective(&weights(0.0, 1.0), &request, single.iter());
        assert_eq!(objective, Objective::default());
    }

    #[test]
    fn nothing_is_broken_up_where_all_qubits_are_neighbours() {
        let map = CouplingMap::all_to_all(6).unwrap();
        let epoch = epoch(map, &[0.01; 6], &[0.01; 15]);
        let mut surcharges = Surcharges::default();
        let free = QubitSet::full(6);
        let pattern = Pattern::new(&Topology::Line, 3);
        let request = PlacementRequest::new(&epoch, &free, &pattern);
        let objective = surcharges.objective(&weights(1.0, 0.0), &request, std::iter::empty());
        assert_eq!(objective, Objective::default());
    }
}
