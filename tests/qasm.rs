//! OpenQASM constructs with their counts, the shipped circuit files, and what is answered to wrong files.
//!
//! `benches/peers/circuits.py` compares the same constructs and files with Qiskit.

use std::fs;
use std::path::Path;

use resource_manager::quantum::circuit::CircuitProfile;
use resource_manager::quantum::generators;
use resource_manager::quantum::qasm;

const CONSTRUCTS: &str = include_str!("data/circuits/constructs.txt");

fn constructs() -> Vec<(&'static str, &'static str)> {
    let first = CONSTRUCTS.strip_prefix("== ").unwrap();
    first.split("\n== ").map(|block| block.split_once('\n').unwrap()).collect()
}

/// Counts on one line: pairs as `0-1`, with the number of gates where it is not 1.
fn shown(profile: &CircuitProfile) -> String {
    let pairs: Vec<String> = profile
        .interactions
        .edges()
        .iter()
        .map(|(a, b, times)| match times {
            1 => format!("{}-{}", a.0, b.0),
            times => format!("{}-{}x{times}", a.0, b.0),
        })
        .collect();
    let measured: Vec<String> = (0..profile.measured.len())
        .filter(|qubit| profile.measured[*qubit])
        .map(|qubit| qubit.to_string())
        .collect();
    format!(
        "depth {} one {:?} two {} measured {}",
        profile.depth,
        profile.one_qubit_gates,
        if pairs.is_empty() { "none".to_owned() } else { pairs.join(" ") },
        if measured.is_empty() { "none".to_owned() } else { measured.join(" ") },
    )
}

#[test]
fn constructs_have_known_counts() {
    let all: Vec<String> = constructs()
        .iter()
        .map(|(name, text)| match qasm::profile(text, name) {
            Ok(profile) => format!("{name}\n    {}", shown(&profile)),
            Err(error) => format!("{name}\n{error}"),
        })
        .collect();
    assert!(all.len() >= 32);
    insta::assert_snapshot!(all.join("\n"));
}

#[test]
fn shipped_circuits_have_known_counts() {
    let mut files: Vec<_> = fs::read_dir("tests/data/circuits")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "qasm"))
        .collect();
    files.sort();
    assert!(files.len() >= 12);
    let all: Vec<String> = files
        .iter()
        .map(|path| {
            let profile = qasm::profile_file(path).unwrap_or_else(|error| panic!("{error}"));
            let name = path.file_name().unwrap().to_string_lossy();
            let shape = profile.interactions.shape();
            format!(
                "{name}: {} qubits, depth {}, {} + {} gates on {} pairs, {} parts, ring {}, tree {}",
                profile.interactions.qubits(),
                profile.depth,
                profile.one_qubit_gates.iter().sum::<u32>(),
                profile.interactions.two_qubit_gates(),
                profile.interactions.edges().len(),
                shape.parts,
                shape.ring,
                shape.tree,
            )
        })
        .collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// Files named `family_qubits.qasm` are what the generator of that name writes.
#[test]
fn generated_files_are_up_to_date() {
    for reference in [
        "adder:10",
        "deutsch_jozsa:7",
        "ghz:12",
        "grover:8,rounds=2",
        "hidden_shift:8",
        "qft:6",
        "quantum_volume:5",
        "swap_test:7",
    ] {
        let file = format!("tests/data/circuits/{}.qasm", reference.replace([':', ',', '='], "_"));
        let text = generators::generate(reference).unwrap().to_qasm(reference);
        if std::env::var_os("UPDATE_CIRCUITS").is_some() {
            fs::write(&file, &text).unwrap();
        }
        assert!(
            fs::read_to_string(&file).unwrap_or_default() == text,
            "{file} is out of date; hint: run with UPDATE_CIRCUITS=1"
        );
        assert_eq!(
            qasm::profile(&text, &file).as_ref(),
            Ok(&generators::resolve(reference, Path::new("")).unwrap()),
            "{file}"
        );
    }
}

#[test]
fn wrong_files_are_answered_with_line_and_column() {
    let two = |rest: &str| format!("OPENQASM 2.0;\ninclude \"qelib1.inc\";\nqreg q[3]; creg c[2];\n{rest}");
    let three =
        |rest: &str| format!("OPENQASM 3.0;\ninclude \"stdgates.inc\";\nqubit[3] q; bit[2] c;\n{rest}");
    let texts = [
        String::new(),
        "OPENQASM 4.0;".to_owned(),
        "OPENQASM 2.0;\nqreg q[1];\nh q[0];".to_owned(),
        "OPENQASM 3.0;\nqubit q;\nrxx(1) q, q;".to_owned(),
        "OPENQASM 2.0;\ninclude \"mylib.inc\";".to_owned(),
        two("hh q[0];"),
        two("cx q[0];"),
        two("rx q[0];"),
        two("cx q[1], q[1];"),
        two("cx q[0], q[3];"),
        two("h r[0];"),
        two("h c[0];"),
        two("measure q -> c;"),
        two("qreg other[2]; cx q, other;"),
        two("h q[0]"),
        two("rx(1/0) q[0];"),
        two("rx(alpha) q[0];"),
        two("rx(sinus(1)) q[0];"),
        two("gate g a { h b; }"),
        two("gate g a, b { cx a, a; }"),
        two("gate g a { }\ngate g a { }"),
        two("gate g a, a { }"),
        two("opaque g a, b, c;\ng q[0], q[1], q[2];"),
        two("qubit[3] r;"),
        two("qreg q[2];"),
        two("qreg big[100000];"),
        two("/* never closed"),
        two("rx(1.5.2) q[0]; µ"),
        two("if(c=1) x q[0];"),
        three("hh q[0];"),
        "OPENQASM 3.0;\nqubit q;\nzzz q;".to_owned(),
        "OPENQASM 3.0;\nqubit q;\nsdg q;".to_owned(),
        three("while (c == 1) { x q[0]; }"),
        three("switch (c) { case 0 { x q[0]; } }"),
        three("def f(qubit a) { x a; }"),
        three("for i in [0:n] { x q[i]; }"),
        three("uint n; for i in [0:n] { x q[i]; }"),
        three("x $1;"),
        three("ctrl(2) @ h q[0], q[1], q[2];"),
        three("ctrl @ x q[0];"),
        three("for i in [0:99999999999] { x q[0]; }"),
        three("rz(((((1) q[0];"),
        three("let a = q[0:5];"),
        three("const int n = 2; n = 3;"),
        format!("{}1{};", two("rx("), ")".repeat(3)),
        format!("{}{}", two("rx("), "(".repeat(300)),
    ];
    let all: Vec<String> =
        texts.iter().map(|text| qasm::profile(text, "x.qasm").expect_err(text).to_string()).collect();
    insta::assert_snapshot!(all.join("\n"));
}

/// A definition doubles at every level; without a limit 64 levels would run forever.
#[test]
fn work_is_bounded_whatever_the_file_holds() {
    for leaf in ["x a;", "barrier a;", ""] {
        let mut text = format!("include \"qelib1.inc\";\nqreg q[1];\ngate g0 a {{ {leaf} }}\n");
        for level in 1..64 {
            text += &format!("gate g{level} a {{ g{} a; g{} a; }}\n", level - 1, level - 1);
        }
        text += "g63 q[0];";
        let error = qasm::profile(&text, "bomb.qasm").unwrap_err();
        assert!(error.message().starts_with("the circuit is too large"), "{error}");
        assert_eq!(error.position(), Some((67, 1)));
    }
    let mut deep = "gate g0 a { }\n".to_owned();
    for level in 1..1000 {
        deep += &format!("gate g{level} a {{ g{} a; }}\n", level - 1);
    }
    let error = qasm::profile(&deep, "deep.qasm").unwrap_err();
    assert!(error.message().contains("nested more than 200 deep"), "{error}");
    let blocks = format!("OPENQASM 3.0; qubit q;\n{}", "box {".repeat(100_000));
    assert!(qasm::profile(&blocks, "blocks.qasm").unwrap_err().message().contains("nested"));
    // The same for every other statement that holds statements.
    for open in ["gate g a {", "if (c) {", "if (c) ", "for i in [0:1] {"] {
        let text = format!("OPENQASM 3.0; qubit q; bit c;\n{}", open.repeat(100_000));
        assert!(qasm::profile(&text, "deep.qasm").unwrap_err().message().contains("nested"), "{open}");
    }
    // What is just allowed fits on the stack of a thread.
    let mut chain = "include \"qelib1.inc\";\ngate g0 a { x a; }\n".to_owned();
    for level in 1..200 {
        chain += &format!("gate g{level} a {{ g{} a; }}\n", level - 1);
    }
    assert!(qasm::profile(&format!("{chain}qreg q[1]; g199 q[0];"), "chain.qasm").is_ok());
    let blocks = format!(
        "OPENQASM 3.0; qubit q; bit c;\n{}U({}1{}, 0, 0) q;{}",
        "if (c) {".repeat(120),
        "(".repeat(70),
        ")".repeat(70),
        "}".repeat(120)
    );
    assert_eq!(qasm::profile(&blocks, "blocks.qasm").map(|profile| profile.depth), Ok(1));
    let sum = format!("include \"qelib1.inc\";\nqreg q[1];\nrx({}1) q[0];", "1+".repeat(100_000));
    assert!(qasm::profile(&sum, "sum.qasm").is_ok());
}

/// A pragma may be a gate of its own (Amazon Braket's `unitary` is): what is left out is said, never passed over.
#[test]
fn what_may_hide_gates_is_refused_by_name() {
    let text = |line: &str| format!("OPENQASM 3.0;\nqubit[2] q;\n{line}\nU(0, 0, 0) q[0];\n");
    for line in [
        "#pragma braket unitary([[0, 1], [1, 0]]) q[0]",
        "pragma anything at all",
        "# remark",
        "@note U(1, 2, 3) q[1];",
    ] {
        let error = qasm::profile(&text(line), "x.qasm").expect_err(line);
        assert_eq!(error.position(), Some((3, 1)), "{error}");
        assert!(error.message().contains(line) && error.message().contains("counted"), "{error}");
    }
    for line in
        ["#pragma braket verbatim\nbox {", "#pragma braket result probability all", "@note to readers"]
    {
        let close = if line.ends_with('{') { "}" } else { "" };
        let read = qasm::profile(&format!("{}{close}", text(line)), "x.qasm").unwrap();
        assert_eq!(read.one_qubit_gates, [1, 0], "{line}");
    }
}
