"""Whether a network does better than what one gets without training one."""

from collections.abc import Mapping

NAMES = {
    "baseline_majority": "guessing the most frequent class",
    "baseline_1nn": "the nearest neighbour on pixels",
}


def compare(figures: Mapping[str, float]) -> str:
    """A phrase where the network is not clearly better than a baseline, or ''.

    `figures`: `accuracy` and the ends of its 95 % interval, `accuracy_low` and `accuracy_high`, and an accuracy for
    each of NAMES, all shares of 1 on the same test images. A baseline within the interval is not clearly beaten.
    """
    best = max(NAMES, key=lambda name: figures[name])
    baseline = figures[best]
    beaten_by = f"{NAMES[best]} ({baseline:.2%})"
    if figures["accuracy_high"] < baseline:
        return f"the network does worse than {beaten_by}"
    if figures["accuracy"] <= baseline:
        return f"the network does no better than {beaten_by}"
    if figures["accuracy_low"] <= baseline:
        return f"the network does not do clearly better than {beaten_by}"
    return ""
