"""What the report opens with: how good the network is, what one gets without it, and a drawing of it.

The sentences stand in opening.txt.
"""

from collections.abc import Mapping

import torch

from crosscheck.evaluation import baselines
from crosscheck.explain import text
from crosscheck.explain.glossary import link_words
from crosscheck.explain.subject import Subject
from crosscheck.network import inference, model
from crosscheck.reporting.diagrams import Diagram, Step
from crosscheck.reporting.document import Block, Paragraph, Strong, Table, Words
from crosscheck.reporting.sentences import Sentences
from crosscheck.training import curves

_say = Sentences(__file__)


def write_opening(study: Subject, history: list[curves.Epoch], test: Mapping[str, float]) -> list[Block]:
    """The blocks above the chapters; `test`: the figures of the test set, as metrics/test.json has them."""
    return [
        Paragraph([Strong(_say("result", test["accuracy"], int(test["n"]))), ". ", *interval(test)]),
        tabulate_baselines(test, study.guess.even),
        Paragraph(link_words(judge(test))),
        draw_network(study),
        Paragraph(describe_training(study, history)),
        Paragraph(_say("untrained")),
    ]


def interval(test: Mapping[str, float]) -> Words:
    """The interval of the accuracy, as parts of a sentence."""
    words = link_words(_say("interval", test["accuracy_low"], test["accuracy_high"]))
    return [words] if isinstance(words, str) else words


def tabulate_baselines(test: Mapping[str, float], even: bool) -> Table:
    """The accuracy of the network and of both baselines; `even`: whether all classes have as many training images."""
    rows: list[list[Words]] = [["this network", f"{test['accuracy']:.2%}"]]
    if not even:
        rows.append(["this network, mean of each class's own accuracy", f"{test['balanced_accuracy']:.2%}"])
    rows += [[link_words(name), f"{test[key]:.2%}"] for key, name in reversed(baselines.NAMES.items())]
    return Table(["on the same test images", "accuracy"], rows)


def judge(test: Mapping[str, float]) -> str:
    """Whether the network is clearly better than both baselines, and what follows if not."""
    verdict = baselines.compare(test)
    if not verdict:
        return _say("clearly_better")
    return _say("not_clearly_better", verdict, test["baseline_1nn"] > test["baseline_majority"])


def describe_training(study: Subject, history: list[curves.Epoch]) -> str:
    """What was trained, for how long, and how well it knows its training images."""
    kept, guess = curves.kept(history, study.keep), study.guess
    # Where one class is much larger than the others, a high accuracy says little.
    majority = None if guess.even else guess.accuracy
    count = model.parameter_count(study.trained.net)
    described, last = study.trained.data_set, history[-1].epoch
    return _say(
        "training", count, sum(guess.counts), described, kept.epoch, last, study.keep == "best", kept.train_accuracy,
        majority,
    )  # fmt: skip


def draw_network(study: Subject) -> Diagram:
    """The image and each layer: what it consists of, the shape of what it gives, and how many parameters it has."""
    described = study.trained.data_set
    image = torch.zeros(1, described.channels, described.height, described.width)
    longest = max(described.height, described.width)
    layers = {layer.name: layer for layer in study.layers}
    steps = []
    for name, values in inference.outputs(study.trained.net, image):
        _, channels, *size = values.shape
        shares = (size[0] / longest, size[1] / longest) if size else None
        shape = f"{channels:,} x {size[0]} x {size[1]} values" if size else f"{channels:,} values"
        if name == "scale":
            pixels = f"{described.channels} x {described.height} x {described.width} px"
            steps.append(Step("image", [pixels], described.channels, shares))
        elif name in layers:
            count = model.parameter_count(study.trained.net.get_submodule(name))
            lines = [text.name_parts(name, study.trained), shape, f"{count:,} parameters"]
            steps.append(Step(name, lines, channels, shares, anchor=name))
    return Diagram("The network, from the image to the answer", steps)
