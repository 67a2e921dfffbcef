"""The server of `preloaded.py`: it loads the large libraries, and forks for each command that a shim hands over.

    python tests/helpers/preloaded_server.py NUMBER FILE

NUMBER is that of the open socket where shims ask, FILE the copy of MLflow's tables of `mlflow_tables.py`.

It ends, with all processes that it has forked, at the end of its standard input.
"""

import atexit
import fcntl
import gc
import importlib
import json
import logging
import multiprocessing
import os
import runpy
import selectors
import signal
import socket
import sys
import threading
import types
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, TextIO

ROOT = Path(__file__).resolve().parents[2]
# As many as one message can carry.
MOST_FILES = 253
# A process that needs another one loads it then; this list costs or saves time alone.
LIBRARIES = (
    "torch",
    "torch.utils.flop_counter",
    "torchvision.transforms.v2.functional",
    "torch.distributed.launcher.api",
    "mlflow",
    "mlflow.models",
    "mlflow.pytorch",
    "mlflow.store.tracking.sqlalchemy_store",
    "alembic.script",
    "sqlalchemy.orm",
    "scipy.linalg",
    "scipy.sparse.csgraph",
    "scipy.stats",
    "sklearn.decomposition",
    "sklearn.linear_model",
    "sklearn.metrics",
    "sklearn.neighbors",
    "sklearn.pipeline",
    "sklearn.preprocessing",
    "statsmodels.stats.contingency_tables",
    "statsmodels.stats.multitest",
    "statsmodels.stats.power",
    "statsmodels.stats.proportion",
    "statsmodels.stats.weightstats",
    "statsmodels.duration.survfunc",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "optuna",
    "captum.attr",
    "cleanlab.rank",
    "onnx",
    "onnxruntime",
    "jinja2",
    "pydantic",
    "ruamel.yaml",
    "yamlcore",
    "PIL.Image",
    "dvc.cli",
    "dvc.repo",
    "dvc.commands.repro",
    "dvc.commands.experiments.run",
    "dvc.commands.status",
)


@dataclass(eq=False)
class Command:
    """A command that runs: where its status is asked for, and its process."""

    client: socket.socket
    process: int
    handle: int


class Server:
    """Forks for each request, and tells who asked how the new process ended."""

    def __init__(self, listener: socket.socket) -> None:
        self.running: list[Command] = []
        self.selector = selectors.DefaultSelector()
        self.listener = listener

    def serve(self) -> dict[str, Any]:
        """Returns in the new processes only, with what each has to do."""
        signal.signal(signal.SIGTERM, lambda *_: self.end())
        self.selector.register(self.listener, selectors.EVENT_READ)
        self.selector.register(sys.stdin.fileno(), selectors.EVENT_READ)
        while True:
            for key, _ in self.selector.select():
                if key.fileobj is self.listener:
                    if (request := self.accept()) is not None:
                        return request
                elif key.fileobj == sys.stdin.fileno():
                    self.end()
                elif key.data in self.running:
                    self.finish(key.data)

    def accept(self) -> dict[str, Any] | None:
        """Fork for the next request; returns it in the new process, and None here."""
        client, _ = self.listener.accept()
        request, files = receive(client)
        process = os.fork()
        if process == 0:
            self.forget(client)
            become(request, files)
            return request
        for file in files:
            os.close(file)
        command = Command(client, process, os.pidfd_open(process))
        self.running.append(command)
        for source in (command.handle, client):
            self.selector.register(source, selectors.EVENT_READ, command)
        with suppress(OSError):
            client.sendall(f"{process}\n".encode())
        return None

    def finish(self, command: Command) -> None:
        """The process has ended, or nobody waits for it any more, which ends it."""
        os.kill(command.process, signal.SIGKILL)
        _, status = os.waitpid(command.process, 0)
        self.running.remove(command)
        for source in (command.handle, command.client):
            self.selector.unregister(source)
        with suppress(OSError):
            command.client.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
        command.client.close()
        os.close(command.handle)

    def end(self) -> NoReturn:
        for command in self.running:
            os.kill(command.process, signal.SIGKILL)
        os._exit(0)

    def forget(self, client: socket.socket) -> None:
        """What the new process has no business with."""
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        self.selector.close()
        for stream in (self.listener, client, *(command.client for command in self.running)):
            stream.close()
        for command in self.running:
            os.close(command.handle)


def load() -> None:
    """Load the libraries as this project would load them, and forget the project: a command has its own copy."""
    sys.path[0] = str(ROOT)
    importlib.import_module("stages")
    for name in LIBRARIES:
        importlib.import_module(name)
    sys.path[0] = str(ROOT / "tests")
    importlib.import_module("helpers.mlflow_tables").copy_tables(Path(sys.argv[2]))
    for name in [name for name in sys.modules if name.partition(".")[0] in ("crosscheck", "helpers", "stages")]:
        del sys.modules[name]
    importlib.invalidate_caches()
    # A library that is not the command's own has left it.
    logging.getLogger().handlers.clear()
    gc.collect()
    gc.freeze()


def receive(client: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """A request, and the open files of who asks."""
    size, files, _, _ = socket.recv_fds(client, 8, MOST_FILES)
    with client.makefile("rb") as content:
        return json.loads(content.read(int.from_bytes(size))), files


def become(request: dict[str, Any], files: list[int]) -> None:
    """Take over what a process has from the one that starts it."""
    # First out of the way of the numbers that they are to have.
    moved = [fcntl.fcntl(file, fcntl.F_DUPFD_CLOEXEC, max(request["files"]) + 1) for file in files]
    for file in files:
        os.close(file)
    for file, number in zip(moved, request["files"], strict=True):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = sys.__stdin__ = reopen(sys.stdin, "r")
    sys.stdout = sys.__stdout__ = reopen(sys.stdout, "w")
    sys.stderr = sys.__stderr__ = reopen(sys.stderr, "w")
    for number in request["ignored"]:
        signal.signal(number, signal.SIG_IGN)
    os.umask(request["umask"])
    os.chdir(request["folder"])
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.path[1:1] = [folder for folder in os.environ.get("PYTHONPATH", "").split(os.pathsep) if folder]
    multiprocessing.set_executable(request["shim"])
    # A fresh process begins with other random numbers each time.
    sys.modules["numpy"].random.seed()


def reopen(stream: TextIO, mode: str) -> TextIO:
    """A stream for what the number of this one stands for now."""
    file = stream.fileno()
    opened = open(file, mode, encoding=stream.encoding, errors=stream.errors, closefd=False)  # noqa: SIM115
    by_lines = stream is sys.stderr or os.isatty(file) or "PYTHONUNBUFFERED" in os.environ
    opened.reconfigure(line_buffering=by_lines)
    return opened


def run(program: str, words: list[str]) -> None:
    """What Python does with these words, or DVC."""
    is_dvc = Path(program).name == "dvc"
    # A training of several processes starts itself again by these.
    sys.orig_argv = [sys.executable, *([program] if is_dvc else []), *words]
    if is_dvc:
        sys.argv = [program, *words]
        sys.path[0] = str(Path(program).parent)
        sys.exit(importlib.import_module("dvc.cli").main())
    match words[0]:
        case "-m":
            sys.argv = words[1:]
            sys.path[0] = os.getcwd()  # noqa: PTH109
            runpy.run_module(words[1], run_name="__main__", alter_sys=True)
        case "-c":
            sys.argv = ["-c", *words[2:]]
            sys.path[0] = ""
            main = sys.modules["__main__"] = types.ModuleType("__main__")
            exec(compile(words[1], "<string>", "exec"), vars(main))  # noqa: S102
        case file:
            sys.argv = words
            sys.path[0] = str(Path(file).resolve().parent)
            runpy.run_path(file, run_name="__main__")


def finish(request: dict[str, Any]) -> NoReturn:
    """Run the command and end as Python does, but for taking down what was loaded: that takes half a second."""
    status: object = 0
    try:
        run(request["program"], request["words"])
    except SystemExit as ended:
        status = ended.code
    except BaseException:  # noqa: BLE001 - whatever it is, Python would print it
        sys.excepthook(*sys.exc_info())
        status = 1
    if not isinstance(status, int | None):
        print(status, file=sys.stderr)
        status = 1
    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(status or 0)


load()
finish(Server(socket.socket(fileno=int(sys.argv[1]))).serve())
