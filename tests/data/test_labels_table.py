"""A table of labels: its rows decide, and what it says wrong is one line with the line's number."""

import json
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images, fill, find_images
from pydantic import ValidationError

from crosscheck.core.errors import InputError
from crosscheck.core.params import DataParams, Params
from crosscheck.data.image_folder import Listing

Split = Callable[..., Path]
ROWS = "path,label\na.png,dog\nx/b.png,cat\n"


def with_table(root: Path, text: str | bytes, *paths: str) -> Path:
    """Images at these paths beside a table with this content."""
    fill(root, *(paths or ("a.png", "x/b.png")))
    content = text.encode() if isinstance(text, str) else text
    (root / "labels.csv").write_bytes(content)
    return root


def read(root: Path) -> Listing:
    return find_images(root, labels="labels.csv")


def test_the_rows_of_the_table_name_labels_subsets_and_groups(tmp_path: Path) -> None:
    text = "path,label,subset,group\nx/b.png,cat,train,p1\na.png,dog,Validation,\nc.png,dog,,p2\nd.png,cat,TEST,p1\n"
    root = with_table(tmp_path, text + "e.png,dog,testing,\n", "a.png", "x/b.png", "c.png", "d.png", "e.png")

    listing = read(root)

    assert (listing.read_as, listing.sources) == ("table", {"table": "labels.csv"})
    assert listing.classes == ["cat", "dog"]
    assert listing.paths == ["a.png", "c.png", "d.png", "e.png", "x/b.png"]
    assert listing.labels == [1, 1, 0, 1, 0]
    assert listing.subsets == ["val", "", "test", "test", "train"]
    assert listing.groups == ["", "p2", "p1", "", "p1"]
    assert (listing.ignored, listing.remarks, listing.missing, listing.unlisted) == ([], [], {}, [])


def test_the_folders_mean_nothing_beside_a_table(tmp_path: Path) -> None:
    text = "path,label\ntrain/cat/1.png,dog\ntest/dog/1.png,cat\n"
    listing = read(with_table(tmp_path, text, "train/cat/1.png", "test/dog/1.png"))

    assert (listing.labels, listing.subsets) == ([0, 1], ["", ""])


@pytest.mark.parametrize(
    "text",
    [
        b"\xef\xbb\xbf" + ROWS.encode(),
        ROWS.replace("\n", "\r\n").encode(),
        b" Label , PATH,note\ndog, a.png ,\n\n cat ,./x/b.png,z\n",
        b'path,label\n"a.png","dog"\nx\\b.png,cat\n',
        b"path,label\na.png,dog\nx//b.png,cat",
    ],
    ids=["byte order mark", "Windows", "spaces, case, other columns", "quotes, backslash", "no last line break"],
)
def test_the_same_table_may_be_written_in_several_ways(tmp_path: Path, text: bytes) -> None:
    listing = read(with_table(tmp_path, text))

    assert listing.classes == ["cat", "dog"]
    assert (listing.paths, listing.labels) == (["a.png", "x/b.png"], [1, 0])


def test_the_order_of_the_rows_changes_nothing(tmp_path: Path) -> None:
    names = [f"{number}.png" for number in range(50)]
    rows = [f"{name},{'cat' if number % 3 else 'dog'}\n" for number, name in enumerate(names)]
    first = read(with_table(tmp_path, "path,label\n" + "".join(rows), *names))
    random.Random(0).shuffle(rows)

    assert read(with_table(tmp_path, "path,label\n" + "".join(rows), *names)) == first


def test_labels_may_be_anything_and_are_sorted_as_folders_are(tmp_path: Path) -> None:
    labels = ["10", "9", "B", "a", "true", "ünï, 図"]
    names = [f"{number}.png" for number in range(len(labels))]
    rows = "".join(f'{name},"{label}"\n' for name, label in zip(names, labels, strict=True))
    listing = read(with_table(tmp_path / "table", f"path,label\n{rows}", *names))
    fill(tmp_path / "folders", *(f"{label}/1.png" for label in labels))

    assert listing.classes == find_images(tmp_path / "folders").classes == labels


def test_images_that_no_row_names_are_told_from_other_files_and_from_leftovers(tmp_path: Path) -> None:
    paths = ("a.png", "x/b.png", "x/c.JPG", "more.heic", "readme.md", ".hidden/1.png", "x/Thumbs.db")
    listing = read(with_table(tmp_path, ROWS, *paths))

    assert listing.paths == ["a.png", "x/b.png"]
    assert listing.unlisted == ["more.heic", "x/c.JPG"]
    assert sorted(listing.ignored) == [".hidden", "readme.md", "x/Thumbs.db"]


def test_hidden_files_in_the_table_are_ignored_as_they_are_everywhere_and_said(tmp_path: Path) -> None:
    listing = read(with_table(tmp_path, ROWS + "__MACOSX/a.png,dog\n", "a.png", "x/b.png", "__MACOSX/a.png"))

    assert listing.paths == ["a.png", "x/b.png"]
    assert listing.missing == {}
    (remark,) = listing.remarks
    assert "labels.csv names 1 hidden files or leftovers of other programs, such as '__MACOSX/a.png'" in remark


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", r"has no column 'path'; .* it names nothing"),
        (b"path,label\n", "names no image"),
        (b"file,label\na.png,dog\n", r"has no column 'path'; .* it names 'file', 'label'"),
        (b"path,class\na.png,dog\n", r"has no column 'label'"),
        (b"path;label\na.png;dog\n", r"separated by commas, and it names 'path;label'"),
        (b"path,label,Label\na.png,dog,cat\n", "has 2 columns 'label'"),
        (b"path,label\na.png\n", "line 2 has 1 cells, and the header 2"),
        (b"path,label\na.png,dog\nx/b.png,cat,1\n", "line 3 has 3 cells"),
        (b"path,label\n ,dog\n", "line 2 has no path"),
        (b"path,label\na.png, \n", r"line 2 \('a.png'\) has no label"),
        (b"path,label\na.png,dog\nx/b.png,cat\n./a.png,cat\n", "lines 2 and 4 both name 'a.png'; remove one"),
        (b"path,label\na.png,dog\nx/b.png,cat\nx\\b.png,cat\n", "lines 3 and 4 both name 'x/b.png'"),
        (b"path,label,subset\na.png,dog,extra\n", "line 2 has the subset 'extra'; write train, val or test"),
        (b"path,label\n../a.png,dog\n", r"line 2 names '../a.png', which is not in the folder"),
        (b"path,label\nx/../../a.png,dog\n", "which is not in the folder"),
        (b"path,label\n/etc/a.png,dog\n", "which is not in the folder"),
        (b"path,label\nC:\\a.png,dog\n", "which is not in the folder"),
        (b"path,label\n.,dog\n", "which is not in the folder"),
        (b"path,label\na.png,dog\nx/b.png,dog\n", "names only the label 'dog'; name images of two labels or more"),
        (b"path,label\na.png,do\xcc\x88g\nx/b.png,d\xc3\xb6g\n", r"the labels .* look the same"),
        (b"path,label\na.png,\xff\n", "is not UTF-8; save it as CSV in UTF-8"),
        ("path,label\na.png,dog\n".encode("utf-16"), "is not UTF-8"),
        (b'path,label\na.png,"dog\n', "is not a CSV file"),
        (b"path,label,subset\na.png,dog,test\nx/b.png,cat,train\n", "the class 'dog' is in test and not in train"),
    ],
)
def test_a_table_that_cannot_be_used_is_one_line(tmp_path: Path, text: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        read(with_table(tmp_path, text))

    assert str(refused.value).startswith(str(tmp_path))
    assert "\n" not in str(refused.value)


def test_a_table_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"/labels.csv: no such file; set data.labels in params.yaml"):
        read(fill(tmp_path, "a.png"))
    with pytest.raises(InputError, match="no such file"):
        read(fill(tmp_path, "labels.csv/"))


@pytest.mark.parametrize("name", ["labels.csv", "away/labels.csv"])
def test_a_link_does_not_lead_to_a_table_outside_of_the_folder(tmp_path: Path, name: str) -> None:
    root = fill(tmp_path / "root", "a.png", "x/b.png")
    with_table(tmp_path / "away", ROWS)
    (root / "away").symlink_to(tmp_path / "away")
    (root / "labels.csv").symlink_to(tmp_path / "away" / "labels.csv")

    with pytest.raises(InputError, match=r"leads out of '.*/root'; copy the table into the folder"):
        find_images(root, labels=name)


def test_images_behind_a_link_that_leads_out_of_the_folder_are_not_there(tmp_path: Path) -> None:
    root = with_table(tmp_path / "root", ROWS + "away/1.png,dog\n")
    (root / "away").symlink_to(fill(tmp_path / "away", "1.png"))

    listing = read(root)

    assert listing.missing == {"away/1.png": "dog"}
    assert listing.paths == ["a.png", "x/b.png"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": "../labels.csv"}, "be the name of a file in data.images"),
        ({"labels": "/home/me/labels.csv"}, "be the name of a file in data.images"),
        ({"labels": "labels.csv", "layout": "subsets"}, "be none with data.layout 'subsets'"),
        ({"labels": ""}, "at least 1 character"),
        ({"layout": "folders"}, "'auto', 'classes' or 'subsets'"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(params: Params, values: dict[str, str], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        DataParams.model_validate({**params.data.model_dump(), **values})


def toy_table(root: Path, more: str = "") -> Path:
    """Twelve images of each of two classes in a flat folder, with a table."""
    draw_toy_images(root, 12)
    rows = []
    for label in ("bars", "discs"):
        for file in sorted((root / label).iterdir()):
            name = f"{label[0]}{file.name}"
            file.rename(root / name)
            rows.append(f"{name},{label}\n")
        (root / label).rmdir()
    (root / "labels.csv").write_text("path,label\n" + "".join(rows) + more)
    return root


def report_of(out: Path) -> dict[str, object]:
    content: dict[str, object] = json.loads((out / "report.json").read_text(encoding="utf-8"))
    return content


def test_images_of_a_table_are_split_and_what_was_read_is_said(
    tmp_path: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    root = toy_table(tmp_path / "toy")
    (root / "extra.png").write_bytes((root / "b000.png").read_bytes())

    report = report_of(split_images(root, {"labels": "labels.csv"}))

    assert report["counts"] == {name: {"train": 10, "val": 1, "test": 1} for name in ("bars", "discs")}
    assert (report["read_as"], report["sources"]) == ("table", {"table": "labels.csv"})
    assert report["unlisted"] == ["extra.png"]
    said = capsys.readouterr().out
    assert "labels from the table labels.csv\n" in said
    assert "warning: the table does not name 1 images, such as 'extra.png'; they are ignored" in said


def test_a_folder_and_a_table_of_it_give_the_same_arrays(tmp_path: Path, split_images: Split) -> None:
    found = []
    for root, labels in (
        (draw_toy_images(tmp_path / "folders", 12), "none"),
        (toy_table(tmp_path / "flat"), "labels.csv"),
    ):
        out = split_images(root, {"labels": labels})
        found.append({file.name: file.read_bytes() for file in out.glob("*.npy")})

    assert found[0] == found[1]


def test_images_that_are_not_there_are_one_line_or_skipped_and_listed(
    tmp_path: Path, split_images: Split, capsys: pytest.CaptureFixture[str]
) -> None:
    root = toy_table(tmp_path / "toy", "gone.png,bars\nlost/gone.png,discs\n")

    with pytest.raises(InputError, match=r"labels.csv: names 2 images that are not there, such as 'gone.png'; correct"):
        split_images(root, {"labels": "labels.csv"})
    report = report_of(split_images(root, {"labels": "labels.csv"}, on_bad_image="skip"))

    assert report["skipped"] == dict.fromkeys(("gone.png", "lost/gone.png"), "named in the table, and not there")
    assert "warning: 2 images skipped that are missing or cannot be read" in capsys.readouterr().out


def test_a_class_of_which_no_image_is_there_is_one_line(tmp_path: Path, split_images: Split) -> None:
    root = toy_table(tmp_path / "toy", "gone.png,rings\nlost/gone.png,rings\n")

    with pytest.raises(
        InputError,
        match=r"'rings' holds no image; the table names 2 files of it, such as 'gone.png' .*not there\); corr",
    ):
        split_images(root, {"labels": "labels.csv"}, on_bad_image="skip")
