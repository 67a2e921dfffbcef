"""Tells folders of images that are laid out in another way than one sub-folder per class."""

import re
from collections.abc import Callable
from pathlib import Path

from crosscheck.core.errors import InputError

# Of the folder at a path: its sub-folders' names, and whether images lie in it directly.
Look = Callable[[Path], tuple[list[str], bool]]

SUBSETS = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
# With fewer names in common, two classes may well be sorted into the same sub-folders.
ENOUGH_IN_COMMON = 2
SHOWN = 5


def subset_named(name: str) -> str | None:
    """The subset that a folder's name speaks of, as `Test`, `training_set`, `seg_train` and `val2017` do, or None."""
    words = re.split(r"[^a-z]+", name.casefold())
    found = {SUBSETS[word] for word in (word.removesuffix("set") for word in words) if word in SUBSETS}
    return found.pop() if len(found) == 1 else None


def refuse_subsets(root: Path, folders: list[str], look: Look) -> None:
    """Raise InputError where `folders`, those in `root`, are ready-made subsets that hold the class folders.

    They are where the names of two subsets stand side by side, as `train` and `val` do, and one of these folders holds
    folders and no images. Names with other words in them, as `crash-test` has, also need the same folders inside.
    """
    named = {name: subset for name in folders if (subset := subset_named(name))}
    if len(set(named.values())) < 2:
        return
    inner = {name: innermost(root / name, look) for name in named}
    holders = {name: set(look(path)[0]) for name, path in inner.items() if look(path)[0] and not look(path)[1]}
    plain = [name for name in named if name.casefold() in SUBSETS]
    if not _hold_the_same(holders) and (
        len({named[name] for name in plain}) < 2 or not any(name in holders for name in plain)
    ):
        return
    best = min(holders, key=lambda name: (named[name] != "train", name))
    raise InputError(
        f"{root}: holds ready-made subsets ({listed(list(named))}) and not classes; set data.images in params.yaml to "
        f"one of them, such as {str(inner[best])!r}, or put all class folders into one folder"
    )


def _hold_the_same(holders: dict[str, set[str]]) -> bool:
    names = list(holders.values())
    return any(
        len(first & second) >= ENOUGH_IN_COMMON for index, first in enumerate(names) for second in names[index + 1 :]
    )


def innermost(folder: Path, look: Look) -> Path:
    """`folder`, or the first folder below it that holds more than one folder: archives often unpack to one too many."""
    while True:
        inside, images = look(folder)
        if len(inside) != 1 or images:
            return folder
        deeper = folder / inside[0]
        if not look(deeper)[0]:
            return folder
        folder = deeper


def too_few(root: Path, folders: list[str], look: Look) -> str:
    """What to say of a folder with fewer than two class folders."""
    needs = "it takes two or more sub-folders, one per class, with images in each"
    if not folders:
        beside = "images but no sub-folder" if look(root)[1] else "no class"
        return f"{root}: holds {beside}; {needs}"
    inner = innermost(root, look)
    inside = look(inner)[0]
    if inner == root or len(inside) < 2:
        return f"{root}: holds only the class {folders[0]!r}; {needs}"
    return (
        f"{root}: holds only the class {folders[0]!r}; if the classes are {listed(inside)}, set data.images in "
        f"params.yaml to {str(inner)!r}"
    )


def listed(names: list[str]) -> str:
    """The first few names, quoted."""
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {len(names) - SHOWN} more" if len(names) > SHOWN else "")
