"""The listing of a user's folder: which names are classes, which are candidates for images, which are neither."""

import os
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images, fill, find_images

from crosscheck.core.errors import InputError
from crosscheck.data import image_folder


def test_classes_and_files_are_sorted_whatever_order_they_were_made_in(tmp_path: Path) -> None:
    fill(tmp_path, "b/2.png", "b/10.png", "a/z.png", "c/1.png", "a/B.png", "a/a.png")

    listing = find_images(tmp_path)

    assert listing.classes == ["a", "b", "c"]
    assert listing.paths == ["a/B.png", "a/a.png", "a/z.png", "b/10.png", "b/2.png", "c/1.png"]
    assert listing.labels == [0, 0, 0, 1, 1, 2]
    assert listing.ignored == []


def test_files_in_folders_below_a_class_belong_to_it(tmp_path: Path) -> None:
    fill(tmp_path, "a/deep/er/1.png", "a/0.png", "b/folder.png/1.png")

    assert find_images(tmp_path).paths == ["a/0.png", "a/deep/er/1.png", "b/folder.png/1.png"]


def test_hidden_names_and_files_beside_the_classes_are_ignored_and_listed(tmp_path: Path) -> None:
    fill(tmp_path, "Thumbs.db", ".git/config", "a/1.png", "a/.DS_Store", "b/1.png", "b/.cache/2.png", "readme.txt")

    listing = find_images(tmp_path)

    assert listing.classes == ["a", "b"]
    assert listing.paths == ["a/1.png", "b/1.png"]
    assert sorted(listing.ignored) == [".git", "Thumbs.db", "a/.DS_Store", "b/.cache", "readme.txt"]


@pytest.mark.parametrize("name", ["@eaDir", "__MACOSX", "#recycle", "$RECYCLE.BIN", ".ipynb_checkpoints", "lost+found"])
def test_folders_that_other_programs_leave_are_no_classes_and_their_files_no_images(tmp_path: Path, name: str) -> None:
    fill(tmp_path, "a/1.png", "b/1.png", f"{name}/x.png", f"a/{name}/1.png/THUMB_M.jpg", f"b/deep/{name.upper()}/2.png")

    listing = find_images(tmp_path)

    assert listing.classes == ["a", "b"]
    assert listing.paths == ["a/1.png", "b/1.png"]
    assert sorted(listing.ignored) == sorted([name, f"a/{name}", f"b/deep/{name.upper()}"])
    assert image_folder.files(tmp_path) == ["a/1.png", "b/1.png"]


@pytest.mark.parametrize("name", ["Thumbs.db", "desktop.ini", "._1.png", "Icon\r", ".DS_Store"])
def test_files_that_other_programs_leave_are_listed_as_ignored(tmp_path: Path, name: str) -> None:
    fill(tmp_path, name, "a/1.png", f"a/{name}", "b/1.png")

    assert find_images(tmp_path).paths == ["a/1.png", "b/1.png"]
    assert sorted(find_images(tmp_path).ignored) == sorted([name, f"a/{name}"])


def test_a_class_of_which_only_leftovers_of_other_programs_are_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="the class folder 'b' holds no file"):
        find_images(fill(tmp_path, "a/1.png", "b/@eaDir/1.png"))


@pytest.mark.parametrize(
    "targets", [("away/cat", "away/dog"), ("away/gone", "root/a")], ids=["elsewhere", "gone, inside"]
)
def test_links_in_the_place_of_class_folders_are_one_line_that_names_them(
    tmp_path: Path, targets: tuple[str, str]
) -> None:
    root = fill(tmp_path / "root", "a/1.png", "b/1.png")
    fill(tmp_path / "away", "cat/1.png", "dog/1.png")
    for name, target in zip(("cat", "dog"), targets, strict=True):
        (root / name).symlink_to(tmp_path / target)

    with pytest.raises(
        InputError, match=r"links in place of class folders \('cat', 'dog'\).*put the folders themselves"
    ):
        find_images(root)


def test_a_link_to_a_file_beside_the_classes_is_ignored_like_a_file(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", "a/1.png", "b/1.png")
    fill(tmp_path, "readme.txt")
    (root / "readme").symlink_to(tmp_path / "readme.txt")

    assert find_images(root).ignored == ["readme"]


def test_links_in_a_class_to_folders_that_are_listed_anyway_are_ignored_so_that_no_loop_is_walked(
    tmp_path: Path,
) -> None:
    root = fill(tmp_path, "a/1.png", "b/1.png")
    (root / "a" / "more").symlink_to(root / "b")
    (root / "b" / "up").symlink_to("..")

    listing = find_images(root)

    assert listing.paths == ["a/1.png", "b/1.png"]
    assert listing.ignored == ["a/more", "b/up"]
    assert not listing.has_links


def test_links_in_a_class_that_lead_to_other_folders_are_left_to_the_reader_of_files(tmp_path: Path) -> None:
    root = fill(tmp_path / "root", "a/1.png", "b/1.png")
    fill(tmp_path / "away", "2.png")
    (root / "a" / "more").symlink_to(tmp_path / "away")

    listing = find_images(root)

    assert listing.paths == ["a/1.png", "a/more", "b/1.png"]
    assert listing.has_links
    assert image_folder.files(root) == listing.paths


def test_a_loop_of_links_is_left_to_the_reader_of_files(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "b/1.png")
    (tmp_path / "a" / "loop.png").symlink_to("loop.png")

    assert "a/loop.png" in find_images(tmp_path).paths


def test_class_names_that_differ_in_case_only_are_two_classes(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png", "A/1.png")
    if len(list(tmp_path.iterdir())) < 2:
        pytest.skip("the file system does not tell case")

    assert find_images(tmp_path).classes == ["A", "a"]


def test_a_missing_folder_is_one_line_that_names_the_parameter(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"params.yaml: data.images is '.*nowhere', which is not a folder"):
        find_images(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ([], "holds no class"),
        (["readme.txt"], "holds no class"),
        (["1.png", "2.png"], "holds images but no sub-folder"),
        (["only/1.png"], "holds only the class 'only'"),
        (["a/1.png", "b/"], "class folder 'b' holds no file"),
        (["a/1.png", "b/.hidden"], "class folder 'b' holds no file"),
        (["a/1.png", "b/deep/"], "class folder 'b' holds no file"),
    ],
)
def test_a_folder_that_is_no_data_set_is_one_line(tmp_path: Path, paths: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        find_images(fill(tmp_path, *paths))


def test_a_class_name_that_is_not_utf8_is_one_line(tmp_path: Path) -> None:
    fill(tmp_path, "a/1.png")
    (tmp_path / os.fsdecode(b"b\xff")).mkdir()

    with pytest.raises(InputError, match=r"the class folder 'b\\udcff' has a name that is not UTF-8"):
        find_images(tmp_path)


def test_a_folder_that_cannot_be_listed_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, "a/1.png", "b/1.png")
    scandir = os.scandir

    def refuse(path: Path) -> object:
        if path == tmp_path / "b":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    # The superuser may list every folder, so the refusal is made here.
    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"/b: cannot be listed \(Permission denied\); give yourself"):
        find_images(tmp_path)


@pytest.mark.parametrize("output", ["images", "images/split", "."])
def test_outputs_and_images_must_be_apart(tmp_path: Path, output: str) -> None:
    root = draw_toy_images(tmp_path / "images", 1)

    with pytest.raises(InputError, match="in the same place as"):
        image_folder.check_apart(root, tmp_path / output)
    image_folder.check_apart(root, tmp_path / "images-split")


def test_a_link_does_not_hide_that_outputs_would_go_to_the_images(tmp_path: Path) -> None:
    root = draw_toy_images(tmp_path / "images", 1)
    (tmp_path / "link").symlink_to("images")

    with pytest.raises(InputError, match="in the same place as"):
        image_folder.check_apart(root, tmp_path / "link" / "split")
