"""Many channels in, many out: one value of a convolution, worked out by hand and checked against torch.

python -m concepts.channels --figures docs/concepts
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from concepts import lessons
from crosscheck.core import cli
from crosscheck.reporting import style

INPUTS, OUTPUTS, KERNEL, SIDE = 3, 4, 3, 5
OUTPUT, ROW, COLUMN = 2, 1, 2


def main(figures: Path) -> None:
    generator = np.random.default_rng(0)
    # Small whole numbers, so that anybody can check the sum.
    maps = generator.integers(0, 4, (INPUTS, SIDE, SIDE)).astype(np.float32)
    weights = generator.integers(-2, 3, (OUTPUTS, INPUTS, KERNEL, KERNEL)).astype(np.float32)
    biases = generator.integers(-3, 4, OUTPUTS).astype(np.float32)
    sums = by_hand(maps, weights[OUTPUT])
    value = float(sums.sum() + biases[OUTPUT])
    numbers = {
        "inputs": INPUTS, "outputs": OUTPUTS, "kernel": KERNEL, "side": SIDE, "out": SIDE - KERNEL + 1,
        "output": OUTPUT,
        "row": ROW, "column": COLUMN, "sums": [int(each) for each in sums], "bias": int(biases[OUTPUT]),
        "value": int(value), "torch": int(compute_by_torch(maps, weights, biases)[OUTPUT, ROW, COLUMN]),
        "by_channel": KERNEL * KERNEL,
        "multiplications": INPUTS * KERNEL * KERNEL, "weights": int(weights.size), "biases": OUTPUTS,
        "parameters": int(weights.size + biases.size),
    }  # fmt: skip
    style.save(draw(maps, weights[OUTPUT], sums, numbers), figures / "channels.png")
    lessons.write(figures, "channels", numbers)


def by_hand(maps: NDArray[np.float32], kernels: NDArray[np.float32]) -> NDArray[np.float32]:
    """For each input channel: the sum of its nine products at one place, float32 (inputs,)."""
    sums = np.zeros(INPUTS, dtype=np.float32)
    for channel in range(INPUTS):
        for row in range(KERNEL):
            for column in range(KERNEL):
                sums[channel] += maps[channel, ROW + row, COLUMN + column] * kernels[channel, row, column]
    return sums


def compute_by_torch(
    maps: NDArray[np.float32], weights: NDArray[np.float32], biases: NDArray[np.float32]
) -> NDArray[np.float32]:
    """All values of the convolution, float32 (outputs, rows, columns)."""
    convolution = torch.nn.Conv2d(INPUTS, OUTPUTS, KERNEL)
    state = {"weight": torch.from_numpy(weights), "bias": torch.from_numpy(biases)}
    convolution.load_state_dict(state)
    with torch.inference_mode():
        return np.asarray(convolution(torch.from_numpy(maps)[None])[0].numpy())


def draw(
    maps: NDArray[np.float32],
    kernels: NDArray[np.float32],
    sums: NDArray[np.float32],
    numbers: dict[str, Any],
) -> Figure:
    """A row for each input channel: its map, the kernel, and the products that are added up."""
    figure = style.new_figure((8, 7.4))
    terms = " ".join(f"{each:+.0f}" for each in sums)
    figure.suptitle(
        f"Output channel {OUTPUT}, row {ROW}, column {COLUMN}: "
        f"{terms} {numbers['bias']:+d} (bias) = {numbers['value']}",
        fontsize=11,
    )
    axes = figure.subplots(INPUTS, 3, width_ratios=[SIDE, KERNEL, KERNEL])
    for channel, line in enumerate(axes):
        seen = maps[channel, ROW : ROW + KERNEL, COLUMN : COLUMN + KERNEL]
        table(line[0], maps[channel], "Blues", 5)
        corner = COLUMN - 0.5, ROW - 0.5
        line[0].add_patch(Rectangle(corner, KERNEL, KERNEL, fill=False, edgecolor=style.VERMILION, linewidth=2.5))
        table(line[1], kernels[channel], "RdBu_r", 4)
        # Adding 0 turns -0 into 0.
        table(line[2], seen * kernels[channel] + 0, "RdBu_r", 10)
        line[0].set_ylabel(f"input channel {channel}")
        line[2].set_xlabel(f"sum: {sums[channel]:.0f}")
    for axis, title in zip(axes[0], ("what comes in", f"kernel {OUTPUT}, by channel", "products"), strict=True):
        axis.set_title(title, fontsize=10)
    return figure


def table(axis: Axes, values: NDArray[np.float32], colors: str, limit: float) -> None:
    """The numbers on their colours."""
    axis.imshow(values, cmap=style.colormap(colors), vmin=-limit if colors == "RdBu_r" else 0, vmax=limit)
    axis.set_xticks([])
    axis.set_yticks([])
    for row, column in np.ndindex(*values.shape):
        axis.text(column, row, f"{values[row, column]:.0f}", ha="center", va="center", fontsize=10)


if __name__ == "__main__":
    cli.run(main)
