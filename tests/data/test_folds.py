"""Folds: disjoint test sets that together are all images."""

import hashlib
import random
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from helpers.project import Project
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedGroupKFold

from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams
from crosscheck.data import folds, grouping
from crosscheck.data.splitting import assign


def params_of(**changes: float) -> SplitParams:
    values = {"seed": 0, "on_bad_image": "fail", "samples": 1, "test": 1, "val": 0, "folds": 3}
    return SplitParams.model_validate(values | changes)


def digest(index: int) -> str:
    return hashlib.sha256(str(index).encode()).hexdigest()


def sets_of(labels: list[int], contents: list[str], pixels: list[str], params: SplitParams) -> list[set[int]]:
    """The images in the test set of each fold."""
    classes = [str(label) for label in range(max(labels) + 1)]
    found = []
    for fold in range(params.folds):
        of_fold = params.model_copy(update={"fold": fold})
        subset_of, _ = assign(labels, contents, pixels, classes, of_fold)
        found.append({index for index, subset in enumerate(subset_of) if subset == "test"})
    return found


def test_the_test_sets_are_disjoint_all_images_and_as_even_as_can_be() -> None:
    labels = [0] * 31 + [1] * 10 + [2] * 17
    contents = [digest(index) for index in range(len(labels))]
    found = sets_of(labels, contents, contents, params_of(folds=5))
    assert sum(map(len, found)) == len(set.union(*found)) == len(labels)
    for label, size in enumerate((31, 10, 17)):
        held = [sum(labels[index] == label for index in each) for each in found]
        assert set(held) <= {size // 5, -(-size // 5)}
    assert max(map(len, found)) - min(map(len, found)) <= 1


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_duplicates_stay_together_whatever_names_and_order(data: st.DataObject) -> None:
    sizes = data.draw(st.lists(st.integers(6, 15), min_size=2, max_size=3))
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    contents = [digest(index) for index in range(len(labels))]
    twins = data.draw(st.lists(st.tuples(*[st.integers(0, len(labels) - 1)] * 2), max_size=3))
    pixels = list(contents)
    for first, second in twins:
        pixels[second] = pixels[first]
    params = params_of(folds=3, seed=data.draw(st.integers(0, 99)))

    found = sets_of(labels, contents, pixels, params)

    assert sum(map(len, found)) == len(set.union(*found)) == len(labels)
    for first, second in twins:
        if pixels[first] == pixels[second]:
            assert [first in each for each in found] == [second in each for each in found]
    order = data.draw(st.permutations(range(len(labels))))
    shuffled = sets_of(*([values[at] for at in order] for values in (labels, contents, pixels)), params)  # type: ignore[arg-type]
    assert [{order[at] for at in each} for each in shuffled] == found


def test_validation_images_come_out_of_the_rest() -> None:
    labels = [0] * 20 + [1] * 20
    contents = [digest(index) for index in range(40)]
    subset_of, _ = assign(labels, contents, contents, ["a", "b"], params_of(folds=4, fold=1, val=0.2))
    assert Counter(zip(subset_of, labels, strict=True)) == {
        (subset, label): count for label in (0, 1) for subset, count in (("test", 5), ("val", 4), ("train", 11))
    }


def test_another_seed_makes_other_folds_and_validation_images_do_not() -> None:
    labels = [0] * 20 + [1] * 20
    contents = [digest(index) for index in range(40)]

    def sets(**changes: float) -> list[set[int]]:
        return sets_of(labels, contents, contents, params_of(**changes))

    assert sets() == sets(val=4)
    assert sets() != sets(seed=1)


def units_of(groups: list[str], labels: list[int], seed: int) -> grouping.Units:
    order = np.random.default_rng(seed).permutation(len(labels))
    return grouping.join([str(index) for index in range(len(labels))], groups, labels, max(labels) + 1, order)


def unevenness(fold_of: np.ndarray, labels: list[int], count: int) -> float:
    """The standard deviation over the folds of each class's share in a fold, in the mean over the classes."""
    table = np.zeros((count, max(labels) + 1))
    np.add.at(table, (fold_of, labels), 1)
    return float((table / table.sum(axis=0)).std(axis=0).mean())


@pytest.mark.parametrize("seed", range(12))
def test_groups_are_dealt_as_evenly_as_by_scikit_learn(seed: int) -> None:
    generator = random.Random(seed)
    groups, labels = [], []
    for group in range(generator.choice([20, 60, 200])):
        own = generator.randrange(4)
        for _ in range(generator.randint(1, 30)):
            groups.append(str(group))
            labels.append(own if generator.random() < 0.7 else generator.randrange(4))

    units = units_of(groups, labels, seed)
    ours = folds.deal(units, 5)[units.of]
    theirs = np.empty(len(labels), dtype=np.int64)
    for fold, (_, test) in enumerate(
        StratifiedGroupKFold(5, shuffle=True, random_state=seed).split(labels, labels, groups)
    ):
        theirs[test] = fold

    assert all(
        len({fold for fold, group in zip(ours, groups, strict=True) if group == each}) == 1 for each in set(groups)
    )
    # A largest group of thirty is so much of a class of a few hundred.
    assert unevenness(ours, labels, 5) <= 1.5 * unevenness(theirs, labels, 5) + 0.01


def test_a_million_images_are_dealt_in_seconds() -> None:
    labels = [index % 10 for index in range(1_000_000)]
    contents = [f"{index:x}" for index in range(1_000_000)]
    began = time.process_time()
    subset_of, _ = assign(labels, contents, contents, list("0123456789"), params_of(folds=5, val=0.1))
    assert time.process_time() - began < 30
    assert Counter(subset_of) == {"test": 200_000, "val": 100_000, "train": 700_000}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"folds": 1}, "be 0, or 2 or more"),
        ({"folds": 3, "fold": 3}, "be below split.folds, which is 3"),
        ({"folds": 0, "fold": 1}, "be below split.folds, which is 0"),
        ({"folds": 101}, "less than or equal to 100"),
    ],
)
def test_folds_that_there_are_not_are_refused(changes: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        params_of(**changes)


@pytest.mark.parametrize(
    ("sizes", "changes", "words"),
    [
        ((20, 4), {"folds": 5}, "split.folds=5 is more than the 4 images of the class '1'; it may be at most 4"),
        ((20, 4), {"folds": 4, "val": 3}, "split.folds=4 and split.val=3 leave no training image of the class '1'"),
        ((20, 4), {"folds": 2, "val": 0.5}, "would give 10 to test and 10 to val"),
    ],
)
def test_too_few_images_for_folds_are_one_line(sizes: tuple[int, int], changes: dict[str, float], words: str) -> None:
    labels = [label for label, size in enumerate(sizes) for _ in range(size)]
    contents = [digest(index) for index in range(len(labels))]
    with pytest.raises(InputError) as caught:
        assign(labels, contents, contents, ["0", "1"], params_of(**changes))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_duplicates_that_leave_a_fold_without_a_class_are_one_line() -> None:
    labels = [0] * 20 + [1] * 6
    contents = [digest(index) for index in range(26)]
    pixels = contents[:20] + ["twins"] * 5 + contents[25:]
    with pytest.raises(
        InputError, match=r"split.folds=3 leaves a fold without .* '1', whose 6 images form 2 groups of 1 to 5"
    ):
        assign(labels, contents, pixels, ["0", "1"], params_of(folds=3))


def test_split_writes_and_tells_the_fold(
    split_images: Callable[..., Path], toy_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = split_images(toy_images, folds=4, fold=3, val=2)
    assert np.bincount(np.load(out / "test_labels.npy")).tolist() == [3, 3]
    assert "24 images of 2 classes: 14 train, 4 val, 6 test" in (printed := capsys.readouterr().out)
    assert "fold 3 of 0 to 3: the test sets of all folds are all images" in printed
    assert "warning" not in printed


def test_dvc_queues_an_experiment_for_each_fold(project: Project) -> None:
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "start", "--allow-empty")
    project.run("dvc", "exp", "run", "--queue", "-S", "split.folds=3", "-S", "split.fold=range(3)")
    queued = project.run("dvc", "queue", "status").stdout
    assert queued.count("Queued") == 3
