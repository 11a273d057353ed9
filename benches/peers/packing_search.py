"""Offline placements for packing.py: many embeddings of every size and shape, and simulated annealing over them."""

import random
from collections import defaultdict

import numpy as np
from numba import njit

# Shapes of which embeddings are kept. `PATHS` holds the copies of one job that stand in one path, one after the other.
HEAVY_HEX, LINE, PATHS, ANY = range(4)
SHAPES = {"heavy_hex": HEAVY_HEX, "line": LINE, "any": ANY}

# Most qubits of an embedding; wider jobs (in copies) only stay where they are, or are left out.
LARGEST = 32
MOST_JOBS = 1200

# Temperature in qubits at the beginning and at the end, and the price of a touched coupler at the beginning.
COOLING = (0.6, 0.1, 0.6)
COOLING_KEPT = (0.6, 0.22, 0.1)


@njit(cache=True)
def draw(weights, total, count):
    left = np.random.random() * total
    at = 0
    while at < count - 1 and left >= weights[at]:
        left -= weights[at]
        at += 1
    return at


@njit(cache=True)
def more_boundary(near, inside, vertex):
    """By how many the couplers that lead out of a set grow with a vertex."""
    more = 0
    for other in near[vertex]:
        if other >= 0:
            more += -1 if inside[other] else 1
    return more


@njit(cache=True)
def region(live, near, size, start, beta, order):
    """A random connected set; with a high `beta` one with few couplers that lead out."""
    inside = np.zeros(live.shape[0], np.bool_)
    seen = np.zeros(live.shape[0], np.bool_)
    front = np.empty(live.shape[0], np.int64)
    weights = np.empty(live.shape[0], np.float64)
    fronts = 0
    last = start
    seen[start] = True
    for count in range(size):
        order[count] = last
        inside[last] = True
        if count == size - 1:
            break
        for other in live[last]:
            if other >= 0 and not seen[other]:
                seen[other] = True
                front[fronts] = other
                fronts += 1
        if fronts == 0:
            return False
        total = 0.0
        for i in range(fronts):
            weights[i] = np.exp(-beta * more_boundary(near, inside, front[i]))
            total += weights[i]
        at = draw(weights, total, fronts)
        last = front[at]
        fronts -= 1
        front[at] = front[fronts]
    return True


@njit(cache=True)
def path(live, near, size, start, beta, order):
    """A random path, which grows at both ends."""
    inside = np.zeros(live.shape[0], np.bool_)
    line = np.empty(2 * size + 2, np.int64)
    low = high = size
    line[low] = start
    inside[start] = True
    weights = np.empty(8, np.float64)
    ends = np.empty(8, np.int64)
    while high - low + 1 < size:
        found = 0
        total = 0.0
        for side in range(1 if low == high else 2):
            for other in live[line[high] if side else line[low]]:
                if other >= 0 and not inside[other]:
                    weights[found] = np.exp(-beta * more_boundary(near, inside, other))
                    total += weights[found]
                    ends[found] = -other - 1 if side else other
                    found += 1
        if found == 0:
            return False
        end = ends[draw(weights, total, found)]
        if end >= 0:
            low -= 1
            line[low] = end
            inside[end] = True
        else:
            high += 1
            line[high] = -end - 1
            inside[-end - 1] = True
    order[:size] = line[low : high + 1]
    return True


@njit(cache=True)
def embedding(live, earlier, start, order, most_steps):
    """A random embedding of a pattern; row v of `earlier` has the partners of v that come before it."""
    size = earlier.shape[0]
    inside = np.zeros(live.shape[0], np.bool_)
    options = np.full((size, live.shape[1]), -1, np.int64)
    left = np.zeros(size, np.int64)
    order[0] = start
    inside[start] = True
    v = 1
    fresh = True
    steps = 0
    while v < size:
        steps += 1
        if steps > most_steps or v == 0:
            return False
        if fresh:
            left[v] = 0
            for other in live[order[earlier[v, 0]]]:
                if other < 0 or inside[other]:
                    continue
                fits = True
                for partner in earlier[v, 1:]:
                    if partner >= 0:
                        linked = False
                        for third in live[order[partner]]:
                            linked = linked or third == other
                        fits = fits and linked
                if fits:
                    options[v, left[v]] = other
                    left[v] += 1
        if left[v] == 0:
            v -= 1
            inside[order[v]] = False
            fresh = False
            continue
        at = np.random.randint(left[v])
        order[v] = options[v, at]
        left[v] -= 1
        options[v, at] = options[v, left[v]]
        inside[order[v]] = True
        v += 1
        fresh = True
    return True


@njit(cache=True)
def set_seed(seed):
    np.random.seed(seed)


@njit(cache=True)
def anneal(starts, members, reach_starts, reach, touched, shapes, row_starts, row, vertices, sizes, classes, spare, need,
           bonus, chosen, chosen_class, steps, hot, cold, pull):
    """Annealing from a legal packing: puts a random embedding in, and whatever is in its way out.

    `classes[size, shape]` is the class of jobs that may use such an embedding, or -1; `spare[class]` how many of them are
    not placed; `need[class]` how many must be. Maximises qubits; `pull` is what a touched coupler costs in the beginning.
    """
    owner = np.full(row_starts.shape[0], -1, np.int64)
    have = np.zeros(spare.shape[0], np.int64)
    n = held = 0
    while chosen[n] >= 0:
        for i in range(starts[chosen[n]], starts[chosen[n] + 1]):
            owner[members[i]] = n
        have[chosen_class[n]] += 1
        held += starts[chosen[n] + 1] - starts[chosen[n]]
        n += 1
    missing = 0
    best, best_n, best_chosen, best_class = held, n, chosen.copy(), chosen_class.copy()
    out = np.empty(128, np.int64)
    for step in range(steps):
        share = step / steps
        heat = hot * (cold / hot) ** share
        price = pull * (1 - share)
        size = sizes[np.random.randint(sizes.shape[0])]
        cell = vertices[np.random.randint(vertices.shape[0])] * (LARGEST + 1) + size
        width = row_starts[cell + 1] - row_starts[cell]
        if width == 0:
            continue
        new = row[row_starts[cell] + np.random.randint(width)]
        kind = -1
        for shape in range(classes.shape[1]):
            if shapes[new] >> shape & 1 and classes[size, shape] >= 0 and spare[classes[size, shape]] > 0:
                kind = classes[size, shape]
                break
        if kind < 0:
            continue
        gain = size - price * touched[new]
        outs = 0
        for i in range(reach_starts[new], reach_starts[new + 1]):
            old = owner[reach[i]]
            known = old < 0
            for j in range(outs):
                known = known or out[j] == old
            if not known:
                out[outs] = old
                outs += 1
                gain -= starts[chosen[old] + 1] - starts[chosen[old]] - price * touched[chosen[old]]
        for j in range(outs):
            of = chosen_class[out[j]]
            if have[of] <= need[of]:
                gain -= bonus[of]
                missing += 1
            have[of] -= 1
        if have[kind] < need[kind]:
            gain += bonus[kind]
            missing -= 1
        have[kind] += 1
        if gain < 0 and np.random.random() >= np.exp(gain / heat):
            have[kind] -= 1
            if have[kind] < need[kind]:
                missing += 1
            for j in range(outs):
                of = chosen_class[out[j]]
                have[of] += 1
                if have[of] <= need[of]:
                    missing -= 1
            continue
        # From the last on, so that the last of the list can take the free place.
        for j in range(outs):
            for i in range(j + 1, outs):
                if out[i] > out[j]:
                    out[i], out[j] = out[j], out[i]
        for j in range(outs):
            old = out[j]
            spare[chosen_class[old]] += 1
            held -= starts[chosen[old] + 1] - starts[chosen[old]]
            for i in range(starts[chosen[old]], starts[chosen[old] + 1]):
                owner[members[i]] = -1
            n -= 1
            if old != n:
                chosen[old] = chosen[n]
                chosen_class[old] = chosen_class[n]
                for i in range(starts[chosen[old]], starts[chosen[old] + 1]):
                    owner[members[i]] = old
        chosen[n] = new
        chosen_class[n] = kind
        spare[kind] -= 1
        for i in range(starts[new], starts[new + 1]):
            owner[members[i]] = n
        n += 1
        held += size
        if held > best and missing == 0:
            best, best_n = held, n
            best_chosen[:] = chosen
            best_class[:] = chosen_class
    return best, best_chosen[:best_n], best_class[:best_n]


class Pool:
    """Embeddings on all devices. Qubits are numbered through the fleet, as in `jobs.csv`."""

    def __init__(self, devices, pattern, seed, width, steps):
        self.steps = steps
        self.size = sum(device.size for device in devices)
        self.near = [[] for _ in range(self.size)]
        live = [[] for _ in range(self.size)]
        self.vertices = []
        for device in devices:
            self.vertices += [device.first + v for v in range(device.size) if v not in device.dead]
            for rows, couplers in ((self.near, device.couplers), (live, device.live_couplers)):
                for a, b in couplers:
                    rows[device.first + a].append(device.first + b)
                    rows[device.first + b].append(device.first + a)
        self.draw_all(devices, padded(self.near), padded(live), pattern, random.Random(seed), seed, width)
        self.freeze()

    def draw_all(self, devices, near, live, pattern, rng, seed, width):
        set_seed(seed)
        self.orders = {}
        buffer = np.empty(LARGEST, np.int64)
        patterns = {k: earlier_partners(k, pattern(k)) for k in range(5, 28)}
        for device in devices:
            alive = [v for v in self.vertices if device.first <= v < device.first + device.size]
            for k in range(1, LARGEST + 1):
                for shape in (LINE, ANY, HEAVY_HEX):
                    if shape == ANY and k > 27 or shape == HEAVY_HEX and k not in patterns:
                        continue
                    got = missed = 0
                    while got < width and missed < 2 * width:
                        start, beta = rng.choice(alive), rng.choice((0.0, 1.0, 3.0, 6.0))
                        if shape == ANY:
                            found = region(live, near, k, start, beta, buffer)
                        elif shape == LINE:
                            found = path(live, near, k, start, beta / 2, buffer)
                        else:
                            found = embedding(live, patterns[k], start, buffer, 2000)
                        order = buffer[:k].astype(np.int16)
                        known = self.orders.setdefault(np.sort(order).tobytes(), {}) if found else None
                        if found and shape not in known:
                            known[shape] = order.tobytes()
                            got += 1
                        else:
                            missed += 1

    def freeze(self):
        self.orders = list(self.orders.values())
        cells = defaultdict(list)
        self.table = Table()
        for column, orders in enumerate(self.orders):
            qubits = np.frombuffer(next(iter(orders.values())), np.int16).tolist()
            shapes = 1 << ANY
            if HEAVY_HEX in orders:
                shapes |= 1 << HEAVY_HEX
            if LINE in orders:
                # The first qubits of the lattice are a line, up to four.
                shapes |= 1 << LINE | 1 << PATHS | (1 << HEAVY_HEX if len(qubits) <= 4 else 0)
            self.table.add(qubits, shapes, self.near)
            for v in qubits:
                cells[v * (LARGEST + 1) + len(qubits)].append(column)
        row, row_starts = [], [0]
        for cell in range(self.size * (LARGEST + 1)):
            row += cells.get(cell, ())
            row_starts.append(len(row))
        self.row, self.row_starts = np.array(row, np.int32), np.array(row_starts)
        self.arrays = self.table.arrays()

    def order(self, column, shape):
        """The qubits of an embedding in the order of a shape."""
        orders = self.orders[column]
        if shape == ANY:
            return np.frombuffer(next(iter(orders.values())), np.int16).tolist()
        return np.frombuffer(orders[HEAVY_HEX if shape == HEAVY_HEX and HEAVY_HEX in orders else LINE], np.int16).tolist()

    def pack(self, running, waiting, keep, seed):
        """The best packing that is found: pairs of a job and its copies. With `keep` all that run are in it."""
        kinds, by_key = [], {}
        classes = np.full((LARGEST + 1, 4), -1, np.int64)

        def class_of(job):
            shape, qubits = SHAPES[job.topology], job.qubits * job.copies
            if job.copies > 1:
                movable = qubits <= LARGEST and (shape != HEAVY_HEX or job.qubits <= 4)
                shape = PATHS if movable else None
            key = (qubits, shape) if shape is not None else job
            if key not in by_key:
                by_key[key] = len(kinds)
                kinds.append([])
                if shape is not None:
                    classes[qubits, shape] = by_key[key]
            kinds[by_key[key]].append(job)
            return by_key[key]

        own = Table()
        of_running = [class_of(job) for job in running]
        of_waiting = [class_of(job) for job in waiting]
        for job in running:
            own.add(job.layout, 0, self.near)
        first_own = len(self.orders)
        table = joined(self.arrays, own.arrays())
        chosen, chosen_class = np.full(MOST_JOBS, -1, np.int64), np.full(MOST_JOBS, -1, np.int64)
        chosen[: len(running)] = first_own + np.arange(len(running))
        chosen_class[: len(running)] = of_running
        spare, need = np.zeros(len(kinds), np.int64), np.zeros(len(kinds), np.int64)
        np.add.at(spare, of_waiting, 1)
        if keep:
            np.add.at(need, of_running, 1)
        # What a job that must be placed is worth beside its qubits; who cannot come back never goes.
        bonus = np.array([12.0 if isinstance(key, tuple) else 1e9 for key in by_key])
        sizes = np.array(sorted({key[0] for key in by_key if isinstance(key, tuple)}))
        starts, members, reach_starts, reach, touched, shapes = table
        set_seed(seed)
        _, columns, column_class = anneal(
            starts, members, reach_starts, reach, touched, shapes, self.row_starts, self.row, np.array(self.vertices),
            sizes, classes, spare, need, bonus, chosen, chosen_class, self.steps, *(COOLING_KEPT if keep else COOLING))
        return self.named(running, kinds, columns, column_class, first_own)

    def named(self, running, kinds, columns, column_class, first_own):
        """Which job stands where: who still has its own place keeps it."""
        packing, placed = [], set()
        for column in columns:
            if column >= first_own:
                job = running[column - first_own]
                placed.add(job)
                packing.append((job, split(job.layout, job.qubits)))
        left = [[job for job in jobs if job not in placed] for jobs in kinds]
        for column, kind in zip(columns, column_class, strict=True):
            if column < first_own:
                # Those that run first: they stand first in the list.
                job = left[kind].pop(0)
                order = self.order(column, PATHS if job.copies > 1 else SHAPES[job.topology])
                packing.append((job, split(order, job.qubits)))
        return packing


class Table:
    """Sets of qubits: what they are, what they keep others from, how many couplers they touch, what shapes they hold."""

    def __init__(self):
        self.starts, self.members, self.reach_starts, self.reach, self.touched, self.shapes = [0], [], [0], [], [], []

    def add(self, qubits, shapes, near):
        inside = set(qubits)
        self.members += qubits
        self.starts.append(len(self.members))
        self.reach += inside.union(*(near[v] for v in qubits))
        self.reach_starts.append(len(self.reach))
        ends = [other in inside for v in qubits for other in near[v]]
        self.touched.append(len(ends) - sum(ends) / 2)
        self.shapes.append(shapes)

    def arrays(self):
        return (np.array(self.starts), np.array(self.members, np.int16), np.array(self.reach_starts),
                np.array(self.reach, np.int16), np.array(self.touched), np.array(self.shapes, np.int64))


def joined(first, second):
    """Two tables, one after the other."""
    starts, members, reach_starts, reach, touched, shapes = (np.concatenate(pair) for pair in zip(first, second))
    at = len(first[0])
    starts = np.delete(np.concatenate([first[0], second[0] + first[0][-1]]), at)
    reach_starts = np.delete(np.concatenate([first[2], second[2] + first[2][-1]]), at)
    return starts, members, reach_starts, reach, touched, shapes


def split(order, size):
    return [list(order[i : i + size]) for i in range(0, len(order), size)]


def padded(rows):
    width = max(map(len, rows))
    return np.array([sorted(row) + [-1] * (width - len(row)) for row in rows], np.int64)


def earlier_partners(size, edges):
    rows = [[] for _ in range(size)]
    for a, b in edges:
        rows[max(a, b)].append(min(a, b))
    width = max(map(len, rows))
    return np.array([row + [-1] * (width - len(row)) for row in rows], np.int64)
