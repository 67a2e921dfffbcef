"""Folders that stand for a project."""

from collections import OrderedDict
from pathlib import Path

import pytest
from helpers.tracking import Enter
from mlflow.tracking._tracking_service import utils


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for the project's root, with no tracking settings of the user's.

    The tests work in it, since MLflow makes the folder of a database whose address has a `file:` in it where they are.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", str(tmp_path))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV"):
        monkeypatch.setenv(name, "")
    return tmp_path


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch) -> Enter:
    """Makes a folder the project's root, without tracking settings of the user's."""

    def change(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        # MLflow remembers in a process where the files of a run are; a command begins without.
        monkeypatch.setattr(utils, "_artifact_repos_cache", OrderedDict())
        monkeypatch.setenv("DVC_ROOT", str(folder))
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DVC_EXP_NAME"):
            # Also what MLflow left there itself.
            monkeypatch.setenv(name, "")
        return folder

    return change
