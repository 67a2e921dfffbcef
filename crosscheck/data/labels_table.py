"""Reads a table that names the label of each image: a CSV file in the folder of images."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data import layout, links, walk

NEEDED = ("path", "label")
OPTIONAL = ("subset", "group")
# So many are enough to tell a table of these images from another one.
TRIED_ROWS = 20
WINDOWS_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Row:
    """One image: its path as it stands in the table, label, subset and group, where given, and line in the table."""

    path: str
    label: str
    subset: str
    group: str
    line: int


@dataclass(frozen=True)
class Matched:
    """The rows of a table, compared with the files of the folder.

    `rows`: by path, those of files that are there; `missing`: those of files that are not there, with their labels;
    `hidden`: paths of hidden files and leftovers, which are not images; `unlisted`: images that no row names;
    `others`: files that are not named like images, and that no row names.
    """

    rows: dict[str, Row]
    missing: dict[str, str]
    hidden: list[str]
    unlisted: list[str]
    others: list[str]


def read(root: Path, name: str) -> list[Row]:
    """The rows of the table `name`, a path in `root`.

    Its columns are path, label, and where given subset and group; others are passed over. Text is UTF-8, columns are
    separated by commas, spaces around names and values do not count. Raises InputError, in one line, for a table that
    is not in `root` or cannot be read, a missing column, and a row without a path or a label, with an unknown subset,
    or with a path that leads out of `root`.
    """
    file = root / name
    try:
        _expect_inside(root, file)
        with file.open(encoding="utf-8-sig", newline="") as lines:
            rows = list(_rows(file, lines))
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror}); correct data.labels in params.yaml") from None
    except UnicodeDecodeError:
        raise InputError(f"{file}: is not UTF-8; save it as CSV in UTF-8") from None
    except csv.Error as error:
        raise InputError(f"{file}: is not a CSV file ({error}); save it as one, separated by commas") from None
    if not rows:
        raise InputError(f"{file}: names no image; write a row with path and label for each image")
    return rows


def _expect_inside(root: Path, file: Path) -> None:
    if not file.is_file():
        raise InputError(
            f"{file}: no such file; set {layout.LABELS} to the name of a CSV file in the folder of images, or to none"
        )
    if not links.is_followed(file, root):
        raise InputError(f"{file}: leads out of {str(root)!r}; copy the table into the folder, so that DVC tracks it")


def _rows(file: Path, lines: Iterable[str]) -> Iterator[Row]:
    cells_of = csv.reader(lines, strict=True)
    header = _header(cells_of)
    columns = {name: header.index(name) for name in (*NEEDED, *OPTIONAL) if name in header}
    _expect_columns(file, header)
    for cells in cells_of:
        if not cells:
            continue
        if len(cells) != len(header):
            raise InputError(
                f"{file}: line {cells_of.line_num} has {len(cells)} cells, and the header {len(header)}; put a value "
                "that holds a comma between double quotes"
            )
        values = {name: cells[column] for name, column in columns.items()}
        yield _make_row(file, cells_of.line_num, values)


def _header(cells_of: Iterator[list[str]]) -> list[str]:
    return [name.strip().casefold() for name in next(cells_of, [])]


def names_images(root: Path, file: Path) -> bool:
    """Whether `file` is a table of labels by its columns, and one of its first rows names a file in `root`."""
    try:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            cells_of = csv.reader(lines)
            header = _header(cells_of)
            if not set(header) >= set(NEEDED):
                return False
            column = header.index("path")
            paths = [cells[column] for cells in islice(cells_of, TRIED_ROWS) if len(cells) > column]
    except (OSError, UnicodeDecodeError, csv.Error):
        return False
    return any(path.strip() and not _leaves(path.strip()) and _is_there(root, path) for path in paths)


def _is_there(root: Path, path: str) -> bool:
    return any((root / written).is_file() for written in _ways_to_write(path))


def _expect_columns(file: Path, header: list[str]) -> None:
    for name in NEEDED:
        if name not in header:
            raise InputError(
                f"{file}: has no column {name!r}; its first line must name the columns path and label, separated by "
                f"commas, and it names {layout.listed(header) or 'nothing'}"
            )
    for name in (*NEEDED, *OPTIONAL):
        if header.count(name) > 1:
            raise InputError(f"{file}: has {header.count(name)} columns {name!r}; rename all but one of them")


def _make_row(file: Path, line: int, values: dict[str, str]) -> Row:
    path, label, subset, group = (values.get(name, "") for name in (*NEEDED, *OPTIONAL))
    if not path.strip():
        raise InputError(f"{file}: line {line} has no path; name the image, or remove the line")
    if not label.strip():
        raise InputError(f"{file}: line {line} ({path!r}) has no label; name it, or remove the line")
    if _leaves(path.strip()):
        raise InputError(
            f"{file}: line {line} names {path!r}, which is not in the folder; write paths relative to it, without '..'"
        )
    known = subset.strip().casefold()
    if known and known not in layout.SUBSETS:
        raise InputError(
            f"{file}: line {line} has the subset {subset!r}; write train, val or test, or leave it empty to let the "
            "split decide"
        )
    return Row(path, label.strip(), layout.SUBSETS.get(known, ""), group.strip(), line)


def _leaves(path: str) -> bool:
    parts = PurePosixPath(path.replace("\\", "/")).parts
    return not parts or ".." in parts or parts[0].startswith("/") or WINDOWS_DRIVE.fullmatch(parts[0]) is not None


def match(root: Path, name: str, rows: list[Row], found: Sequence[str]) -> Matched:
    """Bring the `rows` of the table `name` together with the paths `found` in `root`, in the order of the latter.

    A path may begin with `./`, have spaces around it, or the other slash of Windows. Raises InputError where two rows
    name the same file.
    """
    file = root / name
    present = set(found)
    at: dict[str, Row] = {}
    for row in rows:
        path = _located(row.path, present)
        if path in at:
            raise InputError(f"{file}: lines {at[path].line} and {row.line} both name {path!r}; remove one of them")
        at[path] = row
    absent = [path for path in at if path not in present]
    hidden = {path for path in absent if any(map(walk.is_junk, path.split("/")))}
    unnamed = [path for path in found if path not in at and root / path != file]
    unlisted = [path for path in unnamed if walk.is_named_like_an_image(path)]
    return Matched(
        {path: at[path] for path in found if path in at},
        {path: at[path].label for path in absent if path not in hidden},
        sorted(hidden),
        unlisted,
        [path for path in unnamed if not walk.is_named_like_an_image(path)],
    )


def _located(path: str, present: set[str]) -> str:
    """The path as the folder has it, or as it should."""
    ways = _ways_to_write(path)
    return next((way for way in ways if way in present), ways[-1])


def _ways_to_write(path: str) -> list[str]:
    """As it stands, without spaces around it and `./`, and with the slashes of Windows turned."""
    return [path, str(PurePosixPath(path.strip())), str(PurePosixPath(path.strip().replace("\\", "/")))]


def expect_files(root: Path, name: str, missing: dict[str, str], params: SplitParams) -> None:
    """Raise InputError where the table names files that are not there, unless bad images are skipped."""
    if missing and params.on_bad_image == "fail":
        raise InputError(
            f"{root / name}: names {len(missing)} images that are not there, such as {next(iter(missing))!r}; correct "
            f"the paths, which are relative to {str(root)!r}, or set split.on_bad_image to skip in params.yaml"
        )
