"""Runs a network over a packed subset."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from stages.images import Subset


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


def score(net: nn.Module, subset: Subset, batch_size: int) -> tuple[float | None, float | None]:
    """Mean cross entropy and accuracy on `subset` with 6 decimals, or None for both where it is empty."""
    if not len(subset):
        return None, None
    logits = logits_of(net, subset, batch_size)
    labels = torch.from_numpy(subset.labels.copy())
    loss = functional.cross_entropy(logits, labels).item()
    accuracy = (logits.argmax(1) == labels).double().mean().item()
    return round(loss, 6), round(accuracy, 6)
