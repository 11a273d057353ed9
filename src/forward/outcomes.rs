//! How earlier estimates turned out, and what that makes of the next ones.
//!
//! The distance of a start from the median that was drawn for it, in proportion to the half of the range on its side, is kept.
//! The same share of the distances of jobs that had about as long to wait lies within the range that is told. (This is split
//! conformal prediction with scaled residuals, by neighbours and as time goes on; it needs no law of anything.)

use indexmap::IndexMap;
use rustc_hash::FxBuildHasher;

use super::estimate::StartRange;
use super::latest::Latest;
use crate::allocator::protocol::JobId;
use crate::time::{Span, Time};

/// The latest so many are remembered: those of one hour err alike, so that many are needed.
const KEPT: usize = 8192;

/// So many on either side stand for a time to wait.
const NEIGHBOURS: usize = 256;

/// What was drawn counts for so many outcomes: a few hundred that erred alike are one observation.
const DRAWN_COUNTS: usize = 64;

/// A half of a range is no less than this part of the time to wait, and than a second: futures may all be alike.
const LEAST_PART: f64 = 0.02;
const LEAST: f64 = 1e9;

#[derive(Debug, Clone, Copy)]
struct Open {
    made: Time,
    drawn: StartRange,
}

#[derive(Debug, Clone, Copy)]
struct Turned {
    /// Logarithm of the time to wait.
    lead: f64,
    distance: f64,
}

/// The first estimates of jobs, and what became of them.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    open: IndexMap<JobId, Open, FxBuildHasher>,
    turned: Latest<Turned, KEPT>,
    /// By the time to wait, the shortest first.
    sorted: Vec<Turned>,
    changed: bool,
}

/// Distances as they are where ranges are right: evenly from the tenth to the fiftieth to the ninetieth percent, and beyond.
const AS_DRAWN: [f64; DRAWN_COUNTS] = {
    let mut distances = [0.0; DRAWN_COUNTS];
    let mut index = 0;
    while index < DRAWN_COUNTS {
        // From -1.25 to 1.25: -1 and 1 are at ten and ninety percent.
        distances[index] = (index as f64 + 0.5) / DRAWN_COUNTS as f64 * 2.5 - 1.25;
        index += 1;
    }
    distances
};

fn lead(made: Time, at: Time) -> f64 {
    libm::log2(1.0 + at.since(made).as_secs_f64())
}

/// The halves of a range below and above its median, nanoseconds.
fn halves(made: Time, drawn: &StartRange) -> (f64, f64) {
    let least = (drawn.p50.since(made).0 as f64 * LEAST_PART).max(LEAST);
    let half = |span: Span| (span.0 as f64).max(least);
    (half(drawn.p50.since(drawn.p10)), half(drawn.p90.since(drawn.p50)))
}

impl Outcomes {
    /// A job was estimated to start in this range, for the first time or again.
    pub(super) fn estimated(&mut self, job: JobId, made: Time, drawn: Option<StartRange>) {
        if let Some(drawn) = drawn {
            self.open.entry(job).or_insert(Open { made, drawn });
        }
    }

    pub(super) fn started(&mut self, job: JobId, at: Time) {
        let Some(Open { made, drawn }) = self.open.swap_remove(&job) else { return };
        let (below, above) = halves(made, &drawn);
        let distance = if at >= drawn.p50 {
            at.since(drawn.p50).0 as f64 / above
        } else {
            -(drawn.p50.since(at).0 as f64) / below
        };
        self.turned.add(Turned { lead: lead(made, drawn.p50), distance });
        self.changed = true;
    }

    pub(super) fn ended(&mut self, job: JobId) {
        self.open.swap_remove(&job);
    }

    /// A range as those before it turned out.
    pub(super) fn corrected(&mut self, now: Time, drawn: StartRange) -> StartRange {
        if std::mem::take(&mut self.changed) {
            self.sorted.clear();
            self.sorted.extend(self.turned.iter());
            self.sorted.sort_by(|a, b| a.lead.total_cmp(&b.lead));
        }
        let to_wait = lead(now, drawn.p50);
        let shorter = self.sorted.partition_point(|turned| turned.lead < to_wait);
        let no_longer = self.sorted.partition_point(|turned| turned.lead <= to_wait);
        let at = shorter.midpoint(no_longer);
        let (from, to) = (at.saturating_sub(NEIGHBOURS), (at + NEIGHBOURS).min(self.sorted.len()));
        let mut distances: Vec<f64> = self.sorted[from..to].iter().map(|turned| turned.distance).collect();
        distances.extend(AS_DRAWN);
        distances.sort_by(f64::total_cmp);
        let (below, above) = halves(now, &drawn);
        let moved = |percent: usize| {
            // Of n there are n + 1 places for the next one.
            let rank = ((distances.len() + 1) * percent).div_ceil(100).clamp(1, distances.len());
            let distance = distances[rank - 1];
            let by = Span((distance.abs() * if distance < 0.0 { below } else { above }) as u64);
            match distance < 0.0 {
                true => Time(drawn.p50.0.saturating_sub(by.0)).max(now),
                false => drawn.p50.checked_add(by).unwrap_or(Time::MAX),
            }
        };
        StartRange { p10: moved(10), p50: moved(50), p90: moved(90) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Time {
        Time::ZERO + Span::from_secs(secs)
    }

    fn range(p10: u64, p50: u64, p90: u64) -> StartRange {
        StartRange { p10: at(p10), p50: at(p50), p90: at(p90) }
    }

    /// Whether a range is that one, give or take so many seconds.
    fn near(found: StartRange, expected: StartRange, by: u64) -> bool {
        let ends = |range: StartRange| [range.p10, range.p50, range.p90];
        ends(found)
            .iter()
            .zip(ends(expected))
            .all(|(found, expected)| found.0.abs_diff(expected.0) <= Span::from_secs(by).0)
    }

    #[test]
    fn ranges_that_were_too_narrow_and_too_early_become_wider_and_later() {
        let mut outcomes = Outcomes::default();
        let drawn = range(90, 100, 110);
        assert!(near(outcomes.corrected(at(0), drawn), drawn, 1), "nothing turned out yet");
        // From 50 s early to 149 s late, evenly.
        for number in 0..2000 {
            outcomes.estimated(JobId(number), at(0), Some(drawn));
            outcomes.started(JobId(number), at(50 + number * 61 % 200));
        }
        // The outcomes count for more than what was drawn, but not for all.
        let found = outcomes.corrected(at(0), drawn);
        assert!(near(found, range(73, 137, 226), 5), "{found:?}");
        // Nobody starts before it is asked.
        assert!(outcomes.corrected(at(99), range(99, 100, 101)).p10 >= at(99));
    }

    #[test]
    fn those_who_wait_as_long_count() {
        let mut outcomes = Outcomes::default();
        for number in 0..4000 {
            // Short waits are met, long ones are told half too short.
            let (drawn, start) = match number % 2 {
                0 => (range(9, 10, 11), 10),
                _ => (range(900, 1000, 1100), 2000),
            };
            outcomes.estimated(JobId(number), at(0), Some(drawn));
            outcomes.started(JobId(number), at(start));
        }
        assert!(near(outcomes.corrected(at(0), range(9, 10, 11)), range(10, 10, 10), 1));
        assert!(near(outcomes.corrected(at(0), range(900, 1000, 1100)), range(1000, 2000, 2000), 130));
    }

    #[test]
    fn who_ends_without_a_start_says_nothing() {
        let mut outcomes = Outcomes::default();
        for number in 0..100 {
            outcomes.estimated(JobId(number), at(0), Some(range(9, 10, 11)));
            outcomes.ended(JobId(number));
            outcomes.started(JobId(number), at(500));
        }
        assert!(near(outcomes.corrected(at(0), range(900, 1000, 1100)), range(900, 1000, 1100), 4));
    }
}
