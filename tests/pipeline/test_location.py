"""A folder of images that a temporary copy of the project cannot find is one line that says why."""

from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.project import Project
from helpers.repository import ROOT

from crosscheck.core.errors import InputError
from crosscheck.pipeline import location


@pytest.fixture
def copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory as a temporary copy, in the way of DVC, of the folder `project` beside it."""
    project = tmp_path / "project"
    folder = project / ".dvc" / "tmp" / "exps" / "standalone" / "copy"
    folder.mkdir(parents=True)
    (folder / "dvc.yaml").write_bytes((ROOT / "dvc.yaml").read_bytes())
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DVC_ROOT", str(project))
    return folder


@pytest.mark.parametrize("images", ["../x", "data/../../x", "./../x"])
def test_a_path_out_of_the_project_is_refused_in_a_copy_even_where_something_is_there(
    copy: Path, tmp_path: Path, images: str
) -> None:
    (copy.parent / "x").mkdir()
    with pytest.raises(InputError, match=r"give the whole path: -S data.images=") as refused:
        location.check(images)
    assert str(refused.value).endswith(f"={tmp_path / 'x'}")


def test_a_folder_that_nobody_tracks_is_refused_in_a_copy(copy: Path, tmp_path: Path) -> None:
    (tmp_path / "project" / "mine").mkdir()
    with pytest.raises(InputError, match=r"neither DVC nor git tracks.*run `dvc add mine` and `git add mine\.dvc`"):
        location.check("mine")
    (copy / "mine").mkdir()
    location.check("mine")


def test_built_in_images_whole_paths_and_what_is_nowhere_are_left_alone(copy: Path, tmp_path: Path) -> None:
    drawn = location.paths.read_paths("synthesize")["images"]
    (tmp_path / "project" / drawn).mkdir(parents=True)
    for images in (str(drawn), str(tmp_path / "x"), "nowhere", "data/../nowhere"):
        location.check(images)


def test_outside_of_a_copy_any_path_will_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "another").mkdir()
    for root in ("", str(tmp_path), str(tmp_path / "another")):
        monkeypatch.setenv("DVC_ROOT", root)
        location.check("../x")


@pytest.mark.slow
def test_an_experiment_in_a_temporary_copy_says_what_is_wrong_and_the_whole_path_that_it_names_works(
    project: Project, tmp_path: Path
) -> None:
    draw_toy_images(tmp_path / "x", 12)

    done = project.run("dvc", "exp", "run", "--temp", "-S", "data.images=../x", "split", check=False)

    assert done.returncode != 0
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    said, _, remedy = line.partition(" -S ")
    assert "data.images is '../x', outside of the project" in said
    assert remedy == f"data.images={tmp_path / 'x'}"
    assert "24 images" in project.run("dvc", "exp", "run", "--temp", "-S", remedy, "split").stdout
    assert "24 images" in project.run("dvc", "exp", "run", "-S", "data.images=../x", "split").stdout
