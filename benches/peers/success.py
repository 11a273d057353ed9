#!/usr/bin/env python3
"""Compares the predicted success of our placements with that of the layouts that Qiskit chooses, for whole programs.

Circuits, and shapes with a depth, on devices that are empty and partly busy: readouts, one- and two-qubit gates and the
decay of qubits that wait all count. Qiskit gets a circuit with the same counts and the exact error of every operation,
once without decay, of which it has no notion, and once with the decay as one more operation on each qubit. A model of
this script's own scores every layout of either side. README.md says what is measured.

Exit code 1 if a proved placement of ours is below a layout of Qiskit's, if a prediction of ours is not that of the
model, or if only one side finds a placement.
"""

import argparse
import csv
import json
import math
import multiprocessing
import os
import random
import re
import resource
import signal
import subprocess
import sys
from collections import Counter
from fractions import Fraction
from pathlib import Path

import environment
from environment import ROOT, TARGET
from vf2 import REQUIREMENTS, TOLERANCE, built, geometric_mean

DEVICES = [
    "ibm_fez", "ibm_marrakesh", "ibm_torino", "ibm_brisbane", "ibm_sherbrooke", "ibm_montreal", "ibm_guadalupe",
    "ibm_miami",
]
# Those of our generators that need no routing.
CIRCUITS = [
    "ghz:5", "ghz:10", "ising:8,steps=3", "vqe_ansatz:8,layers=2", "w_state:6", "hidden_shift:6",
    "bernstein_vazirani:4", "deutsch_jozsa:4", "random:5,depth=3", "qaoa_ring:12,layers=3",
]
SHAPES = [
    "line:5", "line:10", "line:16", "line:20", "star:4", "tree:6", "tree:10", "ring:12", "heavy_hex:7", "heavy_hex:12",
]
# Powers of two: other depths of shapes are rounded to them before they are placed.
DEPTHS = [8, 128, 512]
BUSY_SHARE = 0.4
# The first qubits of a heavy-hex lattice, breadth first from a corner.
HEAVY_HEX = [(0, 1), (1, 2), (2, 3), (3, 4), (3, 5), (4, 6), (5, 7), (6, 8), (7, 9), (7, 10), (8, 11)]

DEAD_ERROR = 0.5
SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}

# Relative difference of the successes of two layouts that counts as none.
EQUAL = 1e-9

# What Qiskit is told: with or without the decay of qubits that wait.
VARIANTS = {"qiskit": False, "qiskit_with_decay": True}

PROVED = ("optimal", "proved_infeasible")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--devices", nargs="+", default=DEVICES, help="with figures for every qubit and coupler")
    parser.add_argument("--circuits", nargs="*", default=CIRCUITS, help="as in `rmsim circuit list`")
    parser.add_argument("--shapes", nargs="*", default=SHAPES, help="line, ring, star, tree, or heavy_hex up to 12")
    parser.add_argument("--depths", nargs="+", type=int, default=DEPTHS, help="of the shapes; powers of two")
    parser.add_argument("--seed", type=int, default=1, help="decides which qubits are busy")
    parser.add_argument("--out", type=Path, default=ROOT / "results/peers", help="folder for the tables")
    parser.add_argument("--rmsim", type=Path, help="the program [default: built with --release]")
    parser.add_argument("--cap", type=int, default=60, metavar="SECONDS", help="CPU time per search of Qiskit")
    parser.add_argument("--environment", type=Path, default=TARGET / "peers")
    return parser.parse_args()


def seconds(text):
    """A duration of a device file."""
    number, unit = re.fullmatch(r"([\d.e+-]+) *([a-z]+)", text).groups()
    return float(number) * SECONDS[unit]


def load_device(name):
    """What the model needs of a device: its live qubits and couplers, and how long a layer takes."""
    import yaml

    file = yaml.safe_load((ROOT / "devices" / f"{name}.yaml").read_text(encoding="utf-8"))
    shared = file["noise_profile"]
    qubits, couplers, durations = {}, {}, []
    for row in file["qubit_calibration"]:
        readout, one_qubit = float(row["readout_error"]), float(row["one_qubit_error"])
        if not row.get("dead") and max(readout, one_qubit) < DEAD_ERROR:
            qubits[row["qubit"]] = {
                "readout": readout,
                "one_qubit": one_qubit,
                "one_qubit_s": seconds(row.get("one_qubit_duration") or shared["one_qubit_duration"]),
                "decay_per_s": (1 / seconds(row["t1"]) + 1 / seconds(row["t2"])) / 2,
            }
    for row in file["couplers"]:
        error = float(row["two_qubit_error"])
        if not row.get("dead") and error < DEAD_ERROR:
            durations.append(seconds(row.get("two_qubit_duration") or shared["two_qubit_duration"]))
            couplers[frozenset(row["qubits"])] = error
    # The lower median over all live couplers, busy or not.
    layer_s = sorted(durations)[(len(durations) - 1) // 2]
    return {"name": name, "size": file["qubits"], "qubits": qubits, "couplers": couplers, "layer_s": layer_s}


def states(names, seed):
    """The free part of every device, empty and partly busy."""
    for name in names:
        device = load_device(name)
        chosen = random.Random(f"{name}/{seed}").sample(range(device["size"]), round(BUSY_SHARE * device["size"]))
        for busy in ([], sorted(chosen)):
            qubits = {qubit: figures for qubit, figures in device["qubits"].items() if qubit not in busy}
            couplers = {pair: error for pair, error in device["couplers"].items() if pair <= set(qubits)}
            yield {**device, "busy": busy, "qubits": qubits, "couplers": couplers}


def with_counts(name, options, depth, one_qubit, edges, measured):
    """A program: its layers, one-qubit gates of each qubit, (a, b, two-qubit gates) of each edge, measured qubits."""
    two_qubit = [sum(gates for a, b, gates in edges if v in (a, b)) for v in range(len(one_qubit))]
    return {
        "name": name,
        "options": options,
        "depth": depth,
        "one_qubit": one_qubit,
        "two_qubit": two_qubit,
        "edges": edges,
        "measured": set(measured),
    }


def shape_edges(kind, size):
    return {
        "line": [(v - 1, v) for v in range(1, size)],
        "ring": [(v - 1, v) for v in range(1, size)] + [(0, size - 1)],
        "star": [(0, v) for v in range(1, size)],
        "tree": [((v - 1) // 2, v) for v in range(1, size)],
        "heavy_hex": [edge for edge in HEAVY_HEX if max(edge) < size],
    }[kind]


def shape(pattern, depth):
    """A shape with the counts that are assumed for it.

    Half of the layers hold a one-qubit gate on every qubit. In the other half the edges take turns, as many as the
    qubit with most partners needs.
    """
    kind, size = pattern.split(":")
    edges = shape_edges(kind, int(size))
    turns = max(Counter(v for edge in edges for v in edge).values())
    counted = [(a, b, Fraction(depth, 2 * turns)) for a, b in edges]
    one_qubit = [Fraction(depth, 2)] * int(size)
    options = ["--pattern", pattern, "--depth", str(depth)]
    return with_counts(f"{pattern}, {depth} layers", options, depth, one_qubit, counted, range(int(size)))


def circuit(rmsim, reference):
    """One of our generated circuits."""
    told = json.loads(subprocess.check_output([rmsim, "circuit", "show", reference, "--json"]))
    if told["shape"]["alone"] > 1:
        sys.exit(f"error: {reference}: Qiskit does not search where several qubits have no two-qubit gates")
    options = ["--circuit", reference]
    return with_counts(
        reference, options, told["depth"], told["one_qubit_gates"], told["interactions"], told["measured"]
    )


def decay(program, device, v, qubit):
    """How much virtual qubit v decays on a physical one while it waits, nats."""
    figures = device["qubits"][qubit]
    free_s = float(program["depth"] - program["two_qubit"][v]) * device["layer_s"]
    idle_s = free_s - float(program["one_qubit"][v]) * figures["one_qubit_s"]
    return max(idle_s, 0.0) * figures["decay_per_s"]


def success(program, device, layout):
    """The success that the model predicts for a layout; fails when the layout is not legal."""
    if layout is None:
        return None
    assert len(layout) == len(set(layout)) == len(program["one_qubit"]), f"not a qubit for each: {layout}"
    assert set(layout) <= set(device["qubits"]), f"not free, or dead: {layout}"
    log = 0.0
    for a, b, gates in program["edges"]:
        error = device["couplers"].get(frozenset((layout[a], layout[b])))
        assert error is not None, f"no live coupler between {layout[a]} and {layout[b]}"
        log += float(gates) * math.log1p(-error)
    for v, qubit in enumerate(layout):
        figures = device["qubits"][qubit]
        log += float(program["one_qubit"][v]) * math.log1p(-figures["one_qubit"])
        if v in program["measured"]:
            log += math.log1p(-figures["readout"])
        log -= decay(program, device, v, qubit)
    return math.exp(log)


def command(rmsim, program, device):
    """What places a program on our side."""
    busy = ["--busy", ",".join(map(str, device["busy"]))] if device["busy"] else []
    return [str(rmsim), "place", "--device", device["name"], *program["options"], *busy, "--json"]


def ours(rmsim, program, device):
    told = json.loads(subprocess.check_output(command(rmsim, program, device)))
    if told["placed_for_depth"] not in (None, program["depth"]):
        sys.exit("error: depths of shapes must be powers of two")
    return {"outcome": told["outcome"], "layout": told["layout"] or None, "predicted": told["fidelity_predicted"]}


def waits(program):
    """The operation that stands for the waiting of each virtual qubit; those that wait alike have the same."""
    kinds = list(zip(program["one_qubit"], program["two_qubit"]))
    order = list(dict.fromkeys(kinds))
    return [f"wait_{order.index(kind)}" for kind in kinds]


def as_target(program, device, number, with_decay):
    """The free part of a device with the exact error of every operation; `number`: Qiskit's number of each qubit."""
    from qiskit.circuit import Gate, Measure
    from qiskit.circuit.library import CZGate, SXGate
    from qiskit.transpiler import InstructionProperties, Target

    target = Target(num_qubits=len(number))

    def add(operation, errors):
        target.add_instruction(operation, {on: InstructionProperties(error=error) for on, error in errors.items()})

    pairs = [(*pair, error) for pair, error in device["couplers"].items()]
    add(CZGate(), {(number[x], number[y]): error for a, b, error in pairs for x, y in ((a, b), (b, a))})
    for operation, figure in ((SXGate(), "one_qubit"), (Measure(), "readout")):
        add(operation, {(index,): device["qubits"][qubit][figure] for qubit, index in number.items()})
    if with_decay:
        for wait, v in {wait: v for v, wait in enumerate(waits(program))}.items():
            lost = {(index,): -math.expm1(-decay(program, device, v, qubit)) for qubit, index in number.items()}
            add(Gate(wait, 1, []), lost)
    return target


def as_dag(program, with_decay):
    """A circuit with the counts of a program; where some are fractions, all are multiplied by what makes them whole."""
    from qiskit import QuantumCircuit
    from qiskit.circuit import Gate
    from qiskit.converters import circuit_to_dag

    size = len(program["one_qubit"])
    counts = [*program["one_qubit"], *(gates for *_, gates in program["edges"])]
    times = math.lcm(*(Fraction(count).denominator for count in counts))
    made = QuantumCircuit(size, size)
    for a, b, gates in program["edges"]:
        for _ in range(int(gates * times)):
            made.cz(a, b)
    for v, wait in enumerate(waits(program)):
        for _ in range(int(program["one_qubit"][v] * times)):
            made.sx(v)
        for _ in range(times):
            if with_decay:
                made.append(Gate(wait, 1, []), [v])
            if v in program["measured"]:
                made.measure(v, v)
    return circuit_to_dag(made)


def search(program, device, with_decay):
    """The layout of the least sum of errors, by the function behind Qiskit's pass VF2PostLayout; `None`: there is none.

    No limit of calls, time or trials, no shuffling, no layout to begin with.
    """
    from qiskit._accelerate.vf2_layout import VF2PassConfiguration, vf2_layout_pass_exact

    order = sorted(device["qubits"])
    target = as_target(program, device, {qubit: index for index, qubit in enumerate(order)}, with_decay)
    unbounded = VF2PassConfiguration(call_limit=(None, None), time_limit=None, max_trials=0, shuffle_seed=None)
    mapping = vf2_layout_pass_exact(as_dag(program, with_decay), target, unbounded).new_mapping()
    return mapping and [order[mapping[v]] for v in range(len(program["one_qubit"]))]


def send_search(sender, cap_s, *what):
    """Runs in a process of its own: the search cannot be stopped from Python, but by the kernel."""
    resource.setrlimit(resource.RLIMIT_CPU, (cap_s, resource.RLIM_INFINITY))
    sender.send(search(*what))


def qiskit(cap_s, *what):
    """Qiskit's answer, or that its search was ended by the cap of CPU time."""
    fork = multiprocessing.get_context("fork")
    receiver, sender = fork.Pipe(duplex=False)
    process = fork.Process(target=send_search, args=(sender, cap_s, *what))
    process.start()
    sender.close()
    try:
        layout = receiver.recv()
        outcome = "optimal" if layout else "proved_infeasible"
    except EOFError:
        layout, outcome = None, "capped"
    process.join()
    if process.exitcode not in (0, -signal.SIGXCPU):
        sys.exit(f"error: the search of Qiskit ended with {process.exitcode}")
    return {"outcome": outcome, "layout": layout}


def judged(mine, theirs):
    """What the success of ours is against theirs."""
    without = [side["outcome"] for side in (mine, theirs) if side["success"] is None]
    if any(outcome not in PROVED for outcome in without):
        return "unanswered"
    if without:
        return "no placement" if len(without) == 2 else "contradiction"
    ratio = mine["success"] / theirs["success"]
    return "equal" if abs(ratio - 1) <= EQUAL else "higher" if ratio > 1 else "lower"


def faults(row, mine):
    """What must not be, of one case."""
    if mine["success"] is not None and abs(mine["success"] / mine["predicted"] - 1) > TOLERANCE:
        yield f"the prediction {mine['predicted']} is not that of the model, {mine['success']}"
    for side in VARIANTS:
        verdict = row[f"against_{side}"]
        if verdict == "contradiction" or (verdict == "lower" and mine["outcome"] == "optimal"):
            yield f"{verdict}: ours {row['ours']} ({mine['outcome']}), {side} {row[side]}"


def as_text(layout):
    return " ".join(f"{v}:{q}" for v, q in enumerate(layout or []))


def case(args, program, device):
    """One line of the table, and what is wrong with it."""
    mine = ours(args.rmsim, program, device)
    mine["success"] = success(program, device, mine["layout"])
    row = {
        "device": device["name"],
        "busy": len(device["busy"]),
        "program": program["name"],
        "outcome": mine["outcome"],
        "ours": mine["success"],
    }
    layouts = {"ours_layout": as_text(mine["layout"])}
    for side, with_decay in VARIANTS.items():
        theirs = qiskit(args.cap, program, device, with_decay)
        theirs["success"] = success(program, device, theirs["layout"])
        both = mine["success"] is not None and theirs["success"] is not None
        row[side] = theirs["success"]
        row[f"against_{side}"] = judged(mine, theirs)
        row[f"ratio_to_{side}"] = mine["success"] / theirs["success"] if both else None
        layouts[f"{side}_layout"] = as_text(theirs["layout"])
    return row | layouts, list(faults(row, mine))


def summary(name, rows, side):
    """One line for a device, or for all."""
    verdicts = Counter(row[f"against_{side}"] for row in rows)
    ratios = [row[f"ratio_to_{side}"] for row in rows if row[f"ratio_to_{side}"] is not None]
    return {
        "device": name,
        "against": side,
        "cases": len(rows),
        "not_proved": sum(row["outcome"] not in PROVED for row in rows),
        **{verdict: verdicts[verdict] for verdict in ("no placement", "higher", "equal", "lower", "unanswered")},
        "mean_ratio": geometric_mean(ratios),
        "largest_ratio": max(ratios, default=math.nan),
    }


def summaries(rows):
    names = list(dict.fromkeys(row["device"] for row in rows))
    for side in VARIANTS:
        yield from (summary(name, [row for row in rows if row["device"] == name], side) for name in names)
        yield summary("all", rows, side)


def cell(value):
    missing = value is None or isinstance(value, float) and math.isnan(value)
    return "-" if missing else f"{value:.6g}" if isinstance(value, float) else str(value)


def table(rows):
    columns = [column for column in rows[0] if not column.endswith("layout")]
    lines = ["| " + " | ".join(column.replace("_", " ") for column in columns) + " |"]
    lines.append("|---|" + "---:|" * (len(columns) - 1))
    return lines + ["| " + " | ".join(cell(row[column]) for column in columns) + " |" for row in rows]


def note(args):
    from importlib.metadata import version

    return (
        f"Ratios of success as predicted by the full model: ours against Qiskit {version('qiskit')}, exact VF2 scoring "
        f"without limits, ended after {args.cap} s of CPU time per search. Equal: within {EQUAL:g}. Means are "
        "geometric, over cases that both place. Where Qiskit is not told of decay, it minimises another sum than ours."
    )


def cases(args):
    """All lines, each written when it exists, and what is wrong."""
    programs = [circuit(args.rmsim, reference) for reference in args.circuits]
    programs += [shape(pattern, depth) for pattern in args.shapes for depth in args.depths]
    rows, wrong = [], []
    with (args.out / "success.csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        for device in states(args.devices, args.seed):
            for program in programs:
                row, found = case(args, program, device)
                if not rows:
                    writer.writerow(row)
                writer.writerow("" if value is None else value for value in row.values())
                text.flush()
                rows.append(row)
                again = " ".join(command("rmsim", program, device))
                wrong += [f"{fault}: `{again}`" for fault in found]
                if sys.stderr.isatty():
                    print(f"\r{len(rows)} cases", end="", file=sys.stderr)
    return rows, wrong


def main():
    args = arguments()
    environment.enter(args.environment, REQUIREMENTS)
    # Loaded once, before the processes of the searches part from this one, which must have one thread then.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import qiskit.transpiler  # noqa: F401

    args.rmsim = built(args.rmsim)
    args.out.mkdir(parents=True, exist_ok=True)
    rows, wrong = cases(args)
    head = ["# Predicted success of placements", "", note(args), "", *table(list(summaries(rows))), ""]
    head += [f"- {fault}" for fault in wrong or ["No prediction differs from the model, and nothing proved is lower."]]
    (args.out / "success.md").write_text("\n".join([*head, "", *table(rows), ""]), encoding="utf-8")
    print("\n".join(head))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
