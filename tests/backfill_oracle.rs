//! Backfill on a device that couples all pairs, where placements are counts, against textbooks written for these tests, job
//! by job: EASY, conservative and between, on random traces and on the one that is shipped.
//!
//! The rules on which schedules part for good are named in [`textbook`]. `RM_TRACES` sets the number of random traces of each
//! test.

mod replayed;
mod textbook;
mod world;

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::{AllocatorConfig, Promises, Queue, Walltime, WalltimeExceeded};
use resource_manager::allocator::protocol::{
    AllocationId, Command, Event, JobId, JobRequest, Outcome, Topology,
};
use resource_manager::observe::auditor::Auditor;
use resource_manager::quantum::DeviceId;
use resource_manager::quantum::coupling_map::CouplingMap;
use resource_manager::simulator::scenario::file::replay::{MissingEstimate, OfPath, Overrun, SwfFile};
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::time::{Span, Time};
use textbook::{Discipline, Job};
use world::{config, core, spec};

/// Processors.
const MACHINE: u32 = 16;

const EASY: (Promises, Discipline) = (Promises::Easy, Discipline::Easy);
const CONSERVATIVE: (Promises, Discipline) = (Promises::Conservative, Discipline::Reservations(usize::MAX));

fn promising(promises: Promises) -> Queue {
    Queue::Global { skip_ahead: None, promises: Some(promises) }
}

/// When the core starts each on so many qubits that are all coupled.
fn by_core(jobs: &[Job], queue: Queue, exceeded: WalltimeExceeded) -> Vec<u64> {
    let walltime = Walltime { exceeded, ..Walltime::default() };
    let mut core: Allocator = core(AllocatorConfig { queue, walltime, ..config() });
    let mut auditor = Auditor::under(core.config());
    let mut starts = vec![u64::MAX; jobs.len()];
    let mut ends: BTreeSet<(u64, AllocationId)> = BTreeSet::new();
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
            tell(&mut core, now, Command::Finished { allocation, outcome: Outcome::Success, shots_done: 1 });
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
                match event {
                    Event::JobStarted { allocation } => {
                        let index = allocation.job.0 as usize;
                        starts[index] = now;
                        ends.insert((now + jobs[index].runs, allocation.id));
                    }
                    Event::StopRequested { allocation, .. } => {
                        ends.retain(|(_, other)| *other != allocation);
                        tell(&mut core, now, Command::StopAcknowledged { allocation, shots_done: 1 });
                    }
                    _ => {}
                }
            }
        }
    }
    starts
}

/// The same with walltimes that nobody exceeds.
fn by_core_in_time(jobs: &[Job], promises: Promises) -> Vec<u64> {
    by_core(jobs, promising(promises), WalltimeExceeded::Stop)
}

/// Jobs that say how long they run by a law, given the run time and a number from 0 to 29, which is often 0.
fn trace(says: fn(u64, u64) -> u64) -> impl Strategy<Value = Vec<Job>> {
    let gap = prop_oneof![1 => Just(0_u64), 3 => 0_u64..12];
    let job = (gap, 1..=MACHINE, 1_u64..30, prop_oneof![Just(0_u64), 0..30_u64]);
    proptest::collection::vec(job, 1..40).prop_map(move |drawn| {
        let mut now = 0;
        let jobs = drawn.into_iter().map(|(gap, size, runs, drawn)| {
            now += gap;
            Job { comes: now, size, runs, says: says(runs, drawn) }
        });
        jobs.collect()
    })
}

/// As long as they run, or longer.
fn enough(runs: u64, more: u64) -> u64 {
    runs + more
}

/// As long as they run.
fn exact(runs: u64, _: u64) -> u64 {
    runs
}

/// As long as they run, longer or less long.
fn anything(runs: u64, drawn: u64) -> u64 {
    if drawn == 0 { runs } else { drawn }
}

fn cases() -> u32 {
    std::env::var("RM_TRACES").map_or(256, |number| number.parse().expect("RM_TRACES is a number"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), ..ProptestConfig::default() })]

    #[test]
    fn easy_is_the_textbook_on_counts(jobs in trace(enough)) {
        let textbook = textbook::starts(Discipline::Easy, MACHINE, &jobs);
        prop_assert_eq!(by_core_in_time(&jobs, Promises::Easy), textbook);
    }

    #[test]
    fn conservative_is_the_textbook_on_counts(jobs in trace(enough)) {
        let textbook = textbook::starts(Discipline::Reservations(usize::MAX), MACHINE, &jobs);
        prop_assert_eq!(by_core_in_time(&jobs, Promises::Conservative), textbook);
    }

    #[test]
    fn a_depth_is_so_many_reservations_on_counts(jobs in trace(enough), depth in 2_u32..7) {
        let textbook = textbook::starts(Discipline::Reservations(depth as usize), MACHINE, &jobs);
        prop_assert_eq!(by_core_in_time(&jobs, Promises::Depth(depth)), textbook);
    }

    /// Two texts of one discipline.
    #[test]
    fn one_reservation_is_easy(jobs in trace(enough)) {
        let easy = textbook::starts(Discipline::Easy, MACHINE, &jobs);
        prop_assert_eq!(textbook::starts(Discipline::Reservations(1), MACHINE, &jobs), easy);
    }

    /// Nobody starts later under conservative backfill than it would first in, first out if all ran as long as they say.
    #[test]
    fn conservative_is_never_later_than_fifo_by_estimates(jobs in trace(enough)) {
        let as_said: Vec<Job> = jobs.iter().map(|job| Job { runs: job.says, ..*job }).collect();
        let fifo = textbook::starts(Discipline::Fifo, MACHINE, &as_said);
        let core = by_core_in_time(&jobs, Promises::Conservative);
        prop_assert!(is_never_later(&core, &fifo), "{core:?} beside {fifo:?}");
    }

    #[test]
    fn conservative_with_exact_estimates_is_never_later_than_fifo(jobs in trace(exact)) {
        let fifo = textbook::starts(Discipline::Fifo, MACHINE, &jobs);
        let core = by_core_in_time(&jobs, Promises::Conservative);
        prop_assert!(is_never_later(&core, &fifo), "{core:?} beside {fifo:?}");
    }

    /// Whoever runs longer than it says leaves the core without an end to reckon with, the textbook with one at any moment:
    /// until then they are one, and all start in the end.
    #[test]
    fn it_is_the_textbook_until_somebody_runs_longer_than_it_says(jobs in trace(anything), stops in any::<bool>()) {
        let exceeded = if stops { WalltimeExceeded::Stop } else { WalltimeExceeded::Continue };
        for (promises, discipline) in [EASY, CONSERVATIVE] {
            let core = by_core(&jobs, promising(promises), exceeded);
            prop_assert!(core.iter().all(|at| *at < u64::MAX), "somebody never starts: {core:?}");
            let textbook = textbook::starts(discipline, MACHINE, &jobs);
            let late = jobs.iter().zip(&core).filter(|(job, _)| job.runs > job.says);
            let first_late = late.map(|(job, at)| at + job.says).min().unwrap_or(u64::MAX);
            let before = |starts: &[u64]| -> Vec<u64> { starts.iter().map(|at| *at.min(&first_late)).collect() };
            prop_assert_eq!(before(&core), before(&textbook));
        }
    }
}

fn is_never_later(starts: &[u64], than: &[u64]) -> bool {
    starts.iter().zip(than).all(|(start, than)| start <= than)
}

/// The comparison sees when it is another discipline.
#[test]
fn the_textbook_differs_from_other_disciplines() {
    let job = |comes, size, runs, says| Job { comes, size, runs, says };
    // 1 is promised 10; 2 would be in its way, 3 would not.
    let jobs = [job(0, 10, 10, 10), job(1, 12, 5, 5), job(2, 5, 20, 20), job(3, 5, 5, 5)];
    let easy = textbook::starts(Discipline::Easy, MACHINE, &jobs);
    assert_eq!(easy, [0, 10, 15, 3]);
    assert_eq!(by_core_in_time(&jobs, Promises::Easy), easy);
    for queue in [Queue::global(64), Queue::global(0)] {
        assert_ne!(by_core(&jobs, queue, WalltimeExceeded::Stop), easy);
    }
    // 3 passes 2, to whom EASY promises nothing.
    let jobs = [job(0, 10, 10, 10), job(1, 12, 10, 10), job(2, 16, 5, 5), job(3, 4, 30, 30)];
    let (easy, conservative) = (
        textbook::starts(Discipline::Easy, MACHINE, &jobs),
        textbook::starts(Discipline::Reservations(usize::MAX), MACHINE, &jobs),
    );
    assert_eq!((&easy[..], &conservative[..]), (&[0, 10, 33, 3][..], &[0, 10, 20, 25][..]));
    assert_eq!(by_core_in_time(&jobs, Promises::Easy), easy);
    assert_eq!(by_core_in_time(&jobs, Promises::Conservative), conservative);
    // And nothing bounds by how much, as first in, first out does for conservative backfill.
    let fifo = textbook::starts(Discipline::Fifo, MACHINE, &jobs);
    assert!(is_never_later(&conservative, &fifo) && !is_never_later(&easy, &fifo), "{fifo:?}");
}

/// The jobs of a trace in the standard workload format, with another load: submission, processors, run time, walltime. Whoever
/// ran longer than it had asked for is cut there, or has asked for as long as it ran.
fn jobs_of(text: &str, overrun: Overrun) -> Vec<Job> {
    let mut jobs = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(';')) {
        let field: Vec<i64> = line.split_whitespace().map(|number| number.parse().unwrap()).collect();
        let (comes, runs, size) = (field[1], field[3], if field[7] > 0 { field[7] } else { field[4] });
        let says = if field[8] > 0 { field[8] } else { runs };
        // Neither what never ran nor a part of what another line has as a whole.
        if runs > 0 && size > 0 && !(2..=4).contains(&field[10]) {
            let (runs, says) = match overrun {
                Overrun::Cut => (runs.min(says), says),
                Overrun::Keep => (runs, says.max(runs)),
            };
            let (comes, runs, says) = (comes as u64, runs as u64, says as u64);
            jobs.push(Job { comes, size: size as u32, runs, says });
        }
    }
    jobs.sort_by_key(|job| job.comes);
    jobs
}

/// The same trace at a multiple of its load.
fn denser(text: &str, times: u64) -> String {
    let mut denser = String::new();
    for line in text.lines() {
        let mut fields: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        if !line.starts_with(';') {
            fields[1] = (fields[1].parse::<u64>().unwrap() / times).to_string();
        }
        denser.push_str(&fields.join(" "));
        denser.push('\n');
    }
    denser
}

/// The whole simulator on the trace that is shipped, at its load and at more.
#[test]
fn the_shipped_trace_is_scheduled_as_the_textbook_does() {
    let shipped = std::fs::read_to_string("scenarios/data/example.swf").unwrap();
    for (times, overrun, most) in [(1, Overrun::Cut, 400), (1, Overrun::Keep, 400), (3, Overrun::Cut, 150)] {
        let text = denser(&shipped, times);
        let mut jobs = jobs_of(&text, overrun);
        jobs.truncate(most);
        assert!(jobs.len() >= most.min(380), "{}", jobs.len());
        let mut seen = BTreeSet::new();
        for (queue, discipline) in [
            ("{global: {skip_ahead: 0}}", Discipline::Fifo),
            ("{global: {promises: easy}}", Discipline::Easy),
            ("{global: {promises: {depth: 4}}}", Discipline::Reservations(4)),
            ("{global: {promises: conservative}}", Discipline::Reservations(usize::MAX)),
        ] {
            let sets =
                [("allocator.queue", queue), ("output.timeline_every", "30d"), ("output.events", "false")];
            let sets = sets.map(|(key, value)| SetOverride::new(key, value).unwrap());
            let base = Scenario::load("scenarios/replay_swf.yaml".as_ref(), &sets).unwrap();
            let missing_estimate = MissingEstimate::RunTime;
            let limit = Some(most as u64);
            let settings = SwfFile { overrun, missing_estimate, limit, ..SwfFile::of_path(String::new()) };
            let simulated = replayed::starts(&base, &settings, &text);
            let textbook = textbook::starts(discipline, 64, &jobs);
            let expected: Vec<(u64, u64)> = jobs.iter().map(|job| job.comes).zip(textbook).collect();
            assert_eq!(simulated, expected, "{discipline:?}, {times} times the load, {overrun:?}");
            seen.insert(expected);
        }
        assert_eq!(seen.len(), 4, "all disciplines are one at {times} times the load");
    }
}
