"""The subsets that the folder itself names stay as they are; what it lacks is taken out of its train part."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_by
from hypothesis import settings
from hypothesis import strategies as st

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data import image_folder, manifest
from crosscheck.data.splitting import SUBSETS, assign

CLASSES = ["a", "b"]
LABELS = [0] * 20 + [1] * 20


def params_of(**changes: float | str) -> SplitParams:
    values = {"seed": 0, "on_bad_image": "fail", "samples": 1, "test": 4, "val": 3}
    return SplitParams.model_validate(values | changes)


def digest(index: int) -> str:
    return hashlib.sha256(str(index).encode()).hexdigest()


def split(given: list[str], params: SplitParams, pixels: dict[int, int] | None = None, groups: Any = ()) -> list[str]:
    """The subsets of twenty images of each of two classes; `pixels`: which have those of which other."""
    contents = [digest(index) for index in range(len(LABELS))]
    equal = [digest((pixels or {}).get(index, index)) for index in range(len(LABELS))]
    return assign(LABELS, contents, equal, CLASSES, params, given, groups)[0]


def parts(**counts: int) -> list[str]:
    """The first so many images of each class in each part, and the others in train."""
    of_class = [name for name, count in counts.items() for _ in range(count)]
    return 2 * (of_class + ["train"] * (20 - len(of_class)))


def counted(found: list[str]) -> dict[str, list[int]]:
    counts = Counter(zip(found, LABELS, strict=True))
    return {name: [counts[name, label] for label in (0, 1)] for name in SUBSETS}


def test_all_three_parts_stay_whatever_the_parameters_and_the_seed() -> None:
    given = parts(test=5, val=2)
    for changes in ({}, {"test": 150, "val": 100}, {"test": 0.5, "val": 0}, {"seed": 7}):
        assert split(given, params_of(**changes)) == given


def test_a_missing_val_comes_out_of_train_and_each_seed_draws_another() -> None:
    given = parts(test=5)
    found = split(given, params_of())
    assert counted(found) == {"train": [12, 12], "val": [3, 3], "test": [5, 5]}
    other = split(given, params_of(seed=1))
    assert [subset == "test" for subset in found] == [subset == "test" for subset in other]
    assert found != other
    # A share is one of the images in train.
    assert counted(split(given, params_of(val=0.2)))["val"] == [3, 3]
    assert counted(split(given, params_of(val=0)))["val"] == [0, 0]


def test_a_missing_test_comes_out_of_train() -> None:
    found = split(parts(val=2), params_of(test=0.5))
    assert counted(found) == {"train": [9, 9], "val": [2, 2], "test": [9, 9]}


def test_images_without_a_part_are_of_train() -> None:
    given = parts(test=5)
    some = ["" if index % 2 and subset == "train" else subset for index, subset in enumerate(given)]
    assert split(some, params_of()) == split(given, params_of())


def test_a_class_without_an_image_in_the_folders_own_test_part_is_trained_and_validated() -> None:
    found = split(["test"] * 5 + ["train"] * 35, params_of())
    assert counted(found) == {"train": [12, 17], "val": [3, 3], "test": [5, 0]}


def test_only_train_is_a_folder_without_parts() -> None:
    assert split(["train"] * 40, params_of()) == split([], params_of()) == split([""] * 40, params_of())


def test_copies_of_a_test_image_stay_in_the_part_where_the_folder_has_them() -> None:
    given = parts(test=5)
    for seed in range(10):
        # The image 0 is of test, and has copies in train of both classes.
        found = split(given, params_of(seed=seed), {7: 0, 8: 0, 30: 0})
        assert [found[index] for index in (0, 7, 8, 30)] == ["test", "train", "train", "train"]
        assert counted(found)["val"] == [3, 3]


def test_a_group_in_two_parts_is_one_line() -> None:
    groups = ["p1" if index in (0, 10) else f"own {index}" for index in range(40)]
    with pytest.raises(InputError, match=r"the group 'p1' has images in two parts .* test and train, but") as caught:
        split(parts(test=5), params_of(), groups=groups)
    assert "\n" not in str(caught.value)


def test_groups_stay_together_where_val_is_drawn() -> None:
    groups = [f"{index // 2}" for index in range(40)]
    found = split(parts(test=4), params_of(val=4), groups=groups)
    assert counted(found) == {"train": [12, 12], "val": [4, 4], "test": [4, 4]}
    assert len(set(zip(groups, found, strict=True))) == 20


@settings(max_examples=150, deadline=None)
@given_by(data=st.data())
def test_what_the_folder_names_never_moves(data: st.DataObject) -> None:
    there = data.draw(st.sampled_from([["test"], ["val"], ["test", "val"], []]))
    given = data.draw(st.lists(st.sampled_from(["train", "train", "", *there]), min_size=40, max_size=40))
    pixels = data.draw(st.dictionaries(st.integers(0, 39), st.integers(0, 39), max_size=6))
    params = params_of(test=0.2, val=0.1, seed=data.draw(st.integers(0, 99)))
    try:
        found = split(given, params, pixels)
    except InputError as error:
        assert "\n" not in str(error)
        return
    for own, subset in zip(given, found, strict=True):
        assert subset == own if own in ("test", "val") else subset == "train" or subset not in given
    assert all(min(counts) for name, counts in counted(found).items() if name == "train" or name not in given)


@pytest.mark.parametrize(
    ("given", "changes", "words"),
    [
        (parts(test=5), {"folds": 5}, "split.folds is 5, but the folder has its own test part"),
        (parts(val=5), {"folds": 5}, "split.folds is 5, but the folder has its own val part"),
        (["test"] * 20 + parts(test=5)[:20], {}, "the folder's own train part has no image of the class 'a'"),
        (
            parts(test=5),
            {"val": 100},
            "split.val=100 leaves no training image of the class 'a', which has 15 in the folder's own train part; "
            "lower split.val; or give shares of each class, such as split.val=0.15",
        ),
    ],
)
def test_parts_that_cannot_be_are_one_line(given: list[str], changes: dict[str, float], words: str) -> None:
    with pytest.raises(InputError) as caught:
        split(given, params_of(**changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.fixture
def with_a_test_part(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every listing names the first four images of each class, by their names, as test."""
    find = image_folder.find

    def found(*arguments: Any) -> image_folder.Listing:
        listing = find(*arguments)
        return replace(listing, subsets=["test" if int(Path(path).stem) < 4 else "train" for path in listing.paths])

    monkeypatch.setattr(image_folder, "find", found)


@pytest.mark.usefixtures("with_a_test_part")
def test_split_keeps_the_part_names_it_and_counts_it(
    split_images: Callable[..., Path], toy_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = split_images(toy_images, test=150, val=0.25)

    rows = [manifest.parse(cells) for cells in tables.each(out / "manifest.csv")]
    assert all((row.subset == "test") == (row.given_subset == "test") == (int(row.path[-7:-4]) < 4) for row in rows)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["given"] == ["test", "train"]
    assert report["asked"] == {"test": {"bars": 4, "discs": 4}, "val": {"bars": 2, "discs": 2}}
    assert report["fewer_than_asked"] == {"test": {}, "val": {}}
    printed = capsys.readouterr().out
    assert "24 images of 2 classes: 12 train, 4 val, 8 test\n" in printed
