//! Random damage to valid files, and random bytes: the parsers answer with a value or an error, never with a panic.

use std::path::Path;

use proptest::prelude::*;
use resource_manager::experiment::replay::verify;
use resource_manager::observe::journal::{self, Writer};
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::{generators, qasm};
use resource_manager::simulator::scenario::file::replay::{LostShapes, OfPath, QuantumMap, SwfFile, SwfJobs};
use resource_manager::simulator::scenario::replay::{
    Hashed, ReplayError, Surroundings, Taken, TraceSettings, read_csv, read_swf, read_trace,
};
use resource_manager::simulator::scenario::{Scenario, SetOverride};
use resource_manager::simulator::simulation::{Instruments, Simulation};
use resource_manager::simulator::workload::replay::Replay;

const SCENARIOS: [&str; 4] = [
    include_str!("../scenarios/quickstart.yaml"),
    include_str!("../scenarios/mmc.yaml"),
    include_str!("../scenarios/fragmentation.yaml"),
    include_str!("../scenarios/published/qcloudsim_l3.yaml"),
];

const DEVICE: &str = include_str!("../devices/ibm_guadalupe.yaml");

const CIRCUITS: [&str; 6] = [
    include_str!("data/circuits/multiplexer.qasm"),
    include_str!("data/circuits/repetition_code.qasm"),
    include_str!("data/circuits/surface_patch.qasm"),
    include_str!("data/circuits/swap_test_7.qasm"),
    include_str!("data/circuits/teleport.qasm"),
    include_str!("data/circuits/constructs.txt"),
];

/// Pieces of OpenQASM where they do not belong.
const QASM_TOKENS: [&str; 40] = [
    "OPENQASM 3.0;",
    "OPENQASM 2.0;",
    "include \"qelib1.inc\";",
    "include \"stdgates.inc\";",
    "qreg q[3];",
    "creg c[2];",
    "qubit[3] q;",
    "bit[2] c;",
    "gate g(t) a, b { cx a, b; }",
    "g(1) q[0], q[1];",
    "ctrl(3) @ ",
    "negctrl @ ",
    "inv @ ",
    "pow(-2) @ ",
    "if(c==1) ",
    "if (c[0]) {",
    "} else {",
    "for int i in [0:-1:5] {",
    "measure q -> c;",
    "barrier q, q;",
    "let a = q[0:2] ++ q;",
    "[",
    "]",
    "{",
    "}",
    "(",
    ")",
    ";",
    "->",
    "-1",
    "99999999999999999999",
    "1e308",
    "0x",
    "100ns",
    "$0",
    "π",
    "/*",
    "\"",
    "\u{0}",
    "ccx q[0], q[1], q[2];",
];

/// What people and editors leave behind, and what parsers fear.
const TOKENS: [&str; 30] = [
    "-1",
    "0",
    "1e999",
    ".nan",
    "~",
    "null",
    "{}",
    "[]",
    "{",
    "]",
    ": ",
    "- ",
    "*a",
    "&a ",
    "<<",
    "!!binary ",
    "\t",
    "µ",
    "Âµ",
    "\"",
    "'",
    "#",
    "---\n",
    "18446744073709551616",
    "99999999999",
    "true",
    "off",
    "0.1/s",
    "7d",
    "\u{0}",
];

/// One piece of damage: where (as shares of the text), what kind, which token.
type Damage = (f64, f64, u8, usize);

fn damage() -> impl Strategy<Value = Vec<Damage>> {
    prop::collection::vec((0.0..1.0, 0.0..1.0, 0_u8..6, 0..1_000_usize), 1..5)
}

fn damaged(text: &str, damages: &[Damage]) -> String {
    damaged_by(text, damages, &TOKENS)
}

fn damaged_by(text: &str, damages: &[Damage], tokens: &[&str]) -> String {
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    for &(at, within, kind, token) in damages {
        if lines.is_empty() {
            break;
        }
        let index = (at * lines.len() as f64) as usize;
        let line = lines[index].clone();
        let split = (within * line.chars().count() as f64) as usize;
        let (left, right): (String, String) =
            (line.chars().take(split).collect(), line.chars().skip(split).collect());
        match kind {
            0 => drop(lines.remove(index)),
            1 => lines.insert(index, line),
            2 => lines[index] = left,
            3 => lines[index] = format!("{left}{}{right}", tokens[token % tokens.len()]),
            // The value of a key.
            4 => {
                lines[index] = format!(
                    "{}: {}",
                    line.split(':').next().unwrap_or_default(),
                    tokens[token % tokens.len()]
                )
            }
            _ => lines[index] = format!(" {line}"),
        }
    }
    lines.join("\n")
}

fn judge(text: &str) -> Result<(), TestCaseError> {
    if let Err(error) = Scenario::from_yaml(text, "x.yaml", Path::new("scenarios"), &[]) {
        let shown = error.to_string();
        prop_assert!(
            shown.starts_with("error: ") && shown.contains("-->") && !error.message().is_empty(),
            "{shown}"
        );
        prop_assert!(shown.len() < 10_000 && !shown.contains('\u{1b}'), "{shown}");
    }
    Ok(())
}

fn judge_circuit(text: &str) -> Result<(), TestCaseError> {
    match qasm::profile(text, "x.qasm") {
        Ok(profile) => {
            let qubits = profile.interactions.qubits() as usize;
            prop_assert_eq!((profile.one_qubit_gates.len(), profile.measured.len()), (qubits, qubits));
            let busiest = profile.one_qubit_gates.iter().max().copied().unwrap_or(0);
            prop_assert!(profile.depth >= busiest, "{profile:?}");
        }
        Err(error) => {
            let shown = error.to_string();
            prop_assert!(shown.starts_with("x.qasm:") && !error.message().is_empty(), "{shown}");
            prop_assert!(shown.len() < 10_000 && !shown.contains('\u{1b}'), "{shown}");
            if let Some((line, _)) = error.position() {
                prop_assert!(line <= text.matches('\n').count() as u64 + 1, "{shown}");
            }
        }
    }
    Ok(())
}

const SWF: &str = include_str!("../scenarios/data/example.swf");

const TABLE: &str = "submission_time,name,qubits,max_qubits,circuits,shots,depth,execution_time,requested_time,user,project,\
    outcome,topology,circuit,isolation,min_success_probability,excluded_devices,attributes\n\
    0,a,5,,1,100,20,1.5,2m,1,2,completed,line,,weak,0.5 soft,,\n\
    1.25,\"b, c\",2,9,,,,,,,,error 0.5,,,strong,,ibm_fez,\"{\"\"sla_required\"\":true}\"\n\
    3,,,,,,,,,,,cancelled 30,,ghz:4,,,,\n\
    3,d,6,,,,,,,,,,grid 2x3,,,,,\n\
    1e3,e,3,,,,,,,,,,\"edges:0-1,1-2*3\",,,,,\n";

const TRACE: &str = "replication,job_id,workload_name,submission_time,requested_number_of_resources,requested_time,\
    final_state,execution_time,turnaround_time,topology,circuits,shots,depth,user,group,project\n\
    0,1,a,2.5,5,,completed,1.5,3,line,1,100,20,1,2,3\n\
    0,0,b,1,6,60,cancelled,,3,grid 2x3,2,100,20,1,2,3\n\
    1,0,b,1,6,60,failed,0,3,custom,2,100,20,1,2,3\n\
    0,2,c,3,4,,expired,,3,circuit,2,100,20,1,2,3\n";

const CELLS: [&str; 22] = [
    "",
    ",",
    "\"",
    "-1",
    "0",
    "1e999",
    "nan",
    "inf",
    "99999999999999999999",
    "4294967295",
    "soft",
    "0.5 soft",
    "edges:0-0",
    "edges:0-4294967295",
    "grid 0x0",
    "grid 99999x99999",
    "error 2",
    "cancelled -1",
    "\u{0}",
    "\u{feff}",
    ";",
    "#",
];

fn judge_jobs(read: Result<Replay, ReplayError>) -> Result<(), TestCaseError> {
    match read {
        Ok(replay) => {
            prop_assert!(replay.jobs().is_sorted_by_key(|job| job.at));
            for number in 0..replay.len() as u64 {
                let request = replay.draw(number).request;
                prop_assert_eq!(request.validate(), Ok(()));
                prop_assert_eq!(request.unsupported(), None);
            }
        }
        Err(error) => {
            let shown = error.to_string();
            prop_assert!(shown.len() < 2_000 && !shown.contains('\u{1b}'), "{shown}");
        }
    }
    Ok(())
}

fn judge_table(text: &[u8]) -> Result<(), TestCaseError> {
    let surroundings = Surroundings { names: None, base_dir: Path::new("scenarios") };
    judge_jobs(read_csv(&mut Hashed::new(text), Taken::ALL, surroundings))?;
    let slow = Taken { limit: Some(2), start_at_first_job: true, time_scale: 1e6, ..Taken::ALL };
    judge_jobs(read_csv(&mut Hashed::new(text), slow, surroundings))?;
    let settings = TraceSettings { replication: 0, lost_shapes: LostShapes::Any, own_times: true };
    judge_jobs(read_trace(&mut Hashed::new(text), Taken::ALL, settings))
}

fn judge_swf(text: &[u8]) -> Result<(), TestCaseError> {
    let mut settings = SwfFile::of_path(String::new());
    judge_jobs(read_swf(&mut Hashed::new(text), &settings).map(|read| read.0))?;
    settings.jobs = SwfJobs::Quantum(QuantumMap::default());
    settings.start_at_first_job = true;
    judge_jobs(read_swf(&mut Hashed::new(text), &settings).map(|read| read.0))
}

/// A journal of a few jobs, some with shapes and circuits of their own.
fn journal() -> &'static str {
    static TEXT: std::sync::OnceLock<String> = std::sync::OnceLock::new();
    TEXT.get_or_init(|| {
        let sets = [("horizon", "{jobs: 25}"), ("warm_up", "none"), ("output.fidelity", "false")];
        let sets = sets.map(|(path, value)| SetOverride::new(path, value).unwrap());
        let text = include_str!("../scenarios/circuits.yaml");
        let scenario = Scenario::from_yaml(text, "circuits.yaml", Path::new("scenarios"), &sets).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        let header = journal::Header {
            journal: journal::VERSION,
            program: "test".to_owned(),
            scenario: scenario.name.clone(),
            scenario_hash: String::new(),
            seed: scenario.seed,
            replication: 0,
            allocator: scenario.allocator.clone(),
        };
        let writer = Writer::new(&header, Box::new(file.reopen().unwrap())).unwrap();
        let instruments = Instruments { journal: Some(writer), ..Instruments::default() };
        Simulation::new(&scenario, 0, instruments).unwrap().run().unwrap();
        std::fs::read_to_string(file.path()).unwrap()
    })
}

/// `RM_FUZZ_CASES` for a longer run.
fn cases() -> u32 {
    std::env::var("RM_FUZZ_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(400)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_scenarios(which in 0..SCENARIOS.len(), damages in damage()) {
        judge(&damaged(SCENARIOS[which], &damages))?;
    }

    #[test]
    fn random_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        judge(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn random_tokens(tokens in prop::collection::vec(0..TOKENS.len(), 0..60)) {
        judge(&tokens.iter().map(|token| TOKENS[*token]).collect::<String>())?;
    }

    #[test]
    fn random_overrides(path in "[a-z.0-9_]{1,40}", token in 0..TOKENS.len(), known in 0..6_usize) {
        const KNOWN: [&str; 6] =
            ["seed", "fleet.0.count", "workload.jobs.0.qubits", "horizon.jobs", "output", "workload.sources.0.arrivals"];
        for path in [&path, KNOWN[known]] {
            if let Ok(set) = SetOverride::new(path, TOKENS[token])
                && let Err(error) = Scenario::from_yaml(SCENARIOS[0], "x.yaml", Path::new("scenarios"), &[set])
            {
                prop_assert!(error.to_string().contains("--set "), "{error}");
            }
        }
    }

    #[test]
    fn damaged_devices(damages in damage()) {
        if let Err(error) = DeviceSpec::from_yaml(&damaged(DEVICE, &damages), "x.yaml") {
            prop_assert!(!error.message().is_empty());
        }
    }

    #[test]
    fn damaged_circuits(which in 0..CIRCUITS.len(), block in 0..64_usize, damages in damage()) {
        // The constructs lie in one file, one block each.
        let blocks: Vec<&str> = CIRCUITS[which].split("\n== ").collect();
        let block = blocks[block % blocks.len()];
        judge_circuit(&damaged_by(block, &damages, &QASM_TOKENS))?;
        judge_circuit(&damaged(block, &damages))?;
    }

    #[test]
    fn random_circuit_tokens(tokens in prop::collection::vec(0..QASM_TOKENS.len(), 0..80), version in 0..3_usize) {
        let head = ["", "OPENQASM 2.0; include \"qelib1.inc\"; qreg q[3]; creg c[2];",
            "OPENQASM 3.0; include \"stdgates.inc\"; qubit[3] q; bit[2] c;"][version];
        let text: Vec<&str> = tokens.iter().map(|token| QASM_TOKENS[*token]).collect();
        judge_circuit(&format!("{head}\n{}", text.join(" ")))?;
    }

    #[test]
    fn random_circuit_bytes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        judge_circuit(&String::from_utf8_lossy(&bytes))?;
    }

    #[test]
    fn random_circuit_names(name in "[a-z_]{0,12}[:,]?[0-9]{0,6}[,=a-z0-9]{0,12}", family in 0..generators::FAMILIES.len()) {
        for reference in [name.clone(), format!("{}:{name}", generators::FAMILIES[family].name)] {
            if let Err(error) = generators::generate(&reference) {
                prop_assert!(error.to_string().contains("; hint: "), "{error}");
            }
        }
    }

    #[test]
    fn damaged_tables_of_jobs(which in 0..2_usize, damages in damage(), cells in damage()) {
        let text = damaged_by([TABLE, TRACE][which], &cells, &CELLS);
        judge_table(text.as_bytes())?;
        judge_table(damaged(&text, &damages).as_bytes())?;
    }

    #[test]
    fn damaged_traces(damages in damage(), cells in damage()) {
        let start: String = SWF.lines().take(30).map(|line| format!("{line}\n")).collect();
        let text = damaged_by(&start, &cells, &CELLS);
        judge_swf(text.as_bytes())?;
        judge_swf(damaged(&text, &damages).as_bytes())?;
    }

    #[test]
    fn random_bytes_as_jobs(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        judge_table(&bytes)?;
        judge_swf(&bytes)?;
        if let Ok(mut reader) = journal::Reader::new(&bytes[..]) {
            let _ = verify(&mut reader);
        }
    }
}

proptest! {
    // A journal is long and each case replays it.
    #![proptest_config(ProptestConfig { cases: cases() / 4, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_journals(damages in damage()) {
        let whole = journal();
        let changed = damaged(whole, &damages);
        match journal::Reader::new(changed.as_bytes()) {
            Ok(mut reader) => {
                if let Err(error) = verify(&mut reader) {
                    prop_assert!(error.to_string().len() < 2_000, "{error}");
                }
            }
            Err(error) => prop_assert_eq!(error.line(), 1),
        }
    }

    /// A number of a command is another one: an error, a difference, or the same.
    #[test]
    fn changed_numbers_in_journals(at in 0.0..1.0, within in 0.0..1.0, digit in b'0'..=b'9') {
        let mut bytes = journal().as_bytes().to_vec();
        let line = (at * bytes.len() as f64) as usize;
        let near = bytes[line..].iter().position(|byte| *byte == b'\n').map_or(line, |end| line + (within * end as f64) as usize);
        if let Some(found) = bytes[near..].iter().position(u8::is_ascii_digit) {
            bytes[near + found] = digit;
        }
        if let Ok(mut reader) = journal::Reader::new(&bytes[..]) {
            let _ = verify(&mut reader);
        }
    }
}
