//! The order by priorities that rise with the time since submission.
//!
//! Promises the order of the risen priorities at every instant, whole and broken steps alike: of two that are as high the job
//! that came first goes first. Where they rise for ever the key of a job never changes; with a cap it changes with every
//! step until the cap is reached.

use super::job_order::JobOrder;
use crate::allocator::config::Aging;
use crate::allocator::protocol::{JobRequest, OrderKey};
use crate::time::{Span, Time};

/// The highest priority first. It rises from submission on, also while a job runs, which counts if it loses its device.
pub(super) struct Priority {
    pub(super) aging: Aging,
}

impl JobOrder for Priority {
    fn key(&self, job: &JobRequest, submitted: Time) -> OrderKey {
        let priority = i128::from(job.priority.0);
        match self.aging {
            Aging::Off => OrderKey(-priority),
            // All rise alike: who is ahead stays ahead, and only who comes later finds those before him that came long ago.
            Aging::Every(Span(step)) => OrderKey(i128::from(submitted.0) - priority * i128::from(step)),
            Aging::Capped { every, at_most } => capped(priority, submitted, submitted, every, at_most).0,
        }
    }

    fn key_at(&self, job: &JobRequest, submitted: Time, now: Time) -> (OrderKey, Option<Time>) {
        match self.aging {
            Aging::Off | Aging::Every(_) => (self.key(job, submitted), None),
            Aging::Capped { every, at_most } => capped(job.priority.0.into(), submitted, now, every, at_most),
        }
    }
}

/// Between two whole numbers, levels, those who rise go by when they came to the lower one, the first the highest; those
/// whom the cap keeps exactly at a level are below all who rise from it. So no key need change but when a job comes to a
/// level, where it passes those who are kept there:
///
/// ```text
/// level 3                        rises since 20s
/// level 2    rises since 10s     rises since 30s     kept     kept
/// ```
fn capped(priority: i128, submitted: Time, now: Time, every: Span, at_most: u32) -> (OrderKey, Option<Time>) {
    let steps = (now.since(submitted).0 / every.0).min(at_most.into());
    // No more than what has passed, so that this is exact.
    let reached = submitted.0 + steps * every.0;
    let rises = steps < at_most.into();
    let within = if rises { reached } else { u64::MAX };
    let level = priority + i128::from(steps);
    let next = reached.checked_add(every.0).filter(|_| rises);
    (OrderKey((-level << u64::BITS) + i128::from(within)), next.map(Time))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::allocator::protocol::{self, JobId, Topology};

    /// By the definition: priority times step plus the time that it has risen, with its own place in the order of equals.
    fn ranked(jobs: &[(i32, u64)], now: u64, step: u64, at_most: u32) -> Vec<usize> {
        let risen = |&(priority, submitted): &(i32, u64)| {
            let cap = u128::from(step) * u128::from(at_most);
            let age = u128::from(now - submitted).min(cap);
            i128::from(priority) * i128::from(step) + i128::try_from(age).unwrap()
        };
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|&job| (std::cmp::Reverse(risen(&jobs[job])), job));
        order
    }

    fn by_keys(jobs: &[(i32, u64)], now: u64, aging: Aging) -> Vec<usize> {
        let priority = Priority { aging };
        let key = |&(priority_of, submitted): &(i32, u64)| {
            let request = JobRequest {
                priority: protocol::Priority(priority_of),
                ..JobRequest::new(JobId(1), 2, Topology::Line)
            };
            // As a core has it that was told of every change.
            let (mut key, mut until) = priority.key_at(&request, Time(submitted), Time(submitted));
            assert_eq!(key, priority.key(&request, Time(submitted)));
            while let Some(at) = until.filter(|at| at.0 <= now) {
                (key, until) = priority.key_at(&request, Time(submitted), at);
                assert!(until.is_none_or(|next| next > at), "time goes on");
            }
            assert_eq!(key, priority.key_at(&request, Time(submitted), Time(now)).0, "whoever is asked late");
            key
        };
        let mut order: Vec<usize> = (0..jobs.len()).collect();
        order.sort_by_key(|&job| (key(&jobs[job]), job));
        order
    }

    proptest! {
        #[test]
        fn keys_order_as_risen_priorities_do(
            mut jobs in prop::collection::vec((-6..6_i32, 0..40_u64), 1..12),
            later in 0..60_u64,
            step in 1..9_u64,
            at_most in 0..7_u32,
        ) {
            jobs.sort_by_key(|(_, submitted)| *submitted);
            let now = jobs.last().map_or(0, |(_, submitted)| submitted + later);
            let every = Span(step);
            // A level is passed at the very instant at which it is reached.
            let off_the_grid = jobs.iter().all(|(_, submitted)| !(now - submitted).is_multiple_of(step) || at_most == 0);
            let capped = Aging::Capped { every, at_most };
            if off_the_grid {
                prop_assert_eq!(by_keys(&jobs, now, capped), ranked(&jobs, now, step, at_most));
            }
            // A cap that nobody reaches is none, at any instant.
            let endless = by_keys(&jobs, now, Aging::Every(every));
            prop_assert_eq!(by_keys(&jobs, now, Aging::Capped { every, at_most: 1_000 }), endless.clone());
            prop_assert_eq!(ranked(&jobs, now, step, u32::MAX), endless);
            let flat = by_keys(&jobs, now, Aging::Off);
            prop_assert_eq!(by_keys(&jobs, now, Aging::Capped { every, at_most: 0 }), flat);
        }
    }

    #[test]
    fn extremes_do_not_wrap_around() {
        let last = u64::MAX - 1;
        for (priority, now) in [(i32::MIN, last), (i32::MAX, last), (0, 5)] {
            for every in [1, u64::MAX] {
                let (key, until) = capped(priority.into(), Time(5), Time(now), Span(every), u32::MAX);
                assert!(key < OrderKey::LAST && until.is_none_or(|at| at.0 > now));
            }
        }
    }
}
