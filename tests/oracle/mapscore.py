"""Makes tests/data/mapscore/: maps, masks, and what mapscore must say of them.

scores.tar has samples with mask.png (written and read by Pillow) and maps; odd.tar those that
can't be scored, but for its first. scores.tsv has a line for each map and baseline of a sample:
key, map, rows and columns, then share_inside, share_area, over_centre, pointing, iou; nothing
where one doesn't apply. means.tsv has a line for each kind of map over all samples: map, rows and
columns, and of each number its mean and both ends of the interval. Values 1 of a mask are inside,
3 doesn't count; tolerance, sigma, seed and resamples are below.

A cell's share of the mask is a product of matrices here, distances are of all pairs of pixels, the
generator is Philox4x32-10 written from the paper.
"""

import io
import os
import sys

import numpy as np
from PIL import Image

from streams import compact, member, npy, write, write_lines

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "mapscore")
TOLERANCE, SIGMA, SEED, RESAMPLES = 3, 0.25, 11, 300
NAMES = ("uniform", "centre", "random")
MAP, SAMPLES = 6, 7  # purposes of common/random.h


def mul(a, b):
    return divmod(a * b, 1 << 32)


def philox(counter, key):
    """Four numbers of 32 bits (Salmon et al. 2011)."""
    c, k = list(counter), list(key)
    for _ in range(10):
        high0, low0 = mul(0xD2511F53, c[0])
        high1, low1 = mul(0xCD9E8D57, c[2])
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
        k = [(k[0] + 0x9E3779B9) % (1 << 32), (k[1] + 0xBB67AE85) % (1 << 32)]
    return c


# From the paper's own test vectors.
assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
assert philox([0xFFFFFFFF] * 4, [0xFFFFFFFF] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def bits(seed, purpose, epoch, index):
    block = 0
    while True:
        yield from philox([block, index, epoch, purpose], [seed % (1 << 32), seed >> 32])
        block += 1


def uniform(source):
    return ((next(source) << 32 | next(source)) >> 11) / 2.0**53


def below(source, count):
    """Lemire's: without the numbers that would make some likelier."""
    uneven = (1 << 32) % count
    while True:
        whole, rest = mul(next(source), count)
        if rest >= uneven:
            return whole


def key_hash(key):
    value = 14695981039346656037
    for byte in key.encode():
        value = (value ^ byte) * 1099511628211 % (1 << 64)
    value ^= value >> 32
    value = value * 0xD6E8FEB86659FD93 % (1 << 64)
    value ^= value >> 32
    return value or 1


def baselines(key, shape):
    rows, columns = shape
    y, x = (np.arange(rows) + 0.5) / rows - 0.5, (np.arange(columns) + 0.5) / columns - 0.5
    centre = np.exp(-(y[:, None]**2 + x**2) / (2 * SIGMA**2))
    hashed = key_hash(key)
    source = bits(SEED, MAP, hashed >> 32, hashed % (1 << 32))
    drawn = np.array([uniform(source) for _ in range(rows * columns)]).reshape(shape)
    return [values.astype("<f4").astype(float) for values in (np.ones(shape), centre, drawn)]


def weights(low, high, cells, pixels):
    """[cells, pixels]: how much of each pixel is in each cell."""
    edges = low + (high - low) * np.arange(cells + 1) / cells
    p = np.arange(pixels)
    lower = np.maximum(edges[:-1, None], p)
    upper = np.minimum(edges[1:, None], p + 1)
    return np.maximum(upper - lower, 0)


def shares(mask, box, shape):
    """(of each cell inside, of each cell what counts)"""
    rows, columns = shape
    down = weights(box[1], box[3], rows, mask.shape[0])
    across = weights(box[0], box[2], columns, mask.shape[1])
    cell = (box[2] - box[0]) / columns * ((box[3] - box[1]) / rows)
    inside = down @ (mask == 1) @ across.T / cell
    scored = 1 - down @ (mask == 3) @ across.T / cell
    scored[scored < 1e-9] = 0
    return inside, scored


def look(mask, box, shape, tolerance):
    """What is at each centre: 1 inside, 0 outside, 3 doesn't count."""
    rows, columns = shape
    ys, xs = np.nonzero(mask == 1)
    found = np.zeros(shape, int)
    for r in range(rows):
        for c in range(columns):
            x = int(np.floor(box[0] + (box[2] - box[0]) * (c + 0.5) / columns))
            y = int(np.floor(box[1] + (box[3] - box[1]) * (r + 0.5) / rows))
            on = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]
            if ((ys - y)**2 + (xs - x)**2 <= tolerance**2).any():
                found[r, c] = 1
            elif on and mask[y, x] == 3:
                found[r, c] = 3
    return found


def overlap(values, inside, scored):
    """Of the mask and the greatest cells of its area, equal ones in equal parts."""
    area, taken, both = inside.sum(), 0.0, 0.0
    for value in np.unique(values)[::-1]:
        tied = values == value
        part = min(1, (area - taken) / scored[tied].sum()) if scored[tied].sum() > 0 else 0
        taken += part * scored[tied].sum()
        both += part * inside[tied].sum()
        if part < 1 and scored[tied].sum() > 0:
            break
    return both / (2 * area - both)


def score(values, mask, box, tolerance=TOLERANCE):
    """[share_inside, share_area, pointing, iou]"""
    inside, scored = shares(mask, box, values.shape)
    numbers = [np.nan, inside.sum() / scored.sum() if scored.sum() else np.nan, np.nan, np.nan]
    if not np.isfinite(values).all() or not inside.sum() > 0 or not (values > 0).any():
        return numbers
    mass = np.maximum(values.astype(float), 0)
    if (mass * scored).sum() > 0:
        numbers[0] = (mass * inside).sum() / (mass * scored).sum()
    found = look(mask, box, values.shape, tolerance)[values == values.max()]
    if (found != 3).any():
        numbers[2] = (found == 1).sum() / (found != 3).sum()
    numbers[3] = overlap(mass, inside, scored)
    return numbers


def sample_rows(key, mask, maps):
    """(map, shape, the five numbers) of each map, then of the baselines of each grid."""
    rows, grids = [], []
    for name, values, box in maps:
        if (values.shape, box) not in [grid[1:] for grid in grids]:
            grids.append((name, values.shape, box))
    centre = {grid[1:]: score(baselines(key, grid[1])[1], mask, grid[2])[0] for grid in grids}
    for name, values, box in maps:
        share, area, pointing, iou = score(values, mask, box)
        rows.append((name, values.shape,
                     [share, area, share - centre[values.shape, box], pointing, iou]))
    for g, (name, shape, box) in enumerate(grids):
        for baseline, values in zip(NAMES, baselines(key, shape)):
            share, area, pointing, iou = score(values, mask, box)
            rows.append((baseline + ("-" + name if g else ""), shape,
                         [share, area, share - centre[shape, box], pointing, iou]))
    return rows


def means(samples):
    """samples: the rows of each. (map, shape, [mean, low, high] of each number)"""
    kinds = []
    for rows in samples:
        kinds += [row[:2] for row in rows if row[:2] not in kinds]
    table = np.full((len(samples), len(kinds), 5), np.nan)
    for i, rows in enumerate(samples):
        for name, shape, numbers in rows:
            table[i, kinds.index((name, shape))] = numbers
    drawn = []
    for b in range(RESAMPLES):
        source = bits(SEED, SAMPLES, b, 0)
        drawn.append(table[[below(source, len(samples)) for _ in samples]])
    with np.errstate(invalid="ignore"):
        for k, kind in enumerate(kinds):
            lines = []
            for n in range(5):
                of = [d[:, k, n] for d in drawn]
                resampled = [np.nanmean(d) for d in of if not np.isnan(d).all()]
                if np.isnan(table[:, k, n]).all():
                    lines += [np.nan] * 3
                else:
                    lines += [np.nanmean(table[:, k, n]), *np.percentile(resampled, [2.5, 97.5])]
            yield kind, lines


def blob(height, width, y, x, ry, rx):
    """A trimap: 1 in an ellipse, 3 on its edge, 2 else."""
    down, across = (np.arange(height) + 0.5 - y) / ry, (np.arange(width) + 0.5 - x) / rx
    distance = np.hypot(down[:, None], across)
    return np.where(distance < 0.9, 1, np.where(distance < 1.1, 3, 2)).astype(np.uint8)


def samples():
    """key, mask, maps of (name, values, box)"""
    random = np.random.default_rng(3)

    def noise(*shape):
        return np.exp(2 * random.standard_normal(shape)).astype("<f4")

    mask = blob(48, 64, 20, 30, 14, 18)
    crop = (8.0, 0.0, 56.0, 48.0)
    holed = noise(4, 4)
    holed[1, 2] = np.nan
    zeros = np.zeros((4, 4), "<f4")
    yield "plain", mask, [("a", noise(8, 8), crop), ("b", noise(8, 8), crop)]
    yield "grids", mask, [("a", noise(8, 8), crop), ("b", noise(5, 7), (0.0, 0.0, 64.0, 48.0))]
    yield "uneven", mask, [("a", noise(8, 8), (7.3, 1.7, 55.9, 47.25)), ("b", noise(3, 11), (7.3, 1.7, 55.9, 47.25))]
    yield "padded", mask, [("a", noise(8, 8), (0.0, -8.0, 64.0, 56.0))]
    yield "fine", blob(9, 7, 4, 3, 3, 3), [("a", noise(16, 16), (0.0, 1.0, 7.0, 8.0))]
    yield "signed", mask, [("a", random.standard_normal((8, 8)).astype("<f4"), crop)]
    yield "zeros", mask, [("a", zeros, crop), ("b", -noise(4, 4), crop)]
    yield "nan", mask, [("a", holed, crop), ("b", noise(4, 4), crop)]
    yield "ties", mask, [("a", random.integers(0, 3, (8, 8)).astype("<f4"), crop),
                         ("b", np.ones((8, 8), "<f4"), crop)]
    yield "one-cell", mask, [("a", np.array([[2.5]], "<f4"), crop)]
    yield "corner", mask, [("a", np.eye(8, dtype="<f4")[::-1], crop)]
    yield "elsewhere", mask, [("a", noise(4, 4), (56.0, 40.0, 64.0, 48.0))]
    yield "all-edge", np.full((48, 64), 3, np.uint8), [("a", noise(4, 4), crop)]
    yield "all-inside", np.full((48, 64), 1, np.uint8), [("a", noise(4, 4), crop)]
    edge = np.full((48, 64), 2, np.uint8)
    edge[16:32, 24:40], edge[20:22, 50:52] = 3, 1
    middle = np.zeros((3, 3), "<f4")
    middle[1, 1] = 1
    yield "on-edge", edge, [("a", middle, (8.0, 0.0, 56.0, 48.0)), ("b", middle, (0.0, 0.0, 64.0, 48.0))]
    for i in range(6):
        shift = 3 * i
        yield "more%d" % i, blob(48, 64, 16 + shift, 40 - shift, 10, 12 + i), \
            [("a", noise(8, 8), crop), ("b", noise(8, 8), crop)]


def odd_samples():
    """What can't be scored, and at the start what can."""
    values = np.arange(1, 10, dtype="<f4").reshape(3, 3)
    mask, crop = blob(48, 64, 20, 30, 14, 18), (8.0, 0.0, 56.0, 48.0)
    yield "good", png(mask), [("a", values, crop)]
    yield "no-mask", None, [("a", values, crop)]
    yield "no-map", png(mask), []
    yield "no-view", png(mask), [("a", values, None)]
    yield "other-size", png(mask[:, 1:]), [("a", values, crop)]
    yield "colours", save(Image.fromarray(np.stack([mask] * 3, -1))), [("a", values, crop)]
    yield "deep", save(Image.fromarray(mask.astype(np.uint16))), [("a", values, crop)]
    yield "jpeg", save(Image.fromarray(mask), "JPEG"), [("a", values, crop)]
    yield "cut", png(mask)[:-30], [("a", values, crop)]
    yield "empty", b"", [("a", values, crop)]
    yield "far", png(mask), [("a", values, (0.0, 0.0, 1e12, 48.0))]
    yield "queries", png(mask), [("a", np.ones((4, 2, 2), "<f4"), crop)]
    yield "vector", png(mask), [("a", values[0], crop)]


def save(image, kind="PNG", **more):
    file = io.BytesIO()
    image.save(file, kind, **more)
    return file.getvalue()


def png(mask, kind=0):
    """The same values in different files: grey of 8 or of 2 bits, or with a palette that has
    other colours."""
    image = Image.fromarray(mask)
    if kind == 1:
        image.putpalette([200, 0, 0, 0, 0, 0, 7, 7, 7, 255, 255, 255] + [9] * 756)
    data = save(image, **({"bits": 2} if kind == 1 else {}))
    assert (np.asarray(Image.open(io.BytesIO(data))) == mask).all()
    return data


def put_sample(key, mask, maps, size=(64, 48)):
    tar = b""
    for name, values, box in maps:
        tar += member("%s.map.%s.npy" % (key, name), npy(values))
        if box:
            tar += member("%s.map.%s.json" % (key, name), compact(
                {"method": "made", "signed": bool((values < 0).any()), "model": "m:0",
                 "grid": list(values.shape),
                 "view": {"picture": "jpg", "size": list(size), "box": list(box)}}))
    return tar + (b"" if mask is None else member(key + ".mask.png", mask))


def text(numbers):
    return ["" if np.isnan(number) else repr(float(number)) for number in numbers]


def main():
    os.makedirs(ROOT, exist_ok=True)
    tar, lines, all_rows = b"", [], []
    for i, (key, mask, maps) in enumerate(samples()):
        tar += put_sample(key, png(mask, i % 2), maps, mask.shape[::-1])
        rows = sample_rows(key, mask, maps)
        all_rows.append(rows)
        lines += [[key, name, "%dx%d" % shape, *text(numbers)] for name, shape, numbers in rows]
    write(os.path.join(ROOT, "scores.tar"), tar + bytes(1024))
    write_lines(os.path.join(ROOT, "scores.tsv"), lines)
    odd = b"".join(put_sample(*sample) for sample in odd_samples())
    write(os.path.join(ROOT, "odd.tar"), odd + bytes(1024))
    write_lines(os.path.join(ROOT, "means.tsv"), [
        [name, "%dx%d" % shape, *text(numbers)] for (name, shape), numbers in means(all_rows)])
    return 0


if __name__ == "__main__":
    sys.exit(main())
