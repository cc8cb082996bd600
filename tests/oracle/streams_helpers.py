"""Makes the streams that the golden command lines of topk, tensorls and tensorcat read:
tests/data/streams/{labelled,other,beside,odd}.tar, by the strict profile as streams.py puts it
together.
"""

import io
import struct
import sys
import zlib

import numpy as np

from streams import compact, member, npy, payload, place

TINY, OTHER = "tiny:0badcafe", "other:12345678"


def stream(name, programs, members):
    data = member("__stream__/head",
                  compact({"format": "tensorstream", "version": 1, "pg": programs}))
    crc, keys, bad, count = 0, set(), 0, 0
    for path, value in members:
        data += member(path, value)
        crc = zlib.crc32(path.encode() + b"\0" + struct.pack("<Q", len(value)) + value, crc)
        if not path.startswith("__stream__/"):
            folder, slash, base = path.rpartition("/")
            keys.add(folder + slash + base.partition(".")[0])
            bad += path.endswith(".__bad__")
            count += 1
    data += member("__stream__/tail", compact({"samples": len(keys), "bad": bad,
                                               "members": count, "crc32": crc}))
    with open(place(name + ".tar"), "wb") as file:
        file.write(data + bytes(1024))


def program(name, previous, args, **more):
    return {"id": name, "pp": previous, "pn": name, "vn": "0.1.0", "args": args, **more}


def model_json(model):
    return compact({"model": model, "prefix": 1, "patch": [16, 16], "grid": [1, 2],
                    "layers": 1, "heads": 2, "readout": "cls", "target": None})


def floats(*values, dtype="<f4"):
    return npy(np.array(values, dtype=dtype))


def attention(seed):
    x = np.random.default_rng(seed).random((2, 3, 3)).astype("<f4")
    return npy((x / x.sum(-1, keepdims=True)).astype("<f4"))


def jpeg(seed):
    return b"\xff\xd8\xff\xe0" + payload(300, seed)


def labelled():
    classes = ["tabby", "tiger\tcat", "line\nbreak", None, "back\\slash \u00e9"]
    stream("labelled", [
        program("preprocess", None, []),
        program("vitfwd", "preprocess", ["--layers=0", "--grad=tiger\tcat"], model=TINY),
    ], [
        ("__stream__/model", compact({"model": TINY, "family": "vit", "classes": classes})),
        ("cat.jpg", jpeg(1)),
        ("cat.cls", b"1"),
        ("cat.model.json", model_json(TINY)),
        ("cat.logits.npy", floats(1.5, 4.25, -2, 0, 3)),
        ("cat.attn.00.npy", attention(2)),
        ("pets/dog.jpg", jpeg(3)),
        ("pets/dog.model.json", model_json(TINY)),
        ("pets/dog.logits.npy", floats(1, 2, 2, 1, 1)),
        ("pets/dog.attn.00.npy", attention(4)),
        ("broken.jpg", b""),
        ("broken.__bad__", compact({"stage": "preprocess", "error": "jpeg: premature end"})),
        ("fox.jpg", jpeg(5)),
        ("fox.cls", b"4\n"),
        ("fox.model.json", model_json(TINY)),
        ("fox.logits.npy", floats(-1000, 1000, -np.inf, 0, 1000, dtype=">f8")),
        ("fox.attn.00.npy", attention(6)),
    ])


def other():
    stream("other", [program("resnetfwd", None, ["--at=none"], model=OTHER)], [
        ("__stream__/model", compact({"model": OTHER, "classes": None})),
        ("owl.model.json", model_json(OTHER)),
        ("owl.logits.npy", floats(0, 1, dtype="<f2")),
        ("own.logits.npy", floats(-0.5, 7)),
    ])


def beside():
    """labelled's keys in its order, with other members; the fox is bad in this one only."""
    array = np.arange(2, dtype="<f4").reshape(1, 2)
    about = compact({"method": "abnar", "signed": False})
    stream("beside", [program("rollout", None, [])], [
        ("__stream__/model", compact({"model": OTHER, "classes": None})),
        ("cat.map.abnar.npy", npy(array)),
        ("cat.map.abnar.json", about),
        ("pets/dog.map.abnar.npy", npy(array + 1)),
        ("pets/dog.map.abnar.json", about),
        ("broken.map.abnar.npy", npy(array + 2)),
        ("fox.map.abnar.npy", npy(array + 3)),
        ("fox.__bad__", compact({"stage": "rollout", "error": "no"})),
    ])


def saved(value):
    file = io.BytesIO()
    np.lib.format.write_array(file, value)
    return file.getvalue()


def odd():
    members = {
        "nan.npy": floats(1, np.nan, 3),
        "infinite.npy": floats(-np.inf, 0, np.inf),
        "low.npy": floats(-np.inf, -1),
        "empty.npy": npy(np.zeros((3, 0), "<f4")),
        "scalar.npy": npy(np.array(0.1, "<f4")),
        "label.npy": npy(np.array([2**53 + 2, -7], "<i8")),
        "mask.npy": npy(np.array([[True, False, True, True]])),
        "fortran.npy": saved(np.asfortranarray(np.arange(6, dtype=">i2").reshape(2, 3))),
        "half.npy": floats(0.25, 1, dtype="<f2"),
        "cut.npy": floats(1, 2, 3)[:-1],
        "json": b'{"a":1}',
        "cut.json": b'{"a":',
        "txt": "gr\u00fcn\n".encode(),
        "bin": bytes(range(32)),
        "png": b"\xff\xd8\xff\xe0a JPEG",
        "jpg": b"no picture",
        "flag": b"",
    }
    stream("odd", [], [("odd." + name, value) for name, value in members.items()]
           + [("__stream__/later", b"not JSON")])


def main():
    labelled()
    other()
    beside()
    odd()
    return 0


if __name__ == "__main__":
    sys.exit(main())
