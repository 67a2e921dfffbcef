"""The manifest: which file of the user's became which row of which subset."""

from collections.abc import Iterable
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from crosscheck.core import tables
from crosscheck.core.errors import InputError


@dataclass(frozen=True)
class Row:
    """One image: its path in the folder, class, subset, row in the subset's arrays, and SHA-256 of the file.

    `given_subset` is the one that the folder itself names, and `group` the images that it stays together with; both
    are empty where there is none. Manifests of earlier releases do not have these two columns.
    """

    path: str
    class_name: str
    subset: str
    row: int
    sha256: str
    given_subset: str = ""
    group: str = ""


def write(rows: Iterable[Row], file: Path) -> None:
    """Write the rows with a header, in the order given."""
    tables.write([field.name for field in fields(Row)], map(astuple, rows), file)


def parse(cells: dict[str, str]) -> Row:
    """A row from its cells by column. Raises KeyError or ValueError for cells of another table."""
    known = {name: cells.get(name, "") for name in ("given_subset", "group")}
    return Row(cells["path"], cells["class_name"], cells["subset"], int(cells["row"]), cells["sha256"], **known)


def read_paths(file: Path, subset: str, count: int) -> list[str]:
    """The paths of the `count` images of `subset`, by row.

    Raises InputError where the manifest is missing or does not name just that many.
    """

    def numbered(row: dict[str, str]) -> tuple[int, str] | None:
        return (int(row["row"]), row["path"]) if row["subset"] == subset else None

    found = tables.read_records(file, numbered, "a manifest", "split")
    if sorted(row for row, _ in found) != list(range(count)):
        raise InputError(f"{file}: does not name the {count} images of {subset}; run `dvc repro split` again")
    return [path for _, path in sorted(found)]
