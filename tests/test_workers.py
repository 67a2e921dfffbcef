"""Worker processes leave nothing behind."""

import subprocess
import sys

import psutil
from conftest import ROOT

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


def test_workers_end_when_their_parent_is_killed() -> None:
    parent = subprocess.Popen([sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout
    orphans = [psutil.Process(int(parent.stdout.readline())) for _ in range(2)]
    parent.kill()
    parent.wait()
    _, left = psutil.wait_procs(orphans, timeout=60)
    for process in left:
        process.kill()
    parent.stdout.close()
    assert not left
