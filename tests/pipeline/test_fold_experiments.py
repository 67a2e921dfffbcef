"""Which experiments make up a cross-validation, and what is refused; their commits are made as DVC makes them."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from helpers.experiments import Experiments, make_repository
from helpers.repository import ROOT
from ruamel.yaml import YAML

from crosscheck.core.errors import InputError
from crosscheck.evaluation.suspect_labels import find_suspects
from crosscheck.pipeline import fold_experiments

DVC_YAML = """stages:
  split: {cmd: "true", deps: [mine, code], outs: [data]}
  train: {cmd: "true", deps: [data, code], outs: [model]}
  evaluate: {cmd: true --predictions answers.csv, deps: [model, data/test, code], outs: [answers.csv: {cache: false}]}
"""


def lock(fold: int, sources: dict[str, str]) -> dict[str, Any]:
    """As DVC records a run: what follows from the fold has other hashes in each."""
    made = {"data": f"d{fold}", "data/test": f"t{fold}", "model": f"m{fold}", "answers.csv": f"a{fold}"}

    def entries(*names: str) -> list[dict[str, str]]:
        return [{"path": name, "hash": "md5", "md5": (made | sources)[name]} for name in names]

    return {
        "schema": "2.0",
        "stages": {
            "split": {"cmd": "true", "deps": entries("mine", "code"), "outs": entries("data")},
            "train": {"cmd": "true", "deps": entries("data", "code"), "outs": entries("model")},
            "evaluate": {
                "cmd": "true --predictions answers.csv",
                "deps": entries("model", "data/test", "code"),
                "outs": entries("answers.csv"),
            },
        },
    }


class Folds(Experiments):
    """A repository of git and DVC, to which `add` adds experiments of the current commit."""

    def write(self, name: str, content: Any) -> None:
        with (self.folder / name).open("w", encoding="utf-8") as stream:
            YAML(typ="safe").dump(content, stream)

    def add(self, name: str, fold: int, folds: int = 2, **changes: Any) -> None:
        """`changes`: `lr`, the hash of the images `mine`, the table `answers` and its `classes`; else the same."""
        self.write("params.yaml", {"split": {"folds": folds, "fold": fold}, "train": {"lr": changes.get("lr", 0.1)}})
        self.write("dvc.lock", lock(fold, {"mine": changes.get("mine", "i"), "code": "c"}))
        rows = [f"cat/{fold}.png,cat,cat,0.9,0.1", f"dog/{fold}.png,dog,cat,0.8,0.2"]
        lines = ["path,actual,predicted,p_cat,p_dog", *changes.get("answers", rows)]
        (self.folder / "answers.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.commit_as(name)


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folds:
    made = make_repository(Folds, tmp_path, monkeypatch, DVC_YAML)
    made.git("add", "-A")
    made.git("commit", "-qm", "start")
    return made


def refusal(act: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        act()
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_folds_of_the_commit_are_found_in_their_order_and_each_image_has_one_answer(
    experiments: Folds,
) -> None:
    experiments.add("ugly-bear", 1)
    experiments.add("calm-fish", 0)
    experiments.add("no-folds", 0, folds=0)
    found = fold_experiments.find([])
    assert [(each.name, each.fold) for each in found] == [("calm-fish", 0), ("ugly-bear", 1)]
    classes, answers = fold_experiments.read_answers(found)
    assert classes == ["cat", "dog"]
    suspects = find_suspects(answers, classes)
    assert [(each.path, each.subset, each.row, each.suggested) for each in suspects] == [
        ("dog/0.png", "fold 0", 1, "cat"),
        ("dog/1.png", "fold 1", 1, "cat"),
    ]


def test_a_fold_that_ran_twice_counts_once(experiments: Folds) -> None:
    for name, fold in (("a", 0), ("b", 1), ("c", 1)):
        experiments.add(name, fold)
    assert [each.fold for each in fold_experiments.find([])] == [0, 1]


def test_a_commit_without_folds_says_how_to_run_them(experiments: Folds) -> None:
    experiments.add("no-folds", 0, folds=0)
    line = refusal(lambda: fold_experiments.find([]))
    assert "run `dvc exp run --queue -S split.folds=5 -S 'split.fold=range(5)'`, then `dvc queue start`" in line


def test_a_missing_fold_is_named(experiments: Folds) -> None:
    experiments.add("a", 1, folds=4)
    experiments.add("b", 2, folds=4)
    assert "of 4 folds these have no experiment: 0, 3;" in refusal(lambda: fold_experiments.find([]))


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"lr": 0.2}, "train.lr: 0.1 in a b; 0.2 in c d"),
        ({"mine": "j"}, "mine: i in a b; j in c d"),
    ],
    ids=["settings", "images"],
)
def test_folds_that_differ_in_more_than_the_fold_are_named_apart(
    experiments: Folds, change: dict[str, Any], told: str
) -> None:
    for name, fold in (("a", 0), ("b", 1)):
        experiments.add(name, fold)
    for name, fold in (("c", 0), ("d", 1)):
        experiments.add(name, fold, **change)
    line = refusal(lambda: fold_experiments.find([]))
    assert line == f"experiments with folds differ in {told}; name those of one kind: python -m crosscheck suspects a b"
    assert [each.name for each in fold_experiments.find(["d", "c"])] == ["c", "d"]
    assert told.partition(":")[0] in refusal(lambda: fold_experiments.find(["a", "d"]))


def test_folds_of_an_earlier_commit_can_be_named(experiments: Folds) -> None:
    for name, fold in (("a", 0), ("b", 1)):
        experiments.add(name, fold)
    experiments.git("commit", "-qm", "later", "--allow-empty")
    assert "no experiment of the current commit" in refusal(lambda: fold_experiments.find([]))
    assert len(fold_experiments.find(["a", "b"])) == 2


def test_a_name_that_is_no_fold_experiment_is_refused(experiments: Folds) -> None:
    experiments.add("plain", 0, folds=0)
    assert refusal(lambda: fold_experiments.find(["plain"])).startswith("plain: not an experiment with split.folds")
    assert refusal(lambda: fold_experiments.find(["gone"])).startswith("gone: there is no such experiment")


def test_test_sets_that_share_an_image_are_refused(experiments: Folds) -> None:
    experiments.add("a", 0)
    experiments.add("b", 1, answers=["cat/0.png,cat,cat,0.9,0.1"])
    line = refusal(lambda: fold_experiments.read_answers(fold_experiments.find([])))
    assert line.startswith("b: its test image 'cat/0.png' was tested in a, too")


@pytest.mark.parametrize("rows", [[], ["cat/0.png,cat,cat,0.9"], ["cat/0.png,cow,cat,0.9,0.1"]], ids=repr)
def test_a_damaged_table_is_refused(experiments: Folds, rows: list[str]) -> None:
    experiments.add("a", 0)
    experiments.add("b", 1, answers=rows)
    line = refusal(lambda: fold_experiments.read_answers(fold_experiments.find([])))
    assert line.startswith("b: answers.csv is not a table of predictions (")


def test_answers_that_are_not_in_the_cache_are_named(experiments: Folds) -> None:
    text = DVC_YAML.replace("answers.csv: {cache: false}", "answers.csv")
    (experiments.folder / "dvc.yaml").write_text(text, encoding="utf-8")
    (experiments.folder / ".gitignore").write_text("/answers.csv\n", encoding="utf-8")
    experiments.git("add", "-A")
    experiments.git("commit", "-qm", "cached")
    for name, fold in (("a", 0), ("b", 1)):
        experiments.add(name, fold)
    line = refusal(lambda: fold_experiments.read_answers(fold_experiments.find([])))
    assert line.startswith("a: its answers.csv is not in the DVC cache here")


def test_a_folder_without_dvc_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert "DVC cannot list the experiments" in refusal(lambda: fold_experiments.find([]))


def test_the_shipped_pipeline_has_the_stages_that_are_compared() -> None:
    stages = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
    assert set(fold_experiments.STAGES) <= set(stages)
    assert re.search(r"--predictions (\S+)", stages["evaluate"]["cmd"])
    assert json.dumps(stages["split"]["params"]) == '["data", "split"]'
