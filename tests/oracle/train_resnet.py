"""Reference data for the training of ResNets: tests/data/train/resnet/CASE/ holds what
PyTorch makes, in float64 and in train(), of a checkpoint of tests/data/resnet and a batch (see
README).

    build/oracle/bin/python tests/oracle/train_resnet.py [CASE...]
"""

import copy
import json
import shutil
import sys

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from resnet import CASES, CLASSES, DATA

TRAIN = DATA.parent / "train" / "resnet"
BATCH = 5
# the checkpoint, and how many of the stem and the blocks are frozen
WANTED = {
    "cifar-a": ("cifar-a", 0), "cifar-b": ("cifar-b", 0), "timm-basic": ("timm-basic", 0),
    "torchvision-bottleneck": ("torchvision-bottleneck", 0),
    "timm-bottleneck-d": ("timm-bottleneck-d", 0), "timm-groups": ("timm-groups", 0),
    "frozen": ("timm-bottleneck-d", 3),
}


def fill(count, seed, scale):
    """tests/numbers.h: the numbers that the C tests make for themselves."""
    state, values = (seed * 2654435761 + 1) % 2**32, np.empty(count, np.float32)
    for i in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        values[i] = (np.float32(state >> 8) / np.float32(8388608) - np.float32(1)) * np.float32(scale)
    return torch.from_numpy(values)


def load(model, directory, file):
    if file:
        state = torch.load(directory / file, weights_only=True)
        state = state.get("state_dict", state.get("net", state))
        state = {name.removeprefix("module."): value for name, value in state.items()}
    else:
        state = load_file(directory / "model.safetensors")
    model.load_state_dict(state)


def freeze(model, frozen):
    """The stem and the first blocks, their norms from running statistics."""
    blocks = [block for i in range(1, 9) for block in getattr(model, f"layer{i}", [])]
    parts = [model.conv1, model.bn1, *blocks[:frozen - 1]] if frozen else []
    for part in parts:
        part.eval()
        for parameter in part.parameters():
            parameter.requires_grad = False


def step(model, pixels, seeds):
    """Logits, the gradients of seeds * logits, the statistics behind it."""
    logits = model(pixels)
    (logits * seeds).sum().backward()
    grads = {k: p.grad for k, p in model.named_parameters() if p.grad is not None}
    stats = {k: b.clone() for k, b in model.named_buffers() if b.is_floating_point()}
    return {"logits": logits.detach(), **grads, **stats}


def relative(a, b):
    return float((a.double() - b).abs().max() / b.abs().max().clamp(min=1e-30))


def make(name):
    checkpoint, frozen = WANTED[name]
    about = json.loads((DATA / checkpoint / "case.json").read_text())
    size = (17, 14) if about["family"] == "cifar" else (40, 51)
    torch.manual_seed(0)
    model = CASES[checkpoint]().model.double()
    load(model, DATA / checkpoint, about["file"])
    for seed in range(1, 200):
        double = copy.deepcopy(model).train()
        freeze(double, frozen)
        single = copy.deepcopy(double).float()
        pixels = fill(BATCH * 3 * size[0] * size[1], seed, 1.5).reshape(BATCH, 3, *size)
        seeds = fill(BATCH * CLASSES, seed + 1000, 1).reshape(BATCH, CLASSES)
        reference = step(double, pixels.double(), seeds.double())
        found = step(single, pixels, seeds)
        most = max(float(g.abs().max()) for k, g in reference.items())
        worst = max(relative(found[k], v) for k, v in reference.items()
                    if float(v.abs().max()) > 1e-6 * most)
        if worst < 2e-5:
            break
    print(f"{name}: seed {seed}, float32 off by {worst:.1e}")
    directory = TRAIN / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    save_file({k.replace("linear.", "fc."): v.float().contiguous()
               for k, v in reference.items()}, directory / "train.safetensors")
    (directory / "case.json").write_text(json.dumps({
        "checkpoint": f"{checkpoint}/{about['file'] or 'model.safetensors'}", "frozen": frozen,
        "batch": BATCH, "height": size[0], "width": size[1], "seed": seed}, indent=1) + "\n")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or WANTED:
        make(wanted)
