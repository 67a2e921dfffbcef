"""The first experiment, as the tutorial has it: its commands run in their order, word for word, on tiny images."""

import re
import shlex
import shutil
import time
from pathlib import Path

import pytest
from helpers.project import HANG, Project, make_project
from helpers.repository import ROOT

pytestmark = pytest.mark.soak

PAGE = (ROOT / "docs" / "tutorials" / "first-experiment.md").read_text(encoding="utf-8")
# The environment is that of the tests; the page to draw on is a server, which tests/app and tests/commands try.
ELSEWHERE = {". .venv/bin/activate", "make demo"}
SEEDS = 3


def shown_commands() -> list[str]:
    lines = [line for block in re.findall(r"^```\n(.*?)^```", PAGE, re.S | re.M) for line in block.splitlines()]
    return [line for line in lines if re.match(r"(make|dvc|python|\.) ", line)]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A tiny project whose environment counts as installed."""
    made = make_project(tmp_path / "project")
    for name in ("pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, made.folder / name)
    (made.folder / ".venv").mkdir()
    (made.folder / ".venv" / ".ready").touch()
    return made


def wait_for_queue(project: Project) -> None:
    until = time.monotonic() + HANG
    while time.monotonic() < until:
        status = project.run("dvc", "queue", "status").stdout
        if not re.search(r"\b(Queued|Running)\b", status):
            assert len(re.findall(r"\bSuccess\b", status)) == SEEDS, status
            return
        time.sleep(1)
    pytest.fail("the queue did not end")


def test_the_commands_of_the_first_experiment_run_as_they_stand(project: Project) -> None:
    printed: list[str] = []
    commands = shown_commands()
    assert set(commands) >= ELSEWHERE
    for command in commands:
        if command in ELSEWHERE:
            continue
        printed.append(project.run(*shlex.split(command)).stdout)
        if command == "dvc queue start":
            wait_for_queue(project)
    assert re.search(r"^accuracy +\d+\.\d\d% of n = 6 test images, 95 % interval ", printed[0], re.M)
    table = printed[-1]
    assert "average_pooling" in table
    assert {"1", "2", "3"} <= set(re.findall(r"\b\d\b", table))
    # As the tutorial says, `--temp` and the queue leave the working tree as it is.
    assert project.run("git", "status", "--short", "params.yaml").stdout == ""
