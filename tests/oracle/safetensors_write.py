"""Makes tests/data/safetensors_write/: the same numbers by the safetensors library as F32 and as
F16 (rounded by NumPy), with the sum in the metadata that our writer puts there: the CRC-32 of
the file as it is with zeros in its place.
"""

import pathlib
import sys
import zlib

import numpy as np
from safetensors.numpy import save

ROOT = pathlib.Path("tests/data/safetensors_write")


def halves():
    """Every kind of rounding to 16 bits: between all neighbours of some ranges, and near the ends."""
    bits = np.concatenate([np.arange(0, 40), np.arange(0x3F0, 0x410), np.arange(0x7BF0, 0x7C00),
                           np.arange(0x3BFA, 0x3C06)]).astype("<u2")
    exact = bits.view("<f2").astype("<f4")
    above = (bits + 1).astype("<u2").view("<f2").astype("<f4")
    above[~np.isfinite(above)] = 65520
    middle = ((exact.astype("f8") + above) / 2).astype("<f4")
    near = [np.nextafter(middle, np.float32(s)) for s in (-np.inf, np.inf)]
    values = np.concatenate([exact, middle, *near]).astype("<f4")
    values = np.concatenate([values, -values, [1e-8, 2.9e-8, 3e-8, 1e-45, np.nan, np.inf, -np.inf]])
    values = values.astype("<f4")
    with np.errstate(over="ignore"):
        return values[np.isfinite(values.astype("<f2")) | ~np.isfinite(values)]


def tensors():
    random = np.random.default_rng(0)
    return {
        "head.weight": random.standard_normal((3, 5)).astype("<f4"),
        "blocks.10.norm1.bias": random.standard_normal(7).astype("<f4"),
        "blocks.2.norm1.bias": random.standard_normal(1).astype("<f4"),
        "stem.conv.weight": random.standard_normal((4, 3, 2, 2)).astype("<f4"),
        "Z": np.array(0.25, "<f4"),
        "halves": halves(),
        "nothing": np.zeros((2, 0), "<f4"),
    }


def with_sum(arrays):
    zeros = save(arrays, {"crc32": "0" * 8})
    return save(arrays, {"crc32": "%08x" % zlib.crc32(zeros)})


def main():
    ROOT.mkdir(parents=True, exist_ok=True)
    whole = tensors()
    (ROOT / "f32.safetensors").write_bytes(with_sum(whole))
    half = {k: np.asarray(v, "<f2") for k, v in whole.items()}
    (ROOT / "f16.safetensors").write_bytes(with_sum(half))
    return 0


if __name__ == "__main__":
    sys.exit(main())
