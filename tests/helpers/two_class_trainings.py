"""Trainings in memory of a small network for two classes, which the tests of the trainer vary."""

import math
from typing import Any

import numpy as np
import torch
from torch import nn

from crosscheck.core.params import ModelParams, Params, TrainParams
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.network import model
from crosscheck.training.trainer import Trainer
from helpers import trainings

TOY = DataSet(["bars", "dots"], 12, 12, 1, "stretch", 255)
CPU = torch.device("cpu")
EMPTY = Subset(np.zeros((0, 12, 12, 1), np.uint8), np.zeros(0, np.int64))


def toy(count: int, seed: int = 0) -> Subset:
    """`count` noisy images of two classes by turns."""
    return trainings.draw(np.arange(count, dtype=np.int64) % 2, seed)


def network(params: Params, seed: int = 0) -> nn.Sequential:
    small = {"channels": 3, "further_channels": [2], "hidden": [8], "invert": True}
    torch.manual_seed(seed)
    return model.build(ModelParams.model_validate({**params.model.model_dump(), **small}), TOY)


def training(params: Params, train: Subset, val: Subset = EMPTY, net_seed: int = 0, **recipe: Any) -> Trainer:
    wanted = TrainParams.model_validate({**params.train.model_dump(), "batch_size": 8, "epochs": 4, **recipe})
    return Trainer(network(params, net_seed), train, val, wanted, CPU)


def run(learner: Trainer, epochs: int) -> Trainer:
    for _ in range(epochs):
        learner.run_epoch()
    return learner


def same_weights(one: Trainer, other: Trainer) -> bool:
    return trainings.same_weights(one.net.state_dict(), other.net.state_dict())


def expected_rate(schedule: str, step: int, total: int, lr: float) -> float:
    """The learning rate in a step, written out."""
    if schedule == "cosine":
        return lr * (1 + math.cos(math.pi * step / total)) / 2
    if schedule == "one_cycle":
        rise = 0.3 * (total + 1) - 1
        if step <= rise:
            low, high, share = lr / 25, lr, step / rise
        else:
            low, high, share = lr, lr / 25 / 1e4, (step - rise) / (total - rise)
        return high + (low - high) * (1 + math.cos(math.pi * share)) / 2
    return lr
