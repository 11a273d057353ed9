//! What a what-if promises: the answer of a run under the same settings.

use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

use super::*;
use crate::config_file::SetOverride;
use crate::experiment::run::{Settings, run_with_journal};
use crate::simulator::scenario::Scenario;
use crate::simulator::traces::Sink;

/// A journal in memory.
#[derive(Clone, Default)]
struct Shared(Arc<Mutex<Vec<u8>>>);

impl Write for Shared {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn journal(scenario: &str, sets: &[String]) -> Vec<u8> {
    let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
    let scenario = Scenario::from_yaml(scenario, "test.yaml", Path::new(""), &sets).unwrap();
    let sink = Shared::default();
    let settings =
        Settings { threads: 1, sinks: &|_| Ok(None), collect: false, timing: false, progress: None };
    let make = |_| -> io::Result<Option<Sink>> { Ok(Some(Box::new(sink.clone()))) };
    run_with_journal(&scenario, &settings, &make).unwrap();
    sink.0.lock().unwrap().clone()
}

/// What became of every job: device, first and last start, end.
fn fates(courses: &Courses) -> Vec<String> {
    let seconds = |time: Time| format!("{:.3}", time.as_secs_f64());
    let fate = |(id, course): (&JobId, &crate::experiment::replay::course::Course)| {
        let last = course.allocation.as_ref().map(|one| (one.device.0, seconds(one.started), one.attempt));
        let ended = course.ended.map(|(state, at)| (state, seconds(at)));
        format!("{} first {:?} last {last:?} end {ended:?}", id.0, course.first_start.map(seconds))
    };
    courses.jobs.iter().map(fate).collect()
}

/// The fates of the jobs of `base` under `settings`, by a what-if of its journal and by a run.
fn both_ways(scenario: &str, base: &[String], settings: &[String]) -> (Vec<String>, Vec<String>) {
    let recorded = journal(scenario, base);
    let mut reader = Reader::new(recorded.as_slice()).unwrap();
    let record = Record::read(&mut reader).unwrap();
    let all = [base, settings].concat();
    let ran = journal(scenario, &all);
    let mut ran = Reader::new(ran.as_slice()).unwrap();
    let config = ran.header().allocator.clone();
    let mut driver = Driver::new(reader.header().core_with(config).unwrap(), &record);
    driver.run();
    (fates(&driver.courses), fates(&Record::read(&mut ran).unwrap().courses))
}

/// A device that is calibrated every hour, and pairs of jobs that need not wait for each other without buffers.
const DRAINED: &str = "
scenario: drained
seed: 1
warm_up: none
fleet: [{synthetic: {line: {qubits: 4}}, noise: ideal, name: line}]
workload:
  arrivals: {burst: {every: 70m, jobs: 2}}
  jobs: [{name: pair, qubits: 2, topology: line, execution_time: 40m}]
hardware: {runtime: distribution, drift: {enabled: false}, crosstalk: {enabled: false}}
calibration: {mode: drain, interval: 1h, duration: 10m, staggered: false}
allocator: {isolation: {buffer_distance: 2}, queue: {global: {skip_ahead: 8}}}
horizon: {jobs: 4}
drain: true
";

/// Devices that fail, are calibrated one after the other, and stop jobs at the end of their walltime.
const BUSY: &str = "
scenario: busy
warm_up: none
horizon: {jobs: 60}
drain: true
fleet:
  - {synthetic: {grid: {rows: 2, columns: 4}}, name: a}
  - {synthetic: {grid: {rows: 2, columns: 4}}, name: b}
workload:
  arrivals: {poisson: {rate: 20/h}}
  jobs:
    - {name: short, qubits: {uniform: [1, 4]}, topology: line, execution_time: {uniform: [1m, 15m]}, shots: 100}
    - {name: long, qubits: {uniform: [2, 6]}, topology: any, execution_time: {uniform: [10m, 50m]}, shots: 1000,
       estimated_duration: {times_execution: 0.9}}
hardware:
  runtime: distribution
  drift: {enabled: false}
  crosstalk: {enabled: false}
  failures:
    - at: {time: 70m, duration: 25m, devices: [a]}
    - at: {time: 3h, duration: 7m, devices: [b]}
calibration: {mode: drain, interval: 1h, duration: 9m, staggered: true}
";

#[test]
fn a_calibration_begins_when_its_device_is_idle_now() {
    let settings = ["allocator.isolation.buffer_distance=0".to_owned()];
    let (what_if, run) = both_ways(DRAINED, &[], &settings);
    assert_eq!(what_if, run);
    // The record has a calibration from 4800 s to 5400 s, since the second job had to wait for the first.
    assert!(run[3].contains("first Some(\"4200.000\")"), "{run:?}");
}

/// Every pair of settings, not only those that somebody thought of.
#[test]
fn a_what_if_is_a_run_under_the_same_settings() {
    let choices: [(&str, &[&str]); 5] = [
        ("allocator.isolation.buffer_distance", &["0", "1", "2"]),
        ("allocator.strategy", &["first_fit", "topology_aware"]),
        ("allocator.selection", &["first", "least_loaded", "round_robin"]),
        ("allocator.queue", &["{global: {skip_ahead: 0}}", "{global: {skip_ahead: 8}}"]),
        ("allocator.retry", &["event", "{every: 2m}"]),
    ];
    let mut state = 7_u64;
    let mut draw = |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) % below as u64) as usize
    };
    for seed in 0..24 {
        let mut pick = || -> Vec<String> {
            choices.iter().map(|(key, values)| format!("{key}={}", values[draw(values.len())])).collect()
        };
        let (mut base, settings) = (pick(), pick());
        base.push(format!("seed={seed}"));
        let (what_if, run) = both_ways(BUSY, &base, &settings);
        assert_eq!(what_if, run, "{base:?} then {settings:?}");
        let (same, run) = both_ways(BUSY, &base, &[]);
        assert_eq!(same, run, "{base:?} replayed as it was");
    }
}
