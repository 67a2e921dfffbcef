"""Who wrote a file. What the project wrote it may replace; everything else stays, and a command stops before it.

Three things tell. A receipt, in `.crosscheck/` of the project: size and time of each file that was written here, which
an edit changes. A mark, in a folder that DVC does not own: the name and the hash of each file, which travel with the
folder. DVC's cache, for what `dvc.yaml` declares as an output: what DVC keeps is not lost.
"""

import hashlib
import json
import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.core.project import STATES, root

RECEIPTS = Path(".crosscheck") / "written.db"
MARK = ".crosscheck.json"
NOTE = "Crosscheck wrote this folder and replaces the files below. Keep files of your own in another folder."
PARTIAL = ".crosscheck.partial"

# What this process wrote outside of the working directory, which has no receipts.
_elsewhere: dict[str, tuple[int, int]] = {}


def check(*paths: Path) -> None:
    """Raise InputError where a path, a file or a folder, holds a file that would be lost if the path were replaced."""
    doubtful = {path: _doubtful(path) for path in paths if os.path.lexists(path) and not is_private(path)}
    if any(doubtful.values()):
        is_kept = _kept_by_dvc()
        for path, files in doubtful.items():
            for file in files:
                if not is_kept(file):
                    raise InputError(_refusal(path, file))
            if files:
                # Hashing them once is enough.
                record(path)


def _doubtful(path: Path) -> list[Path]:
    """The files at `path` that neither a receipt nor a mark tells of."""
    receipts = _receipts(path)
    return [file for file in files_in(path) if receipts.get(_name(file)) != _signature(file) and not _is_marked(file)]


def _refusal(path: Path, file: Path) -> str:
    what = "was changed since, or Crosscheck did not write it"
    if file == path:
        return f"{path}: is in the place of a result, but {what}; move it away and run this again"
    return f"{file}: {what}, and {path} is about to be replaced; move the file out of that folder and run this again"


def is_private(path: Path) -> bool:
    """Whether nobody but the project has a reason to write there: saved trainings, and outputs that are not whole."""
    own = (root() / STATES, Path.cwd() / RECEIPTS.parent)
    whole = Path(_absolute(path))
    return any(map(whole.is_relative_to, own)) or any(part.endswith(PARTIAL) for part in path.parts)


def files_in(path: Path) -> Iterator[Path]:
    """`path` itself, or every file below it where it is a folder; links to folders are files here."""
    if path.is_symlink() or not path.is_dir():
        yield path
        return
    for folder, folders, names in os.walk(path):
        links = [name for name in folders if Path(folder, name).is_symlink()]
        yield from (Path(folder, name) for name in [*names, *links])


def record(path: Path) -> None:
    """Leave a receipt for `path`, or for every file in it. Without one, the next command asks DVC or stops."""
    if is_private(path):
        return
    here = {_name(file): _signature(file) for file in files_in(path)}
    inside = {name: signature for name, signature in here.items() if not Path(name).is_absolute()}
    _elsewhere.update({name: signature for name, signature in here.items() if name not in inside})
    if inside:
        # A disk that is full or not writable costs the receipt alone.
        with suppress(sqlite3.Error, OSError), closing(_open()) as database, database:
            name = _name(path)
            database.execute("DELETE FROM written WHERE path = ? OR substr(path, 1, ?) = ?", _prefix(name))
            rows = [(each, *signature) for each, signature in inside.items()]
            database.executemany("INSERT OR REPLACE INTO written VALUES (?, ?, ?)", rows)
    _add_to_mark(path)


def _prefix(name: str) -> tuple[str, int, str]:
    return name, len(name) + 1, f"{name}/"


def _receipts(path: Path) -> dict[str, tuple[int, int]]:
    """The receipts of `path` and of all below it: size and time of each file by its name."""
    if not RECEIPTS.exists():
        return dict(_elsewhere)
    asked = "SELECT path, size, changed FROM written WHERE path = ? OR substr(path, 1, ?) = ?"
    with suppress(sqlite3.Error, OSError), closing(_open()) as database:
        found = database.execute(asked, _prefix(_name(path)))
        return _elsewhere | {name: (size, changed) for name, size, changed in found}
    return dict(_elsewhere)


def _open() -> sqlite3.Connection:
    RECEIPTS.parent.mkdir(exist_ok=True)
    database = sqlite3.connect(RECEIPTS, timeout=60)
    database.execute("CREATE TABLE IF NOT EXISTS written (path TEXT PRIMARY KEY, size INTEGER, changed INTEGER)")
    return database


def _name(file: Path) -> str:
    """The path from the working directory, or the whole path where it is elsewhere; links in it are not followed."""
    whole = _absolute(file)
    inside = os.path.relpath(whole) if Path(whole).is_relative_to(Path.cwd()) else whole
    return os.fsencode(inside).decode("utf-8", "backslashreplace")


def _signature(file: Path) -> tuple[int, int]:
    found = file.lstat()
    return found.st_size, found.st_mtime_ns


# Marks.


def folder_for(file: Path) -> Path:
    """The folder for what is made of `file`: next to it, with its name. Raises InputError where it has no ending."""
    if not file.suffix:
        raise InputError(f"{file}: its results would go to a folder of this name; rename the file to {file.name}.yaml")
    return file.with_suffix("")


def claim(folder: Path, remedy: str) -> None:
    """Take `folder` for what the project writes, and leave a mark in it.

    Raises InputError, which ends in `remedy`, for a folder that holds anything and has no mark.
    """
    if (folder / MARK).is_file():
        read_mark(folder)
        return
    if os.path.lexists(folder) and (folder.is_symlink() or not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{folder}: was there before, and Crosscheck did not make it (it has no {MARK}); {remedy}")
    folder.mkdir(parents=True, exist_ok=True)
    write_mark(folder, {})


def read_mark(folder: Path) -> dict[str, str]:
    """The hashes of the files that the mark in `folder` names. Raises InputError where the mark is damaged."""
    mark = folder / MARK
    try:
        content = json.loads(mark.read_text(encoding="utf-8"))
        return {str(name): str(digest) for name, digest in content["files"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        problem = "is not a mark that Crosscheck wrote"
        raise InputError(f"{mark}: {problem}; move the folder {folder} away and run this again") from None


def write_mark(folder: Path, files: dict[str, str]) -> None:
    """Write the mark of `folder`, whole or not at all: `files` are SHA-256 by name."""
    content = json.dumps({"note": NOTE, "files": dict(sorted(files.items()))}, indent=2, ensure_ascii=False) + "\n"
    partial = folder / f"{MARK}{PARTIAL}"
    partial.write_bytes(content.encode("utf-8", "backslashreplace"))
    partial.replace(folder / MARK)


def mark_all(folder: Path) -> None:
    """Leave a mark in `folder` that names every file in it."""
    files = [file for file in files_in(folder) if file.name != MARK]
    write_mark(folder, {file.relative_to(folder).as_posix(): _sha256(file) for file in files})


def _add_to_mark(path: Path) -> None:
    if path.is_file() and path.name != MARK and (path.parent / MARK).is_file():
        write_mark(path.parent, read_mark(path.parent) | {path.name: _sha256(path)})


def _is_marked(file: Path) -> bool:
    folder = next((parent for parent in file.parents if (parent / MARK).is_file()), None)
    if folder is None or not stat.S_ISREG(file.lstat().st_mode):
        return False
    return file == folder / MARK or read_mark(folder).get(file.relative_to(folder).as_posix()) == _sha256(file)


def _sha256(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


# DVC.


def _kept_by_dvc() -> Callable[[Path], bool]:
    """Says whether a file lies in an output of a stage and has a content that DVC's cache holds."""
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    try:
        repository = Repo()
        outputs = [Path(out.fs_path) for out in repository.index.outs if not out.stage.is_data_source]
    except (DvcException, OSError):
        return lambda file: False
    cache = Path(repository.cache.local.path)

    def is_kept(file: Path) -> bool:
        whole = Path(_absolute(file))
        if not file.is_file() or not any(whole.is_relative_to(output) for output in outputs):
            return False
        with file.open("rb") as stream:
            md5 = hashlib.file_digest(stream, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
        return (cache / md5[:2] / md5[2:]).is_file()

    return is_kept


def _absolute(file: Path) -> str:
    return os.path.abspath(file)  # noqa: PTH100 - resolve() would follow a link
