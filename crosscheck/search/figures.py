"""The picture of a search: validation accuracy of every trial against parameters and cost, with limits and `base`."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator, PercentFormatter
from numpy.typing import NDArray
from optuna import Study
from optuna.trial import TrialState

from crosscheck.reporting import style
from crosscheck.search.objective import was_trained
from crosscheck.search.pareto import Candidate, finished, make_candidate
from crosscheck.search.space import Constraints

# How much the scale of accuracies is stretched towards 100 %, where the best trials lie: less stretches more.
STRETCH = 0.01
ACCURACIES = (0.0, 0.2, 0.5, 0.8, 0.9, 0.95, 0.98, 0.99, 1.0)
ALLOWED = "#E3F1EA"
# Letters of a title that fit on a line.
LINE = 125


@dataclass(frozen=True)
class Base:
    """What params.yaml describes: `accuracy` on the validation images is None where it has not been trained."""

    parameters: int
    training_cost: int
    accuracy: float | None


@dataclass(frozen=True)
class Trials:
    """The trials that ran to their end, those of them on the front, the winner's number, and how many were stopped."""

    complete: list[Candidate]
    front: list[Candidate]
    winner: int | None
    stopped: int


@dataclass(frozen=True)
class Scale:
    """What an axis shows: a figure of each trial, its limit, and that of `base`."""

    label: str
    value: Callable[[Candidate], float]
    limit: float
    base: float
    formatter: FuncFormatter


def gather_trials(study: Study, front: list[Candidate], winner: int | None) -> Trials:
    """The trials of `study`, with its `front`."""
    complete = [make_candidate(trial) for trial in study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))]
    return Trials(complete, front, winner, sum(map(was_trained, finished(study))) - len(complete))


def draw_front(trials: Trials, base: Base, limits: Constraints, sentence: str) -> Figure:
    """Validation accuracy against parameters and against the cost of training; the front and the winner stand out.

    `base` lies far to the right, so each axis has a second part that holds nothing else. `sentence` is the title.
    """
    figure = style.new_figure((9.5, 5.4))
    counted = (
        f"n = {len(trials.complete)} trials, the worst training of each; not shown: {trials.stopped} stopped early"
    )
    figure.suptitle("\n".join([*textwrap.wrap(sentence, LINE), counted]), fontsize=9.5)
    scales = (
        Scale(
            "parameters",
            lambda each: each.parameters,
            limits.parameters,
            base.parameters,
            FuncFormatter(lambda value, _: f"{value:,.0f}"),
        ),
        Scale(
            "cost of training, as a share of that of base",
            lambda each: each.training_cost / base.training_cost,
            limits.cost,
            1.0,
            FuncFormatter(lambda value, _: f"{100 * value:g}%"),
        ),
    )
    axes = figure.subplots(1, 4, sharey=True, width_ratios=[6, 1, 6, 1])
    for (near, far), scale in zip((axes[:2], axes[2:]), scales, strict=True):
        _draw_trials(near, trials, scale, limits.accuracy)
        _draw_base(far, base.accuracy, scale, limits.accuracy)
        _break(near, far)
    _set_accuracies(axes[0], [each.accuracy for each in trials.complete] + [base.accuracy or 1.0])
    handles, labels = axes[0].get_legend_handles_labels()
    others = axes[1].get_legend_handles_labels()
    figure.legend(
        [*handles, *others[0]], [*labels, *others[1]], loc="outside lower center", ncols=6, frameon=False, fontsize=8
    )
    return figure


def _draw_trials(axis: Axes, trials: Trials, scale: Scale, least: float) -> None:
    """Every trial, and the limits; what is within them has another ground."""
    values = [scale.value(each) for each in trials.complete]
    low, high = min([*values, scale.limit]) / 1.2, max([*values, scale.limit]) * 1.2
    axis.set_xscale("log")
    axis.set_xlim(low, high)
    axis.fill_between([low, scale.limit], least, 1.0, color=ALLOWED, linewidth=0, zorder=0, label="within the limits")
    axis.axvline(scale.limit, color="black", linestyle="--", linewidth=1)
    axis.axhline(least, color="black", linestyle="--", linewidth=1, label="limit")
    # To the right, where no trial can be.
    most, place = f"at most {scale.formatter(scale.limit)}", (scale.limit, 0.02)
    axis.annotate(
        most, place, (3, 0), axis.get_xaxis_transform(), "offset points", rotation=90, fontsize=7.5, ha="left"
    )
    winner = [each for each in trials.complete if each.number == trials.winner]
    for points, color, marker, size, text in (
        (trials.complete, style.GREY, ".", 25, "trial"),
        (trials.front, style.BLUE, "o", 30, f"on the front (n = {len(trials.front)})"),
        (winner, style.VERMILION, "*", 180, "winner"),
    ):
        places = [scale.value(each) for each in points]
        axis.scatter(places, [each.accuracy for each in points], s=size, c=color, marker=marker, label=text, zorder=3)
    axis.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.xaxis.set_major_formatter(scale.formatter)
    axis.xaxis.set_minor_formatter(NullFormatter())
    axis.tick_params(axis="x", labelsize=8)
    axis.set_xlabel(scale.label)
    axis.grid(alpha=0.3)


def _draw_base(axis: Axes, accuracy: float | None, scale: Scale, least: float) -> None:
    """`base` at its place; a line, where its accuracy is not known."""
    axis.set_xlim(scale.base / 2, scale.base * 1.5)
    axis.axhline(least, color="black", linestyle="--", linewidth=1)
    if accuracy is None:
        axis.axvline(scale.base, color=style.GREEN, linestyle="-.", linewidth=1.5, label="base (not trained here)")
    else:
        axis.scatter([scale.base], [accuracy], s=60, c=style.GREEN, marker="D", label="base", zorder=3)
    axis.set_xticks([scale.base])
    axis.xaxis.set_major_formatter(scale.formatter)
    axis.xaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="x", labelsize=8)
    axis.grid(alpha=0.3)


def _break(near: Axes, far: Axes) -> None:
    """Two strokes where the axis leaves something out."""
    near.spines["right"].set_visible(False)
    far.spines["left"].set_visible(False)
    far.tick_params(axis="y", left=False)
    look: dict[str, Any] = {
        "marker": [(-0.5, -1), (0.5, 1)],
        "markersize": 9,
        "linestyle": "none",
        "color": "black",
        "clip_on": False,
    }
    near.plot([1, 1], [0, 1], transform=near.transAxes, **look)
    far.plot([0, 0], [0, 1], transform=far.transAxes, **look)


def _set_accuracies(axis: Axes, values: Sequence[float]) -> None:
    """One stretched scale for all axes, from below the lowest of `values` to above 100 %."""
    axis.set_yscale("function", functions=(_stretch, _shrink))
    lowest = min(values)
    bottom = float(_shrink(_stretch(np.array(lowest)) - 0.15))
    axis.set_ylim(max(-0.1, bottom), float(_shrink(_stretch(np.array(1.0)) + 0.25)))
    axis.set_yticks([each for each in ACCURACIES if each >= bottom])
    axis.yaxis.set_minor_locator(NullLocator())
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_ylabel("validation accuracy, stretched near 100 %")


def _stretch(accuracy: NDArray[np.float64]) -> NDArray[np.float64]:
    """Accuracies as heights, float64 of any shape."""
    return np.asarray(-np.log(np.maximum(1 + STRETCH - accuracy, 1e-9)))


def _shrink(height: NDArray[np.float64]) -> NDArray[np.float64]:
    """The inverse of `_stretch`."""
    return np.asarray(1 + STRETCH - np.exp(-height))
