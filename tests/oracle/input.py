"""Reference data of common/input, into tests/data/input/:

rules.tsv   what timm's transforms resize to before the crop, for input sizes and crop_pct
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import torchvision_ops  # noqa: F401  (before the one below)

import timm.data.transforms_factory as timm_factory

OUT = pathlib.Path("tests/data/input")
MODES = {"crop": "center", "squash": "squash", "pad": "border"}
SIZES = [(224, 224), (32, 32), (63, 63), (240, 240), (256, 256), (384, 384), (518, 518)]
SIZES += [(320, 224), (224, 288), (17, 23)]
CROPS = [0.875, 0.88, 0.9, 0.94, 0.95, 0.955, 0.965, 1.0]


def resized(width, height, crop_pct, fit):
    """(width, height) that the first step resizes to."""
    transform = timm_factory.transforms_imagenet_eval(
        img_size=(height, width), crop_pct=crop_pct, crop_mode=MODES[fit]
    )
    size = transform.transforms[0].size
    if isinstance(size, int):
        return size, size
    return (size[1], size[0]) if len(size) == 2 else (size[0], size[0])


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    lines = ["width\theight\tcrop_pct\tfit\tresize_width\tresize_height"]
    for width, height in SIZES:
        for crop_pct in CROPS:
            for fit in MODES:
                fields = [width, height, crop_pct, fit, *resized(width, height, crop_pct, fit)]
                lines.append("\t".join(str(field) for field in fields))
    (OUT / "rules.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
