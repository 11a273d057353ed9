//! How long jobs are taken to run: as long as they say or, where they say nothing, by what is published of the device and
//! was reported from it.
//!
//! Promises whole nanoseconds, computed in integers, and that whatever was reported is less than a few dozen numbers per
//! device. Leaves how long jobs really run to the hardware: nothing here has seen it before it is reported.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::allocator::config::{AllocatorConfig, WalltimeEstimate};
use crate::allocator::protocol::JobRequest;
use crate::quantum::published_time::PublishedTime;
use crate::time::Span;

/// Ratios are counted in so many parts.
const PARTS: u64 = 1 << 16;

/// A report counts for one part in so many of what is known of its class.
const WEIGHT: u64 = 8;

/// Most that jobs can take of what is published, and least.
const RATIOS: std::ops::RangeInclusive<u64> = 1..=PARTS << 20;

/// How long jobs on one device have taken, in proportion to what is published of it.
///
/// In classes: jobs for which by what is published two to the same power of nanoseconds are needed. So a constant that
/// is left out in what is published (time to load, to transfer) shows in short jobs, and not in long ones.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedTimes {
    /// By class, in parts: a mean in which later reports weigh more.
    ratios: BTreeMap<u8, u64>,
}

/// The class of jobs that need so long by what is published.
pub fn class_of(published: Span) -> u8 {
    published.0.checked_ilog2().map_or(0, |power| power as u8)
}

impl ReportedTimes {
    /// A job that needs this long by what is published has taken that long.
    pub(super) fn learn(&mut self, published: Span, reported: Span) {
        let parts = u128::from(reported.0) * u128::from(PARTS) / u128::from(published.0.max(1));
        let ratio = u64::try_from(parts).unwrap_or(u64::MAX).clamp(*RATIOS.start(), *RATIOS.end());
        let known = self.ratios.entry(class_of(published)).or_insert(ratio);
        *known = (*known * (WEIGHT - 1) + ratio + WEIGHT / 2) / WEIGHT;
    }

    /// How long a job takes that needs this long by what is published: by the nearest class of which something is known, of
    /// two the one of shorter jobs; and no less than any shorter job takes.
    pub fn corrected(&self, published: Span) -> Span {
        let class = class_of(published);
        let mut least = Span::ZERO;
        let mut known = self.ratios.iter().peekable();
        while let Some((&at, &ratio)) = known.next() {
            // The classes from there on are nearer to the next one.
            match known.peek().map(|(next, _)| (at + **next) / 2 + 1).filter(|next| *next <= class) {
                Some(next) => least = least.max(scale(Span((1 << next) - 1), ratio, PARTS)),
                None => return least.max(scale(published, ratio, PARTS)),
            }
        }
        published
    }

    /// Whether nothing was reported.
    pub fn is_empty(&self) -> bool {
        self.ratios.is_empty()
    }

    /// How long jobs of one class take together, by the nearest class of which something is known.
    pub(super) fn corrected_sum(&self, class: u8, published: u128) -> u128 {
        let distance = |known: &u8| (known.abs_diff(class), *known);
        let nearest = self.ratios.iter().min_by_key(|(known, _)| distance(known));
        // Less than 2^64 jobs of less than 2^64 ns on less than 2^32 qubits: the largest number is far beyond any.
        nearest.map_or(published, |(_, ratio)| {
            (published / u128::from(PARTS)).saturating_mul(u128::from(*ratio))
                + published % u128::from(PARTS) * u128::from(*ratio) / u128::from(PARTS)
        })
    }

    /// Whether the books are what reports can make them, as they are unless they were read from made-up bytes.
    pub(super) fn is_consistent(&self) -> bool {
        self.ratios.iter().all(|(class, ratio)| *class < 64 && RATIOS.contains(ratio))
    }
}

fn scale(span: Span, by: u64, parts: u64) -> Span {
    let scaled = u128::from(span.0) * u128::from(by) / u128::from(parts);
    Span(u64::try_from(scaled).unwrap_or(u64::MAX))
}

/// How long a job takes by what is published of its device, in so many copies, which share its shots.
pub fn published(times: &PublishedTime, request: &JobRequest, copies: u32) -> Span {
    let JobRequest { circuits, shots, depth, .. } = *request;
    times.execution_time(circuits, shots.div_ceil(u64::from(copies.max(1))), depth)
}

/// How long an attempt is taken to hold its qubits, if anybody can tell: `published` by what is published of its device.
pub fn planned(
    config: &AllocatorConfig,
    reported: &ReportedTimes,
    request: &JobRequest,
    published: impl FnOnce() -> Span,
) -> Option<Span> {
    match (request.estimated_duration, config.estimate()) {
        (Some(stated), _) => Some(Span(stated.0.saturating_add(config.walltime.grace.0))),
        (None, WalltimeEstimate::None) => None,
        (None, WalltimeEstimate::Model(factor)) => {
            let parts = (factor * PARTS as f64).round() as u64;
            // Nobody takes no time: who does would be in the way of nothing.
            Some(scale(reported.corrected(published()), parts, PARTS).max(Span(1)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn near(found: Span, seconds: f64) {
        let found = found.as_secs_f64();
        assert!((found / seconds - 1.0).abs() < 1e-3, "{found} is not about {seconds}");
    }

    #[test]
    fn reports_correct_the_class_that_they_are_of_and_those_near_it() {
        let seconds = Span::from_secs;
        let mut times = ReportedTimes::default();
        assert_eq!(times.corrected(seconds(10)), seconds(10), "nothing is known");
        times.learn(seconds(10), seconds(30));
        for published in [1, 10, 100_000] {
            assert_eq!(times.corrected(seconds(published)), seconds(3 * published));
        }
        // A constant that is not published: 5 s more, for everybody.
        for _ in 0..400 {
            times.learn(seconds(1), seconds(6));
            times.learn(seconds(1_000), seconds(1_005));
        }
        near(times.corrected(seconds(1)), 6.0);
        near(times.corrected(seconds(1_000)), 1_005.0);
        assert_eq!(times.corrected(seconds(10)), seconds(30));
        // Nearer to the long ones than to the short ones.
        near(times.corrected(seconds(500)), 502.5);
        assert!(times.is_consistent());
    }

    #[test]
    fn who_asks_for_more_is_not_taken_to_need_less() {
        let mut times = ReportedTimes::default();
        for (published, reported) in [(3, 300), (40, 50), (1_000, 90_000), (6_000, 7_000), (1 << 40, 1)] {
            times.learn(Span(published), Span(reported));
        }
        let mut before = Span::ZERO;
        let powers = (0..64).flat_map(|power| [(1_u64 << power) - 1, 1 << power, (1 << power) + 1]);
        for published in (0..20_000).chain(powers.filter(|published| *published > 20_000)) {
            let now = times.corrected(Span(published));
            assert!(now >= before, "{published}: {now:?} after {before:?}");
            before = now;
        }
    }

    #[test]
    fn later_reports_weigh_more() {
        let seconds = Span::from_secs;
        let mut times = ReportedTimes::default();
        for _ in 0..50 {
            times.learn(seconds(10), seconds(10));
        }
        times.learn(seconds(10), seconds(90));
        near(times.corrected(seconds(10)), 20.0);
        for _ in 0..50 {
            times.learn(seconds(10), seconds(90));
        }
        near(times.corrected(seconds(10)), 89.91);
    }

    #[test]
    fn whatever_is_reported_stays_in_range() {
        let mut times = ReportedTimes::default();
        let extremes = [Span::ZERO, Span(1), Span(u64::MAX)];
        for published in extremes {
            for reported in extremes {
                times.learn(published, reported);
                assert!(times.is_consistent());
                times.corrected(published);
            }
        }
        assert_eq!(times.corrected(Span::ZERO), Span::ZERO);
    }
}
