"""A ViT-B/16 of full size with random weights, with what timm makes of one input: for trying
the forward pass at the size that people use.  350 MB, so it stays out of the repository.

    build/oracle/bin/python tests/oracle/vit_b16.py build/vit-b16

Writes model.safetensors, config.json, input.npy [1,3,224,224], logits.npy [1,1000],
attn.LL.npy [1,12,197,197] of layers 00, 05 and 11, rollout.npy [14,14] (Abnar and Zuidema:
mean over heads, residual 1/2, the class token's row), the gradients of the largest logit:
attngrad.LL.npy of the same layers, actgrad.11.npy [1,768,14,14] by what norm1 of block 11 made
of the patches, act.11.npy; and case.json, whose target is that logit's index."""

import json
import pathlib
import sys
import types

import torchvision_ops  # noqa: F401  before timm

import numpy as np
import timm
import torch
from timm.models import save_for_hf

import vit_parts as parts

KEPT = (0, 5, 11)
CONFIG = {"heads": 12, "layers": 12, "dim": 768, "patch": [16, 16], "image": [224, 224],
          "prefix": 1, "eps": 1e-6, "act": "gelu", "readout": "cls"}
CASE = types.SimpleNamespace(config=CONFIG, blocks=lambda model: list(model.blocks),
                             call=lambda model, pixels, recorder: model(pixels))
QK_GAIN = 2.75  # timm's initial scores are near zero, its attention near uniform


def make(directory):
    """timm's initial sizes, from NumPy's generator; queries and keys made larger."""
    model = timm.create_model("vit_base_patch16_224")
    rng = parts.generator("vit_b16")
    state = dict(model.named_parameters())
    with torch.no_grad():
        for name in sorted(state):
            p = state[name]
            noise = rng.standard_normal(tuple(p.shape), dtype=np.float32)
            if "norm" in name:
                noise = 0.1 * noise + (1.0 if name.endswith("weight") else 0.0)
            elif name == "patch_embed.proj.weight":
                noise *= np.float32(p[0].numel() ** -0.5)
            else:
                noise *= np.float32(0.02)
            if "qkv" in name:
                noise[: 2 * model.embed_dim] *= np.float32(QK_GAIN)
            p.copy_(torch.from_numpy(np.ascontiguousarray(noise, dtype=np.float32)))
    save_for_hf(model, str(directory), safe_serialization=True)


def rollout(attention):
    """attention: layers of [heads, N, N] float64 -> the class token's row over patches."""
    product = np.eye(attention[0].shape[-1])
    for layer in attention:
        step = 0.5 * layer.mean(0) + 0.5 * np.eye(layer.shape[-1])
        product = (step / step.sum(-1, keepdims=True)) @ product
    return product[0, 1:]


def main(argument):
    directory = pathlib.Path(argument)
    directory.mkdir(parents=True, exist_ok=True)
    make(directory)
    model = timm.create_model(f"local-dir:{directory}", pretrained=True).eval()
    for block in model.blocks:
        block.attn.fused_attn = False
    noise = parts.generator("vit_b16 input").standard_normal((1, 3, 224, 224))
    x = torch.from_numpy(noise.astype(np.float32))
    single = parts.run(CASE, model, x)
    target = [int(single["logits"][0].argmax())]
    single |= parts.gradients(CASE, model, x, target)
    model.double()
    truth = parts.run(CASE, model, x) | parts.gradients(CASE, model, x, target)
    logits = truth["logits"][0]
    arrays = {"input": x, "logits": logits, "act.11": truth["act"][11],
              "actgrad.11": truth["actgrad"][11],
              "rollout": rollout([a[0].numpy() for a in truth["attn"]]).reshape(14, 14)}
    for layer in KEPT:
        arrays[f"attn.{layer:02d}"] = truth["attn"][layer]
        arrays[f"attngrad.{layer:02d}"] = truth["attngrad"][layer]
    for name, value in arrays.items():
        np.save(directory / f"{name}.npy", np.asarray(value).astype("<f4"))
    for path in directory.iterdir():
        path.chmod(0o644)
    (directory / "case.json").write_text(json.dumps(
        {"family": "timm", "library": f"timm {timm.__version__}", "config": CONFIG,
         "target": target}) + "\n")
    for layer in KEPT:
        print(f"layer {layer}: largest attention {truth['attn'][layer].max():.2f}")
    worst = {kind: parts.change({0: truth[kind]}, {0: single[kind]}) for kind in truth}
    print("float32 differs by " + ", ".join(f"{worst[k]:.1e} ({k})" for k in worst)
          + " of the largest of a layer")


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: vit_b16.py DIRECTORY")
    main(sys.argv[1])
