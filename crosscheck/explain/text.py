"""What the report says of one network, computed from that network."""

import numpy as np
from numpy.typing import NDArray

from crosscheck.data.guessing import Guess
from crosscheck.explain.activations import Response
from crosscheck.explain.probes import LayerAccuracies
from crosscheck.explain.receptive_fields import Layer
from crosscheck.training.curves import Epoch, plateau_end

MOST_LISTED = 12


def describe_layer(response: Response, labels: NDArray[np.int64], classes: list[str]) -> list[str]:
    """What one layer sees, which of its channels are dead, how sparse it is, and which class excites which channel."""
    n, (height, width) = len(labels), response.shape
    layer, unit = response.layer, "channel" if response.layer.step else "unit"
    if layer.step:
        size = f"{_count(response.channels, 'channel')} of {height} x {width} values"
        sees = f"each value sees {seen(layer)} of the image, its neighbour {layer.step} px further"
    else:
        size = _count(response.channels, "unit")
        sees = f"each sees {seen(layer)} of {layer.height} x {layer.width} px"
    return [
        f"{layer.name} has {size}; {sees}.",
        _of_zeros(response, unit, n),
        _of_favourites(response, labels, classes, unit),
    ]


def seen(layer: Layer) -> str:
    """How much of the image one value of `layer` depends on."""
    return f"{layer.height} x {layer.width} px" if layer.step else "the whole image"


def describe_probes(found: LayerAccuracies) -> str:
    """Where the classes are easiest to tell apart, and what training added."""
    names, trained, untrained = found.layers, found.trained, found.untrained
    best = int(np.argmax(trained))
    gains = [after - before for after, before in zip(trained, untrained, strict=True)]
    most = int(np.argmax(gains))
    learnt = (
        f"Training added most at {names[most]}: {trained[most]:.1%} instead of {untrained[most]:.1%}."
        if gains[most] > 0
        else "Training made no layer easier to read."
    )
    easiest = f"at {names[best]}, where the probe is right for {trained[best]:.1%}"
    return f"The classes are easiest to tell apart {easiest}. {learnt}"


def describe_training(history: list[Epoch], guess: Guess, epochs: list[int]) -> str:
    """The plateau and the moment it ends, as the curve has them."""
    end, chance = plateau_end(history, guess), f"{guess.name}, {guess.shown}"
    frames = f"{_count(len(epochs), 'frame')}, of the epochs {_listed([str(epoch) for epoch in epochs])}."
    if end is None:
        return f"{frames} The training loss stays on the plateau of {chance}, to the end: nothing was learnt."
    if end == 1:
        return f"{frames} There is no plateau: the training loss of the first epoch is below that of {chance}."
    before, after = history[end - 2].train_loss, history[end - 1].train_loss
    return (
        f"{frames} The training loss stays on the plateau of {chance}, for {_count(end - 1, 'epoch')} "
        f"({before:.3f} in epoch {end - 1}), and leaves it in epoch {end} ({after:.3f})."
    )


def _of_zeros(response: Response, unit: str, n: int) -> str:
    images = f"n = {n:,} training images"
    if response.layer.name == "classify":
        low, high = float(response.peak.min()), float(response.peak.max())
        where = "the highest of each map lies" if response.layer.step else "they lie"
        return f"These are the logits, of either sign: {where} between {low:.1f} and {high:.1f} ({images})."
    dead = np.flatnonzero(response.dead)
    which = _listed([str(number) for number in dead])
    verb = "is" if len(dead) == 1 else "are"
    told = (
        f"{len(dead):,} of {response.channels:,} {unit}s {verb} dead, 0 for every image: {which}."
        if len(dead)
        else f"No {unit} is dead."
    )
    return f"{told} Of all values, {response.zeros:.1%} are 0 ({images})."


def _of_favourites(response: Response, labels: NDArray[np.int64], classes: list[str], unit: str) -> str:
    favourites = response.favourites(labels)
    members = {name: np.flatnonzero(favourites == label) for label, name in enumerate(classes)}
    parts = [f"{name} for {_counted(found, unit)}" for name, found in members.items() if len(found)]
    alike = int(((favourites == -1) & ~response.dead).sum())
    rest = f"{_count(alike, unit)} respond{'s' if alike == 1 else ''} to no class by that much more."
    if not parts:
        return f"{_count(alike, unit)} respond to all classes alike: by mean response, none leads by 5 %."
    shown = parts[:MOST_LISTED] + [f"{len(parts) - MOST_LISTED} more classes"] * (len(parts) > MOST_LISTED)
    excites = f"Which class excites most, by mean response and at least 5 % more than any other: {'; '.join(shown)}."
    return f"{excites} {rest}" if alike else excites


def _counted(numbers: NDArray[np.int64], noun: str) -> str:
    """Which channels or units, or how many where a list would say nothing."""
    if len(numbers) > MOST_LISTED:
        return _count(len(numbers), noun)
    plural = "" if len(numbers) == 1 else "s"
    return f"{'the ' if plural else ''}{noun}{plural} {_listed([str(number) for number in numbers])}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _listed(words: list[str]) -> str:
    if len(words) > MOST_LISTED:
        return f"{', '.join(words[:MOST_LISTED])} and {len(words) - MOST_LISTED:,} more"
    return " and ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)
