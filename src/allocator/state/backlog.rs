//! The work that waits for a device: how long its waiting jobs take by what is published of it, in classes.
//!
//! Promises a sum that is kept up as jobs come and go, so that nobody counts a queue to learn how long it is. Leaves what
//! becomes of it by reports to [`super::run_times`], and who waits to [`super::queues`].

use std::collections::BTreeMap;

use super::run_times::{ReportedTimes, class_of};
use crate::time::Span;

/// Waiting work of one class of run times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Work {
    jobs: u64,
    /// Sum of the run times, nanoseconds.
    time: u128,
    /// Sum of run times times qubits.
    qubit_time: u128,
}

/// The work that waits for a device.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Backlog {
    by_class: BTreeMap<u8, Work>,
}

impl Backlog {
    /// A job waits that needs so many qubits for so long, by what is published.
    pub(super) fn add(&mut self, qubits: u32, published: Span) {
        let work = self.by_class.entry(class_of(published)).or_default();
        work.jobs += 1;
        work.time += u128::from(published.0);
        work.qubit_time += u128::from(published.0) * u128::from(qubits);
    }

    /// It waits no longer.
    pub(super) fn take(&mut self, qubits: u32, published: Span) {
        let class = class_of(published);
        let Some(work) = self.by_class.get_mut(&class) else { return };
        work.jobs -= 1;
        work.time -= u128::from(published.0);
        work.qubit_time -= u128::from(published.0) * u128::from(qubits);
        if work.jobs == 0 {
            self.by_class.remove(&class);
        }
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.by_class.is_empty()
    }

    /// How long all of it takes by what was reported, one job after the other, and the same times their qubits.
    pub fn expected(&self, reported: &ReportedTimes) -> (u128, u128) {
        let classes = self.by_class.iter();
        classes.fold((0, 0), |(time, qubit_time), (class, work)| {
            let by = |sum: u128| reported.corrected_sum(*class, sum);
            (time + by(work.time), qubit_time + by(work.qubit_time))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_and_goes_leaves_nothing() {
        let seconds = Span::from_secs;
        let mut backlog = Backlog::default();
        let mut reported = ReportedTimes::default();
        let jobs = [(3, seconds(2)), (5, seconds(2)), (7, seconds(100)), (1, Span::ZERO)];
        for (qubits, published) in jobs {
            backlog.add(qubits, published);
        }
        let second = 1_000_000_000;
        assert_eq!(backlog.expected(&reported), (104 * second, 716 * second));
        // Long jobs take twice what is published; short ones are far from them.
        reported.learn(seconds(100), seconds(200));
        reported.learn(seconds(2), seconds(2));
        assert_eq!(backlog.expected(&reported), (204 * second, 1_416 * second));
        for (qubits, published) in jobs {
            backlog.take(qubits, published);
        }
        assert!(backlog.is_empty());
    }
}
