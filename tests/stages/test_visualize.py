"""The pictures of the last stage, for every kind of network and data; their feature maps against an oracle."""

import warnings
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.networks import plain_logits, toy, trained
from helpers.repository import ROOT
from numpy.typing import NDArray
from PIL import Image
from torch.nn import functional

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, VisualizeParams, load
from crosscheck.data.dataset import DataSet, Subset
from crosscheck.evaluation import calibration, predictions
from crosscheck.network.checkpoint import Checkpoint
from crosscheck.network.model_card import CardData, Description
from crosscheck.reporting import image_grids, style
from crosscheck.training.curves import Epoch
from stages import visualize

NAMES = ["a$b_c", "emoji 🙂", "long " * 20]
SHIPPED = load(ROOT / "params.yaml")
TINY = VisualizeParams(dpi=30, example=0, mistakes=3)


def draw_all(checkpoint: Checkpoint, test: Subset, folder: Path) -> list[str]:
    """What `main` draws, without the tracking; no warning may come of it. Returns the names of the files."""
    names = checkpoint.data_set.classes
    pixels = torch.from_numpy(test.images.transpose(0, 3, 1, 2).copy())
    with torch.inference_mode():
        odds = plain_logits(checkpoint.net, checkpoint.params, pixels).double().softmax(1).numpy()
    answered = predictions.make_predictions([str(row) for row in range(len(test))], test.labels, odds)
    counts = {"train_images": 10 * len(names), "train_images_of_class": [10] * len(names), "val_images": 0}
    data = CardData.model_validate({**vars(checkpoint.data_set), **counts})
    card = Description(
        parameter_count=1, model=checkpoint.params, train=SHIPPED.train, data=data, compute=SHIPPED.compute, bits={}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        chosen = visualize.choose_examples(test, names, TINY)
        bins = calibration.bin_confidence(odds, test.labels, 5)
        pictures = chain(
            visualize.draw_kernels(checkpoint),
            visualize.draw_feature_maps(checkpoint, test, chosen[:1]),
            visualize.draw_answers(test, answered, names, chosen, TINY.mistakes),
            visualize.draw_charts([Epoch(1, 0.7, 0.5, None, None)], answered, bins, card),
        )
        style.save_all(pictures, folder, TINY.dpi)
    for file in folder.iterdir():
        with Image.open(file) as image:
            image.load()
    return sorted(file.name for file in folder.iterdir())


@pytest.mark.parametrize(
    ("changes", "channels"),
    [
        ({"pool": "max"}, 3),
        ({"pool": "avg"}, 1),
        ({"pool": "stride"}, 1),
        ({"pool": "none", "invert": True}, 3),
        ({"further_channels": [2, 2]}, 1),
        ({"further_channels": []}, 1),
    ],
    ids=str,
)
def test_every_kind_of_network_is_drawn(params: Params, tmp_path: Path, changes: dict[str, Any], channels: int) -> None:
    data_set = DataSet(NAMES, 24, 28, channels, "pad", 0)
    checkpoint = trained(params, data_set, **changes)
    blocks = range(1, 2 + len(checkpoint.params.further_channels))
    maps = [f"maps_block{block}_class0.png" for block in blocks]
    kernels = [f"kernels_block{block}.png" for block in blocks]
    charts = ["calibration.png", "confusion.png", "curves.png", "examples.png", "mistakes.png"]
    assert draw_all(checkpoint, toy(data_set), tmp_path) == sorted([*charts, *kernels, *maps])


@pytest.mark.parametrize("pool", ["max", "avg", "stride", "none"])
def test_the_feature_maps_are_those_of_a_forward_pass_written_out(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pool: str
) -> None:
    data_set = DataSet(NAMES, 20, 22, 3, "pad", 0)
    checkpoint, test = trained(params, data_set, pool=pool, centre=True), toy(data_set)
    weights = checkpoint.net.state_dict()

    def keep(steps: dict[str, NDArray[np.float32]], title: str) -> dict[str, NDArray[np.float32]]:
        # Copied: an activation that works in place would change them later.
        return {name: values.copy() for name, values in steps.items()}

    monkeypatch.setattr(image_grids, "draw_feature_maps", keep)
    drawn: dict[str, Any] = dict(visualize.draw_feature_maps(checkpoint, test, [4]))
    assert sorted(drawn) == ["maps_block1_class1", "maps_block2_class1"]

    x = torch.from_numpy(test.images[4:5].astype(np.float32)).permute(0, 3, 1, 2) / 255
    for number in (1, 2):
        convolution, stride = f"block{number}.convolution", 2 if pool == "stride" else 1
        convolved = functional.conv2d(x, weights[f"{convolution}.weight"], weights[f"{convolution}.bias"], stride)
        expected = {"after convolution": convolved, "after ReLU": convolved.relu()}
        if pool == "max":
            expected["after max pooling"] = functional.max_pool2d(convolved.relu(), 2)
        if pool == "avg":
            expected["after avg pooling"] = functional.avg_pool2d(convolved.relu(), 2)
        found = drawn[f"maps_block{number}_class1"]
        assert list(found) == list(expected)
        assert (found["after convolution"] < 0).any()
        for name, values in expected.items():
            np.testing.assert_allclose(found[name], values[0].numpy(), rtol=1e-5, atol=1e-6, err_msg=name)
            x = values


def test_examples_are_the_asked_for_image_of_each_of_ten_classes() -> None:
    names = [str(n) for n in range(12)]
    labels = np.repeat(np.arange(12, dtype=np.int64), 3)[::-1].copy()
    test = Subset(np.zeros((36, 2, 2, 1), np.uint8), labels)
    rows = visualize.choose_examples(test, names, TINY.model_copy(update={"example": 2}))
    assert labels[rows].tolist() == list(range(10))
    assert rows == [35 - 3 * label for label in range(10)]
    with pytest.raises(InputError, match=r"visualize\.example is 3, but the class '0' has 3 test images; .* 0 to 2"):
        visualize.choose_examples(test, names, TINY.model_copy(update={"example": 3}))


def test_answers_about_other_images_are_refused(tmp_path: Path) -> None:
    test = toy(DataSet(["x", "y"], 8, 8, 1, "stretch", 255), 4)
    answered = predictions.make_predictions([""] * 4, test.labels, np.full((4, 2), 0.5))
    predictions.write_predictions(answered, ["x", "y"], tmp_path / "table.csv")
    assert np.array_equal(
        predictions.read_predictions_for(tmp_path / "table.csv", ["x", "y"], test).labels, test.labels
    )
    for other in (Subset(test.images[:3], test.labels[:3]), Subset(test.images, 1 - test.labels)):
        with pytest.raises(InputError, match=r"not of the test images of this split; run `dvc repro evaluate`"):
            predictions.read_predictions_for(tmp_path / "table.csv", ["x", "y"], other)


def test_mistakes_are_the_most_confident_ones_in_order(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data_set = DataSet(["x", "y"], 8, 8, 1, "stretch", 255)
    test = toy(data_set, 6)
    odds = np.array([[0.9, 0.1], [0.7, 0.3], [0.2, 0.8], [0.95, 0.05], [0.4, 0.6], [0.45, 0.55]])
    answered = predictions.make_predictions([""] * 6, test.labels, odds)
    monkeypatch.setattr(image_grids, "draw_answers", lambda shown, title, nothing: (shown, title))
    drawn: dict[str, Any] = dict(visualize.draw_answers(test, answered, data_set.classes, [0, 1], TINY.mistakes))
    mistakes, title = drawn["mistakes"]
    assert [(each.actual, each.predicted, each.confidence) for each in mistakes] == [
        ("y", "x", 0.95),
        ("x", "y", 0.8),
        ("y", "x", 0.7),
    ]
    assert np.array_equal(mistakes[0].image, test.images[3])
    assert "3 of 4, among n = 6 test images" in title
    assert [each.actual for each in drawn["examples"][0]] == ["x", "y"]
