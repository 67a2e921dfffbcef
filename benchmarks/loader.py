"""The loop that most scripts have: a DataLoader that decodes every file again in every epoch, on any device."""

from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, Dataset


class Files(Dataset[tuple[Tensor, int]]):
    """The BMP files in the class folders of `root`: float32 (1, height, width) from 0 to 1, and the label."""

    def __init__(self, root: Path) -> None:
        self.known = [
            (file, label) for label, folder in enumerate(sorted(root.iterdir())) for file in sorted(folder.iterdir())
        ]

    def __len__(self) -> int:
        return len(self.known)

    def __getitem__(self, at: int) -> tuple[Tensor, int]:
        file, label = self.known[at]
        with Image.open(file) as image:
            return torch.from_numpy(np.array(image.convert("L"), dtype=np.float32) / 255)[None], label


def run_epoch(net: nn.Module, files: Files, batch_size: int, rate: float, device: torch.device) -> float:
    """Train `net`, whose first layer divides by 255, for an epoch of plain SGD; return the mean training loss."""
    optimizer = torch.optim.SGD(net.parameters(), lr=rate)
    net.train()
    total = 0.0
    for images, labels in DataLoader(files, batch_size=batch_size, shuffle=True):
        optimizer.zero_grad()
        loss = functional.cross_entropy(net((255 * images).to(device)), labels.to(device))
        torch.autograd.backward(loss)
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(files)
