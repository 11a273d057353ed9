use std::path::{Path, PathBuf};

use super::*;
use crate::config_file::YamlFile;
use crate::quantum::DeviceId;
use crate::quantum::device::DeviceSpec;
use crate::time::Span;

fn scenarios() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "yaml") && !is_plan(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// Plans of sweeps lie beside scenarios.
fn is_plan(path: &Path) -> bool {
    YamlFile::load(path, &SCENARIO).is_ok_and(|file| file.has("sweep"))
}

#[test]
fn every_shipped_scenario_loads_and_its_resolved_form_reads_back_the_same() {
    let files = scenarios();
    assert!(files.len() >= 7);
    for path in files {
        let scenario = Scenario::load(&path, &[]).unwrap_or_else(|error| panic!("{error}"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema="), "{}", path.display());
        let again =
            Scenario::from_yaml(&scenario.resolved.to_string(), "resolved", path.parent().unwrap(), &[])
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(again.resolved, scenario.resolved, "{}", path.display());
        assert_eq!(again.digest(), scenario.digest());
        assert_eq!(again.fleet, scenario.fleet);
        assert_eq!(again.workload, scenario.workload);
        assert_eq!(Some(&*scenario.name), path.file_stem().and_then(|stem| stem.to_str()));
    }
}

#[test]
fn the_committed_schema_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/schema.json");
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, schema_text()).unwrap();
    } else {
        assert!(
            committed == schema_text(),
            "scenarios/schema.json is out of date; hint: run this test with UPDATE_SCHEMA=1"
        );
    }
}

fn scenario(text: &str, sets: &[&str]) -> Result<Scenario, ConfigFileError> {
    let sets: Vec<SetOverride> = sets.iter().map(|set| set.parse().unwrap()).collect();
    Scenario::from_yaml(text, "test", Path::new(""), &sets)
}

const SMALL: &str = "
scenario: small
horizon: {time: 1d}
fleet:
- {synthetic: {line: {qubits: 3}}, noise: {like: ibm_fez}, count: 2, joins: 1h, leaves: 2d, limits: {max_concurrent_tasks: 4}}
- {device: ibm_fez, name: fez, speed: {clops: 5, repetition_delay: 0}}
workload:
  arrivals: {batch: {rate: 60/h}}
  jobs: [{qubits: 2, isolation: strong, device_preference: ['*-2', fez], coherence_time_required: 50us}]
";

#[test]
fn a_fleet_is_resolved_with_names_numbers_and_overrides() {
    let small = scenario(SMALL, &["seed=7", "fleet.1.limits={calibration_interval: 4h}"]).unwrap();
    let shown: Vec<String> = small
        .fleet
        .iter()
        .map(|device| {
            let spec = &device.spec;
            format!(
                "{} {} {} {} {:?} {:?} {:?}",
                device.id.0,
                spec.name,
                spec.coupling_map.qubits(),
                device.joins,
                device.leaves.map(|at| at.to_string()),
                spec.limits.max_concurrent_tasks,
                small.calibration.interval_of(spec).map(|span| span.to_string()),
            )
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    0 synthetic-1 3 1h Some("2d") Some(4) Some("1d")
    1 synthetic-2 3 1h Some("2d") Some(4) Some("1d")
    2 fez 156 0s None None Some("4h")
    "#);
    let [first, second, fez] = &small.fleet[..] else { panic!("three devices") };
    assert_ne!(first.spec.calibration, second.spec.calibration);
    assert_eq!((fez.spec.speed.clops, fez.spec.speed.repetition_delay), (Some(5.0), Span::ZERO));
    let mix = &small.workload.sources[0].mix;
    let request = &mix.templates()[0].base;
    assert_eq!(request.preferred_devices[..], [DeviceId(1), DeviceId(2)]);
    assert_eq!((request.limits.min_t1_s, request.limits.min_t2_s), (50e-6, 50e-6));
    assert_eq!(small.output.timeline_every, Span(86_400_000_000));
    assert!(!small.drain);
    assert_eq!(small.seed, 7);
}

#[test]
fn calibrations_take_turns_or_come_at_once() {
    let due = |sets: &[&str]| -> Vec<String> {
        let small = scenario(SMALL, sets).unwrap();
        let due = |(index, device): (usize, &FleetDevice)| {
            small
                .calibration
                .first_due(&device.spec, index, small.fleet.len())
                .map_or("never".to_owned(), |at| at.to_string())
        };
        small.fleet.iter().enumerate().map(due).collect()
    };
    assert_eq!(due(&[]), ["8h", "16h", "1d"]);
    assert_eq!(due(&["calibration.staggered=false", "calibration.interval=4h"]), ["4h", "4h", "4h"]);
    assert_eq!(due(&["calibration.mode=off"]), ["never", "never", "never"]);
}

/// Where the files lie decides nothing.
#[test]
fn the_digest_does_not_depend_on_the_folder() {
    let device = "name: toy\ntechnology: simulator\nqubits: 5\ntopology: line\n\
                  noise_profile: {t1: 120us, t2: 80us, readout_error: 0.01, one_qubit_error: 0.0004, \
                  two_qubit_error: 0.006}\n";
    let text = "scenario: s\nseed: 1\nhorizon: {jobs: 5}\nwarm_up: none\nfleet:\n  - {device: ./toy.yaml}\n\
                workload: {arrivals: {poisson: {rate: 1/h}}, jobs: [{name: a, qubits: 2, topology: line}]}\n";
    let digest = || {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("toy.yaml"), device).unwrap();
        Scenario::from_yaml(text, "s.yaml", folder.path(), &[]).unwrap().digest()
    };
    assert_eq!(digest(), digest());
}

#[test]
fn the_digest_covers_the_scenario_and_the_figures_of_its_devices() {
    let base = scenario(SMALL, &[]).unwrap();
    assert_eq!(base.digest(), scenario(SMALL, &["seed=1"]).unwrap().digest());
    for set in ["seed=2", "fleet.0.noise_seed=2", "allocator.strategy=first_fit"] {
        assert_ne!(base.digest(), scenario(SMALL, &[set]).unwrap().digest(), "{set}");
    }
    let mut other = base.clone();
    let mut spec = DeviceSpec::clone(&other.fleet[2].spec);
    let mut figures = Calibration::clone(&spec.calibration);
    figures.qubits[0].readout_error *= 0.5;
    spec.calibration = Arc::new(figures);
    other.fleet[2].spec = Arc::new(spec);
    assert_ne!(base.digest(), other.digest());
}
