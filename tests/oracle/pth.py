"""Makes tests/data/pth/: checkpoints that torch.save writes, and what torch reads from them.

taken.tsv has a line a tensor, in the order of the file: file, CRC-32 of its pickle, the tensor's
name with dots between the keys of nested dictionaries, type, shape, "mapped" where it is stored in
C order, else "copied", and its bytes in C order, little-endian, in hex. vit-*.pth are the
checkpoint of tests/data/vit/timm-bare as people wrap them. refused.tsv has a line a file that must
be refused, with a part of the message; those files are made by Python's zipfile from good ones.
"""

import argparse
import builtins
import collections
import io
import os
import pickle
import pickletools
import struct
import sys
import zipfile
import zlib

import numpy as np
import torch
import torch.serialization
from safetensors.torch import load_file

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data", "pth")
TYPES = {torch.float64: "f64", torch.float32: "f32", torch.float16: "f16",
         torch.bfloat16: "bf16"}


class NumberedStorages(type):
    """In place of str in torch.serialization: a storage's address becomes a running number, or
    the older format would be other bytes every time."""

    seen = {}

    def __call__(cls, value):
        if isinstance(value, int) and value > 1 << 32:
            return "%d" % (94020250000000 + 1009 * cls.seen.setdefault(value, len(cls.seen)))
        return builtins.str(value)

    def __instancecheck__(cls, value):
        return isinstance(value, builtins.str)


class numbered(metaclass=NumberedStorages):
    pass


def saved(thing, **options):
    NumberedStorages.seen.clear()
    torch.serialization.str = numbered
    file = io.BytesIO()
    torch.save(thing, file, **options)
    return file.getvalue()


def values(seed, *shape, dtype=torch.float32):
    numbers = np.random.default_rng(seed).integers(-99, 99, shape)
    return torch.from_numpy(np.asarray(numbers, dtype=np.float64) / 8).to(dtype)


# What is saved.


class Evil:
    """What is called to build it is not what builds things."""

    def __reduce__(self):
        return os.system, ("echo called",)


class Noted(torch.Tensor):
    """A subclass with something of its own."""


def dtypes():
    things = collections.OrderedDict()
    for i, dtype in enumerate((torch.float64, torch.float32, torch.float16, torch.bfloat16,
                               torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8,
                               torch.bool, torch.complex64, torch.complex128)):
        things[str(dtype).split(".")[1]] = values(i, 3, dtype=dtype)
    return things


def new_dtypes():
    """Those that have no storage class of their own."""
    things = {str(dtype).split(".")[1]: torch.arange(3).to(dtype)
              for dtype in (torch.uint16, torch.uint32, torch.uint64)}
    for dtype in (torch.float8_e4m3fn, torch.float8_e5m2):
        things[str(dtype).split(".")[1]] = torch.arange(5.0).to(dtype)[1:4]
    return things


def layouts():
    wide, cube = values(1, 4, 6), values(2, 2, 3, 4)
    tied = values(3, 2, 2)
    return {"whole": wide, "transposed": wide.t(), "row": wide[2], "rows": wide[1:3],
            "column": wide[:, 1], "block": wide[1:3, 2:5], "steps": wide[::2, ::3],
            "moved": cube.permute(2, 0, 1), "moved.one": cube[:, :1].transpose(0, 1),
            "expanded": values(4, 3, 1).expand(3, 2), "repeated": values(5, 1).expand(2, 2),
            "windows": values(6, 6).unfold(0, 3, 1), "diagonal": values(7, 3, 3).diagonal(),
            "scalar": torch.tensor(2.5), "scalar.in": wide[3, 5], "none": torch.empty(0, 3),
            "none.moved": torch.empty(2, 0, 3).permute(2, 1, 0), "deep": values(
                8, 1, 2, 1, 1, 3, 1, 1, 2), "deep.moved": values(9, 1, 2, 1, 1, 3, 1, 1, 2)
            .permute(7, 6, 5, 4, 3, 2, 1, 0), "tied.a": tied, "tied.b": tied,
            "tied.c": tied.view(4), "half.transposed": values(10, 2, 3, dtype=torch.half).t(),
            "double.transposed": values(11, 2, 2, dtype=torch.double).t(),
            "byte.steps": values(12, 7, dtype=torch.uint8)[::2]}


def training():
    """Everything that people put beside the weights."""
    layer = torch.nn.Linear(3, 2)
    with torch.no_grad():
        layer.weight.copy_(values(1, 2, 3))
        layer.bias.copy_(values(2, 2))
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    parameter = torch.nn.Parameter(values(3, 2))
    noted = torch.nn.Parameter(values(4, 2), requires_grad=False)
    noted.no_decay = True
    subclass = values(5, 2).as_subclass(Noted)
    subclass.note = "of its own"
    return {
        "epoch": 90, "best_prec1": 91.77, "arch": "vit", "done": True, "nothing": None,
        "big": 1 << 80, "minus": -3, "bytes": b"\0\1", "set": {1, 2}, "frozen": frozenset((3,)),
        "tuple": (1, 2, 3, 4), "array": bytearray(b"x"),
        "args": argparse.Namespace(lr=1e-3, layers=[1, 2], model="vit"),
        "numpy": {"scalar": np.float32(1.5), "array": np.arange(3)},
        "history": [0.5, 1.5], "device": torch.device("cpu"), "dtype": torch.float16,
        "size": torch.Size((1, 2)), "function": torch.nn.functional.relu,
        "counts": collections.Counter("aab"), "defaults": collections.defaultdict(list),
        "optimizer": optimizer.state_dict(), "list": [values(6, 2)],
        "module": torch.nn.ReLU(),
        "model": layer.state_dict(),
        "teacher": {"module": collections.OrderedDict(backbone={"blocks": {"0": parameter}})},
        "noted": noted, "subclass": subclass, "": {"": values(7, 1)}, "\u00e9t\u00e9": values(8, 1),
        "last": layer.weight}


# Python 2 and the first releases of torch wrote opcodes that Python 3 doesn't; op by op.


def text(s):
    """SHORT_BINSTRING"""
    return b"U" + bytes([len(s)]) + s.encode()


def python2(keys):
    """An OrderedDict given a list of pairs, storages that are views, _rebuild_tensor, I and L."""
    def tensor(key, view, size):
        reference = (b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
                     + b"I6\n" + view + b"tQ")
        return (b"ctorch._utils\n_rebuild_tensor\n(" + reference + b"K\0K" + bytes([size])
                + b"\x85K\1\x85tR")
    view = b"(" + text("view") + b"K\2K\3t"
    pairs = (b"](](" + text("a") + tensor(keys[0], b"N", 6) + b"e](" + text("b")
             + tensor(keys[0], view, 3) + b"ee")
    return b"\x80\2ccollections\nOrderedDict\n" + pairs + b"\x85R."


def python2_file():
    data = values(20, 6)
    head = [pickle.dumps(torch.serialization.MAGIC_NUMBER, 2), pickle.dumps(1001, 2),
            b"\x80\2}" + text("little_endian") + b"\x88s."]
    key = "93939393"
    body = (b"".join(head) + python2([key]) + b"\x80\2](" + text(key) + b"e."
            + struct.pack("<q", 6) + data.numpy().tobytes())
    return body


# What torch reads.


def pickle_of(data):
    """The pickle that holds the object."""
    if data[:2] == b"PK":
        return torch._C.PyTorchFileReader(io.BytesIO(data)).get_record("data.pkl")
    file = io.BytesIO(data)
    for _ in range(4):
        begin = file.tell()
        for _ in pickletools.genops(file):
            pass
    return data[begin:file.tell()]


def flat(thing, name=""):
    if isinstance(thing, torch.Tensor):
        yield name, thing
    elif type(thing) in (dict, collections.OrderedDict):
        for key, value in thing.items():
            if isinstance(key, str):
                yield from flat(value, key if thing is flat.root else name + "." + key)


def rows(file, data, thing):
    flat.root = thing
    crc = zlib.crc32(pickle_of(data))
    for name, tensor in flat(thing):
        tensor = tensor.detach().as_subclass(torch.Tensor)
        plain = tensor.contiguous()
        raw = plain.reshape(-1).view(torch.uint8).numpy().tobytes() if plain.numel() else b""
        yield "\t".join((file, "%08x" % crc, name, TYPES.get(tensor.dtype, "other"),
                         "[%s]" % ",".join(map(str, tensor.shape)),
                         "mapped" if tensor.is_contiguous() else "copied", raw.hex()))


def put(name, data):
    with open(os.path.join(ROOT, name), "wb") as file:
        file.write(data)


def load(data):
    """As a reader would; os.system is not what it was meanwhile."""
    system, os.system = os.system, lambda command: command
    sys.modules["posix"].system, kept = os.system, sys.modules["posix"].system
    try:
        return torch.load(io.BytesIO(data), weights_only=False)
    finally:
        os.system, sys.modules["posix"].system = system, kept


def taken():
    lines = []

    def add(name, data):
        put(name, data)
        lines.extend(rows(name, data, load(data)))

    old = {"_use_new_zipfile_serialization": False}
    for protocol in (2, 5):
        add("training-%d.pth" % protocol, saved(training(), pickle_protocol=protocol))
        add("dtypes-%d.th" % protocol, saved(dtypes(), pickle_protocol=protocol, **old))
    for protocol in (3, 4):
        add("dtypes-%d.pth" % protocol, saved(dtypes(), pickle_protocol=protocol))
    add("training-3.th", saved(training(), pickle_protocol=3, **old))
    add("new-dtypes.pth", saved(new_dtypes()))
    add("layouts.pth", saved(layouts()))
    add("layouts.th", saved(layouts(), **old))
    add("no-byteorder.pth", saved({"a": values(1, 2)}, _disable_byteorder_record=True))
    torch.serialization.set_crc32_options(False)
    add("no-crc.pth", saved({"a": values(1, 2)}))
    torch.serialization.set_crc32_options(True)
    path = os.path.join(ROOT, "epoch=1.best.pth")  # the archive's folder is called so too
    torch.save({"a": values(1, 2)}, path)
    with open(path, "rb") as file:
        add("epoch=1.best.pth", file.read())
    add("zip64.pth", zip64(members(saved({"a": values(1, 2)}))))
    shards = {"a": values(1, 2), "b": values(2, 3)}
    for i, key in enumerate(shards):
        add("shard-%d.bin" % (i + 1), saved({key: shards[key]}))
    add("python2.th", python2_file())
    with open(os.path.join(ROOT, "taken.tsv"), "w") as file:
        file.write("\n".join(lines) + "\n")


def vits():
    weights = load_file(os.path.join(ROOT, "..", "vit", "timm-bare", "model.safetensors"))

    def under(prefix, of=weights):
        return collections.OrderedDict((prefix + k, v) for k, v in of.items())

    zero = torch.zeros(1)
    blank = {k: zero.expand(v.shape) for k, v in list(weights.items())[:3]}
    put("vit-state_dict.th", saved({"epoch": 3, "state_dict": under("module.")},
                                   _use_new_zipfile_serialization=False))
    put("vit-model.pth", saved({"model": under(""), "args": argparse.Namespace(lr=1),
                                "optimizer": {"state": {0: {"step": zero}}}, "epoch": 3}))
    put("vit-dino.pth", saved({"student": under("module.backbone.", blank),
                               "teacher": under("backbone."), "epoch": 3},
                              _use_new_zipfile_serialization=False))


# Files that are not what they should be, from a good one by Python's zipfile.


def members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        return [(i.filename, file.read(i)) for i in file.infolist()]


def zipped(files, method=zipfile.ZIP_STORED, deflated=None):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for i, (name, data) in enumerate(files):
            archive.writestr(zipfile.ZipInfo(name), data,
                             zipfile.ZIP_DEFLATED if i == deflated else method)
    return file.getvalue()


def zip64(files, field=24):
    """With every size and place in the fields that archives over 4 GB have."""
    out, directory, none = b"", b"", 0xffffffff
    for name, data in files:
        name, size, crc = name.encode(), len(data), zlib.crc32(data)
        extra = (struct.pack("<HH", 0x4642, 2) + b"ZZ"
                 + struct.pack("<HHQQQ", 1, field, size, size, len(out))[:4 + field])
        directory += struct.pack("<4s6H3L5H2L", b"PK\1\2", 45, 45, 0, 0, 0, 0, crc, none, none,
                                 len(name), len(extra), 0, 0, 0, 0, none) + name + extra
        out += struct.pack("<4s5H3L2H", b"PK\3\4", 45, 0, 0, 0, 0, crc, size, size, len(name),
                           0) + name + data
    place, size, count = len(out), len(directory), len(files)
    return (out + directory
            + struct.pack("<4sQ2H2L4Q", b"PK\6\6", 44, 45, 45, 0, 0, count, count, size, place)
            + struct.pack("<4sLQL", b"PK\6\7", 0, place + size, 1)
            + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0xffff, 0xffff, none, none, 0))


def changed(files, **changes):
    """The members with others' content, by the last part of the name; None drops one."""
    return [(n, changes.get(n.split("/")[-1].split(".")[0], d)) for n, d in files
            if changes.get(n.split("/")[-1].split(".")[0], d) is not None]


def patched(data, at, value):
    return data[:at] + value + data[at + len(value):]


def entries(data):
    """Where the directory's entries begin."""
    at, = struct.unpack_from("<L", data, len(data) - 6)
    while data[at:at + 4] == b"PK\1\2":
        yield at
        at += 46 + sum(struct.unpack_from("<HHH", data, at + 28))


def refused():
    torch.manual_seed(0)
    data = saved({"a": values(1, 2), "b": values(2, 3)})
    files = members(data)
    whole = zipped(files)
    first, second = list(entries(whole))[:2]
    end = len(whole) - 22
    a = [n for n, _ in files].index("archive/data/0")
    a_entry = list(entries(whole))[a]
    local, = struct.unpack_from("<L", whole, a_entry + 42)
    with zipfile.ZipFile(io.BytesIO(whole)) as file:
        place = file.infolist()[0].header_offset + 30 + len(files[0][0])
    things = [
        ("deflated", zipped(files, zipfile.ZIP_DEFLATED), "data.pkl is deflated"),
        ("bzip2", zipped(files, zipfile.ZIP_BZIP2), "data.pkl is compressed"),
        ("deflated-data", zipped(files, deflated=a), "data/0 is deflated"),
        ("big", zipped(changed(files, byteorder=b"big")), "its byteorder is big"),
        ("odd-order", zipped(changed(files, byteorder=b"middle")), "its byteorder is unknown"),
        ("outside", zipped(files + [("archive/../../x", b"x")]),
         "points outside the archive: archive/../../x"),
        ("absolute", zipped(files + [("/etc/x", b"x")]), "points outside the archive: /etc/x"),
        ("backslash", zipped(files + [("..\\x", b"x")]), "points outside the archive: ..\\x"),
        ("control", zipped(files + [("archive/a\nb", b"x")]), "has control characters"),
        ("twice", zipped(files + [files[a]]), "two members are called archive/data/0"),
        ("no-pickle", zipped(changed(files, data=None)), "no ARCHIVE/data.pkl"),
        ("other-root", zipped([("first/x", b"x")] + files), "no ARCHIVE/data.pkl"),
        ("script", zipped(files + [("archive/constants.pkl", b"\x80\2).")]),
         "a TorchScript program"),
        ("missing", zipped([f for f in files if f[0] != "archive/data/1"]),
         "b: storage 1 is not in the file"),
        ("short", zipped([(n, d[:-1] if n == "archive/data/1" else d) for n, d in files]),
         "b: storage 1 has 11 bytes, fewer than its 3 elements"),
        ("empty", zipped([]), "not a PyTorch checkpoint"),
        ("behind-stop", zipped([(n, d + b"x" if n.endswith(".pkl") else d) for n, d in files]),
         "1 bytes behind its STOP"),
        ("comment", patched(whole, end + 20, b"\2\0") + b"hi", "doesn't end with an end record"),
        ("damaged", patched(whole, place + 3, b"\1"), "data.pkl is damaged: its CRC-32 is wrong"),
        ("encrypted", patched(whole, first + 8, b"\1"), "data.pkl is encrypted"),
        ("name", patched(whole, first + 46, b"x"), "another name than the directory says"),
        ("local", patched(whole, local, b"x"), "a member isn't where the directory says"),
        ("place", patched(whole, a_entry + 42, struct.pack("<L", 1 << 30)),
         "a member isn't where the directory says"),
        ("larger", patched(whole, a_entry + 20, struct.pack("<LL", 1 << 20, 1 << 20)),
         "a member is larger than its archive"),
        ("overlap", patched(whole, a_entry + 20, struct.pack("<LL", 100, 100)),
         "members overlap"),
        ("two-sizes", patched(whole, a_entry + 20, struct.pack("<LL", 8, 12)), "two sizes"),
        ("count", patched(whole, end + 10, struct.pack("<H", 60000)), "don't fit it"),
        ("fewer", patched(whole, end + 10, struct.pack("<H", len(files) - 1)),
         "its directory has more than its members"),
        ("more", patched(whole, end + 10, struct.pack("<H", len(files) + 1)),
         "its directory is cut or broken"),
        ("entry", patched(whole, second, b"x"), "its directory is cut or broken"),
        ("entry-name", patched(whole, first + 28, struct.pack("<H", 60000)),
         "its directory is cut or broken"),
        ("zip64", patched(data, len(data) - 42 + 8, struct.pack("<Q", 1 << 60)),
         "no zip64 end record"),
        ("zip64-size", patched(data, len(data) - 42 - 56 + 40, struct.pack("<Q", 1 << 60)),
         "don't fit it"),
        ("zip64-missing", patched(whole, a_entry + 42, b"\xff" * 4),
         "a member isn't where the directory says"),
        ("zip64-short", zip64(files, 16), "a zip64 field is too short"),
        ("none", whole[:30] + struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 0, 0, 0, 30, 0),
         "broken zip: it is empty"),
        ("module", saved(torch.nn.Linear(1, 1)), "no state dict in it, only torch.nn"),
        ("tensor", saved(values(1, 2)), "no state dict in it"),
        ("evil", saved({"x": Evil()}), "names posix.system, which no state dict needs"),
        ("negated", saved({"a": torch.complex(values(1, 2), values(2, 2)).conj().imag}),
         "a: negated or conjugated"),
        ("not-torch", pickle.dumps({"a": 1}), "neither a zip nor what torch.save wrote"),
        ("many-times", saved({"a": values(1, 2, 1).expand(2, 1 << 20)}),
         "a: tensors that show the same data come to more than 4 times the file"),
        ("shared", saved(dict.fromkeys(map(str, range(40)), values(1, 2000))),
         "tensors that show the same data come to more than 4 times the file"),
    ]
    lines = []
    for name, bytes_, message in things:
        put("refused-%s.pth" % name, bytes_)
        lines.append("refused-%s.pth\t%s" % (name, message))
    with open(os.path.join(ROOT, "refused.tsv"), "w") as file:
        file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    os.makedirs(ROOT, exist_ok=True)
    torch.set_num_threads(1)
    taken()
    vits()
    refused()
    sizes = {n: os.path.getsize(os.path.join(ROOT, n)) for n in os.listdir(ROOT)}
    print(len(sizes), "files,", sum(sizes.values()), "bytes; the largest:",
          sorted(sizes.items(), key=lambda s: -s[1])[:5])
