"""Finds files with the same content: by their size first, so that few of them are read."""

import stat
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

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

    def apart(self, places: Iterable[tuple[str, object]]) -> list[list[str]]:
        """The groups that are in two or more places, given the place of each file's path; an empty text is none."""
        grouped = {path for paths in self.groups for path in paths}
        place_of = {path: place for path, place in places if path in grouped}
        return [paths for paths in self.groups if len({place_of[path] for path in paths} - {""}) > 1]


def find_duplicates(root: Path, listing: Listing) -> Duplicates:
    """Compare the files of `listing` with the same size, the smallest first, up to MOST_BYTES and MOST_FILES."""
    sizes = np.fromiter((_size(root / path) for path in listing.paths), dtype=np.int64, count=len(listing.paths))
    by_size = np.argsort(sizes, kind="stable")
    known, starts, counts = np.unique(sizes[by_size], return_index=True, return_counts=True)
    same: dict[str, list[str]] = defaultdict(list)
    files = read = unread = 0
    for size, start, count in zip(known.tolist(), starts.tolist(), counts.tolist(), strict=True):
        if size == 0 or count == 1:
            continue
        room = max(0, min(MOST_FILES - files, (MOST_BYTES - read) // size, count))
        unread += count - room
        files, read = files + room, read + size * room
        for row in by_size[start : start + room].tolist():
            path = listing.paths[row]
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
