"""Folders that are not one sub-folder per class are named as what they are, and classes are not taken for subsets."""

import re
from pathlib import Path

import pytest
from helpers.image_folders import fill

from crosscheck.core.errors import InputError
from crosscheck.data import image_folder, layout

CLASSES = ("cat/1.png", "cat/2.png", "dog/1.png")


def subsets(root: Path, *names: str, classes: tuple[str, ...] = CLASSES) -> Path:
    """Class folders in a folder for each name, which may be a path."""
    return fill(root, *(f"{name}/{path}" for name in names for path in classes))


@pytest.mark.parametrize(
    ("names", "best"),
    [
        (("train", "val", "test"), "train"),
        (("Train", "VALID"), "Train"),
        (("training", "testing"), "training"),
        (("test", "dev"), "dev"),
        (("training_set", "test_set"), "training_set"),
        (("train2017", "val2017"), "train2017"),
        (("trainset", "validation-data"), "trainset"),
        (("seg_test/seg_test", "seg_train/seg_train"), "seg_train/seg_train"),
    ],
)
def test_ready_made_subsets_are_one_line_that_names_them_and_one_to_use(
    tmp_path: Path, names: tuple[str, ...], best: str
) -> None:
    root = fill(subsets(tmp_path, *names), "README.dataset.txt", "__MACOSX/train/cat/1.png")
    shown = ", ".join(repr(name.split("/")[0]) for name in sorted(names))

    with pytest.raises(InputError, match=re.escape(f"holds ready-made subsets ({shown})")) as refused:
        image_folder.find(root)

    assert f"set data.images in params.yaml to one of them, such as '{root / best}'" in str(refused.value)
    assert "\n" not in str(refused.value)
    assert image_folder.find(root / best).classes == ["cat", "dog"]


def test_subsets_are_told_where_a_loose_image_or_other_folders_lie_between_them(tmp_path: Path) -> None:
    root = fill(subsets(tmp_path, "train", "val"), "val/stray.png", "train/labels.csv", "models/best.pt")

    with pytest.raises(InputError, match=r"ready-made subsets \('train', 'val'\)"):
        image_folder.find(root)


def test_subsets_are_told_where_only_the_training_images_are_sorted_into_classes(tmp_path: Path) -> None:
    root = fill(subsets(tmp_path, "train"), "test/1.png", "test/2.png")

    with pytest.raises(InputError, match=r"such as '.*/train'"):
        image_folder.find(root)


@pytest.mark.parametrize(
    "paths",
    [
        ("train/1.png", "test/1.png"),
        ("train/1.png", "train/more/2.png", "train/old/3.png", "test/1.png", "test/more/2.png", "test/old/3.png"),
        ("train/left/1.png", "train/right/1.png", "bus/left/1.png", "bus/right/1.png"),
        ("bullet-train/day/1.png", "crash-test/indoors/1.png"),
        ("cat/train/1.png", "cat/val/1.png", "dog/train/1.png", "dog/val/1.png"),
        ("trainer/left/1.png", "trainer/right/1.png", "latest/left/1.png", "latest/right/1.png"),
    ],
    ids=["images", "images and folders", "one subset", "other folders", "in each class", "parts of words"],
)
def test_classes_with_such_names_are_classes(tmp_path: Path, paths: tuple[str, ...]) -> None:
    assert len(image_folder.find(fill(tmp_path, *paths)).classes) == 2


@pytest.mark.parametrize("above", ["pets", "pets/pets", "a/b/c"])
def test_a_folder_around_the_class_folders_is_named_with_the_one_to_use(tmp_path: Path, above: str) -> None:
    fill(tmp_path, *(f"{above}/{path}" for path in CLASSES))

    expected = f"if the classes are 'cat', 'dog', set data.images in params.yaml to '{tmp_path / above}'"
    with pytest.raises(InputError, match=re.escape(expected)):
        image_folder.find(tmp_path)


def test_a_long_list_of_names_is_cut() -> None:
    assert layout.listed(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e' and 2 more"
