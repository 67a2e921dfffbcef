"""A command with all its processes: how long it takes, and how much memory they have at most."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

EVERY_SECONDS = 0.05


@dataclass(frozen=True)
class Usage:
    """Wall time in seconds, and peaks in bytes of the sums over all processes that are alive at once.

    `own_bytes` is memory that nothing but the processes holds (anonymous; what forked processes share counts for each).
    `resident_bytes` adds the pages of mapped files, which the system takes back when it needs room.
    """

    seconds: float
    own_bytes: int
    resident_bytes: int


def run(words: list[str], folder: Path, log: Path) -> Usage:
    """Run a command in `folder` with its output in `log`. Raises CalledProcessError where it fails. Linux only."""
    own, resident = 0, 0
    began = time.perf_counter()
    with log.open("ab") as output, subprocess.Popen(words, cwd=folder, stdout=output, stderr=output) as process:
        tree = psutil.Process(process.pid)
        while process.poll() is None:
            pages = [_pages(pid) for pid in _alive(tree)]
            own = max(own, sum(anonymous for anonymous, _ in pages))
            resident = max(resident, sum(anonymous + mapped for anonymous, mapped in pages))
            time.sleep(EVERY_SECONDS)
        seconds = time.perf_counter() - began
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words, output=log.read_text(encoding="utf-8"))
    return Usage(seconds, own, resident)


def _alive(tree: psutil.Process) -> list[int]:
    try:
        return [tree.pid, *(child.pid for child in tree.children(recursive=True))]
    except psutil.NoSuchProcess:
        return []


def _pages(pid: int) -> tuple[int, int]:
    """Bytes of anonymous memory and of mapped files; nothing of a process that has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0, 0
    sizes = {name: value for name, _, value in (line.partition(":") for line in lines) if name.startswith("Rss")}
    anonymous, shared, mapped = (
        int(sizes.get(name, "0 kB").split()[0]) * 1024 for name in ("RssAnon", "RssShmem", "RssFile")
    )
    return anonymous + shared, mapped
