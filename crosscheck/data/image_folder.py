"""Finds the images of a user's folder: one sub-folder per class. Reads names only, and changes nothing."""

import os
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from crosscheck.core.errors import InputError
from crosscheck.data import class_names, layout, links

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


@dataclass(frozen=True)
class Listing:
    """The candidates for images in a folder; every path is relative to it, with forward slashes, in sorted order.

    `subsets` and `groups` are as long as `paths`, with an empty text where the folder names neither for an image.
    """

    classes: list[str]
    paths: list[str]
    labels: list[int]
    ignored: list[str] = field(default_factory=list)
    has_links: bool = False
    subsets: list[str] = field(default_factory=list)
    groups: list[str] = field(default_factory=list)


def find(root: Path) -> Listing:
    """List the files of each class folder in `root`, sub-folders included.

    Hidden names, leftovers of other programs, files beside the class folders, and links to folders that are in `root`
    anyway are listed as ignored; links to other folders are among the paths, for the reader to refuse.
    Raises InputError for a missing folder, fewer than two classes, a class without any file, a link in the place of a
    class folder, ready-made subsets, or two class names that look the same.
    """
    if not root.is_dir():
        raise InputError(
            f"params.yaml: data.images is {str(root)!r}, which is not a folder; "
            "give it a folder with one sub-folder of images per class"
        )
    classes, ignored = _class_folders(root)
    layout.refuse_subsets(root, classes, _look)
    if len(classes) < 2:
        raise InputError(layout.too_few(root, classes, _look))
    class_names.check(root, classes)
    walk = _Walk(root, ignored)
    paths: list[str] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        files = walk.files(root / name, f"{name}/")
        if not files:
            raise InputError(f"{root}: the class folder {name!r} holds no file; put images into it or move it away")
        paths += files
        labels += [label] * len(files)
    nothing = [""] * len(paths)
    return Listing(classes, paths, labels, ignored, walk.has_links, nothing, nothing)


def files(root: Path) -> list[str]:
    """Every file in the folder `root`, relative to it, in sorted order, as `find` lists those of a class folder.

    Raises InputError for a folder that cannot be listed.
    """
    return _Walk(root, []).files(root, "")


def check_apart(root: Path, output: Path) -> None:
    """Raise InputError where one of the two folders is inside the other, so that the images are only ever read."""
    images, written = root.resolve(), output.resolve()
    if images.is_relative_to(written) or written.is_relative_to(images):
        raise InputError(
            f"params.yaml: data.images is {str(root)!r}, and {str(output)!r}, which is overwritten, is not apart from "
            "it; move the images to a folder of their own"
        )


def _class_folders(root: Path) -> tuple[list[str], list[str]]:
    """The names of the class folders in `root`, and what is ignored beside them."""
    classes: list[str] = []
    ignored: list[str] = []
    linked: list[str] = []
    for entry in _sorted_entries(root):
        link = Path(entry.path)
        if _is_junk(entry.name):
            ignored.append(entry.name)
        elif entry.is_dir(follow_symlinks=False):
            classes.append(_readable_name(entry.name, root))
        elif entry.is_symlink() and (links.leads_to_folder(link) or links.leads_nowhere(link)):
            linked.append(entry.name)
        else:
            ignored.append(entry.name)
    if linked:
        raise InputError(
            f"{root}: holds links where class folders belong ({layout.listed(linked)}), and they are not followed; put "
            "the folders themselves there, or remove the links"
        )
    return classes, ignored


class _Walk:
    """Lists the files of folders in `root`; what is passed over goes to `ignored`."""

    def __init__(self, root: Path, ignored: list[str]) -> None:
        self.root = root
        self.ignored = ignored
        self.has_links = False

    def files(self, folder: Path, prefix: str) -> list[str]:
        found: list[str] = []
        for entry in _sorted_entries(folder):
            path = f"{prefix}{entry.name}"
            if _is_junk(entry.name) or (entry.is_symlink() and self._comes_anyway(Path(entry.path))):
                self.ignored.append(path)
            elif entry.is_dir(follow_symlinks=False):
                found += self.files(Path(entry.path), f"{path}/")
            else:
                found.append(path)
                self.has_links |= entry.is_symlink()
        return found

    def _comes_anyway(self, link: Path) -> bool:
        """A link to a folder in `root`, which is listed where it is; following it could also go round in circles."""
        return links.leads_to_folder(link) and links.stays_inside(link, self.root)


def _is_junk(name: str) -> bool:
    return name.startswith(".") or name.casefold() in JUNK


def _look(folder: Path) -> tuple[list[str], bool]:
    """The names of the sub-folders of `folder`, and whether files that are named like images lie in it directly."""
    entries = [entry for entry in _sorted_entries(folder) if not _is_junk(entry.name)]
    suffixes = Image.registered_extensions()
    inside = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
    return inside, any(Path(entry.name).suffix.lower() in suffixes for entry in entries if entry.name not in inside)


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: os.fsencode(entry.name))
    except OSError as error:
        raise InputError(
            f"{folder}: cannot be listed ({error.strerror}); give yourself permission to read it"
        ) from None


def _readable_name(name: str, root: Path) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{root}: the class folder {name!r} has a name that is not UTF-8; rename it") from None
    return name
