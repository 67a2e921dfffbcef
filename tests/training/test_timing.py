"""How long a training would take is measured, and nothing is written for it."""

import importlib.util
from collections.abc import Callable
from typing import Any

import pytest

from crosscheck.core.params import Params
from crosscheck.training import timing


def tiny(params: Params, model: dict[str, Any] | None = None, **train: Any) -> Params:
    """The shipped parameters on images of 32 px with one thread."""
    sections = {
        "data": params.data.model_copy(update={"height": 32, "width": 32}),
        "model": params.model.model_copy(update=model or {"channels": 2, "further_channels": [2], "hidden": [4]}),
        "train": params.train.model_copy(update={"batch_size": 8, **train}),
        "compute": params.compute.model_copy(update={"threads": 1}),
    }
    return params.model_copy(update=sections)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SECONDS", 0.0)


def test_a_longer_training_takes_longer_in_proportion(params: Params, in_folder: Callable[[], Any]) -> None:
    folder = in_folder()
    seconds = [timing.estimate_training(tiny(params, epochs=epochs), 3, 80) for epochs in (10, 1000)]
    assert 0 < seconds[0] < seconds[1]
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("changes", [{"keep": "best", "patience": 3}, {"class_weights": "balanced"}, {"processes": 2}])
def test_every_way_of_training_can_be_measured(params: Params, changes: dict[str, Any]) -> None:
    # More classes than images in a batch.
    assert timing.estimate_training(tiny(params, **changes), 20, 80) > 0


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="the extra backbones is not installed")
def test_of_a_frozen_backbone_the_images_count_and_not_the_epochs(params: Params, in_folder: Callable[[], Any]) -> None:
    folder = in_folder()
    frozen = {"backbone": "mobilenetv3_small_050", "pretrained": True, "freeze": True, "head": "average", "hidden": []}
    few, many = (timing.estimate_training(tiny(params, frozen, epochs=1), 2, images) for images in (8, 80_000))
    assert many > 100 * few
    # Neither weights nor features are looked for or kept.
    assert list(folder.iterdir()) == []


def test_a_look_at_an_image_takes_less_than_learning_from_it(params: Params, in_folder: Callable[[], Any]) -> None:
    folder = in_folder()
    wide = tiny(params, {"channels": 16, "further_channels": [16], "hidden": [64]}, epochs=1)
    look, learn = timing.estimate_pass(wide, 3), timing.estimate_training(wide, 3, 800) / 800
    assert 0 < look < learn
    assert list(folder.iterdir()) == []


@pytest.mark.skipif(importlib.util.find_spec("timm") is None, reason="the extra backbones is not installed")
def test_of_a_backbone_no_weights_are_looked_for_to_time_a_look(params: Params) -> None:
    frozen = {"backbone": "mobilenetv3_small_050", "pretrained": True, "freeze": True, "head": "average", "hidden": []}
    assert timing.estimate_pass(tiny(params, frozen), 2) > 0
