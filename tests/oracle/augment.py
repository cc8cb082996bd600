"""Reference data of common/augment, into tests/data/augment/:

source.ppm          a picture of 45x37
steps.tsv           STEP A B C D WIDTH HEIGHT CRC32: what torchvision makes of it on Pillow's
                    pictures: enhance (A: brightness, contrast, saturation; B: the factor), flip,
                    shift (A, B: of RandomCrop's place in what was padded), resized (A B C D:
                    left, top, width, height of the part)
draws.tsv           WHAT WIDTH HEIGHT LEAST COUNT FOUND and the means and standard deviations of
                    width, height, left and top of torchvision's RandomResizedCrop (part) and
                    RandomErasing (hole); of timm's rand_bbox (cut; LEAST: the part that stays)
mix.f32             f32: timm's Mixup of a batch of 4 of [3, 6, 5] and of 3 classes: the inputs
                    before and after, the targets before and after, by mixup and by cutmix
"""

import pathlib
import struct
import sys
import zlib

import numpy as np
import torch

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import torchvision_ops  # noqa: F401  (before the two below)

import timm.data.mixup as mixup
import torchvision.transforms as tv
import torchvision.transforms.functional as tf
from PIL import Image

OUT = pathlib.Path("tests/data/augment")
DRAWS = 40000


def source():
    rng = np.random.default_rng(11)
    y, x = np.mgrid[0:37, 0:45]
    waves = np.stack([128 + 120 * np.sin(x / 7 + c) * np.cos(y / (5 + c)) for c in range(3)], -1)
    noisy = waves + rng.normal(0, 25, waves.shape)
    return Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8))


def crc(picture):
    return f"{zlib.crc32(picture.tobytes()):08x}"


def steps(picture):
    width, height = picture.size
    tones = {
        "brightness": tf.adjust_brightness,
        "contrast": tf.adjust_contrast,
        "saturation": tf.adjust_saturation,
    }
    for tone, adjust in tones.items():
        for factor in (0.0, 0.6, 0.75, 1.0, 1.1, 1.4, 2.5):
            factor = float(np.float32(factor))
            yield "enhance", tone, repr(factor), 0, 0, width, height, crc(adjust(picture, factor))
    yield "flip", 0, 0, 0, 0, width, height, crc(tf.hflip(picture))
    padded = tf.pad(picture, 4)
    for x, y in ((0, 0), (-4, 4), (4, -4), (3, 0), (0, -1), (4, 4), (-4, -4)):
        moved = tf.crop(padded, y + 4, x + 4, height, width)
        yield "shift", x, y, 0, 0, width, height, crc(moved)
    for left, top, w, h, side in ((0, 0, 45, 37, 32), (3, 5, 20, 17, 32), (44, 36, 1, 1, 8),
                                  (10, 0, 7, 37, 16), (1, 2, 40, 33, 64)):
        part = tf.resized_crop(picture, top, left, h, w, [side, side],
                               interpolation=tv.InterpolationMode.BICUBIC)
        yield "resized", left, top, w, h, side, side, crc(part)


def summary(boxes):
    boxes = np.array(boxes, dtype=np.float64)
    return [*boxes.mean(0), *boxes.std(0)]


def draws():
    torch.manual_seed(3)
    np.random.seed(3)
    for width, height, least in ((32, 32, 0.35), (500, 375, 0.08), (90, 30, 0.35), (30, 100, 0.5)):
        picture = Image.new("RGB", (width, height))
        boxes = [tv.RandomResizedCrop.get_params(picture, [least, 1.0], [3 / 4, 4 / 3])
                 for _ in range(DRAWS)]
        yield "part", width, height, least, DRAWS, *summary([(w, h, j, i) for i, j, h, w in boxes])
    for width, height in ((32, 32), (224, 224), (40, 9)):
        image = torch.zeros(3, height, width)
        boxes = []
        for _ in range(DRAWS):
            i, j, h, w, _v = tv.RandomErasing.get_params(image, (0.02, 0.33), (0.3, 3.3), [0.0])
            if (h, w) != (height, width):
                boxes.append((w, h, j, i))
        yield "hole", width, height, 0, len(boxes), *summary(boxes)
    for width, height, part in ((32, 32, 0.3), (33, 17, 0.9)):
        boxes = []
        for _ in range(DRAWS):
            top, bottom, left, right = mixup.rand_bbox((3, height, width), part)
            boxes.append((right - left, bottom - top, left, top))
        yield "cut", width, height, part, DRAWS, *summary(boxes)


def mixed():
    """Mixup(...)._mix_batch and mixup_target with what it draws at random given."""
    generator = torch.Generator().manual_seed(5)
    inputs = torch.randn(4, 3, 6, 5, generator=generator)
    labels = torch.tensor([2, 0, 1, 1])
    before = mixup.mixup_target(labels, 3, 1.0, 0.1)
    pieces = [inputs.clone(), before]
    for cut in (False, True):
        mixer = mixup.Mixup(num_classes=3, label_smoothing=0.1)
        mixer._params_per_batch = lambda cut=cut: (0.7, cut)
        mixup.cutmix_bbox_and_lam = lambda *a, **k: ((1, 4, 2, 5), 1 - 9 / 30)
        x = inputs.clone()
        part = mixer._mix_batch(x)
        pieces += [x, mixup.mixup_target(labels, 3, part, 0.1)]
    return np.concatenate([piece.numpy().astype(np.float32).ravel() for piece in pieces])


def write_table(name, heading, rows):
    lines = ["\t".join(heading)]
    for row in rows:
        lines.append("\t".join(f"{x:.6g}" if isinstance(x, float) else str(x) for x in row))
    (OUT / name).write_text("\n".join(lines) + "\n")


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    picture = source()
    header = f"P6\n{picture.width} {picture.height}\n255\n".encode()
    (OUT / "source.ppm").write_bytes(header + picture.tobytes())
    write_table("steps.tsv", "step a b c d width height crc32".split(), steps(picture))
    write_table("draws.tsv", ("what width height least count width_mean height_mean left_mean "
                              "top_mean width_std height_std left_std top_std").split(), draws())
    floats = mixed()
    (OUT / "mix.f32").write_bytes(struct.pack(f"<{len(floats)}f", *floats))


if __name__ == "__main__":
    main()
