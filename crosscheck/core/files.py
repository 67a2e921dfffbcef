"""Outputs appear whole or not at all: written under a temporary name, then renamed.

Only this module and `ownership` remove and replace files; a test holds that. Neither takes away a file that the project
did not write.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from crosscheck.core import ownership
from crosscheck.core.errors import InputError


@contextmanager
def fresh_folder(folder: Path, marked: bool = False) -> Iterator[Path]:
    """An empty folder to fill: it takes the place of `folder` when the block ends, or is removed with an error.

    `marked` leaves a mark in it, for a folder that DVC does not own. Raises InputError, and leaves `folder` as it is,
    where it holds a file that the project did not write.
    """
    ownership.check(folder)
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        if marked:
            ownership.mark_all(partial)
        # Again, since the block may have taken hours.
        ownership.check(folder)
        if folder.exists():
            shutil.rmtree(folder)
        partial.rename(folder)
        ownership.record(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_file(path: Path, write: Callable[[Path], Any], vouched: bool = False) -> None:
    """Let `write` fill a temporary file next to `path`, flush it to the disk and put it in the place of `path`.

    Raises InputError, and leaves `path` as it is, where a file stands there that the project did not write. `vouched`
    is for names that nobody else uses, in a folder that holds the project's mark.
    """
    if not vouched:
        ownership.check(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
    # Left by a process that was killed.
    partial.unlink(missing_ok=True)
    try:
        write(partial)
        with partial.open("rb+") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError as error:
        if error.filename is not None:
            raise
        # A full disk comes without a name.
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        partial.unlink(missing_ok=True)
    ownership.record(path)


def write_text(path: Path, text: str, vouched: bool = False) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all; undecodable bytes of file names are escaped."""
    write_file(path, lambda partial: partial.write_bytes(text.encode("utf-8", "backslashreplace")), vouched)


def write_json(path: Path, content: Any, vouched: bool = False) -> None:
    """Write strict JSON, in the order given; NaN and infinity raise ValueError."""
    text = json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n"
    write_text(path, text, vouched)


def new_file(path: Path, write: Callable[[Path], Any]) -> None:
    """As `write_file`, for a file that is not there yet; one that appears meanwhile stays as it is."""
    if not os.path.lexists(path):
        write_file(path, write)


def remove_file(file: Path, vouched: bool = False) -> None:
    """Remove a file, if it is there. Raises InputError for one that the project did not write, unless `vouched` for."""
    if not vouched:
        ownership.check(file)
    file.unlink(missing_ok=True)


def remove_state(path: Path) -> None:
    """Remove a file or a folder of the project's own: a saved training. Raises ValueError for any other place."""
    if not ownership.is_private(path):
        raise ValueError(f"{path} is not a saved state")
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def replace_state(old: Path, new: Path) -> None:
    """Let the saved state `old` take the place of `new`. Raises ValueError outside of the saved trainings."""
    if not ownership.is_private(new):
        raise ValueError(f"{new} is not a saved state")
    old.replace(new)


def read_json(path: Path) -> Any:
    """Read a JSON object written by an earlier stage.

    Raises InputError where the file is missing or is not one.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run `dvc repro` to make it") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: not readable as JSON ({error}); run `dvc repro` to make it again") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: must hold a JSON object; run `dvc repro` to make it again")
    return content


def sha256(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _partial(path: Path) -> Path:
    return path.with_name(f"{path.name}{ownership.PARTIAL}")
