"""A row of steps, each with a small drawing of the values that it gives: how a network is drawn on a page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

# The side of a drawing, and of the largest sheet on it.
SIDE, LARGEST, SMALLEST = 100.0, 64.0, 6.0
MOST_SHEETS, SHIFT = 6, 6.0
MOST_DOTS, RADIUS, APART = 9, 3.2, 10.0


@dataclass(frozen=True)
class Step:
    """One step: its name, what is said of it, line by line, and `count` sheets or dots.

    `size`: height and width of a sheet as shares of the largest side in the diagram; None draws a column of dots.
    `anchor`: the section of the document that the name leads to, or ''.
    """

    name: str
    lines: Sequence[str]
    count: int
    size: tuple[float, float] | None
    anchor: str = ""

    @property
    def sheets(self) -> list[tuple[float, float, float, float]]:
        """x, y, width and height of each sheet, the hindmost first: at most 6, in the middle of the drawing."""
        if self.size is None:
            return []
        height, width = (max(SMALLEST, LARGEST * share) for share in self.size)
        shifts = [SHIFT * number for number in range(min(self.count, MOST_SHEETS))]
        left, top = (SIDE - width - shifts[-1]) / 2, (SIDE - height - shifts[-1]) / 2
        return [(round(left + by, 1), round(top + by, 1), round(width, 1), round(height, 1)) for by in shifts]

    @property
    def dots(self) -> list[tuple[float, float, float]]:
        """x, y and radius of each dot, from the top: at most 9, small ones in the middle where some are left out."""
        if self.size is not None:
            return []
        number = min(self.count, MOST_DOTS)
        cut, top = self.count > MOST_DOTS, (SIDE - APART * (number - 1)) / 2
        middle = range(number // 2 - 1, number // 2 + 2) if cut else range(0)
        radii = [1.2 if row in middle else RADIUS for row in range(number)]
        return [(SIDE / 2, top + APART * row, radius) for row, radius in enumerate(radii)]


@dataclass(frozen=True)
class Diagram:
    """Steps from first to last; `label` says what they are."""

    label: str
    steps: Sequence[Step]
    kind: ClassVar = "diagram"
