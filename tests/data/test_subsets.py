"""Ready-made subsets: the author's split is read from the folders, and no class is invented from a layout."""

import re
from pathlib import Path

import pytest
from helpers.image_folders import fill, find_images

from crosscheck.core.errors import InputError

CLASSES = ("cat/1.png", "cat/2.png", "dog/1.png")


def subsets(root: Path, *names: str, classes: tuple[str, ...] = CLASSES) -> Path:
    """Class folders in a folder for each name, which may be a path."""
    return fill(root, *(f"{name}/{path}" for name in names for path in classes))


@pytest.mark.parametrize("asked", ["auto", "subsets"])
@pytest.mark.parametrize(
    "folders",
    [
        {"train": "train", "val": "val", "test": "test"},
        {"train": "Train", "val": "VALID"},
        {"train": "training", "test": "testing"},
        {"train": "training_set", "test": "test_set"},
        {"train": "train2017", "val": "val2017"},
        {"train": "trainset", "val": "validation-data"},
        {"train": "seg_train/seg_train", "test": "seg_test/seg_test"},
        {"train": "TRAIN", "val": "dev", "test": "Testing/images"},
        {"train": "train"},
    ],
    ids=str,
)
def test_the_author_of_the_folder_decides_which_image_is_in_which_subset(
    tmp_path: Path, folders: dict[str, str], asked: str
) -> None:
    root = fill(subsets(tmp_path, *folders.values()), "README.dataset.txt", "__MACOSX/train/cat/1.png")

    listing = find_images(root, layout=asked)

    assert (listing.read_as, listing.sources, listing.remarks) == ("subsets", folders, [])
    assert listing.classes == ["cat", "dog"]
    assert dict(zip(listing.paths, listing.subsets, strict=True)) == {
        f"{folder}/{path}": subset for subset, folder in folders.items() for path in CLASSES
    }
    assert [listing.classes[label] for label in listing.labels] == [path.split("/")[-2] for path in listing.paths]
    assert listing.paths == sorted(listing.paths)
    assert listing.groups == [""] * len(listing.paths)
    assert listing.ignored == ["README.dataset.txt", "__MACOSX"]


def test_a_class_of_one_subset_with_folders_of_its_own_is_not_taken_for_one_folder_too_many(tmp_path: Path) -> None:
    root = fill(subsets(tmp_path, "train"), "test/cat/old/1.png", "test/cat/new/2.png")

    listing = find_images(root)

    assert listing.classes == ["cat", "dog"]
    assert [path for path, subset in zip(listing.paths, listing.subsets, strict=True) if subset == "test"] == [
        "test/cat/new/2.png",
        "test/cat/old/1.png",
    ]


def test_what_lies_beside_the_class_folders_is_ignored_and_listed(tmp_path: Path) -> None:
    root = fill(
        subsets(tmp_path, "train", "val"),
        "docs/manual.md",
        "models/best.pt",
        "predict/1.png",
        "train/labels.csv",
        "train/cat/.hidden",
        "val/stray.png",
    )

    listing = find_images(root)

    assert listing.classes == ["cat", "dog"]
    assert sorted(listing.ignored) == [
        *("docs", "models", "predict", "train/cat/.hidden", "train/labels.csv", "val/stray.png")
    ]
    assert listing.remarks == ["the images in 'predict', next to the subsets, are ignored"]


@pytest.mark.parametrize("unlabelled", ["test/1.png", "test/images/1.png", "test/unknown/1.png", "test/test/1.png"])
def test_test_images_in_no_class_folder_are_no_class_and_said_to_be_ignored(tmp_path: Path, unlabelled: str) -> None:
    listing = find_images(fill(subsets(tmp_path, "train"), unlabelled))

    assert listing.classes == ["cat", "dog"]
    assert listing.sources == {"train": "train"}
    assert listing.ignored == ["test"]
    assert listing.remarks == ["the images in 'test' are in no class folder, so they are ignored"]


@pytest.mark.parametrize(
    "paths",
    [
        ("train/1.png", "test/1.png"),
        ("train/1.png", "test1/1.png"),
        ("train2017/1.jpg", "val2017/1.jpg", "annotations/1.json"),
        ("train/1.png", "train/more/2.png", "train/old/3.png", "test/1.png", "test/more/2.png", "test/old/3.png"),
        ("train/left/1.png", "train/right/1.png", "test/left/1.png", "test/right/1.png", "bus/left/1.png"),
        ("bullet-train/day/1.png", "bullet-train/night/1.png", "crash-test/day/1.png", "crash-test/night/1.png"),
        ("train/left/1.png", "train/right/1.png", "bus/1.png"),
    ],
    ids=["images", "unlabelled", "COCO", "images and folders", "a third folder", "other words", "train and bus"],
)
def test_a_folder_that_could_be_either_names_both_readings_and_how_to_settle_it(
    tmp_path: Path, paths: tuple[str, ...]
) -> None:
    root = fill(tmp_path, *paths)
    top = sorted({path.split("/")[0] for path in paths})

    with pytest.raises(
        InputError, match=r"could be read in two ways: as the classes .*, or as ready-made subsets"
    ) as it:
        find_images(root)

    assert re.search(r"data\.layout in params\.yaml \(with inspect: --layout\) to classes.*subsets", str(it.value))
    assert "\n" not in str(it.value)
    assert find_images(root, layout="classes").classes == top


def test_the_other_reading_can_be_asked_for_where_a_folder_could_be_either(tmp_path: Path) -> None:
    listing = find_images(fill(subsets(tmp_path, "train"), "bus/1.png"), layout="subsets")

    assert listing.classes == ["cat", "dog"]
    assert listing.remarks == ["the images in 'bus', next to the subsets, are ignored"]


def test_subsets_are_the_classes_where_one_says_so(tmp_path: Path) -> None:
    listing = find_images(subsets(tmp_path, "train", "test"), layout="classes")

    assert (listing.read_as, listing.classes, set(listing.subsets)) == ("classes", ["test", "train"], {""})


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        (
            ("cat/1.png", "dog/1.png"),
            r"none of 'train', .* rename a folder to train, or set data\.layout .* to classes",
        ),
        (("test/cat/1.png", "test/dog/1.png", "dev/cat/1.png", "dev/dog/1.png"), r"holds 'dev', 'test' and no 'train'"),
        (("train/1.png", "test/cat/1.png", "test/dog/2.png"), r"/train: holds no class folder; a ready-made subset"),
        (("train/cat/1.png", "test/cat/1.png"), r"/train: holds only the class 'cat'; a ready-made subset takes two"),
        (("train/images/1.png", "test/images/1.png"), r"/train: holds only the class 'images'; .*data\.labels"),
    ],
    ids=["none", "no train", "images in train", "one class", "images"],
)
def test_subsets_without_classes_to_train_on_are_one_line(tmp_path: Path, paths: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message) as refused:
        find_images(fill(tmp_path, *paths), layout="subsets")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("names", [("train", "val", "validation"), ("train", "Train", "test")])
def test_two_folders_for_one_subset_are_one_line(tmp_path: Path, names: tuple[str, ...]) -> None:
    with pytest.raises(InputError, match=r"both read as (val|train); put the images of both into one of them"):
        find_images(subsets(tmp_path, *names))


@pytest.mark.parametrize("subset", ["test", "val"])
def test_a_class_without_training_images_is_one_line(tmp_path: Path, subset: str) -> None:
    root = fill(subsets(tmp_path, "train", subset), f"{subset}/cow/1.png")

    with pytest.raises(InputError, match=rf"the class 'cow' is in {subset} and not in train; give it training images"):
        find_images(root)


def test_an_empty_class_folder_is_one_line_in_train_and_none_elsewhere(tmp_path: Path) -> None:
    root = fill(tmp_path, "train/cat/1.png", "train/dog/1.png", "test/cat/1.png", "test/dog/")
    assert find_images(root).classes == ["cat", "dog"]

    with pytest.raises(InputError, match="the class folder 'train/cow' holds no file"):
        find_images(fill(root, "train/cow/", "test/cow/1.png"))


def test_class_names_that_look_the_same_are_one_line_also_in_two_subsets(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="class folders 'cat' and 'cat ' look the same"):
        find_images(fill(subsets(tmp_path, "train", "test"), "test/cat /1.png"))


def test_links_in_the_place_of_class_folders_in_a_subset_are_one_line(tmp_path: Path) -> None:
    root = subsets(tmp_path / "root", "train", "test")
    (root / "test" / "cow").symlink_to(fill(tmp_path / "cow", "1.png"))

    with pytest.raises(InputError, match=r"/test: holds links in place of class folders \('cow'\)"):
        find_images(root)


def test_links_to_files_and_to_folders_inside_are_as_in_class_folders(tmp_path: Path) -> None:
    root = subsets(tmp_path, "train", "test")
    (root / "test" / "cat" / "9.png").symlink_to(root / "train" / "cat" / "1.png")
    (root / "test" / "cat" / "more").symlink_to(root / "train" / "dog")

    listing = find_images(root)

    assert listing.has_links
    assert "test/cat/9.png" in listing.paths
    assert listing.ignored == ["test/cat/more"]
