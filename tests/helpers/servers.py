"""Servers that tests start, wait for and stop."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def ask(
    address: str, method: str, path: str, body: bytes | Iterator[bytes] = b"", **headers: str
) -> http.client.HTTPResponse:
    """The answer of a server on this machine to one request, with these headers; `_` in a name stands for `-`."""
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=60)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    connection.request(method, path, body, named)
    return connection.getresponse()


def wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(600):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=10):  # noqa: S310 - a loopback address
                return
        except OSError:
            time.sleep(0.25)
    pytest.fail(f"the server did not come up:\n{log.read_text(encoding='utf-8', errors='replace')}")


def stop(server: subprocess.Popen[bytes]) -> None:
    """End a server that was started in a session of its own, with all its processes."""
    for process in session(server):
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)
    server.wait()


def session(server: subprocess.Popen[bytes]) -> list[int]:
    """The processes of a server, or of a study, that was started in a session of its own."""
    found = []
    for process in psutil.pids():
        with suppress(ProcessLookupError):
            if os.getsid(process) == server.pid:
                found.append(process)
    return found


@contextmanager
def tracking_server(folder: Path, address: str = "") -> Iterator[str]:
    """A real `mlflow server` with a store of its own in `folder`, stopped at the end with all its processes.

    At `address`, or at a free port; a folder that an earlier one left is taken over.
    """
    folder.mkdir(exist_ok=True)
    address = address or f"http://127.0.0.1:{free_port()}"
    env = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    env |= {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", "sqlite:///server.db"]
    command += ["--artifacts-destination", "served", "--workers", "1", "--port", address.rpartition(":")[2]]
    with (folder / "server.log").open("wb") as log:
        server = subprocess.Popen(command, cwd=folder, env=env, stdout=log, stderr=log, start_new_session=True)
    try:
        wait_for(f"{address}/health", server, folder / "server.log")
        yield address
    finally:
        stop(server)
