"""Whether what finetune wrote is what others take it for: check_finetuned.py DIR... PICTURE

Opens each with safetensors, timm and transformers, and compares what timm and saccade make of the
picture: its input and the logits.  The programs are taken from $BIN, by default bin/.
"""

import io
import os
import subprocess
import sys

import torchvision_ops  # noqa: F401: before timm
import numpy as np
import timm
import torch
from PIL import Image
from safetensors import safe_open
from transformers import AutoImageProcessor


def ours(folder, picture, member):
    names = ("preprocess", "vitfwd", "resnetfwd", "tensorcat")
    programs = dict(zip(names, (os.path.join(os.environ.get("BIN", "bin"), n) for n in names)))
    sample = subprocess.run([programs["preprocess"], "-m", folder, picture], check=True,
                            capture_output=True).stdout
    for name, none in (("vitfwd", "-lnone"), ("resnetfwd", "--at=none")):
        made = subprocess.run([programs[name], "-k", "-m", folder, none], input=sample,
                              capture_output=True)
        if made.returncode == 0:
            array = subprocess.run([programs["tensorcat"], "--npy", member], input=made.stdout,
                                   check=True, capture_output=True).stdout
            return np.load(io.BytesIO(array))
    sys.exit(made.stderr.decode())


def check(folder, picture):
    with safe_open(folder + "/model.safetensors", "np") as file:
        for name in file.keys():
            assert np.isfinite(file.get_tensor(name)).all(), name
        print("safetensors: %d tensors, %s" % (len(file.keys()), sorted(file.metadata())))
    model = timm.create_model("local-dir:" + folder, pretrained=True).eval()
    config = timm.data.resolve_data_config(model.pretrained_cfg)
    transform = timm.data.create_transform(**config)
    x = transform(Image.open(picture).convert("RGB"))[None]
    with torch.no_grad():
        logits = model(x)[0].numpy()
    apart = np.abs(logits - ours(folder, picture, "logits.npy")).max() / np.abs(logits).max()
    print("timm: input to the bit %s, logits to %.1e" % (
        np.array_equal(x[0].numpy(), ours(folder, picture, "input.npy")), apart))
    assert apart < 1e-4
    processor = AutoImageProcessor.from_pretrained(folder)
    assert processor.data_config == config, processor.data_config
    print("transformers: %s" % type(processor).__name__)


def main():
    *folders, picture = sys.argv[1:]
    failed = 0
    for folder in folders:
        print(folder)
        try:
            check(folder.rstrip("/"), picture)
        except Exception as error:
            print("FAILED: %s: %.600s" % (type(error).__name__, error))
            failed += 1
    print("%d of %d failed" % (failed, len(folders)))
    return failed > 0


if __name__ == "__main__":
    sys.exit(main())
