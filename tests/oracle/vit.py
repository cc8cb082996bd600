"""Reference data for the Vision Transformer: tests/data/vit/CASE/ for every family of
checkpoint that is read, from the libraries themselves (see README).

    build/oracle/bin/python tests/oracle/vit.py [CASE...]
"""

import dataclasses
import functools
import json
import math
import os
import pathlib
import re
import shutil
import sys
import typing
import warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
warnings.filterwarnings("ignore")

import torchvision_ops  # noqa: F401  before timm, torchvision and transformers

import numpy as np
import safetensors.torch
import timm
import torch
import torchvision
import transformers
from timm.layers import SwiGLU, SwiGLUPacked
from timm.models import save_for_hf
from timm.models.vision_transformer import VisionTransformer
from torch import nn
from torch.nn import functional as F
from torchvision.models.vision_transformer import VisionTransformer as TorchvisionVit
from torchvision.models.vision_transformer import interpolate_embeddings

import vit_parts as parts

DATA = pathlib.Path(__file__).resolve().parent.parent / "data" / "vit"
MINIMUM_CHANGE = 1e-3
MAXIMUM_NOISE = 2e-5  # of float32 gradients: the tests allow 1e-4
CASES = {}
# Where the first draw of a case's parameters is too weak or too noisy, a later one.
SEEDS = {
    "timm-plain": 3, "timm-reg-embed": 1, "hf-vit-old": 1, "hf-deit-teacher": 1, "hf-dinov2": 1,
    "hf-dinov2-reg-new": 1, "hf-clip-classify": 1, "torchvision-prelogits": 1, "dino": 1,
    "dinov2-hub": 2, "dinov2-hub-chunked": 1,
}

transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


@dataclasses.dataclass
class Case:
    name: str
    family: str
    library: str
    config: dict
    build: typing.Callable  # case -> the library's model, its parameters drawn
    write: typing.Callable  # (case, model, directory): its checkpoint
    load: typing.Callable  # (case, directory) -> the library's model, float32
    blocks: typing.Callable  # model -> its blocks
    call: typing.Callable  # (model, pixels, recorder) -> logits or None
    tails: dict  # reading -> (model, last tokens) -> logits; the first is the right one
    image2: tuple | None = None  # a second input's size, if the library can resize
    at_size: typing.Callable = lambda case, model, size: model
    unused: str = r"^$"  # names of parameters that nothing of ours depends on
    gains: dict = dataclasses.field(default_factory=dict)
    mutations: list = dataclasses.field(default_factory=list)
    weak: bool = False

    def add(self):
        config = self.config
        self.seed = f"{self.name} {SEEDS.get(self.name, 0)}"
        # the residual stream's variance is near eps, or near 1e-6
        self.stream = 3e-3 if config["eps"] >= 3e-6 else 1e-3
        gated = parts.GATED_GAINS if config["act"] == "silu" else {}
        scaled = parts.SCALED_GAINS if config["layerscale"] else {}
        self.gains = {**gated, **scaled, **self.gains}
        self.mutations = ["eps", "act", "attn_scale", "qkv_order"]
        self.mutations += ["pos_resize"] * (self.image2 is not None)
        self.mutations += ["prefix"] * (config["prefix"] > 0)
        self.mutations += ["pooling"] * (len(self.tails) > 1)
        for key in ("layerscale", "norm_pre", "qk_norm"):
            self.mutations += [key] * bool(config.get(key))
        if config["act"] == "silu":
            self.mutations.remove("act")
        CASES[self.name] = self


def described(dim, heads, layers, hidden, patch, image, prefix, eps, act, **more):
    pair = lambda v: [v, v] if isinstance(v, int) else list(v)
    return {"dim": dim, "heads": heads, "layers": layers, "hidden": hidden,
            "patch": pair(patch), "image": pair(image), "prefix": prefix, "eps": eps,
            "act": act, "layerscale": False, "norm_pre": False, "qk_norm": False,
            "pos_embeds_prefix": True, "qkv_bias": True, **more}


def save_tensors(directory, state, name="model.safetensors", metadata=None):
    state = {k: v.detach().clone().contiguous() for k, v in state.items()}
    safetensors.torch.save_file(state, directory / name, metadata=metadata)


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")


# timm


def timm_tail(how, order="own"):
    def tail(model, tokens):
        x = tokens
        if order != "after":
            x = model.norm(x)
        x = parts.read_tokens(tail.case, x, how)
        x = model.norm(x) if order == "after" else x
        return model.head(model.fc_norm(x))

    return tail


def distilled_tail(how):
    def tail(model, tokens):
        x = model.norm(tokens)
        logits = {"cls": model.head(x[:, 0]), "dist": model.head_dist(x[:, 1])}
        return (logits["cls"] + logits["dist"]) / 2 if how == "cls+dist" else logits[how]

    return tail


def map_tail(model, tokens):
    return model.head(model.attn_pool(model.norm(tokens)[:, model.num_prefix_tokens:]))


def timm_call(model, pixels, recorder):
    out = model(pixels)
    return out if model.num_classes > 0 else None


def timm_make(case, **more):
    if case.arch is None:
        return VisionTransformer(**{**case.kwargs, **more})
    return timm.create_model(case.arch, **{**case.kwargs, **more})


def timm_build(case):
    return parts.fill(timm_make(case), case.seed, case.stream, case.gains).to(case.dtype)


def timm_write(case, model, directory):
    if case.arch is None:
        save_tensors(directory, model.state_dict())
    else:
        save_for_hf(model, str(directory), safe_serialization=True)


def timm_load(case, directory):
    more = {"dynamic_img_size": True} if case.image2 else {}
    if case.arch is None:
        model = timm_make(case, **more)
        model.load_state_dict(safetensors.torch.load_file(directory / "model.safetensors"))
    else:
        model = timm.create_model(f"local-dir:{directory}", pretrained=True, **more)
    for block in model.blocks:
        block.attn.fused_attn = False
    return model.eval()


def timm_case(name, arch, tails, image2=None, dtype=torch.float32, gains={}, eps=1e-6,
              act="gelu", patch=4, image=(8, 20), dim=24, heads=3, layers=2, hidden=30,
              classes=7, prefix=1, readout="cls", unused=r"^$", layerscale=False,
              norm_pre=False, **kwargs):
    ratio = (hidden + 0.01) / dim
    config = described(
        dim, heads, layers, hidden, patch, image, prefix, eps, act, layerscale=layerscale,
        norm_pre=norm_pre, qk_norm=kwargs.get("qk_norm", False), classes=classes,
        readout=readout, pos_resize="antialias" if image2 else None,
        pos_embeds_prefix=not kwargs.get("no_embed_class", False),
        qkv_bias=kwargs.get("qkv_bias", True))
    case = Case(name, "timm", f"timm {timm.__version__}", config, timm_build, timm_write,
                timm_load, lambda m: list(m.blocks), timm_call, tails, image2, unused=unused,
                gains=gains)
    case.arch, case.dtype = arch, dtype
    case.kwargs = dict(img_size=image, patch_size=patch, embed_dim=dim, depth=layers,
                       num_heads=heads, mlp_ratio=ratio, num_classes=classes, **kwargs)
    for tail in tails.values():
        tail.case = case
    case.add()


def timm_tails(*readings):
    return {r: timm_tail(r) for r in readings}


def timm_cases():
    tails = lambda: timm_tails("cls", "mean")
    timm_case("timm-plain", "vit_tiny_patch16_224", tails(), (12, 16), dim=20, heads=2,
              layers=3, hidden=26, dynamic_img_size=True)
    timm_case("timm-distilled", "deit_tiny_distilled_patch16_224",
              {h: distilled_tail(h) for h in ("cls+dist", "cls", "dist")}, (16, 12), prefix=2,
              readout="cls+dist")
    timm_case("timm-reg-noembed", "vit_small_patch14_reg4_dinov2", tails(), (16, 12),
              hidden=28, image=(8, 16), reg_tokens=3, prefix=4, layerscale=True,
              no_embed_class=True)
    timm_case("timm-reg-embed", "vit_so150m_patch16_reg4_gap_256",
              timm_tails("mean", "mean-all"), (8, 24), dim=16, heads=2, hidden=24,
              image=(12, 16), reg_tokens=2, prefix=2, readout="mean")
    timm_case("timm-avg-fcnorm", "vit_tiny_patch16_224", timm_tails("mean", "mean-all", "cls"),
              (12, 12), dim=30, heads=2, hidden=20, image=(8, 12), global_pool="avg",
              readout="mean")
    timm_case("timm-gap-norm", "vit_base_patch32_siglip_gap_256",
              {**timm_tails("mean"), "norm after": timm_tail("mean", "after")}, (20, 12),
              dim=16, heads=2, hidden=28, image=12, prefix=0, act="gelu_tanh", readout="mean")
    timm_case("timm-avgmax", "vit_tiny_patch16_224", timm_tails("avgmax", "mean", "max"),
              dim=16, heads=2, hidden=24, image=(8, 12), global_pool="avgmax", readout="avgmax")
    timm_case("timm-clip", "vit_base_patch32_clip_224", tails(), (12, 8), dim=16, heads=2,
              hidden=24, image=12, eps=1e-5, norm_pre=True)
    timm_case("timm-clip-quickgelu", "vit_base_patch32_clip_quickgelu_224", tails(), (16, 8),
              image=12, eps=1e-5, act="quick_gelu", norm_pre=True, gains={"qkv": 2.4})
    timm_case("timm-siglip", "vit_base_patch16_siglip_224", {}, (8, 16), dim=16, heads=2,
              hidden=24, image=12, prefix=0, classes=0, readout=None,
              unused=r"^(norm|attn_pool)\.")
    timm_case("timm-map", "vit_so400m_patch16_siglip_256", {"map": map_tail}, dim=16, heads=2,
              hidden=24, image=(8, 12), prefix=0, act="gelu_tanh", readout="map",
              gains={"head": 1024.0})
    timm_case("timm-swiglu", "vit_giant_patch14_dinov2", tails(), (12, 20), dim=16, heads=2,
              hidden=48, image=12, act="silu", layerscale=True)
    timm_case("timm-swiglu-split", None, tails(), dim=16, heads=2, hidden=24, image=12,
              act="silu", mlp_layer=SwiGLU, act_layer=nn.SiLU)
    timm_case("timm-qknorm", "vit_tiny_patch16_224", tails(), (20, 16), dim=20, heads=2,
              hidden=32, image=(12, 16), qk_norm=True, gains={"qkv": 1.6e-3, "out": 1500.0})
    timm_case("timm-nobias", "vit_base_patch16_224_miil", tails(), (9, 9), dim=30, heads=2,
              hidden=20, patch=3, image=(6, 12), qkv_bias=False)
    timm_case("timm-nonsquare", "vit_tiny_patch16_224", tails(), (16, 9), dim=24, heads=2,
              hidden=24, patch=(4, 3), image=(8, 15))
    timm_case("timm-nofinalnorm", "vit_intern300m_patch14_448", tails(), (12, 16), dim=16,
              heads=2, hidden=24, image=(16, 12), layerscale=True, gains={"head": 1024.0})
    timm_case("timm-headless", "vit_tiny_patch16_224", {}, dim=16, heads=2, hidden=24,
              image=(8, 12), classes=0, readout=None, unused=r"^norm\.")
    timm_case("timm-f16", "vit_tiny_patch16_224", tails(), dim=24, hidden=40, image=(8, 12),
              dtype=torch.float16)
    timm_case("timm-bare", None, tails(), dim=16, heads=2, hidden=24, image=12)


# Hugging Face


def hf_tails(norm, head, *readings):
    """readings: how, or how without the norm as "raw how"; the first is the model's own."""
    def tail(how, model, tokens):
        raw, how = how.startswith("raw "), how.removeprefix("raw ")
        x = tokens if raw else model.get_submodule(norm)(tokens)
        return model.get_submodule(head)(parts.read_tokens(tail.case, x, how))

    tails = {how: functools.partial(tail, how) for how in readings}
    return tails, tail


def teacher_tail(how, model, tokens):
    x = model.deit.layernorm(tokens)
    logits = {"cls": model.cls_classifier(x[:, 0]),
              "dist": model.distillation_classifier(x[:, 1])}
    return (logits["cls"] + logits["dist"]) / 2 if how == "cls+dist" else logits[how]


def hf_call(how, model, pixels, recorder):
    kwargs = {}
    if how != "dinov2":
        kwargs["interpolate_pos_encoding"] = recorder.resizing
    if how == "mae":
        model.config.mask_ratio = 0.0
        count = (pixels.shape[-2] // model.config.patch_size) * (
            pixels.shape[-1] // model.config.patch_size)
        kwargs["noise"] = torch.arange(count).expand(len(pixels), -1).to(pixels.dtype)
        model.vit(pixels, **kwargs)
        return None
    if how == "clip":
        return model.get_image_features(pixels, **kwargs).pooler_output
    if how == "siglip":
        model.vision_model(pixels, **kwargs)
        return None
    out = model(pixels, **kwargs)
    return getattr(out, "logits", getattr(out, "image_embeds", None))


def hf_build(case):
    model = parts.fill(case.cls(case.hf_config), case.seed, case.stream, case.gains)
    return model.to(case.dtype)


def hf_write(case, model, directory):
    model.save_pretrained(directory, **case.save)
    case.processor.save_pretrained(directory)
    if case.rewrite:
        case.rewrite(directory)


def hf_load(case, directory):
    model = case.cls.from_pretrained(directory, attn_implementation="eager", dtype="auto")
    return model.float().eval()


def drop_defaults(*keys, inside=None):
    """Leaves keys out of config.json, as files of other releases do."""
    def rewrite(directory):
        path = directory / "config.json"
        config = json.loads(path.read_text())
        for key in keys:
            (config[inside] if inside else config).pop(key)
        write_json(path, config)

    return rewrite


def rename(pattern, replacement, extra={}):
    """Other names for the same tensors, as other releases wrote them."""
    def rewrite(directory):
        state = safetensors.torch.load_file(directory / "model.safetensors")
        state = {re.sub(pattern, replacement, k): v for k, v in state.items()}
        save_tensors(directory, {**state, **extra}, metadata={"format": "pt"})

    return rewrite


def processor(kind, image, resize=None, **kwargs):
    pair = (image, image) if isinstance(image, int) else image
    size = {"height": pair[0], "width": pair[1]}
    if kind in ("CLIP", "Bit", "DeiT"):
        kwargs["crop_size"] = size
        square = {"height": resize, "width": resize}
        size = square if kind == "DeiT" else {"shortest_edge": resize}
    return getattr(transformers, kind + "ImageProcessorPil")(size=size, **kwargs)


IMAGENET = dict(image_mean=[0.485, 0.456, 0.406], image_std=[0.229, 0.224, 0.225])


def hf_case(name, family, cls, config, processor, tails, blocks, call="plain", image2=None,
            dtype=torch.float32, save={}, rewrite=None, load=hf_load, unused=r"^$", gains={},
            **facts):
    vision = getattr(config, "vision_config", config)
    act = {"gelu_pytorch_tanh": "gelu_tanh"}.get(vision.hidden_act, vision.hidden_act)
    hidden = getattr(vision, "intermediate_size", 0)
    facts = {"act": act, "prefix": 1, "pos_resize": "bicubic", "hidden": hidden,
             "readout": next(iter(tails[0])) if tails else None,
             "qkv_bias": getattr(vision, "qkv_bias", True), **facts}
    if not image2:
        facts["pos_resize"] = None
    described_config = described(
        vision.hidden_size, vision.num_attention_heads, vision.num_hidden_layers,
        patch=vision.patch_size, image=vision.image_size, eps=vision.layer_norm_eps, **facts)
    case = Case(name, family, f"transformers {transformers.__version__}", described_config,
                hf_build, hf_write, load, lambda m: list(m.get_submodule(blocks)),
                functools.partial(hf_call, call), tails[0] if tails else {}, image2,
                unused=unused, gains=gains)
    case.cls, case.hf_config, case.dtype, case.save = cls, config, dtype, save
    case.processor, case.rewrite = processor, rewrite
    if tails and tails[1]:
        tails[1].case = case
    case.add()


def hf_vit_cases():
    t = transformers
    small = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, patch_size=4,
                 intermediate_size=24, image_size=12)
    vit = lambda: hf_tails("vit.layernorm", "classifier", "cls", "mean")
    hf_case("hf-vit-old", "vit", t.ViTForImageClassification,
            t.ViTConfig(num_labels=7, **{**small, "hidden_size": 24, "num_attention_heads": 3,
                                         "intermediate_size": 30}),
            processor("ViT", 12), vit(), "vit.layers", image2=(8, 20))
    hf_case("hf-vit-new", "vit", t.ViTForImageClassification,
            t.ViTConfig(num_labels=5, **{**small, "image_size": (8, 12)}),
            processor("ViT", (8, 12)), vit(), "vit.layers",
            save={"save_original_format": False})
    hf_case("hf-vit-model", "vit", t.ViTModel,
            t.ViTConfig(qkv_bias=False,
                        **{**small, "patch_size": (4, 3), "image_size": (8, 12)}),
            processor("ViT", (8, 12)), None, "layers", unused=r"^(layernorm|pooler)\.")
    hf_case("hf-vit-bf16", "vit", t.ViTForImageClassification,
            t.ViTConfig(num_labels=5, **small), processor("ViT", 12), vit(), "vit.layers",
            dtype=torch.bfloat16)
    hf_case("hf-vit-sharded", "vit", t.ViTForImageClassification,
            t.ViTConfig(num_labels=5, hidden_act="gelu_pytorch_tanh", layer_norm_eps=3e-6,
                        **small),
            processor("ViT", 12), vit(), "vit.layers", save={"max_shard_size": "8KB"})
    hf_case("hf-deit", "deit", t.DeiTForImageClassification,
            t.DeiTConfig(num_labels=5, **small), processor("DeiT", 12, resize=14, **IMAGENET),
            hf_tails("deit.layernorm", "classifier", "cls", "dist", "mean"), "deit.layers",
            image2=(8, 20), prefix=2)
    teacher = {h: functools.partial(teacher_tail, h) for h in ("cls+dist", "cls", "dist")}
    hf_case("hf-deit-teacher", "deit", t.DeiTForImageClassificationWithTeacher,
            t.DeiTConfig(num_labels=5, **small), processor("DeiT", 12, resize=14, **IMAGENET),
            (teacher, None), "deit.layers", prefix=2,
            rewrite=drop_defaults("layer_norm_eps", "hidden_act", "qkv_bias", "num_channels"))
    decoder = dict(decoder_hidden_size=8, decoder_num_hidden_layers=1,
                   decoder_num_attention_heads=2, decoder_intermediate_size=12)
    hf_case("hf-mae", "vit_mae", t.ViTMAEForPreTraining, t.ViTMAEConfig(**small, **decoder),
            processor("ViT", 12, **IMAGENET), None, "vit.layers", call="mae", image2=(16, 8),
            unused=r"^(decoder|vit\.layernorm)\.")


def hf_dinov2_cases():
    t = transformers
    small = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, patch_size=4,
                 mlp_ratio=2, image_size=12)
    swiglu = dict(use_swiglu_ffn=True)
    bit = lambda image: processor("Bit", image, resize=14, **IMAGENET)
    readings = ("cls+mean", "cls+mean-all")
    hf_case("hf-dinov2", "dinov2", t.Dinov2ForImageClassification,
            t.Dinov2Config(num_labels=7,
                           **{**small, "hidden_size": 24, "num_attention_heads": 3}),
            bit(12), hf_tails("dinov2.layernorm", "classifier", "cls+mean"),
            "dinov2.encoder.layer", call="dinov2", image2=(16, 8), unused=r"mask_token",
            hidden=48, layerscale=True)
    hf_case("hf-dinov2-swiglu", "dinov2", t.Dinov2Model,
            t.Dinov2Config(**{**small, "patch_size": (4, 3), "image_size": (12, 9)}, **swiglu),
            bit((12, 9)), None, "encoder.layer", call="dinov2", image2=(8, 15),
            unused=r"^layernorm\.|mask_token", hidden=24, layerscale=True, act="silu",
            gains={"qkv": 2.4})
    registers = lambda: hf_tails("dinov2_with_registers.layernorm", "classifier", *readings)
    hf_case("hf-dinov2-reg", "dinov2_with_registers",
            t.Dinov2WithRegistersForImageClassification,
            t.Dinov2WithRegistersConfig(num_labels=5, num_register_tokens=3, **small), bit(12),
            registers(), "dinov2_with_registers.encoder.layer", call="dinov2", image2=(20, 16),
            unused=r"mask_token", hidden=32, layerscale=True, prefix=4,
            pos_resize="antialias")
    hf_case("hf-dinov2-reg-new", "dinov2_with_registers",
            t.Dinov2WithRegistersForImageClassification,
            t.Dinov2WithRegistersConfig(num_labels=5, num_register_tokens=2, **small, **swiglu),
            bit(12), registers(), "dinov2_with_registers.encoder.layer", call="dinov2",
            unused=r"mask_token", hidden=24, layerscale=True, prefix=3, act="silu",
            save={"save_original_format": False})


def hf_clip_cases():
    t = transformers
    vision = dict(hidden_size=24, num_hidden_layers=2, num_attention_heads=3, patch_size=4,
                  intermediate_size=30, image_size=12)
    small = {**vision, "hidden_size": 16, "num_attention_heads": 2, "intermediate_size": 24}
    text = dict(vocab_size=8, hidden_size=8, intermediate_size=12, num_hidden_layers=1,
                num_attention_heads=2, max_position_embeddings=5, bos_token_id=0,
                eos_token_id=1, pad_token_id=1)
    clip = processor("CLIP", 12, resize=14)
    unused_text = r"^(text_|logit_)"
    project = lambda: hf_tails("vision_model.post_layernorm", "visual_projection", "cls",
                               "mean")
    fact = dict(norm_pre=True)
    peaked = {"qkv": 2.4}
    hf_case("hf-clip-vision", "clip_vision_model", t.CLIPVisionModel,
            t.CLIPVisionConfig(**small), clip, None, "encoder.layers",
            unused=r"^post_layernorm\.", gains=peaked, **fact)
    position_ids = {"vision_model.embeddings.position_ids": torch.arange(10).reshape(1, 10)}
    hf_case("hf-clip-vision-4", "clip_vision_model", t.CLIPVisionModel,
            t.CLIPVisionConfig(**small), clip, None, "encoder.layers",
            unused=r"^post_layernorm\.", image2=(20, 16), gains=peaked,
            rewrite=rename("^", "vision_model.", position_ids), **fact)
    hf_case("hf-clip-projection", "clip_vision_model", t.CLIPVisionModelWithProjection,
            t.CLIPVisionConfig(projection_dim=6, **vision), clip, project(),
            "vision_model.encoder.layers", image2=(16, 8), gains=peaked, **fact)
    full = t.CLIPConfig(text_config=text, vision_config=small, projection_dim=6)
    hf_case("hf-clip-full", "clip", t.CLIPModel, full, clip, project(),
            "vision_model.encoder.layers", call="clip", unused=unused_text, **fact,
            rewrite=drop_defaults("hidden_act", "layer_norm_eps", "num_channels",
                                  "attention_dropout", inside="vision_config"))
    hf_case("hf-clip-classify", "clip", t.CLIPForImageClassification,
            t.CLIPConfig(text_config=text, vision_config=small, num_labels=5), clip,
            hf_tails("vision_model.post_layernorm", "classifier", "raw mean", "mean", "raw cls",
                     "raw mean-all"),
            "vision_model.encoder.layers", unused=r"post_layernorm\.",
            gains={"head": 1024.0}, **fact)
    siglip = processor("Siglip", 12)
    facts = dict(prefix=0)
    hf_case("hf-siglip-vision", "siglip_vision_model", t.SiglipVisionModel,
            t.SiglipVisionConfig(**small), siglip, None, "encoder.layers", image2=(16, 20),
            unused=r"^(head|post_layernorm)\.", **facts)
    hf_case("hf-siglip-full", "siglip", t.SiglipModel,
            t.SiglipConfig(text_config=text, vision_config=small), siglip, None,
            "vision_model.encoder.layers", call="siglip", **facts,
            unused=unused_text + r"|vision_model\.(head|post_layernorm)\.",
            rewrite=drop_defaults("hidden_act", "layer_norm_eps", "num_channels",
                                  "vision_use_head", inside="vision_config"))
    hf_case("hf-siglip-classify", "siglip", t.SiglipForImageClassification,
            t.SiglipConfig(text_config=text, vision_config=small, num_labels=5), siglip,
            hf_tails("vision_model.post_layernorm", "classifier", "mean", "raw mean"),
            "vision_model.encoder.layers", unused=r"vision_model\.head\.", image2=(8, 12),
            **facts)


# torchvision


class WeightedAttention(nn.MultiheadAttention):
    """torchvision asks for no weights; they are the same computation, kept."""

    def forward(self, query, key, value, need_weights=False):
        out, weights = super().forward(query, key, value, need_weights=True,
                                       average_attn_weights=False)
        self.weights = weights
        return out, None


def torchvision_make(case, image):
    model = TorchvisionVit(image, **case.kwargs)
    for layer in model.encoder.layers:
        layer.self_attention.__class__ = WeightedAttention
    return model.eval()


def torchvision_build(case):
    model = torchvision_make(case, case.config["image"][0])
    return parts.fill(model, case.seed, case.stream, case.gains)


def torchvision_write(case, model, directory):
    state = model.state_dict()
    if case.name == "torchvision-legacy":
        names = {"mlp.0": "mlp.linear_1", "mlp.3": "mlp.linear_2"}
        state = {re.sub(r"mlp\.[03]", lambda m: names[m[0]], k): v for k, v in state.items()}
    save_tensors(directory, state)


def torchvision_load(case, directory):
    state = safetensors.torch.load_file(directory / "model.safetensors")
    model = torchvision_make(case, case.config["image"][0])
    model.load_state_dict(state)
    return model


def torchvision_at_size(case, model, size):
    """The library resizes positions as a checkpoint is loaded into a model of another size."""
    if size[0] == model.image_size:
        return model
    state = interpolate_embeddings(size[0], model.patch_size, model.state_dict())
    other = torchvision_make(case, size[0]).to(next(model.parameters()).dtype)
    other.load_state_dict(state)
    for (_, a), (_, b) in zip(model.named_modules(), other.named_modules()):
        if isinstance(a, nn.LayerNorm):
            b.eps = a.eps
    return other


def torchvision_call(model, pixels, recorder):
    logits = model(pixels)
    layers = model.encoder.layers
    recorder.attention = [vars(layer.self_attention).pop("weights") for layer in layers]
    return logits


def torchvision_tail(how):
    def tail(model, tokens):
        return model.heads(parts.read_tokens(tail.case, model.encoder.ln(tokens), how))

    return tail


def torchvision_case(name, image2=None, dim=24, heads=3, hidden=30, image=12, classes=7,
                     representation=None):
    config = described(dim, heads, 2, hidden, 4, image, 1, 1e-6, "gelu", classes=classes,
                       readout="cls", representation=representation,
                       pos_resize="corners" if image2 else None)
    tails = {h: torchvision_tail(h) for h in ("cls", "mean")}
    case = Case(name, "torchvision", f"torchvision {torchvision.__version__.split('+')[0]}",
                config, torchvision_build, torchvision_write, torchvision_load,
                lambda m: list(m.encoder.layers), torchvision_call, tails, image2,
                at_size=torchvision_at_size)
    case.kwargs = dict(patch_size=4, num_layers=2, num_heads=heads, hidden_dim=dim,
                       mlp_dim=hidden, num_classes=classes, representation_size=representation)
    for tail in tails.values():
        tail.case = case
    case.add()


def torchvision_cases():
    torchvision_case("torchvision", (16, 16))
    torchvision_case("torchvision-prelogits", dim=16, heads=2, hidden=24, representation=9)
    torchvision_case("torchvision-legacy", dim=16, heads=2, hidden=24, classes=5)


# DINO and DINOv2 as published.  The blocks are timm's (the repositories' are copies of an
# older timm); what is theirs is how tokens are put together and positions resized:
# facebookresearch/dino vision_transformer.py (interpolate_pos_encoding, prepare_tokens) and
# facebookresearch/dinov2 dinov2/models/vision_transformer.py (prepare_tokens_with_masks).


class HubVit(VisionTransformer):
    def __init__(self, offset, antialias, registers, **kwargs):
        super().__init__(dynamic_img_size=True, num_classes=0, **kwargs)
        self.offset, self.antialias = offset, antialias
        dim = self.embed_dim
        self.num_prefix_tokens = 1 + registers
        self.register_tokens = None
        if registers:
            self.register_tokens = nn.Parameter(torch.zeros(1, registers, dim))
        if kwargs["init_values"]:  # DINOv2: masked patches, in training only
            self.mask_token = nn.Parameter(torch.zeros(1, dim))

    def positions(self, rows, columns):
        side = math.isqrt(self.pos_embed.shape[1] - 1)
        if rows * columns == side * side and rows == columns:
            return self.pos_embed
        grid = self.pos_embed[:, 1:].reshape(1, side, side, -1).permute(0, 3, 1, 2)
        if self.offset:
            factors = ((rows + self.offset) / side, (columns + self.offset) / side)
            size = {"scale_factor": factors}
        else:
            size = {"size": (rows, columns)}
        grid = F.interpolate(grid, mode="bicubic", antialias=self.antialias, **size)
        assert grid.shape[-2:] == (rows, columns)
        return torch.cat([self.pos_embed[:, :1], grid.flatten(2).transpose(1, 2)], 1)

    def _pos_embed(self, x):
        batch, rows, columns, _ = x.shape
        x = torch.cat([self.cls_token.expand(batch, -1, -1), x.flatten(1, 2)], 1)
        x = x + self.positions(rows, columns)
        if self.register_tokens is not None:
            x = torch.cat([x[:, :1], self.register_tokens.expand(batch, -1, -1), x[:, 1:]], 1)
        return x


HUB_SWIGLU = (("mlp.fc1", "mlp.w12"), ("mlp.fc2", "mlp.w3"))


def hub_names(case, name):
    if case.swiglu:
        for ours, theirs in HUB_SWIGLU:
            name = name.replace(ours, theirs)
    if case.chunk:
        chunk = lambda m: f"blocks.{int(m[1]) // case.chunk}.{m[1]}"
        name = re.sub(r"^blocks\.(\d+)", chunk, name)
    return case.wrap + name


def hub_make(case):
    return HubVit(**case.kwargs)


def hub_build(case):
    return parts.fill(hub_make(case), case.seed, case.stream, case.gains)


def hub_write(case, model, directory):
    state = {hub_names(case, k): v for k, v in model.state_dict().items()}
    rng = parts.generator(case.name + " head")
    for name, shape in case.extra.items():
        state[name] = torch.from_numpy(rng.standard_normal(shape).astype(np.float32))
    save_tensors(directory, state)


def hub_load(case, directory):
    state = safetensors.torch.load_file(directory / "model.safetensors")
    model = hub_make(case)
    model.load_state_dict({k: state[hub_names(case, k)] for k in model.state_dict()})
    for block in model.blocks:
        block.attn.fused_attn = False
    return model.eval()


def hub_case(name, family, image2, offset, antialias, registers=0, dim=16, heads=2, layers=2,
             hidden=24, image=12, swiglu=False, chunk=0, wrap="", extra={}):
    layerscale = family == "dinov2"
    kind = "offset" if offset else "antialias"
    config = described(dim, heads, layers, hidden, 4, image, 1 + registers, 1e-6,
                       "silu" if swiglu else "gelu", layerscale=layerscale, classes=0,
                       readout=None, pos_resize=kind)
    case = Case(name, family, f"timm {timm.__version__} blocks", config, hub_build, hub_write,
                hub_load, lambda m: list(m.blocks), timm_call, {}, image2,
                unused=r"^norm\.|mask_token")
    packed = dict(mlp_layer=SwiGLUPacked, act_layer=nn.SiLU) if swiglu else {}
    case.kwargs = dict(offset=offset, antialias=antialias, registers=registers, img_size=image,
                       patch_size=4, embed_dim=dim, depth=layers, num_heads=heads,
                       mlp_ratio=(hidden * (2 if swiglu else 1) + 0.01) / dim,
                       init_values=1.0 if layerscale else None, **packed)
    case.swiglu, case.chunk, case.wrap, case.extra = swiglu, chunk, wrap, extra
    case.add()


def hub_cases():
    hub_case("dino", "dino", (20, 12), 0.1, False, dim=24, heads=3, hidden=30)
    head = {"module.head.mlp.0.weight": (12, 16), "module.head.mlp.0.bias": (12,),
            "module.head.mlp.2.weight": (6, 12), "module.head.mlp.2.bias": (6,),
            "module.head.last_layer.weight_g": (9, 1),
            "module.head.last_layer.weight_v": (9, 6)}
    hub_case("dino-prefixed", "dino", (8, 16), 0.1, False, wrap="module.backbone.", extra=head)
    hub_case("dinov2-hub", "dinov2", (20, 16), 0.1, False, dim=24, heads=2, hidden=30)
    hub_case("dinov2-hub-reg", "dinov2", (20, 8), 0.0, True, registers=3)
    hub_case("dinov2-hub-swiglu", "dinov2", (8, 12), 0.1, False, swiglu=True, hidden=48)
    hub_case("dinov2-hub-chunked", "dinov2", (8, 8), 0.1, False, layers=3, chunk=2,
             wrap="teacher.backbone.")


# Making a case


def pixels(case, size, batch):
    noise = parts.generator(f"{case.name} {size}").standard_normal((batch, 3, *size))
    return torch.from_numpy(noise.astype(np.float32))


def run_at(case, model, x, size, what=parts.run, **options):
    """Runs a model at a size; resizing is asked of the library only where it is needed."""
    resizing = size != tuple(case.config["image"])
    return what(case, case.at_size(case, model, size), x, resizing=resizing, **options)


def check_mistake(case, name, model, inputs, truth):
    """The smallest change that any form of one mistake makes, in logits where there are any."""
    which = -1 if name == "pos_resize" else 0
    size, x = inputs[which]
    worst = []
    if name == "pooling":
        tokens = truth[0]["tokens"][-1]
        logits = truth[0]["logits"][0]
        for how, tail in list(case.tails.items())[1:]:
            change = float((tail(model, tokens) - logits).abs().max() / logits.abs().max())
            worst.append((change, how))
        return min(worst)
    for how, wrong, options in parts.MISTAKES[name](case, model):
        if name == "pos_resize" and case.library.startswith("torchvision"):
            with parts.Recorder(**options):  # torchvision resizes before the model runs
                wrong = case.at_size(case, model, size)
            options = {}
        got = run_at(case, wrong, x, size, **options)
        worst.append((parts.change(truth[which], got), how))
    return min(worst)


def check_used(case, model, inputs, truth):
    """Every parameter moves the results, but those named as unused and the keys' biases."""
    rng = parts.generator("used")
    weakest = (1.0, "")
    for name, p in model.named_parameters():
        # softmax doesn't see what is added to a whole row of scores
        key_bias = r"k_norm\.bias$" if case.config["qk_norm"] else r"k_proj\.bias$"
        if re.search(case.unused, name) or re.search(key_bias, name):
            continue
        keep = p.data.clone()
        noise = torch.from_numpy(rng.standard_normal(tuple(p.shape))).to(p.dtype)
        p.data += 0.3 * noise * keep.square().mean().sqrt()
        change = parts.change(truth[0], run_at(case, model, inputs[0][1], inputs[0][0]))
        p.data = keep
        weakest = min(weakest, (change, name))
    return weakest


def precision(case, single, inputs, truth):
    """The largest difference of the library's own float32: attention, and the rest relative."""
    attention, rest = 0.0, 0.0
    for (size, x), right in zip(inputs, truth):
        got = run_at(case, single, x, size)
        for a, b in zip(right["attn"], got["attn"]):
            attention = max(attention, float((a - b).abs().max()))
        rest = max(rest, parts.change({k: right[k] for k in right if k != "attn"}, got))
    return attention, rest


def choose_target(logits):
    """The first picture's best class; for the second its best but one, or the next if that
    would be the same class."""
    best = int(logits[0].argmax())
    return [best, next(int(c) for c in logits[1].argsort(descending=True)[1:] if c != best)]


def differentiate(case, model, inputs, target):
    """The gradients at each size; a second input has one picture and the first's target."""
    return [run_at(case, model, x, size, what=functools.partial(
        parts.gradients, target=target[: len(x)])) for size, x in inputs]


def gradient_precision(case, single, inputs, target, truth):
    """The largest difference of the library's own float32 over the largest gradient of the
    same picture and layer, and the least of these over the greatest of its layer."""
    off, least = [], []
    for right, got in zip(truth, differentiate(case, single, inputs, target)):
        for kind in ("attngrad", "actgrad"):
            for a, b in zip(right[kind], got[kind]):
                largest = a.abs().flatten(1).amax(1)
                off.append(((a - b).abs().flatten(1).amax(1) / largest).max())
                least.append(largest.min() / largest.max())
    return float(np.max(off)), float(np.min(least))  # NaN stays NaN


def write_arrays(directory, inputs, truth, gradients):
    for suffix, (_, x), *outs in zip(("", "2"), inputs, truth, gradients):
        out = {**outs[0], **outs[1]}
        arrays = {f"input{suffix}": x}
        if "logits" in out:
            arrays[f"logits{suffix}"] = out["logits"][0]
        for kind in out.keys() - {"logits"}:
            for layer, value in enumerate(out[kind]):
                arrays[f"{kind}{suffix}.{layer:02d}"] = value
        for name, value in arrays.items():
            np.save(directory / f"{name}.npy", value.numpy().astype("<f4"))


def make(case):
    directory = DATA / case.name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    case.write(case, case.build(case), directory)
    single = case.load(case, directory)
    double = case.load(case, directory).double()
    sizes = [tuple(case.config["image"])] + [case.image2] * (case.image2 is not None)
    inputs = [(s, pixels(case, s, 2 - i)) for i, s in enumerate(sizes)]
    truth = [run_at(case, double, x, s) for s, x in inputs]
    for out in truth * bool(case.tails):
        right = next(iter(case.tails.values()))(double, out["tokens"][-1])
        assert torch.allclose(right, out["logits"][0], rtol=1e-10, atol=1e-12), case.name
    case.config["classes"] = truth[0]["logits"][0].shape[1] if "logits" in truth[0] else 0
    target = choose_target(truth[0]["logits"][0]) if "logits" in truth[0] else None
    gradients = differentiate(case, double, inputs, target) if target else [{}] * len(inputs)
    write_arrays(directory, inputs, truth, gradients)
    for path in directory.iterdir():
        path.chmod(0o644)
    write_json(directory / "case.json", {
        "family": case.family, "library": case.library, "config": case.config,
        "mutations": case.mutations, **({"target": target} if target else {})})
    report(case, directory, single, double, inputs, truth)
    if target:
        report_gradients(case, single, inputs, target, gradients)


def report(case, directory, single, double, inputs, truth):
    size = sum(f.stat().st_size for f in directory.iterdir())
    peak = min(float(a.max()) for out in truth for a in out["attn"])
    attention, rest = precision(case, single, inputs, truth)
    print(f"{case.name}: {size / 1000:.0f} kB, peak {peak:.2f}, float32 differs by "
          f"{attention:.1e} (attn), {rest:.1e} (rest, relative)")
    weak = [check_used(case, double, inputs, truth)]
    for name in case.mutations:
        change, how = check_mistake(case, name, double, inputs, truth)
        print(f"    {name:<10} {change:.1e} ({how})")
        weak.append((change, f"{name} {how}"))
    print(f"    weakest parameter {weak[0][0]:.1e} ({weak[0][1]})")
    weak = [w for w in weak if w[0] < MINIMUM_CHANGE]
    case.weak = bool(weak) or peak < 0.5 or attention > 2.5e-6 or rest > 2.5e-6
    if case.weak:
        print(f"    WEAK: {weak}")


def report_gradients(case, single, inputs, target, truth):
    off, least = gradient_precision(case, single, inputs, target, truth)
    print(f"    gradients of {target}: float32 differs by {off:.1e} (relative), "
          f"pictures' largest by a factor of {1 / least:.1f}")
    case.weak = case.weak or not (off < MAXIMUM_NOISE and least > MINIMUM_CHANGE)


def define_cases():
    timm_cases()
    hf_vit_cases()
    hf_dinov2_cases()
    hf_clip_cases()
    torchvision_cases()
    hub_cases()


def main(names):
    define_cases()
    torch.set_num_threads(1)
    chosen = [CASES[n] for n in names] if names else list(CASES.values())
    for case in chosen:
        make(case)
    weak = [c.name for c in chosen if c.weak]
    total = sum(f.stat().st_size for f in DATA.rglob("*") if f.is_file())
    print(f"{len(chosen)} cases, {total / 1e6:.2f} MB in all; weak: {weak or 'none'}")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
