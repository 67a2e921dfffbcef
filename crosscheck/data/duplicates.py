"""Finds files with the same content: by their size first, so that few of them are read."""

import stat
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

from crosscheck.core.files import sha256
from crosscheck.data.image_folder import Listing

# So much takes a second or two to read and hash.
MOST_BYTES, MOST_FILES = 256 * 2**20, 4000


@dataclass(frozen=True)
class Duplicates:
    """Groups of paths with the same bytes; `unread` files share their size with others and were not compared."""

    groups: list[list[str]]
    unread: int

    @property
    def surplus(self) -> int:
        """How many files could go without losing a picture."""
        return sum(len(paths) - 1 for paths in self.groups)

    def apart(self, places: dict[str, str]) -> list[list[str]]:
        """The groups that stand in two or more of `places`, by path; an empty text is no place."""
        return [paths for paths in self.groups if len({places[path] for path in paths} - {""}) > 1]


def find_duplicates(root: Path, listing: Listing) -> Duplicates:
    """Compare the files of `listing` with the same size, the smallest first, up to MOST_BYTES and MOST_FILES."""
    by_size: dict[int, list[str]] = defaultdict(list)
    for path in listing.paths:
        if size := _size(root / path):
            by_size[size].append(path)
    same: dict[str, list[str]] = defaultdict(list)
    files = read = unread = 0
    for size, paths in sorted(by_size.items()):
        if len(paths) == 1:
            continue
        room = min(MOST_FILES - files, (MOST_BYTES - read) // size)
        compared = paths[: max(room, 0)]
        unread += len(paths) - len(compared)
        files, read = files + len(compared), read + size * len(compared)
        for path in compared:
            if digest := _digest(root / path):
                same[digest].append(path)
    return Duplicates([paths for paths in same.values() if len(paths) > 1], unread)


def _size(file: Path) -> int:
    """The size of a regular file in bytes, or 0."""
    try:
        found = file.stat()
    except (OSError, ValueError):
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _digest(file: Path) -> str:
    try:
        return sha256(file)
    except OSError:
        # Decoding it says what is wrong with it.
        return ""
