//! Circuits from files on devices from files: what the placement looks at, and which qubits a job needs.

use std::fs;
use std::path::Path;
use std::process::Command;

/// Two pairs of qubits; what makes one of them better is filled in.
fn two_pairs(couplers: [f64; 2], qubits: [&str; 4]) -> String {
    let [first, second] = couplers;
    let each: Vec<String> =
        (0..4).zip(qubits).map(|(n, figures)| format!("  - {{qubit: {n}, {figures}}}")).collect();
    format!(
        "name: two_pairs\ntechnology: superconducting\nqubits: 4\n\
         couplers: [{{qubits: [0, 1], two_qubit_error: {first}}}, {{qubits: [2, 3], two_qubit_error: {second}}}]\n\
         noise_profile: {{t1: 1s, t2: 1s, one_qubit_error: 0.0, readout_error: 0.0, one_qubit_duration: 30ns, \
         two_qubit_duration: 60ns, readout_duration: 1us}}\nqubit_calibration:\n{}\n",
        each.join("\n")
    )
}

fn qasm(qubits: usize, body: &str) -> String {
    format!("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[{qubits}];\ncreg c[{qubits}];\n{body}")
}

/// Runs `jobs` copies of the circuit and returns the columns of the jobs that are asked for.
fn run(folder: &Path, device: &str, jobs: usize, columns: &[&str]) -> Vec<Vec<String>> {
    let rows: String = (0..jobs).map(|_| "0,./c.qasm,1000\n").collect();
    fs::write(folder.join("jobs.csv"), format!("submission_time,circuit,shots\n{rows}")).unwrap();
    let scenario = format!("scenario: one\nfleet: [{{device: {device}}}]\nworkload: {{csv: jobs.csv}}\n");
    fs::write(folder.join("run.yaml"), scenario).unwrap();
    let out = folder.join("out");
    let done = Command::new(env!("CARGO_BIN_EXE_rmsim"))
        .args(["run", "run.yaml", "--quiet", "--force", "--no-plots", "--out", "out", "--traces", "all"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let traces = fs::read_dir(out.join("traces")).map_or(out.clone(), |_| out.join("traces"));
    let path = fs::read_dir(&traces)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.file_name().unwrap().to_string_lossy().starts_with("jobs"))
        .expect("a trace of jobs");
    let mut table = csv::Reader::from_path(path).unwrap();
    let header = table.headers().unwrap().clone();
    let at = |name: &str| header.iter().position(|column| column == name).unwrap_or_else(|| panic!("{name}"));
    let rows = table.records().map(Result::unwrap);
    rows.map(|row| columns.iter().map(|name| row[at(name)].to_owned()).collect()).collect()
}

/// The predicted success of the circuit on the device in a run, and what `rmsim place` says of the two.
fn success(device: &str, circuit: &str) -> (f64, serde_json::Value) {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("device.yaml"), device).unwrap();
    fs::write(folder.path().join("c.qasm"), circuit).unwrap();
    let jobs = run(folder.path(), "./device.yaml", 1, &["fidelity_predicted"]);
    let placed = Command::new(env!("CARGO_BIN_EXE_rmsim"))
        .args(["place", "--device", "./device.yaml", "--circuit", "./c.qasm", "--json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(placed.status.success(), "{}", String::from_utf8_lossy(&placed.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&placed.stdout).unwrap();
    let in_run: f64 = jobs[0][0].parse().unwrap();
    let alone = answer["fidelity_predicted"].as_f64().unwrap();
    assert!((in_run / alone - 1.0).abs() < 1e-5, "{in_run} {alone}: one prediction");
    assert_eq!(answer["outcome"], "optimal");
    (alone, answer["layout"].clone())
}

#[test]
fn a_readout_counts_where_it_is_measured() {
    let readout = [0.0, 0.3, 0.1, 0.1].map(|error| format!("readout_error: {error}"));
    let device = two_pairs([0.01, 0.01], readout.each_ref().map(String::as_str));
    let (one, layout) = success(&device, &qasm(2, "cx q[1],q[0];\nmeasure q[0] -> c[0];\n"));
    assert!((one - 0.99).abs() < 1e-5, "{one}");
    assert_eq!(layout, serde_json::json!([0, 1]));
    let (both, layout) = success(&device, &qasm(2, "cx q[1],q[0];\nmeasure q -> c;\n"));
    assert!((both - 0.99 * 0.81).abs() < 1e-5, "{both}");
    assert!(layout == serde_json::json!([2, 3]) || layout == serde_json::json!([3, 2]), "{layout}");
}

#[test]
fn one_qubit_gates_count() {
    let gates = [0.01, 0.01, 0.0001, 0.0001].map(|error| format!("one_qubit_error: {error}"));
    let device = two_pairs([0.01, 0.011], gates.each_ref().map(String::as_str));
    let turns = "rx(0.1) q[0];\nry(0.2) q[0];\nrx(0.1) q[1];\nry(0.2) q[1];\n".repeat(25);
    let (found, layout) = success(&device, &qasm(2, &format!("{turns}cx q[0],q[1];\nmeasure q -> c;\n")));
    let expected = 0.9999_f64.powi(100) * 0.989;
    assert!((found - expected).abs() < 1e-5, "{found} {expected}");
    assert!(layout == serde_json::json!([2, 3]) || layout == serde_json::json!([3, 2]), "{layout}");
}

/// A thousand layers of 60 ns on a pair whose qubits live for 50 us, or on one with a worse coupler.
#[test]
fn decay_counts() {
    let times = ["t1: 50us, t2: 50us", "t1: 50us, t2: 50us", "t1: 1s, t2: 1s", "t1: 1s, t2: 1s"];
    let device = two_pairs([0.0001, 0.0002], times);
    // One qubit works while the other two wait: three qubits do not fit a pair, so they wait in turns.
    let body =
        "cx q[0],q[1];\n".repeat(10) + &"barrier q;\nrx(0.1) q[0];\n".repeat(1_000) + "measure q -> c;\n";
    let (found, layout) = success(&device, &qasm(2, &body));
    assert!(layout == serde_json::json!([2, 3]) || layout == serde_json::json!([3, 2]), "{layout}");
    assert!(found > 0.99, "{found}");
}

/// A file that declares the whole device asks for the qubits that it uses.
#[test]
fn idle_qubits_are_none_of_the_jobs() {
    let body = "sx q[12];\ncx q[12],q[13];\ncx q[12],q[15];\n\
                measure q[12] -> c[0];\nmeasure q[13] -> c[1];\nmeasure q[15] -> c[2];\n";
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.qasm"), qasm(16, body)).unwrap();
    let wide = run(
        folder.path(),
        "ibm_guadalupe",
        2,
        &["requested_number_of_resources", "waiting_time", "fidelity_predicted"],
    );
    assert_eq!(wide.iter().map(|row| (&*row[0], &*row[1])).collect::<Vec<_>>(), [("3", "0"), ("3", "0")]);
    let narrow = body.replace("q[12]", "q[0]").replace("q[13]", "q[1]").replace("q[15]", "q[2]");
    fs::write(folder.path().join("c.qasm"), qasm(3, &narrow)).unwrap();
    assert_eq!(
        run(
            folder.path(),
            "ibm_guadalupe",
            2,
            &["requested_number_of_resources", "waiting_time", "fidelity_predicted"]
        ),
        wide,
        "as if only they had been declared"
    );
}

/// A triangle on a chain: three gates, and three more for each SWAP.
#[test]
fn swap_gates_count_once() {
    let folder = tempfile::tempdir().unwrap();
    let device = "name: chain\ntechnology: superconducting\nqubits: 3\n\
                  couplers: [{qubits: [0, 1], two_qubit_error: 0.01}, {qubits: [1, 2], two_qubit_error: 0.01}]\n\
                  noise_profile: {t1: 1s, t2: 1s, one_qubit_error: 0.0, readout_error: 0.0, one_qubit_duration: 30ns, \
                  two_qubit_duration: 60ns, readout_duration: 1us}\n";
    fs::write(folder.path().join("device.yaml"), device).unwrap();
    let placed = Command::new(env!("CARGO_BIN_EXE_rmsim"))
        .args(["place", "--device", "./device.yaml", "--pattern", "ring:3", "--strategy", "region", "--json"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert!(placed.status.success(), "{}", String::from_utf8_lossy(&placed.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&placed.stdout).unwrap();
    let swaps = answer["swaps"].as_i64().unwrap() as i32;
    assert!(swaps > 0 && answer["outcome"] == "feasible", "{answer}");
    let score = answer["score"].as_f64().unwrap();
    // Their estimate need not be whole, the number is rounded up.
    let gates = score.ln() / 0.99_f64.ln();
    assert!((f64::from(swaps) - (gates - 3.0) / 3.0 - 0.5).abs() <= 0.5, "{answer}");
}

/// A template may state the width that the file declares, as a table may; any other number is wrong.
#[test]
fn the_declared_width_may_be_stated() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.qasm"), qasm(16, "cx q[12],q[13];\nmeasure q[12] -> c[0];\n")).unwrap();
    let validate = |qubits: u32| {
        let scenario = format!(
            "scenario: one\nfleet: [{{device: ibm_guadalupe}}]\nhorizon: {{jobs: 3}}\nworkload: {{arrivals: {{poisson: {{rate: 1/h}}}}, \
             jobs: [{{name: wide, topology: {{circuit: ./c.qasm}}, qubits: {qubits}}}]}}\n"
        );
        fs::write(folder.path().join("run.yaml"), scenario).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rmsim"));
        command.args(["validate", "run.yaml"]).current_dir(folder.path()).output().unwrap().status.code()
    };
    assert_eq!([2, 16, 5].map(validate), [Some(0), Some(0), Some(2)]);
}

/// Resets make no qubit active; a job without gates and measurements still needs a qubit.
#[test]
fn a_circuit_that_only_resets_needs_one_qubit() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("c.qasm"), qasm(16, "reset q[3];\nreset q[9];\n")).unwrap();
    let jobs = run(folder.path(), "ibm_guadalupe", 2, &["requested_number_of_resources", "waiting_time"]);
    assert_eq!(jobs, [["1", "0"], ["1", "0"]]);
}
