"""What the steps of a training see. Of a frozen backbone that is what it makes of each image, which is computed once.

These features are kept (`feature_cache`), so that another training on the same images begins at once.
"""

import hashlib
import json
import os
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from crosscheck.core import bits, code_digest, devices
from crosscheck.core.params import ModelParams
from crosscheck.data.dataset import Subset
from crosscheck.network import pretrained
from crosscheck.network.inference import batch
from crosscheck.training import feature_cache

# What decides the features besides weights and pixels.
CODE = ["crosscheck.core.bits.pin", "crosscheck.training.frozen.compute_features", "crosscheck.network.model.build"]
# The layer that takes what a backbone gives.
FIRST_TRAINED = "average"
# Fewer or more cost a backbone a quarter of its speed on a CPU.
SEEN_AT_ONCE = 16
HASHED_AT_ONCE = 2**24


@dataclass(frozen=True)
class Lesson:
    """The layers that are trained, from the one of the index `start` on, and what these are given.

    Where that is not the images, `train` and `val` hold as `images` what the layer before them gives: float32
    (n, height, width, channels).
    """

    start: int
    train: Subset
    val: Subset

    def part(self, net: nn.Sequential) -> nn.Sequential:
        """The layers of `net` that are trained; they share its weights."""
        return net[self.start :] if self.start else net


def prepare_lesson(net: nn.Sequential, params: ModelParams, train: Subset, val: Subset, device: torch.device) -> Lesson:
    """What training `net` on these images comes to; a frozen backbone gets no gradients, and sees each image here."""
    if not params.freeze:
        return Lesson(0, train, val)
    start = [name for name, _ in net.named_children()].index(FIRST_TRAINED)
    frozen = net[:start].requires_grad_(False).eval().to(device).to(memory_format=torch.channels_last)
    subsets = [Subset(_known_or_computed(frozen, params, subset, device), subset.labels) for subset in (train, val)]
    return Lesson(start, *subsets)


def compute_features(frozen: nn.Sequential, subset: Subset, device: torch.device) -> NDArray[np.float32]:
    """The mean of each map that `frozen` makes of the images, float32 (n, 1, 1, channels)."""
    parts = []
    with torch.inference_mode():
        for start in range(0, len(subset), SEEN_AT_ONCE):
            images, _ = batch(subset, slice(start, start + SEEN_AT_ONCE), device)
            parts.append(frozen(images).mean((2, 3))[:, None, None].cpu().numpy())
    return np.concatenate(parts) if parts else np.zeros((0, 1, 1, 1), np.float32)


def _known_or_computed(
    frozen: nn.Sequential, params: ModelParams, subset: Subset, device: torch.device
) -> NDArray[np.float32]:
    key = features_key(params, subset, device)
    return feature_cache.fetch(key, lambda: compute_features(frozen, subset, device))


def features_key(params: ModelParams, subset: Subset, device: torch.device) -> str:
    """A hash of all that decides the features of `subset`: backbone, weights, pixels, code, and how this computes."""
    source = pretrained.find_source(params)
    content = [
        params.backbone,
        source.model_dump() if source else {},
        _hash_pixels(subset.images),
        code_digest.digest(CODE, code_digest.PLAIN_CARRIERS),
        device.type,
        devices.fingerprint(),
        {name: os.environ.get(name) for name in bits.PORTABLE},
    ]
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:32]


def _hash_pixels(images: NDArray[np.uint8]) -> list[str]:
    """By pieces, since the images may be larger than the memory."""
    rows = max(1, HASHED_AT_ONCE // max(1, images[:1].nbytes))
    digest = hashlib.sha256()
    for start in range(0, len(images), rows):
        digest.update(np.ascontiguousarray(images[start : start + rows]).data)
    return [str(images.shape), digest.hexdigest()]
