"""From class map to pixels: a fully convolutional network that labels every pixel of a board of noughts and crosses.

    python -m concepts.pixels --figures docs/concepts

The network of the class map is upsampled by transposed convolutions, and joined with earlier maps or not (Long et al.,
CVPR 2015). Writes pixels.json and a picture; a few minutes on one core.
"""

from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import lr_scheduler

from concepts import board, class_map, lessons
from crosscheck.core import cli
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.reporting import style
from crosscheck.training.optimizers import build_optimizer

CLASSES = [*lessons.CLASSES, "neither"]
BLOCKS = len(class_map.CHANNELS)
# Blocks whose maps join in, by the name of the network.
JOINS: dict[str, tuple[int, ...]] = {"no joins": (), "blocks 4 and 3": (4, 3), "blocks 4 to 1": (4, 3, 2, 1)}
# Paper around a board, so that maps without padding reach its edge.
MARGIN = 64
BOARDS_TO_LEARN, BOARDS_TO_TEST = range(3000, 3080), range(4000, 4030)
EPOCHS, BATCH = 24, 4


class PixelNetwork(nn.Module):
    """The blocks of a trained class-map network, a score for each class on each joined map, and steps of upsampling.

    Takes uint8 (n, 1, height, width); gives logits, float (n, classes, rows, columns), a value for each pixel from
    (`first`, `first`) on. A step is a transposed convolution that doubles the resolution; it begins as bilinear
    interpolation. A map without padding lies half a step inside the one before, which fixes how they are aligned.
    """

    def __init__(self, trained: Checkpoint, joins: Sequence[int]) -> None:
        super().__init__()
        # Each network trains on from here.
        net = deepcopy(trained.net)
        self.scale = net.get_submodule("scale")
        self.blocks = nn.ModuleList(net.get_submodule(f"block{number}") for number in range(1, BLOCKS + 1))
        classes = len(CLASSES)
        self.classify = net.get_submodule("classify")
        self.scores = nn.ModuleDict(
            {str(number): nn.Conv2d(class_map.CHANNELS[number - 1], classes, 1) for number in joins}
        )
        self.steps = nn.ModuleList(doubling(classes) for _ in range(BLOCKS))
        for score in self.scores.values():
            # What joins in begins at nothing, so that training starts from the class map.
            nn.init.zeros_(score.weight)  # type: ignore[arg-type]
            nn.init.zeros_(score.bias)  # type: ignore[arg-type]

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.scale(images)
        maps: list[Tensor] = []
        for block in self.blocks:
            values = block(values)
            maps.append(values)
        logits: Tensor = self.classify(values)
        start = first_pixel(BLOCKS)
        for number, step in zip(range(BLOCKS - 1, -1, -1), self.steps, strict=True):
            logits = step(logits)
            start -= 2**number / 2
            if str(number) in self.scores:
                skip = round((start - first_pixel(number)) / 2**number)
                joined = self.scores[str(number)](maps[number - 1])
                logits = logits + joined[:, :, skip : skip + logits.shape[2], skip : skip + logits.shape[3]]
        return logits


def first_pixel(block: int) -> float:
    """The pixel, from 0, in the middle of what the first value of this block's map sees; 0 for the image itself."""
    middle = 0.0
    for number in range(block):
        # A 3 x 3 convolution moves it by one value of the map before, pooling by a half.
        middle += 1.5 * 2**number
    return middle


def last_first() -> int:
    """The pixel that the first logit stands for."""
    # Each step of upsampling begins a quarter of the coarser step earlier.
    earlier: float = sum(2**number / 2 for number in range(BLOCKS))
    return round(first_pixel(BLOCKS) - earlier)


def doubling(classes: int) -> nn.ConvTranspose2d:
    """A transposed convolution from a map to one of twice its resolution, at first bilinear and class by class."""
    step = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1, bias=False)
    line = torch.tensor([0.25, 0.75, 0.75, 0.25])
    with torch.no_grad():
        step.weight.zero_()
        for index in range(classes):
            step.weight[index, index] = torch.outer(line, line)
    return step


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    trained = class_map.learn(True)
    nets, found = {}, {}
    for name, joins in JOINS.items():
        net = PixelNetwork(trained, joins)
        nets[name] = learn(net)
        found[name] = {"parameters": model.parameter_count(net), **measure(net, BOARDS_TO_TEST)}
    numbers = {
        "boards_to_learn": len(BOARDS_TO_LEARN), "boards": len(BOARDS_TO_TEST), "epochs": EPOCHS,
        "board_px": board.draw(0)[0].shape[0], "classes": len(CLASSES), "kernel": 4, "networks": found,
        "shares": measure_shares(BOARDS_TO_TEST),
        "steps": [2**number for number in range(BLOCKS + 1)],
        "class_map_parameters": model.parameter_count(trained.net),
        "join_parameters": found["blocks 4 to 1"]["parameters"] - found["no joins"]["parameters"],
    }  # fmt: skip
    style.save(draw(nets, numbers, BOARDS_TO_TEST[0]), figures / "pixels.png")
    lessons.write(figures, "pixels", numbers)


def prepare(seeds: Sequence[int]) -> tuple[Tensor, Tensor]:
    """Boards with paper around them, uint8 (n, 1, height, width), and the class of each pixel of the boards."""
    drawn = [board.draw_labelled(seed) for seed in seeds]
    inks = np.pad(np.stack([ink for ink, _, _ in drawn]), ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN)))
    images = np.where(inks, lessons.INK, lessons.PAPER).astype(np.uint8)[:, None]
    return torch.from_numpy(images), torch.from_numpy(np.stack([labels for _, labels, _ in drawn]))


def cut(logits: Tensor, side: int) -> Tensor:
    """The logits of the board alone, without the paper around it."""
    start = MARGIN - last_first()
    return logits[:, :, start : start + side, start : start + side]


def learn(net: PixelNetwork) -> PixelNetwork:
    """Train all weights on boards, by the cross entropy over pixels.

    Few pixels have ink, so a class counts by one over the root of its share: by all it would always be `neither`.
    """
    torch.manual_seed(0)
    wanted = lessons.recipe(epochs=EPOCHS, batch_size=BATCH)
    images, labels = prepare(BOARDS_TO_LEARN)
    shares = torch.bincount(labels.flatten(), minlength=len(CLASSES)) / labels.numel()
    optimizer = build_optimizer(net, wanted)
    steps = EPOCHS * len(images) // BATCH
    schedule = lr_scheduler.OneCycleLR(optimizer, max_lr=wanted.lr, total_steps=steps)
    net.train()
    for _ in range(EPOCHS):
        for rows in torch.split(torch.randperm(len(images)), BATCH):
            optimizer.zero_grad()
            loss = functional.cross_entropy(cut(net(images[rows]), labels.shape[1]), labels[rows], shares.rsqrt())
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
    return net.eval()


def label(net: PixelNetwork, seeds: Sequence[int]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The class that the network gives each pixel of the boards, and the true one, both int64 (n, side, side)."""
    images, labels = prepare(seeds)
    with torch.inference_mode():
        answers = torch.cat([cut(net(each), labels.shape[1]).argmax(1) for each in torch.split(images, BATCH)])
    return answers.numpy(), labels.numpy()


def measure(net: PixelNetwork, seeds: Sequence[int]) -> dict[str, Any]:
    """Intersection over union of each class and their mean, and the share of pixels that are right."""
    answers, labels = label(net, seeds)
    each = {name: round(overlap(answers == kind, labels == kind), 6) for kind, name in enumerate(CLASSES)}
    mean = round(float(np.mean(list(each.values()))), 6)
    return {"iou": each, "mean_iou": mean, "pixels_right": round(float((answers == labels).mean()), 6)}


def overlap(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> float:
    """Intersection over union: how many pixels both have, as a share of those that either has; 1 where none has any."""
    union = int((one | other).sum())
    return int((one & other).sum()) / union if union else 1.0


def measure_shares(seeds: Sequence[int]) -> dict[str, float]:
    """The share of each class among all pixels: what one gets right by always saying `neither`."""
    labels = prepare(seeds)[1].numpy()
    return {name: round(float((labels == kind).mean()), 6) for kind, name in enumerate(CLASSES)}


def draw(nets: dict[str, PixelNetwork], numbers: dict[str, Any], seed: int) -> Figure:
    """A board, the truth, and what each network says of its pixels."""
    ink, labels, _ = board.draw_labelled(seed)
    figure = style.new_figure((3 * (2 + len(nets)), 3.7))
    axes = figure.subplots(1, 2 + len(nets))
    colors = np.array([to_rgb(color) for color in (style.BLUE, style.VERMILION, "white")])
    axes[0].imshow(~ink, cmap=style.colormap("gray"), vmin=0, vmax=1)
    axes[0].set_title("the board", fontsize=10)
    axes[1].imshow(colors[labels])
    axes[1].set_title("true: circles blue, crosses red", fontsize=10)
    for axis, (name, net) in zip(axes[2:], nets.items(), strict=True):
        axis.imshow(colors[label(net, [seed])[0][0]])
        axis.set_title(f"{name}: mean IoU {numbers['networks'][name]['mean_iou']:.2f}", fontsize=10)
    for axis in axes:
        axis.set_xlabel("px")
    axes[0].set_ylabel("px")
    figure.suptitle(f"What each pixel is; the scores are those of n = {numbers['boards']} boards", fontsize=11)
    return figure


if __name__ == "__main__":
    cli.run(main)
