"""An upper bound on the qubits that any packing holds, for packing.py: an integer program and its proof.

Jobs keep a buffer, so that no coupler leads from one to another. Let H be the held qubits of a device. Every coupler
inside H is inside one job, and so the sums over jobs of four numbers are what H shows: qubits, couplers inside, and the
qubits of either colour (all devices here have two colours; every coupler leads from one to the other). The program has a
variable for every qubit (held or not), one for every coupler (inside H), and the number of jobs of each kind on each
device. It demands the four sums and forgets where each job is. What a job can show at most:

- A connected set of m qubits with r independent cycles has m - 1 + r couplers inside; p pieces have m - p + r.
- Heavy-hex lattice, colours A (at most two couplers) and B (at most three): m - p + r couplers need (m - p + r) / 3
  qubits of B and (m - p + r) / 2 of A at least. r cycles need 2 r + 1 + ceil(sqrt(12 r - 3)) qubits of B and
  3 r + ceil(sqrt(12 r - 3)) of A, for the B qubits form a honeycomb, of which r cells have no fewer corners and edges
  (Harary and Harborth 1976).
- Square lattice: at most 2 m - 2 sqrt(m) couplers inside (the same), at least (m - p) / 4 qubits of each colour.
- A line alternates between the colours, a heavy-hex patch has the two sides of its pattern. On a heavy-hex lattice a
  qubit with three partners is in B.
"""

import math
from collections import Counter, defaultdict

import highspy
import numpy as np


def corners(cells):
    """Fewest qubits of B and of A around so many cells."""
    root = math.ceil(math.sqrt(12 * cells - 3)) if cells else 0
    return (2 * cells + 1 + root, 3 * cells + root) if cells else (0, 0)


def sides(size, edges):
    """Number of vertices on both sides of a connected pattern, and the sides with vertices of three partners."""
    near, side, stack = defaultdict(list), {0: 0}, [0]
    for a, b in edges:
        near[a].append(b)
        near[b].append(a)
    while stack:
        v = stack.pop()
        for other in near[v]:
            if other not in side:
                side[other] = 1 - side[v]
                stack.append(other)
    assert len(side) == size
    count = Counter(side.values())
    return (count[0], count[1]), {side[v] for v in near if len(near[v]) >= 3}


def shows(device, topology, k, copies, pattern):
    """What a job of copies of k qubits can show: couplers inside at most, qubits of colour A and of B at most."""
    m, answers = k * copies, set()
    for pieces in range(1, copies + 1):
        cycles = 0
        while True:
            if device.heavy_hex:
                least_b, least_a = corners(cycles)
                if least_a + least_b > m:
                    break
                inside = m - pieces + cycles
                least = [max(least_a, -(-inside // 2)), max(least_b, -(-inside // 3))]
            else:
                inside = 2 * m - math.isqrt(4 * m - 1) - 1
                least = [-(-(m - pieces) // 4)] * 2
            if topology == "line":
                least = [max(number, copies * (k // 2)) for number in least]
            if topology == "heavy_hex" and k > 1:
                count, three = sides(k, pattern(k))
                own = (min(count), min(count))
                if device.heavy_hex and len(three) == 1:
                    (b,) = three
                    own = (count[1 - b], count[b])
                least = [max(number, copies * side) for number, side in zip(least, own)]
            if sum(least) <= m:
                answers.add((inside, m - least[1], m - least[0]))
            cycles += 1
            if not device.heavy_hex:
                break
    return sorted(answers)


def upper_bound(devices, running, waiting, keep, seconds, pattern):
    """No packing of these jobs holds more qubits. With `keep`: none in which all that run are placed."""
    key = lambda job: (job.topology, job.qubits, job.copies)
    needed = Counter(map(key, running))
    offered = needed + Counter(map(key, waiting))
    program, uses = Program(), defaultdict(list)
    for device in devices:
        held = [program.variable(0, v not in device.dead, 1, whole=True) for v in range(device.size)]
        qubits, inside = dict.fromkeys(held, 1), {}
        colours = [{held[v]: 1 for v in range(device.size) if device.colour[v] == colour} for colour in (0, 1)]
        for a, b in device.couplers:
            coupler = program.variable(0, 1, 0)
            inside[coupler] = 1
            program.row(-1, math.inf, {coupler: 1, held[a]: -1, held[b]: -1})
        for kind, count in offered.items():
            m = kind[1] * kind[2]
            for couplers, most_a, most_b in shows(device, *kind, pattern) if m <= device.size else ():
                jobs = program.variable(0, count, 0, whole=True)
                uses[kind].append(jobs)
                qubits[jobs], inside[jobs], colours[0][jobs], colours[1][jobs] = -m, -couplers, -most_a, -most_b
        program.row(0, 0, qubits)
        for sums in (inside, *colours):
            program.row(-math.inf, 0, sums)
    for kind, count in offered.items():
        program.row(needed[kind] if keep else 0, count, dict.fromkeys(uses[kind], 1))
    return program.maximum(seconds)


class Program:
    """An integer program to be maximised."""

    def __init__(self):
        self.low, self.high, self.cost, self.whole, self.rows = [], [], [], [], []

    def variable(self, low, high, cost, whole=False):
        for values, value in ((self.low, low), (self.high, high), (self.cost, cost), (self.whole, whole)):
            values.append(value)
        return len(self.low) - 1

    def row(self, low, high, terms):
        self.rows.append((low, high, terms))

    def maximum(self, seconds):
        """The proved bound on the maximum after at most so many seconds, rounded down."""
        solver, count = highspy.Highs(), len(self.low)
        # One heuristic, which no bound needs, does not keep to the time limit.
        options = {"output_flag": False, "threads": 1, "time_limit": float(seconds)}
        options["mip_heuristic_run_feasibility_jump"] = False
        for option, value in options.items():
            solver.setOptionValue(option, value)
        solver.addVars(count, np.array(self.low, float), np.array(self.high, float))
        every = np.arange(count, dtype=np.int32)
        solver.changeColsCost(count, every, np.array(self.cost, float))
        solver.changeColsIntegrality(count, every, np.array(self.whole, np.uint8))
        solver.changeObjectiveSense(highspy.ObjSense.kMaximize)
        low, high, terms = zip(*self.rows)
        starts = np.cumsum([0, *map(len, terms)][:-1]).astype(np.int32)
        index = np.array([variable for row in terms for variable in row], np.int32)
        value = np.array([factor for row in terms for factor in row.values()], float)
        solver.addRows(len(terms), np.array(low, float), np.array(high, float), len(index), starts, index, value)
        solver.run()
        return math.floor(solver.getInfo().mip_dual_bound + 1e-6)
