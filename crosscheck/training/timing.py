"""Measures how long a training and a look at an image would take here, on random images. Nothing is written."""

import time
from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from crosscheck.core import devices
from crosscheck.core.param_types import NO_BACKBONE
from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import inference
from crosscheck.training import frozen
from crosscheck.training.trainer import build_trainer, new_network

SECONDS = 1.0
FEWEST = 3
# Validation after each epoch, and saving what a kill must not lose.
BESIDE_STEPS = 1.15
# A step of one layer on features; it takes too little to be measured here.
STEP_ON_FEATURES = 0.002
LOOKED_AT = 8


def estimate_training(params: Params, classes: int, images: int) -> float:
    """About how many seconds a training on about this number of `images` would take.

    Raises InputError where such a network cannot be built, or the device is not there.
    """
    steps = params.train.epochs * -(-images // params.train.batch_size)
    device = devices.prepare(params.compute)
    if params.model.freeze:
        return images * _seconds_per_feature(params, classes, device) + steps * STEP_ON_FEATURES
    return steps * _seconds_per_step(params, classes, device) * BESIDE_STEPS


def estimate_pass(params: Params, classes: int) -> float:
    """About how many seconds it takes to send one image through the network, with nothing learnt from it.

    Raises InputError where such a network cannot be built, or the device is not there.
    """
    device = devices.prepare(params.compute)
    count = LOOKED_AT if params.model.backbone != NO_BACKBONE else params.train.batch_size
    data_set, subset = _random_images(params, classes, count)
    net = _untrained(params, data_set, subset).to(device)
    return _median_seconds(lambda: inference.compute_logits(net, subset, count)) / count


def _seconds_per_step(params: Params, classes: int, device: torch.device) -> float:
    data_set, subset = _random_images(params, classes, params.train.batch_size)
    none = Subset(subset.images[:0], subset.labels[:0])
    # As many steps as it takes, without validation images, and with as few classes as a batch may have.
    endless = {"epochs": 100_000, "schedule": "constant", "keep": "last", "patience": 0, "processes": 1}
    endless |= {"class_weights": "none"}
    recipe = params.train.model_copy(update=endless)
    trainer = build_trainer(params.model, recipe, params.augment, data_set, subset, none, device)
    return _median_seconds(trainer.run_epoch)


def _seconds_per_feature(params: Params, classes: int, device: torch.device) -> float:
    data_set, subset = _random_images(params, classes, LOOKED_AT)
    net = _untrained(params, data_set, subset).to(device)
    start = [name for name, _ in net.named_children()].index(frozen.FIRST_TRAINED)
    return _median_seconds(lambda: frozen.compute_features(net[:start], subset, device)) / LOOKED_AT


def _untrained(params: Params, data_set: DataSet, subset: Subset) -> nn.Sequential:
    """The network with random weights: they take as long as others, and nobody looks for these."""
    model = params.model.model_copy(update={"pretrained": False, "freeze": False})
    return new_network(model, data_set, subset, params.train.seed).eval()


def _random_images(params: Params, classes: int, count: int) -> tuple[DataSet, Subset]:
    data, random = params.data, np.random.default_rng(0)
    data_set = DataSet([str(label) for label in range(classes)], data.height, data.width, data.channels, "pad", 255)
    images = random.integers(0, 256, (count, data.height, data.width, data.channels), dtype=np.uint8)
    return data_set, Subset(images, random.integers(0, classes, count))


def _median_seconds(work: Callable[[], object]) -> float:
    times = [time.perf_counter()]
    while len(times) <= FEWEST or times[-1] - times[0] < SECONDS:
        work()
        times.append(time.perf_counter())
    # The first one also loads and allocates.
    return float(np.median(np.diff(times)[1:]))
