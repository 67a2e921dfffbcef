"""`python -m crosscheck inspect` looks at a folder, and what it says to run then runs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project, copy_project
from helpers.repository import ROOT

from crosscheck.core.params import load

ODD = "mein Ordner, (1)=x"


@pytest.fixture(scope="module")
def looked_at(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A tiny project in a git and DVC repository, with a folder of images beside it and one inside. Not changed."""
    from helpers.project import make_project

    project = make_project(tmp_path_factory.mktemp("looked") / "project")
    draw_toy_images(project.folder / "data" / ODD, 8)
    draw_toy_images(project.folder.parent / f"{ODD}'q", 8)
    return project


def inspect(project: Project, folder: str) -> Any:
    return json.loads(project.command("inspect", folder, "--json").stdout)


def state(root: Path) -> dict[str, tuple[int, int]]:
    files = [path for path in sorted(root.rglob("*")) if path.is_file() and ".git" not in path.parts]
    files = [path for path in files if "__pycache__" not in path.parts and "tmp" not in path.parts]
    return {str(path): (path.stat().st_size, path.stat().st_mtime_ns) for path in files}


def test_json_says_what_was_found_and_what_to_run(looked_at: Project) -> None:
    before = state(looked_at.folder)
    found = inspect(looked_at, f"data/{ODD}/")
    assert state(looked_at.folder) == before
    assert (found["layout"], found["classes"]) == ("classes", ["bars", "discs"])
    assert found["counts"] == {"bars": 8, "discs": 8}
    assert any("fewer than 20 images" in each for each in found["warnings"])
    assert found["settings"]["data.images"] == f"data/{ODD}"
    assert found["settings"].keys() == found["reasons"].keys()
    adding, training, summary = found["commands"]
    assert adding == ["dvc", "add", f"data/{ODD}"]
    assert training[:5] == ["dvc", "exp", "run", "-S", f'data.images="data/{ODD}"']
    assert len(training) == 3 + 2 * len(found["settings"])
    assert summary == ["python", "-m", "crosscheck", "summary"]
    assert {"nearest_neighbour", "most_frequent"} == found["baselines"].keys()
    assert found["seconds"].keys() == {"reading", "training", "rest"}
    assert found["seconds"]["training"] > 0 <= found["seconds"]["reading"]


def test_a_folder_outside_is_named_by_its_whole_path_and_not_added(looked_at: Project) -> None:
    outside = looked_at.folder.parent / f"{ODD}'q"
    found = inspect(looked_at, f"../{outside.name}")
    assert found["settings"]["data.images"] == str(outside)
    assert [words[1] for words in found["commands"]] == ["exp", "-m"]


def test_the_text_holds_the_findings_the_reasons_and_the_commands(looked_at: Project) -> None:
    printed = looked_at.command("inspect", f"data/{ODD}").stdout
    for part in (
        "16 files of 2 classes",
        "16 x 16 px, all of them",
        "warning: ",
        "few weights, so few images are enough",
    ):
        assert part in printed
    assert f"dvc add 'data/{ODD}'" in printed
    assert "This takes about " in printed


def test_write_puts_the_values_into_params_yaml_and_keeps_the_rest(looked_at: Project, tmp_path: Path) -> None:
    project = copy_project(looked_at, tmp_path)
    shutil.copy(ROOT / "params.yaml", project.folder / "params.yaml")
    before = project.read("params.yaml")
    ended = project.command("inspect", f"data/{ODD}", "--json", "--write")
    assert "git restore params.yaml" in ended.stderr
    found = json.loads(ended.stdout)
    after = project.read("params.yaml")
    assert [line.partition("#")[2] for line in before.splitlines()] == [
        line.partition("#")[2] for line in after.splitlines()
    ]
    old, new = load(ROOT / "params.yaml").model_dump(), load(project.folder / "params.yaml").model_dump()
    for section, values in new.items():
        for name, value in values.items():
            assert value == found["settings"].get(f"{section}.{name}", old[section][name])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "0 folders given"),
        (["data", "stages"], "2 folders given"),
        (["nowhere"], "nowhere: does not exist; give a folder"),
        (["params.yaml"], "params.yaml: is a file; give a folder"),
        (["data", "--layout", "both"], "--layout is 'both'; give one of auto, classes, subsets"),
        ([f"data/{ODD}", "--layout", "subsets"], "none of 'train'"),
        ([f"data/{ODD}", "--labels", "names.csv"], "no such file; set data.labels"),
        (["data", "--layout", "classes", "--labels", "names.csv"], "decides how a folder is read; give one"),
        (["stages"], "'study'"),
        (["."], "is the project itself"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(looked_at: Project, words: list[str], said: str) -> None:
    done = looked_at.command("inspect", *words, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.count("\n") == 1
    assert said in done.stderr


def test_the_help_and_a_refusal_do_not_load_torch(looked_at: Project) -> None:
    code = (
        "import sys, runpy; sys.argv = ['crosscheck', 'inspect', 'nowhere']\n"
        "try: runpy.run_module('crosscheck', run_name='__main__')\n"
        "except SystemExit: print('torch' in sys.modules)"
    )
    # A fresh process: those of `Project.run` have torch before they begin.
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=looked_at.folder, env=looked_at.env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.slow
def test_a_folder_that_dvc_has_or_makes_is_not_added_again(looked_at: Project, tmp_path: Path) -> None:
    project = copy_project(looked_at, tmp_path)
    project.run("dvc", "add", f"data/{ODD}")
    draw_toy_images(project.folder / "data" / "built-in", 4)
    draw_toy_images(project.folder / "in-git", 4)
    project.run("git", "add", "in-git")
    for folder in (f"data/{ODD}", "data/built-in", "in-git"):
        assert [words[1] for words in inspect(project, folder)["commands"]] == ["exp", "-m"], folder


@pytest.mark.soak
def test_the_words_run_as_they_are_in_a_project_where_nothing_has_run(looked_at: Project, tmp_path: Path) -> None:
    """Inside and outside; a tiny number of epochs, as many as a folder of thousands has."""
    for number, folder in enumerate((f"data/{ODD}", f"../{ODD}'q")):
        project = copy_project(looked_at, tmp_path / str(number))
        outside = looked_at.folder.parent / f"{ODD}'q"
        shutil.copytree(outside, project.folder.parent / outside.name)
        for words in inspect(project, folder)["commands"]:
            done = project.run(*words)
        assert "test images" in done.stdout
        assert json.loads(project.read("metrics/test.json"))["test"]["accuracy"] >= 0.5
