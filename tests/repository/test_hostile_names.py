"""Names and paths from outside are only read: none is run, and none is opened."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project, copy_project
from helpers.repository import ROOT
from ruamel.yaml import YAML

NAMES = [
    "$(touch pwned)",
    "; touch pwned",
    "`touch pwned`",
    "a && touch pwned",
    "a | touch pwned",
    "a\ntouch pwned",
    "two words",
    "it's",
    'say "touch pwned"',
    "${touch}",
    "--split=pwned",
    "-rf",
    "*",
    "~",
    "#pwned",
]


def test_no_stage_gets_a_parameter_through_the_shell() -> None:
    for stage in YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"].values():
        assert "$" not in stage["cmd"]
        assert not set(stage["cmd"]) & set("`;&|<>*?\"'\\~#(){}")


@pytest.mark.soak
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_whose_name_is_a_command_is_only_read(name: str, project: Project) -> None:
    draw_toy_images(project.folder / name, 12)
    project.set(data={"images": name})
    before = sorted(path.name for path in project.folder.iterdir())
    done = project.run("dvc", "repro", "split", check=False)
    assert not list(project.folder.parent.rglob("pwned"))
    assert "Traceback" not in done.stderr
    # DVC has characters of its own that it does not take in a path; its refusal is one line as well.
    if done.returncode == 0:
        counts = json.loads(project.read("data/split/report.json"))["counts"]
        assert [sum(counts[name].values()) for name in ("bars", "discs")] == [12, 12]
        manifest = project.read("data/split/manifest.csv")
        assert manifest.count("bars/") == manifest.count("discs/") == 12
    else:
        assert "ERROR" in done.stderr
    after = {path.name for path in project.folder.iterdir()}
    assert after - set(before) <= {"dvc.lock", "data", "weights", ".crosscheck"}
    assert set(before) <= after


@pytest.mark.soak
def test_files_and_classes_whose_names_are_commands_run_through_the_whole_pipeline(project: Project) -> None:
    toys = draw_toy_images(project.folder / "toys", 12)
    for old, new in (("bars", "$(touch pwned)"), ("discs", "; touch pwned #")):
        (toys / old).rename(toys / new)
        for index, file in enumerate(sorted((toys / new).iterdir())):
            file.rename(file.with_name(f"`touch pwned` {index} $x 'y'.png"))
    project.set(data={"images": "toys"})
    project.run("dvc", "repro")
    assert not list(project.folder.rglob("pwned"))
    assert json.loads(project.read("models/model.json"))["data"]["classes"] == ["$(touch pwned)", "; touch pwned #"]


def outside(project: Project) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in project.folder.parent.rglob("*")
        if path.is_file() and project.folder not in path.parents and "dvc" not in path.parts
    }


@pytest.mark.soak
@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "bars/../../../secret.png", "C:\\secret.png", "\0"])
def test_paths_in_tables_are_labels_that_nothing_opens(path: str, reproduced: Project, tmp_path: Path) -> None:
    project = copy_project(reproduced, tmp_path)
    shutil.copy(project.folder / "data" / "samples.png", tmp_path / "secret.png")
    stages = YAML(typ="safe").load(project.folder / "dvc.yaml")["stages"]
    # Opens in the stages are told by Python itself.
    (tmp_path / "watch").mkdir()
    (tmp_path / "watch" / "sitecustomize.py").write_text(
        "import os, sys\n"
        "def watch(event, arguments):\n"
        "    if event == 'open' and isinstance(arguments[0], str):\n"
        "        if 'secret.png' in arguments[0] or arguments[0] == '/etc/passwd':\n"
        "            os.write(2, b'OPENED ' + arguments[0].encode() + b'\\n')\n"
        "sys.addaudithook(watch)\n",
        encoding="utf-8",
    )
    for table, marker in (("data/split/manifest.csv", ",test,"), ("metrics/predictions.csv", ",")):
        file = project.folder / table
        header, *lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        index = next(index for index, line in enumerate(lines) if marker in line)
        lines[index] = f"{path},{lines[index].partition(',')[2]}"
        file.unlink()
        file.write_text("".join([header, *lines]), encoding="utf-8")
    before = outside(project)
    for stage in ("visualize", "evaluate"):
        watched = {"PYTHONPATH": str(tmp_path / "watch"), "PYTHONDONTWRITEBYTECODE": "1"}
        done = project.run(*stages[stage]["cmd"].split(), check=False, **watched)
        assert "Traceback" not in done.stderr
        assert "OPENED" not in done.stderr
        assert done.returncode == 0 or len(done.stderr.splitlines()) == 1, done.stderr
    assert outside(project) == before
