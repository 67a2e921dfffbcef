"""CSV files as this project writes them."""

import csv
import io
import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from crosscheck.core.errors import InputError
from crosscheck.core.files import write_file

Record = TypeVar("Record")


def cell(name: str) -> str:
    """A name as a table has it: bytes of file names that are not UTF-8 are escaped."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def read(file: Path) -> list[dict[str, str]]:
    """The rows of a table that `write` wrote, by column.

    Raises ValueError where there are none or one has too few or too many cells.
    """
    return list(each(file))


def each(file: Path, may_be_empty: bool = False) -> Iterator[dict[str, str]]:
    """The rows as `read` gives them, one at a time, for a table that is too long for the memory."""
    with file.open(encoding="utf-8", newline="") as lines:
        yield from parse(lines, may_be_empty)


def parse(lines: Iterable[str], may_be_empty: bool = False) -> Iterator[dict[str, str]]:
    """As `each`, of the lines of a table."""
    number = 0
    for number, row in enumerate(csv.DictReader(lines, strict=True), start=1):
        if None in row or None in row.values():
            raise ValueError(f"row {number} has another number of cells than the header")
        yield row
    if not number and not may_be_empty:
        raise ValueError("it has no rows")


def read_records(
    file: Path,
    make_record: Callable[[dict[str, str]], Record | None],
    kind: str,
    stage: str,
    may_be_empty: bool = False,
) -> list[Record]:
    """What `make_record` makes of each row, by column, of the table that the stage `stage` wrote; None is left out.

    A table without rows is damaged, unless it `may_be_empty`.
    `make_record` raises ValueError or KeyError for a wrong row. Raises InputError, in one line, where the file is
    missing, cannot be read, or is not `kind`, as in "a manifest".
    """
    try:
        records = map(make_record, each(file, may_be_empty))
        return [record for record in records if record is not None]
    except FileNotFoundError:
        raise InputError(f"{file}: not found; run `dvc repro {stage}` to make it") from None
    except (OSError, ValueError, KeyError, csv.Error) as error:
        raise InputError(f"{file}: not {kind} ({error!r}); run `dvc repro {stage}` to make it again") from None


def finite(text: str) -> float:
    """The number in a cell. Raises ValueError for anything else, and for infinity and NaN."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text} is not a finite number")
    return value


def write(header: list[str], rows: Iterable[Iterable[Any]], file: Path) -> None:
    """Write a header and rows to `file`, whole or not at all: floats with 6 decimals, None as an empty cell."""

    def fill(partial: Path) -> None:
        with partial.open("w", encoding="utf-8", errors="backslashreplace", newline="") as lines:
            lines.writelines(map(_line, itertools.chain([header], rows)))

    write_file(file, fill)


def _line(row: Iterable[Any]) -> str:
    line = io.StringIO()
    # The csv module quotes just the line breaks that it ends a line with: let it think of both kinds.
    csv.writer(line, lineterminator="\r\n").writerow(f"{x:.6f}" if isinstance(x, float) else x for x in row)
    return line.getvalue().removesuffix("\r\n") + "\n"
