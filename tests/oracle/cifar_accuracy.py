#!/usr/bin/env python3
"""Prints how many of the pictures in a WebDataset shard (KEY.jpg + KEY.cls) a model gets right
in float32: timm's of a checkpoint directory, or a CIFAR ResNet of option A as published in a
.th file. The reference of tests/shared.sh.

    cifar_accuracy.py pipelines/models/vit-cifar10-p4 SHARD.tar
    cifar_accuracy.py resnet20-12fca82f.th SHARD.tar
"""
import io
import json
import sys
import tarfile

import torchvision_ops  # noqa: F401 (must come before timm)
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform

import resnet


def option_a(path):
    state = torch.load(path, map_location="cpu", weights_only=False)["state_dict"]
    state = {name.removeprefix("module."): value for name, value in state.items()}
    depth = len({name.split(".")[1] for name in state if name.startswith("layer1.")})
    stages, channels = [], 16
    for planes in (16, 32, 64):
        strides = [1 if planes == 16 else 2] + [1] * (depth - 1)
        blocks = []
        for stride in strides:
            blocks.append(resnet.CifarBlock(channels, planes, stride))
            channels = planes
        stages.append(blocks)
    model = resnet.CifarNet(16, stages, classes=10)
    model.load_state_dict(state)
    return model, create_transform((3, 32, 32), crop_pct=1.0, interpolation="bilinear")


def of_timm(directory):
    config = json.load(open(f"{directory}/config.json"))
    model = timm.create_model(config["architecture"], num_classes=config["num_classes"],
                              **config["model_args"])
    model.load_state_dict(load_file(f"{directory}/model.safetensors"))
    cfg = config["pretrained_cfg"]
    transform = create_transform(tuple(cfg["input_size"]), interpolation=cfg["interpolation"],
                                 mean=cfg["mean"], std=cfg["std"], crop_pct=cfg["crop_pct"])
    return model, transform


def main(checkpoint, shard):
    model, transform = option_a(checkpoint) if checkpoint.endswith(".th") else of_timm(checkpoint)
    model.eval()
    samples = {}
    with tarfile.open(shard) as tar:
        for member in tar:
            key, suffix = member.name.split(".", 1)
            samples.setdefault(key, {})[suffix] = tar.extractfile(member).read()
    right = 0
    keys = list(samples)
    for first in range(0, len(keys), 250):
        batch = [samples[key] for key in keys[first:first + 250]]
        pictures = torch.stack([transform(Image.open(io.BytesIO(s["jpg"])).convert("RGB"))
                                for s in batch])
        with torch.inference_mode():
            found = model(pictures).argmax(1)
        right += sum(int(s["cls"]) == int(f) for s, f in zip(batch, found))
    print(f"{right} of {len(keys)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
