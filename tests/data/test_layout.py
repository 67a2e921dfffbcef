"""Folders that are not one sub-folder per class are named as what they are, and classes are not taken for subsets."""

import re
from pathlib import Path

import pytest
from helpers.image_folders import fill, find_images

from crosscheck.core.errors import InputError
from crosscheck.data import layout

CLASSES = ("cat/1.png", "cat/2.png", "dog/1.png")


@pytest.mark.parametrize(
    ("paths", "classes"),
    [
        (("train/left/1.png", "train/right/1.png", "bus/left/1.png", "bus/right/1.png"), ["bus", "train"]),
        (("train/1.png", "train/steam/2.png", "train/diesel/3.png", "bus/1.png"), ["bus", "train"]),
        (("bullet-train/day/1.png", "crash-test/indoors/1.png"), ["bullet-train", "crash-test"]),
        (
            ("trainer/left/1.png", "trainer/right/1.png", "latest/left/1.png", "latest/right/1.png"),
            ["latest", "trainer"],
        ),
    ],
    ids=["one subset", "train beside a bus", "other words", "parts of words"],
)
def test_classes_with_such_names_are_classes(tmp_path: Path, paths: tuple[str, ...], classes: list[str]) -> None:
    listing = find_images(fill(tmp_path, *paths))

    assert (listing.read_as, listing.classes) == ("classes", classes)
    assert set(listing.subsets) == {""}


@pytest.mark.parametrize("above", ["pets", "pets/pets", "a/b/c"])
def test_a_folder_around_the_class_folders_is_named_with_the_one_to_use(tmp_path: Path, above: str) -> None:
    fill(tmp_path, *(f"{above}/{path}" for path in CLASSES))

    expected = f"if the classes are 'cat', 'dog', take '{tmp_path / above}' as the folder"
    with pytest.raises(InputError, match=re.escape(expected)):
        find_images(tmp_path)


def test_a_folder_around_ready_made_subsets_is_named_with_the_one_to_use(tmp_path: Path) -> None:
    fill(tmp_path, *(f"archive/{subset}/{path}" for subset in ("train", "test") for path in CLASSES))

    expected = f"if the ready-made subsets are 'test', 'train', take '{tmp_path}/archive' as the folder"
    with pytest.raises(InputError, match=re.escape(expected)):
        find_images(tmp_path)
    assert find_images(tmp_path / "archive").classes == ["cat", "dog"]


def test_a_folder_with_images_beside_one_around_ready_made_subsets_makes_no_classes_of_the_two(tmp_path: Path) -> None:
    fill(tmp_path, *(f"archive/{subset}/{path}" for subset in ("train", "test") for path in CLASSES), "docs/1.png")

    with pytest.raises(InputError, match=r"as the classes 'archive', 'docs', or as .*take '.*/archive' as the folder"):
        find_images(tmp_path)
    assert find_images(tmp_path, layout="classes").classes == ["archive", "docs"]


@pytest.mark.parametrize(
    "paths",
    [
        ("images/train/1.jpg", "images/val/2.jpg", "labels/train/1.txt", "labels/val/2.txt", "data.yaml"),
        ("train/images/1.jpg", "train/labels/1.txt", "valid/images/2.jpg", "valid/labels/2.txt"),
        ("images/1.jpg", "masks/1.png"),
        ("JPEGImages/1.jpg", "Annotations/1.xml", "ImageSets/Main/train.txt"),
    ],
    ids=["YOLO", "YOLO in subsets", "masks", "VOC"],
)
def test_folders_for_detection_and_segmentation_are_no_classes(tmp_path: Path, paths: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match="as data sets for detection and segmentation do") as refused:
        find_images(fill(tmp_path, *paths))
    assert "\n" not in str(refused.value)


def test_classes_called_images_and_labels_are_read_where_one_says_so(tmp_path: Path) -> None:
    assert find_images(fill(tmp_path, "images/1.jpg", "labels/1.png"), layout="classes").classes == ["images", "labels"]


@pytest.mark.parametrize("images", ["1.png", "images/1.png"])
def test_a_table_beside_images_in_no_class_folder_is_thought_of(tmp_path: Path, images: str) -> None:
    with pytest.raises(
        InputError, match=r"data\.labels in params\.yaml \(with inspect: --labels\) set to 'Labels\.CSV'"
    ):
        find_images(fill(tmp_path, images, "Labels.CSV"))


def test_a_long_list_of_names_is_cut() -> None:
    assert layout.listed(list("abcdefg")) == "'a', 'b', 'c', 'd', 'e' and 2 more"
