"""Processes beside the first: they end with it however it ends, leave nothing behind, and say nothing at Ctrl-C."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from conftest import ROOT

from stages import workers

LONGEST = 60
PARENT = """
import os, time
from concurrent.futures import ProcessPoolExecutor
from stages import workers

def report(number):
    print(os.getpid(), flush=True)
    time.sleep(3600)

if __name__ == "__main__":
    with ProcessPoolExecutor(2, initializer=workers.end_with_parent) as pool:
        list(pool.map(report, range(2)))
"""
# Takes long to load in the process beside, where it is not `__main__`; that is when Ctrl-C comes.
SLOW = """
import time
from pathlib import Path
from stages import command, workers

def work():
    return 1

def main():
    with workers.beside(work) as working:
        working.result()

if __name__ == "__main__":
    command.run(main)
else:
    Path("loading").touch()
    time.sleep(3600)
"""


def test_workers_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    orphans = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
    parent.kill()
    parent.wait()
    _, left = psutil.wait_procs(orphans, timeout=LONGEST)
    for process in left:
        process.kill()
    parent.stdout.close()
    assert not left


def test_the_result_and_the_error_come_back() -> None:
    with workers.beside(divmod, 7, 2) as working:
        assert working.result(LONGEST) == (3, 1)
    with workers.beside(divmod, 7, 0) as working, pytest.raises(ZeroDivisionError):
        working.result(LONGEST)


def test_it_ends_at_once_where_the_block_ends_in_an_error() -> None:
    other = multiprocessing.get_context("spawn").Process(target=time.sleep, args=(3600,))
    other.start()
    with pytest.raises(KeyError), workers.beside(time.sleep, 3600):
        raise KeyError
    assert multiprocessing.active_children() == [other]
    other.kill()
    other.join()


def test_ctrl_c_while_it_loads_is_one_line(tmp_path: Path) -> None:
    script = tmp_path / "slow.py"
    script.write_text(SLOW, encoding="utf-8")
    process = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # Also where the tests run in the background of a script, which ignores it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
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
