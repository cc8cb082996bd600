"""Makes tests/data/train_run/CASE/: what ten steps of training make of a tiny model, in float64.

The ResNet is one of tests/data/resnet; the ViT, in train_run/vit, is as timm begins (those of
tests/data/vit magnify rounding, to show mistakes: ten steps would be chaos). The batches are fill() of
tests/numbers.h, the losses torch's cross-entropy with smoothing; gradients are clipped and torch's
optimisers take the steps, the weights of norms, biases, tokens and positions not decaying.

    case.json           checkpoint, kind, lr, decay, smoothing, clip, batch, height, width, classes;
                        losses: that of each step
    after.safetensors   f32: every tensor after the last step, as timm names them

    build/oracle/bin/python -B tests/oracle/train_run.py
"""

import json
import pathlib
import shutil

import torchvision_ops  # noqa: F401: before timm
import timm
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional as F

from resnet import CASES
from train_resnet import fill, load

DATA = pathlib.Path("tests/data")
STEPS, BATCH, CLASSES, SMOOTHING, CLIP = 10, 4, 7, 0.1, 1.0
KINDS = {"adamw": (1e-3, 0.05), "sgd": (1e-2, 5e-4)}
MODELS = {"train_run/vit": (16, 24), "resnet/cifar-a/model.th": (17, 14)}
ARGS = {"img_size": [16, 24], "patch_size": 8, "embed_dim": 24, "depth": 3, "num_heads": 3,
        "mlp_ratio": 2, "num_classes": CLASSES}


def make_vit(folder):
    torch.manual_seed(0)
    folder.mkdir(parents=True, exist_ok=True)
    model = timm.create_model("vit_tiny_patch16_224", **ARGS)
    save_file(model.state_dict(), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({
        "architecture": "vit_tiny_patch16_224", "num_classes": CLASSES, "num_features": 24,
        "global_pool": "token", "model_args": ARGS, "pretrained_cfg": {
            "input_size": [3, 16, 24], "mean": [0.5, 0.5, 0.5], "std": [0.5, 0.5, 0.5]},
    }, indent=1) + "\n")


def model_of(checkpoint):
    if checkpoint.endswith("vit"):
        model = timm.create_model("vit_tiny_patch16_224", **ARGS)
        model.load_state_dict(load_file(DATA / checkpoint / "model.safetensors"))
    else:
        folder = (DATA / checkpoint).parent
        model = CASES[folder.name]().model
        load(model, folder, "model.th")
    return model.double().train()


def decays(name, parameter):
    return parameter.ndim > 1 and not name.endswith(("_token", "pos_embed"))


def optimiser_of(model, kind):
    lr, decay = KINDS[kind]
    named = list(model.named_parameters())
    groups = [{"params": [p for n, p in named if decays(n, p)], "weight_decay": decay},
              {"params": [p for n, p in named if not decays(n, p)], "weight_decay": 0}]
    if kind == "adamw":
        return torch.optim.AdamW(groups, lr=lr)
    return torch.optim.SGD(groups, lr=lr, momentum=0.9, nesterov=True)


def train(checkpoint, kind):
    height, width = MODELS[checkpoint]
    model = model_of(checkpoint)
    optimiser = optimiser_of(model, kind)
    losses = []
    for step in range(STEPS):
        x = fill(BATCH * 3 * height * width, step + 1, 1.5).reshape(BATCH, 3, height, width)
        labels = torch.tensor([(step + 3 * b) % CLASSES for b in range(BATCH)])
        loss = F.cross_entropy(model(x.double()), labels, label_smoothing=SMOOTHING)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP)
        optimiser.step()
        losses.append(float(loss.detach()))
    folder = DATA / "train_run" / f"{checkpoint.split('/')[1]}-{kind}"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tensors = {k.replace("linear.", "fc."): v.float().contiguous()
               for k, v in model.state_dict().items() if v.is_floating_point()}
    save_file(tensors, folder / "after.safetensors")
    lr, decay = KINDS[kind]
    (folder / "case.json").write_text(json.dumps({
        "checkpoint": checkpoint, "kind": kind, "lr": lr, "decay": decay,
        "smoothing": SMOOTHING, "clip": CLIP, "batch": BATCH, "height": height, "width": width,
        "classes": CLASSES, "losses": losses}, indent=1) + "\n")
    print(folder, losses[0], losses[-1])


make_vit(DATA / "train_run" / "vit")
for checkpoint in MODELS:
    for kind in KINDS:
        train(checkpoint, kind)
