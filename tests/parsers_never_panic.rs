//! Random damage to valid files, and random bytes: the parsers answer with a value or an error, never with a panic.

use std::path::Path;

use proptest::prelude::*;
use resource_manager::quantum::device::DeviceSpec;
use resource_manager::simulator::scenario::{Scenario, SetOverride};

const SCENARIOS: [&str; 4] = [
    include_str!("../scenarios/quickstart.yaml"),
    include_str!("../scenarios/mmc.yaml"),
    include_str!("../scenarios/fragmentation.yaml"),
    include_str!("../scenarios/published/qcloudsim_l3.yaml"),
];

const DEVICE: &str = include_str!("../devices/ibm_guadalupe.yaml");

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
    prop::collection::vec((0.0..1.0, 0.0..1.0, 0_u8..6, 0..TOKENS.len()), 1..5)
}

fn damaged(text: &str, damages: &[Damage]) -> String {
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
            3 => lines[index] = format!("{left}{}{right}", TOKENS[token]),
            // The value of a key.
            4 => lines[index] = format!("{}: {}", line.split(':').next().unwrap_or_default(), TOKENS[token]),
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

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
}
