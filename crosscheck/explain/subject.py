"""What the report is about: one trained network with its images."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

import torch

from crosscheck.core.params import ExplainParams
from crosscheck.data.dataset import Subset
from crosscheck.data.guessing import Guess
from crosscheck.explain import activations, probes, receptive_fields
from crosscheck.network.checkpoint import Checkpoint


@dataclass(frozen=True)
class Subject:
    """What the chapters are about: a network, the seed it was trained with, images, and where the report goes.

    `guess`: what is right of the images that it was trained on without looking at them. `keep`: whether it is the
    network of the last epoch or of the best one.
    """

    trained: Checkpoint
    seed: int
    guess: Guess
    train: Subset
    val: Subset
    test: Subset
    params: ExplainParams
    threads: int
    folder: Path
    keep: Literal["last", "best"] = "last"

    @cached_property
    def untrained(self) -> torch.nn.Sequential:
        """The network before training."""
        return receptive_fields.untrained(self.trained, self.seed)

    @cached_property
    def layers(self) -> list[receptive_fields.Layer]:
        return receptive_fields.list_layers(self.trained)

    @cached_property
    def batch(self) -> int:
        return receptive_fields.batch_size(self.trained)

    @property
    def pictures(self) -> Path:
        return self.folder / "pictures"

    @property
    def kernels(self) -> Path:
        """The kernels stand apart: DVC's page of plots has them from `visualize`, and lists the other pictures here."""
        return self.folder / "kernels"

    @property
    def classes(self) -> list[str]:
        return self.trained.data_set.classes

    @cached_property
    def shown_test(self) -> Subset:
        """The test images of the classes that are drawn."""
        return activations.take_first_classes(self.test, self.params.classes)

    @cached_property
    def probing(self) -> probes.Probing:
        return probes.Probing.choose(self.train, self.val, self.params.probe_images, len(self.classes))
