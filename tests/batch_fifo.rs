//! Reproduction C: a trace replayed as it is, first in, first out, against a slow textbook scheduler, job by job.
//!
//! `RM_TRACES` sets the number of random traces (default 2,000).

mod replayed;

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use resource_manager::simulator::scenario::file::replay::{OfPath, SwfFile};
use resource_manager::simulator::scenario::{Scenario, SetOverride};

/// Submission and start of every job, in seconds, as the product has them.
fn simulated(base: &Scenario, trace: &str) -> Vec<(u64, u64)> {
    replayed::starts(base, &SwfFile::of_path(String::new()), trace)
}

/// A line of a trace: gap to the line before, run time, processors; some of them zero.
type Line = (u64, u64, u32);

/// First in, first out: a job starts when it has been submitted, those before it have started, and enough processors
/// are free. Processors of jobs that end at an instant are free at that instant. All in whole seconds.
fn textbook(jobs: &[(u64, u64, u32)], processors: u32) -> Vec<u64> {
    let mut placed: Vec<(u64, u64, u32)> = Vec::new();
    let mut previous = 0;
    for &(submit, run, asked) in jobs {
        // Only submissions and ends can let the job start: try them one after the other.
        let ends = placed.iter().map(|(start, run, _)| start + run);
        let mut instants: Vec<u64> =
            ends.chain([submit, previous]).filter(|at| *at >= submit.max(previous)).collect();
        instants.sort_unstable();
        let start = instants.into_iter().find(|at| {
            let busy = placed.iter().filter(|(start, run, _)| (*start..start + run).contains(at));
            busy.map(|(.., held)| held).sum::<u32>() + asked <= processors
        });
        previous = start.expect("in the end all processors are free");
        placed.push((previous, run, asked));
    }
    placed.into_iter().map(|(start, ..)| start).collect()
}

fn trace() -> impl Strategy<Value = (u32, Vec<Line>)> {
    (1_u32..=64).prop_flat_map(|processors| {
        let gap = prop_oneof![Just(0_u64), 0_u64..4, 0_u64..60];
        let run = prop_oneof![1 => Just(0_u64), 10 => 1_u64..6, 10 => 1_u64..100];
        let asked = prop_oneof![1 => Just(0), 10 => 1..=processors, 5 => 1..=processors.div_ceil(4)];
        (Just(processors), prop::collection::vec((gap, run, asked), 1..40))
    })
}

#[test]
fn fifo_equals_the_textbook_job_by_job() {
    let sets = [
        SetOverride::new("output.timeline_every", "30d").unwrap(),
        SetOverride::new("output.events", "false").unwrap(),
    ];
    let base = Scenario::load("scenarios/replay_swf.yaml".as_ref(), &sets).unwrap();
    let cases = std::env::var("RM_TRACES").map_or(2_000, |text| text.parse().expect("a number"));
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = runner.run(&(trace(), any::<u64>()), |((processors, lines), shuffle)| {
        let mut base = base.clone();
        let sets = [SetOverride::new("fleet.0.synthetic.all_to_all.qubits", processors.to_string()).unwrap()];
        base.fleet = Scenario::load("scenarios/replay_swf.yaml".as_ref(), &sets).unwrap().fleet;
        let mut submit = 0;
        let mut jobs = Vec::new();
        let mut text: Vec<String> = vec!["; MaxProcs: 64".to_owned()];
        for (gap, run, asked) in &lines {
            submit += gap;
            let mut line = String::new();
            write!(line, "1 {submit} -1 {run} {asked} -1 -1 -1 -1 -1 1 1 1 1 1 1 -1 -1").unwrap();
            // What never ran is left out.
            if *run > 0 && *asked > 0 {
                jobs.push((submit, *run, *asked));
            }
            text.push(line);
        }
        // Lines out of order: the first goes last, if it alone has its time.
        if shuffle % 2 == 0 && lines.get(1).is_some_and(|line| line.0 > 0) {
            let first = text.remove(1);
            text.push(first);
        }
        if jobs.is_empty() {
            return Ok(());
        }
        let expected: Vec<(u64, u64)> =
            jobs.iter().zip(textbook(&jobs, processors)).map(|(job, start)| (job.0, start)).collect();
        prop_assert_eq!(simulated(&base, &text.join("\n")), expected);
        Ok(())
    });
    result.unwrap();
}

/// The comparison can fail: a scheduler that lets small jobs overtake is not first in, first out.
#[test]
fn skipping_ahead_is_found_out() {
    let sets = [SetOverride::new("allocator.queue", "{global: {skip_ahead: 8}}").unwrap()];
    let base = Scenario::load("scenarios/replay_swf.yaml".as_ref(), &sets).unwrap();
    let jobs = [(0, 10, 60), (1, 10, 60), (2, 5, 4)];
    let line = |(submit, run, asked)| format!("1 {submit} -1 {run} {asked} -1 -1 -1 -1 -1 1 1 1 1 1 1 -1 -1");
    let found: Vec<u64> =
        simulated(&base, &jobs.map(line).join("\n")).into_iter().map(|(_, start)| start).collect();
    assert_eq!((found, textbook(&jobs, 64)), (vec![0, 10, 2], vec![0, 10, 10]));
}
