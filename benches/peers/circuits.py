#!/usr/bin/env python3
"""Compares our counts of circuits with Qiskit's.

What: qubits, depth, one-qubit gates per qubit, two-qubit gates per pair and measured qubits of
- all shipped OpenQASM files and the constructs of the table test,
- the exports of our own generators,
- circuits that Qiskit itself writes with qasm2.dumps and qasm3.dumps.

How: Qiskit reads the text; every gate that is not one of its standard gates on one or two qubits is replaced by its
definition, those on three and more qubits by that of qelib1.inc; operations under a condition become conditional one by
one. Counts and `QuantumCircuit.depth()` of the result are compared with `rmsim circuit show --json`.

Run: benches/peers/circuits.py [--rmsim target/release/rmsim]. Installs the pinned versions into its own environment
(default: target/peers/circuits) on the first run. Exit code 1 on any difference.
"""

import argparse
import collections
import json
import pathlib
import subprocess
import sys
import tempfile

import environment
from environment import ROOT, TARGET

PINNED = ["qiskit==2.6.2", "qiskit-qasm3-import==0.6.0"]
GENERATED = [
    "adder:4", "adder:14", "bernstein_vazirani:9", "bernstein_vazirani:9,secret=37", "deutsch_jozsa:8", "ghz:25",
    "grover:2", "grover:4", "grover:10,rounds=3", "hidden_shift:10", "ising:11,steps=3", "phase_estimation:8",
    "qaoa_ring:12,layers=3", "qft:12", "quantum_volume:7", "random:15,depth=20,seed=5", "swap_test:9",
    "vqe_ansatz:10,layers=3", "w_state:9",
]


# Where we count on purpose what Qiskit's reader builds otherwise (see the documentation of `quantum::qasm`).
CONVENTION = {
    "3: a power of a single gate is a single gate": "Qiskit multiplies powers of controlled gates out",
    "3: negative control": "Qiskit defines a gate with X around a control for each negative control, we need none for two",
    "3: control and power of a gate made of gates": "Qiskit expands a controlled H before it controls it",
}


def expanded(circuit, standard, qelib1):
    """The circuit with nothing but standard gates on one and two qubits, in the order of the file."""
    from qiskit.circuit import IfElseOp, QuantumCircuit
    from qiskit.circuit.controlflow import BoxOp, ForLoopOp

    flat = QuantumCircuit(circuit.qubits, circuit.clbits, *circuit.cregs)
    for var in circuit.iter_input_vars():
        flat.add_input(var)

    def known(operation):
        if operation.num_qubits > 2:
            return False
        if operation.name in ("measure", "reset", "delay", "barrier", "CX", "U") or operation.num_qubits == 0:
            return True
        form = standard.get(operation.name)
        fits = form and (form.num_qubits, len(form.params)) == (operation.num_qubits, len(operation.params))
        # An opaque gate has no definition; all others are taken apart.
        return bool(fits) or operation.definition is None

    def put(operation, qubits, clbits, conditions):
        name = operation.name
        if isinstance(operation, IfElseOp):
            for block in operation.blocks:
                walk(block, qubits, clbits, [*conditions, operation.condition])
        elif isinstance(operation, BoxOp):
            walk(operation.blocks[0], qubits, clbits, conditions)
        elif isinstance(operation, ForLoopOp):
            values, parameter, body = operation.params
            for value in values:
                walk(body.assign_parameters({parameter: value}) if parameter else body, qubits, clbits, conditions)
        elif name == "barrier":
            flat.append(operation, qubits, clbits)
        elif name == "annotated":
            put_annotated(operation, qubits, conditions)
        elif known(operation):
            if not conditions:
                flat.append(operation, qubits, clbits)
                return
            # A block of one operation, so that depth() sees the bits that the conditions read.
            inner = QuantumCircuit([*qubits], [*dict.fromkeys(clbits)])
            inner.append(operation, qubits, clbits)
            for condition in reversed(conditions):
                bits = [*dict.fromkeys([*clbits, *condition_bits(condition), *inner.clbits])]
                outer = QuantumCircuit([*qubits], bits, *[reg for reg in circuit.cregs if {*reg} <= {*bits}])
                outer.append(IfElseOp(condition, inner), outer.qubits, inner.clbits)
                inner = outer
            only = inner.data[0]
            flat.append(only.operation, qubits, only.clbits)
        else:
            body = qelib1.get((name, operation.num_qubits)) if is_library(operation) else None
            walk(body or operation.definition, qubits, clbits, conditions)

    def is_library(operation):
        modules = (str(base.__module__) for base in type(operation).__mro__)
        return any(module.startswith("qiskit.circuit.library") for module in modules)

    def put_annotated(operation, qubits, conditions):
        raise NotImplementedError(f"annotated {operation.base_op.name}")

    def condition_bits(condition):
        from qiskit.circuit.classical import expr
        if isinstance(condition, expr.Expr):
            found = []
            for var in expr.iter_vars(condition):
                if not var.standalone:
                    found.extend(list(var.var) if hasattr(var.var, "size") else [var.var])
            return found
        target = condition[0]
        return list(target) if hasattr(target, "size") else [target]

    def walk(block, qubits, clbits, conditions):
        qubit_of = dict(zip(block.qubits, qubits))
        clbit_of = dict(zip(block.clbits, clbits))
        for item in block.data:
            put(item.operation, [qubit_of[q] for q in item.qubits], [clbit_of[c] for c in item.clbits], conditions)

    walk(circuit, flat.qubits, flat.clbits, [])
    return flat


def counts_of_qiskit(circuit, standard, qelib1, hardware):
    from qiskit.circuit import IfElseOp, QuantumCircuit

    flat = expanded(circuit, standard, qelib1)
    if hardware:
        # Of the hardware's qubits only those in use are part of the program.
        used = [qubit for qubit in flat.qubits if any(qubit in item.qubits for item in flat.data)]
        small = QuantumCircuit(used, flat.clbits, *flat.cregs)
        for item in flat.data:
            small.append(item)
        flat = small
    one, pairs, measured = [0] * flat.num_qubits, collections.Counter(), set()
    place = {qubit: index for index, qubit in enumerate(flat.qubits)}
    for item in flat.data:
        operation, qubits = item.operation, [place[q] for q in item.qubits]
        while isinstance(operation, IfElseOp):
            operation = operation.blocks[0].data[0].operation
        if operation.name == "measure":
            measured.add(qubits[0])
        elif operation.name in ("barrier", "reset", "delay"):
            pass
        elif len(qubits) == 1:
            one[qubits[0]] += 1
        elif len(qubits) == 2:
            pairs[tuple(sorted(qubits))] += 1
    return {
        "qubits": flat.num_qubits,
        "depth": flat.depth(),
        "one_qubit_gates": one,
        "interactions": sorted([a, b, times] for (a, b), times in pairs.items()),
        "measured": sorted(measured),
    }


def made_by_qiskit():
    """Circuits that Qiskit writes itself: (name, circuit, formats)."""
    from qiskit.circuit import ClassicalRegister, QuantumCircuit, QuantumRegister
    from qiskit.circuit.library import EfficientSU2, GroverOperator, QFT, QuantumVolume, TwoLocal, ZZFeatureMap
    from qiskit.circuit.random import random_circuit
    from qiskit import transpile

    bell = QuantumCircuit(2, 2)
    bell.h(0), bell.cx(0, 1), bell.measure([0, 1], [0, 1])
    yield "bell", bell, "23"
    gates = QuantumCircuit(4)
    gates.ryy(0.1, 0, 1), gates.iswap(1, 2), gates.ecr(2, 3), gates.dcx(0, 3), gates.rzx(0.3, 1, 3), gates.r(0.1, 0.2, 0)
    gates.cs(0, 1), gates.sxdg(0), gates.csx(1, 2), gates.cu(0.1, 0.2, 0.3, 0.4, 0, 2), gates.ccz(0, 1, 2)
    gates.mcx([0, 1, 2], 3), gates.mcp(0.3, [0, 1], 2), gates.rccx(0, 1, 2), gates.cswap(0, 1, 2), gates.id(0)
    yield "gates", gates, "23"
    registers = QuantumCircuit(QuantumRegister(2, "a"), QuantumRegister(3, "b"), ClassicalRegister(3, "m"))
    registers.h([0, 1]), registers.barrier(), registers.ccx(0, 2, 4), registers.reset(3)
    registers.measure([2, 3, 4], [0, 1, 2])
    yield "registers", registers, "23"
    for seed in range(5):
        yield f"random-{seed}", random_circuit(6, 8, max_operands=4, measure=True, seed=seed), "23"
    yield "qft", QFT(5).decompose(), "23"
    yield "efficient-su2", EfficientSU2(5, reps=2, entanglement="circular").decompose().assign_parameters([0.1] * 30), "23"
    symbolic = TwoLocal(4, "ry", "cz", reps=1).decompose()
    yield "input-parameters", symbolic, "3"
    yield "zz-feature-map", ZZFeatureMap(4, reps=1).decompose().assign_parameters([0.1, 0.2, 0.3, 0.4]), "23"
    yield "quantum-volume", QuantumVolume(4, seed=3).decompose(), "23"
    oracle = QuantumCircuit(4)
    oracle.h(3), oracle.mcx([0, 1, 2], 3), oracle.h(3)
    yield "grover", GroverOperator(oracle).decompose(), "23"
    custom = QuantumCircuit(3)
    inner = QuantumCircuit(2, name="inner")
    inner.h(0), inner.cx(0, 1)
    custom.append(inner.to_gate(), [0, 1]), custom.append(inner.to_gate().inverse(), [1, 2])
    custom.append(inner.to_gate().control(1), [0, 1, 2])
    yield "custom", custom, "23"
    hardware = transpile(bell, basis_gates=["rz", "sx", "ecr"], coupling_map=[[0, 1], [1, 2]], initial_layout=[2, 1])
    yield "hardware-qubits", hardware, "3"
    control = QuantumCircuit(QuantumRegister(3, "q"), ClassicalRegister(2, "c"))
    control.h(0), control.measure(0, 0)
    with control.if_test((control.clbits[0], 1)) as otherwise:
        control.x(1)
    with otherwise:
        control.ccx(0, 1, 2)
    with control.if_test((control.cregs[0], 2)):
        control.cx(0, 2)
        control.measure(2, 1)
    with control.for_loop(range(3)):
        control.h(2)
    control.delay(100, 1)
    yield "control-flow", control, "3"


def main():
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    arguments.add_argument("--rmsim", default=str(TARGET / "release" / "rmsim"))
    arguments.add_argument("--env", type=pathlib.Path, default=TARGET / "peers" / "circuits")
    given = arguments.parse_args()
    environment.enter(given.env, PINNED)

    import qiskit
    from qiskit import qasm2, qasm3
    from qiskit.circuit.library import get_standard_gate_name_mapping

    standard = get_standard_gate_name_mapping()
    standard |= {name: standard[other] for name, other in [("u0", "p"), ("cphase", "cp"), ("phase", "p")]}
    # The definitions of qelib1.inc as they stand in the file, not those of Qiskit's own gate classes.
    text = (pathlib.Path(qiskit.__file__).parent / "qasm" / "libs" / "qelib1.inc").read_text()
    names = {"ccx": 3, "cswap": 3, "rccx": 3, "rc3x": 4, "c3x": 4, "c3sqrtx": 4, "c4x": 5}
    qelib1 = {}
    for name, size in names.items():
        calls = ",".join(f"q[{index}]" for index in range(size))
        loaded = qasm2.loads(f"OPENQASM 2.0;\n{text}\nqreg q[{size}];\n{name} {calls};")
        # Qiskit has other names for some.
        known_as = {"rc3x": "rcccx", "c3x": "mcx", "c3sqrtx": "c3sx", "c4x": "mcx"}.get(name, name)
        qelib1[known_as, size] = loaded.data[0].operation.definition

    def read_by_qiskit(text):
        if "OPENQASM 3" in text:
            return qasm3.loads(text)
        if "OPENQASM" not in text:
            text = "OPENQASM 2.0;\n" + text
        return qasm2.loads(
            text,
            custom_instructions=qasm2.LEGACY_CUSTOM_INSTRUCTIONS if "qelib1.inc" in text else (),
        )

    def ours(reference):
        run = subprocess.run([given.rmsim, "circuit", "show", reference, "--json"], capture_output=True, text=True)
        if run.returncode:
            return {"error": run.stderr.strip().splitlines()[0]}
        return json.loads(run.stdout)

    results = collections.Counter()

    def compare(kind, name, reference, text):
        mine = ours(reference)
        try:
            theirs = counts_of_qiskit(read_by_qiskit(text), standard, qelib1, "$" in text)
        except Exception as error:  # whatever the reader of the other side does not take
            results[kind, "not read by Qiskit"] += 1
            message = str(error).replace("\n", " ")[:110]
            print(f"  not read by Qiskit: {kind} {name}: {type(error).__name__}: {message}")
            return
        wrong = [key for key in theirs if mine.get(key) != theirs[key]]
        if wrong and name in CONVENTION:
            results[kind, "counted otherwise on purpose"] += 1
            print(f"  counted otherwise on purpose: {kind} {name}: {CONVENTION[name]}")
            return
        results[kind, "different" if wrong else "equal"] += 1
        for key in wrong:
            print(f"  DIFFERENT {kind} {name}: {key}: ours {mine.get(key, mine.get('error'))}, Qiskit {theirs[key]}")

    folder = ROOT / "tests" / "data" / "circuits"
    for path in sorted(folder.glob("*.qasm")):
        compare("shipped file", path.name, str(path), path.read_text())
    with tempfile.TemporaryDirectory() as scratch:
        scratch = pathlib.Path(scratch)

        def written(text):
            path = scratch / "circuit.qasm"
            path.write_text(text)
            return str(path)

        for block in ("\n" + (folder / "constructs.txt").read_text()).split("\n== ")[1:]:
            name, text = block.split("\n", 1)
            compare("construct", name, written(text), text)
        for reference in GENERATED:
            show = [given.rmsim, "circuit", "show", reference, "--qasm"]
            text = subprocess.run(show, capture_output=True, text=True, check=True).stdout
            compare("generated", reference, reference, text)
        for name, circuit, formats in made_by_qiskit():
            if "2" in formats:
                text = qasm2.dumps(circuit)
                compare("qasm2.dumps", name, written(text), text)
            if "3" in formats:
                text = qasm3.dumps(circuit)
                compare("qasm3.dumps", name, written(text), text)

    print(f"Qiskit {qiskit.__version__}")
    for kind in dict.fromkeys(kind for kind, _ in results):
        counts = [f"{number} {what}" for (of, what), number in results.items() if of == kind]
        print(f"{kind:<14} {', '.join(counts)}")
    sys.exit(any(what == "different" for _, what in results))


if __name__ == "__main__":
    main()
