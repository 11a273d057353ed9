//! EASY backfill on a device that couples all pairs, where placements are counts, against a textbook written for this test,
//! job by job on random traces.
//!
//! The rules of the textbook (Mu'alem and Feitelson, 2001), on which schedules part for good: one pass for each instant,
//! after its ends and arrivals; whoever ends at the very instant of the promise ends in time; all that is expected to end
//! at that instant counts for the processors that later jobs may keep.

mod world;

use std::sync::Arc;

use proptest::prelude::*;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, Promises, Queue};
use resource_manager::allocator::protocol::{Command, Event, JobId, JobRequest, Outcome, Topology};
use resource_manager::observe::auditor::Auditor;
use resource_manager::quantum::DeviceId;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::time::{Span, Time};
use world::{config, core, spec};

/// Processors.
const MACHINE: u32 = 16;

#[derive(Debug, Clone, Copy)]
struct Job {
    comes: u64,
    size: u32,
    runs: u64,
    /// At least as long.
    says: u64,
}

/// When each job starts under EASY.
fn textbook(jobs: &[Job]) -> Vec<u64> {
    let mut starts = vec![u64::MAX; jobs.len()];
    let mut running: Vec<usize> = Vec::new();
    let mut queue: Vec<usize> = Vec::new();
    let mut next = 0;
    let mut now = 0;
    while next < jobs.len() || !queue.is_empty() {
        running.retain(|job| starts[*job] + jobs[*job].runs > now);
        while next < jobs.len() && jobs[next].comes <= now {
            queue.push(next);
            next += 1;
        }
        let mut free = MACHINE - running.iter().map(|job| jobs[*job].size).sum::<u32>();
        let mut start = |job: usize, free: &mut u32, running: &mut Vec<usize>| {
            starts[job] = now;
            *free -= jobs[job].size;
            running.push(job);
        };
        while let Some(&head) = queue.first().filter(|head| jobs[**head].size <= free) {
            start(head, &mut free, &mut running);
            queue.remove(0);
        }
        if let Some(&head) = queue.first() {
            let mut ends: Vec<(u64, u32)> = Vec::new();
            for &job in &running {
                let began = if starts[job] == u64::MAX { now } else { starts[job] };
                ends.push((began + jobs[job].says, jobs[job].size));
            }
            ends.sort_unstable();
            let mut there = free;
            let mut shadow = now;
            for &(end, size) in &ends {
                if there >= jobs[head].size && end > shadow {
                    break;
                }
                there += size;
                shadow = end;
            }
            let mut spare = there - jobs[head].size;
            for job in queue.clone().into_iter().skip(1) {
                let Job { size, says, .. } = jobs[job];
                let in_time = now + says <= shadow;
                if size <= free && (in_time || size <= spare) {
                    if !in_time {
                        spare -= size;
                    }
                    starts[job] = now;
                    free -= size;
                    running.push(job);
                    queue.retain(|waiting| *waiting != job);
                }
            }
        }
        let ends = running.iter().map(|job| starts[*job] + jobs[*job].runs);
        now = ends.chain(jobs.get(next).map(|job| job.comes)).min().unwrap_or(u64::MAX);
    }
    starts
}

/// When the core starts each.
fn by_core(jobs: &[Job], queue: Queue) -> Vec<u64> {
    let mut core: Allocator = core(AllocatorConfig { queue, ..config() });
    let mut auditor = Auditor::new();
    let mut starts = vec![u64::MAX; jobs.len()];
    let mut ends: std::collections::BTreeSet<(u64, u64)> = std::collections::BTreeSet::new();
    let mut tell = |core: &mut Allocator, now: u64, command: Command| {
        let mut events = Vec::new();
        core.handle(Time(now), command, &mut events).unwrap();
        events.iter().for_each(|event| auditor.observe(Time(now), event));
        assert_eq!(auditor.violations(), []);
        events
    };
    let map = CouplingMap::all_to_all(MACHINE).unwrap();
    tell(&mut core, 0, Command::RegisterDevice { device: DeviceId(0), spec: spec("machine", map) });
    let mut next = 0;
    loop {
        let arrival = jobs.get(next).map(|job| job.comes);
        let end = ends.first().map(|(at, _)| *at);
        let wake = core.next_wakeup().map(|at| at.0);
        let Some(now) = arrival.into_iter().chain(end).chain(wake).min() else { break };
        while let Some((_, allocation)) = ends.first().copied().filter(|(at, _)| *at == now) {
            ends.pop_first();
            let allocation = resource_manager::allocator::protocol::AllocationId(allocation);
            let outcome = Outcome::Success;
            tell(&mut core, now, Command::Finished { allocation, outcome, shots_done: 1 });
        }
        while let Some(job) = jobs.get(next).filter(|job| job.comes == now) {
            let request = JobRequest {
                estimated_duration: Some(Span(job.says)),
                ..JobRequest::new(JobId(next as u64), job.size, Topology::Any)
            };
            tell(&mut core, now, Command::Submit(Arc::new(request)));
            next += 1;
        }
        while core.next_wakeup().is_some_and(|at| at.0 <= now) {
            for event in tell(&mut core, now, Command::Wake) {
                if let Event::JobStarted { allocation } = event {
                    let index = allocation.job.0 as usize;
                    starts[index] = now;
                    ends.insert((now + jobs[index].runs, allocation.id.0));
                }
            }
        }
    }
    starts
}

fn trace() -> impl Strategy<Value = Vec<Job>> {
    let job = (0_u64..12, 1..=MACHINE, 1_u64..30, prop_oneof![Just(0_u64), 0..30_u64]);
    proptest::collection::vec(job, 1..40).prop_map(|drawn| {
        let mut now = 0;
        let jobs = drawn.into_iter().map(|(gap, size, runs, more)| {
            now += gap;
            // Ends at the instant of a walltime come before the stop.
            Job { comes: now, size, runs, says: runs + more }
        });
        jobs.collect()
    })
}

fn promising(promises: Promises) -> Queue {
    Queue::Global { skip_ahead: None, promises: Some(promises) }
}

/// Traces per test; `RM_TRACES=20000 cargo test --test backfill_oracle` is the long form.
fn cases() -> u32 {
    std::env::var("RM_TRACES").map_or(400, |number| number.parse().expect("RM_TRACES is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn easy_is_the_textbook_on_counts(jobs in trace()) {
        prop_assert_eq!(by_core(&jobs, promising(Promises::Easy)), textbook(&jobs));
    }
}

/// The comparison sees when it is another discipline.
#[test]
fn the_textbook_differs_from_other_disciplines() {
    let job = |comes, size, runs, says| Job { comes, size, runs, says };
    // 1 is promised 10; 2 would be in its way, 3 would not.
    let jobs = [job(0, 10, 10, 10), job(1, 12, 5, 5), job(2, 5, 20, 20), job(3, 5, 5, 5)];
    let easy = textbook(&jobs);
    assert_eq!(easy, [0, 10, 15, 3]);
    assert_eq!(by_core(&jobs, promising(Promises::Easy)), easy);
    assert_ne!(by_core(&jobs, Queue::global(64)), easy);
    assert_ne!(by_core(&jobs, Queue::global(0)), easy);
}
