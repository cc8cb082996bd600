"""Reference data for training Vision Transformers: tests/data/train/vit/, the gradients of all
weights of the cases of tests/data/vit, from the libraries themselves (see README).

    build/oracle/bin/python tests/oracle/train_vit.py
"""

import json
import pathlib
import shutil
import sys
import tempfile

import vit  # first: it readies the libraries

import numpy as np
import safetensors.torch
import torch
from torch import nn
from torch.nn import functional as F

import vit_parts as parts

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "train" / "vit"
SMOOTHING = 0.1
NOT_OURS = ("avgmax", "map")  # heads that vitfwd passes over
# What drops branches, [layers][attention's, MLP's][pictures]: 0, or one over what is kept.
DROPPED = {
    "timm-plain": [[[0, 2], [1.25, 0]], [[1.25, 2], [2, 0]], [[2, 1.25], [1.25, 1.25]]],
    "timm-reg-noembed": [[[1.25, 0], [0, 1.25]], [[2, 1.25], [1.25, 2]]],
}
# Which patches of each picture take part, as timm's PatchDropout would have drawn them.
KEPT = {
    "timm-plain": [[9, 0, 3], [1, 7, 4]],
    "timm-reg-noembed": [[1, 6], [2, 0]],
    "timm-gap-norm": [[0, 8, 2, 5], [7, 1, 4, 6]],
    "timm-clip-quickgelu": [[8], [3]],
}


class Kept(nn.Module):
    """timm's PatchDropout in training, with the draws given."""

    def __init__(self, prefix, patches):
        super().__init__()
        self.prefix, self.patches = prefix, torch.tensor(patches)

    def forward(self, x):
        index = (self.prefix + self.patches).unsqueeze(-1).expand(-1, -1, x.shape[-1])
        return torch.cat((x[:, :self.prefix], x.gather(1, index)), 1)


class Dropped(nn.Module):
    """timm's DropPath in training, with the draws given."""

    def __init__(self, factors):
        super().__init__()
        self.factors = torch.tensor(factors, dtype=torch.float32).view(-1, 1, 1)

    def forward(self, x):
        return x * self.factors


def drop(model, factors):
    for block, (attention, mlp) in zip(model.blocks, factors):
        block.drop_path1, block.drop_path2 = Dropped(attention), Dropped(mlp)


def differentiate(case, model, x, target):
    """The loss, its gradient by the logits, and by each parameter that takes part, by name."""
    logits = parts.forward(case, model, x)["logits"][0]
    loss = F.cross_entropy(logits, torch.tensor(target), label_smoothing=SMOOTHING)
    named = dict(model.named_parameters())
    found = torch.autograd.grad(loss, [logits, *named.values()], allow_unused=True)
    return float(loss.detach()), found[0], dict(zip(named, found[1:]))


def as_saved(case, model, gradients):
    """The gradients under the names, and in the shapes, of the case's checkpoint: the library
    itself saves them as if they were the parameters."""
    for name, p in model.named_parameters():
        missing = gradients[name] is None
        p.data = torch.full_like(p, torch.nan) if missing else gradients[name].detach()
    with tempfile.TemporaryDirectory() as directory:
        case.write(case, model, pathlib.Path(directory))
        saved = {}
        for path in pathlib.Path(directory).glob("*.safetensors"):
            saved.update(safetensors.torch.load_file(path))
    assert all(t.isnan().all() or not t.isnan().any() for t in saved.values()), case.name
    return {k: t.double() for k, t in sorted(saved.items()) if not t.isnan().any()}


def largest_difference(a, b):
    """Over the largest of the tensor; but a key's bias has no gradient, only noise."""
    return max(float((a[k] - b[k]).abs().max() / a[k].abs().max())
               for k in a if float(a[k].abs().max()) > 1e-9)


def make(case, factors=None, patches=None):
    directory = vit.DATA / case.name
    x = torch.from_numpy(np.load(directory / "input.npy"))
    target = json.loads((directory / "case.json").read_text())["target"]
    results = []
    for kind in (torch.float64, torch.float32):
        model = case.load(case, directory).to(kind)
        if factors:
            drop(model, factors)
        if patches:
            model.patch_drop = Kept(model.num_prefix_tokens, patches)
        loss, by_logits, gradients = differentiate(case, model, x, target)
        results.append((loss, by_logits, as_saved(case, model, gradients)))
    loss, by_logits, saved = results[0]
    name = case.name + ("-dropped" if factors else "-kept" if patches else "")
    off = largest_difference(saved, results[1][2])
    print(f"{name}: {len(saved)} tensors, loss {loss:.4f}, float32 differs by {off:.1e}")
    safetensors.torch.save_file(
        {k: t.float().contiguous() for k, t in saved.items()}, DATA / f"{name}.safetensors")
    (DATA / f"{name}.safetensors").chmod(0o644)
    return {"name": name, "case": case.name, "smoothing": SMOOTHING, "target": target,
            "loss": loss, "logit_gradients": by_logits.tolist(), "drop_path": factors,
            "patches": patches}


def main():
    vit.define_cases()
    torch.set_num_threads(1)
    shutil.rmtree(DATA, ignore_errors=True)
    DATA.mkdir(parents=True)
    about = []
    for case in vit.CASES.values():
        if case.tails and case.config["readout"] not in NOT_OURS:
            about.append(make(case))
            if case.name in DROPPED:
                about.append(make(case, factors=DROPPED[case.name]))
            if case.name in KEPT:
                about.append(make(case, patches=KEPT[case.name]))
    vit.write_json(DATA / "cases.json", about)
    total = sum(path.stat().st_size for path in DATA.iterdir())
    print(f"{len(about)} cases, {total / 1e6:.2f} MB")


if __name__ == "__main__":
    sys.exit(main())
