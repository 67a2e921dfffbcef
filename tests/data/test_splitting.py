"""The deal: every image once, the counts that were asked for, by content and seed alone."""

import hashlib
import random
from collections import Counter

import pytest

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, SplitParams
from crosscheck.data.splitting import assign

CLASSES = ["a", "b", "c"]


@pytest.fixture
def split(params: Params) -> SplitParams:
    return params.split.model_copy(update={"test": 4, "val": 3, "seed": 0})


def images(per_class: int) -> tuple[list[int], list[str]]:
    """Labels and contents of that many distinct images of each class."""
    labels = [label for label in range(len(CLASSES)) for _ in range(per_class)]
    return labels, [hashlib.sha256(str(index).encode()).hexdigest() for index in range(len(labels))]


def subset_by_content(labels: list[int], contents: list[str], params: SplitParams) -> dict[str, str]:
    subset_of, _ = assign(labels, contents, contents, CLASSES, params)
    return dict(zip(contents, subset_of, strict=True))


def test_every_image_is_in_one_subset_and_every_class_has_the_counts_asked_for(split: SplitParams) -> None:
    labels, contents = images(20)

    subset_of, order = assign(labels, contents, contents, CLASSES, split)

    assert sorted(order) == list(range(60))
    counts = Counter(zip(labels, subset_of, strict=True))
    for label in range(3):
        assert {name: counts[label, name] for name in ("train", "val", "test")} == {"train": 13, "val": 3, "test": 4}
    assert set(subset_of) == {"train", "val", "test"}


def test_classes_of_different_sizes_get_the_same_test_and_validation_counts(split: SplitParams) -> None:
    labels = [0] * 8 + [1] * 30 + [2] * 100
    contents = [hashlib.sha256(str(index).encode()).hexdigest() for index in range(len(labels))]

    counts = Counter(zip(labels, assign(labels, contents, contents, CLASSES, split)[0], strict=True))

    assert [counts[label, "test"] for label in range(3)] == [4, 4, 4]
    assert [counts[label, "val"] for label in range(3)] == [3, 3, 3]
    assert [counts[label, "train"] for label in range(3)] == [1, 23, 93]


def test_the_order_in_which_files_are_listed_changes_nothing(split: SplitParams) -> None:
    labels, contents = images(20)
    shuffled = list(zip(labels, contents, strict=True))
    random.Random(3).shuffle(shuffled)
    other_labels, other_contents = map(list, zip(*shuffled, strict=True))

    assert subset_by_content(labels, contents, split) == subset_by_content(other_labels, other_contents, split)
    order = assign(labels, contents, contents, CLASSES, split)[1]
    other_order = assign(other_labels, other_contents, other_contents, CLASSES, split)[1]
    assert [contents[index] for index in order] == [other_contents[index] for index in other_order]


def test_a_new_image_moves_at_most_as_many_images_as_it_displaces(split: SplitParams) -> None:
    labels, contents = images(20)
    before = subset_by_content(labels, contents, split)
    after = subset_by_content([*labels, 0], [*contents, "f" * 64], split)

    assert sum(before[content] != after[content] for content in contents) <= 2


def test_more_validation_images_leave_the_test_set_unchanged(split: SplitParams) -> None:
    labels, contents = images(20)
    few = subset_by_content(labels, contents, split)
    many = subset_by_content(labels, contents, split.model_copy(update={"val": 9}))

    assert [name for name in contents if few[name] == "test"] == [name for name in contents if many[name] == "test"]
    assert all(many[name] == "val" for name in contents if few[name] == "val")


def test_another_seed_deals_another_test_set(split: SplitParams) -> None:
    labels, contents = images(20)
    first = subset_by_content(labels, contents, split)
    second = subset_by_content(labels, contents, split.model_copy(update={"seed": 1}))

    assert {name for name in contents if first[name] == "test"} != {n for n in contents if second[n] == "test"}


def test_the_deal_of_a_seed_is_the_same_in_every_version(split: SplitParams) -> None:
    labels, contents = images(10)

    subset_of, _ = assign(labels, contents, contents, CLASSES, split)

    assert "".join(subset[:1] if subset != "train" else "." for subset in subset_of) == "vv..ttt.vttvt.v..tvt..vt.ttvtv"


def test_no_validation_images_is_allowed(split: SplitParams) -> None:
    labels, contents = images(20)

    assert "val" not in subset_by_content(labels, contents, split.model_copy(update={"val": 0})).values()


@pytest.mark.parametrize("seed", range(8))
def test_images_with_equal_pixels_stay_together_also_across_classes(split: SplitParams, seed: int) -> None:
    labels, contents = images(20)
    pixels = list(contents)
    for group in ((0, 1, 2), (5, 25, 45), (30, 31), (7, 59)):
        for member in group:
            pixels[member] = f"group {group[0]}"

    subset_of, _ = assign(labels, contents, pixels, CLASSES, split.model_copy(update={"seed": seed}))

    assert len(set(zip(pixels, subset_of, strict=True))) == len(set(pixels))
    counts = Counter(zip(labels, subset_of, strict=True))
    assert [counts[label, "test"] for label in range(3)] == [4, 4, 4]
    assert [counts[label, "val"] for label in range(3)] == [3, 3, 3]


def test_a_group_of_duplicates_too_large_for_a_subset_goes_to_training(split: SplitParams) -> None:
    labels, contents = images(20)
    pixels = ["same" if label == 0 and index < 10 else contents[index] for index, label in enumerate(labels)]

    subset_of, _ = assign(labels, contents, pixels, CLASSES, split)

    assert set(subset_of[:10]) == {"train"}


def test_a_hundred_thousand_equal_images_of_many_classes_are_dealt_in_a_moment(split: SplitParams) -> None:
    classes = [str(number) for number in range(2000)]
    labels = [number % 2000 for number in range(100_000)]
    pixels = ["blank" if number < 80_000 else str(number) for number in range(100_000)]

    subset_of, _ = assign(labels, [str(number) for number in range(100_000)], pixels, classes, split)

    assert set(subset_of[:80_000]) == {"train"}
    assert subset_of.count("test") == 4 * 2000


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ((7, 20, 20), r"split.test=4 and split.val=3 leave no training image of the class 'a', which has 7; .* most 6"),
        ((20, 20, 2), "no training image of the class 'c', which has 2"),
        ((20, 1, 20), "the class 'b' has one image; it needs two or more"),
        ((20, 0, 20), "the class 'b' holds no image"),
    ],
)
def test_too_few_images_is_one_clear_line(split: SplitParams, counts: tuple[int, ...], message: str) -> None:
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    contents = [str(index) for index in range(len(labels))]

    with pytest.raises(InputError, match=message):
        assign(labels, contents, contents, CLASSES, split)


@pytest.mark.parametrize(("test", "val", "named"), [(1, 2, "split.test=1"), (2, 1, "split.val=1")])
def test_a_subset_that_duplicates_leave_without_a_class_is_one_clear_line(
    split: SplitParams, test: int, val: int, named: str
) -> None:
    labels, contents = images(20)
    pixels = [f"pair {index // 2}" if label == 1 else contents[index] for index, label in enumerate(labels)]

    with pytest.raises(InputError, match=f"{named} gets no image of the class 'b'"):
        assign(labels, contents, pixels, CLASSES, split.model_copy(update={"test": test, "val": val}))
