"""What a user would pick instead, on the images that a manifest gives to train (val included) and to test.

    python -m benchmarks.folders.peers --peer NAME --manifest data/split/manifest.csv --images FOLDER

Prints how many test images are right and the seconds from the files to the answers, as JSON. `--seconds` bounds the
training of the network from scratch, `--flips` mirrors its images.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.folders import networks
from benchmarks.folders.results import FROZEN, Answer
from crosscheck.core import tables

PIXELS, HOG = 32, 64
# Iterations of a fit; more than it takes.
MOST = 2000

Numbers = NDArray[np.float32]
Labels = NDArray[np.int64]


class Side:
    """The files of one side of the split, with their classes as numbers."""

    def __init__(self, images: Path, rows: list[dict[str, str]], classes: list[str]) -> None:
        self.files = [images / row["path"] for row in rows]
        self.labels: Labels = np.array([classes.index(row["class_name"]) for row in rows], dtype=np.int64)

    def pixels(self, size: int, mode: str = "RGB") -> NDArray[np.uint8]:
        """Every image at `size` x `size` px, (n, size, size) or with 3 colours behind."""
        return np.stack([read(file, size, mode) for file in self.files])


# From both sides to the predicted class of each test image, and a note.
Peer = Callable[[Side, Side, argparse.Namespace], tuple[Labels, str]]


def main() -> None:
    asked = arguments()
    began = time.perf_counter()
    train, test = sides(asked.manifest, asked.images)
    predicted, note = PEERS[asked.peer](train, test, asked)
    right = int((predicted == test.labels).sum())
    print(json.dumps(asdict(Answer(right, len(test.labels), time.perf_counter() - began, note))))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--peer", required=True, choices=PEERS)
    parser.add_argument("--manifest", required=True, type=Path)
    parser.add_argument("--images", required=True, type=Path)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--flips", action="store_true")
    return parser.parse_args()


def sides(manifest: Path, images: Path) -> tuple[Side, Side]:
    """What may be learnt from, and what is tested. These peers choose nothing on val, so they learn from it too."""
    rows = tables.read(manifest)
    classes = sorted({row["class_name"] for row in rows})
    learnt, tested = ([row for row in rows if (row["subset"] == "test") is test] for test in (False, True))
    return Side(images, learnt, classes), Side(images, tested, classes)


def read(file: Path, size: int, mode: str) -> NDArray[np.uint8]:
    with Image.open(file) as image:
        return np.asarray(image.convert(mode).resize((size, size), Image.Resampling.BILINEAR))


def flat(side: Side) -> Numbers:
    pixels = side.pixels(PIXELS)
    return np.divide(pixels.reshape(len(pixels), -1), 255, dtype=np.float32)


def hog(side: Side) -> Numbers:
    """Histograms of oriented gradients (Dalal and Triggs, CVPR 2005), (n, features)."""
    features = import_module("skimage.feature")
    rows = [features.hog(image, orientations=9, pixels_per_cell=(8, 8)) for image in side.pixels(HOG, "L")]
    return np.stack(rows).astype(np.float32)


def fitted(model: Any, describe: Callable[[Side], Numbers]) -> Peer:
    """A model of scikit-learn's on what `describe` says of each image."""

    def answer(train: Side, test: Side, _: argparse.Namespace) -> tuple[Labels, str]:
        found: Labels = model.fit(describe(train), train.labels).predict(describe(test))
        return found, ""

    return answer


def logistic() -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=MOST))


def features(side: Side) -> Numbers:
    return networks.pretrained_features(side.pixels(networks.PRETRAINED_SIZE))


def from_scratch(train: Side, test: Side, asked: argparse.Namespace) -> tuple[Labels, str]:
    """timm's resnet18 with random weights, at the larger size where most of the images have it."""
    shorter = [min(Image.open(file).size) for file in train.files]
    size = networks.LARGE if np.median(shorter) >= networks.LARGE else networks.SMALL
    learnt = networks.Images(train.pixels(size), train.labels)
    predicted, epochs = networks.train(learnt, test.pixels(size), asked.seconds, asked.flips)
    return predicted, f"{epochs} epochs at {size} px"


PEERS: dict[str, Peer] = {
    "most-frequent": fitted(DummyClassifier(), flat),
    "nearest-neighbour": fitted(KNeighborsClassifier(1), flat),
    "logistic-pixels": fitted(logistic(), flat),
    "logistic-hog": fitted(logistic(), hog),
    "resnet18": from_scratch,
    FROZEN: fitted(logistic(), features),
}
# The packages, by the names of their modules, without which a peer is left out.
NEEDS = {
    "logistic-hog": ("skimage",),
    "resnet18": ("timm",),
    FROZEN: ("timm", networks.WEIGHTS_PACKAGE),
}


def absent(peer: str) -> list[str]:
    """The modules that `peer` needs and that are not installed."""
    return [name for name in NEEDS.get(peer, ()) if find_spec(name) is None]


if __name__ == "__main__":
    # No package asks a server for weights.
    os.environ |= {"HF_HUB_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
    main()
