"""What the search says of `base` is the pipeline's figure, and only where that is of the same training."""

import dataclasses
from pathlib import Path
from typing import Any, cast

import pytest

from crosscheck.core.errors import InputError
from crosscheck.core.files import write_json
from crosscheck.core.params import Params
from crosscheck.network.model_card import CardData, Description, write_card
from crosscheck.pipeline import paths
from crosscheck.search.base_accuracy import read_base_accuracy
from crosscheck.search.objective import Setup


@pytest.fixture
def setup(params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setup:
    """A project in which `dvc repro` has trained what `params` describes."""
    at = {name: tmp_path / f"{name}.json" for name in ("card", "metrics", "checkpoint")}
    monkeypatch.setattr(paths, "read_paths", lambda stage: at)
    monkeypatch.setattr(paths, "changed", lambda *stages: [])
    at["checkpoint"].write_bytes(b"weights")
    data = CardData(
        classes=["a", "b"], height=8, width=8, channels=1, fit="pad", background=0,
        train_images=2, train_images_of_class=[1, 1], val_images=4,
    )  # fmt: skip
    described = Description(
        parameter_count=1, model=params.model, train=params.train, augment=params.augment, data=data,
        compute=params.compute, bits={},
    )  # fmt: skip
    write_card(described, at["checkpoint"], at["card"])
    write_json(at["metrics"], {"train": {"accuracy": 1.0}, "val": {"accuracy": 0.75}})
    unread: dict[str, Any] = {name: cast(Any, None) for name in ("search", "baseline", "seed")}
    return Setup(
        url="", split=tmp_path, model=params.model, train=params.train, augment=params.augment,
        compute=params.compute, **unread,
    )  # fmt: skip


def test_the_accuracy_of_base_is_that_of_the_pipeline(setup: Setup) -> None:
    assert read_base_accuracy(setup) == 0.75


def test_another_network_recipe_or_data_is_not_base(setup: Setup, monkeypatch: pytest.MonkeyPatch) -> None:
    for section, change in (("model", {"channels": 31}), ("train", {"lr": 0.5}), ("augment", {"fliplr": 0.5})):
        other = getattr(setup, section).model_copy(update=change)
        assert read_base_accuracy(dataclasses.replace(setup, **{section: other})) is None
    monkeypatch.setattr(paths, "changed", lambda *stages: ["data/split/train.npy"])
    assert read_base_accuracy(setup) is None


def test_where_nothing_has_been_trained_or_dvc_cannot_tell_it_is_not_known(
    setup: Setup, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*stages: str) -> list[str]:
        raise InputError("`dvc status` failed")

    monkeypatch.setattr(paths, "changed", fails)
    assert read_base_accuracy(setup) is None
    (tmp_path / "metrics.json").unlink()
    assert read_base_accuracy(setup) is None
