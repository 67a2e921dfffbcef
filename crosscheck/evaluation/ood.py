"""Tells images unlike all that a network was trained on, by the distance to the nearest training image.

An image is described by what the blocks make of it: the mean of each channel in each quarter of its map, in units of
its standard deviation over the training images. Distances to neighbours among a network's features: Sun et al.,
"Out-of-distribution detection with deep nearest neighbors", ICML 2022; means of the maps of every layer: Lee et al., "A
simple unified framework for detecting out-of-distribution samples and adversarial attacks", NeurIPS 2018. The features
of the last layer alone, as Sun et al. use them, know the classes apart and little else:
docs/how-to/predict-and-demo.md has the figures.
Those of a backbone are the mean of each of its last maps.
"""

import io
import math
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.core.errors import InputError
from crosscheck.core.files import write_file
from crosscheck.data.dataset import Subset
from crosscheck.network import inference

QUARTERS = 2
# The share of images like the validation images that may be taken for unlike.
MISTAKEN = 0.01
MOST_NEIGHBOURS = 5000
# The least deviation that counts, as a share of the largest.
FAINT = 0.02
AGAIN = "run `dvc repro fit_ood` to make it again"
UNREADABLE = (OSError, ValueError, TypeError, EOFError, KeyError, zipfile.BadZipFile)


@dataclass(frozen=True)
class OodDetector:
    """What a network was trained on, as it sees it, and how far from it an image may lie.

    `mean` and `deviation`: float32 (features,) of the training images; `known`: float32 (n, features), theirs in units
    of these; `limit`: the largest distance to the nearest of them; `checkpoint`: SHA-256 of the network's file.
    """

    mean: NDArray[np.float32]
    deviation: NDArray[np.float32]
    known: NDArray[np.float32]
    limit: float
    checkpoint: str

    def distances(self, features: Tensor) -> Tensor:
        """Distance of each of `features`, float (n, features), to the nearest known; over 1 is unlike: float (n,)."""
        return _nearest(_standard(features, self.mean, self.deviation), torch.from_numpy(self.known), 1) / self.limit


def features(responses: dict[str, Tensor]) -> Tensor:
    """The description of each image by `inference.responses`: float (n, features)."""
    if "backbone" in responses:
        # As Sun et al. have it. It was not made for these classes alone, and quarters would be four times as much.
        return responses["average"]
    maps = [values for name, values in responses.items() if name.startswith("block")]
    return torch.cat([functional.adaptive_avg_pool2d(values, QUARTERS).flatten(1) for values in maps], dim=1)


def fit_detector(net: nn.Sequential, train: Subset, val: Subset, checkpoint: str) -> OodDetector:
    """Learn from at most `MOST_NEIGHBOURS` training images, and set the limit by the validation images.

    The limit is the distance that all but `MISTAKEN` of the validation images keep, counted so that the same holds on
    average for images drawn like them (split conformal prediction, Vovk et al., 2005); with fewer than 99, the largest.
    Without validation images, training images take their place, each compared with the others.
    """
    seen = _features_of(net, Subset(train.images[:MOST_NEIGHBOURS], train.labels[:MOST_NEIGHBOURS]))
    mean, deviation = seen.mean(0), seen.std(0, correction=0)
    # A channel that is all but dead would call the roundness of a pen unlike anything.
    deviation = deviation.clamp(min=float(deviation.max()) * FAINT or 1.0)
    known = (seen - mean) / deviation
    if len(val):
        distances = _nearest((_features_of(net, val) - mean) / deviation, known, 1)
    else:
        distances = _nearest(known, known, min(2, len(known)))
    rank = min(len(distances), math.ceil((len(distances) + 1) * (1 - MISTAKEN)))
    # Where all are alike, the least difference is one.
    limit = max(float(distances.sort().values[rank - 1]), 1e-6)
    return OodDetector(mean.numpy(), deviation.numpy(), known.numpy(), limit, checkpoint)


def save_detector(learnt: OodDetector, file: Path) -> None:
    """Write to `file`, whole or not at all; the same content gives the same bytes."""

    arrays = {
        "mean": learnt.mean,
        "deviation": learnt.deviation,
        "known": learnt.known,
        "limit": np.array(learnt.limit),
        "checkpoint": np.array(learnt.checkpoint),
    }

    def write(partial: Path) -> None:
        # Not by savez, which leaves open how large an array is: 3.11.2 and 3.11.7 then write other headers.
        with zipfile.ZipFile(partial, "w") as archive:
            for name, array in arrays.items():
                content = io.BytesIO()
                np.save(content, array, allow_pickle=False)
                archive.writestr(zipfile.ZipInfo(f"{name}.npy"), content.getvalue())

    write_file(file, write)


def load_detector(file: Path, checkpoint: str) -> OodDetector:
    """Read what `save` wrote. Raises InputError where it is missing, damaged or not of the network `checkpoint`."""
    try:
        with np.load(file, allow_pickle=False) as arrays:
            mean, deviation, known = (
                arrays[name].astype(np.float32, casting="no") for name in ("mean", "deviation", "known")
            )
            learnt = OodDetector(mean, deviation, known, float(arrays["limit"]), str(arrays["checkpoint"]))
    except FileNotFoundError:
        raise InputError(f"{file}: not found; run `dvc repro fit_ood` to make it") from None
    except UNREADABLE as error:
        raise InputError(f"{file}: not what fit_ood wrote ({' '.join(str(error).split())[:120]}); {AGAIN}") from None
    if learnt.checkpoint != checkpoint:
        raise InputError(f"{file}: belongs to another network (its SHA-256 is not the checkpoint's); {AGAIN}")
    if learnt.known.ndim != 2 or not {learnt.mean.shape, learnt.deviation.shape} == {learnt.known.shape[1:]}:
        raise InputError(f"{file}: its arrays do not fit each other; {AGAIN}")
    return learnt


def _features_of(net: nn.Sequential, subset: Subset) -> Tensor:
    return torch.cat(list(_in_batches(net, subset)))


def _in_batches(net: nn.Sequential, subset: Subset) -> Iterator[Tensor]:
    for start in range(0, len(subset), inference.BATCH):
        images, _ = inference.batch(subset, slice(start, start + inference.BATCH), torch.device("cpu"))
        yield features(inference.responses(net, images))


def _standard(values: Tensor, mean: NDArray[np.float32], deviation: NDArray[np.float32]) -> Tensor:
    return (values - torch.from_numpy(mean)) / torch.from_numpy(deviation)


def _nearest(points: Tensor, known: Tensor, rank: int) -> Tensor:
    """The distance of each point to the nearest known, or to that of the given rank."""
    # The quicker way by products of matrices loses the small differences.
    distances = torch.cdist(points, known, compute_mode="donot_use_mm_for_euclid_dist")
    return distances.kthvalue(rank, dim=1).values
