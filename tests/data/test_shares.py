"""Shares of each class beside numbers of images: split.test and split.val below 1."""

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params, SplitParams
from crosscheck.data.splitting import assign

Counts = dict[str, list[int]]


def params_of(**changes: float) -> SplitParams:
    return SplitParams.model_validate({"seed": 0, "on_bad_image": "fail", "samples": 1, "val": 0} | changes)


def counts(sizes: list[int], params: SplitParams) -> Counts:
    """The images of each class in each subset, where the classes have so many different ones."""
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    contents = [hashlib.sha256(str(index).encode()).hexdigest() for index in range(len(labels))]
    subset_of, _ = assign(labels, contents, contents, [f"class {n}" for n in range(len(sizes))], params)
    found = Counter(zip(subset_of, labels, strict=True))
    return {name: [found[name, label] for label in range(len(sizes))] for name in ("train", "val", "test")}


def test_a_share_is_one_of_each_class_rounded() -> None:
    found = counts([100, 40, 10], params_of(test=0.2, val=0.1))
    assert found == {"train": [70, 28, 7], "val": [10, 4, 1], "test": [20, 8, 2]}
    # 4.5 of 30 and 1.05 of 7.
    assert counts([30, 7], params_of(test=0.15))["test"] == [5, 1]


def test_a_share_takes_at_least_one_image_of_each_class() -> None:
    assert counts([100, 3], params_of(test=0.01, val=0.01)) == {"train": [98, 1], "val": [1, 1], "test": [1, 1]}


def test_a_share_and_a_number_go_together() -> None:
    assert counts([100, 40], params_of(test=0.25, val=3)) == {"train": [72, 27], "val": [3, 3], "test": [25, 10]}
    assert counts([100, 40], params_of(test=5, val=0.25)) == {"train": [70, 25], "val": [25, 10], "test": [5, 5]}


def test_a_share_of_equal_classes_is_the_split_of_that_number() -> None:
    labels = [0] * 20 + [1] * 20
    contents = [hashlib.sha256(str(index).encode()).hexdigest() for index in range(40)]
    by_share, by_number = (
        assign(labels, contents, contents, ["a", "b"], params_of(test=test, val=val))
        for test, val in ((0.2, 0.15), (4, 3))
    )
    assert by_share[0] == by_number[0]
    assert by_share[1].tolist() == by_number[1].tolist()


@settings(max_examples=100, deadline=None)
@given(
    sizes=st.lists(st.integers(3, 60), min_size=2, max_size=5),
    test=st.floats(0.01, 0.45),
    val=st.floats(0.01, 0.45),
)
def test_every_class_has_its_share_within_one_image(sizes: list[int], test: float, val: float) -> None:
    try:
        found = counts(sizes, params_of(test=test, val=val))
    except InputError as error:
        # Two shares just below a half are rounded up.
        assert "no training image" in str(error)
        return
    for label, size in enumerate(sizes):
        assert abs(found["test"][label] - test * size) <= 0.5 + 1e-9 or found["test"][label] == 1
        assert abs(found["val"][label] - val * size) <= 0.5 + 1e-9 or found["val"][label] == 1
        assert found["train"][label] >= 1
        assert sum(found[name][label] for name in found) == size


@pytest.mark.parametrize(
    ("sizes", "changes", "words"),
    [
        ([40, 400], {"test": 150, "val": 100}, "which has 40; together they may be at most 39; or give shares of each"),
        ([40, 400], {"test": 150, "val": 100}, "such as split.test=0.15 and split.val=0.15"),
        ([40, 400], {"test": 0.5, "val": 100}, "lower split.val; or give shares of each class, such as split.val=0.15"),
        ([2, 9], {"test": 0.15, "val": 0.15}, "would give 1 to test and 1 to val; add images, or lower the shares"),
        ([9, 9], {"test": 0.6, "val": 0.5}, "would give 5 to test and 5 to val"),
    ],
)
def test_classes_that_are_too_small_are_one_line_that_proposes_shares(
    sizes: list[int], changes: dict[str, float], words: str
) -> None:
    with pytest.raises(InputError) as caught:
        counts(sizes, params_of(**changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("wrong", [{"test": 0.0}, {"test": 1.0}, {"test": 1.5}, {"val": 1.0}, {"val": -0.1}])
def test_a_fraction_that_is_no_share_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        params_of(**({"test": 1} | wrong))


def test_the_shipped_split_is_in_numbers(params: Params) -> None:
    assert (params.split.test, params.split.val) == (150, 100)
    assert isinstance(params.split.test, int)


def test_the_report_has_the_number_asked_of_each_class(split_images: Callable[..., Path], toy_images: Path) -> None:
    out = split_images(toy_images, test=0.25, val=0.1)
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["asked"] == {"test": {"bars": 3, "discs": 3}, "val": {"bars": 1, "discs": 1}}
    assert report["fewer_than_asked"] == {"test": {}, "val": {}}
    assert np.bincount(np.load(out / "test_labels.npy")).tolist() == [3, 3]
