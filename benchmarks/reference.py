"""The original coursework's script, for comparison: every image is decoded again in every epoch, by one process.

    python -m benchmarks.reference --images FOLDER --network base --epochs 10 --pictures FOLDER

`images` holds `train` and `test` with a folder for each class. It is written as the coursework was, without any of
this project's modules; docs/results.md has the experiments. Prints one line of JSON.
"""

import argparse
import json
import statistics
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision import datasets, transforms

from benchmarks.memory import peaks

NETWORKS = {
    "base": ([9, 5], True, 27 * 27 * 5, [1200, 64]),
    "channels_18": ([18, 5], True, 27 * 27 * 5, [1200, 64]),
    "three_conv": ([9, 5, 5], True, 12 * 12 * 5, [480, 320]),
    "no_pool": ([9, 5], False, 112 * 112 * 5, [4000, 2400]),
}
PREPARE = transforms.Compose([transforms.ToTensor(), transforms.Grayscale()])


def network(name: str) -> nn.Sequential:
    """Convolution, ReLU, pooling, as often as there are channels; then two hidden layers and two classes."""
    channels, pooled, flattened, hidden = NETWORKS[name]
    layers: list[nn.Module] = []
    inputs = 1
    for outputs in channels:
        layers += [nn.Conv2d(inputs, outputs, 3), nn.ReLU()]
        if pooled:
            layers.append(nn.MaxPool2d(2, 2))
        inputs = outputs
    layers.append(nn.Flatten())
    inputs = flattened
    for outputs in hidden:
        layers += [nn.Linear(inputs, outputs), nn.ReLU()]
        inputs = outputs
    return nn.Sequential(*layers, nn.Linear(inputs, 2))


def main() -> None:
    asked = arguments()
    torch.manual_seed(asked.seed)
    train = datasets.ImageFolder(asked.images / "train", PREPARE)
    test = datasets.ImageFolder(asked.images / "test", PREPARE)
    net = network(asked.network)
    seconds: list[float] = []
    losses: list[float] = []
    accuracies: list[float] = []
    while len(seconds) < asked.epochs and max(accuracies, default=0.0) < asked.until:
        began = time.perf_counter()
        steps = train_epoch(net, DataLoader(train, batch_size=64, shuffle=True), asked.lr)
        seconds.append(time.perf_counter() - began)
        losses.append(statistics.fmean(steps))
        if asked.until <= 1 or len(seconds) == asked.epochs:
            accuracies.append(accuracy(net, DataLoader(test, batch_size=64)))
    if asked.pictures:
        save_all(net, train, test, asked.pictures)
    print(json.dumps({"epoch_seconds": seconds, "train_loss": losses, "test_accuracy": accuracies, **peaks()}))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=Path, required=True)
    parser.add_argument("--network", choices=NETWORKS, default="base")
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=0.1)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--until", type=float, default=2.0, help="stop at this test accuracy, looked at every epoch")
    parser.add_argument("--pictures", type=Path, help="where to save pictures, model and weights")
    return parser.parse_args()


def train_epoch(net: nn.Module, loader: Iterable[Any], lr: float) -> list[float]:
    """The loss of each step."""
    loss_function = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    losses = []
    net.train()
    for images, labels in loader:
        outputs = net(images)
        loss = loss_function(outputs, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def accuracy(net: nn.Module, loader: DataLoader[Any]) -> float:
    net.eval()
    right = total = 0
    with torch.no_grad():
        for images, labels in loader:
            right += int((net(images).argmax(1) == labels).sum())
            total += len(labels)
    return right / total


def save_all(net: nn.Sequential, train: datasets.ImageFolder, test: datasets.ImageFolder, folder: Path) -> None:
    """The pictures of the coursework; the model and its weights."""
    folder.mkdir(parents=True, exist_ok=True)
    for label, name in enumerate(train.classes):
        rows = [row for row, target in enumerate(train.targets) if target == label][:5]
        grid([train[row][0][0] for row in rows], 5, folder / f"samples_{name}.png")
    convolutions = [layer for layer in net if isinstance(layer, nn.Conv2d)]
    for number, convolution in enumerate(convolutions, start=1):
        kernels = convolution.weight.detach().flatten(0, 1)
        grid(list(kernels), convolution.in_channels if number > 1 else 3, folder / f"kernels_{number}.png")
    image, label = test[0]
    maps = image[None]
    with torch.no_grad():
        for number, layer in enumerate(net):
            maps = layer(maps)
            if isinstance(layer, nn.Conv2d | nn.ReLU | nn.MaxPool2d) and maps.dim() == 4:
                grid(list(maps[0]), 3, folder / f"maps_{number}_{type(layer).__name__}.png")
    grid([image[0]], 1, folder / "prediction.png", f"{test.classes[label]}, predicted {test.classes[maps.argmax()]}")
    torch.save(net, folder / "model.pt")
    torch.save(net.state_dict(), folder / "weights.pt")


def grid(pictures: list[torch.Tensor], columns: int, file: Path, title: str = "") -> None:
    rows = -(-len(pictures) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2 * columns, 2 * rows), squeeze=False)
    for axis in np.ravel(axes):
        axis.axis("off")
    for axis, picture in zip(np.ravel(axes), pictures, strict=False):
        axis.imshow(picture, cmap="gray")
    figure.suptitle(title)
    figure.savefig(file, dpi=120)
    plt.close(figure)


if __name__ == "__main__":
    main()
