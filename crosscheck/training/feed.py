"""Hands a training its batches: on a GPU from the GPU's own memory, where the images fit into it."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crosscheck.data.dataset import Subset
from crosscheck.network.inference import batch

# Of the free memory, so that network, gradients and maps have room.
LARGEST_SHARE = 0.5


class Feed:
    """Batches of `subset` on `device`.

    `resident`: images (n, height, width, channels) of the subset's type, and labels, int64 (n,), both on the device;
    None where the batches come from the array's file, one after the other.
    """

    def __init__(self, subset: Subset, device: torch.device) -> None:
        self.subset, self.device = subset, device
        self.resident = copy_to(subset, device) if _fits(subset, device) else None

    def batch(self, rows: NDArray[np.int64]) -> tuple[Tensor, Tensor]:
        """As `inference.batch`: the images of `rows`, (k, channels, height, width), channels last, and their labels."""
        if self.resident is None:
            return batch(self.subset, rows, self.device)
        images, labels = self.resident
        at = torch.from_numpy(rows).to(self.device)
        return images[at].permute(0, 3, 1, 2), labels[at]


def copy_to(subset: Subset, device: torch.device) -> tuple[Tensor, Tensor]:
    """Images and labels of `subset` on `device`, as `Feed.resident` holds them."""
    # The array is mapped for reading only, which torch warns of.
    images = torch.empty(subset.images.shape, dtype=torch.from_numpy(subset.images[:0].copy()).dtype, device=device)
    for start in range(0, len(subset), 4096):
        part = slice(start, start + 4096)
        images[part] = torch.from_numpy(np.array(subset.images[part])).to(device)
    return images, torch.from_numpy(np.array(subset.labels)).to(device)


def _fits(subset: Subset, device: torch.device) -> bool:
    if device.type != "cuda":
        return False
    free, _ = torch.cuda.mem_get_info(device)
    return subset.images.nbytes <= LARGEST_SHARE * free
