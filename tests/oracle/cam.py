"""Makes tests/data/cam/places.tar: activations and gradients of places in made-up models, and what
each method of gradcam must make of them.

A sample has act.PLACE.npy and actgrad.PLACE.npy (float32), and expect.METHOD.PLACE.npy (float32):
the map that pytorch-grad-cam's own get_cam_weights and get_cam_image make of the two in float64,
before it scales them, or NumPy by METHODS' formula where that library has another: gradcam++,
which there has 1e-6 in the divisor, and the sign of eigencam, which there is LAPACK's.
"""

import sys
import types

import torchvision_ops  # noqa: F401: before pytorch_grad_cam
import numpy as np
import pytorch_grad_cam as library

from streams import compact, npy
from streams_helpers import stream

MODELS = {
    "cnn": {"model": "made:0badcafe", "prefix": None, "patch": None, "grid": None,
            "layers": None, "heads": None, "readout": None,
            "target": {"index": 281, "name": "tabby, tabby cat", "logit": 9.125, "prob": 0.83}},
    "vit": {"model": "made:12345678", "prefix": 1, "patch": [16, 16], "grid": [4, 6],
            "layers": 4, "heads": 2, "readout": "cls",
            "target": {"index": 3, "name": None, "logit": 2.5, "prob": 0.25}},
}
METHODS = {"gradcam": library.GradCAM, "hirescam": library.HiResCAM,
           "layercam": library.LayerCAM, "xgradcam": library.XGradCAM,
           "eigencam": library.EigenCAM}


def from_library(kind, a, g):
    """A method is made with a model, but its get_cam_image and get_cam_weights need none."""
    weights = types.SimpleNamespace(
        get_cam_weights=lambda *arrays: kind.get_cam_weights(None, *arrays))
    cam = kind.get_cam_image(weights, None, None, None, a[None].copy(), g[None].copy(), False)
    return cam[0].astype(np.float64)


def plus(a, g, eps=0.0):
    total = a.sum((1, 2), keepdims=True)
    divisor = 2 * g**2 + total * g**3 + eps
    alpha = np.divide(g**2, divisor, out=np.zeros_like(g), where=(g != 0) & (divisor != 0))
    return ((alpha * np.maximum(g, 0)).sum((1, 2))[:, None, None] * a).sum(0)


def expected(method, a, g):
    a, g = a.astype(np.float64), g.astype(np.float64)
    if method == "gradcam++":
        cam = plus(a, g)
    else:
        cam = from_library(METHODS[method], a, g)
    if method == "eigencam" and (cam * (a.mean(0) - a.mean())).sum() < 0:
        cam = -cam
    return np.maximum(cam, 0).astype("<f4")


def check_plus(a, g):
    """That ours is the library's formula but for its 1e-6."""
    a, g = a.astype(np.float64), g.astype(np.float64)
    theirs = from_library(library.GradCAMPlusPlus, a, g)
    assert np.allclose(theirs, plus(a, g, 1e-6), rtol=1e-12, atol=0)
    assert not np.allclose(theirs, plus(a, g), rtol=0.1, atol=0), "the case shows no difference"


class Place:
    """A place's activation, by default as behind a ReLU, and a gradient of usual size."""

    def __init__(self, seed, shape, signed=False, scale=1e-3):
        random = np.random.default_rng(seed)
        a = random.standard_normal(shape) + random.standard_normal((1,) + shape[1:])
        self.a = (a if signed else np.maximum(a, 0)).astype("<f4")
        self.g = (scale * random.standard_normal(shape)).astype("<f4")


def close(seed, shape, gap):
    """Activations whose first two components are that near in size."""
    random = np.random.default_rng(seed)
    place = Place(seed, shape)
    n = shape[1] * shape[2]
    rank = min(shape[0], n - 1)
    basis = random.standard_normal((n, rank))
    u = np.linalg.qr(basis - basis.mean(0))[0]
    v = np.linalg.qr(random.standard_normal((shape[0], rank)))[0]
    sizes = np.concatenate(([10, 10 * (1 - gap)], np.linspace(5, 0.1, rank - 2)))
    place.a = (1 + (v * sizes) @ u.T).reshape(shape).astype("<f4")
    return place


def places():
    """key -> model, {NAME: Place}"""
    relu = Place(1, (24, 7, 7))
    relu.g[3] = 0
    relu.a[5] = 0
    relu.g[:, 2:4, 1:3] = 0
    yield "relu", "cnn", {"layer4": relu}
    yield "vit", "vit", {"block03": Place(2, (40, 4, 6), signed=True)}
    yield "many", "cnn", {"layer3-1": Place(3, (9, 3, 3)), "layer4": Place(4, (130, 3, 4)),
                          "stem": Place(5, (3, 11, 9), scale=10)}
    least = {"channel": Place(6, (1, 3, 4)), "position": Place(7, (6, 1, 1)),
             "row": Place(8, (2, 1, 5))}
    for place in least.values():
        if not expected("gradcam", place.a, place.g).any():
            place.g = -place.g
    yield "one", "cnn", least
    yield "close", "cnn", {"fewer": close(9, (20, 6, 6), 1e-4), "more": close(10, (50, 4, 5), 1e-4)}
    against = Place(11, (8, 3, 4))
    against.g = -np.abs(against.g)
    yield "against", "cnn", {"layer4": against}
    cancelled = Place(12, (8, 2, 2), signed=True)
    cancelled.a[2] = [[1, -0.5], [-0.25, -0.24999]]
    cancelled.a[4] = [[-1, 1], [-1, -1]]  # of sum -2: with a gradient of 1 gradcam++ divides by 0
    cancelled.g[4] = [[1, 0.5], [-1, 0.25]]
    yield "cancelled", "cnn", {"layer4": cancelled}


def main():
    members = []
    for key, model, found in places():
        members.append((key + ".model.json", compact(MODELS[model])))
        for name, place in found.items():
            members.append(("%s.act.%s.npy" % (key, name), npy(place.a)))
            members.append(("%s.actgrad.%s.npy" % (key, name), npy(place.g)))
        for name, place in found.items():
            for method in [*METHODS, "gradcam++"]:
                members.append(("%s.expect.%s.%s.npy" % (key, method, name),
                                npy(expected(method, place.a, place.g))))
        if key == "relu":
            check_plus(found["layer4"].a, found["layer4"].g)
    stream("../cam/places", [], members)
    print(len(members), "members")
    return 0


if __name__ == "__main__":
    sys.exit(main())
