"""Draws the images whose labels networks doubt most."""

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from crosscheck.evaluation.suspect_labels import MOST, Suspect
from crosscheck.reporting import image_grids, style


def draw_suspects(found: Sequence[Suspect], images: Sequence[NDArray[np.uint8]], who: str, among: str) -> Figure:
    """The first of those found: `images`, each uint8 (height, width, channels), are theirs, in this order.

    `who` doubts, as in "the network doubts", and `among` which images, as in "n = 9 test images", stand in the title.
    """
    drawn = [
        image_grids.CaptionedImage(
            image,
            f"label: {style.shown(each.label, 18)}\nrather {style.shown(each.suggested, 18)}, {each.probability:.1%}\n"
            f"{style.shown_path(each.path)}",
        )
        for each, image in zip(found, images, strict=False)
    ]
    total = f"{len(found)} or more" if len(found) == MOST else f"{len(found)}"
    title = f"Labels {who} most: {len(drawn)} of {total}, among {among}"
    return image_grids.draw_captioned(drawn, title, f"There is no label that {who}.")
