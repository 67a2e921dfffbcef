"""Decides how a folder of images is read: its folders are the classes, or ready-made subsets that hold these."""

from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import Layout
from crosscheck.data import layout, ready_subsets, subsets_in_classes, walk
from crosscheck.data.layout import listed
from crosscheck.data.ready_subsets import Subsets
from crosscheck.data.subsets_in_classes import SubsetsInClasses

# With fewer names in common, two classes may well be sorted into the same sub-folders.
ENOUGH_IN_COMMON = 2


def decide(root: Path, top: list[str], asked: Layout) -> Subsets | SubsetsInClasses | None:
    """The ready-made subsets in `root`, or None where its folders `top` are the classes without any.

    Raises InputError where `asked` is auto and `root` could be either, or where folders are neither, as `images` and
    `labels` are, and where the subsets cannot be read.
    """
    if asked == "classes":
        return None
    if asked == "auto":
        layout.refuse_parts(root, top)
        if not _are_subsets(root, top):
            inside = subsets_in_classes.find(root, top)
            _refuse_wrapped(root, top, is_in_each=inside is not None and not inside.unsorted)
            if inside:
                subsets_in_classes.refuse_mixture(root, top, inside)
            return inside
    elif not layout.subsets_among(top) and (inside := subsets_in_classes.find(root, top)):
        return inside
    return ready_subsets.read(root, top)


def _are_subsets(root: Path, top: list[str]) -> bool:
    """Whether `top` are subsets and not classes. Raises InputError where they could be either."""
    named = layout.subsets_among(top)
    if len(set(named.values())) < 2:
        return len(named) == 1 and _is_training_set(root, top, *named)
    sorted_into = _class_folders(root, list(named))
    alike, bare = _hold_the_same(list(sorted_into.values())), layout.are_bare(named)
    if not alike and not bare:
        return False
    if not sorted_into:
        raise _neither(root, list(named))
    inside = set.union(*sorted_into.values())
    others = [name for name in top if name not in named and inside & set(walk.look(root / name)[0])]
    if others or not bare:
        raise _either(root, top, list(named), inside)
    return True


def _is_training_set(root: Path, top: list[str], name: str) -> bool:
    """Whether `name`, the only folder in `root` with a subset's name, is a training set and no class."""
    inside = _class_folders(root, [name]).get(name, set())
    if layout.subset_named(name) != "train" or not layout.is_bare(name) or len(inside) < 2:
        return False
    others = [other for other in top if other != name and ready_subsets.holds_images(root / other)]
    if any(walk.look(root / other)[0] for other in others):
        return False
    if others:
        raise _either(root, top, [name], inside)
    return True


def _class_folders(root: Path, names: list[str]) -> dict[str, set[str]]:
    """Those of the folders that hold folders and no images, with the names of these folders."""
    looks = {name: walk.look(layout.innermost(root / name)) for name in names}
    return {name: set(inside) for name, (inside, images) in looks.items() if inside and not images}


def _hold_the_same(names: list[set[str]]) -> bool:
    return any(
        len(first & second) >= ENOUGH_IN_COMMON for index, first in enumerate(names) for second in names[index + 1 :]
    )


def _either(root: Path, top: list[str], subsets: list[str], classes: set[str]) -> InputError:
    return InputError(
        f"{root}: could be read in two ways: as the classes {listed(top)}, or as ready-made subsets "
        f"({listed(subsets)}) of the classes {listed(sorted(classes))}; {layout.SET_LAYOUT} to classes or to subsets"
    )


def _neither(root: Path, names: list[str]) -> InputError:
    return InputError(
        f"{root}: could be read in two ways: as the classes {listed(names)}, or as ready-made subsets whose "
        f"images are in no class folder; {layout.SET_LAYOUT} to classes, or make a folder for each class in each of "
        f"them and set it to subsets, or {layout.IN_TABLE}"
    )


def _refuse_wrapped(root: Path, top: list[str], is_in_each: bool) -> None:
    """Raise InputError where one of several folders in `root` holds ready-made subsets: it is most likely not a class.

    `is_in_each`: all of the folders hold subsets. Then these have to hold the same folders.
    """
    for name in top if len(top) > 1 else []:
        inner = layout.innermost(root / name)
        named = layout.subsets_among(walk.look(inner)[0])
        if len(set(named.values())) < 2 or not layout.are_bare(named):
            continue
        sorted_into = list(_class_folders(inner, list(named)).values())
        if _hold_the_same(sorted_into) or (
            not is_in_each and any(len(inside) >= ENOUGH_IN_COMMON for inside in sorted_into)
        ):
            raise InputError(
                f"{root}: could be read in two ways: as the classes {listed(top)}, or as ready-made subsets "
                f"({listed(list(named))}) in one of them; {layout.SET_LAYOUT} to classes, or take {str(inner)!r} as "
                "the folder, with data.layout subsets"
            )


def too_few(root: Path, folders: list[str]) -> str:
    """What to say of a folder with fewer than two class folders."""
    needs = "make two or more sub-folders, one per class, with images in each"
    table = next((entry.name for entry in walk.sorted_entries(root) if entry.name.lower().endswith(".csv")), None)
    if table:
        needs += f", or {layout.LABELS} set to {table!r}, if it names the label of each image"
    if not folders:
        beside = "images but no sub-folder" if walk.look(root)[1] else "no class"
        return f"{root}: holds {beside}; {needs}"
    inner = layout.innermost(root)
    inside = walk.look(inner)[0]
    if inner == root or len(inside) < 2:
        return f"{root}: holds only the class {folders[0]!r}; {needs}"
    are = "ready-made subsets" if len(set(layout.subsets_among(inside).values())) > 1 else "classes"
    return (
        f"{root}: holds only the class {folders[0]!r}; if the {are} are {listed(inside)}, take {str(inner)!r} as the "
        "folder (data.images in params.yaml)"
    )
