"""What DVC knows of experiments, as the list of them takes it; their commits are made as DVC makes them."""

import json
from pathlib import Path
from typing import Any

import pytest
from helpers.experiments import Experiments, make_repository
from ruamel.yaml import YAML

from crosscheck.core.errors import InputError
from crosscheck.pipeline.experiment_list import read_experiments

DVC_YAML = """stages:
  evaluate:
    cmd: "true --metrics figures.json"
    params: [train]
    metrics: [figures.json: {cache: false}]
"""


class Trainings(Experiments):
    """A repository of git and DVC, to which `add` adds experiments of the current commit."""

    def fill(self, lr: Any, accuracy: float | None) -> None:
        with (self.folder / "params.yaml").open("w", encoding="utf-8") as stream:
            YAML(typ="safe").dump({"train": {"lr": lr}}, stream)
        test = {"n": 10, "accuracy": accuracy, "accuracy_low": 0.1, "accuracy_high": 0.9, "log_loss": 0.5}
        content = "damaged" if accuracy is None else json.dumps({"test": test})
        (self.folder / "figures.json").write_text(content, encoding="utf-8")

    def add(self, name: str, lr: Any, accuracy: float | None) -> None:
        self.fill(lr, accuracy)
        self.commit_as(name)


@pytest.fixture
def experiments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trainings:
    made = make_repository(Trainings, tmp_path, monkeypatch, DVC_YAML)
    made.fill(0.1, 0.5)
    return made


def commit(experiments: Trainings) -> None:
    experiments.git("add", "-A")
    experiments.git("commit", "-qm", "start")


def test_the_workspace_the_commit_and_its_experiments_come_with_what_differs(experiments: Trainings) -> None:
    commit(experiments)
    experiments.add("slower", 0.01, 0.75)
    experiments.add("damaged", 0.1, None)
    experiments.fill(0.3, 0.25)
    found = {each.name: each for each in read_experiments()}
    assert set(found) == {"workspace", "trunk", "slower", "damaged"}
    assert list(found)[:2] == ["workspace", "trunk"]
    accuracies = {name: each.result and each.result.accuracy for name, each in found.items()}
    assert accuracies == {"workspace": 0.25, "trunk": 0.5, "slower": 0.75, "damaged": None}
    differs = {name: each.differs for name, each in found.items()}
    assert differs == {"workspace": ["train.lr=0.3"], "trunk": [], "slower": ["train.lr=0.01"], "damaged": []}


def test_without_a_commit_or_without_dvc_one_line_says_so(experiments: Trainings) -> None:
    with pytest.raises(InputError, match="git has no commit yet"):
        read_experiments()
    (experiments.folder / ".dvc" / "config").unlink()
    (experiments.folder / ".dvc").rename(experiments.folder / "gone")
    with pytest.raises(InputError, match="DVC cannot list the experiments") as caught:
        read_experiments()
    assert "\n" not in str(caught.value)
