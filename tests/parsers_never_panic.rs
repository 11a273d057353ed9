//! Random damage to valid files, and random bytes: the parsers answer with a value or an error, never with a panic.

use std::path::Path;

use proptest::prelude::*;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::quantum::{generators, qasm};
use resource_manager::simulator::scenario::{Scenario, SetOverride};

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
}
