"""Makes tests/data/flow/: maximum flows through layered graphs, by networkx.

NAME/ is a graph: capacity.npy (f32 [layers, t, t], first layer first, from a token above to one
below), supply.npy (f32 [queries, t]), flow.npy (f64 [queries, t - p], to each token from p on)
and case.json (p). Capacities are taken as fractions, so that the flows are exact.

program.tsv has a line a map that the program must make of a stream of tests/data/maps: stream,
options, key, the map's name, its shape; flowed, at_first_layer and at_query of its .json.
program.npy (f64) has the numbers of these maps one after another. Here all is in float64 from
the definition: rows of residual I + (1 - residual) E_h A normalised are the capacities.
"""

import io
import json
import os
import tarfile
from fractions import Fraction

import networkx as nx
import numpy as np

DATA = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data")
ROOT = os.path.join(DATA, "flow")


def flow(capacity, supply, sink, number=Fraction):
    """From a source with an edge of its supply to each token at the top, to one at the bottom."""
    graph = nx.DiGraph()
    graph.add_nodes_from(["source", (0, sink)])
    top = len(capacity)
    for i, value in enumerate(supply):
        if value > 0:
            graph.add_edge("source", (top, i), capacity=number(float(value)))
    for layer, matrix in enumerate(capacity):
        for i, j in zip(*np.nonzero(matrix)):
            graph.add_edge((layer + 1, int(i)), (layer, int(j)),
                           capacity=number(float(matrix[i, j])))
    return float(nx.maximum_flow_value(graph, "source", (0, sink)))


def flows(capacity, supplies, p, number=Fraction):
    return np.array([[flow(capacity, supply, sink, number)
                      for sink in range(p, capacity.shape[1])] for supply in supplies])


# Graphs.

def write(name, capacity, supplies, p):
    folder = os.path.join(ROOT, name)
    os.makedirs(folder, exist_ok=True)
    capacity, supplies = capacity.astype("<f4"), np.array(supplies).astype("<f4")
    np.save(os.path.join(folder, "capacity.npy"), capacity)
    np.save(os.path.join(folder, "supply.npy"), supplies)
    np.save(os.path.join(folder, "flow.npy"), flows(capacity, supplies, p))
    with open(os.path.join(folder, "case.json"), "w", encoding="utf-8") as file:
        json.dump({"p": p}, file)


def mixed(random, layers, t, sharpness, residual=0.5):
    """Attention with the residual connection: peaked where sharpness is large."""
    x = np.exp(sharpness * random.standard_normal((layers, t, t)))
    return residual * np.eye(t) + (1 - residual) * x / x.sum(-1, keepdims=True)


def sparse(random, layers, t, share):
    return random.random((layers, t, t)) * (random.random((layers, t, t)) < share)


def narrow(random, layers, t):
    """Wide, but for a token or two in the middle; what goes there first must be taken back."""
    x = random.random((layers, t, t))
    x[layers // 2, :, 2:] = 0
    return x


def make_graphs():
    random = np.random.default_rng(6)
    for number, (layers, t) in enumerate([(1, 1), (1, 5), (2, 4), (3, 6), (5, 7), (8, 5)]):
        eye = np.eye(t)
        mean = np.full(t, 1 / t)
        rows = [eye[0], eye[-1], mean, 9 * mean]
        for share in (0.3, 0.6, 1):
            write("sparse%d-%d" % (number, 10 * share), sparse(random, layers, t, share), rows,
                  0)
        write("narrow%d" % number, narrow(random, layers, t), rows, 0)
        # Whole numbers: many paths fill at once.
        write("whole%d" % number, random.integers(0, 4, (layers, t, t)), 3 * np.array(rows), 0)
    for sharpness in (0.3, 2, 5):
        eye = np.eye(10)
        rows = [eye[0], eye[4], np.r_[0, np.full(9, 1 / 9)]]
        write("mixed-%g" % sharpness, mixed(random, 4, 10, sharpness), rows, 1)
        write("plain-%g" % sharpness, mixed(random, 4, 10, sharpness, 0), rows, 1)
    write("nothing", np.zeros((2, 3, 3)), [np.eye(3)[0]], 0)


# The program's maps.

def read(name):
    """key -> attention f64 [layers, heads, t, t]."""
    samples = {}
    with tarfile.open(os.path.join(DATA, "maps", name + ".tar")) as tar:
        for member in tar:
            key, _, suffix = member.name.partition(".")
            if suffix.startswith("attn."):
                array = np.load(io.BytesIO(tar.extractfile(member).read()))
                samples.setdefault(key, []).append(array.astype(float))
    return {key: np.stack(layers) for key, layers in samples.items()}


def capacities(layers, p, fuse, residual, discard):
    t = layers.shape[-1]
    fused = {"mean": np.mean, "max": np.max, "min": np.min}[fuse](layers, axis=1)
    for row in fused.reshape(-1, t):
        row[p + np.argsort(row[p:], kind="stable")[:int(np.floor(discard * (t - p)))]] = 0
    mix = residual * np.eye(t) + (1 - residual) * fused
    return mix / mix.sum(-1, keepdims=True)


def make_maps():
    lines, values = [], []

    def put(stream, p, grid, query=None, fuse="mean", residual=0.5, discard=0, start=0,
            told="", default="cls"):
        t = p + grid[0] * grid[1]
        options = ["-M", "flow"] + told.split()
        for name, value, usual in (("-q", query, None), ("--fuse", fuse, "mean"),
                                   ("--residual", residual, 0.5), ("--discard", discard, 0),
                                   ("--start", start, 0)):
            if value != usual:
                options += [name, str(value)]
        asked, eye = query or default, np.eye(t)
        name, rows = {"cls": ("cls", eye[:1]), "mean": ("mean", eye[p:].mean(0)[None]),
                      "all": ("all", eye[p:])}.get(asked, (None, None))
        if name is None:
            row, column = map(int, asked.split(":"))
            name = "%02d-%02d" % (row, column)
            rows = eye[p + row * grid[1] + column][None]
        for key, layers in read(stream).items():
            matrices = capacities(layers[start:], p, fuse, residual, discard)
            found = flows(matrices, rows, p, float)
            first = matrices[0].sum(0)[p:]
            shape = ([len(rows)] if asked == "all" else []) + list(grid)
            lines.append([stream, " ".join(options), key,
                          "flow" if asked == default else "flow-q" + name,
                          "x".join(map(str, shape)), repr(float(found.sum() / len(rows))),
                          repr(float(np.mean(found >= first * (1 - 1e-6)))),
                          repr(float(np.mean(found >= 1 - 1e-6)))])
            values.extend((found / found.sum(1, keepdims=True)).ravel())

    put("plain", 1, (3, 4))
    put("plain", 1, (3, 4), query="all")
    put("plain", 1, (3, 4), query="mean", fuse="max")
    put("plain", 1, (3, 4), query="1:2", residual=0.2, discard=0.5)
    put("plain", 1, (3, 4), query="0:3", fuse="min", residual=0)
    put("plain", 1, (3, 4), start=2, discard=0.8)
    put("plain", 1, (3, 4), start=3, residual=1, query="2:2")
    put("deit", 2, (2, 3), query="1:0")
    put("foreign", 1, (2, 3), told="--prefix 1 --grid 2x3")
    with open(os.path.join(ROOT, "program.tsv"), "w", encoding="utf-8") as file:
        for line in lines:
            print(*line, sep="\t", file=file)
    np.save(os.path.join(ROOT, "program.npy"), np.array(values))


os.makedirs(ROOT, exist_ok=True)
make_graphs()
make_maps()
