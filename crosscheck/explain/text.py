"""What the report says of one network, computed from that network; the sentences stand in text.txt."""

import numpy as np
from numpy.typing import NDArray
from torch import nn

from crosscheck.core.params import ModelParams
from crosscheck.data.guessing import Guess
from crosscheck.explain.activations import Response
from crosscheck.explain.probes import LayerAccuracies
from crosscheck.explain.receptive_fields import BACKBONE, Layer
from crosscheck.network import model
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.reporting.sentences import Sentences
from crosscheck.training.curves import Epoch, plateau_end

MOST_LISTED = 12
# What the parts of a layer are called, apart from its convolution.
PARTS: dict[type[nn.Module], str] = {
    nn.BatchNorm2d: "batch normalisation",
    nn.MaxPool2d: "max pooling",
    nn.AvgPool2d: "average pooling",
    nn.ReLU: "ReLU",
    nn.Linear: "dense layer",
    model.Average: "global average",
}


def describe_layer(response: Response, labels: NDArray[np.int64], classes: list[str]) -> list[str]:
    """What one layer sees, which of its channels are dead, how sparse it is, and which class excites which channel."""
    n, layer, unit = len(labels), response.layer, "channel" if response.layer.has_maps else "unit"
    if layer.name == "classify":
        values = _say("logits", bool(layer.step), float(response.peak.min()), float(response.peak.max()), n)
    else:
        dead = np.flatnonzero(response.dead).tolist()
        values = _say("zeros", unit, dead, response.channels, response.zeros, n)
    favourites = response.favourites(labels)
    found = [(name, np.flatnonzero(favourites == label).tolist()) for label, name in enumerate(classes)]
    members = [(name, numbers) for name, numbers in found if numbers]
    alike = int(((favourites == -1) & ~response.dead).sum())
    return [
        _say("layer", layer, response.channels, response.shape),
        values,
        _say("favourites", unit, members, alike, MOST_LISTED),
    ]


def name_parts(name: str, trained: Checkpoint) -> str:
    """What the layer `name` of the network consists of, in the order in which an image goes through."""
    if name == BACKBONE:
        return f"{trained.params.backbone} of timm"
    layer = trained.net.get_submodule(name)
    return ", ".join(filter(None, map(_name_part, [layer, *layer.children()])))


def _name_part(part: nn.Module) -> str:
    if isinstance(part, nn.Conv2d):
        stride = f" with stride {part.stride[0]}" if part.stride[0] > 1 else ""
        return f"{part.kernel_size[0]} x {part.kernel_size[1]} convolution{stride}"
    return PARTS.get(type(part), "")


def seen(layer: Layer) -> str:
    """How much of the image one value of `layer` depends on."""
    return f"{layer.height} x {layer.width} px" if layer.step else "the whole image"


def describe_backbone(params: ModelParams, convolutions: int) -> str:
    """What a backbone is, and which of its `convolutions` layers are not shown, and why."""
    return _say("backbone", params.backbone, params.freeze, bool(params.pretrained), convolutions)


def describe_probes(found: LayerAccuracies) -> str:
    """Where the classes are easiest to tell apart, and what training added."""
    best = int(np.argmax(found.trained))
    most = int(np.argmax([after - before for after, before in zip(found.trained, found.untrained, strict=True)]))
    added = found.layers[most], found.trained[most], found.untrained[most]
    return _say("probes", found.layers[best], found.trained[best], *added)


def describe_training(history: list[Epoch], guess: Guess, epochs: list[int], kept: int | None = None) -> str:
    """The plateau and the moment it ends, as the curve has them; `epochs`: those of the frames.

    `kept`: the epoch whose network the report is about, or None where that is the last one anyway.
    """
    end = plateau_end(history, guess)
    losses = [history[end - 2].train_loss, history[end - 1].train_loss] if end else [None, None]
    return _say("training", epochs, f"{guess.name}, {guess.shown}", end, *losses, kept, history[-1].epoch)


def _list_numbers(numbers: list[int]) -> str:
    words = [str(number) for number in numbers]
    if len(words) > MOST_LISTED:
        return f"{', '.join(words[:MOST_LISTED])} and {len(words) - MOST_LISTED:,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


_say = Sentences(__file__, listed=_list_numbers, seen=seen)
