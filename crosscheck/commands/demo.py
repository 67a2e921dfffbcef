"""Opens a page to draw on, and shows what the trained networks make of the drawing, layer by layer.

    python -m crosscheck demo [--port 8000] [CHECKPOINT ...]

The page is for the browser, and for this machine alone. It shows the trained network with its snapshots, and the
checkpoints that are named; if none is named, all checkpoints in the same folder. Ctrl-C stops it.
"""

import http.client
import json
import socket
from contextlib import suppress
from pathlib import Path

import uvicorn

from crosscheck.app import networks, server
from crosscheck.core import devices
from crosscheck.core.errors import InputError
from crosscheck.core.params import load_section
from crosscheck.explain import attributions
from crosscheck.pipeline import paths

HOST = "127.0.0.1"
# Of the answer of whatever holds the port.
MOST_BYTES = 2**20


def main(*checkpoints: Path, port: int = 8000) -> None:
    compute = load_section("compute")
    devices.prepare_for_reading(compute)
    at = paths.read_paths_by_stage("train", "fit_ood")
    trained, learnt = at["train"], at["fit_ood"]
    # The port first: loading networks takes a while.
    with listen(port) as listener:
        found = networks.find(
            trained["checkpoint"], learnt["detector"], trained["snapshots"], trained["split"], checkpoints
        )
        page = server.app(found, compute.threads, attributions.occlude)
        names = ", ".join(variant.name for variant in found)
        print(f"http://{HOST}:{listener.getsockname()[1]} shows {names}; Ctrl-C stops it", flush=True)
        # The server shuts down by itself on Ctrl-C, and then hands it on.
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(page, log_level="warning")).run(sockets=[listener])


def listen(port: int) -> socket.socket:
    """A listening socket on loopback. Raises InputError where the port cannot be used."""
    # With the protocol named: only then asyncio sends the end of an answer at once, and not up to 40 ms later.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        other = f"choose another port: make demo DEMO_PORT={port + 1 if 1023 < port < 65535 else 8001}"
        if shown := networks_at(port):
            raise InputError(f"a demo runs at http://{HOST}:{port} and shows {shown}; open it, or {other}") from None
        reason = error.strerror if isinstance(error, OSError) else "ports go from 0 to 65535"
        raise InputError(f"port {port} cannot be used ({reason}); {other}") from None
    return listener


def networks_at(port: int) -> str:
    """The names of the networks that a demo on this port shows; empty where no demo answers."""
    connection = http.client.HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/networks")
        found = json.loads(connection.getresponse().read(MOST_BYTES))
        return ", ".join(network["name"] for network in found["networks"])
    except (OSError, OverflowError, http.client.HTTPException, ValueError, LookupError, TypeError):
        return ""
    finally:
        connection.close()
