"""CSV files as this project writes them."""

import csv
import io
import itertools
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.files import write_text


def write(header: list[str], rows: Iterable[Iterable[Any]], file: Path) -> None:
    """Write a header and rows to `file`, whole or not at all: floats with 6 decimals, None as an empty cell."""
    shown = ([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    write_text(file, "".join(map(_line, itertools.chain([header], shown))))


def _line(cells: Iterable[Any]) -> str:
    # Older versions of Python quote a carriage return, as file names may hold, only where lines end with one.
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(cells)
    return text.getvalue().removesuffix("\r\n") + "\n"
