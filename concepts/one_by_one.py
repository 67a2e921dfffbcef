"""1 x 1 convolutions: a bottleneck that mixes channels cheaply, against the plain convolution that it replaces.

python -m concepts.one_by_one --figures docs/concepts
"""

from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from concepts import lessons
from crosscheck.core import cli
from crosscheck.core.params import TrainParams
from crosscheck.network import model
from crosscheck.reporting import style

SIZE, CHANNELS, NARROW = 32, 16, 4
TRAIN, TEST = 400, 300
# A training that is too short for the bottleneck, and one that is long enough for both.
EPOCHS = (12, 40)
SEEDS = range(3)


def plain() -> nn.Sequential:
    """One 3 x 3 convolution, as many channels out as in."""
    return nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3), nn.ReLU())


def bottleneck() -> nn.Sequential:
    """1 x 1 down to few channels, 3 x 3 among these, 1 x 1 up again: two more non-linearities, the same field."""
    return nn.Sequential(
        nn.Conv2d(CHANNELS, NARROW, 1), nn.ReLU(),
        nn.Conv2d(NARROW, NARROW, 3), nn.ReLU(),
        nn.Conv2d(NARROW, CHANNELS, 1), nn.ReLU(),
    )  # fmt: skip


BLOCKS: dict[str, Callable[[], nn.Sequential]] = {"plain": plain, "bottleneck": bottleneck}
COLORS = dict(zip(BLOCKS, (style.BLUE, style.VERMILION), strict=True))


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    train, test = lessons.symbols(TRAIN, 1, SIZE), lessons.symbols(TEST, 2, SIZE)
    found: dict[str, dict[str, Any]] = {}
    for name, block in BLOCKS.items():
        trained = [
            [lessons.trained(partial(network, block), train, recipe(epochs, seed)) for seed in SEEDS]
            for epochs in EPOCHS
        ]
        found[name] = {
            "parameters": model.parameter_count(block()),
            "multiply_adds": multiply_adds(block()),
            "accuracy_by_epochs": [lessons.summary([lessons.accuracy(net, test) for net in nets]) for nets in trained],
        }
    numbers = {
        "size": SIZE, "channels": CHANNELS, "narrow": NARROW, "map": SIZE // 2 - 1, "train": TRAIN, "test": TEST,
        "epochs": list(EPOCHS), "seeds": len(SEEDS), "blocks": found,
    }  # fmt: skip
    style.save(draw(numbers), figures / "one_by_one.png")
    lessons.write(figures, "one_by_one", numbers)


def recipe(epochs: int, seed: int) -> TrainParams:
    return lessons.recipe(epochs=epochs, seed=seed)


def network(block: Callable[[], nn.Sequential]) -> nn.Sequential:
    """A first convolution, two blocks of the kind under test with pooling, and the mean of each channel."""
    first = nn.Sequential(nn.Conv2d(1, CHANNELS, 3), nn.MaxPool2d(2), nn.ReLU())
    parts = OrderedDict(
        scale=model.Scale(lessons.network(), 1), first=first, second=block(), pool=nn.MaxPool2d(2), third=block(),
        average=model.Average(), classify=nn.Linear(CHANNELS, len(lessons.CLASSES)),
    )  # fmt: skip
    return nn.Sequential(parts)


def multiply_adds(block: nn.Sequential) -> int:
    """Multiply-adds of the block on one image's first maps; torch counts each as two operations."""
    side = SIZE // 2 - 1
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        block(torch.zeros(1, CHANNELS, side, side))
    return int(counter.get_total_flops()) // 2


def draw(numbers: dict[str, Any]) -> Figure:
    """Parameters, multiply-adds and accuracy, side by side."""
    found = numbers["blocks"]
    figure = style.new_figure((9, 3.3))
    figure.suptitle(
        f"{CHANNELS} channels in, {CHANNELS} out, on maps of {numbers['map']} x {numbers['map']} values", fontsize=11
    )
    axes = figure.subplots(1, 3)
    for axis, figure_name, label in zip(
        axes, ("parameters", "multiply_adds"), ("parameters", "multiply-adds"), strict=False
    ):
        values = [found[name][figure_name] for name in BLOCKS]
        axis.bar(list(BLOCKS), values, color=[COLORS[name] for name in BLOCKS])
        for place, value in enumerate(values):
            axis.annotate(f"{value:,}", (place, value), (0, 3), textcoords="offset points", ha="center", fontsize=9)
        axis.set_ylim(0, max(values) * 1.15)
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
        axis.set_ylabel(f"{label} of the block")
    for aside, name, marker in zip((-0.1, 0.1), BLOCKS, "os", strict=True):
        for place, each in enumerate(found[name]["accuracy_by_epochs"]):
            error = [[100 * (each["mean"] - each["lowest"])], [100 * (each["highest"] - each["mean"])]]
            look = {"color": COLORS[name], "marker": marker, "capsize": 6, "linestyle": "none"}
            axes[2].errorbar([place + aside], [100 * each["mean"]], error, **look, label=None if place else name)
    axes[2].set_xticks(range(len(EPOCHS)), [f"{epochs} epochs" for epochs in EPOCHS])
    axes[2].set_xlim(-0.6, len(EPOCHS) - 0.4)
    axes[2].set_ylim(top=101.5)
    axes[2].legend(frameon=False, fontsize=8, loc="lower right")
    axes[2].set_ylabel(f"accuracy (%), n = {TEST} test images")
    axes[2].set_title(f"mean and range of {len(SEEDS)} seeds", fontsize=9)
    axes[2].grid(alpha=0.3)
    return figure


if __name__ == "__main__":
    cli.run(main)
