"""Subsets inside the class folders, `cat/train` and `dog/val`: the author's parts are never mixed without a word."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.image_folders import draw_toy_images, fill, find_images

from crosscheck.core.errors import InputError

USUAL = ("cat/train/1.png", "cat/val/2.png", "dog/train/1.png", "dog/val/more/1.png")


def subset_of(root: Path, asked: str = "auto") -> dict[str, str]:
    listing = find_images(root, layout=asked)
    assert listing.read_as == "subsets"
    return dict(zip(listing.paths, listing.subsets, strict=True))


@pytest.mark.parametrize("asked", ["auto", "subsets"])
def test_each_image_is_in_the_subset_that_its_author_put_it_into(tmp_path: Path, asked: str) -> None:
    root = fill(tmp_path, *USUAL, "README.txt", "cat/notes.txt", "cat/train/.hidden")

    listing = find_images(root, layout=asked)

    assert (listing.read_as, listing.classes) == ("subsets", ["cat", "dog"])
    assert subset_of(root, asked) == {path: path.split("/")[1] for path in USUAL}
    assert [listing.classes[label] for label in listing.labels] == [path.split("/")[0] for path in listing.paths]
    assert listing.sources == {"train": "*/train", "val": "*/val"}
    assert listing.remarks == []
    assert sorted(listing.ignored) == ["README.txt", "cat/notes.txt", "cat/train/.hidden"]


def test_other_names_of_subsets_are_known(tmp_path: Path) -> None:
    root = fill(tmp_path, "a/Training/1.png", "a/valid/1.png", "b/train/1.png", "b/testing/1.png")
    assert list(subset_of(root).values()) == ["train", "val", "test", "train"]
    assert find_images(root).sources == {"train": "*/Training, */train", "val": "*/valid", "test": "*/testing"}


def test_folders_of_images_that_stay_together_may_lie_in_the_subsets(tmp_path: Path) -> None:
    paths = [f"{name}/{part}/{part}{number}/1.png" for name in "ab" for part in ("train", "test") for number in "12"]
    assert set(subset_of(fill(tmp_path, *paths)).values()) == {"train", "test"}


@pytest.mark.parametrize(
    ("paths", "doubtful"),
    [
        ((*USUAL, "bird/1.png"), "'bird'"),
        ((*USUAL, "cat/3.png"), "'cat'"),
        ((*USUAL, "cat/old/3.png"), "'cat'"),
        (("cat/train/1.png", "cat/val/2.png", "dog/1.png"), "'dog'"),
    ],
    ids=["a class without", "beside them", "in another folder", "in one class only"],
)
def test_a_folder_that_could_be_either_names_both_readings(
    tmp_path: Path, paths: tuple[str, ...], doubtful: str
) -> None:
    root = fill(tmp_path, *paths)
    with pytest.raises(InputError) as caught:
        find_images(root)
    line = str(caught.value)
    assert re.search(
        r"could be read in two ways: as the classes '.*, or as ready-made subsets inside the classes", line
    )
    assert f"without some images of {doubtful}" in line
    assert line.endswith("set data.layout in params.yaml (with inspect: --layout) to classes or to subsets")
    assert "train" not in find_images(root, layout="classes").subsets


def test_what_is_in_no_subset_is_ignored_with_a_warning_where_one_asks_for_subsets(tmp_path: Path) -> None:
    root = fill(tmp_path, *USUAL, "bird/1.png", "cat/old/3.png", "docs/readme.txt")
    listing = find_images(root, layout="subsets")
    assert listing.classes == ["cat", "dog"] and len(listing.paths) == len(USUAL)
    (remark,) = listing.remarks
    assert remark == "the images in 'bird', 'cat' that are in no folder of a subset are ignored"
    assert sorted(listing.ignored) == ["bird", "cat/old", "docs"]


def test_two_whole_data_sets_side_by_side_are_no_classes(tmp_path: Path) -> None:
    paths = [f"{site}/{part}/{name}/1.png" for site in ("a", "b") for part in ("train", "test") for name in "xy"]
    with pytest.raises(InputError, match=r"as the classes 'a', 'b', or as ready-made subsets .* in one of them"):
        find_images(fill(tmp_path, *paths))


def test_a_class_without_training_images_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'dog' is in val and not in train"):
        find_images(fill(tmp_path, "cat/train/1.png", "cat/val/2.png", "dog/val/1.png"))


def test_two_folders_of_one_subset_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'train' and 'training' both read as train"):
        find_images(fill(tmp_path, *USUAL, "cat/training/1.png"))


@pytest.mark.parametrize("paths", [("cat/train/1.png", "dog/train/1.png"), ("cat/val/1.png", "dog/test/1.png")])
def test_one_folder_of_such_a_name_says_nothing(tmp_path: Path, paths: tuple[str, ...]) -> None:
    assert find_images(fill(tmp_path, *paths)).read_as == "classes"


def test_split_keeps_these_parts_and_says_so(
    split_images: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    drawn = draw_toy_images(tmp_path / "drawn", 12)
    root = tmp_path / "sorted"
    for file in drawn.rglob("*.png"):
        part = "test" if int(file.stem) < 4 else "train"
        (root / file.parent.name / part).mkdir(parents=True, exist_ok=True)
        file.rename(root / file.parent.name / part / file.name)

    out = split_images(root, val=2)

    assert [len(np.load(out / f"{name}_labels.npy")) for name in ("train", "val", "test")] == [12, 4, 8]
    assert "train from '*/train', test from '*/test'" in capsys.readouterr().out
