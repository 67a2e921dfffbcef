"""The folders of the benchmark: each is what its maker says, file by file, and every time the same."""

import csv
import json
import sys
from collections import Counter
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.repository import ROOT
from PIL import Image

from benchmarks import run
from benchmarks.folders import drawn, measure, networks, ours, packaged, peers, results, scenes
from benchmarks.folders.catalogue import FOLDERS, Recipe
from benchmarks.folders.pictures import in_classes, in_subsets, in_table
from benchmarks.folders.results import Answer, Result
from crosscheck.core.files import sha256

MACHINE = {"cpu": "a", "instructions": "b", "threads": "2", "torch": "c"}
# Small ones of every kind, with what their classes are, how many files each has, and the sizes of the images.
MAKERS: dict[str, tuple[Any, dict[str, int], set[tuple[int, int]] | None]] = {
    "built-in": (partial(drawn.built_in, 3, 24, drawn.HARD), {"circles": 3, "crosses": 3}, {(24, 24)}),
    "marks": (partial(drawn.marks, (4, 3, 2)), {"blanks": 4, "crosses": 3, "noughts": 2}, {(45, 36)}),
    "shapes": (partial(scenes.shapes, 2), dict.fromkeys(scenes.SHAPES, 2), None),
    "patients": (partial(scenes.patients, 4, 3, True), {"healthy": 6, "ill": 6}, {(48, 48)}),
    "views": (partial(packaged.views, 3), {"china": 3, "flower": 3}, None),
}


def files_of(folder: Path) -> dict[str, str]:
    return {file.relative_to(folder).as_posix(): sha256(file) for file in sorted(folder.rglob("*")) if file.is_file()}


@pytest.mark.parametrize("name", MAKERS)
def test_a_maker_writes_the_classes_that_it_names_and_the_same_files_each_time(name: str, tmp_path: Path) -> None:
    make, counts, sizes = MAKERS[name]
    for place in ("one", "another"):
        in_classes(make(), tmp_path / place)
    found = files_of(tmp_path / "one")
    assert found == files_of(tmp_path / "another")
    assert Counter(path.partition("/")[0] for path in found) == counts
    assert len(set(found.values())) == len(found)
    measured = set()
    for path in found:
        with Image.open(tmp_path / "one" / path) as image:
            measured.add(image.size)
            assert np.ptp(np.asarray(image.convert("L"))) > 0
    assert measured == sizes if sizes else len(measured) > 1


def test_a_longer_series_begins_with_the_shorter_one() -> None:
    few, many = (list(drawn.marks((count, 0, 0))) for count in (2, 4))
    for picture, same in zip(few, many, strict=False):
        assert picture.name == same.name
        assert picture.image.tobytes() == same.image.tobytes()


def test_patients_are_named_by_folders_or_in_the_names_of_files() -> None:
    by_folder, by_name = (
        [picture.name for picture in scenes.patients(3, 2, in_folders)] for in_folders in (True, False)
    )
    assert by_folder[2:4] == ["patient01/00.png", "patient01/01.png"]
    assert by_name[2:4] == ["patient01_00.png", "patient01_01.png"]


def test_ready_made_subsets_hold_every_picture_once_and_each_class_in_each(tmp_path: Path) -> None:
    pictures = list(drawn.marks((10, 10, 10)))
    in_subsets(pictures, tmp_path)
    found = files_of(tmp_path)
    counts = Counter(tuple(path.split("/")[:2]) for path in found)
    assert {subset: counts[subset, "noughts"] for subset in ("train", "val", "test")} == {
        "train": 7, "val": 1, "test": 2
    }  # fmt: skip
    assert len(set(found.values())) == len(found) == len(pictures)


def test_a_table_names_every_image_with_its_class(tmp_path: Path) -> None:
    in_table(drawn.marks((2, 1, 1)), tmp_path)
    with (tmp_path / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["label"] for row in rows] == ["blanks", "blanks", "crosses", "noughts"]
    assert {row["path"] for row in rows} == set(files_of(tmp_path)) - {"labels.csv"}


def test_digits_and_faces_come_out_of_packages() -> None:
    digits = Counter(picture.class_name for picture in packaged.digits())
    assert digits.total() == 1797 and len(digits) == 10
    assert packaged.missing("no such file.png") == ["no such file.png"]
    if not packaged.missing(packaged.FACES):
        assert Counter(picture.class_name for picture in packaged.faces()) == {"face": 100, "other": 100}


def test_no_folder_needs_a_file_that_is_downloaded() -> None:
    """scikit-image is in the extra for developers; where it is, all that the folders name is there."""
    if packaged.missing(*packaged.TEXTURES) != list(packaged.TEXTURES):
        assert packaged.missing(*(name for recipe in FOLDERS.values() for name in recipe.files)) == []


@pytest.fixture
def split(tmp_path: Path) -> Path:
    """Folder `images` with 12 circles and 12 crosses, of which 4 each are for the test, and their manifest.csv."""
    pictures = list(drawn.built_in(12, 24, drawn.PLAIN))
    in_classes(pictures, tmp_path / "images")
    with (tmp_path / "manifest.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["path", "class_name", "subset"])
        for picture in pictures:
            subset = "test" if picture.name < "0004" else "val" if picture.name < "0006" else "train"
            rows.writerow([f"{picture.class_name}/{picture.name}", picture.class_name, subset])
    return tmp_path


def test_others_learn_from_train_and_val_and_are_tested_on_test(split: Path) -> None:
    learnt, tested = peers.sides(split / "manifest.csv", split / "images")
    assert sorted({file.name for file in tested.files}) == [f"{index:04d}.png" for index in range(4)]
    assert sorted({file.name for file in learnt.files}) == [f"{index:04d}.png" for index in range(4, 12)]
    assert tested.labels.tolist() == 4 * [0] + 4 * [1]
    assert tested.pixels(16).shape == (8, 16, 16, 3)


@pytest.mark.slow
def test_every_peer_answers_each_test_image_or_is_left_out_by_name(
    split: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(networks, "PRETRAINED_SIZE", 64)
    monkeypatch.setattr(networks, "SMALL", 32)
    for peer in peers.PEERS:
        if peers.absent(peer):
            continue
        words = ["--peer", peer, "--manifest", split / "manifest.csv", "--images", split / "images", "--seconds", 0]
        monkeypatch.setattr(sys, "argv", ["peers", *map(str, words), "--flips"])
        peers.main()
        answer = Answer(**json.loads(capsys.readouterr().out))
        assert answer.tests == 8 and answer.seconds > 0
        if peer == "most-frequent":
            assert answer.right == 4
        if peer == "resnet18":
            assert answer.note == "1 epochs at 32 px"


def test_a_peer_without_its_packages_is_a_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(peers, "find_spec", lambda name: None)
    assert measure.available_peers() == ["most-frequent", "nearest-neighbour", "logistic-pixels"]
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == [
        "logistic-hog: left out, since skimage is not installed",
        "resnet18: left out, since timm is not installed",
    ]
    assert len(said) == 3


# What stands in the place of `dvc`: a command that writes a manifest and answers, of which three of four are right.
FOLLOWED = """
import csv, sys
from pathlib import Path
print("Running stage 'split':", flush=True)
for file in ("data/split/manifest.csv", "metrics/predictions.csv"):
    Path(file).parent.mkdir(parents=True, exist_ok=True)
images = sorted(path for path in Path(sys.argv[1]).rglob("*.png"))
with open("data/split/manifest.csv", "w", newline="") as file:
    rows = csv.writer(file)
    rows.writerow(["path", "class_name", "subset"])
    for number, image in enumerate(images):
        subset = "test" if number % 3 == 0 else "train"
        rows.writerow([image.relative_to(sys.argv[1]).as_posix(), image.parent.name, subset])
with open("metrics/predictions.csv", "w", newline="") as file:
    csv.writer(file).writerows([["path", "actual", "predicted"], *(["x", "a", "aaab"[n]] for n in range(4))])
"""


def ask(clone: Path, folder: Path) -> dict[str, Any]:
    settings = {"data.images": str(folder), "train.epochs": 3}
    return {"layout": "classes", "settings": settings, "commands": [["python", "-c", FOLLOWED, str(folder)]]}


@pytest.fixture
def wanted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> measure.Wanted:
    """A small folder and one whose file is missing, a clone that is empty, and the two peers that take no time."""
    tiny = Recipe(partial(drawn.built_in, 6, 24, drawn.PLAIN))
    (tmp_path / "clone").mkdir()
    monkeypatch.setattr(measure, "FOLDERS", {"tiny": tiny, "lacking": Recipe(tiny.make, files=("no such.png",))})
    monkeypatch.setattr(measure, "cloned", lambda project: nullcontext(project / "clone"))
    monkeypatch.setattr(peers, "absent", lambda peer: [] if peer in results.PLAIN else ["nothing"])
    return measure.Wanted(["tiny", "lacking"], 0, tmp_path, "1234567", ask)


@pytest.mark.slow
def test_a_row_compares_the_commands_with_the_others_on_the_same_split(
    wanted: measure.Wanted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    table = measure.measure(wanted, tmp_path / "results")
    assert "lacking: left out, since scikit-image's no such.png is not installed" in capsys.readouterr().err
    (result,) = json.loads((tmp_path / "results" / "folders.json").read_text(encoding="utf-8"))["folders"]
    assert (result["classes"], result["train_images"]) == (2, 8)
    assert (result["ours"]["right"], result["ours"]["tests"]) == (3, 4)
    assert result["settings"] == {"data.images": "tiny", "train.epochs": 3}
    assert set(result["stages"]) == {"start", "split"}
    assert set(result["peers"]) == set(results.PLAIN)
    assert result["peers"]["most-frequent"]["right"] == 2
    assert "| tiny | 2 | 8, 4 | 75.0% (30.1% to 95.4%), " in table
    assert (tmp_path / "results" / "folders.md").read_text(encoding="utf-8") == table


def test_a_command_that_fails_is_a_result_with_the_projects_own_line(wanted: measure.Wanted, tmp_path: Path) -> None:
    failing = ["python", "-c", "import sys; sys.exit('error: params.yaml: nothing fits\\nERROR: failed to reproduce')"]

    def advise(clone: Path, folder: Path) -> dict[str, Any]:
        return ask(clone, folder) | {"commands": [failing]}

    table = measure.measure(replace(wanted, ask=advise), tmp_path / "results")
    assert "| tiny |  |  | failed: error: params.yaml: nothing fits |" in table
    assert "| tiny | data.images=tiny, train.epochs=3 |" in table
    with pytest.raises(ours.FailedError, match=r"^error: "):
        ours.inspect(ROOT, tmp_path / "nowhere")


def test_the_verdict_names_what_is_below_the_plain_and_behind_the_pretrained() -> None:
    def result(name: str, right: int, near: int, frozen: int) -> Result:
        others = {"nearest-neighbour": Answer(near, 100, 1), results.FROZEN: Answer(frozen, 100, 1)}
        return Result(name, "1234567", ours=Answer(right, 100, 9), peers=others)

    made = [result("good", 97, 90, 99), result("low", 80, 81, 82), result("behind", 90, 80, 93)]
    failed = Result("broken", "1234567", failure="error: no")
    assert results.verdict([*made, failed]) == [
        "Failed: broken.",
        "Below the most frequent class or the nearest neighbour: low.",
        "More than 2% below frozen pretrained features: behind.",
    ]
    assert "| broken |  |  | failed: error: no |" in results.markdown([*made, failed], MACHINE)


def test_results_are_read_again_as_they_were_written_unless_the_machine_is_another(tmp_path: Path) -> None:
    made = [Result("a", "1", {"x": 1}, ["w"], [["dvc"]], "", 2, 3, {"train": 1.0}, Answer(1, 2, 3.0, "n"), {})]
    results.write(made, MACHINE, tmp_path)
    assert results.kept(MACHINE, tmp_path) == made
    assert results.kept({**MACHINE, "cpu": "another"}, tmp_path) == []
    assert results.kept(MACHINE, tmp_path / "nothing") == []


def test_the_row_is_measured_where_it_is_named_and_not_among_the_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[measure.Wanted] = []
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(measure, "measure", lambda wanted, target: asked.append(wanted) or "table")
    words = ["run", "--rows", "folders", "--folders", "marks", "--seconds", "5", "--results", str(tmp_path)]
    monkeypatch.setattr(sys, "argv", words)
    run.main()
    assert [(wanted.names, wanted.seconds) for wanted in asked] == [(["marks"], 5)]
    monkeypatch.setattr(sys, "argv", ["run"])
    assert measure.ROW not in run.arguments().rows
    assert run.arguments().folders == list(FOLDERS)
