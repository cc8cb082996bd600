"""Reads streams that tensorcat writes with Python's tarfile, WebDataset and NumPy.

For developers: build/oracle/bin/python tests/oracle/check_interop.py [STREAM...] from the root
of the checkout, after make. Given streams are read as well. Exits with 1 where one differs.
"""

import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zlib

import numpy as np
import webdataset

DATA = "tests/data/streams/"


def adopted(path, folder):
    """The stream that tensorcat makes of a shard, as a file."""
    out = os.path.join(folder, os.path.basename(path))
    with open(out, "wb") as file:
        status = subprocess.run(["bin/tensorcat", path], stdout=file,
                                stderr=subprocess.DEVNULL, check=False).returncode
    assert status in (0, 1), path  # 1: there are bad samples
    return out


def members(path):
    with tarfile.open(path, "r:") as tar:
        return [(info.name, tar.extractfile(info).read(), info) for info in tar]


def check_tarfile(path):
    """Names, attributes, counts and sum as tensorstream(5) has them."""
    found = members(path)
    for name, _, info in found:
        assert info.isreg() and info.mode == 0o644, name
        assert info.uid == info.gid == info.mtime == 0, name
        assert info.uname == info.gname == "", name
    assert found[0][0] == "__stream__/head" and found[-1][0] == "__stream__/tail"
    head, tail = json.loads(found[0][1]), json.loads(found[-1][1])
    assert head["format"] == "tensorstream" and head["version"] == 1
    crc, keys, bad, count = 0, set(), 0, 0
    for name, data, _ in found[1:-1]:
        crc = zlib.crc32(name.encode() + b"\0" + len(data).to_bytes(8, "little") + data, crc)
        if not name.startswith("__stream__/"):
            folder, slash, base = name.rpartition("/")
            key, _, suffix = base.partition(".")
            keys.add(folder + slash + key)
            bad += suffix == "__bad__"
            count += 1
    assert tail == {"samples": len(keys), "bad": bad, "members": count, "crc32": crc}, tail
    return found


def check_webdataset(path, found):
    """The same samples, without what is under __stream__/."""
    expected = {}
    for name, data, _ in found:
        folder, slash, base = name.rpartition("/")
        key, dot, suffix = base.partition(".")
        if dot and suffix != "__bad__":
            expected.setdefault(folder + slash + key, {})[suffix.lower()] = data
    seen = {}
    for sample in webdataset.WebDataset(path, shardshuffle=False):
        fields = {k: v for k, v in sample.items() if not k.startswith("__")}
        if fields:
            seen[sample["__key__"]] = fields
    assert seen == {key: value for key, value in expected.items() if value}, (
        sorted(seen), sorted(expected))


def check_numpy(found):
    """Every array is one to NumPy, in C order, its numbers on a 64-byte boundary."""
    arrays = 0
    for name, data, info in found:
        if name.endswith(".npy"):
            array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
            assert array.flags.c_contiguous and data.endswith(array.tobytes()), name
            assert (info.offset_data + len(data) - array.nbytes) % 64 == 0, name
            arrays += 1
    return arrays


def main():
    with tempfile.TemporaryDirectory() as folder:
        shards = [DATA + name + ".tar" for name in "ustar gnu pax webdataset strict".split()]
        for path in [adopted(shard, folder) for shard in shards] + sys.argv[1:]:
            found = check_tarfile(path)
            check_webdataset(path, found)
            print(os.path.basename(path), len(found), "members,", check_numpy(found), "arrays")
    return 0


if __name__ == "__main__":
    sys.exit(main())
