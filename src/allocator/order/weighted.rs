//! The order by a weighted sum of what jobs ask for, how urgent they are and how long they have waited.
//!
//! Promises an exact sum, and a key that never changes: what depends on the time rises alike for all jobs, so that it counts by
//! the instant from which it rises.

use super::job_order::JobOrder;
use crate::allocator::config::OrderWeights;
use crate::allocator::protocol::{JobRequest, OrderKey};
use crate::time::{Span, Time};

/// The unit in which weights of times are given.
const HOUR: i128 = 3_600_000_000_000;

/// What a job counts as that states no walltime, or a longer one: longer than jobs run that are not sessions.
const WALLTIME_MAX: Span = Span::from_secs(24 * 3_600);

/// How long after its submission a job counts as due that has no deadline, or a later one: assumption.
const DUE_MAX: Span = Span::from_secs(30 * 24 * 3_600);

/// The most points first.
pub(super) struct Weighted {
    pub(super) weights: OrderWeights,
}

impl JobOrder for Weighted {
    fn key(&self, job: &JobRequest, submitted: Time) -> OrderKey {
        let OrderWeights { priority, age, qubits, walltime, deadline } = self.weights;
        let due = submitted + DUE_MAX;
        let due = job.deadline.map_or(due, |deadline| deadline.min(due));
        let runs = job.estimated_duration.map_or(WALLTIME_MAX, |stated| stated.min(WALLTIME_MAX));
        let times = |weight: i32, figure: i128| i128::from(weight) * figure;
        // In points times nanoseconds per hour. All have gained as much since the beginning of time, which is left out.
        let points = times(priority, i128::from(job.priority.0) * HOUR)
            + times(qubits, i128::from(job.min_qubits) * HOUR)
            + times(walltime, runs.0.into())
            - times(age, submitted.0.into())
            - times(deadline, due.0.into());
        OrderKey(-points)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::shipped::configured;
    use super::*;
    use crate::allocator::config::{Aging, AllocatorConfig, QueueOrder};
    use crate::allocator::protocol::{JobId, Priority, Topology};

    fn request() -> impl Strategy<Value = (JobRequest, u64)> {
        let priority = prop_oneof![-3..4_i32, Just(i32::MIN), Just(i32::MAX)];
        let figure = || prop::option::of(0..50_u64);
        (priority, 2..6_u32, figure(), figure(), 0..50_u64).prop_map(
            |(priority, qubits, walltime, due, submitted)| {
                // So that the steps of all figures meet.
                let minutes = |minutes: u64| Span::from_secs(60 * minutes);
                let request = JobRequest {
                    priority: Priority(priority),
                    estimated_duration: walltime.map(|length| minutes(length + 1)),
                    deadline: due.map(|within| Time::ZERO + minutes(submitted + within)),
                    ..JobRequest::new(JobId(1), qubits, Topology::Line)
                };
                (request, submitted)
            },
        )
    }

    fn sorted(config: &AllocatorConfig, jobs: &[(JobRequest, u64)]) -> Vec<usize> {
        let order = configured(config);
        let key = |(job, at): &(JobRequest, u64)| order.key(job, Time::ZERO + Span::from_secs(60 * at));
        let mut ranked: Vec<usize> = (0..jobs.len()).collect();
        ranked.sort_by_key(|&job| (key(&jobs[job]), job));
        ranked
    }

    /// By the definition, in floating point, at some time: points of jobs that are told apart by more than its errors.
    fn points(weights: OrderWeights, (job, submitted): &(JobRequest, u64), now: f64) -> f64 {
        let came = *submitted as f64 / 60.0;
        let due = job.deadline.map_or(came + 720.0, |at| (at.0 as f64 / 3.6e12).min(came + 720.0));
        let runs = job.estimated_duration.map_or(24.0, |span| (span.0 as f64 / 3.6e12).min(24.0));
        f64::from(weights.priority) * f64::from(job.priority.0)
            + f64::from(weights.age) * (now - came)
            + f64::from(weights.qubits) * f64::from(job.min_qubits)
            + f64::from(weights.walltime) * runs
            - f64::from(weights.deadline) * (due - now)
    }

    proptest! {
        #[test]
        fn one_weight_alone_is_another_order(mut jobs in prop::collection::vec(request(), 1..10)) {
            jobs.sort_by_key(|(_, submitted)| *submitted);
            let weighted = |order_weights| {
                let config = AllocatorConfig { order: QueueOrder::Weighted, order_weights, ..AllocatorConfig::default() };
                sorted(&config, &jobs)
            };
            let plain = |order, priority_aging| {
                sorted(&AllocatorConfig { order, priority_aging, ..AllocatorConfig::default() }, &jobs)
            };
            let none = OrderWeights::default();
            prop_assert_eq!(weighted(none), plain(QueueOrder::Fifo, Aging::Off));
            prop_assert_eq!(weighted(OrderWeights { age: 7, ..none }), plain(QueueOrder::Fifo, Aging::Off));
            prop_assert_eq!(
                weighted(OrderWeights { priority: 3, ..none }),
                plain(QueueOrder::Priority, Aging::Off)
            );
            let step = |secs| Aging::Every(Span::from_secs(secs));
            prop_assert_eq!(
                weighted(OrderWeights { priority: 1, age: 100, ..none }),
                plain(QueueOrder::Priority, step(36))
            );
            prop_assert_eq!(
                weighted(OrderWeights { priority: 4, age: 12, ..none }),
                plain(QueueOrder::Priority, step(1_200))
            );
            prop_assert_eq!(
                weighted(OrderWeights { walltime: -2, ..none }),
                plain(QueueOrder::ShortestFirst, Aging::Off)
            );
            prop_assert_eq!(
                weighted(OrderWeights { deadline: 1, ..none }),
                plain(QueueOrder::EarliestDeadline, Aging::Off)
            );
        }

        #[test]
        fn the_most_points_go_first(
            jobs in (request(), request()),
            weights in prop::array::uniform5(-1_000..1_000_i32),
            now in 0..1_000_u32,
        ) {
            let [priority, age, qubits, walltime, deadline] = weights;
            let order_weights = OrderWeights { priority, age, qubits, walltime, deadline };
            let config = AllocatorConfig { order: QueueOrder::Weighted, order_weights, ..AllocatorConfig::default() };
            let jobs = [jobs.0, jobs.1];
            let [one, other] = jobs.clone().map(|job| points(order_weights, &job, f64::from(now)));
            prop_assume!((one - other).abs() > 1e-6 * one.abs().max(1.0));
            prop_assert_eq!(sorted(&config, &jobs)[0], usize::from(other > one));
        }
    }

    #[test]
    fn extremes_do_not_wrap_around() {
        let most = OrderWeights {
            priority: 1_000_000,
            age: -1_000_000,
            qubits: 1_000_000,
            walltime: 1_000_000,
            deadline: -1_000_000,
        };
        let job = JobRequest {
            priority: Priority(i32::MAX),
            ..JobRequest::new(JobId(1), u32::MAX, Topology::Line)
        };
        let (low, high) = (OrderKey(i128::MIN / 2), OrderKey(i128::MAX / 2));
        let key = Weighted { weights: most }.key(&job, Time(u64::MAX));
        assert!(low < key && key < high);
    }
}
