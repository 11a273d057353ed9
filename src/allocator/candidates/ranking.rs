//! Orders of devices that look at all of them at once: by when a job would end there, what it costs, or a sum of such.
//!
//! Promises each candidate once, the best first, and an order that follows from the figures alone; of equals the less
//! loaded one is first, then the one with the lower number. Leaves to [`super::figures`] where the figures come from.

use crate::allocator::config::ScoreWeights;
use crate::quantum::DeviceId;
use crate::time::Time;

/// What must be known of each candidate besides its load.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Figures {
    /// When the job would end.
    pub end: bool,
    /// What it would cost.
    pub price: bool,
    /// How much fidelity it would lose: searches a placement for each kind of job on each device, once per calibration.
    pub loss: bool,
}

/// A device that meets the need of a job, and what was asked about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Which one.
    pub id: DeviceId,
    /// Qubits held and waited for, in millionths of the usable ones.
    pub load_ppm: u64,
    /// When the job is expected to end there.
    pub end: Option<Time>,
    /// What the job is expected to cost there, in the parts of [`crate::quantum::price::Price::of`]; `None`: nobody knows.
    pub price: Option<u128>,
    /// Loss of predicted fidelity on the empty device, in [parts](crate::allocator::placement::cost::in_parts) in which devices
    /// without noise are equal; `None`: nobody knows.
    pub loss: Option<u64>,
}

/// An order of all candidates of one job.
pub trait Ranking: Send {
    /// What it must know of them.
    fn looks_at(&self) -> Figures;

    /// A number for each, in the same order; the least is tried first.
    fn keys(&self, candidates: &[Candidate]) -> Vec<u128>;
}

/// The candidates, the best one first.
pub fn ranked(ranking: &dyn Ranking, candidates: &[Candidate]) -> Vec<DeviceId> {
    let keys = ranking.keys(candidates);
    let mut order: Vec<(u128, u64, DeviceId)> =
        keys.into_iter().zip(candidates).map(|(key, of)| (key, of.load_ppm, of.id)).collect();
    order.sort_unstable();
    order.into_iter().map(|(_, _, id)| id).collect()
}

/// Where the job is expected to end first.
#[derive(Debug)]
pub struct EarliestCompletion;

impl Ranking for EarliestCompletion {
    fn looks_at(&self) -> Figures {
        Figures { end: true, ..Figures::default() }
    }

    fn keys(&self, candidates: &[Candidate]) -> Vec<u128> {
        candidates.iter().map(|of| of.end.map_or(u128::MAX, |end| u128::from(end.0))).collect()
    }
}

/// Where the job costs least.
#[derive(Debug)]
pub struct Cheapest;

impl Ranking for Cheapest {
    fn looks_at(&self) -> Figures {
        Figures { price: true, ..Figures::default() }
    }

    fn keys(&self, candidates: &[Candidate]) -> Vec<u128> {
        candidates.iter().map(|of| of.price.unwrap_or(u128::MAX)).collect()
    }
}

/// Where the weighted sum of all figures is least.
#[derive(Debug)]
pub struct WeightedScore(pub ScoreWeights);

/// The worst of each figure.
const WORST: u128 = 1_000;

/// A loss is the worst if it is by so many parts more than the least, 1 % of the success probability, or more: else devices that
/// are all but equal would be told apart as well as a good one and a bad one.
const LOSS_THAT_COUNTS: u128 = 10;

impl Ranking for WeightedScore {
    fn looks_at(&self) -> Figures {
        let ScoreWeights { load: _, fidelity, completion, price } = self.0;
        Figures { end: completion > 0, price: price > 0, loss: fidelity > 0 }
    }

    fn keys(&self, candidates: &[Candidate]) -> Vec<u128> {
        let ScoreWeights { load, fidelity, completion, price } = self.0;
        let mut keys = vec![0_u128; candidates.len()];
        let mut add = |weight: u32, smallest: u128, figure: &dyn Fn(&Candidate) -> Option<u128>| {
            if weight == 0 {
                return;
            }
            let known = || candidates.iter().filter_map(figure);
            let [least, most] = [known().min().unwrap_or(0), known().max().unwrap_or(0)];
            let most = most.max(least.saturating_add(smallest));
            for (key, of) in keys.iter_mut().zip(candidates) {
                *key += u128::from(weight) * scaled(figure(of), least, most);
            }
        };
        add(load, 0, &|of| Some(u128::from(of.load_ppm)));
        add(fidelity, LOSS_THAT_COUNTS, &|of| of.loss.map(u128::from));
        add(completion, 0, &|of| of.end.map(|end| u128::from(end.0)));
        add(price, 0, &|of| of.price);
        keys
    }
}

/// A figure between the least and the most of all, on a scale from 0 to [`WORST`]; what is not known is the worst.
fn scaled(value: Option<u128>, least: u128, most: u128) -> u128 {
    match value {
        None => WORST,
        Some(_) if most == least => 0,
        Some(value) => {
            let (above, range) = (value - least, most - least);
            // Prices may be so large that a thousand times of them is no number any more.
            above
                .checked_mul(WORST)
                .map_or_else(|| (above / (range / WORST)).min(WORST), |parts| parts / range)
        }
    }
}
