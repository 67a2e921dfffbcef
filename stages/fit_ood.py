"""Fits the out-of-distribution detector, so that `predict` can say that an image is unlike all training images.

    python -m stages.fit_ood --split data/split --checkpoint models/model.pt --card models/model.json \\
        --detector models/ood_detector.npz

It uses training and validation images only. The test images show whether the limit is right.
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
