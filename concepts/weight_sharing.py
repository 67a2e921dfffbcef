"""Local connectivity and weight sharing: three layers with the same output, and what they do with shifted images.

    python -m concepts.weight_sharing --figures docs/concepts

A dense layer, a layer whose values each see 3 x 3 px through their own weights, and a convolution. What follows
them is the same: ReLU, the mean of each channel, one weight per channel and class.
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from torch import Tensor, nn
from torch.nn import functional

from concepts import lessons
from crosscheck.core import cli
from crosscheck.core.params import TrainParams
from crosscheck.network import model
from crosscheck.reporting import style

SIZE, CHANNELS, KERNEL = 29, 4, 3
OUT = SIZE - KERNEL + 1
TRAIN, TEST, EPOCHS = 300, 200, 60
SHIFTS = range(5)
SEEDS = range(3)


class Dense(nn.Module):
    """Each of the values sees every pixel."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(SIZE * SIZE, CHANNELS * OUT * OUT)

    def forward(self, images: Tensor) -> Tensor:
        values: Tensor = self.linear(images.flatten(1))
        return values.view(-1, CHANNELS, OUT, OUT)


class Local(nn.Module):
    """Each of the values sees 3 x 3 px, through its own nine weights and bias."""

    def __init__(self) -> None:
        super().__init__()
        bound = 1 / KERNEL
        self.weight = nn.Parameter(torch.empty(CHANNELS, KERNEL * KERNEL, OUT * OUT).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(CHANNELS, OUT * OUT).uniform_(-bound, bound))

    def forward(self, images: Tensor) -> Tensor:
        patches = functional.unfold(images, KERNEL)
        values = torch.einsum("nkp,ckp->ncp", patches, self.weight) + self.bias
        return values.view(-1, CHANNELS, OUT, OUT)


LAYERS: dict[str, Callable[[], nn.Module]] = {
    "dense": Dense,
    "local": Local,
    "convolution": lambda: nn.Conv2d(1, CHANNELS, KERNEL),
}
COLORS = dict(zip(LAYERS, (style.VERMILION, style.GREEN, style.BLUE), strict=True))


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    train, test = lessons.symbols(TRAIN, 1, SIZE), lessons.symbols(TEST, 2, SIZE)
    found: dict[str, dict[str, Any]] = {}
    for name, layer in LAYERS.items():
        nets = [lessons.trained(partial(network, layer), train, recipe(seed)) for seed in SEEDS]
        found[name] = {
            "parameters": model.parameter_count(layer()),
            "accuracy_by_shift": [
                lessons.summary([lessons.shift_accuracy(net, test, by) for net in nets]) for by in SHIFTS
            ],
        }
    numbers = {
        "size": SIZE, "channels": CHANNELS, "out": OUT, "values": CHANNELS * OUT * OUT, "train": TRAIN, "test": TEST,
        "epochs": EPOCHS, "seeds": len(SEEDS), "shifts": list(SHIFTS), "layers": found,
    }  # fmt: skip
    style.save(draw(numbers), figures / "weight_sharing.png")
    lessons.write(figures, "weight_sharing", numbers)


def recipe(seed: int) -> TrainParams:
    # A larger rate than in other lessons, since forty weights learn slowly.
    return lessons.recipe(epochs=EPOCHS, seed=seed, lr=0.03)


def network(layer: Callable[[], nn.Module]) -> nn.Sequential:
    """The layer under test, and the same behind it for all."""
    scale = model.Scale(lessons.network(), 1)
    parts = OrderedDict(scale=scale, layer=layer(), activation=nn.ReLU(), average=model.Average())
    return nn.Sequential(OrderedDict(parts, classify=nn.Linear(CHANNELS, len(lessons.CLASSES))))


def draw(numbers: dict[str, Any]) -> Figure:
    """Parameters of each layer, and accuracy by shift."""
    found = numbers["layers"]
    figure = style.new_figure((9, 3.6))
    figure.suptitle(f"Three layers with the same {numbers['values']:,} outputs, {SIZE} x {SIZE} px images", fontsize=11)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
    counts = [found[name]["parameters"] for name in LAYERS]
    left.bar(list(LAYERS), counts, color=[COLORS[name] for name in LAYERS])
    left.set_yscale("log")
    left.set_ylim(10, max(counts) * 8)
    left.set_ylabel("weights and biases of the layer")
    for place, count in enumerate(counts):
        left.annotate(f"{count:,}", (place, count), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    for name in LAYERS:
        rows = found[name]["accuracy_by_shift"]
        mean = [row["mean"] for row in rows]
        right.plot(list(SHIFTS), mean, color=COLORS[name], marker="os^"[list(LAYERS).index(name)], label=name)
        low, high = ([row[end] for row in rows] for end in ("lowest", "highest"))
        right.fill_between(list(SHIFTS), low, high, color=COLORS[name], alpha=0.2, linewidth=0)
    right.axhline(0.5, color=style.GREY, linestyle=":", label="guessing")
    right.set_xticks(SHIFTS)
    right.set_xlabel("test images moved by (px)")
    right.set_ylabel(f"accuracy, n = {TEST} test images")
    right.set_title(f"mean of {len(SEEDS)} seeds; band: lowest to highest", fontsize=9)
    right.yaxis.set_major_formatter(PercentFormatter(1))
    right.legend(frameon=False, fontsize=8)
    right.grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    cli.run(main)
