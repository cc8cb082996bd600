"""Makes tests/data/sinks/: streams of made-up attention with tokens, some of them sinks, and what
attnsplit --suppress-sinks must make of them.

NAME.tar are the streams. cases.tsv has a line a map that comes out: stream, options, key, the
map's name, its shape; the share of attention removed and the sinks, as in its .json. values.npy
(float64) has the numbers of these maps one after another. Which tokens are sinks is
attnstat.py's, by NumPy and scipy; here their columns go, and rows are divided by their sums.
"""

import json
import os
import sys

import numpy as np

import attnstat
from attnstat import Measured, find_sinks

attnstat.ROOT = ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data",
                                    "sinks")


def suppress(heads, sinks):
    heads = np.where(sinks, 0, heads)
    sums = heads.sum(-1, keepdims=True)
    return np.divide(heads, sums, out=np.zeros_like(heads), where=sums > 0)


class Cases:
    def __init__(self):
        self.lines, self.values = [], []

    def put(self, stream, query=None, fuse=None, layers=None, share=3, outlying=5, as_name=None):
        options = ["attnsplit", "--suppress-sinks"]
        for name, value, usual in (("-q", query, None), ("-H", fuse, None), ("-l", layers, None),
                                   ("--sink-share", share, 3), ("--sink-norm", outlying, 5),
                                   ("--as", as_name, None)):
            if value != usual:
                options += [name, str(value)]
        _, tail, rows = stream.query(query)
        for key, attention in stream.attention.items():
            for layer in range(stream.layers) if layers is None else [layers]:
                heads = attention[layer].astype(float)
                sinks = find_sinks(stream, heads, stream.residual[key, layer], share, outlying)
                left = suppress(heads, sinks)
                gone = (rows @ heads)[..., sinks].sum(-1)  # [heads] or [heads, queries]
                maps = np.stack([stream.read(head, rows) for head in left])
                place = [list(map(int, divmod(j - stream.prefix, stream.grid[1])))
                         for j in np.flatnonzero(sinks)]
                if fuse:
                    maps = {"mean": np.mean, "max": np.max, "std": np.std}[fuse](maps, axis=0)
                    maps, gone, names = [maps], [gone.mean()], [fuse]
                else:
                    names = ["h%02d" % h for h in range(stream.heads)]
                for one, mass, name in zip(maps, gone, names):
                    self.lines.append("\t".join((
                        stream.name, " ".join(options), key,
                        "%sl%02d-%s-nosinks%s" % (as_name + "-" if as_name else "", layer, name,
                                                  tail),
                        "x".join(map(str, one.shape)), repr(float(np.mean(mass))),
                        json.dumps(place))))
                    self.values.append(one.ravel())


def main():
    os.makedirs(ROOT, exist_ok=True)
    plain = Measured("plain", 1, (3, 4), 2, 3)
    plain.add("one", 70, 1.5)
    plain.add("folder/two", 71, 0.5)
    plain.draw(4, 12)
    plain.draw(9, 15)
    plain.draw(0, 5)
    for seed, (key, layer) in enumerate(sorted((key, layer) for key in plain.attention
                                               for layer in (0, 1))):
        plain.add_tokens(key, layer, seed, [{0: 30, 4: 20, 9: 9}, {9: 20, 7: 20}, {4: 12}, {}][seed])
    registers = Measured("registers", 5, (2, 5), 1, 2)
    registers.add("a", 72, 2)
    registers.draw(3, 9)
    registers.draw(8, 12)
    registers.add_tokens("a", 0, 9, {3: 30, 8: 25})
    pooled = Measured("pooled", 0, (4, 2), 1, 4, registers=0, readout="mean", dtype="<f2")
    pooled.add("a", 73, 1)
    pooled.draw(5, 20)
    pooled.add_tokens("a", 0, 10, {5: 25})
    all_of_it = Measured("all", 0, (2, 2), 1, 1, registers=0, readout="mean")
    all_of_it.attention["a"] = np.eye(4)[None, None, [2, 2, 2, 1]].astype("<f4")
    all_of_it.add_tokens("a", 0, 11, {2: 25})
    cases = Cases()
    for stream in (plain, registers, pooled, all_of_it):
        stream.write()
        cases.put(stream, share=2)
        cases.put(stream, query="all", fuse="mean", share=2)
    cases.put(plain)
    cases.put(plain, query="mean", fuse="max", layers=1)
    cases.put(plain, query="1:2", fuse="std", share=0.5, outlying=0.5, as_name="few")
    cases.put(registers, query="reg1")
    with open(os.path.join(ROOT, "cases.tsv"), "w", encoding="utf-8") as file:
        print(*cases.lines, sep="\n", file=file)
    np.save(os.path.join(ROOT, "values.npy"), np.concatenate(cases.values))
    return 0


if __name__ == "__main__":
    sys.exit(main())
