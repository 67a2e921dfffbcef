"""Values of more than 8 bits, scaled to 8; and images that use so little of their range that few grey levels stay."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

TOP = 65535
# Of 14 bits or fewer in a file of 16, a quarter of the grey levels stay; in 8 bits, so dark a picture is hardly seen.
NARROW = {16: 2**14, 8: 2**4}
MOST_PATHS = 100
BITS_PER_SAMPLE, PHOTOMETRIC, WHITE_IS_ZERO = 258, 262, 0


@dataclass(frozen=True)
class Stored:
    """How a file stores its values: in 8 or 16 `bits`, one channel of 16 bits from 0 to `top`, perhaps upside down."""

    bits: int
    top: int = TOP
    white_is_zero: bool = False


@dataclass(frozen=True)
class Used:
    """What an image uses of its range: its highest value less its lowest, and how many of 256 grey levels are left."""

    bits: int
    width: int
    levels: int

    @property
    def is_little(self) -> bool:
        return self.width < NARROW[self.bits]


def stored(image: Image.Image) -> Stored:
    """How the file of `image`, which is open but not read yet, stores its values.

    Raises ValueError for values that have no agreed black and white: those with a sign, or of 32 bits.
    """
    tiles = getattr(image, "tile", [])
    given = tiles[0].args if tiles else ()
    raw, *more = (given,) if isinstance(given, str) else (given or ("",))
    if ";16" in str(raw) and str(raw).endswith("S"):
        raise ValueError("signed 16-bit values have no agreed black and white; save it with unsigned 16 bits or 8 bits")
    # Pillow scales a PPM of more than 8 bits to 16, a grey one in a 32-bit mode.
    if image.format == "PPM" and (";16" in str(raw) or (more and more[0] > 255)):
        return Stored(16)
    if image.mode in ("I", "F"):
        raise ValueError("32-bit pixels have no agreed range; save it with 8 or 16 bits")
    if not image.mode.startswith("I;16"):
        return Stored(16 if ";16" in str(raw) else 8)
    # Pillow hands out what such a TIFF stores as it stands.
    tags = getattr(image, "tag_v2", {})
    top = 4095 if tags.get(BITS_PER_SAMPLE) == (12,) else TOP
    return Stored(16, top, tags.get(PHOTOMETRIC) == WHITE_IS_ZERO)


def to_eight_bits(image: Image.Image, how: Stored) -> Image.Image:
    """A grey image of 16 bits in 8, with its transparent value as an alpha channel; others as they are."""
    if how.bits == 8 or not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.uint32)
    scaled = Image.fromarray(_scaled(values, how))
    if "transparency" in image.info:
        scaled.putalpha(Image.fromarray(values != image.info["transparency"]).convert("L"))
    return scaled


def _scaled(values: NDArray[np.uint32], how: Stored) -> NDArray[np.uint8]:
    rounded = ((values * 255 + how.top // 2) // how.top).astype(np.uint8)
    return 255 - rounded if how.white_is_zero else rounded


def used(image: Image.Image, how: Stored, pixels: NDArray[np.uint8]) -> Used:
    """What `image`, which was read and converted to `pixels`, uses of its range."""
    if how.bits == 16 and image.mode.startswith("I"):
        values = np.asarray(image)
        ends = np.array([values.min(), values.max()], dtype=np.uint32)
        darkest, brightest = sorted(_scaled(ends, how).tolist())
        # As a share of 16 bits where the file says that its values have fewer.
        return Used(16, int(ends[1] - ends[0]) * TOP // how.top, brightest - darkest + 1)
    levels = int(pixels.max()) - int(pixels.min()) + 1
    # Of colours of 16 bits, Pillow keeps the upper 8.
    return Used(how.bits, levels - 1 if how.bits == 8 else levels * 256 - 1, levels)


def found(narrow: dict[str, Used]) -> list[dict[str, Any]]:
    """For the report: how many images of 16 and of 8 bits use little of their range, and how much the best one uses."""
    groups = []
    for bits in NARROW:
        paths = [path for path, each in narrow.items() if each.bits == bits]
        if paths:
            best = max((narrow[path] for path in paths), key=lambda each: (each.width, each.levels))
            counts = {"images": len(paths), "values_used": best.width, "grey_levels_left": best.levels}
            groups.append({"bits": bits, **counts, "paths": paths[:MOST_PATHS]})
    return groups


def warnings(groups: Iterable[dict[str, Any]]) -> list[str]:
    """A line for the terminal for each entry of `found`."""
    lines = []
    for group in groups:
        count, levels = group["images"], group["grey_levels_left"]
        if group["bits"] == 16:
            lines.append(
                f"warning: {count} images use at most {group['values_used']} of 65535: only {levels} of 256 grey "
                "levels are left; rescale their values to all 16 bits, or to 8 bits"
            )
        else:
            lines.append(
                f"warning: {count} images use at most {levels} of 256 grey levels, so they look blank or very dark; "
                "rescale their values to 0 to 255, unless they are meant to look like that"
            )
    return lines
