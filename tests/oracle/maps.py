"""Makes tests/data/maps/: streams of made-up attention, and what maps of it must be.

NAME.tar are the streams. cases.tsv has a line a command: its name, the stream, the command.
maps.tsv has a line a map that comes out, in order: case, key, the map's name, its shape, and
what must stand in its .json (beside signed false, target and view null, where they aren't given).
values.npy (float64) has the numbers of these maps one after another.

The numbers are computed here in float64: by NumPy from the definitions of Abnar & Zuidema 2020,
by torch from the code of vit-explain. Of the methods with gradients each is written as its paper
has it, over whole matrices from the first layer up: chefer as R + E_h[relu+(G A)] R (Chefer et
al. 2021), grad-rollout by torch's relu and normalize, attn-gradcam over the query's rows.
"""

import io
import itertools
import os
import struct
import sys
import tarfile
import zlib

import numpy as np
import torch

from streams import compact, member, npy

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "maps")

# All of the script's arithmetic in float64.
torch.set_default_dtype(torch.float64)


TARGET = {"index": 281, "name": "tabby", "logit": 9.125, "prob": 0.83}


class Stream:
    """Samples of one layout. attention: key -> [layers, heads, tokens, tokens], as stored;
    gradient, which may be empty, likewise."""

    def __init__(self, name, prefix, grid, layers, heads, distilled=False, registers=None,
                 readout="cls", foreign=False, dtype="<f4", target=None):
        self.name, self.prefix, self.grid = name, prefix, grid
        self.layers, self.heads, self.distilled = layers, heads, distilled
        self.registers, self.readout, self.foreign = registers, readout, foreign
        self.dtype, self.attention, self.gradient, self.target = dtype, {}, {}, target
        self.patches = grid[0] * grid[1]
        self.tokens = prefix + self.patches

    def add(self, key, seed, sharpness):
        """Rows of softmax(sharpness * normal): peaked where sharpness is large."""
        shape = (self.layers, self.heads, self.tokens, self.tokens)
        x = np.exp(sharpness * np.random.default_rng(seed).standard_normal(shape))
        self.attention[key] = (x / x.sum(-1, keepdims=True)).astype(self.dtype)

    def add_gradient(self, key, seed, scale):
        """Of either sign, and every 5th exactly 0."""
        random = np.random.default_rng(seed)
        shape = self.attention[key].shape
        x = scale * random.standard_normal(shape) * (random.integers(0, 5, shape) > 0)
        self.gradient[key] = x.astype(self.dtype)

    def model_json(self):
        about = {"model": "made:0badcafe", "prefix": self.prefix, "distilled": self.distilled,
                 "patch": [4, 4], "grid": list(self.grid), "layers": self.layers,
                 "heads": self.heads, "readout": self.readout, "target": self.target}
        if self.registers is not None:
            about["registers"] = self.registers
        return compact(about)

    def members(self):
        for key, layers in self.attention.items():
            if not self.foreign:
                yield key + ".model.json", self.model_json()
            for layer, array in enumerate(layers):
                yield "%s.attn.%02d.npy" % (key, layer), npy(array)
            for layer, array in enumerate(self.gradient.get(key, ())):
                yield "%s.attngrad.%02d.npy" % (key, layer), npy(array)

    def write(self):
        with open(os.path.join(ROOT, self.name + ".tar"), "wb") as file:
            file.write(self.shard() if self.foreign else self.strict())

    def shard(self):
        file = io.BytesIO()
        with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
            for name, data in self.members():
                info = tarfile.TarInfo(name)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
            end = tar.offset + 1024  # without what fills it up to 10,240 bytes
        return file.getvalue()[:end]

    def strict(self):
        data = member("__stream__/head",
                      compact({"format": "tensorstream", "version": 1, "pg": []}))
        crc, count = 0, 0
        for path, value in self.members():
            data += member(path, value)
            crc = zlib.crc32(path.encode() + b"\0" + struct.pack("<Q", len(value)) + value, crc)
            count += 1
        tail = {"samples": len(self.attention), "bad": 0, "members": count, "crc32": crc}
        return data + member("__stream__/tail", compact(tail)) + bytes(1024)

    # Queries: what they are called in a map's name, and which rows of a matrix they are.

    def query(self, text):
        """(name, part of the map's name, weights [tokens] or, for all, [patches, tokens])"""
        default = text is None
        text = text or self.readout
        eye = np.eye(self.tokens)
        if text == "all":
            return text, "-qall", eye[self.prefix:]
        if text == "mean":
            rows = eye[self.prefix:].mean(0)
        elif text == "cls":
            rows = eye[0]
        elif text == "dist":
            rows = eye[1]
        elif text.startswith("reg"):
            count = self.registers
            if count is None:
                count = self.prefix - 1 - self.distilled
            rows = eye[self.prefix - count + int(text[3:])]
        else:
            row, column = map(int, text.split(":"))
            text = "%02d-%02d" % (row, column)
            rows = eye[self.prefix + row * self.grid[1] + column]
        return text, "" if default or text == self.readout else "-q" + text, rows

    def read(self, matrix, weights):
        """The map [rows, columns], or [patches, rows, columns]."""
        out = weights @ matrix[..., self.prefix:]
        return out.reshape(out.shape[:-1] + self.grid)


# The methods.

def split_map(stream, heads, weights, fusion):
    """heads [H, N, N]; fusion of what each head gives to the patches."""
    maps = np.stack([stream.read(head, weights) for head in heads.astype(float)])
    return {"mean": np.mean, "max": np.max, "min": np.min, "std": np.std}[fusion](maps, axis=0)


def abnar(stream, layers, fuse, residual, discard, start):
    """R = A_L ... A_start, rows of residual I + (1 - residual) E_h A normalised."""
    p, n = stream.prefix, stream.patches
    result = np.eye(stream.tokens)
    for heads in layers.astype(float)[start:]:
        a = {"mean": np.mean, "max": np.max, "min": np.min}[fuse](heads, axis=0)
        for row in a:
            lowest = np.argsort(row[p:], kind="stable")[:int(np.floor(discard * n))]
            row[p + lowest] = 0
        a = residual * np.eye(stream.tokens) + (1 - residual) * a
        sums = a.sum(-1, keepdims=True)
        result = np.divide(a, sums, out=np.zeros_like(a), where=sums != 0) @ result
    return result


def vit_explain(attentions, discard_ratio, head_fusion):
    """rollout() of github.com/jacobgil/vit-explain, vit_rollout.py, as it stands there up to
    the mask. attentions: a list of [1, heads, tokens, tokens]."""
    result = torch.eye(attentions[0].size(-1))
    with torch.no_grad():
        for attention in attentions:
            if head_fusion == "mean":
                attention_heads_fused = attention.mean(axis=1)
            elif head_fusion == "max":
                attention_heads_fused = attention.max(axis=1)[0]
            elif head_fusion == "min":
                attention_heads_fused = attention.min(axis=1)[0]
            else:
                raise "Attention head fusion type Not supported"

            # Drop the lowest attentions, but
            # don't drop the class token
            flat = attention_heads_fused.view(attention_heads_fused.size(0), -1)
            _, indices = flat.topk(int(flat.size(-1)*discard_ratio), -1, False)
            indices = indices[indices != 0]
            flat[0, indices] = 0

            I = torch.eye(attention_heads_fused.size(-1))
            a = (attention_heads_fused + 1.0*I)/2
            a = a / a.sum(dim=-1)

            result = torch.matmul(a, result)
    return result[0].numpy()


def chefer(attention, gradient, fuse, start):
    """R = I; from the start layer up, R = R + E_h[relu+(G A)] R."""
    result = np.eye(attention.shape[-1])
    for a, g in list(zip(attention, gradient))[start:]:
        cam = np.maximum(g * a, 0)
        cam = {"mean": np.mean, "max": np.max, "min": np.min}[fuse](cam, axis=0)
        result = result + cam @ result
    return result


def grad_rollout(attention, gradient, prefix, fuse, residual, discard, start):
    """E_h relu+(A G), then as abnar, with torch."""
    a = torch.relu(torch.tensor(attention) * torch.tensor(gradient))[start:]
    a = {"mean": torch.mean, "max": torch.amax, "min": torch.amin}[fuse](a, dim=1)
    patches = a[..., prefix:]
    order = torch.argsort(patches, dim=-1, stable=True)
    count = int(np.floor(discard * patches.shape[-1]))
    patches.scatter_(-1, order[..., :count], 0.0)
    mixed = residual * torch.eye(a.shape[-1]) + (1 - residual) * a
    mixed = torch.nn.functional.normalize(mixed, p=1, dim=-1, eps=1e-300)
    result = torch.eye(a.shape[-1])
    for layer in mixed:
        result = layer @ result
    return result.numpy()


def attn_gradcam(attention, gradient, prefix, weights):
    """relu+ E_h[A[q,p:] mean_{j>=p} G[q,j]] of the last layer. weights [tokens], or for all
    [patches, tokens]: of which rows the query is the mean."""
    if weights.ndim == 2:
        return np.stack([attn_gradcam(attention, gradient, prefix, w) for w in weights])
    a, g = (layers[-1][:, weights > 0].mean(1)[:, prefix:] for layers in (attention, gradient))
    return np.maximum(np.einsum("hj,h->j", a, g.mean(1)) / len(a), 0)


def note(script, fuse, residual, discard, start):
    """Options that differ from the method's own, as a map's .json tells them."""
    parts = []
    if fuse not in (None, "max" if script else "mean"):
        parts.append("%s of heads" % fuse)
    if discard not in (None, 0.9 if script else 0):
        parts.append("discard %g" % discard)
    if residual not in (None, 0.5):
        parts.append("residual %g" % residual)
    if start:
        parts.append("from layer %d" % start)
    return {"note": ", ".join(parts)} if parts else {}


# Cases.

class Cases:
    def __init__(self):
        self.cases, self.maps, self.values = [], [], []

    def begin(self, stream, words):
        name = "%s-%d" % (words[0], len(self.cases))
        if stream.foreign:
            words = words + ["--prefix", str(stream.prefix), "--grid", "%dx%d" % stream.grid]
        self.cases.append((name, stream.name, " ".join(words)))
        return name

    def expect(self, case, key, name, value, **about):
        about = {"layer": None, "head": None, "residual": None, **about}
        shape = "x".join(map(str, value.shape))
        self.maps.append((case, key, name, shape, compact(about).decode()))
        self.values.append(value.reshape(-1))

    def attnsplit(self, stream, layers=None, heads=None, query=None):
        """layers and heads: None, or the option's text and the numbers that it means."""
        words = ["attnsplit"]
        words += ["-l", layers[0]] if layers else []
        words += ["-H", heads if isinstance(heads, str) else heads[0]] if heads else []
        words += ["-q", query] if query else []
        case = self.begin(stream, words)
        queries = [stream.query(text) for text in (query.split(",") if query else [None])]
        for key, attention in stream.attention.items():
            for layer in layers[1] if layers else range(stream.layers):
                for head in ([heads] if isinstance(heads, str) else
                             heads[1] if heads else range(stream.heads)):
                    for name, part, weights in queries:
                        self.one_split(stream, case, key, layer, head, attention[layer], name,
                                       part, weights)

    def one_split(self, stream, case, key, layer, head, heads, query, part, weights):
        fused = isinstance(head, str)
        value = split_map(stream, heads if fused else heads[head:head + 1], weights,
                          head if fused else "mean")
        name = "l%02d-%s%s" % (layer, head if fused else "h%02d" % head, part)
        self.expect(case, key, name, value, method="attention", layer=layer, head=head,
                    query=query, grid=list(stream.grid),
                    model=None if stream.foreign else "made:0badcafe")

    def rollout(self, stream, method=None, fuse=None, residual=None, discard=None, start=None,
                query=None, called=None):
        options = {"-M": method, "--fuse": fuse, "--residual": residual, "--discard": discard,
                   "--start": start, "-q": query, "--as": called}
        words = [str(word) for pair in options.items() if pair[1] is not None for word in pair]
        case = self.begin(stream, ["rollout"] + words)
        script = method == "vit-explain"
        for key, attention in stream.attention.items():
            if script:
                layers = torch.tensor(attention[start or 0:].astype(float))
                result = vit_explain([layer[None] for layer in layers],
                                     0.9 if discard is None else discard, fuse or "max")
            else:
                result = abnar(stream, attention, fuse or "mean",
                               0.5 if residual is None else residual, discard or 0, start or 0)
            for text in query.split(",") if query else [None]:
                name, part, weights = stream.query(text)
                self.expect(case, key, (called or method or "abnar") + part,
                            stream.read(result, weights), method=method or "abnar",
                            residual=0.5 if residual is None else residual, query=name,
                            grid=list(stream.grid),
                            model=None if stream.foreign else "made:0badcafe",
                            **note(script, fuse, residual, discard, start))

    def of_class(self, stream, method, fuse=None, residual=None, discard=None, start=None,
                 query=None, called=None):
        """rollout by a method that needs the gradient."""
        options = {"-M": method, "--fuse": fuse, "--residual": residual, "--discard": discard,
                   "--start": start, "-q": query, "--as": called}
        words = [str(word) for pair in options.items() if pair[1] is not None for word in pair]
        case = self.begin(stream, ["rollout"] + words)
        weight = None
        if method == "grad-rollout":
            weight = 0.5 if residual is None else residual
        for key in stream.attention:
            a, g = stream.attention[key].astype(float), stream.gradient[key].astype(float)
            if method == "chefer":
                result = chefer(a, g, fuse or "mean", start or 0)
            elif method == "grad-rollout":
                result = grad_rollout(a, g, stream.prefix, fuse or "mean", weight, discard or 0,
                                      start or 0)
            for text in query.split(",") if query else [None]:
                name, part, weights = stream.query(text)
                if method == "attn-gradcam":
                    value = attn_gradcam(a, g, stream.prefix, weights)
                    value = value.reshape(value.shape[:-1] + stream.grid)
                else:
                    value = stream.read(result, weights)
                self.expect(case, key, (called or method) + part, value, method=method,
                            residual=weight, query=name, grid=list(stream.grid),
                            model=None if stream.foreign else "made:0badcafe",
                            target=stream.target,
                            **note(False, fuse, residual, discard, start))

    def write(self):
        for name, rows in (("cases", self.cases), ("maps", self.maps)):
            with open(os.path.join(ROOT, name + ".tsv"), "w", encoding="utf-8") as file:
                for row in rows:
                    print(*row, sep="\t", file=file)
        np.save(os.path.join(ROOT, "values.npy"), np.concatenate(self.values).astype("<f8"))


def make_streams():
    plain = Stream("plain", 1, (3, 4), 4, 3)
    plain.add("peaked", 1, 3)
    plain.add("folder/diffuse", 2, 0.3)
    deit = Stream("deit", 2, (2, 3), 3, 2, distilled=True)
    deit.add("a", 3, 2)
    registers = Stream("registers", 5, (2, 4), 3, 3, registers=4)
    registers.add("a", 4, 2)
    pooled = Stream("pooled", 0, (4, 2), 2, 2, registers=0, readout="mean", dtype="<f2")
    pooled.add("a", 5, 2)
    gap = Stream("gap", 3, (2, 2), 2, 2, registers=3, readout="mean", dtype="<f8")
    gap.add("a", 6, 1)
    pooled_class = Stream("pooledclass", 1, (1, 5), 2, 2, readout="mean")
    pooled_class.add("a", 7, 1)
    foreign = Stream("foreign", 1, (2, 3), 2, 2, foreign=True)
    foreign.add("somebody/s", 8, 2)

    # Values of which many are the same, and all exact.
    ties = Stream("ties", 1, (2, 5), 3, 2)
    ties.attention["a"] = (np.random.default_rng(9).integers(0, 4, (3, 2, 11, 11)) / 16
                           ).astype("<f4")
    ties.attention["a"][..., 0] += 1 / 16

    # The class token's attention to itself is the lowest of all: the script spares it.
    spared = Stream("spared", 1, (2, 2), 3, 2)
    spared.add("a", 10, 1)
    spared.attention["a"][:, :, 0, 0] = 1e-4

    nan = Stream("nan", 1, (2, 2), 3, 3)
    nan.add("a", 11, 1)
    nan.attention["a"][1, 1, 0, 3] = np.nan
    return (plain, deit, registers, pooled, gap, pooled_class, foreign, ties, spared, nan)


def make_gradient_streams():
    plain = Stream("grad", 1, (3, 4), 4, 3, target=TARGET)
    for seed, (key, sharpness, scale) in enumerate((("strong", 3, 2), ("folder/weak", 0.3, 1e-3))):
        plain.add(key, 20 + seed, sharpness)
        plain.add_gradient(key, 30 + seed, scale)
    deit = Stream("graddeit", 2, (2, 3), 3, 2, distilled=True, target=TARGET)
    deit.add("a", 22, 2)
    deit.add_gradient("a", 32, 1)
    pooled = Stream("gradpooled", 0, (4, 2), 2, 2, registers=0, readout="mean", dtype="<f2",
                    target={"index": 3, "name": None, "logit": 1, "prob": None})
    pooled.add("a", 23, 2)
    pooled.add_gradient("a", 33, 1)
    foreign = Stream("gradforeign", 1, (2, 3), 2, 2, foreign=True, dtype="<f8")
    foreign.add("somebody/s", 24, 2)
    foreign.add_gradient("somebody/s", 34, 1)

    # The class token's last row alone has a gradient, as where the head reads it; layer 1 has none.
    top = Stream("gradtop", 1, (2, 2), 3, 2, target=TARGET)
    top.add("a", 25, 1)
    top.add_gradient("a", 35, 1)
    top.gradient["a"][2, :, 1:] = 0
    top.gradient["a"][1] = 0

    nan = Stream("gradnan", 1, (2, 2), 3, 3, target=TARGET)
    nan.add("a", 26, 1)
    nan.add_gradient("a", 36, 1)
    nan.gradient["a"][1, 1, 0, 3] = np.nan
    nan.gradient["a"][2, 2, 0, 2] = np.nan
    return plain, deit, pooled, foreign, top, nan


def gradient_cases(cases):
    streams = make_gradient_streams()
    plain, deit, pooled, foreign, top, nan = streams
    for stream in streams:
        stream.write()
        for method in ("grad-rollout", "chefer", "attn-gradcam"):
            cases.of_class(stream, method)
    for stream, query in ((plain, "cls,mean,1:2,2:3,0:0"), (deit, "cls,dist,mean,1:2"),
                          (pooled, "mean,3:1"), (foreign, "cls,1:2")):
        for method in ("grad-rollout", "chefer", "attn-gradcam"):
            cases.of_class(stream, method, query=query)
            cases.of_class(stream, method, query="all")
        cases.of_class(stream, "grad-rollout", "min", 0.3, 0.5, query=query)
        cases.of_class(stream, "chefer", "max", query=query)
    for fuse, residual, discard in itertools.product((None, "max", "min"), (None, 0, 0.3, 1),
                                                     (None, 0.3, 0.9, 1)):
        cases.of_class(plain, "grad-rollout", fuse, residual, discard)
    for fuse, start in itertools.product(("mean", "max", "min"), range(4)):
        cases.of_class(plain, "chefer", fuse, start=start)
        cases.of_class(plain, "grad-rollout", fuse, start=start)
    cases.of_class(plain, "chefer", called="mine")
    for fuse in ("mean", "max", "min"):
        cases.of_class(nan, "chefer", fuse)
        cases.of_class(nan, "grad-rollout", fuse, 0.3, 0.5)
    cases.of_class(nan, "attn-gradcam", query="0:0,0:1")


def main():
    os.makedirs(ROOT, exist_ok=True)
    streams = make_streams()
    plain, deit, registers, pooled, gap, pooled_class, foreign, ties, spared, nan = streams
    for stream in streams:
        stream.write()
    cases = Cases()

    for stream in streams:
        cases.attnsplit(stream)
        cases.rollout(stream)
        for fusion in ("mean", "max", "min", "std"):
            cases.attnsplit(stream, heads=fusion)
    cases.attnsplit(plain, ("1", [1]), ("0", [0]))
    cases.attnsplit(plain, ("-1", [3]), ("-1", [2]))
    cases.attnsplit(plain, ("0-1,3", [0, 1, 3]), ("1-", [1, 2]))
    cases.attnsplit(plain, ("all", range(4)), ("all", range(3)))
    cases.attnsplit(plain, ("2", [2]), ("1", [1]), "all")
    cases.attnsplit(plain, ("2", [2]), "std", "all")
    cases.attnsplit(plain, ("2", [2]), "max", "cls,mean,1:2,2:3,0:0")
    cases.attnsplit(plain, ("0", [0]), query="mean")
    for stream, query in ((deit, "cls,dist,mean,1:2"), (registers, "cls,reg0,reg3,mean,1:3"),
                          (pooled, "mean,3:1"), (gap, "reg0,reg2,mean,1:0"),
                          (pooled_class, "cls,mean,0:4"), (foreign, "cls,1:2")):
        cases.attnsplit(stream, ("0", [0]), "mean", query)
        cases.attnsplit(stream, ("1", [1]), ("1", [1]), "all")
        cases.rollout(stream, query=query)
        cases.rollout(stream, query="all")
        cases.rollout(stream, "vit-explain", query=query)
        cases.rollout(stream, fuse="min", residual=0.3, discard=0.5, query=query)

    for fuse, residual, discard in itertools.product(
            (None, "max", "min"), (None, 0, 0.3, 1), (None, 0.3, 0.9, 1)):
        cases.rollout(plain, None, fuse, residual, discard)
    cases.rollout(plain, "abnar", "mean", 0.5, 0, 0, "cls", "mine")
    for start in range(4):
        cases.rollout(plain, start=start)
        cases.rollout(plain, "vit-explain", start=start)
    cases.rollout(plain, query="all", discard=0.3, residual=0.3)
    cases.rollout(plain, "vit-explain", query="all")
    for fuse, discard in itertools.product((None, "mean", "max", "min"),
                                           (None, 0, 0.3, 0.9, 1)):
        cases.rollout(plain, "vit-explain", fuse, None, discard)
        cases.rollout(spared, "vit-explain", fuse, None, discard)
    for fuse, discard in itertools.product(("mean", "max", "min"),
                                           (0.1, 0.3, 0.5, 0.7, 0.9, 1)):
        cases.rollout(ties, None, fuse, None, discard, None, "cls,1:1")
        cases.rollout(pooled, None, fuse, 0, discard)
    for fuse in ("mean", "max", "min"):
        cases.rollout(nan, None, fuse)
        cases.rollout(nan, None, fuse, None, 0.5)
        cases.rollout(nan, None, fuse, None, None, 2)
    gradient_cases(cases)
    cases.write()
    print(len(cases.cases), "cases", len(cases.maps), "maps",
          sum(len(values) for values in cases.values), "numbers")
    return 0


if __name__ == "__main__":
    sys.exit(main())
