"""The author's subsets stay as they are, and what stands in two of them is counted and said."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.image_folders import draw_toy_images
from PIL import Image

from crosscheck.core.errors import InputError
from crosscheck.data import leakage
from crosscheck.data.near_duplicates import Pair

Split = Callable[..., Path]


@pytest.fixture
def author_made(tmp_path: Path) -> Path:
    """Train and test with eight and four images of each of two classes, all different."""
    drawn, root = draw_toy_images(tmp_path / "drawn", 12), tmp_path / "toy"
    for file in sorted(drawn.rglob("*.png")):
        to = root / ("train" if int(file.stem) < 8 else "test") / file.parent.name
        to.mkdir(parents=True, exist_ok=True)
        file.rename(to / file.name)
    return root


def report_of(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return content


def subset_of(out: Path) -> dict[str, str]:
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        return {row["path"]: row["subset"] for row in csv.DictReader(lines)}


def test_the_author_s_test_images_are_the_test_images_and_a_missing_val_is_taken_out_of_train(
    author_made: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    out = split_images(author_made, val=2, test=1)

    found = subset_of(out)
    assert {path for path, subset in found.items() if subset == "test"} == {
        path for path in found if path.startswith("test/")
    }
    report = report_of(out)
    assert report["counts"] == {name: {"train": 6, "val": 2, "test": 4} for name in ("bars", "discs")}
    assert (report["read_as"], report["sources"]) == ("subsets", {"train": "train", "test": "test"})
    assert report["leakage"] == {"counts": [], "groups_count": 0, "groups": []}
    said = capsys.readouterr().out
    assert "read as ready-made subsets: train from 'train', test from 'test'; the author made no val\n" in said
    assert "warning" not in said


def test_class_folders_and_how_they_were_read_are_said(
    toy_images: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    assert report_of(split_images(toy_images))["read_as"] == "classes"
    assert "read as one folder for each class\n" in capsys.readouterr().out


def test_another_seed_draws_another_val_and_leaves_the_author_s_test_set(
    author_made: Path, split_images: Split
) -> None:
    first, second = (subset_of(split_images(author_made, val=3, seed=seed)) for seed in (0, 1))

    assert first != second
    for found in (first, second):
        assert {subset for path, subset in found.items() if path.startswith("test/")} == {"test"}


def test_images_in_two_of_the_author_s_subsets_are_leakage_and_stay_where_they_are(
    author_made: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(author_made / "test" / "bars" / "008.png", author_made / "train" / "bars" / "copy.png")
    shutil.copy(author_made / "test" / "bars" / "008.png", author_made / "test" / "bars" / "copy.png")
    Image.open(author_made / "test" / "discs" / "009.png").save(author_made / "train" / "discs" / "9.jpg", quality=95)

    out = split_images(author_made, val=2)

    found, report = subset_of(out), report_of(out)
    assert all((subset == "test") == path.startswith("test/") for path, subset in found.items())
    assert found["train/bars/copy.png"] == "train"
    (count,) = report["leakage"]["counts"]
    assert (count["of"], count["in"], count["images"], count["equal"]) == ("test", "train", 9, 2)
    assert count["near"] >= 1
    assert report["leakage"]["groups"] == [
        {"test/bars/008.png": "test", "test/bars/copy.png": "test", "train/bars/copy.png": "train"}
    ]
    said = capsys.readouterr().out
    assert "warning: leakage: of the 9 images in the author's test, 2 are in train, too, and" in said
    assert "1 groups of images have the same pixels; all but 1 of them stay in one subset" in said


def test_equal_images_in_train_stay_together_where_val_is_taken_out_of_it(
    author_made: Path, split_images: Split
) -> None:
    for file in sorted((author_made / "train" / "bars").iterdir()):
        shutil.copy(file, file.with_name(f"copy of {file.name}"))

    out = split_images(author_made, val=4)

    found, report = subset_of(out), report_of(out)
    assert report["leakage"]["counts"] == []
    assert list(found.values()).count("val") == 8
    for path, subset in found.items():
        if path.startswith("train/bars/0"):
            assert found[path.replace("bars/", "bars/copy of ")] == subset


def test_leakage_is_counted_for_each_two_subsets() -> None:
    names = ["a", "b", "c", "d", "e", "f", "g"]
    given = ["train", "val", "test", "test", "val", "train", ""]
    pixels = ["1", "1", "1", "2", "3", "4", "4"]

    found = leakage.find(names, pixels, [Pair(3, 4, 0.01), Pair(2, 4, 0.01), Pair(5, 6, 0.01)], given)

    assert found["counts"] == [
        {"of": "test", "in": "train", "images": 2, "equal": 1, "near": 0},
        {"of": "test", "in": "val", "images": 2, "equal": 1, "near": 1},
        {"of": "val", "in": "train", "images": 2, "equal": 1, "near": 0},
    ]
    assert found["groups"] == [{"a": "train", "b": "val", "c": "test"}]
    assert len(leakage.warnings(found)) == 3


def test_images_that_the_author_put_into_no_subset_are_no_leakage() -> None:
    found = leakage.find(["a", "b"], ["1", "1"], [Pair(0, 1, 0.0)], ["", "train"])

    assert found == {"counts": [], "groups_count": 0, "groups": []}


def test_a_class_that_the_author_s_test_set_lacks_is_a_warning(
    author_made: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.rmtree(author_made / "test" / "discs")

    report = report_of(split_images(author_made))

    assert report["lacking"] == {"test": ["discs"]}
    assert report["counts"]["discs"] == {"train": 7, "val": 1, "test": 0}
    assert "warning: test holds no image of 1 classes, such as 'discs'" in capsys.readouterr().out


def test_a_class_whose_training_images_cannot_be_read_is_one_line(author_made: Path, split_images: Split) -> None:
    for file in (author_made / "train" / "discs").iterdir():
        file.write_bytes(b"broken")

    with pytest.raises(InputError, match="no image could be read of the class 'discs' in train; put images into"):
        split_images(author_made, on_bad_image="skip")


def test_a_class_without_any_image_says_what_its_folders_in_all_subsets_hold(
    author_made: Path, split_images: Split
) -> None:
    for file in author_made.rglob("discs/*.png"):
        file.write_bytes(b"broken")

    with pytest.raises(
        InputError, match=r"'discs' holds no image; it holds 12 other files, such as 'test/discs/008.png'"
    ):
        split_images(author_made, on_bad_image="skip")
