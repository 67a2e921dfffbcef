"""Links that DVC makes of what it tracks are read; other links that lead out of a folder of images are not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.image_folders import draw_toy_images
from helpers.preloaded import preloaded_python
from helpers.project import Project, stages_run

from crosscheck.core.params import Params
from crosscheck.data import links
from crosscheck.data.decoding import decode

Split = Callable[..., Path]
SUMMARY = "24 images of 2 classes"


@pytest.fixture(autouse=True)
def forget() -> None:
    links.dvc_cache.cache_clear()


def use_links(project: Project, kind: str) -> None:
    project.run("dvc", "config", "--local", "cache.type", kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["symlink", "hardlink"])
def test_the_built_in_images_are_read_where_the_cache_gives_links(project: Project, kind: str) -> None:
    use_links(project, kind)
    first = project.run("dvc", "repro", "split").stdout
    assert SUMMARY in first
    drawn = next((project.folder / project.read("params.yaml").split("images: ")[1].split()[0]).rglob("*.bmp"))
    assert drawn.is_symlink() if kind == "symlink" else drawn.stat().st_nlink > 1

    assert stages_run(project.run("dvc", "repro", "split").stdout) == []

    project.set(split={"test": 4})
    assert stages_run(project.run("dvc", "repro", "split").stdout) == ["check", "split"]
    project.set(synthesize={"noise": 0.01})
    changed = project.run("dvc", "repro", "split").stdout
    assert stages_run(changed) == ["check", "synthesize", "split"]
    assert SUMMARY in changed
    assert "up to date" in project.run("dvc", "status", "split").stdout


@pytest.mark.slow
@pytest.mark.parametrize("elsewhere", [False, True], ids=["own cache", "shared cache"])
def test_a_folder_added_to_dvc_is_read_through_links_also_in_a_temporary_copy(
    project: Project, tmp_path: Path, elsewhere: bool
) -> None:
    use_links(project, "symlink")
    if elsewhere:
        project.run("dvc", "config", "--local", "cache.dir", str(tmp_path / "shared"))
    draw_toy_images(project.folder / "mine", 12)
    project.run("dvc", "add", "mine")
    link = project.folder / "mine" / "bars" / "000.png"
    cache = tmp_path / "shared" if elsewhere else project.folder / ".dvc" / "cache"
    assert link.is_symlink() and link.resolve().is_relative_to(cache)
    project.set(data={"images": "mine"})
    project.run("git", "add", "-A")
    project.run("git", "commit", "-qm", "mine")

    assert SUMMARY in project.run("dvc", "repro", "split").stdout
    assert SUMMARY in project.run("dvc", "exp", "run", "--temp", "-S", "split.seed=3", "split").stdout

    # As `pack` does for a study: from another folder.
    project.set(data={"images": str(project.folder / "mine")})
    (tmp_path / "scratch").mkdir()
    (tmp_path / "scratch" / "params.yaml").write_text(project.read("params.yaml"), encoding="utf-8")
    words = [preloaded_python(), "-m", "stages.split", "--split", "split", "--samples", "s.png"]
    env = project.env | {"PYTHONPATH": str(project.folder)}
    done = subprocess.run(words, cwd=tmp_path / "scratch", env=env, capture_output=True, text=True, check=True)
    assert SUMMARY in done.stdout


def test_other_links_that_lead_out_of_the_folder_are_refused_also_beside_dvcs_own(
    project: Project, tmp_path: Path
) -> None:
    use_links(project, "symlink")
    draw_toy_images(project.folder / "mine", 12)
    project.run("dvc", "add", "mine")
    stranger = tmp_path / "other" / ".dvc" / "cache" / "files" / "md5" / "00" / "1122"
    stranger.parent.mkdir(parents=True)
    stranger.write_bytes((project.folder / "mine" / "bars" / "000.png").read_bytes())
    (project.folder / "mine" / "bars" / "x.png").symlink_to(stranger)

    project.set(data={"images": "mine"})
    done = project.stage("split", "--split", "data/split", "--samples", "data/samples.png", check=False)

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "mine/bars/x.png': a link to a file outside of the folder of images; copy the file here" in done.stderr


def test_dvc_is_not_asked_where_no_link_leads_out(
    toy_images: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(links, "dvc_cache", lambda _: pytest.fail("asked"))
    (toy_images / "bars" / "again.png").symlink_to("000.png")

    assert decode(toy_images, "bars/000.png", params.data).kind == "image"
    assert decode(toy_images, "bars/again.png", params.data).kind == "image"


def test_a_folder_in_no_dvc_project_has_no_cache(tmp_path: Path) -> None:
    assert links.dvc_cache(tmp_path) is None
