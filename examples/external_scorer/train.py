"""Trains the network of this example on simulated outcomes and writes weights.json.

    rmsim run examples/external_scorer/training.yaml --out RUN --no-plots
    python3 examples/external_scorer/train.py RUN/jobs.csv

Needs numpy and pyyaml. Every completed job is an example: the qubits it held, and minus the logarithm of its true success
probability. The same input gives the same weights.
"""

import csv
import json
import pathlib
import sys

import numpy
import yaml

HERE = pathlib.Path(__file__).resolve().parent
DEVICE = HERE.parent.parent / "devices" / "ibm_brisbane.yaml"
UNITS = 8


def seconds(text):
    for unit, factor in [("us", 1e-6), ("ms", 1e-3), ("ns", 1e-9), ("s", 1.0)]:
        if str(text).endswith(unit):
            return float(str(text)[: -len(unit)]) * factor
    raise ValueError(text)


def qubits_of(intervals):
    for part in intervals.split():
        first, _, last = part.partition("-")
        yield from range(int(first), int(last or first) + 1)


def features(region, qubits, links):
    """As in src/network.rs: own figures, then what comes from the neighbours in the region."""
    rows = []
    for q in region:
        inside = [cost for other, cost in links[q] if other in region]
        figures = qubits[q]
        rows.append(
            [
                -100 * numpy.log1p(-figures["readout_error"]),
                100e-6 / seconds(figures["t1"]),
                100e-6 / seconds(figures["t2"]),
                len(links[q]) - len(inside),
                len(inside),
                sum(inside),
            ]
        )
    return numpy.array(rows)


def load(path):
    device = yaml.safe_load(DEVICE.read_text())
    qubits = {entry["qubit"]: entry for entry in device["qubit_calibration"]}
    links = {q: [] for q in qubits}
    for coupler in device["couplers"]:
        error = float(coupler.get("two_qubit_error", 1.0))
        if error < 0.5:
            a, b = coupler["qubits"]
            cost = -100 * numpy.log1p(-error)
            links[a].append((b, cost))
            links[b].append((a, cost))
    regions, losses = [], []
    with open(path, newline="") as file:
        for row in csv.DictReader(file):
            if row["fidelity_true"] and float(row["fidelity_true"]) > 0:
                regions.append(features(set(qubits_of(row["allocated_resources"])), qubits, links))
                losses.append(-numpy.log(float(row["fidelity_true"])))
    return regions, numpy.array(losses)


def train(regions, losses, rounds=3000, rate=0.01):
    """Full-batch Adam on the squared error of the sum over qubits."""
    draw = numpy.random.default_rng(1)
    every = numpy.concatenate(regions)
    owner = numpy.repeat(numpy.arange(len(regions)), [len(r) for r in regions])
    weights = [
        draw.normal(0, 0.3, (every.shape[1], UNITS)),
        numpy.full(UNITS, 0.1),
        draw.normal(0, 0.3, UNITS),
        numpy.zeros(()),
    ]
    first = [numpy.zeros_like(w) for w in weights]
    second = [numpy.zeros_like(w) for w in weights]
    for step in range(1, rounds + 1):
        hidden = numpy.maximum(every @ weights[0] + weights[1], 0)
        out = numpy.bincount(owner, hidden @ weights[2] + weights[3], len(regions))
        error = (2 * (out - losses) / len(losses))[owner]
        back = numpy.outer(error, weights[2]) * (hidden > 0)
        gradients = [every.T @ back, back.sum(0), hidden.T @ error, error.sum()]
        for i, gradient in enumerate(gradients):
            first[i] = 0.9 * first[i] + 0.1 * gradient
            second[i] = 0.999 * second[i] + 0.001 * gradient**2
            change = (first[i] / (1 - 0.9**step)) / (numpy.sqrt(second[i] / (1 - 0.999**step)) + 1e-8)
            weights[i] = weights[i] - rate * change
    return weights, out


def main():
    regions, losses = load(sys.argv[1])
    weights, out = train(regions, losses)
    rest = numpy.var(losses - out) / numpy.var(losses)
    print(f"{len(losses)} jobs; {1 - rest:.3f} of the variance of their loss explained")
    rounded = lambda array: numpy.round(array, 6).tolist()
    text = {
        "hidden": rounded(weights[0].T),
        "hidden_bias": rounded(weights[1]),
        "output": rounded(weights[2]),
        "output_bias": round(float(weights[3]), 6),
    }
    (HERE / "weights.json").write_text(json.dumps(text, indent=1) + "\n")


if __name__ == "__main__":
    main()
