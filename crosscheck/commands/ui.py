"""Opens MLflow's pages on this machine, and prints the address of the list of runs.

    python -m crosscheck ui [--port 5000]

Says what is missing, and lets a database follow its project to another folder.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

from crosscheck.core import addresses
from crosscheck.core.errors import InputError
from crosscheck.tracking import experiment, store
from crosscheck.tracking.outages import explained

HOST = "127.0.0.1"
# One worker is enough for one user, and jobs are for language models. Both cost seconds and hundreds of MB.
COMMAND = [sys.executable, "-m", "mlflow", "ui", "--host", HOST, "--workers", "1"]
SETTINGS = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
CHOOSE = "Choose 'Model training' at the top left once: MLflow then stays with runs, and away from language models."
BETWEEN_LOOKS, ANSWER_SECONDS = 0.25, 10


def main(port: int = 5000) -> None:
    address = store.uri()
    if address.startswith(("http:", "https:")):
        print(
            f"MLFLOW_TRACKING_URI is a server, which has its own UI: open {store.shown_uri()}, "
            f"the experiment {store.experiment_name()!r}, 'Training runs'"
        )
        return
    file = addresses.sqlite_file(address)
    if file is not None and not file.exists():
        raise InputError(f"{file}: nothing is recorded yet; run `make repro` first")
    with explained("cannot be shown"):
        store.prepare()
    check_port(port)
    # The address may hold a password, so it is no word of the command, which others can see. `prepare` has set in the
    # environment what keeps MLflow from telling others.
    serve(port, {**SETTINGS, **os.environ, "MLFLOW_BACKEND_STORE_URI": address})


def check_port(port: int) -> None:
    """Raise InputError where the port cannot be had."""
    if not 1 <= port <= 65535:
        raise InputError(f"port {port} cannot be used (ports go from 1 to 65535); choose another: make ui PORT=5001")
    with socket.socket() as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((HOST, port))
        except OSError as error:
            other = port + 1 if 1023 < port < 65535 else 5001
            raise InputError(
                f"port {port} cannot be used ({error.strerror}); choose another: make ui PORT={other}"
            ) from None


def serve(port: int, env: Mapping[str, str]) -> None:
    """Run MLflow's server until it ends, or until Ctrl-C. It does not hear that itself: it would print a traceback."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    server = subprocess.Popen([*COMMAND, "--port", str(port)], env=env, process_group=0)
    try:
        if found := wait_for_runs(server, f"http://{HOST}:{port}"):
            print("", *found, sep="\n", flush=True)
        status = server.wait()
    except KeyboardInterrupt:
        return
    finally:
        with suppress(ProcessLookupError):
            os.killpg(server.pid, signal.SIGTERM)
        server.wait()
    if status:
        raise InputError(f"MLflow's server ended with status {status}, for the reason above")


def wait_for_runs(server: subprocess.Popen[bytes], pages: str) -> list[str]:
    """Lines that say where the runs are, once `server` answers; none where it ends before that."""
    while server.poll() is None:
        try:
            with ask(f"{pages}/health"):
                return address_lines(pages)
        except OSError:
            time.sleep(BETWEEN_LOOKS)
    return []


def address_lines(pages: str) -> list[str]:
    """The addresses of the list of this experiment's runs; of all experiments where this one is not there."""
    name = quote(store.experiment_name(), safe="")
    try:
        with ask(f"{pages}/api/2.0/mlflow/experiments/get-by-name?experiment_name={name}") as answer:
            found = json.load(answer)["experiment"]
    except urllib.error.HTTPError:
        return [f"All experiments: {pages}"]
    # Without the workflow MLflow shows its pages for language models.
    runs = f"{pages}/#/experiments/{found['experiment_id']}/runs?workflowType=machine_learning"
    has_view = any(tag["key"] == experiment.VIEW_TAG for tag in found.get("tags", []))
    view = [f"Accuracy and baselines of the runs: {runs}&viewStateShareKey={experiment.VIEW}"] if has_view else []
    return [CHOOSE, *view, f"The runs: {runs}"]


def ask(address: str) -> http.client.HTTPResponse:
    """The answer of the server on this machine. Raises OSError where there is none, or not a good one."""
    opened: http.client.HTTPResponse = urllib.request.urlopen(address, timeout=ANSWER_SECONDS)  # noqa: S310
    return opened
