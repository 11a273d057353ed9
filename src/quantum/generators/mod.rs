//! Circuits by name, made by the program itself: `ghz:20`, `qaoa_ring:12,layers=3`.
//!
//! Promises the same circuit for the same name on every machine: random ones are drawn by their `seed`. Leaves circuits
//! of others to files, which [`resolve`] also reads.

mod families;
mod options;
mod program;

use std::path::Path;

use super::circuit::{CircuitProfile, InteractionError};
use super::file_error::FileError;
use super::qasm;
use crate::config_file::shown::{escaped, near};
use options::Options;
pub use program::Program;

/// Most of qubits times repetitions (layers, steps, rounds, depth).
const MAX_VOLUME: u64 = 500_000;

/// A kind of circuit.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Name.
    pub name: &'static str,
    /// What it is, for people.
    pub description: &'static str,
    /// Fewest qubits.
    pub least: u32,
    /// Most qubits.
    pub most: u32,
    /// The number of qubits is the fewest plus a multiple of this.
    pub step: u32,
    /// Options.
    pub options: &'static [OptionForm],
    build: fn(&mut Program, &Options),
}

/// An option of a family: a whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OptionForm {
    /// Name.
    pub name: &'static str,
    /// Value where it is not given.
    pub default: u64,
    /// Least value.
    pub least: u64,
    /// Largest value.
    pub most: u64,
    /// Whether the size of the circuit grows with it.
    pub repeats: bool,
}

const fn repeats(name: &'static str, default: u64, least: u64) -> OptionForm {
    OptionForm { name, default, least, most: 100_000, repeats: true }
}

const SEED: OptionForm = OptionForm { name: "seed", default: 1, least: 0, most: u64::MAX, repeats: false };
const SECRET: OptionForm =
    OptionForm { name: "secret", default: 0, least: 0, most: u64::MAX, repeats: false };

/// All families, by name.
pub const FAMILIES: [Family; 15] = [
    Family {
        name: "adder",
        description: "ripple-carry addition of two numbers of (qubits - 2) / 2 bits (Cuccaro)",
        least: 4,
        most: 20_000,
        step: 2,
        options: &[],
        build: families::adder,
    },
    Family {
        name: "bernstein_vazirani",
        description: "hidden string; secret=0 stands for a string of ones",
        least: 2,
        most: 100_000,
        step: 1,
        options: &[SECRET],
        build: families::bernstein_vazirani,
    },
    Family {
        name: "deutsch_jozsa",
        description: "a balanced function, drawn by the seed",
        least: 2,
        most: 100_000,
        step: 1,
        options: &[SEED],
        build: families::deutsch_jozsa,
    },
    Family {
        name: "ghz",
        description: "all zeros plus all ones, by a chain",
        least: 2,
        most: 100_000,
        step: 1,
        options: &[],
        build: families::ghz,
    },
    Family {
        name: "grover",
        description: "search among qubits / 2 + 1 qubits, the others are spare; rounds=0 stands for the best number",
        least: 2,
        most: 26,
        step: 2,
        options: &[repeats("rounds", 0, 0)],
        build: families::grover,
    },
    Family {
        name: "hidden_shift",
        description: "shift of a bent function, drawn by the seed",
        least: 2,
        most: 100_000,
        step: 2,
        options: &[SEED],
        build: families::hidden_shift,
    },
    Family {
        name: "ising",
        description: "time steps of a chain in a transverse field",
        least: 2,
        most: 100_000,
        step: 1,
        options: &[repeats("steps", 4, 1)],
        build: families::ising,
    },
    Family {
        name: "phase_estimation",
        description: "phase of a phase gate, on all qubits but the last",
        least: 2,
        most: 1_000,
        step: 1,
        options: &[],
        build: families::phase_estimation,
    },
    Family {
        name: "qaoa_ring",
        description: "maximum cut of a ring",
        least: 3,
        most: 100_000,
        step: 1,
        options: &[repeats("layers", 1, 1)],
        build: families::qaoa_ring,
    },
    Family {
        name: "qft",
        description: "quantum Fourier transform with its swaps",
        least: 1,
        most: 1_000,
        step: 1,
        options: &[],
        build: families::qft,
    },
    Family {
        name: "quantum_volume",
        description: "random gates on random pairs; depth=0 stands for the number of qubits",
        least: 2,
        most: 500,
        step: 1,
        options: &[repeats("depth", 0, 0), SEED],
        build: families::quantum_volume,
    },
    Family {
        name: "random",
        description: "layers of random turns, CX and CZ",
        least: 1,
        most: 100_000,
        step: 1,
        options: &[repeats("depth", 10, 1), SEED],
        build: families::random,
    },
    Family {
        name: "swap_test",
        description: "overlap of two states of (qubits - 1) / 2 qubits",
        least: 3,
        most: 20_001,
        step: 2,
        options: &[SEED],
        build: families::swap_test,
    },
    Family {
        name: "vqe_ansatz",
        description: "rotations and chains of CX by turns",
        least: 1,
        most: 100_000,
        step: 1,
        options: &[repeats("layers", 2, 0), SEED],
        build: families::vqe_ansatz,
    },
    Family {
        name: "w_state",
        description: "one excitation shared by all qubits, by a chain",
        least: 1,
        most: 100_000,
        step: 1,
        options: &[],
        build: families::w_state,
    },
];

/// Why a reference leads to no circuit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CircuitError {
    /// No family of that name.
    #[error("no circuit is called `{name}`; hint: {hint}, or give the path of a .qasm file")]
    Unknown {
        /// The name.
        name: String,
        /// Near names and all names.
        hint: String,
    },
    /// The number of qubits is missing or no number.
    #[error("`{text}` does not say how many qubits; hint: as in {name}:{example}")]
    NoQubits {
        /// What was written.
        text: String,
        /// The family.
        name: &'static str,
        /// A number of qubits that fits.
        example: u32,
    },
    /// The family has no such size.
    #[error("{name} cannot have {asked} qubits; hint: from {least} to {most}, in steps of {step}")]
    Size {
        /// The family.
        name: &'static str,
        /// The number asked for.
        asked: u32,
        /// Fewest.
        least: u32,
        /// Most.
        most: u32,
        /// Distance of sizes.
        step: u32,
    },
    /// An option that the family does not have, or without a value.
    #[error("{name} has no option `{option}`; hint: {hint}")]
    NoOption {
        /// The family.
        name: &'static str,
        /// What was written.
        option: String,
        /// What would be right.
        hint: String,
    },
    /// A value out of range.
    #[error("option {option} of {name} is `{value}`; hint: a whole number from {least} to {most}")]
    Value {
        /// The family.
        name: &'static str,
        /// The option.
        option: &'static str,
        /// What was written.
        value: String,
        /// Least.
        least: u64,
        /// Largest.
        most: u64,
    },
    /// Too many operations.
    #[error("{name} would have {qubits} qubits times {times} repetitions; hint: at most {MAX_VOLUME} in all")]
    TooLarge {
        /// The family.
        name: &'static str,
        /// Number of qubits.
        qubits: u32,
        /// Number of layers, steps or rounds.
        times: u64,
    },
    /// The file is wrong.
    #[error(transparent)]
    File(#[from] FileError),
    /// The interactions of a generated circuit are no graph: a fault of its generator.
    #[error(transparent)]
    Graph(#[from] InteractionError),
}

/// Whether a reference is the path of a file: it contains `/` or ends in `.qasm`.
pub fn is_path(reference: &str) -> bool {
    reference.contains('/') || reference.ends_with(".qasm")
}

/// The profile of a circuit from a reference: a path, relative to `base_dir`, or a name as for [`generate`].
pub fn resolve(reference: &str, base_dir: &Path) -> Result<CircuitProfile, CircuitError> {
    if is_path(reference) {
        return Ok(qasm::profile_file(&base_dir.join(reference))?);
    }
    Ok(generate(reference)?.profile()?)
}

/// The circuit of a name: family, number of qubits, options, as in `qaoa_ring:12,layers=3`.
///
/// ```
/// use resource_manager::quantum::generators::generate;
///
/// let ring = generate("qaoa_ring:12,layers=3")?.profile()?;
/// assert_eq!((ring.interactions.edges().len(), ring.interactions.max_degree()), (12, 2));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn generate(reference: &str) -> Result<Program, CircuitError> {
    let (name, rest) = reference.split_once([':', ',']).unwrap_or((reference, ""));
    let name = name.trim();
    let Some(family) = FAMILIES.iter().find(|family| family.name == name) else {
        let names = || FAMILIES.iter().map(|family| family.name);
        let all = names().collect::<Vec<_>>().join(", ");
        let hint = match near(name, names()).first() {
            Some(nearest) => format!("did you mean {nearest}? known names are {all}"),
            None => format!("known names are {all}"),
        };
        return Err(CircuitError::Unknown { name: escaped(name), hint });
    };
    let name = family.name;
    let mut parts = rest.split(',').map(str::trim);
    let size = parts.next().unwrap_or_default();
    let Ok(qubits) = size.parse::<u32>() else {
        let example = family.least + family.step * (8 / family.step);
        return Err(CircuitError::NoQubits { text: escaped(reference), name, example });
    };
    let &Family { least, most, step, .. } = family;
    if !(least..=most).contains(&qubits) || !(qubits - least).is_multiple_of(step) {
        return Err(CircuitError::Size { name, asked: qubits, least, most, step });
    }
    let mut options = Options(family.options.iter().map(|option| (option.name, option.default)).collect());
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        let (key, value) = (key.trim(), value.trim());
        let Some(place) = family.options.iter().position(|option| option.name == key) else {
            let known: Vec<&str> = family.options.iter().map(|option| option.name).collect();
            let hint = match known.is_empty() {
                true => "it has no options".to_owned(),
                false => format!("its options are {}", known.join(", ")),
            };
            return Err(CircuitError::NoOption { name, option: escaped(key), hint });
        };
        let OptionForm { name: option, least, most, .. } = family.options[place];
        match value.parse::<u64>() {
            Ok(value) if (least..=most).contains(&value) => options.0[place].1 = value,
            _ => return Err(CircuitError::Value { name, option, value: escaped(value), least, most }),
        }
    }
    for (option, (_, times)) in family.options.iter().zip(&options.0) {
        if option.repeats && times.saturating_mul(u64::from(qubits)) > MAX_VOLUME {
            return Err(CircuitError::TooLarge { name, qubits, times: *times });
        }
    }
    let mut program = Program::new(qubits);
    (family.build)(&mut program, &options);
    Ok(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_export_reads_back_to_the_same_profile() {
        assert!(FAMILIES.is_sorted_by_key(|family| family.name));
        for family in FAMILIES {
            for extra in [0, 1, 2, 5] {
                let reference = format!("{}:{}", family.name, family.least + extra * family.step);
                let program = generate(&reference).unwrap();
                let profile = program.profile().unwrap();
                let text = program.to_qasm(&reference);
                assert_eq!(qasm::profile(&text, &reference), Ok(profile), "{reference}\n{text}");
            }
        }
    }

    #[test]
    fn shapes_are_those_of_the_textbook() {
        let counts = |reference: &str| {
            let profile = generate(reference).unwrap().profile().unwrap();
            let edges = profile.interactions.edges();
            let two: u32 = edges.iter().map(|edge| edge.2).sum();
            let one: u32 = profile.one_qubit_gates.iter().sum();
            format!(
                "{reference}: {} pairs, {two} + {one} gates, depth {}, degree {}, {} measured",
                edges.len(),
                profile.depth,
                profile.interactions.max_degree(),
                profile.measured.iter().filter(|measured| **measured).count()
            )
        };
        let all: Vec<String> = [
            "adder:10",
            "bernstein_vazirani:6",
            "bernstein_vazirani:6,secret=5",
            "deutsch_jozsa:5",
            "ghz:20",
            "grover:4",
            "grover:4,rounds=1",
            "hidden_shift:6",
            "ising:6,steps=3",
            "phase_estimation:5",
            "qaoa_ring:12,layers=3",
            "qft:6",
            "quantum_volume:4",
            "random:6,depth=5,seed=3",
            "swap_test:5",
            "vqe_ansatz:6,layers=2",
            "w_state:5",
        ]
        .map(counts)
        .to_vec();
        insta::assert_snapshot!(all.join("\n"), @"
        adder:10: 13 pairs, 65 + 77 gates, depth 100, degree 4, 5 measured
        bernstein_vazirani:6: 5 pairs, 5 + 12 gates, depth 9, degree 5, 5 measured
        bernstein_vazirani:6,secret=5: 2 pairs, 2 + 12 gates, depth 6, degree 2, 5 measured
        deutsch_jozsa:5: 4 pairs, 4 + 14 gates, depth 9, degree 4, 4 measured
        ghz:20: 19 pairs, 19 + 1 gates, depth 21, degree 2, 20 measured
        grover:4: 4 pairs, 52 + 99 gates, depth 94, degree 3, 3 measured
        grover:4,rounds=1: 4 pairs, 26 + 51 gates, depth 48, degree 3, 3 measured
        hidden_shift:6: 3 pairs, 6 + 24 gates, depth 8, degree 1, 6 measured
        ising:6,steps=3: 5 pairs, 15 + 18 gates, depth 10, degree 2, 6 measured
        phase_estimation:5: 10 pairs, 12 + 9 gates, depth 14, degree 4, 4 measured
        qaoa_ring:12,layers=3: 12 pairs, 36 + 48 gates, depth 41, degree 2, 12 measured
        qft:6: 15 pairs, 18 + 6 gates, depth 13, degree 5, 6 measured
        quantum_volume:4: 6 pairs, 24 + 64 gates, depth 29, degree 3, 4 measured
        random:6,depth=5,seed=3: 7 pairs, 8 + 14 gates, depth 6, degree 4, 6 measured
        swap_test:5: 6 pairs, 16 + 24 gates, depth 23, degree 4, 1 measured
        vqe_ansatz:6,layers=2: 5 pairs, 10 + 36 gates, depth 14, degree 2, 6 measured
        w_state:5: 4 pairs, 8 + 1 gates, depth 10, degree 2, 5 measured
        ");
    }

    #[test]
    fn wrong_references_are_answered_with_what_would_be_right() {
        let error = |reference: &str| generate(reference).unwrap_err().to_string();
        let all: Vec<String> = [
            "gh:5",
            "",
            "ghz",
            "ghz:x",
            "ghz:1",
            "adder:5",
            "ghz:5,layers=2",
            "ising:5,step=2",
            "ising:5,steps",
            "ising:5,steps=0",
            "ising:100000,steps=6",
        ]
        .map(error)
        .to_vec();
        insta::assert_snapshot!(all.join("\n"), @"
        no circuit is called `gh`; hint: did you mean ghz? known names are adder, bernstein_vazirani, deutsch_jozsa, ghz, grover, hidden_shift, ising, phase_estimation, qaoa_ring, qft, quantum_volume, random, swap_test, vqe_ansatz, w_state, or give the path of a .qasm file
        no circuit is called ``; hint: known names are adder, bernstein_vazirani, deutsch_jozsa, ghz, grover, hidden_shift, ising, phase_estimation, qaoa_ring, qft, quantum_volume, random, swap_test, vqe_ansatz, w_state, or give the path of a .qasm file
        `ghz` does not say how many qubits; hint: as in ghz:10
        `ghz:x` does not say how many qubits; hint: as in ghz:10
        ghz cannot have 1 qubits; hint: from 2 to 100000, in steps of 1
        adder cannot have 5 qubits; hint: from 4 to 20000, in steps of 2
        ghz has no option `layers`; hint: it has no options
        ising has no option `step`; hint: its options are steps
        option steps of ising is ``; hint: a whole number from 1 to 100000
        option steps of ising is `0`; hint: a whole number from 1 to 100000
        ising would have 100000 qubits times 6 repetitions; hint: at most 500000 in all
        ");
    }

    #[test]
    fn the_largest_circuits_are_made() {
        for reference in ["ghz:100000", "adder:20000", "qft:1000", "quantum_volume:500", "grover:26,rounds=3"]
        {
            generate(reference).unwrap().profile().unwrap();
        }
        assert_eq!(generate("random:30,seed=7"), generate("random:30,seed=7"));
        assert_ne!(generate("random:30,seed=7"), generate("random:30,seed=8"));
    }
}
