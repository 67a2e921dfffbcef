"""Outputs appear whole or not at all: written under a temporary name, then renamed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from stages.errors import InputError


@contextmanager
def fresh_folder(folder: Path) -> Iterator[Path]:
    """An empty folder to fill: it takes the place of `folder` when the block ends, or is removed with an error."""
    partial = _partial(folder)
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        yield partial
        shutil.rmtree(folder, ignore_errors=True)
        partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def write_file(path: Path, write: Callable[[Path], Any]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to the disk and put it in the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(path)
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


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` as UTF-8, whole or not at all; undecodable bytes of file names are escaped."""
    write_file(path, lambda partial: partial.write_bytes(text.encode("utf-8", "backslashreplace")))


def write_json(path: Path, content: Any) -> None:
    """Write strict JSON, in the order given; NaN and infinity raise ValueError."""
    write_text(path, json.dumps(content, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


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
    return path.with_name(f"{path.name}.partial")
