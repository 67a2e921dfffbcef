"""Folders of images that a user names in `data.images`, read by a whole pipeline."""

import json
import shutil
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project, stages_run


@pytest.mark.slow
def test_a_users_own_folder_tracked_by_dvc_is_a_dependency_of_the_split(copy_of_reproduced: Project) -> None:
    project = copy_of_reproduced
    draw_toy_images(project.folder / "mine", 12)
    project.run("dvc", "add", "-q", "mine")
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "my images")
    done = project.run("dvc", "exp", "run", "-n", "mine", "-S", "data.images=mine", "split")
    assert stages_run(done.stdout) == ["check", "split"]
    assert json.loads(project.read("data/split/dataset.json"))["classes"] == ["bars", "discs"]
    assert stages_run(project.run("dvc", "repro", "split").stdout) == []

    shutil.copy(project.folder / "mine" / "bars" / "000.png", project.folder / "mine" / "bars" / "again.png")
    assert stages_run(project.run("dvc", "repro", "split").stdout) == ["split"]
    assert "bars/again.png" in project.read("data/split/manifest.csv")


def test_a_folder_outside_of_the_project_is_read_where_it_is(copy_of_reproduced: Project, toy_images: Path) -> None:
    project = copy_of_reproduced
    before = {file: (file.read_bytes(), file.stat().st_mtime_ns) for file in toy_images.rglob("*.png")}
    done = project.run("dvc", "exp", "run", "-n", "outside", "-S", f"data.images={toy_images}", "split")
    assert stages_run(done.stdout) == ["check", "split"]
    assert json.loads(project.read("data/split/dataset.json"))["classes"] == ["bars", "discs"]
    assert before == {
        file: (file.read_bytes(), file.stat().st_mtime_ns) for file in toy_images.rglob("*") if file.is_file()
    }
    (toy_images / "bars" / "000.png").unlink()
    assert stages_run(project.run("dvc", "repro", "split").stdout) == ["split"]


def test_a_missing_folder_of_images_is_named_in_one_line(copy_of_reproduced: Project) -> None:
    done = copy_of_reproduced.run("dvc", "exp", "run", "-S", "data.images=nowhere", check=False)
    assert done.returncode != 0
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr
