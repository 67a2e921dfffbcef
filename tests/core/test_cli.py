"""What every command does with its output: closed, full, or read by something that ends early."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.repository import ROOT

from crosscheck.core import cli

TALKER = """
import sys
from pathlib import Path
from crosscheck.core import cli
from crosscheck.core.errors import InputError

def main(kind: str, lines: int = 100000) -> None:
    "A command that prints much."
    for number in range(lines):
        print(number, flush=kind == "flushed", file=sys.stderr if kind == "stderr" else sys.stdout)
    if kind == "other":
        raise BrokenPipeError("a pipe of its own")
    if kind == "wrong":
        raise InputError("something is wrong")

cli.run(main)
"""


@pytest.fixture
def talker(tmp_path: Path) -> list[str]:
    file = tmp_path / "talker.py"
    file.write_text(TALKER, encoding="utf-8")
    return [sys.executable, str(file)]


def run(words: list[str], redirect: str) -> subprocess.CompletedProcess[str]:
    """The command with its output redirected by a shell, which prints its exit status."""
    script = f'"$@" {redirect}'
    return subprocess.run(
        ["bash", "-c", script, "bash", *words],
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("kind", ["buffered", "flushed"])
def test_a_reader_that_ends_early_ends_the_command_without_a_word(kind: str, talker: list[str]) -> None:
    done = run([*talker, "--kind", kind], '| head -n 1; echo "${PIPESTATUS[0]}"')
    assert done.stdout.splitlines() == ["0", str(128 + signal.SIGPIPE)]
    assert done.stderr == ""


@pytest.mark.parametrize(
    "words", [["--kind", "buffered", "--lines", "3"], ["--kind", "wrong", "--lines", "3"], ["--help"], ["--nothing"]]
)
def test_a_reader_that_has_ended_before_the_last_line_is_no_traceback(words: list[str], talker: list[str]) -> None:
    done = run([*talker, *words], "2>&1 | true")
    assert done.stdout + done.stderr == ""


def test_what_reads_both_streams_may_end_early_as_well(talker: list[str]) -> None:
    done = run([*talker, "--kind", "stderr"], '2>&1 | head -n 1; echo "${PIPESTATUS[0]}"')
    assert done.stdout.splitlines() == ["0", str(128 + signal.SIGPIPE)]


def test_another_pipe_that_breaks_is_not_taken_for_the_output(talker: list[str]) -> None:
    done = run([*talker, "--kind", "other", "--lines", "1"], "")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "BrokenPipeError: a pipe of its own"


def test_a_closed_output_is_no_error(talker: list[str]) -> None:
    done = run([*talker, "--kind", "buffered", "--lines", "3"], ">&-")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full, the device that is always full")
def test_a_full_output_is_one_line(talker: list[str]) -> None:
    done = run([*talker, "--kind", "buffered", "--lines", "3"], ">/dev/full")
    assert done.returncode == 1
    assert done.stderr == "error: what is printed: no space left on the disk; make room and run this again\n"


def test_without_a_broken_pipe_nothing_is_dropped() -> None:
    assert not cli._drop_lost_output()


LEAVER = """
import atexit, sys, threading, time
from crosscheck.core import cli

class Untidy:
    def __del__(self):
        print("taken apart")

kept = Untidy()
kept.itself = kept
atexit.register(print, "registered")

def main(kind: str) -> None:
    "A command that ends."
    print("done")
    if kind == "working":
        threading.Thread(target=lambda: (time.sleep(0.5), print("worked"))).start()

cli.run(main)
"""


@pytest.mark.parametrize(
    ("kind", "said"),
    [("plain", ["done", "registered"]), ("working", ["done", "worked", "registered", "taken apart"])],
)
def test_a_command_that_is_done_ends_without_taking_apart_what_it_loaded(
    kind: str, said: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "leaver.py"
    file.write_text(LEAVER, encoding="utf-8")
    done = run([sys.executable, str(file), "--kind", kind], "")
    assert (done.stdout.split("\n")[:-1], done.stderr, done.returncode) == (said, "", 0)
