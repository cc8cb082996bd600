"""Makes tests/data/streams/: tar shards by Python's tarfile and WebDataset, .npy arrays by
NumPy, and one stream in the strict profile, put together here from tensorstream(5) alone.

Each NAME.tar that is to be read comes with NAME.tsv, what should come out of it: a line
KEY, SUFFIX, size, CRC-32 a member, or "skip" and the name of what is no sample. Those under
refused/ are to be refused. Items of the arrays under npy/ follow the formula in item().
"""

import io
import json
import os
import struct
import sys
import tarfile
import zlib

import numpy as np
import webdataset

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "streams")
PLAIN = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_+=@,-"


def payload(size, seed):
    return np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8).tobytes()


def place(name):
    path = os.path.join(ROOT, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    return path


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)


def write_lines(path, lines):
    write(path, "".join("\t".join(line) + "\n" for line in lines).encode())


# What a name from outside becomes.

def encode_component(text):
    reserved = len(text) >= 4 and text.startswith(b"__") and text.endswith(b"__")
    out = ""
    for i, byte in enumerate(text):
        plain = chr(byte) in PLAIN and not (reserved and i == 0)
        out += chr(byte) if plain else "%%%02X" % byte
    return out


def split(name):
    """KEY and SUFFIX of a foreign member, or None."""
    folder, _, base = name.rpartition("/")
    stem, dot, suffix = base.partition(".")
    if not stem or not suffix:
        return None
    parts = [part for part in (folder + "/" + stem).split("/") if part not in ("", ".")]
    return "/".join(encode_component(part.encode()) for part in parts), suffix


def manifest(name, members):
    with open(place(name + ".tsv"), "w", encoding="utf-8") as file:
        for member, data in members:
            found = split(member)
            if found:
                print(*found, len(data), "%08x" % zlib.crc32(data), sep="\t", file=file)
            else:
                print("skip", member, sep="\t", file=file)


# Foreign shards.

def names():
    yield from ["photos/a.jpg", "photos/a.cls", "photos/b c.JPG", "v1.0/x.tar.gz", "README",
                ".hidden.jpg", "50%.jpg", "__x__/y.jpg", "./lead.jpg", "../up.jpg",
                "gr\u00fcn.png", "empty.cls", "deep/er/still/z.a.b.c"]
    for length in (99, 100, 101, 155, 156, 157, 200, 255, 256):
        yield "n%03d" % length + "/" + fill(length - 9) + ".jpg"
    for length in (99, 100, 101, 157, 300):
        yield "m%03d" % length + "m" * (length - 8) + ".jpg"


def fill(length):
    """A name of that length whose middle has a slash."""
    return "d" * (length // 2) + "/" + "f" * (length - length // 2 - 1)


def foreign(name, form, **headers):
    sizes = [0, 1, 7, 100, 511, 512, 513, 1000]
    members = []
    with tarfile.open(place(name + ".tar"), "w", format=form, **headers) as tar:
        folder = tarfile.TarInfo("photos/")
        folder.type = tarfile.DIRTYPE
        tar.addfile(folder)
        for i, member in enumerate(names()):
            data = payload(sizes[i % len(sizes)], i)
            info = tarfile.TarInfo(member)
            info.size = len(data)
            info.mtime = 1234567890.25 if form == tarfile.PAX_FORMAT else 1234567890
            info.uname = info.gname = "somebody"
            try:
                tar.addfile(info, io.BytesIO(data))
            except ValueError:
                continue  # ustar can't say this name
            members.append((member, data))
    manifest(name, members)


def by_webdataset():
    members = []
    with open(place("webdataset.tar"), "wb") as file:
        writer = webdataset.TarWriter(file, user="u", group="g", mtime=1.0)
        for i in range(3):
            array = np.arange(6, dtype=np.float32).reshape(2, 3) + i
            text = io.BytesIO()
            np.lib.format.write_array(text, array)
            writer.write({"__key__": "x/%05d" % i, "cls": i, "jpg": payload(700, i),
                          "a.npy": array})
            # In the order of their names, as the writer sorts them.
            members += [("x/%05d.a.npy" % i, text.getvalue()), ("x/%05d.cls" % i, b"%d" % i),
                        ("x/%05d.jpg" % i, payload(700, i))]
        writer.close()
    manifest("webdataset", members)


def refused(name, info, data=b"", form=tarfile.GNU_FORMAT):
    path = place("refused/" + name + ".tar")
    with tarfile.open(path, "w", format=form) as tar:
        good = tarfile.TarInfo("good.cls")
        good.size = 1
        tar.addfile(good, io.BytesIO(b"1"))
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    os.truncate(path, tar.offset)  # without what fills it up to 10,240 bytes


def refusals():
    kinds = {"symlink": tarfile.SYMTYPE, "hardlink": tarfile.LNKTYPE, "fifo": tarfile.FIFOTYPE,
             "device": tarfile.CHRTYPE, "sparse": tarfile.GNUTYPE_SPARSE}
    for name, kind in kinds.items():
        info = tarfile.TarInfo("bad.cls")
        info.type = kind
        info.linkname = "good.cls"
        refused(name, info)
    info = tarfile.TarInfo("bad.cls")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0",
                        "GNU.sparse.name": "bad.cls", "GNU.sparse.realsize": "1024"}
    refused("sparse-pax", info, payload(512, 0), tarfile.PAX_FORMAT)


# The strict profile.

def header(name, size, kind=b"0"):
    name = name.encode()
    prefix = b""
    if len(name) > 100:
        for cut in range(len(name) - 101, 156):
            if name[cut:cut + 1] == b"/":
                prefix, name = name[:cut], name[cut + 1:]
                break
        else:
            raise ValueError("needs pax")
    block = struct.pack("100s8s8s8s12s12s8sc100s8s32s32s8s8s155s12s", name, b"0000644",
                        b"0000000", b"0000000", b"%011o" % size, b"%011o" % 0, b" " * 8, kind,
                        b"", b"ustar\x0000", b"", b"", b"", b"", prefix, b"")
    return block[:148] + b"%06o\0 " % sum(block) + block[156:]


def pad(data):
    return data + bytes(-len(data) % 512)


def member(name, data):
    try:
        return header(name, len(data)) + pad(data)
    except ValueError:
        record, length = b"path=" + name.encode() + b"\n", 0
        while length != len(b"%d " % length + record):
            length = len(b"%d " % length + record)
        record = b"%d " % length + record
        return (header("././@PaxHeader", len(record), b"x") + pad(record)
                + header(name[:100], len(data)) + pad(data))


def npy(array):
    text = "{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (
        array.dtype.str, array.shape)
    text += " " * (-(len(text) + 11) % 64) + "\n"
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(text)) + text.encode() + array.tobytes()


def compact(thing):
    return json.dumps(thing, separators=(",", ":")).encode()


def strict():
    programs = [{"id": "preprocess", "pp": None, "pn": "preprocess", "vn": "0.1.0",
                 "args": ["--size=224"]},
                {"id": "vitfwd", "pp": "preprocess", "pn": "vitfwd", "vn": "0.1.0", "args": [],
                 "model": "tiny:0badcafe"}]
    array = np.arange(24, dtype="<f4").reshape(2, 3, 4) / 8
    members = [
        ("__stream__/model", compact({"model": "tiny:0badcafe", "classes": ["cat", None]})),
        ("cat.jpg", payload(1500, 1)),
        ("cat.cls", b"281"),
        ("cat.input.npy", npy(array)),
        ("pets/dog.png", payload(512, 2)),
        ("pets/dog.map.abnar.npy", npy(array[0])),
        ("pets/dog.map.abnar.json", compact({"method": "abnar", "signed": False})),
        ("broken.__bad__", compact({"stage": "preprocess", "error": "jpeg: premature end"})),
        ("__stream__/pg", compact({"format": "tensorstream", "version": 1, "pg": []})),
        ("prefix/" + "p" * 90 + "/" + "q" * 96 + ".cls", b"1"),
        ("pax/" + "p" * 20 + "/" + "q" * 101 + ".cls", b"2"),
        ("cat%2Epng.cls", b""),
    ]
    crc = 0
    data = member("__stream__/head", compact({"format": "tensorstream", "version": 1,
                                              "pg": programs}))
    for name, value in members:
        data += member(name, value)
        crc = zlib.crc32(name.encode() + b"\0" + struct.pack("<Q", len(value)) + value, crc)
    data += member("__stream__/tail", compact({"samples": 6, "bad": 1, "members": 10,
                                               "crc32": crc}))
    with open(place("strict.tar"), "wb") as file:
        file.write(data + bytes(1024))
    with open(place("strict.tsv"), "w", encoding="utf-8") as file:
        for name, value in members:
            if name.startswith("__stream__/"):
                key, suffix = name.split("/")
            else:
                folder, slash, base = name.rpartition("/")
                stem, _, suffix = base.partition(".")
                key = folder + slash + stem
            print(key, suffix, len(value), "%08x" % zlib.crc32(value), sep="\t", file=file)


# Arrays. check_npy.c has the same formula.

def item(kind, i):
    return {"f": i % 100 - 50 + 0.5, "i": i % 100 - 50, "u": i % 100, "b": i % 3 == 0}[kind]


def array(dtype, shape, order="C"):
    dtype = np.dtype(dtype)
    count = int(np.prod(shape))
    flat = np.array([item(dtype.kind, i) for i in range(count)], dtype=dtype)
    return np.asarray(flat.reshape(shape), order=order)


def save(name, value, version=None):
    with open(place("npy/" + name + ".npy"), "wb") as file:
        np.lib.format.write_array(file, value, version=version)


def arrays():
    shape = (2, 3, 5)
    for kind in "f2 f4 f8 i2 i4 i8 u2 u4".split():
        save(kind, array("<" + kind, shape))
        save(kind + "-big", array(">" + kind, shape))
        save(kind + "-fortran", array("<" + kind, shape, "F"))
    for kind in "i1 u1 b1".split():
        save(kind, array(kind, shape))
        save(kind + "-fortran", array(kind, shape, "F"))
    save("f4-big-fortran", array(">f4", shape, "F"))
    save("f4-v2", array("<f4", shape), (2, 0))
    save("f4-v3", array("<f4", shape), (3, 0))
    save("f4-rank0", array("<f4", ()))
    save("f4-rank1", array("<f4", (7,)))
    save("f4-rank1-fortran", array("<f4", (7,), "F"))
    save("f4-rank8", array("<f4", (1, 2, 1, 3, 1, 2, 1, 2)))
    save("f4-rank8-fortran", array("<f4", (1, 2, 1, 3, 1, 2, 1, 2), "F"))
    save("f4-empty", array("<f4", (3, 0, 2)))
    halves = np.array([0, 1, 0x03ff, 0x0400, 0x3c00, 0x7bff, 0x7c00, 0x8000, 0x8001, 0xfc00,
                       0x3555], dtype="<u2")
    save("halves", halves.view("<f2"))
    save("halves-f4", halves.view("<f2").astype("<f4"))
    extremes = np.array([0, 1, -1, 2**31 - 1, -2**31, 2**24 + 1, -2**63, 2**52], dtype="<i8")
    save("extremes-i8", extremes)
    save("extremes-f8", extremes.astype("<f8"))
    bad = {
        "rank9": array("<f4", (1,) * 9),
        "structured": np.zeros(2, dtype=[("a", "<f4"), ("b", "<i4")]),
        "complex": np.zeros(2, dtype="<c8"),
        "u8": np.zeros(2, dtype="<u8"),
        "f16": np.zeros(2, dtype=np.longdouble),
        "text": np.array(["a", "b"]),
        "bytes": np.array([b"a", b"b"]),
        "date": np.array(["2020-01-01"], dtype="datetime64[D]"),
    }
    for name, value in bad.items():
        save("refused-" + name, value)
    with open(place("npy/refused-object.npy"), "wb") as file:
        np.lib.format.write_array(file, np.array([None, {}], dtype=object), allow_pickle=True)


def main():
    foreign("ustar", tarfile.USTAR_FORMAT)
    foreign("gnu", tarfile.GNU_FORMAT)
    foreign("pax", tarfile.PAX_FORMAT, pax_headers={"comment": "a global one"})
    by_webdataset()
    refusals()
    strict()
    arrays()
    return 0


if __name__ == "__main__":
    sys.exit(main())
