//! The order under its own name in the commands of the product.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// One device that takes one job at a time, and jobs of two sizes, all there from the start.
const SCENARIO: &str = "scenario: sizes\nfleet: [{device: ibm_guadalupe}]\nhorizon: {jobs: 40}\nwarm_up: none\n\
    workload:\n  arrivals: {at_start: {jobs: 40}}\n  jobs:\n    - {name: large, qubits: 14, shots: 20000, depth: 20}\n    \
    - {name: small, qubits: 14, shots: 100, depth: 20}\nallocator: {queue: {global: {skip_ahead: 0}}}\n";

fn own_order(args: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_own-order")).args(args).arg("--out").arg(out).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn least_work_is_compared_with_what_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("sizes.yaml");
    fs::write(&scenario, SCENARIO).unwrap();
    let path = scenario.to_str().unwrap();
    let vary = "allocator.order=fifo,least_work";
    let args =
        ["compare", path, "--vary", vary, "--replications", "5", "--metric", "waiting_time_s.mean", "--json"];
    let out = folder.path().join("compared");
    let done = own_order(&args, &out);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let json: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(json.to_string().contains("least_work"), "{json}");
    assert!(json.to_string().contains("\"better\""), "short jobs no longer wait for long ones: {json}");
    assert!(out.join("report.html").is_file());
}

#[test]
fn small_jobs_start_before_large_ones() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("sizes.yaml");
    fs::write(&scenario, SCENARIO).unwrap();
    let out = folder.path().join("run");
    let set = ["--set", "allocator.order=least_work"];
    let args = ["run", scenario.to_str().unwrap(), "--quiet", "--no-plots", "--traces", "all"];
    let done = own_order(&[&args[..], &set[..]].concat(), &out);
    assert!(done.status.success(), "{}", text(&done.stderr));
    // Rows are in the order of ends, and jobs run one at a time.
    let jobs = fs::read_to_string(out.join("jobs.csv")).unwrap();
    let small: Vec<bool> = jobs.lines().skip(1).map(|line| line.contains(",small,")).collect();
    let number = small.iter().filter(|small| **small).count();
    assert!(number > 5 && number < 35, "{number} of 40 are small");
    assert!(small[..number].iter().all(|small| *small), "{jobs}");
}
