"""Prints the result in a few lines, and where to find the rest.

python -m stages.summary
"""

from stages import cards, command, pipeline, store
from stages.files import read_json


def main() -> None:
    evaluated, drawn = pipeline.paths("evaluate"), pipeline.paths("split", "visualize", "explain")
    card, test = cards.read(evaluated["card"]), read_json(evaluated["metrics"])["test"]
    architecture = ", ".join(f"{name} {value}" for name, value in card["model"].items())
    print(f"network     {architecture}; {card['parameter_count']:,} parameters")
    print(
        f"accuracy    {test['accuracy']:.2%} of n = {test['n']:.0f} test images, "
        f"95 % interval {test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}"
    )
    print(
        f"baselines   {test['baseline_majority']:.2%} most frequent class, "
        f"{test['baseline_neighbour']:.2%} nearest neighbour on pixels"
    )
    print(f"pictures    {drawn['plots']}/ and {drawn['samples']}")
    print(f"inside      {drawn['report']}/report.html, layer by layer")
    print(f"MLflow      {store.shown_uri()}; `make ui` opens it")


if __name__ == "__main__":
    command.run(main)
