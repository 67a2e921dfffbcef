"""What `helpers.preloaded` forks behaves as a fresh process does, and MLflow's tables are those that it makes."""

import fcntl
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import mlflow
import psutil
import pytest
from helpers.preloaded import preloaded_python, shims
from mlflow.store.db import utils

LOADED = "import sys; print('torch' in sys.modules and 'crosscheck' not in sys.modules)"
BOTH = pytest.mark.parametrize("python", ["fresh", "preloaded"])


def run(python: str, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    program = sys.executable if python == "fresh" else preloaded_python()
    return subprocess.run([program, *words], capture_output=True, text=True, check=False, **options)


@pytest.mark.parametrize(
    ("env", "loaded"),
    [
        ({}, "True"),
        ({"PYTHONPATH": "/nowhere", "OTHER": "1"}, "True"),
        ({"OMP_NUM_THREADS": "7"}, "False"),
        ({"PYTHONHASHSEED": "1"}, "False"),
        ({"HOME": "/nowhere"}, "False"),
        ({"LD_PRELOAD": "", "LC_ALL": "C"}, "False"),
    ],
    ids=str,
)
def test_only_an_environment_that_makes_no_difference_gets_a_forked_process(env: dict[str, str], loaded: str) -> None:
    assert run("preloaded", "-c", LOADED, env=os.environ | env).stdout.strip() == loaded


@BOTH
def test_words_folder_environment_and_streams_are_those_of_the_caller(python: str, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import os, sys\nprint(sys.argv[1:], os.getcwd(), os.environ['MINE'], os.umask(0), sys.stdin.read(), __name__)"
        "\nprint(sys.orig_argv[1:])",
        encoding="utf-8",
    )
    for words in (["-m", "mine"], ["mine.py"], ["-c", (tmp_path / "mine.py").read_text(encoding="utf-8")]):
        done = run(python, *words, "a b", cwd=tmp_path, env=os.environ | {"MINE": "1"}, input="in", umask=0o27)
        assert done.stdout == f"['a b'] {tmp_path} 1 23 in __main__\n{[*words, 'a b']}\n", done.stderr


@BOTH
@pytest.mark.parametrize(
    ("code", "status", "last"),
    [
        ("pass", 0, ""),
        ("raise SystemExit(3)", 3, ""),
        ("raise SystemExit('so')", 1, "so"),
        ("1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("import os; os.kill(os.getpid(), 15)", -15, ""),
        ("import atexit; atexit.register(print, 'end', file=__import__('sys').stderr)", 0, "end"),
        ("import threading, time; threading.Timer(0.1, __import__('os')._exit, [4]).start()", 4, ""),
    ],
)
def test_it_ends_as_python_does(python: str, code: str, status: int, last: str) -> None:
    done = run(python, "-c", code)
    assert done.returncode == status
    assert (done.stderr.splitlines() or [""])[-1] == last


@BOTH
@pytest.mark.parametrize("lowest", [3, 257])
def test_open_files_are_handed_on_whatever_their_numbers(python: str, lowest: int) -> None:
    pipes = [os.pipe() for _ in range(5)]
    # Numbers that the server has in use itself, and the other way round: the last pipe has the lowest number.
    numbers = [fcntl.fcntl(writing, fcntl.F_DUPFD, lowest) for _, writing in pipes[::-1]][::-1]
    code = "import os\n" + "\n".join(f"os.write({number}, b'{row}')" for row, number in enumerate(numbers))
    done = run(python, "-c", code, pass_fds=numbers)
    for number in (*numbers, *(writing for _, writing in pipes)):
        os.close(number)
    assert done.returncode == 0, done.stderr
    for row, (reading, _) in enumerate(pipes):
        with os.fdopen(reading) as pipe:
            assert pipe.read() == str(row)


@BOTH
def test_a_process_ends_with_the_one_that_is_waited_for(python: str, tmp_path: Path) -> None:
    program = sys.executable if python == "fresh" else preloaded_python()
    code = f"import os, time; open({str(tmp_path / 'pid')!r}, 'w').write(f'{{os.getpid()}} '); time.sleep(600)"
    for ending in (signal.SIGTERM, signal.SIGKILL):
        with subprocess.Popen([program, "-c", code]) as process:
            while not (file := tmp_path / "pid").exists() or not file.read_text().endswith(" "):
                time.sleep(0.01)
            number = int(file.read_text())
            file.unlink()
            process.send_signal(ending)
            assert process.wait() == -ending
        for _ in range(1000):
            if not psutil.pid_exists(number):
                break
            time.sleep(0.01)
        assert not psutil.pid_exists(number)


WORKERS = """
import multiprocessing, sys
def loaded(): print("torch" in sys.modules, multiprocessing.parent_process() is not None, flush=True)
if __name__ == "__main__":
    worker = multiprocessing.get_context(sys.argv[1]).Process(target=loaded)
    worker.start()
    worker.join()
    print(worker.exitcode)
"""


@BOTH
@pytest.mark.parametrize("method", ["spawn", "forkserver"])
def test_workers_of_multiprocessing_start_alike(python: str, method: str, tmp_path: Path) -> None:
    (tmp_path / "workers.py").write_text(WORKERS, encoding="utf-8")
    done = run(python, "-m", "workers", method, cwd=tmp_path)
    assert done.stdout.splitlines() == [f"{python == 'preloaded'} True", "0"], done.stderr


def test_dvc_is_dvc() -> None:
    done = subprocess.run([shims() / "dvc", "--version"], capture_output=True, text=True, check=True)
    assert done.stdout == subprocess.run(["dvc", "--version"], capture_output=True, text=True, check=True).stdout


def test_tables_that_are_copied_are_those_that_mlflow_makes(tmp_path: Path) -> None:
    for name in ("first", "second"):
        mlflow.MlflowClient(f"sqlite:///{tmp_path / name}.db").search_experiments()
    script = "import sys, mlflow; mlflow.MlflowClient(sys.argv[1]).search_experiments()"
    subprocess.run([sys.executable, "-c", script, f"sqlite:///{tmp_path / 'fresh'}.db"], check=True)
    assert utils._initialize_tables.__module__ == "helpers.mlflow_tables"
    first, second, fresh = (tables(tmp_path / f"{name}.db") for name in ("first", "second", "fresh"))
    assert first == second == fresh
    assert len(fresh) > 20


def tables(file: Path) -> list[Any]:
    """What the tables are made of, and their version. MLflow writes the constraints of a table in any order."""
    with closing(sqlite3.connect(file)) as connection:
        made = connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()
        version = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return [*((name, sorted(re.split(r",?\s*\n\s*", sql or ""))) for name, sql in made), version]
