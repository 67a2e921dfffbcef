"""The result in a few lines, and where to find the rest."""

from pathlib import Path

from crosscheck.core.files import read_json
from crosscheck.core.params import decisive
from crosscheck.data.guessing import Guess, only_answer
from crosscheck.evaluation import baselines, predictions
from crosscheck.network import backbones, model_card

# The parameters of a network with a backbone; the others describe convolutions, which it does not have.
OF_A_BACKBONE = ("backbone", "pretrained", "freeze", "hidden")


def lines(card_file: Path, metrics: Path, table: Path, plots: Path, samples: Path, report: Path) -> list[str]:
    """What `train` and `evaluate` found, and the pictures' places. Raises InputError where a file is missing."""
    card, test = model_card.read_card(card_file), read_json(metrics)["test"]
    classes = card.data.classes
    answered = predictions.read_predictions(table, classes)
    guess, answer = card.guess, only_answer(answered.predicted)
    described = decisive("model", card.model.model_dump())
    if backbones.is_used(card.model):
        described = {name: value for name, value in described.items() if name in OF_A_BACKBONE}
    architecture = ", ".join(f"{name} {value}" for name, value in described.items())
    said = [
        f"network     {architecture}; {card.parameter_count:,} parameters",
        f"accuracy    {test['accuracy']:.2%} of n = {test['n']:.0f} test images, "
        f"95 % interval {test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}",
    ]
    if not Guess.from_labels(answered.labels, len(classes)).even:
        said.append(f"balanced    {test['balanced_accuracy']:.2%}, the mean of each class's own accuracy")
    if answer is not None and not guess.even:
        said.append(
            f"warning     the network takes every test image for {classes[answer]!r}, and "
            f"{guess.most_frequent(classes)}: add images of the rarer classes"
            f"{'' if guess.balanced else ', or set train.class_weights to balanced'}"
        )
    said.append(
        f"baselines   {test['baseline_majority']:.2%} most frequent class, "
        f"{test['baseline_1nn']:.2%} nearest neighbour on pixels"
    )
    if verdict := baselines.compare(test):
        said.append(f"            {verdict}")
    return [
        *said,
        f"pictures    {plots}/ and {samples}",
        f"inside      {report}/report.html, layer by layer",
    ]
