//! Several programs at once: one folder holds one run, one file is of one writer, and nobody overwrites what is no result.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Long enough to still run when the others have been tried.
const LONG: &str = "horizon={jobs: 20000}";
const SHORT: &str = "horizon={jobs: 300}";

/// One instance to place.
const INSTANCES: &str = r#"{
  "devices": {"tiny": {"num_qubits": 2, "edges": [[0, 1, 0.01]], "readout": [0.1, 0.2]}},
  "free": {"tiny/empty": [0, 1]},
  "patterns": {"pair": {"n": 2, "edges": [[0, 1, 1]]}},
  "instances": [{"device": "tiny", "busy": "empty", "pattern": "pair", "best_known": 0.3, "proved": false}]
}
"#;

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn rmsim(args: &[&str]) -> Output {
    command(args).output().expect("rmsim starts")
}

fn run<'a>(out: &'a Path, horizon: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut args = vec!["run", "--out", out.to_str().unwrap(), "-q", "--no-plots", "--set", horizon];
    args.extend(["--set", "warm_up=none"]);
    args.extend(more);
    args
}

/// Starts a run and waits until it has claimed its folder.
fn started(out: &Path, horizon: &str, more: &[&str]) -> Child {
    let child = command(&run(out, horizon, more)).spawn().expect("rmsim starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    while !out.join("jobs.csv").is_file() {
        assert!(Instant::now() < deadline, "the run never began");
        std::thread::sleep(Duration::from_millis(5));
    }
    child
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_second_run_into_a_folder_is_refused_until_the_first_has_ended() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("run");
    let mut first = started(&out, LONG, &[]);
    for force in [&[][..], &["--force"]] {
        let refused = rmsim(&run(&out, SHORT, &[force, &["--seed", "9"]].concat()));
        let said = stderr(&refused).replace(&base.path().display().to_string(), "DIR");
        assert_eq!(refused.status.code(), Some(1), "{said}");
        insta::allow_duplicates! {
            insta::assert_snapshot!(said, @"error: another run is writing into DIR/run; hint: wait until it has ended, or choose another --out");
        }
    }
    // However it ends, nothing stays locked, and nobody takes its files for a run.
    first.kill().unwrap();
    first.wait().unwrap();
    let report = rmsim(&["report", out.to_str().unwrap()]);
    assert!(stderr(&report).contains("was not finished"), "{}", stderr(&report));
    let second = rmsim(&run(&out, SHORT, &["--seed", "9", "--force"]));
    assert!(second.status.success(), "{}", stderr(&second));
    let alone = base.path().join("alone");
    assert!(rmsim(&run(&alone, SHORT, &["--seed", "9"])).status.success());
    for file in ["summary.json", "jobs.csv", "events.csv", "timeline.csv", "world.csv"] {
        assert!(fs::read(out.join(file)).unwrap() == fs::read(alone.join(file)).unwrap(), "{file}");
    }
}

/// As on a file system without locks: somebody else has begun to write there.
#[test]
fn a_folder_of_two_runs_is_never_called_finished() {
    let base = tempfile::tempdir().unwrap();
    let out = base.path().join("run");
    let child = started(&out, "horizon={jobs: 3000}", &[]);
    let manifest = "{\"run\": \"000000000000\", \"finished_at\": null, \"writer\": \"another\"}\n";
    fs::write(out.join("manifest.json"), manifest).unwrap();
    let done = child.wait_with_output().unwrap();
    let said = stderr(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(
        said.contains("another run has written into") && said.contains("so that its files are of both"),
        "{said}"
    );
    assert_eq!(fs::read_to_string(out.join("manifest.json")).unwrap(), manifest);
}

#[test]
fn a_journal_has_one_writer_and_overwrites_nothing_else() {
    let base = tempfile::tempdir().unwrap();
    let journal = base.path().join("journal.jsonl");
    let shown = journal.to_str().unwrap();
    let mut first = started(&base.path().join("first"), LONG, &["--journal", shown]);
    let second = rmsim(&run(&base.path().join("second"), SHORT, &["--journal", shown]));
    let said = stderr(&second);
    assert_eq!(second.status.code(), Some(1), "{said}");
    assert!(said.contains("journal.jsonl: another process is writing it"), "{said}");
    first.kill().unwrap();
    first.wait().unwrap();

    let precious = base.path().join("precious.yaml");
    fs::write(&precious, "scenario: precious\n").unwrap();
    let precious = precious.to_str().unwrap();
    let out = base.path().join("third");
    assert!(rmsim(&run(&out, SHORT, &[])).status.success());
    let table = out.join("jobs.csv");
    let table = table.to_str().unwrap();
    let fourth = base.path().join("fourth");
    let place = ["place", "--device", "iqm_garnet", "--pattern", "line:5", "--picture"];
    let picture = base.path().join("picture.svg");
    fs::write(&picture, "not drawn by this program").unwrap();
    let picture = picture.to_str().unwrap();
    let instances = base.path().join("instances.json");
    fs::write(&instances, INSTANCES).unwrap();
    let all = ["place", "--instances", instances.to_str().unwrap(), "--out"];
    let attempts: [&[&str]; 6] = [
        &[&place[..], &[picture]].concat(),
        &[&all[..], &[precious]].concat(),
        &["device", "show", "iqm_garnet", "--picture", picture],
        &run(&fourth, SHORT, &["--journal", precious]),
        &["report", out.to_str().unwrap(), "--out", precious],
        &["report", out.to_str().unwrap(), "--out", table],
    ];
    let read = || [precious, table, picture].map(|path| fs::read(path).unwrap());
    let before = read();
    for args in attempts {
        let refused = rmsim(args);
        let said = stderr(&refused);
        assert_eq!(refused.status.code(), Some(2), "{args:?}: {said}");
        assert!(said.contains("exists and is no "), "{said}");
    }
    assert!(before == read());
    // Over its own kind, twice.
    for name in ["a.svg", "a.png"] {
        let own = base.path().join(name);
        for _ in 0..2 {
            assert!(rmsim(&[&place[..], &[own.to_str().unwrap()]].concat()).status.success(), "{name}");
        }
    }
    let answers = base.path().join("answers.csv");
    for _ in 0..2 {
        assert!(rmsim(&[&all[..], &[answers.to_str().unwrap()]].concat()).status.success());
    }
    let scenario = base.path().join("own.yaml");
    fs::copy("scenarios/quickstart.yaml", &scenario).unwrap();
    let scenario = scenario.to_str().unwrap();
    let exported = rmsim(&["workload", "export", scenario, "--out", scenario, "--force"]);
    assert_eq!(exported.status.code(), Some(2));
    assert!(stderr(&exported).contains("is the scenario itself"), "{}", stderr(&exported));
}

/// An error of the disk names the file, whichever it is.
#[cfg(unix)]
#[test]
fn errors_of_writing_name_the_file() {
    let base = tempfile::tempdir().unwrap();
    let full = Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let done = rmsim(&run(&base.path().join("run"), SHORT, &["--journal", "/dev/full"]));
    let said = stderr(&done);
    assert_eq!(done.status.code(), Some(1), "{said}");
    assert!(said.contains("/dev/full: "), "{said}");
    let folder = base.path().join("folder");
    assert!(rmsim(&run(&folder, SHORT, &[])).status.success());
    let done = rmsim(&["report", folder.to_str().unwrap(), "--out", "/dev/full"]);
    assert_eq!(done.status.code(), Some(1));
    assert!(stderr(&done).contains("cannot write /dev/full: "), "{}", stderr(&done));
}
