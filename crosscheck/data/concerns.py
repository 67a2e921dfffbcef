"""What is worth a warning about a folder that was looked at."""

from collections.abc import Iterator
from pathlib import PurePosixPath

from crosscheck.data import class_names, depth, inspection
from crosscheck.data.inspection import Inspection
from crosscheck.data.layout import listed

# With fewer images of a class to test with, a single one moves its accuracy by more than five points.
FEW = 20
UNBALANCED = 3.0


def find_concerns(found: Inspection) -> list[str]:
    """A sentence for each, in one line; those of a sample say so."""
    return [*_of_classes(found), *_of_files(found), *_of_duplicates(found), *_of_images(found)]


def _of_classes(found: Inspection) -> Iterator[str]:
    yield from found.listing.remarks
    yield from class_names.remarks(found.listing.classes)
    counts = found.counts
    least, most = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if found.imbalance > UNBALANCED:
        yield (
            f"the classes are unequal: {most!r} has {counts[most]} images and {least!r} {counts[least]}; look at the "
            "balanced accuracy, and add images of the rarer classes"
        )
    if few := [name for name, count in counts.items() if count < FEW]:
        which = f"{len(few)} classes have" if len(few) > 1 else "one class has"
        yield (
            f"{which} fewer than {FEW} images, such as {least!r} with {counts[least]}: the test can say little of it; "
            "add images"
        )
    if found.together.groups:
        yield (
            f"the files come in {found.together.groups} groups, such as {found.together.example!r}; each stays in one "
            "subset, as one patient or one video should; if the groups mean nothing, set split.group_by to none"
        )


def _of_files(found: Inspection) -> Iterator[str]:
    sample, listing = found.sample, found.listing
    if listing.missing:
        yield f"{len(listing.missing)} files that the table names do not exist: {listed(list(listing.missing))}"
    if listing.unlisted:
        yield f"{len(listing.unlisted)} images are not in the table and not used: {listed(listing.unlisted)}"
    if sample.unreadable:
        path, note = next(iter(sample.unreadable.items()))
        yield f"{len(sample.unreadable)} of {sample.files} files of the sample cannot be read, such as {path!r}: {note}"
    if others := inspection.other_names(found.listing):
        shown = listed([ending or "no ending" for ending, _ in others.most_common()])
        yield f"{others.total()} files are not named like images ({shown}); those that are not images are ignored"
    if found.listing.ignored:
        yield f"{len(found.listing.ignored)} files or folders are ignored: {listed(found.listing.ignored)}"


def _of_duplicates(found: Inspection) -> Iterator[str]:
    same = found.duplicates
    if same.groups:
        extent = "of those with few bytes" if same.unread else "of all"
        yield (
            f"{same.surplus} files are copies of others ({extent} with equal sizes), such as "
            f"{listed(same.groups[0][:2])}; copies stay in one subset"
        )
    if contrary := same.apart(zip(found.listing.paths, found.listing.labels, strict=True)):
        yield f"{len(contrary)} groups of copies are in two classes, such as {listed(contrary[0][:2])}: one is wrong"
    if leaks := same.apart(zip(found.listing.paths, found.listing.subsets, strict=True)):
        yield (
            f"{len(leaks)} groups of copies are in two of the folder's subsets, such as {listed(leaks[0][:2])}: the "
            "test would repeat images of the training"
        )


def _of_images(found: Inspection) -> Iterator[str]:
    for line in depth.warnings(depth.found(found.sample.narrow)):
        yield f"in the sample, {line.removeprefix('warning: ')}"
    if count := sum(each.frames > 1 for each in found.headers):
        yield f"{count} files of the sample hold several frames or pages; the first one is used"
    endings = {PurePosixPath(each.path).suffix.lower() for each in found.headers if each.transparent}
    if count := sum(each.transparent for each in found.headers):
        yield (
            f"{count} images of the sample have transparent parts ({listed(sorted(endings))}), which become the grey "
            "level data.background"
        )
