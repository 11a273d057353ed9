//! What is known of a circuit, for the terminal and as JSON.
//!
//! Promises plain text without colour, aligned, and JSON with every count. Leaves printing to the binary.

use serde_json::{Value, json};

use super::device_table::aligned;
use crate::quantum::circuit::CircuitProfile;
use crate::quantum::generators::{FAMILIES, Family};

/// Heaviest interactions that are shown.
const SHOWN: usize = 10;

/// The table of `rmsim circuit show`: counts, the shape of the interaction graph, its heaviest edges.
pub fn show(reference: &str, profile: &CircuitProfile) -> String {
    let graph = &profile.interactions;
    let shape = graph.shape();
    let degrees = graph.degrees();
    let measured = profile.measured.iter().filter(|measured| **measured).count();
    let one: u64 = profile.one_qubit_gates.iter().map(|gates| u64::from(*gates)).sum();
    let mut words: Vec<String> = Vec::new();
    let kinds = [("line", shape.line), ("ring", shape.ring), ("tree", shape.tree && !shape.line)];
    words.extend(kinds.iter().filter(|(_, is)| *is).map(|(word, _)| (*word).to_owned()));
    if shape.parts > 1 {
        words.push(format!("{} parts", shape.parts));
    }
    if shape.parts > 0 {
        words.push(if shape.bipartite { "bipartite" } else { "not bipartite" }.to_owned());
    }
    if shape.alone > 0 {
        words.push(format!("{} qubit(s) without partner", shape.alone));
    }
    let mean = match degrees.len() {
        0 => 0.0,
        vertices => 2.0 * graph.edges().len() as f64 / vertices as f64,
    };
    let facts = [
        ("circuit", reference.to_owned()),
        ("qubits", graph.qubits().to_string()),
        ("depth", profile.depth.to_string()),
        ("one-qubit gates", one.to_string()),
        ("two-qubit gates", format!("{} on {} pairs", graph.two_qubit_gates(), graph.edges().len())),
        ("measured qubits", measured.to_string()),
        ("partners of a qubit", format!("{} at most, {mean:.2} on average", graph.max_degree())),
        ("interaction graph", words.join(", ")),
    ];
    let facts: Vec<[String; 2]> = facts.into_iter().map(|(key, value)| [key.to_owned(), value]).collect();
    let mut heaviest = graph.edges().to_vec();
    // Heaviest first, then in order of qubits.
    heaviest.sort_by_key(|edge| (std::cmp::Reverse(edge.2), edge.0, edge.1));
    let mut rows = vec![["interaction", "two-qubit gates"].map(str::to_owned)];
    for (a, b, times) in heaviest.iter().take(SHOWN) {
        rows.push([format!("{} - {}", a.0, b.0), times.to_string()]);
    }
    let mut text = aligned(&facts, 2);
    if !heaviest.is_empty() {
        text += "\n";
        text += &aligned(&rows, 1);
    }
    if heaviest.len() > SHOWN {
        text += &format!("... and {} more\n", heaviest.len() - SHOWN);
    }
    text
}

/// Every count, as JSON: `interactions` are [lower, higher, number of gates], in order.
pub fn json(reference: &str, profile: &CircuitProfile) -> Value {
    let graph = &profile.interactions;
    let edges: Vec<[u32; 3]> = graph.edges().iter().map(|(a, b, times)| [a.0, b.0, *times]).collect();
    let measured: Vec<usize> = (0..profile.measured.len()).filter(|qubit| profile.measured[*qubit]).collect();
    json!({
        "circuit": reference,
        "qubits": graph.qubits(),
        "depth": profile.depth,
        "one_qubit_gates": profile.one_qubit_gates,
        "two_qubit_gates": graph.two_qubit_gates(),
        "interactions": edges,
        "measured": measured,
        "max_degree": graph.max_degree(),
        "shape": graph.shape(),
    })
}

/// The table of `rmsim circuit list`.
pub fn list() -> String {
    let mut rows = vec![["name", "options", "qubits", "circuit"].map(str::to_owned)];
    for Family { name, description, least, most, step, options, .. } in FAMILIES {
        let options: Vec<String> =
            options.iter().map(|option| format!("{}={}", option.name, option.default)).collect();
        let every = if step == 1 { String::new() } else { format!(", in steps of {step}") };
        rows.push([
            name.to_owned(),
            options.join(","),
            format!("{least} to {most}{every}"),
            description.to_owned(),
        ]);
    }
    aligned(&rows, 4)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quantum::generators::generate;

    #[test]
    fn tables_of_circuits() {
        let shown = |name: &str| show(name, &generate(name).unwrap().profile().unwrap());
        insta::assert_snapshot!(shown("adder:6"), @"
        circuit              adder:6
        qubits               6
        depth                52
        one-qubit gates      39
        two-qubit gates      33 on 7 pairs
        measured qubits      3
        partners of a qubit  4 at most, 2.33 on average
        interaction graph    not bipartite

        interaction  two-qubit gates
        0 - 2                      6
        2 - 4                      6
        0 - 1                      5
        1 - 2                      5
        2 - 3                      5
        3 - 4                      5
        4 - 5                      1
        ");
        insta::assert_snapshot!(shown("qft:1"), @"
        circuit              qft:1
        qubits               1
        depth                2
        one-qubit gates      1
        two-qubit gates      0 on 0 pairs
        measured qubits      1
        partners of a qubit  0 at most, 0.00 on average
        interaction graph    1 qubit(s) without partner
        ");
        insta::assert_snapshot!(json("ghz:3", &generate("ghz:3").unwrap().profile().unwrap()), @r#"{"circuit":"ghz:3","qubits":3,"depth":4,"one_qubit_gates":[1,0,0],"two_qubit_gates":2,"interactions":[[0,1,1],[1,2,1]],"measured":[0,1,2],"max_degree":2,"shape":{"alone":0,"parts":1,"line":true,"ring":false,"tree":true,"bipartite":true}}"#);
        insta::assert_snapshot!(list(), @"
        name                options          qubits                      circuit
        adder                                4 to 20000, in steps of 2   ripple-carry addition of two numbers of (qubits - 2) / 2 bits (Cuccaro)
        bernstein_vazirani  secret=0         2 to 100000                 hidden string; secret=0 stands for a string of ones
        deutsch_jozsa       seed=1           2 to 100000                 a balanced function, drawn by the seed
        ghz                                  2 to 100000                 all zeros plus all ones, by a chain
        grover              rounds=0         2 to 26, in steps of 2      search among qubits / 2 + 1 qubits, the others are spare; rounds=0 stands for the best number
        hidden_shift        seed=1           2 to 100000, in steps of 2  shift of a bent function, drawn by the seed
        ising               steps=4          2 to 100000                 time steps of a chain in a transverse field
        phase_estimation                     2 to 1000                   phase of a phase gate, on all qubits but the last
        qaoa_ring           layers=1         3 to 100000                 maximum cut of a ring
        qft                                  1 to 1000                   quantum Fourier transform with its swaps
        quantum_volume      depth=0,seed=1   2 to 500                    random gates on random pairs; depth=0 stands for the number of qubits
        random              depth=10,seed=1  1 to 100000                 layers of random turns, CX and CZ
        swap_test           seed=1           3 to 20001, in steps of 2   overlap of two states of (qubits - 1) / 2 qubits
        vqe_ansatz          layers=2,seed=1  1 to 100000                 rotations and chains of CX by turns
        w_state                              1 to 100000                 one excitation shared by all qubits, by a chain
        ");
    }
}
