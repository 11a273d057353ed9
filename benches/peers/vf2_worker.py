"""Places instances with the VF2 layout pass of Qiskit, one per line of standard input, until it has the best.

Reads {"file": ..., "cap_s": ..., "repeat": ..., "sequential": ...} first, then indices of instances; answers one JSON
line each. With `sequential` the connected components of a pattern are jobs that are placed one by one, largest first,
each on what those before it have left. The process ends when one instance takes more than the cap of CPU time: the
caller starts another and goes on.
"""

import gc
import json
import math
import os
import resource
import sys
import time

# The pass sorts with rayon; one thread, as for the other side. Must be set before Qiskit is loaded.
os.environ["RAYON_NUM_THREADS"] = "1"

from qiskit import QuantumCircuit
from qiskit._accelerate.error_map import ErrorMap
from qiskit._accelerate.vf2_layout import VF2PassConfiguration, vf2_layout_pass_average
from qiskit.circuit import Measure
from qiskit.circuit.library import CZGate
from qiskit.converters import circuit_to_dag
from qiskit.transpiler import Target

DEAD_ERROR = 0.5

# No limit of calls, time or trials, no shuffling: the search ends when nothing is left that could be better.
UNBOUNDED = VF2PassConfiguration(call_limit=(None, None), time_limit=None, max_trials=0, shuffle_seed=None)


def program(graph):
    """The circuit of a pattern: as many two-qubit gates as the weight of each edge, and one readout per qubit.

    The pass sums (number of gates) x -ln(1 - error) over couplers and (number of one-qubit operations) x
    -ln(1 - error) over qubits, so that this circuit has the score of the instance.
    """
    circuit = QuantumCircuit(graph["n"], graph["n"])
    for a, b, weight in graph["edges"]:
        for _ in range(weight):
            circuit.cz(a, b)
    circuit.measure(range(graph["n"]), range(graph["n"]))
    return circuit_to_dag(circuit)


def usable(device, free):
    """Free live qubits, ascending, and the live couplers between them in their new numbers, with errors."""
    qubits = [q for q in sorted(free) if device["readout"][q] < DEAD_ERROR]
    number = {qubit: index for index, qubit in enumerate(qubits)}
    couplers = [
        (number[a], number[b], error)
        for a, b, error in device["edges"]
        if error < DEAD_ERROR and a in number and b in number
    ]
    return qubits, couplers


def rebuild(device, qubits, couplers):
    """What Qiskit needs anew for every set of free qubits."""
    target = Target(num_qubits=len(qubits))
    target.add_instruction(CZGate(), {(a, b): None for a, b, _ in couplers})
    target.add_instruction(Measure(), {(q,): None for q in range(len(qubits))})
    errors = {(a, b): error for a, b, error in couplers}
    errors.update({(index, index): device["readout"][qubit] for index, qubit in enumerate(qubits)})
    return target, ErrorMap.from_dict(errors)


def timed(work):
    """The result and the CPU time of this thread, in microseconds.

    The pass searches in the thread that calls it. A final sort of the free qubits runs in a thread of rayon's and is
    not counted, in favour of Qiskit; the clock of the whole process ticks in milliseconds on some systems.
    """
    start = time.thread_time_ns()
    result = work()
    return result, (time.thread_time_ns() - start) / 1e3


def components(graph):
    """The connected components of a pattern, largest first, and the vertex of each of their vertices."""
    part_of = list(range(graph["n"]))
    for _ in range(graph["n"]):
        for a, b, _ in graph["edges"]:
            part_of[a] = part_of[b] = min(part_of[a], part_of[b])
    parts = [[v for v in range(graph["n"]) if part_of[v] == part] for part in sorted(set(part_of))]
    for vertices in sorted(parts, key=len, reverse=True):
        number = {vertex: index for index, vertex in enumerate(vertices)}
        edges = [[number[a], number[b], weight] for a, b, weight in graph["edges"] if a in number]
        yield {"n": len(vertices), "edges": edges}, vertices


def place(file, instance, repeat):
    device, graph = file["devices"][instance["device"]], file["patterns"][instance["pattern"]]
    free = file["free"][f"{instance['device']}/{instance['busy']}"]
    return place_on(device, graph, free, repeat)


def place_in_turn(file, instance, repeat):
    device, graph = file["devices"][instance["device"]], file["patterns"][instance["pattern"]]
    free = set(file["free"][f"{instance['device']}/{instance['busy']}"])
    layout = [None] * graph["n"]
    us = rebuild_us = 0.0
    for part, vertices in components(graph):
        answer = place_on(device, part, free, repeat)
        us += answer["us"]
        rebuild_us += answer["rebuild_us"]
        if answer["layout"] is None:
            return {"outcome": "stuck", "us": us, "rebuild_us": rebuild_us, "layout": None}
        for vertex, qubit in zip(vertices, answer["layout"]):
            layout[vertex] = qubit
        free -= set(answer["layout"])
    return {"outcome": "sequential", "us": us, "rebuild_us": rebuild_us, "layout": layout}


def place_on(device, graph, free, repeat):
    dag = program(graph)
    qubits, couplers = usable(device, free)
    if not qubits:
        return {"outcome": "proved_infeasible", "us": 0.0, "rebuild_us": 0.0, "layout": None}
    best = rebuild_us = math.inf
    for _ in range(repeat):
        (target, errors), took = timed(lambda: rebuild(device, qubits, couplers))
        rebuild_us = min(rebuild_us, took)
        found, took = timed(
            lambda: vf2_layout_pass_average(
                dag, target, UNBOUNDED, strict_direction=False, avg_error_map=errors
            )
        )
        best = min(best, took)
        if took > 1e6:
            break
    mapping = found.new_mapping()
    layout = None
    if mapping is not None:
        layout = [qubits[mapping[v]] for v in range(graph["n"])]
    outcome = "optimal" if layout else "proved_infeasible"
    return {"outcome": outcome, "us": best, "rebuild_us": rebuild_us, "layout": layout}


def main():
    head = json.loads(sys.stdin.readline())
    with open(head["file"], encoding="utf-8") as text:
        file = json.load(text)
    answer_to = place_in_turn if head.get("sequential") else place
    gc.disable()
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        index = int(line)
        # The search cannot be stopped from Python; the kernel can, by CPU time.
        used = math.ceil(time.process_time())
        resource.setrlimit(resource.RLIMIT_CPU, (used + head["cap_s"], resource.RLIM_INFINITY))
        answer = answer_to(file, file["instances"][index], head["repeat"])
        gc.collect()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
