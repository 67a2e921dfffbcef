"""What the page is sent for a drawing: a line of JSON, then every map as bytes, one for each value."""

import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from crosscheck.evaluation.classify import Verdict
from crosscheck.network.model import MAPS
from crosscheck.reporting.style import MOST_CHANNELS

LONGEST_SIDE = 256
MOST_UNITS = 4096


def encode(image: Tensor, verdict: Verdict, responses: dict[str, Tensor]) -> bytes:
    """The verdict on one `image`, uint8 (1, channels, height, width), with what each layer made of it.

    The header's `layers` say in order what the bytes after it hold: `channels` maps of `height` x `width`, of `total`
    there are. A byte is a share of `high`, from 0, or where `signed` from -high: 255 is `high`.
    """
    layers, planes = [], []
    for name, values in {"image": image, **responses}.items():
        if name.startswith(("image", *MAPS, "hidden", "classify")) and (values.ndim == 4 or name != "classify"):
            layer, bytes_of = _quantised(name, _as_maps(values[0].float()))
            layers.append({**layer, "total": values.shape[1]})
            planes.append(bytes_of)
    header = {
        "probabilities": [round(p, 6) for p in verdict.probabilities],
        "label": verdict.label,
        "in_distribution": verdict.in_distribution,
        "ood_score": None if verdict.ood_score is None else round(verdict.ood_score, 3),
        "layers": layers,
    }
    return json.dumps(header, allow_nan=False).encode() + b"\n" + b"".join(planes)


def encode_occlusion(occlusion: NDArray[np.float32], label: int) -> bytes:
    """The map of what speaks for class `label`, float32 (height, width) in nats of log odds, positive for it.

    A line of JSON, then a byte for each value: 255 is `high`, 0 is -high.
    """
    layer, levels = _quantised("occlusion", _as_maps(torch.from_numpy(occlusion)[None]), signed=True)
    return json.dumps({"label": label, **layer}, allow_nan=False).encode() + b"\n" + levels


def _as_maps(values: Tensor) -> Tensor:
    """Float (channels, height, width), limited in number and size; a vector becomes one map, row by row."""
    if values.ndim == 1:
        values = values[:MOST_UNITS]
        columns = min(len(values), max(8, round((4 * len(values)) ** 0.5)))
        rows = -(-len(values) // columns)
        return functional.pad(values, (0, rows * columns - len(values))).reshape(1, rows, columns)
    height, width = (min(length, LONGEST_SIDE) for length in values.shape[1:])
    return functional.adaptive_avg_pool2d(values[:MOST_CHANNELS], (height, width))


def _quantised(name: str, maps: Tensor, signed: bool = False) -> tuple[dict[str, Any], bytes]:
    channels, height, width = maps.shape
    signed = signed or bool((maps < 0).any())
    # The image keeps its grey levels; of a layer, the strongest response of any channel is full scale.
    high = 255.0 if name == "image" else float(maps.abs().max())
    shares = maps / high if high else maps
    levels: NDArray[np.uint8] = torch.round((shares + 1) * 127.5 if signed else shares * 255).to(torch.uint8).numpy()
    layer = {"name": name, "channels": channels, "height": height, "width": width, "signed": signed, "high": high}
    return layer, levels.tobytes()
