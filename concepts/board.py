"""Noughts and crosses: boards with known truth, windows to learn from, and marks found on a map of classes."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from concepts import lessons
from crosscheck.data.dataset import Subset

CELL, LINE, JITTER = 116, 4, 8
# What one value of the class map sees, and the px to the next one.
WINDOW, STEP = 94, 32
# A window shows a mark whose middle lies this near to its own; beyond FAR it shows none. In between, nothing is learnt.
NEAR, FAR = 20, 50
NEITHER = len(lessons.CLASSES)


@dataclass(frozen=True)
class Mark:
    """A circle or a cross: the index of its class and the middle of its ink, in px."""

    kind: int
    x: float
    y: float


def middle_of(ink: NDArray[np.bool_]) -> tuple[float, float]:
    """x and y halfway between the first and the last ink."""
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    return (columns[0] + columns[-1] + 1) / 2, (rows[0] + rows[-1] + 1) / 2


def paste(canvas: NDArray[np.bool_], ink: NDArray[np.bool_], left: int, top: int) -> None:
    """Draw `ink` on `canvas` with its upper left corner at (left, top); what lies outside is cut off."""
    height, width = canvas.shape
    rows = slice(max(0, -top), min(ink.shape[0], height - top))
    columns = slice(max(0, -left), min(ink.shape[1], width - left))
    if rows.start < rows.stop and columns.start < columns.stop:
        canvas[top + rows.start : top + rows.stop, left + columns.start : left + columns.stop] |= ink[rows, columns]


def windows(count: int, seed: int, with_neither: bool) -> Subset:
    """Training images of 94 x 94 px: a symbol near the middle, or, in a third of them, `neither`: none, or far off.

    Lines like those of a board cross half of them.
    """
    generator = np.random.default_rng(seed)
    kinds = len(lessons.CLASSES) + with_neither
    inks, labels = [], []
    for index in range(count):
        label = index % kinds
        canvas = np.zeros((WINDOW, WINDOW), dtype=bool)
        if label != NEITHER or generator.random() < 0.8:
            kind = label if label != NEITHER else int(generator.integers(NEITHER))
            _paste_off_middle(canvas, lessons.symbol(kind, index, seed), label == NEITHER, generator)
        _draw_lines(canvas, generator)
        inks.append(canvas)
        labels.append(label)
    return lessons.packed(inks, labels)


def _paste_off_middle(
    canvas: NDArray[np.bool_], ink: NDArray[np.bool_], far: bool, generator: np.random.Generator
) -> None:
    reach = CELL * 0.8 if far else NEAR
    x, y = generator.uniform(-reach, reach, 2)
    while far and max(abs(x), abs(y)) < FAR:
        x, y = generator.uniform(-reach, reach, 2)
    middle_x, middle_y = middle_of(ink)
    paste(canvas, ink, round(WINDOW / 2 + x - middle_x), round(WINDOW / 2 + y - middle_y))


def _draw_lines(canvas: NDArray[np.bool_], generator: np.random.Generator) -> None:
    for axis in (0, 1):
        if generator.random() < 0.5:
            at = int(generator.integers(-WINDOW, 2 * WINDOW))
            line = slice(max(0, at), max(0, at + LINE))
            canvas[(line, slice(None)) if axis == 0 else (slice(None), line)] = True


def draw(seed: int) -> tuple[NDArray[np.bool_], list[Mark]]:
    """A board of 3 x 3 cells, bool (356, 356), and its marks; each cell is empty in a third of cases."""
    canvas, _, marks = draw_labelled(seed)
    return canvas, marks


def draw_labelled(seed: int) -> tuple[NDArray[np.bool_], NDArray[np.int64], list[Mark]]:
    """A board as of `draw`, the class of each of its pixels, int64 (356, 356), and its marks.

    A pixel is of a class where a mark of it has ink; paper and the lines of the board are `NEITHER`.
    """
    generator = np.random.default_rng(seed)
    size = 3 * CELL + 2 * LINE
    layers = np.zeros((NEITHER, size, size), dtype=bool)
    marks = []
    for row, column in np.ndindex(3, 3):
        kind = int(generator.integers(NEITHER + 1))
        if kind == NEITHER:
            continue
        ink = lessons.symbol(kind, int(generator.integers(10**6)), seed)
        left, top = (place * (CELL + LINE) + int(generator.integers(-JITTER, JITTER + 1)) for place in (column, row))
        paste(layers[kind], ink, left, top)
        middle_x, middle_y = middle_of(ink)
        marks.append(Mark(kind, left + middle_x, top + middle_y))
    canvas = np.logical_or.reduce(layers)
    labels = np.where(canvas, layers.argmax(axis=0), NEITHER)
    for place in (1, 2):
        line = slice(place * (CELL + LINE) - LINE, place * (CELL + LINE))
        canvas[line] = True
        canvas[:, line] = True
    return canvas, labels, marks


def class_map(net: nn.Sequential, canvas: NDArray[np.bool_]) -> NDArray[np.float32]:
    """The probability of each class at each place, float32 (classes, rows, columns)."""
    pixels = np.where(canvas, lessons.INK, lessons.PAPER).astype(np.uint8)[None, None]
    # The last layer averages over the places; the map is what goes into it.
    places = net[:-1]
    with torch.inference_mode():
        scores: Tensor = places(torch.from_numpy(pixels))
    return np.asarray(scores.softmax(1)[0].numpy())


def find(probabilities: NDArray[np.float32], threshold: float, apart: int) -> list[Mark]:
    """The marks on a class map: the surest place first, none within `apart` px of a surer one, none below `threshold`.

    (Non-maximum suppression.) The places see 94 px each and lie 32 px apart.
    """
    best, kind = probabilities[:NEITHER].max(axis=0), probabilities[:NEITHER].argmax(axis=0)
    found: list[Mark] = []
    for place in np.argsort(-best, axis=None, kind="stable"):
        row, column = np.unravel_index(place, best.shape)
        if best[row, column] < threshold:
            break
        mark = Mark(int(kind[row, column]), column * STEP + WINDOW / 2, row * STEP + WINDOW / 2)
        if all(distance(mark, other) >= apart for other in found):
            found.append(mark)
    return found


def distance(one: Mark, other: Mark) -> float:
    """The larger of the distances across and down, in px."""
    return max(abs(one.x - other.x), abs(one.y - other.y))


def compare(found: list[Mark], truth: list[Mark]) -> dict[str, int]:
    """How many marks were found right, found with the wrong class, and missed, and how many were invented.

    A mark counts as found where it is reported within half a cell.
    """
    left = list(found)
    counts = {"marks": len(truth), "right": 0, "wrong": 0, "missed": 0}
    for mark in truth:
        nearest = min(left, key=lambda other: distance(mark, other), default=None)
        if nearest is None or distance(mark, nearest) > CELL / 2:
            counts["missed"] += 1
            continue
        left.remove(nearest)
        counts["right" if nearest.kind == mark.kind else "wrong"] += 1
    return {**counts, "invented": len(left)}
