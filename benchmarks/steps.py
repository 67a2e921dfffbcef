"""The steps of an epoch by both sides, from the same initial weights and on the same batches; for the row `fidelity`.

    python -m benchmarks.steps FOLDER base

`FOLDER` holds `images` and `split`. Prints one line of JSON: the losses.
"""

import json
import sys
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Subset
from torchvision import transforms
from torchvision.datasets import ImageFolder

from benchmarks import reference, training
from crosscheck.core import devices
from crosscheck.data import dataset
from crosscheck.training.trainer import Trainer, build_trainer

# Of grey images, whose channels are equal, the first: with white as 1, where the script's Grayscale makes it 0.9999.
SAME_GREYS = transforms.Compose([transforms.ToTensor(), lambda channels: channels[:1]])


def step_losses(folder: Path, network: str) -> dict[str, list[float]]:
    """The loss of each step of an epoch on both sides; `same_greys`: of the script where its white is 1, as ours is."""
    asked = training.arguments(["--split", str(folder / "split"), "--network", network])
    params = training.parameters(asked)
    device = devices.prepare(params.compute)
    data_set = dataset.read_data_set(asked.split)
    train = dataset.read(asked.split, "train", data_set)
    nothing = dataset.Subset(train.images[:0], train.labels[:0])
    trainer = build_trainer(params.model, params.train, params.augment, data_set, train, nothing, device)
    torch.manual_seed(0)
    theirs = reference.network(network)
    copy_weights(theirs, trainer.net)
    same_greys = deepcopy(theirs)
    order = torch.randperm(len(train), generator=torch.Generator().set_state(trainer.order.get_state())).tolist()

    def steps_of(net: nn.Module, prepare: Callable[[Any], Any]) -> list[float]:
        images = Subset(ImageFolder(folder / "images" / "train", prepare), order)
        batches = DataLoader(images, batch_size=params.train.batch_size)
        return reference.train_epoch(net, batches, params.train.lr)

    return {
        "reference": steps_of(theirs, reference.PREPARE),
        "same_greys": steps_of(same_greys, SAME_GREYS),
        "ours": own_losses(trainer),
    }


def copy_weights(source: nn.Module, target: nn.Module) -> None:
    with torch.no_grad():
        for theirs, ours in zip(source.parameters(), target.parameters(), strict=True):
            ours.copy_(theirs)


def own_losses(trainer: Trainer) -> list[float]:
    """The loss of each step of an epoch, from the mean that the trainer tells after each."""
    means: list[float] = []
    trainer.run_epoch(lambda mean, _: means.append(mean))
    seen = np.minimum(np.arange(1, trainer.steps + 1) * trainer.params.batch_size, len(trainer.train))
    sums = np.array(means) * seen
    losses: list[float] = (np.diff(sums, prepend=0.0) / np.diff(seen, prepend=0)).tolist()
    return losses


if __name__ == "__main__":
    print(json.dumps(step_losses(Path(sys.argv[1]), sys.argv[2])))
