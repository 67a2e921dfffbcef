"""What can be set for a folder of one's own, each in a tiny project of its own in which all stages have run."""

import json
import os
import shlex
import shutil
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from dataclasses import dataclass, field
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from benchmarks.folders import drawn, scenes
from benchmarks.folders.pictures import Picture, in_classes, in_subsets, in_table
from crosscheck.core import tables
from helpers.project import TINY, change_params
from helpers.repository import ROOT

STAGES = ("check", "split", "train", "fit_ood", "evaluate", "visualize", "explain", "track")
SIZE = 32
# The backbone's own weights are those of a network of this size or more; its maps are then 2 x 2.
BACKBONE_SIZE = 64
# Batch normalisation, so that no network is dead and answers every image alike.
LIVELY = {"channels": 4, "further_channels": [6], "norm": "batch", "head": "average", "hidden": []}
PACKAGED, SMALL = "tf_efficientnet_lite0", "test_efficientnet"
COUNT = 20
TWO_MARKS = partial(drawn.marks, (COUNT, 0, COUNT))

Rows = list[dict[str, str]]


@dataclass(frozen=True)
class Feature:
    """Parameters that are no defaults, the folder that they are for, and what a variant of a study changes.

    `holds` raises AssertionError where the manifest, the card or the curve shows that the feature did nothing.
    """

    change: dict[str, dict[str, Any]]
    holds: Callable[["Built"], None]
    draw: Callable[[], Iterator[Picture]] = TWO_MARKS
    form: Callable[[Iterator[Picture], Path], None] = in_classes
    variant: dict[str, Any] = field(default_factory=lambda: {"train.lr": 0.02})


@dataclass(frozen=True)
class Built:
    """A project in `folder` in which every stage has run with the feature, by its name."""

    name: str
    feature: Feature
    folder: Path

    def read(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text(encoding="utf-8"))

    def manifest(self, subset: str = "") -> Rows:
        rows = tables.read(self.folder / "data" / "split" / "manifest.csv")
        return [row for row in rows if subset in ("", row["subset"])]

    def curve(self) -> Rows:
        return tables.read(self.folder / "metrics" / "curve.csv")

    def answers(self) -> dict[str, list[float]]:
        """The probabilities of the classes for each test image, by its path in the folder of images."""
        rows = tables.read(self.folder / "metrics" / "predictions.csv")
        return {row["path"]: [float(value) for name, value in row.items() if name.startswith("p_")] for row in rows}

    def probabilities(self) -> NDArray[np.float64]:
        """The same in the order of the test arrays, (n, classes)."""
        return np.array(list(self.answers().values()))

    def test_pixels(self) -> NDArray[np.uint8]:
        """The test images as networks take them, uint8 (n, channels, height, width)."""
        return np.ascontiguousarray(np.load(self.folder / "data" / "split" / "test.npy").transpose(0, 3, 1, 2))

    @property
    def has_backbone(self) -> bool:
        return "backbone" in self.feature.change.get("model", {})


def build(name: str, folder: Path, store: str) -> Built:
    """Draw the folder of images, set the parameters, run the stages in this process, and tell the MLflow `store`."""
    built = Built(name, FEATURES[name], folder)
    folder.mkdir(parents=True)
    for file in ("params.yaml", "dvc.yaml"):
        shutil.copy(ROOT / file, folder / file)
    built.feature.form(built.feature.draw(), folder / "images")
    data = {"images": "images", "height": SIZE, "width": SIZE}
    tiny = {**TINY, "data": data, "split": {"test": 4, "val": 4, "samples": 2}, "model": LIVELY}
    # Two features that give the same images would else give the same network, which has one run in the store.
    seed = list(FEATURES).index(name)
    tiny["train"] = {"epochs": 5, "batch_size": 4, "optimizer": "adamw", "lr": 0.01, "snapshots": 2, "seed": seed}
    for section, values in built.feature.change.items():
        tiny[section] = {**tiny.get(section, {}), **values}
    change_params(folder / "params.yaml", **tiny)
    commands = YAML(typ="safe").load(folder / "dvc.yaml")["stages"]
    with inside(folder, store):
        for stage in STAGES:
            run_stage(stage, commands[stage]["cmd"])
    return built


def run_stage(stage: str, command: str) -> None:
    """Run a stage in this process with the options that `dvc.yaml` gives it."""
    words = shlex.split(command)[3:]
    options = dict(zip(words[::2], words[1::2], strict=True))
    import_module(f"stages.{stage}").main(**{name.removeprefix("--"): Path(path) for name, path in options.items()})


@contextmanager
def inside(folder: Path, store: str) -> Iterator[None]:
    """In this folder, with this MLflow store; MLflow leaves its address in the environment, so that is put back."""
    before = dict(os.environ)
    os.environ["MLFLOW_TRACKING_URI"] = store
    try:
        with chdir(folder):
            yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _card_has(section: str, name: str, value: Any, built: Built) -> None:
    assert built.read("models/model.json")[section][name] == value


def _keeps_the_best(built: Built) -> None:
    losses = [float(row["val_loss"]) for row in built.curve()]
    best = losses.index(min(losses))
    # Two epochs without a lower loss end it, or its last epoch.
    assert len(losses) - 1 - best <= 2
    assert built.read("metrics/train.json")["val"]["loss"] == round(losses[best], 6)


def _subsets_are_the_authors(built: Built) -> None:
    for row in built.manifest():
        assert row["path"].startswith(f"{row['subset']}/")
    assert {row["subset"] for row in built.manifest()} == {"train", "val", "test"}


def _labels_are_the_tables(built: Built) -> None:
    listed = {row["path"]: row["label"] for row in tables.read(built.folder / "images" / "labels.csv")}
    assert {row["path"]: row["class_name"] for row in built.manifest()} == listed


def _has_shares(built: Built) -> None:
    assert [len(built.manifest(subset)) for subset in ("train", "val", "test")] == [24, 8, 8]


def _groups_stay_together(built: Built) -> None:
    subsets: dict[str, set[str]] = {}
    for row in built.manifest():
        subsets.setdefault(str(Path(row["path"]).parent), set()).add(row["subset"])
    assert len(subsets) == 12
    assert all(len(each) == 1 for each in subsets.values())


def _is_a_fold(built: Built) -> None:
    assert len(built.manifest("test")) == 2 * COUNT // 4


COLOUR = {"data": {"height": BACKBONE_SIZE, "width": BACKBONE_SIZE, "channels": 3}}
CHANGES = {
    "fliplr": 0.5,
    "flipud": 0.5,
    "degrees": 20.0,
    "translate": 0.1,
    "scale": 0.2,
    "brightness": 0.2,
    "contrast": 0.2,
    "erasing": 0.3,
}
FEATURES: dict[str, Feature] = {
    "augmentation": Feature(
        {"augment": CHANGES}, partial(_card_has, "augment", "degrees", 20.0), variant={"augment.degrees": 0.0}
    ),
    "best epoch": Feature(
        {"train": {"epochs": 6, "keep": "best", "patience": 2, "lr": 0.05}},
        _keeps_the_best,
        # Fewer epochs too, since the last epoch may be the best one.
        variant={"train.keep": "last", "train.patience": 0, "train.epochs": 2},
    ),
    "class weights": Feature(
        {"train": {"class_weights": "balanced"}},
        partial(_card_has, "train", "class_weights", "balanced"),
        draw=partial(drawn.marks, (12, 0, 28)),
        variant={"train.class_weights": "none"},
    ),
    "frozen backbone": Feature(
        {**COLOUR, "model": {"backbone": PACKAGED, "pretrained": True, "freeze": True}},
        partial(_card_has, "model", "freeze", True),
    ),
    "trained backbone": Feature(
        {**COLOUR, "model": {"backbone": SMALL}}, partial(_card_has, "model", "backbone", SMALL)
    ),
    "ready-made subsets": Feature({"data": {"layout": "subsets"}}, _subsets_are_the_authors, form=in_subsets),
    "labels in a table": Feature({"data": {"labels": "labels.csv"}}, _labels_are_the_tables, form=in_table),
    "shares": Feature({"split": {"test": 0.2, "val": 0.2}}, _has_shares),
    "groups": Feature(
        {"split": {"test": 0.2, "val": 0.2, "group_by": "folder"}},
        _groups_stay_together,
        draw=partial(scenes.patients, 12, 4, True),
    ),
    "folds": Feature({"split": {"folds": 4, "fold": 2}}, _is_a_fold),
}
