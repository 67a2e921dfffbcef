"""A project whose training lasts long enough to disturb it."""

from pathlib import Path

import pytest
from helpers.project import Project, copy_project


@pytest.fixture(scope="module")
def uninterrupted(reproduced: Project, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project whose training takes a few seconds, after one run to the end and a commit."""
    project = copy_project(reproduced, tmp_path_factory.mktemp("uninterrupted"))
    project.set(train={"epochs": 200, "momentum": 0.9})
    project.run("dvc", "repro")
    project.run("git", "commit", "-qam", "longer training")
    return project


@pytest.fixture
def trained(uninterrupted: Project, tmp_path: Path) -> Project:
    return copy_project(uninterrupted, tmp_path)
