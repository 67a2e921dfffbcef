"""Draws circles and crosses to the geometry measured on the original images (docs/background/built-in-images.md).

Only +, -, *, / and comparisons touch the pixels, which IEEE 754 fixes bit for bit, so that every machine draws the
same images; numpy's `PCG64` stream and its uniform doubles are fixed too. A rotation adds one sine and one cosine,
whose last bit is the C library's.
"""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.params import SynthesizeParams

ORIGINAL_SIZE = 116
# The drawing program's window, in px of the original: ink outside it is clipped.
LEFT, RIGHT = 13.0, 107.0
TOP, BOTTOM = 9.0, 103.0
EDGE_SPAN = 0.39
SHORTEST, LONGEST = 0.53, 0.90

Grid = NDArray[np.float64]
Ink = NDArray[np.bool_]


def draw(params: SynthesizeParams, class_index: int, index: int) -> Ink:
    """Image number `index` of class `CLASSES[class_index]`: bool (size, size), true where there is ink.

    An image depends on its own numbers and the parameters only, so a larger `count` keeps the earlier images.
    """
    generator = np.random.Generator(np.random.PCG64([params.seed, class_index, index]))
    shape, pen, angle, shift_x, shift_y = np.split(generator.random(12), [8, 9, 10, 11])
    width = max(1.0, params.stroke_width + params.stroke_spread * (2 * pen.item() - 1))
    x, y = _pixel_centres(params.size)
    in_window = (x >= LEFT) & (x < RIGHT) & (y >= TOP) & (y < BOTTOM)
    x = x - params.displacement * (2 * shift_x.item() - 1)
    y = y - params.displacement * (2 * shift_y.item() - 1)
    x, y = _rotated(x, y, math.radians(params.rotation * (2 * angle.item() - 1)))
    draw_shape = list(CLASSES.values())[class_index]
    ink = draw_shape(x, y, shape.tolist(), width) & in_window
    if params.noise > 0:
        ink = ink ^ (generator.random(ink.shape) < params.noise)
    return ink


def _circle(x: Grid, y: Grid, u: list[float], width: float) -> Ink:
    """An axis-parallel ellipse, placed by its left and its bottom edge."""
    span_x, span_y = RIGHT - LEFT, BOTTOM - TOP
    radius_x = span_x * (SHORTEST + (LONGEST - SHORTEST) * u[0]) / 2
    radius_y = span_y * (SHORTEST + (LONGEST - SHORTEST) * u[1]) / 2
    centre_x = LEFT + span_x * EDGE_SPAN * u[2] + radius_x
    centre_y = BOTTOM - span_y * EDGE_SPAN * u[3] - radius_y
    # The edges above are the ink's, so the pen runs half its width inside them.
    outer = _inside_ellipse(x - centre_x, y - centre_y, radius_x, radius_y)
    inner = _inside_ellipse(x - centre_x, y - centre_y, radius_x - width, radius_y - width)
    return outer & ~inner


def _inside_ellipse(x: Grid, y: Grid, radius_x: float, radius_y: float) -> Ink:
    if min(radius_x, radius_y) <= 0:
        return np.zeros(x.shape, dtype=bool)
    across, down = x / radius_x, y / radius_y
    return across * across + down * down <= 1.0


def _cross(x: Grid, y: Grid, u: list[float], width: float) -> Ink:
    """Two straight strokes, each from one quarter of the window to the opposite one."""
    half_x, half_y = (RIGHT - LEFT) / 2, (BOTTOM - TOP) / 2
    middle_x, middle_y = LEFT + half_x, TOP + half_y
    falling = _stroke(
        x, y, LEFT + half_x * u[0], TOP + half_y * u[1], middle_x + half_x * u[2], middle_y + half_y * u[3], width
    )
    rising = _stroke(
        x, y, LEFT + half_x * u[4], middle_y + half_y * u[5], middle_x + half_x * u[6], TOP + half_y * u[7], width
    )
    return falling | rising


def _stroke(x: Grid, y: Grid, x0: float, y0: float, x1: float, y1: float, width: float) -> Ink:
    """A straight line with flat ends: a rectangle around the segment, as wide as the pen."""
    dx, dy = x1 - x0, y1 - y0
    length_squared = max(dx * dx + dy * dy, 1e-12)
    along = (x - x0) * dx + (y - y0) * dy
    across = (x - x0) * dy - (y - y0) * dx
    reaches = (along >= 0) & (along <= length_squared)
    return reaches & (across * across <= (width / 2) * (width / 2) * length_squared)


def _pixel_centres(size: int) -> tuple[Grid, Grid]:
    """The centres of the pixels, (size, size) each, in px of the original."""
    centres = (np.arange(size, dtype=np.float64) + 0.5) * ORIGINAL_SIZE / size
    x, y = np.meshgrid(centres, centres)
    return x, y


def _rotated(x: Grid, y: Grid, angle: float) -> tuple[Grid, Grid]:
    """Coordinates turned about the middle of the window by `angle` radians."""
    if angle == 0:
        return x, y
    cosine, sine = math.cos(angle), math.sin(angle)
    middle_x, middle_y = (LEFT + RIGHT) / 2, (TOP + BOTTOM) / 2
    x, y = x - middle_x, y - middle_y
    return middle_x + cosine * x + sine * y, middle_y + cosine * y - sine * x


CLASSES: dict[str, Callable[[Grid, Grid, list[float], float], Ink]] = {"circles": _circle, "crosses": _cross}
