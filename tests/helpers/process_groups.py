"""The command of a training in several processes, and the end of one of them."""

import signal
import subprocess
import time

import psutil

from crosscheck.pipeline import paths
from helpers.project import Project


def train_command(project: Project) -> list[str]:
    """The words of the stage's command after `python`."""
    words = [f"--{name}={path}" for name, path in paths.read_paths("train").items()]
    return ["-m", "stages.train", *words]


def kill_a_worker(project: Project, process: subprocess.Popen[str], number: int) -> None:
    """Kill process `number` of the group once an epoch is saved."""
    until = time.monotonic() + 240
    while not list((project.folder / ".checkpoints").glob("*/last.pt")):
        assert process.poll() is None and time.monotonic() < until
        time.sleep(0.01)
    for child in psutil.Process(process.pid).children():
        if child.environ().get("RANK") == str(number):
            child.send_signal(signal.SIGKILL)
