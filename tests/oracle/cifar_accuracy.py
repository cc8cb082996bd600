#!/usr/bin/env python3
"""Prints how many of the pictures in a WebDataset shard (KEY.jpg + KEY.cls) PyTorch gets right
in float32, for each model: a ViT's directory by timm, a .th file of ResNets for CIFAR-10 by the
net that it was trained as, and so a directory with such a net. The reference of tests/shared.sh,
and of what the cards of the models say.

    cifar_accuracy.py pipelines/models/* ../shared/weights/*.th SHARD.tar
"""
import io
import json
import re
import sys
import tarfile

import torchvision_ops  # noqa: F401 (must come before timm)
import timm
import torch
from PIL import Image
from safetensors.torch import load_file
from timm.data import create_transform
from torch import nn
from torch.nn import functional as F
from torchvision import transforms


class BasicBlock(nn.Module):
    """github.com/akamaster/pytorch_resnet_cifar10, resnet.py, with its option A."""

    def __init__(self, in_planes, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, kernel_size=3, stride=stride, padding=1,
                               bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.pad = planes // 4 if stride != 1 or in_planes != planes else None

    def shortcut(self, x):
        if self.pad is None:
            return x
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad), "constant", 0)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + self.shortcut(x))


class ResNet(nn.Module):
    """The same, for 6 n + 2 layers."""

    def __init__(self, n):
        super().__init__()
        self.in_planes = 16
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = self.make_layer(16, n, 1)
        self.layer2 = self.make_layer(32, n, 2)
        self.layer3 = self.make_layer(64, n, 2)
        self.linear = nn.Linear(64, 10)

    def make_layer(self, planes, n, stride):
        layers = []
        for stride in [stride] + [1] * (n - 1):
            layers.append(BasicBlock(self.in_planes, planes, stride))
            self.in_planes = planes
        return nn.Sequential(*layers)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.layer3(self.layer2(self.layer1(out)))
        out = F.avg_pool2d(out, out.size()[3])
        return self.linear(out.view(out.size(0), -1))


def resnet(path):
    state = torch.load(path, map_location="cpu", weights_only=True)["state_dict"]
    depth = int(re.search(r"resnet(\d+)", path)[1])
    model = ResNet((depth - 2) // 6)
    model.load_state_dict({name.removeprefix("module."): value for name, value in state.items()})
    return model, transforms.Compose([
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225])])


def folder(directory):
    config = json.load(open(f"{directory}/config.json"))
    state = load_file(f"{directory}/model.safetensors")
    cfg = config["pretrained_cfg"]
    if config.get("family") == "cifar":
        model = ResNet((int(config["architecture"].removeprefix("resnet")) - 2) // 6)
        model.load_state_dict({name.replace("fc.", "linear."): v for name, v in state.items()},
                              strict=False)  # num_batches_tracked is not saved
        return model, transforms.Compose([
            transforms.ToTensor(), transforms.Normalize(mean=cfg["mean"], std=cfg["std"])])
    model = timm.create_model(config["architecture"], num_classes=config["num_classes"],
                              **config["model_args"])
    model.load_state_dict(state)
    return model, create_transform(tuple(cfg["input_size"]), interpolation=cfg["interpolation"],
                                   mean=cfg["mean"], std=cfg["std"], crop_pct=cfg["crop_pct"])


def samples_of(shard):
    samples = {}
    with tarfile.open(shard) as tar:
        for member in tar:
            key, suffix = member.name.split(".", 1)
            samples.setdefault(key, {})[suffix] = tar.extractfile(member).read()
    return list(samples.values())


def count_right(model, transform, samples):
    right = 0
    model.eval()
    for first in range(0, len(samples), 250):
        batch = samples[first:first + 250]
        pictures = torch.stack([transform(Image.open(io.BytesIO(s["jpg"])).convert("RGB"))
                                for s in batch])
        with torch.inference_mode():
            found = model(pictures).argmax(1)
        right += sum(int(s["cls"]) == int(f) for s, f in zip(batch, found))
    return right


def main(names, shard):
    samples = samples_of(shard)
    for name in names:
        model, transform = resnet(name) if name.endswith(".th") else folder(name)
        right = count_right(model, transform, samples)
        print(f"{name}: {right} of {len(samples)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:-1], sys.argv[-1])
