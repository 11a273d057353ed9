//! The state is the fold of its events, across processes: a run writes its journal, and this process applies the events of
//! it to an empty state, with `State::apply` alone. At random prefixes the fold is compared with a core that handles the
//! commands, and at the end with the state of the process that ran. `RM_FOLD_JOBS=20000` is the long form.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use proptest::prelude::*;
use rand::RngExt;
use resource_manager::allocator::Allocator;
use resource_manager::allocator::config::AllocatorConfig;
use resource_manager::allocator::protocol;
use resource_manager::allocator::state::State;
use resource_manager::observe::journal::Reader;
use resource_manager::quantum::{DeviceId, catalogue};
use resource_manager::random::{Purpose, Stream, StreamFamily};
use resource_manager::time::Time;

/// Prefixes at which the fold is compared.
const PREFIXES: usize = 100;

/// Everything that the core keeps books of: queues per device that are counted, retries at times, guards, walltimes,
/// patience, limits, failures, calibrations, devices that come and go.
const ROUGH: &str = "scenario: rough
seed: 3
warm_up: none
horizon: {jobs: 600}
drain: true
drain_limit: {time: 1d}
fleet:
  - {synthetic: {grid: {rows: 3, columns: 4}}, name: grid}
  - {synthetic: {line: {qubits: 7}}, name: line, limits: {max_concurrent_tasks: 2}}
  - {synthetic: {ring: {qubits: 6}}, name: guest, joins: 12m, leaves: 3h}
workload:
  arrivals: {poisson: {rate: 90/h}}
  outcomes: {cancelled: 0.06, cancel_after: {exponential: {mean: 60s}}, error: 0.05}
  jobs:
    - {name: pair, qubits: 2, topology: line}
    - {name: elastic, min_qubits: 2, max_qubits: 6, topology: line}
    - {name: brief, qubits: 3, topology: line, estimated_duration: {times_execution: {uniform: [0.5, 1.5]}}}
    - {name: impatient, qubits: {uniform: [2, 5]}, topology: any, max_wait_time: {uniform: [0s, 6m]}}
    - {name: good, qubits: 2, topology: line, fidelity_requirement: {at_least: 0.9999, hard: false}}
hardware:
  runtime: {fixed: 2m}
  failures:
    - mtbf: {mean_time_between: 30m, repair_median: 4m, devices: [line]}
    - at: {time: 25m, duration: 10m, target: random_coupler}
  drift: {step: 10m}
calibration: {mode: drain, interval: 25m, duration: 3m, staggered: true}
allocator:
  queue: {per_device: {skip_ahead: 0, head_of_line: count}}
  retry: {every: 90s}
  batch: {joint: {max_jobs: 16}}
  selection: round_robin
  stop_timeout: 30s
  isolation: {default_level: strong, guard: 20s}
  max_queue_length: 30
";

/// Runs `rmsim` in a process of its own; the journal that it writes.
fn journal(folder: &Path, scenario: &Path, sets: &[&str]) -> BufReader<File> {
    let path = folder.join("journal.jsonl");
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    command.args(["run", "-q", "--no-plots", "--traces", "none", "--replications", "1", "--force"]);
    command.arg("--out").arg(folder.join("run")).arg("--journal").arg(&path).arg(scenario);
    for set in sets {
        command.args(["--set", set]);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    BufReader::new(File::open(&path).unwrap())
}

/// Folds a journal beside a core that handles its commands; how many prefixes were compared.
fn fold(mut reader: Reader<BufReader<File>>, commands: u64) -> usize {
    let mut draws: Stream = StreamFamily::new(11, 0, Purpose::Arrivals).stream(0, 0);
    let compared: BTreeSet<u64> = (0..PREFIXES).map(|_| draws.random_range(1..=commands)).collect();
    let mut folded = reader.header().state();
    let mut live = reader.header().core().unwrap();
    let mut seen = 0;
    let mut events = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        for event in &entry.events {
            folded.apply(entry.now, event).unwrap_or_else(|error| panic!("line {}: {error}", entry.line));
        }
        events.clear();
        live.handle(entry.now, entry.command, &mut events).unwrap();
        assert_eq!(events, entry.events, "line {}", entry.line);
        seen += 1;
        if compared.contains(&seen) {
            assert_eq!(folded.hash(), live.state_hash(), "after {seen} commands");
        }
    }
    let end = reader.end().unwrap();
    assert_eq!(blake3::Hash::from(folded.hash()).to_hex().to_string(), end.state_hash, "at the end");
    compared.len()
}

fn commands_of(journal: &Path) -> u64 {
    let mut reader = Reader::new(BufReader::new(File::open(journal).unwrap())).unwrap();
    while reader.next_entry().unwrap().is_some() {}
    reader.end().unwrap().commands
}

#[test]
fn the_fold_of_a_journal_is_the_state_of_the_run() {
    let jobs: u64 = std::env::var("RM_FOLD_JOBS").map_or(1_500, |number| number.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let quickstart = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/quickstart.yaml");
    let rough = folder.path().join("rough.yaml");
    std::fs::write(&rough, ROUGH).unwrap();
    let horizon = format!("horizon={{jobs: {jobs}}}");
    let rough_horizon = format!("horizon={{jobs: {}}}", jobs.min(3_000));
    for (scenario, horizon) in [(&quickstart, &horizon), (&rough, &rough_horizon)] {
        let journal = journal(folder.path(), scenario, &[horizon, "warm_up=none"]);
        let commands = commands_of(&folder.path().join("journal.jsonl"));
        let compared = fold(Reader::new(journal).unwrap(), commands);
        println!("{}: {compared} prefixes of {commands} commands", scenario.display());
        assert!(compared > PREFIXES / 2);
    }
}

/// What was decided. For what a job waited before the fold, nobody knows afterwards; how long, they do.
fn decisions(events: &[protocol::Event]) -> Vec<String> {
    let say = |event: &protocol::Event| match event {
        protocol::Event::JobWaited { job, waited } => format!("{job:?} waited {}", waited.total()),
        event => format!("{event:?}"),
    };
    events.iter().map(say).collect()
}

/// A core that goes on from a fold decides on: everything is due, and nothing that was promised is lost.
#[test]
fn a_core_resumes_from_a_fold() {
    resumes(&["allocator.strategy=noise_aware"]);
}

/// So it does where the keys of jobs change while they wait.
#[test]
fn keys_go_on_changing_after_a_fold() {
    resumes(&[
        "allocator.strategy=noise_aware",
        "allocator.order=priority",
        "allocator.priority_aging={capped: {every: 20s, at_most: 5}}",
    ]);
}

fn resumes(sets: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let rough = folder.path().join("rough.yaml");
    std::fs::write(&rough, ROUGH).unwrap();
    let mut reader = Reader::new(journal(folder.path(), &rough, sets)).unwrap();
    let header = reader.header().clone();
    let mut folded = header.state();
    let mut entries = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        entries.push(entry);
    }
    let draws = StreamFamily::new(header.seed, header.replication, Purpose::DeviceSelection);
    let mut last = Time::ZERO;
    for (index, entry) in entries.iter().enumerate() {
        for event in &entry.events {
            folded.apply(entry.now, event).unwrap();
        }
        last = last.max(entry.now);
        // Between two instants, as a driver would: who came since the last pass is known to it alone.
        if index % 41 != 0 || !matches!(entry.command, protocol::Command::Wake) {
            continue;
        }
        // All that follows is decided as it was, but for passes in vain.
        let mut resumed = Allocator::resume(folded.clone(), last, draws);
        assert!(resumed.next_wakeup().is_some());
        for entry in &entries[index + 1..] {
            let mut events = Vec::new();
            resumed.handle(entry.now, entry.command.clone(), &mut events).unwrap();
            let [events, recorded] = [&events, &entry.events].map(|events| decisions(events));
            assert_eq!(events, recorded, "line {} after a fold of {index}", entry.line);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Events that were changed by hand are refused, or applied; nothing panics.
    #[test]
    fn changed_events_never_panic(number: u64) {
        let events: &[&str] = &[
            r#"{"job_counted":{"job":0,"device":0}}"#,
            r#"{"retry_set":{"job":3,"at":7}}"#,
            r#"{"job_held":{"job":1}}"#,
            r#"{"job_released":{"job":1}}"#,
            r#"{"job_ranked":{"job":1,"key":-7,"key_until":9}}"#,
            r#"{"job_transferred":{"job":1,"device":2}}"#,
            r#"{"job_transferred":{"job":1,"device":null}}"#,
            r#"{"guard_started":{"allocation":1,"device":0,"until":9}}"#,
            r#"{"guard_ended":{"allocation":1,"device":0}}"#,
            r#"{"job_finished":{"job":1,"allocation":1,"shots_done":3}}"#,
            r#"{"job_cancelled":{"job":0,"allocation":null}}"#,
            r#"{"job_requeued":{"job":1,"allocation":1,"reason":"DeviceLost","device":0}}"#,
            r#"{"device_leaving":{"device":0}}"#,
            r#"{"device_removed":{"device":0}}"#,
            r#"{"stop_requested":{"job":1,"allocation":1,"reason":"Cancelled","until":5}}"#,
            r#"{"job_queued":{"job":{"id":1,"min_qubits":2,"max_qubits":2},"device":null}}"#,
            r#"{"job_queued":{"job":{"id":0,"min_qubits":4294967295,"max_qubits":4294967295},"device":0}}"#,
            r#"{"job_expired":{"job":0,"waited":"4ns"}}"#,
            r#"{"calibration_requested":{"device":0,"epoch":1,"job":1}}"#,
        ];
        let mut draws: Stream = StreamFamily::new(number, 0, Purpose::Arrivals).stream(0, 0);
        let spec = Arc::new(catalogue::load("ibm_guadalupe").unwrap());
        let mut state = State::new(AllocatorConfig::default());
        let joins = protocol::Event::DeviceRegistered { device: DeviceId(0), spec };
        state.apply(Time::ZERO, &joins).unwrap();
        let mut applied = 0;
        for now in 0..40 {
            let event: protocol::Event =
                serde_json::from_str(events[draws.random_range(0..events.len())]).unwrap();
            // What fails leaves the state to be thrown away.
            let mut next = state.clone();
            if next.apply(Time(now), &event).is_ok() {
                applied += 1;
                state = next;
            }
        }
        prop_assert!(applied <= 40);
        state.hash();
    }
}
