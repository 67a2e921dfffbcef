"""A study in DVC: what its stages depend on, and what a clone has of its results."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from helpers.imports import closure, module_of, unlisted_and_unreached
from helpers.project import Project
from helpers.repository import ROOT
from helpers.study import TOY
from ruamel.yaml import YAML

PIPELINE = YAML(typ="safe").load(ROOT / "study" / "dvc.yaml")["stages"]


@pytest.mark.parametrize("stage", list(PIPELINE))
def test_a_stage_of_the_study_depends_on_what_it_imports_and_on_nothing_else_of_the_code(stage: str) -> None:
    modules = closure(module_of(f"study/{stage}"))
    assert unlisted_and_unreached(PIPELINE[stage]["deps"], modules) == (set(), set())


@pytest.mark.soak
def test_a_clone_has_the_results_of_the_study_and_runs_only_what_is_new(project: Project, tmp_path: Path) -> None:
    kept = {"dvc.yaml", ".gitignore"}
    shutil.copytree(ROOT / "study", project.folder / "study", ignore=lambda _, names: set(names) - kept)
    params = {name: value for name, value in TOY["params"].items() if name != "data.images"}

    def write(**changes: Any) -> None:
        with (project.folder / "study" / "variants.yaml").open("w", encoding="utf-8") as stream:
            YAML().dump(TOY | {"params": params | {"split.test": 3}} | changes, stream)

    def study(project: Project, *words: str) -> str:
        return project.run("make", "-s", "-o", ".venv/.ready", "study", *words).stdout

    write()
    assert "2 runs, 0 of them cached" in study(project, "SHARD=1/2")
    assert not (project.folder / "study" / "variants" / "summary.json").exists()
    assert "4 runs, 2 of them cached" in study(project)
    assert json.loads(project.read("study/variants/summary.json"))["small"]["runs"] == 2
    assert not (project.folder / "models").exists()
    again = study(project)
    assert "4 of them cached" in again and "variants compared" not in again
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "study")
    project.run("git", "clone", "-q", ".", str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    assert {file.name for file in (clone.folder / "study" / "variants" / "results").iterdir()} == {
        "small.jsonl",
        "wider.jsonl",
    }
    # The report without running anything, by DVC alone; then one more seed.
    assert "2 variants compared" in clone.run("dvc", "repro", "study/dvc.yaml").stdout
    write(seeds=3)
    shutil.copy(project.folder / "study" / "variants.yaml", clone.folder / "study")
    assert "6 runs, 4 of them cached" in study(clone)
    assert json.loads(clone.read("study/variants/summary.json"))["small"]["runs"] == 3


def test_metrics_diff_does_not_begin_with_what_a_fresh_clone_lacks(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    (project.folder / "study").mkdir()
    for name in ("dvc.yaml", "variants.yaml"):
        shutil.copy(ROOT / "study" / name, project.folder / "study" / name)
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "study")
    for words in (["metrics", "diff"], ["metrics", "show"]):
        done = project.run("dvc", *words)
        assert "failed to load" not in done.stdout + done.stderr
