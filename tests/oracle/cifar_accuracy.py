#!/usr/bin/env python3
"""Prints how many of the pictures in a WebDataset shard (KEY.jpg + KEY.cls) timm gets right
with a checkpoint directory's model, in float32: the reference of tests/shared.sh.

    cifar_accuracy.py pipelines/models/vit-cifar10-p4 SHARD.tar
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


def main(directory, shard):
    config = json.load(open(f"{directory}/config.json"))
    model = timm.create_model(config["architecture"], num_classes=config["num_classes"],
                              **config["model_args"])
    model.load_state_dict(load_file(f"{directory}/model.safetensors"))
    model.eval()
    cfg = config["pretrained_cfg"]
    transform = create_transform(tuple(cfg["input_size"]), interpolation=cfg["interpolation"],
                                 mean=cfg["mean"], std=cfg["std"], crop_pct=cfg["crop_pct"])
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
