"""Runs a network over a packed subset."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from crosscheck.data.dataset import Subset

# Images in a forward pass, where no parameter says how many.
BATCH = 64


def batch(subset: Subset, rows: NDArray[Any] | slice, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images of `rows` as uint8 (n, channels, height, width), channels last in memory, and their labels."""
    images = torch.from_numpy(np.array(subset.images[rows])).permute(0, 3, 1, 2)
    labels = torch.from_numpy(np.array(subset.labels[rows]))
    return images.to(device), labels.to(device)


def compute_logits(net: nn.Module, subset: Subset, batch_size: int) -> Tensor:
    """The logits of every image in order, float (n, classes), on the CPU."""
    device = next(net.parameters()).device
    net.eval()
    with torch.inference_mode():
        parts = [
            net(batch(subset, slice(start, start + batch_size), device)[0]).cpu()
            for start in range(0, len(subset), batch_size)
        ]
    return torch.cat(parts)


def responses(net: nn.Sequential, images: Tensor) -> dict[str, Tensor]:
    """What each layer of the network, by its name and in order, makes of `images`; the last are the logits.

    `images`: uint8 (n, channels, height, width) on the network's device.
    """
    return dict(outputs(net, images))


def outputs(net: nn.Sequential, images: Tensor) -> Iterator[tuple[str, Tensor]]:
    """As `responses`, a layer at a time, so that those of many images need not all be in memory.

    A layer gives (n, channels, height, width) or (n, channels); the layer `scale` gives the image.
    """
    net.eval()
    values = images
    with torch.inference_mode():
        for name, child in net.named_children():
            values = child(values)
            yield name, values
