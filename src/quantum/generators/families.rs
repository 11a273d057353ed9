//! The circuits themselves: one function per family, with its source.
//!
//! Promises textbook circuits whose shape depends on the number of qubits and the options alone. Leaves the check of
//! both to [`super`].

use std::f64::consts::PI;

use rand::RngExt;

use super::options::Options;
use super::program::Program;
use crate::random::{Purpose, Stream, StreamFamily};

fn stream(program: &Program, options: &Options) -> Stream {
    StreamFamily::new(options.get("seed"), 0, Purpose::Circuit).stream(u64::from(program.qubits()), 0)
}

fn angle(stream: &mut Stream) -> f64 {
    stream.random::<f64>() * 2.0 * PI
}

/// |0...0> + |1...1> by a chain of CX (Greenberger, Horne, Zeilinger 1989).
pub(super) fn ghz(program: &mut Program, _: &Options) {
    program.one("h", 0);
    for qubit in 1..program.qubits() {
        program.two("cx", qubit - 1, qubit);
    }
    program.measure_all();
}

/// One excitation shared by all qubits, handed down a chain (Dür, Vidal, Cirac 2000).
pub(super) fn w_state(program: &mut Program, _: &Options) {
    let n = program.qubits();
    program.one("x", 0);
    for qubit in 1..n {
        let stays = 1.0 / f64::from(n - qubit + 1);
        program.turn_two("cry", 2.0 * libm::acos(libm::sqrt(stays)), qubit - 1, qubit);
        program.two("cx", qubit, qubit - 1);
    }
    program.measure_all();
}

/// The quantum Fourier transform with its final swaps (Coppersmith 1994).
pub(super) fn qft(program: &mut Program, _: &Options) {
    let n = program.qubits();
    for target in (0..n).rev() {
        program.one("h", target);
        for control in (0..target).rev() {
            program.turn_two("cp", turn_of(target - control), control, target);
        }
    }
    for qubit in 0..n / 2 {
        program.two("swap", qubit, n - 1 - qubit);
    }
    program.measure_all();
}

/// 2 pi / 2^(distance + 1); too small to matter beyond some distance, but counted.
fn turn_of(distance: u32) -> f64 {
    PI / libm::exp2(f64::from(distance))
}

/// Phase estimation of a phase gate: the last qubit holds the eigenstate (Kitaev 1995).
pub(super) fn phase_estimation(program: &mut Program, _: &Options) {
    let last = program.qubits() - 1;
    program.one("x", last);
    for qubit in 0..last {
        program.one("h", qubit);
    }
    for qubit in 0..last {
        program.turn_two("cp", turn_of(last - 1 - qubit) * 1.25, qubit, last);
    }
    for qubit in 0..last / 2 {
        program.two("swap", qubit, last - 1 - qubit);
    }
    for target in 0..last {
        for control in 0..target {
            program.turn_two("cp", -turn_of(target - control), control, target);
        }
        program.one("h", target);
    }
    program.measure(0..last);
}

/// The last qubit collects the parity of the hidden string (Bernstein, Vazirani 1997).
pub(super) fn bernstein_vazirani(program: &mut Program, options: &Options) {
    let last = program.qubits() - 1;
    let secret = options.get("secret");
    program.on_all("h");
    program.one("z", last);
    for qubit in 0..last {
        // 0 stands for a string of ones, of any length.
        if secret == 0 || (qubit < 64 && secret >> qubit & 1 == 1) {
            program.two("cx", qubit, last);
        }
    }
    for qubit in 0..last {
        program.one("h", qubit);
    }
    program.measure(0..last);
}

/// A balanced function, drawn by the seed, told from a constant one (Deutsch, Jozsa 1992).
pub(super) fn deutsch_jozsa(program: &mut Program, options: &Options) {
    let last = program.qubits() - 1;
    let mut stream = stream(program, options);
    let flipped: Vec<bool> = (0..last).map(|_| stream.random()).collect();
    let flip = |program: &mut Program| {
        (0..last).filter(|qubit| flipped[*qubit as usize]).for_each(|qubit| program.one("x", qubit));
    };
    program.one("x", last);
    program.on_all("h");
    program.barrier();
    flip(program);
    for qubit in 0..last {
        program.two("cx", qubit, last);
    }
    flip(program);
    program.barrier();
    for qubit in 0..last {
        program.one("h", qubit);
    }
    program.measure(0..last);
}

/// Search for the string of ones among s = n / 2 + 1 qubits, with a ladder of s - 2 spare qubits (Grover 1996).
pub(super) fn grover(program: &mut Program, options: &Options) {
    let searched = program.qubits() / 2 + 1;
    let best = (PI / 4.0 * libm::exp2(f64::from(searched) / 2.0)) as u64;
    let rounds = match options.get("rounds") {
        0 => best.max(1),
        rounds => rounds,
    };
    let all = |program: &mut Program, name| (0..searched).for_each(|qubit| program.one(name, qubit));
    all(program, "h");
    for _ in 0..rounds {
        controlled_z(program, searched);
        all(program, "h");
        all(program, "x");
        controlled_z(program, searched);
        all(program, "x");
        all(program, "h");
    }
    program.measure(0..searched);
}

/// Z on the last of `qubits` controlled by the others; the spare qubits behind them collect the ANDs.
fn controlled_z(program: &mut Program, qubits: u32) {
    if qubits == 2 {
        program.two("cz", 0, 1);
        return;
    }
    let spares = qubits - 2;
    let step = |place: u32| {
        let so_far = if place == 0 { 0 } else { qubits + place - 1 };
        [so_far, place + 1, qubits + place]
    };
    for place in 0..spares {
        program.three("ccx", step(place));
    }
    program.two("cz", qubits + spares - 1, qubits - 1);
    for place in (0..spares).rev() {
        program.three("ccx", step(place));
    }
}

/// Maximum cut of a ring (Farhi, Goldstone, Gutmann 2014); angles rise and fall as in annealing.
pub(super) fn qaoa_ring(program: &mut Program, options: &Options) {
    let n = program.qubits();
    let layers = options.get("layers");
    program.on_all("h");
    for layer in 0..layers {
        let share = (layer as f64 + 0.5) / layers as f64;
        for qubit in 0..n {
            program.turn_two("rzz", share, qubit, (qubit + 1) % n);
        }
        for qubit in 0..n {
            program.turn("rx", 2.0 * (1.0 - share), qubit);
        }
    }
    program.measure_all();
}

/// Rotations and a chain of CX by turns, a hardware-efficient ansatz (Kandala et al. 2017).
pub(super) fn vqe_ansatz(program: &mut Program, options: &Options) {
    let mut stream = stream(program, options);
    let rotations = |program: &mut Program, stream: &mut Stream| {
        for qubit in 0..program.qubits() {
            program.turn("ry", angle(stream), qubit);
            program.turn("rz", angle(stream), qubit);
        }
    };
    for _ in 0..options.get("layers") {
        rotations(program, &mut stream);
        for qubit in 1..program.qubits() {
            program.two("cx", qubit - 1, qubit);
        }
    }
    rotations(program, &mut stream);
    program.measure_all();
}

/// Ripple-carry addition of two numbers of (n - 2) / 2 bits, in place (Cuccaro et al. 2004). Order of the qubits: carry
/// in, b0, a0, b1, a1, ..., carry out.
pub(super) fn adder(program: &mut Program, _: &Options) {
    let bits = (program.qubits() - 2) / 2;
    let out = program.qubits() - 1;
    let (b, a) = (|bit: u32| 1 + 2 * bit, |bit: u32| 2 + 2 * bit);
    let carry = |bit: u32| if bit == 0 { 0 } else { a(bit - 1) };
    // All ones plus one: the carry runs through.
    for bit in 0..bits {
        program.one("x", a(bit));
    }
    program.one("x", b(0));
    for bit in 0..bits {
        program.two("cx", a(bit), b(bit));
        program.two("cx", a(bit), carry(bit));
        program.three("ccx", [carry(bit), b(bit), a(bit)]);
    }
    program.two("cx", a(bits - 1), out);
    for bit in (0..bits).rev() {
        program.three("ccx", [carry(bit), b(bit), a(bit)]);
        program.two("cx", a(bit), carry(bit));
        program.two("cx", carry(bit), b(bit));
    }
    program.measure((0..bits).map(b).chain([out]));
}

/// The shift of a bent function (inner product of two halves), drawn by the seed (Rötteler 2010).
pub(super) fn hidden_shift(program: &mut Program, options: &Options) {
    let half = program.qubits() / 2;
    let mut stream = stream(program, options);
    let shift: Vec<bool> = (0..program.qubits()).map(|_| stream.random()).collect();
    let shifted = |program: &mut Program| {
        (0..program.qubits())
            .filter(|qubit| shift[*qubit as usize])
            .for_each(|qubit| program.one("x", qubit));
    };
    let oracle = |program: &mut Program| (0..half).for_each(|qubit| program.two("cz", qubit, qubit + half));
    program.on_all("h");
    shifted(program);
    oracle(program);
    shifted(program);
    program.on_all("h");
    oracle(program);
    program.on_all("h");
    program.measure_all();
}

/// The overlap of two states of (n - 1) / 2 qubits, on the first qubit (Buhrman et al. 2001).
pub(super) fn swap_test(program: &mut Program, options: &Options) {
    let half = (program.qubits() - 1) / 2;
    let mut stream = stream(program, options);
    for qubit in 1..program.qubits() {
        program.turn("ry", angle(&mut stream), qubit);
    }
    program.one("h", 0);
    for qubit in 1..=half {
        program.three("cswap", [0, qubit, qubit + half]);
    }
    program.one("h", 0);
    program.measure([0]);
}

/// Time steps of a chain in a transverse field: even bonds, odd bonds, field (Trotter 1959).
pub(super) fn ising(program: &mut Program, options: &Options) {
    for _ in 0..options.get("steps") {
        for parity in [1, 2] {
            for qubit in (parity..program.qubits()).step_by(2) {
                program.turn_two("rzz", 0.2, qubit - 1, qubit);
            }
        }
        for qubit in 0..program.qubits() {
            program.turn("rx", 0.3, qubit);
        }
    }
    program.measure_all();
}

/// Layers of random gates on random pairs (Cross et al. 2019), each pair with three CX (Vatan, Williams 2004).
pub(super) fn quantum_volume(program: &mut Program, options: &Options) {
    let n = program.qubits();
    let depth = match options.get("depth") {
        0 => u64::from(n),
        depth => depth,
    };
    let mut stream = stream(program, options);
    for _ in 0..depth {
        let order = shuffled(n, &mut stream);
        for pair in order.chunks_exact(2) {
            for part in 0..4 {
                if part > 0 {
                    program.two("cx", pair[0], pair[1]);
                }
                for qubit in pair {
                    let angles = [angle(&mut stream), angle(&mut stream), angle(&mut stream)];
                    program.gate("u3", &angles, &[*qubit]);
                }
            }
        }
    }
    program.measure_all();
}

/// Layers in which a random half of the qubits is paired by CX or CZ and the others turn.
pub(super) fn random(program: &mut Program, options: &Options) {
    const TURNS: [&str; 3] = ["rx", "ry", "rz"];
    let mut stream = stream(program, options);
    for _ in 0..options.get("depth") {
        for pair in shuffled(program.qubits(), &mut stream).chunks(2) {
            match *pair {
                [a, b] if stream.random() => {
                    program.two(if stream.random() { "cx" } else { "cz" }, a, b);
                }
                _ => {
                    for qubit in pair {
                        let name = TURNS[stream.random_range(0..TURNS.len())];
                        program.turn(name, angle(&mut stream), *qubit);
                    }
                }
            }
        }
    }
    program.measure_all();
}

/// Fisher and Yates.
fn shuffled(n: u32, stream: &mut Stream) -> Vec<u32> {
    let mut order: Vec<u32> = (0..n).collect();
    for last in (1..order.len()).rev() {
        order.swap(last, stream.random_range(0..=last));
    }
    order
}
