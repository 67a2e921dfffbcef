"""Levels of features: what the layers of trained networks respond to, from edges to whole symbols, shown and measured.

    python -m concepts.feature_levels --figures docs/concepts

Writes feature_levels.json and two pictures; a few minutes on one core.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from matplotlib.figure import Figure
from numpy.typing import NDArray

from concepts import lessons
from crosscheck.core import cli
from crosscheck.data.dataset import Subset
from crosscheck.explain import probes
from crosscheck.explain.activations import Response, find_responses, patches
from crosscheck.explain.receptive_fields import Layer, list_layers, untrained
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.reporting import style

SIZE = 116
NETWORKS = {"two convolutions": [9, 5], "three convolutions": [9, 5, 5], "five convolutions": [8, 8, 8, 8, 8]}
DEEPEST = "five convolutions"
TRAIN, FITTED, SCORED = 400, 600, 400
EPOCHS, BATCH = 12, 64
SEEDS = range(3)
# What is asked of the values of a layer, from what any edge tells to what only the whole symbol does.
QUESTIONS = ("much ink", "wider than high", "circle or cross")
LEVELS = {"low": "block1", "middle": "block3", "high": "block5"}
SHOWN_CHANNELS, SHOWN_PATCHES = 2, 6


def main(figures: Path) -> None:
    torch.set_num_threads(lessons.THREADS)
    train, fitted, scored = (
        lessons.symbols(count, seed, SIZE) for count, seed in ((TRAIN, 1), (FITTED, 2), (SCORED, 3))
    )
    found: dict[str, Any] = {}
    for name, channels in NETWORKS.items():
        nets = [learn(channels, train, seed) for seed in SEEDS]
        found[name] = {
            "layers": [
                {"name": layer.name, "field": layer.height, "step": layer.step} for layer in list_blocks(nets[0])
            ],
            "test_accuracy": lessons.summary([lessons.accuracy(trained.net, scored) for trained in nets]),
            "trained": summarize([ask(trained, fitted, scored) for trained in nets]),
            "untrained": summarize([ask(without_training(trained), fitted, scored) for trained in nets]),
        }
        if name == DEEPEST:
            style.save(draw_patches(nets[0], scored), figures / "feature_levels_patches.png")
    numbers = {
        "size": SIZE, "train": TRAIN, "fitted": FITTED, "scored": SCORED, "epochs": EPOCHS, "seeds": len(SEEDS),
        "channels": NETWORKS[DEEPEST][0], "questions": len(QUESTIONS), "networks": found,
        "patches": SHOWN_PATCHES, "chance": 0.5,
    }  # fmt: skip
    style.save(draw(numbers), figures / "feature_levels.png")
    lessons.write(figures, "feature_levels", numbers)


def learn(channels: list[int], train: Subset, seed: int) -> Checkpoint:
    """A network of convolutions with batch normalisation, max pooling and an average over places."""
    wanted = lessons.network(channels=channels[0], further_channels=channels[1:], norm="batch", head="average")
    described = lessons.data_set(SIZE)
    recipe = lessons.recipe(epochs=EPOCHS, batch_size=BATCH, seed=seed)
    return Checkpoint(lessons.trained(lambda: model.build(wanted, described), train, recipe), wanted, described)


def without_training(trained: Checkpoint) -> Checkpoint:
    return Checkpoint(untrained(trained, 0), trained.params, trained.data_set)


def list_blocks(trained: Checkpoint) -> list[Layer]:
    return [layer for layer in list_layers(trained) if layer.name.startswith(model.MAPS)]


def answers_to(subset: Subset) -> dict[str, NDArray[np.int64]]:
    """The true answer to each question for each image, int64 (n,), 0 or 1; half of the images have each."""
    inks = subset.images[:, :, :, 0] == lessons.INK
    amount = inks.sum(axis=(1, 2))
    extents = [(np.ptp(np.flatnonzero(ink.any(axis=0))), np.ptp(np.flatnonzero(ink.any(axis=1)))) for ink in inks]
    wide = np.array([across - down for across, down in extents])
    much = np.zeros(len(subset), dtype=np.int64)
    for kind in range(len(lessons.CLASSES)):
        # Within its class: circles have more ink than crosses, and the class is another question.
        mine = subset.labels == kind
        much[mine] = amount[mine] > np.median(amount[mine])
    return dict(zip(QUESTIONS, (much, (wide > np.median(wide)).astype(np.int64), subset.labels), strict=True))


def ask(checkpoint: Checkpoint, fitted: Subset, scored: Subset) -> dict[str, list[float]]:
    """The accuracy of a linear probe for each question, layer by layer.

    It gets the largest and the mean value of each channel, wherever they are: what was seen, and not where.
    """
    blocks = list_blocks(checkpoint)
    values = [
        [
            np.hstack([each.peak, each.mean]).astype(np.float64)
            for each in find_responses(checkpoint.net, blocks, subset, BATCH)
        ]
        for subset in (fitted, scored)
    ]
    known, wanted = answers_to(fitted), answers_to(scored)
    return {
        question: [
            probes.accuracy(of_fitted, known[question], of_scored, wanted[question], lessons.THREADS)
            for of_fitted, of_scored in zip(*values, strict=True)
        ]
        for question in QUESTIONS
    }


def summarize(asked: list[dict[str, list[float]]]) -> dict[str, list[dict[str, float]]]:
    """Mean, lowest and highest over the seeds, for each question and layer."""
    return {
        question: [lessons.summary(list(each)) for each in zip(*(run[question] for run in asked), strict=True)]
        for question in QUESTIONS
    }


def draw(numbers: dict[str, Any]) -> Figure:
    """For each network, how well each question is answered from the values of each layer."""
    figure = style.new_figure((11, 3.7))
    panels = figure.subplots(1, len(NETWORKS), sharey=True)
    looks = zip(QUESTIONS, (style.GREEN, style.VERMILION, style.BLUE), "s^o", strict=True)
    lines = {question: {"color": color, "marker": marker} for question, color, marker in looks}
    for axis, (name, found) in zip(panels, numbers["networks"].items(), strict=True):
        fields = [str(layer["field"]) for layer in found["layers"]]
        for question in QUESTIONS:
            for state, dash in (("trained", "-"), ("untrained", ":")):
                mean = [100 * each["mean"] for each in found[state][question]]
                label = question if state == "trained" else None
                axis.plot(fields, mean, linestyle=dash, label=label, **lines[question])
        axis.axhline(50, color=style.GREY, linestyle="--", linewidth=0.8)
        axis.set_title(name, fontsize=10)
        axis.set_xlabel("px that one value of the layer sees")
        axis.grid(alpha=0.3)
    panels[0].set_ylabel(f"probe accuracy (%), n = {numbers['scored']}")
    panels[0].legend(frameon=False, fontsize=8, loc="lower right")
    figure.suptitle(
        f"Solid: trained, dotted: untrained; means of {numbers['seeds']} seeds, dashed: guessing", fontsize=10
    )
    return figure


def draw_patches(trained: Checkpoint, subset: Subset) -> Figure:
    """What excites the channels of a low, a middle and a high layer most: the part of the image that each sees."""
    layers = {layer.name: layer for layer in list_blocks(trained)}
    responses = dict(
        zip(LEVELS, find_responses(trained.net, [layers[name] for name in LEVELS.values()], subset, BATCH), strict=True)
    )
    rows = [(level, channel) for level in LEVELS for channel in pick_channels(responses[level])]
    figure = style.new_figure((1.25 * SHOWN_PATCHES + 1.6, 1.2 * len(rows)))
    grid = figure.subplots(len(rows), SHOWN_PATCHES, squeeze=False)
    for line, (level, channel) in zip(grid, rows, strict=True):
        response = responses[level]
        for axis, (patch, _) in zip(line, patches(response, subset, channel, SHOWN_PATCHES), strict=True):
            axis.imshow(patch[:, :, 0], cmap=style.colormap("gray"), vmin=lessons.INK, vmax=lessons.PAPER)
            axis.set_xticks([])
            axis.set_yticks([])
        field = response.layer.height
        line[0].set_ylabel(
            f"{level}: {field} px\nchannel {channel + 1}", fontsize=8, rotation=0, ha="right", va="center"
        )
    figure.suptitle(f"The {SHOWN_PATCHES} patches that excite a channel most, of n = {len(subset)} images", fontsize=10)
    return figure


def pick_channels(response: Response) -> list[int]:
    """The channels whose strongest response differs most from image to image, in their order."""
    lively = np.argsort(-response.peak.std(axis=0, dtype=np.float64), kind="stable")[:SHOWN_CHANNELS]
    return sorted(int(channel) for channel in lively)


if __name__ == "__main__":
    cli.run(main)
