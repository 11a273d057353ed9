//! The orders that are shipped.

use super::aging::Priority;
use super::job_order::JobOrder;
use super::own;
use super::weighted::Weighted;
use crate::allocator::config::{AllocatorConfig, QueueOrder};
use crate::allocator::protocol::{JobRequest, OrderKey};
use crate::time::{Span, Time};

/// The order that a configuration names.
pub(in crate::allocator) fn configured(config: &AllocatorConfig) -> Box<dyn JobOrder> {
    match config.order {
        QueueOrder::Fifo | QueueOrder::FairShare => Box::new(Fifo),
        QueueOrder::ShortestFirst => Box::new(ShortestFirst),
        QueueOrder::Priority => Box::new(Priority { aging: config.priority_aging }),
        QueueOrder::EarliestDeadline => Box::new(EarliestDeadline),
        QueueOrder::Weighted => Box::new(Weighted { weights: config.order_weights }),
        QueueOrder::Own(name) => own::order(name),
    }
}

/// First in, first out.
struct Fifo;

impl JobOrder for Fifo {
    fn key(&self, _: &JobRequest, _: Time) -> OrderKey {
        OrderKey::default()
    }
}

/// By the walltime that a job states; those that state none come last.
struct ShortestFirst;

impl JobOrder for ShortestFirst {
    fn key(&self, job: &JobRequest, _: Time) -> OrderKey {
        job.estimated_duration.map_or(OrderKey::LAST, |Span(ns)| OrderKey(ns.into()))
    }
}

/// By deadline; those without one come last.
struct EarliestDeadline;

impl JobOrder for EarliestDeadline {
    fn key(&self, job: &JobRequest, _: Time) -> OrderKey {
        job.deadline.map_or(OrderKey::LAST, |Time(ns)| OrderKey(ns.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::allocator::config::Aging;
    use crate::allocator::protocol::{self, JobId, Topology};

    fn sorted(config: &AllocatorConfig, jobs: &[(JobRequest, u64)]) -> Vec<u64> {
        let order = configured(config);
        let mut ranked: Vec<_> = (0..)
            .zip(jobs)
            .map(|(place, (job, at))| (order.key(job, Time::ZERO + Span::from_secs(*at)), place, job.id.0))
            .collect();
        ranked.sort_unstable();
        ranked.into_iter().map(|(.., id)| id).collect()
    }

    #[test]
    fn each_order_sorts_by_its_own_figure_and_then_by_submission() {
        let job = |id, priority, walltime: Option<u64>, deadline: Option<u64>| JobRequest {
            priority: protocol::Priority(priority),
            estimated_duration: walltime.map(Span::from_secs),
            deadline: deadline.map(|at| Time::ZERO + Span::from_secs(at)),
            ..JobRequest::new(JobId(id), 2, Topology::Line)
        };
        let jobs = [
            (job(1, 0, None, Some(900)), 0),
            (job(2, 3, Some(50), None), 10),
            (job(3, 0, Some(5), None), 20),
            (job(4, 5, Some(50), Some(700)), 60),
            (job(5, i32::MAX, None, Some(900)), 70),
            (job(6, i32::MIN, None, None), 80),
        ];
        let with =
            |order, aging| AllocatorConfig { order, priority_aging: aging, ..AllocatorConfig::default() };
        let step = |secs| Aging::Every(Span::from_secs(secs));
        assert_eq!(sorted(&with(QueueOrder::Fifo, Aging::Off), &jobs), [1, 2, 3, 4, 5, 6]);
        assert_eq!(sorted(&with(QueueOrder::ShortestFirst, Aging::Off), &jobs), [3, 2, 4, 1, 5, 6]);
        assert_eq!(sorted(&with(QueueOrder::EarliestDeadline, Aging::Off), &jobs), [4, 1, 5, 2, 3, 6]);
        assert_eq!(sorted(&with(QueueOrder::Priority, Aging::Off), &jobs), [5, 4, 2, 1, 3, 6]);
        // A step of 10 s: job 4 came 50 s after job 2 and is 2 steps more urgent, so it is 30 s behind.
        assert_eq!(sorted(&with(QueueOrder::Priority, step(10)), &jobs), [5, 2, 1, 4, 3, 6]);
        // Extreme priorities with extreme steps do not wrap around.
        assert_eq!(
            sorted(&with(QueueOrder::Priority, Aging::Every(Span(u64::MAX))), &jobs),
            [5, 4, 2, 1, 3, 6]
        );
    }
}
