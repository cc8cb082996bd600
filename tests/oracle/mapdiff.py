"""Makes tests/data/mapdiff/: pairs of maps and what mapdiff must say of them.

pairs.tar has a sample for each pair, with map.a and map.b; odd.tar those that can't be compared,
but for its first. pairs.tsv has a line for each: key,
rows and columns of the difference, its box (x0,y0,x1,y1, or nothing), correlation, rank
correlation, intersection over union of the top fifth, how many cells that is, earth mover's
distance, the side of the squares that were one for it, of a and b the share of cells above half the
greatest and the entropy over that of a uniform map; nothing where one doesn't apply.
values.npy (float32) has the differences one after another, four a pair: by sum, by greatest, by
rank, none.

emd.npy (float64 [points, 4]: x, y, mass a, mass b) has problems of moving earth, emd.tsv a line
for each: name, points, distance.

Maps are sampled by torch's grid_sample, correlations are scipy's, distances those of POT, which
scipy's linprog confirms here where a problem is small enough.
"""

import os
import sys

import numpy as np
import ot
import torch
from scipy import optimize, stats

from streams import compact, member, npy, write, write_lines

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "mapdiff")
MOST = 48 * 48  # points of a distance


class Map:
    """values [rows, columns] as stored; box x0 y0 x1 y1 in the picture, or None: no view."""

    def __init__(self, values, box=None, size=(640, 480)):
        self.values, self.box, self.size = np.asarray(values), box, size

    def about(self):
        return compact({"method": "made", "signed": bool((self.values < 0).any()),
                        "grid": list(self.values.shape),
                        "view": {"picture": "jpg", "size": list(self.size),
                                 "box": list(self.box)}})

    def sampled(self, box, x, y):
        """At the positions x [columns], y [rows], where the map covers box."""
        at_x = 2 * (x - box[0]) / (box[2] - box[0]) - 1
        at_y = 2 * (y - box[1]) / (box[3] - box[1]) - 1
        grid = np.stack(np.meshgrid(at_x, at_y), -1)
        values = torch.tensor(self.values.astype(float))[None, None]
        sampled = torch.nn.functional.grid_sample(
            values, torch.tensor(grid)[None], mode="bilinear", padding_mode="border",
            align_corners=False)[0, 0].numpy()
        unit = np.ldexp(1.0, np.frexp(np.abs(sampled).max())[1] - 44)  # equal ones stay equal
        return (np.round(sampled / unit) * unit).astype("<f4").astype(float)


def align(a, b):
    """Both on the cells of the finer whose centres are in both boxes; the box of those."""
    area = [1 if map.box is None else (map.box[2] - map.box[0]) * (map.box[3] - map.box[1])
            for map in (a, b)]
    finer = b if area[1] / b.values.size < area[0] / a.values.size else a
    rows, columns = finer.values.shape
    boxes = [map.box or (0, 0, columns, rows) for map in (a, b)]
    box = finer.box or (0, 0, columns, rows)
    edges_x = np.linspace(box[0], box[2], columns + 1)
    edges_y = np.linspace(box[1], box[3], rows + 1)
    x, y = (edges_x[1:] + edges_x[:-1]) / 2, (edges_y[1:] + edges_y[:-1]) / 2
    in_x = np.all([(box[0] <= x) & (x <= box[2]) for box in boxes], 0)
    in_y = np.all([(box[1] <= y) & (y <= box[3]) for box in boxes], 0)
    kept = (edges_x[:-1][in_x][0], edges_y[:-1][in_y][0],
            edges_x[1:][in_x][-1], edges_y[1:][in_y][-1])
    values = [map.values[np.ix_(in_y, in_x)].astype(float) if map is finer
              else map.sampled(own, x[in_x], y[in_y]) for map, own in zip((a, b), boxes)]
    return values[0], values[1], kept


def transport(points):
    x, y, a, b = np.asarray(points, float).T
    a, b = a / a.sum(), b / b.sum()
    cost = np.hypot(x[:, None] - x, y[:, None] - y)
    distance = ot.emd2(a, b / b.sum() * a.sum(), cost, numItermax=10**8)
    if len(x) <= 40:
        ones = np.eye(len(x))
        rows = np.concatenate([np.kron(ones, np.ones(len(x))), np.kron(np.ones(len(x)), ones)])
        exact = optimize.linprog(cost.ravel(), A_eq=rows[:-1], b_eq=np.append(a, b)[:-1],
                                 options={"primal_feasibility_tolerance": 1e-10,
                                          "dual_feasibility_tolerance": 1e-10})
        assert exact.success and abs(exact.fun - distance) < 1e-9, (exact.message, distance)
    return distance


def moved(a, b, box):
    """(distance between the positive parts, side of the squares that became one)"""
    rows, columns = a.shape
    side = 1
    while -(-rows // side) * -(-columns // side) > MOST:
        side += 1
    width, height = (box[2] - box[0]) / columns, (box[3] - box[1]) / rows
    points = []
    for top in range(0, rows, side):
        for left in range(0, columns, side):
            square = (slice(top, top + side), slice(left, left + side))
            centre_y, centre_x = (np.mean(np.arange(n)[part]) + 0.5
                                  for n, part in zip((rows, columns), square))
            points.append((width * centre_x, height * centre_y,
                           np.maximum(a[square], 0).sum(), np.maximum(b[square], 0).sum()))
    sums = np.sum(points, 0)
    if not (sums[2] > 0 and sums[3] > 0):
        return None, side
    return transport(points) / np.hypot(box[2] - box[0], box[3] - box[1]), side


def top_fifth(values):
    count = -(-values.size // 5)
    return set(np.argsort(-values.ravel(), kind="stable")[:count]), count


def ranked(values):
    return (stats.rankdata(values).reshape(values.shape) - 0.5) / values.size


def grain(values):
    """(share of cells above half the greatest, entropy over that of a uniform map)"""
    values, positive = values.ravel(), np.maximum(values.ravel(), 0)
    if not positive.any():
        return None, None
    spread = stats.entropy(positive) / stats.entropy(np.ones(len(values))) if len(values) > 1 else None
    return np.mean(values > values.max() / 2), spread


def compare(a, b):
    """(the line of pairs.tsv, the four differences)"""
    a, b, box = align(a, b)
    count = -(-a.size // 5)
    numbers = [None, None, None, count, None, 1, None, None, None, None]
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return a.shape, box, numbers, [np.full(a.shape, np.nan)] * 4
    if np.ptp(a) > 0 and np.ptp(b) > 0:
        numbers[0] = stats.pearsonr(a.ravel(), b.ravel())[0]
        numbers[1] = stats.spearmanr(a.ravel(), b.ravel())[0]
    top_a, top_b = top_fifth(a)[0], top_fifth(b)[0]
    numbers[2] = len(top_a & top_b) / len(top_a | top_b)
    numbers[4], numbers[5] = moved(a, b, box)
    numbers[6::2], numbers[7::2] = grain(a), grain(b)
    differences = [a / (np.abs(a).sum() or 1) - b / (np.abs(b).sum() or 1),
                   a / (np.abs(a).max() or 1) - b / (np.abs(b).max() or 1),
                   ranked(a) - ranked(b), a - b]
    return a.shape, box, numbers, differences


def pairs():
    random = np.random.default_rng(1)
    whole, crop, other = (0, 0, 640, 480), (104, 24, 536, 456), (110, 30, 530, 450)

    def noise(*shape):
        return np.exp(2 * random.standard_normal(shape)).astype("<f4")

    def relu(*shape):
        return np.maximum(random.standard_normal(shape), 0).astype("<f4")

    yield "same", Map(noise(14, 14), crop), Map(noise(14, 14), crop)
    yield "equal", *[Map(noise(6, 6), crop)] * 2
    yield "coarse-b", Map(noise(14, 14), crop), Map(relu(7, 7), crop)
    yield "coarse-a", Map(relu(7, 7), crop), Map(noise(14, 14), crop)
    yield "boxes", Map(noise(14, 14), crop), Map(relu(7, 7), other)
    yield "boxes-a", Map(noise(7, 7), other), Map(relu(14, 14), whole)
    yield "squashed", Map(noise(5, 9), whole), Map(relu(4, 3), crop)
    yield "overlap", Map(noise(8, 8), (0, 0, 320, 300)), Map(noise(5, 5), (120.5, 90.25, 640, 480))
    yield "padded", Map(noise(6, 6), (0, -80, 640, 560)), Map(noise(4, 8), whole)
    yield "corner", Map(noise(4, 4), (0, 0, 200, 200)), Map(noise(3, 3), (170, 160, 600, 460))
    yield "no-view", Map(noise(6, 4)), Map(noise(3, 3))
    yield "no-view-b", Map(noise(3, 2)), Map(relu(4, 5))
    yield "signed", Map(random.standard_normal((7, 7)).astype("<f4"), crop), Map(noise(7, 7), crop)
    yield "signed-b", Map(noise(4, 4), crop), Map(random.standard_normal((7, 7)).astype("<f4"), crop)
    yield "negative", Map(-noise(3, 3), crop), Map(noise(3, 3), crop)
    yield "zeros", Map(np.zeros((4, 4), "<f4"), crop), Map(noise(4, 4), crop)
    yield "both-zeros", *[Map(np.zeros((4, 4), "<f4"), crop)] * 2
    yield "constant", Map(np.full((3, 3), 0.1, "<f4"), other), Map(noise(5, 5), crop)
    yield "one-cell", Map([[2.5]], crop), Map([[0.5]], crop)
    yield "one-against", Map([[2.5]], crop), Map(noise(4, 4), crop)
    yield "row", Map(noise(1, 9), crop), Map(noise(9, 1), crop)
    yield "ties", Map(random.integers(0, 3, (7, 6)).astype("<f8"), crop), \
        Map(random.integers(0, 3, (7, 6)).astype("<i4"), crop)
    yield "sparse", Map(np.eye(8, dtype="<f4"), crop), Map(np.eye(8, dtype="<f4")[::-1], crop)
    yield "half", Map(noise(5, 4).astype("<f2"), crop), Map(noise(3, 3).astype(">f4"), crop)
    holed = noise(4, 4)
    holed[1, 2] = np.nan
    yield "nan", Map(holed, crop), Map(noise(4, 4), crop)
    holed = noise(4, 4)
    holed[3, 0] = np.inf
    yield "infinite", Map(noise(4, 4), crop), Map(holed, crop)
    yield "merged", Map(noise(49, 51), crop), Map(noise(7, 7), crop)


def problems():
    random = np.random.default_rng(2)

    def grid(rows, columns):
        y, x = np.mgrid[0:rows, 0:columns].astype(float)
        return x.ravel(), y.ravel()

    for rows, columns in ((1, 2), (2, 2), (4, 5), (6, 6), (14, 14)):
        count = rows * columns
        first, last = np.eye(count)[0], np.eye(count)[-1]
        odd = np.arange(count) % 2
        x, y = grid(rows, columns)
        for name, a, b in (
                ("random", random.random(count), random.random(count)),
                ("peaked", *np.exp(8 * random.standard_normal((2, count)))),
                ("across", first, last), ("spread", first, np.ones(count)),
                ("identical", *[random.random(count)] * 2), ("checkers", odd, 1 - odd),
                ("halves", (np.arange(count) < count // 2), (np.arange(count) >= count // 2)),
                ("whole", *random.integers(0, 3, (2, count)) + first),
                ("scaled", 1e-30 * random.random(count), 1e30 * random.random(count))):
            if count == 196 and name not in ("random", "peaked", "halves", "whole"):
                continue
            yield "%s-%d" % (name, count), x, y, a, b
    x, y = grid(24, 24)
    yield "hills-576", x, y, np.exp(-((x - 4)**2 + (y - 6)**2) / 9), \
        np.exp(-((x - 15)**2 + (y - 12)**2) / 30)
    yield "scattered-150", *random.standard_normal((2, 150)) * 1e3, *random.random((2, 150))
    x, y = grid(8, 8)
    yield "jittered-64", *(np.stack([x, y]) + 1e-5 * random.random((2, 64))), \
        *random.integers(0, 3, (2, 64))
    yield "same-place-30", *np.ones((2, 30)), *random.random((2, 30))
    yield "twice-40", *np.repeat(random.random((2, 20)), 2, 1), *random.random((2, 40))


def odd_pairs():
    """Maps that can't be compared, and at the start one that can."""
    values, crop = np.arange(1, 10, dtype="<f4").reshape(3, 3), (104, 24, 536, 456)
    yield "good", Map(values, crop), Map(values[::-1], crop)
    yield "apart", Map(values, (0, 0, 100, 480)), Map(values, (100.5, 0, 640, 480))
    yield "no-centre", Map(values, (0, 0, 300, 300)), Map(values, (299, 0, 640, 300))
    yield "one-view", Map(values, crop), Map(values)
    yield "other-picture", Map(values, crop), Map(values, crop, (640, 481))
    yield "far", Map(values, (0, 0, 1e12, 480)), Map(values, crop)
    yield "thin", Map(values, crop), Map(values, (200, 200, 200.0001, 480))
    yield "vector", Map(values[0], crop), Map(values, crop)
    yield "queries", Map(values, crop), Map(np.ones((4, 2, 2), "<f4"), crop)
    yield "lacks-b", Map(values, crop), None


def put_pair(key, maps):
    tar = b""
    for name, map in zip("ab", maps):
        if map:
            tar += member("%s.map.%s.npy" % (key, name), npy(map.values))
        if map and map.box:
            tar += member("%s.map.%s.json" % (key, name), map.about())
    return tar


def text(number):
    return "" if number is None else repr(float(number))


def main():
    os.makedirs(ROOT, exist_ok=True)
    tar, lines, values = b"", [], []
    for key, a, b in pairs():
        tar += put_pair(key, (a, b))
        shape, box, numbers, differences = compare(a, b)
        view = "" if a.box is None else ",".join(text(edge) for edge in box)
        lines.append([key, "%d\t%d" % shape, view, *(text(number) for number in numbers)])
        values += [difference.ravel() for difference in differences]
    write(os.path.join(ROOT, "pairs.tar"), tar + bytes(1024))
    write_lines(os.path.join(ROOT, "pairs.tsv"), lines)
    odd = b"".join(put_pair(key, maps) for key, *maps in odd_pairs())
    write(os.path.join(ROOT, "odd.tar"), odd + bytes(1024))
    np.save(os.path.join(ROOT, "values.npy"), np.concatenate(values).astype("<f4"))

    lines, points = [], []
    for name, x, y, a, b in problems():
        rows = np.stack([x, y, a, b], 1).astype("<f8")
        lines.append([name, str(len(rows)), text(transport(rows))])
        points.append(rows)
    write_lines(os.path.join(ROOT, "emd.tsv"), lines)
    np.save(os.path.join(ROOT, "emd.npy"), np.concatenate(points))
    return 0


if __name__ == "__main__":
    sys.exit(main())
