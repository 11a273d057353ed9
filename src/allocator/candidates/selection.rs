//! Device selection: in which order the devices that could take a job are tried.
//!
//! Promises that only devices that meet the need are named, each at most once, and in the end all of them. Leaves
//! preferences and exclusions of the job to [`super::walk`], which asks for the next device until one can place
//! it.

use crate::allocator::candidates::index::{FleetIndex, Need};
use crate::allocator::candidates::named::Named;
use crate::allocator::candidates::own;
use crate::allocator::candidates::ranking::{Cheapest, EarliestCompletion, Ranking, WeightedScore};
use crate::allocator::config::{AllocatorConfig, Selection};
use crate::quantum::DeviceId;

pub use crate::allocator::candidates::selector::{Ask, DeviceSelector};

/// The selector of a configuration.
pub fn configured(config: &AllocatorConfig) -> Box<dyn DeviceSelector> {
    match config.selection {
        Selection::First => Box::new(First),
        Selection::Random => Box::new(Random),
        Selection::RoundRobin => Box::new(RoundRobin),
        Selection::LeastLoaded => Box::new(LeastLoaded),
        Selection::WeightedRoundRobin => Box::new(WeightedRoundRobin),
        Selection::PowerOfTwo => Box::new(PowerOfTwo),
        Selection::EarliestCompletion => Box::new(Ranked(EarliestCompletion)),
        Selection::Cheapest => Box::new(Ranked(Cheapest)),
        Selection::WeightedScore => Box::new(Ranked(WeightedScore(config.score))),
        Selection::BestFidelity => Box::new(BestFidelity),
        Selection::Own(name) => own::selector(name),
    }
}

/// In order of registration.
#[derive(Debug)]
struct First;

impl DeviceSelector for First {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        index.next(named.last().map_or(0, |last| last.index() + 1), ask.need)
    }
}

/// All of them, for comparison.
#[derive(Debug)]
struct BestFidelity;

impl DeviceSelector for BestFidelity {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        First.next(index, ask, named)
    }

    fn compares_all(&self) -> bool {
        true
    }
}

/// Uniformly at random: draws device numbers until one meets the need and was not named, and after 64 misses takes
/// the next such one around the circle.
#[derive(Debug)]
struct Random;

impl DeviceSelector for Random {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        if index.is_empty() {
            return None;
        }
        let fits = |id: &DeviceId| index.meets(*id, ask.need) && !named.contains(*id);
        let mut draw = ask.draw ^ (named.len() as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for _ in 0..64 {
            // The high half of the product maps a 64-bit draw to 0..len without noticeable bias (Lemire 2019).
            draw = draw.wrapping_mul(0xD129_0D2B_6B6C_5E6D).wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mixed = (draw ^ (draw >> 32)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            let id = DeviceId(((u128::from(mixed) * index.len() as u128) >> 64) as u32);
            if fits(&id) {
                return Some(id);
            }
        }
        let start = (draw % index.len() as u64) as usize;
        circle(index, ask.need, start, None, named)
    }
}

/// Each device in turn.
#[derive(Debug)]
struct RoundRobin;

impl DeviceSelector for RoundRobin {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        let start = ask.last_chosen.map_or(0, |last| last.index() + 1);
        circle(index, ask.need, start, named.last(), named)
    }
}

/// The first device from `start` on and around that meets the need and was not named; behind `last`, if that is given.
fn circle(
    index: &FleetIndex,
    need: Need,
    start: usize,
    last: Option<DeviceId>,
    named: &Named,
) -> Option<DeviceId> {
    let start = if start >= index.len() { 0 } else { start };
    let from = last.map_or(start, |last| last.index() + 1);
    let around = last.is_some_and(|last| last.index() < start);
    let new = |id: &DeviceId| !named.contains(*id);
    let mut above = index.meeting(need, if around { index.len() } else { from });
    let mut below = index.meeting(need, if around { from } else { 0 }).take_while(|id| id.index() < start);
    above.find(new).or_else(|| below.find(new))
}

/// The smallest share of qubits in use or asked for first.
#[derive(Debug)]
struct LeastLoaded;

impl DeviceSelector for LeastLoaded {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        index.least_loaded(ask.need, named.last(), named)
    }
}

/// Each device in turn, as often as its weight says.
#[derive(Debug)]
struct WeightedRoundRobin;

impl DeviceSelector for WeightedRoundRobin {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        index.next_turn(ask.need, named.last())
    }
}

/// The less loaded of two that are drawn, the other one, then from the least loaded on.
#[derive(Debug)]
struct PowerOfTwo;

impl DeviceSelector for PowerOfTwo {
    fn names_all(&self) -> bool {
        true
    }

    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        if named.len() > 1 {
            // The first two were drawn, and stand anywhere.
            let after = named.last().filter(|_| named.len() > 2);
            return index.least_loaded(ask.need, after, named);
        }
        let one = Random.next(index, ask, &Named::default())?;
        let other = Random.next(index, ask, &Named::from_iter([one]));
        let drawn = [Some(one), other].into_iter().flatten().filter(|id| !named.contains(*id));
        // Of two that are equally loaded the one that was drawn first.
        drawn.min_by_key(|id| index.load(*id).load_ppm)
    }
}

/// All of them by a ranking.
#[derive(Debug)]
struct Ranked<R>(R);

impl<R: Ranking> DeviceSelector for Ranked<R> {
    fn names_all(&self) -> bool {
        true
    }

    fn ranking(&self) -> Option<&dyn Ranking> {
        Some(&self.0)
    }

    /// The order where nothing but loads is known: by those.
    fn next(&self, index: &FleetIndex, ask: &Ask, named: &Named) -> Option<DeviceId> {
        index.least_loaded(ask.need, named.last(), named)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::candidates::index::Load;
    use crate::allocator::candidates::served::Served;

    fn fleet() -> FleetIndex {
        let mut index = FleetIndex::default();
        for (id, (startable, load_ppm)) in
            [(5, 700), (0, 0), (20, 300), (9, 300), (3, 100)].into_iter().enumerate()
        {
            index.set(DeviceId(id as u32), Load { startable, capacity: 20, load_ppm });
            let weight = [1_000, 500, 500, 3_000, 0][id];
            index.set_served(DeviceId(id as u32), Some(Served::never(weight)));
        }
        index
    }

    /// The order when device 2 was chosen last.
    fn order(selector: &dyn DeviceSelector, index: &FleetIndex, need: Need, draw: u64) -> Vec<u32> {
        order_after(2, selector, index, need, draw)
    }

    fn order_after(
        last: u32,
        selector: &dyn DeviceSelector,
        index: &FleetIndex,
        need: Need,
        draw: u64,
    ) -> Vec<u32> {
        let (mut named, mut order) = (Named::default(), Vec::new());
        let ask = Ask { need, draw, last_chosen: Some(DeviceId(last)) };
        while let Some(id) = selector.next(index, &ask, &named) {
            assert!(named.insert(id), "{id:?} is named twice");
            order.push(id.0);
        }
        order
    }

    #[test]
    fn every_selector_names_each_fitting_device_once() {
        let index = fleet();
        assert_eq!(order(&First, &index, Need::Free(4), 0), [0, 2, 3]);
        assert_eq!(order(&BestFidelity, &index, Need::Free(4), 0), [0, 2, 3]);
        assert_eq!(order(&LeastLoaded, &index, Need::Free(4), 0), [2, 3, 0]);
        assert_eq!(order(&LeastLoaded, &index, Need::Capacity(4), 0), [1, 4, 2, 3, 0]);
        assert_eq!(order(&RoundRobin, &index, Need::Free(4), 0), [3, 0, 2]);
        assert_eq!(order_after(4, &RoundRobin, &index, Need::Free(4), 0), [0, 2, 3]);
        // Their first turns stand at 1/2, 1, 1, 1/6; the last one has none.
        assert_eq!(order(&WeightedRoundRobin, &index, Need::Capacity(4), 0), [3, 0, 1, 2, 4]);
        assert_eq!(order(&WeightedRoundRobin, &index, Need::Free(4), 0), [3, 0, 2]);
        for draw in 0..50 {
            let drawn = order(&PowerOfTwo, &index, Need::Capacity(4), draw);
            let load = |id: u32| index.load(DeviceId(id)).load_ppm;
            assert!(load(drawn[0]) <= load(drawn[1]), "{drawn:?}");
            assert!(drawn[2..].is_sorted_by_key(|id| (load(*id), *id)), "{drawn:?}");
            let mut all = drawn;
            all.sort_unstable();
            assert_eq!(all, [0, 1, 2, 3, 4]);
        }
        for draw in 0..50 {
            let mut named = order(&Random, &index, Need::Free(4), draw);
            named.sort_unstable();
            assert_eq!(named, [0, 2, 3]);
        }
        assert_eq!(order(&First, &index, Need::Free(21), 0), [0_u32; 0]);
    }

    /// Sixty-four draws rarely meet the last one of three hundred; nobody may be forgotten for that.
    #[test]
    fn every_selector_names_all_of_a_large_fleet() {
        let mut index = FleetIndex::default();
        for id in 0..302 {
            let startable = if id % 3 == 1 { 2 } else { 8 };
            index.set(DeviceId(id), Load { startable, capacity: 8, load_ppm: u64::from(id * 37 % 101) });
            index.set_served(DeviceId(id), Some(Served::never(id * 53 % 7)));
        }
        let all: Vec<u32> = (0..302).filter(|id| id % 3 != 1).collect();
        let selectors: [&dyn DeviceSelector; 7] =
            [&First, &BestFidelity, &LeastLoaded, &Random, &RoundRobin, &WeightedRoundRobin, &PowerOfTwo];
        for selector in selectors {
            for draw in 0..5_u64 {
                let mut named =
                    order(selector, &index, Need::Free(4), draw.wrapping_mul(0x9E37_79B9_7F4A_7C15));
                named.sort_unstable();
                assert_eq!(named, all);
            }
        }
    }

    /// The less loaded one of two: of three that are loaded differently the lightest comes first in two of three pairs, the
    /// heaviest never.
    #[test]
    fn power_of_two_takes_the_lighter_of_a_uniform_pair() {
        let index = fleet();
        let family = crate::random::StreamFamily::new(1, 0, crate::random::Purpose::DeviceSelection);
        let mut counts = [0_u32; 5];
        for job in 0..30_000 {
            let ask = Ask { need: Need::Free(4), draw: family.draw(job, 0), last_chosen: None };
            counts[PowerOfTwo.next(&index, &ask, &Named::default()).unwrap().index()] += 1;
        }
        // Devices 2 and 3 are as loaded as each other: the pairs {0, 2}, {0, 3} and {2, 3}, whose first draw decides.
        assert!([2, 3].iter().all(|i| (f64::from(counts[*i]) - 15e3).abs() < 350.0), "{counts:?}");
        assert_eq!((counts[0], counts[1], counts[4]), (0, 0, 0));
    }

    #[test]
    fn random_is_uniform_over_the_fitting_devices() {
        let index = fleet();
        let family = crate::random::StreamFamily::new(1, 0, crate::random::Purpose::DeviceSelection);
        let mut counts = [0_u32; 5];
        for job in 0..30_000 {
            let ask = Ask { need: Need::Free(4), draw: family.draw(job, 0), last_chosen: None };
            counts[Random.next(&index, &ask, &Named::default()).unwrap().index()] += 1;
        }
        // Four standard deviations of a binomial count of 30,000 with p = 1/3.
        assert!([0, 2, 3].iter().all(|i| (f64::from(counts[*i]) - 1e4).abs() < 330.0), "{counts:?}");
        assert_eq!((counts[1], counts[4]), (0, 0));
    }
}
