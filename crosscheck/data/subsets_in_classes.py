"""Ready-made subsets that lie inside the class folders: `cat/train`, `cat/val`, `dog/train` and so on."""

from dataclasses import dataclass
from pathlib import Path

from crosscheck.core.errors import InputError
from crosscheck.data import layout, ready_subsets, walk
from crosscheck.data.layout import listed


@dataclass(frozen=True)
class SubsetsInClasses:
    """By class folder, the names of the folders of its subsets, each with the subset.

    `beside` names the folders at the top that are not read, `unsorted` those of both kinds that hold images in no
    subset.
    """

    folders: dict[str, dict[str, str]]
    beside: list[str]
    unsorted: list[str]

    @property
    def sources(self) -> dict[str, str]:
        """By subset, where its images are, as in `*/train`."""
        named = sorted({(subset, name) for parts in self.folders.values() for name, subset in parts.items()})
        subsets = ("train", "val", "test")
        found = {subset: ", ".join(f"*/{name}" for each, name in named if each == subset) for subset in subsets}
        return {subset: names for subset, names in found.items() if names}

    @property
    def remarks(self) -> list[str]:
        """What is worth a warning."""
        if not self.unsorted:
            return []
        return [f"the images in {listed(self.unsorted)} that are in no folder of a subset are ignored"]


def find(root: Path, top: list[str]) -> SubsetsInClasses | None:
    """The subsets inside the class folders `top` of `root`; None where no class has a `train` and another one.

    Raises InputError where two folders of a class are the same subset.
    """
    looks = {name: walk.look(root / name) for name in top}
    folders = {name: parts for name, (inside, _) in looks.items() if (parts := _parts(root / name, inside))}
    kinds = [set(parts.values()) for parts in folders.values()]
    if len(top) < 2 or not any("train" in subsets and len(subsets) > 1 for subsets in kinds):
        return None
    unsorted = [
        name
        for name, (inside, images) in looks.items()
        if images
        or any(ready_subsets.holds_images(root / name / each) for each in inside if each not in folders.get(name, ()))
    ]
    return SubsetsInClasses(folders, [name for name in top if name not in folders], unsorted)


def _parts(folder: Path, inside: list[str]) -> dict[str, str]:
    """The folders of subsets in a class folder, those with nothing else in their names, each with the subset."""
    bare = [name for name in inside if layout.is_bare(name)]
    return {name: subset for subset, name in ready_subsets.by_subset(folder, bare).items()}


def refuse_mixture(root: Path, top: list[str], found: SubsetsInClasses) -> None:
    """Raise InputError where images are next to the subsets, so that `root` could be read in two ways."""
    if not found.unsorted:
        return
    raise InputError(
        f"{root}: could be read in two ways: as the classes {listed(top)}, with all images of each in one, or as "
        f"ready-made subsets inside the classes ({listed(list(found.sources.values()))}), without some images of "
        f"{listed(found.unsorted)}, which are in no subset; {layout.SET_LAYOUT} to classes or to subsets"
    )
