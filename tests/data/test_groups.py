"""Groups: images of one group never stand in two subsets."""

import hashlib
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from dvc.utils.hydra import apply_overrides
from helpers.repository import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st

from crosscheck.core import tables
from crosscheck.core.errors import InputError
from crosscheck.core.params import SplitParams, load
from crosscheck.data import manifest
from crosscheck.data.grouping import join, name_groups
from crosscheck.data.splitting import SUBSETS, assign

PATHS = ["cat/p1/a.png", "cat/p1/b.png", "cat/p2/deep/c.png", "cat/d.png", "dog/p1/e.png"]
NAMES = ["cat", "cat", "cat", "cat", "dog"]


def params_of(**changes: float | str) -> SplitParams:
    values = {"seed": 0, "on_bad_image": "fail", "samples": 1, "test": 0.2, "val": 0.2}
    return SplitParams.model_validate(values | changes)


def digest(index: int) -> str:
    return hashlib.sha256(str(index).encode()).hexdigest()


def split(labels: list[int], groups: list[str], params: SplitParams) -> list[str]:
    contents = [digest(index) for index in range(len(labels))]
    classes = [str(label) for label in range(max(labels) + 1)]
    return assign(labels, contents, contents, classes, params, (), groups)[0]


def name(group_by: str, paths: list[str] = PATHS, names: list[str] = NAMES) -> list[str]:
    return list(name_groups(paths, names, [""] * len(paths), group_by))


def test_a_folder_below_the_class_folder_is_a_group_and_images_right_in_it_stand_alone() -> None:
    assert name("folder") == ["cat/p1", "cat/p1", "cat/p2/deep", "", "dog/p1"]
    assert name("none") == [""] * 5


def test_with_ready_made_subsets_the_class_folders_are_further_down() -> None:
    paths = ["train/cat/a.png", "train/cat/p1/b.png", "all/test/dog/c.png"]
    assert name("folder", paths, ["cat", "cat", "dog"]) == ["", "train/cat/p1", ""]


def test_with_a_table_of_labels_folders_need_not_be_classes() -> None:
    assert name("folder", ["scan 1/a.png", "b.png"], ["cat", "dog"]) == ["scan 1", ""]


def test_an_expression_names_the_group_that_it_finds_first() -> None:
    assert name("(p[0-9])/", PATHS[:3], NAMES[:3]) == ["p1", "p1", "p2"]
    assert name("([a-z])[.]png$") == list("abcde")


@pytest.mark.parametrize("expression", ["(p[0-9])/", "(p[0-9])?/", "(p[0-9]|)/"])
def test_paths_without_a_group_are_counted_and_one_is_named(expression: str) -> None:
    with pytest.raises(InputError, match=r"split.group_by='.*' finds no group in \d of 5 paths, such as '") as caught:
        name(expression)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("expression", ["(", "p", "(p)([0-9])", "(?P<a>p)(?P=b)", "*", ""])
def test_what_is_no_expression_with_one_group_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="group_by"):
        params_of(group_by=expression)


def test_dvc_takes_an_expression_in_quotes(tmp_path: Path) -> None:
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    apply_overrides(tmp_path / "params.yaml", ["split.group_by='(patient[0-9]+)_'"])
    assert load(tmp_path / "params.yaml").split.group_by == "(patient[0-9]+)_"


def test_groups_of_a_table_and_of_the_parameters_are_one_too_many() -> None:
    with pytest.raises(InputError, match=r"the table of data.labels names groups itself; set it to none"):
        name_groups(["a.png"], ["a"], ["p1"], "folder")
    assert name_groups(["a.png"], ["a"], ["p1"], "none") == ["p1"]


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_no_group_and_no_duplicate_straddles_whatever_names_and_order(data: st.DataObject) -> None:
    size = data.draw(st.integers(60, 120))
    generator = random.Random(data.draw(st.integers(0, 999)))
    labels = [generator.randrange(2) for _ in range(size)]
    groups = [generator.choice(["", f"g{generator.randrange(30)}"]) for _ in range(size)]
    contents = [digest(index) for index in range(size)]
    pixels = [digest(index - index % 7 % 2) for index in range(size)]
    params = params_of(seed=data.draw(st.integers(0, 99)))

    def subsets(order: list[int], rename: str = "") -> list[str]:
        columns = ([values[at] for at in order] for values in (labels, contents, pixels, groups))
        some_labels, some_contents, some_pixels, some_groups = columns
        renamed = [f"{rename}{group}" if group else "" for group in some_groups]
        found, _ = assign(some_labels, some_contents, some_pixels, ["a", "b"], params, (), renamed)  # type: ignore[arg-type]
        return found

    found = subsets(list(range(size)))

    for names in (groups, pixels):
        assert len(set(zip(names, found, strict=True)) - {("", each) for each in SUBSETS}) == len(set(names) - {""})
    assert {(subset, label) for subset in SUBSETS for label in (0, 1)} == set(zip(found, labels, strict=True))
    order = data.draw(st.permutations(range(size)))
    assert subsets(order, "other ") == [found[at] for at in order]


def test_equal_pixels_join_groups() -> None:
    pixels = [digest(n) for n in (0, 1, 1, 2, 3, 4)]
    units = join(pixels, ["g", "g", "h", "h", "", ""], [0, 0, 1, 1, 0, 1], 2, np.arange(6))
    assert units.of.tolist() == [0, 0, 0, 0, 1, 2]
    assert units.counts.toarray().tolist() == [[2, 2], [1, 0], [0, 1]]


@pytest.mark.parametrize("seed", range(6))
def test_a_subset_is_as_near_to_its_share_as_groups_allow(seed: int) -> None:
    labels = [0] * 400 + [1] * 400
    groups = [f"{index // 20}" for index in range(800)]
    counts = Counter(split(labels, groups, params_of(seed=seed, test=0.15, val=0.11)))
    # 60 is three groups of twenty, and 44 is nearest to two of them.
    assert counts == {"test": 120, "val": 80, "train": 600}


@pytest.mark.parametrize("seed", range(6))
def test_one_large_group_is_taken_where_it_is_nearer_than_none(seed: int) -> None:
    labels = [0] * 100 + [1] * 100
    groups = [f"{index // 20}" for index in range(200)]
    counts = Counter(zip(split(labels, groups, params_of(seed=seed, test=0.15, val=0.15)), labels, strict=True))
    assert all(counts[subset, label] == 20 for subset in ("test", "val") for label in (0, 1))


def test_every_seed_may_take_every_large_group() -> None:
    labels = [0] * 100 + [1] * 100
    groups = [f"{index // 20}" for index in range(200)]
    tested = set()
    for seed in range(40):
        found = split(labels, groups, params_of(seed=seed, test=0.15, val=0.15))
        tested |= {group for group, subset in zip(groups, found, strict=True) if subset == "test"}
    assert tested == set(groups)


@pytest.mark.parametrize(
    ("groups", "changes", "words"),
    [
        (
            ["one"] * 50,
            {},
            "the class '0' has 1 group of images that stay together, the largest of 50 images; it needs 3 groups",
        ),
        (["one"] * 25 + ["two"] * 25, {}, "the class '0' has 2 groups .* the largest of 25 images; it needs 3 groups"),
        (
            [f"{index // 17}" for index in range(50)],
            {"test": 0.1, "val": 0},
            "split.test=0.1 gets no image of the class '0', whose 50 images form 3 groups of 16 to 17",
        ),
        ([f"{index // 25}" for index in range(50)], {"folds": 3, "val": 0}, "split.folds=3 leaves a fold without"),
    ],
)
def test_groups_that_make_a_size_impossible_are_explained_in_one_line(
    groups: list[str], changes: dict[str, float], words: str
) -> None:
    labels = [0] * 50 + [1] * 50
    with pytest.raises(InputError, match=words) as caught:
        split(labels, groups + [f"x{index}" for index in range(50)], params_of(**changes))
    assert "\n" not in str(caught.value)


def test_groups_stay_together_in_folds() -> None:
    labels = [index % 3 for index in range(300)]
    groups = [f"{index // 10}" for index in range(300)]
    seen = []
    for fold in range(5):
        found = split(labels, groups, params_of(folds=5, fold=fold))
        assert len(set(zip(groups, found, strict=True))) == 30
        seen += [index for index, subset in enumerate(found) if subset == "test"]
        assert 0 < found.count("val") <= 80
    assert sorted(seen) == list(range(300))


def test_a_million_images_in_groups_are_split_in_seconds() -> None:
    labels = [index % 100 for index in range(1_000_000)]
    groups = [f"{index // 10}" for index in range(1_000_000)]
    began = time.process_time()
    found = split(labels, groups, params_of(test=0.15, val=0.15))
    assert time.process_time() - began < 60
    assert abs(found.count("test") - 150_000) < 500


def draw_patients(root: Path, toy_images: Path) -> Path:
    """The toy images, three of each of four patients."""
    for path in sorted(toy_images.rglob("*.png")):
        patient = root / path.parent.name / f"patient{int(path.stem) // 3}"
        patient.mkdir(parents=True, exist_ok=True)
        (patient / path.name).write_bytes(path.read_bytes())
    return root


@pytest.mark.parametrize(
    ("group_by", "count", "group"), [("folder", 8, "bars/patient0"), ("(patient[0-9])", 4, "patient0")]
)
def test_split_writes_the_groups_and_says_how_many(
    tmp_path: Path,
    split_images: Callable[..., Path],
    toy_images: Path,
    capsys: pytest.CaptureFixture[str],
    group_by: str,
    count: int,
    group: str,
) -> None:
    root = draw_patients(tmp_path / "patients", toy_images)
    out = split_images(root, test=0.25, val=0.25, group_by=group_by)

    rows = [manifest.parse(cells) for cells in tables.each(out / "manifest.csv")]
    assert {row.group for row in rows if row.path.startswith("bars/patient0/")} == {group}
    assert len({(row.group, row.subset) for row in rows}) == count
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["groups"] == {"named_by": group_by, "count": count, "images": 24}
    assert f"{count} groups, each in one subset (split.group_by: {group_by})" in capsys.readouterr().out


def test_fewer_images_because_of_groups_are_said_to_be_so(
    tmp_path: Path, split_images: Callable[..., Path], toy_images: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = draw_patients(tmp_path / "patients", toy_images)
    out = split_images(root, test=4, val=3, group_by="folder")
    report = json.loads((out / "report.json").read_text(encoding="utf-8"))
    assert report["fewer_than_asked"] == {"test": {"bars": 1, "discs": 1}, "val": {}}
    assert "since duplicates and groups stay together" in capsys.readouterr().out
