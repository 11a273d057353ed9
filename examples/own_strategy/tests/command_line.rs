//! The strategy under its own name in the commands of the product.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../scenarios/quickstart.yaml");

fn own_strategy(args: &[&str], out: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_own-strategy")).args(args).arg("--out").arg(out).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A scenario given by path, its own horizon and replications, plots and a report; the auditor watches.
#[test]
fn greedy_is_compared_with_what_is_shipped() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("mine.yaml");
    let own = fs::read_to_string(SCENARIO).unwrap().replace("horizon: {jobs: 20000}", "horizon: {jobs: 400}");
    fs::write(&scenario, own.replace("warm_up: {time: 2h}", "warm_up: none\nreplications: 3")).unwrap();
    let compared = |out: &str| {
        let args = [
            "compare",
            scenario.to_str().unwrap(),
            "--vary",
            "allocator.strategy=first_fit,greedy",
            "--metric",
            "placement_error_per_qubit.mean",
            "--metric",
            "isolation_violations",
            "--json",
        ];
        let done = own_strategy(&args, &folder.path().join(out));
        assert!(done.status.success(), "{}", text(&done.stderr));
        text(&done.stdout)
    };
    let said = compared("one");
    let json: serde_json::Value = serde_json::from_str(&said).unwrap();
    let shown = json.to_string();
    assert!(shown.contains("greedy") && shown.contains("better"), "{shown}");
    let written = fs::read_dir(folder.path().join("one")).unwrap();
    let written: Vec<String> =
        written.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    assert!(written.iter().any(|name| name == "report.html"), "{written:?}");
    assert!(written.iter().any(|name| name.ends_with(".png")), "{written:?}");
    assert_eq!(said, compared("two"), "the same answers whenever it is asked");
}

/// Journals name it, and are replayed by the program that knows it; the product alone says what it does not know.
#[test]
fn the_name_means_the_same_in_every_command() {
    let folder = tempfile::tempdir().unwrap();
    let journal = folder.path().join("run.journal");
    let settings =
        ["--set", "allocator.strategy=greedy", "--set", "horizon={jobs: 100}", "--set", "warm_up=none"];
    let args =
        [&["run", SCENARIO, "--quiet", "--no-plots", "--journal", journal.to_str().unwrap()], &settings[..]];
    let done = own_strategy(&args.concat(), &folder.path().join("run"));
    assert!(done.status.success(), "{}", text(&done.stderr));
    let replay =
        Command::new(env!("CARGO_BIN_EXE_own-strategy")).arg("replay").arg(&journal).output().unwrap();
    assert!(replay.status.success(), "{}", text(&replay.stderr));

    let unknown = ["run", SCENARIO, "--set", "allocator.strategy=gredy"];
    let done = own_strategy(&unknown, &folder.path().join("none"));
    let stderr = text(&done.stderr);
    assert_eq!(done.status.code(), Some(2), "{stderr}");
    assert!(
        stderr.contains("greedy") && stderr.contains("first_fit"),
        "the valid choices, own ones too: {stderr}"
    );
}
