"""MLflow's database after its project was moved or copied: the places of its files come along.

MLflow keeps the full path of each experiment's, run's and model's files, and has no command that changes one. In a copy
these paths lead into the original, where everything recorded from then on would be written. So they are changed in the
database itself, in one transaction, before MLflow opens it: in the columns below, and only from the project's folder
for artifacts to the one at its new place.
"""

import shlex
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from crosscheck.core.errors import StoreError

WAIT_SECONDS = 20
COLUMNS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)


def follow(database: Path, artifacts: Path) -> None:
    """Let the project's own sqlite file name its files below `artifacts`, and print a line where it did not.

    Call it under the store's lock. Raises StoreError, and changes nothing, where files were left behind or the file
    is shared with another folder, and sqlite3.Error where the file cannot be read or written.
    """
    with closing(sqlite3.connect(database, timeout=WAIT_SECONDS)) as connection:
        tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        if not {table for table, _ in COLUMNS} <= tables:
            return
        before = _former_places(connection, artifacts)
        if not before:
            return
        if database.stat().st_nlink > 1:
            raise StoreError(
                f"{database} is the same file as that of {_path(before[0]).parent}, by a hard link",
                "copy the project again, without hard links",
            )
        for place in before:
            _check_that_all_came_along(connection, place, artifacts)
        with connection:
            for place in before:
                _rewrite(connection, place, artifacts.as_uri())
    former = ", ".join(str(_path(place).parent) for place in before)
    print(
        f"MLflow: this project was moved or copied from {former}; {database.name} now names its files in {artifacts}",
        file=sys.stderr,
    )


def _former_places(connection: sqlite3.Connection, artifacts: Path) -> list[str]:
    """Where experiments of this project have their files, as URIs, other than in `artifacts`."""
    found: set[str] = set()
    for (location,) in connection.execute("SELECT artifact_location FROM experiments"):
        head, middle, _ = str(location).rpartition(f"/{artifacts.name}/")
        if middle and head.startswith("file:///"):
            found.add(f"{head}/{artifacts.name}")
    return sorted(found - {artifacts.as_uri()})


def _check_that_all_came_along(connection: sqlite3.Connection, place: str, artifacts: Path) -> None:
    for table, column in (("runs", "artifact_uri"), ("logged_models", "artifact_location")):
        for (location,) in connection.execute(f"SELECT {column} FROM {table}"):  # noqa: S608 - names from above
            inner = str(location).removeprefix(f"{place}/")
            if inner == location:
                continue
            former, now = _path(location), _path(f"{artifacts.as_uri()}/{inner}")
            if former.exists() and not now.exists():
                raise StoreError(
                    f"this project was moved or copied without its files: {former} is not in {artifacts}",
                    f"run `cp -rn {shlex.quote(str(_path(place)))} {shlex.quote(str(artifacts.parent))}`",
                )


def _rewrite(connection: sqlite3.Connection, former: str, now: str) -> None:
    start = f"{former}/"
    for table, column in COLUMNS:
        connection.execute(
            f"UPDATE {table} SET {column} = ? || substr({column}, ?) WHERE substr({column}, 1, ?) = ?",  # noqa: S608
            (f"{now}/", len(start) + 1, len(start), start),
        )


def _path(uri: str) -> Path:
    return Path(url2pathname(urlsplit(uri).path))
