"""How often the report sends an image through a network: what it costs where one image takes long."""

import math

from crosscheck.core.params import ExplainParams

# The occluding square is a sixth of the image along each axis, and moves by half of its side.
SHARE = 6
# What is shown of the trained network is compared with its untrained weights.
NETWORKS = 2


def window_side(length: int) -> int:
    """The side, in px, of the occluding square along an axis of `length` px."""
    return -(-length // SHARE)


def count_squares(height: int, width: int) -> int:
    """At how many places the square is, one after the other, on an image of `height` x `width` px."""
    return math.prod(
        1 + -(-(length - window_side(length)) // -(-window_side(length) // 2)) for length in (height, width)
    )


def count_passes(params: ExplainParams, height: int, width: int, train: int, held: int) -> int:
    """At most how many images go through a network, of `train` training images and `held` for validation and test.

    `height` and `width` are those of the images, in px. The animation of the training is not counted.
    """
    right_and_wrong = 2 * min(params.attributions, held)
    probed = min(params.probe_images, train) + 2 * min(params.probe_images, held)
    return min(params.images, train) + NETWORKS * (right_and_wrong * count_squares(height, width) + probed)
