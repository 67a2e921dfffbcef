"""Learns what the network was trained on, so that `predict` can say of an image that it is unlike all of that.

    python -m stages.delimit --split data/split --checkpoint models/model.pt --card models/model.json \\
        --surroundings models/surroundings.npz

From training and validation images alone: whether the limit keeps its word is for the test images to show.
"""

from pathlib import Path

from stages import cards, command, hardware, images, novelty
from stages.params import load_section


def main(split: Path, checkpoint: Path, card: Path, surroundings: Path) -> None:
    hardware.prepare(load_section("compute"))
    trained, described = cards.load_checkpoint(checkpoint, card), cards.read(card)
    train, val = (images.read(split, name, trained.data_set) for name in ("train", "val"))
    learnt = novelty.surroundings(trained.net, train, val, described["sha256"])
    novelty.save(learnt, surroundings)


if __name__ == "__main__":
    command.run(main)
