"""Ctrl-C ends a command also where it comes within a callback, in which Python prints an error and goes on."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers.interruptions import start_in
from helpers.repository import ROOT

LONGEST = 60
# A callback that lasts until Ctrl-C comes, then work that would last for an hour.
SCRIPT = """
import gc, sys, time, weakref
from pathlib import Path
from crosscheck.core import cli

def linger(_=None):
    Path("lingering").touch()
    while True:
        pass

class Item:
    pass

class Lingering:
    __del__ = linger

class Failing:
    def __del__(self):
        raise ValueError("of another kind")

def drop_weakly_known():
    item = Item()
    known.append(weakref.ref(item, linger))

def drop_in_collection():
    item = Lingering()
    item.itself = item
    del item
    gc.collect()

def fail():
    Failing()

def main(callback: str):
    globals()[callback]()
    time.sleep(0 if callback == "fail" else 3600)

known = []
if __name__ == "__main__":
    cli.run(main)
"""


def start(folder: Path, callback: str) -> subprocess.Popen[str]:
    script = folder / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    return start_in(
        folder, [sys.executable, str(script), "--callback", callback], {**os.environ, "PYTHONPATH": str(ROOT)}
    )


@pytest.mark.parametrize("callback", ["drop_weakly_known", "drop_in_collection"])
def test_ctrl_c_in_a_callback_ends_the_command_with_one_line(callback: str, tmp_path: Path) -> None:
    with start(tmp_path, callback) as process:
        try:
            until = time.monotonic() + LONGEST
            while not (tmp_path / "lingering").exists() and time.monotonic() < until:
                time.sleep(0.01)
            process.send_signal(signal.SIGINT)
            words, _ = process.communicate(timeout=LONGEST)
        finally:
            process.kill()
    assert words == "interrupted; run the same command again to go on\n"
    assert process.returncode == 1


def test_other_errors_in_a_callback_are_printed_as_ever(tmp_path: Path) -> None:
    with start(tmp_path, "fail") as process:
        words, _ = process.communicate(timeout=LONGEST)
    assert "ValueError: of another kind" in words
    assert process.returncode == 0
