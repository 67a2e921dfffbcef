"""Ready-made subsets and tables of labels are seen as what they are."""

import shutil
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images

from crosscheck.core.errors import InputError
from crosscheck.data import concerns, inspection
from crosscheck.pipeline import recipe


@pytest.fixture
def subsets(tmp_path: Path) -> Path:
    """Training and test images of two classes; one image is in both."""
    root = tmp_path / "mine"
    draw_toy_images(root / "train", 9)
    draw_toy_images(root / "Test", 3)
    for image in (root / "Test").rglob("00[12].png"):
        image.unlink()
    return root


def test_ready_made_subsets_are_counted_and_kept(subsets: Path) -> None:
    found = inspection.inspect_folder(subsets)
    assert (found.layout, found.subsets) == ("subsets", {"test": 2, "train": 18})
    assert found.counts == {"bars": 10, "discs": 10}
    values = {each.name: each.value for each in recipe.recommend(found)}
    assert (values["data.layout"], values["split.val"]) == ("subsets", 0.15)


def test_what_stands_in_two_subsets_is_a_warning(subsets: Path) -> None:
    said = "\n".join(concerns.find_concerns(inspection.inspect_folder(subsets)))
    assert "2 groups of copies are in two of the folder's subsets" in said


def test_a_table_decides_over_the_folders_and_its_gaps_are_named(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 5)
    rows = [f"bars/{number:03d}.png,{'odd' if number % 2 else 'even'}" for number in range(5)]
    (root / "labels.csv").write_text("\n".join(["path,label", *rows, "bars/gone.png,odd"]), encoding="utf-8")
    found = inspection.inspect_folder(root)
    assert (found.layout, found.labels, found.counts) == ("table", "labels.csv", {"even": 3, "odd": 2})
    said = "\n".join(concerns.find_concerns(found))
    assert "1 files that the table names do not exist: 'bars/gone.png'" in said
    assert "5 images are not in the table and not used: 'discs/000.png'" in said
    values = {each.name: each.value for each in recipe.recommend(found)}
    assert (values["data.labels"], values["data.layout"]) == ("labels.csv", "auto")


def test_a_folder_that_could_be_either_is_refused_in_one_line(tmp_path: Path, subsets: Path) -> None:
    root = tmp_path / "either"
    for name in ("train", "test", "cat"):
        shutil.copytree(subsets / "train", root / name)
    with pytest.raises(InputError, match=r"with inspect: --layout") as caught:
        inspection.inspect_folder(root)
    assert "\n" not in str(caught.value)
    as_classes = inspection.inspect_folder(root, "classes")
    assert (as_classes.layout, list(as_classes.counts)) == ("classes", ["cat", "test", "train"])
    assert {each.name: each.value for each in recipe.recommend(as_classes)}["data.layout"] == "classes"
    as_subsets = inspection.inspect_folder(root, "subsets")
    assert (as_subsets.layout, list(as_subsets.counts)) == ("subsets", ["bars", "discs"])
    assert {each.name: each.value for each in recipe.recommend(as_subsets)}["data.layout"] == "subsets"


def test_one_of_two_tables_can_be_named_and_a_table_left_out(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "mine", 4)
    for name, labels in (("a.csv", "xy"), ("b.csv", "xyz")):
        rows = [f"bars/{number:03d}.png,{labels[number % len(labels)]}" for number in range(4)]
        (root / name).write_text("\n".join(["path,label", *rows]), encoding="utf-8")
    assert inspection.inspect_folder(root).layout == "classes"
    named = inspection.inspect_folder(root, labels="b.csv")
    assert (named.layout, named.labels, list(named.counts)) == ("table", "b.csv", ["x", "y", "z"])
    (root / "a.csv").unlink()
    assert inspection.inspect_folder(root).labels == "b.csv"
    assert inspection.inspect_folder(root, labels="none").layout == "classes"
    assert inspection.inspect_folder(root, "classes").layout == "classes"
