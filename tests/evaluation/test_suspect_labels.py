"""Suspect labels: which images they are, in which order, in the table and in the picture."""

from pathlib import Path

import numpy as np
import pytest
from helpers.image_folders import draw_sides
from helpers.project import Project
from matplotlib.text import Text

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.data.dataset import Subset
from crosscheck.evaluation.predictions import Predictions, make_predictions
from crosscheck.evaluation.suspect_labels import Suspect, find_suspects, read_suspects, write_suspects
from stages import visualize

CLASSES = ["ant", "bee", "cow"]


def answered(labels: list[int], odds: list[list[float]], folder: str = "") -> Predictions:
    paths = [f"{folder}{row}.png" for row in range(len(labels))]
    return make_predictions(paths, np.array(labels, dtype=np.int64), np.array(odds, dtype=np.float64))


def test_they_are_the_images_for_which_another_class_is_more_probable_the_worst_first() -> None:
    test = answered([0, 0, 1], [[0.9, 0.05, 0.05], [0.1, 0.2, 0.7], [0.5, 0.5, 0.0]], "t")
    val = answered([2, 1], [[0.02, 0.97, 0.01], [0.1, 0.6, 0.3]], "v")
    found = find_suspects({"test": test, "val": val}, CLASSES)
    assert [(each.path, each.subset, each.row) for each in found] == [("v0.png", "val", 0), ("t1.png", "test", 1)]
    assert [(each.label, each.suggested, each.probability) for each in found] == [
        ("cow", "bee", 0.97),
        ("ant", "cow", 0.7),
    ]
    assert [each.quality for each in found] == pytest.approx([(1 + 0.01 - 0.97) / 2, (1 + 0.1 - 0.7) / 2])


def test_an_image_like_no_class_is_no_suspect_of_being_another() -> None:
    """Plain confidence in the label would put it first."""
    odd, wrong = [0.3, 0.36, 0.34], [0.32, 0.68, 0.0]
    found = find_suspects({"test": answered([0, 0], [odd, wrong])}, CLASSES)
    assert [each.row for each in found] == [1, 0]


def test_there_are_at_most_200_and_equal_ones_stay_in_their_order() -> None:
    odds = [[0.1, 0.9, 0.0]] * 150 + [[0.0, 1.0, 0.0]] * 150
    found = find_suspects({"test": answered([0] * 300, odds)}, CLASSES)
    assert [each.row for each in found] == [*range(150, 300), *range(50)]


def test_the_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    found = [
        Suspect('a "b",\n.png', "val", 3, "x,y", "é", 0.75, 0.125),
        Suspect("c.png", "test", 0, "é", "x,y", 1.0, 0.0),
    ]
    for suspects in (found, []):
        write_suspects(suspects, tmp_path / "suspects.csv")
        assert read_suspects(tmp_path / "suspects.csv") == suspects
    assert tmp_path.joinpath("suspects.csv").read_text() == "path,subset,row,label,suggested,probability,quality\n"


@pytest.mark.parametrize("damage", ["missing", "columns", "number"])
def test_a_damaged_table_is_refused_in_one_line(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "suspects.csv"
    if damage == "columns":
        file.write_text("path,subset\na,b\n")
    if damage == "number":
        tables.write(
            ["path", "subset", "row", "label", "suggested", "probability", "quality"],
            [["a", "test", 0, "x", "y", "nan", 0.1]],
            file,
        )
    with pytest.raises(InputError, match=r"suspects\.csv: .*run `dvc repro evaluate`"):
        read_suspects(file)


def noise(count: int) -> Subset:
    images = np.random.default_rng(0).integers(0, 256, (count, 8, 8, 1), dtype=np.uint8)
    return Subset(images, np.zeros(count, dtype=np.int64))


def words_of(found: list[Suspect], most: int) -> str:
    figure = visualize.draw_suspects({"test": noise(5), "val": noise(4)}, found, most)
    return " ".join(" ".join(each.get_text() for each in figure.findobj(Text)).split())


def test_the_picture_shows_each_with_its_label_the_suggestion_and_the_path() -> None:
    found = [Suspect(f"some/{row}.png", "val", row, "ant", "bee", 0.971, 0.1) for row in range(4)]
    words = words_of(found, 3)
    assert "Labels the network doubts most: 3 of 4, among n = 9 test and validation images" in words
    assert "label: ant rather bee, 97.1% some/0.png" in words
    assert "some/3.png" not in words
    assert "2 of 200 or more" in words_of(found[:1] * 200, 2)


def test_the_picture_says_where_there_is_none() -> None:
    assert "There is no label that the network doubts." in words_of([], 3)


@pytest.mark.slow
def test_images_in_the_wrong_folder_are_found(project: Project) -> None:
    draw_sides(project.folder / "sides", 40)
    project.set(
        data={"images": "sides"},
        split={"test": 12, "val": 12, "seed": 1},
        model={"channels": 4, "further_channels": [4], "invert": True, "centre": True},
        train={"epochs": 15, "momentum": 0.9},
        visualize={"example": 0},
    )
    project.run("dvc", "repro", "visualize")
    found = read_suspects(project.folder / "metrics" / "suspect_labels.csv")
    examined = {
        row["path"] for row in tables.each(project.folder / "data/split/manifest.csv") if row["subset"] != "train"
    }
    planted = {path for path in examined if "wrong" in path}
    assert planted and {each.path for each in found[: len(planted)]} == planted
    assert (project.folder / "data" / "suspect_labels.png").exists()
