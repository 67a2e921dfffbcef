"""What a network says of images: a class with its probability, or that they are unlike all it was trained on."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosscheck.data.dataset import DataSet
from crosscheck.evaluation import ood


@dataclass(frozen=True)
class Verdict:
    """`probabilities` by class, the index `label` of the largest, and how far from the training images it lies.

    `ood_score` is 1 at the limit (`ood`), and None where nobody told what the network was trained on.
    """

    probabilities: list[float]
    label: int
    ood_score: float | None

    @property
    def in_distribution(self) -> bool:
        """Whether the probabilities mean anything: a network gives them for whatever it is shown."""
        return self.ood_score is None or self.ood_score <= 1


def batch(pixels: list[NDArray[np.uint8]]) -> Tensor:
    """Decoded images, each uint8 (height, width, channels), as the network takes them."""
    return torch.from_numpy(np.stack(pixels)).permute(0, 3, 1, 2)


def classify(responses: dict[str, Tensor], learnt: ood.OodDetector | None) -> list[Verdict]:
    """A verdict for each image of which `inference.responses` are given."""
    logits = list(responses.values())[-1]
    odds = torch.softmax(logits.double(), dim=1).tolist()
    labels = logits.argmax(1).tolist()
    distances = [None] * len(labels) if learnt is None else learnt.distances(ood.features(responses)).tolist()
    return [Verdict(*parts) for parts in zip(odds, labels, distances, strict=True)]


def as_json(verdict: Verdict, data_set: DataSet) -> dict[str, object]:
    """Class and probabilities by name with 6 decimals; null instead of a guess where it is unlike all known."""
    by_name = dict(zip(data_set.classes, (round(p, 6) for p in verdict.probabilities), strict=True))
    name = data_set.classes[verdict.label]
    return {
        "class": name if verdict.in_distribution else None,
        "probability": by_name[name] if verdict.in_distribution else None,
        "probabilities": by_name if verdict.in_distribution else None,
        "in_distribution": verdict.in_distribution,
        "ood_score": None if verdict.ood_score is None else round(verdict.ood_score, 3),
    }
