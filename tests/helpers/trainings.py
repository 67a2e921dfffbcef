"""Small trainings in memory, for tests of what decides their end and their loss."""

import io
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.training.distributed import ALONE, Group
from crosscheck.training.trainer import Trainer

TOY = DataSet(["bars", "dots", "lines"], 12, 12, 1, "stretch", 255)


def draw(labels: NDArray[np.int64], seed: int = 0) -> Subset:
    """A noisy image for each label, which is where it is dark."""
    random = np.random.default_rng(seed)
    images = random.integers(120, 256, (len(labels), 12, 12, 1), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[:, 4 * label : 4 * label + 4] //= 4
    return Subset(images, labels)


def draw_by_turns(count: int, seed: int = 0) -> Subset:
    """So many images of each class, by turns."""
    return draw(np.arange(3 * count, dtype=np.int64) % 3, seed)


def mislabelled(subset: Subset) -> Subset:
    """The same images, each with the label of another class: the better a network knows them, the higher its loss."""
    return Subset(subset.images, (subset.labels + 1) % 3)


def training(params: Params, train: Subset, val: Subset, group: Group = ALONE, **recipe: Any) -> Trainer:
    """A training about to begin, of a small network for the toy images."""
    small = {"channels": 3, "further_channels": [2], "hidden": [8], "invert": True}
    wanted = {"batch_size": 8, "epochs": 8, "lr": 0.1, "momentum": 0.9, **recipe}
    torch.manual_seed(3)
    net = model.build(params.model.model_copy(update=small), TOY)
    return Trainer(net, train, val, params.train.model_copy(update=wanted), torch.device("cpu"), group)


def interrupted(whole: Trainer, epochs: int, params: Params, **recipe: Any) -> Trainer:
    """A training of the same images that is stopped after `epochs` and goes on from its saved state, not yet begun."""
    begun = training(params, whole.train, whole.val, **recipe)
    begun.run(lambda epoch, _: "killed" if epoch.epoch == epochs else None)
    file = io.BytesIO()
    torch.save(begun.state(), file)
    file.seek(0)
    resumed = training(params, whole.train, whole.val, **recipe)
    torch.rand(7)
    resumed.restore(torch.load(file, weights_only=True))
    return resumed


def same_weights(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)
