"""Counts what stands in two of the subsets that the author of a folder made: such images make a score look better."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crosscheck.data.grouping import Texts
from crosscheck.data.near_duplicates import Pair
from crosscheck.data.splitting import repeated

MOST_GROUPS = 100
# A subset that is scored, and one that its images should not be in.
COMPARED = (("test", "train"), ("test", "val"), ("val", "train"))


def find(paths: Sequence[str], pixels: Texts, pairs: Iterable[Pair], given: Sequence[str]) -> dict[str, Any]:
    """How many images of the author's subsets are in another one of them, and which.

    `pixels` are hashes of the images' pixels, `pairs` near-duplicates by index into `paths`, `given` the subset that
    the author gave each image, or an empty text. For each two subsets, `images` are all of the first; `equal` counts
    those whose pixels are in the second, too, and `near` those that only have a near-duplicate there. `groups` names
    the first groups of equal images.
    """
    shared = [members for members in repeated(pixels).values() if len({given[member] for member in members} - {""}) > 1]
    equal: dict[tuple[str, str], set[int]] = defaultdict(set)
    near: dict[tuple[str, str], set[int]] = defaultdict(set)
    for members in shared:
        for first, second in COMPARED:
            inside = {member for member in members if given[member] == first}
            if any(given[member] == second for member in members):
                equal[first, second] |= inside
    for pair in pairs:
        for one, other in ((pair.first, pair.second), (pair.second, pair.first)):
            near[given[one], given[other]].add(one)
    counts = [
        {
            "of": first,
            "in": second,
            "images": given.count(first),
            "equal": len(equal[first, second]),
            "near": len(near[first, second] - equal[first, second]),
        }
        for first, second in COMPARED
    ]
    return {
        "counts": [count for count in counts if count["equal"] or count["near"]],
        "groups_count": len(shared),
        "groups": [{paths[member]: given[member] for member in members} for members in shared[:MOST_GROUPS]],
    }


def warnings(found: Mapping[str, Any]) -> list[str]:
    """A sentence for each two subsets with leakage, of what `find` returned."""
    return [
        f"leakage: of the {count['images']} images in the author's {count['of']}, {count['equal']} are in "
        f"{count['in']}, too, and {count['near']} more have a near-duplicate there; none is moved, so a score "
        "may be too good"
        for count in found["counts"]
    ]
