"""Makes tests/data/train_steps/CASE/: ten steps of an optimiser, and losses with their gradients.

A case of steps is a tiny timm ViT with some parameters frozen, random gradients, and what torch's
optimisers, torch.nn.utils.clip_grad_norm_ and timm's param_groups_layer_decay and ModelEmaV3 make
of them in float64:

    case.json       kind, the wishes, rates (one a step), parameters: name, shape, depth, decays,
                    trained, in the order of the arrays below
    values.npy      [total], before the first step
    gradients.npy   [10,total]
    after.npy       [10,total], the values after each step
    ema.npy         [total], their average after the last, where there is one
    norms.npy       [10], of the trained gradients, before clipping

A case of losses: logits.npy, targets.npy [B,classes] (of torch, with smoothing already in them),
gradients.npy, and case.json with the mean loss, the labels and the smoothing where it has them.
"""

import json
import pathlib
import shutil
import sys

import torchvision_ops  # noqa: F401: before timm
import numpy as np
import torch
from timm.models.vision_transformer import VisionTransformer
from timm.optim import param_groups_layer_decay, param_groups_weight_decay
from timm.utils import ModelEmaV3

ROOT = pathlib.Path("tests/data/train_steps")
STEPS = 10

DEFAULTS = {"kind": "adamw", "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "momentum": 0.9,
            "decay": 0.0, "layer_decay": 1.0, "clip": 0.0, "ema": 0.0, "lr": 1e-2, "scale": 0.1}
CASES = {
    "adamw": {"decay": 0.05},
    "adamw-all": {"decay": 0.1, "layer_decay": 0.65, "clip": 1.0, "ema": 0.9, "beta2": 0.95},
    "adamw-small": {"scale": 1e-7, "decay": 0.3, "eps": 1e-6},
    "adamw-frozen": {"decay": 0.05, "clip": 0.5, "frozen": ["patch_embed", "blocks.0.", "pos"]},
    "sgd": {"kind": "sgd", "decay": 5e-4, "lr": 0.1},
    "sgd-all": {"kind": "sgd", "decay": 1e-2, "layer_decay": 0.75, "clip": 0.7, "ema": 0.99,
                "momentum": 0.8, "lr": 0.5},
    "sgd-clip": {"kind": "sgd", "scale": 1e-5, "clip": 2e-5, "lr": 1e4},  # 1e-6 beside the norm
    "sgd-plain": {"kind": "sgd", "momentum": 0.0, "lr": 0.1, "decay": 0.01},
}


def depth_of(name):
    if name.startswith("blocks."):
        return int(name.split(".")[1]) + 1
    if name.startswith("norm."):
        return 2  # timm has it with the last block
    return 3 if name.startswith("head.") else 0


def groups_of(model, case):
    """timm's groups, as an optimiser takes them: the rate is set step by step."""
    if case["layer_decay"] < 1:
        return param_groups_layer_decay(model, case["decay"], layer_decay=case["layer_decay"],
                                        no_weight_decay_list=model.no_weight_decay())
    return param_groups_weight_decay(model, case["decay"],
                                     no_weight_decay_list=model.no_weight_decay())


def write(name, case, arrays):
    folder = ROOT / name
    folder.mkdir(parents=True)
    for key, array in arrays.items():
        np.save(folder / (key + ".npy"), np.ascontiguousarray(array, dtype="<f4"))
    (folder / "case.json").write_text(json.dumps(case) + "\n")


def flat(tensors):
    return np.concatenate([t.detach().numpy().ravel() for t in tensors])


def steps(name, wishes, seed):
    case = {**DEFAULTS, **wishes}
    frozen = case.pop("frozen", [])
    random = np.random.default_rng(seed)
    model = VisionTransformer(img_size=8, patch_size=4, embed_dim=4, depth=2, num_heads=2,
                              mlp_ratio=2, num_classes=3).double()
    # decided before freezing: what is frozen is in no group of timm's
    decays = {id(p): g["weight_decay"] > 0
              for g in param_groups_weight_decay(
                  model, 1.0, no_weight_decay_list=model.no_weight_decay())
              for p in g["params"]}
    named = list(model.named_parameters())
    for key, p in named:
        p.requires_grad = not any(key.startswith(f) for f in frozen)
        p.data = torch.from_numpy(random.standard_normal(p.shape).astype("<f4")).double()
    groups = groups_of(model, case)
    scales = {id(p): g.get("lr_scale", 1.0) for g in groups for p in g["params"]}
    for key, p in named:
        if p.requires_grad:
            assert np.isclose(scales[id(p)], case["layer_decay"] ** (3 - depth_of(key))), key
    for g in groups:
        g.pop("param_names", None)
    if case["kind"] == "sgd":
        optimiser = torch.optim.SGD(groups, lr=1.0, momentum=case["momentum"],
                                    nesterov=case["momentum"] > 0)
    else:
        optimiser = torch.optim.AdamW(groups, lr=1.0, betas=(case["beta1"], case["beta2"]),
                                      eps=case["eps"])
    average = ModelEmaV3(model, decay=case["ema"]) if case["ema"] else None
    trained = [p for _, p in named if p.requires_grad]
    values = flat(p for _, p in named)
    gradients = (case["scale"] * random.standard_normal((STEPS, values.size))).astype("<f4")
    after, norms = [], []
    rates = [float(np.float64(case["lr"]) * (1 + k) / STEPS) for k in range(STEPS)]
    for k in range(STEPS):
        at = 0
        for _, p in named:
            gradient = torch.from_numpy(gradients[k, at:at + p.numel()]).double()
            p.grad = gradient.reshape(p.shape) if p.requires_grad else None
            at += p.numel()
        limit = case["clip"] or float("inf")
        norms.append(float(torch.nn.utils.clip_grad_norm_(trained, limit)))
        for g in optimiser.param_groups:
            g["lr"] = rates[k] * g.get("lr_scale", 1.0)
        optimiser.step()
        if average:
            average.update(model)
        after.append(flat(p for _, p in named))
    assert not case["clip"] or max(norms) > case["clip"], "nothing is clipped"
    case["rates"] = rates
    case["parameters"] = [
        {"name": key, "shape": list(p.shape), "depth": depth_of(key), "decays": decays[id(p)],
         "trained": p.requires_grad} for key, p in named]
    arrays = {"values": values, "gradients": gradients, "after": np.stack(after),
              "norms": np.array(norms)}
    if average:
        arrays["ema"] = flat(average.module.parameters())
    write(name, case, arrays)


def loss(name, seed, scale, classes, batch, smoothing=0.0, soft=None):
    random = np.random.default_rng(seed)
    logits = (scale * random.standard_normal((batch, classes))).astype("<f4")
    labels = random.integers(0, classes, batch)
    mean = torch.nn.CrossEntropyLoss(label_smoothing=smoothing)
    x = torch.from_numpy(logits).double().requires_grad_()
    if soft is not None:
        targets = random.dirichlet(np.ones(classes) * 0.3, batch) * soft
        targets = targets.astype("<f4")
        value = mean(x, torch.from_numpy(targets).double())
    else:
        value = mean(x, torch.from_numpy(labels))
        targets = np.eye(classes)[labels] * (1 - smoothing) + smoothing / classes
    value.backward()
    case = {"loss": float(value.detach())}
    if soft is None:
        case.update(labels=labels.tolist(), smoothing=smoothing)
    write(name, case, {"logits": logits, "targets": targets, "gradients": x.grad.numpy()})


def main():
    shutil.rmtree(ROOT, ignore_errors=True)
    for seed, (name, wishes) in enumerate(CASES.items()):
        steps(name, wishes, seed)
    loss("loss-plain", 20, 2, 10, 7)
    loss("loss-smooth", 21, 3, 10, 16, smoothing=0.1)
    loss("loss-soft", 22, 1, 17, 5, soft=1)
    loss("loss-sums", 25, 1, 6, 3, soft=np.array([[0.5], [1], [2]]))
    loss("loss-large", 23, 200, 5, 6, smoothing=0.2)
    loss("loss-one", 24, 4, 2, 1, smoothing=0.5)
    print(len(CASES), "cases of steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
