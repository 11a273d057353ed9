#!/usr/bin/env python3
"""Compares `rmsim place` with the VF2 layout pass of Qiskit on the same placement problems, in one run.

Installs the pinned version of Qiskit into an environment of its own, runs both to proof, and writes tables (CSV and
Markdown) and a plot. README.md says what is measured.
"""

import argparse
import csv
import json
import math
import os
import statistics
import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
REQUIREMENTS = HERE / "requirements.txt"
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))

# Relative difference of scores that counts as none.
TOLERANCE = 1e-6


def enter_environment(folder, script=__file__):
    """Goes on inside the environment with what requirements.txt pins; makes it if it is not there."""
    python = folder / "bin" / "python"
    stamp = folder / "requirements.txt"
    wanted = REQUIREMENTS.read_text(encoding="utf-8")
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        print(f"installing into {folder}", file=sys.stderr)
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", "-r", REQUIREMENTS], check=True)
        stamp.write_text(wanted, encoding="utf-8")
    if Path(sys.prefix).resolve() != folder.resolve():
        os.execv(python, [str(python), str(Path(script).resolve()), *sys.argv[1:]])


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--instances", type=Path, default=ROOT / "tests/data/placement_instances.json")
    parser.add_argument("--out", type=Path, default=ROOT / "results/peers", help="folder for tables and plots")
    parser.add_argument("--rmsim", type=Path, help="the program [default: built with --release]")
    parser.add_argument("--cap", type=int, default=20, metavar="SECONDS", help="CPU time per search of Qiskit")
    parser.add_argument("--repeat", type=int, default=3, help="searches per instance; the least time counts")
    parser.add_argument(
        "--what",
        choices=["instances", "churn", "both"],
        default="instances",
        help="the instances as they are, or their devices and patterns where jobs come and go",
    )
    parser.add_argument("--churn-bench", type=Path, help="the bench program [default: cargo bench]")
    parser.add_argument("--churn-states", type=int, default=300, help="states per device")
    parser.add_argument("--environment", type=Path, default=TARGET / "peers")
    return parser.parse_args()


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


def ours(file, path, args, out, budget=None):
    """Our answers, re-scored; `budget`: most search steps."""
    rmsim = args.rmsim
    if rmsim is None:
        subprocess.run(["cargo", "build", "--release", "--bin", "rmsim"], cwd=ROOT, check=True)
        rmsim = TARGET / "release" / "rmsim"
    command = [rmsim, "place", "--instances", path, "--out", out, "--repeat", str(args.repeat)]
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


def quantile(values, probability):
    """Linear between order statistics, as in `rmsim place`."""
    if not values:
        return math.nan
    values = sorted(values)
    position = probability * (len(values) - 1)
    below = math.floor(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (position - below) * (values[above] - values[below])


def geometric_mean(values):
    return statistics.geometric_mean(values) if values else math.nan


# Below this, both sides are mostly the clock, microseconds.
LEAST_US = 0.01


def ratio(mine, theirs, more_us=0.0):
    return (theirs["us"] + more_us) / max(mine["us"], LEAST_US)


def compare(groups, mine, theirs):
    """One row per group of instances, and what the sides do not agree on."""
    rows, disagreements = [], []
    for name, indices in groups.items():
        pairs = [(index, mine[index], theirs[index]) for index in indices]
        feasible = [(m, t) for _, m, t in pairs if m["score"] is not None]
        infeasible = [(m, t) for _, m, t in pairs if m["outcome"] == "proved_infeasible"]
        # A search of ours that gave up is no proof, whatever it took.
        proved_best = [(m, t) for m, t in feasible if m["outcome"] == "optimal"]
        rebuilt = [ratio(m, t, t["rebuild_us"]) for m, t in proved_best if t["outcome"] != "capped"]
        better = worse = 0
        for index, m, t in pairs:
            proved = ("optimal", "proved_infeasible")
            both = m["outcome"] in proved and t["outcome"] in proved
            if both and (m["score"] is None) != (t["score"] is None):
                disagreements.append((index, m["outcome"], t["outcome"]))
            elif m["score"] and t["score"] and abs(m["score"] / t["score"] - 1) > TOLERANCE:
                better += m["score"] > t["score"]
                worse += m["score"] < t["score"]
                disagreements.append((index, m["score"], t["score"]))
        row = {
            "device": name,
            "instances": len(pairs),
            "feasible": len(feasible),
            "ratio_feasible": geometric_mean([ratio(m, t) for m, t in proved_best]),
            "ratio_feasible_with_rebuild": geometric_mean(rebuilt),
            "ratio_infeasible": geometric_mean([ratio(m, t) for m, t in infeasible]),
            "ours_slower_on": sum(m["us"] > t["us"] for _, m, t in pairs),
            "qiskit_capped": sum(t["outcome"] == "capped" for *_, t in pairs),
            "ours_not_proved": sum(m["outcome"] not in ("optimal", "proved_infeasible") for _, m, _ in pairs),
            "score_better": better,
            "score_worse": worse,
        }
        for side, pick in (("ours", 0), ("qiskit", 1)):
            times = [pair[pick]["us"] for pair in feasible]
            for label, probability in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)):
                row[f"{side}_{label}_us"] = quantile(times, probability)
        rows.append(row)
    return rows, disagreements


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


def plot(groups, mine, theirs, out, title):
    """Times against times, both logarithmic; hollow where there is no placement, crosses where Qiskit was ended."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(7, 6.5), constrained_layout=True)
    colours = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
    for number, (name, indices) in enumerate(groups.items()):
        colour = colours[number % len(colours)]
        kinds = {"feasible": ([], []), "infeasible": ([], []), "capped": ([], [])}
        for index in indices:
            m, t = mine[index], theirs[index]
            kind = "capped" if t["outcome"] == "capped" else "infeasible" if t["score"] is None else "feasible"
            kinds[kind][0].append(max(m["us"], LEAST_US))
            kinds[kind][1].append(max(t["us"], LEAST_US))
        axes.scatter(*kinds["feasible"], s=16, color=colour, label=name, alpha=0.8, linewidths=0)
        axes.scatter(*kinds["infeasible"], s=16, facecolors="none", edgecolors=colour, alpha=0.8)
        axes.scatter(*kinds["capped"], s=28, color=colour, marker="x")
    axes.set_xscale("log")
    axes.set_yscale("log")
    low = min(axes.get_xlim()[0], axes.get_ylim()[0])
    high = max(axes.get_xlim()[1], axes.get_ylim()[1])
    for factor in (1, 10, 100, 1000, 10000):
        axes.plot([low, high], [low * factor, high * factor], color="0.75", linewidth=0.7, zorder=0)
        axes.annotate(f"{factor:,} x", (low * 1.3, low * 1.3 * factor), fontsize=8, color="0.4")
    axes.set_xlim(low, high / 10)
    axes.set_ylim(low, high)
    axes.set_xlabel("rmsim, CPU us to proof")
    axes.set_ylabel("Qiskit VF2 layout pass, CPU us to proof")
    axes.set_title(title, fontsize=10)
    axes.legend(title="hollow: infeasible, x: Qiskit ended by its cap", fontsize=8, title_fontsize=8)
    for ending in ("svg", "png"):
        figure.savefig(out.with_suffix(f".{ending}"), dpi=150)
    pyplot.close(figure)


def grouped(file, name):
    groups = {}
    for index, instance in enumerate(file["instances"]):
        groups.setdefault(name(instance), []).append(index)
    return groups


def report(file, groups, mine, theirs, out, title, note):
    rows, disagreements = compare(groups, mine, theirs)
    for index, m, t in disagreements:
        instance = file["instances"][index]
        note += f"\n- {instance['device']}/{instance['busy']} {instance['pattern']}: ours {m}, Qiskit {t}"
    write_tables(rows, out, title, note)
    plot(groups, mine, theirs, out, title)


def instances(args):
    """The instances as they are; ours from cold."""
    file = json.loads(args.instances.read_text(encoding="utf-8"))
    mine = ours(file, args.instances, args, args.out / "ours.csv")
    theirs = qiskit(file, args.instances, args, args.out / "qiskit.csv")
    groups = grouped(file, lambda instance: instance["device"])
    note = f"CPU microseconds, ours cold; quantiles over feasible instances; {caption(args)}"
    report(file, groups, mine, theirs, args.out / "comparison", "Time to the proved best placement", note)


def churn(args):
    """States of devices where jobs come and go; ours with what earlier placements left in its caches."""
    states, times = args.out / "churn-states.json", args.out / "churn-ours.csv"
    options = ["--instances", args.instances.resolve(), "--dump", states.resolve(), "--out", times.resolve()]
    options += ["--dump-states", str(args.churn_states)]
    command = [args.churn_bench] if args.churn_bench else ["cargo", "bench", "--bench", "churn", "--"]
    print(subprocess.run([*command, *options], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout)
    file = json.loads(states.read_text(encoding="utf-8"))
    with times.open(newline="", encoding="utf-8") as text:
        known = {(row["device"], f"{row['run']}-{int(row['step']):05}"): row for row in csv.DictReader(text)}
    cold = ours(file, states, args, args.out / "churn-cold.csv")
    mine = []
    for instance, answer in zip(file["instances"], cold, strict=True):
        row = known[instance["device"], instance["busy"]]
        assert row["outcome"] == answer["outcome"], f"cached and cold answers differ: {instance}"
        mine.append({**answer, "us": float(row["us"])})
    theirs = qiskit(file, states, args, args.out / "churn-qiskit.csv")
    groups = grouped(file, lambda instance: f"{instance['device']} {instance['busy'].rsplit('-', 1)[0]}")
    note = f"CPU microseconds; a sample of {args.churn_states} states each; {caption(args)}"
    report(file, groups, mine, theirs, args.out / "churn", "Placement where jobs come and go", note)


def caption(args):
    from importlib.metadata import version

    return (
        f"Qiskit {version('qiskit')}, VF2 layout pass without limits, ended after {args.cap} s of CPU time per search "
        f"(then the ratio is a lower bound); one thread; least of {args.repeat} searches."
    )


def main():
    args = arguments()
    enter_environment(args.environment.resolve())
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what in ("instances", "both"):
        instances(args)
    if args.what in ("churn", "both"):
        churn(args)


if __name__ == "__main__":
    main()
