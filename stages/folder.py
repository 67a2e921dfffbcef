"""Finds the images of a user's folder: one sub-folder per class. Reads names only, and changes nothing."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from stages.errors import InputError


@dataclass(frozen=True)
class Listing:
    """The candidates for images in a folder; every path is relative to it, with forward slashes, in sorted order."""

    classes: list[str]
    paths: list[str]
    labels: list[int]
    ignored: list[str] = field(default_factory=list)


def find(root: Path) -> Listing:
    """List the files of each class folder in `root`, sub-folders included.

    Hidden names, files beside the class folders and links to folders are listed as ignored.
    Raises InputError for a missing folder, fewer than two classes, or a class without any file.
    """
    if not root.is_dir():
        raise InputError(
            f"params.yaml: data.images is {str(root)!r}, which is not a folder; "
            "give it a folder with one sub-folder of images per class"
        )
    ignored: list[str] = []
    classes: list[str] = []
    for entry in _sorted_entries(root):
        if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
            ignored.append(entry.name)
        else:
            classes.append(_readable_name(entry.name, root))
    if len(classes) < 2:
        found = f"only the class {classes[0]!r}" if classes else "no class"
        raise InputError(f"{root}: holds {found}; it takes two or more sub-folders, one per class, with images in each")
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        files = _files(root / name, f"{name}/", ignored)
        if not files:
            raise InputError(f"{root}: the class folder {name!r} holds no file; put images into it or move it away")
        paths += files
        labels += [label] * len(files)
    return Listing(classes, paths, labels, ignored)


def files(root: Path) -> list[str]:
    """Every file in the folder `root`, relative to it, in sorted order; hidden names and linked folders are left out.

    Raises InputError for a folder that cannot be listed.
    """
    return _files(root, "", [])


def check_apart(root: Path, output: Path) -> None:
    """Raise InputError where one of the two folders is inside the other, so that the images are only ever read."""
    images, written = root.resolve(), output.resolve()
    if images.is_relative_to(written) or written.is_relative_to(images):
        raise InputError(
            f"params.yaml: data.images is {str(root)!r}, and {str(output)!r}, which is overwritten, is not apart from "
            "it; move the images to a folder of their own"
        )


def _files(folder: Path, prefix: str, ignored: list[str]) -> list[str]:
    found: list[str] = []
    for entry in _sorted_entries(folder):
        path = f"{prefix}{entry.name}"
        if entry.name.startswith(".") or (entry.is_symlink() and Path(entry.path).is_dir()):
            ignored.append(path)
        elif entry.is_dir(follow_symlinks=False):
            found += _files(Path(entry.path), f"{path}/", ignored)
        else:
            found.append(path)
    return found


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise InputError(f"{folder}: cannot be listed ({error.strerror}); mend its permissions") from None


def _readable_name(name: str, root: Path) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{root}: the class folder {name!r} has a name that is not UTF-8; rename it") from None
    return name
