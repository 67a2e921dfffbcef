"""Tiny runs of every kind, each as a hash of its result and of what the result is too coarse to show.

They take seconds. Nothing here reads a value of `params.yaml` or an image, so they say one thing only: what the code
computes. With portable bits that is the same on every machine.
"""

import hashlib
import json
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosscheck.core import bits, devices
from crosscheck.core.errors import InputError
from crosscheck.core.param_types import ImageChannels
from crosscheck.core.params import (
    AugmentParams,
    ComputeParams,
    DataParams,
    ModelParams,
    Params,
    SplitParams,
    TrainParams,
)
from crosscheck.data.dataset import DataSet
from crosscheck.network import inference
from crosscheck.study import corruptions, resplit, single_run
from crosscheck.study.resplit import PackedImages
from crosscheck.training.trainer import build_trainer

SIZE, IMAGES = 16, 14
CLASSES = ["across", "down"]
COMPUTE = ComputeParams(threads=1, device="cpu", portable=True)
SPLIT = SplitParams(test=4, val=3, seed=1, on_bad_image="fail", samples=1)
MODEL: dict[str, Any] = {
    "channels": 3,
    "further_channels": [4],
    "norm": "none",
    "pool": "max",
    "head": "dense",
    "hidden": [6],
    "invert": True,
    "centre": True,
}
TRAIN: dict[str, Any] = {
    "images_per_class": "all",
    "epochs": 3,
    "batch_size": 4,
    "optimizer": "sgd",
    "lr": 0.1,
    "momentum": 0.0,
    "weight_decay": 0.0,
    "schedule": "constant",
    "precision": "float32",
    "seed": 2,
    "snapshots": 0,
    "processes": 1,
}
# What each run changes in `model` and in `train`. The large layers are large enough to be computed in another way.
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "max pooling": ({}, {}),
    "average pooling": ({"pool": "avg"}, {}),
    "strides": ({"pool": "stride", "invert": False}, {}),
    "no pooling": ({"pool": "none", "centre": False}, {}),
    "batch norm": ({"norm": "batch"}, {"batch_size": 13}),
    "averaging head": ({"head": "average", "hidden": []}, {}),
    "convolutional head": ({"head": "convolution"}, {}),
    "widths by depth": ({"hidden": "auto"}, {"images_per_class": 5}),
    "adamw": ({}, {"optimizer": "adamw", "lr": 0.01, "weight_decay": 0.1}),
    "momentum": ({}, {"momentum": 0.9, "weight_decay": 0.01}),
    "cosine": ({}, {"schedule": "cosine"}),
    "one cycle": ({}, {"schedule": "one_cycle"}),
    "bfloat16": ({}, {"precision": "bfloat16"}),
    "diverging": ({}, {"lr": 1000.0, "epochs": 5, "weight_decay": 10.0}),
    "large layers": ({"pool": "none", "channels": 8, "further_channels": [29], "hidden": [4100]}, {"epochs": 2}),
    "colours": ({"further_channels": []}, {}),
    "augmentation": ({}, {}),
    "augmentation of colours": ({}, {}),
    "best epoch": ({}, {"keep": "best", "epochs": 8, "lr": 0.4}),
    "patience": ({}, {"patience": 2, "epochs": 8, "lr": 0.4}),
    "rare class": ({}, {"class_weights": "balanced"}),
    # Its accuracies on training, validation and test images differ.
    "overfitting": ({}, {"images_per_class": 3, "epochs": 20, "optimizer": "adamw", "lr": 0.01}),
}
AUGMENT: dict[str, float] = {
    "fliplr": 0.5,
    "flipud": 0.3,
    "degrees": 20.0,
    "translate": 0.1,
    "scale": 0.3,
    "brightness": 0.2,
    "contrast": 0.4,
    "erasing": 0.5,
}


def names() -> list[str]:
    """What `run` can be asked for."""
    return [*RUNS, *(f"distortion, {kind}" for kind in corruptions.GRID)]


def run(name: str) -> str:
    """The hash of the run, or of the distorted images, of this name.

    Raises InputError where this machine has no portable bits.
    """
    devices.prepare(COMPUTE)
    if bits.find_mode(COMPUTE.portable, COMPUTE.device) != "portable":
        raise InputError("this machine computes native bits, so nothing can be proven here; use one with AVX2")
    kind = name.removeprefix("distortion, ")
    if kind in corruptions.GRID:
        return _distorted(kind)
    model, train = RUNS[name]
    params = Params.model_construct(
        data=DataParams(images="none", height=SIZE, width=SIZE, channels=1, fit="stretch", background=255),
        split=SPLIT,
        model=ModelParams(**MODEL | model),
        train=TrainParams(**TRAIN | train),
        augment=AugmentParams(**AUGMENT if "augmentation" in name else {}),
        compute=COMPUTE,
    )
    drawn = draw_images(3 if "colours" in name else 1)
    if name == "rare class":
        drawn = without_some_down(drawn)
    result, _ = single_run.execute(params, drawn)
    return _hash(json.dumps(result.content(), allow_nan=False, sort_keys=True), *_trained(params, drawn))


def draw_images(channels: ImageChannels) -> PackedImages:
    """Noisy dark bars on white, across and down by turns."""
    generator = np.random.default_rng(0)
    pixels = generator.integers(160, 256, (IMAGES * 2, SIZE, SIZE, channels), dtype=np.uint8)
    for index, image in enumerate(pixels):
        start = 2 + index % 7
        across = image if index % 2 == 0 else image.swapaxes(0, 1)
        across[start : start + 4, 2:14] //= 3
    labels = np.arange(len(pixels), dtype=np.int64) % 2
    contents = [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels]
    described = DataSet(CLASSES, SIZE, SIZE, channels, "stretch", 255)
    return PackedImages(described, pixels, labels, [f"{index:02d}.png" for index in range(len(pixels))], contents)


def without_some_down(drawn: PackedImages) -> PackedImages:
    """The images without four of those that go down, so that the classes differ in size."""
    kept = [row for row in range(len(drawn.labels)) if row % 2 == 0 or row < IMAGES * 2 - 8]
    paths, contents = ([column[row] for row in kept] for column in (drawn.paths, drawn.contents))
    return replace(drawn, images=drawn.images[kept], labels=drawn.labels[kept], paths=paths, contents=contents)


def _trained(params: Params, drawn: PackedImages) -> list[NDArray[Any]]:
    """The weights after training and the logits of the test images: a result has rounded figures only."""
    subsets = resplit.split_again(drawn, params.split, params.train.images_per_class)
    device = torch.device("cpu")
    trainer = build_trainer(
        params.model, params.train, params.augment, drawn.data_set, subsets.train, subsets.val, device
    )
    single_run.fit(trainer)
    logits = inference.compute_logits(trainer.fast_net, subsets.test, single_run.TEST_BATCH)
    return [tensor.contiguous().numpy() for tensor in (*trainer.net.state_dict().values(), logits)]


def _distorted(kind: str) -> str:
    """Eight test images at every level; a few of them are not enough to move an accuracy."""
    found: list[Any] = []
    for background in (255, 0):
        test = resplit.split_again(draw_images(1), SPLIT).test
        test = test if background else replace(test, images=255 - test.images)
        for level in corruptions.GRID[kind]:
            found.append(corruptions.distort(test, kind, level, background).images)
    return _hash(kind, *found)


def _hash(*parts: str | NDArray[Any]) -> str:
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
    return total.hexdigest()[:32]
