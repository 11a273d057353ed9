"""Both sides of a comparison of placements: `rmsim place`, and the VF2 layout pass of Qiskit, on the same instances."""

import argparse
import csv
import json
import math
import statistics
import subprocess
import sys
from pathlib import Path

from environment import HERE, ROOT, TARGET

REQUIREMENTS = (HERE / "requirements.txt").read_text(encoding="utf-8").split()

# Relative difference of scores that counts as none.
TOLERANCE = 1e-6

# Below this, both sides are mostly the clock, microseconds.
LEAST_US = 0.01


def argument_parser(description, instances, cap_s):
    """What every comparison takes; `instances`: which of the files of the tests unless another is given."""
    parser = argparse.ArgumentParser(description=description.split("\n", maxsplit=1)[0])
    parser.add_argument("--instances", type=Path, default=ROOT / "tests/data" / instances)
    parser.add_argument("--out", type=Path, default=ROOT / "results/peers", help="folder for tables and plots")
    parser.add_argument("--rmsim", type=Path, help="the program [default: built with --release]")
    parser.add_argument("--cap", type=int, default=cap_s, metavar="SECONDS", help="CPU time per instance of Qiskit")
    parser.add_argument("--repeat", type=int, default=3, help="searches per instance; the least time counts")
    parser.add_argument("--environment", type=Path, default=TARGET / "peers")
    return parser


class Worker:
    """The other side, in a process of its own that may be ended by its limit of CPU time."""

    def __init__(self, file, cap_s, repeat, sequential=False):
        self.head = {"file": str(file), "cap_s": cap_s, "repeat": repeat, "sequential": sequential}
        self.process = None

    def start(self):
        self.process = subprocess.Popen(
            [sys.executable, HERE / "vf2_worker.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        self.process.stdin.write(json.dumps(self.head) + "\n")
        self.process.stdin.flush()
        if not self.process.stdout.readline():
            sys.exit("error: the worker does not start")

    def place(self, index):
        if self.process is None:
            self.start()
        self.process.stdin.write(f"{index}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if answer:
            return json.loads(answer)
        status = self.process.wait()
        self.process = None
        if status != -24:
            sys.exit(f"error: the worker ended with {status} at instance {index}")
        return {"outcome": "capped", "us": self.head["cap_s"] * 1e6, "rebuild_us": math.nan, "layout": None}


def qiskit(file, path, args, out, sequential=False):
    """Qiskit's answers to all instances, each written when it exists."""
    worker = Worker(path, args.cap, args.repeat, sequential)
    answers = []
    with out.open("w", newline="", encoding="utf-8") as text:
        writer = csv.writer(text)
        writer.writerow(["device", "busy", "pattern", "outcome", "score", "us", "rebuild_us", "layout"])
        for index, instance in enumerate(file["instances"]):
            answer = worker.place(index)
            answer["score"] = score(file, instance, answer["layout"])
            answers.append(answer)
            layout = " ".join(f"{v}:{q}" for v, q in enumerate(answer["layout"] or []))
            number = "" if answer["score"] is None else f"{answer['score']:.9g}"
            names = [instance["device"], instance["busy"], instance["pattern"]]
            writer.writerow([*names, answer["outcome"], number, answer["us"], answer["rebuild_us"], layout])
            text.flush()
            if sys.stderr.isatty():
                print(f"\r{index + 1} of {len(file['instances'])}", end="", file=sys.stderr)
    return answers


def score(file, instance, layout):
    """The score of a layout from the figures of the file; fails when the layout is not legal."""
    if not layout:
        return None
    device, graph = file["devices"][instance["device"]], file["patterns"][instance["pattern"]]
    free = set(file["free"][f"{instance['device']}/{instance['busy']}"])
    errors = {frozenset(edge[:2]): edge[2] for edge in device["edges"]}
    assert len(set(layout)) == graph["n"] and set(layout) <= free, f"illegal layout for {instance}"
    log = sum(math.log1p(-device["readout"][qubit]) for qubit in layout)
    for a, b, weight in graph["edges"]:
        error = errors[frozenset((layout[a], layout[b]))]
        assert error < 0.5, f"dead coupler for {instance}"
        log += weight * math.log1p(-error)
    return math.exp(log)


def built(rmsim):
    """The program to measure: the given one, or that of this tree."""
    if rmsim is None:
        subprocess.run(["cargo", "build", "--release", "--bin", "rmsim"], cwd=ROOT, check=True)
        rmsim = TARGET / "release" / "rmsim"
    return rmsim


def ours(file, path, args, out, budget=None):
    """Our answers, re-scored; `budget`: most search steps."""
    command = [built(args.rmsim), "place", "--instances", path, "--out", out, "--repeat", str(args.repeat)]
    if budget is not None:
        command += ["--budget", str(budget)]
    print(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    answers = []
    with out.open(newline="", encoding="utf-8") as text:
        for row, instance in zip(csv.DictReader(text), file["instances"], strict=True):
            layout = [int(pair.split(":")[1]) for pair in row["layout"].split()]
            found = score(file, instance, layout)
            if found is not None:
                assert abs(found / float(row["score"]) - 1) < 1e-8, f"score of {instance}"
            answers.append({"outcome": row["outcome"], "us": float(row["proof_us"]), "score": found})
    return answers


def geometric_mean(values):
    return statistics.geometric_mean(values) if values else math.nan


def ratio(mine, theirs, more_us=0.0):
    return (theirs["us"] + more_us) / max(mine["us"], LEAST_US)


def shown(value):
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
    return str(value)


def write_tables(rows, out, title, note):
    with out.with_suffix(".csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, rows[0].keys())
        writer.writeheader()
        writer.writerows(rows)
    columns = list(rows[0])
    lines = [f"# {title}", "", "| " + " | ".join(column.replace("_", " ") for column in columns) + " |"]
    lines.append("|---|" + "---:|" * (len(columns) - 1))
    lines += ["| " + " | ".join(shown(row[column]) for column in columns) + " |" for row in rows]
    text = "\n".join([*lines, "", note, ""])
    out.with_suffix(".md").write_text(text, encoding="utf-8")
    print(text)


def caption(args):
    from importlib.metadata import version

    return (
        f"Qiskit {version('qiskit')}, VF2 layout pass without limits, ended after {args.cap} s of CPU time per search "
        f"(then the ratio is a lower bound); one thread; least of {args.repeat} searches."
    )
