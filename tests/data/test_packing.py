"""The split on real folders: what it writes agrees with an independent reading, and what it reads stays as it is."""

import csv
import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.image_folders import draw_toy_images
from helpers.snapshots import snapshot
from PIL import Image

from crosscheck.data import dataset, manifest

Split = Callable[..., Path]
SUBSETS = ("train", "val", "test")


def read_manifest(out: Path) -> list[dict[str, str]]:
    with (out / "manifest.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_report(out: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return content


def colour_images(root: Path, classes: int, count: int) -> Path:
    """Folders of small colour images of several sizes, each unlike the others."""
    generator = np.random.default_rng(0)
    for label in range(classes):
        folder = root / f"class {label}"
        folder.mkdir(parents=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (10 + index, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{index}.{('png', 'bmp', 'tiff')[index % 3]}")
    return root


def test_manifest_and_arrays_agree_with_an_independent_decode(toy_images: Path, split_images: Split) -> None:
    out = split_images(toy_images, test=3, val=2)

    rows = read_manifest(out)
    assert sorted(row["path"] for row in rows) == sorted(
        path.relative_to(toy_images).as_posix() for path in toy_images.rglob("*.png")
    )
    arrays = {name: (np.load(out / f"{name}.npy"), np.load(out / f"{name}_labels.npy")) for name in SUBSETS}
    for row in rows:
        pixels, labels = arrays[row["subset"]]
        file = toy_images / row["path"]
        assert np.array_equal(pixels[int(row["row"])].squeeze(-1), np.asarray(Image.open(file)))
        assert ["bars", "discs"][labels[int(row["row"])]] == row["class_name"] == file.parent.name
        assert row["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert {name: len(labels) for name, (_, labels) in arrays.items()} == {"train": 14, "val": 4, "test": 6}
    assert len({(row["subset"], row["row"]) for row in rows}) == len(rows) == 24


def test_the_manifest_names_files_whose_names_hold_line_breaks(toy_images: Path, split_images: Split) -> None:
    for name in ("a\rb.png", "a\nb.png", 'a,"b.png'):
        shutil.copy(toy_images / "bars" / "000.png", toy_images / "bars" / name)
    (toy_images / "bars" / "000.png").unlink()

    out = split_images(toy_images)

    paths = [
        path for subset in SUBSETS for path in manifest.read_paths(out / "manifest.csv", subset, rows_in(out, subset))
    ]
    assert {"bars/a\rb.png", "bars/a\nb.png", 'bars/a,"b.png'} < set(paths)
    assert len(paths) == 26


def rows_in(out: Path, subset: str) -> int:
    return len(np.load(out / f"{subset}.npy"))


@pytest.mark.parametrize("classes", [2, 3, 7])
@pytest.mark.parametrize("fit", ["pad", "stretch"])
def test_colour_images_of_any_size_and_number_of_classes_are_packed(
    tmp_path: Path, split_images: Split, classes: int, fit: str
) -> None:
    root = colour_images(tmp_path / "colour", classes, 4)
    out = split_images(root, data={"channels": 3, "height": 9, "width": 12, "fit": fit, "background": 7})

    data_set = dataset.read_data_set(out)
    assert data_set == dataset.DataSet([f"class {n}" for n in range(classes)], 9, 12, 3, fit, 7)
    total = 0
    for name in SUBSETS:
        subset = dataset.read(out, name, data_set)
        assert np.bincount(subset.labels, minlength=classes).tolist() == [2 if name == "train" else 1] * classes
        total += len(subset)
    assert total == 4 * classes
    # Every image is upright, so padding puts a column of the background on the left, and stretching none.
    padded = (np.load(out / "train.npy")[:, :, 0] == 7).all(axis=(1, 2))
    assert padded.all() if fit == "pad" else not padded.any()


@pytest.mark.parametrize(("count", "kept"), [(1, 1), (3, 3), (99, 8)])
def test_fewer_training_images_are_the_first_of_each_class(
    toy_images: Path, split_images: Split, count: int, kept: int
) -> None:
    out = split_images(toy_images, test=2, val=2)
    train = dataset.read(out, "train", dataset.read_data_set(out))
    fewer = dataset.first_of_each_class(train, count)

    assert np.bincount(fewer.labels).tolist() == [kept, kept]
    for label in (0, 1):
        of_class = [subset.images[subset.labels == label] for subset in (train, fewer)]
        assert np.array_equal(of_class[0][:kept], of_class[1])


def test_the_number_of_processes_that_decode_makes_no_difference(
    toy_images: Path, split_images: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for cores in (1, 3):
        monkeypatch.setattr(os, "cpu_count", lambda cores=cores: cores)
        out = split_images(toy_images)
        found.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert found[0] == found[1]


def test_no_validation_images_gives_an_empty_array(toy_images: Path, split_images: Split) -> None:
    out = split_images(toy_images, val=0)

    assert np.load(out / "val.npy").shape == (0, 16, 16, 1)
    assert len(dataset.read(out, "val", dataset.read_data_set(out))) == 0
    assert len(np.load(out / "train.npy")) == 22


def test_the_folder_of_the_user_is_left_as_it_was(toy_images: Path, split_images: Split) -> None:
    (toy_images / "bars" / "broken.png").write_bytes(b"nothing")
    (toy_images / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    before = snapshot(toy_images)

    split_images(toy_images, on_bad_image="skip")

    assert snapshot(toy_images) == before


def test_a_folder_that_may_not_be_written_to_is_read(toy_images: Path, split_images: Split) -> None:
    for folder in [*toy_images.iterdir(), toy_images]:
        folder.chmod(0o555)
    try:
        assert len(read_manifest(split_images(toy_images))) == 24
    finally:
        for folder in [toy_images, *toy_images.iterdir()]:
            folder.chmod(0o755)


def test_renaming_and_touching_files_moves_no_image(toy_images: Path, split_images: Split) -> None:
    out = split_images(toy_images, test=3, val=2)
    before = {file.name: file.read_bytes() for file in out.glob("*.npy")}
    content = {row["sha256"]: (row["subset"], row["row"]) for row in read_manifest(out)}
    for number, file in enumerate(sorted(toy_images.rglob("*.png"), reverse=True)):
        os.utime(file, (1, 1))
        file.rename(file.with_name(f"renamed {number}.PNG"))

    out = split_images(toy_images, test=3, val=2)

    assert {file.name: file.read_bytes() for file in out.glob("*.npy")} == before
    assert {row["sha256"]: (row["subset"], row["row"]) for row in read_manifest(out)} == content


def test_the_same_folder_gives_the_same_files_to_the_byte(toy_images: Path, split_images: Split) -> None:
    first = {file.name: file.read_bytes() for file in split_images(toy_images).iterdir()}
    second = {file.name: file.read_bytes() for file in split_images(toy_images).iterdir()}

    assert first == second
    names = {"manifest.csv", "dataset.json", "report.json"}
    assert set(first) == names | {f"{name}{kind}.npy" for name in SUBSETS for kind in ("", "_labels")}


def test_the_report_lists_counts_ignored_files_and_duplicates(
    toy_images: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    (toy_images / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (toy_images / "bars" / "Thumbs.db").write_bytes(b"\xd0\xcf\x11\xe0")
    (toy_images / "bars" / ".hidden.png").write_bytes(b"nothing")
    (toy_images / "bars" / "notes.txt").write_text("not an image")
    shutil.copy(toy_images / "bars" / "003.png", toy_images / "bars" / "copy.png")
    shutil.copy(toy_images / "bars" / "004.png", toy_images / "discs" / "contradiction.png")

    report = read_report(split_images(toy_images, test=3, val=2))

    assert report["counts"] == {name: {"train": 8, "val": 2, "test": 3} for name in ("bars", "discs")}
    assert report["ignored"] == ["Thumbs.db", "bars/.hidden.png", "bars/Thumbs.db", "bars/notes.txt"]
    assert report["duplicates"] == [
        {"bars/003.png": 0, "bars/copy.png": 0},
        {"bars/004.png": 0, "discs/contradiction.png": 1},
    ]
    assert report["duplicates_across_classes"] == [{"bars/004.png": 0, "discs/contradiction.png": 1}]
    assert report["skipped"] == {}
    assert report["notes"] == {}
    said = capsys.readouterr().out
    assert said.startswith("26 images of 2 classes: 16 train, 4 val, 6 test\n")
    assert "2 groups of images have the same pixels" in said
    assert "1 of these groups are in more than one class" in said
    assert "4 files or folders that are not images ignored: Thumbs.db, bars/.hidden.png, bars/Thumbs.db, ..." in said


def test_fewer_test_images_than_asked_for_is_said(
    tmp_path: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    root = draw_toy_images(tmp_path / "pairs", 6)
    for file in list((root / "bars").iterdir()):
        shutil.copy(file, file.with_name(f"copy of {file.name}"))

    report = read_report(split_images(root, test=3, val=2))

    assert report["fewer_than_asked"] == {"test": {"bars": 1}, "val": {}}
    assert "test has fewer images than asked for in 1 classes" in capsys.readouterr().out


def test_near_duplicates_in_different_subsets_are_reported(
    toy_images: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    for file in list((toy_images / "bars").iterdir()):
        Image.open(file).save(file.with_suffix(".jpg"), quality=90)

    report = read_report(split_images(toy_images, test=3, val=2))

    pairs = report["near_duplicates_across_subsets"]
    assert len(pairs) == report["near_duplicates_across_subsets_count"] > 0
    for pair in pairs:
        assert len({path.split(".")[0] for path in pair["subsets"]}) == 1
        assert len(set(pair["subsets"].values())) == 2
        assert pair["difference"] <= 0.1
    assert f"{len(pairs)} pairs of images in different subsets are near-duplicates" in capsys.readouterr().out
