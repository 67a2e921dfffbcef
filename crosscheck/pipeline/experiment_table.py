"""Lays the list of experiments out for a terminal: the test accuracy first, then what differs."""

import textwrap
from collections.abc import Iterator, Sequence

from crosscheck.pipeline.experiment_list import Experiment

GAP, INDENT = "  ", "    "
# From so many columns on, the log loss has a column, too.
WIDE = 120
NAME, DIFFERS = "experiment", "what differs"
FIGURES = ("test accuracy", "95 % interval", "images", "log loss")
NOTHING = "-"


def lay_out(found: Sequence[Experiment], width: int) -> list[str]:
    """The lines of the table for a terminal of `width` columns."""
    columns = len(FIGURES) if width >= WIDE else len(FIGURES) - 1
    rows = [[NAME, *FIGURES[:columns]], *([each.name, *_figures(each, columns)] for each in found)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [_line(row, widths) for row in rows]
    room = width - len(lines[0]) - len(GAP)
    differing = [", ".join(each.differs) for each in found]
    if not any(differing):
        return lines
    # A parameter is not broken over two lines.
    if room < max(len(part) for part in (DIFFERS, *(part for each in found for part in each.differs))) + 1:
        return [row for line, text in zip(lines, ["", *differing], strict=True) for row in _below(line, text, width)]
    return [row for line, text in zip(lines, [DIFFERS, *differing], strict=True) for row in _beside(line, text, room)]


def _line(row: Sequence[str], widths: Sequence[int]) -> str:
    """The name to the left, figures to the right."""
    name, *figures = row
    aligned = [f"{figure:>{width}}" for figure, width in zip(figures, widths[1:], strict=True)]
    return GAP.join([f"{name:<{widths[0]}}", *aligned])


def _figures(each: Experiment, columns: int) -> list[str]:
    """The first `columns` figures; of an experiment that has not ended well, its state in place of the accuracy."""
    if each.result is None:
        return [each.state or NOTHING, *[NOTHING] * (columns - 1)]
    result = each.result
    figures = [f"{result.accuracy:.2%}", f"{result.low:.2%} to {result.high:.2%}", f"{result.n}"]
    return [*figures, f"{result.log_loss:.3f}"][:columns]


def _wrap(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)


def _beside(line: str, text: str, room: int) -> Iterator[str]:
    first, *others = _wrap(text, room) or [""]
    yield f"{line}{GAP}{first}".rstrip()
    for other in others:
        yield f"{' ' * len(line)}{GAP}{other}"


def _below(line: str, text: str, width: int) -> Iterator[str]:
    yield line
    for other in _wrap(text, width - len(INDENT)):
        yield f"{INDENT}{other}"
