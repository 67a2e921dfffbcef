"""What those are told who cannot see a picture of the report; the sentences stand in alternatives.txt.

A caption says how a picture is to be read. Here is what it shows: what its title says, and the figures that matter.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crosscheck.explain.activations import Response
from crosscheck.explain.animation import Story
from crosscheck.explain.figures import Attribution, Seen
from crosscheck.explain.probes import LayerAccuracies, View
from crosscheck.reporting.sentences import Sentences

_say = Sentences(__file__)


def describe_kernels(title: str, weights: NDArray[np.float32]) -> str:
    """`weights`: those drawn, float32 (out, in, height, width)."""
    return _say("kernels", title, float(weights.min()), float(weights.max()))


def describe_maps(title: str, values: NDArray[np.float32], channels: NDArray[np.int64], names: Sequence[str]) -> str:
    """`values`: float32 (classes, channels, height, width), of an image of each of the classes `names`."""
    peaks = values.max(axis=(2, 3))
    strongest = peaks.argmax(axis=1)
    rows = enumerate(strongest)
    return _say("maps", title, [(names[row], int(channels[at]), float(peaks[row, at])) for row, at in rows])


def describe_units(title: str, values: NDArray[np.float32], labels: NDArray[np.int64], names: Sequence[str]) -> str:
    """`values`: float32 (images, units); `labels`: int64 (images,), by `names`."""
    means = [(names[label], float(values[labels == label].mean(dtype=np.float64))) for label in np.unique(labels)]
    return _say("units", title, means)


def describe_patches(title: str, unit: str, response: Response, channels: NDArray[np.int64]) -> str:
    """`unit`: what each of `channels` is called."""
    peaks = response.peak[:, channels].max(axis=0)
    return _say("patches", title, unit, list(zip(channels.tolist(), peaks.tolist(), strict=True)))


def describe_probes(found: LayerAccuracies) -> str:
    return _say("probes", list(zip(found.layers, found.trained, found.untrained, strict=True)))


def describe_views(title: str, layers: Sequence[Seen]) -> str:
    return _say("views", title, [(each.name, _shown(each.trained), _shown(each.untrained)) for each in layers])


def _shown(view: View) -> float:
    return sum(view.shares)


def describe_attributions(title: str, found: Sequence[Attribution]) -> str:
    return _say("attributions", title, found)


def describe_frames(story: Story) -> list[str]:
    """A text for each frame of the animation."""
    losses = {each.epoch: each.train_loss for each in story.history}
    return [_say("frame", losses.get(scene.epoch), list(scene.probes.items())) for scene in story.scenes]
