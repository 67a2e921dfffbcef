"""The same training by this project, on the same images, packed as `split` packs them.

    python -m benchmarks.training --split FOLDER --network base --epochs 10

Prints one line of JSON, as `benchmarks.reference` does. `--recipe fast` is the recipe that gets to 99 % soonest;
it was chosen by 300 validation images taken from the training images, over five seeds.
"""

import argparse
import json
from pathlib import Path
from typing import Any

from benchmarks.memory import peaks
from crosscheck.core import devices
from crosscheck.core.params import Params, load
from crosscheck.data import dataset
from crosscheck.training import validation
from crosscheck.training.curves import Epoch
from crosscheck.training.trainer import build_trainer

NETWORKS: dict[str, dict[str, Any]] = {
    "base": {},
    "channels_18": {"channels": 18},
    "three_conv": {"further_channels": [5, 5]},
    "no_pool": {"pool": "none"},
}
FAST: dict[str, dict[str, Any]] = {
    "model": {
        "invert": True,
        "channels": 8,
        "further_channels": [8, 8],
        "pool": "stride",
        "hidden": [64],
        "norm": "batch",
    },
    "train": {"optimizer": "adamw", "lr": 0.003, "batch_size": 32},
}


# Every change at once, each in a usual strength.
AUGMENT = {
    "fliplr": 0.5,
    "flipud": 0.5,
    "degrees": 20.0,
    "translate": 0.1,
    "scale": 0.3,
    "brightness": 0.3,
    "contrast": 0.3,
    "erasing": 0.5,
}


def main() -> None:
    asked = arguments()
    params = parameters(asked)
    device = devices.prepare(params.compute)
    data_set = dataset.read_data_set(asked.split)
    train, test = (dataset.read(asked.split, name, data_set) for name in ("train", "test"))
    nothing = dataset.Subset(train.images[:0], train.labels[:0])
    trainer = build_trainer(params.model, params.train, params.augment, data_set, train, nothing, device)
    seconds: list[float] = []
    accuracies: list[float] = []

    def measure(epoch: Epoch, took: float) -> str | None:
        seconds.append(took)
        if asked.until <= 1 or epoch.epoch == asked.epochs:
            accuracies.append(validation.score(trainer.fast_net, test, params.train.batch_size)[1] or 0.0)
        return "accurate enough" if max(accuracies, default=0.0) >= asked.until else None

    trainer.run(measure)
    losses = [epoch.train_loss for epoch in trainer.history]
    print(json.dumps({"epoch_seconds": seconds, "train_loss": losses, "test_accuracy": accuracies, **peaks()}))


def arguments(words: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--split", type=Path, required=True)
    parser.add_argument("--network", choices=NETWORKS, default="base")
    parser.add_argument("--recipe", choices=["original", "fast"], default="original")
    parser.add_argument("--precision", choices=["float32", "bfloat16"], default="float32")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--native", action="store_true", help="with the machine's fastest kernels")
    parser.add_argument("--augment", action="store_true", help="change the training images in every way there is")
    parser.add_argument("--until", type=float, default=2.0, help="stop at this test accuracy, looked at every epoch")
    return parser.parse_args(words)


def parameters(asked: argparse.Namespace) -> Params:
    """The parameters as shipped with what the network, the recipe and the command line change of them."""
    content = load().model_dump()
    content["model"] |= NETWORKS[asked.network]
    content["train"] |= {"epochs": asked.epochs, "seed": asked.seed, "precision": asked.precision}
    content["compute"] |= {"threads": asked.threads, "portable": not asked.native}
    if asked.augment:
        content["augment"] |= AUGMENT
    if asked.recipe == "fast":
        content["model"] |= FAST["model"]
        content["train"] |= FAST["train"]
    return Params.model_validate(content)


if __name__ == "__main__":
    main()
