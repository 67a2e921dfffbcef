"""What `split` found in the folder, and how it tells the user."""

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stages.subsets import SUBSETS


@dataclass
class Corpus:
    """The images read so far, in parallel lists, and the files that are none.

    `contents` are SHA-256 of the files' bytes, `pixels` of the converted pixels; `notes`, `skipped`: remarks by path.
    """

    paths: list[str] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    contents: list[str] = field(default_factory=list)
    pixels: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)

    def add(self, path: str, label: int, content: str, pixels: NDArray[np.uint8], note: str) -> None:
        self.paths.append(path)
        self.labels.append(label)
        self.contents.append(content)
        self.pixels.append(hashlib.sha256(pixels.tobytes()).hexdigest())
        if note:
            self.notes[path] = note


def make(corpus: Corpus, classes: list[str], subset_of: list[str]) -> dict[str, Any]:
    """Counts by class and subset, the groups of duplicates, and what was ignored, skipped or remarkable."""
    counts = Counter(zip(corpus.labels, subset_of, strict=True))
    groups = duplicates(corpus)
    return {
        "counts": {name: {subset: counts[label, subset] for subset in SUBSETS} for label, name in enumerate(classes)},
        "duplicates": groups,
        "duplicates_across_classes": [group for group in groups if len(set(group.values())) > 1],
        "notes": corpus.notes,
        "skipped": corpus.skipped,
        "ignored": sorted(corpus.ignored),
    }


def duplicates(corpus: Corpus) -> list[dict[str, int]]:
    """Groups of images with the same pixels once converted, as path to label."""
    groups: dict[str, dict[str, int]] = defaultdict(dict)
    for path, label, digest in zip(corpus.paths, corpus.labels, corpus.pixels, strict=True):
        groups[digest][path] = label
    return [group for group in groups.values() if len(group) > 1]


def summary(corpus: Corpus, classes: list[str], subset_of: list[str]) -> str:
    """A few lines for the terminal; the details are in report.json."""
    per_subset = Counter(subset_of)
    sizes = ", ".join(f"{per_subset[subset]} {subset}" for subset in SUBSETS)
    lines = [f"{len(corpus.paths)} images of {len(classes)} classes: {sizes}"]
    groups = duplicates(corpus)
    contradicting = sum(len(set(group.values())) > 1 for group in groups)
    if groups:
        lines.append(f"{len(groups)} groups of images have the same pixels; each group stays in one subset")
    if contradicting:
        lines.append(f"warning: {contradicting} of these groups stand in more than one class, so labels contradict")
    if corpus.skipped:
        lines.append(f"warning: {len(corpus.skipped)} unreadable images skipped")
    if corpus.ignored:
        shown = ", ".join(sorted(corpus.ignored)[:3]) + (", ..." if len(corpus.ignored) > 3 else "")
        lines.append(f"{len(corpus.ignored)} files or folders that are no images ignored: {shown}")
    if len(lines) > 1:
        lines.append("report.json beside the manifest lists them all")
    return "\n".join(lines)
