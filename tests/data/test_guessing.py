"""What guessing by class shares gives, and where it shows: no run passes for a good one because one class is large."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.models import run_result
from helpers.project import Project
from helpers.repository import ROOT
from PIL import Image
from pydantic import ValidationError
from ruamel.yaml import YAML
from scipy import stats

from crosscheck.core.validation_messages import describe_damage
from crosscheck.data.guessing import Guess, only_answer
from crosscheck.evaluation import predictions
from crosscheck.explain import animation
from crosscheck.explain import text as sentences
from crosscheck.network.model_card import CardData
from crosscheck.search.objective import on_plateau
from crosscheck.search.space import EarlyStopping
from crosscheck.study import plans, runs
from crosscheck.study.results import RunResult, StoredResult
from crosscheck.training import curves
from crosscheck.training.curves import Epoch
from stages import evaluate, train
from stages.study import run as study

UNEVEN = Guess((295, 7))
NAMES = ["cat", "dog"]


def curve(*losses: float) -> list[Epoch]:
    return [Epoch(number, loss, 0.977, None, None) for number, loss in enumerate(losses, start=1)]


@pytest.mark.parametrize("each", [1, 7, 850])
def test_with_as_many_images_of_each_class_it_is_exactly_ln_of_the_classes(each: int) -> None:
    for classes in range(2, 200):
        guess = Guess.from_labels(np.repeat(np.arange(classes), each), classes)
        assert (guess.loss, guess.accuracy) == (math.log(classes), 1 / classes)
        assert guess.shown == f"ln {classes} = {math.log(classes):.3f}"


@pytest.mark.parametrize("counts", [(295, 7), (1, 2, 3), (5, 0, 5), (1500, 1499)])
def test_otherwise_it_is_the_entropy_of_the_shares_and_the_largest_share(counts: tuple[int, ...]) -> None:
    guess = Guess.from_labels(np.repeat(np.arange(len(counts)), counts), len(counts))
    assert guess.counts == counts
    assert guess.loss == pytest.approx(stats.entropy(counts), rel=1e-12)
    assert guess.accuracy == max(counts) / sum(counts)


@pytest.mark.parametrize("counts", [None, "7", [295], [295, 8], [296, 6.0], [303, -1], [True, 301]])
def test_a_card_with_wrong_counts_is_one_line(counts: Any) -> None:
    sizes = {"height": 8, "width": 8, "channels": 1, "fit": "pad", "background": 255}
    described = {"classes": NAMES, **sizes, "train_images": 302, "train_images_of_class": counts, "val_images": 0}
    with pytest.raises(ValidationError) as caught:
        CardData.model_validate(described)
    told = describe_damage(caught.value)
    assert told.startswith("train_images_of_class") and len(told.splitlines()) == 1
    assert CardData.model_validate(described | {"train_images_of_class": [295, 7]}).guess == UNEVEN


def test_images_that_are_all_taken_for_one_class_are_noticed() -> None:
    assert only_answer(np.array([1, 1, 1])) == 1
    assert only_answer(np.array([1, 0, 1])) is None
    assert only_answer(np.array([], dtype=np.int64)) is None


def test_a_training_that_only_learnt_the_class_shares_is_told_to_get_more_images(
    capsys: pytest.CaptureFixture[str],
) -> None:
    train.warn_of_plateau(curve(0.4, 0.110), UNEVEN, NAMES)
    (line,) = capsys.readouterr().err.splitlines()
    assert line == (
        "warning: the training loss ends at 0.110, about 0.110, that of guessing by class shares (97.7 % of the "
        "training images are 'cat'): the network has learnt nothing of the images; add images of the rarer classes, "
        "set train.class_weights to balanced, or try another train.seed, more train.epochs, or model.invert=true"
    )
    train.warn_of_plateau(curve(0.4, 0.05), UNEVEN, NAMES)
    assert capsys.readouterr().err == ""


def test_with_equal_classes_the_warning_names_the_logarithm(capsys: pytest.CaptureFixture[str]) -> None:
    train.warn_of_plateau(curve(0.692), Guess((7, 7)), NAMES)
    assert capsys.readouterr().err == (
        "warning: the training loss ends at 0.692, about ln 2 = 0.693: the network has learnt nothing; try another "
        "train.seed, more train.epochs, or model.invert=true\n"
    )


def answered(*predicted: int) -> predictions.Predictions:
    odds = np.eye(2)[list(predicted)]
    return predictions.make_predictions([str(row) for row in range(len(predicted))], np.array([0, 0, 1, 1]), odds)


def test_a_network_that_takes_every_test_image_for_one_class_is_named_by_evaluate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evaluate.warn_of_one_answer(answered(0, 0, 0, 0), UNEVEN, NAMES, 0.5)
    assert capsys.readouterr().err == (
        "warning: the network takes all n = 4 test images for 'cat', and 97.7 % of the training images are 'cat': its "
        "balanced accuracy of 50.00% is chance; add images of the rarer classes, or set train.class_weights to "
        "balanced, and train again\n"
    )
    evaluate.warn_of_one_answer(answered(0, 0, 0, 1), UNEVEN, NAMES, 0.75)
    evaluate.warn_of_one_answer(answered(0, 0, 0, 0), Guess((7, 7)), NAMES, 0.5)
    assert capsys.readouterr().err == ""


def test_the_animation_measures_the_plateau_by_the_class_shares() -> None:
    history = curve(0.11, 0.10, 0.02)
    words = sentences.describe_training(history, UNEVEN, [0, 3])
    assert "stays on the plateau of guessing by class shares, 0.110, for 1 epoch" in words
    assert "leaves it in epoch 2 (0.100)" in words
    assert animation.caption(2, history, UNEVEN).endswith("the plateau ends")
    assert curves.plateau_end(history, Guess((7, 7))) == 1


def test_a_search_stops_what_has_only_learnt_the_class_shares() -> None:
    stop, val = EarlyStopping(epochs=2, loss=0.95), Guess((2, 2))

    def trial(*losses: tuple[float, float]) -> list[Epoch]:
        return [Epoch(number, *pair, 0.5) for number, pair in enumerate(((a, 0.9, b) for a, b in losses), start=1)]

    # The validation images are two of each class: the more the network trusts the shares, the higher their loss.
    assert on_plateau(trial((0.4, 0.9), (0.110, 1.9)), stop, UNEVEN, val)
    assert not on_plateau(trial((0.4, 0.9), (0.050, 1.9)), stop, UNEVEN, val)
    assert not on_plateau(trial((0.4, 0.9), (0.110, 0.5)), stop, UNEVEN, val)


def result(counts: list[int], loss: float, predicted: list[int]) -> RunResult:
    names = ["ant", "bee", "cow"][: len(counts)]
    test = {"row": [0, 1, 2, 3], "actual": [0, 0, 1, 1], "predicted": predicted, "log_loss": 0.1}
    sizes = {"train_images": sum(counts), "val_images": 0, "test_images": 4}
    described = {"classes": names, **sizes, "train_images_of_class": counts}
    curve = {"epoch": [1], "train_loss": [loss], "val_accuracy": [0.5]}
    return run_result(data=described, curve=curve, test=test)


def outcome(folder: Path, params_file: Path, content: RunResult) -> runs.Run:
    file = folder / "study.yaml"
    with file.open("w", encoding="utf-8") as stream:
        YAML().dump({"title": "Toy", "seeds": 1, "variants": {"small": {}}}, stream)
    plan = plans.read(file, params_file)
    stored = StoredResult(seed=0, key="", bits={}, instructions="", result=content)
    return runs.assess_runs(plan, {"small": [stored]})["small"][0]


@pytest.mark.parametrize(
    ("counts", "loss", "predicted", "failed", "on_it"),
    [
        ([295, 7], 0.110, [0, 0, 0, 0], True, True),
        # Below half of ln 2, and above half of the entropy.
        ([295, 7], 0.080, [0, 0, 1, 0], True, False),
        ([295, 7], 0.040, [0, 0, 1, 1], False, False),
        # The training images by heart, and the same answer to whatever is new.
        ([295, 7], 0.010, [0, 0, 0, 0], True, False),
        ([295, 7], 0.010, [1, 1, 1, 1], True, False),
        ([100, 10, 10], 0.50, [0, 0, 0, 1], True, False),
        ([50, 50], 0.693, [0, 0, 0, 0], True, True),
        ([50, 50], 0.347, [0, 1, 0, 1], True, False),
        ([50, 50], 0.346, [0, 1, 0, 1], False, False),
    ],
)
def test_a_run_that_only_knows_the_class_shares_has_not_converged(
    tmp_path: Path, counts: list[int], loss: float, predicted: list[int], failed: bool, on_it: bool
) -> None:
    run = outcome(tmp_path, ROOT / "params.yaml", result(counts, loss, predicted))
    assert run.failed == failed
    assert run.on_plateau == [on_it]


def test_the_study_says_while_it_runs_that_all_images_got_one_answer() -> None:
    assert study.outcome(result([295, 7], 0.11, [0, 0, 0, 0])) == (
        "training loss 0.110, 2 of 4 test images right, all taken for the same class"
    )
    assert study.outcome(result([50, 50], 0.69, [0, 0, 0, 0])) == "training loss 0.690, 2 of 4 test images right"


def draw_marks(root: Path, counts: dict[str, int]) -> None:
    """Noisy images of two classes with a mark that tells them apart, lying or standing."""
    random = np.random.default_rng(7)
    for name, count in counts.items():
        (root / name).mkdir(parents=True)
        for index in range(count):
            pixels = random.integers(200, 256, (16, 16), dtype=np.uint8)
            x, y = random.integers(1, 10, 2)
            height, width = (2, 5) if name == "cat" else (5, 2)
            pixels[y : y + height, x : x + width] = 20
            Image.fromarray(pixels).save(root / name / f"{index:03d}.png")


@pytest.mark.slow
def test_a_folder_of_very_unequal_classes_passes_nowhere_for_a_good_result(project: Project) -> None:
    draw_marks(project.folder / "marks", {"cat": 120, "dog": 9})
    project.set(data={"images": "marks"}, train={"epochs": 6}, visualize={"example": 0})
    complaints = project.run("dvc", "repro").stderr
    card = json.loads(project.read("models/model.json"))
    assert card["data"]["train_images_of_class"] == [115, 4]
    assert json.loads(project.read("metrics/train.json"))["train"]["accuracy"] > 0.95
    assert "that of guessing by class shares (96.6 % of the training images are 'cat')" in complaints
    assert "takes all n = 6 test images for 'cat'" in complaints
    assert "takes every test image for 'cat', and 96.6 % of" in project.command("summary").stdout
    assert "always naming the most frequent class gives 96.64%" in project.read("report/report.html")


@pytest.mark.slow
def test_a_study_of_very_unequal_classes_counts_no_run_as_converged(project: Project) -> None:
    draw_marks(project.folder / "marks", {"cat": 120, "dog": 9})
    params = {"data.images": "marks", "split.test": 3, "split.val": 2, "train.epochs": 6, "train.snapshots": 0}
    content = {"title": "Marks", "seeds": 2, "params": params, "variants": {"small": {}}}
    with (project.folder / "mine.yaml").open("w", encoding="utf-8") as stream:
        YAML().dump(content, stream)
    project.stage("study.pack", "--study", "mine.yaml")
    printed = project.stage("study.run", "--study", "mine.yaml").stdout
    assert printed.count("3 of 6 test images right, all taken for the same class") == 2
    project.stage("study.compare", "--study", "mine.yaml")
    assert json.loads(project.read("mine/numbers.json"))["variants"]["small"]["failed"] == 2
    text = project.read("mine/report/report.md")
    assert "of the loss of guessing by the class shares of the training images, or they take every test image" in text
    assert "ln of the number of classes" not in text
