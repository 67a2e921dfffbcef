"""A project in which a toy study has run."""

import shutil
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project, make_project
from helpers.study import TOY, command, run, write_study


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which the toy study has run. Shared: tests that change it copy it first."""
    project = make_project(tmp_path_factory.mktemp("study") / "project")
    draw_toy_images(project.folder / "toy", 20)
    write_study(project, TOY)
    project.run(*command("pack"))
    run(project)
    return project


@pytest.fixture
def copied(studied: Project, tmp_path: Path) -> Project:
    ignored = shutil.ignore_patterns("mlflow.db", "mlartifacts", ".git")
    return Project(shutil.copytree(studied.folder, tmp_path / "project", ignore=ignored))
