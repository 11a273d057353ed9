#!/usr/bin/env python3
"""Compares joint placement of a batch of jobs with what Qiskit offers for it: one job after the other.

The connected components of a pattern are the jobs of a batch. `rmsim place` places all of them at once; the VF2 layout
pass of Qiskit places them largest first, each at the best place (proved) that those before it have left. Both in one
run; README.md says what is measured.
"""

import json
import math

import environment
from vf2 import REQUIREMENTS, TOLERANCE, argument_parser, caption, geometric_mean, ours, qiskit, ratio, write_tables


def arguments():
    parser = argument_parser(__doc__, instances="placement_batches.json", cap_s=60)
    parser.add_argument(
        "--budgets",
        type=int,
        nargs="+",
        default=[20_000_000, 200_000, 1_000],
        help="steps of our search: to the proof, what a scheduling pass allows, and hardly any",
    )
    return parser.parse_args()


def nats(score):
    """-ln of a score: what a placement minimises."""
    return math.nan if score is None else -math.log(score)


def row(instance, mine, theirs):
    """One batch on both sides."""
    both = mine["score"] is not None and theirs["score"] is not None
    return {
        "batch": f"{instance['device']}/{instance['busy']} {instance['pattern']}",
        "ours": mine["outcome"],
        "qiskit": theirs["outcome"],
        "ours_nats": nats(mine["score"]),
        "qiskit_nats": nats(theirs["score"]),
        "fidelity_gain_percent": 100 * (mine["score"] / theirs["score"] - 1) if both else math.nan,
        "ours_us": mine["us"],
        "qiskit_us": theirs["us"],
        "qiskit_rebuild_us": theirs["rebuild_us"],
        "ratio": ratio(mine, theirs),
        "ratio_with_rebuild": ratio(mine, theirs, theirs["rebuild_us"]),
    }


def summary(rows):
    """The last row: geometric means of the ratios over batches that Qiskit places, and how often we lose."""
    placed = [row for row in rows if row["qiskit"] == "sequential"]
    mean = dict.fromkeys(rows[0], "")
    mean["batch"] = "geometric mean where Qiskit ends"
    for column in ("ratio", "ratio_with_rebuild"):
        mean[column] = geometric_mean([row[column] for row in placed])
    return mean


def main():
    args = arguments()
    environment.enter(args.environment, REQUIREMENTS)
    args.out.mkdir(parents=True, exist_ok=True)
    file = json.loads(args.instances.read_text(encoding="utf-8"))
    theirs = qiskit(file, args.instances, args, args.out / "batches-qiskit.csv", sequential=True)
    for budget in args.budgets:
        out = args.out / f"batches-ours-{budget}.csv"
        mine = ours(file, args.instances, args, out, budget)
        rows = [row(*entry) for entry in zip(file["instances"], mine, theirs, strict=True)]
        worse = [row["batch"] for row in rows if row["ours_nats"] > row["qiskit_nats"] * (1 + TOLERANCE) + TOLERANCE]
        note = (
            f"CPU microseconds, ours cold, {budget:,} steps at most; nats: -ln of the fidelity of the whole batch. Qiskit "
            f"places the jobs one by one, largest first, each to its optimum. {caption(args)} Worse than Qiskit on: "
            f"{', '.join(worse) or 'none'}."
        )
        title = f"Batches, jointly against one by one, {budget:,} steps"
        write_tables([*rows, summary(rows)], args.out / f"batches-{budget}", title, note)


if __name__ == "__main__":
    main()
