"""Runs a network over a packed subset."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from crosscheck.data.dataset import Subset
from crosscheck.training.distributed import ALONE, Group


def batch(subset: Subset, rows: NDArray[Any] | slice, device: torch.device) -> tuple[Tensor, Tensor]:
    """The images of `rows` as uint8 (n, channels, height, width), channels last in memory, and their labels."""
    images = torch.from_numpy(np.array(subset.images[rows])).permute(0, 3, 1, 2)
    labels = torch.from_numpy(np.array(subset.labels[rows]))
    return images.to(device), labels.to(device)


def logits_of(net: nn.Module, subset: Subset, batch_size: int) -> Tensor:
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
    values: dict[str, Tensor] = {}
    net.eval()
    with torch.inference_mode():
        for name, layer in net.named_children():
            images = values[name] = layer(images)
    return values


def score(net: nn.Module, subset: Subset, batch_size: int, group: Group = ALONE) -> tuple[float | None, float | None]:
    """Mean cross entropy and accuracy on `subset` with 6 decimals, or None for both where it is empty.

    Each process of `group` scores a share of the images.
    """
    if not len(subset):
        return None, None
    mine = group.share(len(subset))
    part = Subset(subset.images[mine], subset.labels[mine])
    loss, right = _mean_loss_and_right(net, part, batch_size) if len(part) else (0.0, 0)
    loss_sum, all_right = group.sums(loss * len(part), right)
    return round(loss_sum / len(subset), 6), round(all_right / len(subset), 6)


def _mean_loss_and_right(net: nn.Module, subset: Subset, batch_size: int) -> tuple[float, int]:
    logits = logits_of(net, subset, batch_size)
    labels = torch.from_numpy(subset.labels.copy())
    return functional.cross_entropy(logits, labels).item(), int((logits.argmax(1) == labels).sum())
