"""Reference data for ResNets: tests/data/resnet/CASE/ for every family of checkpoint that is
read, from the libraries themselves (see README).

    build/oracle/bin/python tests/oracle/resnet.py [CASE...]
"""

import copy
import json
import os
import pathlib
import shutil
import sys
import warnings
import zlib

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torchvision_ops  # noqa: F401  before timm, torchvision and transformers

import numpy as np
import timm.models.resnet as timm_resnet
import torch
import torchvision.models.resnet as torchvision_resnet
import transformers
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from pth import saved

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "resnet"
CLASSES = 7
SIZES = (33, 27), (23, 34)  # rows, columns: odd and even at every stride
SMALL_SIZES = (17, 14), (15, 20)  # of nets that keep their stem's size
LARGEST = 3000  # an array of more numbers is left out
CASES = {}

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def case(build):
    CASES[build.__name__.replace("_", "-")] = build
    return build


class Net:
    """A model, how it is saved, where its places are, and what a loader should find."""

    def __init__(self, model, save, stem, stages, inner, **found):
        self.model, self.save = model, save
        self.sizes = SMALL_SIZES if found["family"] == "cifar" else SIZES
        self.places = {"stem": stem}
        for number, blocks in enumerate(stages, 1):
            self.places[f"layer{number}"] = blocks[-1]
        number, block = inner
        self.places[f"layer{number}-{block}"] = stages[number - 1][block]
        self.found = dict(depths=[len(blocks) for blocks in stages], **found)


# timm


def save_timm(architecture, dtype=torch.float32, **arguments):
    def save(net, directory):
        state = {k: v.to(dtype) if v.is_floating_point() else v
                 for k, v in net.model.state_dict().items()}
        save_file({k: v.contiguous() for k, v in state.items()}, directory / "model.safetensors")
        config = {
            "architecture": architecture, "num_classes": net.model.num_classes,
            "global_pool": "avg", "model_args": arguments,
            "pretrained_cfg": {
                "input_size": [3, *SIZES[0]], "interpolation": "bicubic", "crop_pct": 0.95,
                "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}}
        (directory / "config.json").write_text(json.dumps(config, indent=1) + "\n")
    return save


def timm_net(block, layers, inner, architecture, dtype=torch.float32, classes=CLASSES, **more):
    model = timm_resnet.ResNet(block, layers, num_classes=classes, **more)
    said = {k: v for k, v in more.items() if isinstance(v, (str, int))}
    stages = [model.layer1, model.layer2, model.layer3, model.layer4]
    return Net(model, save_timm(architecture, dtype, **said), model.act1, stages, inner,
               family="timm")


BASIC, BOTTLENECK = timm_resnet.BasicBlock, timm_resnet.Bottleneck
DEEP = dict(stem_type="deep", stem_width=4, avg_down=True)


@case
def timm_basic():
    return timm_net(BASIC, (1, 2, 1, 1), (2, 0), "resnet18", channels=(4, 6, 8, 8))


@case
def timm_bottleneck_d():
    return timm_net(BOTTLENECK, (1, 2, 1, 1), (2, 0), "resnet50d", channels=(3, 4, 4, 5), **DEEP)


@case
def timm_tiered():
    return timm_net(BASIC, (1, 1, 2, 1), (3, 0), "resnet10t", channels=(6, 8, 8, 10),
                    stem_type="deep_tiered", stem_width=4, avg_down=True)


@case
def timm_deep_c():
    return timm_net(BOTTLENECK, (2, 1, 1, 1), (1, 0), "resnet50c", channels=(3, 4, 4, 5),
                    stem_type="deep", stem_width=4)


@case
def timm_groups():
    return timm_net(BOTTLENECK, (1, 1, 1, 2), (4, 0), "resnext50_32x4d", channels=(2, 4, 4, 5),
                    cardinality=4, base_width=32, **DEEP)


@case
def timm_mixed():
    return timm_net([BASIC, BASIC, BOTTLENECK, BASIC], (1, 1, 2, 1), (3, 0), "test_resnet",
                    channels=(6, 8, 4, 10), **DEEP)


@case
def timm_headless():
    return timm_net(BASIC, (1, 1, 1, 2), (4, 0), "resnet18d", channels=(6, 6, 8, 8), classes=0,
                    **DEEP)


@case
def timm_f16():
    return timm_net(BASIC, (2, 1, 1, 1), (1, 0), "resnet18d", dtype=torch.float16,
                    channels=(6, 8, 8, 10), **DEEP)


# torchvision: its own blocks, stages and forward pass, with fewer channels


class SmallTorchvision(torchvision_resnet.ResNet):
    def __init__(self, block, layers, planes, stem, groups=1, width=64):
        nn.Module.__init__(self)
        self._norm_layer = nn.BatchNorm2d
        self.inplanes, self.dilation, self.groups, self.base_width = stem, 1, groups, width
        self.conv1 = nn.Conv2d(3, stem, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(kernel_size=3, stride=2, padding=1)
        for i, (count, plane) in enumerate(zip(layers, planes)):
            layer = self._make_layer(block, plane, count, stride=2 if i else 1)
            setattr(self, f"layer{i + 1}", layer)
        self.avgpool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(planes[-1] * block.expansion, CLASSES)


def save_torch(wrap=lambda state: state, name="model.pth", legacy=False):
    def save(net, directory):
        data = saved(wrap(net.model.state_dict()), _use_new_zipfile_serialization=not legacy)
        (directory / name).write_bytes(data)
    save.name = name
    return save


def torchvision_net(block, layers, inner, planes, stem=8, **more):
    model = SmallTorchvision(block, layers, planes, stem, **more)
    stages = [model.layer1, model.layer2, model.layer3, model.layer4]
    # relu is one module for all: what its pooling takes stands for the stem
    return Net(model, save_torch(), model.maxpool, stages, inner, family="torchvision")


@case
def torchvision_basic():
    return torchvision_net(torchvision_resnet.BasicBlock, (1, 2, 1, 1), (2, 0), (8, 8, 8, 10))


@case
def torchvision_bottleneck():
    return torchvision_net(torchvision_resnet.Bottleneck, (1, 1, 2, 1), (3, 0), (3, 4, 4, 5))


@case
def torchvision_wide():
    return torchvision_net(torchvision_resnet.Bottleneck, (2, 1, 1, 1), (1, 0), (2, 3, 3, 4),
                           width=128)


@case
def torchvision_groups():
    return torchvision_net(torchvision_resnet.Bottleneck, (1, 2, 1, 1), (2, 0), (2, 3, 3, 4),
                           groups=3, width=64)


# Hugging Face


def hf_net(kind, inner, hidden, depths, **more):
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=hidden, depths=depths, num_labels=CLASSES, **more)
    model = kind(config)
    base = model.resnet if hasattr(model, "resnet") else model
    def save(net, directory):
        float32 = copy.deepcopy(net.model).float()
        float32.save_pretrained(directory)
    stages = [stage.layers for stage in base.encoder.stages]
    return Net(model, save, base.embedder.embedder, stages, inner, family="hf-resnet")


@case
def hf_basic():
    return hf_net(transformers.ResNetForImageClassification, (2, 0), [8, 8, 8, 10],
                  [1, 2, 1, 1], layer_type="basic")


@case
def hf_bottleneck():
    return hf_net(transformers.ResNetForImageClassification, (3, 0), [12, 12, 16, 16],
                  [1, 1, 2, 1])


@case
def hf_first():
    return hf_net(transformers.ResNetForImageClassification, (2, 0), [16, 16, 24],
                  [1, 2, 1], downsample_in_first_stage=True, downsample_in_bottleneck=True)


@case
def hf_model():
    return hf_net(transformers.ResNetModel, (1, 0), [8, 8, 8, 10], [2, 1, 1, 1],
                  layer_type="basic")


# CIFAR: written out as in the published code


class CifarBlock(nn.Module):
    """github.com/akamaster/pytorch_resnet_cifar10, resnet.py: option A."""

    def __init__(self, in_planes, planes, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride=1, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.planes = planes
        self.pads = stride != 1 or in_planes != planes

    def shortcut(self, x):
        quarter = self.planes // 4
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter), "constant", 0)

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + (self.shortcut(x) if self.pads else x))


class KuangBlock(nn.Module):
    """github.com/kuangliu/pytorch-cifar, models/resnet.py."""

    def __init__(self, in_planes, planes, stride, kernels=(3, 3), expansion=1):
        super().__init__()
        out = planes * expansion
        sizes = [in_planes] + [planes] * (len(kernels) - 1) + [out]
        self.count = len(kernels)
        for i, kernel in enumerate(kernels):
            strided = i == (1 if self.count == 3 else 0)
            setattr(self, f"conv{i + 1}", nn.Conv2d(
                sizes[i], sizes[i + 1], kernel, stride=stride if strided else 1,
                padding=kernel // 2, bias=False))
            setattr(self, f"bn{i + 1}", nn.BatchNorm2d(sizes[i + 1]))
        self.shortcut = nn.Sequential()
        if stride != 1 or in_planes != out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_planes, out, 1, stride=stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x):
        out = x
        for i in range(1, self.count + 1):
            out = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(out))
            out = F.relu(out) if i < self.count else out
        return F.relu(out + self.shortcut(x))


class CifarNet(nn.Module):
    def __init__(self, stem, stages, classes=CLASSES):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 3, stride=1, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.count = len(stages)
        for i, blocks in enumerate(stages, 1):
            setattr(self, f"layer{i}", nn.Sequential(*blocks))
        norms = [m for m in stages[-1][-1].children() if isinstance(m, nn.BatchNorm2d)]
        self.linear = nn.Linear(norms[-1].num_features, classes)
        self.act = nn.ReLU()

    def forward(self, x):
        out = self.act(self.bn1(self.conv1(x)))
        for i in range(1, self.count + 1):
            out = getattr(self, f"layer{i}")(out)
        return self.linear(out.mean(dim=(2, 3)))  # their pooling, at 32x32


def cifar_net(stem, stages, inner, save):
    model = CifarNet(stem, stages)
    layers = [getattr(model, f"layer{i}") for i in range(1, model.count + 1)]
    return Net(model, save, model.act, layers, inner, family="cifar")


def as_trained(state):
    parallel = {"module." + name: value for name, value in state.items()}
    return {"state_dict": parallel, "best_prec1": 91.78}


@case
def cifar_a():
    stages = [[CifarBlock(4, 4, 1)], [CifarBlock(4, 8, 2), CifarBlock(8, 8, 1)],
              [CifarBlock(8, 16, 2)]]
    return cifar_net(4, stages, (2, 0), save_torch(as_trained, "model.th", legacy=True))


@case
def cifar_b():
    stages = [[KuangBlock(6, 6, 1)], [KuangBlock(6, 8, 2)],
              [KuangBlock(8, 10, 2), KuangBlock(10, 10, 1)], [KuangBlock(10, 12, 2)]]
    wrap = lambda state: {"net": as_trained(state)["state_dict"], "acc": 95.4, "epoch": 3}
    return cifar_net(6, stages, (3, 0), save_torch(wrap, "ckpt.pth"))


@case
def cifar_bottleneck():
    make = lambda i, p, s: KuangBlock(i, p, s, (1, 3, 1), 4)
    stages = [[make(6, 2, 1)], [make(8, 3, 2)], [make(12, 3, 2), make(12, 3, 1)],
              [make(12, 4, 2)]]
    return cifar_net(6, stages, (3, 0), save_torch())


# Parameters and inputs drawn at random


def generator(name):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


def draw(kind, rng, shape):
    """Norms far from the identity, one channel of each 0 as after a zeroed start (relu then
    sees zeros), and some variances of the size of eps."""
    if kind == "norm.running_var":
        return np.where(rng.random(shape) < 0.1, 1e-5, rng.uniform(0.3, 2.0, shape))
    if kind == "norm.running_mean":
        return rng.normal(0, 0.3, shape)
    if kind == "norm.weight":
        values = rng.uniform(0.5, 1.5, shape) * rng.choice([-1, 1], shape, p=[0.2, 0.8])
        values[rng.integers(shape[0])] = 0
        return values
    if kind == "norm.bias":
        return rng.normal(0.1, 0.3, shape)
    fan = int(np.prod(shape[1:])) if len(shape) > 1 else 1
    return rng.normal(0, 1, shape) * (1.4 / np.sqrt(fan))


def fill(model, name, size, half):
    """Draws every tensor, then fits the norms' statistics to what comes in."""
    rng = generator(name)
    norms = {n: m for n, m in model.named_modules() if isinstance(m, nn.BatchNorm2d)}
    state = model.state_dict()
    with torch.no_grad():
        for key in sorted(state):
            value = state[key]
            owner, _, leaf = key.rpartition(".")
            if not value.is_floating_point():
                continue
            kind = "norm." + leaf if owner in norms else leaf
            value.copy_(torch.from_numpy(draw(kind, rng, tuple(value.shape))))
        for module in norms.values():
            module.bias[module.weight == 0] = 0
    settle(model, norms, size, rng)
    for value in list(model.parameters()) + list(model.buffers()):
        if value.is_floating_point():  # what a file can hold
            value.data.copy_(value.data.half().double() if half else value.data.float().double())


def settle(model, norms, size, rng):
    """Statistics of what really comes in, times a random factor, so that activations neither
    vanish nor explode: one norm after another in the order of the pass."""
    factors = {}
    def hook(module, inputs):
        x = inputs[0]
        if module in factors:
            return
        count = x.shape[1]
        factor = torch.from_numpy(rng.uniform(0.4, 1.6, count))
        with torch.no_grad():
            tiny = module.running_var < 1e-4
            spread = (x.var(dim=(0, 2, 3), unbiased=False) + 1e-3) * factor
            module.running_var.copy_(torch.where(tiny, module.running_var, spread))
            module.weight.copy_(torch.where(tiny, module.weight * 5e-3, module.weight))
            shift = torch.from_numpy(rng.normal(0, 0.3, count)) * spread.sqrt()
            module.running_mean.copy_(x.mean(dim=(0, 2, 3)) + shift)
        factors[module] = True
    handles = [m.register_forward_pre_hook(hook) for m in norms.values()]
    with torch.no_grad():
        model(draw_input(rng, 2, size))
    for handle in handles:
        handle.remove()


def draw_input(rng, count, size):
    """Noise beside a corner of zeros, whose windows tie in the maximum."""
    values = rng.normal(0, 1, (count, 3, *size))
    values[:, :, : size[0] // 2, : size[1] // 2] = 0
    return torch.from_numpy(values.astype(np.float32).astype(np.float64))


# What the library makes of an input


def run(net, pixels, target):
    kept = {}
    def keep(name):
        def hook(module, inputs, output):
            value = inputs[0] if isinstance(module, nn.MaxPool2d) else output
            value.retain_grad()
            kept[name] = value
        return hook
    handles = [module.register_forward_hook(keep(name)) for name, module in net.places.items()]
    out = net.model(pixels.clone().requires_grad_())
    for handle in handles:
        handle.remove()
    has_head = net.has_head
    logits = getattr(out, "logits", out) if has_head else None
    if has_head:
        sum(logits[b, t] for b, t in enumerate(target)).backward()
    acts = {name: value.detach() for name, value in kept.items()}
    grads = {name: value.grad for name, value in kept.items()} if has_head else {}
    return logits.detach() if has_head else None, acts, grads


def write(directory, name, value):
    np.save(directory / name, value.detach().numpy().astype(np.float32))


def relative(a, b):
    return float((a.double() - b).abs().max() / b.abs().max().clamp(min=1e-30))


def check(name, net, pixels, target, reference):
    """The library's float32 must be close to its float64, and half of it alive."""
    float32 = copy.copy(net)
    float32.model = copy.deepcopy(net.model).float()
    modules = dict(float32.model.named_modules())
    names = {module: key for key, module in net.model.named_modules()}
    float32.places = {k: modules[names[m]] for k, m in net.places.items()}
    logits, acts, grads = run(float32, pixels.float(), target)
    worst = max(relative(acts[k], reference[1][k]) for k in acts)
    worst_grad = max([relative(grads[k], reference[2][k]) for k in grads], default=0)
    worst_logit = relative(logits, reference[0]) if logits is not None else 0
    print(f"{name}: float32 off by {worst:.1e} act, {worst_grad:.1e} grad, {worst_logit:.1e} "
          f"logits; alive {[round(float((a > 0).double().mean()), 2) for a in acts.values()]}")
    alive = min(float((act > 0).double().mean()) for act in reference[1].values())
    return worst < 2e-6 and worst_grad < 5e-6 and worst_logit < 2e-6 and alive > 0.2


def make(name, seed=0):
    directory = DATA / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    torch.manual_seed(0)
    net = CASES[name]()
    net.model.double().eval()
    net.has_head = name not in ("timm-headless", "hf-model")
    fill(net.model, f"{name} {seed}", net.sizes[0], name == "timm-f16")
    rng = generator(name + " input")
    target = [int(t) for t in rng.integers(CLASSES, size=3)]
    for suffix, count, size in (("", 2, net.sizes[0]), ("2", 1, net.sizes[1])):
        pixels = draw_input(rng, count, size)
        wanted = target[:2] if count == 2 else target[2:]
        reference = run(net, pixels, wanted)
        if not check(name + suffix, net, pixels, wanted, reference):
            return make(name, seed + 1)  # too delicate a draw
        logits, acts, grads = reference
        write(directory, f"input{suffix}.npy", pixels)
        if logits is not None:
            write(directory, f"logits{suffix}.npy", logits)
        for place in acts if not suffix else ["stem", *list(acts)[-2:]]:
            if acts[place].numel() > LARGEST:
                continue
            write(directory, f"act{suffix}.{place}.npy", acts[place])
            if place in grads:
                write(directory, f"actgrad{suffix}.{place}.npy", grads[place])
    about = {"target": target, "classes": CLASSES if net.has_head else 0, **net.found}
    net.model.float()
    net.save(net, directory)
    about["file"] = getattr(net.save, "name", "")
    (directory / "case.json").write_text(json.dumps(about, indent=1) + "\n")


if __name__ == "__main__":
    for wanted in sys.argv[1:] or CASES:
        make(wanted)
