"""CSV files as this project writes them."""

import csv
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from stages.files import write_text


def write(header: list[str], rows: Iterable[Iterable[Any]], file: Path) -> None:
    """Write a header and rows to `file`, whole or not at all: floats with 6 decimals, None as an empty cell."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows([f"{cell:.6f}" if isinstance(cell, float) else cell for cell in row] for row in rows)
    write_text(file, text.getvalue())
