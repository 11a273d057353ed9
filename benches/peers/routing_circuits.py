"""The circuits of the routing comparison: ten families, 4 to 20 qubits, in the basis of cx and one-qubit gates.

Promises the same circuits for the same version of Qiskit: every random choice has a seed. Leaves devices and
routers to routing.py.
"""

import random

from qiskit import QuantumCircuit, transpile
from qiskit.circuit.library import QFTGate, quantum_volume


def ghz_star(n):
    circuit = QuantumCircuit(n)
    circuit.h(0)
    for q in range(1, n):
        circuit.cx(0, q)
    return circuit


def swap_test(pairs):
    circuit = QuantumCircuit(2 * pairs + 1)
    circuit.h(0)
    for pair in range(pairs):
        circuit.cswap(0, 1 + 2 * pair, 2 + 2 * pair)
    circuit.h(0)
    return circuit


def qft(n):
    circuit = QuantumCircuit(n)
    circuit.append(QFTGate(n), range(n))
    return circuit


def qaoa(n, edges, layers):
    circuit = QuantumCircuit(n)
    circuit.h(range(n))
    for layer in range(layers):
        for a, b in edges:
            circuit.rzz(0.3 + 0.1 * layer, a, b)
        circuit.rx(0.7, range(n))
    return circuit


def qaoa_regular(n, layers=2):
    import networkx

    return qaoa(n, list(networkx.random_regular_graph(3, n, seed=n).edges), layers)


def qaoa_dense(n, layers=1):
    import networkx

    return qaoa(n, list(networkx.gnp_random_graph(n, 0.5, seed=n).edges), layers)


def vqe_full(n, layers=2):
    circuit = QuantumCircuit(n)
    for layer in range(layers):
        for q in range(n):
            circuit.ry(0.1 * (layer + 1) + 0.01 * q, q)
        for a in range(n):
            for b in range(a + 1, n):
                circuit.cx(a, b)
    return circuit


def adder(bits):
    """The ripple-carry adder of Cuccaro, Draper, Kutin and Moulton (arXiv:quant-ph/0410184) on 2 bits + 2 qubits."""
    circuit = QuantumCircuit(2 * bits + 2)
    carry, high = 0, 2 * bits + 1
    a = [1 + 2 * bit for bit in range(bits)]
    b = [2 + 2 * bit for bit in range(bits)]

    def majority(x, y, z):
        circuit.cx(z, y)
        circuit.cx(z, x)
        circuit.ccx(x, y, z)

    def undo(x, y, z):
        circuit.ccx(x, y, z)
        circuit.cx(z, x)
        circuit.cx(x, y)

    chain = [carry, *a]
    for bit in range(bits):
        majority(chain[bit], b[bit], chain[bit + 1])
    circuit.cx(a[-1], high)
    for bit in reversed(range(bits)):
        undo(chain[bit], b[bit], chain[bit + 1])
    return circuit


def volume(n):
    return quantum_volume(n, n, seed=n)


def random_pairs(n, gates_per_qubit=4):
    draw = random.Random(n)
    circuit = QuantumCircuit(n)
    for _ in range(gates_per_qubit * n):
        a, b = draw.sample(range(n), 2)
        circuit.rx(0.3, a)
        circuit.cx(a, b)
    return circuit


def ising(rows, columns, steps=3):
    circuit = QuantumCircuit(rows * columns)
    for _ in range(steps):
        for v in range(rows * columns):
            if v % columns + 1 < columns:
                circuit.rzz(0.2, v, v + 1)
            if v // columns + 1 < rows:
                circuit.rzz(0.2, v, v + columns)
        circuit.rx(0.4, range(rows * columns))
    return circuit


FAMILIES = {
    "ghz_star": (ghz_star, [(5,), (7,), (9,), (12,), (16,), (20,)]),
    "swap_test": (swap_test, [(2,), (4,), (6,), (9,)]),
    "qft": (qft, [(4,), (5,), (6,), (8,), (10,), (12,), (16,), (20,)]),
    "qaoa_regular": (qaoa_regular, [(6,), (8,), (10,), (14,), (18,), (20,)]),
    "qaoa_dense": (qaoa_dense, [(5,), (7,), (9,), (12,), (16,), (20,)]),
    "vqe_full": (vqe_full, [(4,), (6,), (8,), (10,), (13,), (17,)]),
    "adder": (adder, [(1,), (2,), (4,), (6,), (9,)]),
    "volume": (volume, [(4,), (6,), (8,), (11,), (15,), (20,)]),
    "random_pairs": (random_pairs, [(5,), (8,), (11,), (15,), (20,)]),
    "ising": (ising, [(2, 3), (2, 5), (3, 3), (3, 4), (4, 4), (4, 5)]),
}


def circuits():
    """All circuits as (name, circuit of cx and one-qubit gates)."""
    for family, (build, sizes) in FAMILIES.items():
        for size in sizes:
            circuit = transpile(
                build(*size), basis_gates=["cx", "rz", "sx", "x"], optimization_level=1, seed_transpiler=1
            )
            yield family + "_" + "x".join(map(str, size)), circuit


def interactions(circuit):
    """The interaction graph as a sorted list of (lower, higher, two-qubit gates)."""
    count = {}
    for gate in circuit.data:
        if gate.operation.num_qubits == 2:
            pair = tuple(sorted(circuit.find_bit(q).index for q in gate.qubits))
            count[pair] = count.get(pair, 0) + 1
    return sorted((a, b, w) for (a, b), w in count.items())
