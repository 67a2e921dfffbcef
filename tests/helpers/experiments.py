"""A repository of git and DVC whose experiments are commits that a test makes as DVC makes them."""

from pathlib import Path
from typing import TypeVar

import pytest

from helpers.project import Project


class Experiments(Project):
    """`commit_as` makes an experiment of the current commit from what is in the folder."""

    def git(self, *words: str) -> str:
        return self.run("git", *words).stdout.strip()

    def commit_as(self, name: str) -> None:
        base = self.git("rev-parse", "HEAD")
        self.git("add", "-A", "--", ".", ":!.dvc/tmp")
        self.git("commit", "-qm", name)
        self.git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/{name}", "HEAD")
        self.git("reset", "-q", "--hard", base)


Kind = TypeVar("Kind", bound=Experiments)


def make_repository(kind: type[Kind], folder: Path, monkeypatch: pytest.MonkeyPatch, dvc_yaml: str) -> Kind:
    """A repository of this kind in `folder`, without a commit, which is the working directory from now on."""
    project = folder / "project"
    project.mkdir()
    (folder / "gitconfig").write_text("[user]\n\tname = Test\n\temail = test@example.org\n", encoding="utf-8")
    made = kind(project)
    for name, value in made.env.items():
        if name.startswith(("DVC_", "GIT_")):
            monkeypatch.setenv(name, value)
    monkeypatch.chdir(project)
    made.git("init", "-q", "-b", "trunk")
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("", encoding="utf-8")
    (project / "dvc.yaml").write_text(dvc_yaml, encoding="utf-8")
    return made
