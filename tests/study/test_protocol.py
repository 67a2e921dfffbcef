"""The shipped study compares what the original compared: as many images, steps and seeds as it says."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from helpers.repository import ROOT
from ruamel.yaml import YAML

from crosscheck.core.params import SECTIONS, AugmentParams, ModelParams, load
from crosscheck.data.dataset import DataSet
from crosscheck.study import plans, resplit
from crosscheck.study.plans import SECTIONS_OF_A_VARIANT, Plan, PlannedRun
from crosscheck.study.resplit import PackedImages, SplitImages
from crosscheck.training.trainer import Trainer, build_trainer

# Names of the original's networks, and what their twins with ink as 1 are called.
ORIGINAL = ("base", "channels_18", "three_conv", "three_conv_20", "no_pool", "no_pool_20")
INK = ("base_ink", "channels_18_ink", "three_conv_ink", "three_conv_20_ink", "no_pool_ink")
FEWER_IMAGES = {"base_ink_50": 50, "base_ink_200": 200, "pool_max_50": 50, "pool_max_200": 200}
STEPS = 270
# Of an arm, what is not about its steps: it has them on images and with a network that cost nothing.
TINY = {"channels": 1, "further_channels": [], "pool": "max", "head": "average", "hidden": []}
SIZE = 16


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plans.read(ROOT / "study" / "variants.yaml", ROOT / "params.yaml")


@pytest.fixture(scope="module")
def drawn() -> PackedImages:
    """As many images of each class as `synthesize` draws, small ones."""
    count = load(ROOT / "params.yaml").synthesize.images_per_class
    pixels = np.random.default_rng(0).integers(0, 256, (2 * count, SIZE, SIZE, 1), dtype=np.uint8)
    labels = np.repeat(np.arange(2, dtype=np.int64), count)
    contents = [hashlib.sha256(image.tobytes()).hexdigest() for image in pixels]
    paths = [f"{index:05d}.png" for index in range(len(labels))]
    return PackedImages(DataSet(["a", "b"], SIZE, SIZE, 1, "stretch", 255), pixels, labels, paths, contents)


@pytest.fixture(scope="module")
def split(drawn: PackedImages) -> Callable[[PlannedRun], SplitImages]:
    known: dict[str, SplitImages] = {}

    def of_run(planned: PlannedRun) -> SplitImages:
        asked = planned.params.split, planned.params.train.images_per_class
        return known.setdefault(str(asked), resplit.split_again(drawn, *asked))

    return of_run


def trainer_of(planned: PlannedRun, images: SplitImages, drawn: PackedImages) -> Trainer:
    """The trainer of a run as the study builds it, with a tiny network that normalises where the run's does."""
    model = ModelParams(**planned.params.model.model_dump() | TINY)
    train = planned.params.train
    return build_trainer(model, train, AugmentParams(), drawn.data_set, images.train, images.val, torch.device("cpu"))


@pytest.mark.parametrize("name", ORIGINAL + INK)
def test_an_arm_of_the_originals_name_has_its_images_and_its_steps(
    plan: Plan, drawn: PackedImages, split: Callable[[PlannedRun], SplitImages], name: str
) -> None:
    planned = plan.of(name)[0]
    images, train = split(planned), planned.params.train
    counts = {part: np.bincount(getattr(images, part).labels).tolist() for part in ("train", "val", "test")}
    assert counts == {"train": [850, 850], "val": [100, 100], "test": [150, 150]}
    assert (train.batch_size, train.optimizer, train.lr, train.momentum, train.schedule) == (
        64,
        "sgd",
        0.1,
        0,
        "constant",
    )
    assert trainer_of(planned, images, drawn).steps == 27
    assert train.epochs == (20 if "_20" in name else 10)


def test_a_training_takes_as_many_steps_as_are_counted(
    plan: Plan, drawn: PackedImages, split: Callable[[PlannedRun], SplitImages]
) -> None:
    for name, steps in {"base": 27, "pool_max": 27, "pool_max_200": 4, "base_ink_50": 1}.items():
        planned = plan.of(name)[0]
        heard = Mock()
        trainer_of(planned, split(planned), drawn).run_epoch(heard)
        assert heard.call_count == steps


def test_every_arm_of_ten_epochs_or_fewer_images_has_270_steps_rounded_up_to_whole_epochs(
    plan: Plan, drawn: PackedImages, split: Callable[[PlannedRun], SplitImages]
) -> None:
    """But for the network of the search, which has a recipe of its own."""
    for name in set(plan.study.variants) - {"best"}:
        planned = plan.of(name)[0]
        images, epochs = split(planned), planned.params.train.epochs
        steps = trainer_of(planned, images, drawn).steps
        assert len(images.train) == FEWER_IMAGES.get(name, 1700)
        least = 2 * STEPS if epochs == 20 else STEPS
        assert least <= steps * epochs < least + steps, name


def test_only_a_network_without_pooling_and_with_dense_layers_has_fewer_seeds_than_the_others(plan: Plan) -> None:
    for name in plan.study.variants:
        model = plan.of(name)[0].params.model
        slow = (model.pool, model.head) == ("none", "dense")
        assert (len(plan.of(name)) < plan.study.seeds) == slow, name


def test_the_repository_has_the_runs_of_the_shipped_study(plan: Plan) -> None:
    """So `make study` in a fresh clone has only the report to write."""
    for name in plan.study.variants:
        lines = (plan.results / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        assert [json.loads(line)["seed"] for line in lines] == [planned.seed for planned in plan.of(name)], name


def test_every_question_stands_alone_and_has_few_primary_pairs(plan: Plan) -> None:
    questions = plan.study.questions.values()
    assert len({question.ask for question in questions}) == len(questions)
    assert not [question.ask for question in questions if question.ask.startswith(("And ", "The same "))]
    assert sum(len(question.compare) - 1 for question in questions) <= 25


def test_the_study_pins_every_parameter_that_a_variant_may_set(plan: Plan) -> None:
    names = {f"{section}.{key}" for section in SECTIONS_OF_A_VARIANT for key in SECTIONS[section].model_fields}
    pinned = set(plan.study.params)
    # A seed of the study sets these two.
    assert names - pinned == {"train.seed", "split.seed"}
    assert {name for name in pinned if name.partition(".")[0] not in SECTIONS_OF_A_VARIANT} == {
        "compute.threads",
        "compute.device",
        "compute.portable",
    }


def test_nothing_that_one_tries_in_params_yaml_changes_a_run_of_the_shipped_study(plan: Plan, tmp_path: Path) -> None:
    yaml = YAML()
    content = yaml.load(ROOT / "params.yaml")
    changed: dict[str, dict[str, Any]] = {
        "split": {"test": 20, "val": 0, "seed": 9, "on_bad_image": "skip", "group_by": "folder", "folds": 5},
        "model": {"channels": 18, "pool": "avg", "norm": "batch", "invert": True, "centre": True, "hidden": [3]},
        "train": {"epochs": 1, "lr": 0.5, "images_per_class": 9, "keep": "best", "patience": 3, "snapshots": 3},
        "augment": {"translate": 0.5, "fliplr": 0.5},
        "compute": {"threads": 7, "portable": False},
    }
    for section, values in changed.items():
        content[section] |= values
    yaml.dump(content, tmp_path / "params.yaml")
    varied = plans.read(ROOT / "study" / "variants.yaml", tmp_path / "params.yaml")
    assert varied.runs == plan.runs
