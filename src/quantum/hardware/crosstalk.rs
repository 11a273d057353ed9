//! Which couplers disturb each other, and by how much: a synthetic map, since no vendor publishes one.
//!
//! Promises a symmetric factor per pair of couplers that depends on (seed, device, pair) alone; nothing is stored here.
//! Leaves to the driver which jobs run at the same time; the couplers of one job do not disturb each other here,
//! because calibrated errors and schedules of a job already account for its own layers.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::draws::uniform;
use crate::quantum::coupling_map::CouplingMap;
use crate::quantum::device::Technology;
use crate::quantum::{CouplerId, DeviceId, PhysicalQubit};
use crate::random::StreamFamily;

/// Crosstalk between two-qubit gates of different jobs.
///
/// Shaped after published ratios of parallel to isolated error: most pairs hardly notice each other, few by up to
/// 11 x, one hop apart (Murali et al., ASPLOS'20; Cirq calibration files of Google Weber: p90 3.0, maximum 6.6).
/// Switch it off for devices whose figures were measured with all couplers driven at once: they hold it already.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct CrosstalkConfig {
    /// Whether jobs disturb each other at all. Default: yes, on superconducting devices.
    pub enabled: bool,
    /// Multiplies what a factor adds: 0 for none, 2 for 1.2 becoming 1.4. At or above 0. Default: 1.
    pub strength: f64,
}

impl Default for CrosstalkConfig {
    fn default() -> Self {
        Self { enabled: true, strength: 1.0 }
    }
}

/// The crosstalk map of one device.
#[derive(Debug, Clone, Copy)]
pub struct Crosstalk {
    streams: StreamFamily,
    device: DeviceId,
    strength: f64,
}

impl Crosstalk {
    /// The map of a device; `streams` are those of [`crate::random::Purpose::Crosstalk`]. Trapped ions, neutral atoms
    /// and simulators have none: their gates are addressed one by one.
    pub fn new(
        config: CrosstalkConfig,
        streams: StreamFamily,
        device: DeviceId,
        technology: Technology,
    ) -> Self {
        let present = config.enabled && technology == Technology::Superconducting && config.strength > 0.0;
        Self { streams, device, strength: if present { config.strength } else { 0.0 } }
    }

    /// Whether any pair disturbs each other.
    pub fn is_present(&self) -> bool {
        self.strength > 0.0
    }

    /// Factor on the two-qubit error of either coupler while the other is driven, at least 1. `distance` is the
    /// number of couplers between the two.
    ///
    /// At distance 1: 90 % of pairs 1.0-1.3, 8 % 1.5-3, 2 % 3-11 (evenly in the logarithm); at distance 2: 1.0-1.1;
    /// beyond: 1. Couplers that share a qubit (distance 0) cannot be driven at the same time: 1.
    pub fn pair_factor(&self, a: CouplerId, b: CouplerId, distance: u32) -> f64 {
        if !self.is_present() || !(1..=2).contains(&distance) {
            return 1.0;
        }
        let pair = u64::from(a.0.min(b.0)) << 32 | u64::from(a.0.max(b.0));
        let u = uniform(self.streams.draw(u64::from(self.device.0), pair));
        // One draw decides on the class and, stretched over the class, on the place inside it.
        let factor = match distance {
            2 => 1.0 + 0.1 * u,
            _ if u < 0.90 => 1.0 + 0.3 * (u / 0.90),
            _ if u < 0.98 => 1.5 + 1.5 * ((u - 0.90) / 0.08),
            _ => 3.0 * libm::pow(11.0 / 3.0, (u - 0.98) / 0.02),
        };
        1.0 + self.strength * (factor - 1.0)
    }

    /// Factor on the two-qubit error of `coupler` while all couplers are driven for which `driven` holds: the largest
    /// over pairs, not the product. Published maps are of pairs, and one strong neighbour dominates (assumption).
    ///
    /// Looks at couplers within distance 2 only: some tens of calls of `driven` on a lattice.
    pub fn factor(&self, map: &CouplingMap, coupler: CouplerId, driven: impl Fn(CouplerId) -> bool) -> f64 {
        let Some(&(a, b)) = map.couplers().get(coupler.index()) else {
            return 1.0;
        };
        if !self.is_present() {
            return 1.0;
        }
        let mut factor = 1.0_f64;
        for_each_nearby(map, a, b, |other, distance| {
            if driven(other) {
                factor = factor.max(self.pair_factor(coupler, other, distance));
            }
        });
        factor
    }

    /// The couplers that disturb `coupler`, each once, with the factor on its two-qubit error while that one is driven:
    /// what [`Self::factor`] asks for, to be kept by those who ask often.
    pub fn disturbers(&self, map: &CouplingMap, coupler: CouplerId) -> Vec<(CouplerId, f64)> {
        let mut disturbers: Vec<(CouplerId, f64)> = Vec::new();
        let Some(&(a, b)) = map.couplers().get(coupler.index()).filter(|_| self.is_present()) else {
            return disturbers;
        };
        for_each_nearby(map, a, b, |other, distance| {
            let factor = self.pair_factor(coupler, other, distance);
            match disturbers.iter_mut().find(|(known, _)| *known == other) {
                Some((_, known)) => *known = known.max(factor),
                None => disturbers.push((other, factor)),
            }
        });
        disturbers
    }

    /// The factor of each of a job's couplers, in their order, into `factors`; `driven` tells the couplers of the jobs
    /// that run at the same time.
    pub fn factors(
        &self,
        map: &CouplingMap,
        couplers: impl IntoIterator<Item = CouplerId>,
        driven: impl Fn(CouplerId) -> bool,
        factors: &mut Vec<f64>,
    ) {
        factors.clear();
        factors.extend(couplers.into_iter().map(|coupler| self.factor(map, coupler, &driven)));
    }
}

/// Visits every coupler at distance 1 or 2 from the coupler (a, b), once or more, with its distance.
fn for_each_nearby(
    map: &CouplingMap,
    a: PhysicalQubit,
    b: PhysicalQubit,
    mut visit: impl FnMut(CouplerId, u32),
) {
    let mut ring: SmallVec<[PhysicalQubit; 16]> = SmallVec::new();
    for end in [a, b] {
        for &(near, _) in map.neighbours(end) {
            if near != a && near != b && !ring.contains(&near) {
                ring.push(near);
            }
        }
    }
    for &near in &ring {
        for &(far, coupler) in map.neighbours(near) {
            if far == a || far == b {
                continue;
            }
            visit(coupler, 1);
            if ring.contains(&far) {
                continue;
            }
            for &(beyond, coupler) in map.neighbours(far) {
                if !ring.contains(&beyond) {
                    visit(coupler, 2);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::quantum::QubitSet;
    use crate::random::Purpose;

    fn crosstalk(seed: u64, config: CrosstalkConfig) -> Crosstalk {
        let streams = StreamFamily::new(seed, 0, Purpose::Crosstalk);
        Crosstalk::new(config, streams, DeviceId(2), Technology::Superconducting)
    }

    /// Validation: shares and ranges of the generated factors over 200,000 pairs.
    #[test]
    fn the_factors_have_the_published_shape() {
        let map = crosstalk(3, CrosstalkConfig::default());
        let (mut low, mut middle, mut high) = (0, 0, 0);
        let pairs = 200_000;
        for pair in 0..pairs {
            let (a, b) = (CouplerId(pair % 500), CouplerId(500 + pair / 500));
            let factor = map.pair_factor(a, b, 1);
            assert_eq!(factor, map.pair_factor(b, a, 1));
            assert!((1.0..=1.1).contains(&map.pair_factor(a, b, 2)));
            match factor {
                1.0..=1.3 => low += 1,
                1.5..3.0 => middle += 1,
                3.0..=11.0 => high += 1,
                _ => panic!("factor {factor} between the classes"),
            }
        }
        let share = |count: u32| f64::from(count) / f64::from(pairs);
        assert!((share(low) - 0.90).abs() < 0.003, "{}", share(low));
        assert!((share(middle) - 0.08).abs() < 0.003, "{}", share(middle));
        assert!((share(high) - 0.02).abs() < 0.002, "{}", share(high));
    }

    #[test]
    fn the_disturbers_of_a_coupler_give_its_factor() {
        let map = CouplingMap::heavy_hex(3, 8).unwrap();
        let crosstalk = crosstalk(4, CrosstalkConfig::default());
        let mut above = 0;
        for coupler in (0..map.couplers().len() as u32).map(CouplerId) {
            let driven = |other: CouplerId| other.0.is_multiple_of(3);
            let disturbers = crosstalk.disturbers(&map, coupler);
            let factors = disturbers.iter().filter(|(other, _)| driven(*other)).map(|(_, factor)| *factor);
            let factor = factors.fold(1.0, f64::max);
            assert_eq!(factor, crosstalk.factor(&map, coupler, driven));
            above += u32::from(factor > 1.0);
        }
        assert!(above > 10);
    }

    #[test]
    fn ions_simulators_and_a_strength_of_zero_have_none() {
        let streams = StreamFamily::new(0, 0, Purpose::Crosstalk);
        let map = CouplingMap::grid(4, 4).unwrap();
        for technology in [Technology::TrappedIon, Technology::Simulator] {
            let none = Crosstalk::new(CrosstalkConfig::default(), streams, DeviceId(0), technology);
            assert_eq!(none.factor(&map, CouplerId(0), |_| true), 1.0);
        }
        let none = crosstalk(0, CrosstalkConfig { strength: 0.0, ..CrosstalkConfig::default() });
        assert!(!none.is_present());
        let double = crosstalk(0, CrosstalkConfig { strength: 2.0, ..CrosstalkConfig::default() });
        let single = crosstalk(0, CrosstalkConfig::default());
        let [one, two] = [single, double].map(|map| map.pair_factor(CouplerId(1), CouplerId(9), 1));
        assert!((two - 1.0 - 2.0 * (one - 1.0)).abs() < 1e-12 && one > 1.0);
    }

    proptest! {
        /// Oracle: the largest pair factor over all driven couplers, with distances from the coupling map.
        #[test]
        fn the_neighbourhood_search_agrees_with_all_pairs(
            n in 2_u32..25, extra in proptest::collection::vec((0_u32..25, 0_u32..25), 0..40),
            driven in proptest::collection::vec(any::<bool>(), 70), seed: u64
        ) {
            let couplers = (1..n).map(|q| (q - 1, q)).chain(extra.into_iter().filter(|(a, b)| a != b && a.max(b) < &n));
            let map = CouplingMap::new(n, couplers).unwrap();
            let crosstalk = crosstalk(seed, CrosstalkConfig::default());
            let ends = |coupler: CouplerId| {
                let (a, b) = map.couplers()[coupler.index()];
                QubitSet::from_qubits(map.qubits(), [a, b])
            };
            let all: Vec<CouplerId> = (0..map.couplers().len() as u32).map(CouplerId).collect();
            let mut found = Vec::new();
            crosstalk.factors(&map, all.iter().copied(), |coupler| driven[coupler.index()], &mut found);
            for &victim in &all {
                let expected = all.iter().filter(|other| driven[other.index()]).map(|&other| {
                    crosstalk.pair_factor(victim, other, map.distance(&ends(victim), &ends(other)).unwrap_or(99))
                });
                prop_assert_eq!(found[victim.index()], expected.fold(1.0, f64::max));
            }
        }
    }
}
