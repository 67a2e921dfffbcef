"""Ranks the labels of a whole folder by how much networks doubt them: each image is judged by one that never saw it.

    dvc exp run --queue -S split.folds=5 -S 'split.fold=range(5)'
    dvc queue start
    python -m crosscheck suspects [EXPERIMENT ...]

Gathers the answers of a cross-validation's experiments to their test images. Without names it takes the experiments of
the current commit that have folds. They may differ in the fold only. Writes a table and a picture of the images
whose labels are doubted most into the folder `suspects`, or another --report.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crosscheck.core.errors import InputError
from crosscheck.core.files import fresh_folder
from crosscheck.core.params import PARAMS_FILE, DataParams, load_section
from crosscheck.core.yaml_files import check_section
from crosscheck.data import decoding
from crosscheck.data.guessing import only_answer
from crosscheck.evaluation.predictions import Predictions
from crosscheck.evaluation.suspect_labels import MOST, Suspect, find_suspects, write_suspects
from crosscheck.pipeline import fold_experiments
from crosscheck.reporting import fonts, style, suspect_labels

REPORT = Path("suspects")


def main(*experiments: str, report: Path = REPORT) -> None:
    params = load_section("visualize")
    with fresh_folder(report, marked=True) as folder:
        folds = fold_experiments.find(experiments)
        classes, answers = fold_experiments.read_answers(folds)
        warn_of_one_answer(answers, classes)
        found = find_suspects(answers, classes)
        data: DataParams = check_section(
            DataParams, folds[0].params["data"], f"experiment {folds[0].name}: {PARAMS_FILE}", ("data",)
        )
        images = list(read_images(found[: params.mistakes], data))
        fonts.tell(classes)
        n = sum(len(answered.paths) for answered in answers.values())
        among = f"n = {n} images, each judged by a network that never saw it"
        picture = suspect_labels.draw_suspects(found, images, "the networks doubt", among)
        write_suspects(found, folder / "suspect_labels.csv")
        style.save(picture, folder / "suspect_labels.png", params.dpi)
    doubted = f"{MOST} or more" if len(found) == MOST else str(len(found))
    print(f"folds       {', '.join(each.name for each in folds)}")
    print(f"images      {n}, each judged by a network that never saw it")
    print(f"doubted     {doubted} labels, the most doubtful first in {report / 'suspect_labels.csv'}")
    print(f"picture     {report / 'suspect_labels.png'}: the first {len(images)}")


def warn_of_one_answer(answers: Mapping[str, Predictions], classes: list[str]) -> None:
    """Say so of a fold whose network answers every image alike: it doubts each label of the other classes."""
    for fold, answered in answers.items():
        answer = only_answer(answered.predicted)
        if answer is not None:
            print(
                f"warning: the network of {fold} takes all n = {len(answered.paths)} images for {classes[answer]!r}, "
                "so its doubts say nothing; train the folds with other values, or for longer",
                file=sys.stderr,
            )


def read_images(found: Iterable[Suspect], data: DataParams) -> Iterable[NDArray[np.uint8]]:
    """The pixels of each, read from the user's folder. Raises InputError for one that is not there any more."""
    for each in found:
        decoded = decoding.decode(Path(data.images), each.path, data)
        if decoded.pixels is None:
            raise InputError(
                f"{Path(data.images) / each.path}: {decoded.note or 'not an image'}, but the experiments read it; run "
                "the folds again if the images have changed"
            )
        yield decoded.pixels
