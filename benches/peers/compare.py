#!/usr/bin/env python3
"""Compares `rmsim place` with the VF2 layout pass of Qiskit on the same placement problems, in one run.

Installs the pinned version of Qiskit into an environment of its own, runs both to proof, and writes tables (CSV and
Markdown) and a plot. README.md says what is measured.
"""

import csv
import json
import math
import subprocess
from pathlib import Path

import environment
from environment import ROOT
from vf2 import (
    LEAST_US,
    REQUIREMENTS,
    TOLERANCE,
    argument_parser,
    caption,
    geometric_mean,
    ours,
    qiskit,
    ratio,
    write_tables,
)


def arguments():
    parser = argument_parser(__doc__, instances="placement_instances.json", cap_s=20)
    parser.add_argument(
        "--what",
        choices=["instances", "churn", "both"],
        default="instances",
        help="the instances as they are, or their devices and patterns where jobs come and go",
    )
    parser.add_argument("--churn-bench", type=Path, help="the bench program [default: cargo bench]")
    parser.add_argument("--churn-states", type=int, default=300, help="states per device")
    return parser.parse_args()


def quantile(values, probability):
    """Linear between order statistics, as in `rmsim place`."""
    if not values:
        return math.nan
    values = sorted(values)
    position = probability * (len(values) - 1)
    below = math.floor(position)
    above = min(below + 1, len(values) - 1)
    return values[below] + (position - below) * (values[above] - values[below])


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


def main():
    args = arguments()
    environment.enter(args.environment, REQUIREMENTS)
    args.out.mkdir(parents=True, exist_ok=True)
    if args.what in ("instances", "both"):
        instances(args)
    if args.what in ("churn", "both"):
        churn(args)


if __name__ == "__main__":
    main()
