"""Learns what the network was trained on, so that `predict` can say of an image that it is unlike all of that.

    python -m stages.fit_ood --split data/split --checkpoint models/model.pt --card models/model.json \\
        --detector models/ood_detector.npz

From training and validation images alone: whether the limit keeps its word is for the test images to show.
"""

from pathlib import Path

from crosscheck.core import cli, devices
from crosscheck.core.params import load_section
from crosscheck.data import dataset
from crosscheck.evaluation import ood
from crosscheck.network import model_card


def main(split: Path, checkpoint: Path, card: Path, detector: Path) -> None:
    devices.prepare(load_section("compute"))
    trained, described = model_card.load_trained(checkpoint, card), model_card.read_card(card)
    train, val = (dataset.read(split, name, trained.data_set) for name in ("train", "val"))
    learnt = ood.fit_detector(trained.net, train, val, described.sha256)
    ood.save_detector(learnt, detector)


if __name__ == "__main__":
    cli.run(main)
