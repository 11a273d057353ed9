#!/usr/bin/env python3
"""How close does the allocator pack jobs to what a clairvoyant packing of the same jobs would hold?

    python3 benches/peers/packing.py [--states 50] [--rmsim PROGRAM] [--seconds-of-bound 3] [--steps 8000000]
    python3 benches/peers/packing.py --test

Runs scenarios/targets/required_figures.yaml, samples instants at which somebody waits, and packs the jobs of each anew:
by annealing (what can be had) and by an integer program with a proof (what cannot). packing.md says what came out.
Writes packing.csv and packing.png, and prints the tables. `--test` compares both with exact optima on small devices and
breaks packings on purpose. Makes its own environment (.venv-packing beside this file) at the first call.
"""

import argparse
import csv
import math
import platform
import random
import subprocess
import tempfile
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import environment
from environment import HERE, ROOT, TARGET

PINNED = ["highspy==1.16.0", "llvmlite==0.50.0", "matplotlib==3.11.2", "numba==0.68.1", "numpy==2.4.6", "pyyaml==6.0.3"]
SCENARIO = "scenarios/targets/required_figures.yaml"
FIXED_SIZES = "workload.jobs.0={preset: ibm_like, estimated_duration: {times_execution: {uniform: [1, 2]}}}"
# The scenario as it is, and without copies: every job has the least number of qubits that it asks for.
RUNS = {"as it is": [], "fixed sizes": ["--set", FIXED_SIZES]}
DEAD_ERROR = 0.5
GOAL = 0.9


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--states", type=int, default=50, help="instants to sample in each run")
    parser.add_argument("--jobs", type=int, default=20_000, help="of the run, half of them warm-up")
    parser.add_argument("--seed", type=int, default=1, help="of the run, the instants and the search")
    parser.add_argument("--steps", type=int, default=8_000_000, help="of annealing, per state and question")
    parser.add_argument("--width", type=int, default=300, help="embeddings per device, size and shape")
    parser.add_argument("--seconds-of-bound", type=float, default=3, help="most time per bound, which holds at any time")
    parser.add_argument("--rmsim", type=Path, default=TARGET / "release/rmsim")
    parser.add_argument("--out", type=Path, default=HERE)
    parser.add_argument("--test", action="store_true", help="checks of the method itself")
    parser.add_argument("--environment", type=Path, default=HERE / ".venv-packing")
    return parser.parse_args()


@dataclass(eq=False)
class Device:
    name: str
    first: int
    size: int
    couplers: list
    live_couplers: list
    dead: set

    def __post_init__(self):
        near = neighbours(self.couplers)
        self.colour = [0] * self.size
        seen = set()
        for root in range(self.size):
            stack = [root]
            while stack:
                v = stack.pop()
                seen.add(v)
                for other in near[v] - seen:
                    self.colour[other] = 1 - self.colour[v]
                    stack.append(other)
        assert all(self.colour[a] != self.colour[b] for a, b in self.couplers), self.name
        most = [max((len(near[v]) for v in range(self.size) if self.colour[v] == c), default=0) for c in (0, 1)]
        self.heavy_hex = max(most) <= 3
        if self.heavy_hex and most[0] > most[1]:
            self.colour = [1 - colour for colour in self.colour]
        assert not self.heavy_hex or min(most) <= 2, self.name


@dataclass(eq=False)
class Job:
    number: int
    topology: str
    qubits: int
    submitted: float
    started: float
    ended: float
    shots: int
    copies: int = 1
    layout: list = None

    def waits(self, now):
        return self.submitted <= now < min(self.started, self.ended)

    def runs(self, now):
        return self.started <= now < self.ended


def neighbours(couplers):
    near = defaultdict(set)
    for a, b in couplers:
        near[a].add(b)
        near[b].add(a)
    return near


def load_devices(names):
    """The coupling maps, qubits numbered through the fleet."""
    import yaml

    devices, first = [], 0
    for name in names:
        file = yaml.safe_load((ROOT / "devices" / f"{name}.yaml").read_text(encoding="utf-8"))
        is_dead = lambda row: row.get("dead") or any(float(row.get(f"{of}_error", 0)) >= DEAD_ERROR for of in errors)
        errors = ("readout", "one_qubit", "two_qubit")
        dead = {row["qubit"] for row in file.get("qubit_calibration", ()) if is_dead(row)}
        couplers = [tuple(row["qubits"]) for row in file["couplers"]]
        live = [tuple(row["qubits"]) for row in file["couplers"] if not is_dead(row) and not dead & set(row["qubits"])]
        devices.append(Device(name, first, file["qubits"], couplers, live, dead))
        first += file["qubits"]
    return devices


@cache
def heavy_hex_patch(size):
    """The first qubits of a heavy-hex lattice, breadth first from its corner: pairs that interact."""
    rows = next(rows for rows in range(2, 99) if rows * rows * 4 >= size * 2)
    couplers, after, above = [], 0, []
    for row in range(rows):
        start, after = after, after + 4 * rows
        couplers += [(v - 1, v) for v in range(start + 1, after)]
        couplers += [(bridge, start + column) for column, bridge in above]
        above = []
        for column in range(1 if row % 2 else 3, 4 * rows if row + 1 < rows else 0, 4):
            couplers.append((start + column, after))
            above.append((column, after))
            after += 1
    near, order = neighbours(couplers), [0]
    for v in order:
        order += sorted(near[v] - set(order))
        if len(order) >= size:
            break
    number = {v: i for i, v in enumerate(order[:size])}
    return sorted(tuple(sorted((number[a], number[b]))) for a, b in couplers if a in number and b in number)


def pattern_of(topology, size):
    """Pairs of a job's qubits that interact; None if any connected set will do."""
    return {"any": lambda: None, "line": lambda: [(v - 1, v) for v in range(1, size)],
            "heavy_hex": lambda: heavy_hex_patch(size)}[topology]()


# --- the run -----------------------------------------------------------------------------------------------------


def simulate(args, settings, folder):
    """Runs the scenario; its jobs, the measured interval and the devices."""
    import yaml

    names = [row["device"] for row in yaml.safe_load((ROOT / SCENARIO).read_text(encoding="utf-8"))["fleet"]]
    devices = load_devices(names)
    subprocess.run([
        args.rmsim, "run", ROOT / SCENARIO, "--seed", str(args.seed), "--replications", "1", "--threads", "1",
        "--set", f"horizon={{jobs: {args.jobs}}}", "--set", f"warm_up={{jobs: {args.jobs // 2}}}",
        "--set", "output.traces=first", "--set", "output.events=true", *settings,
        "--no-plots", "--out", folder, "--force", "--quiet"], check=True, stdout=subprocess.DEVNULL, cwd=ROOT)
    csv.field_size_limit(10**9)
    jobs, measured = {}, []
    with open(Path(folder) / "jobs.csv", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            seconds = lambda column: float(row[column] or "inf")
            times = seconds("submission_time"), seconds("starting_time"), seconds("finish_time")
            jobs[row["job_id"]] = Job(int(row["job_id"]), row["topology"], int(row["requested_number_of_resources"]),
                                      *times, int(row["shots"]))
            if row["buffer_distance"] not in ("", "1") or row["attempts"] not in ("0", "1"):
                raise SystemExit(f"job {row['job_id']}: another buffer, or more than one attempt")
            if row["measured"] == "1":
                measured.append(times[0])
    first, end = {device.name: device.first for device in devices}, 0
    with open(Path(folder) / "events.csv", encoding="utf-8") as text:
        for row in csv.DictReader(text):
            end = max(end, float(row["time_s"]))
            if row["event"] == "job_started":
                # "attempt 1 fence 1 on 25 37 45 ..., 28 copies, ...": one copy after the other, in the pattern's order.
                layout = row["detail"].split(" on ")[1].split(",")[0].split()
                job = jobs[row["job"]]
                job.layout = [first[row["device"]] + int(qubit) for qubit in layout]
                job.copies = len(job.layout) // job.qubits
    return devices, list(jobs.values()), (min(measured), end)


def at_least(job):
    """A waiting job as it would start at least: one copy."""
    return replace(job, copies=1, layout=None)


def state(jobs, now):
    return [job for job in jobs if job.runs(now)], [at_least(job) for job in jobs if job.waits(now)]


def instants(jobs, interval, count, seed):
    """Instants with somebody waiting, and the share of time without."""
    changes = Counter()
    for job in jobs:
        begin, end = max(job.submitted, interval[0]), min(job.started, job.ended, interval[1])
        if begin < end:
            changes[begin] += 1
            changes[end] -= 1
    empty, waiting, before = 0, 0, interval[0]
    for at in [*sorted(changes), interval[1]]:
        empty += (at - before) * (waiting == 0)
        waiting, before = waiting + changes[at], at
    rng, found = random.Random(seed), []
    while len(found) < count:
        now = rng.uniform(*interval)
        if any(job.waits(now) for job in jobs):
            found.append(now)
    return sorted(found), empty / (interval[1] - interval[0])


# --- the check, apart from the search -----------------------------------------------------------------


def faults(devices, jobs, packing):
    """What is wrong with a packing: a list of (job, copies), a copy being its qubits in the order of its pattern."""
    wrong, owner, known = [], {}, set(jobs)
    live = {frozenset((device.first + a, device.first + b)) for device in devices for a, b in device.live_couplers}
    partners = neighbours(map(tuple, live))
    for job, copies in packing:
        if job not in known:
            wrong.append(f"job {job.number} is not there, or placed twice")
        known.discard(job)
        qubits = [qubit for copy in copies for qubit in copy]
        homes = [device for device in devices if any(device.first <= q < device.first + device.size for q in qubits)]
        if len(homes) != 1 or any(qubit - homes[0].first in homes[0].dead for qubit in qubits):
            wrong.append(f"job {job.number}: more than one device, or dead qubits")
        if len(copies) != job.copies or any(len(copy) != job.qubits for copy in copies):
            wrong.append(f"job {job.number}: another size")
        for qubit in qubits:
            if qubit in owner:
                wrong.append(f"qubit {qubit} is held twice")
            owner[qubit] = job
        for copy in copies:
            pairs = pattern_of(job.topology, len(copy))
            if pairs is None:
                reached = stack = [copy[0]]
                for qubit in stack:
                    reached += [other for other in copy if other in partners[qubit] and other not in reached]
                if len(reached) < len(copy):
                    wrong.append(f"job {job.number}: not connected")
            elif not all(b < len(copy) and frozenset((copy[a], copy[b])) in live for a, b in pairs):
                wrong.append(f"job {job.number}: not its pattern")
    for device in devices:
        for a, b in device.couplers:
            ends = {owner.get(device.first + a), owner.get(device.first + b)} - {None}
            if len(ends) > 1:
                wrong.append(f"jobs {sorted(job.number for job in ends)} are neighbours")
    return wrong


def held(packing):
    return sum(job.qubits * job.copies for job, _ in packing)


def as_it_runs(running):
    return [(job, [job.layout[i : i + job.qubits] for i in range(0, len(job.layout), job.qubits)]) for job in running]


# --- other questions ---------------------------------------------------------------------------------------------


def left_waiting(devices, running, waiting):
    """Waiting jobs that would fit around those that run, of how many more that is not known, the number of qubits that are
    free beside buffers, and of the largest part of these."""
    taken = {qubit for job in running for qubit in job.layout}
    free, partners = set(), {}
    for device in devices:
        near, live = neighbours(device.couplers), neighbours(device.live_couplers)
        inside = {v for v in range(device.size) if v not in device.dead and device.first + v not in taken}
        inside = {v for v in inside if not any(device.first + other in taken for other in near[v])}
        free |= {device.first + v for v in inside}
        partners |= {device.first + v: {device.first + other for other in live[v] & inside} for v in inside}
    largest, seen = 0, set()
    for root in free:
        if root not in seen:
            part = [root]
            for v in part:
                part += partners[v] - set(part)
            seen |= set(part)
            largest = max(largest, len(part))
    fits = cache(lambda topology, size: size <= largest and (topology == "any" or embeds(partners, topology, size)))
    unknown = sum(fits(job.topology, job.qubits) is None for job in waiting)
    return [job for job in waiting if fits(job.topology, job.qubits)], unknown, len(free), largest


def embeds(partners, topology, size, most_steps=50_000):
    """Whether a pattern has an embedding: by trying all, or None if so many steps do not tell."""
    earlier, steps = defaultdict(list), 0
    for a, b in pattern_of(topology, size):
        earlier[b].append(a)

    def extend(order):
        nonlocal steps
        steps += 1
        if len(order) == size or steps > most_steps:
            return len(order) == size
        options = partners[order[earlier[len(order)][0]]] if order else partners
        fits = lambda v: v not in order and all(v in partners[order[a]] for a in earlier[len(order)])
        return any(extend([*order, v]) for v in options if fits(v))

    found = extend([])
    return None if not found and steps > most_steps else found


def with_free_copies(devices, jobs, most_qubits=156):
    """Qubits that jobs of one qubit hold if they may take copies as the scenario allows, one job on each device."""
    copies = sorted((min(job.shots, most_qubits) for job in jobs if job.qubits == 1), reverse=True)
    alive = sorted((device.size - len(device.dead) for device in devices), reverse=True)
    return sum(min(pair) for pair in zip(copies, alive)), sum(alive)


# --- checks of the method --------------------------------------------------------------------------------------------


def at(job, copies):
    """A job that runs on these qubits."""
    return replace(job, layout=[qubit for copy in copies for qubit in copy])


def exact(device, jobs):
    """The most qubits that a packing of these jobs on a small device holds: over all sets of qubits. Two jobs are never
    neighbours, so that each connected part of the set belongs to one job, and without copies is one."""
    near, live = neighbours(device.couplers), neighbours(device.live_couplers)
    alive = [v for v in range(device.size) if v not in device.dead]

    @cache
    def holds(part, topology, size):
        partners = {v: live[v] & part for v in part}
        if len(part) != size:
            return False
        if topology != "any":
            return embeds(partners, topology, size)
        reached = [min(part)]
        for v in reached:
            reached += partners[v] - set(reached)
        return len(reached) == size

    def assign(parts, jobs):
        """Each part to a job; a job of one-qubit copies takes as many parts as it needs."""
        if not parts:
            return all(left in (0, job.qubits * job.copies) for job, left in jobs)
        for i, (job, left) in enumerate(jobs):
            size = len(parts[0])
            if size <= left and (job.qubits == 1 or holds(parts[0], job.topology, job.qubits)):
                if assign(parts[1:], [*jobs[:i], (job, left - size), *jobs[i + 1 :]]):
                    return True
        return False

    best, most = 0, sum(job.qubits * job.copies for job in jobs)
    for bits in range(1 << len(alive)):
        if best < bits.bit_count() <= most:
            chosen = {v for i, v in enumerate(alive) if bits >> i & 1}
            parts = []
            while chosen:
                part = [chosen.pop()]
                for v in part:
                    part += near[v] & chosen
                    chosen -= near[v]
                parts.append(frozenset(part))
            if assign(parts, [(job, job.qubits * job.copies) for job in jobs]):
                best = bits.bit_count()
    return best


def grid(rows, columns):
    couplers = [(v, v + 1) for v in range(rows * columns) if (v + 1) % columns]
    return couplers + [(v, v + columns) for v in range((rows - 1) * columns)]


def small_devices():
    (guadalupe,) = load_devices(["ibm_guadalupe"])
    near, order = neighbours(load_devices(["ibm_fez"])[0].couplers), [60]
    for v in order:
        order += sorted(near[v] - set(order))
        if len(order) >= 16:
            break
    number = {v: i for i, v in enumerate(order[:16])}
    tree = [(number[a], number[b]) for a in number for b in near[a] if b in number and a < b]
    return [
        guadalupe,
        Device("guadalupe with a dead qubit and a dead coupler", 0, 16, guadalupe.couplers,
               [pair for pair in guadalupe.couplers if 5 not in pair and pair != guadalupe.couplers[-1]], {5}),
        Device("part of fez", 0, 16, tree, tree, set()),
        Device("square 4 x 4", 0, 16, grid(4, 4), grid(4, 4), set()),
        Device("square 3 x 5", 0, 15, grid(3, 5), grid(3, 5), set()),
    ]


def test(rounds=60):
    """Compares the search and the bound with exact optima, and shows that the check finds faults."""
    import packing_bound
    import packing_search

    rng, wrong, rows = random.Random(1), [], []
    for device in small_devices():
        pool = packing_search.Pool([device], heavy_hex_patch, 1, 300, 200_000)
        reached, proved = [], []
        for turn in range(rounds):
            jobs = []
            for number in range(rng.randint(3, 6)):
                topology = rng.choice(["any", "line", "heavy_hex"])
                job = Job(number, topology, rng.choice([1, 1, 2, 3, 4, 4, 5, 6, 7, 9]), 0, 0, 0, 100)
                if job.qubits == 1 and turn % 2:
                    job.copies = rng.randint(1, 5)
                jobs.append(job)
            best = exact(device, jobs)
            packing = pool.pack([], jobs, False, turn)
            bound = packing_bound.upper_bound([device], [], jobs, False, 10, heavy_hex_patch)
            wrong += faults([device], jobs, packing)
            # Who is taken out of a packing must be found to fit where it was.
            for i, (job, _) in enumerate(packing):
                others = packing[:i] + packing[i + 1 :]
                if job.copies == 1 and job not in left_waiting([device], [at(*other) for other in others], [job])[0]:
                    wrong.append(f"{device.name}: {job} would fit, which is not seen")
            if not held(packing) <= best <= bound:
                wrong.append(f"{device.name}: found {held(packing)}, exact {best}, bound {bound}: {jobs}")
            reached.append(held(packing) / best)
            proved.append(bound / best)
        rows.append((device.name, rounds, f"{sum(reached) / rounds:.3f}", f"{min(reached):.3f}",
                     f"{sum(proved) / rounds:.3f}", f"{max(proved):.3f}"))
    print_table(("device", "lists of jobs", "found / exact", "least", "bound / exact", "most"), rows)
    wrong += planted()
    print("\n".join(wrong) or "No search above the optimum, no bound below it, and every planted fault is found.")
    return bool(wrong)


def planted():
    """Faults that the check does not report."""
    tree = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (1, 7)]
    device = Device("small", 0, 9, tree, [pair for pair in tree if pair != (3, 4)], {6})
    line, region, copies = (Job(i, t, q, 0, 0, 0, 9, c) for i, t, q, c in
                            [(1, "line", 3, 1), (2, "any", 2, 1), (3, "any", 1, 2)])
    patch, jobs = Job(4, "heavy_hex", 5, 0, 0, 0, 9), [line, region, copies]
    jobs.append(patch)
    good = [(line, [[0, 1, 2]]), (region, [[4, 5]]), (copies, [[8], [8]])]
    cases = {
        "nothing": ([(line, [[0, 1, 2]]), (region, [[4, 5]])], None),
        "held twice": (good, "held twice"),
        "a neighbour": ([(line, [[0, 1, 2]]), (copies, [[3], [8]])], "neighbours"),
        "a neighbour over a dead coupler": ([(line, [[1, 2, 3]]), (region, [[4, 5]])], "neighbours"),
        "a line out of order": ([(line, [[0, 2, 1]])], "not its pattern"),
        "a line over a dead coupler": ([(line, [[3, 4, 5]])], "not its pattern"),
        "two parts": ([(region, [[0, 2]])], "not connected"),
        "a dead qubit": ([(region, [[5, 6]])], "dead qubits"),
        "a qubit too few": ([(line, [[0, 1]])], "another size"),
        "a copy too few": ([(copies, [[8]])], "another size"),
        "placed twice": ([(region, [[0, 1]]), (region, [[4, 5]])], "placed twice"),
        "somebody else": ([(Job(9, "any", 1, 0, 0, 0, 9), [[8]])], "not there"),
        "a patch that is a line": ([(patch, [[0, 1, 2, 3, 7]])], "not its pattern"),
    }
    wrong = []
    for name, (packing, expected) in cases.items():
        found = faults([device], jobs, packing)
        if (found != []) if expected is None else not any(expected in fault for fault in found):
            wrong.append(f"planted fault, {name}: {found}")
    return wrong


# --- results -----------------------------------------------------------------------------------------------------


def measure(args, name, settings):
    """One row for every state of a run."""
    import packing_bound
    import packing_search

    with tempfile.TemporaryDirectory() as folder:
        devices, jobs, interval = simulate(args, settings, folder)
    pool = packing_search.Pool(devices, heavy_hex_patch, args.seed, args.width, args.steps)
    sampled, empty = instants(jobs, interval, args.states, args.seed)
    rows = []
    for index, now in enumerate(sampled):
        running, waiting = state(jobs, now)
        row = {"run": name, "time_s": round(now, 3), "running": len(running), "waiting": len(waiting)}
        legal(devices, running, as_it_runs(running))
        row["held"] = held(as_it_runs(running))
        for column, keep in (("", False), ("kept_", True)):
            packing = pool.pack(running, waiting, keep, args.seed + index)
            legal(devices, running + waiting, packing)
            if keep and not set(running) <= {job for job, _ in packing}:
                raise SystemExit("a running job was left out")
            row[f"{column}found"], row[f"{column}jobs"] = held(packing), len(packing)
            bound = packing_bound.upper_bound(devices, running, waiting, keep, args.seconds_of_bound, heavy_hex_patch)
            row[f"{column}bound"] = min(bound, sum(len(job.layout) for job in running) + sum(j.qubits for j in waiting))
            if not row["held"] <= row[f"{column}found"] <= row[f"{column}bound"]:
                raise SystemExit(f"found more than the bound, or less than there was: {row}")
        fits, row["fit_unknown"], row["free"], row["largest_free"] = left_waiting(devices, running, waiting)
        row["would_fit"] = " ".join(str(job.number) for job in fits)
        row["free_copies"], row["alive"] = with_free_copies(devices, running + waiting)
        rows.append(row)
        print(f"{name} {index + 1}/{len(sampled)}", row, flush=True)
    return rows, empty


def legal(devices, jobs, packing):
    wrong = faults(devices, jobs, packing)
    if wrong:
        raise SystemExit("\n".join(wrong))


# Two-sided 95 % points of Student's t by degrees of freedom, the next lower one that is listed.
T95 = {1: 12.71, 2: 4.30, 4: 2.78, 9: 2.26, 19: 2.09, 29: 2.05, 49: 2.01, 99: 1.98}


def interval95(values):
    mean = sum(values) / len(values)
    if len(values) < 2:
        return mean, math.nan
    variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
    return mean, T95[max(d for d in T95 if d <= len(values) - 1)] * math.sqrt(variance / len(values))


def print_table(head, rows):
    for row in (head, ["---"] * len(head), *rows):
        print("| " + " | ".join(map(str, row)) + " |")


def report(rows, empty):
    """The tables of packing.md."""
    lines = []
    for name in dict.fromkeys(row["run"] for row in rows):
        own = [row for row in rows if row["run"] == name]
        mean = lambda column: f"{sum(row[column] for row in own) / len(own):.1f}"
        for label, prefix in (("any of the jobs", ""), ("all that run, moved, and others", "kept_")):
            cells = [name, label, mean("held"), mean(f"{prefix}found"), mean(f"{prefix}bound"), mean(f"{prefix}jobs")]
            for reference in ("found", "bound"):
                values = [row["held"] / row[prefix + reference] for row in own]
                centre, half = interval95(values)
                cells += [f"{centre:.3f} ± {half:.3f}", f"{min(values):.3f}"]
            ratios = [(row["held"] / row[f"{prefix}bound"], row["held"] / row[f"{prefix}found"]) for row in own]
            cells += [sum(low >= GOAL for low, _ in ratios), sum(high < GOAL for _, high in ratios)]
            lines.append(cells)
    print_table(("run", "the offline packing places", "held", "found", "bound", "jobs in it", "held / found", "least",
                 "held / bound", "least", f"states >= {GOAL}, proved", f"states < {GOAL}, proved"), lines)
    print()
    for name, share in empty.items():
        own = [row for row in rows if row["run"] == name]
        fits = [row for row in own if row["would_fit"]]
        full = [row["held"] / row["free_copies"] for row in own]
        print(f"{name}: nobody waits {share:.1%} of the time; {own[0]['alive']} live qubits; "
              f"{min(row['waiting'] for row in own)} to {max(row['waiting'] for row in own)} jobs wait, "
              f"{sum(row['running'] for row in own) / len(own):.1f} run; "
              f"{sum(row['free'] for row in own) / len(own):.1f} qubits free beside buffers, the largest part "
              f"{max(row['largest_free'] for row in own)}; a waiting job would fit in {len(fits)} states: "
              f"{[(row['time_s'], len(row['would_fit'].split())) for row in fits]}; "
              f"held / held with copies as one likes: {sum(full) / len(full):.3f} "
              f"({sum(row['free_copies'] == row['alive'] for row in own)} states where all qubits could be held)")


def plot(rows, file):
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 2, figsize=(9, 3.6), sharey=True)
    for axis, name in zip(axes, RUNS):
        own = sorted((row for row in rows if row["run"] == name), key=lambda row: row["waiting"])
        for x, row in enumerate(own):
            axis.plot([x, x], [row["held"] / row["bound"], row["held"] / row["found"]], color="#4477aa", linewidth=3)
            axis.plot([x], [row["held"] / row["kept_found"]], ".", color="#228833")
        axis.axhline(GOAL, color="#cc3311", linewidth=1)
        axis.set(title=name, xlabel="states, by number of waiting jobs", ylim=(0.65, 1.02))
    axes[0].set_ylabel("packing efficiency")
    handles = [pyplot.Line2D([], [], color="#4477aa", linewidth=3), pyplot.Line2D([], [], color="#228833", marker=".", linestyle="")]
    axes[1].legend(handles, ["between bound and best found", "best found with all that run"], loc="lower right", fontsize=8)
    figure.tight_layout()
    figure.savefig(file, dpi=110)


def main():
    args = arguments()
    environment.enter(args.environment, PINNED)
    if args.test:
        raise SystemExit(test())
    begun, rows, empty = time.monotonic(), [], {}
    for name, settings in RUNS.items():
        more, empty[name] = measure(args, name, settings)
        rows += more
    args.out.mkdir(parents=True, exist_ok=True)
    with (args.out / "packing.csv").open("w", newline="", encoding="utf-8") as text:
        writer = csv.DictWriter(text, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    plot(rows, args.out / "packing.png")
    report(rows, empty)
    version = subprocess.run([args.rmsim, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    print(f"{version}, Python {platform.python_version()}, {platform.machine()}, {time.monotonic() - begun:.0f} s")


if __name__ == "__main__":
    main()
