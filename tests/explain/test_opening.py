"""The report opens with how good the network is, with what one gets without it, and with a drawing of it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.networks import toy, trained

from crosscheck.core.params import ExplainParams, Params
from crosscheck.data.dataset import DataSet
from crosscheck.data.guessing import Guess
from crosscheck.explain import opening
from crosscheck.explain.subject import Subject
from crosscheck.network import model
from crosscheck.reporting.diagrams import LARGEST, SIDE, Step
from crosscheck.reporting.document import Diagram, Paragraph, Table, plain_text
from crosscheck.training.curves import Epoch

FIGURES = {
    "n": 300, "accuracy": 0.983333, "accuracy_low": 0.961536, "accuracy_high": 0.994567, "balanced_accuracy": 0.98,
    "baseline_majority": 0.5, "baseline_1nn": 0.996667,
}  # fmt: skip
HISTORY = [Epoch(1, 1.09, 0.4, 1.0, 0.4), Epoch(2, 0.9, 0.6, 0.8, 0.6), Epoch(3, 0.1, 0.995, 0.9, 0.6)]


def subject(
    params: Params, folder: Path, counts: tuple[int, ...] = (9, 9), keep: Any = "last", **changes: Any
) -> Subject:
    data_set = DataSet(["x", "dead"], 30, 20, 1, "pad", 0)
    checkpoint = trained(params, data_set, **changes)
    subsets = toy(data_set, 18), toy(data_set, 6), toy(data_set, 9)
    explained = ExplainParams.model_validate(params.explain.model_dump())
    return Subject(checkpoint, 1, Guess(counts), *subsets, explained, 1, folder, keep)


def test_the_first_words_are_the_accuracy_with_its_interval_and_then_come_the_baselines(
    params: Params, tmp_path: Path
) -> None:
    result, table, verdict, drawing, *words = opening.write_opening(subject(params, tmp_path), HISTORY, FIGURES)
    assert isinstance(result, Paragraph) and isinstance(table, Table) and isinstance(verdict, Paragraph)
    assert plain_text(result.words) == (
        "98.33% of n = 300 test images are classified correctly. 95 % interval: 96.15% to 99.46%."
    )
    assert [[plain_text(cell) for cell in row] for row in table.rows] == [
        ["this network", "98.33%"],
        ["the nearest neighbour on pixels", "99.67%"],
        ["guessing the most frequent class", "50.00%"],
    ]
    assert plain_text(verdict.words) == (
        "The network does worse than the nearest neighbour on pixels (99.67%), and that needs no training: it takes "
        "the class of the training image that is most similar, pixel by pixel. So this accuracy does not show that the "
        "network is needed."
    )
    assert isinstance(drawing, Diagram) and len(words) == 2


def test_a_network_that_beats_both_baselines_is_said_to() -> None:
    assert opening.judge(FIGURES | {"baseline_1nn": 0.9}).startswith("The network is clearly better than both")
    said = opening.judge(FIGURES | {"baseline_1nn": 0.4, "baseline_majority": 0.99})
    assert said.startswith(
        "The network does no better than guessing the most frequent class (99.00%), and that does not"
    )


def test_classes_of_unlike_size_have_the_balanced_accuracy_beside_it(params: Params, tmp_path: Path) -> None:
    rows = opening.tabulate_baselines(FIGURES, even=False).rows
    assert rows[1] == ["this network, mean of each class's own accuracy", "98.00%"]
    said = opening.describe_training(subject(params, tmp_path, (15, 3)), HISTORY)
    assert "always naming the most frequent class gives 83.33%." in said


@pytest.mark.parametrize(
    ("keep", "words"),
    [
        ("last", "trained on 18 images for 3 epochs; its training accuracy in the last of these is 99.50%."),
        ("best", "for 2 of 3 epochs, since the validation loss was lowest then; its training accuracy in the last of"),
    ],
)
def test_the_training_is_told_in_a_sentence(params: Params, tmp_path: Path, keep: str, words: str) -> None:
    about = subject(params, tmp_path, keep=keep)
    said = opening.describe_training(about, HISTORY)
    assert said.startswith(
        f"The network has {model.parameter_count(about.trained.net):,} parameters and takes images of"
    )
    assert words in said


@pytest.mark.parametrize(
    ("changes", "parts"),
    [
        (
            {"hidden": [4]},
            ["3 x 3 convolution, max pooling, ReLU", "3 x 3 convolution, max pooling, ReLU", "dense layer, ReLU",
             "dense layer"],
        ),
        (
            {"head": "average", "norm": "batch", "pool": "avg", "hidden": [], "further_channels": []},
            ["3 x 3 convolution, batch normalisation, ReLU, average pooling", "global average", "dense layer"],
        ),
        (
            {"head": "convolution", "pool": "stride", "hidden": [4], "further_channels": []},
            ["3 x 3 convolution with stride 2, ReLU", "1 x 1 convolution, ReLU", "1 x 1 convolution", "global average"],
        ),
    ],
    ids=str,
)  # fmt: skip
def test_the_drawing_has_each_layer_with_its_parts_its_values_and_its_parameters(
    params: Params, tmp_path: Path, changes: dict[str, Any], parts: list[str]
) -> None:
    about = subject(params, tmp_path, **changes)
    image, *layers = opening.draw_network(about).steps
    assert (image.name, image.lines, image.anchor) == ("image", ["1 x 30 x 20 px"], "")
    assert [layer.lines[0] for layer in layers] == parts
    assert [layer.anchor for layer in layers] == [layer.name for layer in about.layers]
    counts = [int(layer.lines[2].split()[0].replace(",", "")) for layer in layers]
    assert sum(counts) == model.parameter_count(about.trained.net)
    assert layers[-1].lines[1] == "2 values"


def test_a_drawing_stays_within_its_frame_and_shows_that_something_is_left_out() -> None:
    for count in (1, 2, 9, 64):
        sheets = Step("maps", [], count, (1.0, 0.5)).sheets
        assert len(sheets) == min(count, 6) and sheets[0][2:] == (LARGEST / 2, LARGEST)
        assert all(x >= 0 and x + width <= SIDE and y >= 0 and y + height <= SIDE for x, y, width, height in sheets)
    assert Step("maps", [], 3, (0.001, 1.0)).sheets[0][3] > 5
    few, many = Step("units", [], 9, None).dots, Step("units", [], 1200, None).dots
    assert len(few) == len(many) == 9
    assert len(np.unique([radius for *_, radius in few])) == 1
    assert [radius < 2 for *_, radius in many] == [False] * 3 + [True] * 3 + [False] * 3
