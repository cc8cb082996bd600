"""Lets torchvision, timm and transformers be imported beside a torch that torchvision's
compiled extension does not fit (a CPU torch with the common torchvision wheel).

torchvision attaches shape functions to two of its compiled operators as it is imported
and fails where they don't exist.  Declaring them is enough: no oracle calls them.

    import torchvision_ops  # before torchvision, timm or transformers
"""

import importlib.util
import pathlib

import torch

SCHEMAS = (
    "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
)

# Kept for the life of the process: a library that is collected takes its operators along.
LIBRARY = torch.library.Library("torchvision", "FRAGMENT")


def extension_loads():
    """Whether torchvision's own operators can be had; true loads them."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None:
        return False
    for path in sorted(pathlib.Path(spec.origin).parent.glob("_C*.so")):
        try:
            torch.ops.load_library(str(path))
            return True
        except OSError:
            pass
    return False


if not extension_loads():
    for schema in SCHEMAS:
        LIBRARY.define(schema)
