"""`python -m crosscheck verify` works wherever the project lies: in a sub-folder, a worktree, a folder of any name."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.project import Project, copy_project

from crosscheck.commands import verify


def within_a_repository(reproduced: Project, top: Path, name: str) -> Project:
    """The reproduced project as the sub-folder `name` of a git repository, as `dvc init --subdir` makes one."""
    copy_project(reproduced, top.parent)
    shutil.rmtree(top.parent / "project" / ".git")
    top.mkdir()
    shutil.move(top.parent / "project", top / name)
    project = Project(top / name)
    project.env["GIT_CONFIG_GLOBAL"] = str(top.parent / "gitconfig")
    (top / "other.txt").write_text("of another project", encoding="utf-8")
    for words in (["init", "-q"], ["add", "-A", str(top)], ["commit", "-qm", "results"]):
        project.run("git", *(["-C", str(top)] if words[0] == "init" else []), *words)
    return project


@pytest.mark.soak
@pytest.mark.ci
def test_a_project_in_a_sub_folder_of_a_repository_is_verified_there(reproduced: Project, tmp_path: Path) -> None:
    project = within_a_repository(reproduced, tmp_path / "of the team%2F", "a project")
    done = project.command("verify")
    assert done.stdout.splitlines()[-1] == "identical: every output of every stage"


@pytest.fixture
def without_repro(reproduced: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[Project], None]:
    """Makes a project the working directory; `dvc repro` in the clone gives at once what `reproduced` holds."""
    output = verify._output

    def run(words: list[str], folder: Path) -> str:
        if words[:2] != ["dvc", "repro"]:
            return output(words, folder)
        assert (folder / "dvc.lock").is_file()
        shutil.copytree(
            reproduced.folder, folder, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".*")
        )
        return ""

    def enter(project: Project) -> None:
        monkeypatch.setattr(verify, "_output", run)
        monkeypatch.chdir(project.folder)

    return enter


@pytest.mark.parametrize("name", ["a project", "100%2F of it?"])
def test_a_sub_folder_of_any_name_is_cloned_with_its_repository(
    name: str,
    reproduced: Project,
    without_repro: Callable[[Project], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    without_repro(within_a_repository(reproduced, tmp_path / "the team's #1%41", name))
    verify.main()
    printed = capsys.readouterr()
    assert printed.out.endswith("identical: every output of every stage\n")
    assert f"clone/{name}" in printed.err


def test_a_worktree_is_verified_at_its_own_commit(
    copy_of_reproduced: Project,
    without_repro: Callable[[Project], None],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    copy_of_reproduced.run("git", "worktree", "add", "-q", str(tmp_path / "beside"), "-b", "beside")
    worktree = Project(tmp_path / "beside")
    worktree.run("git", "commit", "-q", "--allow-empty", "-m", "only here")
    without_repro(worktree)
    verify.main()
    printed = capsys.readouterr()
    assert printed.out.endswith("identical: every output of every stage\n")
    assert "(only here)\n" in printed.err


def test_changes_that_are_not_committed_are_said_not_to_be_part_of_it(
    copy_of_reproduced: Project, without_repro: Callable[[Project], None], capsys: pytest.CaptureFixture[str]
) -> None:
    without_repro(copy_of_reproduced)
    verify.main()
    assert "verifying commit " in (before := capsys.readouterr().err) and "changes" not in before
    copy_of_reproduced.set(train={"seed": 7})
    verify.main()
    assert "(results), without the changes of a file since then\n" in capsys.readouterr().err
