"""For make bench: how many pictures a second PyTorch takes forward and back, in float32.

    bench_train.py DIM LAYERS HEADS PATCH SIDE BATCH THREADS SECONDS

The model is timm's, whose attention is PyTorch's fused one: nothing is kept but what the backward
pass needs. Prints the milliseconds a picture, of the fastest step.
"""

import sys
import time

import torchvision_ops  # noqa: F401: before timm
import torch
from timm.models.vision_transformer import VisionTransformer

dim, layers, heads, patch, side, batch, threads, seconds = map(int, sys.argv[1:])
torch.manual_seed(0)
torch.set_num_threads(threads)
model = VisionTransformer(img_size=side, patch_size=patch, embed_dim=dim, depth=layers,
                          num_heads=heads, num_classes=10).train()
pictures, labels = torch.randn(batch, 3, side, side), torch.arange(batch) % 10
best, end = 1e9, time.monotonic() + seconds
while time.monotonic() < end or best == 1e9:
    began = time.perf_counter()
    model.zero_grad()
    torch.nn.functional.cross_entropy(model(pictures), labels).backward()
    best = min(best, time.perf_counter() - began)
print(f"{1000 * best / batch:.4f}")
