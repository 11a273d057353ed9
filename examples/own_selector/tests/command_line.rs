//! The selector under its own name in the commands of the product.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/quickstart.yaml");

fn own_selector(args: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_own-selector")).args(args).arg("--out").arg(out).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A scenario given by path, its own horizon and replications, plots and a report.
#[test]
fn tightest_is_compared_with_what_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("mine.yaml");
    let own = fs::read_to_string(SCENARIO).unwrap().replace("horizon: {jobs: 20000}", "horizon: {jobs: 400}");
    fs::write(&scenario, own.replace("warm_up: {time: 2h}", "warm_up: none\nreplications: 3")).unwrap();
    let args = [
        "compare",
        scenario.to_str().unwrap(),
        "--vary",
        "allocator.selection=least_loaded,tightest",
        "--json",
    ];
    let out = folder.path().join("compared");
    let done = own_selector(&args, &out);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let json: serde_json::Value = serde_json::from_slice(&done.stdout).unwrap();
    assert!(json.to_string().contains("tightest"), "{json}");
    assert!(out.join("report.html").is_file());
    let pictures = fs::read_dir(&out).unwrap().filter(|entry| {
        entry.as_ref().unwrap().path().extension().is_some_and(|ending| ending == "png" || ending == "svg")
    });
    assert!(pictures.count() > 0);
}

/// On idle devices a job goes where it fits most tightly: 16 qubits are taken before 156.
#[test]
fn small_jobs_leave_large_devices_alone() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("tight.yaml");
    let yaml = "scenario: tight\nfleet: [{device: ibm_fez}, {device: ibm_guadalupe}]\nhorizon: {jobs: 40}\n\
                workload: {arrivals: {poisson: {rate: 1/h}}, jobs: [{name: small, qubits: 3, topology: line}]}\n\
                allocator: {selection: tightest}\n";
    fs::write(&scenario, yaml).unwrap();
    let out = folder.path().join("run");
    let args = ["run", scenario.to_str().unwrap(), "--quiet", "--no-plots", "--traces", "all"];
    let done = own_selector(&args, &out);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let jobs = fs::read_to_string(out.join("jobs.csv")).unwrap();
    let on = |device: &str| jobs.lines().filter(|line| line.contains(device)).count();
    assert_eq!((on("ibm_guadalupe"), on("ibm_fez")), (40, 0), "{jobs}");
}
