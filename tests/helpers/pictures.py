"""Pictures that must come out whole and the same every time."""

import warnings
from collections.abc import Callable
from pathlib import Path

from matplotlib.figure import Figure
from PIL import Image

from crosscheck.reporting import style

STRANGE = ["a$b_c", "$x^2", "emoji 🙂", "円と", "long " * 30, "two\nlines", "back\\slash$", "\udcff", "", "\x07"]
DPI = 40


def draw_twice(draw: Callable[[], Figure], folder: Path) -> tuple[int, int]:
    """Draw two times without any warning; the bytes must be the same. Returns width and height in px."""
    files = [folder / "1.png", folder / "2" / "2.png"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for file in files:
            style.save(draw(), file, DPI)
    assert files[0].read_bytes() == files[1].read_bytes()
    with Image.open(files[0]) as image:
        image.load()
        assert image.format == "PNG"
        assert len(image.convert("L").getcolors() or [0, 0]) > 1, "not an empty sheet"
        return image.size
