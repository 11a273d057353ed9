//! What is told of the start of a waiting job.

use smallvec::SmallVec;

use crate::allocator::protocol::JobId;
use crate::quantum::{DeviceId, PhysicalQubit};
use crate::time::Time;

/// When a job will start: of ten such jobs one starts before `p10`, five before `p50`, nine before `p90`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartRange {
    /// With a probability of 10 % it starts by then.
    pub p10: Time,
    /// With 50 %.
    pub p50: Time,
    /// With 90 %.
    pub p90: Time,
}

/// Where a job is going to start, and when, if nothing unexpected happens and nobody else comes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// When.
    pub at: Time,
    /// The device.
    pub device: DeviceId,
    /// Physical qubit of each virtual qubit; of copies, one layout after the other.
    pub layout: SmallVec<[PhysicalQubit; 8]>,
}

/// What is told of a waiting job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Estimate {
    /// Which job.
    pub job: JobId,
    /// Where it stands in its queue, from 1.
    pub position: u32,
    /// When it will start; `None` where it does not in more than one future of ten.
    pub start: Option<StartRange>,
    /// The same as it was drawn, not corrected by how earlier estimates turned out.
    pub drawn: Option<StartRange>,
    /// Where it is going to start; `None` where that future ended before.
    pub plan: Option<Plan>,
}

impl Estimate {
    /// The same, but no start before `now`.
    pub(super) fn not_before(&self, now: Time) -> Self {
        let later = |range: StartRange| {
            let StartRange { p10, p50, p90 } = range;
            StartRange { p10: p10.max(now), p50: p50.max(now), p90: p90.max(now) }
        };
        let plan = self.plan.clone().map(|plan| Plan { at: plan.at.max(now), ..plan });
        Self { start: self.start.map(later), drawn: self.drawn.map(later), plan, ..self.clone() }
    }
}

/// The starts of one job in several futures.
#[derive(Debug, Default)]
pub(super) struct Spread {
    starts: Vec<Time>,
}

impl Spread {
    pub(super) fn add(&mut self, at: Time) {
        self.starts.push(at);
    }

    /// Their range over so many futures; none if it does not start in more than a tenth of them.
    pub(super) fn range(mut self, futures: u32) -> Option<StartRange> {
        self.starts.sort_unstable();
        // Nearest rank among all, those that never start being the last.
        let at = |percent: u64| {
            let rank = (u64::from(futures) * percent).div_ceil(100).max(1);
            self.starts.get(rank as usize - 1).copied()
        };
        Some(StartRange { p10: at(10)?, p50: at(50)?, p90: at(90)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(starts: impl IntoIterator<Item = u64>, futures: u32) -> Option<[u64; 3]> {
        let mut spread = Spread::default();
        starts.into_iter().for_each(|at| spread.add(Time(at)));
        spread.range(futures).map(|range| [range.p10.0, range.p50.0, range.p90.0])
    }

    #[test]
    fn a_range_is_of_all_futures_those_without_a_start_being_the_last() {
        assert_eq!(range((1..=10).rev(), 10), Some([1, 5, 9]));
        assert_eq!(range(1..=9, 10), Some([1, 5, 9]));
        assert_eq!(range(1..=8, 10), None);
        assert_eq!(range([7], 1), Some([7, 7, 7]));
        assert_eq!(range(1..=30, 30), Some([3, 15, 27]));
        assert_eq!(range([], 10), None);
    }
}
