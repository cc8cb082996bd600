"""Reference data of common/colormap and common/upsample, into tests/data/figure/:

colormaps.tsv   matplotlib's colour maps, 256 colours each, rounded to 8 bits
upsample.tsv    torch's interpolate(align_corners=False) of small grids, a case in three lines:
                mode, rows, columns, height, width; the grid; the result
"""

import pathlib

import matplotlib
import numpy as np
import torch

OUT = pathlib.Path("tests/data/figure")
COLORMAPS = {"viridis": "viridis", "inferno": "inferno", "magma": "magma", "turbo": "turbo",
             "grey": "gray", "jet": "jet", "rdbu": "RdBu_r"}
MODES = {"bilinear": "bilinear", "nearest": "nearest-exact", "bicubic": "bicubic"}
SIZES = [(1, 1, 2, 3), (1, 2, 1, 5), (2, 1, 7, 2), (2, 3, 8, 9), (4, 4, 4, 4), (5, 3, 2, 7),
         (7, 7, 21, 16)]


def colormaps():
    with open(OUT / "colormaps.tsv", "w") as file:
        for name, theirs in COLORMAPS.items():
            rgb = np.array(matplotlib.colormaps[theirs](np.arange(256)))[:, :3]
            rgb = np.round(rgb * 255).astype(int)
            print(name, *(f"{r:02x}{g:02x}{b:02x}" for r, g, b in rgb), sep="\t", file=file)


def write(file, values):
    print(*(f"{value:.9g}" for value in values.astype(np.float32).ravel()), sep="\t", file=file)


def upsampled():
    rng = np.random.default_rng(14)
    with open(OUT / "upsample.tsv", "w") as file:
        for ours, mode in MODES.items():
            for rows, columns, height, width in SIZES:
                grid = rng.standard_normal((rows, columns)).astype(np.float32)
                tensor = torch.from_numpy(grid.astype(np.float64))[None, None]
                corners = {} if mode == "nearest-exact" else {"align_corners": False}
                result = torch.nn.functional.interpolate(
                    tensor, size=(height, width), mode=mode, **corners)
                print(ours, rows, columns, height, width, sep="\t", file=file)
                write(file, grid)
                write(file, result.numpy())


OUT.mkdir(parents=True, exist_ok=True)
colormaps()
upsampled()
