"""The pictures that answer at a glance: the differences of all questions, and the share of converged runs by epoch.

Each function returns its figure; `style.save` writes it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Transform

from crosscheck.reporting.style import EDGE, GREY, colormap, new_figure, shown
from crosscheck.study.answers_table import AnswersTable, Pair
from crosscheck.study.at_a_glance import equation
from crosscheck.study.looks import SIGNS
from crosscheck.study.measures import MEASURES, Unit
from crosscheck.study.runs import Run

MOST_EPOCHS = 20
# Inches: of the whole picture, of a line of text in it, and of the room above and below the lines.
WIDTH, LINE, HEAD, FOOT = 5.8, 0.185, 0.62, 0.62
# Where the axis ends and the figures begin, as shares of the width.
AXIS, FIGURES = (0.03, 0.58), 0.6
# An interval wider than this multiple of the usual one is cut off, so that the others can be seen. No mark is.
WIDEST = 4.0
BAND = "#D9D9D9"


@dataclass(frozen=True)
class Bar:
    """A pair of variants in the plot of differences: its line of text, and the question where it is the first of it."""

    ask: str
    text: str
    pair: Pair


def draw_differences(table: AnswersTable, names: Mapping[tuple[str, str], str], margin: float) -> Figure:
    """The difference of every pair by the primary measure, with its interval: a forest plot, a panel for each unit.

    `names`: by question and second variant, what the pair is called. Right of zero the second variant is better.
    """
    panels = _panels(table, names)
    heights = [_height(bars) for bars in panels.values()]
    total = HEAD + sum(heights) + FOOT * len(panels)
    figure = new_figure((WIDTH, total), layout=None)
    figure.suptitle("Difference by the primary measure of each question", fontsize=10, y=1 - 0.12 / total)
    top = total - HEAD
    for (kind, bars), height in zip(panels.items(), heights, strict=True):
        left, right = AXIS
        axis = figure.add_axes((left, (top - height) / total, right - left, height / total))
        _draw_panel(axis, *kind, bars, margin)
        top -= height + FOOT
    _add_legend(figure, total, margin)
    return figure


def _panels(table: AnswersTable, names: Mapping[tuple[str, str], str]) -> dict[tuple[Unit, bool], list[Bar]]:
    panels: dict[tuple[Unit, bool], list[Bar]] = {}
    for row in table.rows:
        for pair in row.pairs:
            measure = MEASURES[pair.measure]
            bars = panels.setdefault((measure.unit, measure.lower_is_better), [])
            known = any(bar.ask == row.ask for bar in bars)
            bars.append(Bar("" if known else row.ask, names[row.question, pair.second], pair))
    return panels


def _height(bars: Sequence[Bar]) -> float:
    return LINE * sum(2 + bool(bar.ask) for bar in bars) + LINE / 2


def _draw_panel(axis: Axes, unit: Unit, lower_is_better: bool, bars: Sequence[Bar], margin: float) -> None:
    """Lines of text, each a unit of the vertical axis high, and the bars below them."""
    limit = _limit(bars, margin)
    axis.set_xlim(-limit, limit)
    lines = _height(bars) / LINE
    axis.set_ylim(lines, 0)
    band = 100 * margin if unit == "points" else 0.0
    at = 0.5
    for bar in bars:
        if bar.ask:
            axis.text(0, at, shown(bar.ask, 96), transform=_beside(axis), fontsize=7.5, color=GREY, va="center")
            at += 1
        axis.text(0, at, shown(bar.text, 60), transform=_beside(axis), fontsize=8.5, va="center")
        if bar.pair.difference is not None:
            _draw_zero(axis, at + 0.9, band)
        _draw_bar(axis, at + 0.9, bar.pair, limit)
        at += 2
    axis.set_yticks([])
    first, *others = dict.fromkeys(MEASURES[bar.pair.measure].title for bar in bars)
    titles = ", ".join([first, *map(str.lower, others)])
    if all(bar.pair.difference is None for bar in bars):
        axis.set_axis_off()
        axis.text(0, lines, f"{titles}: no difference in points", transform=_beside(axis), fontsize=8, va="top")
        return
    for side in ("left", "right", "top"):
        axis.spines[side].set_visible(False)
    axis.tick_params(labelsize=8)
    axis.xaxis.set_major_locator(MaxNLocator(5, symmetric=True))
    axis.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+g}" if value else "0"))
    direction = "← better        worse →" if lower_is_better else "← worse        better →"
    axis.set_xlabel(f"{titles}: difference in points\n{direction}", fontsize=8)


def _draw_zero(axis: Axes, line: float, band: float) -> None:
    """Zero and the margin, behind the bar alone, so that the text keeps its ground."""
    axis.fill_betweenx([line - 0.35, line + 0.35], -band, band, color=BAND, linewidth=0, zorder=0)
    axis.plot([0, 0], [line - 0.35, line + 0.35], color="black", linewidth=0.8, zorder=1)


def _beside(axis: Axes) -> Transform:
    """Across: shares of the axis; along: its own lines."""
    return axis.get_yaxis_transform()


def _limit(bars: Sequence[Bar], margin: float) -> float:
    """Half the length of the axis, in points: every mark is on it."""
    ends = [
        100 * max(abs(bar.pair.low), abs(bar.pair.high))
        for bar in bars
        if bar.pair.low is not None and bar.pair.high is not None
    ]
    if not ends:
        return 1.0
    marks = [100 * abs(bar.pair.difference) for bar in bars if bar.pair.difference is not None]
    return 1.05 * max(min(max(ends), WIDEST * float(np.median(ends))), 150 * margin, *marks)


def _draw_bar(axis: Axes, line: float, pair: Pair, limit: float) -> None:
    sign = SIGNS[pair.word]
    axis.text(1.04, line, _figures(pair), transform=_beside(axis), fontsize=8, va="center")
    if pair.difference is None or pair.low is None or pair.high is None:
        return
    ends = [100 * pair.low, 100 * pair.high]
    axis.plot(np.clip(ends, -limit, limit), [line] * 2, color=sign.color, linewidth=1.4, solid_capstyle="butt")
    for end, arrow in zip(ends, "<>", strict=True):
        if abs(end) > limit:
            axis.plot(np.clip(end, -0.98 * limit, 0.98 * limit), line, marker=arrow, color=sign.color, markersize=4)
    face = sign.color if sign.filled else "white"
    middle = 100 * pair.difference
    axis.plot(middle, line, marker=sign.marker, color=sign.color, markerfacecolor=face, markersize=6)


def _figures(pair: Pair) -> str:
    if pair.difference is None or pair.low is None or pair.high is None:
        return f"{equation(pair.p)}, n = {pair.n}" if pair.p is not None else f"too few runs, n = {pair.n}"
    return f"{100 * pair.difference:+.2f} ({100 * pair.low:+.2f} to {100 * pair.high:+.2f}), n = {pair.n}"


def _add_legend(figure: Figure, height: float, margin: float) -> None:
    marks = [
        Line2D(
            [],
            [],
            color=sign.color,
            marker=sign.marker,
            linestyle="",
            label=word.lower(),
            markersize=5,
            markerfacecolor=sign.color if sign.filled else "white",
        )
        for word, sign in SIGNS.items()
    ]
    band = Patch(color=BAND, label=f"within {100 * margin:g} point{'' if margin == 0.01 else 's'}")
    figure.legend(
        handles=[*marks, band],
        ncols=6,
        fontsize=7.5,
        frameon=False,
        loc="upper center",
        bbox_to_anchor=(0.5, 1 - 0.24 / height),
        handletextpad=0.3,
        columnspacing=1.0,
    )


def draw_convergence(runs: Mapping[str, Sequence[Run]], failed_above: float) -> Figure:
    """How many runs of each variant have converged after each of the first epochs.

    A run has, where its training loss is not above the share `failed_above` of that of guessing.
    """
    epochs = min(MOST_EPOCHS, max(each[0].epochs for each in runs.values()))
    shares = np.full((len(runs), epochs), np.nan)
    counts = {}
    for line, each in enumerate(runs.values()):
        for epoch in range(min(epochs, each[0].epochs)):
            counts[line, epoch] = sum(_has_converged(run, epoch, failed_above) for run in each)
            shares[line, epoch] = counts[line, epoch] / len(each)
    figure = new_figure((7.2, 1.3 + 0.22 * len(runs)))
    axis = figure.subplots()
    drawn = axis.imshow(shares, cmap=colormap("Blues"), vmin=0, vmax=1, aspect="auto")
    for (line, epoch), count in counts.items():
        color = "white" if shares[line, epoch] > 0.6 else "black"
        axis.text(epoch, line, str(count), ha="center", va="center", fontsize=7, color=color)
    axis.set_xticks(range(epochs), [str(epoch + 1) for epoch in range(epochs)], fontsize=7)
    labels = [f"{shown(name, 24)} (n = {len(each)})" for name, each in runs.items()]
    axis.set_yticks(range(len(runs)), labels, fontsize=7.5)
    axis.set_xlabel("after epoch", fontsize=8)
    for spine in axis.spines.values():
        spine.set_color(EDGE)
    bar = figure.colorbar(drawn, ax=axis, shrink=0.6, pad=0.02, format=FuncFormatter(lambda value, _: f"{value:.0%}"))
    bar.set_label("share of the runs", fontsize=8)
    bar.ax.tick_params(labelsize=7)
    figure.suptitle(f"Runs that have converged after each of the first {epochs} epochs", fontsize=10)
    return figure


def _has_converged(run: Run, epoch: int, failed_above: float) -> bool:
    """Whether a run has after this epoch, counted from 0; one that patience has ended stays as it was."""
    losses = run.result.curve.train_loss
    return bool(losses) and losses[min(epoch, len(losses) - 1)] <= failed_above * run.guess.loss
