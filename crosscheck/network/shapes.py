"""What follows from the `model` parameters by arithmetic: the sizes of the maps and the dense layers' widths."""

from crosscheck.core.errors import InputError
from crosscheck.core.param_types import Head
from crosscheck.core.params import ModelParams
from crosscheck.network import backbones

KERNEL = 3
ORIGINAL_HIDDEN = {
    "pooled, up to two convolutions": [1200, 64],
    "pooled, three convolutions or more": [480, 320],
    "not pooled": [4000, 2400],
}


def all_channels(params: ModelParams) -> list[int]:
    """Output channels of each convolution, first to last."""
    return [params.channels, *params.further_channels]


def find_head(params: ModelParams) -> Head:
    """The head: as given, or the one that averages the maps of a backbone."""
    return "average" if backbones.is_used(params) else params.head


def hidden_widths(params: ModelParams) -> list[int]:
    """Widths of the head's hidden layers: as given, or those of the original network of this depth and pooling."""
    if params.hidden != "auto":
        return list(params.hidden)
    if find_head(params) != "dense":
        return []
    if params.pool == "none":
        return ORIGINAL_HIDDEN["not pooled"]
    deep = len(all_channels(params)) > 2
    return ORIGINAL_HIDDEN["pooled, three convolutions or more" if deep else "pooled, up to two convolutions"]


def map_size(params: ModelParams, height: int, width: int) -> tuple[int, int]:
    """Height and width, in px, of the last feature maps for an image of `height` x `width` px.

    Raises InputError where the image is too small for that many convolutions, or for the backbone.
    """
    if backbones.is_used(params):
        # Seconds to load, and needed for a backbone alone.
        from crosscheck.network import timm_networks

        maps = timm_networks.measure(params.backbone, height, width)
        return maps.height, maps.width
    size = (height, width)
    for number, _ in enumerate(all_channels(params), start=1):
        size = (_after_block(size[0], params.pool), _after_block(size[1], params.pool))
        if min(size) < 1:
            instead = "" if params.pool == "none" else ", model.pool=none"
            raise InputError(
                f"params.yaml: model.further_channels gives {len(all_channels(params))} convolutions with pool "
                f"{params.pool!r}, but an image of {height} x {width} px is too small for number {number}; "
                f"use fewer convolutions{instead} or a larger data.height and data.width"
            )
    return size


def _after_block(length: int, pool: str) -> int:
    if pool == "stride":
        return (length - KERNEL) // 2 + 1 if length >= KERNEL else 0
    convolved = length - KERNEL + 1
    return convolved // 2 if pool in ("max", "avg") else convolved
