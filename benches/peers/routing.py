"""Checks the estimates for programs that need routing against a real router: Qiskit SABRE.

    python3 benches/peers/routing.py [--out DIR] [--whole-device]

Makes its own environment (.venv-routing beside this file, versions pinned below) at the first call. Places every
circuit with strategy `region` through the example `route_estimates`, routes it with SABRE inside the region that came
out, once with a layout of SABRE's own and once from the layout of the placement (and on the whole device with
--whole-device, which takes far longer), and compares numbers of SWAPs and success probabilities. Every other circuit
was used to fit the factor of the estimate. Writes routing.csv, routing.json and routing.png.
"""

import argparse
import csv
import io
import json
import math
import pathlib
import subprocess

import environment
from environment import HERE, ROOT

PINNED = ["qiskit==2.2.3", "numpy==2.4.6", "scipy==1.17.1", "networkx==3.6.1", "matplotlib==3.11.2", "pyyaml==6.0.3"]
DEVICES = ["ibm_fez", "ibm_brisbane", "ibm_berlin"]
SEED = 1


def load_device(name):
    """Couplers with -ln of the success of a gate, and the same for the readout of qubits; dead ones left out."""
    import yaml

    with open(ROOT / "devices" / f"{name}.yaml") as file:
        device = yaml.safe_load(file)
    error = lambda entry, key: float(entry.get(key, 1.0))
    qubits = {
        entry["qubit"]: -math.log1p(-error(entry, "readout_error"))
        for entry in device["qubit_calibration"]
        if error(entry, "readout_error") < 0.5 and not entry.get("dead")
    }
    couplers = {}
    for entry in device["couplers"]:
        a, b = sorted(entry["qubits"])
        if error(entry, "two_qubit_error") < 0.5 and not entry.get("dead") and a in qubits and b in qubits:
            couplers[a, b] = -math.log1p(-error(entry, "two_qubit_error"))
    return {"name": name, "qubits": qubits, "couplers": couplers}


def ask_for_regions(programs, strategy, program):
    text = json.dumps({"strategy": strategy, "programs": programs})
    command = [program] if program else ["cargo", "run", "--quiet", "--release", "--example", "route_estimates"]
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT)
    return {row["id"]: row for row in csv.DictReader(io.StringIO(answer.stdout))}


def swaps_of(circuit):
    return circuit.count_ops().get("swap", 0)


def cost_of(circuit, qubit_of, device):
    """-ln of the success of a routed circuit: its two-qubit gates, three for each SWAP, and all readouts."""
    total = sum(device["qubits"][qubit] for qubit in qubit_of)
    for gate in circuit.data:
        if gate.operation.num_qubits == 2:
            a, b = sorted(qubit_of[circuit.find_bit(q).index] for q in gate.qubits)
            total += device["couplers"][a, b] * (3 if gate.operation.name == "swap" else 1)
    return total


def route(circuit, couplers, qubits, layout=None):
    """Routes with SABRE over couplers between 0..qubits, as the presets of Qiskit at level 3 would."""
    from qiskit.transpiler import CouplingMap, Layout, PassManager
    from qiskit.transpiler.passes import ApplyLayout, SabreLayout, SabreSwap, SetLayout

    coupling = CouplingMap()
    for qubit in range(qubits):
        coupling.add_physical_qubit(qubit)
    for a, b in couplers:
        coupling.add_edge(a, b)
        coupling.add_edge(b, a)
    if layout is None:
        passes = [SabreLayout(coupling, seed=SEED, max_iterations=4, swap_trials=20, layout_trials=20)]
    else:
        given = Layout({circuit.qubits[v]: position for v, position in enumerate(layout)})
        passes = [SetLayout(given), ApplyLayout(), SabreSwap(coupling, heuristic="decay", seed=SEED, trials=20)]
    return PassManager(passes).run(circuit)


def measure(name, circuit, device, row, whole_device):
    """One line of the table."""
    layout = [int(qubit) for qubit in row["layout"].split()]
    region = sorted(layout)
    position = {qubit: index for index, qubit in enumerate(region)}
    inside = [(position[a], position[b]) for a, b in device["couplers"] if a in position and b in position]
    free = route(circuit, inside, len(region))
    given = route(circuit, inside, len(region), [position[qubit] for qubit in layout])
    alive = sorted(device["qubits"])
    number = {qubit: index for index, qubit in enumerate(alive)}
    whole = None
    if whole_device:
        whole = route(circuit, [(number[a], number[b]) for a, b in device["couplers"]], len(alive))
    two_qubit = lambda instruction: instruction.operation.num_qubits == 2
    return {
        "circuit": name,
        "device": device["name"],
        "qubits": circuit.num_qubits,
        "two_qubit_gates": sum(w for _, _, w in interactions(circuit)),
        "estimate": int(row["swaps"]),
        "sabre_in_region": swaps_of(free),
        "sabre_from_layout": swaps_of(given),
        "sabre_on_device": "" if whole is None else swaps_of(whole),
        "cost_estimate": float(row["cost"]),
        "cost_in_region": cost_of(free, region, device),
        "cost_from_layout": cost_of(given, region, device),
        "depth": circuit.depth(two_qubit),
        "depth_in_region": free.depth(two_qubit),
        "steps": int(row["steps"]),
    }


def figures(rows):
    """How well an estimate does: rank correlation, geometric mean and spread of (estimate + 1) / (SABRE + 1)."""
    import numpy
    from scipy.stats import spearmanr

    out = {"circuits": len({row["circuit"] for row in rows}), "instances": len(rows)}
    for ours, theirs in [
        ("estimate", "sabre_in_region"),
        ("estimate", "sabre_from_layout"),
        ("estimate", "sabre_on_device"),
        ("cost_estimate", "cost_in_region"),
        ("cost_estimate", "cost_from_layout"),
    ]:
        if rows[0][theirs] == "":
            continue
        x = numpy.array([row[ours] for row in rows], float)
        y = numpy.array([row[theirs] for row in rows], float)
        one = 1.0 if ours == "estimate" else 0.0
        ratio = numpy.log((x + one) / (y + one))
        out[theirs] = {
            "spearman": round(float(spearmanr(x, y)[0]), 3),
            "bias": round(float(numpy.exp(ratio.mean())), 3),
            "spread": round(float(numpy.exp(ratio.std())), 3),
        }
    return out


def plot(rows, path):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, (left, right) = plt.subplots(1, 2, figsize=(12.5, 5.6), layout="constrained")
    families = sorted({row["circuit"].rsplit("_", 1)[0] for row in rows})
    for index, family in enumerate(families):
        for device, marker in zip(DEVICES, "osx"):
            own = [r for r in rows if r["circuit"].rsplit("_", 1)[0] == family and r["device"] == device]
            label = family if device == DEVICES[0] else None
            style = {"color": f"C{index}", "marker": marker, "linestyle": "none", "markersize": 5, "label": label}
            left.plot([r["sabre_in_region"] + 1 for r in own], [r["estimate"] + 1 for r in own], **style)
            right.plot([r["cost_in_region"] for r in own], [r["cost_estimate"] for r in own], **style)
    for axes, title, unit in [
        (left, "SWAP gates + 1", ""),
        (right, "minus log of the success probability", ", nats"),
    ]:
        low, high = min(axes.get_xlim()[0], axes.get_ylim()[0]), max(axes.get_xlim()[1], axes.get_ylim()[1])
        axes.set(xscale="log", yscale="log", title=title, xlabel=f"Qiskit SABRE in the region{unit}")
        axes.set_ylabel(f"estimate{unit}")
        low = 0.9 if axes is left else 0.9 * min(min(r["cost_in_region"], r["cost_estimate"]) for r in rows)
        axes.plot([low, high], [low, high], color="black", linewidth=0.8)
        axes.plot([low, high], [2 * low, 2 * high], color="black", linewidth=0.5, linestyle=":")
        axes.plot([low, high], [low / 2, high / 2], color="black", linewidth=0.5, linestyle=":")
        axes.set_xlim(low, high)
        axes.set_ylim(low, high)
        axes.set_aspect("equal")
    figure.legend(*left.get_legend_handles_labels(), loc="outside right upper", fontsize="small")
    figure.suptitle("circles: fez, squares: brisbane, crosses: berlin; dotted: a factor of two", fontsize="small")
    figure.savefig(path, dpi=110)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=pathlib.Path, default=HERE, help="where the results go")
    parser.add_argument("--whole-device", action="store_true", help="let SABRE use the whole device, too")
    parser.add_argument("--program", help="the built example route_estimates; default: cargo builds it")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    devices = [load_device(name) for name in DEVICES]
    every = list(circuits())
    programs = [
        {
            "id": f"{name}@{device['name']}",
            "device": device["name"],
            "qubits": circuit.num_qubits,
            "edges": interactions(circuit),
        }
        for name, circuit in every
        for device in devices
    ]
    exact = ask_for_regions(programs, "noise_aware", options.program)
    regions = ask_for_regions(programs, "region", options.program)
    rows = []
    for number, (name, circuit) in enumerate(every):
        for device in devices:
            known = f"{name}@{device['name']}"
            # What embeds is never routed.
            if exact[known]["outcome"] == "placed":
                continue
            row = measure(name, circuit, device, regions[known], options.whole_device)
            row["half"] = "fitted" if number % 2 == 0 else "held_out"
            rows.append(row)
            print(*row.values(), sep=",", flush=True)
    with open(options.out / "routing.csv", "w", newline="") as file:
        table = csv.DictWriter(file, rows[0].keys(), lineterminator="\n")
        table.writeheader()
        table.writerows({key: f"{v:.6g}" if isinstance(v, float) else v for key, v in row.items()} for row in rows)
    report = {half: figures([row for row in rows if row["half"] == half]) for half in ("fitted", "held_out")}
    report["all"] = figures(rows)
    report["embedded"] = sum(row["outcome"] == "placed" for row in exact.values())
    fitted = [row for row in rows if row["half"] == "fitted"]
    log = [math.log((row["sabre_in_region"] + 1) / (row["estimate"] + 1)) for row in fitted]
    report["factor_that_would_remove_the_bias"] = round(1.5 * math.exp(sum(log) / len(log)), 3)
    (options.out / "routing.json").write_text(json.dumps(report, indent=2) + "\n")
    print(json.dumps(report, indent=2))
    plot(rows, options.out / "routing.png")


if __name__ == "__main__":
    environment.enter(HERE / ".venv-routing", PINNED)
    from routing_circuits import circuits, interactions

    main()
