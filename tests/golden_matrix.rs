//! What the core decides in many small scenarios, scenario by scenario: a change of its inside must change none of them.
//!
//! The matrix goes over queues, promises, heads of line, retries, batches, strategies, selections, levels of isolation, failures,
//! elastic jobs and limits. Each line of the snapshot holds the settings of a scenario and the digests of its events, its
//! jobs, its commands and its waits, so that a difference says at once under which settings it shows. `RM_GOLDEN_MATRIX=FOLDER` writes
//! the texts themselves there, to compare those of two versions line by line.

mod memory;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use rand::RngExt;
use rayon::prelude::*;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::protocol::Command;
use resource_manager::experiment::run::{Settings, run_with_journal};
use resource_manager::observe::journal::Reader;
use resource_manager::random::{Purpose, Stream, StreamFamily};
use resource_manager::simulator::scenario::Scenario;
use resource_manager::simulator::traces::Sinks;

use memory::Memory;

const SCENARIOS: usize = 134;

/// From this number on jobs have priorities and deadlines, and queues other orders than that of submission.
const ORDERED_FROM: usize = 80;

/// From this number on blocked jobs are promised starts.
const PROMISING_FROM: usize = 104;

const PROMISING: [&str; 5] = [
    "{global: {promises: easy}}",
    "{global: {promises: conservative}}",
    "{global: {promises: {depth: 3}}}",
    "{per_device: {promises: easy}}",
    "{per_device: {promises: conservative}}",
];
const QUEUES: [&str; 5] = [
    "{global: {skip_ahead: 0}}",
    "{global: {skip_ahead: 8}}",
    "{per_device: {skip_ahead: 0}}",
    "{per_device: {skip_ahead: 4}}",
    "{per_device: {skip_ahead: 0, head_of_line: count}}",
];
const RETRIES: [&str; 2] = ["event", "{every: 90s}"];
const BATCHES: [&str; 3] = ["sequential", "{joint: {max_jobs: 16}}", "{joint: {max_jobs: 2}}"];
const STRATEGIES: [&str; 5] = ["topology_aware", "noise_aware", "first_fit", "region", "fixed_regions"];
const SELECTIONS: [&str; 5] = ["first", "random", "round_robin", "least_loaded", "best_fidelity"];
const LEVELS: [&str; 3] = ["weak", "medium", "strong"];
const STARTS: [&str; 3] = ["any_time", "any_time", "when_empty"];
const ROUTING: [&str; 3] = ["when_impossible", "never", "always"];
const FAILURES: [&str; 4] = [
    "[]",
    "[{at: {time: 20m, duration: 15m, devices: [grid]}}, {mtbf: {mean_time_between: 30m, repair_median: 4m, devices: [line]}}]",
    "[{at: {time: 10m, devices: [grid], target: {qubit: 5}}}, {at: {time: 25m, duration: 10m, target: random_coupler}}]",
    "[{flapping: {mean_time_between: 40m, flaps: 3, down: 1m, up: 1m, devices: [trap]}}]",
];
const JOBS: [&str; 3] = [
    // Plain ones.
    "[{name: pair, qubits: 2, topology: line}, {name: wide, qubits: {uniform: [3, 7]}, topology: any},
      {name: ring, qubits: 4, topology: ring}]",
    // Elastic ones, copies, preferences, isolation of their own.
    "[{name: elastic, min_qubits: 2, max_qubits: 6, topology: line},
      {name: copies, min_qubits: 2, max_qubits: 6, topology: line, elasticity: copies},
      {name: choosy, qubits: 3, topology: any, device_preference: [line, grid], excluded_devices: [trap]},
      {name: far, qubits: 2, topology: line, isolation: {level: strong, buffer_distance: 1}}]",
    // Walltimes that are too short, patience, bounds on quality, shapes that must be routed.
    "[{name: brief, qubits: 3, topology: line, estimated_duration: {times_execution: {uniform: [0.5, 1.5]}}},
      {name: impatient, qubits: {uniform: [2, 5]}, topology: any, max_wait_time: {uniform: [0s, 6m]}},
      {name: good, qubits: 2, topology: line, fidelity_requirement: {at_least: 0.9999, hard: false}},
      {name: star, qubits: 5, topology: star}]",
];
const ORDERS: [&str; 5] = [
    "priority",
    "earliest_deadline, reject_if_late: true",
    "shortest_first",
    "priority, priority_aging: off",
    "fifo, reject_if_late: true",
];
/// Jobs with priorities and deadlines.
const URGENT_JOBS: &str = "[{name: soon, qubits: {uniform: [2, 5]}, topology: any, deadline: {uniform: [2m, 12m]}, priority: high},
      {name: brief, qubits: 3, topology: line, estimated_duration: {span: {uniform: [1m, 3m]}}, deadline: 15m, priority: 7},
      {name: whenever, qubits: {uniform: [2, 6]}, topology: any, priority: low},
      {name: wide, qubits: 6, topology: line, estimated_duration: 2m, max_wait_time: 40m}]";
/// Jobs with walltimes, and some that overrun them.
const TIMED_JOBS: &str = "[{name: pair, qubits: 2, topology: line, estimated_duration: 3m},
      {name: wide, qubits: {uniform: [5, 9]}, topology: any, estimated_duration: {span: {uniform: [90s, 4m]}}},
      {name: all, qubits: 12, topology: any, estimated_duration: 150s}, {name: open, qubits: 3, topology: line}]";
const LIMITS: [&str; 3] = ["", "max_queue_length: 6", "max_attempts: 2"];

/// One scenario: its settings in a line, and itself.
fn scenario(number: usize) -> (String, String) {
    // Each list is gone through at a pace of its own, so that settings meet in ever new combinations.
    let pick = |list: &[&'static str], pace: usize| list[(number / pace + number) % list.len()];
    let queue = if number < PROMISING_FROM { pick(&QUEUES, 5) } else { pick(&PROMISING, 5) };
    let retry = pick(&RETRIES, 2);
    let batch = pick(&BATCHES, 3);
    let strategy = STRATEGIES[number % 5];
    let selection = pick(&SELECTIONS, 25);
    let selection =
        SELECTIONS[(SELECTIONS.iter().position(|one| *one == selection).unwrap() + number / 5) % 5];
    let level = pick(&LEVELS, 4);
    let starts = pick(&STARTS, 7);
    let routing = pick(&ROUTING, 6);
    let (failures, jobs, limits) = ((number / 3 + number) % 4, (number / 4) % 3, pick(&LIMITS, 8));
    let (order, jobs_text) = match number {
        ..ORDERED_FROM => (String::new(), JOBS[jobs]),
        PROMISING_FROM.. if number.is_multiple_of(2) => (String::new(), TIMED_JOBS),
        _ => (format!("order: {}", ORDERS[(number / 5 + number) % 5]), URGENT_JOBS),
    };
    let shown_order = if order.is_empty() { String::new() } else { format!(" {order}") };
    let name = format!(
        "{number:02} {queue} retry {retry} batch {batch} {strategy} {selection} {level} {starts} routing {routing} failures \
         {failures} jobs {jobs} {limits}{shown_order}"
    );
    let text = format!(
        "scenario: golden
seed: {}
warm_up: none
horizon: {{jobs: 90}}
drain: true
drain_limit: {{time: 1d}}
fleet:
  - {{synthetic: {{grid: {{rows: 3, columns: 4}}}}, name: grid}}
  - {{synthetic: {{line: {{qubits: 7}}}}, name: line, limits: {{max_concurrent_tasks: 2}}}}
  - {{synthetic: {{all_to_all: {{qubits: 5}}}}, name: trap, technology: trapped_ion, limits: {{reconfiguration_time: 3s}}}}
  - {{synthetic: {{ring: {{qubits: 6}}}}, name: guest, joins: 12m, leaves: 50m}}
workload:
  arrivals: {{mmpp: {{rates: [140/h, 20/h], sojourn: [6m, 6m]}}}}
  tenants: {{users: 4, groups: 2, projects: 2}}
  outcomes: {{cancelled: 0.06, cancel_after: {{exponential: {{mean: 60s}}}}, error: 0.05}}
  jobs: {jobs}
hardware: {{runtime: {{fixed: 2m}}, failures: {failures}, drift: {{step: 10m}}}}
calibration: {{mode: drain, interval: 25m, duration: 3m, staggered: true}}
allocator:
  strategy: {strategy}
  selection: {selection}
  queue: {queue}
  retry: {retry}
  batch: {batch}
  starts: {starts}
  stop_timeout: 30s
  placement_budget: 20000
  placement: {{routing: {routing}, fixed_regions: {{sizes: [3], gap: 0, joined: true}}}}
  isolation: {{default_level: {level}, guard: 20s}}
  {limits}
  {order_keys}
output: {{events: true}}
",
        number + 1,
        jobs = jobs_text,
        order_keys = order.replace(", ", "\n  "),
        failures = FAILURES[failures],
    );
    (name, text)
}

/// What a scenario brought about.
struct Texts {
    events: String,
    jobs: String,
    commands: String,
    /// For what the jobs waited.
    waits: String,
    journal: String,
}

fn run(text: &str) -> Texts {
    let scenario = Scenario::from_yaml(text, "golden.yaml", Path::new(""), &[])
        .unwrap_or_else(|error| panic!("{error}\n{text}"));
    let [events, jobs, journal, timeline] = [(); 4].map(|()| Memory::default());
    let sinks = |_| {
        let (jobs, timeline, events) = (jobs.sink(), timeline.sink(), Some(events.sink()));
        Ok(Some(Sinks { jobs, timeline, events, estimates: None }))
    };
    let settings = Settings { threads: 1, sinks: &sinks, collect: false, timing: false, progress: None };
    run_with_journal(&scenario, &settings, &|_| Ok(Some(journal.sink()))).unwrap();
    let journal = journal.text();
    let events = frozen(&events.text());
    let (waits, events): (Vec<&str>, Vec<&str>) =
        events.lines().partition(|line| line.split(',').nth(1) == Some("job_waited"));
    let [waits, events] =
        [waits, events].map(|lines| lines.into_iter().map(|line| format!("{line}\n")).collect());
    Texts { events, jobs: decided(&jobs.text()), commands: commands(&journal), waits, journal }
}

/// Jobs without the last columns: what was told of their starts, for what they waited, and whom they followed.
fn decided(jobs: &str) -> String {
    let mut reader = csv::Reader::from_reader(jobs.as_bytes());
    let header = reader.headers().unwrap().clone();
    let others = ["planned_start", "after", "after_success"];
    let told = |name: &&str| name.starts_with("estimated_") || others.contains(name);
    let of_waits = header.iter().filter(|name| name.starts_with("waited_") || told(name)).count();
    let mut kept = String::new();
    for line in jobs.lines() {
        let mut end = line.len();
        for _ in 0..of_waits {
            end = line[..end].rfind(',').unwrap();
        }
        kept.push_str(&line[..end]);
        kept.push('\n');
    }
    kept
}

/// Events without their running number.
fn frozen(events: &str) -> String {
    let mut kept = String::new();
    for line in events.lines().skip(1) {
        let mut cells = line.splitn(3, ',');
        let (_, _, rest) = (cells.next(), cells.next(), cells.next().unwrap());
        kept.push_str(rest);
        kept.push('\n');
    }
    kept
}

/// The commands of a journal without what was decided, and without the devices as they joined.
fn commands(journal: &str) -> String {
    let mut kept = String::new();
    for line in
        journal.lines().filter(|line| line.starts_with("{\"seq\"") && !line.contains("\"register_device\""))
    {
        let end = line.find(",\"events\"").unwrap_or(line.len());
        kept.push_str(&line[..end]);
        kept.push('\n');
    }
    kept
}

fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex()[..12].to_owned()
}

#[test]
fn no_decision_changes_in_any_scenario_of_the_matrix() {
    let all: Vec<(String, Texts)> = (0..SCENARIOS)
        .into_par_iter()
        .map(|number| {
            let (name, text) = scenario(number);
            (name, run(&text))
        })
        .collect();
    let mut lines = String::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for (name, texts) in &all {
        let digests = [&texts.events, &texts.jobs, &texts.commands, &texts.waits].map(|text| digest(text));
        writeln!(lines, "{} | {name}", digests.join(" ")).unwrap();
        for line in texts.events.lines() {
            *kinds.entry(line.split(',').nth(1).unwrap().to_owned()).or_default() += 1;
        }
        for line in texts.jobs.lines().skip(1) {
            *kinds.entry(format!("jobs {}", line.split(',').nth(7).unwrap())).or_default() += 1;
        }
        assert!(!texts.commands.is_empty(), "{name}");
    }
    if let Some(folder) = std::env::var_os("RM_GOLDEN_MATRIX").map(std::path::PathBuf::from) {
        std::fs::create_dir_all(&folder).unwrap();
        for (name, texts) in &all {
            let number = &name[..2];
            std::fs::write(folder.join(format!("{number}.events.csv")), &texts.events).unwrap();
            std::fs::write(folder.join(format!("{number}.jobs.csv")), &texts.jobs).unwrap();
            std::fs::write(folder.join(format!("{number}.commands.jsonl")), &texts.commands).unwrap();
        }
    }
    // What happened at all: a matrix in which nothing is ever stopped guards no stop.
    let counts: String = kinds.iter().map(|(kind, count)| format!("{kind}: {count}\n")).collect();
    insta::assert_snapshot!("golden_matrix_counts", counts);
    insta::assert_snapshot!("golden_matrix", lines);
}

/// A core that forgets whatever it remembers, or is restored from its own snapshot, before commands at random decides in
/// every scenario what the run has decided, and its passes count the same.
#[test]
fn neither_forgetting_nor_restarting_changes_a_decision() {
    (0..SCENARIOS).into_par_iter().for_each(|number| {
        let (name, text) = scenario(number);
        let journal = run(&text).journal;
        let mut reader = Reader::new(journal.as_bytes()).unwrap();
        let (mut steady, mut forgetful) = (reader.header().core().unwrap(), reader.header().core().unwrap());
        let mut draws: Stream = StreamFamily::new(7, 0, Purpose::Arrivals).stream(number as u64, 0);
        let (mut events, mut same) = (Vec::new(), Vec::new());
        while let Some(entry) = reader.next_entry().unwrap() {
            match draws.random_range(0..20) {
                0 => forgetful = Allocator::restore(&forgetful.snapshot()).unwrap(),
                1..8 => forgetful.forget(),
                _ => {}
            }
            let passes = matches!(entry.command, Command::Wake);
            events.clear();
            same.clear();
            forgetful.handle(entry.now, entry.command.clone(), &mut events).unwrap();
            steady.handle(entry.now, entry.command, &mut same).unwrap();
            assert_eq!(events, entry.events, "{name}, line {}", entry.line);
            if passes {
                assert_eq!(forgetful.last_pass(), steady.last_pass(), "{name}, line {}", entry.line);
            }
        }
        assert_eq!(forgetful.state_hash(), steady.state_hash(), "{name}");
    });
}

/// Fifty jobs, event by event, for eyes.
#[test]
fn the_event_log_of_fifty_jobs() {
    let (_, text) = scenario(9);
    let text =
        text.replace("horizon: {jobs: 90}", "horizon: {jobs: 50}").replace("140/h, 20/h", "400/h, 50/h");
    let Texts { events, waits, .. } = run(&text);
    assert!(waits.lines().count() > 10, "{waits}");
    insta::assert_snapshot!("event_log_of_fifty_jobs", events);
}
