"""What decided: which parts of an image speak for the answer, by occlusion and by Grad-CAM."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import LayerAttribution, LayerGradCam, Occlusion
from numpy.typing import NDArray
from torch import Tensor, nn

from crosscheck.explain import workload
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.model import MAPS

AT_ONCE = 16

Map = NDArray[np.float32]
Network = Callable[[Tensor], Tensor]
LogOdds = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Reasons:
    """Maps of one answer, float32 (height, width), in nats of log odds; positive where the place speaks for it."""

    occlusion: Map
    grad_cam: Map


def window(checkpoint: Checkpoint) -> tuple[int, int]:
    """Height and width of the occluding square, in px."""
    return workload.window_side(checkpoint.data_set.height), workload.window_side(checkpoint.data_set.width)


def reasons(net: nn.Sequential, checkpoint: Checkpoint, image: NDArray[np.uint8], answer: int) -> Reasons:
    """Why `net`, of the kind of `checkpoint`, takes `image`, uint8 (height, width, channels), for the class `answer`.

    Occlusion (Zeiler and Fergus, 2014): by how much the log odds of the answer fall where a square is painted over
    with paper. Grad-CAM (Selvaraju et al., 2017) at the last block of convolutions, or the last maps of a backbone,
    times its number of positions: by how much, linearly, the log odds would rise if its channels were everywhere as
    they are here; never negative.
    """
    return Reasons(occlude(net, checkpoint, image, answer), _grad_cam(_log_odds(net, answer), net, _pixels(image)))


def occlude(net: Network, checkpoint: Checkpoint, image: NDArray[np.uint8], answer: int) -> Map:
    """The map `occlusion` of `reasons` alone: it takes forward passes only, and `net` may be any function.

    `net` takes float32 (n, channels, height, width) and returns logits (n, classes), `AT_ONCE` images at a time.
    """
    pixels, log_odds = _pixels(image), _log_odds(net, answer)
    height, width = window(checkpoint)
    channels = pixels.shape[1]
    with torch.inference_mode():
        found = Occlusion(log_odds).attribute(
            pixels,
            sliding_window_shapes=(channels, height, width),
            strides=(channels, -(-height // 2), -(-width // 2)),
            baselines=float(checkpoint.data_set.background),
            perturbations_per_eval=AT_ONCE,
        )
    return np.asarray(found[0].mean(dim=0).numpy(), dtype=np.float32)


def _pixels(image: NDArray[np.uint8]) -> Tensor:
    return torch.from_numpy(image.transpose(2, 0, 1)[None].astype(np.float32))


def _log_odds(net: Network, answer: int) -> LogOdds:
    def log_odds(images: Tensor) -> Tensor:
        logits = net(images)
        others = torch.arange(logits.shape[1]) != answer
        return logits[:, answer] - logits[:, others].logsumexp(dim=1)

    return log_odds


def _grad_cam(log_odds: LogOdds, net: nn.Sequential, pixels: Tensor) -> Map:
    last = [child for name, child in net.named_children() if name.startswith(MAPS)][-1]
    found = LayerGradCam(log_odds, last).attribute(pixels, relu_attributions=True)
    size = (pixels.shape[2], pixels.shape[3])
    positions = found.shape[2] * found.shape[3]
    enlarged = LayerAttribution.interpolate(found.detach() * positions, size, "bilinear")
    return np.asarray(enlarged[0, 0].numpy(), dtype=np.float32)
