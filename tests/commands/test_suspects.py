"""Suspect labels over the folds of a cross-validation, as a user gets them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.image_folders import draw_sides
from helpers.project import Project
from PIL import Image

from crosscheck.commands import suspects
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.evaluation.predictions import make_predictions
from crosscheck.evaluation.suspect_labels import Suspect, read_suspects


@pytest.mark.slow
def test_images_in_the_wrong_folder_are_found_over_all_folds(project: Project) -> None:
    draw_sides(project.folder / "sides", 40)
    project.set(
        data={"images": "sides"},
        split={"val": 6, "seed": 1},
        model={"channels": 4, "further_channels": [4], "invert": True, "centre": True},
        train={"epochs": 15, "momentum": 0.9, "snapshots": 0},
    )
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "sides")
    for fold in (0, 1):
        overrides = ("-S", "split.folds=2", "-S", f"split.fold={fold}")
        project.run("dvc", "exp", "run", "--temp", "-n", f"fold-{fold}", *overrides, "evaluate")
    said = project.command("suspects").stdout
    assert "folds       fold-0, fold-1\nimages      80, each judged by a network that never saw it\n" in said
    found = read_suspects(project.folder / "suspects" / "suspect_labels.csv")
    assert {each.subset for each in found} == {"fold 0", "fold 1"}
    planted = {f"{side}/wrong_{number:02d}.png" for side in ("left", "right") for number in range(3)}
    assert {each.path for each in found[: len(planted)]} == planted
    with Image.open(project.folder / "suspects" / "suspect_labels.png") as picture:
        picture.load()
    # It may run again, but not over what the user changed.
    project.command("suspects", "fold-0", "fold-1")
    (project.folder / "suspects" / "notes.txt").write_text("mine")
    refused = project.command("suspects", check=False)
    assert refused.returncode == 1 and "suspects/notes.txt: was changed since" in refused.stderr
    assert (project.folder / "suspects" / "notes.txt").read_text() == "mine"


def test_an_image_that_is_gone_since_is_named(in_folder: Callable[[], Path], params: Params) -> None:
    folder = in_folder()
    draw_sides(folder / "sides", 4)
    data = params.data.model_copy(update={"images": "sides", "height": 8, "width": 8})
    found = [Suspect(f"left/wrong_0{number}.png", "fold 0", 0, "left", "right", 0.9, 0.1) for number in range(2)]
    assert [image.shape for image in suspects.read_images(found, data)] == [(8, 8, 1)] * 2
    assert np.ptp(next(iter(suspects.read_images(found, data)))) > 100
    shutil.rmtree(folder / "sides" / "left")
    with pytest.raises(InputError, match=r"sides/left/wrong_00\.png: .*run the folds again if the images have changed"):
        list(suspects.read_images(found, data))


def test_a_fold_that_learnt_nothing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    odds = np.array([[0.6, 0.4], [0.55, 0.45]])
    labels = np.array([0, 1])
    good = np.array([[0.6, 0.4], [0.3, 0.7]])
    answers = {
        "fold 0": make_predictions(["a", "b"], labels, good),
        "fold 1": make_predictions(["c", "d"], labels, odds),
    }
    suspects.warn_of_one_answer(answers, ["ant", "bee"])
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("warning: the network of fold 1 takes all n = 2 images for 'ant', so its doubts say nothing")
