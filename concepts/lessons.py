"""What the concept pages share: small data sets, short trainings, shifted images, and files of numbers.

Nothing here reads params.yaml's values that a reader may have changed, but for those that no lesson depends on.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crosscheck.core import params
from crosscheck.core.files import write_json
from crosscheck.data import synthetic
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network.inference import BATCH, compute_logits
from crosscheck.training.trainer import Trainer

PAPER, INK = 255, 0
CLASSES = list(synthetic.CLASSES)
# The networks are too small to share their work.
THREADS = 1
GEOMETRY = {
    "size": 116, "stroke_width": 4.0, "seed": 0, "rotation": 0.0, "stroke_spread": 0.0, "noise": 0.0,
    "displacement": 0.0, "images_per_class": 1,
}  # fmt: skip
RECIPE = {
    "images_per_class": "all", "epochs": 10, "batch_size": 32, "optimizer": "adamw", "lr": 0.01, "momentum": 0.0,
    "weight_decay": 0.0, "schedule": "one_cycle", "seed": 0, "snapshots": 0,
}  # fmt: skip
NETWORK = {"norm": "none", "pool": "max", "head": "dense", "hidden": "auto", "invert": True, "centre": False}


@cache
def shipped() -> params.Params:
    """The parameters of params.yaml, of which a lesson replaces all that matters to it."""
    return params.load()


def network(**changes: Any) -> params.ModelParams:
    """The `model` parameters of a lesson: ink is 1 and paper 0, so that no training waits on the plateau."""
    return shipped().model.model_copy(update=NETWORK | changes)


def recipe(**changes: Any) -> params.TrainParams:
    """The `train` parameters of a lesson."""
    return shipped().train.model_copy(update=RECIPE | changes)


def symbol(class_index: int, index: int, seed: int, size: int = 116) -> NDArray[np.bool_]:
    """One circle or cross, bool (size, size), true where there is ink."""
    geometry = shipped().synthesize.model_copy(update={**GEOMETRY, "size": size, "seed": seed})
    return synthetic.draw(geometry, class_index, index)


def packed(inks: list[NDArray[np.bool_]], labels: list[int]) -> Subset:
    """Black ink on white paper, as the stages store it."""
    images = np.where(np.stack(inks)[..., None], INK, PAPER).astype(np.uint8)
    return Subset(images, np.array(labels, dtype=np.int64))


def symbols(count: int, seed: int, size: int) -> Subset:
    """`count` circles and crosses by turns, `size` px wide and high."""
    labels = [index % len(CLASSES) for index in range(count)]
    return packed([symbol(label, index, seed, size) for index, label in enumerate(labels)], labels)


def data_set(size: int, classes: list[str] = CLASSES) -> DataSet:
    """The description of square grey images."""
    return DataSet(classes, size, size, 1, "stretch", PAPER)


def shifted(subset: Subset, across: int, down: int) -> Subset:
    """The images moved right and down by these numbers of px; what leaves on one side does not come back."""
    images = np.full_like(subset.images, PAPER)
    height, width = images.shape[1:3]
    rows, columns = slice(max(0, down), height + min(0, down)), slice(max(0, across), width + min(0, across))
    from_rows, from_columns = (
        slice(max(0, -down), height - max(0, down)), slice(max(0, -across), width - max(0, across))
    )  # fmt: skip
    images[:, rows, columns] = subset.images[:, from_rows, from_columns]
    return Subset(images, subset.labels)


def trained(build: Callable[[], nn.Sequential], train: Subset, wanted: params.TrainParams) -> nn.Sequential:
    """A network built and trained with the seed of `wanted`."""
    torch.manual_seed(wanted.seed)
    none = Subset(train.images[:0], train.labels[:0])
    net = build()
    Trainer(net, train, none, wanted, torch.device("cpu")).run()
    return net.eval()


def accuracy(net: nn.Module, subset: Subset) -> float:
    """The share of right answers."""
    answers = compute_logits(net, subset, BATCH).argmax(1).numpy()
    return float((answers == subset.labels).mean())


def shift_accuracy(net: nn.Module, subset: Subset, by: int) -> float:
    """The mean accuracy on the images moved by `by` px to the right, to the left, down and up."""
    moves = [(by, 0), (-by, 0), (0, by), (0, -by)] if by else [(0, 0)]
    return float(np.mean([accuracy(net, shifted(subset, *move)) for move in moves]))


def summary(values: list[float]) -> dict[str, float]:
    """Mean, lowest and highest of a figure over the seeds, with 6 decimals."""
    found = {"mean": float(np.mean(values)), "lowest": min(values), "highest": max(values)}
    return {name: round(value, 6) for name, value in found.items()}


def write(figures: Path, name: str, numbers: dict[str, Any]) -> None:
    """Write the numbers of a lesson to the folder of its pictures."""
    write_json(figures / f"{name}.json", numbers)
