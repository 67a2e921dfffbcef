"""The baselines of a study are those of each variant's own images, in whatever order the variants stand."""

import numpy as np
import pytest
from helpers.models import run_result

from crosscheck.core.params import Params
from crosscheck.data.dataset import DataSet
from crosscheck.study import baselines, figures, hypothesis_tests, text
from crosscheck.study.analysis import Size
from crosscheck.study.baselines import Baseline
from crosscheck.study.looks import Look
from crosscheck.study.plans import PlannedRun
from crosscheck.study.resplit import PackedImages
from crosscheck.study.runs import Run


@pytest.fixture
def stock() -> PackedImages:
    """Twelve images of each of two classes; those of the first come in pairs that stay in one subset."""
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (24, 4, 4, 1), dtype=np.uint8)
    pixels[1:12:2] = pixels[0:12:2]
    labels = np.repeat([0, 1], 12)
    names = [str(number) for number in range(24)]
    return PackedImages(DataSet(["ant", "bee"], 4, 4, 1, "stretch", 255), pixels, labels, names, names)


def run_of(params: Params, test: int, images: int | str = "all") -> list[Run]:
    split = params.split.model_copy(update={"test": test, "val": 0, "seed": 0})
    train = params.train.model_copy(update={"images_per_class": images})
    cell = PlannedRun("arm", 0, params.model_copy(update={"split": split, "train": train}))
    return [Run(cell, False, np.array([]), np.array([]), None, 1, run_result())]


def test_each_variant_has_the_baselines_of_its_own_images_whatever_comes_last(
    params: Params, stock: PackedImages
) -> None:
    # Three test images of the first class cannot be had: pairs stay together.
    arms = {"odd": run_of(params, 3, 5), "even": run_of(params, 4, 5)}
    found = baselines.find(arms, stock)
    assert found == baselines.find(dict(reversed(arms.items())), stock)
    assert found["odd"].images == found["even"].images == 10
    assert found["odd"].majority != found["even"].majority == 0.5
    for name, runs in arms.items():
        assert baselines.find({name: runs}, stock)[name] == found[name]


def test_variants_of_the_same_images_are_one_figure_and_others_are_named() -> None:
    alike = {"a": Baseline(40, 0.5, 0.9), "b": Baseline(40, 0.5, 0.9), "c": Baseline(10, 0.5, 0.8)}
    assert text.describe_baselines(alike) == [
        "Always the most frequent class: 50.00%.",
        "The class of the nearest training image, pixel by pixel, by number of training images: "
        "80.00% with 10, 90.00% with 40.",
    ]
    assert baselines.shared(alike.values()) == {"majority": 0.5, "neighbour": {40: 0.9, 10: 0.8}}
    apart = alike | {"d": Baseline(40, 0.6, 0.7)}
    assert text.describe_baselines(apart) == [
        "Always the most frequent class: 50.00% (a, b, c), 60.00% (d).",
        "The class of the nearest training image, pixel by pixel, by number of training images: "
        "80.00% with 10, 70.00% with 40 (d), 90.00% with 40 (a, b).",
    ]
    assert baselines.shared(apart.values()) == {"majority": None, "neighbour": {40: None, 10: 0.8}}


def test_the_chart_by_training_images_shows_every_baseline() -> None:
    lines = {"one": [Size(40, None, [], 0.9), Size(10, None, [], 0.8)], "two": [Size(40, None, [], 0.7)]}
    same = {name: Look("black", "-", "o") for name in lines}
    for order in (lines, dict(reversed(lines.items()))):
        line, chance = figures.draw_sizes(order, same, 0.25).axes[0].lines
        assert set(chance.get_ydata()) == {0.25}
        assert sorted(zip(line.get_xdata(), line.get_ydata(), strict=True)) == [(10, 0.8), (40, 0.7), (40, 0.9)]


def test_whether_two_variants_only_guess_is_judged_by_the_test_images_of_each(params: Params) -> None:
    cell = run_of(params, 3)[0].planned

    def arm(accuracy: float, actual: list[int]) -> list[Run]:
        right = [np.arange(100) < 100 * accuracy + seed for seed in range(3)]
        result = run_result(test={"actual": actual})
        return [Run(cell, False, np.arange(100), each, 1, 1, result) for each in right]

    # The first answers as the largest of its classes would; the second is far better than that.
    first, second = arm(0.75, [0, 0, 0, 1]), arm(0.70, [0, 1])
    for pair in ((first, second), (second, first)):
        assert not hypothesis_tests.compare_values(*pair, "accuracy", 0.05, 0.95).guessing
    assert hypothesis_tests.compare_values(first, arm(0.50, [0, 1]), "accuracy", 0.05, 0.95).guessing
