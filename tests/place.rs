//! `rmsim place` from outside: the table of answers, one placement with its picture, and what is said of bad input.

#[expect(dead_code, reason = "placement_instances.rs uses all of the file, this reads and scores")]
mod instances;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use instances::{Best, Instances};
use resource_manager::quantum::PhysicalQubit;

const INSTANCES: &str = "tests/data/placement_instances.json";

fn rmsim(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
    command.args(args).env_remove("NO_COLOR").output().expect("rmsim starts")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// Runs over the small file of instances; the table and what was printed.
fn place_all(more: &[&str]) -> (String, String) {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("answers.csv");
    let done = rmsim(&[&["place", "--instances", INSTANCES, "--out", out.to_str().unwrap()], more].concat());
    assert!(done.status.success(), "{}", text(&done.stderr));
    (fs::read_to_string(out).unwrap(), text(&done.stdout))
}

/// The table without what differs from run to run or with the effort of the search.
fn masked(table: &str) -> String {
    let rows = table.lines().map(|line| {
        let mut cells: Vec<&str> = line.split(',').collect();
        if cells[6] != "proof_us" {
            assert!(cells[6].parse::<f64>().unwrap() >= 0.0, "{line}");
            let _: u64 = cells[7].parse().unwrap();
            (cells[6], cells[7]) = ("-", "-");
        }
        cells.join(",")
    });
    rows.collect::<Vec<_>>().join("\n")
}

#[test]
fn all_instances_are_answered_in_order() {
    let (table, _) = place_all(&[]);
    insta::assert_snapshot!(masked(&table));
    let (again, _) = place_all(&["--repeat", "2"]);
    assert_eq!(masked(&again), masked(&table), "the same answers however often");
}

/// Scores, layouts and outcomes by the tests' own reading of the file.
#[test]
fn scores_are_those_of_the_layouts() {
    let all = Instances::parse(&fs::read_to_string(INSTANCES).unwrap());
    for strategy in ["noise_aware", "first_fit"] {
        let (table, _) = place_all(&["--strategy", strategy]);
        let mut rows = csv::Reader::from_reader(table.as_bytes());
        let rows: Vec<csv::StringRecord> = rows.records().map(Result::unwrap).collect();
        assert_eq!(rows.len(), all.instances.len());
        for (row, instance) in rows.iter().zip(&all.instances) {
            assert_eq!((&row[0], &row[1], &row[2]), (&*instance.device, &*instance.busy, &*instance.pattern));
            let layout: Vec<PhysicalQubit> = row[8]
                .split_whitespace()
                .enumerate()
                .map(|(index, pair)| {
                    let (virtual_qubit, qubit) = pair.split_once(':').unwrap();
                    assert_eq!(virtual_qubit, index.to_string());
                    PhysicalQubit(qubit.parse().unwrap())
                })
                .collect();
            let Best::Score(best) = instance.best_known else {
                assert_eq!((&row[3], &row[4], &row[5], &row[8]), ("proved_infeasible", "", "", ""));
                continue;
            };
            let (device, free) = (&all.devices[&row[0]], all.free(&row[0], &row[1]));
            let score = device.score(&free, &all.patterns[&row[2]], &layout).expect("a legal layout");
            let written: f64 = row[4].parse().unwrap();
            assert!((written / score - 1.0).abs() < 1e-8, "{written} {score}");
            let digits = row[4].trim_start_matches("0.").trim_start_matches('0').len();
            assert_eq!(digits, 9, "nine significant digits: {}", &row[4]);
            if strategy == "noise_aware" {
                assert_eq!((&row[3], &row[5]), ("optimal", "0"));
                assert!((score / best - 1.0).abs() < 1e-6);
            } else {
                assert_eq!((&row[3], &row[5]), ("feasible", ""), "the first found has no bound");
            }
        }
    }
}

/// A budget that ends the search early leaves a bound that the best score keeps.
#[test]
fn a_gap_bounds_the_best_score() {
    let all = Instances::parse(&fs::read_to_string(INSTANCES).unwrap());
    let (table, _) = place_all(&["--budget", "60"]);
    let mut rows = csv::Reader::from_reader(table.as_bytes());
    let mut open = 0;
    for (row, instance) in rows.records().map(Result::unwrap).zip(&all.instances) {
        if let (Best::Score(best), "feasible") = (&instance.best_known, &row[3]) {
            let (score, gap): (f64, f64) = (row[4].parse().unwrap(), row[5].parse().unwrap());
            assert!((0.0..1.0).contains(&gap) && score / (1.0 - gap) >= best * (1.0 - 1e-6), "{row:?}");
            open += 1;
        }
    }
    assert!(open > 0, "a budget of 60 steps is too much for this test");
}

#[test]
fn the_summary_counts_and_names_what_differs() {
    let (_, summary) = place_all(&["--json"]);
    let summary: serde_json::Value = serde_json::from_str(&summary).unwrap();
    let device = &summary["devices"]["fez156"];
    assert_eq!(device["instances"], 16);
    assert_eq!(device["outcomes"]["optimal"], 10);
    assert_eq!(device["outcomes"]["proved_infeasible"], 6);
    assert_eq!(device["versus_best_known"]["equal"], 16);
    assert!(device["proof_us"]["p50"].as_f64().unwrap() <= device["proof_us"]["max"].as_f64().unwrap());
    assert_eq!(summary["differences"], serde_json::json!([]));
    let (_, first) = place_all(&["--strategy", "first_fit"]);
    assert!(first.contains("best known") && first.contains("below"), "{first}");
    let (_, exact) = place_all(&[]);
    assert!(exact.contains("guadalupe16") && !exact.contains("best known"), "{exact}");
}

/// What is printed, with the time masked.
fn one(args: &[&str]) -> String {
    let done = rmsim(&[&["place"], args].concat());
    let shown = text(&done.stdout) + &text(&done.stderr);
    let lines = shown.lines().map(|line| match line.split_once("   ") {
        Some(("time", _)) => "time     -",
        Some(("steps", _)) => "steps    -",
        _ if line.starts_with("time ") => "time     -",
        _ if line.starts_with("steps ") => "steps    -",
        _ => line,
    });
    format!("$ rmsim place {}\n{}\n", args.join(" "), lines.collect::<Vec<_>>().join("\n"))
}

#[test]
fn one_program_is_placed_with_a_picture() {
    let shown = [
        one(&["--device", "ibm_guadalupe", "--pattern", "line:5", "--busy", "0-2,15"]),
        one(&["--device", "ibm_guadalupe", "--pattern", "edges:0-1,1-2*3", "--weight", "2"]),
        one(&["--device", "ibm_guadalupe", "--pattern", "ring:5"]),
        one(&["--device", "ibm_guadalupe", "--pattern", "any:4", "--strategy", "first_fit"]),
        one(&["--device", "quantinuum_h1", "--pattern", "complete:4"]),
        one(&["--device", "ibm_fez", "--pattern", "line:20"]),
        one(&["--device", "ibm_guadalupe", "--pattern", "line:5", "--depth", "114"]),
        one(&["--device", "ibm_guadalupe", "--circuit", "ghz:5"]),
        one(&["--device", "ibm_guadalupe", "--circuit", "qft:4"]),
        one(&["--device", "ibm_guadalupe", "--circuit", "qft:4", "--strategy", "region"]),
    ];
    insta::assert_snapshot!(shown.join("\n"));
}

#[test]
fn pictures_are_written_where_asked() {
    let folder = tempfile::tempdir().unwrap();
    for (ending, head) in [("svg", &b"<svg"[..]), ("png", b"\x89PNG")] {
        let path = folder.path().join(format!("placed.{ending}"));
        let path = path.to_str().unwrap();
        let args = ["place", "--device", "iqm_garnet", "--pattern", "grid:2x2", "--busy", "0-3"];
        let done = rmsim(&[&args[..], &["--picture", path]].concat());
        assert!(done.status.success(), "{}", text(&done.stderr));
        assert!(fs::read(path).unwrap().starts_with(head), "{ending}");
        assert!(text(&done.stderr).contains("A: the placement, B: busy"));
    }
}

#[test]
fn wrong_usage_names_the_choices() {
    let cases: [&[&str]; 17] = [
        &[],
        &["--instances", INSTANCES],
        &["--instances", "no/such.json", "--out", "/dev/null"],
        &["--instances", INSTANCES, "--out", "no/such/folder.csv"],
        &["--instances", INSTANCES, "--out", "/dev/null", "--strategy", "best"],
        &["--device", "ibm_fes", "--pattern", "line:3"],
        &["--device", "ibm_fez", "--pattern", "lime:3"],
        &["--device", "ibm_fez", "--pattern", "edges:0-0"],
        &["--device", "ibm_fez", "--pattern", "line:3", "--busy", "156"],
        &["--device", "ibm_fez", "--pattern", "line:3", "--picture", "fez.jpg"],
        &["--device", "ibm_fez", "--pattern", "line:3", "--budget", "0"],
        &["--device", "ibm_fez"],
        &["--device", "ibm_fez", "--circuit", "gzh:5"],
        &["--device", "ibm_fez", "--circuit", "./none.qasm"],
        &["--device", "ibm_fez", "--circuit", "ghz:5", "--pattern", "line:5"],
        &["--device", "ibm_fez", "--circuit", "ghz:5", "--depth", "3"],
        &["--device", "ibm_fez", "--pattern", "line:5", "--depth", "3", "--weight", "2"],
    ];
    let said = cases.map(|args| {
        let done = rmsim(&[&["place"], args].concat());
        let stderr = text(&done.stderr);
        let code = done.status.code().unwrap();
        format!("$ rmsim place {}\n{}exit {code}\n", args.join(" "), stderr)
    });
    insta::assert_snapshot!(said.join("\n"));
}

const GOOD: &str = r#"{
  "devices": {"tiny": {"num_qubits": 3, "edges": [[0, 1, 0.01], [1, 2, 0.02]], "readout": [0.1, 0.2, 0.3]}},
  "free": {"tiny/empty": [0, 1, 2]},
  "patterns": {"pair": {"n": 2, "edges": [[0, 1, 1]]}},
  "instances": [{"device": "tiny", "busy": "empty", "pattern": "pair", "best_known": 0.7128, "proved": true}]
}
"#;

#[test]
fn a_wrong_file_is_answered_with_the_path_of_the_key() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("demo.json");
    let said = |content: &str| {
        fs::write(&path, content).unwrap();
        let done = rmsim(&["place", "--instances", path.to_str().unwrap(), "--out", "/dev/null"]);
        let stderr = text(&done.stderr).replace(&folder.path().display().to_string(), "");
        format!("{}: {}", done.status.code().unwrap(), stderr.trim_end())
    };
    assert!(said(GOOD).starts_with("0: "), "{}", said(GOOD));
    let cases = [
        ("{\n  \"devices\"", "[\n  \"devices\""),
        ("\"readout\": [0.1, 0.2, 0.3]", "\"readout\": [0.1, 0.2]"),
        ("0.02]", "0.02, 7]"),
        ("0.02]", "\"good\"]"),
        ("0.02]", "-0.02]"),
        ("[1, 2, 0.02]", "[1, 3, 0.02]"),
        ("[1, 2, 0.02]", "[1, 0, 0.02]"),
        ("\"num_qubits\": 3", "\"num_qubits\": 0"),
        ("\"num_qubits\": 3", "\"num_qubits\": 3000000000"),
        ("\"num_qubits\"", "\"qubits\""),
        ("tiny/empty\": [0, 1, 2]", "tiny/empty\": [0, 1, 3]"),
        ("tiny/empty\": [0, 1, 2]", "tiny/empty\": [0, 1, 1]"),
        ("tiny/empty", "tinny/empty"),
        ("tiny/empty", "tiny"),
        ("[[0, 1, 1]]", "[[0, 1, 0]]"),
        ("[[0, 1, 1]]", "[[0, 2, 1]]"),
        ("\"n\": 2, ", ""),
        ("\"device\": \"tiny\"", "\"device\": \"tine\""),
        ("\"busy\": \"empty\"", "\"busy\": \"full\""),
        ("\"pattern\": \"pair\"", "\"pattern\": \"pear\""),
        ("0.7128", "7.128"),
        ("0.7128", "\"impossible\""),
        ("\"free\"", "\"devices\""),
        ("{\"pair\"", "{\"pair\": {\"n\": 1, \"edges\": []}, \"pair\""),
        ("true}]\n}\n", "true}]"),
        ("true}]\n}\n", "true}]\n}\n}"),
    ];
    let said = cases.map(|(from, to)| {
        assert!(GOOD.contains(from), "{from}");
        said(&GOOD.replacen(from, to, 1))
    });
    insta::assert_snapshot!(said.join("\n"));
}

/// Batches are patterns of several parts; a program larger than the device is refused, not searched.
#[test]
fn parts_and_programs_that_are_too_large() {
    let folder = tempfile::tempdir().unwrap();
    let (path, out) = (folder.path().join("batch.json"), folder.path().join("batch.csv"));
    let pairs = r#""pair": {"n": 4, "edges": [[0, 1, 2], [2, 3, 1]]}"#;
    let text_of = GOOD
        .replace(r#""pair": {"n": 2, "edges": [[0, 1, 1]]}"#, pairs)
        .replace(", \"best_known\": 0.7128", "");
    fs::write(&path, text_of).unwrap();
    let done = rmsim(&["place", "--instances", path.to_str().unwrap(), "--out", out.to_str().unwrap()]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    let table = masked(&fs::read_to_string(&out).unwrap());
    assert!(table.ends_with("\ntiny,empty,pair,proved_infeasible,,,-,-,"), "{table}");
    assert!(Path::new(&out).exists());
}
