"""Walks through a user's folder: which names count, and which are leftovers of other programs. Changes nothing."""

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from crosscheck.core.errors import InputError
from crosscheck.data import links
from crosscheck.data.packed_texts import PackedTexts

# What operating systems, network drives and archive programs leave in folders, in lower case.
JUNK = {
    "__macosx",
    "__pycache__",
    "@eadir",
    "@recently-snapshot",
    "@recycle",
    "@tmp",
    "#recycle",
    "#snapshot",
    "$recycle.bin",
    "desktop.ini",
    "ehthumbs.db",
    "icon\r",
    "lost+found",
    "network trash folder",
    "system volume information",
    "temporary items",
    "thumbs.db",
}
# Endings of images that Pillow does not know; with those it knows, they tell an unreadable image from another file.
UNKNOWN_TO_PILLOW = (".dng", ".heic", ".heif", ".jxl", ".svg", ".svgz")


class Walk:
    """Lists the files of folders in `root`; what is passed over goes to `ignored`."""

    def __init__(self, root: Path, ignored: list[str]) -> None:
        self.root = root
        self.ignored = ignored
        self.has_links = False

    def files(self, folder: Path, prefix: str) -> PackedTexts:
        """Every file in `folder` and below, in sorted order, each with `prefix` before its path in `folder`."""
        found = PackedTexts()
        self.add_files(folder, prefix, found)
        return found

    def add_files(self, folder: Path, prefix: str, found: PackedTexts) -> int:
        """Add to `found` what `files` gives, and return how many these are."""
        before = len(found)
        # An entry takes several times as much memory as its name, so only those that need a look are kept.
        names: list[bytes] = []
        unusual: dict[bytes, os.DirEntry[str]] = {}
        for entry in _each(folder):
            name = os.fsencode(entry.name)
            names.append(name)
            if is_junk(entry.name) or entry.is_symlink() or entry.is_dir(follow_symlinks=False):
                unusual[name] = entry
        names.sort()
        for name in names:
            if name in unusual:
                self._add_unusual(unusual[name], prefix, found)
            else:
                found.append(f"{prefix}{os.fsdecode(name)}")
        return len(found) - before

    def _add_unusual(self, entry: os.DirEntry[str], prefix: str, found: PackedTexts) -> None:
        path = f"{prefix}{entry.name}"
        if is_junk(entry.name) or (entry.is_symlink() and self._comes_anyway(Path(entry.path))):
            self.ignored.append(path)
        elif entry.is_dir(follow_symlinks=False):
            self.add_files(Path(entry.path), f"{path}/", found)
        else:
            found.append(path)
            self.has_links = True

    def _comes_anyway(self, link: Path) -> bool:
        """A link to a folder in `root`, which is listed where it is; following it could also go round in circles."""
        return links.leads_to_folder(link) and links.stays_inside(link, self.root)


def is_junk(name: str) -> bool:
    """Whether a file or folder of this name is hidden, or a leftover of another program."""
    return name.startswith(".") or name.casefold() in JUNK


def is_named_like_an_image(name: str) -> bool:
    """Whether a file's name, or the end of it that starts with a dot, is one of images. What it holds may differ."""
    end = name[name.rfind(".") :].lower() if "." in name else ""
    return end in Image.registered_extensions() or end in UNKNOWN_TO_PILLOW


def look(folder: Path) -> tuple[list[str], bool]:
    """The sorted names of the sub-folders of `folder`, and whether files that are named like images lie in it."""
    inside, images = [], False
    for entry in _each(folder):
        if is_junk(entry.name):
            continue
        if entry.is_dir(follow_symlinks=False):
            inside.append(entry.name)
        else:
            images = images or is_named_like_an_image(entry.name)
    return sorted(inside, key=os.fsencode), images


def sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    """What is in `folder`, by the bytes of the names. Raises InputError for a folder that cannot be listed."""
    return sorted(_each(folder), key=lambda entry: os.fsencode(entry.name))


def _each(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from entries
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed ({error.strerror}); give yourself permission to read it"
        ) from None
