"""Ready-made subsets: folders such as `train` and `test` that an author made, with class folders inside."""

from dataclasses import dataclass
from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.data import layout, walk
from crosscheck.data.layout import listed

# Folders that hold the images of a subset, whatever their class.
UNSORTED = {"all", "images", "imgs", "unknown", "unlabeled", "unlabelled"}


@dataclass(frozen=True)
class Subsets:
    """The folder that holds the class folders of each subset, relative to the root.

    `beside` names the folders at the top that are not read, `remarks` what is worth a warning.
    """

    folders: dict[str, str]
    beside: list[str]
    remarks: list[str]


def read(root: Path, top: list[str]) -> Subsets:
    """The subsets in `root`, whose folders are `top`.

    Raises InputError where two folders are the same subset, where nothing is there to train on, and where the folders
    in the training images are not classes.
    """
    at = by_subset(root, top)
    train = _find_train(root, at)
    classes = walk.look(train)[0]
    layout.refuse_parts(train, classes)
    folders, remarks = {"train": train}, []
    for subset in ("val", "test"):
        if subset not in at:
            continue
        if found := _find_classes(root / at[subset], classes):
            folders[subset] = found
        else:
            remarks.append(f"the images in {at[subset]!r} are in no class folder, so they are ignored")
    paths = {subset: folder.relative_to(root).as_posix() for subset, folder in folders.items()}
    beside = [name for name in top if name not in {path.split("/")[0] for path in paths.values()}]
    unread = [name for name in beside if name not in at.values() and holds_images(root / name)]
    if unread:
        remarks.append(f"the images in {listed(unread)}, next to the subsets, are ignored")
    return Subsets(paths, beside, remarks)


def by_subset(root: Path, top: list[str]) -> dict[str, str]:
    """Those of the folders `top` in `root` that are subsets. Raises InputError where two are the same one."""
    at: dict[str, str] = {}
    for name, subset in layout.subsets_among(top).items():
        if subset in at:
            raise InputError(
                f"{root}: {at[subset]!r} and {name!r} both read as {subset}; put the images of both into one of them, "
                "or move one away"
            )
        at[subset] = name
    return at


def _find_train(root: Path, at: dict[str, str]) -> Path:
    """The folder with the class folders of the training images."""
    if "train" not in at:
        held = f"{listed(sorted(at.values()))} and no 'train'" if at else f"none of {listed(list(layout.SUBSETS))}"
        raise InputError(
            f"{root}: holds {held}; ready-made subsets need a folder to train on, with a folder for each class in it; "
            f"rename a folder to train, or {layout.SET_LAYOUT} to classes"
        )
    train = layout.innermost(root / at["train"])
    classes = walk.look(train)[0]
    if len(classes) < 2:
        raise InputError(
            f"{train}: holds {f'only the class {classes[0]!r}' if classes else 'no class folder'}; a ready-made subset "
            f"takes two or more, with images in each; make them, or {layout.IN_TABLE}, or {layout.SET_LAYOUT} to "
            "classes"
        )
    return train


def _find_classes(folder: Path, classes: list[str]) -> Path | None:
    """The folder with class folders, `folder` or one below it; None where the images are in no folder of a class."""
    first, deeper = walk.look(folder)[0], folder
    while True:
        inside, images = walk.look(deeper)
        if set(inside) & set(classes):
            return deeper
        if len(inside) != 1 or images:
            break
        deeper /= inside[0]
    if not first or (len(first) == 1 and (first[0].casefold() in UNSORTED or layout.subset_named(first[0]))):
        return None
    # Classes that have no training image: whoever lists them says so.
    return folder


def holds_images(folder: Path) -> bool:
    """Whether a file that is named like an image lies in `folder` or anywhere below it."""
    inside, images = walk.look(folder)
    return images or any(holds_images(folder / name) for name in inside)
