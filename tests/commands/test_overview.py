"""`python -m crosscheck` lists its commands, runs one, and says what was meant."""

import subprocess

import pytest
from helpers.preloaded import preloaded_python
from helpers.project import ROOT


def crosscheck(*words: str) -> subprocess.CompletedProcess[str]:
    asked = [preloaded_python(), "-m", "crosscheck", *words]
    return subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=False)


def test_without_a_name_every_command_is_listed_with_a_line() -> None:
    done = crosscheck()
    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ")}
    assert listed == {file.stem for file in (ROOT / "crosscheck" / "commands").iterdir() if file.suffix == ".py"} - {
        "__init__"
    }
    assert all(len(line.split()) > 4 for line in done.stdout.splitlines() if line.startswith("  "))


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("predikt", "error: predikt: is not a command of Crosscheck; did you mean 'predict'?"),
        ("x", "error: x: is not a command of Crosscheck; run `python -m crosscheck` for a list"),
    ],
)
def test_an_unknown_command_is_one_line(asked: str, said: str) -> None:
    done = crosscheck(asked)
    assert (done.returncode, done.stderr.strip()) == (1, said)


def test_a_command_has_help_of_its_own() -> None:
    done = crosscheck("predict", "--help")
    assert done.returncode == 0
    assert done.stdout.startswith("usage: python -m crosscheck predict ")
    assert "IMAGE_OR_FOLDER" in done.stdout
