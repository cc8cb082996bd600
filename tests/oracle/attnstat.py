"""Makes tests/data/attnstat/: streams of made-up attention, and what attnstat must print of them.

NAME.tar are the streams. cases.tsv has a line a command: the case's name, its stream, the command;
CASE.tsv is the table that must come out, its numbers as float64 has them. singular.npy has, one
after another, the singular values by numpy.linalg.svd of the matrices of check_singular.c, which
matrix() repeats to the bit; singular.tsv a line for each: side, kind, effective rank.

Every number is computed by NumPy in float64 from its definition, over whole matrices: the
Jensen-Shannon divergence is scipy's, squared; the median absolute deviation scipy's too.
"""

import os
import sys
import warnings

import numpy as np
from scipy import spatial, stats

from maps import Stream
from streams import compact, npy

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "attnstat")
NUMBERS = ["distance", "entropy", "prefix_mass", "diagonal_mass", "effective_rank", "divergence",
           "sinks", "sink_share"]


class Measured(Stream):
    """With tokens: (key, layer) -> [tokens, dim]; patch and input: [height, width] or None."""

    def __init__(self, *given, patch=(4, 8), input=None, **others):
        super().__init__(*given, **others)
        self.patch, self.input, self.residual = patch, input, {}

    def model_json(self):
        about = {"model": "made:0badcafe", "prefix": self.prefix, "patch": self.patch,
                 "grid": list(self.grid), "layers": self.layers, "heads": self.heads,
                 "readout": self.readout, "target": None}
        return compact(about)

    def members(self):
        for key, layers in self.attention.items():
            if self.input:
                yield key + ".view.json", compact({"input": self.input[::-1]})
            if not self.foreign:
                yield key + ".model.json", self.model_json()
            for layer, array in enumerate(layers):
                yield "%s.attn.%02d.npy" % (key, layer), npy(array)
                if (key, layer) in self.residual:
                    yield "%s.tokens.%02d.npy" % (key, layer), npy(self.residual[key, layer])

    def write(self):
        with open(os.path.join(ROOT, self.name + ".tar"), "wb") as file:
            file.write(self.shard() if self.foreign else self.strict())

    def draw(self, token, factor):
        """All heads of all samples give a token so many times as much, and the rest less."""
        for key, array in self.attention.items():
            array = array.astype(float)
            array[..., token] *= factor
            self.attention[key] = (array / array.sum(-1, keepdims=True)).astype(self.dtype)

    def add_tokens(self, key, layer, seed, outlying):
        """Of 6 numbers; outlying: token -> how many times as long."""
        x = np.random.default_rng(seed).standard_normal((self.tokens, 6)) + 2
        for token, factor in outlying.items():
            x[token] *= factor
        self.residual[key, layer] = x.astype("<f4")

    def patch_size(self, told):
        if self.patch and not self.foreign and not told:
            return self.patch
        if self.input:
            return [side / count for side, count in zip(self.input, self.grid)]
        return [1, 1]


def effective_rank(matrix):
    values = np.linalg.svd(matrix, compute_uv=False)
    return np.exp(stats.entropy(values / values.sum()))


def find_sinks(stream, heads, tokens, share, outlying):
    """Which of all tokens are sinks of a layer."""
    received = heads.mean((0, 1))
    sinks = received > share / stream.tokens
    if tokens is not None:
        norms = np.linalg.norm(tokens.astype(float), axis=1)
        patches = norms[stream.prefix:]
        sinks &= norms > np.median(patches) + outlying * stats.median_abs_deviation(patches)
    sinks[:stream.prefix] = False
    return sinks


def measure(stream, heads, tokens, told, share, outlying, relative, readout):
    """[heads, NUMBERS] of a layer [heads, tokens, tokens]."""
    heads = heads.astype(float)
    p, n = stream.prefix, stream.patches
    places = np.indices(stream.grid).reshape(2, -1).T * stream.patch_size(told)
    distances = spatial.distance_matrix(places, places)
    sinks = find_sinks(stream, heads, tokens, share, outlying)
    token = readout and p > 0 and stream.readout == "cls"
    asking = [0] if token else range(p, p + n)
    table = []
    for h, head in enumerate(heads):
        queries, inner = head[asking], head[asking, p:]
        inner = inner[inner.sum(1) > 0] / inner.sum(1)[inner.sum(1) > 0, None]
        between = np.nan if token else distances[head[p:, p:].sum(1) > 0]
        divergences = [np.mean(spatial.distance.jensenshannon(queries, other[asking], axis=1)**2)
                       for other in np.delete(heads, h, 0)]
        table.append([(inner * between).sum(1).mean() if len(inner) else np.nan,
                      stats.entropy(inner, axis=1).mean() if len(inner) else np.nan,
                      queries[:, :p].sum(1).mean(), np.mean(np.diag(head)[asking]),
                      effective_rank(head), np.mean(divergences) if divergences else np.nan,
                      sinks.sum(), (queries if readout else head).mean(0)[sinks].sum()])
    table = np.array(table)
    if relative:
        even = np.full(n, 1 / n)
        table[:, 0] /= (even * (distances @ even)).sum()
        table[:, 1] /= stats.entropy(even)
    return table


class Cases:
    def __init__(self):
        self.lines = []

    def put(self, name, stream, layers=None, mean="none", columns=None, share=3, outlying=5,
            told=None, relative=False, readout=False):
        options = [("-l", layers and ",".join(map(str, layers))), ("--mean", mean),
                   ("--stats", columns and ",".join(columns)), ("--sink-share", share),
                   ("--sink-norm", outlying)]
        command = "attnstat" + (" --prefix %d --grid %dx%d" % told if told else "")
        command += " --relative" if relative else ""
        command += " --readout" if readout else ""
        for option, value in options:
            if value not in (None, "none", 3, 5):
                command += " %s %s" % (option, value)
        self.lines.append("\t".join((name, stream.name, command)))
        chosen = range(stream.layers) if layers is None else layers
        samples = [(key, layer, stream.residual.get((key, layer)),
                    measure(stream, stream.attention[key][layer],
                            stream.residual.get((key, layer)), told, share, outlying, relative,
                            readout))
                   for key in stream.attention for layer in chosen]
        self.write(name, samples, mean, [name for name in NUMBERS
                                         if columns is None or name in columns])

    def put_sinks(self, name, stream, share=3, outlying=5):
        """The table of --sinks."""
        self.lines.append("%s\t%s\tattnstat --sinks --sink-share %s --sink-norm %s"
                          % (name, stream.name, share, outlying))
        lines = [["key", "layer", "token", "row", "column", "norm", "median_norm", "share",
                  "sink_rule"]]
        for key, layers in stream.attention.items():
            for layer, heads in enumerate(layers.astype(float)):
                tokens = stream.residual.get((key, layer))
                norms, rule = [""] * 2, "share"
                for token in np.flatnonzero(find_sinks(stream, heads, tokens, share, outlying)):
                    if tokens is not None:
                        length = np.linalg.norm(tokens.astype(float), axis=1)
                        norms = [text(length[token]), text(np.median(length[stream.prefix:]))]
                        rule = "share+norm"
                    lines.append([key, layer, token,
                                  *divmod(int(token) - stream.prefix, stream.grid[1]), *norms,
                                  text(heads.mean((0, 1))[token]), rule])
        write(name + ".tsv", lines)

    def write(self, name, samples, mean, columns):
        picked = [NUMBERS.index(column) for column in columns]
        ruled = ["sink_rule"] if {"sinks", "sink_share"} & set(columns) else []
        table = {}  # (key, layer, head) -> (rules, [numbers of each sample])
        for key, layer, tokens, numbers in samples:
            if mean in ("heads", "both"):
                numbers = [np.nanmean(numbers, 0)]
            for head, row in enumerate(numbers):
                place = (key if mean in ("none", "heads") else "", layer,
                         "mean" if mean in ("heads", "both") else head)
                rules, rows = table.setdefault(place, (set(), []))
                rules.add("share" if tokens is None else "share+norm")
                rows.append(row[picked])
        over = mean in ("samples", "both")
        lines = [["samples" if over else "key", "layer", "head", *columns, *ruled,
                  *[column + "_sd" for column in columns if over]]]
        for (key, layer, head), (rules, rows) in table.items():
            rule = [rules.pop() if len(rules) == 1 else "mixed"] if ruled else []
            spread = np.std(rows, axis=0, ddof=1) if over else []
            lines.append([len(rows) if over else key, layer, head,
                          *map(text, np.mean(rows, axis=0)), *rule, *map(text, spread)])
        write(name + ".tsv", lines)


def text(number):
    return "" if np.isnan(number) else repr(float(number))


def write(name, lines):
    with open(os.path.join(ROOT, name), "w", encoding="utf-8") as file:
        for line in lines:
            print(*line, sep="\t", file=file)


def make_special():
    """Heads of a kind each: uniform, to itself alone, the same row for all, to the prefix alone,
    one query to the patches."""
    stream = Measured("special", 2, (2, 4), 1, 5)
    n = stream.tokens
    same = np.exp(np.sin(np.arange(n)))
    prefix = np.zeros((n, n))
    prefix[:, 1] = 1
    one = prefix.copy()
    one[5] = np.eye(n)[7]
    heads = [np.full((n, n), 1 / n), np.eye(n), np.tile(same / same.sum(), (n, 1)), prefix, one]
    stream.attention["a"] = np.array([heads]).astype("<f4")
    return stream


def write_faults():
    """Rows that no softmax gives, behind a sample that is good; more heads than are taken."""
    stream = Measured("faults", 1, (2, 2), 1, 2)
    for seed, key in enumerate(("good", "negative", "half", "infinite", "rounded")):
        stream.add(key, 60 + seed, 1)
    stream.attention["negative"][0, 1, 2, 1:4] += np.array([1.5, -1.5, 0], "<f4")
    stream.attention["half"][0, 0, 4] /= 2
    stream.attention["infinite"][0, 1, 0, 0] = np.inf
    stream.attention["rounded"][0, 0, 4] *= 1.009
    stream.write()
    crowd = Measured("crowd", 0, (1, 1), 1, 1025)
    crowd.add("a", 65, 1)
    crowd.write()


def matrix(n, kind):
    """As check_singular.c makes it: numbers by tests/numbers.h, rows divided by their sums."""
    state, squarings = n * 2654435761 + 1, {"diffuse": 0, "peaked": 6}.get(kind, 3)
    a = np.empty((n, n))
    for i in range(n * n):
        state = (state * 1664525 + 1013904223) % 2**32
        a.flat[i] = (np.float32((state >> 8) / 8388608) - np.float32(1)) * 0.5 + 0.5
    for _ in range(squarings):
        a *= a
    if kind == "uniform":
        a[:] = 1
    if kind == "same":
        a[:] = a[0]
    if kind == "diagonal":
        a[:] = np.eye(n)
    return (a / np.cumsum(a, 1)[:, -1:]).astype("<f4").astype(float)


def write_singular():
    lines, values = [], []
    for n in (1, 2, 3, 4, 5, 16, 33, 65, 197):
        for kind in ("diffuse", "peaked", "uniform", "same", "diagonal"):
            a = matrix(n, kind)
            values.append(np.linalg.svd(a, compute_uv=False))
            lines.append([n, kind, text(effective_rank(a))])
    write("singular.tsv", lines)
    np.save(os.path.join(ROOT, "singular.npy"), np.concatenate(values))


def main():
    os.makedirs(ROOT, exist_ok=True)
    warnings.simplefilter("ignore", RuntimeWarning)  # of no numbers the mean is NaN: it should be
    plain = Measured("plain", 1, (3, 4), 3, 3)
    for seed, (key, sharpness) in enumerate((("peaked", 2.5), ("folder/diffuse", 0.3),
                                             ("another", 1))):
        plain.add(key, 40 + seed, sharpness)
    plain.draw(4, 8)
    plain.draw(9, 12)
    plain.draw(0, 5)
    plain.add_tokens("peaked", 0, 1, {0: 30, 4: 20, 7: 9})
    plain.add_tokens("folder/diffuse", 0, 2, {9: 20, 4: 2.5})
    plain.add_tokens("another", 0, 3, {4: 4, 9: 4})
    plain.add_tokens("peaked", 2, 4, {})
    registers = Measured("registers", 5, (2, 5), 2, 2)
    registers.add("a", 50, 2)
    registers.draw(3, 9)
    registers.draw(8, 6)
    pooled = Measured("pooled", 0, (4, 2), 2, 4, registers=0, readout="mean", dtype="<f2",
                      patch=None, input=[20, 6])
    pooled.add("a", 51, 1)
    foreign = Measured("foreign", 1, (2, 3), 2, 1, foreign=True, dtype="<f8")
    foreign.add("somebody/s", 52, 2)
    special = make_special()
    cases = Cases()
    for stream in (plain, registers, pooled, special):
        stream.write()
        cases.put(stream.name, stream)
        cases.put(stream.name + "-heads", stream, mean="heads")
    foreign.write()
    single = Measured("single", 0, (1, 1), 1, 3)
    single.add("a", 53, 1)
    single.write()
    cases.put("single", single)
    write_faults()
    cases.put("foreign", foreign, told=(1, 2, 3))
    cases.put("samples", plain, mean="samples")
    cases.put("both", plain, mean="both")
    cases.put("one-sample", registers, mean="samples")
    cases.put("layers", plain, layers=[0, 2], columns=["entropy", "distance"])
    cases.put("sinks", plain, columns=["sinks"], share=1.5, outlying=2)
    cases.put("share", plain, columns=["sink_share"], share=0.5, mean="both")
    cases.put("norm", plain, columns=["sink_share", "sinks"], outlying=0.5, mean="samples")
    cases.put("rank", plain, columns=["effective_rank"], mean="heads")
    cases.put("relative", plain, columns=["distance", "entropy"], relative=True)
    cases.put("relative-both", registers, mean="both", relative=True)
    cases.put("relative-foreign", foreign, told=(1, 2, 3), relative=True)
    cases.put("relative-single", single, relative=True)
    for stream in (plain, registers, pooled, special):
        cases.put(stream.name + "-readout", stream, readout=True, share=1.5, outlying=2)
    cases.put("divergence", plain, columns=["divergence"], layers=[1])
    cases.put_sinks("sinks-each", plain)
    cases.put_sinks("sinks-many", plain, share=0.5, outlying=0.5)
    cases.put_sinks("sinks-registers", registers, share=2)
    write("cases.tsv", [[line] for line in cases.lines])
    write_singular()
    return 0


if __name__ == "__main__":
    sys.exit(main())
