"""Commands that a test kills in the middle."""

import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from ruamel.yaml import YAML

from helpers.project import Project

OUTPUTS = ("models/model.pt", "models/model.json", "metrics/curve.csv", "metrics/train.json")
LONGEST = 240


def outputs(project: Project) -> dict[str, bytes]:
    return {path: (project.folder / path).read_bytes() for path in OUTPUTS}


def training_command(project: Project, stage: str = "train") -> list[str]:
    content = YAML(typ="safe").load(project.read("dvc.yaml"))
    return [sys.executable, *shlex.split(content["stages"][stage]["cmd"])[1:]]


def start(project: Project, words: list[str]) -> subprocess.Popen[str]:
    """Start a command of the project that Ctrl-C reaches."""
    return start_in(project.folder, words, project.env)


def start_in(folder: Path, words: list[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """Start a command that Ctrl-C reaches, also where the tests run in the background of a script, which ignores it."""
    return subprocess.Popen(
        words,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def saved(project: Project) -> set[int]:
    """What tells one saved state from the next."""
    return {file.stat().st_mtime_ns for file in (project.folder / ".checkpoints").glob("*/last.pt")}


def wait_for_progress(project: Project, process: subprocess.Popen[str], longest: float = LONGEST) -> bool:
    """Wait until a further epoch is saved; false where the training ended first, or after a shorter `longest`."""
    before = saved(project)
    until = time.monotonic() + longest
    while time.monotonic() < until:
        if saved(project) != before and saved(project):
            return True
        if process.poll() is not None:
            return False
        time.sleep(0.005)
    if longest < LONGEST:
        return False
    pytest.fail("the training made no progress")


def kill_tree(process: subprocess.Popen[str], number: signal.Signals) -> bool:
    """Send the signal to the process and all below it; false where it had come to its end by then."""
    with suppress(psutil.NoSuchProcess):
        root = psutil.Process(process.pid)
        for victim in [*root.children(recursive=True), root]:
            victim.send_signal(number)
    status = process.wait(LONGEST)
    assert process.stdout
    process.stdout.close()
    return status != 0


def end_processes(processes: list[psutil.Process]) -> None:
    for process in processes:
        if process.is_running():
            process.kill()
    psutil.wait_procs(processes, timeout=LONGEST)
