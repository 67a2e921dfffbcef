"""Folders with bad, odd, few or very many images, through the commands themselves."""

import json
import os
import resource
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.bad_images import BACKGROUND, BAD, BAD_ENTRIES, ODD, OTHER
from helpers.image_folders import two_classes
from helpers.preloaded import preloaded_python
from helpers.project import Project
from helpers.repository import ROOT
from helpers.tracking import WARNING
from PIL import Image

from crosscheck.core.errors import InputError

Split = Callable[..., Path]


def test_fail_stops_at_the_first_bad_image_and_skip_lists_them_all(toy_images: Path, split_images: Split) -> None:
    for name in ("text.png", "cut at 50%.jpg", "cut at 50%.lzw.tif", "bomb.png", "float.tiff"):
        two_classes(toy_images, name, BAD[name][0])
    for name, (make, _) in BAD_ENTRIES.items():
        make(toy_images / "discs" / name)

    with pytest.raises(InputError, match=r"/bars/bomb\.png'.*split\.on_bad_image to skip"):
        split_images(toy_images)
    report = json.loads((split_images(toy_images, on_bad_image="skip") / "report.json").read_text(encoding="utf-8"))

    assert set(report["skipped"]) == {
        *(f"bars/{name}" for name in ("text.png", "cut at 50%.jpg", "cut at 50%.lzw.tif", "bomb.png", "float.tiff")),
        *(f"discs/{name}" for name in BAD_ENTRIES),
    }
    assert all(report["skipped"].values())
    assert report["counts"]["bars"] == {"train": 10, "val": 1, "test": 1}


@pytest.mark.parametrize("name", ["text.png", "cut at 50%.lzw.tif", os.fsdecode(b"not \xff utf-8.png")], ids=ascii)
def test_the_command_names_the_file_in_one_line_and_leaves_no_output(
    toy_images: Path, split_images: Split, tmp_path: Path, name: str
) -> None:
    two_classes(toy_images, name, BAD[name][0])
    with pytest.raises(InputError):
        split_images(toy_images)

    words = [preloaded_python(), "-m", "stages.split", "--split", "data/split", "--samples", "data/samples.png"]
    done = subprocess.run(
        words, cwd=tmp_path, env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert repr(name)[1:-1] in done.stderr
    assert list((tmp_path / "data").iterdir()) == []


def test_all_odd_images_at_once_are_packed_and_noted(toy_images: Path, split_images: Split) -> None:
    for odd in ODD:
        two_classes(toy_images, odd.name, odd.content)
    for name, content in OTHER.items():
        two_classes(toy_images, name, content)

    # Most of these have the same pixels, so they stay in one subset.
    out = split_images(toy_images, data={"background": BACKGROUND}, test=2)

    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert sum(report["counts"]["bars"].values()) == 12 + len(ODD)
    assert report["notes"] == {f"bars/{odd.name}": odd.note for odd in ODD if odd.note}
    assert report["ignored"] == sorted(f"bars/{name}" for name in OTHER)
    assert "bars/grey.bmp" in next(group for group in report["duplicates"] if "bars/grey.png" in group)


@pytest.mark.parametrize(
    ("keep", "message"),
    [
        (0, "the class 'bars' holds no image"),
        (1, "the class 'bars' has one image"),
        (2, "leave no training image of the class 'bars', which has 2"),
    ],
)
def test_a_class_left_with_too_few_images_is_one_line(
    toy_images: Path, split_images: Split, keep: int, message: str
) -> None:
    for file in sorted((toy_images / "bars").iterdir())[keep:]:
        file.write_bytes(b"broken")

    with pytest.raises(InputError, match=message):
        split_images(toy_images, on_bad_image="skip")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"name,label\n", r"'bars' holds no image; it holds 12 other files, such as 'bars/000.csv'; put images into"),
        (b"", r"'bars' holds no image; it holds 12 other files, such as 'bars/000.csv'; put images into"),
    ],
    ids=["tables", "empty files"],
)
def test_a_class_of_other_files_is_one_line_that_says_what_it_holds(
    toy_images: Path, split_images: Split, content: bytes, message: str
) -> None:
    for file in sorted((toy_images / "bars").iterdir()):
        file.write_bytes(content)
        file.rename(file.with_suffix(".csv"))

    with pytest.raises(InputError, match=message) as refused:
        split_images(toy_images)
    assert str(refused.value).startswith(str(toy_images))


def test_classes_of_unreadable_images_are_one_line_with_the_reason(toy_images: Path, split_images: Split) -> None:
    for file in toy_images.rglob("*.png"):
        file.write_bytes(b"broken")

    message = (
        r"'bars' holds no image, like 1 more classes; .*'bars/000.png' \(not an image in a format that is read here"
    )
    with pytest.raises(InputError, match=message):
        split_images(toy_images, on_bad_image="skip")


@pytest.mark.parametrize("on_bad_image", ["fail", "skip"])
def test_a_link_to_a_folder_elsewhere_within_a_class_counts_as_a_bad_image(
    toy_images: Path, split_images: Split, tmp_path: Path, on_bad_image: str
) -> None:
    (tmp_path / "away").mkdir()
    (toy_images / "discs" / "more").symlink_to(tmp_path / "away")

    if on_bad_image == "fail":
        with pytest.raises(InputError, match=r"/discs/more': a link to a folder outside of the folder of images; copy"):
            split_images(toy_images)
    else:
        report = json.loads((split_images(toy_images, on_bad_image="skip") / "report.json").read_text(encoding="utf-8"))
        assert set(report["skipped"]) == {"discs/more"}


def test_thumbnails_of_a_network_drive_are_ignored_and_listed(toy_images: Path, split_images: Split) -> None:
    for folder in (toy_images, toy_images / "bars"):
        (folder / "@eaDir" / "000.png").mkdir(parents=True)
        shutil.copy(toy_images / "bars" / "000.png", folder / "@eaDir" / "000.png" / "SYNOPHOTO_THUMB_M.png")

    report = json.loads((split_images(toy_images) / "report.json").read_text(encoding="utf-8"))

    assert report["counts"] == {name: {"train": 10, "val": 1, "test": 1} for name in ("bars", "discs")}
    assert report["ignored"] == ["@eaDir", "bars/@eaDir"]
    assert report["duplicates"] == []


def test_remarkable_class_names_are_a_warning_and_in_the_report(
    toy_images: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy_images / "bars").rename(toy_images / "Discs")

    report = json.loads((split_images(toy_images) / "report.json").read_text(encoding="utf-8"))

    (remark,) = report["class_names"]
    assert "'Discs', 'discs' differ in upper and lower case only" in remark
    assert f"warning: {remark}\n" in capsys.readouterr().out


def test_class_names_may_be_anything(tmp_path: Path, split_images: Split, toy_images: Path) -> None:
    names = ["a", "A", 'two\nlines, "quoted"', "$x_1$", "x.png", "-", "ünï", " "]
    for label, name in enumerate(names):
        (tmp_path / "classes" / name).mkdir(parents=True)
        for index in range(3):
            Image.new("L", (16, 16), label * 30 + index * 9).save(tmp_path / "classes" / name / f"{index}.png")

    out = split_images(tmp_path / "classes")

    assert json.loads((out / "dataset.json").read_text(encoding="utf-8"))["classes"] == sorted(names)


def draw_two_thousand_classes(folder: Path, side: int) -> Path:
    """Three images of noise for each of 2,000 classes."""
    generator = np.random.default_rng(0)
    for label in range(2000):
        (folder / f"{label:04d}").mkdir(parents=True)
        for index in range(3):
            pixels = generator.integers(0, 256, (side, side), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{label:04d}" / f"{index}.bmp")
    return folder


@pytest.mark.soak
def test_two_thousand_classes_go_through_the_whole_pipeline(project: Project) -> None:
    draw_two_thousand_classes(project.folder / "many", 16)
    project.set(data={"images": "many"}, split={"test": 1, "val": 1}, train={"epochs": 1})
    done = project.run("dvc", "repro")
    assert "6000 images of 2000 classes: 2000 train, 2000 val, 2000 test" in done.stdout
    assert WARNING not in done.stderr
    assert json.loads(project.read("metrics/test.json"))["test"]["n"] == 2000
    assert len(project.read("metrics/classes.csv").splitlines()) == 2001
    # Pictures show some classes of many, not thousands of pages.
    drawn = sum(path.stat().st_size for name in ("plots", "report") for path in (project.folder / name).rglob("*"))
    assert drawn < 20 * 2**20


def test_two_thousand_classes_of_three_images_are_split_within_bounded_memory(
    tmp_path: Path, split_images: Split
) -> None:
    draw_two_thousand_classes(tmp_path / "many", 4)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    out = split_images(tmp_path / "many", data={"height": 4, "width": 4})

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory < 200_000, "kB"
    assert np.load(out / "test_labels.npy").shape == (2000,)
    assert sorted(np.load(out / "train_labels.npy")) == list(range(2000))
