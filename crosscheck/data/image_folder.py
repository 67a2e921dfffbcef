"""Finds the images of a user's folder, and their classes. Reads names and a table of labels, and changes nothing."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import Layout
from crosscheck.data import class_names, labels_table, layout, links, reading, ready_subsets, walk
from crosscheck.data.packed_texts import FewTexts, PackedTexts
from crosscheck.data.subsets_in_classes import SubsetsInClasses

ReadAs = Literal["classes", "subsets", "table"]


@dataclass(frozen=True)
class Listing:
    """The candidates for images in a folder; every path is relative to it, with forward slashes, in sorted order.

    `subsets` and `groups` are as long as `paths`, with an empty text where the folder names neither for an image.
    `read_as` says what names the classes; `sources` are the folder of each ready-made subset, or the table; `remarks`
    are worth a warning. `missing`: files that the table names and that are not there, with their labels; `unlisted`:
    images that it does not name.
    """

    classes: list[str]
    paths: Sequence[str]
    labels: list[int]
    ignored: list[str] = field(default_factory=list)
    has_links: bool = False
    subsets: Sequence[str] = field(default_factory=list)
    groups: Sequence[str] = field(default_factory=list)
    read_as: ReadAs = "classes"
    sources: dict[str, str] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)
    missing: dict[str, str] = field(default_factory=dict)
    unlisted: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _ClassFolder:
    """A folder of images of one class, by its path in the root."""

    path: str
    name: str
    subset: str = ""


def find(root: Path, layout: Layout = "auto", labels: str = "none") -> Listing:
    """List the images in `root` with their classes, which its folders name, or the table `labels` in it.

    `layout` and `labels` are as in the section `data` of params.yaml.

    Hidden names, leftovers of other programs, files next to the class folders, and links to folders that are in `root`
    anyway are listed as ignored; links to other folders are among the paths, for the reader to refuse.
    Raises InputError for a missing folder, one that can be read in two ways, ready-made subsets or a table that cannot
    be used, fewer than two classes, a class without any file or without one to train on, a link in the place of a class
    folder, or two class names that look the same.
    """
    if not root.is_dir():
        raise InputError(
            f"params.yaml: data.images is {str(root)!r}, which is not a folder; "
            "give it a folder with one sub-folder of images per class"
        )
    listing = _list_folders(root, layout) if labels == "none" else _list_table(root, labels)
    _expect_training_images(root, listing)
    return listing


def _list_folders(root: Path, layout: Layout) -> Listing:
    ignored: list[str] = []
    top = _class_folders(root, "", ignored)
    ready = reading.decide(root, top, layout)
    sources: dict[str, str] = {}
    if isinstance(ready, SubsetsInClasses):
        found, sources = list(_folders_in_classes(root, ready, ignored)), ready.sources
        read_as: ReadAs = "subsets"
    elif ready:
        found, sources = list(_folders_in_subsets(root, ready, ignored)), ready.folders
        read_as = "subsets"
    elif len(top) < 2:
        raise InputError(reading.too_few(root, top))
    else:
        found, read_as = [_ClassFolder(name, name) for name in top], "classes"
    classes = sorted({each.name for each in found}, key=os.fsencode)
    class_names.check(root, classes)
    walked = walk.Walk(root, ignored)
    label_of = {name: label for label, name in enumerate(classes)}
    paths, subsets, groups = PackedTexts(), FewTexts(), FewTexts()
    labels: list[int] = []
    for each in found:
        files = walked.add_files(root / each.path, f"{each.path}/", paths)
        if not files and each.subset in ("", "train"):
            raise InputError(
                f"{root}: the class folder {each.path!r} holds no file; put images into it or move it away"
            )
        labels += [label_of[each.name]] * files
        subsets.append(each.subset, files)
        groups.append("", files)
    remarks = ready.remarks if ready else []
    return Listing(
        classes, paths, labels, ignored, walked.has_links, subsets, groups, read_as, sources=sources, remarks=remarks
    )


def _folders_in_subsets(root: Path, ready: ready_subsets.Subsets, ignored: list[str]) -> Iterator[_ClassFolder]:
    """The class folders of ready-made subsets, in sorted order; what is next to them on the way goes to `ignored`."""
    ignored.extend(ready.beside)
    for subset, path in sorted(ready.folders.items(), key=lambda item: os.fsencode(item[1])):
        steps = path.split("/")
        for depth in range(1, len(steps) + 1):
            inside = _class_folders(root, "/".join(steps[:depth]) + "/", ignored)
        yield from (_ClassFolder(f"{path}/{name}", name, subset) for name in inside)


def _folders_in_classes(root: Path, ready: SubsetsInClasses, ignored: list[str]) -> Iterator[_ClassFolder]:
    """The folders of the subsets of each class, in sorted order; what is next to them goes to `ignored`."""
    ignored.extend(ready.beside)
    for name, subsets in ready.folders.items():
        for inside in _class_folders(root, f"{name}/", ignored):
            if inside in subsets:
                yield _ClassFolder(f"{name}/{inside}", name, subsets[inside])
            else:
                ignored.append(f"{name}/{inside}")


def _list_table(root: Path, name: str) -> Listing:
    ignored: list[str] = []
    rows = labels_table.read(root, name)
    walked = walk.Walk(root, ignored)
    matched = labels_table.match(root, name, rows, walked.files(root, ""))
    classes = sorted({row.label for row in rows})
    if len(classes) < 2:
        raise InputError(f"{root / name}: names only the label {classes[0]!r}; name images of two labels or more")
    class_names.check(root / name, classes, "labels")
    label_of = {label: index for index, label in enumerate(classes)}
    found = matched.rows.values()
    remarks = []
    if matched.hidden:
        remarks.append(
            f"{name} names {len(matched.hidden)} hidden files or leftovers of other programs, such as "
            f"{matched.hidden[0]!r}; they are ignored"
        )
    return Listing(
        classes,
        PackedTexts(matched.rows),
        [label_of[row.label] for row in found],
        ignored + matched.others,
        walked.has_links,
        FewTexts(row.subset for row in found),
        PackedTexts(row.group for row in found),
        "table",
        {"table": name},
        remarks,
        matched.missing,
        matched.unlisted,
    )


def _expect_training_images(root: Path, listing: Listing) -> None:
    """Raise InputError where a class has images, and all of them belong to the author's validation or test set."""
    of_label: dict[int, set[str]] = {label: set() for label in listing.labels}
    for label, subset in zip(listing.labels, listing.subsets, strict=True):
        of_label[label].add(subset)
    for label, subsets in sorted(of_label.items()):
        if subsets.isdisjoint({"train", ""}):
            raise InputError(
                f"{root}: the class {listing.classes[label]!r} is in {' and '.join(sorted(subsets))} and not in train; "
                "give it training images, or take its other images away"
            )


def files(root: Path) -> Sequence[str]:
    """Every file in the folder `root`, relative to it, in sorted order, as `find` lists those of a class folder.

    Raises InputError for a folder that cannot be listed.
    """
    return walk.Walk(root, []).files(root, "")


def check_apart(root: Path, output: Path) -> None:
    """Raise InputError where one of the two folders is inside the other, so that the images are only ever read."""
    images, written = root.resolve(), output.resolve()
    if images.is_relative_to(written) or written.is_relative_to(images):
        raise InputError(
            f"params.yaml: data.images is {str(root)!r}, in the same place as {str(output)!r}, which is overwritten; "
            "move the images to a separate folder"
        )


def _class_folders(root: Path, prefix: str, ignored: list[str]) -> list[str]:
    """The names of the class folders in the folder `prefix` of `root`; what is passed over goes to `ignored`."""
    classes: list[str] = []
    linked: list[str] = []
    folder = root / prefix
    for entry in walk.sorted_entries(folder):
        link = Path(entry.path)
        if walk.is_junk(entry.name):
            ignored.append(prefix + entry.name)
        elif entry.is_dir(follow_symlinks=False):
            classes.append(_readable_name(entry.name, folder))
        elif entry.is_symlink() and (links.leads_to_folder(link) or links.leads_nowhere(link)):
            linked.append(entry.name)
        else:
            ignored.append(prefix + entry.name)
    if linked:
        raise InputError(
            f"{folder}: holds links in place of class folders ({layout.listed(linked)}), which are not followed; "
            "put the folders themselves there, or remove the links"
        )
    return classes


def _readable_name(name: str, folder: Path) -> str:
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        raise InputError(f"{folder}: the class folder {name!r} has a name that is not UTF-8; rename it") from None
    return name
