"""A page to play with: draw, and see what the trained networks make of it, layer by layer.

    python -m stages.play [--port 8000] [CHECKPOINT ...]

Serves it on this machine alone. The networks are the trained one, with its snapshots, and the checkpoints that are
named, or all that lie beside it.
"""

import socket
from pathlib import Path

import uvicorn

from stages import command, hardware, pipeline, server, variants
from stages.errors import InputError
from stages.params import load_section

HOST = "127.0.0.1"


def main(*checkpoints: Path, port: int = 8000) -> None:
    compute = load_section("compute")
    hardware.prepare(compute)
    at = pipeline.paths_of("train", "delimit")
    trained, learnt = at["train"], at["delimit"]
    # The port first: loading networks takes a while.
    with listen(port) as listener:
        found = variants.find(
            trained["checkpoint"], learnt["surroundings"], trained["snapshots"], trained["split"], checkpoints
        )
        config = uvicorn.Config(server.app(found, compute.threads), log_level="warning")
        names = ", ".join(variant.name for variant in found)
        print(f"http://{HOST}:{listener.getsockname()[1]} shows {names}; Ctrl-C ends it", flush=True)
        uvicorn.Server(config).run(sockets=[listener])


def listen(port: int) -> socket.socket:
    """A socket on loopback, where callers wait to be served. Raises InputError where the port cannot be had."""
    # With the protocol named: only then asyncio sends the end of an answer at once, and not up to 40 ms later.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen()
    except (OSError, OverflowError) as error:
        listener.close()
        raise InputError(f"port {port} cannot be had ({error}); choose another: make demo DEMO_PORT=8001") from None
    return listener


if __name__ == "__main__":
    command.run(main)
