//! Same scenario, same seed, same bytes: for any number of threads, for two runs, for debug and release.
//!
//! The digests below were written by a debug build; `cargo test --release --test golden` compares an optimized one
//! with them. A change of a digest changes every published result: say so in the CHANGELOG.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Files whose bytes depend on scenario and seed alone.
const FILES: [&str; 6] =
    ["summary.json", "summary.csv", "jobs.csv", "timeline.csv", "events.csv", "world.csv"];

/// A small form of the quickstart: all of its devices, drift, failures and calibrations, fewer jobs, two replications.
fn run(out: &Path, options: &[&str]) {
    let status = Command::new(env!("CARGO_BIN_EXE_rmsim"))
        .args(["run", "scenarios/quickstart.yaml", "--quiet", "--replications", "2", "--traces", "all"])
        .args(["--set", "horizon={jobs: 1500}", "--set", "warm_up=none", "--out"])
        .arg(out)
        .args(options)
        .output()
        .expect("rmsim starts");
    assert!(status.status.success(), "{}", String::from_utf8_lossy(&status.stderr));
}

fn digest(folder: &Path, name: &str) -> String {
    let bytes = fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    blake3::hash(&bytes).to_hex()[..16].to_owned()
}

fn digests(folder: &Path) -> String {
    FILES.map(|name| format!("{name} {}", digest(folder, name))).join("\n")
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let base = tempfile::tempdir().unwrap();
    let folder = |name: &str| base.path().join(name);
    run(&folder("one"), &["--threads", "1"]);
    run(&folder("two"), &["--threads", "2", "--no-plots"]);
    run(&folder("seed"), &["--threads", "2", "--seed", "2", "--no-plots"]);
    let one = digests(&folder("one"));
    assert_eq!(one, digests(&folder("two")), "threads must not matter");
    for name in FILES {
        assert_ne!(
            digest(&folder("one"), name),
            digest(&folder("seed"), name),
            "{name} must depend on the seed"
        );
    }
    insta::assert_snapshot!(one, @"
    summary.json 76c7e1446c835ed8
    summary.csv a879ce4ffefa103f
    jobs.csv e84b31f16d0f6157
    timeline.csv 1ef363db02c8e643
    events.csv 0eafd8476b120fc9
    world.csv ba3ba5da34aefbe4
    ");
    // Plots, too.
    let plots: Vec<String> = fs::read_dir(folder("one"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .filter(|name| name.ends_with(".svg") || name.ends_with(".png"))
        .collect();
    assert_eq!(plots.len(), 16, "{plots:?}");
    run(&folder("again"), &["--threads", "2"]);
    for name in &plots {
        assert_eq!(digest(&folder("one"), name), digest(&folder("again"), name), "{name}");
    }
    // The manifests differ in their time stamps only.
    let manifest = |name: &str| {
        let text = fs::read_to_string(folder(name).join("manifest.json")).unwrap();
        let kept =
            text.lines().filter(|line| !line.contains("\"started_at\"") && !line.contains("\"finished_at\""));
        kept.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(manifest("one"), manifest("again"));
}

/// Whatever searches remember, they find the same; and they do remember.
#[test]
fn what_searches_remember_does_not_show() {
    let base = tempfile::tempdir().unwrap();
    let run = |name: &str, memory: &str| {
        let folder = base.path().join(name);
        // Where other things than noise count, searches on busy devices remember nothing.
        let weight = "allocator.placement.fragmentation_weight=0";
        let memory = format!("allocator.placement.memory={memory}");
        run(&folder, &["--no-plots", "--set", weight, "--set", &memory]);
        let report = fs::read(folder.join("performance.json")).unwrap();
        let report: serde_json::Value = serde_json::from_slice(&report).unwrap();
        let counts = ["requests", "hits", "misses", "bytes", "bytes_peak"].map(|name| {
            let value = &report["metrics"][format!("search_memory.{name}")]["mean"];
            value.as_f64().unwrap_or_else(|| panic!("{name}: {value}")) as u64
        });
        (digests(&folder), counts)
    };
    let (default, [requests, hits, misses, bytes, peak]) = run("default", "{bounded: {}}");
    assert!(hits > 100 && misses > 10 && hits + misses <= requests, "{hits} and {misses} of {requests}");
    assert!(bytes > 0 && bytes <= peak && peak <= 64 << 20, "{bytes} of {peak}");
    let (off, counts) = run("off", "off");
    assert_eq!((&off, counts), (&default, [0; 5]));
    let (brief, [_, hits_of_brief, ..]) = run("brief", "{bounded: {max_mib: 1, max_age: 1s}}");
    assert_eq!(brief, default);
    assert!(hits_of_brief < hits, "{hits_of_brief}, {hits}");
}

/// What an allocator does must not change the world that it does it in.
#[test]
fn the_world_does_not_depend_on_decisions() {
    let base = tempfile::tempdir().unwrap();
    let world = |name: &str, set: &str| {
        let folder = base.path().join(name);
        run(&folder, &["--no-plots", "--set", set]);
        (digest(&folder, "world.csv"), digest(&folder, "jobs.csv"))
    };
    let first_fit = world("first_fit", "allocator.strategy=first_fit");
    let noise_aware = world("noise_aware", "allocator.strategy=noise_aware");
    let per_device = world("per_device", "allocator.queue={per_device: {skip_ahead: 0}}");
    assert_eq!(first_fit.0, noise_aware.0);
    assert_eq!(first_fit.0, per_device.0);
    assert_ne!(first_fit.1, noise_aware.1);
    assert_ne!(first_fit.1, per_device.1);
}
