"""What tests/oracle/vit.py is made of: parameters drawn so that mistakes show, a model's
attention, residual stream and gradients recorded in float64, and mistakes made on purpose."""

import copy
import math
import re
import zlib

import numpy as np
import timm.layers
import torch
from torch import nn
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

POSITION_KINDS = ("bicubic", "antialias", "corners", "offset")
ACTIVATIONS = {
    "gelu": nn.GELU(),
    "gelu_tanh": nn.GELU(approximate="tanh"),
    "quick_gelu": timm.layers.QuickGELU(),
}
ACTIVATION_CLASSES = {
    "GELU", "GELUTanh", "QuickGELU", "GELUActivation", "NewGELUActivation",
    "QuickGELUActivation", "SiLU", "SiLUActivation",
}


def generator(name):
    return np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))


# Parameters.  The residual stream is kept at the size of sqrt(eps) all the way, so that
# every LayerNorm's eps shows; pre-activations lie where the kinds of GELU differ most
# relative to their values; scores are large enough that attention is peaked.

ROLES = (  # first match decides: role, pattern on the library's own name
    ("token", r"(^|\.)(cls_token|class_token|class_embedding|dist_token|distillation_token"
              r"|reg_token|register_tokens|mask_token)$"),
    ("position", r"pos_embed(ding)?$|position_embeddings?(\.weight)?$"),
    ("unit", r"(latent|probe|token_embedding\.weight|decoder_pos_embed|logit_(scale|bias))$"),
    ("patch", r"(patch_embed\.proj|patch_embeddings\.projection|patch_embedding|conv_proj)\."),
    ("scale", r"(gamma|lambda1)$"),
    ("prenorm", r"(norm_pre|pre_layrnorm)\."),
    ("qknorm", r"(q_norm|k_norm)\."),
    ("norm", r"(norm\w*|ln(_\d)?)\.(weight|bias)$"),
    ("qkv", r"(attn\.qkv|attn_pool\.(q|kv)|[qkv]_proj|in_proj_weight|in_proj_bias)\b"),
    ("wide", r"(fc1|fc1_g|fc1_x|gate_proj|up_proj|mlp\.0)\."),
    ("out", r"(attn\.proj|attn_pool\.proj|o_proj|out_proj)\."),
    ("narrow", r"(fc2|down_proj|mlp\.3)\."),
    ("head", r""),
)


def role_of(name):
    return next(role for role, pattern in ROLES if re.search(pattern, name))


def draw(rng, name, shape, stream, gains):
    """One parameter; stream is the wanted size of the residual stream."""
    role = role_of(name)
    noise = rng.standard_normal(shape)
    bias = name.endswith("bias") or name.endswith("in_proj_bias")
    fan_in = math.prod(shape[1:]) if len(shape) > 1 else 1
    size = gains.get(role, 1.0)
    if role in ("token", "position", "unit"):
        return noise * size * (1.0 if role == "unit" else stream)
    if role == "patch":
        return noise * size * stream * (0.5 if bias else fan_in**-0.5)
    if role == "scale":
        return np.sign(noise) * (0.4 + np.abs(noise)) * size
    if role in ("norm", "qknorm", "prenorm"):
        value = 0.3 * noise if bias else 1.0 + 0.3 * noise
        return value * size * (stream if role == "prenorm" else 1.0)
    if role == "wide" and bias:
        return 0.5 * noise + gains["centre"]
    if role in ("out", "narrow", "head") and bias:
        size = 1.0
    if role in ("out", "narrow"):
        size *= stream * gains["branch"]
    return noise * size * (0.5 if bias else fan_in**-0.5)


# "centre": where pre-activations lie; "branch": what LayerScale takes away again.
DEFAULT_GAINS = {"qkv": 1.8, "wide": 0.9, "centre": -2.0, "out": 1.5, "narrow": 12.0,
                 "head": 1.5, "qknorm": 1.8, "branch": 1.0}
GATED_GAINS = {"wide": 1.1, "centre": 0.0, "narrow": 1.5}
SCALED_GAINS = {"branch": 1000.0, "scale": 1e-3}


def fill(model, seed, stream, gains):
    """Every parameter of a model, in the order of their names."""
    rng = generator(seed)
    gains = {**DEFAULT_GAINS, **gains}
    state = dict(model.named_parameters())
    with torch.no_grad():
        for name in sorted(state):
            value = draw(rng, name, tuple(state[name].shape), stream, gains)
            state[name].copy_(torch.from_numpy(np.asarray(value, dtype=np.float32)))
    return model.eval()


# Running


class Recorder(TorchFunctionMode):
    """Records every attention and, where the model is float64, keeps the library from
    falling back to float32 on the way; can also resize positions in another way."""

    def __init__(self, resizing=False, score_factor=1.0, position_kind=None):
        super().__init__()
        self.attention = []
        self.resizing = resizing
        self.score_factor = score_factor
        self.position_kind = position_kind

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = getattr(func, "__name__", "")
        double = bool(args) and torch.is_tensor(args[0]) and args[0].dtype == torch.float64
        if double and (name == "float" or torch.float32 in (*args[1:], kwargs.get("dtype"))):
            if name in ("float", "to"):
                return args[0]
            kwargs.pop("dtype", None)
        if name == "softmax":
            if self.score_factor != 1.0:
                args = (args[0] * self.score_factor, *args[1:])
            out = func(*args, **kwargs)
            if out.dim() == 4 and out.shape[-1] == out.shape[-2]:
                self.attention.append(out)
            return out
        if name == "interpolate" and self.position_kind:
            return resize_positions(args[0], kwargs, self.position_kind)
        return func(*args, **kwargs)


def resize_positions(grid, kwargs, kind):
    """grid [1, D, h, w] to the size that was asked for, by one of POSITION_KINDS."""
    old = grid.shape[-2:]
    size = kwargs.get("size")
    if size is None:
        size = [int(n * s) for n, s in zip(old, kwargs["scale_factor"])]
    size = (size, size) if isinstance(size, int) else tuple(size)
    if kind == "offset":
        factors = tuple((n + 0.1) / o for n, o in zip(size, old))
        return F.interpolate(grid, scale_factor=factors, mode="bicubic")
    return F.interpolate(grid, size=size, mode="bicubic", antialias=kind == "antialias",
                         align_corners=kind == "corners")


def first(value):
    return value[0] if isinstance(value, tuple) else value


def norm1(block):
    pattern = r"norm1|layer_norm1|layernorm_before|ln_1"
    return next(m for name, m in block.named_children() if re.fullmatch(pattern, name))


def forward(case, model, pixels, **options):
    """{"logits" or not, "attn": [L][B,H,N,N], "tokens": [L+1][B,N,D], "norm1": [L][B,N,D]},
    still parts of autograd's graph."""
    tokens, normed = [], []
    blocks = case.blocks(model)
    hooks = [b.register_forward_pre_hook(lambda m, a: tokens.append(a[0])) for b in blocks]
    hooks.append(blocks[-1].register_forward_hook(lambda m, a, o: tokens.append(first(o))))
    hooks += [norm1(b).register_forward_hook(lambda m, a, o: normed.append(o)) for b in blocks]
    recorder = Recorder(**options)
    dtype = next(model.parameters()).dtype
    try:
        with recorder:
            logits = case.call(model, pixels.to(dtype), recorder)
    finally:
        for hook in hooks:
            hook.remove()
    attention = recorder.attention[: len(blocks)]
    assert len(attention) == len(normed) == len(blocks) and len(tokens) == len(blocks) + 1
    out = {"attn": attention, "tokens": tokens, "norm1": normed}
    if logits is not None:
        out["logits"] = [logits]
    return out


def run(case, model, pixels, **options):
    """What forward gives but norm1, as float64."""
    out = forward(case, model, pixels, **options)
    del out["norm1"]
    return {k: [t.detach().double() for t in v] for k, v in out.items()}


def gradients(case, model, pixels, target, **options):
    """Of logits[b, target[b]], as float64: "attngrad" [L][B,H,N,N] by the attention after
    softmax; "actgrad" [L][B,D,rows,columns] by what each norm1 gave the patches, "act"."""
    out = forward(case, model, pixels, **options)
    wanted = out["logits"][0][range(len(target)), target].sum()  # a picture's own logit only
    # nn.MultiheadAttention hands out a view: what goes on to the values is its base
    roots = [a if a._base is None else a._base for a in out["attn"]]
    found = torch.autograd.grad(wanted, roots + out["norm1"])
    grid = [n // p for n, p in zip(pixels.shape[-2:], case.config["patch"])]
    as_grid = lambda x: x[:, case.config["prefix"]:].transpose(1, 2).unflatten(2, grid)
    out = {"attngrad": [g.reshape(a.shape) for g, a in zip(found, out["attn"])],
           "act": [as_grid(x) for x in out["norm1"]],
           "actgrad": [as_grid(g) for g in found[len(roots):]]}
    return {k: [t.detach().double() for t in v] for k, v in out.items()}


def change(a, b):
    """The largest difference over the largest value, of the output that differs most."""
    worst = 0.0
    for kind in a:
        for x, y in zip(a[kind], b[kind]):
            worst = max(worst, float((x - y).abs().max() / x.abs().max()))
    return worst


def logit_change(a, b):
    return change({"l": a["logits"]}, {"l": b["logits"]}) if "logits" in a else float("nan")


# Mistakes made on purpose: each yields models (or run options) that must differ.


def parts(model, pattern):
    return [(n, p) for n, p in model.named_parameters() if re.search(pattern, n)]


def wrong_eps(case, model):
    others = {1e-6: (1e-5, 1e-12), 1e-5: (1e-6,), 1e-12: (1e-6,)}
    norms = [n for n, m in model.named_modules() if isinstance(m, nn.LayerNorm)]
    for name in [n for n in norms if not re.search(case.unused, n + ".")]:
        for eps in others.get(case.config["eps"], (1e-6,)):
            wrong = copy.deepcopy(model)
            wrong.get_submodule(name).eps = eps
            yield f"{name} {eps:g}", wrong, {}


def wrong_act(case, model):
    for kind in ("gelu", "gelu_tanh", "quick_gelu"):
        if kind == case.config["act"]:
            continue
        wrong = copy.deepcopy(model)
        for parent in wrong.modules():
            for name, child in parent.named_children():
                if type(child).__name__ in ACTIVATION_CLASSES:
                    parent._modules[name] = ACTIVATIONS[kind]  # in place: order counts
        yield kind, wrong, {}


def wrong_scale(case, model):
    heads = case.config["heads"]
    if case.library.startswith("torchvision"):
        wrong = copy.deepcopy(model)
        for _, p in parts(wrong, "in_proj_"):
            p.data[: p.shape[0] // 3] *= heads**-0.5
        yield "dim", wrong, {}
    else:
        yield "dim", model, {"score_factor": heads**-0.5}


def reordered(value, order, heads):
    rows = value.reshape(3, heads, -1, *value.shape[1:])
    if order == "head-major":
        return rows.transpose(0, 1).reshape(value.shape)
    return rows[list(order)].reshape(value.shape)


def wrong_qkv(case, model):
    fused = r"(blocks\.\d+\.attn\.qkv|self_attention\.in_proj_)"
    if parts(model, fused):
        for order in ((1, 0, 2), (0, 2, 1), "head-major"):
            wrong = copy.deepcopy(model)
            for _, p in parts(wrong, fused):
                p.data = reordered(p.data, order, case.config["heads"])
            yield str(order), wrong, {}
        return
    for pair in (("q_proj", "k_proj"), ("k_proj", "v_proj")):
        wrong = copy.deepcopy(model)
        for name, p in parts(wrong, pair[0]):
            twin = wrong.get_parameter(name.replace(*pair))
            p.data, twin.data = twin.data.clone(), p.data.clone()
        yield "-".join(pair), wrong, {}


def wrong_prefix(case, model):
    tokens = parts(model, r"^(?!.*(text|decoder)).*(cls_token|class_token|class_embedding"
                          r"|dist_token|distillation_token|reg_token|register_tokens)$")
    if sum(p.numel() for _, p in tokens) > tokens[0][1].shape[-1]:
        wrong = copy.deepcopy(model)
        values = torch.cat([p.data.reshape(-1, p.shape[-1]) for _, p in tokens]).roll(1, 0)
        for name, p in tokens:
            target = wrong.get_parameter(name)
            count = p.numel() // p.shape[-1]
            target.data = values[:count].reshape(p.shape).clone()
            values = values[count:]
        yield "tokens", wrong, {}
    for name, p in parts(model, ROLES[1][1]):
        if re.search("text|decoder", name):
            continue
        wrong = copy.deepcopy(model)
        wrong.get_parameter(name).data = p.data.roll(1, 0 if p.dim() == 2 else 1)
        yield "positions", wrong, {}


def wrong_layerscale(case, model):
    wrong = copy.deepcopy(model)
    names = [n for n, _ in parts(wrong, r"(ls1\.gamma|layer_scale1\.lambda1)$")]
    for name in names:
        a = wrong.get_parameter(name)
        b = wrong.get_parameter(name.replace("ls1", "ls2").replace("scale1", "scale2"))
        a.data, b.data = b.data.clone(), a.data.clone()
    yield "swapped", wrong, {}


def replaced(model, pattern, module):
    wrong = copy.deepcopy(model)
    for name, _ in list(wrong.named_modules()):
        if re.search(pattern, name):
            parent, _, child = name.rpartition(".")
            setattr(wrong.get_submodule(parent), child, module)
    return wrong


def wrong_norm_pre(case, model):
    yield "left out", replaced(model, r"(norm_pre|pre_layrnorm)$", nn.Identity()), {}


def wrong_qk_norm(case, model):
    yield "left out", replaced(model, r"[qk]_norm$", nn.Identity()), {}
    wrong = copy.deepcopy(model)
    for name, p in parts(wrong, "q_norm"):
        twin = wrong.get_parameter(name.replace("q_norm", "k_norm"))
        p.data, twin.data = twin.data.clone(), p.data.clone()
    yield "swapped", wrong, {}


def wrong_positions(case, model):
    for kind in POSITION_KINDS:
        if kind != case.config["pos_resize"]:
            yield kind, model, {"position_kind": kind}


MISTAKES = {
    "eps": wrong_eps,
    "act": wrong_act,
    "attn_scale": wrong_scale,
    "qkv_order": wrong_qkv,
    "prefix": wrong_prefix,
    "layerscale": wrong_layerscale,
    "norm_pre": wrong_norm_pre,
    "qk_norm": wrong_qk_norm,
    "pos_resize": wrong_positions,
}


# What the head reads, written out, to check the reading and to try the other readings.


def read_tokens(case, tokens, how):
    """tokens [B, N, D], already normed where the model does -> what the head takes."""
    prefix = case.config["prefix"]
    if how == "cls":
        return tokens[:, 0]
    if how == "dist":
        return tokens[:, 1]
    if how == "mean":
        return tokens[:, prefix:].mean(1)
    if how == "mean-all":
        return tokens.mean(1)
    if how == "max":
        return tokens[:, prefix:].amax(1)
    if how == "avgmax":
        return 0.5 * (read_tokens(case, tokens, "max") + read_tokens(case, tokens, "mean"))
    if how == "cls+mean":
        return torch.cat([tokens[:, 0], read_tokens(case, tokens, "mean")], 1)
    if how == "cls+mean-all":
        return torch.cat([tokens[:, 0], tokens[:, 1:].mean(1)], 1)
    raise ValueError(how)
