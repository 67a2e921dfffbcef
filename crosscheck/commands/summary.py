"""Prints the result in a few lines, and where to find the rest.

python -m crosscheck summary
"""

from crosscheck.core.files import read_json
from crosscheck.evaluation import predictions
from crosscheck.evaluation.guessing import Guess, only_answer
from crosscheck.network import model_card
from crosscheck.pipeline import paths
from crosscheck.tracking import store


def main() -> None:
    at = paths.paths_of("evaluate", "visualize", "explain")
    evaluated, drawn = at["evaluate"], at["visualize"]
    card, test = model_card.read(evaluated["card"]), read_json(evaluated["metrics"])["test"]
    architecture = ", ".join(f"{name} {value}" for name, value in card["model"].items())
    print(f"network     {architecture}; {card['parameter_count']:,} parameters")
    print(
        f"accuracy    {test['accuracy']:.2%} of n = {test['n']:.0f} test images, "
        f"95 % interval {test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}"
    )
    classes = card["data"]["classes"]
    answered = predictions.read(evaluated["table"], classes)
    if not Guess.from_labels(answered.labels, len(classes)).even:
        print(f"balanced    {test['balanced_accuracy']:.2%}, the mean of each class's own accuracy")
    guess, answer = Guess.from_card(card["data"], str(evaluated["card"])), only_answer(answered.predicted)
    if answer is not None and not guess.even:
        print(
            f"warning     the network takes every test image for {classes[answer]!r}, and "
            f"{guess.most_frequent(classes)}: add images of the rarer classes"
        )
    print(
        f"baselines   {test['baseline_majority']:.2%} most frequent class, "
        f"{test['baseline_neighbour']:.2%} nearest neighbour on pixels"
    )
    print(f"pictures    {drawn['plots']}/ and {drawn['samples']}")
    print(f"inside      {at['explain']['report']}/report.html, layer by layer")
    print(f"MLflow      {store.shown_uri()}; `make ui` opens it")
