"""Processes beside the first: they end with it however it ends, leave nothing behind, and say nothing at Ctrl-C."""

import ast
import errno
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from helpers.interruptions import start_in
from helpers.project import Project
from helpers.repository import ROOT, modules

from crosscheck.core import processes
from crosscheck.core.errors import InputError
from crosscheck.core.params import Params
from crosscheck.data import image_folder, packing, synthetic
from crosscheck.search import runner
from stages import synthesize

LONGEST = 60
PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from crosscheck.core import processes

def report(number):
    os.write(1, f"{os.getpid()}\\n".encode())  # one write: print's two mix under PYTHONUNBUFFERED
    time.sleep(3600)

if __name__ == "__main__":
    with ProcessPoolExecutor(2, initializer=processes.end_with_parent) as pool:
        list(pool.map(report, range(2)))
"""
# In the process beside it takes long to load, where it is not `__main__`, or to work, where it is a copy of the first:
# that is when Ctrl-C comes.
SLOW = """
import sys, threading, time
from pathlib import Path
from crosscheck.core import cli, processes

def work():
    Path("loading").touch()
    time.sleep(3600)

if "threads" in sys.argv:
    sys.argv.remove("threads")
    threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()

def main():
    with processes.beside(work) as working:
        working.result()

if __name__ == "__main__":
    cli.run(main)
else:
    Path("loading").touch()
    time.sleep(3600)
"""


def test_workers_end_when_their_parent_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        orphans = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
        parent.kill()
    _, left = psutil.wait_procs(orphans, timeout=LONGEST)
    for process in left:
        process.kill()
    assert not left


def test_the_result_and_the_error_come_back() -> None:
    with processes.beside(divmod, 7, 2) as working:
        assert working.result(LONGEST) == (3, 1)
    with processes.beside(divmod, 7, 0) as working, pytest.raises(ZeroDivisionError):
        working.result(LONGEST)


def test_it_ends_at_once_where_the_block_ends_in_an_error() -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(3600,))
    other.start()
    with pytest.raises(KeyError), processes.beside(time.sleep, 3600):
        raise KeyError
    assert multiprocessing.active_children() == [other]
    other.kill()
    other.join()


@pytest.mark.parametrize("words", [[], ["threads"]], ids=["copied", "started"])
def test_ctrl_c_while_it_loads_is_one_line(words: list[str], tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW, encoding="utf-8")
    process = start_in(tmp_path, [sys.executable, str(script), *words], {**os.environ, "PYTHONPATH": str(ROOT)})
    family: list[psutil.Process] = []
    try:
        until = time.monotonic() + LONGEST
        while not (tmp_path / "loading").exists() and time.monotonic() < until:
            time.sleep(0.01)
        family = psutil.Process(process.pid).children(recursive=True)
        assert (tmp_path / "loading").exists()
        # As a terminal does, to all of them; the first process is the last to hear of it.
        for member in family:
            member.send_signal(signal.SIGINT)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        words, _ = process.communicate(timeout=LONGEST)
        assert words == "interrupted; run the same command again to go on\n"
        assert process.returncode == 1
        assert psutil.wait_procs(family, timeout=LONGEST)[1] == []
    finally:
        for member in family:
            if member.is_running():
                member.kill()
        process.kill()
        process.communicate()


COPIED = """
import threading, time
import stages.explain
from crosscheck.core import processes
print(processes.may_be_copied())
threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
print(processes.may_be_copied())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process is never copied")
def test_a_process_is_copied_only_while_it_has_no_threads_that_a_copy_would_miss() -> None:
    done = subprocess.run([sys.executable, "-c", COPIED], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "False"]


def refuse_semaphores(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    """Let this process get no semaphore, as where /dev/shm is read-only; `number` is of the system's error."""

    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("_multiprocessing.SemLock", refuse)


@pytest.mark.parametrize(
    ("number", "remedy"),
    [
        (errno.EROFS, "mount it writable"),
        (errno.EACCES, "mount it writable"),
        (errno.ENOSYS, "mount it writable"),
        (errno.ENOSPC, "make room there"),
    ],
    ids=["read-only", "forbidden", "missing", "full"],
)
@pytest.mark.parametrize("method", [None, "spawn", "forkserver"])
def test_a_pool_without_semaphores_is_one_line_that_names_where_they_are(
    monkeypatch: pytest.MonkeyPatch, number: int, remedy: str, method: str | None
) -> None:
    refuse_semaphores(monkeypatch, number)
    with pytest.raises(InputError, match=rf"{processes.SEMAPHORES}: cannot .* \({os.strerror(number)}\).*{remedy}"):
        processes.pool(2, method)


def test_too_many_open_files_are_not_blamed_on_semaphores(monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_semaphores(monkeypatch, errno.EMFILE)
    with pytest.raises(OSError, match="Too many open files"):
        processes.pool(2)


def test_everything_that_works_with_processes_says_so_without_semaphores(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, toy_images: Path, params: Params
) -> None:
    refuse_semaphores(monkeypatch, errno.EROFS)
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    listing = image_folder.find(toy_images)

    def animation() -> None:
        with processes.beside(divmod, 7, 2):
            pass

    def trials() -> None:
        with runner.worker_pool(2):
            pass

    for work in (
        lambda: synthesize.main(Path("drawn")),
        lambda: packing.read_all(toy_images, listing, params.data, params.split, tmp_path / "all.npy"),
        animation,
        trials,
    ):
        with pytest.raises(InputError, match=processes.SEMAPHORES):
            work()
    assert not list(tmp_path.glob("drawn*"))


def test_no_other_module_makes_a_pool_of_its_own() -> None:
    makers = {"ProcessPoolExecutor", "Pool", "Manager"}
    found = {
        (file.stem, name)
        for file in modules()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and (name := node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")) in makers
    }
    assert found == {("processes", "ProcessPoolExecutor")}


@pytest.mark.skipif(shutil.which("unshare") is None, reason="there is no unshare command here")
def test_the_drawing_stage_with_a_read_only_dev_shm_ends_in_one_line(project: Project) -> None:
    # A mount of its own over /dev/shm: to make that one itself read-only would hit every process of this machine.
    script = "mount -t tmpfs -o ro tmpfs /dev/shm || exit 77; exec python -m stages.synthesize --images drawn"
    done = project.run("unshare", "--mount", "sh", "-c", script, check=False)
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip(f"a mount of its own is not permitted here: {done.stderr.strip()}")

    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: /dev/shm: cannot be written to (Read-only file system), but processes side by side need semaphores; "
        "mount it writable, for example with `mount -t tmpfs tmpfs /dev/shm`"
    ]
    assert not list(project.folder.glob("drawn*"))


def test_a_killed_drawing_process_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.setattr(synthetic, "draw", lambda *_: os._exit(9))
    with pytest.raises(InputError, match="drawing was killed"):
        synthesize.main(Path("drawn"))
