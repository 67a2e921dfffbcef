"""A Python that has loaded the large libraries already, for tests that start many commands.

torch, MLflow and DVC take seconds of processor time to load, in every process. One server loads them once. Its shims,
`python` and `dvc`, hand a command over to it: the server forks, and the new process does what a fresh one would do,
with the same words, folder, environment and streams. Only modules of other projects are loaded before.

A shim starts the real program where the difference could matter: with another environment for Python or for the
libraries that compute, with other limits, or with options of Python itself. What is forked is a child of the server:
a test that looks at the processes below a command, or kills them, starts `sys.executable`, or `dvc` from `Project.env`.
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
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path

# Where the process that starts the others has its shims, so that they share one server.
SHARED = "PYTEST_PRELOADED"
HERE = Path(__file__).parent
# How Python and the libraries start depends on these, so a command with others gets a fresh process.
DECISIVE = (
    *("ATEN_", "BLIS_", "DNNL_", "FBGEMM_", "GLIBC_", "GOMP_", "GOTO_", "KMP_", "LANG", "LC_", "LD_", "MALLOC_"),
    *("MKL_", "MPL", "NPY_", "NUMEXPR_", "OMP_", "ONEDNN_", "OPENBLAS_", "PYTHON", "SKLEARN_", "TORCH_"),
)
LIMITS = [value for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_")]


def decisive(environment: dict[str, str]) -> dict[str, str]:
    """What of an environment a fresh process would start with and a forked one would not."""
    return {name: value for name, value in environment.items() if name.startswith(DECISIVE)}


@cache
def shims() -> Path:
    """The folder of `python` and `dvc`; the first call starts the server, which ends with this process."""
    if shared := os.environ.get(SHARED):
        return Path(shared)
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(_server())


def preloaded_python() -> str:
    """The shim that stands for `sys.executable`."""
    return str(shims() / "python")


def share() -> None:
    """Let the processes that are started from now on use the server of this one."""
    os.environ[SHARED] = str(shims())


@contextmanager
def _server() -> Iterator[Path]:
    # The name of a socket may have 107 bytes, fewer than many a folder of tests.
    with tempfile.TemporaryDirectory(prefix="preloaded-") as name:
        folder = Path(name)
        described = {
            "python": sys.executable,
            "dvc": str(Path(sys.executable).with_name("dvc")),
            "socket": str(folder / "socket"),
            "prefixes": DECISIVE,
            "environment": decisive(dict(os.environ)),
            "limits": [[each, *resource.getrlimit(each)] for each in LIMITS],
        }
        (folder / "settings.json").write_text(json.dumps(described), encoding="utf-8")
        for program in ("python", "dvc"):
            shim = folder / program
            text = (HERE / "preloaded_shim.py").read_text(encoding="utf-8")
            shim.write_text(f"#!{sys.executable} -IS\n{text}", encoding="utf-8")
            shim.chmod(0o755)
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(described["socket"])
            listener.listen(64)
            server = subprocess.Popen(
                [sys.executable, str(HERE / "preloaded_server.py"), str(listener.fileno())],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                pass_fds=[listener.fileno()],
            )
        try:
            yield folder
        finally:
            server.terminate()
            server.communicate()
