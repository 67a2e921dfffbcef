"""A Python that has loaded the large libraries already, for tests that start many commands.

torch, MLflow and DVC take seconds of processor time to load, in every process. One server loads them once. Its shims,
`python` and `dvc`, hand a command over to it: the server forks, and the new process does what a fresh one would do,
with the same words, folder, environment and streams. Only modules of other projects are loaded before.

A shim starts the real program where the difference could matter: with another environment for Python or for the
libraries that compute, with other limits or mounts, or with options of Python itself. What is forked is a child of the
server: a test that looks at the processes below a command, or kills them, starts `sys.executable`, or `dvc` from
`Project.env`.
"""

import atexit
import json
import os
import resource
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")
# Where the process that starts the others has its shims, so that they share one server.
SHARED = "PYTEST_PRELOADED"
SOCKET, TABLES = "socket", "mlflow.db"
HERE = Path(__file__).parent
# How Python and the libraries start depends on these, so a command with others gets a fresh process.
DECISIVE = (
    *("ATEN_", "BLIS_", "DNNL_", "FBGEMM_", "GLIBC_", "GOMP_", "GOTO_", "KMP_", "LANG", "LC_", "LD_", "MALLOC_"),
    *("MKL_", "MPL", "NPY_", "NUMEXPR_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTHON", "SKLEARN_", "TORCH_"),
    *("HOME", "TMPDIR", "TZ", "XDG_"),
)
LIMITS = [value for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_")]


@cache
def folder() -> Path:
    """A folder of this run of the tests, which all its processes share."""
    if shared := os.environ.get(SHARED):
        return Path(shared)
    # The name of a socket may have 107 bytes, fewer than many a folder of tests.
    return Path(at_the_end(tempfile.TemporaryDirectory(prefix="preloaded-")))


@cache
def shims() -> Path:
    """The folder of `python` and `dvc`; the first call starts the server, which ends with this process."""
    if SHARED not in os.environ:
        _write_shims()
        at_the_end(_server())
    return folder()


def preloaded_python() -> str:
    """The shim that stands for `sys.executable`."""
    return str(shims() / "python")


def share() -> None:
    """Let the processes that are started from now on use the server of this one."""
    os.environ[SHARED] = str(shims())


def at_the_end(context: AbstractContextManager[T]) -> T:
    """Enter a context that this process leaves when it ends."""
    atexit.register(context.__exit__, None, None, None)
    return context.__enter__()


def _write_shims() -> None:
    settings = {
        "python": sys.executable,
        "dvc": str(Path(sys.executable).with_name("dvc")),
        "socket": str(folder() / SOCKET),
        "prefixes": DECISIVE,
        "environment": {name: value for name, value in os.environ.items() if name.startswith(DECISIVE)},
        "namespaces": {each.name: str(each.readlink()) for each in Path("/proc/self/ns").iterdir()},
        "limits": [[each, *resource.getrlimit(each)] for each in LIMITS],
    }
    (folder() / "settings.json").write_text(json.dumps(settings), encoding="utf-8")
    text = (HERE / "preloaded_shim.py").read_text(encoding="utf-8")
    for program in ("python", "dvc"):
        shim = folder() / program
        shim.write_text(f"#!{sys.executable} -IS\n{text}", encoding="utf-8")
        shim.chmod(0o755)


@contextmanager
def _server() -> Iterator[None]:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder() / SOCKET))
        listener.listen(64)
        server = subprocess.Popen(
            [sys.executable, str(HERE / "preloaded_server.py"), str(listener.fileno()), str(folder() / TABLES)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            pass_fds=[listener.fileno()],
        )
    try:
        yield
    finally:
        server.terminate()
        server.communicate()
