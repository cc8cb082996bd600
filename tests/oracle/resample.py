"""Reference data of common/resample and common/view, into tests/data/resample/:

PICTURE.ppm         the sources
resize.tsv          CRC-32 of the bytes of Pillow's Image.resize
PICTURE-...ppm      some of those results in full
views.tsv           CRC-32 of what timm, torchvision and transformers (backend "pil") make of
                    them before normalisation; "-" where the library refuses the picture
NAME.f32            some of those normalised, f32 [3, height, width], little-endian
"""

import math
import pathlib
import sys
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import torchvision_ops  # noqa: F401  (before the three below)

import timm.data.transforms_factory as timm_factory
import torchvision.transforms as tv
from PIL import Image
from torchvision.transforms._presets import ImageClassification
from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil
from transformers.models.deit.image_processing_pil_deit import DeiTImageProcessorPil

OUT = pathlib.Path("tests/data/resample")
FILTERS = {"bilinear": 2, "bicubic": 3, "lanczos": 1, "nearest": 0}
MODES = {
    "bilinear": tv.InterpolationMode.BILINEAR,
    "bicubic": tv.InterpolationMode.BICUBIC,
    "lanczos": tv.InterpolationMode.LANCZOS,
    "nearest": tv.InterpolationMode.NEAREST,
}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
HALF = ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
CLIP = ((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711))
TENTHS = ((0.1, 0.3, 0.7), (0.25, 0.25, 0.25))  # 255 * mean ends in .5: rounds half to even
SMALL_LIMIT = 70000  # pixels of a result that resize.tsv lists


def pictures():
    rng = np.random.default_rng(20240)

    def noise(width, height):
        return rng.integers(0, 256, (height, width, 3), dtype=np.uint8)

    def gradient(width, height):
        x = np.linspace(0, 255, width)[None, :, None]
        y = np.linspace(255, 0, height)[:, None, None]
        whole = np.concatenate([x + 0 * y, 0 * x + y, (x + y) / 2], 2)
        return np.clip(whole + rng.normal(0, 12, whole.shape), 0, 255).astype(np.uint8)

    def extremes(width, height):  # makes the filters overshoot
        return rng.integers(0, 2, (height, width, 3), dtype=np.uint8) * np.uint8(255)

    return {
        "noise1x1": noise(1, 1),
        "noise2x2": noise(2, 2),
        "noise3x5": noise(3, 5),
        "noise500x1": noise(500, 1),
        "noise1x500": noise(1, 500),
        "noise37x23": noise(37, 23),
        "extremes48x40": extremes(48, 40),
        "gradient64x64": gradient(64, 64),
        "gradient101x67": gradient(101, 67),
        "gradient30x140": gradient(30, 140),
        "gradient140x30": gradient(140, 30),
    }


def crc(array):
    return f"{zlib.crc32(np.ascontiguousarray(array).tobytes()):08x}"


def write_ppm(name, array):
    height, width, _ = array.shape
    head = f"P6\n{width} {height}\n255\n".encode()
    (OUT / f"{name}.ppm").write_bytes(head + np.ascontiguousarray(array).tobytes())


def resize(array, width, height, filter_name):
    image = Image.fromarray(array).resize((width, height), FILTERS[filter_name])
    return np.asarray(image)


def sizes_for(width, height):
    """Enlarged, shrunk, one side kept, both kept, tall and wide; and both orders of passes."""
    absolute = [(1, 1), (7, 5), (16, 16), (17, 15), (15, 33), (64, 64), (224, 224), (31, 300)]
    near = [(width, height), (width, 20), (20, height), (width + 1, height + 1)]
    if width > 3 and height > 3:
        near += [(width - 1, height - 1), (width - 1, height - 2), (width - 1, height - 3)]
    scaled = [(2 * width, 2 * height), (max(width // 3, 1), max(height // 3, 1))]
    scaled += [(2 * width, max(height // 2, 1)), (max(width // 2, 1), 2 * height)]
    sizes = dict.fromkeys(absolute + near + scaled)
    return [(w, h) for w, h in sizes if w * h <= SMALL_LIMIT]


def write_resize(sources):
    lines = ["picture\tfilter\twidth\theight\tcrc32"]
    for name, array in sources.items():
        for width, height in sizes_for(array.shape[1], array.shape[0]):
            for filter_name in FILTERS:
                result = resize(array, width, height, filter_name)
                lines.append(f"{name}\t{filter_name}\t{width}\t{height}\t{crc(result)}")
    (OUT / "resize.tsv").write_text("\n".join(lines) + "\n")
    whole = [
        ("noise37x23", "bicubic", 20, 10),
        ("noise37x23", "lanczos", 50, 31),
        ("noise3x5", "bilinear", 7, 11),
        ("gradient30x140", "bicubic", 28, 50),
        ("gradient64x64", "nearest", 23, 19),
    ]
    for name, filter_name, width, height in whole:
        result = resize(sources[name], width, height, filter_name)
        write_ppm(f"{name}-{filter_name}-{width}x{height}", result)


def view_timm(picture, case, normalise):
    _, fit, filter_name, width, height, crop_pct, (mean, std) = case
    transform = timm_factory.transforms_imagenet_eval(
        img_size=(height, width),
        crop_pct=crop_pct,
        crop_mode={"crop": "center", "squash": "squash", "pad": "border"}[fit],
        interpolation=filter_name,
        mean=mean,
        std=std,
        normalize=normalise,
    )
    resized = (math.floor(width / crop_pct), math.floor(height / crop_pct))
    return transform(Image.fromarray(picture)).numpy(), resized


def view_torchvision(picture, case, normalise):
    _, _, filter_name, width, height, size, (mean, std) = case
    mode = MODES[filter_name]
    if normalise:
        transform = ImageClassification(
            crop_size=width, resize_size=size, mean=mean, std=std, interpolation=mode
        )
    else:
        steps = [tv.Resize(size, mode), tv.CenterCrop((height, width)), tv.PILToTensor()]
        transform = tv.Compose(steps)
    return transform(Image.fromarray(picture)).numpy(), (size, size)


def view_huggingface(picture, case, normalise):
    _, fit, filter_name, width, height, size, (mean, std) = case
    resized = size if fit == "squash" else (size, size)
    options = {
        "resample": FILTERS[filter_name],
        "crop_size": {"height": height, "width": width},
        "image_mean": mean,
        "image_std": std,
        "do_rescale": normalise,
        "do_normalize": normalise,
    }
    if fit == "squash":
        size = {"height": resized[1], "width": resized[0]}
        processor = DeiTImageProcessorPil(size=size, **options)
    else:
        processor = CLIPImageProcessorPil(size={"shortest_edge": size}, **options)
    values = processor(Image.fromarray(picture), return_tensors="np")["pixel_values"][0]
    return values, resized


LIBRARIES = {
    "timm": view_timm,
    "torchvision": view_torchvision,
    "huggingface": view_huggingface,
}

# library, fit, filter, width, height, crop_pct (timm) or resize size, mean and std
CASES = [
    ("timm", "crop", "bicubic", 24, 24, 0.9, HALF),
    ("timm", "crop", "bicubic", 32, 32, 1.0, IMAGENET),
    ("timm", "crop", "bilinear", 33, 33, 0.875, IMAGENET),
    ("timm", "crop", "lanczos", 24, 24, 0.95, IMAGENET),
    ("timm", "crop", "bicubic", 40, 24, 0.9, HALF),
    ("timm", "crop", "bicubic", 23, 37, 0.875, IMAGENET),
    ("timm", "crop", "bilinear", 24, 16, 1.0, IMAGENET),
    ("timm", "crop", "nearest", 24, 24, 0.9, IMAGENET),
    ("timm", "squash", "bicubic", 24, 24, 1.0, IMAGENET),
    ("timm", "squash", "bicubic", 40, 25, 0.9, IMAGENET),
    ("timm", "pad", "bicubic", 24, 24, 1.0, IMAGENET),
    ("timm", "pad", "bicubic", 24, 24, 0.9, TENTHS),
    ("timm", "pad", "bilinear", 41, 24, 1.0, HALF),
    ("timm", "pad", "bicubic", 24, 41, 0.7, TENTHS),
    ("torchvision", "crop", "bilinear", 28, 28, 32, IMAGENET),
    ("torchvision", "crop", "bilinear", 27, 27, 29, IMAGENET),
    ("torchvision", "crop", "bicubic", 28, 28, 28, IMAGENET),
    ("torchvision", "crop", "bilinear", 32, 32, 25, IMAGENET),
    ("torchvision", "crop", "bicubic", 23, 41, 25, IMAGENET),
    ("huggingface", "crop", "bicubic", 28, 28, 28, CLIP),
    ("huggingface", "crop", "bicubic", 28, 28, 33, IMAGENET),
    ("huggingface", "crop", "bilinear", 27, 27, 29, IMAGENET),
    ("huggingface", "crop", "lanczos", 32, 32, 25, IMAGENET),
    ("huggingface", "crop", "bicubic", 23, 41, 26, IMAGENET),
    ("huggingface", "squash", "bilinear", 28, 28, (28, 28), HALF),
    ("huggingface", "squash", "bicubic", 28, 28, (32, 32), HALF),
    ("huggingface", "squash", "bicubic", 27, 23, (32, 41), HALF),
    ("huggingface", "squash", "bicubic", 33, 20, (20, 27), HALF),
]

# case and picture of the views that are kept normalised
NORMALISED = {
    "timm-crop": (0, "gradient101x67"),
    "timm-wide": (6, "gradient64x64"),
    "timm-pad": (11, "gradient140x30"),
    "torchvision-crop": (14, "gradient30x140"),
    "torchvision-black": (17, "gradient64x64"),
    "huggingface-crop": (19, "gradient101x67"),
    "huggingface-squash": (25, "gradient30x140"),
}


def numbers(values):
    return ",".join(str(value) for value in values)


def view_line(name, case, file, result):
    library, fit, filter_name, width, height, _, (mean, std) = case
    values, resized = result
    check = "-" if values is None else crc(values.transpose(1, 2, 0))
    fields = [name, library, fit, filter_name, width, height, *resized]
    fields += [numbers(mean), numbers(std), check, file]
    return "\t".join(str(field) for field in fields)


def view(array, case):
    """The bytes [3, height, width] or None, and the sides that the rule resizes to."""
    make = LIBRARIES[case[0]]
    try:
        return make(array, case, False)
    except ValueError as error:
        if "must be > 0" not in str(error):
            raise
        return None, make(np.zeros((9, 9, 3), np.uint8), case, False)[1]


def write_views(sources):
    head = "picture library fit filter width height resize_width resize_height mean std"
    lines = ["\t".join(head.split() + ["crc32", "floats"])]
    kept = {(CASES[case], picture): name for name, (case, picture) in NORMALISED.items()}
    for case in CASES:
        for name, array in sources.items():
            file = kept.get((case, name), "-")
            lines.append(view_line(name, case, file, view(array, case)))
            if file != "-":
                values, _ = LIBRARIES[case[0]](array, case, True)
                (OUT / f"{file}.f32").write_bytes(values.astype("<f4").tobytes())
    (OUT / "views.tsv").write_text("\n".join(lines) + "\n")


def long_row():
    """The picture 30000x1 that the tests make for themselves, enlarged to a height of 224: its
    rows are all alike, so one of them says what the centre crop is."""
    index = np.arange(90000, dtype=np.uint64)
    values = ((index * 2654435761) & 0xFFFFFFFF) >> 24
    array = values.astype(np.uint8).reshape(1, 30000, 3)
    whole = Image.fromarray(array).resize((30000 * 224, 1), FILTERS["bicubic"])
    left = (30000 * 224 - 224) // 2
    return np.asarray(whole.crop((left, 0, left + 224, 1)))


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    sources = pictures()
    for name, array in sources.items():
        write_ppm(name, array)
    write_resize(sources)
    write_views(sources)
    write_ppm("long-row", long_row())


if __name__ == "__main__":
    main()
