"""What `python -m crosscheck inspect` prints of a folder."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import numpy as np

from crosscheck.data.difficulty import Baselines
from crosscheck.data.inspection import Inspection

MOST_CLASSES, MOST_COPIES = 20, 20
WIDEST_NAME = 40
REST = "The other values are as in params.yaml. To run:"


def describe(found: Inspection, baselines: Baselines) -> Iterator[str]:
    """Layout, classes, what the sample showed and what a network has to beat, line by line."""
    counts, files, sample = found.counts, len(found.listing.paths), found.sample
    named = {"classes": "a folder per class", "subsets": "ready-made subsets", "table": f"labels from {found.labels}"}
    yield f"layout      {named[found.layout]}: {files} files of {len(counts)} classes"
    if found.subsets:
        yield f"subsets     {', '.join(f'{count} {name}' for name, count in found.subsets.items())}"
    largest = sorted(counts.items(), key=lambda each: -each[1])
    width = min(max(len(name) for name in counts), WIDEST_NAME)
    for name, count in largest[:MOST_CLASSES]:
        yield f"            {_short(name):{width}}  {count}"
    if rest := largest[MOST_CLASSES:]:
        yield f"            and {len(rest)} more, down to {rest[-1][1]}"
    yield f"balance     the largest class has {found.imbalance:.1f} times the images of the smallest"
    yield f"sample      {sample.files} of {files} files, of all classes; {len(sample.unreadable)} unreadable"
    yield f"size        {_sizes(found)}"
    yield f"colour      {colour(found)}; {bits(found)} bits a channel; {'drawn' if found.is_drawn else 'like photos'}"
    yield (
        f"to beat     {baselines.nearest_neighbour:.1%}: the class of the most similar other image in the sample, at "
        f"{found.data.height} x {found.data.width} px"
    )
    yield f"            {baselines.most_frequent:.1%}: the most frequent class"


def _sizes(found: Inspection) -> str:
    sizes = {(each.height, each.width) for each in found.headers}
    if len(sizes) == 1:
        height, width = sizes.pop()
        return f"{height} x {width} px, all of them"
    height, width = (np.median([getattr(each, side) for each in found.headers]) for side in ("height", "width"))
    low, high = min(sizes, key=lambda each: each[0] * each[1]), max(sizes, key=lambda each: each[0] * each[1])
    ratios = [each.width / each.height for each in found.headers]
    return (
        f"height x width {height:g} x {width:g} px in the middle, from {low[0]} x {low[1]} to {high[0]} x {high[1]}; "
        f"width / height {min(ratios):.2f} to {max(ratios):.2f}"
    )


def colour(found: Inspection) -> str:
    """Colour, grey, or grey that is stored as colour."""
    if found.is_colour:
        return "colour"
    return "grey, stored as colour" if any(each.stores_colour for each in found.headers) else "grey"


def bits(found: Inspection) -> str:
    """The bits a channel that occur, such as 8 or 8 and 16."""
    return " and ".join(map(str, sorted({each.bits for each in found.headers})))


def about(seconds: float) -> str:
    """A time as people say it."""
    if seconds < 90:
        return f"{max(1, round(seconds, -1 if seconds > 20 else 0)):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def said(seconds: dict[str, float]) -> str:
    """An estimate in a sentence: how long it takes to read the images, to train, and for the rest."""
    return (
        f"This takes about {about(sum(seconds.values()))} here: {about(seconds['reading'])} to read the images, "
        f"{about(seconds['training'])} to train, the rest for pictures and the report."
    )


def as_json(found: Inspection, baselines: Baselines) -> dict[str, Any]:
    """What was found, as JSON takes it."""
    sample = found.sample
    return {
        "folder": found.data.images,
        "layout": found.layout,
        "labels": found.labels,
        "subsets": found.subsets,
        "classes": found.listing.classes,
        "counts": found.counts,
        "imbalance": round(found.imbalance, 2),
        "files": {
            "found": len(found.listing.paths),
            "ignored": len(found.listing.ignored),
            "looked_at": sample.files,
            "unreadable": sample.unreadable,
            "not_images": len(sample.not_images),
            "copies": found.duplicates.groups[:MOST_COPIES],
            "not_compared": found.duplicates.unread,
        },
        "images": {
            "height": _spread(each.height for each in found.headers),
            "width": _spread(each.width for each in found.headers),
            "aspect": _spread(each.width / each.height for each in found.headers),
            "colour": colour(found),
            "bits": sorted({each.bits for each in found.headers}),
            "transparent": sum(each.transparent for each in found.headers),
            "drawn": found.is_drawn,
        },
        "baselines": asdict(baselines),
    }


def _spread(values: Iterable[float]) -> dict[str, float]:
    """The least, the median and the greatest of `values`."""
    ordered = np.array(sorted(values), dtype=np.float64)
    return {"least": round(ordered[0], 3), "median": round(float(np.median(ordered)), 3), "most": round(ordered[-1], 3)}


def _short(name: str) -> str:
    shown = name if name.isprintable() else repr(name)[1:-1]
    return shown if len(shown) <= WIDEST_NAME else f"{shown[: WIDEST_NAME - 1]}…"
