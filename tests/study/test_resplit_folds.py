"""A study whose seeds are the folds of a cross-validation."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project, make_project
from helpers.study import TOY, command, compare, read_plan, run, write_study
from ruamel.yaml import YAML

from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.study import cross_validation, plans, report, resplit, result_files

FOLDS = {"split.folds": 3, "split.val": 2, "split.test": 1}
STUDY: dict[str, Any] = {"title": "Folds", "seeds": 3, "params": FOLDS, "variants": {"base": {}, "wide": {}}}


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., plans.Plan]:
    def written(**changes: Any) -> plans.Plan:
        return read_plan(tmp_path, STUDY | changes)

    return written


def parts(plan: plans.Plan, variant: str) -> list[tuple[int, int, int]]:
    runs = [(run.params.train.seed, run.params.split) for run in plan.of(variant)]
    return [(seed, split.seed, split.fold) for seed, split in runs]


def test_so_many_seeds_as_folds_are_one_split_and_each_fold_of_it_once(read: Callable[..., plans.Plan]) -> None:
    assert parts(read(seeds=5), "base") == [(0, 0, 0), (1, 0, 1), (2, 0, 2), (3, 1, 0), (4, 1, 1)]
    assert parts(read(vary_split=False), "base") == [(0, 0, 0), (1, 0, 0), (2, 0, 0)]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, ["Cross-validation: 3 folds, each image was in a test set once."]),
        ({"seeds": 6}, ["Cross-validation: 3 folds, each image was in a test set twice."]),
        ({"seeds": 9}, ["Cross-validation: 3 folds, each image was in a test set 3 times."]),
        (
            {"seeds": 4},
            [
                "Cross-validation: 3 folds, each image was in a test set once, and those of 1 further fold once more.",
            ],
        ),
        ({"seeds": 2}, ["No whole cross-validation: 2 of 3 folds, so not every image was in a test set."]),
        ({"vary_split": False}, ["No whole cross-validation: 1 of 3 folds, so not every image was in a test set."]),
        (
            {"variants": {"base": {}, "wide": {"seeds": 2}}},
            [
                "Cross-validation: 3 folds, each image was in a test set once (base).",
                "No whole cross-validation: 2 of 3 folds, so not every image was in a test set (wide).",
            ],
        ),
        (
            {"vary_split": False, "variants": {f"fold_{k}": {"set": {"split.fold": k}} for k in range(3)}},
            ["Cross-validation: 3 folds, each image was in a test set once (the variants are the folds)."],
        ),
        ({"params": {}}, []),
        (
            {"variants": {"base": {}, "other": {"set": {"split.folds": 0}}}},
            ["Cross-validation: 3 folds, each image was in a test set once (base)."],
        ),
    ],
)
def test_the_report_says_whether_the_runs_are_a_cross_validation(
    read: Callable[..., plans.Plan], changes: dict[str, Any], said: list[str]
) -> None:
    assert report.describe_coverage(read(**changes)) == said


def test_a_variant_sets_a_fold_only_where_seeds_do_not(read: Callable[..., plans.Plan]) -> None:
    variants = {"base": {}, "wide": {"set": {"split.fold": 1}}}
    with pytest.raises(InputError, match=r"the variant wide sets 'split.fold', but .* set vary_split to false"):
        read(variants=variants)
    assert parts(read(variants=variants, vary_split=False), "wide")[0] == (0, 0, 1)


def test_the_folds_of_packed_images_are_those_of_split_and_together_all_images(
    split_images: Callable[..., Path], toy_images: Path, params: Params
) -> None:
    packed = resplit.read(split_images(toy_images))
    rows = []
    for fold in range(4):
        wanted = params.split.model_copy(update={"folds": 4, "fold": fold, "val": 2, "test": 1})
        again = resplit.split_again(packed, wanted)
        folder = split_images(toy_images, folds=4, fold=fold, val=2)
        assert (np.load(folder / "test.npy") == again.test.images).all()
        assert (np.load(folder / "val.npy") == again.val.images).all()
        assert np.bincount(again.test.labels).tolist() == [3, 3]
        rows += again.test_rows.tolist()
    assert sorted(rows) == list(range(24))


@pytest.fixture(scope="module")
def folded(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which a study of two folds has run."""
    project = make_project(tmp_path_factory.mktemp("folds") / "project")
    draw_toy_images(project.folder / "toy", 12)
    write_study(project, TOY | {"params": TOY["params"] | {"split.folds": 2}})
    project.run(*command("pack"))
    run(project)
    compare(project)
    return project


def test_a_study_of_folds_says_so_on_its_page_and_in_its_figures(folded: Project) -> None:
    page = folded.read("mine/report/report.md")
    assert "Cross-validation: 2 folds, each image was in a test set once." in page
    assert "with each seed another fold is the test set" in page
    assert "not independent" in page
    numbers = YAML(typ="safe").load(folded.read("mine/numbers.json"))
    assert numbers["cross_validation"] == [
        {"variants": ["small", "wider"], "folds": 2, "rounds": 1, "further": 0, "together": False}
    ]


def test_every_image_of_a_study_of_folds_has_one_answer_of_each_variant(folded: Project) -> None:
    for variant in ("small", "wider"):
        stored = result_files.read_variant(folded.folder / "mine" / "results", variant).values()
        assert sorted(row for each in stored for row in each.result.test.row) == list(range(24))


def test_no_folds_are_no_coverage(read: Callable[..., plans.Plan]) -> None:
    assert cross_validation.find(read(params={})) == []
