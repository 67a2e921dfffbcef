"""What `split` found in the folder, and how it tells the user."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data import class_names, depth, near_duplicates, split_sizes
from crosscheck.data.decoding import Decoded
from crosscheck.data.read_images import ReadImage, ReadImages
from crosscheck.data.splitting import SUBSETS, repeated

MOST_PAIRS = 100


@dataclass
class Corpus:
    """The images read so far, and the files that are not images.

    `notes`, `skipped`: remarks by path; `narrow`: what images use of their range, where that is little.
    """

    images: ReadImages = field(default_factory=ReadImages)
    notes: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    narrow: dict[str, depth.Used] = field(default_factory=dict)

    def add(self, path: str, label: int, decoded: Decoded, given: str = "", listed: str = "") -> None:
        hashes = decoded.sha256, decoded.pixels_sha256, decoded.look
        self.images.append(ReadImage(path, label, *hashes, given, listed))
        if decoded.note:
            self.notes[path] = decoded.note
        if decoded.narrow:
            self.narrow[path] = decoded.narrow

    def expect_images(self, root: Path, classes: list[str]) -> None:
        """Raise InputError where no image was read of one of the `classes`, which are folders in `root`."""
        filled = set(self.images.labels)
        empty = [name for label, name in enumerate(classes) if label not in filled]
        if not empty:
            return
        others = [path for path in (*self.skipped, *self.ignored) if path.startswith(f"{empty[0]}/")]
        held = f"it holds {len(others)} other files, such as {others[0]!r}" if others else "it holds no file"
        if others and others[0] in self.skipped:
            held += f" ({self.skipped[others[0]]})"
        more = f", like {len(empty) - 1} more classes" if len(empty) > 1 else ""
        raise InputError(
            f"{root}: the class {empty[0]!r} holds no image{more}; {held}; put images into its folder or move the "
            "folder away"
        )


def make(
    corpus: Corpus,
    pixels: NDArray[np.uint8],
    classes: list[str],
    subset_of: list[str],
    params: SplitParams,
    groups: Sequence[str] = (),
) -> dict[str, Any]:
    """Counts by class and subset, duplicates and near-duplicates, and what was ignored, skipped or remarkable.

    `pixels` holds the images in the order of `corpus`, and `groups` names the group of each, if there are groups.
    """
    images = corpus.images
    counted = Counter(zip(images.labels, subset_of, strict=True))
    counts = {name: {subset: counted[label, subset] for subset in SUBSETS} for label, name in enumerate(classes)}
    asked = split_sizes.resolve(images.labels, images.given, classes, params)
    equals = duplicates(corpus)
    pairs = near_duplicates.across_subsets(pixels, images.looks, images.pixels, subset_of)
    return {
        "counts": counts,
        "asked": {subset: dict(zip(classes, sizes, strict=True)) for subset, sizes in asked.items()},
        "fewer_than_asked": {
            subset: {
                name: size - counts[name][subset]
                for name, size in zip(classes, sizes, strict=True)
                if counts[name][subset] < size
            }
            for subset, sizes in asked.items()
        },
        "given": sorted(set(images.given) - {""}),
        "groups": {
            "named_by": "labels" if any(images.listed) else params.group_by,
            "count": len(set(groups) - {""}),
            "images": sum(map(bool, groups)),
        },
        "fold": {"folds": params.folds, "fold": params.fold},
        "duplicates": equals,
        "duplicates_across_classes": [group for group in equals if len(set(group.values())) > 1],
        "near_duplicates_across_subsets_count": len(pairs),
        "near_duplicates_across_subsets": [_named(pair, corpus, subset_of) for pair in pairs[:MOST_PAIRS]],
        "narrow_ranges": depth.found(corpus.narrow),
        "class_names": class_names.remarks(classes),
        "notes": corpus.notes,
        "skipped": corpus.skipped,
        "ignored": sorted(corpus.ignored),
    }


def _named(pair: near_duplicates.Pair, corpus: Corpus, subset_of: list[str]) -> dict[str, Any]:
    members = (pair.first, pair.second)
    return {
        "subsets": {corpus.images[member].path: subset_of[member] for member in members},
        "difference": round(pair.difference, 4),
    }


def duplicates(corpus: Corpus) -> list[dict[str, int]]:
    """Groups of images with the same pixels once converted, as path to label."""
    return [
        {corpus.images[member].path: corpus.images[member].label for member in members}
        for members in repeated(corpus.images.pixels).values()
    ]


def summary(found: dict[str, Any]) -> str:
    """A few lines for the terminal about a report from `make`; the details are in report.json."""
    totals = {subset: sum(counts[subset] for counts in found["counts"].values()) for subset in SUBSETS}
    sizes = ", ".join(f"{total} {subset}" for subset, total in totals.items())
    lines = [f"{sum(totals.values())} images of {len(found['counts'])} classes: {sizes}", *_how_split(found)]
    if remarks := _remarks(found):
        lines += [*remarks, "report.json beside the manifest lists them all"]
    return "\n".join(lines)


def _how_split(found: dict[str, Any]) -> list[str]:
    lines = []
    kept = [subset for subset in split_sizes.DRAWN if subset in found["given"]]
    if kept:
        lines.append(f"{' and '.join(kept)} as the folder gives {'it' if len(kept) == 1 else 'them'}")
    groups, fold = found["groups"], found["fold"]
    if groups["count"]:
        alone = sum(sum(counts.values()) for counts in found["counts"].values()) - groups["images"]
        lines.append(
            f"{groups['count']} groups, each in one subset (split.group_by: {groups['named_by']})"
            if groups["named_by"] != "labels"
            else f"{groups['count']} groups of the table of labels, each in one subset"
        )
        if alone:
            lines[-1] += f"; {alone} images are in no group"
    if fold["folds"]:
        lines.append(f"fold {fold['fold']} of 0 to {fold['folds'] - 1}: the test sets of all folds are all images")
    return lines


def _remarks(found: dict[str, Any]) -> list[str]:
    lines = [f"warning: {remark}" for remark in found["class_names"]]
    lines += depth.warnings(found["narrow_ranges"])
    if found["duplicates"]:
        lines.append(f"{len(found['duplicates'])} groups of images have the same pixels; each stays in one subset")
    if found["duplicates_across_classes"]:
        count = len(found["duplicates_across_classes"])
        lines.append(f"warning: {count} of these groups stand in more than one class, so labels contradict")
    for subset, missing in found["fewer_than_asked"].items():
        if missing:
            lines.append(
                f"warning: {subset} has fewer images than asked for in {len(missing)} classes, "
                f"since duplicates {'and groups ' if found['groups']['count'] else ''}stay together"
            )
    if found["near_duplicates_across_subsets_count"]:
        count = found["near_duplicates_across_subsets_count"]
        lines.append(f"warning: {count} pairs of images in different subsets are near-duplicates")
    if found["skipped"]:
        lines.append(f"warning: {len(found['skipped'])} unreadable images skipped")
    if found["ignored"]:
        names = [name if name.isprintable() else repr(name) for name in found["ignored"]]
        shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
        lines.append(f"{len(names)} files or folders that are not images ignored: {shown}")
    return lines
