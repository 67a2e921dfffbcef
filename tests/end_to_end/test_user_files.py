"""No stage, no command, no study and no search removes or overwrites a file of the user's."""

import shutil
import sys
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project, copy_project
from helpers.repository import ROOT
from ruamel.yaml import YAML

OUTPUTS = YAML(typ="safe").load(ROOT / "dvc.yaml")["stages"]
FOLDERS = ["data/built-in", "data/split", "models/snapshots", "plots", "report"]
FILES = ["data/samples.png", "models/model.pt", "metrics/test.json"]
STUDY = "title: Toy\nseeds: 1\nparams:\n  data.images: toy\n  split.test: 4\n  split.val: 2\nvariants:\n  small: {}\n"


def files_of(folder: Path) -> dict[str, bytes]:
    """Every file in a project by its path, without what git, DVC and Python keep for themselves."""
    own = {".git", ".dvc", "__pycache__", ".crosscheck"}
    found = (path for path in folder.rglob("*") if path.is_file() and not own & set(path.relative_to(folder).parts))
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


@pytest.mark.parametrize("output", FOLDERS)
def test_the_first_repro_stops_before_dvc_removes_a_folder_of_the_users(project: Project, output: str) -> None:
    mine = project.folder / output / "mine" / "first.png"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    before = files_of(project.folder)
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert f"{output}/mine/first.png" in line and "move the file out of that folder" in line
    assert files_of(project.folder) == before


@pytest.mark.parametrize("output", [*FOLDERS, *FILES])
def test_make_stops_before_dvc_where_a_file_is_not_the_projects(
    reproduced: Project, tmp_path: Path, output: str
) -> None:
    project = copy_project(reproduced, tmp_path)
    mine = project.folder / output
    mine = mine / "mine.txt" if mine.is_dir() else mine
    mine.write_text("mine")
    before = files_of(project.folder)
    for words in (["repro"], ["repro", "SHELL=/bin/bash"]):
        done = project.run("make", "-s", "-o", ".venv/.ready", *words, check=False)
        assert done.returncode != 0 and str(mine.relative_to(project.folder)) in done.stderr
        assert "Traceback" not in done.stderr
    assert files_of(project.folder) == before


def test_a_changed_parameter_stops_before_dvc_removes_a_file_of_the_users(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    (project.folder / "plots" / "mine.txt").write_text("mine")
    project.set(visualize={"dpi": 41})
    before = {name: content for name, content in files_of(project.folder).items() if name.startswith("plots/")}
    done = project.run("dvc", "repro", check=False)
    assert done.returncode != 0 and "plots/mine.txt" in done.stderr
    assert {name: content for name, content in files_of(project.folder).items() if name.startswith("plots/")} == before


@pytest.mark.slow
def test_results_that_dvc_brought_back_are_replaced_without_a_question(copy_of_reproduced: Project) -> None:
    """After `exp apply`, a branch switch or `dvc checkout` nothing tells of them but DVC's cache."""
    project = copy_of_reproduced
    project.run("dvc", "exp", "run", "-n", "wider", "-S", "model.channels=3")
    project.run("git", "checkout", "-q", "--force", "main")
    protect = [sys.executable, "-m", "crosscheck", "protect", "dvc.yaml"]
    # The outputs are those of another dvc.lock than the one that stands there.
    project.run(*protect)
    project.run("dvc", "checkout", "--force")
    shutil.rmtree(project.folder / ".crosscheck")
    project.run(*protect)
    project.run("dvc", "exp", "apply", "wider")
    shutil.rmtree(project.folder / ".crosscheck")
    project.run(*protect)
    project.run("dvc", "repro")


def test_a_stage_by_hand_leaves_a_folder_of_the_users_alone(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    images = draw_toy_images(project.folder / "mine", 3)
    project.run("dvc", "add", "-q", "mine")
    before = files_of(images)
    for words in (["synthesize", "--images", "mine"], ["split", "--split", "mine", "--samples", "s.png"]):
        done = project.stage(*words, check=False)
        assert done.returncode == 1 and done.stderr.startswith("error: ") and "Traceback" not in done.stderr
    assert files_of(images) == before


def test_images_in_the_folder_of_an_output_are_refused_before_anything_runs(project: Project) -> None:
    draw_toy_images(project.folder / "plots" / "mine", 12)
    (project.folder / "link").symlink_to("plots")
    before = files_of(project.folder)
    # DVC itself refuses the first, but does not see where a link leads.
    for images, said in (("plots/mine", "both a dependency and an output"), ("link/mine", "to a separate folder")):
        project.set(data={"images": images})
        done = project.run("dvc", "repro", check=False)
        assert done.returncode != 0 and said in done.stderr
    project.run("git", "checkout", "-q", "params.yaml")
    assert files_of(project.folder) == before


def test_an_export_leaves_a_file_of_the_users_alone(copy_of_reproduced: Project) -> None:
    mine = copy_of_reproduced.folder / "models" / "model.onnx"
    mine.write_text("mine")
    done = copy_of_reproduced.command("export", "--onnx", "models/model.onnx", check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: models/model.onnx: is in the place of a result")
    assert mine.read_text() == "mine"
    for _ in range(2):
        copy_of_reproduced.command("export", "--onnx", "models/other.onnx")


def test_every_output_has_a_name_that_no_text_tells_a_user_to_put_files_under() -> None:
    named = {path for stage in OUTPUTS.values() for path in stage.get("outs", []) if isinstance(path, str)}
    texts = [ROOT / "params.yaml", ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    for file in texts:
        for line in file.read_text(encoding="utf-8").splitlines():
            if "dvc add" in line:
                assert not [path for path in named if path in line], line
    assert "your own goes here" not in (ROOT / "params.yaml").read_text(encoding="utf-8")


@pytest.fixture
def studying(project: Project) -> Project:
    """A project with a study file in a folder of the user's."""
    draw_toy_images(project.folder / "toy", 12)
    (project.folder / "mine").mkdir()
    (project.folder / "mine" / "study.yaml").write_text(STUDY, encoding="utf-8")
    return project


def study(project: Project, file: str = "mine/study.yaml") -> str:
    done = project.run("make", "-s", "-o", ".venv/.ready", "study", f"STUDY={file}", check=False)
    return done.stderr if done.returncode else ""


@pytest.mark.slow
def test_a_study_leaves_every_file_beside_its_own_folder_alone(studying: Project) -> None:
    mine = {"mine/report/notes.tex", "mine/stock/p.raw", "mine/results/exp1/metrics.json", "mine/study.txt"}
    for name in mine:
        (studying.folder / name).parent.mkdir(exist_ok=True, parents=True)
        (studying.folder / name).write_text(name)
    (studying.folder / "mine" / "other.yaml").write_text(STUDY.replace("small", "large"), encoding="utf-8")
    for file in ("mine/study.yaml", "mine/other.yaml", "mine/study.yaml"):
        assert study(studying, file) == ""
    found = files_of(studying.folder)
    assert {name: found[name].decode() for name in mine} == {name: name for name in mine}
    assert {"mine/study/results/small.jsonl", "mine/other/results/large.jsonl"} <= set(found)
    assert {"mine/study/report/report.html", "mine/other/report/report.html"} <= set(found)


def test_a_study_refuses_a_folder_of_its_name_that_it_did_not_make(studying: Project) -> None:
    mine = studying.folder / "mine" / "study" / "report" / "notes.tex"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    before = files_of(studying.folder)
    said = study(studying)
    assert "error: mine/study: was there before" in said and "another name" in said
    assert files_of(studying.folder) == before


@pytest.mark.slow
def test_a_study_leaves_what_a_user_puts_into_its_folder_later(studying: Project) -> None:
    assert study(studying) == ""
    folder = studying.folder / "mine" / "study"
    for name in ("results/exp1/metrics.json", "results/exp1.jsonl", "notes.txt"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
    (studying.folder / "mine" / "study.yaml").write_text(STUDY.replace("small", "large"), encoding="utf-8")
    assert study(studying) == ""
    assert (folder / "results" / "small.jsonl").exists()
    (folder / "report" / "notes.tex").write_text("mine")
    assert "mine/study/report/notes.tex" in study(studying)
    for name in ("results/exp1/metrics.json", "results/exp1.jsonl", "notes.txt", "report/notes.tex"):
        assert (folder / name).exists(), name


def test_a_search_refuses_a_folder_of_its_name_that_it_did_not_make(project: Project) -> None:
    project.run("dvc", "repro", "split")
    space = (ROOT / "search" / "space.yaml").read_text(encoding="utf-8")
    (project.folder / "space.yaml").write_text(space, encoding="utf-8")
    mine = project.folder / "space" / "report.md"
    mine.parent.mkdir()
    mine.write_text("mine")
    done = project.command("search", "--space", "space.yaml", check=False)
    assert done.returncode == 1 and done.stderr.startswith("error: space/report.md: ")
    assert mine.read_text() == "mine" and not (project.folder / "search.db").exists()
