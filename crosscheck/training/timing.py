"""Measures how long a training would take here, by a few real steps of it on random images."""

import time

import numpy as np

from crosscheck.core import devices
from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.training.trainer import build_trainer

SECONDS = 1.0
FEWEST_STEPS = 3


def seconds_per_step(params: Params, classes: int) -> float:
    """The median time of a step of the network and the training that `params` describes, in about a second.

    Raises InputError where such a network cannot be built, or the device is not there.
    """
    data, device = params.data, devices.prepare(params.compute)
    data_set = DataSet([str(label) for label in range(classes)], data.height, data.width, data.channels, "pad", 255)
    random = np.random.default_rng(0)
    count = params.train.batch_size
    images = random.integers(0, 256, (count, data.height, data.width, data.channels), dtype=np.uint8)
    subset = Subset(images, random.integers(0, classes, count))
    none = Subset(images[:0], subset.labels[:0])
    # As many steps as it takes, without validation images.
    endless = {"epochs": 100_000, "schedule": "constant", "keep": "last", "patience": 0, "processes": 1}
    recipe = params.train.model_copy(update=endless)
    trainer = build_trainer(params.model, recipe, params.augment, data_set, subset, none, device)
    times = [time.perf_counter()]
    while len(times) <= FEWEST_STEPS or times[-1] - times[0] < SECONDS:
        trainer.run_epoch()
        times.append(time.perf_counter())
    # The first one also loads and allocates.
    return float(np.median(np.diff(times)[1:]))
