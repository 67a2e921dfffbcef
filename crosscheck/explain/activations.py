"""How the channels of each layer respond to images: how strongly, where, to which class, and whether at all."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crosscheck.data.dataset import Subset, first_of_each_class
from crosscheck.explain.receptive_fields import Layer
from crosscheck.network.inference import batch, outputs

# A class excites a channel most where its mean response is this much above that of any other.
CLEAR_LEAD = 1.05


@dataclass(frozen=True)
class Response:
    """The channels of one layer over n images.

    `shape`: height and width of a channel's map, or (1, 1); `peak` and `mean`, float32 (n, channels): the largest and
    the mean value of the map; `place`, int64 (n, channels, 2): row and column of the peak; `zeros`: share of the
    values that are 0; `dead`, bool (channels,): 0 in every place of every image.
    """

    layer: Layer
    shape: tuple[int, int]
    peak: NDArray[np.float32]
    mean: NDArray[np.float32]
    place: NDArray[np.int64]
    zeros: float
    dead: NDArray[np.bool_]

    @property
    def channels(self) -> int:
        return len(self.dead)

    def favourites(self, labels: NDArray[np.int64]) -> NDArray[np.int64]:
        """The class that excites each channel most, int64 (channels,); -1 where none leads clearly or it is dead."""
        means = np.stack([self.mean[labels == label].mean(axis=0) for label in np.unique(labels)])
        order = np.sort(means, axis=0)
        clear = (order[-1] > 0) & (order[-1] >= CLEAR_LEAD * order[-2]) & ~self.dead
        return np.where(clear, np.unique(labels)[means.argmax(axis=0)], -1)

    def drawn(self, most: int) -> NDArray[np.int64]:
        """The channels to draw: the first `most` of maps; of single values, those that vary most over the images."""
        if self.layer.step:
            return np.arange(min(most, self.channels))
        chosen = np.argsort(-self.peak.std(axis=0, dtype=np.float64), kind="stable")[:most]
        return np.sort(chosen)


def sample(subset: Subset, count: int, classes: int) -> Subset:
    """About `count` images of `subset` in equal shares of its classes, never more."""
    if len(subset) <= count:
        return subset
    some = first_of_each_class(subset, max(1, count // classes))
    rows = np.unique(np.linspace(0, len(some) - 1, min(count, len(some))).astype(np.int64))
    return Subset(some.images[rows], some.labels[rows])


def take_first_classes(subset: Subset, count: int) -> Subset:
    """The images of the first `count` classes."""
    rows = np.flatnonzero(subset.labels < count)
    return Subset(subset.images[rows], subset.labels[rows])


def one_of_each_class(subset: Subset) -> Subset:
    """The first image of each class, in the order of the classes."""
    some = first_of_each_class(subset, 1)
    order = np.argsort(some.labels)
    return Subset(some.images[order], some.labels[order])


def find_responses(net: nn.Sequential, layers: list[Layer], subset: Subset, batch_size: int) -> list[Response]:
    """How each of `layers` responds to the images of `subset`."""
    parts: dict[str, list[_Part]] = {layer.name: [] for layer in layers}
    for start in range(0, len(subset), batch_size):
        images, _ = batch(subset, slice(start, start + batch_size), torch.device("cpu"))
        for name, values in outputs(net, images):
            if name in parts:
                parts[name].append(_part(values))
    return [_joined(layer, parts[layer.name]) for layer in layers]


@dataclass(frozen=True)
class _Part:
    shape: tuple[int, int]
    peak: NDArray[np.float32]
    mean: NDArray[np.float32]
    place: NDArray[np.int64]
    zeros: NDArray[np.float32]


def _part(values: torch.Tensor) -> _Part:
    maps = values if values.ndim == 4 else values[:, :, None, None]
    height, width = maps.shape[2:]
    flat = maps.flatten(2)
    peak, index = flat.max(dim=2)
    place = torch.stack([index // width, index % width], dim=2)
    zeros = (flat == 0).float().mean(dim=2)
    return _Part((height, width), peak.numpy(), flat.mean(dim=2).numpy(), place.numpy(), zeros.numpy())


def _joined(layer: Layer, parts: list[_Part]) -> Response:
    zeros = np.concatenate([part.zeros for part in parts])
    return Response(
        layer,
        parts[0].shape,
        np.concatenate([part.peak for part in parts]),
        np.concatenate([part.mean for part in parts]),
        np.concatenate([part.place for part in parts]),
        float(zeros.mean(dtype=np.float64)),
        np.asarray((zeros == 1).all(axis=0)),
    )


def patches(response: Response, subset: Subset, channel: int, count: int) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """What excites `channel` most: its receptive field in the `count` images with the highest peaks, and the peaks.

    At most one patch of an image, uint8 (height, width, channels).
    """
    layer = response.layer
    strongest = np.argsort(-response.peak[:, channel], kind="stable")[:count]
    for row in strongest:
        top, left = response.place[row, channel] * layer.step
        patch = subset.images[row, top : top + layer.height, left : left + layer.width]
        yield np.asarray(patch), float(response.peak[row, channel])
