"""Looks at a folder of images without changing it: all names, and a sample of the files.

Takes about a second for 100,000 names, and a few more for the sample.
"""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import Layout
from crosscheck.core.params import DataParams
from crosscheck.data import duplicates, group_hints, image_folder, labels_table, sightings
from crosscheck.data.duplicates import Duplicates
from crosscheck.data.group_hints import Hint
from crosscheck.data.image_folder import Listing
from crosscheck.data.sightings import Header, Sample

# As large as they come up to here; larger ones are reduced to it, and tiny ones enlarged so that three poolings fit.
LONGEST, SHORTEST = 96, 32
# With this many images an epoch at full size takes an hour.
MANY, LONGEST_OF_MANY = 20_000, 64
# From the narrowest tenth of the images to the widest: stretching would change a shape that much.
UNEQUAL_SHAPES = 1.5
# Of the images, and of a drawing its ground: ink and noise are the rest.
COLOURFUL, DRAWN = 0.05, 0.5


@dataclass(frozen=True)
class Inspection:
    """What was found. `layout` is classes, subsets or table; `labels` the table's name or none.

    `data` are the parameters that fit the images, `headers` and `sample` what is known of some of the files, and
    `together` which images seem to belong together.
    """

    root: Path
    layout: str
    labels: str
    listing: Listing
    headers: list[Header]
    sample: Sample
    duplicates: Duplicates
    data: DataParams
    together: Hint

    @property
    def counts(self) -> dict[str, int]:
        """Files of each class, by name."""
        found = Counter(self.listing.labels)
        return {name: found[label] for label, name in enumerate(self.listing.classes)}

    @property
    def subsets(self) -> dict[str, int]:
        """Files of each subset that the folder names."""
        return {name: count for name, count in sorted(Counter(self.listing.subsets).items()) if name}

    @property
    def fewest(self) -> int:
        """Files of the smallest class."""
        return min(self.counts.values())

    @property
    def imbalance(self) -> float:
        """How many times as many files the largest class has as the smallest."""
        return max(self.counts.values()) / self.fewest

    @property
    def is_colour(self) -> bool:
        """Whether at least one in twenty images is coloured, and not only stored as if."""
        return bool(np.mean([each.colourful for each in self.sample.seen]) >= COLOURFUL)

    @property
    def is_drawn(self) -> bool:
        """Whether the images are grey on a ground of one brightness, as marks on paper are and photos are not."""
        return not self.is_colour and bool(np.median([each.ground for each in self.sample.seen]) >= DRAWN)


def inspect_folder(root: Path, layout: Layout = "auto", labels: str | None = None) -> Inspection:
    """Look at the folder `root`, which is read as `layout` says, or as the table `labels` in it does.

    Without both, a table counts if it is the only one that names images. `labels` "none" is for no table. Raises
    InputError, which says what is missing, for a folder that cannot be trained on.
    """
    if not root.is_dir():
        what = "is a file" if root.exists() else "does not exist"
        raise InputError(f"{root}: {what}; give a folder with one sub-folder of images per class")
    if labels is None:
        labels = find_table(root) if layout == "auto" else "none"
    listing = image_folder.find(root, layout, labels)
    files = sightings.draw(listing)
    headers = sightings.read_headers(root, files)
    if not headers:
        raise InputError(
            f"{root}: none of {len(files)} files that were looked at is an image, such as {files[0][0]!r}; put images "
            "into the class folders"
        )
    data = choose_data(root, labels, headers, len(listing.paths))
    # Not padded: what is looked at is the images, not what is put around them.
    stretched = data.model_copy(update={"fit": "stretch"})
    sample = sightings.look(root, sightings.within_budget(files, headers), stretched, listing.has_links)
    if not sample.seen:
        path, note = next(iter(sample.unreadable.items()))
        raise InputError(
            f"{root}: none of the images that were looked at can be read, such as {path!r}: {note}; save them again in "
            "a format that is read (docs/reference/image-folders.md)"
        )
    return Inspection(
        root=root,
        layout=listing.read_as,
        labels=labels,
        listing=listing,
        headers=headers,
        sample=sample,
        duplicates=duplicates.find_duplicates(root, listing),
        data=with_background(data, sample),
        together=group_hints.guess(listing),
    )


def choose_data(root: Path, labels: str, headers: list[Header], images: int) -> DataParams:
    """The size that fits most images: their own up to LONGEST px, with the sides as long as is usual among them."""
    height, width = (float(np.median([getattr(each, side) for each in headers])) for side in ("height", "width"))
    longest = LONGEST_OF_MANY if images > MANY else LONGEST
    factor = min(1.0, longest / max(height, width))
    factor = max(factor, min(SHORTEST / min(height, width), longest / max(height, width)))
    low, high = np.quantile([each.width / each.height for each in headers], [0.1, 0.9])
    return DataParams(
        images=str(root),
        height=max(round(height * factor), SHORTEST // 2),
        width=max(round(width * factor), SHORTEST // 2),
        channels=3,
        fit="pad" if high / low > UNEQUAL_SHAPES else "stretch",
        background=255,
        labels=labels,
    )


def with_background(data: DataParams, sample: Sample) -> DataParams:
    """`data` with black for what is padded, or moves in by augmentation, where most images are dark at their edges."""
    dark = np.mean([each.dark_edge for each in sample.seen]) > 0.5
    return data.model_copy(update={"background": 0 if dark else 255})


def find_table(root: Path) -> str:
    """The name of the one CSV file in `root` with the columns path and label whose first paths are there, or none."""
    found = [file.name for file in sorted(root.glob("*.[cC][sS][vV]")) if labels_table.names_images(root, file)]
    return found[0] if len(found) == 1 else "none"


def other_names(listing: Listing) -> Counter[str]:
    """How many listed files do not have an image's ending, by their ending in lower case."""
    endings = Counter(PurePosixPath(path).suffix.lower() for path in listing.paths)
    known = Image.registered_extensions()
    return Counter({ending: count for ending, count in endings.items() if ending not in known})
