"""Pooling: what it gains and what it loses, for four networks that differ in nothing else but what follows from it.

python -m concepts.pooling --figures docs/concepts
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from concepts import lessons
from crosscheck.core import cli
from crosscheck.data.dataset import Subset
from crosscheck.explain import receptive_fields
from crosscheck.network import inference, model, shapes
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.reporting import style

SIZE, CHANNELS, HIDDEN = 32, 8, [16]
TRAIN, TEST, EPOCHS = 300, 200, 20
SHIFTS = (0, 2, 4)
SEEDS = range(3)
POOLS = ("none", "max", "avg", "stride")
# As in the pictures of the study, where max pooling is the first variant that is compared, and no pooling the last.
LOOKS = {
    pool: (style.CLASS_COLORS[at], style.CLASS_MARKS[at]) for at, pool in enumerate(("max", "avg", "stride", "none"))
}


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    train, test = lessons.symbols(TRAIN, 1, SIZE), lessons.symbols(TEST, 2, SIZE)
    numbers = {
        "size": SIZE, "channels": CHANNELS, "hidden": HIDDEN[0], "train": TRAIN, "test": TEST, "epochs": EPOCHS,
        "seeds": len(SEEDS), "shifts": list(SHIFTS), "pools": {pool: measure_pool(pool, train, test) for pool in POOLS},
    }  # fmt: skip
    style.save(draw(numbers), figures / "pooling.png")
    lessons.write(figures, "pooling", numbers)


def measure_pool(pool: str, train: Subset, test: Subset) -> dict[str, Any]:
    """Sizes, receptive field, and over the seeds: accuracy by shift, and how alike the maps of shifted images are."""
    wanted = lessons.network(channels=CHANNELS, further_channels=[CHANNELS], pool=pool, hidden=HIDDEN)
    described = lessons.data_set(SIZE)
    nets = [
        lessons.trained(
            lambda: model.build(wanted, described), train, lessons.recipe(epochs=EPOCHS, seed=seed, lr=0.003)
        )
        for seed in SEEDS
    ]
    side = shapes.map_size(wanted, SIZE, SIZE)[0]
    last = receptive_fields.list_layers(Checkpoint(nets[0], wanted, described))[1]
    return {
        "side": side,
        "values": CHANNELS * side * side,
        "parameters": model.parameter_count(nets[0]),
        "field": last.height,
        "likeness": lessons.summary([likeness(net, test) for net in nets]),
        "accuracy_by_shift": [
            lessons.summary([lessons.shift_accuracy(net, test, by) for net in nets]) for by in SHIFTS
        ],
    }


def likeness(net: torch.nn.Sequential, test: Subset) -> float:
    """Mean cosine similarity of the last maps before and after a shift by 1 px, less what they are on blank paper."""
    few = Subset(test.images[:50], test.labels[:50])
    moved = lessons.shifted(few, 1, 0)
    blank = np.full_like(few.images[:1], lessons.PAPER)
    maps = [last_maps(net, images) for images in (few.images, moved.images, blank)]
    before, after = maps[0] - maps[2], maps[1] - maps[2]
    return float(torch.nn.functional.cosine_similarity(before, after, dim=1).mean())


def last_maps(net: torch.nn.Sequential, images: np.ndarray) -> torch.Tensor:
    """What the second block gives, float32 (n, values)."""
    pixels = torch.from_numpy(images.transpose(0, 3, 1, 2).copy())
    return next(values for name, values in inference.outputs(net, pixels) if name == "block2").flatten(1)


def draw(numbers: dict[str, Any]) -> Figure:
    """Values kept, and accuracy by shift."""
    figure = style.new_figure((9, 3.6))
    figure.suptitle(f"Four ways through two convolutions, {SIZE} x {SIZE} px images", fontsize=11)
    left, right = figure.subplots(1, 2, width_ratios=[1, 1.6])
    found = numbers["pools"]
    values = [found[pool]["values"] for pool in POOLS]
    left.bar(POOLS, values, color=[LOOKS[pool][0] for pool in POOLS])
    for place, pool in enumerate(POOLS):
        text = f"{values[place]:,}\nsees {found[pool]['field']} px"
        left.annotate(text, (place, values[place]), (0, 3), textcoords="offset points", ha="center", fontsize=8)
    left.set_ylim(0, max(values) * 1.2)
    left.set_ylabel("values left after two convolutions")
    for pool in POOLS:
        color, marker = LOOKS[pool]
        rows = found[pool]["accuracy_by_shift"]
        right.plot(SHIFTS, [row["mean"] for row in rows], color=color, marker=marker, label=pool)
        low, high = ([row[end] for row in rows] for end in ("lowest", "highest"))
        right.fill_between(SHIFTS, low, high, color=color, alpha=0.15, linewidth=0)
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
